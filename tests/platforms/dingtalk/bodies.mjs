// bodies.mjs - what the platform delivers: the bodies of robot messages, of clicks, and the frames that carry them.
import { createHash, randomBytes } from 'node:crypto';

export const TOPIC_ROBOT = '/v1.0/im/bot/messages/get';
export const TOPIC_CARD = '/v1.0/card/instances/callback';
export const SESSION_LIFE = 90 * 60_000;

export const hex = (bytes = 16) => randomBytes(bytes).toString('hex');
const digest = (text, size) => createHash('sha256').update(text).digest('base64').slice(0, size);

// As the platform's, and the same for the same person or chat: base64 with all its marks.
export const msgId = () => `msg${randomBytes(16).toString('base64')}`;
export const senderId = user => `$:LWCP_v1:$${digest(`sender ${user}`, 32)}`;
export const robotUserId = client_id => `$:LWCP_v1:$${digest(`robot ${client_id}`, 32)}`;
export const directChat = (client_id, user) => `cid${digest(`direct ${client_id} ${user}`, 40)}+/=`;
const unionId = user => `${digest(`union ${user}`, 22).replace(/[+/]/g, 'x')}iEiE`;

// The part of a body that its kind brings. {type, text | pieces | code | ...}; code: what Files.put() gave.
export function content({ type = 'text', text = '', pieces = [], code, pictureCode, raw, reply, ...more }) {
	if (raw) return raw;
	const replied = reply ? { isReplyMsg: true, repliedMsg: reply } : {};
	switch (type) {
		case 'text':
			return { msgtype: 'text', text: { content: text, ...replied } };
		case 'richText':
			return { msgtype: 'richText', content: { richText: pieces.map(piece), ...replied } };
		case 'picture':
			return { msgtype: 'picture', content: { downloadCode: code, ...(pictureCode ? { pictureDownloadCode: pictureCode } : {}) } };
		case 'audio':
			return {
				msgtype: 'audio',
				content: { duration: 4000, downloadCode: code, ...(more.recognition !== undefined ? { recognition: more.recognition } : {}) },
			};
		case 'video':
			return { msgtype: 'video', content: { duration: '5', videoType: 'mp4', downloadCode: code } };
		case 'file':
			return { msgtype: 'file', content: { downloadCode: code, fileName: more.name, spaceId: '1', fileId: '2' } };
		default:
			return { msgtype: type, content: { unknownMsgType: '用户发送了一条消息，机器人暂不支持接收。' } };
	}
}

const piece = one => (one.code ? { type: 'picture', downloadCode: one.code } : { text: one.text });

// What somebody replied to, as it stands in repliedMsg.
export function replied({ type = 'text', text = '', user = 'manager9064', ...more }) {
	const of = { text: { content: text }, markdown: { text }, picture: { downloadCode: more.code }, file: { downloadCode: more.code,
		fileName: more.name } };
	return { msgType: type, msgId: msgId(), senderId: senderId(user), createdAt: 1767225600000, content: of[type] ?? {}, ...more.raw };
}

// staff: null for people outside of the company. chat: of a group; a direct chat has none.
export function message(account, one, { now, session }) {
	const { user = 'zhangsan', nick = user, chat, staff = user, at = chat !== undefined, admin = false } = one;
	const robot = { dingtalkId: account.chatbot_user_id };
	const others = (one.mentions ?? []).map(id => ({ dingtalkId: senderId(id), staffId: id, unionId: unionId(id) }));
	return {
		senderPlatform: 'Mac',
		conversationId: chat ?? directChat(account.client_id, user),
		...(chat ? { atUsers: [...others, ...(at ? [robot] : [])], conversationTitle: one.title ?? '项目一组', isInAtList: at } : {}),
		chatbotCorpId: account.corp_id,
		chatbotUserId: account.chatbot_user_id,
		openThreadId: chat ?? directChat(account.client_id, user),
		msgId: one.msgId ?? msgId(),
		senderNick: nick,
		isAdmin: admin,
		...(staff === null ? {} : { senderStaffId: staff, senderCorpId: account.corp_id, senderUnionId: unionId(user) }),
		...(session ? { sessionWebhook: session.url, sessionWebhookExpiredTime: session.ends } : {}),
		createAt: now,
		conversationType: chat ? '2' : '1',
		senderId: senderId(user),
		robotCode: account.robot_code,
		...content(one),
		...one.more,
	};
}

// The month is used up: no text comes.
export function overQuota(body) {
	const { text, content: dropped, ...rest } = body;
	return { ...rest, errorCode: 20001, errorMessage: '消息接收额度已用完' };
}

export function click(card, { user, action, params = {} }) {
	return {
		type: 'actionCallback',
		outTrackId: card.outTrackId,
		corpId: card.account.corp_id,
		userId: user,
		userIdType: 1,
		spaceId: card.chat_type === 'group' ? card.chat : user,
		spaceType: card.chat_type === 'group' ? 'IM' : 'im',
		extension: '{}',
		content: JSON.stringify({ cardPrivateData: { actionIds: [action], params } }),
	};
}

// One push. data travels as a string.
export function frame(type, topic, data, { now, ...more }) {
	const system = type === 'SYSTEM';
	return {
		specVersion: '1.0',
		type,
		headers: {
			...(system ? {} : { appId: more.appId, connectionId: more.connectionId }),
			contentType: 'application/json',
			messageId: more.messageId ?? `${hex(4)}_${hex(1)}_${hex(5)}_${hex(2)}`,
			time: String(now),
			topic,
			...more.headers,
		},
		data: typeof data === 'string' ? data : JSON.stringify(data),
	};
}
