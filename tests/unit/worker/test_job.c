/* test_job.c - one batch from its take to the script that ends it, whatever is in the way. */
#include "told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

static void begin(void)
{
	node_start(&ann, "ann");
}

static bool is_idle(void *arg)
{
	return ((struct node *)arg)->worker->job_count == 0;
}

static void wait_idle(void)
{
	wait_until(is_idle, &ann);
}

static struct job *first_job(void)
{
	ck_assert(!qg_list_is_empty(&ann.worker->jobs));
	return QG_CONTAINER(ann.worker->jobs.next, struct job, link);
}

static void expect_reply(const char *index, const char *text)
{
	struct qg_reply *reply = reply_at("c1", index);
	ck_assert_str_eq(reply->text, text);
	qg_reply_destroy(reply);
}

/* Nothing of a conversation is scheduled, waiting or counted. */
static void expect_nothing_left(void)
{
	ck_assert_int_eq(ask_int("EXISTS", "c:" BOT "/c1", NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "m:" BOT "/c1", NULL), 0);
	ck_assert_int_eq(ask_int("SCARD", "pend", NULL), 0);
	ck_assert_int_eq(ask_int("HGET", "depth", BOT, NULL), 0);
}

START_TEST(a_message_becomes_an_answer)
{
	begin();
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	ck_assert_str_eq(turns[0].messages, "m1");
	turn_answer(0, "hello");
	wait_replies("c1", 1);
	wait_idle();
	struct qg_reply *reply = reply_at("c1", "0");
	ck_assert_str_eq(reply->text, "hello");
	ck_assert_int_gt(reply->stored_at, 0);
	qg_reply_destroy(reply);
	ck_assert_int_eq(ask_int("LLEN", "h:" BOT "/c1", NULL), 1);
	char *state = ask_text("GET", "s:" BOT "/c1", NULL);
	ck_assert_str_eq(state, "{\"turns\":1}");
	free(state);
	expect_nothing_left();
}
END_TEST

START_TEST(a_turn_may_keep_quiet)
{
	begin();
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	turn_answer(0, NULL);
	wait_idle();
	ck_assert_int_eq(ask_int("EXISTS", "o:" BOT ":c1", NULL), 0);
	expect_nothing_left();
}
END_TEST

START_TEST(what_comes_meanwhile_waits_its_turn)
{
	begin();
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	store(BOT, "c1", "m2", "and");
	store(BOT, "c1", "m3", "more");
	run_looks();
	ck_assert_uint_eq(turn_count, 1);
	turn_answer(0, "one");
	wait_turns(2);
	ck_assert_str_eq(turns[1].messages, "m2 m3");
	turn_answer(1, "two");
	wait_replies("c1", 2);
	expect_reply("0", "one");
	expect_reply("1", "two");
}
END_TEST

START_TEST(a_failure_is_excused_retried_and_given_up)
{
	enum { TRIES = 5 };
	clock_stop();
	begin();
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	store(BOT, "c1", "m2", "behind");
	for (unsigned i = 0; i < TRIES; i++) {
		wait_turns(i + 1);
		ck_assert_str_eq(turns[i].messages, i == 1 ? "m1 m2" : "m1");
		ck_assert_uint_eq(turns[i].failures, i);
		turn_fail(i);
		if (i == TRIES - 1) {
			break;
		}
		wait_idle();
		wait_replies("c1", 1);
		if (i == 0) {
			clock_move(1999, 0);
			run_looks();
			ck_assert_uint_eq(turn_count, 1); /* not before its time */
		}
		clock_move(60000, 0);
	}
	wait_replies("c1", 2);
	expect_reply("0", "apology");
	expect_reply("1", "gave_up");
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
	wait_turns(TRIES + 1);
	ck_assert_str_eq(turns[TRIES].messages, "m2");
	turn_answer(TRIES, "at last");
	wait_replies("c1", 3);
}
END_TEST

START_TEST(a_result_that_cannot_be_stored_is_a_failure)
{
	char *text = malloc(QG_REPLY_MAX + 2);
	memset(text, 'x', QG_REPLY_MAX + 1);
	text[QG_REPLY_MAX + 1] = '\0';
	clock_stop();
	begin();
	store(BOT, "c1", "m1", "hi");
	for (unsigned i = 0; i < 5; i++) {
		wait_turns(i + 1);
		turn_answer(i, text);
		wait_idle();
		clock_move(60000, 0);
	}
	free(text);
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
	wait_replies("c1", 2); /* excuse and notice */
	expect_nothing_left();
	run_looks();
	ck_assert_uint_eq(turn_count, 5);
}
END_TEST

START_TEST(a_message_that_cannot_be_read_is_buried)
{
	clock_stop();
	store(BOT, "c1", "m1", "hi");
	qg_test_redis_do(
		server, "LSET", "qg:{0}:m:" BOT "/c1", "0", "1\t0\tm1\tli\t\t5\n{rubbish", NULL);
	store(BOT, "c1", "m2", "behind");
	begin();
	for (int i = 0; i < 60 && ask_int("HLEN", "dead", NULL) == 0; i++) {
		run_looks();
		clock_move(60000, 0);
	}
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
	wait_turns(1);
	ck_assert_str_eq(turns[0].messages, "m2");
	turn_answer(0, "ok");
	wait_replies("c1", 1);
}
END_TEST

START_TEST(an_end_without_a_confirmation_is_sent_again)
{
	begin();
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	qg_test_redis_pause(server);
	turn_answer(0, "hello");
	run_ms(30);
	qg_test_redis_kill(server);
	qg_test_redis_restart(server);
	wait_replies("c1", 1);
	wait_idle();
	expect_nothing_left();
	ck_assert_uint_eq(turn_count, 1);
}
END_TEST

START_TEST(an_end_that_redis_refused_is_sent_with_the_next_beat)
{
	begin();
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	set_writable(false);
	turn_answer(0, "hello");
	run_looks();
	ck_assert_int_eq(first_job()->state, JOB_DONE);
	set_writable(true);
	wait_replies("c1", 1);
	wait_idle();
	ck_assert_uint_eq(turn_count, 1);
}
END_TEST

START_TEST(a_take_that_redis_refused_counts_no_failure)
{
	store(BOT, "c1", "m1", "hi");
	begin();
	wait_turns(1);
	turn_fail(0); /* so that a batch was taken once, and a failure counted */
	wait_idle();
	ck_assert_int_eq(ask_int("HGET", "c:" BOT "/c1", "em1", NULL), 1);
	qg_test_redis_do(server, "ZADD", "qg:{0}:due", "1", "c:" BOT "/c1", NULL);
	wait_turns(2);
	node_crash(&ann);
	begin(); /* finds the entry under its own name, where no job is */
	set_writable(false);
	run_looks();
	set_writable(true);
	wait_turns(3);
	ck_assert_uint_eq(turns[2].failures, 1);
	turn_answer(2, "ok");
	wait_idle();
}
END_TEST

static bool has_draft(void *arg)
{
	char *row = ask_text("HGET", "open", BOT "/c1", NULL);
	bool has = row != NULL && strstr(row, arg) != NULL;
	free(row);
	return has;
}

static int64_t draft_sequence(void)
{
	struct qg_draft draft;
	json_t *holder;
	char *row = ask_text("HGET", "open", BOT "/c1", NULL);
	ck_assert_int_eq(qg_draft_decode(row, strlen(row), &draft, &holder), QG_OK);
	int64_t sequence = draft.sequence;
	json_decref(holder);
	free(row);
	return sequence;
}

START_TEST(drafts_grow_over_snapshots_and_tries)
{
	begin();
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	turn_draft(0, "one");
	wait_until(has_draft, "one");
	int64_t first = draft_sequence();
	turn_draft(0, "one two");
	turn_draft(0, "one two three"); /* only the newest is shown when the time has come */
	wait_until(has_draft, "three");
	int64_t second = draft_sequence();
	ck_assert_int_eq(second, first + 1);
	node_crash(&ann);
	begin();
	wait_turns(2);
	turn_draft(1, "again");
	wait_until(has_draft, "again");
	ck_assert_int_gt(draft_sequence(), second);
	turn_answer(1, "ok");
	wait_replies("c1", 1);
	ck_assert_int_eq(ask_int("EXISTS", "open", NULL), 0);
	struct qg_reply *reply = reply_at("c1", "0");
	ck_assert_int_gt(reply->first_at, 0);
	qg_reply_destroy(reply);
}
END_TEST

/* The second turn of a chat whose first answer has not landed, on a platform of the test's. */
static void begin_second_turn(bool drafts_everywhere)
{
	static struct qg_adapter platform;
	struct qg_bot_config shop = a_bot(BOT, "1");
	platform = (struct qg_adapter){.name = "told", .can.drafts_everywhere = drafts_everywhere};
	told_adapter = &platform;
	shop.platform = "told";
	config_bots(&shop, NULL);
	node_start(&ann, "ann");
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	turn_answer(0, "ok");
	wait_replies("c1", 1);
	store(BOT, "c1", "m2", "hi");
	wait_turns(2);
}

/* An earlier answer still waits to be sent: of two platforms one shows snapshots only behind it. */
static const bool everywhere[] = {false, true};

START_TEST(snapshots_wait_for_earlier_answers_where_one_gateway_shows_them)
{
	begin_second_turn(everywhere[_i]);
	turn_draft(1, "one");
	wait_until(has_draft, "one");
	ck_assert_int_eq(ask_int("EXISTS", "late:" BOT ":c1", NULL), everywhere[_i] ? 0 : 1);
	turn_answer(1, "ok");
	wait_replies("c1", 2);
}
END_TEST

/* The mark of a snapshot behind an earlier answer would stay until that landed. */
START_TEST(an_answer_that_is_whole_at_once_needs_no_snapshot)
{
	begin_second_turn(false);
	turn_draft(1, "one");
	turn_draft(1, "one two");
	turn_answer(1, "one two three");
	wait_replies("c1", 2);
	ck_assert_int_eq(ask_int("EXISTS", "late:" BOT ":c1", NULL), 0);
	struct qg_reply *reply = reply_at("c1", "1");
	ck_assert_int_gt(reply->first_at, 0);
	qg_reply_destroy(reply);
}
END_TEST

START_TEST(no_snapshot_is_stored_where_none_is_shown)
{
	struct qg_bot_config shop = a_bot(BOT, "1");
	shop.no_drafts = true;
	config_bots(&shop, NULL);
	node_start(&ann, "ann");
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	turn_draft(0, "one");
	turn_draft(0, "one two");
	ck_assert_int_eq(ask_int("EXISTS", "open", NULL), 0);
	turn_answer(0, "ok");
	wait_replies("c1", 1);
	struct qg_reply *reply = reply_at("c1", "0");
	ck_assert_int_eq(reply->first_at, 0);
	qg_reply_destroy(reply);
}
END_TEST

START_TEST(an_unknown_bot_is_left_to_others)
{
	struct qg_bot_config other = a_bot("other", "1"), shop = a_bot(BOT, "1");
	config_bots(&other, NULL);
	node_start(&ann, "ann");
	store(BOT, "c1", "m1", "hi");
	run_looks();
	int64_t id = ask_int("HGET", "c:" BOT "/c1", "id", NULL);
	run_looks();
	run_looks();
	ck_assert_int_eq(ask_int("HGET", "c:" BOT "/c1", "id", NULL), id); /* not again and again */
	config_bots(&other, &shop, NULL);
	node_start(&ben, "ben");
	wait_turns(1);
	ck_assert_uint_eq(ben.worker->job_count, 1);
	turn_answer(0, "ok");
	wait_replies("c1", 1);
	store(BOT, "c2", "m2", "hi");
	wait_turns(2);
	node_reload(&ann); /* now it knows it too */
	node_crash(&ben);
	dead_process = "ben";
	wait_turns(3);
	turn_answer(2, "ok");
	wait_replies("c2", 1);
}
END_TEST

START_TEST(a_role_that_fails_gives_nothing_away)
{
	roles_fail = true;
	begin();
	store(BOT, "c1", "m1", "hi");
	run_looks();
	char *state = ask_text("HGET", "c:" BOT "/c1", "state", NULL);
	ck_assert_str_eq(state, "R");
	free(state);
	roles_fail = false;
	struct qg_bot_config bot = a_bot(BOT, "2");
	config_bots(&bot, NULL);
	node_reload(&ann);
	wait_turns(1);
	roles_fail = true; /* the next one fails: the former stays */
	bot = a_bot(BOT, "3");
	config_bots(&bot, NULL);
	node_reload(&ann);
	turn_answer(0, "ok");
	wait_replies("c1", 1);
	store(BOT, "c1", "m2", "hi");
	wait_turns(2);
	ck_assert_uint_eq(roles_opened, 3);
}
END_TEST

int main(void)
{
	redis_keeps_all = true;
	Suite *suite = suite_create("job");
	TCase *tcase = tcase_create("job");
	fixture_add(tcase);
	tcase_add_test(tcase, a_message_becomes_an_answer);
	tcase_add_test(tcase, a_turn_may_keep_quiet);
	tcase_add_test(tcase, what_comes_meanwhile_waits_its_turn);
	tcase_add_test(tcase, a_failure_is_excused_retried_and_given_up);
	tcase_add_test(tcase, a_result_that_cannot_be_stored_is_a_failure);
	tcase_add_test(tcase, a_message_that_cannot_be_read_is_buried);
	tcase_add_test(tcase, an_end_without_a_confirmation_is_sent_again);
	tcase_add_test(tcase, an_end_that_redis_refused_is_sent_with_the_next_beat);
	tcase_add_test(tcase, a_take_that_redis_refused_counts_no_failure);
	tcase_add_test(tcase, drafts_grow_over_snapshots_and_tries);
	tcase_add_loop_test(
		tcase, snapshots_wait_for_earlier_answers_where_one_gateway_shows_them, 0, 2);
	tcase_add_test(tcase, an_answer_that_is_whole_at_once_needs_no_snapshot);
	tcase_add_test(tcase, no_snapshot_is_stored_where_none_is_shown);
	tcase_add_test(tcase, an_unknown_bot_is_left_to_others);
	tcase_add_test(tcase, a_role_that_fails_gives_nothing_away);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
