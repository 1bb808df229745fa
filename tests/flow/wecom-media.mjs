// What people send to WeCom's bot besides text: pictures to a model that sees, documents read, and what cannot be read.
import assert from 'node:assert/strict';
import { flow, until } from './rig.mjs';
import { endpoint, vendor } from './vendors.mjs';
import { BOT, GROUP, MINUTE, People, HookPeople, moveClock, wecom, wecomBot, webhookBot } from './wecom.mjs';
import { keyOf } from '../platforms/wecom/crypt.mjs';
import { JPEG, PNG, docx, pdf, xlsx } from './papers.mjs';

const sees = (one, more = {}) => endpoint(one, { provider: 'openai', model: 'house-vl', vision: true, region: 'mainland',
	price: { input: 1, output: 2, currency: 'CNY' }, ...more });

async function world(rig, more = {}) {
	const platform = await wecom(rig);
	const model = await vendor(rig, () => ({ text: '看过了，写的是这些。' }));
	rig.writeConfig({ bots: [wecomBot(platform, { models: ['eyes'], ...more })], models: { eyes: sees(model), blind: sees(model, { vision: false }) } });
	const server = await rig.start('all');
	const people = new People(platform);
	await people.untilUp();
	return { platform, model, server, people };
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

const direct = (type, media) => ({ chat: null, type, media });

flow('a picture goes to a model that sees, alone, with words and in a quote', {}, async (rig) => {
	const { platform, model, people } = await world(rig);
	assert.match(await people.ask('', direct('image', platform.files.put(PNG, { name: 'a.png' }))), /看过了/);
	assert.deepEqual(asked(model).images, [`data:image/png;base64,${PNG.toString('base64')}`]);
	await people.ask('', { type: 'mixed', items: [{ type: 'text', text: '@小满 这个还新鲜吗' },
		{ type: 'image', media: platform.files.put(JPEG, { aeskeyPadded: false }) }] });
	assert.deepEqual(asked(model).images, [`data:image/jpeg;base64,${JPEG.toString('base64')}`]);
	assert.match(asked(model).text, /这个还新鲜吗/);
	await people.ask('@小满 这张里写了什么', { quote: { type: 'image', media: platform.files.put(PNG) } });
	assert.equal(asked(model).images.length, 1);
	await people.ask('@小满 那张呢', { user: 'lisi' });
	assert.equal(asked(model).images.length, 0, 'a picture belongs to its question');
	assert.ok(platform.files.gets.every((get) => get.status === 200));
	assert.deepEqual(platform.complaints, []);
});

flow('a model without eyes: a plain word, no picture sent', {}, async (rig) => {
	const { platform, model, people } = await world(rig, { models: ['blind'] });
	const answer = await people.ask('', direct('image', platform.files.put(PNG)));
	assert.notEqual(answer, '');
	assert.ok(model.calls.every((call) => !call.text.includes('image_url')));
});

flow('text, PDF, Word and Excel files are read', { ms: 90_000 }, async (rig) => {
	const { platform, model, people } = await world(rig);
	for (const [name, data, words] of [
		['通知.txt', Buffer.from('周五盘点，所有人十点到店。'), /周五盘点/],
		['notes.md', Buffer.from('# 交接\n冰箱温度偏高'), /冰箱温度偏高/],
		['gbk.txt', Buffer.from([0xd6, 0xdc, 0xce, 0xe5, 0xc5, 0xcc, 0xb5, 0xe3, 0xa1, 0xa3]), /周五盘点/],
		['report.pdf', pdf(['Friday stocktaking at ten', 'bring the keys']), /Friday stocktaking/],
		['会议.docx', docx(['周五盘点的会议纪要', '十点到店']), /会议纪要/],
		['库存.xlsx', xlsx([['品名', '数量'], ['五花肉', 12], ['青菜', 30]]), /五花肉[^\n]*12/],
	]) {
		assert.match(await people.ask('', direct('file', platform.files.put(data, { name }))), /看过了/, name);
		assert.match(asked(model).text, words, name);
	}
	assert.match(await people.ask('@小满 总结一下', { quote: { type: 'file', media: platform.files.put(Buffer.from('引用里的文件'), { name: 'q.txt' }) } }), /看过了/);
	assert.match(asked(model).text, /引用里的文件/);
});

flow('what cannot be read gets a plain word, and the link lives on', { ms: 120_000 }, async (rig) => {
	const { platform, model, server, people } = await world(rig);
	const words = new Map();
	const put = (data, more) => platform.files.put(data, { name: 'a.txt', ...more });
	for (const [what, type, media] of [
		['bad padding', 'image', put(PNG, { broken: 'padding' })],
		['half a block', 'file', put(Buffer.from('x'.repeat(100)), { broken: 'length' })],
		['another key', 'file', put(Buffer.from('x'.repeat(100)), { wrongKey: true })],
		['not encrypted', 'file', put(Buffer.from('x'.repeat(101)), { plain: true })],
		['an address that is gone', 'image', put(PNG, { life: 0 })],
		['an address of nobody', 'image', { url: `${platform.url}/media/none?x=1`, aeskey: 'glTDKakoUPbVOd03b0gW7idkUX2l4CNVFK9DMWRIDXo=' }],
		['a foreign address', 'file', { url: 'file:///etc/passwd', aeskey: 'glTDKakoUPbVOd03b0gW7idkUX2l4CNVFK9DMWRIDXo=' }],
		['a bad key', 'image', { ...put(PNG), aeskey: 'x' }],
		['no text in it', 'file', put(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0]), { name: 'a.exe' })],
		['a broken document', 'file', put(docx(['x']).subarray(0, 300), { name: 'a.docx' })],
		['a broken PDF', 'file', put(Buffer.from('%PDF-1.4\n garbage'), { name: 'a.pdf' })],
		['too large', 'file', put(Buffer.alloc(25 << 20, 65), { name: 'big.txt' })],
		['a video', 'video', put(Buffer.alloc(64), { name: 'a.mp4' })],
	]) {
		const before = model.calls.length;
		const answer = await people.ask('', { ...direct(type, media), answer_ms: 40_000 });
		assert.notEqual(answer, '', what);
		words.set(what, `${answer.replace(/\s+/g, ' ').slice(0, 60)}${model.calls.length > before ? ' [model]' : ''}`);
	}
	rig.note(JSON.stringify([...words], null, 1));
	assert.match(words.get('an address that is gone'), /过期|打不开|再发|重新|看不|没/);
	const log = server.wholeText();
	assert.ok(!log.includes('q-sign-algorithm'), 'no address in the log');
	assert.match(await people.ask('@小满 几点开门'), /11:00/);
	assert.equal(platform.socket.connections.length, 1);
});

flow('the object store is busy at first; the address lives while the message waits in the queue', {}, async (rig) => {
	const { platform, model, people } = await world(rig);
	assert.match(await people.ask('', direct('file', platform.files.put(Buffer.from('盘点单'), { name: 'a.txt', failures: 2 }))), /看过了/);
	assert.match(asked(model).text, /盘点单/);
	const media = platform.files.put(Buffer.from('晚到的'), { name: 'late.txt' });
	moveClock(rig, 6 * MINUTE);
	assert.notEqual(await people.ask('', direct('file', media)), '');
	assert.ok(!asked(model).text.includes('晚到的'));
});

flow('media of a webhook bot are opened by its own key', {}, async (rig) => {
	const platform = await wecom(rig);
	const model = await vendor(rig, () => ({ text: '看过了，写的是这些。' }));
	rig.writeConfig({ bots: [webhookBot(platform, { models: ['eyes'] })], models: { eyes: sees(model) } });
	const server = await rig.start('all');
	const people = new HookPeople(platform, [server]);
	const key = keyOf(BOT.encoding_aes_key);
	assert.match(await people.ask('', direct('image', platform.files.put(PNG, { key }))), /看过了/);
	assert.deepEqual(asked(model).images, [`data:image/png;base64,${PNG.toString('base64')}`]);
	assert.match(await people.ask('@小满 看看', { chat: GROUP, type: 'mixed', items: [{ type: 'text', text: '@小满 看看' },
		{ type: 'image', media: platform.files.put(PNG, { key }) }] }), /看过了/);
	assert.notEqual(await people.ask('', direct('file', platform.files.put(Buffer.from('x'), { key, name: 'a.txt', broken: 'padding' }))), '');
	await until(() => platform.view.unfinished().length === 0, 5000, 'all to be finished');
	assert.deepEqual(platform.complaints, []);
});
