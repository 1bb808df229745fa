// console.mjs - making an app by QR code, on the host of accounts: what a terminal asks for, and who scans.
import { hex } from './bodies.mjs';

export const PATH = '/oauth/v1/app/registration';
const LIFE = 600;

export class Console {
	constructor(platform) {
		this.platform = platform;
		this.scans = new Map(); // device_code -> {ends, polls, error, client_id, ...}
		this.polls = [];
		this.answer = null; // set to {status, body} to refuse all
		this.interval = 5;
		this.life = LIFE;
	}

	// {status, body} of a form that was posted.
	post(call) {
		const form = Object.fromEntries(new URLSearchParams(call.raw));
		if (!/^application\/x-www-form-urlencoded\b/.test(call.headers['content-type'] ?? '')) return bad('invalid_request');
		if (this.answer) return { status: 200, ...this.answer };
		if (form.action === 'begin') return this.begin(form);
		if (form.action === 'poll') return this.poll(form);
		return bad('invalid_request');
	}

	begin({ archetype, auth_method, request_user_info }) {
		if (archetype !== 'PersonalAgent' || auth_method !== 'client_secret' || request_user_info !== 'open_id') return bad('invalid_request');
		const device_code = hex();
		const user_code = hex(4).toUpperCase();
		const uri = 'https://open.feishu.cn/page/launcher';
		this.scans.set(device_code, { user_code, ends: this.platform.now() + this.life * 1000, polls: 0, error: 'authorization_pending' });
		return { status: 200, body: { device_code, user_code, verification_uri: uri, expires_in: this.life, interval: this.interval,
			verification_uri_complete: this.completeUri?.(user_code) ?? `${uri}?user_code=${user_code}` } };
	}

	poll({ device_code }) {
		const scan = this.scans.get(device_code);
		this.polls.push({ at: Date.now(), device_code });
		if (!scan) return bad('invalid_grant');
		scan.polls++;
		this.onPoll?.(scan);
		if (scan.ends <= this.platform.now()) scan.error = 'expired_token';
		if (scan.brand_only) { // of the other brand: the terminal is to ask that host
			const { user_info } = scan;
			scan.brand_only = false;
			return { status: 200, body: { user_info } };
		}
		if (scan.error) return bad(scan.error);
		return { status: 200, body: { client_id: scan.client_id, client_secret: scan.client_secret, user_info: scan.user_info } };
	}

	// The person confirms: an app is made. brand: lark, where the account is one of the other host.
	confirm(scan, app, { brand = 'feishu', open_id = 'ou_scanner' } = {}) {
		this.platform.add(app);
		Object.assign(scan, { error: null, client_id: app.app_id, client_secret: app.app_secret, user_info: { tenant_brand: brand, open_id },
			brand_only: brand === 'lark' });
	}
}

const bad = error => ({ status: 400, body: { error, error_description: error } });
