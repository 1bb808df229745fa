// The custom bot of a Feishu group: reports that leave by `qungong say`.
import assert from 'node:assert/strict';
import { ANSWERS, until } from './rig.mjs';
import { feishu, flow, moveClock } from './feishu.mjs';

const UUID = 'ec2e9683-fec0-4169-a235-41e814fc1fce';
const SECRET = 'x3E9hPTjcllCMDdeytiHZO';
const HOOK = /\/bot\/v2\/hook\//;

async function world(rig, { robot = {}, more = {} } = {}) {
	const platform = await feishu(rig);
	const url = platform.robots.add(UUID, { secret: SECRET, ...robot });
	rig.writeConfig({ bots: [{ name: 'reports', template: 'restaurant', platform: 'feishu-hook', url, secret: SECRET, answers: ANSWERS,
		...more }], models: {} });
	const server = await rig.start('all');
	return { platform, server };
}

const texts = (platform) => platform.robots.messages.map((one) => one.text);
const say = (rig, text, more = {}) => rig.verb(['say', 'reports', text], more);

flow('a report and a long one arrive once, signed; the address and the secret are in no log', { ms: 90_000 }, async (rig) => {
	const { platform, server } = await world(rig);
	const said = await say(rig, '# 日报\n今天**一切正常**。<at user_id="all"></at> @_all');
	assert.equal(said.code, 0, said.err);
	await until(() => texts(platform).length === 1, 15_000, 'the report');
	assert.match(texts(platform)[0], /日报[\s\S]*一切正常/);
	const long = Array.from({ length: 1500 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n');
	assert.equal((await say(rig, '-', { input: long, ms: 60_000 })).code, 0);
	await until(() => /第1499行/.test(texts(platform).join('\n')), 30_000, 'the long one');
	const all = texts(platform).join('\n');
	for (const i of [0, 400, 800, 1499]) {
		assert.equal(all.split(`第${i}行，`).length, 2, `line ${i}`);
	}
	assert.ok(!server.wholeText().includes(UUID.slice(0, 12)));
	assert.ok(!server.wholeText().includes(SECRET));
	assert.ok(platform.robots.messages.every((one) => one.mentions.length === 0));
	assert.ok(platform.robots.calls.every((call) => call.code === 0), JSON.stringify(platform.robots.calls.map((call) => call.code)));
});

flow('a limit, an error: the report comes, once', { ms: 90_000 }, async (rig) => {
	const { platform } = await world(rig);
	platform.fault({ path: HOOK, status: 200, code: 11232 }).fault({ path: HOOK, status: 502, body: 'x' });
	const said = await say(rig, '日报', { ms: 60_000 });
	await until(() => texts(platform).length > 0, 60_000, 'the report');
	assert.equal(said.code, 0, said.err);
	assert.equal(platform.faults.length, 0);
	assert.equal(texts(platform).length, 1);
});

flow('five a second and a hundred a minute are kept: many reports, none refused', { ms: 90_000 }, async (rig) => {
	const { platform } = await world(rig);
	await Promise.all(Array.from({ length: 12 }, (_, i) => say(rig, `第${i}份`, { ms: 60_000 })));
	await until(() => texts(platform).length >= 12, 60_000, () => `12 reports, ${texts(platform).length} are there`);
	assert.ok(platform.robots.calls.every((call) => call.code === 0));
	assert.deepEqual(texts(platform).map((text) => Number(/\d+/.exec(text)[0])).sort((a, b) => a - b), Array.from({ length: 12 }, (_, i) => i));
});

flow('the signature follows the clock', {}, async (rig) => {
	const { platform } = await world(rig);
	await moveClock(rig, 5 * 3600_000);
	assert.equal((await say(rig, '晚报')).code, 0); // it may have waited for hours, by the new clock
	await until(() => texts(platform).length > 0, 15_000, 'the report');
	assert.equal(texts(platform).length, 1);
});

for (const [what, robot, more] of [['another secret', { secret: 'other' }, {}], ['a keyword is missing', { keywords: ['周报'] }, {}],
	['the address is not allowed', { denied: true }, {}], ['it is gone', {}, { gone: true }]]) {
	flow(`refused for good, ${what}: told at once, and not tried for ever`, {}, async (rig) => {
		const { platform, server } = await world(rig, { robot });
		if (more.gone) {
			platform.robots.robots.clear();
		}
		const { code } = await say(rig, '有人吗', { ms: 45_000 });
		assert.equal(code, 1);
		await until(async () => (await server.metric('replies_dead_total')) >= 1, 20_000, 'a dead letter');
		assert.ok(platform.robots.calls.length <= 3, `${platform.robots.calls.length} tries`);
		assert.equal(texts(platform).length, 0);
	});
}
