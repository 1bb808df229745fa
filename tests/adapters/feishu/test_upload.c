/* test_upload.c - files of a reply: uploaded as a form, then a message that names them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/json.h"
#include "qg/str.h"

#define ASKED "om_x1000a47e02ec0e75b0aeaf883987617"
#define STORED "0123456789abcdef0123456789abcdef"
#define FILE_KEY "{\"code\":0,\"msg\":\"success\",\"data\":{\"file_key\":\"file_v3_1\"}}"
#define IMAGE_KEY "{\"code\":0,\"msg\":\"success\",\"data\":{\"image_key\":\"img_v3_1\"}}"

static struct world world;
static char dir[] = "/tmp/qg-feishu-XXXXXX";

static void setup(void)
{
	char command[160];
	world_open(&world, "encrypt_key: k");
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(command, sizeof(command), "mkdir %s/outbox && printf hello-world. > %s/outbox/%s",
		dir, dir, STORED);
	ck_assert_int_eq(system(command), 0);
	world.host->bot.data_dir = dir;
}

static void teardown(void)
{
	char command[64];
	world_close(&world);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static struct qg_reply *file_reply(const char *type, const char *name, const char *stored)
{
	struct qg_reply *reply = fake_host_reply(STORED, "om_asked", "");
	free(reply->chat);
	reply->chat = qg_str_copy("oc_c963141b9d203a4b527f3dc07426565f");
	reply->handle = qg_str_copy(ASKED);
	reply->files = json_pack(
		"[{s:s, s:s, s:i, s:s}]", "type", type, "name", name, "size", 12, "file", stored);
	reply->file = json_array_get(reply->files, 0);
	return reply;
}

static enum qg_status send_one(struct qg_reply *reply)
{
	size_t before = world.host->sent_count;
	fake_host_send(world.host, reply);
	world_wait_sent(&world, before + 1);
	return world.host->sent[before];
}

static void check_field(const char *form, const char *name, const char *value)
{
	char *field = qg_str_printf(
		"\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n--", name, value);
	ck_assert_msg(strstr(form, field) != NULL, "%s", form);
	free(field);
}

static void check_message(size_t at, const char *type, const char *content)
{
	json_t *body = qg_json_parse(world.asked[at].body, strlen(world.asked[at].body), NULL);
	ck_assert_str_eq(world.asked[at].path, "/open-apis/im/v1/messages/" ASKED "/reply");
	ck_assert_str_eq(qg_json_str(body, "msg_type", ""), type);
	ck_assert_str_eq(qg_json_str(body, "content", ""), content);
	ck_assert_uint_eq(strlen(qg_json_str(body, "uuid", "")), 32);
	json_decref(body);
}

static const struct {
	const char *name, *kind, *type;
} kinds[] = {
	{"七月对账单.xlsx", "xls", "file"},
	{"a.XLS", "xls", "file"},
	{"a.docx", "doc", "file"},
	{"a.ppt", "ppt", "file"},
	{"a.pdf", "pdf", "file"},
	{"a.pdf.zip", "stream", "file"},
	{"pdf", "stream", "file"},
	{"a.opus", "opus", "audio"},
	{"a.mp4", "mp4", "media"},
};

START_TEST(test_file)
{
	world_answer(&world, 200, NULL, FILE_KEY);
	ck_assert_int_eq(send_one(file_reply("file", kinds[_i].name, STORED)), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	const char *form = world.asked[0].body;
	ck_assert_str_eq(world.asked[0].path, "/open-apis/im/v1/files");
	check_field(form, "file_type", kinds[_i].kind);
	check_field(form, "file_name", kinds[_i].name);
	ck_assert_ptr_nonnull(strstr(form, "name=\"file\"; filename=\""));
	ck_assert_ptr_nonnull(strstr(form, "\r\n\r\nhello-world.\r\n--"));
	check_message(1, kinds[_i].type, "{\"file_key\":\"file_v3_1\"}");
}
END_TEST

START_TEST(test_image)
{
	world_answer(&world, 200, NULL, IMAGE_KEY);
	ck_assert_int_eq(send_one(file_reply("image", "a.png", STORED)), QG_OK);
	ck_assert_str_eq(world.asked[0].path, "/open-apis/im/v1/images");
	check_field(world.asked[0].body, "image_type", "message");
	ck_assert_ptr_nonnull(strstr(world.asked[0].body, "name=\"image\"; filename=\"a.png\""));
	check_message(1, "image", "{\"image_key\":\"img_v3_1\"}");
}
END_TEST

/* A picture that is none to the platform, or too large for one, goes as a file. */
START_TEST(test_image_as_file)
{
	world_answer(&world, 400, NULL, "{\"code\":234011,\"msg\":\"can not recognize\"}");
	world_answer(&world, 200, NULL, FILE_KEY);
	ck_assert_int_eq(send_one(file_reply("image", "a.png", STORED)), QG_OK);
	ck_assert_uint_eq(world.asked_count, 3);
	check_field(world.asked[1].body, "file_type", "stream");
	check_message(2, "file", "{\"file_key\":\"file_v3_1\"}");
	world_answer(&world, 200, NULL, FILE_KEY);
	struct qg_reply *large = file_reply("image", "a.png", STORED);
	json_object_set_new(
		json_array_get(large->files, 0), "size", json_integer(FEISHU_IMAGE_MOST + 1));
	ck_assert_int_eq(send_one(large), QG_OK);
	ck_assert_str_eq(world.asked[3].path, "/open-apis/im/v1/files");
}
END_TEST

START_TEST(test_refused)
{
	world_answer(&world, 400, NULL, "{\"code\":234006,\"msg\":\"too large\"}");
	ck_assert_int_eq(send_one(file_reply("file", "a.pdf", STORED)), QG_UNSUPPORTED);
	world_answer(&world, 400, NULL, "{\"code\":99991672,\"msg\":\"required: [im:resource]\"}");
	ck_assert_int_eq(send_one(file_reply("file", "a.pdf", STORED)), QG_DENIED);
	world_answer(&world, 500, NULL, "{}"); /* nothing was shown */
	ck_assert_int_eq(send_one(file_reply("file", "a.pdf", STORED)), QG_FAILED);
	world_answer(&world, 200, NULL, "{\"code\":0,\"data\":{}}");
	ck_assert_int_eq(send_one(file_reply("file", "a.pdf", STORED)), QG_FAILED);
	ck_assert_uint_eq(world.asked_count, 4);
}
END_TEST

/* Not there, or a name that leads elsewhere. */
START_TEST(test_no_file)
{
	static const char missing[] = "f123456789abcdef0123456789abcdef";
	ck_assert_int_eq(send_one(file_reply("file", "a", "../../etc/passwd")), QG_DENIED);
	ck_assert_int_eq(send_one(file_reply("file", "a", missing)), QG_UNSUPPORTED);
	ck_assert_int_eq(send_one(file_reply("image", "a.png", missing)), QG_UNSUPPORTED);
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

/* A name ends neither its header nor its field. */
START_TEST(test_hostile_name)
{
	world_answer(&world, 200, NULL, FILE_KEY);
	struct qg_reply *reply = file_reply("file", "a\"\r\nX: 1\r\n\r\n/b.pdf", STORED);
	ck_assert_int_eq(send_one(reply), QG_OK);
	ck_assert_ptr_nonnull(strstr(world.asked[0].body, "filename=\"a_  X: 1    _b.pdf\""));
	ck_assert_ptr_null(strstr(world.asked[0].body, "\r\nX: 1"));
}
END_TEST

static bool has_call(void *arg)
{
	return world.unanswered_count > 0;
}

/* The bot ends while a thread reads, and while the form is on its way: no callback, no leak. */
START_TEST(test_finish_under_way)
{
	world.mute = true;
	fake_host_send(world.host, file_reply("file", "a.pdf", STORED));
	if (_i > 0) {
		fake_host_wait(world.loop, has_call, NULL);
	}
	fake_host_destroy(world.host);
	world.host = NULL;
	qg_loop_finish_work(world.loop);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu upload");
	TCase *tests = tcase_create("upload");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_loop_test(tests, test_file, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(tests, test_image);
	tcase_add_test(tests, test_image_as_file);
	tcase_add_test(tests, test_refused);
	tcase_add_test(tests, test_no_file);
	tcase_add_test(tests, test_hostile_name);
	tcase_add_loop_test(tests, test_finish_under_way, 0, 2);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
