/* test_backoff.c - waits stay under ceilings that double up to a last one, and start over after a
 * success. */
#include "qg/backoff.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

static uint64_t next_random;

static uint64_t given_random(void)
{
	return next_random;
}

/* With this random number the wait is the whole ceiling. */
static uint64_t ceiling_of(struct qg_backoff *backoff, uint64_t expected)
{
	next_random = expected - 1;
	return qg_backoff_next(backoff);
}

START_TEST(ceilings_double_and_end)
{
	struct qg_backoff backoff;
	qg_backoff_init(&backoff, 100, 1000);
	backoff.random = given_random;
	static const uint64_t expected[] = {100, 200, 400, 800, 1000, 1000};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		ck_assert_uint_eq(ceiling_of(&backoff, expected[i]), expected[i]);
	}
}
END_TEST

START_TEST(the_number_after_a_ceiling_wraps)
{
	struct qg_backoff backoff;
	qg_backoff_init(&backoff, 100, 1000);
	backoff.random = given_random;
	next_random = 100;
	ck_assert_uint_eq(qg_backoff_next(&backoff), 1);
	next_random = 200;
	ck_assert_uint_eq(qg_backoff_next(&backoff), 1);
}
END_TEST

START_TEST(reset_starts_over)
{
	struct qg_backoff backoff;
	qg_backoff_init(&backoff, 10, 80);
	backoff.random = given_random;
	for (int i = 0; i < 5; i++) {
		(void)qg_backoff_next(&backoff);
	}
	ck_assert_uint_eq(ceiling_of(&backoff, 80), 80);
	qg_backoff_reset(&backoff);
	ck_assert_uint_eq(ceiling_of(&backoff, 10), 10);
}
END_TEST

START_TEST(huge_ceilings_do_not_wrap)
{
	struct qg_backoff backoff;
	qg_backoff_init(&backoff, 3, UINT64_MAX);
	backoff.random = given_random;
	next_random = UINT64_MAX - 1;
	for (int i = 0; i < 100; i++) {
		(void)qg_backoff_next(&backoff);
	}
	ck_assert_uint_eq(ceiling_of(&backoff, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(the_kernels_numbers_are_spread)
{
	struct qg_backoff backoff;
	qg_backoff_init(&backoff, 1000000, 1000000);
	uint64_t least = UINT64_MAX, most = 0;
	for (int i = 0; i < 200; i++) {
		uint64_t wait = qg_backoff_next(&backoff);
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	ck_assert_uint_ge(least, 1);
	ck_assert_uint_le(most, 1000000);
	/* Fails by chance once in 10^20 runs. */
	ck_assert_uint_lt(least, 250000);
	ck_assert_uint_gt(most, 750000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backoff");
	TCase *tcase = tcase_create("backoff");
	tcase_add_test(tcase, ceilings_double_and_end);
	tcase_add_test(tcase, the_number_after_a_ceiling_wraps);
	tcase_add_test(tcase, reset_starts_over);
	tcase_add_test(tcase, huge_ceilings_do_not_wrap);
	tcase_add_test(tcase, the_kernels_numbers_are_spread);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
