/* test_turn_words.c - what is quoted, what is clicked, and what can be clicked. */
#include <stdlib.h>
#include <string.h>

#include "fake_media.h"
#include "fakes.h"
#include "main.h"
#include "qg/clock.h"
#include "qg/json.h"

static struct world world;
static struct fake_desk desk;
static struct fake_media media;

#define ck_has(text, part) ck_assert_msg(strstr(text, part) != NULL, "'%s' lacks '%s'", text, part)
#define ck_lacks(text, part) ck_assert_msg(strstr(text, part) == NULL, "'%s' has '%s'", text, part)

static const struct fake_step good = {
	.text = "ok", .has_usage = true, .tokens = {.input = 100, .output = 10}};

static void setup(void)
{
	setenv("QUNGONG_TEST_SCALE", "1000", 1);
	world_begin(&world);
	world_open(&world, NULL);
	ck_assert_msg(world.role != NULL, "%s", world.words);
	fake_begin(&world, &desk);
	fake_read_prompts();
	fake_media_begin(&world, &media);
}

static void teardown(void)
{
	ck_assert_uint_eq(media.open, 0);
	world_drain(&world);
	fake_end_all(&world, &desk);
	world_end(&world);
}

static void add(const char *name, bool sees, struct fake_step step)
{
	fake_add(&world, name, 2, 0, 1, &step)->vision = sees;
}

/* The last message's content of the last prompt. */
static char *question(void)
{
	static char text[256 * 1024];
	QG_AUTO(qg_str_free) char *whole = qg_str_printf("[%s]", fake_prompt);
	json_auto_t *list = qg_json_parse(whole, strlen(whole), NULL);
	ck_assert_ptr_nonnull(list);
	snprintf(text, sizeof(text), "%s",
		qg_json_str(json_array_get(list, json_array_size(list) - 1), "content", ""));
	return text;
}

/* ---- quotes ---- */

START_TEST(a_quote_stands_before_the_question)
{
	add("a", false, good);
	world.quote = "明天\nEVIL 停水";
	world_say(&world, "是真的吗？", NULL);
	ck_has(question(),
		"「alice」引用的消息：\n│ 明天\n│ EVIL 停水\n「alice」说：\n│ 是真的吗？\n");
	ck_assert_str_eq(fake_text, "是真的吗？");
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq");
}
END_TEST

START_TEST(a_quote_alone_is_the_question)
{
	add("a", false, good);
	world.quote = "几点开门";
	world_say(&world, " ", NULL);
	ck_assert_str_eq(world.way, "faq");
	ck_has(world.text, "9点到21点");
	world.quote = "天为什么是蓝的";
	world_say(&world, "", NULL);
	ck_assert_str_eq(fake_text, "天为什么是蓝的");
	ck_has(question(), "「alice」引用的消息：\n│ 天为什么是蓝的\n（没有另外写字");
	ck_lacks(question(), "说：");
}
END_TEST

/* Our own sentence tells how to call a person; to quote it is no call. */
START_TEST(a_quote_calls_nobody_and_commands_nothing)
{
	add("a", false, good);
	world.quote = "要找同事，请说「转人工」。";
	world_say(&world, "", NULL);
	ck_assert_str_eq(world.way, "model");
	world.quote = "/reset";
	world_say(&world, "", NULL);
	ck_assert_str_ne(world.way, "command");
}
END_TEST

START_TEST(a_long_quote_is_remembered_in_short)
{
	static char quote[8001];
	memset(quote, 'q', sizeof(quote) - 1);
	add("a", false, good);
	world.quote = quote;
	world_say(&world, "看看", NULL);
	ck_assert_uint_gt(strlen(question()), 8000);
	ck_assert_uint_lt(json_string_length(json_array_get(world.history, 0)), 1400);
}
END_TEST

/* What is remembered of one message has a bound, however it is written. */
START_TEST(the_worst_of_messages_is_remembered)
{
	static char lines[4001], quotes[5001];
	memset(lines, '\n', sizeof(lines) - 1);
	memset(quotes, '"', sizeof(quotes) - 1);
	add("a", false, good);
	world.quote = lines;
	fake_media_attach(&media, "file", &(struct fake_file){.name = "a", .text = quotes});
	world_say(&world, lines, NULL);
	ck_assert_int_eq(world.status, QG_OK);
	world_say(&world, "还有呢？", NULL);
	ck_assert_int_eq(world.status, QG_OK);
}
END_TEST

/* ---- handles ---- */

/* The answer goes to the last; what else shows as open it closes. */
START_TEST(the_other_messages_of_a_batch_are_closed)
{
	world_say(&world, "几点开门", "有停车位吗", NULL);
	ck_assert_ptr_null(world.handles);
	world.handled = true;
	world_say(&world, "几点开门", NULL);
	ck_assert_ptr_null(world.handles);
	world_say(&world, "几点开门", "有停车位吗", "能带酒吗", NULL);
	ck_assert_uint_eq(json_array_size(world.handles), 2);
	ck_assert_str_eq(json_string_value(json_array_get(world.handles, 0)), "h0");
	ck_assert_str_eq(json_string_value(json_array_get(world.handles, 1)), "h1");
}
END_TEST

/* ---- clicks and buttons ---- */

START_TEST(a_click_is_a_question_and_no_command)
{
	world.clicks = true;
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq");
	world_say(&world, "/reset", NULL);
	ck_assert_str_ne(world.way, "command");
	world.closed = true;
	world.admin = true;
	world_say(&world, "/启用", NULL);
	ck_assert_str_eq(world.way, "closed");
	ck_assert_int_eq(world.group_change, QG_GROUP_STAYS);
}
END_TEST

static const char *button(size_t index, const char *member)
{
	return qg_json_str(json_array_get(world.buttons, index), member, "");
}

START_TEST(buttons_where_they_help)
{
	world_say(&world, "", NULL);
	ck_assert_uint_eq(json_array_size(world.buttons), 2);
	ck_assert_str_eq(button(0, "text"), "几点开门");
	ck_assert_str_eq(button(0, "value"), "几点开门");
	ck_assert_str_eq(button(1, "value"), "怎么退货");
	world_say(&world, "比特币多少钱", NULL);
	ck_has(world.text, "手册里没有找到");
	ck_assert_uint_eq(json_array_size(world.buttons), 2);
	world_say(&world, "比特币多少钱", NULL); /* a person is called */
	ck_assert_ptr_null(world.buttons);
	world.sender = "bob";
	world_say(&world, "几点开门", NULL);
	ck_assert_ptr_null(world.buttons);
}
END_TEST

START_TEST(the_near_question_is_a_button)
{
	world_say(&world, "小份多少钱", NULL);
	ck_has(world.text, "您是想问：大份多少钱");
	ck_assert_uint_eq(json_array_size(world.buttons), 1);
	ck_assert_str_eq(button(0, "value"), "大份多少钱");
}
END_TEST

START_TEST(a_long_suggestion_is_cut_on_its_button)
{
	world_write(&world, "templates/shop/template.yaml",
		"id: shop\nname: 小店助手\nindustry: 零售\nversion: 1\nsummary: 一家小店。\n"
		"greeting: 您好。\nsuggestions: "
		"[这是一个特别特别特别特别特别特别特别特别长的问题要问, 二, 三, 四, "
		"五]\n"
		"interview:\n"
		"  - {key: shop_name, ask: 店名, example: 小满, required: true}\n"
		"  - {key: phone, ask: 电话, example: 021-1, required: true}\n"
		"  - {key: hours, ask: 时间, example: 9点, required: true}\n"
		"  - {key: parking, ask: 停车, example: B1, required: false}\n");
	world_open(&world, NULL);
	ck_assert_msg(world.role != NULL, "%s", world.words);
	world_say(&world, "", NULL);
	ck_assert_uint_eq(json_array_size(world.buttons), 4);
	ck_assert_uint_le(strlen(button(0, "text")), 60);
	ck_has(button(0, "text"), "特…");
	ck_assert_str_eq(
		button(0, "value"), "这是一个特别特别特别特别特别特别特别特别长的问题要问");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("turn_words");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, a_quote_stands_before_the_question);
	tcase_add_test(all, a_quote_alone_is_the_question);
	tcase_add_test(all, a_quote_calls_nobody_and_commands_nothing);
	tcase_add_test(all, a_long_quote_is_remembered_in_short);
	tcase_add_test(all, the_worst_of_messages_is_remembered);
	tcase_add_test(all, the_other_messages_of_a_batch_are_closed);
	tcase_add_test(all, a_click_is_a_question_and_no_command);
	tcase_add_test(all, buttons_where_they_help);
	tcase_add_test(all, the_near_question_is_a_button);
	tcase_add_test(all, a_long_suggestion_is_cut_on_its_button);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
