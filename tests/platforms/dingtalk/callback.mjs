// callback.mjs - the HTTP mode: robot messages signed by the app's secret and clicks of cards, posted to a bot's address.
//
// The sign covers the time and nothing of the body. A bot may answer with a message, which is shown in the chat; what else
// it says is a complaint.
import { createHmac } from 'node:crypto';
import http from 'node:http';
import { ask } from '../standin.mjs';
import { OldRefusal, readAt, readWebhook } from './rules.mjs';

const ANSWER = 2500;
const CLICK = 2000;

export const robotSign = (secret, timestamp) => createHmac('sha256', secret).update(`${timestamp}\n${secret}`).digest('base64');
export const cardSign = (secret, timestamp) => createHmac('sha256', secret).update(timestamp).digest('base64');

export class CallbackSide {
	constructor(platform) {
		this.platform = platform;
		this.deliveries = []; // each try: {at, ms, status, text, error}
		this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
	}

	close() {
		this.agent.destroy();
	}

	request(url, body, headers, timeout = ANSWER) {
		return ask(url, { headers, body, agent: this.agent, limit: timeout });
	}

	headers(account, timestamp = String(this.platform.now())) {
		return { 'content-type': 'application/json; charset=utf-8', timestamp, sign: robotSign(account.client_secret, timestamp) };
	}

	// One message, told until it is taken, at most `tries` times. url: an address, or a function that says where it is now.
	async say(client_id, url, message, { tries = 1, wait = 200, headers } = {}) {
		const account = this.platform.accounts.get(client_id);
		const { body, question } = this.platform.prepare(account, message);
		let delivery;
		for (let i = 0; i < tries; i++) {
			if (i > 0) await this.platform.pause(wait);
			const where = typeof url === 'function' ? url() : url;
			delivery = await this.request(where, JSON.stringify(body), headers ?? this.headers(account));
			this.deliveries.push(delivery);
			if (delivery.status === 200) break;
		}
		if (delivery.status === 200) this.answer(account, question, delivery);
		return { msgId: body.msgId, body, delivery, delivered: delivery.status === 200 };
	}

	// What stands in the answer is said in the chat.
	answer(account, question, delivery) {
		const { text } = delivery;
		if (text === '' || text === '{}') return;
		try {
			const body = JSON.parse(text);
			if (body.msgtype === 'empty') return;
			const shown = readWebhook(body);
			this.platform.view.add({ client_id: account.client_id, via: 'callback', ...question, ...shown, ...readAt(body, shown) });
		} catch (error) {
			if (!(error instanceof OldRefusal) && !(error instanceof SyntaxError)) throw error;
			this.platform.complain(`the webhook answers ${text.slice(0, 80)}`);
		}
	}

	async click(card, body, entry) {
		const route = this.platform.cards.routes.get(card.routeKey);
		const timestamp = String(this.platform.now());
		const headers = { 'content-type': 'application/json', 'x-ddpaas-signature-timestamp': timestamp,
			'x-ddpaas-signature': cardSign(route.apiSecret, timestamp) };
		const delivery = await this.request(route.url, JSON.stringify(body), headers, CLICK);
		entry.delivery = delivery;
		if (delivery.status !== 200) return;
		try {
			entry.response = JSON.parse(delivery.text || '{}');
		} catch {
			this.platform.complain('a click is answered without JSON');
		}
	}
}
