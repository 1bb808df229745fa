// streams.mjs - many answers at once from a model over HTTP: the first visible text, and the memory of a stream.
//
// The vendor's first chunk leaves at once, so all that passes between a POST and the first delta at a viewer is ours: storing,
// the turn's beginning, the open row in the ledger, the request, the first chunk, the draft, the feed. Memory is read
// while all streams are open, over HTTP/1.1 and over HTTP/2 with TLS.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { startVendor } from './cycle.mjs';
import { World, bots, load, memoryKb, until } from './world.mjs';
import { APP, feishuBot, request } from './webhook.mjs';
import { Vendor } from '../models/vendor.mjs';

const BOTS = 16;
const CONVERSATIONS = 500;
const CHUNKS = 50;
const DELAY_MS = 60;
const EACH = 4;
const STREAMS = 5000;
const APPS = 4; // one bot has at most half of a process

const house = (url) => ({ house: { provider: 'openai', model: 'house', base_url: url, api_key: 'k', region: 'mainland',
	price: { input: 1, output: 2, currency: 'CNY' } } });

async function first(bench) {
	const vendor = await startVendor(['--chunks', CHUNKS, '--delay', DELAY_MS]);
	const world = new World({ models: house(vendor.url), bots: bots('s', BOTS, { models: ['house'] }) });
	try {
		const child = await world.start();
		const result = await load({ port: child.port, token: world.token, pids: { all: child.pid, redis: world.redisPid() }, bot: 's',
			bots: BOTS, talk: true, connections: CONVERSATIONS, senders: CONVERSATIONS,
			messages: Math.max(CONVERSATIONS, bench.count(CONVERSATIONS * EACH)), ramp: CHUNKS * DELAY_MS,
			text: '周五晚上的位子改到七点半，一共十二个人' });
		const ms = (samples) => `p50 ${samples.p50_ms.toFixed(1)} ms, p99 ${samples.p99_ms.toFixed(1)} ms`;
		bench.row(`first visible text with ${CONVERSATIONS} streaming conversations of a vendor over HTTP, one process, everysec: from POST ` +
			'to the delta at a viewer (the vendor answers at once)', 'p50 <= 3 ms, p99 <= 15 ms', ms(result.first));
		bench.row(`... CPU a streamed answer of ${CHUNKS} chunks in ${CHUNKS * DELAY_MS / 1000} s`, '-',
			`${result.cpu.all.toFixed(0)} us (+${result.cpu.redis.toFixed(0)} Redis), ${(result.deltas / result.messages).toFixed(1)} deltas an answer`);
	} finally {
		vendor.kill('SIGTERM');
		await world.end();
	}
}

function certificate(folder) {
	const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
	execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj',
		'/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
	return { key: fs.readFileSync(key), cert: fs.readFileSync(cert), path: cert };
}

const apps = Array.from({ length: APPS }, (_, i) => `${APP.app_id.slice(0, -1)}${i}`);

// One message in each of so many chats, to the bots in turn.
function writeQuestions(file, count) {
	const out = fs.openSync(file, 'w');
	for (let i = 0; i < count; i++) {
		const one = request(`/hook/f${i % APPS}`, `q${i}`, `ou_sender${i}`, '周五晚上的位子改到七点半，一共十二个人', `oc_chat${i}`, apps[i % APPS]);
		fs.writeSync(out, `${Buffer.byteLength(one)}\n${one}`);
	}
	fs.closeSync(out);
	return file;
}

// So many turns in the middle of their answers at once.
async function open(bench, name, count, begin) {
	const world = new World({ connections_per_address: 20_000, 
		bots: apps.map((app_id, i) => feishuBot({ name: `f${i}`, app_id, api_base: 'http://127.0.0.1:9', models: ['house'] })) });
	const { url, opened, end, env } = await begin(world.folder);
	world.configure({ models: house(url) });
	Object.assign(process.env, env);
	try {
		const child = await world.start();
		const idle = memoryKb(child.pid);
		const requests = writeQuestions(path.join(world.folder, 'requests'), count + 64);
		await load({ port: child.hook, pids: {}, requests, messages: count, connections: 64, senders: 1 });
		await until(() => opened() >= count, `${count} streams (${opened()} are open)`, 120_000);
		const { rss, pss } = memoryKb(child.pid);
		bench.row(`memory with ${count} turns streaming from a model over ${name}, one process`, '<= 250 MB over h2',
			`RSS ${(rss / 1024).toFixed(0)} MB, PSS ${(pss / 1024).toFixed(0)} MB: ${((rss - idle.rss) / count).toFixed(1)} KB a turn`);
	} finally {
		for (const key of Object.keys(env)) {
			delete process.env[key];
		}
		await world.end();
		await end();
	}
}

export async function streams(bench) {
	await first(bench);
	const count = Math.min(STREAMS, bench.count(STREAMS * 2));
	const slow = { plan: () => ({ text: '好的，包间和儿童椅都给您留着，七点半见。'.repeat(40), chunks: 400, delay_ms: 1000 }) };
	const over = (options, env) => async () => {
		const vendor = await new Vendor({ ...slow, ...options }).start();
		return { url: vendor.url, opened: () => vendor.open, end: () => vendor.stop(), env };
	};
	await open(bench, 'HTTP/1.1', count, over({}, {}));
	await open(bench, 'HTTP/2 with TLS', count, async (folder) => {
		const tls = certificate(folder);
		return over({ tls }, { QUNGONG_CA_FILE: tls.path })();
	});
}
