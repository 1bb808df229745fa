-- ingest: bot, conversation, message id, window ms, selected, wire, chat, refusal, feed event
local bot, conversation, id = ARGV[1], ARGV[2], ARGV[3]
local key = P .. 'd:' .. bot .. ':' .. id
-- The note says which of the chat's conversations has it: withdraw.lua is told the chat alone.
local stored = 'stored' .. string.sub(conversation, #bot + #ARGV[7] + 2)
if not redis.call('SET', key, stored, 'NX', 'PX', ARGV[4]) then
	local first = redis.call('GET', key)
	return { first == 'withdrawn' and first or 'duplicate', first }
end
local full = ARGV[5] == '1' and redis.call('LLEN', P .. 'm:' .. conversation) >= MAILBOX
if full then
	-- one refusal until there is room again; it is made only when it is asked for
	if redis.call('HEXISTS', P .. 'c:' .. conversation, 'full') == 0 then
		if ARGV[8] == '' then
			redis.call('DEL', key)
			return 'refusal'
		end
		redis.call('HSET', P .. 'c:' .. conversation, 'full', 1)
		put_out(bot, ARGV[7], ARGV[8])
	end
	redis.call('SET', key, 'full', 'XX', 'KEEPTTL')
end
if ARGV[9] ~= '' then -- a work group in the browser shows every message
	redis.call('XADD', P .. 'feed:' .. bot, 'MAXLEN', FEED, '*', 'e', 'message', 'd', ARGV[9])
	redis.call('PUBLISH', P .. 'feed', bot)
end
if full then
	return 'full'
end
if ARGV[5] == '1' then
	store(conversation, ARGV[6])
end
return 'stored'
