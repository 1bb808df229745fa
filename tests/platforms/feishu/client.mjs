// client.mjs - what the tests of the stand-in share: an app, and the official SDK's clients of it.
import * as lark from '@larksuiteoapi/node-sdk';
import { startFeishu } from '../feishu.mjs';

export const APP = {
	app_id: 'cli_6af6b6ea90eb13e0',
	app_secret: 'LJ6Bghx6A60Ly2u9G90dC5sq1OsCTLyx',
	open_id: 'ou_a6c25c0120a930eac755a6ab556f046b',
	name: '小助手',
	encrypt_key: 'shared-Encrypt-Key-2026',
	verification_token: 'EPTe2RR1iYWJk20LhClchH5tUrnc0vO5',
};
export const silent = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };

function memory() {
	const kept = new Map();
	return {
		get: async key => kept.get(String(key))?.value,
		set: async (key, value) => {
			kept.set(String(key), { value });
			return true;
		},
	};
}

// Tells nothing again for an ack that is only slow: where a test is about that, it says how long is too long.
export async function begin(t, options = {}) {
	const platform = await startFeishu({ apps: [APP], ladder: [1, 1, 1, 1], ackMs: 60_000, ...options });
	t.after(() => platform.close());
	const client = new lark.Client({
		appId: APP.app_id,
		appSecret: APP.app_secret,
		domain: platform.url,
		logger: silent,
		cache: memory(), // one of its own a test: the SDK's is the process's
	});
	return { platform, client };
}

// The SDK's long connection; what it hears of the events named is in `heard`. handlers: type -> what answers it.
export async function connect(t, platform, handlers = {}, { wait = true, ...more } = {}) {
	const heard = [];
	const dispatcher = new lark.EventDispatcher({ logger: silent }).register(
		Object.fromEntries(['im.message.receive_v1', ...Object.keys(handlers)].map(type => [type, data => {
			heard.push(data);
			return handlers[type]?.(data);
		}])),
	);
	const states = [];
	const ws = new lark.WSClient({ appId: APP.app_id, appSecret: APP.app_secret, domain: platform.url, logger: silent,
		onReady: () => states.push('ready'), onReconnected: () => states.push('again'), onError: error => states.push(error.message), ...more });
	t.after(() => ws.close({ force: true }));
	await ws.start({ eventDispatcher: dispatcher });
	if (wait) await until(() => states.includes('ready') && platform.link.connections.at(-1)?.pings.length, 'the connection');
	return { ws, heard, states };
}

export async function until(ask, what, ms = 30_000) {
	const limit = Date.now() + ms;
	for (;;) {
		const found = await ask();
		if (found) return found;
		if (Date.now() > limit) throw new Error(`waited ${ms} ms for ${what}`);
		await new Promise(resolve => setTimeout(resolve, 5));
	}
}

export const code = expected => error => error.response?.data?.code === expected;
