// bodies.mjs - what the platform delivers: the bodies of messages and events, as a bot reads them after decryption.
import { randomBytes } from 'node:crypto';

export const id = (prefix = '') => prefix + randomBytes(12).toString('hex');

// The part of a body that its kind brings: {msgtype, [msgtype]: {...}}. One message is {type, text | items | media,
// ...}; media: what Files.put() gave.
export function content({ type = 'text', text = '', media, items = [], raw }) {
	const of = value => ({ msgtype: type, [type]: value });
	if (raw) return raw;
	switch (type) {
		case 'text':
		case 'voice': // the transcript only
			return of({ content: text });
		case 'image':
		case 'file':
		case 'video':
			return of(media);
		case 'mixed':
			return of({ msg_item: items.map(content) });
		default:
			return of({ x: 1 });
	}
}

const person = ({ user = 'zhangsan', corpid }) => ({ ...(corpid ? { corpid } : {}), userid: user });

// chat: of a group; a direct chat has none.
function frame(bot_id, message) {
	const { chat, msgid = id() } = message;
	return {
		msgid,
		aibotid: bot_id,
		...(chat ? { chatid: chat, chattype: 'group' } : { chattype: 'single' }),
		from: person(message),
		...(message.response_url ? { response_url: message.response_url } : {}),
	};
}

export function message(bot_id, one) {
	return {
		...frame(bot_id, one),
		...content(one),
		...(one.quote ? { quote: content(one.quote) } : {}),
	};
}

// event: {eventtype, [eventtype]: {...}}.
export function event(bot_id, one, what, now) {
	return { ...frame(bot_id, one), create_time: Math.floor(now / 1000), msgtype: 'event', event: what };
}

export const enterChat = () => ({ eventtype: 'enter_chat' });

export const click = (card, key, selected = []) => ({
	eventtype: 'template_card_event',
	template_card_event: {
		card_type: card.card_type,
		event_key: key,
		task_id: card.task_id,
		...(selected.length > 0 ? { selected_items: { selected_item: selected } } : {}),
	},
});

export const feedback = (feedbackId, type, words = '', reasons = []) => ({
	eventtype: 'feedback_event',
	feedback_event: { id: feedbackId, type, content: words, inaccurate_reason_list: reasons },
});

export function disconnected(bot_id, now) {
	return {
		msgid: id(),
		create_time: Math.floor(now / 1000),
		aibotid: bot_id,
		msgtype: 'event',
		event: { eventtype: 'disconnected_event' },
	};
}

export const refresh = (bot_id, one, streamId) => ({
	...frame(bot_id, { ...one, msgid: id(), response_url: undefined }),
	msgtype: 'stream',
	stream: { id: streamId },
});
