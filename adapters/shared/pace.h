/* pace.h - when the next call of each API of an account may leave: platforms count calls by API and second, and refuse
 * more. All calls on the loop's thread. */
#ifndef QG_ADAPTERS_SHARED_PACE_H
#define QG_ADAPTERS_SHARED_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct qg_pace;

/* interval_ms: between two calls of one API in the long run; burst_ms: how far ahead of that a burst may be. NULL for no
 * memory. */
struct qg_pace *qg_pace_create(unsigned interval_ms, unsigned burst_ms);
/* Accepts NULL. */
void qg_pace_destroy(struct qg_pace *pace);
/* Takes a turn: true, and how long to wait for it. false: it would be longer than most_ms, which is told, and no turn is
 * taken. api: names it, "POST /messages". */
bool qg_pace_take(struct qg_pace *pace, const char *api, uint64_t most_ms, uint64_t *wait_out);
/* The platform refused this API for its rate: nothing leaves for so long. */
void qg_pace_hold(struct qg_pace *pace, const char *api, uint64_t wait_ms);

#endif
