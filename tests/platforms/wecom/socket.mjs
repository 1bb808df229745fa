// socket.mjs - the long connection: subscribing, heartbeats, callbacks, and what bots may answer to which of them.
//
// The rules that bots get wrong are kept strictly: a req_id belongs to the connection it came on, one frame of it is in
// flight, a stream dies of six quiet minutes or of its tenth, a second subscribe takes the bot from the first.
import * as bodies from './bodies.mjs';
import { MEDIA, Refusal, checkCard, checkMarkdown, checkStream, wordsOf } from './rules.mjs';
import { Wires, asleep, takeFault } from '../standin.mjs';

const STREAM_QUIET = 6 * 60_000;
const STREAM_LIFE = 10 * 60_000;
const ANSWER = 24 * 3600_000;
const EVENT_ANSWER = 5_000;
const RACE = 5_000; // a client gives an answer up after that long
const FRAME_MOST = 1 << 20;

// One connection of a client.
class Connection {
	constructor(side, socket, number) {
		Object.assign(this, { side, socket, number, account: null, kicked: false, deaf: false, frames: 0 });
		this.requests = new Map(); // req_id -> {kind, chat, chat_type, user, msgid, at}
		this.flying = new Map(); // req_id -> when the frame came whose answer is not out yet
		this.opened = Date.now();
		socket.on('message', data => side.take(this, data));
		socket.on('close', code => side.left(this, code));
		socket.on('error', () => {});
	}

	get subscribed() {
		return this.account?.connection === this;
	}

	send(frame) {
		if (this.socket.readyState === 1) this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
	}

	// A callback of the platform: its req_id.
	call(cmd, body, request) {
		const req_id = bodies.id();
		this.requests.set(req_id, { ...request, at: this.side.platform.now(), asleep: asleep() });
		this.send({ cmd, headers: { req_id }, body });
		return req_id;
	}
}

export class SocketSide extends Wires {
	constructor(platform) {
		super(platform, FRAME_MOST);
		this.frames = []; // all that clients sent: {at, connection, bot_id, frame, errcode}
		this.faults = [];
	}

	// refuse({status, times}) makes the next upgrades fail.
	upgrade(request, socket, head) {
		if (this.refusing && this.refusing.times-- > 0) {
			return socket.end(`HTTP/1.1 ${this.refusing.status} Refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
		}
		this.server.handleUpgrade(request, socket, head, one => {
			const connection = new Connection(this, one, this.connections.length + 1);
			connection.headers = request.headers;
			connection.path = request.url;
			this.connections.push(connection);
		});
	}

	refuse(status, times = 1) {
		this.refusing = { status, times };
	}



	left(connection, code) {
		connection.closed = code;
		connection.closedAt = Date.now();
		if (connection.subscribed) connection.account.connection = null;
	}

	// ---- faults ----

	// For the next `times` frames, behind `skip` others, that match bot_id, cmd, chat and `when(frame)`:
	// `errcode` instead of the work; `withhold`: true does the work and never answers, 'before' does neither;
	// `late`: ms until the answer; `reset`: 'before' or 'after' the work; `close`: a close code, after the work.
	fault(fault) {
		this.faults.push({ times: 1, ...fault });
		return this.platform;
	}

	takeFault(connection, frame) {
		const chat = connection.requests.get(frame.headers?.req_id)?.chat ?? frame.body?.chatid;
		const fits = fault =>
			(!fault.bot_id || fault.bot_id === connection.account?.bot_id) &&
			(!fault.cmd || fault.cmd === frame.cmd) &&
			(!fault.chat || fault.chat === chat) &&
			(!fault.when || fault.when(frame));
		return takeFault(this.faults, fits) ?? {};
	}

	// ---- frames of a client ----

	take(connection, data) {
		let frame;
		try {
			frame = JSON.parse(data.toString('utf8'));
		} catch {
			return this.platform.complain('a frame that is no JSON');
		}
		const entry = { at: Date.now(), connection: connection.number, bot_id: connection.account?.bot_id, frame };
		if (this.platform.options.record) this.frames.push(entry);
		connection.frames++;
		const after = connection.account?.closeAfter;
		if (after && connection.frames >= after) {
			connection.account.closeAfter = 0;
			return connection.socket.close(1000);
		}
		this.answer(connection, frame, entry);
	}

	answer(connection, frame, entry) {
		const req_id = frame.headers?.req_id;
		if (typeof req_id !== 'string' || req_id === '') return this.platform.complain('a frame without req_id');
		const fault = this.takeFault(connection, frame);
		if (fault.reset === 'before') return connection.socket.terminate();
		if (fault.withhold === 'before') return undefined;
		const result = this.work(connection, frame, fault);
		entry.errcode = result.errcode;
		if (fault.reset === 'after') return connection.socket.terminate();
		if (fault.close) return connection.socket.close(fault.close);
		if (fault.withhold || this.isMute(connection, frame)) return undefined;
		return this.acknowledge(connection, req_id, result, fault.late ?? connection.account?.latency ?? 0);
	}

	isMute(connection, frame) {
		return frame.cmd === 'ping' && (connection.account?.noPongs ?? false);
	}

	acknowledge(connection, req_id, result, ms) {
		const send = () => {
			connection.flying.delete(req_id);
			connection.send({ headers: { req_id }, ...result });
		};
		if (ms === 0) return send();
		connection.flying.set(req_id, Date.now());
		return this.later(ms, send);
	}

	work(connection, frame, fault) {
		try {
			if (fault.errcode !== undefined) this.refuseByFault(connection, frame, fault.errcode);
			const body = this.route(connection, frame);
			return { errcode: 0, errmsg: 'ok', ...(body ? { body } : {}) };
		} catch (error) {
			if (!(error instanceof Refusal)) throw error;
			return { errcode: error.code, errmsg: error.message };
		}
	}

	// What was refused as expired has ended for those who read it, too.
	refuseByFault(connection, frame, errcode) {
		const stream = frame.body?.stream?.id && this.platform.view.streamOf(connection.account?.bot_id, frame.body.stream.id);
		if (errcode === 846608 && stream) stream.expired = true;
		throw new Refusal(errcode);
	}

	route(connection, frame) {
		const { cmd, body } = frame;
		if (cmd === 'aibot_subscribe') return this.subscribe(connection, body ?? {});
		if (cmd === 'ping') return undefined;
		if (!connection.subscribed) throw new Refusal(846609);
		const { bot_id } = connection.account;
		if (!body || typeof body !== 'object') throw new Refusal(40058, 'body');
		switch (cmd) {
			case 'aibot_respond_msg':
				return this.respond(connection, frame);
			case 'aibot_respond_welcome_msg':
				return this.welcome(connection, frame);
			case 'aibot_respond_update_msg':
				return this.update(connection, frame);
			case 'aibot_send_msg':
				return this.push(connection, body);
			case 'aibot_upload_media_init':
				return this.platform.files.init(bot_id, body);
			case 'aibot_upload_media_chunk':
				return this.platform.files.chunk(bot_id, body);
			case 'aibot_upload_media_finish':
				return this.platform.files.finish(bot_id, body);
			default:
				throw new Refusal(40058, 'cmd');
		}
	}

	subscribe(connection, { bot_id, secret }) {
		const account = this.platform.accounts.get(bot_id);
		if (!account || account.secret !== secret) throw new Refusal(853000);
		account.subscribed.push({ at: Date.now(), connection: connection.number });
		const before = account.connection;
		connection.account = account;
		account.connection = connection;
		if (before && before !== connection) this.kick(before);
		return undefined;
	}

	kick(connection) {
		connection.kicked = true;
		connection.call('aibot_event_callback', bodies.disconnected(connection.account.bot_id, this.platform.now()), { kind: 'event' });
		this.later(this.platform.options.kickedCloseMs, () => connection.socket.close(1000));
	}

	// ---- answers to callbacks ----

	requestOf(connection, frame, kind, life) {
		const { req_id } = frame.headers;
		const request = connection.requests.get(req_id);
		// while all stood still nobody could answer
		const late = request && this.platform.now() - request.at - (asleep() - (request.asleep ?? 0)) > life;
		if (!request || request.kind !== kind || late) throw new Refusal(846605);
		const since = connection.flying.get(req_id);
		if (since !== undefined && Date.now() - since < RACE) {
			this.platform.raced++;
			throw new Refusal(6000);
		}
		return request;
	}

	respond(connection, frame) {
		const request = this.requestOf(connection, frame, 'message', ANSWER);
		const where = this.where(connection, request, 'respond');
		const { body } = frame;
		if (!this.isUpdate(where, body)) this.platform.countRate(where);
		switch (body.msgtype) {
			case 'stream':
				return this.stream(where, frame.headers.req_id, body.stream);
			case 'stream_with_template_card':
				checkCard(body.template_card);
				this.stream(where, frame.headers.req_id, body.stream);
				return void this.platform.view.add({ ...where, kind: 'card', card: body.template_card });
			default:
				return this.show(where, body);
		}
	}

	// A snapshot of a bubble that is there is no message of its own.
	isUpdate({ bot_id }, body) {
		return Boolean(body.stream?.id && this.platform.view.streamOf(bot_id, body.stream.id));
	}

	where(connection, request, via) {
		const { bot_id } = connection.account;
		return { bot_id, via, chat: request.chat, chat_type: request.chat_type, question: request.msgid, user: request.user };
	}

	// Bodies that stand for themselves: markdown, cards, media.
	show(where, body) {
		const { view, files } = this.platform;
		const kind = body.msgtype;
		if (kind === 'markdown') {
			checkMarkdown(body.markdown);
			view.add({ ...where, kind, text: body.markdown.content });
		} else if (kind === 'template_card') {
			checkCard(body.template_card);
			view.add({ ...where, kind: 'card', card: body.template_card });
		} else if (MEDIA.includes(kind)) {
			view.add({ ...where, kind, media: files.mediaOf(where.bot_id, kind, body[kind]?.media_id) });
		} else {
			throw new Refusal(40008, String(kind));
		}
	}

	stream(where, req_id, stream) {
		const { view } = this.platform;
		const known = stream?.id ? view.streamOf(where.bot_id, stream.id) : null;
		checkStream(stream, !known);
		if (known && known.req_id !== req_id) throw new Refusal(846605);
		if (known) this.checkAlive(known, stream);
		const bubble = known ?? view.openStream({ ...where, req_id, feedback_id: stream.feedback?.id }, stream.id);
		view.show(bubble, stream);
	}

	checkAlive(bubble, stream) {
		const now = this.platform.now();
		const { streamQuiet = STREAM_QUIET, streamLife = STREAM_LIFE } = this.platform.options;
		if (now - bubble.touched >= streamQuiet || now - bubble.born >= streamLife) {
			bubble.expired = true;
			throw new Refusal(846608);
		}
		// a final frame said again, its answer lost, changes nothing
		if (bubble.finished && !(stream.finish && stream.content === bubble.text)) throw new Refusal(846608);
	}

	welcome(connection, frame) {
		const request = this.requestOf(connection, frame, 'enter', EVENT_ANSWER);
		const where = this.where(connection, request, 'welcome');
		const { body } = frame;
		if (body.msgtype === 'text') {
			if (!body.text?.content) throw new Refusal(44004);
			this.platform.view.add({ ...where, kind: 'text', text: body.text.content });
		} else if (body.msgtype === 'template_card') {
			this.show(where, body);
		} else {
			throw new Refusal(40008);
		}
		request.kind = 'answered';
	}

	update(connection, frame) {
		const request = this.requestOf(connection, frame, 'click', EVENT_ANSWER);
		this.platform.updateCard(connection.account.bot_id, request.task_id, frame.body);
		request.kind = 'answered';
	}

	// ---- push ----

	push(connection, body) {
		const { account } = connection;
		const spoken = account.spoken.get(body.chatid);
		if (!spoken) throw new Refusal(93006);
		if (body.chat_type && body.chat_type !== (spoken === 'group' ? 2 : 1)) throw new Refusal(93006);
		const where = { bot_id: account.bot_id, via: 'send', chat: body.chatid, chat_type: spoken };
		this.platform.countRate(where);
		this.show(where, body);
	}

	// ---- callbacks ----

	// Sends a body to the bot's connection; false where it is lost: nobody is subscribed, or the connection is deaf.
	deliver(account, cmd, body, request) {
		const { connection } = account;
		if (!connection || connection.socket.readyState !== 1 || connection.deaf || account.deaf) return false;
		return connection.call(cmd, body, request);
	}
}
