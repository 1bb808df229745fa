// The custom robot of a DingTalk group: reports that leave by `qungong say`.
import assert from 'node:assert/strict';
import { ANSWERS, delay, flow, until } from './rig.mjs';
import { MINUTE, dingtalk, moveClock } from './dingtalk.mjs';

const TOKEN = '693a91f6a7oc4bc497a00ec2sifa5aaa693a91f6a7oc4bc497a00ec2sifa5aaa';
const SECRET = 'SEC0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff';
const CHAT = 'cidReports=';

async function world(rig, { robot = {}, more = {}, options = {} } = {}) {
	const platform = await dingtalk(rig, options);
	const url = platform.robots.add(TOKEN, { chat: CHAT, secret: SECRET, ...robot });
	rig.writeConfig({ bots: [{ name: 'reports', template: 'restaurant', platform: 'dingtalk-hook', url, secret: SECRET, answers: ANSWERS, ...more }],
		models: {} });
	const server = await rig.start('all');
	return { platform, url, server };
}

const texts = (platform) => platform.view.in(CHAT).map((one) => one.text);
const say = (rig, text, more = {}) => rig.verb(['say', 'reports', text], more);

flow('a report and a long one arrive once, signed; the token and the secret are in no log', { ms: 90_000 }, async (rig) => {
	const { platform, server } = await world(rig);
	const said = await say(rig, '# 日报\n今天一切正常。@all @13800000000');
	assert.equal(said.code, 0, said.err);
	await until(() => texts(platform).length === 1, 15_000, 'the report');
	assert.match(texts(platform)[0], /# 日报/);
	assert.equal(platform.view.in(CHAT)[0].kind, 'markdown');
	const long = Array.from({ length: 700 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n');
	assert.equal((await say(rig, '-', { input: long })).code, 0);
	await until(() => /第699行/.test(texts(platform).join('\n')), 30_000, 'the long one');
	assert.equal(texts(platform).join('\n').split('第350行，').length, 2);
	assert.ok(!server.wholeText().includes(TOKEN.slice(0, 12)));
	assert.ok(!server.wholeText().includes(SECRET));
	assert.ok(platform.view.in(CHAT).every((one) => !one.atAll && one.mentions.length === 0));
	assert.ok(platform.robots.calls.every((call) => call.errcode === 0));
});

flow('an answer that is lost, busy, an error: the report comes, once', { ms: 90_000 }, async (rig) => {
	const { platform } = await world(rig);
	platform.fault({ path: '/robot/send', errcode: -1 }).fault({ path: '/robot/send', reset: 'after' }).fault({ path: '/robot/send', status: 502 });
	const said = await say(rig, '日报', { ms: 60_000 });
	await until(() => texts(platform).length > 0, 60_000, 'the report');
	assert.equal(said.code, 0, said.err);
	assert.equal(platform.faults.length, 0);
	assert.equal(texts(platform).length, 1);
	assert.equal(new Set(platform.robots.calls.map((call) => call.body?.msgUuid)).size, 1);
});

flow('twenty a minute, and no mute: what is more waits', { ms: 240_000, skip: process.env.QUNGONG_FLOW_LONG ? false : 'long' }, async (rig) => {
	const { platform } = await world(rig);
	const late = [];
	for (let i = 0; i < 24; i++) {
		late.push(say(rig, `第${i}份`, { ms: 120_000 }));
		if (i % 4 === 3) {
			await Promise.all(i < 20 ? late : []);
		}
	}
	await until(() => texts(platform).length >= 24, 180_000, () => `24 reports, ${texts(platform).length} are there`);
	await Promise.all(late);
	assert.equal(platform.robots.robots.get(TOKEN).mutes, 0);
	assert.deepEqual(texts(platform).map((text) => Number(/\d+/.exec(text)[0])).sort((a, b) => a - b), Array.from({ length: 24 }, (_, i) => i));
});

flow('muted: it is not asked again and again; ten minutes later it is said, once', { ms: 90_000 }, async (rig) => {
	const { platform, server } = await world(rig);
	platform.robots.robots.get(TOKEN).mutedUntil = platform.now() + 10 * MINUTE; // somebody else talked too much
	const said = say(rig, '日报', { ms: 60_000 });
	await until(() => platform.robots.calls.some((call) => call.errcode === 410100), 15_000, 'the refusal');
	for (const minutes of [2, 5, 9]) {
		moveClock(rig, minutes * MINUTE);
		await delay(300); // long enough to see a try that should not come
	}
	assert.equal(platform.robots.calls.length, 1);
	await server.stop(); // the next process knows by what is stored alone
	moveClock(rig, 11 * MINUTE);
	await server.start();
	await until(() => texts(platform).length === 1, 30_000, 'the report');
	await said;
	assert.equal(texts(platform).length, 1);
});

for (const [what, robot, more] of [['another secret', { secret: 'SECother' }, {}], ['a keyword is missing', { keywords: ['周报'] }, {}],
	['it was switched off', {}, { stopped: true }], ['it is gone', {}, { gone: true }]]) {
	flow(`refused for good, ${what}: told at once, and not tried for ever`, {}, async (rig) => {
		const { platform, server } = await world(rig, { robot });
		if (more.gone) {
			platform.robots.robots.clear();
		}
		Object.assign(platform.robots.robots.get(TOKEN) ?? {}, more);
		const { code } = await say(rig, '有人吗', { ms: 45_000 });
		assert.equal(code, 1);
		await until(async () => (await server.metric('replies_dead_total')) >= 1, 20_000, 'a dead letter');
		assert.ok(platform.robots.calls.length <= 3, `${platform.robots.calls.length} tries`);
		assert.equal(texts(platform).length, 0);
	});
}
