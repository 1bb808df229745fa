// Who may come in at the doors: the token, members, foreign hosts and origins; what strangers learn.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { bot, flow } from './rig.mjs';

const MEMBERS = { 王芳: 'geheim-1', 李强: { secret: 'geheim-2', admin: true } };

async function begin(rig) {
	rig.p = await rig.start('p');
	rig.watch = rig.feed(rig.p.door);
	rig.ask = (method, to, options) => rig.p.door.request(method, to, options);
	rig.code = async (method, to, options) => (await rig.ask(method, to, options)).status;
}

flow('the admin token: its file, and every door that wants it', {}, async (rig) => {
	await begin(rig);
	assert.equal(fs.statSync(path.join(rig.dataDir, 'admin.token')).mode & 0o777, 0o600);
	for (const to of ['/metrics', '/console/', '/console/api/bots', '/chat/xiaoman/events', '/chat/xiaoman/about',
		'/nothing', '/healthz']) {
		assert.equal(await rig.code('GET', to, { auth: false }), 401, to);
	}
	const body = { from: '小王', text: '请登记', mention: true };
	assert.equal(await rig.code('POST', '/chat/xiaoman/messages', { auth: false, body }), 401);
	const wrong = { authorization: `Bearer ${'0'.repeat(64)}` };
	assert.equal(await rig.code('GET', '/metrics', { auth: false, headers: wrong }), 401);
	assert.equal(await rig.code('GET', '/metrics'), 200);
	assert.equal(await rig.code('GET', '/nothing'), 404);
	const stranger = await rig.ask('GET', '/readyz', { auth: false });
	assert.equal(stranger.status, 200);
	assert.doesNotMatch(stranger.body, /xiaoman|process|version/);
	assert.equal(JSON.parse((await rig.ask('GET', '/readyz')).body).status, 'ready');
	assert.equal(rig.watch.of('message').length, 0);
});

flow('the platforms\' door shows webhooks and a sign of life, no more', {}, async (rig) => {
	await begin(rig);
	const at = { port: rig.p.ports[0], agent: false };
	assert.equal(await rig.code('GET', '/healthz', { ...at, auth: false }), 200);
	for (const to of ['/metrics', '/readyz', '/chat/xiaoman', '/chat/xiaoman/events', '/console/', '/hook/xiaoman', '/hook/nobody']) {
		assert.equal(await rig.code('GET', to, at), 404, to);
	}
});

flow('foreign hosts and origins are turned away, with the token too', {}, async (rig) => {
	await begin(rig);
	const own = `127.0.0.1:${rig.p.ports[1]}`;
	const body = { from: '小王', text: '请登记', mention: true };
	const to = '/chat/xiaoman/messages';
	for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example']) {
		assert.equal(await rig.code('GET', '/readyz', { auth: false, headers: { host } }), 403, host);
		assert.equal(await rig.code('GET', '/metrics', { headers: { host } }), 403, host);
		assert.equal(await rig.code('POST', to, { headers: { host }, body }), 403, host);
	}
	for (const origin of ['http://evil.example', 'null', `http://${own}.evil.example`, 'https://127.0.0.1:1']) {
		assert.equal(await rig.code('POST', to, { headers: { origin }, body }), 403, origin);
		assert.equal(await rig.code('GET', '/metrics', { headers: { origin } }), 403, origin);
	}
	assert.equal(await rig.code('GET', '/readyz', { auth: false, headers: { host: `localhost:${rig.p.ports[1]}` } }), 200);
	assert.equal(await rig.code('POST', to, { headers: { origin: `http://${own}` }, body }), 202);

	// a cookie travels by itself, so it needs an origin
	const cookie = { cookie: `qg_admin=${rig.token()}` };
	assert.equal(await rig.code('POST', to, { auth: false, headers: cookie, body }), 403);
	assert.equal(await rig.code('POST', to, { auth: false, headers: { ...cookie, origin: `http://${own}` }, body }), 202);
	assert.equal(await rig.code('GET', '/metrics', { auth: false, headers: cookie }), 200);
});

flow('the link with the token is traded for a cookie', {}, async (rig) => {
	await begin(rig);
	const answer = await rig.ask('GET', `/chat/xiaoman?token=${rig.token()}`, { auth: false });
	assert.equal(answer.status, 303);
	assert.equal(answer.headers.location, '/chat/xiaoman');
	const cookie = answer.headers['set-cookie'][0];
	assert.match(cookie, /HttpOnly/);
	assert.match(cookie, /SameSite=Strict/);
	const page = await rig.ask('GET', '/chat/xiaoman', { auth: false, headers: { cookie: cookie.split(';')[0] } });
	assert.equal(page.status, 200);
	assert.match(page.headers['content-type'], /text\/html/);
	assert.match(page.headers['content-security-policy'] ?? '', /script-src/);
	assert.equal(await rig.code('GET', '/chat/xiaoman?token=wrong', { auth: false }), 401);
	const log = fs.readFileSync(rig.p.log, 'utf8');
	assert.ok(!log.includes(rig.token()), 'the token is in no log');
});

flow('members write as themselves; the token may write as anyone', {
	config: { bots: [bot('xiaoman', { members: MEMBERS })], admin_hosts: ['shop.example'] },
}, async (rig) => {
	await begin(rig);
	const origin = `http://127.0.0.1:${rig.p.ports[1]}`;
	const login = (name, secret) => rig.ask('POST', '/chat/xiaoman/login', { auth: false, headers: { origin }, body: { name, secret } });
	assert.equal((await login('王芳', 'geheim-2')).status, 401);
	assert.equal((await login('谁', 'geheim-1')).status, 401);
	const entered = await login('王芳', 'geheim-1');
	assert.equal(entered.status, 200);
	const headers = { origin, cookie: entered.headers['set-cookie'][0].split(';')[0] };
	const to = '/chat/xiaoman/messages';
	const post = (from, more = headers, auth = false) => rig.code('POST', to, { auth, headers: more, body: { from, text: '请登记', mention: true } });
	assert.equal(await post('王芳'), 202);
	assert.equal(await post('李强'), 403);
	assert.equal(await post('王芳', { cookie: headers.cookie }), 403, 'no origin');
	assert.equal(await post('王芳', { ...headers, cookie: `${headers.cookie}0` }), 401, 'a forged cookie');
	assert.equal(await post('谁都行', {}, true), 202);
	assert.equal(await rig.code('GET', '/metrics', { auth: false, headers }), 401, 'a member is no admin');
	assert.equal(await rig.code('GET', '/readyz', { auth: false, headers: { host: 'shop.example' } }), 200);
});

// A request as raw bytes: the code of its answer.
function raw(port, bytes) {
	return new Promise((resolve, reject) => {
		const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
		let text = '';
		socket.setTimeout(15_000, () => socket.destroy(new Error('no answer')));
		socket.on('data', (chunk) => {
			text += chunk;
			if (text.includes('\r\n')) {
				socket.destroy();
				resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]));
			}
		});
		socket.on('error', reject);
	});
}

flow('broken requests get their code and cost nobody else anything', {}, async (rig) => {
	await begin(rig);
	const port = rig.p.ports[1];
	const own = `Host: 127.0.0.1:${port}\r\n`;
	assert.equal(await raw(port, 'GET /readyz HTTP/1.1\r\n\r\n'), 400, 'no Host');
	assert.equal(await raw(port, `GET /readyz HTTP/1.1\r\n${own}${own}\r\n`), 400, 'two Hosts');
	assert.equal(await raw(port, `POST /chat/xiaoman/messages HTTP/1.1\r\n${own}\r\n`), 411);
	assert.equal(await raw(port, `POST /chat/xiaoman/messages HTTP/1.1\r\n${own}Content-Length: 9999999\r\n\r\n`), 413);
	assert.equal(await raw(port, `GET /readyz HTTP/1.1\r\n${own}X: ${'y'.repeat(20_000)}\r\n\r\n`), 431);
	assert.equal(await rig.code('PUT', '/readyz', { body: '{}' }), 405);
	assert.equal(await rig.p.door.readiness(), 200);
});
