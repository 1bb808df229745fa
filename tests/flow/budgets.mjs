// Budgets over real processes: reserved before a call, settled after it, never exceeded, and people are told.
import assert from 'node:assert/strict';
import { bot, flow, until } from './rig.mjs';
import { endpoint, settled, usage, vendor } from './vendors.mjs';

// A price at which a turn costs about 0.05: the prompt some 2,000 tokens, the answer up to 100.
const PRICE = { input: 10, output: 100, currency: 'CNY' };

function priced(one, more = {}) {
	return endpoint(one, { provider: 'openai', model: 'house', region: 'mainland', price: PRICE, ...more });
}

const small = (budget, more = {}) => bot('xiaoman', { models: ['main'], answer_tokens: 100, budget, ...more });
const question = (i) => `第${i}位客人想问：周末可以带宠物狗来聚餐吗？`;

// How far it is to noon in China: no day ends while its budget is looked at.
const DAY = 24 * 3600 * 1000;
const toNoon = () => 4 * 3600 * 1000 - Date.now() % DAY;

async function spent(rig) {
	return (await usage(rig, 'bot')).reduce((sum, row) => sum + (row.cost.CNY ?? 0), 0);
}

for (const [limit, senders] of [['bot_month', 12], ['chat_day', 12], ['user_day', 1]]) {
	flow(`${limit}: two workers, many at once: the limit holds, then the handbook answers`, {}, async (rig) => {
		const one = await vendor(rig, () => ({ text: '可以的，请提前说一声。', chunks: 2, delay_ms: 40 }));
		rig.writeConfig({ models: { main: priced(one) }, bots: [small({ [limit]: 0.4, at_limit: 'offline' })] });
		rig.setClock(toNoon());
		const gateway = await rig.start('g', { role: 'gateway' });
		await rig.start('a1', { role: 'agents' });
		await rig.start('a2', { role: 'agents' });
		const feed = rig.feed(gateway.door);
		const posts = [];
		for (let i = 0; i < 40; i++) {
			posts.push(await gateway.door.post('xiaoman', `客人${i % senders}`, question(i)));
			if (senders === 1) { // what waits of one sender would make one turn
				await feed.replyTo(posts.at(-1).id, 15_000);
			}
		}
		await feed.untilAnswered(posts.map((post) => post.id), 40_000);
		const delivered = one.calls.filter((call) => call.told).length;
		await settled(rig, delivered);
		const money = await spent(rig);
		assert.ok(money > 0.1, `some of it was spent: ${money}`);
		assert.ok(money <= 0.4, `spent ${money} of 0.4`);
		const quoted = feed.replies.filter((reply) => !reply.data.label);
		assert.ok(quoted.length > 0, 'the rest came from the handbook');
	});
}

flow('cheaper: the smaller model takes over, and the group hears a neutral sentence once', {}, async (rig) => {
	const one = await vendor(rig, () => ({ text: '大模型答。' }));
	const two = await vendor(rig, () => ({ text: '小模型答。' }));
	rig.writeConfig({
		models: { main: priced(one, { tier: 'strong' }),
			small: priced(two, { tier: 'cheap', model: 'tiny', price: { input: 0.01, output: 0.01, currency: 'CNY' } }) },
		bots: [small({ bot_month: 0.12, at_limit: 'cheaper' }, { models: ['main', 'small'], scope: 'chat' })],
	});
	const server = await rig.start('all');
	const feed = rig.feed(server.door);
	const texts = [];
	for (let i = 0; i < 8; i++) {
		const { id } = await server.door.post('xiaoman', '小王', question(i));
		texts.push((await feed.replyTo(id, 15_000)).data.text);
	}
	assert.match(texts[0], /大模型答/);
	assert.match(texts.at(-1), /小模型答/);
	assert.equal(texts.filter((text) => /简单一些/.test(text)).length, 1);
	assert.ok(!texts.some((text) => /0\.12|预算/.test(text)), 'no figures in the group');
});

flow('stop: says so once, and keeps quiet', {}, async (rig) => {
	const one = await vendor(rig, () => ({ text: '可以。' }));
	rig.writeConfig({ models: { main: priced(one) }, bots: [small({ bot_month: 0.08, at_limit: 'stop' }, { scope: 'chat' })] });
	const server = await rig.start('all');
	const feed = rig.feed(server.door);
	for (let i = 0; i < 6; i++) {
		await server.door.post('xiaoman', '小王', question(i));
		await until(async () => (await server.metric('turns_total')) > i, 10_000, `turn ${i}`);
	}
	const stopped = () => feed.replies.filter((reply) => /额度用完/.test(reply.data.text)).length;
	await until(() => stopped() > 0, 10_000, 'it to say so');
	assert.equal(stopped(), 1);
	assert.ok(one.calls.length < 6);
});

flow('a budget of a day begins anew at midnight of the bot, and what was reserved before is settled there', {},
	async (rig) => {
		const one = await vendor(rig, () => ({ text: '可以。' }));
		rig.writeConfig({ models: { main: priced(one) }, bots: [small({ chat_day: 0.08, at_limit: 'offline' })] });
		const noon = toNoon();
		rig.setClock(noon);
		const server = await rig.start('all');
		const feed = rig.feed(server.door);
		const ask = async (i) => {
			const { id } = await server.door.post('xiaoman', '小王', question(i));
			return (await feed.replyTo(id, 15_000)).data;
		};
		for (let i = 0; i < 5; i++) {
			await ask(i);
		}
		assert.equal((await ask(5)).label ?? null, null, 'used up');
		rig.setClock(noon + DAY);
		await until(async () => (await ask(Math.random())).label, 20_000, 'a new day');
	});

flow('a turn may cost no more than its own limit', {}, async (rig) => {
	const one = await vendor(rig, () => ({ text: '可以。' }));
	rig.writeConfig({ models: { main: priced(one) }, bots: [small({ turn: 0.001, at_limit: 'offline' })] });
	const server = await rig.start('all');
	const feed = rig.feed(server.door);
	const { id } = await server.door.post('xiaoman', '小王', question(1));
	assert.equal((await feed.replyTo(id)).data.label ?? null, null);
	assert.equal(one.calls.length, 0);
});

flow('the budget of a customer counts over all its bots', {}, async (rig) => {
	const one = await vendor(rig, () => ({ text: '可以。' }));
	rig.writeConfig({ bots: [bot('other', { models: [] })], models: {} });
	rig.write('bots.d/shop.yaml', JSON.stringify({
		customer: { id: 'shop', name: '小店', budget: { month: 0.2 } },
		models: { main: priced(one) },
		bots: [small({ at_limit: 'offline' }), { ...small({ at_limit: 'offline' }), name: 'second' }],
	}));
	const server = await rig.start('all');
	const [left, right] = [rig.feed(server.door), rig.feed(server.door, { bot: 'second' })];
	for (let i = 0; i < 6; i++) {
		const [a, b] = [await server.door.post('xiaoman', '小王', question(i)), await server.door.post('second', '小李', question(i))];
		await Promise.all([left.replyTo(a.id, 15_000), right.replyTo(b.id, 15_000)]);
	}
	await settled(rig, one.calls.length);
	const money = await spent(rig);
	assert.ok(money > 0.05 && money <= 0.2, `spent ${money} of 0.2`);
	const rows = await usage(rig, 'customer,bot');
	assert.deepEqual(rows.map((row) => row.customer), ['shop', 'shop']);
});
