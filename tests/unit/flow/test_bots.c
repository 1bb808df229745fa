/* test_bots.c - bots come, change and go with the config, beside what they have under way. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

static void begin(void)
{
	node_start(&ann, "ann");
	wait_owner(&ann);
}

static void reload(const char *platform_name, const char *fingerprint)
{
	struct qg_bot_config bot = a_bot(BOT, platform_name, fingerprint);
	config_bot(&bot);
	node_reload(&ann);
}

static size_t count_bots(void)
{
	size_t count = 0;
	QG_LIST_FOR_EACH (item, &ann.gateway->bots) {
		count++;
	}
	return count;
}

static bool has_opened(void *arg)
{
	return platform.opened >= *(unsigned *)arg;
}

static void wait_opened(unsigned count)
{
	wait_until(has_opened, &count);
}

START_TEST(a_bot_starts_with_its_owner)
{
	begin();
	run_looks();
	ck_assert_uint_eq(platform.opened, 1);
	ck_assert_uint_eq(platform.inits, 1);
	ck_assert_uint_eq(platform.starts, 1);
	ck_assert_uint_eq(platform.stops + platform.finishes, 0);
	ck_assert_str_eq(bot_at(&ann)->bot.prefix, "qg:{0}:");
	ck_assert_str_eq(bot_at(&ann)->bot.title, "小满");
	unsigned owned, up;
	qg_gateway_links(ann.gateway, &owned, &up);
	ck_assert_uint_eq(owned, 1);
	ck_assert_uint_eq(up, 1);
}
END_TEST

START_TEST(an_unchanged_bot_notices_nothing)
{
	begin();
	struct bot *before = bot_at(&ann);
	reload("push", "1");
	run_looks();
	ck_assert_ptr_eq(bot_at(&ann), before);
	ck_assert_uint_eq(platform.opened, 1);
}
END_TEST

START_TEST(a_changed_bot_is_replaced)
{
	begin();
	reload("push", "2");
	ck_assert_ptr_nonnull(
		bots_find(ann.gateway, BOT)); /* serves until its successor is ready */
	wait_opened(2);
	wait_owner(&ann);
	run_looks();
	ck_assert_str_eq(bot_at(&ann)->bot.config->fingerprint, "2");
	ck_assert_uint_eq(bot_at(&ann)->link->epoch, 1); /* the link stayed */
	ck_assert_uint_eq(platform.stops, 1);
	ck_assert_uint_eq(platform.finishes, 1);
	ck_assert_uint_eq(platform.starts, 2);
	ck_assert_uint_eq(count_bots(), 1);
}
END_TEST

START_TEST(a_role_that_fails_keeps_the_former_bot)
{
	begin();
	struct bot *before = bot_at(&ann);
	platform.role_fails = true;
	reload("push", "2");
	wait_opened(2);
	run_looks();
	ck_assert_ptr_eq(bot_at(&ann), before);
	ck_assert_uint_eq(platform.stops + platform.finishes, 0);
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	platform.role_fails = false;
	reload("push", "2"); /* the next reload tries again */
	wait_opened(3);
	wait_owner(&ann);
	ck_assert_str_eq(bot_at(&ann)->bot.config->fingerprint, "2");
}
END_TEST

START_TEST(a_platform_that_refuses_keeps_the_former_bot)
{
	begin();
	struct bot *before = bot_at(&ann);
	platform.init_fails = true;
	reload("push", "2");
	wait_opened(2);
	run_looks();
	ck_assert_ptr_eq(bot_at(&ann), before);
	ck_assert_uint_eq(platform.finishes, 1); /* of the one that came to nothing */
	ck_assert_uint_eq(platform.stops, 0);
	ck_assert_uint_eq(count_bots(), 1);
}
END_TEST

START_TEST(what_changes_while_it_opens_is_opened_anew)
{
	begin();
	reload("push", "2");
	reload("push", "3");
	wait_opened(3);
	run_looks();
	ck_assert_str_eq(bot_at(&ann)->bot.config->fingerprint, "3");
	ck_assert_uint_eq(count_bots(), 1);
	ck_assert_uint_eq(platform.inits, 2);
}
END_TEST

START_TEST(a_change_taken_back_changes_nothing)
{
	begin();
	struct bot *before = bot_at(&ann);
	reload("push", "2");
	reload("push", "1");
	wait_opened(2);
	run_looks();
	ck_assert_ptr_eq(bot_at(&ann), before);
	ck_assert_uint_eq(platform.inits, 1);
	ck_assert_uint_eq(count_bots(), 1);
}
END_TEST

START_TEST(a_removed_bot_stops_and_goes)
{
	begin();
	config_bot(NULL);
	node_reload(&ann);
	ck_assert_ptr_null(bots_find(ann.gateway, BOT));
	run_looks();
	ck_assert_uint_eq(platform.stops, 1);
	ck_assert_uint_eq(platform.finishes, 1);
	ck_assert_uint_eq(count_bots(), 0);
}
END_TEST

START_TEST(a_bot_removed_while_it_opens_never_begins)
{
	begin();
	reload("push", "2");
	config_bot(NULL);
	node_reload(&ann);
	wait_opened(2);
	run_looks();
	ck_assert_uint_eq(platform.inits, 1);
	ck_assert_uint_eq(count_bots(), 0);
}
END_TEST

START_TEST(nothing_new_is_sent_by_a_bot_that_stops)
{
	char text[2 * PART_BYTES];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	begin();
	platform.keeps = platform.keeps_stop = true;
	put_reply("c1", 'a', text);
	wait_sends(1);
	struct qg_bot *ending = platform.sends[0].bot;
	config_bot(NULL);
	node_reload(&ann);
	ck_assert_uint_eq(platform.stops, 1);
	send_end(0, QG_OK, 0);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 1); /* its second part stays in the list */
	ck_assert_int_eq(ask_int("HGET", "q:" BOT ":c1", "part", NULL), 1);
	stop_end(ending);
	run_looks();
	ck_assert_uint_eq(platform.finishes, 1);
}
END_TEST

START_TEST(a_bot_that_is_lost_while_it_ends_goes_once)
{
	begin();
	platform.keeps = true;
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	qg_test_redis_pause(server);
	send_end(0, QG_OK, 0); /* its landing is under way, without an answer */
	config_bot(NULL);
	node_reload(&ann);
	qg_test_redis_kill(server);
	run_looks();
	ck_assert_uint_eq(platform.finishes, 0);
	/* the landing waits for Redis, the platform has stopped: with the link the last reason to live goes */
	struct bot *bot = QG_CONTAINER(ann.gateway->bots.next, struct bot, item);
	bot_lost(bot);
	ck_assert_uint_eq(platform.finishes, 1);
	ck_assert_uint_eq(count_bots(), 0);
}
END_TEST

START_TEST(a_drain_lets_replies_leave_first)
{
	begin();
	put_reply("c1", '1', "one");
	put_reply("c1", '2', "two");
	put_reply("c2", '3', "three");
	node_drain(&ann);
	ck_assert_uint_eq(platform.send_count, 3);
	ck_assert_int_eq(ask_int("EXISTS", "w:" BOT, NULL), 0);
	ck_assert_uint_eq(platform.stops, 1);
	ck_assert_uint_eq(platform.finishes, 1);
	char *row = ask_text("HGET", "lease", "bot:" BOT, NULL);
	ck_assert(qg_str_starts_with(row, "- 1 "));
	free(row);
}
END_TEST

START_TEST(a_drain_ends_though_a_platform_hangs)
{
	begin();
	platform.keeps = platform.keeps_stop = true;
	put_reply("c1", '1', "one");
	wait_sends(1);
	node_drain(&ann);
	ck_assert_uint_eq(platform.stops, 1);
	ck_assert_uint_eq(platform.finishes, 0);
	char *row = ask_text("HGET", "lease", "bot:" BOT, NULL);
	ck_assert(qg_str_starts_with(row, "- 1 "));
	free(row);
}
END_TEST

START_TEST(a_bot_that_was_not_told_to_the_out_lists_is_told_later)
{
	qg_test_redis_do(server, "CONFIG", "SET", "min-replicas-to-write", "1", NULL);
	node_start(&ann, "ann");
	wait_opened(1);
	run_looks();
	ck_assert_uint_eq(platform.starts, 0);
	qg_test_redis_do(server, "CONFIG", "SET", "min-replicas-to-write", "0", NULL);
	wait_owner(&ann);
	bot_lost(bot_at(&ann)); /* as after an adoption that was refused */
	run_looks();
	wait_owner(&ann);
	ck_assert_uint_eq(platform.starts, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bots");
	TCase *tcase = tcase_create("bots");
	fixture_add(tcase);
	tcase_add_test(tcase, a_bot_starts_with_its_owner);
	tcase_add_test(tcase, an_unchanged_bot_notices_nothing);
	tcase_add_test(tcase, a_changed_bot_is_replaced);
	tcase_add_test(tcase, a_role_that_fails_keeps_the_former_bot);
	tcase_add_test(tcase, a_platform_that_refuses_keeps_the_former_bot);
	tcase_add_test(tcase, what_changes_while_it_opens_is_opened_anew);
	tcase_add_test(tcase, a_change_taken_back_changes_nothing);
	tcase_add_test(tcase, a_removed_bot_stops_and_goes);
	tcase_add_test(tcase, a_bot_removed_while_it_opens_never_begins);
	tcase_add_test(tcase, nothing_new_is_sent_by_a_bot_that_stops);
	tcase_add_test(tcase, a_bot_that_is_lost_while_it_ends_goes_once);
	tcase_add_test(tcase, a_drain_lets_replies_leave_first);
	tcase_add_test(tcase, a_drain_ends_though_a_platform_hangs);
	tcase_add_test(tcase, a_bot_that_was_not_told_to_the_out_lists_is_told_later);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
