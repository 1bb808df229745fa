/* rates.c - token buckets: what a platform lets us send in a chat, and from all bots of an account.
 *
 * A fifth of the rate may leave at once, the rest flows: burst and flow together never exceed the rate in any one
 * second. Who is refused is told a later time the more have been refused before, so that they do not all come back
 * for the same place. A bucket that is full again says no more than none at all: it is dropped when somebody passes,
 * so there are as many as chats were sent to within the last second. */
#include "rates.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "qg/list.h"
#include "qg/str.h"

enum { CHAINS = 256, ASKED_MOST = 4, WAIT_MOST_MS = 10000, MILLI = 1000 };

struct bucket {
	struct qg_list item;
	char *key;
	uint64_t tokens;  /* thousandths */
	uint64_t burst;	  /* thousandths: of a full one */
	uint64_t flow;	  /* thousandths a millisecond: tokens a second */
	uint64_t filled;  /* mono ms */
	bool held;	  /* by who asks just now */
	unsigned refused; /* since it was last full, and not let pass since */
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

static void drop(struct rates *rates, struct bucket *bucket)
{
	qg_list_remove(&bucket->item);
	rates->count--;
	free(bucket->key);
	free(bucket);
}

void rates_destroy(struct rates *rates)
{
	for (size_t i = 0; rates != NULL && i < CHAINS; i++) {
		QG_LIST_FOR_EACH (item, &rates->chains[i]) {
			drop(rates, QG_CONTAINER(item, struct bucket, item));
		}
	}
	free(rates);
}

size_t rates_count(const struct rates *rates)
{
	return rates->count;
}

static void refill(struct bucket *bucket, uint64_t now)
{
	uint64_t passed = now > bucket->filled ? now - bucket->filled : 0;
	uint64_t missing = bucket->burst - bucket->tokens;
	bucket->filled = now;
	if (passed >= (missing + bucket->flow - 1) / bucket->flow) {
		bucket->tokens = bucket->burst;
		bucket->refused = 0;
	} else {
		bucket->tokens += passed * bucket->flow;
	}
}

/* The bucket of that key, brought up to now; those of its chain that are full are dropped. */
static struct bucket *find(
	struct rates *rates, struct qg_list *chain, const char *key, uint64_t now)
{
	struct bucket *found = NULL;
	QG_LIST_FOR_EACH (item, chain) {
		struct bucket *bucket = QG_CONTAINER(item, struct bucket, item);
		refill(bucket, now);
		if (strcmp(bucket->key, key) == 0) {
			found = bucket;
		} else if (bucket->tokens == bucket->burst && !bucket->held) {
			drop(rates, bucket);
		}
	}
	return found;
}

/* Takes key. NULL for no memory. */
static struct bucket *bucket_of(struct rates *rates, char *key, unsigned per_second, uint64_t now)
{
	if (key == NULL) {
		return NULL;
	}
	struct qg_list *chain = &rates->chains[qg_crc16(key, strlen(key)) % CHAINS];
	struct bucket *bucket = find(rates, chain, key, now);
	if (bucket != NULL) {
		free(key);
		bucket->held = true;
		return bucket;
	}
	bucket = calloc(1, sizeof(*bucket));
	if (bucket == NULL) {
		free(key);
		return NULL;
	}
	unsigned burst = per_second >= 5 ? per_second / 5 : 1;
	*bucket = (struct bucket){.key = key,
		.burst = (uint64_t)burst * MILLI,
		.tokens = (uint64_t)burst * MILLI,
		.flow = per_second > burst ? per_second - burst : 1,
		.filled = now,
		.held = true};
	qg_list_add(chain, &bucket->item);
	rates->count++;
	return bucket;
}

static unsigned refuse(struct bucket *bucket)
{
	uint64_t missing = MILLI - bucket->tokens + (uint64_t)bucket->refused * MILLI;
	uint64_t wait = (missing + bucket->flow - 1) / bucket->flow;
	if (wait >= WAIT_MOST_MS) {
		return WAIT_MOST_MS;
	}
	bucket->refused++;
	return (unsigned)wait;
}

/* From all of them, or from none. */
static unsigned take(struct bucket *const *buckets)
{
	unsigned wait = 0;
	for (size_t i = 0; i < ASKED_MOST; i++) {
		bool empty = buckets[i] != NULL && buckets[i]->tokens < MILLI;
		unsigned own = empty ? refuse(buckets[i]) : 0;
		wait = own > wait ? own : wait;
	}
	for (size_t i = 0; i < ASKED_MOST && wait == 0; i++) {
		if (buckets[i] != NULL) {
			buckets[i]->tokens -= MILLI;
			buckets[i]->refused -= buckets[i]->refused > 0 ? 1 : 0;
		}
	}
	return wait;
}

unsigned rates_ask(struct rates *rates, const struct rate *asked, size_t count, uint64_t now)
{
	struct bucket *buckets[ASKED_MOST] = {NULL};
	for (size_t i = 0; i < count && i < ASKED_MOST; i++) {
		const char *detail = asked[i].detail != NULL ? asked[i].detail : "";
		if (asked[i].per_second > 0) {
			buckets[i] = bucket_of(rates,
				qg_str_printf("%s\t%s\t%s", asked[i].kind, asked[i].name, detail),
				asked[i].per_second, now);
		}
	}
	unsigned wait = take(buckets);
	for (size_t i = 0; i < ASKED_MOST; i++) {
		if (buckets[i] != NULL) {
			buckets[i]->held = false;
		}
	}
	return wait;
}
