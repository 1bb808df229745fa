/* test_services.c - the services over HTTP against a server that says what the test wants: what
 * is shown, how it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calling.h"
#include "main.h"
#include "qg/json.h"

/* ---- what comes ---- */

START_TEST(an_answer)
{
	ask(SSE ": keep-alive\n\n" DELTA("你") DELTA("好") FINISH("stop") USAGE DONE);
	ck_assert_int_eq(result.error, QG_MODEL_NONE);
	ck_assert_str_eq(shown(), "你好");
	ck_assert_str_eq(model, "m-1");
	ck_assert(result.sent && result.has_usage && !result.cut);
	ck_assert_int_eq(result.tokens.input, 12);
	ck_assert_int_eq(result.tokens.cached_input, 8);
	ck_assert_int_eq(result.tokens.output, 3);
	ck_assert_int_eq(result.retry_after_ms, -1);
}
END_TEST

/* A server that holds its connection open behind the end does not hold the answer. */
START_TEST(the_end_of_the_stream_is_the_end)
{
	leaves = false;
	ask("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" DELTA("好") FINISH("stop")
			USAGE DONE DELTA("no"));
	ck_assert_int_eq(result.error, QG_MODEL_NONE);
	ck_assert_str_eq(shown(), "好");
	ck_assert(result.has_usage);
}
END_TEST

static const struct {
	const char *reply;
	bool resets;
	enum qg_model_error error;
	const char *text;
	bool has_usage;
	bool cut;
	const char *words; /* are part of what is said */
} answers[] = {
	{SSE DELTA("好") FINISH("stop"), true, QG_MODEL_NONE, "好", false, false, ""},
	{SSE DELTA("好") FINISH("length") USAGE DONE, false, QG_MODEL_NONE, "好", true, true, ""},
	{SSE DELTA("好"), false, QG_MODEL_TRANSPORT, "好", false, false, "broke off"},
	{SSE DELTA("好"), true, QG_MODEL_TRANSPORT, "好", false, false, "broke off"},
	{SSE, false, QG_MODEL_TRANSPORT, "", false, false, "an empty answer"},
	{"", true, QG_MODEL_TRANSPORT, "", false, false, ""},
	{SSE FINISH("stop") USAGE DONE, false, QG_MODEL_SERVER, "", true, false, "is empty"},
	{SSE DELTA("\\n\\n") DELTA(" ") FINISH("stop") USAGE DONE, false, QG_MODEL_SERVER, "", true,
		false, "is empty"},
	{SSE DELTA("\\n\\n") DELTA(" 好 ") FINISH("stop") USAGE DONE, false, QG_MODEL_NONE, "好 ",
		true, false, ""},
	{SSE DELTA("好") DELTA("\xe5\xa5") DELTA("吗") FINISH("stop") DONE, false, QG_MODEL_NONE,
		"好\xef\xbf\xbd\xef\xbf\xbd吗", false, false, ""},
	{SSE DELTA("好") "data: {\"choices\":[{\"delta\":\n\n" DELTA("吗") FINISH("stop") DONE,
		false, QG_MODEL_SERVER, "好", false, false, "cannot be read"},
	{SSE DELTA("好") "data: ping\n\n" FINISH("stop") DONE, false, QG_MODEL_NONE, "好", false,
		false, ""},
	{SSE FINISH("length") USAGE DONE, false, QG_MODEL_SERVER, "", true, false, "thoughts"},
	{SSE DELTA("好") FINISH("content_filter") DONE, false, QG_MODEL_FILTERED, "好", false,
		false, "content_filter"},
	{SSE DELTA("好") "data: {\"error\":{\"message\":\"slow " KEY "\",\"code\":429}}\n\n", false,
		QG_MODEL_RATE, "好", false, false, "slow ****"},
	{SSE "data: "
	     "{\"choices\":[{\"delta\":{\"refusal\":\"不行\"},\"finish_reason\":\"stop\"}]}\n\n"
	     "data: [DONE]\n\n",
		false, QG_MODEL_NONE, "不行", false, false, ""},
	{"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>login",
		false, QG_MODEL_SERVER, "", false, false, "neither"},
	{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
	 "{\"choices\":[{\"message\":{\"content\":\"好\"},\"finish_reason\":\"stop\"}],\"usage\":"
	 "{\"prompt_tokens\":1,\"completion_tokens\":1}}",
		false, QG_MODEL_NONE, "好", true, false, ""},
	{"HTTP/1.1 429 no\r\nRetry-After: 2\r\nConnection: "
	 "close\r\n\r\n{\"error\":{\"message\":\"x " KEY "\",\"code\":\"rate_limit_exceeded\"}}",
		false, QG_MODEL_RATE, "", false, false,
		"HTTP 429, code rate_limit_exceeded: x ****"},
	{"HTTP/1.1 402 no\r\nConnection: close\r\n\r\n{}", false, QG_MODEL_BALANCE, "", false,
		false, "HTTP 402"},
	{"HTTP/1.1 502 no\r\nConnection: close\r\n\r\n<html>\nbad", false, QG_MODEL_SERVER, "",
		false, false, "HTTP 502: <html> bad"},
};

START_TEST(each_way_to_end)
{
	resets = answers[_i].resets;
	ask(answers[_i].reply);
	ck_assert_msg(result.error == answers[_i].error, "%s", words);
	ck_assert_str_eq(shown(), answers[_i].text);
	ck_assert_int_eq(result.has_usage, answers[_i].has_usage);
	ck_assert_int_eq(result.cut, answers[_i].cut);
	ck_assert_int_eq(result.sent, strncmp(answers[_i].reply, "HTTP/1.1 4", 10) != 0);
	ck_assert_msg(strstr(words, answers[_i].words) != NULL, "%s", words);
	ck_assert_int_eq(
		result.retry_after_ms, strstr(answers[_i].reply, "Retry-After") ? 2000 : -1);
}
END_TEST

START_TEST(nobody_there)
{
	vendor_close(&vendor);
	ask("");
	ck_assert_int_eq(result.error, QG_MODEL_TRANSPORT);
	ck_assert(!result.sent);
	vendor_open(&vendor);
}
END_TEST

static void comment(void *arg)
{
	visitor_say(vendor_last(&vendor), ": keep-alive\n\n");
}

static void keep_alive(struct visitor *visitor)
{
	visitor_say(visitor, SSE);
	comments = qg_timer_create(loop, comment, NULL);
	qg_timer_repeat(comments, 20);
}

/* Comments prove that the connection lives; an answer they are not. */
START_TEST(a_server_that_only_breathes)
{
	vendor.asked = keep_alive;
	ask("");
	ck_assert_int_eq(result.error, QG_MODEL_TIMEOUT);
	ck_assert(result.sent);
}
END_TEST

static void say_all_and_breathe(struct visitor *visitor)
{
	keep_alive(visitor);
	visitor_say(visitor, DELTA("好") FINISH("stop") USAGE DONE);
}

START_TEST(a_server_that_breathes_on_behind_the_end)
{
	vendor.asked = say_all_and_breathe;
	ask("");
	ck_assert_int_eq(result.error, QG_MODEL_NONE);
	ck_assert(result.has_usage);
	ck_assert_str_eq(shown(), "好");
}
END_TEST

/* ---- old servers ---- */

static void refuse_options(struct visitor *visitor)
{
	snprintf(request, sizeof(request), "%s", visitor->request);
	visitor_say(visitor, strstr(request, "stream_options") != NULL
				     ? "HTTP/1.1 400 no\r\nContent-Length: 25\r\n\r\n"
				       "unknown: 'stream_options'"
				     : SSE DELTA("好") FINISH("stop") DONE);
	if (strstr(request, "stream_options") == NULL) {
		visitor_leave(visitor, false);
	}
}

START_TEST(a_server_without_stream_options)
{
	vendor.asked = refuse_options;
	use("vllm", "/old");
	ask("");
	ck_assert_int_eq(result.error, QG_MODEL_NONE);
	ck_assert_str_eq(shown(), "好");
	ck_assert_int_eq(vendor.requests, 2);
	ask("");
	ck_assert_str_eq(shown(), "好");
	ck_assert_int_eq(vendor.requests, 3); /* it is remembered */
}
END_TEST

START_TEST(another_refusal_is_tried_once_more_only)
{
	use("vllm", "/other");
	ask("HTTP/1.1 400 no\r\nConnection: close\r\n\r\n{\"error\":\"bad\"}");
	ck_assert_int_eq(result.error, QG_MODEL_REQUEST);
	ck_assert_int_eq(vendor.requests, 2);
}
END_TEST

/* ---- cancelled ---- */

static bool was_asked(void *arg)
{
	return vendor.requests > 0;
}

static void say_nothing(struct visitor *visitor)
{
}

START_TEST(cancelled_while_waiting)
{
	vendor.asked = say_nothing;
	begin();
	if (_i == 1) {
		run_until(was_asked, NULL);
	}
	call.model->cancel(&call);
	free(call.state);
	run_turns(5);
	ck_assert_int_eq(ends, 0);
}
END_TEST

static bool has_chunk(void *arg)
{
	return chunks > 0;
}

START_TEST(cancelled_inside_a_chunk)
{
	cancel_at = 1;
	reply = _i == 0	  ? SSE DELTA("好") FINISH("stop") DONE
		: _i == 1 ? SSE DELTA("好")
			  : SSE
			"data: {\"choices\":[{\"delta\":{\"refusal\":\"不\"},\"finish_reason\":"
			"\"stop\"}]}\n\n" DONE;
	begin();
	run_until(has_chunk, NULL);
	run_turns(5);
	ck_assert_int_eq(ends, 0);
	ck_assert_int_eq(chunks, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("services");
	TCase *all = tcase_create("all");
	tcase_set_timeout(all, 20);
	tcase_add_checked_fixture(all, calling_setup, calling_teardown);
	tcase_add_test(all, a_server_that_breathes_on_behind_the_end);
	tcase_add_test(all, an_answer);
	tcase_add_test(all, the_end_of_the_stream_is_the_end);
	tcase_add_loop_test(all, each_way_to_end, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(all, nobody_there);
	tcase_add_test(all, a_server_that_only_breathes);
	tcase_add_test(all, a_server_without_stream_options);
	tcase_add_test(all, another_refusal_is_tried_once_more_only);
	tcase_add_loop_test(all, cancelled_while_waiting, 0, 2);
	tcase_add_loop_test(all, cancelled_inside_a_chunk, 0, 3);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
