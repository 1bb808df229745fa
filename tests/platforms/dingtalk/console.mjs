// console.mjs - making an app by QR code: what a terminal asks for, and the person with the phone who scans.
import { hex } from './bodies.mjs';

const LIFE = 7200;

export class Console {
	constructor(platform) {
		this.platform = platform;
		this.nonces = new Map();
		this.scans = new Map(); // device_code -> {status, ends, polls}
		this.answer = null; // set to {errcode} to refuse all
		this.interval = 3;
	}

	route(name, body) {
		if (this.answer) return this.answer;
		switch (name) {
			case 'init':
				return this.init(body);
			case 'begin':
				return this.begin(body);
			case 'poll':
				return this.poll(body);
			default:
				return { errcode: 404, errmsg: 'no such step' };
		}
	}

	init({ source }) {
		if (typeof source !== 'string' || source === '') return { errcode: 40035, errmsg: 'source' };
		const nonce = hex();
		this.nonces.set(nonce, source);
		return { errcode: 0, errmsg: 'ok', nonce };
	}

	begin({ nonce }) {
		if (!this.nonces.delete(nonce)) return { errcode: 40035, errmsg: 'nonce' };
		const device_code = hex();
		const user_code = hex(4).toUpperCase();
		this.scans.set(device_code, { status: 'WAITING', ends: this.platform.now() + LIFE * 1000, polls: 0 });
		const uri = this.authUri?.(user_code) ?? 'https://open-dev.dingtalk.com/openapp/registration/openClaw';
		return { errcode: 0, errmsg: 'ok', device_code, user_code, verification_uri: uri,
			verification_uri_complete: this.authUri ? uri : `${uri}?user_code=${user_code}`, expires_in: LIFE, interval: this.interval };
	}

	poll({ device_code }) {
		const scan = this.scans.get(device_code);
		if (!scan) return { errcode: 40035, errmsg: 'device_code' };
		scan.polls++;
		this.onPoll?.(scan);
		if (scan.status === 'WAITING' && scan.ends <= this.platform.now()) scan.status = 'EXPIRED';
		const { status, client_id, client_secret, fail_reason } = scan;
		return { errcode: 0, errmsg: 'ok', status, ...(status === 'SUCCESS' ? { client_id, client_secret } : {}),
			...(fail_reason ? { fail_reason } : {}) };
	}

	// The person confirms: an app is made.
	confirm(scan, app) {
		this.platform.add(app);
		Object.assign(scan, { status: 'SUCCESS', client_id: app.client_id, client_secret: app.client_secret });
	}
}
