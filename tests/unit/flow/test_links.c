/* test_links.c - one gateway owns a link, another takes it in time, and nobody sends without being sure. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

#define LEASE "bot:" BOT

static void begin(void)
{
	node_start(&ann, "ann");
	wait_owner(&ann);
}

static bool is_owned(struct node *node)
{
	const struct bot *bot = bots_find(node->gateway, BOT);
	return bot != NULL && bot->link->owned;
}

static bool is_lost(void *arg)
{
	return !is_owned(arg);
}

static bool is_calm(void *arg)
{
	return !bot_at(arg)->looking;
}

static void expect_row(const char *begins)
{
	char *row = ask_text("HGET", "lease", LEASE, NULL);
	ck_assert_msg(
		row != NULL && qg_str_starts_with(row, begins), "%s is not %s...", row, begins);
	free(row);
}

static bool is_opened(void *arg)
{
	const struct bot *bot = bots_find(((struct node *)arg)->gateway, BOT);
	return bot != NULL && bot->ready && bot->link->seen != NULL;
}

START_TEST(one_of_two_sends)
{
	enum { COUNT = 8 };
	begin();
	node_start(&ben, "ben");
	wait_until(is_opened, &ben);
	for (char id = '0'; id < '0' + COUNT; id++) {
		put_reply("c1", id, "hi");
	}
	wait_sends(COUNT);
	run_looks();
	ck_assert_uint_eq(platform.send_count, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		ck_assert_str_eq(platform.sends[i].process, "ann");
		ck_assert_int_eq(platform.sends[i].id[0], '0' + (int)i);
	}
	ck_assert_uint_eq(platform.starts, 1);
	ck_assert(!is_owned(&ben));
	expect_row("ann 1 ");
}
END_TEST

START_TEST(a_silent_owner_loses_its_link_in_time)
{
	begin();
	node_start(&ben, "ben");
	wait_until(is_opened, &ben);
	node_crash(&ann);
	uint64_t crashed = qg_clock_mono();
	put_reply("c1", 'a', "hi");
	wait_owner(&ben);
	uint64_t passed = qg_clock_mono() - crashed;
	/* the last renewal may have been seen a little before the crash */
	ck_assert_uint_ge(passed, qg_clock_scaled(TAKE_MS - LOOK_MS - RENEW_MS));
	ck_assert_uint_eq(bot_at(&ben)->link->epoch, 2);
	wait_sends(1);
	ck_assert_str_eq(platform.sends[0].process, "ben");
	expect_row("ben 2 ");
}
END_TEST

START_TEST(a_renewed_link_is_never_taken)
{
	begin();
	node_start(&ben, "ben");
	wait_until(is_opened, &ben);
	uint64_t until = qg_clock_mono() + 2 * qg_clock_scaled(TAKE_MS);
	while (qg_clock_mono() < until) {
		run_looks();
	}
	ck_assert(is_owned(&ann));
	ck_assert(!is_owned(&ben));
	ck_assert_uint_eq(bot_at(&ann)->link->epoch, 1);
}
END_TEST

/* The machine slept, and with it the owner: whoever wakes first must not take it for dead. */
START_TEST(time_without_looks_proves_nothing)
{
	begin();
	node_start(&ben, "ben");
	wait_until(is_opened, &ben);
	run_looks();
	clock_stop();
	qg_timer_stop(ann.gateway->renew_timer);
	clock_move(0, 2 * qg_clock_scaled(TAKE_MS));
	run_looks();
	ck_assert(is_owned(&ann));
	ck_assert(!is_owned(&ben));
	expect_row("ann 1 ");
}
END_TEST

START_TEST(the_link_of_a_dead_process_is_taken_at_once)
{
	begin();
	node_crash(&ann);
	dead_process = "ann";
	uint64_t began = qg_clock_mono();
	node_start(&ben, "ben");
	wait_owner(&ben);
	ck_assert_uint_lt(qg_clock_mono() - began, qg_clock_scaled(TAKE_MS));
	expect_row("ben 2 ");
}
END_TEST

START_TEST(a_released_link_is_taken_at_once)
{
	begin();
	node_start(&ben, "ben");
	wait_until(is_opened, &ben);
	node_drain(&ann);
	uint64_t began = qg_clock_mono();
	wait_owner(&ben);
	ck_assert_uint_lt(qg_clock_mono() - began, qg_clock_scaled(TAKE_MS));
	expect_row("ben 2 ");
}
END_TEST

START_TEST(what_was_taken_without_an_answer_is_taken_again_at_once)
{
	qg_test_redis_do(server, "HSET", "qg:{0}:lease", LEASE, "ann 7 0 0", NULL);
	uint64_t began = qg_clock_mono();
	begin();
	ck_assert_uint_lt(qg_clock_mono() - began, qg_clock_scaled(TAKE_MS));
	expect_row("ann 8 ");
}
END_TEST

START_TEST(nothing_is_sent_on_an_old_renewal)
{
	begin();
	qg_timer_stop(ann.gateway->renew_timer); /* as if no renewal came through */
	uint64_t until = qg_clock_mono() + qg_clock_scaled(SEND_MS) + 1;
	while (qg_clock_mono() <= until) {
		run_looks();
	}
	ck_assert(is_owned(&ann)); /* nobody took it */
	ck_assert(!link_may_send(bot_at(&ann)->link));
	put_reply("c1", 'a', "hi");
	run_looks();
	ck_assert_uint_eq(platform.send_count, 0);
	/* the bell was not heeded; the renewal that goes through makes up for it */
	uint64_t began = qg_clock_mono();
	links_renew(ann.gateway);
	wait_sends(1);
	ck_assert_uint_lt(qg_clock_mono() - began, CALM_LOOKS * qg_clock_scaled(LOOK_MS) / 2);
}
END_TEST

START_TEST(a_part_is_not_called_when_the_renewal_grew_old_meanwhile)
{
	begin();
	wait_until(is_calm, &ann);
	clock_stop();
	qg_timer_stop(ann.gateway->renew_timer);
	put_silently("c1", 'a', "hi");
	qg_test_redis_pause(server);
	struct bot *bot = bot_at(&ann);
	outbound_look(bot); /* the head comes, and its start goes, too late */
	clock_move(0, qg_clock_scaled(SEND_MS) + 1);
	qg_test_redis_resume(server);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 0);
	ck_assert_int_eq(ask_int("HGET", "q:" BOT ":c1", "started", NULL), 0);
	ck_assert(qg_list_is_empty(&bot->sendings));
	links_renew(ann.gateway);
	wait_sends(1);
}
END_TEST

START_TEST(redis_away_costs_no_link)
{
	begin();
	qg_test_redis_kill(server);
	uint64_t until = qg_clock_mono() + qg_clock_scaled(TAKE_MS) + qg_clock_scaled(SEND_MS);
	while (qg_clock_mono() < until) {
		run_looks();
	}
	ck_assert(is_owned(&ann));
	ck_assert_uint_eq(platform.stops, 0);
	qg_test_redis_restart(server);
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	expect_row("ann 1 ");
}
END_TEST

START_TEST(a_newer_epoch_ends_the_owning)
{
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "hi");
	put_reply("c1", 'b', "hi");
	wait_sends(1);
	qg_test_redis_do(server, "HSET", "qg:{0}:lease", LEASE, "ben 5 0 0", NULL);
	wait_until(is_lost, &ann);
	ck_assert_uint_eq(platform.stops, 1);
	send_end(0, QG_OK, 0);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 1);
	ck_assert(qg_list_is_empty(&bot_at(&ann)->sendings));
	wait_owner(&ann); /* ben never renews */
	ck_assert_uint_eq(bot_at(&ann)->link->epoch, 6);
	wait_sends(2);
	ck_assert(platform.sends[1].repeated);
	ck_assert_uint_eq(platform.starts, 2);
}
END_TEST

START_TEST(who_loses_a_door_goes_on_hearing)
{
	struct answer answer;
	struct qg_bot_config bot = a_bot(BOT, "door", "1");
	config_bot(&bot);
	begin();
	qg_test_redis_do(server, "HSET", "qg:{0}:lease", LEASE, "ben 5 0 0", NULL);
	wait_until(is_lost, &ann);
	ck_assert_uint_eq(platform.stops, 0);
	hear(&ann, &(struct say){.id = "m1"}, &answer);
	wait_answer(&answer);
	ck_assert_int_eq(answer.status, QG_OK);
	wait_owner(&ann);
	put_reply("c1", 'a', "hi");
	wait_sends(1);
}
END_TEST

START_TEST(a_bot_that_comes_back_inherits_the_link_of_its_end)
{
	struct qg_bot_config bot = a_bot(BOT, "push", "1");
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "one");
	put_reply("c1", 'b', "two");
	wait_sends(1);
	config_bot(NULL);
	node_reload(&ann);
	run_looks();
	config_bot(&bot);
	node_reload(&ann);
	wait_owner(&ann);
	ck_assert_uint_eq(bot_at(&ann)->link->epoch, 1);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 1);
	send_end(0, QG_OK, 0);
	wait_sends(2);
	ck_assert_int_eq(platform.sends[1].id[0], 'b');
	ck_assert_uint_eq(platform.finishes, 1);
}
END_TEST

START_TEST(a_removed_bot_releases_its_link)
{
	begin();
	config_bot(NULL);
	node_reload(&ann);
	run_looks();
	expect_row("- 1 ");
	ck_assert(qg_list_is_empty(&ann.gateway->links));
	ck_assert_int_eq(qg_metric_value(ann.gateway->links_owned), 0);
}
END_TEST

START_TEST(a_link_taken_too_late_is_given_away)
{
	qg_test_redis_do(server, "HSET", "qg:{0}:lease", LEASE, "- 3 0 0", NULL);
	node_start(&ann, "ann");
	wait_until(is_opened, &ann);
	/* its take is on the way or done; either way nobody is left with it after a drain */
	node_drain(&ann);
	run_looks();
	expect_row("- ");
}
END_TEST

int main(void)
{
	redis_keeps_all = true;
	Suite *suite = suite_create("links");
	TCase *tcase = tcase_create("links");
	fixture_add(tcase);
	tcase_add_test(tcase, one_of_two_sends);
	tcase_add_test(tcase, a_silent_owner_loses_its_link_in_time);
	tcase_add_test(tcase, a_renewed_link_is_never_taken);
	tcase_add_test(tcase, time_without_looks_proves_nothing);
	tcase_add_test(tcase, the_link_of_a_dead_process_is_taken_at_once);
	tcase_add_test(tcase, a_released_link_is_taken_at_once);
	tcase_add_test(tcase, what_was_taken_without_an_answer_is_taken_again_at_once);
	tcase_add_test(tcase, nothing_is_sent_on_an_old_renewal);
	tcase_add_test(tcase, a_part_is_not_called_when_the_renewal_grew_old_meanwhile);
	tcase_add_test(tcase, redis_away_costs_no_link);
	tcase_add_test(tcase, a_newer_epoch_ends_the_owning);
	tcase_add_test(tcase, who_loses_a_door_goes_on_hearing);
	tcase_add_test(tcase, a_bot_that_comes_back_inherits_the_link_of_its_end);
	tcase_add_test(tcase, a_removed_bot_releases_its_link);
	tcase_add_test(tcase, a_link_taken_too_late_is_given_away);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
