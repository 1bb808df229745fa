/* backoff.h - how long to wait before the next try: doubling ceilings with full jitter.
 *
 * Full jitter (any time up to the ceiling) spreads the peers that one outage made wait alike. */
#ifndef QG_BACKOFF_H
#define QG_BACKOFF_H

#include <stdint.h>

struct qg_backoff {
	uint64_t min_ms, max_ms;  /* the first ceiling and the last */
	unsigned tries;		  /* since the last reset */
	uint64_t (*random)(void); /* NULL: the kernel's; tests put their own */
};

/* min_ms is at least 1 and at most max_ms. Allocates nothing. */
void qg_backoff_init(struct qg_backoff *backoff, uint64_t min_ms, uint64_t max_ms);
/* The next waiting time: 1 to min_ms, then 1 to twice that, and so on up to max_ms. */
uint64_t qg_backoff_next(struct qg_backoff *backoff);
/* After a success: the next wait is a short one again. */
void qg_backoff_reset(struct qg_backoff *backoff);

#endif
