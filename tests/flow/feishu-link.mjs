// Feishu over its long connection: the real binary between a stand-in of the platform and its people.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { delay, inTime, until } from './rig.mjs';
import { APP, GROUP, HOUR, People, SCRIPTED, bare, feishu, feishuBot, flow, moveClock, nothingWrong } from './feishu.mjs';

const OK = [{ match: '*', text: '好的，收到。' }];
// Quick to come back, so that tests about it are short.
const SOON = { ReconnectCount: -1, ReconnectInterval: 2, ReconnectNonce: 0, PingInterval: 60 };
const ENDPOINT = '/callback/ws/endpoint';
const vectors = (name) => JSON.parse(fs.readFileSync(new URL(`../vectors/feishu/${name}.json`, import.meta.url), 'utf8')).vectors;
const VECTOR_APP = { ...APP, app_id: 'cli_6af6b6ea90eb13e0', open_id: 'ou_a6c25c0120a930eac755a6ab556f046b' };

async function world(rig, more = {}, options = {}) {
	const platform = await feishu(rig, { clientConfig: SOON, ...options });
	rig.writeConfig({ bots: [feishuBot(platform, more)], models: SCRIPTED });
	const server = await rig.start('all');
	const people = new People(platform, more.app_id);
	await people.untilUp();
	return { platform, server, people };
}

const opens = (platform) => platform.link.opens.length;

flow('a question in a group: acknowledged once stored, answered in place, once; the asker is called', { script: OK }, async (rig) => {
	const { platform, server, people } = await world(rig, { models: ['script'] });
	const said = await people.write('@bot 周五晚上的位子改到七点半');
	assert.match(await people.answer(said.message_id), /好的，收到。/);
	const [reply, ...others] = people.answers(said.message_id);
	assert.equal(others.length, 0);
	assert.equal(reply.chat_id, GROUP);
	assert.deepEqual(reply.mentions, ['ou_asker']);
	assert.match(reply.text, /AI 生成/);
	const push = await people.taken(said);
	assert.ok(push.ms - platform.standstill() < 1000, `acknowledged after ${push.ms} ms`);
	assert.equal(push.data, undefined);
	for (const at of [0, 15_000, 315_000, HOUR, 7 * HOUR]) { // along the ladder: acknowledged, and not answered again
		await moveClock(rig, at);
		const delivery = platform.link.deliver(APP.app_id, { ...said.event, header: { ...said.event.header, event_id: `again-${at}` } });
		await people.taken({ delivery });
	}
	assert.match(await people.ask('@bot 几点开门'), /11:00/);
	assert.equal(people.answers(said.message_id).length, 1);
	assert.equal(platform.in(GROUP).length, 2);
	for (const secret of [APP.app_secret, 'ticket=', 'access_key', ...platform.tokens.tokens.keys(), ...platform.link.tickets.keys()]) {
		assert.ok(!server.wholeText().includes(secret), 'no secret in the log');
	}
	const [open] = platform.link.opens;
	assert.equal(open.headers['content-type'].split(';')[0], 'application/json');
	assert.equal(opens(platform), 1);
	await nothingWrong(platform, assert);
});

flow('what nobody addressed to the bot gets no answer, a direct chat always does', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig);
	await people.say('几点开门');
	await people.say('', { content: { text: '@_all 几点开门' } });
	await people.say('@bot 几点开门', { sender: 'ou_robot', sender_type: 'bot' });
	await people.say('', { content: { text: '@_user_1 几点开门' }, mentions: [{ key: '@_user_1', id: { open_id: 'ou_other' }, name: '别的' }] });
	assert.match(await people.ask('几点开门', { chat_type: 'p2p', chat_id: 'oc_direct' }), /11:00/);
	assert.equal(platform.messages.length, 1);
	await nothingWrong(platform, assert);
});

flow('events in parts, out of order, twice, interleaved, with every field set: each once, one ack', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig);
	for (const [what, how] of Object.entries({
		'in order': { parts: 3 }, 'out of order': { parts: 3, order: [2, 0, 1] }, 'a part twice': { parts: 3, order: [0, 0, 1, 2] },
		'in many': { parts: 50 }, 'all fields': { fields: { payload_encoding: 'gzip-not', payload_type: 'json', LogIDNew: '021736' } },
		'more headers': { headers: [['x', '1'], ['x', '2'], ['空', '']] }, 'of type card': { type: 'card' },
	})) {
		const said = await people.write('几点开门，界界界', { chat_type: 'p2p', chat_id: `oc_${Object.keys(how)}` }, how);
		await people.taken(said);
		await people.answer(said.message_id);
		assert.equal(people.answers(said.message_id).length, 1, what);
	}
	const [one] = people.connections;
	const events = ['oc_x', 'oc_y'].map((chat_id) => platform.messageEvent(APP.app_id, { text: '几点开门', chat_type: 'p2p', chat_id }));
	const [a, b] = events.map((event) => platform.link.frames(event, { parts: 2 }));
	const first = platform.link.pushFrames(one, [a[0]], events[0]);
	const second = platform.link.pushFrames(one, [b[0]], events[1]);
	for (const [push, frame] of [[second, b[1]], [first, a[1]]]) {
		push.frames.push(frame);
		one.send(frame);
	}
	await people.acked(first);
	await people.acked(second);
	for (const event of events) {
		assert.match(await people.answer(event.event.message.message_id), /11:00/);
	}
	// a part that never comes: nothing is said, and what is whole beside it is
	const half = platform.link.pushFrames(one, platform.link.frames(events[0], { parts: 3 }).slice(1), events[0]);
	half.odd = true;
	assert.match(await people.ask('@bot 几点开门'), /11:00/);
	assert.equal(half.ack, null);
	assert.equal(opens(platform), 1);
	await nothingWrong(platform, assert);
});

flow('a large event, and two hundred at once', { script: OK, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig, { scope: 'sender' });
	const long = await people.write('长'.repeat(50_000), { chat_type: 'p2p', chat_id: 'oc_long' });
	await people.taken(long);
	const [one] = people.connections;
	one.socket._socket.cork();
	const burst = Array.from({ length: 200 }, (_, i) => platform.write(APP.app_id, { text: '@bot 几点开门', sender: `ou_${i % 20}` }));
	one.socket._socket.uncork();
	await until(() => burst.every(({ delivery }) => delivery.acknowledged), 20_000, 'all acks');
	assert.deepEqual(platform.link.late(platform.standstill()), []);
	await until(() => Array.from({ length: 20 },
		(_, i) => burst.some(({ message_id, event }, n) => n % 20 === i && people.answers(message_id).length > 0 && event))
		.every(Boolean), 60_000, 'answers');
	assert.equal(opens(platform), 1);
	assert.deepEqual(platform.complaints, []);
});

flow('frames that are none, and events that are none, do no harm', { script: OK }, async (rig) => {
	const { platform, server, people } = await world(rig, { app_id: VECTOR_APP.app_id }, { apps: [VECTOR_APP] });
	const [one] = people.connections;
	for (const { id, sent_hex: hex } of vectors('ws-negative')) {
		if (id.includes('text-message')) {
			one.socket.send('hello');
		} else if (hex !== undefined) {
			one.socket.send(Buffer.from(hex, 'hex'));
		}
		assert.ok(one.isOpen, id);
	}
	const { link } = platform;
	const event = platform.event(VECTOR_APP.app_id, 'im.message.receive_v1', {});
	for (const payload of ['', '{', '[]', 'null', '7', '{"schema":"2.0"}', '{"header":{},"event":{}}', JSON.stringify(event),
		`{"event":${'['.repeat(5000)}`,
		JSON.stringify({ ...event, header: { ...event.header, app_id: 'cli_other' } }),
			JSON.stringify({ ...event, header: { ...event.header, event_type: 'x.y_v1' } })]) {
		const push = link.pushFrames(one, link.frames(event, { payload: Buffer.from(payload) }), event);
		await people.acked(push); // it would be the same another time
		assert.equal(push.code, 200, payload.slice(0, 40));
	}
	for (const headers of [[['sum', '0']], [['sum', '-1']], [['sum', '99999999999']], [['sum', '2'], ['seq', '2']], []]) {
		const [frame] = link.frames(event);
		frame.headers = [['type', 'event'], ['message_id', `odd${headers}`], ...headers];
		one.send(frame);
	}
	assert.match(await people.ask('@bot 几点开门'), /11:00/);
	assert.equal(opens(platform), 1, 'the connection lives');
	assert.ok(server.running);
	assert.ok(platform.complaints.every((words) => words.endsWith('an ack of nothing that was pushed')), JSON.stringify(platform.complaints));
});

flow('an unknown event is acknowledged, without an answer', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig);
	for (const type of ['im.message.message_read_v1', 'im.message.reaction.created_v1', 'im.chat.updated_v1', 'calendar.calendar.changed_v4']) {
		const { tries: [push], acknowledged } = await people.tell(type,
			{ message_id: 'om_x', reaction_type: { emoji_type: 'Typing' }, operator_type: 'app' });
		assert.ok(acknowledged, type);
		assert.equal(push.data, undefined, type);
	}
	assert.equal(platform.messages.length, 0);
	await nothingWrong(platform, assert);
});

for (const [what, faults] of Object.entries({
	'is an error': [{ status: 500, body: 'oops' }, { status: 404, body: {} }, { code: 1, msg: 'system busy' },
		{ code: 1000040343, msg: 'internal error' }],
	'is no JSON, or never comes': [{ body: '<html>' }, { reset: 'before' }, { body: { code: 0, msg: '' } }],
	'lacks what it needs': [{ body: { code: 0, data: { URL: 'x' } } }, { body: { code: 0, data: { URL: 'http://127.0.0.1:1/ws/v2?service_id=1' } } },
		{ body: { code: 0, data: { URL: 'ws://127.0.0.1:1/ws/v2?service_id=1' } } }],
})) {
	flow(`what answers the endpoint ${what}: tried again, slower, until it serves`, { script: OK, ms: 120_000 }, async (rig) => {
		const platform = await feishu(rig, { clientConfig: SOON });
		for (const fault of faults) {
			platform.fault({ path: ENDPOINT, ...(fault.body ? { status: 200 } : {}), ...fault });
		}
		rig.writeConfig({ bots: [feishuBot(platform)], models: {} });
		await rig.start('all', { ready: false });
		const people = new People(platform);
		await people.untilUp(100_000);
		const times = platform.calls.filter((call) => call.path === ENDPOINT).map((call) => call.real);
		const gaps = times.slice(1).map((at, i) => at - times[i]);
		rig.note(`gaps ${gaps}`);
		assert.ok(times.length > faults.length && times.length <= faults.length + 2, `${times.length} calls`);
		assert.match(await people.ask('@bot 几点开门'), /11:00/);
		await nothingWrong(platform, assert);
	});
}

for (const [what, { fault, refuse, disabled, words }] of Object.entries({
	'a wrong secret': { words: /app_secret|凭证与基础信息/ },
	'an app that is switched off': { disabled: true, words: /disabled|停用|514|开放平台|console/i },
	'forbidden, says the endpoint': { fault: { code: 403, msg: 'forbidden' }, words: /403|forbidden/i },
	'too many connections, says the endpoint': { fault: { code: 1000040350, msg: 'the number of connections exceeded the limit' },
		words: /connections|连接/i },
	'too many connections, says the upgrade': { refuse: [403,
		{ 'Handshake-Status': 514, 'Handshake-Msg': 'auth failed', 'Handshake-Autherrcode': 1000040350 }],
		words: /connections|连接/i },
	'banned, says the upgrade': { refuse: [403, { 'Handshake-Status': 403, 'Handshake-Msg': 'forbidden' }], words: /403|forbidden/i },
})) {
	flow(`${what}: no storm, the log says so, and it serves once that is put right`, { script: OK, ms: 60_000 }, async (rig) => {
		const platform = await feishu(rig, { clientConfig: SOON });
		const app = platform.apps.get(APP.app_id);
		if (fault) {
			platform.fault({ path: ENDPOINT, times: 99, ...fault });
		} else if (refuse) {
			platform.link.refuse(...refuse, 99);
		}
		app.disabled = disabled;
		rig.writeConfig({ bots: [feishuBot(platform, fault || refuse || disabled ? {} : { app_secret: 'wrong' })], models: {} });
		const server = await rig.start('all', { ready: false });
		await until(() => words.test(server.text().split('\n').filter((line) => /warn|error/.test(line)).join('\n')), 20_000,
			() => `words in ${server.text().slice(-1500)}`);
		await delay(2500); // long enough to see tries that should not come
		const calls = platform.calls.filter((call) => call.path === ENDPOINT).length;
		assert.ok(calls <= 2, `${calls} calls`);
		platform.faults.length = 0;
		platform.link.refusing = null;
		app.disabled = false;
		rig.writeConfig({ bots: [feishuBot(platform)], models: {} });
		if (fault || refuse || disabled) { // nothing of the config has changed: it looks again in ten minutes, or when it is told to
			server.hangup();
		}
		const people = new People(platform);
		await people.untilUp(30_000);
		assert.match(await people.ask('@bot 几点开门'), /11:00/);
		await nothingWrong(platform, assert);
	});
}

flow('a refused upgrade that may pass is tried again, each time with another ticket', { script: OK }, async (rig) => {
	const platform = await feishu(rig, { clientConfig: SOON });
	platform.link.refuse(403, { 'Handshake-Status': 514, 'Handshake-Msg': 'auth failed', 'Handshake-Autherrcode': 1 }, 2);
	rig.writeConfig({ bots: [feishuBot(platform)], models: {} });
	await rig.start('all', { ready: false });
	const people = new People(platform);
	await people.untilUp(30_000);
	platform.link.refuse(503, {}, 1);
	people.connections[0].reset();
	await until(() => platform.link.upgrades.length >= 5 && people.connections.length === 1, 30_000, 'it again');
	const { upgrades } = platform.link;
	assert.equal(new Set(upgrades.map((one) => one.ticket)).size, upgrades.length);
	assert.deepEqual(upgrades.map((one) => one.status), [403, 403, 101, 503, 101]);
	assert.match(await people.ask('@bot 几点开门'), /11:00/);
	await nothingWrong(platform, assert);
});

for (const what of ['deaf', 'half open']) {
	flow(`a ${what} server is given up after a ping it does not answer, a quiet one is not`, { script: OK, ms: 120_000 }, async (rig) => {
		const { platform, people } = await world(rig, {}, { clientConfig: { ...SOON, PingInterval: 2 } });
		const [one] = people.connections;
		await until(() => one.pings.length >= 4, 20_000, 'pings');
		assert.equal(opens(platform), 1);
		const began = Date.now();
		if (what === 'deaf') {
			one.deaf = true;
		} else {
			one.freeze();
		}
		await until(() => people.connections.some((other) => other !== one), 60_000, 'another connection');
		rig.note(`given up after ${Date.now() - began} ms`);
		assert.ok(Date.now() - began >= 8000, 'not for a moment of silence');
		assert.match(await people.ask('@bot 几点开门', {}, { connection: people.connections.find((other) => other !== one) }), /11:00/);
		assert.deepEqual(platform.complaints, []);
	});
}

flow('pongs change the interval; broken, partial and silly ones do no harm', { script: OK, ms: 60_000 }, async (rig) => {
	const platform = await feishu(rig, { clientConfig: { ...SOON, PingInterval: 4 } });
	platform.link.pongConfig = { PingInterval: 1 };
	rig.writeConfig({ bots: [feishuBot(platform)], models: {} });
	await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	const [{ pings, opened }] = people.connections;
	await until(() => pings.length >= 5, 15_000, 'pings');
	// The first at once, the next as the opening said, one a second from there: however late each is read, there are never
	// more than have left, and not all gaps are as long as the opening said.
	const most = (since) => 2 + (Date.now() - since) / 800;
	assert.ok(pings[0] - opened - platform.standstill() < 3000 && pings.length <= most(opened), `${pings.map((at) => at - opened)}`);
	await inTime(2500, async () => {
		const before = pings.length;
		await until(() => pings.length > before, 10_000, 'one more ping');
		return pings[before] - pings[before - 1];
	});
	for (const config of ['{"PingInterval":', '[]', '{"PingInterval":0,"ReconnectInterval":0}', '{"PingInterval":-5}',
		'{"PingInterval":"x"}', '{"PingInterval":1e99}']) {
		const [before, since] = [pings.length, Date.now()];
		platform.link.pongConfig = config;
		await until(() => pings.length > before + 1 || config.includes('1e99'), 10_000, () => `a ping after ${config}`);
		assert.ok(pings.length - before <= most(since), `${pings.length - before} pings after ${config}`);
	}
	assert.equal(opens(platform), 1);
	assert.match(await people.ask('@bot 几点开门'), /11:00/);
	await nothingWrong(platform, assert);
});

flow('frames that are no websocket, or too large: another connection, and it serves on', { script: OK, ms: 60_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	for (const [what, harm] of [['8 MiB', (one) => one.socket.send(Buffer.alloc(8 << 20))],
		['a reserved bit', (one) => one.rawBytes(Buffer.from([0xc2, 0]))],
		['garbage', (one) => one.rawBytes(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'))]]) {
		const [one] = people.connections;
		harm(one);
		await until(() => one.closed !== null, 20_000, `the end of ${what}`);
		await people.untilUp(30_000);
		assert.match(await people.ask('@bot 几点开门'), /11:00/, what);
	}
	assert.ok(server.running);
	assert.deepEqual(platform.complaints, []);
});

flow('Redis stands still: no ack, the platform delivers again, and it is answered once', { script: OK, scale: 1, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	await people.ask('@bot 先来一句', { chat_id: 'oc_first' });
	const pid = rig.signalRedis('SIGSTOP');
	const said = [];
	for (let i = 0; i < 8; i++) {
		said.push(await people.write('@bot 请登记', { chat_id: `oc_${i}` }));
	}
	await until(() => said.every(({ delivery }) => delivery.tries.length > 1), 10_000, 'the second tries');
	assert.ok(said.every(({ push }) => push.code !== 200), 'nothing is acknowledged that is not stored');
	process.kill(pid, 'SIGCONT');
	for (const { message_id } of said) {
		assert.equal(bare(await people.answer(message_id, 40_000)), '好的，收到。');
		assert.equal(people.answers(message_id).length, 1);
	}
	assert.equal(opens(platform), 1, 'the connection is not given up for Redis');
	assert.deepEqual(platform.complaints, []);
});
