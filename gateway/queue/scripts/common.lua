-- common.lua - stands before every script: the words all of them share. KEYS[1] is the partition's prefix.
--
-- A conversation has at most one entry, kept in its hash c:<conversation>:
--   id     grows with every scheduling; with own and try it is the fence of a turn
--   state  R ready (waits in r:<bot>), P pending (a worker has it), W waits in due for its retry
--   n, by  size of the batch in flight, which is the first n of the mailbox, and who took it ('' nobody)
--   past   how calls of this turn to a model ended (ledger.lua)
--   e<message> k<message>  failures and crashes of a message; suspect: a crash was counted
local P = KEYS[1]
local MAILBOX, BATCH, BATCH_BYTES = 200, 20, 16384
local FAILURES, CRASHES, FEED = 5, 10, 1000
local HISTORY_MOST, HISTORY = 60, 40 -- elements, and what is left of more
local PAGE = 100 -- read of something long in one call
local KEEP = 30 * 24 * 3600 -- seconds without a turn after which history and state are forgotten

local function bot_of(conversation)
	return string.match(conversation, '^[^/]+')
end

-- kind, id, sender, thread, stored time of a wire message
local function head_of(wire)
	return string.match(wire, '^1\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(%d+)\n')
end

-- The chat of a wire message stands first in its JSON; one with odd letters is read as JSON.
local function chat_of(wire)
	local json = string.match(wire, '\n(.*)$') or ''
	local chat = string.match(json, '^{"chat":"([^"\\]*)"')
	if chat then
		return chat
	end
	local ok, body = pcall(cjson.decode, json)
	return ok and type(body) == 'table' and type(body.chat) == 'string' and body.chat or ''
end

-- Some of a hash (HSCAN) or sorted set (ZSCAN), each with what stands beside it. The cursor where it goes on; '' at its end,
-- and for what was read to its end before.
local function page(scan, key, cursor, each)
	if cursor == '' then
		return ''
	end
	local found = redis.call(scan, P .. key, cursor, 'COUNT', PAGE)
	for i = 1, #found[2], 2 do
		each(found[2][i], found[2][i + 1])
	end
	return found[1] == '0' and '' or found[1]
end

-- What drains the queue must run while Redis is full, or it stays full for ever: after a first write that needs
-- no room Redis lets the rest of a script pass. Who only takes in does not say this.
local function even_when_full()
	redis.call('DEL', P .. 'nothing')
end

-- A chat whose time has come stands behind those that came before: far less than any time, and always growing.
local function turn_of_chat()
	return redis.call('INCR', P .. 'seq')
end

-- What post.lua noted of a reply runs out from the moment it leaves its list.
local function let_note_expire(bot, reply)
	local note = P .. 'p:' .. bot .. ':' .. reply
	local keep = redis.call('GET', note)
	if keep then
		redis.call('EXPIRE', note, keep)
	end
end

local function put_out(bot, chat, reply)
	redis.call('RPUSH', P .. 'o:' .. bot .. ':' .. chat, reply)
	redis.call('ZADD', P .. 'w:' .. bot, 'NX', turn_of_chat(), chat)
	redis.call('PUBLISH', P .. 'send', bot)
end

-- A new entry, ready for any worker.
local function schedule(conversation)
	local bot, c = bot_of(conversation), P .. 'c:' .. conversation
	local id = redis.call('INCR', P .. 'seq')
	redis.call('HSET', c, 'id', id, 'state', 'R')
	redis.call('HDEL', c, 'own', 'try', 'beat', 'past')
	local _, _, _, _, stored = head_of(redis.call('LINDEX', P .. 'm:' .. conversation, 0) or '')
	redis.call('ZADD', P .. 'age', stored or 0, conversation)
	if redis.call('RPUSH', P .. 'r:' .. bot, conversation) == 1 then
		redis.call('RPUSH', P .. 'ring', bot)
	end
	redis.call('PUBLISH', P .. 'ready', '')
end

local function unschedule(conversation)
	redis.call('DEL', P .. 'c:' .. conversation)
	redis.call('ZREM', P .. 'age', conversation)
end

-- Its entry waits for no worker any more, nor for a retry.
local function call_off(conversation)
	local bot = bot_of(conversation)
	redis.call('LREM', P .. 'r:' .. bot, 1, conversation)
	if redis.call('EXISTS', P .. 'r:' .. bot) == 0 then
		redis.call('LREM', P .. 'ring', 0, bot)
	end
	redis.call('ZREM', P .. 'due', 'c:' .. conversation)
end

-- The pending entry has ended: once more where mail waits, else nothing is left of it.
local function finish(conversation)
	redis.call('SREM', P .. 'pend', conversation)
	if redis.call('LLEN', P .. 'm:' .. conversation) > 0 then
		schedule(conversation)
	else
		unschedule(conversation)
	end
end

-- Does this consumer hold this try of this entry?
local function holds(conversation, id, consumer, try)
	local e = redis.call('HMGET', P .. 'c:' .. conversation, 'id', 'state', 'own', 'try')
	return e[1] == id and e[2] == 'P' and e[3] == consumer and e[4] == try
end

-- The conversation of a fence written as one text, where its turn is still held.
local function held(fence)
	local conversation, id, consumer, try = string.match(fence, '^([^\t]+)\t(%d+)\t([^\t]+)\t(%d+)$')
	return conversation and holds(conversation, id, consumer, try) and conversation
end

-- Must the batch run alone in this consumer's process? A crash was counted for it, or will be by its take: it is in
-- flight under another's name.
local function is_suspect(conversation, consumer)
	local e = redis.call('HMGET', P .. 'c:' .. conversation, 'suspect', 'n', 'by')
	return (e[1] or (tonumber(e[2] or 0) > 0 and e[3] and e[3] ~= '' and e[3] ~= consumer)) and '1' or '0'
end

-- Appends a message that was accepted, and schedules its conversation where it was not.
local function store(conversation, wire)
	redis.call('RPUSH', P .. 'm:' .. conversation, wire)
	redis.call('HINCRBY', P .. 'depth', bot_of(conversation), 1)
	if redis.call('HEXISTS', P .. 'c:' .. conversation, 'id') == 0 then
		schedule(conversation)
	end
end

-- Of messages that leave the mailbox: what was counted for them.
local function forget(conversation, wires)
	if #wires == 0 then
		return
	end
	for _, wire in ipairs(wires) do
		local _, id = head_of(wire)
		redis.call('HDEL', P .. 'c:' .. conversation, 'e' .. (id or ''), 'k' .. (id or ''))
	end
	redis.call('HINCRBY', P .. 'depth', bot_of(conversation), -#wires)
end

-- Another message leads the mailbox: it is suspect where a crash was counted for it too.
local function suspect_head(conversation)
	local c = P .. 'c:' .. conversation
	if redis.call('HEXISTS', c, 'suspect') == 1 then
		local _, id = head_of(redis.call('LINDEX', P .. 'm:' .. conversation, 0) or '')
		if not id or redis.call('HEXISTS', c, 'k' .. id) == 0 then
			redis.call('HDEL', c, 'suspect')
		end
	end
end

-- Removes the first n messages of the mailbox and all that was counted for them.
local function drop(conversation, n)
	if n == 0 then
		return
	end
	local c, m = P .. 'c:' .. conversation, P .. 'm:' .. conversation
	forget(conversation, redis.call('LRANGE', m, 0, n - 1))
	redis.call('LTRIM', m, n, -1)
	redis.call('HDEL', c, 'n', 'by', 'full')
	suspect_head(conversation)
	redis.call('HDEL', P .. 'open', conversation)
end

-- Keeps what will not be tried again: kind 'message' or 'reply'.
local function bury(kind, bot, place, reason, now, data)
	local id = redis.call('INCR', P .. 'deadseq')
	redis.call('HSET', P .. 'dead', id, cjson.encode({
		kind = kind, bot = bot, place = place, reason = reason, at = tonumber(now), data = data }))
	redis.call('HINCRBY', P .. 'buried', bot, 1)
end

-- Plans an item: times are Unix ms in ascending order. A stored time is only made earlier, never forgotten.
local function plan(id, bot, conversation, wire, times)
	if #times == 0 then
		return
	end
	local first = redis.call('ZSCORE', P .. 'due', 'i:' .. id)
	redis.call('HSET', P .. 'i:' .. id, 'bot', bot, 'conversation', conversation, 'wire', wire)
	if first and tonumber(first) <= tonumber(times[1]) then
		local kept = { first }
		for _, t in ipairs(times) do
			if tonumber(t) > tonumber(first) then
				kept[#kept + 1] = t
			end
		end
		times = kept
	end
	redis.call('HSET', P .. 'i:' .. id, 'times', table.concat(times, ' '))
	redis.call('ZADD', P .. 'due', times[1], 'i:' .. id)
end
