-- hold: action, call, ... A customer's budget, which lies in another partition than the bots that draw on it: what a
-- call reserved of it stands in holds (call -> bot, counter, amount with tabs) until it is settled or released.
-- spent:<call> holds what the counter kept of a hold that a sweep took away, in case its call is closed after all.
local action, call = ARGV[1], ARGV[2]
local DAY = 24 * 3600
local NEAR = 0.8

local function correct(counter, change)
	if change ~= 0 and redis.call('EXISTS', P .. counter) == 1 then
		redis.call('INCRBY', P .. counter, string.format('%d', change))
	end
end

local _, counter, amount = string.match(redis.call('HGET', P .. 'holds', call) or '', '^([^\t]+)\t([^\t]+)\t(%d+)$')
local kept, left = string.match(redis.call('GET', P .. 'spent:' .. call) or '', '^([^\t]+)\t(%d+)$')

if action == 'hold' then -- bot, counter, amount, most
	if counter or (kept and left ~= '0') then
		return { 'ok' }
	elseif tonumber(redis.call('GET', P .. ARGV[4]) or 0) + tonumber(ARGV[5]) > tonumber(ARGV[6]) then
		return { 'denied' }
	end
	if redis.call('INCRBY', P .. ARGV[4], ARGV[5]) == tonumber(ARGV[5]) then
		redis.call('EXPIRE', P .. ARGV[4], 70 * DAY)
	end
	redis.call('HSET', P .. 'holds', call, ARGV[3] .. '\t' .. ARGV[4] .. '\t' .. ARGV[5])
	redis.call('DEL', P .. 'spent:' .. call)
	return { 'ok' }
end

even_when_full()
redis.call('HDEL', P .. 'holds', call)
if action == 'settle' then -- counter, what it really was, most, whether the bot's book has it
	if counter or kept then
		correct(counter or kept, (ARGV[6] == '1' and tonumber(ARGV[4]) or 0) - tonumber(amount or left))
		redis.call('DEL', P .. 'spent:' .. call)
	end
	local used = tonumber(redis.call('GET', P .. ARGV[3]) or 0)
	local wanted, most = (counter or kept) and 0 or tonumber(ARGV[4]), tonumber(ARGV[5])
	local is_near = used >= NEAR * most or used + wanted > most
	if most > 0 and is_near and redis.call('EXISTS', P .. 'told:' .. ARGV[3]) == 0 then
		return { 'ok', string.format('%d', used) }
	end
elseif counter then
	-- release: the bot's own limits refused. gone: no call of it is open. swept: it was closed at its estimate.
	-- closed (what it really was): who closed it came no further.
	if action ~= 'swept' then
		correct(counter, tonumber(action == 'closed' and ARGV[3] or 0) - tonumber(amount))
	end
	if action == 'gone' or action == 'swept' then
		redis.call('SET', P .. 'spent:' .. call, counter .. '\t' .. (action == 'swept' and amount or '0'), 'EX', DAY)
	end
end
return { 'ok' }
