// feishu.mjs - a stand-in for Feishu's open platform: the API that bots call, long connections, webhooks, cards.
//
// One server on one port plays all hosts: events over connections of feishu/link.mjs or to webhooks of callback.mjs,
// messages and reactions of messages.mjs, CardKit of cards.mjs, files.mjs, the custom bots of groups in robots.mjs, the QR
// console. It follows the documents: `code` beside the HTTP status, a uuid posts once an hour, rates, quotas, scopes. All
// calls are kept in order of arrival, and faults can be put in for single ones. The official SDK is its judge.
import * as bodies from './feishu/bodies.mjs';
import { CallbackSide } from './feishu/callback.mjs';
import { Cards } from './feishu/cards.mjs';
import { Console, PATH as REGISTRATION } from './feishu/console.mjs';
import { Files } from './feishu/files.mjs';
import { LinkSide, SERVICE } from './feishu/link.mjs';
import { Messages } from './feishu/messages.mjs';
import { Robots } from './feishu/robots.mjs';
import { Refusal, TABLES, wordsOf } from './feishu/rules.mjs';
import { checkScopes, interfaceOf, listScopes } from './feishu/scopes.mjs';
import { Tokens } from './feishu/tokens.mjs';
import { Rate, StandIn, objectOf } from './standin.mjs';

const HOUR = 3600_000;
const ENDPOINT = '/callback/ws/endpoint';

const DEFAULTS = {
	tokenLife: 7200, // seconds
	invalidTokenStatus: 400, // or 200
	chatRate: 5, // messages a second in a chat; like all rates 0 for no limit
	appRate: 50, // calls a second of an app to one interface
	patchRate: 5, // of a message
	cardRate: 10, // of a card
	hookSecond: 5, // of a custom bot
	hookMinute: 100,
	monthly: 0, // calls of the API, 0 for no limit
	ladder: [15_000, 300_000, HOUR, 6 * HOUR], // ms of redeliveries, on the clock of now()
	ackMs: 3000, // real time
	connections: 50, // of an app
	service: SERVICE,
	clientConfig: { ReconnectCount: -1, ReconnectInterval: 120, ReconnectNonce: 30, PingInterval: 120 },
	bigIds: false, // of frames: beyond what a double holds
	tables: TABLES, // of a card
	sequenceFirst: false, // of a card's operation that comes twice the sequence is looked at first, not the uuid
	record: true,
};

export class Feishu extends StandIn {
	// apps: [{app_id, app_secret, open_id, name, encrypt_key, verification_token, scopes: Set, disabled}]; more of options:
	// DEFAULTS, now(): ms, endpointUrl(ws_url, query).
	constructor(options = {}) {
		super({ ...DEFAULTS, ...options });
		this.apps = new Map();
		this.chats = new Map(); // chat_id -> what is told of it
		this.counts = { calls: 0, limited: 0 };
		this.appRate = new Rate(this.options.appRate);
		this.tokens = new Tokens(this);
		this.posts = new Messages(this);
		this.cards = new Cards(this);
		this.files = new Files(this);
		this.link = this.wires = new LinkSide(this);
		this.callback = new CallbackSide(this);
		this.robots = new Robots(this);
		this.console = new Console(this);
		for (const app of options.apps ?? []) this.add(app);
	}

	add(app) {
		const one = { activate_status: 2, ...app };
		this.apps.set(one.app_id, one);
		return one;
	}

	// ---- what people see ----

	// What bots posted, in order.
	get messages() {
		return this.posts.posted;
	}

	// message_id -> message, also those that people wrote.
	get known() {
		return this.posts.known;
	}

	get left() {
		return this.posts.left;
	}

	in(chat_id) {
		return this.messages.filter(message => message.chat_id === chat_id);
	}

	under(message_id) {
		return this.messages.filter(message => message.reply_to === message_id);
	}

	// ---- what people do ----

	// An event of a message that a person wrote; text may hold "@bot", which mentions the app's bot. More: bodies.message().
	messageEvent(app_id, { sender = 'ou_asker', sender_type = 'user', ...one }) {
		const app = this.apps.get(app_id);
		const body = bodies.message(app, one, this.now());
		const { message_id, chat_id, thread_id } = body;
		const told = body.mentions?.map(({ key, id, name }) => ({ key, id: id.open_id, id_type: 'open_id', name, tenant_key: bodies.TENANT }));
		this.known.set(message_id, { message_id, chat_id, thread_id, at: this.now(), from: sender, msg_type: body.message_type, content: body.content,
			reply_to: one.parent_id, children: one.children?.map(child => ({ message_id: bodies.id('om_'), at: this.now(), from: sender,
				upper_message_id: message_id, ...child })), ...(told ? { mentions_told: told } : {}) });
		return this.event(app_id, 'im.message.receive_v1', bodies.received(sender, sender_type, body));
	}

	event(app_id, event_type, event, more) {
		return bodies.envelope(this.apps.get(app_id), event_type, event, this.now(), more);
	}

	// Somebody writes where a bot of that app hears it over its connection: {message_id, event, delivery, push}.
	write(app_id, message, how = {}) {
		const event = this.messageEvent(app_id, message);
		const delivery = this.link.deliver(app_id, event, how);
		return { message_id: event.event.message.message_id, event, delivery, push: delivery.tries[0] };
	}

	// Its sender takes a message back; the event of it.
	recall(message_id, app_id) {
		const message = this.known.get(message_id);
		if (message) message.recalled = true;
		return app_id && this.event(app_id, 'im.message.recalled_v1', bodies.recalled(message_id, message?.chat_id, this.now()));
	}

	// Somebody presses a button (one of cards.buttons(), or its label): {event, answer, late, push or delivery}, once it was
	// answered or three seconds are over. url: of the webhook; else over the connection.
	async click(message, button, { user = 'ou_asker', url, ms = 3000, ...how } = {}) {
		const found = typeof button === 'string' ? this.cards.buttons(message).find(({ label }) => label === button) : button;
		const token = this.cards.token(message);
		const { message_id, chat_id } = message;
		const body = bodies.click({ user, token, message_id, chat_id,
			action: { value: found.value, ...(found.name ? { name: found.name } : {}), ...how.action } });
		const event = this.event(message.app_id, 'card.action.trigger', body, { create_time: String(this.now() * 1000) });
		const entry = { at: Date.now(), user, event, token, late: true };
		this.cards.clicks.push(entry);
		message.pressed = (message.pressed ?? 0) + 1;
		await (url ? this.clickByHook(message, event, entry, url, ms) : this.clickByLink(message, event, entry, ms, how));
		message.pressed--;
		entry.ms = Date.now() - entry.at;
		this.cards.tokens.get(token).answered = !entry.late;
		if (entry.answer) this.cards.apply(message, entry.answer);
		return entry;
	}

	async clickByHook(message, event, entry, url, ms) {
		entry.delivery = await this.callback.request(url, this.callback.pack(message.app_id, event), ms);
		entry.late = entry.delivery.status !== 200;
		if (!entry.late) entry.answer = JSON.parse(entry.delivery.body || '{}');
	}

	async clickByLink(message, event, entry, ms, { type, connection }) {
		entry.push = this.link.push(message.app_id, event, { ...(type ? { type } : {}), ...(connection ? { connection } : {}) });
		if (!entry.push) return;
		let timer;
		await Promise.race([entry.push.acked, new Promise(resolve => (timer = setTimeout(resolve, ms)))]);
		clearTimeout(timer);
		entry.late = !entry.push.ack;
		entry.answer = entry.push.data;
	}

	// ---- faults ----

	// For the next `times` calls, behind `skip` others, that match method, path (a string or RegExp), app_id, chat_id (of a
	// reply, that of the message answered; of a card's call, where it stands) and when(call): `delay` ms first, or until
	// `held`, a promise, is kept; then `status`, `code`, `msg`, `headers`, `body` instead of the work; or `reset`: 'before'
	// the work, or 'after' it was done; or `hang`: no answer at all, with the work done where hang is 'after'.
	fits(fault, call) {
		return super.fits(fault, call) && (!fault.app_id || fault.app_id === call.app_id) && (!fault.chat_id || fault.chat_id === this.chatOf(call));
	}

	chatOf(call) {
		const parts = call.path.split('/');
		if (parts[2] === 'cardkit') return this.cards.cards.get(parts[5])?.message?.chat_id;
		return this.known.get(parts[5])?.chat_id ?? call.body?.receive_id;
	}

	// ---- HTTP ----

	async serve(request, response) {
		const bytes = await this.bodyOf(request);
		if (!bytes) return undefined;
		const url = new URL(request.url, 'http://platform');
		const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
		const isForm = /^multipart\//.test(request.headers['content-type'] ?? '');
		const call = { at: this.now(), real: Date.now(), method: request.method, path: url.pathname, query: Object.fromEntries(url.searchParams),
			headers: request.headers, size: bytes.length, raw: isForm ? '' : bytes.toString('utf8'), token, app_id: this.tokens.tokens.get(token)?.app_id };
		if (isForm) Object.defineProperty(call, 'bytes', { value: bytes });
		else call.body = objectOf(call.raw);
		if (this.options.record) this.calls.push(call);
		return this.answer(call, request, response);
	}

	enter(call) {
		return this.cards.enter(call.path);
	}

	latencyOf() {
		return this.options.latency ?? 0;
	}

	note(call, answer) {
		call.answer = { status: answer.status, code: answer.body?.code, data: answer.body?.data };
		call.answered = Date.now();
		answer.headers = { 'x-tt-logid': bodies.id(''), ...answer.headers };
	}

	invented(fault, call) {
		if (!fault.status && fault.code === undefined && fault.body === undefined) return null;
		const code = fault.code ?? 1;
		const body = fault.body ?? { code, msg: fault.msg ?? wordsOf(code), error: { log_id: bodies.id('') } };
		return { status: fault.status ?? (call.path === ENDPOINT ? 200 : 400), headers: fault.headers ?? {}, body };
	}

	work(call) {
		if (call.path === ENDPOINT) return { status: 200, body: this.link.endpoint(call) };
		if (call.path === REGISTRATION) return this.console.post(call);
		try {
			const { binary, status = 200, type, headers, slow, ...body } = this.route(call);
			return binary ? { status, binary, type, headers, slow } : { status, body: { code: 0, msg: 'success', ...body } };
		} catch (error) {
			if (!(error instanceof Refusal)) throw error;
			const { code, status, headers } = error;
			return { status, headers, body: { code, msg: error.message, error: { log_id: bodies.id('') } } };
		}
	}

	route(call) {
		const parts = call.path.split('/').slice(1).map(decodeURIComponent);
		if (parts.shift() !== 'open-apis') throw new Refusal(99991663, { status: 404 });
		if (parts[0] === 'bot' && parts[1] === 'v2') return this.robots.send(call, parts[3]);
		if (parts.join('/') === 'auth/v3/tenant_access_token/internal') return this.tokens.give(this.json(call));
		const app = this.tokens.appOf(call);
		call.interface = interfaceOf(call.method, parts);
		this.admit(app, call.interface);
		return this.api(call, app, parts);
	}

	// Rates, the month's quota, scopes: in this order, and what is refused is not counted.
	admit(app, name) {
		if (!this.appRate.take(`${app.app_id} ${name}`, this.now())) {
			this.counts.limited++;
			throw new Refusal(99991400, { status: 429,
				headers: { 'x-ogw-ratelimit-limit': String(this.options.appRate), 'x-ogw-ratelimit-reset': '1' } });
		}
		if (this.options.monthly && this.counts.calls >= this.options.monthly) throw new Refusal(99991403);
		this.counts.calls++;
		checkScopes(app, name);
	}

	api(call, app, parts) {
		const [area, , kind] = parts;
		if (area === 'cardkit' && kind === 'cards') return this.cards.route(call, app, parts.slice(3));
		if (area === 'im' && kind === 'messages') return this.posts.route(call, app, parts.slice(3));
		switch (call.interface) {
			case 'POST im/v1/images':
				return this.files.upload(call, app, 'image');
			case 'POST im/v1/files':
				return this.files.upload(call, app, 'file');
			case 'GET bot/v3/info':
				return { msg: 'ok', bot: info(app) };
			case 'GET application/v6/scopes':
				return { data: { scopes: listScopes(app) } };
			case 'GET im/v1/chats/:id':
				return { data: { name: '项目一组', chat_mode: 'group', group_message_type: 'chat', external: false, ...this.chats.get(parts[3]) } };
			case 'POST interactive/v1/card/update':
				return this.cards.delayed(call, app);
			default:
				throw new Refusal(230001, { status: 404 });
		}
	}

	json(call, code = 230001) {
		if (!/^application\/json\b/.test(call.headers['content-type'] ?? '') || !call.body) throw new Refusal(code);
		return call.body;
	}

	// All calls of one interface: "POST im/v1/messages/:id/reply", or a part of it.
	callsOf(name) {
		return this.calls.filter(call => call.interface?.includes(name));
	}

	// ---- webhooks ----

	get deliveries() {
		return this.callback.deliveries;
	}

	pack(...all) {
		return this.callback.pack(...all);
	}

	request(...all) {
		return this.callback.request(...all);
	}

	verify(...all) {
		return this.callback.verify(...all);
	}

	deliver(...all) {
		return this.callback.deliver(...all);
	}

	// A person writes: builds the event and delivers it to a webhook.
	async say(app_id, url, message) {
		const event = this.messageEvent(app_id, message);
		const result = await this.deliver(app_id, url, event);
		return { ...result, message_id: event.event.message.message_id };
	}

	revoke(app_id) {
		this.tokens.revoke(app_id);
	}
}

function info(app) {
	return { activate_status: app.activate_status, app_name: app.name ?? '小助手', avatar_url: 'https://example.invalid/a.png', ip_white_list: [],
		open_id: app.open_id };
}

export const startFeishu = (options = {}) => new Feishu(options).listen(options.port ?? 0);
export { bodies };
