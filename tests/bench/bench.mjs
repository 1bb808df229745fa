// bench.mjs - runs the benchmarks that were asked for and prints one table of them.
//
// Nothing here passes or fails: a benchmark says what it measured, beside what design asks for. What is compared is
// measured in pairs within one run, for the rates of a machine change from hour to hour and the ratios hardly.
// BENCH: which of them, by name; BENCH_SCALE: 0.1 makes a tenth of the messages.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { breakdown } from './breakdown.mjs';
import { cycle } from './cycle.mjs';
import { dingtalk } from './dingtalk.mjs';
import { feishu } from './feishu.mjs';
import { ingest } from './ingest.mjs';
import { memory } from './memory.mjs';
import { start } from './start.mjs';
import { stream } from './stream.mjs';
import { streams } from './streams.mjs';
import { turns } from './turns.mjs';
import { webhook } from './webhook.mjs';
import { wecom } from './wecom.mjs';

const all = { start, webhook, cycle, wecom, dingtalk, feishu, ingest, turns, stream, streams, memory, breakdown };
const wanted = (process.env.BENCH ?? '').split(/[\s,]+/).filter(Boolean);
const out = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../out/bench');
const scale = Number(process.env.BENCH_SCALE ?? 1);

for (const name of wanted) {
	if (!all[name]) {
		console.error(`BENCH: '${name}' is none of ${Object.keys(all).join(' ')}`);
		process.exit(2);
	}
}

const rows = [];
const notes = [];
const bench = {
	// So many messages, scaled, and a multiple of ten.
	count: (messages) => Math.max(10, Math.round(messages * scale / 10) * 10),
	say: (text) => console.error(text),
	row: (figure, target, measured) => rows.push({ figure, target, measured, command: `BENCH=${bench.name} sh tests/bench/run.sh` }),
	note: (text) => notes.push(text),
};

for (const name of wanted.length > 0 ? wanted : Object.keys(all)) {
	bench.name = name;
	bench.say(`# ${name}`);
	await all[name](bench);
}

const lines = ['| figure | target | measured | command |', '|---|---|---|---|',
	...rows.map((row) => `| ${row.figure} | ${row.target} | ${row.measured} | \`${row.command}\` |`)];
const machine = `${os.cpus()[0].model}, ${os.cpus().length} cores, Linux ${os.release()}, Node ${process.version}` +
	`${scale === 1 ? '' : `, ${scale} of the usual number of messages`}`;
const text = `${[`Measured on: ${machine}`, '', ...lines, '', ...notes].join('\n')}\n`;
fs.mkdirSync(out, { recursive: true });
fs.writeFileSync(path.join(out, 'table.md'), text);
process.stdout.write(text);
process.exit(0);
