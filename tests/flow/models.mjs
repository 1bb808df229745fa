// Models over HTTP: the real binary between the browser's group and a stand-in vendor.
import assert from 'node:assert/strict';
import { bot, flow, until } from './rig.mjs';
import { Gate, endpoint, settled, usage, vendor } from './vendors.mjs';

const QUESTION = '周末可以带宠物狗来聚餐吗，要不要提前说一声？';

// Clocks run as they do in the field: no turn is given up, and asked again, because the machine stands still for a moment.
const REAL = { scale: 1 };

async function group(rig, plan, config, more) {
	const one = await vendor(rig, plan, more);
	rig.writeConfig(config(one));
	const server = await rig.start('all');
	return { one, server, feed: rig.feed(server.door) };
}

async function ask({ server, feed }, text = QUESTION, from = '小王', ms = 15_000) {
	const { id, status } = await server.door.post('xiaoman', from, text);
	assert.equal(status, 202);
	return (await feed.replyTo(id, ms)).data;
}

const single = (one) => ({
	models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'], scope: 'chat' })],
});

flow('a vendor answers: streamed, labelled, counted, with a footnote and its price', REAL, async (rig) => {
	const seen = new Gate();
	const world = await group(rig, () => ({ text: '可以的，请提前打电话说一声。', chunks: 14, held: (i) => seen.lets(i, 14) }),
		single);
	world.feed.event((e) => e.event === 'delta', 10_000, 'it to grow before their eyes').then(seen.open, () => {});
	const reply = await ask(world);
	assert.equal(reply.text, '可以的，请提前打电话说一声。');
	assert.match(reply.label, /AI/);
	const [call] = world.one.calls;
	assert.equal(call.path, '/v1/chat/completions');
	assert.equal(call.key, 'key-of-main');
	assert.equal(call.body.model, 'deepseek-flash');
	assert.deepEqual(call.body.thinking, { type: 'disabled' });
	assert.equal(call.body.stream_options.include_usage, true);
	assert.equal(call.body.messages[0].role, 'system');
	assert.ok(call.question.includes(QUESTION));
	const cost = await world.feed.event((e) => e.event === 'usage' && e.data.reply === reply.id);
	assert.deepEqual([cost.data.input, cost.data.output], [call.usage.input, call.usage.output]);
	assert.ok(cost.data.cost.CNY > 0);
	assert.ok(world.feed.of('delta').length > 0, 'it grew before their eyes');
	const total = await settled(rig, 1);
	assert.deepEqual([total.input, total.cached_input, total.output, total.estimated],
		[call.usage.input, call.usage.cached, call.usage.output, 0]);
	const [row] = await usage(rig, 'model,key,chat,user');
	assert.equal(row.model, 'deepseek-flash');
	assert.match(row.key, /^main/);
	assert.ok(!JSON.stringify(row).includes('key-of-main'), 'the key itself is nowhere');
	assert.ok(!world.server.wholeText().includes('key-of-main'), 'nor in the log');
});

flow('each prompt begins with all bytes of the one before, and the vendor bills them as cached', REAL, async (rig) => {
	const world = await group(rig, (call) => ({ text: `第${call.number}答：可以的，请放心。`, chunks: 2 }), single);
	for (let i = 0; i < 8; i++) {
		await ask(world, `第${i}个问题：周末可以带宠物狗来聚餐吗？`);
	}
	const prompts = world.one.calls.map((call) => {
		const list = call.body.messages;
		return { head: JSON.stringify(list.slice(0, -1)).slice(0, -1), whole: call.text };
	});
	for (let i = 1; i < prompts.length; i++) {
		assert.ok(prompts[i].head.startsWith(prompts[i - 1].head), `prompt ${i}`);
	}
	assert.ok(world.one.calls.at(-1).usage.cached > world.one.calls[1].usage.cached);
});

flow('an overloaded vendor: the next one answers, the rows of both are booked', REAL, async (rig) => {
	const busy = await vendor(rig, () => ({ status: 503, headers: { 'content-type': 'application/json' },
		body: '{"error":{"message":"Service unavailable","type":"server_error"}}' }));
	const world = await group(rig, () => ({ text: '我来答。' }), (one) => ({
		models: { main: endpoint(busy), second: endpoint(one, { provider: 'qwen', model: 'qwen3.6-flash', api_key: 'k2' }) },
		bots: [bot('xiaoman', { models: ['main', 'second'] })],
	}));
	assert.equal((await ask(world)).text, '我来答。');
	assert.ok(busy.calls.length >= 1 && busy.calls.length <= 2);
	const rows = await until(async () => {
		const all = await usage(rig, 'model');
		return all.length === 2 && all;
	}, 5000, 'rows of both');
	assert.equal(rows.find((row) => row.model === 'qwen3.6-flash').calls, 1);
});

flow('an empty account is asked once, then left alone', REAL, async (rig) => {
	const broke = await vendor(rig, () => ({ status: 402, headers: { 'content-type': 'application/json' },
		body: '{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}' }));
	const world = await group(rig, () => ({ text: '我来答。' }), (one) => ({
		models: { main: endpoint(broke), second: endpoint(one, { provider: 'openai', model: 'gpt-6.1-terra', api_key: 'k2',
			region: 'mainland' }) },
		usd_cny: 7.2,
		bots: [bot('xiaoman', { models: ['main', 'second'] })],
	}));
	for (let i = 0; i < 4; i++) {
		assert.equal((await ask(world, `第${i}次问：能带宠物狗来吗？`)).text, '我来答。');
	}
	assert.equal(broke.calls.length, 1);
	assert.match(world.server.text(), /balance|account is empty/);
});

flow('a rate limit that names its wait is waited for', REAL, async (rig) => {
	const world = await group(rig, (call) => (call.number === 0
		? { status: 429, headers: { 'content-type': 'application/json', 'retry-after': '1' },
			body: '{"error":{"message":"Rate limit reached","type":"rate_limit_error","code":"rate_limit_exceeded"}}' }
		: { text: '轮到了。' }), single);
	assert.equal((await ask(world)).text, '轮到了。');
	assert.equal(world.one.calls.length, 2);
	assert.ok(world.one.calls[1].at - world.one.calls[0].at >= 950);
});

flow('a stream that breaks after its first words is finished with a notice, never begun anew', REAL, async (rig) => {
	const world = await group(rig, () => ({ text: '先说一半然后就断了', chunks: 6, cut_after: 3, end: 'cut', delay_ms: 30 }),
		single);
	const reply = await ask(world);
	assert.match(reply.text, /^先说一半/);
	assert.match(reply.text, /中断/);
	assert.equal(world.one.calls.length, 1);
	const total = await settled(rig, 1);
	assert.equal(total.estimated, 1);
});

flow('a vendor that tells no usage is booked at an estimate', REAL, async (rig) => {
	const world = await group(rig, () => ({ text: '可以的。', usage: null }), single);
	await ask(world);
	const total = await settled(rig, 1);
	assert.equal(total.estimated, 1);
	assert.ok(total.input > 100 && total.output > 0 && total.CNY > 0);
});

flow('nothing but errors: the handbook answers and says so', REAL, async (rig) => {
	const world = await group(rig, () => ({ status: 500, body: 'oops', headers: { 'content-type': 'text/plain' } }), single);
	const reply = await ask(world);
	assert.ok(reply.text.length > 0);
	assert.equal(reply.label ?? null, null, 'no AI label on a quote');
	assert.ok(world.one.calls.length <= 2);
});

flow('the Anthropic wire form answers as well', REAL, async (rig) => {
	const world = await group(rig, () => ({ text: '当然可以。', chunks: 3 }), (one) => ({
		models: { main: { provider: 'anthropic', model: 'claude-haiku-5-5', api_key: 'k', base_url: one.url.replace(/\/v1$/, ''),
			region: 'mainland' } },
		usd_cny: 7.2,
		bots: [bot('xiaoman', { models: ['main'] })],
	}));
	const reply = await ask(world);
	assert.equal(reply.text, '当然可以。');
	assert.match(world.one.calls[0].path, /\/v1\/messages$/);
	assert.equal(world.one.calls[0].headers['x-api-key'], 'k');
	const total = await settled(rig, 1);
	assert.deepEqual([total.input, total.output], [world.one.calls[0].usage.input, world.one.calls[0].usage.output]);
});

flow('an FAQ answer asks nobody and is counted as saved', REAL, async (rig) => {
	const world = await group(rig, () => ({ text: '不会问到我。' }), single);
	const reply = await ask(world, '几点开门');
	assert.match(reply.text, /11:00/);
	assert.equal(world.one.calls.length, 0);
	const row = await until(async () => (await usage(rig, 'bot'))[0], 5000, 'a row');
	assert.equal(row.calls, 0);
	assert.ok(row.saved > 100);
});
