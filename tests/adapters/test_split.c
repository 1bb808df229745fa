/* test_split.c - long answers cut into parts: where the borders fall, and what happens to code. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"

#include "qg/adapter.h"
#include "qg/str.h"

static json_t *split(const char *text, size_t limit)
{
	json_t *parts = json_array();
	ck_assert_int_eq(qg_split(text, strlen(text), limit, parts), QG_OK);
	return parts;
}

/* The parts joined by "|". */
static char *joined(const char *text, size_t limit)
{
	json_t *parts = split(text, limit);
	struct qg_buf out;
	qg_buf_init(&out, 1 << 20);
	size_t index;
	json_t *part;
	json_array_foreach (parts, index, part) {
		ck_assert_uint_le(json_string_length(part), limit);
		qg_buf_printf(&out, "%s%s", index ? "|" : "", json_string_value(part));
	}
	json_decref(parts);
	char *text_out = qg_buf_steal(&out);
	return text_out ? text_out : qg_str_copy("");
}

static const struct row {
	const char *name, *text;
	size_t limit;
	const char *parts;
} rows[] = {
	{"nothing", "", 16, ""},
	{"short", "你好", 16, "你好"},
	{"exactly the limit", "0123456789abcdef", 16, "0123456789abcdef"},
	{"a paragraph before a sentence", "One two.\n\nA. Bee cee dee", 20,
		"One two.\n\n|A. Bee cee dee"},
	{"a sentence before a line", "一二。三四\n五六七八", 24, "一二。|三四\n五六七八"},
	{"a quote stays with its sentence", "他说：“好。”然后走了很远", 27,
		"他说：“好。”|然后走了很远"},
	{"a line before a blank", "ab cd\nef gh ij kl mn op", 16, "ab cd\n|ef gh ij kl mn |op"},
	{"a blank before a code point", "hello wonderful world", 16, "hello wonderful |world"},
	{"a price is no end of a sentence", "costs 3.50 yuan or so", 16, "costs 3.50 yuan |or so"},
	{"between code points", "甲乙丙丁戊己庚辛", 16, "甲乙丙丁戊|己庚辛"},
	{"a border too early is none", "a\n\nbcdefghijklmnopqrst", 16, "a\n\nbcdefghijklmn|opqrst"},
	{"code is closed and opened again", "```js\naaaaaaaaaa\nbbbbbbbbbb\ncccccccccc\n```\n", 36,
		"```js\naaaaaaaaaa\nbbbbbbbbbb\n```|```js\ncccccccccc\n```\n"},
	{"tildes and longer fences", "~~~~\naaaaaaaaaa\n```\nbbbbbbbbb\ncccccccccccc\n~~~~\nend",
		32,
		"~~~~\naaaaaaaaaa\n```\n~~~~|~~~~\nbbbbbbbbb\n~~~~|~~~~\ncccccccccccc\n~~~~\nend"},
	{"a sentence in code is no border", "```\naaa 你好。bbbbbbbb\ncc\ndddddddddddddddd\n```",
		38, "```\naaa 你好。bbbbbbbb\ncc\n```|```\ndddddddddddddddd\n```"},
	{"inline code opens nothing", "```a``` b\ncccccccc\ndddddddd", 24,
		"```a``` b\ncccccccc\n|dddddddd"},
};

START_TEST(test_rows)
{
	const struct row *row = &rows[_i];
	char *got = joined(row->text, row->limit);
	ck_assert_msg(
		strcmp(got, row->parts) == 0, "%s: got\n%s\nnot\n%s", row->name, got, row->parts);
	free(got);
}
END_TEST

/* A megabyte of borders of every kind costs a walk a part, not a walk a border. */
START_TEST(test_large)
{
	struct qg_buf text;
	qg_buf_init(&text, 1 << 20);
	qg_buf_add_str(&text, "```\n");
	while (text.size < (1 << 20) - 64) {
		qg_buf_add_str(&text, "x。 y! z\n");
	}
	json_t *parts = json_array();
	ck_assert_int_eq(qg_split(text.data, text.size, 20000, parts), QG_OK);
	ck_assert_uint_ge(json_array_size(parts), text.size / 20000);
	json_decref(parts);
	qg_buf_finish(&text);
}
END_TEST

START_TEST(test_appends)
{
	json_t *parts = json_pack("[s]", "before");
	ck_assert_int_eq(qg_split("你好", strlen("你好"), 16, parts), QG_OK);
	ck_assert_uint_eq(json_array_size(parts), 2);
	ck_assert_str_eq(json_string_value(json_array_get(parts, 0)), "before");
	json_decref(parts);
}
END_TEST

static bool split_once(void *arg)
{
	json_t *parts = json_array();
	if (!parts) {
		return false;
	}
	enum qg_status status = qg_split(arg, strlen(arg), 24, parts);
	if (status != QG_OK && json_array_size(parts) > 0) {
		abort(); /* all or nothing; ck_assert would need memory */
	}
	json_decref(parts);
	return status == QG_OK;
}

START_TEST(test_without_memory)
{
	if (qg_test_malloc_works()) {
		char text[] = "```\naaaa\nbbbb\ncccc\ndddd\neeee\nffff\n```\n你好。再见。好好好好";
		ck_assert_int_gt(qg_test_each_malloc(split_once, text), 0);
	}
}
END_TEST

START_TEST(tells_what_closes_an_open_fence)
{
	static const struct {
		const char *text, *end;
	} cases[] = {
		{"", ""}, {"hi", ""}, {"```c\nint a;", "```"}, {"```c\nint a;\n```", ""},
		{"```c\nint a;\n```\n", ""}, {"~~~~\n```\n", "~~~~"},
		{"a\n   `````\n```\n", "`````"}, {"```a```b", ""},
		{"````````````````````\nx", ""}, /* longer than any that is repeated */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char end[17];
		qg_fence_end(cases[i].text, strlen(cases[i].text), end);
		ck_assert_str_eq(end, cases[i].end);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("split");
	TCase *tests = tcase_create("split");
	tcase_add_loop_test(tests, test_rows, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tests, test_large);
	tcase_add_test(tests, test_appends);
	tcase_add_test(tests, test_without_memory);
	tcase_add_test(tests, tells_what_closes_an_open_fence);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
