/* lanes.c - all that is shown under the id of one message, one frame at a time: which goes next, and when.
 *
 * What must arrive (jobs) goes in order and before anything else. Snapshots do not queue: while a frame is unanswered,
 * only the newest waits. A message that nobody answers within half a second is seen to think. A lane lives while
 * something of it is open, and dies with its connection. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

#define LANES_MOST 4096
#define THINK_MS 500
#define GAP_MS 1000
#define LOOK_MS 1000		  /* at what is open: ages are by the wall clock too */
#define FORGOTTEN_MS (30 * 60000) /* no answer will come any more */
#define KEEP_MS 10000

/* ---- jobs ---- */

void wecom_job_finish(struct wecom_job *job)
{
	if (job->lane) {
		struct wecom_lane *lane = job->lane;
		/* Its frame may be in flight: the answer then belongs to nobody. */
		if (lane->jobs.next == &job->item && lane->flight == WECOM_JOB) {
			lane->flight = WECOM_SNAPSHOT;
		}
		qg_list_remove(&job->item);
		job->lane = NULL;
	}
	free(job->text);
	json_decref(job->body);
	job->text = NULL;
	job->body = NULL;
}

static void take_out(struct wecom_job *job)
{
	qg_list_remove(&job->item);
	job->lane = NULL;
}

void wecom_lane_end_job(struct wecom_lane *lane, const struct wecom_verdict *verdict)
{
	struct wecom_job *job = QG_CONTAINER(lane->jobs.next, struct wecom_job, item);
	take_out(job);
	job->ended(job, verdict);
}

void wecom_lane_put(struct wecom_lane *lane, struct wecom_job *job)
{
	job->lane = lane;
	job->conflicts = job->expired = 0;
	lane->news_at = qg_clock_mono();
	qg_list_add(&lane->jobs, &job->item);
	wecom_lane_pump(lane);
}

/* ---- life ---- */

static void destroy(struct wecom_lane *lane)
{
	qg_list_remove(&lane->item);
	lane->link->lane_count--;
	wecom_call_cancel(lane->call);
	free(lane->req_id);
	free(lane->user);
	free(lane->prefix);
	free(lane->text);
	free(lane->flying);
	free(lane->shown);
	free(lane->settled);
	free(lane);
}

struct wecom_lane *wecom_lane_find(const struct wecom_link *link, const struct wecom_handle *handle)
{
	if (!link->ws || strcmp(link->conn, handle->conn) != 0) {
		return NULL;
	}
	for (struct qg_list *item = link->lanes.prev; item != &link->lanes; item = item->prev) {
		struct wecom_lane *lane = QG_CONTAINER(item, struct wecom_lane, item);
		if (strcmp(lane->req_id, handle->req_id) == 0) {
			return lane;
		}
	}
	return NULL;
}

struct wecom_lane *wecom_lane_get(struct wecom_link *link, const struct wecom_handle *handle)
{
	struct wecom_lane *lane = wecom_lane_find(link, handle);
	if (lane || !link->ws || strcmp(link->conn, handle->conn) != 0 || !handle->req_id[0] ||
		link->lane_count >= LANES_MOST) {
		return lane;
	}
	uint64_t now = qg_clock_mono();
	lane = calloc(1, sizeof(*lane));
	if (!lane) {
		return NULL;
	}
	*lane = (struct wecom_lane){.link = link,
		.req_id = qg_str_copy(handle->req_id),
		.user = qg_str_copy(handle->user),
		.type = handle->type,
		.sequence = INT64_MIN,
		.gap_ms = GAP_MS,
		.news_at = now,
		.keep_until = now + KEEP_MS};
	qg_list_init(&lane->jobs);
	qg_list_add(&link->lanes, &lane->item);
	link->lane_count++;
	if (!lane->req_id || !lane->user) {
		destroy(lane);
		return NULL;
	}
	wecom_link_due(link, lane->keep_until);
	return lane;
}

void wecom_lanes_drop(struct wecom_link *link)
{
	static const struct wecom_verdict unknown = {WECOM_ENDED, QG_IO, 0, "the connection ended"};
	static const struct wecom_verdict stayed = {
		WECOM_RECONNECT, QG_BUSY, 0, "the connection ended"};
	while (!qg_list_is_empty(&link->lanes)) {
		struct wecom_lane *lane = QG_CONTAINER(link->lanes.next, struct wecom_lane, item);
		bool is_flying = lane->flight == WECOM_JOB;
		struct qg_list jobs;
		qg_list_init(&jobs);
		while (!qg_list_is_empty(&lane->jobs)) {
			struct qg_list *item = lane->jobs.next;
			QG_CONTAINER(item, struct wecom_job, item)->lane = NULL;
			qg_list_remove(item);
			qg_list_add(&jobs, item);
		}
		destroy(lane);
		while (!qg_list_is_empty(&jobs)) {
			struct wecom_job *job = QG_CONTAINER(jobs.next, struct wecom_job, item);
			qg_list_remove(&job->item);
			job->ended(job, is_flying ? &unknown : &stayed);
			is_flying = false;
		}
	}
}

bool wecom_lanes_are_busy(const struct wecom_link *link)
{
	QG_LIST_FOR_EACH (item, &link->lanes) {
		struct wecom_lane *lane = QG_CONTAINER(item, struct wecom_lane, item);
		if (lane->call || !qg_list_is_empty(&lane->jobs)) {
			return true;
		}
	}
	return false;
}

/* ---- what comes for it ---- */

void wecom_lane_stored(struct wecom_lane *lane)
{
	bool is_answered =
		lane->begun || lane->text || lane->done[0] || !qg_list_is_empty(&lane->jobs);
	lane->pending = false;
	lane->news_at = qg_clock_mono();
	if (!is_answered) {
		lane->think_at = lane->news_at + THINK_MS;
		wecom_link_due(lane->link, lane->think_at);
	}
}

static bool is_newer(const struct wecom_lane *lane, const struct qg_draft *draft)
{
	if (strcmp(draft->reply, lane->done) == 0) {
		return false;
	}
	return strcmp(draft->reply, lane->reply) != 0 || draft->sequence > lane->sequence;
}

/* Of a long answer the drafts show the first part, cut as it will be sent: then what is settled of it is the beginning
 * of that part, and the others follow whole. */
static char *first_part(const char *text)
{
	size_t size = strlen(text);
	if (size <= WECOM_PART_MOST) {
		return qg_str_copy(text);
	}
	json_auto_t *parts = json_array();
	if (!parts || qg_split(text, size, WECOM_PART_MOST, parts) != QG_OK) {
		return NULL;
	}
	return qg_str_copy(json_string_value(json_array_get(parts, 0)));
}

void wecom_lane_draft(struct wecom_lane *lane, const struct qg_draft *draft, char *prefix)
{
	bool is_shown = !lane->dead && is_newer(lane, draft);
	char *text = is_shown && prefix ? first_part(draft->text) : NULL;
	if (!text) {
		free(prefix);
		return;
	}
	free(lane->prefix);
	free(lane->text);
	lane->prefix = prefix;
	lane->text = text;
	snprintf(lane->reply, sizeof(lane->reply), "%s", draft->reply);
	lane->sequence = draft->sequence;
	lane->news_at = qg_clock_mono();
	lane->think_at = 0;
	lane->dirty = wecom_stream_rest(lane, text)[0] != '\0';
	wecom_lane_pump(lane);
}

static void closed(struct wecom_job *job, const struct wecom_verdict *verdict)
{
	wecom_job_finish(job);
	free(job);
}

void wecom_lane_close(struct wecom_lane *lane, const char *words, bool below)
{
	lane->think_at = 0;
	if (!lane->begun || !qg_list_is_empty(&lane->jobs)) {
		return;
	}
	struct wecom_job *job = calloc(1, sizeof(*job));
	char *text = lane->text ? qg_str_printf("%s%s%s", lane->text, below ? "\n\n" : "",
					  below ? words : "")
				: qg_str_copy(words);
	if (!job || !text) {
		free(job);
		free(text);
		return;
	}
	job->text = text;
	job->ended = closed;
	wecom_lane_put(lane, job);
}

/* ---- what goes next ---- */

static bool is_idle(const struct wecom_lane *lane)
{
	/* what is settled stands on the screen: a draft that goes on behind it must find it here */
	return !lane->call && !lane->begun && !lane->dirty && !lane->pending && !lane->text &&
	       !lane->settled && lane->think_at == 0 && qg_list_is_empty(&lane->jobs);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t due(const struct wecom_lane *lane, uint64_t now)
{
	if (lane->call) {
		return UINT64_MAX; /* its answer, or the want of one, comes by itself */
	}
	if (is_idle(lane)) {
		return lane->keep_until;
	}
	uint64_t at = lane->begun || lane->pending ? now + LOOK_MS : UINT64_MAX;
	at = lane->think_at ? earlier(at, lane->think_at) : at;
	at = lane->dirty ? earlier(at, lane->next_at) : at;
	at = !qg_list_is_empty(&lane->jobs) ? now : at;
	at = earlier(at, lane->news_at + FORGOTTEN_MS);
	return later(at, lane->wait_until);
}

static void step(struct wecom_lane *lane, uint64_t now)
{
	if (!qg_list_is_empty(&lane->jobs)) {
		wecom_stream_job(lane, QG_CONTAINER(lane->jobs.next, struct wecom_job, item));
	} else if (lane->dead) {
		lane->dirty = false;
		lane->think_at = 0;
	} else if (wecom_stream_is_old(lane)) {
		wecom_stream_turn(lane);
	} else if ((lane->dirty && now >= lane->next_at) ||
		   (lane->think_at && now >= lane->think_at) || wecom_stream_is_quiet(lane)) {
		wecom_stream_snapshot(lane);
	}
}

void wecom_lane_pump(struct wecom_lane *lane)
{
	uint64_t now = qg_clock_mono();
	struct wecom_link *link = lane->link;
	if (link->ws && !lane->call && now >= lane->wait_until) {
		step(lane, now);
	}
	wecom_link_due(link, due(lane, now));
}

static void close_forgotten(struct wecom_lane *lane)
{
	QG_AUTO(qg_str_free) char *words = wecom_link_words(lane->link, "interrupted");
	lane->news_at = qg_clock_mono();
	lane->pending = false;
	if (words) {
		wecom_lane_close(lane, words, true);
	}
	if (!lane->begun) {
		free(lane->text);
		free(lane->settled);
		lane->text = lane->settled = NULL;
	}
}

uint64_t wecom_lanes_tick(struct wecom_link *link, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	QG_LIST_FOR_EACH (item, &link->lanes) {
		struct wecom_lane *lane = QG_CONTAINER(item, struct wecom_lane, item);
		if (now - lane->news_at >= FORGOTTEN_MS && !lane->call) {
			close_forgotten(lane);
		} else {
			wecom_lane_pump(lane);
		}
		if (is_idle(lane) && now >= lane->keep_until) {
			destroy(lane);
			continue;
		}
		next = earlier(next, due(lane, now));
	}
	return next;
}
