-- present: action, gateway, ... Which gateways there are, to share links: each counts its beat up, and who does not for long
-- is taken out by the others. A copy that comes late does no more than to let a row stand for a while.
local action, gateway, here = ARGV[1], ARGV[2], P .. 'here'
even_when_full()
if action == 'leave' then
	redis.call('HDEL', here, gateway)
	return {}
end
redis.call('HINCRBY', here, gateway, 1)
for i = 3, #ARGV, 2 do -- gateway, the beat at which it stood still
	if redis.call('HGET', here, ARGV[i]) == ARGV[i + 1] then
		redis.call('HDEL', here, ARGV[i])
	end
end
return redis.call('HGETALL', here)
