/* test_roles.c - a worker with the restaurant's own role: what people ask becomes what they read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "qg/clock.h"
#include "qg/str.h"

static char script_path[64];
static struct qg_model_config model;
static char *model_names[] = {"scripted"};

static void write_script(const char *text)
{
	snprintf(script_path, sizeof(script_path), "%s/script.yaml", qg_test_redis_dir(server));
	FILE *file = fopen(script_path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	model = (struct qg_model_config){
		.name = "scripted", .provider = "scripted", .script = script_path};
}

/* The restaurant, open at those hours; the script's model where there is one. */
static struct qg_bot_config restaurant(const char *fingerprint, const char *hours)
{
	struct qg_bot_config bot = a_bot(BOT, fingerprint);
	bot.answers = json_pack(
		"{s:s, s:s, s:s}", "shop_name", "小满餐厅", "phone", "021-5555", "hours", hours);
	bot.duty = json_array();
	bot.people = json_object();
	if (script_path[0] != '\0') {
		bot.models = (struct qg_strings){.items = model_names, .count = 1};
	}
	return bot;
}

static void forget(struct qg_bot_config *bot)
{
	json_decref(bot->answers);
	json_decref(bot->duty);
	json_decref(bot->people);
}

static void begin(struct qg_bot_config *bot)
{
	setenv("QUNGONG_TEMPLATES", QG_TEMPLATES, 1);
	config_bots(bot, NULL);
	node_start(&ann, "ann");
	ann.core.config->models = &model;
	ann.core.config->model_count = script_path[0] != '\0' ? 1 : 0;
}

/* The next answer in the chat holds this. */
static void expect_answer(int64_t place, const char *part)
{
	char index[16];
	snprintf(index, sizeof(index), "%lld", (long long)place - 1);
	wait_replies("c1", place);
	struct qg_reply *reply = reply_at("c1", index);
	ck_assert_msg(strstr(reply->text, part) != NULL, "'%s' has no '%s'", reply->text, part);
	qg_reply_destroy(reply);
}

static bool has_one_role(void *arg)
{
	const struct qg_worker *worker = ((struct node *)arg)->worker;
	const struct bot_role *bot = roles_find((struct qg_worker *)worker, BOT);
	return bot != NULL && bot->role != NULL && !bot->opening;
}

START_TEST(the_handbook_answers)
{
	struct qg_bot_config bot = restaurant("1", "九点到廿一点");
	begin(&bot);
	store(BOT, "c1", "m1", "几点开门");
	expect_answer(1, "九点到廿一点");
	struct qg_reply *reply = reply_at("c1", "0");
	ck_assert_ptr_null(reply->label); /* no model spoke */
	ck_assert_str_eq(reply->usage.cost, "{\"CNY\":0}");
	ck_assert_str_eq(json_string_value(json_array_get(reply->answers, 0)), "m1");
	qg_reply_destroy(reply);
	forget(&bot);
}
END_TEST

START_TEST(a_model_answers_in_drafts_and_whole)
{
	write_script("- {match: '*', text: 甲乙丙丁, chunks: 2, delay_ms: 100}\n");
	struct qg_bot_config bot = restaurant("1", "九点");
	begin(&bot);
	store(BOT, "c1", "m1", "写一首关于月亮的诗");
	expect_answer(1, "甲乙丙丁");
	struct qg_reply *reply = reply_at("c1", "0");
	ck_assert_str_eq(reply->label, "AI 生成");
	ck_assert_int_gt(reply->first_at, 0);
	ck_assert_int_ge(reply->first_at, reply->stored_at);
	qg_reply_destroy(reply);
	ck_assert_int_eq(ask_int("LLEN", "h:" BOT "/c1", NULL), 2);
	forget(&bot);
}
END_TEST

START_TEST(a_model_that_fails_is_excused_and_asked_again)
{
	write_script("- {match: '*', text: 好了, fail: {error: error, times: 1}}\n");
	struct qg_bot_config bot = restaurant("1", "九点");
	clock_stop();
	begin(&bot);
	store(BOT, "c1", "m1", "写一首关于月亮的诗");
	expect_answer(1, "抱歉");
	clock_move(2000, 0);
	expect_answer(2, "好了");
	forget(&bot);
}
END_TEST

START_TEST(a_turn_that_hangs_is_given_back)
{
	write_script("- {match: '*', text: 甲乙丙丁, chunks: 2, delay_ms: 60000}\n");
	struct qg_bot_config bot = restaurant("1", "九点");
	begin(&bot);
	wait_until(has_one_role, &ann);
	store(BOT, "c1", "m1", "写一首关于月亮的诗");
	while (ask_int("EXISTS", "open", NULL) == 0) { /* its first words are shown */
		run_looks();
	}
	node_drain(&ann, 1050);
	ck_assert_int_eq(ask_int("SCARD", "pend", NULL), 0);
	char *state = ask_text("HGET", "c:" BOT "/c1", "state", NULL);
	ck_assert_str_eq(state, "R");
	free(state);
	node_crash(&ann);
	write_script("- {match: '*', text: 这次好了}\n");
	node_start(&ben, "ben");
	ben.core.config->models = &model;
	ben.core.config->model_count = 1;
	expect_answer(1, "这次好了");
	forget(&bot);
}
END_TEST

START_TEST(a_reload_brings_a_new_role)
{
	struct qg_bot_config before = restaurant("1", "九点"), after = restaurant("2", "十点");
	begin(&before);
	store(BOT, "c1", "m1", "几点开门");
	expect_answer(1, "九点");
	config_bots(&after, NULL);
	node_reload(&ann);
	store(BOT, "c1", "m2", "几点开门"); /* the former role answers, or the new one */
	wait_replies("c1", 2);
	wait_until(has_one_role, &ann);
	store(BOT, "c1", "m3", "几点开门");
	expect_answer(3, "十点");
	forget(&before);
	forget(&after);
}
END_TEST

START_TEST(a_template_that_is_missing_leaves_the_former_role)
{
	struct qg_bot_config before = restaurant("1", "九点"), after = restaurant("2", "十点");
	after.template_id = "no-such-role";
	begin(&before);
	wait_until(has_one_role, &ann);
	config_bots(&after, NULL);
	node_reload(&ann);
	run_looks();
	wait_until(has_one_role, &ann);
	store(BOT, "c1", "m1", "几点开门");
	expect_answer(1, "九点");
	forget(&before);
	forget(&after);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("roles");
	TCase *tcase = tcase_create("roles");
	fixture_add(tcase);
	tcase_add_test(tcase, the_handbook_answers);
	tcase_add_test(tcase, a_model_answers_in_drafts_and_whole);
	tcase_add_test(tcase, a_model_that_fails_is_excused_and_asked_again);
	tcase_add_test(tcase, a_turn_that_hangs_is_given_back);
	tcase_add_test(tcase, a_reload_brings_a_new_role);
	tcase_add_test(tcase, a_template_that_is_missing_leaves_the_former_role);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
