// Buttons on Feishu's cards: pressed over the connection or by webhook, once, by the right person, in time.
import assert from 'node:assert/strict';
import { until } from './rig.mjs';
import { GROUP, HOUR, HookPeople, People, feishu, feishuBot, flow, moveClock, nothingWrong, webhookBot } from './feishu.mjs';

const DIRECT = { chat_type: 'p2p', chat_id: 'oc_direct' };

async function world(rig, transport = 'websocket') {
	const platform = await feishu(rig);
	const hooks = transport === 'webhook';
	rig.writeConfig({ bots: [(hooks ? webhookBot : feishuBot)(platform)], models: {} });
	const server = await rig.start('all');
	const people = hooks ? new HookPeople(rig, platform, [server]) : new People(platform);
	// Pressed for as long as it takes; in time is what its ms say, without those that nobody had.
	const press = async (message, button, more = {}) => {
		const stood = platform.standstill();
		const entry = await platform.click(message, button, { ...(hooks ? { url: people.url() } : {}), ms: 15_000, ...more });
		return Object.assign(entry, { ms: entry.ms - (platform.standstill() - stood) });
	};
	return { platform, server, people, press };
}

// A card with buttons, however it came about: help, a question nobody can answer, one that is unclear.
async function withButtons(people, more = DIRECT) {
	for (const text of ['/help', '附近有什么好玩的', '订位']) {
		const id = await people.say(`@bot ${text}`, more);
		await people.answer(id);
		const message = people.answers(id).find((one) => people.platform.cards.buttons(one).length > 0);
		if (message) {
			return { message, buttons: people.platform.cards.buttons(message), text: message.text };
		}
	}
	throw new Error(`no buttons: ${JSON.stringify(people.platform.messages.map((one) => one.json ?? one.content))}`);
}

const answered = (entry) => {
	assert.equal(entry.late, false);
	assert.ok(entry.ms < 2000, `${entry.ms} ms`);
	return entry.answer?.toast;
};

for (const transport of ['websocket', 'webhook']) {
	flow(`${transport}: a press is told with a toast and answered; again, late and forged it is not`, { ms: 60_000 }, async (rig) => {
		const { platform, people, press } = await world(rig, transport);
		const { message, buttons: [button, other = button] } = await withButtons(people);
		assert.ok(typeof button.value === 'object' && JSON.stringify(button.value).length < 600);
		const count = () => platform.in('oc_direct').length;
		const before = count();
		const forged = Object.fromEntries(Object.entries(button.value).map(([key, value]) => [key, typeof value === 'string' ? `${value}x` : value]));
		for (const value of [{}, { k: 'a1' }, forged, 'text', null, { [Object.keys(button.value)[0]]: { deep: [1] } }]) {
			answered(await press(message, { value }));
		}
		assert.equal(count(), before);
		const toast = answered(await press(message, button));
		assert.ok(['success', 'info'].includes(toast?.type), JSON.stringify(toast));
		assert.ok(toast.content);
		await until(() => count() === before + 1 && platform.cards.unfinished().length === 0, 15_000, 'the answer');
		for (let i = 0; i < 2; i++) {
			assert.ok(answered(await press(message, button))?.content, 'it says that it was pressed');
		}
		await moveClock(rig, 20 * 24 * HOUR);
		answered(await press(message, other));
		await moveClock(rig, 0);
		assert.match(await people.ask('几点开门', DIRECT), /11:00/);
		assert.equal(count(), before + 2, 'answered once');
		await nothingWrong(platform, assert);
	});
}

flow('frames of type card are answered like events', {}, async (rig) => {
	const { platform, people, press } = await world(rig);
	const { message, buttons: [button] } = await withButtons(people);
	const before = platform.in('oc_direct').length;
	assert.ok(answered(await press(message, button, { type: 'card' })));
	await until(() => platform.in('oc_direct').length === before + 1, 15_000, 'the answer');
	await nothingWrong(platform, assert);
});

flow('in a group only the asker\'s press counts; the card then says so', {}, async (rig) => {
	const { platform, people, press } = await world(rig);
	const { message, buttons: [button] } = await withButtons(people, {});
	const before = platform.in(GROUP).length;
	const wrong = answered(await press(message, button, { user: 'ou_other' }));
	assert.ok(wrong?.content, 'the other one reads why');
	const right = answered(await press(message, button, { user: 'ou_asker' }));
	assert.notEqual(right.content, wrong.content);
	await until(() => platform.in(GROUP).length === before + 1, 15_000, 'the answer');
	await until(() => platform.cards.buttons(message).length === 0, 10_000, () => `the buttons to go: ${JSON.stringify(message.json)}`);
	await nothingWrong(platform, assert);
});

flow('Redis away: a press is answered in time', { scale: 1 }, async (rig) => {
	const { platform, people, press } = await world(rig);
	const { message, buttons: [button] } = await withButtons(people);
	const pid = rig.signalRedis('SIGSTOP');
	const entry = await press(message, button);
	process.kill(pid, 'SIGCONT');
	assert.equal(entry.late, false);
	assert.ok(entry.ms < 3000, `${entry.ms} ms`);
	assert.deepEqual(platform.complaints, []);
});
