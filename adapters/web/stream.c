/* stream.c - the browsers that look on: each gets the feed from where it was, and drafts as they come.
 *
 * A new viewer first catches up by reads of its own; then it is live and gets what the bot's one tail reads. All
 * reads go down one pipelined connection, so what the tail read before the viewer's last catch-up was answered
 * is in that catch-up, and an event is handed out only if its id is above the viewer's: none is lost or doubled,
 * also when Redis was away in between. A feed may hold many megabytes: few viewers catch up at a time, and none
 * is sent more than it takes, or a handful of them would fill Redis' memory and ours. Drafts are in no feed: they carry the id of the viewer's newest event, so
 * a browser that comes back asks for what followed it. */
#include "web.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define READ_COUNT "50"
#define READ_COUNT_N 50
#define ID_SIZE 48
#define VIEWERS_MAX 2000	    /* of a bot in one process */
#define BACKLOG_ROOM (256 * 1024)   /* bytes a viewer may be behind and still catch up further */
#define EVENT_MAX (2 * 1024 * 1024) /* bytes of one event: a reply whose every byte is escaped */

struct id { /* of an entry of the stream */
	uint64_t ms, seq;
};

struct read;

struct viewer {
	struct qg_list link;
	struct web_core *core;
	struct qg_http_exchange *x;
	struct read *read; /* its catch-up under way */
	struct id at;	   /* the newest event it has */
	bool placed;	   /* at is set; else it wants only what is new from now on */
	bool live;
};

struct read { /* arg of a Redis command; outlives its viewer and its bot */
	struct web_core *core;
	struct viewer *viewer; /* NULL: the tail's, or the viewer left */
};

static bool is_newer(struct id a, struct id b)
{
	return a.ms != b.ms ? a.ms > b.ms : a.seq > b.seq;
}

/* "12-3" or "12" (then the first of that time). */
static bool parse_id(const char *text, struct id *id_out)
{
	char copy[ID_SIZE];
	if (!text || strlen(text) >= sizeof(copy)) {
		return false;
	}
	memcpy(copy, text, strlen(text) + 1);
	char *dash = strchr(copy, '-');
	int64_t ms = 0;
	int64_t seq = 0;
	if (dash) {
		*dash = '\0';
	}
	if (!qg_str_to_int64(copy, 0, INT64_MAX, &ms) ||
		(dash && !qg_str_to_int64(dash + 1, 0, INT64_MAX, &seq))) {
		return false;
	}
	*id_out = (struct id){(uint64_t)ms, (uint64_t)seq};
	return true;
}

static void print_id(struct id id, char out[ID_SIZE])
{
	snprintf(out, ID_SIZE, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

/* ---- writing ---- */

static void viewer_destroy(struct viewer *viewer)
{
	if (viewer->read) {
		viewer->read->viewer = NULL;
	}
	qg_list_remove(&viewer->link);
	web_core_release(viewer->core);
	free(viewer);
}

static void gone(void *arg)
{
	viewer_destroy(arg);
}

/* False: the viewer may be gone, do not touch it. */
static bool write_event(
	struct viewer *viewer, struct id id, const char *event, const char *data, size_t size)
{
	char head[ID_SIZE];
	print_id(id, head);
	QG_AUTO(qg_buf_finish) struct qg_buf out;
	qg_buf_init(&out, EVENT_MAX);
	qg_buf_printf(&out, "id: %s\nevent: %s\ndata: ", head, event);
	qg_buf_add(&out, data, size);
	if (qg_buf_add_str(&out, "\n\n")) {
		return true; /* too large or no memory: this one is left out */
	}
	return qg_http_stream_write(viewer->x, out.data, out.size) == QG_OK;
}

/* Whether it has taken most of what it was sent. */
static bool has_room(const struct viewer *viewer)
{
	return qg_http_stream_backlog(viewer->x) <= BACKLOG_ROOM;
}

static bool write_text(struct viewer *viewer, const char *text)
{
	return qg_http_stream_write(viewer->x, text, strlen(text)) == QG_OK;
}

/* Tells a viewer whether Redis is there; without a place of its own it only gets a comment. */
static bool write_status(struct viewer *viewer, bool up)
{
	if (!viewer->placed) {
		return write_text(viewer, up ? ": store up\n\n" : ": store away\n\n");
	}
	const char *data = up ? "{\"store\":\"up\"}" : "{\"store\":\"away\"}";
	return write_event(viewer, viewer->at, "status", data, strlen(data));
}

/* ---- reading ---- */

struct event {
	struct id id;
	const char *name, *data;
	size_t size;
};

static bool is_line(const struct qg_redis_reply *text)
{
	return !memchr(text->text, '\n', text->size) && !memchr(text->text, '\r', text->size) &&
	       !memchr(text->text, '\0', text->size);
}

/* One entry [id, [field, value, ...]]; what is not of our making is not shown. */
static bool parse_entry(const struct qg_redis_reply *entry, struct event *event_out)
{
	struct event event = {0};
	if (entry->type != QG_REPLY_ARRAY || entry->count != 2 ||
		entry->items[0].type != QG_REPLY_STRING ||
		!parse_id(entry->items[0].text, &event.id) ||
		entry->items[1].type != QG_REPLY_ARRAY) {
		return false;
	}
	const struct qg_redis_reply *fields = &entry->items[1];
	for (size_t i = 0; i + 1 < fields->count; i += 2) {
		const struct qg_redis_reply *value = &fields->items[i + 1];
		if (fields->items[i].type != QG_REPLY_STRING || value->type != QG_REPLY_STRING ||
			!is_line(value)) {
			continue;
		}
		if (qg_str_equal(fields->items[i].text, "e")) {
			event.name = value->text;
		} else if (qg_str_equal(fields->items[i].text, "d")) {
			event.data = value->text;
			event.size = value->size;
		}
	}
	*event_out = event;
	return true;
}

static bool show(struct viewer *viewer, const struct event *event)
{
	if (!is_newer(event->id, viewer->at)) {
		return true;
	}
	viewer->at = event->id;
	if (!event->name || !event->data) {
		return true;
	}
	return write_event(viewer, event->id, event->name, event->data, event->size);
}

static struct read *read_create(struct web_core *core, struct viewer *viewer)
{
	struct read *read = calloc(1, sizeof(*read));
	if (read) {
		web_core_take(core);
		read->core = core;
		read->viewer = viewer;
	}
	return read;
}

static void ask_range(
	const struct web_core *core, struct id behind, qg_redis_fn fn, struct read *read)
{
	/* The id that follows: exclusive ranges need Redis 6.2. */
	struct id from = {behind.ms, behind.seq + 1};
	char text[ID_SIZE];
	print_id(from, text);
	qg_redis_run(core->bot->redis, fn, read, "XRANGE %sfeed:%s %s + COUNT " READ_COUNT,
		core->bot->prefix, core->bot->name, text);
}

/* ---- catching up ---- */

static void catch_up_all(struct web_core *core);

static void go_live(struct viewer *viewer)
{
	struct web_core *core = viewer->core;
	viewer->live = true;
	if (!core->tailing) {
		core->tailing = true;
		core->tip_ms = viewer->at.ms;
		core->tip_seq = viewer->at.seq;
	}
	core->bot->host->replay_drafts(core->bot);
}

/* The read is over: its viewer, or NULL where nobody waits for it any more. */
static struct viewer *read_end(struct read *read)
{
	struct viewer *viewer = read->core->bot ? read->viewer : NULL;
	read->core->catching--;
	if (read->viewer) {
		read->viewer->read = NULL;
	}
	return viewer;
}

static void caught_up(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct read *read = arg;
	size_t count = status == QG_OK && reply->type == QG_REPLY_ARRAY ? reply->count : 0;
	bool whole = count < READ_COUNT_N;
	/* Writing may end the viewer: read->viewer is then NULL. */
	for (size_t i = 0; i < count && read->viewer; i++) {
		struct event event;
		if (!has_room(read->viewer)) {
			whole = false; /* the rest is read again once it has taken this */
			break;
		}
		if (parse_entry(&reply->items[i], &event) && !show(read->viewer, &event)) {
			break;
		}
	}
	struct web_core *core = read->core;
	struct viewer *viewer = read_end(read);
	free(read);
	if (viewer && status == QG_OK && whole) {
		go_live(viewer);
	}
	if (status == QG_OK) {
		catch_up_all(core);
	}
	web_core_release(core);
}

static void placed(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct read *read = arg;
	struct web_core *core = read->core;
	struct viewer *viewer = read_end(read);
	free(read);
	if (viewer && status == QG_OK) {
		struct event event;
		if (reply->type == QG_REPLY_ARRAY && reply->count == 1 &&
			parse_entry(&reply->items[0], &event)) {
			viewer->at = event.id;
		}
		viewer->placed = true;
		go_live(viewer);
	}
	if (status == QG_OK) {
		catch_up_all(core);
	}
	web_core_release(core);
}

static void catch_up(struct viewer *viewer)
{
	struct web_core *core = viewer->core;
	struct read *read = read_create(core, viewer);
	if (!read) {
		return;
	}
	core->catching++;
	viewer->read = read;
	qg_list_remove(&viewer->link); /* to the end: all have their turn */
	qg_list_add(&core->viewers, &viewer->link);
	if (viewer->placed) {
		ask_range(core, viewer->at, caught_up, read);
	} else {
		qg_redis_run(core->bot->redis, placed, read, "XREVRANGE %sfeed:%s + - COUNT 1",
			core->bot->prefix, core->bot->name);
	}
}

/* A step of those whose turn it is. After a failure, and for who takes its events slowly, the next tick takes it. */
static void catch_up_all(struct web_core *core)
{
	if (!core->bot || !qg_redis_is_up(core->bot->redis)) {
		return;
	}
	QG_LIST_FOR_EACH (item, &core->viewers) {
		struct viewer *viewer = QG_CONTAINER(item, struct viewer, link);
		if (core->catching == WEB_CATCHING_MAX) {
			break;
		}
		if (!viewer->live && !viewer->read && has_room(viewer)) {
			catch_up(viewer);
		}
	}
}

/* ---- the tail ---- */

static void fan_out(struct web_core *core, const struct event *event)
{
	QG_LIST_FOR_EACH (item, &core->viewers) {
		struct viewer *viewer = QG_CONTAINER(item, struct viewer, link);
		if (viewer->live) {
			(void)show(viewer, event);
		}
	}
}

static void tail_read(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct read *read = arg;
	struct web_core *core = read->core;
	free(read);
	core->reading = false;
	size_t count =
		core->bot && status == QG_OK && reply->type == QG_REPLY_ARRAY ? reply->count : 0;
	for (size_t i = 0; i < count; i++) {
		struct event event;
		if (parse_entry(&reply->items[i], &event)) {
			fan_out(core, &event);
			core->tip_ms = event.id.ms;
			core->tip_seq = event.id.seq;
		}
	}
	if (core->bot && status == QG_OK && (core->look_again || count == READ_COUNT_N)) {
		web_stream_look(core);
	}
	web_core_release(core);
}

static bool has_viewers(struct web_core *core)
{
	if (qg_list_is_empty(&core->viewers)) {
		core->tailing = false; /* the next viewer says where to begin */
		return false;
	}
	return true;
}

void web_stream_look(struct web_core *core)
{
	if (!has_viewers(core) || !core->tailing || !qg_redis_is_up(core->bot->redis)) {
		return;
	}
	if (core->reading) {
		core->look_again = true;
		return;
	}
	struct read *read = read_create(core, NULL);
	if (!read) {
		return; /* the next tick looks again */
	}
	core->reading = true;
	core->look_again = false;
	ask_range(core, (struct id){core->tip_ms, core->tip_seq}, tail_read, read);
}

void web_stream_tick(struct web_core *core, bool beat)
{
	bool up = qg_redis_is_up(core->bot->redis);
	bool changed = up != core->was_up;
	core->was_up = up;
	QG_LIST_FOR_EACH (item, &core->viewers) {
		struct viewer *viewer = QG_CONTAINER(item, struct viewer, link);
		if (changed && !write_status(viewer, up)) {
			continue;
		}
		if (beat) {
			(void)write_text(viewer, ": beat\n\n");
		}
	}
	catch_up_all(core);
	web_stream_look(core);
}

void web_stream_draft(struct web_core *core, const struct qg_draft *draft)
{
	if (qg_list_is_empty(&core->viewers)) {
		return;
	}
	json_t *answers = draft->answers ? json_incref((json_t *)draft->answers) : json_array();
	json_auto_t *event = json_pack("{s:s, s:o, s:I, s:s}", "reply", draft->reply, "answers",
		answers, "sequence", (json_int_t)draft->sequence, "text", draft->text);
	QG_AUTO(qg_str_free) char *data = event ? qg_json_dump(event) : NULL;
	if (!data) {
		return;
	}
	QG_LIST_FOR_EACH (item, &core->viewers) {
		struct viewer *viewer = QG_CONTAINER(item, struct viewer, link);
		if (viewer->live) {
			(void)write_event(viewer, viewer->at, "delta", data, strlen(data));
		}
	}
}

/* ---- coming and going ---- */

static size_t count_viewers(const struct web_core *core)
{
	size_t count = 0;
	QG_LIST_FOR_EACH (item, &core->viewers) {
		count++;
	}
	return count;
}

/* Where the browser was: what it says by itself after a lost connection, else what the page asks for. An id that
 * is none means everything: better shown again than missed. */
static void place(struct viewer *viewer)
{
	const char *header = qg_http_header(viewer->x, "Last-Event-ID");
	const char *query = qg_http_query(viewer->x);
	QG_AUTO(qg_str_free) char *asked = qg_query_get(query, strlen(query), "last_event_id");
	const char *id = header ? header : asked;
	viewer->placed = id != NULL;
	if (id && !parse_id(id, &viewer->at)) {
		viewer->at = (struct id){0, 0};
	}
}

void web_stream_open(struct web_core *core, struct qg_http_exchange *x)
{
	struct viewer *viewer =
		count_viewers(core) < VIEWERS_MAX ? calloc(1, sizeof(*viewer)) : NULL;
	if (!viewer) {
		qg_http_add_header(x, "Retry-After", "10");
		qg_http_answer_error(x, 503, "too many viewers");
		return;
	}
	bool up = qg_redis_is_up(core->bot->redis);
	if (!has_viewers(core)) {
		core->was_up = up;
	}
	viewer->core = core;
	viewer->x = x;
	web_core_take(core);
	place(viewer);
	qg_list_add(&core->viewers, &viewer->link);
	qg_http_on_gone(x, gone, viewer);
	qg_http_add_header(x, "X-Accel-Buffering", "no"); /* nginx would keep events back */
	qg_http_stream_begin(x, "text/event-stream; charset=utf-8");
	web_tail_join(core);
	if (!write_text(viewer, "retry: 1000\n\n") || (!up && !write_status(viewer, false))) {
		return;
	}
	catch_up_all(core);
}

void web_stream_end_all(struct web_core *core)
{
	QG_LIST_FOR_EACH (item, &core->viewers) {
		struct viewer *viewer = QG_CONTAINER(item, struct viewer, link);
		struct qg_http_exchange *x = viewer->x;
		viewer_destroy(viewer);
		qg_http_stream_end(x);
	}
	core->tailing = false;
}
