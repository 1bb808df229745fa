-- done: consumer, conversation, id, try, size of the batch, state ('' as it was), forget history, counts of history
-- elements, replies and due items, chat enabled, chat disabled ('' none), then these: element | chat, reply | id, bot,
-- conversation, wire, times
local conversation = ARGV[2]
local n = tonumber(redis.call('HGET', P .. 'c:' .. conversation, 'n') or 0)
-- A Redis that lost its last second has forgotten the take: that answer belongs to no batch in flight.
if not holds(conversation, ARGV[3], ARGV[1], ARGV[4]) or (ARGV[5] ~= '0' and tonumber(ARGV[5]) ~= n) then
	return 'stale'
end
even_when_full()
local bot, h, s = bot_of(conversation), P .. 'h:' .. conversation, P .. 's:' .. conversation
drop(conversation, n)
if ARGV[6] ~= '' then
	redis.call('SET', s, ARGV[6])
end
redis.call('EXPIRE', s, KEEP)
if ARGV[7] == '1' then
	redis.call('DEL', h)
end
if ARGV[11] ~= '' then
	redis.call('SADD', P .. 'g:' .. bot, ARGV[11])
end
if ARGV[12] ~= '' then
	redis.call('SREM', P .. 'g:' .. bot, ARGV[12])
end
local at = 13
for _ = 1, tonumber(ARGV[8]) do
	redis.call('RPUSH', h, ARGV[at])
	at = at + 1
end
-- Cut in blocks: between two cuts a prompt begins as the one before did, which a provider's cache pays for.
if ARGV[8] ~= '0' and redis.call('LLEN', h) > HISTORY_MOST then
	redis.call('LTRIM', h, -HISTORY, -1)
end
redis.call('EXPIRE', h, KEEP)
for _ = 1, tonumber(ARGV[9]) do
	put_out(bot, ARGV[at], ARGV[at + 1])
	at = at + 2
end
for _ = 1, tonumber(ARGV[10]) do
	local times = {}
	for t in string.gmatch(ARGV[at + 4], '%d+') do
		times[#times + 1] = t
	end
	plan(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], times)
	at = at + 5
end
finish(conversation)
return 'ok'
