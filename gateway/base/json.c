/* json.c - what all readers of foreign JSON share: a bounded parse, reads by table, writing.
 *
 * jansson allows 2,048 levels and puts words of the input into its errors. Here the depth is
 * checked before anything is allocated, and errors say where and what, never a value. Its
 * parser also ignores that a token's buffer could not grow, and reads on behind its end; it
 * stops in time where no allocation after a failed one succeeds, which the allocator below
 * sees to. */
#include "qg/json.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "piece.h"
#include "qg/str.h"

#define DEPTH_MAX 64
#define ERROR_SIZE 128

static _Thread_local bool is_watched;
static _Thread_local bool is_starved;

static void *watched_malloc(size_t size)
{
	void *memory = is_starved ? NULL : malloc(size);
	is_starved = is_watched && !memory;
	return memory;
}

static void set_allocator(void)
{
	json_set_alloc_funcs(watched_malloc, free);
}

static void watch(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, set_allocator);
	is_watched = true;
}

static bool was_starved(void)
{
	bool starved = is_starved;
	is_watched = is_starved = false;
	return starved;
}

/* NULL and *starved_out where memory ran out on the way. */
static json_t *load(const char *data, size_t size, json_error_t *detail, bool *starved_out)
{
	watch();
	json_t *value = json_loadb(data, size, JSON_REJECT_DUPLICATES, detail);
	*starved_out = was_starved();
	if (*starved_out) {
		json_decref(value);
		value = NULL;
	}
	return value;
}

/* Brackets outside of strings nest at most DEPTH_MAX deep? Broken JSON may pass: the parser
 * sees it. */
static bool is_shallow(const char *data, size_t size)
{
	size_t depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < size; i++) {
		char c = data[i];
		if (in_string) {
			if (c == '\\') {
				i++;
			} else if (c == '"') {
				in_string = false;
			}
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > DEPTH_MAX) {
				return false;
			}
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return true;
}

static const char *reason(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_premature_end_of_input:
		return "ends too early";
	case json_error_end_of_input_expected:
		return "goes on after its end";
	case json_error_invalid_utf8:
		return "is not UTF-8";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "holds a NUL";
	case json_error_duplicate_key:
		return "holds a key twice";
	case json_error_numeric_overflow:
		return "holds a number out of range";
	default:
		return "is not valid JSON";
	}
}

json_t *qg_json_parse(const char *data, size_t size, char *error)
{
	json_error_t detail;
	if (!is_shallow(data, size)) {
		if (error) {
			snprintf(error, ERROR_SIZE, "nests deeper than %d levels", DEPTH_MAX);
		}
		return NULL;
	}
	bool is_short_of_memory = false;
	json_t *value = load(data, size, &detail, &is_short_of_memory);
	if (!value && error) {
		const char *words = is_short_of_memory ? "out of memory" : reason(&detail);
		snprintf(error, ERROR_SIZE, "%s (byte %d)", words, detail.position);
	}
	return value;
}

static const char *type_name(enum qg_json_type type)
{
	static const char *const names[] = {
		"a string", "a whole number", "true or false", "an object", "a list"};
	return names[type];
}

static bool has_type(const json_t *value, enum qg_json_type type)
{
	switch (type) {
	case QG_JSON_STRING:
		return json_is_string(value);
	case QG_JSON_INT:
		return json_is_integer(value);
	case QG_JSON_BOOL:
		return json_is_boolean(value);
	case QG_JSON_OBJECT:
		return json_is_object(value);
	case QG_JSON_ARRAY:
		return json_is_array(value);
	}
	return false;
}

static bool is_too_large(const json_t *value, size_t max)
{
	if (max == 0) {
		return false;
	}
	return json_is_string(value) ? json_string_length(value) > max
				     : json_array_size(value) > max;
}

/* null counts as absent: several platforms write it for "none". */
static json_t *find(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);
	return json_is_null(value) ? NULL : value;
}

static enum qg_status check(json_t *object, const struct qg_json_field *field, char *error)
{
	json_t *value = find(object, field->name);
	enum qg_status status = QG_OK;
	char words[64] = "";
	if (!value && field->required) {
		status = QG_INVALID;
		snprintf(words, sizeof(words), "is missing");
	} else if (value && !has_type(value, field->type)) {
		status = QG_INVALID;
		snprintf(words, sizeof(words), "is not %s", type_name(field->type));
	} else if (value && is_too_large(value, field->max)) {
		status = QG_TOO_LARGE;
		snprintf(words, sizeof(words), "is over its limit of %zu", field->max);
	}
	if (status != QG_OK && error) {
		snprintf(error, ERROR_SIZE, "%.48s %s", field->name, words);
	}
	return status;
}

static void fill(json_t *value, const struct qg_json_field *field, void *out)
{
	char *at = (char *)out + field->offset;
	if (field->type == QG_JSON_STRING) {
		*(const char **)at = json_string_value(value);
	} else if (field->type == QG_JSON_INT) {
		*(int64_t *)at = json_integer_value(value);
	} else if (field->type == QG_JSON_BOOL) {
		*(bool *)at = json_is_true(value);
	} else {
		*(json_t **)at = value;
	}
}

enum qg_status qg_json_read(
	json_t *object, const struct qg_json_field *fields, void *out, char *error)
{
	if (!json_is_object(object)) {
		if (error) {
			snprintf(error, ERROR_SIZE, "is not an object");
		}
		return QG_INVALID;
	}
	for (const struct qg_json_field *field = fields; field->name; field++) {
		enum qg_status status = check(object, field, error);
		if (status != QG_OK) {
			return status;
		}
	}
	for (const struct qg_json_field *field = fields; field->name; field++) {
		json_t *value = find(object, field->name);
		if (value) {
			fill(value, field, out);
		}
	}
	return QG_OK;
}

/* The library overlooks a member's name that found no memory, and goes on behind it. */
char *qg_json_dump(const json_t *value)
{
	watch();
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (was_starved()) {
		free(text);
		return NULL;
	}
	return text;
}

static void add_escape(struct qg_buf *out, char c)
{
	switch (c) {
	case '"':
	case '\\':
		qg_buf_add_char(out, '\\');
		qg_buf_add_char(out, c);
		break;
	case '\n':
		qg_buf_add(out, "\\n", 2);
		break;
	case '\t':
		qg_buf_add(out, "\\t", 2);
		break;
	default:
		qg_buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
	}
}

enum qg_status qg_json_quote(const char *text, size_t size, struct qg_buf *out)
{
	if (!qg_utf8_is_valid(text, size)) {
		return QG_INVALID;
	}
	if (qg_buf_reserve(out, size + 2) != QG_OK) {
		return out->failed; /* it needs more where it has escapes, but never less */
	}
	qg_buf_add_char(out, '"');
	for (const char *at = text, *end = text + size; at < end;) {
		const char *odd = qg_piece_skip_plain(at, end);
		qg_buf_add(out, at, (size_t)(odd - at));
		at = odd;
		if (at < end) {
			add_escape(out, *at++);
		}
	}
	return qg_buf_add_char(out, '"');
}

const char *qg_json_str(const json_t *object, const char *name, const char *fallback)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : fallback;
}

int64_t qg_json_int(const json_t *object, const char *name, int64_t fallback)
{
	const json_t *value = json_object_get(object, name);
	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool qg_json_bool(const json_t *object, const char *name, bool fallback)
{
	const json_t *value = json_object_get(object, name);
	return json_is_boolean(value) ? json_is_true(value) : fallback;
}

bool qg_json_equal(const json_t *a, const json_t *b)
{
	if (!a || !b) {
		return a == b;
	}
	return json_equal(a, b);
}
