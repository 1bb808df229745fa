/* wire_read.c - reads the JSON object of a wire form without a tree of it.
 *
 * Each message of a turn and each reply that leaves comes this way: one scan finds the members and what is wanted is
 * copied out once. A tree of a long text would cost more than the rest of its way through the queue, so only lists,
 * which are short, become one. */
#include "wire.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "qg/scan.h"

#define MEMBERS_MAX 31

/* What a member of each type stands as, and its words. */
static const struct {
	enum qg_piece_kind kind;
	const char *words;
} types[] = {
	[QG_JSON_STRING] = {QG_PIECE_STRING, "is not a string"},
	[QG_JSON_INT] = {QG_PIECE_NUMBER, "is not a whole number"},
	[QG_JSON_BOOL] = {QG_PIECE_BOOL, "is not true or false"},
	[QG_JSON_OBJECT] = {QG_PIECE_OBJECT, "is not an object"},
	[QG_JSON_ARRAY] = {QG_PIECE_ARRAY, "is not a list"},
};

/* NULL, or what is wrong with how the member stands there. */
static const char *check(const struct qg_piece *piece, const struct qg_json_field *field)
{
	if (piece->kind == QG_PIECE_NONE || piece->kind == QG_PIECE_NULL) {
		return field->required ? "is missing" : NULL;
	}
	bool has_fraction =
		field->type == QG_JSON_INT &&
		(memchr(piece->data, '.', piece->size) || memchr(piece->data, 'e', piece->size) ||
			memchr(piece->data, 'E', piece->size));
	return piece->kind != types[field->type].kind || has_fraction ? types[field->type].words
								      : NULL;
}

static const char *copy_text(
	const struct qg_piece *piece, const struct qg_json_field *field, char **out)
{
	*out = qg_piece_copy(piece);
	if (!*out) {
		return "has no room in memory";
	}
	return field->max > 0 && strlen(*out) > field->max ? "is over its limit" : NULL;
}

static const char *parse_tree(
	const struct qg_piece *piece, const struct qg_json_field *field, json_t **out)
{
	*out = qg_json_parse(piece->data, piece->size, NULL);
	if (!*out) {
		return "cannot be read";
	}
	return field->max > 0 && json_array_size(*out) > field->max ? "is over its limit" : NULL;
}

/* NULL, or what is wrong; a member that is not there leaves its place as it is. */
static const char *take(const struct qg_piece *piece, const struct qg_json_field *field, void *out)
{
	void *at = (char *)out + field->offset;
	if (piece->kind == QG_PIECE_NONE || piece->kind == QG_PIECE_NULL) {
		return NULL;
	}
	switch (field->type) {
	case QG_JSON_STRING:
		return copy_text(piece, field, at);
	case QG_JSON_INT:
		*(int64_t *)at = qg_piece_int(piece, INT64_MIN);
		return NULL;
	case QG_JSON_BOOL:
		*(bool *)at = qg_piece_bool(piece, false);
		return NULL;
	default:
		return parse_tree(piece, field, at);
	}
}

/* The parser knows better words for what is no JSON, and for where. */
static void explain(const char *data, size_t size, char *error)
{
	wire_complain(error, "is not valid JSON");
	json_decref(qg_json_parse(data, size, error));
}

bool wire_read(
	const char *data, size_t size, const struct qg_json_field *fields, void *out, char *error)
{
	const char *paths[MEMBERS_MAX + 1];
	struct qg_piece found[MEMBERS_MAX + 1];
	size_t count = 0;
	for (; fields[count].name; count++) {
		assert(count < MEMBERS_MAX);
		paths[count] = fields[count].name;
	}
	paths[count] = ""; /* the whole */
	if (qg_scan(data, size, paths, count + 1, found) != QG_OK) {
		explain(data, size, error);
		return false;
	}
	if (found[count].kind != QG_PIECE_OBJECT) {
		wire_complain(error, "is not an object");
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const char *words = check(&found[i], &fields[i]);
		words = words ? words : take(&found[i], &fields[i], out);
		if (words) {
			if (error) {
				snprintf(error, WIRE_ERROR_SIZE, "%.48s %s", fields[i].name, words);
			}
			return false;
		}
	}
	return true;
}
