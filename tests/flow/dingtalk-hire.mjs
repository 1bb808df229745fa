// Hiring a bot on DingTalk from a terminal, by scanning a code, and what `doctor` says of it afterwards.
import assert from 'node:assert/strict';
import { flow } from './rig.mjs';
import { Typed, answers, skip } from './terminal.mjs';
import { APP, People, SCRIPTED, dingtalk, dingtalkBot } from './dingtalk.mjs';

const hire = (rig, platform) => new Typed(rig, ['hire', 'restaurant', '--name', 'xiaoman', '--platform', 'dingtalk',
	...answers({ api_base: platform.url, oapi_base: platform.url })], { QUNGONG_TEST_DINGTALK_QR: platform.url });

flow('an app is made by scanning a code, tried, and serves', { skip, ms: 90_000 }, async (rig) => {
	const platform = await dingtalk(rig, { apps: [] });
	rig.writeConfig({ bots: [], models: {} });
	const app = { ...APP, client_id: 'dingmadebyqr', client_secret: 'secret-made-by-qr' };
	platform.console.onPoll = (scan) => {
		if (scan.polls === 3) {
			platform.console.confirm(scan, app);
		}
	};
	const terminal = hire(rig, platform);
	await terminal.until(/open-dev\.dingtalk\.com\/[^\s]*user_code=/);
	assert.match(terminal.out, /[█▀▄]|\x1b\[/, 'the code is drawn');
	const code = await terminal.code();
	terminal.type('\x03');
	assert.ok(!terminal.out.includes(app.client_secret), 'the secret is not shown');
	assert.ok(platform.calls.some((call) => call.body?.appKey === app.client_id || call.body?.clientId === app.client_id),
		'the credentials were tried');
	terminal.child.kill('SIGTERM');
	await terminal.ended;
	await rig.start('all');
	const people = new People(platform, app.client_id);
	assert.match(await people.ask(`/绑定 ${code}`, { chat: null }), /管理员/);
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
});

for (const [what, change] of [
	['the platform refuses', (platform) => { platform.console.answer = { errcode: 40001, errmsg: 'no' }; }],
	['the link leads elsewhere', (platform) => { platform.console.authUri = () => 'https://open-dev.dingtalk.com.example.invalid/x'; }],
	['the link is no address', (platform) => { platform.console.authUri = () => '\u001b]0;x\u0007'; }],
	['the code expires', (platform) => { platform.console.onPoll = (scan) => { scan.status = 'EXPIRED'; }; }],
	['the person says no', (platform) => { platform.console.onPoll = (scan) => { Object.assign(scan, { status: 'FAIL', fail_reason: '没有权限' }); }; }],
]) {
	flow(`no app by a code, for ${what}: the console's steps, typed by hand`, { skip, ms: 60_000 }, async (rig) => {
		const platform = await dingtalk(rig);
		change(platform);
		rig.writeConfig({ bots: [], models: {} });
		const terminal = hire(rig, platform);
		await terminal.until(/to be made by hand/, 30_000);
		await terminal.until(/open-dev\.dingtalk\.com/);
		assert.ok(!terminal.out.includes('example.invalid'));
		assert.ok(!terminal.out.includes('\u001b]0;x'));
		await terminal.until(/client_id/);
		terminal.child.kill('SIGTERM');
	});
}

flow('doctor: good credentials, wrong ones, nobody there', { ms: 120_000 }, async (rig) => {
	const platform = await dingtalk(rig);
	rig.writeConfig({ bots: [dingtalkBot(platform)], models: SCRIPTED });
	const good = await rig.verb(['doctor'], { ms: 40_000 });
	assert.equal(good.code, 0, good.out + good.err);
	rig.writeConfig({ bots: [dingtalkBot(platform, { client_secret: 'wrong' })] });
	const wrong = await rig.verb(['doctor'], { ms: 40_000 });
	assert.equal(wrong.code, 1, wrong.out + wrong.err);
	assert.match(wrong.out + wrong.err, /凭证与基础信息|open-dev/, 'it names the page of the console');
	rig.writeConfig({ bots: [dingtalkBot(platform, { api_base: 'http://127.0.0.1:1', oapi_base: 'http://127.0.0.1:1' })] });
	assert.equal((await rig.verb(['doctor'], { ms: 60_000 })).code, 1);
	// beside a server that runs it takes no message away from it
	rig.writeConfig({ bots: [dingtalkBot(platform)] });
	await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	const beside = await rig.verb(['doctor'], { ms: 40_000 });
	assert.equal(beside.code, 0, beside.out + beside.err);
	assert.equal(platform.stream.connections.filter((one) => one.isOpen).length, 1);
	assert.match(await people.ask(' 几点开门'), /11:00/);
});
