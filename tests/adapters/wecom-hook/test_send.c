/* test_send.c - replies against a platform that answers from a script: the requests, and what each answer means. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_host.h"
#include "hook.h"

#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define KEY "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
#define SEND "/cgi-bin/webhook/send"
#define UPLOAD "/cgi-bin/webhook/upload_media"
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

static char dir[] = "/tmp/qg-hook-XXXXXX";

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
	memset(&world, 0, sizeof(world));
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	char error[128], options[256];
	struct qg_http_limits limits;
	qg_http_limits_init(&limits);
	limits.body = 21 << 20;
	world.loop = qg_loop_create(1);
	world.client = qg_http_client_create(world.loop);
	world.platform =
		qg_http_server_create(world.loop, "127.0.0.1:0", &limits, platform, NULL, error);
	ck_assert_msg(world.platform != NULL, "%s", error);
	snprintf(options, sizeof(options), "url: 'http://%s" SEND "?key=" KEY "'",
		qg_http_server_address(world.platform));
	world.host = fake_host_create_with(
		world.loop, qg_adapter_find("wecom-hook"), options, NULL, NULL, world.client);
	ck_assert_str_eq(world.host->problems, "");
	ck_assert_int_eq(world.host->init, QG_OK);
	world.host->bot.data_dir = dir;
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
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
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

static struct qg_reply *file_reply(const char *type, enum qg_form form)
{
	struct qg_reply *reply = fake_host_reply(NAME, "m", "");
	reply->form = form;
	reply->files = json_pack("[{s:s, s:s, s:i, s:s}]", "type", type, "name", "日报.png", "size",
		12, "file", NAME);
	reply->file = json_array_get(reply->files, 0);
	reply->part = 1;
	return reply;
}

static void put_file(const char *data, size_t size)
{
	char path[128];
	snprintf(path, sizeof(path), "mkdir -p %s/outbox", dir);
	ck_assert_int_eq(system(path), 0);
	snprintf(path, sizeof(path), "%s/outbox/" NAME, dir);
	FILE *file = fopen(path, "wb");
	ck_assert_uint_eq(fwrite(data, 1, size, file), size);
	fclose(file);
}

START_TEST(test_text)
{
	ck_assert_int_eq(send_text("**你好**", QG_FORM_RICH), QG_OK);
	ck_assert_int_eq(send_text("你好", QG_FORM_PLAIN), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert_str_eq(world.asked[0].path, SEND);
	ck_assert_str_eq(world.asked[0].query, "key=" KEY);
	ck_assert_str_eq(world.asked[0].type, "application/json");
	ck_assert_str_eq(world.asked[0].body,
		"{\"msgtype\":\"markdown_v2\",\"markdown_v2\":{\"content\":\"**你好**\"}}");
	ck_assert_str_eq(
		world.asked[1].body, "{\"msgtype\":\"text\",\"text\":{\"content\":\"你好\"}}");
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
	{200, "{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}", QG_DENIED, 0},
	{200, "{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}", QG_BUSY, 60000},
	{200, "{\"errcode\":-1,\"errmsg\":\"system busy\"}", QG_BUSY, 0},
	{200, "{\"errcode\":45002,\"errmsg\":\"too long\"}", QG_TOO_LARGE, 0},
	{200, "{\"errcode\":40058,\"errmsg\":\"invalid\"}", QG_UNSUPPORTED, 0},
	{200, "{\"errcode\":4711,\"errmsg\":\"new\"}", QG_UNSUPPORTED, 0},
	{429, "", QG_BUSY, 60000},
	{502, "<html>bad gateway</html>", QG_IO, 0},
	{503, FINE, QG_IO, 0},
	{200, "", QG_IO, 0},
	{200, "{}", QG_IO, 0},
	{200, "{\"errcode\":\"0\"}", QG_IO, 0},
	{200, "{\"errcode\":0", QG_IO, 0},
	{404, "<html></html>", QG_FAILED, 0},
};

START_TEST(test_answers)
{
	answers(answered[_i].http, answered[_i].body);
	enum qg_status status = send_text("x", QG_FORM_RICH);
	ck_assert_msg(
		status == answered[_i].status, "%s: %s", answered[_i].body, qg_status_name(status));
	ck_assert_uint_ge(world.host->retry_ms[0], answered[_i].least_ms);
	ck_assert_uint_le(world.host->retry_ms[0], 90000);
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

/* ---- files ---- */

START_TEST(test_image)
{
	put_file("\x89PNG\r\n\x1a\n....", 12);
	ck_assert_int_eq(send_one(file_reply("image", QG_FORM_RICH)), QG_OK);
	ck_assert_uint_eq(world.asked_count, 1);
	ck_assert_str_eq(world.asked[0].path, SEND);
	ck_assert(qg_str_starts_with(world.asked[0].body, "{\"msgtype\":\"image\""));
}
END_TEST

/* A file is uploaded with the key in the address, then shown by what the upload said. A picture that was refused goes
 * the same way. */
START_TEST(test_file)
{
	put_file("\x89PNG\r\n\x1a\n....", 12);
	answers(200, "{\"errcode\":0,\"errmsg\":\"ok\",\"type\":\"file\",\"media_id\":\"3a8\\u002d"
		     "V\",\"created_at\":\"1380000000\"}");
	ck_assert_int_eq(send_one(file_reply("image", QG_FORM_APART)), QG_OK);
	ck_assert_uint_eq(world.asked_count, 2);
	ck_assert_str_eq(world.asked[0].path, UPLOAD);
	ck_assert_str_eq(world.asked[0].query, "type=file&key=" KEY);
	ck_assert(qg_str_starts_with(world.asked[0].type, "multipart/form-data; boundary="));
	const char *boundary = strchr(world.asked[0].type, '=') + 1;
	ck_assert(qg_str_starts_with(world.asked[0].body, "--"));
	ck_assert(qg_str_starts_with(world.asked[0].body + 2, boundary));
	ck_assert_str_eq(world.asked[1].path, SEND);
	ck_assert_str_eq(
		world.asked[1].body, "{\"msgtype\":\"file\",\"file\":{\"media_id\":\"3a8-V\"}}");
}
END_TEST

/* An upload shows nothing: when it fails, no outcome is unknown. What no form can change is told. */
START_TEST(test_upload_fails)
{
	put_file("hello world.", 12);
	answers(500, "");
	ck_assert_int_eq(send_one(file_reply("file", QG_FORM_RICH)), QG_FAILED);
	answers(200, "{\"errcode\":40058,\"errmsg\":\"invalid\"}");
	ck_assert_int_eq(send_one(file_reply("file", QG_FORM_RICH)), QG_DENIED);
	answers(200, FINE); /* without a media_id */
	ck_assert_int_eq(send_one(file_reply("file", QG_FORM_RICH)), QG_IO);
	ck_assert_uint_eq(world.asked_count, 3);
}
END_TEST

START_TEST(test_no_file)
{
	ck_assert_int_eq(send_one(file_reply("file", QG_FORM_RICH)), QG_DENIED);
	static const char *const names[] = {"../../etc/passwd", "",
		"0123456789ABCDEF0123456789ABCDEF", "../3456789abcdef0123456789abcdef"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct qg_reply *reply = fake_host_reply(NAME, "m", "");
		reply->files = json_pack("[{s:s, s:s, s:i, s:s}]", "type", "file", "name", "x",
			"size", 12, "file", names[i]);
		reply->file = json_array_get(reply->files, 0);
		ck_assert_int_eq(send_one(reply), QG_DENIED);
	}
	ck_assert_uint_eq(world.asked_count, 0);
}
END_TEST

/* The bot ends while a file is being read: nothing comes afterwards, and nothing leaks. */
START_TEST(test_finish_while_reading)
{
	put_file("hello world.", 12);
	fake_host_send(world.host, file_reply("file", QG_FORM_RICH));
	fake_host_send(world.host, fake_host_reply(NAME, "m", "x"));
	fake_host_destroy(world.host);
	world.host = NULL;
	qg_loop_finish_work(world.loop);
	ck_assert_uint_eq(world.asked_count, 0);
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
	{"{\"errcode\":44004,\"errmsg\":\"empty content\"}", QG_OK},
	{"{\"errcode\":40058,\"errmsg\":\"invalid Request Parameter\"}", QG_OK},
	{FINE, QG_OK},
	{"{\"errcode\":93000,\"errmsg\":\"invalid webhook url " KEY "\"}", QG_DENIED},
	{"{\"errcode\":4711,\"errmsg\":\"new\"}", QG_FAILED},
	{"<html>", QG_IO},
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
	if (probes[_i].status == QG_DENIED) {
		ck_assert_ptr_nonnull(strstr(world.words, "消息推送"));
	}
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
	Suite *suite = suite_create("wecom-hook send");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_silent);
	tcase_add_loop_test(tcase, test_answers, 0, sizeof(answered) / sizeof(answered[0]));
	tcase_add_test(tcase, test_never_left);
	tcase_add_test(tcase, test_image);
	tcase_add_test(tcase, test_file);
	tcase_add_test(tcase, test_upload_fails);
	tcase_add_test(tcase, test_no_file);
	tcase_add_test(tcase, test_finish_while_reading);
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
