-- pending: every entry a worker has: conversation, id, own, try, beat
local out = {}
for _, conversation in ipairs(redis.call('SMEMBERS', P .. 'pend')) do
	local e = redis.call('HMGET', P .. 'c:' .. conversation, 'id', 'own', 'try', 'beat')
	if e[1] and e[2] then
		out[#out + 1] = { conversation, e[1], e[2], e[3], e[4] }
	end
end
return out
