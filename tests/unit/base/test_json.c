/* test_json.c - what is parsed and what is refused, reads by table, and quoting. */
#include "qg/json.h"

#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "support/malloc.h"

static json_t *parse(const char *text, char *error)
{
	return qg_json_parse(text, strlen(text), error);
}

/* n lists in each other. */
static char *nested(size_t n)
{
	char *text = malloc(2 * n + 1);
	memset(text, '[', n);
	memset(text + n, ']', n);
	text[2 * n] = '\0';
	return text;
}

START_TEST(depth_is_bounded)
{
	char error[128] = "", *fits = nested(64), *deep = nested(65);
	json_t *json = parse(fits, error);
	ck_assert_ptr_nonnull(json);
	json_decref(json);
	ck_assert_ptr_null(parse(deep, error));
	ck_assert_str_eq(error, "nests deeper than 64 levels");
	free(fits);
	free(deep);
	/* Brackets in strings, also behind an escaped quote, do not count. */
	char text[200] = "[\"\\\"";
	memset(text + 4, '[', 100);
	memcpy(text + 104, "\"]", 3);
	json = parse(text, error);
	ck_assert_ptr_nonnull(json);
	json_decref(json);
}
END_TEST

struct row {
	const char *text;
	const char *error;
};

static const struct row bad[] = {
	{"{\"a\":1,\"a\":2}", "holds a key twice (byte 8)"},
	{"", "ends too early (byte 0)"},
	{"{\"secret\":tru", "is not valid JSON (byte 13)"},
	{"{} x", "goes on after its end (byte 4)"},
	{"[\"\\u0000\"]", "holds a NUL (byte 9)"},
	{"[\"\xff\"]", "is not UTF-8 (byte 2)"},
	{"[99999999999999999999]", "holds a number out of range (byte 21)"},
	{"12", "is not valid JSON (byte 2)"},
	{"[1,]", "is not valid JSON (byte 4)"},
};

START_TEST(errors_say_where_and_never_what)
{
	char error[128] = "";
	ck_assert_ptr_null(parse(bad[_i].text, NULL));
	ck_assert_ptr_null(parse(bad[_i].text, error));
	const char *reason_end = strchr(bad[_i].error, '(');
	ck_assert_msg(strncmp(error, bad[_i].error, (size_t)(reason_end - bad[_i].error)) == 0,
		"%s", error);
	ck_assert_ptr_null(strstr(error, "secret"));
	ck_assert_ptr_null(strstr(error, "tru"));
}
END_TEST

struct person {
	const char *name;
	int64_t age;
	bool is_admin;
	json_t *tags, *more;
};

static const struct qg_json_field fields[] = {
	{"name", QG_JSON_STRING, true, 10, offsetof(struct person, name)},
	{"age", QG_JSON_INT, false, 0, offsetof(struct person, age)},
	{"admin", QG_JSON_BOOL, false, 0, offsetof(struct person, is_admin)},
	{"tags", QG_JSON_ARRAY, false, 2, offsetof(struct person, tags)},
	{"more", QG_JSON_OBJECT, false, 0, offsetof(struct person, more)},
	{NULL},
};

START_TEST(tables_fill_structs)
{
	struct person person = {.age = 7};
	char error[128] = "";
	json_t *json = parse(
		"{\"name\":\"王\",\"age\":-3,\"admin\":true,\"tags\":[1,2],\"more\":{},\"x\":0}",
		error);
	ck_assert_int_eq(qg_json_read(json, fields, &person, error), QG_OK);
	ck_assert_str_eq(person.name, "王");
	ck_assert_int_eq(person.age, -3);
	ck_assert(person.is_admin);
	ck_assert_uint_eq(json_array_size(person.tags), 2);
	ck_assert(json_is_object(person.more));
	json_decref(json);
	struct person other = {.age = 7};
	json = parse("{\"name\":\"a\",\"age\":null}", error);
	ck_assert_int_eq(qg_json_read(json, fields, &other, error), QG_OK);
	ck_assert_int_eq(other.age, 7);
	ck_assert_ptr_null(other.tags);
	json_decref(json);
}
END_TEST

static const struct {
	const char *text;
	enum qg_status status;
	const char *error;
} refused[] = {
	{"{}", QG_INVALID, "name is missing"},
	{"{\"name\":null}", QG_INVALID, "name is missing"},
	{"{\"name\":1}", QG_INVALID, "name is not a string"},
	{"{\"name\":\"12345678901\"}", QG_TOO_LARGE, "name is over its limit of 10"},
	{"{\"name\":\"a\",\"age\":\"1\"}", QG_INVALID, "age is not a whole number"},
	{"{\"name\":\"a\",\"age\":1.5}", QG_INVALID, "age is not a whole number"},
	{"{\"name\":\"a\",\"admin\":1}", QG_INVALID, "admin is not true or false"},
	{"{\"name\":\"a\",\"tags\":{}}", QG_INVALID, "tags is not a list"},
	{"{\"name\":\"a\",\"tags\":[1,2,3]}", QG_TOO_LARGE, "tags is over its limit of 2"},
	{"{\"name\":\"a\",\"more\":[]}", QG_INVALID, "more is not an object"},
	{"[]", QG_INVALID, "is not an object"},
};

START_TEST(tables_refuse_by_name)
{
	struct person person = {.age = 7};
	char error[128] = "";
	json_t *json = parse(refused[_i].text, error);
	ck_assert_ptr_nonnull(json);
	ck_assert_int_eq(qg_json_read(json, fields, &person, NULL), refused[_i].status);
	ck_assert_int_eq(qg_json_read(json, fields, &person, error), refused[_i].status);
	ck_assert_str_eq(error, refused[_i].error);
	/* Nothing of a refused object is taken. */
	ck_assert_ptr_null(person.name);
	ck_assert_int_eq(person.age, 7);
	json_decref(json);
}
END_TEST

START_TEST(single_members_have_fallbacks)
{
	json_t *json = parse("{\"s\":\"x\",\"i\":5,\"b\":true,\"n\":null}", NULL);
	ck_assert_str_eq(qg_json_str(json, "s", "d"), "x");
	ck_assert_str_eq(qg_json_str(json, "i", "d"), "d");
	ck_assert_ptr_null(qg_json_str(json, "n", NULL));
	ck_assert_int_eq(qg_json_int(json, "i", 9), 5);
	ck_assert_int_eq(qg_json_int(json, "s", 9), 9);
	ck_assert(qg_json_bool(json, "b", false));
	ck_assert(qg_json_bool(json, "absent", true));
	ck_assert_int_eq(qg_json_int(NULL, "i", 9), 9);
	json_decref(json);
}
END_TEST

START_TEST(equality_is_deep)
{
	json_t *a = parse("{\"x\":[1,{\"y\":\"z\"}],\"w\":true}", NULL);
	json_t *b = parse("{\"w\":true,\"x\":[1,{\"y\":\"z\"}]}", NULL);
	json_t *c = parse("{\"w\":true,\"x\":[1,{\"y\":\"Z\"}]}", NULL);
	ck_assert(qg_json_equal(a, b));
	ck_assert(!qg_json_equal(a, c));
	ck_assert(!qg_json_equal(a, NULL));
	ck_assert(!qg_json_equal(NULL, a));
	ck_assert(qg_json_equal(NULL, NULL));
	char *text = qg_json_dump(a);
	ck_assert_str_eq(text, "{\"x\":[1,{\"y\":\"z\"}],\"w\":true}");
	free(text);
	json_decref(a);
	json_decref(b);
	json_decref(c);
}
END_TEST

START_TEST(quoted_text_reads_back)
{
	QG_AUTO(qg_buf_finish) struct qg_buf out;
	char all[0x80 + 8];
	for (int i = 1; i < 0x80; i++) {
		all[i - 1] = (char)i;
	}
	memcpy(all + 0x7f, "群\U0001F600", 8);
	qg_buf_init(&out, 4096);
	qg_buf_add_char(&out, '[');
	ck_assert_int_eq(qg_json_quote(all, 0x7f + 7, &out), QG_OK);
	qg_buf_add_char(&out, ']');
	json_t *json = qg_json_parse(out.data, out.size, NULL);
	ck_assert_str_eq(json_string_value(json_array_get(json, 0)), all);
	json_decref(json);
	qg_buf_reset(&out);
	ck_assert_int_eq(qg_json_quote("", 0, &out), QG_OK);
	ck_assert_str_eq(out.data, "\"\"");
	ck_assert_int_eq(qg_json_quote("a\xff", 2, &out), QG_INVALID);
	ck_assert_int_eq(qg_json_quote("a\0b", 3, &out), QG_INVALID);
	ck_assert_str_eq(out.data, "\"\"");
}
END_TEST

static bool build(void *arg)
{
	struct person person = {0};
	char error[128];
	/* One token is longer than what jansson starts with: its buffer has to grow. */
	static const char text[] =
		"{\"name\":\"a\",\"tags\":[1,\"two\"],\"more\":{\"deep\":[{}],"
		"\"long\":\"a string that makes the buffer of the parser grow twice\"}}";
	json_t *json = qg_json_parse(text, sizeof(text) - 1, error);
	char *dump = json ? qg_json_dump(json) : NULL;
	bool worked = dump && qg_json_read(json, fields, &person, error) == QG_OK;
	free(dump);
	json_decref(json);
	return worked;
}

START_TEST(failing_memory_is_told_and_leaks_nothing)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_ge(qg_test_each_malloc(build, NULL), 15);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json");
	TCase *tcase = tcase_create("json");
	tcase_add_test(tcase, depth_is_bounded);
	tcase_add_loop_test(
		tcase, errors_say_where_and_never_what, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, tables_fill_structs);
	tcase_add_loop_test(tcase, tables_refuse_by_name, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(tcase, single_members_have_fallbacks);
	tcase_add_test(tcase, equality_is_deep);
	tcase_add_test(tcase, quoted_text_reads_back);
	tcase_add_test(tcase, failing_memory_is_told_and_leaks_nothing);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
