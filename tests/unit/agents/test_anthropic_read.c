/* test_anthropic_read.c - answers of the messages form: every recorded one in every cut, whole answers,
 * relays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "support/malloc.h"
#include "vectors.h"

START_TEST(streams_in_every_cut)
{
	vectors_check_streams(&qg_anthropic_reader, "anthropic-stream");
}
END_TEST

static struct qg_answer answer;

static void setup(void)
{
	qg_answer_init(&answer, &qg_anthropic_reader);
}

static void teardown(void)
{
	qg_answer_finish(&answer);
}

static void feed(const char *text)
{
	qg_answer_feed(&answer, text, strlen(text));
}

START_TEST(a_whole_answer)
{
	feed("\n {\"type\":\"message\",\"model\":\"claude-x\",\"content\":[{\"type\":\"thinking\","
	     "\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"好\"},{\"type\":\"tool_use\","
	     "\"id\":"
	     "\"t\",\"name\":\"f\",\"input\":{ \"a\" : \"b c\" }}],\"stop_reason\":\"tool_use\","
	     "\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":3,\"output_tokens\":2}}");
	ck_assert_int_eq(qg_answer_end(&answer, true), QG_OUTCOME_COMPLETE);
	ck_assert_str_eq(answer.text.data, "好");
	ck_assert_str_eq(answer.model, "claude-x");
	ck_assert_uint_eq(answer.tool_count, 1);
	ck_assert_str_eq(qg_answer_arguments(&answer.tools[0]), "{\"a\":\"b c\"}");
	ck_assert(qg_answer_has_final_usage(&answer));
	ck_assert_int_eq(answer.usage.input, 8);
	ck_assert_uint_eq(answer.reasoning_bytes, 2);
}
END_TEST

START_TEST(an_error_in_place_of_an_answer)
{
	feed("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
	     "\"Overloaded\"}}");
	ck_assert_int_eq(qg_answer_end(&answer, true), QG_OUTCOME_ERROR);
	ck_assert_int_eq(answer.error.error, QG_MODEL_OVERLOAD);
}
END_TEST

START_TEST(events_without_names)
{
	feed("data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":4}}}\n\n"
	     "data: "
	     "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\","
	     "\"text\":\"a\"}}\n\n"
	     "data: "
	     "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
	     "\"text\":\"b\"}}\n\n"
	     "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":"
	     "{\"output_tokens\":7,\"input_tokens\":null}}\n\n");
	ck_assert_int_eq(qg_answer_end(&answer, true), QG_OUTCOME_COMPLETE);
	ck_assert_str_eq(answer.text.data, "ab");
	ck_assert_int_eq(answer.usage.input, 4);
	ck_assert_int_eq(answer.usage.output, 7);
}
END_TEST

START_TEST(a_ping_is_life_and_no_progress)
{
	feed("event: ping\ndata: {\"type\":\"ping\"}\n\n");
	ck_assert_uint_eq(answer.events, 0);
	feed("data: {\"type\":\"message_start\",\"message\":{}}\n\n");
	ck_assert_uint_eq(answer.events, 1);
	ck_assert_int_eq(qg_answer_end(&answer, true), QG_OUTCOME_INCOMPLETE);
}
END_TEST

static bool read_once(void *arg)
{
	static const char body[] =
		"data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
		"\"tool_use\",\"id\":\"x\",\"name\":\"f\"}}\n\n"
		"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
		"\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n"
		"data: {\"type\":\"message_stop\"}\n\n";
	struct qg_answer read;
	qg_answer_init(&read, &qg_anthropic_reader);
	qg_answer_feed(&read, body, 40);
	qg_answer_feed(&read, body + 40, sizeof(body) - 41);
	bool good = qg_answer_end(&read, true) == QG_OUTCOME_COMPLETE && read.tool_count == 1 &&
		    read.tools[0].arguments.size == 2;
	qg_answer_finish(&read);
	return good;
}

START_TEST(no_memory_is_no_answer)
{
	ck_assert(read_once(NULL));
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(read_once, NULL), 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("anthropic_read");
	TCase *all = tcase_create("all");
	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, streams_in_every_cut);
	tcase_add_test(all, a_whole_answer);
	tcase_add_test(all, an_error_in_place_of_an_answer);
	tcase_add_test(all, events_without_names);
	tcase_add_test(all, a_ping_is_life_and_no_progress);
	tcase_add_test(all, no_memory_is_no_answer);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
