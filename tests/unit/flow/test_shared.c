/* test_shared.c - bots of one account share a link: they start and stop with it, and wait together when it is kicked. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

enum { KICK_MS = 300000 };

static struct qg_bot_config dialing(const char *name, const char *account, const char *fingerprint)
{
	struct qg_bot_config bot = a_bot(name, "dial", fingerprint);
	bot.customer = (char *)account;
	return bot;
}

/* Two bots of one account. */
static void config_both(void)
{
	struct qg_bot_config both[] = {dialing("desk", "acme", "1"), dialing(BOT, "acme", "1")};
	config_bots(both, 2);
}

static struct bot *find(struct node *node, const char *name)
{
	return node->gateway != NULL ? bots_find(node->gateway, name) : NULL;
}

struct expected {
	struct node *node;
	unsigned starts;
};

static bool have_started(void *arg)
{
	const struct expected *expected = arg;
	QG_LIST_FOR_EACH (item, &expected->node->gateway->bots) {
		if (!QG_CONTAINER(item, struct bot, item)->started) {
			return false;
		}
	}
	return platform.starts >= expected->starts;
}

/* All bots of the node run, after so many starts. */
static void wait_started(struct node *node, unsigned starts)
{
	struct expected expected = {node, starts};
	wait_until(have_started, &expected);
	ck_assert_uint_eq(platform.starts, starts);
}

static bool have_stopped(void *arg)
{
	return platform.stops >= *(unsigned *)arg;
}

static void wait_stops(unsigned count)
{
	wait_until(have_stopped, &count);
	ck_assert_uint_eq(platform.stops, count);
}

static bool owns(void *arg)
{
	const struct bot *bot = find(arg, BOT);
	return bot != NULL && bot->link->owned;
}

static char *row_of(const char *link)
{
	return ask_text("HGET", "lease", link, NULL);
}

static void expect_row(const char *link, const char *begins)
{
	char *row = row_of(link);
	ck_assert_msg(
		row != NULL && qg_str_starts_with(row, begins), "%s is not %s...", row, begins);
	free(row);
}

static int64_t kicked_until(const char *link)
{
	char *row = row_of(link);
	int64_t until = 0;
	ck_assert(qg_str_to_int64(strrchr(row, ' ') + 1, 0, INT64_MAX, &until));
	free(row);
	return until;
}

static bool is_kick_stored(void *arg)
{
	return kicked_until(arg) != 0;
}

static bool is_kick_settled(void *arg)
{
	return ((const struct link *)arg)->kick_unsaved == 0;
}

static void kick(struct node *node, const char *name)
{
	struct qg_bot *bot = &find(node, name)->bot;
	unsigned stops = platform.stops;
	bot->host->kicked(bot, KICK_MS);
	ck_assert_uint_eq(platform.stops, stops); /* not from inside */
}

static void begin_both(void)
{
	config_both();
	node_start(&ann, "ann");
	wait_started(&ann, 2);
}

START_TEST(bots_of_an_account_share_one_lease)
{
	struct qg_bot_config three[] = {dialing("desk", "acme", "1"), dialing("inn", "other", "1"),
		dialing(BOT, "acme", "1")};
	config_bots(three, 3);
	node_start(&ann, "ann");
	wait_started(&ann, 3);
	const struct link *link = find(&ann, BOT)->link;
	ck_assert_ptr_eq(find(&ann, "desk")->link, link);
	ck_assert_ptr_ne(find(&ann, "inn")->link, link);
	ck_assert_uint_eq(strlen(link->id), strlen("dial:") + 32);
	ck_assert(qg_str_starts_with(link->id, "dial:"));
	ck_assert_int_eq(ask_int("HLEN", "lease", NULL), 2);
	unsigned owned, up;
	qg_gateway_links(ann.gateway, &owned, &up);
	ck_assert_uint_eq(owned, 2);
	ck_assert_uint_eq(up, 2);
}
END_TEST

START_TEST(who_dials_without_an_account_has_a_link_alone)
{
	struct qg_bot_config both[] = {dialing("desk", NULL, "1"), dialing(BOT, NULL, "1")};
	config_bots(both, 2);
	node_start(&ann, "ann");
	wait_started(&ann, 2);
	ck_assert_str_eq(find(&ann, BOT)->link->id, "bot:" BOT);
	ck_assert_str_eq(find(&ann, "desk")->link->id, "bot:desk");
}
END_TEST

START_TEST(who_joins_an_owned_link_starts_at_once_and_who_leaves_stops_alone)
{
	struct qg_bot_config alone = dialing(BOT, "acme", "1");
	config_bot(&alone);
	node_start(&ann, "ann");
	wait_started(&ann, 1);
	struct bot *first = find(&ann, BOT);
	config_both();
	node_reload(&ann);
	wait_started(&ann, 2);
	ck_assert_ptr_eq(find(&ann, BOT), first);
	ck_assert_uint_eq(platform.stops, 0);
	config_bot(&alone);
	node_reload(&ann);
	wait_stops(1);
	run_looks();
	ck_assert_ptr_eq(find(&ann, BOT), first);
	ck_assert(first->started);
	expect_row(first->link->id, "ann 1 ");
}
END_TEST

START_TEST(all_bots_of_a_lost_link_stop_and_all_come_back)
{
	begin_both();
	const char *id = find(&ann, BOT)->link->id;
	qg_test_redis_do(server, "HSET", "qg:{0}:lease", id, "ben 5 0 0", NULL);
	wait_stops(2);
	wait_started(&ann, 4); /* ben never renews */
	ck_assert_uint_eq(find(&ann, BOT)->link->epoch, 6);
	put_reply("c1", 'a', "hi");
	wait_sends(1);
}
END_TEST

/* Its epochs begin anew there, and the out lists go on all the same. */
START_TEST(other_credentials_are_another_link)
{
	struct qg_bot_config bot = dialing(BOT, "acme", "1");
	char *id;
	config_bot(&bot);
	node_start(&ann, "ann");
	wait_started(&ann, 1);
	id = qg_str_copy(find(&ann, BOT)->link->id);
	qg_test_redis_do(server, "HSET", "qg:{0}:lease", id, "- 70 0 0", NULL);
	wait_started(&ann, 2);
	ck_assert_uint_eq(find(&ann, BOT)->link->epoch, 71);
	platform.keeps = true;
	put_reply("c1", 'a', "one");
	put_reply("c1", 'b', "two");
	wait_sends(1);
	bot = dialing(BOT, "acme2", "2");
	config_bot(&bot);
	node_reload(&ann);
	wait_stops(2);
	run_looks();
	ck_assert_uint_eq(platform.starts, 2); /* the former one still sends */
	send_end(0, QG_OK, 0);
	wait_sends(2); /* what landed is not sent again */
	ck_assert_int_eq(platform.sends[1].id[0], 'b');
	ck_assert_str_ne(find(&ann, BOT)->link->id, id);
	ck_assert_uint_eq(find(&ann, BOT)->link->epoch, 1);
	expect_row(id, "- 71 ");
	send_end(1, QG_OK, 0);
	free(id);
}
END_TEST

/* Two hosts with two states of the config: the bot is reached over two links, and ben asked for the out lists last. */
static void begin_apart(void)
{
	struct qg_bot_config bot = dialing(BOT, "acme", "1");
	config_bot(&bot);
	node_start(&ann, "ann");
	wait_started(&ann, 1);
	bot = dialing(BOT, "acme2", "2");
	config_bot(&bot);
	node_start(&ben, "ben");
	wait_started(&ben, 2);
}

/* Who sends changes only when the test says so: it is a look that asks for the out lists again. */
static void stop_looks(void)
{
	qg_timer_stop(ann.gateway->look_timer);
	qg_timer_stop(ben.gateway->look_timer);
}

static bool has_adopted(void *arg)
{
	return find(arg, BOT)->adopted;
}

static bool is_outdated(void *arg)
{
	return !find(arg, BOT)->adopted;
}

static bool are_out_lists_empty(void *arg)
{
	return ask_int("EXISTS", "w:" BOT, NULL) == 0;
}

static void put_number(unsigned number)
{
	char chat[8];
	snprintf(chat, sizeof(chat), "c%u", number);
	put_reply(chat, "0123456789ab"[number], "hi");
}

/* They share the out lists, and nothing is lost or sent twice. */
START_TEST(a_bot_over_two_links_sends_each_reply_once)
{
	enum { ROUNDS = 3, EACH = 4 };
	struct node *const hosts[] = {&ben, &ann, &ben};
	begin_apart();
	stop_looks();
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct node *sends = hosts[round], *other = sends == &ann ? &ben : &ann;
		bot_open_link(find(sends, BOT));
		wait_until(has_adopted, sends);
		for (unsigned i = 0; i < EACH; i++) {
			put_number(round * EACH + i);
		}
		outbound_look(find(other, BOT));
		wait_until(is_outdated, other);
		wait_sends((size_t)(round + 1) * EACH);
		for (size_t i = (size_t)round * EACH; i < platform.send_count; i++) {
			ck_assert_str_eq(platform.sends[i].process, sends->core.process);
			ck_assert(!platform.sends[i].repeated);
		}
		wait_until(are_out_lists_empty, NULL);
	}
	run_looks();
	ck_assert_uint_eq(platform.send_count, ROUNDS * EACH);
}
END_TEST

/* It may have left: as after a crash of who began it. */
START_TEST(what_one_host_began_the_other_repeats_under_its_name)
{
	begin_apart();
	stop_looks();
	platform.keeps = true;
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	outbound_look(find(&ann, BOT));
	wait_until(is_outdated, &ann);
	bot_open_link(find(&ann, BOT));
	wait_sends(2);
	ck_assert_str_eq(platform.sends[0].process, "ben");
	ck_assert_str_eq(platform.sends[1].process, "ann");
	ck_assert_str_eq(platform.sends[1].id, platform.sends[0].id);
	ck_assert(!platform.sends[0].repeated);
	ck_assert(platform.sends[1].repeated);
	send_end(0, QG_OK, 0);
	send_end(1, QG_OK, 0);
	wait_until(are_out_lists_empty, NULL);
	run_looks();
	ck_assert_uint_eq(platform.send_count, 2);
}
END_TEST

/* However their looks fall between the steps of the other. */
START_TEST(two_hosts_of_a_bot_lose_nothing_and_repeat_nothing_unmarked)
{
	enum { COUNT = 12 };
	unsigned sent[COUNT] = {0}, first[COUNT] = {0};
	begin_apart();
	for (unsigned i = 0; i < COUNT; i++) {
		put_number(i);
		if (i % 4 == 3) {
			run_looks();
		}
	}
	wait_until(are_out_lists_empty, NULL);
	for (size_t i = 0; i < platform.send_count; i++) {
		unsigned number = (unsigned)strtoul(platform.sends[i].chat + 1, NULL, 10);
		sent[number]++;
		first[number] += platform.sends[i].repeated ? 0 : 1;
	}
	for (unsigned i = 0; i < COUNT; i++) {
		ck_assert_uint_ge(sent[i], 1);
		ck_assert_uint_le(first[i], 1);
	}
}
END_TEST

START_TEST(a_kick_stops_all_bots_until_its_time)
{
	begin_both();
	const struct link *link = find(&ann, BOT)->link;
	clock_stop();
	kick(&ann, "desk");
	kick(&ann, BOT); /* the same one, told by each bot */
	wait_stops(2);
	wait_until(is_kick_stored, link->id);
	ck_assert_int_eq(kicked_until(link->id), qg_clock_wall() + KICK_MS);
	ck_assert_int_eq(qg_metric_value(ann.gateway->kicks), 1);
	unsigned owned, up;
	qg_gateway_links(ann.gateway, &owned, &up);
	ck_assert_uint_eq(owned, 1);
	ck_assert_uint_eq(up, 0);
	put_reply("c1", 'a', "hi");
	clock_move(KICK_MS - 1, KICK_MS - 1);
	run_looks();
	ck_assert_uint_eq(platform.starts, 2);
	ck_assert_uint_eq(platform.send_count, 0);
	ck_assert(link->owned); /* nobody else may open it either */
	clock_move(1, 1);
	wait_started(&ann, 4);
	wait_sends(1);
	expect_row(link->id, "ann 1 ");
}
END_TEST

START_TEST(a_kick_binds_the_next_owner)
{
	begin_both();
	clock_stop();
	kick(&ann, BOT);
	wait_until(is_kick_stored, find(&ann, BOT)->link->id);
	node_crash(&ann);
	dead_process = "ann";
	node_start(&ben, "ben");
	wait_until(owns, &ben);
	run_looks();
	clock_move(KICK_MS - 1, KICK_MS - 1);
	run_looks();
	ck_assert_uint_eq(platform.starts, 2);
	clock_move(1, 1);
	wait_started(&ben, 4);
}
END_TEST

START_TEST(a_clock_that_was_set_back_closes_nothing_for_ever)
{
	begin_both();
	clock_stop();
	kick(&ann, BOT);
	wait_stops(2);
	clock_move(-KICK_MS, 0);
	run_looks();
	ck_assert_uint_eq(platform.starts, 2);
	clock_move(-KICKED_MOST_MS, 0);
	wait_started(&ann, 4);
}
END_TEST

START_TEST(a_bot_that_joins_a_kicked_link_waits_too)
{
	struct qg_bot_config alone = dialing(BOT, "acme", "1");
	config_bot(&alone);
	node_start(&ann, "ann");
	wait_started(&ann, 1);
	clock_stop();
	kick(&ann, BOT);
	wait_stops(1);
	config_both();
	node_reload(&ann);
	run_looks();
	ck_assert_ptr_nonnull(find(&ann, "desk"));
	ck_assert_uint_eq(platform.starts, 1);
	clock_move(KICK_MS, KICK_MS);
	wait_started(&ann, 3);
}
END_TEST

START_TEST(a_kick_is_stored_when_redis_is_back)
{
	begin_both();
	const char *id = find(&ann, BOT)->link->id;
	qg_test_redis_kill(server);
	kick(&ann, BOT);
	wait_stops(2);
	run_looks();
	qg_test_redis_restart(server);
	wait_until(is_kick_stored, (void *)id);
	wait_until(is_kick_settled, find(&ann, BOT)->link);
	ck_assert_uint_eq(platform.starts, 2);
}
END_TEST

/* A process that slept while another took its link: it is thrown out by the new owner, who is not to wait. */
START_TEST(a_kick_of_who_lost_the_link_binds_nobody)
{
	begin_both();
	const char *id = find(&ann, BOT)->link->id;
	qg_timer_stop(ann.gateway->renew_timer);
	qg_test_redis_do(server, "HSET", "qg:{0}:lease", id, "ben 5 0 0", NULL);
	kick(&ann, BOT);
	wait_stops(2);
	run_looks();
	expect_row(id, "ben 5 0 0");
}
END_TEST

START_TEST(answers_under_way_go_on_with_a_new_owner)
{
	static const char row[] =
		"{\"reply\": \"r\", \"bot\": \"" BOT
		"\", \"chat\": \"c1\", \"conversation\": \"" BOT
		"/c1\", \"answers\": [\"m1\"], \"sequence\": 1, \"text\": \"one\"}";
	begin_both();
	ck_assert_uint_eq(platform.drafts, 0);
	qg_test_redis_do(server, "HSET", "qg:{0}:open", BOT "/c1", row, NULL);
	node_crash(&ann);
	dead_process = "ann";
	node_start(&ben, "ben");
	wait_started(&ben, 4);
	run_looks();
	ck_assert_uint_eq(platform.drafts, 1);
}
END_TEST

START_TEST(adapters_get_the_bots_own_words)
{
	begin_both();
	struct qg_bot *bot = &find(&ann, BOT)->bot;
	char *words = bot->host->words(bot, "see_below");
	ck_assert_str_eq(words, "see_below");
	free(words);
}
END_TEST

static bool is_replaced(void *arg)
{
	return find(&ann, BOT) != arg;
}

/* A bot that dials, and its successor: it is there and has not started yet, for Redis does not answer until it is resumed. */
static struct bot *begin_change(void)
{
	struct qg_bot_config bot = dialing(BOT, "acme", "1");
	config_bot(&bot);
	node_start(&ann, "ann");
	wait_started(&ann, 1);
	struct bot *former = find(&ann, BOT);
	bot = dialing(BOT, "acme", "2");
	config_bot(&bot);
	qg_test_redis_pause(server);
	node_reload(&ann);
	wait_until(is_replaced, former);
	ck_assert(former->gone && former->started && !find(&ann, BOT)->started);
	ck_assert_uint_eq(platform.stops, 0);
	return former;
}

static void note_status(void *arg, enum qg_status status)
{
	*(int *)arg = (int)status;
}

static bool is_known(void *arg)
{
	return *(int *)arg >= 0;
}

/* The platform delivers once, and never in between. */
START_TEST(a_changed_bot_hears_until_its_successor_does)
{
	struct bot *former = begin_change();
	struct qg_message *message = qg_message_create();
	message->id = qg_str_copy("m1");
	message->chat = qg_str_copy("c1");
	message->sender = qg_str_copy("li");
	message->text = qg_str_copy("hi");
	int status = -1;
	former->bot.host->receive(&former->bot, message, note_status, &status);
	qg_test_redis_resume(server);
	wait_until(is_known, &status);
	ck_assert_int_eq(status, QG_OK);
	wait_stops(1);
	wait_started(&ann, 2);
	ck_assert_uint_eq(find(&ann, BOT)->link->epoch, 1);
}
END_TEST

START_TEST(a_kick_between_a_bot_and_its_successor_stops_both)
{
	struct bot *former = begin_change();
	former->bot.host->kicked(&former->bot, KICK_MS);
	wait_stops(1);
	qg_test_redis_resume(server);
	wait_until(is_kick_stored, find(&ann, BOT)->link->id);
	run_looks();
	ck_assert_uint_eq(platform.starts, 1);
	ck_assert_uint_eq(platform.stops, 1);
	ck_assert(!find(&ann, BOT)->started);
}
END_TEST

static bool has_no_bots(void *arg)
{
	return qg_list_is_empty(&ann.gateway->bots);
}

START_TEST(a_former_bot_ends_with_a_successor_that_goes)
{
	begin_change();
	config_bot(NULL);
	node_reload(&ann);
	qg_test_redis_resume(server);
	wait_until(has_no_bots, NULL); /* the successor may have started before it heard */
	run_looks();
	ck_assert(has_no_bots(NULL));
	ck_assert_uint_eq(platform.starts, platform.stops);
}
END_TEST

int main(void)
{
	redis_keeps_all = true;
	Suite *suite = suite_create("shared");
	TCase *tcase = tcase_create("shared");
	fixture_add(tcase);
	tcase_add_test(tcase, bots_of_an_account_share_one_lease);
	tcase_add_test(tcase, who_dials_without_an_account_has_a_link_alone);
	tcase_add_test(tcase, who_joins_an_owned_link_starts_at_once_and_who_leaves_stops_alone);
	tcase_add_test(tcase, all_bots_of_a_lost_link_stop_and_all_come_back);
	tcase_add_test(tcase, other_credentials_are_another_link);
	tcase_add_test(tcase, a_bot_over_two_links_sends_each_reply_once);
	tcase_add_test(tcase, what_one_host_began_the_other_repeats_under_its_name);
	tcase_add_test(tcase, two_hosts_of_a_bot_lose_nothing_and_repeat_nothing_unmarked);
	tcase_add_test(tcase, a_kick_stops_all_bots_until_its_time);
	tcase_add_test(tcase, a_kick_binds_the_next_owner);
	tcase_add_test(tcase, a_clock_that_was_set_back_closes_nothing_for_ever);
	tcase_add_test(tcase, a_bot_that_joins_a_kicked_link_waits_too);
	tcase_add_test(tcase, a_kick_is_stored_when_redis_is_back);
	tcase_add_test(tcase, a_kick_of_who_lost_the_link_binds_nobody);
	tcase_add_test(tcase, answers_under_way_go_on_with_a_new_owner);
	tcase_add_test(tcase, adapters_get_the_bots_own_words);
	tcase_add_test(tcase, a_changed_bot_hears_until_its_successor_does);
	tcase_add_test(tcase, a_kick_between_a_bot_and_its_successor_stops_both);
	tcase_add_test(tcase, a_former_bot_ends_with_a_successor_that_goes);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
