/* test_mover.c - rows leave Redis for the files of the one process that may write them, each once. */
#include "told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/ledger.h"
#include "qg/str.h"

/* Processes of one data_dir and its private Redis. */
static void share_folder(const char *redis)
{
	struct qg_bot_config bot = a_bot(BOT, "1");
	config_bots(&bot, NULL);
	config_last()->redis = (char *)redis;
}

static void begin(struct node *node, const char *name)
{
	node_start(node, name);
	node->core.data_dir = qg_test_redis_dir(server);
}

static void put_row(const char *id, const char *day, const char *fields)
{
	char *row = qg_str_printf("{\"id\":\"%s\",\"day\":\"%s\",\"bot\":\"shop\",\"input\":10,"
				  "\"currency\":\"CNY\",\"cost\":1000000000%s}",
		id, day, fields);
	qg_test_redis_do(server, "XADD", "qg:{0}:ledger", "*", "r", row, NULL);
	free(row);
}

static bool is_empty(void *arg)
{
	return ask_int("XLEN", "ledger", NULL) == 0;
}

static void expect_calls(const char *month, int64_t calls, int64_t estimated)
{
	char error[128] = "", since[16], until[16];
	snprintf(since, sizeof(since), "%s01", month);
	snprintf(until, sizeof(until), "%s31", month);
	struct qg_report_query query = {.data_dir = qg_test_redis_dir(server),
		.since = since,
		.until = until,
		.by = {"bot"}};
	json_t *all = qg_ledger_report(&query, error);
	ck_assert_msg(all != NULL, "%s", error);
	const json_t *row = json_array_get(json_object_get(all, "rows"), 0);
	ck_assert_int_eq(qg_json_int(row, "calls", 0), calls);
	ck_assert_int_eq(qg_json_int(row, "input", 0), calls * 10);
	ck_assert_int_eq(qg_json_int(row, "estimated", 0), estimated);
	json_decref(all);
}

START_TEST(rows_move_into_the_files_of_their_months)
{
	share_folder("embedded");
	put_row("a", "20261130", "");
	put_row("b", "20261201", "");
	put_row("a", "20261130", "");
	put_row("c", "20261130", ",\"estimated\":true");
	qg_test_redis_do(server, "XADD", "qg:{0}:ledger", "*", "r", "rubbish", NULL);
	put_row("c", "20261130", "");
	begin(&ann, "ann");
	wait_until(is_empty, NULL);
	expect_calls("202611", 2, 0);
	expect_calls("202612", 1, 0);
	ck_assert_int_eq(ask_int("HEXISTS", "lease", "ledger", NULL), 1);
}
END_TEST

START_TEST(more_than_a_batch_moves_too)
{
	enum { ROWS = 1203 };
	share_folder("embedded");
	for (int i = 0; i < ROWS; i++) {
		char id[16];
		snprintf(id, sizeof(id), "r%d", i);
		put_row(id, "20261122", "");
	}
	begin(&ann, "ann");
	wait_until(is_empty, NULL);
	expect_calls("202611", ROWS, 0);
}
END_TEST

START_TEST(rows_wait_where_no_process_may_write)
{
	share_folder("redis://elsewhere");
	put_row("a", "20261122", "");
	begin(&ann, "ann");
	run_looks();
	run_looks();
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), 1);
	config_last()->ledger = true;
	wait_until(is_empty, NULL);
	expect_calls("202611", 1, 0);
}
END_TEST

START_TEST(a_process_of_both_roles_may_write)
{
	share_folder("redis://elsewhere");
	put_row("a", "20261122", "");
	begin(&ann, "ann");
	ann.core.both_roles = true;
	wait_until(is_empty, NULL);
	expect_calls("202611", 1, 0);
}
END_TEST

/* "ann 1 17 0": who holds it. */
static char *holder(void)
{
	char *row = ask_text("HGET", "lease", "ledger", NULL);
	if (row != NULL) {
		row[strcspn(row, " ")] = '\0';
	}
	return row;
}

static bool is_held_by(void *arg)
{
	char *name = holder();
	bool same = qg_str_equal(name, arg);
	free(name);
	return same;
}

START_TEST(one_process_writes_and_another_follows_its_silence)
{
	share_folder("embedded");
	begin(&ann, "ann");
	wait_until(is_held_by, "ann");
	begin(&ben, "ben");
	put_row("a", "20261122", "");
	wait_until(is_empty, NULL);
	ck_assert(is_held_by("ann"));
	node_crash(&ann);
	put_row("b", "20261122", "");
	wait_until(is_empty, NULL);
	ck_assert(is_held_by("ben"));
	expect_calls("202611", 2, 0);
}
END_TEST

START_TEST(a_dead_process_is_followed_at_once)
{
	share_folder("embedded");
	begin(&ann, "ann");
	wait_until(is_held_by, "ann");
	begin(&ben, "ben");
	node_crash(&ann);
	dead_process = "ann";
	uint64_t since = qg_clock_mono();
	wait_until(is_held_by, "ben");
	ck_assert_uint_lt(qg_clock_mono() - since, qg_clock_scaled(8000));
}
END_TEST

START_TEST(a_drain_gives_the_lease_back)
{
	share_folder("embedded");
	begin(&ann, "ann");
	wait_until(is_held_by, "ann");
	node_drain(&ann, 5000);
	wait_until(is_held_by, "-");
	put_row("a", "20261122", "");
	run_looks();
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), 1);
	begin(&ben, "ben");
	wait_until(is_empty, NULL);
}
END_TEST

START_TEST(who_lost_the_lease_writes_no_more)
{
	share_folder("embedded");
	begin(&ann, "ann");
	wait_until(is_held_by, "ann");
	qg_test_redis_do(server, "HSET", "qg:{0}:lease", "ledger", "other 99 0 0", NULL);
	run_ms(qg_clock_scaled(3000));
	put_row("a", "20261122", "");
	run_looks();
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), 1);
	wait_until(is_empty, NULL); /* the other renews nothing: its time is over */
	ck_assert(is_held_by("ann"));
}
END_TEST

START_TEST(rows_stay_while_the_files_cannot_be_written)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/ledger", qg_test_redis_dir(server));
	FILE *file = fopen(path, "w"); /* where the folder should be */
	ck_assert_ptr_nonnull(file);
	fclose(file);
	share_folder("embedded");
	put_row("a", "20261122", "");
	begin(&ann, "ann");
	wait_until(is_held_by, "ann");
	run_ms(qg_clock_scaled(6000));
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), 1);
	ck_assert_int_eq(unlink(path), 0);
	wait_until(is_empty, NULL);
	expect_calls("202611", 1, 0);
}
END_TEST

START_TEST(a_damaged_file_makes_room_for_a_new_one)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/ledger", qg_test_redis_dir(server));
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/ledger/2026-11.db", qg_test_redis_dir(server));
	FILE *file = fopen(path, "w");
	for (int i = 0; i < 5000; i++) {
		fputs("no database", file);
	}
	fclose(file);
	share_folder("embedded");
	put_row("a", "20261122", "");
	begin(&ann, "ann");
	wait_until(is_empty, NULL);
	expect_calls("202611", 1, 0);
	snprintf(path, sizeof(path), "%s/ledger/2026-11.db.damaged-1", qg_test_redis_dir(server));
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

static bool is_swept(void *arg)
{
	return ask_int("HLEN", "calls", NULL) == 0 && is_empty(NULL);
}

START_TEST(a_call_whose_worker_is_gone_is_closed_at_its_estimate)
{
	share_folder("embedded");
	qg_test_redis_do(server, "HSET", "qg:{0}:calls", "a",
		"" BOT "/c1\t7\tgone\t1\n\n{\"id\":\"a\",\"day\":\"20261122\",\"bot\":\"shop\","
		"\"chat\":\"c1\",\"user\":\"li\",\"input\":10,\"output\":3,\"currency\":\"CNY\","
		"\"cost\":5}",
		NULL);
	begin(&ann, "ann");
	wait_until(is_held_by, "ann");
	wait_until(is_swept, NULL);
	expect_calls("202611", 1, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mover");
	TCase *tcase = tcase_create("mover");
	fixture_add(tcase);
	tcase_add_test(tcase, rows_move_into_the_files_of_their_months);
	tcase_add_test(tcase, more_than_a_batch_moves_too);
	tcase_add_test(tcase, rows_wait_where_no_process_may_write);
	tcase_add_test(tcase, a_process_of_both_roles_may_write);
	tcase_add_test(tcase, one_process_writes_and_another_follows_its_silence);
	tcase_add_test(tcase, a_dead_process_is_followed_at_once);
	tcase_add_test(tcase, a_drain_gives_the_lease_back);
	tcase_add_test(tcase, who_lost_the_lease_writes_no_more);
	tcase_add_test(tcase, rows_stay_while_the_files_cannot_be_written);
	tcase_add_test(tcase, a_damaged_file_makes_room_for_a_new_one);
	tcase_add_test(tcase, a_call_whose_worker_is_gone_is_closed_at_its_estimate);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
