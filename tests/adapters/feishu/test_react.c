/* test_react.c - the reaction on what is being worked at: put there once, taken away whoever put it there, and none left
 * behind by a race or a crash. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_server.h"
#include "world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"
#include "quota.h"

#define MESSAGE "om_x1000a47e02ec0e75b0aeaf883987617"
#define PATH "/open-apis/im/v1/messages/" MESSAGE "/reactions"
#define PUT "{\"code\":0,\"msg\":\"success\",\"data\":{\"reaction_id\":\"ZCaCc96a\"}}"
#define DONE "{\"code\":0,\"msg\":\"success\",\"data\":{}}"

static struct world world;
static struct qg_test_redis *redis;

static void setup(void)
{
	redis = qg_test_redis_start(false);
	world_open_with(&world, "encrypt_key: k\nmonthly_calls: 100", qg_test_redis_url(redis));
}

static void teardown(void)
{
	world_close(&world);
	qg_test_redis_stop(redis);
}

static bool has_asked(void *arg)
{
	return world.asked_count >= *(size_t *)arg;
}

static void wait_asked(size_t count)
{
	fake_host_wait(world.loop, has_asked, &count);
	ck_assert_uint_eq(world.asked_count, count);
}

static bool is_quiet(void *arg)
{
	return feishu_react_stop(world_core(&world));
}

static void wait_quiet(void)
{
	fake_host_wait(world.loop, is_quiet, NULL);
}

static void check_asked(size_t at, const char *method, const char *path)
{
	ck_assert_uint_lt(at, world.asked_count);
	ck_assert_str_eq(world.asked[at].method, method);
	ck_assert_str_eq(world.asked[at].path, path);
}

static void begin(void)
{
	world_answer(&world, 200, NULL, PUT);
	feishu_react_begin(world_core(&world), MESSAGE);
}

/* Rows are the account's: any bot of the app finds them. Borrowed until the next call. */
static const char *row_key(const char *name)
{
	static char key[128];
	snprintf(key, sizeof(key), "%s%s", qg_quota_prefix(world_core(&world)->account->quota),
		name);
	return key;
}

static int64_t count_of(const char *command, const char *key)
{
	char error[128];
	const char *argv[] = {command, key};
	struct qg_redis_reply *reply = qg_redis_ask(qg_test_redis_url(redis), error, 2, argv, NULL);
	ck_assert_msg(reply != NULL, "%s", error);
	int64_t n = reply->integer;
	qg_redis_reply_free(reply);
	return n;
}

static int64_t open_rows(void)
{
	return count_of("ZCARD", row_key("fo"));
}

START_TEST(test_put_and_taken)
{
	begin();
	wait_quiet();
	check_asked(0, "POST", PATH);
	ck_assert_str_eq(world.asked[0].body, "{\"reaction_type\":{\"emoji_type\":\"Typing\"}}");
	ck_assert_int_eq(open_rows(), 1);
	feishu_react_begin(world_core(&world), MESSAGE); /* delivered again */
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 1);
	feishu_react_end(world_core(&world), MESSAGE);
	wait_quiet();
	check_asked(1, "DELETE", PATH "/ZCaCc96a");
	ck_assert_str_eq(world.asked[1].body, "");
	ck_assert_int_eq(open_rows(), 0);
	feishu_react_end(world_core(&world), MESSAGE); /* the reply came again */
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 2);
}
END_TEST

/* What is answered within a moment has none, and nobody is asked about it; what comes next has one. */
START_TEST(test_spared)
{
	feishu_react_begin(world_core(&world), "om_quick");
	begin();
	feishu_react_end(world_core(&world), "om_quick");
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 1);
	check_asked(0, "POST", PATH);
	ck_assert_int_eq(count_of("EXISTS", row_key("fr:om_quick")), 0);
}
END_TEST

/* Nor what is on its way to be answered by then, however long the platform takes. */
START_TEST(test_held)
{
	feishu_react_begin(world_core(&world), "om_quick");
	feishu_react_hold(world_core(&world), "om_quick");
	begin();
	wait_asked(1);
	check_asked(0, "POST", PATH);
	feishu_react_end(world_core(&world), "om_quick");
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 1);
	ck_assert_int_eq(count_of("EXISTS", row_key("fr:om_quick")), 0);
}
END_TEST

/* The answer was quicker than the reaction: who brings it takes it away. */
START_TEST(test_late)
{
	world.mute = true;
	feishu_react_begin(world_core(&world), MESSAGE);
	wait_asked(1);
	world.mute = false;
	feishu_react_end(world_core(&world), MESSAGE);
	qg_http_answer(world.unanswered[--world.unanswered_count], 200, "application/json", PUT,
		strlen(PUT));
	wait_asked(2);
	check_asked(1, "DELETE", PATH "/ZCaCc96a");
	wait_quiet();
	ck_assert_int_eq(open_rows(), 0);
}
END_TEST

/* The end was said before the beginning was heard of: none appears. */
START_TEST(test_end_first)
{
	feishu_react_end(world_core(&world), MESSAGE);
	wait_quiet();
	feishu_react_begin(world_core(&world), MESSAGE);
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

/* The platform does not take it away at once. */
START_TEST(test_tries_again)
{
	begin();
	wait_quiet();
	world_answer(&world, 500, NULL, "{}");
	world_answer(&world, 200, NULL, DONE);
	feishu_react_end(world_core(&world), MESSAGE);
	wait_asked(3);
	check_asked(2, "DELETE", PATH "/ZCaCc96a");
	wait_quiet();
	ck_assert_int_eq(open_rows(), 0);
}
END_TEST

/* It is not there any more, or its message is withdrawn: as good as taken away. */
START_TEST(test_gone)
{
	begin();
	wait_quiet();
	world_answer(&world, 400, NULL, "{\"code\":231003,\"msg\":\"not found\"}");
	feishu_react_end(world_core(&world), MESSAGE);
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert_int_eq(open_rows(), 0);
}
END_TEST

/* The owner died between the end and its call: the next one finds it. What still waits for its answer stays. */
START_TEST(test_crash)
{
	char now[24];
	snprintf(now, sizeof(now), "%lld", (long long)(qg_clock_wall() / 1000));
	qg_test_redis_do(redis, "HSET", row_key("fr:om_ended"), "r", "r1", "e", "1", NULL);
	qg_test_redis_do(redis, "HSET", row_key("fr:om_waits"), "r", "r2", NULL);
	qg_test_redis_do(redis, "ZADD", row_key("fo"), now, "om_ended r1", now, "om_waits r2", "1",
		"om_old r3", NULL);
	feishu_react_recover(world_core(&world));
	wait_asked(2);
	check_asked(0, "DELETE", "/open-apis/im/v1/messages/om_old/reactions/r3");
	check_asked(1, "DELETE", "/open-apis/im/v1/messages/om_ended/reactions/r1");
	wait_quiet();
	ck_assert_int_eq(open_rows(), 1);
}
END_TEST

/* Every message of a reply that landed gets its end, at its last part; also a reply that says nothing. */
START_TEST(test_replies)
{
	struct qg_reply *reply = fake_host_reply("0123456789abcdef0123456789abcdef", "m", "好");
	reply->handle = qg_str_copy(MESSAGE);
	reply->handles = json_pack("[s]", "om_earlier");
	reply->parts = 2;
	begin();
	wait_quiet();
	fake_host_send(world.host, reply);
	world_wait_sent(&world, 1);
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 2); /* the first of two parts */
	reply = fake_host_reply("1123456789abcdef0123456789abcdef", "m", "");
	reply->handles = json_pack("[s]", MESSAGE);
	reply->silent = true;
	fake_host_send(world.host, reply);
	world_wait_sent(&world, 2);
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 3);
	check_asked(2, "DELETE", PATH "/ZCaCc96a");
}
END_TEST

/* Without the scope there are none, until a restart; a message that takes none changes nothing. */
START_TEST(test_off)
{
	world_answer(&world, 400, NULL, "{\"code\":231001,\"msg\":\"emoji\"}");
	feishu_react_begin(world_core(&world), "om_1");
	wait_quiet();
	world_answer(&world, 400, NULL, "{\"code\":99991672,\"msg\":\"required: [im:message]\"}");
	feishu_react_begin(world_core(&world), "om_2");
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 2);
	feishu_react_begin(world_core(&world), "om_3");
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 2);
}
END_TEST

START_TEST(test_month_is_near)
{
	struct feishu_account *account = world_core(&world)->account;
	qg_quota_count(account->quota, 0, 80);
	feishu_react_begin(world_core(&world), MESSAGE);
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

/* Of a flood only as many have one as the platform's pace lets through; the others cost no question. */
START_TEST(test_flood)
{
	struct feishu_core *core = world_core(&world);
	char name[32];
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "om_%u", i);
		feishu_react_begin(core, name);
	}
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "om_%u", i);
		feishu_react_end(core, name);
	}
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 0);
	ck_assert_int_eq(count_of("EXISTS", row_key("fr:om_199")), 0);
	ck_assert_int_eq(count_of("EXISTS", row_key("fr:om_200")), 1); /* its end only */
	begin();						       /* there is room again */
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 1);
}
END_TEST

static bool is_down(void *arg)
{
	return !qg_redis_is_up(world.redis);
}

/* Nobody could know of it: it is taken away at once. */
START_TEST(test_no_redis)
{
	world.mute = true;
	feishu_react_begin(world_core(&world), MESSAGE);
	wait_asked(1);
	world.mute = false;
	qg_test_redis_kill(redis);
	fake_host_wait(world.loop, is_down, NULL);
	qg_http_answer(world.unanswered[--world.unanswered_count], 200, "application/json", PUT,
		strlen(PUT));
	wait_asked(2);
	check_asked(1, "DELETE", PATH "/ZCaCc96a");
	wait_quiet();
	feishu_react_begin(world_core(&world), "om_2");
	wait_quiet();
	ck_assert_uint_eq(world.asked_count, 2);
}
END_TEST

/* The bot ends while one is on its way to Redis, or to the platform. */
START_TEST(test_finish_under_way)
{
	world.mute = true;
	feishu_react_begin(world_core(&world), MESSAGE);
	if (_i > 0) {
		wait_asked(1);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu react");
	TCase *tests = tcase_create("react");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_put_and_taken);
	tcase_add_test(tests, test_spared);
	tcase_add_test(tests, test_held);
	tcase_add_test(tests, test_late);
	tcase_add_test(tests, test_end_first);
	tcase_add_test(tests, test_tries_again);
	tcase_add_test(tests, test_gone);
	tcase_add_test(tests, test_crash);
	tcase_add_test(tests, test_replies);
	tcase_add_test(tests, test_off);
	tcase_add_test(tests, test_month_is_near);
	tcase_add_test(tests, test_flood);
	tcase_add_test(tests, test_no_redis);
	tcase_add_loop_test(tests, test_finish_under_way, 0, 2);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
