/* test_outbound.c - replies leave in order, in parts, once, and those that cannot leave do not stop the others. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

static void begin(void)
{
	node_start(&ann, "ann");
	wait_owner(&ann);
}

static bool is_empty(void *arg)
{
	return ask_int("EXISTS", "w:" BOT, NULL) == 0;
}

static void wait_empty(void)
{
	wait_until(is_empty, NULL);
}

static bool is_idle(void *arg)
{
	const struct bot *bot = bots_find(((struct node *)arg)->gateway, BOT);
	return qg_list_is_empty(&bot->sendings) && !bot->looking;
}

static void expect_send(size_t index, const char *chat, char id, unsigned part, bool repeated)
{
	const struct send *send = &platform.sends[index];
	ck_assert_str_eq(send->chat, chat);
	ck_assert_int_eq(send->id[0], id);
	ck_assert_uint_eq(send->part, part);
	ck_assert_int_eq(send->repeated, repeated);
}

START_TEST(one_reply_a_chat_is_under_way)
{
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "one");
	put_reply("c1", 'b', "two");
	put_reply("c2", 'c', "three");
	wait_sends(2);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 2);
	expect_send(0, "c1", 'a', 0, false);
	expect_send(1, "c2", 'c', 0, false);
	send_end(0, QG_OK, 0);
	wait_sends(3);
	expect_send(2, "c1", 'b', 0, false);
	send_end(1, QG_OK, 0);
	send_end(2, QG_OK, 0);
	wait_empty();
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->sent), 3);
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->repeated), 0);
}
END_TEST

START_TEST(many_replies_keep_their_order)
{
	static const char ids[] = "0123456789abcdef";
	enum { COUNT = sizeof(ids) - 1 };
	begin();
	for (size_t i = 0; i < COUNT; i++) {
		put_reply("c1", ids[i], "hi");
	}
	wait_sends(COUNT);
	wait_empty();
	for (size_t i = 0; i < COUNT; i++) {
		expect_send(i, "c1", ids[i], 0, false);
	}
}
END_TEST

START_TEST(a_long_reply_leaves_in_parts)
{
	char whole[3 * PART_BYTES] = "", text[2 * PART_BYTES + 20];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[40] = '\n';
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', text);
	wait_sends(1);
	ck_assert_int_eq(ask_int("HGET", "q:" BOT ":c1", "started", NULL), 1);
	char *parts = ask_text("HGET", "q:" BOT ":c1", "parts", NULL);
	ck_assert_ptr_nonnull(parts); /* before the first call */
	free(parts);
	for (unsigned i = 0; i < 3; i++) {
		wait_sends(i + 1);
		expect_send(i, "c1", 'a', i, false);
		ck_assert_uint_le(strlen(platform.sends[i].text), PART_BYTES);
		strncat(whole, platform.sends[i].text, PART_BYTES);
		send_end(i, QG_OK, 0);
	}
	wait_empty();
	ck_assert_str_eq(whole, text);
	ck_assert_int_eq(ask_int("EXISTS", "q:" BOT ":c1", NULL), 0);
}
END_TEST

START_TEST(a_failed_send_waits_its_time)
{
	begin();
	clock_stop();
	platform.keeps = true;
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	send_end(0, QG_TIMEOUT, 0);
	wait_until(is_idle, &ann);
	clock_move(999, 0);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 1);
	clock_move(1, 0);
	wait_sends(2);
	send_end(1, QG_BUSY, 7000); /* the platform says how long */
	wait_until(is_idle, &ann);
	clock_move(6999, 0);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 2);
	clock_move(1, 0);
	wait_sends(3);
	ck_assert_uint_eq(platform.sends[2].reply->attempts, 2);
	send_end(2, QG_OK, 0);
	wait_empty();
}
END_TEST

START_TEST(a_clock_set_back_delays_no_retry)
{
	begin();
	clock_stop();
	platform.keeps = true;
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	send_end(0, QG_TIMEOUT, 0);
	wait_until(is_idle, &ann);
	clock_move(-3600000, 0);
	wait_sends(2);
	send_end(1, QG_OK, 0);
	wait_empty();
}
END_TEST

START_TEST(what_never_lands_becomes_a_dead_letter)
{
	enum { TRIES = 13 };
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "never");
	put_reply("c1", 'b', "next");
	for (size_t i = 0; i < TRIES; i++) {
		wait_sends(i + 1);
		ck_assert_int_eq(platform.sends[i].id[0], 'a');
		send_end(i, QG_FAILED, 1);
	}
	wait_sends(TRIES + 1);
	expect_send(TRIES, "c1", 'b', 0, false);
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
	ck_assert_int_eq(qg_metric_value(bot_at(&ann)->buried), 1);
	send_end(TRIES, QG_INVALID, 0); /* hopeless at once */
	wait_empty();
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 2);
}
END_TEST

START_TEST(a_send_that_was_cut_short_is_tried_again)
{
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	send_end(0, QG_CANCELLED, 1);
	wait_sends(2);
	send_end(1, QG_OK, 0);
	wait_empty();
	ck_assert_int_eq(ask_int("EXISTS", "dead", NULL), 0);
}
END_TEST

START_TEST(what_is_no_reply_is_buried)
{
	begin();
	qg_test_redis_do(server, "RPUSH", "qg:{0}:o:" BOT ":c1",
		"0123456789abcdef0123456789abcdef\nrubbish", NULL);
	put_reply("c1", 'b', "next");
	wait_sends(1);
	expect_send(0, "c1", 'b', 0, false);
	wait_empty();
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
}
END_TEST

START_TEST(a_new_owner_repeats_what_was_begun)
{
	char text[2 * PART_BYTES];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', text);
	wait_sends(1);
	send_end(0, QG_OK, 0);
	wait_sends(2); /* its second part, without an outcome */
	node_crash(&ann);
	dead_process = "ann";
	node_start(&ben, "ben");
	wait_sends(3);
	expect_send(2, "c1", 'a', 1, true);
	ck_assert_str_eq(platform.sends[2].text, platform.sends[1].text);
	ck_assert_int_eq(qg_metric_value(bot_at(&ben)->repeated), 1);
	send_end(2, QG_OK, 0);
	wait_empty();
}
END_TEST

START_TEST(an_older_epoch_sends_nothing_more)
{
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "one");
	put_reply("c1", 'b', "two");
	wait_sends(1);
	qg_test_redis_do(server, "HSET", "qg:{0}:epoch", BOT, "99", NULL);
	send_end(0, QG_OK, 0); /* cannot be noted: the new owner repeats it */
	wait_until(is_idle, &ann);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 1);
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":c1", NULL), 2);
}
END_TEST

START_TEST(a_landed_send_is_noted_when_redis_is_back)
{
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "one");
	put_reply("c1", 'b', "two");
	wait_sends(1);
	qg_test_redis_kill(server);
	send_end(0, QG_OK, 0);
	run_looks();
	qg_test_redis_restart(server);
	wait_sends(2);
	expect_send(1, "c1", 'b', 0, false);
	send_end(1, QG_OK, 0);
	wait_empty();
}
END_TEST

START_TEST(a_step_that_redis_refused_is_sent_again)
{
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "one");
	wait_sends(1);
	/* writes are refused while the connection stands */
	qg_test_redis_do(server, "CONFIG", "SET", "min-replicas-to-write", "1", NULL);
	send_end(0, QG_OK, 0);
	run_looks();
	ck_assert(!is_idle(&ann));
	qg_test_redis_do(server, "CONFIG", "SET", "min-replicas-to-write", "0", NULL);
	wait_empty();
	ck_assert_uint_eq(platform.send_count, 1);
}
END_TEST

START_TEST(a_successor_waits_for_what_is_under_way)
{
	struct qg_bot_config changed = a_bot(BOT, "push", "2");
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "one");
	wait_sends(1);
	config_bot(&changed);
	node_reload(&ann);
	wait_owner(&ann);
	put_reply("c1", 'b', "two");
	put_reply("c2", 'c', "three");
	wait_sends(2);
	expect_send(1, "c2", 'c', 0, false);
	ck_assert_ptr_ne(platform.sends[1].bot, platform.sends[0].bot);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 2);
	send_end(0, QG_OK, 0); /* by the former, which lives until here */
	wait_sends(3);
	expect_send(2, "c1", 'b', 0, false);
	ck_assert_ptr_eq(platform.sends[2].bot, platform.sends[1].bot);
	ck_assert_uint_eq(platform.finishes, 1);
	send_end(1, QG_OK, 0);
	send_end(2, QG_OK, 0);
	wait_empty();
}
END_TEST

START_TEST(a_former_bot_leaves_its_other_parts_to_its_successor)
{
	struct qg_bot_config changed = a_bot(BOT, "push", "2");
	char text[2 * PART_BYTES];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', text);
	wait_sends(1);
	config_bot(&changed);
	node_reload(&ann);
	wait_owner(&ann);
	send_end(0, QG_OK, 0);
	wait_sends(2);
	ck_assert_uint_eq(platform.sends[1].part, 1);
	ck_assert_ptr_ne(platform.sends[1].bot, platform.sends[0].bot);
	send_end(1, QG_OK, 0);
	wait_empty();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outbound");
	TCase *tcase = tcase_create("outbound");
	fixture_add(tcase);
	tcase_add_test(tcase, one_reply_a_chat_is_under_way);
	tcase_add_test(tcase, many_replies_keep_their_order);
	tcase_add_test(tcase, a_long_reply_leaves_in_parts);
	tcase_add_test(tcase, a_failed_send_waits_its_time);
	tcase_add_test(tcase, a_clock_set_back_delays_no_retry);
	tcase_add_test(tcase, what_never_lands_becomes_a_dead_letter);
	tcase_add_test(tcase, a_send_that_was_cut_short_is_tried_again);
	tcase_add_test(tcase, what_is_no_reply_is_buried);
	tcase_add_test(tcase, a_new_owner_repeats_what_was_begun);
	tcase_add_test(tcase, an_older_epoch_sends_nothing_more);
	tcase_add_test(tcase, a_landed_send_is_noted_when_redis_is_back);
	tcase_add_test(tcase, a_step_that_redis_refused_is_sent_again);
	tcase_add_test(tcase, a_successor_waits_for_what_is_under_way);
	tcase_add_test(tcase, a_former_bot_leaves_its_other_parts_to_its_successor);
	suite_add_tcase(suite, tcase);
	redis_keeps_all = true;
	return fixture_run(suite);
}
