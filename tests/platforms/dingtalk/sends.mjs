// sends.mjs - messages of bots that are no cards: by the webhook of a session, to a group, to people.
import { SESSION_LIFE, directChat, hex } from './bodies.mjs';
import { OldRefusal, PEOPLE_MOST, Refusal, WEBHOOK_MOST, demand, readAt, readParam, readWebhook } from './rules.mjs';

const KINDS = {
	sampleText: 'text',
	sampleMarkdown: 'markdown',
	sampleImageMsg: 'image',
	sampleLink: 'link',
	sampleFile: 'file',
	sampleAudio: 'audio',
	sampleVideo: 'video',
};

export class Sends {
	constructor(platform) {
		this.platform = platform;
		this.sessions = new Map();
		this.sent = new Map(); // processQueryKey -> bubbles
	}

	// The address that comes with a message: {url, ends}.
	session(account, { chat, chat_type, user, question, life = this.platform.options.sessionLife ?? SESSION_LIFE }) {
		const key = hex();
		const ends = this.platform.now() + life;
		this.sessions.set(key, { account, chat, chat_type, user, question, ends });
		return { url: `${this.platform.options.sessionBase ?? this.platform.url}/robot/sendBySession?session=${key}`, ends, key };
	}

	// All of an app are over; what they say about it differs from what the message said.
	expireSessions(client_id) {
		for (const one of this.sessions.values()) {
			if (one.account.client_id === client_id) one.ends = 0;
		}
	}

	bySession(call) {
		const session = this.sessions.get(call.query.get('session'));
		if (!session || session.ends <= this.platform.now()) throw new OldRefusal(300001);
		if (call.raw.length > WEBHOOK_MOST) throw new OldRefusal(460101);
		this.platform.countUse(() => {
			throw new OldRefusal(90030, 'over limit');
		});
		const { body } = call;
		if (!body) throw new OldRefusal(40035, '不合法的参数');
		if (body.msgtype === 'empty') return {};
		const shown = readWebhook(body);
		const called = readAt(body, shown);
		if (session.chat_type === 'direct' && (called.mentions.length > 0 || called.atAll)) this.platform.complain('a mention in a direct chat');
		if (called.mentions.length < (body.at?.atUserIds?.length ?? 0)) this.platform.complain('an id in at that is not in the markdown');
		const { account, chat, chat_type, user, question } = session;
		call.chat = chat;
		this.platform.view.add({ client_id: account.client_id, via: 'session', chat, chat_type, user, question, ...shown, ...called });
		return {};
	}

	robotCheck(account, body) {
		if (typeof body.robotCode !== 'string' || body.robotCode === '') throw new Refusal('invalidParameter.robotCode.empty');
		if (body.robotCode !== account.robot_code) throw new Refusal('invalidParameter.robotCode.auth');
	}

	shown(account, body) {
		const param = readParam(body.msgKey, body.msgParam);
		const kind = KINDS[body.msgKey] ?? 'actionCard';
		const media = { image: () => param.photoURL, file: () => param.mediaId, audio: () => param.mediaId,
			video: () => param.videoMediaId }[kind]?.();
		const more = media && !/^https?:/.test(media) ? { media: this.platform.files.mediaOf(account, media) } : {};
		if (media && more.media === null) this.platform.complain(`a message with media nobody knows: ${media}`);
		return { kind, title: param.title, text: param.content ?? param.text ?? '', param, fileName: param.fileName, ...more };
	}

	keep(bubbles) {
		const processQueryKey = hex(20);
		this.sent.set(processQueryKey, bubbles);
		return processQueryKey;
	}

	toGroup(account, body, call) {
		this.robotCheck(account, body);
		const chat = body.openConversationId;
		call.chat = chat;
		demand(typeof chat === 'string' && chat !== '', 'openConversationId');
		if (!account.groups.has(chat)) throw new Refusal('resource.not.found');
		const shown = this.shown(account, body);
		const bubble = this.platform.view.add({ client_id: account.client_id, via: 'group', chat, chat_type: 'group', ...shown });
		return { processQueryKey: this.keep([bubble]) };
	}

	toPeople(account, body, call) {
		this.robotCheck(account, body);
		const { userIds } = body;
		demand(Array.isArray(userIds) && userIds.length > 0 && userIds.every(id => typeof id === 'string'), 'userIds');
		if (userIds.length > PEOPLE_MOST) throw new Refusal('too.many.people');
		const shown = this.shown(account, body);
		call.chat = directChat(account.client_id, userIds[0]);
		const invalidStaffIdList = userIds.filter(id => !account.staff.has(id));
		const flowControlledStaffIdList = userIds.filter(id => !invalidStaffIdList.includes(id) && account.flowControlled.delete(id));
		const reached = userIds.filter(id => !invalidStaffIdList.includes(id) && !flowControlledStaffIdList.includes(id));
		const bubbles = reached.map(user =>
			this.platform.view.add({ client_id: account.client_id, via: 'direct', chat: directChat(account.client_id, user),
				chat_type: 'direct', user, ...shown }),
		);
		return { processQueryKey: this.keep(bubbles), invalidStaffIdList, flowControlledStaffIdList };
	}

	recall(account, body) {
		this.robotCheck(account, body);
		const keys = body.processQueryKeys;
		demand(Array.isArray(keys) && keys.length > 0 && keys.length <= 20, 'processQueryKeys');
		const known = keys.filter(key => this.sent.has(key));
		for (const key of known) for (const bubble of this.sent.get(key)) bubble.recalled = true;
		return { successResult: known, failedResult: Object.fromEntries(keys.filter(key => !known.includes(key)).map(key => [key, 'not found'])) };
	}
}
