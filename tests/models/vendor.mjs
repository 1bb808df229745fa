// vendor.mjs - stands in for model vendors: the OpenAI and Anthropic wire forms, their faults, and their own books.
//
// A vendor answers as plan(call) says: a text it streams, a recorded answer it replays byte for byte, an error, or a
// fault (cut, reset, hang). It keeps what it was asked and what it would bill, so that a ledger can be compared with
// the vendor's own figures. Every call bills another number of tokens: two rows can be told apart by it.
import http from 'node:http';
import http2 from 'node:http2';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const vectors = path.join(path.dirname(fileURLToPath(import.meta.url)), '../vectors/models');

export function readVectors(file) {
	return JSON.parse(fs.readFileSync(path.join(vectors, file), 'utf8')).vectors;
}

// What a recorded case answers, as a plan.
export function replay(vector) {
	const { status, headers, body, end } = vector.response;
	return { status, headers, body, end: end ?? 'close' };
}

function wait(ms, call) {
	return new Promise((resolve) => {
		const timer = setTimeout(resolve, ms);
		call.onGone(() => {
			clearTimeout(timer);
			resolve();
		});
	});
}

// Until a promise is kept, or nobody listens any more.
function kept(promise, call) {
	return new Promise((resolve) => {
		call.onGone(resolve);
		promise.then(resolve);
	});
}

// Until the client has read what was sent to it, as far as the system tells: a reset throws away what it has not.
async function untilRead(call) {
	const { localPort, remotePort } = call.response.socket ?? {};
	const port = (number) => `:${(number ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
	const unread = () => {
		const rows = fs.existsSync('/proc/net/tcp') ? fs.readFileSync('/proc/net/tcp', 'utf8').split('\n') : [];
		return rows.map((row) => row.trim().split(/\s+/)).some(([, from, to, , queues]) =>
			(from?.endsWith(port(remotePort)) && to?.endsWith(port(localPort)) && !queues.endsWith(':00000000')) ||
			(from?.endsWith(port(localPort)) && to?.endsWith(port(remotePort)) && !queues.startsWith('00000000:')));
	};
	while (!call.gone && unread()) {
		await wait(5, call);
	}
}

// One request as the vendor sees it.
class Call {
	constructor(vendor, request, response, text) {
		this.vendor = vendor;
		this.number = vendor.calls.length;
		this.at = Date.now();
		this.path = request.url;
		this.headers = request.headers;
		this.version = request.httpVersion;
		this.text = text;
		this.response = response;
		this.gone = false;
		this.goneFns = [];
		this.usage = null; // what it bills
		this.told = false; // the client got these figures, as far as the vendor can know
		this.sent = ''; // text that went out
		try {
			this.body = JSON.parse(text);
		} catch {
			this.body = null;
		}
		response.on('close', () => {
			this.gone = true;
			for (const fn of this.goneFns.splice(0)) {
				fn();
			}
		});
		response.on('error', () => {});
	}

	get isAnthropic() {
		return this.path.endsWith('/messages');
	}

	get key() {
		return this.headers['x-api-key'] ?? (this.headers.authorization ?? '').replace(/^Bearer /, '');
	}

	// The last thing said, whatever form it has.
	get question() {
		const last = this.body?.messages?.at(-1)?.content;
		return typeof last === 'string' ? last : (last ?? []).map((part) => part.text ?? '').join('');
	}

	onGone(fn) {
		if (this.gone) {
			fn();
		} else {
			this.goneFns.push(fn);
		}
	}

	write(data) {
		return new Promise((resolve) => {
			if (this.gone) {
				resolve(false);
			} else {
				this.response.write(data, () => resolve(!this.gone));
			}
		});
	}

	close() {
		return new Promise((resolve) => {
			this.onGone(() => resolve(false));
			this.response.end(() => resolve(true));
		});
	}

	// The end of the connection without the end of the answer.
	breakOff(end) {
		const socket = this.response.stream ?? this.response.socket;
		if (this.response.stream) {
			this.response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
		} else if (end === 'reset') {
			socket?.resetAndDestroy();
		} else {
			socket?.destroy();
		}
	}
}

const sse = (data) => `data: ${JSON.stringify(data)}\n\n`;
const event = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

// The frames of a streamed answer in each wire form: begin, one a piece, and the end with usage.
const forms = {
	openai: {
		begin: (call) => sse({ id: `c${call.number}`, object: 'chat.completion.chunk', model: call.body.model,
			choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] }),
		piece: (call, text) => sse({ id: `c${call.number}`, object: 'chat.completion.chunk', model: call.body.model,
			choices: [{ index: 0, delta: { content: text }, finish_reason: null }] }),
		end: (call, finish, usage) => sse({ id: `c${call.number}`, object: 'chat.completion.chunk', model: call.body.model,
			choices: [{ index: 0, delta: {}, finish_reason: finish }] }) +
			(usage ? sse({ id: `c${call.number}`, object: 'chat.completion.chunk', model: call.body.model, choices: [],
				usage: { prompt_tokens: usage.input, completion_tokens: usage.output,
					total_tokens: usage.input + usage.output,
					prompt_tokens_details: { cached_tokens: usage.cached } } }) : '') + 'data: [DONE]\n\n',
	},
	anthropic: {
		begin: (call) => event({ type: 'message_start', message: { id: `m${call.number}`, type: 'message',
			role: 'assistant', model: call.body.model, content: [], stop_reason: null,
			usage: call.plan.usage === null ? {} : { input_tokens: call.usage.input - call.usage.cached,
				cache_read_input_tokens: call.usage.cached, cache_creation_input_tokens: 0, output_tokens: 1 } } }) +
			event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
		piece: (call, text) => event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
		end: (call, finish, usage) => event({ type: 'content_block_stop', index: 0 }) +
			event({ type: 'message_delta', delta: { stop_reason: finish === 'length' ? 'max_tokens' : 'end_turn' },
				usage: usage ? { output_tokens: usage.output } : {} }) + event({ type: 'message_stop' }),
	},
};

export class Vendor {
	// plan(call): what to answer; see answer(). tls: {key, cert} serves HTTP/2 and 1.1 behind TLS.
	constructor({ plan, tls } = {}) {
		this.plan = plan ?? (() => ({ text: '好的，收到。' }));
		this.tls = tls;
		this.calls = [];
		this.connections = 0;
		this.open = 0;
		this.mostOpen = 0;
		this.lastPrompt = new Map(); // key -> text of the last request: what its prefix cache holds
	}

	async start(port = 0) {
		const take = (request, response) => this.take(request, response);
		this.server = this.tls
			? http2.createSecureServer({ ...this.tls, allowHTTP1: true }, take)
			: http.createServer({ keepAliveTimeout: 60_000 }, take);
		this.sockets = new Set();
		this.server.on(this.tls ? 'secureConnection' : 'connection', (socket) => {
			this.connections++;
			this.sockets.add(socket);
			socket.on('error', () => {});
			socket.on('close', () => this.sockets.delete(socket));
		});
		await new Promise((resolve) => { this.server.listen(port, '127.0.0.1', resolve); });
		this.port = this.server.address().port;
		return this;
	}

	get url() {
		return `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.port}/v1`;
	}

	// Nobody answers on its port any more, until start(port).
	async stop() {
		for (const socket of this.sockets ?? []) {
			socket.destroy();
		}
		await new Promise((resolve) => { this.server.close(resolve); });
	}

	take(request, response) {
		const parts = [];
		request.on('data', (part) => parts.push(part));
		request.on('error', () => {});
		request.on('end', () => {
			if (request.aborted) {
				return; // half a request: a stream that a goodbye refused
			}
			const call = new Call(this, request, response, Buffer.concat(parts).toString('utf8'));
			this.calls.push(call);
			this.open++;
			this.mostOpen = Math.max(this.mostOpen, this.open);
			call.onGone(() => { this.open--; });
			call.plan = this.plan(call) ?? {};
			this.answer(call).catch((error) => { call.error = error; });
		});
	}

	// Tokens of a call: grows with the prompt, what the last prompt of that key began with is cached, and the output is
	// a number no other call has.
	bill(call) {
		const input = Math.ceil(Buffer.byteLength(call.text) / 3);
		const before = this.lastPrompt.get(call.key) ?? '';
		let same = 0;
		while (same < before.length && before[same] === call.text[same]) {
			same++;
		}
		this.lastPrompt.set(call.key, call.text);
		const cached = Math.min(input, Math.floor(Buffer.byteLength(call.text.slice(0, same)) / 3 / 64) * 64);
		return { input, cached, output: 10 + call.number };
	}

	// plan: {text, chunks, delay_ms (before each chunk), held(i): a promise to keep before that chunk, first_ms, usage:
	// null (none is told), finish, end: 'close' | 'cut' | 'reset' | 'hang', cut_after (chunks)} or {status, headers, body,
	// end, first_ms, pieces (bytes a write), last_ms (before the end: a reset throws away what was not read yet)}.
	async answer(call) {
		const { plan } = call;
		if (plan.first_ms) {
			await wait(plan.first_ms, call);
		}
		if (plan.end === 'hang' && plan.text === undefined) {
			return; // never a byte
		}
		if (plan.status !== undefined || plan.body !== undefined) {
			await this.answerRaw(call);
		} else {
			await this.stream(call);
		}
	}

	async answerRaw(call) {
		const { plan } = call;
		const headers = { ...plan.headers };
		delete headers['content-length'];
		call.response.writeHead(plan.status ?? 200, headers);
		const body = Buffer.from(plan.body ?? '');
		const size = plan.pieces ?? Math.max(1, body.length);
		for (let at = 0; at < body.length; at += size) {
			await call.write(body.subarray(at, at + size));
		}
		await wait(plan.last_ms ?? 0, call);
		if (plan.end === 'cut' || plan.end === 'reset') {
			await untilRead(call);
			call.breakOff(plan.end);
		} else {
			await call.close();
		}
	}

	async stream(call) {
		const { plan } = call;
		const form = call.isAnthropic ? forms.anthropic : forms.openai;
		const usage = this.bill(call);
		call.usage = usage;
		call.response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
		await call.write(form.begin(call));
		const points = [...plan.text];
		const count = Math.min(plan.chunks ?? 1, points.length) || 1;
		for (let i = 0; i < count; i++) {
			if (plan.delay_ms) {
				await wait(plan.delay_ms, call);
			}
			if (plan.held) {
				await kept(Promise.resolve(plan.held(i)), call);
			}
			if (i === plan.cut_after) {
				break;
			}
			const piece = points.slice(Math.floor(i * points.length / count),
				Math.floor((i + 1) * points.length / count)).join('');
			if (!await call.write(form.piece(call, piece))) {
				return;
			}
			call.sent += piece;
		}
		if (plan.end === 'hang') {
			return;
		}
		if (plan.end === 'cut' || plan.end === 'reset') {
			await untilRead(call);
			call.breakOff(plan.end);
			return;
		}
		const told = plan.usage === null ? null : usage;
		await call.write(form.end(call, plan.finish ?? 'stop', told));
		call.told = await call.close() && told !== null;
	}

	// What it bills for calls whose figures it told.
	total(is = () => true) {
		const sum = { calls: 0, input: 0, cached: 0, output: 0 };
		for (const call of this.calls) {
			if (call.told && is(call)) {
				sum.calls++;
				sum.input += call.usage.input;
				sum.cached += call.usage.cached;
				sum.output += call.usage.output;
			}
		}
		return sum;
	}
}
