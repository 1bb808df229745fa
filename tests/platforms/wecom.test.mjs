// wecom.test.mjs - the official packages judge the stand-in: @wecom/aibot-node-sdk speaks its long connection,
// @wecom/crypto opens and seals its webhooks; both behave against it as they did in their recordings.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import * as official from '@wecom/crypto';
import sdk from '@wecom/aibot-node-sdk';
import { startWecom } from './wecom.mjs';
import * as bodies from './wecom/bodies.mjs';
import { keyOf, md5, open, seal, sign } from './wecom/crypt.mjs';

const { WSClient } = sdk;
const BOT = {
	bot_id: 'aibQ7mN2x',
	secret: 'secret-of-the-bot',
	name: '小满',
	token: 'callbackToken7',
	encoding_aes_key: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C',
};
const silent = { error() {}, warn() {}, info() {}, debug() {} };

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
	const platform = await startWecom({ bots: [BOT], kickedCloseMs: 50, ...options });
	t.after(() => platform.close());
	return platform;
}

// A client of the SDK that is subscribed, with all it raised in `heard`.
async function connect(t, platform, options = {}, { wait = true } = {}) {
	const client = new WSClient({
		botId: BOT.bot_id,
		secret: BOT.secret,
		wsUrl: platform.ws_url,
		logger: silent,
		reconnectInterval: 20,
		...options,
	});
	const heard = [];
	const emit = client.emit.bind(client);
	client.emit = (name, ...args) => {
		heard.push({ name, args });
		return name === 'error' ? true : emit(name, ...args);
	};
	client.heard = heard;
	client.named = name => heard.filter(one => one.name === name);
	t.after(() => client.disconnect());
	client.connect();
	if (wait) await until(() => client.named('authenticated').length > 0, 'the subscription');
	return client;
}

const code = expected => error => (error.errcode ?? /errcode[^\d-]*(-?\d+)/.exec(error.message)?.[1] | 0) === expected;

async function hear(client, platform, message) {
	const before = client.named('message').length;
	const said = platform.say(BOT.bot_id, message);
	assert.ok(said.delivered);
	await until(() => client.named('message').length > before, 'the message');
	const [frame] = client.named('message').at(-1).args;
	assert.equal(frame.headers.req_id, said.req_id);
	return { said, frame };
}

test('subscribe, ping, wrong secrets', async t => {
	const platform = await begin(t);
	const client = await connect(t, platform, { heartbeatInterval: 15 });
	await until(() => platform.socket.frames.filter(one => one.frame.cmd === 'ping').length >= 4, 'pings');
	assert.equal(platform.socket.connections.length, 1, 'all of them answered');
	assert.ok(client.isConnected);
	client.disconnect();
	const wrong = await connect(t, platform, { secret: 'no', maxAuthFailureAttempts: 2 }, { wait: false });
	await until(() => wrong.named('error').some(one => one.args[0].code === 'WS_AUTH_FAILURE_EXHAUSTED'), 'it to give up');
	const subscribes = platform.socket.frames.filter(one => one.frame.cmd === 'aibot_subscribe');
	assert.deepEqual(subscribes.map(one => one.errcode), [0, 853000, 853000, 853000]);
});

test('every inbound type raises its event', async t => {
	const platform = await begin(t);
	const client = await connect(t, platform);
	const media = { url: 'https://example.invalid/a?sign=x', aeskey: 'glTDKakoUPbVOd03b0gW7idkUX2l4CNVFK9DMWRIDXo=' };
	const text = { type: 'text', text: '你好' };
	for (const [message, name] of [
		[{ ...text, quote: { type: 'text', text: '先前的话' } }, 'message.text'],
		[{ type: 'image', media }, 'message.image'],
		[{ type: 'mixed', chat: 'wrA7', items: [text, { type: 'image', media }] }, 'message.mixed'],
		[{ type: 'voice', text: '说的话' }, 'message.voice'],
		[{ type: 'file', media }, 'message.file'],
		[{ type: 'video', media }, 'message.video'],
		[{ type: 'something_new' }, 'message'],
	]) {
		const { said, frame } = await hear(client, platform, message);
		assert.deepEqual(frame.body, said.body);
		await until(() => client.named(name).some(one => one.args[0].body.msgid === said.msgid), name);
	}
	platform.enter(BOT.bot_id);
	await until(() => client.named('event.enter_chat').length === 1, 'enter_chat');
	platform.feedback(BOT.bot_id, 'trace_1', 2);
	await until(() => client.named('event.feedback_event').length === 1, 'feedback');
	const before = client.heard.length;
	for (const junk of ['this is no JSON', { headers: { req_id: 'nobody-waits' }, errcode: 0 }, { cmd: 'aibot_msg_callback', headers: { req_id: 'x' } }]) {
		platform.raw(BOT.bot_id, junk);
	}
	const raw = '{"cmd":"aibot_msg_callback","headers":{"req_id":"raw1"},"body":{"msgid":"m1","msgtype":"text","text":{"content":"bell\u0007"}}}';
	platform.raw(BOT.bot_id, raw);
	await until(() => client.heard.slice(before).some(one => one.args[0]?.body?.msgid === 'm1'), 'the raw one');
	assert.ok(client.isConnected);
});

test('a stream: snapshots one after the other, the last one stays', async t => {
	const platform = await begin(t);
	const client = await connect(t, platform);
	platform.account(BOT.bot_id).latency = 10;
	const { said, frame } = await hear(client, platform, { text: '@小满 列一下', chat: 'wrA7', user: 'li' });
	await Promise.all([
		client.replyStream(frame, 's1', '<think>看', false, undefined, { id: 'trace_f1' }),
		client.replyStream(frame, 's1', '一'),
		client.replyStream(frame, 's1', '一二'),
		client.replyStream(frame, 's1', '一二三', true),
	]);
	await client.replyStream(frame, 's2', '再一句', true);
	assert.equal(platform.raced, 0);
	const [first, second] = platform.view.under(said.msgid);
	assert.deepEqual(first.texts.map(one => one.text), ['<think>看', '一', '一二', '一二三']);
	assert.ok(first.finished);
	assert.equal(first.feedback_id, 'trace_f1');
	assert.equal(first.chat, 'wrA7');
	assert.equal(second.text, '再一句');
	await client.replyStream(frame, 's1', '一二三', true); // said again, its answer lost
	await assert.rejects(client.replyStream(frame, 's1', '别的', true), code(846608));
	await assert.rejects(client.replyStream(frame, 's3', 'x'.repeat(20481)), code(45002));
	await assert.rejects(client.reply(frame, { msgtype: 'text', text: { content: 'x' } }), code(40008));
	await client.reply(frame, { msgtype: 'markdown', markdown: { content: '**好**' } });
	assert.equal(platform.view.under(said.msgid).at(-1).text, '**好**');
});

test('streams end after six quiet minutes and in their tenth', async t => {
	let now = Date.now();
	const platform = await begin(t, { now: () => now });
	const client = await connect(t, platform);
	const { said, frame } = await hear(client, platform, { text: '查' });
	await client.replyStream(frame, 'quiet', '查');
	await client.replyStream(frame, 'long', '查');
	now += 4 * 60_000;
	await client.replyStream(frame, 'long', '查着');
	now += 2 * 60_000;
	await assert.rejects(client.replyStream(frame, 'quiet', '完', true), code(846608));
	now += 3.9 * 60_000;
	await client.replyStream(frame, 'long', '还查着').catch(() => assert.fail('within ten minutes'));
	now += 0.2 * 60_000;
	await assert.rejects(client.replyStream(frame, 'long', '完', true), code(846608));
	await client.replyStream(frame, 'next', '完', true);
	assert.deepEqual(platform.view.under(said.msgid).map(one => [one.finished, Boolean(one.expired)]),
		[[false, true], [false, true], [true, false]]);
});

test('a req_id belongs to its connection and its purpose', async t => {
	let now = Date.now();
	const platform = await begin(t, { now: () => now });
	const client = await connect(t, platform);
	const { frame } = await hear(client, platform, { text: '在吗' });
	await assert.rejects(client.replyWelcome(frame, { msgtype: 'text', text: { content: '您好' } }), code(846605));
	const entered = platform.enter(BOT.bot_id);
	const enter = { headers: { req_id: entered.req_id } };
	await assert.rejects(client.replyStream(enter, 's', 'x', true), code(846605));
	await client.replyWelcome(enter, { msgtype: 'text', text: { content: '您好' } });
	assert.equal(platform.view.under(entered.msgid)[0].text, '您好');
	const late = platform.enter(BOT.bot_id);
	now += 5_100;
	await assert.rejects(client.replyWelcome({ headers: { req_id: late.req_id } }, { msgtype: 'text', text: { content: '您好' } }), code(846605));
	platform.account(BOT.bot_id).connection.socket.terminate();
	await until(() => client.named('authenticated').length === 2, 'the second connection');
	await assert.rejects(client.replyStream(frame, 's', 'x', true), code(846605));
	await client.sendMessage('zhangsan', { msgtype: 'markdown', markdown: { content: '推过来' } });
	assert.equal(platform.view.in('zhangsan').at(-1).via, 'send');
	await assert.rejects(client.sendMessage('nobody', { msgtype: 'markdown', markdown: { content: 'x' } }), code(93006));
});

test('cards: buttons, clicks in time, the new card for some', async t => {
	let now = Date.now();
	const platform = await begin(t, { now: () => now });
	const client = await connect(t, platform);
	const { said, frame } = await hear(client, platform, { text: '选', chat: 'wrA7' });
	const card = { card_type: 'button_interaction', main_title: { title: '选一个' }, task_id: 't-1', button_list: [{ text: '好', key: 'yes' }, { text: '不', key: 'no' }] };
	await assert.rejects(client.replyTemplateCard(frame, { ...card, task_id: 'not allowed!' }), code(40058));
	await assert.rejects(client.replyTemplateCard(frame, { ...card, button_list: [] }), code(40058));
	await client.replyTemplateCard(frame, card);
	const [bubble] = platform.view.under(said.msgid);
	const click = platform.click(BOT.bot_id, bubble, '好', { user: 'li' });
	await until(() => client.named('event.template_card_event').length === 1, 'the click');
	assert.equal(client.named('event.template_card_event')[0].args[0].body.event.template_card_event.event_key, 'yes');
	const after = { card_type: 'text_notice', main_title: { title: '好' }, task_id: 't-1', card_action: { type: 1, url: 'https://example.invalid' } };
	await assert.rejects(client.updateTemplateCard({ headers: { req_id: click.req_id } }, { ...after, task_id: 't-2' }), code(40058));
	await client.updateTemplateCard({ headers: { req_id: click.req_id } }, after);
	assert.equal(bubble.card.main_title.title, '好');
	const again = platform.click(BOT.bot_id, { ...bubble, card }, 'no', { user: 'wu' });
	now += 5_100;
	await assert.rejects(client.updateTemplateCard({ headers: { req_id: again.req_id } }, after, ['wu']), code(846605));
});

test('uploads in chunks, the sum is looked at, media are sent', async t => {
	const platform = await begin(t);
	const client = await connect(t, platform);
	const { said, frame } = await hear(client, platform, { text: '图呢' });
	const data = Buffer.alloc(1_300_000, 'png ');
	platform.fault({ cmd: 'aibot_upload_media_chunk', skip: 1, errcode: -1 }); // it is tried again
	const media = await client.uploadMedia(data, { type: 'image', filename: '图.png' });
	await client.replyMedia(frame, 'image', media.media_id);
	await client.sendMediaMessage('zhangsan', 'image', media.media_id);
	assert.deepEqual(platform.view.under(said.msgid)[0].media.data, data);
	assert.equal(platform.view.in('zhangsan').length, 2);
	await assert.rejects(client.replyMedia(frame, 'file', media.media_id), code(40007));
	const { upload_id } = platform.files.init(BOT.bot_id, { type: 'file', filename: 'a', total_size: 5, total_chunks: 1, md5: md5('other') });
	platform.files.chunk(BOT.bot_id, { upload_id, chunk_index: 0, base64_data: Buffer.from('12345').toString('base64') });
	assert.throws(() => platform.files.finish(BOT.bot_id, { upload_id }), { code: 40058 });
});

test('the second subscriber kicks the first, which stays away', async t => {
	const platform = await begin(t);
	const first = await connect(t, platform);
	await connect(t, platform);
	await until(() => first.named('event.disconnected_event').length === 1, 'the event');
	await until(() => platform.socket.connections[0].closed, 'its end');
	assert.equal(platform.account(BOT.bot_id).subscribed.length, 2);
	assert.equal(platform.account(BOT.bot_id).connection.number, 2);
});

test('faults: withheld and late answers, codes, no pongs, ends, deafness', async t => {
	const platform = await begin(t);
	const client = await connect(t, platform, { heartbeatInterval: 40 });
	const { said, frame } = await hear(client, platform, { text: '在吗' });
	for (const errcode of [846608, 846605, 6000, 846609]) {
		platform.fault({ cmd: 'aibot_respond_msg', errcode });
		await assert.rejects(client.replyStream(frame, `s${errcode}`, 'x'), code(errcode));
	}
	assert.equal(platform.view.under(said.msgid).length, 0);
	platform.fault({ cmd: 'aibot_respond_msg', late: 60 });
	const before = Date.now();
	await client.replyStream(frame, 'late', 'x', true);
	assert.ok(Date.now() - before >= 55);
	platform.account(BOT.bot_id).deaf = true;
	assert.equal(platform.say(BOT.bot_id, { text: '听得到吗' }).delivered, false);
	platform.account(BOT.bot_id).deaf = false;
	platform.account(BOT.bot_id).noPongs = true;
	await until(() => platform.socket.connections.length === 2, 'a new connection after two pings');
	platform.account(BOT.bot_id).noPongs = false;
	await until(() => client.named('authenticated').length >= 2, 'the subscription');
	platform.fault({ cmd: 'ping', close: 1000 });
	await until(() => client.named('authenticated').length >= 3, 'another one');
	platform.socket.refuse(503, 2);
	platform.fault({ cmd: 'ping', reset: 'before' });
	await until(() => client.named('authenticated').length >= 4, 'the fourth, behind two refusals');
});

test('two frames at once under one req_id: the second is a conflict', async t => {
	const platform = await begin(t);
	const client = await connect(t, platform);
	const { frame } = await hear(client, platform, { text: '在吗' });
	platform.account(BOT.bot_id).latency = 3600_000; // the first one's answer does not come
	const [connection] = platform.socket.connections;
	platform.socket.answer(connection, { cmd: 'aibot_respond_msg', headers: frame.headers, body: { msgtype: 'stream', stream: { id: 's', content: '二' } } }, {});
	client.replyStream(frame, 's', '一').catch(() => {});
	await until(() => platform.socket.frames.at(-1).errcode === 6000, 'the conflict');
	assert.equal(platform.raced, 1);
});

test('30 a minute in a chat, where it is asked for', async t => {
	const platform = await begin(t, { minute: 30 });
	const client = await connect(t, platform);
	const { frame } = await hear(client, platform, { text: '在吗' });
	for (let i = 0; i < 30; i++) await client.reply(frame, { msgtype: 'markdown', markdown: { content: String(i) } });
	await assert.rejects(client.reply(frame, { msgtype: 'markdown', markdown: { content: 'x' } }), code(45009));
});

test('three questions at a time, where it is asked for', async t => {
	const platform = await begin(t, { inFlight: 3 });
	const client = await connect(t, platform);
	const heard = [];
	for (let i = 0; i < 3; i++) heard.push(await hear(client, platform, { text: `第${i}件` }));
	assert.equal(platform.say(BOT.bot_id, { text: '第四件' }).delivered, false);
	assert.ok(platform.say(BOT.bot_id, { text: '别人的', user: 'li' }).delivered);
	await client.replyStream(heard[0].frame, 's', '在办');
	assert.equal(platform.say(BOT.bot_id, { text: '第四件' }).delivered, false);
	await client.replyStream(heard[0].frame, 's', '办好了', true);
	assert.ok(platform.say(BOT.bot_id, { text: '第四件' }).delivered);
});

test('media: the SDK downloads and opens them, for five minutes', async t => {
	let now = Date.now();
	const platform = await begin(t, { now: () => now });
	const client = await connect(t, platform);
	const data = Buffer.from('文件的内容'.repeat(100));
	for (const aeskeyPadded of [true, false]) {
		const { url, aeskey } = platform.files.put(data, { name: '菜单 表.pdf', aeskeyPadded });
		const { buffer, filename } = await client.downloadFile(url, aeskey);
		assert.deepEqual(buffer, data);
		assert.equal(filename, '菜单 表.pdf');
	}
	const broken = platform.files.put(data, { broken: 'padding' });
	await assert.rejects(client.downloadFile(broken.url, broken.aeskey));
	const busy = platform.files.put(data, { failures: 1 });
	await assert.rejects(client.downloadFile(busy.url, busy.aeskey), /503/);
	assert.deepEqual((await client.downloadFile(busy.url, busy.aeskey)).buffer, data);
	const { url } = await client.downloadFile(busy.url, busy.aeskey).then(() => busy);
	await assert.rejects(client.downloadFile(url.replace('%3D', '='), busy.aeskey), /403/);
	now += 5 * 60_000;
	await assert.rejects(client.downloadFile(busy.url, busy.aeskey), /403/);
});

// ---- the webhook, with @wecom/crypto as the bot ----

// A bot in a few lines on the official package: reply(body) is what it says.
async function bot(t, reply) {
	const heard = [];
	const server = http.createServer(async (request, response) => {
		const url = new URL(request.url, 'http://bot');
		const query = Object.fromEntries(url.searchParams);
		const chunks = [];
		for await (const chunk of request) chunks.push(chunk);
		const encrypt = query.echostr ?? JSON.parse(Buffer.concat(chunks)).encrypt;
		if (official.getSignature(BOT.token, query.timestamp, query.nonce, encrypt) !== query.msg_signature) {
			return response.writeHead(401).end();
		}
		const { message, id } = official.decrypt(BOT.encoding_aes_key, encrypt);
		assert.equal(id, '');
		if (query.echostr) return response.end(message);
		const body = JSON.parse(message);
		heard.push(body);
		const said = await reply(body);
		if (said === null) return response.end();
		if (typeof said === 'number') return response.writeHead(said).end();
		const sealed = official.encrypt(BOT.encoding_aes_key, JSON.stringify(said), '');
		const timestamp = Math.floor(Date.now() / 1000);
		return response.end(JSON.stringify({ encrypt: sealed, timestamp, nonce: query.nonce,
			msgsignature: official.getSignature(BOT.token, timestamp, query.nonce, sealed) }));
	});
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return { url: `http://127.0.0.1:${server.address().port}/hook/x`, heard };
}

test('the envelope is the official one, both ways', () => {
	const key = keyOf(BOT.encoding_aes_key);
	for (const text of ['', 'x', '{"a":"今天的发布"}'.repeat(50), 'y'.repeat(12), 'z'.repeat(44)]) {
		assert.equal(official.decrypt(BOT.encoding_aes_key, seal(key, text)).message, text);
		assert.equal(open(key, official.encrypt(BOT.encoding_aes_key, text, '')), text);
	}
	assert.equal(sign('t', '99', '1700000000', 'abc='), official.getSignature('t', '99', '1700000000', 'abc='));
	assert.throws(() => open(key, official.encrypt(BOT.encoding_aes_key, 'x', 'wwcorp')), /receive id/);
});

test('a stream is polled until it ends, by its whole texts', async t => {
	const platform = await begin(t, { pollMs: 10 });
	let polls = 0;
	const { url, heard } = await bot(t, body => {
		const stream = (content, finish) => ({ msgtype: 'stream', stream: { id: 'st-1', content, finish } });
		if (body.msgtype !== 'stream') return stream('', false);
		return ++polls === 2 ? 503 : stream('一二三'.slice(0, polls), polls >= 4);
	});
	assert.ok(await platform.callback.verify(BOT.bot_id, url));
	const { msgid } = await platform.callback.say(BOT.bot_id, url, { text: '@小满 数', chat: 'wrA7' });
	await until(() => platform.view.under(msgid)[0]?.finished, 'the end');
	const [bubble] = platform.view.under(msgid);
	assert.deepEqual(bubble.texts.map(one => one.text), ['', '一', '一二三']);
	assert.equal(bubble.misses, 1);
	assert.equal(heard[1].stream.id, 'st-1');
	assert.equal(heard[1].response_url, undefined);
	assert.deepEqual(platform.complaints, []);
});

test('polls end six minutes after the message', async t => {
	let now = Date.now();
	const platform = await begin(t, { pollMs: 5, now: () => now });
	const { url } = await bot(t, () => ({ msgtype: 'stream', stream: { id: 'st-2', content: '查', finish: false } }));
	const { msgid } = await platform.callback.say(BOT.bot_id, url, { text: '查' });
	const [bubble] = platform.view.under(msgid);
	await until(() => bubble.polls >= 3, 'polls');
	now += 6 * 60_000;
	await until(() => bubble.expired, 'the end');
	assert.equal(platform.callback.polling.size, 0);
	assert.equal(bubble.finished, false);
});

test('redelivery, response_url once, events, complaints', async t => {
	const platform = await begin(t, { pollMs: 10 });
	let failures = 2;
	const { url, heard } = await bot(t, body => {
		if (body.event?.eventtype === 'enter_chat') return { msgtype: 'text', text: { content: '您好' } };
		if (body.event) return { response_type: 'update_template_card', template_card: { card_type: 'text_notice', main_title: { title: '好' }, task_id: 't-9', card_action: { type: 1, url: 'https://example.invalid' } } };
		if (body.text.content === '文字') return { msgtype: 'text', text: { content: '不行' } };
		if (failures-- > 0) return 503;
		return { msgtype: 'template_card', template_card: { card_type: 'button_interaction', main_title: { title: '选' }, task_id: 't-9', button_list: [{ text: '好', key: 'yes' }] } };
	});
	const { msgid, body } = await platform.callback.say(BOT.bot_id, url, { text: '选' }, { wait: 1 });
	assert.equal(heard.filter(one => one.msgid === msgid).length, 3);
	const [card] = platform.view.under(msgid);
	await platform.callback.event(BOT.bot_id, url, { user: 'zhangsan' }, bodies.click(card.card, 'yes'));
	assert.equal(card.card.main_title.title, '好');
	const entered = await platform.callback.event(BOT.bot_id, url, { user: 'zhangsan' }, bodies.enterChat());
	assert.equal(platform.view.under(entered.msgid)[0].text, '您好');
	assert.deepEqual(platform.complaints, []);
	await platform.callback.say(BOT.bot_id, url, { text: '文字' });
	assert.equal(platform.complaints.length, 1);
	const post = words => fetch(body.response_url, { method: 'POST', body: JSON.stringify({ msgtype: 'markdown', markdown: { content: words } }) }).then(one => one.json());
	assert.equal((await post('迟来的')).errcode, 0);
	assert.equal((await post('再来')).errcode, 60140);
	assert.equal(platform.view.under(msgid).at(-1).text, '迟来的');
});

test('a robot of a group, and a bot made by QR', async t => {
	let now = Date.now();
	const platform = await begin(t, { now: () => now });
	const url = platform.robots.add('key-1', 'wrRobot');
	const post = (address, body) => fetch(address, { method: 'POST', body: JSON.stringify(body) }).then(one => one.json());
	const text = content => ({ msgtype: 'markdown_v2', markdown_v2: { content } });
	assert.equal((await post(url, text('# 日报'))).errcode, 0);
	assert.equal((await post(url, text('x'.repeat(4097)))).errcode, 45002);
	assert.equal((await post(url.replace('key-1', 'other'), text('x'))).errcode, 93000);
	const form = new FormData();
	form.append('media', new Blob([Buffer.from([1, 13, 10, 45, 45, 0, 255])]), '表.xlsx');
	const kept = await (await fetch(url.replace('/send?', '/upload_media?type=file&'), { method: 'POST', body: form })).json();
	assert.equal((await post(url, { msgtype: 'file', file: { media_id: kept.media_id } })).errcode, 0);
	assert.deepEqual([...platform.view.in('wrRobot')[1].media.data], [1, 13, 10, 45, 45, 0, 255]);
	const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 1, 2]);
	assert.equal((await post(url, { msgtype: 'image', image: { base64: picture.toString('base64'), md5: md5(picture) } })).errcode, 0);
	for (let i = 0; i < 17; i++) await post(url, text('x'));
	assert.equal((await post(url, text('x'))).errcode, 45009);
	now += 60_000;
	assert.equal((await post(url, text('x'))).errcode, 0);
	const get = path => fetch(platform.url + path).then(one => one.json());
	const { data } = await get('/ai/qc/generate?source=x&plat=0');
	assert.equal((await get(`/ai/qc/query_result?scode=${data.scode}`)).data.status, 'wait');
	platform.console.confirm(platform.console.scans.get(data.scode), { bot_id: 'aibNew', secret: 'of the new one' });
	assert.deepEqual((await get(`/ai/qc/query_result?scode=${data.scode}`)).data.bot_info, { botid: 'aibNew', secret: 'of the new one' });
});
