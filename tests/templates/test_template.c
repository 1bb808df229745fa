/* test_template.c - every template in the list loads without an error, and its golden questions
 * hold without a model, through real turns. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/cases.h"
#include "qg/role.h"

static const char *const names[] = {QG_TEMPLATE_NAMES};

struct world {
	struct qg_loop *loop;
	struct qg_bot_config bot;
	struct qg_role *role;
	size_t ok, failed, left_out;
};

static void ready(void *arg, struct qg_role *role, const char *words)
{
	struct world *world = arg;
	ck_assert_msg(role != NULL, "%s", words);
	world->role = role;
	qg_loop_stop(world->loop);
}

static void each(void *arg, const struct qg_case *result)
{
	if (result->outcome == QG_CASE_FAILED || getenv("QUNGONG_TEST_VERBOSE") != NULL) {
		printf("%zu %s: %s %s\n%s\n\n", result->index, result->ask,
			result->outcome == QG_CASE_FAILED ? "FAILED" : "ok",
			result->why != NULL ? result->why : "",
			result->answer != NULL ? result->answer : "");
	}
}

static void ended(void *arg, size_t ok, size_t failed, size_t left_out)
{
	struct world *world = arg;
	world->ok = ok;
	world->failed = failed;
	world->left_out = left_out;
	qg_loop_stop(world->loop);
}

static char *folder_of(const char *name)
{
	char *folder = qg_str_printf("%s/%s", QG_TEMPLATES, name);
	ck_assert_ptr_nonnull(folder);
	return folder;
}

START_TEST(loads_without_errors)
{
	char *folder = folder_of(names[_i]);
	struct qg_problems problems;
	qg_problems_init(&problems);
	qg_template_check(folder, &problems);
	ck_assert_msg(problems.errors == 0 && problems.warnings == 0, "%s",
		problems.text.data != NULL ? problems.text.data : "");
	qg_problems_finish(&problems);
	free(folder);
}
END_TEST

START_TEST(golden_questions_hold_offline)
{
	setenv("QUNGONG_TEMPLATES", QG_TEMPLATES, 1);
	struct world world = {.loop = qg_loop_create(2)};
	char *folder = folder_of(names[_i]);
	struct qg_problems problems;
	qg_problems_init(&problems);
	const struct qg_tree *tree = qg_template_tree(folder, &problems);
	ck_assert_ptr_nonnull(tree);
	world.bot = (struct qg_bot_config){.name = "golden",
		.template_id = (char *)names[_i],
		.answers = qg_cases_example_answers(tree),
		.language = "zh"};
	ck_assert_int_eq(qg_role_open(world.loop, &world.bot, NULL, NULL, ready, &world), QG_OK);
	qg_loop_run(world.loop);
	static const struct qg_cases_host host = {each, ended};
	ck_assert_ptr_nonnull(
		qg_cases_run(world.loop, NULL, &world.bot, world.role, NULL, &host, &world));
	qg_loop_run(world.loop);
	printf("%s: %zu ok, %zu failed, %zu left out\n", names[_i], world.ok, world.failed,
		world.left_out);
	ck_assert_uint_eq(world.failed, 0);
	ck_assert_uint_ge(world.ok, 25);
	qg_role_release(world.role);
	json_decref(world.bot.answers);
	qg_problems_finish(&problems);
	free(folder);
	qg_loop_destroy(world.loop);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("template");
	TCase *all = tcase_create("all");
	int count = (int)(sizeof(names) / sizeof(names[0]));
	tcase_add_loop_test(all, loads_without_errors, 0, count);
	tcase_add_loop_test(all, golden_questions_hold_offline, 0, count);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
