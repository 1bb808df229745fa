// The webhook robot of a WeCom group: reports that leave by `qungong say`.
import assert from 'node:assert/strict';
import { flow, until } from './rig.mjs';
import { wecom } from './wecom.mjs';
import { ANSWERS } from './rig.mjs';
import { PNG, pdf } from './papers.mjs';

async function world(rig) {
	const platform = await wecom(rig);
	const url = platform.robots.add('693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa', 'wrReports');
	rig.writeConfig({ bots: [{ name: 'reports', template: 'restaurant', platform: 'wecom-hook', url, answers: ANSWERS }], models: {} });
	const server = await rig.start('all');
	return { platform, url, server };
}

const texts = (platform) => platform.view.in('wrReports').map((one) => one.text);

flow('a report, a long one, pictures and files arrive once; the key is in no log', { ms: 90_000 }, async (rig) => {
	const { platform, server } = await world(rig);
	const said = await rig.verb(['say', 'reports', '# 日报\n今天一切正常。']);
	assert.equal(said.code, 0, said.err);
	await until(() => texts(platform).length === 1, 15_000, 'the report');
	assert.match(texts(platform)[0], /# 日报/);
	assert.equal(platform.view.in('wrReports')[0].kind, 'markdown_v2');
	const long = Array.from({ length: 500 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n');
	assert.equal((await rig.verb(['say', 'reports', '-'], { input: long })).code, 0);
	await until(() => /第499行/.test(texts(platform).join('\n')), 30_000, 'the long one');
	assert.equal(texts(platform).join('\n').split('第250行，').length, 2);
	for (const [name, data, kind] of [['a.png', PNG, 'image'], ['report.pdf', pdf(['all is well']), 'file']]) {
		const file = rig.write(name, data);
		const sent = await rig.verb(['say', 'reports', '见附件', `--${kind}`, file]);
		assert.equal(sent.code, 0, sent.err);
		await until(() => platform.view.in('wrReports').some((one) => one.kind === kind), 20_000, name);
		assert.deepEqual(platform.view.in('wrReports').find((one) => one.kind === kind).media.data, data);
	}
	assert.ok(!server.wholeText().includes('693a91f6'));
	assert.ok(!texts(platform).some((text) => /<@|@all/.test(text)));
});

// It takes the minute it is about: QUNGONG_FLOW_LONG=1.
flow('twenty a minute: the rest waits, nothing is lost, nothing comes twice', {
	ms: 180_000, skip: process.env.QUNGONG_FLOW_LONG ? false : 'long',
}, async (rig) => {
	const { platform } = await world(rig);
	for (let i = 0; i < 20; i++) {
		assert.equal((await rig.verb(['say', 'reports', `第${i}份`])).code, 0);
	}
	const late = [];
	for (let i = 20; i < 24; i++) {
		late.push(rig.verb(['say', 'reports', `第${i}份`], { ms: 60_000 }));
	}
	await until(() => texts(platform).length >= 24, 150_000, () => `24 reports, ${texts(platform).length} are there`);
	await Promise.all(late);
	assert.deepEqual(texts(platform).map((text) => Number(/\d+/.exec(text)[0])).sort((a, b) => a - b), Array.from({ length: 24 }, (_, i) => i));
});

flow('a key that was removed: an admin reads so, and it is not tried for ever', {}, async (rig) => {
	const { platform, server } = await world(rig);
	platform.robots.robots.clear();
	const { code } = await rig.verb(['say', 'reports', '有人吗'], { ms: 45_000 });
	assert.equal(code, 1);
	await until(() => platform.calls.some((call) => call.answer?.errcode === 93000), 15_000, 'the refusal');
	await until(async () => (await server.metric('replies_dead_total')) >= 1, 20_000, 'a dead letter');
	assert.ok(platform.calls.filter((call) => call.answer?.errcode === 93000).length <= 3);
});
