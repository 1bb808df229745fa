/* test_turn.c - how a turn ends: done, with what is remembered of it, failed, given back. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HISTORY = 40, HISTORY_MOST = 60, FAILURES = 5 };

/* ---- done ---- */

START_TEST(done_takes_the_batch_and_puts_the_replies)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	struct qg_reply *replies[] = {
		make_reply(reply_id('a'), CHAT, "one"), make_reply(reply_id('b'), "other", "two")};
	struct qg_done what = {.replies = replies, .reply_count = 2};
	ck_assert_int_eq(done(ann, &entry, &what), QG_OK);
	expect_heads(1, CHAT ":a other:b");
	ck_assert_int_eq(ask_int("EXISTS", "m:" TALK, NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "c:" TALK, NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "pend", NULL), 0);
	ck_assert_int_eq(depth_of(BOT), 0);
	qg_reply_destroy(replies[0]);
	qg_reply_destroy(replies[1]);
	qg_entry_finish(&entry);
}
END_TEST

/* A Redis that came back without its last moment has the entry and not the batch: an answer committed then would
 * answer messages that nobody dropped, and their next answer would pass for its repetition. */
START_TEST(done_of_another_batch_is_stale)
{
	PUT(.id = "m1");
	PUT(.id = "m2");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1 m2");
	struct qg_reply *reply = make_reply(reply_id('a'), CHAT, "both");
	struct qg_done what = {.batch = 1, .replies = &reply, .reply_count = 1};
	ck_assert_int_eq(done(ann, &entry, &what), QG_STALE);
	ck_assert_int_eq(ask_int("HDEL", "c:" TALK, "n", NULL), 1);
	what.batch = 2;
	ck_assert_int_eq(done(ann, &entry, &what), QG_STALE);
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":" CHAT, NULL), 0);
	ck_assert_int_eq(depth_of(BOT), 2);
	expect_batch(ann, &entry, "m1 m2");
	ck_assert_int_eq(done(ann, &entry, &what), QG_OK);
	ck_assert_int_eq(depth_of(BOT), 0);
	qg_reply_destroy(reply);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(done_sent_twice_is_done_once)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	PUT(.id = "m2", .sender = "wang");
	ck_assert_int_eq(answer(ann, &entry, reply_id('a')), QG_OK);
	ck_assert_int_eq(answer(ann, &entry, reply_id('a')), QG_STALE);
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":" CHAT, NULL), 1);
	ck_assert_int_eq(depth_of(BOT), 1);
	qg_entry_finish(&entry);
	entry = pull_one(ben);
	expect_batch(ben, &entry, "m2");
	expect_sound();
	qg_entry_finish(&entry);
}
END_TEST

static void remember(
	struct qg_queue *queue, const char *id, int elements, bool forget, const char *state)
{
	PUT(.id = id);
	struct qg_entry entry = pull_one(queue);
	ck_assert_int_eq(take(queue, &entry, NULL), QG_OK);
	json_t *history = json_array();
	for (int i = 0; i < elements; i++) {
		json_array_append_new(history, json_pack("{s:s, s:i}", "turn", id, "n", i));
	}
	json_t *object = state != NULL ? json_pack("{s:s}", "mood", state) : NULL;
	struct qg_done what = {.history = history, .forget_history = forget, .state = object};
	ck_assert_int_eq(done(queue, &entry, &what), QG_OK);
	json_decref(history);
	json_decref(object);
	qg_entry_finish(&entry);
}

static struct qg_batch look(struct qg_queue *queue)
{
	struct qg_batch batch = {0};
	struct qg_entry entry = pull_one(queue);
	ck_assert_int_eq(take(queue, &entry, &batch), QG_OK);
	ck_assert_int_eq(give(queue, &entry), QG_OK);
	qg_entry_finish(&entry);
	return batch;
}

START_TEST(history_comes_as_lines)
{
	remember(ann, "t1", 2, false, NULL);
	PUT(.id = "m");
	struct qg_batch batch = look(ann);
	ck_assert_str_eq(batch.history, "{\"turn\":\"t1\",\"n\":0}\n{\"turn\":\"t1\",\"n\":1}");
	qg_batch_finish(&batch);
}
END_TEST

/* An element that its maker wrote already goes as it is. */
START_TEST(history_may_be_written_already)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	struct qg_batch batch = {0};
	json_t *history = json_pack("[s, {s:i}]", "{\"role\": \"user\"}", "n", 1);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_OK);
	ck_assert_int_eq(done(ann, &entry, &(struct qg_done){.history = history}), QG_OK);
	json_decref(history);
	qg_entry_finish(&entry);
	PUT(.id = "m2");
	entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, &batch), QG_OK);
	ck_assert_str_eq(batch.history, "{\"role\": \"user\"}\n{\"n\":1}");
	qg_batch_finish(&batch);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(history_is_cut_in_blocks)
{
	remember(ann, "t1", HISTORY_MOST, false, NULL);
	ck_assert_int_eq(ask_int("LLEN", "h:" TALK, NULL), HISTORY_MOST);
	remember(ann, "t2", 1, false, NULL);
	ck_assert_int_eq(ask_int("LLEN", "h:" TALK, NULL), HISTORY);
	expect_text("{\"turn\":\"t1\",\"n\":21}", "LINDEX", "h:" TALK, "0", NULL);
	expect_text("{\"turn\":\"t2\",\"n\":0}", "LINDEX", "h:" TALK, "-1", NULL);
	ck_assert_int_gt(ask_int("TTL", "h:" TALK, NULL), 29 * 24 * 3600);
	remember(ann, "t3", HISTORY_MOST - HISTORY, false, NULL);
	ck_assert_int_eq(ask_int("LLEN", "h:" TALK, NULL), HISTORY_MOST);
}
END_TEST

START_TEST(history_is_forgotten)
{
	remember(ann, "t1", 3, false, NULL);
	remember(ann, "t2", 1, true, NULL);
	ck_assert_int_eq(ask_int("LLEN", "h:" TALK, NULL), 1);
	remember(ann, "t3", 0, true, NULL);
	ck_assert_int_eq(ask_int("EXISTS", "h:" TALK, NULL), 0);
}
END_TEST

START_TEST(state_is_kept_until_it_changes)
{
	remember(ann, "t1", 0, false, "good");
	remember(ann, "t2", 0, false, NULL);
	PUT(.id = "m");
	struct qg_batch batch = look(ann);
	ck_assert_str_eq(json_string_value(json_object_get(batch.state, "mood")), "good");
	qg_batch_finish(&batch);
	remember(ann, "t3", 0, false, "bad");
	expect_text("{\"mood\":\"bad\"}", "GET", "s:" TALK, NULL);
}
END_TEST

/* Both live as long as there are turns, also of those that leave them as they are. */
START_TEST(a_turn_keeps_history_and_state_alive)
{
	remember(ann, "t1", 1, false, "good");
	qg_redis_reply_free(ask("EXPIRE", "h:" TALK, "5", NULL));
	qg_redis_reply_free(ask("EXPIRE", "s:" TALK, "5", NULL));
	remember(ann, "t2", 0, false, NULL);
	ck_assert_int_gt(ask_int("TTL", "h:" TALK, NULL), 29 * 24 * 3600);
	ck_assert_int_gt(ask_int("TTL", "s:" TALK, NULL), 29 * 24 * 3600);
}
END_TEST

START_TEST(damaged_state_is_left_out)
{
	remember(ann, "t1", 1, false, "good");
	qg_redis_reply_free(ask("SET", "s:" TALK, "[1]", NULL));
	PUT(.id = "m");
	struct qg_batch batch = look(ann);
	ck_assert_uint_eq(json_object_size(batch.state), 0);
	qg_batch_finish(&batch);
}
END_TEST

/* ---- failures ---- */

/* Fails the next turn of the conversation and makes it ready again; the batch it had is asserted. */
static void fail_once(const char *ids, unsigned failures, const char *apology, const char *notice)
{
	struct qg_batch batch = {0};
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, ids);
	ck_assert_int_eq(take(ann, &entry, &batch), QG_OK);
	ck_assert_uint_eq(batch.failures, failures);
	qg_batch_finish(&batch);
	ck_assert_int_eq(fail_turn(ann, &entry, apology, notice), QG_OK);
	expect_sound();
	qg_entry_finish(&entry);
}

START_TEST(five_failures_are_a_dead_letter)
{
	PUT(.id = "m1");
	fail_once("m1", 0, reply_id('a'), NULL);
	for (unsigned i = 1; i < FAILURES; i++) {
		expect_no_entry(ann);
		ck_assert_uint_eq(due(NOW + 999), 0);
		ck_assert_uint_eq(due(NOW + 1000), 1);
		fail_once("m1", i, reply_id('b'), i + 1 == FAILURES ? reply_id('c') : NULL);
	}
	/* the apology came with the first failure, the notice with the last, and no other */
	struct qg_redis_reply *out = ask("LRANGE", "o:" BOT ":" CHAT, "0", "-1", NULL);
	ck_assert_uint_eq(out->count, 2);
	ck_assert_int_eq(out->items[0].text[0], 'a');
	ck_assert_int_eq(out->items[1].text[0], 'c');
	qg_redis_reply_free(out);
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
	ck_assert_int_eq(ask_int("HGET", "buried", BOT, NULL), 1);
	ck_assert_int_eq(depth_of(BOT), 0);
	ck_assert_int_eq(ask_int("EXISTS", "c:" TALK, NULL), 0);
	ck_assert_uint_eq(due(INT64_MAX / 2), 0);
}
END_TEST

START_TEST(no_apology_where_none_is_given)
{
	PUT(.id = "m1");
	fail_once("m1", 0, NULL, NULL);
	ck_assert_int_eq(ask_int("EXISTS", "w:" BOT, NULL), 0);
}
END_TEST

START_TEST(later_messages_wait_behind_a_failed_one)
{
	PUT(.id = "m1");
	fail_once("m1", 0, NULL, NULL);
	ck_assert_int_eq(PUT(.id = "m2", .sender = "wang"), QG_OK);
	expect_no_entry(ann);
	ck_assert_int_eq(ask_int("ZCARD", "age", NULL), 1);
	due(NOW + 1000);
	struct qg_entry entry = pull_one(ben);
	expect_batch(ben, &entry, "m1");
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(from_two_failures_on_a_message_is_alone)
{
	PUT(.id = "m1");
	PUT(.id = "m2");
	fail_once("m1 m2", 0, NULL, NULL);
	PUT(.id = "m3");
	due(NOW + 1000);
	fail_once("m1 m2 m3", 1, NULL, NULL);
	due(NOW + 1000);
	fail_once("m1", 2, NULL, NULL);
	due(NOW + 1000);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	/* m2 failed twice beside it, m3 once */
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m2");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m3");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	ck_assert_int_eq(ask_int("EXISTS", "c:" TALK, NULL), 0);
}
END_TEST

/* Only the one that fails dies. */
START_TEST(neighbours_of_a_dead_letter_live)
{
	PUT(.id = "m1");
	PUT(.id = "m2");
	fail_once("m1 m2", 0, NULL, NULL);
	due(NOW + 1000);
	fail_once("m1 m2", 1, NULL, NULL);
	for (unsigned i = 2; i < FAILURES; i++) {
		due(NOW + 1000);
		fail_once("m1", i, NULL, NULL);
	}
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m2");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_failed_batch_carries_no_name)
{
	PUT(.id = "m1");
	fail_once("m1", 0, NULL, NULL);
	expect_text(NULL, "HGET", "c:" TALK, "by", NULL);
	due(NOW + 1000);
	struct qg_entry entry = pull_one(ben);
	ck_assert(!entry.suspect);
	expect_batch(ben, &entry, "m1");
	expect_text(NULL, "HGET", "c:" TALK, "km1", NULL);
	qg_entry_finish(&entry);
}
END_TEST

/* A take that Redis refused has nothing in flight: then nothing failed. */
START_TEST(a_failure_without_a_batch_counts_nothing)
{
	PUT(.id = "m1");
	PUT(.id = "m2");
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(fail_turn(ann, &entry, reply_id('a'), reply_id('b')), QG_OK);
	expect_text(NULL, "HGET", "c:" TALK, "em1", NULL);
	ck_assert_int_eq(ask_int("EXISTS", "w:" BOT, NULL), 0);
	qg_entry_finish(&entry);
	due(NOW + 1000);
	fail_once("m1 m2", 0, NULL, NULL);
}
END_TEST

/* ---- giving back ---- */

START_TEST(giving_back_counts_nothing)
{
	PUT(.id = "m1");
	PUT(.id = "m2");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1 m2");
	PUT(.id = "m3");
	ck_assert_int_eq(give(ann, &entry), QG_OK);
	ck_assert_int_eq(give(ann, &entry), QG_STALE);
	expect_sound();
	struct qg_entry next = pull_one(ben);
	ck_assert_uint_gt(next.id, entry.id);
	ck_assert_uint_eq(next.try, 1);
	ck_assert(!next.suspect);
	expect_batch(ben, &next, "m1 m2"); /* it stayed in flight */
	expect_text(NULL, "HGET", "c:" TALK, "em1", NULL);
	expect_text(NULL, "HGET", "c:" TALK, "km1", NULL);
	ck_assert_int_eq(answer(ben, &next, NULL), QG_OK);
	ck_assert_int_eq(depth_of(BOT), 1);
	qg_entry_finish(&entry);
	qg_entry_finish(&next);
}
END_TEST

START_TEST(an_entry_is_given_back_before_its_take)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(give(ann, &entry), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ben);
	PUT(.id = "m2");
	expect_batch(ben, &entry, "m1 m2");
	qg_entry_finish(&entry);
}
END_TEST

/* ---- in the end ---- */

START_TEST(nothing_is_left_behind)
{
	PUT(.id = "m1", .window_ms = 1);
	PUT(.id = "m2", .window_ms = 1, .sender = "wang");
	PUT(.id = "m3", .window_ms = 1, .unselected = true);
	fail_once("m1", 0, reply_id('a'), NULL);
	due(NOW + 1000);
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(draft(ann, &entry, 1, "half"), QG_OK);
	struct qg_entry claimed = claim_now(ben, TALK);
	expect_batch(ben, &claimed, "m1");
	ck_assert_int_eq(answer(ben, &claimed, reply_id('b')), QG_OK);
	qg_entry_finish(&entry);
	qg_entry_finish(&claimed);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m2");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	remember(ann, "m4", 2, false, "good");
	qg_redis_reply_free(ask("PEXPIRE", "d:" BOT ":m4", "1", NULL));
	wait_for_windows();
	ck_assert_int_eq(adopt(BOT, 1), QG_OK);
	ck_assert_uint_eq(land_all(1), 2);
	expect_nothing_left();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("turn");
	fixture_add(tcase);
	tcase_add_test(tcase, done_takes_the_batch_and_puts_the_replies);
	tcase_add_test(tcase, done_of_another_batch_is_stale);
	tcase_add_test(tcase, done_sent_twice_is_done_once);
	tcase_add_test(tcase, history_comes_as_lines);
	tcase_add_test(tcase, history_may_be_written_already);
	tcase_add_test(tcase, history_is_cut_in_blocks);
	tcase_add_test(tcase, history_is_forgotten);
	tcase_add_test(tcase, state_is_kept_until_it_changes);
	tcase_add_test(tcase, a_turn_keeps_history_and_state_alive);
	tcase_add_test(tcase, damaged_state_is_left_out);
	tcase_add_test(tcase, five_failures_are_a_dead_letter);
	tcase_add_test(tcase, no_apology_where_none_is_given);
	tcase_add_test(tcase, later_messages_wait_behind_a_failed_one);
	tcase_add_test(tcase, from_two_failures_on_a_message_is_alone);
	tcase_add_test(tcase, neighbours_of_a_dead_letter_live);
	tcase_add_test(tcase, a_failed_batch_carries_no_name);
	tcase_add_test(tcase, a_failure_without_a_batch_counts_nothing);
	tcase_add_test(tcase, giving_back_counts_nothing);
	tcase_add_test(tcase, an_entry_is_given_back_before_its_take);
	tcase_add_test(tcase, nothing_is_left_behind);
	Suite *suite = suite_create("queue/turn");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
