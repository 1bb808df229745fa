// feishu.mjs - flow tests on Feishu: the stand-in platform on the rig's clock, bots of it, and people who write to them, over
// its long connection or to webhooks.
import { startFeishu } from '../platforms/feishu.mjs';
import { ANSWERS, asleep, delay, flow as flowOf, until } from './rig.mjs';

export const APP = {
	app_id: 'cli_0123456789abcdef', app_secret: 'secret-of-the-app', open_id: 'ou_bot', name: '小满',
	encrypt_key: 'encrypt-key-of-the-app', verification_token: 'verification-token',
};
// A flow test whose leases and beats outlast a machine that stands still for two seconds.
export const flow = (name, options, body) => flowOf(name, { scale: 3, ...options }, body);

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const GROUP = 'oc_group';
export const LIMITS = { chatRate: 5, appRate: 50 }; // of the platform, for tests that are about them

// Tells an event again until somebody hears it, however long a connection takes to come back.
const LADDER = [200, 400, 800, 1500, ...Array(60).fill(3000)];

// The platform ends with the rig, redelivers soon, and its time is that of the processes under test: see moveClock(). apps:
// more than the usual one.
export async function feishu(rig, options = {}) {
	rig.offset ??= 0;
	const one = await startFeishu({ apps: [APP], now: () => Date.now() + rig.offset, ladder: LADDER, chatRate: 0, appRate: 0, bigIds: true,
		...options });
	const before = asleep();
	one.standstill = () => asleep() - before; // ms in which nobody could do a thing: a limit does not count them
	rig.onEnd(() => one.close());
	return one;
}

// All clocks, so many ms from the real one; kept once the processes, which look every 50 ms, know it.
export function moveClock(rig, offset) {
	rig.offset = offset;
	rig.setClock(offset);
	return delay(100);
}

export function feishuBot(one, more = {}) {
	return {
		name: 'xiaoman', template: 'restaurant', platform: 'feishu', api_base: one.url, app_id: APP.app_id, app_secret: APP.app_secret,
		answers: ANSWERS, scope: 'chat', chats: 'any', models: [], ...more,
	};
}

export const webhookBot = (one, more = {}) => feishuBot(one, { transport: 'webhook', encrypt_key: APP.encrypt_key,
	verification_token: APP.verification_token, ...more });

// The config of a scripted model, for bots that must not answer from the handbook.
export const SCRIPTED = { script: { provider: 'scripted', script: './script.yaml' } };
export const scripted = (bot) => ({ bots: [{ ...bot, models: ['script'] }], models: SCRIPTED });

// A text as the script wrote it: without the asker and the label behind.
export const bare = (text) => (text ?? '').replace(/\n+(<font[^>]*>)?AI 生成[\s\S]*$/, '').replace(/<at [^>]*>([^<]*<\/at>)?\s*/g, '').trim();

// Nothing will change in a message any more: a card is laid out once more behind the end of its streaming.
export function isDone({ card }) {
	const last = card?.ops.at(-1);
	return !card || (!card.streaming && ((last?.kind === 'update' && last.code === 0) || Date.now() - (card.closed ?? last?.at ?? 0) > 3000));
}

// Those who write to a bot; how their messages get there is the subclasses' business.
class Writers {
	constructor(platform, app_id = APP.app_id) {
		Object.assign(this, { platform, app_id });
	}

	// What the bot said under a message, in order.
	answers(id) {
		return this.platform.under(id);
	}

	// All parts of the answer to a message, once there is one and none is still being written.
	async answer(id, ms = 15_000) {
		const all = () => this.answers(id);
		await until(() => all().length > 0 && all().every(isDone), ms,
			() => `an answer to ${id}: ${JSON.stringify(all().map((one) => [one.msg_type, one.card?.streaming, one.text]))}`);
		return all().map((message) => message.text).join('\n');
	}

	// How often a text stands in a chat, not being written any more.
	times(chat_id, text) {
		return this.platform.in(chat_id).filter((one) => !one.card?.streaming && one.text?.includes(text)).length;
	}

	async lands(chat_id, text, ms = 30_000) {
		await until(() => this.times(chat_id, text) > 0, ms,
			() => `${text} in ${chat_id}: ${JSON.stringify(this.platform.in(chat_id).map((one) => [one.msg_type, one.card?.streaming, one.text]))}`);
		return this.platform.in(chat_id).filter((one) => one.text?.includes(text)).at(-1);
	}
}

// People whose events come over the app's long connection.
export class People extends Writers {
	get connections() {
		return this.platform.link.of(this.app_id);
	}

	untilUp(ms = 20_000) {
		return until(() => this.connections.length > 0, ms, 'a connection');
	}

	// Writes once the bot is there to hear it: {message_id, push, delivery}. how: of the push.
	async write(text, more = {}, how = {}) {
		await this.untilUp(more.ms);
		return this.platform.write(this.app_id, { text, ...more }, how);
	}

	async say(text, more = {}, how = {}) {
		return (await this.write(text, more, how)).message_id;
	}

	async ask(text, more = {}, how = {}) {
		return this.answer(await this.say(text, more, how), more.answer_ms);
	}

	// Something is told of a chat: it is delivered until it is acknowledged.
	async tell(type, body) {
		await this.untilUp();
		return this.platform.link.deliver(this.app_id, this.platform.event(this.app_id, type, body)).done;
	}

	acked(push, ms = 5000) {
		return until(() => push.ack, ms, 'the ack');
	}

	// The push by which the bot took what was written: not the first one where what stores it stood still meanwhile.
	async taken({ delivery }, ms = 10_000) {
		await until(() => delivery.acknowledged, ms, 'it to be acknowledged');
		return delivery.tries.find((push) => push?.code === 200);
	}
}

// People at webhooks: their events go to the doors in turn.
export class HookPeople extends Writers {
	constructor(rig, platform, doors, { app_id = APP.app_id, bot = 'xiaoman' } = {}) {
		super(platform, app_id);
		Object.assign(this, { rig, doors, bot, turn: 0 });
	}

	url() {
		const doors = typeof this.doors === 'function' ? this.doors() : this.doors;
		return `http://127.0.0.1:${doors[this.turn++ % doors.length].ports[0]}/hook/${this.bot}`;
	}

	// Delivers until it is acknowledged; the id of the message.
	async say(text, more = {}) {
		const event = this.platform.messageEvent(this.app_id, { text, ...more });
		await this.deliver(event, more.ms);
		return event.event.message.message_id;
	}

	deliver(event, ms = 30_000) {
		return until(async () => {
			const answer = await this.platform.request(this.url(), this.platform.pack(this.app_id, event));
			return answer.status === 200;
		}, ms, 'the webhook to take an event');
	}

	tell(type, body) {
		return this.deliver(this.platform.event(this.app_id, type, body));
	}

	async ask(text, more = {}) {
		return this.answer(await this.say(text, more), more.answer_ms);
	}
}

// What no client may do, no card that is written for ever, no reaction left behind.
export async function nothingWrong(platform, assert, { reactions = true } = {}) {
	assert.deepEqual(platform.complaints, []);
	await until(() => platform.cards.unfinished().length === 0, 5000,
		() => `all cards to end: ${JSON.stringify(platform.cards.unfinished().map((card) => [card.message?.text, card.ops.map((op) => [op.kind, op.sequence, op.code])]))}`);
	if (reactions) {
		await until(() => platform.posts.reactions.every((one) => one.removed), 5000,
			() => `all reactions to go: ${platform.posts.reactions.filter((one) => !one.removed).length} are there`);
	}
	assert.equal(platform.cards.raced, 0, 'one call of a card at a time');
	assert.deepEqual(platform.link.missing().map((push) => push.event?.header.event_type), [], 'all is acknowledged');
	assert.deepEqual(platform.link.late(platform.standstill()).map((push) => push.ms), [], 'in time');
	assert.ok(platform.link.log.every((push) => !push.ack || push.biz_rt >= 0), 'it took no negative time');
	for (const card of platform.cards.cards.values()) {
		const taken = card.ops.filter((op) => op.code === 0).map((op) => op.sequence);
		assert.deepEqual(taken, [...taken].sort((a, b) => a - b), 'sequences rise');
	}
}
