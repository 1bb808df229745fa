-- due: now, most. Retries become ready. Of an item's times that have passed the latest is made, the earlier ones
-- are counted as missed; each takes its key, so that no clock set back makes one twice.
local now, moved = tonumber(ARGV[1]), 0
even_when_full()
for _, member in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', now, 'LIMIT', 0, ARGV[2])) do
	moved = moved + 1
	local kind, name = string.sub(member, 1, 2), string.sub(member, 3)
	if kind == 'c:' then
		redis.call('ZREM', P .. 'due', member)
		if redis.call('HGET', P .. 'c:' .. name, 'state') == 'W' then
			schedule(name)
		end
	else
		local i = redis.call('HMGET', P .. 'i:' .. name, 'bot', 'conversation', 'wire', 'times')
		local past, later = {}, {}
		for t in string.gmatch(i[4] or '', '%d+') do
			local list = tonumber(t) <= now and past or later
			list[#list + 1] = t
		end
		for k, t in ipairs(past) do
			local key = P .. 'd:' .. i[1] .. ':due:' .. name .. ':' .. t
			if redis.call('SET', key, 'stored', 'NX', 'EX', 7 * 24 * 3600) then
				if k == #past then
					store(i[2], (string.gsub(i[3], '%%TIME%%', t)))
				else
					redis.call('HINCRBY', P .. 'i:' .. name, 'missed', 1)
				end
			end
		end
		if #later > 0 then
			redis.call('HSET', P .. 'i:' .. name, 'times', table.concat(later, ' '))
			redis.call('ZADD', P .. 'due', later[1], member)
		else
			redis.call('ZREM', P .. 'due', member)
			redis.call('DEL', P .. 'i:' .. name)
		end
	end
end
return moved
