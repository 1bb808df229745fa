// Every recorded answer and every recorded error of a model's service, over real sockets: what the group sees, who is
// asked next, and what the ledger says.
//
// A bot, an endpoint and a key for each case, all at one stand-in that knows the case by its key: so no breaker and no
// parked key of one case concerns another. Behind each endpoint stands a second one that always answers: whether it
// was asked tells a failure nobody saw from an answer that had begun.
import assert from 'node:assert/strict';
import { readVectors, replay } from '../models/vendor.mjs';
import { bot, flow, until } from './rig.mjs';
import { usage, vendor } from './vendors.mjs';

const QUESTION = '周末可以带宠物狗来聚餐吗，要不要提前说一声？';
const BACKUP = '我是第二个模型，我来答。';
const CUT = '回答太长';
const BROKEN = '中断';
const WITHDRAWN = '撤回';

const providers = { local: 'vllm', proxy: 'openai', 'tencent-tokenhub': 'hunyuan', 'openai-json': 'openai', 'not-sse': 'openai' };
const classes = { bad_request: 'request', quota_window: 'quota', protocol: 'server' };

function endpointOf(one, key, provider) {
	return {
		provider: providers[provider] ?? provider, model: 'm', api_key: key, base_url: one.url, region: 'mainland',
		price: { input: 1, output: 2, currency: 'CNY' },
	};
}

// Asks each case's bot at once: [{item, reply, calls, backups, outcomes, row}].
async function askAll(rig, items) {
	const byKey = new Map(items.map((item, i) => [`key-${i}`, item]));
	const one = await vendor(rig, (call) => {
		const item = byKey.get(call.key);
		const body = item?.vector.response.body ?? '';
		const pieces = Math.max(5, Math.ceil(body.length / 40));
		return item ? { ...replay(item.vector), pieces, last_ms: item.vector.response.end === 'reset' ? 300 : 0 }
			: { text: BACKUP };
	});
	const models = {};
	const bots = items.map((item, i) => {
		models[`case-${i}`] = endpointOf(one, `key-${i}`, item.provider);
		models[`next-${i}`] = endpointOf(one, `backup-${i}`, 'openai');
		return bot(`bot-${i}`, { models: [`case-${i}`, `next-${i}`], scope: 'chat' });
	});
	rig.writeConfig({ models, bots });
	const server = await rig.start('all');
	const feeds = bots.map(({ name }) => rig.feed(server.door, { bot: name }));
	const asked = await Promise.all(bots.map(({ name }) => server.door.post(name, '小王', QUESTION)));
	const replies = await Promise.all(asked.map(({ id }, i) => feeds[i].replyTo(id, 40_000)));
	const seen = (key) => one.calls.filter((call) => call.key === key);
	const calls = items.map((item, i) => [seen(`key-${i}`), seen(`backup-${i}`)]);
	const isBooked = (all) => items.every((item, i) =>
		(all.find((row) => row.key.startsWith(`case-${i}:`))?.calls ?? 0) >= calls[i][0].length);
	const rows = await until(async () => {
		const all = await usage(rig, 'key');
		return isBooked(all) && all;
	}, 15_000, 'the calls of each in the ledger');
	const metrics = await server.metrics();
	return items.map((item, i) => ({
		item, reply: replies[i].data, calls: calls[i][0], backups: calls[i][1],
		count: (outcome) => metrics.sum('model_calls_total', { model: `case-${i}`, outcome }),
		row: rows.find((row) => row.key.startsWith(`case-${i}:`)),
	}));
}

// All that does not hold, in one message.
function checkAll(results, check) {
	const wrong = [];
	for (const result of results) {
		try {
			check(result);
		} catch (error) {
			wrong.push(`${result.item.vector.id}: ${error.message}\n   ${JSON.stringify(result.reply.text.slice(0, 80))}` +
				` ${result.calls.length} calls, ${result.backups.length} backups, ${JSON.stringify(result.row)}`);
		}
	}
	assert.equal(wrong.length, 0, `${wrong.length} of ${results.length}:\n${wrong.join('\n')}`);
}

function checkBooks({ item, calls, row }, usageWanted) {
	assert.equal(row.calls, calls.length);
	if (usageWanted) {
		const { input, cached_input, output } = usageWanted;
		assert.deepEqual([row.input, row.cached_input, row.output],
			[input, cached_input ?? 0, output].map((count) => count * calls.length), `${item.vector.id}: the vendor's figures`);
		assert.equal(row.estimated, 0);
	} else {
		assert.equal(row.estimated, calls.length, 'estimated');
	}
}

// What a case shows before it ends; what no chat can show is left out.
function textOf({ expected = {}, gateway }) {
	const text = gateway.text ?? (gateway.visible_text || expected.text || expected.refusal) ?? '';
	return text.replace(/[\x00-\x08\x0b-\x1f]/g, '');
}

function checkAnswer(result) {
	const { reply, calls, backups, count, item: { vector } } = result;
	const { gateway, expected = {} } = vector;
	const text = textOf(vector);
	const filtered = gateway.outcome === 'filtered' || gateway.error_class === 'filtered';
	const outcome = filtered ? 'filtered' : gateway.outcome ?? 'complete';
	if (outcome === 'filtered') {
		assert.equal(backups.length, 0, 'no other service gets what one refused');
		assert.equal(count('filtered'), 1);
		assert.ok(text === '' || !reply.text.includes(text), 'what was shown is withdrawn');
		assert.equal(reply.text.includes(WITHDRAWN), text !== '');
		assert.equal(reply.label ?? null, null);
	} else if (text === '') {
		assert.equal(reply.text, BACKUP, 'nothing was shown: the next one answers');
		assert.equal(backups.length, 1);
		assert.equal(count('ok'), 0);
	} else {
		assert.equal(backups.length, 0, 'never begun anew');
		const notice = outcome === 'complete' ? null : outcome === 'truncated' ? CUT : BROKEN;
		assert.ok(notice ? reply.text.startsWith(text) : reply.text === text, 'what came is there');
		assert.ok(notice === null || reply.text.slice(text.length).includes(notice), `${notice} is said`);
		assert.equal(count('ok'), outcome === 'complete' || outcome === 'truncated' ? 1 : 0);
		assert.match(reply.label, /AI/);
	}
	if (gateway.error_class) {
		const word = classes[gateway.error_class] ?? gateway.error_class;
		assert.ok(count(word) >= 1 || (gateway.outcome === 'incomplete' && count('server') >= 1), `class ${word}`);
	}
	const ended = expected.finish_reason || expected.stop_reason || outcome === 'complete' || outcome === 'truncated';
	const final = ended && outcome !== 'incomplete' ? expected.usage ?? vector.usage : null;
	if (vector.id !== 'notsse-json-answer') { // its figures are not in the file
		checkBooks(result, final);
	}
	assert.ok(calls.length <= 2);
	assert.ok(!reply.text.includes('用户问回款'), 'thoughts are never shown');
}

flow('every recorded answer', { scale: 1, ms: 120_000 }, async (rig) => {
	const items = ['openai-stream', 'anthropic-stream', 'openai-json', 'not-sse'].flatMap((file) =>
		readVectors(`${file}.json`).map((vector) => ({
			vector, provider: vector.id.includes('base-resp') ? 'minimax' : vector.shape,
		})));
	checkAll(await askAll(rig, items), checkAnswer);
});

function checkError(result) {
	const { reply, calls, backups, count, row, item: { vector: { expected } } } = result;
	const word = classes[expected.class] ?? expected.class;
	if (word === 'request') { // our own mistake: it is not hidden, the turn fails and is tried again by the queue
		assert.ok(count(word) >= 1 && backups.length === 0);
		assert.match(reply.text, /抱歉/);
		return;
	}
	assert.equal(count(word), calls.length, `class ${word}`);
	if (expected.failover) {
		assert.equal(reply.text, BACKUP);
	} else {
		assert.equal(backups.length, 0);
		assert.notEqual(reply.text, BACKUP);
		assert.equal(reply.label ?? null, null);
	}
	const patient = expected.wait_ms === null || expected.wait_ms <= 10_000;
	const again = expected.retry_same !== 'no' && patient;
	assert.ok(calls.length === 1 || (again && calls.length === 2), `${calls.length} calls`);
	if (expected.wait_ms !== null && calls.length === 2) {
		assert.ok(calls[1].at - calls[0].at >= expected.wait_ms - 20, 'the wait it stated');
	}
	assert.equal(row.calls, calls.length);
	if (!['server', 'overload', 'timeout'].includes(word)) {
		assert.deepEqual([row.input, row.output], [0, 0], 'a refusal costs nothing');
	}
}

flow('every recorded error', { scale: 1, ms: 120_000 }, async (rig) => {
	const items = readVectors('errors.json').map((vector) => ({ vector, provider: vector.provider }));
	checkAll(await askAll(rig, items), checkError);
});
