/* test_claim.c - the fence, beats, takeover from silent workers, and what a crash counts. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CRASHES = 10 };

/* Every script that a worker sends under its fence, with this entry; all must refuse and change nothing. */
static void expect_all_stale(struct qg_queue *queue, const struct qg_entry *entry)
{
	struct qg_redis_reply *before = ask("DUMP", "c:" TALK, NULL);
	ck_assert_int_eq(take(queue, entry, NULL), QG_STALE);
	ck_assert_int_eq(beat(queue, entry), QG_STALE);
	ck_assert_int_eq(draft(queue, entry, 1, "text"), QG_STALE);
	ck_assert_int_eq(fail_turn(queue, entry, reply_id('a'), reply_id('b')), QG_STALE);
	ck_assert_int_eq(give(queue, entry), QG_STALE);
	ck_assert_int_eq(answer(queue, entry, reply_id('c')), QG_STALE);
	struct qg_redis_reply *after = ask("DUMP", "c:" TALK, NULL);
	ck_assert_uint_eq(before->size, after->size);
	ck_assert_mem_eq(before->text, after->text, before->size);
	ck_assert_int_eq(ask_int("EXISTS", "w:" BOT, NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "open", NULL), 0);
	ck_assert_int_eq(ask_int("LLEN", "m:" TALK, NULL), 2);
	ck_assert_int_eq(depth_of(BOT), 2);
	qg_redis_reply_free(before);
	qg_redis_reply_free(after);
	expect_sound();
}

static struct qg_entry two_messages_pulled(struct qg_queue *queue)
{
	PUT(.id = "m1");
	PUT(.id = "m2");
	return pull_one(queue);
}

START_TEST(another_id_is_refused)
{
	struct qg_entry entry = two_messages_pulled(ann);
	expect_batch(ann, &entry, "m1 m2");
	entry.id++;
	expect_all_stale(ann, &entry);
	entry.id -= 2;
	expect_all_stale(ann, &entry);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(another_try_is_refused)
{
	struct qg_entry entry = two_messages_pulled(ann);
	expect_batch(ann, &entry, "m1 m2");
	entry.try++;
	expect_all_stale(ann, &entry);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(another_consumer_is_refused)
{
	struct qg_entry entry = two_messages_pulled(ann);
	expect_batch(ann, &entry, "m1 m2");
	expect_all_stale(ben, &entry);
	qg_entry_finish(&entry);
}
END_TEST

/* The zombie: taken over by another, or by itself under a later try. */
START_TEST(who_was_taken_over_from_is_refused)
{
	struct qg_entry entry = two_messages_pulled(ann), next;
	expect_batch(ann, &entry, "m1 m2");
	next = claim_now(ben, TALK);
	ck_assert_uint_eq(next.try, 2);
	ck_assert_uint_eq(next.id, entry.id);
	expect_all_stale(ann, &entry);
	qg_entry_finish(&entry);
	entry = claim_now(ann, TALK);
	ck_assert_uint_eq(entry.try, 3);
	struct qg_entry own = claim_now(ann, TALK);
	expect_all_stale(ann, &entry);
	expect_batch(ann, &own, "m1 m2"); /* its own name stood on it all the time: no crash */
	qg_entry_finish(&entry);
	qg_entry_finish(&next);
	qg_entry_finish(&own);
}
END_TEST

START_TEST(what_is_not_pending_is_refused)
{
	struct qg_entry entry = two_messages_pulled(ann);
	ck_assert_int_eq(give(ann, &entry), QG_OK);
	expect_all_stale(ann, &entry);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_conversation_that_ended_is_refused)
{
	struct qg_entry entry = {.id = 1, .try = 1, .bot = BOT, .conversation = TALK};
	ck_assert_int_eq(beat(ann, &entry), QG_STALE);
	ck_assert_int_eq(give(ann, &entry), QG_STALE);
	ck_assert_int_eq(ask_int("EXISTS", "c:" TALK, NULL), 0);
}
END_TEST

START_TEST(pending_shows_owner_try_and_beat)
{
	struct qg_entry entry = two_messages_pulled(ann);
	PUT(.id = "o1", .chat = "other");
	struct qg_pending seen = pending_of(TALK);
	ck_assert_str_eq(seen.owner, "ann");
	ck_assert_str_eq(seen.entry.bot, BOT);
	ck_assert_uint_eq(seen.entry.id, entry.id);
	ck_assert_uint_eq(seen.entry.try, 1);
	ck_assert_uint_eq(seen.beat, 0);
	qg_pending_finish(&seen);
	ck_assert_int_eq(beat(ann, &entry), QG_OK);
	ck_assert_int_eq(beat(ann, &entry), QG_OK);
	seen = pending_of(TALK);
	ck_assert_uint_eq(seen.beat, 2);
	qg_pending_finish(&seen);
	struct qg_pending rows[64];
	ck_assert_uint_eq(pending(rows), 1);
	qg_pending_finish(&rows[0]);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_beat_since_the_look_stops_the_claim)
{
	struct qg_entry entry = two_messages_pulled(ann), next = {0};
	struct qg_pending seen = pending_of(TALK);
	ck_assert_int_eq(beat(ann, &entry), QG_OK);
	ck_assert_int_eq(claim(ben, &seen, &next), QG_STALE);
	expect_batch(ann, &entry, "m1 m2");
	qg_pending_finish(&seen);
	qg_entry_finish(&entry);
}
END_TEST

/* Two see the same silence: one gets it. */
START_TEST(one_of_two_claims_wins)
{
	struct qg_entry entry = two_messages_pulled(ann), next = {0}, late = {0};
	struct qg_queue *eve = consumer("eve");
	struct qg_pending seen = pending_of(TALK);
	ck_assert_int_eq(claim(ben, &seen, &next), QG_OK);
	ck_assert_int_eq(claim(eve, &seen, &late), QG_STALE);
	ck_assert_int_eq(claim(ben, &seen, &late), QG_STALE); /* nor twice */
	expect_batch(ben, &next, "m1 m2");
	qg_pending_finish(&seen);
	qg_entry_finish(&entry);
	qg_entry_finish(&next);
	qg_queue_destroy(eve);
}
END_TEST

START_TEST(a_claim_begins_a_new_count_of_beats)
{
	struct qg_entry entry = two_messages_pulled(ann);
	beat(ann, &entry);
	struct qg_entry next = claim_now(ben, TALK);
	struct qg_pending seen = pending_of(TALK);
	ck_assert_uint_eq(seen.beat, 0);
	ck_assert_str_eq(seen.owner, "ben");
	ck_assert_int_eq(beat(ben, &next), QG_OK);
	qg_pending_finish(&seen);
	qg_entry_finish(&entry);
	qg_entry_finish(&next);
}
END_TEST

/* The answer of a pull was lost: the entry stands under one's own name, is claimed, and no crash is counted. */
START_TEST(a_lost_pull_is_claimed_by_its_own_name)
{
	struct qg_entry entry = two_messages_pulled(ann);
	qg_entry_finish(&entry);
	expect_no_entry(ann);
	entry = claim_now(ann, TALK);
	ck_assert_uint_eq(entry.try, 2);
	ck_assert(!entry.suspect);
	expect_batch(ann, &entry, "m1 m2");
	expect_text(NULL, "HGET", "c:" TALK, "km1", NULL);
	ck_assert_int_eq(answer(ann, &entry, reply_id('a')), QG_OK);
	qg_entry_finish(&entry);
}
END_TEST

/* ---- crashes ---- */

START_TEST(a_worker_that_died_before_its_take_counts_nothing)
{
	struct qg_entry entry = two_messages_pulled(ann);
	qg_entry_finish(&entry);
	entry = claim_now(ben, TALK);
	ck_assert(!entry.suspect);
	expect_batch(ben, &entry, "m1 m2");
	expect_text(NULL, "HGET", "c:" TALK, "suspect", NULL);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_batch_under_another_name_is_a_crash)
{
	struct qg_entry entry = two_messages_pulled(ann);
	expect_batch(ann, &entry, "m1 m2");
	struct qg_entry next = claim_now(ben, TALK);
	ck_assert(next.suspect);
	expect_text(NULL, "HGET", "c:" TALK, "km1", NULL); /* the take counts, not the claim */
	expect_batch(ben, &next, "m1");			   /* and each is alone from now on */
	expect_text("1", "HGET", "c:" TALK, "km1", NULL);
	expect_text("1", "HGET", "c:" TALK, "km2", NULL);
	expect_batch(ben, &next, "m1"); /* once */
	expect_text("1", "HGET", "c:" TALK, "km1", NULL);
	qg_entry_finish(&entry);
	qg_entry_finish(&next);
}
END_TEST

START_TEST(a_counted_message_stays_suspect_until_it_is_gone)
{
	struct qg_entry entry = two_messages_pulled(ann);
	expect_batch(ann, &entry, "m1 m2");
	qg_entry_finish(&entry);
	entry = claim_now(ben, TALK);
	expect_batch(ben, &entry, "m1");
	PUT(.id = "m3");
	ck_assert_int_eq(give(ben, &entry), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	ck_assert(entry.suspect);
	expect_batch(ann, &entry, "m1");
	expect_text("1", "HGET", "c:" TALK, "km1", NULL); /* nobody's name stood on it */
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	ck_assert(entry.suspect); /* m2 was in that batch too */
	expect_batch(ann, &entry, "m2");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	ck_assert(!entry.suspect);
	expect_batch(ann, &entry, "m3");
	qg_entry_finish(&entry);
}
END_TEST

/* Given back before its take, as a drain does: the crash of the one before is still to be counted. */
START_TEST(giving_back_hides_no_crash)
{
	struct qg_entry entry = two_messages_pulled(ann);
	expect_batch(ann, &entry, "m1 m2");
	qg_entry_finish(&entry);
	entry = claim_now(ben, TALK);
	ck_assert(entry.suspect);
	ck_assert_int_eq(give(ben, &entry), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ben);
	ck_assert(entry.suspect);
	expect_batch(ben, &entry, "m1");
	expect_text("1", "HGET", "c:" TALK, "km1", NULL);
	ck_assert_int_eq(give(ben, &entry), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	expect_text("1", "HGET", "c:" TALK, "km1", NULL);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(suspicion_outlives_a_failure)
{
	struct qg_entry entry = two_messages_pulled(ann);
	expect_batch(ann, &entry, "m1 m2");
	qg_entry_finish(&entry);
	entry = claim_now(ben, TALK);
	expect_batch(ben, &entry, "m1");
	ck_assert_int_eq(fail_turn(ben, &entry, NULL, NULL), QG_OK);
	due(NOW + 1000);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	ck_assert(entry.suspect);
	expect_batch(ann, &entry, "m1");
	expect_text("1", "HGET", "c:" TALK, "km1", NULL);
	qg_entry_finish(&entry);
}
END_TEST

/* Ten crashes are borne, one more is a dead letter; what waits behind is taken alone. */
START_TEST(over_ten_crashes_are_a_dead_letter)
{
	struct qg_queue *workers[] = {ann, ben};
	struct qg_entry entry = two_messages_pulled(ann);
	expect_batch(ann, &entry, "m1 m2");
	for (int i = 1; i <= CRASHES; i++) {
		qg_entry_finish(&entry);
		entry = claim_now(workers[i % 2], TALK);
		expect_batch(workers[i % 2], &entry, "m1");
		ck_assert_int_eq(ask_int("HGET", "c:" TALK, "km1", NULL), i);
		ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 0);
	}
	qg_entry_finish(&entry);
	entry = claim_now(ben, TALK);
	expect_batch(ben, &entry, "m2");
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
	ck_assert_int_eq(ask_int("HGET", "c:" TALK, "km2", NULL), 1);
	expect_text(NULL, "HGET", "c:" TALK, "km1", NULL);
	ck_assert_int_eq(depth_of(BOT), 1);
	expect_sound();
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(scripts_come_back)
{
	struct qg_entry entry = two_messages_pulled(ann);
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	ck_assert_int_eq(beat(ann, &entry), QG_OK);
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	expect_batch(ann, &entry, "m1 m2");
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	struct qg_entry next = claim_now(ben, TALK);
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_STALE);
	qg_entry_finish(&entry);
	qg_entry_finish(&next);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("claim");
	fixture_add(tcase);
	tcase_add_test(tcase, another_id_is_refused);
	tcase_add_test(tcase, another_try_is_refused);
	tcase_add_test(tcase, another_consumer_is_refused);
	tcase_add_test(tcase, who_was_taken_over_from_is_refused);
	tcase_add_test(tcase, what_is_not_pending_is_refused);
	tcase_add_test(tcase, a_conversation_that_ended_is_refused);
	tcase_add_test(tcase, pending_shows_owner_try_and_beat);
	tcase_add_test(tcase, a_beat_since_the_look_stops_the_claim);
	tcase_add_test(tcase, one_of_two_claims_wins);
	tcase_add_test(tcase, a_claim_begins_a_new_count_of_beats);
	tcase_add_test(tcase, a_lost_pull_is_claimed_by_its_own_name);
	tcase_add_test(tcase, a_worker_that_died_before_its_take_counts_nothing);
	tcase_add_test(tcase, a_batch_under_another_name_is_a_crash);
	tcase_add_test(tcase, a_counted_message_stays_suspect_until_it_is_gone);
	tcase_add_test(tcase, giving_back_hides_no_crash);
	tcase_add_test(tcase, suspicion_outlives_a_failure);
	tcase_add_test(tcase, over_ten_crashes_are_a_dead_letter);
	tcase_add_test(tcase, scripts_come_back);
	Suite *suite = suite_create("queue/claim");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
