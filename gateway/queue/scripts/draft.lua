-- draft: consumer, conversation, id, try, row. The row outlives its worker, so that a later try goes on with it.
if not holds(ARGV[2], ARGV[3], ARGV[1], ARGV[4]) then
	return 'stale'
end
redis.call('HSET', P .. 'open', ARGV[2], ARGV[5])
redis.call('PUBLISH', P .. 'draft', ARGV[5])
return 'ok'
