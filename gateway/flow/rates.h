/* rates.h - how often may be sent: one meter a name and span of time, by the monotonic clock. */
#ifndef QG_FLOW_RATES_H
#define QG_FLOW_RATES_H

#include <stddef.h>
#include <stdint.h>

struct rates;

struct rate {				  /* who is asked for leave */
	const char *kind, *name, *detail; /* detail may be NULL */
	unsigned most;			  /* in any stretch of that length; 0: no limit */
	unsigned span_ms;
};

/* NULL for no memory. */
struct rates *rates_create(void);
void rates_destroy(struct rates *rates);
/* 0: go, and all of them have counted it; else the milliseconds after which to ask again. now: mono ms. Where
 * memory is short it says go: the platform has the last word. */
unsigned rates_ask(struct rates *rates, const struct rate *asked, size_t count, uint64_t now);
/* Meters kept, for the tests. */
size_t rates_count(const struct rates *rates);

#endif
