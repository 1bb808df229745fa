/* test_services_body.c - what a service over HTTP is asked, byte for byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calling.h"
#include "main.h"
#include "qg/json.h"

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
	system_prompt[0] = system_prompt[sizeof(system_prompt) - 2] = '"';
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

static const struct qg_image images[] = {
	{"image/jpeg", "/9j/4AAQ", 8}, {"image/png", "iVBORw0=", 8}};

/* Pictures stand beside the text of the question, also where that was joined to what stands before it; all before it has
 * the bytes it has without them. */
START_TEST(pictures_of_the_question)
{
	static const char several[] = "{\"role\":\"user\",\"content\":\"一\"},{\"role\":"
				      "\"assistant\",\"content\":\"好\"},"
				      "{\"role\":\"user\",\"content\":\"二\"},{\"role\":\"user\","
				      "\"content\":\"看\\n\\\"图\\\"\"}";
	static const char *const expected[] = {
		"{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/jpeg\","
		"\"data\":\"/9j/4AAQ\"}},"
		"{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
		"\"data\":\"iVBORw0=\"}}]}],\"stream\":true",
		"{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/jpeg;base64,/9j/"
		"4AAQ\"}},"
		"{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/"
		"png;base64,iVBORw0=\"}}]}],"
		"\"stream\":true"};
	char without[sizeof(request)], joined[1024];
	use(_i == 0 ? "claude" : "deepseek", "");
	question.messages = several;
	question.messages_size = sizeof(several) - 1;
	ask("HTTP/1.1 500 no\r\nConnection: close\r\n\r\n");
	snprintf(without, sizeof(without), "%s", body());
	question.images = images;
	question.image_count = 2;
	ask("HTTP/1.1 500 no\r\nConnection: close\r\n\r\n");
	size_t same = (size_t)(strstr(without, "\"二") - without);
	ck_assert_mem_eq(without, body(), same);
	snprintf(joined, sizeof(joined),
		"[{\"type\":\"text\",\"text\":\"二\\n\\n看\\n\\\"图\\\"\"},%s", expected[_i]);
	ck_assert_msg(strncmp(body() + same, joined, strlen(joined)) == 0, "%s", body() + same);
	json_t *tree = qg_json_parse(body(), strlen(body()), NULL);
	ck_assert_ptr_nonnull(tree);
	json_decref(tree);
}
END_TEST

START_TEST(a_picture_of_a_question_without_a_prompt)
{
	question.messages = NULL;
	question.text = "看\"图\"";
	question.images = images;
	question.image_count = 1;
	ask("HTTP/1.1 500 no\r\nConnection: close\r\n\r\n");
	ck_assert_ptr_nonnull(strstr(body(),
		"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"看\\\"图\\\"\"},"
		"{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/jpeg;base64,"
		"/9j/4AAQ\"}}]}],"));
}
END_TEST

/* Its pictures and its text are sent once more where the server does not know an option. */
START_TEST(pictures_go_again_without_stream_options)
{
	use("openai", "/refuses-options");
	question.images = images;
	question.image_count = 2;
	ask("HTTP/1.1 400 no\r\nConnection: close\r\n\r\nunknown field stream_options");
	ck_assert_int_eq(vendor.requests, 2);
	ck_assert_ptr_null(strstr(body(), "stream_options"));
	ck_assert_ptr_nonnull(strstr(body(), "base64,/9j/4AAQ\"}}"));
	ck_assert_ptr_nonnull(strstr(body(), "base64,iVBORw0=\"}}]}"));
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

int main(void)
{
	Suite *suite = suite_create("services_body");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, calling_setup, calling_teardown);
	tcase_add_test(all, the_request_of_the_openai_form);
	tcase_add_test(all, the_request_of_the_anthropic_form);
	tcase_add_loop_test(all, a_long_system_prompt_is_kept, 0, 2);
	tcase_add_loop_test(all, addresses, 0, 6);
	tcase_add_loop_test(all, two_of_one_role_are_one, 0, 2);
	tcase_add_test(all, a_relay_that_drops_the_last_figures);
	tcase_add_test(all, thoughts_without_figures_are_estimated);
	tcase_add_loop_test(all, pictures_of_the_question, 0, 2);
	tcase_add_test(all, a_picture_of_a_question_without_a_prompt);
	tcase_add_test(all, pictures_go_again_without_stream_options);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
