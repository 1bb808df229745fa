/* fleet.c - what the processes of one Redis know of each other.
 *
 * Processes without doors (--role agents) write their figures into the hash qg:process every two seconds; those
 * with doors read it and show all. No two clocks are compared: each entry holds a number that grows, and the
 * reader notes on its own monotonic clock when it last saw a new one. Who shows none for ten seconds is left
 * out, after a minute its entry is removed (a process that was only stopped writes it again).
 */
#include "ops.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/metrics.h"
#include "qg/str.h"

#define PROCESS_KEY "qg:process"

enum {
	BEAT_MS = 2000,
	STALE_MS = 10 * 1000,
	FORGET_MS = 60 * 1000,
	MAX_PROCESSES = 200,
	MAX_ENTRY = 2 << 20,
};

/* What we saw of another process. */
struct member {
	char *name;
	json_t *entry;
	int64_t number;
	uint64_t seen_at; /* when the number was new */
	bool listed;	  /* in the answer being read */
};

struct qg_fleet {
	struct qg_core *core;
	struct qg_timer *timer;
	bool publish, asked;
	int64_t number;
	struct member members[MAX_PROCESSES];
	size_t count;
	json_t *others;
};

/* ---- writing ---- */

static char *make_entry(struct qg_fleet *fleet)
{
	json_t *health = qg_health_json(fleet->core, NULL, NULL);
	json_t *metrics = qg_metrics_export();
	json_auto_t *entry = json_pack("{s:I, s:o, s:o}", "number", (json_int_t)++fleet->number,
		"health", health, "metrics", metrics);
	return entry ? qg_json_dump(entry) : NULL;
}

static void publish(struct qg_fleet *fleet)
{
	char *entry = make_entry(fleet);
	if (entry) {
		const char *argv[] = {"HSET", PROCESS_KEY, fleet->core->process, entry};
		size_t sizes[4];
		for (size_t i = 0; i < 4; i++) {
			sizes[i] = strlen(argv[i]);
		}
		qg_redis_command(fleet->core->redis, NULL, NULL, 4, argv, sizes);
	}
	free(entry);
}

/* ---- reading ---- */

static void drop_member(struct qg_fleet *fleet, size_t at)
{
	free(fleet->members[at].name);
	json_decref(fleet->members[at].entry);
	fleet->members[at] = fleet->members[--fleet->count];
}

static struct member *find_member(struct qg_fleet *fleet, const char *name)
{
	for (size_t i = 0; i < fleet->count; i++) {
		if (strcmp(fleet->members[i].name, name) == 0) {
			return &fleet->members[i];
		}
	}
	if (fleet->count >= MAX_PROCESSES) {
		return NULL;
	}
	char *copy = qg_str_copy(name);
	if (!copy) {
		return NULL;
	}
	fleet->members[fleet->count] = (struct member){.name = copy, .number = INT64_MIN};
	return &fleet->members[fleet->count++];
}

static void read_entry(struct qg_fleet *fleet, const char *name, const char *data, size_t size)
{
	json_t *entry = size <= MAX_ENTRY ? qg_json_parse(data, size, NULL) : NULL;
	struct member *member = entry ? find_member(fleet, name) : NULL;
	if (!member) {
		json_decref(entry);
		return;
	}
	int64_t number = qg_json_int(entry, "number", 0);
	member->listed = true;
	if (number == member->number) {
		json_decref(entry);
		return;
	}
	member->seen_at = qg_clock_mono();
	member->number = number;
	json_decref(member->entry);
	member->entry = entry;
}

static bool is_stale(const struct member *member, uint64_t limit)
{
	return qg_clock_mono() - member->seen_at > qg_clock_scaled(limit);
}

static void forget(struct qg_fleet *fleet)
{
	for (size_t i = fleet->count; i-- > 0;) {
		struct member *member = &fleet->members[i];
		if (!member->listed) {
			drop_member(fleet, i);
		} else if (is_stale(member, FORGET_MS)) {
			qg_redis_run(fleet->core->redis, NULL, NULL, "HDEL " PROCESS_KEY " %s",
				member->name);
			drop_member(fleet, i);
		}
	}
}

static void on_entries(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	if (status == QG_CANCELLED) {
		return;
	}
	struct qg_fleet *fleet = arg;
	fleet->asked = false;
	if (status != QG_OK || reply->type != QG_REPLY_ARRAY) {
		return;
	}
	for (size_t i = 0; i < fleet->count; i++) {
		fleet->members[i].listed = false;
	}
	for (size_t i = 0; i + 1 < reply->count; i += 2) {
		const struct qg_redis_reply *name = &reply->items[i], *entry = &reply->items[i + 1];
		if (name->type == QG_REPLY_STRING && entry->type == QG_REPLY_STRING &&
			!qg_str_equal(name->text, fleet->core->process)) {
			read_entry(fleet, name->text, entry->text, entry->size);
		}
	}
	forget(fleet);
}

static void beat(void *arg)
{
	struct qg_fleet *fleet = arg;
	if (!fleet->core->redis_up) {
		return;
	}
	if (fleet->publish) {
		publish(fleet);
	} else if (!fleet->asked) {
		fleet->asked = true;
		qg_redis_run(fleet->core->redis, on_entries, fleet, "HGETALL " PROCESS_KEY);
	}
}

const json_t *qg_fleet_others(struct qg_fleet *fleet)
{
	json_decref(fleet->others);
	fleet->others = json_object();
	for (size_t i = 0; i < fleet->count; i++) {
		struct member *member = &fleet->members[i];
		if (member->entry && !is_stale(member, STALE_MS) &&
			json_object_set(fleet->others, member->name, member->entry) != 0) {
			qg_log_debug(NULL, "no memory to list %s", member->name);
		}
	}
	return fleet->others;
}

struct qg_fleet *qg_fleet_create(struct qg_core *core, bool publish_ours)
{
	struct qg_fleet *fleet = calloc(1, sizeof(*fleet));
	if (!fleet) {
		return NULL;
	}
	fleet->core = core;
	fleet->publish = publish_ours;
	fleet->timer = qg_timer_create(core->loop, beat, fleet);
	if (!fleet->timer) {
		free(fleet);
		return NULL;
	}
	qg_timer_repeat(fleet->timer, qg_clock_scaled(BEAT_MS));
	return fleet;
}

void qg_fleet_destroy(struct qg_fleet *fleet)
{
	if (!fleet) {
		return;
	}
	qg_timer_destroy(fleet->timer);
	while (fleet->count > 0) {
		drop_member(fleet, fleet->count - 1);
	}
	json_decref(fleet->others);
	free(fleet);
}
