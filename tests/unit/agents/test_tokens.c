/* test_tokens.c - estimates are on the upper side, for texts whose real numbers are known. */
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

#include "main.h"

static int64_t estimate(const char *text)
{
	return qg_tokens_estimate(text, strlen(text));
}

START_TEST(each_kind_of_character_has_its_rate)
{
	static const struct {
		const char *text;
		int64_t wide, rest;
	} rows[] = {
		{"", 0, 0},
		{"你好，世界。", 6, 0},
		{"かな한글（）", 6, 0},
		{"abcD", 0, 120},
		{"2025", 0, 200},
		{"a b\n", 0, 90},
		{"{}:,", 0, 240},
		{"éя€“", 0, 400},
		{"😀𠀀", 0, 600},
		{"a你b", 1, 60},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct qg_token_count count = {0};
		qg_tokens_add(&count, rows[i].text, strlen(rows[i].text));
		ck_assert_msg(count.wide == rows[i].wide && count.rest == rows[i].rest, "%s",
			rows[i].text);
	}
}
END_TEST

START_TEST(a_long_run_weighs_more)
{
	char run[41 + 1];
	memset(run, 'a', sizeof(run));
	run[40] = '\0';
	ck_assert_int_eq(estimate(run), 12);
	run[40] = 'a';
	run[41] = '\0';
	ck_assert_int_eq(estimate(run), 31); /* 41 of 0.75 */
	run[20] = ' ';
	ck_assert_int_eq(estimate(run), 13);
}
END_TEST

START_TEST(parts_are_rounded_up_once)
{
	struct qg_token_count count = {0}, more = {0};
	qg_tokens_add(&count, "你", strlen("你"));
	qg_tokens_add(&more, "好a", strlen("好a"));
	qg_tokens_sum(&count, &more);
	ck_assert_int_eq(qg_tokens_total(&count, false), 3); /* 2.30 */
	ck_assert_int_eq(qg_tokens_total(&count, true), 2);  /* 1.70 */
	/* Never more than the bytes. */
	ck_assert_int_le(estimate("你好a1 é😀"), (int64_t)strlen("你好a1 é😀"));
	/* Broken bytes are safe and count little. */
	ck_assert_int_le(qg_tokens_estimate("\xef", 1), 1);
	ck_assert_int_eq(qg_tokens_estimate("\x80\x80", 2), 0);
}
END_TEST

START_TEST(families_are_told_by_name)
{
	static const char *const dense[] = {"deepseek-chat", "Qwen2.5-7B", "qwen3.6-flash",
		"glm-4.6", "Doubao-1.5-pro", "kimi-k2", "moonshot-v1-8k", "gpt-4o-mini",
		"deepseek-ai/DeepSeek-V3"};
	static const char *const others[] = {
		"gpt-4-turbo", "claude-sonnet-4", "llama-3", "house", ""};
	for (size_t i = 0; i < sizeof(dense) / sizeof(dense[0]); i++) {
		ck_assert_msg(qg_tokens_is_dense(dense[i]), "%s", dense[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_msg(!qg_tokens_is_dense(others[i]), "%s", others[i]);
	}
	ck_assert(!qg_tokens_is_dense(NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tokens");
	TCase *all = tcase_create("all");
	tcase_add_test(all, each_kind_of_character_has_its_rate);
	tcase_add_test(all, a_long_run_weighs_more);
	tcase_add_test(all, parts_are_rounded_up_once);
	tcase_add_test(all, families_are_told_by_name);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
