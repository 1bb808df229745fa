/* rates.c - what a platform lets us send in a chat, and from all bots of an account.
 *
 * A rate a second is a token bucket: a fifth may leave at once, the rest flows, and burst and flow together never
 * exceed the rate in any one second. A rate over a longer time may be used up at once, as people ask in bursts: its
 * meter remembers when each of the last ones left, and the oldest of them says when there is room again.
 *
 * Who is refused is told a later time the more have been refused before, so that they do not all come back for the
 * same place. A meter that holds nothing back says no more than none at all: it is dropped when somebody passes, so
 * there are as many as names were sent to within their span. */
#include "rates.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "qg/list.h"
#include "qg/str.h"

enum { CHAINS = 256, ASKED_MOST = 8, WAIT_MOST_MS = 10000, MILLI = 1000, SECOND_MS = 1000 };

struct meter {
	struct qg_list item;
	char *key;
	bool held;	  /* by who asks just now */
	unsigned refused; /* since it was last free, and not let pass since */
	unsigned span_ms;
	/* up to a second: a bucket */
	uint64_t tokens; /* thousandths */
	uint64_t burst;	 /* thousandths: of a full one */
	uint64_t flow;	 /* thousandths a millisecond: tokens a second */
	uint64_t filled; /* mono ms */
	/* longer: a ring of the mono ms at which the last ones left */
	uint64_t *times;
	unsigned most, room, first, count;
};

struct rates {
	struct qg_list chains[CHAINS];
	size_t count;
};

struct rates *rates_create(void)
{
	struct rates *rates = calloc(1, sizeof(*rates));
	for (size_t i = 0; rates != NULL && i < CHAINS; i++) {
		qg_list_init(&rates->chains[i]);
	}
	return rates;
}

static void drop(struct rates *rates, struct meter *meter)
{
	qg_list_remove(&meter->item);
	rates->count--;
	free(meter->times);
	free(meter->key);
	free(meter);
}

void rates_destroy(struct rates *rates)
{
	for (size_t i = 0; rates != NULL && i < CHAINS; i++) {
		QG_LIST_FOR_EACH (item, &rates->chains[i]) {
			drop(rates, QG_CONTAINER(item, struct meter, item));
		}
	}
	free(rates);
}

size_t rates_count(const struct rates *rates)
{
	return rates->count;
}

static bool is_bucket(const struct meter *meter)
{
	return meter->span_ms <= SECOND_MS;
}

/* ---- a bucket ---- */

static void refill(struct meter *meter, uint64_t now)
{
	uint64_t passed = now > meter->filled ? now - meter->filled : 0;
	uint64_t missing = meter->burst - meter->tokens;
	meter->filled = now;
	if (passed >= (missing + meter->flow - 1) / meter->flow) {
		meter->tokens = meter->burst;
		meter->refused = 0;
	} else {
		meter->tokens += passed * meter->flow;
	}
}

static uint64_t bucket_wait(const struct meter *meter)
{
	uint64_t missing = MILLI - meter->tokens + (uint64_t)meter->refused * MILLI;
	return (missing + meter->flow - 1) / meter->flow;
}

/* ---- a ring ---- */

static uint64_t time_at(const struct meter *meter, unsigned index)
{
	return meter->times[(meter->first + index) % meter->room];
}

static void expire(struct meter *meter, uint64_t now)
{
	while (meter->count > 0 && now - time_at(meter, 0) >= meter->span_ms) {
		meter->first = (meter->first + 1) % meter->room;
		meter->count--;
	}
	if (meter->count == 0) {
		meter->refused = 0;
	}
}

/* When so many before this one have gone that there is room for it too. */
static uint64_t ring_wait(const struct meter *meter, uint64_t now)
{
	return time_at(meter, meter->refused % meter->count) + meter->span_ms - now;
}

/* Room for one more; without memory the platform has the last word. */
static bool grow(struct meter *meter)
{
	unsigned room = meter->room > 0 ? 2 * meter->room : 8;
	room = room < meter->most ? room : meter->most;
	uint64_t *times = malloc(room * sizeof(*times));
	if (times == NULL) {
		return false;
	}
	for (unsigned i = 0; i < meter->count; i++) {
		times[i] = time_at(meter, i);
	}
	free(meter->times);
	meter->times = times;
	meter->room = room;
	meter->first = 0;
	return true;
}

static void note(struct meter *meter, uint64_t now)
{
	if (meter->count < meter->room || grow(meter)) {
		meter->times[(meter->first + meter->count++) % meter->room] = now;
	}
}

/* ---- any meter ---- */

static void bring_up(struct meter *meter, uint64_t now)
{
	if (is_bucket(meter)) {
		refill(meter, now);
	} else {
		expire(meter, now);
	}
}

static bool is_free(const struct meter *meter)
{
	return is_bucket(meter) ? meter->tokens == meter->burst : meter->count == 0;
}

static bool is_used_up(const struct meter *meter)
{
	return is_bucket(meter) ? meter->tokens < MILLI : meter->count >= meter->most;
}

/* The meter of that key, brought up to now; those of its chain that are free are dropped. */
static struct meter *find(struct rates *rates, struct qg_list *chain, const char *key, uint64_t now)
{
	struct meter *found = NULL;
	QG_LIST_FOR_EACH (item, chain) {
		struct meter *meter = QG_CONTAINER(item, struct meter, item);
		bring_up(meter, now);
		if (strcmp(meter->key, key) == 0) {
			found = meter;
		} else if (is_free(meter) && !meter->held) {
			drop(rates, meter);
		}
	}
	return found;
}

/* Takes key. NULL for no memory. */
static struct meter *create(char *key, const struct rate *rate, uint64_t now)
{
	struct meter *meter = calloc(1, sizeof(*meter));
	if (meter == NULL) {
		free(key);
		return NULL;
	}
	unsigned burst = rate->most >= 5 ? rate->most / 5 : 1;
	*meter = (struct meter){.key = key,
		.span_ms = rate->span_ms,
		.most = rate->most,
		.burst = (uint64_t)burst * MILLI,
		.tokens = (uint64_t)burst * MILLI,
		.flow = rate->most > burst ? rate->most - burst : 1,
		.filled = now};
	return meter;
}

/* NULL for no memory. */
static struct meter *meter_of(struct rates *rates, const struct rate *rate, uint64_t now)
{
	char *key = qg_str_printf("%s\t%s\t%s\t%u", rate->kind, rate->name,
		rate->detail != NULL ? rate->detail : "", rate->span_ms);
	if (key == NULL) {
		return NULL;
	}
	struct qg_list *chain = &rates->chains[qg_crc16(key, strlen(key)) % CHAINS];
	struct meter *meter = find(rates, chain, key, now);
	if (meter != NULL) {
		free(key);
	} else if ((meter = create(key, rate, now)) != NULL) {
		qg_list_add(chain, &meter->item);
		rates->count++;
	}
	if (meter != NULL) {
		meter->held = true;
	}
	return meter;
}

static unsigned refuse(struct meter *meter, uint64_t now)
{
	uint64_t wait = is_bucket(meter) ? bucket_wait(meter) : ring_wait(meter, now);
	uint64_t most = is_bucket(meter) ? WAIT_MOST_MS : meter->span_ms;
	if (wait >= most) {
		return (unsigned)most;
	}
	meter->refused++;
	return (unsigned)wait;
}

static void pass(struct meter *meter, uint64_t now)
{
	meter->refused -= meter->refused > 0 ? 1 : 0;
	if (is_bucket(meter)) {
		meter->tokens -= MILLI;
	} else {
		note(meter, now);
	}
}

/* From all of them, or from none. */
static unsigned take(struct meter *const *meters, uint64_t now)
{
	unsigned wait = 0;
	for (size_t i = 0; i < ASKED_MOST; i++) {
		bool used_up = meters[i] != NULL && is_used_up(meters[i]);
		unsigned own = used_up ? refuse(meters[i], now) : 0;
		wait = own > wait ? own : wait;
	}
	for (size_t i = 0; i < ASKED_MOST && wait == 0; i++) {
		if (meters[i] != NULL) {
			pass(meters[i], now);
		}
	}
	return wait;
}

unsigned rates_ask(struct rates *rates, const struct rate *asked, size_t count, uint64_t now)
{
	struct meter *meters[ASKED_MOST] = {NULL};
	for (size_t i = 0; i < count && i < ASKED_MOST; i++) {
		meters[i] = asked[i].most > 0 ? meter_of(rates, &asked[i], now) : NULL;
	}
	unsigned wait = take(meters, now);
	for (size_t i = 0; i < ASKED_MOST; i++) {
		if (meters[i] != NULL) {
			meters[i]->held = false;
		}
	}
	return wait;
}
