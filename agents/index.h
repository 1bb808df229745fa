/* index.h - the file of a full-text index: named by its content, made once, shared by processes. */
#ifndef AGENTS_INDEX_H
#define AGENTS_INDEX_H

#include "knowledge.h"
#include "qg/db.h"

/* Makes the tables and fills them. */
QG_MUST_CHECK enum qg_status qg_index_fill(struct qg_db *db, const struct qg_sections *sections);
/* Whether db holds an index of that many sections. */
bool qg_index_is_whole(struct qg_db *db, size_t sections);

/* The file for these sections, made where it is not there; other indexes of that name which no
 * process uses are removed. The path, yours to free, with a lock held through *lock_out (close it
 * when done); NULL with words (128 bytes). */
char *qg_index_open(const char *folder, const char *name, const struct qg_sections *sections,
	int *lock_out, char *words);

#endif
