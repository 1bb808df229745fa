/* test_openai_read.c - answers of the OpenAI form: every recorded one in every cut, and limits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "main.h"
#include "qg/json.h"
#include "support/malloc.h"
#include "vectors.h"

START_TEST(streams_in_every_cut)
{
	vectors_check_streams(&qg_openai_reader, "openai-stream");
}
END_TEST

START_TEST(whole_answers_in_every_cut)
{
	vectors_check_streams(&qg_openai_reader, "openai-json");
}
END_TEST

START_TEST(what_is_no_stream_is_never_a_success)
{
	vectors_check_streams(&qg_openai_reader, "not-sse");
}
END_TEST

START_TEST(thoughts_in_the_text_are_hidden)
{
	json_t *vectors = vectors_load("openai-stream"), *vector;
	size_t index, hidden = 0;
	json_array_foreach (vectors, index, vector) {
		const json_t *gateway = json_object_get(vector, "gateway");
		struct vectors_run run = {
			.reader = &qg_openai_reader, .vector = vector, .hides_think = true};
		if (json_object_get(gateway, "hidden_reasoning") == NULL) {
			continue;
		}
		run.body = qg_json_str(json_object_get(vector, "response"), "body", "");
		run.size = strlen(run.body);
		for (run.first = 0; run.first < run.size; run.first++) {
			vectors_check(&run);
		}
		hidden++;
	}
	ck_assert_uint_eq(hidden, 1);
	json_decref(vectors);
}
END_TEST

/* ---- made up here ---- */

static struct qg_answer answer;
static enum qg_outcome outcome;

static void setup(void)
{
	qg_answer_init(&answer, &qg_openai_reader);
	qg_answer_begin(&answer, "text/event-stream");
}

static void teardown(void)
{
	qg_answer_finish(&answer);
}

static void event(const char *json)
{
	qg_answer_feed(&answer, "data: ", 6);
	qg_answer_feed(&answer, json, strlen(json));
	qg_answer_feed(&answer, "\n\n", 2);
}

static void delta(const char *text)
{
	char json[512];
	snprintf(json, sizeof(json), "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"}}]}",
		text);
	event(json);
}

static const char *shown(void)
{
	outcome = qg_answer_end(&answer, true);
	return answer.text.size > 0 ? answer.text.data : "";
}

static void show(const char *const *pieces)
{
	answer.hides_think = true;
	for (size_t i = 0; pieces[i] != NULL; i++) {
		delta(pieces[i]);
	}
	event("[DONE]");
}

START_TEST(thoughts_are_hidden_only_at_the_beginning)
{
	static const struct {
		const char *pieces[8];
		const char *text;
	} cases[] = {
		{{"<think>a</think>b"}, "b"},
		{{" ", "<th", "ink>", "a<", "/think", ">", "\\n b"}, "b"},
		{{"<think>a</thin", "</think>b"}, "b"},
		{{"x<think>a</think>"}, "x<think>a</think>"},
		{{"<thin"}, "<thin"},
		{{"<", "<think>x"}, "<<think>x"},
		{{"<think>never ends"}, ""},
		{{"<think>a</think>b<think>c</think>"}, "b<think>c</think>"},
		{{"<thx", "y"}, "<thxy"},
	};
	show(cases[_i].pieces);
	ck_assert_str_eq(shown(), cases[_i].text);
	ck_assert_int_eq(outcome, QG_OUTCOME_COMPLETE);
}
END_TEST

START_TEST(halves_of_an_emoji)
{
	static const struct {
		const char *pieces[4];
		const char *text;
	} cases[] = {
		{{"a\\ud83d", "\\ude00b"}, "a😀b"},
		{{"\\ud83d", "", "\\ude00"}, "😀"},
		{{"\\ud83d", "x"}, "\xef\xbf\xbdx"},
		{{"\\ud83d"}, "\xef\xbf\xbd"},
		{{"\\\\ud83d", "\\ude00"}, "\\ud83d\xef\xbf\xbd"},
		{{"\\\\\\ud83d", "\\uDE00"}, "\\😀"},
	};
	for (size_t i = 0; cases[_i].pieces[i] != NULL; i++) {
		delta(cases[_i].pieces[i]);
	}
	event("[DONE]");
	ck_assert_str_eq(shown(), cases[_i].text);
}
END_TEST

START_TEST(another_choice_than_the_first_is_passed_over)
{
	event("{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"no\"}},{\"index\":0,\"delta\":"
	      "{\"content\":\"yes\"},\"finish_reason\":\"stop\"}]}");
	event("{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"no\"}}]}");
	ck_assert_str_eq(shown(), "yes");
	ck_assert_int_eq(outcome, QG_OUTCOME_COMPLETE);
}
END_TEST

START_TEST(content_may_be_blocks)
{
	event("{\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[]},"
	      "{\"type\":\"text\",\"text\":\"a\\u00e9\"},{\"type\":\"text\",\"text\":\"b\"}]}}]}");
	event("[DONE]");
	ck_assert_str_eq(shown(), "aéb");
}
END_TEST

START_TEST(a_message_stands_alone_or_is_a_repetition)
{
	if (_i == 1) {
		delta("once");
	}
	event("{\"choices\":[{\"index\":0,\"message\":{\"content\":\"once\"},\"finish_reason\":"
	      "\"stop\"}]}");
	ck_assert_str_eq(shown(), "once");
}
END_TEST

START_TEST(an_unknown_reason_is_an_end)
{
	delta("a");
	event("{\"choices\":[{\"delta\":{},\"finish_reason\":\"eos\"}]}");
	ck_assert_str_eq(shown(), "a");
	ck_assert_int_eq(outcome, QG_OUTCOME_COMPLETE);
}
END_TEST

START_TEST(a_reset_behind_the_end_is_none)
{
	delta("a");
	event("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}");
	ck_assert_int_eq(qg_answer_end(&answer, false), QG_OUTCOME_COMPLETE);
}
END_TEST

START_TEST(too_much_is_an_error)
{
	char piece[401];
	memset(piece, 'x', 400);
	piece[400] = '\0';
	for (size_t i = 0; i <= QG_ANSWER_MAX_TEXT / 400; i++) {
		delta(piece);
		qg_buf_reset(&answer.text);
	}
	shown();
	ck_assert_int_eq(outcome, QG_OUTCOME_ERROR);
	ck_assert_int_eq(answer.error.error, QG_MODEL_SERVER);
}
END_TEST

START_TEST(too_many_tools_are_an_error)
{
	for (int i = 0; i <= QG_ANSWER_MAX_TOOLS; i++) {
		char json[128];
		snprintf(json, sizeof(json),
			"{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d}]}}]}", i);
		event(json);
	}
	shown();
	ck_assert_int_eq(outcome, QG_OUTCOME_ERROR);
}
END_TEST

START_TEST(one_delta_of_200_kB)
{
	QG_AUTO(qg_buf_finish) struct qg_buf json;
	qg_buf_init(&json, QG_SSE_MAX_EVENT);
	qg_buf_add_str(&json, "{\"choices\":[{\"delta\":{\"content\":\"");
	for (int i = 0; i < 20000; i++) {
		qg_buf_add_str(&json, "0123456789");
	}
	qg_buf_add_str(&json, "\"}}]}");
	event(json.data);
	event("[DONE]");
	ck_assert_uint_eq(strlen(shown()), 200000);
}
END_TEST

/* What nobody can have used is not booked as nothing: there is no usage, and an earlier one stands. */
START_TEST(absurd_figures_are_no_usage)
{
	static const char *const absurd[] = {"-5", "1e18", "\"many\"", "{}", "true"};
	char chunk[128];
	for (size_t i = 0; i < 2 * sizeof(absurd) / sizeof(absurd[0]); i++) {
		const char *text = absurd[i / 2];
		snprintf(chunk, sizeof(chunk),
			"{\"choices\":[],\"usage\":{\"prompt_tokens\":%s,\"completion_tokens\":%s}"
			"}",
			i % 2 == 0 ? text : "7", i % 2 == 0 ? "7" : text);
		event(chunk);
		ck_assert_msg(!answer.has_usage, "%s", chunk);
	}
	event("{\"choices\":[],\"usage\":{\"prompt_tokens\":\"12\",\"completion_tokens\":3}}");
	event(chunk);
	ck_assert(answer.has_usage);
	ck_assert_int_eq(answer.usage.input, 12);
	ck_assert_int_eq(answer.usage.output, 3);
}
END_TEST

static double cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Between chunks that differ in their text only, what stands elsewhere is still read. */
START_TEST(a_chunk_like_the_last_but_for_one_thing)
{
	delta("一");
	delta("二");
	event("{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"of another\"}}]}");
	delta("\\u4e09\\n");
	event("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"reasoning\":\"hm\"}}]}");
	ck_assert_uint_eq(answer.reasoning_bytes, 2);
	delta("x\xff");
	delta("四");
	event("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"五\"}}],\"usage\":"
	      "{\"prompt_tokens\":1,\"completion_tokens\":2}}");
	ck_assert(answer.has_usage);
	delta("六");
	event("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"七\"},\"finish_reason\":"
	      "\"stop\"}]}");
	ck_assert_str_eq(shown(), "一二三\nx\xef\xbf\xbd四五六七");
	ck_assert_int_eq(outcome, QG_OUTCOME_COMPLETE);
}
END_TEST

/* The bound is loose, for slow machines and sanitizers; the figure is what matters. */
START_TEST(a_delta_costs_little)
{
	static const char text[] =
		"data: {\"id\":\"3f0d5c1e-7a42-4c1b-9a55-0d1f2e3a4b5c\",\"object\":"
		"\"chat.completion.chunk\",\"created\":1793300000,\"model\":\"deepseek-v4-pro\","
		"\"choices\":[{\"index\":0,\"delta\":{\"content\":\"会议\"},\"finish_reason\":null,"
		"\"logprobs\":null}],\"system_fingerprint\":\"fp_8802369eaa_prod0820_fp8\","
		"\"usage\":null}\n\n";
	const int count = 100000;
	double before = cpu_us();
	for (int i = 0; i < count; i++) {
		qg_answer_feed(&answer, text, sizeof(text) - 1);
		qg_buf_reset(&answer.text);
	}
	double each = (cpu_us() - before) / count;
	printf("a delta of %zu bytes: %.2f us CPU\n", sizeof(text) - 1, each);
	ck_assert_uint_eq(answer.text_bytes, (size_t)count * 6);
	ck_assert(each < 100);
}
END_TEST

static bool read_once(void *arg)
{
	static const char body[] =
		"data: "
		"{\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\\u00e9\",\"tool_calls\":"
		"[{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]"
		"}\n\n"
		"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
	struct qg_answer read;
	qg_answer_init(&read, &qg_openai_reader);
	bool good = qg_answer_feed(&read, body, 30) &&
		    qg_answer_feed(&read, body + 30, sizeof(body) - 31);
	good = good && qg_answer_end(&read, true) == QG_OUTCOME_COMPLETE && read.text_bytes == 3 &&
	       read.tool_count == 1 && read.model[0] == 'm';
	qg_answer_finish(&read);
	return good;
}

START_TEST(no_memory_is_no_answer)
{
	ck_assert(read_once(NULL)); /* the plan is made once and stays */
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(read_once, NULL), 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("openai_read");
	TCase *recorded = tcase_create("recorded");
	tcase_set_timeout(recorded, 120);
	tcase_add_test(recorded, streams_in_every_cut);
	tcase_add_test(recorded, whole_answers_in_every_cut);
	tcase_add_test(recorded, what_is_no_stream_is_never_a_success);
	tcase_add_test(recorded, thoughts_in_the_text_are_hidden);
	suite_add_tcase(suite, recorded);
	TCase *made = tcase_create("made");
	tcase_set_timeout(made, 30);
	tcase_add_checked_fixture(made, setup, teardown);
	tcase_add_loop_test(made, thoughts_are_hidden_only_at_the_beginning, 0, 9);
	tcase_add_loop_test(made, halves_of_an_emoji, 0, 6);
	tcase_add_test(made, another_choice_than_the_first_is_passed_over);
	tcase_add_test(made, content_may_be_blocks);
	tcase_add_loop_test(made, a_message_stands_alone_or_is_a_repetition, 0, 2);
	tcase_add_test(made, an_unknown_reason_is_an_end);
	tcase_add_test(made, a_reset_behind_the_end_is_none);
	tcase_add_test(made, too_much_is_an_error);
	tcase_add_test(made, too_many_tools_are_an_error);
	tcase_add_test(made, absurd_figures_are_no_usage);
	tcase_add_test(made, one_delta_of_200_kB);
	tcase_add_test(made, a_chunk_like_the_last_but_for_one_thing);
	tcase_add_test(made, a_delta_costs_little);
	tcase_add_test(made, no_memory_is_no_answer);
	suite_add_tcase(suite, made);
	return run_suite(suite);
}
