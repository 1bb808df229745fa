// DingTalk over its Stream connections: the real binary between a stand-in of the platform and its people.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { awake, delay, flow, until } from './rig.mjs';
import { APP, GROUP, MINUTE, People, SCRIPTED, bare, dingtalk, dingtalkBot, moveClock, nothingWrong, scripted } from './dingtalk.mjs';
import { TOPIC_ROBOT, frame, replied, senderId } from '../platforms/dingtalk/bodies.mjs';

const OK = [{ match: '*', text: '好的，收到。' }];
const vectors = (name) => JSON.parse(fs.readFileSync(new URL(`../vectors/dingtalk/${name}.json`, import.meta.url), 'utf8'));

async function world(rig, more = {}, options = {}) {
	const platform = await dingtalk(rig, options);
	rig.writeConfig(more.bots ? more : { bots: [dingtalkBot(platform, more)], models: SCRIPTED });
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	return { platform, server, people };
}

const opens = (platform) => platform.stream.opens.length;

flow('a question in a group: acknowledged once stored, answered by the session, once; the asker is called', { script: OK }, async (rig) => {
	const { platform, server, people } = await world(rig, { models: ['script'] });
	const said = await people.say(' 周五晚上的位子改到七点半');
	const [bubble, ...others] = await people.bubbles(GROUP);
	assert.equal(others.length, 0);
	assert.equal(bubble.via, 'session');
	assert.equal(bubble.question, said.msgId);
	assert.deepEqual(bubble.mentions, ['zhangsan']);
	assert.equal(bare(bubble.text), '好的，收到。');
	assert.match(bubble.text, /AI 生成/);
	assert.ok(said.push.ms < 1000, `acknowledged after ${said.push.ms} ms`);
	// the platform hands it out again: acknowledged, and not answered again
	for (let i = 0; i < 3; i++) {
		const again = platform.sayAgain(APP.client_id, said);
		await until(() => again.ack, 5000, 'the ack');
	}
	assert.match(await people.ask(' 几点开门'), /11:00/);
	assert.equal(platform.view.in(GROUP).length, 2);
	for (const secret of [APP.client_secret, 'session=', ...platform.tokens.tokens.keys(), ...platform.stream.tickets.keys()]) {
		assert.ok(!server.wholeText().includes(secret), 'no secret in the log');
	}
	assert.equal(opens(platform), 1);
	nothingWrong(platform, assert);
});

flow('every inbound type gets an answer or none, and the link lives on', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
	assert.match(await people.ask(' 几点开门'), /11:00/);
	assert.match(await people.ask(' 几点开门', { mentions: ['lisi'] }), /11:00/);
	assert.match(await people.ask('', { type: 'richText', pieces: [{ text: '@小满' }, { text: ' 几点开门' }] }), /11:00/);
	assert.match(await people.ask('', { chat: null, type: 'audio', recognition: '几点开门' }), /11:00/);
	assert.match(await people.ask(' 这个还能订吗', { reply: replied({ text: '周五的包间' }) }), /收到/);
	assert.match(await people.ask(' 几点开门', { user: 'wai', staff: null }), /11:00/);
	assert.match(await people.ask(' 几点开门', { user: 'xin', staff: '' }), /11:00/);
	for (const [what, message] of [
		['only the mention', { text: ' ' }],
			['voice nobody recognised', { chat: null, type: 'audio', code: platform.files.put(Buffer.from('#!AMR')) }],
		['a video', { chat: null, type: 'video', code: platform.files.put(Buffer.alloc(64)) }],
			['what the platform does not tell', { chat: null, type: 'unknownMsgType' }],
	]) {
		assert.notEqual(await people.ask(message.text ?? '', message), '', what);
	}
	// nobody called it
	const before = platform.view.bubbles.length;
	await people.say('大家几点到', { at: false });
	await people.say('大家几点到', { at: false, mentions: ['lisi'] });
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
	assert.equal(platform.view.bubbles.length, before + 1);
	const outsider = platform.view.bubbles.find((one) => one.user === 'wai');
	assert.ok(!outsider.text.includes('@wai'));
	assert.ok(outsider.dingtalkIds.length === 0 || outsider.dingtalkIds[0] === senderId('wai'));
	assert.equal(opens(platform), 1);
	nothingWrong(platform, assert);
});

flow('the messages of the vectors: each is answered or left alone as it says', { script: OK, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	for (const { name, parsed, expect } of vectors('messages').messages) {
		const group = parsed.conversationType === '2';
		const chat = group ? `cid${name}=` : null;
		const session = platform.sends.session(people.account, { chat: chat ?? people.direct(name),
			chat_type: group ? 'group' : 'direct', user: name });
		const staff = parsed.senderStaffId ? { senderStaffId: `v${name}` } : {};
		const body = { ...parsed, ...staff, ...(chat ? { conversationId: chat } : {}),
			sessionWebhook: session.url, sessionWebhookExpiredTime: session.ends };
		const push = platform.stream.push(APP.client_id, 'CALLBACK', TOPIC_ROBOT, body);
		await until(() => push.ack, 5000, `the ack of ${name}`);
		if (['dispatch', 'empty_prompt', 'unsupported'].includes(expect.action)) {
			const [bubble] = await people.bubbles(chat ?? people.direct(name), 0, 20_000);
			assert.notEqual(bubble.text, '', name);
			if (expect.reply_at_user_id && group) {
				assert.deepEqual(bubble.mentions, [`v${name}`], name);
			}
		}
	}
	const quiet = vectors('messages').messages.filter(({ expect }) => ['quota_exceeded', 'ignore_not_addressed'].includes(expect.action));
	assert.ok(quiet.length >= 2);
	assert.match(await people.ask(' 几点开门'), /11:00/);
	for (const { name } of quiet) {
		assert.equal(platform.view.in(`cid${name}=`).length, 0, name);
	}
	nothingWrong(platform, assert);
});

flow('the frames of the recording get what the protocol demands, and malformed ones do no harm', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	const [connection] = people.connections;
	for (const { name, inbound_raw: raw, gateway_must: must } of vectors('stream_frames').frames) {
		if (name === 'system_disconnect') {
			continue; // it is obeyed: see below
		}
		const push = platform.stream.pushFrame(connection, JSON.parse(raw));
		if (must.required) {
			await until(() => push.ack, 5000, `the ack of ${name}`);
			if (must.data_json_has) {
				assert.ok(['SUCCESS', 'LATER'].includes(JSON.parse(push.ack.data).status), name);
			}
		}
	}
	const { frames } = vectors('stream_sequences').scenarios.find(({ name }) => name.startsWith('malformed')).steps[0];
	const complaints = platform.complaints.length;
	for (const raw of [...frames, '{}', '""', '7',
		`{"type":"CALLBACK","headers":{"topic":"${TOPIC_ROBOT}","messageId":"deep"},"data":"${'['.repeat(5000)}"}`,
		'{"type":"CALLBACK","headers":{"topic":"/v1.0/card/instances/callback","messageId":"c1"},"data":"{}"}']) {
		connection.send(raw);
	}
	assert.match(await people.ask(' 几点开门'), /11:00/);
	for (const words of platform.complaints.splice(complaints)) {
		assert.match(words, /of nothing that was pushed/); // it may answer those with an id
	}
	const ping = platform.stream.ping(connection);
	await until(() => ping.ack, 10_000, 'the ping');
	assert.equal(opens(platform), 1);
	nothingWrong(platform, assert);
});

flow('binary, in pieces, over 64 KiB, two hundred at once', { script: OK, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'], scope: 'sender' });
	const [connection] = people.connections;
	const sent = (how) => {
		const { body } = platform.prepare(people.account, { text: `几点开门 ${how}`, user: how });
		const one = frame('CALLBACK', TOPIC_ROBOT, body, { now: platform.now() });
		const push = platform.stream.pushFrame({ ...connection, account: connection.account, send() {} }, one);
		push.connection = connection;
		return { push, text: JSON.stringify(one) };
	};
	const binary = sent('binary');
	connection.socket.send(Buffer.from(binary.text));
	const pieces = sent('pieces');
	let pong;
	connection.socket.once('pong', (data) => { pong = data.toString(); });
	connection.socket.send(pieces.text.slice(0, 100), { fin: false });
	connection.socket.ping('mid');
	connection.socket.send(pieces.text.slice(100, 101), { fin: false });
	connection.socket.send(pieces.text.slice(101), { fin: true });
	const long = await people.say(`${'长'.repeat(30_000)}`, { chat: null, user: 'long' });
	for (const { push } of [binary, pieces, long]) {
		await until(() => push.ack, 5000, 'the ack');
	}
	assert.equal(pong, 'mid');
	connection.socket._socket.cork();
	const burst = Array.from({ length: 200 }, (_, i) => platform.say(APP.client_id, { text: '几点开门', user: `burst${i % 20}` }));
	const ping = platform.stream.ping(connection);
	connection.socket._socket.uncork();
	await until(() => ping.ack, 10_000, 'the ping behind the burst');
	assert.ok(ping.ms < 2000, `${ping.ms} ms`);
	await until(() => burst.every(({ push }) => push.ack), 10_000, 'all acks');
	for (let i = 0; i < 20; i++) {
		await people.bubbles(people.direct(`burst${i}`), 0, 60_000);
	}
	assert.equal(opens(platform), 1);
	assert.deepEqual(platform.complaints, []);
});

flow('disconnect: a new connection first, the old one is served until it closes, and no more are opened', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	const [one] = people.connections;
	platform.stream.disconnect(one, { ms: 4000 });
	const began = awake();
	await until(() => people.connections.length === 1 && people.connections[0] !== one, 2000, 'the new one');
	assert.ok(one.isOpen, 'the old one is there yet');
	assert.ok(awake() - began < 2000);
	const said = platform.say(APP.client_id, { chat: GROUP, text: ' 请登记', connection: one });
	await until(() => said.push.ack, 3000, 'the ack over the old one');
	await people.bubbles(GROUP);
	await until(() => one.closed, 5000, 'its end');
	await delay(1500); // long enough to see a connection that should not come
	assert.equal(opens(platform), 2);
	assert.equal(platform.view.in(GROUP).length, 1);
	// the new one cannot be had: the old one is kept
	platform.fault({ path: /connections\/open/, status: 503, times: 3 });
	const [two] = people.connections;
	platform.stream.disconnect(two, { ms: 60_000 });
	await until(() => platform.faults.length === 0, 30_000, 'three refusals');
	assert.ok(two.isOpen);
	const late = platform.say(APP.client_id, { chat: GROUP, text: ' 请登记', connection: two });
	await until(() => late.push.ack, 3000, 'the ack over the one that is kept');
	await until(() => people.connections.length === 1, 30_000, 'the new one');
	const times = platform.callsOf('connections/open').slice(-4).map((call) => call.at);
	assert.ok(times[3] - times[2] > 50, `tried again after ${times.map((at, i) => at - (times[i - 1] ?? at))}`);
	nothingWrong(platform, assert);
});

flow('what answers the opening is refused, no JSON, or lacks what it needs: it tries again, more slowly, and serves', {
	script: OK, ms: 180_000, scale: 20,
}, async (rig) => {
	const platform = await dingtalk(rig);
	const path = /connections\/open/;
	platform.fault({ path, body: '<html>' }).fault({ path, body: {} }).fault({ path, body: { endpoint: 'x' } })
		.fault({ path, body: { endpoint: `${platform.ws_url}/connect`, ticket: 7 } }).fault({ path, status: 503 }).fault({ path, reset: 'before' });
	rig.writeConfig(scripted(dingtalkBot(platform)));
	await rig.start('all', { ready: false });
	const people = new People(platform);
	await people.untilUp(150_000);
	const calls = platform.callsOf('connections/open').map((call) => call.at);
	assert.equal(calls.length, 7);
	const gaps = calls.slice(1).map((at, i) => at - calls[i]);
	assert.ok(gaps.slice(0, 5).every((gap) => gap >= 50), `${gaps}`); // a connection that was kept may break, and is tried again at once
	assert.match(await people.ask(' 几点开门'), /11:00/);
	// a refused upgrade, and the end of a connection, need another ticket
	platform.stream.refuse(401, 1);
	people.connections[0].socket.terminate();
	await until(() => people.connections.length === 1, 60_000, 'it again');
	platform.stream.refuse(400, 1);
	people.connections[0].socket.close(1001, 'going away');
	await until(() => platform.stream.upgrades.length >= 5 && people.connections.length === 1, 60_000, 'it again');
	const { upgrades } = platform.stream;
	assert.equal(new Set(upgrades.map((one) => one.ticket)).size, upgrades.length);
	assert.deepEqual(upgrades.map((one) => one.status), [101, 401, 101, 400, 101]);
	assert.match(await people.ask(' 几点开门'), /11:00/);
	nothingWrong(platform, assert);
});

flow('an endpoint with a path and a query: the ticket is put behind it, encoded', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig, {}, { endpoint: (url) => `${url}/a/b?x=1`, ticket: () => 't+/=&' });
	assert.equal(platform.stream.upgrades[0].target, '/a/b?x=1&ticket=t%2B%2F%3D%26');
	assert.equal(platform.stream.connections[0].headers['sec-websocket-extensions'], undefined);
	assert.match(await people.ask(' 几点开门'), /11:00/);
	const { body } = platform.stream.opens[0];
	assert.deepEqual(body.subscriptions.map(({ type, topic }) => `${type} ${topic}`).sort(),
		['CALLBACK /v1.0/card/instances/callback', 'CALLBACK /v1.0/im/bot/messages/get']);
});

// What is masked may be read all the same.
flow('frames that are no websocket, or too large: another connection, or it serves on', { script: OK, ms: 90_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	const [one] = people.connections;
	one.rawBytes(Buffer.from([0x81, 0x81, 1, 2, 3, 4, 0x7a]));
	await people.untilUp(30_000);
	assert.match(await people.ask(' 几点开门'), /11:00/);
	for (const [what, harm] of [['3 MiB', (now) => now.socket.send('x'.repeat(3 << 20))],
		['a reserved bit', (now) => now.rawBytes(Buffer.from([0xc1, 0]))]]) {
		const [now] = people.connections;
		harm(now);
		await until(() => now.closed, 10_000, `the end of ${what}`);
		await people.untilUp(30_000);
		assert.match(await people.ask(' 几点开门'), /11:00/, what);
	}
	assert.ok(server.running);
	assert.deepEqual(platform.complaints, []);
});

flow('a peer that is silent is given up, one that is only quiet is not', { script: OK, ms: 150_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	const [one] = people.connections;
	await until(() => one.pings.length >= 2, 75_000, 'pings of its own');
	assert.ok(one.isOpen);
	assert.equal(opens(platform), 1);
	one.freeze();
	const began = Date.now();
	await until(() => people.connections.some((other) => other !== one && !other.frozen), 90_000, 'another connection');
	rig.note(`given up after ${Date.now() - began} ms`);
	assert.match(await people.ask(' 几点开门', { connection: people.connections.find((other) => other !== one) }), /11:00/);
});

flow('a wrong secret: no storm, an admin reads so, and a right one is taken', { script: OK, ms: 60_000 }, async (rig) => {
	const platform = await dingtalk(rig);
	rig.writeConfig({ bots: [dingtalkBot(platform, { client_secret: 'not-the-secret' })], models: {} });
	const server = await rig.start('all', { ready: false });
	await until(() => platform.stream.opens.some((one) => one.refused), 10_000, 'the refusal');
	await until(() => /authFailed|凭证|secret/i.test(server.text()), 5000, 'a line in the log');
	assert.equal(await server.door.readiness(), 503);
	await delay(3000); // long enough for a storm
	assert.ok(opens(platform) <= 2, `${opens(platform)} tries`);
	assert.ok(!server.wholeText().includes('not-the-secret'));
	rig.writeConfig({ bots: [dingtalkBot(platform)] });
	const people = new People(platform);
	await people.untilUp();
	assert.match(await people.ask(' 几点开门'), /11:00/);
});

flow('two bots of one app: their chats decide who answers, on one connection', {}, async (rig) => {
	const platform = await dingtalk(rig);
	rig.setScript([{ match: '*', text: '二号收到。' }]);
	rig.writeConfig({ bots: [dingtalkBot(platform, { name: 'first', chats: [GROUP] }),
		dingtalkBot(platform, { name: 'second', chats: 'any', models: ['script'] })],
		models: SCRIPTED });
	await rig.start('all');
	const people = new People(platform);
	assert.match(await people.ask(' 请问能带宠物狗吗'), /没有找到|手册/);
	assert.match(await people.ask(' 请问能带宠物狗吗', { chat: 'cidOther=' }), /二号收到/);
	assert.equal(opens(platform), 1);
	assert.equal(platform.view.bubbles.length, 2);
	nothingWrong(platform, assert);
});

flow('several messages before the first is answered: one answer, all are acknowledged', {
	script: [{ match: '*', text: '都记下了。', chunks: 3, delay_ms: 250 }],
}, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	const said = [];
	for (const text of ['第一件', '第二件', '第三件', '第四件']) {
		said.push(await people.say(` 请登记${text}`));
	}
	await until(() => said.every(({ push }) => push.ack), 3000, 'the acks');
	await until(() => platform.view.under(said.at(-1).msgId).length > 0, 20_000, 'the answer to the last');
	assert.ok(platform.view.in(GROUP).length <= 3);
	nothingWrong(platform, assert);
});

flow('a group an admin enabled: the code of hire, /启用, /停用', {}, async (rig) => {
	const platform = await dingtalk(rig);
	rig.writeConfig({ bots: [], models: {} });
	rig.write('client.secret', APP.client_secret);
	const made = await rig.verb(['hire', 'restaurant', '--name', 'xiaoman', '--platform', 'dingtalk', '--json',
		...Object.entries({ shop_name: '小满餐厅', phone: '021-5555', hours: '每天11:00-21:30', address: '青禾路18号', client_id: APP.client_id,
			client_secret: 'file:client.secret', api_base: platform.url, oapi_base: platform.url }).flatMap(([k, v]) => ['--answers', `${k}=${v}`])]);
	assert.equal(made.code, 0, made.err);
	const code = /\b\d{6}\b/.exec(made.out)[0];
	const server = await rig.start('all');
	const people = new People(platform);
	assert.match(await people.ask(' 几点开门'), /还没有.*启用/);
	assert.match(await people.ask(' /启用'), /管理员/);
	assert.match(await people.ask(`/绑定 ${code === '000000' ? '000001' : '000000'}`, { chat: null }), /不对|过期/);
	assert.match(await people.ask(`/绑定 ${code}`, { chat: null }), /管理员/);
	assert.match(await people.ask(' /启用'), /开始/);
	assert.match(await people.ask(' 几点开门'), /11:00/);
	assert.match(await people.ask(' /停用'), /不再/);
	assert.ok(!server.wholeText().includes(code), 'the code is in no log');
	const before = platform.view.in(GROUP).length;
	await people.say(' 几点开门');
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
	assert.equal(platform.view.in(GROUP).length, before, 'the group stays quiet');
	nothingWrong(platform, assert);
});

flow('a message of an hour ago comes again: known', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	const said = await people.say(' 请登记');
	await people.bubbles(GROUP);
	for (const minutes of [1, 61, 110]) {
		moveClock(rig, minutes * MINUTE);
		const again = platform.sayAgain(APP.client_id, said);
		await until(() => again.ack, 5000, 'the ack');
	}
	assert.match(await people.ask(' 几点开门', { chat: 'cidOther=' }), /11:00/);
	assert.equal(platform.view.in(GROUP).length, 1);
});
