// wecom.mjs - what the WeCom figures are compared with: bots in Node on the official SDK, as one would write them.
//
// Each message is asked of the model through the openai client, its text shown as it grows (a snapshot is left out while
// the one before is unanswered, as the SDK offers it), the history kept in Redis. Arguments: Redis' socket, a JSON object
// {bots: [{bot_id, secret}], ws_url, vendor, system}. Prints "listening 0" once all are subscribed.
import sdk from '@wecom/aibot-node-sdk';
import Redis from 'ioredis';
import OpenAI from 'openai';

const [socket, text] = process.argv.slice(2);
const config = JSON.parse(text);
const WINDOW_MS = 3_600_000;
const HISTORY = 40;
const silent = { error() {}, warn() {}, info() {}, debug() {} };

const redis = new Redis({ path: socket, enableAutoPipelining: true });
const openai = new OpenAI({ apiKey: 'k', baseURL: config.vendor, maxRetries: 2 });
let made = 0;

async function turn(client, frame) {
	const { body } = frame;
	if (await redis.set(`d:${body.msgid}`, '1', 'PX', WINDOW_MS, 'NX') !== 'OK') {
		return;
	}
	const box = `h:${body.aibotid}/${body.chatid ?? body.from.userid}`;
	const question = body.text.content;
	const id = `stream-${process.pid}-${++made}`;
	const history = (await redis.lrange(box, -HISTORY, -1)).map((line) => JSON.parse(line));
	const stream = await openai.chat.completions.create({ model: 'house', stream: true, stream_options: { include_usage: true },
		max_tokens: 1200, messages: [{ role: 'system', content: config.system }, ...history, { role: 'user', content: question }] });
	let answer = '', tokens = 0;
	for await (const chunk of stream) {
		answer += chunk.choices[0]?.delta?.content ?? '';
		tokens = chunk.usage?.total_tokens ?? tokens;
		if (answer !== '') {
			client.replyStreamNonBlocking(frame, id, answer, false).catch(() => {});
		}
	}
	await redis.rpush(box, JSON.stringify({ role: 'user', content: question }), JSON.stringify({ role: 'assistant', content: answer }));
	await redis.incrby('tokens', tokens);
	await client.replyStream(frame, id, answer, true);
}

let subscribed = 0;
for (const { bot_id: botId, secret } of config.bots) {
	const client = new sdk.WSClient({ botId, secret, wsUrl: config.ws_url, logger: silent, maxReconnectAttempts: -1 });
	client.on('error', () => {});
	client.on('message.text', (frame) => { turn(client, frame).catch((error) => console.error(error.message)); });
	client.on('authenticated', () => {
		if (++subscribed === config.bots.length) {
			console.log('listening 0');
		}
	});
	client.connect();
}
