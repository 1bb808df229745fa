// wait.mjs - waiting for what will be so, with a limit; and chance that can be repeated.

export function delay(ms) {
	return new Promise((resolve) => {
		setTimeout(resolve, ms);
	});
}

// Asks until the answer is true-ish, and gives it back. what: for the message when time is up.
export async function until(ask, ms, what) {
	const limit = performance.now() + ms;
	for (;;) {
		const answer = await ask();
		if (answer) {
			return answer;
		}
		if (performance.now() > limit) {
			throw new Error(`waited ${ms} ms for ${typeof what === 'function' ? what() : what}`);
		}
		await delay(15);
	}
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
