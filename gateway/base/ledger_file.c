/* ledger_file.c - a month of the ledger on disk, DIR/ledger/2026-11.db: opened, added to, kept aside when damaged.
 *
 * Rows leave Redis only once they are committed here. A file that is no database any more is renamed and never
 * deleted: it may be all that tells what a month cost. Reading is in ledger_report.c. */
#include "qg/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger_table.h"
#include "qg/db.h"
#include "qg/str.h"

enum { ERROR_SIZE = 128, MAX_ASIDE = 1000, VERSION = 1 };

struct qg_ledger_file {
	struct qg_db *db;
	struct qg_db_query *put;
	char *path;
	char words[ERROR_SIZE]; /* why the last addition failed */
};

/* ---- a damaged file ---- */

/* SQLite's own words for SQLITE_CORRUPT and SQLITE_NOTADB. */
static bool tells_damage(const char *words)
{
	return strstr(words, "malformed") != NULL || strstr(words, "is not a database") != NULL;
}

/* Renames the file and what SQLite keeps beside it; words say where to. */
static void keep_aside(const char *path, char *error)
{
	static const char *const tails[] = {"", "-wal", "-shm"};
	char *aside = NULL;
	for (int i = 1; i <= MAX_ASIDE; i++) {
		free(aside);
		aside = qg_str_printf("%s.damaged-%d", path, i);
		if (aside == NULL || access(aside, F_OK) != 0) {
			break;
		}
	}
	bool moved = aside != NULL;
	for (size_t i = 0; moved && i < sizeof(tails) / sizeof(tails[0]); i++) {
		char *from = qg_str_printf("%s%s", path, tails[i]);
		char *to = qg_str_printf("%s%s", aside, tails[i]);
		bool renamed = from != NULL && to != NULL && rename(from, to) == 0;
		moved = renamed || i > 0; /* the others need not be there */
		free(from);
		free(to);
	}
	const char *file = strrchr(path, '/') + 1;
	if (moved) {
		snprintf(error, ERROR_SIZE,
			"ledger/%s is damaged; it was kept as %s, and a new one begins", file,
			strrchr(aside, '/') + 1);
	} else {
		snprintf(error, ERROR_SIZE, "ledger/%s is damaged and cannot be renamed", file);
	}
	free(aside);
}

/* ---- opening ---- */

static bool make_folder(const char *data_dir, char *error)
{
	char *folder = qg_str_printf("%s/ledger", data_dir);
	bool ok = folder != NULL && (mkdir(folder, 0700) == 0 || errno == EEXIST);
	if (!ok) {
		snprintf(error, ERROR_SIZE, "the folder ledger in data_dir: %s",
			folder != NULL ? strerror(errno) : "out of memory");
	}
	free(folder);
	return ok;
}

/* Files of a later version may mean something else by the same columns. */
static bool is_of_this_version(struct qg_db *db)
{
	struct qg_db_query *query = qg_db_prepare(db, "PRAGMA user_version");
	bool ok = query != NULL && qg_db_step(query) == QG_OK && qg_db_int(query, 0) <= VERSION;
	qg_db_finish(query);
	return ok;
}

static bool set_up(struct qg_ledger_file *file, char *error)
{
	if (!is_of_this_version(file->db)) {
		snprintf(error, ERROR_SIZE, "%s",
			strcmp(qg_db_error(file->db), "not an error") == 0
				? "a later version of qungong wrote this ledger file"
				: qg_db_error(file->db));
		return false;
	}
	enum qg_status status = qg_ledger_table_make(file->db, "", "calls");
	if (status == QG_OK) {
		/* A writer needs few pages; SQLite would keep two megabytes of them. */
		status = qg_db_run(file->db, "PRAGMA user_version = 1; PRAGMA cache_size = -256");
	}
	file->put = status == QG_OK ? qg_ledger_table_put(file->db, "calls") : NULL;
	if (file->put == NULL) {
		snprintf(error, ERROR_SIZE, "%s", qg_db_error(file->db));
	}
	return file->put != NULL;
}

struct qg_ledger_file *qg_ledger_file_open(const char *data_dir, const char *month, char *error)
{
	if (!make_folder(data_dir, error)) {
		return NULL;
	}
	struct qg_ledger_file *file = calloc(1, sizeof(*file));
	if (file == NULL || (file->path = qg_ledger_path(data_dir, month)) == NULL) {
		snprintf(error, ERROR_SIZE, "out of memory");
		free(file);
		return NULL;
	}
	file->db = qg_db_open(file->path, error);
	if (file->db != NULL && set_up(file, error)) {
		return file;
	}
	bool damaged = tells_damage(error);
	char *path = file->path;
	file->path = NULL;
	qg_ledger_file_close(file);
	if (damaged) {
		keep_aside(path, error);
	}
	free(path);
	return NULL;
}

void qg_ledger_file_close(struct qg_ledger_file *file)
{
	if (file == NULL) {
		return;
	}
	qg_db_finish(file->put);
	qg_db_close(file->db);
	free(file->path);
	free(file);
}

/* ---- adding ---- */

const char *qg_ledger_file_error(const struct qg_ledger_file *file)
{
	return file->words;
}

static enum qg_status add_rows(struct qg_ledger_file *file, const char *const *rows,
	const size_t *sizes, size_t count, size_t *bad_out)
{
	for (size_t i = 0; i < count; i++) {
		struct qg_ledger_line line;
		char *holder = NULL;
		enum qg_status status = qg_ledger_line_read(rows[i], sizes[i], &line, &holder);
		if (status == QG_INVALID) {
			*bad_out += 1;
			continue;
		}
		if (status == QG_OK) {
			status = qg_ledger_line_put(file->put, &line);
			free(holder);
		}
		if (status != QG_OK) {
			return status;
		}
	}
	return QG_OK;
}

/* Nothing of the rows stands in the file; a damaged one makes room for the next that is opened. */
static void give_up(struct qg_ledger_file *file)
{
	snprintf(file->words, sizeof(file->words), "%s", qg_db_error(file->db));
	bool damaged = tells_damage(file->words);
	enum qg_status ignored =
		qg_db_run(file->db, "ROLLBACK"); /* SQLite may have done so itself */
	(void)ignored;
	if (damaged) {
		keep_aside(file->path, file->words);
	}
}

enum qg_status qg_ledger_file_add(struct qg_ledger_file *file, const char *const *rows,
	const size_t *sizes, size_t count, size_t *bad_out)
{
	size_t bad = 0;
	enum qg_status status = qg_db_run(file->db, "BEGIN IMMEDIATE");
	if (status == QG_OK) {
		status = add_rows(file, rows, sizes, count, &bad);
	}
	if (status == QG_OK) {
		status = qg_db_run(file->db, "COMMIT");
	}
	if (status != QG_OK) {
		give_up(file);
		return status;
	}
	*bad_out = bad;
	return QG_OK;
}
