// dingtalk.mjs - DingTalk: two hundred client ids on their Stream connections in one process, idle and at work, beside as many
// clients of the official package in one Node process doing the same.
//
// The platform is the stand-in of tests/platforms, in this process; only the processes under test are counted. Both sides
// ask the same vendor, which answers at once in fifty chunks, and say the answer once by the session's webhook.
import { startDingTalk } from '../platforms/dingtalk.mjs';
import { startVendor } from './cycle.mjs';
import { alone, describe, mb, ratio } from './links.mjs';
import { rest } from './rest.mjs';
import { ANSWERS, NodeWorld, World, cpuUs, median, until } from './world.mjs';

const BOTS = 200;
const ROUNDS = 3;
const MESSAGES = 4000;
const SENDERS = 64;
const CHUNKS = 50;
const WISHES = ['周五晚上的位子改到七点半，一共十二个人', '想要一个安静的包间，有老人', '帮我把明天中午的订位往后挪一个小时',
	'生日那天想摆个大蛋糕，能帮着布置吗', '周日中午有没有靠窗的四人桌'];

const apps = Array.from({ length: BOTS }, (_, i) => ({ client_id: `dingbench${i}`, client_secret: `secret-${i}` }));

const house = (url) => ({ house: { provider: 'openai', model: 'house', base_url: url, api_key: 'k', region: 'mainland',
	price: { input: 1, output: 2, currency: 'CNY' } } });

function bot(platform, { client_id, client_secret }, i) {
	return { name: `d${i}`, template: 'restaurant', platform: 'dingtalk', client_id, client_secret, api_base: platform.url, oapi_base: platform.url,
		answers: ANSWERS, scope: 'chat', chats: 'any', models: ['house'], monthly_calls: 1_000_000, monthly_uses: 1_000_000 };
}

// Waits for the answer to each message without asking again and again.
class Ends {
	constructor(platform) {
		this.waiting = new Map();
		const add = platform.view.add.bind(platform.view);
		platform.view.add = (fields) => {
			const bubble = add(fields);
			this.waiting.get(bubble.question)?.();
			this.waiting.delete(bubble.question);
			return bubble;
		};
	}

	of(msgId) {
		return new Promise((resolve) => { this.waiting.set(msgId, resolve); });
	}
}

// So many turns, each sender one at a time, in a chat of its own at each of the bots in turn.
async function talk(platform, ends, messages) {
	let left = messages;
	const times = [];
	await Promise.all(Array.from({ length: SENDERS }, async (_, i) => {
		for (let turn = 0; left-- > 0; turn++) {
			const { client_id } = apps[(i + turn * SENDERS) % BOTS];
			const began = performance.now();
			const said = platform.say(client_id, { text: ` ${WISHES[turn % WISHES.length]}`, chat: `cid${i}x${turn % 8}=`, user: `u${i}` });
			if (!said.delivered) {
				throw new Error(`${client_id} is not there`);
			}
			await ends.of(said.msgId);
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

async function begin(options = {}) {
	const platform = await startDingTalk({ apps, record: false, qps: 0, ...options });
	return { platform, ends: new Ends(platform) };
}

const allThere = (platform) => until(() => apps.every(({ client_id }) => platform.stream.connectionsOf(client_id).length > 0),
	`${BOTS} connections`, 120_000);

async function ours(bench, vendor, base) {
	const { platform, ends } = await begin({ sessionBase: 'https://oapi.dingtalk.com' });
	const world = new World({ models: house(vendor.url), bots: apps.map((app, i) => bot(platform, app, i)) });
	try {
		const child = await world.start();
		await allThere(platform);
		const idle = await rest(bench, child.pid);
		return { idle: { ...idle, each: (idle.rss - base) / BOTS }, ...await work(bench, platform, ends, { server: child.pid,
			redis: world.redisPid() }) };
	} finally {
		await world.end();
		await platform.close();
	}
}

async function node(bench, vendor) {
	const { platform, ends } = await begin();
	const world = new NodeWorld();
	try {
		await world.start('everysec', 'dingtalk.mjs', (socket) => [socket, JSON.stringify({ apps, url: platform.url, vendor: vendor.url,
			system: '你是小满餐厅的服务员，按手册回答。'.repeat(60) })]);
		await allThere(platform);
		const idle = await rest(bench, world.server.pid);
		return { idle, ...await work(bench, platform, ends, { server: world.server.pid, redis: world.redis.pid }) };
	} finally {
		await world.end();
		await platform.close();
	}
}

export async function dingtalk(bench) {
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
	bench.row(`${BOTS} DingTalk client ids on their Stream connections in one process, idle: memory`, '-',
		`RSS ${mb(of(mine, (run) => run.idle.rss))} MB, ${of(mine, (run) => run.idle.each).toFixed(0)} KB a bot`);
	bench.row('... CPU and wake-ups', '<= 1 % of a core',
		`${of(mine, (run) => run.idle.cpu).toFixed(2)} % of a core, ${of(mine, (run) => run.idle.wakes).toFixed(0)} wake-ups a second`);
	bench.row('... beside as many clients of the official package in one Node process', '-', `RSS ${mb(of(theirs, (run) => run.idle.rss))} MB, ` +
		`${of(theirs, (run) => run.idle.cpu).toFixed(2)} %, ${of(theirs, (run) => run.idle.wakes).toFixed(0)} wake-ups a second`);
	bench.row(`DingTalk Stream: message in, instant model over HTTP (${CHUNKS} chunks), answer by the session, ${SENDERS} at a time, everysec: ` +
		'our CPU a message', '-', describe(mine));
	bench.row('... beside bots on the official package, the openai client and ioredis', '-', `${describe(theirs)}: ${ratio(mine, theirs)} x less`);
}
