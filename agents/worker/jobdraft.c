/* jobdraft.c - snapshots of an answer while its turn runs: the first at once, then at most every 300 ms, one in
 * flight. A snapshot that Redis does not take is not missed: the next one holds all of the text. The first waits for
 * the end of its turn of the loop: an answer that is whole by then needs none. */
#include "worker.h"

#include <stdlib.h>

#include "qg/clock.h"
#include "qg/str.h"

static json_t *answered(const struct job *job)
{
	json_t *ids = json_array();
	for (size_t i = 0; ids != NULL && i < job->batch.count; i++) {
		json_array_append_new(ids, json_string(job->batch.messages[i]->id));
	}
	return ids;
}

static void published(void *arg, enum qg_status status);

static void publish(struct job *job)
{
	enum { OF_A_TRY = 10000, OF_AN_ENTRY = 100 };
	const struct qg_message *last = job->batch.messages[job->batch.count - 1];
	json_t *answers = answered(job);
	/* grows over entries, tries of an entry, and snapshots of a try */
	int64_t sequence =
		((int64_t)job->entry.id * OF_AN_ENTRY + job->entry.try % OF_AN_ENTRY) * OF_A_TRY;
	if (answers != NULL) {
		struct qg_draft draft = {.reply = job->draft_reply,
			.bot = job->entry.bot,
			.chat = last->chat,
			.conversation = job->entry.conversation,
			.handle = last->handle,
			.sender = last->chat_type == QG_CHAT_GROUP ? last->sender : NULL,
			.answers = answers,
			.sequence = sequence + job->draft_count++ % OF_A_TRY,
			.text = qg_turn_text(job->turn),
			.early = job->early_drafts};
		job->draft_flying = true;
		job->draft_at = qg_clock_mono();
		qg_queue_draft(job->worker->core->queue, &job->entry, &draft, published, job);
	}
	json_decref(answers);
	job->draft_waits = false;
}

static void publish_when_due(struct job *job)
{
	if (!job->draft_waits || job->draft_soon || job->draft_flying || job->turn == NULL) {
		return;
	}
	uint64_t passed = qg_clock_mono() - job->draft_at;
	if (job->draft_count == 0 || passed >= DRAFT_MS) {
		publish(job);
	} else if (!qg_timer_is_active(job->draft_timer)) {
		qg_timer_start(job->draft_timer, DRAFT_MS - passed);
	}
}

static void published(void *arg, enum qg_status status)
{
	struct job *job = arg;
	job->draft_flying = false;
	if (job->doomed) {
		job_collect(job);
	} else if (status == QG_STALE) {
		job_drop(job, "somebody took over");
	} else {
		publish_when_due(job);
	}
}

static void timer_fired(void *arg)
{
	publish_when_due(arg);
}

static void publish_first(void *arg)
{
	struct job *job = arg;
	job->draft_soon = false;
	publish_when_due(job);
}

/* Comes with each chunk of a model, so it only notes that there is more: the text is asked for when a
 * snapshot is due. */
void job_draft(struct job *job, const char *reply_id)
{
	struct qg_loop *loop = job->worker->core->loop;
	if (job->draft_reply == NULL) {
		job->first_at = qg_clock_wall();
		job->draft_reply = qg_str_copy(reply_id);
		job->draft_timer = qg_timer_create(loop, timer_fired, job);
		job->draft_soon = qg_loop_defer(loop, publish_first, job) == QG_OK;
	}
	if (job->draft_reply == NULL || job->draft_timer == NULL) {
		job_draft_finish(job); /* no memory; the next text may find some */
		return;
	}
	if (job->batch.count == 0) {
		return;
	}
	job->draft_waits = true;
	publish_when_due(job);
}

void job_draft_finish(struct job *job)
{
	if (job->draft_soon) {
		qg_loop_undefer(job->worker->core->loop, publish_first, job);
	}
	qg_timer_destroy(job->draft_timer);
	free(job->draft_reply);
	job->draft_soon = false;
	job->draft_timer = NULL;
	job->draft_reply = NULL;
}
