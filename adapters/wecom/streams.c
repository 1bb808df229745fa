/* streams.c - the frames under one message's id, and what their answers do.
 *
 * A stream shows snapshots of one text and is ended by its last frame. It lives six minutes: shortly before, it is ended
 * with what it shows, and the rest goes on in another stream under the same id; `settled` is what stands in such earlier
 * bubbles. Ids of streams derive from the reply, so that a send that is repeated on the same connection continues the
 * same bubble. Source: developer.work.weixin.qq.com, document 101463. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

#define ROTATE_MS 300000 /* of the six minutes that a stream lives */
#define KEEP_MS 230000	 /* a stream without an update for six minutes is gone */
#define CONFLICT_MS 150
#define CONFLICTS_MOST 3
#define EXPIRED_MOST 2
#define GAP_MS 1000 /* between two snapshots ... */
#define GAP_RATE_MS                                                                                \
	3000 /* ... once one was refused for its rate, and twice as long each time ... */
#define GAP_MOST_MS 24000 /* ... for what is left of a minute belongs to the ends */
#define RETRY_MS 1000
#define KEEP_LANE_MS 60000 /* after a failure: the planner comes again */
#define DONE_LANE_MS 10000 /* after the end: a late draft must not open it again */

/* ---- what is shown ---- */

const char *wecom_stream_rest(const struct wecom_lane *lane, const char *text)
{
	size_t size = lane->settled ? strlen(lane->settled) : 0;
	if (size == 0 || strncmp(text, lane->settled, size) != 0) {
		return text;
	}
	text += size;
	while (*text == '\n') {
		text++;
	}
	return text;
}

static bool begins_a_block(const char *text)
{
	return text[0] != '\0' && strchr("#>-*+|`~0123456789\t ", text[0]) != NULL;
}

char *wecom_with_prefix(const char *prefix, const char *text, size_t size)
{
	bool is_named = prefix && prefix[0] && size > 0;
	return qg_str_printf("%s%s%.*s", is_named ? prefix : "",
		is_named && begins_a_block(text) ? "\n" : "", (int)size, text);
}

/* The bubble's whole content: whom it answers, a code block that went on, the text. */
static char *make_content(const struct wecom_lane *lane, const char *text, size_t size)
{
	bool is_open = lane->fence[0] && size > 0;
	QG_AUTO(qg_str_free)
	char *body = qg_str_printf(
		"%s%s%.*s", is_open ? lane->fence : "", is_open ? "\n" : "", (int)size, text);
	return body ? wecom_with_prefix(lane->prefix, body, strlen(body)) : NULL;
}

static size_t fitting(const char *text)
{
	return qg_utf8_cut(text, strlen(text), WECOM_PART_MOST);
}

static void name_stream(struct wecom_lane *lane, const char *reply, unsigned part)
{
	char part_text[16];
	char rotation[16];
	snprintf(part_text, sizeof(part_text), "%u", part);
	snprintf(rotation, sizeof(rotation), "%u", lane->rotation);
	if (reply[0]) {
		qg_digest_id(lane->id, reply, part_text, rotation, NULL);
	} else { /* whose answer it will be is not known yet */
		qg_digest_id(lane->id, lane->link->conn, lane->req_id, rotation, NULL);
	}
}

static uint64_t since(uint64_t mono, int64_t wall)
{
	/* Whichever clock says more: too early does no harm. */
	uint64_t by_mono = qg_clock_mono() - mono;
	int64_t by_wall = qg_clock_wall() - wall;
	return by_wall > 0 && (uint64_t)by_wall > by_mono ? (uint64_t)by_wall : by_mono;
}

bool wecom_stream_is_old(const struct wecom_lane *lane)
{
	return lane->begun && since(lane->begun_at, lane->begun_wall) >= ROTATE_MS;
}

bool wecom_stream_is_quiet(const struct wecom_lane *lane)
{
	return lane->begun && since(lane->shown_at, lane->shown_wall) >= KEEP_MS;
}

/* ---- frames ---- */

static void answered(void *arg, const struct wecom_answer *answer);

static bool fly(struct wecom_lane *lane, enum wecom_flight flight, const json_t *body)
{
	struct wecom_request request = {.cmd = "aibot_respond_msg",
		.req_id = lane->req_id,
		.body = body,
		.timeout_ms = WECOM_ACK_MS,
		.owed = lane->owed};
	lane->call = body ? wecom_call_start(lane->link, &request, answered, lane) : NULL;
	if (!lane->call) { /* no memory, or too much waits on the wire */
		lane->wait_until = qg_clock_mono() + RETRY_MS;
		return false;
	}
	lane->flight = flight;
	return true;
}

static bool fly_stream(
	struct wecom_lane *lane, enum wecom_flight flight, bool finish, const char *content)
{
	char feedback[48];
	bool asks = !lane->asked &&
		    !lane->begun; /* what people think of it: once, in the first frame */
	snprintf(feedback, sizeof(feedback), "trace_%s", lane->id);
	json_auto_t *body =
		content ? wecom_stream_body(lane->id, finish, content, asks ? feedback : NULL)
			: NULL;
	if (!fly(lane, flight, body)) {
		return false;
	}
	lane->is_asking = asks;
	lane->asked = true;
	lane->shown_at = qg_clock_mono();
	lane->shown_wall = qg_clock_wall();
	if (!lane->begun) {
		lane->begun = true;
		lane->confirmed = false;
		lane->begun_at = lane->shown_at;
		lane->begun_wall = lane->shown_wall;
	}
	return true;
}

/* Notes that text is shown up to end once the frame lands. No memory: it may be shown twice. */
static void note_flying(struct wecom_lane *lane, const char *text, const char *end)
{
	free(lane->flying);
	lane->flying = text ? qg_str_copy_n(text, (size_t)(end - text)) : NULL;
}

bool wecom_stream_snapshot(struct wecom_lane *lane)
{
	const char *rest = lane->text ? wecom_stream_rest(lane, lane->text) : "";
	size_t size = fitting(rest);
	if (!lane->begun) {
		name_stream(lane, lane->reply, 0);
	}
	QG_AUTO(qg_str_free) char *content = make_content(lane, rest, size);
	if (!fly_stream(lane, WECOM_SNAPSHOT, false, content)) {
		return false;
	}
	note_flying(lane, lane->text, rest + size);
	lane->dirty = false;
	lane->think_at = 0;
	lane->next_at = lane->text ? lane->shown_at + lane->gap_ms : 0;
	return true;
}

/* Where a bubble may end well: behind a line, if there is one in its second half. */
static size_t good_end(const char *text, size_t size)
{
	for (size_t i = size; i > size / 2; i--) {
		if (text[i - 1] == '\n') {
			return i - 1;
		}
	}
	return size;
}

bool wecom_stream_turn(struct wecom_lane *lane)
{
	const char *rest = lane->text ? wecom_stream_rest(lane, lane->text) : "";
	size_t size = good_end(rest, fitting(rest));
	QG_AUTO(qg_str_free) char *content = NULL;
	if (size == 0) { /* it was seen to think, and no more */
		content = wecom_link_words(lane->link, "busy");
	} else {
		char fence[17];
		qg_fence_end(rest, size, fence);
		QG_AUTO(qg_str_free) char *open = make_content(lane, rest, size);
		content = open ? qg_str_printf("%s%s%s", open, fence[0] ? "\n" : "", fence) : NULL;
	}
	if (!fly_stream(lane, WECOM_TURN, true, content)) {
		return false;
	}
	note_flying(lane, lane->text, rest + size);
	return true;
}

static bool fly_end(struct wecom_lane *lane, const struct wecom_job *job)
{
	const char *rest = job->part == 0 ? wecom_stream_rest(lane, job->text) : job->text;
	if (!rest[0]) {
		rest = job->text; /* what is open must say something */
	}
	if (!lane->begun) {
		name_stream(lane, job->reply, job->part);
	}
	QG_AUTO(qg_str_free) char *content = make_content(lane, rest, strlen(rest));
	return fly_stream(lane, WECOM_JOB, true, content);
}

bool wecom_stream_job(struct wecom_lane *lane, struct wecom_job *job)
{
	static const struct wecom_verdict landed = {WECOM_LANDED, QG_OK, 0, ""};
	lane->think_at = 0;
	if (!job->text) {
		return fly(lane, WECOM_JOB, job->body);
	}
	if (!lane->begun && job->part == 0 && lane->settled &&
		!wecom_stream_rest(lane, job->text)[0]) {
		wecom_lane_end_job(lane, &landed); /* earlier bubbles show all of it */
		return true;
	}
	return fly_end(lane, job);
}

/* ---- answers ---- */

static void forget(char **text)
{
	free(*text);
	*text = NULL;
}

/* The stream is over and its answer is not: the next frame begins another one behind what is shown. */
static void next_stream(struct wecom_lane *lane, char **shown)
{
	lane->begun = false;
	lane->rotation++;
	lane->fence[0] = '\0';
	if (*shown) {
		const char *bubble = wecom_stream_rest(lane, *shown);
		qg_fence_end(bubble, strlen(bubble), lane->fence);
		free(lane->settled);
		lane->settled = *shown;
		*shown = NULL;
	}
	forget(&lane->flying); /* of a bubble that is over */
	forget(&lane->shown);
	bool has_more = lane->text && wecom_stream_rest(lane, lane->text)[0];
	lane->dirty = has_more;
	lane->think_at = lane->text ? 0 : qg_clock_mono();
	lane->next_at = 0;
}

/* Refused for its rate, or unanswered: the newest goes again. Refused for what it is: only the end comes. */
static void snapshot_failed(
	struct wecom_lane *lane, const struct wecom_verdict *verdict, uint64_t now)
{
	lane->dirty = qg_status_is_retryable(verdict->status);
	if (verdict->status == QG_TIMEOUT) {
		lane->next_at = 0; /* it waited long enough; it may have begun the stream */
		return;
	}
	lane->begun = lane->confirmed;
	if (verdict->status == QG_BUSY) {
		lane->gap_ms = lane->gap_ms < GAP_RATE_MS   ? GAP_RATE_MS
			       : lane->gap_ms < GAP_MOST_MS ? 2 * lane->gap_ms
							    : lane->gap_ms;
		lane->wait_until = now + GAP_RATE_MS;
		lane->next_at = now + lane->gap_ms;
		lane->think_at = lane->text || lane->begun ? 0 : lane->next_at;
		lane->dirty = lane->text != NULL;
	}
}

static void snapshot_answered(struct wecom_lane *lane, const struct wecom_verdict *verdict)
{
	uint64_t now = qg_clock_mono();
	switch (verdict->act) {
	case WECOM_LANDED:
		lane->conflicts = 0;
		lane->confirmed = true;
		free(lane->shown);
		lane->shown = lane->flying;
		lane->flying = NULL;
		break;
	case WECOM_AGAIN:
		lane->wait_until =
			now + (lane->conflicts++ < CONFLICTS_MOST ? CONFLICT_MS : RETRY_MS);
		lane->dirty = true;
		lane->next_at = 0;
		break;
	case WECOM_EXPIRED:
		next_stream(lane, &lane->shown);
		break;
	case WECOM_ENDED:
		snapshot_failed(lane, verdict, now);
		break;
	default:
		lane->dead = true; /* the end will be pushed */
		lane->begun = lane->dirty = false;
		break;
	}
}

/* However it was answered: an end that did not land runs into the end of the stream's life. */
static void turn_answered(struct wecom_lane *lane, const struct wecom_verdict *verdict)
{
	if (verdict->act == WECOM_AGAIN && lane->conflicts++ < CONFLICTS_MOST) {
		lane->wait_until = qg_clock_mono() + CONFLICT_MS;
		return;
	}
	bool shows = verdict->act == WECOM_LANDED;
	lane->conflicts = 0;
	next_stream(lane, shows ? &lane->flying : &lane->shown);
	lane->dead = verdict->act == WECOM_PUSH;
}

static void close_stream(struct wecom_lane *lane, const struct wecom_job *job)
{
	lane->begun = lane->dirty = false;
	lane->think_at = 0;
	lane->rotation = 0;
	lane->fence[0] = '\0';
	forget(&lane->text);
	forget(&lane->flying);
	forget(&lane->shown);
	forget(&lane->settled);
	memcpy(lane->done, job->reply[0] ? job->reply : lane->reply, sizeof(lane->done));
}

static void job_answered(
	struct wecom_lane *lane, struct wecom_job *job, struct wecom_verdict verdict)
{
	uint64_t now = qg_clock_mono();
	if (verdict.act == WECOM_AGAIN && job->conflicts++ < CONFLICTS_MOST) {
		lane->wait_until = now + CONFLICT_MS;
		return;
	}
	if (verdict.act == WECOM_EXPIRED && job->text && job->expired++ < EXPIRED_MOST) {
		next_stream(lane, &lane->shown);
		lane->dirty = false;
		lane->think_at = 0;
		return; /* goes again in the new one */
	}
	if (verdict.act == WECOM_LANDED && job->text) {
		close_stream(lane, job);
	}
	if (verdict.act == WECOM_PUSH) {
		lane->dead = true;
	}
	if (verdict.act == WECOM_AGAIN || verdict.act == WECOM_EXPIRED ||
		verdict.act == WECOM_PUSH) {
		verdict.act = WECOM_PUSH;
		lane->begun = lane->dirty = false;
		forget(&lane->text); /* its end goes another way, whole */
		forget(&lane->settled);
	}
	lane->keep_until = now + (verdict.act == WECOM_LANDED ? DONE_LANE_MS : KEEP_LANE_MS);
	wecom_lane_end_job(lane, &verdict);
}

static void log_answer(const struct wecom_lane *lane, const struct wecom_answer *answer,
	const struct wecom_verdict *verdict)
{
	const struct wecom_core *core = wecom_link_core(lane->link);
	enum qg_log_level level = lane->flight == WECOM_JOB ? QG_LOG_WARN : QG_LOG_INFO;
	qg_log_write(level, core && core->bot ? core->bot->name : NULL, NULL,
		"wecom: a frame was not taken: code %lld %s (%s)", (long long)answer->code,
		answer->words, answer->local != QG_OK ? "no answer" : verdict->words);
}

static void answered(void *arg, const struct wecom_answer *answer)
{
	struct wecom_lane *lane = arg;
	struct wecom_verdict verdict = {WECOM_ENDED, answer->local, 0, ""};
	if (answer->local == QG_OK) {
		verdict = wecom_verdict(answer->code, true);
	}
	if (verdict.act != WECOM_LANDED) {
		log_answer(lane, answer, &verdict);
	}
	enum wecom_flight flight = lane->flight;
	if (lane->is_asking && verdict.act == WECOM_ENDED && verdict.status == QG_UNSUPPORTED) {
		verdict = (struct wecom_verdict){
			WECOM_AGAIN, QG_BUSY, 0, ""}; /* without the question */
	}
	lane->is_asking = false;
	lane->call = NULL;
	lane->flight = WECOM_NOTHING_FLIES;
	lane->owed = answer->owed;
	if (verdict.act == WECOM_RECONNECT) {
		wecom_link_drop(lane->link, verdict.words); /* and this lane with it */
		return;
	}
	if (flight == WECOM_SNAPSHOT) {
		snapshot_answered(lane, &verdict);
	} else if (flight == WECOM_TURN) {
		turn_answered(lane, &verdict);
	} else if (!qg_list_is_empty(&lane->jobs)) {
		job_answered(lane, QG_CONTAINER(lane->jobs.next, struct wecom_job, item), verdict);
	}
	wecom_lane_pump(lane);
}
