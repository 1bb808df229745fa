// feishu.test.mjs - the official SDK judges the stand-in: it takes its tokens, its answers and its events.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import * as lark from '@larksuiteoapi/node-sdk';
import { APP as app, begin, code, silent } from './feishu/client.mjs';

async function serve(t, dispatcher, options = { autoChallenge: true }) {
	const server = http.createServer(lark.adaptDefault('/hook', dispatcher, options));
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return `http://127.0.0.1:${server.address().port}/hook`;
}

const text = (receive_id, words, uuid) => ({
	params: { receive_id_type: 'chat_id' },
	data: { receive_id, msg_type: 'text', content: JSON.stringify({ text: words }), uuid },
});

test('the client gets one token, sends and replies', async t => {
	const { platform, client } = await begin(t);
	const sent = await client.im.message.create(text('oc_a', '你好'));
	assert.equal(sent.code, 0);
	assert.match(sent.data.message_id, /^om_/);
	const replied = await client.im.message.reply({
		path: { message_id: sent.data.message_id },
		data: {
			msg_type: 'post',
			content: JSON.stringify({ zh_cn: { title: '', content: [[{ tag: 'md', text: '**好**' }]] } }),
		},
	});
	assert.equal(replied.code, 0);
	assert.equal(platform.messages[1].reply_to, sent.data.message_id);
	assert.equal(platform.messages[1].text, '**好**');
	assert.equal(platform.messages[1].chat_id, 'oc_a');
	assert.equal(platform.calls.filter(call => call.path.endsWith('/tenant_access_token/internal')).length, 1);
});

test('bot info stands at the top level', async t => {
	const { client } = await begin(t);
	const info = await client.request({ method: 'GET', url: '/open-apis/bot/v3/info' });
	assert.equal(info.bot.open_id, app.open_id);
	assert.equal(info.bot.activate_status, 2);
});

test('a uuid posts once within an hour', async t => {
	let now = 1763777777000;
	const { platform, client } = await begin(t, { now: () => now, tokenLife: 86400 });
	const first = await client.im.message.create(text('oc_a', '一', 'u-1'));
	now += 3599_000;
	const again = await client.im.message.create(text('oc_a', '一', 'u-1'));
	assert.equal(again.data.message_id, first.data.message_id);
	assert.equal(platform.messages.length, 1);
	now += 2_000;
	const later = await client.im.message.create(text('oc_a', '一', 'u-1'));
	assert.notEqual(later.data.message_id, first.data.message_id);
});

test('edit, patch, withdraw, react', async t => {
	const { platform, client } = await begin(t);
	const {
		data: { message_id },
	} = await client.im.message.create(text('oc_a', '一'));
	const path = { message_id };
	assert.equal(
		(await client.im.message.update({ path, data: { msg_type: 'text', content: '{"text":"二"}' } })).code,
		0,
	);
	assert.equal(platform.messages[0].text, '二');
	await assert.rejects(
		client.im.message.patch({ path, data: { content: '{"schema":"2.0"}' } }),
		code(230001),
	);
	const reaction = await client.im.messageReaction.create({
		path,
		data: { reaction_type: { emoji_type: 'Typing' } },
	});
	assert.ok(reaction.data.reaction_id);
	assert.equal((await client.im.message.delete({ path })).code, 0);
	await assert.rejects(
		client.im.message.reply({ path, data: { msg_type: 'text', content: '{"text":"x"}' } }),
		code(230011),
	);
});

test('refusals reach the client with their codes', async t => {
	const { platform, client } = await begin(t);
	await assert.rejects(client.im.message.create(text('oc_a', 'x'.repeat(160 * 1024))), code(230025));
	const bare = { ...text('oc_a', 'x'), params: {} };
	await assert.rejects(client.im.message.create(bare), code(230001));
	platform.left.add('oc_gone');
	await assert.rejects(client.im.message.create(text('oc_gone', 'x')), code(230002));
	platform.fault({
		path: /messages$/,
		status: 429,
		code: 99991400,
		headers: { 'x-ogw-ratelimit-reset': '7' },
	});
	await assert.rejects(
		client.im.message.create(text('oc_a', 'x')),
		error => error.response.status === 429 && error.response.headers['x-ogw-ratelimit-reset'] === '7',
	);
});

test('five messages a second in a chat', async t => {
	let now = 1763777777000;
	const { client } = await begin(t, { now: () => now });
	for (let i = 0; i < 5; i++) await client.im.message.create(text('oc_a', 'x'));
	await assert.rejects(client.im.message.create(text('oc_a', 'x')), code(230020));
	await client.im.message.create(text('oc_b', 'x'));
	now += 1000;
	await client.im.message.create(text('oc_a', 'x'));
});

test('a token is the same while half an hour of it remains', async t => {
	let now = 1763777777000;
	const { platform } = await begin(t, { now: () => now });
	const ask = () => platform.tokens.give(app);
	const first = ask();
	assert.equal(first.expire, 7200);
	now += 89 * 60_000;
	assert.equal(ask().tenant_access_token, first.tenant_access_token);
	now += 2 * 60_000;
	const second = ask();
	assert.notEqual(second.tenant_access_token, first.tenant_access_token);
	assert.equal(platform.tokens.appOf({ token: first.tenant_access_token }).app_id, app.app_id);
	now += 30 * 60_000;
	assert.throws(() => platform.tokens.appOf({ token: first.tenant_access_token }), { code: 99991663 });
});

for (const status of [400, 200]) {
	test(`a revoked token answers 99991663 as ${status}`, async t => {
		const { platform, client } = await begin(t, { invalidTokenStatus: status });
		await client.im.message.create(text('oc_a', 'x'));
		platform.revoke(app.app_id);
		const answer = await client.im.message.create(text('oc_a', 'x')).catch(error => error.response.data);
		assert.equal(answer.code, 99991663);
	});
}

test('a connection that breaks after the work: the uuid saves from a second message', async t => {
	const { platform, client } = await begin(t);
	await client.im.message.create(text('oc_a', 'x'));
	platform.fault({ path: /messages$/, reset: 'after' });
	await assert.rejects(client.im.message.create(text('oc_a', 'y', 'u-9')));
	await client.im.message.create(text('oc_a', 'y', 'u-9'));
	assert.deepEqual(
		platform.messages.map(message => message.text),
		['x', 'y'],
	);
});

test('the webhook adapter takes challenge and events, signed and encrypted', async t => {
	const { platform } = await begin(t);
	const heard = [];
	const dispatcher = new lark.EventDispatcher({
		encryptKey: app.encrypt_key,
		verificationToken: app.verification_token,
		logger: silent,
	}).register({
		'im.message.receive_v1': data => {
			heard.push(data);
		},
	});
	const url = await serve(t, dispatcher, { autoChallenge: true, encryptKey: app.encrypt_key });
	assert.equal(await platform.verify(app.app_id, url), true);
	const said = await platform.say(app.app_id, url, { text: '@bot 几点开门', chat_id: 'oc_a' });
	assert.equal(said.acknowledged, true);
	assert.equal(said.tries.length, 1);
	assert.equal(heard.length, 1);
	assert.equal(heard[0].message.message_id, said.message_id);
	assert.equal(JSON.parse(heard[0].message.content).text, '@_user_1 几点开门');
	assert.equal(heard[0].message.mentions[0].id.open_id, app.open_id);
	assert.equal(heard[0].app_id, app.app_id);
});

test('with another key the adapter hears nothing', async t => {
	const { platform } = await begin(t);
	const heard = [];
	const dispatcher = new lark.EventDispatcher({ encryptKey: 'another key', logger: silent }).register({
		'im.message.receive_v1': data => {
			heard.push(data);
		},
	});
	const url = await serve(t, dispatcher, {}); // with a challenge to look for it would throw out of the adapter
	const packed = platform.pack(app.app_id, platform.messageEvent(app.app_id, { text: 'x' }));
	await platform.request(url, packed, 300);
	assert.equal(heard.length, 0);
});

test('a delivery goes up the ladder until it is acknowledged', async t => {
	const { platform } = await begin(t);
	let left = 2;
	const signatures = new Set();
	const server = http.createServer((request, response) => {
		signatures.add(request.headers['x-lark-signature']);
		request.resume().on('end', () => response.writeHead(left-- > 0 ? 503 : 200).end());
	});
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	const url = `http://127.0.0.1:${server.address().port}/hook`;
	const said = await platform.say(app.app_id, url, { text: 'x' });
	assert.equal(said.acknowledged, true);
	assert.deepEqual(
		said.tries.map(entry => entry.status),
		[503, 503, 200],
	);
	assert.equal(signatures.size, 3);
	left = 100;
	assert.equal((await platform.say(app.app_id, url, { text: 'x' })).acknowledged, false);
	assert.equal(platform.deliveries.length, 8);
});
