// One process: a message goes in at the web work group's door, is stored, answered, and comes back by the feed.
import assert from 'node:assert/strict';
import { bot, flow, until } from './rig.mjs';

const OFFLINE = { config: { models: undefined, bots: [bot('xiaoman', { models: undefined, scope: undefined })] } };

function isNear(time) {
	return Number.isInteger(time) && Math.abs(time - Date.now()) < 60_000;
}

async function say(rig, from, text, more = {}) {
	const answer = await rig.p.door.post('xiaoman', from, text, more);
	assert.equal(answer.status, 202, answer.body);
	assert.equal(typeof answer.id, 'string');
	assert.notEqual(answer.id, '');
	return answer.id;
}

async function ask(rig, from, text, more = {}) {
	return (await rig.watch.replyTo(await say(rig, from, text, more))).data;
}

async function begin(rig) {
	rig.p = await rig.start('p');
	rig.watch = rig.feed(rig.p.door);
}

flow('a question comes back answered, with its source, its cost and the times of its way', OFFLINE, async (rig) => {
	await begin(rig);
	const id = await say(rig, '小王', '有停车位吗');
	const reply = await rig.watch.replyTo(id);
	const usage = await rig.watch.event((e) => e.event === 'usage' && e.data.reply === reply.data.id);
	const message = rig.watch.events.find((e) => e.event === 'message' && e.data.id === id);

	assert.ok(message, 'the message is shown to all');
	assert.equal(message.data.from, '小王');
	assert.equal(message.data.text, '有停车位吗');
	assert.ok(isNear(message.data.time), `time ${message.data.time}`);

	assert.equal(typeof reply.data.id, 'string');
	assert.deepEqual(reply.data.answers, [id]);
	assert.match(reply.data.text, /三小时/);
	assert.equal(reply.data.label, null, 'no model wrote this');
	assert.ok(Array.isArray(reply.data.sources) && reply.data.sources.length > 0);
	for (const source of reply.data.sources) {
		assert.deepEqual(Object.keys(source).sort(), ['section', 'title']);
	}

	assert.equal(usage.data.model, 'offline');
	assert.equal(usage.data.input, 0);
	assert.equal(usage.data.cached_input, 0);
	assert.equal(usage.data.output, 0);
	assert.deepEqual(usage.data.cost, { CNY: 0 });
	assert.ok(usage.data.stored_ms >= 0 && usage.data.stored_ms < 30_000, `stored_ms ${usage.data.stored_ms}`);
	assert.ok(usage.data.first_ms >= 0 && usage.data.first_ms < 30_000, `first_ms ${usage.data.first_ms}`);

	const order = rig.watch.events.filter((e) => e.event !== 'delta').map((e) => e.event);
	assert.deepEqual(order, ['message', 'reply', 'usage']);
	assert.ok(rig.watch.events.every((e) => typeof e.id === 'string' && e.id !== ''), 'every event carries an id');
});

flow('the handbook is quoted with title and section; a miss is owned up to', OFFLINE, async (rig) => {
	await begin(rig);
	const quoted = await ask(rig, '小王', '水煮鱼辣不辣，能做成不辣的吗？');
	assert.match(quoted.text, /中辣/);
	assert.ok(quoted.sources.some((source) => source.title !== '' && source.section !== ''),
		JSON.stringify(quoted.sources));
	assert.equal(quoted.label, null);
	const missed = await ask(rig, '小李', '火星上的重力加速度等于多少');
	assert.deepEqual(missed.sources, []);
	assert.match(missed.text, /转人工/);
});

flow('what mentions nobody is shown to all and answered by none', OFFLINE, async (rig) => {
	await begin(rig);
	const plain = await say(rig, '小王', '有停车位吗', { mention: false });
	const silent = await say(rig, '小王', '大家中午吃什么', { mention: null });
	const asked = await say(rig, '小王', '几点开门');
	await rig.watch.replyTo(asked);
	for (const id of [plain, silent]) {
		assert.ok(rig.watch.events.some((e) => e.event === 'message' && e.data.id === id));
		assert.equal(rig.watch.answered(id).length, 0);
	}
	const texts = rig.watch.replies.map((e) => e.data.answers);
	assert.deepEqual(texts, [[asked]]);
});

flow('commands are answered without a model', OFFLINE, async (rig) => {
	await begin(rig);
	assert.match((await ask(rig, '小王', '/help')).text, /小满餐厅|\/about/);
	assert.match((await ask(rig, '小王', '/关于')).text, /AI/);
	assert.match((await ask(rig, '小王', '/用量')).text, /您今天/);
	assert.match((await ask(rig, '小王', '/reset')).text, /忘掉/);
	assert.match((await ask(rig, '小王', '/安静')).text, /分钟/);
	assert.match((await ask(rig, '小王', '几点开门')).text, /\/resume/);
	assert.match((await ask(rig, '小王', '/继续')).text, /回来/);
	assert.match((await ask(rig, '小王', '几点开门')).text, /11:00/);
	const word = await ask(rig, '小王', '/几点开门');
	assert.doesNotMatch(word.text, /\/about/, 'a slash word that is no command is ordinary text');
});

flow('a call for a person gives phone and hours, then the bot keeps quiet for that asker alone', OFFLINE, async (rig) => {
	await begin(rig);
	const called = await ask(rig, '小王', '我要投诉，叫个人来');
	assert.match(called.text, /021-5555/);
	assert.match(called.text, /11:00-21:30/);
	const line = await ask(rig, '小王', '几点开门');
	assert.match(line.text, /安静|\/resume/);
	assert.doesNotMatch(line.text, /停止点菜/);
	const again = await say(rig, '小王', '还在吗');
	assert.match((await ask(rig, '小李', '几点开门')).text, /停止点菜/, 'others are served');
	assert.equal(rig.watch.answered(again).length, 0, 'the line is said once');
	await ask(rig, '小王', '/resume');
	assert.match((await ask(rig, '小王', '几点开门')).text, /停止点菜/);
	await ask(rig, '小赵', '火星上的重力加速度等于多少');
	assert.match((await ask(rig, '小赵', '木星离地球有多少光年')).text, /021-5555/, 'the second miss calls a person');
});

flow('a message sent twice is one message', OFFLINE, async (rig) => {
	await begin(rig);
	const id = 'abc-123';
	assert.equal(await say(rig, '小王', '有停车位吗', { id }), id);
	assert.equal(await say(rig, '小王', '有停车位吗', { id }), id);
	const last = await ask(rig, '小李', '几点开门');
	assert.ok(last);
	assert.equal(rig.watch.of('message').filter((e) => e.data.id === id).length, 1);
	assert.equal(rig.watch.answered(id).length, 1);
});

flow('a restart keeps the talk', OFFLINE, async (rig) => {
	await begin(rig);
	await ask(rig, '小王', '有停车位吗');
	await say(rig, '小李', '大家好', { mention: false });
	await ask(rig, '小李', '几点开门');
	const kept = (feed) => feed.events.filter((e) => e.event !== 'delta' && e.event !== 'status')
		.map((e) => [e.id, e.event, e.data]);
	await until(() => rig.watch.of('usage').length === 2, 5000, 'both usages');
	const before = kept(rig.watch);
	const end = await rig.p.stop();
	assert.deepEqual([end.code, end.signal], [0, null]);
	await rig.p.start();
	const again = rig.feed(rig.p.door);
	await again.event((e) => e.id === before[before.length - 1][0]);
	assert.deepEqual(kept(again), before);
	const id = await say(rig, '小王', '可以带宠物吗');
	await again.replyTo(id);
	await rig.watch.replyTo(id);
	await until(() => rig.watch.of('usage').length === 3, 5000, 'the third usage');
	const ids = kept(rig.watch).map(([at]) => at);
	assert.equal(new Set(ids).size, ids.length, 'who was there before got nothing twice');
});

const MODEL = {
	scale: 1,
	script: [
		{ match: '慢慢', text: '第一句。第二句。第三句。第四句。', chunks: 8, delay_ms: 250, usage: { input: 120, cached_input: 20, output: 30 } },
		{ match: '*', text: '好的。' },
	],
	config: { models: { script: { provider: 'scripted', script: './script.yaml', model: 'echo-1' } } },
};

flow('a model streams: whole texts that grow, then the reply with its label', MODEL, async (rig) => {
	await begin(rig);
	const began = performance.now();
	const id = await say(rig, '小王', '请慢慢说一说这件特别的事');
	const reply = await rig.watch.replyTo(id);
	const usage = await rig.watch.event((e) => e.event === 'usage');
	const deltas = rig.watch.of('delta').map((e) => e.data);
	assert.ok(deltas.length >= 2, `${deltas.length} drafts`);
	for (const [i, delta] of deltas.entries()) {
		assert.equal(delta.reply, reply.data.id);
		assert.deepEqual(delta.answers, [id]);
		assert.ok(reply.data.text.startsWith(delta.text), delta.text);
		const before = deltas[i - 1] ?? { sequence: -1, text: '' };
		const isRepeat = delta.sequence === before.sequence && delta.text === before.text; // for one who just came
		assert.ok(isRepeat || (delta.sequence > before.sequence && delta.text.length > before.text.length));
	}
	assert.equal(reply.data.text, '第一句。第二句。第三句。第四句。');
	assert.equal(reply.data.label, 'AI 生成');
	assert.equal(usage.data.reply, reply.data.id);
	assert.equal(usage.data.model, 'echo-1');
	assert.deepEqual([usage.data.input, usage.data.cached_input, usage.data.output], [120, 20, 30]);
	assert.deepEqual(usage.data.cost, { CNY: 0 });
	const behind = reply.at - began - usage.data.first_ms;
	assert.ok(usage.data.first_ms > 0 && behind > 7 * 250 - 50, `seven chunks came in ${behind} ms behind the first`);
	const at = (e) => rig.watch.events.indexOf(e);
	assert.ok(at(rig.watch.of('delta').at(-1)) < at(reply), 'no draft behind the final');
});

flow('a failing model: one apology, then the answer', {
	script: [{ match: '*', text: '这次好了。', fail: { error: 'request', times: 1 } }],
}, async (rig) => {
	await begin(rig);
	const id = await say(rig, '小王', '说点什么特别的');
	await until(() => rig.watch.answered(id).length === 2, 15_000, 'apology and answer');
	const [first, second] = rig.watch.answered(id).map((e) => e.data);
	assert.match(first.text, /抱歉/);
	assert.equal(second.text, '这次好了。');
});

flow('bad posts are refused', OFFLINE, async (rig) => {
	await begin(rig);
	const { door } = rig.p;
	const path = '/chat/xiaoman/messages';
	const code = async (options, method = 'POST', to = path) => (await door.request(method, to, options)).status;
	assert.equal(await code({ body: { from: '小王', text: ' ' } }), 400);
	assert.equal(await code({ body: { from: '', text: 'x' } }), 400);
	assert.equal(await code({ body: { text: 'x' } }), 400);
	assert.equal(await code({ body: { from: '小王', text: 'x', id: 'a b' } }), 400);
	assert.equal(await code({ body: { from: '小王', text: 'x', mention: 'yes' } }), 400);
	assert.equal(await code({ body: '{' }), 400);
	assert.equal(await code({ body: '{}', headers: { 'content-type': 'text/plain' } }), 415);
	assert.equal(await code({ body: { from: '小王', text: 'x'.repeat(70_000) } }), 413);
	assert.equal(await code({}, 'DELETE'), 405);
	assert.equal(await code({}, 'GET', '/chat/nobody/events'), 404);
	assert.equal(rig.watch.of('message').length, 0);
	const long = await say(rig, '小王', `几点开门${'。'.repeat(20_000)}`);
	assert.ok(await rig.watch.replyTo(long));
});
