// The reaction that says "working on it": put on at once, taken away at the end, whatever happens meanwhile.
import assert from 'node:assert/strict';
import { until } from './rig.mjs';
import { GROUP, People, feishu, feishuBot, flow, nothingWrong, scripted } from './feishu.mjs';

const SLOW = [{ match: '慢', text: '包间还有一间。', chunks: 8, delay_ms: 300 }, { match: '稍等', text: '请稍等，马上。', chunks: 3, delay_ms: 400 },
	{ match: '*', text: '好的，收到。' }];

async function world(rig, more = {}) {
	const platform = await feishu(rig, more);
	rig.writeConfig(scripted(feishuBot(platform)));
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	return { platform, server, people };
}

const on = (platform, id) => platform.posts.reactionsOn(id);
const shown = (platform, id) => until(() => on(platform, id).length > 0, 10_000, 'the reaction');
const gone = (platform, id) => until(() => on(platform, id).every((one) => one.removed), 10_000, 'it to go');

flow('put on at once, once, and taken away behind the answer', { script: SLOW }, async (rig) => {
	const { platform, people } = await world(rig);
	const said = await people.write('@bot 慢慢说');
	await shown(platform, said.message_id);
	const [{ at }] = on(platform, said.message_id);
	assert.ok(at - said.push.at - platform.standstill() < 1500);
	await people.answer(said.message_id);
	const { texts } = people.answers(said.message_id)[0];
	assert.ok(at < texts.find((one) => one.text.includes('包间还有一间。')).at, 'before the answer');
	await gone(platform, said.message_id);
	assert.equal(on(platform, said.message_id).length, 1);
	const unasked = await people.say('几点开门');
	await people.ask('@bot 请稍等');
	assert.equal(on(platform, unasked).length, 0, 'none on what is not for the bot');
	await nothingWrong(platform, assert);
});

flow('several messages in one turn: each reaction goes', { script: SLOW }, async (rig) => {
	const { platform, people } = await world(rig);
	const ids = [await people.say('@bot 慢慢说')];
	await shown(platform, ids[0]);
	for (const text of ['@bot 还有一位', '@bot 再加一位', '@bot 就这些']) {
		ids.push(await people.say(text));
	}
	await people.lands(GROUP, '收到');
	for (const id of ids) {
		await gone(platform, id);
	}
	await nothingWrong(platform, assert);
});

flow('the answer is faster than the call that puts it on: it is taken away as soon as it is there', { script: SLOW }, async (rig) => {
	const { platform, people } = await world(rig);
	let release;
	platform.fault({ method: 'POST', path: /reactions$/, held: new Promise((resolve) => { release = resolve; }) });
	const id = await people.say('@bot 请稍等');
	await until(() => platform.faults.length === 0, 10_000, 'the call');
	await people.answer(id);
	assert.equal(on(platform, id).length, 0);
	release();
	await shown(platform, id);
	await gone(platform, id);
	await nothingWrong(platform, assert);
});

flow('what puts it on or takes it away fails: the answer comes, and it goes in the end', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	for (const [i, [what, fault]] of Object.entries({
		refused: { method: 'POST', code: 231001 }, 'withdrawn meanwhile': { method: 'POST', code: 231003 },
			'not allowed': { method: 'POST', code: 99991672 },
		'an error of theirs': { method: 'POST', status: 500, body: 'x' }, 'its end fails': { method: 'DELETE', status: 500, body: 'x', times: 2 },
		'a limit at its end': { method: 'DELETE', status: 429, code: 99991400, headers: { 'x-ogw-ratelimit-reset': '1' } },
		'the answer of its end is lost': { method: 'DELETE', reset: 'after' },
	}).entries()) {
		platform.fault({ path: /\/reactions/, ...fault });
		const id = await people.say('@bot 请稍等', { chat_id: `oc_${i}` });
		assert.match(await people.answer(id), /马上/, what);
		await until(() => on(platform, id).every((one) => one.removed), 15_000, `it to go: ${what}`);
		platform.faults.length = 0;
	}
	await nothingWrong(platform, assert);
});

flow('killed while it stands: the next one takes it away', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	const id = await people.say('@bot 慢慢说');
	await shown(platform, id);
	// Until its row says which one it is, it is nobody's: the platform lists none.
	await until(async () => {
		const [row] = await rig.redis('KEYS', `*fr:${id}`);
		return row !== undefined && await rig.redis('HGET', row, 'r');
	}, 10_000, 'its row');
	await server.kill();
	await server.start();
	await people.answer(id, 40_000);
	await gone(platform, id);
	await nothingWrong(platform, assert);
});
