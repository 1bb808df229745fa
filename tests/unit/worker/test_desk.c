/* test_desk.c - what a turn asks and leaves to be booked: answered, asked again, kept beyond the turn, released. */
#include "told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/ledger.h"
#include "qg/str.h"

struct asked {
	bool came;
	enum qg_status status;
	enum qg_limit limit;
	struct qg_figures figures;
};

static void opened(void *arg, enum qg_status status, enum qg_limit limit)
{
	struct asked *asked = arg;
	ck_assert(!asked->came);
	*asked = (struct asked){.came = true, .status = status, .limit = limit};
}

static void figured(void *arg, enum qg_status status, const struct qg_figures *figures)
{
	struct asked *asked = arg;
	ck_assert(!asked->came);
	*asked = (struct asked){.came = true, .status = status, .figures = *figures};
}

static void bound(void *arg, enum qg_status status)
{
	opened(arg, status, 0);
}

static bool has_come(void *arg)
{
	return ((struct asked *)arg)->came;
}

/* A turn of the bot is under way; its desk. Nothing Redis answered is lost when it is killed: beside a busy disk
 * `everysec` writes later. */
static struct qg_desk *begin(void)
{
	qg_test_redis_do(server, "CONFIG", "SET", "appendfsync", "always", NULL);
	node_start(&ann, "ann");
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	ck_assert_ptr_nonnull(turns[0].desk);
	return turns[0].desk;
}

/* A call of at most 1 yuan, with a budget of the chat's day over so much. */
static struct qg_call a_call(const char *id, int64_t most)
{
	struct qg_call call = {.at = 1,
		.day = "20261122",
		.provider = "deepseek",
		.model = "deepseek-flash",
		.key = "main",
		.bot = BOT,
		.chat = "c1",
		.user = "li",
		.role = "restaurant",
		.estimate = {.input = 100, .output = 50},
		.cost = QG_MONEY_ONE};
	snprintf(call.id, sizeof(call.id), "%s", id);
	if (most > 0) {
		call.reserves[call.reserve_count++] = (struct qg_reserve){
			QG_LIMIT_CHAT_DAY, QG_CNY, "20261122", "c1", most, QG_MONEY_ONE};
	}
	return call;
}

static struct qg_call_end an_end(int64_t cost)
{
	return (struct qg_call_end){.tokens = {.input = 90, .cached_input = 40, .output = 30},
		.cost = cost,
		.first_ms = 5,
		.total_ms = 9};
}

static enum qg_status open_call(struct qg_desk *desk, const struct qg_call *call)
{
	struct asked asked = {0};
	desk->open(desk, call, opened, &asked);
	ck_assert(!asked.came);
	wait_until(has_come, &asked);
	return asked.status;
}

static void close_call(struct qg_desk *desk, struct qg_call *call, int64_t cost)
{
	struct qg_call_end end = an_end(cost);
	for (size_t i = 0; i < call->reserve_count; i++) {
		call->reserves[i].amount = cost;
	}
	desk->close(desk, call, &end);
}

static bool has_rows(void *arg)
{
	return ask_int("XLEN", "ledger", NULL) >= *(int64_t *)arg;
}

static void wait_rows(int64_t count)
{
	wait_until(has_rows, &count);
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), count);
}

static bool all_booked(void *arg)
{
	return ((struct qg_worker *)arg)->closing_count == 0;
}

static struct qg_figures figures_of(struct qg_desk *desk)
{
	struct asked asked = {0};
	desk->figures(desk, BOT, "c1", "li", "20261122", figured, &asked);
	wait_until(has_come, &asked);
	ck_assert_int_eq(asked.status, QG_OK);
	return asked.figures;
}

START_TEST(a_call_is_opened_closed_and_summed)
{
	struct qg_desk *desk = begin();
	struct qg_call call = a_call("a", 5 * QG_MONEY_ONE);
	ck_assert_int_eq(open_call(desk, &call), QG_OK);
	ck_assert_int_eq(ask_int("HLEN", "calls", NULL), 1);
	close_call(desk, &call, 7);
	wait_rows(1);
	ck_assert_int_eq(ask_int("HLEN", "calls", NULL), 0);
	struct qg_figures figures = figures_of(desk);
	ck_assert_int_eq(figures.chat_day.calls, 1);
	ck_assert_int_eq(figures.user_month.input, 90);
	ck_assert_int_eq(figures.bot_month.cost[QG_CNY], 7);
	desk->saved(desk, &call, "faq");
	wait_rows(2);
	ck_assert_int_eq(figures_of(desk).bot_month.saved, 150);
}
END_TEST

START_TEST(a_budget_refuses)
{
	struct qg_desk *desk = begin();
	struct qg_call call = a_call("a", QG_MONEY_ONE / 2);
	struct asked asked = {0};
	desk->open(desk, &call, opened, &asked);
	wait_until(has_come, &asked);
	ck_assert_int_eq(asked.status, QG_DENIED);
	ck_assert_int_eq(asked.limit, QG_LIMIT_CHAT_DAY);
	ck_assert_int_eq(ask_int("HLEN", "calls", NULL), 0);
}
END_TEST

START_TEST(a_turn_that_is_somebody_elses_opens_nothing)
{
	struct qg_desk *desk = begin();
	struct qg_call call = a_call("a", 0);
	qg_test_redis_do(server, "HINCRBY", "qg:{0}:c:" BOT "/c1", "try", "1", NULL);
	ck_assert_int_eq(open_call(desk, &call), QG_STALE);
	turn_stale(0);
	run_looks();
	ck_assert_int_eq(ask_int("EXISTS", "o:" BOT ":c1", NULL), 0); /* not a word */
	ck_assert_int_eq(ask_int("HEXISTS", "c:" BOT "/c1", "em1", NULL), 0);
	ck_assert_int_ge(qg_metric_value(ann.worker->stale), 1);
}
END_TEST

START_TEST(a_question_outlives_a_short_absence_of_redis)
{
	struct qg_desk *desk = begin();
	struct qg_call call = a_call("a", 0);
	struct asked asked = {0};
	qg_test_redis_pause(server);
	desk->open(desk, &call, opened, &asked);
	run_ms(20);
	qg_test_redis_kill(server);
	qg_test_redis_restart(server);
	wait_until(has_come, &asked);
	ck_assert_int_eq(asked.status, QG_OK);
	ck_assert_int_eq(ask_int("HLEN", "calls", NULL), 1);
}
END_TEST

START_TEST(the_end_of_a_call_outlives_its_turn_and_redis)
{
	struct qg_desk *desk = begin();
	struct qg_call call = a_call("a", 5 * QG_MONEY_ONE);
	ck_assert_int_eq(open_call(desk, &call), QG_OK);
	qg_test_redis_pause(server);
	close_call(desk, &call, 7);
	run_ms(20);
	turn_fail(0);
	qg_test_redis_kill(server);
	run_ms(20);
	qg_test_redis_restart(server);
	wait_rows(1);
	wait_until(all_booked, ann.worker);
	ck_assert_int_eq(ask_int("HLEN", "calls", NULL), 0);
}
END_TEST

START_TEST(the_end_of_a_call_is_kept_while_redis_has_no_room)
{
	struct qg_desk *desk = begin();
	struct qg_call call = a_call("a", 0);
	ck_assert_int_eq(open_call(desk, &call), QG_OK);
	set_writable(false);
	close_call(desk, &call, 7);
	run_looks();
	ck_assert_uint_eq(ann.worker->closing_count, 1);
	set_writable(true);
	wait_rows(1);
	wait_until(all_booked, ann.worker);
}
END_TEST

START_TEST(ends_of_calls_wait_up_to_a_ceiling)
{
	struct qg_desk *desk = begin();
	struct qg_call call = a_call("a", 0);
	ck_assert_int_eq(open_call(desk, &call), QG_OK);
	qg_worker_redis_changed(ann.worker, false);
	int64_t lost = qg_metric_value(ann.worker->calls_lost);
	for (int i = 0; i < CLOSINGS_MOST + 2; i++) {
		close_call(desk, &call, 7);
	}
	ck_assert_uint_eq(ann.worker->closing_count, CLOSINGS_MOST);
	ck_assert_int_eq(qg_metric_value(ann.worker->calls_lost), lost + 2);
	qg_worker_redis_changed(ann.worker, true);
	wait_until(all_booked, ann.worker);
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), 1); /* each may be sent twice */
}
END_TEST

START_TEST(a_drain_waits_for_the_ends_of_calls)
{
	struct qg_desk *desk = begin();
	struct qg_call call = a_call("a", 0);
	ck_assert_int_eq(open_call(desk, &call), QG_OK);
	qg_test_redis_pause(server);
	close_call(desk, &call, 7);
	turn_answer(0, "ok");
	ann.core.draining = true;
	run_ms(10);
	qg_test_redis_resume(server);
	node_drain(&ann, 5000);
	ck_assert_uint_eq(ann.worker->closing_count, 0);
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), 1);
}
END_TEST

START_TEST(what_is_forgotten_is_released)
{
	struct qg_desk *desk = begin();
	struct qg_call call = a_call("a", 5 * QG_MONEY_ONE);
	struct asked asked = {0}, other = {0};
	desk->open(desk, &call, opened, &asked);
	desk->figures(desk, BOT, "c1", "li", "20261122", figured, &other);
	desk->forget(desk, &asked);
	wait_until(has_come, &other);
	wait_rows(1); /* a call that was never sent */
	ck_assert(!asked.came);
	ck_assert_int_eq(ask_int("HLEN", "calls", NULL), 0);
	struct qg_figures figures = figures_of(desk);
	ck_assert_int_eq(figures.chat_day.cost[QG_CNY], 0);
	ck_assert_int_eq(figures.chat_day.input, 0);
	struct qg_call all = a_call("b", QG_MONEY_ONE); /* all of it is there again */
	ck_assert_int_eq(open_call(desk, &all), QG_OK);
}
END_TEST

START_TEST(what_a_dropped_job_asked_is_released)
{
	struct qg_desk *desk = begin();
	struct qg_call call = a_call("a", 5 * QG_MONEY_ONE);
	struct asked asked = {0};
	desk->open(desk, &call, opened, &asked);
	job_drop(QG_CONTAINER(desk, struct job, desk), "the test says so");
	wait_rows(1);
	ck_assert(!asked.came);
	ck_assert_int_eq(ask_int("HLEN", "calls", NULL), 0);
}
END_TEST

static bool no_notices(void *arg)
{
	return qg_list_is_empty(&((struct qg_worker *)arg)->notices) &&
	       ((struct qg_worker *)arg)->closing_count == 0;
}

static void expect_notice(const char *admin, const char *figures)
{
	char key[64], error[128];
	snprintf(key, sizeof(key), "o:" BOT ":%s", admin);
	ck_assert_int_eq(ask_int("LLEN", key, NULL), 1);
	char *wire = ask_text("LINDEX", key, "0", NULL);
	struct qg_reply *reply = qg_reply_decode(wire, strlen(wire), error);
	ck_assert_msg(reply != NULL, "%s", error);
	ck_assert(qg_str_starts_with(reply->text, "limit_near name=limit_name_chat_day whom=c1 "));
	ck_assert_ptr_nonnull(strstr(reply->text, figures));
	ck_assert_str_eq(reply->chat, admin);
	ck_assert_int_eq(reply->chat_type, QG_CHAT_DIRECT);
	qg_reply_destroy(reply);
	free(wire);
}

START_TEST(admins_hear_once_that_a_budget_is_nearly_used)
{
	static char *admins[] = {"boss", "wu"};
	struct qg_bot_config bot = a_bot(BOT, "1");
	bot.admins = (struct qg_strings){admins, 2};
	config_bots(&bot, NULL);
	qg_test_redis_do(server, "SADD", "qg:{0}:a:" BOT, "wu", "li", NULL);
	struct qg_desk *desk = begin();
	for (int i = 0; i < 2; i++) {
		struct qg_call call = a_call(i == 0 ? "a" : "b", QG_MONEY_ONE);
		call.reserves[0].amount = i == 0 ? QG_MONEY_ONE : 1;
		ck_assert_int_eq(open_call(desk, &call), QG_OK);
		close_call(desk, &call, i == 0 ? QG_MONEY_ONE / 10 * 9 : 0);
		wait_until(no_notices, ann.worker);
	}
	expect_notice("boss", "used=900000000 nano limit=1000000000 nano");
	expect_notice("wu", "used=900000000 nano limit=1000000000 nano");
	expect_notice("li", "used=900000000 nano limit=1000000000 nano");
}
END_TEST

/* No call will ever be closed, whether the first one is too dear or the worker of the last one died. */
START_TEST(admins_hear_of_a_budget_that_refuses)
{
	static char *admins[] = {"boss"};
	struct qg_bot_config bot = a_bot(BOT, "1");
	bot.admins = (struct qg_strings){admins, 1};
	config_bots(&bot, NULL);
	struct qg_desk *desk = begin();
	for (int i = 0; i < 2; i++) {
		struct qg_call call = a_call(i == 0 ? "a" : "b", QG_MONEY_ONE);
		call.reserves[0].amount = QG_MONEY_ONE + 1;
		ck_assert_int_eq(open_call(desk, &call), QG_DENIED);
		wait_until(no_notices, ann.worker);
	}
	expect_notice("boss", "used=0 nano limit=1000000000 nano");
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), 0); /* and nothing is booked */
}
END_TEST

START_TEST(a_code_binds_once)
{
	struct qg_desk *desk = begin();
	char digest[33];
	qg_bind_digest(BOT, "123456", digest);
	struct asked asked = {0};
	qg_bind_offer(ann.core.queue, BOT, digest, qg_clock_wall() + 60000, bound, &asked);
	wait_until(has_come, &asked);
	asked = (struct asked){0};
	desk->bind(desk, BOT, "li", "654321", "m1", bound, &asked);
	wait_until(has_come, &asked);
	ck_assert_int_eq(asked.status, QG_DENIED);
	asked = (struct asked){0};
	desk->bind(desk, BOT, "li", "123456", "m2", bound, &asked);
	wait_until(has_come, &asked);
	ck_assert_int_eq(asked.status, QG_OK);
	ck_assert_int_eq(ask_int("SISMEMBER", "a:" BOT, "li", NULL), 1);
}
END_TEST

/* ---- what the worker tells a turn of the chat and its sender ---- */

static void begin_on(struct qg_bot_config bot)
{
	config_bots(&bot, NULL);
	node_start(&ann, "ann");
}

START_TEST(a_group_is_enabled_by_the_config_or_an_admin)
{
	static char *chats[] = {"c2"};
	struct qg_bot_config bot = a_bot(BOT, "1");
	bot.platform = "feishu";
	bot.chats = (struct qg_strings){chats, 1};
	begin_on(bot);
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	ck_assert(!turns[0].enabled);
	turn_group(0, QG_GROUP_ENABLED);
	wait_replies("c1", 1);
	store(BOT, "c1", "m2", "hi");
	wait_turns(2);
	ck_assert(turns[1].enabled);
	turn_group(1, QG_GROUP_DISABLED);
	wait_replies("c1", 2);
	store(BOT, "c1", "m3", "hi");
	wait_turns(3);
	ck_assert(!turns[2].enabled);
	store(BOT, "c2", "m4", "hi");
	wait_turns(4);
	ck_assert(turns[3].enabled);
}
END_TEST

START_TEST(a_bot_for_any_chat_works_everywhere)
{
	struct qg_bot_config bot = a_bot(BOT, "1");
	bot.platform = "feishu";
	bot.any_chat = true;
	begin_on(bot);
	store(BOT, "c1", "m1", "hi");
	wait_turns(1);
	ck_assert(turns[0].enabled);
}
END_TEST

START_TEST(admins_are_those_of_the_config_and_those_bound)
{
	static char *admins[] = {"li"};
	struct qg_bot_config named = a_bot("named", "1"), code = a_bot("code", "1"),
			     web = a_bot("web", "1");
	named.platform = code.platform = "feishu";
	named.admins = web.admins = (struct qg_strings){admins, 1};
	config_bots(&code, &named, &web, NULL);
	qg_test_redis_do(server, "SADD", "qg:{0}:a:code", "li", NULL);
	qg_test_redis_do(server, "SADD", "qg:{0}:a:web", "li", NULL);
	node_start(&ann, "ann");
	store("named", "c1", "m1", "hi");
	wait_turns(1);
	ck_assert(turns[0].admin);
	store("code", "c1", "m2", "hi");
	wait_turns(2);
	ck_assert(turns[1].admin);
	store("web", "c1", "m3", "hi"); /* anybody may take a name there */
	wait_turns(3);
	ck_assert(!turns[2].admin);
	ck_assert(turns[2].enabled);
}
END_TEST

int main(void)
{
	redis_keeps_all = true;
	Suite *suite = suite_create("desk");
	TCase *tcase = tcase_create("desk");
	fixture_add_slow(tcase);
	tcase_add_test(tcase, a_call_is_opened_closed_and_summed);
	tcase_add_test(tcase, a_budget_refuses);
	tcase_add_test(tcase, a_turn_that_is_somebody_elses_opens_nothing);
	tcase_add_test(tcase, a_question_outlives_a_short_absence_of_redis);
	tcase_add_test(tcase, the_end_of_a_call_outlives_its_turn_and_redis);
	tcase_add_test(tcase, the_end_of_a_call_is_kept_while_redis_has_no_room);
	tcase_add_test(tcase, ends_of_calls_wait_up_to_a_ceiling);
	tcase_add_test(tcase, a_drain_waits_for_the_ends_of_calls);
	tcase_add_test(tcase, what_is_forgotten_is_released);
	tcase_add_test(tcase, what_a_dropped_job_asked_is_released);
	tcase_add_test(tcase, admins_hear_once_that_a_budget_is_nearly_used);
	tcase_add_test(tcase, admins_hear_of_a_budget_that_refuses);
	tcase_add_test(tcase, a_code_binds_once);
	tcase_add_test(tcase, a_group_is_enabled_by_the_config_or_an_admin);
	tcase_add_test(tcase, a_bot_for_any_chat_works_everywhere);
	tcase_add_test(tcase, admins_are_those_of_the_config_and_those_bound);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
