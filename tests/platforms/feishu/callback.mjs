// callback.mjs - webhooks: packed, signed, encrypted; delivered until they are answered, along the ladder.
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import { ask, sleep } from '../standin.mjs';

export class CallbackSide {
	constructor(platform) {
		this.platform = platform;
		this.deliveries = []; // each try
		this.agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
		this.closed = false;
	}

	close() {
		this.closed = true;
		this.agent.destroy();
	}

	// The bytes and headers of one delivery. signed: not for the console's check of an address.
	pack(app_id, object, { signed = true } = {}) {
		const { encrypt_key: key } = this.platform.apps.get(app_id);
		const headers = { 'content-type': 'application/json; charset=utf-8' };
		const plain = JSON.stringify(object);
		if (!key) return { body: plain, headers };
		const iv = randomBytes(16);
		const cipher = createCipheriv('aes-256-cbc', createHash('sha256').update(key).digest(), iv);
		const encrypt = Buffer.concat([iv, cipher.update(plain, 'utf8'), cipher.final()]).toString('base64');
		const body = JSON.stringify({ encrypt });
		if (signed) {
			const timestamp = String(Math.floor(this.platform.now() / 1000));
			const nonce = randomBytes(8).toString('hex');
			headers['x-lark-request-timestamp'] = timestamp;
			headers['x-lark-request-nonce'] = nonce;
			headers['x-lark-signature'] = createHash('sha256').update(timestamp + nonce + key + body).digest('hex');
		}
		return { body, headers };
	}

	// One request: {status, body} or {error}. 3 s, as the platform.
	async request(url, { body, headers }, timeout = 3000) {
		const { status, text, error } = await ask(url, { headers, body, agent: this.agent, limit: timeout });
		return error === undefined ? { status, body: text } : { error };
	}

	// What the console does when an administrator saves the address: the challenge must come back within a second.
	async verify(app_id, url) {
		const challenge = randomBytes(12).toString('hex');
		const object = { challenge, token: this.platform.apps.get(app_id).verification_token, type: 'url_verification' };
		const answer = await this.request(url, this.pack(app_id, object, { signed: false }), 1000);
		try {
			return answer.status === 200 && JSON.parse(answer.body).challenge === challenge;
		} catch {
			return false;
		}
	}

	// Delivers until it is answered with 200, at most once more than the ladder has steps. {acknowledged, tries}.
	async deliver(app_id, url, object) {
		const tries = [];
		for (const wait of [0, ...this.platform.options.ladder]) {
			if (wait > 0) await sleep(wait);
			if (this.closed) break;
			const started = this.platform.now();
			const answer = await this.request(url, this.pack(app_id, object));
			const entry = { app_id, event: object, at: started, ms: this.platform.now() - started, ...answer };
			tries.push(entry);
			this.deliveries.push(entry);
			if (answer.status === 200) return { acknowledged: true, tries };
		}
		return { acknowledged: false, tries };
	}
}
