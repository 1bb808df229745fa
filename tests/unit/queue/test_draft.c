/* test_draft.c - rows of answers being made: how long they live, and when people may see them. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

/* ---- what is published ---- */

static struct qg_redis_listener *listener;
static char heard[256]; /* texts, joined by blanks */
static bool is_listening, has_ended;

static void rang(void *arg, const char *channel, const char *row, size_t size)
{
	struct qg_draft draft;
	json_t *holder;
	if (qg_draft_decode(row, size, &draft, &holder) == QG_OK) {
		size_t used = strlen(heard);
		snprintf(heard + used, sizeof(heard) - used, "%s%s", used > 0 ? " " : "",
			draft.text);
		json_decref(holder);
	} else {
		has_ended = true;
		wake();
	}
}

static void subscribed(void *arg, bool up)
{
	is_listening = up;
	wake();
}

static void listen(void)
{
	static const char *const channels[] = {"qg:{0}:draft"};
	heard[0] = '\0';
	is_listening = false;
	listener = qg_redis_listen(
		loop, qg_test_redis_url(server), channels, 1, rang, subscribed, NULL);
	ck_assert_ptr_nonnull(listener);
	wait_for(&is_listening);
}

static void listen_no_more(void)
{
	qg_redis_listener_destroy(listener);
	listener = NULL;
}

/* All that was published since. */
static void expect_heard(const char *texts)
{
	has_ended = false;
	qg_test_redis_do(server, "PUBLISH", "qg:{0}:draft", "no draft", NULL);
	wait_for(&has_ended);
	ck_assert_str_eq(heard, texts);
	heard[0] = '\0';
}

/* ---- what stands in Redis ---- */

struct rows {
	bool came;
	size_t count;
	struct qg_draft draft;
	char text[64];
};

static void rows_came(void *arg, enum qg_status status, const char *const *rows, size_t count)
{
	struct rows *came = arg;
	json_t *holder;
	ck_assert_int_eq(status, QG_OK);
	came->came = true;
	came->count = count;
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(
			qg_draft_decode(rows[i], strlen(rows[i]), &came->draft, &holder), QG_OK);
		snprintf(came->text, sizeof(came->text), "%s", came->draft.text);
		json_decref(holder);
	}
	wake();
}

static struct rows drafts(bool in_order)
{
	struct rows rows = {0};
	qg_queue_drafts(ann, BOT, in_order, rows_came, &rows);
	wait_for(&rows.came);
	return rows;
}

START_TEST(an_open_draft_outlives_its_worker)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(draft(ann, &entry, 1, "half"), QG_OK);
	ck_assert_int_eq(draft(ann, &entry, 2, "half an answer"), QG_OK);
	struct rows rows = drafts(false);
	ck_assert_uint_eq(rows.count, 1);
	ck_assert_str_eq(rows.text, "half an answer");
	ck_assert_int_eq(rows.draft.sequence, 2);

	struct qg_entry next = claim_now(ben, TALK);
	ck_assert_int_eq(draft(ann, &entry, 3, "zombie"), QG_STALE);
	ck_assert_str_eq(drafts(false).text, "half an answer");
	expect_batch(ben, &next, "m1");
	ck_assert_int_eq(draft(ben, &next, 4, "anew"), QG_OK);
	ck_assert_int_eq(answer(ben, &next, reply_id('a')), QG_OK);
	ck_assert_uint_eq(drafts(false).count, 0);
	ck_assert_int_eq(draft(ben, &next, 5, "late"), QG_STALE);
	ck_assert_uint_eq(drafts(false).count, 0);
	qg_entry_finish(&entry);
	qg_entry_finish(&next);
}
END_TEST

START_TEST(a_retry_goes_on_with_its_draft)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(draft(ann, &entry, 1, "half"), QG_OK);
	ck_assert_int_eq(fail_turn(ann, &entry, NULL, NULL), QG_OK);
	ck_assert_uint_eq(drafts(false).count, 1);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(each_bot_has_its_own)
{
	PUT(.bot = "shopping", .id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(draft(ann, &entry, 1, "half"), QG_OK);
	ck_assert_uint_eq(drafts(false).count, 0);
	qg_entry_finish(&entry);
}
END_TEST

/* ---- order ---- */

/* The chat's next turn, with its batch; the one before left its answer in the out list. */
static struct qg_entry behind_an_answer(char letter)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(answer(ann, &entry, reply_id(letter)), QG_OK);
	qg_entry_finish(&entry);
	PUT(.id = "m2");
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m2");
	return entry;
}

static void land_it(char letter)
{
	struct qg_part part = {BOT, CHAT, reply_id(letter), 1, 0};
	ck_assert_int_eq(land(&part, true), QG_OK);
}

START_TEST(earlier_answers_land_first)
{
	struct qg_entry entry = behind_an_answer('a');
	listen();
	ck_assert_int_eq(draft(ann, &entry, 1, "one"), QG_OK);
	ck_assert_int_eq(draft(ann, &entry, 2, "two"), QG_OK);
	struct qg_part part = {BOT, CHAT, reply_id('a'), 1, 0};
	ck_assert_int_eq(put_off(&part, NOW + 60000, 1), QG_OK);
	ck_assert_int_eq(draft(ann, &entry, 3, "three"), QG_OK);
	ck_assert_uint_eq(drafts(true).count, 0); /* nor to an owner who begins */
	ck_assert_uint_eq(drafts(false).count, 1);
	expect_heard("");
	land_it('a');
	ck_assert_int_eq(land(&part, true), QG_EMPTY); /* sent twice */
	expect_heard("three");
	ck_assert_uint_eq(drafts(true).count, 1);
	ck_assert_int_eq(draft(ann, &entry, 4, "four"), QG_OK);
	expect_heard("four");
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(all_of_them_do)
{
	struct qg_entry entry = behind_an_answer('a');
	ck_assert_int_eq(answer(ann, &entry, reply_id('b')), QG_OK);
	qg_entry_finish(&entry);
	PUT(.id = "m3");
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m3");
	listen();
	ck_assert_int_eq(draft(ann, &entry, 1, "one"), QG_OK);
	land_it('a');
	expect_heard("");
	struct qg_part part = {BOT, CHAT, reply_id('b'), 1, 0};
	ck_assert_int_eq(bury(&part, "hopeless"), QG_OK);
	expect_heard("one");
	qg_entry_finish(&entry);
}
END_TEST

/* What comes into the list later stands behind it. */
START_TEST(one_that_was_shown_goes_on)
{
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	listen();
	ck_assert_int_eq(draft(ann, &entry, 1, "one"), QG_OK);
	struct simple simple = {0};
	struct qg_reply *notice = make_reply(reply_id('c'), CHAT, "a notice");
	qg_out_post(ann, BOT, &notice, 1, 1, simple_answer, &simple);
	ck_assert_int_eq(wait_simple(&simple), QG_OK);
	ck_assert_int_eq(draft(ann, &entry, 2, "two"), QG_OK);
	ck_assert_uint_eq(drafts(true).count, 1);
	expect_heard("one two");
	land_it('c');
	expect_heard("");
	qg_reply_destroy(notice);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(what_no_order_binds_is_shown_at_once)
{
	struct qg_entry entry = behind_an_answer('a');
	struct simple simple = {0};
	json_t *answers = json_pack("[s]", "m2");
	struct qg_draft early = {.reply = reply_id('d'),
		.bot = BOT,
		.chat = CHAT,
		.conversation = TALK,
		.answers = answers,
		.text = "early",
		.early = true};
	listen();
	qg_queue_draft(ann, &entry, &early, simple_answer, &simple);
	ck_assert_int_eq(wait_simple(&simple), QG_OK);
	expect_heard("early");
	json_decref(answers);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_turn_that_ended_shows_no_more)
{
	struct qg_entry entry = behind_an_answer('a');
	listen();
	ck_assert_int_eq(draft(ann, &entry, 1, "one"), QG_OK);
	ck_assert_int_eq(answer(ann, &entry, reply_id('b')), QG_OK);
	qg_entry_finish(&entry);
	land_it('a');
	land_it('b');
	expect_heard("");
	ck_assert_int_eq(ask_int("EXISTS", "late:" BOT ":" CHAT, NULL), 0);
}
END_TEST

/* Its next try does, behind the apology. */
START_TEST(a_turn_that_failed_shows_no_more)
{
	struct qg_entry entry = behind_an_answer('a');
	listen();
	ck_assert_int_eq(draft(ann, &entry, 1, "one"), QG_OK);
	ck_assert_int_eq(fail_turn(ann, &entry, reply_id('e'), NULL), QG_OK);
	qg_entry_finish(&entry);
	land_it('a');
	ck_assert_uint_eq(due(NOW + 1000), 1);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m2");
	ck_assert_int_eq(draft(ann, &entry, 2, "again"), QG_OK);
	expect_heard("");
	land_it('e');
	expect_heard("again");
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_chat_that_was_left_holds_nothing_back)
{
	struct qg_entry entry = behind_an_answer('a');
	struct simple simple = {0};
	ck_assert_int_eq(draft(ann, &entry, 1, "one"), QG_OK);
	ck_assert_int_eq(ask_int("SCARD", "late:" BOT ":" CHAT, NULL), 1);
	qg_queue_leave(ann, BOT, CHAT, "e1", 1000, simple_answer, &simple);
	ck_assert_int_eq(wait_simple(&simple), QG_OK);
	ck_assert_int_eq(ask_int("EXISTS", "late:" BOT ":" CHAT, NULL), 0);
	qg_entry_finish(&entry);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("draft");
	fixture_add(tcase);
	tcase_add_checked_fixture(tcase, NULL, listen_no_more);
	tcase_add_test(tcase, an_open_draft_outlives_its_worker);
	tcase_add_test(tcase, a_retry_goes_on_with_its_draft);
	tcase_add_test(tcase, each_bot_has_its_own);
	tcase_add_test(tcase, earlier_answers_land_first);
	tcase_add_test(tcase, all_of_them_do);
	tcase_add_test(tcase, one_that_was_shown_goes_on);
	tcase_add_test(tcase, what_no_order_binds_is_shown_at_once);
	tcase_add_test(tcase, a_turn_that_ended_shows_no_more);
	tcase_add_test(tcase, a_turn_that_failed_shows_no_more);
	tcase_add_test(tcase, a_chat_that_was_left_holds_nothing_back);
	Suite *suite = suite_create("queue/draft");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
