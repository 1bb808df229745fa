// dingtalk.mjs - flow tests on DingTalk: the stand-in platform on the rig's clock, bots of it, and people who write to them.
import { TEMPLATE, startDingTalk } from '../platforms/dingtalk.mjs';
import { directChat } from '../platforms/dingtalk/bodies.mjs';
import { ANSWERS, until } from './rig.mjs';

export { TEMPLATE };
export const APP = { client_id: 'dinge5376fed04c24e28', client_secret: 'mQ7v-only-k2Zp0nRtY4sWc8uHb1LdXa6GfJe3oViTqN5rMy9B', name: '小满' };
export const MINUTE = 60_000;
export const GROUP = 'ciddA2L+upBq25u0lMfYAHd/+==';

// The platform ends with the rig, and its time is that of the processes under test: see moveClock().
export async function dingtalk(rig, options = {}) {
	rig.offset ??= 0;
	const one = await startDingTalk({ apps: [APP], now: () => Date.now() + rig.offset, sessionBase: 'https://oapi.dingtalk.com',
		disconnectCloseMs: 1500,
		...options });
	rig.onEnd(() => one.close());
	return one;
}

// All clocks, so many ms from the real one.
export function moveClock(rig, offset) {
	rig.offset = offset;
	rig.setClock(offset);
}

export function dingtalkBot(one, more = {}) {
	return {
		name: 'xiaoman', template: 'restaurant', platform: 'dingtalk', api_base: one.url, oapi_base: one.url, client_id: APP.client_id,
		client_secret: APP.client_secret, answers: ANSWERS, scope: 'chat', chats: 'any', models: [], usage_footnote: 'off',
		monthly_calls: 1_000_000, monthly_uses: 1_000_000, ...more,
	};
}

export const cardBot = (one, more = {}) => dingtalkBot(one, { card_template_id: TEMPLATE, ...more });
export const webhookBot = (one, more = {}) => dingtalkBot(one, { transport: 'webhook', ...more });

// The config of a scripted model, for bots that must not answer from the handbook.
export const SCRIPTED = { script: { provider: 'scripted', script: './script.yaml' } };
export const scripted = (bot) => ({ bots: [{ ...bot, models: ['script'] }], models: SCRIPTED });

// A text as the script wrote it: without the asker's id and the label behind.
export const bare = (text) => text.replace(/\n+AI 生成[\s\S]*$/, '').replace(/(^|\s)@[\w$:]+\s*/g, '').trim();

// People at the platform, who write to a bot over its Stream connections.
export class People {
	constructor(platform, client_id = APP.client_id) {
		Object.assign(this, { platform, client_id });
	}

	get account() {
		return this.platform.account(this.client_id);
	}

	get connections() {
		return this.platform.stream.connectionsOf(this.client_id);
	}

	direct(user = 'zhangsan') {
		return directChat(this.client_id, user);
	}

	chatOf({ chat = GROUP, user = 'zhangsan' } = {}) {
		return chat ?? this.direct(user);
	}

	// Writes once the bot is there to hear it. chat: null for a direct chat.
	async say(text, { chat = GROUP, ms = 20_000, ...more } = {}) {
		const message = { text, ...(chat ? { chat } : {}), ...more };
		let said;
		await until(() => {
			said = this.connections.length > 0 ? this.platform.say(this.client_id, message) : { delivered: false };
			return said.delivered;
		}, ms, 'the bot to be there');
		return said;
	}

	// The bubbles of a chat from the one of that number on, once there is one and all are finished.
	async bubbles(chat, from = 0, ms = 15_000) {
		const all = () => this.platform.view.in(chat).filter((one) => one.number >= from);
		await until(() => all().length > 0 && all().every((one) => one.finished), ms,
			() => `an answer in ${chat}: ${JSON.stringify(all().map((one) => [one.via, one.finished, one.text.slice(-80)]))}`);
		return all();
	}

	// The answer to a question in a chat where nobody else asks meanwhile.
	async ask(text, more = {}) {
		const from = this.platform.view.bubbles.length;
		await this.say(text, more);
		return (await this.bubbles(this.chatOf(more), from, more.answer_ms)).map((one) => one.text).join('\n');
	}

	async inChat(chat, count, ms = 15_000) {
		await until(() => this.platform.view.in(chat).length >= count, ms,
			() => `${count} bubbles in ${chat}: ${JSON.stringify(this.platform.view.in(chat).map((one) => one.text))}`);
		return this.platform.view.in(chat);
	}

	// How often a text stands in a chat, finished.
	times(chat, text) {
		return this.platform.view.in(chat).filter((one) => one.finished && one.text.includes(text)).length;
	}

	untilUp(ms = 20_000) {
		return until(() => this.connections.length > 0, ms, 'a connection');
	}
}

// People at a webhook: their messages go to the doors in turn.
export class HookPeople extends People {
	constructor(platform, doors, { client_id = APP.client_id, bot = 'xiaoman' } = {}) {
		super(platform, client_id);
		Object.assign(this, { doors, bot, turn: 0 });
	}

	url(rest = '') {
		const doors = typeof this.doors === 'function' ? this.doors() : this.doors;
		return `http://127.0.0.1:${doors[this.turn++ % doors.length].ports[0]}/hook/${this.bot}${rest}`;
	}

	async say(text, { chat = GROUP, ...more } = {}) {
		const said = await this.platform.callback.say(this.client_id, () => this.url(), { text, ...(chat ? { chat } : {}), ...more },
			{ tries: 40, wait: 250 });
		if (!said.delivered) {
			throw new Error(`the webhook says ${said.delivery.status ?? said.delivery.error}`);
		}
		return said;
	}
}

// What no client may do, and no card that spins for ever.
export function nothingWrong(platform, assert) {
	assert.deepEqual(platform.complaints, []);
	assert.equal(platform.raced, 0, 'one call of a card at a time');
	assert.deepEqual(platform.view.unfinished().map((one) => one.text), []);
	assert.deepEqual(platform.stream.missing().map((push) => push.frame), [], 'all is acknowledged');
	assert.deepEqual(platform.stream.late().map((push) => push.ms), [], 'in time');
}
