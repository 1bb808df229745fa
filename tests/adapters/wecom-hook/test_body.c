/* test_body.c - addresses that are taken and refused, the bytes that leave, and what answers mean. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hook.h"
#include "robot_world.h"
#include "support/malloc.h"

#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define KEY "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
#define PATH "/cgi-bin/webhook/send?key="

START_TEST(test_addresses)
{
	static const char host[] = "qyapi.weixin.qq.com";
	robot_check_addresses(&wecom_hook_kind, host, PATH, KEY);
	robot_check_address(&wecom_hook_kind,
		"https://qyapi.weixin.qq.com/cgi-bin/webhook/upload_media?key=" KEY, NULL, NULL);
}
END_TEST

static enum qg_status make(const char *text, bool is_plain, struct qg_buf *out)
{
	struct qg_robot_text made = {
		.text = text, .called = "小满", .form = is_plain ? QG_FORM_PLAIN : QG_FORM_RICH};
	return wecom_hook_kind.text(&made, out);
}

static char *content_of(const char *text, bool is_plain)
{
	struct qg_buf body;
	qg_buf_init(&body, 64 * 1024);
	ck_assert_int_eq(make(text, is_plain, &body), QG_OK);
	const char *type = is_plain ? "text" : "markdown_v2";
	json_t *root = qg_json_parse(body.data, body.size, NULL);
	ck_assert_str_eq(qg_json_str(root, "msgtype", ""), type);
	ck_assert_uint_eq(json_object_size(root), 2);
	const json_t *inner = json_object_get(root, type);
	ck_assert_uint_eq(json_object_size(inner), 1); /* nobody is in a list of mentions */
	char *content = qg_str_copy(qg_json_str(inner, "content", ""));
	json_decref(root);
	qg_buf_finish(&body);
	return content;
}

/* The text arrives as it is, but for what would call people. */
START_TEST(test_text)
{
	static const char text[] = "# 日报\n\n- \"a\" \\ 🚀 @all @所有人\n";
	for (int plain = 0; plain < 2; plain++) {
		char *content = content_of(text, plain);
		ck_assert_str_eq(content, text);
		free(content);
		content = content_of("a <@all> <@zhangsan><@", plain);
		ck_assert_ptr_null(strstr(content, "<@"));
		ck_assert_ptr_nonnull(strstr(content, "zhangsan"));
		free(content);
	}
}
END_TEST

START_TEST(test_text_limits)
{
	static const size_t most[] = {WECOM_HOOK_MARKDOWN_MOST, WECOM_HOOK_TEXT_MOST};
	for (int plain = 0; plain < 2; plain++) {
		char *text = malloc(most[plain] + 2);
		memset(text, 'x', most[plain] + 1);
		text[most[plain] + 1] = '\0';
		struct qg_buf body;
		qg_buf_init(&body, 64 * 1024);
		ck_assert_int_eq(make(text, plain, &body), QG_TOO_LARGE);
		text[most[plain]] = '\0';
		ck_assert_int_eq(make(text, plain, &body), QG_OK);
		qg_buf_finish(&body);
		free(text);
	}
}
END_TEST

/* ---- files ---- */

static char dir[] = "/tmp/qg-hook-XXXXXX", outbox[64];

static void put(const char *name, const void *data, size_t size)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", outbox, name);
	FILE *file = fopen(path, "wb");
	ck_assert_uint_eq(fwrite(data, 1, size, file), size);
	fclose(file);
}

static void setup(void)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6); /* each test has its own */
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(outbox, sizeof(outbox), "%s/outbox", dir);
	char command[128];
	snprintf(command, sizeof(command), "mkdir %s", outbox);
	ck_assert_int_eq(system(command), 0);
}

static void teardown(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static struct qg_robot_file *packed(const char *file, const char *name, bool as_image)
{
	struct qg_robot_file *made =
		qg_robot_file_create(wecom_hook_kind.files, dir, file, name, as_image);
	ck_assert_ptr_nonnull(made);
	qg_robot_file_pack(made);
	return made;
}

START_TEST(test_image)
{
	static const char png[] = "\x89PNG\r\n\x1a\n and so on";
	put("p", png, sizeof(png) - 1);
	struct qg_robot_file *file = packed("p", "x.png", true);
	ck_assert_int_eq(file->status, QG_OK);
	ck_assert(file->as_image);
	/* printf '\x89PNG\r\n\x1a\n and so on' | base64, | md5sum */
	ck_assert_str_eq(file->body.data, "{\"msgtype\":\"image\",\"image\":{\"base64\":"
					  "\"iVBORw0KGgogYW5kIHNvIG9u\",\"md5\":"
					  "\"73371130764f763c8ba47d501dffac09\"}}");
	qg_robot_file_destroy(file);
}
END_TEST

/* What is no picture, or one that is too large for a message, leaves as a file. */
START_TEST(test_no_image)
{
	put("t", "hello", 5);
	struct qg_robot_file *file = packed("t", "x.png", true);
	ck_assert_int_eq(file->status, QG_OK);
	ck_assert(!file->as_image);
	qg_robot_file_destroy(file);
	char *large = calloc(1, WECOM_HOOK_IMAGE_MOST + 1);
	memcpy(large, "\xff\xd8\xff", 3);
	put("l", large, WECOM_HOOK_IMAGE_MOST + 1);
	file = packed("l", "x.jpg", true);
	ck_assert_int_eq(file->status, QG_OK);
	ck_assert(!file->as_image);
	qg_robot_file_destroy(file);
	put("l", large, WECOM_HOOK_IMAGE_MOST);
	file = packed("l", "x.jpg", true);
	ck_assert(file->as_image);
	qg_robot_file_destroy(file);
	free(large);
}
END_TEST

/* A name cannot leave its place in the head. */
START_TEST(test_upload)
{
	put("t", "he\r\n\0llo", 8);
	struct qg_robot_file *file = packed("t", "销售\"\r\nX: y\\/.csv", false);
	ck_assert_int_eq(file->status, QG_OK);
	static const char type[] = "multipart/form-data; boundary=";
	ck_assert(qg_str_starts_with(file->type, type));
	const char *boundary = file->type + strlen(type);
	ck_assert_uint_eq(strlen(boundary), 32);
	char expected[512];
	int size = snprintf(expected, sizeof(expected),
		"--%s\r\nContent-Disposition: form-data; name=\"media\"; "
		"filename=\"销售___X: y__.csv\"; "
		"filelength=8\r\nContent-Type: application/octet-stream\r\n\r\nhe\r\n%cllo\r\n"
		"--%s--\r\n",
		boundary, '\0', boundary);
	ck_assert_uint_eq(file->body.size, (size_t)size);
	ck_assert_mem_eq(file->body.data, expected, (size_t)size);
	qg_robot_file_destroy(file);
}
END_TEST

START_TEST(test_no_file)
{
	put("small", "four", 4);
	char *large = calloc(1, WECOM_HOOK_FILE_MOST + 1);
	put("large", large, WECOM_HOOK_FILE_MOST + 1);
	free(large);
	char link_path[128];
	snprintf(link_path, sizeof(link_path), "%s/link", outbox);
	ck_assert_int_eq(symlink("/etc/passwd", link_path), 0);
	static const char *const names[] = {"small", "large", "link", "gone", "."};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct qg_robot_file *file = packed(names[i], "x", false);
		ck_assert_msg(file->status == QG_DENIED, "%s", names[i]);
		qg_robot_file_destroy(file);
	}
}
END_TEST

START_TEST(test_transfers)
{
	robot_check_transfers(&wecom_hook_kind, QG_IO);
}
END_TEST

static bool pack_once(void *arg)
{
	struct qg_robot_file *file =
		qg_robot_file_create(wecom_hook_kind.files, dir, "p", "x", false);
	bool good = file != NULL;
	if (file) {
		qg_robot_file_pack(file);
		good = file->status == QG_OK;
	}
	qg_robot_file_destroy(file);
	char *base, *key;
	bool known = qg_robot_address(
		&wecom_hook_kind, "https://qyapi.weixin.qq.com" PATH KEY, &base, &key);
	free(base);
	free(key);
	struct qg_buf body;
	qg_buf_init(&body, 64 * 1024);
	good = make("<@all>", false, &body) == QG_OK && good && known;
	qg_buf_finish(&body);
	return good;
}

/* Not of a picture: its digest has no way to fail but to end the process. */
START_TEST(test_no_memory)
{
	char warm[3];
	qg_random_hex(warm, 1); /* its generator is made once */
	put("p", "\xff\xd8\xff picture", 11);
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(pack_once, NULL), 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom-hook body");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_addresses);
	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_text_limits);
	tcase_add_test(tcase, test_image);
	tcase_add_test(tcase, test_no_image);
	tcase_add_test(tcase, test_upload);
	tcase_add_test(tcase, test_no_file);
	tcase_add_test(tcase, test_transfers);
	tcase_add_test(tcase, test_no_memory);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
