// Redis forgets its scripts, is killed, stands still, is somebody else's, runs out of memory or out of disk.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { awake, bot, delay, flow, until } from './rig.mjs';
import { Resp } from './resp.mjs';
import { checkAnswers, ids, names, talk } from './load.mjs';
import { Gate, endpoint, vendor } from './vendors.mjs';

const SLOWLY = [
	{ match: '慢', text: '慢慢办好了。', chunks: 3, delay_ms: 700 },
	{ match: '*', text: '登记好了。', chunks: 2, delay_ms: 30 },
];

async function roles(rig) {
	const gateway = await rig.start('g', { role: 'gateway' });
	const agents = await rig.start('a', { role: 'agents' });
	return { gateway, agents, watch: rig.feed(gateway.door) };
}

async function untilReadiness(process, status, ms) {
	const began = awake();
	await until(async () => (await process.door.readiness()) === status, ms, `readiness ${status}`);
	return awake() - began;
}

flow('SCRIPT FLUSH in the middle is not noticed', { script: SLOWLY }, async (rig) => {
	const { gateway, watch } = await roles(rig);
	let flushed = 0;
	const written = await talk({
		doors: [gateway.door], senders: names(5), each: 12, pause: 10,
		progress: async (count) => {
			if (count % 12 === 6) {
				flushed++;
				await rig.redis('SCRIPT', 'FLUSH');
			}
		},
	});
	await watch.untilAnswered(ids(written), 15_000);
	checkAnswers(watch, written);
	assert.ok(flushed >= 4);
});

for (const durability of ['everysec', 'always']) {
	flow(`Redis killed again and again comes back by itself (${durability})`, { script: SLOWLY, durability }, async (rig, t) => {
		const { gateway, watch } = await roles(rig);
		let killed = 0;
		const written = await talk({
			doors: [gateway.door], senders: names(6), each: 15, pause: 20,
			progress: (count) => {
				if (count % 25 === 20) {
					killed++;
					rig.signalRedis('SIGKILL');
				}
			},
		});
		assert.ok(killed >= 3);
		await untilReadiness(gateway, 200, 5000);
		const last = await talk({ doors: [gateway.door], senders: names(6), each: 1 });
		await watch.untilAnswered(ids(last), 20_000);
		// With everysec Redis answers before it writes while a sync is under way: those milliseconds may go with it.
		const kept = durability === 'always' ? written : written.filter(({ id }) => watch.answered(id).length > 0);
		await watch.untilAnswered(ids(kept), 20_000);
		checkAnswers(watch, [...kept, ...last], { mostRepeats: durability === 'always' ? 0 : killed * 6 });
		t.diagnostic(`killed ${killed} times, ${written.length - kept.length} of ${written.length} messages lost`);
	});
}

flow('Redis stands still: nothing is acknowledged, readiness says so, and it goes on by itself', { script: SLOWLY }, async (rig, t) => {
	const { gateway, watch } = await roles(rig);
	const before = await talk({ doors: [gateway.door], senders: names(3), each: 2 });
	await watch.untilAnswered(ids(before), 10_000);
	const under = await gateway.door.post('xiaoman', '员工1', '这件事慢一点');
	await watch.event((e) => e.event === 'delta' && e.data.answers.includes(under.id));

	rig.signalRedis('SIGSTOP');
	const id = 'while-it-stood-still';
	const refused = await gateway.door.post('xiaoman', '员工2', '请登记', { id });
	assert.equal(refused.status, 503, refused.body);
	assert.ok(refused.ms < 4000, `refused after ${refused.ms} ms`);
	const noticed = await untilReadiness(gateway, 503, 10_000);
	const again = await gateway.door.post('xiaoman', '员工2', '请登记', { id });
	assert.equal(again.status, 503);
	assert.equal((await gateway.door.get('/healthz')).status, 200, 'the process lives');

	rig.signalRedis('SIGCONT');
	const back = await untilReadiness(gateway, 200, 10_000);
	t.diagnostic(`noticed after ${Math.round(noticed)} ms, ready ${Math.round(back)} ms after it went on`);
	const accepted = await gateway.door.post('xiaoman', '员工2', '请登记', { id });
	assert.equal(accepted.status, 202);
	await watch.untilAnswered([id, under.id], 20_000);
	assert.equal(watch.answered(id).length, 1);
	assert.equal(watch.answered(under.id).length, 1);
	assert.equal(watch.of('message').filter((e) => e.data.id === id).length, 1);
});

// A port that was free just now.
async function freePort() {
	const server = net.createServer().listen(0, '127.0.0.1');
	await new Promise((resolve) => { server.once('listening', resolve); });
	const { port } = server.address();
	await new Promise((resolve) => { server.close(resolve); });
	return port;
}

// A server of somebody else: {port, kill, start}.
async function foreignRedis(rig) {
	const one = {
		port: await freePort(),
		async start() {
			const { port } = one;
			const log = fs.openSync(path.join(rig.folder, 'foreign.log'), 'a');
			one.child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--requirepass', 'geheim',
				'--dir', rig.folder, '--appendonly', 'yes', '--save', '', '--appendfilename', 'foreign.aof'],
			{ stdio: ['ignore', log, log] });
			one.ended = new Promise((resolve) => { one.child.once('exit', resolve); });
			await until(async () => {
				if (one.child.exitCode !== null) {
					throw new Error(`nothing can listen on ${port}`);
				}
				try {
					const resp = await Resp.open({ host: '127.0.0.1', port });
					const pong = await resp.command('AUTH', 'geheim');
					resp.close();
					return pong === 'OK';
				} catch {
					return false;
				}
			}, 10_000, 'the foreign Redis');
		},
		async kill() {
			one.child.kill('SIGKILL');
			await one.ended;
		},
	};
	rig.onEnd(() => one.kill());
	for (let tries = 1; ; tries++) {
		try {
			await one.start();
			return one;
		} catch (error) {
			if (tries === 5) {
				throw error;
			}
			one.port = await freePort(); // somebody else was quicker
		}
	}
}

flow('a foreign Redis by URL, with a password, that goes and comes back', { script: SLOWLY }, async (rig) => {
	const foreign = await foreignRedis(rig);
	rig.writeConfig({ redis: `redis://:geheim@127.0.0.1:${foreign.port}/2` });
	const { gateway, watch } = await roles(rig);
	assert.equal(rig.redisPid(), null, 'no private Redis beside it');
	const first = await talk({ doors: [gateway.door], senders: names(3), each: 4 });
	await foreign.kill();
	const refused = await gateway.door.post('xiaoman', '员工1', '请登记');
	assert.equal(refused.status, 503);
	await untilReadiness(gateway, 503, 5000);
	await foreign.start();
	await untilReadiness(gateway, 200, 10_000);
	const second = await talk({ doors: [gateway.door], senders: names(3), each: 4 });
	await watch.untilAnswered(ids([...first, ...second]), 15_000);
	checkAnswers(watch, [...first, ...second]);
	for (const name of ['g', 'a']) {
		assert.doesNotMatch(fs.readFileSync(path.join(rig.folder, `${name}.log`), 'utf8'), /geheim/, 'the password is in no log');
	}
});

flow('Redis out of memory: refused at the door, what was taken is answered when there is room again', { scale: 1 }, async (rig) => {
	const full = new Gate();
	const one = await vendor(rig, () => ({ text: '慢慢办好了，都登记在册了。', chunks: 10, held: (i) => full.lets(i, 10) }));
	rig.writeConfig({ models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'] })] });
	const { gateway, watch } = await roles(rig);
	const under = await gateway.door.post('xiaoman', '员工1', '这件事慢一点');
	assert.equal(under.status, 202);
	await watch.event((e) => e.event === 'delta');
	const most = (await rig.redis('CONFIG', 'GET', 'maxmemory'))[1];
	await rig.redis('CONFIG', 'SET', 'maxmemory', '1000000');
	full.open(); // the turn ends, and cannot be stored
	const id = 'without-room';
	for (let i = 0; i < 20; i++) {
		const refused = await gateway.door.post('xiaoman', '员工2', '请登记', { id });
		assert.equal(refused.status, 503, refused.body);
		await delay(150);
	}
	assert.equal(await gateway.door.readiness(), 200, 'the process is there, it only refuses');
	await until(async () => JSON.parse((await gateway.door.get('/readyz')).body).refusing, 5000, 'it to say so');
	assert.equal(watch.answered(under.id).length, 0);
	await rig.redis('CONFIG', 'SET', 'maxmemory', most);
	await until(async () => (await gateway.door.post('xiaoman', '员工2', '请登记', { id })).status === 202, 10_000, 'room again');
	await watch.untilAnswered([under.id, id], 15_000);
	assert.equal(watch.answered(under.id).length, 1);
	assert.equal(watch.answered(id).length, 1);
	assert.equal(watch.of('message').filter((e) => e.data.id === id).length, 1);
});

// A small file system of one's own as data folder; null where the system does not let us.
function mountSmall(rig, megabytes) {
	fs.mkdirSync(rig.dataDir, { mode: 0o700 });
	const unmount = () => {
		try {
			execFileSync('umount', ['-l', rig.dataDir], { stdio: 'ignore' });
		} catch {
			// it is gone already
		}
	};
	try {
		execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'qungong-flow', rig.dataDir], { stdio: 'pipe' });
	} catch (error) {
		return { why: String(error.stderr ?? error).trim() };
	}
	process.once('exit', unmount);
	return { unmount };
}

// Writes until nothing goes in any more; leaves so many MB free.
function fill(folder, leave) {
	const file = path.join(folder, 'ballast');
	const fd = fs.openSync(file, 'w');
	const block = Buffer.alloc(1 << 20, 1);
	try {
		for (;;) {
			const { bavail, bsize } = fs.statfsSync(folder);
			if (leave > 0 && bavail * bsize <= leave << 20) {
				return;
			}
			fs.writeSync(fd, block);
		}
	} catch (error) {
		assert.equal(error.code, 'ENOSPC');
	} finally {
		fs.closeSync(fd);
	}
}

for (const durability of ['everysec', 'always']) {
	flow(`the disk fills up: refused in time, nothing lost, and it recovers (${durability})`, { script: SLOWLY, durability, ms: 90_000 }, async (rig, t) => {
		const small = mountSmall(rig, 270);
		if (small.why) {
			t.skip(`no file system of one's own can be mounted here: ${small.why}`);
			return;
		}
		rig.onEnd(small.unmount);
		const { gateway, watch } = await roles(rig);
		const refuses = async () => (await gateway.door.post('xiaoman', '员工9', '请登记')).status === 503;
		const before = await talk({ doors: [gateway.door], senders: names(3), each: 4 });
		await watch.untilAnswered(ids(before), 10_000);

		// nearly full: refused before anything breaks
		fill(rig.dataDir, 100);
		await until(refuses, 10_000, 'the door to refuse');
		assert.equal(await gateway.door.readiness(), 200);
		fs.rmSync(path.join(rig.dataDir, 'ballast'));
		const between = await talk({ doors: [gateway.door], senders: names(3), each: 2 });

		// full at once, while people write: Redis itself cannot write its log any more
		const written = [];
		const talking = talk({ doors: [gateway.door], senders: names(4, '客人'), each: 12, pause: 100 }).then((all) => written.push(...all));
		await delay(150);
		fill(rig.dataDir, 0);
		await until(refuses, 10_000, 'the door to refuse');
		await delay(2500);
		fs.rmSync(path.join(rig.dataDir, 'ballast'));
		await talking;
		const all = [...before, ...between, ...written];
		await watch.untilAnswered(ids(all), 30_000);
		checkAnswers(watch, all);
		await until(async () => (await gateway.door.readiness()) === 200, 10_000, 'readiness');
	});
}
