// DingTalk's AI cards, watched call by call: made once with text in it, streamed, always finished; their buttons; and what is
// said by message when the platform does not take them.
import assert from 'node:assert/strict';
import { delay, flow, inTime, standstills, until } from './rig.mjs';
import { endpoint, vendor } from './vendors.mjs';
import { APP, GROUP, MINUTE, People, bare, cardBot, dingtalk, moveClock, nothingWrong, scripted } from './dingtalk.mjs';

const TEXT = '包间还有一间，七点半给您留着，到了报名字就行。';
const SLOW = [{ match: '*', text: TEXT, chunks: 12, delay_ms: 300 }];

async function world(rig, more = {}, options = {}) {
	const platform = await dingtalk(rig, options);
	rig.writeConfig(scripted(cardBot(platform, more)));
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	return { platform, server, people };
}

const calls = (platform, end) => platform.callsOf(end);

// The whole text stands in the chat, once, and nothing spins.
async function lands(people, text = TEXT, { chat = GROUP, ms = 30_000 } = {}) {
	const all = () => people.platform.view.in(chat);
	await until(() => all().some((one) => one.finished && bare(one.text).includes(text)) && all().every((one) => one.finished), ms,
		() => `"${text}" in ${JSON.stringify(all().map((one) => [one.via, one.text, one.finished, one.failed]))}`);
	assert.equal(all().filter((one) => bare(one.text).includes(text)).length, 1, 'said once');
}

flow('a card is made once with text in it, grows by whole snapshots, is finished; the asker is called', { script: SLOW }, async (rig) => {
	const { platform, people } = await world(rig, { people: { zhangsan: { name: '张三' } } });
	const asked = Date.now();
	await people.say(' 周五晚上的位子改到七点半');
	const [bubble, ...others] = await people.bubbles(GROUP);
	assert.equal(others.length, 0);
	assert.equal(bubble.kind, 'card');
	assert.notEqual(bubble.texts[0].text, '', 'no empty shell');
	assert.deepEqual(bubble.mentions, ['zhangsan']);
	assert.equal(bare(bubble.text), TEXT);
	assert.match(bubble.text, /AI 生成/);
	assert.equal(calls(platform, 'createAndDeliver').length, 1);
	const { frames } = bubble.card;
	assert.ok(frames.length >= 3, `${frames.length} frames`);
	assert.ok(frames.every((one) => one.isFull === true));
	assert.deepEqual(frames.map((one) => one.isFinalize), [...frames.slice(1).map(() => false), true]);
	assert.equal(new Set(frames.map((one) => one.guid)).size, frames.length);
	const took = frames.at(-1).at - asked;
	assert.ok(took >= 700 * (frames.length - 2), `${frames.length} frames in ${took} ms`);
	for (let i = 1; i < frames.length - 1; i++) {
		assert.ok(bare(frames[i].content).startsWith(bare(frames[i - 1].content).replace(/…$/, '')), 'it grows');
	}
	await inTime(1500, async () => {
		const from = platform.view.bubbles.length;
		const began = Date.now();
		await people.say(' 周五晚上的位子改到七点半', { chat: 'cidAgain=' });
		await until(() => platform.view.bubbles.length > from, 15_000, 'the card');
		const { at } = platform.view.bubbles[from];
		await people.bubbles('cidAgain=');
		return at - began;
	});
	// one that is answered at once is not streamed for long
	assert.match(await people.ask(' 几点开门', { chat: 'cidOther=' }), /11:00/);
	nothingWrong(platform, assert);
});

for (const [what, fault] of [['an error', { status: 500, code: 'system.error' }], ['504', { status: 504 }],
	['a limit', { code: 'Forbidden.AccessDenied.QpsLimitForAppkeyAndApi' }],
	['a lost answer', { reset: 'after' }], ['a lost call', { reset: 'before' }], ['an expired token', { code: 'InvalidAuthentication' }]]) {
	for (const when of ['createAndDeliver', 'a snapshot', 'the last one']) {
		flow(`${what} at ${when}: the answer is seen, once, and finished`, { script: SLOW, ms: 90_000 }, async (rig) => {
			const { platform, people } = await world(rig);
			const streaming = { path: '/v1.0/card/streaming' };
			const at = { createAndDeliver: { path: /createAndDeliver/ }, 'a snapshot': { ...streaming, when: (call) => !call.body.isFinalize },
				'the last one': { ...streaming, when: (call) => call.body.isFinalize === true } }[when];
			platform.fault({ ...fault, ...at });
			await people.say(' 请登记');
			await lands(people);
			assert.equal(platform.faults.length, 0, 'it happened');
			assert.equal(platform.raced, 0);
			assert.deepEqual(platform.complaints, []);
			const guids = ({ frames }) => new Set(frames.filter((one) => one.isFinalize).map((one) => one.guid)).size;
			const finals = platform.view.in(GROUP).filter((one) => one.card).map((one) => guids(one.card));
			assert.ok(finals.every((count) => count <= 1), 'the last frame under one guid');
		});
	}
}

for (const [what, fault] of [['no template', { code: 'param.templateNotExist' }], ['not published', { code: 'param.templateUnpublished' }],
	['no permission', { code: 'Forbidden.AccessDenied.AccessTokenPermissionDenied' }], ['not delivered', { undelivered: 'SYSTEM_ERROR' }]]) {
	flow(`cards are not to be had, ${what}: a message, and no card is tried for a while`, { script: SLOW, ms: 60_000 }, async (rig) => {
		const { platform, people } = await world(rig);
		platform.fault({ path: /createAndDeliver/, times: what === 'not delivered' ? 1 : 99, ...fault });
		await people.say(' 请登记');
		await lands(people);
		assert.deepEqual(platform.view.in(GROUP).map((one) => one.via), ['session']);
		await people.say(' 请登记', { chat: 'cidOther=' });
		await lands(people, TEXT, { chat: 'cidOther=' });
		assert.ok(calls(platform, 'createAndDeliver').length <= 2, `${calls(platform, 'createAndDeliver').length} tries`);
		nothingWrong(platform, assert);
	});
}

for (const [what, fault] of [['the key is wrong', { code: 'invalid.content' }], ['unknownError', { status: 500, code: 'unknownError' }]]) {
	flow(`streaming is refused for good, ${what}: the answer comes as a message, and cards are left alone`, {
		script: SLOW, ms: 90_000,
	}, async (rig) => {
		const { platform, people } = await world(rig);
		platform.fault({ path: '/v1.0/card/streaming', times: 9999, ...fault });
		await people.say(' 请登记');
		await until(() => people.times(GROUP, TEXT) === 1, 40_000,
			() => `the answer in ${JSON.stringify(platform.view.in(GROUP).map((one) => [one.via, one.text, one.finished]))}`);
		await people.say(' 请登记', { chat: 'cidOther=' });
		await until(() => people.times('cidOther=', TEXT) === 1, 40_000, 'the next one');
		assert.equal(calls(platform, 'createAndDeliver').length, 1);
		const tries = calls(platform, 'card/streaming').length;
		assert.ok(tries <= 12, `${tries} tries`);
		assert.deepEqual(platform.complaints, []);
	});
}

flow('the platform takes less than we think: smaller pieces, nothing is lost, nothing spins', {
	script: [{ match: '*', text: Array.from({ length: 60 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n') }], ms: 90_000,
}, async (rig) => {
	const { platform, people } = await world(rig, { answer_tokens: 100_000 }, { cardMost: 1000 });
	await people.say(' 请念全部');
	await until(() => platform.view.in(GROUP).some((one) => /第59行/.test(one.text)), 40_000,
		() => `the end: ${JSON.stringify(platform.view.in(GROUP).map((one) => [one.via, one.finished, one.text.slice(-30)]))}`);
	await people.bubbles(GROUP, 0, 30_000);
	const all = platform.view.in(GROUP).map((one) => bare(one.text)).join('\n');
	for (const i of [0, 30, 59]) {
		assert.equal(all.split(`第${i}行，`).length, 2, `line ${i} once`);
	}
	nothingWrong(platform, assert);
});

flow('the model breaks off in mid-answer: the card is finished, with what there was and a word', { ms: 90_000 }, async (rig) => {
	const platform = await dingtalk(rig);
	const broken = await vendor(rig, () => ({ text: '才说到一半就没有了，下文还有很多话要说。', chunks: 8, delay_ms: 500, end: 'reset', cut_after: 5 }));
	rig.writeConfig({ bots: [cardBot(platform, { models: ['house'] })], models: { house: endpoint(broken) } });
	await rig.start('all');
	const people = new People(platform);
	await people.say(' 请登记');
	const [bubble] = await people.bubbles(GROUP, 0, 60_000);
	assert.equal(bubble.kind, 'card');
	assert.ok(bubble.texts.some((one) => one.text.includes('才说到')), JSON.stringify(bubble.texts));
	assert.ok(!bubble.text.includes('要说'));
	assert.ok(broken.calls.length >= 1);
	nothingWrong(platform, assert);
});

flow('many chats at once: below twenty calls a second of the app, every card is finished', {
	script: [{ match: '*', text: TEXT, chunks: 12, delay_ms: 200 }], ms: 120_000,
}, async (rig, t) => {
	const { platform, people } = await world(rig);
	const stills = standstills();
	const chats = Array.from({ length: 40 }, (_, i) => `cidMany${i}=`);
	await Promise.all(chats.map((chat, i) => people.say(' 请登记', { chat, user: `u${i}` })));
	for (const chat of chats) {
		await lands(people, TEXT, { chat, ms: 90_000 });
	}
	t.diagnostic(`${calls(platform, 'card/streaming').length} frames for ${chats.length} cards, ${platform.counts.refused} refused`);
	// what was sent while it stood still comes to the platform at once
	assert.ok(platform.counts.refused <= 10 + 20 * (standstills() - stills), `${platform.counts.refused} refused`);
	nothingWrong(platform, assert);
});

flow('an answer longer than a card: the rest follows as messages, nothing is lost, no card goes blank', {
	script: [{ match: '*', text: Array.from({ length: 600 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n') }], ms: 90_000,
}, async (rig) => {
	const { platform, people } = await world(rig, { answer_tokens: 100_000 });
	await people.say(' 请念全部');
	await until(() => platform.view.in(GROUP).some((one) => /第599行/.test(one.text)), 40_000,
		() => `the end: ${JSON.stringify(platform.view.in(GROUP).map((one) => [one.via, one.finished, one.text.slice(-30)]))}`);
	await people.bubbles(GROUP);
	const all = platform.view.in(GROUP).map((one) => bare(one.text)).join('\n');
	for (const i of [0, 1, 100, 300, 598, 599]) {
		assert.equal(all.split(`第${i}行，`).length, 2, `line ${i} once`);
	}
	assert.equal(platform.view.in(GROUP)[0].kind, 'card');
	nothingWrong(platform, assert);
});

flow('a card id that is there is ignored or refused: the answer is seen either way', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig, {}, { reusedCard: 'ignored' });
	platform.fault({ path: /createAndDeliver/, reset: 'after' });
	await people.say(' 请登记');
	await lands(people);
	assert.equal(platform.view.in(GROUP).length, 1);
	assert.equal(platform.view.in(GROUP)[0].kind, 'card');
	nothingWrong(platform, assert);
});

flow('the family of templates that wants its state set by hand', { script: SLOW, ms: 60_000 }, async (rig) => {
	const template = '02fcf2f4-5e02-4a85-b672-46d1f715543e.schema';
	const platform = await dingtalk(rig);
	platform.account(APP.client_id).templates[template] = { key: 'msgContent' };
	rig.writeConfig(scripted(cardBot(platform, { card_template_id: template, card_content_key: 'msgContent' })));
	await rig.start('all');
	const people = new People(platform);
	await people.say(' 请登记');
	await lands(people);
	const [bubble] = platform.view.in(GROUP);
	await until(() => bubble.params.flowStatus === '3', 5000, 'the state');
	assert.ok(bubble.params.msgContent.includes(TEXT), 'the text is in the last update, too');
	nothingWrong(platform, assert);
});

// ---- buttons ----

const BUTTONS = [{ match: '*', text: '好的，收到。' }];

// A card with buttons, however it came about: help, a question nobody can answer, one that is unclear.
async function withButtons(people) {
	for (const text of ['/help', '附近有什么好玩的', '订位']) {
		const from = people.platform.view.bubbles.length;
		await people.say(text, { chat: null });
		const all = await people.bubbles(people.direct(), from);
		const found = all.find((one) => one.card && people.platform.cards.buttons(one.card).length > 0);
		if (found) {
			return { bubble: found, buttons: people.platform.cards.buttons(found.card) };
		}
	}
	return null;
}

flow('buttons: pressed once it is answered; again, late, by somebody else, and by a stranger\'s hand it is not', {
	script: BUTTONS, ms: 60_000,
}, async (rig) => {
	const platform = await dingtalk(rig);
	rig.writeConfig({ bots: [cardBot(platform)], models: {} });
	await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	const found = await withButtons(people);
	assert.ok(found, 'a card with buttons');
	const { bubble, buttons } = found;
	const [button, other = button] = buttons;
	const count = () => platform.view.in(people.direct()).length;
	const before = count();
	const press = (which, more = {}) => platform.click(bubble, which.id, { params: { id: which.id }, ...more });
	for (const strange of [{ id: 'q1.0.0.d.00.00' }, { id: button.id.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')) }, { id: 'approve' }]) {
		const one = await press(strange);
		assert.equal(one.late, false);
		assert.deepEqual(one.response, {});
	}
	const first = await press(button);
	assert.equal(first.late, false);
	assert.ok(first.push.ms < 1000);
	await people.inChat(people.direct(), before + 1);
	await people.bubbles(people.direct());
	for (let i = 0; i < 2; i++) {
		const again = await press(button);
		assert.equal(again.late, false);
		assert.match(notice(again), /已经有人选过/);
		assert.ok(!again.response.cardData, 'the card stays as it is');
	}
	moveClock(rig, 3 * 60 * MINUTE);
	await delay(100);
	const late = await press(other);
	assert.equal(late.late, false);
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
	assert.equal(count(), before + 2, 'answered once');
	assert.equal(platform.lateClicks, 0);
	nothingWrong(platform, assert);
});

// What the presser alone reads.
const notice = ({ response }) => response?.userPrivateData?.cardParamMap.notice ?? '';

flow('buttons: a second press that another process hears is known as one', { script: BUTTONS, ms: 60_000 }, async (rig) => {
	const platform = await dingtalk(rig);
	rig.writeConfig({ bots: [cardBot(platform)], models: {} });
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	const { bubble, buttons: [button] } = await withButtons(people);
	const press = () => platform.click(bubble, button.id, { params: { id: button.id } });
	const before = platform.view.in(people.direct()).length;
	const first = await press();
	assert.ok(first.response.cardData, 'for all');
	await people.inChat(people.direct(), before + 1);
	await server.kill();
	await server.start();
	await people.untilUp();
	const again = await press();
	assert.equal(again.late, false);
	assert.match(notice(again), /已经有人选过/);
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
	assert.equal(platform.view.in(people.direct()).length, before + 2, 'answered once');
	nothingWrong(platform, assert);
});

flow('buttons in a group: only the asker\'s press counts', { script: BUTTONS, ms: 60_000 }, async (rig) => {
	const platform = await dingtalk(rig);
	rig.writeConfig({ bots: [cardBot(platform)], models: {} });
	await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	let found;
	for (const text of [' /help', ' 附近有什么好玩的', ' 订位']) {
		await people.ask(text);
		found = platform.view.in(GROUP).find((one) => one.card && platform.cards.buttons(one.card).length > 0);
		if (found) {
			break;
		}
	}
	assert.ok(found, 'a card with buttons');
	const [button] = platform.cards.buttons(found.card);
	const before = platform.view.in(GROUP).length;
	const wrong = await platform.click(found, button.id, { user: 'lisi', params: { id: button.id } });
	assert.equal(wrong.late, false);
	assert.ok(wrong.response.userPrivateData && !wrong.response.cardData, 'only lisi reads why');
	const right = await platform.click(found, button.id, { user: 'zhangsan', params: { id: button.id } });
	assert.equal(right.late, false);
	await people.inChat(GROUP, before + 1);
	await people.bubbles(GROUP);
	assert.equal(platform.view.in(GROUP).length, before + 1);
	nothingWrong(platform, assert);
});

flow('Redis away: a press is answered in time', { script: BUTTONS, ms: 60_000 }, async (rig) => {
	const platform = await dingtalk(rig);
	rig.writeConfig({ bots: [cardBot(platform)], models: {} });
	await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	const found = await withButtons(people);
	assert.ok(found);
	const pid = rig.signalRedis('SIGSTOP');
	const one = await platform.click(found.bubble, found.buttons[0].id, { params: { id: found.buttons[0].id } });
	process.kill(pid, 'SIGCONT');
	assert.equal(one.late, false);
	assert.match(notice(one), /再按一次/);
});

