// DingTalk over HTTP callbacks: signed posts to whichever gateway, clicks on cards, events, and what is refused.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { flow, until } from './rig.mjs';
import { APP, GROUP, MINUTE, HookPeople, bare, dingtalk, moveClock, nothingWrong, scripted, webhookBot, TEMPLATE } from './dingtalk.mjs';
import { robotSign } from '../platforms/dingtalk/callback.mjs';
import { replied } from '../platforms/dingtalk/bodies.mjs';

const OK = [{ match: '慢', text: '慢慢说，好的，收到。', chunks: 8, delay_ms: 300 }, { match: '*', text: '好的，收到。' }];
const vectors = (name) => JSON.parse(fs.readFileSync(new URL(`../vectors/dingtalk/${name}.json`, import.meta.url), 'utf8'));

async function world(rig, more = {}, options = {}) {
	const platform = await dingtalk(rig, options);
	rig.writeConfig(scripted(webhookBot(platform, more)));
	const server = await rig.start('all');
	return { platform, server, people: new HookPeople(platform, [server]) };
}

flow('every type is taken, acknowledged in time with nothing, and answered by the session', { script: OK }, async (rig) => {
	const { platform, server, people } = await world(rig);
	for (const [text, more, words] of [
		[' 几点开门', {}, /11:00/], ['几点开门', { chat: null }, /11:00/], ['', { type: 'richText', pieces: [{ text: '@小满' }, { text: ' 几点开门' }] }, /11:00/],
		['', { chat: null, type: 'audio', recognition: '几点开门' }, /11:00/], [' 这个还能订吗', { reply: replied({ text: '周五的包间' }) }, /收到/], [' ', {}, /./],
		['', { chat: null, type: 'unknownMsgType' }, /./], [' 几点开门', { user: 'wai', staff: null }, /11:00/],
	]) {
		assert.match(await people.ask(text, more), words, JSON.stringify(more));
	}
	await people.say('大家几点到', { at: false });
	const slow = await people.say(' 慢慢说');
	assert.ok(slow.delivery.ms < 2000);
	await until(() => platform.view.under(slow.msgId).length > 0, 15_000, 'the slow one');
	for (let i = 0; i < 3; i++) { // again, as it stands
		const again = await platform.callback.say(APP.client_id, people.url(), { body: slow.body, chat: GROUP });
		assert.equal(again.delivery.status, 200);
	}
	assert.match(await people.ask(' 几点开门', { chat: 'cidOther=' }), /11:00/);
	assert.equal(platform.view.under(slow.msgId).length, 1);
	assert.ok(platform.callback.deliveries.every((one) => one.ms < 2500));
	assert.equal(platform.stream.opens.length, 0);
	for (const secret of [APP.client_secret, 'session=']) {
		assert.ok(!server.wholeText().includes(secret), 'no secret in the log');
	}
	nothingWrong(platform, assert);
});

flow('what is not from the platform is refused, and tells nothing', { script: OK }, async (rig) => {
	const { platform, server, people } = await world(rig);
	const { body } = platform.prepare(people.account, { text: ' 几点开门', chat: GROUP });
	const post = (headers, text = JSON.stringify(body)) => platform.callback.request(people.url(),
		text, { 'content-type': 'application/json', ...headers });
	const at = (offset) => String(platform.now() + offset);
	const signed = (offset, secret = APP.client_secret) => ({ timestamp: at(offset), sign: robotSign(secret, at(offset)) });
	const fresh = signed(0);
	for (const [what, headers] of [['none', {}], ['no sign', { timestamp: at(0) }], ['no time', { sign: fresh.sign }],
		['another key', signed(0, 'other')], ['no key', signed(0, '')],
		['of before', signed(-61 * MINUTE)], ['of later', signed(61 * MINUTE)], ['cut', { ...fresh, sign: fresh.sign.slice(0, 20) }],
			['another time', { ...fresh, timestamp: at(1) }],
		['no number', { timestamp: 'x', sign: robotSign(APP.client_secret, 'x') }],
			['seconds', { timestamp: at(0).slice(0, 10), sign: robotSign(APP.client_secret, at(0).slice(0, 10)) }]]) {
		const answer = await post(headers);
		assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status}`);
		assert.ok(!/hmac|secret|sha/i.test(answer.text ?? ''), what);
	}
	for (const text of ['', '[]', '{', '"x"']) {
		assert.ok((await post(signed(0), text)).status >= 400, text);
	}
	assert.equal(await server.metric('messages_stored_total'), 0);
	assert.equal((await post(signed(-59 * MINUTE))).status, 200);
	await people.bubbles(GROUP);
	// the requests of the vectors, at their time
	const now = 1767225600000;
	moveClock(rig, now - Date.now());
	rig.writeConfig(scripted(webhookBot(platform, { client_secret: vectors('http_callback').requests[0].app_secret, client_id: APP.client_id })));
	await until(async () => {
		const one = vectors('http_callback').requests[0];
		return (await platform.callback.request(people.url(), one.body, Object.fromEntries(one.headers))).status === 200;
	}, 10_000, 'the other secret');
	for (const { name, headers, body: text, verdict } of vectors('http_callback').requests) {
		const lists = new Map();
		for (const [key, value] of headers) {
			lists.set(key, lists.has(key) ? [lists.get(key), value].flat() : value);
		}
		const { status } = await platform.callback.request(people.url(), text, Object.fromEntries(lists));
		const good = { accept: [200], reject: [400, 401, 403], accept_then_bad_request: [200, 400], either: [200, 400, 401, 403] }[verdict];
		assert.ok(good.includes(status), `${name}: ${status}`);
	}
});

flow('clicks below /cards: signed, once, in two seconds', { script: OK, ms: 60_000 }, async (rig) => {
	const platform = await dingtalk(rig);
	rig.writeConfig({ bots: [webhookBot(platform, { card_template_id: TEMPLATE })], models: {} });
	const server = await rig.start('all');
	const people = new HookPeople(platform, [server]);
	await people.ask('你好', { chat: null });
	await people.ask('包间', { chat: null });
	const found = platform.view.in(people.direct()).find((one) => one.card && platform.cards.buttons(one.card).length > 0);
	rig.note(JSON.stringify(platform.calls.map((call) => [call.path, call.status, call.code])));
	if (!found) {
		assert.ok(platform.view.in(people.direct()).length >= 2, 'without buttons by webhook, and answered');
		return;
	}
	const [button] = platform.cards.buttons(found.card);
	const before = platform.view.in(people.direct()).length;
	const press = () => platform.click(found, button.id, { params: { id: button.id } });
	assert.equal((await press()).late, false);
	await people.inChat(people.direct(), before + 1);
	assert.equal((await press()).late, false);
	assert.equal((await platform.callback.request(people.url('/cards'), '{}', { 'content-type': 'application/json' })).status, 401);
	assert.equal(platform.view.in(people.direct()).length, before + 1);
});

flow('two gateways in turn; the owner dies; Redis is away: nothing is lost or said twice', { script: OK, ms: 120_000 }, async (rig) => {
	const platform = await dingtalk(rig);
	rig.writeConfig(scripted(webhookBot(platform)));
	const gateways = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
	await rig.start('a1', { role: 'agents' });
	const alive = [...gateways];
	const people = new HookPeople(platform, () => alive);
	const said = [];
	for (let i = 0; i < 20; i++) {
		said.push(await people.say(' 请登记', { chat: `cid${i}=` }));
	}
	const answered = () => said.every(({ msgId }) => platform.view.under(msgId).length > 0);
	await until(answered, 30_000, 'all answers');
	said.push(await people.say(' 慢慢说', { chat: 'cidSlow=' }));
	await alive.shift().kill();
	said.push(await people.say(' 请登记', { chat: 'cidAfter=' }));
	await until(answered, 60_000, 'the answers after a death');
	const pid = rig.signalRedis('SIGSTOP');
	const { body } = platform.prepare(people.account, { text: ' 请登记', chat: 'cidAway=' });
	const away = await platform.callback.request(people.url(), JSON.stringify(body), platform.callback.headers(people.account));
	assert.notEqual(away.status, 200);
	process.kill(pid, 'SIGCONT');
	said.push(await people.say('', { body, chat: 'cidAway=' }));
	await until(answered, 60_000, 'the answer after Redis');
	assert.ok(said.every(({ msgId }) => platform.view.under(msgId).length === 1));
	assert.equal(bare(platform.view.under(said.at(-1).msgId)[0].text), '好的，收到。');
});
