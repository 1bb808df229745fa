/* watch.c - beats of our own jobs, and a watch over those of others.
 *
 * No clocks of two hosts are ever compared: a beat is a counter, and who takes an entry over has seen the same
 * count for 30 s of its own monotonic clock, or knows from the flock that the worker's process is dead, or finds
 * it under its own name without a job (the answer of a pull was lost with the connection). */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

static void beaten(void *arg, enum qg_status status)
{
	struct job *job = arg;
	uint64_t sent = job->beat_sent;
	job->beat_sent = 0;
	if (job->doomed) {
		job_collect(job);
	} else if (status == QG_OK) {
		job->confirmed = sent;
	} else if (status == QG_STALE && !job->in_flight) {
		qg_metric_add(job->worker->stale, 1);
		job_drop(job, "somebody took over");
	}
}

/* A process that was stopped finds all patience at its end at once, and no beat could be confirmed meanwhile. It hears
 * first what came (the end of a call, which then is booked as it was); whether somebody took a job over is for its next
 * beat to say, and its fences protect what is others' now. */
static bool stood_still(struct qg_worker *worker, uint64_t now)
{
	uint64_t before = worker->watched;
	worker->watched = now;
	if (before == 0 || now - before <= qg_clock_scaled(BEAT_MS)) {
		return false;
	}
	QG_LIST_FOR_EACH (item, &worker->jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		uint64_t confirmed = job->confirmed + (now - before);
		job->confirmed = confirmed < now ? confirmed : now;
	}
	return true;
}

void watch_beat(struct qg_worker *worker)
{
	uint64_t now = qg_clock_mono();
	if (stood_still(worker, now)) {
		return;
	}
	QG_LIST_FOR_EACH (item, &worker->jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (now < job->beat_due) {
			continue;
		}
		job->beat_due = now + qg_clock_scaled(BEAT_MS);
		if (now - job->confirmed > qg_clock_scaled(ABORT_MS)) {
			qg_log_warn(job->entry.bot,
				"turn of %s aborted: no confirmed heartbeat for %llu ms",
				job->entry.conversation,
				(unsigned long long)(now - job->confirmed));
			job_drop(job, "no confirmed heartbeat");
			continue;
		}
		if (job->beat_sent == 0 && worker->up) {
			job->beat_sent = now;
			qg_queue_beat(worker->core->queue, &job->entry, beaten, job);
		}
		if (job->state != JOB_HELD) {
			job_proceed(job); /* an end that Redis could not store is sent again */
		}
	}
}

static void free_sights(struct sight *sights, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(sights[i].conversation);
		free(sights[i].owner);
	}
	free(sights);
}

static int by_conversation(const void *a, const void *b)
{
	return strcmp(
		((const struct sight *)a)->conversation, ((const struct sight *)b)->conversation);
}

static void claimed(void *arg, enum qg_status status, struct qg_entry *entries, size_t count)
{
	struct partition *partition = arg;
	struct qg_worker *worker = partition->worker;
	worker->claiming--;
	if (count == 1) {
		qg_metric_add(worker->claimed, 1);
		qg_log_info(entries[0].bot, "turn of %s taken over, try %u",
			entries[0].conversation, entries[0].try);
		job_begin(worker, &entries[0], partition->claim_sent);
	}
	worker_settle(worker);
}

/* Since when has this very beat been seen? */
static uint64_t seen_since(
	const struct partition *partition, const struct qg_pending *row, uint64_t now)
{
	struct sight key = {.conversation = row->entry.conversation};
	const struct sight *sight =
		partition->sight_count == 0
			? NULL
			: bsearch(&key, partition->sights, partition->sight_count, sizeof(key),
				  by_conversation);
	bool same = sight != NULL && sight->id == row->entry.id && sight->try == row->entry.try &&
		    sight->beat == row->beat && qg_str_equal(sight->owner, row->owner);
	return same ? sight->since : now;
}

/* Slots reserved for pulls do not count here: each look reserves all that are free. */
static bool may_claim(const struct qg_worker *worker)
{
	return !worker->draining && worker->job_count + worker->claiming < worker->slots;
}

static bool is_orphan(
	struct qg_worker *worker, const struct qg_pending *row, uint64_t since, uint64_t now)
{
	if (strcmp(row->owner, worker->core->process) == 0) {
		const struct job *job = job_find(worker, &row->entry);
		return job == NULL;
	}
	return now - since >= qg_clock_scaled(CLAIM_MS) ||
	       qg_process_is_dead(worker->core, row->owner);
}

static void looked(void *arg, enum qg_status status, struct qg_pending *rows, size_t count)
{
	struct partition *partition = arg;
	struct qg_worker *worker = partition->worker;
	partition->looking = false;
	if (status != QG_OK) {
		return;
	}
	uint64_t now = qg_clock_mono();
	struct sight *sights = calloc(count + 1, sizeof(*sights));
	if (sights == NULL) {
		return;
	}
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t since = seen_since(partition, &rows[i], now);
		if (may_claim(worker) && is_orphan(worker, &rows[i], since, now)) {
			worker->claiming++;
			partition->claim_sent =
				now; /* earlier ones were answered before this look */
			qg_queue_claim(worker->core->queue, &rows[i], claimed, partition);
		}
		sights[kept++] = (struct sight){.conversation = rows[i].entry.conversation,
			.owner = rows[i].owner,
			.id = rows[i].entry.id,
			.beat = rows[i].beat,
			.since = since,
			.try = rows[i].entry.try};
		rows[i].entry.conversation = rows[i].owner = NULL;
	}
	free_sights(partition->sights, partition->sight_count);
	qsort(sights, kept, sizeof(*sights), by_conversation);
	partition->sights = sights;
	partition->sight_count = kept;
}

static void moved(void *arg, enum qg_status status, size_t count)
{
	struct partition *partition = arg;
	if (status == QG_OK && count > 0) {
		worker_ring(partition->worker, partition->number);
	}
}

/* Retries wait for a time of the wall clock. After it was set back that time is far away again: what waits then
 * is made due once, which brings a retry a minute forward at most. */
static void watch_clock(struct qg_worker *worker)
{
	enum { SET_BACK_MS = 2000 };
	int64_t ahead = qg_clock_wall() - (int64_t)qg_clock_mono();
	int64_t back = worker->wall_ahead - ahead;
	worker->wall_ahead = ahead;
	for (unsigned p = 0; back > SET_BACK_MS && p < worker->partition_count; p++) {
		worker->partitions[p].set_back += back + RETRY_MOST_MS;
	}
}

void watch_look(struct qg_worker *worker)
{
	watch_clock(worker);
	for (unsigned p = 0; p < worker->partition_count; p++) {
		struct partition *partition = &worker->partitions[p];
		if (partition->looking) {
			continue;
		}
		partition->looking = true;
		qg_queue_due(worker->core->queue, p, qg_clock_wall() + partition->set_back, moved,
			partition);
		partition->set_back = 0;
		qg_queue_pending(worker->core->queue, p, looked, partition);
	}
}

void watch_finish(struct qg_worker *worker)
{
	for (unsigned p = 0; worker->partitions != NULL && p < worker->partition_count; p++) {
		free_sights(worker->partitions[p].sights, worker->partitions[p].sight_count);
	}
}
