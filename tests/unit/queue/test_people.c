/* test_people.c - admins by a code, chats that admins enabled, and what a taken batch says of both. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNTIL (NOW + 15 * 60 * 1000)

static enum qg_status offer(const char *code, int64_t until)
{
	struct simple simple = {0};
	char digest[33];
	qg_bind_digest(BOT, code, digest);
	qg_bind_offer(ann, BOT, digest, until, simple_answer, &simple);
	return wait_simple(&simple);
}

static enum qg_status try(const char *user, const char *code, const char *message, int64_t now)
{
	struct simple simple = {0};
	char digest[33];
	qg_bind_digest(BOT, code, digest);
	qg_bind_try(ann, BOT, user, digest, message, now, simple_answer, &simple);
	return wait_simple(&simple);
}

struct people {
	bool came;
	char admins[256], chats[256];
};

static void join(char *out, size_t size, const char *const *names, size_t count)
{
	out[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(out);
		snprintf(out + used, size - used, "%s%s", i > 0 ? " " : "", names[i]);
	}
}

static void listed(void *arg, enum qg_status status, const char *const *admins, size_t admin_count,
	const char *const *chats, size_t chat_count)
{
	struct people *people = arg;
	ck_assert_int_eq(status, QG_OK);
	join(people->admins, sizeof(people->admins), admins, admin_count);
	join(people->chats, sizeof(people->chats), chats, chat_count);
	people->came = true;
	simple_answer(&(struct simple){0}, QG_OK);
}

static struct people people(void)
{
	struct people out = {0};
	qg_queue_people(ann, BOT, listed, &out);
	wait_for(&out.came);
	return out;
}

/* ---- codes ---- */

START_TEST(a_code_makes_one_admin_once)
{
	ck_assert_int_eq(try("li", "123456", "m1", NOW), QG_DENIED); /* none is offered */
	ck_assert_int_eq(offer("123456", UNTIL), QG_OK);
	ck_assert_int_eq(try("li", "123456", "m1", NOW), QG_OK);
	ck_assert_int_eq(try("li", "123456", "m1", NOW), QG_OK); /* the turn was made again */
	ck_assert_int_eq(try("li", "123456", "m2", NOW), QG_DENIED);
	ck_assert_int_eq(try("wang", "123456", "m1", NOW), QG_DENIED);
	ck_assert_str_eq(people().admins, "li");
}
END_TEST

START_TEST(five_wrong_tries_kill_it)
{
	char id[16];
	offer("123456", UNTIL);
	for (int i = 0; i < 4; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		ck_assert_int_eq(try("li", "000000", id, NOW), QG_DENIED);
		ck_assert_int_eq(try("li", "000000", id, NOW), QG_DENIED); /* the same try */
	}
	expect_text("4", "HGET", "bind:" BOT, "wrong", NULL);
	ck_assert_int_eq(try("wang", "000000", "m9", NOW), QG_DENIED);
	ck_assert_int_eq(try("li", "123456", "m10", NOW), QG_DENIED);
	ck_assert_str_eq(people().admins, "");
	offer("654321", UNTIL); /* a new one lives */
	ck_assert_int_eq(try("li", "654321", "m11", NOW), QG_OK);
}
END_TEST

START_TEST(four_wrong_tries_do_not)
{
	offer("123456", UNTIL);
	try("a", "1", "m1", NOW);
	try("a", "2", "m2", NOW);
	try("b", "3", "m3", NOW);
	try("b", "4", "m4", NOW);
	ck_assert_int_eq(try("li", "123456", "m5", NOW), QG_OK);
}
END_TEST

START_TEST(it_ends_with_its_time)
{
	offer("123456", UNTIL);
	ck_assert_int_eq(try("li", "123456", "m1", UNTIL + 1), QG_DENIED);
	ck_assert_int_eq(try("li", "123456", "m1", UNTIL), QG_OK);
	ck_assert_int_gt(ask_int("TTL", "bind:" BOT, NULL), 0);
}
END_TEST

/* The same offer sent again forgets no wrong try; another one replaces it, used or not. */
START_TEST(an_offer_may_be_sent_twice)
{
	offer("123456", UNTIL);
	try("li", "1", "m1", NOW);
	offer("123456", UNTIL);
	expect_text("1", "HGET", "bind:" BOT, "wrong", NULL);
	try("li", "123456", "m2", NOW);
	offer("123456", UNTIL);
	ck_assert_int_eq(try("wang", "123456", "m3", NOW), QG_DENIED);
	offer("123456", UNTIL + 1);
	ck_assert_int_eq(try("wang", "123456", "m3", NOW), QG_OK);
}
END_TEST

START_TEST(a_digest_is_of_its_bot)
{
	char one[33], two[33];
	qg_bind_digest(BOT, "123456", one);
	qg_bind_digest("stall", "123456", two);
	ck_assert_uint_eq(strlen(one), 32);
	ck_assert_str_ne(one, two);
}
END_TEST

/* ---- what a batch says ---- */

static void enable(const char *chat, const char *disabled)
{
	static int serial;
	char id[16];
	snprintf(id, sizeof(id), "e%d", serial++);
	PUT(.chat = "elsewhere", .id = id);
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_OK);
	struct qg_done what = {.batch = 1, .enable = chat, .disable = disabled};
	ck_assert_int_eq(done(ann, &entry, &what), QG_OK);
	ck_assert_int_eq(done(ann, &entry, &what), QG_STALE);
	qg_entry_finish(&entry);
}

/* "enabled bound" of the next batch, whose turn is ended. */
static const char *flags(const struct put *message)
{
	static char out[8];
	struct qg_batch batch = {0};
	ck_assert_int_eq(put(message), QG_OK);
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, &batch), QG_OK);
	snprintf(out, sizeof(out), "%d %d", batch.enabled, batch.bound);
	qg_batch_finish(&batch);
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	return out;
}
#define FLAGS(...) flags(&(struct put){__VA_ARGS__})

START_TEST(a_batch_says_whether_its_chat_is_enabled)
{
	ck_assert_str_eq(FLAGS(.id = "m1"), "0 0");
	enable(CHAT, NULL);
	ck_assert_str_eq(people().chats, CHAT);
	ck_assert_str_eq(FLAGS(.id = "m2"), "1 0");
	ck_assert_str_eq(FLAGS(.id = "m3", .chat = "other"), "0 0");
	enable("other", CHAT);
	ck_assert_str_eq(FLAGS(.id = "m4"), "0 0");
	ck_assert_str_eq(FLAGS(.id = "m5", .chat = "other"), "1 0");
}
END_TEST

/* The name of a conversation does not tell its chat: both may hold slashes. */
START_TEST(the_chat_is_the_messages_not_the_names)
{
	enable(CHAT, NULL);
	ck_assert_str_eq(FLAGS(.id = "m1", .conversation = TALK "/li"), "1 0");
	ck_assert_str_eq(FLAGS(.id = "m2", .chat = CHAT "/li"), "0 0");
	ck_assert_str_eq(FLAGS(.id = "m3", .chat = "a\"b\\c"), "0 0");
	enable("a\"b\\c", NULL);
	ck_assert_str_eq(FLAGS(.id = "m4", .chat = "a\"b\\c"), "1 0");
	ck_assert_str_eq(FLAGS(.id = "m5", .chat = "a", .text = "\"chat\":\"" CHAT "\""), "0 0");
}
END_TEST

START_TEST(a_batch_says_whether_its_sender_is_bound)
{
	offer("123456", UNTIL);
	try("li", "123456", "b1", NOW);
	ck_assert_str_eq(FLAGS(.id = "m1", .sender = "li"), "0 1");
	ck_assert_str_eq(FLAGS(.id = "m2", .sender = "wang"), "0 0");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("people");
	fixture_add(tcase);
	tcase_add_test(tcase, a_code_makes_one_admin_once);
	tcase_add_test(tcase, five_wrong_tries_kill_it);
	tcase_add_test(tcase, four_wrong_tries_do_not);
	tcase_add_test(tcase, it_ends_with_its_time);
	tcase_add_test(tcase, an_offer_may_be_sent_twice);
	tcase_add_test(tcase, a_digest_is_of_its_bot);
	tcase_add_test(tcase, a_batch_says_whether_its_chat_is_enabled);
	tcase_add_test(tcase, the_chat_is_the_messages_not_the_names);
	tcase_add_test(tcase, a_batch_says_whether_its_sender_is_bound);
	Suite *suite = suite_create("queue/people");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
