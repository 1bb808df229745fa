// robots.mjs - custom bots of groups: send only, five a second and a hundred a minute, known by their address.
import { createHmac } from 'node:crypto';
import { Refusal, checkCard, checkPost, isMap, mentionsOf, textOf } from './rules.mjs';
import { Rate } from '../standin.mjs';

const HOUR = 3600;
const BODY = 20 * 1024;

// The string is the key, and the message is empty.
export const hookSign = (secret, timestamp) => createHmac('sha256', `${timestamp}\n${secret}`).digest('base64');

export class Robots {
	constructor(platform) {
		this.platform = platform;
		this.robots = new Map(); // uuid -> {chat_id, secret, keywords}
		this.calls = []; // {at, uuid, body, code}
		this.messages = []; // {chat_id, uuid, msg_type, text, mentions}
		this.second = new Rate(platform.options.hookSecond);
		this.minute = new Rate(platform.options.hookMinute, 60_000);
	}

	// The address an administrator copies out of the group's settings. deaf: 19022.
	add(uuid, { chat_id = `oc_of_${uuid}`, secret, keywords = [], ...more } = {}) {
		this.robots.set(uuid, { uuid, chat_id, secret, keywords, ...more });
		return `${this.platform.url}/open-apis/bot/v2/hook/${uuid}`;
	}

	send(call, uuid) {
		const robot = this.robots.get(uuid);
		const entry = { at: Date.now(), uuid, code: 0 };
		this.calls.push(entry);
		try {
			if (!robot) throw new Refusal(19001, { msg: 'param invalid: incoming webhook access token invalid' });
			entry.body = this.platform.json(call, 9499);
			this.take(robot, entry.body, call.size);
			return { data: {}, Extra: null, StatusCode: 0, StatusMessage: 'success' };
		} catch (error) {
			entry.code = error.code;
			error.status = 200;
			throw error;
		}
	}

	take(robot, body, size) {
		const now = this.platform.now();
		if (robot.denied) throw new Refusal(19022);
		if (robot.secret) {
			const skew = Math.abs(now / 1000 - Number(body.timestamp));
			if (!/^\d+$/.test(body.timestamp ?? '') || skew > HOUR || body.sign !== hookSign(robot.secret, body.timestamp)) throw new Refusal(19021);
		}
		if (size > BODY) throw new Refusal(9499);
		const { type, content } = this.read(body);
		const text = textOf(type, content) ?? '';
		if (robot.keywords.length > 0 && !robot.keywords.some(word => JSON.stringify(content).includes(word))) throw new Refusal(19024);
		if (!this.second.take(robot.uuid, now) || !this.minute.take(robot.uuid, now)) throw new Refusal(11232);
		this.messages.push({ at: Date.now(), chat_id: robot.chat_id, uuid: robot.uuid, msg_type: type, content, text,
			mentions: mentionsOf(type, content) });
	}

	// content is an object here, not a text.
	read({ msg_type: type, content, card }) {
		const bad = () => new Refusal(9499);
		if (type === 'interactive') {
			if (!isMap(card)) throw bad();
			return { type, content: checkCard(card, this.platform.options.tables) };
		}
		if (!isMap(content)) throw bad();
		if (type === 'text') {
			if (typeof content.text !== 'string' || content.text === '') throw bad();
			return { type, content };
		}
		if (type === 'post') {
			if (!isMap(content.post)) throw bad();
			try {
				checkPost(content.post);
			} catch {
				throw bad();
			}
			return { type, content: content.post };
		}
		if (type === 'image' && typeof content.image_key === 'string') return { type, content };
		if (type === 'share_chat' && typeof content.share_chat_id === 'string') return { type, content };
		throw bad();
	}
}
