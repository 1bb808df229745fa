// What Feishu's bots say by message, over the long connection: rates, errors, crashes, the month's quota, files.
import assert from 'node:assert/strict';
import { until } from './rig.mjs';
import { APP, GROUP, LIMITS, People, bare, feishu, feishuBot, flow, nothingWrong, scripted } from './feishu.mjs';
import { PNG, pdf } from './papers.mjs';

const SLOW = [{ match: '慢', text: '好的，收到。', chunks: 10, delay_ms: 200 }, { match: '*', text: '好的，收到。' }];
const NO_CARDS = { apps: [{ ...APP, scopes: new Set(['im:message', 'im:resource', 'im:chat:readonly']) }] };

async function world(rig, more = {}, options = {}) {
	const platform = await feishu(rig, options);
	rig.writeConfig(scripted(feishuBot(platform, more)));
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	return { platform, server, people };
}

const posts = (platform, chat_id) => platform.calls.filter((call) => call.method === 'POST' && /im\/v1\/messages(\/[^/]+\/reply)?$/.test(call.path) &&
	(!chat_id || platform.chatOf(call) === chat_id));

flow('twenty in one group and thirty groups at once, within the platform\'s rates: each once, none dead', { script: SLOW, ms: 120_000 },
	async (rig) => {
	const { platform, server, people } = await world(rig, { scope: 'sender' }, LIMITS);
	const ids = [];
	for (let i = 0; i < 20; i++) {
		ids.push(await people.say('@bot 请登记', { sender: `ou_${i}` }));
	}
	for (let i = 0; i < 30; i++) {
		ids.push(await people.say('@bot 请登记', { chat_id: `oc_${i}` }));
	}
	await until(() => ids.every((id) => people.answers(id).length > 0), 90_000,
		() => `${ids.filter((id) => people.answers(id).length === 0).length} more answers`);
	assert.ok(ids.every((id) => people.answers(id).length === 1));
	const limited = platform.calls.filter((call) => call.answer?.code === 230020 || call.answer?.code === 99991400).length;
	rig.note(`${limited} refusals for rates`);
	assert.ok(limited <= 5, `${limited} refusals for rates`);
	assert.equal(await server.metric('replies_dead_total'), 0);
	await nothingWrong(platform, assert);
});

for (const [what, fault, least] of [['a limit that says how long', { status: 429, code: 99991400, headers: { 'x-ogw-ratelimit-reset': '3' } }, 2900],
	['the old form of it', { status: 400, code: 99991400, headers: { 'x-ogw-ratelimit-reset': '2' } }, 1900],
		['too much in the chat', { status: 400, code: 230020 }, 900],
	['it is being sent', { status: 400, code: 230049 }, 0], ['500', { status: 500, body: 'oops' }, 0],
		['504 in HTML', { status: 504, body: '<html>' }, 0],
	['an answer that is lost', { reset: 'after', times: 2 }, 0], ['no answer', { hang: 'after' }, 0]]) {
	flow(`${what}: waited for, and said once, under the same uuid`, { script: SLOW, ms: 90_000 }, async (rig) => {
		const { platform, people } = await world(rig, {}, NO_CARDS);
		platform.fault({ path: /\/reply$/, chat_id: GROUP, ...fault });
		await people.say('@bot 请登记');
		await people.lands(GROUP, '收到', 60_000);
		assert.equal(people.times(GROUP, '收到'), 1);
		await until(() => posts(platform, GROUP).length >= 2, 40_000, 'the second try');
		const tries = posts(platform, GROUP);
		assert.equal(new Set(tries.map((call) => call.body.uuid)).size, 1);
		const waited = tries.at(-1).real - (tries[0].answered ?? tries[0].real); // how late it came itself is not the bot's
		assert.ok(waited >= least, `after ${waited} ms`);
		await nothingWrong(platform, assert, { reactions: false });
	});
}

for (const how of ['before', 'after']) {
	flow(`killed ${how === 'after' ? 'between the send and its bookkeeping' : 'before the send arrived'}: said once`,
		{ script: SLOW, ms: 90_000 }, async (rig) => {
		const { platform, server, people } = await world(rig, {}, NO_CARDS);
		platform.fault({ path: /\/reply$/, chat_id: GROUP, hang: how });
		await people.say('@bot 请登记');
		await until(() => posts(platform, GROUP).length > 0, 15_000, 'the call');
		await server.kill();
		await server.start();
		await people.lands(GROUP, '收到', 40_000);
		await people.untilUp();
		await people.ask('@bot 还在吗', { chat_id: 'oc_next' });
		assert.equal(people.times(GROUP, '收到'), 1);
		const tries = posts(platform, GROUP);
		assert.equal(new Set(tries.map((call) => call.body.uuid)).size, 1);
		assert.equal(tries.filter((call) => call.repeated).length, how === 'after' ? 1 : 0);
		await nothingWrong(platform, assert);
	});
}

flow('refused for good: a dead letter, few tries, and the others are served', { script: SLOW, ms: 120_000 }, async (rig) => {
	const { platform, server, people } = await world(rig, {}, NO_CARDS);
	let dead = 0;
	for (const code of [230013, 230018, 230022, 230028, 230027, 230006, 230035, 230053]) {
		const chat_id = `oc_${code}`;
		platform.fault({ path: /im\/v1\/messages(\/[^/]+\/reply)?$/, chat_id, status: 400, code, times: 99 });
		await people.say('@bot 请登记', { chat_id });
		dead++;
		await until(async () => (await server.metric('replies_dead_total')) >= dead, 30_000, `a dead letter for ${code}`);
		assert.ok(posts(platform, chat_id).length <= 4, `${posts(platform, chat_id).length} tries for ${code}`);
		platform.faults.length = 0;
	}
	assert.match(await people.ask('@bot 还在吗'), /收到/);
	assert.deepEqual(platform.complaints, []);
});

flow('a scope is missing: the log names it and the page of the console', { script: SLOW, ms: 60_000 }, async (rig) => {
	const { platform, server, people } = await world(rig, {}, { apps: [{ ...APP, scopes: new Set(['im:chat:readonly']) }] });
	await people.say('@bot 请登记');
	await until(() => /im:message/.test(server.text().split('\n').filter((line) => /warn|error/.test(line)).join('\n')), 20_000,
		() => `the scope in ${server.text().slice(-1500)}`);
	assert.match(server.text(), /open\.feishu\.cn\/app\/cli_\w+\/auth\?q=im:message[\s\S]*版本管理与发布/);
	platform.apps.get(APP.app_id).scopes = undefined;
	assert.match(await people.ask('@bot 还在吗', { chat_id: 'oc_next', answer_ms: 30_000 }), /收到/);
});

flow('the month is counted: admins hear at 80 %, cards get rarer, reactions stop', { script: SLOW, ms: 120_000 }, async (rig, t) => {
	const { platform, server, people } = await world(rig, { monthly_calls: 120, admins: ['ou_boss'] });
	const spent = [];
	const told = () => platform.in('ou_boss').some((one) => /额度|80/.test(one.text));
	for (let i = 0; i < 25 && !told(); i++) {
		const before = platform.calls.length;
		await people.ask('@bot 慢慢登记', { chat_id: `oc_${i}` });
		await until(() => platform.cards.unfinished().length === 0, 5000, 'the card to end');
		spent.push(platform.calls.length - before);
		if (platform.counts.calls >= 100) {
			await until(told, 15_000, 'a line to the admin');
		}
	}
	await until(told, 15_000, 'a line to the admin');
	assert.equal(platform.in('ou_boss').length, 1, 'once');
	const used = platform.counts.calls;
	assert.ok(used >= 90 && used <= 120, `${used} calls`);
	const [before, reactions] = [platform.calls.length, platform.posts.reactions.length];
	await people.ask('@bot 慢慢登记', { chat_id: 'oc_after' });
	await until(() => platform.cards.unfinished().length === 0, 5000, 'the card to end');
	t.diagnostic(`calls of an answer: ${spent.join(' ')}, then ${platform.calls.length - before}`);
	assert.ok(platform.calls.length - before < Math.max(...spent), 'fewer');
	assert.equal(platform.posts.reactions.length, reactions);
	assert.ok(server.running);
	await nothingWrong(platform, assert);
});

flow('the platform says the month is over: no storm, admins are told in the log, it goes on when there is more',
	{ script: SLOW, ms: 120_000 }, async (rig) => {
	const { platform, server, people } = await world(rig);
	await people.ask('@bot 请登记', { chat_id: 'oc_first' });
	platform.options.monthly = 1;
	for (let i = 0; i < 4; i++) {
		await people.say('@bot 请登记', { chat_id: `oc_${i}` });
	}
	await until(() => /额度/.test(server.text()), 20_000, 'words about it');
	await until(() => platform.calls.filter((call) => call.answer?.code === 99991403).length >= 4, 20_000, 'refusals');
	const refused = platform.calls.filter((call) => call.answer?.code === 99991403).length;
	assert.ok(refused <= 40, `${refused} tries`);
	platform.options.monthly = 0;
	assert.match(await people.ask('@bot 还在吗', { chat_id: 'oc_next', answer_ms: 60_000 }), /收到/);
	assert.deepEqual(platform.complaints, []);
});

flow('a token that is used beyond its time is not; one for all', { script: SLOW }, async (rig) => {
	const { platform, people } = await world(rig);
	await Promise.all(Array.from({ length: 5 }, (_, i) => people.ask('@bot 请登记', { chat_id: `oc_${i}` })));
	const tokens = () => platform.calls.filter((call) => call.path.includes('tenant_access_token')).length;
	assert.equal(tokens(), 1, 'one token for all');
	platform.revoke(APP.app_id);
	await Promise.all(Array.from({ length: 5 }, (_, i) => people.ask('@bot 请登记', { chat_id: `oc_${i}` })));
	assert.equal(tokens(), 2, 'one more');
	await nothingWrong(platform, assert);
});

flow('qungong say: words, a picture and a file into a group, and to a person', { ms: 60_000 }, async (rig) => {
	const { platform } = await world(rig);
	rig.write('menu.png', PNG);
	rig.write('合同.pdf', pdf(['contract']));
	const said = await rig.verb(['say', 'xiaoman', '今晚的菜单 <at user_id="all"></at>', '--to', 'oc_menu', '--image', 'menu.png', '--file',
		'合同.pdf'], { ms: 40_000 });
	assert.equal(said.code, 0, said.err);
	const messages = platform.in('oc_menu');
	assert.deepEqual(messages.map((one) => one.msg_type).filter((type) => type !== 'post' && type !== 'text'), ['image', 'file']);
	assert.equal(messages.find((one) => one.msg_type === 'file').file.name, '合同.pdf');
	assert.ok(messages.find((one) => one.msg_type === 'image').file.data.equals(PNG));
	assert.ok(messages.every((one) => one.mentions.length === 0));
	const direct = await rig.verb(['say', 'xiaoman', '请来前台', '--to', 'ou_waiter', '--direct'], { ms: 40_000 });
	assert.equal(direct.code, 0, direct.err);
	assert.equal(bare(platform.in('ou_waiter')[0].text), '请来前台');
	assert.equal(platform.in('ou_waiter')[0].receive_id_type, 'open_id');
	await nothingWrong(platform, assert);
});

flow('what could not be delivered: admins hear of which bot and chat, and what they are told to type sends it', { script: SLOW, ms: 90_000 },
	async (rig) => {
	const { platform, people } = await world(rig, { admins: ['ou_boss'] }, NO_CARDS);
	platform.fault({ path: /im\/v1\/messages(\/[^/]+\/reply)?$/, chat_id: GROUP, status: 400, code: 230018, times: 99 });
	await people.say('@bot 请登记');
	const told = await until(() => platform.in('ou_boss')[0], 30_000, 'a line to the admin');
	assert.match(told.text, /xiaoman/);
	assert.ok(told.text.includes(GROUP), told.text);
	const list = ['queue', 'dead'];
	assert.ok(told.text.includes(`qungong ${list.join(' ')}`), told.text);
	const letters = await until(async () => {
		const rows = JSON.parse((await rig.verb([...list, '--json'])).out);
		return rows.length > 0 && rows;
	}, 20_000, 'the dead letter');
	assert.deepEqual(letters.map((one) => [one.bot, one.place.includes(GROUP)]), [['xiaoman', true]]);
	platform.faults.length = 0;
	assert.match(told.text, /qungong queue retry 编号/);
	const again = await rig.verb(['queue', 'retry', letters[0].id]);
	assert.equal(again.code, 0, again.err);
	await people.lands(GROUP, '收到', 30_000);
	assert.equal(people.times(GROUP, '收到'), 1);
});
