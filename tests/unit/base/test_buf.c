/* test_buf.c - buffers grow to their ceiling and not a byte beyond, and remember a failure. */
#include "qg/buf.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"

START_TEST(additions_line_up_and_end_with_nul)
{
	struct qg_buf buf;
	qg_buf_init(&buf, 1000);
	ck_assert_ptr_null(buf.data);
	ck_assert_int_eq(qg_buf_add_str(&buf, "ab"), QG_OK);
	ck_assert_int_eq(qg_buf_add_char(&buf, 'c'), QG_OK);
	ck_assert_int_eq(qg_buf_add(&buf, "d\0e", 3), QG_OK);
	ck_assert_int_eq(qg_buf_printf(&buf, "%d-%s", 42, "x"), QG_OK);
	ck_assert_uint_eq(buf.size, 10);
	ck_assert_mem_eq(buf.data, "abcd\0e42-x", 11);
	qg_buf_finish(&buf);
	ck_assert_ptr_null(buf.data);
	qg_buf_finish(&buf);
}
END_TEST

START_TEST(empty_addition_makes_an_empty_string)
{
	struct qg_buf buf;
	qg_buf_init(&buf, 10);
	ck_assert_int_eq(qg_buf_add(&buf, NULL, 0), QG_OK);
	ck_assert_str_eq(buf.data, "");
	qg_buf_finish(&buf);
}
END_TEST

START_TEST(limit_is_exact_and_failure_sticks)
{
	struct qg_buf buf;
	qg_buf_init(&buf, 5);
	ck_assert_int_eq(qg_buf_add_str(&buf, "12345"), QG_OK);
	ck_assert_int_eq(qg_buf_add_char(&buf, '6'), QG_TOO_LARGE);
	ck_assert_str_eq(buf.data, "12345");
	ck_assert_int_eq(qg_buf_add(&buf, "", 0), QG_TOO_LARGE);
	qg_buf_reset(&buf);
	ck_assert_str_eq(buf.data, "");
	ck_assert_int_eq(qg_buf_add_str(&buf, "1234"), QG_OK);
	ck_assert_int_eq(qg_buf_add_str(&buf, "56"), QG_TOO_LARGE);
	ck_assert_str_eq(buf.data, "1234");
	qg_buf_finish(&buf);
}
END_TEST

START_TEST(huge_sizes_do_not_wrap)
{
	struct qg_buf buf;
	qg_buf_init(&buf, SIZE_MAX);
	ck_assert_int_eq(qg_buf_add_str(&buf, "x"), QG_OK);
	ck_assert_int_eq(qg_buf_reserve(&buf, SIZE_MAX), QG_TOO_LARGE);
	ck_assert_str_eq(buf.data, "x");
	qg_buf_finish(&buf);
}
END_TEST

START_TEST(print_grows_for_what_does_not_fit)
{
	struct qg_buf buf;
	qg_buf_init(&buf, 5000);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(qg_buf_printf(&buf, "%040d", i), QG_OK);
	}
	ck_assert_uint_eq(buf.size, 4000);
	ck_assert_str_eq(buf.data + 3995, "00099");
	ck_assert_int_eq(qg_buf_printf(&buf, "%1001d", 1), QG_TOO_LARGE);
	ck_assert_uint_eq(buf.size, 4000);
	ck_assert_uint_eq(strlen(buf.data), 4000);
	qg_buf_finish(&buf);
}
END_TEST

START_TEST(reserve_makes_room_to_write)
{
	struct qg_buf buf;
	qg_buf_init(&buf, 100000);
	ck_assert_int_eq(qg_buf_reserve(&buf, 70000), QG_OK);
	ck_assert_uint_ge(buf.capacity, 70001);
	memset(buf.data, 'y', 70000);
	buf.size = 70000;
	ck_assert_int_eq(qg_buf_add_char(&buf, 'z'), QG_OK);
	ck_assert_int_eq(buf.data[70000], 'z');
	ck_assert_uint_le(buf.capacity, 100001);
	qg_buf_finish(&buf);
}
END_TEST

START_TEST(consume_takes_from_the_front)
{
	struct qg_buf buf;
	qg_buf_init(&buf, 100);
	qg_buf_consume(&buf, 0);
	qg_buf_add_str(&buf, "headtail");
	qg_buf_consume(&buf, 4);
	ck_assert_str_eq(buf.data, "tail");
	qg_buf_consume(&buf, 4);
	ck_assert_str_eq(buf.data, "");
	ck_assert_uint_eq(buf.size, 0);
	qg_buf_finish(&buf);
}
END_TEST

START_TEST(steal_gives_the_string_away)
{
	struct qg_buf buf;
	qg_buf_init(&buf, 100);
	char *empty = qg_buf_steal(&buf);
	ck_assert_str_eq(empty, "");
	qg_buf_add_str(&buf, "mine");
	char *text = qg_buf_steal(&buf);
	ck_assert_str_eq(text, "mine");
	ck_assert_ptr_null(buf.data);
	ck_assert_uint_eq(buf.limit, 100);
	free(text);
	free(empty);
	qg_buf_init(&buf, 2);
	qg_buf_add_str(&buf, "abc");
	ck_assert_ptr_null(qg_buf_steal(&buf));
	ck_assert_int_eq(buf.failed, QG_OK);
}
END_TEST

static bool build(void *arg)
{
	QG_AUTO(qg_buf_finish) struct qg_buf buf;
	qg_buf_init(&buf, 10000);
	qg_buf_add_str(&buf, "start ");
	for (int i = 0; i < 50; i++) {
		qg_buf_printf(&buf, "%020d", i);
	}
	bool told = buf.failed == (qg_test_malloc_failed() ? QG_NO_MEMORY : QG_OK);
	char *text = qg_buf_steal(&buf);
	bool worked = told && text != NULL;
	free(text);
	return worked;
}

START_TEST(failing_memory_is_told_and_leaks_nothing)
{
	if (qg_test_malloc_works()) {
		/* 128, 256, 512 and 1,024 bytes. */
		ck_assert_int_eq(qg_test_each_malloc(build, NULL), 4);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("buf");
	TCase *tcase = tcase_create("buf");
	tcase_add_test(tcase, additions_line_up_and_end_with_nul);
	tcase_add_test(tcase, empty_addition_makes_an_empty_string);
	tcase_add_test(tcase, limit_is_exact_and_failure_sticks);
	tcase_add_test(tcase, huge_sizes_do_not_wrap);
	tcase_add_test(tcase, print_grows_for_what_does_not_fit);
	tcase_add_test(tcase, reserve_makes_room_to_write);
	tcase_add_test(tcase, consume_takes_from_the_front);
	tcase_add_test(tcase, steal_gives_the_string_away);
	tcase_add_test(tcase, failing_memory_is_told_and_leaks_nothing);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
