/* test_scripted.c - the scripted model: matches, chunks, delays, failures, and what it costs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "main.h"
#include "qg/model.h"
#include "world.h"

static struct world world;

static void setup(void)
{
	world_begin(&world);
	world_open(&world, NULL);
	ck_assert_msg(world.role != NULL, "%s", world.words);
}

static void teardown(void)
{
	world_end(&world);
}

START_TEST(the_first_match_answers)
{
	world_add_script(&world, "m",
		"- {match: 故事, text: 从前}\n- {match: STORY, text: once}\n- {match: '*', text: "
		"其他}\n");
	world_say(&world, "讲个故事", NULL);
	ck_assert_str_eq(world.text, "从前");
	world_say(&world, "tell a Story", NULL);
	ck_assert_str_eq(world.text, "once");
	world_say(&world, "唱首歌", NULL);
	ck_assert_str_eq(world.text, "其他");
}
END_TEST

START_TEST(without_a_match_the_turn_fails)
{
	world_add_script(&world, "m", "- {match: 故事, text: 从前}\n");
	world_say(&world, "唱首歌", NULL);
	ck_assert_int_eq(world.status, QG_FAILED);
}
END_TEST

START_TEST(a_bad_script_fails_the_turn)
{
	world_add_script(&world, "m", _i == 0 ? "text: no list\n" : _i == 1 ? "- [\n" : "\xff\n");
	world_say(&world, "唱首歌", NULL);
	ck_assert_int_eq(world.status, QG_FAILED);
}
END_TEST

START_TEST(it_fails_so_many_times)
{
	world_add_script(&world, "m", "- {text: 好了, fail: 4}\n");
	world_say(&world, "讲个故事", NULL);
	ck_assert_str_ne(world.way, "model");
	world_say(&world, "讲个故事", NULL);
	ck_assert_str_ne(world.way, "model");
	world_say(&world, "讲个故事", NULL);
	ck_assert_str_eq(world.text, "好了");
}
END_TEST

START_TEST(a_changed_file_is_read_again)
{
	world_add_script(&world, "m", "- {text: 旧}\n");
	world_say(&world, "讲个故事", NULL);
	ck_assert_str_eq(world.text, "旧");
	world_write(&world, "m.yaml", "- {text: 新的}\n");
	world_say(&world, "讲个故事", NULL);
	ck_assert_str_eq(world.text, "新的");
}
END_TEST

START_TEST(chunks_may_be_more_than_characters)
{
	world_add_script(&world, "m", "- {text: 一二三, chunks: 50}\n");
	world_say(&world, "讲个故事", NULL);
	ck_assert_str_eq(world.text, "一二三");
	ck_assert_uint_eq(world.drafts, 3);
}
END_TEST

START_TEST(chunks_come_apart_and_may_be_cancelled)
{
	world_add_script(&world, "m", "- {text: 一二三四, chunks: 4, delay_ms: 2}\n");
	world_say(&world, "讲个故事", NULL);
	ck_assert_str_eq(world.text, "一二三四");
	ck_assert_uint_eq(world.drafts, 4);
	world.cancel_at = 2;
	world_say(&world, "讲个故事", NULL);
	ck_assert(!world.finished);
}
END_TEST

static double cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* The bound is loose, for slow machines and sanitizers; the figure is what matters. */
START_TEST(an_instant_answer_costs_little)
{
	world_add_script(&world, "m",
		"- {text: "
		"这是一个五十块的答案这是一个五十块的答案这是一个五十块的答案这是一个五十块的答案这"
		"是一个五十块的答案, chunks: 50}\n");
	world_say(&world, "讲个故事", NULL);
	double before = cpu_us();
	for (int i = 0; i < 100; i++) {
		json_array_clear(world.history);
		world_say(&world, "讲个故事", NULL);
	}
	double each = (cpu_us() - before) / 100;
	printf("scripted, 50 chunks: %.0f us CPU a turn\n", each);
	ck_assert_uint_eq(world.drafts, 50);
	ck_assert(each < 5000);
	before = cpu_us();
	for (int i = 0; i < 100; i++) {
		world_say(&world, "几点开门", NULL);
	}
	printf("faq: %.0f us CPU a turn\n", (cpu_us() - before) / 100);
}
END_TEST

START_TEST(the_registry_is_whole)
{
	qg_models_check();
	ck_assert_ptr_nonnull(qg_model_find("offline"));
	ck_assert_ptr_null(qg_model_find("nobody"));
	ck_assert_ptr_null(qg_model_find(NULL));
	ck_assert_ptr_eq(strstr(qg_model_names(), "offline, scripted"), qg_model_names());
	ck_assert(!qg_model_error_fails_over(QG_MODEL_REQUEST));
	ck_assert(qg_model_error_fails_over(QG_MODEL_RATE));
	char words[128];
	struct qg_model_config endpoint = {.name = "x"};
	ck_assert_int_eq(qg_model_find("scripted")->check(&endpoint, words), QG_INVALID);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scripted");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, the_first_match_answers);
	tcase_add_test(all, without_a_match_the_turn_fails);
	tcase_add_loop_test(all, a_bad_script_fails_the_turn, 0, 3);
	tcase_add_test(all, it_fails_so_many_times);
	tcase_add_test(all, a_changed_file_is_read_again);
	tcase_add_test(all, chunks_may_be_more_than_characters);
	tcase_add_test(all, chunks_come_apart_and_may_be_cancelled);
	tcase_add_test(all, an_instant_answer_costs_little);
	tcase_add_test(all, the_registry_is_whole);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
