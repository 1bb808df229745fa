// console.mjs - making an AI bot by QR code: what a terminal asks for, and the person with the phone who scans.
import { id } from './bodies.mjs';

const LIFE = 5 * 60_000;

export class Console {
	constructor(platform) {
		this.platform = platform;
		this.scans = new Map(); // scode -> {status, bot_info, ends, polls}
		this.answer = null; // set to {errcode} to refuse all
	}

	generate(url) {
		if (this.answer) return this.answer;
		const scode = id('sc');
		this.scans.set(scode, { source: url.searchParams.get('source'), status: 'wait', ends: this.platform.now() + LIFE, polls: 0 });
		return { errcode: 0, data: { scode, auth_url: this.authUrl?.(scode) ?? `https://work.weixin.qq.com/ai/qc/c?scode=${scode}` } };
	}

	query(url) {
		const scan = this.scans.get(url.searchParams.get('scode'));
		if (!scan) return { errcode: 0, data: { status: 'error' } };
		scan.polls++;
		if (this.onPoll) this.onPoll(scan);
		if (scan.status !== 'success' && scan.ends <= this.platform.now()) scan.status = 'expired';
		return { errcode: 0, data: { status: scan.status, ...(scan.status === 'success' ? { bot_info: scan.bot_info } : {}) } };
	}

	// The person confirms: an account is made, or the given one shown.
	confirm(scan, account) {
		this.platform.add(account);
		scan.status = 'success';
		scan.bot_info = { botid: account.bot_id, secret: account.secret };
	}
}
