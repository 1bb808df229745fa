// cycle.mjs - CPU of a whole turn over the real wires: an encrypted Feishu message comes in by webhook, a model is asked
// over HTTP and streams fifty chunks at once, the reply leaves by Feishu's API. Ours beside a bot on the official SDK,
// the openai client and ioredis, in turns within one run.
//
// The platform's API and the people are played here; only the processes under test are counted. Ours keeps to what the
// platform lets an app send in a second and in a chat, so it is several bots, and each sender has several chats: what is
// measured is a turn, and not the waiting for the platform's leave.
import { spawn } from 'node:child_process';
import http from 'node:http';
import readline from 'node:readline';
import { NodeWorld, World, cpuUs, median, pause, until } from './world.mjs';
import { APP, feishuBot, request } from './webhook.mjs';

const ROUNDS = 3;
const MESSAGES = 6000;
const SENDERS = 64;
const BOTS = 32;
const CHATS = 8; // of a sender, in turn
const WISHES = ['周五晚上的位子改到七点半，一共十二个人', '想要一个安静的包间，有老人', '帮我把明天中午的订位往后挪一个小时',
	'生日那天想摆个大蛋糕，能帮着布置吗', '周日中午有没有靠窗的四人桌'];

// A vendor that costs nothing; see vendor.c.
export async function startVendor(args = []) {
	const child = spawn(process.env.QUNGONG_VENDOR, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
	process.on('exit', () => child.kill('SIGKILL'));
	for await (const line of readline.createInterface({ input: child.stdout })) {
		child.url = `http://127.0.0.1:${/^listening (\d+)$/.exec(line)[1]}/v1`;
		break;
	}
	return child;
}

// The platform's API, as far as a bot that answers needs it, and the people who wait for its answers.
class Platform {
	constructor() {
		this.waiting = new Map(); // message id -> who wants to know
		this.server = http.createServer((asked, answer) => {
			const parts = [];
			asked.on('data', (part) => parts.push(part));
			asked.on('end', () => {
				const data = JSON.stringify(this.answer(asked.url, Buffer.concat(parts).toString('utf8')));
				answer.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) });
				answer.end(data);
			});
		});
		this.server.keepAliveTimeout = 60_000;
	}

	async start() {
		await new Promise((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
		this.url = `http://127.0.0.1:${this.server.address().port}`;
		return this;
	}

	answer(url) {
		if (url.includes('tenant_access_token')) {
			return { code: 0, msg: 'ok', tenant_access_token: 't-bench', expire: 7200 };
		}
		if (url.includes('/bot/v3/info')) {
			return { code: 0, msg: 'ok', bot: { activate_status: 2, app_name: '小满', open_id: APP.bot_open_id } };
		}
		const reply = /\/im\/v1\/messages\/([^/?]+)\/reply/.exec(url);
		if (reply) {
			const tell = this.waiting.get(reply[1]);
			this.waiting.delete(reply[1]);
			tell?.();
		}
		return { code: 0, msg: 'success', data: { message_id: `om_r${Math.random()}` } };
	}

	replyTo(id) {
		return new Promise((resolve) => { this.waiting.set(id, resolve); });
	}

	end() {
		this.server.closeAllConnections();
		this.server.close();
	}
}

let made = 0;

// One of the bots under test: the way to it and the app it is.
const BOT_OF_NODE = { route: '/hook', app: APP.app_id };
const OURS = Array.from({ length: BOTS }, (_, i) => ({ name: `f${i}`, route: `/hook/f${i}`, app: `${APP.app_id}${i}` }));

// One message: {status} of its webhook, {replied} once its reply has left.
async function say(platform, agent, port, bot, sender, chat) {
	const number = `${process.pid}y${++made}`;
	const [head, body] = request(bot.route, number, sender, WISHES[made % WISHES.length], chat, bot.app).split('\r\n\r\n');
	const headers = Object.fromEntries(head.split('\r\n').slice(1).map((line) => line.split(': ')));
	const replied = platform.replyTo(`om_${number}`);
	const status = await new Promise((resolve, reject) => {
		const asked = http.request({ port, host: '127.0.0.1', path: bot.route, method: 'POST', headers, agent }, (answer) => {
			answer.resume();
			answer.on('end', () => resolve(answer.statusCode));
		});
		asked.on('error', reject);
		asked.end(body);
	});
	return { status, replied };
}

// So many turns, each sender one at a time: {ms of each}.
async function talk(platform, agent, port, bots, messages) {
	let left = messages;
	const times = [];
	await Promise.all(Array.from({ length: SENDERS }, async (_, i) => {
		for (let turn = 0; left-- > 0; turn++) {
			const began = performance.now();
			const { status, replied } = await say(platform, agent, port, bots[i % bots.length], `ou_sender${i}`,
				`oc_chat${i}x${turn % CHATS}`);
			if (status !== 200) {
				throw new Error(`the webhook says ${status}`);
			}
			await replied;
			times.push(performance.now() - began);
		}
	}));
	return times.sort((a, b) => a - b);
}

// A bot is opened behind the readiness of its process.
async function untilServes(platform, agent, port, bot) {
	await until(async () => {
		const { status, replied } = await say(platform, agent, port, bot, 'ou_probe', 'oc_probe');
		return status === 200 ? replied.then(() => true) : pause(20);
	}, 'the bots to serve');
}

async function measure(bench, platform, port, bots, pids) {
	const agent = new http.Agent({ keepAlive: true, maxSockets: SENDERS });
	const messages = bench.count(MESSAGES);
	await Promise.all(bots.map((bot) => untilServes(platform, agent, port, bot)));
	await talk(platform, agent, port, bots, Math.round(messages / 10));
	const before = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuUs(pid)]));
	const began = performance.now();
	const times = await talk(platform, agent, port, bots, messages);
	const seconds = (performance.now() - began) / 1000;
	agent.destroy();
	return { rate: messages / seconds, p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)],
		cpu: Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, (cpuUs(pid) - before[name]) / messages])) };
}

async function ours(bench, platform, vendor) {
	const world = new World({
		models: { house: { provider: 'openai', model: 'house', base_url: vendor.url, api_key: 'k', region: 'mainland',
			price: { input: 1, output: 2, currency: 'CNY' } } },
		bots: OURS.map(({ name, app }) => feishuBot({ name, app_id: app, api_base: platform.url, models: ['house'] })),
	});
	try {
		const child = await world.start();
		return await measure(bench, platform, child.hook, OURS, { server: child.pid, redis: world.redisPid() });
	} finally {
		await world.end();
	}
}

async function node(bench, platform, vendor) {
	const world = new NodeWorld();
	try {
		await world.start('everysec', 'feishu.mjs', (socket) => ['bot', socket, JSON.stringify({ ...APP, feishu: platform.url,
			vendor: vendor.url, system: '你是小满餐厅的服务员，按手册回答。'.repeat(60) })]);
		return await measure(bench, platform, world.port, [BOT_OF_NODE], { server: world.server.pid, redis: world.redis.pid });
	} finally {
		await world.end();
	}
}

function describe(runs) {
	const of = (pick) => median(runs.map(pick));
	return `${of((run) => run.cpu.server).toFixed(0)} us (+${of((run) => run.cpu.redis).toFixed(0)} Redis), ` +
		`${of((run) => run.rate).toFixed(0)} turns/s, p50 / p99 ${of((run) => run.p50).toFixed(0)} / ${of((run) => run.p99).toFixed(0)} ms`;
}

export async function cycle(bench) {
	const [platform, vendor] = [await new Platform().start(), await startVendor(['--chunks', 50])];
	const [mine, theirs] = [[], []];
	for (let i = 0; i < ROUNDS; i++) {
		mine.push(await ours(bench, platform, vendor));
		theirs.push(await node(bench, platform, vendor));
		bench.say(`${JSON.stringify(mine.at(-1))} ${JSON.stringify(theirs.at(-1))}`);
	}
	platform.end();
	vendor.kill('SIGTERM');
	bench.row(`full cycle, Feishu webhook in, instant model over HTTP (50 chunks), reply by API, one process, everysec, ${SENDERS} ` +
		'at a time: our CPU a turn', '<= 330 us', describe(mine));
	const ratio = median(mine.map((run, i) => theirs[i].cpu.server / run.cpu.server));
	bench.row('... beside a bot on the official SDK, the openai client and ioredis', '>= 10 x less', `${describe(theirs)}: ${ratio.toFixed(1)} x less`);
}
