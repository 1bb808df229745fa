// Hiring a bot on WeCom from a terminal, by scanning a code, and what `doctor` says of it afterwards.
import assert from 'node:assert/strict';
import { flow, until } from './rig.mjs';
import { Typed, answers, skip } from './terminal.mjs';
import { WebSocket } from '../platforms/wecom/client.mjs';
import { BOT, People, SCRIPTED, wecom, wecomBot } from './wecom.mjs';

flow('a bot is made by scanning a code, tried, and serves', { skip, ms: 90_000 }, async (rig) => {
	const platform = await wecom(rig, { bots: [] });
	rig.writeConfig({ bots: [], models: {} });
	const account = { ...BOT, bot_id: 'aibMadeByQr', secret: 'secret-made-by-qr' };
	platform.console.onPoll = (scan) => {
		if (scan.polls === 2) {
			scan.status = 'scaned';
		} else if (scan.polls === 4) {
			platform.console.confirm(scan, account);
		}
	};
	const terminal = new Typed(rig, ['hire', 'restaurant', '--name', 'xiaoman', '--platform', 'wecom',
		...answers({ ws_url: platform.ws_url, api_base: platform.url, display_name: BOT.name })],
	{ QUNGONG_TEST_WECOM_QC: platform.url });
	await terminal.until(/work\.weixin\.qq\.com\/ai\/qc\/c/);
	assert.match(terminal.out, /[█▀▄]|\x1b\[/, 'the code is drawn');
	await terminal.until(/Scanned/);
	await terminal.until(/The bot is made/);
	const code = await terminal.code();
	terminal.type('\x03');
	assert.ok(!terminal.out.includes(account.secret), 'the secret is not shown');
	assert.ok(platform.account(account.bot_id).subscribed.length >= 1, 'the credentials were tried');
	terminal.child.kill('SIGTERM');
	await terminal.ended;
	await rig.start('all');
	const people = new People(platform, account.bot_id);
	assert.match(await people.ask(`/绑定 ${code}`, { chat: null }), /管理员/);
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
});

for (const [what, change] of [
	['the platform refuses', (platform) => { platform.console.answer = { errcode: 40001, errmsg: 'no' }; }],
	['the link leads elsewhere', (platform) => { platform.console.authUrl = () => 'https://work.weixin.qq.com.example.invalid/ai/qc/c?scode=x'; }],
	['the link is no address', (platform) => { platform.console.authUrl = () => '\u001b]0;x\u0007'; }],
	['the code expires', (platform) => { platform.console.onPoll = (scan) => { scan.status = 'expired'; }; }],
]) {
	flow(`no bot by a code, for ${what}: the console's steps, typed by hand`, { skip, ms: 60_000 }, async (rig) => {
		const platform = await wecom(rig);
		change(platform);
		rig.writeConfig({ bots: [], models: {} });
		const terminal = new Typed(rig, ['hire', 'restaurant', '--name', 'xiaoman', '--platform', 'wecom',
			...answers({ ws_url: platform.ws_url, api_base: platform.url })], { QUNGONG_TEST_WECOM_QC: platform.url });
		await terminal.until(/to be made by hand/, 20_000);
		await terminal.until(/智能机器人/);
		assert.ok(!terminal.out.includes('example.invalid'));
		assert.ok(!terminal.out.includes('\u001b]0;x'));
		await terminal.until(/bot_id/);
		terminal.child.kill('SIGTERM');
	});
}

flow('doctor: good credentials, wrong ones, nobody there', { ms: 90_000 }, async (rig) => {
	const platform = await wecom(rig);
	rig.writeConfig({ bots: [wecomBot(platform)], models: SCRIPTED });
	const good = await rig.verb(['doctor'], { ms: 40_000 });
	assert.equal(good.code, 0, good.out + good.err);
	rig.writeConfig({ bots: [wecomBot(platform, { secret: 'wrong' })] });
	const wrong = await rig.verb(['doctor'], { ms: 40_000 });
	assert.equal(wrong.code, 1, wrong.out + wrong.err);
	assert.match(wrong.out + wrong.err, /智能机器人/, 'it names the page of the console');
	assert.ok(!(wrong.out + wrong.err).includes('wrong-'));
	rig.writeConfig({ bots: [wecomBot(platform, { ws_url: 'ws://127.0.0.1:1' })] });
	assert.equal((await rig.verb(['doctor'], { ms: 60_000 })).code, 1);
	// beside a server that runs it asks the server, and does not take the connection from it
	rig.writeConfig({ bots: [wecomBot(platform)] });
	const asked = platform.account(BOT.bot_id).subscribed.length;
	await rig.start('all');
	await until(() => platform.account(BOT.bot_id).subscribed.length > asked, 15_000, 'its connection');
	const before = platform.account(BOT.bot_id).subscribed.length;
	const beside = await rig.verb(['doctor'], { ms: 40_000 });
	assert.equal(beside.code, 0, beside.out + beside.err);
	assert.equal(platform.account(BOT.bot_id).subscribed.length, before);
	assert.equal(platform.socket.connections.filter((one) => one.kicked).length, 0);
});

// Another program that logs in with the same credentials.
function takeOver(rig, platform) {
	const socket = new WebSocket(platform.ws_url);
	rig.onEnd(() => socket.terminate());
	socket.on('open', () => socket.send(JSON.stringify({
		cmd: 'aibot_subscribe', headers: { req_id: 'taken' }, body: { bot_id: BOT.bot_id, secret: BOT.secret },
	})));
	return new Promise((resolve) => socket.once('message', resolve));
}

flow('link_up and doctor follow the link: up, taken by another program, fired', { ms: 90_000 }, async (rig) => {
	const platform = await wecom(rig);
	rig.writeConfig({ bots: [wecomBot(platform)], models: SCRIPTED });
	const server = await rig.start('all');
	rig.writeConfig({ admin_listen: `127.0.0.1:${server.ports[1]}` });
	const up = () => server.metric('link_up', { bot: 'xiaoman' });
	await until(async () => (await up()) === 1, 15_000, 'the link');
	assert.match((await rig.verb(['doctor'], { ms: 40_000 })).out, /长连接正常/);
	await takeOver(rig, platform);
	await until(async () => (await up()) === 0, 15_000, 'the loss of the link');
	const kicked = await rig.verb(['doctor'], { ms: 40_000 });
	assert.equal(kicked.code, 1, kicked.out + kicked.err);
	assert.match(kicked.out, /fail {2}bot xiaoman {2}长连接断着.*顶掉/);
	assert.equal(server.wholeText().split('被顶掉').length, 2, 'said once in the log');
	rig.writeConfig({ bots: [] });
	await until(async () => (await up()) === -1, 15_000, 'the end of the bot');
});
