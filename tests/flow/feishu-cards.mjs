// Cards on Feishu, watched call by call: an answer that fills while the model speaks, and what becomes of it when something
// breaks meanwhile.
import assert from 'node:assert/strict';
import { until } from './rig.mjs';
import { APP, GROUP, HookPeople, MINUTE, People, bare, feishu, feishuBot, flow, isDone, moveClock, nothingWrong, scripted, webhookBot } from './feishu.mjs';

const TEXT = '包间还有一间，七点半给您留着，到了报名字就行。';
const SLOW = [{ match: '慢', text: TEXT, chunks: 12, delay_ms: 400 }, { match: '*', text: '好的，收到。' }];
const LONG = [{ match: '*', text: Array.from({ length: 40 }, (_, i) => `第${i}句，登记在册。`).join(''), chunks: 40, delay_ms: 250 }];

async function world(rig, more = {}, options = {}) {
	const platform = await feishu(rig, { chatRate: 5, appRate: 50, ...options });
	rig.writeConfig(scripted(feishuBot(platform, more)));
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	return { platform, server, people };
}

// Two gateways and the agents; owner holds the connection.
async function two(rig, options = {}) {
	const platform = await feishu(rig, options);
	rig.writeConfig(scripted(feishuBot(platform)));
	const gateways = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
	const agents = await rig.start('a1', { role: 'agents' });
	const people = new People(platform);
	await people.ask('@bot 先来一句', { chat_id: 'oc_first' });
	const owner = (await gateways[0].metric('links_owned')) > 0 ? gateways[0] : gateways[1];
	return { platform, people, owner, agents, other: gateways.find((one) => one !== owner) };
}

// A card that grows and is not finished.
async function growing(people, { text = '@bot 慢慢说', least = 2 } = {}) {
	const id = await people.say(text);
	return until(() => people.answers(id).find((one) => one.card?.streaming &&
		one.card.ops.filter((op) => op.kind === 'content').length >= least), 15_000,
		() => `a card that grows: ${JSON.stringify(people.answers(id).map((one) => [one.msg_type, one.texts]))}`);
}

// The whole answer, said once, and nothing is being written any more.
async function whole(people, text = TEXT, ms = 40_000, chat_id = GROUP) {
	await people.lands(chat_id, text, ms);
	await until(() => people.platform.cards.unfinished().length === 0 && people.platform.in(chat_id).every(isDone), 10_000, 'all cards to end');
	assert.equal(people.times(chat_id, text), 1, 'said once');
	return people.platform.in(chat_id).find((one) => one.text.includes(text));
}

const ops = (message) => message.card.ops.map((op) => [op.kind, op.sequence, op.code]);

flow('a card is made, sent in place, filled, and ended; the asker is called, the label stands below', { script: SLOW }, async (rig) => {
	const { platform, people } = await world(rig);
	const message = await growing(people);
	assert.equal(platform.in(GROUP).length, 1);
	assert.equal(message.card.json.config.streaming_mode, true);
	await whole(people);
	await until(() => /AI 生成/.test(message.text), 5000, () => `the label in ${message.text}`);
	const { card } = message;
	assert.equal(card.ops[0].sequence, 1);
	assert.ok(card.ops.every((op) => op.code === 0), JSON.stringify(ops(message)));
	const contents = card.ops.filter((op) => op.kind === 'content');
	assert.ok(contents.length >= 4 && contents.length <= 60, `${contents.length} contents`);
	for (const [i, op] of contents.entries()) {
		const before = contents[i - 1];
		assert.ok(!before || op.content.startsWith(bare(before.content).slice(0, 10)), 'it grows');
		assert.ok(op.uuid === undefined || contents.filter((other) => other.uuid === op.uuid).length === 1);
	}
	const took = contents.at(-1).at - contents[0].at;
	assert.ok(took >= 90 * (contents.length - 1), `${contents.length} in ${took} ms`); // each by itself comes as late as it comes
	const closing = card.ops.findIndex((op) => op.kind === 'settings' || /"streaming_mode":false/.test(op.body.card?.data ?? ''));
	assert.ok(closing > 0 && card.ops.slice(closing).every((op) => op.kind !== 'content'), JSON.stringify(ops(message)));
	assert.ok(card.summaries.at(-1), 'the list of chats shows what it says');
	assert.deepEqual(message.mentions, ['ou_asker']);
	const [create] = platform.callsOf('POST cardkit/v1/cards');
	const reply = platform.calls.find((call) => call.path.endsWith('/reply'));
	assert.ok(reply.body.uuid.length <= 50 && create.real <= reply.real);
	await nothingWrong(platform, assert);
});

flow('the first words are seen soon, in a direct chat and by webhook, too', { script: SLOW }, async (rig) => {
	const platform = await feishu(rig);
	rig.writeConfig(scripted(webhookBot(platform)));
	const server = await rig.start('all');
	const people = new HookPeople(rig, platform, [server]);
	await people.say('慢慢说', { chat_type: 'p2p', chat_id: 'oc_direct' });
	const message = await whole(people, TEXT, 20_000, 'oc_direct');
	const words = message.texts.map((one) => bare(one.text)).find((text) => text !== '');
	assert.ok(message.card && words.length <= TEXT.length / 2, `first words: ${words}`);
	assert.deepEqual(message.mentions, [], 'nobody is called where two talk');
	await nothingWrong(platform, assert);
});

flow('the owner dies while a card grows: the next one ends that card, and the chat goes on', { script: SLOW, ms: 120_000 }, async (rig) => {
	const { platform, people, owner, other } = await two(rig);
	const message = await growing(people);
	await owner.kill();
	await whole(people);
	assert.equal(platform.in(GROUP).length, 1, 'the same card');
	assert.ok(message.text.includes(TEXT));
	await people.untilUp();
	assert.match(await people.ask('@bot 还在吗'), /收到/);
	assert.equal(await other.metric('links_owned'), 1);
	await nothingWrong(platform, assert);
});

flow('the only process dies while a card grows, and comes back', { script: SLOW, ms: 120_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	await growing(people);
	await server.kill();
	await server.start();
	await whole(people);
	assert.equal(platform.in(GROUP).length, 1, 'the same card');
	await nothingWrong(platform, assert);
});

flow('the agents die while a card grows: another try goes on in the same card', { script: SLOW, ms: 120_000 }, async (rig) => {
	const { platform, people, agents } = await two(rig);
	await growing(people);
	await agents.kill();
	await agents.start();
	await whole(people, TEXT, 60_000);
	assert.equal(platform.in(GROUP).length, 1, 'the same card');
	await nothingWrong(platform, assert);
});

flow('the owner stops in order while a card grows: nothing is lost', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people, owner, other } = await two(rig);
	await growing(people);
	const end = await owner.stop();
	assert.equal(end.code, 0);
	assert.ok(end.ms < 10_000, `${end.ms} ms`);
	await whole(people);
	await people.untilUp();
	assert.match(await people.ask('@bot 还在吗'), /收到/);
	assert.equal(await other.metric('links_owned'), 1);
	await nothingWrong(platform, assert);
});

flow('the token ends in mid-stream, refused with 400 and with 200: the card goes on', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	for (const [i, status] of [400, 200].entries()) {
		platform.options.invalidTokenStatus = status;
		const id = await people.say('@bot 慢慢说', { chat_id: `oc_${i}` });
		await until(() => people.answers(id)[0]?.card?.ops.length >= 2, 15_000, 'a card that grows');
		platform.revoke(APP.app_id);
		await whole(people, TEXT, 20_000, `oc_${i}`);
		assert.equal(platform.in(`oc_${i}`).length, 1);
	}
	const refused = platform.calls.filter((call) => call.answer?.code === 99991663);
	assert.ok(refused.length >= 2 && refused.length <= 6, `${refused.length} refusals`);
	assert.equal(platform.calls.filter((call) => call.path.includes('tenant_access_token')).length, 3);
	await nothingWrong(platform, assert);
});

flow('ten minutes are over while the model speaks: the card is opened again, or put whole, without a storm', { script: LONG, ms: 90_000 },
	async (rig) => {
	const { platform, people } = await world(rig);
	const message = await growing(people, { text: '@bot 都念一遍' });
	await moveClock(rig, 11 * MINUTE);
	await until(() => message.card.ops.some((op) => op.code === 200850) || message.card.ops.some((op) => op.kind !== 'content'), 15_000,
		'it to be noticed');
	await moveClock(rig, 22 * MINUTE);
	await whole(people, '第39句', 60_000);
	for (let i = 0; i < 40; i++) {
		assert.equal(message.text.split(`第${i}句，`).length, 2, `sentence ${i}`);
	}
	const failed = message.card.ops.filter((op) => op.code === 200850 || op.code === 300309);
	assert.ok(failed.length <= 6, JSON.stringify(ops(message)));
	assert.equal(platform.in(GROUP).length, 1);
	await nothingWrong(platform, assert);
});

for (const [what, fault] of Object.entries({
	'its form is refused': { path: /cardkit\/v1\/cards$/, code: 230099,
		msg: 'Failed to create card content, ext=ErrCode: 200861; ErrMsg: unsupported tag; ' },
	'the scope is missing': { path: /cardkit\/v1\/cards$/, code: 99991672,
		msg: 'Access denied. One of the following scopes is required: [cardkit:card:write]' },
	'no card may be sent here': { path: /\/reply$/, code: 230099,
		msg: 'Failed to create card content, ext=ErrCode: 11310; ErrMsg: card table number over limit; ',
		when: (call) => call.body?.msg_type === 'interactive' },
	'cards are not for this chat': { path: /\/reply$/, code: 230054, when: (call) => call.body?.msg_type === 'interactive' },
})) {
	flow(`no card, for ${what}: the answer comes as a message, once`, { script: SLOW, ms: 60_000 }, async (rig) => {
		const platform = await feishu(rig);
		platform.fault({ times: 99, status: 400, ...fault });
		rig.writeConfig(scripted(feishuBot(platform)));
		const server = await rig.start('all');
		const people = new People(platform);
		await people.say('@bot 慢慢说');
		const message = await people.lands(GROUP, TEXT);
		assert.ok(['post', 'text'].includes(message.msg_type), message.msg_type);
		assert.equal(platform.in(GROUP).length, 1);
		const tries = platform.calls.filter((call) => call.fault).length;
		assert.ok(tries <= 3, `${tries} tries`);
		if (fault.code === 99991672) {
			assert.match(server.text(), /cardkit:card:write/);
		}
		await people.ask('@bot 还在吗');
		assert.ok(platform.calls.filter((call) => call.fault).length <= 5);
		await nothingWrong(platform, assert);
	});
}

flow('single calls of a card fail: it heals, and ends whole', { script: SLOW, ms: 120_000 }, async (rig) => {
	const { platform, people } = await world(rig, {}, { chatRate: 0 });
	const path = /elements\/[^/]+\/content$/;
	const end = /cardkit\/v1\/cards\/\d+(\/settings)?$/;
	for (const [i, [what, faults]] of Object.entries({
		'a limit': [{ path, status: 429, code: 99991400, headers: { 'x-ogw-ratelimit-reset': '1' } }],
		'in interaction': [{ path, code: 200810, times: 2 }],
		'a sequence that is passed': [{ path, code: 300317 }],
		'an error of theirs': [{ path, status: 500, body: 'oops', times: 2 }],
		'lost answers': [{ path, reset: 'after', times: 2, skip: 1 }],
		'no answer': [{ path, hang: 'after', skip: 1 }],
		'lost at the end': [{ path: end, reset: 'after' }],
		'refused at the end': [{ path: end, status: 500, body: 'x', times: 2 }],
		'lost when it was made': [{ path: /cardkit\/v1\/cards$/, reset: 'after' }],
		'lost when it was sent': [{ path: /reply$/, reset: 'after' }],
	}).entries()) {
		for (const fault of faults) {
			platform.fault({ skip: 0, ...fault });
		}
		const chat_id = `oc_${i}`;
		await people.say('@bot 慢慢说', { chat_id });
		await people.lands(chat_id, TEXT, 30_000);
		await until(() => platform.cards.unfinished().length === 0 && platform.in(chat_id).every(isDone), 15_000,
			() => `the card to end (${what}): ${JSON.stringify(ops(platform.in(chat_id)[0]))}`);
		assert.equal(people.times(chat_id, TEXT), 1, what);
		rig.note(`${what}: ${JSON.stringify(platform.in(chat_id).map((one) => one.card && ops(one)))}`);
		platform.faults.length = 0;
	}
	await nothingWrong(platform, assert);
});

for (const code of [200740, 200750, 300311]) {
	flow(`the card is gone in mid-stream (${code}): the answer is seen all the same`, { script: SLOW, ms: 60_000 }, async (rig) => {
		const { platform, people } = await world(rig);
		const message = await growing(people);
		platform.fault({ path: new RegExp(`cards/${message.card.card_id}`), code, times: 999 });
		await people.lands(GROUP, TEXT);
		assert.equal(people.times(GROUP, TEXT), 1);
		const tries = platform.calls.filter((call) => call.fault).length;
		assert.ok(tries <= 4, `${tries} tries`);
		assert.deepEqual(platform.complaints, []);
	});
}

const table = (n) => `| 品名${n} | 数量 |\n|---|---|\n| 五花肉 | ${n} |\n`;
flow('six tables, code and lists: within the limit, nothing is lost, nothing is refused', {
	script: [{ match: '*', text: `看库存：\n\n${[1, 2, 3, 4, 5, 6].map(table).join('\n')}\n\`\`\`c\nint x = 1;\n\`\`\`\n- 一\n- 二\n\n完。`,
		chunks: 8, delay_ms: 150 }],
}, async (rig) => {
	const { platform, people } = await world(rig);
	await people.say('@bot 请列一下');
	const message = await whole(people, '完。');
	for (let n = 1; n <= 6; n++) {
		assert.ok(message.text.includes(`品名${n}`), message.text);
	}
	assert.match(message.text, /```c\nint x = 1;\n```/);
	assert.ok(message.card, 'a card');
	assert.ok(message.card.ops.every((op) => op.code === 0), JSON.stringify(ops(message)));
	await nothingWrong(platform, assert);
});

flow('longer than a card: each line once, in order', {
	script: [{ match: '*', text: Array.from({ length: 1500 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n'), chunks: 10, delay_ms: 50 }], ms: 90_000,
}, async (rig) => {
	const { platform, people } = await world(rig, { answer_tokens: 100_000 });
	await people.say('@bot 请念全部');
	await people.lands(GROUP, '第1499行', 60_000);
	await until(() => platform.cards.unfinished().length === 0, 10_000, 'the card to end');
	const all = platform.in(GROUP).map((one) => bare(one.text)).join('\n');
	for (const i of [0, 1, 100, 700, 1498, 1499]) {
		assert.equal(all.split(`第${i}行，`).length, 2, `line ${i} once`);
	}
	assert.ok(!platform.calls.some((call) => call.answer?.code === 230025), 'none was too long');
	await nothingWrong(platform, assert);
});

flow('no text of a card mentions anybody but the asker, or shows a foreign picture', {
	script: [{ match: '*', text: '<at id=all></at> <at id="ou_x"></at> @_all <person id="ou_x"></person> ![x](http://evil.invalid/x.png) 收到', chunks: 4, delay_ms: 200 }],
}, async (rig) => {
	const { platform, people } = await world(rig);
	await people.say('@bot 请问能带宠物狗吗');
	const message = await whole(people, '收到');
	assert.deepEqual(message.mentions.filter((id) => id !== 'ou_asker'), []);
	for (const { text } of message.texts) {
		assert.ok(!/<at id=all|<at id="ou_x|<person|!\[x\]\(http/.test(text), text);
	}
	await nothingWrong(platform, assert);
});
