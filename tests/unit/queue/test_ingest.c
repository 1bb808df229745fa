/* test_ingest.c - what comes in is stored once, in order, up to a ceiling, and said so. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAILBOX = 200, FEED = 1000 };

static void fill(const char *chat, int count)
{
	for (int i = 0; i < count; i++) {
		char id[32];
		snprintf(id, sizeof(id), "%s-%d", chat, i);
		ck_assert_int_eq(PUT(.chat = chat, .id = id), QG_OK);
	}
}

START_TEST(stores_and_schedules)
{
	ck_assert_int_eq(PUT(.id = "m1"), QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "m:" TALK, NULL), 1);
	ck_assert_int_eq(depth_of(BOT), 1);
	expect_text("R", "HGET", "c:" TALK, "state", NULL);
	ck_assert_int_eq(ask_int("ZSCORE", "age", TALK, NULL), NOW);
	expect_sound();
}
END_TEST

/* A conversation has one entry, however many messages wait. */
START_TEST(schedules_once)
{
	PUT(.id = "m1");
	expect_text("1", "HGET", "c:" TALK, "id", NULL);
	PUT(.id = "m2");
	expect_text("1", "HGET", "c:" TALK, "id", NULL);
	ck_assert_int_eq(ask_int("LLEN", "r:" BOT, NULL), 1);
	struct qg_entry entry = pull_one(ann);
	PUT(.id = "m3");
	expect_no_entry(ben);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_known_id_changes_nothing)
{
	ck_assert_int_eq(PUT(.id = "m1"), QG_OK);
	ck_assert_int_eq(PUT(.id = "m1", .text = "again"), QG_DUPLICATE);
	ck_assert_int_eq(PUT(.id = "m1", .chat = "another"), QG_DUPLICATE);
	ck_assert_int_eq(PUT(.id = "m1", .unselected = true, .event = "{}"), QG_DUPLICATE);
	ck_assert_int_eq(depth_of(BOT), 1);
	ck_assert_int_eq(ask_int("EXISTS", "feed:" BOT, NULL), 0);
	expect_sound();
}
END_TEST

/* The id belongs to its bot: two bots may hear of one message. */
START_TEST(another_bot_has_ids_of_its_own)
{
	ck_assert_int_eq(PUT(.id = "m1"), QG_OK);
	ck_assert_int_eq(PUT(.id = "m1", .bot = "inn"), QG_OK);
	ck_assert_int_eq(depth_of("inn"), 1);
}
END_TEST

START_TEST(a_known_id_stays_known_after_its_turn)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	ck_assert_int_eq(PUT(.id = "m1"), QG_DUPLICATE);
	expect_no_entry(ann);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(the_window_is_the_platforms)
{
	PUT(.id = "m1", .window_ms = 7200000);
	int64_t left = ask_int("PTTL", "d:" BOT ":m1", NULL);
	ck_assert_int_gt(left, 7190000);
	ck_assert_int_le(left, 7200000);
	PUT(.id = "m2", .window_ms = 1);
	while (ask_int("EXISTS", "d:" BOT ":m2", NULL) == 1) {
	}
	ck_assert_int_eq(PUT(.id = "m2"), QG_OK);
}
END_TEST

START_TEST(unselected_notes_the_id_only)
{
	ck_assert_int_eq(PUT(.id = "m1", .unselected = true), QG_OK);
	ck_assert_int_eq(ask_int("EXISTS", "m:" TALK, NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "c:" TALK, NULL), 0);
	ck_assert_int_eq(depth_of(BOT), 0);
	ck_assert_int_eq(PUT(.id = "m1"), QG_DUPLICATE);
	expect_no_entry(ann);
}
END_TEST

START_TEST(a_web_group_is_shown_every_message)
{
	PUT(.id = "m1", .event = "{\"id\":\"m1\"}");
	PUT(.id = "m2", .event = "{\"id\":\"m2\"}", .unselected = true);
	PUT(.id = "m3", .unselected = true);
	struct qg_redis_reply *feed = ask("XRANGE", "feed:" BOT, "-", "+", NULL);
	ck_assert_uint_eq(feed->count, 2);
	const struct qg_redis_reply *fields = &feed->items[1].items[1];
	ck_assert_str_eq(fields->items[0].text, "e");
	ck_assert_str_eq(fields->items[1].text, "message");
	ck_assert_str_eq(fields->items[2].text, "d");
	ck_assert_str_eq(fields->items[3].text, "{\"id\":\"m2\"}");
	qg_redis_reply_free(feed);
}
END_TEST

START_TEST(the_feed_has_a_ceiling)
{
	char id[16];
	for (int i = 0; i < FEED + 5; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		PUT(.id = id, .event = "{}", .unselected = true);
	}
	ck_assert_int_eq(ask_int("XLEN", "feed:" BOT, NULL), FEED);
}
END_TEST

/* 200 wait: the next asks for the refusal, and is not known while nobody has brought one. */
START_TEST(a_full_mailbox_asks_for_its_refusal)
{
	fill(CHAT, MAILBOX);
	ck_assert_int_eq(PUT(.id = "late"), QG_NOT_FOUND);
	ck_assert_int_eq(ask_int("EXISTS", "d:" BOT ":late", NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "w:" BOT, NULL), 0);
	ck_assert_int_eq(PUT(.id = "late", .refusal = reply_id('f')), QG_FULL);
	expect_heads(1, CHAT ":f");
	ck_assert_int_eq(ask_int("LLEN", "m:" TALK, NULL), MAILBOX);
	ck_assert_int_eq(depth_of(BOT), MAILBOX);
	expect_sound();
}
END_TEST

START_TEST(one_refusal_until_there_is_room)
{
	fill(CHAT, MAILBOX);
	PUT(.id = "late1", .refusal = reply_id('a'));
	ck_assert_int_eq(PUT(.id = "late2"), QG_FULL);
	ck_assert_int_eq(PUT(.id = "late3", .refusal = reply_id('b')), QG_FULL);
	expect_heads(1, CHAT ":a");
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":" CHAT, NULL), 1);

	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_OK);
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "m:" TALK, NULL), MAILBOX - 20);
	for (int i = 0; i < 20; i++) {
		char id[16];
		snprintf(id, sizeof(id), "more%d", i);
		ck_assert_int_eq(PUT(.id = id), QG_OK);
	}
	ck_assert_int_eq(PUT(.id = "late4"), QG_NOT_FOUND);
	ck_assert_int_eq(PUT(.id = "late4", .refusal = reply_id('c')), QG_FULL);
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":" CHAT, NULL), 2);
	qg_entry_finish(&entry);
}
END_TEST

/* A refused message was answered: delivered again it is a duplicate, and its first answer stands. */
START_TEST(a_refused_message_is_known)
{
	fill(CHAT, MAILBOX);
	PUT(.id = "late", .refusal = reply_id('a'));
	expect_text("full", "GET", "d:" BOT ":late", NULL);
	ck_assert_int_gt(ask_int("PTTL", "d:" BOT ":late", NULL), 0);
	ck_assert_int_eq(PUT(.id = "late"), QG_DUPLICATE);
	expect_text("stored", "GET", "d:" BOT ":room-0", NULL);
}
END_TEST

START_TEST(full_is_a_matter_of_one_conversation)
{
	fill(CHAT, MAILBOX);
	ck_assert_int_eq(PUT(.id = "other", .chat = "another"), QG_OK);
	ck_assert_int_eq(PUT(.id = "unselected", .unselected = true), QG_OK);
}
END_TEST

START_TEST(a_web_group_is_shown_what_is_refused)
{
	fill(CHAT, MAILBOX);
	PUT(.id = "late", .event = "{}");
	ck_assert_int_eq(ask_int("XLEN", "feed:" BOT, NULL), 0);
	PUT(.id = "late", .event = "{}", .refusal = reply_id('a'));
	ck_assert_int_eq(ask_int("XLEN", "feed:" BOT, NULL), 1);
}
END_TEST

START_TEST(order_is_that_of_acceptance)
{
	PUT(.id = "m1", .now = NOW + 5);
	PUT(.id = "m2", .now = NOW);
	PUT(.id = "m3", .now = NOW + 1);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1 m2 m3");
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(what_is_no_message_is_refused)
{
	ck_assert_int_eq(PUT(.id = "tab\there"), QG_FAILED);
	ck_assert_int_eq(PUT(.id = ""), QG_FAILED);
	ck_assert_int_eq(ask_int("EXISTS", "m:" TALK, NULL), 0);
}
END_TEST

START_TEST(scripts_come_back)
{
	PUT(.id = "m1");
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	ck_assert_int_eq(PUT(.id = "m2"), QG_OK);
	ck_assert_int_eq(PUT(.id = "m2"), QG_DUPLICATE);
	ck_assert_int_eq(depth_of(BOT), 2);
}
END_TEST

/* Redis full: nothing is stored, and that is said as such, not as a full mailbox. What drains still runs. */
START_TEST(a_full_redis_takes_nothing_in_but_drains)
{
	PUT(.id = "m1");
	PUT(.id = "m2", .chat = "another");
	struct qg_entry entries[2], claimed;
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "1", NULL);
	ck_assert_int_eq(PUT(.id = "m3"), QG_BUSY);
	ck_assert_int_eq(ask_int("EXISTS", "d:" BOT ":m3", NULL), 0);
	ck_assert_uint_eq(pull(ann, 2, 2, NULL, entries), 2);
	expect_batch(ann, &entries[0], "m1");
	ck_assert_int_eq(beat(ann, &entries[0]), QG_OK);
	claimed = claim_now(ben, TALK);
	ck_assert_int_eq(fail_turn(ben, &claimed, NULL, NULL), QG_OK);
	ck_assert_uint_eq(due(NOW + 1000), 1);
	qg_entry_finish(&claimed);
	claimed = pull_one(ben);
	ck_assert_int_eq(give(ben, &claimed), QG_OK);
	qg_entry_finish(&claimed);
	claimed = pull_one(ben);
	expect_batch(ben, &claimed, "m1");
	ck_assert_int_eq(answer(ben, &claimed, reply_id('a')), QG_OK);
	expect_batch(ann, &entries[1], "m2");
	ck_assert_int_eq(answer(ann, &entries[1], reply_id('b')), QG_OK);
	ck_assert_int_eq(adopt(BOT, 1), QG_OK);
	ck_assert_uint_eq(land_all(1), 2);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "0", NULL);
	ck_assert_int_eq(depth_of(BOT), 0);
	expect_sound();
	qg_entry_finish(&entries[0]);
	qg_entry_finish(&entries[1]);
	qg_entry_finish(&claimed);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("ingest");
	fixture_add(tcase);
	tcase_add_test(tcase, stores_and_schedules);
	tcase_add_test(tcase, schedules_once);
	tcase_add_test(tcase, a_known_id_changes_nothing);
	tcase_add_test(tcase, another_bot_has_ids_of_its_own);
	tcase_add_test(tcase, a_known_id_stays_known_after_its_turn);
	tcase_add_test(tcase, the_window_is_the_platforms);
	tcase_add_test(tcase, unselected_notes_the_id_only);
	tcase_add_test(tcase, a_web_group_is_shown_every_message);
	tcase_add_test(tcase, the_feed_has_a_ceiling);
	tcase_add_test(tcase, a_full_mailbox_asks_for_its_refusal);
	tcase_add_test(tcase, one_refusal_until_there_is_room);
	tcase_add_test(tcase, a_refused_message_is_known);
	tcase_add_test(tcase, full_is_a_matter_of_one_conversation);
	tcase_add_test(tcase, a_web_group_is_shown_what_is_refused);
	tcase_add_test(tcase, order_is_that_of_acceptance);
	tcase_add_test(tcase, what_is_no_message_is_refused);
	tcase_add_test(tcase, scripts_come_back);
	tcase_add_test(tcase, a_full_redis_takes_nothing_in_but_drains);
	Suite *suite = suite_create("queue/ingest");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
