// stream.mjs - our own share of the first text anybody sees, while many conversations stream.
//
// The scripted model gives its first chunk at once and the others a while apart, so all that passes between a POST and
// the first delta at a viewer is ours: storing, waiting for the worker, the turn's beginning, the draft, the feed.
import { World, bots, load } from './world.mjs';

const BOTS = 16;
const CONVERSATIONS = [200, 500];
const CHUNKS = 50;
const DELAY_MS = 60;
const EACH = 4; // turns of each conversation
const SCRIPT = [{ match: '*', chunks: CHUNKS, delay_ms: DELAY_MS, text: '好的，包间和儿童椅都给您留着，七点半见。'.repeat(8) }];

async function run(bench, conversations) {
	const world = new World({ bots: bots('s', BOTS, { models: ['script'] }) }, SCRIPT);
	try {
		const child = await world.start();
		// They begin spread over the time of one answer, as people do.
		return await load({ port: child.port, token: world.token, pids: { all: child.pid, redis: world.redisPid() }, bot: 's',
			bots: BOTS, talk: true, connections: conversations, senders: conversations,
			messages: Math.max(conversations, bench.count(conversations * EACH)), ramp: CHUNKS * DELAY_MS, text: '周五晚上的位子改到七点半' });
	} finally {
		await world.end();
	}
}

export async function stream(bench) {
	for (const conversations of CONVERSATIONS) {
		const result = await run(bench, conversations);
		const ms = (samples) => `p50 ${samples.p50_ms.toFixed(1)} ms, p99 ${samples.p99_ms.toFixed(1)} ms`;
		bench.row(`first visible text with ${conversations} streaming conversations, one process, everysec: from POST to the delta at a viewer ` +
			'(all of it ours)', 'p50 <= 3 ms, p99 <= 15 ms', `${ms(result.first)}; by the usage events (from storing, whole ms): ${ms(result.usage_first)}`);
		bench.row(`... CPU a streamed answer of ${CHUNKS} chunks in ${CHUNKS * DELAY_MS / 1000} s`, '-',
			`${result.cpu.all.toFixed(0)} us (+${result.cpu.redis.toFixed(0)} Redis), ${(result.deltas / result.messages).toFixed(1)} deltas an answer`);
	}
}
