/* test_dingtext.c - markdown as DingTalk renders it, titles, and that nobody is called. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "dingtext.h"
#include "support/malloc.h"

#include "qg/str.h"

static const struct {
	const char *text, *message, *card;
} rows[] = {
	{"一\n二", "一  \n  二", "一<br>二"},
	{"一\n\n二", "一\n\n二", "一\n\n二"},
	{"一\r\n二  \n", "一  \n  二", "一<br>二"},
	{"要点：\n- a\n- b\n", "要点：\n\n- a\n- b", "要点：\n\n* a\n* b"},
	{"- a\n  - b\n+ c", "- a\n  - b\n+ c", "* a\n  * b\n* c"},
	{"- a\n  更多", "- a  \n  更多", "* a<br>更多"},
	{"1. a\n2) b", "1. a\n2) b", "1. a\n2) b"},
	{"# 标题\n正文", "# 标题\n\n正文", "# 标题\n\n正文"},
	{"> 甲\n> 乙\n后", "> 甲  \n> 乙\n\n后", "> 甲<br>乙\n\n后"},
	{"前\n---\n后", "前\n\n---\n\n后", "前\n\n***\n\n后"},
	{"价：\n| a | b |\n|---|---|\n| 1 | 2 |\n完",
		"价：\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n完",
		"价：\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n完"},
	{"看：\n```c\nint a;\n\n- x\n```\n完", "看：\n\n```c\nint a;\n\n- x\n```\n\n完",
		"看：\n\n```c\nint a;\n\n- x\n```\n\n完"},
	{"~~~\na ``` b\n~~~", "```\na ``` b\n```", "```\na ``` b\n```"},
	{"```\n没有结束", "```\n没有结束", "```\n没有结束"},
	{"一<br>二<BR/>三", "一  \n  二  \n  三", "一<br>二<BR/>三"},
	{"#标签 不是标题\n-1 度", "#标签 不是标题  \n  -1 度", "#标签 不是标题<br>-1 度"},
	{"\n\n一", "一", "一"},
	{"", "", ""},
	{" \n \n", "", ""},
	{"@所有人 @ALL @Everyone @allen@b",
		"@\u200b所有人 @\u200bALL @\u200b"
		"Everyone @\u200b"
		"allen@b",
		"@\u200b所有人 @\u200bALL @\u200b"
		"Everyone @\u200b"
		"allen@b"},
	{"<a atId=@ALL>x</a> <b",
		"<a atId=@\u200b"
		"ALL>x</a> <b",
		"<\u200b"
		"a atId=@\u200b"
		"ALL>x</a> <b"},
	{"```\n<a atId=1>@all\n```",
		"```\n<a atId=1>@\u200b"
		"all\n```",
		"```\n<\u200b"
		"a atId=1>@\u200b"
		"all\n```"},
};

START_TEST(test_markdown)
{
	struct qg_buf out;
	qg_buf_init(&out, 4096);
	ck_assert_int_eq(ding_markdown(rows[_i].text, DING_MESSAGE, &out), QG_OK);
	ck_assert_str_eq(out.data ? out.data : "", rows[_i].message);
	qg_buf_reset(&out);
	ck_assert_int_eq(ding_markdown(rows[_i].text, DING_CARD, &out), QG_OK);
	ck_assert_str_eq(out.size > 0 ? out.data : "", rows[_i].card);
	qg_buf_finish(&out);
}
END_TEST

START_TEST(test_limit)
{
	struct qg_buf out;
	qg_buf_init(&out, 4);
	ck_assert_int_eq(ding_markdown("一\n二", DING_MESSAGE, &out), QG_TOO_LARGE);
	qg_buf_reset(&out);
	ck_assert_int_eq(ding_plain("12345", &out), QG_TOO_LARGE);
	qg_buf_finish(&out);
}
END_TEST

static const struct {
	const char *text, *title;
} titles[] = {
	{"# **报表** 第一季度", "报表 第一季度"},
	{"\n---\n\n1. [菜单](https://example.com/a_(b)) 见下", "菜单) 见下"},
	{"```\ncode\n```", "code"},
	{"![图](x) 您好 9:00~10:00！", "图 您好 9:00~10:00！"},
	{"| 名 | 价 |", "名  价"},
	{"一二三四五六七八九十一二三四五六七八九十一二三四五六",
		"一二三四五六七八九十一二三四五六七八九十一二三四"},
	{"\n \n", "小满"},
	{"", "小满"},
};

START_TEST(test_titles)
{
	char *title = ding_title(titles[_i].text, "小满");
	ck_assert_str_eq(title, titles[_i].title);
	free(title);
}
END_TEST

static bool all(void *arg)
{
	struct qg_buf out;
	(void)arg;
	qg_buf_init(&out, 4096);
	bool good = ding_markdown("一\n```\n@all\n```\n- 二", DING_CARD, &out) == QG_OK;
	good = ding_plain("@all", &out) == QG_OK && good;
	char *title = ding_title("\n- 一", "x");
	good = good && title;
	free(title);
	qg_buf_finish(&out);
	return good;
}

START_TEST(test_no_memory)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(all, NULL), 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtext");
	TCase *tcase = tcase_create("all");
	tcase_add_loop_test(tcase, test_markdown, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, test_limit);
	tcase_add_loop_test(tcase, test_titles, 0, sizeof(titles) / sizeof(titles[0]));
	tcase_add_test(tcase, test_no_memory);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
