// A day of a company: 24 simulated hours at one Feishu bot with two vendors, and in almost each of them something breaks.
//
// What must hold at the end: every question was answered once, every call whose usage arrived is closed by it and no
// other, the sum over these is the vendors' own to the token, and no chat got more out of a day than its budget.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { flow, seeded, until, within } from './rig.mjs';
import { APP, HookPeople, feishu, webhookBot } from './feishu.mjs';
import { endpoint, vendor } from './vendors.mjs';

const HOUR = 3_600_000;
const CHATS = 5; // the first one asks most and uses up its budget
const CHAT_DAY = 0.25;
const seed = Number(process.env.QUNGONG_FLOW_SEED ?? 20261122);

// All rows of the files.
function rowsOf(rig) {
	const folder = path.join(rig.dataDir, 'ledger');
	const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('.db')) : [];
	const program = 'import sqlite3,json,sys\nout=[]\nfor f in sys.argv[1:]:\n c=sqlite3.connect(f"file:{f}?mode=ro",uri=True)\n' +
		' t=[r[0] for r in c.execute("select name from sqlite_master where type=\'table\'") if not r[0].startswith("sqlite")][0]\n' +
		' k=c.execute(f"select * from {t}")\n n=[d[0] for d in k.description]\n out+=[dict(zip(n,r)) for r in k]\nprint(json.dumps(out))';
	const text = execFileSync('python3', ['-c', program, ...files.map((name) => path.join(folder, name))],
		{ maxBuffer: 64 * 1024 * 1024 });
	return JSON.parse(text);
}

const figures = (row) => `${row.input}/${row.cached_input}/${row.output}`;
const json = { 'content-type': 'application/json' };
const refuse = (status, error, headers = {}) => ({ status, headers: { ...json, ...headers }, body: JSON.stringify({ error }) });

flow('a day with outages, storms, arrears, hanging streams, silent vendors and kills', {
	ms: 420_000, skip: process.env.QUNGONG_SKIP_DRILL ? 'asked to' : false,
}, async (rig) => {
	const random = seeded(seed);
	let offset = 0;
	let hour = 0;
	const platform = await feishu(rig, { now: () => Date.now() + offset });
	const answer = (call, more = {}) => ({ text: `答：${/第\d+问/.exec(call.question.split('现在是').at(-1))?.[0] ?? '在'}，可以的，请提前说一声。`,
		chunks: 4, delay_ms: 20, ...more });
	const plans = { a: null, b: null };
	const a = await vendor(rig, (call) => (plans.a ?? answer)(call));
	const b = await vendor(rig, (call) => (plans.b ?? answer)(call));
	// A key of its own for each hour: what the breaker learned of the last hour's troubles is not this hour's test.
	const configure = () => rig.writeConfig({
		models: {
			main: endpoint(a, { api_key: `key-a-${hour}`, price: { input: 2, cached_input: 0.5, output: 20, currency: 'CNY' } }),
			second: endpoint(b, { provider: 'qwen', model: 'qwen3.6-flash', api_key: `key-b-${hour}`,
				price: { input: 1, cached_input: 0.5, output: 10, currency: 'CNY' } }),
		},
		bots: [webhookBot(platform, { models: ['main', 'second'], answer_tokens: 200,
			budget: { chat_day: CHAT_DAY, at_limit: 'offline' } })],
	});
	configure();

	const server = { g1: null, g2: null, a1: null, a2: null };
	const alive = new Set();
	const begin = async (name) => {
		const role = name.startsWith('g') ? 'gateway' : 'agents';
		server[name] ??= rig.make(name, { role });
		await server[name].start();
		alive.add(name);
	};
	const kills = [];
	// In the middle of turns: some calls are under way, and usually one more is about to end.
	const busy = (least = 2) => within(() => a.open + b.open >= least, 5000);
	const kill = async (name) => {
		await busy();
		alive.delete(name);
		kills.push(Date.now());
		await server[name].kill();
		await begin(name);
	};
	for (const name of Object.keys(server)) {
		await begin(name);
	}
	const people = new HookPeople(rig, platform, () => [...alive].filter((name) => name.startsWith('g')).map((name) => server[name]));
	const asked = [];
	let number = 0;

	// A person in each chat asks one after the other; the first chat asks more.
	const talk = async (each, during = async () => {}) => {
		const done = Promise.all(Array.from({ length: CHATS }, async (_, chat) => {
			for (let i = 0; i < each * (chat === 0 ? 3 : 1); i++) {
				const text = `第${++number}问：周末可以带宠物狗来聚餐吗，要不要提前说一声？`;
				const id = await people.say(`@bot ${text}`, { chat_id: `oc_chat${chat}`, sender: `ou_person${chat}` });
				asked.push({ id, hour, text });
				await people.answer(id, 60_000);
			}
		}));
		await during();
		await done;
	};
	const hangs = (call) => (call.number % 2 === 0 ? answer(call, { cut_after: 2, end: 'hang' }) : answer(call));
	const day = {
		1: () => talk(2, async () => { await a.stop(); }),
		2: async () => { await a.start(a.port); await talk(2); },
		3: async () => {
			let storm = 6;
			plans.a = (call) => (storm-- > 0 ? refuse(429, { message: 'Rate limit reached', type: 'rate_limit_error',
				code: 'rate_limit_exceeded' }, storm % 2 ? { 'retry-after': '1' } : {}) : answer(call));
			await talk(2);
		},
		4: async () => { plans.a = () => refuse(402, { message: 'Insufficient Balance', code: 'invalid_request_error' }); await talk(2); },
		5: async () => { plans.a = hangs; await talk(1); },
		6: async () => { plans.a = (call) => answer(call, { usage: null }); await talk(2); },
		7: async () => { plans.a = (call) => answer(call, { cut_after: 2, end: call.number % 2 ? 'cut' : 'reset' }); await talk(1); },
		8: () => talk(3, () => kill('a1')),
		9: () => talk(3, () => kill('g1')),
		10: () => talk(3, async () => { await busy(); kills.push(Date.now()); rig.signalRedis('SIGKILL'); }),
		11: () => talk(2, async () => {
			await busy();
			server.a2.pause();
			kills.push(Date.now());
			await new Promise((resolve) => { setTimeout(resolve, 4500); });
			server.a2.resume();
		}),
		12: () => {
			platform.fault({ path: /reply/, status: 500, body: 'oops', times: 2 }).fault({ path: /reply/, reset: 'after', times: 3 });
			return talk(2);
		},
		13: () => { platform.revoke(APP.app_id); return talk(1); },
		14: async () => {
			let errors = 3;
			plans.a = (call) => (errors-- > 0 ? refuse(500, { message: 'internal' }) : answer(call));
			await talk(2);
		},
		15: async () => { plans.a = (call) => answer(call, { first_ms: 600 }); await talk(1); },
		16: async () => {
			plans.a = () => ({ status: 200, headers: { 'content-type': 'text/event-stream' },
				body: 'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n' });
			await talk(1);
		},
		17: async () => {
			plans.a = plans.b = () => refuse(503, { message: 'Service unavailable' });
			await talk(1);
		},
		18: () => { platform.fault({ path: /messages/, status: 429, code: 99991400, headers: { 'x-ogw-ratelimit-reset': '1' }, times: 4 }); return talk(2); },
		19: () => talk(3, async () => { await Promise.all([kill('a2'), kill('g2')]); }),
		20: async () => { plans.a = () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>gateway</html>' }); await talk(1); },
		21: () => talk(3, async () => { await kill('a1'); await kill('a2'); }),
		22: () => talk(2, async () => { rig.signalRedis('SIGSTOP'); await new Promise((resolve) => { setTimeout(resolve, 300); }); rig.signalRedis('SIGCONT'); }),
	};
	for (hour = 0; hour < 24; hour++) {
		offset = hour * HOUR;
		rig.setClock(offset);
		plans.a = plans.b = null;
		configure();
		const began = Date.now();
		await (day[hour] ?? (() => talk(1 + random.below(2))))();
		rig.note(`hour ${hour}: ${asked.filter((one) => one.hour === hour).length} questions in ${Date.now() - began} ms`);
	}

	// ---- every question once ----
	for (const { id, text, hour: when } of asked) {
		const answers = people.answers(id);
		assert.equal(answers.length, 1, `${text} (hour ${when}): ${answers.length} answers`);
	}
	// ---- the books ----
	const told = [...a.calls, ...b.calls].filter((call) => call.told)
		.map((call) => ({ input: call.usage.input, cached_input: call.usage.cached, output: call.usage.output, at: call.at }));
	const rows = await until(async () => {
		const all = rowsOf(rig).filter((row) => !row.saved);
		const exact = all.filter((row) => !row.estimated && !row.failed);
		return exact.length >= told.length - kills.length * CHATS * 2 && all;
	}, 20_000, 'the rows in the files');
	await until(async () => {
		const keys = await rig.redis('KEYS', '*}:calls');
		return keys.length === 0;
	}, 40_000, 'the open rows to be closed');
	const final = await until(async () => {
		const keys = await rig.redis('KEYS', '*}:ledger');
		const counts = await Promise.all(keys.map((key) => rig.redis('XLEN', key)));
		return counts.every((count) => count === 0) && rowsOf(rig).filter((row) => !row.saved);
	}, 20_000, 'all rows in the files');
	assert.ok(final.length >= rows.length);
	const exact = final.filter((row) => !row.estimated && row.output > 0);
	const mine = exact.map(figures).sort();
	const theirs = told.map(figures).sort();
	const missing = told.filter((call) => !mine.includes(figures(call)));
	assert.deepEqual(mine.filter((one) => !theirs.includes(one)), [], 'a row that no vendor billed');
	for (const call of missing) {
		assert.ok(kills.some((at) => call.at > at - 20_000 && call.at < at + 2000),
			`a call whose usage was told is not booked: ${figures(call)}`);
	}
	const sum = (list, key) => list.reduce((total, one) => total + one[key], 0);
	const booked = told.filter((call) => mine.includes(figures(call)));
	for (const key of ['input', 'cached_input', 'output']) {
		assert.equal(sum(exact, key), sum(booked, key), key);
	}
	// ---- budgets ----
	const spent = new Map();
	for (const row of final) {
		const key = `${row.chat} ${row.day}`;
		spent.set(key, (spent.get(key) ?? 0) + row.cost / 1e9);
	}
	// Once the estimate has learned a vendor's ratio it is an average: the call that used the day up may cost a little
	// more than it reserved.
	for (const [key, money] of spent) {
		assert.ok(money <= CHAT_DAY * 1.01, `${key}: ${money} of ${CHAT_DAY}`);
	}
	const most = Math.max(...spent.values());
	assert.ok(most > CHAT_DAY * 0.6, `the budget was in reach: ${most}`);
	rig.note(`${asked.length} questions, ${final.length} calls, ${told.length} told, ${missing.length} in flight at ${kills.length} kills`);
	console.log(`drill: ${asked.length} questions, ${final.length} calls booked, ${exact.length} by their usage, ` +
		`${missing.length} in flight at ${kills.length} kills, most a chat spent in a day ${most.toFixed(4)} of ${CHAT_DAY}`);
});
