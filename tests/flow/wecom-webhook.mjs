// WeCom by webhook: streams that the platform polls, from whichever gateway, and what is left when one dies.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { delay, flow, inTime, until } from './rig.mjs';
import { slowly } from './vendors.mjs';
import { BOT, GROUP, MINUTE, HookPeople, SCRIPTED, bare, moveClock, wecom, webhookBot } from './wecom.mjs';
import * as bodies from '../platforms/wecom/bodies.mjs';
import { seal, sign } from '../platforms/wecom/crypt.mjs';

const TEXT = '包间还有一间，七点半给您留着，到了报名字就行。';
const SLOW = [{ match: '慢', text: TEXT, chunks: 10, delay_ms: 300 }, { match: '*', text: '好的，收到。' }];

async function world(rig, more = {}, options = {}, models = SCRIPTED) {
	const platform = await wecom(rig, options);
	rig.writeConfig({ bots: [webhookBot(platform, { models: ['script'], ...more })], models });
	const server = await rig.start('all');
	const people = new HookPeople(platform, [server]);
	assert.ok(await until(() => platform.callback.verify(BOT.bot_id, people.url()), 10_000, 'the address to be verified'));
	return { platform, server, people };
}

async function two(rig) {
	const platform = await wecom(rig);
	rig.writeConfig({ bots: [webhookBot(platform, { models: ['script'] })], models: SCRIPTED });
	const gateways = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
	await rig.start('a1', { role: 'agents' });
	const alive = [...gateways];
	const people = new HookPeople(platform, () => alive);
	assert.match(await people.ask('@小满 几点开门', { chat: 'wrFirst' }), /11:00/);
	const owner = (await gateways[0].metric('links_owned')) > 0 ? gateways[0] : gateways[1];
	return { platform, people, alive, owner, other: gateways.find((one) => one !== owner) };
}

flow('the address is checked, a message is answered in a stream that is polled to its end', {}, async (rig) => {
	const model = await slowly(rig, TEXT);
	const { platform, server, people } = await world(rig, {}, {}, model.models);
	let id;
	await inTime(1000, async () => {
		const asked = Date.now();
		id = await people.say('@小满 慢慢说');
		return platform.view.under(id)[0].at - asked;
	});
	await until(() => platform.view.under(id).some((one) => one.texts.length >= 2), 10_000, 'drafts');
	model.release();
	const [bubble, ...others] = await people.bubbles(id);
	assert.equal(others.length, 0);
	assert.ok(bubble.texts.length >= 3, 'drafts are seen');
	assert.equal(bare(bubble.text), TEXT);
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
	const took = platform.callback.deliveries.map((one) => one.ms).sort((a, b) => a - b);
	assert.ok(took[took.length >> 1] < 500 && took.at(-1) < 4500, `answers come at once: ${took.map(Math.round)}`);
	assert.deepEqual(platform.complaints, []);
	for (const secret of [BOT.token, BOT.encoding_aes_key, 'response_code=']) {
		assert.ok(!server.wholeText().includes(secret), 'no secret in the log');
	}
});

flow('what is not from the platform is refused, and tells nothing', {}, async (rig) => {
	const { platform, server, people } = await world(rig);
	const account = platform.account(BOT.bot_id);
	const url = people.url();
	const body = JSON.stringify({ encrypt: seal(account.key, JSON.stringify(bodies.message(BOT.bot_id, { text: '几点开门' }))) });
	const post = (query, text = body) => platform.callback.request(`${url}?${query}`, 'POST', text, 3000, { 'content-type': 'application/json' });
	const good = { timestamp: '1700000000', nonce: 'n1' };
	const { encrypt } = JSON.parse(body);
	const signature = sign(BOT.token, good.timestamp, good.nonce, encrypt);
	const q = (more) => new URLSearchParams({ ...good, ...more }).toString();
	const refused = [
		await post(q({ msg_signature: signature.replace(/^./, (c) => (c === '0' ? '1' : '0')) })), await post(q({ msg_signature: signature.slice(0, 39) })),
		await post(q({})), await post(''), await post(q({ msg_signature: signature, nonce: 'n2' })),
		await post(q({ msg_signature: sign(BOT.token, good.timestamp, good.nonce, 'AAAA') }), '{"encrypt":"AAAA"}'),
		await post(q({ msg_signature: signature }), '{"encrypt":'), await post(q({ msg_signature: signature }), '<xml/>'),
	];
	for (const one of refused) {
		assert.ok(one.status >= 400 && one.status < 500, `${one.status}`);
		assert.ok(!/padding|signature|length|key/i.test(one.text ?? ''));
	}
	assert.equal(await server.metric('messages_stored_total'), 0);
	assert.equal((await post(q({ msg_signature: signature }))).status, 200);
	const wrong = await platform.callback.request(`${url}?${q({ msg_signature: signature, echostr: encrypt })}`.replace(signature, '0'.repeat(40)), 'GET', undefined, 3000);
	assert.ok(wrong.status >= 400);
});

flow('every message kind and event of the vectors is taken', {}, async (rig) => {
	const { platform, people } = await world(rig, { models: [] });
	const asks = [
		[{ text: '几点开门', chat: null }, /11:00/], [{ text: '@小满 几点开门' }, /11:00/], [{ text: '几点开门 @小满' }, /11:00/],
		[{ text: '几点开门', chat: null, type: 'voice' }, /11:00/], [{ text: '几点开门', chat: null, quote: { type: 'text', text: '先前' } }, /11:00/],
		[{ text: '', type: 'mixed', items: [{ type: 'text', text: '@小满 几点开门' }] }, /11:00/],
		[{ text: '', chat: null, type: 'video', media: { url: `${platform.url}/media/x` } }, /./],
	];
	for (const [{ text, ...more }, words] of asks) {
		assert.match(await people.ask(text, more), words, JSON.stringify(more));
	}
	const account = platform.account(BOT.bot_id);
	const take = (body) => platform.callback.post(account, people.url(), body);
	assert.equal((await take(bodies.message(BOT.bot_id, { type: 'something_new' }))).status, 200);
	assert.equal((await take(bodies.event(BOT.bot_id, {}, { eventtype: 'something_new_event' }, platform.now()))).status, 200);
	const feedback = await platform.callback.event(BOT.bot_id, people.url(), { user: 'zhangsan' }, bodies.feedback('fb-1', 2, '不对', [2]));
	assert.equal(feedback.delivery.status, 200);
	assert.equal(feedback.delivery.reply, null);
	// declared as XML, as users have reported
	const body = bodies.message(BOT.bot_id, { text: '几点开门' });
	const xml = await platform.callback.post(account, people.url(), body, { headers: { 'content-type': 'text/xml' } });
	assert.equal(xml.status, 200);
	assert.equal(xml.reply.msgtype, 'stream');
	// a stream that nobody knows must come to an end
	const unknown = await take(bodies.refresh(BOT.bot_id, { user: 'zhangsan' }, 'nobody-knows-this'));
	assert.equal(unknown.reply?.stream?.finish, true);
	assert.equal(unknown.reply.stream.id, 'nobody-knows-this');
	assert.deepEqual(platform.complaints, []);
});

flow('a direct chat is opened; the suggestion is clicked, again, by somebody else, late', {}, async (rig) => {
	const { platform, people } = await world(rig, { models: [] });
	const { msgid } = await platform.callback.event(BOT.bot_id, people.url(), { user: 'zhangsan' }, bodies.enterChat());
	const [welcome] = platform.view.under(msgid);
	const words = welcome.text + JSON.stringify(welcome.card ?? {});
	assert.match(words, /小满餐厅/);
	assert.match(words, /包间怎么订/);
	const { card } = welcome;
	if (!card?.button_list) {
		return;
	}
	const button = card.button_list.find((one) => /包间/.test(one.text)) ?? card.button_list[0];
	const click = (user) => platform.callback.event(BOT.bot_id, people.url(), { user }, bodies.click(card, button.key));
	assert.equal((await click('zhangsan')).delivery.status, 200);
	await until(() => platform.view.in('zhangsan').some((one) => one !== welcome && one.text !== ''), 15_000, 'an answer to the click');
	const answers = platform.view.in('zhangsan').length;
	for (const again of ['zhangsan', 'lisi']) {
		assert.equal((await click(again)).delivery.status, 200);
	}
	moveClock(rig, 3 * 24 * 60 * MINUTE);
	assert.equal((await click('zhangsan')).delivery.status, 200);
	rig.note(`after the first click ${answers} bubbles, after all ${platform.view.in('zhangsan').length}`);
	assert.deepEqual(platform.complaints, []);
});

flow('polls hit two gateways in turn: one stream, growing, one end', { script: SLOW }, async (rig) => {
	const { platform, people } = await two(rig);
	const id = await people.say('@小满 慢慢说');
	const [bubble, ...others] = await people.bubbles(id);
	assert.equal(others.length, 0);
	assert.equal(bare(bubble.text), TEXT);
	assert.ok(bubble.texts.length >= 4);
	assert.ok(bubble.misses === undefined);
	assert.equal(platform.view.in(GROUP).length, 1);
	assert.deepEqual(platform.complaints, []);
});

for (const who of ['owner', 'other']) {
	flow(`the ${who} dies in mid-stream: the same stream goes on`, { script: SLOW, ms: 90_000 }, async (rig) => {
		const world = await two(rig);
		const { platform, people, alive } = world;
		const id = await people.say('@小满 慢慢说');
		await until(() => platform.view.under(id).some((one) => one.texts.length >= 2), 10_000, 'a draft');
		alive.splice(alive.indexOf(world[who]), 1);
		await world[who].kill();
		const [bubble, ...others] = await people.bubbles(id, 40_000);
		assert.equal(others.length, 0);
		assert.equal(bare(bubble.text), TEXT);
		assert.equal(platform.view.in(GROUP).length, 1);
		assert.match(await people.ask('@小满 几点开门'), /11:00/);
	});
}

flow('the platform delivers again: the same stream, no second answer', { script: SLOW }, async (rig) => {
	const { platform, people } = await two(rig);
	const said = await platform.callback.say(BOT.bot_id, people.url(), { text: '@小满 慢慢说', chat: GROUP });
	await delay(500);
	for (let i = 0; i < 3; i++) {
		const again = await platform.callback.say(BOT.bot_id, people.url(), { chat: GROUP, body: said.body });
		assert.equal(again.delivery.status, 200);
		assert.equal(again.delivery.reply.stream.id, said.delivery.reply.stream.id);
	}
	const [bubble, ...others] = await people.bubbles(said.msgid);
	assert.equal(others.length, 0);
	assert.equal(bare(bubble.text), TEXT);
	const after = await platform.callback.say(BOT.bot_id, people.url(), { chat: GROUP, body: said.body });
	assert.equal(after.delivery.status, 200);
	assert.equal(platform.view.in(GROUP).length, 1);
	assert.deepEqual(platform.complaints, []);
});

flow('nobody polls any more: the answer goes to response_url, once, to the platform only', { script: SLOW, ms: 120_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	const said = await platform.callback.say(BOT.bot_id, people.url(), { text: '@小满 慢慢说', chat: GROUP }, { poll: false });
	for (let i = 1; i <= 40 && !platform.view.in(GROUP).some((one) => one.via === 'response_url'); i++) {
		await delay(500);
		if (i > 8) {
			moveClock(rig, i * 20_000); // past the six minutes
		}
	}
	const posts = platform.view.in(GROUP).filter((one) => one.via === 'response_url');
	assert.equal(posts.length, 1);
	assert.ok(bare(posts[0].text).includes(TEXT) || posts[0].text !== '');
	assert.equal(posts[0].question, said.msgid);
	const strange = await platform.callback.say(BOT.bot_id, people.url(), { text: '@小满 慢慢说', chat: 'wrStrange',
		response_url: 'http://127.0.0.1:1/cgi-bin/aibot/response?response_code=x' }, { poll: false });
	assert.equal(strange.delivery.status, 200);
	assert.equal(platform.calls.filter((call) => call.path === '/cgi-bin/aibot/response').length, 1);
});

flow('an answer longer than a bubble: the rest comes by response_url', {
	script: [{ match: '*', text: Array.from({ length: 900 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n') }], ms: 90_000,
}, async (rig) => {
	const { platform, people } = await world(rig, { answer_tokens: 100_000 });
	const id = await people.say('@小满 请念全部');
	await people.bubbles(id, 30_000);
	await until(() => platform.view.in(GROUP).some((one) => /第899行/.test(one.text)), 30_000,
		() => `the end, there are ${platform.view.in(GROUP).map((one) => `${one.via} ${one.text.slice(-20)}`)}`);
	const all = platform.view.in(GROUP).map((one) => bare(one.text)).join('\n');
	for (const i of [0, 500, 800, 899]) {
		assert.equal(all.split(`第${i}行，`).length, 2, `line ${i} once`);
	}
	assert.ok(platform.view.in(GROUP).every((one) => Buffer.byteLength(one.text) <= 20480));
	assert.deepEqual(platform.complaints, []);
});

flow('several messages before the first is answered: every stream ends', {
	script: [{ match: '*', text: '都记下了。', chunks: 3, delay_ms: 250 }],
}, async (rig) => {
	const { platform, people } = await world(rig);
	const ids = [];
	for (const text of ['第一件', '第二件', '第三件']) {
		ids.push(await people.say(`@小满 请登记${text}`));
	}
	for (const id of ids) {
		await people.bubbles(id);
	}
	assert.match(platform.view.under(ids.at(-1)).map((one) => one.text).join(), /都记下了/);
	assert.deepEqual(platform.complaints, []);
});

flow('Redis away: the platform is told to come again, and then it is answered', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	const pid = rig.signalRedis('SIGSTOP');
	const body = bodies.message(BOT.bot_id, { text: '@小满 请登记', chat: GROUP });
	await inTime(4500, async () => {
		const first = await platform.callback.post(platform.account(BOT.bot_id), people.url(), body);
		assert.notEqual(first.status, 200);
		return first.ms;
	});
	process.kill(pid, 'SIGCONT');
	const again = await platform.callback.say(BOT.bot_id, () => people.url(), { chat: GROUP, body }, { tries: 40, wait: 250 });
	assert.equal(again.delivery.status, 200);
	assert.match(await people.answer(body.msgid), /收到/);
	assert.equal(platform.view.in(GROUP).length, 1);
});

flow('a reload while a stream is open: it goes on', { script: SLOW }, async (rig) => {
	const { platform, server, people } = await world(rig);
	const id = await people.say('@小满 慢慢说');
	await until(() => platform.view.under(id).length > 0, 10_000, 'a draft');
	rig.config.bots[0].usage_footnote = 'short';
	rig.writeConfig();
	server.hangup();
	const [bubble] = await people.bubbles(id, 30_000);
	assert.equal(bare(bubble.text), TEXT);
	assert.ok(readFileSync(server.log, 'utf8').length > 0);
});
