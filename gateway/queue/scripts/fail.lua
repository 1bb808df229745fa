-- fail: consumer, conversation, id, try, reason, retry time, now, chat, apology, notice
local conversation = ARGV[2]
if not holds(conversation, ARGV[3], ARGV[1], ARGV[4]) then
	return 'stale'
end
even_when_full()
local bot, c, m = bot_of(conversation), P .. 'c:' .. conversation, P .. 'm:' .. conversation
local n = tonumber(redis.call('HGET', c, 'n') or 0)
if redis.call('LLEN', m) == 0 then -- withdrawn before it was taken: there is nothing to try again
	finish(conversation)
	return 'ok'
end
local batch = n > 0 and redis.call('LRANGE', m, 0, n - 1) or {} -- nothing was taken: nothing is counted
local worst = 0
for _, wire in ipairs(batch) do
	local _, id = head_of(wire)
	worst = math.max(worst, redis.call('HINCRBY', c, 'e' .. id, 1))
end
if worst == 1 and ARGV[9] ~= '' then
	put_out(bot, ARGV[8], ARGV[9])
end
if n == 1 and worst >= FAILURES then
	bury('message', bot, conversation, ARGV[5], ARGV[7], batch[1])
	drop(conversation, 1)
	if ARGV[10] ~= '' then
		put_out(bot, ARGV[8], ARGV[10])
	end
	finish(conversation)
	return 'dead'
end
redis.call('HSET', c, 'state', 'W')
redis.call('HDEL', c, 'n', 'by', 'own', 'try', 'beat')
redis.call('SREM', P .. 'pend', conversation)
redis.call('ZADD', P .. 'due', ARGV[6], 'c:' .. conversation)
return 'ok'
