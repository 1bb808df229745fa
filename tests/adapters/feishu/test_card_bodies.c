/* test_card_bodies.c - JSON of cards and their calls, as the platform's SDK sent it; markdown that a card may hold. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cards.h"
#include "support/malloc.h"

#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

static json_t *load(const char *id)
{
	json_error_t error;
	json_auto_t *root = json_load_file(QG_VECTORS "/api-requests.json", 0, &error);
	ck_assert_msg(root != NULL, "%s", error.text);
	size_t i;
	json_t *item;
	json_array_foreach (json_object_get(root, "vectors"), i, item) {
		if (strcmp(qg_json_str(item, "id", ""), id) == 0) {
			return json_incref(
				json_object_get(json_object_get(item, "request"), "body_json"));
		}
	}
	ck_abort_msg("no vector %s", id);
	return NULL;
}

static json_t *parse(char *text)
{
	ck_assert_ptr_nonnull(text);
	json_t *value = qg_json_parse(text, strlen(text), NULL);
	ck_assert_msg(value != NULL, "%s", text);
	free(text);
	return value;
}

/* The same members as the recorded call has, whatever is in them. */
static void assert_same_members(const json_t *mine, const json_t *recorded)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)recorded, name, value) {
		const json_t *own = json_object_get(mine, name);
		ck_assert_msg(own != NULL, "%s is missing", name);
		ck_assert_msg(json_typeof(own) == json_typeof(value), "%s", name);
	}
	ck_assert_uint_eq(json_object_size(mine), json_object_size(recorded));
}

START_TEST(test_as_recorded)
{
	struct feishu_layout layout = {.text = "Hello", .streaming = true, .title = "小满"};
	json_auto_t *card = feishu_card_json(&layout);
	json_auto_t *made = load("api/cardkit-create"), *content = load("api/cardkit-content");
	json_auto_t *settings = load("api/cardkit-settings-close");
	json_auto_t *put = load("api/cardkit-update"), *sent = load("api/send-card-entity");
	json_auto_t *my_made = parse(feishu_card_make_body(card));
	assert_same_members(my_made, made);
	json_auto_t *data = parse(qg_str_copy(qg_json_str(my_made, "data", "")));
	ck_assert(json_equal(data, card));
	json_auto_t *my_content =
		parse(feishu_card_content_body("Hello, ", 1, qg_json_str(content, "uuid", "")));
	ck_assert(json_equal(my_content, content));
	json_auto_t *my_settings = parse(feishu_card_settings_body(
		false, "Hello, world", 3, qg_json_str(settings, "uuid", "")));
	ck_assert(json_equal(my_settings, settings));
	json_auto_t *my_put = parse(feishu_card_put_body(card, 4, qg_json_str(put, "uuid", "")));
	assert_same_members(my_put, put);
	assert_same_members(json_object_get(my_put, "card"), json_object_get(put, "card"));
	json_auto_t *my_sent = parse(feishu_card_message_body(
		"7500034761341082566", NULL, "oc_c963141b9d203a4b527f3dc07426565f", "u"));
	ck_assert_int_eq(json_object_del(my_sent, "uuid"), 0);
	ck_assert(json_equal(my_sent, sent));
}
END_TEST

START_TEST(test_layout)
{
	json_auto_t *buttons = json_pack("[{s:s}]", "tag", "column_set");
	struct feishu_layout layout = {.text = "# 标题\n\n正文",
		.whom = "ou_4624ead94ad27a730e2fec4562dfe2c6",
		.source = "依据：手册 <at id=all></at>",
		.line = "AI 生成",
		.buttons = buttons};
	json_auto_t *card = feishu_card_json(&layout);
	QG_AUTO(qg_str_free) char *text = qg_json_dump(card);
	ck_assert_ptr_nonnull(strstr(text, "\"summary\":{\"content\":\"标题\"}"));
	ck_assert_ptr_nonnull(strstr(text, "\"streaming_mode\":false"));
	ck_assert_ptr_null(strstr(text, "<at id=all"));
	ck_assert_ptr_nonnull(strstr(text, "<at id=ou_4624ead94ad27a730e2fec4562dfe2c6></at>"));
	const json_t *elements = json_object_get(json_object_get(card, "body"), "elements");
	ck_assert_uint_eq(json_array_size(elements), 5);
	ck_assert(feishu_card_choose(card, "已选：A <at id=all></at>"));
	ck_assert_uint_eq(json_array_size(elements), 5);
	QG_AUTO(qg_str_free) char *chosen = qg_json_dump(card);
	ck_assert_ptr_null(strstr(chosen, "column_set"));
	ck_assert_ptr_null(strstr(chosen, "<at id=all"));
	ck_assert(!feishu_card_choose(card, "again"));
}
END_TEST

/* Nobody is called who is not a person. */
START_TEST(test_whom)
{
	static const char *const bad[] = {"all", "ou_", "ou_a b", "ou_x></at><at id=all", "", NULL,
		"oc_c963141b9d203a4b527f3dc07426565f", "ou_\"", "web:ann"};
	ck_assert(feishu_is_person("ou_4624ead94ad27a730e2fec4562dfe2c6"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!feishu_is_person(bad[i]), "%s", bad[i]);
		struct feishu_layout layout = {.text = "x", .whom = bad[i]};
		json_auto_t *card = feishu_card_json(&layout);
		QG_AUTO(qg_str_free) char *text = qg_json_dump(card);
		ck_assert_ptr_null(strstr(text, "<at"));
	}
}
END_TEST

static const struct {
	const char *in, *out;
} texts[] = {
	{"**粗** `a` [t](https://a.cn)", "**粗** `a` [t](https://a.cn)"},
	{"![图](https://a.cn/b.png) 后", "[图](https://a.cn/b.png) 后"},
	{"!![图](b) 好!", "[图](b) 好!"},
	{"```\n![a](b)\n```\n![a](b)", "```\n![a](b)\n```\n[a](b)"},
	{"```\n```c\n![a](b)\n```\n![a](b)", "```\n```c\n![a](b)\n```\n[a](b)"},
	{"```a```\n![a](b)", "```a```\n[a](b)"},
	{"<at id=all></at>", "＜at id=all>＜/at>"},
	{"< AT user_id=\"all\">", "＜ AT user_id=\"all\">"},
	{"```\n<at id=ou_x></at>\n```", "```\n＜at id=ou_x>＜/at>\n```"},
	{"&lt;at id=all&gt;", "＆lt;at id=all&gt;"},
	{"&#60;at id=all&#62; &#x3C; AT", "＆#60;at id=all&#62; ＆#x3C; AT"},
	{"a &lt; b", "a &lt; b"},
	{"", ""},
	{"|a|b|\n|-|-|\n|1|2|", "|a|b|\n|-|-|\n|1|2|"},
};

START_TEST(test_texts)
{
	QG_AUTO(qg_str_free) char *out = feishu_card_text(texts[_i].in, 0);
	ck_assert_str_eq(out, texts[_i].out);
	QG_AUTO(qg_str_free) char *twice = feishu_card_text(out, 0);
	ck_assert_str_eq(twice, out);
}
END_TEST

#define TABLE "|a|b|\n|---|:-:|\n|1|2|\n"

/* Three tables are shown, what comes behind them is code; those that stand in code do not count. */
START_TEST(test_tables)
{
	QG_AUTO(qg_str_free)
	char *out = feishu_card_text("```\n" TABLE "```\n" TABLE "\n" TABLE "\n" TABLE "中\n" TABLE
				     "后\n\n" TABLE "完",
		0);
	ck_assert_str_eq(out, "```\n" TABLE "```\n" TABLE "\n" TABLE "\n" TABLE "中\n```\n" TABLE
			      "```\n后\n\n```\n" TABLE "```\n完");
	QG_AUTO(qg_str_free)
	char *last = feishu_card_text(TABLE "\n" TABLE "\n" TABLE "\n|x|\n|-|", 0);
	ck_assert_str_eq(last, TABLE "\n" TABLE "\n" TABLE "\n```\n|x|\n|-|\n```\n");
	QG_AUTO(qg_str_free)
	char *quoted = feishu_card_text(TABLE "\n" TABLE "\n" TABLE "\n> |x|\n> |-|", 0);
	ck_assert_str_eq(quoted, TABLE "\n" TABLE "\n" TABLE "\n```\n> |x|\n> |-|\n```\n");
}
END_TEST

START_TEST(test_cut)
{
	QG_AUTO(qg_str_free) char *out = feishu_card_text("字字字", 7);
	ck_assert_str_eq(out, "字字");
}
END_TEST

START_TEST(test_summary)
{
	QG_AUTO(qg_str_free) char *one = feishu_card_summary("\n## **早上** `好`\n二", "x");
	ck_assert_str_eq(one, "早上 好");
	QG_AUTO(qg_str_free) char *none = feishu_card_summary("\n---\n", "小满");
	ck_assert_str_eq(none, "小满");
	/* the marks that fall out of it leave no tag behind */
	QG_AUTO(qg_str_free) char *tag = feishu_card_summary("好 <*at id=all>* @*_all", "x");
	ck_assert_str_eq(tag, "好 ＜at id=all> ＠_all");
}
END_TEST

static bool build_all(void *arg)
{
	(void)arg;
	json_auto_t *buttons = json_pack("[{s:s}]", "tag", "column_set");
	QG_AUTO(qg_str_free) char *text = feishu_card_text(TABLE "<at id=all>", 0);
	struct feishu_layout layout = {.text = text ? text : "",
		.whom = "ou_a",
		.source = "s",
		.line = "l",
		.buttons = buttons,
		.streaming = true};
	json_auto_t *card = feishu_card_json(&layout);
	QG_AUTO(qg_str_free) char *made = card ? feishu_card_make_body(card) : NULL;
	QG_AUTO(qg_str_free) char *put = card ? feishu_card_put_body(card, 1, "u") : NULL;
	QG_AUTO(qg_str_free)
	char *sent = card ? feishu_card_message_body(NULL, card, "oc_a", "u") : NULL;
	QG_AUTO(qg_str_free) char *entity = feishu_card_message_body("7", NULL, NULL, "u");
	QG_AUTO(qg_str_free) char *set = feishu_card_settings_body(false, "s", 1, "u");
	bool chose = card && feishu_card_choose(card, "c");
	return text && buttons && made && put && sent && entity && set && chose;
}

/* Without memory there is nothing, and nothing is lost. */
START_TEST(test_no_memory)
{
	ck_assert(build_all(NULL));
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(build_all, NULL), 20);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu card bodies");
	TCase *tcase = tcase_create("all");
	tcase_add_test(tcase, test_as_recorded);
	tcase_add_test(tcase, test_layout);
	tcase_add_test(tcase, test_whom);
	tcase_add_loop_test(tcase, test_texts, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(tcase, test_tables);
	tcase_add_test(tcase, test_cut);
	tcase_add_test(tcase, test_summary);
	tcase_add_test(tcase, test_no_memory);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
