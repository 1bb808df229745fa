// What people send to Feishu's bot besides text: pictures to a model that sees, documents read, quotes, forwarded messages, and
// what cannot be had.
import assert from 'node:assert/strict';
import { until } from './rig.mjs';
import { endpoint, vendor } from './vendors.mjs';
import { HookPeople, People, feishu, feishuBot, flow as flowOf, nothingWrong, webhookBot } from './feishu.mjs';
import { JPEG, PNG, docx, pdf, xlsx } from './papers.mjs';

// Reading has limits of its own that are divided by the scale as well: as they are, a slow machine keeps them.
const flow = (name, options, body) => flowOf(name, { scale: 1, ...options }, body);

const sees = (one) => endpoint(one,
	{ provider: 'openai', model: 'house-vl', vision: true, region: 'mainland', price: { input: 1, output: 2, currency: 'CNY' } });
const DIRECT = { chat_type: 'p2p', chat_id: 'oc_direct' };
const png = `data:image/png;base64,${PNG.toString('base64')}`;
const jpeg = `data:image/jpeg;base64,${JPEG.toString('base64')}`;

async function world(rig, bot = feishuBot, more = {}) {
	const platform = await feishu(rig);
	const model = await vendor(rig, () => ({ text: '看过了，写的是这些。' }));
	rig.writeConfig({ bots: [bot(platform, { models: ['eyes'], ...more })], models: { eyes: sees(model) } });
	const server = await rig.start('all');
	return { platform, model, server, people: bot === webhookBot ? new HookPeople(rig, platform, [server]) : new People(platform) };
}

// The last question as the model got it.
function asked(model) {
	const { content } = model.calls.at(-1).body.messages.at(-1);
	const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
	return {
		text: parts.filter((part) => part.type === 'text').map((part) => part.text).join('\n'),
		images: parts.filter((part) => part.type === 'image_url').map((part) => part.image_url.url),
	};
}

const image = (key) => ({ message_type: 'image', content: { image_key: key } });
const file = (key, file_name) => ({ message_type: 'file', content: { file_key: key, file_name } });
const paragraphs = (...content) => ({ message_type: 'post', content: { title: '', content } });
const picture = (platform, data = PNG, more = {}) => platform.files.put(data, { type: 'image', ...more });

flow('a picture goes to a model that sees: alone, between words, in a quote', { ms: 90_000 }, async (rig) => {
	const { platform, model, people } = await world(rig);
	assert.match(await people.ask('', { ...DIRECT, ...image(picture(platform)) }), /看过了/);
	assert.deepEqual(asked(model).images, [png]);
	await people.ask('', { at: true,
		...paragraphs([{ tag: 'at', user_id: '@_user_1', user_name: '小满' }, { tag: 'text', text: '这两张哪个新鲜', style: ['bold'] }],
		[{ tag: 'img', image_key: picture(platform, JPEG) }], [{ tag: 'img', image_key: picture(platform) }]) });
	assert.deepEqual(asked(model).images, [jpeg, png]);
	assert.match(asked(model).text, /这两张哪个新鲜/);
	const first = platform.messageEvent(people.app_id, { chat_id: 'oc_group', ...image(picture(platform, JPEG)) }).event.message;
	await people.ask('@bot 这张里写了什么', { parent_id: first.message_id });
	assert.deepEqual(asked(model).images, [jpeg], 'of the message it quotes');
	await people.ask('@bot 那张呢', { sender: 'ou_other' });
	assert.equal(asked(model).images.length, 0, 'a picture belongs to its question');
	assert.ok(platform.files.gets.every((get) => get.code === 0));
	await nothingWrong(platform, assert);
});

flow('text, PDF, Word and Excel files are read, also in a quote', { ms: 90_000 }, async (rig) => {
	const { platform, model, people } = await world(rig);
	for (const [name, data, words] of [
		['通知.txt', Buffer.from('周五盘点，所有人十点到店。'), /周五盘点/], ['report.pdf', pdf(['Friday stocktaking at ten', 'bring the keys']), /Friday stocktaking/],
		['会议.docx', docx(['周五盘点的会议纪要', '十点到店']), /会议纪要/], ['库存.xlsx', xlsx([['品名', '数量'], ['五花肉', 12], ['青菜', 30]]), /五花肉[^\n]*12/],
	]) {
		assert.match(await people.ask('', { ...DIRECT, ...file(platform.files.put(data), name) }), /看过了/, name);
		assert.match(asked(model).text, words, name);
	}
	const first = platform.messageEvent(people.app_id,
		{ chat_id: 'oc_group', ...file(platform.files.put(Buffer.from('引用里的文件')), 'q.txt') }).event.message;
	assert.match(await people.ask('@bot 总结一下', { parent_id: first.message_id }), /看过了/);
	assert.match(asked(model).text, /引用里的文件/);
	await nothingWrong(platform, assert);
});

flow('quotes of words, of a post, of the bot\'s own answer; of what is withdrawn or gone', { ms: 60_000 }, async (rig) => {
	const { platform, model, people } = await world(rig);
	const quote = (message) => platform.messageEvent(people.app_id, { chat_id: 'oc_group', ...message }).event.message.message_id;
	await people.ask('@bot 这个还能订吗', { parent_id: quote({ text: '周五的包间' }) });
	assert.match(asked(model).text, /周五的包间/);
	await people.ask('@bot 这个呢', { parent_id: quote(paragraphs([{ tag: 'text', text: '周报第三段' }])) });
	assert.match(asked(model).text, /周报第三段/);
	const id = await people.say('@bot 请登记');
	await people.answer(id);
	await people.ask('@bot 你说的是哪间', { parent_id: people.answers(id)[0].message_id });
	const gone = quote({ text: '不该读到的话' });
	platform.recall(gone);
	assert.match(await people.ask('@bot 刚才那条呢', { parent_id: gone }), /看过了/);
	assert.ok(!asked(model).text.includes('不该读到的话'));
	assert.match(await people.ask('@bot 那条呢', { parent_id: 'om_nobody' }), /看过了/);
	platform.fault({ method: 'GET', path: /im\/v1\/messages\/om_[0-9a-f]+$/, status: 503, body: 'x' });
	assert.match(await people.ask('@bot 还有这条', { parent_id: quote({ text: '一时读不到的话' }) }), /看过了/);
	assert.match(asked(model).text, /一时读不到的话/, 'asked again');
	platform.fault({ method: 'GET', path: /im\/v1\/messages\/om_[0-9a-f]+$/, status: 500, body: 'x', times: 99 });
	assert.match(await people.ask('@bot 再看那条', { parent_id: quote({ text: '先前的话' }), answer_ms: 30_000 }), /看过了/);
	assert.match(asked(model).text, /引用的消息暂时没能读取/, 'the model knows that there was something');
	await nothingWrong(platform, assert);
});

flow('a merged forward is read: its messages in order, its pictures named', { ms: 60_000 }, async (rig) => {
	const { platform, model, people } = await world(rig);
	const children = [{ msg_type: 'text', content: '{"text":"老板：周五盘点"}' },
		{ msg_type: 'post', content: '{"title":"","content":[[{"tag":"text","text":"十点到店"}]]}' },
		{ msg_type: 'image', content: `{"image_key":"${picture(platform)}"}` },
			{ msg_type: 'merge_forward', content: '{"content":"Merged and Forwarded Message"}' }];
	assert.match(await people.ask('',
		{ ...DIRECT, message_type: 'merge_forward', content: { content: 'Merged and Forwarded Message' }, children }), /看过了/);
	const { text } = asked(model);
	assert.ok(text.indexOf('周五盘点') >= 0 && text.indexOf('周五盘点') < text.indexOf('十点到店'), text);
	const first = platform.messageEvent(people.app_id,
		{ chat_id: 'oc_group', message_type: 'merge_forward', content: { content: 'x' }, children }).event.message;
	await people.ask('@bot 总结一下这段', { parent_id: first.message_id });
	assert.match(asked(model).text, /十点到店/);
	await nothingWrong(platform, assert);
});

flow('every other kind gets a plain word or its description, and the link lives on', { ms: 90_000 }, async (rig) => {
	const { platform, people } = await world(rig);
	const key = () => platform.files.put(Buffer.from('OggS'));
	for (const [message_type, content] of Object.entries({
		audio: { file_key: key(), duration: 2000 }, media: { file_key: key(), image_key: picture(platform), file_name: 'a.mp4', duration: 3100 },
		sticker: { file_key: key() }, folder: { file_key: key(), file_name: '资料' }, share_chat: { chat_id: 'oc_x' }, share_user: { user_id: 'ou_x' },
		location: { name: '青禾路18号', longitude: '121.1', latitude: '31.1' }, todo: { task_id: '1', summary: { title: '', content: [] } },
		vote: { topic: '几点聚餐', options: ['六点', '七点'] }, hongbao: { text: '[红包]' },
		interactive: { title: 'T', elements: [[{ tag: 'text', text: '卡片里的话' }, { tag: 'button', text: 'OK', type: 'primary' }]] },
		hologram: { x: [1, { y: null }] },
	})) {
		const answer = await people.ask('', { ...DIRECT, message_type, content });
		assert.notEqual(answer, '', message_type);
		rig.note(`${message_type}: ${answer.replace(/\s+/g, ' ').slice(0, 90)}`);
		if (message_type === 'audio') {
			assert.match(answer, /语音|听/, 'a plain word that voice cannot be read yet');
		}
		if (/sticker|folder|media|hologram/.test(message_type)) {
			assert.match(answer, /还看不懂/, `${message_type} asks nothing: no model is troubled, and no miss is counted`);
		}
	}
	const system = await people.write('',
		{ ...DIRECT, message_type: 'system', content: { template: '{from_user} invited {to_chatters} to this chat.' } });
	await people.acked(system.push);
	assert.match(await people.ask('几点开门', DIRECT), /11:00/);
	assert.equal(people.answers(system.message_id).length, 0, 'nobody said it');
	assert.equal(platform.link.opens.length, 1);
	await nothingWrong(platform, assert);
});

flow('what cannot be had gets a plain word', { ms: 150_000 }, async (rig) => {
	const { platform, model, server, people } = await world(rig);
	for (const [what, message] of Object.entries({
		'a file of another message': file('file_v3_02ab_nobody', 'a.txt'),
		'protected': file(platform.files.put(Buffer.from('x'), { code: 234038 }), 'a.txt'),
		'too large to be given': file(platform.files.put(Buffer.from('x'), { code: 234037 }), 'a.txt'),
		'too large for us': file(platform.files.put(Buffer.alloc(25 << 20, 65)), 'a.txt'),
		'a picture that is none': image(picture(platform, Buffer.from('<html>'))),
		'a broken document': file(platform.files.put(docx(['x']).subarray(0, 300)), 'a.docx'),
		'a hostile name': file(platform.files.put(Buffer.from('盘点单')), '../../etc/cron.d/x\u0000.txt'),
		'no key': { message_type: 'image', content: {} },
		'a key that is a path': { message_type: 'file', content: { file_key: '../../../auth/v3/tenant_access_token', file_name: 'a.txt' } },
	})) {
		const answer = await people.ask('', { ...DIRECT, ...message, answer_ms: 60_000 });
		assert.notEqual(answer, '', what);
		rig.note(`${what}: ${answer.replace(/\s+/g, ' ').slice(0, 90)}`);
	}
	assert.ok(model.calls.every((call) => !call.text.includes('tenant_access_token')));
	assert.ok(platform.calls.every((call) => call.method === 'POST' || !call.path.includes('/auth/')), 'a key stays one piece of a path');
	assert.ok(server.running);
	assert.match(await people.ask('@bot 几点开门'), /11:00/);
	await nothingWrong(platform, assert);
});

flow('the platform is busy at first, the token ends: the file is read all the same', {}, async (rig) => {
	const { platform, model, people } = await world(rig);
	assert.match(await people.ask('', { ...DIRECT, ...file(platform.files.put(Buffer.from('盘点单'), { failures: 1 }), 'a.txt') }), /看过了/);
	assert.match(asked(model).text, /盘点单/);
	platform.revoke(people.app_id);
	assert.match(await people.ask('', { ...DIRECT, ...file(platform.files.put(Buffer.from('第二张')), 'a.txt') }), /看过了/);
	assert.match(asked(model).text, /第二张/);
	await nothingWrong(platform, assert);
});

flow('media by webhook, and in a topic', {}, async (rig) => {
	const { platform, model, people } = await world(rig, webhookBot, { scope: 'thread' });
	assert.match(await people.ask('', { ...DIRECT, ...image(picture(platform)) }), /看过了/);
	assert.deepEqual(asked(model).images, [png]);
	const id = await people.say('@bot 这里说', { thread_id: 'omt_1' });
	await people.answer(id);
	assert.equal(people.answers(id)[0].thread_id, 'omt_1');
	await until(() => platform.cards.unfinished().length === 0, 5000, 'the card');
	await nothingWrong(platform, assert);
});
