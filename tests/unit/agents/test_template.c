/* test_template.c - template folders: all errors with their places in one run, where they are
 * found, and roles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "qg/cases.h"
#include "support/malloc.h"
#include "template.h"
#include "vars.h"
#include "words.h"
#include "world.h"

static struct world world;

static void setup(void)
{
	world_begin(&world);
}

static void teardown(void)
{
	world_end(&world);
}

/* The problems of the shop's folder, as text; yours to free. */
static char *check_shop(unsigned errors)
{
	char folder[128];
	snprintf(folder, sizeof(folder), "%s/templates/shop", world.dir);
	struct qg_problems problems;
	qg_problems_init(&problems);
	qg_template_check(folder, &problems);
	char *text = strdup(problems.text.data != NULL ? problems.text.data : "");
	ck_assert_msg(problems.errors == errors, "%u errors:\n%s", problems.errors, text);
	qg_problems_finish(&problems);
	return text;
}

#define ck_has(text, part) ck_assert_msg(strstr(text, part) != NULL, "'%s' lacks '%s'", text, part)

START_TEST(a_good_template_has_no_problems)
{
	free(check_shop(0));
}
END_TEST

START_TEST(all_errors_of_all_files_come_in_one_run)
{
	world_write(&world, "templates/shop/template.yaml",
		"id: other\nname: n\nindustri: x\nindustry: x\nversion: 1\nsummary: s\nmodel_tier: "
		"huge\n"
		"interview:\n  - {key: shop_name, ask: a, example: e, requird: true}\n  - {key: "
		"shop_name, ask: a, example: e}\n"
		"trigger: sometimes\nbudget: {turn: much}\ntools: [{name: x, allow: nobody}]\n"
		"records: {booking: {fields: {date: {type: datum}}}}\nschedules: [{cron: 0 25 * * "
		"*, do: x}]\n"
		"handover: {misses: -1, quiet: soon}\n");
	world_write(&world, "templates/shop/prompt.md", "你好\n  {{shop_nam}} {{Foo}}\n");
	world_write(&world, "templates/shop/faq.yaml", "- ask: [a]\n  answer: '{{phone}}'\n- b\n");
	world_write(&world, "templates/shop/knowledge/handbook.md", "# x\n{{hours}}\n");
	world_write(&world, "templates/shop/cases.yaml", "- ask: a\n  expct: [b]\n");
	char *text = check_shop(18);
	ck_has(text, "template.yaml:1:5: id: 'other' is not the folder's name");
	ck_has(text, "did you mean 'industry'?");
	ck_has(text, "model_tier");
	ck_has(text, "did you mean 'required'?");
	ck_has(text, "'shop_name' was asked in line 9");
	ck_has(text, "template.yaml:11:10: trigger:");
	ck_has(text, "cron");
	ck_has(text, "quiet");
	ck_has(text, "prompt.md:2:3: {{shop_nam}}");
	ck_has(text, "did you mean 'shop_name'?");
	ck_has(text, "prompt.md:2:16: {{Foo}}");
	ck_has(text, "faq.yaml:2:11: {{phone}}");
	ck_has(text, "handbook.md:2:1: {{hours}}");
	ck_has(text, "did you mean 'expect'?");
	free(text);
}
END_TEST

START_TEST(missing_and_broken_files_are_said)
{
	world_write(&world, "templates/shop/prompt.md", "\xff\xfe");
	world_write(&world, "templates/shop/faq.yaml", "- ask: [\n");
	char *text = check_shop(2);
	ck_has(text, "is not UTF-8");
	ck_has(text, "faq.yaml:");
	free(text);
}
END_TEST

START_TEST(folders_are_found_in_order)
{
	char *own = qg_template_find(world.dir, "shop");
	ck_assert_ptr_nonnull(own);
	free(own);
	ck_assert_ptr_null(qg_template_find(NULL, "shop"));
	ck_assert_ptr_null(qg_template_find(world.dir, "../shop"));
	ck_assert_ptr_null(qg_template_find(world.dir, ""));
	char *shipped = qg_template_find(world.dir, "restaurant");
	ck_assert_ptr_nonnull(shipped);
	free(shipped);
	struct qg_strings ids = qg_template_list(world.dir);
	ck_assert(qg_strings_has(&ids, "restaurant"));
	ck_assert(qg_strings_has(&ids, "shop"));
	qg_strings_finish(&ids);
}
END_TEST

START_TEST(a_changed_template_is_read_again)
{
	char folder[128];
	snprintf(folder, sizeof(folder), "%s/templates/shop", world.dir);
	struct qg_problems problems;
	qg_problems_init(&problems);
	const struct qg_tree *first = qg_template_tree(folder, &problems);
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_eq(qg_template_tree(folder, &problems), first);
	world_write(&world, "templates/shop/template.yaml",
		"id: shop\nname: 新\nindustry: x\nversion: 2\nsummary: s\ngreeting: hi\n"
		"interview:\n  - {key: shop_name, ask: a, example: e}\n  - {key: phone, ask: a, "
		"example: e}\n"
		"  - {key: hours, ask: a, example: e}\n  - {key: parking, ask: a, example: e}\n");
	const struct qg_tree *second = qg_template_tree(folder, &problems);
	ck_assert_str_eq(qg_tree_get(second, "name")->text, "新");
	ck_assert_str_eq(qg_tree_get(first, "name")->text, "小店助手"); /* still held by a config */
	json_t *answers = qg_cases_example_answers(second);
	ck_assert_uint_eq(json_object_size(answers), 4);
	json_decref(answers);
	ck_assert_ptr_null(qg_template_tree("/nowhere", &problems));
	qg_problems_finish(&problems);
}
END_TEST

START_TEST(values_are_filled_once)
{
	json_auto_t *values = json_pack("{s:s, s:s}", "a", "{{b}}", "b", "B");
	static const char *const all[][2] = {{"x{{a}}y", "x{{b}}y"}, {"{{ b }}", "B"},
		{"{{c}}", "{{c}}"}, {"{{b", "{{b"}, {"}}{{b}}{{", "}}B{{"}, {"", ""}};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char *filled = qg_vars_fill(all[i][0], values);
		ck_assert_str_eq(filled, all[i][1]);
		free(filled);
	}
}
END_TEST

START_TEST(durations)
{
	int64_t ms = 0;
	ck_assert(qg_template_duration("30m", &ms));
	ck_assert_int_eq(ms, 1800000);
	ck_assert(qg_template_duration("90s", &ms));
	ck_assert_int_eq(ms, 90000);
	static const char *const bad[] = {
		"", "m", "30", "30x", "30mm", "-1m", "0m", "8d", "99999999999999999999h"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!qg_template_duration(bad[i], &ms), "%s", bad[i]);
	}
}
END_TEST

START_TEST(a_role_is_filled)
{
	world_open(&world, world.dir);
	ck_assert_msg(world.role != NULL, "%s", world.words);
	ck_assert_str_eq(qg_role_title(world.role), "小店助手");
	ck_assert_str_eq(qg_role_greeting(world.role), "大家好，我是小满的助手。");
	ck_assert_uint_eq(qg_role_suggestions(world.role)->count, 2);
	char *words = qg_role_words(world.role, "did_you_mean", "question", "{{phone}}", NULL);
	ck_has(words, "{{phone}}"); /* what a user said is no variable */
	free(words);
	words = qg_role_words(world.role, "no_such_sentence", NULL);
	ck_assert_str_eq(words, "");
	free(words);
}
END_TEST

START_TEST(knowledge_of_the_owner_is_searched_too)
{
	char path[128];
	world_write(&world, "own/menu.md",
		"# 菜单\n## 烤鸭\n烤鸭98元一只，电话{{phone}}，{{nobody}}。\n");
	world_write(&world, "own/deep/more.txt", "包厢在二楼，最低消费五百元。\n");
	world_write(&world, "own/picture.png", "x");
	snprintf(path, sizeof(path), "%s/own", world.dir);
	ck_assert_int_eq(qg_strings_add(&world.bot->knowledge, path), QG_OK);
	world_open(&world, NULL);
	ck_assert_msg(world.role != NULL, "%s", world.words);
	world_say(&world, "烤鸭多少钱", NULL);
	ck_has(world.text, "98元一只，电话021-5555，{{nobody}}");
	world_say(&world, "包厢最低消费", NULL);
	ck_has(world.text, "more › more");
}
END_TEST

START_TEST(a_role_that_cannot_be_says_why)
{
	world.bot->template_id = "nothing";
	world_open(&world, NULL);
	ck_assert_ptr_null(world.role);
	ck_has(world.words, "no template 'nothing'");
	world.bot->template_id = "shop";
	ck_assert_int_eq(qg_strings_add(&world.bot->knowledge, "/nowhere.md"), QG_OK);
	world_open(&world, NULL);
	ck_assert_ptr_null(world.role);
	ck_has(world.words, "/nowhere.md");
	qg_strings_finish(&world.bot->knowledge);
	world_write(&world, "templates/shop/prompt.md", "{{x}} {{y}}");
	world_open(&world, NULL);
	ck_assert_ptr_null(world.role);
	ck_has(world.words, "and 1 more");
}
END_TEST

START_TEST(sentences_may_be_ones_own)
{
	world_write(&world, "templates/words.zh.yaml", "miss: 不知道。\n");
	world.bot->words = json_pack("{s:s}", "paused", "歇着。");
	world_open(&world, NULL);
	ck_assert_msg(world.role != NULL, "%s", world.words);
	world_say(&world, "比特币", NULL);
	ck_assert_str_eq(world.text, "不知道。");
	world.paused = true;
	world_say(&world, "在吗", NULL);
	ck_assert_str_eq(world.text, "歇着。");
	json_decref(world.bot->words);
	world.bot->language = "en";
	world.bot->words = NULL;
	world_open(&world, NULL);
	world.paused = false;
	world_say(&world, "/reset", NULL);
	ck_assert_ptr_null(strstr(world.text, "好的"));
}
END_TEST

START_TEST(shipped_words_are_whole)
{
	static const char *const files[] = {
		QG_TEMPLATES "/words.zh.yaml", QG_TEMPLATES "/words.en.yaml"};
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_tree *tree = qg_tree_read(files[_i], "words", false, &problems);
	qg_words_check(tree, &problems);
	ck_assert_msg(problems.errors == 0, "%s", problems.text.data);
	qg_tree_destroy(tree);
	qg_problems_finish(&problems);
}
END_TEST

static bool load_once(void *arg)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_template *template = qg_template_load(arg, &problems);
	bool loaded = template != NULL && problems.errors == 0;
	qg_template_destroy(template);
	qg_problems_finish(&problems);
	return loaded;
}

START_TEST(failing_allocations_leak_nothing)
{
	char folder[128];
	snprintf(folder, sizeof(folder), "%s/templates/shop", world.dir);
	world_write(
		&world, "templates/shop/cases.yaml", "- {ask: a, expect: [b], offline: true}\n");
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(load_once, folder), 100);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("template");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, a_good_template_has_no_problems);
	tcase_add_test(all, all_errors_of_all_files_come_in_one_run);
	tcase_add_test(all, missing_and_broken_files_are_said);
	tcase_add_test(all, folders_are_found_in_order);
	tcase_add_test(all, a_changed_template_is_read_again);
	tcase_add_test(all, values_are_filled_once);
	tcase_add_test(all, durations);
	tcase_add_test(all, a_role_is_filled);
	tcase_add_test(all, knowledge_of_the_owner_is_searched_too);
	tcase_add_test(all, a_role_that_cannot_be_says_why);
	tcase_add_test(all, sentences_may_be_ones_own);
	tcase_add_test(all, failing_allocations_leak_nothing);
	tcase_add_loop_test(all, shipped_words_are_whole, 0, 2);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
