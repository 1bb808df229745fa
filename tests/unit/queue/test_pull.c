/* test_pull.c - entries pulled fairly, and what one turn gets of its mailbox. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

/* ---- pull ---- */

static void pull_names(struct qg_queue *queue, unsigned most, unsigned each,
	const char *const *skip, const char *names)
{
	struct qg_entry entries[64];
	char joined[1024] = "";
	size_t count = pull(queue, most, each, skip, entries);
	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(joined);
		snprintf(joined + used, sizeof(joined) - used, "%s%s", i > 0 ? " " : "",
			entries[i].conversation);
		ck_assert_uint_eq(entries[i].try, 1);
		ck_assert(!entries[i].suspect);
		ck_assert(qg_str_starts_with(entries[i].conversation, entries[i].bot));
		qg_entry_finish(&entries[i]);
	}
	ck_assert_str_eq(joined, names);
	expect_sound();
}

static void three_bots(void)
{
	static const char *const rows[][2] = {{"ash", "1"}, {"ash", "2"}, {"ash", "3"},
		{"ash", "4"}, {"elm", "1"}, {"elm", "2"}, {"oak", "1"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		PUT(.bot = rows[i][0], .chat = rows[i][1], .id = rows[i][1]);
	}
}

START_TEST(bots_give_one_each_in_turn)
{
	three_bots();
	pull_names(ann, 5, 64, NULL, "ash/1 elm/1 oak/1 ash/2 elm/2");
	pull_names(ann, 64, 64, NULL, "ash/3 ash/4");
	pull_names(ann, 64, 64, NULL, "");
}
END_TEST

START_TEST(the_ring_goes_on_where_it_stood)
{
	three_bots();
	pull_names(ann, 1, 64, NULL, "ash/1");
	pull_names(ben, 1, 64, NULL, "elm/1");
	pull_names(ann, 2, 64, NULL, "oak/1 ash/2");
}
END_TEST

START_TEST(a_bot_gives_no_more_than_each)
{
	three_bots();
	pull_names(ann, 64, 1, NULL, "ash/1 elm/1 oak/1");
	pull_names(ann, 64, 2, NULL, "ash/2 elm/2 ash/3");
	pull_names(ann, 64, 0, NULL, "");
}
END_TEST

START_TEST(bots_are_left_out)
{
	const char *const skip[] = {"ash", "oak", NULL};
	three_bots();
	pull_names(ann, 64, 64, skip, "elm/1 elm/2");
	pull_names(ann, 64, 64, skip, "");
	pull_names(ann, 64, 64, NULL, "oak/1 ash/1 ash/2 ash/3 ash/4");
}
END_TEST

/* ---- what one turn gets ---- */

START_TEST(a_run_of_one_sender)
{
	PUT(.id = "a1", .sender = "li");
	PUT(.id = "a2", .sender = "li");
	PUT(.id = "b1", .sender = "wang");
	PUT(.id = "a3", .sender = "li");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "a1 a2");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "b1");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "a3");
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_run_of_one_thread)
{
	PUT(.id = "m1", .thread = "t1");
	PUT(.id = "m2", .thread = "t1");
	PUT(.id = "m3", .thread = "t2");
	PUT(.id = "m4");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1 m2");
	answer(ann, &entry, NULL);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m3");
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(at_most_twenty)
{
	char id[16];
	for (int i = 0; i < 25; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		PUT(.id = id);
	}
	struct qg_entry entry = pull_one(ann);
	struct qg_batch batch = {0};
	ck_assert_int_eq(take(ann, &entry, &batch), QG_OK);
	ck_assert_uint_eq(batch.count, 20);
	qg_batch_finish(&batch);
	qg_entry_finish(&entry);
}
END_TEST

/* 16 KiB in all; a first message that is larger goes alone. */
START_TEST(at_most_sixteen_kib)
{
	char *text = calloc(1, 20001);
	memset(text, 'x', 7000);
	PUT(.id = "m1", .text = text);
	PUT(.id = "m2", .text = text);
	PUT(.id = "m3", .text = text);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1 m2");
	answer(ann, &entry, NULL);
	qg_entry_finish(&entry);
	memset(text, 'x', 20000);
	PUT(.id = "m4", .text = text);
	PUT(.id = "m5");
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m3");
	answer(ann, &entry, NULL);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m4");
	qg_entry_finish(&entry);
	free(text);
}
END_TEST

START_TEST(what_is_not_plain_text_travels_alone)
{
	PUT(.id = "m1");
	PUT(.id = "m2", .text = "/help");
	PUT(.id = "m3");
	PUT(.id = "m4", .kind = QG_MESSAGE_CLICK);
	PUT(.id = "m5", .kind = QG_MESSAGE_CLICK);
	PUT(.id = "m6", .kind = QG_MESSAGE_DUE);
	PUT(.id = "m7");
	PUT(.id = "m8");
	static const char *const batches[] = {"m1", "m2", "m3", "m4", "m5", "m6", "m7 m8"};
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		struct qg_entry entry = pull_one(ann);
		expect_batch(ann, &entry, batches[i]);
		ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
		qg_entry_finish(&entry);
	}
	expect_no_entry(ann);
}
END_TEST

START_TEST(take_is_repeatable)
{
	PUT(.id = "m1");
	PUT(.id = "m2");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1 m2");
	PUT(.id = "m3");
	expect_batch(ann, &entry, "m1 m2");
	expect_text("1", "HGET", "c:" TALK, "try", NULL);
	expect_text(NULL, "HGET", "c:" TALK, "km1", NULL);
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m3");
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_batch_says_when_it_was_stored_and_that_the_bot_is_paused)
{
	struct simple simple = {0};
	struct qg_batch batch = {0};
	PUT(.id = "m1", .now = NOW + 7);
	qg_queue_flag(ann, BOT, "paused", true, simple_answer, &simple);
	ck_assert_int_eq(wait_simple(&simple), QG_OK);
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, &batch), QG_OK);
	ck_assert_int_eq(batch.stored_at[0], NOW + 7);
	ck_assert(batch.paused);
	ck_assert_uint_eq(batch.failures, 0);
	ck_assert_str_eq(batch.history, "");
	ck_assert_uint_eq(json_object_size(batch.state), 0);
	qg_batch_finish(&batch);
	simple = (struct simple){0};
	qg_queue_flag(ann, BOT, "paused", false, simple_answer, &simple);
	ck_assert_int_eq(wait_simple(&simple), QG_OK);
	ck_assert_int_eq(take(ann, &entry, &batch), QG_OK);
	ck_assert(!batch.paused);
	qg_batch_finish(&batch);
	qg_entry_finish(&entry);
}
END_TEST

/* What is in the mailbox and is no message goes to the dead letters; the rest goes on. */
START_TEST(a_damaged_message_is_buried)
{
	PUT(.id = "m1");
	PUT(.id = "m2");
	qg_redis_reply_free(ask("LSET", "m:" TALK, "0", "garbage", NULL));
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m2");
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
	ck_assert_int_eq(depth_of(BOT), 1);
	expect_sound();
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(nothing_left_ends_the_entry)
{
	PUT(.id = "m1");
	qg_redis_reply_free(ask("LSET", "m:" TALK, "0", "garbage", NULL));
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_EMPTY);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_STALE);
	ck_assert_int_eq(ask_int("EXISTS", "c:" TALK, NULL), 0);
	ck_assert_int_eq(depth_of(BOT), 0);
	qg_entry_finish(&entry);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("pull");
	fixture_add(tcase);
	tcase_add_test(tcase, bots_give_one_each_in_turn);
	tcase_add_test(tcase, the_ring_goes_on_where_it_stood);
	tcase_add_test(tcase, a_bot_gives_no_more_than_each);
	tcase_add_test(tcase, bots_are_left_out);
	tcase_add_test(tcase, a_run_of_one_sender);
	tcase_add_test(tcase, a_run_of_one_thread);
	tcase_add_test(tcase, at_most_twenty);
	tcase_add_test(tcase, at_most_sixteen_kib);
	tcase_add_test(tcase, what_is_not_plain_text_travels_alone);
	tcase_add_test(tcase, take_is_repeatable);
	tcase_add_test(tcase, a_batch_says_when_it_was_stored_and_that_the_bot_is_paused);
	tcase_add_test(tcase, a_damaged_message_is_buried);
	tcase_add_test(tcase, nothing_left_ends_the_entry);
	Suite *suite = suite_create("queue/pull");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
