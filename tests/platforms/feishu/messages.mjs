// messages.mjs - messages of bots: created, replied, edited, patched, withdrawn, read; and the reactions on any message.
//
// Each that was posted stands in `posted`, in order, with every text it showed: {message_id, app_id, msg_type, content,
// uuid, chat_id, receive_id_type, reply_to, thread_id, at, text, texts: [{at, text}], mentions, card, edits}.
import { id } from './bodies.mjs';
import { Refusal, cardFault, checkCard, checkContent, demand, mentionsOf, textOf } from './rules.mjs';
import { Rate } from '../standin.mjs';

const HOUR = 3600_000;
const FORTNIGHT = 14 * 24 * HOUR;
const KINDS = { chat_id: 'oc_', open_id: 'ou_', union_id: 'on_', user_id: '', email: '' };
const EMOJI = new Set(['Typing', 'OnIt', 'DONE', 'THUMBSUP', 'OneSecond', 'GLANCE', 'Get', 'OK', 'SMILE', 'HEART', 'EYES', 'THINKING', 'CheckMark']);
const FILE_KINDS = { audio: 'opus', media: 'mp4' };

export class Messages {
	constructor(platform) {
		this.platform = platform;
		this.posted = [];
		this.known = new Map(); // message_id -> message, also those that people wrote
		this.uuids = new Map(); // app and uuid -> {message, at}
		this.left = new Set(); // chats the bots are not in
		this.reactions = []; // {at, message_id, app_id, reaction_id, emoji, removed}
		const { chatRate, patchRate } = platform.options;
		this.chatRate = new Rate(chatRate);
		this.patchRate = new Rate(patchRate);
	}

	route(call, app, parts) {
		const { method } = call;
		if (method === 'POST' && parts.length === 0) return this.create(call, app);
		const one = this.known.get(parts[0]);
		if (method === 'POST' && parts[1] === 'reply') return this.reply(call, app, one);
		if (parts[1] === 'reactions') return method === 'POST' ? this.react(call, app, one) : this.unreact(app, one, parts[2]);
		if (parts[1] === 'resources') return this.platform.files.resource(call, app, one, parts[2]);
		if (!one) throw new Refusal(231003);
		if (method === 'GET') return { data: { items: this.items(one) } };
		if (one.app_id !== app.app_id) throw new Refusal(230071); // not its own
		if (method === 'DELETE') return this.withdraw(one);
		if (method === 'PUT') return this.edit(call, one);
		if (method === 'PATCH') return this.patch(call, one);
		throw new Refusal(230001, { status: 404 });
	}

	create(call, app) {
		const body = this.platform.json(call);
		const kind = call.query.receive_id_type;
		demand(kind in KINDS && typeof body.receive_id === 'string' && body.receive_id !== '' && body.receive_id.startsWith(KINDS[kind]));
		return this.post(call, app, body, { chat_id: body.receive_id, receive_id_type: kind });
	}

	reply(call, app, one) {
		const body = this.platform.json(call);
		if (!one) throw new Refusal(231003);
		if (one.recalled) throw new Refusal(230011);
		const opens = body.reply_in_thread && !one.thread_id ? (one.opened ??= id('omt_')) : undefined;
		return this.post(call, app, body, { chat_id: one.chat_id, reply_to: one.message_id, thread_id: one.thread_id ?? opens });
	}

	post(call, app, body, where) {
		const now = this.platform.now();
		const content = checkContent(call, body);
		if (this.left.has(where.chat_id)) throw new Refusal(230002);
		const key = body.uuid ? `${app.app_id} ${body.uuid}` : null;
		const before = key ? this.uuids.get(key) : null;
		if (before && now - before.at < HOUR) {
			call.repeated = true;
			return { data: shown(before.message) };
		}
		if (!this.chatRate.take(where.chat_id, now)) throw new Refusal(230020);
		const message = { message_id: id('om_'), app_id: app.app_id, msg_type: body.msg_type, content, uuid: body.uuid, at: now, real: Date.now(),
			texts: [], edits: 0, ...where };
		if (body.msg_type === 'interactive') this.attach(app, message, content);
		else message.file = this.checkFile(app, body.msg_type, content);
		this.posted.push(message);
		this.known.set(message.message_id, message);
		if (key) this.uuids.set(key, { message, at: now });
		this.show(message);
		this.platform.onPost?.(message);
		return { data: shown(message) };
	}

	// A card of its own in the message, or one that was made before.
	attach(app, message, content) {
		if (content.schema !== undefined) {
			message.json = checkCard(content, this.platform.options.tables);
			return;
		}
		if (content.type !== 'card' || typeof content.data?.card_id !== 'string') throw cardFault(200621, 'parse card json err');
		const card = this.platform.cards.toSend(app, content.data.card_id);
		Object.assign(message, { card, json: card.json });
		card.message = message;
	}

	checkFile(app, type, content) {
		const key = content.file_key ?? content.image_key;
		if (type === 'text' || type === 'post' || key === undefined) return undefined;
		const file = this.platform.files.uploads.get(key);
		demand(file && file.app_id === app.app_id, 230001, { msg: 'The file or image key is not valid.' });
		const wanted = FILE_KINDS[type];
		if (type === 'image') demand(file.kind === 'image', 230055);
		else demand(wanted ? file.type === wanted : file.kind === 'file' && !Object.values(FILE_KINDS).includes(file.type), 230055);
		return file;
	}

	// What people see of it now.
	show(message) {
		const content = message.json ?? message.content;
		message.text = textOf(message.msg_type, content);
		message.mentions = mentionsOf(message.msg_type, content);
		if (message.texts.at(-1)?.text !== message.text) message.texts.push({ at: Date.now(), text: message.text });
	}

	edit(call, message) {
		const body = this.platform.json(call);
		demand(['text', 'post'].includes(body.msg_type) && message.msg_type !== 'interactive');
		if (++message.edits > 20) throw new Refusal(230072);
		message.content = checkContent(call, body);
		this.show(message);
		return { data: shown(message) };
	}

	patch(call, message) {
		const now = this.platform.now();
		demand(message.msg_type === 'interactive');
		if (now - message.at > FORTNIGHT) throw new Refusal(230031);
		const content = checkContent(call, { ...this.platform.json(call), msg_type: 'interactive' });
		if (!this.patchRate.take(message.message_id, now)) throw new Refusal(230020);
		if (message.card) this.platform.complain('a message with a card entity is patched');
		if (message.pressed) this.platform.complain('a card is patched while its click is not answered');
		message.json = checkCard(content, this.platform.options.tables);
		this.show(message);
		return { data: {} };
	}

	withdraw(message) {
		message.recalled = true;
		return { data: {} };
	}

	// As reading a message answers: itself, and what a merged forward holds.
	items(message) {
		return [shown(message), ...(message.children ?? []).map(child => shown({ chat_id: message.chat_id, ...child }))];
	}

	// ---- reactions ----

	react(call, app, message) {
		const emoji = this.platform.json(call).reaction_type?.emoji_type;
		if (!message) throw new Refusal(231003);
		demand(EMOJI.has(emoji), 231001);
		if (message.recalled) throw new Refusal(231003);
		if (this.left.has(message.chat_id)) throw new Refusal(230002);
		const entry = { at: Date.now(), message_id: message.message_id, app_id: app.app_id, reaction_id: id(''), emoji, removed: null };
		this.reactions.push(entry);
		return { data: { reaction_id: entry.reaction_id, operator: { operator_id: app.app_id, operator_type: 'app' },
			action_time: String(this.platform.now()), reaction_type: { emoji_type: emoji } } };
	}

	unreact(app, message, reaction_id) {
		const entry = this.reactions.find(one => one.reaction_id === reaction_id && one.message_id === message?.message_id);
		if (!entry || entry.removed) throw new Refusal(231003, { msg: 'reaction is not found.' });
		if (entry.app_id !== app.app_id) throw new Refusal(231002, { msg: 'not the owner of the reaction.' });
		entry.removed = Date.now();
		return { data: { reaction_id, reaction_type: { emoji_type: entry.emoji } } };
	}

	reactionsOn(message_id) {
		return this.reactions.filter(one => one.message_id === message_id);
	}
}

// A message as the API tells it.
export function shown(message) {
	const { message_id, chat_id, thread_id, msg_type, at, recalled, from, app_id } = message;
	const sender = from ? { id: from, id_type: 'open_id', sender_type: 'user' } : { id: app_id, id_type: 'app_id', sender_type: 'app' };
	const content = typeof message.content === 'string' ? message.content : JSON.stringify(message.content ?? {});
	return {
		message_id,
		chat_id,
		msg_type,
		create_time: String(at),
		update_time: String(at),
		deleted: Boolean(recalled),
		updated: false,
		sender: { ...sender, tenant_key: 'tenant' },
		...(thread_id ? { thread_id } : {}),
		...(message.reply_to ? { root_id: message.reply_to, parent_id: message.reply_to } : {}),
		...(message.upper_message_id ? { upper_message_id: message.upper_message_id } : {}),
		...(message.mentions_told ? { mentions: message.mentions_told } : {}),
		body: { content: recalled ? 'This message was recalled' : content },
	};
}
