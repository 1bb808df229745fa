/* test_scan.c - what the scan takes, finds and refuses; and that it agrees with the parser on thousands of texts. */
#include "qg/scan.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "support/malloc.h"
#include "support/scan_oracle.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static enum qg_status scan(const char *text, const char *path, struct qg_piece *out)
{
	return qg_scan(text, strlen(text), &path, 1, out);
}

static struct qg_piece found(const char *text, const char *path)
{
	struct qg_piece piece;
	ck_assert_msg(scan(text, path, &piece) == QG_OK, "%s", text);
	return piece;
}

static void assert_text(const struct qg_piece *piece, const char *text)
{
	char *copy = qg_piece_copy(piece);
	ck_assert_ptr_nonnull(copy);
	ck_assert_str_eq(copy, text);
	ck_assert(qg_piece_is(piece, text));
	free(copy);
}

static const char message[] =
	"{\"schema\": \"2.0\", \"header\": {\"event_id\": \"e1\", \"token\": null},\r\n"
	"\t\"event\": {\"message\": {\"chat_id\": \"oc_\\u4f60\", \"mentions\": [ {\"key\": 1}, "
	"[2], \"x\\\"]\", "
	"true,-1.5e3 ],\n\"create_time\": \"1609073151345\", \"content\": "
	"\"{\\\"text\\\":\\\"hi\\\"}\"}, "
	"\"empty\": [ ], \"none\": { }}}";

START_TEST(members_are_found_where_they_stand)
{
	static const char *const paths[] = {"event.message.chat_id", "header.token", "header",
		"event.message.mentions[0].key", "event.message.mentions[3]", "event.absent",
		"event.message.create_time", "event.message.content", "event.empty", "event.none",
		"event.message.mentions[1][0]", "schema.inside", "event.message.mentions[5]"};
	struct qg_piece out[COUNT(paths)];
	struct qg_scan_plan *plan = qg_scan_plan_create(paths, COUNT(paths));
	ck_assert_ptr_nonnull(plan);
	for (int round = 0; round < 2; round++) { /* a plan keeps nothing of a run */
		memset(out, 0xff, sizeof(out));
		ck_assert_int_eq(qg_scan_run(plan, message, sizeof(message) - 1, out), QG_OK);
		assert_text(&out[0], "oc_你");
		ck_assert(out[0].escaped);
		ck_assert_int_eq(out[1].kind, QG_PIECE_NULL);
		ck_assert_int_eq(out[2].kind, QG_PIECE_OBJECT);
		ck_assert_mem_eq(out[2].data, "{\"event_id\"", 11);
		ck_assert_int_eq(out[2].data[out[2].size - 1], '}');
		ck_assert_int_eq(qg_piece_int(&out[3], 0), 1);
		ck_assert(qg_piece_bool(&out[4], false));
		ck_assert_int_eq(out[5].kind, QG_PIECE_NONE);
		ck_assert_int_eq(qg_piece_int(&out[6], 0), 1609073151345);
		assert_text(&out[7], "{\"text\":\"hi\"}");
		ck_assert_int_eq(out[8].kind, QG_PIECE_ARRAY);
		ck_assert_uint_eq(out[8].size, 3);
		ck_assert_int_eq(out[9].kind, QG_PIECE_OBJECT);
		ck_assert_int_eq(qg_piece_int(&out[10], 0), 2);
		ck_assert_int_eq(out[11].kind, QG_PIECE_NONE);
		ck_assert_int_eq(out[12].kind, QG_PIECE_NONE);
	}
	qg_scan_plan_destroy(plan);
	qg_scan_plan_destroy(NULL);
}
END_TEST

START_TEST(the_top_is_a_value_too)
{
	struct qg_piece top = found(" \"a\" ", "");
	assert_text(&top, "a");
	top = found("[1,2]", "[1]");
	ck_assert_int_eq(qg_piece_int(&top, 0), 2);
	top = found(" {\"a\":1}\n", "");
	ck_assert_int_eq(top.kind, QG_PIECE_OBJECT);
	ck_assert_uint_eq(top.size, 7);
}
END_TEST

START_TEST(names_written_with_escapes_are_the_same_names)
{
	struct qg_piece piece = found("{\"\\u0061b\\u002fc\":7}", "ab/c");
	ck_assert_int_eq(qg_piece_int(&piece, 0), 7);
	piece = found("{\"\\ud83d\\ude00\":7}", "😀");
	ck_assert_int_eq(qg_piece_int(&piece, 0), 7);
	piece = found("{\"a\\u0000\":7,\"a\\\\\":8,\"\\u0061b\":9}", "a");
	ck_assert_int_eq(piece.kind, QG_PIECE_NONE);
}
END_TEST

static const char *const twice[] = {
	"{\"a\":{\"b\":1,\"b\":1}}",
	"{\"a\":{\"b\":1},\"a\":{}}",
	"{\"a\":1,\"a\":{\"b\":2}}",
	"{\"a\":{\"b\":1},\"\\u0061\":{\"c\":1}}",
	"{\"a\":{\"b\":1,\"\\u0062\":1}}",
};

START_TEST(a_wanted_member_twice_is_refused)
{
	struct qg_piece piece;
	ck_assert_int_eq(scan(twice[_i], "a.b", &piece), QG_INVALID);
	ck_assert_int_eq(piece.kind, QG_PIECE_NONE);
	ck_assert_int_eq(scan(twice[_i], "x", &piece), QG_OK); /* nobody asks for it */
	/* Elements of a list are different parents. */
	piece = found("[{\"a\":1},{\"a\":2}]", "[1].a");
	ck_assert_int_eq(qg_piece_int(&piece, 0), 2);
}
END_TEST

static const char *const bad[] = {"", " ", "{", "}", "[", "]", "{]", "[}", "[1", "[1,", "[1,]",
	"[,1]", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\" 1}",
	"{\"a\":1 \"b\":2}", "{1:1}", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
	"\"\\u123", "\"a\nb\"", "\"a\tb\"", "\"\x1f\"", "tru", "truee", "nul", "True", "01", "-",
	"+1", ".5", "1.", "1.e1", "1e", "1e+", "0x1", "--1", "1 2", "{} {}", "[1] x", "'a'",
	"[1;2]", "\xef\xbb\xbf{}", "[\"\xc0\xaf\"]", "[\"\xed\xa0\x80\"]", "[\"\xf4\x90\x80\x80\"]",
	"[\"\xe4\xbd\"]", "[\"\xff\"]", "// a\n{}", "[1]\v", "[\xc2\xa0]"};

START_TEST(broken_texts_are_refused)
{
	struct qg_piece piece = {.kind = QG_PIECE_BOOL};
	ck_assert_msg(scan(bad[_i], "", &piece) == QG_INVALID, "%s", bad[_i]);
	ck_assert_int_eq(piece.kind, QG_PIECE_NONE);
}
END_TEST

START_TEST(controls_are_refused_wherever_they_stand)
{
	char text[40];
	struct qg_piece piece;
	for (size_t at = 1; at < sizeof(text) - 1; at++) {
		for (int c = 0; c < 0x20; c++) {
			memset(text, 'x', sizeof(text));
			text[0] = text[sizeof(text) - 1] = '"';
			ck_assert_int_eq(qg_scan(text, sizeof(text), NULL, 0, &piece), QG_OK);
			text[at] = (char)c;
			ck_assert_int_eq(qg_scan(text, sizeof(text), NULL, 0, &piece), QG_INVALID);
		}
	}
}
END_TEST

/* Strings are read eight bytes at a time: what is not plain, at every place of every length. */
START_TEST(strings_come_back_as_they_were_quoted)
{
	static const char odd[] = "\"\\\n\x1f\x01 !#[]\x7f/";
	static const char *const paths[] = {"a"};
	char text[32];
	for (size_t size = 1; size <= 26; size++) {
		for (size_t i = 0; i < size * (sizeof(odd) - 1); i++) {
			struct qg_buf json;
			struct qg_piece found;
			memset(text, 'x', size);
			text[size] = '\0';
			text[i % size] = odd[i / size];
			qg_buf_init(&json, 1024);
			qg_buf_add_str(&json, "{\"a\":");
			ck_assert_int_eq(qg_json_quote(text, size, &json), QG_OK);
			qg_buf_add_char(&json, '}');
			ck_assert_int_eq(qg_scan(json.data, json.size, paths, 1, &found), QG_OK);
			char *copy = qg_piece_copy(&found);
			ck_assert_str_eq(copy, text);
			free(copy);
			qg_buf_finish(&json);
		}
	}
}
END_TEST

START_TEST(depth_is_bounded)
{
	char text[2 * 65];
	struct qg_piece piece;
	for (size_t depth = 64; depth <= 65; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		ck_assert_int_eq(qg_scan(text, 2 * depth, NULL, 0, &piece),
			depth == 64 ? QG_OK : QG_INVALID);
	}
}
END_TEST

START_TEST(text_loses_its_escapes)
{
	struct qg_piece piece = found("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u4f60\\uD83D\\uDE00z\"", "");
	assert_text(&piece, "a\"\\/\b\f\n\r\t你😀z");
	piece = found("\"\\u0000\\ud800\\ud800\\u0041\\udc00x\\ud83d\"", "");
	assert_text(&piece, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
			    "A\xef\xbf\xbdx\xef\xbf\xbd");
	piece = found("\"\"", "");
	assert_text(&piece, "");
	piece = found("12", "");
	ck_assert(!qg_piece_is(&piece, "12"));
	ck_assert_ptr_null(qg_piece_copy(&piece));
	struct qg_buf small;
	qg_buf_init(&small, 2);
	ck_assert_int_eq(qg_piece_text(&piece, &small), QG_INVALID);
	piece = found("\"abc\"", "");
	ck_assert_int_eq(qg_piece_text(&piece, &small), QG_TOO_LARGE);
	qg_buf_finish(&small);
}
END_TEST

static const struct {
	const char *text;
	int64_t value; /* -7: none */
} numbers[] = {{"0", 0}, {"-0", 0}, {"42", 42}, {"-42", -42}, {"1.9", 1}, {"-1.9", -1},
	{"\"15\"", 15}, {"\"-15.5\"", -15}, {"9223372036854775807", INT64_MAX},
	{"9223372036854775808", -7}, {"-9223372036854775808", INT64_MIN},
	{"-9223372036854775809", -7}, {"99999999999999999999999999", -7}, {"1e3", 1000},
	{"1.5e3", 1500}, {"1.2345e2", 123}, {"12345e-2", 123}, {"1e-3", 0},
	{"1e18", 1000000000000000000}, {"1e19", -7}, {"1e999999999999", -7}, {"0e999999999999", 0},
	{"5E+2", 500}, {"1e-999999999999", 0}, {"\"\"", -7}, {"\" 1\"", -7}, {"\"1x\"", -7},
	{"\"0x1\"", -7}, {"\"\\u0031\"", -7}, {"true", -7}, {"null", -7}, {"[1]", -7}};

START_TEST(numbers_are_whole_or_none)
{
	struct qg_piece piece = found(numbers[_i].text, "");
	ck_assert_msg(qg_piece_int(&piece, -7) == numbers[_i].value, "%s", numbers[_i].text);
	piece = (struct qg_piece){0};
	ck_assert_int_eq(qg_piece_int(&piece, -7), -7);
	ck_assert(qg_piece_bool(&piece, true));
}
END_TEST

START_TEST(elements_are_walked)
{
	struct qg_piece list = found(message, "event.message.mentions"), item;
	struct qg_scan_walk walk = {0};
	static const enum qg_piece_kind kinds[] = {
		QG_PIECE_OBJECT, QG_PIECE_ARRAY, QG_PIECE_STRING, QG_PIECE_BOOL, QG_PIECE_NUMBER};
	for (size_t i = 0; i < COUNT(kinds); i++) {
		ck_assert(qg_scan_next(&list, &walk, &item));
		ck_assert_int_eq(item.kind, kinds[i]);
		if (i == 2) {
			assert_text(&item, "x\"]");
		}
	}
	ck_assert_int_eq(qg_piece_int(&item, 0), -1500);
	ck_assert(!qg_scan_next(&list, &walk, &item));
	ck_assert(!qg_scan_next(&list, &walk, &item));
	struct qg_piece none = {0};
	walk = (struct qg_scan_walk){0};
	ck_assert(!qg_scan_next(&none, &walk, &item));
}
END_TEST

/* ---- against the parser ---- */

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static const char *pick(const char *const *list, size_t count)
{
	return list[draw((uint32_t)count)];
}

static void add_blank(struct qg_buf *out)
{
	static const char *const blanks[] = {"", "", "", "", " ", "\n", "\t\r"};
	qg_buf_add_str(out, pick(blanks, COUNT(blanks)));
}

static void add_string(struct qg_buf *out)
{
	static const char *const parts[] = {"abc", "1234567890123", "你好", "é", "😀", "\\n", "\\\"",
		"\\\\", "\\/", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "\\u0000", "]",
		"}", ",", "\x7f"};
	qg_buf_add_char(out, '"');
	for (uint32_t i = draw(6); i > 0; i--) {
		qg_buf_add_str(out, pick(parts, COUNT(parts)));
	}
	qg_buf_add_char(out, '"');
}

static void add_value(struct qg_buf *out, unsigned depth);

static void add_members(struct qg_buf *out, unsigned depth, bool named)
{
	static const char *const names[] = {"\"a\"", "\"b\"", "\"c\"", "\"id\"", "\"\\u0061\"",
		"\"event\"", "\"message\"", "\"choices\"", "\"delta\"", "\"content\""};
	uint32_t count = draw(4);
	for (uint32_t i = 0; i < count; i++) {
		qg_buf_add_str(out, i > 0 ? "," : "");
		add_blank(out);
		if (named) {
			qg_buf_add_str(out, pick(names, COUNT(names)));
			add_blank(out);
			qg_buf_add_char(out, ':');
		}
		add_value(out, depth + 1);
	}
	add_blank(out);
}

static void add_value(struct qg_buf *out, unsigned depth)
{
	static const char *const words[] = {"true", "false", "null", "0", "-1", "12.5", "1e5",
		"-0.0E-2", "9223372036854775807", "99999999999999999999", "1e999"};
	uint32_t kind = draw(depth < 6 ? 6 : 2);
	add_blank(out);
	if (kind == 0) {
		qg_buf_add_str(out, pick(words, COUNT(words)));
	} else if (kind == 1) {
		add_string(out);
	} else {
		qg_buf_add_char(out, kind < 4 ? '{' : '[');
		add_members(out, depth, kind < 4);
		qg_buf_add_char(out, kind < 4 ? '}' : ']');
	}
	add_blank(out);
}

static void damage(struct qg_buf *text)
{
	static const char bytes[] = "{}[]\",:\\u0 \n\x01\x80\xe4\xff-.e+tn";
	size_t at = draw((uint32_t)text->size);
	switch (draw(4)) {
	case 0:
		text->data[at] = bytes[draw(sizeof(bytes))];
		break;
	case 1: /* a byte less */
		memmove(text->data + at, text->data + at + 1, text->size - at);
		text->size--;
		break;
	case 2: /* cut */
		text->size = at;
		break;
	default: /* a byte more */
		qg_buf_add_char(text, ' ');
		memmove(text->data + at + 1, text->data + at, text->size - at - 1);
		text->data[at] = bytes[draw(sizeof(bytes))];
	}
}

static void assert_agree(const struct qg_buf *text, bool *valid)
{
	/* Of its exact size: a sanitizer sees one byte too far. */
	char *copy = malloc(text->size + (text->size == 0));
	memcpy(copy, text->data, text->size);
	const char *what = scan_oracle_differs(copy, text->size, valid);
	ck_assert_msg(what == NULL, "%s: %.*s", what, (int)text->size, text->data);
	free(copy);
}

START_TEST(the_parser_agrees)
{
	struct qg_buf text;
	qg_buf_init(&text, 1024 * 1024);
	size_t taken = 0, refused = 0;
	seed = 20 + (uint32_t)_i;
	for (int i = 0; i < 4000; i++) {
		bool valid = false;
		qg_buf_reset(&text);
		add_value(&text, 0);
		assert_agree(&text, &valid);
		taken += valid;
		for (uint32_t hurt = 0; hurt < 3 && text.size > 0; hurt++) {
			damage(&text);
			assert_agree(&text, &valid);
			refused += !valid;
		}
	}
	ck_assert_uint_gt(taken, 2000);
	ck_assert_uint_gt(refused, 4000);
	qg_buf_finish(&text);
}
END_TEST

/* ---- memory ---- */

static bool copy_once(void *arg)
{
	static const char *const path = "event.message.content";
	struct qg_scan_plan *plan = qg_scan_plan_create(&path, 1);
	struct qg_piece piece;
	bool worked =
		plan != NULL && qg_scan_run(plan, message, sizeof(message) - 1, &piece) == QG_OK;
	char *text = worked ? qg_piece_copy(&piece) : NULL;
	worked = text != NULL && strcmp(text, "{\"text\":\"hi\"}") == 0;
	free(text);
	qg_scan_plan_destroy(plan);
	return worked;
}

START_TEST(no_memory_is_survived)
{
	if (qg_test_malloc_works()) {
		/* The plan and the copy; the scan itself takes none. */
		ck_assert_int_eq(qg_test_each_malloc(copy_once, NULL), 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scan");
	TCase *tests = tcase_create("scan");
	tcase_add_test(tests, members_are_found_where_they_stand);
	tcase_add_test(tests, the_top_is_a_value_too);
	tcase_add_test(tests, names_written_with_escapes_are_the_same_names);
	tcase_add_loop_test(tests, a_wanted_member_twice_is_refused, 0, COUNT(twice));
	tcase_add_loop_test(tests, broken_texts_are_refused, 0, COUNT(bad));
	tcase_add_test(tests, controls_are_refused_wherever_they_stand);
	tcase_add_test(tests, strings_come_back_as_they_were_quoted);
	tcase_add_test(tests, depth_is_bounded);
	tcase_add_test(tests, text_loses_its_escapes);
	tcase_add_loop_test(tests, numbers_are_whole_or_none, 0, COUNT(numbers));
	tcase_add_test(tests, elements_are_walked);
	tcase_add_loop_test(tests, the_parser_agrees, 0, 5);
	tcase_add_test(tests, no_memory_is_survived);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
