/* test_send.c - replies against a platform that answers from a script: the requests, and what each answer means. */
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "robot_world.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define KEY "4c1f2a9be07d5d33"
#define SEND "/robot/send"
#define FINE "{\"errcode\":0,\"errmsg\":\"ok\"}"

static struct robot_world world;

static void setup(void)
{
	robot_world_init(&world, "dingtalk-hook", SEND "?access_token=" KEY, FINE);
}

static void teardown(void)
{
	robot_world_finish(&world);
}

START_TEST(test_text)
{
	ck_assert_int_eq(robot_world_say(&world, "**你好**", QG_FORM_RICH), QG_OK);
	ck_assert_int_eq(robot_world_say(&world, "你好", QG_FORM_PLAIN), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert_str_eq(world.asked[0].path, SEND);
	ck_assert_str_eq(world.asked[0].query, "access_token=" KEY);
	ck_assert_str_eq(world.asked[0].type, "application/json; charset=utf-8");
	json_t *body = qg_json_parse(world.asked[0].body, strlen(world.asked[0].body), NULL);
	const json_t *inner = json_object_get(body, "markdown");
	ck_assert_str_eq(qg_json_str(inner, "title", ""), "你好");
	ck_assert_str_eq(qg_json_str(inner, "text", ""), "**你好**");
	ck_assert_uint_eq(strlen(qg_json_str(body, "msgUuid", "")), 32);
	ck_assert_ptr_null(json_object_get(body, "at"));
	json_decref(body);
	ck_assert(qg_str_starts_with(
		world.asked[1].body, "{\"msgtype\":\"text\",\"text\":{\"content\":\"你好\"},"));
}
END_TEST

static const struct robot_answer answered[] = {
	{200, FINE, QG_OK, 0},
	{200, "{\"errcode\":\"0\",\"errmsg\":\"ok\"}", QG_OK, 0},
	{200, "{\"errcode\":300001,\"errmsg\":\"token is not exist\"}", QG_DENIED, 0},
	{200, "{\"errcode\":130101,\"errmsg\":\"send too fast\"}", QG_BUSY, 600000},
	{200, "{\"errcode\":-1,\"errmsg\":\"system busy\"}", QG_BUSY, 1000},
	{200, "{\"errcode\":460101,\"errmsg\":\"too long\"}", QG_TOO_LARGE, 0},
	{200, "{\"errcode\":400105,\"errmsg\":\"invalid\"}", QG_UNSUPPORTED, 0},
	{200, "{\"errcode\":430101,\"errmsg\":\"unsafe link\"}", QG_DENIED, 0},
	{200, "{\"errcode\":4711,\"errmsg\":\"new\"}", QG_UNSUPPORTED, 0},
	{200, "{\"status\":1111,\"punish\":\"deny\"}", QG_BUSY, 300000},
	{429, "", QG_BUSY, 60000},
	{502, "<html>bad gateway</html>", QG_IO, 0},
	{503, FINE, QG_IO, 0},
	{404, "<html></html>", QG_FAILED, 0},
};

START_TEST(test_answers)
{
	robot_world_check_answer(&world, &answered[_i], 620000);
}
END_TEST

/* What came too fast mutes the robot: until that is over nothing leaves, and each send says how long. */
START_TEST(test_mute)
{
	robot_world_answers(&world, 200, "{\"errcode\":410100,\"errmsg\":\"too fast\"}");
	ck_assert_int_eq(robot_world_say(&world, "x", QG_FORM_RICH), QG_BUSY);
	ck_assert_uint_ge(world.host->retry_ms[0], 600000);
	ck_assert_int_eq(robot_world_say(&world, "y", QG_FORM_RICH), QG_BUSY);
	ck_assert_uint_gt(world.host->retry_ms[1], 590000);
	ck_assert_uint_eq(world.asked_count, 1);
	qg_clock_fix(qg_clock_wall() + 621000, qg_clock_mono() + 621000);
	ck_assert_int_eq(robot_world_say(&world, "z", QG_FORM_RICH), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
}
END_TEST

/* A part that comes again goes under the same key, another part under another. */
START_TEST(test_uuid)
{
	for (unsigned i = 0; i < 3; i++) {
		struct qg_reply *reply = fake_host_reply(ROBOT_FILE, "m", "x");
		reply->part = i / 2;
		ck_assert_int_eq(robot_world_send(&world, reply), QG_OK);
	}
	ck_assert_str_eq(world.asked[0].body, world.asked[1].body);
	ck_assert_str_ne(world.asked[0].body, world.asked[2].body);
}
END_TEST

/* 加签: time and signature in the address, new for each call. */
START_TEST(test_signed)
{
	robot_world_again(&world, "dingtalk-hook", SEND "?access_token=" KEY, "secret: SECx");
	qg_clock_fix(1767225600000, 1000);
	ck_assert_int_eq(robot_world_say(&world, "x", QG_FORM_RICH), QG_OK);
	ck_assert(qg_str_starts_with(
		world.asked[0].query, "access_token=" KEY "&timestamp=1767225600000&sign="));
	ck_assert_ptr_null(strstr(world.asked[0].query, "SECx"));
}
END_TEST

/* ---- the key and its robot ---- */

static const struct robot_probe probes[] = {
	{"{\"errcode\":40035,\"errmsg\":\"missing\"}", QG_OK},
	{"{\"errcode\":310000,\"errmsg\":\"keywords not in content\"}", QG_OK},
	{FINE, QG_OK},
	{"{\"errcode\":310000,\"errmsg\":\"sign not match, more\"}", QG_DENIED},
	{"{\"errcode\":300001,\"errmsg\":\"token is not exist " KEY "\"}", QG_DENIED},
	{"{\"errcode\":4711,\"errmsg\":\"new\"}", QG_FAILED},
};

/* An empty text asks without showing anything. The key is repeated to nobody. */
START_TEST(test_probe)
{
	robot_world_check_probe(
		&world, &probes[_i], "{\"msgtype\":\"text\",\"text\":{\"content\":\"\"}}");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk-hook send");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_text);
	tcase_add_loop_test(tcase, test_answers, 0, sizeof(answered) / sizeof(answered[0]));
	tcase_add_test(tcase, test_mute);
	tcase_add_test(tcase, test_uuid);
	tcase_add_test(tcase, test_signed);
	tcase_add_loop_test(tcase, test_probe, 0, sizeof(probes) / sizeof(probes[0]));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
