// wecom.mjs - a stand-in for WeCom's AI bot platform: the long connection, the webhook side, media, robots of groups.
//
// One server on one port plays all hosts: the websocket of wecom/socket.mjs, the polls and posts of wecom/callback.mjs,
// the object store and uploads of wecom/files.mjs, robots, the QR console. wecom/view.mjs keeps what people see, and
// tests assert on that. The official SDK and crypto package are its judges: see wecom.test.mjs.
import * as bodies from './wecom/bodies.mjs';
import { CallbackSide } from './wecom/callback.mjs';
import { Console } from './wecom/console.mjs';
import { keyOf } from './wecom/crypt.mjs';
import { Files } from './wecom/files.mjs';
import { Robots } from './wecom/robots.mjs';
import { Refusal, checkCard } from './wecom/rules.mjs';
import { SocketSide } from './wecom/socket.mjs';
import { View } from './wecom/view.mjs';
import { StandIn } from './standin.mjs';

export class Wecom extends StandIn {
	// bots: [{bot_id, secret, name, token, encoding_aes_key}]. now(): ms. kickedCloseMs: until a kicked connection is
	// closed. pollMs: between polls of a stream. streamQuiet, streamLife: ms, where not the real ones. minute, hour:
	// messages of a bot in a chat, 0 for no limit. inFlight: questions of a person that a bot may leave unanswered before
	// the next does not get through (the real platform: 3), 0 for no limit. robotMinute: of a robot. record: keep frames.
	constructor(options = {}) {
		super({ kickedCloseMs: 2000, pollMs: 1000, minute: 0, hour: 0, inFlight: 0, robotMinute: 20, record: true, ...options });
		this.accounts = new Map();
		this.raced = 0; // frames sent while the one before was not answered
		this.feedbacks = [];
		this.rates = new Map();
		this.view = new View(this.now);
		this.socket = this.wires = new SocketSide(this);
		this.callback = new CallbackSide(this);
		this.files = new Files(this);
		this.robots = new Robots(this);
		this.console = new Console(this);
		for (const bot of options.bots ?? []) this.add(bot);
	}

	// deaf: pings are answered, messages do not come. noPongs: the other way round. latency: ms of every answer.
	// closeAfter: the connection ends at its n-th frame. All may be set on the account at any time.
	add(bot) {
		const key = bot.encoding_aes_key ? keyOf(bot.encoding_aes_key) : null;
		const account = { latency: 0, closeAfter: 0, deaf: false, noPongs: false, ...bot, key };
		Object.assign(account, { connection: null, spoken: new Map(), subscribed: [] });
		this.accounts.set(bot.bot_id, account);
		return account;
	}

	account(bot_id) {
		return this.accounts.get(bot_id);
	}

	// Of frames, not of HTTP.
	fault(fault) {
		return this.socket.fault(fault);
	}

	// 30 a minute and 1000 an hour in a conversation, where they are asked for.
	countRate({ bot_id, chat }) {
		const { minute, hour } = this.options;
		if (!minute && !hour) return;
		const now = this.now();
		const key = `${bot_id} ${chat}`;
		const times = (this.rates.get(key) ?? []).filter(time => now - time < 3600_000);
		this.rates.set(key, times);
		const recent = times.filter(time => now - time < 60_000).length;
		if ((minute && recent >= minute) || (hour && times.length >= hour)) throw new Refusal(45009);
		times.push(now);
	}

	// A card that was clicked becomes another one; for some people only, where userids says so.
	updateCard(bot_id, task_id, body) {
		if (body?.response_type !== 'update_template_card') throw new Refusal(40058, 'response_type');
		checkCard(body.template_card);
		if (body.template_card.task_id !== task_id) throw new Refusal(40058, 'task_id');
		const bubble = this.view.cardOf(bot_id, task_id);
		if (!bubble) throw new Refusal(40058, 'task_id');
		this.view.updateCard(bubble, body.template_card, body.userids);
	}

	// ---- what people do, to a bot on the long connection ----

	requestOf(kind, message, body) {
		const user = message.user ?? 'zhangsan';
		const chat = message.chat ?? user;
		const chat_type = message.chat ? 'group' : 'single';
		return { kind, chat, chat_type, user, msgid: body.msgid };
	}

	// {msgid, req_id, body, delivered}. message: see bodies.message(); with `body` it is delivered as it stands.
	say(bot_id, message) {
		const account = this.accounts.get(bot_id);
		const response_url = message.response_url === undefined ? this.callback.responseUrl(account, message) : message.response_url;
		const body = message.body ?? bodies.message(bot_id, { ...message, response_url });
		const request = this.requestOf('message', message, body);
		const { inFlight } = this.options;
		account.spoken.set(request.chat, request.chat_type);
		const hears = account.connection?.socket.readyState === 1;
		if (!hears || (inFlight && !this.view.mayAsk(bot_id, request.user, body.msgid, inFlight))) {
			return { msgid: body.msgid, req_id: false, body, delivered: false };
		}
		const req_id = this.socket.deliver(account, 'aibot_msg_callback', body, request);
		return { msgid: body.msgid, req_id, body, delivered: req_id !== false };
	}

	event(bot_id, message, what, kind, more = {}) {
		const account = this.accounts.get(bot_id);
		const body = bodies.event(bot_id, message, what, this.now());
		const req_id = this.socket.deliver(account, 'aibot_event_callback', body, { ...this.requestOf(kind, message, body), ...more });
		return { msgid: body.msgid, req_id, body, delivered: req_id !== false };
	}

	enter(bot_id, user = 'zhangsan') {
		this.accounts.get(bot_id).spoken.set(user, 'single');
		return this.event(bot_id, { user }, bodies.enterChat(), 'enter');
	}

	// Somebody presses a button of a card, found in a bubble. key: that of the button, or its text.
	click(bot_id, bubble, key, { user = bubble.user ?? 'zhangsan', msgid } = {}) {
		const { card } = bubble;
		const button = card.button_list?.find(one => one.key === key || one.text === key);
		const what = bodies.click(card, button?.key ?? key);
		const message = { user, msgid, chat: bubble.chat_type === 'group' ? bubble.chat : undefined };
		return this.event(bot_id, message, what, 'click', { task_id: card.task_id });
	}

	feedback(bot_id, feedback_id, type, user = 'zhangsan') {
		return this.event(bot_id, { user }, bodies.feedback(feedback_id, type), 'event');
	}

	// Anything at all, as it stands.
	raw(bot_id, frame) {
		this.accounts.get(bot_id).connection?.send(frame);
	}

	// ---- HTTP ----

	async serve(request, response) {
		const url = new URL(request.url, 'http://platform');
		const call = { at: Date.now(), method: request.method, path: url.pathname };
		this.calls.push(call);
		if (url.pathname.startsWith('/media/') && request.method === 'GET') return this.files.serve(request, response);
		const raw = await this.bodyOf(request);
		if (!raw) return undefined;
		const answer = this.route(url, request, raw);
		call.answer = answer;
		const text = JSON.stringify(answer ?? { errcode: 404 });
		response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json; charset=utf-8' });
		return response.end(text);
	}

	route(url, request, raw) {
		const ok = work => {
			try {
				return { errcode: 0, errmsg: 'ok', ...work() };
			} catch (error) {
				if (error instanceof SyntaxError) return { errcode: 40058, errmsg: 'no JSON' };
				if (!(error instanceof Refusal)) throw error;
				return { errcode: error.code, errmsg: error.message };
			}
		};
		switch (`${request.method} ${url.pathname}`) {
			case 'POST /cgi-bin/aibot/response':
				return ok(() => this.callback.respond(url, JSON.parse(raw)));
			case 'POST /cgi-bin/webhook/send':
				return ok(() => this.robots.send(url, JSON.parse(raw)));
			case 'POST /cgi-bin/webhook/upload_media':
				return ok(() => this.robots.upload(url, request.headers, raw));
			case 'GET /ai/qc/generate':
				return this.console.generate(url);
			case 'GET /ai/qc/query_result':
				return this.console.query(url);
			default:
				return null;
		}
	}
}

export const startWecom = (options = {}) => new Wecom(options).listen(options.port ?? 0);
export { bodies };
