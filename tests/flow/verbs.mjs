// Verbs beside a running process, and with none: pause, resume, queue, check, usage, chat, test, hire, and what
// agents do not open.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { awake, bot, flow, until } from './rig.mjs';
import { Feishu } from '../platforms/feishu.mjs';
import { checkAnswers, ids, names, talk, write } from './load.mjs';
import { endpoint, sums, usage, vendor } from './vendors.mjs';

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
	const processes = async () => JSON.parse((await gateway.door.get('/readyz')).body).processes;
	assert.equal(Object.keys(await processes()).length, 1);
	await until(async () => Object.values(await processes()).every((one) => one.status === 'ready'), 5000, 'all of them to be ready');
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

const priced = (one) => ({
	models: { main: endpoint(one, { provider: 'openai', model: 'house', region: 'mainland',
		price: { input: 10, output: 40, currency: 'CNY' } }) },
	bots: [bot('xiaoman', { models: ['main'] })],
});
const cost = (call) => (call.usage.input * 10 + call.usage.output * 40) / 1e6;

flow('usage: while it runs and when it is stopped, by any key, as table, CSV and JSON', {}, async (rig) => {
	const one = await vendor(rig, () => ({ text: '可以的。' }));
	rig.writeConfig(priced(one));
	const empty = await rig.verb(['usage']);
	assert.equal(empty.code, 0, empty.err);
	assert.match(empty.out, /还没有用量/);
	assert.deepEqual(await usage(rig, 'bot'), []);
	assert.equal(fs.existsSync(rig.dataDir), false, 'looking makes nothing');

	const p = await rig.start('p');
	const watch = rig.feed(p.door);
	for (const from of ['小王', '小李', '小王']) {
		await watch.replyTo((await write(() => p.door, 'xiaoman', from, '周末可以带宠物狗来聚餐吗')).id);
	}
	const ended = awake();
	let late = ended; // when it was last looked, and they were not there
	await until(async () => {
		const looked = awake();
		const shown = sums(await usage(rig, 'bot')).calls >= 3;
		late = shown ? late : looked;
		return shown;
	}, 10_000, 'all calls in the ledger');
	assert.ok(late - ended < 2000, 'a call shows within two seconds');
	const bill = one.calls.reduce((sum, call) => sum + cost(call), 0);
	const check = async () => {
		const [row] = await usage(rig, 'bot');
		assert.equal(row.bot, 'xiaoman');
		assert.equal(row.calls, 3);
		assert.equal(row.input, one.calls.reduce((sum, call) => sum + call.usage.input, 0));
		assert.ok(Math.abs(row.cost.CNY - bill) < 1e-9, `${row.cost.CNY} and ${bill}`);
	};
	await check();
	const users = await usage(rig, 'user,day,chat,model,key,customer');
	assert.deepEqual(users.map((row) => [row.user, row.calls, row.chat, row.model, row.customer]),
		[['web:小李', 1, 'web', 'house', ''], ['web:小王', 2, 'web', 'house', '']]);
	assert.match(users[0].day, /^\d{4}-\d\d-\d\d$/);
	const files = () => fs.existsSync(`${rig.dataDir}/ledger`) && fs.readdirSync(`${rig.dataDir}/ledger`).filter((name) => name.endsWith('.db'));
	await until(() => files().length === 1, 10_000, 'the file of the month');
	await p.stop();
	await check();
	assert.equal(rig.redisPid(), null, 'the verb took its Redis away again');

	const csv = (await rig.verb(['usage', '--by', 'user,model', '--csv'])).out.trim().split('\n');
	assert.equal(csv[0], 'user,model,calls,input,cached_input,cache_write,output,reasoning,estimated,saved,cost_CNY,cost_USD');
	assert.equal(csv.length, 3);
	assert.match(csv[2], /^web:小王,house,2,/);
	const table = (await rig.verb(['usage', '--by', 'user'], { env: { COLUMNS: '120' } })).out;
	assert.match(table, /web:小王 +2 .*¥0\.\d+ +█+/);
	assert.match(table, /合计 total +3 /);
	assert.deepEqual(await usage(rig, 'bot', ['--month', '2020-01']), []);
	for (const wrong of [['--by', 'bots'], ['--month', '2026-13'], ['--since', 'x'], ['--since', '2026-02-30'],
		['--month', '2026-01', '--until', '2026-01-02'], ['--since', '2026-02-02', '--until', '2026-02-01'], ['--by', 'bot,bot']]) {
		assert.equal((await rig.verb(['usage', ...wrong])).code, 2, wrong.join(' '));
	}
});

flow('chat and test ask real models and book what they cost, without a server', {}, async (rig) => {
	const one = await vendor(rig, () => ({ text: '可以的。' }));
	rig.writeConfig(priced(one));
	const chat = await rig.verb(['chat', 'xiaoman'], { input: '周末可以带宠物狗来聚餐吗\n/usage\n' });
	assert.equal(chat.code, 0, chat.err);
	assert.match(chat.out, /可以的。/);
	assert.match(chat.out, /— house · \d+ tokens · ¥0\.\d+/);
	assert.match(chat.out, /您今天：1 次/);
	assert.equal(one.calls.length, 1);
	const [row] = await usage(rig, 'bot,chat,user');
	assert.deepEqual([row.bot, row.chat, row.user, row.calls], ['xiaoman', 'terminal', 'terminal', 1]);
	assert.ok(Math.abs(row.cost.CNY - cost(one.calls[0])) < 1e-9);

	const test = await rig.verb(['test', 'xiaoman', '--model', 'main', '--json'], { ms: 60_000 });
	assert.ok(JSON.parse(test.out).cases.length > 5);
	const [after] = await usage(rig, 'bot');
	assert.equal(after.calls, one.calls.length);
	assert.equal(rig.redisPid(), null);
});

flow('hire on Feishu: secrets in files of their own, credentials tried, a code for the first admin', {}, async (rig) => {
	const app = { app_id: 'cli_front', app_secret: 's3cret-of-front', open_id: 'ou_bot', name: '小满' };
	const feishu = await new Feishu({ apps: [app] }).listen();
	rig.onEnd(() => feishu.close());
	const hire = (name, appId, input) => rig.verb(['hire', 'restaurant', '--name', name, '--platform', 'feishu', '--json',
		...['shop_name=小满', 'phone=021', 'hours=9', 'transport=webhook', `app_id=${appId}`, `api_base=${feishu.url}`].flatMap((one) => ['--answers', one])],
	{ input });
	const hired = await hire('front', app.app_id, `${app.app_secret}\nenc-key\nver-token\n`);
	assert.equal(hired.code, 0, hired.err);
	const said = JSON.parse(hired.out);
	assert.equal(said.webhook, '/hook/front');
	assert.match(said.code, /^\d{6}$/);
	assert.equal(said.say, `/绑定 ${said.code}`);
	assert.equal(said.probe.ok, true, said.probe.words);
	assert.ok(said.steps.some((step) => step.includes('/hook/front')));
	const yaml = fs.readFileSync(`${rig.folder}/bots.d/front.yaml`, 'utf8');
	assert.match(yaml, /transport: "?webhook/);
	assert.ok(!yaml.includes(app.app_secret) && !yaml.includes('enc-key'));
	for (const [key, value] of [['app_secret', app.app_secret], ['encrypt_key', 'enc-key'], ['verification_token', 'ver-token']]) {
		const file = `${rig.folder}/secrets/front.${key}`;
		assert.equal(fs.readFileSync(file, 'utf8'), value);
		assert.equal(fs.statSync(file).mode & 0o777, 0o600);
	}
	assert.equal(rig.redisPid(), null);
	await rig.start('p'); // with the code in its Redis
	assert.equal(Number((await rig.redis('EXISTS', ...await rig.redis('KEYS', '*bind:front')))), 1);

	const digest = async () => (await rig.redis('HGET', ...await rig.redis('KEYS', '*bind:front'), 'digest'));
	const before = await digest();
	const again = await rig.verb(['bind', 'front', '--json']); // beside the running process
	assert.equal(again.code, 0, again.err);
	assert.match(JSON.parse(again.out).code, /^\d{6}$/);
	assert.notEqual(await digest(), before, 'the code before it has ended');
	assert.equal((await rig.verb(['bind', 'xiaoman'])).code, 2, 'not on the web');

	const refused = await hire('back', 'cli_other', 'wrong\nenc\nver\n');
	assert.equal(refused.code, 0, refused.err);
	assert.equal(JSON.parse(refused.out).probe.ok, false);
	const secret = await rig.verb(['hire', 'restaurant', '--name', 'third', '--platform', 'feishu',
		'--answers', 'app_secret=visible']);
	assert.equal(secret.code, 2, 'no secret on the command line');
	assert.equal(fs.existsSync(`${rig.folder}/bots.d/third.yaml`), false);
});

flow('usage: a damaged month is named, the others are counted, and the exit code says it', {}, async (rig) => {
	const one = await vendor(rig, () => ({ text: '可以的。' }));
	rig.writeConfig({ bots: [bot('xiaoman', { models: ['main'] })],
		models: { main: endpoint(one, { provider: 'openai', model: 'house', region: 'mainland', price: { input: 10, output: 40, currency: 'CNY' } }) } });
	const chat = await rig.verb(['chat', 'xiaoman'], { input: '周末可以带宠物狗来聚餐吗\n' });
	assert.equal(chat.code, 0, chat.err);
	const ledger = `${rig.dataDir}/ledger`;
	fs.mkdirSync(ledger, { recursive: true });
	fs.writeFileSync(`${ledger}/2020-01.db`, 'x'.repeat(5000));
	fs.writeFileSync(`${ledger}/2020-02.db.damaged-1`, 'x');
	const asked = ['usage', '--since', '2020-01-01'];
	const told = await rig.verb([...asked, '--json']);
	assert.equal(told.code, 1);
	const { rows, damaged } = JSON.parse(told.out);
	assert.deepEqual(rows.map((row) => [row.bot, row.calls]), [['xiaoman', one.calls.length]]);
	assert.deepEqual(damaged.map(({ month, file }) => [month, file]), [['2020-01', '2020-01.db'], ['2020-02', '2020-02.db.damaged-1']]);
	for (const how of [[], ['--csv']]) {
		const shown = await rig.verb([...asked, ...how]);
		assert.equal(shown.code, 1);
		assert.match(shown.out, /xiaoman/);
		assert.match(shown.err, /2020-01[\s\S]*2020-02\.db\.damaged-1/);
	}
	const whole = await rig.verb(['usage', '--since', '2020-03-01']);
	assert.equal(whole.code, 0, whole.err);
});
