/* test_creation_dingtalk.c - what DingTalk says while an app is made by scanning: what is believed, what is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "creation.h"

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
	char *nonce = NULL, words[128] = "";
	enum qg_status status =
		qg_dingtalk_nonce_read(nonces[_i].body, strlen(nonces[_i].body), &nonce, words);
	ck_assert_msg((status == QG_OK) == nonces[_i].good, "%s", nonces[_i].body);
	ck_assert(nonces[_i].good ? strcmp(nonce, "n-1") == 0 : nonce == NULL && words[0]);
	free(nonce);
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
	struct qg_dingtalk_offer offer = {0};
	char words[128] = "";
	enum qg_status status =
		qg_dingtalk_offer_read(offers[_i].body, strlen(offers[_i].body), &offer, words);
	ck_assert_msg((status == QG_OK) == (offers[_i].interval_ms > 0), "%s", offers[_i].body);
	ck_assert_uint_eq(offer.interval_ms, offers[_i].interval_ms);
	ck_assert(status == QG_OK ? strcmp(offer.code, "d1") == 0 : !offer.code && words[0]);
	free(offer.code);
	free(offer.url);
}
END_TEST

static const struct {
	const char *body;
	enum qg_dingtalk_made made;
} answers[] = {
	{"{\"errcode\":0,\"status\":\"WAITING\"}", QG_DINGTALK_WAITS},
	{"<html>", QG_DINGTALK_WAITS},
	{"", QG_DINGTALK_WAITS},
	{"{\"status\":\"SUCCESS\",\"client_id\":\"ding1\",\"client_secret\":\"x1\"}",
		QG_DINGTALK_MADE},
	{"{\"status\":\"SUCCESS\",\"client_id\":\"ding1\"}", QG_DINGTALK_OVER},
	{"{\"status\":\"SUCCESS\",\"client_id\":\"\",\"client_secret\":\"x1\"}", QG_DINGTALK_OVER},
	{"{\"status\":\"SUCCESS\",\"client_id\":\"d\\n1\",\"client_secret\":\"x1\"}",
		QG_DINGTALK_OVER},
	{"{\"status\":\"FAIL\",\"fail_reason\":\"没有权限\\u001b\"}", QG_DINGTALK_OVER},
	{"{\"status\":\"EXPIRED\"}", QG_DINGTALK_OVER},
	{"{\"status\":\"NEW\"}", QG_DINGTALK_OVER},
	{"{\"errcode\":40035}", QG_DINGTALK_OVER},
	{"[]", QG_DINGTALK_OVER},
};

START_TEST(test_answers)
{
	char *id = NULL, *secret = NULL, words[128] = "";
	enum qg_dingtalk_made made = qg_dingtalk_made_read(
		answers[_i].body, strlen(answers[_i].body), &id, &secret, words);
	ck_assert_msg(made == answers[_i].made, "%s", answers[_i].body);
	if (made == QG_DINGTALK_MADE) {
		ck_assert_str_eq(id, "ding1");
		ck_assert_str_eq(secret, "x1");
	} else {
		ck_assert_ptr_null(id);
		ck_assert_ptr_null(secret);
		ck_assert(made == QG_DINGTALK_WAITS || words[0]);
		ck_assert_ptr_null(strchr(words, '\x1b'));
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
	ck_assert(!qg_cli_create_account(&cli, "dingtalk", &given, options));
	ck_assert_uint_eq(json_object_size(options), 0);
	json_decref(options);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli creation dingtalk");
	TCase *tcase = tcase_create("all");
	tcase_add_loop_test(tcase, test_nonces, 0, sizeof(nonces) / sizeof(nonces[0]));
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
