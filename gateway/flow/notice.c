/* notice.c - what a bot tells its admins: of a reply that could not be delivered, and what its platform has them told.
 *
 * A notice is a reply of the bot's own to each admin, by name of the dead one or of the occasion: the same again while it
 * stands in the out list, and for a while after, is no second one. It answers no message, and by that all notices are known, also the worker's: about a
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

static void add(struct notices *notices, const struct notice *what, const char *admin)
{
	if (notices->count == ADMINS_MOST) {
		return;
	}
	struct qg_reply *reply = qg_reply_tell(what->bot->bot.name, QG_CHAT_DIRECT, admin,
		what->about, what->key, qg_str_copy(what->text), qg_clock_wall());
	if (reply != NULL) {
		notices->items[notices->count++] = reply;
	}
}

bool notices_make(
	struct notices *notices, const struct notice *what, const char *const *bound, size_t count)
{
	const struct qg_strings *admins = &what->bot->bot.config->admins;
	notices_end(notices);
	notices->items = what->text != NULL ? calloc(ADMINS_MOST, sizeof(*notices->items)) : NULL;
	if (notices->items == NULL) {
		return false;
	}
	for (size_t i = 0; i < admins->count; i++) {
		add(notices, what, admins->items[i]);
	}
	for (size_t i = 0; i < count; i++) {
		if (!qg_strings_has(admins, bound[i])) {
			add(notices, what, bound[i]);
		}
	}
	return notices->count > 0;
}

bool notice_make(struct sending *sending, const char *const *bound, size_t count)
{
	QG_AUTO(qg_str_free)
	char *text = qg_role_words(sending->bot->role, "undelivered_admin", "name",
		sending->bot->bot.name, "chat", sending->chat, NULL);
	const struct notice notice = {sending->bot, sending->id, "undelivered", text};
	return notices_make(&sending->notices, &notice, bound, count);
}

void notices_end(struct notices *notices)
{
	for (size_t i = 0; i < notices->count; i++) {
		qg_reply_destroy(notices->items[i]);
	}
	free(notices->items);
	*notices = (struct notices){0};
}
