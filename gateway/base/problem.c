/* problem.c - the errors and warnings of a run over files people wrote, each with its place.
 *
 * They are kept one by one, so that they can be sorted and a mistake in a shared part is said
 * once, and as text, ready to print. Nothing here fails: what no memory is left for is counted at
 * least. */
#include "qg/option.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEPT 1000
#define MAX_TEXT (1024 * 1024)
#define MAX_PATH_SHOWN 200
#define MAX_WORDS 1024

struct qg_problem {
	char *file; /* NULL: no place */
	unsigned line, column;
	bool warning;
	char *words; /* with the path before them */
};

void qg_problems_init(struct qg_problems *problems)
{
	memset(problems, 0, sizeof(*problems));
	qg_buf_init(&problems->text, MAX_TEXT);
}

void qg_problems_finish(struct qg_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->items[i].file);
		free(problems->items[i].words);
	}
	free(problems->items);
	qg_buf_finish(&problems->text);
	qg_strings_finish(&problems->noted);
	qg_problems_init(problems);
}

/* As compilers write it, so that editors find the place. */
static void render(struct qg_problems *problems, const struct qg_problem *item)
{
	struct qg_buf *text = &problems->text;
	if (text->limit == 0) {
		qg_buf_init(text, MAX_TEXT);
	}
	size_t before = text->size;
	if (item->file != NULL && item->line > 0) {
		qg_buf_printf(text, "%s:%u:%u: ", item->file, item->line, item->column);
	} else if (item->file != NULL) {
		qg_buf_printf(text, "%s: ", item->file);
	}
	qg_buf_printf(text, "%s%s\n", item->warning ? "warning: " : "", item->words);
	if (text->failed != QG_OK) {
		text->size = before; /* no half lines */
		if (text->data != NULL) {
			text->data[before] = '\0';
		}
	}
}

/* "path: words", both cut to a readable length. */
__attribute__((format(printf, 2, 0))) static char *phrase(
	const struct qg_tree *tree, const char *format, va_list args)
{
	QG_AUTO(qg_buf_finish) struct qg_buf path;
	qg_buf_init(&path, MAX_TEXT);
	if (tree != NULL) {
		qg_tree_path(tree, &path);
	}
	char words[MAX_WORDS];
	int length = vsnprintf(words, sizeof(words), format, args);
	if (length >= (int)sizeof(words)) {
		words[qg_utf8_cut(words, sizeof(words) - 1, sizeof(words) - 4)] = '\0';
		memcpy(words + strlen(words), "...", sizeof("..."));
	}
	const char *shown = path.data != NULL && path.failed == QG_OK ? path.data : "";
	size_t size = strlen(shown);
	size_t start = 0;
	if (size > MAX_PATH_SHOWN) { /* its end is what tells */
		start = qg_utf8_cut(shown, size, size - MAX_PATH_SHOWN);
	}
	char *whole = qg_str_printf(
		"%s%s%s%s", start > 0 ? "..." : "", shown + start, size > 0 ? ": " : "", words);
	if (whole != NULL) {
		qg_utf8_flatten(whole); /* one line, whatever a key or value held */
	}
	return whole;
}

/* Takes words, which may be NULL for no memory. */
static void keep(struct qg_problems *problems, bool warning, const char *file, unsigned line,
	unsigned column, char *words)
{
	*(warning ? &problems->warnings : &problems->errors) += 1;
	if (problems->count >= MAX_KEPT || words == NULL) {
		free(words);
		return;
	}
	struct qg_problem *items = realloc(problems->items, (problems->count + 1) * sizeof(*items));
	if (items == NULL) {
		free(words);
		return;
	}
	problems->items = items;
	struct qg_problem *item = &items[problems->count];
	*item = (struct qg_problem){
		.line = line, .column = column, .warning = warning, .words = words};
	if (file != NULL) {
		item->file = qg_str_copy(file);
		if (item->file != NULL) {
			qg_utf8_flatten(item->file);
		}
	}
	problems->count++;
	render(problems, item);
}

__attribute__((format(printf, 5, 0))) static void add(struct qg_problems *problems, bool warning,
	const struct qg_tree *tree, bool at_key, const char *format, va_list args)
{
	char *words = phrase(tree, format, args);
	if (tree == NULL) {
		keep(problems, warning, NULL, 0, 0, words);
		return;
	}
	/* A value that is not there has no place of its own. */
	at_key = tree->key != NULL && (at_key || tree->kind == QG_TREE_NULL);
	keep(problems, warning, tree->file, at_key ? tree->key_line : tree->line,
		at_key ? tree->key_column : tree->column, words);
}

void qg_problem_error(
	struct qg_problems *problems, const struct qg_tree *tree, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(problems, false, tree, false, format, args);
	va_end(args);
}

void qg_problem_warn(
	struct qg_problems *problems, const struct qg_tree *tree, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(problems, true, tree, false, format, args);
	va_end(args);
}

void qg_problem_error_key(
	struct qg_problems *problems, const struct qg_tree *tree, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(problems, false, tree, true, format, args);
	va_end(args);
}

void qg_problem_warn_key(
	struct qg_problems *problems, const struct qg_tree *tree, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(problems, true, tree, true, format, args);
	va_end(args);
}

void qg_problem_error_at(struct qg_problems *problems, const char *file, unsigned line,
	unsigned column, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	keep(problems, false, file, line, column, phrase(NULL, format, args));
	va_end(args);
}

static int compare(const void *left, const void *right)
{
	const struct qg_problem *a = left, *b = right;
	int order = strcmp(a->file != NULL ? a->file : "", b->file != NULL ? b->file : "");
	if (order == 0) {
		order = (a->line > b->line) - (a->line < b->line);
	}
	if (order == 0) {
		order = (a->column > b->column) - (a->column < b->column);
	}
	if (order == 0) {
		order = (int)a->warning - (int)b->warning;
	}
	return order != 0 ? order : strcmp(a->words, b->words);
}

void qg_problems_sort(struct qg_problems *problems)
{
	if (problems->count == 0) {
		return;
	}
	qsort(problems->items, problems->count, sizeof(*problems->items), compare);
	qg_buf_reset(&problems->text);
	size_t kept = 0;
	for (size_t i = 0; i < problems->count; i++) {
		struct qg_problem *item = &problems->items[i];
		if (kept > 0 && compare(&problems->items[kept - 1], item) == 0) {
			*(item->warning ? &problems->warnings : &problems->errors) -= 1;
			free(item->file);
			free(item->words);
			continue;
		}
		render(problems, item);
		problems->items[kept++] = *item;
	}
	unsigned unsaid = problems->errors + problems->warnings - (unsigned)kept;
	problems->count = kept;
	if (unsaid > 0) {
		qg_buf_printf(&problems->text, "... and %u more\n", unsaid);
	}
}
