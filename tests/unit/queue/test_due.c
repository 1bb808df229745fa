/* test_due.c - items that fall due: each run made once or counted as missed, the latest always made. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A turn of the conversation "<bot>/plan" ends with this item planned. */
static void plan(const char *item, const int64_t *times, size_t count)
{
	static int serial;
	char id[24];
	snprintf(id, sizeof(id), "ask%d", serial++);
	PUT(.chat = "plan", .id = id, .window_ms = 1);
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_OK);
	struct qg_message *message = qg_message_create();
	message->id = malloc(64);
	snprintf(message->id, 64, "due:%s:%%TIME%%", item);
	message->kind = QG_MESSAGE_DUE;
	message->chat = strdup(CHAT);
	message->sender = strdup("clock");
	message->text = strdup("report of %TIME%");
	char *wire = qg_message_encode(message, QG_STORED_AT_RUN, NULL);
	ck_assert_ptr_nonnull(wire);
	struct qg_due_item row = {.id = item,
		.bot = BOT,
		.conversation = TALK,
		.wire = wire,
		.times = times,
		.count = count};
	ck_assert_int_eq(done(ann, &entry, &(struct qg_done){.due = &row, .due_count = 1}), QG_OK);
	free(wire);
	qg_message_destroy(message);
	qg_entry_finish(&entry);
}

/* The one message there is: its id, its time, and its text. */
static void expect_run(const char *item, int64_t time)
{
	struct qg_batch batch = {0};
	char words[64];
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, &batch), QG_OK);
	ck_assert_uint_eq(batch.count, 1);
	ck_assert_int_eq(batch.messages[0]->kind, QG_MESSAGE_DUE);
	ck_assert_int_eq(batch.stored_at[0], time);
	snprintf(words, sizeof(words), "due:%s:%lld", item, (long long)time);
	ck_assert_str_eq(batch.messages[0]->id, words);
	snprintf(words, sizeof(words), "report of %lld", (long long)time);
	ck_assert_str_eq(batch.messages[0]->text, words);
	qg_batch_finish(&batch);
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	expect_no_entry(ann);
	expect_sound();
}

START_TEST(nothing_before_its_time)
{
	plan("daily", (int64_t[]){NOW + 10, NOW + 20}, 2);
	ck_assert_uint_eq(due(NOW + 9), 0);
	expect_no_entry(ann);
	ck_assert_uint_eq(due(NOW + 10), 1);
	expect_run("daily", NOW + 10);
	ck_assert_uint_eq(due(NOW + 10), 0);
	ck_assert_int_eq(ask_int("ZSCORE", "due", "i:daily", NULL), NOW + 20);
}
END_TEST

START_TEST(the_latest_missed_run_is_made_once)
{
	plan("daily", (int64_t[]){NOW + 10, NOW + 20, NOW + 30, NOW + 40}, 4);
	ck_assert_uint_eq(due(NOW + 35), 1);
	expect_run("daily", NOW + 30);
	ck_assert_int_eq(ask_int("HGET", "i:daily", "missed", NULL), 2);
	ck_assert_int_eq(ask_int("EXISTS", "d:" BOT ":due:daily:1700000000010", NULL), 1);
	ck_assert_int_eq(ask_int("EXISTS", "d:" BOT ":due:daily:1700000000020", NULL), 1);
	ck_assert_int_eq(ask_int("EXISTS", "d:" BOT ":due:daily:1700000000030", NULL), 1);
	ck_assert_int_gt(ask_int("TTL", "d:" BOT ":due:daily:1700000000020", NULL), 6 * 24 * 3600);
	expect_text("1700000000040", "HGET", "i:daily", "times", NULL);
}
END_TEST

START_TEST(an_item_without_further_times_is_gone)
{
	plan("once", (int64_t[]){NOW + 10}, 1);
	due(NOW + 10);
	expect_run("once", NOW + 10);
	ck_assert_int_eq(ask_int("EXISTS", "i:once", NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "due", NULL), 0);
}
END_TEST

/* A clock set back, or a process that plans it anew, makes no run twice. */
START_TEST(a_run_keeps_its_key)
{
	plan("daily", (int64_t[]){NOW + 10, NOW + 20}, 2);
	due(NOW + 10);
	expect_run("daily", NOW + 10);
	plan("daily", (int64_t[]){NOW + 5, NOW + 10, NOW + 20}, 3);
	ck_assert_uint_eq(due(NOW + 15), 1);
	expect_no_entry(
		ann); /* the latest of the two was made before, and the earlier one missed */
	ck_assert_int_eq(ask_int("HGET", "i:daily", "missed", NULL), 1);
	due(NOW + 20);
	expect_run("daily", NOW + 20);
}
END_TEST

START_TEST(a_stored_time_is_only_made_earlier)
{
	plan("daily", (int64_t[]){NOW + 20, NOW + 40}, 2);
	/* a restart, later: what fell due meanwhile is not forgotten */
	plan("daily", (int64_t[]){NOW + 30, NOW + 50}, 2);
	ck_assert_int_eq(ask_int("ZSCORE", "due", "i:daily", NULL), NOW + 20);
	expect_text("1700000000020 1700000000030 1700000000050", "HGET", "i:daily", "times", NULL);
	plan("daily", (int64_t[]){NOW + 10, NOW + 50}, 2);
	ck_assert_int_eq(ask_int("ZSCORE", "due", "i:daily", NULL), NOW + 10);
	expect_text("1700000000010 1700000000050", "HGET", "i:daily", "times", NULL);
	ck_assert_uint_eq(due(NOW + 10), 1);
	expect_run("daily", NOW + 10);
}
END_TEST

START_TEST(an_item_without_times_plans_nothing)
{
	plan("never", NULL, 0);
	ck_assert_int_eq(ask_int("EXISTS", "i:never", NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "due", NULL), 0);
}
END_TEST

START_TEST(items_come_in_order_of_their_times)
{
	plan("late", (int64_t[]){NOW + 20}, 1);
	plan("early", (int64_t[]){NOW + 10}, 1);
	ck_assert_uint_eq(due(NOW + 30), 2);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "due:early:1700000000010");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	expect_run("late", NOW + 20);
}
END_TEST

START_TEST(an_item_that_lost_its_row_is_dropped)
{
	qg_redis_reply_free(ask("ZADD", "due", "5", "i:lost", NULL));
	qg_redis_reply_free(ask("ZADD", "due", "6", "c:" TALK, NULL));
	ck_assert_uint_eq(due(NOW), 2);
	ck_assert_uint_eq(due(NOW), 0);
	expect_no_entry(ann);
}
END_TEST

START_TEST(retries_and_items_share_the_set)
{
	PUT(.id = "m1", .window_ms = 1);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(fail_turn(ann, &entry, NULL, NULL), QG_OK);
	qg_entry_finish(&entry);
	plan("daily", (int64_t[]){NOW + 500}, 1);
	ck_assert_uint_eq(due(NOW + 999), 1); /* the item waits behind the message that failed */
	expect_no_entry(ann);
	ck_assert_uint_eq(due(NOW + 1000), 1);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	expect_run("daily", NOW + 500);
}
END_TEST

START_TEST(many_are_moved_a_hundred_at_a_time)
{
	char member[32];
	for (int i = 0; i < 150; i++) {
		snprintf(member, sizeof(member), "i:gone%d", i);
		qg_redis_reply_free(ask("ZADD", "due", "5", member, NULL));
	}
	ck_assert_uint_eq(due(NOW), 100);
	ck_assert_uint_eq(due(NOW), 50);
}
END_TEST

START_TEST(nothing_is_left_behind)
{
	plan("daily", (int64_t[]){NOW + 10, NOW + 20}, 2);
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	due(NOW + 10);
	expect_run("daily", NOW + 10);
	due(NOW + 20);
	expect_run("daily", NOW + 20);
	static const char *const used[] = {
		"d:" BOT ":due:daily:1700000000010", "d:" BOT ":due:daily:1700000000020"};
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_gt(ask_int("PTTL", used[i], NULL), 0);
		qg_redis_reply_free(ask("DEL", used[i], NULL)); /* its week is over */
	}
	expect_nothing_left();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("due");
	fixture_add(tcase);
	tcase_add_test(tcase, nothing_before_its_time);
	tcase_add_test(tcase, the_latest_missed_run_is_made_once);
	tcase_add_test(tcase, an_item_without_further_times_is_gone);
	tcase_add_test(tcase, a_run_keeps_its_key);
	tcase_add_test(tcase, a_stored_time_is_only_made_earlier);
	tcase_add_test(tcase, an_item_without_times_plans_nothing);
	tcase_add_test(tcase, items_come_in_order_of_their_times);
	tcase_add_test(tcase, an_item_that_lost_its_row_is_dropped);
	tcase_add_test(tcase, retries_and_items_share_the_set);
	tcase_add_test(tcase, many_are_moved_a_hundred_at_a_time);
	tcase_add_test(tcase, nothing_is_left_behind);
	Suite *suite = suite_create("queue/due");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
