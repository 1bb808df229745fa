-- give back: consumer, conversation, id, try. The batch stays in flight without a name; nothing is counted. A name
-- that is not ours stays on it: it stands for a crash that nobody has counted yet. Where nothing was taken all may have
-- been withdrawn meanwhile.
local conversation = ARGV[2]
if not holds(conversation, ARGV[3], ARGV[1], ARGV[4]) then
	return 'stale'
end
even_when_full()
if redis.call('HGET', P .. 'c:' .. conversation, 'by') == ARGV[1] then
	redis.call('HSET', P .. 'c:' .. conversation, 'by', '')
end
finish(conversation)
return 'ok'
