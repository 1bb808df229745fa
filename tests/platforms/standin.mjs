// standin.mjs - what the stand-ins of all platforms share: a server on a free port, websockets on it, faults for single
// calls, rates.
//
// A platform's class says what an API call comes to (work(), and invented() for faults), how long it takes, and which
// calls a fault is meant for.
import http from 'node:http';
import { WebSocketServer } from 'ws';
import { asleep, awake } from '../flow/wait.mjs';

export const BODY_MOST = 32 << 20;

export const sleep = ms => new Promise(done => setTimeout(done, ms));

// Calls fn once this process was awake for so many ms; gives back what stops it. While the machine stands still nobody can
// answer, and nobody is late.
export function afterAwake(ms, fn) {
	const began = awake();
	let timer;
	const look = () => {
		const left = ms - (awake() - began);
		if (left <= 0) return void fn();
		timer = setTimeout(look, Math.max(left, 1));
	};
	timer = setTimeout(look, ms);
	return () => clearTimeout(timer);
}

export { asleep, awake };

// One request of a platform to a bot: {at, ms, status, text}, or {at, ms, error}. Its ms, and the limit, are time in which
// this process was awake.
export function ask(url, { method = 'POST', headers, body, agent, limit }) {
	const at = Date.now();
	const began = awake();
	return new Promise(resolve => {
		const done = more => {
			stop();
			resolve({ at, ms: awake() - began, ...more });
		};
		const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
		const request = http.request(url, { method, agent, headers: { ...headers, ...length } }, response => {
			const chunks = [];
			response.on('data', chunk => chunks.push(chunk));
			response.on('end', () => done({ status: response.statusCode, text: Buffer.concat(chunks).toString('utf8') }));
			response.on('error', error => done({ error: error.message }));
		});
		const stop = afterAwake(limit, () => request.destroy(new Error('timeout')));
		request.on('error', error => done({ error: error.message }));
		request.end(body);
	});
}

// The first fault that fits, `skip` others before it let pass; it is gone after `times`. undefined: none.
export function takeFault(faults, fits) {
	const at = faults.findIndex(fault => fits(fault));
	if (at < 0) return undefined;
	const fault = faults[at];
	if (fault.skip-- > 0) return undefined;
	if (--fault.times <= 0) faults.splice(at, 1);
	return fault;
}

// An object out of a request's text; undefined: it is none.
export function objectOf(text) {
	try {
		const body = JSON.parse(text);
		return body && typeof body === 'object' ? body : undefined;
	} catch {
		return undefined;
	}
}

// So many in a window for each key; 0 for no limit. What is refused does not count.
export class Rate {
	constructor(most, window = 1000) {
		Object.assign(this, { most, window, times: new Map() });
	}

	take(key, now) {
		if (!this.most) return true;
		const recent = (this.times.get(key) ?? []).filter(time => now - time < this.window);
		this.times.set(key, recent);
		if (recent.length >= this.most) return false;
		recent.push(now);
		return true;
	}
}

export class StandIn {
	// options: what the platform's class takes; now(): ms.
	constructor(options) {
		this.options = options;
		this.now = options.now ?? (() => Date.now());
		this.calls = []; // all requests, in order of arrival
		this.complaints = []; // what a client did that the documents forbid and no code answers
		this.faults = [];
		this.server = http.createServer((request, response) => this.serve(request, response));
		this.server.keepAliveTimeout = 60_000;
		this.server.on('upgrade', (request, socket, head) => this.wires.upgrade(request, socket, head));
		this.sockets = new Set();
		this.server.on('connection', socket => {
			this.sockets.add(socket);
			socket.on('error', () => {});
			socket.on('close', () => this.sockets.delete(socket));
		});
	}

	async listen(port = 0, host = '127.0.0.1') {
		await new Promise((resolve, reject) => {
			this.server.once('error', reject);
			this.server.listen(port, host, resolve);
		});
		this.url = `http://${host}:${this.server.address().port}`;
		this.ws_url = `ws://${host}:${this.server.address().port}`;
		return this;
	}

	async close() {
		this.callback.close();
		this.wires.close();
		for (const socket of this.sockets) socket.destroy();
		await new Promise(resolve => this.server.close(resolve));
	}

	complain(words) {
		this.complaints.push(words);
	}

	pause(ms) {
		return sleep(ms);
	}

	// ---- faults ----

	fault(fault) {
		this.faults.push({ times: 1, ...fault });
		return this;
	}

	// Whether a fault is meant for this call; path: a string or RegExp.
	fits(fault, call) {
		return (
			(!fault.path || (fault.path instanceof RegExp ? fault.path.test(call.path) : call.path === fault.path)) &&
			(!fault.method || fault.method === call.method) &&
			(!fault.when || fault.when(call))
		);
	}

	// ---- HTTP ----

	// null: it was too large, or the client went away.
	async bodyOf(request) {
		const chunks = [];
		let size = 0;
		try {
			for await (const chunk of request) {
				size += chunk.length;
				if (size > BODY_MOST) {
					request.destroy();
					return null;
				}
				chunks.push(chunk);
			}
		} catch {
			return null;
		}
		return Buffer.concat(chunks);
	}

	// Does the work of a call, or what a fault says, and answers; enter(call) notes that it is being worked at.
	async answer(call, request, response) {
		call.fault = takeFault(this.faults, fault => this.fits(fault, call));
		const fault = call.fault ?? {};
		const leave = this.enter(call);
		const wait = Math.max(fault.delay ?? 0, this.latencyOf(call));
		if (wait > 0) await sleep(wait);
		await fault.held;
		if (fault.reset === 'before' || (fault.hang && fault.hang !== 'after')) {
			leave();
			return fault.hang ? undefined : request.socket.destroy();
		}
		const result = this.invented(fault, call) ?? this.work(call);
		this.note(call, result);
		leave();
		if (fault.reset === 'after') return request.socket.destroy();
		if (fault.hang === 'after') return undefined;
		if (result.slow) await sleep(result.slow);
		const data = result.binary ?? (typeof result.body === 'string' ? result.body : JSON.stringify(result.body));
		const type = result.type ?? (typeof result.body === 'string' ? 'text/html' : 'application/json; charset=utf-8');
		response.writeHead(result.status, { 'content-type': type, 'content-length': Buffer.byteLength(data), ...result.headers });
		return response.end(data);
	}
}

// The websockets of a platform.
export class Wires {
	constructor(platform, frameMost) {
		this.platform = platform;
		this.connections = []; // all there ever were, open or not
		this.refusing = null;
		this.timers = new Set();
		this.server = new WebSocketServer({ noServer: true, maxPayload: frameMost, perMessageDeflate: false });
	}

	close() {
		for (const timer of this.timers) clearTimeout(timer);
		for (const one of this.connections) one.socket.terminate();
		this.server.close();
	}

	later(ms, fn) {
		const timer = setTimeout(() => {
			this.timers.delete(timer);
			fn();
		}, ms);
		this.timers.add(timer);
		return timer;
	}
}
