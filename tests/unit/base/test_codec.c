/* test_codec.c - known vectors of base64, hex and percent coding, and what decoders refuse. */
#include "qg/codec.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"

static struct qg_buf buf;

static void fresh(void)
{
	qg_buf_init(&buf, 4096);
}

static void drop(void)
{
	qg_buf_finish(&buf);
}

START_TEST(hex_both_ways)
{
	char text[9];
	unsigned char bytes[4] = {0};
	qg_hex_encode("\x00\x7f\xab\xff", 4, text);
	ck_assert_str_eq(text, "007fabff");
	ck_assert_int_eq(qg_hex_decode("007fABff", 8, bytes), QG_OK);
	ck_assert_mem_eq(bytes, "\x00\x7f\xab\xff", 4);
	ck_assert_int_eq(qg_hex_decode("", 0, bytes), QG_OK);
	ck_assert_int_eq(qg_hex_decode("123", 3, bytes), QG_INVALID);
	ck_assert_int_eq(qg_hex_decode("1122334g", 8, bytes), QG_INVALID);
	/* Nothing is written where it fails. */
	ck_assert_mem_eq(bytes, "\x00\x7f\xab\xff", 4);
}
END_TEST

/* RFC 4648, section 10. */
static const char *const rfc4648[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
	{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};

START_TEST(base64_vectors)
{
	for (size_t i = 0; i < sizeof(rfc4648) / sizeof(rfc4648[0]); i++) {
		qg_buf_reset(&buf);
		ck_assert_int_eq(
			qg_base64_encode(rfc4648[i][0], strlen(rfc4648[i][0]), &buf), QG_OK);
		ck_assert_str_eq(buf.data, rfc4648[i][1]);
		qg_buf_reset(&buf);
		ck_assert_int_eq(
			qg_base64_decode(rfc4648[i][1], strlen(rfc4648[i][1]), &buf), QG_OK);
		ck_assert_str_eq(buf.data, rfc4648[i][0]);
	}
}
END_TEST

START_TEST(base64_of_all_lengths_comes_back)
{
	unsigned char bytes[256];
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (unsigned char)(i * 7 + 3);
	}
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		struct qg_buf back;
		qg_buf_reset(&buf);
		qg_buf_init(&back, 4096);
		ck_assert_int_eq(qg_base64_encode(bytes, size, &buf), QG_OK);
		ck_assert_int_eq(qg_base64_decode(buf.data, buf.size, &back), QG_OK);
		ck_assert_uint_eq(back.size, size);
		ck_assert_mem_eq(back.data, bytes, size);
		qg_buf_finish(&back);
	}
}
END_TEST

START_TEST(base64_takes_one_spelling_only)
{
	static const char *const bad[] = {"Z", "Zg",
		"Zg=", "Zh==", "Zm9=", "====", "Zg==Zg==", "Z===", "Zm9v\n", "Zm 9", "Zm9-", "Zm9_",
		"=Zm9", "Zm=v", "\xff\xff\xff\xff"};
	qg_buf_add_str(&buf, "kept");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(
			qg_base64_decode(bad[i], strlen(bad[i]), &buf) == QG_INVALID, "%s", bad[i]);
		ck_assert_str_eq(buf.data, "kept");
		ck_assert_uint_eq(buf.size, 4);
	}
	qg_buf_finish(&buf);
	qg_buf_init(&buf, 2);
	ck_assert_int_eq(qg_base64_decode("Zm9v", 4, &buf), QG_TOO_LARGE);
}
END_TEST

START_TEST(url_encoding_keeps_the_unreserved)
{
	ck_assert_int_eq(qg_url_encode("aZ0-._~ /群+", 13, &buf), QG_OK);
	ck_assert_str_eq(buf.data, "aZ0-._~%20%2F%E7%BE%A4%2B");
	qg_buf_finish(&buf);
	qg_buf_init(&buf, 2);
	ck_assert_int_eq(qg_url_encode(" ", 1, &buf), QG_TOO_LARGE);
}
END_TEST

static enum qg_status decode(const char *text, bool plus_is_space)
{
	qg_buf_reset(&buf);
	return qg_url_decode(text, strlen(text), plus_is_space, &buf);
}

START_TEST(url_decoding)
{
	ck_assert_int_eq(decode("a%20b+c%e7%BE%a4", true), QG_OK);
	ck_assert_str_eq(buf.data, "a b c群");
	ck_assert_int_eq(decode("b+c", false), QG_OK);
	ck_assert_str_eq(buf.data, "b+c");
	ck_assert_int_eq(decode("", true), QG_OK);
	ck_assert_str_eq(buf.data, "");
	static const char *const bad[] = {
		"%", "%2", "a%2", "%zz", "%0g", "%00", "a%00b", "%-1", "%+1"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(decode(bad[i], true), QG_INVALID);
		ck_assert_uint_eq(buf.size, 0);
	}
	ck_assert_int_eq(qg_url_decode("a\0b", 3, true, &buf), QG_INVALID);
}
END_TEST

static void check_query(const char *query, const char *name, const char *expected)
{
	char *value = qg_query_get(query, strlen(query), name);
	if (expected) {
		ck_assert_ptr_nonnull(value);
		ck_assert_str_eq(value, expected);
	} else {
		ck_assert_ptr_null(value);
	}
	free(value);
}

START_TEST(query_values_are_found_by_their_decoded_name)
{
	check_query("a=1&b=2&b=3", "b", "2");
	check_query("a=1&b=2", "c", NULL);
	check_query("token=x%2By+z", "token", "x+y z");
	check_query("to%6ben=x", "token", "x");
	check_query("toke=x&tokens=y", "token", NULL);
	check_query("token&x=1", "token", "");
	check_query("token=", "token", "");
	check_query("token=a=b", "token", "a=b");
	check_query("&&x=1&", "x", "1");
	check_query("", "x", NULL);
	check_query("x=%zz", "x", NULL);
	check_query("%zz=1&x=2", "x", "2");
	check_query("x%00=1", "x", NULL);
	ck_assert_ptr_null(qg_query_get("x\0=1", 4, "x"));
}
END_TEST

static bool build(void *arg)
{
	struct qg_buf out;
	qg_buf_init(&out, 4096);
	char *value = qg_query_get("a=%20b", 6, "a");
	bool worked = value && qg_base64_encode("abcdef", 6, &out) == QG_OK &&
		      qg_url_encode("a b", 3, &out) == QG_OK &&
		      qg_base64_decode("Zm9v", 4, &out) == QG_OK;
	free(value);
	qg_buf_finish(&out);
	return worked;
}

START_TEST(failing_memory_is_told_and_leaks_nothing)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_ge(qg_test_each_malloc(build, NULL), 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("codec");
	TCase *tcase = tcase_create("codec");
	tcase_add_checked_fixture(tcase, fresh, drop);
	tcase_add_test(tcase, hex_both_ways);
	tcase_add_test(tcase, base64_vectors);
	tcase_add_test(tcase, base64_of_all_lengths_comes_back);
	tcase_add_test(tcase, base64_takes_one_spelling_only);
	tcase_add_test(tcase, url_encoding_keeps_the_unreserved);
	tcase_add_test(tcase, url_decoding);
	tcase_add_test(tcase, query_values_are_found_by_their_decoded_name);
	tcase_add_test(tcase, failing_memory_is_told_and_leaks_nothing);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
