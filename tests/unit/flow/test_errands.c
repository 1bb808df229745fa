/* test_errands.c - what an adapter asks for besides messages is done once, by any gateway, and answered once. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

enum { DAY_S = 24 * 3600 };

static void begin_on(const char *platform_name)
{
	static char *admins[] = {"boss"};
	struct qg_bot_config bot = a_bot(BOT, platform_name, "1");
	bot.admins = (struct qg_strings){admins, 1};
	config_bot(&bot);
	node_start(&ann, "ann");
	wait_owner(&ann);
}

/* desk has the group c9, the other bot of the account takes the rest. */
static void begin_with_two(void)
{
	static char *chats[] = {"c9"};
	struct qg_bot_config both[] = {a_bot("desk", "dial", "1"), a_bot(BOT, "dial", "1")};
	both[0].customer = both[1].customer = (char *)"acme";
	both[0].chats = (struct qg_strings){chats, 1};
	config_bots(both, 2);
	node_start(&ann, "ann");
	wait_owner(&ann);
}

static struct qg_bot *named(const char *name)
{
	struct bot *bot = bots_find(ann.gateway, name);
	ck_assert_ptr_nonnull(bot);
	return &bot->bot;
}

static void answered(void *arg, enum qg_status status)
{
	struct answer *answer = arg;
	answer->times++;
	answer->status = status;
	ck_assert_uint_eq(answer->times, 1);
}

static enum qg_status wait_status(const struct answer *answer)
{
	ck_assert_msg(answer->times == 0, "it was answered from inside");
	wait_answer(answer);
	return answer->status;
}

static enum qg_status greet(struct qg_bot *bot, const char *chat, const char *event)
{
	struct answer answer = {0};
	struct qg_reply *reply = qg_reply_tell(
		bot->name, QG_CHAT_GROUP, chat, event, "greeting", qg_str_copy("你好"), 7);
	bot->host->say(bot, reply, answered, &answer);
	return wait_status(&answer);
}

static enum qg_status withdraw(struct qg_bot *bot, const char *chat, const char *id)
{
	struct answer answer = {0};
	bot->host->withdrawn(bot, chat, id, answered, &answer);
	return wait_status(&answer);
}

static enum qg_status leave(struct qg_bot *bot, const char *chat, const char *event)
{
	struct answer answer = {0};
	bot->host->left(bot, chat, event, answered, &answer);
	return wait_status(&answer);
}

static enum qg_status say_to(struct node *node, const char *id, const char *chat)
{
	struct answer answer;
	hear(node, &(struct say){.id = id, .chat = chat}, &answer);
	return wait_status(&answer);
}

static bool is_empty(void *arg)
{
	return ask_int("EXISTS", "w:" BOT, NULL) == 0;
}

static bool is_up(void *arg)
{
	return ann.core.redis_up;
}

static bool is_away(void *arg)
{
	return !ann.core.redis_up;
}

/* ---- say ---- */

START_TEST(it_is_said_once)
{
	begin_on("push");
	ck_assert_int_eq(greet(named(BOT), "c1", "e1"), QG_OK);
	wait_sends(1);
	ck_assert_str_eq(platform.sends[0].text, "你好");
	ck_assert_int_eq(greet(named(BOT), "c1", "e1"), QG_OK);
	wait_until(is_empty, NULL);
	ck_assert_int_eq(greet(named(BOT), "c1", "e1"), QG_OK);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 1);
	ck_assert_int_eq(greet(named(BOT), "c1", "e2"), QG_OK);
	ck_assert_int_eq(greet(named(BOT), "c2", "e1"), QG_OK);
	wait_sends(3);
}
END_TEST

/* An adapter gives the words and whom they are for. */
START_TEST(the_rest_of_a_reply_is_filled_in)
{
	begin_on("push");
	platform.keeps = true;
	struct qg_reply *reply = qg_reply_create();
	reply->id = qg_str_copy("0123456789abcdef0123456789abcdef");
	reply->chat = qg_str_copy("c1");
	reply->text = qg_str_copy("你好");
	reply->buttons = json_pack("[{s:s, s:s}]", "text", "菜单", "value", "菜单");
	struct answer answer = {0};
	named(BOT)->host->say(named(BOT), reply, answered, &answer);
	ck_assert_int_eq(wait_status(&answer), QG_OK);
	wait_sends(1);
	reply = platform.sends[0].reply;
	ck_assert_str_eq(reply->bot, BOT);
	ck_assert_str_eq(reply->conversation, BOT "/c1");
	ck_assert_str_eq(reply->usage.model, "offline");
	ck_assert_str_eq(reply->usage.cost, "{\"CNY\":0}");
	ck_assert_int_gt(reply->stored_at, 0);
	ck_assert_uint_eq(json_array_size(reply->answers), 0);
	ck_assert_uint_eq(json_array_size(reply->buttons), 1);
	send_end(0, QG_OK, 0);
	wait_until(is_empty, NULL);
}
END_TEST

START_TEST(what_is_no_reply_is_refused)
{
	begin_on("push");
	static const char *const ids[] = {NULL, "short", "0123456789abcdef0123456789abcdef"};
	for (size_t i = 0; i < 3; i++) {
		struct qg_reply *reply = qg_reply_create();
		struct answer answer = {0};
		reply->id = qg_str_copy(ids[i]);
		reply->chat = i < 2 ? qg_str_copy("c1") : NULL;
		reply->text = qg_str_copy("hi");
		named(BOT)->host->say(named(BOT), reply, answered, &answer);
		ck_assert_int_eq(wait_status(&answer), QG_INVALID);
	}
}
END_TEST

START_TEST(whoever_owns_the_bot_sends_it)
{
	begin_on("push");
	node_start(&ben, "ben");
	run_looks();
	ck_assert(!bot_at(&ben)->link->owned);
	ck_assert_int_eq(greet(&bot_at(&ben)->bot, "c1", "e1"), QG_OK);
	wait_sends(1);
	ck_assert_str_eq(platform.sends[0].process, "ann");
}
END_TEST

START_TEST(without_redis_the_platform_tells_again)
{
	begin_on("push");
	qg_test_redis_kill(server);
	wait_until(is_away, NULL);
	ck_assert_int_eq(greet(named(BOT), "c1", "e1"), QG_AWAY);
	ck_assert_int_eq(withdraw(named(BOT), "c1", "m1"), QG_AWAY);
	ck_assert_int_eq(leave(named(BOT), "c1", "e2"), QG_AWAY);
	qg_test_redis_restart(server);
	wait_until(is_up, NULL);
	ck_assert_int_eq(greet(named(BOT), "c1", "e1"), QG_OK);
	wait_sends(1);
}
END_TEST

START_TEST(of_an_account_the_bot_of_that_chat_says_it)
{
	begin_with_two();
	ck_assert_int_eq(greet(named(BOT), "c9", "e1"), QG_EMPTY);
	ck_assert_int_eq(greet(named("desk"), "c9", "e1"), QG_OK);
	ck_assert_int_eq(greet(named("desk"), "c1", "e1"), QG_EMPTY);
	ck_assert_int_eq(greet(named(BOT), "c1", "e1"), QG_OK);
	wait_sends(2);
}
END_TEST

START_TEST(a_chat_it_does_not_serve_hears_nothing)
{
	static char *chats[] = {"c9"};
	struct qg_bot_config bot = a_bot(BOT, "push", "1");
	bot.chats = (struct qg_strings){chats, 1};
	config_bot(&bot);
	node_start(&ann, "ann");
	wait_owner(&ann);
	ck_assert_int_eq(greet(named(BOT), "c1", "e1"), QG_EMPTY);
	ck_assert_int_eq(ask_int("EXISTS", "w:" BOT, NULL), 0);
	ck_assert_int_eq(greet(named(BOT), "c9", "e1"), QG_OK);
	wait_sends(1);
}
END_TEST

/* ---- tell the admins ---- */

static void tell(struct node *node, const char *occasion)
{
	struct qg_bot *bot = &bot_at(node)->bot;
	bot->host->tell_admins(bot, occasion, "quota_near");
}

START_TEST(each_admin_hears_of_an_occasion_once)
{
	begin_on("mail");
	qg_test_redis_do(server, "SADD", "qg:{0}:a:" BOT, "anna", "boss", NULL);
	tell(&ann, "calls 2026-11 80");
	tell(&ann, "calls 2026-11 80");
	wait_sends(2);
	ck_assert_str_eq(platform.sends[0].text, "quota_near");
	ck_assert_str_ne(platform.sends[0].chat, platform.sends[1].chat);
	wait_until(is_empty, NULL);
	char note[80];
	snprintf(note, sizeof(note), "p:" BOT ":%s", platform.sends[0].id);
	ck_assert_int_gt(ask_int("TTL", note, NULL), 31 * DAY_S);
	node_start(&ben, "ben"); /* another process, and one that comes later */
	run_looks();
	tell(&ben, "calls 2026-11 80");
	run_looks();
	ck_assert_uint_eq(platform.send_count, 2);
	tell(&ben, "calls 2026-12 80");
	wait_sends(4);
}
END_TEST

START_TEST(where_a_bot_may_not_write_first_nobody_hears)
{
	begin_on("push");
	tell(&ann, "calls 2026-11 80");
	run_looks();
	ck_assert_uint_eq(platform.send_count, 0);
	ck_assert(qg_list_is_empty(&bot_at(&ann)->errands));
}
END_TEST

START_TEST(who_cannot_be_told_now_is_told_when_redis_is_back)
{
	begin_on("mail");
	qg_test_redis_kill(server);
	wait_until(is_away, NULL);
	for (int i = 0; i < 20; i++) { /* more than are kept */
		char occasion[32];
		snprintf(occasion, sizeof(occasion), "calls %d", i);
		tell(&ann, occasion);
		tell(&ann, occasion);
	}
	run_looks();
	qg_test_redis_restart(server);
	wait_sends(16);
	run_looks();
	ck_assert(qg_list_is_empty(&bot_at(&ann)->errands));
	ck_assert_uint_eq(platform.send_count, 16);
}
END_TEST

START_TEST(a_bot_that_ends_does_not_wait_to_tell)
{
	begin_on("mail");
	qg_test_redis_kill(server);
	wait_until(is_away, NULL);
	tell(&ann, "calls 2026-11 80");
	config_bot(NULL);
	node_reload(&ann);
	run_looks();
	ck_assert_uint_eq(platform.finishes, 1);
	qg_test_redis_restart(server);
	wait_until(is_up, NULL);
}
END_TEST

/* ---- withdrawn ---- */

START_TEST(a_message_that_waits_is_taken_back)
{
	begin_on("push");
	ck_assert_int_eq(say_to(&ann, "m1", "c1"), QG_OK);
	ck_assert_int_eq(say_to(&ann, "m2", "c1"), QG_OK);
	ck_assert_int_eq(withdraw(named(BOT), "c1", "m1"), QG_OK);
	ck_assert_int_eq(withdraw(named(BOT), "c1", "m1"), QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "m:" BOT "/c1", NULL), 1);
	ck_assert_int_eq(ask_int("HGET", "depth", BOT, NULL), 1);
	ck_assert_int_eq(say_to(&ann, "m1", "c1"), QG_EMPTY); /* no answer follows */
	ck_assert_int_eq(withdraw(named(BOT), "c1", "m9"), QG_OK);
	ck_assert_int_eq(say_to(&ann, "m9", "c1"), QG_EMPTY);
	ck_assert_int_eq(ask_int("LLEN", "m:" BOT "/c1", NULL), 1);
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->unselected), 2);
}
END_TEST

/* The app hears of it, which of its bots had the message nobody says. */
START_TEST(whichever_bot_of_the_account_has_it)
{
	begin_with_two();
	ck_assert_int_eq(say_to(&ann, "m1", "c9"), QG_OK);
	ck_assert_int_eq(say_to(&ann, "m2", "c9"), QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "m:desk/c9", NULL), 2);
	ck_assert_int_eq(withdraw(named(BOT), "c9", "m1"), QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "m:desk/c9", NULL), 1);
	ck_assert_int_eq(leave(named(BOT), "c9", "e1"), QG_OK);
	ck_assert_int_eq(ask_int("EXISTS", "m:desk/c9", NULL), 0);
}
END_TEST

START_TEST(what_is_shown_as_open_is_ended_silently)
{
	begin_with_two();
	platform.keeps = true;
	ck_assert_int_eq(say_to(&ann, "m1", "c1"), QG_OK);
	ck_assert_int_eq(withdraw(named(BOT), "c1", "m1"), QG_OK);
	wait_sends(1);
	const struct qg_reply *end = platform.sends[0].reply;
	ck_assert(end->silent);
	ck_assert_str_eq(json_string_value(json_array_get(end->answers, 0)), "m1");
	ck_assert_int_eq(withdraw(named(BOT), "c1", "m1"), QG_OK);
	send_end(0, QG_OK, 0);
	wait_until(is_empty, NULL);
	ck_assert_uint_eq(platform.send_count, 1);
}
END_TEST

/* What cannot be read has no handle to be ended; it goes all the same. */
START_TEST(a_damaged_message_is_taken_back_too)
{
	begin_with_two();
	ck_assert_int_eq(say_to(&ann, "m1", "c1"), QG_OK);
	qg_test_redis_do(server, "LSET", "qg:{0}:m:" BOT "/c1", "0", "1\t0\tm1\tli\t\t1\n{", NULL);
	ck_assert_int_eq(withdraw(named(BOT), "c1", "m1"), QG_OK);
	ck_assert_int_eq(ask_int("EXISTS", "m:" BOT "/c1", NULL), 0);
	ck_assert_uint_eq(platform.send_count, 0);
}
END_TEST

/* ---- left ---- */

START_TEST(a_chat_that_was_left_is_forgotten_once)
{
	begin_on("push");
	platform.keeps = true;
	ck_assert_int_eq(say_to(&ann, "m1", "c1"), QG_OK);
	put_reply("c1", 'a', "one");
	put_reply("c1", 'b', "two");
	wait_sends(1);
	ck_assert_int_eq(leave(named(BOT), "c1", "e1"), QG_OK);
	ck_assert_int_eq(ask_int("EXISTS", "m:" BOT "/c1", NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "o:" BOT ":c1", NULL), 0);
	send_end(0, QG_NOT_FOUND, 0); /* of what was on its way */
	run_looks();
	ck_assert_uint_eq(platform.send_count, 1);
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 0);
	ck_assert_int_eq(say_to(&ann, "m2", "c1"), QG_OK); /* back again */
	put_reply("c1", 'c', "three");
	wait_sends(2);
	ck_assert_int_eq(leave(named(BOT), "c1", "e1"), QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "m:" BOT "/c1", NULL), 1);
	send_end(1, QG_OK, 0);
	wait_until(is_empty, NULL);
}
END_TEST

/* ---- ends ---- */

static struct answer late[4];

static void ask_all(struct qg_bot *bot)
{
	memset(late, 0, sizeof(late));
	bot->host->say(bot,
		qg_reply_tell(
			bot->name, QG_CHAT_GROUP, "c1", "e", "greeting", qg_str_copy("hi"), 7),
		answered, &late[0]);
	bot->host->withdrawn(bot, "c1", "m1", answered, &late[1]);
	bot->host->left(bot, "c1", "e1", answered, &late[2]);
	bot->host->say(bot, /* which is not for it to say */
		qg_reply_tell(
			bot->name, QG_CHAT_GROUP, "c9", "e", "greeting", qg_str_copy("hi"), 7),
		answered, &late[3]);
	bot->host->tell_admins(bot, "calls 2026-11 80", "quota_near");
}

START_TEST(at_the_end_all_are_answered)
{
	begin_with_two();
	ask_all(named(BOT));
	node_crash(&ann);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(late[i].times, 1);
		ck_assert_int_eq(late[i].status, QG_CANCELLED);
	}
}
END_TEST

static bool have_finished(void *arg)
{
	return platform.finishes > 0;
}

START_TEST(a_bot_that_goes_hears_before)
{
	begin_with_two();
	struct qg_bot *bot = named(BOT);
	struct qg_bot_config desk = a_bot("desk", "dial", "1");
	desk.customer = (char *)"acme";
	config_bot(&desk);
	node_reload(&ann);
	ask_all(bot); /* while it ends */
	wait_until(have_finished, NULL);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(late[i].times, 1);
	}
	ck_assert_int_eq(late[2].status, QG_OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("errands");
	TCase *tcase = tcase_create("errands");
	fixture_add(tcase);
	tcase_add_test(tcase, it_is_said_once);
	tcase_add_test(tcase, the_rest_of_a_reply_is_filled_in);
	tcase_add_test(tcase, what_is_no_reply_is_refused);
	tcase_add_test(tcase, whoever_owns_the_bot_sends_it);
	tcase_add_test(tcase, without_redis_the_platform_tells_again);
	tcase_add_test(tcase, of_an_account_the_bot_of_that_chat_says_it);
	tcase_add_test(tcase, a_chat_it_does_not_serve_hears_nothing);
	tcase_add_test(tcase, each_admin_hears_of_an_occasion_once);
	tcase_add_test(tcase, where_a_bot_may_not_write_first_nobody_hears);
	tcase_add_test(tcase, who_cannot_be_told_now_is_told_when_redis_is_back);
	tcase_add_test(tcase, a_bot_that_ends_does_not_wait_to_tell);
	tcase_add_test(tcase, a_message_that_waits_is_taken_back);
	tcase_add_test(tcase, whichever_bot_of_the_account_has_it);
	tcase_add_test(tcase, what_is_shown_as_open_is_ended_silently);
	tcase_add_test(tcase, a_damaged_message_is_taken_back_too);
	tcase_add_test(tcase, a_chat_that_was_left_is_forgotten_once);
	tcase_add_test(tcase, at_the_end_all_are_answered);
	tcase_add_test(tcase, a_bot_that_goes_hears_before);
	suite_add_tcase(suite, tcase);
	redis_keeps_all = true;
	return fixture_run(suite);
}
