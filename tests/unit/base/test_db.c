/* test_db.c - opening, binding, stepping, failing; a second connection; rights of the file. */
#include "qg/db.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/malloc.h"

static struct qg_db *open_memory(void)
{
	char error[128] = "";
	struct qg_db *db = qg_db_open(":memory:", error);
	ck_assert_msg(db != NULL, "%s", error);
	ck_assert_int_eq(
		qg_db_run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, words TEXT, price REAL)"),
		QG_OK);
	return db;
}

START_TEST(rows_come_back_as_they_went_in)
{
	struct qg_db *db = open_memory();
	struct qg_db_query *put = qg_db_prepare(db, "INSERT INTO t VALUES (?, ?, ?)");
	ck_assert_ptr_nonnull(put);
	qg_db_bind_int(put, 1, INT64_MAX);
	qg_db_bind_text(put, 2, "群工\0x", 8);
	qg_db_bind_int(put, 3, 2);
	ck_assert_int_eq(qg_db_step(put), QG_EMPTY);
	/* A step after the end does not insert again. */
	ck_assert_int_eq(qg_db_step(put), QG_EMPTY);
	qg_db_reset(put);
	qg_db_bind_int(put, 1, 1);
	qg_db_bind_text(put, 2, NULL, 5);
	ck_assert_int_eq(qg_db_step(put), QG_EMPTY);
	qg_db_finish(put);
	struct qg_db_query *get =
		qg_db_prepare(db, "SELECT id, words, price, NULL FROM t ORDER BY id DESC");
	ck_assert_int_eq(qg_db_step(get), QG_OK);
	ck_assert(qg_db_int(get, 0) == INT64_MAX);
	ck_assert_mem_eq(qg_db_text(get, 1), "群工\0x", 9);
	ck_assert_double_eq(qg_db_double(get, 2), 2.0);
	ck_assert_str_eq(qg_db_text(get, 3), "");
	ck_assert_int_eq(qg_db_step(get), QG_OK);
	ck_assert_int_eq(qg_db_int(get, 0), 1);
	ck_assert_str_eq(qg_db_text(get, 1), "");
	ck_assert_int_eq(qg_db_step(get), QG_EMPTY);
	qg_db_finish(get);
	qg_db_close(db);
}
END_TEST

START_TEST(failures_have_a_status_and_words)
{
	struct qg_db *db = open_memory();
	ck_assert_int_eq(qg_db_run(db, "NO SUCH THING"), QG_FAILED);
	ck_assert_ptr_nonnull(strstr(qg_db_error(db), "syntax error"));
	ck_assert_ptr_null(qg_db_prepare(db, "SELECT a FROM nowhere"));
	ck_assert_ptr_nonnull(strstr(qg_db_error(db), "nowhere"));
	ck_assert_ptr_null(qg_db_prepare(db, "-- nothing to do"));
	ck_assert_int_eq(qg_db_run(db, "INSERT INTO t VALUES (1, 'a', 0)"), QG_OK);
	ck_assert_int_eq(qg_db_run(db, "INSERT INTO t VALUES (1, 'b', 0)"), QG_INVALID);
	struct qg_db_query *query = qg_db_prepare(db, "SELECT ?");
	qg_db_bind_int(query, 2, 5);
	ck_assert_int_eq(qg_db_step(query), QG_INVALID);
	qg_db_reset(query);
	qg_db_bind_int(query, 1, 5);
	ck_assert_int_eq(qg_db_step(query), QG_OK);
	ck_assert_int_eq(qg_db_int(query, 0), 5);
	qg_db_finish(query);
	qg_db_finish(NULL);
	qg_db_close(db);
	qg_db_close(NULL);
}
END_TEST

START_TEST(files_that_cannot_be_opened_are_told)
{
	char error[128] = "";
	ck_assert_ptr_null(qg_db_open("/nowhere/at/all.db", error));
	ck_assert_uint_gt(strlen(error), 0);
	ck_assert_ptr_null(qg_db_open("/nowhere/at/all.db", NULL));
	char path[] = "/tmp/qg-db-XXXXXX";
	int fd = mkstemp(path);
	static const char junk[] =
		"this is no database, whatever its name may say, and long enough to be read as one";
	ck_assert_int_eq(write(fd, junk, sizeof(junk)), sizeof(junk));
	close(fd);
	ck_assert_ptr_null(qg_db_open(path, error));
	ck_assert_ptr_nonnull(strstr(error, "not a database"));
	unlink(path);
}
END_TEST

START_TEST(files_are_private_and_shared_by_connections)
{
	char dir[] = "/tmp/qg-db-XXXXXX", path[64], more[80];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.db", dir);
	struct qg_db *a = qg_db_open(path, NULL);
	struct qg_db *b = qg_db_open(path, NULL);
	ck_assert_int_eq(
		qg_db_run(a, "CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (3)"), QG_OK);
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < 3; i++) {
		struct stat stat_of;
		snprintf(more, sizeof(more), "%s%s", path, suffixes[i]);
		ck_assert_int_eq(stat(more, &stat_of), 0);
		ck_assert_uint_eq(stat_of.st_mode & 0777, 0600);
	}
	/* A reader goes on while another connection writes. */
	ck_assert_int_eq(qg_db_run(a, "BEGIN IMMEDIATE; INSERT INTO t VALUES (4)"), QG_OK);
	struct qg_db_query *query = qg_db_prepare(b, "SELECT count(*) FROM t");
	ck_assert_int_eq(qg_db_step(query), QG_OK);
	ck_assert_int_eq(qg_db_int(query, 0), 1);
	qg_db_finish(query);
	ck_assert_int_eq(qg_db_run(a, "COMMIT"), QG_OK);
	qg_db_close(a);
	qg_db_close(b);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(chinese_is_found_by_full_text_search)
{
	struct qg_db *db = open_memory();
	ck_assert_int_eq(qg_db_run(db, "CREATE VIRTUAL TABLE f USING fts5(words); INSERT INTO f "
				       "VALUES ('停车 车位'), ('菜单')"),
		QG_OK);
	struct qg_db_query *query =
		qg_db_prepare(db, "SELECT words, bm25(f) FROM f WHERE f MATCH ?");
	qg_db_bind_text(query, 1, "\"车位\"", strlen("\"车位\""));
	ck_assert_int_eq(qg_db_step(query), QG_OK);
	ck_assert_str_eq(qg_db_text(query, 0), "停车 车位");
	ck_assert_double_lt(qg_db_double(query, 1), 0);
	ck_assert_int_eq(qg_db_step(query), QG_EMPTY);
	qg_db_finish(query);
	qg_db_close(db);
}
END_TEST

static bool build(void *arg)
{
	char error[128];
	struct qg_db *db = qg_db_open(":memory:", error);
	struct qg_db_query *query = NULL;
	bool worked = db && qg_db_run(db, "CREATE TABLE t (words TEXT)") == QG_OK;
	if (worked) {
		query = qg_db_prepare(db, "INSERT INTO t VALUES (?)");
	}
	if (query) {
		qg_db_bind_text(query, 1, "words", 5);
	}
	worked = query && qg_db_step(query) == QG_EMPTY;
	qg_db_finish(query);
	qg_db_close(db);
	return worked;
}

START_TEST(failing_memory_is_told_and_leaks_nothing)
{
	if (qg_test_malloc_works()) {
		/* Once without a failure: what SQLite keeps for the process is not of this test. */
		ck_assert(build(NULL));
		ck_assert_int_ge(qg_test_each_malloc(build, NULL), 10);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("db");
	TCase *tcase = tcase_create("db");
	tcase_add_test(tcase, rows_come_back_as_they_went_in);
	tcase_add_test(tcase, failures_have_a_status_and_words);
	tcase_add_test(tcase, files_that_cannot_be_opened_are_told);
	tcase_add_test(tcase, files_are_private_and_shared_by_connections);
	tcase_add_test(tcase, chinese_is_found_by_full_text_search);
	tcase_add_test(tcase, failing_memory_is_told_and_leaks_nothing);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
