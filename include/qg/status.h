/* status.h - the one error enum: name, text for people, and whether trying again may help. */
#ifndef QG_STATUS_H
#define QG_STATUS_H

#include <stdbool.h>

#define QG_MUST_CHECK __attribute__((warn_unused_result))
#define QG_PRINTF(at, first) __attribute__((format(printf, at, first)))

/* X(name, text, worth a retry) */
#define QG_STATUS_MAP(X)                                                                           \
	X(OK, "ok", false)                                                                         \
	X(DUPLICATE, "already stored", false)                                                      \
	X(FULL, "the conversation has too many waiting messages", false)                           \
	X(STALE, "somebody else took over", false)                                                 \
	X(EMPTY, "nothing there", false)                                                           \
	X(INVALID, "invalid input", false)                                                         \
	X(TOO_LARGE, "too large", false)                                                           \
	X(NOT_FOUND, "not found", false)                                                           \
	X(DENIED, "not allowed", false)                                                            \
	X(NO_MEMORY, "out of memory", true)                                                        \
	X(IO, "input or output failed", true)                                                      \
	X(AWAY, "Redis is away", true)                                                             \
	X(TIMEOUT, "timed out", true)                                                              \
	X(BUSY, "busy", true)                                                                      \
	X(CANCELLED, "cancelled", false)                                                           \
	X(UNSUPPORTED, "not built in", false)                                                      \
	X(FAILED, "failed", true)

enum qg_status {
#define X(name, text, retry) QG_##name,
	QG_STATUS_MAP(X)
#undef X
};

/* "QG_OK"; never NULL. Any thread. */
const char *qg_status_name(enum qg_status status);
/* A few words for people; never NULL. Any thread. */
const char *qg_status_text(enum qg_status status);
/* Whether the same call may succeed later. Any thread. */
bool qg_status_is_retryable(enum qg_status status);

#endif
