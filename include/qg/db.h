/* db.h - SQLite behind a narrow door: open, run, prepare, bind, step. Called in pool threads only; a handle
 * belongs to one thread at a time. */
#ifndef QG_DB_H
#define QG_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/status.h"

struct qg_db;
struct qg_db_query;

/* path may be ":memory:". NULL and a word in error (128 bytes) on failure. WAL, busy timeout 2 s. */
struct qg_db *qg_db_open(const char *path, char *error);
void qg_db_close(struct qg_db *db);
QG_MUST_CHECK enum qg_status qg_db_run(struct qg_db *db, const char *sql);
/* NULL on failure (qg_db_error says why). Finish it before the db closes. */
struct qg_db_query *qg_db_prepare(struct qg_db *db, const char *sql);
/* index from 1; text is copied. */
void qg_db_bind_text(struct qg_db_query *query, int index, const char *text, size_t size);
void qg_db_bind_int(struct qg_db_query *query, int index, int64_t value);
/* QG_OK: a row; QG_EMPTY: no more; else an error. */
QG_MUST_CHECK enum qg_status qg_db_step(struct qg_db_query *query);
/* Ready for other bindings. */
void qg_db_reset(struct qg_db_query *query);
/* column from 0; borrowed until the next step. Never NULL. */
const char *qg_db_text(struct qg_db_query *query, int column);
int64_t qg_db_int(struct qg_db_query *query, int column);
double qg_db_double(struct qg_db_query *query, int column);
void qg_db_finish(struct qg_db_query *query);
const char *qg_db_error(struct qg_db *db);

#endif
