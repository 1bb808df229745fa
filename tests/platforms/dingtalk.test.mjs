// dingtalk.test.mjs - the official Stream client judges the stand-in: it opens, hears and acknowledges every kind of push,
// and behaves against it as it did in its recording. The HTTP interfaces are called as the recordings of the API's client
// did, and robots as the platform's documents sign.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import axios from 'axios';
import { DWClient, TOPIC_CARD, TOPIC_ROBOT } from 'dingtalk-stream';
import { WebSocket } from 'ws';
import { TEMPLATE, startDingTalk } from './dingtalk.mjs';
import * as bodies from './dingtalk/bodies.mjs';
import { cardSign, robotSign } from './dingtalk/callback.mjs';

const APP = { client_id: 'dinge5376fed04c24e28', client_secret: 'mQ7v_EXAMPLE-only-k2Zp0nRtY4sWc8uHb1LdXa6GfJe3oViTqN5rMy9B', name: '小满' };
const GROUP = 'ciddA2L+upBq25u0lMfYAHd/+==';

// The client knows one address only; what it asks there comes here.
let target;
axios.interceptors.request.use(config => {
	config.url = config.url.replace(/^https:\/\/o?api\.dingtalk\.com/, target);
	return config;
});
for (const name of ['info', 'warn', 'error']) console[name] = () => {}; // it says much

async function until(ask, what, ms = 5000) {
	const limit = Date.now() + ms;
	for (;;) {
		const found = await ask();
		if (found) return found;
		if (Date.now() > limit) throw new Error(`waited ${ms} ms for ${what}`);
		await new Promise(resolve => setTimeout(resolve, 5));
	}
}

async function begin(t, options = {}) {
	const platform = await startDingTalk({ apps: [APP], disconnectCloseMs: 100, ...options });
	target = platform.url;
	t.after(() => platform.close());
	return platform;
}

// A client of the official package with both callbacks registered; what it hears is in `heard`.
async function connect(t, platform, options = {}, { wait = true, beat, answer = () => ({ success: true }), click = () => ({}) } = {}) {
	const client = new DWClient({ clientId: APP.client_id, clientSecret: APP.client_secret, ua: 'probe/1.0', ...options });
	client.heard = [];
	client.reconnectInterval = 20;
	if (beat) client.heartbeat_interval = beat;
	client.registerCallbackListener(TOPIC_ROBOT, push => {
		client.heard.push(push);
		const response = answer(push);
		if (response !== undefined) client.socketCallBackResponse(push.headers.messageId, response);
	});
	client.registerCallbackListener(TOPIC_CARD, push => {
		client.heard.push(push);
		const response = click(JSON.parse(push.data));
		if (response !== undefined) client.socketCallBackResponse(push.headers.messageId, response);
	});
	client.registerAllEventListener(push => {
		client.heard.push(push);
		return { status: 'SUCCESS' };
	});
	t.after(() => {
		client.config.autoReconnect = false;
		client.getEndpoint = () => Promise.reject(new Error('the test is over')); // it comes again even so
		client.disconnect();
		client.socket?.terminate();
	});
	const before = platform.stream.connections.length;
	await client.connect();
	if (wait) await until(() => platform.stream.connections.length > before, 'the connection');
	return client;
}

const acked = push => until(() => push.ack, 'the ack');

// A call of the API as its official client makes it.
function caller(platform, token) {
	return async (method, path, body, headers = {}) => {
		const answer = await fetch(platform.url + path, { method, body: typeof body === 'string' ? body : JSON.stringify(body),
			headers: { accept: 'application/json', 'content-type': 'application/json; charset=utf-8',
				...(token ? { 'x-acs-dingtalk-access-token': token } : {}), ...headers } });
		return { status: answer.status, body: await answer.json().catch(() => null) };
	};
}

async function signedIn(platform) {
	const answer = await caller(platform)('POST', '/v1.0/oauth2/accessToken', { appKey: APP.client_id, appSecret: APP.client_secret });
	assert.equal(answer.body.expireIn, platform.options.tokenLife);
	return caller(platform, answer.body.accessToken);
}

const card = (more = {}) => ({
	cardTemplateId: TEMPLATE, outTrackId: 'run_f41dc0c17de51c0ed5c5', callbackType: 'STREAM', cardData: { cardParamMap: { content: '' } },
		userIdType: 1,
	openSpaceId: `dtv1.card//IM_GROUP.${GROUP}`, imGroupOpenSpaceModel: { supportForward: true, lastMessageI18n: { ZH_CN: '处理中' } },
	imGroupOpenDeliverModel: { robotCode: APP.client_id, atUserIds: { zhangsan: '张三' } }, ...more,
});
const frame = (content, more = {}) => ({ outTrackId: 'run_f41dc0c17de51c0ed5c5', guid: bodies.hex(),
	key: 'content', content, isFull: true, isFinalize: false, isError: false, ...more });

test('the client opens with a ticket, is heard at once, and every kind of push is acknowledged', async t => {
	const platform = await begin(t);
	const client = await connect(t, platform);
	const [open] = platform.stream.opens;
	assert.equal(open.client_id, APP.client_id);
	assert.deepEqual(open.body.subscriptions.map(one => one.topic), ['*', TOPIC_ROBOT, TOPIC_CARD]);
	const code = platform.files.put(Buffer.from('x'));
	for (const message of [
		{ chat: GROUP, text: ' 今天的发布窗口是几点？' }, { chat: GROUP, text: ' 给 发个消息', mentions: ['manager9064'] }, { chat: GROUP, text: ' ' },
		{ text: '第一行\n第二行\t"引号" \\ 😀' }, { chat: GROUP, type: 'richText', pieces: [{ text: '@小满' }, { text: '看图' }, { code }, { text: '\n' }] },
		{ type: 'picture', code, pictureCode: code }, { type: 'audio', code, recognition: '几点开门' }, { type: 'audio', code }, { type: 'video', code },
		{ type: 'file', code, name: '对账单.xlsx' }, { type: 'unknownMsgType' }, { chat: GROUP, text: 'x', user: 'wai', staff: null },
			{ text: 'x', staff: '' },
		{ chat: GROUP, text: ' 这个', reply: bodies.replied({ text: '先前的话' }) },
	]) {
		const said = platform.say(APP.client_id, message);
		assert.ok(said.delivered);
		await acked(said.push);
		assert.deepEqual(JSON.parse(client.heard.at(-1).data), JSON.parse(JSON.stringify(said.body)));
		assert.equal(said.push.frame.headers.messageId, client.heard.at(-1).headers.messageId);
	}
	const ping = platform.stream.ping(platform.stream.connections[0]);
	const event = platform.stream.push(APP.client_id, 'EVENT', '*', { openConversationId: GROUP },
		{ headers: { eventId: bodies.hex(), eventType: 'chat_add_member' } });
	for (const push of [ping, event]) await acked(push);
	for (const topic of ['CONNECTED', 'REGISTERED', 'KEEPALIVE']) platform.stream.push(APP.client_id, 'SYSTEM', topic, {},
		{ connection: platform.stream.connections[0] });
	await acked(platform.stream.ping(platform.stream.connections[0]));
	assert.ok(client.registered);
	assert.deepEqual(platform.complaints, []);
	assert.equal(platform.stream.missing(0).length, 0);
});

test('wrong secrets, tickets that are old, used or nobody\'s', async t => {
	let now = Date.now();
	const platform = await begin(t, { now: () => now });
	const wrong = await connect(t, platform, { clientSecret: 'no' }, { wait: false });
	await until(() => platform.stream.opens.length >= 3, 'it to come again');
	assert.ok(platform.stream.opens.every(one => one.refused));
	assert.equal(platform.calls[0].status, 401);
	assert.deepEqual(Object.keys(platform.calls[0].answer).sort(), ['code', 'message', 'requestid']);
	wrong.config.autoReconnect = false;
	const open = () => platform.stream.open({ clientId: APP.client_id, clientSecret: APP.client_secret, subscriptions: [{ type: 'CALLBACK',
		topic: TOPIC_ROBOT }] }, { headers: {} });
	const dial = ticket => new Promise(resolve => {
		const socket = new WebSocket(`${platform.ws_url}/connect?ticket=${encodeURIComponent(ticket)}`);
		socket.on('open', () => resolve(101)).on('unexpected-response', (request, response) => resolve(response.statusCode)).on('error', () => {});
		t.after(() => socket.terminate());
	});
	const { ticket } = open();
	assert.equal(await dial(ticket), 101);
	assert.equal(await dial(ticket), 401);
	assert.deepEqual(platform.complaints, ['a ticket is used twice']);
	const old = open();
	now += 90_000;
	assert.equal(await dial(old.ticket), 401);
	assert.equal(await dial('nobodys'), 401);
});

test('several connections: each push to one of them; disconnect, ends, refused upgrades: it comes back with new tickets', async t => {
	const platform = await begin(t);
	const [first, second] = [await connect(t, platform), await connect(t, platform)];
	for (let i = 0; i < 40; i++) await acked(platform.say(APP.client_id, { text: `${i}` }).push);
	assert.equal(first.heard.length + second.heard.length, 40);
	assert.ok(first.heard.length === 20 && second.heard.length === 20);
	const [one] = platform.stream.connections;
	platform.stream.disconnect(one);
	for (let i = 0; i < 10; i++) assert.equal(platform.say(APP.client_id, { text: 'x' }).push.connection.number, 2);
	await until(() => one.closed, 'its end');
	await until(() => platform.stream.connections.length === 3, 'the third');
	platform.stream.refuse(503, 2);
	platform.stream.connections[1].socket.terminate();
	await until(() => platform.stream.connections.length === 4, 'the fourth');
	assert.deepEqual(platform.stream.upgrades.map(entry => entry.status), [101, 101, 101, 503, 503, 101]);
	assert.equal(new Set(platform.stream.upgrades.map(entry => entry.ticket)).size, 6);
	assert.deepEqual(platform.complaints, []);
});

test('nobody there, a frozen connection, deafness; a message that is not acknowledged comes again', async t => {
	const platform = await begin(t, { redeliver: [30, 60] });
	assert.equal(platform.say(APP.client_id, { text: 'x' }).delivered, false);
	let silent = true;
	const client = await connect(t, platform, {}, { answer: () => (silent ? undefined : {}) });
	const said = platform.say(APP.client_id, { text: '在吗' });
	await until(() => client.heard.length === 2, 'it again');
	silent = false;
	await until(() => client.heard.length === 3, 'it once more');
	assert.equal(new Set(client.heard.map(push => push.headers.messageId)).size, 3);
	assert.deepEqual(new Set(client.heard.map(push => JSON.parse(push.data).msgId)), new Set([said.msgId]));
	assert.ok(platform.stream.missing(10).length >= 2);
	platform.account(APP.client_id).deaf = true;
	assert.equal(platform.say(APP.client_id, { text: 'x' }).delivered, false);
	platform.account(APP.client_id).deaf = false;
	const beating = await connect(t, platform, { keepAlive: true, autoReconnect: false }, { beat: 20 });
	const connection = platform.stream.connections[1];
	await until(() => connection.pings.length > 2, 'pings');
	assert.equal(connection.closed, null);
	connection.freeze();
	assert.equal(platform.say(APP.client_id, { text: 'x', connection }).delivered, false);
	await until(() => beating.socket.readyState === 3, 'it to give up');
	beating.disconnect();
});

test('acks are held to their shape', async t => {
	const platform = await begin(t);
	const client = await connect(t, platform, {}, { answer: () => undefined });
	const complaints = async send => {
		const before = platform.complaints.length;
		const { push } = platform.say(APP.client_id, { text: 'x' });
		await until(() => client.heard.some(one => one.headers.messageId === push.messageId), 'it');
		send(push.messageId);
		await until(() => push.ack || platform.complaints.length > before, 'it to be looked at');
		await acked(platform.stream.ping(push.connection));
		return platform.complaints.splice(before);
	};
	const ack = (messageId, more) => ({ code: 200, headers: { contentType: 'application/json', messageId }, message: 'OK', data: '{"response":null}',
		...more });
	const raw = one => client.socket.send(typeof one === 'string' ? one : JSON.stringify(one));
	assert.deepEqual(await complaints(id => client.send(id, { status: 'SUCCESS' })), []);
	assert.deepEqual(await complaints(id => raw(ack(id))), []);
	assert.deepEqual(await complaints(id => raw(ack(id, { code: '200' }))), ['ack: shape']);
	assert.deepEqual(await complaints(id => raw(ack(id, { data: { response: null } }))), ['ack: shape']);
	assert.deepEqual(await complaints(id => raw(ack(id, { data: 'OK' }))), ['ack: data is no JSON']);
	assert.deepEqual(await complaints(id => raw(ack(id, { headers: { messageId: id } }))), ['ack: contentType']);
	assert.deepEqual(await complaints(id => raw(ack(id, { code: 500 }))), [`ack: code 500 for CALLBACK ${TOPIC_ROBOT}`]);
	assert.deepEqual(await complaints(() => raw(ack('nobody'))), ['ack: of nothing that was pushed']);
	assert.deepEqual(await complaints(() => raw('{"code":')), ['ack: no JSON']);
	assert.deepEqual(await complaints(id => { raw(ack(id)); raw(ack(id)); }), ['ack: twice']);
});

test('frames in pieces, as bytes, over 64 KiB; what is malformed deafens the client as it was recorded', async t => {
	const platform = await begin(t);
	const client = await connect(t, platform);
	const [connection] = platform.stream.connections;
	const long = platform.say(APP.client_id, { text: `${'长'.repeat(30_000)}` });
	await acked(long.push);
	const push = platform.stream.push(APP.client_id, 'CALLBACK', TOPIC_ROBOT, long.body, { connection: { ...connection, account: connection.account,
		isOpen: true, send() {} } });
	push.connection = connection;
	const text = JSON.stringify(push.frame);
	connection.socket.send(text.slice(0, 100), { fin: false });
	connection.socket.ping('mid');
	connection.socket.send(text.slice(100), { fin: true });
	await acked(push);
	assert.deepEqual(platform.complaints, []);
	connection.send('[]');
	await acked(platform.say(APP.client_id, { text: 'x' }).push);
	connection.rawBytes(Buffer.from([0x88, 0x02, 0x03, 0xe9])); // close 1001
	await until(() => connection.closed === 1001, 'the close to be echoed');
	await until(() => platform.stream.connections.length === 2, 'it to come again');
	await until(() => client.connected, 'it to know');
});

test('clicks: the answer changes the card, for all and for the one; two seconds', async t => {
	const platform = await begin(t);
	let response = { cardUpdateOptions: { updateCardDataByKey: true, updatePrivateDataByKey: true }, cardData: { cardParamMap: { status: '已批准' } },
		userPrivateData: { cardParamMap: { mine: '1' } } };
	const client = await connect(t, platform, {}, { click: () => response });
	await acked(platform.say(APP.client_id, { chat: GROUP, text: 'x' }).push);
	const call = await signedIn(platform);
	const params = { content: '选一个', buttons: '[{"text":"好","id":"yes","params":{"n":"1"}},{"text":"不","id":"no"}]' };
	assert.equal((await call('POST', '/v1.0/card/instances/createAndDeliver', card({ cardData: { cardParamMap: params } }))).status, 200);
	const [bubble] = platform.view.in(GROUP);
	assert.deepEqual(platform.cards.buttons(bubble.card).map(one => one.text), ['好', '不']);
	const click = await platform.click(bubble, platform.cards.buttons(bubble.card)[0], { user: 'lisi' });
	assert.deepEqual(JSON.parse(JSON.parse(client.heard.at(-1).data).content), { cardPrivateData: { actionIds: ['yes'], params: { n: '1' } } });
	assert.equal(click.late, false);
	assert.equal(bubble.params.status, '已批准');
	assert.equal(bubble.params.content, '选一个');
	assert.deepEqual(bubble.private, { lisi: { mine: '1' } });
	response = {};
	assert.equal((await platform.click(bubble, 'no')).late, false);
	response = undefined;
	assert.equal((await platform.click(bubble, 'no', { ms: 50 })).late, true);
	assert.equal(platform.lateClicks, 1);
	assert.deepEqual(platform.complaints, []);
});

test('tokens: the same one while it lives, extended, refused, revoked; the client\'s own old one', async t => {
	let now = Date.now();
	const platform = await begin(t, { now: () => now });
	const client = await connect(t, platform);
	const ask = body => caller(platform)('POST', '/v1.0/oauth2/accessToken', body);
	const { body: { accessToken: first } } = await ask({ appKey: APP.client_id, appSecret: APP.client_secret });
	now += 7000_000;
	assert.equal((await ask({ appKey: APP.client_id, appSecret: APP.client_secret })).body.accessToken, first);
	assert.equal(await client.getAccessToken(), first);
	const corporate = await caller(platform)('POST', '/v1.0/oauth2/ding6f9b/token', { client_id: APP.client_id, client_secret: APP.client_secret,
		grant_type: 'client_credentials' });
	assert.deepEqual(corporate.body, { access_token: first, expires_in: 7200 });
	assert.equal((await ask({ appKey: APP.client_id, appSecret: 'no' })).body.code, 'invalidClientIdOrSecret');
	const call = caller(platform, first);
	const send = () => call('POST', '/v1.0/robot/groupMessages/send', { robotCode: APP.client_id, openConversationId: GROUP, msgKey: 'sampleText',
		msgParam: '{"content":"x"}' });
	assert.equal((await send()).body.code, 'resource.not.found');
	now += 7300_000;
	assert.deepEqual([(await send()).status, (await send()).body.code], [400, 'InvalidAuthentication']);
	platform.options.invalidTokenStatus = 401;
	const again = (await ask({ appKey: APP.client_id, appSecret: APP.client_secret })).body.accessToken;
	assert.notEqual(again, first);
	platform.tokens.revoke(APP.client_id);
	assert.equal((await caller(platform, again)('PUT', '/v1.0/card/streaming', frame('x'))).status, 401);
});

test('a card: created once, streamed, finished; what it is not is refused', async t => {
	const platform = await begin(t, { qps: 0 });
	await connect(t, platform);
	platform.say(APP.client_id, { chat: GROUP, text: 'x' });
	const call = await signedIn(platform);
	const create = (more, path = '/v1.0/card/instances/createAndDeliver') => call('POST', path, card(more));
	const stream = (content, more) => call('PUT', '/v1.0/card/streaming', frame(content, more));
	assert.equal((await create({ cardTemplateId: 'x.schema' })).body.code, 'param.templateNotExist');
	assert.equal((await create({ cardData: { cardParamMap: { content: 1 } } })).status, 400);
	assert.equal((await create({ openSpaceId: 'x' })).status, 400);
	assert.equal((await create({ outTrackId: 'nowhere', openSpaceId: 'dtv1.card//IM_GROUP.cidnobody' })).body.result.deliverResults[0].success,
		false);
	assert.equal((await stream('x')).body.code, 'param.cardNotExist');
	const made = await create();
	assert.deepEqual([made.status, made.body.result.deliverResults[0].success], [200, true]);
	assert.equal((await create()).body.code, 'param.cardAlreadyExist');
	const [bubble] = platform.view.in(GROUP);
	assert.deepEqual([bubble.finished, bubble.mentions], [false, ['zhangsan']]);
	assert.deepEqual((await stream('包间')).body, { success: true, result: true });
	const guid = bodies.hex();
	await stream('包间还有', { guid });
	await stream('包间还有', { guid });
	assert.equal((await stream('x', { key: 'other' })).body.code, 'invalid.content');
	await stream('包间还有一间。', { isFinalize: true });
	assert.deepEqual(bubble.texts.map(one => one.text), ['', '包间', '包间还有', '包间还有一间。']);
	assert.ok(bubble.finished && !bubble.failed);
	assert.deepEqual(platform.complaints, []);
	await stream('晚了');
	await stream('别的', { guid });
	assert.deepEqual(platform.complaints, ['a card is streamed into after its end', 'a guid with another content']);
	await create({ outTrackId: 'second', cardData: { cardParamMap: { content: '', note: '一' } } });
	platform.account(APP.client_id).latency = 30;
	await Promise.all([stream('一', { outTrackId: 'second' }), stream('二', { outTrackId: 'second' })]);
	assert.equal(platform.raced, 1);
	platform.account(APP.client_id).latency = 0;
	await stream('', { outTrackId: 'second', isError: true });
	assert.ok(platform.view.in(GROUP)[1].failed);
	await call('PUT', '/v1.0/card/instances', { outTrackId: 'second', cardData: { cardParamMap: { note: '二' } },
		cardUpdateOptions: { updateCardDataByKey: true }, userIdType: 1 });
	assert.equal(platform.cards.cards.get('second').params.note, '二');
	await call('PUT', '/v1.0/card/instances', { outTrackId: 'second', cardData: { cardParamMap: { note: '三' } }, userIdType: 1 });
	assert.deepEqual(platform.cards.cards.get('second').params, { note: '三' });
	await create({ outTrackId: 'third', openSpaceId: 'dtv1.card//IM_ROBOT.zhangsan', imRobotOpenSpaceModel: { supportForward: true },
		imRobotOpenDeliverModel: { spaceType: 'IM_ROBOT', robotCode: APP.client_id } });
	await stream('长'.repeat(3001), { outTrackId: 'third', isFinalize: true });
	assert.ok(platform.view.in(bodies.directChat(APP.client_id, 'zhangsan'))[0].blank);
});

test('sends: to groups and people, by session; what HTTP 200 hides', async t => {
	let now = Date.now();
	const platform = await begin(t, { now: () => now });
	await connect(t, platform);
	const said = platform.say(APP.client_id, { chat: GROUP, text: 'x' });
	const call = await signedIn(platform);
	const robotCode = APP.client_id;
	const text = { msgKey: 'sampleText', msgParam: JSON.stringify({ content: '好' }) };
	const group = await call('POST', '/v1.0/robot/groupMessages/send', { robotCode, openConversationId: GROUP, ...text });
	assert.ok(group.body.processQueryKey);
	assert.equal((await call('POST', '/v1.0/robot/groupMessages/send', { robotCode, openConversationId: GROUP, ...text,
		msgParam: { content: '好' } })).status, 400);
	assert.equal((await call('POST', '/v1.0/robot/groupMessages/send', { robotCode, openConversationId: GROUP, ...text,
		msgParam: JSON.stringify({ content: '长'.repeat(5000) }) })).body.code,
		'invalidParameter.msgParam.tooLong');
	platform.account(APP.client_id).flowControlled.add('zhangsan');
	const direct = () => call('POST', '/v1.0/robot/oToMessages/batchSend', { robotCode, userIds: ['zhangsan', 'nobody'], ...text });
	assert.deepEqual((({ invalidStaffIdList, flowControlledStaffIdList }) => [invalidStaffIdList, flowControlledStaffIdList])((await direct()).body),
		[['nobody'], ['zhangsan']]);
	assert.deepEqual((await direct()).body.flowControlledStaffIdList, []);
	assert.equal(platform.view.in(bodies.directChat(APP.client_id, 'zhangsan')).length, 1);
	const session = body => fetch(said.body.sessionWebhook, { method: 'POST', headers: { 'content-type': 'application/json' },
		body: JSON.stringify(body) }).then(answer => answer.json());
	assert.deepEqual(await session({ msgtype: 'markdown', markdown: { title: 't', text: '好 @zhangsan' }, at: { atUserIds: ['zhangsan'],
		isAtAll: false } }), { errcode: 0, errmsg: 'ok' });
	assert.deepEqual(platform.view.under(said.msgId).map(one => [one.text, one.mentions]), [['好 @zhangsan', ['zhangsan']]]);
	assert.equal((await session({ msgtype: 'image', image: {} })).errcode, 400105);
	await session({ msgtype: 'markdown', markdown: { title: 't', text: '好' }, at: { atUserIds: ['zhangsan'] } });
	assert.deepEqual(platform.complaints, ['an id in at that is not in the markdown']);
	assert.equal((await session({ msgtype: 'text', text: { content: '长'.repeat(7000) } })).errcode, 460101);
	now += 90 * 60_000;
	assert.deepEqual(await session({ msgtype: 'text', text: { content: 'x' } }), { errcode: 300001, errmsg: 'session 不存在' });
	assert.deepEqual((await call('POST', '/v1.0/robot/groupMessages/recall', { robotCode, openConversationId: GROUP,
		processQueryKeys: [group.body.processQueryKey, 'x'] })).body,
		{ successResult: [group.body.processQueryKey], failedResult: { x: 'not found' } });
});

test('twenty a second, the month, and faults of single calls', async t => {
	let now = Date.now();
	const platform = await begin(t, { calls: 24, uses: 2, now: () => now });
	const client = await connect(t, platform);
	platform.say(APP.client_id, { chat: GROUP, text: 'x' });
	platform.account(APP.client_id).staff.add('zhangsan');
	const call = await signedIn(platform);
	const send = (more = {}) => call('POST', '/v1.0/robot/groupMessages/send', { robotCode: APP.client_id, openConversationId: GROUP,
		msgKey: 'sampleText', msgParam: '{"content":"x"}', ...more });
	const answers = await Promise.all(Array.from({ length: 23 }, () => send()));
	assert.deepEqual([answers.filter(one => one.status === 200).length,
		answers.filter(one => one.body.code === 'Forbidden.AccessDenied.QpsLimitForAppkeyAndApi').length], [20, 3]);
	assert.equal(platform.counts.calls, 20);
	now += 1000;
	platform.fault({ path: /groupMessages/, status: 504 }).fault({ path: /groupMessages/, reset: 'after' }).fault({ path: /groupMessages/,
		code: 'system.busy', status: 500 });
	assert.equal((await send()).status, 504);
	await assert.rejects(send());
	assert.equal(platform.view.in(GROUP).length, 21);
	assert.equal((await send()).body.code, 'system.busy');
	for (let i = 0; i < 3; i++) assert.equal((await send()).status, 200);
	assert.deepEqual([(await send()).status, (await send()).body.code], [403, 'Forbidden.AccessDenied.ApiCountLimitForOrg']);
	await acked(platform.say(APP.client_id, { text: 'y' }).push);
	const over = platform.say(APP.client_id, { chat: GROUP, text: 'z' });
	await acked(over.push);
	const heard = JSON.parse(client.heard.at(-1).data);
	assert.deepEqual([heard.errorCode, heard.text, heard.msgId], [20001, undefined, over.msgId]);
});

test('media: codes become addresses for a while; uploads', async t => {
	let now = Date.now();
	const platform = await begin(t, { now: () => now });
	await connect(t, platform);
	const call = await signedIn(platform);
	const data = Buffer.from('a picture');
	const code = platform.files.put(data, { failures: 1 });
	const ask = (downloadCode, robotCode = APP.client_id) => call('POST', '/v1.0/robot/messageFiles/download', { downloadCode, robotCode });
	const { body: { downloadUrl } } = await ask(code);
	assert.equal((await fetch(downloadUrl)).status, 503);
	assert.deepEqual(Buffer.from(await (await fetch(downloadUrl)).arrayBuffer()), data);
	assert.equal((await fetch(downloadUrl.replace('%2F', '/'))).status, 403);
	assert.equal((await ask('nobodys')).body.code, 'invalidParameter.robotCode.downloadCode');
	assert.equal((await ask(code, 'other')).body.code, 'invalidParameter.robotCode.auth');
	now += 61 * 60_000;
	assert.equal((await fetch(downloadUrl)).status, 403);
	assert.equal((await ask(code)).status, 400);
	const { body: { accessToken } } = await caller(platform)('POST', '/v1.0/oauth2/accessToken', { appKey: APP.client_id,
		appSecret: APP.client_secret });
	const form = new FormData();
	form.set('type', 'image');
	form.set('media', new Blob([data], { type: 'image/png' }), 'a.png');
	const upload = token => fetch(`${platform.url}/media/upload?access_token=${token}&type=image`, { method: 'POST',
		body: form }).then(answer => answer.json());
	assert.equal((await upload('x')).errcode, 40014);
	const { media_id, errcode } = await upload(accessToken);
	assert.equal(errcode, 0);
	assert.deepEqual(platform.files.media.get(media_id).data, data);
	platform.account(APP.client_id).staff.add('zhangsan');
	const show = photoURL => caller(platform, accessToken)('POST', '/v1.0/robot/oToMessages/batchSend', { robotCode: APP.client_id,
		userIds: ['zhangsan'], msgKey: 'sampleImageMsg', msgParam: JSON.stringify({ photoURL }) });
	await show(media_id);
	assert.deepEqual(platform.view.bubbles[0].media.data, data);
	await show(media_id.slice(1));
	assert.equal(platform.complaints.length, 1);
});

test('custom robots: signed, twenty a minute, then silent for ten', async t => {
	let now = 1767225600000;
	const platform = await begin(t, { now: () => now });
	const secret = 'SEC0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff';
	const url = platform.robots.add('token1', { chat: GROUP, secret });
	const send = async (text, { timestamp = String(now), key = secret, ...more } = {}) => {
		const sign = encodeURIComponent(robotSign(key, timestamp));
		const answer = await fetch(`${url}&timestamp=${timestamp}&sign=${sign}`, { method: 'POST', headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ msgtype: 'text', text: { content: text }, ...more }) });
		return (await answer.json()).errcode;
	};
	assert.equal(await send('x', { key: 'no' }), 310000);
	assert.equal(await send('x', { timestamp: String(now - 2 * 3600_000) }), 310000);
	assert.equal(await send('报告', { msgUuid: 'u1' }), 0);
	assert.equal(await send('报告', { msgUuid: 'u1' }), 0);
	assert.equal(platform.view.in(GROUP).length, 1);
	for (let i = 1; i < 20; i++) assert.equal(await send(`${i}`), 0);
	assert.equal(await send('20'), 410100);
	now += 9 * 60_000;
	assert.equal(await send('21'), 410100);
	now += 61_000;
	assert.equal(await send('22'), 0);
	platform.robots.add('token2', { keywords: ['日报'] });
	const plain = content => fetch(`${platform.url}/robot/send?access_token=token2`, { method: 'POST',
		headers: { 'content-type': 'application/json' }, body: JSON.stringify({ msgtype: 'text',
		text: { content } }) }).then(answer => answer.json());
	assert.deepEqual([(await plain('x')).errcode, (await plain('日报：好')).errcode], [310000, 0]);
});

test('HTTP mode: signed, answered by a message or nothing; clicks by HTTP', async t => {
	const platform = await begin(t);
	const seen = [];
	let answer = '{}';
	const server = http.createServer(async (request, response) => {
		const chunks = [];
		for await (const chunk of request) chunks.push(chunk);
		seen.push({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks)) });
		response.end(answer);
	});
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	t.after(() => server.close());
	const url = `http://127.0.0.1:${server.address().port}/hook`;
	const said = await platform.callback.say(APP.client_id, url, { chat: GROUP, text: ' 在吗' });
	assert.ok(said.delivered);
	const { headers, body } = seen[0];
	assert.equal(headers.sign, robotSign(APP.client_secret, headers.timestamp));
	assert.equal(robotSign(APP.client_secret, '1767225600000'), '6KjzLyZQegkALGaQod9kgoulVPeZDP3p1Ayd0VXaCvc=', 'as the documents sign');
	assert.equal(body.msgId, said.msgId);
	answer = '{"msgtype":"text","text":{"content":"在"}}';
	await platform.callback.say(APP.client_id, url, { chat: GROUP, text: ' 在吗' });
	assert.equal(platform.view.in(GROUP)[0].text, '在');
	const call = await signedIn(platform);
	await call('POST', '/v1.0/card/callbacks/register', { callbackRouteKey: 'k', callbackUrl: url, apiSecret: 's', forceUpdate: true });
	await call('POST', '/v1.0/card/instances/createAndDeliver', card({ callbackType: 'HTTP', callbackRouteKey: 'k' }));
	answer = '{"cardData":{"cardParamMap":{"status":"好"}},"cardUpdateOptions":{"updateCardDataByKey":true}}';
	const bubble = platform.view.in(GROUP)[1];
	const click = await platform.click(bubble, 'yes');
	assert.equal(click.late, false);
	assert.equal(bubble.params.status, '好');
	assert.equal(seen.at(-1).headers['x-ddpaas-signature'], cardSign('s', seen.at(-1).headers['x-ddpaas-signature-timestamp']));
	assert.equal(cardSign('SEC0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff', '1767225600000'),
		'81/PgacMJ4E109OQSjededxVFzy8Be4q7b1t2NSXF4g=');
});

test('an app is made by a scan', async t => {
	let now = Date.now();
	const platform = await begin(t, { apps: [], now: () => now });
	const step = (name, body) => fetch(`${platform.url}/app/registration/${name}`, { method: 'POST', headers: { 'content-type': 'application/json' },
		body: JSON.stringify(body) }).then(answer => answer.json());
	const { nonce } = await step('init', { source: 'qungong' });
	const begun = await step('begin', { nonce });
	assert.match(begun.verification_uri_complete, /^https:\/\/open-dev\.dingtalk\.com\/.*user_code=/);
	assert.notEqual((await step('begin', { nonce })).errcode, 0);
	assert.equal((await step('poll', { device_code: begun.device_code })).status, 'WAITING');
	platform.console.confirm(platform.console.scans.get(begun.device_code), APP);
	const { status, client_id, client_secret } = await step('poll', { device_code: begun.device_code });
	assert.deepEqual([status, client_id, client_secret], ['SUCCESS', APP.client_id, APP.client_secret]);
	const late = await step('begin', { nonce: (await step('init', { source: 'qungong' })).nonce });
	now += 7200_001;
	assert.equal((await step('poll', { device_code: late.device_code })).status, 'EXPIRED');
});
