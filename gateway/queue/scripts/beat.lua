-- beat: consumer, conversation, id, try
if not holds(ARGV[2], ARGV[3], ARGV[1], ARGV[4]) then
	return 'stale'
end
even_when_full()
redis.call('HINCRBY', P .. 'c:' .. ARGV[2], 'beat', 1)
return 'ok'
