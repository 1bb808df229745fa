// files.mjs - pictures and files in both directions: the uploads of bots, and what people put into their messages.
import { hex } from './bodies.mjs';
import { Refusal, demand } from './rules.mjs';

const MB = 1 << 20;
const TYPES = ['opus', 'mp4', 'pdf', 'doc', 'xls', 'ppt', 'stream'];
const uuid = () => [4, 2, 2, 2, 6].map(bytes => hex(bytes)).join('-');
const PICTURES = [[0xff, 0xd8, 0xff], [0x89, 0x50, 0x4e, 0x47], [0x47, 0x49, 0x46], [0x42, 0x4d], [0x52, 0x49, 0x46, 0x46], [0, 0, 1, 0]];
const isPicture = data => PICTURES.some(magic => magic.every((byte, i) => data[i] === byte));

export class Files {
	constructor(platform) {
		this.platform = platform;
		this.kept = new Map(); // key -> what somebody sent
		this.uploads = new Map(); // key -> what a bot uploaded
		this.gets = []; // {at, message_id, key, type, code}
	}

	// Somebody sends data: its key. type: image or file; the rest are faults: name: of Content-Disposition; code: the
	// refusal; failures: how many times it says 500 first; slow: ms; bytes: a length that is only told.
	put(data, { type = 'file', ...more } = {}) {
		const key = `${type === 'image' ? 'img' : 'file'}_v3_02ab_${uuid()}g`;
		this.kept.set(key, { data, type, ...more });
		return key;
	}

	resource(call, app, message, key) {
		const { type } = call.query;
		const entry = { at: Date.now(), message_id: message?.message_id, key, type, code: 0 };
		this.gets.push(entry);
		try {
			return this.read(app, message, key, type);
		} catch (error) {
			entry.code = error.code;
			throw error;
		}
	}

	read(app, message, key, type) {
		demand(type === 'image' || type === 'file', 234001);
		if (!message) throw new Refusal(234003);
		if (this.platform.posts.left.has(message.chat_id)) throw new Refusal(234004, { msg: 'The app is not in the chat.' });
		const file = this.kept.get(key) ?? this.uploads.get(key);
		const content = typeof message.content === 'string' ? message.content : JSON.stringify(message.content ?? {});
		if (!file || message.recalled || !content.includes(JSON.stringify(key))) throw new Refusal(234003);
		if (['sticker', 'merge_forward', 'interactive'].includes(message.msg_type)) throw new Refusal(234043);
		if ((file.type === 'image') !== (type === 'image')) throw new Refusal(234001);
		if (file.code) throw new Refusal(file.code);
		if (file.failures-- > 0) return { binary: Buffer.from('busy'), status: 500, type: 'text/plain' };
		const name = file.name === undefined ? {} : { 'content-disposition': `attachment; filename="${encodeURIComponent(file.name)}"` };
		return { binary: file.data, type: file.contentType ?? 'application/octet-stream', headers: { ...name, ...file.headers }, slow: file.slow };
	}

	// ---- uploads ----

	upload(call, app, kind) {
		const parts = partsOf(call);
		const data = parts.get(kind)?.data;
		demand(data, 234001);
		if (data.length === 0) throw new Refusal(234010);
		if (data.length > (kind === 'image' ? 10 : 30) * MB) throw new Refusal(234006);
		const text = name => parts.get(name)?.data.toString('utf8');
		const type = text(kind === 'image' ? 'image_type' : 'file_type');
		if (kind === 'image') {
			demand(type === 'message' || type === 'avatar', 234001);
			demand(isPicture(data), 234011);
		} else {
			demand(TYPES.includes(type) && text('file_name'), 234001);
		}
		const key = `${kind === 'image' ? 'img' : 'file'}_v3_00ab_${uuid()}g`;
		this.uploads.set(key, { app_id: app.app_id, kind, type, name: text('file_name'), duration: text('duration'), data: Buffer.from(data) });
		return { data: { [`${kind}_key`]: key } };
	}
}

// The parts of a multipart body by name: {head, filename, data}.
function partsOf({ headers, bytes: raw }) {
	const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/.exec(headers['content-type'] ?? '')?.[1];
	const parts = new Map();
	if (!boundary) return parts;
	const mark = Buffer.from(`--${boundary}`);
	for (let at = raw.indexOf(mark); at >= 0; ) {
		const body = raw.indexOf('\r\n\r\n', at);
		const next = raw.indexOf(mark, at + mark.length);
		if (body < 0 || next < 0) break;
		const head = raw.subarray(at + mark.length + 2, body).toString('utf8');
		const name = /[; ]name="([^"]*)"/.exec(head)?.[1];
		parts.set(name, { head, filename: /filename="([^"]*)"/.exec(head)?.[1], data: raw.subarray(body + 4, next - 2) });
		at = next;
	}
	return parts;
}
