/* test_creation.c - what the platform says while a bot is made by scanning: what is believed, what is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "creation.h"

#define LINK "https://work.weixin.qq.com/ai/qc/c"

static const struct {
	const char *body;
	bool good;
} offers[] = {
	{"{\"data\":{\"scode\":\"s1\",\"auth_url\":\"" LINK "?s=s1\"}}", true},
	{"{\"errcode\":0,\"data\":{\"scode\":\"s1\",\"auth_url\":\"" LINK "\"}}", true},
	{"{\"errcode\":40058,\"data\":{\"scode\":\"s1\",\"auth_url\":\"" LINK "\"}}", false},
	{"{\"data\":{\"scode\":\"s1\",\"auth_url\":\"http://work.weixin.qq.com/ai/qc/c\"}}", false},
	{"{\"data\":{\"scode\":\"s1\",\"auth_url\":\"https://work.weixin.qq.com.example.com/ai/qc/"
	 "c\"}}",
		false},
	{"{\"data\":{\"scode\":\"s1\",\"auth_url\":\"https://work.weixin.qq.com@example.com/ai/qc/"
	 "c\"}}",
		false},
	{"{\"data\":{\"scode\":\"s1\",\"auth_url\":\"" LINK "at\"}}", false},
	{"{\"data\":{\"scode\":\"s1\",\"auth_url\":\"" LINK "/../x\"}}", false},
	{"{\"data\":{\"scode\":\"s1\",\"auth_url\":\"" LINK "?s=\\u001b[2J\"}}", false},
	{"{\"data\":{\"scode\":\"s1\",\"auth_url\":\"" LINK "?s=a b\"}}", false},
	{"{\"data\":{\"scode\":\"\",\"auth_url\":\"" LINK "\"}}", false},
	{"{\"data\":{\"scode\":\"a\\nb\",\"auth_url\":\"" LINK "\"}}", false},
	{"{\"data\":{\"auth_url\":\"" LINK "\"}}", false},
	{"{\"data\":{\"scode\":\"s1\"}}", false},
	{"{\"data\":[]}", false},
	{"[]", false},
	{"{\"data\":{", false},
	{"", false},
};

START_TEST(test_offers)
{
	char *scode = NULL, *url = NULL, words[128] = "";
	enum qg_status status =
		qg_wecom_offer_read(offers[_i].body, strlen(offers[_i].body), &scode, &url, words);
	ck_assert_msg((status == QG_OK) == offers[_i].good, "%s", offers[_i].body);
	if (status == QG_OK) {
		ck_assert_str_eq(scode, "s1");
		ck_assert_int_eq(strncmp(url, LINK, strlen(LINK)), 0);
	} else {
		ck_assert_ptr_null(scode);
		ck_assert_ptr_null(url);
		ck_assert_str_ne(words, "");
	}
	free(scode);
	free(url);
}
END_TEST

static const struct {
	const char *body;
	enum qg_wecom_answer answer;
} answers[] = {
	{"{\"data\":{\"status\":\"wait\"}}", QG_WECOM_WAITS},
	{"{\"data\":{\"status\":\"scaned\"}}", QG_WECOM_SCANNED},
	{"{\"data\":{\"status\":\"success\",\"bot_info\":{\"botid\":\"b1\",\"secret\":\"x1\"}}}",
		QG_WECOM_MADE},
	{"{\"data\":{\"status\":\"success\",\"bot_info\":{\"botid\":\"b1\"}}}", QG_WECOM_OVER},
	{"{\"data\":{\"status\":\"success\",\"bot_info\":{\"botid\":\"\",\"secret\":\"x1\"}}}",
		QG_WECOM_OVER},
	{"{\"data\":{\"status\":\"success\",\"bot_info\":{\"botid\":\"b\\n1\",\"secret\":\"x1\"}}}",
		QG_WECOM_OVER},
	{"{\"data\":{\"status\":\"success\"}}", QG_WECOM_OVER},
	{"{\"data\":{\"status\":\"expired\"}}", QG_WECOM_OVER},
	{"{\"data\":{\"status\":\"error\"}}", QG_WECOM_OVER},
	{"{\"data\":{\"status\":\"new\"}}", QG_WECOM_OVER},
	{"{\"errcode\":1}", QG_WECOM_OVER},
	{"<html>", QG_WECOM_WAITS},
	{"", QG_WECOM_WAITS},
};

START_TEST(test_answers)
{
	char *id = NULL, *secret = NULL;
	enum qg_wecom_answer answer =
		qg_wecom_answer_read(answers[_i].body, strlen(answers[_i].body), &id, &secret);
	ck_assert_msg(answer == answers[_i].answer, "%s", answers[_i].body);
	if (answer == QG_WECOM_MADE) {
		ck_assert_str_eq(id, "b1");
		ck_assert_str_eq(secret, "x1");
	} else {
		ck_assert_ptr_null(id);
		ck_assert_ptr_null(secret);
	}
	free(id);
	free(secret);
}
END_TEST

/* Without a terminal nobody scans: nothing is asked of the platform. */
START_TEST(test_no_terminal)
{
	struct qg_strings given = {0};
	const struct qg_cli cli = {.config_path = "qungong.yaml"};
	json_t *options = json_object();
	ck_assert(!qg_cli_create_account(&cli, "wecom", &given, options));
	ck_assert(!qg_cli_create_account(&cli, "feishu", &given, options));
	ck_assert_uint_eq(json_object_size(options), 0);
	json_decref(options);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli creation");
	TCase *tcase = tcase_create("all");
	tcase_add_loop_test(tcase, test_offers, 0, sizeof(offers) / sizeof(offers[0]));
	tcase_add_loop_test(tcase, test_answers, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(tcase, test_no_terminal);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
