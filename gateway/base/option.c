/* option.c - tables of options: which keys a map may hold, and the struct their values go into.
 *
 * One row says all about a key: name, type, bounds, fallback, help. From the same rows come the
 * checks, the messages and the JSON Schema, so these cannot disagree. */
#include "qg/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option_private.h"

#define MAX_NAMES 128
#define MAX_ALLOWED 2048

union slot { /* room for a value of any type */
	char *text;
	int64_t number;
	bool flag;
	int choice;
	double decimal;
	struct qg_strings strings;
	json_t *json;
};

static void *slot_of(const struct qg_option *row, void *target)
{
	return (char *)target + row->offset;
}

static size_t collect(const struct qg_option_names *names, const char *list[MAX_NAMES])
{
	size_t count = 0;
	for (size_t t = 0; names->tables[t] != NULL; t++) {
		for (const struct qg_option *row = names->tables[t];
			row->name != NULL && count < MAX_NAMES; row++) {
			list[count++] = row->name;
		}
	}
	for (size_t i = 0; names->extra != NULL && names->extra[i] != NULL && count < MAX_NAMES;
		i++) {
		list[count++] = names->extra[i];
	}
	return count;
}

static bool is_in(const char *const *list, const char *name)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		if (strcmp(list[i], name) == 0) {
			return true;
		}
	}
	return false;
}

static void refuse_unknown(const struct qg_option_names *names, const struct qg_tree *item,
	struct qg_problems *problems)
{
	if (is_in(names->reserved, item->key)) {
		qg_problem_error_key(problems, item,
			"'%s' is reserved for a later version and not built into this one",
			item->key);
		return;
	}
	if (is_in(names->elsewhere, item->key)) {
		qg_problem_error_key(problems, item, "'%s' %s", item->key, names->elsewhere_words);
		return;
	}
	const char *list[MAX_NAMES] = {NULL};
	size_t count = collect(names, list);
	const char *nearest = qg_str_nearest(item->key, list, count);
	QG_AUTO(qg_buf_finish) struct qg_buf allowed;
	qg_buf_init(&allowed, MAX_ALLOWED);
	for (size_t i = 0; i < count; i++) {
		qg_buf_printf(&allowed, "%s%s", i > 0 ? ", " : "", list[i]);
	}
	qg_problem_error_key(problems, item, "unknown key '%s'%s%s%s; allowed: %s", item->key,
		nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "'?" : "", allowed.data != NULL ? allowed.data : "none");
}

static const struct qg_option *find_row(const struct qg_option_names *names, const char *key)
{
	for (size_t t = 0; names->tables[t] != NULL; t++) {
		for (const struct qg_option *row = names->tables[t]; row->name != NULL; row++) {
			if (strcmp(row->name, key) == 0) {
				return row;
			}
		}
	}
	return NULL;
}

/* Once for a key however often it stands there: a thousand bots want no thousand warnings. */
static void note_no_effect(const struct qg_tree *item, struct qg_problems *problems)
{
	bool holds_nothing = item->kind != QG_TREE_SCALAR && item->count == 0;
	if (holds_nothing || qg_strings_has(&problems->noted, item->key)) {
		return;
	}
	if (qg_strings_add(&problems->noted, item->key) != QG_OK) {
		return; /* no memory: the warning is lost, nothing else */
	}
	qg_problem_warn_key(
		problems, item, "'%s' is known, but has no effect in this version", item->key);
}

void qg_option_check_names(const struct qg_option_names *names, const struct qg_tree *map,
	struct qg_problems *problems)
{
	if (map == NULL || map->kind != QG_TREE_MAP) {
		return;
	}
	for (size_t i = 0; i < map->count; i++) {
		const struct qg_tree *item = map->items[i];
		const struct qg_option *row = find_row(names, item->key);
		if (row == NULL && !is_in(names->extra, item->key) &&
			!is_in(names->silent, item->key)) {
			refuse_unknown(names, item, problems);
		} else if (qg_tree_is_empty(item)) {
			if (row == NULL || (row->flags & QG_OPTION_REQUIRED) == 0) {
				qg_problem_warn_key(problems, item,
					"'%s' is left empty: it counts as not configured",
					item->key);
			}
		} else if (row != NULL && (row->flags & QG_OPTION_NO_EFFECT) != 0 &&
			   !names->quiet) {
			note_no_effect(item, problems);
		}
	}
}

const struct qg_tree *qg_option_find(const struct qg_tree *const *layers, const char *key)
{
	for (size_t i = 0; layers[i] != NULL; i++) {
		const struct qg_tree *value = qg_tree_get(layers[i], key);
		if (!qg_tree_is_empty(value)) {
			return value;
		}
	}
	return NULL;
}

static void take_fallback(
	const struct qg_option *row, const char *dir, void *slot, struct qg_problems *problems)
{
	char *text = qg_str_copy(row->fallback);
	if (text == NULL) {
		qg_problem_error(problems, NULL, "out of memory");
		return;
	}
	struct qg_tree value = {.kind = QG_TREE_SCALAR, .file = "built-in", .text = text};
	qg_option_take(row, &value, dir, slot, problems);
	free(text);
}

void qg_option_fill_values(const struct qg_option *table, const struct qg_tree *const *layers,
	const char *dir, void *target, struct qg_problems *problems)
{
	for (const struct qg_option *row = table; row->name != NULL; row++) {
		const struct qg_tree *value = qg_option_find(layers, row->name);
		if (value != NULL) {
			qg_option_take(row, value, dir, slot_of(row, target), problems);
		} else if (row->flags & QG_OPTION_REQUIRED) {
			const struct qg_tree *empty =
				layers[0] != NULL ? qg_tree_get(layers[0], row->name) : NULL;
			if (empty != NULL) {
				qg_problem_error_key(problems, empty, "'%s' is left empty%s%s",
					row->name, row->help ? ": " : "",
					row->help ? row->help : "");
			} else {
				qg_problem_error(problems, layers[0], "'%s' is missing%s%s",
					row->name, row->help ? ": " : "",
					row->help ? row->help : "");
			}
		} else if (row->fallback != NULL) {
			take_fallback(row, dir, slot_of(row, target), problems);
		}
	}
}

void qg_option_check_values(const struct qg_option *table, const struct qg_tree *map,
	const char *dir, struct qg_problems *problems)
{
	for (const struct qg_option *row = table; row->name != NULL; row++) {
		const struct qg_tree *value = qg_tree_get(map, row->name);
		if (!qg_tree_is_empty(value)) {
			union slot slot;
			memset(&slot, 0, sizeof(slot));
			qg_option_take(row, value, dir, &slot, problems);
			qg_option_drop(row, &slot);
		}
	}
}

/* A table is read from maps; false where something else stands there. */
static bool is_map(const struct qg_tree *tree, struct qg_problems *problems)
{
	if (tree == NULL || tree->kind == QG_TREE_MAP || tree->kind == QG_TREE_NULL) {
		return true;
	}
	qg_problem_error(
		problems, tree, "expected keys with values, found %s", qg_option_kind(tree));
	return false;
}

void qg_option_fill(const struct qg_option *table, const struct qg_tree *const *layers,
	const char *const *extra, const char *dir, void *target, struct qg_problems *problems)
{
	if (!is_map(layers[0], problems)) {
		return;
	}
	const struct qg_option_names names = {.tables = {table}, .extra = extra};
	qg_option_check_names(&names, layers[0], problems);
	qg_option_fill_values(table, layers, dir, target, problems);
}

void qg_option_check(const struct qg_option *table, const struct qg_tree *map,
	const char *const *extra, const char *dir, struct qg_problems *problems)
{
	if (map == NULL || !is_map(map, problems)) {
		return;
	}
	const struct qg_option_names names = {.tables = {table}, .extra = extra};
	qg_option_check_names(&names, map, problems);
	qg_option_check_values(table, map, dir, problems);
}

void qg_option_finish(const struct qg_option *table, void *target)
{
	for (const struct qg_option *row = table; row != NULL && row->name != NULL; row++) {
		qg_option_drop(row, slot_of(row, target));
	}
}

static void digest_strings(const struct qg_strings *strings, struct qg_buf *out)
{
	qg_buf_printf(out, "%zu", strings->count);
	for (size_t i = 0; i < strings->count; i++) {
		qg_buf_printf(out, ",%zu:%s", strlen(strings->items[i]), strings->items[i]);
	}
}

static void digest_json(const json_t *json, struct qg_buf *out)
{
	char *text = json != NULL
			     ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)
			     : NULL;
	qg_buf_printf(out, "%zu:%s", text != NULL ? strlen(text) : 0, text != NULL ? text : "");
	free(text);
}

void qg_option_digest(const struct qg_option *table, const void *target, struct qg_buf *out)
{
	for (const struct qg_option *row = table; row != NULL && row->name != NULL; row++) {
		const void *slot = (const char *)target + row->offset;
		qg_buf_printf(out, "%s=", row->name);
		switch (row->type) {
		case QG_OPTION_STRING:
		case QG_OPTION_URL: {
			const char *text = *(char *const *)slot;
			qg_buf_printf(out, "%zu:%s", text != NULL ? strlen(text) : 0,
				text != NULL ? text : "-");
			break;
		}
		case QG_OPTION_INT:
			qg_buf_printf(out, "%lld", (long long)*(const int64_t *)slot);
			break;
		case QG_OPTION_BOOL:
			qg_buf_printf(out, "%d", *(const bool *)slot ? 1 : 0);
			break;
		case QG_OPTION_ENUM:
			qg_buf_printf(out, "%d", *(const int *)slot);
			break;
		case QG_OPTION_NUMBER:
			qg_buf_printf(out, "%.17g", *(const double *)slot);
			break;
		case QG_OPTION_STRINGS:
			digest_strings(slot, out);
			break;
		case QG_OPTION_JSON:
			digest_json(*(json_t *const *)slot, out);
			break;
		}
		qg_buf_add_char(out, '\n');
	}
}
