/* frugal_host.h - a gateway that has no memory of its own, for tests in which every allocation fails in turn: what a bot
 * heard, how its reply ended. */
#ifndef QG_TESTS_SUPPORT_FRUGAL_HOST_H
#define QG_TESTS_SUPPORT_FRUGAL_HOST_H

#include <stdbool.h>

#include "qg/adapter.h"

struct frugal {
	struct qg_message *heard; /* ours */
	qg_stored_fn stored;	  /* not called yet */
	void *stored_arg;
	unsigned results;
	enum qg_status result; /* QG_STALE before there is one */
};
extern struct frugal frugal;
extern const struct qg_host frugal_host;

/* Around each round. Over: what was heard goes; true if a reply landed. */
void frugal_begin(void);
bool frugal_over(void);
/* Says that what was heard is stored. */
void frugal_store(void);
/* A reply to what was heard; NULL for no memory. */
struct qg_reply *frugal_reply(const char *id, const char *chat, const char *text);
/* What is made once and lives for ever is made: the zone of a log line's clock, tables of the loop. To be called before
 * memory fails; the loop's timer of frugal_turn() lives until the end. */
void frugal_prepare(struct qg_loop *loop);
/* One turn of the loop. */
void frugal_turn(void);
void frugal_end(void);

#endif
