// Connections of WeCom that are there and do not serve: deaf ones, mute ones, half-open ones. Each is given up in its
// time, and what was under way comes over the next.
import assert from 'node:assert/strict';
import net from 'node:net';
import { flow, until } from './rig.mjs';
import { BOT, People, bare, scripted, wecom } from './wecom.mjs';

const TEXT = '包间还有一间，七点半给您留着，到了报名字就行。';
const SLOW = [{ match: '慢', text: TEXT, chunks: 10, delay_ms: 300 }, { match: '*', text: '好的，收到。' }];

// A wire between the bot and the platform. hold(): what is connected now stays open and takes bytes, and nothing comes
// through any more, as behind a firewall that forgot the connection.
async function wire(rig, target) {
	const held = new Set();
	const pairs = new Set();
	const server = net.createServer((client) => {
		const far = net.connect(Number(new URL(target).port), '127.0.0.1');
		const pair = { client, far };
		pairs.add(pair);
		for (const [from, to] of [[client, far], [far, client]]) {
			from.on('data', (data) => held.has(pair) || to.write(data));
			from.on('close', () => held.has(pair) || to.destroy());
			from.on('error', () => {});
		}
		client.on('close', () => pairs.delete(pair));
	});
	await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
	rig.onEnd(() => {
		for (const { client, far } of pairs) {
			client.destroy();
			far.destroy();
		}
		server.close();
	});
	return {
		url: `ws://127.0.0.1:${server.address().port}`,
		hold: () => pairs.forEach((pair) => held.add(pair)),
		open: () => [...pairs].filter((pair) => !pair.client.destroyed).length,
	};
}

async function one(rig, more = () => ({})) {
	const platform = await wecom(rig);
	const extra = await more(platform);
	rig.writeConfig(scripted(platform, extra));
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	return { platform, server, people };
}

const pingsOf = (platform, connection) =>
	platform.socket.frames.filter((entry) => entry.frame.cmd === 'ping' && entry.connection === connection).length;

flow('deaf: pings are answered and no message comes; after an hour it connects anew, and hears', { script: SLOW, scale: 200, ms: 90_000 },
	async (rig) => {
		const { platform, server, people } = await one(rig);
		const heard = Date.now();
		assert.match(await people.ask('@小满 还在吗'), /收到/);
		people.account.deaf = true;
		await until(() => /nothing was heard for an hour/.test(server.text()), 40_000, 'it to be given up');
		people.account.deaf = false;
		// pings follow each other so closely here that a busy machine may miss two: that is another end, before this one
		const ends = (log) => log.split('warn xiaoman: wecom: long connection: ').length - 1;
		const lost = ends(server.text().split('nothing was heard for an hour')[0]) - 1;
		const connection = platform.socket.connections[lost];
		await until(() => connection.closed, 5000, 'its end');
		const began = lost === 0 ? heard : connection.opened;
		const hours = (connection.closedAt - began) * 200 / 3600_000;
		assert.ok(hours > 0.9 && hours < 2, `after ${hours.toFixed(2)} hours`);
		assert.ok(pingsOf(platform, connection.number) > 20);
		await people.untilUp();
		assert.match(await people.ask('@小满 还在吗'), /收到/);
		await until(() => platform.account(BOT.bot_id).subscribed.length === 1 + ends(server.text()), 5000, 'one connection after the other');
	});

flow('mute: no frame is answered any more, not even a ping, in mid-stream; the answer comes over the next connection, once', {
	script: SLOW, ms: 90_000,
}, async (rig) => {
	const { platform, people } = await one(rig);
	const { connection } = people.account;
	const id = await people.say('@小满 慢慢说', { chat: 'wrMute' });
	await until(() => platform.view.under(id).length > 0, 5000, 'a draft');
	platform.fault({ withhold: 'before', times: 1e9, when: () => people.account.connection === connection });
	const pings = pingsOf(platform, connection.number);
	await until(() => connection.closed, 40_000, 'it to be given up');
	await until(() => platform.view.in('wrMute').some((bubble) => bubble.finished && bare(bubble.text) === TEXT), 40_000, 'the answer');
	assert.equal(platform.view.in('wrMute').filter((bubble) => bubble.finished && bare(bubble.text) === TEXT).length, 1);
	assert.ok(pingsOf(platform, connection.number) - pings <= 3);
	assert.match(await people.ask('@小满 还在吗'), /收到/);
});

flow('half-open: bytes go and none come; it is given up, the old connection kicks nobody, the answer comes once', {
	script: SLOW, ms: 90_000,
}, async (rig) => {
	let line;
	const { platform, server, people } = await one(rig, async (platform) => {
		line = await wire(rig, platform.ws_url);
		return { ws_url: line.url };
	});
	const id = await people.say('@小满 慢慢说', { chat: 'wrHalf' });
	await until(() => platform.view.under(id).length > 0, 5000, 'a draft');
	const { connection } = people.account;
	line.hold();
	await until(() => people.account.connection !== connection, 40_000, 'another connection');
	await until(() => platform.view.in('wrHalf').some((bubble) => bubble.finished && bare(bubble.text) === TEXT), 40_000, 'the answer');
	assert.equal(platform.view.in('wrHalf').filter((bubble) => bubble.finished && bare(bubble.text) === TEXT).length, 1);
	assert.match(await people.ask('@小满 还在吗'), /收到/);
	assert.equal(platform.account(BOT.bot_id).subscribed.length, 2);
	assert.equal(await server.metric('links_kicked_total'), 0);
	await until(() => line.open() === 1, 5000, 'the old one to be closed here');
});

flow('answers that are wrong: twice, of nobody, with a code as a text, a huge one or none, in binary: what is due is said, the connection stays', {
	script: [{ match: '慢', text: TEXT, chunks: 6, delay_ms: 150 }, { match: '*', text: '好的，收到。' }],
}, async (rig) => {
	const { platform, people } = await one(rig);
	const { connection } = people.account;
	const honest = connection.send.bind(connection);
	const ways = [
		(frame) => [frame, frame],
		(frame) => [{ headers: { req_id: 'nobody' }, errcode: 1e300, errmsg: 'x'.repeat(100_000) }, frame],
		(frame) => [{ ...frame, errcode: String(frame.errcode) }],
		(frame) => [{ ...frame, errmsg: { deep: [] }, body: 'none' }],
		(frame) => [JSON.stringify(frame).replace('"ok"', '"o\u0001k\u001f\r"')],
		(frame) => [{ errcode: 0 }, { headers: {} }, { headers: { req_id: 7 }, errcode: 0 }, '{"headers":{"req_id":"', '\u0000', frame],
		(frame) => [Buffer.from(JSON.stringify(frame))],
	];
	for (const [i, way] of ways.entries()) {
		connection.send = (frame) => {
			for (const bad of frame.cmd ? [frame] : way(frame)) {
				connection.socket.send(typeof bad === 'string' || Buffer.isBuffer(bad) ? bad : JSON.stringify(bad));
			}
		};
		const id = await people.say('@小满 慢慢说', { chat: `wrWrong${i}`, user: `u${i}` });
		const [bubble, ...more] = await people.bubbles(id);
		assert.equal(bare(bubble.text), TEXT, `way ${i}`);
		assert.equal(more.length, 0);
	}
	// a code that nobody can read is no success: it is said again
	let times = 2;
	connection.send = (frame) => honest(frame.cmd || frame.headers.req_id.startsWith('ping') || times-- <= 0 ? frame : { ...frame, errcode: undefined });
	await people.say('@小满 请登记', { chat: 'wrNone', user: 'uNone' });
	await until(() => people.times('wrNone', '好的，收到。') === 1 && times < 0, 20_000, 'the answer');
	assert.equal(platform.socket.connections.length, 1);
});
