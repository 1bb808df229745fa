// robots.mjs - custom robots of groups: send only. Twenty messages a minute, and who says more is silent for ten minutes.
import { OldRefusal, WEBHOOK_MOST, readAt, readWebhook } from './rules.mjs';
import { robotSign } from './callback.mjs';

const MINUTE = 60_000;
const MUTE = 10 * MINUTE;
const SKEW = 60 * MINUTE;

export class Robots {
	constructor(platform) {
		this.platform = platform;
		this.robots = new Map(); // token -> {chat, secret, keywords, times, mutedUntil, uuids}
		this.calls = []; // {at, token, body, errcode}
	}

	// The address an administrator copies out of the group's settings.
	add(token, { chat = `group of ${token}`, secret, keywords = [] } = {}) {
		this.robots.set(token, { token, chat, secret, keywords, times: [], mutedUntil: 0, uuids: new Set(), mutes: 0 });
		return `${this.platform.url}/robot/send?access_token=${token}`;
	}

	send(call) {
		const robot = this.robots.get(call.query.get('access_token'));
		const entry = { at: Date.now(), token: robot?.token, body: call.body, errcode: 0 };
		this.calls.push(entry);
		try {
			if (!robot) throw new OldRefusal(300001, 'token is not exist');
			this.take(robot, call);
			return {};
		} catch (error) {
			entry.errcode = error.errcode;
			throw error;
		}
	}

	take(robot, call) {
		if (robot.stopped) throw new OldRefusal(400102, '机器人已停用');
		this.checkSign(robot, call.query);
		if (!/^application\/json/.test(call.headers['content-type'] ?? '')) throw new OldRefusal(43004, '无效的HTTP HEADER Content-Type');
		const { body } = call;
		if (!body) throw new OldRefusal(40035, '缺少参数 json');
		if (call.raw.length > WEBHOOK_MOST) throw new OldRefusal(460101);
		const shown = readWebhook(body);
		const words = `${shown.title ?? ''} ${shown.text}`;
		if (robot.keywords.length > 0 && !robot.keywords.some(one => words.includes(one))) throw new OldRefusal(310000, 'keywords not in content');
		if (body.msgUuid && robot.uuids.has(body.msgUuid)) return;
		this.checkRate(robot);
		this.platform.countUse(() => {
			throw new OldRefusal(90030, 'over limit');
		});
		if (body.msgUuid) robot.uuids.add(body.msgUuid);
		this.platform.view.add({ client_id: robot.token, via: 'robot', chat: robot.chat, chat_type: 'group', ...shown, ...readAt(body, shown) });
	}

	checkSign(robot, query) {
		if (!robot.secret) return;
		const timestamp = query.get('timestamp') ?? '';
		if (!/^\d{13}$/.test(timestamp) || Math.abs(this.platform.now() - Number(timestamp)) > SKEW) throw new OldRefusal(310000,
			'invalid timestamp');
		if (query.get('sign') !== robotSign(robot.secret, timestamp)) throw new OldRefusal(310000, 'sign not match');
	}

	checkRate(robot) {
		const now = this.platform.now();
		robot.times = robot.times.filter(time => now - time < MINUTE);
		if (now >= robot.mutedUntil && robot.times.length >= this.platform.options.robotMinute) {
			robot.mutedUntil = now + MUTE;
			robot.mutes++;
		}
		if (now < robot.mutedUntil) throw new OldRefusal(410100);
		robot.times.push(now);
	}
}
