// callback.mjs - the webhook of a bot: encrypted bodies posted to it, the streams that are polled from it, and the one
// message that a response_url takes.
//
// The answer of a bot is held to what the documents say: sealed with an empty receive id, signed over the nonce of the
// request, a stream for a message, the same id in every poll. What is wrong is a complaint, and no bubble changes.
import http from 'node:http';
import { ask } from '../standin.mjs';
import * as bodies from './bodies.mjs';
import { open, seal, sign } from './crypt.mjs';
import { Refusal, checkCard, checkMarkdown, checkStream } from './rules.mjs';

const ANSWER = 5_000;
const VERIFY = 1_000;
const STREAM = 6 * 60_000;
const RESPONSE = 3600_000;
const RETRIES = 3;

export class CallbackSide {
	constructor(platform) {
		this.platform = platform;
		this.deliveries = []; // each try: {at, ms, status, body, answer, error}
		this.codes = new Map(); // response_code -> {account, chat, ..., ends, used}
		this.polling = new Set();
		this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
	}

	close() {
		for (const poll of this.polling) clearTimeout(poll.timer);
		this.polling.clear();
		this.agent.destroy();
	}

	// ---- one request ----

	request(url, method, body, timeout, headers = {}) {
		return ask(url, { method, headers, body, agent: this.agent, limit: timeout });
	}

	query(account, encrypt, nonce) {
		const timestamp = String(Math.floor(this.platform.now() / 1000));
		return new URLSearchParams({ msg_signature: sign(account.token, timestamp, nonce, encrypt), timestamp, nonce });
	}

	// What the console does when the address is saved: the plain text must come back, alone, within a second.
	async verify(bot_id, url) {
		const account = this.platform.accounts.get(bot_id);
		const echo = String(BigInt(`0x${bodies.id().slice(0, 15)}`) + 10n ** 18n).slice(0, 19);
		const echostr = seal(account.key, echo);
		const query = this.query(account, echostr, bodies.id().slice(0, 10));
		query.set('echostr', echostr);
		const answer = await this.request(`${url}?${query}`, 'GET', undefined, VERIFY);
		return answer.status === 200 && answer.text === echo;
	}

	// Posts one body; the try, with what the bot answered, opened: `reply`, null for nothing.
	async post(account, url, body, { headers = { 'content-type': 'application/json' } } = {}) {
		const encrypt = seal(account.key, JSON.stringify(body));
		const nonce = bodies.id().slice(0, 10);
		const query = this.query(account, encrypt, nonce);
		const answer = await this.request(`${url}?${query}`, 'POST', JSON.stringify({ encrypt }), ANSWER, headers);
		const entry = { ...answer, body, reply: null };
		if (answer.status === 200) {
			try {
				entry.reply = this.openAnswer(account, answer.text, nonce);
			} catch (error) {
				entry.error = error.message;
				this.platform.complain(`an answer that cannot be opened: ${error.message}: ${answer.text.slice(0, 200)}`);
			}
		}
		if (this.platform.options.record) this.deliveries.push(entry);
		return entry;
	}

	openAnswer(account, text, nonce) {
		if (text === '') return null;
		const envelope = JSON.parse(text);
		const { encrypt, msgsignature, timestamp } = envelope;
		if (typeof timestamp !== 'number') throw new Error('timestamp');
		if (envelope.nonce !== nonce) throw new Error('nonce');
		if (sign(account.token, String(timestamp), nonce, encrypt) !== msgsignature) throw new Error('signature');
		const reply = JSON.parse(open(account.key, encrypt));
		return Object.keys(reply).length === 0 ? null : reply;
	}

	// Posts until it is answered with 200. url: a string, or a function that says which at each try.
	async deliver(account, url, body, options = {}) {
		const { tries = 1 + RETRIES, wait = 300 } = options;
		let last;
		for (let i = 0; i < tries; i++) {
			if (i > 0) await this.platform.pause(wait);
			last = await this.post(account, typeof url === 'function' ? url() : url, body, options);
			if (last.status === 200) break;
		}
		return last;
	}

	// ---- what people do ----

	responseUrl(account, message) {
		const code = bodies.id('code');
		const where = { bot_id: account.bot_id, chat: message.chat ?? message.user ?? 'zhangsan', user: message.user ?? 'zhangsan' };
		this.codes.set(code, { ...where, chat_type: message.chat ? 'group' : 'single', ends: this.platform.now() + RESPONSE });
		return `${this.platform.url}/cgi-bin/aibot/response?response_code=${code}`;
	}

	where(body, via = 'callback') {
		const user = body.from.userid;
		return { bot_id: body.aibotid, via, chat: body.chatid ?? user, chat_type: body.chattype, question: body.msgid, user };
	}

	// A person writes: delivers, shows what is answered, polls until the stream has ended. {msgid, body, delivery}.
	async say(bot_id, url, message, options = {}) {
		const account = this.platform.accounts.get(bot_id);
		const response_url = message.response_url ?? this.responseUrl(account, message);
		const body = message.body ?? bodies.message(bot_id, { ...message, response_url });
		const code = this.codes.get(new URL(body.response_url ?? response_url).searchParams.get('response_code'));
		if (code) code.question = body.msgid;
		const delivery = await this.deliver(account, url, body, options);
		if (delivery.reply) this.showMessageReply(account, url, body, delivery.reply, options);
		return { msgid: body.msgid, body, delivery };
	}

	showMessageReply(account, url, body, reply, options) {
		const { view } = this.platform;
		const where = this.where(body);
		try {
			if (reply.msgtype === 'template_card' || reply.msgtype === 'stream_with_template_card') {
				checkCard(reply.template_card);
				view.add({ ...where, kind: 'card', card: reply.template_card });
			}
			if (reply.msgtype === 'stream' || reply.msgtype === 'stream_with_template_card') {
				this.beginStream(account, url, body, reply.stream, options);
			} else if (reply.msgtype !== 'template_card') {
				throw new Refusal(40008, String(reply.msgtype));
			}
		} catch (error) {
			this.platform.complain(`a message answered with ${JSON.stringify(reply).slice(0, 300)}: ${error.message}`);
		}
	}

	// A repeated delivery that is answered with the same stream goes on in the same bubble.
	beginStream(account, url, body, stream, { poll = true } = {}) {
		const { view } = this.platform;
		const known = stream?.id ? view.streamOf(account.bot_id, stream.id) : null;
		checkStream(stream, true); // a delivery that is repeated is answered as the first one was
		const bubble = known ?? view.openStream({ ...this.where(body), feedback_id: stream.feedback?.id }, stream.id);
		if (bubble.question !== body.msgid) throw new Refusal(40058, 'a stream id of another message');
		view.show(bubble, stream);
		if (!stream.finish && !known && poll) this.poll(account, url, body, bubble);
	}

	// Every second, until finish or six minutes after the message.
	poll(account, url, body, bubble) {
		const turn = { timer: null };
		this.polling.add(turn);
		const next = () => {
			turn.timer = setTimeout(async () => {
				if (!this.polling.has(turn)) return;
				if (await this.refresh(account, url, body, bubble)) return this.polling.delete(turn);
				if (this.polling.has(turn)) next();
			}, this.platform.options.pollMs);
		};
		next();
	}

	// One poll; whether it was the last.
	async refresh(account, url, body, bubble) {
		if (this.platform.now() - bubble.born >= (this.platform.options.streamLife ?? STREAM)) {
			bubble.expired = !bubble.finished;
			return true;
		}
		const where = { chat: body.chatid, user: body.from.userid };
		const entry = await this.post(account, typeof url === 'function' ? url() : url,
			bodies.refresh(account.bot_id, where, bubble.stream_id));
		bubble.polls = (bubble.polls ?? 0) + 1;
		if (entry.status !== 200 || !entry.reply) {
			bubble.misses = (bubble.misses ?? 0) + 1;
			return false;
		}
		try {
			const { reply } = entry;
			if (!reply.msgtype?.startsWith('stream')) throw new Refusal(40008, String(reply.msgtype));
			checkStream(reply.stream, false);
			if (reply.stream.id !== bubble.stream_id) throw new Refusal(40058, 'stream.id');
			if (reply.template_card) {
				checkCard(reply.template_card);
				this.platform.view.add({ ...this.where(body), kind: 'card', card: reply.template_card });
			}
			this.platform.view.show(bubble, reply.stream);
		} catch (error) {
			this.platform.complain(`a poll answered with ${JSON.stringify(entry.reply).slice(0, 300)}: ${error.message}`);
		}
		return bubble.finished;
	}

	// ---- events: delivered once ----

	async event(bot_id, url, message, what) {
		const account = this.platform.accounts.get(bot_id);
		const response_url = what.eventtype === 'feedback_event' ? undefined : this.responseUrl(account, message);
		const body = bodies.event(bot_id, { ...message, response_url }, what, this.platform.now());
		const delivery = await this.deliver(account, url, body, { tries: 1 });
		if (delivery.reply) this.showEventReply(account, body, what, delivery.reply);
		return { msgid: body.msgid, body, delivery };
	}

	showEventReply(account, body, what, reply) {
		const where = this.where(body, 'welcome');
		try {
			if (what.eventtype === 'enter_chat' && reply.msgtype === 'text') {
				if (!reply.text?.content) throw new Refusal(44004);
				this.platform.view.add({ ...where, kind: 'text', text: reply.text.content });
			} else if (what.eventtype === 'enter_chat' && reply.msgtype === 'template_card') {
				checkCard(reply.template_card);
				this.platform.view.add({ ...where, kind: 'card', card: reply.template_card });
			} else if (what.eventtype === 'template_card_event') {
				this.platform.updateCard(account.bot_id, what.template_card_event.task_id, reply);
			} else {
				throw new Refusal(40008);
			}
		} catch (error) {
			this.platform.complain(`${what.eventtype} answered with ${JSON.stringify(reply).slice(0, 300)}: ${error.message}`);
		}
	}

	// ---- response_url ----

	respond(url, body) {
		const code = this.codes.get(url.searchParams.get('response_code'));
		if (!code || code.used || code.ends <= this.platform.now()) throw new Refusal(60140);
		const where = { bot_id: code.bot_id, via: 'response_url', chat: code.chat, chat_type: code.chat_type,
			question: code.question, user: code.user };
		if (body.msgtype === 'markdown') {
			checkMarkdown(body.markdown);
			this.platform.view.add({ ...where, kind: 'markdown', text: body.markdown.content });
		} else if (body.msgtype === 'template_card' && code.chat_type === 'single') {
			checkCard(body.template_card);
			this.platform.view.add({ ...where, kind: 'card', card: body.template_card });
		} else {
			throw new Refusal(40008);
		}
		code.used = true;
		return {};
	}
}
