/* test_utf8.c - what counts as UTF-8, where it may be cut, and what cleaning leaves. */
#include "qg/str.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_valid(const char *text)
{
	return qg_utf8_is_valid(text, strlen(text));
}

START_TEST(only_the_shortest_form_of_a_code_point_is_valid)
{
	ck_assert(is_valid(""));
	ck_assert(is_valid("plain, 群工, é, \U0001F600"));
	ck_assert(is_valid("\xf4\x8f\xbf\xbf"));
	ck_assert(!qg_utf8_is_valid("a\0b", 3));
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80",
		"\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", "\xe7\xbe",
		"\xe7\xbe\x41", "\xc3", "a\xc3"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!is_valid(bad[i]), "row %zu was taken", i);
	}
}
END_TEST

START_TEST(every_code_point_survives_put_and_next)
{
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		char bytes[4];
		size_t used = 0, size = qg_utf8_put(code, bytes);
		bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
		uint32_t back = qg_utf8_next(bytes, size, &used);
		if (back != (is_surrogate ? 0xfffd : code) || used != size) {
			ck_abort_msg("U+%04X came back as U+%04X", code, back);
		}
	}
	char bytes[4];
	ck_assert_uint_eq(qg_utf8_put(0x110000, bytes), 3);
	ck_assert_mem_eq(bytes, "\xef\xbf\xbd", 3);
}
END_TEST

/* Chinese is read two characters at a time: whatever stands at either place, each of three bytes. */
START_TEST(a_run_of_characters_is_judged_as_each_of_them)
{
	for (uint32_t lead = 0xe0; lead <= 0xf0; lead++) {
		for (uint32_t next = 0x70; next <= 0xc0; next++) {
			char odd[4] = {(char)lead, (char)next, (char)0x80, '\0'}, text[64];
			size_t used = 0;
			bool valid = qg_utf8_next(odd, 3, &used) != 0xfffd || used == 3;
			for (int at = 0; at < 3; at++) {
				snprintf(text, sizeof(text), "%s%s%s%s群工群工",
					at == 0 ? odd : "群", at == 1 ? odd : "工",
					at == 2 ? odd : "群", "工");
				ck_assert_int_eq(is_valid(text), valid);
				char *clean = qg_utf8_clean(text, strlen(text));
				ck_assert_int_eq(strcmp(clean, text) == 0, valid);
				free(clean);
			}
		}
	}
}
END_TEST

START_TEST(invalid_bytes_are_stepped_over_one_by_one)
{
	size_t used = 0;
	ck_assert_uint_eq(qg_utf8_next("\xe7\xbe", 2, &used), 0xfffd);
	ck_assert_uint_eq(used, 1);
	ck_assert_uint_eq(qg_utf8_count("a群\xff"
					"b",
				  6),
		4);
	ck_assert_uint_eq(qg_utf8_count("", 0), 0);
}
END_TEST

START_TEST(cuts_never_split_a_code_point)
{
	const char *text = "a群\U0001F600z";
	static const size_t expected[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 9, 9};
	for (size_t limit = 0; limit < 11; limit++) {
		ck_assert_uint_eq(qg_utf8_cut(text, 9, limit), expected[limit]);
	}
	/* Stray bytes are no code point that could be split. */
	ck_assert_uint_eq(qg_utf8_cut("\x80\x80\x80\x80\x80", 5, 4), 4);
	ck_assert_uint_eq(qg_utf8_cut("\xe7\xbex", 3, 1), 1);
}
END_TEST

static void check_clean(const char *data, size_t size, const char *expected)
{
	char *text = qg_utf8_clean(data, size);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(cleaning_keeps_text_lines_and_tabs)
{
	check_clean("a\0b\r\n\tc\x1b[0m\x7f", 12, "ab\n\tc[0m");
	check_clean("群\xff工\xc2\x85", 9, "群\xef\xbf\xbd工");
	check_clean("\xff\xff\xff", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	check_clean("", 0, "");
	ck_assert_ptr_null(qg_utf8_clean("", SIZE_MAX));
}
END_TEST

START_TEST(flattening_leaves_one_line_that_is_safe_to_show)
{
	static const struct {
		const char *given, *expected;
	} cases[] = {{"群工 a", "群工 a"}, {"a\nb\tc\x1b[2J\x7f", "a b c [2J "},
		{"\xc2\x9b"
		 "31m群",
			" 31m群"}, /* the one-character form of ESC [ */
		{"\xe2\x80\xae群\xe2\x81\xa6\xe2\x80\xa8", " 群  "}, {"\xff群\xe7\xbe", " 群  "},
		{"", ""}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];
		snprintf(text, sizeof(text), "%s", cases[i].given);
		qg_utf8_flatten(text);
		ck_assert_str_eq(text, cases[i].expected);
	}
	ck_assert(!qg_utf8_is_unsafe(0x200d)); /* joins emoji */
	ck_assert(!qg_utf8_is_unsafe(0xa0));
}
END_TEST

START_TEST(folding_ignores_case_and_width)
{
	char *text = qg_str_fold("ＷiFi　密码？ÀB\xff");
	ck_assert_str_eq(text, "wifi 密码?Àb\xff");
	free(text);
	ck_assert_ptr_null(qg_str_fold(NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("utf8");
	TCase *tcase = tcase_create("utf8");
	tcase_add_test(tcase, only_the_shortest_form_of_a_code_point_is_valid);
	tcase_add_test(tcase, every_code_point_survives_put_and_next);
	tcase_add_test(tcase, a_run_of_characters_is_judged_as_each_of_them);
	tcase_add_test(tcase, invalid_bytes_are_stepped_over_one_by_one);
	tcase_add_test(tcase, cuts_never_split_a_code_point);
	tcase_add_test(tcase, cleaning_keeps_text_lines_and_tabs);
	tcase_add_test(tcase, flattening_leaves_one_line_that_is_safe_to_show);
	tcase_add_test(tcase, folding_ignores_case_and_width);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
