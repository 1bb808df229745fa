/* test_body.c - addresses that are taken and refused, signatures, the bytes that leave, and what answers mean. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "robot_world.h"
#include "support/malloc.h"

#include "qg/json.h"
#include "qg/str.h"

#define TOKEN "3f1aXq-_9"
#define PATH "/robot/send?access_token="

static json_t *vectors(const char *name)
{
	char path[512];
	json_error_t error;
	int size = (int)(strlen(QG_VECTORS) -
			 strlen("-hook")); /* those of both platforms stand together */
	snprintf(path, sizeof(path), "%.*s/%s", size, QG_VECTORS, name);
	json_t *root = json_load_file(path, 0, &error);
	ck_assert_msg(root != NULL, "%s: %s", path, error.text);
	return root;
}

START_TEST(test_addresses)
{
	static const char host[] = "oapi.dingtalk.com";
	robot_check_addresses(&dingtalk_hook_kind, host, PATH, TOKEN);
	robot_check_address(&dingtalk_hook_kind,
		"https://oapi.dingtalk.com/robot/send?x=1&access_token=" TOKEN,
		"https://oapi.dingtalk.com", TOKEN);
	robot_check_address(&dingtalk_hook_kind,
		"https://oapi.dingtalk.com/robot/sendBySession?access_token=" TOKEN, NULL, NULL);
}
END_TEST

/* Every recorded signature, to the byte of the address. */
START_TEST(test_signs)
{
	json_t *root = vectors("sign.json");
	const json_t *cases = json_object_get(root, "outbound_custom_robot");
	ck_assert_uint_gt(json_array_size(cases), 0);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *one = json_array_get(cases, i);
		const char *wanted = qg_json_str(one, "url", "");
		char *base, *token;
		ck_assert_msg(
			qg_robot_address(&dingtalk_hook_kind, wanted, &base, &token), "%s", wanted);
		char *url = qg_robot_url(&dingtalk_hook_kind, base, dingtalk_hook_kind.path, token,
			qg_json_str(one, "secret", NULL), qg_json_int(one, "timestamp_ms", 0));
		ck_assert_str_eq(url, wanted);
		free(url);
		url = qg_robot_url(
			&dingtalk_hook_kind, base, dingtalk_hook_kind.path, token, NULL, 1);
		ck_assert_ptr_null(strstr(url, "sign="));
		free(url);
		free(base);
		free(token);
	}
	json_decref(root);
}
END_TEST

START_TEST(test_body_of_vector)
{
	json_t *root = vectors("webhook_replies.json");
	const json_t *cases = json_object_get(root, "cases");
	size_t seen = 0;
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *one = json_array_get(cases, i);
		const json_t *intent = json_object_get(one, "intent");
		const char *uuid = qg_json_str(intent, "msg_uuid", NULL);
		if (!uuid) {
			continue; /* of a session's webhook */
		}
		struct qg_buf body;
		qg_buf_init(&body, DINGTALK_HOOK_BODY_MOST);
		ck_assert_int_eq(dingtalk_hook_body(qg_json_str(intent, "title", ""),
					 qg_json_str(intent, "text", ""), false, uuid, &body),
			QG_OK);
		json_t *made = qg_json_parse(body.data, body.size, NULL);
		ck_assert_msg(qg_json_equal(made, json_object_get(one, "body")), "%s", body.data);
		json_decref(made);
		qg_buf_finish(&body);
		seen++;
	}
	ck_assert_uint_eq(seen, 1);
	json_decref(root);
}
END_TEST

START_TEST(test_plain)
{
	struct qg_buf body;
	qg_buf_init(&body, DINGTALK_HOOK_BODY_MOST);
	ck_assert_int_eq(dingtalk_hook_body("t", "- 一\n@所有人 @all\n", true, "u", &body), QG_OK);
	ck_assert_str_eq(body.data,
		"{\"msgtype\":\"text\",\"text\":{\"content\":\"- 一\\n@\u200b所有人 "
		"@\u200ball\\n\"},\"msgUuid\":\"u\"}");
	qg_buf_finish(&body);
}
END_TEST

START_TEST(test_too_large)
{
	char *text = malloc(DINGTALK_HOOK_BODY_MOST + 1);
	memset(text, 'x', DINGTALK_HOOK_BODY_MOST);
	text[DINGTALK_HOOK_BODY_MOST] = '\0';
	struct qg_buf body;
	qg_buf_init(&body, DINGTALK_HOOK_BODY_MOST);
	for (int plain = 0; plain < 2; plain++) {
		ck_assert_int_eq(dingtalk_hook_body("t", text, plain, "u", &body), QG_TOO_LARGE);
		text[DINGTALK_HOOK_PART_BYTES] = '\0';
		qg_buf_reset(&body);
		ck_assert_int_eq(dingtalk_hook_body("t", text, plain, "u", &body), QG_OK);
		text[DINGTALK_HOOK_PART_BYTES] = 'x';
		qg_buf_reset(&body);
	}
	/* what is all quotes and line breaks is too large before it leaves, never broken */
	memset(text, '"', DINGTALK_HOOK_BODY_MOST);
	ck_assert_int_eq(dingtalk_hook_body("t", text, true, "u", &body), QG_TOO_LARGE);
	ck_assert_int_eq(dingtalk_hook_body("t", "\xff", true, "u", &body), QG_INVALID);
	qg_buf_finish(&body);
	free(text);
}
END_TEST

/* ---- what answers mean ---- */

static enum qg_status status_of(const char *next)
{
	return strcmp(next, "ok") == 0			  ? QG_OK
	       : strcmp(next, "fix_configuration") == 0	  ? QG_DENIED
	       : strcmp(next, "retry_after_backoff") == 0 ? QG_BUSY
	       : strcmp(next, "pause_10min") == 0	  ? QG_BUSY
							  : QG_TOO_LARGE;
}

START_TEST(test_answers_of_vectors)
{
	json_t *root = vectors("api_replies.json");
	const json_t *cases = json_object_get(root, "cases");
	size_t seen = 0;
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *one = json_array_get(cases, i), *body = json_object_get(one, "body");
		const char *next = qg_json_str(one, "next", "");
		if (!strstr(qg_json_str(one, "api", ""), "robot/send")) {
			continue;
		}
		struct qg_fetch_end end = {.status = (int)qg_json_int(one, "status", 0)};
		struct qg_robot_outcome outcome = qg_robot_judge(&dingtalk_hook_kind, &end, true,
			qg_json_int(body, "errcode", 0), qg_json_str(body, "errmsg", ""), false);
		ck_assert_msg(outcome.status == status_of(next), "%s: %s",
			qg_json_str(one, "name", ""), qg_status_name(outcome.status));
		if (strcmp(next, "pause_10min") == 0) {
			ck_assert_uint_ge(outcome.retry_ms, 600000);
			ck_assert_uint_le(outcome.retry_ms, 620000);
		}
		if (outcome.status == QG_DENIED) {
			ck_assert_str_ne(outcome.words, "");
		}
		seen++;
	}
	ck_assert_uint_ge(seen, 8);
	json_decref(root);
}
END_TEST

START_TEST(test_transfers)
{
	robot_check_transfers(&dingtalk_hook_kind, QG_BUSY); /* a page: the address is banned */
}
END_TEST

/* ---- memory ---- */

/* Without a secret: a signature has no way to fail but to end the process. */
static bool make_all(void *arg)
{
	char *base, *token;
	(void)arg;
	struct qg_buf body;
	qg_buf_init(&body, DINGTALK_HOOK_BODY_MOST);
	bool taken = qg_robot_address(
		&dingtalk_hook_kind, "https://oapi.dingtalk.com" PATH TOKEN, &base, &token);
	char *url = taken ? qg_robot_url(&dingtalk_hook_kind, base, dingtalk_hook_kind.path, token,
				    NULL, 0)
			  : NULL;
	bool good = url && dingtalk_hook_body("题", "# 一\n- 二\n三", false, "u", &body) == QG_OK;
	free(base);
	free(token);
	free(url);
	qg_buf_finish(&body);
	return good;
}

START_TEST(test_no_memory)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(make_all, NULL), 5);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk-hook body");
	TCase *tcase = tcase_create("all");
	tcase_add_test(tcase, test_addresses);
	tcase_add_test(tcase, test_signs);
	tcase_add_test(tcase, test_body_of_vector);
	tcase_add_test(tcase, test_plain);
	tcase_add_test(tcase, test_too_large);
	tcase_add_test(tcase, test_answers_of_vectors);
	tcase_add_test(tcase, test_transfers);
	tcase_add_test(tcase, test_no_memory);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
