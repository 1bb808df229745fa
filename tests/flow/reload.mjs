// Config that changes while the processes run, and that differs between the roles for a while.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import { bot, flow, until } from './rig.mjs';
import { Gate, endpoint, vendor } from './vendors.mjs';
import { checkAnswers, ids, names, talk, write } from './load.mjs';
import { toYaml } from './yaml.mjs';

const APART_MS = 10_000;

flow('a bot the gateway knows ten seconds before the agents do: nothing refused, nothing lost', {
	scale: 2, ms: 90_000,
	script: [{ match: '*', text: '登记好了。', chunks: 2, delay_ms: 30 }],
}, async (rig, t) => {
	rig.writeConfig({ data_dir: rig.dataDir });
	const late = (bots) => rig.write('agents/qungong.yaml', toYaml({ ...rig.config, bots }));
	rig.write('agents/script.yaml', toYaml([{ match: '*', text: '登记好了。', chunks: 2, delay_ms: 30 }]));
	late([bot('xiaoman')]);
	const gateway = await rig.start('g', { role: 'gateway' });
	const agents = rig.make('a', { role: 'agents', config: path.join(rig.folder, 'agents', 'qungong.yaml') });
	await agents.start();
	const known = rig.feed(gateway.door);
	rig.writeConfig({ bots: [bot('xiaoman'), bot('second')] });
	await until(async () => (await gateway.door.get('/chat/second/about')).status === 200, 10_000, 'the new bot at the gateway');
	const feed = rig.feed(gateway.door, { bot: 'second' });

	const began = performance.now();
	const written = [];
	const others = [];
	while (performance.now() - began < APART_MS) {
		written.push(...await talk({ doors: [gateway.door], bot: 'second', senders: names(4), each: 2, pause: 100 }));
		others.push(await write(() => gateway.door, 'xiaoman', '小李', '请登记'));
	}
	assert.ok(written.every((one) => one.tries === 1), 'no message is refused');
	assert.equal(feed.replies.length, 0);
	await known.untilAnswered(ids(others), 10_000);
	checkAnswers(known, others);

	late([bot('xiaoman'), bot('second')]);
	const changed = performance.now();
	await feed.untilAnswered(ids(written), 20_000);
	t.diagnostic(`${written.length} messages waited; all answered ${Math.round(performance.now() - changed)} ms after the agents' config changed`);
	checkAnswers(feed, written);
	assert.ok(feed.replies.every((e) => e.data.text === '登记好了。'), 'no apology');

	// the other way round: a bot that left the agents' config first
	late([bot('xiaoman')]);
	await until(() => /config in force: 1 bots/.test(agents.text().slice(agents.text().lastIndexOf('config in force'))), 10_000, 'the agents to drop it');
	const more = await talk({ doors: [gateway.door], bot: 'second', senders: names(2), each: 2 });
	late([bot('xiaoman'), bot('second')]);
	await feed.untilAnswered(ids(more), 20_000);
	checkAnswers(feed, [...written, ...more]);
});

flow('a changed file and SIGHUP reload; bots that did not change never notice', {}, async (rig) => {
	const p = await rig.start('p');
	const watch = rig.feed(p.door);
	assert.equal((await p.door.get('/chat/second/about')).status, 404);
	const connections = () => watch.connections;
	await until(() => connections() === 1, 5000, 'the viewer');

	rig.writeConfig({ bots: [bot('xiaoman'), bot('second')] });
	await p.untilServes('second');
	await until(async () => (await p.door.get('/chat/second/about')).status === 200, 5000, 'the bot of a changed file');
	const feed = rig.feed(p.door, { bot: 'second' });
	await feed.replyTo((await write(() => p.door, 'second', '小王', '请登记')).id);

	rig.write('bots.d/third.yaml', toYaml({ bots: [bot('third')] }));
	p.hangup();
	await until(async () => (await p.door.get('/chat/third/about')).status === 200, 5000, 'the bot of a new file');
	await until(() => /SIGHUP/.test(p.text()), 5000, 'the word about the signal');
	await until(async () => (await p.metric('links_taken_total')) === 3, 5000, 'all links to be taken');

	rig.remove('bots.d/third.yaml');
	rig.writeConfig({ bots: [bot('xiaoman')] });
	await until(async () => (await p.door.get('/chat/second/about')).status === 404, 5000, 'a removed bot to go');
	await until(async () => (await p.door.get('/chat/third/about')).status === 404, 5000, 'a removed file to go');
	await watch.replyTo((await write(() => p.door, 'xiaoman', '小王', '请登记')).id);
	assert.equal(connections(), 1, 'who looked on stayed connected through all of it');
	assert.equal(await p.metric('links_taken_total', { }), 3);

	rig.writeConfig({ durability: 'always', partitions: 8 });
	await until(() => /only a restart makes it so: .*durability, partitions/.test(p.text()), 5000, 'the word about a restart');
});

flow('a changed bot keeps the turn it began with, and its messages', { scale: 1 }, async (rig) => {
	const changed = new Gate();
	const one = await vendor(rig, (call) => (call.number === 0
		? { text: '慢慢登记好了。', chunks: 7, held: (i) => changed.lets(i, 7) } : { text: '新的说法。' }));
	const config = (more) => ({ models: { main: endpoint(one) }, bots: [bot('xiaoman', { models: ['main'], ...more })] });
	rig.writeConfig(config());
	const p = await rig.start('p');
	const watch = rig.feed(() => p.door);
	const id = (await write(() => p.door, 'xiaoman', '小王', '请登记')).id;
	await watch.event((e) => e.event === 'delta');
	const before = p.loads;
	rig.writeConfig(config({ ai_label: '机器写的' }));
	await until(() => p.loads > before, 5000, 'the new config');
	const next = (await write(() => p.door, 'xiaoman', '小李', '请登记')).id;
	await until(async () => {
		const more = (await write(() => p.door, 'xiaoman', '小赵', '请登记')).id;
		return (await watch.replyTo(more)).data.label === '机器写的';
	}, 5000, 'the new label');
	changed.open();
	const first = (await watch.replyTo(id)).data;
	assert.deepEqual([first.text, first.label], ['慢慢登记好了。', 'AI 生成']);
	assert.equal((await watch.replyTo(next)).data.text, '新的说法。');
	assert.equal(watch.answered(id).length, 1);
});

flow('a bad file of bots.d keeps only its own bots off; a bad qungong.yaml changes nothing', {}, async (rig) => {
	rig.write('bots.d/good.yaml', toYaml({ bots: [bot('good')] }));
	rig.write('bots.d/bad.yaml', 'bots:\n  - name: bad\n    template: restaurant\n    platform: slack\n');
	const p = await rig.start('p');
	const serves = async (name) => (await p.door.get(`/chat/${name}/about`)).status === 200;
	assert.ok(await serves('xiaoman'));
	await until(() => serves('good'), 5000, 'the good file');
	assert.equal(await serves('bad'), false);
	assert.match(p.text(), /bots\.d\/bad\.yaml:4:\d+: .*slack/);
	const health = JSON.parse((await p.door.get('/readyz')).body);
	assert.equal(health.failed_files.length, 1);

	rig.write('bots.d/bad.yaml', toYaml({ bots: [bot('bad')] }));
	await until(() => serves('bad'), 5000, 'the mended file');
	rig.write('bots.d/bad.yaml', 'bots: [');
	await until(async () => JSON.parse((await p.door.get('/readyz')).body).failed_files.length === 1, 5000, 'the broken file to be seen');
	assert.ok(await serves('bad'), 'it keeps what it had');

	rig.write('qungong.yaml', 'bots: [{name: Xiaoman}]\nno_such_key: 1\n');
	await until(() => /no_such_key/.test(p.text()), 5000, 'the broken config to be seen');
	assert.ok(await serves('xiaoman') && await serves('good') && await serves('bad'));
	const watch = rig.feed(p.door);
	await watch.replyTo((await write(() => p.door, 'xiaoman', '小王', '请登记')).id);
	const check = await rig.verb(['check']);
	assert.equal(check.code, 2);
	assert.match(check.out + check.err, /no_such_key/);
});

const PEMS = path.join(path.dirname(new URL(import.meta.url).pathname), '../vectors/tls');
const pem = (name) => fs.readFileSync(path.join(PEMS, name), 'utf8');

// A connection to the platforms' door, and whose certificate it showed.
function greet(port) {
	return new Promise((resolve, reject) => {
		const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: [pem('one.pem'), pem('two.pem')] },
			() => resolve({ socket, name: socket.getPeerCertificate().subject.CN }));
		socket.on('error', reject);
	});
}

async function shown(port) {
	const { socket, name } = await greet(port);
	socket.destroy();
	return name;
}

// Asks for a sign of life on an open connection.
function alive(socket) {
	return new Promise((resolve, reject) => {
		socket.once('data', (data) => resolve(/^HTTP\/1\.1 200/.test(data.toString())));
		socket.once('close', () => reject(new Error('the connection ended')));
		socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
	});
}

flow('a new certificate is taken without a restart; open connections go on; a pair that does not fit changes nothing', {}, async (rig) => {
	rig.write('c.pem', pem('one.pem'));
	rig.write('k.pem', pem('one.key'));
	rig.writeConfig({ tls: { cert: 'c.pem', key: 'k.pem' } });
	const p = await rig.start('p');
	const port = p.ports[0];
	const { socket, name } = await greet(port);
	assert.equal(name, 'one');
	assert.ok(await alive(socket));

	rig.write('c.pem', pem('two.pem'));
	await until(() => /error: tls: .*c\.pem/.test(p.text()), 5000, 'the word about a pair that does not fit');
	assert.equal(await shown(port), 'one');
	rig.write('k.pem', pem('two.key'));
	await until(async () => (await shown(port)) === 'two', 5000, 'the new certificate');
	assert.ok(await alive(socket), 'who was connected stays');
	socket.destroy();

	rig.writeConfig({ tls: undefined });
	await until(() => /only a restart makes it so: tls/.test(p.text()), 5000, 'the word about a restart');
	assert.equal(await shown(port), 'two');
});
