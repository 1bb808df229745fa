/* select.c - which bot a message is for, and whether it takes it up.
 *
 * A message that is not selected is acknowledged and goes no further: into no mailbox, history or prompt. Where
 * `chats` is empty any group may be one that an admin enabled: that is stored with the bot and known to the turn. */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

static bool contains_keyword(const struct qg_bot_config *config, const char *text)
{
	char *folded = qg_str_fold(text);
	bool found = false;
	for (size_t i = 0; i < config->keywords.count && !found; i++) {
		char *keyword = qg_str_fold(config->keywords.items[i]);
		/* no memory to know: an answer too many is better than a question lost */
		found = folded == NULL || keyword == NULL || strstr(folded, keyword) != NULL;
		free(keyword);
	}
	free(folded);
	return found;
}

static bool lists(const struct qg_bot_config *config, const char *chat)
{
	return qg_strings_has(&config->chats, chat);
}

static bool takes_the_rest(const struct qg_bot_config *config)
{
	return config->chats.count == 0;
}

bool select_serves(const struct qg_bot_config *config, enum qg_chat_type type, const char *chat)
{
	return type == QG_CHAT_DIRECT || config->any_chat || takes_the_rest(config) ||
	       strcmp(config->platform, "web") == 0 || lists(config, chat);
}

bool select_message(const struct qg_bot_config *config, const struct qg_message *message)
{
	if (!select_serves(config, message->chat_type, message->chat)) {
		return false;
	}
	if (message->chat_type == QG_CHAT_DIRECT || message->kind != QG_MESSAGE_TEXT ||
		message->mentions_bot) {
		return true;
	}
	return config->trigger == QG_TRIGGER_ALWAYS ||
	       (config->trigger == QG_TRIGGER_KEYWORDS && contains_keyword(config, message->text));
}

/* How well a bot of the account fits: the one that lists the group, else the one that takes the rest. */
static unsigned fitness(const struct qg_bot_config *config, const struct qg_message *message)
{
	if (message->chat_type == QG_CHAT_GROUP && lists(config, message->chat)) {
		return 2;
	}
	return takes_the_rest(config) ? 1 : 0;
}

bool select_shares(const struct bot *bot, const struct bot *heard)
{
	return bot->ready && !bot->gone && bot->bot.adapter == heard->bot.adapter &&
	       heard->account != NULL && qg_str_equal(bot->account, heard->account);
}

struct bot *select_bot(struct bot *heard, const struct qg_message *message)
{
	struct bot *best =
		heard; /* where it is gone, for it was changed and still hears: anyone is better */
	if (heard->account == NULL) {
		return best;
	}
	QG_LIST_FOR_EACH (item, &heard->gateway->bots) {
		struct bot *bot = QG_CONTAINER(item, struct bot, item);
		if (select_shares(bot, heard) &&
			(best->gone || fitness(bot->bot.config, message) >
					       fitness(best->bot.config, message))) {
			best = bot;
		}
	}
	return best;
}
