/* option.h - YAML as a tree with lines and columns, and tables of options that fill structs from
 * it.
 *
 * All of a file's errors are found in one run. Used by the config, the adapters' keys and the
 * templates. */
#ifndef QG_OPTION_H
#define QG_OPTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/buf.h"
#include "qg/status.h"
#include "qg/str.h"

struct qg_tree;

/* ---- problems: errors and warnings with their places ---- */

struct qg_problem; /* one of them, inside problem.c */

struct qg_problems {
	/* Lines "file:line:column: path: words", in warnings "warning: " before the path; in the
	 * order found, or sorted. A zeroed struct is a good start too. */
	struct qg_buf text;
	unsigned errors, warnings; /* all of them, also those beyond the bound on lines kept */
	struct qg_problem *items;
	size_t count;
	struct qg_strings noted; /* keys already warned about as being without effect */
};

void qg_problems_init(struct qg_problems *problems);
void qg_problems_finish(struct qg_problems *problems);
/* Sorts by file, line and column, and drops repeats. */
void qg_problems_sort(struct qg_problems *problems);
/* Adds "file:line:column: path: words" for a value. tree may be NULL (no place). */
void qg_problem_error(struct qg_problems *problems, const struct qg_tree *tree, const char *format,
	...) QG_PRINTF(3, 4);
void qg_problem_warn(struct qg_problems *problems, const struct qg_tree *tree, const char *format,
	...) QG_PRINTF(3, 4);
/* The same, but at the place of tree's key in its map. */
void qg_problem_error_key(struct qg_problems *problems, const struct qg_tree *tree,
	const char *format, ...) QG_PRINTF(3, 4);
void qg_problem_warn_key(struct qg_problems *problems, const struct qg_tree *tree,
	const char *format, ...) QG_PRINTF(3, 4);
/* An error at a place without a tree, as in a file that is no YAML. line 0: the file as a whole. */
void qg_problem_error_at(struct qg_problems *problems, const char *file, unsigned line,
	unsigned column, const char *format, ...) QG_PRINTF(5, 6);

/* ---- the tree ---- */

enum qg_tree_kind { QG_TREE_NULL, QG_TREE_SCALAR, QG_TREE_LIST, QG_TREE_MAP };

struct qg_tree {
	enum qg_tree_kind kind;
	const char *file;      /* as the user wrote it; lives with the root */
	unsigned line, column; /* from 1 */
	char *text;	       /* of a scalar, ${VAR} expanded */
	bool quoted;	       /* then it is a string whatever it looks like */
	bool variable; /* a variable was put in: not shown in messages, it may be a secret */
	char *key;     /* in a map; else NULL */
	unsigned key_line, key_column;
	struct qg_tree **items;
	size_t count;
	const struct qg_tree *parent; /* NULL at the root */
	size_t index;		      /* in parent's items */
};

/* Parses YAML bytes. Bounds: 1 MiB, 64 levels, 100,000 nodes with those that aliases repeat.
 * Duplicate keys are errors naming both lines. expand: ${VAR}, ${VAR:-default}, $$ on scalars.
 * NULL when the text is no YAML or breaks a bound (an error was added). An empty file is a
 * QG_TREE_NULL. */
struct qg_tree *qg_tree_parse(
	const char *file, const char *data, size_t size, bool expand, struct qg_problems *problems);
/* Reads a file whole (at most 1 MiB), then as above. */
struct qg_tree *qg_tree_read(
	const char *path, const char *shown_as, bool expand, struct qg_problems *problems);
/* Takes the root. */
void qg_tree_destroy(struct qg_tree *tree);
/* The value under key, or NULL. */
const struct qg_tree *qg_tree_get(const struct qg_tree *map, const char *key);
/* Nothing behind the key, or "": not configured. */
bool qg_tree_is_empty(const struct qg_tree *tree);
/* "bots[0].platform", for messages: appends it to out. */
void qg_tree_path(const struct qg_tree *tree, struct qg_buf *out);
/* Deep copy as JSON: plain true/false, null, and numbers become such, all else strings. NULL: no
 * memory. */
json_t *qg_tree_to_json(const struct qg_tree *tree);

/* ---- option tables ---- */

enum qg_option_type {
	QG_OPTION_STRING, /* char *; with choices, one of them */
	QG_OPTION_INT,	  /* int64_t, min..max */
	QG_OPTION_BOOL,	  /* bool */
	QG_OPTION_ENUM,	  /* int: index in choices ("a|b|c") */
	QG_OPTION_NUMBER, /* double: a decimal number, min..max */
	QG_OPTION_URL,	  /* char *, http(s) or ws(s), no trailing slash kept */
	QG_OPTION_STRINGS, /* struct qg_strings: a list of scalars, or one; with choices, each of them */
	QG_OPTION_JSON, /* json_t *: any value as it stands; checked by who uses it */
};

enum {
	QG_OPTION_REQUIRED = 1,
	QG_SECRET = 2,	    /* printed as ***; "file:PATH" is read, relative to the config file */
	QG_OPTION_PATH = 4, /* made absolute, relative to the config file */
	QG_OPTION_NO_EFFECT = 8, /* known, checked, without effect in this build: one warning */
};

/* One row a key; a table ends with a NULL name. */
struct qg_option {
	const char *name;
	enum qg_option_type type;
	const char *fallback; /* as text; NULL: zero, or none */
	size_t offset;
	unsigned flags;
	const char *choices; /* "a|b|c" */
	int64_t min, max;    /* of numbers, and of strings' bytes; both 0: none (strings: 64 KiB) */
	const char *help;
};

/* Fills target (zeroed memory) from the maps by the table; what is absent gets its fallback.
 * layers: maps tried in order for each key (the bot, its file's defaults, the template),
 * NULL-terminated; only the first is checked for unknown keys. extra: names of further keys
 * allowed there and read by the caller (NULL-terminated; may be NULL). dir: what relative paths
 * are relative to. Adds all errors: unknown keys with a did-you-mean and the allowed names, wrong
 * types, missing ones. An empty key is a warning and counts as absent. */
void qg_option_fill(const struct qg_option *table, const struct qg_tree *const *layers,
	const char *const *extra, const char *dir, void *target, struct qg_problems *problems);
/* Only the errors and warnings of one map, where none of its keys need be there. */
void qg_option_check(const struct qg_option *table, const struct qg_tree *map,
	const char *const *extra, const char *dir, struct qg_problems *problems);
/* The value of key in the first layer that has one which is not empty; NULL if none. */
const struct qg_tree *qg_option_find(const struct qg_tree *const *layers, const char *key);
/* Frees what fill allocated, zeroes it. */
void qg_option_finish(const struct qg_option *table, void *target);
/* Appends all values with their names, unambiguously: equal bytes, equal values. Holds secrets. */
void qg_option_digest(const struct qg_option *table, const void *target, struct qg_buf *out);
/* The properties of the table as a JSON Schema object. NULL: no memory. */
json_t *qg_option_schema(const struct qg_option *table);

#endif
