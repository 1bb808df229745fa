/* test_turn_desk.c - what a turn does with money and rights: footnotes, /usage, limits, groups, codes. */
#include <stdlib.h>
#include <string.h>

#include "fakes.h"
#include "main.h"
#include "qg/clock.h"
#include "qg/json.h"

#define DAY (24 * 3600 * 1000LL)
#define QUESTION "讲个故事"

static struct world world;
static struct fake_desk desk;

#define ck_has(text, part) ck_assert_msg(strstr(text, part) != NULL, "'%s' lacks '%s'", text, part)
#define ck_lacks(text, part) ck_assert_msg(strstr(text, part) == NULL, "'%s' has '%s'", text, part)

static void setup(void)
{
	setenv("QUNGONG_TEST_SCALE", "8", 1); /* who waits hears something after a second */
	world_begin(&world);
	world_open(&world, NULL);
	ck_assert_msg(world.role != NULL, "%s", world.words);
	fake_begin(&world, &desk);
	world.bot->timezone = "Asia/Shanghai";
}

static void teardown(void)
{
	world_drain(&world);
	fake_end_all(&world, &desk);
	world_end(&world);
}

static struct qg_model_config *add(const char *name, int rank, int64_t price, struct fake_step step)
{
	return fake_add(&world, name, rank, price, 1, &step);
}

static const struct fake_step good = {.text = "story",
	.has_usage = true,
	.tokens = {.input = 1000, .cached_input = 600, .output = 234}};

/* ---- footnotes ---- */

START_TEST(the_footnote_holds_the_whole_line)
{
	struct qg_model_config *a = add("a", 2, 1701782820, good);
	a->provider = "deepseek";
	a->model = "deepseek-flash";
	world.bot->footnote = QG_FOOTNOTE_SHORT;
	world_say(&world, QUESTION, NULL);
	ck_assert_str_eq(world.footnote, "AI 生成 · DeepSeek · 1,234 tokens · ¥0.0021");
	ck_assert_str_eq(world.label, "AI 生成");
	ck_assert_str_eq(world.cost, "{\"CNY\":0.0021}");
	ck_assert_str_eq(world.model, "deepseek-flash");
	ck_assert(!world.estimated);
	world.bot->footnote = QG_FOOTNOTE_FULL;
	world_say(&world, QUESTION, NULL);
	ck_has(world.footnote,
		"输入 1,000（缓存 600）· 输出 234 · 共 1,234 tokens · ¥0.0021 · 0.0 秒");
	world.bot->ai_label = "";
	world_say(&world, QUESTION, NULL);
	ck_assert_ptr_eq(strstr(world.footnote, "DeepSeek"), world.footnote);
	ck_assert_ptr_null(world.label);
	world.bot->footnote = QG_FOOTNOTE_OFF;
	world_say(&world, QUESTION, NULL);
	ck_assert_ptr_null(world.footnote);
}
END_TEST

START_TEST(what_no_model_said_has_none)
{
	add("a", 2, 1, good);
	world.bot->footnote = QG_FOOTNOTE_SHORT;
	world_say(&world, "几点开门", NULL);
	ck_assert_ptr_null(world.footnote);
	ck_assert_str_eq(world.cost, "{\"CNY\":0}");
}
END_TEST

START_TEST(all_calls_of_a_turn_are_summed_up)
{
	add("a", 2, 1000000000,
		(struct fake_step){.error = QG_MODEL_CONTEXT,
			.has_usage = true,
			.tokens = {.input = 1000000}});
	struct qg_model_config *b = add("b", 2, 1, good);
	b->own_price = (struct qg_price){.input = 3000000, .output = 1000000, .currency = QG_USD};
	world.bot->footnote = QG_FOOTNOTE_SHORT;
	world.config->usd_cny = 7;
	world_say(&world, QUESTION, NULL);
	ck_assert_int_eq(world.input, 1001000);
	ck_assert_int_eq(world.output, 234);
	ck_assert_str_eq(world.cost, "{\"CNY\":1,\"USD\":0.000001434}");
	ck_has(world.footnote, "1,001,234 tokens · ¥1.00 + $0.000001");
}
END_TEST

START_TEST(an_estimate_says_so)
{
	add("a", 2, 0, (struct fake_step){.text = "story"});
	world.bot->footnote = QG_FOOTNOTE_SHORT;
	world_say(&world, QUESTION, NULL);
	ck_assert(world.estimated);
	ck_has(world.footnote, "· ≈");
	ck_has(world.footnote, "¥0.00");
}
END_TEST

/* ---- answers without a model ---- */

START_TEST(an_answer_without_a_model_is_saved)
{
	world_say(&world, "几点开门", NULL);
	ck_assert_uint_eq(desk.saved, 0); /* nobody would have been asked */
	add("a", 2, 1000, good);
	world_say(&world, "几点开门", NULL);
	ck_assert_uint_eq(desk.saved, 1);
	ck_assert_str_eq(desk.saved_way, "faq");
	ck_assert_int_gt(desk.saved_tokens.input, 20);
	ck_assert_int_gt(desk.saved_tokens.output, 5);
	ck_assert_uint_eq(desk.opened, 0);
}
END_TEST

START_TEST(a_repeated_turn_saves_under_one_id)
{
	char first[33];
	add("a", 2, 1000, good);
	world_say(&world, "几点开门", NULL);
	memcpy(first, desk.saved_id, sizeof(first));
	ck_assert_uint_eq(strlen(first), 32);
	world_say(&world, "几点开门", NULL); /* the same message: the turn's first try died */
	ck_assert_str_eq(desk.saved_id, first);
	world_say(&world, "请问几点开门", NULL);
	ck_assert_uint_eq(desk.saved, 3);
	ck_assert_str_ne(desk.saved_id, first);
}
END_TEST

/* ---- limits ---- */

static enum qg_status refuse(
	struct fake_desk *asked, const struct qg_call *call, enum qg_limit *limit)
{
	return strcmp(call->key, "a") == 0 ? QG_DENIED : QG_OK;
}

START_TEST(simpler_answers_are_announced_once_a_day)
{
	add("a", 3, 1000, good);
	add("b", 1, 0, good);
	desk.judge = refuse;
	world_say(&world, QUESTION, NULL);
	ck_assert_str_eq(world.model, "b");
	ck_has(world.text, "简单一些");
	ck_lacks(world.text, "¥");
	world_say(&world, QUESTION, NULL);
	ck_assert_str_eq(world.text, "story");
	qg_clock_fix(WORLD_NOW + DAY, 1000000);
	world_say(&world, QUESTION, NULL);
	ck_has(world.text, "简单一些");
}
END_TEST

START_TEST(what_a_stand_in_misses_hands_nobody_over)
{
	add("a", 3, 1000, good);
	desk.judge = refuse;
	for (int i = 0; i < 4; i++) {
		world_say(&world, "比特币明天涨不涨", NULL);
		ck_assert(world.missed);
		ck_assert(!world.handed_over);
		ck_assert_uint_eq(world.replies, 1);
	}
	desk.judge = NULL;
	world_say(&world, "比特币明天涨不涨", NULL);
	ck_assert_str_eq(world.text, "story");
}
END_TEST

START_TEST(stop_says_so_once_a_day_and_then_nothing)
{
	add("a", 3, 1000, good);
	desk.judge = refuse;
	world.bot->at_limit = QG_LIMIT_STOP;
	world_say(&world, QUESTION, NULL);
	ck_assert_str_eq(world.way, "limit");
	ck_has(world.text, "额度用完");
	ck_assert_uint_eq(json_array_size(world.history), 0);
	world_say(&world, QUESTION, NULL);
	ck_assert_uint_eq(world.replies, 0);
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq"); /* costs nothing */
	qg_clock_fix(WORLD_NOW + DAY, 1000000);
	world_say(&world, QUESTION, NULL);
	ck_has(world.text, "额度用完");
}
END_TEST

static enum qg_status fails_with;
static enum qg_status break_off(
	struct fake_desk *asked, const struct qg_call *call, enum qg_limit *limit)
{
	return fails_with;
}

START_TEST(a_stale_turn_and_one_without_redis_end)
{
	static const enum qg_status statuses[] = {QG_STALE, QG_AWAY};
	add("a", 3, 1000, good);
	desk.judge = break_off;
	fails_with = statuses[_i];
	world_say(&world, QUESTION, NULL);
	ck_assert_int_eq(world.status, statuses[_i]);
	ck_assert_uint_eq(world.replies, 0);
}
END_TEST

/* ---- somebody waits ---- */

START_TEST(who_waits_long_hears_something)
{
	add("a", 2, 0, (struct fake_step){.hangs = true});
	world.cancel_at = 1;
	world_say(&world, QUESTION, NULL);
	ck_assert_uint_eq(world.drafts, 1);
	ck_has(world.draft, "稍等");
	ck_assert_uint_eq(desk.closed, 1);
}
END_TEST

/* ---- /usage ---- */

START_TEST(everybody_sees_his_own_usage)
{
	desk.figures.user_day = (struct qg_figure){2, 1000, 10, 234, 0, {2100000, 0}};
	desk.figures.user_month =
		(struct qg_figure){20, 10000, 10, 2340, 1500, {21000000, 120000000}};
	desk.figures.bot_month.saved = 99999;
	world_say(&world, "/用量", NULL);
	ck_assert_str_eq(world.text, "您今天：2 次，1,234 tokens，¥0.0021\n"
				     "您本月：20 次，12,340 tokens，¥0.021 + $0.12\n"
				     "本月有些回答直接取自问答和手册，省下约 1,500 tokens。");
	ck_assert_str_eq(world.way, "command");
	ck_assert_str_eq(desk.day, "20251009");
}
END_TEST

START_TEST(admins_see_the_group_s_and_the_bot_s)
{
	desk.figures.chat_month.calls = 1500;
	desk.figures.bot_month.saved = 99999;
	world.admin = true;
	world_say(&world, "/usage", NULL);
	ck_has(world.text, "本群今天：0 次，0 tokens，¥0.00");
	ck_has(world.text, "本群本月：1,500 次");
	ck_lacks(world.text, "我在各处本月"); /* everybody reads it there */
	ck_lacks(world.text, "99,999");
	world.group = false;
	world_say(&world, "/usage", NULL);
	ck_lacks(world.text, "本群");
	ck_has(world.text, "我在各处本月");
	ck_has(world.text, "99,999");
	desk.figures_status = QG_AWAY;
	world_say(&world, "/usage", NULL);
	ck_assert_int_eq(world.status, QG_AWAY);
}
END_TEST

/* ---- groups ---- */

START_TEST(a_closed_group_hears_one_line_a_day)
{
	world.closed = true;
	world.mentions = false;
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "closed");
	ck_assert_uint_eq(world.replies, 0);
	world.mentions = true;
	world_say(&world, "/help", NULL);
	ck_assert_str_eq(world.way, "closed");
	ck_has(world.text, "/启用");
	world_say(&world, "几点开门", NULL);
	ck_assert_uint_eq(world.replies, 0);
	qg_clock_fix(WORLD_NOW + DAY, 1000000);
	world_say(&world, "几点开门", NULL);
	ck_has(world.text, "/启用");
	ck_assert_uint_eq(json_array_size(world.history), 0);
	world.group = false;
	world_say(&world, "几点开门", NULL);
	ck_assert_str_eq(world.way, "faq");
}
END_TEST

START_TEST(an_admin_opens_and_closes_a_group)
{
	world.closed = true;
	world_say(&world, "/启用", NULL);
	ck_has(world.text, "只有管理员");
	ck_assert_int_eq(world.group_change, QG_GROUP_STAYS);
	ck_assert_str_eq(world.way, "closed");
	ck_assert_int_eq(qg_strings_add(&world.bot->admins, "alice"), QG_OK);
	world_say(&world, "/启用", NULL);
	ck_has(world.text, "开始在这个群里工作");
	ck_assert_int_eq(world.group_change, QG_GROUP_ENABLED);
	ck_assert_str_eq(world.way, "command");
	world.closed = false;
	world_say(&world, "/disable", NULL);
	ck_assert_int_eq(world.group_change, QG_GROUP_DISABLED);
	world.sender = "bob";
	world_say(&world, "/停用", NULL);
	ck_has(world.text, "只有管理员");
	ck_assert_int_eq(world.group_change, QG_GROUP_STAYS);
	world.admin = true;
	world_say(&world, "/enable", NULL);
	ck_assert_int_eq(world.group_change, QG_GROUP_ENABLED);
	world.group = false;
	world_say(&world, "/启用", NULL);
	ck_has(world.text, "请在群里发");
	ck_assert_int_eq(world.group_change, QG_GROUP_STAYS);
	qg_strings_finish(&world.bot->admins);
}
END_TEST

START_TEST(what_the_config_opened_no_command_closes)
{
	world.admin = true;
	world.bot->any_chat = _i == 0;
	if (_i == 1) {
		ck_assert_int_eq(qg_strings_add(&world.bot->chats, "web"), QG_OK);
	}
	world.bot->platform = _i == 2 ? "web" : "feishu";
	world_say(&world, "/停用", NULL);
	ck_has(world.text, "配置");
	ck_assert_int_eq(world.group_change, QG_GROUP_STAYS);
	world_say(&world, "/启用", NULL);
	ck_assert_int_eq(world.group_change, QG_GROUP_STAYS);
	ck_has(world.text, "开始在这个群里工作");
	qg_strings_finish(&world.bot->chats);
}
END_TEST

START_TEST(a_code_binds_in_a_direct_chat)
{
	static const char *const texts[] = {"/绑定 123456", "/绑定123456", "／绑定 １２３４５６",
		"/bind 123 456 ", "/BIND\n123456"};
	world.group = false;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		desk.bound[0] = '\0';
		world_say(&world, texts[i], NULL);
		ck_assert_str_eq(desk.bound, "123456 alice");
		ck_has(world.text, "您现在是 小店助手 的管理员");
		ck_assert_str_eq(world.way, "command");
	}
	desk.bind_status = QG_DENIED;
	world_say(&world, texts[0], NULL);
	ck_has(world.text, "不对或已过期");
	desk.bind_status = QG_AWAY;
	world_say(&world, texts[0], NULL);
	ck_assert_int_eq(world.status, QG_AWAY);
	ck_assert_uint_eq(json_array_size(world.history), 0);
}
END_TEST

START_TEST(what_is_no_code_asks_nobody)
{
	static const char *const texts[] = {
		"/绑定", "/绑定 12345", "/绑定 1234567", "/绑定 12345x", "/bind 一二三四五六"};
	world.group = false;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		world_say(&world, texts[i], NULL);
		ck_has(world.text, "不对或已过期");
	}
	world.group = true;
	world_say(&world, "/绑定 123456", NULL);
	ck_has(world.text, "不要发在群里");
	ck_lacks(world.text, "123456");
	ck_assert_str_eq(desk.bound, "");
	world_say(&world, "/help2", NULL);
	ck_assert_str_ne(world.way, "command");
}
END_TEST

static void finished(
	void *arg, enum qg_status status, struct qg_turn_result *result, const char *words)
{
	ck_abort_msg("finished() after a cancel");
}

static void stop_when_open(void *arg)
{
	if (desk.open != NULL) {
		qg_loop_stop(world.loop);
	}
}

START_TEST(a_turn_may_be_cancelled_at_the_desk)
{
	static const char *const texts[] = {"/usage", "/绑定 123456", QUESTION};
	static const struct qg_turn_host host = {NULL, finished};
	add("a", 2, 1000, good);
	desk.silent = true;
	struct qg_message *message = qg_message_create();
	message->id = strdup("1");
	message->chat = strdup("web");
	message->sender = strdup("alice");
	message->text = strdup(texts[_i]);
	message->chat_type = QG_CHAT_DIRECT;
	struct qg_turn_request request = {.loop = world.loop,
		.config = world.config,
		.bot = world.bot,
		.role = world.role,
		.desk = world.desk,
		.endpoints = world.endpoints,
		.messages = &message,
		.count = 1};
	struct qg_turn *turn = qg_turn_start(&request, &host, NULL);
	struct qg_timer *timer = qg_timer_create(world.loop, stop_when_open, NULL);
	qg_timer_repeat(timer, 1);
	qg_loop_run(world.loop);
	qg_timer_destroy(timer);
	ck_assert_ptr_nonnull(desk.open);
	qg_turn_cancel(turn);
	ck_assert_uint_eq(desk.forgotten, 1);
	qg_message_destroy(message);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("turn_desk");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, the_footnote_holds_the_whole_line);
	tcase_add_test(all, what_no_model_said_has_none);
	tcase_add_test(all, all_calls_of_a_turn_are_summed_up);
	tcase_add_test(all, an_estimate_says_so);
	tcase_add_test(all, an_answer_without_a_model_is_saved);
	tcase_add_test(all, a_repeated_turn_saves_under_one_id);
	tcase_add_test(all, simpler_answers_are_announced_once_a_day);
	tcase_add_test(all, what_a_stand_in_misses_hands_nobody_over);
	tcase_add_test(all, stop_says_so_once_a_day_and_then_nothing);
	tcase_add_loop_test(all, a_stale_turn_and_one_without_redis_end, 0, 2);
	tcase_add_test(all, who_waits_long_hears_something);
	tcase_add_test(all, everybody_sees_his_own_usage);
	tcase_add_test(all, admins_see_the_group_s_and_the_bot_s);
	tcase_add_test(all, a_closed_group_hears_one_line_a_day);
	tcase_add_test(all, an_admin_opens_and_closes_a_group);
	tcase_add_loop_test(all, what_the_config_opened_no_command_closes, 0, 3);
	tcase_add_test(all, a_code_binds_in_a_direct_chat);
	tcase_add_test(all, what_is_no_code_asks_nobody);
	tcase_add_loop_test(all, a_turn_may_be_cancelled_at_the_desk, 0, 3);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
