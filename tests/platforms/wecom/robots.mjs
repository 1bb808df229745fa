// robots.mjs - webhook robots of groups: send only, twenty messages a minute, known by the key in their address.
import { md5 } from './crypt.mjs';
import { NOTICES, Refusal, checkCard, checkMarkdown } from './rules.mjs';

const MINUTE = 60_000;
const IMAGE_MOST = 2 << 20;
const isPicture = data => data.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])) || data.subarray(1, 4).toString() === 'PNG';

export class Robots {
	constructor(platform) {
		this.platform = platform;
		this.robots = new Map(); // key -> {chat, times}
		this.calls = [];
	}

	// The address an administrator copies out of the group's settings.
	add(key, chat = `group of ${key}`) {
		this.robots.set(key, { key, chat, times: [] });
		return `${this.platform.url}/cgi-bin/webhook/send?key=${key}`;
	}

	robotOf(url) {
		const robot = this.robots.get(url.searchParams.get('key'));
		if (!robot) throw new Refusal(93000);
		return robot;
	}

	send(url, body) {
		const robot = this.robotOf(url);
		const now = this.platform.now();
		this.calls.push({ at: Date.now(), key: robot.key, body });
		robot.times = robot.times.filter(time => now - time < MINUTE);
		if (robot.times.length >= this.platform.options.robotMinute) throw new Refusal(45009);
		const shown = this.read(robot, body);
		robot.times.push(now);
		this.platform.view.add({ bot_id: robot.key, via: 'robot', chat: robot.chat, chat_type: 'group', kind: body.msgtype, ...shown });
		return {};
	}

	read(robot, body) {
		const part = body[body.msgtype];
		switch (body.msgtype) {
			case 'text':
				checkMarkdown(part, 2048);
				return { text: part.content };
			case 'markdown':
			case 'markdown_v2':
				checkMarkdown(part, 4096);
				return { text: part.content };
			case 'image':
				return { media: { type: 'image', data: this.picture(part) } };
			case 'file':
			case 'voice':
				return { media: this.platform.files.mediaOf(robot.key, body.msgtype, part?.media_id) };
			case 'news':
				if (!(part?.articles?.length >= 1 && part.articles.length <= 8)) throw new Refusal(40058, 'articles');
				return {};
			case 'template_card':
				checkCard(body.template_card, NOTICES);
				return { kind: 'card', card: body.template_card };
			default:
				throw new Refusal(40008);
		}
	}

	picture(part) {
		const data = Buffer.from(part?.base64 ?? '', 'base64');
		if (data.length === 0) throw new Refusal(44004);
		if (data.length > IMAGE_MOST) throw new Refusal(45002);
		if (part.md5 !== md5(data) || !isPicture(data)) throw new Refusal(40058, 'md5');
		return data;
	}

	upload(url, headers, raw) {
		const robot = this.robotOf(url);
		const type = url.searchParams.get('type');
		if (!['file', 'voice'].includes(type)) throw new Refusal(40058, 'type');
		const boundary = /boundary="?([^";]+)"?/.exec(headers['content-type'] ?? '')?.[1];
		const text = raw.toString('latin1');
		const at = boundary ? text.indexOf(`--${boundary}\r\n`) : -1;
		const body = text.indexOf('\r\n\r\n', at) + 4;
		const end = text.indexOf(`\r\n--${boundary}--`, body);
		if (at < 0 || body < 4 || end < 0) throw new Refusal(40058, 'multipart');
		const head = raw.subarray(at, body).toString('utf8');
		const filename = /filename="([^"]*)"/.exec(head)?.[1];
		if (!/name="media"/.test(head) || !filename) throw new Refusal(40058, 'media');
		const data = raw.subarray(body, end);
		if (data.length < 5 || data.length > (type === 'voice' ? IMAGE_MOST : 20 << 20)) throw new Refusal(45002);
		return this.platform.files.keep(robot.key, type, filename, Buffer.from(data));
	}
}
