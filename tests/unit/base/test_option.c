/* test_option.c - tables fill structs: every type, bound, layer and flag; digests and schemas of
 * tables. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/option.h"
#include "support/malloc.h"

struct thing {
	char *name, *word, *url, *secret, *path;
	int64_t number;
	bool flag;
	int choice;
	double share;
	struct qg_strings list, words;
	json_t *any, *hidden;
};

static const struct qg_option table[] = {
	{"name", QG_OPTION_STRING, NULL, offsetof(struct thing, name), QG_OPTION_REQUIRED, .min = 2,
		.max = 5},
	{"word", QG_OPTION_STRING, "two", offsetof(struct thing, word), .choices = "one|two"},
	{"url", QG_OPTION_URL, NULL, offsetof(struct thing, url)},
	{"secret", QG_OPTION_STRING, NULL, offsetof(struct thing, secret), QG_SECRET, .max = 10},
	{"path", QG_OPTION_STRING, "./here", offsetof(struct thing, path), QG_OPTION_PATH,
		.help = "a file"},
	{"number", QG_OPTION_INT, "-7", offsetof(struct thing, number), .min = -10, .max = 10},
	{"flag", QG_OPTION_BOOL, "true", offsetof(struct thing, flag)},
	{"choice", QG_OPTION_ENUM, "b", offsetof(struct thing, choice), .choices = "a|b|c"},
	{"share", QG_OPTION_NUMBER, "0.25", offsetof(struct thing, share), .max = 1},
	{"list", QG_OPTION_STRINGS, NULL, offsetof(struct thing, list), QG_OPTION_PATH},
	{"words", QG_OPTION_STRINGS, NULL, offsetof(struct thing, words), QG_OPTION_NO_EFFECT,
		.choices = "x|y"},
	{"any", QG_OPTION_JSON, NULL, offsetof(struct thing, any)},
	{"hidden", QG_OPTION_JSON, NULL, offsetof(struct thing, hidden), QG_SECRET},
	{NULL},
};

static struct qg_problems problems;
static struct thing thing;
static struct qg_tree *trees[3];

static void begin(void)
{
	qg_problems_init(&problems);
}

static void end(void)
{
	qg_option_finish(table, &thing);
	for (size_t i = 0; i < 3; i++) {
		qg_tree_destroy(trees[i]);
		trees[i] = NULL;
	}
	qg_problems_finish(&problems);
}

static const char *said(void)
{
	return problems.text.data != NULL ? problems.text.data : "";
}

/* Fills thing from up to three layers. */
static void fill(const char *first, const char *second, const char *third)
{
	static const char *const extra[] = {"more", NULL};
	const char *texts[] = {first, second, third};
	const struct qg_tree *layers[4] = {NULL};
	for (size_t i = 0, used = 0; i < 3; i++) {
		if (texts[i] != NULL) {
			trees[i] = qg_tree_parse("f", texts[i], strlen(texts[i]), true, &problems);
			ck_assert_ptr_nonnull(trees[i]);
			layers[used++] = trees[i];
		}
	}
	qg_option_fill(table, layers, extra, "/dir", &thing, &problems);
}

START_TEST(fills_every_type)
{
	fill("{name: 小a, word: one, url: \"https://h:1/x//\", secret: s, path: sub/f, number: "
	     "\"10\", flag: false, "
	     "choice: c, share: 0.5, list: [a, /b, ./c], words: y, any: {k: [1, x]}, hidden: [1], "
	     "more: z}",
		NULL, NULL);
	ck_assert_str_eq(said(),
		"f:1:141: warning: words: 'words' is known, but has no effect in this version\n");
	ck_assert_str_eq(thing.name, "小a");
	ck_assert_str_eq(thing.word, "one");
	ck_assert_str_eq(thing.url, "https://h:1/x");
	ck_assert_str_eq(thing.secret, "s");
	ck_assert_str_eq(thing.path, "/dir/sub/f");
	ck_assert_int_eq(thing.number, 10);
	ck_assert(!thing.flag);
	ck_assert_int_eq(thing.choice, 2);
	ck_assert_double_eq(thing.share, 0.5);
	ck_assert_uint_eq(thing.list.count, 3);
	ck_assert_str_eq(thing.list.items[0], "/dir/a");
	ck_assert_str_eq(thing.list.items[1], "/b");
	ck_assert_str_eq(thing.list.items[2], "/dir/c");
	ck_assert_uint_eq(thing.words.count, 1);
	ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(thing.any, "k"), 0)), 1);
	ck_assert_uint_eq(json_array_size(thing.hidden), 1);
}
END_TEST

START_TEST(falls_back)
{
	fill("name: ab", NULL, NULL);
	ck_assert_str_eq(said(), "");
	ck_assert_str_eq(thing.word, "two");
	ck_assert_str_eq(thing.path, "/dir/here");
	ck_assert_int_eq(thing.number, -7);
	ck_assert(thing.flag);
	ck_assert_int_eq(thing.choice, 1);
	ck_assert_double_eq(thing.share, 0.25);
	ck_assert(thing.url == NULL && thing.secret == NULL && thing.any == NULL &&
		  thing.list.count == 0);
}
END_TEST

START_TEST(asks_the_layers_in_order)
{
	fill("{number: 1, word: }", "{name: second, number: 2, word: one, choice: a, odd: key}",
		"{name: third, number: 3, choice: c, share: 1}");
	ck_assert_str_eq(said(),
		"f:1:13: warning: word: 'word' is left empty: it counts as not configured\n"
		"f:1:8: name: has 6 bytes, must have 2 to 5\n");
	ck_assert_int_eq(thing.number, 1);
	ck_assert_str_eq(thing.word, "one");
	ck_assert_int_eq(thing.choice, 0);
	ck_assert_double_eq(thing.share, 1);
	ck_assert_str_eq(
		qg_option_find((const struct qg_tree *[]){trees[0], trees[1], NULL}, "choice")
			->text,
		"a");
	ck_assert_ptr_null(qg_option_find((const struct qg_tree *[]){trees[0], NULL}, "word"));
}
END_TEST

static const struct {
	const char *text, *said;
} mistakes[] = {
	{"{}", "f:1:1: 'name' is missing\n"},
	{"{name: }", "f:1:2: name: 'name' is left empty\n"},
	{"", "f:1:1: 'name' is missing\n"},
	{"- a", "f:1:1: expected keys with values, found a list\n"},
	{"{name: a}", "f:1:8: name: has 1 bytes, must have 2 to 5\n"},
	{"{name: ab, nmae: x}", "f:1:12: nmae: unknown key 'nmae'; did you mean 'name'?; allowed: "
				"name, word, url, secret, path, number, flag, "
				"choice, share, list, words, any, hidden, more\n"},
	{"{name: [a]}", "f:1:8: name: expected a single value, found a list\n"},
	{"{name: ab, word: three}", "f:1:18: word: 'three' is not one of: one, two\n"},
	{"{name: ab, word: on}", "f:1:18: word: 'on' is not one of: one, two\n"},
	{"{name: ab, url: h/x}",
		"f:1:17: url: is no address; write https://host or http://host:port/path\n"},
	{"{name: ab, url: \"http:///x\"}",
		"f:1:17: url: is no address; write https://host or http://host:port/path\n"},
	{"{name: ab, url: \"http://a b\"}",
		"f:1:17: url: is no address; write https://host or http://host:port/path\n"},
	{"{name: ab, secret: 0123456789a}", "f:1:20: secret: has 11 bytes, must have 0 to 10\n"},
	{"{name: ab, secret: {a: b}}",
		"f:1:20: secret: expected a single value, found keys with values\n"},
	{"{name: ab, number: 11}", "f:1:20: number: 11 is not between -10 and 10\n"},
	{"{name: ab, number: 1x}", "f:1:20: number: '1x' is not a whole number\n"},
	{"{name: ab, number: 99999999999999999999}",
		"f:1:20: number: '99999999999999999999' is not a whole number\n"},
	{"{name: ab, number: [1]}", "f:1:20: number: expected a whole number, found a list\n"},
	{"{name: ab, flag: yes}", "f:1:18: flag: 'yes' is neither true nor false\n"},
	{"{name: ab, flag: {}}", "f:1:18: flag: expected true or false, found keys with values\n"},
	{"{name: ab, choice: d}", "f:1:20: choice: 'd' is not one of: a, b, c\n"},
	{"{name: ab, choice: [a]}", "f:1:20: choice: expected a single value, found a list\n"},
	{"{name: ab, share: 1.01}", "f:1:19: share: 1.01 is not between 0 and 1\n"},
	{"{name: ab, share: nan}", "f:1:19: share: 'nan' is not a number\n"},
	{"{name: ab, share: [1]}", "f:1:19: share: expected a number, found a list\n"},
	{"{name: ab, list: {a: b}}",
		"f:1:18: list: expected a list as [a, b], found keys with values\n"},
	{"{name: ab, list: [a, , [c]]}", NULL},
	{"{name: ab, list: [a, ~, [c]]}", "f:1:22: list[1]: an item is empty\nf:1:25: list[2]: "
					  "expected a single value, found a list\n"},
	{"{name: ab, words: [z]}",
		"f:1:12: warning: words: 'words' is known, but has no effect in this version\n"
		"f:1:20: words[0]: 'z' is not one of: x, y\n"},
	{"{name: ab, secret: \"file:no\"}", "f:1:20: secret: the secret's file 'no' cannot be "
					    "read: No such file or directory\n"},
};

START_TEST(says_each_mistake)
{
	if (mistakes[_i].said == NULL) { /* no YAML at all */
		ck_assert_ptr_null(qg_tree_parse(
			"f", mistakes[_i].text, strlen(mistakes[_i].text), true, &problems));
		return;
	}
	fill(mistakes[_i].text, NULL, NULL);
	ck_assert_str_eq(said(), mistakes[_i].said);
}
END_TEST

START_TEST(checks_a_map_alone)
{
	static const char text[] =
		"{number: 50, nmber: 1}"; /* the required name is not asked for */
	trees[0] = qg_tree_parse("f", text, strlen(text), true, &problems);
	qg_option_check(table, trees[0], NULL, NULL, &problems);
	qg_problems_sort(&problems);
	ck_assert_uint_eq(problems.errors, 2);
	ck_assert_ptr_nonnull(strstr(
		said(), "f:1:10: number: 50 is not between -10 and 10\nf:1:14: nmber: unknown"));
	qg_option_check(table, NULL, NULL, NULL, &problems);
	ck_assert_uint_eq(problems.errors, 2);
}
END_TEST

START_TEST(reads_a_secret_from_its_file)
{
	char path[] = "/tmp/qg-secret-XXXXXX", text[128];
	int file = mkstemp(path);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(write(file, "hush\n", 5), 5);
	close(file);
	snprintf(text, sizeof(text),
		"{name: ab, secret: \"file:%s\", hidden: {k: \"file:%s\", l: 5}, word: one}", path,
		path);
	fill(text, NULL, NULL);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_str_eq(said(), "");
	ck_assert_str_eq(thing.secret, "hush");
	ck_assert_str_eq(json_string_value(json_object_get(thing.hidden, "k")), "hush");
	ck_assert_int_eq(json_integer_value(json_object_get(thing.hidden, "l")), 5);
}
END_TEST

static void digest_of(const char *text, struct qg_buf *out)
{
	qg_buf_init(out, 10000);
	fill(text, NULL, NULL);
	qg_option_digest(table, &thing, out);
	ck_assert_int_eq(out->failed, QG_OK);
	end();
}

START_TEST(digests_tell_values_apart)
{
	static const char *const texts[] = {"{name: abc}", "{name: ab, word: one}",
		"{name: ab, url: \"http://x\"}", "{name: ab, secret: x}", "{name: ab, number: 1}",
		"{name: ab, flag: false}", "{name: ab, choice: a}", "{name: ab, share: 1}",
		"{name: ab, list: [a, b]}", "{name: ab, list: [\"a,b\"]}", "{name: ab, any: 1}",
		"{name: ab, any: \"1\"}", "{name: ab, hidden: {}}"};
	struct qg_buf plain, same, other;
	digest_of("{name: ab}", &plain);
	digest_of("# words\nname: \"ab\"\nword: two\n", &same);
	ck_assert_str_eq(plain.data, same.data);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		digest_of(texts[i], &other);
		ck_assert_msg(strcmp(plain.data, other.data) != 0, "%s", texts[i]);
		qg_buf_finish(&other);
	}
	qg_buf_finish(&plain);
	qg_buf_finish(&same);
}
END_TEST

START_TEST(makes_a_schema)
{
	json_t *schema = qg_option_schema(table);
	ck_assert_ptr_nonnull(schema);
	ck_assert_uint_eq(json_object_size(schema), 13);
	const json_t *path = json_object_get(schema, "path");
	ck_assert_str_eq(json_string_value(json_object_get(path, "description")), "a file");
	const json_t *number =
		json_array_get(json_object_get(json_object_get(schema, "number"), "anyOf"), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(number, "minimum")), -10);
	json_decref(schema);
}
END_TEST

START_TEST(finishes_what_is_not_there)
{
	struct thing empty;
	memset(&empty, 0, sizeof(empty));
	qg_option_finish(table, &empty);
	qg_option_finish(NULL, NULL);
	fill("{name: ab, any: {a: b}, list: [x]}", NULL, NULL);
	qg_option_finish(table, &thing);
	ck_assert(
		thing.name == NULL && thing.any == NULL && thing.list.items == NULL && !thing.flag);
}
END_TEST

static bool fill_and_release(void *arg)
{
	static const char text[] =
		"{name: ab, word: one, url: \"http://h/\", secret: s, list: [a, b], any: {k: [v]}, "
		"hidden: [{a: b}], words: x, number: 3}";
	struct qg_problems found;
	struct thing made;
	memset(&made, 0, sizeof(made));
	qg_problems_init(&found);
	struct qg_tree *tree = qg_tree_parse("f", text, strlen(text), true, &found);
	const struct qg_tree *layers[] = {tree, NULL};
	qg_option_fill(table, layers, NULL, "/dir", &made, &found);
	json_t *schema = qg_option_schema(table);
	bool good = found.errors == 0 && schema != NULL;
	if (found.errors == 0 &&
		(made.name == NULL || made.path == NULL || made.list.count != 2 ||
			made.any == NULL || made.hidden == NULL || made.words.count != 1)) {
		abort(); /* lost in silence */
	}
	json_decref(schema);
	qg_option_finish(table, &made);
	qg_tree_destroy(tree);
	qg_problems_finish(&found);
	return good;
}

START_TEST(survives_without_memory)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(fill_and_release, NULL), 80);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("option");
	TCase *all = tcase_create("option");
	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all, fills_every_type);
	tcase_add_test(all, falls_back);
	tcase_add_test(all, asks_the_layers_in_order);
	tcase_add_loop_test(
		all, says_each_mistake, 0, (int)(sizeof(mistakes) / sizeof(mistakes[0])));
	tcase_add_test(all, checks_a_map_alone);
	tcase_add_test(all, reads_a_secret_from_its_file);
	tcase_add_test(all, digests_tell_values_apart);
	tcase_add_test(all, makes_a_schema);
	tcase_add_test(all, finishes_what_is_not_there);
	tcase_add_test(all, survives_without_memory);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
