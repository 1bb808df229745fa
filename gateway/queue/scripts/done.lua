-- done: consumer, conversation, id, try, state ('' as it was), forget history, counts of history elements,
-- replies and due items, then these: element | chat, reply | id, bot, conversation, wire, times
local conversation = ARGV[2]
if not holds(conversation, ARGV[3], ARGV[1], ARGV[4]) then
	return 'stale'
end
even_when_full()
local bot, h, s = bot_of(conversation), P .. 'h:' .. conversation, P .. 's:' .. conversation
drop(conversation, tonumber(redis.call('HGET', P .. 'c:' .. conversation, 'n') or 0))
if ARGV[5] ~= '' then
	redis.call('SET', s, ARGV[5])
end
redis.call('EXPIRE', s, KEEP)
if ARGV[6] == '1' then
	redis.call('DEL', h)
end
local at = 10
for _ = 1, tonumber(ARGV[7]) do
	redis.call('RPUSH', h, ARGV[at])
	at = at + 1
end
if ARGV[7] ~= '0' then
	redis.call('LTRIM', h, -HISTORY, -1)
end
redis.call('EXPIRE', h, KEEP)
for _ = 1, tonumber(ARGV[8]) do
	put_out(bot, ARGV[at], ARGV[at + 1])
	at = at + 2
end
for _ = 1, tonumber(ARGV[9]) do
	local times = {}
	for t in string.gmatch(ARGV[at + 4], '%d+') do
		times[#times + 1] = t
	end
	plan(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], times)
	at = at + 5
end
finish(conversation)
return 'ok'
