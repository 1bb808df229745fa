/* test_clean.c - nothing of a child reaches anybody as it came. */
#include "vectors.h"

#include "qg/str.h"

static void expect(const char *raw, size_t size, bool squeeze, const char *clean, unsigned pages)
{
	struct qg_buf text;
	unsigned counted = 99;
	qg_buf_init(&text, 1024);
	ck_assert(!document_clean(raw, size, squeeze, &text, &counted));
	ck_assert_str_eq(text.data != NULL ? text.data : "", clean);
	ck_assert_uint_eq(counted, pages);
	qg_buf_finish(&text);
}

#define EXPECT(raw, squeeze, clean, pages) expect(raw, sizeof(raw) - 1, squeeze, clean, pages)

START_TEST(control_characters_go)
{
	EXPECT("a\0b\x1b[31mc\x7f\xc2\x85\xe2\x80\xae"
	       "d\xef\xbb\xbf",
		false, "ab[31mcd", 0);
	EXPECT("a\xff\xc3(", false, "a\xef\xbf\xbd\xef\xbf\xbd(", 0);
	EXPECT("a\r\nb\rc\xe2\x80\xa8"
	       "d\te",
		false, "a\nb\nc\nd\te", 0);
}
END_TEST

START_TEST(blanks_and_lines_keep_their_places)
{
	EXPECT("\n\n  if x:\n    y  \n\n\n\nz\n\n", false, "  if x:\n    y\n\nz", 0);
	EXPECT("    \xe8\x82\x89    38   \n x y\f\f", true, "\xe8\x82\x89\t38\nx y", 2);
	EXPECT("a\n\fb\n\f", true, "a\n\nb", 2);
	EXPECT("", true, "", 0);
	EXPECT(" \n\f ", false, "", 1);
}
END_TEST

START_TEST(it_is_cut_between_code_points)
{
	struct qg_buf text;
	unsigned pages;
	qg_buf_init(&text, 7);
	ck_assert(document_clean("\xe8\x82\x89\xe8\x82\x89\xe8\x82\x89", 9, false, &text, &pages));
	ck_assert_uint_eq(text.size, 6);
	ck_assert(qg_utf8_is_valid(text.data, text.size));
	qg_buf_finish(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clean");
	TCase *tcase = tcase_create("clean");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, control_characters_go);
	tcase_add_test(tcase, blanks_and_lines_keep_their_places);
	tcase_add_test(tcase, it_is_cut_between_code_points);
	return vectors_run(suite);
}
