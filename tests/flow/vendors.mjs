// vendors.mjs - flow tests with model vendors: the endpoints of a config, and the books of both sides beside each other.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Vendor } from '../models/vendor.mjs';
import { delay, until } from './rig.mjs';

// What waits for opened goes on once open() is called.
export class Gate {
	constructor() {
		this.opened = new Promise((resolve) => { this.open = resolve; });
	}

	// When a piece of a text may go, of so many: one at a time until it is open, so that there is always one more snapshot
	// to be seen, and the last one then.
	lets(i, count) {
		return i < count - 1 ? Promise.race([this.opened, delay(300)]) : this.opened;
	}
}

// A running stand-in that ends with the rig.
export async function vendor(rig, plan, more = {}) {
	const one = await new Vendor({ plan, ...more }).start();
	rig.onEnd(() => one.stop());
	return one;
}

// An endpoint of the config at that stand-in.
export function endpoint(one, more = {}) {
	return { provider: 'deepseek', model: 'deepseek-flash', api_key: 'key-of-main', base_url: one.url, ...more };
}

// A model that speaks slowly where it is asked to, and keeps the end of that answer back until release(): what is to happen
// in the middle of an answer does, however slow the machine is. hold(): so it does with those that begin from now on. A
// config has it in place of the scripted one.
export async function slowly(rig, text, { chunks = 10, delay_ms = 300, other = '好的，收到。', is = /慢/ } = {}) {
	let gate = new Gate();
	const one = await vendor(rig, (call) => {
		const { opened } = gate;
		return is.test(call.question) ? { text, chunks, delay_ms, held: (i) => (i < chunks - 2 ? null : opened) } : { text: other };
	});
	return { models: { script: endpoint(one) }, calls: one.calls, release: () => gate.open(), hold: () => { gate = new Gate(); } };
}

// `qungong usage --json` by keys.
export async function usage(rig, by, more = []) {
	const { code, out, err } = await rig.verb(['usage', '--json', '--by', by, ...more]);
	assert.equal(code, 0, err);
	return JSON.parse(out).rows;
}

export function sums(rows) {
	const total = { calls: 0, input: 0, cached_input: 0, output: 0, estimated: 0, saved: 0, CNY: 0, USD: 0 };
	for (const row of rows) {
		for (const key of ['calls', 'input', 'cached_input', 'output', 'estimated', 'saved']) {
			total[key] += row[key];
		}
		total.CNY += row.cost.CNY ?? 0;
		total.USD += row.cost.USD ?? 0;
	}
	return total;
}

// The ledger's sums once they are so many calls.
export async function settled(rig, calls, ms = 10_000) {
	return until(async () => {
		const total = sums(await usage(rig, 'bot'));
		return total.calls >= calls && total;
	}, ms, `${calls} calls in the ledger`);
}

// All rows of the ledger's files.
export function fileRows(rig) {
	const folder = path.join(rig.dataDir, 'ledger');
	const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('.db')) : [];
	const program = 'import sqlite3,json,sys\nout=[]\nfor f in sys.argv[1:]:\n c=sqlite3.connect(f"file:{f}?mode=ro",uri=True)\n' +
		' k=c.execute("select * from calls")\n n=[d[0] for d in k.description]\n out+=[dict(zip(n,r)) for r in k]\nprint(json.dumps(out))';
	return JSON.parse(execFileSync('python3', ['-c', program, ...files.map((name) => path.join(folder, name))],
		{ maxBuffer: 64 * 1024 * 1024 }));
}
