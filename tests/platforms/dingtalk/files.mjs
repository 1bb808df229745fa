// files.mjs - media in both directions: codes that become addresses of an object store, and the uploads of bots.
//
// An address is signed: it is taken only as it was given, byte for byte, and for a while.
import { hex } from './bodies.mjs';
import { OldRefusal, Refusal, demand } from './rules.mjs';

const LIFE = 60 * 60_000;
const MB = 1 << 20;
const MOST = { image: 20 * MB, voice: 2 * MB, video: 20 * MB, file: 20 * MB };
const NAMES = {
	image: /\.(jpe?g|gif|png|bmp)$/i,
	voice: /\.(amr|mp3|wav)$/i,
	video: /\.mp4$/i,
	file: /\.(docx?|xlsx?|pptx?|zip|pdf|rar)$/i,
};

export class Files {
	constructor(platform) {
		this.platform = platform;
		this.codes = new Map(); // downloadCode -> file
		this.stored = new Map(); // path with query -> file
		this.gets = []; // {url, at, status}
		this.media = new Map(); // media_id -> {account, type, filename, data}
	}

	// Somebody sends data: its downloadCode. The rest are faults: codeLife, life: ms of the code and of the address;
	// failures: how many times the store says 503 first; slow: ms; owner: the robot whose code it is; url: another
	// address than its own; picture: a code that the API answers 500 for; redirect: where the store sends one.
	put(data, { codeLife = LIFE, ...more } = {}) {
		const code = `mIofN681YE3f/+m+${hex(24)}/=`;
		this.codes.set(code, { data, codeEnds: this.platform.now() + codeLife, ...more });
		return code;
	}

	address(account, body) {
		demand(typeof body.robotCode === 'string', 'robotCode');
		const file = this.codes.get(body.downloadCode);
		if (!file || file.codeEnds <= this.platform.now()) throw new Refusal('invalidParameter.robotCode.downloadCode');
		if (body.robotCode !== account.robot_code || (file.owner && file.owner !== body.robotCode)) {
			throw new Refusal('invalidParameter.robotCode.auth');
		}
		if (file.picture) throw new Refusal('unknownError');
		if (file.url) return { downloadUrl: file.url };
		const path = `/obj/${hex()}.file?Expires=1767229200&OSSAccessKeyId=${hex(4)}&Signature=${encodeURIComponent(`${hex(6)}/+=`)}`;
		this.stored.set(path, { file, ends: this.platform.now() + (file.life ?? LIFE) });
		return { downloadUrl: `${this.platform.url}${path}` };
	}

	async serve(request, response) {
		const { file, ends } = this.stored.get(request.url) ?? {};
		const status = !file || ends <= this.platform.now() ? 403 : file.failures-- > 0 ? 503 : file.redirect ? 302 : 200;
		this.gets.push({ url: request.url, at: Date.now(), status });
		if (request.headers['x-acs-dingtalk-access-token']) this.platform.complain('the token is shown to the object store');
		if (status === 302) return response.writeHead(302, { location: file.redirect }).end();
		if (status !== 200) return response.writeHead(status, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code></Error>');
		if (file.slow) await this.platform.pause(file.slow);
		response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': file.data.length, ...file.head });
		return response.end(file.data);
	}

	// ---- uploads ----

	upload(account, call) {
		const type = call.query.get('type');
		if (!(type in MOST)) throw new OldRefusal(40004, '不合法的媒体文件类型');
		const boundary = /boundary="?([^";]+)"?/.exec(call.headers['content-type'] ?? '')?.[1];
		const part = boundary ? partOf(call.raw, boundary) : null;
		if (!part) throw new OldRefusal(41005, '缺少media');
		if (!/name="media"/.test(part.head) || !part.filename || !/content-type:/i.test(part.head)) throw new OldRefusal(41005, '缺少media');
		if (part.data.length === 0 || part.data.length > MOST[type]) throw new OldRefusal(40006, '不合法的文件大小');
		if (!NAMES[type].test(part.filename)) throw new OldRefusal(40005, '不合法的文件类型');
		const media_id = `@lA${hex(12)}`;
		this.media.set(media_id, { account, type, filename: part.filename, data: Buffer.from(part.data) });
		return { type, media_id, created_at: this.platform.now() };
	}

	// What a message with that id shows; null where it is nobody's. The mark in front belongs to it.
	mediaOf(account, media_id) {
		const media = this.media.get(media_id);
		return media?.account === account ? media : null;
	}
}

// The part named media of a multipart body: {head, filename, data}.
function partOf(raw, boundary) {
	const mark = Buffer.from(`--${boundary}`);
	for (let at = raw.indexOf(mark); at >= 0; ) {
		const from = at + mark.length + 2;
		const body = raw.indexOf('\r\n\r\n', from);
		const next = raw.indexOf(mark, from);
		if (body < 0 || next < 0) return null;
		const head = raw.subarray(from, body).toString('utf8');
		if (/name="media"/.test(head)) return { head, filename: /filename="([^"]*)"/.exec(head)?.[1], data: raw.subarray(body + 4, next - 2) };
		at = next;
	}
	return null;
}
