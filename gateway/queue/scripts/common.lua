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
local KEEP = 30 * 24 * 3600 -- seconds without a turn after which history and state are forgotten

local function bot_of(conversation)
	return string.match(conversation, '^[^/]+')
end

-- kind, id, sender, thread, stored time of a wire message
local function head_of(wire)
	return string.match(wire, '^1\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(%d+)\n')
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

-- Removes the first n messages of the mailbox and all that was counted for them. The next one stays suspect where
-- a crash was counted for it too.
local function drop(conversation, n)
	if n == 0 then
		return
	end
	local c, m = P .. 'c:' .. conversation, P .. 'm:' .. conversation
	for _, wire in ipairs(redis.call('LRANGE', m, 0, n - 1)) do
		local _, id = head_of(wire)
		redis.call('HDEL', c, 'e' .. (id or ''), 'k' .. (id or ''))
	end
	redis.call('LTRIM', m, n, -1)
	redis.call('HDEL', c, 'n', 'by', 'full')
	if redis.call('HEXISTS', c, 'suspect') == 1 then
		local _, id = head_of(redis.call('LINDEX', m, 0) or '')
		if not id or redis.call('HEXISTS', c, 'k' .. id) == 0 then
			redis.call('HDEL', c, 'suspect')
		end
	end
	redis.call('HDEL', P .. 'open', conversation)
	redis.call('HINCRBY', P .. 'depth', bot_of(conversation), -n)
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
