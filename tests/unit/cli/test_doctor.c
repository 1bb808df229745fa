/* test_doctor.c - the judgements of `doctor`: figures in, a grade out. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "running.h"

static const char info[] =
	"# Memory\r\nused_memory:1024\r\nused_memory_human:1K\r\nmaxmemory:4096\r\n"
	"maxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\n"
	"aof_last_write_status:ok\r\naof_last_bgrewrite_status:err\r\nlast:7";

START_TEST(test_info)
{
	ck_assert_int_eq(qg_info_number(info, "used_memory", -1), 1024);
	ck_assert_int_eq(qg_info_number(info, "maxmemory", -1), 4096);
	ck_assert_int_eq(qg_info_number(info, "last", -1), 7);
	ck_assert_int_eq(qg_info_number(info, "memory", -1), -1);
	ck_assert_int_eq(qg_info_number(info, "aof_last_write_status", -1), -1);
	ck_assert(qg_info_says(info, "maxmemory_policy", "noeviction"));
	ck_assert(!qg_info_says(info, "maxmemory_policy", "no"));
	ck_assert(qg_info_says(info, "aof_last_write_status", "ok"));
	ck_assert(!qg_info_says(info, "aof_last_bgrewrite_status", "ok"));
	ck_assert(qg_info_says(info, "last", "7"));
	ck_assert(!qg_info_says(info, "absent", ""));
	ck_assert(!qg_info_says("", "x", "y"));
}
END_TEST

/* The limits at which a server stops taking messages. */
START_TEST(test_limits)
{
	ck_assert_int_eq(qg_judge_disk(199), QG_GRADE_FAIL);
	ck_assert_int_eq(qg_judge_disk(200), QG_GRADE_WARN);
	ck_assert_int_eq(qg_judge_disk(1024), QG_GRADE_OK);
	ck_assert_int_eq(qg_judge_memory(86, 100), QG_GRADE_FAIL);
	ck_assert_int_eq(qg_judge_memory(85, 100), QG_GRADE_WARN);
	ck_assert_int_eq(qg_judge_memory(70, 100), QG_GRADE_OK);
	ck_assert_int_eq(qg_judge_memory(1 << 30, 0), QG_GRADE_OK);
}
END_TEST

static const struct {
	int http;
	const char *body, *model;
	enum qg_key_state state;
} keys[] = {
	{200, "{\"data\":[{\"id\":\"a\"},{\"id\":\"m\"}]}", "m", QG_KEY_GOOD},
	{200, "{\"data\":[{\"id\":\"m-2026-01-01\"}]}", "m", QG_KEY_GOOD},
	{200, "{\"data\":[{\"id\":\"mm\"}]}", "m", QG_KEY_NO_MODEL},
	{200, "{\"data\":[]}", "m", QG_KEY_NO_MODEL},
	{200, "{\"data\":[{\"id\":3},{}]}", "m", QG_KEY_NO_MODEL},
	{200, "{\"data\":[]}", NULL, QG_KEY_GOOD},
	{401, "{\"error\":{}}", "m", QG_KEY_REFUSED},
	{403, "", "m", QG_KEY_REFUSED},
	{404, "not found", "m", QG_KEY_UNKNOWN},
	{200, "<html>", "m", QG_KEY_UNKNOWN},
	{200, "{}", "m", QG_KEY_UNKNOWN},
	{0, "", "m", QG_KEY_BROKE},
	{429, "", "m", QG_KEY_BROKE},
	{502, "", "m", QG_KEY_BROKE},
};

START_TEST(test_keys)
{
	enum qg_key_state state =
		qg_judge_key(keys[_i].http, keys[_i].body, strlen(keys[_i].body), keys[_i].model);
	ck_assert_msg(state == keys[_i].state, "%d %s", keys[_i].http, keys[_i].body);
}
END_TEST

static const char page[] = "# HELP qungong_link_up x\n# TYPE qungong_link_up gauge\n"
			   "qungong_link_up{bot=\"a\",process=\"p\"} 1\n"
			   "qungong_link_up{bot=\"b\",process=\"p\"} 0\n"
			   "qungong_link_up_total{bot=\"c\",process=\"p\"} 1\n"
			   "qungong_stored{bot=\"a\",process=\"p\"} 3\n"
			   "qungong_stored{bot=\"a\",process=\"q\"} 4\n"
			   "qungong_stored{bot=\"ab\",process=\"q\"} 100\nqungong_plain 2.5";

START_TEST(test_metrics)
{
	double sum = -1;
	ck_assert(qg_cli_metric(page, "stored", "a", &sum));
	ck_assert_double_eq(sum, 7);
	ck_assert(qg_cli_metric(page, "plain", NULL, &sum));
	ck_assert_double_eq(sum, 2.5);
	sum = -1;
	ck_assert(!qg_cli_metric(page, "stored", "c", &sum));
	ck_assert(!qg_cli_metric(page, "store", "a", &sum));
	ck_assert(!qg_cli_metric("", "stored", "a", &sum));
	ck_assert_double_eq(sum, -1);
}
END_TEST

/* What each process knows whole is not added up. */
START_TEST(test_metric_of_a_kind)
{
	double most = -1;
	static const char month[] = "qungong_used{bot=\"a\",kind=\"calls\",process=\"x\"} 7\n"
				    "qungong_used{bot=\"a\",kind=\"calls\",process=\"y\"} 9\n"
				    "qungong_used{bot=\"a\",kind=\"uses\",process=\"y\"} 20\n";
	ck_assert(qg_cli_metric_kind(month, "used", "a", "calls", &most));
	ck_assert_double_eq(most, 9);
	ck_assert(!qg_cli_metric_kind(month, "used", "b", "calls", &most));
}
END_TEST

/* A bot's own series wins; without one, all links or none tell. */
START_TEST(test_links)
{
	static const char all[] = "{\"links\":{\"owned\":2,\"up\":2}}";
	static const char some[] = "{\"links\":{\"owned\":2,\"up\":1}}";
	static const char down[] = "{\"links\":{\"owned\":2,\"up\":0}}";
	ck_assert_int_eq(qg_judge_link(page, down, "a"), QG_LINK_IS_UP);
	ck_assert_int_eq(qg_judge_link(page, all, "b"), QG_LINK_IS_DOWN);
	ck_assert_int_eq(qg_judge_link(page, all, "c"), QG_LINK_IS_UP);
	ck_assert_int_eq(
		qg_judge_link("qungong_link_up{bot=\"a\"} -1\n", down, "a"), QG_LINK_IS_ELSEWHERE);
	ck_assert_int_eq(qg_judge_link(NULL, some, "c"), QG_LINK_IS_UNKNOWN);
	ck_assert_int_eq(qg_judge_link(NULL, down, "c"), QG_LINK_IS_DOWN);
	ck_assert_int_eq(qg_judge_link(NULL, "{}", "c"), QG_LINK_IS_UNKNOWN);
	ck_assert_int_eq(qg_judge_link(NULL, NULL, "c"), QG_LINK_IS_UNKNOWN);
}
END_TEST

static const char *const addresses[][2] = {{"127.0.0.1:8081", "127.0.0.1:8081"},
	{"0.0.0.0:8081", "127.0.0.1:8081"}, {"[::]:8081", "127.0.0.1:8081"},
	{":8081", "127.0.0.1:8081"}, {"[::1]:8081", "[::1]:8081"}, {"10.0.0.2:80", "10.0.0.2:80"}};

START_TEST(test_address)
{
	char *address = qg_cli_running_address(addresses[_i][0]);
	ck_assert_str_eq(address, addresses[_i][1]);
	free(address);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli doctor");
	TCase *tcase = tcase_create("all");
	tcase_add_test(tcase, test_info);
	tcase_add_test(tcase, test_limits);
	tcase_add_loop_test(tcase, test_keys, 0, sizeof(keys) / sizeof(keys[0]));
	tcase_add_test(tcase, test_metrics);
	tcase_add_test(tcase, test_metric_of_a_kind);
	tcase_add_test(tcase, test_links);
	tcase_add_loop_test(tcase, test_address, 0, sizeof(addresses) / sizeof(addresses[0]));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
