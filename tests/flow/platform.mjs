// platform.mjs - flow tests on Feishu: the stand-in platform beside the rig, a bot of it, and people who write.
import { startFeishu } from '../platforms/feishu.mjs';
import { ANSWERS, until } from './rig.mjs';

export const APP = {
	app_id: 'cli_0123456789abcdef', app_secret: 'secret-of-the-app', open_id: 'ou_bot', name: '小满',
	encrypt_key: 'encrypt-key-of-the-app', verification_token: 'verification-token',
};

// The platform, redelivering soon, on the clock of the rig. apps: more than the usual one.
export async function feishu(rig, options = {}) {
	const one = await startFeishu({ apps: [APP], ladder: [200, 400, 800, 1500, 3000, 3000], chatRate: 0, appRate: 0, ...options });
	rig.onEnd(() => one.close());
	return one;
}

export function feishuBot(one, more = {}) {
	return {
		name: 'xiaoman', template: 'restaurant', platform: 'feishu', transport: 'webhook', api_base: one.url,
		app_id: APP.app_id, app_secret: APP.app_secret, encrypt_key: APP.encrypt_key,
		verification_token: APP.verification_token, answers: ANSWERS, scope: 'chat', chats: 'any', models: [], ...more,
	};
}

// People at the platform, whose events go to the doors in turn.
export class People {
	constructor(rig, platform, doors, { app_id = APP.app_id, bot = 'xiaoman' } = {}) {
		Object.assign(this, { rig, platform, doors, app_id, bot, turn: 0 });
	}

	url() {
		const doors = typeof this.doors === 'function' ? this.doors() : this.doors;
		return `http://127.0.0.1:${doors[this.turn++ % doors.length].ports[0]}/hook/${this.bot}`;
	}

	// Delivers until it is acknowledged; the id of the message.
	async say(text, more = {}) {
		const event = this.platform.messageEvent(this.app_id, { text, ...more });
		await until(async () => {
			const answer = await this.platform.request(this.url(), this.platform.pack(this.app_id, event));
			return answer.status === 200;
		}, more.ms ?? 30_000, 'the webhook to take a message');
		return event.event.message.message_id;
	}

	answers(id) {
		return this.platform.messages.filter((message) => message.reply_to === id);
	}

	// All parts of the answer to a message, once the first one is there.
	async answer(id, ms = 15_000) {
		await until(() => this.answers(id).length > 0, ms, `an answer to ${id}`);
		return this.answers(id).map((message) => message.text).join('\n');
	}

	async ask(text, more = {}) {
		return this.answer(await this.say(text, more), more.answer_ms);
	}
}
