/* test_creation_dingtalk.c - what DingTalk says while an app is made by scanning: what is believed, what is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "creation_checks.h"

#define LINK "https://open-dev.dingtalk.com/openapp/registration/openClaw"

static const struct {
	const char *body;
	bool good;
} nonces[] = {
	{"{\"errcode\":0,\"nonce\":\"n-1\"}", true},
	{"{\"nonce\":\"n-1\"}", true},
	{"{\"errcode\":33012,\"nonce\":\"n-1\",\"errmsg\":\"source\"}", false},
	{"{\"nonce\":\"\"}", false},
	{"{\"nonce\":\"a b\"}", false},
	{"{\"nonce\":7}", false},
	{"[]", false},
	{"<html>", false},
	{"", false},
};

START_TEST(test_nonces)
{
	struct qg_creation creation = {0};
	enum qg_creation_turn turn = read_body(&qg_creation_dingtalk, &creation, nonces[_i].body);
	ck_assert_msg((turn == QG_CREATION_ON) == nonces[_i].good, "%s", nonces[_i].body);
	ck_assert(nonces[_i].good ? strcmp(creation.ticket, "n-1") == 0
				  : !creation.ticket && creation.words[0]);
	qg_creation_finish(&creation);
}
END_TEST

#define OFFER(url)                                                                                 \
	"{\"device_code\":\"d1\",\"verification_uri_complete\":\"" url "\",\"interval\":3}"

static const struct {
	const char *body;
	unsigned interval_ms; /* 0: refused */
} offers[] = {
	{OFFER(LINK "?code=1"), 3000},
	{OFFER("https://login.dingtalk.com?x=1"), 3000},
	{"{\"device_code\":\"d1\",\"verification_uri\":\"" LINK "\"}", 3000},
	{"{\"device_code\":\"d1\",\"verification_uri\":\"" LINK "\",\"interval\":0}", 1000},
	{"{\"device_code\":\"d1\",\"verification_uri\":\"" LINK "\",\"interval\":3600}", 10000},
	{"{\"errcode\":1,\"device_code\":\"d1\",\"verification_uri\":\"" LINK "\"}", 0},
	{OFFER("http://open-dev.dingtalk.com/x"), 0},
	{OFFER("https://dingtalk.com.example.com/x"), 0},
	{OFFER("https://open-dev.dingtalk.com.example.com/x"), 0},
	{OFFER("https://open-dev.dingtalk.com@example.com/x"), 0},
	{OFFER("https://open-dev.dingtalk.com:444/x"), 0},
	{OFFER("https://example.com/.dingtalk.com"), 0},
	{OFFER("https://xdingtalk.com/x"), 0},
	{OFFER("https://.dingtalk.com/x"), 0},
	{OFFER(LINK "?s=\\u001b[2J"), 0},
	{OFFER(LINK "?s=a b"), 0},
	{"{\"device_code\":\"\",\"verification_uri\":\"" LINK "\"}", 0},
	{"{\"device_code\":\"d\\n1\",\"verification_uri\":\"" LINK "\"}", 0},
	{"{\"device_code\":\"d1\"}", 0},
	{"{", 0},
	{"", 0},
};

START_TEST(test_offers)
{
	struct qg_creation creation = {.ticket = strdup("n-1")};
	enum qg_creation_turn turn = read_body(&qg_creation_dingtalk, &creation, offers[_i].body);
	ck_assert_msg((turn == QG_CREATION_OFFERED) == (offers[_i].interval_ms > 0), "%s",
		offers[_i].body);
	ck_assert_uint_eq(creation.interval_ms, offers[_i].interval_ms);
	ck_assert(turn == QG_CREATION_OFFERED ? strcmp(creation.ticket, "d1") == 0
					      : !creation.url && creation.words[0]);
	qg_creation_finish(&creation);
}
END_TEST

static const struct {
	const char *body;
	enum qg_creation_turn turn;
} answers[] = {
	{"{\"errcode\":0,\"status\":\"WAITING\"}", QG_CREATION_WAITS},
	{"<html>", QG_CREATION_WAITS},
	{"", QG_CREATION_WAITS},
	{"{\"status\":\"SUCCESS\",\"client_id\":\"ding1\",\"client_secret\":\"x1\"}",
		QG_CREATION_MADE},
	{"{\"status\":\"SUCCESS\",\"client_id\":\"ding1\"}", QG_CREATION_OVER},
	{"{\"status\":\"SUCCESS\",\"client_id\":\"\",\"client_secret\":\"x1\"}", QG_CREATION_OVER},
	{"{\"status\":\"SUCCESS\",\"client_id\":\"d\\n1\",\"client_secret\":\"x1\"}",
		QG_CREATION_OVER},
	{"{\"status\":\"FAIL\",\"fail_reason\":\"没有权限\\u001b\"}", QG_CREATION_OVER},
	{"{\"status\":\"EXPIRED\"}", QG_CREATION_OVER},
	{"{\"status\":\"NEW\"}", QG_CREATION_OVER},
	{"{\"errcode\":40035}", QG_CREATION_OVER},
	{"[]", QG_CREATION_OVER},
};

START_TEST(test_answers)
{
	check_answer(&qg_creation_dingtalk, answers[_i].body, answers[_i].turn, "ding1");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli creation dingtalk");
	TCase *tcase = tcase_create("all");
	tcase_add_loop_test(tcase, test_nonces, 0, sizeof(nonces) / sizeof(nonces[0]));
	tcase_add_loop_test(tcase, test_offers, 0, sizeof(offers) / sizeof(offers[0]));
	tcase_add_loop_test(tcase, test_answers, 0, sizeof(answers) / sizeof(answers[0]));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
