/* test_text.c - text of encodings that nobody tells, and pages without their tags. */
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

#define MENU "红烧肉 38元,清蒸鱼\n营业时间:九点到廿一点 𠀀"

static char *as(const char *encoding, const char *text, size_t *size_out)
{
	iconv_t to = iconv_open(encoding, "UTF-8");
	ck_assert(to != (iconv_t)-1);
	size_t left = strlen(text), room = 4 * left + 8, all = room;
	char *data = malloc(room), *in = (char *)text, *out = data;
	ck_assert(iconv(to, &in, &left, &out, &room) != (size_t)-1);
	iconv_close(to);
	*size_out = all - room;
	return data;
}

static void expect(enum qg_status (*read)(const char *data, size_t size, struct document_out *out),
	const char *data, size_t size, enum qg_status status, const char *text)
{
	struct document_out out;
	document_out_init(&out);
	ck_assert_int_eq(read(data, size, &out), status);
	if (status == QG_OK) {
		ck_assert_str_eq(out.text.data, text);
	}
	document_out_finish(&out);
}

START_TEST(four_encodings_are_told_apart)
{
	static const char *const encodings[] = {
		"UTF-8", "GB18030", "UTF-16LE", "UTF-16BE", "UTF-16"};
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		size_t size;
		char *data = as(encodings[i], MENU, &size);
		expect(document_read_text, data, size, QG_OK, MENU);
		free(data);
	}
	expect(document_read_text,
		"\xef\xbb\xbf"
		"abc",
		6, QG_OK,
		"\xef\xbb\xbf"
		"abc");
	expect(document_read_text, "名称,价格\n肉,38\n", strlen("名称,价格\n肉,38\n"), QG_OK,
		"名称,价格\n肉,38\n"); /* csv as it is */
}
END_TEST

START_TEST(a_mistake_makes_no_other_encoding)
{
	char data[] = MENU MENU MENU;
	data[4] = '\xff';
	ck_assert_int_eq(document_encoding_of(data, strlen(data)), ENCODING_UTF8);
	size_t size;
	char *gb = as("GB18030", MENU MENU MENU, &size);
	gb[size / 2] = '\xff';
	ck_assert_int_eq(document_encoding_of(gb, size), ENCODING_GB18030);
	ck_assert_int_eq(document_encoding_of(gb, size - 1), ENCODING_GB18030);
	free(gb);
}
END_TEST

START_TEST(what_is_no_text_is_refused)
{
	expect(document_read_text, "a\0b\0\0\0\0c", 8, QG_UNSUPPORTED, NULL);
	expect(document_read_text, "\1\2\3\4\5\6\7\x0e", 8, QG_UNSUPPORTED, NULL);
	expect(document_read_text, "\xff\xff\xff\xff\xff\xff\x80\x80\x80\x80", 10, QG_UNSUPPORTED,
		NULL);
	expect(document_read_text, "", 0, QG_EMPTY, NULL);
	expect(document_read_text, "\xff\xfe", 2, QG_EMPTY, NULL);
}
END_TEST

START_TEST(long_text_is_cut)
{
	struct document_out out;
	size_t size = 3 * QG_DOCUMENT_TEXT_MOST;
	char *data = malloc(size);
	memset(data, 'x', size);
	document_out_init(&out);
	ck_assert_int_eq(document_read_text(data, size, &out), QG_OK);
	ck_assert_uint_eq(out.text.size, QG_DOCUMENT_TEXT_MOST + 1);
	ck_assert(out.full);
	document_out_finish(&out);
	free(data);
}
END_TEST

#define HTML(page, text) expect(document_read_html, page, sizeof(page) - 1, QG_OK, text)

START_TEST(pages_lose_their_tags)
{
	HTML("<!DOCTYPE html><html><head><title>菜单</title><style>p{a:b}</style></head><body>"
	     "<script>if (a<b) document.write('</p>')</script><!-- <p>x -->\n <h1>今 日</h1>"
	     "<p title=\"a>b\">红烧<b>肉</b>  38&nbsp;元 &lt;大&gt; &#20803;&#x5143;&hellip;</p>"
	     "<ul><li>一</li><li>二</li></ul>a &lt b &unknown; 1 < 2</body>",
		"菜单\n今 日\n红烧肉 38 元 <大> 元元…\n一\n二\na &lt b &unknown; 1 < 2");
	HTML("<table><tr><th>名</th><th>价</th></tr><tr><td>肉</td><td>38</td></tr></table>",
		"名\t价\t\n肉\t38\t\n");
	HTML("<pre>a\n  b</pre>c", "a\n  b\nc");
	HTML("x<script>never ends", "x");
	HTML("x<p", "x\n");
	HTML("x&", "x&");
	HTML("x<!--", "x");
}
END_TEST

START_TEST(pages_have_encodings_too)
{
	size_t size;
	char *data = as("GB18030", "<html><meta charset=gbk><p>红烧肉</p>", &size);
	expect(document_read_html, data, size, QG_OK, "红烧肉\n");
	free(data);
	expect(document_read_html, "<html></html>", 13, QG_EMPTY, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = tcase_create("text");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, four_encodings_are_told_apart);
	tcase_add_test(tcase, a_mistake_makes_no_other_encoding);
	tcase_add_test(tcase, what_is_no_text_is_refused);
	tcase_add_test(tcase, long_text_is_cut);
	tcase_add_test(tcase, pages_lose_their_tags);
	tcase_add_test(tcase, pages_have_encodings_too);
	return vectors_run(suite);
}
