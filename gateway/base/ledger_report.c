/* ledger_report.c - what calls cost, summed over months of files and over rows that are in no file yet.
 *
 * A month is one query over its file and a temporary table of the rows given beside it; the sums of the months
 * are added here. Money stays a whole number of billionths until it is written down. A month without a file is
 * read from an empty one in memory: looking makes no files. Neither does a damaged one hide the others: it is named
 * beside their sums, and so is what the ledger kept aside of a month when it was damaged. */
#include "qg/ledger.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger_table.h"
#include "qg/db.h"
#include "qg/str.h"

enum { ERROR_SIZE = 128, MAX_SQL = 8192, MAX_BY = 7, MAX_MONTHS = 1200, MAX_KEY = 16 * 1024 };

/* The sums of a group, in the order of the query's columns; calls: an answer that needed no model is none. */
enum {
	SUM_CALLS,
	SUM_INPUT,
	SUM_CACHED_INPUT,
	SUM_CACHE_WRITE,
	SUM_OUTPUT,
	SUM_REASONING,
	SUM_ESTIMATED,
	SUM_SAVED,
	SUMS,
};
static const char *const sum_names[SUMS] = {"calls", "input", "cached_input", "cache_write",
	"output", "reasoning", "estimated", "saved"};
#define SUM_COLUMNS                                                                                \
	"SUM(way = ''), SUM(input), SUM(cached_input), SUM(cache_write), SUM(output), "            \
	"SUM(reasoning), SUM(estimated AND way = ''), SUM(saved), currency, SUM(cost)"

struct group {
	char *key; /* its values, each behind a unit separator: equal groups, equal keys */
	char *values[MAX_BY];
	int64_t sums[SUMS];
	int64_t cost[QG_CURRENCIES];
};

struct report {
	const struct qg_report_query *query;
	size_t by_count;
	struct group *groups; /* sorted by key, once a month was read */
	size_t count, room;
	json_t *damaged; /* files of these months that are not in the sums */
	char *error;
};

static bool fail(struct report *report, const char *words)
{
	snprintf(report->error, ERROR_SIZE, "%s", words);
	return false;
}

/* ---- groups ---- */

static void free_group(struct group *group)
{
	free(group->key);
	for (size_t i = 0; i < MAX_BY; i++) {
		free(group->values[i]);
	}
}

static void finish(struct report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free_group(&report->groups[i]);
	}
	free(report->groups);
	json_decref(report->damaged);
}

static bool make_room(struct report *report)
{
	if (report->count < report->room) {
		return true;
	}
	size_t room = report->room > 0 ? report->room * 2 : 64;
	struct group *groups = realloc(report->groups, room * sizeof(*groups));
	if (groups == NULL) {
		return false;
	}
	report->groups = groups;
	report->room = room;
	return true;
}

/* "20261122" reads as 2026-11-22. */
static char *value_of(const struct report *report, size_t index, const char *text)
{
	if (strcmp(report->query->by[index], "day") != 0 || strlen(text) != 8) {
		return qg_str_copy(text);
	}
	return qg_str_printf("%.4s-%.2s-%.2s", text, text + 4, text + 6);
}

/* A group of this row's own: equal ones are put together when the month has been read. NULL for no memory. */
static struct group *group_of(struct report *report, struct qg_db_query *row)
{
	QG_AUTO(qg_buf_finish) struct qg_buf key;
	qg_buf_init(&key, MAX_KEY);
	qg_buf_add_str(&key, "");
	for (size_t i = 0; i < report->by_count; i++) {
		qg_buf_printf(&key, "%s\x1f", qg_db_text(row, (int)i));
	}
	struct group group = {
		.key = key.failed == QG_OK ? qg_str_copy(key.data != NULL ? key.data : "") : NULL};
	bool ok = group.key != NULL && make_room(report);
	for (size_t i = 0; ok && i < report->by_count; i++) {
		group.values[i] = value_of(report, i, qg_db_text(row, (int)i));
		ok = group.values[i] != NULL;
	}
	if (!ok) {
		free_group(&group);
		return NULL;
	}
	report->groups[report->count] = group;
	return &report->groups[report->count++];
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct group *)a)->key, ((const struct group *)b)->key);
}

/* Sorts the groups, and makes one of those with the same key. */
static void merge_groups(struct report *report)
{
	size_t kept = 0;
	if (report->count > 0) {
		qsort(report->groups, report->count, sizeof(*report->groups), by_key);
	}
	for (size_t i = 1; i < report->count; i++) {
		struct group *into = &report->groups[kept], *from = &report->groups[i];
		if (strcmp(into->key, from->key) != 0) {
			report->groups[++kept] = *from;
			continue;
		}
		for (size_t n = 0; n < SUMS; n++) {
			into->sums[n] += from->sums[n];
		}
		for (size_t n = 0; n < QG_CURRENCIES; n++) {
			into->cost[n] += from->cost[n];
		}
		free_group(from);
	}
	report->count = report->count > 0 ? kept + 1 : 0;
}

static bool add_row(struct report *report, struct qg_db_query *row)
{
	struct group *group = group_of(report, row);
	if (group == NULL) {
		return fail(report, "out of memory");
	}
	int column = (int)report->by_count;
	for (size_t i = 0; i < SUMS; i++) {
		group->sums[i] += qg_db_int(row, column++);
	}
	enum qg_currency currency;
	if (qg_currency_find(qg_db_text(row, column++), &currency)) {
		group->cost[currency] += qg_db_int(row, column);
	}
	return true;
}

/* ---- a month ---- */

/* One of two rows of a call counts: what the file holds, unless that was estimated and the one given is not. */
static void add_source(struct qg_buf *sql)
{
	qg_buf_add_str(sql,
		" FROM (SELECT * FROM main.calls AS kept WHERE NOT (kept.estimated AND EXISTS "
		"(SELECT 1 FROM temp.given WHERE given.id = kept.id AND NOT given.estimated)) "
		"UNION ALL SELECT * FROM temp.given AS given WHERE NOT EXISTS "
		"(SELECT 1 FROM main.calls AS kept WHERE kept.id = given.id AND "
		"NOT (kept.estimated AND NOT given.estimated))) WHERE day >= ? AND day <= ?");
}

static struct qg_db_query *prepare(struct report *report, struct qg_db *db)
{
	QG_AUTO(qg_buf_finish) struct qg_buf sql;
	qg_buf_init(&sql, MAX_SQL);
	qg_buf_add_str(&sql, "SELECT ");
	for (size_t i = 0; i < report->by_count; i++) {
		qg_buf_printf(&sql, "\"%s\", ", report->query->by[i]);
	}
	qg_buf_add_str(&sql, SUM_COLUMNS);
	add_source(&sql);
	if (report->query->bot != NULL) {
		qg_buf_add_str(&sql, " AND bot = ?");
	}
	qg_buf_add_str(&sql, " GROUP BY ");
	for (size_t i = 0; i < report->by_count; i++) {
		qg_buf_printf(&sql, "\"%s\", ", report->query->by[i]);
	}
	qg_buf_add_str(&sql, "currency");
	struct qg_db_query *query = sql.failed == QG_OK ? qg_db_prepare(db, sql.data) : NULL;
	if (query != NULL) {
		const struct qg_report_query *asked = report->query;
		qg_db_bind_text(query, 1, asked->since, strlen(asked->since));
		qg_db_bind_text(query, 2, asked->until, strlen(asked->until));
		if (asked->bot != NULL) {
			qg_db_bind_text(query, 3, asked->bot, strlen(asked->bot));
		}
	}
	return query;
}

/* The rows given beside the files that belong to the month; a damaged one is none. */
static enum qg_status put_given(struct report *report, struct qg_db *db, const char *month)
{
	struct qg_db_query *put = qg_ledger_table_put(db, "temp.given");
	enum qg_status status = put != NULL ? QG_OK : QG_FAILED;
	for (size_t i = 0; status == QG_OK && i < report->query->row_count; i++) {
		const char *row = report->query->rows[i];
		size_t size = report->query->sizes[i];
		char own[8];
		struct qg_ledger_line line;
		char *holder = NULL;
		status = qg_ledger_row_month(row, size, own);
		if (status == QG_INVALID || (status == QG_OK && strcmp(own, month) != 0)) {
			status = QG_OK;
			continue;
		}
		if (status == QG_OK) {
			status = qg_ledger_line_read(row, size, &line, &holder);
		}
		if (status == QG_OK) {
			status = qg_ledger_line_put(put, &line);
			free(holder);
		}
	}
	qg_db_finish(put);
	return status;
}

/* words: why it could not be summed up, and nothing was added; "" is no memory, and said. */
static bool sum_up(struct report *report, struct qg_db *db, const char *month, char *words)
{
	size_t before = report->count;
	enum qg_status status = qg_db_run(db, "PRAGMA temp_store = MEMORY");
	if (status == QG_OK) {
		status = qg_ledger_table_make(db, "", "calls");
	}
	if (status == QG_OK) {
		status = qg_ledger_table_make(db, "TEMP", "given");
	}
	if (status == QG_OK) {
		status = put_given(report, db, month);
	}
	struct qg_db_query *query = status == QG_OK ? prepare(report, db) : NULL;
	bool ok = query != NULL;
	while (ok && (status = qg_db_step(query)) == QG_OK) {
		ok = add_row(report, query);
	}
	if (ok && status != QG_EMPTY) {
		ok = false;
	}
	if (!ok && report->error[0] == '\0') {
		snprintf(words, ERROR_SIZE, "%s", qg_db_error(db));
	}
	qg_db_finish(query);
	while (!ok && report->count > before) {
		free_group(&report->groups[--report->count]);
	}
	merge_groups(report);
	return ok;
}

static bool read_month(struct report *report, const char *path, const char *month, char *words)
{
	struct qg_db *db = qg_db_open(path, words);
	bool ok = db != NULL && sum_up(report, db, month, words);
	qg_db_close(db);
	return ok;
}

/* file: below the folder of the ledger. why may be "". */
static bool note_damaged(
	struct report *report, const char *month, const char *file, const char *why)
{
	json_t *damaged =
		json_pack("{s:s#, s:s, s:s}", "month", month, 7, "file", file, "why", why);
	return json_array_append_new(report->damaged, damaged) == 0 ||
	       fail(report, "out of memory");
}

/* Of a month whose file cannot be read there are still the rows given beside it. */
static bool add_month(struct report *report, const char *month)
{
	char *path = qg_ledger_path(report->query->data_dir, month);
	if (path == NULL) {
		return fail(report, "out of memory");
	}
	char words[ERROR_SIZE] = "", ignored[ERROR_SIZE];
	bool there = access(path, F_OK) == 0;
	bool ok = read_month(report, there ? path : ":memory:", month, words);
	if (!ok && there && report->error[0] == '\0') {
		ok = note_damaged(report, month, strrchr(path, '/') + 1, words) &&
		     read_month(report, ":memory:", month, ignored);
	}
	if (!ok && report->error[0] == '\0') {
		snprintf(report->error, ERROR_SIZE, "ledger/%s.db: %.100s", month, words);
	}
	free(path);
	return ok;
}

/* "2026-11.db.damaged-1" of a month between the two, "2026-10" or the like; what SQLite keeps beside it is no other. */
static bool is_aside(const char *name, const char *first, const char *last)
{
	static const char tail[] = ".db.damaged-";
	return strlen(name) > 7 && strncmp(name, first, 7) >= 0 && strncmp(name, last, 7) <= 0 &&
	       strncmp(name + 7, tail, sizeof(tail) - 1) == 0 &&
	       strspn(name + 7 + sizeof(tail) - 1, "0123456789") ==
		       strlen(name + 7 + sizeof(tail) - 1);
}

static bool add_asides(struct report *report, const char *first, const char *last)
{
	char *folder = qg_str_printf("%s/ledger", report->query->data_dir);
	DIR *files = folder != NULL ? opendir(folder) : NULL;
	bool ok = folder != NULL || fail(report, "out of memory");
	struct dirent *file;
	while (ok && files != NULL && (file = readdir(files)) != NULL) {
		if (is_aside(file->d_name, first, last)) {
			ok = note_damaged(report, file->d_name, file->d_name, "");
		}
	}
	if (files != NULL) {
		closedir(files);
	}
	free(folder);
	return ok;
}

/* ---- all of it ---- */

static json_t *money(int64_t nano)
{
	return nano % QG_MONEY_ONE == 0 ? json_integer(nano / QG_MONEY_ONE)
					: json_real((double)nano / (double)QG_MONEY_ONE);
}

static json_t *describe(const struct report *report, const struct group *group)
{
	json_t *row = json_object(), *cost = json_object();
	bool ok = row != NULL && cost != NULL;
	for (size_t i = 0; ok && i < report->by_count; i++) {
		ok = json_object_set_new(
			     row, report->query->by[i], json_string(group->values[i])) == 0;
	}
	for (size_t i = 0; ok && i < SUMS; i++) {
		ok = json_object_set_new(row, sum_names[i], json_integer(group->sums[i])) == 0;
	}
	for (int currency = 0; ok && currency < QG_CURRENCIES; currency++) {
		ok = json_object_set_new(cost, qg_currency_name((enum qg_currency)currency),
			     money(group->cost[currency])) == 0;
	}
	ok = ok && json_object_set(row, "cost", cost) == 0;
	json_decref(cost);
	if (!ok) {
		json_decref(row);
	}
	return ok ? row : NULL;
}

static json_t *describe_all(struct report *report)
{
	json_t *rows = json_array();
	bool ok = rows != NULL;
	for (size_t i = 0; ok && i < report->count; i++) {
		ok = json_array_append_new(rows, describe(report, &report->groups[i])) == 0;
	}
	bool whole = json_array_size(report->damaged) == 0;
	json_t *all = ok ? json_pack("{s:O, s:O*}", "rows", rows, "damaged",
				   whole ? NULL : report->damaged)
			 : NULL;
	json_decref(rows);
	if (all == NULL) {
		fail(report, "out of memory");
	}
	return all;
}

/* Names of columns go into the query as they are, so only these may. */
static bool check_keys(struct report *report)
{
	static const char *const known[] = {
		"customer", "bot", "chat", "user", "model", "key", "day"};
	for (const char *const *by = report->query->by; *by != NULL; by++) {
		bool found = false;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			found = found || strcmp(*by, known[i]) == 0;
		}
		if (!found || report->by_count == MAX_BY) {
			return fail(report, "a key to group by is not known, or given twice");
		}
		for (const char *const *before = report->query->by; before < by; before++) {
			if (strcmp(*before, *by) == 0) {
				return fail(report, "a key to group by is given twice");
			}
		}
		report->by_count++;
	}
	return true;
}

static void name_month(int64_t month, char out[16])
{
	snprintf(out, 16, "%04u-%02u", (unsigned)(month / 12) % 10000,
		(unsigned)(month % 12 + 1) % 100);
}

/* Months from since to until, both "20261101". */
static bool add_months(struct report *report)
{
	int64_t since = 0, until = 0;
	if (!qg_str_to_int64(report->query->since, 10000101, 99991231, &since) ||
		!qg_str_to_int64(report->query->until, 10000101, 99991231, &until)) {
		return fail(report, "a day is written as 20261101");
	}
	int64_t first = since / 10000 * 12 + since / 100 % 100 - 1;
	int64_t last = until / 10000 * 12 + until / 100 % 100 - 1;
	if (last - first >= MAX_MONTHS) {
		return fail(report, "that is more than a hundred years");
	}
	char begin[16], name[16] = "";
	name_month(first, begin);
	for (int64_t month = first; month <= last; month++) {
		name_month(month, name);
		if (!add_month(report, name)) {
			return false;
		}
	}
	return add_asides(report, begin, name);
}

json_t *qg_ledger_report(const struct qg_report_query *query, char *error)
{
	struct report report = {.query = query, .error = error, .damaged = json_array()};
	error[0] = '\0';
	json_t *all = check_keys(&report) && add_months(&report) ? describe_all(&report) : NULL;
	finish(&report);
	return all;
}
