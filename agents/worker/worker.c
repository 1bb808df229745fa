/* worker.c - step 3 of a message's way: pulls ready conversations and lets turns run, fairly.
 *
 * A bot may begin a turn while it has fewer running than there are free slots: the first busy bot gets half of
 * the process, a second a quarter, and there is always a slot for one that has been quiet. A suspect batch (one
 * found in flight under a dead worker's name) runs alone: nothing is pulled beside it, it begins when nothing else
 * runs or is on its way, and what was claimed meanwhile waits. Bells say where to look; a look each second does
 * without them. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/model.h"
#include "qg/str.h"

unsigned worker_free_slots(const struct qg_worker *worker)
{
	unsigned taken = worker->job_count + worker->reserved + worker->claiming;
	return taken < worker->slots ? worker->slots - taken : 0;
}

bool worker_repeats(enum qg_status status)
{
	return status == QG_AWAY || status == QG_TIMEOUT || status == QG_CANCELLED ||
	       status == QG_BUSY || status == QG_NO_MEMORY;
}

static bool may_pull(const struct qg_worker *worker)
{
	return worker->up && !worker->draining && worker->suspect_count == 0;
}

static void pulled(void *arg, enum qg_status status, struct qg_entry *entries, size_t count)
{
	struct partition *partition = arg;
	struct qg_worker *worker = partition->worker;
	bool more = status == QG_OK && count == partition->reserved;
	partition->bell = partition->bell || more;
	worker->reserved -= partition->reserved;
	partition->reserved = 0;
	for (size_t i = 0; i < count; i++) {
		job_begin(worker, &entries[i], partition->pull_sent);
	}
	worker_settle(worker);
	/* else the next look rings: asking at once would only be refused again */
	if (status == QG_OK) {
		worker_pull_soon(worker);
	}
}

/* Bots to leave out now, NULL-terminated, and how many entries each of the others may have. */
static const char **leave_out(struct qg_worker *worker, unsigned partition, unsigned *each_out)
{
	unsigned free_slots = worker_free_slots(worker), most = 0;
	size_t count = 0, room = 1;
	QG_LIST_FOR_EACH (item, &worker->bots) {
		room++;
	}
	const char **skip = calloc(room, sizeof(*skip));
	if (skip == NULL) {
		return NULL;
	}
	QG_LIST_FOR_EACH (item, &worker->bots) {
		struct bot_role *bot = QG_CONTAINER(item, struct bot_role, link);
		if (bot->partition != partition) {
			continue;
		}
		if (bot->strange || bot->role == NULL || bot->running >= free_slots) {
			skip[count++] = bot->bot;
		} else if (bot->running > most) {
			most = bot->running;
		}
	}
	*each_out = (free_slots - most + 1) / 2;
	return skip;
}

static void pull(struct partition *partition)
{
	struct qg_worker *worker = partition->worker;
	unsigned free_slots = worker_free_slots(worker), each = 1;
	const char **skip = leave_out(worker, partition->number, &each);
	if (skip == NULL) {
		return; /* out of memory: the bell stays, the next look tries again */
	}
	partition->bell = false;
	partition->reserved = free_slots < PULL_MOST ? free_slots : PULL_MOST;
	partition->pull_sent = qg_clock_mono();
	worker->reserved += partition->reserved;
	qg_queue_pull(worker->core->queue, partition->number, partition->reserved, each, skip,
		pulled, partition);
	free(skip);
}

static void pull_now(void *arg)
{
	struct qg_worker *worker = arg;
	worker->pulling_soon = false;
	for (unsigned i = 0; i < worker->partition_count && may_pull(worker); i++) {
		struct partition *partition =
			&worker->partitions[(worker->next + i) % worker->partition_count];
		if (partition->bell && partition->reserved == 0 && worker_free_slots(worker) > 0) {
			pull(partition);
		}
	}
	worker->next = (worker->next + 1) % worker->partition_count;
}

/* Once a turn of the loop, however many jobs ended and bells rang in it. */
void worker_pull_soon(struct qg_worker *worker)
{
	if (!worker->pulling_soon && may_pull(worker)) {
		worker->pulling_soon = qg_loop_defer(worker->core->loop, pull_now, worker) == QG_OK;
	}
}

void worker_ring(struct qg_worker *worker, unsigned partition)
{
	worker->partitions[partition].bell = true;
	worker_pull_soon(worker);
}

static void ring_all(struct qg_worker *worker)
{
	for (unsigned p = 0; p < worker->partition_count; p++) {
		worker->partitions[p].bell = true;
	}
	worker_pull_soon(worker);
}

/* "qg:{7}:ready" */
static void rang(void *arg, const char *channel, const char *data, size_t size)
{
	struct qg_worker *worker = arg;
	unsigned long partition = strtoul(channel + strlen("qg:{"), NULL, 10);
	if (partition < worker->partition_count) {
		worker_ring(worker, (unsigned)partition);
	}
}

static void subscribed(void *arg, bool up)
{
	if (up) {
		ring_all(arg);
	}
}

static void look(void *arg)
{
	struct qg_worker *worker = arg;
	if (worker->up) {
		ring_all(worker);
		watch_look(worker);
		desk_look(worker);
	}
	qg_roles_rest();
	qg_metric_set(worker->running, worker->job_count);
}

static void beat(void *arg)
{
	watch_beat(arg);
}

static void drain_over(struct qg_worker *worker)
{
	void (*drained)(void *arg) = worker->drained;
	worker->drained = NULL;
	qg_timer_stop(worker->drain_timer);
	drained(worker->drained_arg);
}

static bool is_suspect_running(const struct qg_worker *worker)
{
	QG_LIST_FOR_EACH (item, &worker->jobs) {
		const struct job *job = QG_CONTAINER(item, struct job, link);
		if (job->entry.suspect && job->state != JOB_HELD) {
			return true;
		}
	}
	return false;
}

/* All held jobs that are not suspect; or, alone, the first one that is. */
static void let_go(struct qg_worker *worker, bool suspect)
{
	QG_LIST_FOR_EACH (item, &worker->jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (job->state == JOB_HELD && job->entry.suspect == suspect) {
			job_proceed(job);
			if (suspect) {
				return;
			}
		}
	}
}

void worker_settle(struct qg_worker *worker)
{
	bool coming = worker->reserved > 0 || worker->claiming > 0;
	if (worker->drained != NULL && worker->job_count == 0 && !coming &&
		worker->closing_count == 0) {
		drain_over(worker);
		return;
	}
	if (!worker->up || worker->held_count == 0 ||
		(worker->suspect_count > 0 && is_suspect_running(worker))) {
		return;
	}
	let_go(worker, false);
	if (worker->job_count == worker->held_count && !coming) {
		let_go(worker, true);
	}
}

static void drain_tick(void *arg)
{
	struct qg_worker *worker = arg;
	bool late = qg_clock_mono() >= worker->drain_until;
	if (!late) {
		return;
	}
	/* first give back what still runs; whatever does not even answer that is left to the claim of others */
	bool last = qg_clock_mono() >= worker->drain_until + 1000;
	QG_LIST_FOR_EACH (item, &worker->jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (last) {
			job_drop(job, "the process ends");
		} else if (job->state <= JOB_RUNNING) {
			job_give_back(job);
		}
		if (worker->drained == NULL) {
			return;
		}
	}
	if (last) {
		drain_over(worker);
	}
}

void qg_worker_drain(
	struct qg_worker *worker, unsigned timeout_ms, void (*drained)(void *arg), void *arg)
{
	worker->draining = true;
	mover_stop(worker->mover);
	worker->drained = drained;
	worker->drained_arg = arg;
	worker->drain_until = qg_clock_mono() + (timeout_ms > 1000 ? timeout_ms - 1000 : 0);
	qg_timer_repeat(worker->drain_timer, 50);
	QG_LIST_FOR_EACH (item, &worker->jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (job->state < JOB_RUNNING) {
			job_give_back(job);
		}
	}
	worker_settle(worker);
}

void qg_worker_redis_changed(struct qg_worker *worker, bool up)
{
	worker->up = up;
	mover_redis_changed(worker->mover, up);
	if (!up) {
		return;
	}
	QG_LIST_FOR_EACH (item, &worker->jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		if (job->state != JOB_HELD) {
			job_proceed(job);
		}
	}
	worker_settle(worker);
	look(worker);
}

void qg_worker_reload(struct qg_worker *worker)
{
	roles_sync(worker);
	media_sync(worker);
	ring_all(worker);
}

static bool listen_to_bells(struct qg_worker *worker)
{
	char **channels = calloc(worker->partition_count, sizeof(*channels));
	bool ok = channels != NULL;
	for (unsigned p = 0; ok && p < worker->partition_count; p++) {
		channels[p] = qg_str_printf("%sready", qg_queue_prefix(worker->core->queue, p));
		ok = channels[p] != NULL;
	}
	if (ok) {
		worker->listener = qg_redis_listen(worker->core->loop, worker->core->redis_url,
			(const char *const *)channels, worker->partition_count, rang, subscribed,
			worker);
	}
	for (unsigned p = 0; channels != NULL && p < worker->partition_count; p++) {
		free(channels[p]);
	}
	free(channels);
	return worker->listener != NULL;
}

static void make_metrics(struct qg_worker *worker)
{
	worker->running = qg_metric_gauge("turns_running", NULL, "Turns under way");
	worker->turn_seconds =
		qg_metric_histogram("turn_seconds", NULL, "From taking a batch to its answer");
	worker->wait_seconds =
		qg_metric_histogram("wait_seconds", NULL, "From storing a message to its turn");
	worker->stale = qg_metric_counter(
		"turns_stale_total", NULL, "Turns dropped because somebody took over");
	worker->claimed = qg_metric_counter(
		"turns_claimed_total", NULL, "Turns taken over from silent workers");
	worker->calls_waiting = qg_metric_gauge(
		"calls_unbooked", NULL, "Ends of model calls that Redis has not confirmed yet");
	worker->calls_lost = qg_metric_counter("calls_lost_total", NULL,
		"Ends of model calls that could not be booked, and stand in the ledger as "
		"estimated");
}

struct qg_worker *qg_worker_create(struct qg_core *core)
{
	struct qg_worker *worker = calloc(1, sizeof(*worker));
	if (worker == NULL) {
		return NULL;
	}
	worker->core = core;
	worker->slots = SLOTS;
	worker->wall_ahead = qg_clock_wall() - (int64_t)qg_clock_mono();
	qg_list_init(&worker->jobs);
	for (size_t i = 0; i < BUCKETS; i++) {
		qg_list_init(&worker->buckets[i]);
	}
	for (size_t i = 0; i < NAME_ROWS; i++) {
		qg_list_init(&worker->named[i]);
	}
	qg_list_init(&worker->bots);
	qg_list_init(&worker->questions);
	qg_list_init(&worker->closings);
	qg_list_init(&worker->notices);
	qg_list_init(&worker->media_bots);
	qg_list_init(&worker->media_waiting);
	qg_list_init(&worker->media_in_hand);
	worker->partition_count = qg_queue_partitions(core->queue);
	worker->partitions = calloc(worker->partition_count, sizeof(*worker->partitions));
	worker->look_timer = qg_timer_create(core->loop, look, worker);
	worker->beat_timer = qg_timer_create(core->loop, beat, worker);
	worker->drain_timer = qg_timer_create(core->loop, drain_tick, worker);
	worker->endpoints = qg_endpoints_create(core->loop, core->http);
	worker->mover = mover_create(worker);
	if (worker->partitions == NULL || worker->look_timer == NULL ||
		worker->beat_timer == NULL || worker->drain_timer == NULL ||
		worker->endpoints == NULL || worker->mover == NULL || !listen_to_bells(worker)) {
		qg_worker_destroy(worker);
		return NULL;
	}
	for (unsigned p = 0; p < worker->partition_count; p++) {
		worker->partitions[p] = (struct partition){.worker = worker, .number = p};
	}
	make_metrics(worker);
	qg_timer_repeat(worker->look_timer, qg_clock_scaled(LOOK_MS));
	qg_timer_repeat(worker->beat_timer, qg_clock_scaled(BEAT_MS) / BEAT_STEPS);
	roles_sync(worker);
	return worker;
}

/* Redis callbacks that are still out come with QG_CANCELLED when the connection goes, and touch the jobs: the
 * connection is destroyed before the worker. */
void qg_worker_destroy(struct qg_worker *worker)
{
	if (worker == NULL) {
		return;
	}
	worker->up = false;
	worker->drained = NULL;
	worker->draining = true;
	qg_loop_undefer(worker->core->loop, pull_now, worker);
	qg_redis_listener_destroy(worker->listener);
	QG_LIST_FOR_EACH (item, &worker->jobs) {
		struct job *job = QG_CONTAINER(item, struct job, link);
		job->in_flight = job->draft_flying = false;
		job->beat_sent = 0;
		job_drop(job, "the process ends");
	}
	media_finish(worker);
	mover_destroy(worker->mover);
	desk_finish(worker);
	notices_finish(worker);
	watch_finish(worker);
	roles_finish(worker);
	qg_endpoints_destroy(worker->endpoints);
	qg_timer_destroy(worker->look_timer);
	qg_timer_destroy(worker->beat_timer);
	qg_timer_destroy(worker->drain_timer);
	free(worker->partitions);
	free(worker);
}
