-- sweep: what stands open of calls, for whoever watches for those that nobody will close.
local action = ARGV[1]

if action == 'state' then -- call: is it open here, was it closed (and what of its customer's), swept, or is it not known
	if redis.call('HEXISTS', P .. 'calls', ARGV[2]) == 1 then
		return { 'open' }
	end
	local closed = redis.call('GET', P .. 'closed:' .. ARGV[2])
	if closed then
		return { 'closed', closed }
	end
	return { redis.call('EXISTS', P .. 'swept:' .. ARGV[2]) == 1 and 'swept' or 'gone' }
end

-- look: cursor of calls, cursor of holds; '' for what was read to its end. Calls whose turn is not held: call, stored
-- text; all holds: call, bot.
local calls, holds = {}, {}
local next_call = page('HSCAN', 'calls', ARGV[2], function(call, stored)
	if not held(string.match(stored, '^[^\n]*')) then
		calls[#calls + 1] = call
		calls[#calls + 1] = stored
	end
end)
local next_hold = page('HSCAN', 'holds', ARGV[3], function(call, stored)
	holds[#holds + 1] = call
	holds[#holds + 1] = string.match(stored, '^[^\t]*')
end)
return { next_call, calls, next_hold, holds }
