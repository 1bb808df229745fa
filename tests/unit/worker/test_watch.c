/* test_watch.c - beats of one's own jobs, and entries taken over from workers that fell silent. */
#include "told.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

static void begin(void)
{
	node_start(&ann, "ann");
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
}

static bool has_no_jobs(void *arg)
{
	return ((struct node *)arg)->worker->job_count == 0;
}

static void expect_entry(const char *owner, int64_t try)
{
	char *own = ask_text("HGET", "c:" BOT "/c1", "own", NULL);
	ck_assert_str_eq(own, owner);
	free(own);
	ck_assert_int_eq(ask_int("HGET", "c:" BOT "/c1", "try", NULL), try);
}

static void answer_and_expect(size_t index)
{
	turn_answer(index, "ok");
	wait_replies("c1", 1);
	ck_assert_int_eq(ask_int("EXISTS", "c:" BOT "/c1", NULL), 0);
}

START_TEST(a_job_that_beats_is_left_alone)
{
	begin();
	node_start(&ben, "ben");
	run_ms(2 * qg_clock_scaled(CLAIM_MS));
	ck_assert_uint_eq(turn_count, 1);
	expect_entry("ann", 1);
	ck_assert_int_gt(ask_int("HGET", "c:" BOT "/c1", "beat", NULL), 5);
	answer_and_expect(0);
}
END_TEST

START_TEST(a_silent_worker_loses_its_turn_in_time)
{
	begin();
	node_start(&ben, "ben");
	run_looks();
	node_crash(&ann);
	uint64_t crashed = qg_clock_mono();
	wait_turns(2);
	uint64_t passed = qg_clock_mono() - crashed;
	ck_assert_uint_ge(passed, qg_clock_scaled(CLAIM_MS - BEAT_MS - LOOK_MS));
	ck_assert_str_eq(turns[1].messages, "m1");
	expect_entry("ben", 2);
	ck_assert_int_eq(ask_int("HGET", "c:" BOT "/c1", "km1", NULL), 1);
	ck_assert_int_eq(qg_metric_value(ben.worker->claimed), 1);
	answer_and_expect(1);
}
END_TEST

START_TEST(the_turn_of_a_dead_process_is_taken_at_once)
{
	begin();
	node_crash(&ann);
	dead_process = "ann";
	uint64_t began = qg_clock_mono();
	node_start(&ben, "ben");
	wait_turns(2);
	ck_assert_uint_lt(qg_clock_mono() - began, qg_clock_scaled(CLAIM_MS));
	answer_and_expect(1);
}
END_TEST

struct pulled {
	bool came;
	size_t count;
};

static void note_pulled(void *arg, enum qg_status status, struct qg_entry *entries, size_t count)
{
	*(struct pulled *)arg = (struct pulled){true, count};
}

static bool has_come(void *arg)
{
	return ((const struct pulled *)arg)->came;
}

START_TEST(an_orphan_under_the_own_name_is_no_crash)
{
	struct pulled pulled = {0};
	store(BOT, "c1", "m1", "hi");
	/* a pull whose answer never came */
	qg_queue_pull(queue_as("ann"), 0, 10, 10, NULL, note_pulled, &pulled);
	wait_until(has_come, &pulled);
	ck_assert_uint_eq(pulled.count, 1);
	uint64_t began = qg_clock_mono();
	node_start(&ann, "ann");
	wait_turns(1);
	ck_assert_uint_lt(qg_clock_mono() - began, qg_clock_scaled(CLAIM_MS));
	expect_entry("ann", 2);
	ck_assert_int_eq(ask_int("HEXISTS", "c:" BOT "/c1", "km1", NULL), 0);
	answer_and_expect(0);
}
END_TEST

START_TEST(without_confirmed_beats_the_turn_is_aborted)
{
	begin();
	qg_test_redis_pause(server);
	run_ms(qg_clock_scaled(ABORT_MS) + 2 * qg_clock_scaled(BEAT_MS));
	ck_assert(turns[0].cancelled);
	ck_assert_uint_eq(ann.worker->job_count, 0);
	qg_test_redis_resume(server);
	wait_turns(2); /* once more, and no failure was counted */
	ck_assert_uint_eq(turns[1].failures, 0);
	expect_entry("ann", 2);
	answer_and_expect(1);
}
END_TEST

START_TEST(who_stood_still_hears_first_what_came_meanwhile)
{
	begin();
	qg_test_redis_pause(server);
	clock_stop();
	watch_beat(ann.worker);
	clock_move(0, 2 * qg_clock_scaled(ABORT_MS));
	watch_beat(ann.worker);
	watch_beat(ann.worker);
	ck_assert(turns[0].live); /* and its own beat is asked before it gives the turn up */
	for (uint64_t passed = 0; passed <= ABORT_MS; passed += BEAT_MS) {
		clock_move(0, qg_clock_scaled(BEAT_MS));
		watch_beat(ann.worker);
	}
	ck_assert(turns[0].cancelled);
	qg_test_redis_resume(server);
}
END_TEST

START_TEST(a_short_silence_of_redis_aborts_nothing)
{
	begin();
	qg_test_redis_kill(server);
	run_ms(qg_clock_scaled(ABORT_MS) / 15);
	qg_test_redis_restart(server);
	run_ms(2 * qg_clock_scaled(BEAT_MS));
	ck_assert(turns[0].live);
	answer_and_expect(0);
	ck_assert_uint_eq(turn_count, 1);
}
END_TEST

START_TEST(a_zombie_commits_nothing)
{
	begin();
	node_start(&ben, "ben");
	qg_timer_stop(ann.worker->beat_timer);
	wait_turns(2);
	expect_entry("ben", 2);
	turn_answer(0, "of the dead");
	wait_until(has_no_jobs, &ann);
	ck_assert_int_eq(ask_int("EXISTS", "o:" BOT ":c1", NULL), 0);
	answer_and_expect(1);
	struct qg_reply *reply = reply_at("c1", "0");
	ck_assert_str_eq(reply->text, "ok");
	qg_reply_destroy(reply);
	ck_assert_int_eq(qg_metric_value(ann.worker->stale), 1);
}
END_TEST

START_TEST(a_zombie_shows_nothing)
{
	begin();
	node_start(&ben, "ben");
	qg_timer_stop(ann.worker->beat_timer);
	wait_turns(2);
	turn_draft(0, "of the dead");
	wait_until(has_no_jobs, &ann);
	ck_assert(turns[0].cancelled);
	ck_assert_int_eq(ask_int("EXISTS", "open", NULL), 0);
	answer_and_expect(1);
}
END_TEST

START_TEST(a_beat_that_finds_another_drops_the_turn)
{
	begin();
	qg_test_redis_do(server, "HSET", "qg:{0}:c:" BOT "/c1", "own", "ben", "try", "2", NULL);
	wait_until(has_no_jobs, &ann);
	ck_assert(turns[0].cancelled);
}
END_TEST

START_TEST(a_crash_is_not_forgotten_while_the_role_opens)
{
	begin();
	node_crash(&ann);
	dead_process = "ann";
	roles_fail = true; /* the next worker cannot answer for this bot yet */
	node_start(&ben, "ben");
	run_looks();
	roles_fail = false;
	struct qg_bot_config bot = a_bot(BOT, "2");
	config_bots(&bot, NULL);
	node_reload(&ben);
	wait_turns(2);
	ck_assert_int_eq(ask_int("HGET", "c:" BOT "/c1", "km1", NULL), 1);
	answer_and_expect(1);
}
END_TEST

START_TEST(a_clock_set_back_delays_no_retry)
{
	clock_stop();
	begin();
	turn_fail(0);
	wait_until(has_no_jobs, &ann);
	clock_move(-3600000, 0);
	wait_turns(2);
	turn_fail(1); /* planned by the new time: it waits as always */
	wait_until(has_no_jobs, &ann);
	clock_move(9999, 0);
	run_looks();
	ck_assert_uint_eq(turn_count, 2);
	clock_move(1, 0);
	wait_turns(3);
}
END_TEST

int main(void)
{
	redis_keeps_all = true;
	Suite *suite = suite_create("watch");
	TCase *tcase = tcase_create("watch");
	fixture_add(tcase);
	tcase_add_test(tcase, a_job_that_beats_is_left_alone);
	tcase_add_test(tcase, a_silent_worker_loses_its_turn_in_time);
	tcase_add_test(tcase, the_turn_of_a_dead_process_is_taken_at_once);
	tcase_add_test(tcase, an_orphan_under_the_own_name_is_no_crash);
	tcase_add_test(tcase, without_confirmed_beats_the_turn_is_aborted);
	tcase_add_test(tcase, a_zombie_commits_nothing);
	tcase_add_test(tcase, a_zombie_shows_nothing);
	tcase_add_test(tcase, a_beat_that_finds_another_drops_the_turn);
	tcase_add_test(tcase, a_crash_is_not_forgotten_while_the_role_opens);
	tcase_add_test(tcase, a_clock_set_back_delays_no_retry);
	suite_add_tcase(suite, tcase);
	TCase *slow = tcase_create("watch, slower");
	fixture_add_slow(slow);
	tcase_add_test(slow, who_stood_still_hears_first_what_came_meanwhile);
	tcase_add_test(slow, a_short_silence_of_redis_aborts_nothing);
	suite_add_tcase(suite, slow);
	return fixture_run(suite);
}
