/* turn.h - one turn of a conversation: messages in, replies out, and nothing else touched.
 *
 * A turn reads no queue and writes none: what it must remember (history, misses, quiet times) comes in with the
 * batch and goes out with the result, which the worker stores in one script under its fence. The terminal
 * (qungong chat, qungong test) runs the very same turns without Redis. */
#ifndef QG_TURN_H
#define QG_TURN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "qg/config.h"
#include "qg/desk.h"
#include "qg/loop.h"
#include "qg/media.h"
#include "qg/message.h"

struct qg_role; /* a bot's template, filled, with its FAQ and knowledge ready to search; see role.h */
struct qg_turn;
struct qg_endpoints;

struct qg_turn_request {
	struct qg_loop *loop;
	struct qg_endpoints *endpoints;	 /* NULL: only local services answer, nothing is priced */
	struct qg_desk *desk;		 /* NULL: nothing is booked, limited or bound */
	struct qg_media *media;		 /* NULL: what is attached cannot be looked at */
	struct qg_config *config;	 /* the turn takes a reference of its own */
	const struct qg_bot_config *bot; /* of that config */
	struct qg_role *role;		 /* likewise referenced */
	const char *conversation;	 /* its name; NULL: "<bot>/<chat>" */
	struct qg_message *const
		*messages;	  /* a run of one sender, oldest first; borrowed until finished() */
	const int64_t *stored_at; /* wall ms of each */
	size_t count;
	/* Elements that earlier turns gave out, one a line; NULL: none; borrowed. A line is ready to be part of a
	 * prompt; what is in it is known to agents/history.c alone. */
	const char *history;
	json_t *state; /* object kept for the conversation, {} at first; borrowed, not changed */
	bool paused;   /* by `qungong pause`: one polite line, no model */
	bool enabled;  /* the group: by an admin, by the config; true for direct chats */
	unsigned failures;	 /* earlier tries of this batch that failed */
	const char *force_model; /* --model of `qungong test`; NULL: the bot's chain */
};

struct qg_turn_result {
	struct qg_reply *reply; /* NULL when the bot keeps quiet; set it to NULL to keep it */
	json_t *history; /* array of elements to append, each a string of one line; may be empty */
	bool forget_history; /* /reset: drop what was there first */
	json_t *state;	     /* the conversation's state from now on */
	bool missed;	     /* nothing was found */
	bool handed_over;
	enum {
		QG_GROUP_STAYS,
		QG_GROUP_ENABLED,
		QG_GROUP_DISABLED
	} group; /* what an admin said of it */
	/* How it was answered, for metrics and tests: "command", "faq", "offline", "model", "handover", "paused",
	 * "quiet", "closed" (a group not enabled), "limit", "withdrawn", "media" (of what was attached, and no more) */
	const char *way;
	char *record_type; /* what a tool recorded; NULL until tools exist */
};

struct qg_turn_host {
	/* All of the answer so far, as often as the model sends (where it is silent for long: a sentence that
	 * stands in its place meanwhile): who wants it later does not copy it but asks qg_turn_text(). Borrowed. May
	 * be NULL. */
	void (*draft)(void *arg, const char *reply_id, const char *text);
	/* Once, never from inside qg_turn_start(). QG_OK with a result (borrowed for the call), else an error to
	 * fail the batch with; words say why, for a log. The turn is gone after it. */
	void (*finished)(
		void *arg, enum qg_status status, struct qg_turn_result *result, const char *words);
};

/* NULL for no memory. host is borrowed until finished(). */
struct qg_turn *qg_turn_start(
	const struct qg_turn_request *request, const struct qg_turn_host *host, void *arg);
/* All of the answer so far; borrowed until the loop goes on. */
const char *qg_turn_text(const struct qg_turn *turn);
/* Ends it now, finished() does not come. */
void qg_turn_cancel(struct qg_turn *turn);
/* Brings *history (yours to free; NULL: none) up to what a result says, for who keeps it without a queue. false:
 * no memory, and it is as it was. */
QG_MUST_CHECK bool qg_turn_remember(char **history, const struct qg_turn_result *result);

#endif
