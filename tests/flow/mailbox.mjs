// What waits in a conversation: 200 messages and no more, and a turn over several of them that fails.
import assert from 'node:assert/strict';
import { bot, flow, until } from './rig.mjs';
import { Gate, endpoint, vendor } from './vendors.mjs';

const ROOM = 200;

flow('the 201st waiting message is refused once; later it works again', { scale: 1 }, async (rig) => {
	const full = new Gate();
	const one = await vendor(rig, () => ({ text: '登记好了。', chunks: 5, held: (i) => full.lets(i, 5) }));
	rig.writeConfig({ models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'] })] });
	const p = await rig.start('p');
	const watch = rig.feed(p.door);
	const post = async (text, from = '小王') => {
		const answer = await p.door.post('xiaoman', from, text);
		assert.equal(answer.status, 202, answer.body);
		return answer.id;
	};
	const taken = [await post('这件事慢一点')];
	await watch.event((e) => e.event === 'delta');
	for (let i = 1; i < ROOM; i++) {
		taken.push(await post(`第 ${i} 件，请登记`));
	}
	const refused = [await post('第 201 件，请登记'), await post('第 202 件，请登记'), await post('第 203 件，请登记')];
	const line = await watch.replyTo(refused[0]);
	assert.match(line.data.text, /没有收下/);
	assert.equal(line.data.label, null);
	assert.equal(watch.answered(taken[0]).length, 0, 'the first turn still runs');
	full.open();
	const other = await post('请登记', '小李');
	await watch.replyTo(other);
	assert.ok(refused.every((id) => watch.of('message').some((e) => e.data.id === id)), 'the group sees them all the same');

	await watch.untilAnswered(taken, 30_000);
	const order = watch.replies.flatMap((e) => e.data.answers).filter((id) => taken.includes(id));
	assert.deepEqual(order, taken);
	const again = await post('再登记一件');
	assert.equal((await watch.replyTo(again)).data.text, '登记好了。');
	assert.equal(watch.answered(refused[0]).length, 1);
	assert.equal(watch.answered(refused[1]).length + watch.answered(refused[2]).length, 0, 'said once');
	assert.equal(await p.metric('messages_refused_total', { bot: 'xiaoman' }), 3);
});

flow('messages merged into one turn that fails: they are tried one by one, and only the bad one is given up', {
	script: [{ match: '坏', text: '', fail: 'request' }, { match: '*', text: '登记好了。' }],
}, async (rig) => {
	const gateway = await rig.start('g', { role: 'gateway' });
	const watch = rig.feed(gateway.door);
	const posted = [];
	for (const text of ['第一件，请登记', '坏了，请登记', '第三件，请登记']) {
		posted.push((await gateway.door.post('xiaoman', '小王', text)).id);
	}
	const agents = await rig.start('a', { role: 'agents' });
	const letters = async () => JSON.parse((await rig.verb(['queue', 'dead', '--json'])).out);
	const texts = (id) => watch.answered(id).map((e) => e.data.text);
	let offset = 0;
	await until(async () => {
		rig.setClock(offset += 20_000); // over the waits between two tries
		return (await letters()).length > 0;
	}, 30_000, 'a dead letter');
	await until(() => texts(posted[2]).includes('登记好了。'), 10_000, 'the one behind it');
	const [letter, ...others] = await letters();
	assert.match(letter.text, /坏了/);
	assert.deepEqual(others, []);
	assert.deepEqual(texts(posted[0]), ['登记好了。']);
	assert.equal(texts(posted[1]).filter((text) => /没能答上/.test(text)).length, 1);
	assert.ok(!texts(posted[1]).includes('登记好了。'));
	assert.equal(watch.replies.filter((e) => /再试/.test(e.data.text)).length, 1, 'one apology for all of them');
	assert.match(texts(posted[2])[0], /再试/, 'to the last of them');
	assert.equal(texts(posted[2]).filter((text) => text === '登记好了。').length, 1);
	await agents.stop();
	await gateway.stop();
});
