// Sends to Feishu that are cut short: killed between the call and its bookkeeping, put off, refused. What people see
// stays whole: each part once, in order, in the chat it belongs to.
import assert from 'node:assert/strict';
import { delay, flow, seeded, until } from './rig.mjs';
import { APP, HookPeople, feishu, webhookBot } from './feishu.mjs';
import { Gate, endpoint, vendor } from './vendors.mjs';

const MINUTE = 60_000;
const LONG = Array.from({ length: 1400 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n'); // several parts

// Leases of four seconds: no link changes hands because the machine stands still for a moment.
const CALM = { scale: 2 };

function scripted(platform, more = {}) {
	return {
		bots: [webhookBot(platform, { models: ['script'], usage_footnote: 'off', ...more })],
		models: { script: { provider: 'scripted', script: './script.yaml' } },
	};
}

const posts = (platform) => platform.calls.filter((call) => /im\/v1\/messages(\/[^/]+\/reply)?$/.test(call.path) && call.method === 'POST');
const repeats = (platform) => posts(platform).filter((call) => call.repeated);

// Answers go as messages here: the app may not make cards, which have tests of their own.
const NO_CARDS = { apps: [{ ...APP, scopes: new Set(['im:message', 'im:resource', 'im:chat:readonly']) }] };

async function two(rig, options = {}, more = {}) {
	const platform = await feishu(rig, { ...NO_CARDS, ...options });
	rig.writeConfig(scripted(platform, more));
	const gateways = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
	await rig.start('a1', { role: 'agents' });
	const alive = [...gateways];
	const people = new HookPeople(rig, platform, () => alive);
	await people.ask('@bot 先来一句', { chat_id: 'oc_first' });
	const owner = (await gateways[0].metric('links_owned')) > 0 ? gateways[0] : gateways[1];
	return { platform, people, alive, owner, other: gateways.find((one) => one !== owner) };
}

function expectOnce(platform, people, ids) {
	for (const id of ids) {
		assert.equal(people.answers(id).length, 1, `one answer to ${id}`);
	}
	const uuids = platform.messages.map((message) => message.uuid);
	assert.equal(new Set(uuids).size, uuids.length, 'each uuid posted once');
}

for (const how of ['received and not worked on', 'posted and not heard of']) {
	flow(`the owner dies while a send is ${how}: the next one sends it under the same uuid`, CALM, async (rig) => {
		const { platform, people, alive, owner, other } = await two(rig);
		const before = posts(platform).length;
		platform.fault({ path: /reply/, hang: how.startsWith('posted') ? 'after' : 'before' });
		const id = await people.say('@bot 请登记', { chat_id: 'oc_kill' });
		const behind = await people.say('@bot 还有一位', { chat_id: 'oc_kill', sender: 'ou_second' });
		await until(() => posts(platform).length > before && posts(platform).at(-1).path.includes(id), 10_000, 'the call');
		alive.splice(alive.indexOf(owner), 1);
		await owner.kill();
		await people.answer(behind, 20_000);
		expectOnce(platform, people, [id, behind]);
		const chat = platform.messages.filter((message) => message.chat_id === 'oc_kill').map((message) => message.reply_to);
		assert.deepEqual(chat, [id, behind], 'in order');
		const uuids = posts(platform).filter((call) => call.path.includes(id)).map((call) => JSON.parse(call.raw).uuid);
		assert.equal(uuids.length, 2);
		assert.equal(uuids[0], uuids[1]);
		assert.ok(await other.metric('parts_repeated_total') >= 1); // more where the Redis of the dead one ends under its first try
		assert.equal(repeats(platform).length, how.startsWith('posted') ? 1 : 0);
	});
}

flow('the owner dies in the middle of a reply of several parts: no part is missing, none comes twice', {
	...CALM, script: [{ match: '长', text: LONG }, { match: '*', text: '好的，收到。' }],
}, async (rig) => {
	const { platform, people, alive, owner } = await two(rig);
	platform.fault({ path: /reply/, chat_id: 'oc_long', skip: 1, hang: 'after' });
	const id = await people.say('@bot 请念长的', { chat_id: 'oc_long' });
	await until(() => people.answers(id).length === 2, 10_000, 'the second part');
	alive.splice(alive.indexOf(owner), 1);
	await owner.kill();
	const behind = await people.say('@bot 好了吗', { chat_id: 'oc_long' });
	await people.answer(behind, 20_000);
	const parts = people.answers(id);
	assert.ok(parts.length >= 4);
	assert.equal(parts.map((part) => part.text.replace(/\n*AI 生成$/, '')).join('').replace(/^\n/, ''), LONG);
	assert.match(parts.at(-1).text, /AI 生成$/);
	assert.ok(parts.slice(0, -1).every((part) => !part.text.includes('AI 生成')), 'the label is under the last part only');
	assert.equal(platform.messages.filter((message) => message.chat_id === 'oc_long').at(-1).reply_to, behind);
	assert.equal(new Set(parts.map((part) => part.uuid)).size, parts.length);
	assert.equal(repeats(platform).length, 1);
});

flow('the owner stands still in the middle of a send and wakes up later: order and number stay right', CALM, async (rig) => {
	const { platform, people, alive, owner } = await two(rig);
	platform.fault({ path: /reply/, delay: 400 });
	const ids = [await people.say('@bot 一', { chat_id: 'oc_still' })];
	await until(() => platform.calls.some((call) => call.path.includes(ids[0])), 10_000, 'the call');
	owner.pause();
	alive.splice(alive.indexOf(owner), 1);
	ids.push(await people.say('@bot 二', { chat_id: 'oc_still', sender: 'ou_2' }));
	ids.push(await people.say('@bot 三', { chat_id: 'oc_still', sender: 'ou_3' }));
	await people.answer(ids[2], 20_000);
	owner.resume();
	alive.push(owner);
	await until(async () => (await owner.metric('links_owned')) === 0, 10_000, 'it to see the newer epoch');
	ids.push(await people.say('@bot 四', { chat_id: 'oc_still', sender: 'ou_4' }));
	await people.answer(ids[3], 20_000);
	const order = platform.messages.filter((message) => message.chat_id === 'oc_still').map((message) => message.reply_to);
	assert.deepEqual(order, ids);
});

flow('an answer whose landing was not heard of, to a question that is withdrawn then: no second one', {}, async (rig) => {
	const platform = await feishu(rig, NO_CARDS);
	rig.writeConfig(scripted(platform));
	const server = await rig.start('all');
	const people = new HookPeople(rig, platform, [server]);
	// twice, for the client itself asks again where a kept connection dies without a byte
	platform.fault({ path: /reply/, times: 2, reset: 'after' });
	const id = await people.say('@bot 请登记', { chat_id: 'oc_withdrawn' });
	await people.answer(id);
	platform.recall(id);
	await until(() => platform.calls.some((call) => call.answer?.code === 230011), 20_000, 'the next try');
	await people.ask('@bot 还在吗', { chat_id: 'oc_withdrawn' });
	assert.equal(platform.messages.filter((message) => message.chat_id === 'oc_withdrawn').length, 2);
	assert.equal(await server.metric('replies_dead_total'), 0);
});

flow('beyond the hour in which the platform knows a uuid a part may come twice, and is counted', {}, async (rig) => {
	let offset = 0;
	const platform = await feishu(rig, { ...NO_CARDS, now: () => Date.now() + offset });
	rig.writeConfig(scripted(platform));
	const g1 = await rig.start('g1', { role: 'gateway' });
	await rig.start('a1', { role: 'agents' });
	const people = new HookPeople(rig, platform, [g1]);
	platform.fault({ path: /reply/, hang: 'after' });
	const id = await people.say('@bot 请登记');
	await people.answer(id);
	await g1.kill();
	offset = 61 * MINUTE;
	rig.setClock(offset);
	await g1.start();
	await until(() => people.answers(id).length === 2, 20_000, 'the repeat');
	const [one, again] = people.answers(id);
	assert.equal(one.uuid, again.uuid);
	await people.ask('@bot 还在吗');
	assert.equal(people.answers(id).length, 2);
	// The Redis of the one that was killed may end under the new one's first try: that one is counted too.
	assert.ok(await g1.metric('parts_repeated_total') >= 1);
});

flow('owners die again and again under load: each answer once, in order', { ms: 120_000 }, async (rig, t) => {
	const random = seeded(Number(process.env.QUNGONG_FLOW_SEED ?? 7));
	const { platform, people, alive, owner, other } = await two(rig);
	const gateways = [owner, other];
	const asked = new Map();
	let more = true;
	const killer = (async () => {
		for (let i = 0; i < 6; i++) {
			const kinds = [{ hang: 'after' }, { hang: 'before' }, { reset: 'after' }, { delay: 300 }];
			platform.fault({ path: /im.v1.messages/, times: 2, ...random.pick(kinds) });
			await delay(150 + random.below(500));
			const victim = gateways[i % 2];
			alive.splice(alive.indexOf(victim), 1);
			await victim.kill();
			await victim.start();
			alive.push(victim);
		}
		more = false;
	})();
	const talk = async (chat) => {
		for (let i = 0; more || i < 8; i++) {
			const id = await people.say(`@bot 第${i}件`, { chat_id: chat, sender: `ou_${i % 2}` });
			asked.set(chat, [...(asked.get(chat) ?? []), id]);
			await delay(30 + random.below(80));
		}
	};
	const chats = Array.from({ length: 8 }, (_, i) => `oc_chat_${i}`);
	await Promise.all([killer, ...chats.map(talk)]);
	const all = [...asked.values()].flat();
	await until(() => chats.every((chat) => people.answers(asked.get(chat).at(-1)).length > 0), 60_000,
		() => `the last answers, ${chats.filter((chat) => people.answers(asked.get(chat).at(-1)).length === 0)}`);
	for (const chat of chats) {
		const order = platform.messages.filter((message) => message.chat_id === chat).map((message) => message.reply_to);
		const places = order.map((id) => asked.get(chat).indexOf(id));
		assert.deepEqual(places, [...places].sort((a, b) => a - b), `order in ${chat}`);
		assert.equal(new Set(order).size, order.length, `nothing twice in ${chat}`);
	}
	t.diagnostic(`${all.length} messages, ${platform.messages.length} answers, ${repeats(platform).length} repeats at the platform`);
});

flow('a storm of rate limits in fifty chats: order in each, none starves, nothing dies of it', { ms: 120_000 }, async (rig, t) => {
	const platform = await feishu(rig, { ...NO_CARDS, chatRate: 5, appRate: 50 });
	rig.writeConfig(scripted(platform));
	const server = await rig.start('all');
	const people = new HookPeople(rig, platform, [server]);
	platform.fault({ path: /reply/, chat_id: 'oc_1', times: 16, code: 230020 });
	const asked = new Map();
	const began = Date.now();
	await Promise.all(Array.from({ length: 50 }, async (_, c) => {
		for (let i = 0; i < 4; i++) {
			const id = await people.say(`@bot 第${i}件`, { chat_id: `oc_${c}`, sender: `ou_${i % 2}` });
			asked.set(`oc_${c}`, [...(asked.get(`oc_${c}`) ?? []), id]);
		}
	}));
	const calm = [...asked.keys()].filter((chat) => chat !== 'oc_1');
	await until(() => calm.every((chat) => asked.get(chat).every((id) => people.answers(id).length === 1)), 60_000, 'all answers');
	t.diagnostic(`49 chats done after ${Date.now() - began} ms, ${posts(platform).length} calls`);
	// The waits are long, the test is not: the clock goes to where the next try is due, and never beyond.
	let offset = 0;
	await until(async () => {
		const [key] = await rig.redis('KEYS', '*}:w:xiaoman');
		const due = key === undefined ? 0 : Number(await rig.redis('ZSCORE', key, 'oc_1'));
		if (due > Date.now() + offset) {
			rig.setClock(offset = due - Date.now());
		}
		return people.answers(asked.get('oc_1').at(-1)).length > 0;
	}, 60_000, 'the answers of the chat with most refusals');
	for (const [chat, ids] of asked) {
		const order = platform.messages.filter((message) => message.chat_id === chat).map((message) => message.reply_to);
		assert.deepEqual(order, ids, `order in ${chat}`);
	}
	assert.equal(await server.metric('replies_dead_total'), 0);
	assert.equal(await server.metric('parts_repeated_total'), 0);
});

// Cards are made while the model speaks: no snapshot may overtake an answer that still waits to be sent.
flow('an answer is not seen being made before the one ahead of it landed, and is from then on', CALM, async (rig) => {
	const platform = await feishu(rig);
	const watched = new Gate();
	const model = await vendor(rig, (call) => (call.question.includes('慢慢说')
		? { text: '包间还有一间，七点半给您留着，到了报名字就行。', chunks: 20, held: (i) => i >= 10 && watched.lets(i, 20) }
		: { text: '好的，收到。' }));
	rig.writeConfig({ models: { main: endpoint(model) }, bots: [webhookBot(platform, { models: ['main'], usage_footnote: 'off' })] });
	const server = await rig.start('all');
	const people = new HookPeople(rig, platform, [server]);
	const seen = () => platform.messages.filter((message) => message.chat_id === 'oc_wait');
	// The first is put off until half of the second has been said, and once more then: in between nothing may be seen of it.
	platform.fault({ path: /reply/, chat_id: 'oc_wait', code: 230020, times: 99 });
	const first = await people.say('@bot 请登记', { chat_id: 'oc_wait' });
	const tries = () => posts(platform).filter((call) => call.path.includes(first)).length;
	await until(() => tries() > 0, 10_000, 'the first call');
	const second = await people.say('@bot 慢慢说', { chat_id: 'oc_wait', sender: 'ou_second' });
	await until(() => model.calls.some((call) => call.sent.includes('七点半')), 10_000, 'half of the second');
	const before = tries();
	await until(() => tries() > before, 20_000, 'one more try of the first');
	assert.deepEqual(seen(), []);
	platform.faults.length = 0;
	await until(() => seen().length > 0, 20_000, 'the first to be seen');
	assert.equal(seen()[0].reply_to, first);
	const growing = await until(() => people.answers(second).find((one) => one.card?.streaming), 10_000, 'the second to be seen being made');
	watched.open();
	await until(() => growing.text.includes('报名字就行'), 20_000, 'all of it');
	assert.deepEqual(seen().map((message) => message.reply_to), [first, second]);
	assert.equal(await server.metric('replies_dead_total'), 0);
});

const WALL = Array.from({ length: 700 }, (_, i) => [`第${i}段，说明见[这里](https://example.com/${i}?a=<at id=all>)。@_all`,
	'```c', `int number_${i} = ${i}; /* <at user_id="all">所有人</at> */`, '```'].join('\n')).join('\n\n');

flow('a reply of a hundred kilobytes: parts in order, fences whole, the line under the last, nobody called', {
	script: [{ match: '*', text: `${WALL}\n\`\`\`\n${'x'.repeat(20_000)}<at\n user_id="all">` }],
}, async (rig) => {
	const platform = await feishu(rig, { ...NO_CARDS, chatRate: 5 });
	rig.writeConfig(scripted(platform, { usage_footnote: 'short', answer_tokens: 100_000 }));
	const server = await rig.start('all');
	const people = new HookPeople(rig, platform, [server]);
	const id = await people.say('@bot 请念全部');
	await until(() => people.answers(id).some((part) => /AI 生成/.test(part.text)), 30_000, 'the last part');
	const parts = people.answers(id);
	assert.ok(parts.length >= 9, `${parts.length} parts`);
	let at = 0;
	for (const [i, { text }] of parts.entries()) {
		assert.ok(Buffer.byteLength(text) <= 13 * 1024);
		const isLast = i === parts.length - 1; // its text ends within a fence, and the line below it in a paragraph of its own
		assert.equal((text.match(/^```/gm) ?? []).length % 2, isLast ? 1 : 0, `part ${i} closes its fences`);
		assert.ok(!/<\s*at\b|@_all/i.test(text.replace(/^<at user_id="ou_asker"><\/at>\s*/, '')), `part ${i} calls nobody else`);
		assert.equal(/AI 生成/.test(text), isLast);
		for (const [, number] of text.matchAll(/int number_(\d+)/g)) {
			assert.equal(Number(number), at++);
		}
	}
	assert.equal(at, 700);
	const [paragraph, ...others] = parts.at(-1).content.zh_cn.content.at(-1);
	assert.match(paragraph.text, /^AI 生成[^\n]*$/);
	assert.deepEqual(others, []);
	assert.equal(await server.metric('replies_dead_total'), 0);
});
