// Hiring a bot on Feishu and Lark from a terminal, by scanning a code, and what `doctor` and `check` say of it afterwards.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { until } from './rig.mjs';
import { Typed, answers, skip } from './terminal.mjs';
import { USUAL } from '../platforms/feishu/scopes.mjs';
import { APP, People, SCRIPTED, feishu, feishuBot, flow, webhookBot } from './feishu.mjs';

const REGISTRATION = '/oauth/v1/app/registration';
const MADE = { ...APP, app_id: 'cli_00000000000000aa', app_secret: 'secret-made-by-qr' };

const hire = (rig, platform, { lark = platform, more = {} } = {}) => new Typed(rig, ['hire', 'restaurant', '--name', 'xiaoman', '--platform', 'feishu',
	...answers({ api_base: platform.url, ...more })], { QUNGONG_TEST_FEISHU_QR: platform.url, QUNGONG_TEST_LARK_QR: lark.url });

const fileOf = (rig) => fs.readFileSync(path.join(rig.folder, 'bots.d', 'xiaoman.yaml'), 'utf8');

flow('an app is made by scanning a code, tried, and serves', { skip, scale: 10, ms: 90_000 }, async (rig) => {
	const platform = await feishu(rig, { apps: [] });
	rig.writeConfig({ bots: [], models: {} });
	platform.console.onPoll = (scan) => {
		scan.error = scan.polls === 2 ? 'slow_down' : 'authorization_pending';
		if (scan.polls === 4) {
			platform.console.confirm(scan, MADE);
		}
	};
	const terminal = hire(rig, platform);
	await terminal.until(/open\.feishu\.cn\/page\/launcher\?user_code=/);
	assert.match(terminal.out, /[█▀▄]|\x1b\[/, 'the code is drawn');
	assert.match(terminal.out, /10 分钟内有效/);
	const code = await terminal.code();
	await terminal.until(/凭据有效[^\n]*小满/);
	assert.match(terminal.out, /使用长连接接收事件/);
	assert.match(terminal.out, /card\.action\.trigger/);
	assert.match(terminal.out, /im\.chat\.member\.bot\.deleted_v1/);
	terminal.type('\x03');
	assert.ok(!terminal.out.includes(MADE.app_secret), 'the secret is not shown');
	const waits = platform.console.polls.map(({ at }, i, all) => (i > 0 ? at - all[i - 1].at : 0));
	assert.ok(waits[2] >= 990, `told to slow down it waits twice as long as the half second before: ${waits}`);
	terminal.child.kill('SIGTERM');
	const file = fileOf(rig);
	assert.match(file, /domain: "feishu"/);
	assert.ok(!file.includes(MADE.app_secret), 'nor is it in the bot’s file');
	assert.equal(fs.statSync(path.join(rig.folder, 'secrets', 'xiaoman.app_secret')).mode & 0o777, 0o600);
	await rig.start('all');
	const people = new People(platform, MADE.app_id);
	const direct = { chat_id: 'oc_direct', chat_type: 'p2p' };
	assert.match(await people.ask(`/绑定 ${code}`, direct), /管理员/);
	assert.match(await people.ask('几点开门', direct), /11:00/);
});

flow('whose company is at Lark is asked for there, and the bot goes there', { skip, scale: 10, ms: 60_000 }, async (rig) => {
	const platform = await feishu(rig, { apps: [] });
	const lark = await feishu(rig, { apps: [] });
	lark.console = platform.console;
	rig.writeConfig({ bots: [], models: {} });
	platform.console.onPoll = (scan) => {
		if (scan.polls === 2) {
			platform.console.confirm(scan, MADE, { brand: 'lark' });
		}
	};
	const terminal = hire(rig, platform, { lark });
	await terminal.code();
	terminal.child.kill('SIGTERM');
	const asked = (one) => one.calls.filter((call) => call.path === REGISTRATION).length;
	assert.deepEqual([asked(platform), asked(lark)], [3, 1], 'offered and asked here, made there');
	assert.match(fileOf(rig), /domain: "lark"/);
	assert.match(fileOf(rig), new RegExp(MADE.app_id));
});

for (const [what, change] of [
	['the platform refuses', (platform) => { platform.console.answer = { status: 400, body: { error: 'invalid_request', error_description: 'no' } }; }],
	['the answer is none', (platform) => { platform.console.answer = { status: 502, body: '<html>' }; }],
	['the link leads elsewhere', (platform) => { platform.console.completeUri = () => 'https://open.feishu.cn.example.invalid/x'; }],
	['the link is no address', (platform) => { platform.console.completeUri = () => '\u001b]0;x\u0007'; }],
	['the code expires', (platform) => { platform.console.onPoll = (scan) => { scan.error = 'expired_token'; }; }],
	['the person says no', (platform) => { platform.console.onPoll = (scan) => { scan.error = 'access_denied'; }; }],
]) {
	flow(`no app by a code, for ${what}: the console's steps, typed by hand`, { skip, ms: 60_000 }, async (rig) => {
		const platform = await feishu(rig);
		change(platform);
		rig.writeConfig({ bots: [], models: {} });
		const terminal = hire(rig, platform);
		await terminal.until(/to be made by hand/, 30_000);
		await terminal.until(/批量导入[^\n]*cardkit:card:write/);
		assert.ok(!terminal.out.includes('example.invalid'));
		assert.ok(!terminal.out.includes('\u001b]0;x'));
		await terminal.until(/app_id\r?\n/);
		terminal.type(`${APP.app_id}\n`);
		await terminal.until(/app_secret\r?\n/);
		terminal.type(`${APP.app_secret}\n`);
		await terminal.code();
		await terminal.until(/凭据有效[^\n]*小满/);
		assert.ok(!terminal.out.includes(APP.app_secret), 'what is typed is not shown');
		terminal.child.kill('SIGTERM');
	});
}

const doctor = async (rig, bot) => {
	rig.writeConfig({ bots: [bot], models: SCRIPTED });
	const { code, out, err } = await rig.verb(['doctor'], { ms: 60_000 });
	return { code, text: out + err };
};

flow('doctor: good credentials, wrong ones, nobody there', { ms: 120_000 }, async (rig) => {
	const platform = await feishu(rig);
	const good = await doctor(rig, feishuBot(platform));
	assert.equal(good.code, 0, good.text);
	assert.equal(platform.link.opens.length, 1, 'an address is asked for');
	assert.equal(platform.link.upgrades.length, 0, 'and nothing connects');
	const wrong = await doctor(rig, feishuBot(platform, { app_secret: 'wrong-secret' }));
	assert.equal(wrong.code, 1, wrong.text);
	assert.match(wrong.text, /凭证与基础信息/);
	assert.match(wrong.text, new RegExp(`https://open\\.feishu\\.cn/app/${APP.app_id}`));
	assert.ok(!wrong.text.includes('wrong-secret'));
	const nobody = await doctor(rig, feishuBot(platform, { api_base: 'http://127.0.0.1:1' }));
	assert.equal(nobody.code, 1);
	assert.match(nobody.text, /没连上飞书/);
});

flow('doctor: scopes that are missing, with the page that grants them', { ms: 60_000 }, async (rig) => {
	const platform = await feishu(rig);
	const app = platform.apps.get(APP.app_id);
	app.scopes = new Set(['im:message', 'im:message.p2p_msg:readonly', 'im:message.group_at_msg:readonly', 'im:chat']);
	const some = await doctor(rig, feishuBot(platform));
	assert.equal(some.code, 1, some.text);
	assert.match(some.text, /还缺权限 im:resource,cardkit:card:write/);
	assert.ok(some.text.includes(`https://open.feishu.cn/app/${APP.app_id}/auth?q=im:resource,cardkit:card:write&op_from=openapi&token_type=tenant`), some.text);
	const lark = await doctor(rig, feishuBot(platform, { domain: 'lark' }));
	assert.match(lark.text, /https:\/\/open\.larksuite\.com\/app\/cli_[0-9a-f]+\/auth/);
	app.scopes = null;
	const all = await doctor(rig, feishuBot(platform, { trigger: 'always' }));
	assert.match(all.text, /还缺权限 im:message\.group_msg/, 'who hears everything needs one more');
	app.scopes = new Set();
	const none = await doctor(rig, feishuBot(platform));
	assert.match(none.text, /im:message:send_as_bot,.*cardkit:card:write&op_from=openapi/, 'the longest list is whole');
});

flow('doctor: what keeps an app from working, each with its page', { ms: 120_000 }, async (rig) => {
	const platform = await feishu(rig);
	const app = platform.apps.get(APP.app_id);
	const says = async (what, words) => {
		const { code, text } = await doctor(rig, feishuBot(platform));
		assert.equal(code, 1, `${what}: ${text}`);
		assert.match(text, words, what);
	};
	app.activate_status = 1;
	await says('not published', /版本管理与发布/);
	app.activate_status = 2;
	for (const [code, words] of [[403, /使用长连接接收事件/], [514, /app_id 和 app_secret/], [1000040350, /长连接太多/], [1, /稍后再试/]]) {
		platform.fault({ path: '/callback/ws/endpoint', code, msg: 'no' });
		await says(`endpoint ${code}`, words);
	}
	for (const [code, words] of [[99991401, /白名单/], [99991403, /额度/], [99991662, /版本管理与发布/]]) {
		platform.fault({ path: '/open-apis/bot/v3/info', code, times: 2 });
		await says(`info ${code}`, words);
		platform.faults.length = 0;
	}
	// Of the token: each refusal has its own advice, whole, and none blames the network.
	for (const [code, words] of [[10003, /凭证与基础信息[^\n]*are refused \(token: code 10003/], [10014, /没有这个应用，或应用停用了[^\n]*应用管理/], [99991401, /白名单/]]) {
		platform.fault({ path: /tenant_access_token/, code, times: 3, status: 200 });
		await says(`token ${code}`, words);
		platform.faults.length = 0;
	}
	platform.fault({ path: '/open-apis/application/v6/scopes', status: 404, body: 'not found' });
	const unknown = await doctor(rig, feishuBot(platform));
	assert.equal(unknown.code, 0, `a deployment that does not tell scopes is no worse for it: ${unknown.text}`);
});

flow('doctor: a webhook, and a bot beside a server that runs', { ms: 120_000 }, async (rig) => {
	const platform = await feishu(rig);
	const hook = await doctor(rig, webhookBot(platform));
	assert.equal(hook.code, 0, hook.text);
	assert.match(hook.text, /凭据有效/);
	assert.equal(platform.link.opens.length, 0, 'no connection is asked for');
	const bare = await doctor(rig, webhookBot(platform, { encrypt_key: undefined }));
	assert.match(bare.text, /warn {2}config .*Encrypt Key/);
	rig.writeConfig({ bots: [feishuBot(platform)], models: SCRIPTED });
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	rig.writeConfig({ bots: [feishuBot(platform)], models: SCRIPTED, admin_listen: `127.0.0.1:${server.ports[1]}` });
	platform.apps.get(APP.app_id).scopes = new Set(['im:message']);
	const beside = await rig.verb(['doctor'], { ms: 40_000 });
	assert.match(beside.out, /长连接正常/);
	assert.match(beside.out, /还缺权限 im:message\.p2p_msg:readonly/, 'both are looked at');
	assert.equal(platform.link.connections.length, 1, 'the link stays as it was');
});

flow('doctor: a month that is nearly used up, and used up', { ms: 120_000 }, async (rig) => {
	const platform = await feishu(rig);
	// No reactions: an answer that took longer than others would be three calls.
	platform.apps.get(APP.app_id).scopes = new Set(USUAL.filter((name) => !/^im:message$|reactions/.test(name)));
	const config = { bots: [feishuBot(platform, { monthly_calls: 10 })], models: SCRIPTED };
	rig.writeConfig(config);
	const server = await rig.start('all');
	const people = new People(platform);
	const says = async (words) => {
		rig.writeConfig({ ...config, admin_listen: `127.0.0.1:${server.ports[1]}` });
		return until(async () => words.exec((await rig.verb(['doctor'], { ms: 40_000 })).out), 20_000, () => `${words}`);
	};
	const used = () => server.metric('feishu_month_used', { kind: 'calls' });
	const use = async (count) => {
		while ((await used()) < count) {
			const before = await used();
			await people.ask('@bot 几点开门');
			await until(async () => (await used()) > before, 5000, 'it to be counted');
		}
	};
	await use(1);
	assert.doesNotMatch((await rig.verb(['doctor'], { ms: 40_000 })).out, /本月的接口调用/);
	await use(8);
	await says(/warn {2}bot xiaoman {2}本月的接口调用[^\n]*快用完了/);
	await use(10);
	await says(/fail {2}bot xiaoman {2}本月的接口调用[^\n]*用完了/);
});
