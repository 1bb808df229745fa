// link.mjs - the long connection: where it is asked for, what is pushed over it, and the acks that come back.
//
// An app may have several connections; each event goes to one of them, at random. Acks are held to the documents: they
// repeat the frame they answer, with one header and the payload changed, on the same connection. What is wrong is a
// complaint; what is not acknowledged in time, or with 500, comes again along the ladder, callbacks excepted.
import { WebSocket } from 'ws';
import { hex } from './bodies.mjs';
import { CONTROL, DATA, headerOf, readFrame, writeFrame } from './frame.mjs';
import { demand, isMap } from './rules.mjs';
import { Wires } from '../standin.mjs';

const FRAME_MOST = 1 << 20;
export const SERVICE = 33554678;

class Connection {
	constructor(side, socket, app, query) {
		Object.assign(this, { side, socket, app, device_id: query.get('device_id'), number: side.connections.length + 1 });
		this.opened = Date.now();
		this.closed = null;
		this.frozen = false;
		this.deaf = false;
		this.pings = [];
		this.pushed = 0;
		socket.on('message', (data, isBinary) => side.take(this, data, isBinary));
		socket.on('close', code => Object.assign(this, { closed: code, closedAt: Date.now() }));
		socket.on('error', () => {});
	}

	get isOpen() {
		return this.socket.readyState === 1;
	}

	get isLost() {
		return this.frozen || this.deaf || !this.isOpen;
	}

	send(data) {
		if (!this.isLost) this.socket.send(Buffer.isBuffer(data) || typeof data === 'string' ? data : writeFrame(data));
	}

	// The network is gone, and the platform does not know: nothing is read, nothing arrives.
	freeze() {
		this.frozen = true;
		this.socket.pause();
	}

	close(code = 1000) {
		this.socket.close(code);
	}

	reset() {
		this.socket._socket.resetAndDestroy?.() ?? this.socket.terminate();
	}

	// Bytes below the websocket.
	rawBytes(bytes) {
		this.socket._socket.write(bytes);
	}
}

export class LinkSide extends Wires {
	constructor(platform) {
		super(platform, FRAME_MOST);
		this.opens = []; // asked for: {at, app_id, code, headers}
		this.upgrades = []; // {at, target, status}
		this.tickets = new Map(); // ticket -> {app, used}
		this.pushes = new Map(); // message_id of the frames -> push
		this.log = []; // the same, in order
		this.waiting = new Set(); // deliveries that come again: {due, again}
		this.losingAcks = false; // on their way: the platform never reads them
		this.pongConfig = platform.options.clientConfig; // or a text: what pongs carry from now on; null: nothing
		this.serial = 9_000_000n;
		this.ticker = setInterval(() => this.redeliver(), 20).unref();
	}

	close() {
		clearInterval(this.ticker);
		this.dropEvery(0);
		super.close();
	}



	// ---- opening ----

	// The body of POST /callback/ws/endpoint.
	endpoint(call) {
		const entry = { at: Date.now(), app_id: call.body?.AppID, headers: call.headers, code: 0 };
		this.opens.push(entry);
		const { options } = this.platform;
		const app = this.platform.apps.get(call.body?.AppID);
		if (!app || app.app_secret !== call.body.AppSecret) entry.code = 10003;
		else if (app.disabled) entry.code = 514;
		if (entry.code) return { code: entry.code, msg: entry.code === 514 ? 'auth failed' : 'invalid param', data: {} };
		const ticket = `${hex(4)}-${hex(2)}-${hex(2)}-${hex(2)}-${hex(6)}`;
		this.tickets.set(ticket, { app, used: false });
		const query = `fpid=493&aid=552564&device_id=${BigInt(`0x${hex(7)}`)}&access_key=${hex()}&service_id=${options.service}&ticket=${ticket}`;
		const URL = options.endpointUrl?.(this.platform.ws_url, query) ?? `${this.platform.ws_url}/ws/v2?${query}`;
		return { code: 0, msg: '', data: { URL, ...(options.clientConfig ? { ClientConfig: options.clientConfig } : {}) } };
	}

	// The next upgrades are refused; headers: Handshake-Status and the like.
	refuse(status, headers = {}, times = 1) {
		this.refusing = { status, headers, times };
	}

	upgrade(request, socket, head) {
		const url = new URL(request.url, 'http://platform');
		const entry = { at: Date.now(), target: request.url, status: 101, ticket: url.searchParams.get('ticket') };
		this.upgrades.push(entry);
		const refusal = this.admit(url, entry);
		if (refusal) {
			entry.status = refusal.status;
			const lines = Object.entries({ connection: 'close', 'content-length': 0,
				...refusal.headers }).map(([name, value]) => `${name}: ${value}\r\n`);
			return socket.end(`HTTP/1.1 ${refusal.status} Refused\r\n${lines.join('')}\r\n`);
		}
		if (request.headers['sec-websocket-protocol'] !== undefined) this.platform.complain('a subprotocol is asked for');
		return this.server.handleUpgrade(request, socket, head, one => {
			const connection = new Connection(this, one, this.tickets.get(entry.ticket).app, url.searchParams);
			connection.headers = request.headers;
			this.connections.push(connection);
			this.platform.onConnection?.(connection);
		});
	}

	admit(url, { ticket: name }) {
		if (this.refusing && this.refusing.times-- > 0) return this.refusing;
		const ticket = this.tickets.get(name);
		const auth = code => ({ status: 403, headers: { 'Handshake-Status': 514, 'Handshake-Msg': 'auth failed', 'Handshake-Autherrcode': code } });
		if (!ticket || url.pathname !== '/ws/v2') return auth(1000040344);
		if (ticket.used) this.platform.complain('an address of the endpoint is used twice');
		if (ticket.used) return auth(1000040344);
		ticket.used = true;
		return this.of(ticket.app.app_id).length >= this.platform.options.connections ? auth(1000040350) : null;
	}

	// Those that the platform believes in.
	of(app_id) {
		return this.connections.filter(one => one.app.app_id === app_id && one.isOpen);
	}

	pick(app_id) {
		const all = this.of(app_id);
		return all[Math.floor(Math.random() * all.length)] ?? null;
	}

	// Somebody else's process on the same app, that hears and says nothing: its socket, once it is open.
	stranger(app_id) {
		const { app_secret } = this.platform.apps.get(app_id);
		const { data } = this.endpoint({ body: { AppID: app_id, AppSecret: app_secret }, headers: {} });
		const socket = new WebSocket(data.URL);
		return new Promise((resolve, reject) => socket.on('open', () => resolve(socket)).on('error', reject));
	}

	// The platform ends all connections, again and again; 0: no more.
	dropEvery(ms, how = one => one.close()) {
		clearInterval(this.dropping);
		if (ms) this.dropping = setInterval(() => this.connections.filter(one => one.isOpen).forEach(how), ms).unref();
	}

	// ---- pushing ----

	// The frames of one event. parts: into how many it is cut, at any byte; order: in which they are sent; headers: more of
	// them; type: event or card.
	frames(object, { parts = 1, order, type = 'event', message_id = hex(), headers = [], fields = {}, payload } = {}) {
		const data = payload ?? Buffer.from(JSON.stringify({ ...object, header: { ...object.header, token: '' } }));
		const trace = hex();
		const cuts = Array.from({ length: parts + 1 }, (_, i) => Math.floor((data.length * i) / parts));
		const { options } = this.platform;
		const all = Array.from({ length: parts }, (_, seq) => ({
			SeqID: options.bigIds ? (1n << 63n) + this.serial : this.serial,
			LogID: options.bigIds ? 0xfedcba9876543210n - this.serial++ : this.serial++,
			service: options.service,
			method: DATA,
			headers: [['type', type], ['message_id', message_id], ['sum', String(parts)], ['seq', String(seq)], ['trace_id', trace],
				['timestamp', String(this.platform.now())], ['instance_id', 'i-7'], ...headers],
			payload: data.subarray(cuts[seq], cuts[seq + 1]),
			...fields,
		}));
		return order ? order.map(i => all[i]) : all;
	}

	// Pushes an event to a connection, or to one of the app's: the push, null where nobody is there. What goes to a
	// connection that is frozen or deaf is lost, and the platform does not know.
	push(app_id, object, { connection = this.pick(app_id), frames, ...more } = {}) {
		if (!connection) return null;
		return this.pushFrames(connection, frames ?? this.frames(object, more), object);
	}

	pushFrames(connection, frames, event) {
		const last = frames.at(-1);
		const push = { at: Date.now(), connection, frames, event, message_id: headerOf(last, 'message_id'), ack: null, lost: connection.isLost };
		push.acked = new Promise(resolve => (push.resolve = resolve));
		this.pushes.set(push.message_id, push);
		if (this.platform.options.record) this.log.push(push);
		connection.pushed++;
		for (const frame of frames) connection.send(frame);
		return push;
	}

	// Delivers an event until it is acknowledged, along the ladder: {event, tries: [push or null], acknowledged, over, done}.
	deliver(app_id, event, more = {}) {
		const delivery = { app_id, event, tries: [], acknowledged: false, over: false, more };
		delivery.done = new Promise(resolve => (delivery.resolve = resolve));
		this.attempt(delivery);
		return delivery;
	}

	attempt(delivery) {
		const push = this.push(delivery.app_id, delivery.event, delivery.tries.length ? { ...delivery.more, connection: undefined } : delivery.more);
		delivery.tries.push(push);
		if (!push) return this.put(delivery);
		push.delivery = delivery;
		let over = false;
		this.later(this.platform.options.ackMs, () => {
			if (!over) this.put(delivery);
			over = true;
		});
		return push.acked.then(() => {
			if (push.code === 200) {
				delivery.acknowledged = true;
				delivery.resolve(delivery);
			} else if (!over) {
				this.put(delivery);
			}
			over = true;
		});
	}

	// For later, if there is a rung left.
	put(delivery) {
		if (delivery.acknowledged) return;
		const wait = delivery.event.header.event_type === 'card.action.trigger' ? undefined : this.platform.options.ladder[delivery.tries.length - 1];
		if (wait === undefined) {
			delivery.over = true;
			delivery.resolve(delivery);
		} else {
			this.waiting.add({ due: this.platform.now() + wait, delivery });
		}
	}

	redeliver() {
		const now = this.platform.now();
		for (const one of this.waiting) {
			if (one.due > now) continue;
			this.waiting.delete(one);
			if (!one.delivery.acknowledged) this.attempt(one.delivery);
		}
	}

	// Not acknowledged, and it could have been: pushed over ms ago on a connection that lived on.
	missing(ms = this.platform.options.ackMs) {
		return this.log.filter(push => !push.ack && !push.lost && !push.odd && Date.now() - push.at > ms &&
			!(push.connection.frozen || push.connection.deaf) && !(push.connection.closedAt && push.connection.closedAt - push.at < ms));
	}

	// more: ms that are not the client's.
	late(more = 0) {
		return this.log.filter(push => push.ack && push.ms > this.platform.options.ackMs + more);
	}

	// ---- what comes back ----

	take(connection, data, isBinary) {
		const complain = words => this.platform.complain(`link: ${words}`);
		if (!isBinary) return complain('a text message');
		if (connection.deaf) return undefined;
		let frame;
		try {
			frame = readFrame(data);
		} catch (error) {
			return complain(error.message);
		}
		if (frame.service !== this.platform.options.service) complain(`service ${frame.service}`);
		return frame.method === CONTROL ? this.ping(connection, frame, complain) : this.ack(connection, frame, complain);
	}

	ping(connection, frame, complain) {
		connection.pings.push(Date.now());
		if (frame.SeqID !== 0n || frame.LogID !== 0n || JSON.stringify(frame.headers) !== '[["type","ping"]]' ||
			frame.payload?.length) complain('a ping');
		const config = this.pongConfig;
		const payload = config === null ||
			config === undefined ? {} : { payload: Buffer.from(typeof config === 'string' ? config : JSON.stringify(config)) };
		connection.send({ SeqID: 0n, LogID: 0n, service: frame.service, method: CONTROL, headers: [['type', 'pong']], ...payload });
	}

	ack(connection, frame, complain) {
		if (this.losingAcks) return undefined;
		const push = this.pushes.get(headerOf(frame, 'message_id'));
		if (!push) return complain('an ack of nothing that was pushed');
		if (push.connection !== connection) return complain('an ack over another connection');
		if (push.ack) return complain('an ack twice');
		Object.assign(push, { ack: frame, ms: Date.now() - push.at });
		this.judge(push, frame, complain);
		if (!this.platform.options.record) this.pushes.delete(push.message_id);
		push.resolve(push);
		return undefined;
	}

	judge(push, frame, complain) {
		const sent = push.frames.at(-1);
		for (const name of ['SeqID', 'LogID', 'service', 'method']) {
			if (frame[name] !== sent[name]) complain(`an ack with ${name} ${frame[name]} for ${sent[name]}`);
		}
		for (const name of ['payload_encoding', 'payload_type', 'LogIDNew']) {
			if ((frame[name] ?? '') !== (sent[name] ?? '')) complain(`an ack with another ${name}`);
		}
		const [key, value] = frame.headers.at(-1) ?? [];
		if (key !== 'biz_rt' || !/^-?\d+$/.test(value)) complain('an ack without biz_rt at the end');
		push.biz_rt = Number(value);
		if (JSON.stringify(frame.headers.slice(0, -1)) !== JSON.stringify(sent.headers)) complain('an ack with other headers');
		this.readAck(push, frame, complain);
	}

	readAck(push, frame, complain) {
		try {
			const body = JSON.parse(Buffer.from(frame.payload ?? '').toString('utf8'));
			demand(isMap(body) && (body.code === 200 || body.code === 500), 0);
			push.code = body.code;
			if (body.data === undefined || body.data === null) return;
			demand(typeof body.data === 'string' && Buffer.from(body.data, 'base64').toString('base64') === body.data, 0);
			push.data = JSON.parse(Buffer.from(body.data, 'base64').toString('utf8'));
		} catch {
			complain('an ack whose payload is not as it should be');
		}
	}
}

