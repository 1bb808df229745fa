// cards.mjs - AI cards: created and delivered, streamed into snapshot by snapshot, finished; changed; clicked.
//
// A card spins until a streaming call finalizes it, fails it, or its flowStatus is set to 3 or 5. A guid that comes again
// changes nothing. Two calls of one card at a time, or one after its end, are complaints: the platform shows any of them.
import { afterAwake } from '../standin.mjs';
import { TOPIC_CARD, click, directChat, hex } from './bodies.mjs';
import { CARD_SHOWN_MOST, CARD_STREAM_MOST, Refusal, checkParams, demand, isMap } from './rules.mjs';

const ENDS = { 3: false, 5: true };

export class Cards {
	constructor(platform) {
		this.platform = platform;
		this.cards = new Map(); // outTrackId -> card
		this.clicks = []; // {at, user, action, response, late}
		this.routes = new Map(); // callbackRouteKey -> {url, apiSecret}
	}

	// ---- creating ----

	spaceOf(account, body) {
		const found = /^dtv1\.card\/\/(IM_GROUP|IM_ROBOT)\.(.+)$/.exec(body.openSpaceId ?? '');
		demand(found, 'openSpaceId');
		const [, spaceType, spaceId] = found;
		const group = spaceType === 'IM_GROUP';
		const model = group ? body.imGroupOpenDeliverModel : body.imRobotOpenDeliverModel;
		demand(isMap(model), 'the deliver model');
		demand(isMap(group ? body.imGroupOpenSpaceModel : body.imRobotOpenSpaceModel), 'the space model');
		demand(group || model.spaceType === 'IM_ROBOT', 'spaceType');
		const works = model.robotCode === account.robot_code && (group ? account.groups.has(spaceId) : account.staff.has(spaceId));
		const chat = group ? spaceId : directChat(account.client_id, spaceId);
		return { spaceType, spaceId, group, model, works, chat };
	}

	templateOf(account, id) {
		demand(typeof id === 'string' && id.endsWith('.schema'), 'cardTemplateId');
		const template = account.templates[id];
		if (!template) throw new Refusal('param.templateNotExist');
		if (template.unpublished) throw new Refusal('param.templateUnpublished');
		return template;
	}

	create(account, body, call) {
		const { platform } = this;
		const { outTrackId } = body;
		demand(typeof outTrackId === 'string' && outTrackId !== '' && Buffer.byteLength(outTrackId) <= 128, 'outTrackId');
		const template = this.templateOf(account, body.cardTemplateId);
		const params = checkParams(body.cardData?.cardParamMap, words => platform.complain(words));
		demand(body.callbackType === undefined || ['STREAM', 'HTTP'].includes(body.callbackType), 'callbackType');
		if (body.callbackType === 'HTTP' && !this.routes.has(body.callbackRouteKey)) throw new Refusal('param.callbackRouteKeyNotExist');
		demand(body.userIdType === undefined || body.userIdType === 1, 'userIdType');
		const space = this.spaceOf(account, body);
		call.chat = space.chat;
		const known = this.cards.get(outTrackId);
		if (known && platform.options.reusedCard === 'refused') throw new Refusal('param.cardAlreadyExist');
		const card = known ?? this.keep(account, body, template, params, space, call);
		const result = { spaceType: space.spaceType, spaceId: space.spaceId, success: space.works && !card.undelivered,
			carrierId: space.works ? card.carrierId : '', errorMsg: space.works ? card.undelivered ?? '' : 'robot not exist' };
		return { success: true, result: { outTrackId, deliverResults: [result] } };
	}

	keep(account, body, template, params, space, call) {
		const { platform } = this;
		const card = { outTrackId: body.outTrackId, account, template, params: { ...params }, chat: space.chat,
			chat_type: space.group ? 'group' : 'direct',
			callbackType: body.callbackType, routeKey: body.callbackRouteKey, carrierId: hex(20), guids: new Map(), frames: [], flying: 0,
			undelivered: call.fault?.undelivered };
		this.cards.set(card.outTrackId, card);
		if (!space.works || card.undelivered) return card;
		const mentions = Object.keys(space.model.atUserIds ?? {});
		card.bubble = platform.view.add({ client_id: account.client_id, via: 'card', kind: 'card', chat: space.chat, chat_type: card.chat_type,
			user: space.group ? undefined : space.spaceId, mentions, atAll: mentions.includes('@ALL'),
				outTrackId: card.outTrackId, text: params[template.key] ?? '',
			finished: false, params: card.params, lastMessage: body.imGroupOpenSpaceModel?.lastMessageI18n?.ZH_CN, card });
		this.status(card, params.flowStatus);
		return card;
	}

	cardOf(account, outTrackId) {
		const card = this.cards.get(outTrackId);
		if (!card || card.account !== account) throw new Refusal('param.cardNotExist');
		return card;
	}

	// ---- streaming ----

	// Called when a call arrives and when it was answered: one card's calls do not overlap.
	enter(body) {
		const card = this.cards.get(body?.outTrackId);
		if (card && ++card.flying > 1) {
			this.platform.raced++;
			this.platform.complain('two calls of one card at a time');
		}
		return () => {
			if (card) card.flying--;
		};
	}

	stream(account, body, call) {
		const card = this.cardOf(account, body.outTrackId);
		call.chat = card.chat;
		demand(typeof body.guid === 'string' && body.guid !== '', 'guid');
		for (const name of ['isFull', 'isFinalize', 'isError']) demand(body[name] === undefined || typeof body[name] === 'boolean', name);
		demand(typeof body.content === 'string', 'content');
		if (body.key !== card.template.key) throw new Refusal('invalid.content');
		if (Buffer.byteLength(body.content) > (this.platform.options.cardMost ?? CARD_STREAM_MOST)) throw new Refusal('param.stream.content');
		const before = card.guids.get(body.guid);
		if (before !== undefined) {
			if (before !== body.content) this.platform.complain('a guid with another content');
			return { success: true, result: true };
		}
		if (!body.isFull) this.platform.complain('isFull is not true for a markdown');
		if (card.bubble?.finished) this.platform.complain('a card is streamed into after its end');
		card.guids.set(body.guid, body.content);
		card.frames.push({ at: Date.now(), ...body });
		if (card.bubble) this.show(card, body);
		return { success: true, result: true };
	}

	show(card, body) {
		const { view } = this.platform;
		const text = body.isFull ? body.content : card.bubble.text + body.content;
		card.params[card.template.key] = text;
		if ([...text].length > CARD_SHOWN_MOST) {
			card.bubble.blank = true; // and nobody is told
			this.platform.complain('a card so long that it is shown as nothing');
		}
		if (!(body.isError && text === '')) view.show(card.bubble, text);
		if (body.isFinalize || body.isError) view.finish(card.bubble, body.isError === true);
	}

	// ---- changing ----

	update(account, body, call) {
		const card = this.cardOf(account, body.outTrackId);
		call.chat = card.chat;
		this.apply(card, body);
		return { success: true, result: true };
	}

	// {cardData, privateData, cardUpdateOptions}: of an update, or of what a click was answered with.
	apply(card, { cardData, userPrivateData, cardUpdateOptions = {} }, user) {
		if (cardData !== undefined) {
			const params = checkParams(cardData?.cardParamMap, words => this.platform.complain(words));
			if (!cardUpdateOptions.updateCardDataByKey) {
				for (const key of Object.keys(card.params)) delete card.params[key];
			}
			Object.assign(card.params, params);
		}
		if (!card.bubble) return;
		(card.bubble.changes ??= []).push({ at: Date.now(), cardData, userPrivateData, user });
		if (userPrivateData && user) ((card.bubble.private ??= {})[user] ??= {}, Object.assign(card.bubble.private[user],
			userPrivateData.cardParamMap));
		const text = card.params[card.template.key];
		if (text !== undefined && text !== card.bubble.text) this.platform.view.show(card.bubble, text);
		if (text === undefined) this.platform.view.show(card.bubble, '');
		this.status(card, card.params.flowStatus);
	}

	status(card, status) {
		if (status in ENDS && !card.bubble.finished) this.platform.view.finish(card.bubble, ENDS[status]);
	}

	register(body) {
		demand(typeof body.callbackRouteKey === 'string' && typeof body.callbackUrl === 'string', 'callbackRouteKey');
		this.routes.set(body.callbackRouteKey, { url: body.callbackUrl, apiSecret: body.apiSecret ?? '' });
		return { success: true, result: {} };
	}

	// ---- clicks ----

	// The buttons a card shows: all that its variables hold as JSON lists of things with a text.
	buttons(card) {
		const found = [];
		const look = value => {
			if (Array.isArray(value)) value.forEach(look);
			else if (isMap(value)) {
				if (typeof (value.text ?? value.title) === 'string') found.push({ ...value, text: value.text ?? value.title });
				Object.values(value).forEach(look);
			}
		};
		for (const text of Object.values(card.params)) {
			if (!/^[[{]/.test(text)) continue;
			try {
				look(JSON.parse(text));
			} catch {
				// a text that begins like JSON
			}
		}
		return found;
	}

	// Somebody presses a button: {push or delivery, response, late}, once it was answered or the two seconds are over.
	async click(card, { user = 'zhangsan', action, params = {}, data, ms = 2000 }) {
		const body = data ?? click(card, { user, action, params });
		const entry = { at: Date.now(), user, action, params };
		this.clicks.push(entry);
		this.platform.countUse(() => {});
		if (card.callbackType === 'HTTP') await this.platform.callback.click(card, body, entry);
		else await this.clickByStream(card, body, entry, ms);
		entry.late = entry.response === undefined;
		if (entry.late) this.platform.lateClicks++;
		else if (isMap(entry.response)) this.apply(card, entry.response, user);
		return entry;
	}

	async clickByStream(card, body, entry, ms) {
		const push = this.platform.stream.push(card.account.client_id, 'CALLBACK', TOPIC_CARD, body);
		entry.push = push;
		if (!push) return;
		let stop;
		const over = new Promise(resolve => (stop = afterAwake(ms, resolve)));
		await Promise.race([push.acked, over]);
		stop();
		if (push.ack) entry.response = push.data?.response;
	}
}
