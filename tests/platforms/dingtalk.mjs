// dingtalk.mjs - a stand-in for DingTalk's open platform: Stream connections, robot webhooks, the API, cards, media.
//
// One server on one port plays all hosts: connections and pushes of dingtalk/stream.mjs, posts to bots of callback.mjs,
// messages of sends.mjs, cards.mjs, files.mjs, the custom robots of groups, the QR console. view.mjs keeps what people
// see, and tests assert on that. The official Stream client is its judge: see dingtalk.test.mjs.
import * as bodies from './dingtalk/bodies.mjs';
import { CallbackSide } from './dingtalk/callback.mjs';
import { Cards } from './dingtalk/cards.mjs';
import { Console } from './dingtalk/console.mjs';
import { Files } from './dingtalk/files.mjs';
import { Robots } from './dingtalk/robots.mjs';
import { OldRefusal, Refusal } from './dingtalk/rules.mjs';
import { Sends } from './dingtalk/sends.mjs';
import { StreamSide } from './dingtalk/stream.mjs';
import { Tokens } from './dingtalk/tokens.mjs';
import { View } from './dingtalk/view.mjs';
import { Rate, StandIn, objectOf } from './standin.mjs';

export const TEMPLATE = '8aebdfb9-28f4-4a98-98f5-396c3dde41a0.schema';

const DEFAULTS = {
	tokenLife: 7200, // seconds
	invalidTokenStatus: 400, // or 401
	qps: 20, // calls a second of an app to one interface, 0 for no limit
	calls: 0, // of the API in a month, 0 for no limit
	uses: 0, // messages in, clicks, posts to webhooks in a month
	robotMinute: 20, // of a custom robot
	redeliver: [], // ms until a message that was not acknowledged comes again, and again
	disconnectCloseMs: 10_000,
	reusedCard: 'refused', // or 'ignored': a card made under an id that is there
	record: true,
};

export class DingTalk extends StandIn {
	// apps: [{client_id, client_secret, name}]; more of options: DEFAULTS, now(): ms, ticketLife, sessionLife, cardMost,
	// ticket(), endpoint(ws_url), sessionBase: host of session webhooks where it is not this server.
	constructor(options = {}) {
		super({ ...DEFAULTS, ...options });
		this.accounts = new Map();
		this.raced = 0; // calls of a card while the one before was not answered
		this.lateClicks = 0;
		this.counts = { calls: 0, uses: 0, refused: 0 };
		this.rate = new Rate(this.options.qps);
		this.view = new View();
		this.tokens = new Tokens(this);
		this.stream = this.wires = new StreamSide(this);
		this.callback = new CallbackSide(this);
		this.sends = new Sends(this);
		this.cards = new Cards(this);
		this.files = new Files(this);
		this.robots = new Robots(this);
		this.console = new Console(this);
		for (const app of options.apps ?? []) this.add(app);
	}

	// deaf: connections and pings work, and nothing that is pushed arrives. disabled: 401. latency: ms of every API answer.
	// flowControlled: staff ids whose next direct message is held back. templates: id -> {key, unpublished}.
	add(app) {
		const account = {
			corp_id: 'ding6f9bed0856b0b0e86551b6ade1fee95f',
			app_id: bodies.hex(),
			robot_code: app.client_id,
			chatbot_user_id: bodies.robotUserId(app.client_id),
			templates: { [TEMPLATE]: { key: 'content' } },
			latency: 0,
			deaf: false,
			disabled: false,
			...app,
			groups: new Set(app.groups ?? []),
			staff: new Set(app.staff ?? []),
			flowControlled: new Set(),
		};
		this.accounts.set(account.client_id, account);
		return account;
	}

	account(client_id) {
		return this.accounts.get(client_id);
	}

	// ---- what people do ----

	// The body of a message, and where it stands.
	prepare(account, message) {
		const { user = 'zhangsan', chat } = message;
		const where = { chat: chat ?? bodies.directChat(account.client_id, user), chat_type: chat ? 'group' : 'direct', user };
		if (chat) account.groups.add(chat);
		if (message.staff !== null) account.staff.add(message.staff || user);
		const msgId = message.msgId ?? message.body?.msgId ?? bodies.msgId();
		const question = { ...where, question: msgId };
		const session = message.session === null ? null : this.sends.session(account, { ...question, life: message.sessionLife });
		let body = message.body ?? bodies.message(account, { ...message, msgId }, { now: this.now(), session });
		if (this.countUse(() => true)) body = bodies.overQuota(body);
		return { body, question, session };
	}

	// To a bot in Stream mode: {msgId, body, push, delivered}. message: see bodies.message(); a body is delivered as it is.
	say(client_id, message) {
		const account = this.accounts.get(client_id);
		const { body } = this.prepare(account, message);
		const push = message.connection
			? this.stream.push(client_id, 'CALLBACK', bodies.TOPIC_ROBOT, body, { connection: message.connection })
			: this.stream.deliver(client_id, body);
		return { msgId: body.msgId, body, push, delivered: push !== null && !push.lost };
	}

	// The same message once more, under another id of the push.
	sayAgain(client_id, said) {
		return this.stream.push(client_id, 'CALLBACK', bodies.TOPIC_ROBOT, said.body);
	}

	// A button of a card, by its text or id.
	click(bubble, button, more = {}) {
		return this.cards.click(bubble.card, { action: button?.actionId ?? button?.id ?? button, params: button?.params ?? {}, ...more });
	}

	// ---- quotas and rates ----

	// A message in, a click, a post to a webhook; over() where the month is used up.
	countUse(over) {
		const { uses } = this.options;
		if (uses && this.counts.uses >= uses) return over();
		this.counts.uses++;
		return undefined;
	}

	countCall(refuse) {
		const { calls } = this.options;
		if (calls && this.counts.calls >= calls) refuse();
		this.counts.calls++;
	}

	// So many calls a second of an app to one interface. Those refused are not counted for the month.
	checkRate(account, name) {
		if (!this.rate.take(`${account.client_id} ${name}`, this.now())) {
			this.counts.refused++;
			throw new Refusal('Forbidden.AccessDenied.QpsLimitForAppkeyAndApi');
		}
	}

	// ---- faults ----

	// For the next `times` calls, behind `skip` others, that match path (a string or RegExp), method, client_id, chat,
	// outTrackId and when(call): `status`, `code`, `errcode`, `body` instead of the work; `delay`: ms before it; `reset`:
	// 'before' or 'after' the work; `hang`: no answer, with the work done where it is 'after'; `undelivered`: words, the
	// card is made and stands nowhere.
	fits(fault, call) {
		return super.fits(fault, call) && (!fault.client_id || fault.client_id === call.client_id) && (!fault.chat || fault.chat === this.chatOf(call));
	}

	chatOf({ body, query }) {
		const session = this.sends.sessions.get(query.get('session'));
		if (session) return session.chat;
		const space = /^dtv1\.card\/\/IM_GROUP\.(.+)$/.exec(body?.openSpaceId ?? '')?.[1];
		return body?.openConversationId ?? space ?? this.cards.cards.get(body?.outTrackId)?.chat;
	}

	// ---- HTTP ----

	async serve(request, response) {
		const url = new URL(request.url, 'http://platform');
		if (url.pathname.startsWith('/obj/') && request.method === 'GET') return this.files.serve(request, response);
		const raw = await this.bodyOf(request);
		if (!raw) return undefined;
		const call = { at: Date.now(),
			method: request.method, path: url.pathname, query: url.searchParams, headers: request.headers, raw };
		call.body = jsonOf(call);
		call.client_id = this.tokens.ownerOf(call.headers['x-acs-dingtalk-access-token'])?.client_id ?? call.body?.clientId ?? call.body?.appKey;
		if (this.options.record) this.calls.push(call);
		return this.answer(call, request, response);
	}

	enter(call) {
		return call.path === '/v1.0/card/streaming' ? this.cards.enter(call.body) : () => {};
	}

	latencyOf(call) {
		return this.accounts.get(call.client_id)?.latency ?? 0;
	}

	note(call, result) {
		Object.assign(call, { status: result.status, code: result.body?.code ?? result.body?.errcode, answer: result.body });
	}

	invented({ status, code, errcode, body, message = 'invented' }) {
		if (body !== undefined) return { status: status ?? 200, body };
		if (errcode !== undefined) return { status: 200, body: { errcode, errmsg: message } };
		if (code !== undefined) return { status: status ?? (code.startsWith('Forbidden.') ? 403 : 400), body: { requestid: bodies.hex(),
			code, message } };
		return status === undefined ? null : { status, body: `<html>${status}</html>` };
	}

	work(call) {
		try {
			const old = !call.path.startsWith('/v1.0/');
			const body = old ? this.routeOld(call) : this.route(call);
			return { status: 200, body: old ? { errcode: 0, errmsg: 'ok', ...body } : body };
		} catch (error) {
			if (error instanceof OldRefusal) return { status: 200, body: { errcode: error.errcode, errmsg: error.message } };
			if (!(error instanceof Refusal)) throw error;
			return { status: error.status, body: { requestid: bodies.hex(), code: error.code, message: error.message, ...error.more } };
		}
	}

	routeOld(call) {
		const { path, query } = call;
		if (path.startsWith('/app/registration/')) return this.console.route(path.split('/').at(-1), call.body ?? {});
		switch (path) {
			case '/gettoken':
				return this.tokens.old(query);
			case '/robot/sendBySession':
				return this.sends.bySession(call);
			case '/robot/send':
				return this.robots.send(call);
			case '/media/upload': {
				const account = this.tokens.oldAccountOf(call);
				this.countCall(() => {
					throw new OldRefusal(90020, '调用次数超过限制');
				});
				return this.files.upload(account, call);
			}
			default:
				throw new OldRefusal(404, path);
		}
	}

	route(call) {
		const { path, method } = call;
		if (!/application\/json|\*\/\*/.test(call.headers.accept ?? '')) this.complain(`${path} without Accept: it may answer XML`);
		if (!call.body) throw new Refusal('invalidParameter', { message: 'no JSON' });
		if (path === '/v1.0/oauth2/accessToken') return this.tokens.internal(call.body);
		if (/^\/v1\.0\/oauth2\/[^/]+\/token$/.test(path)) return this.tokens.corporate(call.body);
		if (path === '/v1.0/gateway/connections/open') return this.stream.open(call.body, call);
		const work = this.apis()[`${method} ${path.slice('/v1.0/'.length)}`];
		if (!work) throw new Refusal('InvalidAction.NotFound', { status: 404 });
		const account = this.tokens.accountOf(call);
		this.checkRate(account, `${method} ${path}`);
		this.countCall(() => {
			throw new Refusal('Forbidden.AccessDenied.ApiCountLimitForOrg');
		});
		return work(account, call.body, call);
	}

	apis() {
		const { sends, cards, files } = this;
		return {
			'POST robot/groupMessages/send': (...all) => sends.toGroup(...all),
			'POST robot/oToMessages/batchSend': (...all) => sends.toPeople(...all),
			'POST robot/groupMessages/recall': (...all) => sends.recall(...all),
			'POST robot/otoMessages/batchRecall': (...all) => sends.recall(...all),
			'POST robot/messageFiles/download': (...all) => files.address(...all),
			'POST robot/emotion/reply': () => ({ success: true }),
			'POST robot/emotion/recall': () => ({ success: true }),
			'POST card/instances/createAndDeliver': (...all) => cards.create(...all),
			'PUT card/streaming': (...all) => cards.stream(...all),
			'PUT card/instances': (...all) => cards.update(...all),
			'POST card/callbacks/register': (account, body) => cards.register(body),
		};
	}

	// All calls of one interface, by the end of its path.
	callsOf(end) {
		return this.calls.filter(call => call.path.endsWith(end));
	}
}

function jsonOf(call) {
	if (!/^application\/json\b/.test(call.headers['content-type'] ?? '')) return undefined;
	return objectOf(call.raw.toString('utf8'));
}

export const startDingTalk = (options = {}) => new DingTalk(options).listen(options.port ?? 0);
export { bodies };
export { WebSocket } from 'ws'; // for tests that play another instance of a bot
