// Verbs beside a running process, and with none: pause, resume, queue, check, and what agents do not open.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { bot, flow, until } from './rig.mjs';
import { checkAnswers, ids, names, talk, write } from './load.mjs';

flow('pause: one polite line and no turn; resume: as before; both also while nothing runs', {}, async (rig) => {
	const p = await rig.start('p');
	const watch = rig.feed(() => p.door);
	const ask = async (from = '小王') => (await write(() => p.door, 'xiaoman', from, '请登记')).id;
	await watch.replyTo(await ask());

	assert.equal((await rig.verb(['pause', 'xiaoman'])).code, 0);
	const first = await ask();
	assert.match((await watch.replyTo(first)).data.text, /暂停/);
	const second = await ask();
	const third = await ask('小李');
	assert.match((await watch.replyTo(third)).data.text, /暂停/, 'another conversation hears it too');
	assert.equal(watch.answered(second).length, 0, 'the line is said once');
	assert.equal((await rig.verb(['resume', 'xiaoman', '--json'])).code, 0);
	assert.equal((await watch.replyTo(await ask())).data.label, 'AI 生成');

	assert.equal((await p.stop()).code, 0);
	const stopped = await rig.verb(['pause', 'xiaoman', '--json']);
	assert.equal(stopped.code, 0, stopped.err);
	assert.deepEqual(JSON.parse(stopped.out), { bot: 'xiaoman', paused: true });
	assert.equal(rig.redisPid(), null, 'the verb took its Redis away again');
	await p.start();
	assert.match((await watch.replyTo(await ask('小赵'))).data.text, /暂停/, 'the flag outlived the restart');
	assert.equal((await rig.verb(['resume', 'xiaoman'])).code, 0);
	assert.equal((await rig.verb(['pause', 'nobody'])).code, 2);
});

flow('queue: depth while messages wait, dead letters, retry and drop', {
	script: [
		{ match: '坏', text: '', fail: 'request' },
		{ match: '*', text: '登记好了。' },
	],
}, async (rig) => {
	const gateway = await rig.start('g', { role: 'gateway' });
	const watch = rig.feed(gateway.door);
	const queue = async (...words) => {
		const { code, out, err } = await rig.verb(['queue', ...words, '--json']);
		assert.equal(code, 0, err);
		return JSON.parse(out);
	};
	assert.deepEqual(await queue(), []);
	const waiting = await talk({ doors: [gateway.door], senders: names(3), each: 2 });
	const [row] = await queue();
	assert.deepEqual([row.bot, row.waiting, row.conversations, row.running, row.dead], ['xiaoman', 6, 3, 0, 0]);
	assert.ok(row.oldest_ms >= 0 && row.oldest_ms < 60_000);
	assert.match((await rig.verb(['queue'])).out, /xiaoman\s+6\s+3/);
	const agents = await rig.start('a', { role: 'agents' });
	await watch.untilAnswered(ids(waiting), 10_000);
	checkAnswers(watch, waiting);
	assert.deepEqual((await queue('--check')).repaired, []);

	// five failures, the wall clock carried over the waits between them: a dead letter
	const bad = (await write(() => gateway.door, 'xiaoman', '小王', '坏了，请登记')).id;
	let offset = 0;
	const letters = await until(async () => {
		rig.setClock(offset += 20_000);
		const found = await queue('dead');
		return found.length > 0 ? found : null;
	}, 30_000, 'a dead letter');
	assert.equal(letters.length, 1);
	assert.deepEqual([letters[0].kind, letters[0].bot], ['message', 'xiaoman']);
	assert.match(letters[0].text, /坏了/);
	await until(() => watch.answered(bad).length === 2, 5000, 'apology and notice');
	const said = watch.answered(bad).map((e) => e.data.text);
	assert.match(said[0], /再试/);
	assert.match(said[1], /没能答上/);
	await watch.replyTo((await write(() => gateway.door, 'xiaoman', '小王', '请登记')).id);

	const { id } = letters[0];
	rig.setScript([{ match: '*', text: '现在好了。' }]);
	await queue('retry', id);
	await until(() => watch.answered(bad).length === 3, 10_000, 'the retried letter');
	assert.equal(watch.answered(bad)[2].data.text, '现在好了。');
	assert.deepEqual(await queue('dead'), []);
	assert.equal((await rig.verb(['queue', 'drop', id])).code, 1, 'it is gone');
	assert.equal((await rig.verb(['queue', 'drop', 'nonsense'])).code, 2);
	await agents.stop();
	await gateway.stop();
	assert.deepEqual(await queue(), [], 'with the server stopped');
	assert.equal(rig.redisPid(), null);
});

flow('check names every error of a broken config and exits 2', {}, async (rig) => {
	assert.equal((await rig.verb(['check'])).code, 0);
	rig.write('qungong.yaml', [
		'listn: 127.0.0.1:8080',
		'durability: sometimes',
		'bots:',
		'  - {name: a, template: restaurant, platform: slack}',
		'  - {name: a, template: restaurnat, platform: web}',
		'',
	].join('\n'));
	const check = await rig.verb(['check']);
	const said = check.out + check.err;
	assert.equal(check.code, 2);
	for (const line of [/qungong\.yaml:1:1: .*listn.*listen/, /:2:\d+: .*durability/, /:4:\d+: .*slack/, /restaurnat.*restaurant/]) {
		assert.match(said, line);
	}
	const json = await rig.verb(['check', '--json']);
	assert.equal(json.code, 2);
	assert.equal(JSON.parse(json.out).ok, false);
	const run = rig.make('p');
	run.spawn();
	run.ending = true;
	assert.equal((await run.ended).code, 2, 'run refuses it too');
});

function listeners(pid) {
	const own = new Set(fs.readdirSync(`/proc/${pid}/fd`).map((fd) => {
		try {
			return /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
		} catch {
			return undefined;
		}
	}));
	return ['tcp', 'tcp6'].flatMap((kind) => fs.readFileSync(`/proc/${pid}/net/${kind}`, 'utf8').split('\n').slice(1))
		.map((line) => line.trim().split(/\s+/))
		.filter((row) => row[3] === '0A' && own.has(row[9])).length;
}

flow('agents open no port; their figures stand at every gateway under their name', {}, async (rig) => {
	const gateway = await rig.start('g', { role: 'gateway' });
	const agents = await rig.start('a', { role: 'agents' });
	assert.equal(listeners(gateway.pid), 2);
	assert.equal(listeners(agents.pid), 0);
	const watch = rig.feed(gateway.door);
	await watch.replyTo((await write(() => gateway.door, 'xiaoman', '小王', '请登记')).id);
	await until(async () => (await gateway.metrics()).sum('turns_total', { bot: 'xiaoman' }) === 1, 10_000, 'the agents\' figures');
	const health = JSON.parse((await gateway.door.get('/readyz')).body);
	assert.equal(Object.keys(health.processes).length, 1);
	assert.ok(Object.values(health.processes).every((one) => one.status === 'ready'));
});

flow('a second process with the wrong number of partitions, or a taken port, says so and ends', {
	config: { bots: [bot('xiaoman')] },
}, async (rig) => {
	const p = await rig.start('p');
	const twin = rig.make('twin', { role: 'gateway' });
	twin.ports = [p.ports[0], 0];
	twin.spawn();
	twin.ending = true;
	assert.equal((await twin.ended).code, 1);
	assert.match(twin.text(), /in use/i);
	rig.writeConfig({ partitions: 8 });
	const other = rig.make('other', { role: 'agents' });
	other.spawn();
	other.ending = true;
	assert.equal((await other.ended).code, 2);
	assert.match(other.text(), /partitions/);
	assert.equal(await p.door.readiness(), 200);
});
