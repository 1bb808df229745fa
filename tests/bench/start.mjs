// start.mjs - from the start of the process to its "ready", with an empty store and with one that has data.
import fs from 'node:fs';
import path from 'node:path';
import { World, bots, load, median } from './world.mjs';

const STARTS = 10;
const MESSAGES = 20_000;

function range(values) {
	return `median ${median(values).toFixed(0)} ms (${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)})`;
}

async function fresh() {
	const world = new World({ durability: 'always', bots: bots('b', 1) });
	try {
		return (await world.start()).readyMs;
	} finally {
		await world.end();
	}
}

async function again(bench) {
	const world = new World({ bots: bots('b', 1) });
	const times = [];
	try {
		const child = await world.start('gateway');
		await load({ port: child.port, token: world.token, pids: {}, bot: 'b0', connections: 32, senders: 1000,
			messages: bench.count(MESSAGES), mention: true, text: '周五晚上七点半的位子还有吗？' });
		await world.stop();
		for (let i = 0; i < STARTS; i++) {
			times.push((await world.start('gateway')).readyMs);
			await world.stop();
		}
		const folder = path.join(world.folder, 'data/redis/appendonlydir');
		const bytes = fs.existsSync(folder)
			? fs.readdirSync(folder).reduce((sum, file) => sum + fs.statSync(path.join(folder, file)).size, 0) : 0;
		return { times, bytes };
	} finally {
		await world.end();
	}
}

export async function start(bench) {
	const times = [];
	for (let i = 0; i < STARTS; i++) {
		times.push(await fresh());
	}
	bench.row(`start to ready: embedded Redis, empty store, 1 bot, ${STARTS} starts`, '<= 150 ms', range(times));
	const { times: later, bytes } = await again(bench);
	bench.row(`... with ${bench.count(MESSAGES)} messages waiting in the store (AOF ${(bytes / 1e6).toFixed(1)} MB)`, '-', range(later));
}
