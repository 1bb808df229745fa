/* test_send.c - replies against a platform that answers from a script: the requests, and what each answer means. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "hook.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define KEY "4c1f2a9be07d5d33"
#define SEND "/robot/send"
#define FINE "{\"errcode\":0,\"errmsg\":\"ok\"}"
#define NAME "0123456789abcdef0123456789abcdef"
#define MOST 16

static struct {
	struct qg_loop *loop;
	struct qg_http_client *client;
	struct qg_http_server *platform;
	struct fake_host *host;
	struct {
		char *path, *query, *type, *body;
	} asked[MOST];
	size_t asked_count;
	struct {
		int http;
		const char *body;
	} script[MOST];
	size_t script_count, script_at;
	struct qg_http_exchange *unanswered;
	bool mute;
	enum qg_status told;
	char words[256];
	bool has_told;
} world;

static void platform(void *arg, struct qg_http_exchange *x)
{
	ck_assert_uint_lt(world.asked_count, MOST);
	size_t size = 0, at = world.asked_count++;
	const char *body = qg_http_body(x, &size);
	ck_assert_str_eq(qg_http_method(x), "POST");
	world.asked[at].path = qg_str_copy(qg_http_path(x));
	world.asked[at].query = qg_str_copy(qg_http_query(x));
	world.asked[at].type = qg_str_copy(qg_http_header(x, "Content-Type"));
	world.asked[at].body = qg_str_copy_n(body ? body : "", size);
	if (world.mute) {
		world.unanswered = x;
		return;
	}
	bool scripted = world.script_at < world.script_count;
	const char *text = scripted ? world.script[world.script_at].body : FINE;
	qg_http_answer(x, scripted ? world.script[world.script_at].http : 200, "application/json",
		text, strlen(text));
	world.script_at += scripted;
}

static void answers(int http, const char *body)
{
	ck_assert_uint_lt(world.script_count, MOST);
	world.script[world.script_count].http = http;
	world.script[world.script_count++].body = body;
}

static void setup(void)
{
	qg_clock_fix(-1, 0);
	memset(&world, 0, sizeof(world));
	char error[128], options[256];
	struct qg_http_limits limits;
	qg_http_limits_init(&limits);
	world.loop = qg_loop_create(1);
	world.client = qg_http_client_create(world.loop);
	world.platform =
		qg_http_server_create(world.loop, "127.0.0.1:0", &limits, platform, NULL, error);
	ck_assert_msg(world.platform != NULL, "%s", error);
	snprintf(options, sizeof(options), "url: 'http://%s" SEND "?access_token=" KEY "'",
		qg_http_server_address(world.platform));
	world.host = fake_host_create_with(
		world.loop, qg_adapter_find("dingtalk-hook"), options, NULL, NULL, world.client);
	ck_assert_str_eq(world.host->problems, "");
	ck_assert_int_eq(world.host->init, QG_OK);
}

static void teardown(void)
{
	fake_host_destroy(world.host);
	qg_loop_finish_work(world.loop);
	if (world.unanswered) {
		qg_http_answer_error(world.unanswered, 503, "late");
	}
	qg_http_client_destroy(world.client);
	qg_http_server_destroy(world.platform);
	qg_loop_destroy(world.loop);
	for (size_t i = 0; i < world.asked_count; i++) {
		free(world.asked[i].path);
		free(world.asked[i].query);
		free(world.asked[i].type);
		free(world.asked[i].body);
	}
}

static bool is_sent(void *arg)
{
	return world.host->sent_count > *(size_t *)arg;
}

static enum qg_status send_one(struct qg_reply *reply)
{
	size_t before = world.host->sent_count;
	fake_host_send(world.host, reply);
	fake_host_wait(world.loop, is_sent, &before);
	return world.host->sent[before];
}

static enum qg_status send_text(const char *text, enum qg_form form)
{
	struct qg_reply *reply = fake_host_reply(NAME, "m", text);
	reply->form = form;
	return send_one(reply);
}

START_TEST(test_text)
{
	ck_assert_int_eq(send_text("**你好**", QG_FORM_RICH), QG_OK);
	ck_assert_int_eq(send_text("你好", QG_FORM_PLAIN), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert_str_eq(world.asked[0].path, SEND);
	ck_assert_str_eq(world.asked[0].query, "access_token=" KEY);
	ck_assert_str_eq(world.asked[0].type, "application/json; charset=utf-8");
	json_t *body = qg_json_parse(world.asked[0].body, strlen(world.asked[0].body), NULL);
	const json_t *inner = json_object_get(body, "markdown");
	ck_assert_str_eq(qg_json_str(inner, "title", ""), "你好");
	ck_assert_str_eq(qg_json_str(inner, "text", ""), "**你好**");
	ck_assert_uint_eq(strlen(qg_json_str(body, "msgUuid", "")), 32);
	ck_assert_ptr_null(json_object_get(body, "at"));
	json_decref(body);
	ck_assert(qg_str_starts_with(
		world.asked[1].body, "{\"msgtype\":\"text\",\"text\":{\"content\":\"你好\"},"));
}
END_TEST

/* Nothing to say, and no open handle to close: landed without a call. */
START_TEST(test_silent)
{
	struct qg_reply *reply = fake_host_reply(NAME, "m", "");
	reply->silent = true;
	ck_assert_int_eq(send_one(reply), QG_OK);
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

static const struct {
	int http;
	const char *body;
	enum qg_status status;
	unsigned least_ms;
} answered[] = {
	{200, FINE, QG_OK, 0},
	{200, "{\"errcode\":\"0\",\"errmsg\":\"ok\"}", QG_OK, 0},
	{200, "{\"errcode\":300001,\"errmsg\":\"token is not exist\"}", QG_DENIED, 0},
	{200, "{\"errcode\":130101,\"errmsg\":\"send too fast\"}", QG_BUSY, 600000},
	{200, "{\"errcode\":-1,\"errmsg\":\"system busy\"}", QG_BUSY, 1000},
	{200, "{\"errcode\":460101,\"errmsg\":\"too long\"}", QG_TOO_LARGE, 0},
	{200, "{\"errcode\":400105,\"errmsg\":\"invalid\"}", QG_UNSUPPORTED, 0},
	{200, "{\"errcode\":430101,\"errmsg\":\"unsafe link\"}", QG_DENIED, 0},
	{200, "{\"errcode\":4711,\"errmsg\":\"new\"}", QG_UNSUPPORTED, 0},
	{200, "{\"status\":1111,\"punish\":\"deny\"}", QG_BUSY, 300000},
	{429, "", QG_BUSY, 60000},
	{502, "<html>bad gateway</html>", QG_IO, 0},
	{503, FINE, QG_IO, 0},
	{404, "<html></html>", QG_FAILED, 0},
};

START_TEST(test_answers)
{
	answers(answered[_i].http, answered[_i].body);
	enum qg_status status = send_text("x", QG_FORM_RICH);
	ck_assert_msg(
		status == answered[_i].status, "%s: %s", answered[_i].body, qg_status_name(status));
	ck_assert_uint_ge(world.host->retry_ms[0], answered[_i].least_ms);
	ck_assert_uint_le(world.host->retry_ms[0], 620000);
}
END_TEST

/* Nobody listens there: the part surely did not leave. */
START_TEST(test_never_left)
{
	qg_http_server_destroy(world.platform);
	world.platform = NULL;
	ck_assert_int_eq(send_text("x", QG_FORM_RICH), QG_FAILED);
}
END_TEST

/* What came too fast mutes the robot: until that is over nothing leaves, and each send says how long. */
START_TEST(test_mute)
{
	answers(200, "{\"errcode\":410100,\"errmsg\":\"too fast\"}");
	ck_assert_int_eq(send_text("x", QG_FORM_RICH), QG_BUSY);
	ck_assert_uint_ge(world.host->retry_ms[0], 600000);
	ck_assert_int_eq(send_text("y", QG_FORM_RICH), QG_BUSY);
	ck_assert_uint_gt(world.host->retry_ms[1], 590000);
	ck_assert_uint_eq(world.asked_count, 1);
	qg_clock_fix(qg_clock_wall() + 621000, qg_clock_mono() + 621000);
	ck_assert_int_eq(send_text("z", QG_FORM_RICH), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
}
END_TEST

/* A part that comes again goes under the same key, another part under another. */
START_TEST(test_uuid)
{
	for (unsigned i = 0; i < 3; i++) {
		struct qg_reply *reply = fake_host_reply(NAME, "m", "x");
		reply->part = i / 2;
		ck_assert_int_eq(send_one(reply), QG_OK);
	}
	ck_assert_str_eq(world.asked[0].body, world.asked[1].body);
	ck_assert_str_ne(world.asked[0].body, world.asked[2].body);
}
END_TEST

/* 加签: time and signature in the address, new for each call. */
START_TEST(test_signed)
{
	fake_host_destroy(world.host);
	char options[256];
	snprintf(options, sizeof(options),
		"{url: 'http://%s" SEND "?access_token=" KEY "', secret: SECx}",
		qg_http_server_address(world.platform));
	world.host = fake_host_create_with(
		world.loop, qg_adapter_find("dingtalk-hook"), options, NULL, NULL, world.client);
	ck_assert_int_eq(world.host->init, QG_OK);
	qg_clock_fix(1767225600000, 1000);
	ck_assert_int_eq(send_text("x", QG_FORM_RICH), QG_OK);
	ck_assert(qg_str_starts_with(
		world.asked[0].query, "access_token=" KEY "&timestamp=1767225600000&sign="));
	ck_assert_ptr_null(strstr(world.asked[0].query, "SECx"));
}
END_TEST

/* The bot ends while a call is under way: nothing comes afterwards, and nothing leaks. */
START_TEST(test_finish_while_sending)
{
	world.mute = true;
	fake_host_send(world.host, fake_host_reply(NAME, "m", "x"));
	fake_host_destroy(world.host);
	world.host = NULL;
	qg_loop_finish_work(world.loop);
}
END_TEST

static bool has_stopped(void *arg)
{
	return world.host->stops > 0;
}

START_TEST(test_stop_waits)
{
	fake_host_send(world.host, fake_host_reply(NAME, "m", "x"));
	fake_host_stop(world.host);
	fake_host_wait(world.loop, has_stopped, NULL);
	ck_assert_uint_eq(world.host->sent_count, 1);
	ck_assert_int_eq(world.host->sent[0], QG_OK);
	ck_assert_uint_eq(world.host->stops, 1);
}
END_TEST

/* ---- the key and its robot ---- */

static void told(void *arg, enum qg_status status, const char *words)
{
	world.told = status;
	snprintf(world.words, sizeof(world.words), "%s", words);
	world.has_told = true;
}

static bool is_told(void *arg)
{
	return world.has_told;
}

static const struct {
	const char *body;
	enum qg_status status;
} probes[] = {
	{"{\"errcode\":40035,\"errmsg\":\"missing\"}", QG_OK},
	{"{\"errcode\":310000,\"errmsg\":\"keywords not in content\"}", QG_OK},
	{FINE, QG_OK},
	{"{\"errcode\":310000,\"errmsg\":\"sign not match, more\"}", QG_DENIED},
	{"{\"errcode\":300001,\"errmsg\":\"token is not exist " KEY "\"}", QG_DENIED},
	{"{\"errcode\":4711,\"errmsg\":\"new\"}", QG_FAILED},
};

/* An empty text asks without showing anything. The key is repeated to nobody. */
START_TEST(test_probe)
{
	answers(200, probes[_i].body);
	const struct qg_adapter *adapter = world.host->bot.adapter;
	adapter->probe(&world.host->bot, told, NULL);
	ck_assert(!world.has_told);
	fake_host_wait(world.loop, is_told, NULL);
	ck_assert_int_eq(world.told, probes[_i].status);
	ck_assert_str_eq(world.asked[0].body, "{\"msgtype\":\"text\",\"text\":{\"content\":\"\"}}");
	ck_assert_ptr_null(strstr(world.words, KEY));
	ck_assert_uint_eq(world.host->sent_count, 0);
	ck_assert_str_ne(world.words, "");
}
END_TEST

/* Two bots of one robot have one account, and it does not tell the key. */
START_TEST(test_account)
{
	const struct qg_adapter *adapter = world.host->bot.adapter;
	char *account = adapter->account(&world.host->bot);
	ck_assert_ptr_nonnull(account);
	ck_assert_ptr_null(strstr(account, KEY));
	char *again = adapter->account(&world.host->bot);
	ck_assert_str_eq(account, again);
	free(account);
	free(again);
	ck_assert_uint_eq(adapter->can.app_minute, 20);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk-hook send");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_silent);
	tcase_add_loop_test(tcase, test_answers, 0, sizeof(answered) / sizeof(answered[0]));
	tcase_add_test(tcase, test_never_left);
	tcase_add_test(tcase, test_mute);
	tcase_add_test(tcase, test_uuid);
	tcase_add_test(tcase, test_signed);
	tcase_add_test(tcase, test_finish_while_sending);
	tcase_add_test(tcase, test_stop_waits);
	tcase_add_loop_test(tcase, test_probe, 0, sizeof(probes) / sizeof(probes[0]));
	tcase_add_test(tcase, test_account);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
