-- people: action, bot, ... Who became admin by a code, and which chats an admin enabled.
local action, bot = ARGV[1], ARGV[2]
local WRONG, KEEP_CODE = 5, 24 * 3600
local bind, admins = P .. 'bind:' .. bot, P .. 'a:' .. bot

if action == 'list' then
	return { redis.call('SMEMBERS', admins), redis.call('SMEMBERS', P .. 'g:' .. bot) }
end
local b = redis.call('HMGET', bind, 'digest', 'until', 'wrong', 'user', 'message', 'last')
if action == 'offer' then -- digest, until: replaces an earlier code; the same one again changes nothing
	if b[1] ~= ARGV[3] or b[2] ~= ARGV[4] then
		redis.call('DEL', bind)
		redis.call('HSET', bind, 'digest', ARGV[3], 'until', ARGV[4])
		redis.call('EXPIRE', bind, KEEP_CODE)
	end
	return { 'ok' }
end

-- try: user, digest, message, now. Used once, by one user with one message; the same again hears the same.
local user, digest, message = ARGV[3], ARGV[4], ARGV[5]
local this = user .. '\t' .. message
if b[4] then
	return { b[4] == user and b[5] == message and b[1] == digest and 'ok' or 'denied' }
elseif not b[1] or tonumber(b[3] or 0) >= WRONG or tonumber(ARGV[6]) > tonumber(b[2]) or b[6] == this then
	return { 'denied' }
elseif b[1] ~= digest then
	redis.call('HINCRBY', bind, 'wrong', 1)
	redis.call('HSET', bind, 'last', this)
	return { 'denied' }
end
redis.call('HSET', bind, 'user', user, 'message', message)
redis.call('SADD', admins, user)
return { 'ok' }
