// dingtalk.mjs - what the DingTalk figures are compared with: bots in Node on the official Stream client, as one would
// write them.
//
// Each message is acknowledged at once, asked of the model through the openai client, and answered by the session's
// webhook; the history is kept in Redis. Arguments: Redis' socket, a JSON object {apps: [{client_id, client_secret}], url,
// vendor, system}. Prints "listening 0" once all are connected.
import axios from 'axios';
import { DWClient, TOPIC_ROBOT } from 'dingtalk-stream';
import Redis from 'ioredis';
import OpenAI from 'openai';

const [socket, text] = process.argv.slice(2);
const config = JSON.parse(text);
const WINDOW_MS = 2 * 3_600_000;
const HISTORY = 40;
const say = console.log;
console.info = () => {}; // the client says every connection

// The client knows one address only.
axios.interceptors.request.use((request) => {
	request.url = request.url.replace(/^https:\/\/o?api\.dingtalk\.com/, config.url);
	return request;
});

const redis = new Redis({ path: socket, enableAutoPipelining: true });
const openai = new OpenAI({ apiKey: 'k', baseURL: config.vendor, maxRetries: 2 });

async function turn(body) {
	if (await redis.set(`d:${body.msgId}`, '1', 'PX', WINDOW_MS, 'NX') !== 'OK') {
		return;
	}
	const box = `h:${body.robotCode}/${body.conversationId}`;
	const question = body.text.content.trim();
	const history = (await redis.lrange(box, -HISTORY, -1)).map((line) => JSON.parse(line));
	const stream = await openai.chat.completions.create({ model: 'house', stream: true, stream_options: { include_usage: true },
		max_tokens: 1200, messages: [{ role: 'system', content: config.system }, ...history, { role: 'user', content: question }] });
	let answer = '', tokens = 0;
	for await (const chunk of stream) {
		answer += chunk.choices[0]?.delta?.content ?? '';
		tokens = chunk.usage?.total_tokens ?? tokens;
	}
	await redis.rpush(box, JSON.stringify({ role: 'user', content: question }), JSON.stringify({ role: 'assistant', content: answer }));
	await redis.incrby('tokens', tokens);
	await axios.post(body.sessionWebhook, { msgtype: 'markdown', markdown: { title: answer.slice(0, 20), text: `${answer} @${body.senderStaffId}` },
		at: { atUserIds: [body.senderStaffId], isAtAll: false } });
}

await Promise.all(config.apps.map(({ client_id: clientId, client_secret: clientSecret }) => {
	const client = new DWClient({ clientId, clientSecret, keepAlive: true, subscriptions: [] });
	client.registerCallbackListener(TOPIC_ROBOT, (push) => {
		client.socketCallBackResponse(push.headers.messageId, { success: true });
		turn(JSON.parse(push.data)).catch((error) => console.error(error.message));
	});
	return client.connect();
}));
say('listening 0');
