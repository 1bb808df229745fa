/* mover.c - moves closed calls from Redis into the ledger's files, in the one process that holds the lease.
 *
 * A round goes through the partitions one after the other: read some rows, write them in the pool, drop them from
 * Redis once they are committed. What was written and not dropped comes again and changes nothing, since a call
 * stands in a file once. One batch is under way at a time, so the file stays open from batch to batch and belongs
 * to whichever pool thread writes. The same process closes calls whose worker is gone (the sweep). */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/keeper.h"
#include "qg/log.h"
#include "qg/str.h"

enum {
	BATCH_MOST = 500,     /* rows at once */
	ROUND_MS = 1000,      /* between rounds while there is something to move */
	IDLE_ROUND_MS = 5000, /* and while there is not */
	SWEEP_MS = 30000,
	ERROR_SIZE = 128,
};

struct row {
	char *id, *text;
	size_t size;
	char month[8];
};

struct mover {
	struct qg_worker *worker;
	struct qg_keeper *keeper;
	struct qg_sweep *sweep;
	struct qg_timer *round_timer, *sweep_timer;
	bool up, found, reading, stopped;
	unsigned partition; /* the round has come to it */
	/* the batch under way */
	struct row *rows;
	size_t count;
	bool working;
	/* the pool thread's while one works */
	struct qg_ledger_file *file;
	char month[8], error[ERROR_SIZE];
	enum qg_status status;
	size_t bad;
	bool failing; /* it was logged */
	struct qg_metric *moved, *swept, *is_failing;
};

static void next_partition(struct mover *mover);

/* ---- the batch ---- */

static void free_rows(struct mover *mover)
{
	for (size_t i = 0; i < mover->count; i++) {
		free(mover->rows[i].id);
		free(mover->rows[i].text);
	}
	free(mover->rows);
	mover->rows = NULL;
	mover->count = 0;
}

static bool keep_rows(struct mover *mover, const struct qg_ledger_entry *entries, size_t count)
{
	mover->rows = calloc(count, sizeof(*mover->rows));
	bool ok = mover->rows != NULL;
	for (size_t i = 0; ok && i < count; i++) {
		struct row *row = &mover->rows[mover->count++];
		row->id = qg_str_copy(entries[i].id);
		row->text = qg_str_copy_n(entries[i].row, entries[i].size);
		row->size = entries[i].size;
		ok = row->id != NULL && row->text != NULL;
	}
	if (!ok) {
		free_rows(mover);
	}
	return ok;
}

/* ---- in the pool ---- */

static bool open_month(struct mover *mover, const char *month)
{
	if (mover->file != NULL && strcmp(mover->month, month) == 0) {
		return true;
	}
	qg_ledger_file_close(mover->file);
	snprintf(mover->month, sizeof(mover->month), "%s", month);
	mover->file = qg_ledger_file_open(mover->worker->core->data_dir, month, mover->error);
	return mover->file != NULL;
}

/* Writes the rows from first on that are of its month. */
static enum qg_status write_month(struct mover *mover, size_t first)
{
	const char *texts[BATCH_MOST];
	size_t sizes[BATCH_MOST], count = 0, bad = 0;
	const char *month = mover->rows[first].month;
	for (size_t i = first; i < mover->count; i++) {
		if (strcmp(mover->rows[i].month, month) == 0) {
			texts[count] = mover->rows[i].text;
			sizes[count++] = mover->rows[i].size;
		}
	}
	if (!open_month(mover, month)) {
		return QG_IO;
	}
	enum qg_status status = qg_ledger_file_add(mover->file, texts, sizes, count, &bad);
	if (status != QG_OK) {
		snprintf(mover->error, ERROR_SIZE, "%s", qg_ledger_file_error(mover->file));
		qg_ledger_file_close(mover->file);
		mover->file = NULL;
	}
	mover->bad += bad;
	return status;
}

static bool is_first_of_month(const struct mover *mover, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (strcmp(mover->rows[i].month, mover->rows[index].month) == 0) {
			return false;
		}
	}
	return true;
}

static void write_rows(void *arg, unsigned thread_index)
{
	struct mover *mover = arg;
	mover->status = QG_OK;
	mover->bad = 0;
	for (size_t i = 0; i < mover->count && mover->status == QG_OK; i++) {
		struct row *row = &mover->rows[i];
		enum qg_status status = qg_ledger_row_month(row->text, row->size, row->month);
		if (status == QG_INVALID) {
			row->month[0] = '\0'; /* no row: nothing can be done with it */
			mover->bad++;
		} else {
			mover->status = status; /* no memory: all of them stay in Redis */
		}
	}
	for (size_t i = 0; i < mover->count && mover->status == QG_OK; i++) {
		if (mover->rows[i].month[0] != '\0' && is_first_of_month(mover, i)) {
			mover->status = write_month(mover, i);
		}
	}
}

/* ---- back on the loop ---- */

static void end_round(struct mover *mover, bool found)
{
	free_rows(mover);
	if (!mover->stopped) {
		qg_timer_start(
			mover->round_timer, qg_clock_scaled(found ? ROUND_MS : IDLE_ROUND_MS));
	}
}

static void set_failing(struct mover *mover, bool failing)
{
	if (failing && !mover->failing) {
		qg_log_error(NULL, "the ledger cannot be written (%s): calls wait in Redis",
			mover->error[0] != '\0' ? mover->error : qg_status_text(mover->status));
	} else if (!failing && mover->failing) {
		qg_log_info(NULL, "the ledger is written again");
	}
	mover->failing = failing;
	qg_metric_set(mover->is_failing, failing ? 1 : 0);
}

static void dropped(void *arg, enum qg_status status)
{
	struct mover *mover = arg;
	mover->reading = false;
	bool more = mover->count == BATCH_MOST;
	if (status != QG_OK) {
		end_round(mover, true);
		return;
	}
	free_rows(mover);
	mover->partition += more ? 0 : 1;
	next_partition(mover);
}

static void drop_rows(struct mover *mover)
{
	const char *ids[BATCH_MOST];
	for (size_t i = 0; i < mover->count; i++) {
		ids[i] = mover->rows[i].id;
	}
	mover->reading = true;
	qg_ledger_drop(
		mover->worker->core->queue, mover->partition, ids, mover->count, dropped, mover);
}

static void written(void *arg)
{
	struct mover *mover = arg;
	mover->working = false;
	set_failing(mover, mover->status != QG_OK);
	if (mover->bad > 0 && mover->status == QG_OK) {
		qg_log_error(NULL, "%zu rows of the ledger were none and are gone", mover->bad);
	}
	if (mover->status != QG_OK || !mover->up) {
		end_round(mover, false); /* they are read again */
		return;
	}
	qg_metric_add(mover->moved, (int64_t)(mover->count - mover->bad));
	drop_rows(mover); /* also where the lease went meanwhile: they are in a file */
}

static void have_read(
	void *arg, enum qg_status status, const struct qg_ledger_entry *entries, size_t count)
{
	struct mover *mover = arg;
	mover->reading = false;
	if (status != QG_OK || !qg_keeper_holds(mover->keeper)) {
		end_round(mover, true);
		return;
	}
	if (count == 0) {
		mover->partition++;
		next_partition(mover);
		return;
	}
	mover->found = true;
	mover->error[0] = '\0';
	if (keep_rows(mover, entries, count < BATCH_MOST ? count : BATCH_MOST)) {
		mover->working =
			qg_loop_work(mover->worker->core->loop, write_rows, written, mover) != NULL;
	}
	if (!mover->working) {
		end_round(mover, true); /* out of memory, or too much in the pool */
	}
}

static void next_partition(struct mover *mover)
{
	if (!mover->up || mover->partition >= mover->worker->partition_count ||
		!qg_keeper_holds(mover->keeper)) {
		end_round(mover, mover->found);
		return;
	}
	mover->reading = true;
	qg_ledger_read(mover->worker->core->queue, mover->partition, BATCH_MOST, have_read, mover);
}

/* ---- who does it ---- */

/* The files belong beside the Redis they are fed from; with one elsewhere, where the config says so or a process
 * does everything. */
static bool may_hold(const struct qg_core *core)
{
	return qg_str_equal(core->config->redis, "embedded") || core->both_roles ||
	       core->config->ledger;
}

static void begin_round(void *arg)
{
	struct mover *mover = arg;
	if (mover->reading || mover->working) {
		return;
	}
	qg_keeper_want(mover->keeper, !mover->stopped && may_hold(mover->worker->core));
	mover->partition = 0;
	mover->found = false;
	next_partition(mover);
}

static void swept(void *arg, enum qg_status status, size_t count)
{
	struct mover *mover = arg;
	if (status == QG_OK && count > 0) {
		qg_metric_add(mover->swept, (int64_t)count);
		qg_log_warn(NULL, "%zu calls whose worker is gone were closed at their estimate",
			count);
	}
}

static void sweep(void *arg)
{
	struct mover *mover = arg;
	for (unsigned p = 0; p < mover->worker->partition_count; p++) {
		if (mover->up && qg_keeper_holds(mover->keeper)) {
			qg_sweep_look(mover->sweep, p, swept, mover);
		}
	}
}

static bool is_dead(void *arg, const char *process)
{
	const struct mover *mover = arg;
	return qg_process_is_dead(mover->worker->core, process);
}

static void lease_changed(void *arg, bool held)
{
	struct mover *mover = arg;
	qg_log_info(NULL,
		held ? "this process writes the ledger" : "another process writes the ledger now");
	if (held) {
		begin_round(mover);
	}
}

static void make_metrics(struct mover *mover)
{
	mover->moved = qg_metric_counter(
		"ledger_rows_total", NULL, "Rows of calls moved into the ledger's files");
	mover->swept = qg_metric_counter(
		"calls_swept_total", NULL, "Calls whose worker was gone, closed at their estimate");
	mover->is_failing =
		qg_metric_gauge("ledger_failing", NULL, "1 while the ledger cannot be written");
}

struct mover *mover_create(struct qg_worker *worker)
{
	struct mover *mover = calloc(1, sizeof(*mover));
	if (mover == NULL) {
		return NULL;
	}
	struct qg_keeper_options options = {.loop = worker->core->loop,
		.queue = worker->core->queue,
		.lease = "ledger",
		.is_dead = is_dead,
		.changed = lease_changed,
		.arg = mover};
	mover->worker = worker;
	mover->keeper = qg_keeper_create(&options);
	mover->sweep = qg_sweep_create(worker->core->queue);
	mover->round_timer = qg_timer_create(worker->core->loop, begin_round, mover);
	mover->sweep_timer = qg_timer_create(worker->core->loop, sweep, mover);
	if (mover->keeper == NULL || mover->sweep == NULL || mover->round_timer == NULL ||
		mover->sweep_timer == NULL) {
		mover_destroy(mover);
		return NULL;
	}
	make_metrics(mover);
	qg_keeper_want(mover->keeper, may_hold(worker->core));
	qg_timer_start(mover->round_timer, qg_clock_scaled(ROUND_MS));
	qg_timer_repeat(mover->sweep_timer, qg_clock_scaled(SWEEP_MS));
	return mover;
}

void mover_redis_changed(struct mover *mover, bool up)
{
	mover->up = up;
	qg_keeper_redis_changed(mover->keeper, up);
}

void mover_stop(struct mover *mover)
{
	mover->stopped = true;
	qg_timer_stop(mover->round_timer);
	qg_timer_stop(mover->sweep_timer);
	qg_keeper_want(mover->keeper, false);
}

/* The connection to Redis is gone: nothing is read or dropped any more. */
void mover_destroy(struct mover *mover)
{
	if (mover == NULL) {
		return;
	}
	mover->up = false;
	mover->stopped = true;
	if (mover->working) {
		qg_loop_finish_work(mover->worker->core->loop);
	}
	free_rows(mover);
	qg_ledger_file_close(mover->file);
	qg_keeper_destroy(mover->keeper);
	qg_sweep_destroy(mover->sweep);
	qg_timer_destroy(mover->round_timer);
	qg_timer_destroy(mover->sweep_timer);
	free(mover);
}
