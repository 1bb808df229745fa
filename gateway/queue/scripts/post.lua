-- post: bot, seconds, then chat, reply ... What a bot says of its own accord. Each is known by its id from here on, while
-- it stands in its list and for so long after (out.lua lets the note expire).
local bot = ARGV[1]
even_when_full() -- that Redis is full is what a notice may say
for i = 3, #ARGV, 2 do
	if redis.call('SET', P .. 'p:' .. bot .. ':' .. string.sub(ARGV[i + 1], 1, 32), ARGV[2], 'NX') then
		put_out(bot, ARGV[i], ARGV[i + 1])
	end
end
return 'ok'
