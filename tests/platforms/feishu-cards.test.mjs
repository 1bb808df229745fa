// feishu-cards.test.mjs - the official SDK's client judges the stand-in's cards, files, reactions, custom bots and QR console.
import assert from 'node:assert/strict';
import test from 'node:test';
import * as lark from '@larksuiteoapi/node-sdk';
import { APP, begin, code } from './feishu/client.mjs';
import { hookSign } from './feishu/robots.mjs';
import { tablesIn } from './feishu/rules.mjs';

const MINUTE = 60_000;
const PNG = Buffer.from('89504e470d0a1a0a0000', 'hex');
const TABLE = '| a | b |\n|---|:-:|\n| 1 | 2 |\n\n';

const cardJson = (elements, config = {}) => JSON.stringify({ schema: '2.0', config: { update_multi: true, streaming_mode: true,
	summary: { content: '' }, ...config }, body: { elements } });
const EMPTY = cardJson([{ tag: 'markdown', element_id: 'md_main', content: '' }]);

const say = (client, msg_type, content, more = {}) => client.im.message.create({ params: { receive_id_type: 'chat_id' },
	data: { receive_id: 'oc_a', msg_type, content: typeof content === 'string' ? content : JSON.stringify(content), ...more } });
const entity = card_id => ({ type: 'card', data: { card_id } });

class Card {
	constructor(client, card_id) {
		Object.assign(this, { client, card_id });
	}

	static async make(client, data = EMPTY) {
		const made = await client.cardkit.v1.card.create({ data: { type: 'card_json', data } });
		assert.equal(made.code, 0);
		return new Card(client, made.data.card_id);
	}

	content(content, sequence, uuid, element_id = 'md_main') {
		return this.client.cardkit.v1.cardElement.content({ path: { card_id: this.card_id, element_id }, data: { content, sequence, uuid } });
	}

	settings(config, sequence) {
		return this.client.cardkit.v1.card.settings({ path: { card_id: this.card_id }, data: { settings: JSON.stringify({ config }), sequence } });
	}

	update(data, sequence) {
		return this.client.cardkit.v1.card.update({ path: { card_id: this.card_id }, data: { card: { type: 'card_json', data }, sequence } });
	}
}

test('a card is made, sent once, filled, closed, laid out; call by call it is kept', async t => {
	const { platform, client } = await begin(t);
	const card = await Card.make(client);
	await card.content('你好', 1);
	await say(client, 'interactive', entity(card.card_id), { uuid: 'u-1' });
	const [message] = platform.messages;
	assert.equal(message.text, '你好');
	await card.content('你好，七点', 2, 'c-2');
	assert.equal(platform.cards.unfinished().length, 1);
	await card.settings({ streaming_mode: false, summary: { content: '七点' } }, 3);
	assert.equal(platform.cards.unfinished().length, 0);
	await card.update(cardJson([{ tag: 'markdown', content: '你好，七点半 <at id=ou_boss></at>' }], { streaming_mode: false }), 4);
	assert.equal(message.text, '你好，七点半 <at id=ou_boss></at>');
	assert.deepEqual(message.mentions, ['ou_boss']);
	assert.deepEqual(message.texts.map(one => one.text), ['你好', '你好，七点', '你好，七点半 <at id=ou_boss></at>']);
	assert.deepEqual(message.card.ops.map(one => [one.kind, one.sequence, one.code]),
		[['content', 1, 0], ['content', 2, 0], ['settings', 3, 0], ['update', 4, 0]]);
	await say(client, 'interactive', entity(card.card_id), { uuid: 'u-1' }); // the same once more is no second one
	await assert.rejects(say(client, 'interactive', entity(card.card_id), { uuid: 'u-2' }), code(230099));
	assert.equal(platform.messages.length, 1);
	assert.deepEqual(platform.complaints, []);
});

test('sequences rise from one, a uuid is one operation, texts are not empty', async t => {
	const { client, platform } = await begin(t);
	const card = await Card.make(client);
	await assert.rejects(card.content('x', 0), code(300317));
	await card.content('x', 5, 'u');
	await assert.rejects(card.content('xy', 5), code(300317));
	await assert.rejects(card.content('xy', 6, 'u'), code(200770));
	await assert.rejects(card.content('', 6), code(99992402));
	await assert.rejects(card.content('x', 6, undefined, 'nobody'), code(300313));
	await assert.rejects(new Card(client, '7500034761341082566').content('x', 1), code(200740));
	await card.content('xy', 6);
	platform.options.sequenceFirst = true;
	await assert.rejects(card.content('xy', 6, 'u'), code(300317));
});

test('streaming lasts ten minutes from its opening, and can be opened again', async t => {
	let now = 1763777777000;
	const { client } = await begin(t, { now: () => now, tokenLife: 86400 });
	const card = await Card.make(client);
	now += 9 * MINUTE;
	await card.content('一', 1);
	now += 2 * MINUTE;
	await assert.rejects(card.content('一二', 2), code(200850));
	await assert.rejects(card.content('一二', 3), code(300309));
	await card.settings({ streaming_mode: true }, 4);
	await card.content('一二', 5);
	await card.settings({ streaming_mode: false }, 6);
	await assert.rejects(card.content('一二三', 7), code(300309));
});

test('ten operations a second on a card, one at a time', async t => {
	const { client, platform } = await begin(t, { now: () => 1763777777000 });
	const card = await Card.make(client);
	for (let i = 1; i <= 10; i++) await card.content('x'.repeat(i), i);
	await assert.rejects(card.content('y', 11), error => code(99991400)(error) && error.response.headers['x-ogw-ratelimit-reset'] === '1');
	platform.options.latency = 500;
	await Promise.allSettled([card.content('a', 12), card.content('b', 13)]);
	assert.equal(platform.cards.raced, 1);
});

test('cards that are none are refused with the code that counts in the words', async t => {
	const { client } = await begin(t, { chatRate: 0 });
	const refused = (elements, number,
		more = {}) => assert.rejects(say(client, 'interactive', JSON.stringify({ schema: '2.0', body: { elements }, ...more })),
		error => code(230099)(error) && error.response.data.msg.includes(`ErrCode: ${number};`));
	const button = value => ({ tag: 'button', text: { tag: 'plain_text', content: '好' }, behaviors: [{ type: 'callback', value }] });
	await refused([{ tag: 'action', actions: [] }], 200861);
	await refused([{ tag: 'note', elements: [] }], 200861);
	await refused([button('a1')], 200621);
	await refused([], 200621, { schema: '1.0' });
	await refused(Array.from({ length: 201 }, () => ({ tag: 'hr' })), 300305);
	await refused([{ tag: 'markdown', content: TABLE.repeat(4) }], 11310);
	await refused([{ tag: 'table', columns: [], rows: [] }, { tag: 'markdown', content: TABLE.repeat(3) }], 11310);
	await assert.rejects(say(client, 'interactive', '{"card_id":"7500034761341082566"}'), error => /200621/.test(error.response.data.msg));
	await say(client, 'interactive',
		JSON.stringify({ schema: '2.0', body: { elements: [button({ k: 1 }), { tag: 'markdown', content: TABLE.repeat(3) }] } }));
	assert.equal(tablesIn(`\`\`\`\n${TABLE}\`\`\`\n${TABLE}`), 1);
	const card = await Card.make(client);
	await assert.rejects(card.content(TABLE.repeat(4), 1), code(230099));
});

test('a card of its own is patched; a press and its later change', async t => {
	const { client, platform } = await begin(t, { now: () => 1763777777000 });
	const json = text => JSON.stringify({ schema: '2.0', config: { update_multi: true }, body: { elements: [{ tag: 'markdown', content: text }] } });
	const { data: { message_id } } = await say(client, 'interactive', json('一'));
	const patch = text => client.im.message.patch({ path: { message_id }, data: { content: json(text) } });
	for (let i = 0; i < 5; i++) await patch(`二${i}`);
	await assert.rejects(patch('三'), code(230020));
	assert.equal(platform.messages[0].text, '二4');
	const token = platform.cards.token(platform.messages[0]);
	platform.cards.tokens.get(token).answered = true;
	const later = () => client.interactive?.v1?.card?.update?.({ data: { token, card: JSON.parse(json('四')) } }) ??
		client.request({ method: 'POST', url: '/open-apis/interactive/v1/card/update', data: { token, card: JSON.parse(json('四')) } });
	await later();
	await later();
	await assert.rejects(later());
	assert.equal(platform.messages[0].text, '四');
	assert.deepEqual(platform.complaints, []);
});

test('reactions are added, and taken away by their own app', async t => {
	const { client, platform } = await begin(t);
	const { event } = platform.messageEvent(APP.app_id, { text: 'x', chat_id: 'oc_a' });
	const path = { message_id: event.message.message_id };
	const add = emoji_type => client.im.messageReaction.create({ path, data: { reaction_type: { emoji_type } } });
	await assert.rejects(add('typing'), code(231001));
	const { data } = await add('Typing');
	assert.equal(data.operator.operator_type, 'app');
	const take = () => client.im.messageReaction.delete({ path: { ...path, reaction_id: data.reaction_id } });
	await take();
	await assert.rejects(take(), code(231003));
	const [one] = platform.posts.reactionsOn(path.message_id);
	assert.ok(one.removed >= one.at);
	platform.recall(path.message_id);
	await assert.rejects(add('Typing'), code(231003));
});

test('uploads and what they become; what people sent, by its own message only', async t => {
	const { client, platform } = await begin(t, { chatRate: 0 });
	const { image_key } = await client.im.image.create({ data: { image_type: 'message', image: PNG } });
	const { file_key } = await client.im.file.create({ data: { file_type: 'pdf', file_name: '需求说明.pdf', file: Buffer.from('%PDF') } });
	const { file_key: voice } = await client.im.file.create({ data: { file_type: 'opus', file_name: 'a.opus', duration: 2000,
		file: Buffer.from('x') } });
	await say(client, 'image', { image_key });
	await say(client, 'file', { file_key });
	await say(client, 'audio', { file_key: voice });
	assert.equal(platform.messages[1].file.name, '需求说明.pdf');
	await assert.rejects(say(client, 'audio', { file_key }), code(230055));
	await assert.rejects(say(client, 'image', { image_key: 'img_v3_nobody' }), code(230001));
	await assert.rejects(client.im.image.create({ data: { image_type: 'message', image: Buffer.from('<html>') } }), code(234011));
	await assert.rejects(client.im.file.create({ data: { file_type: 'stream', file_name: 'a', file: Buffer.alloc(31 << 20) } }), code(234006));

	const key = platform.files.put(PNG, { type: 'image', name: '../a.png' });
	const { event } = platform.messageEvent(APP.app_id, { message_type: 'image', content: { image_key: key }, chat_id: 'oc_a' });
	const { event: other } = platform.messageEvent(APP.app_id, { text: 'x', chat_id: 'oc_a' });
	const get = (message_id, type = 'image') => client.im.messageResource.get({ path: { message_id, file_key: key }, params: { type } });
	const got = await get(event.message.message_id);
	const parts = [];
	for await (const part of got.getReadableStream()) parts.push(part);
	assert.deepEqual(Buffer.concat(parts), PNG);
	for (const [message_id, type] of [[other.message.message_id], [event.message.message_id, 'file']]) await assert.rejects(get(message_id, type));
	assert.deepEqual(platform.files.gets.map(one => one.code), [0, 234003, 234001]);
});

test('a message is read with what it quotes and what was forwarded in it', async t => {
	const { client, platform } = await begin(t);
	const first = platform.messageEvent(APP.app_id, { text: '@bot 菜单', chat_id: 'oc_a' }).event.message;
	const { event: { message } } = platform.messageEvent(APP.app_id, { message_type: 'merge_forward', parent_id: first.message_id,
		content: { content: 'Merged and Forwarded Message' },
			children: [{ msg_type: 'text', content: '{"text":"一"}' }, { msg_type: 'image', content: '{}' }] });
	assert.equal(message.parent_id, first.message_id);
	const { data: { items } } = await client.im.message.get({ path: { message_id: message.message_id } });
	assert.equal(items[0].parent_id, first.message_id);
	assert.deepEqual(items.slice(1).map(one => [one.upper_message_id, one.msg_type]), [[message.message_id, 'text'], [message.message_id, 'image']]);
	const { data } = await client.im.message.get({ path: { message_id: first.message_id } });
	assert.equal(data.items[0].mentions[0].id, APP.open_id);
	assert.equal(JSON.parse(data.items[0].body.content).text, '@_user_1 菜单');
	platform.recall(first.message_id);
	assert.equal((await client.im.message.get({ path: { message_id: first.message_id } })).data.items[0].deleted, true);
});

test('scopes, the month, calls a second', async t => {
	const app = { ...APP, scopes: new Set(['im:message:send_as_bot']) };
	const { client, platform } = await begin(t, { apps: [app], monthly: 4, appRate: 3, chatRate: 0, now: () => 1763777777000 });
	await assert.rejects(client.cardkit.v1.card.create({ data: { type: 'card_json', data: EMPTY } }),
		error => code(99991672)(error) && /\[cardkit:card:write\].*auth\?q=cardkit:card:write/s.test(error.response.data.msg));
	for (let i = 0; i < 3; i++) await say(client, 'text', { text: 'x' });
	await assert.rejects(say(client, 'text', { text: 'x' }), error => error.response.status === 429 && code(99991400)(error));
	await assert.rejects(client.request({ method: 'GET', url: '/open-apis/bot/v3/info' }), code(99991403));
	assert.deepEqual(platform.counts, { calls: 4, limited: 1 });
	assert.equal(platform.callsOf('POST im/v1/messages').length, 4);
});

test('the custom bot of a group: signed, five a second, as its documents say', async t => {
	let now = 1763777777000;
	const { platform } = await begin(t, { now: () => now });
	const url = platform.robots.add('ec2e9683', { secret: 'x3E9hPTjcllCMDdeytiHZO', chat_id: 'oc_r' });
	assert.equal(hookSign('x3E9hPTjcllCMDdeytiHZO', '1763777777'), '8ha1VODM7wVICc12/p+Z7KKMozg73dVFdC1Ly3ySgsg=');
	const post = async body => (await fetch(url,
		{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();
	const signed = (body, at = Math.floor(now / 1000)) => ({ timestamp: String(at), sign: hookSign('x3E9hPTjcllCMDdeytiHZO', String(at)), ...body });
	const text = { msg_type: 'text', content: { text: '大家下午三点开会' } };
	assert.deepEqual(await post(signed(text)), { code: 0, msg: 'success', data: {}, Extra: null, StatusCode: 0, StatusMessage: 'success' });
	assert.equal((await post(text)).code, 19021);
	assert.equal((await post(signed(text, now / 1000 - 3700))).code, 19021);
	assert.equal((await post(signed({ msg_type: 'text', content: '{"text":"x"}' }))).code, 9499);
	assert.equal((await post(signed({ msg_type: 'post',
		content: { post: { zh_cn: { title: '', content: [[{ tag: 'text', text: 'x' }]] } } } }))).code, 0);
	for (let i = 0; i < 3; i++) assert.equal((await post(signed(text))).code, 0);
	assert.equal((await post(signed(text))).code, 11232);
	now += 1000;
	platform.robots.robots.get('ec2e9683').keywords = ['日报'];
	assert.equal((await post(signed(text))).code, 19024);
	assert.equal(platform.robots.messages.length, 5);
});

test('an app by QR code: the SDK\'s registration, also of the other brand', async t => {
	for (const brand of ['feishu', 'lark']) {
		const { platform } = await begin(t, { apps: [] });
		platform.console.interval = 0.01;
		platform.console.onPoll = scan => {
			if (scan.polls === 2) platform.console.confirm(scan, { ...APP, app_id: 'cli_made' }, { brand });
		};
		const request = lark.defaultHttpInstance.interceptors.request.use(config => {
			config.url = config.url.replace(/^https:\/\/accounts\.(feishu\.cn|larksuite\.com)/, platform.url);
			return config;
		});
		const states = [];
		const made = await lark.registerApp({ onQRCodeReady: ({ url }) => states.push(url), onStatusChange: ({ status }) => states.push(status) });
		lark.defaultHttpInstance.interceptors.request.eject(request);
		assert.deepEqual([made.client_id, made.client_secret, made.user_info.tenant_brand], ['cli_made', APP.app_secret, brand]);
		assert.match(states[0], /user_code=/);
		assert.equal(states.includes('domain_switched'), brand === 'lark');
	}
	const { platform } = await begin(t, { apps: [] });
	platform.console.onPoll = scan => (scan.error = 'access_denied');
	const request = lark.defaultHttpInstance.interceptors.request.use(config => {
		config.url = config.url.replace(/^https:\/\/accounts\.feishu\.cn/, platform.url);
		return config;
	});
	await assert.rejects(lark.registerApp({ onQRCodeReady() {} }), error => error.code === 'access_denied');
	lark.defaultHttpInstance.interceptors.request.eject(request);
});
