// memory.mjs - what the process needs idle and over many messages, and what a message leaves behind in Redis.
import { World, bots, load, memoryKb, pause } from './world.mjs';
import { SCRIPT } from './turns.mjs';

const MESSAGES = 200_000;
const BOTS = 8;
const SENDERS = 64;
const SETTLED_MS = 1000;
const WINDOW_MS = 12 * 3600 * 1000; // the longest of the dedupe windows; what lives longer is history and state
const QUIET_LOOKS = 3;

const used = (info) => Number(/used_memory:(\d+)/.exec(info)[1]);
const mb = (kb) => (kb / 1024).toFixed(1);

// Asks until the memory stands still: the index of a role is read behind the readiness.
async function settled(pid) {
	let same = 0;
	let last = memoryKb(pid);
	while (same < QUIET_LOOKS) {
		await pause(SETTLED_MS);
		const now = memoryKb(pid);
		same = now.rss === last.rss ? same + 1 : 0;
		last = now;
	}
	return last;
}

async function idle(bench) {
	const world = new World({ durability: 'always', bots: bots('b', 1) });
	try {
		const { rss, pss } = await settled((await world.start()).pid);
		bench.row('memory idle, 1 bot, without the Redis child', '<= 16 MB', `RSS ${mb(rss)} MB, PSS ${mb(pss)} MB`);
	} finally {
		await world.end();
	}
}

// One step over the keys: drops those whose time would be up after the windows; counts and weighs the rest.
const STEP = `
local page = redis.call('SCAN', ARGV[1], 'COUNT', 1000)
local kept, bytes = {}, 0
for _, key in ipairs(page[2]) do
	local left = redis.call('PTTL', key)
	if left >= 0 and left <= tonumber(ARGV[2]) then
		redis.call('DEL', key)
	else
		kept[#kept + 1] = left < 0 and 'for ever' or 'for a month'
		bytes = bytes + (redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0) or 0)
	end
end
return { page[1], bytes, unpack(kept) }`;

// As if all windows had passed: keys {forEver, month}, their bytes, and used: what Redis says that it uses in all (its
// tables shrink later).
async function afterWindows(world) {
	return world.redis(async (redis) => {
		const counts = { 'for ever': 0, 'for a month': 0 };
		let bytes = 0;
		for (let cursor = '0'; ;) {
			const [next, weight, ...kept] = await redis.command('EVAL', STEP, 0, cursor, WINDOW_MS);
			for (const kind of kept) {
				counts[kind]++;
			}
			bytes += weight;
			cursor = next;
			if (cursor === '0') {
				break;
			}
		}
		const info = await redis.command('INFO', 'memory');
		return { forEver: counts['for ever'], month: counts['for a month'], bytes, used: used(info) };
	});
}

async function long(bench) {
	const world = new World({ bots: bots('s', BOTS, { models: ['script'] }) }, SCRIPT);
	try {
		const child = await world.start();
		const messages = bench.count(MESSAGES);
		const talk = { port: child.port, token: world.token, pids: {}, bot: 's', bots: BOTS, talk: true, connections: SENDERS,
			senders: SENDERS, text: '周五晚上的位子改到七点半' };
		// First what every conversation may keep: its history fills.
		await load({ ...talk, messages: Math.max(messages / 10, SENDERS * 40) });
		const before = await afterWindows(world);
		const tenths = [];
		await load({ ...talk, messages, tenth: () => tenths.push(memoryKb(child.pid).rss) });
		const peak = await world.redis((redis) => redis.command('INFO', 'memory'));
		const after = await afterWindows(world);
		const growth = (tenths.at(-1) / tenths[0] - 1) * 100;
		bench.row(`memory over ${messages} messages (full cycle): RSS at each tenth`, 'last tenth <= first + 2 %',
			`${tenths.map(mb).join(' ')} MB: ${growth >= 0 ? '+' : ''}${growth.toFixed(1)} %`);
		bench.row('Redis bytes a message after the windows passed', '0',
			`${((after.bytes - before.bytes) / messages).toFixed(2)} (keys: ${(before.bytes / 1e6).toFixed(2)} -> ${(after.bytes / 1e6).toFixed(2)} MB, ` +
			`kept for ever ${before.forEver} -> ${after.forEver}, for a month ${before.month} -> ${after.month}; all of Redis: ` +
			`${(before.used / 1e6).toFixed(1)} -> ${(after.used / 1e6).toFixed(1)} MB, ${(used(peak) / 1e6).toFixed(1)} MB before the windows pass)`);
	} finally {
		await world.end();
	}
}

export async function memory(bench) {
	await idle(bench);
	await long(bench);
}
