/* search_parts.h - an opened index and its connections, for the two files that open and search
 * it. */
#ifndef AGENTS_SEARCH_PARTS_H
#define AGENTS_SEARCH_PARTS_H

#include <pthread.h>

#include "postings.h"
#include "qg/db.h"
#include "search.h"

#define QG_SEARCH_KEPT                                                                             \
	400 /* sections of a short handbook; the longest question takes a quarter of a millisecond */
#define QG_HEADING_CODES 10
#define QG_MIN_MENDED 2 /* characters of a heading that is looked for with an error */

struct qg_heading {
	uint32_t codes[QG_HEADING_CODES];
	size_t count;
};

struct qg_search_connection {
	struct qg_db *db;
	struct qg_db_query *begin, *match, *documents, *commit;
};

struct qg_search {
	char *path; /* NULL: the sections are below */
	int lock;
	struct qg_sections sections; /* their texts shared */
	size_t section_count;
	struct qg_heading *headings;
	size_t heading_count;
	char *digest; /* shared */
	struct qg_search_connection threads[QG_SEARCH_THREADS];
	pthread_mutex_t loading; /* guards what follows */
	_Atomic(struct qg_postings *)
		memory; /* a small handbook, from its first search until it rests */
	unsigned readers;
	uint64_t read_at; /* mono ms */
	bool loads;	  /* it is small, and was not tried in vain */
};

/* A heading that is one short word: by them typing errors are mended, and rivals told apart. */
bool qg_heading_read(struct qg_heading *heading, const char *text);
/* A small handbook in memory, put there by whoever searches first; it stays until qg_search_unload(). NULL where it
 * is large, or cannot be read. In a pool thread. */
const struct qg_postings *qg_search_load(struct qg_search *search);
void qg_search_unload(struct qg_search *search);
/* The connection of a pool thread, opened when it is first asked for; NULL when the index cannot be
 * read. */
struct qg_search_connection *qg_search_connect(struct qg_search *search, unsigned thread_index);

#endif
