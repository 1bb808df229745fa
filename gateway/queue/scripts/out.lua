-- out: action, bot, fence, ... Everything an owner does with its bot's out lists. An older fence changes nothing.
local action, bot, fence = ARGV[1], ARGV[2], tonumber(ARGV[3])
local newest = tonumber(redis.call('HGET', P .. 'epoch', bot) or 0)
if action == 'adopt' then -- the link's epoch, link: before the first read of a new owner, who is told the fence
	-- Epochs of one link tell old from new. A bot that moved to another link begins with an epoch that says nothing
	-- about the former link's: who comes is newer.
	local epoch, by = fence, redis.call('HGET', P .. 'by', bot)
	local last, given, link = string.match(by or '', '^(%d+) (%d+) (.*)$')
	even_when_full()
	if link == ARGV[4] and epoch == tonumber(last) and newest == tonumber(given) then
		return { 'ok', given }
	elseif link == ARGV[4] and epoch <= tonumber(last) then
		return { 'stale' }
	end
	given = string.format('%d', math.max(epoch, newest + 1))
	redis.call('HSET', P .. 'epoch', bot, given)
	redis.call('HSET', P .. 'by', bot, ARGV[3] .. ' ' .. given .. ' ' .. ARGV[4])
	return { 'ok', given }
end
if fence < newest then
	return { 'stale' }
end
even_when_full()
local w = P .. 'w:' .. bot

if action == 'heads' then -- now, most, chats under way: the head of each other chat whose time has come
	local heads, now, most, busy = { 'ok' }, ARGV[4], tonumber(ARGV[5]), {}
	for i = 6, #ARGV do
		busy[ARGV[i]] = true
	end
	for _, chat in ipairs(redis.call('ZRANGEBYSCORE', w, '-inf', now, 'LIMIT', 0, most + #ARGV - 5)) do
		local free = #heads <= most and not busy[chat]
		local head = free and redis.call('LINDEX', P .. 'o:' .. bot .. ':' .. chat, 0)
		if head then
			local q = redis.call('HMGET', P .. 'q:' .. bot .. ':' .. chat, 'part', 'started', 'attempts', 'parts', 'form')
			heads[#heads + 1] = { chat, head, q[1] or '0', q[2] or '0', q[3] or '0', q[4] or '', q[5] or '0' }
		elseif free then
			redis.call('ZREM', w, chat)
		end
	end
	local later = redis.call('ZRANGEBYSCORE', w, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
	table.insert(heads, 2, later[2] or '')
	return heads
end

-- The others name the head they mean: chat, reply id, part. A head that is gone was landed before: a repeat.
local chat, reply, part = ARGV[4], ARGV[5], tonumber(ARGV[6])
local o, q = P .. 'o:' .. bot .. ':' .. chat, P .. 'q:' .. bot .. ':' .. chat
local head = redis.call('LINDEX', o, 0)
if not head or string.sub(head, 1, 32) ~= reply or part ~= tonumber(redis.call('HGET', q, 'part') or 0) then
	return { 'gone' }
end

-- Nothing waits in the chat any more: answers being made there that were held back show what they have so far.
local function show_late()
	local late = P .. 'late:' .. bot .. ':' .. chat
	for _, conversation in ipairs(redis.call('SMEMBERS', late)) do
		local row = redis.call('HGET', P .. 'open', conversation)
		if row and redis.call('HGET', P .. 'c:' .. conversation, 'state') == 'P' then
			redis.call('PUBLISH', P .. 'draft', row)
		end
	end
	redis.call('DEL', late)
end

local function pop()
	redis.call('LPOP', o)
	let_note_expire(bot, reply)
	redis.call('DEL', q)
	if redis.call('EXISTS', o) == 1 then
		redis.call('ZADD', w, turn_of_chat(), chat)
	else
		redis.call('ZREM', w, chat)
		show_late()
	end
end

if action == 'start' then -- parts: stored with the mark before the first call to the platform, or cut anew
	redis.call('HSET', q, 'part', part, 'started', 1)
	if ARGV[7] ~= '' then
		redis.call('HSET', q, 'parts', ARGV[7])
	end
elseif action == 'land' then -- last
	if ARGV[7] == '1' then
		pop()
	else
		redis.call('HSET', q, 'part', part + 1, 'started', 0, 'attempts', 0)
	end
elseif action == 'wait' then -- until, attempts, is there a call whose outcome is unknown, form
	redis.call('ZADD', w, 'XX', ARGV[7], chat)
	redis.call('HSET', q, 'attempts', ARGV[8], 'started', ARGV[9], 'form', ARGV[10])
elseif action == 'dead' then -- reason, now
	bury('reply', bot, chat, ARGV[7], ARGV[8], head)
	pop()
end
return { 'ok' }
