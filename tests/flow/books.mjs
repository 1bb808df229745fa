// The books after a storm: workers and Redis are killed and stopped while calls are paid for, and then all is counted.
//
// When no call is open any more, each counter of a budget must hold exactly what the rows of that budget and period
// cost: nothing counted twice, nothing reserved for ever, also where a customer's counter lies in another partition
// and another currency. Each call whose usage arrived stands there once, by its usage, unless a blow hit it. With
// everysec a Redis that is killed comes back without what it answered in its last moments: what a worker had in flight
// then may be missing on either side, and no more.
import assert from 'node:assert/strict';
import { bot, delay, flow, seeded, until } from './rig.mjs';
import { talk } from './load.mjs';
import { endpoint, fileRows, vendor } from './vendors.mjs';

const seed = Number(process.env.QUNGONG_FLOW_SEED ?? Date.now() % 1_000_000);
const RATE = 7.2; // yuan for a dollar
const PRICE = { input: 10, output: 100, currency: 'CNY' };
const BLOWS = 14;
const CALLS = 60; // at least, however slow the machine is
const IN_FLIGHT = 12; // calls: two bots, six senders each

// What the rows say that a counter must hold, in nano; spread: what rounding may add.
function owed(rows, key) {
	const [, owner, limit, whom, period, currency] = /^\$([^:]*):([a-z_]+):(.*):(\d+):([A-Z]+)$/.exec(key);
	const of = {
		chat_day: (row) => row.bot === owner && row.chat === whom && row.day === period,
		user_day: (row) => row.bot === owner && row.user === whom && row.day === period,
		bot_month: (row) => row.bot === owner && row.day.startsWith(period),
		customer_month: (row) => row.customer === whom && row.day.startsWith(period),
	}[limit];
	const mine = rows.filter(of);
	const sum = mine.reduce((total, row) => total + row.cost, 0);
	return currency === 'USD' ? { sum: sum / RATE, spread: mine.length } : { sum, spread: 0 };
}

// The counters of all budgets: name without the partition -> nano.
async function counters(rig) {
	const found = new Map();
	for (const key of await rig.redis('KEYS', '*}:$*')) {
		found.set(key.slice(key.indexOf('}:') + 2), Number(await rig.redis('GET', key)));
	}
	return found;
}

async function left(rig, name, command) {
	const keys = await rig.redis('KEYS', `*}:${name}`);
	return (await Promise.all(keys.map((key) => rig.redis(command, key)))).reduce((a, b) => a + b, 0);
}

for (const durability of ['everysec', 'always']) {
	flow(`the books agree after a storm, ${durability}, seed ${seed}`, { durability, ms: 150_000 }, async (rig) => {
		const chance = seeded(seed);
		const one = await vendor(rig, (call) => ({ text: '可以的，请提前说一声。', chunks: 3, delay_ms: 30,
			usage: call.number % 7 === 3 ? null : undefined }));
		rig.writeConfig({ usd_cny: RATE, models: {}, bots: [bot('other', { models: [] })] });
		const priced = (name, budget) => bot(name, { models: ['main'], answer_tokens: 100, budget });
		rig.write('bots.d/shop.yaml', JSON.stringify({
			customer: { id: 'shop', name: '小店', budget: { month: 100, currency: 'USD' } },
			models: { main: endpoint(one, { provider: 'openai', model: 'house', region: 'mainland', price: PRICE }) },
			bots: [priced('xiaoman', { chat_day: 500, user_day: 100, bot_month: 500 }),
				priced('second', { chat_day: 1, at_limit: 'offline' })], // used up: what it held is given back
		}));
		const gateway = await rig.start('g', { role: 'gateway' });
		const workers = [await rig.start('a1', { role: 'agents' }), await rig.start('a2', { role: 'agents' })];
		const feeds = ['xiaoman', 'second'].map((name) => rig.feed(gateway.door, { bot: name }));
		let blows = 0;
		let forgotten = 0; // calls, at most
		const asking = ['xiaoman', 'second'].map(async (name, i) => {
			const written = [];
			while (blows < BLOWS || one.calls.length < CALLS) {
				const more = await talk({ doors: [gateway.door], bot: name, senders: ['甲', '乙', '丙', '丁', '戊', '己'],
					each: 1, ms: 60_000 });
				written.push(...more);
				await feeds[i].untilAnswered(more.map(({ id }) => id), 60_000);
			}
		});
		const storm = async () => {
			for (; blows < BLOWS; blows++) {
				await delay(chance.below(400));
				const what = chance.below(5);
				const victim = chance.pick(workers);
				rig.note(`blow ${blows}: ${what} ${victim.name}`);
				if (what < 2) {
					await victim.kill();
					await victim.start();
				} else if (what === 2) {
					victim.pause(); // longer than a claim and a sweep: it comes back with usage that is late
					await delay(4500);
					victim.resume();
				} else if (what === 3) {
					await until(() => rig.redisPid(), 10_000, 'Redis to be back');
					rig.signalRedis('SIGKILL');
					forgotten += durability === 'everysec' ? 2 * IN_FLIGHT : 0;
				} else {
					await until(() => rig.redisPid(), 10_000, 'Redis to be back');
					rig.signalRedis('SIGSTOP');
					await delay(500);
					rig.signalRedis('SIGCONT');
				}
			}
		};
		await Promise.all([storm(), ...asking]);
		await until(async () => (await left(rig, 'calls', 'HLEN')) + (await left(rig, 'holds', 'HLEN')) === 0, 40_000,
			'the open calls to be closed');
		await until(async () => (await left(rig, 'ledger', 'XLEN')) === 0, 20_000, 'all rows in the files');

		const rows = fileRows(rig).filter((row) => !row.saved);
		const found = await counters(rig);
		assert.ok(found.size >= 9, [...found.keys()].join(' '));
		const dearest = Math.max(...rows.map((row) => row.cost));
		for (const [key, nano] of found) {
			const { sum, spread } = owed(rows, key);
			const most = forgotten * dearest / (key.endsWith(':USD') ? RATE : 1);
			assert.ok(Math.abs(nano - sum) <= most + spread + 1e-6 * sum * (spread > 0 ? 1e-3 : 0),
				`${key} is ${nano}, its rows cost ${sum}: ${nano - sum}`);
		}
		const told = one.calls.filter((call) => call.told && call.usage);
		const exact = rows.filter((row) => !row.estimated && row.output > 0);
		const figures = (input, output) => `${input}/${output}`;
		const theirs = new Set(told.map((call) => figures(call.usage.input, call.usage.output)));
		for (const row of exact) {
			assert.ok(theirs.has(figures(row.input, row.output)), 'a row that no vendor billed');
		}
		const off = [...found].map(([key, nano]) => Math.round(nano - owed(rows, key).sum)).filter((one) => Math.abs(one) > 999);
		console.log(`books: ${durability}, seed ${seed}: ${one.calls.length} calls asked, ${rows.length} rows, ` +
			`${exact.length} by their usage of ${told.length} told, ${rows.filter((row) => row.estimated).length} estimated` +
			(off.length > 0 ? `, counters off by ${off.join(', ')}` : ''));
		assert.ok(rows.length >= 50 && told.length - exact.length <= IN_FLIGHT * BLOWS);
	});
}
