/* pace.c - turns of calls, by API.
 *
 * Each API has a time at which a call at the long-run pace may leave; a call takes that turn and moves it on. A quiet API
 * may be a burst ahead. APIs are told apart by digest; the few that find no place share one more. */
#include "pace.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/crypto.h"

#define APIS_MOST 32

struct qg_pace {
	unsigned interval_ms, burst_ms;
	struct {
		char api[33];
		uint64_t free_at;
	} apis[APIS_MOST];
	uint64_t others_free_at; /* of all that found no place */
};

struct qg_pace *qg_pace_create(unsigned interval_ms, unsigned burst_ms)
{
	struct qg_pace *pace = calloc(1, sizeof(*pace));
	if (pace) {
		pace->interval_ms = interval_ms;
		pace->burst_ms = burst_ms;
	}
	return pace;
}

void qg_pace_destroy(struct qg_pace *pace)
{
	free(pace);
}

static uint64_t *free_at(struct qg_pace *pace, const char *name)
{
	char api[33];
	qg_digest_id(api, name, NULL);
	for (size_t i = 0; i < APIS_MOST; i++) {
		if (pace->apis[i].api[0] == '\0') {
			memcpy(pace->apis[i].api, api, sizeof(api));
		}
		if (strcmp(pace->apis[i].api, api) == 0) {
			return &pace->apis[i].free_at;
		}
	}
	return &pace->others_free_at;
}

bool qg_pace_take(struct qg_pace *pace, const char *api, uint64_t most_ms, uint64_t *wait_out)
{
	uint64_t *at = free_at(pace, api);
	uint64_t now = qg_clock_mono();
	*wait_out = *at > now + pace->burst_ms ? *at - pace->burst_ms - now : 0;
	if (*wait_out > most_ms) {
		return false;
	}
	*at = (*at > now ? *at : now) + pace->interval_ms;
	return true;
}

void qg_pace_hold(struct qg_pace *pace, const char *api, uint64_t wait_ms)
{
	uint64_t *at = free_at(pace, api);
	uint64_t later = qg_clock_mono() + wait_ms + pace->burst_ms;
	*at = later > *at ? later : *at;
}
