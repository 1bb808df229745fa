/* test_send.c - replies against a platform that answers from a script: how they are asked. What the answers mean is in
 * test_robot.c, for all robots. */
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "robot_world.h"

#include "qg/clock.h"
#include "qg/str.h"

#define KEY "ec2e9683-fec0-4169-a235-41e814fc1fce"
#define HOOK "/open-apis/bot/v2/hook/" KEY
#define FINE "{\"code\":0,\"msg\":\"success\",\"data\":{},\"Extra\":null,\"StatusCode\":0}"

static struct robot_world world;

static void setup(void)
{
	robot_world_init(&world, "feishu-hook", HOOK, FINE);
}

static void teardown(void)
{
	robot_world_finish(&world);
}

/* Each form has its kind of message; without a secret nothing is signed. */
START_TEST(test_forms)
{
	static const char *const kinds[] = {"{\"msg_type\":\"interactive\",",
		"{\"msg_type\":\"post\",", "{\"msg_type\":\"text\","};
	for (int form = QG_FORM_RICH; form <= QG_FORM_PLAIN; form++) {
		ck_assert_int_eq(robot_world_say(&world, "**你好**", (enum qg_form)form), QG_OK);
		ck_assert_str_eq(world.asked[form].path, HOOK);
		ck_assert_str_eq(world.asked[form].query, "");
		ck_assert_str_eq(world.asked[form].type, "application/json; charset=utf-8");
		ck_assert(qg_str_starts_with(world.asked[form].body, kinds[form]));
		ck_assert_ptr_nonnull(strstr(world.asked[form].body, "**你好**"));
	}
}
END_TEST

/* 签名校验: time and signature in the body, the secret nowhere. */
START_TEST(test_signed)
{
	robot_world_again(&world, "feishu-hook", HOOK, "secret: x3E9hPTjcllCMDdeytiHZO");
	qg_clock_fix(1763777777000, 1000);
	ck_assert_int_eq(robot_world_say(&world, "x", QG_FORM_PLAIN), QG_OK);
	ck_assert_str_eq(world.asked[0].body,
		"{\"timestamp\":\"1763777777\",\"sign\":\"8ha1VODM7wVICc12/"
		"p+Z7KKMozg73dVFdC1Ly3ySgsg=\",\"msg_type\":\"text\",\"content\":{\"text\":\"x\"}"
		"}");
	ck_assert_str_eq(world.asked[0].path, HOOK);
}
END_TEST

/* There is no way to show a file, and none is asked for. */
START_TEST(test_no_files)
{
	ck_assert(!world.host->bot.adapter->can.shows_files);
	struct qg_reply *reply = robot_world_file_reply("file", ROBOT_FILE, QG_FORM_RICH);
	ck_assert_int_eq(robot_world_send(&world, reply), QG_DENIED);
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu-hook send");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_forms);
	tcase_add_test(tcase, test_signed);
	tcase_add_test(tcase, test_no_files);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
