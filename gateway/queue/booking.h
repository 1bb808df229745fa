/* booking.h - shared by the files that book calls: one call to a model on its way through the scripts. */
#ifndef QG_QUEUE_BOOKING_H
#define QG_QUEUE_BOOKING_H

#include "internal.h"
#include "qg/ledger.h"

enum {
	COUNTER_SIZE = 256, /* of a key: bot, limit, whom, period, currency */
	USED_SIZE = 8 * 24,
};

/* A budget's counter, and what the call reserves of it or has spent of it. */
struct counter {
	char key[COUNTER_SIZE];
	enum qg_limit limit;
	enum qg_currency currency;
	int64_t amount, most;
};

/* All that the scripts need of a call: the answer to a first one starts the second, when the caller's are gone. */
struct booking {
	struct qg_queue *queue;
	void (*fn)(void); /* cast back by who made it */
	void *arg;
	unsigned partition, customer_partition;
	char id[33], day[12];
	char *bot, *chat, *user, *row;
	struct qg_entry fence;	       /* conversation NULL: none */
	char used[USED_SIZE];	       /* what it adds to the sums */
	struct counter own[QG_LIMITS]; /* in the bot's partition */
	size_t own_count;
	struct counter customer; /* most < 0: none */
	struct qg_near near[QG_LIMITS];
	size_t near_count;
};

/* Takes row (NULL: no memory, and the scripts are not sent). Aborts for no memory of its own, as flight_new() does. */
struct booking *booking_new(
	struct qg_queue *queue, const struct qg_call *call, char *row, void (*fn)(void), void *arg);
/* Keeps a copy of the fence. */
void booking_fence(struct booking *booking, const struct qg_entry *entry);
void booking_destroy(struct booking *booking);
bool booking_has_customer(const struct booking *booking);
/* What it adds to the sums of the day: a call with these tokens at this cost, or tokens that were saved. */
void booking_count(struct booking *booking, const struct qg_tokens *tokens, int64_t cost,
	enum qg_currency currency);
void booking_count_saved(struct booking *booking, const struct qg_tokens *tokens);
/* Its own counters, as arguments: key, amount, most of each. */
void booking_add_counters(struct call *call, const struct booking *booking);
/* "calls input cached output saved CNY USD"; out: USED_SIZE bytes. */
void figures_text(const struct qg_figure *figure, char *out);

#endif
