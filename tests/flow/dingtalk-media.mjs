// What people send to DingTalk's bot besides text: pictures to a model that sees, documents read, and what cannot be had.
import assert from 'node:assert/strict';
import { flow } from './rig.mjs';
import { endpoint, vendor } from './vendors.mjs';
import { MINUTE, People, HookPeople, dingtalk, dingtalkBot, moveClock, nothingWrong, webhookBot } from './dingtalk.mjs';
import { JPEG, PNG, docx, pdf, xlsx } from './papers.mjs';
import { replied } from '../platforms/dingtalk/bodies.mjs';

const sees = (one, more = {}) => endpoint(one, { provider: 'openai', model: 'house-vl', vision: true, region: 'mainland',
	price: { input: 1, output: 2, currency: 'CNY' }, ...more });

async function world(rig, bot = dingtalkBot) {
	const platform = await dingtalk(rig);
	const model = await vendor(rig, () => ({ text: '看过了，写的是这些。' }));
	rig.writeConfig({ bots: [bot(platform, { models: ['eyes'] })], models: { eyes: sees(model) } });
	const server = await rig.start('all');
	return { platform, model, server, people: bot === webhookBot ? new HookPeople(platform, [server]) : new People(platform) };
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

const direct = (type, code, more = {}) => ({ chat: null, type, code, ...more });
const png = `data:image/png;base64,${PNG.toString('base64')}`;

flow('a picture goes to a model that sees: alone, between words, in a quote', {}, async (rig) => {
	const { platform, model, people } = await world(rig);
	assert.match(await people.ask('', direct('picture', platform.files.put(PNG))), /看过了/);
	assert.deepEqual(asked(model).images, [png]);
	await people.ask('', { type: 'richText', pieces: [{ text: '@小满' }, { text: '这两张哪个新鲜' }, { code: platform.files.put(JPEG) },
		{ code: platform.files.put(PNG) }] });
	assert.deepEqual(asked(model).images, [`data:image/jpeg;base64,${JPEG.toString('base64')}`, png]);
	assert.match(asked(model).text, /这两张哪个新鲜/);
	assert.ok(!asked(model).text.includes('@小满'));
	await people.ask(' 这张里写了什么', { reply: replied({ type: 'picture', code: platform.files.put(PNG) }) });
	assert.deepEqual(asked(model).images, [png]);
	await people.ask(' 那张呢', { user: 'lisi' });
	assert.equal(asked(model).images.length, 0, 'a picture belongs to its question');
	assert.ok(platform.files.gets.every((get) => get.status === 200));
	nothingWrong(platform, assert);
});

flow('the code does not work: the picture\'s other code is tried', {}, async (rig) => {
	const { platform, model, people } = await world(rig);
	assert.match(await people.ask('', direct('picture', platform.files.put(PNG, { codeLife: -1 }), { pictureCode: platform.files.put(PNG) })), /看过了/);
	assert.deepEqual(asked(model).images, [png]);
	assert.match(await people.ask('', direct('picture', platform.files.put(PNG), { pictureCode: platform.files.put(PNG, { picture: true }) })),
		/看过了/);
	assert.deepEqual(asked(model).images, [png]);
	nothingWrong(platform, assert);
});

flow('text, PDF, Word and Excel files are read, a voice by what the platform heard', { ms: 90_000 }, async (rig) => {
	const { platform, model, people } = await world(rig);
	for (const [name, data, words] of [
		['通知.txt', Buffer.from('周五盘点，所有人十点到店。'), /周五盘点/], ['report.pdf', pdf(['Friday stocktaking at ten', 'bring the keys']), /Friday stocktaking/],
		['会议.docx', docx(['周五盘点的会议纪要', '十点到店']), /会议纪要/], ['库存.xlsx', xlsx([['品名', '数量'], ['五花肉', 12], ['青菜', 30]]), /五花肉[^\n]*12/],
	]) {
		assert.match(await people.ask('', direct('file', platform.files.put(data), { name })), /看过了/, name);
		assert.match(asked(model).text, words, name);
	}
	assert.match(await people.ask(' 总结一下', { reply: replied({ type: 'file', code: platform.files.put(Buffer.from('引用里的文件')), name: 'q.txt' }) }),
		/看过了/);
	assert.match(asked(model).text, /引用里的文件/);
	await people.ask('', direct('audio', platform.files.put(Buffer.from('#!AMR')), { recognition: '库存还有多少' }));
	assert.match(asked(model).text, /库存还有多少/);
	nothingWrong(platform, assert);
});

flow('what cannot be had gets a plain word, and the link lives on', { ms: 150_000 }, async (rig) => {
	const { platform, model, server, people } = await world(rig);
	for (const [what, type, code, name = 'a.txt'] of [
		['a code that is over', 'file', platform.files.put(Buffer.from('x'), { codeLife: -1 })],
			['a code of another robot', 'file', platform.files.put(Buffer.from('x'), { owner: 'dingother' })],
		['an address that is over', 'picture', platform.files.put(PNG, { life: -1 })], ['a code of nobody', 'picture', 'nobodys'],
		['a file of this machine', 'file', platform.files.put(Buffer.from('x'), { url: 'file:///etc/passwd' })],
		['an address inside', 'file', platform.files.put(Buffer.from('x'), { url: 'http://127.0.0.1:1/obj' })],
		['a redirect inside', 'file', platform.files.put(Buffer.from('x'), { redirect: 'http://127.0.0.1:1/obj' })],
		['a broken document', 'file', platform.files.put(docx(['x']).subarray(0, 300)), 'a.docx'],
			['too large', 'file', platform.files.put(Buffer.alloc(25 << 20, 65))],
		['no picture', 'picture', platform.files.put(Buffer.from('<html>'))], ['a video', 'video', platform.files.put(Buffer.alloc(64))],
			['a voice nobody recognised', 'audio', platform.files.put(Buffer.from('#!AMR'))],
	]) {
		const answer = await people.ask('', { ...direct(type, code, { name }), answer_ms: 60_000 });
		assert.notEqual(answer, '', what);
		rig.note(`${what}: ${answer.replace(/\s+/g, ' ').slice(0, 80)}`);
	}
	assert.ok(model.calls.every((call) => !call.text.includes('root:')));
	assert.ok(!server.wholeText().includes('Signature='), 'no address in the log');
	assert.match(await people.ask(' 几点开门'), /11:00/);
	assert.equal(platform.stream.opens.length, 1);
	nothingWrong(platform, assert);
});

flow('the store is busy at first; the code lives while the message waits', {}, async (rig) => {
	const { platform, model, people } = await world(rig);
	assert.match(await people.ask('', direct('file', platform.files.put(Buffer.from('盘点单'), { failures: 2 }), { name: 'a.txt' })), /看过了/);
	assert.match(asked(model).text, /盘点单/);
	platform.fault({ path: /messageFiles/, code: 'InvalidAuthentication' });
	assert.match(await people.ask('', direct('file', platform.files.put(Buffer.from('第二张')), { name: 'a.txt' })), /看过了/);
	assert.match(asked(model).text, /第二张/);
	const code = platform.files.put(Buffer.from('晚到的'), { codeLife: 5 * MINUTE });
	moveClock(rig, 6 * MINUTE);
	assert.notEqual(await people.ask('', direct('file', code, { name: 'late.txt' })), '');
	nothingWrong(platform, assert);
});

flow('media by webhook', {}, async (rig) => {
	const { platform, model, people } = await world(rig, webhookBot);
	assert.match(await people.ask('', direct('picture', platform.files.put(PNG))), /看过了/);
	assert.deepEqual(asked(model).images, [png]);
	nothingWrong(platform, assert);
});
