// WeCom by webhook under attack: who answers a poll while gateways pause, Redis goes and comes, turns take long and
// answers are longer than all ways together; and that all of it has an end in Redis.
import assert from 'node:assert/strict';
import net from 'node:net';
import { delay, flow, inTime, until } from './rig.mjs';
import { endpoint, slowly, vendor, Gate } from './vendors.mjs';
import { BOT, GROUP, MINUTE, HookPeople, SCRIPTED, bare, moveClock, wecom, webhookBot } from './wecom.mjs';
import * as bodies from '../platforms/wecom/bodies.mjs';
import { seal, sign } from '../platforms/wecom/crypt.mjs';

const TEXT = '包间还有一间，七点半给您留着，到了报名字就行。';
const SLOW = [{ match: '慢', text: TEXT, chunks: 10, delay_ms: 300 }, { match: '*', text: '好的，收到。' }];

async function world(rig, more = {}, options = {}, others = [], models = SCRIPTED) {
	const platform = await wecom(rig, options);
	const bots = [webhookBot(platform, { models: ['script'], ...more }), ...others.map((one) => webhookBot(platform, { models: ['script'], ...one }))];
	rig.writeConfig({ bots, models });
	const server = await rig.start('all');
	return { platform, server, people: new HookPeople(platform, [server]) };
}

async function two(rig, more = {}) {
	const platform = await wecom(rig);
	rig.writeConfig({ bots: [webhookBot(platform, { models: ['script'], ...more })], models: SCRIPTED });
	const gateways = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
	await rig.start('a1', { role: 'agents' });
	const alive = [...gateways];
	const people = new HookPeople(platform, () => alive);
	assert.match(await people.ask('@小满 几点开门', { chat: 'wrFirst' }), /11:00/);
	const owner = (await gateways[0].metric('links_owned')) > 0 ? gateways[0] : gateways[1];
	return { platform, people, alive, owner, other: gateways.find((one) => one !== owner) };
}

const texts = (platform, chat = GROUP) => platform.view.in(chat).map((one) => `${one.via} ${one.finished} ${one.text.slice(0, 60)}…${one.text.slice(-60)}`);

flow('Redis hangs: the address is verified all the same, and a poll is answered in time', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	const id = await people.say('@小满 慢慢说');
	const pid = rig.signalRedis('SIGSTOP');
	await until(() => platform.callback.verify(BOT.bot_id, people.url()), 3000, 'an answer within a second');
	const [bubble] = platform.view.under(id);
	const account = platform.account(BOT.bot_id);
	let poll;
	await inTime(4000, async () => {
		poll = await platform.callback.post(account, people.url(), bodies.refresh(BOT.bot_id, { chat: GROUP, user: 'zhangsan' }, bubble.stream_id));
		return poll.ms;
	});
	process.kill(pid, 'SIGCONT');
	assert.equal(poll.status, 503, poll.error);
	await people.bubbles(id, 30_000);
	assert.equal(bare(bubble.text), TEXT);
});

flow('Redis dies and comes back in the middle of a stream', { script: SLOW, ms: 90_000, durability: 'always' }, async (rig) => {
	const { platform, people } = await two(rig);
	const id = await people.say('@小满 慢慢说');
	await until(() => platform.view.under(id).some((one) => one.texts.length >= 2), 10_000, 'a draft');
	rig.signalRedis('SIGKILL');
	const bubbles = await people.bubbles(id, 40_000);
	await until(() => platform.view.in(GROUP).filter((one) => one.text.includes(TEXT)).length === 1, 30_000, () => texts(platform).join('\n'));
	rig.note(texts(platform).join('\n'));
	assert.equal(bubbles.length, 1);
});

for (const pause of ['before the end', 'while the end waits for a poll']) {
	flow(`the owner is paused ${pause}, another takes over, it comes back: one answer`, { script: SLOW, ms: 120_000 }, async (rig) => {
		const world = await two(rig);
		const { platform, people, alive, owner, other } = world;
		const waits = pause !== 'before the end';
		const said = waits
			? await platform.callback.say(BOT.bot_id, () => people.url(), { text: '@小满 慢慢说', chat: GROUP }, { poll: false })
			: { msgid: await people.say('@小满 慢慢说') };
		if (waits) {
			const [key] = await rig.redis('KEYS', `*wc:*:${said.delivery.reply.stream.id}`);
			await until(async () => (await rig.redis('HGET', key, 's')) === 'final', 20_000, 'the end');
		} else {
			await until(() => platform.view.under(said.msgid).some((one) => one.texts.length >= 2), 10_000, 'a draft');
		}
		alive.splice(alive.indexOf(owner), 1);
		owner.pause();
		await until(async () => (await other.metric('links_owned')) > 0, 30_000, 'the other to own');
		if (waits) {
			await until(() => platform.view.in(GROUP).some((one) => one.via === 'response_url'), 40_000, () => texts(platform).join('\n'));
		} else {
			await people.bubbles(said.msgid, 40_000);
		}
		owner.resume();
		await until(async () => (await owner.metric('links_owned')) === 0, 20_000, 'the old owner to know');
		await delay(3000);
		const shown = platform.view.in(GROUP).filter((one) => one.text.includes(TEXT));
		assert.equal(shown.length, 1, texts(platform).join('\n'));
		assert.match(await people.ask('@小满 几点开门'), /11:00/);
		const dead = await rig.verb(['queue', 'dead', '--json']);
		assert.doesNotMatch(dead.out, /"reply"|"id"/, dead.out);
		assert.deepEqual(platform.complaints, []);
	});
}

flow('an answer of 60 KB: two parts are shown, and the last of them says that more was cut', {
	script: [{ match: '*', text: Array.from({ length: 1700 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n') }], ms: 90_000,
}, async (rig) => {
	const { platform, people } = await world(rig, { answer_tokens: 100_000 });
	const id = await people.say('@小满 请念全部');
	await people.bubbles(id, 30_000);
	await until(() => platform.view.in(GROUP).length === 2, 30_000, () => texts(platform).join('\n'));
	await delay(1500);
	const [first, second] = platform.view.in(GROUP);
	rig.note(`${first.text.slice(-100)}\n----\n${second.text.slice(-100)}`);
	assert.match(second.text.slice(-200), /回答太长，后面的/);
	assert.match(second.text.slice(-200), /AI 生成/);
	assert.doesNotMatch(second.text.slice(0, 30), /zhangsan/, 'the name stands once');
	assert.ok(Buffer.byteLength(second.text) <= 20480);
	assert.deepEqual(platform.complaints, []);
	const dead = await rig.verb(['queue', 'dead', '--json']);
	rig.note(dead.out);
});

flow('a turn longer than six minutes: the bubble ends in time, the answer comes by response_url', { ms: 90_000 }, async (rig) => {
	const model = await slowly(rig, TEXT);
	const { platform, people } = await world(rig, {}, {}, [], model.models);
	const id = await people.say('@小满 慢慢说');
	await until(() => platform.view.under(id).some((one) => one.texts.length >= 2), 10_000, 'a draft');
	const [draft] = platform.view.under(id);
	moveClock(rig, draft.born + 5 * MINUTE + 47_000 - Date.now());
	const [bubble] = await people.bubbles(id, 10_000);
	assert.ok(!bubble.expired);
	assert.match(bubble.text, /见下方/);
	model.release();
	await until(() => platform.view.in(GROUP).some((one) => one.via === 'response_url'), 30_000, () => texts(platform).join('\n'));
	await delay(1000);
	assert.equal(platform.view.in(GROUP).length, 2);
	assert.ok(platform.view.in(GROUP)[1].text.includes(TEXT));
	assert.match(platform.view.in(GROUP)[1].text, /zhangsan/);
	assert.match(platform.view.in(GROUP)[1].text, /AI 生成/);
	assert.deepEqual(platform.complaints, []);
});

flow('two bots of one account: each answers its group in the stream that is polled', { script: SLOW, ms: 60_000 }, async (rig) => {
	const { platform, people } = await world(rig, { chats: [] }, {}, [{ name: 'xiaoqian', chats: ['wrSales'] }]);
	const id = await people.say('@小满 慢慢说', { chat: 'wrSales' });
	const [bubble] = await people.bubbles(id, 20_000);
	assert.equal(bare(bubble.text), TEXT, texts(platform, 'wrSales').join('\n'));
	assert.ok(bubble.texts.length >= 3, 'drafts are seen');
	assert.equal(platform.view.in('wrSales').length, 1);
	const other = await people.say('@小满 几点开门', { chat: 'wrElse' });
	assert.match((await people.bubbles(other))[0].text, /启用/);
});

flow('a poll whose connection broke took nothing: the end comes with the next one, or apart', { script: [{ match: '*', text: '好的，收到。' }], ms: 60_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	const account = platform.account(BOT.bot_id);
	const said = await platform.callback.say(BOT.bot_id, () => people.url(), { text: '@小满 请登记', chat: GROUP }, { poll: false });
	const id = said.delivery.reply.stream.id;
	await until(async () => (await rig.redis('KEYS', '*wc:*')).length > 0, 5000, 'the stream');
	const [key] = await rig.redis('KEYS', '*wc:*');
	await until(async () => (await rig.redis('HGET', key, 's')) === 'final', 10_000, 'the end');
	// a poll that goes away before it is answered
	const encrypt = seal(account.key, JSON.stringify(bodies.refresh(BOT.bot_id, { chat: GROUP, user: 'zhangsan' }, id)));
	const timestamp = String(Math.floor(Date.now() / 1000));
	const query = new URLSearchParams({ msg_signature: sign(account.token, timestamp, 'n', encrypt), timestamp, nonce: 'n' });
	const body = JSON.stringify({ encrypt });
	const pid = rig.signalRedis('SIGSTOP');
	await new Promise((resolve) => {
		const socket = net.connect(server.ports[0], '127.0.0.1', () => {
			socket.write(`POST /hook/xiaoman?${query} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
			setTimeout(() => { socket.destroy(); resolve(); }, 300);
		});
	});
	await delay(1500); // one that only shut its side would be answered for a second
	process.kill(pid, 'SIGCONT');
	await until(() => platform.view.in(GROUP).some((one) => one.via === 'response_url'), 25_000, () => texts(platform).join('\n'));
	assert.match(platform.view.in(GROUP).at(-1).text, /收到/);
});

flow('token and key change while a stream is open: it goes on under the new ones', { script: SLOW, ms: 60_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	const id = await people.say('@小满 慢慢说');
	await until(() => platform.view.under(id).some((one) => one.texts.length >= 2), 10_000, 'a draft');
	const account = platform.account(BOT.bot_id);
	const key = 'Kn3swhegxTF9uGPAISg0gYuKj2rnlU8LFFFcpOhFO6w';
	const { keyOf } = await import('../platforms/wecom/crypt.mjs');
	Object.assign(rig.config.bots[0], { token: 'anotherToken', encoding_aes_key: key });
	rig.writeConfig();
	Object.assign(account, { token: 'anotherToken', encoding_aes_key: key, key: keyOf(key) });
	server.hangup();
	const [bubble, ...others] = await people.bubbles(id, 30_000);
	assert.equal(bare(bubble.text), TEXT);
	assert.equal(others.length, 0);
	assert.equal(platform.view.in(GROUP).length, 1);
});

flow('silence has an end, too: groups that are not served or enabled, quiet, commands', { script: SLOW, ms: 60_000 }, async (rig) => {
	const { platform, people } = await world(rig, { chats: [] });
	const first = await people.bubbles(await people.say('@小满 几点开门'));
	assert.match(first[0].text, /启用/);
	const again = await people.bubbles(await people.say('@小满 几点开门'));
	rig.note(`second: ${JSON.stringify(again[0].text)}`);
	assert.equal(again.length, 1);
	assert.deepEqual(platform.complaints, []);
});

flow('what streams and addresses keep in Redis has an end', { script: [{ match: '*', text: '好的，收到。' }], ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig, { usage_footnote: 'short' });
	for (let i = 0; i < 5; i++) {
		await people.bubbles(await people.say(`@小满 请登记第${i}桌`, { user: `user${i}` }));
	}
	const without = [];
	for (const key of await rig.redis('KEYS', '*')) {
		if (/:(wc|wt|wu):/.test(key) && (await rig.redis('TTL', key)) < 0) without.push(key);
	}
	assert.deepEqual(without, []);
	rig.note((await rig.redis('KEYS', '*')).join('\n'));
	assert.deepEqual(platform.complaints, []);
});

flow('the answer of response_url is lost: the part goes there again, and is seen once', { script: SLOW, ms: 60_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	const take = platform.callback.respond.bind(platform.callback);
	let posts = 0;
	platform.callback.respond = (url, body) => {
		if (++posts > 1) return take(url, body);
		take(url, body);
		for (const socket of platform.sockets) socket.destroy();
		return {};
	};
	await platform.callback.say(BOT.bot_id, () => people.url(), { text: '@小满 请登记', chat: GROUP }, { poll: false });
	await until(() => posts === 2, 40_000, () => `a second try, ${posts} so far`);
	await delay(1500);
	assert.equal(platform.view.in(GROUP).filter((one) => one.via === 'response_url').length, 1);
	assert.doesNotMatch((await rig.verb(['queue', 'dead', '--json'])).out, /"id"/);
});

flow('buttons in a group: who asked may click, once, at any gateway, also after a restart', { ms: 90_000 }, async (rig) => {
	const { platform, people, alive, owner, other } = await two(rig, { models: [] });
	const [bubble] = await people.bubbles(await people.say('@小满 火星上有水吗'));
	const holder = platform.view.in(GROUP).find((one) => one.card?.button_list);
	assert.ok(holder, 'suggestions are shown');
	assert.match(bubble.text, /zhangsan/);
	const { card } = holder;
	const key = card.button_list[0].key;
	const click = async (user, gateway) => (await platform.callback.event(BOT.bot_id,
		`http://127.0.0.1:${gateway.ports[0]}/hook/xiaoman`, { user, chat: GROUP }, bodies.click(card, key))).delivery.reply;
	const foreign = await click('lisi', other);
	assert.deepEqual(foreign.userids, ['lisi']);
	assert.match(foreign.template_card.main_title.title, /别人/);
	assert.ok(holder.card.button_list, 'who asked may still click');
	await owner.stop();
	await owner.start();
	assert.match((await click('zhangsan', other)).template_card.main_title.title, /已选/);
	await until(() => platform.view.in(GROUP).some((one) => one.via === 'response_url'), 20_000, () => texts(platform).join('\n'));
	assert.match(platform.view.in(GROUP).at(-1).text, /zhangsan/);
	assert.match((await click('zhangsan', owner)).template_card.main_title.title, /已经/);
	moveClock(rig, 3 * 60 * MINUTE);
	await until(async () => /过期/.test((await click('zhangsan', other)).template_card.main_title.title), 5000, 'the card to be too old');
	await platform.callback.event(BOT.bot_id, people.url(), { user: 'zhangsan' }, bodies.feedback('x', 2));
	assert.equal(await owner.metric('feedback_total', { kind: 'inaccurate' }) + await other.metric('feedback_total', { kind: 'inaccurate' }), 1);
	assert.equal(platform.view.in(GROUP).length, 3, texts(platform).join('\n'));
	assert.ok(alive.length === 2);
	assert.deepEqual(platform.complaints, []);
});

flow('a full mailbox: each message that is not taken hears so in its own bubble, all bubbles end', {
	ms: 90_000,
}, async (rig) => {
	const gate = new Gate();
	const model = await vendor(rig, () => ({ text: '都记下了。', held: () => gate.opened }));
	const { platform, people } = await world(rig, {}, { inFlight: 0, pollMs: 300 }, [], { script: endpoint(model) });
	await people.say('@小满 请登记', { user: 'first' });
	await until(() => model.calls.length === 1, 10_000, 'its turn, behind which the others wait');
	const ids = await Promise.all(Array.from({ length: 230 }, (_, i) => people.say(`@小满 请登记第${i}桌`, { user: `user${String(i)}` })));
	gate.open();
	await until(() => platform.view.in(GROUP).length === ids.length + 1 && platform.view.unfinished().length === 0, 60_000,
		() => `${platform.view.in(GROUP).length} bubbles, ${platform.view.unfinished().length} open`);
	const full = ids.filter((id) => /没有收下/.test(platform.view.under(id).map((one) => one.text).join()));
	rig.note(`${full.length} were refused`);
	assert.ok(full.length >= 10 && full.length <= 31, `${full.length} were refused`);
	assert.ok(ids.every((id) => platform.view.under(id).length === 1), 'one bubble each');
	assert.deepEqual(platform.complaints, []);
});

flow('a webhook bot sends no files and writes to nobody first: `say` says so', { ms: 60_000 }, async (rig) => {
	const { platform } = await world(rig);
	const said = await rig.verb(['say', 'xiaoman', '大家好', '--to', GROUP]);
	assert.equal(said.code, 2, said.out + said.err);
	assert.match(said.out + said.err, /不能先开口/);
	assert.equal(platform.view.in(GROUP).length, 0);
});
