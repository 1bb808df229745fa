/* test_withdraw.c - a message is taken back while it waits for its turn, and never revived; nothing else is. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

enum { WINDOW = 3600000 };

struct withdrawal {
	bool came;
	enum qg_status status;
	char id[64], conversation[128], handle[64];
};

static void withdrawn(void *arg, enum qg_status status, const struct qg_message *message,
	const char *conversation)
{
	struct withdrawal *withdrawal = arg;
	ck_assert(!withdrawal->came);
	withdrawal->status = status;
	if (message != NULL) {
		snprintf(withdrawal->id, sizeof(withdrawal->id), "%s", message->id);
		snprintf(withdrawal->conversation, sizeof(withdrawal->conversation), "%s",
			conversation);
	}
	struct simple simple = {0};
	simple_answer(&simple, status); /* stops the loop */
	withdrawal->came = true;
}

static struct withdrawal withdraw_from(
	const char *chat, const char *id, bool shows_open, const char *end)
{
	struct withdrawal withdrawal = {0};
	struct qg_reply *reply = end != NULL ? make_reply(end, chat, "") : NULL;
	struct qg_withdrawal what = {.bot = BOT,
		.chat = chat,
		.message = id,
		.window_ms = WINDOW,
		.shows_open = shows_open,
		.end = reply};
	qg_queue_withdraw(ann, &what, withdrawn, &withdrawal);
	ck_assert(!withdrawal.came);
	wait_for(&withdrawal.came);
	qg_reply_destroy(reply);
	return withdrawal;
}

static void withdraw(const char *id)
{
	ck_assert_int_eq(withdraw_from(CHAT, id, false, NULL).status, QG_OK);
}

START_TEST(what_waits_is_taken_back)
{
	PUT(.id = "m1");
	PUT(.id = "m2");
	PUT(.id = "m3");
	withdraw("m2");
	ck_assert_int_eq(depth_of(BOT), 2);
	expect_sound();
	withdraw("m2");
	ck_assert_int_eq(depth_of(BOT), 2);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1 m3");
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(delivered_again_it_is_not_revived)
{
	PUT(.id = "m1", .window_ms = 7200000);
	withdraw("m1");
	expect_text("withdrawn", "GET", "d:" BOT ":m1", NULL);
	ck_assert_int_gt(ask_int("PTTL", "d:" BOT ":m1", NULL), WINDOW); /* as it was */
	ck_assert_int_eq(PUT(.id = "m1"), QG_EMPTY);
	expect_nothing_of(TALK);
	expect_no_entry(ann);
}
END_TEST

START_TEST(withdrawn_before_it_came_it_never_does)
{
	withdraw("m1");
	ck_assert_int_gt(ask_int("PTTL", "d:" BOT ":m1", NULL), WINDOW - 10000);
	ck_assert_int_eq(PUT(.id = "m1", .event = "{}"), QG_EMPTY);
	ck_assert_int_eq(ask_int("EXISTS", "feed:" BOT, NULL), 0);
	ck_assert_int_eq(PUT(.id = "m2"), QG_OK);
	ck_assert_int_eq(depth_of(BOT), 1);
}
END_TEST

/* Each conversation of the chat, by the note of its dedupe key. */
START_TEST(every_conversation_of_the_chat_is_found)
{
	PUT(.id = "m1", .conversation = TALK "/li");
	PUT(.id = "m2", .conversation = TALK "/wang", .sender = "wang");
	PUT(.id = "m3", .conversation = TALK "/t/1", .thread = "t/1");
	withdraw("m1");
	expect_nothing_of(TALK "/li");
	withdraw("m3");
	expect_nothing_of(TALK "/t/1");
	ck_assert_int_eq(depth_of(BOT), 1);
	ck_assert_int_eq(withdraw_from("elsewhere", "m2", false, NULL).status, QG_OK);
	ck_assert_int_eq(depth_of(BOT), 1);
	withdraw("m2");
	ck_assert_int_eq(depth_of(BOT), 0);
}
END_TEST

START_TEST(what_a_turn_has_stays)
{
	PUT(.id = "m1");
	PUT(.id = "m2");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1 m2");
	PUT(.id = "m3");
	withdraw("m1");
	withdraw("m2");
	withdraw("m3");
	ck_assert_int_eq(depth_of(BOT), 2);
	expect_sound();
	expect_batch(ann, &entry, "m1 m2");
	ck_assert_int_eq(PUT(.id = "m1"), QG_DUPLICATE);
	ck_assert_int_eq(answer(ann, &entry, reply_id('a')), QG_OK);
	withdraw("m1");
	ck_assert_int_eq(PUT(.id = "m1"), QG_DUPLICATE);
	expect_nothing_of(TALK);
	expect_heads(1, CHAT ":a");
	qg_entry_finish(&entry);
}
END_TEST

/* Given back it is nobody's for a while, but it was shown. */
START_TEST(a_batch_given_back_stays)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(give(ann, &entry), QG_OK);
	qg_entry_finish(&entry);
	withdraw("m1");
	entry = pull_one(ben);
	expect_batch(ben, &entry, "m1");
	qg_entry_finish(&entry);
}
END_TEST

/* The last one that waited: nothing is left for any worker, however far the entry came. */
START_TEST(an_emptied_mailbox_is_not_scheduled)
{
	PUT(.id = "m1");
	withdraw("m1");
	expect_nothing_of(TALK);
	ck_assert_int_eq(ask_int("EXISTS", "ring", NULL), 0);
	ck_assert_int_eq(PUT(.id = "m2"), QG_OK);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m2");
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(an_entry_just_pulled_is_empty)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	withdraw("m1");
	ck_assert_int_eq(depth_of(BOT), 0);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_EMPTY);
	expect_nothing_of(TALK);
	qg_entry_finish(&entry);

	PUT(.id = "m2");
	entry = pull_one(ann);
	withdraw("m2");
	ck_assert_int_eq(give(ann, &entry), QG_OK);
	expect_nothing_of(TALK);
	qg_entry_finish(&entry);

	PUT(.id = "m3");
	entry = pull_one(ann);
	withdraw("m3");
	ck_assert_int_eq(fail_turn(ann, &entry, reply_id('a'), NULL), QG_OK);
	expect_nothing_of(TALK);
	expect_heads(1, "");
	qg_entry_finish(&entry);

	PUT(.id = "m4");
	entry = pull_one(ann);
	withdraw("m4");
	PUT(.id = "m5");
	expect_no_entry(ben);
	expect_batch(ann, &entry, "m5");
	qg_entry_finish(&entry);
}
END_TEST

/* It failed and waits for its retry, others behind it: these need not wait any longer. */
START_TEST(what_waits_for_a_retry_goes_and_the_rest_at_once)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(draft(ann, &entry, 1, "so far"), QG_OK);
	ck_assert_int_eq(fail_turn(ann, &entry, NULL, NULL), QG_OK);
	PUT(.id = "m2", .sender = "wang", .now = NOW + 7);
	qg_entry_finish(&entry);
	expect_no_entry(ann);
	withdraw("m1");
	expect_sound();
	ck_assert_int_eq(ask_int("ZCARD", "due", NULL), 0);
	ck_assert_int_eq(ask_int("ZSCORE", "age", TALK, NULL), NOW + 7);
	ck_assert_int_eq(ask_int("EXISTS", "open", NULL), 0);
	ck_assert_int_eq(ask_int("HEXISTS", "c:" TALK, "em1", NULL), 0);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m2");
	ck_assert_int_eq(fail_turn(ann, &entry, NULL, NULL), QG_OK);
	withdraw("m2");
	expect_nothing_of(TALK);
	ck_assert_uint_eq(due(NOW + 5000), 0);
	qg_entry_finish(&entry);
}
END_TEST

/* A crash was counted for the first one alone: without it nobody is suspect. */
START_TEST(suspicion_goes_with_the_message)
{
	PUT(.id = "m1");
	PUT(.id = "m2", .sender = "wang");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	qg_entry_finish(&entry);
	entry = claim_now(ben, TALK);
	expect_batch(ben, &entry, "m1");
	expect_text("1", "HGET", "c:" TALK, "suspect", NULL);
	ck_assert_int_eq(fail_turn(ben, &entry, NULL, NULL), QG_OK);
	qg_entry_finish(&entry);
	withdraw("m1");
	expect_text(NULL, "HGET", "c:" TALK, "suspect", NULL);
	entry = pull_one(ann);
	ck_assert(!entry.suspect);
	expect_batch(ann, &entry, "m2");
	qg_entry_finish(&entry);
}
END_TEST

/* A full mailbox has room again, and refuses anew when it has none. */
START_TEST(room_is_made)
{
	char id[16];
	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		PUT(.id = id);
	}
	ck_assert_int_eq(PUT(.id = "late", .refusal = reply_id('f')), QG_FULL);
	withdraw("late"); /* which was answered */
	ck_assert_int_eq(PUT(.id = "late"), QG_DUPLICATE);
	withdraw("m150");
	ck_assert_int_eq(PUT(.id = "more"), QG_OK);
	ck_assert_int_eq(PUT(.id = "too late"), QG_NOT_FOUND);
	ck_assert_int_eq(depth_of(BOT), 200);
	expect_sound();
}
END_TEST

/* Where it is shown as open the end is asked for, and put out with the same step that takes it back. */
START_TEST(what_is_shown_as_open_gets_its_end)
{
	PUT(.id = "m1", .conversation = TALK "/li");
	struct withdrawal found = withdraw_from(CHAT, "m1", true, NULL);
	ck_assert_int_eq(found.status, QG_NOT_FOUND);
	ck_assert_str_eq(found.id, "m1");
	ck_assert_str_eq(found.conversation, TALK "/li");
	ck_assert_int_eq(depth_of(BOT), 1);
	expect_text("stored/li", "GET", "d:" BOT ":m1", NULL);
	for (int i = 0; i < 2; i++) { /* and sent twice */
		found = withdraw_from(CHAT, "m1", true, reply_id('e'));
		ck_assert_int_eq(found.status, QG_OK);
		ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":" CHAT, NULL), 1);
	}
	expect_heads(1, CHAT ":e");
	expect_nothing_of(TALK "/li");
	/* taken meanwhile: it has an end of its own */
	PUT(.id = "m2");
	ck_assert_int_eq(withdraw_from(CHAT, "m2", true, NULL).status, QG_NOT_FOUND);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m2");
	ck_assert_int_eq(withdraw_from(CHAT, "m2", true, reply_id('f')).status, QG_OK);
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":" CHAT, NULL), 1);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(what_nobody_took_up_is_not_looked_for)
{
	PUT(.id = "m1", .unselected = true);
	withdraw("m1");
	ck_assert_int_eq(PUT(.id = "m1"), QG_DUPLICATE);
	ck_assert_int_eq(ask_int("EXISTS", "depth", NULL), 0);
}
END_TEST

START_TEST(a_full_redis_lets_go)
{
	PUT(.id = "m1");
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "1", NULL);
	ck_assert_int_eq(withdraw_from(CHAT, "m1", false, NULL).status, QG_OK);
	ck_assert_int_eq(withdraw_from(CHAT, "m2", false, NULL).status, QG_BUSY);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "0", NULL);
	expect_nothing_of(TALK);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("withdraw");
	fixture_add(tcase);
	tcase_add_test(tcase, what_waits_is_taken_back);
	tcase_add_test(tcase, delivered_again_it_is_not_revived);
	tcase_add_test(tcase, withdrawn_before_it_came_it_never_does);
	tcase_add_test(tcase, every_conversation_of_the_chat_is_found);
	tcase_add_test(tcase, what_a_turn_has_stays);
	tcase_add_test(tcase, a_batch_given_back_stays);
	tcase_add_test(tcase, an_emptied_mailbox_is_not_scheduled);
	tcase_add_test(tcase, an_entry_just_pulled_is_empty);
	tcase_add_test(tcase, what_waits_for_a_retry_goes_and_the_rest_at_once);
	tcase_add_test(tcase, suspicion_goes_with_the_message);
	tcase_add_test(tcase, room_is_made);
	tcase_add_test(tcase, what_is_shown_as_open_gets_its_end);
	tcase_add_test(tcase, what_nobody_took_up_is_not_looked_for);
	tcase_add_test(tcase, a_full_redis_lets_go);
	Suite *suite = suite_create("queue/withdraw");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
