// Models that misbehave while turns run, and a process that must end, reload or stand still in the middle of a stream.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { bot, delay, flow, until } from './rig.mjs';
import { write } from './load.mjs';
import { Gate, endpoint, settled, sums, usage, vendor } from './vendors.mjs';

const QUESTION = '周末可以带宠物狗来聚餐吗，要不要提前说一声？';
// Clocks run as they do in the field: no turn is given up, and asked again, because the machine stands still for a moment.
const REAL = { scale: 1 };

// A certificate of one's own for 127.0.0.1.
function certificate(rig) {
	const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(rig.folder, name));
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key,
		'-out', cert, '-days', '2', '-subj', '/CN=vendor', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
	return { key: fs.readFileSync(key), cert: fs.readFileSync(cert), file: cert };
}

async function post(server, from, text = QUESTION, name = 'xiaoman') {
	return (await write(() => server.door, name, from, text)).id;
}

// Endpoints that never answer, each in its way, and one behind them that does.
flow('who never answers is left for the next one: no connection, no event, one byte at a time', { scale: 5 }, async (rig) => {
	const good = await vendor(rig, () => ({ text: '我来答。' }));
	const breath = setInterval(() => {
		for (const socket of sockets) {
			socket.write('e\r\n: keep-alive\n\n\r\n');
		}
	}, 200);
	const sockets = new Set();
	const breather = net.createServer((socket) => {
		socket.on('error', () => {}).on('close', () => sockets.delete(socket));
		socket.once('data', () => {
			socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
			sockets.add(socket);
		});
	});
	await new Promise((resolve) => { breather.listen(0, '127.0.0.1', resolve); });
	rig.onEnd(() => {
		clearInterval(breath);
		sockets.forEach((socket) => socket.destroy());
		return new Promise((resolve) => { breather.close(resolve); });
	});
	const bad = {
		blackhole: { url: 'http://10.255.255.1:9/v1' },
		breathes: { url: `http://127.0.0.1:${breather.address().port}/v1` },
		nobody: { url: 'http://127.0.0.1:1/v1' },
		nameless: { url: 'http://no-such-host.invalid/v1' },
	};
	const models = { good: endpoint(good) };
	const bots = Object.entries(bad).map(([name, one]) => {
		models[name] = endpoint(one);
		return bot(name, { models: [name, 'good'] });
	});
	rig.writeConfig({ models, bots });
	const server = await rig.start('all');
	await Promise.all(bots.map(async ({ name }) => {
		const feed = rig.feed(server.door, { bot: name });
		const began = performance.now();
		const id = await post(server, '小王', QUESTION, name);
		const reply = (await feed.replyTo(id, 40_000)).data;
		rig.note(`${name}: ${Math.round(performance.now() - began)} ms`);
		assert.equal(reply.text, '我来答。', name);
	}));
	const lag = await server.metrics();
	assert.equal(lag.sum('model_calls_total', { model: 'good', outcome: 'ok' }), bots.length);
	assert.equal(lag.sum('model_calls_total', { model: 'breathes', outcome: 'timeout' }), 1);
});

flow('a reload in the middle of a stream: the turn keeps what it began with', REAL, async (rig) => {
	const reloaded = new Gate();
	const one = await vendor(rig, (call) => ({ text: call.number === 0 ? '一二三四五六' : '新的。', chunks: 6,
		held: (i) => call.number === 0 && reloaded.lets(i, 6) }));
	const config = (label, more = {}) => ({
		models: { main: endpoint(one, more) }, bots: [bot('xiaoman', { models: ['main'], ai_label: label })],
	});
	rig.writeConfig(config('甲'));
	const server = await rig.start('all');
	const feed = rig.feed(server.door);
	const id = await post(server, '小王');
	await feed.event((e) => e.event === 'delta');
	const before = server.loads;
	rig.writeConfig(config('乙', { api_key: 'another-key', model: 'deepseek-v4-pro' }));
	server.hangup();
	await until(() => server.loads > before, 10_000, 'the new config');
	reloaded.open();
	const reply = (await feed.replyTo(id)).data;
	assert.equal(reply.text, '一二三四五六');
	assert.match(reply.label, /甲/);
	await until(async () => {
		const next = (await feed.replyTo(await post(server, '小李'))).data;
		return next.label.includes('乙') && next;
	}, 10_000, 'the new config');
	assert.equal(one.calls.at(-1).key, 'another-key');
	assert.equal(one.calls.at(-1).body.model, 'deepseek-v4-pro');
	assert.equal(one.calls.filter((call) => call.number === 0 || call.key === 'key-of-main').at(0).gone, true);
});

flow('SIGTERM in the middle of streams: a short one ends, a long one is given back; both are booked', REAL, async (rig) => {
	const finish = new Gate();
	let slow = new Gate();
	const one = await vendor(rig, (call) => ({
		text: '一二三四五六七八九十甲乙丙丁', chunks: 14, held: (i) => (call.question.includes('很长') ? slow : finish).lets(i, 14),
	}));
	rig.writeConfig({ models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'] })] });
	const server = await rig.start('all');
	const feed = rig.feed(() => server.door);
	const long = await post(server, '小李', '宠物狗的事，请说很长很长');
	await feed.event((e) => e.event === 'delta' && e.data.answers.includes(long));
	const short = await post(server, '小王');
	await feed.event((e) => e.event === 'delta' && e.data.answers.includes(short));
	const ending = server.stop();
	await until(async () => (await server.door.readiness()) === 503, 5000, 'the drain to begin');
	finish.open();
	const end = await ending;
	assert.deepEqual([end.code, end.signal], [0, null]);
	assert.ok(end.ms < 10_000, `${end.ms} ms`);
	slow = finish;
	await server.start();
	assert.equal((await feed.replyTo(long)).data.text, '一二三四五六七八九十甲乙丙丁');
	assert.equal((await feed.replyTo(short)).data.text, '一二三四五六七八九十甲乙丙丁');
	assert.deepEqual([feed.answered(long).length, feed.answered(short).length], [1, 1]);
	assert.equal(one.calls.length, 3);
	const total = await settled(rig, 3);
	assert.equal(total.estimated, 1, 'the one that was given back');
});

flow('a worker that stands still in the middle of a stream: another one answers, it shows nothing more', {}, async (rig) => {
	const never = new Gate();
	let texts = '停停停停停停停停停停停停停停停停停停停停';
	const one = await vendor(rig, () => {
		const stops = texts.startsWith('停');
		return { text: texts, chunks: 20, held: (i) => stops && never.lets(i, 20) };
	});
	rig.writeConfig({ models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'] })] });
	const gateway = await rig.start('g', { role: 'gateway' });
	const first = await rig.start('a1', { role: 'agents' });
	const feed = rig.feed(gateway.door);
	const id = await post(gateway, '小王');
	await feed.event((e) => e.event === 'delta');
	first.pause();
	texts = '换一位来答的。';
	await rig.start('a2', { role: 'agents' });
	assert.equal((await feed.replyTo(id, 20_000)).data.text, '换一位来答的。');
	const seen = feed.events.length;
	first.resume();
	await until(() => /stale|lost|dropped|given up|abort/i.test(first.text()), 10_000, 'the zombie to notice');
	await delay(300);
	assert.equal(feed.answered(id).length, 1);
	assert.equal(feed.events.slice(seen).filter((e) => e.event !== 'usage').length, 0, 'it shows nothing');
	const total = await settled(rig, one.calls.length, 20_000);
	assert.equal(total.calls, one.calls.length);
	assert.equal(total.estimated, one.calls.filter((call) => !call.told).length, 'what was not told');
	assert.ok(total.estimated >= 1);
});

flow('300 turns at once over HTTP/2: few connections, no word lost; a goodbye and a reset in the middle', { ...REAL, ms: 90_000 }, async (rig) => {
	const tls = certificate(rig);
	const gates = { b: new Gate(), d: new Gate() }; // of the askers with such names
	const one = await vendor(rig, (call) => {
		const gate = gates[/第([bd])位/.exec(call.question)?.[1]];
		return { text: '可以的，请提前打电话说一声，谢谢。', chunks: 8, delay_ms: 100, held: (i) => i >= 3 && gate?.lets(i, 8) };
	}, { tls });
	const sessions = new Set();
	one.server.on('session', (session) => {
		sessions.add(session);
		session.on('close', () => sessions.delete(session));
	});
	rig.writeConfig({ models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'] })] });
	const server = await rig.start('all', { env: { QUNGONG_CA_FILE: tls.file } });
	const feed = rig.feed(server.door);
	const ask = (count, prefix) => Promise.all(Array.from({ length: count },
		(_, i) => post(server, `${prefix}${i}`, `第${prefix}位：${QUESTION}`)));
	await feed.untilAnswered(await ask(1, 'x'), 10_000);
	assert.equal(one.calls[0].version, '2.0');
	const ids = await ask(300, 'a');
	await feed.untilAnswered(ids, 40_000);
	for (const id of ids) {
		assert.equal(feed.answered(id)[0].data.text, '可以的，请提前打电话说一声，谢谢。');
	}
	rig.note(`${one.connections} connections, ${one.mostOpen} at once`);
	assert.ok(one.connections <= 12, `${one.connections} connections`);

	// every session says goodbye while streams run: these end, new ones go elsewhere
	const more = await ask(40, 'b');
	await until(() => one.open === 40, 5000, 'streams under way');
	sessions.forEach((session) => session.goaway(0));
	more.push(...await ask(20, 'c'));
	await feed.untilAnswered(more.slice(40), 20_000);
	gates.b.open();
	await feed.untilAnswered(more, 30_000);
	const texts = more.map((id) => feed.answered(id)[0].data.text);
	assert.deepEqual([...new Set(texts)], ['可以的，请提前打电话说一声，谢谢。']);

	// one stream is reset: its turn says so, the others never notice
	const others = await ask(20, 'd');
	const victim = await until(() => one.calls.find((call) => call.question.includes('第d位') && call.sent.length > 2), 5000, 'a stream');
	await until(() => others.every((id) => feed.of('delta').some((e) => e.data.answers.includes(id))), 20_000, 'all to be seen');
	victim.breakOff('reset');
	gates.d.open();
	await feed.untilAnswered(others, 20_000);
	const broken = others.filter((id) => feed.answered(id)[0].data.text.includes('中断'));
	assert.equal(broken.length, 1);
	const total = await settled(rig, one.calls.length);
	const told = one.total();
	assert.equal(total.estimated, 1);
	assert.equal(one.calls.length, 381, 'nothing was asked twice');
	assert.ok(total.output >= told.output);
	await until(async () => (await server.metric('fetch_http2_total')) >= 370, 5000, 'the metric');
});

flow('what a vendor reads over a hundred turns: askers first, by turns, nothing empty, the same beginning', { ...REAL, ms: 120_000 }, async (rig) => {
	const one = await vendor(rig, (call) => ({ text: `第${call.number}答：${'可以的，请放心。'.repeat(call.number % 9 * 12 + 1)}` }));
	rig.writeConfig({
		models: { main: endpoint(one), claude: { provider: 'anthropic', model: 'claude-haiku-5-5', api_key: 'k',
			base_url: `${one.url}/`, region: 'mainland', price: { input: 1, output: 1, currency: 'CNY' } } },
		bots: [bot('openai', { models: ['main'], scope: 'chat' }), bot('claude', { models: ['claude'], scope: 'chat' })],
	});
	const server = await rig.start('all');
	const people = ['小王', '小李', '老张'];
	const talk = async (name) => {
		const feed = rig.feed(server.door, { bot: name });
		for (let i = 0; i < 110; i++) {
			const text = i % 10 === 3 ? '几点开门' : i === 60 ? '/reset' : `第${i}件事：宠物狗、蛋糕和气球可以带来吗？`;
			await feed.replyTo(await post(server, people[i % 3], text, name), 15_000);
			if (i % 7 === 0) { // two in a row of one person become one batch or two turns
				const both = await Promise.all([post(server, '小王', `再问${i}：带小孩呢？`, name),
					post(server, '小王', `还有${i}：停轮椅呢？`, name)]);
				await feed.untilAnswered(both, 15_000);
			}
		}
	};
	await Promise.all(['openai', 'claude'].map(talk));
	const calls = { openai: one.calls.filter((call) => !call.isAnthropic), claude: one.calls.filter((call) => call.isAnthropic) };
	for (const [name, list] of Object.entries(calls)) {
		assert.ok(list.length >= 90);
		let breaks = 0;
		let before = '';
		for (const call of list) {
			const said = call.body.messages.filter((message) => message.role !== 'system');
			assert.equal(said[0].role, 'user', name);
			assert.equal(said.at(-1).role, 'user');
			said.forEach((message, i) => {
				assert.equal(message.role, i % 2 === 0 ? 'user' : 'assistant', `${name} ${call.number}: by turns`);
				assert.ok(message.content.trim() !== '');
			});
			const head = JSON.stringify([call.body.system, ...call.body.messages.slice(0, -1)]).slice(0, -1);
			breaks += head.startsWith(before) ? 0 : 1;
			before = head;
			assert.ok(call.text.length < 64 * 1024, `${call.text.length} characters`);
		}
		rig.note(`${name}: ${list.length} calls, ${breaks} times another beginning`);
		assert.ok(breaks <= 16, `${name}: ${breaks} times another beginning`);
		assert.ok(!list.at(-1).text.includes('第5件事'), 'trimmed and reset');
	}
});

flow('a window too small for the talk so far: the question is asked alone, and answered', REAL, async (rig) => {
	const one = await vendor(rig, (call) => (call.body.messages.length > 2
		? { status: 400, headers: { 'content-type': 'application/json' }, body: '{"error":{"message":"This model\'s maximum context length is ' +
			'2048 tokens","type":"invalid_request_error","code":"context_length_exceeded"}}' }
		: { text: `第${call.number}答。` }));
	rig.writeConfig({ models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'] })] });
	const server = await rig.start('all');
	const feed = rig.feed(server.door);
	assert.equal((await feed.replyTo(await post(server, '小王'))).data.text, '第0答。');
	assert.equal((await feed.replyTo(await post(server, '小王', '那么猫呢？'))).data.text, '第2答。');
	assert.deepEqual(one.calls.map((call) => call.body.messages.length), [2, 4, 2]);
	assert.ok(one.calls[2].question.includes('那么猫呢'));
	const total = await settled(rig, 3);
	assert.equal(total.input, one.total().input, 'the refusal costs nothing');
});

// For how long a process stood in line for a processor, in ms; 0 where the system does not tell.
function waited(pid) {
	try {
		return Number(fs.readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
	} catch {
		return 0;
	}
}

flow('1,000 streams at once: all answered, the loop stays quick', { ...REAL, ms: 120_000 }, async (rig) => {
	const complete = new Gate();
	const one = await vendor(rig, () => ({ text: '好的，没有问题，请放心来。', chunks: 10, delay_ms: 800,
		held: (i) => i >= 1 && complete.opened }));
	const budget = { turn: 100, chat_day: 100000, user_day: 100000, bot_month: 100000, currency: 'CNY' };
	rig.writeConfig({ models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'], budget })] });
	const server = await rig.start('all');
	const feed = rig.feed(server.door);
	const ids = [];
	for (let i = 0; i < 1000; i += 50) {
		ids.push(...await Promise.all(Array.from({ length: 50 }, (_, k) => post(server, `u${i + k}`))));
	}
	await until(() => one.open === 1000, 30_000, () => `1,000 streams: there are ${one.open}`);
	complete.open();
	await feed.untilAnswered(ids, 60_000);
	rig.note(`${one.mostOpen} at once, ${one.connections} connections`);
	const metrics = await server.metrics();
	const [quick, all] = [metrics.sum('loop_lag_seconds_bucket', { le: '0.02' }), metrics.sum('loop_lag_seconds_count')];
	const others = waited(server.pid) / 20; // so many turns may be slow because the machine does other things too
	rig.note(`${all - quick} of ${all} turns of the loop took over 20 ms, ${Math.round(others)} may have stood in line`);
	assert.ok(all - quick <= 0.03 * all + others, `${all - quick} of ${all}, and ${others} may have stood in line`);
	assert.ok(ids.every((id) => feed.answered(id).length === 1));
});

flow('a proxy of the environment stands before a vendor, and not before what no_proxy names', {}, async (rig) => {
	const one = await vendor(rig, () => ({ text: '经过代理。' }));
	const seen = [];
	const proxy = http.createServer((request, response) => {
		seen.push(request.url);
		const forward = http.request(request.url, { method: request.method, headers: request.headers }, (answer) => {
			response.writeHead(answer.statusCode, answer.headers);
			answer.pipe(response);
		});
		request.pipe(forward);
	});
	await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
	rig.onEnd(() => new Promise((resolve) => {
		proxy.closeAllConnections();
		proxy.close(resolve);
	}));
	rig.writeConfig({ models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'] })] });
	const env = { http_proxy: `http://127.0.0.1:${proxy.address().port}` };
	const ask = async (more) => {
		const answer = await rig.verb(['chat', 'xiaoman', '--json'], { env: { ...env, ...more }, input: `${QUESTION}\n` });
		assert.equal(answer.code, 0, answer.err);
		assert.equal(JSON.parse(answer.out).text, '经过代理。');
		return seen.splice(0).length;
	};
	assert.equal(await ask({}), 1);
	assert.equal(await ask({ no_proxy: '127.0.0.1' }), 0);
	assert.equal(await ask({ no_proxy: '127.0.0.0/8' }), 0);
	assert.equal(await ask({ no_proxy: '10.0.0.0/8,example.com' }), 1);
});

flow('chat and test --model speak with a vendor: streamed, priced, booked', {}, async (rig) => {
	const one = await vendor(rig, () => ({ text: '三小时内免费停车。', chunks: 3 }));
	const local = { url: `http://localhost:${one.port}/v1/` }; // a name with two addresses, of which one answers
	rig.writeConfig({ models: { main: endpoint(local), gone: endpoint({ url: 'http://127.0.0.1:1/v1' }) },
		bots: [bot('xiaoman', { models: ['main'] }), bot('alone', { models: ['gone'] })] });
	const chat = await rig.verb(['chat', 'xiaoman', '--json'], { input: `${QUESTION}\n那么猫呢？\n` });
	assert.equal(chat.code, 0, chat.err);
	const lines = chat.out.trim().split('\n').map((line) => JSON.parse(line));
	assert.deepEqual(lines.map((line) => [line.text, line.way]), [['三小时内免费停车。', 'model'], ['三小时内免费停车。', 'model']]);
	assert.equal(lines[1].usage.input, one.calls[1].usage.input);
	assert.ok(one.calls[1].body.messages.some((message) => message.role === 'assistant'), 'it remembers');
	const plain = await rig.verb(['chat', 'xiaoman'], { input: `${QUESTION}\n` });
	assert.match(plain.out, /三小时内免费停车。[\s\S]*deepseek-flash[\s\S]*tokens/);
	const before = one.calls.length;
	const test = await rig.verb(['test', 'xiaoman', '--model', 'main', '--json'], { ms: 60_000 });
	const report = JSON.parse(test.out);
	assert.equal(test.code, report.failed > 0 ? 1 : 0);
	assert.ok(one.calls.length > before, 'cases were asked of it');
	assert.equal((await rig.verb(['test', 'xiaoman', '--model', 'nobody'])).code, 2);
	const dead = await rig.verb(['test', 'alone', '--model', 'gone'], { ms: 60_000 });
	assert.equal(dead.code, 1);
	const total = sums(await usage(rig, 'bot'));
	assert.ok(total.calls >= one.calls.length);
	assert.deepEqual([total.input >= one.total().input, total.output >= one.total().output], [true, true]);
	const offline = await rig.verb(['chat', 'alone', '--json'], { input: `${QUESTION}\n` });
	assert.equal(JSON.parse(offline.out).way, 'offline');
});
