-- withdraw: bot, chat, message id, window ms, is an end wanted, the end ('' until it was asked for). What waits is taken
-- back; what a turn holds, or held, stays. Delivered from here on, for the first time or again, it is no message any more.
local bot, chat, id = ARGV[1], ARGV[2], ARGV[3]
local key = P .. 'd:' .. bot .. ':' .. id
local first = redis.call('GET', key)
if not first then
	redis.call('SET', key, 'withdrawn', 'PX', ARGV[4])
	return { 'ok' }
end
local rest = string.match(first, '^stored(.*)$')
if not rest then -- refused, or withdrawn before
	return { 'ok' }
end
even_when_full()
local conversation = bot .. '/' .. chat .. rest
local c, m = P .. 'c:' .. conversation, P .. 'm:' .. conversation

-- Where it stands in the mailbox behind the batch in flight, and its wire form.
local function find()
	local n = tonumber(redis.call('HGET', c, 'n') or 0)
	for i, wire in ipairs(redis.call('LRANGE', m, n, -1)) do
		local _, its = head_of(wire)
		if its == id then
			return n + i - 1, wire
		end
	end
end

-- The first that waited went: the entry that was made for it goes on with the next one. Who has it pending sees that itself.
local function lead_on()
	suspect_head(conversation)
	redis.call('HDEL', P .. 'open', conversation)
	local state = redis.call('HGET', c, 'state')
	local _, _, _, _, stored = head_of(redis.call('LINDEX', m, 0) or '')
	if stored then
		redis.call('ZADD', P .. 'age', 'XX', stored, conversation)
	end
	if state == 'W' or (state == 'R' and not stored) then
		call_off(conversation)
		finish(conversation)
	end
end

local at, wire = find()
if not at then
	return { 'ok' }
elseif ARGV[5] == '1' and ARGV[6] == '' then -- it is shown as open: asks for the reply that ends it
	return { 'found', conversation, wire }
end
redis.call('SET', key, 'withdrawn', 'XX', 'KEEPTTL')
redis.call('LSET', m, at, '')
redis.call('LREM', m, -1, '')
forget(conversation, { wire })
redis.call('HDEL', c, 'full')
if at == 0 then
	lead_on()
end
if ARGV[6] ~= '' then
	put_out(bot, chat, ARGV[6])
end
return { 'ok' }
