// tokens.mjs - tenant access tokens: the same one while half an hour of it remains; and who a call comes from.
import { id } from './bodies.mjs';
import { Refusal } from './rules.mjs';

const KEPT = 30 * 60_000; // a token with more to live is given again

export class Tokens {
	constructor(platform) {
		this.platform = platform;
		this.tokens = new Map(); // token -> {app_id, ends}
	}

	give({ app_id, app_secret }) {
		const { platform } = this;
		const app = platform.apps.get(app_id);
		if (!app || app.app_secret !== app_secret) throw new Refusal(10015, { status: 200 });
		if (app.disabled) throw new Refusal(10014, { status: 200 });
		const now = platform.now();
		const life = (app.tokenLife ?? platform.options.tokenLife) * 1000;
		let [token, entry] = [...this.tokens].reverse().find(([, given]) => given.app_id === app_id) ?? [];
		if (!entry || entry.ends - now < Math.min(KEPT, life / 4)) {
			token = id('t-');
			entry = { app_id, ends: now + life };
			this.tokens.set(token, entry);
		}
		return { msg: 'ok', tenant_access_token: token, expire: Math.floor((entry.ends - now) / 1000) };
	}

	// All tokens of an app are refused from now on; the next one asked for is new.
	revoke(app_id) {
		for (const [token, { app_id: owner }] of this.tokens) {
			if (owner === app_id) this.tokens.delete(token);
		}
	}

	appOf({ token }) {
		if (!token) throw new Refusal(99991661);
		const owner = this.tokens.get(token);
		if (!owner || owner.ends <= this.platform.now()) throw new Refusal(99991663, { status: this.platform.options.invalidTokenStatus });
		return this.platform.apps.get(owner.app_id);
	}
}
