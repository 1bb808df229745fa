/* test_readers.c - words, sheets and slides as text; what is damaged, locked or a bomb is refused. */
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"
#include "vectors.h"

static void expect(const char *word, const char *name, enum qg_status status, const char *text)
{
	struct document_out out;
	ck_assert_int_eq(vector_read(word, name, &out), status);
	if (status == QG_OK) {
		ck_assert_str_eq(out.text.data, text);
	}
	document_out_finish(&out);
}

START_TEST(words_are_read)
{
	expect("docx", "handbook.docx", QG_OK,
		"小满餐厅 员工手册\n"
		"# 第一章 排班\n"
		"早班\t九点 到 <十七点>\n"
		"- 不要迟到\n"
		"第一行\n第二行\n"
		"框里\n"
		"姓名\t电话\n"
		"张 三\t021-5555\n"
		"内 表\t\n"
		"完\n");
	expect("docx", "empty.docx", QG_EMPTY, NULL);
}
END_TEST

START_TEST(sheets_are_read)
{
	expect("xlsx", "prices.xlsx", QG_OK,
		"## 价目\n"
		"菜名\t价格\t\t备注\n"
		"红烧肉\t38\t10%\tTRUE\n"
		"两 行\t0.3\t\t#N/A\t\n"
		"\n## 排班\n"
		"2024-01-01\t2024-01-01 12:00\t09:00\n"
		"2024-02-29\t36:00:00\t12\t1900-01-01\n");
	expect("xlsx", "blank.xlsx", QG_EMPTY, NULL);
}
END_TEST

START_TEST(slides_are_read_in_the_order_of_the_show)
{
	expect("pptx", "slides.pptx", QG_OK, "第一页\n收入\n\f第二页\n利润\n\f");
}
END_TEST

START_TEST(bombs_and_locks_are_refused)
{
	expect("docx", "bomb.docx", QG_TOO_LARGE, NULL);
	expect("docx", "laughs.docx", QG_INVALID, NULL);
	expect("docx", "deep.docx", QG_INVALID, NULL);
	expect("docx", "locked.docx", QG_INVALID, NULL);
	expect("xlsx", "locked.xlsx", QG_INVALID, NULL);
	expect("xlsx", "handbook.docx", QG_INVALID, NULL);
	expect("pptx", "prices.xlsx", QG_INVALID, NULL);
	expect("docx", "slides.pptx", QG_INVALID, NULL);
}
END_TEST

/* Whatever is missing of a file, its reader comes to an end and says so. */
START_TEST(a_file_cut_anywhere_is_refused)
{
	static const char *const files[][2] = {
		{"docx", "handbook.docx"}, {"xlsx", "prices.xlsx"}, {"pptx", "slides.pptx"}};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t size;
		char *data = vector_load(files[i][1], &size);
		for (size_t cut = 0; cut < size; cut += 7) {
			struct document_out out;
			document_out_init(&out);
			ck_assert_int_ne(document_read_as(files[i][0], data, cut, &out), QG_OK);
			document_out_finish(&out);
		}
		free(data);
	}
}
END_TEST

/* A byte changed anywhere may lose a word, and no more. */
START_TEST(a_byte_changed_anywhere_does_no_harm)
{
	static const char *const files[][2] = {
		{"docx", "handbook.docx"}, {"xlsx", "prices.xlsx"}, {"pptx", "slides.pptx"}};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t size;
		char *data = vector_load(files[i][1], &size);
		for (size_t at = 0; at < size; at += 3) {
			struct document_out out;
			document_out_init(&out);
			data[at] ^= (char)(1 << (at % 8));
			enum qg_status status = document_read_as(files[i][0], data, size, &out);
			ck_assert(status == QG_OK || status == QG_INVALID || status == QG_EMPTY ||
				  status == QG_TOO_LARGE || status == QG_NO_MEMORY);
			data[at] ^= (char)(1 << (at % 8));
			document_out_finish(&out);
		}
		free(data);
	}
}
END_TEST

static void expect_flow(const char *xml, enum qg_status status, const char *text)
{
	struct document_out out;
	document_out_init(&out);
	ck_assert_int_eq(document_read_flow(xml, strlen(xml), &out), status);
	if (status == QG_OK) {
		ck_assert_str_eq(out.text.data, text);
	}
	document_out_finish(&out);
}

START_TEST(paragraphs_stand_where_tags_are_odd)
{
	expect_flow("<a><p><t>x</t></p></a>", QG_OK, "x\n");
	expect_flow("<a><tc><t>x</t></tc><tr/></a>", QG_OK, "x\n\n");
	expect_flow("<a><moveFrom><p><t>x</t></p></moveFrom><p><t>y</t></p></a>", QG_OK, "y\n");
	expect_flow("<a><p><t>x", QG_INVALID, NULL);
	expect_flow("<a><t>&e;</t></a>", QG_INVALID, NULL);
	expect_flow("", QG_INVALID, NULL);
}
END_TEST

static bool read_flow(void *arg)
{
	struct document_out out;
	document_out_init(&out);
	enum qg_status status = document_read_flow(arg, strlen(arg), &out);
	document_out_finish(&out);
	return status == QG_OK;
}

static bool read_html(void *arg)
{
	struct document_out out;
	document_out_init(&out);
	enum qg_status status = document_read_html(arg, strlen(arg), &out);
	document_out_finish(&out);
	return status == QG_OK;
}

/* Not of zips: libarchive itself breaks where memory ends, which costs a child. */
START_TEST(no_memory_is_survived)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(read_flow, "<a><p><t>x</t></p></a>"), 3);
		ck_assert_int_gt(qg_test_each_malloc(read_html, "<p>x"), 1);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("readers");
	TCase *tcase = tcase_create("readers");
	tcase_set_timeout(tcase, 100);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, words_are_read);
	tcase_add_test(tcase, sheets_are_read);
	tcase_add_test(tcase, slides_are_read_in_the_order_of_the_show);
	tcase_add_test(tcase, bombs_and_locks_are_refused);
	tcase_add_test(tcase, a_file_cut_anywhere_is_refused);
	tcase_add_test(tcase, a_byte_changed_anywhere_does_no_harm);
	tcase_add_test(tcase, paragraphs_stand_where_tags_are_odd);
	tcase_add_test(tcase, no_memory_is_survived);
	return vectors_run(suite);
}
