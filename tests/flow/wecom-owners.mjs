// Who holds WeCom's long connection, and what happens to messages and answers while it is lost, taken or nobody's.
import assert from 'node:assert/strict';
import { delay, flow, seeded, until } from './rig.mjs';
import { endpoint, slowly, vendor } from './vendors.mjs';
import { BOT, GROUP, MINUTE, People, bare, moveClock, scripted, wecom, wecomBot } from './wecom.mjs';

const TEXT = '包间还有一间，七点半给您留着，到了报名字就行。';
const SLOW = [{ match: '慢', text: TEXT, chunks: 10, delay_ms: 300 }, { match: '*', text: '好的，收到。' }];

async function one(rig, more = {}, options = {}) {
	const platform = await wecom(rig, options);
	rig.writeConfig(scripted(platform, more));
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	return { platform, server, people };
}

// Two gateways and the agents; owner holds the connection.
async function two(rig, models = undefined) {
	const platform = await wecom(rig);
	rig.writeConfig({ ...scripted(platform), ...(models ? { models } : {}) });
	const gateways = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
	await rig.start('a1', { role: 'agents' });
	const people = new People(platform);
	await people.ask('@小满 先来一句', { chat: 'wrFirst' });
	const owner = (await gateways[0].metric('links_owned')) > 0 ? gateways[0] : gateways[1];
	return { platform, people, owner, other: gateways.find((gateway) => gateway !== owner) };
}

const kicks = (platform) => platform.socket.connections.filter((connection) => connection.kicked).length;

// Somebody else with the same credentials.
async function stranger(platform) {
	const { WebSocket } = await import('../platforms/wecom/client.mjs');
	const socket = new WebSocket(platform.ws_url);
	await new Promise((resolve, reject) => {
		socket.once('open', resolve);
		socket.once('error', reject);
	});
	socket.send(JSON.stringify({ cmd: 'aibot_subscribe', headers: { req_id: 'aibot_subscribe_1_stranger' },
		body: { bot_id: BOT.bot_id, secret: BOT.secret } }));
	await new Promise((resolve) => { socket.once('message', resolve); });
	return { close: () => new Promise((resolve) => { socket.once('close', resolve).close(); }) };
}

flow('another instance takes the bot: no fight, no gateway opens it for five minutes, then it comes back', { script: SLOW }, async (rig) => {
	const { platform, people, owner, other } = await two(rig);
	const asked = await people.say('@小满 慢慢说');
	await until(() => platform.view.under(asked).length > 0, 5000, 'a draft');
	const mine = platform.socket.connections.length;
	const socket = await stranger(platform);
	await until(() => platform.socket.connections[mine - 1].closed, 5000, 'ours to be closed');
	const theirs = platform.socket.connections.length;
	const kicked = Date.now();
	await until(() => /disconnected_event|别处|another|elsewhere|taken/i.test(owner.wholeText() + other.wholeText()), 5000, 'a word in the log');
	for (const minutes of [1, 3, 4.8]) {
		moveClock(rig, kicked + minutes * MINUTE - Date.now());
		await delay(700); // long enough to see a connection that should not come
		assert.equal(platform.socket.connections.length, theirs, `after ${minutes} minutes`);
	}
	assert.ok(owner.running && other.running);
	await socket.close();
	moveClock(rig, 5.2 * MINUTE);
	await people.untilUp();
	// what was being answered comes by push
	await until(() => people.times(GROUP, TEXT) === 1 || platform.view.in(GROUP).some((bubble) => bare(bubble.text) === TEXT), 20_000, 'the answer');
	assert.match(await people.ask('@小满 还在吗'), /收到/);
	assert.equal(kicks(platform), 1 + 0, 'ours, and never the stranger while it was there');
});

flow('two unanswered pings cut the connection, and the next one serves', { script: SLOW, ms: 180_000, scale: 20 }, async (rig) => {
	const { platform, people } = await one(rig);
	people.account.noPongs = true;
	const before = platform.socket.connections.length;
	const since = platform.socket.frames.length;
	await until(() => platform.socket.connections[before - 1].closed, 150_000, 'it to give up');
	people.account.noPongs = false;
	await people.untilUp();
	assert.match(await people.ask('@小满 还在吗'), /收到/);
	const pings = platform.socket.frames.slice(since).filter((entry) => entry.frame.cmd === 'ping' && entry.connection === before);
	assert.ok(pings.length >= 2 && pings.length <= 3, `${pings.length} pings`);
});

flow('the server ends connections, refuses upgrades, resets: it comes back, more slowly while it fails', { script: SLOW, ms: 120_000 }, async (rig) => {
	const { platform, people } = await one(rig);
	platform.socket.refuse(503, 3);
	people.account.connection.socket.close(1000);
	await people.untilUp(60_000);
	assert.match(await people.ask('@小满 还在吗'), /收到/);
	people.account.connection.socket.terminate();
	await people.untilUp(60_000);
	people.account.closeAfter = people.account.connection.frames + 2;
	await people.say('@小满 慢慢说', { chat: 'wrEnd' });
	await until(() => platform.view.in('wrEnd').some((bubble) => bare(bubble.text) === TEXT), 30_000, 'the answer by push');
	assert.equal(platform.view.in('wrEnd').filter((bubble) => bubble.finished && bare(bubble.text) === TEXT).length, 1);
});

flow('Redis stands still and dies while people write: what was heard is held, stored, answered in order, once', {
	script: SLOW, ms: 120_000, durability: 'always',
}, async (rig) => {
	const { platform, people } = await one(rig);
	const ids = [];
	for (const signal of ['SIGSTOP', 'SIGKILL']) {
		const pid = rig.signalRedis(signal);
		for (let i = 0; i < 12; i++) {
			const said = platform.say(BOT.bot_id, { text: `@小满 第${i}件`, chat: `wr${signal}${i % 3}`, user: `u${i}` });
			assert.ok(said.delivered, 'the connection is not given up for Redis');
			ids.push(said.msgid);
		}
		await delay(800);
		if (signal === 'SIGSTOP') {
			process.kill(pid, 'SIGCONT');
		}
		await until(() => ids.every((id) => platform.view.under(id).some((bubble) => bubble.finished)), 60_000,
			() => `answers, ${ids.filter((id) => !platform.view.under(id).some((bubble) => bubble.finished)).length} are missing`);
	}
	for (const id of ids) {
		assert.equal(platform.view.under(id).length, 1);
	}
	assert.deepEqual(platform.complaints, []);
});

flow('Redis stands still while more is written than may be held: the chats of what is over it are asked again; welcome and click are in time', {
	script: SLOW, ms: 120_000,
}, async (rig) => {
	const { platform, server, people } = await one(rig, {}, { inFlight: 0 });
	await people.ask('@小满 先来一句', { chat: 'wrFirst' });
	const entered = platform.enter(BOT.bot_id, 'lisi');
	await until(() => platform.view.under(entered.msgid).length > 0, 5000, 'a welcome');
	const pid = rig.signalRedis('SIGSTOP');
	const late = platform.enter(BOT.bot_id, 'wangwu');
	await until(() => platform.view.under(late.msgid).length > 0, 5000, 'a welcome without Redis');
	const [welcome] = platform.view.under(late.msgid);
	const [first, second] = welcome.card.button_list;
	platform.click(BOT.bot_id, welcome, first.key, { user: 'wangwu' });
	const handed = [];
	for (let i = 0; i < 1150; i++) {
		const said = platform.say(BOT.bot_id, { text: `@小满 第${i}件`, chat: `wr${i}`, user: `u${i}` });
		assert.ok(said.delivered);
		handed.push(said.msgid);
	}
	platform.click(BOT.bot_id, platform.view.under(entered.msgid)[0], second.key, { user: 'lisi' });
	platform.feedback(BOT.bot_id, 'trace_1', 2);
	await until(() => platform.view.in('lisi').some((bubble) => /请再发一次/.test(bubble.text)), 5000, 'the click to be asked for again');
	const updates = () => platform.socket.frames.filter((entry) => entry.frame.cmd === 'aibot_respond_update_msg');
	await until(() => updates().length > 0, 5000, 'the card to say something');
	assert.equal(updates()[0].errcode, 0, 'within the five seconds that the platform leaves');
	const again = () => platform.view.bubbles.filter((bubble) => /请再发一次/.test(bubble.text));
	await until(() => again().length >= 140, 5000, () => `the others to be told, ${again().length} are`);
	process.kill(pid, 'SIGCONT');
	const missing = () => handed.filter((id) => !platform.view.under(id).some((bubble) => bubble.finished));
	await until(() => missing().length === 0, 60_000, () => `answers, ${missing().length} are missing`);
	const answered = platform.view.bubbles.filter((bubble) => /^wr\d/.test(bubble.chat) && bare(bubble.text) === '好的，收到。').length;
	assert.ok(answered >= 990 && answered + again().length >= handed.length, `${answered} answered, ${again().length} asked again`);
	assert.ok(handed.every((id) => platform.view.under(id).length === 1));
	assert.equal(await server.metric('feedback_total', { kind: 'inaccurate' }), 1);
	assert.ok((await server.metric('wecom_say_again_total')) >= 140);
	assert.equal(platform.socket.connections.length, 1);
});

flow('kicked, and then the owner is killed: whoever takes its place waits for the same five minutes, and one opens it', {
	script: SLOW, ms: 90_000,
}, async (rig) => {
	const { platform, people, owner, other } = await two(rig);
	const socket = await stranger(platform);
	await until(() => /顶掉/.test(owner.wholeText()), 5000, 'the owner to know');
	const kicked = Date.now();
	const theirs = platform.socket.connections.length;
	await until(async () => (await Promise.all(Array.from({ length: 16 }, (_, p) => rig.redis('HVALS', `qg:{${p}}:lease`)))).flat()
		.some((row) => Number(row.split(' ')[3]) > 0), 5000, 'the row to say so');
	await owner.kill();
	await until(async () => (await other.metric('links_owned')) === 1, 20_000, 'the other to own it');
	moveClock(rig, kicked + 2 * MINUTE - Date.now());
	await owner.start();
	for (const minutes of [2, 4.8]) {
		moveClock(rig, kicked + minutes * MINUTE - Date.now());
		await delay(700);
		assert.equal(platform.socket.connections.length, theirs, `after ${minutes} minutes`);
	}
	await socket.close();
	moveClock(rig, 5.2 * MINUTE);
	await until(() => people.account.connection?.number > theirs, 10_000, 'ours');
	assert.match(await people.ask('@小满 还在吗'), /收到/);
	await delay(500);
	assert.equal(platform.socket.connections.length, theirs + 1);
	assert.equal(kicks(platform), 1);
});

flow('the owner dies in mid-stream: the next one says the answer by push, once; the chat goes on', { ms: 90_000 }, async (rig) => {
	const model = await slowly(rig, TEXT);
	const { platform, people, owner, other } = await two(rig, model.models);
	const id = await people.say('@小满 慢慢说');
	await until(() => platform.view.under(id).some((bubble) => bubble.texts.length >= 2), 10_000, 'a draft');
	await owner.kill();
	model.release();
	await until(() => platform.view.in(GROUP).some((bubble) => bare(bubble.text) === TEXT), 30_000,
		() => `the answer: ${JSON.stringify(platform.view.in(GROUP).map((bubble) => [bubble.via, bubble.text]))}`);
	const whole = platform.view.in(GROUP).filter((bubble) => bare(bubble.text) === TEXT);
	assert.equal(whole.length, 1);
	assert.equal(whole[0].via, 'send');
	assert.match(await people.ask('@小满 还在吗'), /收到/);
	assert.equal((await other.metric('links_owned')), 1);
	assert.ok(platform.socket.frames.every((entry) => entry.errcode !== 846605), 'no req_id of before is used');
});

flow('the owner drains: the link moves without a kick, nothing is lost', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people, owner, other } = await two(rig);
	const slow = await people.say('@小满 慢慢说', { chat: 'wrSlow' });
	await until(() => platform.view.under(slow).length > 0, 10_000, 'a draft');
	const end = await owner.stop();
	assert.equal(end.code, 0);
	assert.ok(end.ms < 10_000, `${end.ms} ms`);
	await until(() => platform.view.in('wrSlow').some((bubble) => bubble.finished && bare(bubble.text) === TEXT), 30_000, 'the answer');
	await people.untilUp();
	assert.match(await people.ask('@小满 还在吗'), /收到/);
	assert.equal(kicks(platform), 0);
	assert.equal(await other.metric('links_owned'), 1);
});

flow('a paused owner: the next one takes over; awake again it does not come back into the connection', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people, owner, other } = await two(rig);
	owner.pause();
	await until(async () => (await other.metric('links_owned')) === 1, 20_000, 'the other to own it');
	await until(() => platform.account(BOT.bot_id).subscribed.length === 2, 20_000, 'its subscription');
	assert.match(await people.ask('@小满 还在吗'), /收到/);
	owner.resume();
	await until(async () => (await owner.metric('links_owned')) === 0, 10_000, 'it to see the newer epoch');
	await delay(500);
	assert.equal(platform.account(BOT.bot_id).subscribed.length, 2);
	assert.match(await people.ask('@小满 还在吗'), /收到/);
});

// QUNGONG_FLOW_RECONNECTS: how many.
const RECONNECTS = Number(process.env.QUNGONG_FLOW_RECONNECTS ?? 60);

// The model says back the numbers it was asked for, so that each message is found again in what people see.
flow(`${RECONNECTS} reconnects under load: each message that was stored is answered, once`, {
	scale: 20, ms: 60_000 + RECONNECTS * 2500, // at a greater one a model is given up that stands still for a moment
}, async (rig, t) => {
	const random = seeded(Number(process.env.QUNGONG_FLOW_SEED ?? 11));
	const echo = await vendor(rig, (call) => ({ text: `收到：${[...call.question.matchAll(/编号\w+/g)].join(' ')}。`, chunks: 3, delay_ms: 20 }));
	const platform = await wecom(rig, { inFlight: 0 });
	rig.writeConfig({ bots: [wecomBot(platform, { models: ['echo'], scope: 'sender', budget: { turn: 100, chat_day: 9000, user_day: 9000,
		bot_month: 90000, currency: 'CNY' } })], models: { echo: endpoint(echo) } });
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	const said = [];
	let running = true;
	const talk = async (n) => {
		for (let i = 0; running; i++) {
			const mark = `编号c${n}x${i}z`;
			const one = platform.say(BOT.bot_id, { text: `@小满 请登记${mark}`, chat: `wr${n}x${i % 4}`, user: `u${n}` });
			if (one.delivered) {
				said.push({ mark, chat: `wr${n}x${i % 4}` });
			}
			await delay(550 + random.below(100)); // in four chats each: below 30 a minute in a chat, so that no answer waits
		}
	};
	const talkers = Promise.all(Array.from({ length: 24 }, (_, n) => talk(n)));
	const began = Date.now();
	for (let i = 0; i < RECONNECTS; i++) {
		await people.untilUp(30_000);
		await delay(random.below(120));
		const { socket } = people.account.connection ?? {};
		if (random.below(2) === 0) {
			socket?.terminate();
		} else {
			socket?.close(1000);
		}
		await until(() => !socket || socket.readyState === 3, 5000, 'its end');
	}
	running = false;
	await talkers;
	t.diagnostic(`${RECONNECTS} reconnects in ${Math.round((Date.now() - began) / 1000)} s, ${said.length} messages went out`);
	await people.untilUp(30_000);
	await people.ask('@小满 几点开门', { chat: 'wrLast', answer_ms: 60_000 });
	const times = ({ mark, chat }) => platform.view.in(chat).filter((one) => one.finished && one.text.includes(mark)).length;
	// what left the platform in the instant of an end may not have arrived; all that was stored is answered
	const stored = (await server.metric('messages_stored_total')) - 1;
	await until(() => said.filter((one) => times(one) > 0).length >= stored, 90_000,
		() => `${stored} answers, ${said.filter((one) => times(one) > 0).length} are there`);
	await until(async () => JSON.parse((await rig.verb(['queue', '--json'])).out).length === 0, 30_000, 'an empty queue');
	t.diagnostic(`${stored} stored, in ${echo.calls.length} turns`);
	// a connection that breaks may take with it that a frame had arrived: only such a one is said again, once (all but the
	// last connection lived for moments)
	const wasUnderWay = ({ mark }) => {
		const first = platform.socket.frames.find(({ frame }) => (frame.cmd === 'aibot_send_msg' || frame.body?.stream?.finish) &&
			JSON.stringify(frame.body).includes(mark));
		return platform.socket.connections[first.connection - 1].closed !== undefined;
	};
	const repeated = said.filter((one) => times(one) > 1);
	t.diagnostic(`${repeated.length} said again`);
	assert.deepEqual(repeated.filter((one) => times(one) > 2 || !wasUnderWay(one)), []);
	assert.ok(repeated.length <= (await server.metric('parts_repeated_total')));
	assert.ok(stored >= said.length * 0.9, `${stored} of ${said.length} were stored`);
	assert.equal(await server.metric('replies_dead_total'), 0);
});
