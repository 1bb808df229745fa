/* ledger_table.h - the table of a ledger file, and a row of it as the struct between JSON and SQL. */
#ifndef QG_GATEWAY_LEDGER_TABLE_H
#define QG_GATEWAY_LEDGER_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "qg/db.h"
#include "qg/json.h"

/* Columns in the order of the table; all texts, then all numbers. X(name) */
#define QG_LEDGER_TEXTS(X)                                                                         \
	X(id)                                                                                      \
	X(day)                                                                                     \
	X(provider)                                                                                \
	X(model) X(key) X(customer) X(bot) X(chat) X(user) X(role) X(currency) X(failed) X(way)
#define QG_LEDGER_NUMBERS(X)                                                                       \
	X(at)                                                                                      \
	X(input)                                                                                   \
	X(cached_input)                                                                            \
	X(cache_write) X(output) X(reasoning) X(estimated) X(saved) X(cost) X(first_ms) X(total_ms)

struct qg_ledger_line {
#define X(name) const char *name;
	QG_LEDGER_TEXTS(X)
#undef X
#define X(name) int64_t name;
	QG_LEDGER_NUMBERS(X)
#undef X
};

/* Reads a row; its strings live in *holder_out (free it after use). QG_INVALID: no row; QG_NO_MEMORY. */
QG_MUST_CHECK enum qg_status qg_ledger_line_read(
	const char *row, size_t size, struct qg_ledger_line *line_out, char **holder_out);
/* "CREATE <kind> TABLE IF NOT EXISTS <name> (...)", run. */
QG_MUST_CHECK enum qg_status qg_ledger_table_make(
	struct qg_db *db, const char *kind, const char *name);
/* The statement that puts a line into the table; NULL on failure. */
struct qg_db_query *qg_ledger_table_put(struct qg_db *db, const char *name);
QG_MUST_CHECK enum qg_status qg_ledger_line_put(
	struct qg_db_query *put, const struct qg_ledger_line *line);
/* "DIR/ledger/2026-11.db", yours to free; NULL for no memory. */
char *qg_ledger_path(const char *data_dir, const char *month);

#endif
