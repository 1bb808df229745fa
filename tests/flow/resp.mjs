// resp.mjs - just enough of Redis' protocol to look into a private server without its command line tool.
import net from 'node:net';

// One reply from data at position at: [value, next position], or null where it is not whole yet.
function parse(data, at) {
	const end = data.indexOf('\r\n', at);
	if (end < 0) {
		return null;
	}
	const kind = String.fromCharCode(data[at]);
	const line = data.toString('utf8', at + 1, end);
	if (kind === '+') {
		return [line, end + 2];
	}
	if (kind === '-') {
		return [new Error(line), end + 2];
	}
	if (kind === ':') {
		return [Number(line), end + 2];
	}
	const size = Number(line);
	if (size < 0) {
		return [null, end + 2];
	}
	if (kind === '$') {
		const stop = end + 2 + size;
		return data.length < stop + 2 ? null : [data.toString('utf8', end + 2, stop), stop + 2];
	}
	const items = [];
	let next = end + 2;
	for (let i = 0; i < size; i++) {
		const item = parse(data, next);
		if (item === null) {
			return null;
		}
		items.push(item[0]);
		next = item[1];
	}
	return [items, next];
}

export class Resp {
	// where: as for net.connect.
	static open(where, ms = 20_000) {
		return new Promise((resolve, reject) => {
			const socket = net.connect(where);
			socket.setTimeout(ms, () => socket.destroy(new Error('Redis does not answer')));
			socket.once('error', reject);
			socket.once('connect', () => {
				socket.off('error', reject);
				resolve(new Resp(socket));
			});
		});
	}

	constructor(socket) {
		this.socket = socket;
		this.data = Buffer.alloc(0);
		this.waiting = [];
		this.error = null; // why it ended
		socket.on('data', (chunk) => this.take(chunk));
		socket.on('error', (error) => this.fail(error));
		socket.on('close', () => this.fail(new Error('the connection to Redis ended')));
	}

	take(chunk) {
		this.data = Buffer.concat([this.data, chunk]);
		for (;;) {
			const reply = this.data.length > 0 ? parse(this.data, 0) : null;
			if (reply === null) {
				return;
			}
			this.data = this.data.subarray(reply[1]);
			const { resolve, reject } = this.waiting.shift();
			if (reply[0] instanceof Error) {
				reject(reply[0]);
			} else {
				resolve(reply[0]);
			}
		}
	}

	fail(error) {
		this.error ??= error;
		for (const { reject } of this.waiting.splice(0)) {
			reject(error);
		}
	}

	command(...args) {
		const parts = args.map((arg) => Buffer.from(String(arg)));
		const head = Buffer.from(`*${parts.length}\r\n`);
		const body = parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]);
		return new Promise((resolve, reject) => {
			if (this.error) {
				reject(this.error);
				return;
			}
			this.waiting.push({ resolve, reject });
			this.socket.write(Buffer.concat([head, ...body]));
		});
	}

	close() {
		this.socket.destroy();
	}
}
