/* test_balance.c - gateways share what is dialed evenly, and no link goes to and fro between them. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

enum { MOST = 8 };

static const char *const names[MOST] = {"b0", "b1", "b2", "b3", "b4", "b5", "b6", BOT};

/* The last count of these names: each has an account of its own. */
static void config_links(size_t count)
{
	struct qg_bot_config bots[MOST];
	for (size_t i = 0; i < count; i++) {
		const char *name = names[MOST - count + i];
		bots[i] = a_bot(name, "dial", "1");
		bots[i].customer = (char *)name;
	}
	config_bots(bots, count);
}

static unsigned count_owned(const struct node *node)
{
	unsigned count = 0;
	QG_LIST_FOR_EACH (item, &node->gateway->links) {
		const struct link *link = QG_CONTAINER(item, struct link, item);
		count += link->owned && !link->leaving ? 1 : 0;
	}
	return count;
}

struct shares {
	unsigned ann, ben;
};

static bool are_shared(void *arg)
{
	const struct shares *shares = arg;
	return (ann.gateway == NULL || count_owned(&ann) == shares->ann) &&
	       (ben.gateway == NULL || count_owned(&ben) == shares->ben);
}

static void wait_shares(unsigned of_ann, unsigned of_ben)
{
	struct shares shares = {of_ann, of_ben};
	wait_until(are_shared, &shares);
}

/* How often links were taken, as the rows say. */
static int64_t count_taken(size_t count)
{
	int64_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		const struct bot *bot = bots_find(ann.gateway, names[MOST - count + i]);
		char *row = ask_text("HGET", "lease", bot->link->id, NULL);
		char gateway[64];
		long long epoch = 0;
		ck_assert_int_eq(sscanf(row, "%63s %lld", gateway, &epoch), 2);
		sum += epoch;
		free(row);
	}
	return sum;
}

static bool has_passed(void *arg)
{
	return qg_clock_mono() >= *(uint64_t *)arg;
}

static void run_for(uint64_t protocol_ms)
{
	uint64_t until = qg_clock_mono() + qg_clock_scaled(protocol_ms);
	wait_until(has_passed, &until);
}

static bool has_company(void *arg)
{
	return ((struct node *)arg)->gateway->peers_living > 0;
}

static void begin(size_t count)
{
	config_links(count);
	node_start(&ann, "ann");
	wait_shares((unsigned)count, 0);
}

START_TEST(a_newcomer_gets_its_share_and_no_more)
{
	begin(5);
	node_start(&ben, "ben");
	wait_shares(3, 2);
	ck_assert_int_eq(count_taken(5), 7);
	ck_assert_int_eq(qg_metric_value(ann.gateway->moves), 2);
	run_for(4 * MOVE_MS);
	ck_assert_int_eq(count_taken(5), 7); /* it rests */
	ck_assert_uint_eq(platform.stops, 2);
	ck_assert_uint_eq(platform.starts, 7);
	ck_assert_uint_eq(count_owned(&ann), 3);
}
END_TEST

START_TEST(links_move_one_at_a_time)
{
	begin(6);
	node_start(&ben, "ben");
	uint64_t began = qg_clock_mono();
	wait_shares(3, 3);
	ck_assert_uint_ge(qg_clock_mono() - began, 2 * qg_clock_scaled(MOVE_MS));
}
END_TEST

static bool have_started(void *arg)
{
	return platform.starts >= *(unsigned *)arg;
}

START_TEST(a_link_is_closed_before_it_is_given)
{
	begin(2);
	platform.keeps_stop = true;
	node_start(&ben, "ben");
	wait_shares(1, 0); /* it is leaving, and its bot does not stop */
	run_for(2 * MOVE_MS);
	ck_assert_uint_eq(platform.stops, 1);
	ck_assert_uint_eq(platform.starts, 2);
	QG_LIST_FOR_EACH (item, &ann.gateway->bots) {
		struct bot *bot = QG_CONTAINER(item, struct bot, item);
		if (bot->stopping) {
			stop_end(&bot->bot);
		}
	}
	wait_until(have_started, &(unsigned){3});
	wait_shares(1, 1);
}
END_TEST

START_TEST(who_stays_takes_all_of_who_leaves)
{
	begin(4);
	node_start(&ben, "ben");
	wait_shares(2, 2);
	uint64_t began = qg_clock_mono();
	node_drain(&ben);
	node_crash(&ben);
	wait_shares(4, 0);
	ck_assert_uint_lt(qg_clock_mono() - began, qg_clock_scaled(TAKE_MS));
}
END_TEST

START_TEST(who_stays_takes_all_of_who_dies)
{
	begin(4);
	node_start(&ben, "ben");
	wait_shares(2, 2);
	wait_until(has_company, &ann);
	node_crash(&ben);
	uint64_t began = qg_clock_mono();
	wait_shares(4, 0);
	/* no second patience for its presence */
	ck_assert_uint_lt(
		qg_clock_mono() - began, qg_clock_scaled(TAKE_MS + RENEW_MS + 3 * LOOK_MS));
}
END_TEST

static void open_draft(const char *bot)
{
	char *row = qg_str_printf("{\"reply\": \"r\", \"bot\": \"%s\", \"chat\": \"c1\", "
				  "\"conversation\": \"%s/c1\", \"answers\": [\"m1\"], "
				  "\"sequence\": 1, \"text\": \"one\"}",
		bot, bot);
	qg_test_redis_do(server, "HSET", "qg:{0}:open", bot, row, NULL);
	free(row);
}

START_TEST(a_link_that_answers_somebody_stays)
{
	begin(3);
	open_draft("b5");
	open_draft("b6");
	open_draft(BOT);
	node_start(&ben, "ben");
	wait_until(has_company, &ann);
	run_for(2 * MOVE_MS);
	ck_assert_uint_eq(count_owned(&ann), 3);
	qg_test_redis_do(server, "HDEL", "qg:{0}:open", "b6", NULL); /* the others go on */
	wait_shares(2, 1);
	ck_assert(bots_find(ben.gateway, "b6")->link->owned);
}
END_TEST

START_TEST(a_link_that_sends_stays)
{
	begin(2);
	platform.keeps = true;
	put_reply("c1", 'a', "hi");
	wait_sends(1);
	node_start(&ben, "ben");
	wait_shares(1, 1);
	ck_assert(bots_find(ann.gateway, BOT)->link->owned);
	send_end(0, QG_OK, 0);
}
END_TEST

/* Ben's config knows one link of four: what he does not take comes back, and then stays. */
START_TEST(what_others_do_not_take_is_kept)
{
	begin(4);
	config_links(1);
	node_start(&ben, "ben");
	wait_shares(3, 1);
	run_for(4 * TAKE_MS);
	wait_shares(3, 1);
	int64_t taken = count_taken(4);
	run_for(3 * TAKE_MS);
	ck_assert_int_eq(count_taken(4), taken); /* it rests */
}
END_TEST

static bool knows_nobody(void *arg)
{
	return qg_list_is_empty(&((struct node *)arg)->gateway->peers);
}

START_TEST(rows_that_the_dead_left_count_for_nothing)
{
	qg_test_redis_do(server, "HSET", "qg:{0}:here", "ghost", "5", NULL);
	begin(3);
	run_for(TAKE_MS);
	ck_assert_uint_eq(ann.gateway->peers_living, 0);
	ck_assert_uint_eq(count_owned(&ann), 3);
	ck_assert_int_eq(ask_int("HLEN", "here", NULL), 2);
	wait_until(knows_nobody, &ann);
	ck_assert_int_eq(ask_int("HLEN", "here", NULL), 1);
}
END_TEST

START_TEST(webhooks_are_not_shared_out)
{
	struct qg_bot_config doors[] = {a_bot("desk", "door", "1"), a_bot(BOT, "door", "1")};
	config_bots(doors, 2);
	node_start(&ann, "ann");
	wait_shares(2, 0);
	node_start(&ben, "ben");
	run_for(3 * MOVE_MS);
	ck_assert_uint_eq(count_owned(&ann), 2);
	ck_assert_int_eq(ask_int("EXISTS", "here", NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("balance");
	TCase *tcase = tcase_create("balance");
	fixture_add(tcase);
	tcase_add_test(tcase, a_newcomer_gets_its_share_and_no_more);
	tcase_add_test(tcase, links_move_one_at_a_time);
	tcase_add_test(tcase, a_link_is_closed_before_it_is_given);
	tcase_add_test(tcase, who_stays_takes_all_of_who_leaves);
	tcase_add_test(tcase, who_stays_takes_all_of_who_dies);
	tcase_add_test(tcase, a_link_that_answers_somebody_stays);
	tcase_add_test(tcase, a_link_that_sends_stays);
	tcase_add_test(tcase, what_others_do_not_take_is_kept);
	tcase_add_test(tcase, rows_that_the_dead_left_count_for_nothing);
	tcase_add_test(tcase, webhooks_are_not_shared_out);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
