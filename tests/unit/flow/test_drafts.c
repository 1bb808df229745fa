/* test_drafts.c - answers being made are shown by whoever may send, and by nobody else. */
#include "fixture.h"

#include <stdlib.h>

#include "qg/clock.h"
#include "qg/str.h"

static void publish(const char *bot, const char *rest)
{
	char *row = qg_str_printf(
		"{\"reply\": \"r\", \"bot\": \"%s\", \"chat\": \"c1\", \"conversation\": "
		"\"%s/c1\", \"answers\": [\"m1\"], \"sequence\": 1%s}",
		bot, bot, rest);
	qg_test_redis_do(server, "HSET", "qg:{0}:open", bot, row, NULL);
	qg_test_redis_do(server, "PUBLISH", "qg:{0}:draft", row, NULL);
	free(row);
}

static bool drafts_came(void *arg)
{
	return platform.drafts >= *(unsigned *)arg;
}

static void wait_drafts(unsigned count)
{
	wait_until(drafts_came, &count);
	ck_assert_uint_eq(platform.drafts, count);
}

static void begin(void)
{
	node_start(&ann, "ann");
	wait_owner(&ann);
}

START_TEST(only_the_owner_shows_them)
{
	begin();
	node_start(&ben, "ben");
	wait_listeners(2);
	publish(BOT, ", \"text\": \"one\"");
	wait_drafts(1);
	run_looks();
	ck_assert_uint_eq(platform.drafts, 1);
}
END_TEST

START_TEST(an_old_renewal_shows_nothing)
{
	begin();
	wait_listeners(1);
	qg_timer_stop(ann.gateway->renew_timer);
	clock_stop();
	clock_move(0, qg_clock_scaled(SEND_MS) + 1);
	publish(BOT, ", \"text\": \"one\"");
	run_looks();
	ck_assert_uint_eq(platform.drafts, 0);
}
END_TEST

START_TEST(rubbish_and_strangers_are_passed_over)
{
	begin();
	wait_listeners(1);
	publish("stranger", ", \"text\": \"one\"");
	publish(BOT, "");
	qg_test_redis_do(server, "PUBLISH", "qg:{0}:draft", "{", NULL);
	publish(BOT, ", \"text\": \"two\"");
	wait_drafts(1);
}
END_TEST

START_TEST(those_under_way_are_shown_again_when_asked_for)
{
	begin();
	wait_listeners(1);
	publish("stranger", ", \"text\": \"one\"");
	publish(BOT, ", \"text\": \"one\"");
	wait_drafts(1);
	struct qg_bot *bot = &bot_at(&ann)->bot;
	bot->host->replay_drafts(bot);
	ck_assert_uint_eq(platform.drafts, 1);
	wait_drafts(2);
	bot->host->replay_drafts(bot);
	node_crash(&ann); /* the answer finds nobody */
	ck_assert_uint_eq(platform.drafts, 2);
}
END_TEST

/* The next turn of c1 has words already, and an earlier reply waits to be sent. */
static void hold_back(void)
{
	static const char row[] =
		"{\"reply\": \"r\", \"bot\": \"" BOT
		"\", \"chat\": \"c1\", \"conversation\": \"" BOT
		"/c1\", \"answers\": [\"m2\"], \"sequence\": 1, \"text\": \"one\"}";
	qg_test_redis_do(server, "HSET", "qg:{0}:c:" BOT "/c1", "id", "1", "state", "P", NULL);
	qg_test_redis_do(server, "HSET", "qg:{0}:open", BOT "/c1", row, NULL);
	qg_test_redis_do(server, "SADD", "qg:{0}:late:" BOT ":c1", BOT "/c1", NULL);
}

START_TEST(one_that_waits_comes_once_its_chat_is_free)
{
	begin();
	wait_listeners(1);
	platform.keeps = true;
	hold_back();
	put_reply("c1", 'a', "first");
	wait_sends(1);
	struct qg_bot *bot = &bot_at(&ann)->bot;
	bot->host->replay_drafts(bot);
	send_end(0, QG_IO, 1);
	wait_sends(2); /* it was put off meanwhile */
	ck_assert_uint_eq(platform.drafts, 0);
	send_end(1, QG_OK, 0);
	wait_drafts(1);
	bot->host->replay_drafts(bot);
	wait_drafts(2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drafts");
	TCase *tcase = tcase_create("drafts");
	fixture_add(tcase);
	tcase_add_test(tcase, only_the_owner_shows_them);
	tcase_add_test(tcase, an_old_renewal_shows_nothing);
	tcase_add_test(tcase, rubbish_and_strangers_are_passed_over);
	tcase_add_test(tcase, those_under_way_are_shown_again_when_asked_for);
	tcase_add_test(tcase, one_that_waits_comes_once_its_chat_is_free);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
