/* tree_value.c - what one asks of a tree: values by key, their paths, JSON; the variables
 * in scalars; and files read into one. */
#include "qg/option.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree_private.h"

#define MAX_EXPANDED_SCALAR (64 * 1024)
#define MAX_NUMBER 40

const struct qg_tree *qg_tree_get(const struct qg_tree *map, const char *key)
{
	if (map == NULL || map->kind != QG_TREE_MAP) {
		return NULL;
	}
	for (size_t i = 0; i < map->count; i++) {
		if (strcmp(map->items[i]->key, key) == 0) {
			return map->items[i];
		}
	}
	return NULL;
}

bool qg_tree_is_empty(const struct qg_tree *tree)
{
	return tree == NULL || tree->kind == QG_TREE_NULL ||
	       (tree->kind == QG_TREE_SCALAR && tree->text[0] == '\0');
}

void qg_tree_path(const struct qg_tree *tree, struct qg_buf *out)
{
	if (tree->parent == NULL) {
		return;
	}
	qg_tree_path(tree->parent, out); /* as deep as a tree may be */
	if (tree->key == NULL) {
		qg_buf_printf(out, "[%zu]", tree->index);
	} else {
		qg_buf_printf(out, "%s%s", out->size > 0 ? "." : "", tree->key);
	}
}

json_t *qg_tree_number(const char *text)
{
	size_t size = strlen(text);
	if (size > MAX_NUMBER || strspn(text, "0123456789+-.eE") != size) {
		return NULL;
	}
	json_t *number = json_loadb(text, size, JSON_DECODE_ANY, NULL);
	if (number != NULL && !json_is_number(number)) {
		json_decref(number);
		number = NULL;
	}
	return number;
}

static json_t *scalar_to_json(const struct qg_tree *tree)
{
	if (!tree->quoted) {
		if (strcmp(tree->text, "true") == 0 || strcmp(tree->text, "false") == 0) {
			return json_boolean(tree->text[0] == 't');
		}
		json_t *number = qg_tree_number(tree->text);
		if (number != NULL) {
			return number;
		}
	}
	return json_string(tree->text);
}

json_t *qg_tree_to_json(const struct qg_tree *tree)
{
	switch (tree->kind) {
	case QG_TREE_NULL:
		return json_null();
	case QG_TREE_SCALAR:
		return scalar_to_json(tree);
	case QG_TREE_LIST:
	case QG_TREE_MAP:
		break;
	}
	json_t *json = tree->kind == QG_TREE_LIST ? json_array() : json_object();
	for (size_t i = 0; json != NULL && i < tree->count; i++) {
		const struct qg_tree *item = tree->items[i];
		json_t *value = qg_tree_to_json(item);
		int failed = tree->kind == QG_TREE_LIST
				     ? json_array_append_new(json, value)
				     : json_object_set_new(json, item->key, value);
		if (failed != 0) {
			json_decref(json);
			json = NULL;
		}
	}
	return json;
}

static int compare_keys(const void *left, const void *right)
{
	const struct qg_tree *a = *(struct qg_tree *const *)left,
			     *b = *(struct qg_tree *const *)right;
	int order = strcmp(a->key, b->key);
	return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

/* Sorted, so that a map of many keys costs no square of them. */
bool qg_tree_find_duplicates(const struct qg_tree *map, struct qg_problems *problems)
{
	if (map->count < 2) {
		return true;
	}
	const struct qg_tree **sorted = malloc(map->count * sizeof(struct qg_tree *));
	if (sorted == NULL) {
		return false;
	}
	memcpy(sorted, map->items, map->count * sizeof(struct qg_tree *));
	qsort(sorted, map->count, sizeof(struct qg_tree *), compare_keys);
	const struct qg_tree *first = sorted[0];
	for (size_t i = 1; i < map->count; i++) {
		if (strcmp(first->key, sorted[i]->key) == 0) {
			qg_problem_error_key(problems, sorted[i],
				"duplicate key '%s', first at line %u", sorted[i]->key,
				first->key_line);
		} else {
			first = sorted[i];
		}
	}
	free(sorted);
	return true;
}

/* ---- variables ---- */

struct expansion {
	struct qg_buf out;
	struct qg_tree *node;
	struct qg_problems *problems;
};

static size_t name_length(const char *text)
{
	size_t length = 0;
	while (isalnum((unsigned char)text[length]) || text[length] == '_') {
		length++;
	}
	return isdigit((unsigned char)text[0]) ? 0 : length;
}

/* Appends the value of a variable, else its default (NULL: none). */
static void add_variable(
	struct expansion *e, const char *name, const char *fallback, size_t fallback_size)
{
	const char *value = getenv(name);
	e->node->variable = true;
	if (fallback != NULL && (value == NULL || value[0] == '\0')) { /* as in a shell */
		qg_buf_add(&e->out, fallback, fallback_size);
		return;
	}
	if (value == NULL) {
		qg_problem_error(e->problems, e->node,
			"the environment variable %s is not set; set it, or write ${%s:-} for none",
			name, name);
	} else if (!qg_utf8_is_valid(value, strlen(value))) {
		qg_problem_error(
			e->problems, e->node, "the environment variable %s is not UTF-8", name);
	} else {
		qg_buf_add_str(&e->out, value);
	}
}

/* text stands behind "${". The bytes used, with the closing brace; 0 where this is no variable. */
static size_t expand_braces(struct expansion *e, const char *text)
{
	size_t length = name_length(text);
	const char *end = strchr(text, '}');
	bool has_default = length > 0 && strncmp(text + length, ":-", 2) == 0;
	if (length == 0 || end == NULL || (!has_default && text + length != end)) {
		qg_problem_error(e->problems, e->node,
			"'${' wants a variable: ${NAME} or ${NAME:-default}; write $$ for a dollar "
			"sign");
		return 0;
	}
	char *name = qg_str_copy_n(text, length);
	if (name == NULL) {
		e->out.failed = QG_NO_MEMORY;
		return 0;
	}
	const char *fallback = has_default ? text + length + 2 : NULL;
	add_variable(e, name, fallback, has_default ? (size_t)(end - fallback) : 0);
	free(name);
	return (size_t)(end - text) + 1;
}

char *qg_tree_expand(
	const char *text, size_t *expanded, struct qg_tree *node, struct qg_problems *problems)
{
	struct expansion e = {.node = node, .problems = problems};
	qg_buf_init(&e.out, MAX_EXPANDED_SCALAR + strlen(text));
	qg_buf_add_str(&e.out, "");
	while (*text != '\0') {
		size_t plain = strcspn(text, "$");
		qg_buf_add(&e.out, text, plain);
		text += plain;
		if (text[0] == '\0') {
			break;
		}
		size_t used = 0;
		if (text[1] == '$') {
			used = 2;
			qg_buf_add_char(&e.out, '$');
		} else if (text[1] == '{') {
			used = expand_braces(&e, text + 2);
			used += used > 0 ? 2 : 0;
		}
		if (used == 0) { /* a dollar sign by itself stands for itself */
			used = 1;
			qg_buf_add_char(&e.out, '$');
		}
		text += used;
	}
	*expanded += e.out.size;
	if (e.out.failed == QG_TOO_LARGE || *expanded > QG_TREE_MAX_EXPANDED) {
		qg_problem_error(problems, node, "variables make this too long");
		qg_buf_finish(&e.out);
		return qg_str_copy("");
	}
	char *result = qg_buf_steal(&e.out);
	qg_buf_finish(&e.out);
	return result;
}

/* ---- files ---- */

/* Not a pipe: one that nobody writes to would hold up the start, or the loop at a reload. NULL with why. */
static FILE *open_plain(const char *path, const char **why_out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat info;
	bool known = fd >= 0 && fstat(fd, &info) == 0;
	if (known && !S_ISREG(info.st_mode) &&
		!S_ISDIR(info.st_mode)) { /* reading says "directory" */
		*why_out = "it is not a plain file";
		close(fd);
		return NULL;
	}
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	*why_out = strerror(errno);
	if (file == NULL && fd >= 0) {
		close(fd);
	}
	return file;
}

struct qg_tree *qg_tree_read(
	const char *path, const char *shown_as, bool expand, struct qg_problems *problems)
{
	const char *why;
	FILE *file = open_plain(path, &why);
	if (file == NULL) {
		qg_problem_error_at(problems, shown_as, 0, 0, "cannot be read: %s", why);
		return NULL;
	}
	struct qg_tree *tree = NULL;
	char *data = malloc(QG_TREE_MAX_FILE + 1); /* one more shows that it is too large */
	size_t size = data != NULL ? fread(data, 1, QG_TREE_MAX_FILE + 1, file) : 0;
	if (data == NULL) {
		qg_problem_error_at(problems, shown_as, 0, 0, "out of memory");
	} else if (ferror(file)) {
		qg_problem_error_at(
			problems, shown_as, 0, 0, "cannot be read: %s", strerror(errno));
	} else {
		tree = qg_tree_parse(shown_as, data, size, expand, problems);
	}
	free(data);
	fclose(file);
	return tree;
}
