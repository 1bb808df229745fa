/* main.h - runs one Check suite. */
#ifndef TESTS_UNIT_AGENTS_MAIN_H
#define TESTS_UNIT_AGENTS_MAIN_H

#include <check.h>

static inline int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}

#endif
