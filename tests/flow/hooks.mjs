// Webhooks of Feishu under attack and in bad weather: who is refused, what is taken once, and what people hear.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { awake, delay, flow, until } from './rig.mjs';
import { APP, HookPeople, feishu, webhookBot } from './feishu.mjs';

const HOUR = 3600_000;
const JSON_TYPE = { 'content-type': 'application/json' };

async function world(rig, more = {}, options = {}) {
	const platform = await feishu(rig, options);
	rig.writeConfig({ bots: [webhookBot(platform, more)], models: {} });
	const server = await rig.start('all');
	return { platform, server, people: new HookPeople(rig, platform, [server]) };
}

function sign(body, key = APP.encrypt_key) {
	const [timestamp, nonce] = ['1', 'n'];
	return {
		...JSON_TYPE, 'x-lark-request-timestamp': timestamp, 'x-lark-request-nonce': nonce,
		'x-lark-signature': createHash('sha256').update(timestamp + nonce + key + body).digest('hex'),
	};
}

flow('what is not proved to be the platform is refused with the same words, and leaves nothing', {}, async (rig) => {
	const { platform, server, people } = await world(rig);
	const url = people.url();
	await until(() => platform.verify(APP.app_id, url), 10_000, 'the address');
	const event = platform.messageEvent(APP.app_id, { text: '@bot 几点开门' });
	const plain = JSON.stringify(event);
	const good = platform.pack(APP.app_id, event);
	const check = { type: 'url_verification', token: APP.verification_token, challenge: 'abc' };
	const refused = {
		'an event in the clear': { body: plain, headers: JSON_TYPE },
		'an event in the clear, well signed': { body: plain, headers: sign(plain) },
		'an encrypted one without a signature': platform.pack(APP.app_id, event, { signed: false }),
		'a signature of another body': { body: good.body, headers: sign('{}') },
		'a signature with another key': { body: good.body, headers: sign(good.body, APP.verification_token) },
		'a signature without a nonce': { body: good.body, headers: { ...good.headers, 'x-lark-request-nonce': '' } },
		'a check in the clear': { body: JSON.stringify(check), headers: JSON_TYPE },
		'a check with another token': platform.pack(APP.app_id, { ...check, token: 'x' }, { signed: false }),
		'an event of another app': platform.pack(APP.app_id,
			{ ...event, header: { ...event.header, app_id: 'cli_other' } }),
		'a megabyte of nothing': { body: 'x'.repeat(1 << 20), headers: JSON_TYPE },
		'an empty body': { body: '', headers: JSON_TYPE },
	};
	for (const [name, request] of Object.entries(refused)) {
		const { status, body } = await platform.request(url, request);
		assert.deepEqual([status, body.trim()], [401, '{"error":"refused"}'], name);
	}
	const odd = [
		[{ body: 'x'.repeat((1 << 20) + 1), headers: JSON_TYPE }, 413],
		[{ body: '{}', headers: { 'content-type': 'text/plain' } }, 415],
		[{ body: '{}', headers: {} }, 415],
	];
	for (const [request, status] of odd) {
		assert.equal((await platform.request(url, request)).status, status);
	}
	assert.equal((await platform.request(url.replace('xiaoman', 'nobody'), good)).status, 404);
	assert.equal((await fetch(url)).status, 405);
	assert.equal((await fetch(url.replace('/hook/xiaoman', '/healthz'))).status, 200);
	assert.equal(await server.metric('messages_stored_total'), 0);
	assert.equal((await platform.request(url, good)).status, 200);
	await people.answer(event.event.message.message_id);
});

flow('messages of any content are acknowledged and answered, each in its chat', {}, async (rig) => {
	const { platform, people } = await world(rig);
	const many = Array.from({ length: 500 }, (_, i) => ({
		key: `@_user_${i + 1}`, id: { open_id: i === 499 ? APP.open_id : `ou_${i}` }, name: '名'.repeat(100),
	}));
	const named = [{ key: '@_user_1', id: { open_id: APP.open_id }, name: 'x' },
		{ key: '@_user_2', id: { open_id: 'ou_h' }, name: '<at user_id="all">\u202e\n@_all\n系统：' }];
	const known = /11:00/;
	const unknown = /看不懂/;
	const kinds = [
		[{ raw: '{"\\u0074ext":"几点开门"}' }, known],
		[{ raw: '{"text":"\\ud800 几点开门"}' }, known],
		[{ raw: '{"text":"\\u0000几点开门"}' }, known],
		[{ raw: '[]' }, unknown],
		[{ raw: '{"text":' }, unknown],
		[{ raw: '' }, unknown],
		[{ raw: `{"text":"x","a":${'['.repeat(3000)}${']'.repeat(3000)}}` }, unknown],
		[{ message_type: 'image', raw: '{"image_key":"img_1"}' }, unknown],
		[{ message_type: '💥'.repeat(100), raw: '{}' }, unknown],
		[{ raw: JSON.stringify({ text: '几点开门'.repeat(20_000) }) }, /./],
		[{ chat_type: 'group', mentions: many, raw: JSON.stringify({ text: '@_user_500 几点开门' }) }, known],
		[{ chat_type: 'group', mentions: named, raw: JSON.stringify({ text: '@_user_1 @_user_2 几点开门' }) }, /./],
	];
	for (const [i, [{ raw, ...more }, expected]] of kinds.entries()) {
		const event = platform.messageEvent(APP.app_id, { chat_type: 'p2p', chat_id: `oc_${i}`, ...more });
		event.event.message.content = raw;
		const answer = await platform.request(people.url(), platform.pack(APP.app_id, event));
		assert.equal(answer.status, 200, raw.slice(0, 40));
		const text = await people.answer(event.event.message.message_id);
		assert.match(text, expected, `${raw.slice(0, 40)}: ${text}`);
	}
	assert.ok(platform.messages.every((message) => !/@_all/.test(message.text) && message.mentions.every((one) => one === 'ou_asker')));
});

flow('a delivery repeated along the ladder of seven hours is acknowledged and answered once', {}, async (rig) => {
	const { platform, people } = await world(rig);
	const event = platform.messageEvent(APP.app_id, { text: '@bot 几点开门' });
	const id = event.event.message.message_id;
	let at = 0;
	for (const wait of [0, 15_000, 300_000, HOUR, 6 * HOUR]) {
		at += wait;
		rig.setClock(at);
		event.header.event_id = `again-${at}`; // it is the message's id that counts
		assert.equal((await platform.request(people.url(), platform.pack(APP.app_id, event))).status, 200);
		await people.answer(id);
	}
	await people.ask('@bot 有停车位吗');
	assert.equal(people.answers(id).length, 1);
});

flow('Redis away: refused before the platform gives up, and taken when it comes again', { scale: 1 }, async (rig) => {
	const { platform, people } = await world(rig);
	await people.ask('@bot 几点开门');
	rig.signalRedis('SIGSTOP');
	const events = Array.from({ length: 8 },
		(_, i) => platform.messageEvent(APP.app_id, { text: '@bot 几点开门', chat_id: `oc_${i}` }));
	await Promise.all(events.map(async (event, i) => {
		await delay(i * 190);
		const began = awake();
		const answer = await platform.request(people.url(), platform.pack(APP.app_id, event), 30_000);
		assert.equal(answer.status, 503, answer.error);
		assert.ok(awake() - began < 2900, `${awake() - began} ms`);
	}));
	rig.signalRedis('SIGCONT');
	for (const event of events) {
		await until(async () =>
			(await platform.request(people.url(), platform.pack(APP.app_id, event))).status === 200, 10_000, 'again');
		await people.answer(event.event.message.message_id);
	}
	await people.ask('@bot 有停车位吗');
	assert.ok(events.every((event) => people.answers(event.event.message.message_id).length === 1));
});

flow('two bots of one app: whoever hears it, the one whose group it is answers', { scale: 2 }, async (rig) => {
	const platform = await feishu(rig);
	const one = webhookBot(platform, { chats: ['oc_a', 'oc_b'] });
	const rest = webhookBot(platform, { name: 'rest', chats: [], admins: ['ou_boss'], answers: { ...one.answers, hours: '每天07:30-10:00' } });
	rig.writeConfig({ bots: [one, rest], models: {} });
	const gateways = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
	await rig.start('a1', { role: 'agents' });
	for (const bot of ['xiaoman', 'rest']) {
		const people = new HookPeople(rig, platform, gateways, { bot });
		for (const chat_id of ['oc_a', 'oc_b']) {
			assert.match(await people.ask('@bot 几点开门', { chat_id }), /11:00/);
		}
		assert.match(await people.ask('几点开门', { chat_type: 'p2p', chat_id: 'oc_direct' }), /07:30/);
		assert.match(await people.ask('@bot /启用', { chat_id: `oc_${bot}`, sender: 'ou_boss' }), /开始/);
		assert.match(await people.ask('@bot 几点开门', { chat_id: `oc_${bot}` }), /07:30/);
	}
	// one message, delivered to both addresses
	const event = platform.messageEvent(APP.app_id, { text: '@bot 几点开门', chat_id: 'oc_a' });
	for (const bot of ['xiaoman', 'rest', 'xiaoman']) {
		const people = new HookPeople(rig, platform, gateways, { bot });
		assert.equal((await platform.request(people.url(), platform.pack(APP.app_id, event))).status, 200);
	}
	const people = new HookPeople(rig, platform, gateways);
	await people.ask('@bot 有停车位吗', { chat_id: 'oc_a' });
	assert.equal(people.answers(event.event.message.message_id).length, 1);
	assert.equal(platform.calls.filter((call) => call.path.includes('tenant_access_token')).length, 2, 'one token a process');
});

flow('a wrong secret and a disabled app: the log says what to do, and answers leave once it is put right', {}, async (rig) => {
	const { platform, server, people } = await world(rig, { app_secret: 'wrong' });
	const group = platform.messageEvent(APP.app_id, { text: '@bot 几点开门' });
	assert.equal((await platform.request(people.url(), platform.pack(APP.app_id, group))).status, 503, 'to come again');
	const direct = await people.say('几点开门', { chat_type: 'p2p', chat_id: 'oc_direct' });
	await until(() => /app_secret[^\n]*「凭证与基础信息」/.test(server.text()), 10_000, 'words about it');
	rig.writeConfig({ bots: [webhookBot(platform)] });
	await people.answer(direct, 30_000);
	assert.equal((await platform.request(people.url(), platform.pack(APP.app_id, group))).status, 200);
	await people.answer(group.event.message.message_id);
	const app = platform.apps.get(APP.app_id);
	app.disabled = true;
	platform.revoke(APP.app_id);
	const late = await people.say('@bot 几点开门');
	await until(() => /应用停用了/.test(server.text()), 10_000, 'words about it');
	app.disabled = false;
	await people.answer(late, 30_000);
	assert.equal(await server.metric('replies_dead_total'), 0);
	assert.equal(await server.metric('parts_repeated_total'), 0, 'nothing had left');
});

flow('dead letters: a group that was left is no news, a muted one is told to the admin once', {}, async (rig) => {
	const { platform, server, people } = await world(rig, { admins: ['ou_boss'] });
	await people.ask('@bot 几点开门');
	platform.left.add('oc_left');
	platform.fault({ path: /im.v1.messages/, chat_id: 'oc_mute', times: 99, status: 400, code: 230018 });
	for (let i = 0; i < 3; i++) {
		await people.say('@bot 几点开门', { chat_id: 'oc_left', sender: `ou_${i}` });
		await people.say('@bot 几点开门', { chat_id: 'oc_mute', sender: `ou_${i}` });
		await until(async () => (await server.metric('replies_dead_total')) === 2 * (i + 1), 20_000,
			'what is said where it may not speak, and where it is not');
	}
	assert.match(await people.ask('@bot 几点开门'), /11:00/);
	await until(() => platform.in('ou_boss').length > 0, 10_000, 'a word to the admin');
	const told = platform.in('ou_boss');
	assert.equal(told.length, 1);
	assert.match(told[0].text, /oc_mute/);
	// a notice that cannot be delivered is followed by none
	platform.left.add('ou_boss');
	platform.fault({ path: /im.v1.messages/, chat_id: 'oc_other', times: 99, status: 400, code: 230035 });
	await people.say('@bot 几点开门', { chat_id: 'oc_other' });
	const notices = () => platform.calls.filter((call) => call.body?.receive_id === 'ou_boss').length;
	await until(() => notices() === 2, 20_000, 'its notice');
	await people.ask('@bot 几点开门');
	assert.equal(notices(), 2);
});

flow('the first mention a gateway hears waits for the own id; a restart knows it from Redis', { scale: 1 }, async (rig) => {
	const platform = await feishu(rig);
	rig.writeConfig({ bots: [webhookBot(platform)], models: {} });
	const first = await rig.start('g1', { role: 'gateway' });
	await rig.start('a1', { role: 'agents' });
	const [key] = await until(async () => {
		const keys = await rig.redis('KEYS', '*feishu:own:*');
		return keys.length > 0 && keys;
	}, 10_000, 'the owner to write it down');
	await rig.redis('DEL', key);
	const second = await rig.start('g2', { role: 'gateway' });
	const mention = async (door, chat_id) => {
		const people = new HookPeople(rig, platform, [door]);
		const event = platform.messageEvent(APP.app_id, { text: '@bot 几点开门', chat_id });
		const began = performance.now();
		const woke = awake();
		const { status } = await platform.request(people.url(), platform.pack(APP.app_id, event), 30_000);
		return { status, ms: performance.now() - began, awake: awake() - woke };
	};
	platform.fault({ path: /bot\/v3\/info/, hang: 'before' });
	const late = await mention(second, 'oc_1');
	assert.equal(late.status, 503);
	assert.ok(late.ms > 1500 && late.awake < 2900, `${late.ms} ms`);
	await second.kill();
	await second.start();
	platform.fault({ path: /bot\/v3\/info/, delay: 700 });
	const held = await mention(second, 'oc_2');
	assert.equal(held.status, 200);
	assert.ok(held.ms >= 600, `${held.ms} ms`);
	await second.kill();
	await second.start();
	platform.fault({ path: /bot\/v3\/info/, hang: 'before' });
	const known = await mention(second, 'oc_3');
	assert.equal(known.status, 200, 'though the platform would not have told');
	assert.equal((await mention(first, 'oc_4')).status, 200);
});
