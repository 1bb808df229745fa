/* scan_oracle.c - scans a text, parses it, and compares all that can be compared. */
#include "support/scan_oracle.h"

#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/scan.h"
#include "qg/str.h"

static const char *const paths[] = {"", "a", "a.b", "a.b.c", "a[0]", "a[1].b", "b", "[0]", "[1]",
	"[1][0]", "[2].a", "id", "event.message.chat_id", "choices[0].delta.content"};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

/* The value of a path in a tree; NULL where there is none. */
static json_t *resolve(json_t *tree, const char *path)
{
	while (tree != NULL && path[0] != '\0') {
		if (path[0] == '[') {
			char *end = NULL;
			size_t index = strtoul(path + 1, &end, 10);
			tree = json_array_get(tree, index);
			path = end + 1;
		} else {
			size_t size = strcspn(path, ".[");
			QG_AUTO(qg_str_free) char *name = qg_str_copy_n(path, size);
			tree = json_object_get(tree, name);
			path += size;
		}
		path += path[0] == '.';
	}
	return tree;
}

static enum qg_piece_kind kind_of(const json_t *value)
{
	if (value == NULL) {
		return QG_PIECE_NONE;
	}
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return QG_PIECE_OBJECT;
	case JSON_ARRAY:
		return QG_PIECE_ARRAY;
	case JSON_STRING:
		return QG_PIECE_STRING;
	case JSON_INTEGER:
	case JSON_REAL:
		return QG_PIECE_NUMBER;
	case JSON_NULL:
		return QG_PIECE_NULL;
	default:
		return QG_PIECE_BOOL;
	}
}

static const char *piece_differs(const struct qg_piece *piece, json_t *value);

static const char *list_differs(const struct qg_piece *piece, json_t *value)
{
	struct qg_scan_walk walk = {0};
	struct qg_piece element;
	size_t count = 0;
	const char *what = NULL;
	while (what == NULL && qg_scan_next(piece, &walk, &element)) {
		json_t *other = json_array_get(value, count++);
		what = other == NULL ? "a walk that goes too far" : piece_differs(&element, other);
	}
	return what == NULL && count != json_array_size(value) ? "a walk that ends early" : what;
}

static const char *text_differs(const struct qg_piece *piece, json_t *value)
{
	QG_AUTO(qg_str_free) char *text = qg_piece_copy(piece);
	const char *other = json_string_value(value);
	if (!qg_str_equal(text, other)) {
		return "text";
	}
	QG_AUTO(qg_str_free) char *longer = qg_str_printf("%sx", other);
	return !qg_piece_is(piece, other) || qg_piece_is(piece, longer) ? "comparing text" : NULL;
}

static const char *piece_differs(const struct qg_piece *piece, json_t *value)
{
	if (piece->kind != kind_of(value)) {
		return "kind";
	}
	struct qg_piece inner;
	if (piece->kind == QG_PIECE_STRING) {
		return text_differs(piece, value);
	}
	if (piece->kind != QG_PIECE_NONE &&
		qg_scan(piece->data, piece->size, NULL, 0, &inner) != QG_OK) {
		return "a value that is no JSON";
	}
	if (piece->kind == QG_PIECE_ARRAY) {
		return list_differs(piece, value);
	}
	if (piece->kind == QG_PIECE_BOOL) {
		return qg_piece_bool(piece, !json_is_true(value)) != json_is_true(value) ? "bool"
											 : NULL;
	}
	if (json_is_integer(value)) {
		int64_t number = json_integer_value(value);
		return qg_piece_int(piece, number - (number > 0 ? 1 : -1)) != number ? "number"
										     : NULL;
	}
	qg_piece_int(piece, 0);
	return NULL;
}

/* Is a text that only the scan took one of those it may take? Here every \uXXXX becomes an A, and a lone value an
 * element: what is refused then must be a name twice or a number. */
static bool is_known(const char *data, size_t size)
{
	QG_AUTO(qg_buf_finish) struct qg_buf text;
	qg_buf_init(&text, size + 2);
	size_t at = strspn(data, " \t\r\n");
	bool lone = data[at] != '{' && data[at] != '[';
	qg_buf_add_str(&text, lone ? "[" : "");
	for (at = 0; at < size; at++) {
		if (data[at] == '\\' && data[at + 1] == 'u') {
			qg_buf_add_char(&text, 'A');
			at += 5;
		} else {
			qg_buf_add(&text, data + at, data[at] == '\\' ? 2 : 1);
			at += data[at] == '\\';
		}
	}
	qg_buf_add_str(&text, lone ? "]" : "");
	char error[128] = "";
	json_t *tree = text.failed == QG_OK ? qg_json_parse(text.data, text.size, error) : NULL;
	json_decref(tree);
	return tree != NULL || strstr(error, "key twice") != NULL ||
	       strstr(error, "out of range") != NULL;
}

const char *scan_oracle_differs(const char *data, size_t size, bool *valid_out)
{
	struct qg_piece pieces[PATHS];
	memset(pieces, 0xff, sizeof(pieces));
	bool valid = qg_scan(data, size, paths, PATHS, pieces) == QG_OK;
	json_auto_t *tree = qg_json_parse(data, size, NULL);
	const char *what = NULL;
	if (valid_out != NULL) {
		*valid_out = valid;
	}
	if (tree != NULL && !valid) { /* jansson overlooks a NUL behind a number */
		return memchr(data, '\0', size) != NULL ? NULL : "refused by the scan only";
	}
	if (tree == NULL && valid) {
		QG_AUTO(qg_str_free) char *copy = qg_str_copy_n(data, size);
		return is_known(copy, size) ? NULL : "refused by the parser only";
	}
	for (size_t i = 0; what == NULL && i < PATHS; i++) {
		what = piece_differs(&pieces[i], resolve(tree, paths[i]));
	}
	return what;
}
