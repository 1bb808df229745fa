/* buf.h - growing bytes with a ceiling. A buffer that failed stays failed until reset: check once. */
#ifndef QG_BUF_H
#define QG_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/status.h"

#define QG_AUTO(finish) __attribute__((cleanup(finish)))

struct qg_buf {
	char *data; /* NUL-terminated behind size bytes once anything was added; NULL before */
	size_t size;
	size_t capacity;
	size_t limit;
	enum qg_status failed; /* QG_OK, QG_TOO_LARGE or QG_NO_MEMORY; sticky */
};

/* limit: the most bytes it may ever hold (without the NUL). Allocates nothing. */
void qg_buf_init(struct qg_buf *buf, size_t limit);
/* Frees the bytes; the buffer is as after init. Accepts a zeroed one. Usable with QG_AUTO. */
void qg_buf_finish(struct qg_buf *buf);
/* Drops the content and the failure, keeps the memory. */
void qg_buf_reset(struct qg_buf *buf);
/* Each returns buf->failed after the call; what does not fit adds nothing. */
enum qg_status qg_buf_add(struct qg_buf *buf, const void *data, size_t size);
enum qg_status qg_buf_add_str(struct qg_buf *buf, const char *text);
enum qg_status qg_buf_add_char(struct qg_buf *buf, char c);
enum qg_status qg_buf_add_int(struct qg_buf *buf, int64_t number);
enum qg_status qg_buf_printf(struct qg_buf *buf, const char *format, ...) QG_PRINTF(2, 3);
enum qg_status qg_buf_vprintf(struct qg_buf *buf, const char *format, va_list args) QG_PRINTF(2, 0);
/* Room for size more bytes, to be written at data + size by the caller. */
QG_MUST_CHECK enum qg_status qg_buf_reserve(struct qg_buf *buf, size_t size);
/* Removes the first size bytes (size <= buf->size). */
void qg_buf_consume(struct qg_buf *buf, size_t size);
/* The bytes as a string that is yours to free; the buffer is as after init. NULL if it failed. */
char *qg_buf_steal(struct qg_buf *buf);

#endif
