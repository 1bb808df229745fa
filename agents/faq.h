/* faq.h - questions answered without any model: the same question, or nearly the same one. */
#ifndef AGENTS_FAQ_H
#define AGENTS_FAQ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "qg/option.h"

struct qg_faq;
struct qg_faq_phrases; /* its questions, folded and counted */

enum qg_faq_kind {
	QG_FAQ_NONE,
	QG_FAQ_HINT, /* near, but perhaps another question: "did you mean" */
	QG_FAQ_NEAR,
	QG_FAQ_EXACT,
};

struct qg_faq_match {
	enum qg_faq_kind kind;
	double score;	      /* 0..1, how much of both is shared */
	const char *question; /* the entry's first phrasing; borrowed */
	const char *answer;   /* borrowed */
};

/* The questions of a checked faq.yaml that names no {{variable}} in them: the same for all bots of a template. */
struct qg_faq_phrases *qg_faq_phrases_create(const struct qg_tree *tree);
void qg_faq_phrases_destroy(struct qg_faq_phrases *phrases);
bool qg_faq_asks_alike(const struct qg_tree *tree);
/* tree: a checked faq.yaml, or NULL for none. {{names}} are filled from values. phrases: of the same tree, and
 * outlives the result; NULL: it makes its own. NULL for no memory. */
struct qg_faq *qg_faq_create(
	const struct qg_tree *tree, const json_t *values, const struct qg_faq_phrases *phrases);
void qg_faq_destroy(struct qg_faq *faq);
/* Checks the form of faq.yaml; variables are checked elsewhere. */
void qg_faq_check(const struct qg_tree *tree, struct qg_problems *problems);
/* The best entry for a question. Any thread. */
struct qg_faq_match qg_faq_find(const struct qg_faq *faq, const char *question);
size_t qg_faq_count(const struct qg_faq *faq);

#endif
