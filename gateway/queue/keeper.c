/* keeper.c - one lease kept: looked at each second, taken when its holder is silent or dead, renewed, given back. */
#include "qg/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

enum { LOOK_MS = 1000, RENEW_MS = 2000, TAKE_MS = 8000, TRUST_MS = 5000 };

struct qg_keeper {
	struct qg_keeper_options options;
	struct qg_timer *look_timer, *renew_timer;
	char *lease;
	unsigned partition;
	bool up, wanted, held;
	bool looking, taking, renewing;
	uint64_t epoch;
	uint64_t sent;	    /* mono ms of the take or renewal under way */
	uint64_t confirmed; /* at which the last confirmed one was sent */
	char *seen;	    /* the row, since when it stands so */
	uint64_t seen_since;
};

static void taken(void *arg, enum qg_status status, uint64_t epoch, int64_t kicked_until)
{
	struct qg_keeper *keeper = arg;
	keeper->taking = false;
	if (status != QG_OK) {
		return;
	}
	if (!keeper->wanted) {
		qg_lease_release(keeper->options.queue, keeper->lease, epoch, NULL, NULL);
		return;
	}
	keeper->held = true;
	keeper->epoch = epoch;
	keeper->confirmed = keeper->sent;
	keeper->options.changed(keeper->options.arg, true);
}

static const struct qg_lease_row *own_row(
	const struct qg_keeper *keeper, const struct qg_lease_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].link, keeper->lease) == 0) {
			return &rows[i];
		}
	}
	return NULL;
}

/* Nobody has it, or only we do: it was taken, and the answer was lost with the connection. */
static bool is_free(const struct qg_keeper *keeper, const struct qg_lease_row *row)
{
	return row == NULL || strcmp(row->gateway, "-") == 0 ||
	       strcmp(row->gateway, qg_queue_consumer(keeper->options.queue)) == 0 ||
	       keeper->options.is_dead(keeper->options.arg, row->gateway);
}

static void looked(void *arg, enum qg_status status, unsigned partition,
	const struct qg_lease_row *rows, size_t count)
{
	struct qg_keeper *keeper = arg;
	keeper->looking = false;
	if (status != QG_OK || !keeper->wanted || keeper->held || keeper->taking) {
		return;
	}
	const struct qg_lease_row *row = own_row(keeper, rows, count);
	const char *text = row != NULL ? row->row : NULL;
	uint64_t now = qg_clock_mono();
	if (!qg_str_equal(keeper->seen, text)) {
		free(keeper->seen);
		keeper->seen = qg_str_copy(text);
		keeper->seen_since = now;
	}
	if (is_free(keeper, row) || now - keeper->seen_since >= qg_clock_scaled(TAKE_MS)) {
		keeper->taking = true;
		keeper->sent = now;
		qg_lease_take(keeper->options.queue, keeper->lease, keeper->seen, taken, keeper);
	}
}

static void look(void *arg)
{
	struct qg_keeper *keeper = arg;
	if (keeper->up && keeper->wanted && !keeper->held && !keeper->taking && !keeper->looking) {
		keeper->looking = true;
		qg_lease_look(keeper->options.queue, keeper->partition, looked, keeper);
	}
}

static void renewed(void *arg, enum qg_status status, const char *const *lost, size_t count)
{
	struct qg_keeper *keeper = arg;
	keeper->renewing = false;
	if (status != QG_OK || !keeper->held) {
		return;
	}
	if (count == 0) {
		keeper->confirmed = keeper->sent;
		return;
	}
	keeper->held = false;
	keeper->options.changed(keeper->options.arg, false);
}

static void renew(void *arg)
{
	struct qg_keeper *keeper = arg;
	if (!keeper->up || !keeper->held || keeper->renewing) {
		return;
	}
	struct qg_lease lease = {keeper->lease, keeper->epoch};
	keeper->renewing = true;
	keeper->sent = qg_clock_mono();
	qg_lease_renew(keeper->options.queue, keeper->partition, &lease, 1, renewed, keeper);
}

struct qg_keeper *qg_keeper_create(const struct qg_keeper_options *options)
{
	struct qg_keeper *keeper = calloc(1, sizeof(*keeper));
	if (keeper == NULL) {
		return NULL;
	}
	keeper->options = *options;
	keeper->lease = qg_str_copy(options->lease);
	keeper->look_timer = qg_timer_create(options->loop, look, keeper);
	keeper->renew_timer = qg_timer_create(options->loop, renew, keeper);
	if (keeper->lease == NULL || keeper->look_timer == NULL || keeper->renew_timer == NULL) {
		qg_keeper_destroy(keeper);
		return NULL;
	}
	keeper->partition = qg_queue_partition(options->queue, keeper->lease);
	qg_timer_repeat(keeper->look_timer, qg_clock_scaled(LOOK_MS));
	qg_timer_repeat(keeper->renew_timer, qg_clock_scaled(RENEW_MS));
	return keeper;
}

void qg_keeper_want(struct qg_keeper *keeper, bool wanted)
{
	keeper->wanted = wanted;
	if (!wanted && keeper->held) {
		keeper->held = false;
		if (keeper->up) {
			qg_lease_release(
				keeper->options.queue, keeper->lease, keeper->epoch, NULL, NULL);
		}
	}
	look(keeper);
}

void qg_keeper_redis_changed(struct qg_keeper *keeper, bool up)
{
	keeper->up = up;
	renew(keeper);
	look(keeper);
}

bool qg_keeper_holds(const struct qg_keeper *keeper)
{
	return keeper->held && qg_clock_mono() - keeper->confirmed <= qg_clock_scaled(TRUST_MS);
}

void qg_keeper_destroy(struct qg_keeper *keeper)
{
	if (keeper == NULL) {
		return;
	}
	qg_timer_destroy(keeper->look_timer);
	qg_timer_destroy(keeper->renew_timer);
	free(keeper->lease);
	free(keeper->seen);
	free(keeper);
}
