// web.mjs - what a browser does at the admin door: requests that keep their connection, messages, and the feed.
import http from 'node:http';
import { awake, until } from './wait.mjs';

// One gateway's admin door.
export class Door {
	constructor(rig, port) {
		this.rig = rig;
		this.port = port;
		this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
	}

	close() {
		this.agent.destroy();
	}

	// {status, headers, body}; rejects where the connection breaks or nobody answers in time.
	request(method, path, { headers = {}, body, auth = true, ms = 15_000, agent = this.agent, port = this.port } = {}) {
		const all = { ...headers };
		if (auth) {
			all.authorization = `Bearer ${this.rig.token()}`;
		}
		if (body !== undefined && !('content-type' in all)) {
			all['content-type'] = 'application/json';
		}
		const data = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
		if (data !== undefined) {
			all['content-length'] = Buffer.byteLength(data);
		}
		return new Promise((resolve, reject) => {
			const request = http.request({ host: '127.0.0.1', port, method, path, headers: all, agent }, (answer) => {
				let text = '';
				answer.setEncoding('utf8');
				answer.on('data', (chunk) => { text += chunk; });
				answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: text }));
				answer.on('error', reject);
			});
			request.setTimeout(ms, () => request.destroy(new Error(`no answer in ${ms} ms`)));
			request.on('error', reject);
			request.end(data);
		});
	}

	get(path, options) {
		return this.request('GET', path, options);
	}

	// The status of /readyz as a stranger sees it; 0 where nobody answers.
	async readiness() {
		try {
			return (await this.get('/readyz', { auth: false, ms: 5000 })).status;
		} catch {
			return 0;
		}
	}

	// Writes into the group of a bot: {status, id, body, ms}. status 0: no answer came. mention: null leaves it out.
	async post(bot, from, text, more = {}) {
		const { mention = true, ms, ...others } = more;
		const fields = mention === null ? others : { mention, ...others };
		const began = awake();
		try {
			const answer = await this.request('POST', `/chat/${bot}/messages`, { body: { from, text, ...fields }, ms });
			const id = answer.status === 202 ? JSON.parse(answer.body).id : undefined;
			return { status: answer.status, id, body: answer.body, ms: awake() - began };
		} catch (error) {
			return { status: 0, id: undefined, body: String(error), ms: awake() - began };
		}
	}
}

// A viewer of a bot's feed that comes back wherever it was, as a browser does.
//
// events holds {id, event, data, at} in the order of arrival, deltas too; nothing is sorted out, so what comes twice
// is seen twice.
export class Feed {
	constructor(door, { bot = 'xiaoman', from = '0' } = {}) {
		this.door = door;
		this.bot = bot;
		this.lastId = from;
		this.events = [];
		this.replies = [];
		this.byMessage = new Map(); // message id -> the replies that answer it
		this.connections = 0;
		this.stopped = false;
		this.listeners = new Set();
		this.connect();
	}

	connect() {
		if (this.stopped) {
			return;
		}
		const door = this.door();
		const headers = { accept: 'text/event-stream' };
		if (this.lastId !== null) {
			headers['last-event-id'] = this.lastId;
		}
		try {
			headers.authorization = `Bearer ${door.rig.token()}`;
		} catch {
			this.again();
			return;
		}
		this.request = http.get({
			host: '127.0.0.1', port: door.port, path: `/chat/${this.bot}/events`, headers, agent: false,
		}, (answer) => this.read(answer));
		this.request.on('error', () => this.again());
	}

	again() {
		if (!this.stopped && !this.timer) {
			this.timer = setTimeout(() => {
				this.timer = null;
				this.connect();
			}, 50);
		}
	}

	read(answer) {
		if (answer.statusCode !== 200) {
			answer.resume();
			answer.on('close', () => this.again());
			return;
		}
		this.connections++;
		let rest = '';
		answer.setEncoding('utf8');
		answer.on('data', (chunk) => {
			rest += chunk;
			for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
				this.take(rest.slice(0, end));
				rest = rest.slice(end + 2);
			}
		});
		answer.on('error', () => this.again());
		answer.on('close', () => this.again());
	}

	take(block) {
		const event = { at: performance.now() };
		for (const line of block.split('\n')) {
			const colon = line.indexOf(': ');
			if (colon > 0) {
				event[line.slice(0, colon)] = line.slice(colon + 2);
			}
		}
		if (event.data === undefined) {
			return;
		}
		event.data = JSON.parse(event.data);
		if (event.id !== undefined) {
			this.lastId = event.id;
		}
		this.events.push(event);
		if (event.event === 'reply') {
			this.replies.push(event);
			for (const id of event.data.answers) {
				this.byMessage.set(id, [...(this.byMessage.get(id) ?? []), event]);
			}
		}
		for (const listener of this.listeners) {
			listener(event);
		}
	}

	stop() {
		this.stopped = true;
		clearTimeout(this.timer);
		this.request?.destroy();
	}

	of(name) {
		return this.events.filter((event) => event.event === name);
	}

	answered(id) {
		return this.byMessage.get(id) ?? [];
	}

	// The first event for which is(event) holds, now or later.
	event(is, ms = 10_000, what = 'an event') {
		return until(() => this.events.find(is), ms, what);
	}

	// The first reply to a message.
	async replyTo(id, ms = 10_000) {
		return until(() => this.answered(id)[0], ms, `a reply to ${id}`);
	}

	async untilAnswered(ids, ms) {
		await until(() => ids.every((id) => this.byMessage.has(id)), ms,
			() => `answers to ${ids.filter((id) => !this.byMessage.has(id)).length} of ${ids.length} messages`);
	}
}
