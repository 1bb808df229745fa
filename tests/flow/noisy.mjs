// A noisy bot beside a quiet one: a thousand waiting conversations of the first delay the second by less than a second.
import assert from 'node:assert/strict';
import { bot, flow, until } from './rig.mjs';

const TURN_MS = 600;
const SLOTS = 8192; // turns at once in a process
const CROWD = 1000;

// Conversations of a bot that a worker has now.
async function pending(rig, name) {
	const lists = await Promise.all(Array.from({ length: 16 }, (_, p) => rig.redis('SMEMBERS', `qg:{${p}}:pend`)));
	return lists.flat().filter((conversation) => conversation.startsWith(`${name}/`)).length;
}

flow('a thousand waiting conversations of one bot do not hold another bot up', {
	scale: 1,
	ms: 90_000,
	config: { bots: [bot('loud'), bot('calm')], connections_per_address: 1000 },
	script: [{ match: '*', text: '好的，登记了。', chunks: 3, delay_ms: TURN_MS / 2 }],
}, async (rig, t) => {
	const p = await rig.start('p');
	const [loud, calm] = [rig.feed(p.door, { bot: 'loud' }), rig.feed(p.door, { bot: 'calm' })];
	const ids = await Promise.all(Array.from({ length: CROWD }, async (_, i) => {
		const answer = await p.door.post('loud', `客人${i}`, '请登记一下');
		assert.equal(answer.status, 202, answer.body);
		return answer.id;
	}));
	const waiting = CROWD - loud.replies.length;
	const asked = performance.now();
	const { id } = await p.door.post('calm', '小王', '请登记一下');
	const shares = [];
	const reply = await until(async () => {
		shares.push(await pending(rig, 'loud'));
		return calm.answered(id)[0];
	}, 20_000, 'the quiet bot to answer');
	const delayed = reply.at - asked - TURN_MS;
	t.diagnostic(`${waiting} conversations waited, ${Math.max(...shares)} turns ran; the quiet bot was ${Math.round(delayed)} ms late`);
	assert.ok(waiting > CROWD / 3, `only ${waiting} conversations waited`);
	assert.ok(delayed < 1000, `late by ${delayed} ms`);
	assert.ok(Math.max(...shares) <= SLOTS / 2, `${Math.max(...shares)} turns of one bot`);
	await loud.untilAnswered(ids, 60_000);
	assert.ok(ids.every((one) => loud.answered(one).length === 1));
});
