/* test_calls.c - calls of the platform: what its answers mean, the token, the pace, the month's quota. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "world.h"

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

static struct qg_test_redis *redis;

static void setup(void)
{
	world_open("monthly_calls: 10\nmonthly_uses: 5\n", NULL);
}

static void teardown(void)
{
	world_close();
}

/* ---- what answers mean ---- */

/* What the planner makes of a status, in the words of the vectors. */
static const char *next_of(const struct dingtalk_verdict *verdict)
{
	if (verdict->token) {
		return "refresh_token_then_retry_once";
	}
	switch (verdict->status) {
	case QG_OK:
		return "ok";
	case QG_BUSY:
		return verdict->retry_ms >= 600000 ? "pause_10min" : "retry_after_backoff";
	case QG_FAILED:
		return "retry_after_backoff";
	case QG_UNSUPPORTED:
		return "fallback_plain_message";
	case QG_DENIED:
		return "fix_configuration";
	default:
		return "give_up";
	}
}

/* Where a table of errors says less than who reads the whole answer, or means the same by another name. */
static bool is_alike(const char *name, const char *have, const char *want)
{
	static const struct {
		const char *name, *have;
	} others[] = {
		{"direct_partly_flow_controlled", "ok"}, /* the lists are read by send.c */
		{"direct_invalid_staff", "ok"},
		{"card_delivered_false", "ok"}, /* and the results by the cards */
		{"session_gone", "give_up"},	/* this address; send.c goes on by the API */
		{"hook_token_gone", "give_up"},
		{"unknown_result", "fix_configuration"},
		{"open_plain_http", "fallback_plain_message"}, /* never asked with a reply */
		{"card_stream_too_large", "fallback_plain_message"},
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(others[i].name, name) == 0) {
			return strcmp(others[i].have, have) == 0;
		}
	}
	return strcmp(have, want) == 0;
}

START_TEST(test_verdicts)
{
	json_t *root = world_vectors("api_replies");
	const json_t *cases = json_object_get(root, "cases");
	ck_assert_uint_ge(json_array_size(cases), 38);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *vector = json_array_get(cases, i);
		const char *name = qg_json_str(vector, "name", "?");
		const char *api = qg_json_str(vector, "api", "");
		bool is_old = strstr(api, "v1.0") == NULL && strchr(api, '/') == NULL;
		char code[DINGTALK_CODE_MAX];
		const json_t *body = json_object_get(vector, "body");
		struct dingtalk_verdict verdict =
			dingtalk_verdict(is_old ? DINGTALK_OAPI : DINGTALK_API,
				(int)qg_json_int(vector, "status", 0),
				json_is_object(body) ? body : NULL, code);
		ck_assert_msg(is_alike(name, next_of(&verdict), qg_json_str(vector, "next", "")),
			"%s: %s", name, next_of(&verdict));
		ck_assert_int_ge(verdict.retry_ms, qg_json_int(vector, "backoff_ms_min", 0));
		ck_assert(code[0] != '\0');
	}
	json_decref(root);
}
END_TEST

START_TEST(test_scope_is_named)
{
	char code[DINGTALK_CODE_MAX];
	json_t *body = json_pack("{s:s, s:{s:[s]}}", "code",
		"Forbidden.AccessDenied.AccessTokenPermissionDenied", "accessdenieddetail",
		"requiredScopes", "Card.Streaming.Write");
	struct dingtalk_verdict verdict = dingtalk_verdict(DINGTALK_API, 403, body, code);
	ck_assert_int_eq(verdict.status, QG_DENIED);
	ck_assert_ptr_nonnull(strstr(code, "Card.Streaming.Write"));
	ck_assert_ptr_nonnull(strstr(verdict.words, "权限管理"));
	json_decref(body);
}
END_TEST

static const struct {
	int http;
	const char *body;
	enum qg_status status;
} odd[] = {{500, NULL, QG_FAILED}, {502, NULL, QG_FAILED}, {429, NULL, QG_BUSY},
	{404, NULL, QG_FAILED}, {403, NULL, QG_DENIED}, {413, NULL, QG_TOO_LARGE},
	{400, "{\"code\":\"some.new.word\"}", QG_UNSUPPORTED},
	{400, "{\"code\":7}", QG_UNSUPPORTED}, {200, NULL, QG_BUSY}, {200, "{}", QG_OK},
	{200, "[]", QG_BUSY}, {200, "{\"errcode\":\"0\"}", QG_OK},
	{200, "{\"errcode\":123456}", QG_UNSUPPORTED}};

START_TEST(test_odd_answers)
{
	char code[DINGTALK_CODE_MAX];
	json_t *body =
		odd[_i].body ? qg_json_parse(odd[_i].body, strlen(odd[_i].body), NULL) : NULL;
	ck_assert_int_eq(
		dingtalk_verdict(DINGTALK_API, odd[_i].http, body, code).status, odd[_i].status);
	json_decref(body);
}
END_TEST

/* ---- calls ---- */

struct ended {
	unsigned count;
	enum qg_status status;
	unsigned retry_ms;
	char code[DINGTALK_CODE_MAX];
	bool sent;
};
static struct ended ended;

static void end(void *arg, const struct dingtalk_answer *answer)
{
	struct ended *to = arg;
	to->count++;
	to->status = answer->status;
	to->retry_ms = answer->retry_ms;
	to->sent = answer->sent;
	snprintf(to->code, sizeof(to->code), "%s", answer->code);
}

static bool has_ended(void *arg)
{
	return ended.count >= *(unsigned *)arg;
}

static void call(const char *path)
{
	dingtalk_call(
		world_core(), DINGTALK_API, "POST", path, json_pack("{s:i}", "a", 1), end, &ended);
}

static void call_and_wait(const char *path)
{
	unsigned wanted = ended.count + 1;
	call(path);
	ck_assert_uint_eq(ended.count, wanted - 1); /* never from inside */
	world_wait(has_ended, &wanted);
}

START_TEST(test_call)
{
	world.answer = "{\"processQueryKey\":\"k\"}";
	call_and_wait("/v1.0/robot/groupMessages/send");
	ck_assert_int_eq(ended.status, QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	const struct asked *asked = &world.asked[1];
	ck_assert_str_eq(asked->token, "token-1");
	ck_assert_str_eq(asked->accept, "application/json");
	ck_assert_str_eq(asked->body, "{\"a\":1}");
	ck_assert_str_eq(asked->query, "");
	call_and_wait("/v1.0/robot/groupMessages/send");
	ck_assert_uint_eq(world.tokens, 1); /* the token is kept */
}
END_TEST

START_TEST(test_old_api_has_the_token_in_its_query)
{
	unsigned wanted = 1;
	static const struct qg_fetch_piece pieces[] = {{"abc", 3}, {"def", 3}};
	dingtalk_call_bytes(world_core(), DINGTALK_OAPI, "/media/upload?type=file",
		"multipart/form-data; boundary=b", pieces, 2, end, &ended);
	world_wait(has_ended, &wanted);
	ck_assert_int_eq(ended.status, QG_OK);
	ck_assert_str_eq(world.asked[1].query, "type=file&access_token=token-1");
	ck_assert_str_eq(world.asked[1].body, "abcdef");
	ck_assert_str_eq(world.asked[1].token, "");
}
END_TEST

START_TEST(test_refused_token_is_replaced_once)
{
	world.refuses_token = true;
	call_and_wait("/v1.0/x");
	ck_assert_int_eq(ended.status, QG_OK);
	ck_assert_uint_eq(world.tokens, 2);
	ck_assert_str_eq(world.asked[world.asked_count - 1].token, "token-2");
	world.answer_status = 401;
	world.answer = "{\"code\":\"InvalidAuthentication\"}";
	size_t before = world.asked_count;
	call_and_wait("/v1.0/y");
	ck_assert_int_eq(ended.status, QG_FAILED);
	ck_assert_uint_eq(world.tokens, 3);
	ck_assert_uint_eq(world.asked_count, before + 3);
}
END_TEST

START_TEST(test_no_token)
{
	world.token_status = 400;
	world.token_answer = "{\"code\":\"invalidClientIdOrSecret\"}";
	call_and_wait("/v1.0/x");
	ck_assert_int_eq(ended.status, QG_DENIED);
	ck_assert(!ended.sent);
	ck_assert_ptr_null(strstr(ended.code, CLIENT_SECRET));
}
END_TEST

START_TEST(test_forget)
{
	struct ended other = {0};
	call("/v1.0/x");
	dingtalk_call(world_core(), DINGTALK_API, "GET", "/v1.0/z", NULL, end, &other);
	dingtalk_forget(world_core(), &ended);
	dingtalk_core_starved(world_core(), end, &ended);
	dingtalk_forget(world_core(), &ended);
	world_wait_asked(2);
	world_settle();
	ck_assert_uint_eq(ended.count, 0);
}
END_TEST

static void call_times(size_t calls, const char *path)
{
	unsigned wanted = ended.count + (unsigned)calls;
	for (size_t i = 0; i < calls; i++) {
		call(path);
	}
	world_wait(has_ended, &wanted);
}

/* More than the platform takes in a second waits here. */
START_TEST(test_pace)
{
	struct timespec before, after;
	call_and_wait("/v1.0/x"); /* the token is there */
	world_pass(10000);
	clock_gettime(CLOCK_MONOTONIC, &before);
	call_times(16, "/v1.0/x");
	clock_gettime(CLOCK_MONOTONIC, &after);
	int64_t ms = (int64_t)(after.tv_sec - before.tv_sec) * 1000 +
		     (after.tv_nsec - before.tv_nsec) / 1000000;
	ck_assert_int_ge(ms, 16 * 50 - 400); /* 20 a second, some of them in advance */
	ck_assert_uint_eq(ended.count, 17);
}
END_TEST

START_TEST(test_rate_refusal)
{
	world.answer_status = 403;
	world.answer = "{\"code\":\"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi\"}";
	call_and_wait("/v1.0/x");
	ck_assert_int_eq(ended.status, QG_BUSY);
	ck_assert_uint_ge(ended.retry_ms, 1000);
	/* not counted, and the next of this kind waits */
	ck_assert_uint_eq(dingtalk_account_used(world_core()->account, DINGTALK_CALLS), 0);
	world.answer = NULL;
	world.answer_status = 0;
	size_t before = world.asked_count;
	call("/v1.0/x");
	call_and_wait("/v1.0/other");
	ck_assert_uint_eq(world.asked_count, before + 1);
}
END_TEST

START_TEST(test_ban)
{
	world.answer = "{\"status\":1111,\"punish\":\"deny\"}";
	call_and_wait("/v1.0/x");
	ck_assert_int_eq(ended.status, QG_BUSY);
	ck_assert_uint_ge(ended.retry_ms, 300000);
	size_t before = world.asked_count;
	call_and_wait("/v1.0/y");
	ck_assert_int_eq(ended.status, QG_BUSY);
	ck_assert_uint_eq(world.asked_count, before); /* nothing leaves */
	world.answer = NULL;
	world_pass(320000);
	call_and_wait("/v1.0/y");
	ck_assert_int_eq(ended.status, QG_OK);
}
END_TEST

START_TEST(test_month_is_used_up)
{
	world.answer_status = 403;
	world.answer = "{\"code\":\"Forbidden.AccessDenied.ApiCountLimitForOrg\"}";
	call_and_wait("/v1.0/x");
	ck_assert_int_eq(ended.status, QG_DENIED);
	ck_assert_uint_ge(dingtalk_account_used(world_core()->account, DINGTALK_CALLS), 100);
	size_t before = world.asked_count;
	call_and_wait("/v1.0/y");
	ck_assert_uint_eq(world.asked_count, before);
	world.answer = NULL;
	world.answer_status = 0;
	world_pass(600000); /* somebody may have bought more */
	call_and_wait("/v1.0/y");
	ck_assert_int_eq(ended.status, QG_OK);
}
END_TEST

/* ---- the month, in Redis ---- */

static void setup_redis(void)
{
	redis = qg_test_redis_start(false);
	world_open("monthly_calls: 10\nmonthly_uses: 5\n", redis);
}

static void teardown_redis(void)
{
	world_close();
	qg_test_redis_stop(redis);
}

static int64_t counted(const char *kind)
{
	char error[128];
	char digest[33];
	qg_digest_id(digest, "dingtalk", CLIENT_ID, NULL);
	char *key = qg_str_printf("qg:{dingtalk:%s}:%s:%d", digest, kind, 2026 * 12);
	const char *argv[] = {"GET", key};
	struct qg_redis_reply *reply = qg_redis_ask(qg_test_redis_url(redis), error, 2, argv, NULL);
	ck_assert_msg(reply != NULL, "%s", error);
	int64_t n = 0;
	if (reply->type == QG_REPLY_STRING) {
		ck_assert(qg_str_to_int64(reply->text, 0, INT64_MAX, &n));
	}
	qg_redis_reply_free(reply);
	free(key);
	return n;
}

static bool has_three_calls(void *arg)
{
	return counted("calls") == 3;
}

/* Calls and messages have counters of their own, under the key they always had. */
START_TEST(test_count)
{
	struct dingtalk_account *account = world_core()->account;
	dingtalk_account_count(account, DINGTALK_CALLS, 3);
	dingtalk_account_count(account, DINGTALK_USES, 1);
	ck_assert_uint_eq(dingtalk_account_used(account, DINGTALK_CALLS), 30);
	ck_assert_uint_eq(dingtalk_account_used(account, DINGTALK_USES), 20);
	world_wait(has_three_calls, NULL);
	ck_assert_int_eq(counted("uses"), 1);
	ck_assert_uint_eq(dingtalk_account_used(account, DINGTALK_CALLS), 30);
}
END_TEST

/* A new secret, while the bot with the old one still ends: two accounts, one count. */
START_TEST(test_count_of_two)
{
	char *options =
		qg_str_printf("{client_id: %s, client_secret: another, api_base: 'http://%s'}",
			CLIENT_ID, qg_http_server_address(world.platform));
	struct fake_host *other = fake_host_create_with(
		world.loop, qg_adapter_find("dingtalk"), options, world.redis, NULL, world.client);
	struct dingtalk_account *mine = world_core()->account;
	struct dingtalk_account *theirs = dingtalk_core_of(&other->bot)->account;
	ck_assert_ptr_ne(mine, theirs);
	dingtalk_account_count(mine, DINGTALK_CALLS, 1);
	dingtalk_account_count(theirs, DINGTALK_CALLS, 2);
	world_wait(has_three_calls, NULL);
	fake_host_destroy(other);
	dingtalk_account_count(mine, DINGTALK_CALLS, 0); /* it lives on */
	free(options);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk calls");
	TCase *tests = tcase_create("calls"), *months = tcase_create("months");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_checked_fixture(months, setup_redis, teardown_redis);
	tcase_set_timeout(tests, 30);
	tcase_set_timeout(months, 30);
	tcase_add_test(tests, test_verdicts);
	tcase_add_test(tests, test_scope_is_named);
	tcase_add_loop_test(tests, test_odd_answers, 0, (int)(sizeof(odd) / sizeof(odd[0])));
	tcase_add_test(tests, test_call);
	tcase_add_test(tests, test_old_api_has_the_token_in_its_query);
	tcase_add_test(tests, test_refused_token_is_replaced_once);
	tcase_add_test(tests, test_no_token);
	tcase_add_test(tests, test_forget);
	tcase_add_test(tests, test_pace);
	tcase_add_test(tests, test_rate_refusal);
	tcase_add_test(tests, test_ban);
	tcase_add_test(tests, test_month_is_used_up);
	tcase_add_test(months, test_count);
	tcase_add_test(months, test_count_of_two);
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, months);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
