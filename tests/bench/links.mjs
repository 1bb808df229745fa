// links.mjs - what the benches of long connections share: a process with one bot of the web to compare with, and how runs are told.
import { settled } from './rest.mjs';
import { World, bots, median } from './world.mjs';

// What a process with one bot of the web needs: the rest of two hundred is theirs.
export async function alone() {
	const world = new World({ bots: bots('b', 1) });
	try {
		return (await settled((await world.start()).pid)).rss;
	} finally {
		await world.end();
	}
}

export const mb = (kb) => (kb / 1024).toFixed(1);

export function describe(runs) {
	const of = (pick, digits = 0) => median(runs.map(pick)).toFixed(digits);
	const calls = runs[0].calls === undefined ? '' : `${of((run) => run.calls, 1)} calls, `;
	return `${of((run) => run.cpu.server)} us (+${of((run) => run.cpu.redis)} Redis), ${calls}${of((run) => run.rate)} ` +
		`messages/s, p50 / p99 ${of((run) => run.p50)} / ${of((run) => run.p99)} ms`;
}

// How many times less ours took, by pairs of one run.
export const ratio = (mine, theirs) => median(mine.map((run, i) => theirs[i].cpu.server / run.cpu.server)).toFixed(1);
