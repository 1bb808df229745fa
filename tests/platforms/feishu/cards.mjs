// cards.mjs - CardKit: cards that are made first, sent once, and filled while a model speaks.
//
// Every operation that arrived is kept beside its card, in order, taken or not: {at, kind, sequence, uuid, content, code,
// ...}, so that a test can watch a card call by call. While streaming it shows "[生成中...]" in the list of chats; that ends
// by the settings, or ten minutes after it was last opened.
import { hex, id } from './bodies.mjs';
import { Refusal, cardFault, checkCard, checkTables, demand, elementsOf, isMap, parse } from './rules.mjs';
import { Rate } from '../standin.mjs';

const FORTNIGHT = 14 * 24 * 3600_000;
const CONTENT_MOST = 100_000; // characters
export const STREAM_LIFE = 10 * 60_000;

export class Cards {
	constructor(platform) {
		this.platform = platform;
		this.cards = new Map();
		this.rate = new Rate(platform.options.cardRate);
		this.clicks = [];
		this.tokens = new Map(); // of clicks: token -> {message, at, uses, answered}
		this.raced = 0; // calls of a card while the one before was not answered
	}

	route(call, app, parts) {
		if (call.method === 'POST' && parts.length === 0) return this.create(call, app);
		const [card_id, what, element, member] = parts;
		const kind = { PUT: what === undefined ? 'update' : what === 'elements' && member === 'content' && 'content',
			PATCH: what === 'settings' && 'settings' }[call.method];
		if (!kind) throw new Refusal(230001, { status: 404 });
		return this.operate(call, app, card_id, kind, element);
	}

	create(call, app) {
		const body = this.platform.json(call);
		demand(body.type === 'card_json', 99992402);
		const card = { card_id: `7${String(BigInt(`0x${hex(8)}`) % 10n ** 18n).padStart(18, '0')}`, app_id: app.app_id, at: this.platform.now(),
			real: Date.now(), sequence: 0, uuids: new Map(), ops: [], flying: 0, streaming: false, overdue: false, message: null, summaries: [] };
		card.json = this.cardJson(body.data);
		this.configure(card, card.json.config);
		this.cards.set(card.card_id, card);
		call.card_id = card.card_id;
		return { data: { card_id: card.card_id } };
	}

	cardJson(text) {
		return checkCard(parse(text, 230099, { msg: cardFault(200621, 'parse card json err').message }), this.platform.options.tables);
	}

	configure(card, config = {}) {
		if (config.summary?.content !== undefined) card.summaries.push(config.summary.content);
		if (config.streaming_mode === undefined) return;
		card.streaming = config.streaming_mode === true;
		card.overdue = false;
		if (card.streaming) card.opened = this.platform.now();
		else this.close(card);
	}

	close(card) {
		card.closed = Date.now();
		if (card.message) this.platform.onClose?.(card);
	}

	// For a message that shows it; once.
	toSend(app, card_id) {
		const card = this.cards.get(card_id);
		if (!card) throw cardFault(200740, 'card entity not found');
		if (card.app_id !== app.app_id) throw cardFault(300311, 'no permission to operate the card');
		if (card.message) throw cardFault(200780, 'card entity has been sent');
		return card;
	}

	// Called when a call arrives and when it was answered: one card's calls do not overlap.
	enter(path) {
		const card = this.cards.get(path.split('/')[5]);
		if (card && ++card.flying > 1) {
			this.raced++;
			this.platform.complain('two calls of one card at a time');
		}
		return () => {
			if (card) card.flying--;
		};
	}

	operate(call, app, card_id, kind, element) {
		const body = this.platform.json(call);
		const card = this.cards.get(card_id);
		if (!card) throw new Refusal(200740);
		const op = { at: Date.now(), kind, element, sequence: body.sequence, uuid: body.uuid, content: body.content, body, code: 0 };
		card.ops.push(op);
		try {
			this.admit(card, app, body);
			this[kind](card, body, element);
			card.sequence = body.sequence;
			if (body.uuid) card.uuids.set(body.uuid, kind);
			if (card.message) this.platform.posts.show(card.message);
			return { data: {} };
		} catch (error) {
			op.code = error.code;
			throw error;
		}
	}

	admit(card, app, { sequence, uuid }) {
		const now = this.platform.now();
		if (card.app_id !== app.app_id) throw new Refusal(300311);
		if (now - card.at > FORTNIGHT) throw new Refusal(200750);
		demand(Number.isInteger(sequence) && sequence <= 0x7fffffff, 99992402);
		demand(uuid === undefined || (typeof uuid === 'string' && uuid.length <= 64), 99992402);
		const checks = [() => demand(!card.uuids.has(uuid), 200770), () => demand(sequence >= 1 && sequence > card.sequence, 300317)];
		for (const check of this.platform.options.sequenceFirst ? checks.reverse() : checks) check();
		if (card.message?.pressed) throw new Refusal(200810);
		if (!this.rate.take(card.card_id, now)) {
			throw new Refusal(99991400, { status: 429, headers: { 'x-ogw-ratelimit-limit': '10', 'x-ogw-ratelimit-reset': '1' } });
		}
	}

	elementOf(card, element_id) {
		const found = [...elementsOf(card.json.body)].find(one => one.element_id === element_id);
		if (!found) throw new Refusal(300313);
		return found;
	}

	content(card, { content }, element_id) {
		demand(typeof content === 'string' && content !== '' && [...content].length <= CONTENT_MOST, 99992402);
		if (card.streaming && this.platform.now() - card.opened > STREAM_LIFE) {
			Object.assign(card, { streaming: false, overdue: true });
			throw new Refusal(200850);
		}
		if (!card.streaming) throw new Refusal(300309);
		const one = this.elementOf(card, element_id);
		if (one.tag !== 'markdown' && one.tag !== 'plain_text') throw new Refusal(300310);
		const before = one.content;
		one.content = content;
		try {
			checkTables(card.json, this.platform.options.tables);
		} catch (error) {
			one.content = before;
			throw error;
		}
	}

	settings(card, { settings }) {
		const given = parse(settings, 99992402);
		demand(isMap(given), 99992402);
		if (!isMap(given.config)) this.platform.complain('settings without config');
		const config = given.config ?? given;
		Object.assign((card.json.config ??= {}), config);
		this.configure(card, config);
	}

	update(card, { card: given }) {
		demand(given?.type === 'card_json', 99992402);
		card.json = this.cardJson(given.data);
		if (card.message) card.message.json = card.json;
		this.configure(card, card.json.config);
	}

	unfinished() {
		return [...this.cards.values()].filter(card => card.streaming && card.message);
	}

	// ---- clicks ----

	// The buttons a message shows: {text, value, ...}.
	buttons(message) {
		return message.json ? [...elementsOf(message.json.body)].filter(one => one.tag === 'button' && !one.disabled)
			.map(one => ({ ...one, label: one.text?.content ?? '',
				value: one.behaviors?.find(({ type }) => type === 'callback')?.value ?? one.value })) : [];
	}

	// A token by which the card may be changed later, twice within half an hour.
	token(message) {
		const token = id('c-');
		this.tokens.set(token, { message, at: this.platform.now(), uses: 0, answered: false });
		return token;
	}

	delayed(call, app) {
		const body = this.platform.json(call);
		const one = this.tokens.get(body.token);
		demand(one && one.message.app_id === app.app_id && this.platform.now() - one.at < 30 * 60_000 && one.uses < 2, 300080,
			{ msg: 'token is invalid' });
		if (!one.answered) this.platform.complain('a card is updated before its click was answered');
		one.uses++;
		one.message.json = checkCard(body.card, this.platform.options.tables);
		this.platform.posts.show(one.message);
		return { data: {} };
	}

	// What a click was answered with: {toast, card}.
	apply(message, response) {
		if (response.card === undefined) return;
		demand(response.card.type === 'raw' || response.card.type === 'template', 200672);
		if (response.card.type !== 'raw' || message.card?.streaming) return;
		message.json = checkCard(response.card.data, this.platform.options.tables);
		this.platform.posts.show(message);
	}
}
