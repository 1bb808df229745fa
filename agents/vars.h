/* vars.h - {{names}} in texts of a template: found, checked, filled. */
#ifndef AGENTS_VARS_H
#define AGENTS_VARS_H

#include <jansson.h>

#include "qg/option.h"
#include "qg/str.h"

/* Replaces each {{name}} by its value, once: what a value holds is never looked into. A name
 * without a value stays as it is. Yours to free; NULL for no memory. */
char *qg_vars_fill(const char *text, const json_t *values);
/* Adds an error for each {{name}} that is not in known; line and column are where text begins, at
 * its place in file (a text of several lines in YAML is known by its first). */
void qg_vars_check(const char *file, unsigned line, unsigned column, const char *text,
	const struct qg_strings *known, struct qg_problems *problems);
/* The same for all scalars below tree. */
void qg_vars_check_tree(
	const struct qg_tree *tree, const struct qg_strings *known, struct qg_problems *problems);

#endif
