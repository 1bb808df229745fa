/* test_cases.c - golden questions: passed, failed, left out, and conversations of several turns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "qg/cases.h"
#include "world.h"

static struct world world;
static size_t counts[3];
static char outcomes[16], whys[1024];

static void setup(void)
{
	world_begin(&world);
	world_write(&world, "templates/shop/cases.yaml",
		"- {ask: 几点开门, expect: [9点, 营业], never: [停车], offline: true}\n"
		"- {ask: 几点开门, expect: [十点], never: [营业], offline: true}\n"
		"- {ask: 讲个故事, expect: [从前]}\n"
		"- {ask: 订位, tool: record, offline: true}\n"
		"- {ask: 订位, record: booking}\n"
		"- {ask: [比特币涨吗, 股票涨吗], handover: true, offline: true}\n"
		"- {ask: 比特币涨吗, expect: [没有找到], handover: false, offline: true}\n"
		"- {ask: 转人工, handover: false, offline: true}\n");
	world_open(&world, NULL);
	ck_assert_msg(world.role != NULL, "%s", world.words);
	memset(outcomes, 0, sizeof(outcomes));
	whys[0] = '\0';
}

static void teardown(void)
{
	world_end(&world);
}

static void each(void *arg, const struct qg_case *result)
{
	outcomes[result->index] = result->outcome == QG_CASE_OK	      ? 'o'
				  : result->outcome == QG_CASE_FAILED ? 'f'
								      : '-';
	ck_assert_uint_eq(result->total, 8);
	ck_assert((result->why == NULL) == (result->outcome == QG_CASE_OK));
	size_t used = strlen(whys);
	snprintf(whys + used, sizeof(whys) - used, "%s\n", result->why != NULL ? result->why : "");
}

static void ended(void *arg, size_t ok, size_t failed, size_t left_out)
{
	counts[0] = ok;
	counts[1] = failed;
	counts[2] = left_out;
	qg_loop_stop(world.loop);
}

static const struct qg_cases_host host = {each, ended};

START_TEST(offline_only)
{
	ck_assert_ptr_nonnull(
		qg_cases_run(world.loop, world.config, world.bot, world.role, NULL, &host, NULL));
	ck_assert_int_eq(outcomes[0], 0); /* never from inside */
	qg_loop_run(world.loop);
	ck_assert_str_eq(outcomes, "of---oof");
	ck_assert_uint_eq(counts[0], 3);
	ck_assert_uint_eq(counts[1], 2);
	ck_assert_uint_eq(counts[2], 3);
	ck_assert_ptr_nonnull(strstr(whys, "lacks '十点', says '营业'"));
	ck_assert_ptr_nonnull(strstr(whys, "needs a model"));
	ck_assert_ptr_nonnull(strstr(whys, "needs a tool"));
	ck_assert_ptr_nonnull(strstr(whys, "needs a record"));
	ck_assert_ptr_nonnull(strstr(whys, "was handed over"));
}
END_TEST

START_TEST(with_a_model_forced)
{
	world_add_script(
		&world, "m", "- {match: 故事, text: 从前}\n- {match: '*', text: 没有找到}\n");
	ck_assert_ptr_nonnull(
		qg_cases_run(world.loop, world.config, world.bot, world.role, "m", &host, NULL));
	qg_loop_run(world.loop);
	ck_assert_str_eq(outcomes, "ofo--fof");
}
END_TEST

START_TEST(a_run_may_be_cancelled)
{
	qg_cases_cancel(
		qg_cases_run(world.loop, world.config, world.bot, world.role, NULL, &host, NULL));
	world_drain(&world);
	ck_assert_int_eq(outcomes[0], 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cases");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, offline_only);
	tcase_add_test(all, with_a_model_forced);
	tcase_add_test(all, a_run_may_be_cancelled);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
