// Who holds Feishu's long connection, and what becomes of messages while it is lost, or its owner is.
import assert from 'node:assert/strict';
import { delay, seeded, until } from './rig.mjs';
import { endpoint, vendor } from './vendors.mjs';
import { People, feishu, feishuBot, flow, nothingWrong, scripted } from './feishu.mjs';

const OK = [{ match: '慢', text: '包间还有一间。', chunks: 10, delay_ms: 300 }, { match: '*', text: '好的，收到。' }];
const SOON = { ReconnectCount: -1, ReconnectInterval: 2, ReconnectNonce: 0, PingInterval: 60 };
// Without a card, which has tests of its own: as fast as a turn can be.
const PLAIN = { path: /cardkit/, status: 400, code: 99991672,
	msg: 'Access denied. One of the following scopes is required: [cardkit:card:write]', times: 1e9 };

async function two(rig, options = {}) {
	const platform = await feishu(rig, { clientConfig: SOON, ...options });
	rig.writeConfig(scripted(feishuBot(platform)));
	const gateways = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
	await rig.start('a1', { role: 'agents' });
	const people = new People(platform);
	await people.ask('@bot 先来一句', { chat_id: 'oc_first' });
	const owner = (await gateways[0].metric('links_owned')) > 0 ? gateways[0] : gateways[1];
	return { platform, people, owner, other: gateways.find((one) => one !== owner) };
}

// So many messages, told over each of the connections in turn.
const turns = (platform, connections, count) => Array.from({ length: count }, (_, i) => platform.write(connections[0].app.app_id,
	{ text: '@bot 请登记', chat_id: `oc_${i}` }, { connection: connections[i % connections.length] }));

flow('two gateways for one app: one of them holds the connection', { script: OK }, async (rig) => {
	const { platform, people, owner, other } = await two(rig);
	assert.equal(people.connections.length, 1);
	assert.deepEqual([await owner.metric('links_owned'), await other.metric('links_owned')], [1, 0]);
	for (let i = 0; i < 5; i++) {
		assert.match(await people.ask('@bot 几点开门', { chat_id: `oc_${i}` }), /11:00/);
	}
	assert.equal(platform.link.opens.length, 1);
	await nothingWrong(platform, assert);
});

flow('two bots of one app share a connection; each answers in its own groups', { script: OK }, async (rig) => {
	const platform = await feishu(rig, { clientConfig: SOON });
	const one = feishuBot(platform, { chats: ['oc_a'] });
	rig.writeConfig({ bots: [one, feishuBot(platform, { name: 'rest', answers: { ...one.answers, hours: '每天07:30-10:00' } })], models: {} });
	await rig.start('all');
	const people = new People(platform);
	assert.match(await people.ask('@bot 几点开门', { chat_id: 'oc_a' }), /11:00/);
	assert.match(await people.ask('@bot 几点开门', { chat_id: 'oc_b' }), /07:30/);
	assert.equal(platform.link.connections.length, 1);
	await nothingWrong(platform, assert);
});

flow('the owner dies with messages on their way: the platform tells them again, and each is answered once', { script: OK, ms: 90_000 },
	async (rig) => {
	const { platform, people, owner, other } = await two(rig);
	const said = [];
	for (let i = 0; i < 10; i++) {
		said.push(platform.write(people.app_id, { text: '@bot 请登记', chat_id: `oc_${i}` }));
	}
	await owner.kill();
	for (const { message_id } of said) {
		await people.answer(message_id, 40_000);
	}
	await until(() => said.every(({ delivery }) => delivery.acknowledged), 10_000, 'the acks');
	assert.ok(said.every(({ message_id }) => people.answers(message_id).length === 1));
	assert.equal(await other.metric('links_owned'), 1);
	assert.deepEqual(platform.complaints, []);
});

flow('a paused owner: the next one takes over, both connections may hear, each message is answered once', { script: OK, ms: 90_000 }, async (rig) => {
	const { platform, people, owner, other } = await two(rig);
	owner.pause();
	await until(async () => (await other.metric('links_owned')) === 1, 20_000, 'the other to own it');
	await until(() => people.connections.length === 2, 20_000, 'its connection');
	const said = turns(platform, people.connections, 8);
	await until(() => said.some(({ push }) => push.ack), 10_000, 'the other to hear some');
	owner.resume();
	for (const { message_id } of said) {
		await people.answer(message_id, 40_000);
	}
	await until(() => people.connections.length === 1, 20_000, 'it to hang up');
	assert.ok(said.every(({ message_id }) => people.answers(message_id).length === 1));
	assert.match(await people.ask('@bot 还在吗'), /收到/);
	assert.deepEqual(platform.complaints, []);
});

flow('a stranger with the same app takes some and is silent: they come again', { script: OK, ms: 60_000 }, async (rig) => {
	const { platform, people } = await two(rig, { ackMs: 1000, ladder: Array(100).fill(200) });
	const stranger = await platform.link.stranger(people.app_id);
	assert.equal(people.connections.length, 2);
	const said = turns(platform, people.connections, 12);
	for (const { message_id } of said) {
		await people.answer(message_id, 40_000);
		assert.equal(people.answers(message_id).length, 1);
	}
	assert.ok(said.every(({ delivery }, i) => i % 2 === 0 || delivery.tries.length > 1));
	stranger.terminate();
});

// The connection is ended so many times; QUNGONG_FLOW_RECONNECTS: how many.
const RECONNECTS = Number(process.env.QUNGONG_FLOW_RECONNECTS ?? 40);

// The model says back the numbers it was asked for, so that each message is found again in what people see.
flow(`${RECONNECTS} ends of the connection under load: each message is answered, once`, { scale: 4, ms: 120_000 + RECONNECTS * 2000 },
	async (rig, t) => {
	const random = seeded(Number(process.env.QUNGONG_FLOW_SEED ?? 11));
	const echo = await vendor(rig, (call) => ({ text: `收到：${[...call.question.matchAll(/编号\w+/g)].join(' ')}。`, chunks: 3, delay_ms: 10 }));
	// the platform tells a message again until it is heard, however long that takes
	const platform = await feishu(rig, { clientConfig: { ...SOON, ReconnectInterval: 1 }, ladder: [300, 1000, ...Array(200).fill(2000)] });
	platform.fault(PLAIN);
	rig.writeConfig({ bots: [feishuBot(platform,
		{ models: ['echo'], scope: 'sender', budget: { turn: 100, chat_day: 9000, user_day: 9000, bot_month: 90000,
		currency: 'CNY' } })], models: { echo: endpoint(echo) } });
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	const said = [];
	let running = true;
	const talk = async (n) => {
		for (let i = 0; running; i++) {
			const mark = `编号c${n}x${i}z`;
			const chat_id = `oc_${n}x${i % 4}`;
			said.push({ mark, chat_id, ...platform.write(people.app_id, { text: `@bot 请登记${mark}`, chat_id, sender: `ou_${n}` }) });
			await delay(600 + random.below(200)); // all in all what the platform lets an app answer in a minute
		}
	};
	const talkers = Promise.all(Array.from({ length: 8 }, (_, n) => talk(n)));
	const began = Date.now();
	for (let i = 0; i < RECONNECTS; i++) {
		await delay(random.below(600));
		await people.untilUp(30_000);
		const [one] = people.connections;
		const how = random.below(4);
		if (how === 0) {
			one.reset();
		} else if (how === 1) {
			one.socket.terminate();
		} else {
			one.close(how === 2 ? 1000 : 1001);
		}
		await until(() => !one.isOpen, 10_000, 'its end');
	}
	running = false;
	await talkers;
	const { opens, log } = platform.link;
	t.diagnostic(`${RECONNECTS} in ${Math.round((Date.now() - began) / 1000)} s, ${opens.length} openings, ${said.length} messages, ${log.length} pushes`);
	let seen = new Map(); // in one pass over what people see, for there is much of it
	const look = () => {
		seen = new Map();
		for (const { chat_id, text } of platform.messages) {
			for (const mark of new Set(text.match(/编号c\d+x\d+z/g))) {
				seen.set(`${chat_id} ${mark}`, (seen.get(`${chat_id} ${mark}`) ?? 0) + 1);
			}
		}
		return seen;
	};
	const times = ({ mark, chat_id }) => seen.get(`${chat_id} ${mark}`) ?? 0;
	await until(() => look() && said.every((one) => times(one) > 0), 90_000,
		() => `answers, ${said.filter((one) => times(one) === 0).length} of ${said.length} are missing`);
	await until(async () => JSON.parse((await rig.verb(['queue', '--json'])).out).length === 0, 30_000, 'an empty queue');
	t.diagnostic(`${await server.metric('messages_stored_total')} stored, in ${echo.calls.length} turns`);
	look();
	assert.deepEqual(said.filter((one) => times(one) > 1).map((one) => one.mark), []);
	assert.ok(said.every(({ delivery }) => delivery.acknowledged), 'every one is acknowledged in the end');
	assert.equal(await server.metric('replies_dead_total'), 0);
	assert.equal(new Set(platform.link.upgrades.map((one) => one.ticket)).size, platform.link.upgrades.length);
	assert.deepEqual(platform.complaints, []);
});
