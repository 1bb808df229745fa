/* ledger_table.c - what a row of the ledger is: JSON on its way through Redis, a line of a table in a file.
 *
 * The call's id is the key, so a row that is moved twice stands there once; and what a service told in the end
 * takes the place of what a sweep had estimated, never the other way round. */
#include "ledger_table.h"

#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/ledger.h"
#include "qg/str.h"

enum { MAX_SQL = 4096, MAX_ID = 64, MAX_TEXT = 1024, DAY_SIZE = 8 };

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
	       memcmp(text + 4, "01", 2) >= 0 && memcmp(text + 4, "12", 2) <= 0 &&
	       memcmp(text + 6, "01", 2) >= 0 && memcmp(text + 6, "31", 2) <= 0;
}

/* A flag may be written as true or as 1. */
static int64_t number_of(const json_t *row, const char *name)
{
	const json_t *value = json_object_get(row, name);
	return json_is_true(value) ? 1 : json_integer_value(value);
}

static const char *text_of(const json_t *row, const char *name)
{
	return qg_json_str(row, name, "");
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
	       line->input >= 0 && line->cached_input >= 0 && line->cache_write >= 0 &&
	       line->output >= 0 && line->reasoning >= 0 && line->saved >= 0 && line->cost >= 0;
}

enum qg_status qg_ledger_line_read(
	const char *row, size_t size, struct qg_ledger_line *line_out, json_t **holder_out)
{
	char why[128] = "";
	json_t *json = qg_json_parse(row, size, why);
	if (!json_is_object(json)) {
		json_decref(json);
		return strncmp(why, "out of memory", 13) == 0 ? QG_NO_MEMORY : QG_INVALID;
	}
	struct qg_ledger_line line = {
#define X(name) .name = text_of(json, #name),
		QG_LEDGER_TEXTS(X)
#undef X
#define X(name) .name = number_of(json, #name),
			QG_LEDGER_NUMBERS(X)
#undef X
	};
	line.estimated = line.estimated != 0;
	if (!is_row(&line)) {
		json_decref(json);
		return QG_INVALID;
	}
	*line_out = line;
	*holder_out = json;
	return QG_OK;
}

bool qg_ledger_row_month(const char *row, size_t size, char out[8])
{
	struct qg_ledger_line line;
	json_t *holder = NULL;
	if (qg_ledger_line_read(row, size, &line, &holder) != QG_OK) {
		return false;
	}
	memcpy(out, line.day, 4);
	out[4] = '-';
	memcpy(out + 5, line.day + 4, 2);
	out[7] = '\0';
	json_decref(holder);
	return true;
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
