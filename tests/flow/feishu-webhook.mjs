// Feishu by webhook: the real binary between a stand-in of the platform and its people.
import assert from 'node:assert/strict';
import { flow, until } from './rig.mjs';
import { APP, HookPeople, feishu, webhookBot } from './feishu.mjs';

async function world(rig, more = {}, options = {}) {
	const platform = await feishu(rig, options);
	rig.writeConfig({ bots: [webhookBot(platform, more)], models: {} });
	const server = await rig.start('all');
	const people = new HookPeople(rig, platform, [server]);
	assert.ok(await until(() => platform.verify(APP.app_id, people.url()), 10_000, 'the address to be verified'));
	return { platform, server, people };
}

flow('a question in a group is answered in place, by its own message only, once', {}, async (rig) => {
	const { platform, server, people } = await world(rig);
	const id = await people.say('@bot 几点开门');
	assert.match(await people.answer(id), /11:00/);
	const [reply] = people.answers(id);
	assert.equal(reply.chat_id, 'oc_group');
	assert.ok(reply.uuid.length <= 50);
	// the platform delivers again: acknowledged, and not answered again
	const again = platform.messageEvent(APP.app_id, { text: '@bot 几点开门', message_id: id });
	assert.equal((await platform.request(people.url(), platform.pack(APP.app_id, again))).status, 200);
	await people.ask('@bot 有停车位吗');
	assert.equal(people.answers(id).length, 1);
	const log = server.wholeText();
	for (const secret of [APP.app_secret, APP.encrypt_key, APP.verification_token, 't-']) {
		assert.ok(!log.includes(secret) || secret === 't-', 'no secret in the log');
	}
	assert.equal(platform.calls.filter((call) => call.path.includes('tenant_access_token')).length, 1);
});

flow('what nobody addressed to the bot gets no answer, a direct chat always does', {}, async (rig) => {
	const { platform, people } = await world(rig);
	await people.say('几点开门');
	await people.say('@_all 几点开门', { content: { text: '@_all 几点开门' } });
	await people.say('别的机器人 几点开门', { mentions: [{ key: '@_user_1', id: { open_id: 'ou_other' }, name: '别的' }],
		content: { text: '@_user_1 几点开门' } });
	assert.match(await people.ask('几点开门', { chat_type: 'p2p', chat_id: 'oc_direct' }), /11:00/);
	assert.equal(platform.messages.length, 1);
});

flow('a group an admin enabled: the code of hire, /启用, /停用', {}, async (rig) => {
	const platform = await feishu(rig);
	rig.writeConfig({ bots: [], models: {} });
	rig.write('app.secret', APP.app_secret);
	rig.write('encrypt.key', APP.encrypt_key);
	rig.write('verification.token', APP.verification_token);
	const made = await rig.verb(['hire', 'restaurant', '--name', 'xiaoman', '--platform', 'feishu', '--json',
		...Object.entries({ shop_name: '小满餐厅', phone: '021-5555', hours: '每天11:00-21:30', address: '青禾路18号',
			app_id: APP.app_id, app_secret: 'file:app.secret', encrypt_key: 'file:encrypt.key',
			verification_token: 'file:verification.token', transport: 'webhook', api_base: platform.url }).flatMap(([k, v]) => ['--answers',
				`${k}=${v}`])]);
	assert.equal(made.code, 0, made.err);
	const code = /\b\d{6}\b/.exec(made.out)[0];
	const server = await rig.start('all');
	const people = new HookPeople(rig, platform, [server]);
	await until(() => platform.verify(APP.app_id, people.url()), 10_000, 'the address');
	assert.match(await people.ask('@bot 几点开门'), /还没有.*启用/);
	await people.say('@bot 几点开门'); // said once a day
	assert.match(await people.ask('@bot /启用'), /管理员/);
	assert.match(await people.ask(`/绑定 ${code === '000000' ? '000001' : '000000'}`, { chat_type: 'p2p', chat_id: 'oc_d' }), /不对|过期/);
	assert.match(await people.ask(`@bot /绑定 ${code}`), /单聊/);
	assert.match(await people.ask(`/绑定 ${code}`, { chat_type: 'p2p', chat_id: 'oc_d' }), /管理员/);
	assert.match(await people.ask(`/绑定 ${code}`, { chat_type: 'p2p', chat_id: 'oc_e', sender: 'ou_second' }), /不对|过期/);
	assert.match(await people.ask('@bot /启用'), /开始/);
	assert.match(await people.ask('@bot 几点开门'), /11:00/);
	assert.match(await people.ask('@bot /停用'), /不再/);
	const before = platform.messages.length;
	await people.say('@bot 几点开门');
	assert.match(await people.ask('几点开门', { chat_type: 'p2p', chat_id: 'oc_d' }), /11:00/);
	assert.equal(platform.messages.length, before + 1, 'the group stays quiet');
	assert.ok(!server.wholeText().includes(code), 'the code is in no log');
});

flow('a token that ends early, rate limits, a full minute of errors: the answer comes, once', {}, async (rig) => {
	const { platform, people } = await world(rig);
	await people.ask('@bot 几点开门');
	platform.revoke(APP.app_id);
	await people.ask('@bot 有停车位吗');
	platform.options.invalidTokenStatus = 200;
	platform.revoke(APP.app_id);
	await people.ask('@bot 怎么订位');
	platform.fault({ path: /reply/, status: 429, code: 99991400, headers: { 'x-ogw-ratelimit-reset': '1' } });
	platform.fault({ path: /reply/, status: 400, code: 230020 });
	platform.fault({ path: /reply/, status: 500, body: 'oops' });
	platform.fault({ path: /reply/, reset: 'after' });
	const id = await people.say('@bot 怎么开发票');
	await people.answer(id, 40_000);
	assert.equal(people.answers(id).length, 1, 'repeated under the same uuid');
	const uuids = new Set(platform.calls.filter((call) => call.path.includes(id)).map((call) => call.body?.uuid).filter(Boolean));
	assert.equal(uuids.size, 1);
});

flow('a withdrawn question, a form the chat does not take, too long a part: something lands', {}, async (rig) => {
	const { platform, people } = await world(rig);
	platform.fault({ path: /reply/, chat_id: 'oc_one', status: 400, code: 230011, times: 99 });
	const id = await people.say('@bot 几点开门', { chat_id: 'oc_one' });
	await until(async () => platform.calls.some((call) => call.fault) && JSON.parse((await rig.verb(['queue', '--json'])).out).length === 0,
		15_000, 'the refusal');
	platform.faults.length = 0;
	await people.ask('@bot 有停车位吗', { chat_id: 'oc_one' });
	assert.equal(people.answers(id).length, 0, 'who withdrew it wants no answer');
	platform.fault({ path: /messages/, status: 400, code: 230054, times: 99, when: (call) => call.body?.msg_type !== 'text' });
	await people.say('@bot 几点开门', { chat_id: 'oc_two' });
	const plain = await until(() => platform.messages.find((one) => one.chat_id === 'oc_two'), 15_000, 'plain text');
	assert.equal(plain.msg_type, 'text');
	platform.faults.length = 0;
	platform.fault({ path: /reply/, status: 400, code: 230025, when: (call) => call.body.msg_type === 'post' })
		.fault({ path: /cardkit|reply|messages$/, status: 400, code: 230099, msg: 'ErrCode: 200860; ErrMsg: card content exceeds limit; ', times: 9,
			when: (call) => call.body?.type === 'card_json' || call.body?.msg_type === 'interactive' });
	await people.say('@bot 几点开门', { chat_id: 'oc_three' });
	const parts = () => platform.messages.filter((one) => one.chat_id === 'oc_three').map((one) => one.text);
	await until(() => parts().length >= 2 && /11:00/.test(parts().join('')), 15_000, () => `smaller parts: ${parts().join('|')}`);
});

flow('two gateways hear one app: each message once, whoever hears it; the owner dies and the next one sends', { scale: 2 },
	async (rig) => {
		const platform = await feishu(rig);
		rig.writeConfig({ bots: [webhookBot(platform)], models: {} });
		const [g1, g2] = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
		await rig.start('a1', { role: 'agents' });
		const alive = [g1, g2];
		const people = new HookPeople(rig, platform, () => alive);
		const ids = [];
		for (let i = 0; i < 20; i++) {
			ids.push(await people.say('@bot 几点开门', { chat_id: `oc_${i}` }));
		}
		for (const id of ids) {
			await people.answer(id);
		}
		const owner = (await g1.metric('links_owned')) > 0 ? g1 : g2;
		alive.splice(alive.indexOf(owner), 1);
		const late = await people.say('@bot 几点开门', { chat_id: 'oc_late' });
		await owner.kill();
		const more = await people.say('@bot 有停车位吗', { chat_id: 'oc_late' });
		await people.answer(late, 20_000);
		await people.answer(more, 20_000);
		for (const id of [...ids, late, more]) {
			assert.equal(people.answers(id).length, 1);
		}
	});

flow('no text of anybody mentions everyone', {}, async (rig) => {
	const platform = await feishu(rig);
	rig.setScript([{ match: '*', text: '<at user_id="all"></at> @_all <at id=all></at> <at user_id="ou_x">张三</at> 收到' }]);
	rig.writeConfig({ bots: [webhookBot(platform, { models: ['script'] })], models: { script: { provider: 'scripted', script: './script.yaml' } } });
	const people = new HookPeople(rig, platform, [await rig.start('all')]);
	assert.match(await people.ask('@bot 请问能带宠物狗吗'), /收到/);
	assert.ok(platform.messages.length > 0);
	for (const message of platform.messages) {
		assert.ok(message.mentions.every((one) => one === 'ou_asker'), message.text);
		assert.ok(!/@_all|@all/.test(message.text), message.text);
	}
});
