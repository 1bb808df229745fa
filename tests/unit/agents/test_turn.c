/* test_turn.c - commands, handover, quiet times, FAQ, history, merged messages, models and their
 * failures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "main.h"
#include "qg/clock.h"
#include "qg/json.h"
#include "world.h"

static struct world world;

static void setup(void)
{
	world_begin(&world);
	world_open(&world, NULL);
	ck_assert_msg(world.role != NULL, "%s", world.words);
}

static void teardown(void)
{
	world_end(&world);
}

#define ck_has(text, part) ck_assert_msg(strstr(text, part) != NULL, "'%s' lacks '%s'", text, part)
#define ck_lacks(text, part) ck_assert_msg(strstr(text, part) == NULL, "'%s' has '%s'", text, part)

/* ---- commands ---- */

START_TEST(commands_answer_without_history)
{
	static const char *const texts[] = {"/help", "/帮助", "／help", " /HELP ", "／ｈｅｌｐ"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		world_say(&world, texts[i], NULL);
		ck_assert_str_eq(world.way, "command");
		ck_has(world.text, "/reset");
		ck_has(world.text, "几点开门、怎么退货");
		ck_lacks(world.text, "/启用");
		ck_assert_ptr_null(world.label);
	}
	ck_assert_uint_eq(json_array_size(world.history), 0);
	world.admin = true;
	world_say(&world, "/help", NULL);
	ck_has(world.text, "/启用");
}
END_TEST

START_TEST(about_and_usage_say_what_is_so)
{
	world_say(&world, "/关于", NULL);
	ck_has(world.text, "不是真人");
	ck_has(world.text, "由小满使用");
	ck_has(world.text, "没有用大模型");
	world_say(&world, "/用量", NULL);
	ck_has(world.text, "用量");
	ck_lacks(world.text, "记");
	world_add_script(&world, "m", "- {text: x}\n");
	world_say(&world, "/about", NULL);
	ck_lacks(world.text, "没有用大模型");
	ck_lacks(world.text, "会发给");
}
END_TEST

START_TEST(about_names_who_gets_to_read_a_question)
{
	world_add_script(&world, "a", "- {text: x}\n");
	world_add_script(&world, "b", "- {text: x}\n");
	world_add_script(&world, "c", "- {text: x}\n");
	static const struct {
		const char *provider, *base_url;
	} set[] = {{"deepseek", NULL},
		{"openai", "http://192.168.1.20:8000/v1"},
		{"openai", "https://llm.example.com/v1"}};
	char *provider[3];
	for (size_t i = 0; i < 3; i++) {
		struct qg_model_config *endpoint = &world.config->models[i];
		provider[i] = endpoint->provider;
		endpoint->provider = (char *)set[i].provider;
		endpoint->base_url = (char *)set[i].base_url;
	}
	world_say(&world, "/about", NULL);
	ck_has(world.text, "手册里有关的段落会发给：DeepSeek、自己的模型服务、llm.example.com。");
	for (size_t i = 0; i < 3; i++) {
		world.config->models[i].provider = provider[i];
		world.config->models[i].base_url = NULL;
	}
}
END_TEST

START_TEST(an_unknown_slash_word_is_ordinary_text)
{
	world_say(&world, "/几点开门", NULL);
	ck_assert_str_eq(world.way, "faq");
	world_say(&world, "/helpme", NULL);
	ck_assert_str_ne(world.way, "command");
}
END_TEST

START_TEST(reset_forgets)
{
	world_say(&world, "几点开门", NULL);
	ck_assert_uint_eq(json_array_size(world.history), 2);
	world_say(&world, "/重置", NULL);
	ck_assert_uint_eq(json_array_size(world.history), 0);
}
END_TEST

/* ---- handover and quiet ---- */

START_TEST(a_keyword_calls_a_person_and_quiets_for_the_asker)
{
	world_say(&world, "我要投诉！", NULL);
	ck_assert_str_eq(world.way, "handover");
	ck_assert(world.handed_over);
	ck_has(world.text, "021-5555");
	ck_has(world.text, "9点到21点");
	ck_has(world.text, "30 分钟");
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "quiet");
	ck_assert_uint_eq(world.replies, 1);
	world_say(&world, "几点开门？", NULL);
	ck_assert_uint_eq(world.replies, 0); /* told once */
	world.sender = "bob";
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq"); /* the group is not silenced */
	world.sender = "alice";
	qg_clock_fix(WORLD_NOW + 30 * 60 * 1000 - 1, 1000000);
	world.mentions = false;
	world_say(&world, "在吗", NULL);
	ck_assert_str_eq(world.way, "quiet");
	ck_assert_uint_eq(world.replies, 0); /* nobody addressed the bot */
	qg_clock_fix(WORLD_NOW + 30 * 60 * 1000, 1000000);
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq");
}
END_TEST

START_TEST(a_thread_is_quiet_for_all_in_it)
{
	world.thread = "t1";
	world_say(&world, "转人工", NULL);
	world.sender = "bob";
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "quiet");
	world.thread = NULL;
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq");
}
END_TEST

START_TEST(resume_ends_a_quiet)
{
	world_say(&world, "/安静", NULL);
	ck_has(world.text, "30");
	world_say(&world, "/quiet", NULL);
	ck_has(world.text, ":"); /* until when */
	world_say(&world, "/继续", NULL);
	ck_assert_str_eq(world.way, "command");
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq");
	world_say(&world, "/resume", NULL);
	ck_has(world.text, "一直在");
}
END_TEST

START_TEST(an_admin_or_duty_ends_everybodys_quiet)
{
	world_say(&world, "转人工", NULL);
	world.sender = "bob";
	world_say(&world, "/resume", NULL);
	world.sender = "alice";
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "quiet"); /* bob is nobody here */
	world.sender = "carol";
	json_array_append_new(world.bot->duty, json_pack("{s:s}", "id", "carol"));
	world_say(&world, "/resume", NULL);
	world.sender = "alice";
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq");
}
END_TEST

START_TEST(who_does_not_want_a_person_gets_none)
{
	static const char *const texts[] = {"不用转人工", "不要人工", "你是人工智能吗"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		world_say(&world, texts[i], NULL);
		ck_assert_msg(!world.handed_over || world.missed, "%s", texts[i]);
		world_say(&world, "/reset", NULL);
	}
}
END_TEST

START_TEST(the_second_miss_hands_over)
{
	world_say(&world, "比特币明天涨不涨", NULL);
	ck_assert(world.missed);
	ck_assert(!world.handed_over);
	ck_has(world.text, "没有找到");
	world_say(&world, "茅台股票呢", NULL);
	ck_assert(world.handed_over);
	ck_has(world.text, "021-5555");
}
END_TEST

START_TEST(an_answer_between_two_misses_counts)
{
	world_say(&world, "比特币明天涨不涨", NULL);
	world_say(&world, "几点开门", NULL);
	world_say(&world, "茅台股票呢", NULL);
	ck_assert(world.missed);
	ck_assert(!world.handed_over);
	world.sender = "bob";
	world_say(&world, "黄金多少钱一克", NULL);
	ck_assert(!world.handed_over); /* each counts alone */
}
END_TEST

START_TEST(what_a_conversation_remembers_is_bounded)
{
	for (int i = 0; i < 300; i++) {
		char name[32];
		snprintf(name, sizeof(name), "user%d", i);
		world.sender = name;
		world_say(&world, "转人工", NULL);
	}
	ck_assert_uint_le(json_object_size(json_object_get(world.state, "askers")), 101);
}
END_TEST

START_TEST(a_broken_state_does_no_harm)
{
	json_decref(world.state);
	world.state = json_pack("{s:[i], s:s}", "askers", 1, "paused_told", "x");
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq");
}
END_TEST

START_TEST(paused_says_so_once_in_ten_minutes)
{
	world.paused = true;
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "paused");
	ck_assert_uint_eq(world.replies, 1);
	world_say(&world, "几点开门", NULL);
	ck_assert_uint_eq(world.replies, 0);
	qg_clock_fix(WORLD_NOW + 10 * 60 * 1000, 1000000);
	world_say(&world, "几点开门", NULL);
	ck_assert_uint_eq(world.replies, 1);
	ck_assert_uint_eq(json_array_size(world.history), 0);
}
END_TEST

/* ---- FAQ and handbook ---- */

START_TEST(faq_answers_with_its_source_and_no_label)
{
	world_say(&world, "请问你们几点开门呀？", NULL);
	ck_assert_str_eq(world.way, "faq");
	ck_has(world.text, "9点到21点");
	ck_has(world.text, "依据");
	ck_assert_str_eq(qg_json_str(json_array_get(world.sources, 0), "section", ""), "几点开门");
	ck_lacks(world.text, "{{");
	ck_assert_ptr_null(world.label);
	ck_assert_str_eq(world.model, "offline");
	ck_assert_int_eq(world.input, 0);
	ck_assert_uint_eq(json_array_size(world.history), 2);
}
END_TEST

START_TEST(the_handbook_is_quoted_with_its_section)
{
	world_say(&world, "拆封了能退货吗", NULL);
	ck_assert_str_eq(world.way, "offline");
	ck_has(world.text, "拆封的不退。问 021-5555");
	ck_has(world.text, "手册 › 退货");
	ck_assert_ptr_null(world.label);
	ck_assert_str_eq(qg_json_str(json_array_get(world.sources, 0), "section", ""), "退货");
}
END_TEST

START_TEST(two_questions_get_two_answers)
{
	world_say(&world, "几点开门？有停车位吗？", NULL);
	ck_assert_str_eq(world.way, "faq");
	ck_has(world.text, "营业时间");
	ck_has(world.text, "停车免费");
	world_say(&world, "几点开门，有停车位吗", NULL);
	ck_has(world.text, "营业时间");
	ck_has(world.text, "停车免费");
	world_say(&world, "几点开门？怎么退货？", NULL);
	ck_has(world.text, "营业时间");
	ck_has(world.text, "七天内");
	world_say(&world, "几点开门？比特币多少钱？", NULL);
	ck_has(world.text, "营业时间");
	ck_has(world.text, "「比特币多少钱？」：手册里没有找到");
	ck_assert(!world.missed);
}
END_TEST

START_TEST(messages_of_one_batch_get_one_answer)
{
	world_say(&world, "在忙吗", "几点开门", "怎么退货", NULL);
	ck_assert_uint_eq(world.replies, 1);
	ck_has(world.text, "营业时间");
	ck_has(world.text, "七天内");
	ck_assert_uint_eq(json_array_size(world.answers), 3);
	ck_assert_uint_eq(json_array_size(world.history), 4);
}
END_TEST

START_TEST(a_mention_without_words_is_greeted)
{
	world_say(&world, "  ", NULL);
	ck_has(world.text, "我是小满的助手");
	ck_has(world.text, "怎么退货");
	world_say(&world, "？？", NULL);
	ck_has(world.text, "怎么退货");
}
END_TEST

static double cpu_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Nothing that a peer can send may hold the loop; the bound leaves room for sanitizers. */
START_TEST(floods_of_text_cost_little)
{
	static const char *const pieces[] = {
		"停车？", "a?", "？", "，停车", "好", "\n", "转", "{{"};
	char *text = calloc(1, 65537);
	size_t size = strlen(pieces[_i]);
	for (size_t at = 0; at + size < 65536; at += size) {
		memcpy(text + at, pieces[_i], size);
	}
	double before = cpu_ms();
	world_say(&world, text, NULL);
	double spent = cpu_ms() - before;
	ck_assert_int_eq(world.status, QG_OK);
	ck_assert_msg(spent < 60, "%s: %.1f ms", pieces[_i], spent);
	free(text);
}
END_TEST

START_TEST(a_repeated_turn_has_the_same_reply_id)
{
	world_say(&world, "几点开门", NULL);
	char *first = strdup(world.id);
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.id, first);
	world_say(&world, "怎么退货", NULL);
	ck_assert_str_ne(world.id, first);
	ck_assert_uint_eq(strlen(first), 32);
	free(first);
}
END_TEST

START_TEST(words_of_users_name_no_variable)
{
	world_say(&world, "{{phone}} 比特币", NULL);
	ck_lacks(world.text, "021-5555 比特币");
	world_say(&world, "几点开门？{{phone}}比特币多少钱？", NULL);
	ck_has(world.text, "「{{phone}}比特币多少钱？」");
}
END_TEST

/* ---- models ---- */

START_TEST(a_model_streams_drafts_and_gets_the_label)
{
	world_add_script(&world, "m",
		"- {text: 一二三四五六七八九十, chunks: 5, usage: {input: 70, output: 10}}\n");
	world_say(&world, "给我讲讲这家店的故事", NULL);
	ck_assert_str_eq(world.way, "model");
	ck_assert_str_eq(world.text, "一二三四五六七八九十");
	ck_assert_str_eq(world.draft, world.text);
	ck_assert_uint_eq(world.drafts, 5);
	ck_assert_str_eq(world.label, "AI 生成");
	ck_assert_str_eq(world.model, "m");
	ck_assert_int_eq(world.input, 70);
	ck_assert_int_eq(world.output, 10);
	ck_assert_int_eq(world.first_at, WORLD_NOW);
}
END_TEST

START_TEST(the_faq_comes_before_any_model)
{
	world_add_script(&world, "m", "- {text: 模型}\n");
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq");
	world_say(&world, "几点开门？怎么退货？", NULL);
	ck_assert_str_eq(world.text, "模型"); /* it was told what the FAQ says */
	ck_assert_ptr_null(world.sources);
}
END_TEST

START_TEST(a_failure_nobody_saw_goes_to_the_next)
{
	world_add_script(&world, "a", "- {fail: retry}\n");
	world_add_script(&world, "b", "- {fail: auth}\n");
	ck_assert_int_eq(qg_strings_add(&world.bot->models, "missing"), QG_OK);
	world_add_script(&world, "c", "- {text: 丙}\n");
	world_say(&world, "讲个故事", NULL);
	ck_assert_str_eq(world.text, "丙");
	ck_assert_str_eq(world.model, "c");
}
END_TEST

START_TEST(offline_stands_last)
{
	world_add_script(&world, "a", "- {fail: timeout}\n");
	world_say(&world, "拆封了能退货吗", NULL);
	ck_assert_str_eq(world.way, "offline");
	ck_has(world.text, "七天内");
	ck_assert_ptr_null(world.label);
}
END_TEST

START_TEST(a_failure_after_words_ends_with_a_notice)
{
	world_add_script(&world, "a", "- {text: 开头几个字, chunks: 2, fail: retry}\n");
	world_add_script(&world, "b", "- {text: 乙}\n");
	world_say(&world, "讲个故事", NULL);
	ck_has(world.text, "开头几个字");
	ck_has(world.text, "中断");
	ck_lacks(world.text, "乙");
	ck_assert_str_eq(world.label, "AI 生成");
}
END_TEST

START_TEST(what_a_service_takes_back_is_said_no_more)
{
	world_add_script(&world, "a", "- {text: 开头几个字, chunks: 2, fail: filtered}\n");
	world_say(&world, "讲个故事", NULL);
	ck_lacks(world.text, "开头");
	ck_has(world.text, "撤回");
	ck_assert_ptr_null(world.label);
	ck_assert_uint_eq(json_array_size(world.history), 2);
	ck_lacks(json_string_value(json_array_get(world.history, 1)), "开头");
}
END_TEST

START_TEST(our_own_mistake_fails_the_turn)
{
	world_add_script(&world, "a", "- {fail: error}\n");
	world_say(&world, "讲个故事", NULL);
	ck_assert_int_eq(world.status, QG_FAILED);
	ck_assert_uint_eq(json_array_size(world.history), 0);
}
END_TEST

START_TEST(refused_content_goes_to_no_other_service)
{
	world_add_script(&world, "a", "- {fail: filtered}\n");
	world_add_script(&world, "b", "- {text: 乙}\n");
	world_say(&world, "拆封了能退货吗", NULL);
	ck_assert_str_eq(world.way, "offline");
}
END_TEST

START_TEST(an_empty_answer_is_a_failure)
{
	world_add_script(&world, "a", "- {text: ''}\n");
	world_add_script(&world, "b", "- {text: 乙}\n");
	world_say(&world, "讲个故事", NULL);
	ck_assert_str_eq(world.text, "乙");
}
END_TEST

START_TEST(a_forced_model_stands_alone)
{
	world_add_script(&world, "a", "- {text: 甲}\n");
	world_add_script(&world, "b", "- {fail: retry}\n");
	world.force = "b";
	world_say(&world, "讲个故事", NULL);
	ck_assert_int_eq(world.status, QG_FAILED);
	world.force = "offline";
	world_say(&world, "拆封了能退货吗", NULL);
	ck_assert_str_eq(world.way, "offline");
	world.force = "nobody";
	world_say(&world, "讲个故事", NULL);
	ck_assert_int_eq(world.status, QG_FAILED);
}
END_TEST

START_TEST(a_turn_may_be_cancelled_in_its_draft)
{
	world_add_script(&world, "m", "- {text: 一二三四五六七八九十, chunks: 5}\n");
	world.cancel_at = 2;
	world_say(&world, "讲个故事", NULL);
	ck_assert(!world.finished);
	ck_assert_uint_eq(world.drafts, 2);
	world_drain(&world);
}
END_TEST

static void cancel(void *arg)
{
	qg_turn_cancel(arg);
}

static void never(
	void *arg, enum qg_status status, struct qg_turn_result *result, const char *words)
{
	ck_abort_msg("finished() after a cancel");
}

START_TEST(a_turn_may_be_cancelled_at_any_step)
{
	struct qg_message *message = qg_message_create();
	message->id = strdup("1");
	message->chat = strdup("web");
	message->sender = strdup("alice");
	message->text = strdup("拆封了能退货吗");
	static const struct qg_turn_host host = {NULL, never};
	struct qg_turn_request request = {.loop = world.loop,
		.config = world.config,
		.bot = world.bot,
		.role = world.role,
		.messages = &message,
		.count = 1,
		.enabled = true};
	struct qg_turn *turn = qg_turn_start(&request, &host, NULL);
	qg_turn_cancel(turn); /* before it began */
	world_drain(&world);
	turn = qg_turn_start(&request, &host, NULL);
	ck_assert_int_eq(qg_loop_defer(world.loop, cancel, turn), QG_OK); /* while it searches */
	world_drain(&world);
	qg_message_destroy(message);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("turn");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, commands_answer_without_history);
	tcase_add_test(all, about_and_usage_say_what_is_so);
	tcase_add_test(all, about_names_who_gets_to_read_a_question);
	tcase_add_test(all, an_unknown_slash_word_is_ordinary_text);
	tcase_add_test(all, reset_forgets);
	tcase_add_test(all, a_keyword_calls_a_person_and_quiets_for_the_asker);
	tcase_add_test(all, a_thread_is_quiet_for_all_in_it);
	tcase_add_test(all, resume_ends_a_quiet);
	tcase_add_test(all, an_admin_or_duty_ends_everybodys_quiet);
	tcase_add_test(all, who_does_not_want_a_person_gets_none);
	tcase_add_test(all, the_second_miss_hands_over);
	tcase_add_test(all, an_answer_between_two_misses_counts);
	tcase_add_test(all, what_a_conversation_remembers_is_bounded);
	tcase_add_test(all, a_broken_state_does_no_harm);
	tcase_add_test(all, paused_says_so_once_in_ten_minutes);
	tcase_add_test(all, faq_answers_with_its_source_and_no_label);
	tcase_add_test(all, the_handbook_is_quoted_with_its_section);
	tcase_add_test(all, two_questions_get_two_answers);
	tcase_add_test(all, messages_of_one_batch_get_one_answer);
	tcase_add_test(all, a_mention_without_words_is_greeted);
	tcase_add_loop_test(all, floods_of_text_cost_little, 0, 8);
	tcase_add_test(all, a_repeated_turn_has_the_same_reply_id);
	tcase_add_test(all, words_of_users_name_no_variable);
	tcase_add_test(all, a_model_streams_drafts_and_gets_the_label);
	tcase_add_test(all, the_faq_comes_before_any_model);
	tcase_add_test(all, a_failure_nobody_saw_goes_to_the_next);
	tcase_add_test(all, offline_stands_last);
	tcase_add_test(all, a_failure_after_words_ends_with_a_notice);
	tcase_add_test(all, what_a_service_takes_back_is_said_no_more);
	tcase_add_test(all, our_own_mistake_fails_the_turn);
	tcase_add_test(all, refused_content_goes_to_no_other_service);
	tcase_add_test(all, an_empty_answer_is_a_failure);
	tcase_add_test(all, a_forced_model_stands_alone);
	tcase_add_test(all, a_turn_may_be_cancelled_in_its_draft);
	tcase_add_test(all, a_turn_may_be_cancelled_at_any_step);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
