// feishu-link.test.mjs - the official SDK's long connection judges the stand-in: it opens, hears, acknowledges, comes back,
// and behaves against it as it did in its recording.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import protobuf from 'protobufjs';
import { APP, begin, connect, until } from './feishu/client.mjs';
import { readFrame, writeFrame } from './feishu/frame.mjs';

const CONFIG = { ReconnectCount: 5, ReconnectInterval: 1, ReconnectNonce: 0, PingInterval: 1 };
const acked = push => until(() => push.ack, 'the ack');
const say = (platform, text, how) => platform.write(APP.app_id, { text, chat_id: 'oc_a' }, how);

const schema = protobuf.parse(`syntax = "proto2"; message Header { required string key = 1; required string value = 2; }
message Frame { required uint64 SeqID = 1; required uint64 LogID = 2; required int32 service = 3; required int32 method = 4;
repeated Header headers = 5; optional string payload_encoding = 6; optional string payload_type = 7; optional bytes payload = 8;
optional string LogIDNew = 9; }`, { keepCase: true }).root.lookupType('Frame');

test('frames are protobuf as its own library reads and writes it', () => {
	const frame = { SeqID: (1n << 53n) - 1n, LogID: 300n, service: -1, method: 1, headers: [['type', 'event'], ['type', '重复'], ['', '']],
		payload_encoding: '', payload: Buffer.from('{"a":"界"}'), LogIDNew: 'x'.repeat(300) };
	const data = writeFrame(frame);
	const read = schema.decode(data);
	assert.equal(read.SeqID.toString(), String(frame.SeqID));
	assert.equal(read.LogID.toString(), String(frame.LogID));
	assert.deepEqual(read.headers.map(({ key, value }) => [key, value]), frame.headers);
	assert.deepEqual([read.service, read.method, read.payload_encoding, read.LogIDNew], [-1, 1, '', frame.LogIDNew]);
	assert.equal(Object.hasOwn(read, 'payload_type'), false);
	assert.deepEqual(Buffer.from(schema.encode(read).finish()), data);
	assert.deepEqual(readFrame(data), frame);
	const big = { SeqID: (1n << 64n) - 1n, LogID: (1n << 63n) + 1n, service: 1, method: 0, headers: [] };
	assert.equal(writeFrame(big).toString('hex'), `08${'ff'.repeat(9)}011081${'80'.repeat(8)}0118012000`);
	assert.deepEqual(readFrame(writeFrame(big)), big);
	for (const bad of ['', '0801', 'deadbeefffffffffffff', '08001000180020012aff7f0a0474797065', '080010001800']) {
		assert.throws(() => readFrame(Buffer.from(bad, 'hex')));
	}
});

test('every recorded frame is read, and written again byte for byte', () => {
	const files = ['ws-acks', 'ws-connect-ping'].map(name => new URL(`../vectors/feishu/${name}.json`, import.meta.url));
	let count = 0;
	for (const file of files) {
		for (const [, hex] of fs.readFileSync(file, 'utf8').matchAll(/"(?:\w*hex)": *"((?:0[08])[0-9a-f]{20,})"/g)) {
			const data = Buffer.from(hex, 'hex');
			assert.deepEqual(writeFrame(readFrame(data)), data);
			count++;
		}
	}
	assert.ok(count > 20, `${count} frames`);
});

test('the client asks where, opens, pings at once, hears, acknowledges', async t => {
	const { platform } = await begin(t);
	const { heard } = await connect(t, platform);
	const [open] = platform.link.opens;
	assert.deepEqual([open.app_id, open.code, open.headers.locale], [APP.app_id, 0, 'zh']);
	const [connection] = platform.link.connections;
	assert.ok(connection.pings[0] - connection.opened < 60_000, 'not only after the two minutes between pings');
	const said = say(platform, '@bot 几点开门');
	await acked(said.push);
	assert.equal(heard[0].message.message_id, said.message_id);
	assert.equal(heard[0].message.mentions[0].id.open_id, APP.open_id);
	assert.equal(said.push.code, 200);
	assert.equal(said.push.data, undefined);
	await said.delivery.done;
	assert.equal(said.delivery.acknowledged, true);
	assert.deepEqual(platform.complaints, []);
	assert.deepEqual(platform.link.missing(0), []);
});

test('all that is told of chats and messages reaches its handler', async t => {
	const { platform } = await begin(t);
	const types = ['im.chat.member.bot.added_v1', 'im.chat.member.bot.deleted_v1', 'im.message.recalled_v1',
		'im.chat.access_event.bot_p2p_chat_entered_v1', 'im.message.reaction.created_v1'];
	const { heard } = await connect(t, platform, Object.fromEntries(types.map(type => [type, () => {}])));
	const { bodies } = await import('./feishu.mjs');
	const said = say(platform, 'x');
	await acked(said.push);
	const events = [platform.event(APP.app_id, types[0], bodies.membership('oc_a', 'ou_boss', '一组')),
		platform.event(APP.app_id, types[1], bodies.membership('oc_a', 'ou_boss', '一组')), platform.recall(said.message_id, APP.app_id),
		platform.event(APP.app_id, types[3], bodies.entered('oc_p', 'ou_asker')),
		platform.event(APP.app_id, types[4], bodies.reacted(said.message_id, 'ou_asker', 'OK', platform.now()))];
	for (const event of events) await platform.link.deliver(APP.app_id, event).done;
	assert.deepEqual(heard.slice(1).map(one => one.event_type), types);
	assert.equal(heard[3].message_id, said.message_id);
});

test('an event in parts is one event and one ack, which repeats the frame that came last', async t => {
	const { platform } = await begin(t);
	const { heard } = await connect(t, platform);
	for (const how of [{ parts: 3 }, { parts: 3, order: [2, 0, 1] }, { parts: 3, order: [0, 0, 1, 2] }, { parts: 40 }]) {
		const said = say(platform, '几点开门，界界界', how);
		await acked(said.push);
		assert.equal(JSON.parse(heard.at(-1).message.content).text, '几点开门，界界界');
	}
	assert.equal(heard.length, 4);
	assert.deepEqual(platform.complaints, []);
});

test('a slow answer and a failure bring it again, a callback never', async t => {
	const { platform } = await begin(t, { ladder: Array(50).fill(1), ackMs: 60 });
	let failures = 1;
	let slow = 1;
	const again = ({ delivery }) => until(() => delivery.tries.length > 1, 'the second try');
	const { heard } = await connect(t, platform, {
		'im.message.receive_v1': async ({ message }) => {
			if (message.content.includes('坏') && failures-- > 0) throw new Error('no');
			if (message.content.includes('慢') && slow-- > 0) await again(platform.link.log.at(-1));
		},
		'card.action.trigger': () => {
			throw new Error('no');
		},
	});
	for (const text of ['坏', '慢']) {
		const { delivery } = say(platform, text);
		await delivery.done;
		assert.equal(delivery.acknowledged, true);
		assert.ok(delivery.tries.length > 1, text); // more where the machine is slow
	}
	assert.equal(platform.link.log[0].code, 500);
	assert.equal(new Set(heard.map(one => one.event_id)).size, 2);
	const event = platform.event(APP.app_id, 'card.action.trigger', {});
	const delivery = platform.link.deliver(APP.app_id, event);
	await delivery.done;
	assert.deepEqual([delivery.acknowledged, delivery.tries.length], [false, 1]);
});

test('the ladder goes by the platform\'s clock', async t => {
	let now = 1763777777000;
	const { platform } = await begin(t, { now: () => now, ladder: [15_000, 6 * 3600_000] });
	const { delivery } = say(platform, 'x'); // nobody is there
	assert.deepEqual(delivery.tries, [null]);
	now += 15_000;
	await until(() => delivery.tries.length === 2, 'the second try');
	const { heard } = await connect(t, platform);
	assert.equal(heard.length, 0);
	now += 6 * 3600_000;
	await delivery.done;
	assert.equal(delivery.acknowledged, true);
	assert.equal(heard.length, 1);
});

test('two connections share the events of an app; a third is too many', async t => {
	const { platform } = await begin(t, { connections: 2 });
	const all = [await connect(t, platform), await connect(t, platform)];
	for (let i = 0; i < 40; i++) await acked(say(platform, String(i)).push);
	assert.equal(all[0].heard.length + all[1].heard.length, 40);
	assert.ok(all.every(one => one.heard.length > 4));
	await connect(t, platform, {}, { wait: false, autoReconnect: false });
	await until(() => platform.link.upgrades.length === 3, 'its upgrade');
	assert.equal(platform.link.upgrades[2].status, 403);
});

test('the answer of a press comes back as its toast, over the connection', async t => {
	const { platform, client } = await begin(t);
	const pressed = [];
	await connect(t, platform, { 'card.action.trigger': data => {
		pressed.push(data);
		return { toast: { type: 'success', content: '已收到' } };
	} });
	const card = { schema: '2.0', body: { elements: [{ tag: 'button', text: { tag: 'plain_text', content: '好' },
		behaviors: [{ type: 'callback', value: { k: 'a1' } }] }] } };
	await client.im.message.create({ params: { receive_id_type: 'chat_id' },
		data: { receive_id: 'oc_a', msg_type: 'interactive', content: JSON.stringify(card) } });
	const [message] = platform.messages;
	const entry = await platform.click(message, '好', { user: 'ou_boss' });
	assert.equal(entry.late, false);
	assert.deepEqual(entry.answer, { toast: { type: 'success', content: '已收到' } });
	assert.deepEqual(pressed[0].action.value, { k: 'a1' });
	assert.equal(pressed[0].operator.open_id, 'ou_boss');
	assert.equal(pressed[0].context.open_message_id, message.message_id);
	const dropped = await platform.click(message, '好', { type: 'card', ms: 50 }); // the SDK drops frames of that type
	assert.equal(dropped.late, true);
});

test('pongs carry a configuration, as in the recording', async t => {
	const { platform } = await begin(t, { clientConfig: { ...CONFIG, PingInterval: 60 } });
	platform.link.pongConfig = { ...CONFIG, PingInterval: 30 };
	const { ws } = await connect(t, platform);
	await until(() => ws.wsConfig.getWS('pingInterval') === 30_000, 'the interval');
	const [{ pings }] = platform.link.connections;
	assert.equal(pings.length, 1);
});

for (const [what, how] of [['closes', one => one.close()], ['resets', one => one.reset()]]) {
	test(`the platform ${what} it: asked for anew, another ticket`, async t => {
		const { platform } = await begin(t, { clientConfig: CONFIG });
		const { heard, states } = await connect(t, platform);
		how(platform.link.connections[0]);
		await until(() => states.includes('again'), 'it again');
		assert.equal(platform.link.opens.length, 2);
		assert.notEqual(platform.link.upgrades[0].ticket, platform.link.upgrades[1].ticket);
		await acked(say(platform, 'x').push);
		assert.equal(heard.length, 1);
	});
}

test('a deaf server says no pong and pushes nothing; the SDK\'s watchdog leaves it', async t => {
	const { platform } = await begin(t, { clientConfig: { ...CONFIG, PingInterval: 60 } });
	platform.onConnection = one => {
		one.deaf = platform.link.connections.length === 1;
	};
	const { states } = await connect(t, platform, {}, { wait: false, wsConfig: { pingTimeout: 1 } });
	await until(() => states.includes('again'), 'another connection');
	assert.equal(platform.link.connections.length, 2);
	assert.equal(say(platform, 'x', { connection: platform.link.connections[0] }).push.lost, true);
});

test('refusals of the endpoint, as in the recording', async t => {
	for (const [fault, stops] of [[{ code: 403 }, true], [{ code: 514 }, true], [{ code: 1000040350 }, true],
		[{ code: 1000040343, msg: 'internal error' }, false], [{ status: 500, body: 'oops' }, false], [{ body: '<html>' }, false]]) {
		const { platform } = await begin(t, { clientConfig: CONFIG });
		platform.fault({ path: '/callback/ws/endpoint', ...fault, body: fault.body ?? { code: fault.code, msg: fault.msg ?? 'no', data: {} } });
		const { ws, states } = await connect(t, platform, {}, { wait: false });
		await until(() => (stops ? states.length > 0 : platform.calls.length > 0), 'the answer');
		if (stops) assert.match(states[0], new RegExp(`code=${fault.code}`));
		ws.close({ force: true });
	}
	const { platform } = await begin(t);
	platform.apps.get(APP.app_id).disabled = true;
	const { states } = await connect(t, platform, {}, { wait: false });
	await until(() => states.length > 0, 'the refusal');
	assert.match(states[0], /code=514/);
});

test('a refused upgrade is tried again with another ticket', async t => {
	const { platform } = await begin(t, { clientConfig: CONFIG });
	platform.link.refuse(403, { 'Handshake-Status': 514, 'Handshake-Msg': 'auth failed', 'Handshake-Autherrcode': 1 });
	const { states } = await connect(t, platform, {}, { wait: false });
	await until(() => states.includes('ready'), 'it');
	assert.deepEqual(platform.link.upgrades.map(one => one.status), [403, 101]);
	assert.equal(platform.link.tickets.get(platform.link.upgrades[0].ticket).used, false);
});

test('dropped again and again, it comes again and again', async t => {
	const { platform } = await begin(t, { clientConfig: CONFIG });
	await connect(t, platform);
	platform.link.dropEvery(50);
	await until(() => platform.link.connections.length > 4, 'many');
	platform.link.dropEvery(0);
	assert.ok(platform.link.connections.slice(0, 3).every(one => one.closed));
});
