/* test_shared.c - equal texts are one, and the last who drops one frees it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "shared.h"
#include "support/malloc.h"

START_TEST(equal_texts_are_one)
{
	char written[] = "手册";
	char *first = qg_shared_take(written), *second = qg_shared_take("手册");
	char *other = qg_shared_take("手册。");
	ck_assert_ptr_eq(first, second);
	ck_assert_ptr_ne(first, written);
	ck_assert_ptr_ne(first, other);
	qg_shared_drop(first);
	ck_assert_str_eq(second, "手册");
	qg_shared_drop(second);
	ck_assert_str_eq(other, "手册。");
	qg_shared_drop(other);
	ck_assert_ptr_null(qg_shared_take(NULL));
	qg_shared_drop(NULL);
}
END_TEST

START_TEST(many_are_found_again)
{
	enum { MANY = 3000 };
	static char *all[MANY];
	char text[32];
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "text %d", i);
		all[i] = qg_shared_take(text);
		ck_assert_str_eq(all[i], text);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "text %d", i);
		char *again = qg_shared_take(text);
		ck_assert_ptr_eq(again, all[i]);
		qg_shared_drop(again);
		qg_shared_drop(all[i]);
	}
}
END_TEST

static bool take_some(void *arg)
{
	char *texts[600];
	char text[32];
	bool whole = true;
	for (int i = 0; i < 600; i++) {
		snprintf(text, sizeof(text), "text %d", i);
		texts[i] = qg_shared_take(text);
		whole &= texts[i] != NULL;
	}
	for (int i = 0; i < 600; i++) {
		qg_shared_drop(texts[i]);
	}
	return whole;
}

START_TEST(failing_allocations_leak_nothing)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(take_some, NULL), 600);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shared");
	TCase *all = tcase_create("all");
	tcase_add_test(all, equal_texts_are_one);
	tcase_add_test(all, many_are_found_again);
	tcase_add_test(all, failing_allocations_leak_nothing);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
