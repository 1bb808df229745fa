// rules.mjs - which bodies the platform takes from a bot, and the codes it refuses the others with.
const TEXT_MOST = 20480;
const TASK_ID = /^[0-9A-Za-z_\-@]{1,128}$/;
const INTERACTIVE = ['button_interaction', 'vote_interaction', 'multiple_interaction'];
const CARDS = ['text_notice', 'news_notice', ...INTERACTIVE];

const WORDS = {
	0: 'ok',
	'-1': 'system busy',
	6000: 'data version conflict',
	40007: 'invalid media_id',
	40008: 'invalid message type',
	40058: 'invalid Request Parameter',
	44004: 'empty content',
	45002: 'content size out of limit',
	45009: 'api freq out of limit',
	60140: 'response code expired or used',
	93000: 'invalid webhook url',
	93006: 'invalid chatid',
	846605: 'invalid req_id',
	846608: 'stream message expired',
	846609: 'aibot websocket not subscribed',
	853000: 'invalid bot_id or secret',
};

export const wordsOf = code => WORDS[code] ?? 'refused';

export class Refusal extends Error {
	constructor(code, detail = '') {
		super(`${wordsOf(code)}${detail ? `, hint: [${detail}]` : ''}`);
		this.code = code;
	}
}

const bytes = text => Buffer.byteLength(text);
const isText = value => typeof value === 'string';

export function checkMarkdown(markdown, most = TEXT_MOST) {
	if (!isText(markdown?.content)) throw new Refusal(40058, 'markdown.content');
	if (markdown.content.trim() === '') throw new Refusal(44004);
	if (bytes(markdown.content) > most) throw new Refusal(45002, `${bytes(markdown.content)}`);
}

export function checkStream(stream, isFirst) {
	if (!stream || !isText(stream.id) || stream.id === '' || bytes(stream.id) > 256) throw new Refusal(40058, 'stream.id');
	if (stream.finish !== undefined && typeof stream.finish !== 'boolean') throw new Refusal(40058, 'stream.finish');
	if (stream.content !== undefined && !isText(stream.content)) throw new Refusal(40058, 'stream.content');
	if (bytes(stream.content ?? '') > TEXT_MOST) throw new Refusal(45002, `${bytes(stream.content)}`);
	if (stream.msg_item && !stream.finish) throw new Refusal(40058, 'stream.msg_item');
	if (stream.feedback && (!isFirst || !isText(stream.feedback.id) || bytes(stream.feedback.id) > 256)) {
		throw new Refusal(40058, 'stream.feedback');
	}
}

function checkButtons(card) {
	const list = card.button_list;
	if (!Array.isArray(list) || list.length < 1 || list.length > 6) throw new Refusal(40058, 'button_list');
	for (const button of list) {
		if (!isText(button.text) || button.text === '') throw new Refusal(40058, 'button.text');
		if (!isText(button.key) || button.key === '' || bytes(button.key) > 1024) throw new Refusal(40058, 'button.key');
		if (button.style !== undefined && ![1, 2, 3, 4].includes(button.style)) throw new Refusal(40058, 'button.style');
	}
}

// most: the kinds that this place takes.
export function checkCard(card, kinds = CARDS) {
	if (!card || !kinds.includes(card.card_type)) throw new Refusal(40058, 'card_type');
	if (card.task_id !== undefined && !TASK_ID.test(card.task_id)) throw new Refusal(40058, 'task_id');
	if (INTERACTIVE.includes(card.card_type) && !card.task_id) throw new Refusal(40058, 'task_id');
	if (!card.main_title?.title && !card.sub_title_text) throw new Refusal(40058, 'main_title');
	if (card.card_type === 'button_interaction') checkButtons(card);
	if (card.card_type.endsWith('_notice') && !card.card_action) throw new Refusal(40058, 'card_action');
	if (card.card_type === 'news_notice' && !card.card_image && !card.image_text_area) {
		throw new Refusal(40058, 'card_image');
	}
	if ((card.horizontal_content_list ?? []).length > 6) throw new Refusal(40058, 'horizontal_content_list');
}

export const NOTICES = ['text_notice', 'news_notice'];
export const MEDIA = ['file', 'image', 'voice', 'video'];
