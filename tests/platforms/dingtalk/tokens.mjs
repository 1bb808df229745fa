// tokens.mjs - access tokens: one per app while it lives, given again and extended; and who a call comes from.
import { hex } from './bodies.mjs';
import { OldRefusal, Refusal } from './rules.mjs';

export class Tokens {
	constructor(platform) {
		this.platform = platform;
		this.tokens = new Map(); // token -> {account, ends}
		this.given = 0;
	}

	give(client_id, secret, refuse) {
		const account = this.platform.accounts.get(client_id);
		if (!account || account.client_secret !== secret) refuse();
		const now = this.platform.now();
		const life = (account.tokenLife ?? this.platform.options.tokenLife) * 1000;
		let token = [...this.tokens.entries()].find(([, one]) => one.account === account && one.ends > now)?.[0];
		token ??= hex();
		this.tokens.set(token, { account, ends: now + life });
		this.given++;
		return { token, life: life / 1000 };
	}

	internal({ appKey, appSecret }) {
		const { token, life } = this.give(appKey, appSecret, () => {
			throw new Refusal('invalidClientIdOrSecret');
		});
		return { accessToken: token, expireIn: life };
	}

	corporate({ client_id, client_secret, grant_type }) {
		if (grant_type !== 'client_credentials') throw new Refusal('unsupported.grant.type');
		const { token, life } = this.give(client_id, client_secret, () => {
			throw new Refusal('invalid.client');
		});
		return { access_token: token, expires_in: life };
	}

	old(query) {
		const { token, life } = this.give(query.get('appkey'), query.get('appsecret'), () => {
			throw new OldRefusal(40089, '不合法的corpid或corpsecret');
		});
		return { access_token: token, expires_in: life };
	}

	// All tokens of an app are refused from now on; the next one asked for is new.
	revoke(client_id) {
		for (const [token, { account }] of this.tokens) {
			if (account.client_id === client_id) this.tokens.delete(token);
		}
	}

	ownerOf(token) {
		const one = this.tokens.get(token);
		return one && one.ends > this.platform.now() ? one.account : null;
	}

	// Of a call of the v1.0 API, by its header.
	accountOf(call) {
		const account = this.ownerOf(call.headers['x-acs-dingtalk-access-token']);
		if (!account) throw new Refusal('InvalidAuthentication', { status: this.platform.options.invalidTokenStatus });
		return account;
	}

	oldAccountOf(call) {
		const token = call.query.get('access_token');
		if (!token) throw new OldRefusal(41001, '缺少access_token');
		const account = this.ownerOf(token);
		if (!account) throw new OldRefusal(this.tokens.has(token) ? 42001 : 40014);
		return account;
	}
}
