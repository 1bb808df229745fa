-- admin: action, ... What people do by hand, and what the metrics read.
local action = ARGV[1]

if action == 'depth' then -- waiting messages by bot, oldest stored time, entries: ready + pending, dead letters by bot
	local oldest = redis.call('ZRANGE', P .. 'age', 0, 0, 'WITHSCORES')
	return { redis.call('HGETALL', P .. 'depth'), oldest[2] or '', redis.call('ZCARD', P .. 'age'),
		redis.call('SCARD', P .. 'pend'), redis.call('HLEN', P .. 'dead'), redis.call('HGETALL', P .. 'buried') }
elseif action == 'bots' then -- a row each: bot, messages, oldest stored time, conversations, those a worker has
	local rows, of = {}, {}
	local age = redis.call('ZRANGE', P .. 'age', 0, -1, 'WITHSCORES')
	for i = 1, #age, 2 do
		local bot = bot_of(age[i])
		if not of[bot] then
			of[bot] = { bot, 0, age[i + 1], 0, 0 }
			rows[#rows + 1] = of[bot]
		end
		local row = of[bot]
		row[2] = row[2] + redis.call('LLEN', P .. 'm:' .. age[i])
		row[4] = row[4] + 1
		row[5] = row[5] + redis.call('SISMEMBER', P .. 'pend', age[i])
	end
	return rows
elseif action == 'retry' or action == 'drop' then -- id
	local letter = redis.call('HGET', P .. 'dead', ARGV[2])
	if not letter then
		return 'none'
	end
	local d = action == 'retry' and cjson.decode(letter)
	redis.call('HDEL', P .. 'dead', ARGV[2])
	if d and d.kind == 'message' then
		store(d.place, d.data)
	elseif d then
		put_out(d.bot, d.place, d.data)
	end
	return 'ok'
elseif action == 'flag' then -- bot, name, '1' or '0'
	if ARGV[4] == '1' then
		redis.call('HSET', P .. 'b:' .. ARGV[2], ARGV[3], 1)
	else
		redis.call('HDEL', P .. 'b:' .. ARGV[2], ARGV[3])
	end
	return 'ok'
elseif action == 'recount' then -- repair. Bots whose counted depth is not what their mailboxes hold
	local held, wrong, counted = {}, {}, redis.call('HGETALL', P .. 'depth')
	for _, conversation in ipairs(redis.call('ZRANGE', P .. 'age', 0, -1)) do
		local bot = bot_of(conversation)
		held[bot] = (held[bot] or 0) + redis.call('LLEN', P .. 'm:' .. conversation)
	end
	for i = 1, #counted, 2 do
		held[counted[i]] = held[counted[i]] or 0
	end
	for bot, n in pairs(held) do
		if tonumber(redis.call('HGET', P .. 'depth', bot) or 0) ~= n then
			wrong[#wrong + 1] = bot
			if ARGV[2] == '1' then
				redis.call('HSET', P .. 'depth', bot, n)
			end
		end
	end
	return wrong
elseif action == 'book' then -- repair. Open calls and holds that nobody can read, so that nobody would end them
	local wrong = {}
	for _, kind in ipairs({ { 'calls', '^[^\n]*\n[^\n]*\n{' }, { 'holds', '^[^\t]+\t[^\t]+\t%d+$' } }) do
		local all = redis.call('HGETALL', P .. kind[1])
		for i = 1, #all, 2 do
			if not string.find(all[i + 1], kind[2]) then
				wrong[#wrong + 1] = all[i]
				if ARGV[2] == '1' then
					redis.call('HDEL', P .. kind[1], all[i])
				end
			end
		end
	end
	return wrong
end

-- check: repair, conversations. Those with which something is wrong, and what; repaired by scheduling them anew,
-- which costs at most one turn that is under way.
local function ready_times(bot, conversation)
	return #redis.call('LPOS', P .. 'r:' .. bot, conversation, 'COUNT', 0)
end

local function what_is_wrong(conversation)
	local bot, c = bot_of(conversation), P .. 'c:' .. conversation
	local mail = redis.call('LLEN', P .. 'm:' .. conversation)
	local e = redis.call('HMGET', c, 'state', 'id', 'own', 'n')
	local ready, pending = ready_times(bot, conversation), redis.call('SISMEMBER', P .. 'pend', conversation)
	local planned = redis.call('ZSCORE', P .. 'due', 'c:' .. conversation)
	if mail == 0 then
		local left = redis.call('EXISTS', c) + ready + pending
		-- withdrawn after it was pulled: who has it finds that out
		local is_pulled = e[1] == 'P' and pending == 1 and ready == 0 and tonumber(e[4] or 0) == 0
		return (left > 0 or planned) and not is_pulled and 'scheduled, but no mail waits' or nil
	elseif not e[1] or not e[2] then
		return 'mail waits and nothing is scheduled'
	elseif not redis.call('ZSCORE', P .. 'age', conversation) then
		return 'scheduled, but not counted as waiting'
	elseif tonumber(e[4] or 0) > mail then
		return 'more is in flight than the mailbox holds'
	elseif ready ~= (e[1] == 'R' and 1 or 0) then
		return e[1] == 'R' and 'ready, but not once in the list of its bot' or 'in the ready list, but not ready'
	elseif e[1] == 'R' and #redis.call('LPOS', P .. 'ring', bot, 'COUNT', 0) ~= 1 then
		return 'its bot does not stand once in the ring'
	elseif pending ~= (e[1] == 'P' and 1 or 0) or (e[1] == 'P' and not e[3]) then
		return e[1] == 'P' and 'pending, but nobody watches it' or 'watched, but not pending'
	elseif (e[1] == 'W') ~= (planned and true or false) then
		return e[1] == 'W' and 'waits for a retry that is not planned' or 'a retry is planned, but it does not wait'
	end
end

local function repair(conversation)
	local bot = bot_of(conversation)
	redis.call('LREM', P .. 'r:' .. bot, 0, conversation)
	redis.call('SREM', P .. 'pend', conversation)
	redis.call('ZREM', P .. 'due', 'c:' .. conversation)
	redis.call('HDEL', P .. 'c:' .. conversation, 'by', 'n')
	redis.call('LREM', P .. 'ring', 0, bot)
	if redis.call('EXISTS', P .. 'r:' .. bot) == 1 then
		redis.call('RPUSH', P .. 'ring', bot)
	end
	finish(conversation)
end

local out = {}
for i = 3, #ARGV do
	local wrong = what_is_wrong(ARGV[i])
	if wrong then
		out[#out + 1] = { ARGV[i], wrong }
		if ARGV[2] == '1' then
			repair(ARGV[i])
		end
	end
end
return out
