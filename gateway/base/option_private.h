/* option_private.h - the parts of filling a table, for option.c, option_value.c and the config. */
#ifndef QG_BASE_OPTION_PRIVATE_H
#define QG_BASE_OPTION_PRIVATE_H

#include "qg/option.h"

#define QG_OPTION_MAX_TEXT ((size_t)64 * 1024)

/* All names one map may hold. */
struct qg_option_names {
	const struct qg_option *tables[24]; /* ends with NULL */
	const char *const *extra;	    /* further ones, read by the caller; may be NULL */
	const char *const *silent;	    /* taken, but not offered; may be NULL */
	const char *const
		*reserved; /* of later versions: refused with words of their own; may be NULL */
	const char *const *elsewhere; /* that belong into another kind of file; may be NULL */
	const char *elsewhere_words;  /* "belongs into ..." */
	bool quiet;		      /* says nothing of keys without effect */
};

/* The names, the empty values and the keys without effect of one map. */
void qg_option_check_names(const struct qg_option_names *names, const struct qg_tree *map,
	struct qg_problems *problems);
/* The values alone: as qg_option_fill, but looks at no names. */
void qg_option_fill_values(const struct qg_option *table, const struct qg_tree *const *layers,
	const char *dir, void *target, struct qg_problems *problems);
/* The mistakes in the values of one map, where none need be there. */
void qg_option_check_values(const struct qg_option *table, const struct qg_tree *map,
	const char *dir, struct qg_problems *problems);
/* Writes one value into its place in a struct (zeroed there). False where an error was added. */
bool qg_option_take(const struct qg_option *row, const struct qg_tree *value, const char *dir,
	void *slot, struct qg_problems *problems);
/* Frees what take allocated, and zeroes it. */
void qg_option_drop(const struct qg_option *row, void *slot);
/* How many bytes the choice at the start of "a|b|c" has; *next_out is the rest, NULL after the
 * last. */
size_t qg_option_choice(const char *choices, const char **next_out);
/* Absolute: path as it is, or dir/path; where dir is a bots.d without it, the folder above it counts too. Yours to free; NULL for no memory. */
char *qg_option_path(const char *dir, const char *path);
/* The content of a secret's file without the line's end; NULL where an error was added. at: for
 * messages. */
char *qg_option_secret(
	const char *dir, const char *path, const struct qg_tree *at, struct qg_problems *problems);
/* A scalar for a message, cut to a readable length; "***" where it is or may be a secret. */
#define QG_OPTION_SHOWN 64
const char *qg_option_shown(const struct qg_tree *value, bool secret, char out[QG_OPTION_SHOWN]);
/* "a single value", "a list", ...: what stands there, for messages. */
const char *qg_option_kind(const struct qg_tree *tree);

#endif
