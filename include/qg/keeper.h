/* keeper.h - a lease that one of many processes holds for a duty of its own, such as writing the ledger's files.
 *
 * The rules are those of a link's lease: the row never expires and its epoch only grows; who takes it has seen the
 * same renewal for 8 s of its own clock, or knows that the holder's process is dead, and the script checks that it is
 * unchanged; it is renewed every 2 s, and only a newer epoch takes it away, never that Redis is away. All calls on
 * the loop's thread. */
#ifndef QG_KEEPER_H
#define QG_KEEPER_H

#include <stdbool.h>

#include "qg/loop.h"
#include "qg/queue.h"

struct qg_keeper;

struct qg_keeper_options {
	struct qg_loop *loop;
	struct qg_queue *queue; /* its consumer is the name of this process */
	const char *lease;	/* copied */
	/* The process of that name is dead for sure. */
	bool (*is_dead)(void *arg, const char *process);
	/* Taken, or lost to a newer epoch; never from inside a call. */
	void (*changed)(void *arg, bool held);
	void *arg;
};

/* Wants nothing yet. NULL for no memory. */
struct qg_keeper *qg_keeper_create(const struct qg_keeper_options *options);
/* Takes the lease when it may, or gives it back for others to take at once. */
void qg_keeper_want(struct qg_keeper *keeper, bool wanted);
/* Redis came (back) or went. */
void qg_keeper_redis_changed(struct qg_keeper *keeper, bool up);
/* Held, and the last confirmed renewal was sent at most 5 s ago: the duty may go on. */
bool qg_keeper_holds(const struct qg_keeper *keeper);
/* The connection of its queue is gone already: no answer is under way. Accepts NULL. */
void qg_keeper_destroy(struct qg_keeper *keeper);

#endif
