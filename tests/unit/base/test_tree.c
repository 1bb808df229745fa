/* test_tree.c - YAML as a tree: places, duplicates, bounds, variables; and problems in order. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qg/option.h"
#include "support/malloc.h"

static struct qg_problems problems;
static struct qg_tree *tree;

static void begin(void)
{
	qg_problems_init(&problems);
}

static void end(void)
{
	qg_tree_destroy(tree);
	tree = NULL;
	qg_problems_finish(&problems);
}

static const char *said(void)
{
	return problems.text.data != NULL ? problems.text.data : "";
}

static void parse_bytes(const char *text, size_t size)
{
	qg_tree_destroy(tree);
	tree = qg_tree_parse("f.yaml", text, size, true, &problems);
}

static void parse(const char *text)
{
	parse_bytes(text, strlen(text));
}

static void assert_path(const struct qg_tree *node, const char *wanted)
{
	struct qg_buf path;
	qg_buf_init(&path, 1000);
	qg_tree_path(node, &path);
	ck_assert_str_eq(path.data, wanted);
	qg_buf_finish(&path);
}

START_TEST(knows_the_place_of_each_value)
{
	parse("name: 小满  # a comment\nbots:\n  - one\n  - {k: \"v\", 键: [a,\n     "
	      "b]}\nempty:\n");
	ck_assert_msg(tree != NULL, "%s", said());
	ck_assert_int_eq(tree->kind, QG_TREE_MAP);
	ck_assert_uint_eq(tree->count, 3);
	const struct qg_tree *name = qg_tree_get(tree, "name"), *bots = qg_tree_get(tree, "bots");
	ck_assert_str_eq(name->text, "小满");
	ck_assert_uint_eq(name->line, 1);
	ck_assert_uint_eq(name->column, 7);
	ck_assert_uint_eq(name->key_column, 1);
	const struct qg_tree *map = bots->items[1], *list = qg_tree_get(map, "键");
	ck_assert_uint_eq(map->line, 4);
	ck_assert_uint_eq(map->column, 5);
	ck_assert(qg_tree_get(map, "k")->quoted && !name->quoted);
	ck_assert_uint_eq(list->key_column, 14);
	ck_assert_uint_eq(list->items[1]->line, 5);
	ck_assert_uint_eq(list->items[1]->column, 6);
	assert_path(list->items[1], "bots[1].键[1]");
	ck_assert_int_eq(qg_tree_get(tree, "empty")->kind, QG_TREE_NULL);
	ck_assert(qg_tree_is_empty(qg_tree_get(tree, "empty")) && qg_tree_is_empty(NULL));
	ck_assert_ptr_null(qg_tree_get(tree, "none"));
	ck_assert_ptr_null(qg_tree_get(name, "none"));
}
END_TEST

START_TEST(takes_nothing_for_null)
{
	static const char *const texts[] = {"", "\n", "# only words\n", "---\n", "~", "null"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse(texts[i]);
		ck_assert_msg(tree != NULL && tree->kind == QG_TREE_NULL, "%zu: %s", i, said());
	}
	parse("\"null\"");
	ck_assert_int_eq(tree->kind, QG_TREE_SCALAR);
}
END_TEST

static const struct {
	const char *text, *said;
} broken[] = {
	{"a: [1\nb: 2\n", "f.yaml:2:2: not valid YAML: did not find expected ',' or ']' while "
			  "parsing a flow sequence "
			  "that begins at line 1\n"},
	{"a:\n\tb: 2\n", "f.yaml:2:1: not valid YAML: found character that cannot start any token "
			 "(indent with blanks, "
			 "not tabs)\n"},
	{"a: \"x\n", "f.yaml:2:1: not valid YAML: found unexpected end of stream while scanning a "
		     "quoted scalar that "
		     "begins at line 1\n"},
	{"a: \xff\n", "f.yaml:1:1: not valid YAML: invalid leading UTF-8 octet\n"},
	{"a: \x01\n", "f.yaml:1:1: not valid YAML: control characters are not allowed\n"},
	{"a: \"x\\0y\"\n", "f.yaml:1:4: a value holds a NUL character\n"},
	{"? [a]\n: b\n", "f.yaml:1:3: a key must be a word, not a list or map\n"},
	{"\"\": b\n", "f.yaml:1:1: a key is empty\n"},
	{"a: !!binary x\n", "f.yaml:1:4: tags (!name) are not supported\n"},
	{"a: !x {b: c}\n", "f.yaml:1:4: tags (!name) are not supported\n"},
	{"a: *b\n", "f.yaml:1:4: an alias (*name) of which no anchor (&name) stands before it\n"},
	{"a: &b [*b]\n",
		"f.yaml:1:8: an alias (*name) of which no anchor (&name) stands before it\n"},
	{"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document ('---') in one file\n"},
};

START_TEST(says_where_a_text_is_no_yaml)
{
	parse(broken[_i].text);
	ck_assert_ptr_null(tree);
	ck_assert_str_eq(said(), broken[_i].said);
	ck_assert_uint_eq(problems.errors, 1);
}
END_TEST

START_TEST(names_both_places_of_a_duplicate)
{
	parse("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n  c: 4\na: 2\n<<: {x: y}\n");
	ck_assert_ptr_nonnull(tree);
	qg_problems_sort(&problems);
	ck_assert_str_eq(said(),
		"f.yaml:5:3: b.c: duplicate key 'c', first at line 3\n"
		"f.yaml:6:3: b.c: duplicate key 'c', first at line 3\n"
		"f.yaml:7:1: a: duplicate key 'a', first at line 1\n"
		"f.yaml:8:1: <<: merging maps by '<<' is not supported; write the keys out\n");
}
END_TEST

START_TEST(copies_what_an_alias_names)
{
	parse("a: &x {k: [1, 2]}\nb: *x\nc: [*x]\n");
	ck_assert_msg(tree != NULL, "%s", said());
	const struct qg_tree *copy = qg_tree_get(qg_tree_get(tree, "c")->items[0], "k");
	ck_assert_str_eq(copy->items[1]->text, "2");
	ck_assert_uint_eq(copy->items[1]->line, 1);
	assert_path(copy->items[1], "c[0].k[1]");
	ck_assert_uint_eq(qg_tree_get(tree, "b")->key_line, 2);
}
END_TEST

/* Nine lists of nine of the one before: 9^9 values from 300 bytes. */
START_TEST(stops_aliases_that_multiply)
{
	struct qg_buf text;
	qg_buf_init(&text, 10000);
	qg_buf_add_str(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 9; i++) {
		qg_buf_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n",
			i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	}
	parse(text.data);
	qg_buf_finish(&text);
	ck_assert_ptr_null(tree);
	ck_assert_ptr_nonnull(strstr(said(), "more than 100,000 values"));
}
END_TEST

static char *repeat(const char *piece, size_t times)
{
	struct qg_buf text;
	qg_buf_init(&text, 4 * 1024 * 1024);
	for (size_t i = 0; i < times; i++) {
		qg_buf_add_str(&text, piece);
	}
	return qg_buf_steal(&text);
}

static const struct {
	const char *piece;
	size_t times;
	const char *said;
} large[] = {
	{"[", 65, "nested more than 64 deep"},
	{"- x\n", 100001, "more than 100,000 values"},
	{"0123456789abcdef", 65537, "larger than 1 MiB"},
	{"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: {", 64,
		"nested more than"},
};

START_TEST(keeps_its_bounds)
{
	char *text = repeat(large[_i].piece, large[_i].times);
	parse(text);
	free(text);
	ck_assert_ptr_null(tree);
	ck_assert_ptr_nonnull(strstr(said(), large[_i].said));
}
END_TEST

START_TEST(bounds_keys_and_anchors)
{
	char *long_key = repeat("k", 257);
	struct qg_buf text;
	qg_buf_init(&text, 100000);
	qg_buf_printf(&text, "%s: 1\n", long_key);
	parse(text.data);
	ck_assert_str_eq(said(), "f.yaml:1:1: a key is longer than 256 bytes\n");
	free(long_key);
	qg_buf_reset(&text);
	for (int i = 0; i < 201; i++) {
		qg_buf_printf(&text, "- &a%d x\n", i);
	}
	parse(text.data);
	ck_assert_ptr_nonnull(strstr(said(), "f.yaml:201:3: more than 200 anchors"));
	qg_buf_finish(&text);
}
END_TEST

START_TEST(puts_variables_in)
{
	setenv("QG_TEST_ONE", "a: [b", 1);
	setenv("QG_TEST_NONE", "", 1);
	unsetenv("QG_TEST_NOT_SET");
	parse("- ${QG_TEST_ONE}\n- x${QG_TEST_NONE:-y z}${QG_TEST_NOT_SET:-}-$$-$-$x\n- "
	      "'${QG_TEST_ONE:-no}'\n"
	      "- ${QG_TEST_NONE}\n- {\"${QG_TEST_ONE}\": 1}\n");
	ck_assert_msg(tree != NULL, "%s", said());
	ck_assert_str_eq(tree->items[0]->text, "a: [b"); /* a value, never YAML */
	ck_assert_int_eq(tree->items[0]->kind, QG_TREE_SCALAR);
	ck_assert(tree->items[0]->variable && tree->items[1]->variable);
	ck_assert_str_eq(tree->items[1]->text, "xy z-$-$-$x");
	ck_assert_str_eq(tree->items[2]->text, "a: [b");
	ck_assert(qg_tree_is_empty(tree->items[3]));
	ck_assert_str_eq(tree->items[4]->items[0]->key, "${QG_TEST_ONE}");
	ck_assert_uint_eq(problems.text.size, 0);
}
END_TEST

START_TEST(says_which_variable_is_wrong)
{
	unsetenv("QG_TEST_NOT_SET");
	setenv("QG_TEST_BINARY", "\xff", 1);
	parse("a: ${QG_TEST_NOT_SET}\nb: ${}\nc: ${A B}\nd: ${A\ne: ${QG_TEST_BINARY}\nf: ${1A}\n");
	ck_assert_str_eq(said(),
		"f.yaml:1:4: a: the environment variable QG_TEST_NOT_SET is not set; set it, or "
		"write ${QG_TEST_NOT_SET:-} "
		"for none\n"
		"f.yaml:2:4: b: '${' wants a variable: ${NAME} or ${NAME:-default}; write $$ for a "
		"dollar sign\n"
		"f.yaml:3:4: c: '${' wants a variable: ${NAME} or ${NAME:-default}; write $$ for a "
		"dollar sign\n"
		"f.yaml:4:4: d: '${' wants a variable: ${NAME} or ${NAME:-default}; write $$ for a "
		"dollar sign\n"
		"f.yaml:5:4: e: the environment variable QG_TEST_BINARY is not UTF-8\n"
		"f.yaml:6:4: f: '${' wants a variable: ${NAME} or ${NAME:-default}; write $$ for a "
		"dollar sign\n");
}
END_TEST

START_TEST(leaves_variables_alone_where_told)
{
	tree = qg_tree_parse("f", "${X}$$", 6, false, &problems);
	ck_assert_str_eq(tree->text, "${X}$$");
}
END_TEST

START_TEST(bounds_what_variables_bring_in)
{
	char *value = repeat("0123456789abcdef", 2048), *uses = repeat("- ${QG_TEST_LARGE}\n", 200);
	setenv("QG_TEST_LARGE", value, 1);
	parse(uses);
	ck_assert_ptr_nonnull(strstr(said(), "variables make this too long"));
	unsetenv("QG_TEST_LARGE");
	free(value);
	free(uses);
}
END_TEST

START_TEST(becomes_json)
{
	parse("{a: 1, b: 1.50, c: true, d: ~, e: \"1\", f: 021-5555, g: 007, h: [yes, 1e3], i: -0, "
	      "j: 99999999999999999999}");
	json_t *json = qg_tree_to_json(tree);
	char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(4));
	ck_assert_str_eq(text, "{\"a\":1,\"b\":1.5,\"c\":true,\"d\":null,\"e\":\"1\",\"f\":\"021-"
			       "5555\",\"g\":\"007\","
			       "\"h\":[\"yes\",1000.0],\"i\":0,\"j\":\"99999999999999999999\"}");
	free(text);
	json_decref(json);
}
END_TEST

START_TEST(reads_files)
{
	ck_assert_ptr_null(qg_tree_read("/nonexistent/x.yaml", "x.yaml", true, &problems));
	ck_assert_str_eq(said(), "x.yaml: cannot be read: No such file or directory\n");
	ck_assert_ptr_null(qg_tree_read("/", "y.yaml", true, &problems));
	ck_assert_ptr_nonnull(strstr(said(), "y.yaml: cannot be read: Is a directory\n"));
}
END_TEST

START_TEST(a_pipe_holds_nobody_up)
{
	char folder[] = "/tmp/qungong-test-XXXXXX";
	char path[64];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/pipe.yaml", folder);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_ptr_null(qg_tree_read(path, "pipe.yaml", true, &problems));
	ck_assert_str_eq(said(), "pipe.yaml: cannot be read: it is not a plain file\n");
	unlink(path);
	rmdir(folder);
}
END_TEST

START_TEST(sorts_problems_and_drops_repeats)
{
	parse("b: 1\na: 2\n");
	const struct qg_tree *b = tree->items[0], *a = tree->items[1];
	qg_problem_error(&problems, a, "second");
	qg_problem_warn_key(&problems, b, "first");
	qg_problem_error(&problems, a, "second");
	qg_problem_error(&problems, NULL, "no place");
	qg_problem_error_at(&problems, "a.yaml", 0, 0, "whole\nfile");
	ck_assert_uint_eq(problems.errors, 4);
	qg_problems_sort(&problems);
	ck_assert_str_eq(said(), "no place\na.yaml: whole file\nf.yaml:1:1: warning: b: "
				 "first\nf.yaml:2:4: a: second\n");
	ck_assert_uint_eq(problems.errors, 3);
	ck_assert_uint_eq(problems.warnings, 1);
}
END_TEST

START_TEST(bounds_the_problems_kept)
{
	for (unsigned i = 0; i < 1200; i++) {
		qg_problem_error_at(&problems, "f", i + 1, 1, "wrong");
	}
	qg_problems_sort(&problems);
	ck_assert_uint_eq(problems.errors, 1200);
	ck_assert_ptr_nonnull(strstr(said(), "f:1000:1: wrong\n... and 200 more\n"));
}
END_TEST

static bool parse_and_release(void *arg)
{
	static const char text[] =
		"a: &x [1, {b: \"c\", d: \"${HOME}$$\"}]\ne: *x\nf: ~\ng:\n  h: |\n    text\n";
	struct qg_problems found;
	qg_problems_init(&found);
	struct qg_tree *made = qg_tree_parse("f.yaml", text, strlen(text), true, &found);
	json_t *json = made != NULL ? qg_tree_to_json(made) : NULL;
	bool good = json != NULL && found.errors == 0;
	if (made == NULL && found.errors == 0) {
		abort(); /* lost in silence */
	}
	json_decref(json);
	qg_tree_destroy(made);
	qg_problems_finish(&found);
	return good;
}

START_TEST(survives_without_memory)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(parse_and_release, NULL), 50);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tree");
	TCase *all = tcase_create("tree");
	tcase_add_checked_fixture(all, begin, end);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, knows_the_place_of_each_value);
	tcase_add_test(all, takes_nothing_for_null);
	tcase_add_loop_test(
		all, says_where_a_text_is_no_yaml, 0, (int)(sizeof(broken) / sizeof(broken[0])));
	tcase_add_test(all, names_both_places_of_a_duplicate);
	tcase_add_test(all, copies_what_an_alias_names);
	tcase_add_test(all, stops_aliases_that_multiply);
	tcase_add_loop_test(all, keeps_its_bounds, 0, (int)(sizeof(large) / sizeof(large[0])));
	tcase_add_test(all, bounds_keys_and_anchors);
	tcase_add_test(all, puts_variables_in);
	tcase_add_test(all, says_which_variable_is_wrong);
	tcase_add_test(all, leaves_variables_alone_where_told);
	tcase_add_test(all, bounds_what_variables_bring_in);
	tcase_add_test(all, becomes_json);
	tcase_add_test(all, reads_files);
	tcase_add_test(all, a_pipe_holds_nobody_up);
	tcase_add_test(all, sorts_problems_and_drops_repeats);
	tcase_add_test(all, bounds_the_problems_kept);
	tcase_add_test(all, survives_without_memory);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
