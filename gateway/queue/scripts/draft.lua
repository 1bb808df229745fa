-- draft: consumer, conversation, id, try, row, the chat in whose out list it stands ('': it is shown at any time). The row
-- outlives its worker, so that a later try goes on with it.
-- People see the answers of a chat in order: one whose first words come while earlier replies still wait to be sent is not
-- shown before they landed (out.lua). Then every answer before it in its conversation has landed, and what comes into the
-- list from there on is behind it.
local conversation, row, chat = ARGV[2], ARGV[5], ARGV[6]
if not holds(conversation, ARGV[3], ARGV[1], ARGV[4]) then
	return 'stale'
end
local is_first = redis.call('HSET', P .. 'open', conversation, row) == 1
if chat ~= '' then
	local place = bot_of(conversation) .. ':' .. chat
	if redis.call('EXISTS', P .. 'o:' .. place) == 1
		and (is_first or redis.call('SISMEMBER', P .. 'late:' .. place, conversation) == 1) then
		redis.call('SADD', P .. 'late:' .. place, conversation)
		return 'ok'
	end
end
redis.call('PUBLISH', P .. 'draft', row)
return 'ok'
