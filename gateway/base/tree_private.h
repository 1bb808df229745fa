/* tree_private.h - what tree.c, tree_value.c and the options know of each other. */
#ifndef QG_BASE_TREE_PRIVATE_H
#define QG_BASE_TREE_PRIVATE_H

#include "qg/option.h"

#define QG_TREE_MAX_FILE ((size_t)1024 * 1024)
/* Bytes that variables and aliases may bring into one file. */
#define QG_TREE_MAX_EXPANDED ((size_t)4 * 1024 * 1024)

/* text with ${VAR}, ${VAR:-default} and $$ replaced; yours to free. Mistakes are errors at node,
 * and what is wrong stands for itself. Marks the node where a variable was put in. expanded
 * counts the bytes over a whole file. NULL only for no memory. */
char *qg_tree_expand(
	const char *text, size_t *expanded, struct qg_tree *node, struct qg_problems *problems);

/* Adds an error for each key that stands twice in map; false for no memory. */
bool qg_tree_find_duplicates(const struct qg_tree *map, struct qg_problems *problems);
/* A number by JSON's grammar, so that 021-5555, 007 and 1.2.3 stay text; NULL for all else. */
json_t *qg_tree_number(const char *text);

#endif
