// What DingTalk's bots say by message: sessions that end, tokens, limits, people who cannot be reached, long answers, the
// month's quotas.
import assert from 'node:assert/strict';
import { flow, until, within } from './rig.mjs';
import { APP, GROUP, MINUTE, People, bare, cardBot, dingtalk, dingtalkBot, moveClock, nothingWrong, scripted } from './dingtalk.mjs';

const OK = [{ match: '*', text: '好的，收到。' }];
const SLOW = [{ match: '慢', text: '好的，收到。', chunks: 10, delay_ms: 200 }, ...OK];

async function world(rig, more = {}, options = {}) {
	const platform = await dingtalk(rig, options);
	rig.writeConfig(scripted(dingtalkBot(platform, more)));
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	return { platform, server, people };
}

// One answer in the chat, and how it came.
async function lands(people, chat = GROUP, ms = 30_000) {
	await until(() => people.times(chat, '收到') > 0, ms, () => `an answer in ${JSON.stringify(people.platform.view.in(chat))}`);
	assert.equal(people.times(chat, '收到'), 1);
	return people.platform.view.in(chat).at(-1);
}

flow('the session is over: told so by HTTP 200, known by its time, or none came; the API says it', { script: OK, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	const cases = [['cidGone=', { sessionLife: -1 }], ['cidNone=', { session: null }], [null, { user: 'u1', session: null }],
		[null, { user: 'u2', sessionLife: -1 }]];
	for (const [chat, more] of cases) {
		await people.say(' 请登记', { chat, ...more });
		const bubble = await lands(people, people.chatOf({ chat, ...more }));
		assert.equal(bubble.via, chat ? 'group' : 'direct');
	}
	// it says that it lives, and does not
	for (const [chat, user] of [['cidLies=', 'u3'], [null, 'u4']]) {
		platform.fault({ path: '/robot/sendBySession', chat: people.chatOf({ chat, user }), errcode: 300001, message: 'session 不存在' });
		await people.say(' 请登记', { chat, user });
		const bubble = await lands(people, people.chatOf({ chat, user }));
		assert.equal(bubble.via, chat ? 'group' : 'direct');
	}
	assert.equal(platform.faults.length, 0);
	// an errcode that is a string is a success
	platform.fault({ path: '/robot/sendBySession', body: { errcode: '0', errmsg: 'ok' } });
	await people.say(' 请登记', { chat: 'cidString=' });
	await until(() => platform.faults.length === 0, 15_000, 'it');
	await people.ask(' 请登记', { chat: 'cidAfter=' });
	assert.equal(platform.view.in('cidString=').length, 0, 'it was taken for sent');
	nothingWrong(platform, assert);
});

flow('a session\'s address of somebody else is not used', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig);
	for (const [i, url] of ['http://127.0.0.1:1/robot/sendBySession?session=x',
		'https://oapi.dingtalk.com.example.invalid/robot/sendBySession?session=x',
		'https://user@oapi.dingtalk.com:444/x', 'file:///etc/passwd'].entries()) {
		const chat = `cidStrange${i}=`;
		await people.say(' 请登记', { chat, session: null, more: { sessionWebhook: url, sessionWebhookExpiredTime: platform.now() + 90 * MINUTE } });
		assert.equal((await lands(people, chat)).via, 'group', url);
	}
	nothingWrong(platform, assert);
});

flow('tokens: asked for once, kept, replaced when they end or are refused with 400, 401 or 40014', { script: OK, ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	const tokens = () => platform.callsOf('oauth2/accessToken').length;
	const ask = async (chat) => {
		await people.say(' 请登记', { chat, session: null });
		return lands(people, chat);
	};
	await Promise.all(Array.from({ length: 5 }, (_, i) => ask(`cidA${i}=`)));
	assert.equal(tokens(), 1, 'one token for all');
	platform.tokens.revoke(APP.client_id);
	await ask('cidB=');
	platform.options.invalidTokenStatus = 401;
	platform.tokens.revoke(APP.client_id);
	await ask('cidC=');
	assert.equal(tokens(), 3);
	moveClock(rig, 121 * MINUTE);
	await ask('cidD=');
	assert.equal(tokens(), 4, 'not used beyond its time');
	assert.ok(platform.callsOf('groupMessages/send').filter((call) => call.code === 'InvalidAuthentication').length <= 3, 'once each');
	nothingWrong(platform, assert);
});

// A ban, and a limit a minute, take the minutes they are about: QUNGONG_FLOW_LONG=1.
for (const [what, fault, ms = 30_000] of [['429', { status: 429 }],
	['a limit of the app', { code: 'Forbidden.AccessDenied.QpsLimitForAppkeyAndApi' }], ['500', { status: 500, code: 'system.error' }],
	['504 in HTML', { status: 504 }], ['too fast', { code: 'send.too.fast' }], ['busy', { code: 'system.busy' }],
	['a limit a minute', { code: 'Forbidden.AccessDenied.QpmLimitForAppkeyAndApi' }, 90_000],
		['a ban of the address', { body: { status: 1111, wait: 5, source: 'x5', punish: 'deny', uuid: 'x' } }, 330_000]]) {
	flow(`${what}: waited for, and said once`, {
		script: OK, ms: ms + 90_000, scale: 20, skip: ms > 60_000 && !process.env.QUNGONG_FLOW_LONG ? 'long' : false,
	}, async (rig) => {
		const { platform, people } = await world(rig);
		platform.fault({ path: /groupMessages/, ...fault });
		const began = Date.now();
		await people.say(' 请登记', { session: null });
		await until(() => platform.faults.length === 0, 20_000, 'the refusal');
		for (let i = 1; i <= 40 && people.times(GROUP, '收到') === 0; i++) {
			moveClock(rig, i * 10_000);
			await within(() => people.times(GROUP, '收到') > 0, 1000);
		}
		await lands(people, GROUP, ms);
		rig.note(`${what}: after ${Date.now() - began} ms`);
		nothingWrong(platform, assert);
	});
}

flow('refused for good: a dead letter, and the others are served', { script: OK, ms: 120_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	let dead = 0;
	for (const code of ['resource.not.found', 'invalidParameter.robotCode.auth', 'Forbidden.AccessDenied.AccessTokenPermissionDenied',
		'unknown.send.result']) {
		const chat = `cid${code.replaceAll('.', '')}=`;
		platform.fault({ path: /groupMessages/, chat, code, times: 9 });
		await people.say(' 请登记', { chat, session: null });
		dead++;
		await until(async () => (await server.metric('replies_dead_total')) >= dead, 30_000, `a dead letter for ${code}`);
		assert.ok(platform.callsOf('groupMessages/send').filter((call) => call.body.openConversationId === chat).length <= 3, code);
		platform.faults.length = 0;
	}
	assert.match(await people.ask(' 几点开门'), /11:00/);
	nothingWrong(platform, assert);
});

flow('HTTP 200 and not delivered: held back comes later, unknown people never', { script: OK, ms: 120_000, scale: 20 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	people.account.flowControlled.add('zhangsan');
	await people.say('请登记', { chat: null, session: null });
	await until(() => people.account.flowControlled.size === 0, 15_000, 'it to be held back');
	for (let i = 1; i <= 20 && people.times(people.direct(), '收到') === 0; i++) {
		moveClock(rig, i * 10_000);
		await within(() => people.times(people.direct(), '收到') > 0, 1000);
	}
	await lands(people, people.direct());
	await people.say('请登记', { chat: null, user: 'left', session: null });
	people.account.staff.delete('left');
	await until(async () => (await server.metric('replies_dead_total')) >= 1, 60_000, 'a dead letter');
	assert.ok(platform.callsOf('batchSend').filter((call) => call.body.userIds[0] === 'left').length <= 3);
	nothingWrong(platform, assert);
});

flow('a long answer is cut at lines, by session and by the API; nothing is lost or comes twice', {
	script: [{ match: '*', text: Array.from({ length: 900 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n') }], ms: 120_000,
}, async (rig) => {
	const { platform, people } = await world(rig, { answer_tokens: 100_000 });
	for (const [chat, session] of [['cidSession=', undefined], ['cidApi=', null]]) {
		await people.say(' 请念全部', { chat, session });
		await until(() => platform.view.in(chat).some((one) => /第899行/.test(one.text)),
			60_000, () => `the end in ${chat}: ${platform.view.in(chat).length}`);
		const all = platform.view.in(chat).map((one) => bare(one.text)).join('\n');
		for (const i of [0, 1, 300, 700, 898, 899]) {
			assert.equal(all.split(`第${i}行，`).length, 2, `line ${i} once`);
		}
		assert.ok(platform.view.in(chat).every((one) => [...one.text].length <= 4000), 'none so long that it loses its form');
	}
	assert.ok(!platform.calls.some((call) => call.code === 460101 || call.code === 'invalidParameter.msgParam.tooLong'));
	nothingWrong(platform, assert);
});

flow('no text of anybody mentions everyone, or anybody but the asker', {
	script: [{ match: '*', text: '@all @所有人 @lisi @zhangsan <a atId=lisi>李四</a> 收到' }],
}, async (rig) => {
	const { platform, people } = await world(rig);
	await people.say(' 请问能带宠物狗吗');
	await people.say(' 请问能带宠物狗吗', { chat: 'cidApi=', session: null });
	await lands(people, 'cidApi=');
	await lands(people);
	rig.writeConfig(scripted(cardBot(platform)));
	await until(async () => {
		await people.say(' 请问能带宠物狗吗', { chat: 'cidCard=' });
		await people.bubbles('cidCard=');
		return platform.view.in('cidCard=').some((one) => one.card);
	}, 30_000, 'a card');
	for (const bubble of platform.view.bubbles) {
		assert.ok(!bubble.atAll, bubble.text);
		assert.ok(bubble.mentions.every((id) => id === 'zhangsan'), JSON.stringify(bubble.mentions));
		assert.ok(!bubble.card || !/<a atId/.test(bubble.text), bubble.text);
	}
});

flow('the month is used up for messages: it says so, nothing runs; when there is more it goes on', { script: OK, ms: 90_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	await people.ask(' 请登记');
	platform.options.uses = 1;
	for (let i = 0; i < 3; i++) {
		const said = await people.say(' 请登记', { chat: 'cidOver=' });
		assert.equal(said.body.errorCode, 20001);
		await until(() => said.push.ack, 5000, 'the ack');
	}
	await until(async () => (await server.metric('dingtalk_quota_refusals_total')) === 3, 10_000, 'them to be counted');
	assert.match(server.text(), /额度用完了/);
	platform.options.uses = 0;
	assert.match(await people.ask(' 几点开门'), /11:00/);
	assert.equal(platform.view.in('cidOver=').length, 0);
	assert.equal(await server.metric('messages_stored_total'), 2);
	nothingWrong(platform, assert);
});

flow('the month is used up for calls: cards end as messages, and there is no storm of tries', { script: SLOW, ms: 120_000 }, async (rig) => {
	const platform = await dingtalk(rig);
	rig.writeConfig(scripted(cardBot(platform, { admins: ['boss'] })));
	await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	people.account.staff.add('boss');
	await people.ask(' 请登记');
	platform.fault({ path: /^\/v1\.0\/(card|robot)/, code: 'Forbidden.AccessDenied.ApiCountLimitForOrg', times: 9999 });
	await people.say(' 慢慢登记', { chat: 'cidOver=' });
	await until(() => people.times('cidOver=', '收到') === 1, 30_000, 'the answer by session');
	assert.equal(platform.view.in('cidOver=').at(-1).via, 'session');
	const refused = () => platform.calls.filter((call) => call.code === 'Forbidden.AccessDenied.ApiCountLimitForOrg').length;
	assert.ok(refused() <= 6, `${refused()} tries`);
	await people.say(' 请登记', { chat: 'cidNext=' });
	await until(() => people.times('cidNext=', '收到') === 1, 30_000, 'the next one');
	assert.ok(refused() <= 8, `${refused()} tries`);
});

flow('calls are counted: a line at 80 %, and fewer calls from there', { script: SLOW, ms: 120_000 }, async (rig, t) => {
	const platform = await dingtalk(rig);
	rig.writeConfig(scripted(cardBot(platform, { monthly_calls: 60 })));
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	const frames = () => platform.callsOf('card/streaming').length + platform.callsOf('createAndDeliver').length;
	const spent = [];
	for (let i = 0; i < 20 && !/8\d %|80 %|过 80/.test(server.text()); i++) {
		const before = frames();
		await people.ask(' 慢慢登记', { chat: `cid${i}=` });
		spent.push(frames() - before);
	}
	await until(() => /额度/.test(server.text()), 15_000, 'the line');
	assert.ok((await server.metric('dingtalk_month_used', { kind: 'calls' })) >= 40);
	const before = frames();
	await people.ask(' 慢慢登记', { chat: 'cidAfter=' });
	t.diagnostic(`calls of a card: ${spent.join(' ')}, then ${frames() - before}`);
	assert.ok(frames() - before < Math.max(...spent), 'fewer');
	nothingWrong(platform, assert);
});
