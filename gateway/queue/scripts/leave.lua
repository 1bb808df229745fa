-- leave: bot, chat, event, window ms, cursors of what is scheduled and of what is due ('' for what was read to its end). The
-- bot is not in that chat any more: what waits there, is due there or was to be sent there is dropped, a page a call. What
-- a turn holds stays with it; what it says finds nobody. Who takes the bot in again is perhaps no admin: the chat is not
-- enabled any more. The event that told so counts once: the bot may be there again
-- when it is told a second time.
local bot, chat = ARGV[1], ARGV[2]
local note = P .. 'd:' .. bot .. ':left:' .. ARGV[3]
if redis.call('EXISTS', note) == 1 then
	return { 'ok' }
end
even_when_full()

-- Does a conversation belong to the chat, as a message in it says?
local mine = bot .. '/' .. chat
local function is_here(conversation, wire)
	local begins = conversation == mine or string.sub(conversation, 1, #mine + 1) == mine .. '/'
	return begins and chat_of(wire or '') == chat
end

local function drop_waiting(conversation)
	local c, m = P .. 'c:' .. conversation, P .. 'm:' .. conversation
	local e = redis.call('HMGET', c, 'state', 'n')
	local is_held = e[1] == 'P'
	local n = is_held and tonumber(e[2] or 0) or 0
	forget(conversation, redis.call('LRANGE', m, n, -1))
	if n > 0 then
		redis.call('LTRIM', m, 0, n - 1)
	else
		redis.call('DEL', m)
	end
	redis.call('HDEL', c, 'full')
	if not is_held then -- else who has it ends it
		call_off(conversation)
		redis.call('HDEL', P .. 'open', conversation)
		unschedule(conversation)
	elseif n == 0 then
		suspect_head(conversation)
	end
end

local function drop_due(member)
	local item = P .. 'i:' .. string.sub(member, 3)
	local i = redis.call('HMGET', item, 'bot', 'conversation', 'wire')
	if i[1] == bot and is_here(i[2] or '', i[3]) then
		redis.call('ZREM', P .. 'due', member)
		redis.call('DEL', item)
	end
end

local next_mail = page('ZSCAN', 'age', ARGV[5], function(conversation)
	if is_here(conversation, redis.call('LINDEX', P .. 'm:' .. conversation, 0)) then
		drop_waiting(conversation)
	end
end)
local next_due = page('ZSCAN', 'due', ARGV[6], function(member)
	if string.sub(member, 1, 2) == 'i:' then
		drop_due(member)
	end
end)

local o = P .. 'o:' .. bot .. ':' .. chat
for _, reply in ipairs(redis.call('LRANGE', o, 0, PAGE - 1)) do
	let_note_expire(bot, string.sub(reply, 1, 32))
end
redis.call('LTRIM', o, PAGE, -1)
redis.call('DEL', P .. 'q:' .. bot .. ':' .. chat)
if redis.call('EXISTS', o) == 1 or next_mail ~= '' or next_due ~= '' then
	return { 'more', next_mail, next_due }
end
redis.call('ZREM', P .. 'w:' .. bot, chat)
redis.call('DEL', P .. 'late:' .. bot .. ':' .. chat)
redis.call('SREM', P .. 'g:' .. bot, chat)
redis.call('SET', note, 1, 'PX', ARGV[4])
return { 'ok' }
