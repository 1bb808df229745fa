// feishu.mjs - Feishu: two hundred apps on their long connections in one process, idle and at work, beside as many clients of
// the official SDK in one Node process doing the same.
//
// The platform is the stand-in of tests/platforms, in this process; only the processes under test are counted. Both sides
// ask the same vendor, which streams fifty chunks over half a second, and do the same for a message: a reaction on it, a
// card that is made, sent in place, filled and ended, and the reaction taken away. On an instant answer ours would put no
// reaction, and less would be compared.
import { startFeishu } from '../platforms/feishu.mjs';
import { startVendor } from './cycle.mjs';
import { alone, describe, mb, ratio } from './links.mjs';
import { rest } from './rest.mjs';
import { ANSWERS, NodeWorld, World, cpuUs, pause, until } from './world.mjs';

const BOTS = 200;
const ROUNDS = 3;
const MESSAGES = 4000;
const SENDERS = 64;
const [CHUNKS, CHUNK_MS] = [50, 10];
const TAIL_MS = 500; // what is done behind an answer: its last layout, the reaction taken away
const WISHES = ['周五晚上的位子改到七点半，一共十二个人', '想要一个安静的包间，有老人', '帮我把明天中午的订位往后挪一个小时',
	'生日那天想摆个大蛋糕，能帮着布置吗', '周日中午有没有靠窗的四人桌'];

const apps = Array.from({ length: BOTS },
	(_, i) => ({ app_id: `cli_${String(i).padStart(16, '0')}`, app_secret: `secret-${i}`, open_id: `ou_bot${i}` }));

const house = (url) => ({ house: { provider: 'openai', model: 'house', base_url: url, api_key: 'k', region: 'mainland',
	price: { input: 1, output: 2, currency: 'CNY' } } });

const bot = (platform, { app_id, app_secret }, i) => ({ name: `f${i}`, template: 'restaurant', platform: 'feishu', app_id, app_secret,
	api_base: platform.url, answers: ANSWERS, scope: 'chat', chats: 'any', models: ['house'] });

// Waits for the end of the answer to each message without asking again and again.
class Ends {
	constructor(platform) {
		this.waiting = new Map();
		const end = (question) => {
			this.waiting.get(question)?.();
			this.waiting.delete(question);
		};
		platform.onClose = (card) => end(card.message.reply_to);
		platform.onPost = (message) => {
			if (!message.card?.streaming) {
				end(message.reply_to);
			}
		};
	}

	of(id) {
		return new Promise((resolve) => { this.waiting.set(id, resolve); });
	}
}

// So many turns, each sender one at a time, in a chat of its own at each of the bots in turn.
async function talk(platform, ends, messages) {
	let left = messages;
	const times = [];
	await Promise.all(Array.from({ length: SENDERS }, async (_, i) => {
		for (let turn = 0; left-- > 0; turn++) {
			const { app_id } = apps[(i + turn * SENDERS) % BOTS];
			const began = performance.now();
			const event = platform.messageEvent(app_id,
				{ text: `@bot ${WISHES[turn % WISHES.length]}`, chat_id: `oc_${i}x${turn % 8}`, sender: `ou_${i}` });
			if (!platform.link.push(app_id, event)) {
				throw new Error(`${app_id} is not there`);
			}
			await ends.of(event.event.message.message_id);
			times.push(performance.now() - began);
		}
	}));
	return times.sort((a, b) => a - b);
}

async function work(bench, platform, ends, pids) {
	const messages = bench.count(MESSAGES);
	await talk(platform, ends, Math.max(BOTS * 2, Math.round(messages / 10))); // every bot has read its handbook then
	await pause(TAIL_MS);
	const before = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuUs(pid)]));
	const calls = platform.counts.calls;
	const began = performance.now();
	const times = await talk(platform, ends, messages);
	const seconds = (performance.now() - began) / 1000;
	await pause(TAIL_MS);
	return { rate: messages / seconds, p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)],
		calls: (platform.counts.calls - calls) / messages,
		cpu: Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, (cpuUs(pid) - before[name]) / messages])) };
}

async function begin() {
	const platform = await startFeishu({ apps, record: false, chatRate: 0, appRate: 0, patchRate: 0, cardRate: 0 });
	return { platform, ends: new Ends(platform) };
}

const allThere = (platform) => until(() => apps.every(({ app_id }) => platform.link.of(app_id).length > 0), `${BOTS} connections`, 120_000);

// What one process at rest needs is measured in the first round only: it hardly differs, and takes long.
async function ours(bench, vendor, base, round) {
	const { platform, ends } = await begin();
	const world = new World({ models: house(vendor.url), bots: apps.map((app, i) => bot(platform, app, i)) });
	try {
		const child = await world.start();
		await allThere(platform);
		const idle = round === 0 && await rest(bench, child.pid);
		return { idle: idle && { ...idle, each: (idle.rss - base) / BOTS },
			...await work(bench, platform, ends, { server: child.pid, redis: world.redisPid() }) };
	} finally {
		await world.end();
		await platform.close();
	}
}

async function node(bench, vendor, round) {
	const { platform, ends } = await begin();
	const world = new NodeWorld();
	try {
		await world.start('everysec', 'feishu-link.mjs', (socket) => [socket, JSON.stringify({ apps, url: platform.url, vendor: vendor.url,
			system: '你是小满餐厅的服务员，按手册回答。'.repeat(60) })]);
		await allThere(platform);
		const idle = round === 0 && await rest(bench, world.server.pid);
		return { idle, ...await work(bench, platform, ends, { server: world.server.pid, redis: world.redis.pid }) };
	} finally {
		await world.end();
		await platform.close();
	}
}

export async function feishu(bench) {
	const vendor = await startVendor(['--chunks', CHUNKS, '--delay', CHUNK_MS]);
	const base = await alone();
	const [mine, theirs] = [[], []];
	for (let round = 0; round < ROUNDS; round++) {
		mine.push(await ours(bench, vendor, base, round));
		theirs.push(await node(bench, vendor, round));
		bench.say(`${JSON.stringify(mine.at(-1))} ${JSON.stringify(theirs.at(-1))}`);
	}
	vendor.kill('SIGTERM');
	const [our, their] = [mine[0].idle, theirs[0].idle];
	bench.row(`${BOTS} Feishu apps on their long connections in one process, idle: memory`, '-', `RSS ${mb(our.rss)} MB, ${our.each.toFixed(0)} KB a bot`);
	bench.row('... CPU and wake-ups', '<= 1 % of a core', `${our.cpu.toFixed(2)} % of a core, ${our.wakes.toFixed(0)} wake-ups a second`);
	bench.row('... beside as many clients of the official SDK in one Node process', '-',
		`RSS ${mb(their.rss)} MB, ${their.cpu.toFixed(2)} %, ${their.wakes.toFixed(0)} wake-ups a second`);
	bench.row(`Feishu long connection: message in, reaction, model over HTTP (${CHUNKS} chunks in ${CHUNKS * CHUNK_MS} ms), card made, filled and ended, ` +
		`${SENDERS} at a time, everysec: our CPU a message`, '-', describe(mine));
	bench.row('... beside bots on the official SDK, the openai client and ioredis', '-', `${describe(theirs)}: ${ratio(mine, theirs)} x less`);
}
