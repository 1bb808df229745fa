-- ledger: action, bot, call, ... A call from its reservation to its booking, and what was spent in sums.
--
-- A counter $... holds what was spent and is reserved of a budget. An open call stands in calls: its fence, what it
-- reserved (counter, amount, counter, amount ... with tabs) and its row, a line each. What a turn's calls came to is
-- noted beside the turn's fence ('past'): a copy of an opening that arrives late opens nothing.
local action, bot, call = ARGV[1], ARGV[2], ARGV[3]
local DAY = 24 * 3600
local NEAR = 0.8
local NONE = '0 0 0 0 0 0 0' -- calls, input, cached input, output, saved, CNY, USD
local FIGURES = '^' .. string.rep('(%-?%d+) ', 6) .. '(%-?%d+)$'

local function note(fence, outcome)
	local conversation = held(fence)
	if conversation then
		local c = P .. 'c:' .. conversation
		redis.call('HSET', c, 'past', (redis.call('HGET', c, 'past') or '') .. call .. outcome .. ';')
	end
end

-- How this call of the turn ended before: 'c' closed, else the number of the limit that refused it; nil: it did not.
local function past_of(conversation)
	local past = redis.call('HGET', P .. 'c:' .. conversation, 'past') or ''
	local _, last = string.find(past, call, 1, true)
	return last and string.sub(past, last + 1, last + 1)
end

-- What these counters hold, in their order; false where there is none.
local function values_of(counters)
	local keys = {}
	for i, counter in ipairs(counters) do
		keys[i] = P .. counter
	end
	return #keys > 0 and redis.call('MGET', unpack(keys)) or {}
end

-- Counters of a day are kept for three, those of a month for seventy: longer than any call takes to be closed.
local function reserve(counter, amount)
	if redis.call('INCRBY', P .. counter, amount) == tonumber(amount) then
		local period = string.match(counter, ':(%d+):%u+$') or ''
		redis.call('EXPIRE', P .. counter, #period == 8 and 3 * DAY or 70 * DAY)
	end
end

-- What was reserved becomes what was spent; without a figure it stays as it was. A counter that has expired is
-- nobody's any more, and must not come back without its end.
local function settle(reserves, spent)
	local counters, amounts = {}, {}
	for counter, amount in string.gmatch(reserves, '([^\t]+)\t(%d+)') do
		counters[#counters + 1], amounts[#amounts + 1] = counter, tonumber(amount)
	end
	for i, value in ipairs(values_of(counters)) do
		local change = (spent[counters[i]] or amounts[i]) - amounts[i]
		if value and change ~= 0 then
			redis.call('INCRBY', P .. counters[i], string.format('%d', change))
		end
	end
end

-- Whether the call stands in the book; limits that are nearly used up, or refuse what is wanted of them, while nobody
-- was told so: which, and what is used of it.
local function near(counters, mosts, wanted, is_booked)
	local out = { 'ok', is_booked and 1 or 0 }
	for i, value in ipairs(values_of(counters)) do
		local used, most = tonumber(value or 0), tonumber(mosts[i])
		local is_near = used >= NEAR * most or used + (wanted[counters[i]] or 0) > most
		if most > 0 and is_near and redis.call('EXISTS', P .. 'told:' .. counters[i]) == 0 then
			out[#out + 1], out[#out + 2] = i - 1, string.format('%d', used)
		end
	end
	return out
end

local function add(sum, used, sign)
	local a, b, c, d, e, f, g = string.match(sum, FIGURES)
	local h, i, j, k, l, m, n = string.match(used, FIGURES)
	if not a or not h then
		return h and used or sum -- damaged: begins anew
	end
	return string.format('%d %d %d %d %d %d %d', a + sign * h, b + sign * i, c + sign * j, d + sign * k,
		e + sign * l, f + sign * m, g + sign * n)
end

-- Puts a row into the book and adds what it used, less what an estimate of it had added.
local function record(row, day, chat, user, used, estimate)
	local key, scopes = P .. 'sum:' .. bot .. ':' .. day, { 'bot', 'c:' .. chat, 'u:' .. user }
	local sums, values = redis.call('HMGET', key, unpack(scopes)), {}
	used = estimate and add(used, estimate, -1) or used
	for i, scope in ipairs(scopes) do
		values[2 * i - 1], values[2 * i] = scope, add(sums[i] or NONE, used, 1)
	end
	redis.call('HSET', key, unpack(values))
	if not sums[1] then
		redis.call('EXPIRE', key, 70 * DAY)
	end
	redis.call('XADD', P .. 'ledger', '*', 'r', row)
end

if action == 'open' then -- consumer, conversation ('': no fence), id, try, row, then counter, amount, most of each
	local conversation, fence, counters, reserves = ARGV[5], '', {}, {}
	if conversation ~= '' then
		fence = table.concat({ conversation, ARGV[6], ARGV[4], ARGV[7] }, '\t')
		if not held(fence) then
			return { 'stale' }
		end
	end
	local past = conversation ~= '' and past_of(conversation)
	if past == 'c' or redis.call('HEXISTS', P .. 'calls', call) == 1 then
		return { 'ok' }
	elseif past then
		return { 'denied', past }
	end
	for i = 9, #ARGV, 3 do
		counters[#counters + 1] = ARGV[i]
	end
	for i, value in ipairs(values_of(counters)) do
		if tonumber(value or 0) + tonumber(ARGV[3 * i + 7]) > tonumber(ARGV[3 * i + 8]) then
			note(fence, i - 1)
			return { 'denied', i - 1 }
		end
	end
	for i = 9, #ARGV, 3 do
		reserve(ARGV[i], ARGV[i + 1])
		reserves[#reserves + 1] = ARGV[i] .. '\t' .. ARGV[i + 1]
	end
	redis.call('HSET', P .. 'calls', call, fence .. '\n' .. table.concat(reserves, '\t') .. '\n' .. ARGV[8])
	return { 'ok' }
end

even_when_full()
if action == 'close' then -- row, day, chat, user, used, a customer's part ('' none), then counter, what it really was, most
	local stored = redis.call('HGET', P .. 'calls', call)
	local swept = not stored and redis.call('GET', P .. 'swept:' .. call)
	local spent, counters, mosts = {}, {}, {}
	for i = 10, #ARGV, 3 do
		spent[ARGV[i]] = tonumber(ARGV[i + 1])
		counters[#counters + 1], mosts[#mosts + 1] = ARGV[i], ARGV[i + 2]
	end
	if (stored or swept) and ARGV[9] ~= '' then
		redis.call('SET', P .. 'closed:' .. call, ARGV[9], 'EX', DAY) -- for the sweep, should we go no further
	end
	if stored then
		local fence, reserves = string.match(stored, '^([^\n]*)\n([^\n]*)\n')
		note(fence or '', 'c')
		settle(reserves or '', spent)
		redis.call('HDEL', P .. 'calls', call)
		record(ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
	elseif swept then -- the true figures come after all
		local reserves, estimate = string.match(swept, '^([^\n]*)\n([^\n]*)$')
		settle(reserves, spent)
		redis.call('DEL', P .. 'swept:' .. call)
		record(ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], estimate)
	end
	-- A refused call is in no book, nor is one whose opening Redis forgot when it came back without its last moments.
	local is_booked = stored or swept or redis.call('EXISTS', P .. 'closed:' .. call) == 1
	return near(counters, mosts, not stored and not swept and spent or {}, is_booked)
elseif action == 'sweep' then -- row at its estimate ('': what stands there is no row), day, chat, user, used
	local stored = redis.call('HGET', P .. 'calls', call)
	local fence, reserves = string.match(stored or '', '^([^\n]*)\n([^\n]*)\n')
	if not stored or held(fence or '') then
		return { 'stale' }
	end
	redis.call('HDEL', P .. 'calls', call)
	if ARGV[4] ~= '' then
		redis.call('SET', P .. 'swept:' .. call, reserves .. '\n' .. ARGV[8], 'EX', DAY)
		record(ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
	end
	return { 'ok' }
elseif action == 'saved' then -- row, day, chat, user, used
	if redis.call('SET', P .. 'saved:' .. call, 1, 'NX', 'EX', 3 * DAY) then
		record(ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
	end
	return { 'ok' }
elseif action == 'tell' then -- chat, notice of each; here the call is a counter
	if redis.call('SET', P .. 'told:' .. call, 1, 'NX', 'EX', 70 * DAY) then
		for i = 4, #ARGV, 2 do
			put_out(bot, ARGV[i], ARGV[i + 1])
		end
	end
	return { 'ok' }
end

-- figures: chat, user; here the call is a day. Of the user's and the chat's day and month, and of the bot's month.
local user_day, user_month, chat_day, chat_month, bot_month = NONE, NONE, NONE, NONE, NONE
for d = 1, tonumber(string.sub(call, 7)) do
	local key = P .. 'sum:' .. bot .. ':' .. string.sub(call, 1, 6) .. string.format('%02d', d)
	local sums = redis.call('HMGET', key, 'u:' .. ARGV[5], 'c:' .. ARGV[4], 'bot')
	user_day, chat_day = sums[1] or NONE, sums[2] or NONE
	user_month, chat_month = add(user_month, user_day, 1), add(chat_month, chat_day, 1)
	bot_month = add(bot_month, sums[3] or NONE, 1)
end
return { 'ok', add(NONE, user_day, 1), user_month, add(NONE, chat_day, 1), chat_month, bot_month }
