// wait.mjs - waiting for what will be so, with a limit; time that a slow machine does not shorten; and chance that can be
// repeated.

export function delay(ms) {
	return new Promise((resolve) => {
		setTimeout(resolve, ms);
	});
}

// The time in ms that this process was awake. While the machine stands still, or has no time for us, it has none for the
// program under test either: of such a gap counts no more than of a usual one.
const TICK_MS = 10;
const GAP_MS = 4 * TICK_MS;
const STILL_MS = 500;
let ran = 0;
let ticked = performance.now();
let stills = 0;

function tick() {
	const now = performance.now();
	ran += Math.min(now - ticked, GAP_MS);
	stills += now - ticked > STILL_MS ? 1 : 0;
	ticked = now;
}
setInterval(tick, TICK_MS).unref();

export function awake() {
	tick();
	return ran;
}

// For how long it was not, so far: of use where two of these are subtracted.
export function asleep() {
	return performance.now() - awake();
}

// How often everything stood still for longer than a beat of the scaled clocks.
export function standstills() {
	tick();
	return stills;
}

// A limit says when nothing will come any more, not how quick a machine must be: these so many times slower ones pass.
export const PATIENCE = 4;

// Asks until the answer is true-ish, and gives it back. what: for the message when time is up.
export async function until(ask, ms, what) {
	const answer = await within(ask, ms * PATIENCE);
	if (!answer) {
		throw new Error(`waited ${ms * PATIENCE} ms for ${typeof what === 'function' ? what() : what}`);
	}
	return answer;
}

// The same, where it may well not come to be: then what was answered last.
export async function within(ask, ms) {
	const limit = awake() + ms;
	for (;;) {
		const answer = await ask();
		if (answer || awake() > limit) {
			return answer;
		}
		await delay(15);
	}
}

// Measures until one is below the limit, at most so often, and gives that back: a machine that stands still for a moment
// spoils one of them, a slow program spoils all.
export async function inTime(limit, measure, tries = 5) {
	const all = [];
	while (all.length < tries) {
		all.push(await measure());
		if (all.at(-1) < limit) {
			return all.at(-1);
		}
	}
	throw new Error(`never within ${limit} ms: ${all.map(Math.round).join(', ')}`);
}

// Numbers that look random and are the same for the same seed (mulberry32).
export function seeded(seed) {
	let state = seed >>> 0;
	const next = () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
	return { next, below: (n) => Math.floor(next() * n), pick: (list) => list[Math.floor(next() * list.length)] };
}
