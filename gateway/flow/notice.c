/* notice.c - tells a bot's admins of a reply that could not be delivered.
 *
 * A notice is a reply of the bot's own to each admin, by name of the dead one: the same again while it stands in the
 * out list is no second one. It answers no message, and by that all notices are known, also the worker's: about a
 * notice there is none, and where a platform lets no bot write first it must not come out in a group instead. A group
 * that takes no answers kills one after the other: the first is told, the rest is seen with the dead letters. */
#include "sending.h"

#include <stdlib.h>

#include "qg/clock.h"
#include "qg/str.h"

enum { ADMINS_MOST = 50 };

static bool is_notice(const struct qg_reply *reply)
{
	return reply != NULL && json_array_size(reply->answers) == 0;
}

bool notice_has_no_way(const struct sending *sending)
{
	return is_notice(sending->reply) && sending->reply->chat_type == QG_CHAT_DIRECT &&
	       !bot_ability(sending->bot)->writes_first;
}

/* Whether that chat was told of lately; from now on it was. */
static bool was_told(struct bot *bot, const char *chat)
{
	uint64_t now = qg_clock_mono();
	for (unsigned i = 0; i < TOLD_MOST; i++) {
		if (qg_str_equal(bot->told[i].chat, chat) && now - bot->told[i].at < TOLD_MS) {
			return true;
		}
	}
	struct told *oldest = &bot->told[bot->told_next++ % TOLD_MOST];
	free(oldest->chat);
	*oldest = (struct told){.chat = qg_str_copy(chat), .at = now};
	return false;
}

void notice_forget(struct bot *bot)
{
	for (unsigned i = 0; i < TOLD_MOST; i++) {
		free(bot->told[i].chat);
	}
}

bool notice_is_due(const struct sending *sending)
{
	return bot_ability(sending->bot)->writes_first && !is_notice(sending->reply) &&
	       !was_told(sending->bot, sending->chat);
}

/* Takes text; NULL for no memory. */
static struct qg_reply *make(const struct sending *sending, const char *admin, char *text)
{
	const char *bot = sending->bot->bot.name;
	char *conversation = qg_str_printf("%s/%s", bot, admin);
	const struct qg_message message = {.id = (char *)sending->id,
		.chat_type = QG_CHAT_DIRECT,
		.chat = (char *)admin,
		.sender = (char *)admin};
	if (conversation == NULL) {
		free(text);
		return NULL;
	}
	struct qg_reply *reply =
		qg_reply_say(bot, conversation, &message, "undelivered", text, qg_clock_wall());
	free(conversation);
	if (reply != NULL) {
		json_array_clear(reply->answers);
	}
	return reply;
}

static void add(struct sending *sending, const char *const *admins, size_t count)
{
	const struct bot *bot = sending->bot;
	for (size_t i = 0; i < count && sending->notice_count < ADMINS_MOST; i++) {
		struct qg_reply *notice = make(sending, admins[i],
			qg_role_words(bot->role, "undelivered_admin", "chat", sending->chat, "id",
				sending->id, NULL));
		if (notice != NULL) {
			sending->notices[sending->notice_count++] = notice;
		}
	}
}

bool notice_make(struct sending *sending, const char *const *bound, size_t count)
{
	const struct qg_strings *admins = &sending->bot->bot.config->admins;
	const char *others[ADMINS_MOST];
	size_t other_count = 0;
	for (size_t i = 0; i < count && other_count < ADMINS_MOST; i++) {
		if (!qg_strings_has(admins, bound[i])) {
			others[other_count++] = bound[i];
		}
	}
	notice_finish(sending);
	sending->notices = calloc(ADMINS_MOST, sizeof(*sending->notices));
	if (sending->notices == NULL) {
		return false;
	}
	add(sending, (const char *const *)admins->items, admins->count);
	add(sending, others, other_count);
	return sending->notice_count > 0;
}

void notice_finish(struct sending *sending)
{
	for (size_t i = 0; i < sending->notice_count; i++) {
		qg_reply_destroy(sending->notices[i]);
	}
	free(sending->notices);
	sending->notices = NULL;
	sending->notice_count = 0;
}
