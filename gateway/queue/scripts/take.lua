-- take: consumer, conversation, id, try, now
local consumer, conversation = ARGV[1], ARGV[2]
if not holds(conversation, ARGV[3], consumer, ARGV[4]) then
	return { 'stale' }
end
even_when_full()
local bot, c, m = bot_of(conversation), P .. 'c:' .. conversation, P .. 'm:' .. conversation
local batch = redis.call('HMGET', c, 'n', 'by')
local n, by = tonumber(batch[1] or 0), batch[2] or ''

-- A batch found under another name: whoever took it crashed, or seemed to.
if n > 0 and by ~= '' and by ~= consumer then
	for _, wire in ipairs(redis.call('LRANGE', m, 0, n - 1)) do
		local _, id = head_of(wire)
		redis.call('HINCRBY', c, 'k' .. id, 1)
	end
	redis.call('HSET', c, 'suspect', 1)
end

local waiting = redis.call('LRANGE', m, 0, BATCH - 1)
local kind, id, sender, thread
while #waiting > 0 do
	kind, id, sender, thread = head_of(waiting[1])
	if kind and tonumber(redis.call('HGET', c, 'k' .. id) or 0) <= CRASHES then
		break
	end
	bury('message', bot, conversation, kind and 'crash' or 'damaged', ARGV[5], waiting[1])
	drop(conversation, 1)
	n, waiting = 0, redis.call('LRANGE', m, 0, BATCH - 1)
end
if #waiting == 0 then
	finish(conversation)
	return { 'empty' }
end

local failures = tonumber(redis.call('HGET', c, 'e' .. id) or 0)
if failures >= 2 or redis.call('HEXISTS', c, 'k' .. id) == 1 then
	n = 1
elseif n == 0 then
	-- the leading run of one sender and one thread; what is not plain text travels alone
	n = 1
	local bytes = #waiting[1]
	while kind == '0' and n < #waiting do
		local k, _, s, t = head_of(waiting[n + 1])
		bytes = bytes + #waiting[n + 1]
		if k ~= '0' or s ~= sender or t ~= thread or bytes > BATCH_BYTES then
			break
		end
		n = n + 1
	end
end
redis.call('HSET', c, 'n', n, 'by', consumer)
local groups = P .. 'g:' .. bot
local enabled = redis.call('EXISTS', groups) == 1 and redis.call('SISMEMBER', groups, chat_of(waiting[1])) or 0
return { 'ok', failures, redis.call('HEXISTS', P .. 'b:' .. bot, 'paused'),
	redis.call('GET', P .. 's:' .. conversation) or '',
	table.concat(redis.call('LRANGE', P .. 'h:' .. conversation, 0, -1), '\n'),
	redis.call('LRANGE', m, 0, n - 1), enabled, redis.call('SISMEMBER', P .. 'a:' .. bot, sender) }
