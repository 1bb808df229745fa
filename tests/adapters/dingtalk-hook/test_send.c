/* test_send.c - replies against a platform that answers from a script: how they are asked. What the answers mean is in
 * test_robot.c, for all robots. */
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

int main(void)
{
	Suite *suite = suite_create("dingtalk-hook send");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_uuid);
	tcase_add_test(tcase, test_signed);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
