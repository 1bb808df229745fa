/* errands.c - what an adapter asks for besides messages: to say something unasked, to tell the admins, to take back what
 * was withdrawn, and to forget a chat.
 *
 * None of it needs the ownership of a bot: all is put into Redis or taken out of it, and whoever owns the bot sends.
 * Whose adapter waits for an answer hears when Redis did not confirm, and the platform tells it again; what nobody hears of
 * goes again from here. A chat may be of any bot of the account that heard of it, so that all of them are asked. */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

enum {
	TELLINGS_MOST = 16,		  /* of a bot, that wait for Redis */
	OCCASION_KEEP_S = 32 * 24 * 3600, /* "calls 2026-11 80": a month cannot come again */
};

/* Of a host call that went to one bot or several: the adapter hears once all of them have ended. */
struct outcome {
	struct bot *heard; /* pinned */
	qg_stored_fn stored;
	void *arg;
	unsigned open;
	enum qg_status status; /* QG_OK, or the first that was no success */
};

struct errand {
	struct qg_list item;
	struct bot *bot;	 /* pinned */
	struct outcome *outcome; /* NULL: nobody hears how it ends */
	char *chat, *id;	 /* id: of a message, an event; an occasion */
	char *key;
	struct qg_reply *reply; /* what is said; the end of a withdrawn message */
	struct notices notices;
	bool in_flight, deferred, cannot_be_read;
};

/* ---- begin and end ---- */

static struct outcome *outcome_new(struct bot *heard, qg_stored_fn stored, void *arg)
{
	struct outcome *outcome = calloc(1, sizeof(*outcome));
	if (outcome == NULL) {
		stored(arg, QG_NO_MEMORY);
		return NULL;
	}
	*outcome = (struct outcome){heard, stored, arg, 1, QG_OK}; /* open while errands begin */
	bot_pin(heard);
	return outcome;
}

/* One of its errands has ended; with the last the adapter hears, and outcome is gone: true. */
static bool outcome_ends(struct outcome *outcome, enum qg_status status)
{
	if (outcome->status == QG_OK && status != QG_OK) {
		outcome->status = status;
	}
	if (--outcome->open > 0) {
		return false;
	}
	outcome->stored(outcome->arg, outcome->status);
	free(outcome);
	return true;
}

/* The same; the bot that heard may end with it. */
static void outcome_count(struct outcome *outcome, enum qg_status status)
{
	struct bot *heard = outcome->heard;
	if (outcome_ends(outcome, status)) {
		bot_unpin(heard);
	}
}

static void errand_free(struct errand *errand)
{
	qg_list_remove(&errand->item);
	free(errand->chat);
	free(errand->id);
	free(errand->key);
	qg_reply_destroy(errand->reply);
	notices_end(&errand->notices);
	free(errand);
}

/* Its bots may end with it. */
static void errand_end(struct errand *errand, enum qg_status status)
{
	struct bot *bot = errand->bot;
	struct outcome *outcome = errand->outcome;
	errand_free(errand);
	if (outcome != NULL) {
		outcome_count(outcome, status);
	}
	bot_unpin(bot);
}

/* NULL for no memory, which outcome knows then. */
static struct errand *errand_new(
	struct bot *bot, struct outcome *outcome, const char *chat, const char *id)
{
	struct errand *errand = calloc(1, sizeof(*errand));
	if (errand != NULL) {
		*errand = (struct errand){.bot = bot,
			.outcome = outcome,
			.chat = qg_str_copy(chat),
			.id = qg_str_copy(id),
			.in_flight = true};
		qg_list_add(&bot->errands, &errand->item);
		bot_pin(bot);
		if (outcome != NULL) {
			outcome->open++;
		}
		if ((errand->chat == NULL) == (chat == NULL) &&
			(errand->id == NULL) == (id == NULL)) {
			return errand;
		}
		errand_end(errand, QG_NO_MEMORY);
	} else if (outcome != NULL && outcome->status == QG_OK) {
		outcome->status = QG_NO_MEMORY;
	}
	return NULL;
}

static struct qg_queue *queue_of(const struct errand *errand)
{
	return errand->bot->gateway->core->queue;
}

static unsigned window_of(const struct errand *errand)
{
	return errand->bot->bot.adapter->can.dedupe_ms;
}

/* The connection object goes, and we soon: errands_finish() ends what is left. */
static bool is_over(enum qg_status status)
{
	return status == QG_CANCELLED;
}

/* ---- say ---- */

static void said(void *arg, enum qg_status status)
{
	struct errand *errand = arg;
	if (is_over(status)) {
		return;
	}
	if (status == QG_FAILED) {
		char *wire = qg_reply_encode(errand->reply);
		status = wire != NULL ? status : QG_INVALID; /* it never will be stored */
		free(wire);
	}
	errand_end(errand, status);
}

static void say_nothing(void *arg)
{
	errand_end(arg, QG_EMPTY);
}

/* What an adapter need not know; false for no memory. */
static bool fill(struct qg_reply *reply, const char *bot)
{
	reply->bot = reply->bot != NULL ? reply->bot : qg_str_copy(bot);
	if (reply->conversation == NULL && reply->chat != NULL) {
		reply->conversation = qg_str_printf("%s/%s", bot, reply->chat);
	}
	reply->stored_at = reply->stored_at > 0 ? reply->stored_at : qg_clock_wall();
	return reply->bot != NULL && (reply->conversation != NULL || reply->chat == NULL);
}

/* In that chat it is this bot of the account that answers, if any does. */
static bool speaks_there(struct bot *bot, const struct qg_reply *reply)
{
	const struct qg_message message = {.chat_type = reply->chat_type, .chat = reply->chat};
	return reply->chat == NULL || /* which is refused as no reply */
	       (select_serves(bot->bot.config, reply->chat_type, reply->chat) &&
		       strcmp(select_bot(bot, &message)->bot.name, bot->bot.name) == 0);
}

static void say(struct errand *errand)
{
	struct bot *bot = errand->bot;
	unsigned window_s = window_of(errand) / 1000;
	if (!fill(errand->reply, bot->bot.name)) {
		errand_end(errand, QG_NO_MEMORY);
	} else if (speaks_there(bot, errand->reply)) {
		qg_out_post(queue_of(errand), bot->bot.name, &errand->reply, 1,
			window_s > QG_POST_KEEP_S ? window_s : QG_POST_KEEP_S, said, errand);
	} else if (qg_loop_defer(bot->bot.loop, say_nothing, errand) == QG_OK) {
		errand->deferred = true;
	} else {
		say_nothing(errand);
	}
}

void errands_say(struct qg_bot *adapter_bot, struct qg_reply *reply, qg_stored_fn stored, void *arg)
{
	struct bot *bot = bot_of(adapter_bot);
	struct outcome *outcome = outcome_new(bot, stored, arg);
	struct errand *errand = outcome != NULL ? errand_new(bot, outcome, NULL, NULL) : NULL;
	if (errand == NULL) {
		qg_reply_destroy(reply);
	} else {
		errand->reply = reply;
		say(errand);
	}
	if (outcome != NULL) {
		outcome_count(outcome, QG_OK);
	}
}

/* ---- tell the admins ---- */

/* Not confirmed: it goes again with the next look, or when Redis is back. */
static bool goes_again(struct errand *errand, enum qg_status status)
{
	bool again = status == QG_AWAY || status == QG_TIMEOUT || status == QG_BUSY ||
		     status == QG_NO_MEMORY || is_over(status);
	errand->in_flight = !again && errand->in_flight;
	return again;
}

static void told(void *arg, enum qg_status status)
{
	struct errand *errand = arg;
	if (goes_again(errand, status)) {
		return;
	}
	if (status != QG_OK) {
		qg_log_warn(errand->bot->bot.name, "its admins are not told of %s: %s", errand->id,
			qg_status_text(status));
	}
	errand_end(errand, status);
}

static void people_read(void *arg, enum qg_status status, const char *const *admins,
	size_t admin_count, const char *const *chats, size_t chat_count)
{
	struct errand *errand = arg;
	if (goes_again(errand, status)) {
		return;
	}
	const struct bot *bot = errand->bot;
	QG_AUTO(qg_str_free) char *text = qg_role_words(bot->role, errand->key, NULL);
	const struct notice notice = {bot, errand->id, errand->key, text};
	if (notices_make(&errand->notices, &notice, admins, status == QG_OK ? admin_count : 0)) {
		qg_out_post(queue_of(errand), bot->bot.name, errand->notices.items,
			errand->notices.count, OCCASION_KEEP_S, told, errand);
	} else {
		errand_end(errand, QG_EMPTY);
	}
}

static void tell(struct errand *errand)
{
	errand->in_flight = true;
	qg_queue_people(queue_of(errand), errand->bot->bot.name, people_read, errand);
}

static bool is_telling(const struct errand *errand)
{
	return errand->outcome == NULL;
}

/* The same occasion is under way, or too many are. */
static bool is_enough(const struct bot *bot, const char *occasion)
{
	unsigned count = 0;
	QG_LIST_FOR_EACH (item, &bot->errands) {
		const struct errand *errand = QG_CONTAINER(item, struct errand, item);
		if (is_telling(errand) && strcmp(errand->id, occasion) == 0) {
			return true;
		}
		count += is_telling(errand) ? 1 : 0;
	}
	return count >= TELLINGS_MOST;
}

void errands_tell_admins(struct qg_bot *adapter_bot, const char *occasion, const char *key)
{
	struct bot *bot = bot_of(adapter_bot);
	if (!bot_ability(bot)->writes_first || is_enough(bot, occasion)) {
		return;
	}
	struct errand *errand = errand_new(bot, NULL, NULL, occasion);
	if (errand != NULL && (errand->key = qg_str_copy(key)) == NULL) {
		errand_end(errand, QG_NO_MEMORY);
	} else if (errand != NULL) {
		tell(errand);
	}
}

void errands_resend(struct bot *bot)
{
	bot_pin(bot);
	QG_LIST_FOR_EACH (item, &bot->errands) {
		struct errand *errand = QG_CONTAINER(item, struct errand, item);
		if (!is_telling(errand) || errand->in_flight) {
			continue;
		}
		if (bot->gone) {
			errand_end(errand, QG_CANCELLED);
		} else if (bot->gateway->up) {
			tell(errand);
		}
	}
	bot_unpin(bot);
}

/* ---- withdrawn, left ---- */

/* Begins one with each bot that may have answered in that chat: those of the account, else the one of the name. */
static void each_bot(struct outcome *outcome, const char *chat, const char *id,
	void (*run)(struct errand *errand))
{
	struct bot *heard = outcome->heard;
	struct bot *named = bots_find(heard->gateway, heard->bot.name);
	named = named != NULL ? named : heard;
	QG_LIST_FOR_EACH (item, &heard->gateway->bots) {
		struct bot *bot = QG_CONTAINER(item, struct bot, item);
		struct errand *errand = bot == named || select_shares(bot, heard)
						? errand_new(bot, outcome, chat, id)
						: NULL;
		if (errand != NULL) {
			run(errand);
		}
	}
	outcome_count(outcome, QG_OK);
}

static void withdraw(struct errand *errand);

/* What is shown as open gets its end, with nothing said. */
static void ask_again(
	struct errand *errand, const struct qg_message *message, const char *conversation)
{
	if (errand->reply != NULL) {
		errand_end(errand, QG_FAILED); /* it has its end */
		return;
	}
	errand->cannot_be_read = message == NULL;
	if (message != NULL) {
		errand->reply = qg_reply_say(errand->bot->bot.name, conversation, message,
			"withdrawn", qg_str_copy(""), qg_clock_wall());
		if (errand->reply == NULL) {
			errand_end(errand, QG_NO_MEMORY);
			return;
		}
		errand->reply->silent = true;
	}
	withdraw(errand);
}

static void taken_back(void *arg, enum qg_status status, const struct qg_message *message,
	const char *conversation)
{
	struct errand *errand = arg;
	if (status == QG_NOT_FOUND) {
		ask_again(errand, message, conversation);
	} else if (!is_over(status)) {
		errand_end(errand, status);
	}
}

static void withdraw(struct errand *errand)
{
	const struct qg_withdrawal withdrawal = {.bot = errand->bot->bot.name,
		.chat = errand->chat,
		.message = errand->id,
		.window_ms = window_of(errand),
		.shows_open = bot_ability(errand->bot)->shows_open && !errand->cannot_be_read,
		.end = errand->reply};
	qg_queue_withdraw(queue_of(errand), &withdrawal, taken_back, errand);
}

void errands_withdrawn(
	struct qg_bot *bot, const char *chat, const char *message, qg_stored_fn stored, void *arg)
{
	struct outcome *outcome = outcome_new(bot_of(bot), stored, arg);
	if (outcome != NULL) {
		each_bot(outcome, chat, message, withdraw);
	}
}

static void chat_dropped(void *arg, enum qg_status status)
{
	if (!is_over(status)) {
		errand_end(arg, status);
	}
}

static void leave(struct errand *errand)
{
	qg_queue_leave(queue_of(errand), errand->bot->bot.name, errand->chat, errand->id,
		window_of(errand), chat_dropped, errand);
}

void errands_left(
	struct qg_bot *bot, const char *chat, const char *event, qg_stored_fn stored, void *arg)
{
	struct outcome *outcome = outcome_new(bot_of(bot), stored, arg);
	if (outcome != NULL) {
		each_bot(outcome, chat, event, leave);
	}
}

void errands_finish(struct bot *bot)
{
	QG_LIST_FOR_EACH (item, &bot->errands) {
		struct errand *errand = QG_CONTAINER(item, struct errand, item);
		struct outcome *outcome = errand->outcome;
		if (errand->deferred) {
			qg_loop_undefer(bot->bot.loop, say_nothing, errand);
		}
		errand_free(errand);
		if (outcome != NULL) {
			outcome_ends(outcome, QG_CANCELLED); /* the bots are ending all the same */
		}
	}
}
