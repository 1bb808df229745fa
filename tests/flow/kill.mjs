// The kill test: people write while workers, the owning gateway and Redis are killed or stopped, thirty times.
//
// Two gateways, two agents processes, 2,000 messages over 50 conversations. What is killed when follows from a seed
// (QUNGONG_FLOW_SEED repeats a run). durability is `always`: with everysec a killed Redis may forget milliseconds.
// Messages flow before, during and after each blow; one that is not acknowledged
// is sent again by its writer under the same id. At the end nothing acknowledged may be lost, the order of each
// conversation must be as accepted, seen at both gateways' feeds, and repeats must be explained by what was in flight.
import assert from 'node:assert/strict';
import { awake, delay, flow, seeded, standstills, until } from './rig.mjs';
import { Resp } from './resp.mjs';
import { checkAnswers, ids, names, repeats, write } from './load.mjs';

const SCALE = 10;
const MESSAGES = 2000;
const CONVERSATIONS = 50;
const NOISE_MS = 1500; // what a busy machine may add: the limits below are tenths of the real ones
const STOP_MS = 36_000 / SCALE; // longer than a claim (30 s)
const EPOCH_MS = 10_000 / SCALE + NOISE_MS;
const TRY_MS = 35_000 / SCALE + NOISE_MS;
const BLOWS = [
	['worker', 'kill', 7], ['owner', 'kill', 6], ['redis', 'kill', 6],
	['worker', 'stop', 4], ['owner', 'stop', 4], ['redis', 'stop', 3],
];

const seed = Number(process.env.QUNGONG_FLOW_SEED ?? Date.now() % 1_000_000);

function shuffled(list, chance) {
	const rest = [...list];
	return list.map(() => rest.splice(chance.below(rest.length), 1)[0]);
}

// What Redis knows, on one connection that is made again where it broke.
class Sight {
	constructor(rig) {
		this.rig = rig;
	}

	async ask(...args) {
		for (let tries = 0; ; tries++) {
			try {
				this.resp ??= await Resp.open({ path: this.rig.socket }, 60_000);
				return await this.resp.command(...args);
			} catch (error) {
				this.resp?.close();
				this.resp = null;
				if (tries > 200) {
					throw error;
				}
				await delay(25);
			}
		}
	}

	each(fn) {
		return Promise.all(Array.from({ length: 16 }, (_, p) => fn(`qg:{${p}}:`)));
	}

	async lease() {
		const rows = await this.each((prefix) => this.ask('HGET', `${prefix}lease`, 'bot:xiaoman'));
		const [owner, epoch] = (rows.find((row) => row !== null) ?? '- 0').split(' ');
		return { owner, epoch: Number(epoch) };
	}

	// Turns under way: conversation -> {id, own, try}
	async turns() {
		const all = new Map();
		await this.each(async (prefix) => {
			for (const conversation of await this.ask('SMEMBERS', `${prefix}pend`)) {
				const [id, own, number] = await this.ask('HMGET', `${prefix}c:${conversation}`, 'id', 'own', 'try');
				all.set(conversation, { id, own, try: number });
			}
		});
		return all;
	}

	async total(command, key) {
		return (await this.each((prefix) => this.ask(command, prefix + key))).reduce((a, b) => a + b, 0);
	}

	close() {
		this.resp?.close();
	}
}

function processName(process) {
	return /process (\S+)$/m.exec(process.text())[1];
}

flow(`kill test, seed ${seed}`, {
	scale: SCALE, ms: 300_000, durability: 'always',
	script: [{ match: '*', text: '登记好了，请放心。', chunks: 3, delay_ms: 60 }],
}, async (rig) => {
	const chance = seeded(seed);
	const gateways = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
	const workers = [await rig.start('a1', { role: 'agents' }), await rig.start('a2', { role: 'agents' })];
	const feeds = gateways.map((one) => rig.feed(() => one.door));
	const sight = new Sight(rig);
	rig.onEnd(() => sight.close());
	const figures = { epochs: [], tries: [], inFlight: 0, blows: [], refusedTries: 0 };

	// ---- the writers ----
	let released = 40;
	let issued = 0;
	const written = [];
	const writers = names(CONVERSATIONS).map(async (sender, s) => {
		for (let i = 1; i <= MESSAGES / CONVERSATIONS; i++) {
			while (issued >= released) {
				await delay(10);
			}
			issued++;
			let knock = chance.below(2);
			const one = await write(() => gateways[knock++ % 2].door, 'xiaoman', sender, `${sender} 的第 ${i} 件，请登记`, { ms: 60_000, post: 1500 });
			figures.refusedTries += one.tries - 1;
			written.push(one);
		}
	});

	// ---- the blows ----
	const owner = async () => {
		const { owner: name } = await sight.lease();
		return gateways.find((one) => one.running && processName(one) === name);
	};
	const calm = async () => {
		for (const one of [...gateways, ...workers]) {
			await one.untilReady(20_000);
		}
		await until(owner, 10_000, 'an owner');
	};
	const watchEpoch = async (before, began) => {
		await until(async () => (await sight.lease()).epoch > before, EPOCH_MS + 5000, 'a new epoch');
		figures.epochs.push(awake() - began);
	};
	const watchTries = async (mine, began) => {
		const left = new Map(mine);
		await until(async () => {
			const now = await sight.turns();
			for (const [conversation, was] of left) {
				const is = now.get(conversation);
				if (!is || is.id !== was.id || is.own !== was.own || is.try !== was.try) {
					left.delete(conversation);
				}
			}
			return left.size === 0;
		}, TRY_MS + 5000, () => `a new try of ${left.size} turns`);
		if (mine.length > 0) {
			figures.tries.push(awake() - began);
		}
	};
	const strike = async (victim, how, watch) => {
		const began = awake();
		if (how === 'kill') {
			await victim.kill();
			await watch(began);
			await victim.start({ ready: false });
		} else {
			victim.pause();
			const watched = watch(began);
			await delay(STOP_MS);
			await watched;
			victim.resume();
		}
	};
	const blows = {
		async worker(how) {
			const victim = chance.pick(workers);
			const name = processName(victim);
			const mine = await until(async () => {
				const found = [...await sight.turns()].filter(([, turn]) => turn.own === name);
				return found.length > 0 || issued >= released ? { found } : null;
			}, 3000, 'turns of the worker');
			figures.inFlight += mine.found.length;
			await strike(victim, how, (began) => watchTries(mine.found, began));
		},
		async owner(how) {
			const victim = await until(owner, 10_000, 'an owner');
			const { epoch } = await sight.lease();
			figures.inFlight += 1;
			await strike(victim, how, (began) => watchEpoch(epoch, began));
		},
		async redis(how) {
			figures.inFlight += (await sight.turns()).size + 1;
			if (how === 'kill') {
				rig.signalRedis('SIGKILL');
				return;
			}
			rig.signalRedis('SIGSTOP');
			await delay(STOP_MS);
			rig.signalRedis('SIGCONT');
		},
	};
	const plan = shuffled(BLOWS.flatMap(([who, how, times]) => Array(times).fill([who, how])), chance);
	const share = MESSAGES / (plan.length + 1);
	const pump = setInterval(() => { released = Math.min(released + 1, MESSAGES, Math.ceil((figures.blows.length + 1) * share) + 40); }, 25);
	rig.onEnd(() => clearInterval(pump));
	const began = performance.now();
	const stills = standstills();
	for (const [who, how] of plan) {
		await until(() => written.length >= figures.blows.length * share, 60_000, 'the messages between two blows');
		await delay(chance.below(200));
		const at = performance.now();
		await blows[who](how);
		await calm();
		figures.blows.push({ who, how, ms: performance.now() - at });
		rig.note(`${figures.blows.length}. ${how} ${who}: ${Math.round(performance.now() - at)} ms, ${written.length} written`);
	}
	released = MESSAGES;
	clearInterval(pump);
	await Promise.all(writers);
	for (const feed of feeds) {
		await feed.untilAnswered(ids(written), 60_000);
	}
	const seconds = (performance.now() - began) / 1000;

	// ---- the count ----
	// Where everything stood still for longer than a beat, all turns of that moment may have been begun again.
	figures.inFlight += (standstills() - stills) * CONVERSATIONS;
	const begun = workers.reduce((sum, one) => sum + (one.wholeText().match(/turn of \S+ begins/g) ?? []).length, 0);
	const replies = new Set(feeds[0].replies.map((e) => e.data.id)).size;
	const repeatedTurns = begun - replies;
	const repeatedReplies = feeds[0].replies.length - replies;
	const most = (list) => (list.length > 0 ? `${Math.round(Math.max(...list))} ms` : 'none');
	const row = (name, value, limit = '') => console.log(`| ${name.padEnd(58)} | ${String(value).padStart(9)} | ${limit.padStart(12)} |`);
	console.log(`kill test: seed ${seed}, scale ${SCALE}, ${Math.round(seconds)} s`);
	row('figure', 'measured', 'limit');
	row('messages acknowledged, over 50 conversations', written.length);
	row('posts refused or without answer, sent again', figures.refusedTries);
	row('processes killed with -9', figures.blows.filter(({ how }) => how === 'kill').length);
	row('processes stopped for longer than a claim', figures.blows.filter(({ how }) => how === 'stop').length);
	row('acknowledged messages without an answer', written.filter(({ id }) => feeds[0].answered(id).length === 0).length, '0');
	row('messages answered again, as seen at the receiver', repeats(feeds[0], written), String(figures.inFlight));
	row('turns begun again (turns and sends in flight at the blows)', repeatedTurns, String(figures.inFlight));
	row(`new epoch of a dead or stopped owner's link, at most (${figures.epochs.length})`, most(figures.epochs), `${EPOCH_MS} ms`);
	row(`new try of a dead or stopped worker's turns, at most (${figures.tries.length})`, most(figures.tries), `${TRY_MS} ms`);
	row('dead letters', await sight.total('HLEN', 'dead'), '0');

	assert.equal(written.length, MESSAGES);
	for (const feed of feeds) {
		checkAnswers(feed, written, { mostRepeats: figures.inFlight });
	}
	assert.equal(repeatedReplies, 0, 'no reply is shown twice under one id');
	assert.ok(repeatedTurns <= figures.inFlight, `${repeatedTurns} turns were begun again`);
	assert.ok(Math.max(0, ...figures.epochs) <= EPOCH_MS, `epochs: ${figures.epochs.map(Math.round)}`);
	assert.ok(Math.max(0, ...figures.tries) <= TRY_MS, `tries: ${figures.tries.map(Math.round)}`);
	assert.ok(figures.epochs.length >= 10);
	assert.equal(await sight.total('HLEN', 'dead'), 0);
	await until(async () => (await sight.turns()).size === 0 && await sight.total('ZCARD', 'age') === 0, 10_000, 'everything to end');
	assert.equal(feeds[0].replies.some((e) => /抱歉/.test(e.data.text)), false, 'nobody heard an apology');
	const check = await rig.verb(['queue', '--check', '--json']);
	assert.equal(check.code, 0, check.err);
	assert.deepEqual(JSON.parse(check.out).repaired, [], 'nothing in Redis is out of joint');
});
