/* test_kind.c - a file is what its bytes say; its name only where these do not tell. */
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

static enum qg_file_kind kind_of(const char *name, const char *bytes, size_t size)
{
	return qg_file_kind(name, bytes, size);
}

static enum qg_file_kind kind_of_vector(const char *file, const char *name)
{
	size_t size;
	char *data = vector_load(file, &size);
	enum qg_file_kind kind = qg_file_kind(name, data, size);
	free(data);
	return kind;
}

START_TEST(bytes_win_over_names)
{
	ck_assert_int_eq(kind_of("a.txt", "\xff\xd8\xff\xe0 x", 6), QG_FILE_JPEG);
	ck_assert_int_eq(kind_of("a.pdf", "\x89PNG\r\n\x1a\n", 8), QG_FILE_PNG);
	ck_assert_int_eq(kind_of(NULL, "GIF89a..", 8), QG_FILE_GIF);
	ck_assert_int_eq(kind_of(NULL, "RIFF\4\0\0\0WEBPVP8 ", 16), QG_FILE_WEBP);
	ck_assert_int_eq(kind_of(NULL, "RIFF\4\0\0\0WAVEfmt ", 16), QG_FILE_UNKNOWN);
	ck_assert_int_eq(kind_of("a.docx", "%PDF-1.4\n", 9), QG_FILE_PDF);
	ck_assert_int_eq(kind_of(NULL, "junk\n%PDF-1.4\n", 14), QG_FILE_PDF);
	ck_assert_int_eq(kind_of_vector("handbook.docx", "a.txt"), QG_FILE_DOCX);
	ck_assert_int_eq(kind_of_vector("prices.xlsx", NULL), QG_FILE_XLSX);
	ck_assert_int_eq(kind_of_vector("slides.pptx", ""), QG_FILE_PPTX);
}
END_TEST

START_TEST(names_tell_where_bytes_do_not)
{
	ck_assert_int_eq(kind_of("a.DOCX", "PK\3\4....", 8), QG_FILE_DOCX);
	ck_assert_int_eq(kind_of("a.zip", "PK\3\4....", 8), QG_FILE_UNKNOWN);
	ck_assert_int_eq(kind_of("a.xlsx", "\1\0\2\0\3", 5), QG_FILE_XLSX);
	ck_assert_int_eq(kind_of("a.mp4",
				 "\0\0\0\x18"
				 "ftypmp42",
				 12),
		QG_FILE_UNKNOWN);
	ck_assert_int_eq(kind_of(NULL, "", 0), QG_FILE_TEXT);
}
END_TEST

START_TEST(what_a_password_locks_is_known)
{
	ck_assert_int_eq(kind_of_vector("locked.xlsx", "a.xlsx"), QG_FILE_XLSX);
	ck_assert_int_eq(kind_of_vector("locked.xlsx", NULL), QG_FILE_DOCX);
	/* an old .xls */
	ck_assert_int_eq(kind_of("a.xls",
				 "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
				 "abcdefgh",
				 16),
		QG_FILE_UNKNOWN);
}
END_TEST

START_TEST(text_is_text_in_three_encodings)
{
	ck_assert_int_eq(kind_of(NULL, "营业时间", 12), QG_FILE_TEXT);
	ck_assert_int_eq(kind_of(NULL, "\xd3\xaa\xd2\xb5\xca\xb1\xbc\xe4", 8), QG_FILE_TEXT);
	ck_assert_int_eq(kind_of(NULL,
				 "\xff\xfe"
				 "a\0b\0",
				 6),
		QG_FILE_TEXT);
	ck_assert_int_eq(kind_of(NULL,
				 "\x7f"
				 "ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0>\0\1\0",
				 22),
		QG_FILE_UNKNOWN);
	ck_assert_str_eq(document_word("a.html", "x", 1), "html");
	ck_assert_str_eq(document_word("a", "\xef\xbb\xbf <!DocType HTML>", 19), "html");
	ck_assert_str_eq(document_word("a.csv", "x,y", 3), "text");
	ck_assert_ptr_null(document_word("a.jpg", "\xff\xd8\xff\xe0", 4));
}
END_TEST

START_TEST(types_are_named)
{
	ck_assert_str_eq(qg_file_type(QG_FILE_WEBP), "image/webp");
	ck_assert_str_eq(qg_file_type((enum qg_file_kind)99), "application/octet-stream");
	ck_assert(qg_file_is_image(QG_FILE_GIF));
	ck_assert(!qg_file_is_image(QG_FILE_PDF));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kind");
	TCase *tcase = tcase_create("kind");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, bytes_win_over_names);
	tcase_add_test(tcase, names_tell_where_bytes_do_not);
	tcase_add_test(tcase, what_a_password_locks_is_known);
	tcase_add_test(tcase, text_is_text_in_three_encodings);
	tcase_add_test(tcase, types_are_named);
	return vectors_run(suite);
}
