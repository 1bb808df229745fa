/* db.c - the only file that knows SQLite: knowledge index and ledger files are opened here.
 *
 * Commits wait for the disk (synchronous FULL in WAL mode): ledger rows leave Redis once they are
 * committed here, so a commit must survive a power cut. */
#include "qg/db.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

#include "qg/str.h"

#define ERROR_SIZE 128
#define BUSY_MS 2000

struct qg_db {
	sqlite3 *sqlite;
};

struct qg_db_query {
	sqlite3_stmt *statement;
	enum qg_status ended; /* after the last row or a failure, also of a binding, until reset */
};

/* Extended codes carry the plain one in their low byte. */
static enum qg_status status_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
		return QG_OK;
	case SQLITE_DONE:
		return QG_EMPTY;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return QG_BUSY;
	case SQLITE_NOMEM:
		return QG_NO_MEMORY;
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return QG_IO;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return QG_DENIED;
	case SQLITE_TOOBIG:
		return QG_TOO_LARGE;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
		return QG_INVALID;
	default:
		return QG_FAILED;
	}
}

/* SQLite would create the file readable for all; its WAL takes the rights of the file that is
 * there. */
static void create_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0) {
		close(fd);
	}
}

static enum qg_status set_up(struct qg_db *db)
{
	sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return qg_db_run(db,
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
}

struct qg_db *qg_db_open(const char *path, char *error)
{
	struct qg_db *db = calloc(1, sizeof(*db));
	if (!db) {
		goto failed;
	}
	if (!qg_str_equal(path, ":memory:")) {
		create_private(path);
	}
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(path, &db->sqlite, flags, NULL) != SQLITE_OK || set_up(db) != QG_OK) {
		goto failed;
	}
	return db;

failed:
	if (error) {
		snprintf(error, ERROR_SIZE, "%s", qg_db_error(db));
	}
	qg_db_close(db);
	return NULL;
}

void qg_db_close(struct qg_db *db)
{
	if (!db) {
		return;
	}
	sqlite3_close_v2(db->sqlite);
	free(db);
}

enum qg_status qg_db_run(struct qg_db *db, const char *sql)
{
	return status_of(sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

struct qg_db_query *qg_db_prepare(struct qg_db *db, const char *sql)
{
	struct qg_db_query *query = calloc(1, sizeof(*query));
	if (!query) {
		return NULL;
	}
	/* Queries live as long as their user: out of the pool for short-lived memory. */
	int code = sqlite3_prepare_v3(
		db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &query->statement, NULL);
	if (code != SQLITE_OK || !query->statement) {
		qg_db_finish(query);
		return NULL;
	}
	return query;
}

static void note(struct qg_db_query *query, int code)
{
	if (query->ended == QG_OK && code != SQLITE_OK) {
		query->ended = (code & 0xff) == SQLITE_MISUSE ? QG_INVALID : status_of(code);
	}
}

void qg_db_bind_text(struct qg_db_query *query, int index, const char *text, size_t size)
{
	/* A NULL text would bind SQL's NULL. */
	const char *bytes = text ? text : "";
	note(query, sqlite3_bind_text64(query->statement, index, bytes, text ? size : 0,
			    SQLITE_TRANSIENT, SQLITE_UTF8));
}

void qg_db_bind_int(struct qg_db_query *query, int index, int64_t value)
{
	note(query, sqlite3_bind_int64(query->statement, index, value));
}

enum qg_status qg_db_step(struct qg_db_query *query)
{
	/* SQLite would begin anew after the last row, and an INSERT happen twice. */
	if (query->ended == QG_OK) {
		query->ended = status_of(sqlite3_step(query->statement));
	}
	return query->ended;
}

void qg_db_reset(struct qg_db_query *query)
{
	/* The code repeats how the last step ended; that was told then. */
	sqlite3_reset(query->statement);
	query->ended = QG_OK;
}

const char *qg_db_text(struct qg_db_query *query, int column)
{
	const unsigned char *text = sqlite3_column_text(query->statement, column);
	return text ? (const char *)text : "";
}

int64_t qg_db_int(struct qg_db_query *query, int column)
{
	return sqlite3_column_int64(query->statement, column);
}

double qg_db_double(struct qg_db_query *query, int column)
{
	return sqlite3_column_double(query->statement, column);
}

void qg_db_finish(struct qg_db_query *query)
{
	if (!query) {
		return;
	}
	sqlite3_finalize(query->statement);
	free(query);
}

const char *qg_db_error(struct qg_db *db)
{
	return db ? sqlite3_errmsg(db->sqlite) : "out of memory";
}
