// WeCom over the long connection: the real binary between a stand-in of the platform and its people.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { delay, flow, inTime, until } from './rig.mjs';
import { slowly } from './vendors.mjs';
import { BOT, GROUP, MINUTE, People, SCRIPTED, bare, moveClock, scripted, wecom, wecomBot } from './wecom.mjs';

async function world(rig, more = {}, platform = null) {
	platform ??= await wecom(rig);
	rig.writeConfig(more.bots ? more : { bots: [wecomBot(platform, more)], models: SCRIPTED });
	const server = await rig.start('all');
	return { platform, server, people: new People(platform) };
}

function noComplaint(platform) {
	assert.deepEqual(platform.complaints, []);
	assert.equal(platform.raced, 0, 'one frame in flight per req_id');
	assert.deepEqual(platform.view.unfinished().map((one) => one.text), []);
}

flow('a question in a group: a draft within a second, then the answer, finished, once; the asker is named', {}, async (rig) => {
	const model = await slowly(rig, '包间还有一间，七点半给您留着，到了报名字就行。', { chunks: 12, delay_ms: 120, is: /改到/ });
	const platform = await wecom(rig);
	const { server, people } = await world(rig, { ...scripted(platform, { people: { zhangsan: { name: '张三' } } }), models: model.models }, platform);
	const id = await people.say('@小满 周五晚上的位子改到七点半');
	await until(() => platform.view.under(id).some((one) => one.texts.length >= 2), 10_000, 'a draft that grows');
	model.release();
	const [bubble, ...others] = await people.bubbles(id);
	assert.equal(others.length, 0);
	assert.equal(bubble.kind, 'stream');
	assert.ok(bubble.texts.length >= 3, `${bubble.texts.length} snapshots`);
	const words = bubble.texts.map((one) => one.text).filter((one) => one && !one.startsWith('<think>') && !/正在/.test(one));
	for (let i = 1; i < words.length - 1; i++) {
		assert.ok(words[i].startsWith(words[i - 1].replace(/…$/, '')), `snapshots grow: ${words[i - 1]} -> ${words[i]}`);
	}
	assert.match(bubble.text, /^\*\*张三\*\* /);
	assert.equal(bare(bubble.text), '包间还有一间，七点半给您留着，到了报名字就行。');
	assert.match(bubble.text, /AI 生成/);
	const ends = 12 * 120 + 1500;
	await inTime(1, async () => { // parts of what either may take
		const asked = Date.now();
		const [one] = await people.bubbles(await people.say('@小满 周五晚上的位子改到七点半', { chat: 'wrAgain' }));
		return Math.max((one.at - asked) / 1000, (one.finishedAt - asked) / ends);
	});
	// the platform hands it out again, as it should not: noted, and not answered again
	const before = platform.view.bubbles.length;
	platform.say(BOT.bot_id, { chat: GROUP, body: { msgid: id, aibotid: BOT.bot_id, chatid: GROUP, chattype: 'group',
		from: { userid: 'zhangsan' }, msgtype: 'text', text: { content: '@小满 周五晚上的位子改到七点半' } } });
	await people.ask('@小满 几点开门');
	assert.equal(platform.view.in(GROUP).filter((one) => one.kind === 'stream' && one.text.includes('包间还有一间')).length, 1);
	assert.ok(platform.view.bubbles.length <= before + 2);
	for (const secret of [BOT.secret, BOT.token, BOT.encoding_aes_key, 'response_code=']) {
		assert.ok(!server.wholeText().includes(secret), 'no secret in the log');
	}
	assert.ok(platform.account(BOT.bot_id).subscribed.length === 1);
	noComplaint(platform);
});

flow('every inbound type gets an answer or none, and the link lives on', {
	script: [{ match: '*', text: '好的，收到。' }],
}, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
	assert.match(await people.ask('@小满 几点开门'), /11:00/);
	assert.match(await people.ask('几点开门 @小满', { user: 'T0042' }), /11:00/);
	assert.match(await people.ask('@小满\u2005几点开门'), /11:00/);
	assert.match(await people.ask('几点开门', { chat: null, type: 'voice' }), /11:00/);
	assert.match(await people.ask('这个还能订吗', { chat: null, quote: { type: 'text', text: '周五的包间' } }), /收到/);
	assert.match(await people.ask('', { type: 'mixed', items: [{ type: 'text', text: '@小满 几点开门' }] }), /11:00/);
	// without a text: something is said, and the bubble ends
	assert.notEqual(await people.ask('@小满'), '');
	assert.notEqual(await people.ask('', { chat: null, type: 'video', media: platform.files.put(Buffer.alloc(100), { name: 'a.mp4' }) }), '');
	// what nobody knows
	for (const frame of [
		'this is no JSON', '{"cmd":"aibot_msg_callback","headers":{"req_id":"no-body"}}', '[]', '{}', '""',
		{ headers: { req_id: 'nobody-waits-for-this' }, errcode: 0, errmsg: 'ok' }, { cmd: 'something_new', headers: { req_id: 'x' }, body: {} },
		{ cmd: 'aibot_msg_callback', headers: { req_id: 'x' }, body: { msgid: 1, chattype: [], from: 'u', msgtype: {} } },
		{ cmd: 'aibot_event_callback', headers: { req_id: 'x' }, body: { msgid: 'e1', msgtype: 'event', event: { eventtype: 'something_new_event' } } },
		`{"cmd":"aibot_msg_callback","headers":{"req_id":"deep"},"body":${'['.repeat(5000)}${']'.repeat(5000)}}`,
	]) {
		platform.raw(BOT.bot_id, frame);
	}
	platform.say(BOT.bot_id, { type: 'something_new', user: 'zhangsan' });
	platform.feedback(BOT.bot_id, 'trace_1', 2);
	// control characters stand raw in the text
	const before = platform.view.bubbles.length;
	const connection = platform.account(BOT.bot_id).connection;
	connection.requests.set('raw1', { kind: 'message', chat: 'zhangsan', chat_type: 'single', user: 'zhangsan', msgid: 'raw-m1', at: platform.now() });
	platform.raw(BOT.bot_id, `{"cmd":"aibot_msg_callback","headers":{"req_id":"raw1"},"body":{"msgid":"raw-m1","aibotid":"${BOT.bot_id}",` +
		'"chattype":"single","from":{"userid":"zhangsan"},"msgtype":"text","text":{"content":"几点\u0007开门\u000b"}}}');
	assert.match(await people.answer('raw-m1'), /11:00/);
	assert.equal(platform.view.bubbles.length, before + 1);
	assert.equal(platform.socket.connections.length, 1);
	noComplaint(platform);
});

flow('the frames of the recordings, as they stand: none does harm', { script: [{ match: '*', text: '好的，收到。' }] }, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	await people.untilUp();
	const folder = new URL('../vectors/wecom/', import.meta.url);
	let count = 0;
	for (const file of fs.readdirSync(folder).filter((name) => name.startsWith('ws-'))) {
		for (const { dir, frame, raw } of JSON.parse(fs.readFileSync(new URL(file, folder), 'utf8')).log) {
			if (dir !== 'server->client' || frame?.body?.event?.eventtype === 'disconnected_event') {
				continue; // that one is obeyed: see wecom-owners.mjs
			}
			const { connection } = people.account;
			const id = frame?.headers?.req_id;
			if (frame?.cmd && id) {
				const { chatid, from, msgid, chattype = 'single' } = frame.body ?? {};
				connection.requests.set(id, { kind: 'message', chat: chatid ?? from?.userid, chat_type: chattype, msgid, at: platform.now() });
			}
			connection.send(raw ?? frame);
			count++;
		}
	}
	assert.ok(count > 60, `${count} frames`);
	assert.match(await people.ask('@小满 还在吗'), /收到/);
	await until(() => platform.view.unfinished().length === 0, 15_000, 'all bubbles to be finished');
	assert.equal(platform.socket.connections.length, 1);
	assert.deepEqual(platform.complaints, []);
});

flow('a direct chat is opened: greeting and suggestions in time; a suggestion is clicked, twice, and late', {}, async (rig) => {
	const { platform, people } = await world(rig);
	await people.untilUp();
	const entered = platform.enter(BOT.bot_id);
	await until(() => platform.view.under(entered.msgid).length > 0, 5000, 'a welcome');
	const [welcome] = platform.view.under(entered.msgid);
	assert.equal(welcome.via, 'welcome');
	const words = welcome.text + JSON.stringify(welcome.card ?? {});
	assert.match(words, /小满餐厅/);
	assert.match(words, /包间怎么订/);
	if (welcome.card?.button_list) {
		const button = welcome.card.button_list.find((one) => /包间/.test(one.text)) ?? welcome.card.button_list[0];
		const before = platform.view.in('zhangsan').length;
		platform.click(BOT.bot_id, welcome, button.key);
		await people.inChat('zhangsan', before + 1);
		await until(() => platform.view.in('zhangsan').at(-1).finished, 10_000, 'the answer to the click');
		assert.notEqual(platform.view.in('zhangsan').at(-1).text, '');
		const updates = (count) => until(() => platform.socket.frames.filter((one) => one.frame.cmd === 'aibot_respond_update_msg').length >= count,
			5000, `the card to say so, ${count}`);
		platform.click(BOT.bot_id, welcome, button.key);
		await updates(2);
		moveClock(rig, 3 * 24 * 60 * MINUTE);
		await delay(100);
		platform.click(BOT.bot_id, welcome, button.key);
		await updates(3);
		assert.equal(platform.view.in('zhangsan').length, before + 1, 'answered once');
		assert.ok(welcome.cards.length >= 2, 'the card says that it was taken');
	}
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
	assert.deepEqual(platform.socket.frames.filter((one) => one.errcode).map((one) => [one.frame.cmd, one.errcode]), []);
	noComplaint(platform);
});

flow('several messages before the first is answered: one answer, every bubble is finished', {
	script: [{ match: '*', text: '都记下了。', chunks: 3, delay_ms: 250 }],
}, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	const ids = [];
	for (const text of ['第一件', '第二件', '第三件', '第四件']) {
		ids.push(await people.say(`@小满 请登记${text}`));
	}
	for (const id of ids) {
		await people.bubbles(id);
	}
	const texts = ids.map((id) => platform.view.under(id).map((one) => bare(one.text)));
	assert.match(texts.at(-1).join(), /都记下了/);
	const below = texts.flat().filter((text) => /见下方回答/.test(text)).length;
	const answers = texts.flat().filter((text) => /都记下了/.test(text)).length;
	assert.equal(below + answers, 4);
	assert.ok(below >= 1, 'some were merged');
	noComplaint(platform);
});

flow('an answer longer than a bubble goes on in the next, nothing is lost', {
	script: [{ match: '*', text: Array.from({ length: 1500 }, (_, i) => `第${i}行，登记在册的内容。`).join('\n') }],
}, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'], answer_tokens: 100_000 });
	const id = await people.say('@小满 请念全部');
	await until(() => platform.view.in(GROUP).some((one) => /第1499行/.test(one.text)), 20_000, 'the end');
	await people.bubbles(id);
	const all = platform.view.in(GROUP).map((one) => bare(one.text)).join('\n');
	for (const i of [0, 1, 700, 1000, 1498, 1499]) {
		assert.equal(all.split(`第${i}行，`).length, 2, `line ${i} once`);
	}
	assert.ok(platform.socket.frames.every((one) => one.errcode !== 45002));
	noComplaint(platform);
});

flow('no text of anybody mentions everyone', {
	script: [{ match: '*', text: '<@all> @all @所有人 <@zhangsan> 收到' }],
}, async (rig) => {
	const { platform, people } = await world(rig, { models: ['script'] });
	assert.match(await people.ask('@小满 请问能带宠物狗吗'), /收到/);
	for (const bubble of platform.view.bubbles) {
		assert.ok(!/<@all>|<@所有人>/i.test(bubble.text), bubble.text);
	}
});

flow('a group an admin enabled: the code of hire, /启用, /停用', {}, async (rig) => {
	const platform = await wecom(rig);
	rig.writeConfig({ bots: [], models: {} });
	rig.write('bot.secret', BOT.secret);
	const made = await rig.verb(['hire', 'restaurant', '--name', 'xiaoman', '--platform', 'wecom', '--json',
		...Object.entries({ shop_name: '小满餐厅', phone: '021-5555', hours: '每天11:00-21:30', address: '青禾路18号', bot_id: BOT.bot_id,
			secret: 'file:bot.secret', display_name: BOT.name, ws_url: platform.ws_url, api_base: platform.url })
			.flatMap(([k, v]) => ['--answers', `${k}=${v}`])]);
	assert.equal(made.code, 0, made.err);
	const code = /\b\d{6}\b/.exec(made.out)[0];
	const server = await rig.start('all');
	const people = new People(platform);
	assert.match(await people.ask('@小满 几点开门'), /还没有.*启用/);
	assert.match(await people.ask('@小满 /启用'), /管理员/);
	assert.match(await people.ask(`/绑定 ${code === '000000' ? '000001' : '000000'}`, { chat: null }), /不对|过期/);
	assert.match(await people.ask(`/绑定 ${code}`, { chat: null }), /管理员/);
	assert.match(await people.ask('@小满 /启用'), /开始/);
	assert.match(await people.ask('@小满 几点开门'), /11:00/);
	assert.match(await people.ask('@小满 /停用'), /不再/);
	assert.ok(!server.wholeText().includes(code), 'the code is in no log');
	// what is not answered is shown as nothing: no bubble that never ends
	await people.say('@小满 几点开门');
	assert.match(await people.ask('几点开门', { chat: null }), /11:00/);
	noComplaint(platform);
});

flow('wrong credentials: no storm of subscribes, and it says so', {}, async (rig) => {
	const platform = await wecom(rig);
	rig.writeConfig({ bots: [wecomBot(platform, { secret: 'not-the-secret' })], models: {} });
	const server = await rig.start('all', { ready: false });
	await until(() => platform.socket.frames.some((one) => one.errcode === 853000), 10_000, 'the refusal');
	await until(() => /853000|secret|凭证|refused/i.test(server.text()), 5000, 'a line in the log');
	assert.equal(await server.door.readiness(), 503);
	await until(() => platform.socket.connections.every((one) => one.closed), 5000, 'the connection to be closed');
	assert.ok(platform.socket.frames.filter((one) => one.frame.cmd === 'aibot_subscribe').length <= 3);
	assert.ok(!server.wholeText().includes('not-the-secret'));
});

flow('two bots of one account: their chats decide who answers, on one connection', {}, async (rig) => {
	const platform = await wecom(rig);
	rig.setScript([{ match: '*', text: '二号收到。' }]);
	rig.writeConfig({
		bots: [wecomBot(platform, { name: 'first', chats: [GROUP] }),
			wecomBot(platform, { name: 'second', chats: 'any', models: ['script'] })],
		models: SCRIPTED,
	});
	await rig.start('all');
	const people = new People(platform);
	assert.match(await people.ask('@小满 请问能带宠物狗吗'), /没有找到|手册/);
	assert.match(await people.ask('@小满 请问能带宠物狗吗', { chat: 'wrOther' }), /二号收到/);
	assert.equal(platform.account(BOT.bot_id).subscribed.length, 1);
	assert.equal(platform.view.bubbles.length, 2);
	noComplaint(platform);
});

flow('five chats at once do not wait for each other', {}, async (rig) => {
	const platform = await wecom(rig);
	const model = await slowly(rig, '慢的。', { chunks: 2, other: '快的。' });
	rig.writeConfig({ ...scripted(platform), models: model.models });
	await rig.start('all');
	const people = new People(platform);
	const slow = await people.say('@小满 慢慢说', { chat: 'wrSlow' });
	await Promise.all(Array.from({ length: 4 }, (_, i) => people.ask('@小满 快说', { chat: `wrFast${i}`, user: `u${i}` })));
	assert.ok(!platform.view.under(slow).some((one) => one.finished || one.text.includes('慢的')));
	model.release();
	assert.match(await people.answer(slow), /慢的/);
	noComplaint(platform);
});
