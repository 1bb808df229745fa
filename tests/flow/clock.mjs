// The wall clock jumps an hour forward and two back while people write: nothing is lost, repeated or taken over.
import assert from 'node:assert/strict';
import { flow } from './rig.mjs';
import { checkAnswers, ids, names, talk } from './load.mjs';

const HOUR = 3600 * 1000;

async function epochs(rig) {
	const rows = await Promise.all(Array.from({ length: 16 }, (_, p) => rig.redis('HGETALL', `qg:{${p}}:lease`)));
	return rows.flat().filter((_, i) => i % 2 === 1).map((row) => row.split(' ').slice(0, 2).join(' '));
}

flow('the wall clock an hour forward and back', {
	scale: 1, // no lease may run out because the machine stands still for a moment
	script: [{ match: '*', text: '登记好了。', chunks: 4, delay_ms: 60 }],
}, async (rig, t) => {
	const g1 = await rig.start('g1', { role: 'gateway' });
	const g2 = await rig.start('g2', { role: 'gateway' });
	const agents = [await rig.start('a1', { role: 'agents' }), await rig.start('a2', { role: 'agents' })];
	const watch = rig.feed(g2.door);
	const first = await talk({ doors: [g1.door, g2.door], senders: names(2), each: 2 });
	await watch.untilAnswered(ids(first), 10_000);
	const before = await epochs(rig);
	const jumps = [HOUR, 0, -HOUR, HOUR, 0];
	let at = 0;
	const second = await talk({
		doors: [g1.door, g2.door], senders: names(6), each: 30, pause: 40,
		progress: (count) => {
			if (count % 30 === 20 && at < jumps.length) {
				rig.setClock(jumps[at++]);
			}
		},
	});
	assert.equal(at, jumps.length);
	const all = [...first, ...second];
	await watch.untilAnswered(ids(all), 20_000);
	checkAnswers(watch, all);
	const times = watch.of('message').map((e) => e.data.time);
	t.diagnostic(`times of messages span ${Math.round((Math.max(...times) - Math.min(...times)) / 60_000)} minutes`);
	assert.ok(Math.max(...times) - Math.min(...times) > HOUR, 'the clock did jump for the processes');
	assert.deepEqual(await epochs(rig), before, 'no link was taken over');
	for (const gateway of [g1, g2]) {
		const metrics = await gateway.metrics();
		assert.equal(metrics.sum('turns_claimed_total'), 0);
		assert.equal(metrics.sum('turns_stale_total'), 0);
		assert.equal(metrics.sum('parts_repeated_total'), 0);
	}
	assert.equal(await g1.metric('links_taken_total') + await g2.metric('links_taken_total'), 1);
	assert.ok(agents.every((one) => one.running));
});
