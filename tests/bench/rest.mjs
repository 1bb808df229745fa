// rest.mjs - what a process with nothing to do costs: memory once it is settled, processor time, wake-ups. From /proc.
import fs from 'node:fs';
import { cpuUs, memoryKb, pause } from './world.mjs';

const IDLE_MS = 30_000;
const SETTLED_MS = 1000;

// Times a process and its threads gave the processor up, by themselves or not.
function switches(pid) {
	let sum = 0;
	for (const task of fs.readdirSync(`/proc/${pid}/task`)) {
		const text = fs.readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
		for (const [, count] of text.matchAll(/^(?:non)?voluntary_ctxt_switches:\s+(\d+)/gm)) {
			sum += Number(count);
		}
	}
	return sum;
}

export async function settled(pid) {
	let last = memoryKb(pid);
	for (let same = 0; same < 3;) {
		await pause(SETTLED_MS);
		const now = memoryKb(pid);
		same = Math.abs(now.rss - last.rss) < 64 ? same + 1 : 0;
		last = now;
	}
	return last;
}

// Of a process that has nothing to do: {rss, cpu (% of a core), wakes (a second)}.
export async function rest(bench, pid) {
	const { rss } = await settled(pid);
	const [cpu, woken, began] = [cpuUs(pid), switches(pid), performance.now()];
	await pause(Math.max(5000, IDLE_MS * Math.min(1, bench.count(100) / 100)));
	const seconds = (performance.now() - began) / 1000;
	return { rss, cpu: (cpuUs(pid) - cpu) / seconds / 10_000, wakes: (switches(pid) - woken) / seconds };
}
