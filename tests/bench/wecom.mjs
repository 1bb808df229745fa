// wecom.mjs - WeCom's AI bot: two hundred bots on their long connections in one process, idle and at work, beside bots on
// the official SDK in one Node process doing the same; and the polls of the webhook's streams.
//
// The platform is the stand-in of tests/platforms, in this process; only the processes under test are counted. Both sides
// ask the same vendor, which answers at once in fifty chunks, and show what they write as it grows.
import fs from 'node:fs';
import path from 'node:path';
import { startWecom } from '../platforms/wecom.mjs';
import * as bodies from '../platforms/wecom/bodies.mjs';
import { keyOf, seal, sign } from '../platforms/wecom/crypt.mjs';
import { startVendor } from './cycle.mjs';
import { alone, describe, mb, ratio } from './links.mjs';
import { rest } from './rest.mjs';
import { ANSWERS, NodeWorld, World, cpuUs, load, median, until } from './world.mjs';

const BOTS = 200;
const ROUNDS = 3;
const MESSAGES = 4000;
const SENDERS = 64;
const POLLS = 50_000;
const CHUNKS = 50;
const TOKEN = 'benchToken';
const KEY = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C';
const WISHES = ['周五晚上的位子改到七点半，一共十二个人', '想要一个安静的包间，有老人', '帮我把明天中午的订位往后挪一个小时',
	'生日那天想摆个大蛋糕，能帮着布置吗', '周日中午有没有靠窗的四人桌'];

const accounts = Array.from({ length: BOTS }, (_, i) => ({ bot_id: `aibBench${i}`, secret: `secret-${i}`, name: '小满',
	token: TOKEN, encoding_aes_key: KEY }));

const house = (url) => ({ house: { provider: 'openai', model: 'house', base_url: url, api_key: 'k', region: 'mainland',
	price: { input: 1, output: 2, currency: 'CNY' } } });

function wecomBot(platform, account, i, more = {}) {
	return { name: `w${i}`, template: 'restaurant', platform: 'wecom', bot_id: account.bot_id, secret: account.secret, display_name: '小满',
		ws_url: platform.ws_url, api_base: platform.url, answers: ANSWERS, scope: 'chat', chats: 'any', models: ['house'], ...more };
}

// ---- talk ----

// Waits for the end of each message's stream without asking again and again.
class Ends {
	constructor(platform) {
		this.waiting = new Map();
		const show = platform.view.show.bind(platform.view);
		platform.view.show = (bubble, stream) => {
			show(bubble, stream);
			if (stream.finish) {
				this.waiting.get(bubble.question)?.();
				this.waiting.delete(bubble.question);
			}
		};
	}

	of(msgid) {
		return new Promise((resolve) => { this.waiting.set(msgid, resolve); });
	}
}

// So many turns, each sender one at a time, in a chat of its own at each of the bots in turn.
async function talk(platform, ends, messages) {
	let left = messages;
	const times = [];
	await Promise.all(Array.from({ length: SENDERS }, async (_, i) => {
		for (let turn = 0; left-- > 0; turn++) {
			const account = accounts[(i + turn * SENDERS) % BOTS];
			const began = performance.now();
			const said = platform.say(account.bot_id, { text: `@小满 ${WISHES[turn % WISHES.length]}`, chat: `wr${i}x${turn % 8}`,
				user: `u${i}`, response_url: null });
			if (!said.delivered) {
				throw new Error(`${account.bot_id} is not there`);
			}
			await ends.of(said.msgid);
			times.push(performance.now() - began);
		}
	}));
	return times.sort((a, b) => a - b);
}

async function work(bench, platform, ends, pids) {
	const messages = bench.count(MESSAGES);
	await talk(platform, ends, Math.max(BOTS * 2, Math.round(messages / 10))); // every bot has read its handbook then
	const before = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuUs(pid)]));
	const began = performance.now();
	const times = await talk(platform, ends, messages);
	const seconds = (performance.now() - began) / 1000;
	return { rate: messages / seconds, p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)],
		cpu: Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, (cpuUs(pid) - before[name]) / messages])) };
}

async function begin() {
	const platform = await startWecom({ bots: accounts, record: false });
	return { platform, ends: new Ends(platform) };
}

const allThere = (platform) => until(() => accounts.every(({ bot_id }) => platform.account(bot_id).connection), `${BOTS} subscriptions`, 120_000);

async function ours(bench, vendor, base) {
	const { platform, ends } = await begin();
	const world = new World({ models: house(vendor.url), bots: accounts.map((account, i) => wecomBot(platform, account, i)) });
	try {
		const child = await world.start();
		await allThere(platform);
		const idle = await rest(bench, child.pid);
		return { idle: { ...idle, each: (idle.rss - base) / BOTS }, ...await work(bench, platform, ends, { server: child.pid, redis: world.redisPid() }) };
	} finally {
		await world.end();
		await platform.close();
	}
}

async function node(bench, vendor) {
	const { platform, ends } = await begin();
	const world = new NodeWorld();
	try {
		await world.start('everysec', 'wecom.mjs', (socket) => [socket, JSON.stringify({ bots: accounts.map(({ bot_id, secret }) => ({ bot_id, secret })),
			ws_url: platform.ws_url, vendor: vendor.url, system: '你是小满餐厅的服务员，按手册回答。'.repeat(60) })]);
		await allThere(platform);
		const idle = await rest(bench, world.server.pid);
		return { idle, ...await work(bench, platform, ends, { server: world.server.pid, redis: world.redis.pid }) };
	} finally {
		await world.end();
		await platform.close();
	}
}

// ---- polls ----

function post(account, route, body, i) {
	const encrypt = seal(keyOf(account.encoding_aes_key), JSON.stringify(body));
	const [time, nonce] = ['1763777777', `n${i}`];
	const query = new URLSearchParams({ msg_signature: sign(TOKEN, time, nonce, encrypt), timestamp: time, nonce });
	const text = JSON.stringify({ encrypt });
	return `POST ${route}?${query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

// Polls of streams that stay open: the vendor takes its time.
async function polls(bench) {
	const [account] = accounts;
	const platform = await startWecom({ bots: [account] });
	const vendor = await startVendor(['--chunks', 400, '--delay', 1000]);
	const { ws_url: ignored, secret: unused, ...bot } = wecomBot(platform, account, 0);
	const world = new World({ models: house(vendor.url), connections_per_address: 5000,
		bots: [{ ...bot, transport: 'webhook', token: TOKEN, encoding_aes_key: KEY }] });
	try {
		const child = await world.start();
		const url = `http://127.0.0.1:${child.hook}/hook/w0`;
		await until(() => platform.callback.verify(account.bot_id, url), 'the address');
		const open = [];
		for (let i = 0; i < SENDERS; i++) {
			const said = await platform.callback.say(account.bot_id, url, { text: `@小满 ${WISHES[0]}`, chat: `wr${i}`, user: `u${i}` }, { poll: false });
			open.push({ chat: `wr${i}`, user: `u${i}`, id: said.delivery.reply.stream.id });
		}
		const count = bench.count(POLLS);
		const file = path.join(world.folder, 'requests');
		const out = fs.openSync(file, 'w');
		for (let i = 0; i < count + SENDERS; i++) {
			const one = open[i % open.length];
			const request = post(account, '/hook/w0', bodies.refresh(account.bot_id, one, one.id), i);
			fs.writeSync(out, `${Buffer.byteLength(request)}\n${request}`);
		}
		fs.closeSync(out);
		const began = performance.now();
		const result = await load({ port: child.hook, pids: { server: child.pid, redis: world.redisPid() }, requests: file, messages: count,
			connections: 64 });
		const seconds = (performance.now() - began) / 1000;
		bench.row(`WeCom webhook: polls of ${SENDERS} open streams, 64 connections`, '-', `${(result.rate ?? count / seconds).toFixed(0)} a second, ` +
			`${result.cpu.server.toFixed(1)} us a poll (+${result.cpu.redis.toFixed(1)} Redis), ${result.refused} refused`);
	} finally {
		vendor.kill('SIGTERM');
		await world.end();
		await platform.close();
	}
}

export async function wecom(bench) {
	const vendor = await startVendor(['--chunks', CHUNKS]);
	const base = await alone();
	const [mine, theirs] = [[], []];
	for (let round = 0; round < ROUNDS; round++) {
		mine.push(await ours(bench, vendor, base));
		theirs.push(await node(bench, vendor));
		bench.say(`${JSON.stringify(mine.at(-1))} ${JSON.stringify(theirs.at(-1))}`);
	}
	vendor.kill('SIGTERM');
	const of = (runs, pick) => median(runs.map(pick));
	bench.row(`${BOTS} WeCom bots on their long connections in one process, idle: memory`, '-',
		`RSS ${mb(of(mine, (run) => run.idle.rss))} MB, ${of(mine, (run) => run.idle.each).toFixed(0)} KB a bot`);
	bench.row('... CPU and wake-ups', '<= 1 % of a core', `${of(mine, (run) => run.idle.cpu).toFixed(2)} % of a core, ${of(mine, (run) => run.idle.wakes).toFixed(0)} wake-ups a second`);
	bench.row('... beside as many clients of the official SDK in one Node process', '-', `RSS ${mb(of(theirs, (run) => run.idle.rss))} MB, ` +
		`${of(theirs, (run) => run.idle.cpu).toFixed(2)} %, ${of(theirs, (run) => run.idle.wakes).toFixed(0)} wake-ups a second`);
	bench.row(`WeCom long connection: message in, instant model over HTTP (${CHUNKS} chunks), streamed answer finished, ${SENDERS} at a time, ` +
		'everysec: our CPU a message', '-', describe(mine));
	bench.row('... beside bots on the official SDK, the openai client and ioredis', '-', `${describe(theirs)}: ${ratio(mine, theirs)} x less`);
	await polls(bench);
}
