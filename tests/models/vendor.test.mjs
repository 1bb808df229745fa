// The stand-in speaks as vendors do: their official clients read its answers, figures and faults.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { Vendor } from './vendor.mjs';

async function withVendor(plan, body) {
	const vendor = await new Vendor({ plan }).start();
	try {
		await body(vendor);
	} finally {
		await vendor.stop();
	}
}

// The client may have read the end before the vendor knows that it went out.
async function toldAll(vendor) {
	while (!vendor.calls.every((call) => call.told)) {
		await new Promise((resolve) => { setImmediate(resolve); });
	}
}

function openai(vendor) {
	return new OpenAI({ apiKey: 'k1', baseURL: vendor.url, maxRetries: 0 });
}

const ask = { model: 'm', stream: true, stream_options: { include_usage: true },
	messages: [{ role: 'user', content: '几点开门' }] };

test('openai reads a streamed answer and its usage', async () => {
	await withVendor(() => ({ text: '早上九点开门。', chunks: 3 }), async (vendor) => {
		let text = '', usage;
		for await (const chunk of await openai(vendor).chat.completions.create(ask)) {
			text += chunk.choices[0]?.delta.content ?? '';
			usage = chunk.usage ?? usage;
		}
		assert.equal(text, '早上九点开门。');
		assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [vendor.calls[0].usage.input, 10]);
		assert.equal(vendor.calls[0].key, 'k1');
		assert.equal(vendor.calls[0].question, '几点开门');
		await toldAll(vendor);
		assert.deepEqual(vendor.total(), { calls: 1, input: usage.prompt_tokens, cached: 0, output: 10 });
	});
});

test('a prompt that begins like the one before is billed as cached', async () => {
	await withVendor(() => ({ text: '好' }), async (vendor) => {
		const long = { ...ask, messages: [{ role: 'system', content: '规矩'.repeat(300) }, ...ask.messages] };
		for (let i = 0; i < 2; i++) {
			for await (const chunk of await openai(vendor).chat.completions.create(long)) {
				assert.ok(chunk);
			}
		}
		assert.equal(vendor.calls[0].usage.cached, 0);
		assert.ok(vendor.calls[1].usage.cached > 300);
	});
});

test('openai sees errors and broken streams', async () => {
	const plans = [{ status: 429, headers: { 'content-type': 'application/json' }, body: '{"error":{"message":"slow"}}' },
		{ text: '一半就断', chunks: 4, cut_after: 2, end: 'cut' }];
	await withVendor((call) => plans[call.number], async (vendor) => {
		await assert.rejects(openai(vendor).chat.completions.create(ask), OpenAI.RateLimitError);
		await assert.rejects(async () => {
			for await (const chunk of await openai(vendor).chat.completions.create(ask)) {
				assert.ok(chunk);
			}
		});
		assert.equal(vendor.total().calls, 0, 'nothing was told');
	});
});

test('anthropic reads a streamed answer and its usage', async () => {
	await withVendor(() => ({ text: '可以退货。', chunks: 2 }), async (vendor) => {
		const client = new Anthropic({ apiKey: 'k2', baseURL: vendor.url.replace(/\/v1$/, ''), maxRetries: 0 });
		const message = await client.messages.stream({ model: 'c', max_tokens: 50,
			messages: [{ role: 'user', content: '能退吗' }] }).finalMessage();
		assert.equal(message.content[0].text, '可以退货。');
		assert.equal(message.stop_reason, 'end_turn');
		assert.equal(message.usage.output_tokens, 10);
		assert.equal(vendor.calls[0].key, 'k2');
	});
});

test('a piece is held back until it may go', async () => {
	let release;
	const held = new Promise((resolve) => { release = resolve; });
	await withVendor(() => ({ text: '早上九点', chunks: 4, held: (i) => (i === 2 ? held : null) }), async (vendor) => {
		const seen = [];
		for await (const chunk of await openai(vendor).chat.completions.create(ask)) {
			const text = chunk.choices[0]?.delta.content;
			if (text) {
				seen.push(text);
			}
			if (seen.length === 2) {
				assert.ok(vendor.calls[0].sent.length <= 2);
				release();
			}
		}
		assert.deepEqual(seen, ['早', '上', '九', '点']);
	});
});
