/* job.c - a job: one entry of the ready list under our name, from its pull to the script that ends it.
 *
 * Each state has one script (take, done, fail, give back) that may be sent twice; where Redis goes away it is sent
 * again when it is back. A job whose last confirmed beat is too old is dropped: somebody else may have it. */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/adapter.h"
#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

static const unsigned retry_ms[] = {2000, 10000, 30000, RETRY_MOST_MS};
enum { RETRIES = sizeof(retry_ms) / sizeof(retry_ms[0]), LAST_FAILURE = 5 };

static void take(struct job *job);
static void send_done(struct job *job);
static void send_failure(struct job *job);
static void send_back(struct job *job);

static struct qg_list *bucket_of(struct qg_worker *worker, const struct qg_entry *entry)
{
	return &worker->buckets[(entry->id + entry->partition) % BUCKETS];
}

struct job *job_find(struct qg_worker *worker, const struct qg_entry *entry)
{
	QG_LIST_FOR_EACH (item, bucket_of(worker, entry)) {
		struct job *job = QG_CONTAINER(item, struct job, bucket);
		if (job->entry.id == entry->id && job->entry.partition == entry->partition &&
			!job->doomed) {
			return job;
		}
	}
	return NULL;
}

static void destroy(struct job *job)
{
	job_draft_finish(job);
	qg_entry_finish(&job->entry);
	qg_batch_finish(&job->batch);
	qg_reply_destroy(job->reply);
	json_decref(job->history);
	json_decref(job->state_after);
	free(job->enable);
	free(job->disable);
	free(job->reason);
	qg_role_release(job->role);
	qg_config_release(job->config);
	free(job);
}

/* Takes it out of all counts; the memory waits for scripts in flight. */
static void leave(struct job *job)
{
	struct qg_worker *worker = job->worker;
	qg_list_remove(&job->link);
	qg_list_remove(&job->bucket);
	worker->job_count--;
	worker->suspect_count -= job->entry.suspect ? 1 : 0;
	worker->held_count -= job->state == JOB_HELD ? 1 : 0;
	job->bot->running--;
	roles_collect(job->bot);
	job->bot = NULL;
	if (job->turn != NULL) {
		qg_turn_cancel(job->turn);
		job->turn = NULL;
	}
	complete_leave(job);
	media_leave(job);
	desk_leave(job);
}

static bool busy(const struct job *job)
{
	return job->in_flight || job->draft_flying || job->beat_sent != 0;
}

/* The last of its scripts was answered: a job that was dropped goes now. */
static bool is_over(struct job *job)
{
	if (job->doomed && !busy(job)) {
		destroy(job);
		return true;
	}
	return job->doomed;
}

static void end(struct job *job)
{
	struct qg_worker *worker = job->worker;
	unsigned partition = job->entry.partition;
	leave(job);
	job->doomed = true;
	is_over(job);
	worker->partitions[partition].bell = true;
	worker_settle(worker);
	worker_pull_soon(worker);
}

void job_collect(struct job *job)
{
	is_over(job);
}

void job_drop(struct job *job, const char *why)
{
	qg_log_debug(job->entry.bot, "turn of %s dropped: %s", job->entry.conversation, why);
	end(job);
}

static void stale(struct job *job)
{
	qg_metric_add(job->worker->stale, 1);
	job_drop(job, "somebody took over");
}

void job_begin(struct qg_worker *worker, struct qg_entry *entry, uint64_t pull_sent)
{
	struct job *job = calloc(1, sizeof(*job));
	struct bot_role *bot = roles_find(worker, entry->bot);
	if (bot == NULL) {
		bot = roles_strange(worker, entry->bot);
	}
	if (job == NULL || bot == NULL) {
		free(job);
		return; /* no memory: without a beat the entry is taken over, by us or by others */
	}
	job->worker = worker;
	qg_list_init(&job->completions);
	desk_open(job);
	media_open(job);
	job->bot = bot;
	job->entry = *entry;
	*entry = (struct qg_entry){0};
	job->confirmed = pull_sent;
	job->config = qg_config_take(worker->core->config);
	job->beat_due = qg_clock_mono() + qg_clock_scaled(BEAT_MS);
	qg_list_add(&worker->jobs, &job->link);
	qg_list_add(bucket_of(worker, &job->entry), &job->bucket);
	worker->job_count++;
	bot->running++;
	worker->suspect_count += job->entry.suspect ? 1 : 0;
	job->state = JOB_HELD;
	worker->held_count++;
	if (bot->role == NULL || worker->draining) {
		job_give_back(job);
	} else {
		job->role = qg_role_take(bot->role);
	}
}

void job_proceed(struct job *job)
{
	if (job->in_flight) {
		return;
	}
	switch (job->state) {
	case JOB_HELD:
		job->worker->held_count--;
		job->state = JOB_TAKING;
		take(job);
		break;
	case JOB_TAKING:
		take(job);
		break;
	case JOB_RUNNING:
		break;
	case JOB_DONE:
		send_done(job);
		break;
	case JOB_FAILED:
		send_failure(job);
		break;
	case JOB_GIVING:
		send_back(job);
		break;
	}
}

static void fail_turn(struct job *job, const char *words)
{
	free(job->reason);
	job->reason = qg_str_copy(words != NULL ? words : "failed");
	job->state = JOB_FAILED;
	send_failure(job);
}

/* Redis refused the script itself: what it was to store is bad, and the same again would be too. */
static void not_stored(struct job *job, enum qg_status status)
{
	qg_log_error(job->entry.bot, "the end of a turn of %s cannot be stored: %s",
		job->entry.conversation, qg_status_text(status));
	if (job->state == JOB_DONE) {
		fail_turn(job, "its result cannot be stored");
	} else {
		job_drop(job, "its end cannot be stored");
	}
}

/* A script that ends the job was answered. */
static void ended(void *arg, enum qg_status status)
{
	struct job *job = arg;
	job->in_flight = false;
	if (is_over(job) || worker_repeats(status)) {
		return;
	}
	if (status == QG_OK) {
		end(job);
	} else if (status == QG_STALE) {
		stale(job);
	} else {
		not_stored(job, status);
	}
}

/* What an admin said of the group; false for no memory. */
static bool keep_group(struct job *job, const struct qg_turn_result *result)
{
	const char *chat = job->batch.messages[job->batch.count - 1]->chat;
	char **kept = result->group == QG_GROUP_ENABLED ? &job->enable : &job->disable;
	if (result->group == QG_GROUP_STAYS) {
		return true;
	}
	*kept = qg_str_copy(chat);
	return *kept != NULL;
}

/* Where a platform shows each message as open, a reply names all that it closes: its own handle, and those of the others
 * it answers. false for no memory. */
static bool name_handles(const struct job *job, struct qg_reply *reply)
{
	json_t *handles = json_array();
	bool ok = handles != NULL;
	for (size_t i = 0; ok && i < job->batch.count; i++) {
		const char *handle = job->batch.messages[i]->handle;
		if (handle != NULL && !qg_str_equal(handle, reply->handle)) {
			ok = json_array_append_new(handles, json_string(handle)) == 0;
		}
	}
	json_decref(reply->handles);
	reply->handles = handles;
	if (ok && json_array_size(handles) == 0) {
		json_decref(handles);
		reply->handles = NULL;
	}
	return ok;
}

/* A turn that says nothing still closes what its messages left open. */
static bool close_handles(struct job *job)
{
	size_t last = job->batch.count - 1;
	if (job->reply != NULL) {
		return name_handles(job, job->reply);
	}
	job->reply = qg_reply_say(job->entry.bot, job->entry.conversation,
		job->batch.messages[last], "silent", qg_str_copy(""), job->batch.stored_at[0]);
	if (job->reply == NULL || !name_handles(job, job->reply)) {
		return false;
	}
	job->reply->silent = true;
	if (job->reply->handle == NULL && job->reply->handles == NULL) {
		qg_reply_destroy(job->reply);
		job->reply = NULL;
	}
	return true;
}

static bool keep_result(struct job *job, struct qg_turn_result *result)
{
	job->reply = result->reply;
	result->reply = NULL;
	if (job->reply != NULL) {
		job->reply->stored_at = job->batch.stored_at[0]; /* the asker waits since then */
		job->reply->first_at = job->first_at;
	}
	job->history = json_incref(result->history);
	job->state_after = json_incref(result->state);
	job->forget_history = result->forget_history;
	return !job->shows_open || close_handles(job);
}

/* The series of a bot and a way, looked up once. */
static struct qg_metric *turns_of(struct bot_role *bot, const char *way)
{
	size_t i = 0;
	while (i < WAYS - 1 && bot->ways[i].way != NULL && strcmp(bot->ways[i].way, way) != 0) {
		i++;
	}
	if (bot->ways[i].way == NULL || i == WAYS - 1) {
		char labels[128];
		snprintf(labels, sizeof(labels), "bot=\"%s\",way=\"%s\"", bot->bot, way);
		bot->ways[i].way = way;
		bot->ways[i].turns =
			qg_metric_counter("turns_total", labels, "Turns that ended with an answer");
	}
	return bot->ways[i].turns;
}

static void count_turn(struct job *job, const struct qg_turn_result *result)
{
	qg_metric_add(turns_of(job->bot, result->way), 1);
	qg_metric_observe_us(job->worker->turn_seconds, qg_clock_mono_us() - job->started_us);
}

static void finished(
	void *arg, enum qg_status status, struct qg_turn_result *result, const char *words)
{
	struct job *job = arg;
	job->turn = NULL;
	if (status == QG_STALE) {
		stale(job);
		return;
	}
	if (status != QG_OK) {
		qg_log_warn(job->entry.bot, "turn of %s failed (%u before): %s",
			job->entry.conversation, job->batch.failures,
			words != NULL ? words : qg_status_text(status));
		fail_turn(job, words);
		return;
	}
	if (!keep_group(job, result)) {
		fail_turn(job, "out of memory");
		return;
	}
	if (!keep_result(job, result)) {
		fail_turn(job, "out of memory");
		return;
	}
	count_turn(job, result);
	job->state = JOB_DONE;
	send_done(job);
}

static void draft(void *arg, const char *reply_id, const char *text)
{
	struct job *job = arg;
	if (!job->no_drafts) {
		job_draft(job, reply_id);
	}
}

static const struct qg_turn_host turn_host = {.draft = draft, .finished = finished};

static bool is_web(const struct qg_bot_config *bot)
{
	return strcmp(bot->platform, "web") == 0;
}

/* Whether the bot works in this chat: the config or an admin says so, and it always does in a direct chat. */
static bool is_enabled(const struct job *job, const struct qg_bot_config *bot)
{
	const struct qg_message *last = job->batch.messages[job->batch.count - 1];
	return job->batch.enabled || bot->any_chat || is_web(bot) ||
	       last->chat_type == QG_CHAT_DIRECT || qg_strings_has(&bot->chats, last->chat);
}

/* Admins of the config and those bound by a code. Anybody may write under any name on the web: there only what the
 * platform itself proved counts. */
static void name_admins(struct job *job, const struct qg_bot_config *bot)
{
	for (size_t i = 0; i < job->batch.count && !is_web(bot); i++) {
		struct qg_message *message = job->batch.messages[i];
		message->sender_is_admin = message->sender_is_admin || job->batch.bound ||
					   qg_strings_has(&bot->admins, message->sender);
	}
}

void job_run(struct job *job)
{
	const struct qg_bot_config *bot = qg_config_bot(job->config, job->entry.bot);
	const struct qg_adapter *adapter = qg_adapter_find(bot->platform);
	job->no_drafts = bot->no_drafts;
	job->early_drafts = adapter != NULL && adapter->can.drafts_everywhere;
	job->shows_open = adapter != NULL && adapter->can.shows_open;
	name_admins(job, bot);
	struct qg_turn_request request = {.loop = job->worker->core->loop,
		.endpoints = job->worker->endpoints,
		.desk = &job->desk,
		.media = adapter != NULL && adapter->media != NULL ? &job->media : NULL,
		.config = job->config,
		.bot = bot,
		.role = job->role,
		.conversation = job->entry.conversation,
		.messages = job->batch.messages,
		.stored_at = job->batch.stored_at,
		.count = job->batch.count,
		.history = job->batch.history,
		.state = job->batch.state,
		.paused = job->batch.paused,
		.enabled = is_enabled(job, bot),
		.failures = job->batch.failures};
	int64_t waited = qg_clock_wall() - job->batch.stored_at[0];
	qg_metric_observe_us(job->worker->wait_seconds, waited > 0 ? (uint64_t)waited * 1000 : 0);
	job->started_us = qg_clock_mono_us();
	job->turn = qg_turn_start(&request, &turn_host, job);
	if (job->turn == NULL) {
		fail_turn(job, "out of memory");
	}
}

/* The turn of the batch, once its messages are complete. */
static void begin_turn(struct job *job)
{
	const struct qg_bot_config *bot = qg_config_bot(job->config, job->entry.bot);
	if (bot == NULL) {
		job_give_back(job);
		return;
	}
	job->state = JOB_RUNNING;
	if (!complete_begin(job, qg_adapter_find(bot->platform))) {
		job_run(job);
	}
}

static void took(void *arg, enum qg_status status, struct qg_batch *batch)
{
	struct job *job = arg;
	job->in_flight = false;
	if (is_over(job)) {
		return;
	}
	if (job->state != JOB_TAKING) { /* given back meanwhile */
		job_proceed(job);
		return;
	}
	if (status == QG_OK) {
		job->batch = *batch;
		*batch = (struct qg_batch){0};
		qg_log_debug(job->entry.bot, "turn of %s begins, %zu messages, try %u",
			job->entry.conversation, job->batch.count, job->entry.try);
		begin_turn(job);
	} else if (status == QG_EMPTY) {
		job_drop(job, "nothing left");
	} else if (status == QG_STALE) {
		stale(job);
	} else if (!worker_repeats(status)) {
		qg_log_error(job->entry.bot, "batch of %s cannot be read: %s",
			job->entry.conversation, qg_status_text(status));
		fail_turn(job, "the batch cannot be read");
	}
}

static void take(struct job *job)
{
	job->in_flight = true;
	qg_queue_take(job->worker->core->queue, &job->entry, took, job);
}

static void send_done(struct job *job)
{
	struct qg_done done = {.batch = job->batch.count,
		.replies = &job->reply,
		.reply_count = job->reply != NULL ? 1 : 0,
		.history = job->history,
		.forget_history = job->forget_history,
		.state = job->state_after,
		.enable = job->enable,
		.disable = job->disable};
	job->in_flight = true;
	qg_queue_done(job->worker->core->queue, &job->entry, &done, ended, job);
}

/* A sentence of the bot's own as a reply to the batch. */
static struct qg_reply *say(struct job *job, const char *key)
{
	if (job->batch.count == 0) {
		return NULL;
	}
	size_t last = job->batch.count - 1;
	const struct qg_message *message = job->batch.messages[last];
	char alias[QG_ALIAS_SIZE];
	const char *asker = qg_message_name(message, alias);
	struct qg_reply *reply = qg_reply_say(job->entry.bot, job->entry.conversation, message, key,
		qg_role_words(job->role, key, "asker", asker, NULL), job->batch.stored_at[last]);
	if (reply != NULL && job->shows_open && !name_handles(job, reply)) {
		qg_reply_destroy(reply);
		return NULL;
	}
	return reply;
}

static void send_failure(struct job *job)
{
	unsigned step = job->batch.failures < RETRIES ? job->batch.failures : RETRIES - 1;
	struct qg_reply *apology = job->batch.failures == 0 ? say(job, "apology") : NULL;
	struct qg_reply *notice =
		job->batch.failures + 1 >= LAST_FAILURE ? say(job, "gave_up") : NULL;
	job->in_flight = true;
	qg_queue_fail(job->worker->core->queue, &job->entry,
		job->reason != NULL ? job->reason : "failed", qg_clock_wall() + retry_ms[step],
		apology, notice, ended, job);
	qg_reply_destroy(apology);
	qg_reply_destroy(notice);
}

static void send_back(struct job *job)
{
	job->in_flight = true;
	qg_queue_give_back(job->worker->core->queue, &job->entry, ended, job);
}

void job_give_back(struct job *job)
{
	if (job->turn != NULL) {
		qg_turn_cancel(job->turn);
		job->turn = NULL;
	}
	complete_leave(job);
	if (job->state == JOB_HELD) {
		job->worker->held_count--;
	}
	job->state = JOB_GIVING;
	if (!job->in_flight) {
		send_back(job);
	}
}
