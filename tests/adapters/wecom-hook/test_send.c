/* test_send.c - replies against a platform that answers from a script: how they are asked. What the answers mean is in
 * test_robot.c, for all robots. */
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "robot_world.h"

#include "qg/str.h"

#define KEY "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
#define SEND "/cgi-bin/webhook/send"
#define UPLOAD "/cgi-bin/webhook/upload_media"
#define FINE "{\"errcode\":0,\"errmsg\":\"ok\"}"

static struct robot_world world;

static void setup(void)
{
	robot_world_init(&world, "wecom-hook", SEND "?key=" KEY, FINE);
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
	ck_assert_str_eq(world.asked[0].query, "key=" KEY);
	ck_assert_str_eq(world.asked[0].type, "application/json; charset=utf-8");
	ck_assert_str_eq(world.asked[0].body,
		"{\"msgtype\":\"markdown_v2\",\"markdown_v2\":{\"content\":\"**你好**\"}}");
	ck_assert_str_eq(
		world.asked[1].body, "{\"msgtype\":\"text\",\"text\":{\"content\":\"你好\"}}");
}
END_TEST

/* ---- files ---- */

START_TEST(test_image)
{
	robot_world_put_file(&world, "\x89PNG\r\n\x1a\n....", 12);
	ck_assert_int_eq(
		robot_world_send(&world, robot_world_file_reply("image", ROBOT_FILE, QG_FORM_RICH)),
		QG_OK);
	ck_assert_uint_eq(world.asked_count, 1);
	ck_assert_str_eq(world.asked[0].path, SEND);
	ck_assert(qg_str_starts_with(world.asked[0].body, "{\"msgtype\":\"image\""));
}
END_TEST

/* A file is uploaded with the key in the address, then shown by what the upload said. A picture that was refused goes
 * the same way. */
START_TEST(test_file)
{
	robot_world_put_file(&world, "\x89PNG\r\n\x1a\n....", 12);
	robot_world_answers(&world, 200,
		"{\"errcode\":0,\"errmsg\":\"ok\",\"type\":\"file\",\"media_id\":\"3a8\\u002d"
		"V\",\"created_at\":\"1380000000\"}");
	ck_assert_int_eq(robot_world_send(&world,
				 robot_world_file_reply("image", ROBOT_FILE, QG_FORM_APART)),
		QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert_str_eq(world.asked[0].path, UPLOAD);
	ck_assert_str_eq(world.asked[0].query, "type=file&key=" KEY);
	ck_assert(qg_str_starts_with(world.asked[0].type, "multipart/form-data; boundary="));
	const char *boundary = strchr(world.asked[0].type, '=') + 1;
	ck_assert(qg_str_starts_with(world.asked[0].body, "--"));
	ck_assert(qg_str_starts_with(world.asked[0].body + 2, boundary));
	ck_assert_str_eq(world.asked[1].path, SEND);
	ck_assert_str_eq(
		world.asked[1].body, "{\"msgtype\":\"file\",\"file\":{\"media_id\":\"3a8-V\"}}");
}
END_TEST

/* An upload shows nothing: when it fails, no outcome is unknown. What no form can change is told. */
START_TEST(test_upload_fails)
{
	robot_world_put_file(&world, "hello world.", 12);
	robot_world_answers(&world, 500, "");
	ck_assert_int_eq(
		robot_world_send(&world, robot_world_file_reply("file", ROBOT_FILE, QG_FORM_RICH)),
		QG_FAILED);
	robot_world_answers(&world, 200, "{\"errcode\":40058,\"errmsg\":\"invalid\"}");
	ck_assert_int_eq(
		robot_world_send(&world, robot_world_file_reply("file", ROBOT_FILE, QG_FORM_RICH)),
		QG_DENIED);
	robot_world_answers(&world, 200, FINE); /* without a media_id */
	ck_assert_int_eq(
		robot_world_send(&world, robot_world_file_reply("file", ROBOT_FILE, QG_FORM_RICH)),
		QG_IO);
	ck_assert_uint_eq(world.asked_count, 3);
}
END_TEST

START_TEST(test_no_file)
{
	ck_assert_int_eq(
		robot_world_send(&world, robot_world_file_reply("file", ROBOT_FILE, QG_FORM_RICH)),
		QG_DENIED);
	static const char *const names[] = {"../../etc/passwd", "",
		"0123456789ABCDEF0123456789ABCDEF", "../3456789abcdef0123456789abcdef"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_int_eq(robot_world_send(&world,
					 robot_world_file_reply("file", names[i], QG_FORM_RICH)),
			QG_DENIED);
	}
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

/* The bot ends while a file is being read: nothing comes afterwards, and nothing leaks. */
START_TEST(test_finish_while_reading)
{
	robot_world_put_file(&world, "hello world.", 12);
	fake_host_send(world.host, robot_world_file_reply("file", ROBOT_FILE, QG_FORM_RICH));
	fake_host_send(world.host, fake_host_reply(ROBOT_FILE, "m", "x"));
	fake_host_destroy(world.host);
	world.host = NULL;
	qg_loop_finish_work(world.loop);
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom-hook send");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_image);
	tcase_add_test(tcase, test_file);
	tcase_add_test(tcase, test_upload_fails);
	tcase_add_test(tcase, test_no_file);
	tcase_add_test(tcase, test_finish_while_reading);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
