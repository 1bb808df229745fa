// vendors.mjs - flow tests with model vendors: the endpoints of a config, and the books of both sides beside each other.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Vendor } from '../models/vendor.mjs';
import { until } from './rig.mjs';

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
