/* complete.c - messages that only point to others (a quote, a forwarded talk) are completed before their turn begins.
 *
 * Only the platform's adapter can ask for them, and a turn that waits must not wait long: all of a batch share a few
 * seconds, while the job's beat goes on. What did not come by then is left out, for the question is there all the same. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "qg/adapter.h"
#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"

enum { COMPLETE_MS = 6000 };

/* One message at the adapter. */
struct completion {
	struct qg_list link; /* of its job */
	struct job *job;
	struct media_bot *bot;
};

static bool is_pointer(const json_t *attachment)
{
	const char *type = qg_json_str(attachment, "type", "");
	return strcmp(type, "quote") == 0 || strcmp(type, "forward") == 0;
}

static bool points(const struct qg_message *message)
{
	size_t i;
	json_t *attachment;
	json_array_foreach (message->attachments, i, attachment) {
		if (is_pointer(attachment)) {
			return true;
		}
	}
	return false;
}

/* What nobody could look up is not for the turn: to it these would be files of an unknown kind. */
static void leave_out(struct qg_message *message)
{
	for (size_t i = json_array_size(message->attachments); i > 0; i--) {
		if (is_pointer(json_array_get(message->attachments, i - 1))) {
			json_array_remove(message->attachments, i - 1);
		}
	}
	if (json_array_size(message->attachments) == 0) {
		json_decref(message->attachments);
		message->attachments = NULL;
	}
}

static void destroy(struct completion *completion)
{
	qg_list_remove(&completion->link);
	media_bot_leave(completion->bot);
	free(completion);
}

/* The adapter owes it nothing any more. */
static void drop(struct completion *completion)
{
	struct qg_bot *bot = &completion->bot->bot;
	bot->adapter->media_forget(bot, completion);
	destroy(completion);
}

void complete_leave(struct job *job)
{
	while (!qg_list_is_empty(&job->completions)) {
		drop(QG_CONTAINER(job->completions.next, struct completion, link));
	}
	qg_timer_destroy(job->complete_timer);
	job->complete_timer = NULL;
}

/* The job may be gone after it. */
static void end(struct job *job)
{
	complete_leave(job);
	for (size_t i = 0; i < job->batch.count; i++) {
		leave_out(job->batch.messages[i]);
	}
	job_run(job);
}

static void time_over(void *arg)
{
	end(arg);
}

static void completed(void *arg, enum qg_status status)
{
	struct completion *completion = arg;
	struct job *job = completion->job;
	if (status != QG_OK) {
		qg_log_info(job->entry.bot, "a quoted or forwarded message was not read: %s",
			qg_status_text(status));
	}
	destroy(completion);
	if (qg_list_is_empty(&job->completions) && job->complete_timer != NULL) {
		qg_timer_start(job->complete_timer, 0);
	}
}

static void begin(struct job *job, struct qg_message *message)
{
	struct media_bot *bot = media_bot_of(job);
	struct completion *completion = bot != NULL ? calloc(1, sizeof(*completion)) : NULL;
	if (completion == NULL) {
		return;
	}
	*completion = (struct completion){.job = job, .bot = bot};
	bot->running++;
	qg_list_add(&job->completions, &completion->link);
	bot->bot.adapter->complete(&bot->bot, message, completed, completion);
}

bool complete_begin(struct job *job, const struct qg_adapter *adapter)
{
	bool can = adapter != NULL && adapter->complete != NULL && !job->batch.paused;
	bool any = false;
	for (size_t i = 0; i < job->batch.count; i++) {
		any |= points(job->batch.messages[i]);
	}
	if (!any) {
		return false;
	}
	job->complete_timer = can ? qg_timer_create(job->worker->core->loop, time_over, job) : NULL;
	for (size_t i = 0; i < job->batch.count; i++) {
		struct qg_message *message = job->batch.messages[i];
		if (job->complete_timer != NULL && points(message)) {
			begin(job, message);
		} else {
			leave_out(message);
		}
	}
	if (job->complete_timer == NULL) {
		return false;
	}
	bool waits = !qg_list_is_empty(&job->completions);
	qg_timer_start(job->complete_timer, waits ? qg_clock_scaled(COMPLETE_MS) : 0);
	return true;
}
