// ingest.mjs - CPU of a message that comes in by the web door and is stored, ours and Node's in turns.
//
// Ours runs as --role gateway, so that nothing but ingest is counted. "shown" are messages that nobody addressed to
// the bot (stored and shown in the feed), "selected" ones also enter a mailbox.
import { NodeWorld, World, bots, load, median } from './world.mjs';

const ROUNDS = 3;
const MESSAGES = 100_000;
const SENDERS = 5000; // none of them fills a mailbox of 200
// About 700 bytes of JSON, as a longer message in a group is.
const TEXT = '周五晚上我们一共十二个人，要一个能坐得下的包间，有两位老人不吃辣，还有一个小朋友要儿童椅，七点半左右到。'.repeat(4);

async function ours(bench, durability, options) {
	const world = new World({ durability, bots: bots('b', 1) });
	try {
		const child = await world.start('gateway');
		return await load({ port: child.port, token: world.token, pids: { server: child.pid, redis: world.redisPid() },
			bot: 'b0', senders: SENDERS, messages: bench.count(MESSAGES), text: TEXT, ...options });
	} finally {
		await world.end();
	}
}

async function node(bench, durability, options) {
	const world = await new NodeWorld().start(durability);
	try {
		return await load({ port: world.port, token: world.token,
			pids: { server: world.server.pid, redis: world.redis.pid },
			bot: 'b0', senders: SENDERS, messages: bench.count(MESSAGES), text: TEXT, ...options });
	} finally {
		await world.end();
	}
}

const CASES = [
	{ name: 'shown, 64 connections, everysec', durability: 'everysec', options: { connections: 64 }, target: '<= 15 us', node: true },
	{ name: 'shown, 4,000 connections, everysec', durability: 'everysec', options: { connections: 4000 }, target: '<= 18 us', node: true },
	{ name: 'selected, 64 connections, everysec', durability: 'everysec', options: { connections: 64, mention: true }, target: '<= 15 us', node: true },
	{ name: 'selected, 4,000 connections, everysec', durability: 'everysec', options: { connections: 4000, mention: true }, target: '<= 18 us', node: true },
	{ name: 'selected, 64 connections, always', durability: 'always', options: { connections: 64, mention: true }, target: '<= 15 us' },
	{ name: 'selected, 4,000 connections, always', durability: 'always', options: { connections: 4000, mention: true }, target: '<= 18 us' },
];

function us(runs, who) {
	return median(runs.map((run) => run.cpu[who])).toFixed(1);
}

function latency(runs) {
	return `${median(runs.map((run) => run.stored.p50_ms)).toFixed(1)} / ${median(runs.map((run) => run.stored.p99_ms)).toFixed(1)} ms`;
}

export async function ingest(bench) {
	for (const one of CASES) {
		const mine = [];
		const theirs = [];
		for (let round = 0; round < ROUNDS; round++) {
			mine.push(await ours(bench, one.durability, one.options));
			if (one.node) {
				theirs.push(await node(bench, one.durability, one.options));
			}
			bench.say(`${one.name}: ${mine.at(-1).cpu.server.toFixed(1)} us${one.node ? `, Node ${theirs.at(-1).cpu.server.toFixed(1)} us` : ''}`);
		}
		bench.row(`web door, ${one.name}: gateway CPU a message (Redis apart)`, one.target,
			`${us(mine, 'server')} us (+${us(mine, 'redis')}), p50 / p99 of the 202: ${latency(mine)}`);
		if (one.node) {
			const ratio = median(mine.map((run, i) => theirs[i].cpu.server / run.cpu.server));
			bench.row('... beside Node with ioredis', '5 x less', `Node ${us(theirs, 'server')} us (+${us(theirs, 'redis')}), ${latency(theirs)}: ${ratio.toFixed(1)} x less`);
		}
	}
}
