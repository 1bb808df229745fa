// stream.mjs - Stream mode: tickets, connections, what is pushed over them, and the acks that come back.
//
// A client id may have several connections; each push goes to one of them, in turn (the platform's choice is nobody's to
// foresee; here each gets its share). Acks are held to the documents: the shape, the id of a push of that connection, data
// that is JSON in a string, the deadline. What is wrong is a complaint; what comes late, or never, is kept beside its push.
import { TOPIC_CARD, TOPIC_ROBOT, frame, hex } from './bodies.mjs';
import { Refusal, demand, isMap } from './rules.mjs';
import { Wires, awake } from '../standin.mjs';

const TICKET = 90_000;
const FRAME_MOST = 256 * 1024;
const DEADLINES = { [TOPIC_ROBOT]: 3000, [TOPIC_CARD]: 2000 };
const DEADLINE = 3000;

class Connection {
	constructor(side, socket, account, number) {
		Object.assign(this, { side, socket, account, number });
		this.id = hex();
		this.opened = Date.now();
		this.closed = null;
		this.retired = false; // told to go: nothing is pushed any more
		this.frozen = false;
		this.pings = [];
		this.pushed = 0;
		socket.on('message', data => side.take(this, data));
		socket.on('ping', () => this.pings.push(Date.now()));
		socket.on('close', code => {
			this.closed = code;
			this.closedAt = Date.now();
		});
		socket.on('error', () => {});
	}

	get isOpen() {
		return this.socket.readyState === 1;
	}

	send(text) {
		if (this.isOpen && !this.frozen) this.socket.send(typeof text === 'string' || Buffer.isBuffer(text) ? text : JSON.stringify(text));
	}

	// The network is gone, and the platform does not know: nothing is read, nothing arrives, no ping is answered.
	freeze() {
		this.frozen = true;
		this.socket.pause();
	}

	// Bytes below the websocket.
	rawBytes(bytes) {
		this.socket._socket.write(bytes);
	}
}

export class StreamSide extends Wires {
	constructor(platform) {
		super(platform, FRAME_MOST);
		this.opens = []; // asked for: {at, client_id, status, body, userAgent}
		this.tickets = new Map(); // ticket -> {account, ends, used}
		this.pushes = new Map(); // messageId -> {at, connection, topic, frame, ack, ms}
		this.log = []; // the same, in order
		this.upgrades = []; // {at, target, status}
		this.turn = 0;
	}



	// ---- opening ----

	// The body of POST /v1.0/gateway/connections/open -> {endpoint, ticket}.
	open(body, call) {
		const { platform } = this;
		const entry = { at: Date.now(), client_id: body.clientId, body, userAgent: call.headers['user-agent'] };
		this.opens.push(entry);
		const account = platform.accounts.get(body.clientId);
		if (!account || account.client_secret !== body.clientSecret || account.disabled) {
			entry.refused = true;
			throw new Refusal('authFailed');
		}
		demand(Array.isArray(body.subscriptions) && body.subscriptions.length > 0, 'subscriptions');
		for (const { type, topic } of body.subscriptions) {
			demand(['CALLBACK', 'EVENT', 'SYSTEM'].includes(type) && typeof topic === 'string', 'subscriptions');
			demand(type !== 'EVENT' || topic === '*', 'EVENT takes * alone');
		}
		const ticket = platform.options.ticket?.() ?? `${hex(4)}-${hex(2)}-${hex(2)}-${hex(2)}-${hex(6)}`;
		this.tickets.set(ticket, { account, ends: platform.now() + (platform.options.ticketLife ?? TICKET), used: false, body });
		return { endpoint: platform.options.endpoint?.(platform.ws_url) ?? `${platform.ws_url}/connect`, ticket };
	}

	// refuse(status, times) makes the next upgrades fail.
	refuse(status, times = 1) {
		this.refusing = { status, times };
	}

	upgrade(request, socket, head) {
		const url = new URL(request.url, 'http://platform');
		const entry = { at: Date.now(), target: request.url, status: 101, ticket: url.searchParams.get('ticket') };
		this.upgrades.push(entry);
		const ticket = this.tickets.get(entry.ticket);
		if (this.refusing && this.refusing.times-- > 0) entry.status = this.refusing.status;
		else if (!ticket || ticket.ends <= this.platform.now() || ticket.used) entry.status = 401;
		if (ticket?.used) this.platform.complain('a ticket is used twice');
		if (ticket) ticket.used = true;
		if (entry.status !== 101) {
			return socket.end(`HTTP/1.1 ${entry.status} Refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
		}
		return this.server.handleUpgrade(request, socket, head, one => {
			const connection = new Connection(this, one, ticket.account, this.connections.length + 1);
			connection.headers = request.headers;
			connection.subscriptions = ticket.body.subscriptions;
			this.connections.push(connection);
			this.platform.onConnection?.(connection);
		});
	}

	// Those that the platform believes in.
	connectionsOf(client_id) {
		return this.connections.filter(one => one.account.client_id === client_id && one.isOpen && !one.retired);
	}

	pick(client_id, topic) {
		const all = this.connectionsOf(client_id).filter(one => topic === undefined || one.subscriptions.some(sub => sub.topic === topic));
		return all[this.turn++ % all.length] ?? null;
	}

	// ---- pushing ----

	// Pushes to a connection, or to one of the client's: the push, null where nobody is there. What goes to a connection
	// that is frozen or deaf is lost, and the platform does not know.
	push(client_id, type, topic, data, { connection = this.pick(client_id, topic), ...more } = {}) {
		if (!connection) return null;
		const one = frame(type, topic, data, { now: this.platform.now(), appId: connection.account.app_id, connectionId: connection.id, ...more });
		return this.pushFrame(connection, one);
	}

	pushFrame(connection, one) {
		const push = { at: Date.now(), since: awake(),
			messageId: one.headers?.messageId, connection, type: one.type, topic: one.headers?.topic, frame: one, ack: null };
		push.acked = new Promise(resolve => (push.resolve = resolve));
		this.pushes.set(push.messageId, push);
		if (this.platform.options.record) this.log.push(push);
		connection.pushed++;
		if (!connection.account.deaf) connection.send(one);
		push.lost = connection.frozen || connection.account.deaf;
		return push;
	}

	// A robot message; again with a new messageId while it is not acknowledged, where the platform is asked to; whether
	// somebody is there at that time or not, once it was somebody's.
	deliver(client_id, body, tries = 0) {
		const push = this.push(client_id, 'CALLBACK', TOPIC_ROBOT, body);
		const again = this.platform.options.redeliver[tries];
		if ((push || tries > 0) && again !== undefined) {
			this.later(again, () => {
				if (!push?.ack) this.deliver(client_id, body, tries + 1);
			});
		}
		return push;
	}

	ping(connection, opaque = hex(8)) {
		return this.pushFrame(connection, frame('SYSTEM', 'ping', { opaque }, { now: this.platform.now() }));
	}

	// This connection is to be left: nothing more is pushed to it, and it is closed after ms.
	disconnect(connection, { ms = this.platform.options.disconnectCloseMs, reason = 'connection is expired' } = {}) {
		connection.retired = true;
		this.pushFrame(connection, frame('SYSTEM', 'disconnect', { reason }, { now: this.platform.now() }));
		this.later(ms, () => connection.socket.close(1000));
	}

	// Not acknowledged, and it could have been: pushed over ms ago on a connection that lived on.
	missing(ms = DEADLINE) {
		const answered = push => push.type !== 'SYSTEM' || push.topic === 'ping';
		return this.log.filter(
			push => !push.ack && !push.lost && answered(push) && awake() - push.since > ms && !(push.connection.closedAt && push.connection.closedAt - push.at < ms),
		);
	}

	late() {
		return this.log.filter(push => push.ack && push.ms > (DEADLINES[push.topic] ?? DEADLINE));
	}

	// ---- acks ----

	take(connection, data) {
		const complain = words => this.platform.complain(`ack: ${words}`);
		let ack;
		try {
			ack = JSON.parse(data.toString('utf8'));
		} catch {
			return complain('no JSON');
		}
		const { code, headers, message, data: text } = ack ?? {};
		if (!Number.isInteger(code) || !isMap(headers) || typeof message !== 'string' || typeof text !== 'string') return complain('shape');
		if (headers.contentType !== 'application/json') complain('contentType');
		if (Object.values(headers).some(value => typeof value !== 'string')) complain('a header that is no string');
		const push = this.pushes.get(headers.messageId);
		if (!push) return complain('of nothing that was pushed');
		if (push.connection !== connection) return complain('over another connection');
		if (push.ack) return complain('twice');
		Object.assign(push, { ack, ms: awake() - push.since });
		if (!this.platform.options.record) this.pushes.delete(push.messageId);
		this.judge(push, code, text, complain);
		push.resolve(push);
		return undefined;
	}

	judge(push, code, text, complain) {
		const known = push.type === 'EVENT' || push.type === 'SYSTEM' || [TOPIC_ROBOT, TOPIC_CARD].includes(push.topic);
		if (known ? code !== 200 : code !== 404) complain(`code ${code} for ${push.type} ${push.topic}`);
		if (push.type === 'SYSTEM') {
			if (push.topic === 'ping' && text !== push.frame.data) complain('another ping data');
			if (!['ping', 'disconnect'].includes(push.topic)) complain(`SYSTEM ${push.topic} is not answered`);
			return;
		}
		if (!known) return;
		try {
			push.data = JSON.parse(text);
		} catch {
			return void complain('data is no JSON');
		}
		if (push.type === 'EVENT') {
			if (!['SUCCESS', 'LATER'].includes(push.data?.status)) complain('status of an event');
		} else if (push.topic === TOPIC_CARD && (!isMap(push.data) || !isMap(push.data.response))) {
			complain('data without response');
		}
	}
}

export { DEADLINES };
