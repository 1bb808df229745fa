// Streams of WeCom that live long, and answers of the platform that are late, missing or a refusal: what people see
// stays whole, and every bubble ends.
import assert from 'node:assert/strict';
import { flow, until, within } from './rig.mjs';
import { slowly } from './vendors.mjs';
import { BOT, GROUP, MINUTE, People, bare, runClock, scripted, wecom } from './wecom.mjs';

const TEXT = '包间还有一间，七点半给您留着，到了报名字就行。';
const SLOW = [{ match: '*', text: TEXT, chunks: 8, delay_ms: 200 }];

async function world(rig, more = {}, options = {}, models = undefined) {
	const platform = await wecom(rig, options);
	rig.writeConfig({ ...scripted(platform, more), ...(models ? { models } : {}) });
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	return { platform, server, people };
}

// The whole text stands in the chat, once, in one finished bubble or in several behind each other.
async function lands(people, text = TEXT, { chat = GROUP, ms = 20_000 } = {}) {
	const all = () => people.platform.view.in(chat);
	const ended = () => all().filter((one) => one.finished || one.expired);
	const whole = () => ended().map((one) => bare(one.text)).join('');
	await until(() => whole().includes(text) && all().at(-1).finished, ms,
		() => `"${text}" in ${JSON.stringify(all().map((one) => [one.via, one.text, one.finished]))}`);
	assert.equal(ended().filter((one) => bare(one.text).endsWith(text.slice(-5))).length, 1, 'said once');
}

for (const minutes of [7, 12]) {
	// Whether a stream lives six or ten minutes is not sure: either must do.
	flow(`an answer that takes ${minutes} minutes: bubble after bubble, none dies, nothing is lost`, {
		scale: 20, ms: 120_000,
		script: [{ match: '*', text: Array.from({ length: 120 }, (_, i) => `第${i}行。`).join('\n'), chunks: 120,
			delay_ms: Math.round(minutes * MINUTE / 20 / 120) }],
	}, async (rig, t) => {
		const { platform, people } = await world(rig, { answer_tokens: 100_000 }, minutes < 10 ? { streamLife: 6 * MINUTE } : {});
		const stop = runClock(rig);
		const id = await people.say('@小满 慢慢念');
		await until(() => platform.view.in(GROUP).some((one) => /第119行/.test(one.text) && one.finished), 100_000,
			() => `the end: ${JSON.stringify(platform.view.in(GROUP).map((one) => [one.via, one.finished, one.expired, one.text.slice(-30)]))}`);
		stop();
		await people.bubbles(id);
		const all = platform.view.in(GROUP);
		assert.ok(all.every((one) => !one.expired), 'no stream was let die');
		assert.ok(platform.socket.frames.every((one) => one.errcode !== 846608));
		const text = all.map((one) => bare(one.text)).join('\n');
		for (let i = 0; i < 120; i++) {
			assert.equal(text.split(`第${i}行。`).length, 2, `line ${i} once`);
		}
		assert.ok(all.length >= 2, `${all.length} bubbles`);
		assert.equal(platform.raced, 0);
		t.diagnostic(`${all.length} bubbles, ${platform.socket.frames.length} frames`);
	});
}

flow('answers that are slow: snapshots are left out, the final one comes', { script: [{ match: '*', text: TEXT, chunks: 20, delay_ms: 60 }] },
	async (rig) => {
		const { platform, people } = await world(rig);
		people.account.latency = 450;
		const id = await people.say('@小满 请登记');
		const [bubble] = await people.bubbles(id);
		assert.equal(bare(bubble.text), TEXT);
		assert.ok(bubble.frames <= 8, `${bubble.frames} frames`);
		assert.equal(platform.raced, 0);
	});

flow('an answer of the platform that comes after the wait for it settles no other frame', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	platform.fault({ cmd: 'aibot_respond_msg', late: 6500 });
	const id = await people.say('@小满 请登记');
	const [bubble, ...more] = await people.bubbles(id, 40_000);
	assert.equal(bare(bubble.text), TEXT);
	assert.equal(more.length, 0);
	// the next question is refused once: that answer must be taken as its own
	platform.fault({ cmd: 'aibot_respond_msg', errcode: 6000 });
	const next = await people.say('@小满 还有一位');
	assert.match(await people.answer(next, 30_000), /七点半/);
});

flow('an answer that never comes: the rest of the stream follows, or the whole by push; once', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	platform.fault({ cmd: 'aibot_respond_msg', withhold: true });
	await people.say('@小满 请登记', { chat: 'wrFirst' });
	await lands(people, TEXT, { chat: 'wrFirst', ms: 40_000 });
	platform.fault({ cmd: 'aibot_respond_msg', withhold: true, when: (frame) => frame.body.stream?.finish === true });
	await people.say('@小满 请登记', { chat: 'wrLast' });
	await lands(people, TEXT, { chat: 'wrLast', ms: 40_000 });
	await until(() => platform.view.in('wrLast').every((one) => one.finished), 20_000, 'all bubbles to be finished');
});

for (const [errcode, what] of [[846608, 'the stream has ended'], [846605, 'the req_id is of no use'], [600039, 'refused in a group'],
	[6000, 'another version was there'], [-1, 'busy'], [45009, 'too many']]) {
	for (const when of ['first', 'middle', 'last']) {
		flow(`${errcode}, ${what}, at the ${when} frame: the answer is seen, once`, { ms: 60_000, scale: 20 }, async (rig) => {
			const model = await slowly(rig, TEXT, { chunks: 8, delay_ms: 200, other: TEXT });
			const { platform, people } = await world(rig, {}, {}, model.models);
			runClock(rig); // a rate is waited for by the minute
			const is = { first: () => true, middle: (frame) => !frame.body.stream?.finish, last: (frame) => frame.body.stream?.finish === true };
			platform.fault({ cmd: 'aibot_respond_msg', chat: GROUP, errcode, when: is[when], skip: when === 'middle' ? 1 : 0 });
			await people.say('@小满 请慢慢登记');
			if (when !== 'last') { // the end does not come before it
				await until(() => platform.socket.faults.length === 0, 20_000, 'the refusal');
			}
			model.release();
			await lands(people, TEXT, { ms: 40_000 });
			assert.equal(platform.socket.faults.length, 0, 'it was refused once');
			assert.equal(platform.raced, 0);
			assert.match(await people.ask('@小满 还有一位', { chat: 'wrOther' }), /七点半/);
		});
	}
}

flow('846609, not subscribed any more: connects again, and the answer comes by push', { script: SLOW, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	platform.fault({ cmd: 'aibot_respond_msg', errcode: 846609, skip: 1 });
	await people.say('@小满 请登记');
	await lands(people, TEXT, { ms: 40_000 });
	await until(() => platform.account(BOT.bot_id).subscribed.length === 2, 10_000, 'a second subscription');
	assert.ok(platform.view.in(GROUP).some((one) => one.via === 'send'));
	assert.match(await people.ask('@小满 还有一位'), /七点半/);
});

flow('the connection ends in the middle of a stream: the answer comes by push, req_ids of before are not used', {
	ms: 90_000,
}, async (rig) => {
	const model = await slowly(rig, TEXT, { chunks: 8, delay_ms: 200 });
	const { platform, people } = await world(rig, {}, {}, model.models);
	for (const [chat, end] of [['wrReset', { reset: 'before' }], ['wrAfter', { reset: 'after' }], ['wrClose', { close: 1000 }]]) {
		platform.fault({ cmd: 'aibot_respond_msg', chat, skip: 1, ...end });
		model.hold();
		await people.say('@小满 请慢慢登记', { chat });
		await until(() => platform.socket.faults.length === 0, 20_000, 'the end');
		model.release();
		await lands(people, TEXT, { chat, ms: 40_000 });
	}
	assert.deepEqual(platform.socket.frames.filter((one) => one.errcode === 846605), []);
	assert.ok(platform.account(BOT.bot_id).subscribed.length >= 4);
});

flow('a push is refused: the chat is unknown, a rate is met', { script: SLOW, ms: 120_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	platform.fault({ cmd: 'aibot_respond_msg', errcode: 846605 });
	platform.fault({ cmd: 'aibot_send_msg', errcode: 45009 });
	await people.say('@小满 请登记', { chat: 'wrRate' });
	await until(() => platform.socket.frames.some((one) => one.errcode === 45009), 20_000, 'the refusal');
	for (let i = 1; i <= 20 && people.times('wrRate', TEXT) === 0; i++) {
		rig.setClock(i * 10_000);
		await within(() => people.times('wrRate', TEXT) > 0, 400);
	}
	await lands(people, TEXT, { chat: 'wrRate' });
	assert.equal(people.times('wrRate', TEXT), 1);
	platform.fault({ cmd: 'aibot_respond_msg', errcode: 846605, times: 3, chat: 'wrGone' });
	platform.fault({ cmd: 'aibot_send_msg', errcode: 93006, times: 9, chat: 'wrGone' });
	await people.say('@小满 请登记', { chat: 'wrGone' });
	await until(async () => (await server.metric('replies_dead_total')) >= 1, 30_000, 'a dead letter');
	assert.match(await people.ask('@小满 还有一位'), /七点半/);
});

// It takes the minutes it is about: QUNGONG_FLOW_LONG=1.
flow('30 a minute in a conversation: what is refused comes later, all is answered, in order', {
	script: [{ match: '*', text: '好的，收到。' }], ms: 240_000, skip: process.env.QUNGONG_FLOW_LONG ? false : 'long',
}, async (rig) => {
	const { platform, people } = await world(rig, {}, { minute: 30 });
	const ids = [];
	for (let i = 0; i < 36; i++) {
		ids.push(await people.say(`@小满 请登记第${i}件`, { user: `u${i}` }));
	}
	const done = () => ids.filter((id) => platform.view.under(id).some((one) => one.finished));
	await until(() => people.times(GROUP, '好的，收到') >= 36, 220_000, () => `36 answers, ${done().length} are there`);
	assert.ok(platform.socket.frames.filter((one) => one.errcode === 45009).length <= 36);
	const ends = done().map((id) => platform.view.under(id).find((one) => one.finished).finishedAt);
	assert.deepEqual(ends, [...ends].sort((a, b) => a - b));
});
