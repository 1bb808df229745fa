-- give back: consumer, conversation, id, try. The batch stays in flight without a name; nothing is counted.
local conversation = ARGV[2]
if not holds(conversation, ARGV[3], ARGV[1], ARGV[4]) then
	return 'stale'
end
even_when_full()
redis.call('HSET', P .. 'c:' .. conversation, 'by', '')
redis.call('SREM', P .. 'pend', conversation)
schedule(conversation)
return 'ok'
