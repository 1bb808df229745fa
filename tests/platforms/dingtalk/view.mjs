// view.mjs - what people see: the bubbles of each chat, in order of appearance, with every text they showed.
//
// A bubble: {number, client_id, chat, chat_type, user, via, kind, title, text, texts: [{at, text}], finished, failed,
// mentions, atAll, question, outTrackId, params}. via: session, group, direct, card, callback, robot. kind: text,
// markdown, actionCard, card, image, file, audio, video. A card spins until it is finished. `at` is real time.
export class View {
	constructor() {
		this.bubbles = [];
		this.questions = new Map(); // msgId -> bubbles that a session webhook put under it
	}

	add(fields) {
		const bubble = { number: this.bubbles.length, at: Date.now(), text: '', texts: [], mentions: [], finished: true, ...fields };
		if (fields.text !== undefined) bubble.texts.push({ at: bubble.at, text: fields.text });
		if (bubble.finished) bubble.finishedAt = bubble.at;
		this.bubbles.push(bubble);
		if (bubble.question) this.questions.set(bubble.question, [...this.under(bubble.question), bubble]);
		return bubble;
	}

	show(bubble, text) {
		if (bubble.texts.at(-1)?.text !== text) bubble.texts.push({ at: Date.now(), text });
		bubble.text = text;
	}

	finish(bubble, failed = false) {
		bubble.finished = true;
		bubble.failed = failed;
		bubble.finishedAt ??= Date.now();
	}

	in(chat) {
		return this.bubbles.filter(bubble => bubble.chat === chat);
	}

	under(question) {
		return this.questions.get(question) ?? [];
	}

	unfinished() {
		return this.bubbles.filter(bubble => !bubble.finished);
	}
}
