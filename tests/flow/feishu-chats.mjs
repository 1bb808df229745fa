// What is told of Feishu's chats: a bot is added and greets, is removed and forgets; people withdraw what they wrote.
import assert from 'node:assert/strict';
import { until } from './rig.mjs';
import { APP, HOUR, HookPeople, People, feishu, feishuBot, flow, isDone, moveClock, nothingWrong, scripted, webhookBot } from './feishu.mjs';
import { entered, membership } from '../platforms/feishu/bodies.mjs';

const OK = [{ match: '慢', text: '包间还有一间。', chunks: 10, delay_ms: 400 }, { match: '*', text: '好的，收到。' }];
const ADDED = 'im.chat.member.bot.added_v1';
const REMOVED = 'im.chat.member.bot.deleted_v1';
const ENTERED = 'im.chat.access_event.bot_p2p_chat_entered_v1';

async function world(rig, transport = 'websocket', more = {}) {
	const platform = await feishu(rig);
	rig.writeConfig(scripted(transport === 'webhook' ? webhookBot(platform, more) : feishuBot(platform, more)));
	const server = await rig.start('all');
	const people = transport === 'webhook' ? new HookPeople(rig, platform, [server]) : new People(platform);
	return { platform, server, people };
}

for (const transport of ['websocket', 'webhook']) {
	flow(`${transport}: added to a group it greets once, with suggestions that can be pressed`, { script: OK }, async (rig) => {
		const { platform, people } = await world(rig, transport);
		const event = platform.event(APP.app_id, ADDED, membership('oc_new', 'ou_boss', '新店'));
		const told = () => (transport === 'webhook' ? people.deliver(event) : platform.link.deliver(APP.app_id, event).done);
		await people.untilUp?.();
		await told();
		await told(); // at least once, says the platform
		const message = await until(() => platform.in('oc_new')[0], 15_000, 'the greeting');
		assert.match(message.text, /小满餐厅/);
		const buttons = platform.cards.buttons(message);
		assert.ok(buttons.length >= 2, JSON.stringify(message.json ?? message.content));
		assert.deepEqual(message.mentions, []);
		const entry = await platform.click(message, buttons[0], { user: 'ou_anybody', ...(transport === 'webhook' ? { url: people.url() } : {}) });
		assert.equal(entry.late, false);
		await until(() => platform.in('oc_new').length === 2, 15_000, 'the answer');
		assert.match(await people.ask('@bot 还在吗', { chat_id: 'oc_new' }), /收到/);
		assert.equal(platform.in('oc_new').length, 3);
		await nothingWrong(platform, assert);
	});
}

flow('who opens a direct chat is greeted, once', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig);
	for (let i = 0; i < 3; i++) {
		await people.tell(ENTERED, entered('oc_p', 'ou_new'));
	}
	await until(() => platform.in('oc_p').length > 0, 15_000, 'the greeting');
	assert.match(await people.ask('还在吗', { chat_type: 'p2p', chat_id: 'oc_p', sender: 'ou_new' }), /收到/);
	assert.equal(platform.in('oc_p').length, 2);
	await nothingWrong(platform, assert);
});

flow('in a group no admin enabled the greeting says how', { script: OK }, async (rig) => {
	const { platform, people } = await world(rig, 'websocket', { chats: [], admins: ['ou_boss'] });
	await people.tell(ADDED, membership('oc_new', 'ou_boss', '新店'));
	const message = await until(() => platform.in('oc_new')[0], 15_000, 'the greeting');
	rig.note(message.text);
	assert.match(await people.ask('@bot /启用', { chat_id: 'oc_new', sender: 'ou_boss' }), /开始/);
	assert.match(await people.ask('@bot 还在吗', { chat_id: 'oc_new' }), /收到/);
	await nothingWrong(platform, assert);
});

flow('removed from a group: what waits there is dropped without noise; added again it serves', { script: OK, ms: 90_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	await people.ask('@bot 先来一句', { chat_id: 'oc_gone' });
	const before = platform.in('oc_gone').length;
	await people.say('@bot 慢慢说', { chat_id: 'oc_gone' });
	await until(() => platform.in('oc_gone').length > before, 15_000, 'a card');
	await people.say('@bot 还有一位', { chat_id: 'oc_gone' });
	platform.left.add('oc_gone');
	const { acknowledged } = await people.tell(REMOVED, membership('oc_gone', 'ou_boss', '一组'));
	assert.ok(acknowledged);
	assert.match(await people.ask('@bot 几点开门', { chat_id: 'oc_other' }), /11:00/);
	await until(async () => JSON.parse((await rig.verb(['queue', '--json'])).out).length === 0, 30_000, 'nothing to wait');
	await until(() => platform.in('oc_gone').every(isDone) && platform.posts.reactions.every((one) => one.removed), 15_000, 'the last calls');
	const calls = platform.calls.length;
	assert.match(await people.ask('@bot 几点开门', { chat_id: 'oc_other' }), /11:00/);
	const late = platform.calls.slice(calls).filter((call) => platform.chatOf(call) === 'oc_gone');
	assert.deepEqual(late.map((call) => call.path), [], 'nothing more is tried there');
	platform.left.delete('oc_gone');
	await people.tell(ADDED, membership('oc_gone', 'ou_boss', '一组'));
	assert.match(await people.ask('@bot 还在吗', { chat_id: 'oc_gone' }), /收到/);
	assert.ok(server.running);
	assert.deepEqual(platform.complaints, []);
});

flow('withdrawn before its turn: never answered; in mid-turn or afterwards: nothing breaks', { script: OK, ms: 90_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	const first = await people.say('@bot 慢慢说');
	await until(() => people.answers(first).length > 0, 15_000, 'its card');
	const taken = await people.write('@bot 请登记张三');
	await people.taken(taken); // else it may be told again behind its end
	const second = taken.message_id;
	const third = await people.say('@bot 请登记李四', { sender: 'ou_other' });
	const { link } = platform;
	const { acknowledged } = await link.deliver(APP.app_id, platform.recall(second, APP.app_id)).done;
	assert.ok(acknowledged);
	await people.answer(third, 30_000);
	assert.equal(people.answers(second).length, 0);
	await link.deliver(APP.app_id, platform.recall(third, APP.app_id)).done; // answered already
	await link.deliver(APP.app_id, platform.event(APP.app_id, 'im.message.recalled_v1', { message_id: 'om_nobody', chat_id: 'oc_group' })).done;
	const fourth = await people.say('@bot 慢慢再说', { chat_id: 'oc_b' });
	await until(() => people.answers(fourth).length > 0, 15_000, 'its card');
	await link.deliver(APP.app_id, platform.recall(fourth, APP.app_id)).done;
	assert.match(await people.ask('@bot 还在吗', { chat_id: 'oc_b', answer_ms: 30_000 }), /收到/);
	assert.equal(await server.metric('replies_dead_total'), 0);
	await nothingWrong(platform, assert);
});

flow('withdrawn while its answer is on its way: a new message instead of a reply, or none; no dead letter', { script: OK }, async (rig) => {
	const { platform, server, people } = await world(rig);
	platform.fault({ path: /\/reply$/, code: 230011, status: 400 });
	await people.say('@bot 请登记', { chat_id: 'oc_one' });
	await until(() => platform.faults.length === 0, 15_000, 'the refusal'); // else both may be answered at once
	await people.ask('@bot 还在吗', { chat_id: 'oc_one' });
	assert.equal(await server.metric('replies_dead_total'), 0);
	await nothingWrong(platform, assert);
});

flow('delivered again six hours later, by another connection and under another id: answered once', { script: OK }, async (rig) => {
	const platform = await feishu(rig, { ladder: [15_000, 300_000, HOUR, 6 * HOUR], ackMs: 500 });
	rig.writeConfig(scripted(feishuBot(platform)));
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	platform.link.losingAcks = true;
	const said = await people.write('@bot 请登记');
	await people.answer(said.message_id);
	let at = 0;
	for (const [i, wait] of [15_000, 300_000, HOUR].entries()) {
		await until(() => platform.link.waiting.size === 1, 5000, 'the platform to give it up for now');
		await moveClock(rig, (at += wait + 1000));
		await until(() => said.delivery.tries.length === i + 2, 5000, `delivery ${i + 2}`);
	}
	await until(() => platform.link.waiting.size === 1, 5000, 'the platform to give it up for now');
	await server.kill(); // and what a restart knows is in Redis
	await server.start();
	await people.untilUp();
	platform.link.losingAcks = false;
	await moveClock(rig, (at += 6 * HOUR + 1000));
	await until(() => said.delivery.acknowledged, 10_000, 'the last one to be acknowledged');
	assert.match(await people.ask('@bot 还在吗'), /收到/);
	assert.equal(people.answers(said.message_id).length, 1);
});
