/* outs.h - replies that send() took, until they are given back.
 *
 * The host must not hear how a send ended from inside a call, so what ended waits here for the platform's timer: it gives
 * one back after the other as long as its bot is there. A platform's struct for a reply on its way holds a struct qg_out. */
#ifndef QG_ADAPTERS_SHARED_OUTS_H
#define QG_ADAPTERS_SHARED_OUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/adapter.h"
#include "qg/list.h"

#define QG_OUTS_SPARE 32

struct qg_out {
	struct qg_list link;
	struct qg_reply *reply;
	bool ended; /* it is due to be given back */
	enum qg_status status;
	unsigned retry_ms;
};

struct qg_outs { /* of a bot */
	struct qg_list list;
	/* Ends what is under way for out and frees what it is part of; the reply, gone from it by then, stays. */
	void (*drop)(struct qg_out *out);
	struct qg_reply *spare[QG_OUTS_SPARE]; /* there was no memory to try */
	size_t spare_count;
};

void qg_outs_init(struct qg_outs *outs, void (*drop)(struct qg_out *out));
/* All of it goes, replies too: nobody is left to take them back. A second time does no harm. */
void qg_outs_finish(struct qg_outs *outs);
/* Takes reply. */
void qg_outs_add(struct qg_outs *outs, struct qg_out *out, struct qg_reply *reply);
/* Takes reply: there was no memory to try. Where too many came so, bot hears of it at once. */
void qg_outs_add_spare(struct qg_outs *outs, struct qg_bot *bot, struct qg_reply *reply);

/* The one of that reply that has not ended; NULL: there is none. */
struct qg_out *qg_outs_find(const struct qg_outs *outs, const struct qg_reply *reply);
void qg_out_end(struct qg_out *out, enum qg_status status, unsigned retry_ms);
/* All that have not ended do now: another owner goes on with them. */
void qg_outs_cancel(struct qg_outs *outs);

/* Nothing is on its way, nothing waits. */
bool qg_outs_is_empty(const struct qg_outs *outs);
/* The next that ended, NULL where only spares are left. */
struct qg_out *qg_outs_ended(const struct qg_outs *outs);
bool qg_outs_is_due(const struct qg_outs *outs);
/* Gives the next back. The host may finish the bot, or send anew, from inside. */
void qg_outs_give_back(struct qg_outs *outs, struct qg_bot *bot);

#endif
