/* codec.h - base64, hex, percent coding. All bounded; all reject what is not canonical. */
#ifndef QG_CODEC_H
#define QG_CODEC_H

#include <stddef.h>

#include "qg/buf.h"

/* out needs 2 * size + 1 bytes; lower case, NUL-terminated. */
void qg_hex_encode(const void *data, size_t size, char *out);
/* text_size must be even and hex; out needs text_size / 2 bytes. */
QG_MUST_CHECK enum qg_status qg_hex_decode(const char *text, size_t text_size, void *out);
/* Appends standard base64 with padding. */
enum qg_status qg_base64_encode(const void *data, size_t size, struct qg_buf *out);
/* Appends the decoded bytes; QG_INVALID for anything but canonical base64 (padding required). */
QG_MUST_CHECK enum qg_status qg_base64_decode(const char *text, size_t size, struct qg_buf *out);
/* Appends text with all but unreserved characters percent-encoded. */
enum qg_status qg_url_encode(const char *text, size_t size, struct qg_buf *out);
/* Appends the decoded text; plus_is_space for form bodies and queries. QG_INVALID for a broken escape or %00. */
QG_MUST_CHECK enum qg_status qg_url_decode(
	const char *text, size_t size, bool plus_is_space, struct qg_buf *out);
/* The value of name in a query string or form body, decoded, yours to free; NULL if absent or broken. */
char *qg_query_get(const char *query, size_t size, const char *name);

#endif
