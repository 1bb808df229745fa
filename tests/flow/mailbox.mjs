// A conversation holds 200 messages: the next one is refused politely, once, and there is room again afterwards.
import assert from 'node:assert/strict';
import { bot, flow } from './rig.mjs';
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
