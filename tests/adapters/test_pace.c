/* test_pace.c - turns of calls: bursts, the long run, and what a refusal holds. */
#include <check.h>
#include <stdlib.h>

#include "pace.h"
#include "qg/buf.h"
#include "qg/clock.h"
#include "qg/str.h"

#define INTERVAL_MS 25
#define BURST_MS 200
#define NOW 1000000
#define ANY UINT64_MAX

static struct qg_pace *pace;

static void setup(void)
{
	qg_clock_fix(1767225600000, NOW);
	pace = qg_pace_create(INTERVAL_MS, BURST_MS);
	ck_assert_ptr_nonnull(pace);
}

static void teardown(void)
{
	qg_pace_destroy(pace);
	qg_clock_fix(-1, 0);
}

static uint64_t take(const char *api)
{
	uint64_t wait = 0;
	ck_assert(qg_pace_take(pace, api, ANY, &wait));
	return wait;
}

/* Never more than 50 in any second, whenever it begins. */
START_TEST(test_second)
{
	uint64_t leaves[200];
	for (size_t i = 0; i < 200; i++) {
		leaves[i] = take("a");
		ck_assert(i == 0 || leaves[i] >= leaves[i - 1]);
	}
	ck_assert_uint_eq(leaves[8], 0); /* a burst leaves at once */
	ck_assert_uint_gt(leaves[9], 0);
	for (size_t i = 0; i + 50 < 200; i++) {
		ck_assert_uint_gt(leaves[i + 50] - leaves[i], 1000);
	}
	ck_assert_uint_eq(take("b"), 0); /* another API has turns of its own */
	qg_clock_fix(1767225600000, NOW + 60000);
	ck_assert_uint_eq(take("a"), 0);
}
END_TEST

START_TEST(test_hold)
{
	uint64_t wait = 0;
	qg_pace_hold(pace, "a", 52000);
	ck_assert(!qg_pace_take(pace, "a", 5000, &wait));
	ck_assert_uint_eq(wait, 52000);
	ck_assert(!qg_pace_take(pace, "a", 5000, &wait)); /* no turn was taken */
	ck_assert_uint_eq(wait, 52000);
	qg_pace_hold(pace, "a", 1000); /* not shorter */
	ck_assert(!qg_pace_take(pace, "a", 5000, &wait));
	ck_assert_uint_eq(take("b"), 0);
	qg_clock_fix(1767225600000, NOW + 52000);
	ck_assert_uint_eq(take("a"), 0);
	ck_assert_uint_eq(take("a"), INTERVAL_MS); /* and no burst behind it */
}
END_TEST

/* More APIs than places: the last ones share one. */
START_TEST(test_many)
{
	for (int i = 0; i < 100; i++) {
		QG_AUTO(qg_str_free) char *api = qg_str_printf("api %d", i);
		for (int n = 0; n < 9; n++) {
			uint64_t wait = take(api);
			ck_assert(wait == 0 || i > 32);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pace");
	TCase *tests = tcase_create("pace");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_second);
	tcase_add_test(tests, test_hold);
	tcase_add_test(tests, test_many);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
