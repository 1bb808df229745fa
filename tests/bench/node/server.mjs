// server.mjs - what the ingest figures are compared with: the same work in Node with ioredis, as one would write it.
//
// POST /chat/<bot>/messages: token, JSON, the fields' checks, one script in Redis that notes the id, shows the message
// in the feed and puts a mentioned one into its sender's mailbox; 202 once Redis has answered.
// Arguments: Redis' socket, the token. Prints "listening PORT".
import crypto from 'node:crypto';
import http from 'node:http';
import Redis from 'ioredis';

const [socket, token] = process.argv.slice(2);
const BODY_MOST = 1024 * 1024;
const HOUR_MS = 3_600_000;

const redis = new Redis({ path: socket, enableAutoPipelining: true });
redis.defineCommand('ingest', {
	numberOfKeys: 5,
	lua: `
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then
	return 'duplicate'
end
redis.call('XADD', KEYS[2], 'MAXLEN', 1000, '*', 'e', 'message', 'd', ARGV[2])
redis.call('PUBLISH', KEYS[2], '')
if ARGV[3] ~= '' then
	redis.call('RPUSH', KEYS[3], ARGV[3])
	if redis.call('SETNX', KEYS[4], '1') == 1 then
		redis.call('XADD', KEYS[5], '*', 'c', ARGV[4])
	end
end
return 'stored'`,
});

const expected = Buffer.from(`Bearer ${token}`);

function mayWrite(request) {
	const given = Buffer.from(request.headers.authorization ?? '');
	return given.length === expected.length && crypto.timingSafeEqual(given, expected);
}

function answer(response, status, body) {
	const data = JSON.stringify(body);
	response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) });
	response.end(data);
}

function isPost(post) {
	return typeof post?.from === 'string' && post.from.length > 0 && post.from.length <= 40 &&
		typeof post.text === 'string' && post.text.trim() !== '';
}

async function store(bot, post) {
	const id = post.id ?? crypto.randomUUID();
	const time = Date.now();
	const sender = `web:${post.from}`;
	const event = JSON.stringify({ id, from: post.from, text: post.text, time, mention: post.mention === true });
	const mail = post.mention ? JSON.stringify({ id, sender, text: post.text, stored: time }) : '';
	const box = `${bot}/${sender}`;
	await redis.ingest(`d:${bot}:${id}`, `feed:${bot}`, `m:${box}`, `s:${box}`, 'ready', HOUR_MS, event, mail, box);
	return id;
}

function serve(request, response) {
	const route = /^\/chat\/([a-z0-9-]{1,40})\/messages$/.exec(request.url);
	if (!route || request.method !== 'POST') {
		answer(response, 404, { error: 'not found' });
		return;
	}
	if (!mayWrite(request)) {
		answer(response, 401, { error: 'log in first' });
		return;
	}
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
		try {
			const post = JSON.parse(Buffer.concat(parts).toString('utf8'));
			if (!isPost(post)) {
				answer(response, 400, { error: 'from and text' });
				return;
			}
			answer(response, 202, { id: await store(route[1], post) });
		} catch {
			answer(response, 503, { error: 'not stored' });
		}
	});
}

const server = http.createServer(serve);
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', 16384, () => console.log(`listening ${server.address().port}`));
