/* wire.h - private to the wire forms of messages and replies: a JSON writer and the checks
 * both share. */
#ifndef GATEWAY_BASE_WIRE_H
#define GATEWAY_BASE_WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/buf.h"
#include "qg/json.h"

/* Whole numbers stay exact in every JSON reader, Redis' own included. */
#define WIRE_INT_MAX INT64_C(9007199254740992)
#define WIRE_NAME_MAX 512
#define WIRE_HANDLE_MAX 4096
#define WIRE_ERROR_SIZE 128

/* Members of one flat object. A value out of bounds spoils the whole, noticed at the end. */
struct wire_writer {
	struct qg_buf buf;
	bool is_bad;
	bool has_member;
};

void wire_begin(struct wire_writer *writer, size_t limit);
void wire_object(struct wire_writer *writer);
/* Absent where value is NULL; bad over max bytes or where it is no UTF-8. */
void wire_str(struct wire_writer *writer, const char *name, const char *value, size_t max);
/* Absent where 0; bad outside of [0, WIRE_INT_MAX]. */
void wire_int(struct wire_writer *writer, const char *name, int64_t value);
/* Absent where false. */
void wire_bool(struct wire_writer *writer, const char *name, bool value);
/* Absent where NULL. */
void wire_json(struct wire_writer *writer, const char *name, const json_t *value);
/* All of it, yours to free; NULL for no memory or a bad value. size_out may be NULL. */
char *wire_end(struct wire_writer *writer, size_t *size_out);

/* 1 to QG_ID_MAX bytes of UTF-8 without control characters. NULL is no id. */
bool wire_is_id(const char *text);
/* NULL, or an array of at most count flat objects: each has the required strings (NULL ends
 * that list), all values are short strings, whole numbers or booleans. */
bool wire_is_list(const json_t *list, size_t count, const char *const *required);
/* Copies an optional string; false for no memory. */
bool wire_copy(char **to, const char *from);
/* Fills out by the table, in whose places all is out's own and to be freed: char * for strings, json_t * for lists. A
 * member that is absent or null leaves its place as it is. On failure out may be filled in part, and error (which may
 * be NULL) says what is wrong. At most 31 members. */
bool wire_read(
	const char *data, size_t size, const struct qg_json_field *fields, void *out, char *error);
/* Puts words into error, which may be NULL. */
void wire_complain(char *error, const char *words);

#endif
