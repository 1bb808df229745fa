/* test_budget.c - limits of money: what a call draws on, who is asked instead, and days of the bot's own clock. */
#include <string.h>

#include "asking.h"
#include "main.h"
#include "models/budget.h"
#include "qg/clock.h"
#include "qg/crypto.h"

#define GOOD(words) FAKE_GOOD(words)
#define END(i) (&asking.desk.ends[i])
#define ESTIMATE ((TOKENS + 50) * 2000)

/* ---- what a call draws on ---- */

static struct qg_bot_config bot;
static struct qg_call call;

static void make_call(int64_t price)
{
	bot = (struct qg_bot_config){.limits = {.turn = 9,
					     .chat_day = 10,
					     .user_day = 20,
					     .bot_month = 30,
					     .currency = QG_CNY,
					     .customer_month = 40,
					     .customer_currency = QG_USD}};
	call = (struct qg_call){.day = "20261122",
		.bot = "b",
		.chat = "c",
		.user = "u",
		.customer = "k",
		.cost = 7200,
		.price = {price, price, price, price, QG_CNY, false}};
}

START_TEST(every_limit_but_the_turn_s_is_reserved)
{
	make_call(1);
	qg_budget_reserve(&bot, 7.2, &call);
	static const struct {
		enum qg_limit limit;
		const char *period, *whom;
		int64_t most, amount;
		enum qg_currency currency;
	} wanted[] = {{QG_LIMIT_CHAT_DAY, "20261122", "c", 10, 7200, QG_CNY},
		{QG_LIMIT_USER_DAY, "20261122", "u", 20, 7200, QG_CNY},
		{QG_LIMIT_BOT_MONTH, "202611", "b", 30, 7200, QG_CNY},
		{QG_LIMIT_CUSTOMER_MONTH, "202611", "k", 40, 1000, QG_USD}};
	ck_assert_uint_eq(call.reserve_count, 4);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(call.reserves[i].limit, wanted[i].limit);
		ck_assert_str_eq(call.reserves[i].period, wanted[i].period);
		ck_assert_str_eq(call.reserves[i].whom, wanted[i].whom);
		ck_assert_int_eq(call.reserves[i].most, wanted[i].most);
		ck_assert_int_eq(call.reserves[i].amount, wanted[i].amount);
		ck_assert_int_eq(call.reserves[i].currency, wanted[i].currency);
	}
	qg_budget_settle(&call, 7.2, 720);
	ck_assert_int_eq(call.reserves[0].amount, 720);
	ck_assert_int_eq(call.reserves[3].amount, 100);
}
END_TEST

START_TEST(what_has_no_limit_or_no_price_reserves_nothing)
{
	make_call(0);
	qg_budget_reserve(&bot, 7.2, &call);
	ck_assert_uint_eq(call.reserve_count, 0);
	ck_assert(qg_budget_turn_allows(&bot, 7.2, &call, INT64_MAX));
	make_call(1);
	bot.limits.chat_day = bot.limits.user_day = bot.limits.customer_month = -1;
	qg_budget_reserve(&bot, 7.2, &call);
	ck_assert_uint_eq(call.reserve_count, 1);
	call.customer = NULL;
	bot.limits.customer_month = 0;
	qg_budget_reserve(&bot, 7.2, &call);
	ck_assert_uint_eq(call.reserve_count, 1);
}
END_TEST

START_TEST(a_turn_s_limit_counts_what_it_spent)
{
	make_call(1);
	bot.limits.turn = 10000;
	ck_assert(qg_budget_turn_allows(&bot, 7.2, &call, 2800));
	ck_assert(!qg_budget_turn_allows(&bot, 7.2, &call, 2801));
	ck_assert(!qg_budget_turn_allows(&bot, 7.2, &call, INT64_MAX));
	call.cost = INT64_MAX;
	ck_assert(!qg_budget_turn_allows(&bot, 7.2, &call, 0));
	bot.limits.turn = -1;
	ck_assert(qg_budget_turn_allows(&bot, 7.2, &call, INT64_MAX));
}
END_TEST

/* ---- who is asked instead ---- */

static const char *refused; /* names of endpoints the desk refuses */

static enum qg_status judge(
	struct fake_desk *desk, const struct qg_call *asked, enum qg_limit *limit)
{
	*limit = QG_LIMIT_BOT_MONTH;
	return strstr(refused, asked->key) != NULL ? QG_DENIED : QG_OK;
}

static void three(void)
{
	FAKE_ADD("big", 3, GOOD("big"));
	FAKE_ADD("twin", 3, GOOD("twin"));
	FAKE_ADD("mid", 2, GOOD("mid"));
	FAKE_ADD("low", 1, GOOD("low"));
	asking.desk.judge = judge;
}

START_TEST(cheaper_is_the_first_of_a_lower_rank)
{
	static const struct {
		const char *refused, *who;
		size_t opened;
	} cases[] = {{"", "big", 1}, {"big", "mid", 2}, {"big mid", "low", 3},
		{"big mid low", "offline", 3}};
	three();
	refused = cases[_i].refused;
	asking_run();
	ck_assert_str_eq(asking.who, cases[_i].who);
	ck_assert_uint_eq(asking.desk.opened, cases[_i].opened);
	ck_assert_uint_eq(asking.desk.closed, _i < 3 ? 1 : 0);
	ck_assert_int_eq(asking.limited, _i > 0);
	ck_assert_int_eq(asking.error, QG_MODEL_NONE);
}
END_TEST

START_TEST(offline_asks_nobody_else)
{
	three();
	asking.world.bot->at_limit = QG_LIMIT_OFFLINE;
	refused = "big";
	asking_run();
	ck_assert_str_eq(asking.who, "offline");
	ck_assert_uint_eq(asking.desk.opened, 1);
	ck_assert(asking.limited);
}
END_TEST

START_TEST(stop_ends_it)
{
	three();
	asking.world.bot->at_limit = QG_LIMIT_STOP;
	refused = "big";
	asking_run();
	ck_assert_int_eq(asking.status, QG_OK);
	ck_assert_int_eq(asking.error, QG_MODEL_BUDGET);
	ck_assert(!asking.shown);
	ck_assert_uint_eq(asking.desk.opened, 1);
}
END_TEST

START_TEST(a_forced_model_is_not_replaced)
{
	three();
	refused = "big";
	asking_start("big");
	qg_loop_run(asking.world.loop);
	ck_assert_int_eq(asking.error, QG_MODEL_BUDGET);
}
END_TEST

START_TEST(the_turn_s_own_limit_is_met_without_the_desk)
{
	static const enum qg_at_limit ways[] = {QG_LIMIT_CHEAPER, QG_LIMIT_OFFLINE, QG_LIMIT_STOP};
	FAKE_ADD("big", 3, GOOD("big"));
	FAKE_ADD("low", 1, GOOD("low"))->own_price = (struct qg_price){0};
	asking.world.bot->limits.turn = ESTIMATE - 1;
	asking.world.bot->at_limit = ways[_i];
	asking_run();
	static const char *const who[] = {"low", "offline", "big"};
	ck_assert_str_eq(asking.who, who[_i]);
	ck_assert_uint_eq(fake_asked("big"), 0);
	ck_assert_uint_eq(asking.desk.opened, _i == 0 ? 1 : 0);
	asking.world.bot->limits.turn = ESTIMATE;
	asking_run();
	ck_assert_str_eq(asking.text, "big");
}
END_TEST

START_TEST(a_turn_s_failed_calls_count)
{
	FAKE_ADD("a", 2, {.error = QG_MODEL_TIMEOUT}, GOOD("a"));
	asking.world.bot->limits.turn = ESTIMATE + TOKENS * 2000 - 1;
	asking_run();
	ck_assert_str_eq(asking.who, "offline");
	asking.world.bot->limits.turn++;
	asking_run();
	ck_assert_str_eq(asking.text, "a");
}
END_TEST

START_TEST(what_has_no_price_is_not_asked_where_a_limit_stands)
{
	struct qg_model_config *a = FAKE_ADD("a", 2, GOOD("a"));
	a->has_price = false;
	asking.world.bot->limits.bot_month = 1;
	asking_run();
	ck_assert_str_eq(asking.who, "offline");
	asking.world.bot->limits.bot_month = -1;
	asking_run();
	ck_assert_str_eq(asking.text, "a");
	ck_assert_int_eq(END(0)->cost, 0);
}
END_TEST

START_TEST(dollars_are_reserved_in_yuan)
{
	FAKE_ADD("a", 2, GOOD("a"))->own_price.currency = QG_USD;
	asking.world.config->usd_cny = 7.5;
	asking.world.bot->limits.chat_day = INT64_MAX;
	asking_run();
	ck_assert_int_eq(END(0)->reserved, ESTIMATE * 75 / 10);
	ck_assert_int_eq(END(0)->settled, 200000 * 75 / 10);
	ck_assert_int_eq(asking.bill.cost[QG_USD], 200000);
	ck_assert_int_eq(asking.bill.cost[QG_CNY], 0);
	ck_assert_int_eq(asking.bill.spent, 1500000);
}
END_TEST

START_TEST(midnight_is_the_bot_s)
{
	FAKE_ADD("a", 2, GOOD("a"));
	asking.world.bot->limits.chat_day = INT64_MAX;
	asking.world.bot->timezone = "America/New_York";
	qg_clock_fix(1795323599000, 1000000); /* 2026-11-21 23:59:59 there, the 22nd in Shanghai */
	asking_run();
	ck_assert_str_eq(END(0)->first.period, "20261121");
	qg_clock_fix(1795323600000, 1000000);
	asking_run();
	ck_assert_str_eq(END(1)->first.period, "20261122");
	asking.world.bot->timezone = "Asia/Shanghai";
	asking_run();
	ck_assert_str_eq(END(2)->first.period, "20261122");
}
END_TEST

/* ---- any order of events ---- */

#define RUNS 10000

static void choose(struct fake_step *step)
{
	*step = (struct fake_step){0};
	uint64_t dice = qg_random_below(16);
	step->error = dice < 8 ? QG_MODEL_NONE : (enum qg_model_error)(1 + qg_random_below(13));
	step->text = qg_random_below(3) > 0 && (step->error == QG_MODEL_NONE || dice == 8) ? "abc"
											   : NULL;
	step->has_usage = qg_random_below(2) == 0;
	step->tokens.input = (int64_t)qg_random_below(200);
	step->tokens.output = (int64_t)qg_random_below(100);
	step->refuses = qg_random_below(40) == 0;
	step->hangs = qg_random_below(40) == 0;
	step->unsent = qg_random_below(4) == 0;
	step->retry_after_ms = qg_random_below(2) == 0 ? 60000 : 0;
}

static enum qg_status any(struct fake_desk *desk, const struct qg_call *asked, enum qg_limit *limit)
{
	static const enum qg_status others[] = {QG_DENIED, QG_DENIED, QG_STALE, QG_AWAY};
	*limit = (enum qg_limit)qg_random_below(QG_LIMITS);
	return qg_random_below(6) == 0 ? others[qg_random_below(4)] : QG_OK;
}

static void give_up(void *arg)
{
	qg_chain_cancel(asking.chain);
	asking.chain = NULL;
	qg_loop_stop(asking.world.loop);
}

START_TEST(every_granted_call_is_closed_once_whatever_happens)
{
	FAKE_ADD("a", 3, {0});
	FAKE_ADD("b", 2, {0});
	FAKE_ADD("c", 1, {0});
	fake_choose = choose;
	asking.desk.judge = any;
	asking.world.bot->limits.chat_day = INT64_MAX;
	struct qg_timer *timer = qg_timer_create(asking.world.loop, give_up, NULL);
	int64_t cost = 0;
	size_t calls = 0, cancelled = 0;
	uint64_t now = 1000000;
	for (uint64_t i = 0; i < RUNS; i++) {
		now += qg_random_below(2) == 0 ? 2000 : 20 * 60000; /* gates shut and open */
		qg_clock_fix(WORLD_NOW, now);
		asking.world.bot->at_limit = (enum qg_at_limit)qg_random_below(3);
		asking.world.bot->limits.turn = qg_random_below(3) == 0 ? ESTIMATE * 2 : -1;
		asking.cancel_at = qg_random_below(10) == 0 ? 1 + qg_random_below(3) : 0;
		int64_t before = asking.desk.cost;
		size_t closed = asking.desk.closed;
		asking_start(NULL);
		qg_timer_start(timer, qg_random_below(4) == 0 ? 0 : 3);
		qg_loop_run(asking.world.loop);
		qg_timer_stop(timer);
		if (asking.ended) {
			cost += asking.bill.cost[QG_CNY];
			calls += asking.desk.closed - closed;
			ck_assert_int_eq(asking.bill.cost[QG_CNY], asking.desk.cost - before);
		} else {
			cancelled++;
			cost += asking.desk.cost - before;
		}
		ck_assert_uint_eq(asking.desk.granted, asking.desk.closed);
		ck_assert_uint_eq(fake_running, 0);
		ck_assert_uint_eq(asking.desk.wrong, 0);
		ck_assert_ptr_null(asking.desk.open);
	}
	qg_timer_destroy(timer);
	ck_assert_int_eq(cost, asking.desk.cost);
	ck_assert_uint_gt(calls, RUNS / 4); /* it was no idle run */
	ck_assert_uint_gt(cancelled, RUNS / 100);
	ck_assert_uint_gt(asking.desk.forgotten, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("budget");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, asking_setup, asking_teardown);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, every_limit_but_the_turn_s_is_reserved);
	tcase_add_test(all, what_has_no_limit_or_no_price_reserves_nothing);
	tcase_add_test(all, a_turn_s_limit_counts_what_it_spent);
	tcase_add_loop_test(all, cheaper_is_the_first_of_a_lower_rank, 0, 4);
	tcase_add_test(all, offline_asks_nobody_else);
	tcase_add_test(all, stop_ends_it);
	tcase_add_test(all, a_forced_model_is_not_replaced);
	tcase_add_loop_test(all, the_turn_s_own_limit_is_met_without_the_desk, 0, 3);
	tcase_add_test(all, a_turn_s_failed_calls_count);
	tcase_add_test(all, what_has_no_price_is_not_asked_where_a_limit_stands);
	tcase_add_test(all, dollars_are_reserved_in_yuan);
	tcase_add_test(all, midnight_is_the_bot_s);
	tcase_add_test(all, every_granted_call_is_closed_once_whatever_happens);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
