-- claim: consumer, conversation, id, own, try, beat as they were seen. Unchanged: the next try is ours.
local conversation, c = ARGV[2], P .. 'c:' .. ARGV[2]
if not holds(conversation, ARGV[3], ARGV[4], ARGV[5]) or redis.call('HGET', c, 'beat') ~= ARGV[6] then
	return { 'stale' }
end
even_when_full()
redis.call('HDEL', c, 'past')
redis.call('HSET', c, 'own', ARGV[1], 'try', tonumber(ARGV[5]) + 1, 'beat', 0)
return { 'ok', tostring(tonumber(ARGV[5]) + 1), is_suspect(conversation, ARGV[1]) }
