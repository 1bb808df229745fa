/* vars.c - {{names}} in texts of a template: found, checked, filled.
 *
 * Filling is one pass over text that we ship or the owner wrote. What people say in a chat is never
 * filled, and a value that holds "{{x}}" stays as it is, so nobody can name a variable from
 * outside. */
#include "vars.h"

#include <stdlib.h>
#include <string.h>

#include "qg/json.h"

#define MAX_FILLED (4 * 1024 * 1024)
#define MAX_NAME 64

struct var {
	size_t start, end; /* of the whole {{name}} */
	char name[MAX_NAME];
	bool valid; /* the name is one; false: braces around something else */
};

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* The next {{...}} from start on; false where there is none. */
static bool next_var(const char *text, size_t start, struct var *var)
{
	const char *open = strstr(text + start, "{{");
	const char *close = open != NULL ? strstr(open + 2, "}}") : NULL;
	if (close == NULL) {
		return false;
	}
	const char *from = open + 2, *to = close;
	while (from < to && *from == ' ') {
		from++;
	}
	while (to > from && to[-1] == ' ') {
		to--;
	}
	size_t size = (size_t)(to - from);
	var->valid = size > 0 && size < MAX_NAME;
	for (size_t i = 0; i < size && var->valid; i++) {
		var->valid = is_name_char(from[i]);
	}
	size_t shown = size < MAX_NAME ? size : qg_utf8_cut(from, size, MAX_NAME - 1);
	memcpy(var->name, from, shown);
	var->name[shown] = '\0';
	var->start = (size_t)(open - text);
	var->end = (size_t)(close + 2 - text);
	return true;
}

char *qg_vars_fill(const char *text, const json_t *values)
{
	QG_AUTO(qg_buf_finish) struct qg_buf out;
	qg_buf_init(&out, MAX_FILLED);
	size_t at = 0;
	struct var var;
	while (next_var(text, at, &var)) {
		qg_buf_add(&out, text + at, var.start - at);
		const char *value = var.valid ? qg_json_str(values, var.name, NULL) : NULL;
		if (value != NULL) {
			qg_buf_add_str(&out, value);
		} else {
			qg_buf_add(&out, text + var.start, var.end - var.start);
		}
		at = var.end;
	}
	qg_buf_add_str(&out, text + at);
	return qg_buf_steal(&out);
}

/* Line and column of an offset, counted from where text begins. */
static void place_of(const char *text, size_t offset, unsigned *line, unsigned *column)
{
	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			*line += 1;
			*column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			*column += 1;
		}
	}
}

void qg_vars_check(const char *file, unsigned line, unsigned column, const char *text,
	const struct qg_strings *known, struct qg_problems *problems)
{
	struct var var;
	for (size_t at = 0; next_var(text, at, &var); at = var.end) {
		if (var.valid && qg_strings_has(known, var.name)) {
			continue;
		}
		unsigned at_line = line, at_column = column;
		place_of(text, var.start, &at_line, &at_column);
		const char *near =
			qg_str_nearest(var.name, (const char *const *)known->items, known->count);
		qg_problem_error_at(problems, file, at_line, at_column,
			"{{%s}}: the interview has no '%s'%s%s%s", var.name, var.name,
			near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
			near != NULL ? "'?" : "");
	}
}

void qg_vars_check_tree(
	const struct qg_tree *tree, const struct qg_strings *known, struct qg_problems *problems)
{
	if (tree == NULL) {
		return;
	}
	if (tree->kind == QG_TREE_SCALAR && strchr(tree->text, '\n') == NULL) {
		qg_vars_check(tree->file, tree->line, tree->column, tree->text, known, problems);
	} else if (tree->kind ==
		   QG_TREE_SCALAR) { /* folded and block texts: only where they begin is known */
		struct var var;
		for (size_t at = 0; next_var(tree->text, at, &var); at = var.end) {
			if (!var.valid || !qg_strings_has(known, var.name)) {
				qg_problem_error(problems, tree,
					"{{%s}}: the interview has no '%s'", var.name, var.name);
			}
		}
	}
	for (size_t i = 0; i < tree->count; i++) {
		qg_vars_check_tree(tree->items[i], known, problems);
	}
}
