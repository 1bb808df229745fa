/* planner.h - how a reply becomes messages of a platform, and what a failed one means. Pure: no queue, no clock. */
#ifndef QG_FLOW_PLANNER_H
#define QG_FLOW_PLANNER_H

#include <stdbool.h>

#include "qg/adapter.h"

enum {
	PLAN_ATTEMPTS_MOST = 12,
	PLAN_SILENT_ATTEMPTS_MOST = 3,
	PLAN_RATE_ATTEMPTS_MOST = 4, /* of those, for rates alone ... */
	PLAN_RATE_MS = 6 * 3600000,  /* ... while the reply is no older */
};

/* A reply's messages in order, at least one: its texts, then the number of each of its files where the platform shows
 * files. A silent one is one text without a byte. NULL for no memory. */
json_t *plan_parts(const struct qg_reply *reply, const struct qg_ability *can);
/* The file that a part stands for; NULL: it is a text, or reply has no such file. Borrowed from reply. */
const json_t *plan_file(const json_t *parts, unsigned number, const struct qg_reply *reply);
/* Cuts a part that was too large: more parts stand in its place. QG_TOO_LARGE: it is as small as parts get. */
enum qg_status plan_cut(json_t *parts, unsigned number);

enum plan_step {
	PLAN_LAND,
	PLAN_RETRY,   /* later, as it is */
	PLAN_PLAINER, /* in the next form */
	PLAN_CUT,     /* in smaller parts */
	PLAN_SAY,     /* a sentence in place of the file */
	PLAN_BURY,    /* a dead letter that nobody need hear of */
	PLAN_TELL,    /* a dead letter; admins hear of it */
};
/* After a send of a part in that form; attempts: how many failed before. */
enum plan_step plan_next(enum qg_status status, enum qg_form form, unsigned attempts);
/* The same of a silent reply, that nobody misses where it does not arrive, and of a file. */
enum plan_step plan_next_silent(enum qg_status status, unsigned attempts);
enum plan_step plan_next_file(enum qg_status status, unsigned attempts);
/* How many attempts count as failed once one more ended with that status. A rate limit is no failure of the reply: it
 * makes the waits longer, but a storm of them uses up no more than the first few. */
unsigned plan_attempts(enum qg_status status, unsigned attempts, int64_t age_ms);
/* The wait before the next attempt, after so many failed ones (from 1). */
unsigned plan_wait_ms(unsigned attempts);

#endif
