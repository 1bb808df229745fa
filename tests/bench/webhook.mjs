// webhook.mjs - CPU of an encrypted Feishu message that comes in by webhook and is stored: ours, Node with ioredis, and
// the official SDK's adapter (which stores nothing), in turns within one run.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { NodeWorld, World, load, median, until } from './world.mjs';

const ROUNDS = 3;
const MESSAGES = 100_000;
const SENDERS = 5000; // none of them fills a mailbox of 200
export const APP = { app_id: 'cli_6af6b6ea90eb13e0', app_secret: 'bench-secret', encrypt_key: 'bench-Encrypt-Key-2026',
	verification_token: 'bench-verification-token', bot_open_id: 'ou_a6c25c0120a930eac755a6ab556f046b' };
// So that the encrypted body has about 700 bytes beside what the envelope takes.
const TEXT = '周五晚上我们一共十二个人，要一个能坐得下的包间。';

const key = crypto.createHash('sha256').update(APP.encrypt_key).digest();

// One event as the platform sends it: the whole HTTP request.
export function request(route, number, sender, text, chat, app = APP.app_id) {
	const event = { schema: '2.0', header: { event_id: `e${number}`, token: APP.verification_token,
		create_time: '1763777777150', event_type: 'im.message.receive_v1', tenant_key: 'dd8ab48f1e3c7fcc', app_id: app },
	event: { message: { chat_id: chat, chat_type: 'p2p', content: JSON.stringify({ text }),
		create_time: '1763777777000', message_id: `om_${number}`, message_type: 'text', update_time: '1763777777000' },
	sender: { sender_id: { open_id: sender, union_id: 'on_77f810ac378ef41eb3534c403b66bb0a', user_id: '274e0ffa' },
		sender_type: 'user', tenant_key: 'dd8ab48f1e3c7fcc' } } };
	const iv = crypto.createHash('md5').update(String(number)).digest();
	const cipher = crypto.createCipheriv('aes-256-cbc', key, iv);
	const sealed = Buffer.concat([iv, cipher.update(JSON.stringify(event), 'utf8'), cipher.final()]);
	const body = JSON.stringify({ encrypt: sealed.toString('base64') });
	const time = '1763777777';
	const nonce = `n${number}`;
	const signature = crypto.createHash('sha256').update(time + nonce + APP.encrypt_key + body).digest('hex');
	return `POST ${route} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json; charset=utf-8\r\n` +
		`X-Lark-Request-Timestamp: ${time}\r\nX-Lark-Request-Nonce: ${nonce}\r\nX-Lark-Signature: ${signature}\r\n` +
		`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

let made = 0;

// A file of so many requests nobody has sent yet.
export function writeRequests(file, route, count, senders = SENDERS) {
	const out = fs.openSync(file, 'w');
	for (let i = 0; i < count; i++) {
		const one = request(route, `${process.pid}x${++made}`, `ou_sender${i % senders}`, TEXT, `oc_chat${i % senders}`);
		fs.writeSync(out, `${Buffer.byteLength(one)}\n${one}`);
	}
	fs.closeSync(out);
	return file;
}

export function feishuBot(more = {}) {
	return { name: 'f0', template: 'restaurant', platform: 'feishu', transport: 'webhook', app_id: APP.app_id,
		app_secret: APP.app_secret, encrypt_key: APP.encrypt_key, verification_token: APP.verification_token,
		answers: { shop_name: '小满餐厅', phone: '021-5555', hours: '每天11:00-21:30', address: '青禾路18号' }, ...more };
}

async function untilOpen(port, route) {
	await until(async () => {
		const [head, body] = request(route, `probe${++made}`, 'ou_probe', '在吗', 'oc_probe').split('\r\n\r\n');
		const headers = Object.fromEntries(head.split('\r\n').slice(1).map((line) => line.split(': '))
			.filter(([name]) => !/^(Host|Content-Length)$/.test(name)));
		return (await fetch(`http://127.0.0.1:${port}${route}`, { method: 'POST', headers, body })).status === 200;
	}, 'the webhook');
}

async function ours(bench, one) {
	const world = new World({ durability: one.durability, bots: [feishuBot({ api_base: 'http://127.0.0.1:9' })] });
	try {
		const child = await world.start('gateway');
		await untilOpen(child.hook, '/hook/f0');
		const messages = bench.count(MESSAGES);
		const requests = writeRequests(path.join(world.folder, 'requests'), '/hook/f0', messages + one.connections);
		return await load({ port: child.hook, pids: { server: child.pid, redis: world.redisPid() }, requests, messages,
			connections: one.connections });
	} finally {
		await world.end();
	}
}

async function node(bench, one, kind) {
	const world = new NodeWorld();
	try {
		await world.start(one.durability, 'feishu.mjs', (socket) => [kind, socket, JSON.stringify(APP)]);
		const messages = bench.count(MESSAGES);
		const requests = writeRequests(path.join(world.folder, 'requests'), '/hook', messages + one.connections);
		return await load({ port: world.port, pids: { server: world.server.pid, redis: world.redis.pid }, requests, messages,
			connections: one.connections });
	} finally {
		await world.end();
	}
}

const CASES = [
	{ connections: 64, durability: 'everysec', target: '<= 15 us' },
	{ connections: 4000, durability: 'everysec', target: '<= 18 us' },
];

const us = (runs, who = 'server') => median(runs.map((run) => run.cpu[who])).toFixed(1);
const ratio = (mine, theirs) => median(mine.map((run, i) => theirs[i].cpu.server / run.cpu.server)).toFixed(1);

function latency(runs) {
	return `p50 / p99 of the 200: ${median(runs.map((run) => run.stored.p50_ms)).toFixed(1)} / ` +
		`${median(runs.map((run) => run.stored.p99_ms)).toFixed(1)} ms`;
}

export async function webhook(bench) {
	for (const one of CASES) {
		const [mine, redis, sdk] = [[], [], []];
		for (let round = 0; round < ROUNDS; round++) {
			mine.push(await ours(bench, one));
			redis.push(await node(bench, one, 'ioredis'));
			sdk.push(await node(bench, one, 'sdk'));
			bench.say(`${one.connections} connections: ${us(mine)} us, ioredis ${us(redis)}, sdk ${us(sdk)}`);
		}
		const name = `Feishu webhook, ${one.connections} connections, ${one.durability}`;
		bench.row(`${name}: gateway CPU a message (Redis apart)`, one.target, `${us(mine)} us (+${us(mine, 'redis')}), ${latency(mine)}`);
		bench.row('... beside Node with ioredis, storing', '5 x less', `${us(redis)} us (+${us(redis, 'redis')}), ${latency(redis)}: ${ratio(mine, redis)} x less`);
		bench.row("... beside the official SDK's adapter, storing nothing", '9 x less', `${us(sdk)} us, ${latency(sdk)}: ${ratio(mine, sdk)} x less`);
	}
}
