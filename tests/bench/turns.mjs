// turns.mjs - CPU of a whole turn: message in, turn, reply stored, sent and seen in the feed by one viewer a bot.
//
// Each sender is a conversation of its own and writes again when its reply is there, so no two messages make one
// turn; after the first twentieth of a run each has the longest history that is kept. Kinds take turns within a round.
import { World, bots, load, median } from './world.mjs';

const ROUNDS = 3;
const MESSAGES = 10_000;
const BOTS = 8;
const SENDERS = 64;
// Fifty pieces of an answer of usual length, all at once: what is left is our own work.
export const SCRIPT = [{ match: '*', chunks: 50,
	text: '好的，周五晚上七点半、十二位、要包间，已经记下来了。两位老人不吃辣，厨房会单独做；儿童椅给您留一把。'.repeat(3) }];

const WISHES = ['周五晚上的位子改到七点半', '十二个人，要一个安静的包间', '帮我把明天中午的订位取消', '生日那天想摆个蛋糕', '周日有没有靠窗的四人桌'];
const QUESTIONS = ['几点开门', '有停车位吗', '怎么订位', '怎么开发票', '有儿童椅吗'];
const SEARCHES = ['食物过敏怎么处理', '客人出现过敏反应怎么办', '打烊前要检查什么', '菜里吃出头发怎么处理', '冰箱温度多少算合格'];

export const KINDS = [
	{ name: 'scripted model, 50 chunks at once', prefix: 's', text: WISHES, target: '<= 330 us' },
	{ name: 'offline, answered by the FAQ', prefix: 'f', text: QUESTIONS, target: '-' },
	{ name: 'offline, searched in the handbook', prefix: 'f', text: SEARCHES, target: '-' },
];

export function config() {
	return { bots: [...bots('s', BOTS, { models: ['script'] }), ...bots('f', BOTS)] };
}

async function round(bench, roles, kind) {
	const world = new World(config(), SCRIPT);
	try {
		const pids = {};
		let port;
		for (const role of roles) {
			const child = await world.start(role);
			pids[role] = child.pid;
			port ??= child.port;
		}
		pids.redis = world.redisPid();
		return await load({ port, token: world.token, pids, bot: kind.prefix, bots: BOTS, talk: true, connections: SENDERS,
			senders: SENDERS, messages: bench.count(MESSAGES), text: kind.text });
	} finally {
		await world.end();
	}
}

function middle(runs, pick) {
	return median(runs.map(pick));
}

function describe(runs, roles) {
	const cpu = roles.map((role) => `${middle(runs, (run) => run.cpu[role]).toFixed(0)} us${roles.length > 1 ? ` ${role}` : ''}`).join(', ');
	return `${cpu} (+${middle(runs, (run) => run.cpu.redis).toFixed(0)} Redis), ${middle(runs, (run) => run.rate).toFixed(0)} turns/s, ` +
		`p50 / p99 of POST to reply: ${middle(runs, (run) => run.replied.p50_ms).toFixed(0)} / ${middle(runs, (run) => run.replied.p99_ms).toFixed(0)} ms`;
}

export async function turns(bench) {
	const cases = [
		...KINDS.map((kind) => ({ kind, roles: ['all'], runs: [] })),
		{ kind: { ...KINDS[0], target: '-' }, roles: ['gateway', 'agents'], runs: [] },
	];
	for (let i = 0; i < ROUNDS; i++) {
		for (const { kind, roles, runs } of cases) {
			runs.push(await round(bench, roles, kind));
			bench.say(`${kind.name} (${roles.join(' + ')}): ${JSON.stringify(runs.at(-1).cpu)}`);
		}
	}
	for (const { kind, roles, runs } of cases) {
		bench.row(`full cycle, ${kind.name}, ${roles.length === 1 ? 'one process' : 'gateway and agents apart'}, everysec, ` +
			`${SENDERS} conversations of ${BOTS} bots: CPU of our processes a turn`, kind.target, describe(runs, roles));
	}
}
