/* postings.h - a small handbook in memory: which sections hold a term, and their texts. */
#ifndef AGENTS_POSTINGS_H
#define AGENTS_POSTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "qg/status.h"

#define QG_POSTINGS_SECTIONS 4000 /* a larger handbook stays in its file */

struct qg_postings;

/* A section; its texts are shared. */
struct qg_posted_section {
	char *title, *heading, *text;
	char *folded;  /* of the three, as questions are */
	size_t tokens; /* it is indexed under */
};

/* Room for that many sections. NULL for no memory. */
struct qg_postings *qg_postings_create(size_t sections);
void qg_postings_destroy(struct qg_postings *postings);
/* Adds the next section; in the order of the handbook. QG_FULL where there is no room. */
QG_MUST_CHECK enum qg_status qg_postings_add(
	struct qg_postings *postings, const char *title, const char *heading, const char *text);
/* When all are added: from now on it is only read, by any thread. */
QG_MUST_CHECK enum qg_status qg_postings_sort(struct qg_postings *postings);

size_t qg_postings_count(const struct qg_postings *postings);
const struct qg_posted_section *qg_postings_section(const struct qg_postings *postings, size_t at);
/* How many sections hold the term. */
size_t qg_postings_documents(const struct qg_postings *postings, const char *term);
/* The best sections for these terms, at most limit: numbers of sections, the best first. QG_NO_MEMORY. */
QG_MUST_CHECK enum qg_status qg_postings_best(const struct qg_postings *postings,
	const char *const *terms, size_t count, size_t limit, size_t *out, size_t *count_out);

#endif
