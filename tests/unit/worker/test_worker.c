/* test_worker.c - who may begin a turn: fair among bots, alone where a crash is feared, nobody in a drain. */
#include "told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

static void store_many(const char *bot, const char *chats, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char chat[32], id[32];
		snprintf(chat, sizeof(chat), "%s%u", chats, i);
		snprintf(id, sizeof(id), "%s%u", chats, i);
		store(bot, chat, id, "hi");
	}
}

static size_t count_turns_of(const char *bot)
{
	size_t count = 0;
	for (size_t i = 0; i < turn_count; i++) {
		count += qg_str_starts_with(turns[i].conversation, bot) ? 1 : 0;
	}
	return count;
}

static bool answers_all(void *arg)
{
	for (size_t i = 0; i < turn_count; i++) {
		if (turns[i].live) {
			turn_answer(i, "ok");
		}
	}
	return turn_count >= *(size_t *)arg && count_live() == 0;
}

START_TEST(a_busy_bot_gets_half_at_most)
{
	enum { FEW = 400, CHATS = FEW + 50 };
	struct qg_bot_config noisy = a_bot("noisy", "1"), quiet = a_bot("quiet", "1");
	config_bots(&noisy, &quiet, NULL);
	store_many("noisy", "n", CHATS);
	node_start(&ann, "ann");
	ann.worker->slots = FEW;
	wait_turns(FEW / 2);
	run_looks();
	ck_assert_uint_eq(turn_count, FEW / 2);
	store_many("quiet", "q", 3);
	wait_turns(FEW / 2 + 3);
	ck_assert_uint_eq(count_turns_of("quiet"), 3);
	turn_answer(0, "ok");
	run_looks();
	ck_assert_uint_eq(turn_count, FEW / 2 + 3); /* no more than what is free beside them */
	turn_answer(1, "ok");
	wait_turns(FEW / 2 + 4);
	size_t all = CHATS + 3;
	wait_until(answers_all, &all);
	ck_assert_uint_eq(count_turns_of("noisy"), CHATS);
}
END_TEST

START_TEST(no_conversation_waits_for_a_noisy_neighbour)
{
	struct qg_bot_config noisy = a_bot("noisy", "1"), quiet = a_bot("quiet", "1");
	config_bots(&noisy, &quiet, NULL);
	turns_end_alone = true;
	store_many("noisy", "n", 300);
	store_many("quiet", "q", 1);
	node_start(&ann, "ann");
	wait_turns(301);
	size_t place = 0;
	while (!qg_str_starts_with(turns[place].conversation, "quiet")) {
		place++;
	}
	ck_assert_uint_lt(place, PULL_MOST); /* in the first pull, though it came last */
}
END_TEST

START_TEST(two_workers_take_each_conversation_once)
{
	enum { CHATS = 60 };
	turns_end_alone = true;
	node_start(&ann, "ann");
	node_start(&ben, "ben");
	store_many(BOT, "c", CHATS);
	wait_turns(CHATS);
	run_looks();
	ck_assert_uint_eq(turn_count, CHATS);
	ck_assert_int_eq(ask_int("SCARD", "pend", NULL), 0);
}
END_TEST

static bool has_no_jobs(void *arg)
{
	return ((struct node *)arg)->worker->job_count == 0;
}

/* Three turns under a worker that died, and others that wait. */
static void begin_after_a_crash(unsigned others, bool without_roles)
{
	node_start(&ann, "ann");
	store_many(BOT, "bad", 3);
	wait_turns(3);
	node_crash(&ann);
	dead_process = "ann";
	store_many(BOT, "good", others);
	roles_fail = without_roles;
	node_start(&ben, "ben");
}

START_TEST(what_may_have_crashed_runs_alone)
{
	bool given_back = _i == 1; /* then all come with one pull, else they are claimed */
	begin_after_a_crash(given_back ? 0 : 5, given_back);
	if (given_back) {
		struct qg_bot_config bot = a_bot(BOT, "2");
		run_looks();
		wait_until(has_no_jobs, &ben);
		ck_assert_int_eq(ask_int("SCARD", "pend", NULL), 0);
		store_many(BOT, "good", 5); /* behind them */
		roles_fail = false;
		config_bots(&bot, NULL);
		node_reload(&ben);
	}
	size_t all = 3 + 3 + 5;
	/* some looks with each turn, so that whatever may begin beside it has the time to */
	while (turn_count < all || count_live() > 0) {
		run_ms(qg_clock_scaled(LOOK_MS) * 2);
		for (size_t i = 0; i < turn_count; i++) {
			if (turns[i].live) {
				turn_answer(i, "ok");
			}
		}
	}
	ck_assert_uint_eq(turn_count, all);
	wait_until(has_no_jobs, &ben);
	for (size_t i = 3; i < turn_count; i++) {
		bool bad = strstr(turns[i].conversation, "/bad") != NULL;
		ck_assert_msg(!bad || turns[i].beside == 0, "%s had company of %u",
			turns[i].conversation, turns[i].beside);
		ck_assert_msg(!turns[i].beside_named, "%s began beside one", turns[i].conversation);
	}
	ck_assert_uint_eq(ben.worker->suspect_count, 0);
	ck_assert_uint_eq(ben.worker->held_count, 0);
}
END_TEST

START_TEST(what_was_claimed_meanwhile_waits_for_a_suspect)
{
	/* one whose batch was taken and one that was only pulled, both under a dead name */
	begin_after_a_crash(0, false);
	wait_turns(4);
	store(BOT, "good", "g1", "hi");
	qg_test_redis_do(server, "HSET", "qg:{0}:c:" BOT "/good", "state", "P", "own", "ann", "try",
		"1", "beat", "0", NULL);
	qg_test_redis_do(server, "SADD", "qg:{0}:pend", BOT "/good", NULL);
	run_looks();
	ck_assert_uint_eq(turn_count, 4);
	turn_answer(3, "ok");
	wait_turns(5);
	ck_assert_str_eq(
		turns[4].conversation, BOT "/good"); /* before the next suspect, not beside one */
	run_looks();
	ck_assert_uint_eq(turn_count, 5);
	turn_answer(4, "ok");
	wait_turns(6);
	turn_answer(5, "ok");
	wait_turns(7);
	turn_answer(6, "ok");
}
END_TEST

static void answer_first(void *arg)
{
	turn_answer(0, "in time");
}

START_TEST(a_drain_finishes_or_gives_back)
{
	node_start(&ann, "ann");
	store_many(BOT, "c", 2);
	wait_turns(2);
	node_start(&ben, "ben");
	struct qg_timer *soon = qg_timer_create(loop, answer_first, NULL);
	qg_timer_start(soon, 50); /* in time; the other one hangs */
	node_drain(&ann, 1200);
	qg_timer_destroy(soon);
	ck_assert(!turns[0].cancelled);
	ck_assert(turns[1].cancelled);
	node_crash(&ann);
	wait_turns(3);
	ck_assert_str_eq(turns[2].conversation, turns[1].conversation);
	ck_assert_uint_eq(turns[2].failures, 0);
	ck_assert_int_eq(ask_int("HEXISTS", "c:" BOT "/c1", "kc1", NULL), 0);
	ck_assert_uint_eq(ben.worker->suspect_count, 0);
	turn_answer(2, "ok");
	wait_replies("c0", 1);
	wait_replies("c1", 1);
}
END_TEST

START_TEST(a_drain_takes_nothing_new)
{
	node_start(&ann, "ann");
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	turn_answer(0, "ok");
	node_drain(&ann, 1100);
	store(BOT, "c2", "m2", "hi");
	run_looks();
	ck_assert_uint_eq(turn_count, 1);
	ck_assert_int_eq(ask_int("SCARD", "pend", NULL), 0);
	char *state = ask_text("HGET", "c:" BOT "/c2", "state", NULL);
	ck_assert_str_eq(state, "R");
	free(state);
}
END_TEST

START_TEST(a_drain_ends_though_redis_is_away)
{
	node_start(&ann, "ann");
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	qg_test_redis_kill(server);
	uint64_t began = qg_clock_mono();
	node_drain(&ann, 1100);
	ck_assert_uint_lt(qg_clock_mono() - began, 2000);
	ck_assert_uint_eq(ann.worker->job_count, 0);
}
END_TEST

static bool is_there(void *arg)
{
	return ((struct node *)arg)->core.redis_up;
}

static void count_loop_turn(void *arg, uint64_t busy_us)
{
	++*(unsigned *)arg;
}

START_TEST(a_redis_that_refuses_is_not_asked_in_a_circle)
{
	unsigned loop_turns = 0;
	node_start(&ann, "ann");
	wait_until(is_there, &ann);
	run_looks();
	set_writable(false);
	qg_loop_on_turn(loop, count_loop_turn, &loop_turns);
	run_ms(200);
	qg_loop_on_turn(loop, NULL, NULL);
	ck_assert_uint_lt(loop_turns, 1000); /* the test's own timer makes a hundred */
	set_writable(true);
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
}
END_TEST

START_TEST(a_bell_that_was_not_heard_costs_a_look)
{
	node_start(&ann, "ann");
	wait_until(is_there, &ann);
	qg_test_redis_do(server, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worker");
	TCase *tcase = tcase_create("worker");
	fixture_add(tcase);
	tcase_add_test(tcase, a_busy_bot_gets_half_at_most);
	tcase_add_test(tcase, no_conversation_waits_for_a_noisy_neighbour);
	tcase_add_test(tcase, two_workers_take_each_conversation_once);
	tcase_add_loop_test(tcase, what_may_have_crashed_runs_alone, 0, 2);
	tcase_add_test(tcase, what_was_claimed_meanwhile_waits_for_a_suspect);
	tcase_add_test(tcase, a_drain_finishes_or_gives_back);
	tcase_add_test(tcase, a_drain_takes_nothing_new);
	tcase_add_test(tcase, a_drain_ends_though_redis_is_away);
	tcase_add_test(tcase, a_redis_that_refuses_is_not_asked_in_a_circle);
	tcase_add_test(tcase, a_bell_that_was_not_heard_costs_a_look);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
