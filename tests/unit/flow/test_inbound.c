/* test_inbound.c - what a platform is told of its message, and what is stored in which order. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

static struct answer answers[HELD_MOST + 1];

static void begin(const char *platform_name)
{
	struct qg_bot_config bot = a_bot(BOT, platform_name, "1");
	config_bot(&bot);
	node_start(&ann, "ann");
	wait_owner(&ann);
}

static void hear_number(unsigned number)
{
	char id[16];
	snprintf(id, sizeof(id), "m%u", number);
	hear(&ann, &(struct say){.id = id}, &answers[number]);
}

static enum qg_status answer_of(const struct say *say)
{
	static struct answer answer;
	hear(&ann, say, &answer);
	wait_answer(&answer);
	return answer.status;
}

/* The mailbox of chat c1 holds m<first>... and no more. */
static void expect_mailbox(unsigned first, unsigned count)
{
	ck_assert_int_eq(ask_int("LLEN", "m:" BOT "/c1", NULL), count);
	for (unsigned i = 0; i < count; i++) {
		char index[16], id[16];
		snprintf(index, sizeof(index), "%u", i);
		snprintf(id, sizeof(id), "\tm%u\t", first + i);
		char *wire = ask_text("LINDEX", "m:" BOT "/c1", index, NULL);
		ck_assert_msg(strstr(wire, id) != NULL, "%u is not %s", i, id);
		free(wire);
	}
}

static bool is_away(void *arg)
{
	return !((struct node *)arg)->core.redis_up;
}

static bool is_there(void *arg)
{
	return ((struct node *)arg)->core.redis_up;
}

static void kill_redis(void)
{
	qg_test_redis_kill(server);
	wait_until(is_away, &ann);
}

static void revive_redis(void)
{
	qg_test_redis_restart(server);
	wait_until(is_there, &ann);
}

START_TEST(a_message_is_stored_once)
{
	begin("push");
	ck_assert_int_eq(answer_of(&(struct say){.id = "m1"}), QG_OK);
	ck_assert_int_eq(answer_of(&(struct say){.id = "m1"}), QG_DUPLICATE);
	expect_mailbox(1, 1);
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->received), 1);
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->duplicates), 1);
	ck_assert_uint_eq(bot_at(&ann)->held, 0);
	ck_assert_uint_eq(bot_at(&ann)->held_bytes, 0);
}
END_TEST

START_TEST(a_full_mailbox_refuses_once)
{
	begin("push");
	for (unsigned i = 0; i < 202; i++) {
		hear_number(i);
	}
	wait_answer(&answers[201]);
	for (unsigned i = 0; i < 202; i++) {
		ck_assert_int_eq(answers[i].status, i < 200 ? QG_OK : QG_FULL);
	}
	expect_mailbox(0, 200);
	wait_sends(1);
	ck_assert_str_eq(platform.sends[0].text, "full");
	run_looks();
	ck_assert_uint_eq(platform.send_count, 1);
}
END_TEST

START_TEST(the_trigger_selects)
{
	struct qg_bot_config bot = a_bot(BOT, "push", "1");
	char *words[] = {"发票", "ＶＩＰ"};
	bot.trigger = QG_TRIGGER_KEYWORDS;
	bot.keywords = (struct qg_strings){.items = words, .count = 2};
	config_bot(&bot);
	node_start(&ann, "ann");
	wait_owner(&ann);
	ck_assert_int_eq(answer_of(&(struct say){.id = "a", .text = "早"}), QG_EMPTY);
	ck_assert_int_eq(ask_int("EXISTS", "m:" BOT "/c1", NULL), 0);
	ck_assert_int_eq(answer_of(&(struct say){.id = "a", .text = "早"}), QG_EMPTY);
	ck_assert_int_eq(answer_of(&(struct say){.id = "b", .text = "开发票"}), QG_OK);
	ck_assert_int_eq(answer_of(&(struct say){.id = "c", .text = "vip 吗"}), QG_OK);
	ck_assert_int_eq(answer_of(&(struct say){.id = "d", .mentions = true}), QG_OK);
	ck_assert_int_eq(answer_of(&(struct say){.id = "e", .direct = true}), QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "m:" BOT "/c1", NULL), 4);
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->unselected), 1);
}
END_TEST

START_TEST(a_mention_is_demanded_where_the_config_says_so)
{
	struct qg_bot_config bot = a_bot(BOT, "push", "1");
	bot.trigger = QG_TRIGGER_MENTION;
	config_bot(&bot);
	node_start(&ann, "ann");
	wait_owner(&ann);
	ck_assert_int_eq(answer_of(&(struct say){.id = "a"}), QG_EMPTY);
	ck_assert_int_eq(answer_of(&(struct say){.id = "b", .mentions = true}), QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "m:" BOT "/c1", NULL), 1);
}
END_TEST

START_TEST(a_bot_of_the_same_account_answers_where_it_is_listed)
{
	static char *groups[] = {"g1"};
	struct qg_bot_config both[] = {a_bot("desk", "mail", "1"), a_bot(BOT, "mail", "1")};
	both[0].chats = (struct qg_strings){groups, 1};
	platform.account = "app";
	config_bots(both, 2);
	node_start(&ann, "ann");
	wait_owner(&ann);
	ck_assert_int_eq(answer_of(&(struct say){.id = "a", .chat = "g1"}), QG_OK);
	ck_assert_int_eq(answer_of(&(struct say){.id = "b", .chat = "g2"}), QG_OK);
	ck_assert_int_eq(answer_of(&(struct say){.id = "c", .chat = "li", .direct = true}), QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "m:desk/g1", NULL), 1);
	ck_assert_int_eq(ask_int("LLEN", "m:" BOT "/g2", NULL), 1);
	ck_assert_int_eq(ask_int("LLEN", "m:" BOT "/li", NULL), 1);
	ck_assert_int_eq(ask_int("EXISTS", "m:" BOT "/g1", NULL), 0);
	ck_assert_uint_eq(bot_at(&ann)->pins, 0);
	ck_assert_uint_eq(bots_find(ann.gateway, "desk")->held, 0);
}
END_TEST

START_TEST(a_bot_stays_while_another_has_what_it_heard)
{
	static char *groups[] = {"g1"};
	struct qg_bot_config both[] = {a_bot("desk", "mail", "1"), a_bot(BOT, "mail", "1")};
	both[0].chats = (struct qg_strings){groups, 1};
	platform.account = "app";
	config_bots(both, 2);
	node_start(&ann, "ann");
	wait_owner(&ann);
	kill_redis();
	hear(&ann, &(struct say){.id = "a", .chat = "g1"}, &answers[0]);
	config_bots(both, 1);
	node_reload(&ann);
	run_looks();
	ck_assert_uint_eq(platform.finishes, 0); /* its platform waits for the answer */
	revive_redis();
	wait_answer(&answers[0]);
	run_looks();
	ck_assert_uint_eq(platform.finishes, 1);
}
END_TEST

START_TEST(what_a_broken_connection_leaves_open_goes_again_in_order)
{
	begin(_i == 0 ? "push" : "socket");
	for (unsigned i = 0; i < 3; i++) {
		hear_number(i);
	}
	wait_answer(&answers[2]);
	qg_test_redis_pause(server);
	for (unsigned i = 3; i < 6; i++) {
		hear_number(i); /* sent, and never answered */
	}
	kill_redis();
	for (unsigned i = 6; i < 9; i++) {
		hear_number(i);
	}
	for (unsigned i = 3; i < 9; i++) {
		ck_assert_uint_eq(answers[i].times, 0);
	}
	revive_redis();
	wait_answer(&answers[8]);
	for (unsigned i = 0; i < 9; i++) {
		ck_assert_uint_eq(answers[i].times, 1);
		ck_assert_int_eq(answers[i].status, QG_OK);
	}
	expect_mailbox(0, 9);
}
END_TEST

START_TEST(a_platform_that_redelivers_hears_away_after_two_seconds)
{
	begin("push");
	kill_redis();
	clock_stop();
	for (unsigned i = 0; i < 50; i++) {
		hear_number(i);
	}
	clock_move(0, HOLD_MS - 1);
	hear_number(50);
	run_looks();
	ck_assert_uint_eq(answers[0].times, 0);
	clock_move(0, 1);
	wait_answer(&answers[0]);
	for (unsigned i = 0; i < 50; i++) { /* all in one look */
		ck_assert_uint_eq(answers[i].times, 1);
		ck_assert_int_eq(answers[i].status, QG_AWAY);
	}
	ck_assert_uint_eq(answers[50].times, 0);
	ck_assert_uint_eq(bot_at(&ann)->held, 1);
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->refused), 50);
	revive_redis();
	wait_answer(&answers[50]);
	ck_assert_int_eq(answers[50].status, QG_OK);
	expect_mailbox(50, 1);
	hear_number(0); /* delivered again */
	wait_answer(&answers[0]);
	ck_assert_int_eq(answers[0].status, QG_OK);
}
END_TEST

START_TEST(an_answer_that_came_too_late_is_counted_once)
{
	begin("push");
	clock_stop();
	qg_test_redis_pause(server);
	hear_number(0);
	clock_move(0, HOLD_MS);
	wait_answer(&answers[0]);
	ck_assert_int_eq(answers[0].status, QG_AWAY);
	run_looks();
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->refused), 1);
	qg_test_redis_resume(server);
	hear_number(0);
	wait_answer(&answers[0]);
	ck_assert_int_eq(answers[0].status, QG_DUPLICATE);
	expect_mailbox(0, 1);
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->received), 1);
}
END_TEST

START_TEST(what_never_comes_again_is_held_up_to_a_thousand)
{
	begin("socket");
	kill_redis();
	clock_stop();
	for (unsigned i = 0; i <= HELD_MOST; i++) {
		hear_number(i % HELD_MOST == i ? i : HELD_MOST);
	}
	clock_move(0, 60000);
	wait_answer(&answers[HELD_MOST]);
	ck_assert_int_eq(answers[HELD_MOST].status, QG_BUSY);
	run_looks();
	for (unsigned i = 0; i < HELD_MOST; i++) {
		ck_assert_uint_eq(answers[i].times, 0);
	}
	revive_redis();
	wait_answer(&answers[HELD_MOST - 1]);
	ck_assert_int_eq(answers[0].status, QG_OK);
	ck_assert_int_eq(answers[200].status, QG_FULL);
	expect_mailbox(0, 200);
	ck_assert_uint_eq(bot_at(&ann)->held, 0);
}
END_TEST

START_TEST(held_messages_have_a_ceiling_in_bytes)
{
	enum { BIG = 64 * 1024 };
	static char text[BIG];
	memset(text, 'x', BIG - 1);
	begin("socket");
	kill_redis();
	unsigned most = HELD_BYTES / BIG;
	for (unsigned i = 0; i <= most; i++) {
		char id[16];
		snprintf(id, sizeof(id), "m%u", i);
		hear(&ann, &(struct say){.id = id, .text = text}, &answers[i]);
	}
	wait_answer(&answers[most]);
	ck_assert_int_eq(answers[most].status, QG_BUSY);
	ck_assert_uint_eq(answers[0].times, 0);
	ck_assert_uint_le(bot_at(&ann)->held_bytes, HELD_BYTES);
}
END_TEST

START_TEST(nothing_overtakes_what_found_no_room)
{
	begin("socket");
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "1", NULL);
	hear_number(0);
	run_looks();
	ck_assert_uint_eq(answers[0].times, 0);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "0", NULL);
	hear_number(1);
	wait_answer(&answers[1]);
	ck_assert_int_eq(answers[0].status, QG_OK);
	ck_assert_int_eq(answers[1].status, QG_OK);
	expect_mailbox(0, 2);
}
END_TEST

START_TEST(a_platform_that_redelivers_hears_of_missing_room_at_once)
{
	begin("push");
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "1", NULL);
	ck_assert_int_eq(answer_of(&(struct say){.id = "m0"}), QG_BUSY);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "0", NULL);
	ann.core.refuse = true;
	ck_assert_int_eq(answer_of(&(struct say){.id = "m0"}), QG_BUSY);
	ann.core.refuse = false;
	ck_assert_int_eq(answer_of(&(struct say){.id = "m0"}), QG_OK);
}
END_TEST

START_TEST(what_can_never_be_stored_is_said_to_be_so)
{
	char id[200];
	memset(id, 'a', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	begin(_i == 0 ? "push" : "socket");
	ck_assert_int_eq(answer_of(&(struct say){.id = id}), QG_INVALID);
	ck_assert_int_eq(answer_of(&(struct say){.id = "m1"}), QG_OK);
	expect_mailbox(1, 1);
}
END_TEST

START_TEST(a_removed_bot_ends_when_its_last_message_is_stored)
{
	begin("socket");
	kill_redis();
	hear_number(0);
	config_bot(NULL);
	node_reload(&ann);
	run_looks();
	ck_assert_uint_eq(platform.finishes, 0);
	revive_redis();
	wait_answer(&answers[0]);
	ck_assert_int_eq(answers[0].status, QG_OK);
	run_looks();
	ck_assert_uint_eq(platform.finishes, 1);
	ck_assert(qg_list_is_empty(&ann.gateway->bots));
}
END_TEST

START_TEST(a_removed_bot_ends_when_its_last_message_expires)
{
	begin("push");
	kill_redis();
	clock_stop();
	hear_number(0);
	hear_number(1);
	config_bot(NULL);
	node_reload(&ann);
	clock_move(0, HOLD_MS);
	wait_answer(&answers[1]);
	run_looks();
	ck_assert_uint_eq(platform.finishes, 1);
}
END_TEST

static bool is_drained(void *arg)
{
	return ann.drained;
}

static void drained(void *arg)
{
	ann.drained = true;
}

/* The drain of a process whose Redis went and came back in time. */
START_TEST(a_drain_stores_what_is_held)
{
	struct answer answer;
	begin("socket");
	kill_redis();
	hear(&ann, &(struct say){.id = "m0"}, &answer);
	ann.core.draining = true;
	qg_gateway_drain(ann.gateway, 5000, drained, NULL);
	run_looks();
	ck_assert_uint_eq(answer.times, 0);
	ck_assert_uint_eq(platform.stops, 0); /* its link stays open for the others */
	revive_redis();
	wait_until(is_drained, NULL);
	ck_assert_int_eq(answer.status, QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "m:" BOT "/c1", NULL), 1);
}
END_TEST

START_TEST(a_drain_says_what_it_could_not_store_while_links_are_open)
{
	struct answer answer;
	begin("socket");
	kill_redis();
	hear(&ann, &(struct say){.id = "m0"}, &answer);
	platform.keeps_stop = true;
	ann.core.draining = true;
	qg_gateway_drain(ann.gateway, STOP_MS + 200, drained, NULL);
	wait_answer(&answer);
	ck_assert_int_eq(answer.status, QG_CANCELLED);
	wait_until(is_drained, NULL);
	ck_assert_uint_eq(platform.stops, 1);
}
END_TEST

START_TEST(who_ends_without_redis_says_so_at_once)
{
	struct answer held, late;
	begin("socket");
	kill_redis();
	hear(&ann, &(struct say){.id = "m0"}, &held);
	qg_gateway_give_up(ann.gateway);
	ck_assert_uint_eq(held.times, 1);
	ck_assert_int_eq(held.status, QG_CANCELLED);
	ck_assert_uint_eq(bot_at(&ann)->held, 0);
	hear(&ann, &(struct say){.id = "m1"}, &late);
	revive_redis();
	wait_answer(&late);
	ck_assert_int_eq(late.status, QG_OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inbound");
	TCase *tcase = tcase_create("inbound");
	fixture_add(tcase);
	tcase_add_test(tcase, a_message_is_stored_once);
	tcase_add_test(tcase, a_full_mailbox_refuses_once);
	tcase_add_test(tcase, the_trigger_selects);
	tcase_add_test(tcase, a_mention_is_demanded_where_the_config_says_so);
	tcase_add_test(tcase, a_bot_of_the_same_account_answers_where_it_is_listed);
	tcase_add_test(tcase, a_bot_stays_while_another_has_what_it_heard);
	tcase_add_loop_test(tcase, what_a_broken_connection_leaves_open_goes_again_in_order, 0, 2);
	tcase_add_test(tcase, a_platform_that_redelivers_hears_away_after_two_seconds);
	tcase_add_test(tcase, an_answer_that_came_too_late_is_counted_once);
	tcase_add_test(tcase, what_never_comes_again_is_held_up_to_a_thousand);
	tcase_add_test(tcase, held_messages_have_a_ceiling_in_bytes);
	tcase_add_test(tcase, nothing_overtakes_what_found_no_room);
	tcase_add_test(tcase, a_platform_that_redelivers_hears_of_missing_room_at_once);
	tcase_add_loop_test(tcase, what_can_never_be_stored_is_said_to_be_so, 0, 2);
	tcase_add_test(tcase, a_removed_bot_ends_when_its_last_message_is_stored);
	tcase_add_test(tcase, a_removed_bot_ends_when_its_last_message_expires);
	tcase_add_test(tcase, a_drain_stores_what_is_held);
	tcase_add_test(tcase, a_drain_says_what_it_could_not_store_while_links_are_open);
	tcase_add_test(tcase, who_ends_without_redis_says_so_at_once);
	suite_add_tcase(suite, tcase);
	redis_keeps_all = true;
	return fixture_run(suite);
}
