/* test_admin.c - depth, flags, dead letters and the check, for the metrics and for people. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/queue_admin.h"

static char error[QG_QUEUE_ADMIN_ERROR];

static struct qg_queue_admin admin(void)
{
	return (struct qg_queue_admin){
		.url = qg_test_redis_url(server), .partitions = 1, .now = NOW + 60000};
}

struct depth {
	bool came;
	int64_t waiting, buried, oldest;
	size_t entries, pending, dead;
};

static void measured(void *arg, enum qg_status status, const struct qg_depth *depth)
{
	struct depth *out = arg;
	ck_assert_int_eq(status, QG_OK);
	*out = (struct depth){true, qg_json_int(depth->waiting, BOT, 0),
		qg_json_int(depth->buried, BOT, 0), depth->oldest, depth->entries, depth->pending,
		depth->dead};
	simple_answer(&(struct simple){0}, QG_OK); /* stops the loop */
}

static struct depth depth(void)
{
	struct depth out = {0};
	qg_queue_depth(ann, 0, measured, &out);
	wait_for(&out.came);
	return out;
}

/* Fails the one message of the conversation until it is a dead letter. */
static void kill_message(const char *id)
{
	PUT(.id = id, .text = "为什么不回答");
	for (int i = 0; i < 5; i++) {
		struct qg_entry entry = pull_one(ann);
		expect_batch(ann, &entry, id);
		ck_assert_int_eq(fail_turn(ann, &entry, NULL, NULL), QG_OK);
		qg_entry_finish(&entry);
		due(NOW + 1000);
	}
}

static void kill_reply(const char *message, char letter)
{
	PUT(.id = message);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, message);
	ck_assert_int_eq(answer(ann, &entry, reply_id(letter)), QG_OK);
	struct qg_part part = {BOT, CHAT, reply_id(letter), 1, 0};
	ck_assert_int_eq(bury(&part, "not allowed"), QG_OK);
	qg_entry_finish(&entry);
}

static const char *id_of(const json_t *rows, size_t index)
{
	return qg_json_str(json_array_get(rows, index), "id", "");
}

/* ---- the metrics' view ---- */

START_TEST(depth_counts_what_waits)
{
	PUT(.id = "m1", .now = NOW + 5);
	PUT(.id = "m2", .now = NOW + 6);
	PUT(.id = "o1", .chat = "other", .now = NOW + 3);
	struct depth d = depth();
	ck_assert_int_eq(d.waiting, 3);
	ck_assert_int_eq(d.oldest, NOW + 3);
	ck_assert_uint_eq(d.entries, 2);
	ck_assert_uint_eq(d.pending, 0);
	struct qg_entry entries[2];
	ck_assert_uint_eq(pull(ann, 2, 2, NULL, entries), 2);
	d = depth();
	ck_assert_uint_eq(d.entries, 2);
	ck_assert_uint_eq(d.pending, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(take(ann, &entries[i], NULL), QG_OK);
		ck_assert_int_eq(answer(ann, &entries[i], NULL), QG_OK);
		qg_entry_finish(&entries[i]);
	}
	d = depth();
	ck_assert_int_eq(d.waiting, 0);
	ck_assert_int_eq(d.oldest, 0);
	ck_assert_uint_eq(d.entries + d.pending + d.dead, 0);
}
END_TEST

START_TEST(the_oldest_is_the_head)
{
	PUT(.id = "m1", .now = NOW + 5);
	PUT(.id = "m2", .sender = "wang", .now = NOW + 9);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	ck_assert_int_eq(depth().oldest, NOW + 9);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(dead_letters_are_counted)
{
	kill_message("m1");
	kill_reply("m2", 'a');
	struct depth d = depth();
	ck_assert_uint_eq(d.dead, 2);
	ck_assert_int_eq(d.buried, 2);
	ck_assert_int_eq(d.waiting, 0);
	struct qg_queue_admin a = admin();
	ck_assert_int_eq(qg_queue_admin_drop(&a, "0-1", error), QG_OK);
	d = depth();
	ck_assert_uint_eq(d.dead, 1);
	ck_assert_int_eq(d.buried, 2); /* how many there ever were */
}
END_TEST

/* ---- people's view ---- */

START_TEST(an_empty_queue_has_no_rows)
{
	struct qg_queue_admin a = admin();
	json_t *rows = qg_queue_admin_depth(&a, error);
	ck_assert_uint_eq(json_array_size(rows), 0);
	json_decref(rows);
	rows = qg_queue_admin_dead(&a, error);
	ck_assert_uint_eq(json_array_size(rows), 0);
	json_decref(rows);
}
END_TEST

START_TEST(a_row_a_bot)
{
	struct qg_queue_admin a = admin();
	PUT(.id = "m1", .now = NOW + 10000);
	PUT(.id = "m2", .now = NOW + 20000);
	PUT(.id = "o1", .chat = "other", .now = NOW);
	PUT(.id = "i1", .bot = "inn", .now = NOW + 99000);
	struct qg_entry entries[8];
	ck_assert_uint_eq(pull(ann, 1, 1, NULL, entries), 1);
	json_t *rows = qg_queue_admin_depth(&a, error);
	ck_assert_uint_eq(json_array_size(rows), 2);
	json_t *inn = json_array_get(rows, 0), *shop = json_array_get(rows, 1);
	ck_assert_str_eq(qg_json_str(inn, "bot", ""), "inn");
	ck_assert_int_eq(qg_json_int(inn, "oldest_ms", -1), 0); /* a clock that runs ahead */
	ck_assert_str_eq(qg_json_str(shop, "bot", ""), BOT);
	ck_assert_int_eq(qg_json_int(shop, "waiting", 0), 3);
	ck_assert_int_eq(qg_json_int(shop, "conversations", 0), 2);
	ck_assert_int_eq(qg_json_int(shop, "running", 0), 1);
	ck_assert_int_eq(qg_json_int(shop, "oldest_ms", 0), 60000);
	ck_assert_int_eq(qg_json_int(shop, "dead", -1), 0);
	json_decref(rows);
	qg_entry_finish(&entries[0]);
}
END_TEST

START_TEST(all_partitions_are_read)
{
	struct qg_queue_admin a = admin();
	struct qg_queue *wide = qg_queue_create(redis, 16, "wide");
	a.partitions = 16;
	ck_assert_uint_ne(qg_queue_partition(wide, "b1"), qg_queue_partition(wide, "b2"));
	char name[64], wire[64];
	static const char *const bots[] = {"b1", "b2"};
	for (size_t i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%sage",
			qg_queue_prefix(wide, qg_queue_partition(wide, bots[i])));
		snprintf(wire, sizeof(wire), "%s/x", bots[i]);
		qg_test_redis_do(server, "ZADD", name, "5", wire, NULL);
	}
	json_t *rows = qg_queue_admin_depth(&a, error);
	ck_assert_uint_eq(json_array_size(rows), 2);
	json_decref(rows);
	json_t *found = qg_queue_admin_check(&a, error);
	ck_assert_int_eq(qg_json_int(found, "checked", 0), 2);
	json_decref(found);
	qg_queue_destroy(wide);
}
END_TEST

START_TEST(dead_letters_are_listed)
{
	struct qg_queue_admin a = admin();
	kill_message("m1");
	kill_reply("m2", 'a');
	json_t *rows = qg_queue_admin_dead(&a, error);
	ck_assert_uint_eq(json_array_size(rows), 2);
	/* the reply's time is NOW, long before the clock of the failure */
	json_t *reply = json_array_get(rows, 0), *message = json_array_get(rows, 1);
	ck_assert_str_eq(qg_json_str(message, "id", ""), "0-1");
	ck_assert_str_eq(qg_json_str(message, "kind", ""), "message");
	ck_assert_str_eq(qg_json_str(message, "bot", ""), BOT);
	ck_assert_str_eq(qg_json_str(message, "place", ""), TALK);
	ck_assert_str_eq(qg_json_str(message, "reason", ""), "broken");
	ck_assert_str_eq(qg_json_str(message, "text", ""), "为什么不回答");
	ck_assert_str_eq(qg_json_str(reply, "id", ""), "0-2");
	ck_assert_str_eq(qg_json_str(reply, "kind", ""), "reply");
	ck_assert_str_eq(qg_json_str(reply, "place", ""), CHAT);
	ck_assert_str_eq(qg_json_str(reply, "reason", ""), "not allowed");
	ck_assert_str_eq(qg_json_str(reply, "text", ""), "answer");
	ck_assert_int_eq(qg_json_int(reply, "at", 0), NOW);
	json_decref(rows);
	rows = qg_queue_admin_depth(&a, error);
	ck_assert_int_eq(qg_json_int(json_array_get(rows, 0), "dead", 0), 2);
	json_decref(rows);
}
END_TEST

START_TEST(many_dead_letters_are_read_in_pages)
{
	struct qg_queue_admin a = admin();
	char number[24], letter[128];
	for (int i = 1; i <= 250; i++) {
		snprintf(number, sizeof(number), "%d", i);
		snprintf(letter, sizeof(letter),
			"{\"kind\":\"message\",\"bot\":\"b\",\"place\":\"b/"
			"c\",\"at\":%d,\"data\":\"\"}",
			1000 - i);
		qg_redis_reply_free(ask("HSET", "dead", number, letter, NULL));
	}
	qg_redis_reply_free(ask("HSET", "dead", "251", "garbage", NULL));
	json_t *rows = qg_queue_admin_dead(&a, error);
	ck_assert_uint_eq(json_array_size(rows), 251);
	ck_assert_str_eq(id_of(rows, 0), "0-251"); /* damaged: it can be dropped */
	ck_assert_str_eq(id_of(rows, 1), "0-250");
	ck_assert_str_eq(id_of(rows, 250), "0-1");
	ck_assert_int_eq(qg_queue_admin_drop(&a, "0-251", error), QG_OK);
	json_decref(rows);
}
END_TEST

START_TEST(a_long_text_is_cut)
{
	struct qg_queue_admin a = admin();
	char *text = calloc(1, 3001);
	for (int i = 0; i < 1000; i++) {
		memcpy(text + 3 * i, "长", 3);
	}
	PUT(.id = "m1", .text = text);
	qg_redis_reply_free(ask("HSET", "c:" TALK, "km1", "11", NULL));
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_EMPTY);
	json_t *rows = qg_queue_admin_dead(&a, error);
	const char *shown = qg_json_str(json_array_get(rows, 0), "text", "");
	ck_assert_uint_eq(strlen(shown), 120);
	ck_assert_str_eq(qg_json_str(json_array_get(rows, 0), "reason", ""), "crash");
	json_decref(rows);
	free(text);
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(a_message_is_tried_again)
{
	struct qg_queue_admin a = admin();
	kill_message("m1");
	PUT(.id = "m2", .sender = "wang");
	ck_assert_int_eq(qg_queue_admin_retry(&a, "0-1", error), QG_OK);
	ck_assert_int_eq(qg_queue_admin_retry(&a, "0-1", error), QG_NOT_FOUND);
	ck_assert_str_eq(error, "there is no dead letter '0-1'");
	ck_assert_int_eq(depth_of(BOT), 2);
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m2"); /* behind what waits */
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	entry = pull_one(ann);
	struct qg_batch batch = {0};
	ck_assert_int_eq(take(ann, &entry, &batch), QG_OK);
	ck_assert_str_eq(batch.messages[0]->id, "m1");
	ck_assert_uint_eq(batch.failures, 0); /* its failures are forgotten */
	ck_assert_int_eq(answer(ann, &entry, NULL), QG_OK);
	qg_batch_finish(&batch);
	qg_entry_finish(&entry);
	expect_sound();
}
END_TEST

START_TEST(a_reply_is_tried_again)
{
	struct qg_queue_admin a = admin();
	kill_reply("m1", 'a');
	expect_heads(1, "");
	ck_assert_int_eq(qg_queue_admin_retry(&a, "0-1", error), QG_OK);
	expect_heads(1, CHAT ":a");
	ck_assert_uint_eq(depth().dead, 0);
}
END_TEST

START_TEST(a_dropped_letter_is_gone)
{
	struct qg_queue_admin a = admin();
	kill_message("m1");
	ck_assert_int_eq(qg_queue_admin_drop(&a, "0-1", error), QG_OK);
	ck_assert_int_eq(qg_queue_admin_drop(&a, "0-1", error), QG_NOT_FOUND);
	ck_assert_int_eq(ask_int("EXISTS", "dead", NULL), 0);
	expect_no_entry(ann);
}
END_TEST

START_TEST(what_is_no_id_is_said)
{
	static const char *const ids[] = {"", "1", "-", "0-", "-1", "0-0", "1-1", "0-1x", "x-1",
		"0--1", "99999999999999999999-1", "0-99999999999999999999"};
	struct qg_queue_admin a = admin();
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		ck_assert_int_eq(qg_queue_admin_retry(&a, ids[i], error), QG_INVALID);
		ck_assert_int_eq(qg_queue_admin_drop(&a, ids[i], error), QG_INVALID);
	}
	ck_assert_int_eq(qg_queue_admin_drop(&a, "0-7", error), QG_NOT_FOUND);
}
END_TEST

START_TEST(no_redis_is_said)
{
	struct qg_queue_admin a = admin();
	a.url = "unix:/nonexistent/redis.sock";
	ck_assert_ptr_null(qg_queue_admin_depth(&a, error));
	ck_assert_uint_gt(strlen(error), 0);
	ck_assert_ptr_null(qg_queue_admin_dead(&a, error));
	ck_assert_ptr_null(qg_queue_admin_check(&a, error));
	ck_assert_int_eq(qg_queue_admin_drop(&a, "0-1", error), QG_FAILED);
}
END_TEST

/* ---- check: each damage is found, named and repaired, and the message gets its turn ---- */

static const struct damage {
	const char *command, *key, *a, *b;
	const char *problem;
	bool pulled; /* the entry is pending when it happens */
} damages[] = {
	{"DEL", "c:" TALK, NULL, NULL, "mail waits and nothing is scheduled", false},
	{"DEL", "c:" TALK, NULL, NULL, "mail waits and nothing is scheduled", true},
	{"DEL", "r:" BOT, NULL, NULL, "ready, but not once in the list of its bot", false},
	{"RPUSH", "r:" BOT, TALK, NULL, "ready, but not once in the list of its bot", false},
	{"DEL", "ring", NULL, NULL, "its bot does not stand once in the ring", false},
	{"RPUSH", "ring", BOT, NULL, "its bot does not stand once in the ring", false},
	{"DEL", "age", NULL, NULL, "scheduled, but not counted as waiting", false},
	{"SADD", "pend", TALK, NULL, "watched, but not pending", false},
	{"DEL", "pend", NULL, NULL, "pending, but nobody watches it", true},
	{"HDEL", "c:" TALK, "own", NULL, "pending, but nobody watches it", true},
	{"RPUSH", "r:" BOT, TALK, NULL, "in the ready list, but not ready", true},
	{"HSET", "c:" TALK, "state", "W", "watched, but not pending", true},
	{"HSET", "c:" TALK, "n", "7", "more is in flight than the mailbox holds", true},
	{"ZADD", "due", "5", "c:" TALK, "a retry is planned, but it does not wait", false},
};

START_TEST(damage_is_found_and_repaired)
{
	const struct damage *damage = &damages[_i];
	struct qg_queue_admin a = admin();
	struct qg_entry entry = {0};
	PUT(.id = "m1");
	if (damage->pulled) {
		entry = pull_one(ann);
	}
	qg_redis_reply_free(ask(damage->command, damage->key, damage->a, damage->b, NULL));
	json_t *found = qg_queue_admin_check(&a, error);
	ck_assert_msg(found != NULL, "%s", error);
	const json_t *repaired = json_object_get(found, "repaired");
	ck_assert_uint_eq(json_array_size(repaired), 1);
	ck_assert_str_eq(qg_json_str(json_array_get(repaired, 0), "place", ""), TALK);
	ck_assert_str_eq(qg_json_str(json_array_get(repaired, 0), "problem", ""), damage->problem);
	json_decref(found);
	expect_sound();
	found = qg_queue_admin_check(&a, error);
	ck_assert_uint_eq(json_array_size(json_object_get(found, "repaired")), 0);
	ck_assert_int_eq(qg_json_int(found, "checked", 0), 1);
	json_decref(found);
	if (damage->pulled) {
		ck_assert_int_eq(take(ann, &entry, NULL), QG_STALE);
	}
	qg_entry_finish(&entry);
	entry = pull_one(ben);
	expect_batch(ben, &entry, "m1");
	ck_assert_int_eq(answer(ben, &entry, NULL), QG_OK);
	qg_entry_finish(&entry);
	expect_no_entry(ben);
}
END_TEST

START_TEST(a_retry_that_was_lost_is_repaired)
{
	struct qg_queue_admin a = admin();
	PUT(.id = "m1");
	struct qg_entry entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	ck_assert_int_eq(fail_turn(ann, &entry, NULL, NULL), QG_OK);
	qg_entry_finish(&entry);
	qg_redis_reply_free(ask("DEL", "due", NULL));
	json_t *found = qg_queue_admin_check(&a, error);
	const json_t *repaired = json_object_get(found, "repaired");
	ck_assert_str_eq(qg_json_str(json_array_get(repaired, 0), "problem", ""),
		"waits for a retry that is not planned");
	json_decref(found);
	entry = pull_one(ann);
	expect_batch(ann, &entry, "m1");
	qg_entry_finish(&entry);
}
END_TEST

START_TEST(what_is_scheduled_without_mail_is_removed)
{
	struct qg_queue_admin a = admin();
	PUT(.id = "m1");
	qg_redis_reply_free(ask("DEL", "m:" TALK, NULL));
	json_t *found = qg_queue_admin_check(&a, error);
	ck_assert_uint_eq(
		json_array_size(json_object_get(found, "repaired")), 2); /* and the depth */
	json_decref(found);
	expect_sound();
	ck_assert_int_eq(depth_of(BOT), 0);
	ck_assert_int_eq(ask_int("EXISTS", "c:" TALK, NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "ring", NULL), 0);
}
END_TEST

START_TEST(a_wrong_count_is_repaired)
{
	struct qg_queue_admin a = admin();
	PUT(.id = "m1");
	qg_redis_reply_free(ask("HSET", "depth", BOT, "5", "ghost", "2", NULL));
	json_t *found = qg_queue_admin_check(&a, error);
	ck_assert_uint_eq(json_array_size(json_object_get(found, "repaired")), 2);
	json_decref(found);
	ck_assert_int_eq(depth_of(BOT), 1);
	ck_assert_int_eq(depth_of("ghost"), 0);
}
END_TEST

START_TEST(open_calls_that_cannot_be_read_are_removed)
{
	struct qg_queue_admin a = admin();
	qg_redis_reply_free(ask("HSET", "calls", "good", "\n$c\t5\n{}", "bad", "nonsense", NULL));
	qg_redis_reply_free(ask("HSET", "holds", "worse", "shop\t5", "fine", "shop\t$c\t5", NULL));
	json_t *found = qg_queue_admin_check(&a, error);
	ck_assert_uint_eq(json_array_size(json_object_get(found, "repaired")), 2);
	json_decref(found);
	ck_assert_int_eq(ask_int("HEXISTS", "calls", "good", NULL), 1);
	ck_assert_int_eq(ask_int("HLEN", "calls", NULL), 1);
	ck_assert_int_eq(ask_int("HEXISTS", "holds", "fine", NULL), 1);
	ck_assert_int_eq(ask_int("HLEN", "holds", NULL), 1);
}
END_TEST

START_TEST(many_conversations_are_checked_in_pages)
{
	struct qg_queue_admin a = admin();
	char chat[16];
	for (int i = 0; i < 230; i++) {
		snprintf(chat, sizeof(chat), "c%d", i);
		PUT(.id = chat, .chat = chat);
	}
	qg_redis_reply_free(ask("DEL", "r:" BOT, NULL));
	qg_redis_reply_free(ask("DEL", "ring", NULL));
	json_t *found = qg_queue_admin_check(&a, error);
	ck_assert_int_eq(qg_json_int(found, "checked", 0), 230);
	ck_assert_uint_eq(json_array_size(json_object_get(found, "repaired")), 230);
	json_decref(found);
	expect_sound();
	ck_assert_int_eq(ask_int("LLEN", "r:" BOT, NULL), 230);
	ck_assert_int_eq(ask_int("LLEN", "ring", NULL), 1);
}
END_TEST

/* A list that names what is no more, or what is not ready, gives nothing and loses nothing. */
START_TEST(a_pull_survives_damage)
{
	PUT(.id = "m1");
	qg_redis_reply_free(ask("LPUSH", "r:" BOT, "shop/ghost", NULL));
	qg_redis_reply_free(ask("LPUSH", "ring", "nobody", NULL));
	struct qg_entry entry = pull_one(ann);
	ck_assert_str_eq(entry.conversation, TALK);
	ck_assert_int_eq(ask_int("EXISTS", "c:shop/ghost", NULL), 0);
	qg_redis_reply_free(ask("RPUSH", "r:" BOT, TALK, NULL));
	qg_redis_reply_free(ask("RPUSH", "ring", BOT, NULL));
	expect_no_entry(ben); /* one turn at a time, whatever the lists say */
	expect_batch(ann, &entry, "m1");
	qg_entry_finish(&entry);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("admin");
	fixture_add(tcase);
	tcase_add_test(tcase, depth_counts_what_waits);
	tcase_add_test(tcase, the_oldest_is_the_head);
	tcase_add_test(tcase, dead_letters_are_counted);
	tcase_add_test(tcase, an_empty_queue_has_no_rows);
	tcase_add_test(tcase, a_row_a_bot);
	tcase_add_test(tcase, all_partitions_are_read);
	tcase_add_test(tcase, dead_letters_are_listed);
	tcase_add_test(tcase, many_dead_letters_are_read_in_pages);
	tcase_add_test(tcase, a_long_text_is_cut);
	tcase_add_test(tcase, a_message_is_tried_again);
	tcase_add_test(tcase, a_reply_is_tried_again);
	tcase_add_test(tcase, a_dropped_letter_is_gone);
	tcase_add_test(tcase, what_is_no_id_is_said);
	tcase_add_test(tcase, no_redis_is_said);
	tcase_add_loop_test(
		tcase, damage_is_found_and_repaired, 0, sizeof(damages) / sizeof(damages[0]));
	tcase_add_test(tcase, a_retry_that_was_lost_is_repaired);
	tcase_add_test(tcase, what_is_scheduled_without_mail_is_removed);
	tcase_add_test(tcase, a_wrong_count_is_repaired);
	tcase_add_test(tcase, open_calls_that_cannot_be_read_are_removed);
	tcase_add_test(tcase, many_conversations_are_checked_in_pages);
	tcase_add_test(tcase, a_pull_survives_damage);
	Suite *suite = suite_create("queue/admin");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
