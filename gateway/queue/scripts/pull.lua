-- pull: consumer, most entries, most of one bot, then bots to leave out
-- Bots with ready conversations stand in a ring and give one each in turn, so a busy one delays no other.
local skip, given, out = {}, {}, {}
even_when_full()
for i = 4, #ARGV do
	skip[ARGV[i]] = true
end
local most, each, passed = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
while #out < most and passed < redis.call('LLEN', P .. 'ring') do
	local bot = redis.call('LPOP', P .. 'ring')
	if skip[bot] or (given[bot] or 0) >= each then
		redis.call('RPUSH', P .. 'ring', bot)
		passed = passed + 1
	else
		local conversation = redis.call('LPOP', P .. 'r:' .. bot)
		if redis.call('EXISTS', P .. 'r:' .. bot) == 1 then
			redis.call('RPUSH', P .. 'ring', bot)
		end
		local c = P .. 'c:' .. (conversation or '')
		local e = redis.call('HMGET', c, 'id', 'state')
		if e[2] == 'R' then
			redis.call('HSET', c, 'state', 'P', 'own', ARGV[1], 'try', 1, 'beat', 0)
			redis.call('SADD', P .. 'pend', conversation)
			out[#out + 1] = { conversation, e[1], '1', is_suspect(conversation, ARGV[1]) }
			given[bot] = (given[bot] or 0) + 1
		end
		passed = 0
	end
end
return out
