/* test_mould.c - what fits a mould, and that it then reads just as a scan would. */
#include "qg/scan.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static struct qg_piece found(const char *text, const char *path)
{
	struct qg_piece piece;
	ck_assert_msg(qg_scan(text, strlen(text), &path, 1, &piece) == QG_OK, "%s", text);
	return piece;
}

/* A mould of a text and the string at path in it. */
static void cast(struct qg_mould *mould, const char *text, const char *path)
{
	struct qg_piece piece = found(text, path);
	ck_assert_int_eq(piece.kind, QG_PIECE_STRING);
	qg_mould_take(mould, text, strlen(text), &piece);
}

static bool fits(const struct qg_mould *mould, const char *text, struct qg_piece *out)
{
	return qg_mould_fits(mould, text, strlen(text), out);
}

START_TEST(what_fits_a_mould_reads_as_a_scan_reads_it)
{
	static const char *const others[] = {"{\"a\":[{\"t\":\"\"}],\"b\":null}",
		"{\"a\":[{\"t\":\"好的,\"}],\"b\":null}", "{\"a\":[{\"t\":\"}]'\"}],\"b\":null}"};
	struct qg_mould mould;
	struct qg_piece piece, scanned;
	qg_mould_init(&mould);
	ck_assert(!fits(&mould, others[0], &piece)); /* nothing fits an empty one */
	cast(&mould, "{\"a\":[{\"t\":\"x\"}],\"b\":null}", "a[0].t");
	for (size_t i = 0; i < COUNT(others); i++) {
		ck_assert(fits(&mould, others[i], &piece));
		scanned = found(others[i], "a[0].t");
		ck_assert(piece.kind == scanned.kind && piece.data == scanned.data &&
			  piece.size == scanned.size && piece.escaped == scanned.escaped);
	}
	qg_mould_finish(&mould);
}
END_TEST

START_TEST(what_differs_elsewhere_fits_no_mould)
{
	static const char *const others[] = {
		"",
		"{",
		"\"}],\"b\":null}",
		"{\"a\":[{\"t\":\"}],\"b\":null}",		  /* its quotes overlap */
		"{\"a\":[{\"t\":\"x\"}],\"b\":true}",		  /* behind it */
		"{\"A\":[{\"t\":\"x\"}],\"b\":null}",		  /* before it */
		"{\"a\":[{\"t\":\"x\",\"u\":\"y\"}],\"b\":null}", /* one string more */
		"{\"a\":[{\"t\":\"x\\n\"}],\"b\":null}",	  /* an escape: a scan's to read */
		"{\"a\":[{\"t\":\"x\\\"}],\"b\":null}",		  /* no end of the string */
		"{\"a\":[{\"t\":\"x\n\"}],\"b\":null}",		  /* no JSON */
		"{\"a\":[{\"t\":\"\xe5\xa5\"}],\"b\":null}",	  /* half a character */
		"{\"a\":[{\"t\":\"x\"}],\"b\":null} ",
	};
	struct qg_mould mould;
	struct qg_piece piece;
	qg_mould_init(&mould);
	cast(&mould, "{\"a\":[{\"t\":\"x\"}],\"b\":null}", "a[0].t");
	for (size_t i = 0; i < COUNT(others); i++) {
		ck_assert_msg(!fits(&mould, others[i], &piece), "%s", others[i]);
	}
	qg_mould_finish(&mould);
}
END_TEST

/* What is too long for it, and what it has no memory for, is not half remembered. */
START_TEST(a_mould_that_could_not_be_made_fits_nothing)
{
	static const char small[] = "{\"a\":\"x\"}";
	static char text[5000];
	struct qg_mould mould;
	struct qg_piece piece;
	qg_mould_init(&mould);
	snprintf(text, sizeof(text), "{\"a\":\"x\",\"b\":\"%04500d\"}", 0);
	cast(&mould, text, "a");
	ck_assert(!fits(&mould, text, &piece));
	cast(&mould, text, "b");
	ck_assert(fits(&mould, text, &piece));
	qg_mould_finish(&mould);
	if (qg_test_malloc_works()) {
		piece = found(small, "a");
		qg_test_fail_malloc(1);
		qg_mould_take(&mould, small, sizeof(small) - 1, &piece);
		qg_test_fail_malloc(0);
		ck_assert(!fits(&mould, small, &piece));
		qg_mould_finish(&mould);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mould");
	TCase *tests = tcase_create("mould");
	tcase_add_test(tests, what_fits_a_mould_reads_as_a_scan_reads_it);
	tcase_add_test(tests, what_differs_elsewhere_fits_no_mould);
	tcase_add_test(tests, a_mould_that_could_not_be_made_fits_nothing);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
