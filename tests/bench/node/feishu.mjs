// feishu.mjs - what the webhook figures are compared with: Feishu bots in Node, as one would write them.
//
//   ioredis  own HTTP: signature, AES, JSON, one script in Redis that notes the id and fills the sender's mailbox; 200
//            once Redis has answered
//   sdk      the official SDK's adapter with an event handler that does nothing: it stores nothing
//   bot      the official SDK, the openai client and ioredis: dedupe, history, a streamed answer, a reply
//
// Arguments: the kind, Redis' socket, a JSON object {app_id, app_secret, encrypt_key, verification_token, feishu,
// vendor}. Prints "listening PORT".
import crypto from 'node:crypto';
import http from 'node:http';
import * as lark from '@larksuiteoapi/node-sdk';
import Redis from 'ioredis';
import OpenAI from 'openai';

const [kind, socket, text] = process.argv.slice(2);
const config = JSON.parse(text);
const BODY_MOST = 1024 * 1024;
const WINDOW_MS = 12 * 3_600_000;
const HISTORY = 40;

const redis = kind === 'sdk' ? null : new Redis({ path: socket, enableAutoPipelining: true });
const key = crypto.createHash('sha256').update(config.encrypt_key).digest();

// ---- ioredis ----

function isSigned(request, body) {
	const { 'x-lark-request-timestamp': time, 'x-lark-request-nonce': nonce, 'x-lark-signature': given } = request.headers;
	const right = crypto.createHash('sha256').update(`${time}${nonce}${config.encrypt_key}`).update(body).digest('hex');
	return typeof given === 'string' && given.length === right.length &&
		crypto.timingSafeEqual(Buffer.from(given), Buffer.from(right));
}

function open(body) {
	const data = Buffer.from(JSON.parse(body).encrypt, 'base64');
	const cipher = crypto.createDecipheriv('aes-256-cbc', key, data.subarray(0, 16));
	return JSON.parse(Buffer.concat([cipher.update(data.subarray(16)), cipher.final()]).toString('utf8'));
}

async function store({ event }) {
	const { message, sender } = event;
	const box = `${message.chat_id}/${sender.sender_id.open_id}`;
	const mail = JSON.stringify({ id: message.message_id, sender: sender.sender_id.open_id, chat: message.chat_id,
		text: JSON.parse(message.content).text, stored: Date.now() });
	await redis.ingest(`d:${message.message_id}`, `m:${box}`, `s:${box}`, 'ready', WINDOW_MS, mail, box);
}

function serveByHand() {
	redis.defineCommand('ingest', {
		numberOfKeys: 4,
		lua: `
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then
	return 'duplicate'
end
redis.call('RPUSH', KEYS[2], ARGV[2])
if redis.call('SETNX', KEYS[3], '1') == 1 then
	redis.call('XADD', KEYS[4], '*', 'c', ARGV[3])
end
return 'stored'`,
	});
	return http.createServer((request, response) => {
		const parts = [];
		let size = 0;
		request.on('data', (part) => {
			size += part.length;
			if (size > BODY_MOST) {
				request.destroy();
			}
			parts.push(part);
		});
		request.on('end', async () => {
			const body = Buffer.concat(parts);
			let code = 200;
			try {
				if (!isSigned(request, body)) {
					code = 401;
				} else {
					await store(open(body));
				}
			} catch {
				code = 503;
			}
			response.writeHead(code, { 'content-length': 2, 'content-type': 'application/json' });
			response.end('{}');
		});
	});
}

// ---- the official SDK ----

function adapter(handle) {
	const dispatcher = new lark.EventDispatcher({
		encryptKey: config.encrypt_key, verificationToken: config.verification_token, loggerLevel: lark.LoggerLevel.error,
	}).register({ 'im.message.receive_v1': handle });
	return http.createServer(lark.adaptDefault('/hook', dispatcher, { autoChallenge: true }));
}

function serveBot() {
	const client = new lark.Client({ appId: config.app_id, appSecret: config.app_secret, domain: config.feishu,
		loggerLevel: lark.LoggerLevel.error });
	const openai = new OpenAI({ apiKey: 'k', baseURL: config.vendor, maxRetries: 2 });
	const turn = async ({ message, sender }) => {
		const box = `h:${message.chat_id}/${sender.sender_id.open_id}`;
		const question = JSON.parse(message.content).text;
		const history = (await redis.lrange(box, -HISTORY, -1)).map((line) => JSON.parse(line));
		const stream = await openai.chat.completions.create({ model: 'house', stream: true,
			stream_options: { include_usage: true }, max_tokens: 1200,
			messages: [{ role: 'system', content: config.system }, ...history, { role: 'user', content: question }] });
		let answer = '', tokens = 0;
		for await (const chunk of stream) {
			answer += chunk.choices[0]?.delta?.content ?? '';
			tokens = chunk.usage?.total_tokens ?? tokens;
		}
		await redis.rpush(box, JSON.stringify({ role: 'user', content: question }),
			JSON.stringify({ role: 'assistant', content: answer }));
		await redis.incrby('tokens', tokens);
		await client.im.message.reply({ path: { message_id: message.message_id }, data: { msg_type: 'post',
			uuid: crypto.createHash('sha256').update(message.message_id).digest('hex').slice(0, 32),
			content: JSON.stringify({ zh_cn: { title: '', content: [[{ tag: 'md', text: answer }]] } }) } });
	};
	return adapter(async (event) => {
		if (await redis.set(`d:${event.message.message_id}`, '1', 'PX', WINDOW_MS, 'NX') === 'OK') {
			turn(event).catch((error) => console.error(error.message)); // as bots do: acknowledged first, lost at a kill
		}
	});
}

const server = kind === 'ioredis' ? serveByHand() : kind === 'sdk' ? adapter(async () => {}) : serveBot();
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', 16384, () => console.log(`listening ${server.address().port}`));
