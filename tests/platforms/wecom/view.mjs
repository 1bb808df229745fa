// view.mjs - what people see: the bubbles of each chat, in order of appearance, with every text they showed.
//
// A bubble: {number, bot_id, chat, chat_type, via, kind, question, user, text, texts: [{at, text}], finished, card,
// cards, media}. via: how it came (respond, welcome, send, callback, response_url, robot); kind: stream, markdown,
// text, card, file, image, voice, video, news; question: the msgid it stands under, if any. `at` is real time.
const FORGOTTEN = 6 * 60_000;

export class View {
	constructor(now) {
		this.now = now;
		this.bubbles = [];
		this.streams = new Map(); // bot and stream id -> bubble
		this.cards = new Map(); // bot and task id -> bubble
		this.questions = new Map(); // msgid -> bubbles
		this.asked = new Map(); // bot and user -> [{msgid, at}] not answered when last looked at
	}

	add(fields) {
		const now = this.now();
		const bubble = {
			number: this.bubbles.length,
			at: Date.now(),
			born: now,
			touched: now,
			text: '',
			texts: [],
			cards: [],
			finished: true,
			...fields,
		};
		if (fields.text !== undefined) bubble.texts.push({ at: bubble.at, text: fields.text });
		if (fields.card) this.keepCard(bubble, fields.card);
		this.bubbles.push(bubble);
		if (bubble.question) this.questions.set(bubble.question, [...this.under(bubble.question), bubble]);
		return bubble;
	}

	keepCard(bubble, card) {
		bubble.card = card;
		bubble.cards.push(card);
		if (card.task_id) this.cards.set(`${bubble.bot_id} ${card.task_id}`, bubble);
	}

	cardOf(bot_id, task_id) {
		return this.cards.get(`${bot_id} ${task_id}`);
	}

	// userids: who sees the new card; all without them.
	updateCard(bubble, card, userids) {
		if (!userids) return this.keepCard(bubble, card);
		bubble.cards.push(card);
		for (const user of userids) (bubble.cardsOf ??= {})[user] = card;
	}

	openStream(fields, id) {
		const bubble = this.add({ ...fields, kind: 'stream', stream_id: id, finished: false });
		this.streams.set(`${fields.bot_id} ${id}`, bubble);
		return bubble;
	}

	streamOf(bot_id, id) {
		return this.streams.get(`${bot_id} ${id}`);
	}

	// One snapshot: the whole text so far.
	show(bubble, { content = '', finish = false, msg_item }) {
		bubble.touched = this.now();
		bubble.frames = (bubble.frames ?? 0) + 1;
		if (bubble.texts.at(-1)?.text !== content) bubble.texts.push({ at: Date.now(), text: content });
		bubble.text = content;
		if (msg_item) bubble.items = msg_item;
		if (finish) {
			bubble.finished = true;
			bubble.finishedAt = Date.now();
		}
	}

	in(chat) {
		return this.bubbles.filter(bubble => bubble.chat === chat);
	}

	// What stands under a question, in order.
	under(question) {
		return this.questions.get(question) ?? [];
	}

	// Whether a person may ask this bot once more: at most `most` questions at a time are without a finished answer.
	mayAsk(bot_id, user, msgid, most) {
		const now = this.now();
		const key = `${bot_id} ${user}`;
		const open = (this.asked.get(key) ?? []).filter(
			one => now - one.at < FORGOTTEN && !this.under(one.msgid).some(bubble => bubble.finished),
		);
		const may = open.length < most;
		this.asked.set(key, may ? [...open, { msgid, at: now }] : open);
		return may;
	}

	unfinished() {
		return this.bubbles.filter(bubble => !bubble.finished);
	}
}
