/* test_leave.c - all of a chat that the bot left is forgotten, once; nothing of others is. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "qg/str.h"

enum { WINDOW = 3600000 };

static enum qg_status leave(const char *chat, const char *event)
{
	struct simple simple = {0};
	qg_queue_leave(ann, BOT, chat, event, WINDOW, simple_answer, &simple);
	return wait_simple(&simple);
}

static void plan_in(
	struct qg_entry *entry, const char *id, const char *conversation, const char *chat)
{
	struct qg_message *message = qg_message_create();
	message->id = qg_str_printf("due:%s:1", id);
	message->kind = QG_MESSAGE_DUE;
	message->chat = qg_str_copy(chat);
	message->sender = qg_str_copy("bot");
	message->text = qg_str_copy("早报");
	char *wire = qg_message_encode(message, NOW, NULL);
	const int64_t times[] = {NOW + 5000, NOW + 90000};
	const struct qg_due_item item = {id, BOT, conversation, wire, times, 2};
	const struct qg_done what = {.due = &item, .due_count = 1};
	ck_assert_int_eq(done(ann, entry, &what), QG_OK);
	qg_entry_finish(entry);
	qg_message_destroy(message);
	free(wire);
}

static void plan_from(const char *chat, const char *id)
{
	char *conversation = qg_str_printf(BOT "/%s", chat);
	PUT(.id = id, .chat = chat);
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_OK);
	plan_in(&entry, id, conversation, chat);
	free(conversation);
}

static void reply_to(const char *chat, char letter)
{
	struct qg_reply *reply = make_reply(reply_id(letter), chat, "hi");
	struct simple simple = {0};
	qg_out_post(ann, BOT, &reply, 1, QG_POST_KEEP_S, simple_answer, &simple);
	ck_assert_int_eq(wait_simple(&simple), QG_OK);
	qg_reply_destroy(reply);
}

START_TEST(all_of_the_chat_is_dropped)
{
	plan_from(CHAT, "daily");
	PUT(.id = "m1");
	PUT(.id = "m2", .conversation = TALK "/li");
	PUT(.id = "m3", .conversation = TALK "/li");
	reply_to(CHAT, 'a');
	reply_to(CHAT, 'b');
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
		expect_nothing_of(TALK);
		expect_nothing_of(TALK "/li");
		ck_assert_int_eq(depth_of(BOT), 0);
		ck_assert_int_eq(ask_int("EXISTS", "o:" BOT ":" CHAT, NULL), 0);
		ck_assert_int_eq(ask_int("EXISTS", "w:" BOT, NULL), 0);
		ck_assert_int_eq(ask_int("EXISTS", "due", NULL), 0);
		ck_assert_int_eq(ask_int("EXISTS", "i:daily", NULL), 0);
	}
	char note[80];
	snprintf(note, sizeof(note), "p:" BOT ":%s", reply_id('a'));
	ck_assert_int_gt(ask_int("TTL", note, NULL), 0); /* nothing is kept for ever */
	expect_no_entry(ann);
	expect_heads(1, "");
	ck_assert_uint_eq(due(NOW + 100000), 0);
}
END_TEST

START_TEST(nothing_of_other_chats_is)
{
	plan_from("other", "daily");
	plan_from(CHAT "s", "weekly");
	PUT(.id = "m1", .chat = CHAT "s");
	PUT(.id = "m2", .chat = CHAT "/x"); /* the name of a conversation of CHAT with one x */
	PUT(.id = "m3", .bot = "inn");
	reply_to("other", 'a');
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
	ck_assert_int_eq(depth_of(BOT), 2);
	ck_assert_int_eq(depth_of("inn"), 1);
	ck_assert_int_eq(ask_int("ZCARD", "due", NULL), 2);
	expect_heads(1, "other:a");
	expect_sound();
}
END_TEST

/* A turn goes on with what it holds and ends as ever; what came behind it is gone. */
START_TEST(a_turn_keeps_its_batch)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(draft(ann, &entry, 1, "so far"), QG_OK);
	PUT(.id = "m2");
	PUT(.id = "m3", .sender = "wang");
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
	ck_assert_int_eq(depth_of(BOT), 1);
	expect_sound();
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(answer(ann, &entry, reply_id('a')), QG_OK);
	expect_nothing_of(TALK);
	expect_heads(1, CHAT ":a"); /* for the platform to say that nobody is there */
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_turn_that_has_nothing_yet_finds_nothing)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
	ck_assert_int_eq(depth_of(BOT), 0);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_EMPTY);
	expect_nothing_of(TALK);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(what_was_given_back_or_waits_for_a_retry_is_dropped)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(draft(ann, &entry, 1, "so far"), QG_OK);
	ck_assert_int_eq(give(ann, &entry), QG_OK);
	qg_entry_finish(&entry);
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
	expect_nothing_of(TALK);
	PUT(.id = "m2");
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m2");
	ck_assert_int_eq(fail_turn(ann, &entry, NULL, NULL), QG_OK);
	ck_assert_int_eq(leave(CHAT, "e2"), QG_OK);
	expect_nothing_of(TALK);
	ck_assert_int_eq(ask_int("EXISTS", "due", NULL), 0);
	ck_assert_int_eq(done(ann, &entry, &(struct qg_done){0}), QG_STALE);
	qg_entry_finish(&entry);
}
END_TEST

static void enable(const char *chat, const char *id)
{
	PUT(.id = id, .chat = chat, .text = "/启用");
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_OK);
	ck_assert_int_eq(done(ann, &entry, &(struct qg_done){.enable = chat}), QG_OK);
	qg_entry_finish(&entry);
}

/* Whoever takes the bot in again need not be an admin. */
START_TEST(the_chat_is_not_enabled_any_more)
{
	enable(CHAT, "m1");
	enable("other", "m2");
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
	ck_assert_int_eq(ask_int("SISMEMBER", "g:" BOT, CHAT, NULL), 0);
	ck_assert_int_eq(ask_int("SISMEMBER", "g:" BOT, "other", NULL), 1);
	enable(CHAT, "m3");
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK); /* told twice */
	ck_assert_int_eq(ask_int("SISMEMBER", "g:" BOT, CHAT, NULL), 1);
}
END_TEST

/* Told a second time, hours later: the bot may be back, and at work. */
START_TEST(an_event_counts_once)
{
	PUT(.id = "m1");
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
	ck_assert_int_gt(ask_int("PTTL", "d:" BOT ":left:e1", NULL), WINDOW - 10000);
	PUT(.id = "m2");
	reply_to(CHAT, 'a');
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
	ck_assert_int_eq(depth_of(BOT), 1);
	expect_heads(1, CHAT ":a");
	ck_assert_int_eq(leave(CHAT, "e2"), QG_OK);
	expect_nothing_of(TALK);
	ck_assert_int_eq(PUT(.id = "m1"), QG_DUPLICATE); /* what was dropped stays so */
}
END_TEST

/* More than a page of conversations, due items and replies. */
START_TEST(a_crowd_is_dropped_page_by_page)
{
	enum { MANY = 350 };
	char conversation[64], id[32], member[48], wire[128];
	for (int i = 0; i < MANY; i++) {
		snprintf(conversation, sizeof(conversation), TALK "/u%d", i);
		snprintf(id, sizeof(id), "m%d", i);
		PUT(.id = id, .conversation = conversation);
		snprintf(id, sizeof(id), "n%d", i);
		snprintf(conversation, sizeof(conversation), "chat%d", i);
		PUT(.id = id, .chat = conversation);
		snprintf(member, sizeof(member), "i:%d", i);
		snprintf(wire, sizeof(wire), "1\t2\tdue:%d:1\tbot\t\t1\n{\"chat\":\"%s\"}", i,
			i % 2 ? CHAT : "other");
		qg_redis_reply_free(ask("HSET", member, "bot", BOT, "conversation",
			i % 2 ? TALK : BOT "/other", "wire", wire, "times", "9", NULL));
		qg_redis_reply_free(ask("ZADD", "due", "9", member, NULL));
		snprintf(wire, sizeof(wire), "%032x\n{}", i);
		qg_redis_reply_free(ask("RPUSH", "o:" BOT ":" CHAT, wire, NULL));
	}
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
	ck_assert_int_eq(depth_of(BOT), MANY);
	ck_assert_int_eq(ask_int("ZCARD", "age", NULL), MANY);
	ck_assert_int_eq(ask_int("ZCARD", "due", NULL), MANY / 2);
	ck_assert_int_eq(ask_int("EXISTS", "o:" BOT ":" CHAT, NULL), 0);
}
END_TEST

START_TEST(a_head_under_way_is_gone)
{
	reply_to(CHAT, 'a');
	ck_assert_int_eq(adopt(BOT, 1), QG_OK);
	const struct qg_part part = {BOT, CHAT, reply_id('a'), 1, 0};
	ck_assert_int_eq(start(&part, "[\"one\",\"two\"]"), QG_OK);
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
	ck_assert_int_eq(ask_int("EXISTS", "q:" BOT ":" CHAT, NULL), 0);
	ck_assert_int_eq(put_off(&part, NOW + 5, 1), QG_EMPTY);
	ck_assert_int_eq(bury(&part, "gone"), QG_EMPTY);
	ck_assert_int_eq(ask_int("EXISTS", "dead", NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "w:" BOT, NULL), 0);
}
END_TEST

START_TEST(a_full_redis_forgets_the_chat)
{
	PUT(.id = "m1");
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "1", NULL);
	ck_assert_int_eq(leave(CHAT, "e1"), QG_OK);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "0", NULL);
	expect_nothing_of(TALK);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("leave");
	fixture_add(tcase);
	tcase_add_test(tcase, all_of_the_chat_is_dropped);
	tcase_add_test(tcase, nothing_of_other_chats_is);
	tcase_add_test(tcase, a_turn_keeps_its_batch);
	tcase_add_test(tcase, a_turn_that_has_nothing_yet_finds_nothing);
	tcase_add_test(tcase, the_chat_is_not_enabled_any_more);
	tcase_add_test(tcase, what_was_given_back_or_waits_for_a_retry_is_dropped);
	tcase_add_test(tcase, an_event_counts_once);
	tcase_add_test(tcase, a_crowd_is_dropped_page_by_page);
	tcase_add_test(tcase, a_head_under_way_is_gone);
	tcase_add_test(tcase, a_full_redis_forgets_the_chat);
	Suite *suite = suite_create("queue/leave");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
