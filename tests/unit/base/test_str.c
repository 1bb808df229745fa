/* test_str.c - copies, lists, trims, numbers, suggestions and the partition checksum. */
#include "qg/str.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "support/malloc.h"

START_TEST(lists_copy_what_they_hold)
{
	struct qg_strings list = {0};
	char word[] = "one";
	ck_assert_int_eq(qg_strings_add(&list, word), QG_OK);
	word[0] = 'x';
	ck_assert_int_eq(qg_strings_add(&list, "two"), QG_OK);
	ck_assert_uint_eq(list.count, 2);
	ck_assert(qg_strings_has(&list, "one"));
	ck_assert(qg_strings_has(&list, "two"));
	ck_assert(!qg_strings_has(&list, "xne"));
	ck_assert(!qg_strings_has(&list, NULL));
	qg_strings_finish(&list);
	ck_assert_uint_eq(list.count, 0);
	qg_strings_finish(&list);
}
END_TEST

START_TEST(copies_are_exact)
{
	QG_AUTO(qg_str_free) char *copy = qg_str_copy("群工");
	QG_AUTO(qg_str_free) char *part = qg_str_copy_n("abcdef", 3);
	QG_AUTO(qg_str_free) char *print = qg_str_printf("%s-%d", "a", 7);
	ck_assert_str_eq(copy, "群工");
	ck_assert_str_eq(part, "abc");
	ck_assert_str_eq(print, "a-7");
	ck_assert_ptr_null(qg_str_copy(NULL));
	ck_assert_ptr_null(qg_str_copy_n(NULL, 3));
	ck_assert_ptr_null(qg_str_copy_n("x", SIZE_MAX));
}
END_TEST

START_TEST(equality_and_prefix)
{
	ck_assert(qg_str_equal(NULL, NULL));
	ck_assert(!qg_str_equal(NULL, ""));
	ck_assert(!qg_str_equal("a", NULL));
	ck_assert(qg_str_equal("ab", "ab"));
	ck_assert(!qg_str_equal("ab", "abc"));
	ck_assert(qg_str_starts_with("file:x", "file:"));
	ck_assert(qg_str_starts_with("x", ""));
	ck_assert(!qg_str_starts_with("fil", "file:"));
}
END_TEST

static void check_trim(const char *text, const char *expected)
{
	char *copy = qg_str_copy(text);
	ck_assert_ptr_eq(qg_str_trim(copy), copy);
	ck_assert_str_eq(copy, expected);
	free(copy);
}

START_TEST(trim_cuts_narrow_and_wide_blanks)
{
	check_trim("  a b \t\r\n", "a b");
	check_trim("　　你好 　", "你好");
	check_trim(" 　 \v\f", "");
	check_trim("", "");
	check_trim("\xe3\x80", "\xe3\x80");
	/* U+3001 shares two bytes with the wide blank. */
	check_trim("、a、", "、a、");
}
END_TEST

START_TEST(numbers_must_be_whole)
{
	int64_t n = 77;
	ck_assert(qg_str_to_int64("0", 0, 10, &n));
	ck_assert_int_eq(n, 0);
	ck_assert(qg_str_to_int64("-9223372036854775808", INT64_MIN, INT64_MAX, &n));
	ck_assert(n == INT64_MIN);
	ck_assert(qg_str_to_int64("9223372036854775807", INT64_MIN, INT64_MAX, &n));
	ck_assert(n == INT64_MAX);
	n = 77;
	static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1x", "0x10", "1.0", "--1",
		"11", "-1", "9223372036854775808", "99999999999999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!qg_str_to_int64(bad[i], 0, 10, &n), "'%s' was taken", bad[i]);
	}
	ck_assert_int_eq(n, 77);
}
END_TEST

START_TEST(numbers_are_written_as_they_are_read)
{
	static const int64_t numbers[] = {0, 7, 10, -1, -10, 1234567890, INT64_MAX, INT64_MIN};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char text[QG_INT64_SIZE];
		int64_t back = 1;
		ck_assert_uint_eq(qg_str_from_int64(numbers[i], text), strlen(text));
		ck_assert(qg_str_to_int64(text, INT64_MIN, INT64_MAX, &back));
		ck_assert_int_eq(back, numbers[i]);
	}
}
END_TEST

START_TEST(nearest_suggests_slips_only)
{
	static const char *const words[] = {"port", "platform", "knowledge", "models"};
	ck_assert_str_eq(qg_str_nearest("prot", words, 4), "port");
	ck_assert_str_eq(qg_str_nearest("platfrom", words, 4), "platform");
	ck_assert_str_eq(qg_str_nearest("Model", words, 4), "models");
	ck_assert_str_eq(qg_str_nearest("knowlege", words, 4), "knowledge");
	ck_assert_ptr_null(qg_str_nearest("banana", words, 4));
	ck_assert_ptr_null(qg_str_nearest("x", words, 4));
	ck_assert_ptr_null(qg_str_nearest("", words, 4));
	ck_assert_ptr_null(qg_str_nearest("port", words, 0));
	char word[200];
	memset(word, 'p', sizeof(word));
	word[199] = '\0';
	ck_assert_ptr_null(qg_str_nearest(word, words, 4));
	const char *const longs[] = {word};
	ck_assert_ptr_null(qg_str_nearest("pppp", longs, 1));
}
END_TEST

START_TEST(crc16_is_that_of_redis_cluster)
{
	ck_assert_uint_eq(qg_crc16("123456789", 9), 0x31c3);
	ck_assert_uint_eq(qg_crc16("", 0), 0);
	/* Slots known from Redis itself: CLUSTER KEYSLOT foo, bar and somekey. */
	ck_assert_uint_eq(qg_crc16("foo", 3) % 16384, 12182);
	ck_assert_uint_eq(qg_crc16("bar", 3) % 16384, 5061);
	ck_assert_uint_eq(qg_crc16("somekey", 7) % 16384, 11058);
}
END_TEST

static bool build(void *arg)
{
	struct qg_strings list = {0};
	char *print = qg_str_printf("%s", "printed");
	char *fold = qg_str_fold("ＡＢＣ");
	bool worked = print && fold && qg_strings_add(&list, "one") == QG_OK &&
		      qg_strings_add(&list, "two") == QG_OK;
	free(print);
	free(fold);
	qg_strings_finish(&list);
	return worked;
}

START_TEST(failing_memory_is_told_and_leaks_nothing)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_ge(qg_test_each_malloc(build, NULL), 6);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("str");
	TCase *tcase = tcase_create("str");
	tcase_add_test(tcase, lists_copy_what_they_hold);
	tcase_add_test(tcase, copies_are_exact);
	tcase_add_test(tcase, equality_and_prefix);
	tcase_add_test(tcase, trim_cuts_narrow_and_wide_blanks);
	tcase_add_test(tcase, numbers_must_be_whole);
	tcase_add_test(tcase, numbers_are_written_as_they_are_read);
	tcase_add_test(tcase, nearest_suggests_slips_only);
	tcase_add_test(tcase, crc16_is_that_of_redis_cluster);
	tcase_add_test(tcase, failing_memory_is_told_and_leaks_nothing);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
