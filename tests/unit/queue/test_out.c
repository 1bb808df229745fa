/* test_out.c - the out lists as their owner sees them: heads, parts, marks, waits, dead letters, epochs. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A reply in the out list of a chat, by way of a turn. */
static void reply(const char *chat, char letter)
{
	static int serial;
	char id[24];
	snprintf(id, sizeof(id), "m%d", serial++);
	PUT(.chat = chat, .id = id, .window_ms = 1);
	struct qg_entry entry = pull_one(ann);
	ck_assert_int_eq(take(ann, &entry, NULL), QG_OK);
	ck_assert_int_eq(answer(ann, &entry, reply_id(letter)), QG_OK);
	qg_entry_finish(&entry);
}

static struct qg_part part(char letter, unsigned number, uint64_t epoch)
{
	return (struct qg_part){BOT, CHAT, reply_id(letter), epoch, number};
}

/* The one head there is. */
static struct qg_head head(uint64_t epoch, int64_t now)
{
	struct qg_head list[64];
	size_t count;
	ck_assert_int_eq(heads(epoch, now, 64, list, &count, NULL), QG_OK);
	ck_assert_uint_eq(count, 1);
	return list[0];
}

START_TEST(one_head_a_chat_in_order)
{
	reply("z", 'a');
	reply("b", 'b');
	reply("z", 'c');
	expect_heads(1, "z:a b:b");
	struct qg_part first = {BOT, "z", reply_id('a'), 1, 0};
	ck_assert_int_eq(land(&first, true), QG_OK);
	expect_heads(1, "b:b z:c"); /* z stands behind b now: many chats with work take turns */
}
END_TEST

START_TEST(chats_under_way_are_left_out)
{
	static const char *const under_way[] = {"c", "a"};
	struct qg_head list[64];
	size_t count;
	reply("a", '1');
	reply("b", '2');
	reply("c", '3');
	reply("d", '4');
	ck_assert_int_eq(heads_beside(1, NOW, 1, under_way, 2, list, &count, NULL), QG_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(list[0].chat, "b");
	qg_head_finish(&list[0]);
	ck_assert_int_eq(heads_beside(1, NOW, 64, under_way, 2, list, &count, NULL), QG_OK);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(list[1].chat, "d");
	qg_head_finish(&list[0]);
	qg_head_finish(&list[1]);
	expect_heads(1, "a:1 b:2 c:3 d:4"); /* all are still there for who has none of them */
}
END_TEST

START_TEST(chats_take_turns_in_a_small_window)
{
	struct qg_head list[64];
	size_t count;
	reply("a", '1');
	reply("a", '2');
	reply("b", '3');
	ck_assert_int_eq(heads(1, NOW, 1, list, &count, NULL), QG_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(list[0].chat, "a");
	qg_head_finish(&list[0]);
	struct qg_part first = {BOT, "a", reply_id('1'), 1, 0};
	ck_assert_int_eq(land(&first, true), QG_OK);
	ck_assert_int_eq(heads(1, NOW, 1, list, &count, NULL), QG_OK);
	ck_assert_str_eq(list[0].chat, "b");
	qg_head_finish(&list[0]);
}
END_TEST

START_TEST(a_head_is_the_reply_as_it_was)
{
	reply(CHAT, 'a');
	struct qg_head h = head(1, NOW);
	ck_assert_str_eq(h.chat, CHAT);
	ck_assert_str_eq(h.id, reply_id('a'));
	ck_assert_str_eq(h.reply->id, reply_id('a'));
	ck_assert_str_eq(h.reply->text, "answer");
	ck_assert_uint_eq(h.reply->part, 0);
	ck_assert_uint_eq(h.reply->attempts, 0);
	ck_assert(!h.started);
	ck_assert_ptr_null(h.parts);
	qg_head_finish(&h);
}
END_TEST

/* The mark and the parts are stored before the first call; who comes later sees them. */
START_TEST(a_start_leaves_its_mark)
{
	reply(CHAT, 'a');
	struct qg_part p = part('a', 0, 1);
	ck_assert_int_eq(start(&p, "[\"one\",\"two\"]"), QG_OK);
	ck_assert_int_eq(start(&p, "[\"one\",\"two\"]"), QG_OK); /* sent twice */
	struct qg_head h = head(1, NOW);
	ck_assert(h.started);
	ck_assert_uint_eq(json_array_size(h.parts), 2);
	qg_head_finish(&h);
}
END_TEST

START_TEST(parts_land_one_after_the_other)
{
	reply(CHAT, 'a');
	reply(CHAT, 'b');
	struct qg_part p = part('a', 0, 1);
	ck_assert_int_eq(start(&p, "[\"one\",\"two\"]"), QG_OK);
	ck_assert_int_eq(put_off(&p, NOW, 3), QG_OK);
	ck_assert_int_eq(land(&p, false), QG_OK);
	struct qg_head h = head(1, NOW);
	ck_assert_uint_eq(h.reply->part, 1);
	ck_assert_uint_eq(h.reply->attempts, 0);
	ck_assert(!h.started);
	ck_assert_uint_eq(json_array_size(h.parts), 2);
	qg_head_finish(&h);
	p.number = 1;
	ck_assert_int_eq(start(&p, NULL), QG_OK);
	ck_assert_int_eq(land(&p, true), QG_OK);
	expect_heads(1, CHAT ":b");
	ck_assert_int_eq(ask_int("EXISTS", "q:" BOT ":" CHAT, NULL), 0);
}
END_TEST

/* What names another part or another reply than the head is told so, and changes nothing. */
START_TEST(a_repeat_is_told_that_it_landed)
{
	reply(CHAT, 'a');
	reply(CHAT, 'b');
	struct qg_part p = part('a', 0, 1), later = part('a', 2, 1), wrong = part('b', 0, 1);
	ck_assert_int_eq(start(&p, "[\"one\",\"two\"]"), QG_OK);
	ck_assert_int_eq(land(&p, false), QG_OK);
	ck_assert_int_eq(land(&p, false), QG_EMPTY);
	ck_assert_int_eq(start(&p, NULL), QG_EMPTY);
	ck_assert_int_eq(land(&later, true), QG_EMPTY);
	ck_assert_int_eq(start(&wrong, NULL), QG_EMPTY);
	ck_assert_int_eq(land(&wrong, true), QG_EMPTY);
	ck_assert_int_eq(put_off(&wrong, NOW + 5, 1), QG_EMPTY);
	ck_assert_int_eq(bury(&wrong, "wrong"), QG_EMPTY);
	p.number = 1;
	ck_assert_int_eq(land(&p, true), QG_OK);
	ck_assert_int_eq(land(&p, true), QG_EMPTY);
	expect_heads(1, CHAT ":b");
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 0);
}
END_TEST

START_TEST(a_wait_is_a_due_time)
{
	struct qg_head list[64];
	size_t count;
	int64_t next;
	reply(CHAT, 'a');
	reply("other", 'b');
	struct qg_part p = part('a', 0, 1);
	ck_assert_int_eq(start(&p, NULL), QG_OK);
	ck_assert_int_eq(put_off(&p, NOW + 5000, 2), QG_OK);
	reply(CHAT, 'c'); /* what comes later does not make it earlier */
	ck_assert_int_eq(heads(1, NOW, 64, list, &count, &next), QG_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(list[0].chat, "other");
	ck_assert_int_eq(next, NOW + 5000);
	qg_head_finish(&list[0]);
	struct qg_part other = {BOT, "other", reply_id('b'), 1, 0};
	ck_assert_int_eq(land(&other, true), QG_OK);
	ck_assert_int_eq(heads(1, NOW + 4999, 64, list, &count, &next), QG_OK);
	ck_assert_uint_eq(count, 0);
	struct qg_head h = head(1, NOW + 5000);
	ck_assert_uint_eq(h.reply->attempts, 2);
	ck_assert_int_eq(h.id[0], 'a');
	qg_head_finish(&h);
}
END_TEST

START_TEST(nothing_waits)
{
	struct qg_head list[64];
	size_t count;
	int64_t next;
	reply(CHAT, 'a');
	ck_assert_int_eq(heads(1, NOW, 64, list, &count, &next), QG_OK);
	ck_assert_int_eq(next, 0);
	qg_head_finish(&list[0]);
}
END_TEST

START_TEST(a_dead_reply_makes_way)
{
	reply(CHAT, 'a');
	reply(CHAT, 'b');
	struct qg_part p = part('a', 0, 1);
	ck_assert_int_eq(start(&p, NULL), QG_OK);
	ck_assert_int_eq(put_off(&p, NOW + 5000, 2), QG_OK);
	ck_assert_int_eq(bury(&p, "refused"), QG_OK);
	ck_assert_int_eq(bury(&p, "refused"), QG_EMPTY);
	expect_heads(1, CHAT ":b"); /* at once */
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 1);
	ck_assert_int_eq(ask_int("HGET", "buried", BOT, NULL), 1);
}
END_TEST

/* ---- epochs ---- */

START_TEST(an_older_epoch_changes_nothing)
{
	struct qg_head list[64];
	size_t count;
	reply(CHAT, 'a');
	struct qg_part old = part('a', 0, 4), now = part('a', 0, 5);
	ck_assert_int_eq(adopt(BOT, 4), QG_OK);
	ck_assert_int_eq(start(&old, NULL), QG_OK);
	ck_assert_int_eq(adopt(BOT, 5), QG_OK);
	ck_assert_int_eq(adopt(BOT, 5), QG_OK);
	ck_assert_int_eq(adopt(BOT, 4), QG_STALE);
	ck_assert_int_eq(heads(4, NOW, 64, list, &count, NULL), QG_STALE);
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(start(&old, NULL), QG_STALE);
	ck_assert_int_eq(land(&old, true), QG_STALE);
	ck_assert_int_eq(put_off(&old, NOW + 9, 9), QG_STALE);
	ck_assert_int_eq(bury(&old, "zombie"), QG_STALE);
	struct qg_head h = head(5, NOW);
	ck_assert(h.started); /* the new owner sees that the call was begun */
	ck_assert_uint_eq(h.reply->attempts, 0);
	qg_head_finish(&h);
	ck_assert_int_eq(land(&now, true), QG_OK);
	ck_assert_int_eq(ask_int("HLEN", "dead", NULL), 0);
}
END_TEST

START_TEST(each_bot_has_an_epoch_of_its_own)
{
	reply(CHAT, 'a');
	ck_assert_int_eq(adopt("inn", 9), QG_OK);
	ck_assert_int_eq(adopt(BOT, 1), QG_OK);
	expect_heads(1, CHAT ":a");
}
END_TEST

/* A bot that moved to another link begins with an epoch that says nothing about the former one's. */
START_TEST(who_comes_over_another_link_is_newer)
{
	struct qg_head list[64];
	size_t count;
	uint64_t fence;
	reply(CHAT, 'a');
	ck_assert_int_eq(adopt_over(BOT, "wecom:a", 70, &fence), QG_OK);
	ck_assert_uint_eq(fence, 70);
	ck_assert_int_eq(adopt_over(BOT, "wecom:b", 1, &fence), QG_OK);
	ck_assert_uint_eq(fence, 71);
	ck_assert_int_eq(adopt_over(BOT, "wecom:b", 1, &fence), QG_OK); /* the same again */
	ck_assert_uint_eq(fence, 71);
	ck_assert_int_eq(heads(70, NOW, 64, list, &count, NULL), QG_STALE);
	expect_heads(71, CHAT ":a");
	ck_assert_int_eq(adopt_over(BOT, "wecom:b", 2, &fence), QG_OK);
	ck_assert_uint_eq(fence, 72);
	ck_assert_int_eq(adopt_over(BOT, "wecom:b", 1, &fence), QG_STALE);
	ck_assert_int_eq(adopt_over(BOT, "wecom:a", 70, &fence), QG_OK); /* and back */
	ck_assert_uint_eq(fence, 73);
}
END_TEST

/* Before links had names a bare epoch stood there. */
START_TEST(an_epoch_without_a_name_is_followed)
{
	uint64_t fence;
	qg_redis_reply_free(ask("HSET", "epoch", BOT, "7", NULL));
	ck_assert_int_eq(adopt_over(BOT, "bot:shop", 8, &fence), QG_OK);
	ck_assert_uint_eq(fence, 8);
	qg_redis_reply_free(ask("HSET", "epoch", BOT, "9", NULL)); /* one of that kind took over */
	ck_assert_int_eq(adopt_over(BOT, "bot:shop", 8, &fence), QG_STALE);
	ck_assert_int_eq(adopt_over(BOT, "bot:shop", 10, &fence), QG_OK);
	ck_assert_uint_eq(fence, 10);
}
END_TEST

/* ---- damage ---- */

START_TEST(a_damaged_head_is_shown_without_a_reply)
{
	reply(CHAT, 'a');
	char damaged[64];
	snprintf(damaged, sizeof(damaged), "%s\n{broken", reply_id('a'));
	qg_redis_reply_free(ask("LSET", "o:" BOT ":" CHAT, "0", damaged, NULL));
	struct qg_head h = head(1, NOW);
	ck_assert_ptr_null(h.reply);
	ck_assert_str_eq(h.id, reply_id('a'));
	qg_head_finish(&h);
	struct qg_part p = part('a', 0, 1);
	ck_assert_int_eq(bury(&p, "damaged"), QG_OK);
	expect_heads(1, "");
}
END_TEST

START_TEST(a_chat_without_replies_leaves_the_set)
{
	qg_redis_reply_free(ask("ZADD", "w:" BOT, "0", "ghost", NULL));
	expect_heads(1, "");
	ck_assert_int_eq(ask_int("EXISTS", "w:" BOT, NULL), 0);
}
END_TEST

/* What a platform refused in place goes on as another form, with the parts behind it. */
START_TEST(a_wait_keeps_the_form)
{
	reply(CHAT, 'a');
	struct qg_part p = part('a', 0, 1);
	ck_assert_int_eq(start(&p, "[\"one\",\"two\"]"), QG_OK);
	struct simple simple = {0};
	qg_out_wait(ann, &p, NOW, 1, true, QG_FORM_PLAIN, simple_answer, &simple);
	ck_assert_int_eq(wait_simple(&simple), QG_OK);
	struct qg_head h = head(1, NOW);
	ck_assert_int_eq(h.reply->form, QG_FORM_PLAIN);
	ck_assert(h.started);
	qg_head_finish(&h);
	ck_assert_int_eq(land(&p, false), QG_OK);
	h = head(1, NOW);
	ck_assert_int_eq(h.reply->form, QG_FORM_PLAIN);
	qg_head_finish(&h);
	p.number = 1;
	ck_assert_int_eq(land(&p, true), QG_OK);
	reply(CHAT, 'b'); /* which begins as any */
	h = head(1, NOW);
	ck_assert_int_eq(h.reply->form, QG_FORM_RICH);
	qg_head_finish(&h);
	qg_redis_reply_free(ask("HSET", "q:" BOT ":" CHAT, "form", "7", NULL));
	h = head(1, NOW);
	ck_assert_int_eq(h.reply->form, QG_FORM_RICH); /* what Redis holds is not believed */
	qg_head_finish(&h);
}
END_TEST

START_TEST(parts_may_be_cut_anew)
{
	reply(CHAT, 'a');
	struct qg_part p = part('a', 0, 1);
	ck_assert_int_eq(start(&p, "[\"one\",\"two\"]"), QG_OK);
	ck_assert_int_eq(land(&p, false), QG_OK);
	p.number = 1;
	ck_assert_int_eq(start(&p, "[\"one\",\"tw\",\"o\"]"), QG_OK);
	struct qg_head h = head(1, NOW);
	ck_assert_uint_eq(h.part, 1);
	ck_assert_uint_eq(json_array_size(h.parts), 3);
	qg_head_finish(&h);
}
END_TEST

/* ---- notices ---- */

static enum qg_status post_for(unsigned keep_s, char first, char second)
{
	struct simple simple = {0};
	struct qg_reply *notices[] = {make_reply(reply_id(first), CHAT, "80 %"),
		make_reply(reply_id(second), "other", "80 %")};
	qg_out_post(ann, BOT, notices, 2, keep_s, simple_answer, &simple);
	qg_reply_destroy(notices[0]);
	qg_reply_destroy(notices[1]);
	return wait_simple(&simple);
}

static enum qg_status post(char first, char second)
{
	return post_for(QG_POST_KEEP_S, first, second);
}

START_TEST(a_notice_is_posted_once)
{
	ck_assert_int_eq(post('a', 'b'), QG_OK);
	ck_assert_int_eq(post('a', 'c'), QG_OK);
	expect_heads(1, CHAT ":a other:b");
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":" CHAT, NULL), 1);
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":other", NULL), 2);
	char note[80];
	snprintf(note, sizeof(note), "p:" BOT ":%s", reply_id('a'));
	ck_assert_int_eq(ask_int("TTL", note, NULL), -1); /* while it stands there */
	ck_assert_uint_eq(land_all(1), 3);
	ck_assert_int_gt(ask_int("TTL", note, NULL), 3000); /* and an hour after */
	ck_assert_int_le(ask_int("TTL", note, NULL), 3600);
	ck_assert_int_eq(post('a', 'b'), QG_OK);
	expect_heads(1, "");
}
END_TEST

START_TEST(what_may_recur_is_known_for_as_long)
{
	enum { DAY = 24 * 3600 };
	char note[80];
	ck_assert_int_eq(post_for(32 * DAY, 'a', 'b'), QG_OK);
	ck_assert_uint_eq(land_all(1), 2);
	snprintf(note, sizeof(note), "p:" BOT ":%s", reply_id('a'));
	ck_assert_int_gt(ask_int("TTL", note, NULL), 31 * DAY);
	ck_assert_int_le(ask_int("TTL", note, NULL), 32 * DAY);
	ck_assert_int_eq(post('a', 'b'), QG_OK);
	expect_heads(1, "");
}
END_TEST

START_TEST(a_full_redis_hears_notices)
{
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "1", NULL);
	ck_assert_int_eq(post('a', 'b'), QG_OK);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "0", NULL);
	expect_heads(1, CHAT ":a other:b");
}
END_TEST

START_TEST(nothing_is_left_behind)
{
	reply(CHAT, 'a');
	reply(CHAT, 'b');
	reply("other", 'c');
	struct qg_part p = part('a', 0, 1);
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	ck_assert_int_eq(start(&p, "[\"one\",\"two\"]"), QG_OK);
	ck_assert_int_eq(land(&p, false), QG_OK);
	p.number = 1;
	ck_assert_int_eq(put_off(&p, NOW + 5, 1), QG_OK);
	ck_assert_int_eq(land(&p, true), QG_OK);
	ck_assert_uint_eq(land_all(1), 2);
	wait_for_windows();
	expect_nothing_left();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("out");
	fixture_add(tcase);
	tcase_add_test(tcase, one_head_a_chat_in_order);
	tcase_add_test(tcase, chats_under_way_are_left_out);
	tcase_add_test(tcase, chats_take_turns_in_a_small_window);
	tcase_add_test(tcase, a_head_is_the_reply_as_it_was);
	tcase_add_test(tcase, a_start_leaves_its_mark);
	tcase_add_test(tcase, parts_land_one_after_the_other);
	tcase_add_test(tcase, a_repeat_is_told_that_it_landed);
	tcase_add_test(tcase, a_wait_is_a_due_time);
	tcase_add_test(tcase, nothing_waits);
	tcase_add_test(tcase, a_dead_reply_makes_way);
	tcase_add_test(tcase, an_older_epoch_changes_nothing);
	tcase_add_test(tcase, each_bot_has_an_epoch_of_its_own);
	tcase_add_test(tcase, who_comes_over_another_link_is_newer);
	tcase_add_test(tcase, an_epoch_without_a_name_is_followed);
	tcase_add_test(tcase, a_damaged_head_is_shown_without_a_reply);
	tcase_add_test(tcase, a_chat_without_replies_leaves_the_set);
	tcase_add_test(tcase, a_wait_keeps_the_form);
	tcase_add_test(tcase, parts_may_be_cut_anew);
	tcase_add_test(tcase, a_notice_is_posted_once);
	tcase_add_test(tcase, what_may_recur_is_known_for_as_long);
	tcase_add_test(tcase, a_full_redis_hears_notices);
	tcase_add_test(tcase, nothing_is_left_behind);
	Suite *suite = suite_create("queue/out");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
