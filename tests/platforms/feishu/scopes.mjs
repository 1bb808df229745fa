// scopes.mjs - which interface a path is, and what an app must have been granted for it: one of these.
import { Refusal } from './rules.mjs';

const SCOPES = {
	'POST im/v1/messages': ['im:message', 'im:message:send_as_bot', 'im:message:send'],
	'POST im/v1/messages/:id/reply': ['im:message', 'im:message:send_as_bot', 'im:message:send'],
	'PUT im/v1/messages/:id': ['im:message', 'im:message:send_as_bot', 'im:message:update'],
	'PATCH im/v1/messages/:id': ['im:message', 'im:message:send_as_bot', 'im:message:update'],
	'DELETE im/v1/messages/:id': ['im:message', 'im:message:send_as_bot', 'im:message:recall'],
	'GET im/v1/messages/:id': ['im:message', 'im:message:readonly'],
	'GET im/v1/messages/:id/resources/:id': ['im:message', 'im:message:readonly', 'im:resource'],
	'POST im/v1/messages/:id/reactions': ['im:message', 'im:message.reactions:write_only'],
	'DELETE im/v1/messages/:id/reactions/:id': ['im:message', 'im:message.reactions:write_only'],
	'POST im/v1/images': ['im:resource', 'im:resource:upload'],
	'POST im/v1/files': ['im:resource', 'im:resource:upload'],
	'GET im/v1/chats/:id': ['im:chat', 'im:chat:readonly', 'im:chat:read'],
	'POST cardkit/v1/cards': ['cardkit:card:write'],
	'PUT cardkit/v1/cards/:id': ['cardkit:card:write'],
	'PATCH cardkit/v1/cards/:id/settings': ['cardkit:card:write'],
	'PUT cardkit/v1/cards/:id/elements/:id/content': ['cardkit:card:write'],
};

const FIXED = new Set(['application', 'v6', 'scopes', 'im', 'v1', 'v3', 'messages', 'reply', 'resources', 'reactions', 'images', 'files', 'chats',
	'cardkit', 'cards', 'settings', 'elements', 'content', 'bot', 'info', 'interactive', 'card', 'update']);

// "PUT cardkit/v1/cards/:id": what rates and scopes are counted by.
export const interfaceOf = (method, parts) => `${method} ${parts.map(part => (FIXED.has(part) ? part : ':id')).join('/')}`;

export function checkScopes(app, name) {
	const wanted = SCOPES[name];
	if (!wanted || !app.scopes || wanted.some(scope => app.scopes.has(scope))) return;
	const list = wanted.join(', ');
	throw new Refusal(99991672, { msg: `Access denied. One of the following scopes is required: [${list}].应用尚未开通所需的应用身份权限：[${list}]，` +
		`点击链接申请并开通任一权限即可：https://open.feishu.cn/app/${app.app_id}/auth?q=${wanted.join(',')}&op_from=openapi&token_type=tenant` });
}

// What a bot usually asks for: what the console's import of scopes holds.
export const USUAL = ['im:message:send_as_bot', 'im:message', 'im:message.p2p_msg:readonly', 'im:message.group_at_msg:readonly',
	'im:message.reactions:write_only', 'im:resource', 'im:chat:readonly', 'im:chat.members:bot_access', 'cardkit:card:write'];

// GET application/v6/scopes: what was asked for, and whether the company granted it.
export const listScopes = app => [...new Set([...USUAL, ...(app.scopes ?? [])])]
	.map(scope_name => ({ scope_name, grant_status: !app.scopes || app.scopes.has(scope_name) ? 1 : 2 }));
