/* faults.h - what the option table of a platform cannot tell: rows of faults, said at their place when a config is
 * checked, and refused when a bot begins all the same. */
#ifndef QG_ADAPTERS_SHARED_FAULTS_H
#define QG_ADAPTERS_SHARED_FAULTS_H

#include <stdbool.h>

#include "qg/adapter.h"

struct qg_problems;
struct qg_tree;

struct qg_fault {
	const char *key; /* of the option it is told at; NULL ends a table */
	bool (*is_there)(const void *options);
	const char *words; /* what to do about it */
};

/* Tells of each. */
void qg_faults_tell(const struct qg_fault *faults, const void *options, const struct qg_tree *tree,
	struct qg_problems *problems);
/* Logs the first one. */
bool qg_faults_are_none(const struct qg_fault *faults, const struct qg_bot *bot);

/* Where key stands, or the whole where it does not. */
const struct qg_tree *qg_option_place(const struct qg_tree *tree, const char *key);
/* Accepts NULL. */
bool qg_has_blank(const char *text);
/* 43 letters and digits of base64: a key of AES as consoles show it. */
bool qg_is_aes_key(const char *text);

#endif
