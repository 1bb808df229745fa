/* json.h - typed reads of jansson trees, and the few helpers everybody needs around them. */
#ifndef QG_JSON_H
#define QG_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "qg/buf.h"
#include "qg/status.h"

enum qg_json_type { QG_JSON_STRING, QG_JSON_INT, QG_JSON_BOOL, QG_JSON_OBJECT, QG_JSON_ARRAY };

/* One member of an object from outside; a table ends with a NULL name. */
struct qg_json_field {
	const char *name;
	enum qg_json_type type;
	bool required;
	size_t max;    /* bytes of a string, elements of an array; 0: no limit but the body's */
	size_t offset; /* in the struct filled: const char *, int64_t, bool, json_t * (all borrowed) */
};

/* Parses bytes from outside: depth and duplicates bounded, no NUL in strings. New reference or NULL;
 * error (may be NULL, else 128 bytes) gets words for a log. */
json_t *qg_json_parse(const char *data, size_t size, char *error);
/* Fills out by the table, on success only; a member that is absent or null leaves its place as it is, members
 * not in the table are ignored. QG_INVALID, or QG_TOO_LARGE over a maximum; on failure error (128 bytes or NULL) says which field and why, never its value. */
QG_MUST_CHECK enum qg_status qg_json_read(
	json_t *object, const struct qg_json_field *fields, void *out, char *error);
/* Compact dump, yours to free; NULL for no memory. */
char *qg_json_dump(const json_t *value);
/* Appends text as a JSON string with its quotes. QG_INVALID (and nothing appended) where it is no UTF-8 or holds
 * a NUL. */
QG_MUST_CHECK enum qg_status qg_json_quote(const char *text, size_t size, struct qg_buf *out);
/* Borrowed string of a member, or fallback. */
const char *qg_json_str(const json_t *object, const char *name, const char *fallback);
int64_t qg_json_int(const json_t *object, const char *name, int64_t fallback);
bool qg_json_bool(const json_t *object, const char *name, bool fallback);
/* Deep equality of two trees, either may be NULL. */
bool qg_json_equal(const json_t *a, const json_t *b);

#endif
