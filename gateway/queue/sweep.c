/* sweep.c - open calls that nobody will close, and holds on customers' budgets that no call stands behind.
 *
 * A call whose turn is no longer held is as a rule closed a moment later by the worker that made it: only what
 * stands so in two looks, half a minute of our own clock apart, is closed at its estimate. The script looks again.
 * What comes after all then corrects it. A look asks one page after the other, each when all that the one before
 * gave rise to is done; while nothing is open it is one script. */
#include "booking.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define PATIENCE_MS 30000
#define PATIENCE_WITHOUT_FENCE_MS (15 * 60 * 1000) /* longer than any call to a model */

/* An open call or a hold, seen first at that monotonic time. */
struct sight {
	char id[34]; /* 'c' or 'h', then the call */
	uint64_t since;
};
struct sights {
	struct sight *items; /* sorted by id once a look has ended */
	size_t count, capacity;
};

struct qg_sweep {
	struct qg_queue *queue;
	struct sights *seen; /* by partition */
	struct look *looks;
};

struct look {
	struct qg_sweep *sweep; /* NULL: it went */
	struct look *next;
	unsigned partition;
	struct sights sights; /* of this look */
	char *next_call, *next_hold;
	size_t under_way, closed;
	enum qg_status status;
	qg_count_fn fn;
	void *arg;
};

/* ---- what was seen ---- */

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct sight *)a)->id, ((const struct sight *)b)->id);
}

/* For how long this call or hold was seen in a row; what cannot be kept begins anew at the next look. */
static uint64_t note(struct look *look, char kind, const char *call)
{
	struct sights *now = &look->sights, *before = &look->sweep->seen[look->partition];
	struct sight sight = {.since = qg_clock_mono()};
	uint64_t present = sight.since;
	if (strlen(call) + 2 > sizeof(sight.id)) {
		return 0;
	}
	sight.id[0] = kind;
	memcpy(sight.id + 1, call, strlen(call) + 1);
	const struct sight *known = before->count > 0 ? bsearch(&sight, before->items,
								before->count, sizeof(sight), by_id)
						      : NULL;
	if (known != NULL) {
		sight.since = known->since;
	}
	if (now->count == now->capacity) {
		size_t capacity = now->capacity > 0 ? 2 * now->capacity : 64;
		struct sight *items = realloc(now->items, capacity * sizeof(*items));
		if (items == NULL) {
			return 0;
		}
		now->items = items;
		now->capacity = capacity;
	}
	now->items[now->count++] = sight;
	return present - sight.since;
}

/* ---- a look ---- */

static void look_destroy(struct look *look)
{
	free(look->sights.items);
	free(look->next_call);
	free(look->next_hold);
	free(look);
}

static void unlink_look(struct look *look)
{
	for (struct look **at = &look->sweep->looks; *at != NULL; at = &(*at)->next) {
		if (*at == look) {
			*at = look->next;
			return;
		}
	}
}

/* A look that broke off leaves what was seen before as it was. */
static void end(struct look *look)
{
	struct sights *seen = &look->sweep->seen[look->partition];
	if (look->status == QG_OK) {
		free(seen->items);
		*seen = look->sights;
		look->sights = (struct sights){0};
		if (seen->count > 0) {
			qsort(seen->items, seen->count, sizeof(*seen->items), by_id);
		}
	}
	unlink_look(look);
	qg_count_fn fn = look->fn;
	void *arg = look->arg;
	enum qg_status status = look->status;
	size_t closed = look->closed;
	look_destroy(look);
	fn(arg, status, closed);
}

static void ask_page(struct look *look);

/* One answer of this look has come. */
static void came(struct look *look, enum qg_status status)
{
	look->under_way--;
	if (status != QG_OK && status != QG_STALE) {
		look->status = status;
	}
	if (look->under_way > 0) {
		return;
	}
	bool ended = *look->next_call == '\0' && *look->next_hold == '\0';
	if (look->sweep == NULL) {
		look_destroy(look);
	} else if (ended || look->status != QG_OK) {
		end(look);
	} else {
		ask_page(look);
	}
}

/* ---- calls ---- */

static void call_swept(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct look *look = arg;
	status = reply_status(status, reply);
	look->closed += status == QG_OK;
	came(look, status);
}

/* What the row adds to the sums. */
static void row_figures(const json_t *row, char used[USED_SIZE])
{
	struct qg_figure figure = {.calls = 1,
		.input = qg_json_int(row, "input", 0),
		.cached_input = qg_json_int(row, "cached_input", 0),
		.output = qg_json_int(row, "output", 0)};
	bool dollars = strcmp(qg_json_str(row, "currency", ""), "USD") == 0;
	figure.cost[dollars ? QG_USD : QG_CNY] = qg_json_int(row, "cost", 0);
	figures_text(&figure, used);
}

/* stored: fence, reserves, row, a line each. */
static void sweep_call(struct look *look, const char *id, const struct qg_redis_reply *stored)
{
	const char *second = strchr(stored->text, '\n');
	const char *row = second != NULL ? strchr(second + 1, '\n') : NULL;
	size_t size = row != NULL ? stored->size - (size_t)(row + 1 - stored->text) : 0;
	QG_AUTO(qg_str_free) char *text = NULL;
	enum qg_status status =
		row != NULL ? qg_ledger_row_estimated(row + 1, size, &text) : QG_INVALID;
	json_auto_t *json = text != NULL ? qg_json_parse(text, strlen(text), NULL) : NULL;
	if (status == QG_NO_MEMORY || (text != NULL && json == NULL)) {
		return; /* it stays open until a later look */
	}
	char used[USED_SIZE] = "";
	if (json != NULL) {
		row_figures(json, used);
	} else {
		qg_log_error(NULL, "an open call cannot be read and is dropped: %.40s", id);
	}
	struct call call;
	call_init(&call);
	call_str(&call, "sweep");
	call_str(&call, qg_json_str(json, "bot", ""));
	call_str(&call, id);
	call_str(&call, json != NULL ? text : "");
	call_str(&call, qg_json_str(json, "day", ""));
	call_str(&call, qg_json_str(json, "chat", ""));
	call_str(&call, qg_json_str(json, "user", ""));
	call_str(&call, used);
	look->under_way++;
	call_go(&call, look->sweep->queue, look->partition, &qg_script_ledger, call_swept, look);
}

static void see_calls(struct look *look, const struct qg_redis_reply *calls)
{
	for (size_t i = 0; i + 1 < calls->count; i += 2) {
		const struct qg_redis_reply *stored = &calls->items[i + 1];
		if (stored->text == NULL) {
			continue;
		}
		uint64_t seen = note(look, 'c', reply_text(calls, i));
		bool fenced = stored->text[0] != '\n';
		if (seen >= qg_clock_scaled(fenced ? PATIENCE_MS : PATIENCE_WITHOUT_FENCE_MS)) {
			sweep_call(look, reply_text(calls, i), stored);
		}
	}
}

/* ---- holds ---- */

struct asking { /* what became of the call behind a hold */
	struct look *look;
	char id[34];
};

static void hold_ended(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	came(arg, reply_status(status, reply));
}

static void state_told(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct asking *asking = arg;
	struct look *look = asking->look;
	const char *state = status == QG_OK ? reply_text(reply, 0) : "open";
	if (look->sweep != NULL && strcmp(state, "open") != 0) { /* gone, swept or closed */
		struct call call;
		call_init(&call);
		call_str(&call, state);
		call_str(&call, asking->id);
		call_str(&call, reply_text(reply, 1));
		look->under_way++;
		call_go(&call, look->sweep->queue, look->partition, &qg_script_hold, hold_ended,
			look);
	}
	free(asking);
	came(look, status == QG_FULL ? QG_BUSY : status);
}

static void see_holds(struct look *look, const struct qg_redis_reply *holds)
{
	for (size_t i = 0; i + 1 < holds->count; i += 2) {
		const char *id = reply_text(holds, i), *bot = reply_text(holds, i + 1);
		struct asking *asking = NULL;
		if (note(look, 'h', id) < qg_clock_scaled(PATIENCE_MS) ||
			(asking = calloc(1, sizeof(*asking))) == NULL) {
			continue;
		}
		struct qg_queue *queue = look->sweep->queue;
		asking->look = look;
		memcpy(asking->id, id, strlen(id) + 1); /* note() measured it */
		struct call call;
		call_init(&call);
		call_str(&call, "state");
		call_str(&call, id);
		look->under_way++;
		call_go(&call, queue, qg_queue_partition(queue, bot), &qg_script_sweep, state_told,
			asking);
	}
}

/* ---- pages ---- */

static void page_came(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct look *look = arg;
	status = status == QG_FULL ? QG_BUSY : status;
	if (status == QG_OK && reply->count == 4 && look->sweep != NULL) {
		free(look->next_call);
		free(look->next_hold);
		look->next_call = certain(qg_str_copy(reply_text(reply, 0)));
		look->next_hold = certain(qg_str_copy(reply_text(reply, 2)));
		see_calls(look, &reply->items[1]);
		see_holds(look, &reply->items[3]);
	} else if (status == QG_OK) {
		status = QG_FAILED;
	}
	came(look, status);
}

static void ask_page(struct look *look)
{
	struct call call;
	call_init(&call);
	call_str(&call, "look");
	call_str(&call, look->next_call);
	call_str(&call, look->next_hold);
	look->under_way++;
	call_go(&call, look->sweep->queue, look->partition, &qg_script_sweep, page_came, look);
}

void qg_sweep_look(struct qg_sweep *sweep, unsigned partition, qg_count_fn closed, void *arg)
{
	struct look *look = certain(calloc(1, sizeof(*look)));
	*look = (struct look){.sweep = sweep,
		.next = sweep->looks,
		.partition = partition,
		.next_call = certain(qg_str_copy("0")),
		.next_hold = certain(qg_str_copy("0")),
		.fn = closed,
		.arg = arg};
	sweep->looks = look;
	ask_page(look);
}

struct qg_sweep *qg_sweep_create(struct qg_queue *queue)
{
	struct qg_sweep *sweep = calloc(1, sizeof(*sweep));
	if (sweep != NULL) {
		sweep->queue = queue;
		sweep->seen = calloc(queue->partitions, sizeof(*sweep->seen));
	}
	if (sweep == NULL || sweep->seen == NULL) {
		free(sweep);
		return NULL;
	}
	return sweep;
}

/* Answers that still come find a look without a sweep. */
void qg_sweep_destroy(struct qg_sweep *sweep)
{
	if (sweep == NULL) {
		return;
	}
	for (struct look *look = sweep->looks; look != NULL; look = look->next) {
		look->sweep = NULL;
	}
	for (unsigned p = 0; p < sweep->queue->partitions; p++) {
		free(sweep->seen[p].items);
	}
	free(sweep->seen);
	free(sweep);
}
