/* test_creation.c - what the platform says while a bot is made by scanning: what is believed, what is refused. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "creation_checks.h"

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
	struct qg_creation creation = {0};
	enum qg_creation_turn turn = read_body(&qg_creation_wecom, &creation, offers[_i].body);
	ck_assert_msg((turn == QG_CREATION_OFFERED) == offers[_i].good, "%s", offers[_i].body);
	if (turn == QG_CREATION_OFFERED) {
		ck_assert_str_eq(creation.ticket, "s1");
		ck_assert_int_eq(strncmp(creation.url, LINK, strlen(LINK)), 0);
	} else {
		ck_assert_int_eq(turn, QG_CREATION_OVER);
		ck_assert_ptr_null(creation.url);
		ck_assert_str_ne(creation.words, "");
	}
	qg_creation_finish(&creation);
}
END_TEST

static const struct {
	const char *body;
	enum qg_creation_turn turn;
} answers[] = {
	{"{\"data\":{\"status\":\"wait\"}}", QG_CREATION_WAITS},
	{"{\"data\":{\"status\":\"scaned\"}}", QG_CREATION_SCANNED},
	{"{\"data\":{\"status\":\"success\",\"bot_info\":{\"botid\":\"b1\",\"secret\":\"x1\"}}}",
		QG_CREATION_MADE},
	{"{\"data\":{\"status\":\"success\",\"bot_info\":{\"botid\":\"b1\"}}}", QG_CREATION_OVER},
	{"{\"data\":{\"status\":\"success\",\"bot_info\":{\"botid\":\"\",\"secret\":\"x1\"}}}",
		QG_CREATION_OVER},
	{"{\"data\":{\"status\":\"success\",\"bot_info\":{\"botid\":\"b\\n1\",\"secret\":\"x1\"}}}",
		QG_CREATION_OVER},
	{"{\"data\":{\"status\":\"success\"}}", QG_CREATION_OVER},
	{"{\"data\":{\"status\":\"expired\"}}", QG_CREATION_OVER},
	{"{\"data\":{\"status\":\"error\"}}", QG_CREATION_OVER},
	{"{\"data\":{\"status\":\"new\"}}", QG_CREATION_OVER},
	{"{\"errcode\":1}", QG_CREATION_OVER},
	{"<html>", QG_CREATION_WAITS},
	{"", QG_CREATION_WAITS},
};

START_TEST(test_answers)
{
	check_answer(&qg_creation_wecom, answers[_i].body, answers[_i].turn, "b1");
}
END_TEST

/* What it says goes onto a terminal: cut, one line, nothing that steers it. */
START_TEST(test_words)
{
	struct qg_creation creation = {0};
	char words[400];
	memset(words, 'x', sizeof(words));
	memcpy(words + 98, "\xe6\xbb\xa1", 3); /* across the cut */
	memcpy(words, "a\nb\x1b[2J", 7);
	words[sizeof(words) - 1] = '\0';
	ck_assert_int_eq(qg_creation_over(&creation, words), QG_CREATION_OVER);
	ck_assert_uint_eq(strlen(creation.words), 98);
	ck_assert_ptr_null(strpbrk(creation.words, "\n\x1b"));
	ck_assert_int_eq(qg_creation_over(&creation, ""), QG_CREATION_OVER);
	ck_assert_str_ne(creation.words, "");
}
END_TEST

START_TEST(test_waits)
{
	ck_assert_uint_eq(qg_creation_ms(-1, 5000, 1000, 10000), 5000);
	ck_assert_uint_eq(qg_creation_ms(0, 5000, 1000, 10000), 1000);
	ck_assert_uint_eq(qg_creation_ms(7, 5000, 1000, 10000), 7000);
	ck_assert_uint_eq(qg_creation_ms(INT64_MAX, 5000, 1000, 10000), 10000);
}
END_TEST

/* Without a terminal nobody scans: nothing is asked of the platform. */
START_TEST(test_no_terminal)
{
	struct qg_strings given = {0};
	const struct qg_cli cli = {.config_path = "qungong.yaml"};
	json_t *options = json_object();
	ck_assert(!qg_cli_create_account(&cli, "wecom", &given, options));
	ck_assert(!qg_cli_create_account(&cli, "dingtalk", &given, options));
	ck_assert(!qg_cli_create_account(&cli, "feishu", &given, options));
	ck_assert(!qg_cli_create_account(&cli, "web", &given, options));
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
	tcase_add_test(tcase, test_words);
	tcase_add_test(tcase, test_waits);
	tcase_add_test(tcase, test_no_terminal);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
