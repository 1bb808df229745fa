-- drafts: bot, 1 for those alone that may be shown. The rows of answers that the bot is making.
local bot, rows = ARGV[1], {}
local function is_late(conversation, row)
	local ok, draft = pcall(cjson.decode, row)
	local chat = ok and type(draft) == 'table' and draft.chat
	return type(chat) ~= 'string'
		or redis.call('SISMEMBER', P .. 'late:' .. bot .. ':' .. chat, conversation) == 1
end
for _, conversation in ipairs(redis.call('HKEYS', P .. 'open')) do
	local row = bot_of(conversation) == bot and redis.call('HGET', P .. 'open', conversation)
	if row and not (ARGV[2] == '1' and is_late(conversation, row)) then
		rows[#rows + 1] = row
	end
end
return rows
