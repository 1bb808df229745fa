-- lease: action, gateway, ... A row never expires and its epoch only grows: "gateway epoch beat kicked_until".
local action, gateway, lease = ARGV[1], ARGV[2], P .. 'lease'
if action ~= 'look' then
	even_when_full()
end

local function row_of(link)
	local row = redis.call('HGET', lease, link) or '- 0 0 0'
	local owner, epoch, beat, kicked = string.match(row, '^(%S+) (%d+) (%d+) (%d+)$')
	return owner, epoch, beat, kicked, row
end
local function write(link, owner, epoch, beat, kicked)
	redis.call('HSET', lease, link, string.format('%s %s %s %s', owner, epoch, beat, kicked))
end

if action == 'look' then
	return redis.call('HGETALL', lease)
elseif action == 'take' then -- link, the row as it was seen
	local _, epoch, _, kicked, row = row_of(ARGV[3])
	if row ~= ARGV[4] then
		return { 'changed', row }
	end
	epoch = string.format('%d', tonumber(epoch) + 1)
	write(ARGV[3], gateway, epoch, 0, kicked)
	return { 'ok', epoch, kicked }
elseif action == 'renew' then -- link, epoch, link, epoch ...: those that are no longer ours are named
	local lost = {}
	for i = 3, #ARGV, 2 do
		local owner, epoch, beat, kicked = row_of(ARGV[i])
		if owner == gateway and epoch == ARGV[i + 1] then
			write(ARGV[i], owner, epoch, string.format('%d', tonumber(beat) + 1), kicked)
		else
			lost[#lost + 1] = ARGV[i]
		end
	end
	return lost
end
-- release, kick: link, epoch, kicked until. The epoch stays.
local owner, epoch, beat, kicked = row_of(ARGV[3])
if owner ~= gateway or epoch ~= ARGV[4] then
	return { 'stale' }
end
if action == 'release' then
	write(ARGV[3], '-', epoch, beat, kicked)
else
	write(ARGV[3], owner, epoch, beat, ARGV[5])
end
return { 'ok' }
