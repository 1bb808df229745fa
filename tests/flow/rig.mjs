// rig.mjs - a world for one flow test: a folder, a config, real processes of qungong, and what looks at them.
//
// A test gets a rig, and the rig ends everything it started, however the test ends: processes by their ids, the
// private Redis too (found by its working folder, which is the rig's). The folder is removed after a success; after a
// failure its logs and config are kept in tests/out/flow/ and the path is printed.
//
// Nobody here waits for a time to pass: what is waited for is asked for again and again, with a limit.
import { test } from 'node:test';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Door, Feed } from './web.mjs';
import { Resp } from './resp.mjs';
import { PATIENCE, awake, until } from './wait.mjs';
import { toYaml } from './yaml.mjs';

export { asleep, awake, delay, inTime, seeded, standstills, until, within } from './wait.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const binary = process.env.QUNGONG_BIN;
const templates = process.env.QUNGONG_TEMPLATES ?? path.resolve(here, '../../templates');
const out = path.resolve(here, '../out/flow');
const READY_MS = 20_000;
const DRAIN_MS = 10_000;

if (!binary) {
	throw new Error('QUNGONG_BIN: path of a binary built with -Dtest_clock=true');
}

const rigs = new Set();
process.on('exit', () => {
	for (const rig of rigs) {
		rig.killAll();
	}
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
	process.on(signal, () => process.exit(1));
}

// One process of qungong. Its ports are chosen by the system at its first start and kept for the next ones.
class Process {
	constructor(rig, name, options) {
		this.rig = rig;
		this.name = name;
		this.role = options.role ?? 'all';
		this.env = options.env ?? {};
		this.config = options.config ?? rig.configPath;
		this.log = path.join(rig.folder, `${name}.log`);
		this.starts = 0;
		this.ports = null;
		this.child = null;
	}

	get hasDoors() {
		return this.role !== 'agents';
	}

	get pid() {
		return this.child?.pid;
	}

	get running() {
		return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
	}

	// What it said since its last start, or ever.
	text() {
		return this.wholeText().slice(this.logFrom);
	}

	// How many configs it took since then.
	get loads() {
		return this.text().split('config in force').length - 1;
	}

	wholeText() {
		return fs.existsSync(this.log) ? fs.readFileSync(this.log, 'utf8') : '';
	}

	spawn() {
		this.logFrom = this.wholeText().length;
		const args = ['run', '-c', this.config, '--role', this.role];
		if (this.hasDoors) {
			const [hook, admin] = this.ports ?? [0, 0];
			args.push('--listen', `127.0.0.1:${hook}`, '--admin-listen', `127.0.0.1:${admin}`);
		}
		const fd = fs.openSync(this.log, 'a');
		this.child = spawn(binary, args, {
			cwd: this.rig.folder,
			env: this.rig.environment(this.env),
			stdio: ['ignore', fd, fd],
		});
		fs.closeSync(fd);
		this.starts++;
		this.ending = false;
		this.wasReady = false;
		const child = this.child;
		this.ended = new Promise((resolve) => {
			child.on('exit', (code, signal) => {
				if (!this.ending && this.child === child) {
					this.rig.surprises.push(`${this.name} ended by itself: code ${code}, signal ${signal}`);
				}
				resolve({ code, signal });
			});
		});
	}

	async start({ ready = true } = {}) {
		this.spawn();
		if (this.hasDoors) {
			await this.findPorts();
			this.door?.close();
			this.door = new Door(this.rig, this.ports[1]);
		}
		if (ready) {
			await this.untilReady();
		}
		return this;
	}

	async findPorts() {
		const line = await until(() => {
			this.refuseEnd();
			return /listening on \S+:(\d+), admin on \S+:(\d+)/.exec(this.text());
		}, READY_MS, () => `the doors of ${this.name}`);
		this.ports = [Number(line[1]), Number(line[2])];
	}

	refuseEnd() {
		if (!this.running) {
			throw new Error(`${this.name} ended at its start:\n${this.text().slice(-2000)}`);
		}
	}

	async untilReady(ms = READY_MS) {
		await until(async () => {
			this.refuseEnd();
			return this.hasDoors ? (await this.door.readiness()) === 200 : /ready after \d+ ms/.test(this.text());
		}, ms, () => `${this.name} to be ready`);
		for (const { name } of this.hasDoors ? this.rig.config.bots : []) {
			await this.untilServes(name, ms);
		}
	}

	// A bot is opened behind the readiness of its process: until then its door says 503.
	async untilServes(name, ms = READY_MS) {
		await until(async () => (await this.door.get(`/chat/${name}/about`)).status !== 503, ms,
			() => `${name} at ${this.name}`);
	}

	// What is expected of a drain: exit 0 within ten seconds.
	async stop() {
		const started = awake();
		this.ending = true;
		this.child.kill('SIGTERM');
		const timer = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE * DRAIN_MS);
		const end = await this.ended;
		clearTimeout(timer);
		return { ...end, ms: awake() - started };
	}

	async kill() {
		this.ending = true;
		this.child.kill('SIGKILL');
		await this.ended;
	}

	pause() {
		this.child.kill('SIGSTOP');
	}

	resume() {
		this.child.kill('SIGCONT');
	}

	hangup() {
		this.child.kill('SIGHUP');
	}

	// Of this process alone, all series of that name and with these labels added up.
	async metric(name, labels = {}) {
		return (await this.metrics()).sum(name, labels);
	}

	async metrics() {
		const answer = await this.door.get('/metrics');
		if (answer.status !== 200) {
			throw new Error(`/metrics of ${this.name}: ${answer.status}`);
		}
		return new Metrics(answer.body);
	}
}

class Metrics {
	constructor(text) {
		this.rows = [];
		for (const line of text.split('\n')) {
			const found = /^qungong_([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
			if (found) {
				this.rows.push({ name: found[1], labels: found[2] ?? '', value: Number(found[3]) });
			}
		}
	}

	sum(name, labels = {}) {
		const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
		return this.rows
			.filter((row) => row.name === name && wanted.every((label) => row.labels.includes(label)))
			.reduce((total, row) => total + row.value, 0);
	}

	has(name) {
		return this.rows.some((row) => row.name === name);
	}
}

export const ANSWERS = {
	shop_name: '小满餐厅', phone: '021-5555', hours: '每天11:00-21:30', address: '青禾路18号',
};

// A bot as most tests want it: many conversations in one group, answered by the script.
export function bot(name, more = {}) {
	return {
		name, template: 'restaurant', platform: 'web', answers: ANSWERS, scope: 'sender', models: ['script'], ...more,
	};
}

class Rig {
	constructor(name, options) {
		this.name = name;
		this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'qungong-flow-'));
		this.configPath = path.join(this.folder, 'qungong.yaml');
		this.clockPath = path.join(this.folder, 'clock');
		this.dataDir = path.join(this.folder, 'data');
		this.scale = options.scale ?? 10;
		this.env = options.env ?? {};
		this.processes = [];
		this.feeds = [];
		this.closers = [];
		this.surprises = [];
		this.config = {
			listen: '127.0.0.1:0',
			admin_listen: '127.0.0.1:0',
			data_dir: './data',
			durability: options.durability ?? 'everysec',
			log: { level: 'debug' },
			models: { script: { provider: 'scripted', script: './script.yaml' } },
			bots: [bot('xiaoman')],
			...options.config,
		};
		this.setScript(options.script ?? [{ match: '*', text: '好的，收到。' }]);
		this.writeConfig();
		this.setClock(0);
		rigs.add(this);
	}

	environment(more = {}) {
		const env = {
			PATH: process.env.PATH,
			HOME: this.folder,
			LANG: 'C.UTF-8',
			QUNGONG_TEMPLATES: templates,
			QUNGONG_TEST_CLOCK: this.clockPath,
			QUNGONG_TEST_SCALE: String(this.scale),
			...this.env,
			...more,
		};
		for (const key of Object.keys(process.env)) {
			if (/^[AUL]SAN_OPTIONS$|^[UA]BSAN_OPTIONS$/.test(key)) {
				env[key] = process.env[key];
			}
		}
		return env;
	}

	// ---- files: always replaced, never half written ----

	write(file, text) {
		const target = path.join(this.folder, file);
		fs.mkdirSync(path.dirname(target), { recursive: true });
		fs.writeFileSync(`${target}.new`, text);
		fs.renameSync(`${target}.new`, target);
		return target;
	}

	remove(file) {
		fs.rmSync(path.join(this.folder, file), { force: true });
	}

	writeConfig(change = {}) {
		Object.assign(this.config, change);
		this.write('qungong.yaml', toYaml(this.config));
	}

	setScript(entries) {
		this.write('script.yaml', toYaml(entries));
	}

	// Moves the wall clock of all processes by so many ms.
	setClock(offset) {
		this.write('clock', String(offset));
	}

	token() {
		return fs.readFileSync(path.join(this.dataDir, 'admin.token'), 'utf8').trim();
	}

	// A line in the rig's own log, kept with the others after a failure.
	note(line) {
		fs.appendFileSync(path.join(this.folder, 'rig.log'), `${new Date().toISOString()} ${line}\n`);
	}

	// ---- processes ----

	make(name, options = {}) {
		const one = new Process(this, name, options);
		this.processes.push(one);
		return one;
	}

	start(name, options = {}) {
		return this.make(name, options).start(options);
	}

	// A verb of the command line: {code, out, err}.
	verb(args, { ms = 20_000, env = {}, config = this.configPath, input = null } = {}) {
		return new Promise((resolve, reject) => {
			const child = spawn(binary, [...args, '-c', config], {
				cwd: this.folder, env: this.environment(env),
				stdio: [input === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
			});
			child.stdin?.on('error', () => {}); // it may end before it read all
			child.stdin?.end(input);
			const answer = { out: '', err: '' };
			child.stdout.setEncoding('utf8').on('data', (text) => { answer.out += text; });
			child.stderr.setEncoding('utf8').on('data', (text) => { answer.err += text; });
			const timer = setTimeout(() => {
				child.kill('SIGKILL');
				reject(new Error(`qungong ${args.join(' ')} takes longer than ${PATIENCE * ms} ms`));
			}, PATIENCE * ms);
			child.on('close', (code) => {
				clearTimeout(timer);
				resolve({ code, ...answer });
			});
		});
	}

	// ---- Redis ----

	get socket() {
		return path.join(this.dataDir, 'redis', 'redis.sock');
	}

	// The id of the private server: the process that works in our data folder.
	redisPid() {
		const folder = path.join(this.dataDir, 'redis');
		for (const entry of fs.readdirSync('/proc')) {
			if (!/^\d+$/.test(entry)) {
				continue;
			}
			try {
				if (fs.readlinkSync(`/proc/${entry}/cwd`) === folder &&
					/redis|valkey/.test(fs.readFileSync(`/proc/${entry}/comm`, 'utf8')) &&
					!/^State:\s+Z/m.test(fs.readFileSync(`/proc/${entry}/status`, 'utf8'))) {
					return Number(entry);
				}
			} catch {
				// it ended meanwhile, or is none of ours
			}
		}
		return null;
	}

	signalRedis(signal) {
		const pid = this.redisPid();
		if (pid === null) {
			throw new Error('no private Redis runs');
		}
		process.kill(pid, signal);
		return pid;
	}

	// One command on a connection of its own.
	async redis(...args) {
		const resp = await Resp.open({ path: this.socket });
		try {
			return await resp.command(...args);
		} finally {
			resp.close();
		}
	}

	// ---- the feed ----

	// door: a Door, or a function that says which one at each (re)connection.
	feed(door, options = {}) {
		const feed = new Feed(typeof door === 'function' ? door : () => door, options);
		this.feeds.push(feed);
		return feed;
	}

	onEnd(fn) {
		this.closers.push(fn);
	}

	// ---- the end ----

	killAll() {
		for (const one of this.processes) {
			if (one.running) {
				one.ending = true;
				one.child.kill('SIGKILL');
			}
		}
		this.killRedis();
	}

	// false: none runs any more.
	killRedis() {
		const pid = this.redisPid();
		if (pid === null) {
			return false;
		}
		try {
			process.kill(pid, 'SIGKILL');
		} catch {
			// it ended with its parent
		}
		return true;
	}

	keep() {
		const target = path.join(out, `${this.name.replace(/[^\w]+/g, '-')}-${process.pid}`);
		fs.mkdirSync(target, { recursive: true });
		for (const file of fs.readdirSync(this.folder)) {
			if (/\.(log|yaml|txt)$/.test(file)) {
				fs.copyFileSync(path.join(this.folder, file), path.join(target, file));
			}
		}
		const log = path.join(this.dataDir, 'redis', 'redis.log');
		if (fs.existsSync(log)) {
			fs.copyFileSync(log, path.join(target, 'redis.log'));
		}
		for (const [i, feed] of this.feeds.entries()) {
			fs.writeFileSync(path.join(target, `feed-${i}.jsonl`),
				feed.events.map((event) => JSON.stringify(event)).join('\n'));
		}
		console.log(`logs of "${this.name}" are kept in ${target}`);
	}

	async end() {
		for (const feed of this.feeds) {
			feed.stop();
		}
		this.killAll();
		for (const one of this.processes) {
			one.door?.close();
			await one.ended;
		}
		for (const close of this.closers.reverse()) {
			await close();
		}
		rigs.delete(this);
		await until(() => !this.killRedis(), 5000, 'the private Redis to end'); // one may just have been started
		fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
	}
}

// A flow test: body(rig, t). options: scale, durability, config, script, env, ms (most it may take), skip.
export function flow(name, options, body) {
	test(name, { skip: options.skip ?? false }, async (t) => {
		const rig = new Rig(name, options);
		const ms = PATIENCE * (options.ms ?? 60_000);
		let timer;
		const late = new Promise((resolve, reject) => {
			timer = setTimeout(() => reject(new Error(`takes longer than ${ms} ms`)), ms);
		});
		try {
			await Promise.race([body(rig, t), late]);
			if (rig.surprises.length > 0) {
				throw new Error(rig.surprises.join('\n'));
			}
		} catch (error) {
			rig.keep();
			throw error;
		} finally {
			clearTimeout(timer);
			await rig.end();
		}
	});
}
