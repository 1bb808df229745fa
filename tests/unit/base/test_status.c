/* test_status.c - every status has a name, a text and a decision about another try. */
#include "qg/status.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(ok_is_zero_and_named)
{
	ck_assert_int_eq(QG_OK, 0);
	ck_assert_str_eq(qg_status_name(QG_OK), "QG_OK");
	ck_assert_str_eq(qg_status_name(QG_NO_MEMORY), "QG_NO_MEMORY");
	ck_assert_str_eq(qg_status_text(QG_AWAY), "Redis is away");
}
END_TEST

START_TEST(every_status_has_its_own_words)
{
	for (int i = QG_OK; i <= QG_FAILED; i++) {
		ck_assert_int_eq(strncmp(qg_status_name((enum qg_status)i), "QG_", 3), 0);
		ck_assert_uint_gt(strlen(qg_status_text((enum qg_status)i)), 0);
		for (int j = QG_OK; j < i; j++) {
			ck_assert_str_ne(qg_status_name((enum qg_status)i),
				qg_status_name((enum qg_status)j));
			ck_assert_str_ne(qg_status_text((enum qg_status)i),
				qg_status_text((enum qg_status)j));
		}
	}
}
END_TEST

START_TEST(only_passing_troubles_are_worth_a_retry)
{
	ck_assert(qg_status_is_retryable(QG_AWAY));
	ck_assert(qg_status_is_retryable(QG_TIMEOUT));
	ck_assert(qg_status_is_retryable(QG_NO_MEMORY));
	ck_assert(!qg_status_is_retryable(QG_OK));
	ck_assert(!qg_status_is_retryable(QG_DUPLICATE));
	ck_assert(!qg_status_is_retryable(QG_INVALID));
	ck_assert(!qg_status_is_retryable(QG_DENIED));
}
END_TEST

START_TEST(foreign_numbers_are_unknown)
{
	ck_assert_str_eq(qg_status_text((enum qg_status)(QG_FAILED + 1)), "unknown status");
	ck_assert_str_eq(qg_status_name((enum qg_status) - 1), "QG_?");
	ck_assert(!qg_status_is_retryable((enum qg_status)1000));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status");
	TCase *tcase = tcase_create("status");
	tcase_add_test(tcase, ok_is_zero_and_named);
	tcase_add_test(tcase, every_status_has_its_own_words);
	tcase_add_test(tcase, only_passing_troubles_are_worth_a_retry);
	tcase_add_test(tcase, foreign_numbers_are_unknown);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
