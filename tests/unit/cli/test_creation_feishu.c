/* test_creation_feishu.c - what Feishu says while an app is made by scanning: what is asked, believed and refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "creation_checks.h"

#define LINK "https://open.feishu.cn/page/launcher"
#define OFFER(url) "{\"device_code\":\"d1\",\"verification_uri_complete\":\"" url "\"}"
#define TIMED(times) "{\"device_code\":\"d1\",\"verification_uri_complete\":\"" LINK "\"," times "}"

static const struct {
	const char *body;
	unsigned interval_ms, patience_ms; /* 0: refused */
} offers[] = {
	{OFFER(LINK "?user_code=AB-CD"), 5000, 600000},
	{OFFER("https://accounts.larksuite.com/x?user_code=1"), 5000, 600000},
	{TIMED("\"interval\":3,\"expires_in\":300"), 3000, 300000},
	{TIMED("\"interval\":3,\"expire_in\":300"), 3000, 300000},
	{TIMED("\"interval\":0,\"expires_in\":0"), 1000, 60000},
	{TIMED("\"interval\":-7,\"expires_in\":-1"), 5000, 600000},
	{TIMED("\"interval\":86400,\"expires_in\":86400"), 60000, 900000},
	{TIMED("\"interval\":\"3\",\"expires_in\":null"), 5000, 600000},
	{TIMED("\"error\":\"invalid_request\",\"error_description\":\"no\""), 0, 0},
	{OFFER("http://open.feishu.cn/x"), 0, 0},
	{OFFER("https://open.feishu.cn.example.com/x"), 0, 0},
	{OFFER("https://open.feishu.cn@example.com/x"), 0, 0},
	{OFFER("https://open.feishu.cn:444/x"), 0, 0},
	{OFFER("https://notfeishu.cn/x"), 0, 0},
	{OFFER(LINK "?x=\\u001b[2J"), 0, 0},
	{OFFER(LINK "?x=a b"), 0, 0},
	{OFFER(""), 0, 0},
	{"{\"device_code\":\"\",\"verification_uri_complete\":\"" LINK "\"}", 0, 0},
	{"{\"device_code\":\"d\\n1\",\"verification_uri_complete\":\"" LINK "\"}", 0, 0},
	{"{\"device_code\":7,\"verification_uri_complete\":\"" LINK "\"}", 0, 0},
	{"{\"device_code\":\"d1\"}", 0, 0},
	{"[]", 0, 0},
	{"<html>", 0, 0},
	{"", 0, 0},
};

START_TEST(test_offers)
{
	struct qg_creation creation = {0};
	enum qg_creation_turn turn = read_body(&qg_creation_feishu, &creation, offers[_i].body);
	bool good = offers[_i].interval_ms > 0;
	ck_assert_msg(
		turn == (good ? QG_CREATION_OFFERED : QG_CREATION_OVER), "%s", offers[_i].body);
	ck_assert_uint_eq(creation.interval_ms, offers[_i].interval_ms);
	ck_assert_uint_eq(creation.patience_ms, offers[_i].patience_ms);
	ck_assert(good ? strcmp(creation.ticket, "d1") == 0 : !creation.url && creation.words[0]);
	qg_creation_finish(&creation);
}
END_TEST

static const struct {
	const char *body;
	enum qg_creation_turn turn;
} answers[] = {
	{"{\"error\":\"authorization_pending\"}", QG_CREATION_WAITS},
	{"{\"error\":\"slow_down\"}", QG_CREATION_WAITS},
	{"{}", QG_CREATION_WAITS},
	{"[]", QG_CREATION_WAITS},
	{"<html>", QG_CREATION_WAITS},
	{"", QG_CREATION_WAITS},
	{"{\"client_id\":\"cli_1\"}", QG_CREATION_WAITS},
	{"{\"client_id\":\"cli_1\",\"client_secret\":\"\"}", QG_CREATION_WAITS},
	{"{\"client_id\":\"cli_1\",\"client_secret\":\"x1\"}", QG_CREATION_MADE},
	{"{\"client_id\":\"cli_1\",\"client_secret\":\"x1\","
	 "\"user_info\":{\"tenant_brand\":\"feishu\"}}",
		QG_CREATION_MADE},
	{"{\"client_id\":\"cli\\n1\",\"client_secret\":\"x1\"}", QG_CREATION_OVER},
	{"{\"client_id\":\"cli_1\",\"client_secret\":\"x 1\"}", QG_CREATION_OVER},
	{"{\"error\":\"access_denied\"}", QG_CREATION_OVER},
	{"{\"error\":\"expired_token\"}", QG_CREATION_OVER},
	{"{\"error\":\"invalid_grant\",\"error_description\":\"没有权限\\u001b[2J\"}",
		QG_CREATION_OVER},
	{"{\"error\":\"new\"}", QG_CREATION_OVER},
};

START_TEST(test_answers)
{
	check_answer(&qg_creation_feishu, answers[_i].body, answers[_i].turn, "cli_1");
}
END_TEST

/* Whose company is at Lark: what came with that is not taken, the same code is asked for there, and that once. */
START_TEST(test_lark)
{
	static const char pending[] =
		"{\"error\":\"authorization_pending\",\"user_info\":{\"tenant_brand\":\"lark\"}}";
	static const char made[] = "{\"client_id\":\"cli_1\",\"client_secret\":\"x1\","
				   "\"user_info\":{\"tenant_brand\":\"lark\"}}";
	struct qg_creation creation = {.ticket = strdup("d1"), .url = strdup(LINK)};
	ck_assert_int_eq(read_body(&qg_creation_feishu, &creation, made), QG_CREATION_ON);
	ck_assert(creation.is_abroad);
	ck_assert_ptr_null(creation.id);
	ck_assert_int_eq(read_body(&qg_creation_feishu, &creation, pending), QG_CREATION_WAITS);
	ck_assert_int_eq(read_body(&qg_creation_feishu, &creation, made), QG_CREATION_MADE);
	ck_assert_str_eq(creation.id, "cli_1");
	qg_creation_finish(&creation);
}
END_TEST

START_TEST(test_slower)
{
	struct qg_creation creation = {
		.ticket = strdup("d1"), .url = strdup(LINK), .interval_ms = 5000};
	read_body(&qg_creation_feishu, &creation, "{\"error\":\"slow_down\"}");
	ck_assert_uint_eq(creation.interval_ms, 10000);
	for (int i = 0; i < 100; i++) {
		read_body(&qg_creation_feishu, &creation, "{\"error\":\"slow_down\"}");
	}
	ck_assert_uint_eq(creation.interval_ms, 60000);
	qg_creation_finish(&creation);
}
END_TEST

static void check_question(const struct qg_creation *creation, const char *body)
{
	struct qg_creation_question question = {0};
	ck_assert(qg_creation_feishu.ask(creation, &question));
	ck_assert_str_eq(question.method, "POST");
	ck_assert_str_eq(question.type, "application/x-www-form-urlencoded");
	ck_assert_str_eq(question.url, "http://h/oauth/v1/app/registration");
	ck_assert_str_eq(question.body, body);
	free(question.url);
	free(question.body);
}

/* Forms, in which a code of the platform's is a value and nothing else. */
START_TEST(test_questions)
{
	struct qg_creation creation = {.host = "http://h"};
	check_question(&creation, "action=begin&archetype=PersonalAgent&auth_method=client_secret&"
				  "request_user_info=open_id");
	creation.url = strdup(LINK);
	creation.ticket = strdup("a&action=begin+%");
	check_question(&creation, "action=poll&device_code=a%26action%3Dbegin%2B%25");
	free(creation.ticket);
	creation.ticket = calloc(1, QG_CREATION_TICKET_MOST + 1);
	memset(creation.ticket, '&', QG_CREATION_TICKET_MOST);
	struct qg_creation_question question = {0};
	ck_assert(qg_creation_feishu.ask(&creation, &question));
	ck_assert_uint_eq(strlen(question.body),
		strlen("action=poll&device_code=") + 3 * QG_CREATION_TICKET_MOST);
	free(question.url);
	free(question.body);
	qg_creation_finish(&creation);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli creation feishu");
	TCase *tcase = tcase_create("all");
	tcase_add_loop_test(tcase, test_offers, 0, sizeof(offers) / sizeof(offers[0]));
	tcase_add_loop_test(tcase, test_answers, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(tcase, test_lark);
	tcase_add_test(tcase, test_slower);
	tcase_add_test(tcase, test_questions);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
