/* buf.c - growing bytes with a ceiling.
 *
 * All that a peer can make grow goes through here, so the limit is checked before any
 * allocation. A failure sticks: a chain of additions is checked once, at its end. */
#include "qg/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

/* The first allocation; small answers and log words never grow. */
#define FIRST_CAPACITY 128
/* Above this no size arithmetic in here could overflow. */
#define LIMIT_MAX (SIZE_MAX / 4)

void qg_buf_init(struct qg_buf *buf, size_t limit)
{
	memset(buf, 0, sizeof(*buf));
	buf->limit = limit < LIMIT_MAX ? limit : LIMIT_MAX;
}

void qg_buf_finish(struct qg_buf *buf)
{
	free(buf->data);
	qg_buf_init(buf, buf->limit);
}

void qg_buf_reset(struct qg_buf *buf)
{
	buf->size = 0;
	buf->failed = QG_OK;
	if (buf->data) {
		buf->data[0] = '\0';
	}
}

/* Doubling keeps additions cheap; the ceiling bounds the last step. wanted includes the NUL. */
static enum qg_status grow(struct qg_buf *buf, size_t wanted)
{
	size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
	while (capacity < wanted) {
		capacity *= 2;
	}
	if (capacity > buf->limit + 1) {
		capacity = buf->limit + 1;
	}
	char *data = realloc(buf->data, capacity);
	if (!data) {
		return QG_NO_MEMORY;
	}
	buf->data = data;
	buf->capacity = capacity;
	buf->data[buf->size] = '\0';
	return QG_OK;
}

enum qg_status qg_buf_reserve(struct qg_buf *buf, size_t size)
{
	if (buf->failed) {
		return buf->failed;
	}
	if (buf->size > buf->limit || size > buf->limit - buf->size) {
		buf->failed = QG_TOO_LARGE;
	} else if (buf->size + size + 1 > buf->capacity) {
		buf->failed = grow(buf, buf->size + size + 1);
	}
	return buf->failed;
}

enum qg_status qg_buf_add(struct qg_buf *buf, const void *data, size_t size)
{
	/* Most additions fit: texts are put together here piece by piece. */
	bool fits = buf->failed == QG_OK && size < buf->capacity - buf->size;
	if (!fits && qg_buf_reserve(buf, size) != QG_OK) {
		return buf->failed;
	}
	if (size > 0) {
		memcpy(buf->data + buf->size, data, size);
		buf->size += size;
		buf->data[buf->size] = '\0';
	}
	return QG_OK;
}

enum qg_status qg_buf_add_str(struct qg_buf *buf, const char *text)
{
	return qg_buf_add(buf, text, strlen(text));
}

enum qg_status qg_buf_add_char(struct qg_buf *buf, char c)
{
	return qg_buf_add(buf, &c, 1);
}

enum qg_status qg_buf_add_int(struct qg_buf *buf, int64_t number)
{
	char digits[QG_INT64_SIZE];
	return qg_buf_add(buf, digits, qg_str_from_int64(number, digits));
}

enum qg_status qg_buf_printf(struct qg_buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	enum qg_status status = qg_buf_vprintf(buf, format, args);
	va_end(args);
	return status;
}

enum qg_status qg_buf_vprintf(struct qg_buf *buf, const char *format, va_list args)
{
	if (qg_buf_reserve(buf, 0) != QG_OK) {
		return buf->failed;
	}
	/* Most texts fit into what is there: format once, and again only if they did not. */
	va_list again;
	va_copy(again, args);
	size_t room = buf->capacity - buf->size;
	int length = vsnprintf(buf->data + buf->size, room, format, args);
	if (length < 0) {
		buf->failed = QG_NO_MEMORY;
	} else if ((size_t)length < room) {
		buf->size += (size_t)length;
	} else if (qg_buf_reserve(buf, (size_t)length) == QG_OK) {
		vsnprintf(buf->data + buf->size, (size_t)length + 1, format, again);
		buf->size += (size_t)length;
	}
	va_end(again);
	buf->data[buf->size] = '\0';
	return buf->failed;
}

void qg_buf_consume(struct qg_buf *buf, size_t size)
{
	assert(size <= buf->size);
	if (size == 0) {
		return;
	}
	buf->size -= size;
	memmove(buf->data, buf->data + size, buf->size + 1);
}

char *qg_buf_steal(struct qg_buf *buf)
{
	/* An empty buffer is the empty string, not a failure. */
	char *data = qg_buf_reserve(buf, 0) == QG_OK ? buf->data : NULL;
	if (data) {
		buf->data = NULL;
	}
	qg_buf_finish(buf);
	return data;
}
