// SIGTERM while turns run: what can end ends, what cannot is given back and answered by the next process.
import assert from 'node:assert/strict';
import { delay, flow, until } from './rig.mjs';

const SCRIPT = [
	{ match: '很慢', text: '一二三四五六七八九十甲乙丙丁', chunks: 14, delay_ms: 1000 },
	{ match: '稍慢', text: '一二三四', chunks: 4, delay_ms: 1000 },
	{ match: '*', text: '好的。' },
];

function checkEnd(end) {
	assert.deepEqual([end.code, end.signal], [0, null]);
	assert.ok(end.ms < 10_000, `took ${Math.round(end.ms)} ms`);
}

async function ask(rig, gateway, sender, text) {
	const answer = await gateway.door.post('xiaoman', sender, text);
	assert.equal(answer.status, 202);
	return answer.id;
}

flow('an agents process: a turn of three seconds ends, one of thirteen is given back', { script: SCRIPT }, async (rig) => {
	const gateway = await rig.start('g', { role: 'gateway' });
	const first = await rig.start('a1', { role: 'agents' });
	const watch = rig.feed(gateway.door);
	const short = await ask(rig, gateway, '小王', '这件事稍慢');
	const long = await ask(rig, gateway, '小李', '这件事很慢');
	await watch.event((e) => e.event === 'delta' && e.data.answers.includes(long));
	await watch.event((e) => e.event === 'delta' && e.data.answers.includes(short));
	const end = first.stop();
	await watch.replyTo(short);
	checkEnd(await end);
	assert.equal(watch.answered(long).length, 0);
	rig.setScript([{ match: '*', text: '现在快了。' }]);
	const second = await rig.start('a2', { role: 'agents' });
	assert.equal((await watch.replyTo(long, 10_000)).data.text, '现在快了。');
	assert.equal(watch.answered(short).length, 1);
	assert.equal(watch.answered(long).length, 1);
	assert.equal(watch.replies.length, 2, 'no apology, nothing twice');
	checkEnd(await second.stop());
});

flow('one process with both roles: the answer of a turn under way is in the feed before the end', { script: SCRIPT }, async (rig) => {
	const p = await rig.start('p');
	const watch = rig.feed(p.door);
	const short = await ask(rig, p, '小王', '这件事稍慢');
	await watch.event((e) => e.event === 'delta');
	const ended = p.stop();
	await until(async () => (await p.door.readiness()) === 503, 2000, 'readiness to say 503');
	checkEnd(await ended);
	assert.equal(watch.answered(short).length, 1, 'seen by who was looking on');
	await p.start();
	const again = rig.feed(p.door);
	const id = await ask(rig, p, '小王', '还在吗，请登记');
	await again.replyTo(id);
	assert.equal(again.answered(short).length, 1);
	assert.equal(again.replies.length, 2);
});

flow('what is posted while a process drains is refused or kept, never lost', { script: SCRIPT }, async (rig) => {
	const p = await rig.start('p');
	const watch = rig.feed(() => p.door);
	await ask(rig, p, '小王', '这件事稍慢');
	await watch.event((e) => e.event === 'delta');
	const kept = [];
	let ended = false;
	const end = p.stop().finally(() => { ended = true; });
	while (!ended) {
		const answer = await p.door.post('xiaoman', `员工${kept.length}`, '请登记', { ms: 2000 });
		assert.ok([202, 503, 0].includes(answer.status), String(answer.status));
		if (answer.status === 202) {
			kept.push(answer.id);
		}
		await delay(10);
	}
	checkEnd(await end);
	await p.start();
	await watch.untilAnswered(kept, 15_000);
	assert.ok(kept.every((id) => watch.answered(id).length === 1));
});
