// SIGTERM while turns run: what can end ends, what cannot is given back and answered by the next process.
import assert from 'node:assert/strict';
import { bot, delay, flow, until } from './rig.mjs';
import { Gate, endpoint, vendor } from './vendors.mjs';

const WHOLE = '一二三四五六七八九十';
const SLOW = '这件事很慢';
const QUICK = '这件事稍慢';

// A model that has said half of an answer when the signal comes. finish: a short one may end then; slow ones never do.
async function model(rig) {
	const [finish, never] = [new Gate(), new Gate()];
	const one = await vendor(rig, (call) => ({
		text: WHOLE, chunks: 10, held: (i) => (call.question.includes(SLOW) ? never : finish).lets(i, 10),
	}));
	rig.writeConfig({ models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'] })] });
	return { finish, one };
}

function checkEnd(end) {
	assert.deepEqual([end.code, end.signal], [0, null]);
	assert.ok(end.ms < 10_000, `took ${Math.round(end.ms)} ms`);
}

async function ask(rig, gateway, sender, text) {
	const answer = await gateway.door.post('xiaoman', sender, text);
	assert.equal(answer.status, 202);
	return answer.id;
}

// Clocks run as they do in the field: turns must not be given up because the machine stands still for a moment.
const REAL = { scale: 1 };

flow('an agents process: a turn that ends soon ends, one that does not is given back', REAL, async (rig) => {
	const { finish, one } = await model(rig);
	const gateway = await rig.start('g', { role: 'gateway' });
	const first = await rig.start('a1', { role: 'agents' });
	const watch = rig.feed(gateway.door);
	const short = await ask(rig, gateway, '小王', QUICK);
	const long = await ask(rig, gateway, '小李', SLOW);
	await watch.event((e) => e.event === 'delta' && e.data.answers.includes(long));
	await watch.event((e) => e.event === 'delta' && e.data.answers.includes(short));
	const end = first.stop();
	await delay(500); // it is given some seconds of the eight
	finish.open();
	assert.equal((await watch.replyTo(short)).data.text, WHOLE);
	checkEnd(await end);
	assert.equal(watch.answered(long).length, 0);
	one.plan = () => ({ text: '现在快了。' });
	const second = await rig.start('a2', { role: 'agents' });
	assert.equal((await watch.replyTo(long, 10_000)).data.text, '现在快了。');
	assert.equal(watch.answered(short).length, 1);
	assert.equal(watch.answered(long).length, 1);
	assert.equal(watch.replies.length, 2, 'no apology, nothing twice');
	checkEnd(await second.stop());
});

flow('one process with both roles: the answer of a turn under way is in the feed before the end', REAL, async (rig) => {
	const { finish } = await model(rig);
	const p = await rig.start('p');
	const watch = rig.feed(p.door);
	const short = await ask(rig, p, '小王', QUICK);
	await watch.event((e) => e.event === 'delta');
	const ended = p.stop();
	await until(async () => (await p.door.readiness()) === 503, 2000, 'readiness to say 503');
	finish.open();
	checkEnd(await ended);
	assert.equal(watch.answered(short).length, 1, 'seen by who was looking on');
	await p.start();
	const again = rig.feed(p.door);
	const id = await ask(rig, p, '小王', '还在吗，请登记');
	await again.replyTo(id);
	assert.equal(again.answered(short).length, 1);
	assert.equal(again.replies.length, 2);
});

flow('what is posted while a process drains is refused or kept, never lost', REAL, async (rig) => {
	const { finish } = await model(rig);
	const p = await rig.start('p');
	const watch = rig.feed(() => p.door);
	await ask(rig, p, '小王', QUICK);
	await watch.event((e) => e.event === 'delta');
	const kept = [];
	let ended = false;
	let posts = 0;
	const end = p.stop().finally(() => { ended = true; });
	while (!ended) {
		const answer = await p.door.post('xiaoman', `员工${kept.length}`, '请登记', { ms: 2000 });
		assert.ok([202, 503, 0].includes(answer.status), String(answer.status));
		if (answer.status === 202) {
			kept.push(answer.id);
		}
		if (++posts === 100) {
			finish.open();
		}
		await delay(10);
	}
	checkEnd(await end);
	finish.open(); // where the end came first: what was given back is said by the next one
	await p.start();
	await watch.untilAnswered(kept, 15_000);
	assert.ok(kept.every((id) => watch.answered(id).length === 1));
});
