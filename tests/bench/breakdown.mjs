// breakdown.mjs - where the time of a message goes: perf samples the process during a run. Each sample is counted twice:
// for the part its code belongs to, and for the function of ours that stands nearest above it (who called jansson?).
// Needs perf and, to tell our own folders apart, a binary with debug information (run.sh makes one).
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { KINDS, SCRIPT, config } from './turns.mjs';
import { World, bots, load, pause } from './world.mjs';

const HERTZ = 499; // no multiple of anything that ticks
const STACK_BYTES = 16384; // copied with each sample: frames are found without frame pointers
const ATTACH_MS = 500;
const TOP = 16;
const OUTPUT_MOST = 1 << 30;

const LIBRARIES = [
	[/^\[(kernel|guest|vdso|unknown)|vmlinux|\.ko/, 'kernel'], [/jansson/, 'JSON (jansson)'], [/hiredis/, 'Redis client'],
	[/http_parser/, 'HTTP front'], [/sqlite/, 'SQLite'], [/crypto/, 'crypto'], [/libev/, 'loop'],
];
const FOLDERS = [
	[/gateway\/net\/redis/, 'Redis client'], [/gateway\/net\/http/, 'HTTP front'], [/gateway\/net\//, 'loop'],
	[/gateway\/queue\//, 'queue'], [/gateway\/flow\//, 'flow'], [/adapters\//, 'adapters'], [/agents\/worker\//, 'worker'],
	[/agents\//, 'agents'], [/gateway\/base\/json/, 'JSON (jansson)'], [/gateway\/base\/crypto/, 'crypto'], [/gateway\/base\/db/, 'SQLite'],
	[/gateway\/base\//, 'base'],
];
const ALLOCATION = /^_?_?(libc_)?(malloc|calloc|realloc|free|cfree)|^_?int_(malloc|free|realloc)|malloc_consolidate|unlink_chunk|tcache|sysmalloc|systrim/;

function find(table, text) {
	return table.find(([pattern]) => pattern.test(text))?.[1];
}

// address -> source file, for addresses in the binary.
function sourceFiles(binary, addresses) {
	const list = [...addresses];
	const text = execFileSync('addr2line', ['-e', binary], { input: `${list.join('\n')}\n`,
		maxBuffer: OUTPUT_MOST, encoding: 'utf8' });
	const lines = text.trimEnd().split('\n');
	return new Map(list.map((address, i) => [address, lines[i]]));
}

// Samples are paragraphs, a line a frame, the innermost first. Addresses are those in the file.
function parse(text) {
	const samples = [];
	for (const paragraph of text.split('\n\n')) {
		const frames = [];
		for (const line of paragraph.split('\n')) {
			const found = /^\s*([0-9a-f]+)\s+(.*?)\s+\((.*)\)\s*$/.exec(line);
			if (found) {
				frames.push({ address: found[1], symbol: found[2], dso: found[3] });
			}
		}
		if (frames.length > 0) {
			const caller = frames.find((frame) => frame.dso.endsWith('/qungong'))?.symbol ?? 'elsewhere';
			samples.push({ ...frames[0], caller });
		}
	}
	return samples;
}

function groupOf(sample, files) {
	if (sample.dso.endsWith('/qungong')) {
		return find(FOLDERS, files.get(sample.address) ?? '') ?? 'ours, other';
	}
	if (/libc[.-]/.test(sample.dso)) {
		return ALLOCATION.test(sample.symbol) ? 'malloc' : 'libc';
	}
	return find(LIBRARIES, sample.dso) ?? path.basename(sample.dso);
}

function count(items) {
	const counts = new Map();
	for (const item of items) {
		counts.set(item, (counts.get(item) ?? 0) + 1);
	}
	return [...counts].sort((a, b) => b[1] - a[1]);
}

function read(file, binary) {
	const text = execFileSync('perf', ['script', '--no-inline', '-i', file, '-F', 'ip,sym,dso'],
		{ maxBuffer: OUTPUT_MOST, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
	const samples = parse(text);
	const ours = samples.filter((sample) => sample.dso.endsWith('/qungong'));
	const files = sourceFiles(binary, new Set(ours.map((sample) => sample.address)));
	for (const sample of samples) {
		sample.group = groupOf(sample, files);
	}
	return {
		total: samples.length,
		groups: count(samples.map((sample) => sample.group)),
		callers: count(samples.map((sample) => `${sample.caller} (${sample.group})`)).slice(0, TOP),
	};
}

async function sampled(bench, name, world, role, options) {
	const binary = fs.realpathSync(process.env.QUNGONG_BIN);
	try {
		const child = await world.start(role);
		const file = path.join(world.folder, 'perf.data');
		let perf;
		const result = await load({ port: child.port, token: world.token, pids: { all: child.pid }, ...options, begun: async () => {
			perf = spawn('perf', ['record', '-q', '-F', String(HERTZ), '-e', 'cpu-clock', '--call-graph', `dwarf,${STACK_BYTES}`,
				'-p', String(child.pid), '-o', file], { stdio: 'ignore' });
			perf.ended = new Promise((resolve) => perf.on('exit', resolve));
			await pause(ATTACH_MS);
		} });
		perf.kill('SIGINT');
		await perf.ended;
		const seen = read(file, binary);
		print(bench, name, seen, result.cpu.all);
	} finally {
		await world.end();
	}
}

function print(bench, name, seen, us) {
	const share = (n) => `${(n * 100 / seen.total).toFixed(1)} %`;
	bench.note(`Where the time goes, ${name} (${us.toFixed(0)} us a message, slowed down by perf; ${seen.total} samples):\n`);
	bench.note('| part | share | us a message |\n|---|---|---|');
	for (const [group, n] of seen.groups.filter(([, amount]) => amount * 200 >= seen.total)) {
		bench.note(`| ${group} | ${share(n)} | ${(n / seen.total * us).toFixed(1)} |`);
	}
	bench.note(`\nNearest function of ours: ${seen.callers.map(([caller, n]) => `${caller} ${share(n)}`).join(', ')}.\n`);
}

export async function breakdown(bench) {
	try {
		execFileSync('perf', ['stat', '-e', 'cpu-clock', 'true'], { stdio: 'ignore' });
	} catch {
		bench.note('No breakdown: perf is missing or may not be used here.');
		return;
	}
	await sampled(bench, 'ingest of selected messages at 64 connections, everysec', new World({ bots: bots('b', 1) }), 'gateway',
		{ bot: 'b0', connections: 64, senders: 5000, messages: bench.count(150_000), mention: true, text: '包间还有吗，十二个人。'.repeat(20) });
	for (const kind of KINDS) {
		await sampled(bench, `full cycle, ${kind.name}`, new World(config(), SCRIPT), 'all',
			{ bot: kind.prefix, bots: 8, talk: true, connections: 64, senders: 64, messages: bench.count(8_000), text: kind.text });
	}
}
