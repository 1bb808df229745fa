// rules.mjs - what the platform takes from a bot, and the words it refuses the rest with.
//
// The v1.0 API refuses by status and a code of words; the old API, webhooks and robots by errcode with status 200.
export const WEBHOOK_MOST = 20_000;
const PARAM_MOST = 15_000;
const CARD_KEY_MOST = 100;
const CARD_VALUE_MOST = 1024;
export const CARD_SHOWN_MOST = 3000; // code points; a client shows more as nothing
export const CARD_STREAM_MOST = 64 * 1024;
export const PEOPLE_MOST = 20;

const STATUS = {
	InvalidAuthentication: 400,
	authFailed: 401,
	unknownError: 500,
	'system.error': 500,
};
const WORDS = {
	InvalidAuthentication: '不合法的access_token',
	authFailed: '鉴权失败',
	invalidClientIdOrSecret: '无效的clientId或者clientSecret',
	'invalidParameter.robotCode.downloadCode': '下载码有误或者已经过期',
	'resource.not.found': 'robot 不存在',
	'invalid.content': 'card streaming key invalid',
	'param.stream.content': 'content is too large',
	unknownError: '未知错误',
};
const OLD_WORDS = {
	0: 'ok',
	'-1': '系统繁忙',
	40014: '不合法的access_token',
	42001: 'access_token已过期',
	300001: 'session 不存在',
	410100: '发送速度太快而限流',
	460101: 'message too long, exceed 20000 bytes',
};

// Of the v1.0 API.
export class Refusal extends Error {
	constructor(code, { status, message, ...more } = {}) {
		super(message ?? WORDS[code] ?? code);
		Object.assign(this, { code, status: status ?? STATUS[code] ?? (code.startsWith('Forbidden.') ? 403 : 400), more });
	}
}

// Of the old API and of webhooks.
export class OldRefusal extends Error {
	constructor(errcode, words) {
		super(words ?? OLD_WORDS[errcode] ?? 'refused');
		this.errcode = errcode;
	}
}

const isText = value => typeof value === 'string';
const bytes = text => Buffer.byteLength(text);

export function demand(is, what) {
	if (!is) throw new Refusal('invalidParameter', { message: what });
}

// ---- messages of the API: msgKey and msgParam ----

const PARAMS = {
	sampleText: ['content'],
	sampleMarkdown: ['title', 'text'],
	sampleImageMsg: ['photoURL'],
	sampleLink: ['title', 'text', 'messageUrl'],
	sampleActionCard: ['title', 'text', 'singleTitle', 'singleURL'],
	sampleActionCard2: ['title', 'text', 'actionTitle1', 'actionURL1', 'actionTitle2', 'actionURL2'],
	sampleAudio: ['mediaId', 'duration'],
	sampleFile: ['mediaId', 'fileName', 'fileType'],
	sampleVideo: ['duration', 'videoMediaId', 'videoType', 'picMediaId'],
};
const FILE_TYPES = ['xlsx', 'pdf', 'zip', 'rar', 'doc', 'docx'];

// msgParam travels as a string; its members are strings, too.
export function readParam(msgKey, msgParam) {
	const names = PARAMS[msgKey];
	if (!names) throw new Refusal('invalidParameter.msgKey.invalid', { message: String(msgKey) });
	if (!isText(msgParam)) throw new Refusal('invalidParameter.msgParam.invalid', { message: 'msgParam is no string' });
	if (bytes(msgParam) > PARAM_MOST) throw new Refusal('invalidParameter.msgParam.tooLong');
	let param;
	try {
		param = JSON.parse(msgParam);
	} catch {
		throw new Refusal('invalidParameter.msgParam.invalid');
	}
	for (const name of names) {
		if (!isText(param?.[name]) || param[name] === '') throw new Refusal('invalidParameter.msgParam.invalid', { message: name });
	}
	if (msgKey === 'sampleFile' && !FILE_TYPES.includes(param.fileType)) {
		throw new Refusal('invalidParameter.msgParam.invalid', { message: 'fileType' });
	}
	return param;
}

// ---- messages by webhook ----

const fail = words => {
	throw new OldRefusal(400105, words);
};

// {kind, title, text} of a body as session webhooks and robots take it.
export function readWebhook(body) {
	const { msgtype } = body;
	const part = body[msgtype];
	if (!isText(msgtype) || !part || typeof part !== 'object') fail('msgtype');
	switch (msgtype) {
		case 'text':
			if (!isText(part.content) || part.content === '') fail('text.content');
			return { kind: 'text', text: part.content };
		case 'markdown':
			if (!isText(part.title) || part.title === '' || !isText(part.text) || part.text === '') fail('markdown');
			return { kind: 'markdown', title: part.title, text: part.text };
		case 'actionCard':
			if (!isText(part.title) || !isText(part.text)) fail('actionCard');
			if (!part.btns && !(isText(part.singleTitle) && isText(part.singleURL))) fail('actionCard');
			return { kind: 'actionCard', title: part.title, text: part.text, buttons: part.btns ?? [] };
		case 'link':
			if (!isText(part.title) || !isText(part.messageUrl)) fail('link');
			return { kind: 'link', title: part.title, text: part.text ?? '' };
		case 'feedCard':
			if (!Array.isArray(part.links)) fail('feedCard');
			return { kind: 'feedCard', text: '' };
		default:
			return fail('msgtype');
	}
}

// Who is called by it: {mentions, dingtalkIds, atAll}. In a markdown nobody is without the id in the text.
export function readAt(body, shown) {
	const { at } = body;
	if (at === undefined || at === null) return { mentions: [], dingtalkIds: [], atAll: false };
	const ids = at.atUserIds ?? [];
	const dingtalkIds = at.atDingtalkIds ?? [];
	if (!Array.isArray(ids) || !Array.isArray(dingtalkIds) || ids.length + dingtalkIds.length > 50) fail('at');
	const called = list => list.filter(id => shown.kind === 'text' || shown.text.includes(`@${id}`));
	return { mentions: called(ids), dingtalkIds: called(dingtalkIds), atAll: at.isAtAll === true };
}

export const isMap = value => value !== null && typeof value === 'object' && !Array.isArray(value);

// A card's variables: a map from names to strings. What is too long is taken, and the documents forbid it.
export function checkParams(map, complain) {
	if (!isMap(map)) throw new Refusal('param.cardData.invalid', { message: 'cardParamMap' });
	for (const [key, value] of Object.entries(map)) {
		if (!isText(value)) throw new Refusal('param.cardData.invalid', { message: `cardParamMap.${key} is no string` });
		if (bytes(key) > CARD_KEY_MOST) throw new Refusal('param.cardData.invalid', { message: 'a key is too long' });
		if (bytes(value) > CARD_VALUE_MOST) complain(`cardParamMap.${key} of ${bytes(value)} bytes`);
	}
	return map;
}
