/* ledger_table.c - what a row of the ledger is: JSON on its way through Redis, a line of a table in a file.
 *
 * The call's id is the key, so a row that is moved twice stands there once; and what a service told in the end
 * takes the place of what a sweep had estimated, never the other way round. */
#include "ledger_table.h"

#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/ledger.h"
#include "qg/scan.h"
#include "qg/str.h"

enum { MAX_SQL = 4096, MAX_ID = 64, MAX_TEXT = 1024, DAY_SIZE = 8 };
/* What ledger_row.c writes is never more. A few rows beyond it and no month could be summed: SQLite refuses a sum that
 * runs over. */
#define MAX_NUMBER INT64_C(1000000000000000)

static const char *const texts[] = {
#define X(name) #name,
	QG_LEDGER_TEXTS(X)
#undef X
};
static const char *const numbers[] = {
#define X(name) #name,
	QG_LEDGER_NUMBERS(X)
#undef X
};
enum { TEXTS = sizeof(texts) / sizeof(texts[0]), NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

/* ---- a row ---- */

static bool is_day(const char *text)
{
	return strlen(text) == DAY_SIZE && strspn(text, "0123456789") == DAY_SIZE &&
	       text[0] != '0' && /* the years a report can be asked for */
	       memcmp(text + 4, "01", 2) >= 0 && memcmp(text + 4, "12", 2) <= 0 &&
	       memcmp(text + 6, "01", 2) >= 0 && memcmp(text + 6, "31", 2) <= 0;
}

/* A flag may be written as true or as 1. */
static int64_t number_of(const struct qg_piece *piece)
{
	return qg_piece_bool(piece, false) ? 1 : qg_piece_int(piece, 0);
}

/* The text at the end of all, which has room for it: unescaped no text grows, and its NUL takes less than its quotes
 * did. */
static const char *text_of(const struct qg_piece *piece, struct qg_buf *all)
{
	size_t start = all->size;
	if (piece->kind != QG_PIECE_STRING || qg_piece_text(piece, all) != QG_OK) {
		return "";
	}
	qg_buf_add_char(all, '\0');
	return all->data + start;
}

static bool is_amount(int64_t number)
{
	return number >= 0 && number <= MAX_NUMBER;
}

static bool is_row(const struct qg_ledger_line *line)
{
	size_t id = strlen(line->id);
#define X(name)                                                                                    \
	if (strlen(line->name) > MAX_TEXT) {                                                       \
		return false;                                                                      \
	}
	QG_LEDGER_TEXTS(X)
#undef X
	return id > 0 && id <= MAX_ID && is_day(line->day) && line->bot[0] != '\0' &&
	       is_amount(line->input) && is_amount(line->cached_input) &&
	       is_amount(line->cache_write) && is_amount(line->output) &&
	       is_amount(line->reasoning) && is_amount(line->saved) && is_amount(line->cost);
}

/* Rows come by the thousand, and each is read twice: no tree is made of them. */
enum qg_status qg_ledger_line_read(
	const char *row, size_t size, struct qg_ledger_line *line_out, char **holder_out)
{
	static const char *const paths[] = {
#define X(name) #name,
		QG_LEDGER_TEXTS(X) QG_LEDGER_NUMBERS(X)
#undef X
	};
	struct qg_piece found[TEXTS + NUMBERS];
	if (qg_scan(row, size, paths, TEXTS + NUMBERS, found) != QG_OK) {
		return QG_INVALID;
	}
	struct qg_buf all;
	qg_buf_init(&all, size);
	if (qg_buf_reserve(&all, size) != QG_OK) {
		return QG_NO_MEMORY;
	}
	size_t at = 0;
	struct qg_ledger_line line;
#define X(name) line.name = text_of(&found[at++], &all);
	QG_LEDGER_TEXTS(X)
#undef X
#define X(name) line.name = number_of(&found[at++]);
	QG_LEDGER_NUMBERS(X)
#undef X
	line.estimated = line.estimated != 0;
	if (!is_row(&line)) {
		qg_buf_finish(&all);
		return QG_INVALID;
	}
	*line_out = line;
	*holder_out = qg_buf_steal(&all);
	return QG_OK;
}

enum qg_status qg_ledger_row_month(const char *row, size_t size, char out[8])
{
	struct qg_ledger_line line;
	char *holder = NULL;
	enum qg_status status = qg_ledger_line_read(row, size, &line, &holder);
	if (status != QG_OK) {
		return status;
	}
	memcpy(out, line.day, 4);
	out[4] = '-';
	memcpy(out + 5, line.day + 4, 2);
	out[7] = '\0';
	free(holder);
	return QG_OK;
}

/* ---- the table ---- */

enum qg_status qg_ledger_table_make(struct qg_db *db, const char *kind, const char *name)
{
	QG_AUTO(qg_buf_finish) struct qg_buf sql;
	qg_buf_init(&sql, MAX_SQL);
	qg_buf_printf(&sql, "CREATE %s TABLE IF NOT EXISTS %s (", kind, name);
	for (size_t i = 0; i < TEXTS; i++) {
		qg_buf_printf(
			&sql, "\"%s\" TEXT NOT NULL%s, ", texts[i], i == 0 ? " PRIMARY KEY" : "");
	}
	for (size_t i = 0; i < NUMBERS; i++) {
		qg_buf_printf(&sql, "\"%s\" INTEGER NOT NULL%s", numbers[i],
			i + 1 < NUMBERS ? ", " : ") WITHOUT ROWID");
	}
	return sql.failed != QG_OK ? sql.failed : qg_db_run(db, sql.data);
}

static void add_columns(struct qg_buf *sql, const char *format, bool with_id)
{
	for (size_t i = with_id ? 0 : 1; i < TEXTS + NUMBERS; i++) {
		const char *name = i < TEXTS ? texts[i] : numbers[i - TEXTS];
		qg_buf_add_str(sql, i > (with_id ? 0 : 1) ? ", " : "");
		for (const char *at = format; *at != '\0'; at++) {
			if (*at == '@') {
				qg_buf_printf(sql, "\"%s\"", name);
			} else {
				qg_buf_add_char(sql, *at);
			}
		}
	}
}

struct qg_db_query *qg_ledger_table_put(struct qg_db *db, const char *name)
{
	QG_AUTO(qg_buf_finish) struct qg_buf sql;
	qg_buf_init(&sql, MAX_SQL);
	qg_buf_printf(&sql, "INSERT INTO %s (", name);
	add_columns(&sql, "@", true);
	qg_buf_add_str(&sql, ") VALUES (");
	add_columns(&sql, "?", true);
	qg_buf_add_str(&sql, ") ON CONFLICT (id) DO UPDATE SET ");
	add_columns(&sql, "@ = excluded.@", false);
	qg_buf_printf(&sql, " WHERE \"estimated\" AND NOT excluded.\"estimated\"");
	return sql.failed != QG_OK ? NULL : qg_db_prepare(db, sql.data);
}

enum qg_status qg_ledger_line_put(struct qg_db_query *put, const struct qg_ledger_line *line)
{
	int at = 1;
#define X(name) qg_db_bind_text(put, at++, line->name, strlen(line->name));
	QG_LEDGER_TEXTS(X)
#undef X
#define X(name) qg_db_bind_int(put, at++, line->name);
	QG_LEDGER_NUMBERS(X)
#undef X
	enum qg_status status = qg_db_step(put);
	qg_db_reset(put);
	return status == QG_EMPTY ? QG_OK : status;
}

char *qg_ledger_path(const char *data_dir, const char *month)
{
	return qg_str_printf("%s/ledger/%s.db", data_dir, month);
}
