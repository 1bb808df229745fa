/* state.c - what a conversation remembers about each asker: when a quiet ends, how often nothing
 * was found.
 *
 * {"askers": {"s:<sender>" or "t:<thread>": {"quiet", "told", "misses", "at"}}, "paused_told",
 * and days on which a thing was said that is said once a day}. In
 * a group each asker (or thread) is alone with it: one who waits for a person must not silence the
 * bot for the others. It lies in Redis with the conversation, so it is bounded, and what time has
 * ended goes. */
#include "turn_parts.h"

#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "zone.h"

#define MAX_ASKERS 100
#define FORGET_MS (24 * 3600 * 1000LL) /* misses of yesterday are no row any more */

static json_t *askers_of(const struct qg_turn *turn)
{
	return json_object_get(turn->state, "askers");
}

static char *key_of(const struct qg_message *message)
{
	if (message->thread != NULL && message->thread[0] != '\0') {
		return qg_str_printf("t:%s", message->thread);
	}
	return qg_str_printf("s:%s", message->sender != NULL ? message->sender : "");
}

static bool is_spent(const json_t *asker, int64_t now)
{
	if (!json_is_object(asker)) {
		return true;
	}
	bool quiet = qg_json_int(asker, "quiet", 0) > now;
	bool misses = qg_json_int(asker, "misses", 0) > 0 &&
		      qg_json_int(asker, "at", 0) + FORGET_MS > now;
	return !quiet && !misses;
}

/* Removes the spent ones; where that is not enough, the oldest. */
static void prune(json_t *askers, int64_t now)
{
	const char *key;
	json_t *asker;
	void *next;
	json_object_foreach_safe(askers, next, key, asker)
	{
		if (is_spent(asker, now)) {
			json_object_del(askers, key);
		}
	}
	while (json_object_size(askers) >= MAX_ASKERS) {
		const char *oldest = NULL;
		int64_t at = INT64_MAX;
		json_object_foreach (askers, key, asker) {
			if (qg_json_int(asker, "at", 0) < at) {
				at = qg_json_int(asker, "at", 0);
				oldest = key;
			}
		}
		if (oldest == NULL) {
			json_object_clear(askers);
			return;
		}
		json_object_del(askers, oldest);
	}
}

bool qg_state_begin(struct qg_turn *turn)
{
	const json_t *stored = turn->request.state;
	turn->state = json_is_object(stored) ? json_deep_copy(stored) : json_object();
	if (turn->state != NULL && !json_is_object(askers_of(turn))) {
		json_object_set_new(turn->state, "askers", json_object());
	}
	json_t *askers = askers_of(turn);
	QG_AUTO(qg_str_free) char *key = key_of(qg_turn_last(turn));
	if (askers == NULL || key == NULL) {
		return false;
	}
	json_auto_t *own = json_incref(json_object_get(askers, key)); /* survives the pruning */
	json_object_del(askers, key);
	prune(askers, turn->now);
	if (is_spent(own, turn->now)) {
		json_decref(own);
		own = json_object();
	}
	turn->asker = own;
	return own != NULL && json_object_set(askers, key, own) == 0;
}

void qg_state_end(struct qg_turn *turn)
{
	json_t *askers = askers_of(turn);
	if (turn->asker != NULL && json_object_size(turn->asker) > 0) {
		json_object_set_new(turn->asker, "at", json_integer(turn->now));
	}
	turn->asker = NULL;
	prune(askers, turn->now);
	if (json_object_size(askers) == 0) {
		json_object_del(turn->state, "askers");
	}
}

int64_t qg_state_quiet(const struct qg_turn *turn)
{
	int64_t until = qg_json_int(turn->asker, "quiet", 0);
	return until > turn->now ? until : 0;
}

void qg_state_set_quiet(struct qg_turn *turn, int64_t until)
{
	json_object_set_new(turn->asker, "quiet", json_integer(until));
	json_object_del(turn->asker, "told");
	json_object_del(turn->asker, "misses");
}

bool qg_state_end_all_quiet(struct qg_turn *turn)
{
	const char *key;
	json_t *asker;
	bool any = false;
	json_object_foreach (askers_of(turn), key, asker) {
		any |= qg_json_int(asker, "quiet", 0) > turn->now;
		json_object_del(asker, "quiet");
		json_object_del(asker, "told");
	}
	return any;
}

void qg_state_day(const struct qg_turn *turn, char out[12])
{
	struct tm tm;
	qg_zone_local(turn->request.bot->timezone, turn->now, &tm);
	if (strftime(out, 12, "%Y%m%d", &tm) == 0) {
		out[0] = '\0';
	}
}

bool qg_state_first_today(struct qg_turn *turn, const char *what)
{
	char day[12];
	qg_state_day(turn, day);
	if (strcmp(qg_json_str(turn->state, what, ""), day) == 0) {
		return false;
	}
	json_object_set_new(turn->state, what, json_string(day));
	return true;
}
