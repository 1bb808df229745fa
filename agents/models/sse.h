/* sse.h - server-sent events from bytes: lines and events, nothing of what is in them. */
#ifndef QG_AGENTS_MODELS_SSE_H
#define QG_AGENTS_MODELS_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/buf.h"

/* The most one event may hold: one delta of 200 kB was seen. */
#define QG_SSE_MAX_EVENT ((size_t)4 << 20)

/* One event; borrowed for the call. */
struct qg_sse_event {
	const char *data; /* the data lines, joined by LF; never empty */
	size_t size;
	bool is_error; /* its name is "error", or it was a line "error: ..." (older llama.cpp) */
};

/* false: no more, qg_sse_feed() returns at once and touches nothing. */
typedef bool (*qg_sse_fn)(void *arg, const struct qg_sse_event *event);

struct qg_sse {
	struct qg_buf line;  /* the beginning of a line that the last read cut */
	struct qg_buf event; /* the data of an event that the last read cut, or of several lines */
	const char *data;    /* the only data line so far, still in the bytes being fed; or NULL */
	size_t size;
	bool has_data; /* of the open event; in data, or else in event */
	bool is_error; /* the open event's name */
	bool skips_lf; /* the last byte was a CR that ended a line */
	bool began;    /* a byte order mark can no longer come */
};

void qg_sse_init(struct qg_sse *sse);
void qg_sse_finish(struct qg_sse *sse);
/* QG_CANCELLED where event() said so; QG_TOO_LARGE, QG_NO_MEMORY: nothing more can be read. */
QG_MUST_CHECK enum qg_status qg_sse_feed(
	struct qg_sse *sse, const char *data, size_t size, qg_sse_fn event, void *arg);
/* Data came that no blank line ended. */
bool qg_sse_is_open(const struct qg_sse *sse);

#endif
