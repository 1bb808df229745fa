/* test_planner.c - the messages a reply becomes, and what follows each outcome. */
#include "planner.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 100 };
static const struct qg_ability narrow = {.part_bytes = LIMIT};

static json_t *parts_of(
	const char *text, const char *label, const char *footnote, const struct qg_ability *can)
{
	const struct qg_reply reply = {
		.text = (char *)text, .label = (char *)label, .footnote = (char *)footnote};
	json_t *parts = plan_parts(&reply, can);
	ck_assert_ptr_nonnull(parts);
	for (size_t i = 0; i < json_array_size(parts); i++) {
		ck_assert_uint_le(json_string_length(json_array_get(parts, i)), can->part_bytes);
	}
	return parts;
}

static const char *part(const json_t *parts, size_t index)
{
	return json_string_value(json_array_get(parts, index));
}

START_TEST(the_line_stands_under_the_answer)
{
	static const struct {
		const char *text, *label, *footnote, *shown;
	} cases[] = {
		{"你好", NULL, NULL, "你好"},
		{"", NULL, NULL, ""},
		{"你好", "AI 生成", NULL, "你好\n\nAI 生成"},
		{"你好\n", "AI 生成", "AI 生成 · ¥0.01", "你好\n\nAI 生成 · ¥0.01"},
		{"你好", "", NULL, "你好"},
		{"", "AI 生成", NULL, "AI 生成"},
		{"看：\n```c\nint a;", "AI 生成", NULL, "看：\n```c\nint a;\n```\n\nAI 生成"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *parts = parts_of(cases[i].text, cases[i].label, cases[i].footnote, &narrow);
		ck_assert_uint_eq(json_array_size(parts), 1);
		ck_assert_str_eq(part(parts, 0), cases[i].shown);
		json_decref(parts);
	}
}
END_TEST

START_TEST(who_shows_fields_gets_the_bare_text)
{
	const struct qg_ability can = {.part_bytes = LIMIT, .shows_fields = true};
	json_t *parts = parts_of("你好", "AI 生成", "AI 生成 · ¥0.01", &can);
	ck_assert_str_eq(part(parts, 0), "你好");
	json_decref(parts);
}
END_TEST

/* Whatever the length: each part fits, the line is on the last and never alone, and no word of the text is lost. */
START_TEST(the_line_never_stands_alone)
{
	static const char line[] = "AI 生成 · DeepSeek · 1,234 tokens";
	char text[400], whole[600];
	for (size_t size = 1; size < sizeof(text); size++) {
		for (size_t i = 0; i < size; i++) {
			text[i] = i % 7 == 6 ? ' ' : (char)('a' + i % 26);
		}
		text[size] = '\0';
		json_t *parts = parts_of(text, "x", line, &narrow);
		size_t last = json_array_size(parts) - 1;
		whole[0] = '\0';
		for (size_t i = 0; i <= last; i++) {
			strncat(whole, part(parts, i), LIMIT);
		}
		const char *end = strstr(part(parts, last), line);
		ck_assert_ptr_nonnull(end);
		ck_assert_uint_eq(strlen(end), strlen(line));
		ck_assert_int_gt((int)(end - part(parts, last)), 2);
		ck_assert_uint_eq(strlen(whole), size + 2 + strlen(line));
		ck_assert_mem_eq(whole, text, size);
		json_decref(parts);
	}
}
END_TEST

START_TEST(a_line_longer_than_a_part_follows_in_its_own)
{
	char line[2 * LIMIT];
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	json_t *parts = parts_of("hi", line, NULL, &narrow);
	ck_assert_uint_eq(json_array_size(parts), 3);
	ck_assert_str_eq(part(parts, 0), "hi");
	json_decref(parts);
}
END_TEST

START_TEST(a_part_is_cut_where_it_stands)
{
	json_t *parts =
		json_pack("[s, s, s]", "one", "0123456789012345678901234567890123456789", "end");
	ck_assert_int_eq(plan_cut(parts, 1), QG_OK);
	ck_assert_uint_eq(json_array_size(parts), 4);
	ck_assert_str_eq(part(parts, 0), "one");
	ck_assert_str_eq(part(parts, 1), "01234567890123456789");
	ck_assert_str_eq(part(parts, 2), "01234567890123456789");
	ck_assert_str_eq(part(parts, 3), "end");
	ck_assert_int_eq(plan_cut(parts, 1), QG_OK); /* not below the least */
	ck_assert_str_eq(part(parts, 1), "0123456789012345");
	ck_assert_str_eq(part(parts, 2), "6789");
	ck_assert_int_eq(plan_cut(parts, 1), QG_TOO_LARGE);
	ck_assert_int_eq(plan_cut(parts, 0), QG_TOO_LARGE);
	ck_assert_uint_eq(json_array_size(parts), 5);
	json_decref(parts);
}
END_TEST

START_TEST(each_outcome_has_its_step)
{
	static const struct {
		enum qg_status status;
		enum qg_form form;
		unsigned attempts;
		enum plan_step step;
	} cases[] = {
		{QG_OK, QG_FORM_PLAIN, 12, PLAN_LAND},
		{QG_BUSY, QG_FORM_RICH, 0, PLAN_RETRY},
		{QG_TIMEOUT, QG_FORM_RICH, 11, PLAN_RETRY},
		{QG_TIMEOUT, QG_FORM_RICH, 12, PLAN_TELL},
		{QG_CANCELLED, QG_FORM_RICH, 0, PLAN_RETRY},
		{QG_UNSUPPORTED, QG_FORM_RICH, 12, PLAN_PLAINER},
		{QG_UNSUPPORTED, QG_FORM_APART, 0, PLAN_PLAINER},
		{QG_UNSUPPORTED, QG_FORM_PLAIN, 0, PLAN_TELL},
		{QG_TOO_LARGE, QG_FORM_PLAIN, 12, PLAN_CUT},
		{QG_NOT_FOUND, QG_FORM_RICH, 0, PLAN_BURY},
		{QG_DENIED, QG_FORM_RICH, 0, PLAN_TELL},
		{QG_INVALID, QG_FORM_RICH, 0, PLAN_TELL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(plan_next(cases[i].status, cases[i].form, cases[i].attempts),
			cases[i].step);
	}
	ck_assert_uint_eq(plan_wait_ms(1), 1000);
	ck_assert_uint_eq(plan_wait_ms(6), 300000);
	ck_assert_uint_eq(plan_wait_ms(12), 300000);
}
END_TEST

START_TEST(a_storm_of_rates_uses_up_no_reply)
{
	unsigned attempts = 0;
	for (unsigned i = 0; i < 100; i++) {
		attempts = plan_attempts(QG_BUSY, attempts, 1000);
		ck_assert_int_eq(plan_next(QG_BUSY, QG_FORM_RICH, attempts), PLAN_RETRY);
	}
	ck_assert_uint_eq(attempts, PLAN_RATE_ATTEMPTS_MOST);
	ck_assert_uint_eq(plan_attempts(QG_TIMEOUT, attempts, 1000), attempts + 1);
	ck_assert_uint_eq(plan_attempts(QG_BUSY, 11, 1000), 11);
	ck_assert_uint_eq(plan_attempts(QG_BUSY, 11, PLAN_RATE_MS), 12); /* but not for ever */
}
END_TEST

static json_t *two_files(void)
{
	return json_pack("[{s:s}, {s:s}]", "name", "a", "name", "b");
}

START_TEST(files_stand_behind_the_text)
{
	const struct qg_ability shows = {.part_bytes = LIMIT, .shows_files = true};
	struct qg_reply reply = {.text = "你好", .label = "AI 生成", .files = two_files()};
	json_t *parts = plan_parts(&reply, &shows);
	ck_assert_uint_eq(json_array_size(parts), 3);
	ck_assert_str_eq(part(parts, 0), "你好\n\nAI 生成");
	ck_assert_ptr_null(plan_file(parts, 0, &reply));
	ck_assert_ptr_eq(plan_file(parts, 1, &reply), json_array_get(reply.files, 0));
	ck_assert_ptr_eq(plan_file(parts, 2, &reply), json_array_get(reply.files, 1));
	ck_assert_ptr_null(plan_file(parts, 3, &reply));
	json_decref(parts);
	reply.text = ""; /* nothing but files */
	parts = plan_parts(&reply, &shows);
	ck_assert_uint_eq(json_array_size(parts), 2);
	ck_assert_ptr_eq(plan_file(parts, 0, &reply), json_array_get(reply.files, 0));
	json_decref(parts);
	parts = plan_parts(&reply, &narrow); /* a platform without */
	ck_assert_uint_eq(json_array_size(parts), 1);
	ck_assert_str_eq(part(parts, 0), "AI 生成");
	json_decref(parts);
	json_decref(reply.files);
}
END_TEST

START_TEST(a_stored_number_of_no_file_is_none)
{
	struct qg_reply reply = {.text = "", .files = two_files()};
	json_t *parts = json_pack("[i, i, s]", 2, -1, "1");
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_ptr_null(plan_file(parts, i, &reply));
	}
	json_decref(parts);
	json_decref(reply.files);
}
END_TEST

START_TEST(a_silent_reply_is_one_part_without_a_byte)
{
	const struct qg_ability shows = {.part_bytes = LIMIT, .shows_files = true};
	struct qg_reply reply = {.text = "", .label = "AI 生成", .silent = true};
	reply.files = two_files();
	json_t *parts = plan_parts(&reply, &shows);
	ck_assert_uint_eq(json_array_size(parts), 1);
	ck_assert_str_eq(part(parts, 0), "");
	json_decref(parts);
	json_decref(reply.files);
}
END_TEST

START_TEST(nobody_misses_a_silent_reply)
{
	ck_assert_int_eq(plan_next_silent(QG_OK, 0), PLAN_LAND);
	ck_assert_int_eq(plan_next_silent(QG_UNSUPPORTED, 0), PLAN_LAND);
	ck_assert_int_eq(plan_next_silent(QG_DENIED, 0), PLAN_LAND);
	ck_assert_int_eq(plan_next_silent(QG_TIMEOUT, 0), PLAN_RETRY);
	ck_assert_int_eq(plan_next_silent(QG_CANCELLED, 2), PLAN_RETRY);
	ck_assert_int_eq(plan_next_silent(QG_TIMEOUT, PLAN_SILENT_ATTEMPTS_MOST), PLAN_LAND);
}
END_TEST

START_TEST(a_file_that_is_not_shown_is_named)
{
	ck_assert_int_eq(plan_next_file(QG_OK, 0), PLAN_LAND);
	ck_assert_int_eq(plan_next_file(QG_UNSUPPORTED, 0), PLAN_SAY);
	ck_assert_int_eq(plan_next_file(QG_TOO_LARGE, 0), PLAN_SAY);
	ck_assert_int_eq(plan_next_file(QG_BUSY, 0), PLAN_RETRY);
	ck_assert_int_eq(plan_next_file(QG_NOT_FOUND, 0), PLAN_BURY);
	ck_assert_int_eq(plan_next_file(QG_DENIED, 0), PLAN_TELL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("planner");
	TCase *tcase = tcase_create("planner");
	tcase_add_test(tcase, the_line_stands_under_the_answer);
	tcase_add_test(tcase, who_shows_fields_gets_the_bare_text);
	tcase_add_test(tcase, the_line_never_stands_alone);
	tcase_add_test(tcase, a_line_longer_than_a_part_follows_in_its_own);
	tcase_add_test(tcase, a_part_is_cut_where_it_stands);
	tcase_add_test(tcase, each_outcome_has_its_step);
	tcase_add_test(tcase, a_storm_of_rates_uses_up_no_reply);
	tcase_add_test(tcase, files_stand_behind_the_text);
	tcase_add_test(tcase, a_stored_number_of_no_file_is_none);
	tcase_add_test(tcase, a_silent_reply_is_one_part_without_a_byte);
	tcase_add_test(tcase, nobody_misses_a_silent_reply);
	tcase_add_test(tcase, a_file_that_is_not_shown_is_named);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
