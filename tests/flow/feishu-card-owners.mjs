// A card and those who may take each other for its owner: one that was paused, one that Redis left alone.
import assert from 'node:assert/strict';
import { delay, until } from './rig.mjs';
import { GROUP, HookPeople, MINUTE, People, feishu, feishuBot, flow, moveClock, nothingWrong, scripted, webhookBot } from './feishu.mjs';

const TEXT = '包间还有一间，七点半给您留着，到了报名字就行。';
const SLOW = [{ match: '慢', text: TEXT, chunks: 12, delay_ms: 500 }, { match: '*', text: '好的，收到。' }];

async function growing(people) {
	const id = await people.say('@bot 慢慢说');
	return until(() => people.answers(id).find((one) => one.card?.streaming && one.card.ops.length >= 2), 20_000, 'a card that grows');
}

async function ended(people) {
	await people.lands(GROUP, TEXT, 60_000);
	await until(() => people.platform.cards.unfinished().length === 0, 10_000, 'all cards to end');
	await until(() => people.platform.in(GROUP)[0].card.ops.at(-1).kind === 'update', 10_000, 'its last layout');
}

for (const transport of ['websocket', 'webhook']) {
	flow(`${transport}: the owner is paused while a card grows; it comes back and leaves that card alone`, { script: SLOW, ms: 120_000 }, async (rig) => {
		const platform = await feishu(rig);
		rig.writeConfig(scripted((transport === 'webhook' ? webhookBot : feishuBot)(platform)));
		const gateways = [await rig.start('g1', { role: 'gateway' }), await rig.start('g2', { role: 'gateway' })];
		await rig.start('a1', { role: 'agents' });
		await until(async () => (await gateways[0].metric('links_owned')) + (await gateways[1].metric('links_owned')) === 1, 20_000, 'an owner');
		const owner = (await gateways[0].metric('links_owned')) > 0 ? gateways[0] : gateways[1];
		const other = gateways.find((one) => one !== owner);
		const people = transport === 'webhook' ? new HookPeople(rig, platform, [other]) : new People(platform);
		if (transport === 'websocket') {
			await people.untilUp();
		}
		const message = await growing(people);
		owner.pause();
		await ended(people);
		const before = message.card.ops.length;
		owner.resume();
		await moveClock(rig, 5 * MINUTE); // longer than a card may be silent
		await delay(2000);
		assert.equal(platform.in(GROUP).length, 1, 'the same card');
		assert.ok(message.text.includes(TEXT), message.text);
		assert.deepEqual(message.card.ops.slice(before).map((op) => [op.kind, op.sequence, op.code]), [], 'it does nothing to it');
		await nothingWrong(platform, assert);
	});
}

flow('Redis is away while a card grows: it goes on behind it, and the answer is there once', { script: SLOW, ms: 120_000 }, async (rig) => {
	const platform = await feishu(rig);
	rig.writeConfig(scripted(feishuBot(platform)));
	await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	await growing(people);
	rig.signalRedis('SIGSTOP');
	await delay(2500);
	rig.signalRedis('SIGCONT');
	await ended(people);
	assert.equal(people.times(GROUP, TEXT), 1, 'said once');
	assert.equal(platform.in(GROUP).length, 1, 'the same card');
	await nothingWrong(platform, assert);
});

// The card took a snapshot no more, so its answer is a message; that is shown, and its owner dies before it knows, with the
// card still open.
flow('killed behind the message that a card\'s answer became: it is there once, and the card is ended without it', { script: SLOW, ms: 120_000 },
	async (rig) => {
	const platform = await feishu(rig);
	rig.writeConfig(scripted(feishuBot(platform)));
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	platform.fault({ method: 'PUT', path: /\/content$/, skip: 1, status: 400, code: 230099, msg: 'ErrCode: 200621; ErrMsg: no; ' });
	platform.fault({ path: /\/reply$/, when: (call) => call.body.msg_type === 'post', hang: 'after', times: 99 });
	platform.fault({ method: 'PATCH', path: /\/settings$/, hang: 'before', times: 99 });
	await people.say('@bot 慢慢说');
	await until(() => platform.in(GROUP).some((one) => !one.card && one.text.includes(TEXT)), 40_000, 'the message');
	const message = platform.in(GROUP)[0];
	assert.ok(message.card.streaming, 'the card is open');
	await server.kill();
	platform.faults.length = 0;
	await server.start();
	await until(() => message.card.ops.at(-1).kind === 'update' && !message.card.streaming, 40_000, 'the card to end');
	await people.untilUp();
	await people.ask('@bot 还在吗', { chat_id: 'oc_next' });
	assert.equal(people.times(GROUP, TEXT), 1, 'said once');
	assert.match(message.text, /见下方回答/);
	await nothingWrong(platform, assert, { reactions: false });
});
