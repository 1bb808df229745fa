// files.mjs - media in both directions: the object store that serves what people send, encrypted and for five minutes,
// and the uploads of bots.
//
// An address is taken only as it was given, byte for byte: its query is a signature.
import { randomBytes } from 'node:crypto';
import { id } from './bodies.mjs';
import { md5, sealFile } from './crypt.mjs';
import { MEDIA, Refusal } from './rules.mjs';

const LIFE = 5 * 60_000;
const CHUNK_MOST = 512 * 1024;
const CHUNKS_MOST = 100;
const SESSION = 30 * 60_000;
const MOST = { file: 20 << 20, image: 10 << 20, video: 10 << 20, voice: 2 << 20 };

export class Files {
	constructor(platform) {
		this.platform = platform;
		this.stored = new Map(); // path with query -> file
		this.gets = []; // {url, at, status}
		this.uploads = new Map();
		this.media = new Map(); // media_id -> {bot_id, type, filename, data, born}
	}

	// A person attaches data. key: of a bot over HTTP (32 bytes); without it the address gets a key of its own. The
	// rest are faults: broken (see sealFile), failures: how many times 503 comes first, wrongKey, slow: ms, life: ms,
	// plain: not encrypted at all, head: headers of the answer.
	put(data, { name, key, life = LIFE, aeskeyPadded = true, ...faults } = {}) {
		const own = key ?? randomBytes(32);
		const path = `/media/${id()}/${id()}?sign=q-sign-algorithm%3Dsha1%26q-ak%3D${id('AK')}%26x%3D${encodeURIComponent('a/b+c=')}`;
		this.stored.set(path, {
			name,
			data: faults.plain ? data : sealFile(faults.wrongKey ? randomBytes(32) : own, data, faults.broken),
			ends: this.platform.now() + life,
			...faults,
		});
		const url = `${this.platform.url}${path}`;
		if (key) return { url };
		const aeskey = own.toString('base64');
		return { url, aeskey: aeskeyPadded ? aeskey : aeskey.replace(/=+$/, '') };
	}

	async serve(request, response) {
		const file = this.stored.get(request.url);
		const status = !file || file.ends <= this.platform.now() ? 403 : file.failures-- > 0 ? 503 : 200;
		this.gets.push({ url: request.url, at: Date.now(), status });
		if (status !== 200) {
			response.writeHead(status, { 'content-type': 'application/xml' });
			return response.end('<Error><Code>AccessDenied</Code></Error>');
		}
		if (file.slow) await this.platform.pause(file.slow);
		response.writeHead(200, {
			'content-type': 'application/octet-stream',
			'content-length': file.data.length,
			...(file.name
				? { 'content-disposition': `attachment; filename="x.bin"; filename*=UTF-8''${encodeURIComponent(file.name)}` }
				: {}),
			...file.head,
		});
		response.end(file.data);
	}

	// ---- uploads of a bot ----

	init(bot_id, { type, filename, total_size: size, total_chunks: chunks, md5: sum }) {
		if (!MEDIA.includes(type)) throw new Refusal(40058, 'type');
		if (typeof filename !== 'string' || filename === '' || Buffer.byteLength(filename) > 256) {
			throw new Refusal(40058, 'filename');
		}
		if (!(size >= 5) || size > MOST[type]) throw new Refusal(size > 0 ? 45002 : 44004, 'total_size');
		if (!(chunks >= 1 && chunks <= CHUNKS_MOST) || size > chunks * CHUNK_MOST) throw new Refusal(40058, 'total_chunks');
		const upload_id = id('up');
		this.uploads.set(upload_id, { bot_id, type, filename, size, chunks, sum, parts: new Map(), born: this.platform.now() });
		return { upload_id };
	}

	uploadOf(bot_id, upload_id) {
		const upload = this.uploads.get(upload_id);
		if (!upload || upload.bot_id !== bot_id || this.platform.now() - upload.born > SESSION) {
			throw new Refusal(40058, 'upload_id');
		}
		return upload;
	}

	chunk(bot_id, { upload_id, chunk_index: index, base64_data: text }) {
		const upload = this.uploadOf(bot_id, upload_id);
		if (!Number.isInteger(index) || index < 0 || index >= upload.chunks) throw new Refusal(40058, 'chunk_index');
		const data = Buffer.from(String(text), 'base64');
		if (data.length === 0 || data.length > CHUNK_MOST) throw new Refusal(45002, 'chunk');
		upload.parts.set(index, data);
		return undefined;
	}

	finish(bot_id, { upload_id }) {
		const upload = this.uploadOf(bot_id, upload_id);
		const parts = Array.from({ length: upload.chunks }, (_, i) => upload.parts.get(i));
		if (parts.some(part => !part)) throw new Refusal(40058, 'a chunk is missing');
		const data = Buffer.concat(parts);
		if (data.length !== upload.size) throw new Refusal(40058, 'total_size');
		if (upload.sum && upload.sum !== md5(data)) throw new Refusal(40058, 'md5');
		this.uploads.delete(upload_id);
		return this.keep(bot_id, upload.type, upload.filename, data);
	}

	keep(owner, type, filename, data) {
		const media_id = id('media_');
		const born = this.platform.now();
		this.media.set(media_id, { bot_id: owner, type, filename, data, born });
		return { type, media_id, created_at: String(Math.floor(born / 1000)) };
	}

	// What a message with that media_id shows.
	mediaOf(owner, type, media_id) {
		const media = this.media.get(media_id);
		if (!media || media.bot_id !== owner || media.type !== type || this.platform.now() - media.born > 3 * 86400_000) {
			throw new Refusal(40007);
		}
		return media;
	}
}
