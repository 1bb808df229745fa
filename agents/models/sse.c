/* sse.c - the framing of server-sent events: LF, CRLF and CR over any cut, comments, several data lines.
 *
 * The hot case is an event whose one data line and blank line lie in one read: it is handed out where it
 * stands. Only what a read cuts is copied. Bytes are not decoded here: a line end is ASCII, so a cut
 * inside a UTF-8 sequence harms nothing. */
#include "sse.h"

#include <string.h>

#define BOM "\xef\xbb\xbf"

/* Where the next CR and LF are in the bytes being fed: looked up once each, so that a stream of one kind
 * of line end is not searched for the other again and again. */
struct ends {
	const char *cr, *lf; /* end where there is none */
	const char *end;
};

void qg_sse_init(struct qg_sse *sse)
{
	*sse = (struct qg_sse){0};
	qg_buf_init(&sse->line, QG_SSE_MAX_EVENT);
	qg_buf_init(&sse->event, QG_SSE_MAX_EVENT);
}

void qg_sse_finish(struct qg_sse *sse)
{
	qg_buf_finish(&sse->line);
	qg_buf_finish(&sse->event);
}

bool qg_sse_is_open(const struct qg_sse *sse)
{
	return sse->has_data && sse->line.size == 0;
}

static const char *find(const char *at, const char *end, char c)
{
	const char *found = memchr(at, c, (size_t)(end - at));
	return found != NULL ? found : end;
}

static const char *next_end(struct ends *ends, const char *at)
{
	if (ends->lf < at) {
		ends->lf = find(at, ends->end, '\n');
	}
	if (ends->cr < at) {
		ends->cr = find(at, ends->end, '\r');
	}
	return ends->cr < ends->lf ? ends->cr : ends->lf;
}

/* The open event's data moves out of the bytes being fed. */
static enum qg_status keep_data(struct qg_sse *sse)
{
	if (sse->data == NULL) {
		return sse->event.failed;
	}
	qg_buf_reset(&sse->event);
	qg_buf_add(&sse->event, sse->data, sse->size);
	sse->data = NULL;
	return sse->event.failed;
}

/* in_feed: the value lies in the bytes being fed and stays there until they are used up. */
static enum qg_status add_data(struct qg_sse *sse, const char *value, size_t size, bool in_feed)
{
	if (!sse->has_data) {
		sse->has_data = true;
		sse->data = value;
		sse->size = size;
		return in_feed ? QG_OK : keep_data(sse);
	}
	if (keep_data(sse) == QG_OK && qg_buf_add_char(&sse->event, '\n') == QG_OK) {
		qg_buf_add(&sse->event, value, size);
	}
	return sse->event.failed;
}

/* A blank line. false: the receiver wants no more, and sse may be gone. */
static bool dispatch(struct qg_sse *sse, qg_sse_fn event, void *arg)
{
	struct qg_sse_event ready = {sse->data, sse->size, sse->is_error};
	if (sse->has_data && sse->data == NULL) {
		ready.data = sse->event.data;
		ready.size = sse->event.size;
	}
	bool wanted = sse->has_data && ready.size > 0;
	sse->has_data = sse->is_error = false;
	sse->data = NULL;
	return !wanted || event(arg, &ready);
}

static bool is_field(const char *line, size_t size, const char *name, size_t name_size)
{
	return size >= name_size && memcmp(line, name, name_size) == 0 &&
	       (size == name_size || line[name_size] == ':');
}

/* One line without its end. */
static enum qg_status take_line(
	struct qg_sse *sse, const char *line, size_t size, bool in_feed, qg_sse_fn event, void *arg)
{
	if (size == 0) {
		return dispatch(sse, event, arg) ? QG_OK : QG_CANCELLED;
	}
	size_t name_size = is_field(line, size, "data", 4) ? 4
			   : is_field(line, size, "event", 5) || is_field(line, size, "error", 5)
				   ? 5
				   : 0;
	if (name_size == 0) {
		return QG_OK; /* a comment, id, retry, or what nobody knows */
	}
	const char *value = line + (size > name_size ? name_size + 1 : name_size);
	size_t left = size - (size_t)(value - line);
	if (left > 0 && value[0] == ' ') {
		value++;
		left--;
	}
	if (name_size == 4) {
		return add_data(sse, value, left, in_feed);
	}
	if (line[1] == 'v') {
		sse->is_error = left == 5 && memcmp(value, "error", 5) == 0;
		return QG_OK;
	}
	sse->is_error = true;
	return add_data(sse, value, left, in_feed);
}

/* The line that ends at end, with what an earlier read left of it. */
static enum qg_status end_line(
	struct qg_sse *sse, const char *at, const char *end, qg_sse_fn event, void *arg)
{
	const char *line = at;
	size_t size = (size_t)(end - at);
	bool in_feed = sse->line.size == 0;
	if (!in_feed) {
		if (qg_buf_add(&sse->line, at, size) != QG_OK) {
			return sse->line.failed;
		}
		line = sse->line.data;
		size = sse->line.size;
	}
	if (!sse->began) {
		sse->began = true;
		if (size >= 3 && memcmp(line, BOM, 3) == 0) {
			line += 3;
			size -= 3;
		}
	}
	enum qg_status status = take_line(sse, line, size, in_feed, event, arg);
	if (status == QG_OK && !in_feed) {
		qg_buf_reset(&sse->line);
	}
	return status;
}

enum qg_status qg_sse_feed(
	struct qg_sse *sse, const char *data, size_t size, qg_sse_fn event, void *arg)
{
	const char *at = data, *end = data + size;
	if (size == 0) {
		return QG_OK;
	}
	if (sse->skips_lf && *at == '\n') {
		at++;
	}
	sse->skips_lf = false;
	struct ends ends = {find(at, end, '\r'), find(at, end, '\n'), end};
	for (const char *stop; (stop = next_end(&ends, at)) < end;) {
		enum qg_status status = end_line(sse, at, stop, event, arg);
		if (status != QG_OK) {
			return status;
		}
		at = stop + 1;
		if (*stop == '\r') {
			sse->skips_lf = at == end;
			at += at < end && *at == '\n';
		}
	}
	enum qg_status kept = keep_data(sse);
	return at == end || kept != QG_OK ? kept : qg_buf_add(&sse->line, at, (size_t)(end - at));
}
