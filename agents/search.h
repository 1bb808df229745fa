/* search.h - a handbook's sections in a full-text index, and the best of them for a question. */
#ifndef AGENTS_SEARCH_H
#define AGENTS_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "knowledge.h"
#include "qg/status.h"

#define QG_SEARCH_THREADS 8 /* as many as a loop's pool may have */
#define QG_FOUND_MAX 4

struct qg_search;

/* A section that fits a question. */
struct qg_found_section {
	char *title, *heading, *text;
	double score; /* greater is better; comparable within one answer only */
};

struct qg_found {
	struct qg_found_section sections[QG_FOUND_MAX]; /* the best first */
	size_t count;
	bool answers; /* the first covers the question well enough to be quoted; else they are only near */
};

/* A short handbook is kept in memory; the index of a longer one in folder/<name>-<digest>.db, made if it is not
 * there, opened by the pool threads when they first search; folder NULL: all in memory. NULL with words (128 bytes).
 * In a pool thread. Takes sections, always (zeroes it). */
struct qg_search *qg_search_open(
	const char *folder, const char *name, struct qg_sections *sections, char *words);
/* When no search runs any more. Any thread. */
void qg_search_close(struct qg_search *search);
/* Is a search a matter of microseconds, so that it may run on the loop: a handbook of usual size, and in memory? Any
 * thread. */
bool qg_search_is_quick(struct qg_search *search);
/* In the pool thread of that index, or on the loop where it is quick. Empty when nothing is near. QG_IO when the index cannot be
 * read. */
QG_MUST_CHECK enum qg_status qg_search_find(struct qg_search *search, unsigned thread_index,
	const char *question, struct qg_found *found_out);
/* Forgets what a search can make again, where nobody has searched since that time (mono ms); whether there was any.
 * Any thread; does not wait. */
bool qg_search_rest(struct qg_search *search, uint64_t since);
void qg_found_finish(struct qg_found *found);
/* The headings of all sections, one a line, as a digest for a prompt; at most limit bytes.
 * Borrowed. */
const char *qg_search_digest(const struct qg_search *search);

#endif
