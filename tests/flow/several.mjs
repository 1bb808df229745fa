// Several processes of each role on one data folder: messages through any door, answers at every door.
import assert from 'node:assert/strict';
import { flow, until } from './rig.mjs';
import { checkAnswers, ids, names, talk } from './load.mjs';

function checkEnd(end, who) {
	assert.deepEqual([end.code, end.signal], [0, null], who);
	assert.ok(end.ms < 10_000, `${who} took ${Math.round(end.ms)} ms to end`);
}

flow('two gateways and two agents: any door, one order, one answer each, also while one of each leaves', {
	scale: 2, script: [{ match: '*', text: '登记好了。', chunks: 2, delay_ms: 40 }],
}, async (rig) => {
	const [g1, g2] = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
	const [a1, a2] = [await rig.start('a1', { role: 'agents' }), await rig.start('a2', { role: 'agents' })];
	const [left, right] = [rig.feed(g1.door), rig.feed(g2.door)];
	let ends;
	const open = [g1.door, g2.door];
	const written = await talk({
		doors: open, senders: names(8), each: 14, pause: 10,
		progress: async (count) => {
			if (count === 50) {
				await until(() => right.replies.length > 0, 10_000, 'the second gateway to show answers too');
				ends = Promise.all([g2.stop(), a1.stop()]);
				open.pop();
			}
		},
	});
	for (const [i, end] of (await ends).entries()) {
		checkEnd(end, ['g2', 'a1'][i]);
	}
	await left.untilAnswered(ids(written), 20_000);
	checkAnswers(left, written);
	await g2.start();
	await right.untilAnswered(ids(written), 20_000);
	checkAnswers(right, written);
	assert.deepEqual(right.replies.map((e) => e.id), left.replies.map((e) => e.id), 'both feeds are one');
	checkEnd(await g1.stop(), 'g1');
	checkEnd(await a2.stop(), 'a2');
});

flow('a lonely gateway hands its links and its Redis over: the next one goes on', { scale: 2 }, async (rig) => {
	const g1 = await rig.start('g1', { role: 'gateway' });
	const a1 = await rig.start('a1', { role: 'agents' });
	const g2 = await rig.start('g2', { role: 'gateway' });
	const watch = rig.feed(g2.door);
	const first = await talk({ doors: [g1.door, g2.door], senders: names(3), each: 3 });
	await watch.untilAnswered(ids(first), 10_000);
	const owned = async () => (await g1.metric('links_owned')) + (await g2.metric('links_owned'));
	await until(async () => (await owned()) === 1, 5000, 'one owner');
	checkEnd(await g1.stop(), 'g1');
	const second = await talk({ doors: [g2.door], senders: names(3), each: 3 });
	await watch.untilAnswered(ids(second), 10_000);
	checkAnswers(watch, [...first, ...second]);
	await until(async () => (await g2.metric('links_owned')) === 1, 3000, 'the link to move');
	checkEnd(await a1.stop(), 'a1');
});
