// wecom.mjs - flow tests on WeCom: the stand-in platform on the rig's clock, bots of it, and people who write to them.
import { startWecom } from '../platforms/wecom.mjs';
import { ANSWERS, awake, until } from './rig.mjs';

export const BOT = {
	bot_id: 'aibQ7mN2x', secret: 'secret-of-the-bot', name: '小满', token: 'callbackToken7',
	encoding_aes_key: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C',
};
export const MINUTE = 60_000;
export const GROUP = 'wrA7dQFAAA0wC3xYzQh5m1kR8nT2pVbw';

// The platform ends with the rig, and its time is that of the processes under test: see moveClock() and runClock().
export async function wecom(rig, options = {}) {
	rig.offset ??= 0;
	const one = await startWecom({ bots: [BOT], now: () => Date.now() + rig.offset, kickedCloseMs: 300, pollMs: 200, inFlight: 3,
		...options });
	rig.onEnd(() => one.close());
	return one;
}

// All clocks, so many ms from the real one.
export function moveClock(rig, offset) {
	rig.offset = offset;
	rig.setClock(offset);
}

// All clocks run at the rig's scale, so that waits on either clock of a process are as long for the platform; not while
// the machine stands still, or minutes would be gone in which nobody could do a thing. Gives back what stops it.
export function runClock(rig) {
	const began = awake();
	const before = rig.offset;
	const timer = setInterval(() => moveClock(rig, before + Math.round((awake() - began) * (rig.scale - 1))), 25);
	rig.onEnd(() => clearInterval(timer));
	return () => clearInterval(timer);
}

export function wecomBot(one, more = {}) {
	return {
		name: 'xiaoman', template: 'restaurant', platform: 'wecom', ws_url: one.ws_url, api_base: one.url, bot_id: BOT.bot_id,
		secret: BOT.secret, display_name: BOT.name, answers: ANSWERS, scope: 'chat', chats: 'any', models: [],
		usage_footnote: 'off', ...more,
	};
}

export function webhookBot(one, more = {}) {
	const { ws_url: ignored, secret: unused, ...bot } = wecomBot(one, more);
	return { ...bot, transport: 'webhook', token: BOT.token, encoding_aes_key: BOT.encoding_aes_key, ...more };
}

// The config of a scripted model, for bots that must not answer from the handbook.
export const SCRIPTED = { script: { provider: 'scripted', script: './script.yaml' } };
export const scripted = (one, more = {}) => ({ bots: [wecomBot(one, { models: ['script'], ...more })], models: SCRIPTED });

// A text as the script wrote it: without the asker's name in front and the label behind.
export const bare = (text) => text.replace(/^(?:\*\*[^*\n]+\*\*|@\S+)[ \n]+/, '').replace(/\n+AI 生成[^\n]*$/, '');

// People at the platform, who write to a bot on its long connection.
export class People {
	constructor(platform, bot_id = BOT.bot_id) {
		Object.assign(this, { platform, bot_id });
	}

	get account() {
		return this.platform.account(this.bot_id);
	}

	// Writes once the bot is there to hear it; the id of the message. chat: null for a direct chat.
	async say(text, { chat = GROUP, user = 'zhangsan', ms = 20_000, ...more } = {}) {
		const message = { text, user, ...(chat ? { chat } : {}), ...more };
		let said;
		await until(() => {
			said = this.platform.say(this.bot_id, message);
			return said.delivered;
		}, ms, 'the bot to be there');
		return said.msgid;
	}

	// All bubbles that stand under a question, once the first is there and all are finished.
	async bubbles(id, ms = 15_000) {
		const all = () => this.platform.view.under(id);
		await until(() => all().length > 0 && all().every((one) => one.finished), ms,
			() => `an answer to ${id}: ${JSON.stringify(all().map((one) => one.text.slice(-80)))}`);
		return all();
	}

	async answer(id, ms) {
		return (await this.bubbles(id, ms)).map((one) => one.text).filter(Boolean).join('\n');
	}

	async ask(text, more = {}) {
		return this.answer(await this.say(text, more), more.answer_ms);
	}

	// The n-th and later bubbles of a chat, under questions or not, once there are so many of them.
	async inChat(chat, count, ms = 15_000) {
		await until(() => this.platform.view.in(chat).length >= count, ms,
			() => `${count} bubbles in ${chat}, there are ${this.platform.view.in(chat).length}`);
		return this.platform.view.in(chat);
	}

	// Whether a text stands in a chat, in whatever bubble, and how often.
	times(chat, text) {
		return this.platform.view.in(chat).filter((one) => one.finished && one.text.includes(text)).length;
	}

	untilUp(ms = 20_000) {
		return until(() => this.account.connection?.socket.readyState === 1, ms, 'the long connection');
	}
}

// People at a webhook: their messages go to the doors in turn.
export class HookPeople {
	constructor(platform, doors, { bot_id = BOT.bot_id, bot = 'xiaoman' } = {}) {
		Object.assign(this, { platform, doors, bot_id, bot, turn: 0 });
	}

	url() {
		const doors = typeof this.doors === 'function' ? this.doors() : this.doors;
		return `http://127.0.0.1:${doors[this.turn++ % doors.length].ports[0]}/hook/${this.bot}`;
	}

	// Delivers until it is taken, and polls what is answered; the id of the message.
	async say(text, { chat = GROUP, user = 'zhangsan', ...more } = {}) {
		const said = await this.platform.callback.say(this.bot_id, () => this.url(), { text, user, ...(chat ? { chat } : {}), ...more },
			{ tries: 40, wait: 250 });
		if (said.delivery.status !== 200) {
			throw new Error(`the webhook says ${said.delivery.status ?? said.delivery.error}`);
		}
		return said.msgid;
	}
}
for (const name of ['bubbles', 'answer', 'ask', 'inChat', 'times']) {
	HookPeople.prototype[name] = People.prototype[name];
}
