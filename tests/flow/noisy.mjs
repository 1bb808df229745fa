// A noisy bot beside a quiet one: a thousand waiting conversations of the first do not hold the second up.
import assert from 'node:assert/strict';
import { awake, bot, flow, until } from './rig.mjs';
import { write } from './load.mjs';

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
	const gateway = await rig.start('g', { role: 'gateway' });
	const [loud, calm] = [rig.feed(gateway.door, { bot: 'loud' }), rig.feed(gateway.door, { bot: 'calm' })];
	const ids = [];
	while (ids.length < CROWD) { // some at a time: a door that is busy for seconds turns people away
		ids.push(...await Promise.all(Array.from({ length: 50 }, async (_, i) => {
			const { id } = await write(() => gateway.door, 'loud', `客人${ids.length + i}`, '请登记一下');
			return id;
		})));
	}
	const { id } = await write(() => gateway.door, 'calm', '小王', '请登记一下');
	await rig.start('a', { role: 'agents' });
	const began = awake();
	const shares = [];
	const reply = await until(async () => {
		shares.push(await pending(rig, 'loud'));
		return calm.answered(id)[0];
	}, 20_000, 'the quiet bot to answer');
	const before = loud.replies.filter((one) => one.at < reply.at).length;
	const delayed = awake() - began - TURN_MS;
	t.diagnostic(`${CROWD} conversations waited, ${Math.max(...shares)} turns ran; the quiet bot was ${Math.round(delayed)} ms late, behind ${before}`);
	assert.ok(before < CROWD / 2, `behind ${before} of the other bot, all of whom had asked before`);
	assert.ok(Math.max(...shares) <= SLOTS / 2, `${Math.max(...shares)} turns of one bot`);
	await loud.untilAnswered(ids, 60_000);
	assert.ok(ids.every((one) => loud.answered(one).length === 1));
});
