// Several gateways share the connections of many bots: who joins gets some, who leaves or dies is replaced, none is kicked.
import assert from 'node:assert/strict';
import { delay, flow, until } from './rig.mjs';
import { slowly } from './vendors.mjs';
import { People, bare, wecom, wecomBot } from './wecom.mjs';

const TEXT = '包间还有一间，七点半给您留着，到了报名字就行。';
const COUNT = 10;

const accounts = Array.from({ length: COUNT }, (_, i) => ({ bot_id: `aibShare${i}`, secret: `secret-of-${i}`, name: '小满' }));

async function world(rig) {
	const platform = await wecom(rig, { bots: accounts, inFlight: 0 });
	const model = await slowly(rig, TEXT);
	rig.writeConfig({
		bots: accounts.map(({ bot_id, secret }, i) => wecomBot(platform, { name: `bot${i}`, bot_id, secret, models: ['script'] })),
		models: model.models,
	});
	await rig.start('a1', { role: 'agents' });
	const people = accounts.map(({ bot_id }) => new People(platform, bot_id));
	return { platform, model, people };
}

const owned = (gateway) => gateway.metric('links_owned');
const share = (gateways, counts, ms = 20_000) => until(async () => {
	const now = await Promise.all(gateways.map(owned));
	return now.every((count, i) => count === counts[i]);
}, ms, `${counts} links each`);

const askAll = (people) => Promise.all(people.map(async (one, i) => assert.match(await one.ask('@小满 还在吗', { chat: `wrAll${i}` }), /收到/)));

flow('ten links and gateways that join, leave, die: shared evenly, no connection is kicked, all bots answer', {
	ms: 120_000,
}, async (rig) => {
	const { platform, model, people } = await world(rig);
	const g1 = await rig.start('g1', { role: 'gateway' });
	await share([g1], [COUNT]);
	await askAll(people);
	const slow = await Promise.all(people.map((one) => one.say('@小满 慢慢说', { chat: 'wrSlow' })));
	await until(() => slow.every((id) => platform.view.under(id).length > 0), 10_000, 'drafts');
	const g2 = await rig.start('g2', { role: 'gateway' });
	await delay(2500); // long enough to see one that should not move
	assert.equal(await owned(g2), 0, 'none that just answers somebody moves');
	assert.equal(platform.view.unfinished().length, COUNT);
	model.release();
	for (const [i, id] of slow.entries()) {
		const bubbles = await people[i].bubbles(id, 20_000);
		assert.deepEqual(bubbles.map((one) => bare(one.text)), [TEXT]);
	}
	await share([g1, g2], [5, 5], 30_000);
	await askAll(people);
	const g3 = await rig.start('g3', { role: 'gateway' });
	await until(async () => {
		const counts = await Promise.all([g1, g2, g3].map(owned));
		return Math.max(...counts) <= 4 && counts.reduce((a, b) => a + b) === COUNT;
	}, 30_000, 'at most four links each');
	await askAll(people);
	await g2.kill();
	await until(async () => (await owned(g1)) + (await owned(g3)) === COUNT, 20_000, 'the dead one to be replaced');
	await askAll(people);
	const end = await g3.stop();
	assert.equal(end.code, 0);
	await share([g1], [COUNT]);
	await askAll(people);
	await delay(500);
	assert.equal(platform.socket.connections.filter((one) => one.kicked).length, 0);
	const open = accounts.filter(({ bot_id }) => platform.account(bot_id).connection);
	assert.equal(open.length, COUNT);
	assert.equal(platform.socket.connections.filter((one) => !one.closed).length, COUNT);
});
