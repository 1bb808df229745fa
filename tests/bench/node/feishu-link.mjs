// feishu-link.mjs - what the figures of Feishu's long connection are compared with: bots in Node on the official SDK, as one
// would write them.
//
// Each message is acknowledged at once, gets a reaction, is asked of the model through the openai client, and answered by a
// card that is made, sent in place, filled at most every 300 ms and ended; the history is kept in Redis. Arguments: Redis'
// socket, a JSON object {apps: [{app_id, app_secret}], url, vendor, system}. Prints "listening 0" once all are connected.
import crypto from 'node:crypto';
import * as lark from '@larksuiteoapi/node-sdk';
import Redis from 'ioredis';
import OpenAI from 'openai';

const [socket, text] = process.argv.slice(2);
const config = JSON.parse(text);
const WINDOW_MS = 12 * 3_600_000;
const HISTORY = 40;
const SHOW_MS = 300;
const logger = { error: console.error, warn() {}, info() {}, debug() {}, trace() {} };

const redis = new Redis({ path: socket, enableAutoPipelining: true });
const openai = new OpenAI({ apiKey: 'k', baseURL: config.vendor, maxRetries: 2 });

const layout = (content, streaming) => JSON.stringify({ schema: '2.0', config: { update_multi: true, streaming_mode: streaming, summary: { content: '' } },
	body: { elements: [{ tag: 'markdown', element_id: 'answer', content }] } });

// A card that fills: made and sent with its first words, then shown again, one call at a time.
class Card {
	constructor(client, message, whom) {
		Object.assign(this, { client, message, whom, sequence: 0, shown: 0 });
	}

	async show(answer) {
		const content = `<at id=${this.whom}></at>\n${answer}`;
		this.shown = Date.now();
		if (this.card_id) {
			await this.client.cardkit.v1.cardElement.content({ path: { card_id: this.card_id, element_id: 'answer' },
				data: { content, sequence: ++this.sequence, uuid: crypto.randomUUID() } });
			return;
		}
		const { data } = await this.client.cardkit.v1.card.create({ data: { type: 'card_json', data: layout(content, true) } });
		this.card_id = data.card_id;
		await this.client.im.message.reply({ path: { message_id: this.message }, data: { msg_type: 'interactive', uuid: this.message.slice(-32),
			content: JSON.stringify({ type: 'card', data: { card_id: this.card_id } }) } });
	}

	async end(answer) {
		await this.show(answer);
		await this.client.cardkit.v1.card.settings({ path: { card_id: this.card_id }, data: { sequence: ++this.sequence,
			settings: JSON.stringify({ config: { streaming_mode: false, summary: { content: answer.slice(0, 30) } } }) } });
	}
}

async function turn(client, { message, sender }) {
	if (await redis.set(`d:${message.message_id}`, '1', 'PX', WINDOW_MS, 'NX') !== 'OK') {
		return;
	}
	const path = { message_id: message.message_id };
	const reaction = client.im.messageReaction.create({ path, data: { reaction_type: { emoji_type: 'Typing' } } });
	const box = `h:${message.chat_id}`;
	const question = JSON.parse(message.content).text.replace('@_user_1', '').trim();
	const history = (await redis.lrange(box, -HISTORY, -1)).map((line) => JSON.parse(line));
	const stream = await openai.chat.completions.create({ model: 'house', stream: true, stream_options: { include_usage: true },
		max_tokens: 1200, messages: [{ role: 'system', content: config.system }, ...history, { role: 'user', content: question }] });
	const card = new Card(client, message.message_id, sender.sender_id.open_id);
	let answer = '', tokens = 0, showing = null;
	for await (const chunk of stream) {
		answer += chunk.choices[0]?.delta?.content ?? '';
		tokens = chunk.usage?.total_tokens ?? tokens;
		if (answer !== '' && !showing && Date.now() - card.shown >= SHOW_MS) {
			showing = card.show(answer).finally(() => { showing = null; });
		}
	}
	await showing;
	await card.end(answer);
	await redis.rpush(box, JSON.stringify({ role: 'user', content: question }), JSON.stringify({ role: 'assistant', content: answer }));
	await redis.incrby('tokens', tokens);
	const { data } = await reaction;
	await client.im.messageReaction.delete({ path: { ...path, reaction_id: data.reaction_id } });
}

await Promise.all(config.apps.map(({ app_id: appId, app_secret: appSecret }) => new Promise((resolve) => {
	const client = new lark.Client({ appId, appSecret, domain: config.url, logger });
	const dispatcher = new lark.EventDispatcher({ logger }).register({
		'im.message.receive_v1': (event) => {
			turn(client, event).catch((error) => console.error(error.message)); // as bots do: acknowledged first, lost at a kill
		},
	});
	new lark.WSClient({ appId, appSecret, domain: config.url, logger, onReady: resolve }).start({ eventDispatcher: dispatcher });
})));
console.log('listening 0');
