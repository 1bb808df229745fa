/* test_health.c - what /readyz says for which facts. */
#include "ops.h"

#include <check.h>
#include <stdlib.h>

static unsigned owned, up;
static bool opening;

bool qg_gateway_is_opening(const struct qg_gateway *gateway)
{
	return opening;
}

void qg_gateway_links(const struct qg_gateway *gateway, unsigned *owned_out, unsigned *up_out)
{
	*owned_out = owned;
	*up_out = up;
}

static void expect(struct qg_health health, const char *status, int code)
{
	ck_assert_str_eq(health.status, status);
	ck_assert_int_eq(health.code, code);
}

START_TEST(ready_and_not)
{
	/* Redis up, draining, refusing, links owned, links up */
	expect(qg_health_judge(true, false, false, 0, 0), "ready", 200);
	expect(qg_health_judge(true, false, false, 3, 3), "ready", 200);
	expect(qg_health_judge(true, false, false, 3, 1), "degraded", 200);
	expect(qg_health_judge(true, false, false, 3, 0), "links down", 503);
	expect(qg_health_judge(true, false, true, 0, 0), "degraded", 200);
	expect(qg_health_judge(false, false, false, 0, 0), "redis away", 503);
	expect(qg_health_judge(false, false, false, 3, 3), "redis away", 503);
	expect(qg_health_judge(true, true, false, 3, 3), "draining", 503);
	expect(qg_health_judge(false, true, false, 0, 0), "draining", 503);
}
END_TEST

START_TEST(a_bot_that_opens_is_no_readiness)
{
	struct qg_core core = {.redis_up = true};
	const struct qg_gateway *any = (const struct qg_gateway *)&core;
	owned = up = 0;
	opening = true;
	expect(qg_health_now(&core, any), "starting", 503);
	core.draining = true;
	expect(qg_health_now(&core, any), "draining", 503);
	core.draining = core.redis_up = false;
	expect(qg_health_now(&core, any), "redis away", 503);
	core.redis_up = true;
	opening = false;
	expect(qg_health_now(&core, any), "ready", 200);
}
END_TEST

START_TEST(the_reasons_stand_in_the_json)
{
	char *failed[] = {"bots.d/x.yaml"};
	struct qg_config config = {.bot_count = 2, .failed_files = {failed, 1}};
	struct qg_core core = {.config = &config, .process = "p-1", .redis_up = true};
	owned = 2;
	up = 1;
	json_t *others = json_pack(
		"{s:{s:{s:s}}, s:{s:i}}", "w-1", "health", "status", "ready", "w-2", "health", 5);
	/* any pointer stands for a gateway: the links are faked */
	json_t *json = qg_health_json(&core, (const struct qg_gateway *)&core, others);
	ck_assert_ptr_nonnull(json);
	ck_assert_str_eq(json_string_value(json_object_get(json, "status")), "degraded");
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(json, "links"), "owned")), 2);
	ck_assert_int_eq(json_array_size(json_object_get(json, "failed_files")), 1);
	json_t *processes = json_object_get(json, "processes");
	ck_assert_int_eq(json_object_size(processes), 1);
	ck_assert_ptr_nonnull(json_object_get(processes, "w-1"));
	json_decref(json);
	json_decref(others);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("health");
	TCase *tcase = tcase_create("health");
	tcase_add_test(tcase, ready_and_not);
	tcase_add_test(tcase, a_bot_that_opens_is_no_readiness);
	tcase_add_test(tcase, the_reasons_stand_in_the_json);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
