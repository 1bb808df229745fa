// durability: always means that the message is on the disk before the 202 leaves: seen in the system calls.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { flow, until } from './rig.mjs';

const CALLS = 'fdatasync,fsync,write,writev,sendto,sendmsg';

function why() {
	const found = spawnSync('strace', ['-o', '/dev/null', 'true'], { encoding: 'utf8' });
	if (found.error) {
		return 'strace is not installed';
	}
	return found.status === 0 ? false : `strace may not trace here: ${found.stderr.trim()}`;
}

async function attach(rig, pids) {
	const file = path.join(rig.folder, 'strace.txt');
	const child = spawn('strace', ['-f', '-ttt', '-y', '-s', '8192', '-e', `trace=${CALLS}`, '-o', file,
		...pids.flatMap((pid) => ['-p', String(pid)])], { stdio: ['ignore', 'ignore', 'pipe'] });
	let said = '';
	child.stderr.setEncoding('utf8').on('data', (text) => { said += text; });
	const ended = new Promise((resolve) => { child.once('exit', resolve); });
	const end = async () => {
		child.kill('SIGINT');
		await ended;
	};
	rig.onEnd(end);
	await until(() => pids.every((pid) => said.includes(`Process ${pid} attached`)) || child.exitCode !== null, 10_000, 'strace');
	return { file, end, failed: child.exitCode !== null, said: () => said };
}

// Lines in the order in which strace saw them; a call that another process cut in two counts where it ended.
function read(file) {
	const open = new Map();
	const calls = [];
	for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
		const [, pid, text] = /^(\d+)\s+[\d.]+ (.*)$/.exec(line) ?? [];
		if (text === undefined) {
			continue;
		}
		if (text.endsWith('<unfinished ...>')) {
			open.set(pid, text);
			calls.push({ pid, text, begins: true });
		} else if (text.startsWith('<... ')) {
			calls.push({ pid, text: (open.get(pid) ?? '') + text, ends: true });
			open.delete(pid);
		} else {
			calls.push({ pid, text, begins: true, ends: true });
		}
	}
	return calls;
}

flow('with durability always the log is synced before the acknowledgement leaves', {
	skip: why(), durability: 'always', ms: 60_000,
}, async (rig, t) => {
	const p = await rig.start('p');
	const redis = rig.redisPid();
	const strace = await attach(rig, [p.pid, redis]);
	if (strace.failed) {
		t.skip(`strace cannot attach: ${strace.said().trim()}`);
		return;
	}
	const ids = ['sync-1', 'sync-2', 'sync-3'];
	for (const id of ids) {
		assert.equal((await p.door.post('xiaoman', '小王', '大家好', { id, mention: false })).status, 202);
	}
	await strace.end();
	const calls = read(strace.file);
	let from = 0;
	for (const id of ids) {
		const find = (what, is, start) => {
			const at = calls.findIndex((call, i) => i > start && is(call));
			assert.ok(at >= 0, `${what} of ${id} is in the trace`);
			return at;
		};
		const asked = find('the script', ({ pid, text, begins }) => begins && pid === String(p.pid) && text.includes('EVALSHA') && text.includes(id), from - 1);
		const written = find('the line of the log', ({ pid, text, ends }) => ends && pid === String(redis) && /^write\(\d+<[^>]*\.aof>/.test(text) && text.includes(id), asked);
		const synced = find('the sync', ({ pid, text, ends }) => ends && pid === String(redis) && /^f(data)?sync\(\d+<[^>]*\.aof>.*= 0$/.test(text), written);
		const acknowledged = find('the 202', ({ pid, text, begins }) => begins && pid === String(p.pid) && text.includes('HTTP/1.1 202'), asked);
		assert.ok(synced < acknowledged, `${id}: sync at line ${synced}, 202 at line ${acknowledged}`);
		from = acknowledged;
	}
	t.diagnostic(`${ids.length} messages: write to the log, fdatasync, then 202`);
});
