// bodies.mjs - what the platform delivers: events in their envelope, the same over both transports but for the token.
import { randomBytes } from 'node:crypto';

export const hex = (bytes = 16) => randomBytes(bytes).toString('hex');
export const id = prefix => prefix + hex();
export const TENANT = 'tenant';

const person = open_id => ({ open_id, union_id: `on_${open_id.slice(3)}` });

export function envelope(app, event_type, event, now, more = {}) {
	return {
		schema: '2.0',
		header: { event_id: id(''), token: app.verification_token, create_time: String(now), event_type, tenant_key: TENANT,
			app_id: app.app_id, ...more },
		event,
	};
}

// A mention as it stands in an event.
const mentionOf = (key, open_id, name, mentioned_type = 'user') => ({
	key, id: { open_id, union_id: `on_${open_id.slice(3)}`, user_id: '' }, mentioned_type, name, tenant_key: TENANT });

// event.message of what somebody wrote; text may hold "@bot", which mentions the app's bot.
export function message(app, one, now) {
	const { chat_id = 'oc_group', chat_type = 'group', text = '', message_type = 'text', message_id = id('om_'), mentions = [] } = one;
	const content = one.content ?? { text: text.replaceAll('@bot', '@_user_1') };
	const called = one.at ?? text.includes('@bot');
	const named = called ? [mentionOf('@_user_1', app.open_id, app.name ?? '小助手', 'bot'), ...mentions] : mentions;
	return {
		message_id,
		...(one.root_id || one.parent_id ? { root_id: one.root_id ?? one.parent_id, parent_id: one.parent_id } : {}),
		...(one.thread_id ? { thread_id: one.thread_id } : {}),
		create_time: String(now),
		update_time: String(now),
		chat_id,
		chat_type,
		message_type,
		content: typeof content === 'string' ? content : JSON.stringify(content),
		...(named.length > 0 ? { mentions: named } : {}),
	};
}

export const received = (sender, sender_type, body) => ({
	sender: { sender_id: person(sender), sender_type, tenant_key: TENANT }, message: body });

// What is told of chats.
export const membership = (chat_id, operator, name) => ({
	chat_id, operator_id: person(operator), external: false, operator_tenant_key: TENANT, name, i18n_names: { zh_cn: name, en_us: '', ja_jp: '' } });
export const recalled = (message_id, chat_id, now) => ({ message_id, chat_id, recall_time: String(now), recall_type: 'message_owner' });
export const entered = (chat_id, operator) => ({ chat_id, operator_id: person(operator) });
export const reacted = (message_id, operator, emoji_type, now) => ({
	message_id, reaction_type: { emoji_type }, operator_type: operator.startsWith('ou_') ? 'user' : 'app',
	...(operator.startsWith('ou_') ? { user_id: person(operator) } : { app_id: operator }), action_time: String(now) });

// A press on something in a card; action: what is not the usual {value, tag}.
export const click = ({ user, token, message_id, chat_id, action }) => ({
	operator: { tenant_key: TENANT, ...person(user) }, token, action: { tag: 'button', timezone: 'Asia/Shanghai', ...action }, host: 'im_message',
	context: { open_message_id: message_id, open_chat_id: chat_id } });
