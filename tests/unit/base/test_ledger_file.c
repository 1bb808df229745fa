/* test_ledger_file.c - months on disk: what is added twice, what replaces what, rights, damage, and the sums. */
#include "qg/ledger.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/db.h"
#include "qg/json.h"
#include "qg/str.h"
#include "support/malloc.h"

static char dir[64];

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/qungong-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

/* Some row of November; fields (JSON members) come behind the usual ones. */
static char *row(const char *id, const char *day, const char *fields)
{
	return qg_str_printf(
		"{\"id\":\"%s\",\"day\":\"%s\",\"at\":1795305600000,\"provider\":\"deepseek\","
		"\"model\":\"deepseek-flash\",\"key\":\"main-ab12\",\"role\":\"restaurant\","
		"\"currency\":\"CNY\",\"first_ms\":120,\"total_ms\":900%s%s}",
		id, day, *fields ? "," : "", fields);
}

#define USUAL                                                                                      \
	"\"bot\":\"shop\",\"chat\":\"c1\",\"user\":\"li\",\"input\":100,\"cached_input\":60,"      \
	"\"output\":20,\"cost\":2100000"

static size_t add(const char *month, char *given)
{
	char error[128] = "";
	size_t bad = 0, size = strlen(given);
	struct qg_ledger_file *file = qg_ledger_file_open(dir, month, error);
	ck_assert_msg(file != NULL, "%s", error);
	const char *rows[] = {given};
	ck_assert_int_eq(qg_ledger_file_add(file, rows, &size, 1, &bad), QG_OK);
	qg_ledger_file_close(file);
	free(given);
	return bad;
}

static json_t *report(struct qg_report_query query)
{
	char error[128] = "";
	query.data_dir = dir;
	query.since = query.since != NULL ? query.since : "20261101";
	query.until = query.until != NULL ? query.until : "20261130";
	json_t *all = qg_ledger_report(&query, error);
	ck_assert_msg(all != NULL, "%s", error);
	return all;
}

static void expect(json_t *all, const char *wanted)
{
	json_t *rows = json_object_get(all, "rows");
	char *text = json_dumps(rows, JSON_COMPACT | JSON_REAL_PRECISION(15));
	ck_assert_str_eq(text, wanted);
	free(text);
	json_decref(all);
}

#define ONE_CALL                                                                                   \
	"[{\"bot\":\"shop\",\"calls\":1,\"input\":100,\"cached_input\":60,\"cache_write\":0,"      \
	"\"output\":20,\"reasoning\":0,\"estimated\":%d,\"saved\":0,\"cost\":{\"CNY\":%s,"         \
	"\"USD\":0}}]"

static void expect_one(json_t *all, int estimated, const char *cost)
{
	char *wanted = qg_str_printf(ONE_CALL, estimated, cost);
	expect(all, wanted);
	free(wanted);
}

static struct qg_report_query by_bot(void)
{
	return (struct qg_report_query){.by = {"bot"}};
}

START_TEST(a_row_added_twice_stands_once)
{
	ck_assert_uint_eq(add("2026-11", row("a", "20261122", USUAL)), 0);
	ck_assert_uint_eq(add("2026-11", row("a", "20261122", USUAL)), 0);
	expect_one(report(by_bot()), 0, "0.0021");
}
END_TEST

START_TEST(a_true_row_replaces_an_estimate_and_never_the_other_way)
{
	add("2026-11", row("b", "20261122", USUAL ",\"estimated\":true"));
	expect_one(report(by_bot()), 1, "0.0021");
	add("2026-11", row("b", "20261122", USUAL ",\"estimated\":false"));
	expect_one(report(by_bot()), 0, "0.0021");
	add("2026-11", row("b", "20261122", USUAL ",\"estimated\":true"));
	expect_one(report(by_bot()), 0, "0.0021");
}
END_TEST

START_TEST(what_is_no_row_is_counted)
{
	static const char *const bad[] = {"", "{", "[]", "{}", "{\"id\":\"x\",\"day\":\"2026112\"}",
		"{\"id\":\"x\",\"bot\":\"b\",\"day\":\"20261322\"}",
		"{\"id\":\"x\",\"bot\":\"b\",\"day\":\"20261122\",\"input\":-1}",
		"{\"id\":\"x\",\"bot\":\"b\",\"day\":\"20261122\",\"cost\":9000000000000000000}",
		"{\"id\":\"\",\"bot\":\"b\",\"day\":\"20261122\"}",
		"{\"id\":\"x\",\"bot\":\"\",\"day\":\"20261122\"}"};
	char month[8];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(qg_ledger_row_month(bad[i], strlen(bad[i]), month) == QG_INVALID,
			"%s", bad[i]);
		ck_assert_uint_eq(add("2026-11", qg_str_copy(bad[i])), 1);
	}
	expect(report(by_bot()), "[]");
	char *good = row("a", "20261122", USUAL);
	ck_assert_int_eq(qg_ledger_row_month(good, strlen(good), month), QG_OK);
	ck_assert_str_eq(month, "2026-11");
	free(good);
}
END_TEST

START_TEST(folder_and_file_are_private)
{
	add("2026-11", row("a", "20261122", USUAL));
	struct stat status;
	char path[128];
	snprintf(path, sizeof(path), "%s/ledger", dir);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_int_eq(status.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/ledger/2026-11.db", dir);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_int_eq(status.st_mode & 0777, 0600);
}
END_TEST

static void spoil(const char *name, long at)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/ledger/%s", dir, name);
	FILE *file = fopen(path, "r+");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
	for (int i = 0; i < 4000; i++) {
		fputc('x', file);
	}
	ck_assert_int_eq(fclose(file), 0);
}

static bool exists(const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/ledger/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void expect_damaged(const json_t *all, const char *file)
{
	const json_t *damaged = json_object_get(all, "damaged");
	ck_assert_uint_eq(json_array_size(damaged), 1);
	const json_t *one = json_array_get(damaged, 0);
	ck_assert_str_eq(json_string_value(json_object_get(one, "month")), "2026-11");
	ck_assert_str_eq(json_string_value(json_object_get(one, "file")), file);
}

START_TEST(a_damaged_file_is_told_and_kept_aside)
{
	char error[128] = "";
	add("2026-11", row("a", "20261122", USUAL));
	spoil("2026-11.db", 0);
	struct qg_report_query query = by_bot();
	query.data_dir = dir;
	query.since = "20261101";
	query.until = "20261130";
	add("2026-10", row("o", "20261022", USUAL));
	query.since = "20261001";
	json_t *all = qg_ledger_report(&query, error); /* who reads moves nothing */
	expect_damaged(all, "2026-11.db");
	expect_one(all, 0, "0.0021"); /* the other month's */
	ck_assert(exists("2026-11.db") && !exists("2026-11.db.damaged-1"));
	ck_assert_ptr_null(qg_ledger_file_open(dir, "2026-11", error));
	ck_assert_msg(strstr(error, "2026-11.db.damaged-1") != NULL, "%s", error);
	ck_assert(exists("2026-11.db.damaged-1") && !exists("2026-11.db"));
	add("2026-11", row("b", "20261122", USUAL));
	all = report(by_bot());
	expect_damaged(all, "2026-11.db.damaged-1");
	expect_one(all, 0, "0.0021");
	query.since = "20261001";
	query.until = "20261031";
	expect_one(report(query), 0, "0.0021"); /* no other month has to do with it */
	spoil("2026-11.db", 0);
	ck_assert_ptr_null(qg_ledger_file_open(dir, "2026-11", error));
	ck_assert(exists("2026-11.db.damaged-1") && exists("2026-11.db.damaged-2"));
}
END_TEST

START_TEST(damage_found_while_adding_is_told_too)
{
	char error[128] = "";
	add("2026-11", row("a", "20261122", USUAL));
	spoil("2026-11.db", 4096); /* the table's page, not the head of the file */
	struct qg_ledger_file *file = qg_ledger_file_open(dir, "2026-11", error);
	ck_assert_msg(file != NULL, "%s", error);
	char *given = row("b", "20261122", USUAL);
	const char *rows[] = {given};
	size_t bad = 0, size = strlen(given);
	ck_assert_int_ne(qg_ledger_file_add(file, rows, &size, 1, &bad), QG_OK);
	ck_assert_msg(strstr(qg_ledger_file_error(file), "damaged-1") != NULL, "%s",
		qg_ledger_file_error(file));
	qg_ledger_file_close(file);
	add("2026-11", given);
	expect_one(report(by_bot()), 0, "0.0021");
}
END_TEST

START_TEST(a_file_of_a_later_version_is_left_alone)
{
	char error[128] = "", path[128];
	add("2026-11", row("a", "20261122", USUAL));
	snprintf(path, sizeof(path), "%s/ledger/2026-11.db", dir);
	struct qg_db *db = qg_db_open(path, error);
	ck_assert_int_eq(qg_db_run(db, "PRAGMA user_version = 9"), QG_OK);
	qg_db_close(db);
	ck_assert_ptr_null(qg_ledger_file_open(dir, "2026-11", error));
	ck_assert_msg(strstr(error, "later version") != NULL, "%s", error);
	ck_assert(exists("2026-11.db"));
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_told)
{
	char error[128] = "";
	ck_assert_ptr_null(qg_ledger_file_open("/proc/nowhere", "2026-11", error));
	ck_assert_str_ne(error, "");
}
END_TEST

START_TEST(groups_by_every_key_over_months)
{
	add("2026-10", row("a", "20261031", USUAL ",\"customer\":\"ce1\""));
	add("2026-11", row("b", "20261101", USUAL));
	add("2026-11",
		row("c", "20261102",
			"\"bot\":\"desk\",\"chat\":\"c2\",\"user\":\"wu\",\"input\":7,"
			"\"output\":3,\"reasoning\":2,\"cache_write\":1,\"cost\":500000000"));
	struct qg_report_query query = {
		.by = {"day", "customer", "chat", "user", "bot", "model", "key"},
		.since = "20261031",
		.until = "20261101"};
	expect(report(query),
		"[{\"day\":\"2026-10-31\",\"customer\":\"ce1\",\"chat\":\"c1\",\"user\":\"li\","
		"\"bot\":\"shop\",\"model\":\"deepseek-flash\",\"key\":\"main-ab12\",\"calls\":1,"
		"\"input\":100,\"cached_input\":60,\"cache_write\":0,\"output\":20,\"reasoning\":0,"
		"\"estimated\":0,\"saved\":0,\"cost\":{\"CNY\":0.0021,\"USD\":0}},"
		"{\"day\":\"2026-11-01\",\"customer\":\"\",\"chat\":\"c1\",\"user\":\"li\","
		"\"bot\":\"shop\",\"model\":\"deepseek-flash\",\"key\":\"main-ab12\",\"calls\":1,"
		"\"input\":100,\"cached_input\":60,\"cache_write\":0,\"output\":20,\"reasoning\":0,"
		"\"estimated\":0,\"saved\":0,\"cost\":{\"CNY\":0.0021,\"USD\":0}}]");
	query = (struct qg_report_query){.by = {"bot"}, .since = "20261001"};
	expect(report(query),
		"[{\"bot\":\"desk\",\"calls\":1,\"input\":7,\"cached_input\":0,\"cache_write\":1,"
		"\"output\":3,\"reasoning\":2,\"estimated\":0,\"saved\":0,"
		"\"cost\":{\"CNY\":0.5,\"USD\":0}},"
		"{\"bot\":\"shop\",\"calls\":2,\"input\":200,\"cached_input\":120,\"cache_write\":"
		"0,"
		"\"output\":40,\"reasoning\":0,\"estimated\":0,\"saved\":0,"
		"\"cost\":{\"CNY\":0.0042,\"USD\":0}}]");
	query.bot = "desk";
	json_t *one = report(query);
	ck_assert_uint_eq(json_array_size(json_object_get(one, "rows")), 1);
	json_decref(one);
}
END_TEST

START_TEST(currencies_stay_apart_and_savings_are_no_calls)
{
	add("2026-11", row("a", "20261122", USUAL));
	char *dollars = qg_str_printf(
		"{\"id\":\"d\",\"day\":\"20261122\",\"bot\":\"shop\",\"currency\":\"USD\","
		"\"cost\":1000000007,\"input\":1}");
	add("2026-11", dollars);
	add("2026-11",
		row("s", "20261122",
			"\"bot\":\"shop\",\"saved\":321,\"way\":\"faq\",\"estimated\":true"));
	struct qg_report_query none = {.by = {NULL}};
	expect(report(none),
		"[{\"calls\":2,\"input\":101,\"cached_input\":60,\"cache_write\":0,\"output\":20,"
		"\"reasoning\":0,\"estimated\":0,\"saved\":321,"
		"\"cost\":{\"CNY\":0.0021,\"USD\":1.000000007}}]");
}
END_TEST

START_TEST(sums_are_exact)
{
	enum { ROWS = 1000 };
	char error[128];
	char *texts[ROWS];
	size_t sizes[ROWS], bad = 0;
	for (size_t i = 0; i < ROWS; i++) {
		texts[i] = qg_str_printf("{\"id\":\"r%zu\",\"day\":\"20261122\",\"bot\":\"shop\","
					 "\"currency\":\"CNY\",\"cost\":%zu}",
			i, 100000000 + i * 7);
		sizes[i] = strlen(texts[i]);
	}
	struct qg_ledger_file *file = qg_ledger_file_open(dir, "2026-11", error);
	ck_assert_int_eq(
		qg_ledger_file_add(file, (const char *const *)texts, sizes, ROWS, &bad), QG_OK);
	qg_ledger_file_close(file);
	for (size_t i = 0; i < ROWS; i++) {
		free(texts[i]);
	}
	json_t *all = report(by_bot());
	json_t *first = json_array_get(json_object_get(all, "rows"), 0);
	double cost = json_number_value(json_object_get(json_object_get(first, "cost"), "CNY"));
	ck_assert(cost == 100.0034965); /* 1000 * 0.1 + 7e-9 * 999 * 500 */
	json_decref(all);
}
END_TEST

START_TEST(rows_beside_the_files_count_once)
{
	add("2026-11", row("a", "20261122", USUAL ",\"estimated\":true"));
	add("2026-11", row("b", "20261122", USUAL));
	char *given[] = {row("a", "20261122", USUAL), row("b", "20261122", USUAL),
		row("b", "20261122", USUAL ",\"estimated\":true"), row("c", "20261122", USUAL),
		row("c", "20261122", USUAL), row("d", "20261201", USUAL), qg_str_copy("rubbish")};
	enum { GIVEN = sizeof(given) / sizeof(given[0]) };
	size_t sizes[GIVEN];
	for (size_t i = 0; i < GIVEN; i++) {
		sizes[i] = strlen(given[i]);
	}
	struct qg_report_query query = by_bot();
	query.rows = (const char *const *)given;
	query.sizes = sizes;
	query.row_count = GIVEN;
	expect(report(query),
		"[{\"bot\":\"shop\",\"calls\":3,\"input\":300,\"cached_input\":180,"
		"\"cache_write\":0,\"output\":60,\"reasoning\":0,\"estimated\":0,\"saved\":0,"
		"\"cost\":{\"CNY\":0.0063,\"USD\":0}}]");
	query.since = query.until = "20261201"; /* a month without a file */
	expect_one(report(query), 0, "0.0021");
	ck_assert(!exists("2026-12.db"));
	for (size_t i = 0; i < GIVEN; i++) {
		free(given[i]);
	}
}
END_TEST

START_TEST(no_data_is_no_error_and_makes_nothing)
{
	expect(report(by_bot()), "[]");
	ck_assert(!exists(""));
}
END_TEST

START_TEST(bad_questions_are_refused)
{
	char error[128] = "";
	struct qg_report_query query = {.data_dir = dir, .since = "20261101", .until = "20261130"};
	query.by[0] = "id; DROP TABLE calls";
	ck_assert_ptr_null(qg_ledger_report(&query, error));
	ck_assert_str_ne(error, "");
	query.by[0] = query.by[1] = "bot";
	ck_assert_ptr_null(qg_ledger_report(&query, error));
	query.by[1] = NULL;
	query.since = "yesterday";
	ck_assert_ptr_null(qg_ledger_report(&query, error));
	query.since = "10000101";
	query.until = "99991231";
	ck_assert_ptr_null(qg_ledger_report(&query, error));
}
END_TEST

static void *keep_writing(void *arg)
{
	char error[128];
	struct qg_ledger_file *file = qg_ledger_file_open(dir, "2026-11", error);
	for (int i = 0; i < 50 && file != NULL; i++) {
		char id[16];
		snprintf(id, sizeof(id), "w%d", i);
		char *given = row(id, "20261122", USUAL);
		const char *rows[] = {given};
		size_t bad = 0, size = strlen(given);
		if (qg_ledger_file_add(file, rows, &size, 1, &bad) != QG_OK) {
			*(int *)arg += 1;
		}
		free(given);
	}
	*(int *)arg += file == NULL ? 1 : 0;
	qg_ledger_file_close(file);
	return NULL;
}

START_TEST(others_read_while_one_writes)
{
	int failures = 0;
	add("2026-11", row("a", "20261122", USUAL));
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, keep_writing, &failures), 0);
	int64_t calls = 0;
	for (int i = 0; i < 20; i++) {
		json_t *all = report(by_bot());
		json_t *first = json_array_get(json_object_get(all, "rows"), 0);
		int64_t now = qg_json_int(first, "calls", 0);
		ck_assert_int_ge(now, calls);
		calls = now;
		json_decref(all);
	}
	pthread_join(thread, NULL);
	ck_assert_int_eq(failures, 0);
	json_t *all = report(by_bot());
	ck_assert_int_eq(
		qg_json_int(json_array_get(json_object_get(all, "rows"), 0), "calls", 0), 51);
	json_decref(all);
}
END_TEST

static bool add_and_report(void *arg)
{
	char error[128] = "";
	const char *rows[] = {arg};
	size_t bad = 0, size = strlen(arg);
	struct qg_ledger_file *file = qg_ledger_file_open(dir, "2026-11", error);
	bool ok = file != NULL && qg_ledger_file_add(file, rows, &size, 1, &bad) == QG_OK;
	if (bad != 0) {
		abort(); /* no memory is not a bad row */
	}
	qg_ledger_file_close(file);
	struct qg_report_query query = {.data_dir = dir,
		.since = "20261101",
		.until = "20261130",
		.by = {"bot"},
		.rows = rows,
		.sizes = &size,
		.row_count = 1};
	json_t *all = ok ? qg_ledger_report(&query, error) : NULL;
	ok = all != NULL && json_array_size(json_object_get(all, "rows")) == 1;
	json_decref(all);
	return ok;
}

START_TEST(memory_that_runs_out_loses_no_row)
{
	if (!qg_test_malloc_works()) {
		return;
	}
	char *given = row("a", "20261122", USUAL);
	ck_assert_int_gt(qg_test_each_malloc(add_and_report, given), 0);
	free(given);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger_file");
	TCase *tcase = tcase_create("ledger_file");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_row_added_twice_stands_once);
	tcase_add_test(tcase, a_true_row_replaces_an_estimate_and_never_the_other_way);
	tcase_add_test(tcase, what_is_no_row_is_counted);
	tcase_add_test(tcase, folder_and_file_are_private);
	tcase_add_test(tcase, a_damaged_file_is_told_and_kept_aside);
	tcase_add_test(tcase, damage_found_while_adding_is_told_too);
	tcase_add_test(tcase, a_file_of_a_later_version_is_left_alone);
	tcase_add_test(tcase, a_folder_that_cannot_be_made_is_told);
	tcase_add_test(tcase, groups_by_every_key_over_months);
	tcase_add_test(tcase, currencies_stay_apart_and_savings_are_no_calls);
	tcase_add_test(tcase, sums_are_exact);
	tcase_add_test(tcase, rows_beside_the_files_count_once);
	tcase_add_test(tcase, no_data_is_no_error_and_makes_nothing);
	tcase_add_test(tcase, bad_questions_are_refused);
	tcase_add_test(tcase, others_read_while_one_writes);
	tcase_add_test(tcase, memory_that_runs_out_loses_no_row);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
