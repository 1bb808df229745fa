// load.mjs - people who write while things break, and what must hold of the answers afterwards.
import assert from 'node:assert/strict';
import { PATIENCE, awake, delay } from './wait.mjs';

const REFUSED = new Set([0, 502, 503]);
let made = 0;

// One message, repeated under one id until it is acknowledged. door(): where to knock this time; post: how long a
// try may take.
export async function write(door, bot, sender, text, { ms = 30_000, wait = 30, post } = {}) {
	const id = `m-${process.pid}-${++made}`;
	const limit = awake() + PATIENCE * ms;
	for (let tries = 1; ; tries++) {
		const answer = await door().post(bot, sender, text, { id, ms: post });
		if (answer.status === 202) {
			assert.equal(answer.id, id);
			return { id, tries, at: performance.now(), sender };
		}
		assert.ok(REFUSED.has(answer.status), `a post got ${answer.status}: ${answer.body}`);
		assert.ok(awake() < limit, `a post is refused for ${PATIENCE * ms} ms: ${answer.status} ${answer.body}`);
		await delay(wait);
	}
}

// Each sender writes its messages one after the other, all senders at once. Doors are taken in turn.
// progress(count) is called after each acknowledgement, and its sender waits for it. Gives back all that was written, in
// order of each sender.
export async function talk({ doors, bot = 'xiaoman', senders, each, pause = 0, progress = () => {}, ms }) {
	const written = [];
	await Promise.all(senders.map(async (sender, s) => {
		for (let i = 1; i <= each; i++) {
			let knock = s + i;
			const door = () => {
				const open = typeof doors === 'function' ? doors() : doors;
				return open[knock++ % open.length];
			};
			written.push(await write(door, bot, sender, `${sender} 的第 ${i} 件，请登记`, { ms }));
			await progress(written.length);
			if (pause > 0) {
				await delay(pause);
			}
		}
	}));
	return written;
}

export function names(count, prefix = '员工') {
	return Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
}

function bySender(written) {
	const lists = new Map();
	for (const one of written) {
		lists.set(one.sender, [...(lists.get(one.sender) ?? []), one.id]);
	}
	return lists;
}

// Ids of messages in the order in which answers to them were first seen.
function arrivals(feed) {
	const seen = new Set();
	for (const reply of feed.replies) {
		for (const id of reply.data.answers) {
			seen.add(id);
		}
	}
	return [...seen];
}

// How often a message was answered again.
export function repeats(feed, written) {
	return written.reduce((sum, { id }) => sum + Math.max(0, feed.answered(id).length - 1), 0);
}

// Nothing acknowledged is lost, and each sender's messages were answered in order of acceptance.
export function checkAnswers(feed, written, { mostRepeats = 0 } = {}) {
	const lost = written.filter(({ id }) => feed.answered(id).length === 0);
	assert.equal(lost.length, 0, `${lost.length} acknowledged messages without an answer`);
	const order = arrivals(feed);
	for (const [sender, ids] of bySender(written)) {
		const own = new Set(ids);
		assert.deepEqual(order.filter((id) => own.has(id)), ids, `order of ${sender}`);
	}
	const again = repeats(feed, written);
	assert.ok(again <= mostRepeats, `${again} messages were answered again, at most ${mostRepeats} may be`);
	return { repeats: again };
}

export const ids = (written) => written.map(({ id }) => id);
