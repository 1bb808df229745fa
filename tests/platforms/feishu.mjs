// feishu.mjs - a stand-in for open.feishu.cn: the API that bots call, and the webhooks it delivers.
//
// It follows the platform's documents: one token while 30 minutes of it remain, `code` beside the HTTP status, a uuid
// posts once an hour, five messages a second in a chat. All that arrives is kept in order of arrival, and faults can
// be put in for single calls: a status, a code, a delay, a connection that breaks before or after the work was done.
// The official SDK is its judge: see feishu.test.mjs. No dependencies; Node 18 and up.
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import http from 'node:http';

const HOUR = 3600_000;
const LADDER = [15_000, 300_000, HOUR, 6 * HOUR];
const TOKEN_KEPT = 30 * 60_000; // a token with more to live is given again
const TYPES = [
	'text',
	'post',
	'image',
	'file',
	'audio',
	'media',
	'sticker',
	'interactive',
	'share_chat',
	'share_user',
];
const MOST = { text: 150 * 1024, post: 30 * 1024, interactive: 30 * 1024 };
const BODY_MOST = 4 * 1024 * 1024;

const id = prefix => prefix + randomBytes(16).toString('hex');
const sleep = ms => new Promise(done => setTimeout(done, ms));

const WORDS = {
	0: 'success',
	10014: 'app unavailable',
	10015: 'app secret invalid',
	230001: 'Your request contains an invalid request parameter.',
	230002: 'Bot/User can NOT be out of the chat.',
	230011: 'The message is recalled.',
	230020: 'This operation triggers the frequency limit.',
	230025: 'The length of the message content reaches its limit.',
	230049: 'The message is being sent.',
	230072: 'The message has reached the number of times it can be edited.',
	231003: 'The message is not found.',
	99991400: 'request trigger frequency limit',
	99991661: 'Missing access token for authorization.',
	99991663: 'Invalid access token for authorization.',
};

class Refusal extends Error {
	constructor(code, more = {}) {
		super(WORDS[code] ?? 'refused');
		Object.assign(this, { code, status: 400, headers: {} }, more);
	}
}

// How many fell into the last second; the oldest beyond it are forgotten.
class Rate {
	constructor(most) {
		this.most = most;
		this.times = new Map();
	}

	take(key, now) {
		if (!this.most) return true;
		const recent = (this.times.get(key) ?? []).filter(time => now - time < 1000);
		this.times.set(key, recent);
		if (recent.length >= this.most) return false;
		recent.push(now);
		return true;
	}
}

export class Feishu {
	// apps: [{app_id, app_secret, open_id, name, encrypt_key, verification_token}]. tokenLife in seconds. now(): ms.
	// invalidTokenStatus: 400 or 200. chatRate, appRate: messages a second, 0 for no limit. ladder: ms of redeliveries.
	constructor(options = {}) {
		this.options = {
			tokenLife: 7200,
			chatRate: 5,
			appRate: 50,
			invalidTokenStatus: 400,
			ladder: LADDER,
			...options,
		};
		this.now = options.now ?? (() => Date.now());
		this.apps = new Map((options.apps ?? []).map(app => [app.app_id, { activate_status: 2, ...app }]));
		this.calls = []; // all requests, in order of arrival
		this.messages = []; // what was posted, in order
		this.deliveries = []; // each try of a webhook
		this.known = new Map(); // message_id -> message, also those that people wrote
		this.tokens = new Map(); // token -> {app_id, ends}
		this.uuids = new Map(); // app and uuid -> {message, at}
		this.left = new Set(); // chats the bots are not in
		this.faults = [];
		this.chatRate = new Rate(this.options.chatRate);
		this.appRate = new Rate(this.options.appRate);
		this.agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
		this.server = http.createServer((request, response) => this.serve(request, response));
		this.server.keepAliveTimeout = 60_000;
		this.closed = false;
	}

	async listen(port = 0, host = '127.0.0.1') {
		await new Promise((resolve, reject) => {
			this.server.once('error', reject);
			this.server.listen(port, host, resolve);
		});
		this.url = `http://${host}:${this.server.address().port}`;
		return this;
	}

	async close() {
		this.closed = true;
		this.agent.destroy();
		this.server.closeAllConnections();
		await new Promise(resolve => this.server.close(resolve));
	}

	// ---- faults ----

	// For the next `times` calls, behind `skip` others, that match method, path (a string or RegExp), app_id and
	// chat_id (of a reply, that of the message answered): `delay` ms first; then
	// `status`, `code`, `msg`, `headers`, `body` instead of the work; or `reset`: 'before' the work, or 'after' it was
	// done; or `hang`: no answer at all, with the work done where hang is 'after'.
	fault(fault) {
		this.faults.push({ times: 1, ...fault });
		return this;
	}

	takeFault(call) {
		const at = this.faults.findIndex(
			fault =>
				(!fault.method || fault.method === call.method) &&
				(!fault.app_id || fault.app_id === call.app_id) &&
				(!fault.chat_id || fault.chat_id === this.chatOf(call)) &&
				(!fault.path ||
					(fault.path instanceof RegExp ? fault.path.test(call.path) : call.path === fault.path)),
		);
		if (at < 0) return null;
		const fault = this.faults[at];
		if (fault.skip-- > 0) return null;
		if (--fault.times <= 0) this.faults.splice(at, 1);
		return fault;
	}

	chatOf(call) {
		const parts = call.path.split('/');
		if (parts[6] === 'reply') return this.known.get(parts[5])?.chat_id;
		try {
			return JSON.parse(call.raw).receive_id;
		} catch {
			return undefined;
		}
	}

	// All tokens of an app are refused from now on; the next one asked for is new.
	revoke(app_id) {
		for (const [token, { app_id: owner }] of this.tokens) {
			if (owner === app_id) this.tokens.delete(token);
		}
	}

	recall(message_id) {
		const message = this.known.get(message_id);
		if (message) message.recalled = true;
	}

	// ---- the API ----

	async serve(request, response) {
		const chunks = [];
		let size = 0;
		try {
			for await (const chunk of request) {
				size += chunk.length;
				if (size > BODY_MOST) return request.destroy();
				chunks.push(chunk);
			}
		} catch {
			return; // the client went away
		}
		const raw = Buffer.concat(chunks);
		const url = new URL(request.url, 'http://platform');
		const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
		const call = {
			at: this.now(),
			method: request.method,
			path: url.pathname,
			query: Object.fromEntries(url.searchParams),
			headers: request.headers,
			raw: raw.toString('utf8'),
			token,
			app_id: this.tokens.get(token)?.app_id,
		};
		this.calls.push(call);
		await this.answer(call, request, response);
	}

	async answer(call, request, response) {
		const fault = this.takeFault(call);
		if (fault?.delay) await sleep(fault.delay);
		if (fault?.reset === 'before') return request.socket.destroy();
		if (fault?.hang && fault.hang !== 'after') return;
		const invented = fault && (fault.status || fault.code !== undefined || fault.body !== undefined);
		const answer = invented ? this.invented(fault) : this.work(call);
		call.answer = { status: answer.status, code: answer.body?.code };
		if (fault?.reset === 'after') return request.socket.destroy();
		if (fault?.hang === 'after') return;
		const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
		response.writeHead(answer.status, {
			'content-type': 'application/json; charset=utf-8',
			'x-tt-logid': id(''),
			'content-length': Buffer.byteLength(text),
			...answer.headers,
		});
		response.end(text);
	}

	invented(fault) {
		const code = fault.code ?? 1;
		const body = fault.body ?? {
			code,
			msg: fault.msg ?? WORDS[code] ?? 'invented',
			error: { log_id: id('') },
		};
		return { status: fault.status ?? 400, headers: fault.headers ?? {}, body };
	}

	work(call) {
		try {
			const body = this.route(call);
			return { status: 200, headers: {}, body: { code: 0, msg: 'success', ...body } };
		} catch (error) {
			if (!(error instanceof Refusal)) throw error;
			const { code, status, headers } = error;
			return { status, headers, body: { code, msg: error.message, error: { log_id: id('') } } };
		}
	}

	route(call) {
		const parts = call.path.split('/').slice(1).map(decodeURIComponent);
		if (parts.shift() !== 'open-apis') throw new Refusal(99991663, { status: 404 });
		const name = `${call.method} ${parts.join('/')}`;
		if (name === 'POST auth/v3/tenant_access_token/internal') return this.giveToken(this.json(call));
		const app = this.appOf(call);
		if (name === 'GET bot/v3/info') return { msg: 'ok', bot: this.info(app) };
		if (parts[0] === 'im' && parts[1] === 'v1' && parts[2] === 'messages') {
			return this.routeMessage(call, app, parts.slice(3));
		}
		if (name.startsWith('GET im/v1/chats/')) {
			return { data: { name: '项目一组', chat_mode: 'group', group_message_type: 'chat', external: false } };
		}
		throw new Refusal(230001, { status: 404 });
	}

	routeMessage(call, app, parts) {
		if (call.method === 'POST' && parts.length === 0) return this.create(call, app);
		const message = this.known.get(parts[0]);
		if (call.method === 'POST' && parts[1] === 'reply') return this.reply(call, app, message);
		if (call.method === 'POST' && parts[1] === 'reactions') return this.react(call, app, message);
		if (!message) throw new Refusal(231003);
		if (call.method === 'DELETE' && parts[1] === 'reactions') {
			return { data: message.reactions?.get(parts[2]) ?? {} };
		}
		if (call.method === 'GET' && parts.length === 1) return { data: { items: [shown(message)] } };
		if (message.app_id !== app.app_id) throw new Refusal(230071); // not its own
		if (call.method === 'DELETE') {
			message.recalled = true;
			return { data: {} };
		}
		if (call.method === 'PUT') return this.edit(call, message);
		if (call.method === 'PATCH') return this.patch(call, message);
		throw new Refusal(230001, { status: 404 });
	}

	json(call) {
		if (!/^application\/json\b/.test(call.headers['content-type'] ?? '')) throw new Refusal(230001);
		try {
			const body = JSON.parse(call.raw);
			if (body && typeof body === 'object') return (call.body = body);
		} catch {
			/* refused below */
		}
		throw new Refusal(230001);
	}

	appOf(call) {
		if (!call.token) throw new Refusal(99991661);
		const owner = this.tokens.get(call.token);
		if (!owner || owner.ends <= this.now()) {
			throw new Refusal(99991663, { status: this.options.invalidTokenStatus });
		}
		return this.apps.get(owner.app_id);
	}

	giveToken({ app_id, app_secret }) {
		const app = this.apps.get(app_id);
		if (!app || app.app_secret !== app_secret) throw new Refusal(10015, { status: 200 });
		if (app.disabled) throw new Refusal(10014, { status: 200 });
		const now = this.now();
		const life = (app.tokenLife ?? this.options.tokenLife) * 1000;
		let [token, entry] = [...this.tokens].reverse().find(([, given]) => given.app_id === app_id) ?? [];
		if (!entry || entry.ends - now < Math.min(TOKEN_KEPT, life / 4)) {
			token = id('t-');
			entry = { app_id, ends: now + life };
			this.tokens.set(token, entry);
		}
		return { msg: 'ok', tenant_access_token: token, expire: Math.floor((entry.ends - now) / 1000) };
	}

	info(app) {
		return {
			activate_status: app.activate_status,
			app_name: app.name ?? '小助手',
			avatar_url: 'https://example.invalid/a.png',
			ip_white_list: [],
			open_id: app.open_id,
		};
	}

	// ---- messages ----

	create(call, app) {
		const body = this.json(call);
		const kind = call.query.receive_id_type;
		if (!['chat_id', 'open_id', 'union_id', 'user_id', 'email'].includes(kind)) throw new Refusal(230001);
		if (typeof body.receive_id !== 'string' || body.receive_id === '') throw new Refusal(230001);
		const prefix = { chat_id: 'oc_', open_id: 'ou_', union_id: 'on_' }[kind] ?? '';
		if (!body.receive_id.startsWith(prefix)) throw new Refusal(230001);
		return this.post(call, app, body, { chat_id: body.receive_id, receive_id_type: kind });
	}

	reply(call, app, message) {
		const body = this.json(call);
		if (!message) throw new Refusal(231003);
		if (message.recalled) throw new Refusal(230011);
		return this.post(call, app, body, {
			chat_id: message.chat_id,
			reply_to: message.message_id,
			thread_id: message.thread_id,
		});
	}

	post(call, app, body, where) {
		const now = this.now();
		const content = checkContent(call, body);
		if (this.left.has(where.chat_id)) throw new Refusal(230002);
		const key = body.uuid ? `${app.app_id} ${body.uuid}` : null;
		const before = key ? this.uuids.get(key) : null;
		if (before && now - before.at < HOUR) {
			call.repeated = true;
			return { data: shown(before.message) };
		}
		this.checkRates(app, where.chat_id, now);
		const message = {
			message_id: id('om_'),
			app_id: app.app_id,
			msg_type: body.msg_type,
			content,
			uuid: body.uuid,
			at: now,
			text: textOf(body.msg_type, content),
			edits: 0,
			...where,
		};
		this.messages.push(message);
		this.known.set(message.message_id, message);
		if (key) this.uuids.set(key, { message, at: now });
		return { data: shown(message) };
	}

	checkRates(app, chat, now) {
		if (!this.appRate.take(app.app_id, now)) {
			throw new Refusal(99991400, {
				status: 429,
				headers: { 'x-ogw-ratelimit-limit': String(this.options.appRate), 'x-ogw-ratelimit-reset': '1' },
			});
		}
		if (!this.chatRate.take(chat, now)) throw new Refusal(230020);
	}

	edit(call, message) {
		const body = this.json(call);
		if (!['text', 'post'].includes(body.msg_type) || message.msg_type === 'interactive')
			throw new Refusal(230001);
		if (++message.edits > 20) throw new Refusal(230072);
		message.content = checkContent(call, body);
		message.text = textOf(body.msg_type, message.content);
		return { data: shown(message) };
	}

	patch(call, message) {
		if (message.msg_type !== 'interactive') throw new Refusal(230001);
		message.content = checkContent(call, { ...this.json(call), msg_type: 'interactive' });
		return { data: {} };
	}

	react(call, app, message) {
		const type = this.json(call).reaction_type?.emoji_type;
		if (!message) throw new Refusal(231003);
		if (typeof type !== 'string') throw new Refusal(231001);
		const reaction = { reaction_id: id(''), reaction_type: { emoji_type: type } };
		message.reactions = (message.reactions ?? new Map()).set(reaction.reaction_id, reaction);
		return { data: reaction };
	}

	// ---- webhooks ----

	// An event of a message that a person wrote; text may hold "@bot", which mentions the app's bot.
	messageEvent(
		app_id,
		{
			chat_id = 'oc_group',
			chat_type = 'group',
			sender = 'ou_asker',
			text = '',
			message_type = 'text',
			content,
			thread_id,
			message_id = id('om_'),
			mentions = [],
			sender_type = 'user',
		},
	) {
		const app = this.apps.get(app_id);
		const now = this.now();
		const named = text.includes('@bot')
			? [
					{
						key: '@_user_1',
						id: { open_id: app.open_id, union_id: id('on_'), user_id: '' },
						mentioned_type: 'bot',
						name: app.name ?? '小助手',
						tenant_key: 'tenant',
					},
					...mentions,
				]
			: mentions;
		const message = {
			message_id,
			create_time: String(now),
			update_time: String(now),
			chat_id,
			chat_type,
			message_type,
			content: JSON.stringify(content ?? { text: text.replaceAll('@bot', '@_user_1') }),
			...(thread_id ? { thread_id } : {}),
			...(named.length > 0 ? { mentions: named } : {}),
		};
		this.known.set(message_id, { message_id, chat_id, thread_id, at: now, from: sender });
		return this.envelope(app_id, 'im.message.receive_v1', {
			sender: { sender_id: { open_id: sender, union_id: id('on_') }, sender_type, tenant_key: 'tenant' },
			message,
		});
	}

	envelope(app_id, event_type, event) {
		const app = this.apps.get(app_id);
		return {
			schema: '2.0',
			header: {
				event_id: id(''),
				token: app.verification_token,
				create_time: String(this.now()),
				event_type,
				tenant_key: 'tenant',
				app_id,
			},
			event,
		};
	}

	// The bytes and headers of one delivery. signed: not for the console's check of an address.
	pack(app_id, object, { signed = true } = {}) {
		const { encrypt_key: key } = this.apps.get(app_id);
		const headers = { 'content-type': 'application/json; charset=utf-8' };
		const plain = JSON.stringify(object);
		if (!key) return { body: plain, headers };
		const iv = randomBytes(16);
		const cipher = createCipheriv('aes-256-cbc', createHash('sha256').update(key).digest(), iv);
		const encrypt = Buffer.concat([iv, cipher.update(plain, 'utf8'), cipher.final()]).toString('base64');
		const body = JSON.stringify({ encrypt });
		if (signed) {
			const timestamp = String(Math.floor(this.now() / 1000));
			const nonce = randomBytes(8).toString('hex');
			headers['x-lark-request-timestamp'] = timestamp;
			headers['x-lark-request-nonce'] = nonce;
			headers['x-lark-signature'] = createHash('sha256')
				.update(timestamp + nonce + key + body)
				.digest('hex');
		}
		return { body, headers };
	}

	// One request: {status, body} or {error}. 3 s, as the platform.
	request(url, { body, headers }, timeout = 3000) {
		return new Promise(resolve => {
			const options = {
				method: 'POST',
				agent: this.agent,
				timeout,
				headers: { ...headers, 'content-length': Buffer.byteLength(body) },
			};
			const request = http.request(url, options, response => {
				const chunks = [];
				response.on('data', chunk => chunks.push(chunk));
				response.on('end', () =>
					resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString('utf8') }),
				);
				response.on('error', error => resolve({ error: error.message }));
			});
			request.on('timeout', () => request.destroy(new Error('timeout')));
			request.on('error', error => resolve({ error: error.message }));
			request.end(body);
		});
	}

	// What the console does when an administrator saves the address: the challenge must come back within a second.
	async verify(app_id, url) {
		const challenge = randomBytes(12).toString('hex');
		const object = { challenge, token: this.apps.get(app_id).verification_token, type: 'url_verification' };
		const answer = await this.request(url, this.pack(app_id, object, { signed: false }), 1000);
		let echoed;
		try {
			echoed = JSON.parse(answer.body).challenge;
		} catch {
			/* no JSON: not verified */
		}
		return answer.status === 200 && echoed === challenge;
	}

	// Delivers until it is answered with 200, at most once more than the ladder has steps. {acknowledged, tries}.
	async deliver(app_id, url, object) {
		const tries = [];
		for (const wait of [0, ...this.options.ladder]) {
			if (wait > 0) await sleep(wait);
			if (this.closed) break;
			const started = this.now();
			const answer = await this.request(url, this.pack(app_id, object));
			const entry = { app_id, event: object, at: started, ms: this.now() - started, ...answer };
			tries.push(entry);
			this.deliveries.push(entry);
			if (answer.status === 200) return { acknowledged: true, tries };
		}
		return { acknowledged: false, tries };
	}

	// A person writes: builds the event and delivers it.
	async say(app_id, url, message) {
		const event = this.messageEvent(app_id, message);
		const result = await this.deliver(app_id, url, event);
		return { ...result, message_id: event.event.message.message_id };
	}
}

// ---- what may be sent ----

function checkContent(call, body) {
	if (!TYPES.includes(body.msg_type) || typeof body.content !== 'string') throw new Refusal(230001);
	if (body.uuid !== undefined && (typeof body.uuid !== 'string' || body.uuid.length > 50))
		throw new Refusal(230001);
	if (Buffer.byteLength(call.raw) > (MOST[body.msg_type] ?? BODY_MOST)) throw new Refusal(230025);
	let content;
	try {
		content = JSON.parse(body.content);
	} catch {
		throw new Refusal(230001);
	}
	if (!content || typeof content !== 'object') throw new Refusal(230001);
	if (body.msg_type === 'text' && (typeof content.text !== 'string' || content.text === ''))
		throw new Refusal(230001);
	if (body.msg_type === 'post') checkPost(content);
	return content;
}

// Language first; paragraphs of nodes; Markdown stands alone in its paragraph.
function checkPost(content) {
	const languages = Object.values(content);
	if (languages.length === 0 || Object.keys(content).some(key => !/^[a-z]{2}_[a-z]{2}$/.test(key))) {
		throw new Refusal(230001);
	}
	for (const { content: paragraphs } of languages) {
		if (!Array.isArray(paragraphs) || !paragraphs.every(Array.isArray)) throw new Refusal(230001);
		for (const nodes of paragraphs) {
			const alone = nodes.some(node => node?.tag === 'md' || node?.tag === 'img' || node?.tag === 'media');
			if (alone && nodes.length > 1) throw new Refusal(230001);
			if (!nodes.every(node => typeof node?.tag === 'string')) throw new Refusal(230001);
		}
	}
}

function textOf(type, content) {
	if (type === 'text') return content.text;
	if (type !== 'post') return undefined;
	const [{ content: paragraphs }] = Object.values(content);
	return paragraphs.map(nodes => nodes.map(node => node.text ?? '').join('')).join('\n');
}

function shown(message) {
	const { message_id, chat_id, thread_id, msg_type, at, recalled } = message;
	return {
		message_id,
		chat_id,
		msg_type,
		create_time: String(at),
		update_time: String(at),
		deleted: Boolean(recalled),
		...(thread_id ? { thread_id } : {}),
		...(message.reply_to ? { parent_id: message.reply_to } : {}),
		body: { content: JSON.stringify(message.content ?? {}) },
	};
}

export const startFeishu = (options = {}) => new Feishu(options).listen(options.port ?? 0);
