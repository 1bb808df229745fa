// world.mjs - what a benchmark runs and reads: a folder, real processes, their CPU and memory, the load generator.
//
// Everything started here is ended by its id, however the run ends. Waiting is asking again, with a limit.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Resp } from '../flow/resp.mjs';
import { toYaml } from '../flow/yaml.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const binary = process.env.QUNGONG_BIN;
const loader = process.env.QUNGONG_LOAD;
const scratch = process.env.QUNGONG_BENCH_TMP ?? os.tmpdir();
const TICK_US = 10_000; // /proc counts CPU in hundredths of a second
const READY_MS = 60_000;

const running = new Set();

function track(child) {
	running.add(child);
	child.ended = new Promise((resolve) => {
		child.on('error', (error) => resolve({ error }));
		child.on('exit', (code, signal) => {
			running.delete(child);
			resolve({ code, signal });
		});
	});
	return child;
}

process.on('exit', () => {
	for (const child of running) {
		child.kill('SIGKILL');
	}
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
	process.on(signal, () => process.exit(1));
}

export function pause(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function until(ask, what, ms = READY_MS) {
	const limit = performance.now() + ms;
	for (;;) {
		const found = await ask();
		if (found) {
			return found;
		}
		if (performance.now() > limit) {
			throw new Error(`waited ${ms} ms for ${what}`);
		}
		await pause(5);
	}
}

export function median(values) {
	const sorted = [...values].sort((a, b) => a - b);
	const half = sorted.length >> 1;
	return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// ---- what /proc says ----

// Microseconds of CPU of a process and all its threads so far.
export function cpuUs(pid) {
	const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
	return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

export function memoryKb(pid) {
	const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
	const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)[1]);
	return { rss: of('Rss'), pss: of('Pss') };
}

// ---- the world ----

export const ANSWERS = {
	shop_name: '小满餐厅', phone: '021-5555', hours: '每天11:00-21:30', address: '青禾路18号',
};

// count bots "<prefix>0", "<prefix>1" ...: a web bot is one chat, and a chat sends one reply at a time.
export function bots(prefix, count, more = {}) {
	return Array.from({ length: count }, (_, i) => ({
		name: `${prefix}${i}`, template: 'restaurant', platform: 'web', answers: ANSWERS, scope: 'sender', ...more,
	}));
}

export class World {
	constructor(config, script = [{ match: '*', text: '好的，收到。' }]) {
		this.folder = fs.mkdtempSync(path.join(scratch, 'qungong-bench-'));
		this.config = {
			listen: '127.0.0.1:0',
			admin_listen: '127.0.0.1:0',
			data_dir: './data',
			durability: 'everysec',
			connections_per_address: 5000,
			models: { script: { provider: 'scripted', script: './script.yaml' } },
			...config,
		};
		this.configure({});
		fs.writeFileSync(path.join(this.folder, 'script.yaml'), toYaml(script));
		this.processes = [];
	}

	configure(change) {
		Object.assign(this.config, change);
		fs.writeFileSync(path.join(this.folder, 'qungong.yaml'), toYaml(this.config));
	}

	get socket() {
		return path.join(this.folder, 'data/redis/redis.sock');
	}

	get token() {
		return fs.readFileSync(path.join(this.folder, 'data/admin.token'), 'utf8').trim();
	}

	// Starts a process and gives it back once it says that it is ready, with readyMs: from its start to that line.
	async start(role = 'all') {
		const began = performance.now();
		const child = track(spawn(binary, ['run', '-c', 'qungong.yaml', '--role', role], {
			cwd: this.folder,
			env: { ...process.env, QUNGONG_TEMPLATES: process.env.QUNGONG_TEMPLATES ?? path.resolve(here, '../../templates') },
			stdio: ['ignore', 'pipe', 'pipe'],
		}));
		this.processes.push(child);
		let text = '';
		const take = (data) => {
			text += text.length < 65536 ? data : '';
			if (child.readyMs === undefined && /: ready after \d+ ms/.test(text)) {
				child.readyMs = performance.now() - began;
			}
		};
		child.stdout.setEncoding('utf8').on('data', take);
		child.stderr.setEncoding('utf8').on('data', take);
		await until(() => {
			if (child.exitCode !== null) {
				throw new Error(`qungong ended at its start:\n${text}`);
			}
			return child.readyMs !== undefined;
		}, 'qungong to be ready');
		if (role !== 'agents') {
			const ports = /listening on \S+:(\d+), admin on \S+:(\d+)/.exec(text);
			[child.hook, child.port] = [Number(ports[1]), Number(ports[2])];
			await this.untilServes(child.port);
		}
		return child;
	}

	// A bot is opened behind the readiness of its process: until then its door says 503.
	async untilServes(port) {
		for (const { name, platform } of this.config.bots) {
			if (platform !== 'web') {
				continue; // what sends to it asks again while it is not open
			}
			await until(async () => {
				const answer = await fetch(`http://127.0.0.1:${port}/chat/${name}/about`,
					{ headers: { authorization: `Bearer ${this.token}` } });
				await answer.arrayBuffer();
				return answer.status !== 503;
			}, name);
		}
	}

	redisPid() {
		return pidIn(path.join(this.folder, 'data/redis'));
	}

	async redis(fn) {
		const resp = await Resp.open({ path: this.socket }, 60_000);
		try {
			return await fn(resp);
		} finally {
			resp.close();
		}
	}

	async stop() {
		for (const child of this.processes.splice(0).reverse()) {
			child.kill('SIGTERM');
			await child.ended;
		}
	}

	async end() {
		await this.stop();
		fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
	}
}

// The id of the Redis that works in this folder.
function pidIn(folder) {
	for (const entry of fs.readdirSync('/proc')) {
		try {
			if (/^\d+$/.test(entry) && fs.readlinkSync(`/proc/${entry}/cwd`) === folder &&
				/redis|valkey/.test(fs.readFileSync(`/proc/${entry}/comm`, 'utf8'))) {
				return Number(entry);
			}
		} catch {
			// it ended meanwhile, or is none of ours
		}
	}
	throw new Error(`no Redis runs in ${folder}`);
}

// A server in Node that ours is compared with, beside a Redis of its own with the settings of ours.
export class NodeWorld {
	// script and args: which one; args(socket) gives its arguments.
	async start(fsync, script = 'server.mjs', args = (socket) => [socket, this.token]) {
		this.folder = fs.mkdtempSync(path.join(scratch, 'qungong-bench-node-'));
		this.token = 'bench-token-of-some-length-0123456789abcdef';
		const socket = path.join(this.folder, 'redis.sock');
		const settings = { port: 0, unixsocket: socket, dir: this.folder, appendonly: 'yes', appendfsync: fsync, save: '' };
		this.redis = track(spawn('redis-server', Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]),
			{ stdio: 'ignore' }));
		await until(() => fs.existsSync(socket), 'redis-server');
		this.server = track(spawn(process.execPath, [path.join(here, 'node', script), ...args(socket)],
			{ stdio: ['ignore', 'pipe', 'inherit'] }));
		for await (const line of readline.createInterface({ input: this.server.stdout })) {
			this.port = Number(/^listening (\d+)$/.exec(line)?.[1]);
			break;
		}
		return this;
	}

	async end() {
		this.server.kill('SIGTERM');
		await this.server.ended;
		this.redis.kill('SIGTERM');
		await this.redis.ended;
		fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
	}
}

// ---- load ----

let runs = 0;

// Runs the load generator at a door. pids: {name: pid} whose CPU is counted, given back as cpu: {name: us a message}.
// tenth(n) is called at each tenth of the run, begun() before its first message.
export async function load({ port, token, pids, tenth = () => {}, begun = () => {}, ...options }) {
	const args = ['--port', port, ...(token ? ['--token', token] : []), '--salt', `r${process.pid}x${++runs}`];
	for (const [key, value] of Object.entries(options)) {
		if (value === true) {
			args.push(`--${key}`);
		} else if (key === 'text') { // one, or several that take turns
			args.push(...[value].flat().flatMap((text) => ['--text', JSON.stringify(text).slice(1, -1)]));
		} else if (value !== undefined && value !== false) {
			args.push(`--${key}`, value);
		}
	}
	const child = track(spawn(loader, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] }));
	const before = {};
	let result;
	for await (const line of readline.createInterface({ input: child.stdout })) {
		if (line === 'ready') {
			await begun();
			for (const [name, pid] of Object.entries(pids)) {
				before[name] = cpuUs(pid);
			}
			child.stdin.end('go\n');
		} else if (line.startsWith('tenth ')) {
			tenth(Number(line.slice(6)));
		} else {
			result = JSON.parse(line);
		}
	}
	await child.ended;
	if (!result) {
		throw new Error('the load generator failed');
	}
	result.cpu = {};
	for (const [name, pid] of Object.entries(pids)) {
		result.cpu[name] = (cpuUs(pid) - before[name]) / options.messages;
	}
	if (!result.whole || result.refused > 0) {
		console.error(`NOT WHOLE: ${JSON.stringify(result)}`);
	}
	return result;
}
