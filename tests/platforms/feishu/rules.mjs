// rules.mjs - what the platform takes from a bot as a message or a card, and the codes it refuses the rest with.
import { BODY_MOST } from '../standin.mjs';

export const MOST = { text: 150 * 1024, post: 30 * 1024, interactive: 30 * 1024 };
export const TABLES = 3;
const ELEMENTS = 200;
const TYPES = ['text', 'post', 'image', 'file', 'audio', 'media', 'sticker', 'interactive', 'share_chat', 'share_user'];
const KEYS = { image: ['image_key'], file: ['file_key'], audio: ['file_key'], media: ['file_key'], sticker: ['file_key'] };
// What a card of the second kind may hold; anything else is named in the refusal.
const TAGS = new Set(['markdown', 'plain_text', 'div', 'hr', 'img', 'button', 'column_set', 'column', 'table', 'collapsible_panel',
	'interactive_container', 'form', 'input', 'select_static', 'multi_select_static', 'overflow', 'checker', 'person', 'person_list', 'chart',
	'img_combination', 'icon', 'standard_icon', 'custom_icon', 'date_picker', 'picker_time', 'picker_datetime', 'select_person', 'lark_md',
	'text_tag']);

const WORDS = {
	0: 'success',
	10014: 'app unavailable',
	10015: 'app secret invalid',
	11232: 'frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]',
	19021: 'sign match fail or timestamp is not within one hour from current time',
	19022: 'Ip Not Allowed',
	19024: 'Key Words Not Found',
	200740: 'ErrMsg: card entity not found;',
	200750: 'ErrMsg: card entity is expired;',
	200770: 'ErrMsg: uuid repeated;',
	200810: 'ErrMsg: card is in user interaction;',
	200850: 'ErrMsg: card streaming timeout;',
	200860: 'ErrMsg: card content exceeds limit;',
	230001: 'Your request contains an invalid request parameter.',
	230002: 'Bot/User can NOT be out of the chat.',
	230011: 'The message is recalled.',
	230020: 'This operation triggers the frequency limit.',
	230025: 'The length of the message content reaches its limit.',
	230031: 'The message has been sent for more than 14 days.',
	230049: 'The message is being sent.',
	230055: 'The file type does not match the message type.',
	230072: 'The message has reached the number of times it can be edited.',
	231001: 'reaction type is invalid.',
	231003: 'The message is not found.',
	234001: 'Invalid request param.',
	234003: 'File not in msg.',
	234006: 'The file size exceed the max value.',
	234008: 'The app is not the resource sender.',
	234010: "File's size can't be 0.",
	234011: "Can't recognize the image format.",
	234037: 'Downloaded file size exceeds limit.',
	234043: 'Unsupported message type.',
	300309: 'ErrMsg: streaming mode is closed;',
	300310: 'ErrMsg: not support element type;',
	300311: 'ErrMsg: no permission to operate the card;',
	300313: 'ErrMsg: element not exist;',
	300317: 'ErrMsg: sequence number compare failed;',
	9499: 'Bad Request',
	99991400: 'request trigger frequency limit',
	99991403: 'This month\'s API call quota has been exceeded.',
	99991661: 'Missing access token for authorization.',
	99991663: 'Invalid access token for authorization.',
	99992402: 'field validation failed',
};

export const wordsOf = code => WORDS[code] ?? 'refused';

export class Refusal extends Error {
	constructor(code, more = {}) {
		super(more.msg ?? wordsOf(code));
		Object.assign(this, { code, status: 400, headers: {} }, more);
	}
}

export const isMap = value => value !== null && typeof value === 'object' && !Array.isArray(value);

export function demand(is, code = 230001, more = {}) {
	if (!is) throw new Refusal(code, more);
}

export function parse(text, code, more = {}) {
	demand(typeof text === 'string', code, more);
	try {
		return JSON.parse(text);
	} catch {
		throw new Refusal(code, more);
	}
}

// ---- messages ----

export function checkContent(call, body) {
	demand(TYPES.includes(body.msg_type) && typeof body.content === 'string');
	demand(body.uuid === undefined || (typeof body.uuid === 'string' && body.uuid.length <= 50));
	demand(call.size <= (MOST[body.msg_type] ?? BODY_MOST), 230025);
	const content = parse(body.content);
	demand(isMap(content));
	if (body.msg_type === 'text') demand(typeof content.text === 'string' && content.text !== '');
	if (body.msg_type === 'post') checkPost(content);
	for (const key of KEYS[body.msg_type] ?? []) demand(typeof content[key] === 'string');
	return content;
}

// Language first; paragraphs of nodes; Markdown, pictures and films stand alone in their paragraph.
export function checkPost(content) {
	const languages = Object.entries(content);
	demand(languages.length > 0);
	for (const [key, post] of languages) {
		demand(/^[a-z]{2}_[a-z]{2}$/.test(key) && Array.isArray(post?.content) && post.content.every(Array.isArray));
		for (const nodes of post.content) {
			demand(nodes.every(node => typeof node?.tag === 'string'));
			demand(nodes.length <= 1 || !nodes.some(node => ['md', 'img', 'media'].includes(node.tag)));
		}
	}
}

// ---- cards ----

// As a card of a message is refused: the code that counts stands in the words.
export const cardFault = (code, words) => new Refusal(230099, { msg: `Failed to create card content, ext=ErrCode: ${code}; ErrMsg: ${words}; ` });

// All that is an element or part of one, in order.
export function* elementsOf(value) {
	if (Array.isArray(value)) {
		for (const one of value) yield* elementsOf(one);
	} else if (isMap(value)) {
		if (typeof value.tag === 'string') yield value;
		for (const [key, one] of Object.entries(value)) {
			if (typeof one === 'object' && key !== 'behaviors' && key !== 'value') yield* elementsOf(one);
		}
	}
}

// Tables of a Markdown text: a row of dashes outside of code.
export function tablesIn(text) {
	const bare = text.replace(/^(`{3,}|~{3,})[^\n]*\n[\s\S]*?(^\1[`~]*[ \t]*$|$(?![\s\S]))/gm, '');
	return (bare.match(/^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$|^ {0,3}\|[ \t]*:?-+:?[ \t]*\|[ \t]*$/gm) ?? []).length;
}

export function checkTables(card, most) {
	let count = 0;
	for (const one of elementsOf(card.body)) {
		if (one.tag === 'table') count++;
		if (one.tag === 'markdown') count += tablesIn(one.content ?? '');
	}
	if (count > most) throw cardFault(11310, 'card table number over limit; ErrorValue: table');
}

function checkButton(one) {
	for (const { type, value } of one.behaviors ?? []) {
		if (type === 'callback' && !isMap(value)) throw cardFault(200621, 'value of a callback is no object');
	}
	if ([...(one.text?.content ?? '')].length > 100) throw cardFault(200621, 'text of a button is too long');
}

// A card, JSON 2.0, as it may be sent or put.
export function checkCard(card, tables = TABLES) {
	if (!isMap(card) || card.schema !== '2.0' || !isMap(card.body) || !Array.isArray(card.body.elements)) {
		throw cardFault(200621, 'parse card json err');
	}
	if (card.config?.update_multi === false) throw cardFault(200621, 'update_multi must be true');
	for (const key of ['elements', 'i18n_elements', 'fallback']) {
		if (card[key] !== undefined) throw cardFault(200621, `unsupported member ${key}`);
	}
	if (Buffer.byteLength(JSON.stringify(card)) > MOST.interactive) throw cardFault(200860, 'card content exceeds limit');
	const ids = new Set();
	let count = 0;
	for (const one of elementsOf(card.body)) {
		if (!TAGS.has(one.tag)) throw cardFault(200861,
			`cards of schema V2 no longer support this capability; ErrorValue: unsupported tag ${one.tag}`);
		if (one.tag === 'button') checkButton(one);
		if (++count > ELEMENTS) throw cardFault(300305, 'element number over limit');
		if (one.element_id === undefined) continue;
		if (!/^[A-Za-z]\w{0,19}$/.test(one.element_id) || ids.has(one.element_id)) throw cardFault(300301, `element_id ${one.element_id}`);
		ids.add(one.element_id);
	}
	checkTables(card, tables);
	return card;
}

// ---- what people read ----

function cardText(card) {
	return [...elementsOf(card.body)].filter(one => one.tag === 'markdown' || (one.tag === 'div' && one.text))
		.map(one => (one.tag === 'div' ? one.text.content : one.content) ?? '').filter(text => text !== '').join('\n');
}

export function textOf(type, content) {
	if (type === 'text') return content.text;
	if (type === 'post') {
		const [{ content: paragraphs }] = Object.values(content);
		return paragraphs.map(nodes => nodes.map(node => node.text ?? '').join('')).join('\n');
	}
	return type === 'interactive' && content.body ? cardText(content) : undefined;
}

// Whom it mentions: people's ids, "all" for everybody; three spellings, each where it counts.
export function mentionsOf(type, content) {
	const ids = [];
	const find = (text, pattern) => ids.push(...[...text.matchAll(pattern)].map(found => found[1]));
	const inText = /<at user_id="?([^">]+)"?\s*\/?>/gi;
	if (type === 'text') find(content.text, inText);
	if (type === 'post') {
		for (const { content: paragraphs } of Object.values(content)) {
			for (const node of paragraphs.flat()) {
				if (node.tag === 'at') ids.push(node.user_id);
				if (node.tag === 'md' || node.tag === 'text') find(node.text ?? '', inText);
			}
		}
	}
	if (type === 'interactive' && content.body) find(cardText(content), /<at\s+(?:id|user_id)=["']?([^"'>\s/]+)["']?\s*\/?>/gi);
	return ids;
}
