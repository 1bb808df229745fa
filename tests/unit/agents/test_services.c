/* test_services.c - the services over HTTP against a server that says what the test wants: what is asked,
 * what is shown, how it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "models/http_call.h"
#include "qg/json.h"
#include "vendor.h"

#define KEY "sk-0123456789abcdef"
#define SSE "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
#define DELTA(text)                                                                                \
	"data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text        \
	"\"},\"finish_reason\":null}]}\n\n"
#define FINISH(reason)                                                                             \
	"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]}\n\n"
#define USAGE                                                                                      \
	"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3,"           \
	"\"prompt_tokens_details\":{\"cached_tokens\":8}}}\n\n"
#define DONE "data: [DONE]\n\n"

static struct vendor vendor;
static struct qg_http_client *client;
static const char *reply;	  /* what the server says to each request */
static bool leaves, resets;	  /* and does then */
static char request[8192];	  /* the last one */
static struct qg_timer *comments; /* keep-alives of a server that never answers */

static struct qg_model_config endpoint;
static struct qg_ask question;
static struct qg_model_call call;
static struct qg_buf text;
static struct qg_model_result result; /* with copies below */
static char words[512], model[128];
static int ends, chunks, cancel_at;
static bool asking;

static void answer(struct visitor *visitor)
{
	snprintf(request, sizeof(request), "%s", visitor->request);
	visitor_say(visitor, reply);
	if (leaves) {
		visitor_leave(visitor, resets);
	}
}

static void on_chunk(struct qg_model_call *of, const char *data, size_t size)
{
	ck_assert(!asking && of == &call && ends == 0);
	qg_buf_add(&text, data, size);
	if (++chunks == cancel_at) {
		call.model->cancel(&call);
		memset(call.state, 0xee, call.model->state_size); /* whoever looks again will see */
		free(call.state);
		call.state = NULL;
	}
}

static void on_ended(struct qg_model_call *of, const struct qg_model_result *end)
{
	ck_assert(!asking && of == &call);
	ends++;
	result = *end;
	snprintf(words, sizeof(words), "%s", end->words != NULL ? end->words : "");
	snprintf(model, sizeof(model), "%s", end->model != NULL ? end->model : "");
	memset(call.state, 0xee, call.model->state_size);
	free(call.state);
	call.state = NULL;
}

static const struct qg_model_host host = {on_chunk, on_ended};

static void begin(void)
{
	const struct qg_model *service = qg_model_find(endpoint.provider);
	ends = chunks = 0;
	qg_buf_reset(&text);
	call = (struct qg_model_call){.model = service,
		.endpoint = &endpoint,
		.ask = &question,
		.loop = loop,
		.http = client,
		.host = &host,
		.state = calloc(1, service->state_size)};
	asking = true;
	ck_assert_int_eq(service->ask(&call), QG_OK);
	asking = false;
}

static bool has_ended(void *arg)
{
	return ends > 0;
}

static void ask(const char *says)
{
	reply = says;
	begin();
	run_until(has_ended, NULL);
	ck_assert_int_eq(ends, 1);
	ck_assert(result.generated);
	ck_assert_ptr_null(strstr(words, "0123456789"));
}

static const char *shown(void)
{
	return text.size > 0 ? text.data : "";
}

static void use(const char *provider, const char *path)
{
	static char url[128];
	snprintf(url, sizeof(url), "%s", vendor_url(&vendor, path));
	endpoint = (struct qg_model_config){.name = "main",
		.provider = (char *)provider,
		.model = "m",
		.base_url = url,
		.api_key = KEY};
}

static void setup(void)
{
	static const char history[] = "{\"role\":\"user\",\"content\":\"你好\"}";
	unsetenv("http_proxy");
	unsetenv("no_proxy");
	setenv("QUNGONG_TEST_SCALE", "200", 1);
	peer_setup();
	client = qg_http_client_create(loop);
	vendor_open(&vendor);
	vendor.asked = answer;
	qg_buf_init(&text, 1 << 20);
	question = (struct qg_ask){.text = "你好",
		.system = "你是\"小满\"",
		.messages = history,
		.messages_size = sizeof(history) - 1,
		.max_tokens = 1200};
	leaves = true;
	resets = false;
	cancel_at = 0;
	use("deepseek", "/v1");
}

static void teardown(void)
{
	qg_timer_destroy(comments);
	comments = NULL;
	qg_http_client_destroy(client);
	vendor_close(&vendor);
	qg_buf_finish(&text);
	peer_teardown();
}

/* ---- what is asked ---- */

static const char *body(void)
{
	return strstr(request, "\r\n\r\n") + 4;
}

START_TEST(the_request_of_the_openai_form)
{
	ask(SSE DELTA("a") FINISH("stop") DONE);
	ck_assert_int_eq(strncmp(request, "POST /v1/chat/completions HTTP/1.1\r\n", 36), 0);
	ck_assert_ptr_nonnull(strstr(request, "\r\nAuthorization: Bearer " KEY "\r\n"));
	ck_assert_ptr_nonnull(strstr(request, "\r\nContent-Type: application/json\r\n"));
	ck_assert_str_eq(body(),
		"{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":"
		"\"你是\\\"小满\\\"\"},"
		"{\"role\":\"user\",\"content\":\"你好\"}],\"stream\":true,\"stream_options\":"
		"{\"include_usage\":true},\"max_tokens\":1200}");
	endpoint.model = "deepseek-flash";
	question.max_tokens = 0;
	ask(SSE DELTA("a") FINISH("stop") DONE);
	ck_assert_ptr_nonnull(strstr(body(), "\"stream_options\":{\"include_usage\":true},"
					     "\"thinking\":{\"type\":\"disabled\"}}"));
}
END_TEST

START_TEST(the_request_of_the_anthropic_form)
{
	use("claude", "");
	ask("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
	    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"c\","
	    "\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":4}}}\n\n"
	    "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":"
	    "\"好\"}}\n\n"
	    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":"
	    "{\"output_tokens\":2}}\n\ndata: {\"type\":\"message_stop\"}\n\n");
	ck_assert_str_eq(shown(), "好");
	ck_assert_int_eq(result.error, QG_MODEL_NONE);
	ck_assert(result.has_usage);
	ck_assert_int_eq(result.tokens.input, 9);
	ck_assert_int_eq(result.tokens.cached_input, 4);
	ck_assert_int_eq(strncmp(request, "POST /v1/messages HTTP/1.1\r\n", 28), 0);
	ck_assert_ptr_nonnull(strstr(request, "\r\nx-api-key: " KEY "\r\n"));
	ck_assert_ptr_nonnull(strstr(request, "\r\nanthropic-version: 2023-06-01\r\n"));
	ck_assert_str_eq(body(),
		"{\"model\":\"m\",\"system\":[{\"type\":\"text\",\"text\":\"你是\\\"小满\\\"\"}],"
		"\"messages\":[{\"role\":\"user\",\"content\":\"你好\"}],\"stream\":true,"
		"\"max_tokens\":1200}");
}
END_TEST

/* The mark stands behind a long system prompt, and the bytes before the question are the same each time. */
START_TEST(a_long_system_prompt_is_kept)
{
	static char system_prompt[6000], first[sizeof(request)];
	static const char more[] =
		"{\"role\":\"user\",\"content\":\"你好\"},{\"role\":\"assistant\","
		"\"content\":\"好\"},{\"role\":\"user\",\"content\":\"再见\"}";
	memset(system_prompt, 'x', sizeof(system_prompt) - 1);
	question.system = system_prompt;
	use(_i == 0 ? "claude" : "deepseek", "");
	ask("HTTP/1.1 500 no\r\nConnection: close\r\n\r\n");
	ck_assert_int_eq(
		strstr(body(), "\"cache_control\":{\"type\":\"ephemeral\"}}]") != NULL, _i == 0);
	snprintf(first, sizeof(first), "%s", body());
	question.messages = more;
	question.messages_size = sizeof(more) - 1;
	ask("HTTP/1.1 500 no\r\nConnection: close\r\n\r\n");
	size_t same = (size_t)(strstr(first, "],\"stream\"") - first);
	ck_assert_mem_eq(first, body(), same);
}
END_TEST

/* Some services refuse two messages of one role in a row. A border within a text is text. */
START_TEST(two_of_one_role_are_one)
{
	static const char several[] =
		"{\"role\":\"user\",\"content\":\"一\"},{\"role\":\"user\",\"content\":"
		"\"\\\"},{\\\"role\\\":\\\"user\\\"\"},{\"role\":\"assistant\",\"content\":\"好\"},"
		"{\"role\":\"user\",\"content\":\"二\"},{\"role\":\"user\",\"content\":\"三\"},"
		"{\"role\":\"user\",\"content\":\"四\"}";
	use(_i == 0 ? "claude" : "deepseek", "");
	question.messages = several;
	question.messages_size = sizeof(several) - 1;
	ask("HTTP/1.1 500 no\r\nConnection: close\r\n\r\n");
	ck_assert_ptr_nonnull(strstr(body(),
		"{\"role\":\"user\",\"content\":\"一\\n\\n\\\"},{\\\"role\\\":\\\"user\\\"\"},"
		"{\"role\":\"assistant\",\"content\":\"好\"},"
		"{\"role\":\"user\",\"content\":\"二\\n\\n三\\n\\n四\"}],"));
}
END_TEST

/* What it told at the beginning is not what the answer cost. */
START_TEST(a_relay_that_drops_the_last_figures)
{
	use("claude", "");
	ask("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
	    "data: {\"type\":\"message_start\",\"message\":{\"model\":\"c\","
	    "\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n"
	    "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":"
	    "\"好\"}}\n\n"
	    "data: "
	    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{}}\n\n"
	    "data: {\"type\":\"message_stop\"}\n\n");
	ck_assert_int_eq(result.error, QG_MODEL_NONE);
	ck_assert(!result.has_usage);
}
END_TEST

/* Nobody sees thoughts, and they are charged. */
START_TEST(thoughts_without_figures_are_estimated)
{
	ask(SSE "data: "
		"{\"choices\":[{\"delta\":{\"reasoning_content\":\"想一想再说\"}}]}\n\n" DELTA("好")
			FINISH("stop") DONE);
	ck_assert_str_eq(shown(), "好");
	ck_assert(!result.has_usage);
	ck_assert_int_eq(result.tokens.reasoning, 5);
}
END_TEST

START_TEST(addresses)
{
	static const char *const paths[][3] = {
		{"deepseek", "/v1/", "/v1/chat/completions"},
		{"deepseek", "/v1/chat/completions", "/v1/chat/completions"},
		{"claude", "/anthropic", "/anthropic/v1/messages"},
		{"claude", "/v1", "/v1/messages"},
		{"claude", "/v1/messages", "/v1/messages"},
		{"claude", "/v1/", "/v1/messages"},
	};
	char line[128];
	use(paths[_i][0], paths[_i][1]);
	ask("HTTP/1.1 500 no\r\nConnection: close\r\n\r\n");
	int size = snprintf(line, sizeof(line), "POST %s HTTP/1.1\r\n", paths[_i][2]);
	ck_assert_int_eq(strncmp(request, line, (size_t)size), 0);
}
END_TEST

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
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, the_request_of_the_openai_form);
	tcase_add_test(all, the_request_of_the_anthropic_form);
	tcase_add_loop_test(all, a_long_system_prompt_is_kept, 0, 2);
	tcase_add_loop_test(all, addresses, 0, 6);
	tcase_add_loop_test(all, two_of_one_role_are_one, 0, 2);
	tcase_add_test(all, a_server_that_breathes_on_behind_the_end);
	tcase_add_test(all, a_relay_that_drops_the_last_figures);
	tcase_add_test(all, thoughts_without_figures_are_estimated);
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
