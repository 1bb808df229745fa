/* test_ledger.c - calls opened, closed and saved: budgets reserved and settled once, rows in the book, sums. */
#include "calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"

#define ONE_CALL "1 900 300 50 0 70 0"

static size_t calls_open(void)
{
	return (size_t)ask_int("HLEN", "calls", NULL);
}

static void expect_rows(size_t count)
{
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), (int64_t)count);
}

/* ---- open ---- */

START_TEST(an_opening_reserves_and_writes_its_row)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_call call = call_in_chat('a', 1000);
	reserve(&call, QG_LIMIT_BOT_MONTH, BOT, "202311", 100, 5000);
	ck_assert_int_eq(open_call(ann, &turn, &call).status, QG_OK);
	expect_counter(CHAT_COUNTER, 100);
	expect_counter("$" BOT ":bot_month:" BOT ":202311:CNY", 100);
	ck_assert_int_gt(ask_int("TTL", CHAT_COUNTER, NULL), 2 * 24 * 3600);
	ck_assert_int_le(ask_int("TTL", CHAT_COUNTER, NULL), 3 * 24 * 3600);
	ck_assert_int_gt(
		ask_int("TTL", "$" BOT ":bot_month:" BOT ":202311:CNY", NULL), 60 * 24 * 3600);
	ck_assert_uint_eq(calls_open(), 1);
	expect_rows(0);
	qg_entry_finish(&turn);
}
END_TEST

START_TEST(an_opening_sent_twice_reserves_once)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_call call = call_in_chat('a', 150);
	ck_assert_int_eq(open_call(ann, &turn, &call).status, QG_OK);
	ck_assert_int_eq(open_call(ann, &turn, &call).status, QG_OK);
	expect_counter(CHAT_COUNTER, 100);
	qg_entry_finish(&turn);
}
END_TEST

START_TEST(the_limit_that_refuses_is_named_and_nothing_is_reserved)
{
	struct qg_call first = call_in_chat('a', 1000);
	ck_assert_int_eq(open_call(ann, NULL, &first).status, QG_OK);
	struct qg_call second = call_in_chat('b', 1000);
	reserve(&second, QG_LIMIT_USER_DAY, "li", DAY, 101, 100);
	struct opening refused = open_call(ann, NULL, &second);
	ck_assert_int_eq(refused.status, QG_DENIED);
	ck_assert_int_eq(refused.limit, QG_LIMIT_USER_DAY);
	expect_counter(CHAT_COUNTER, 100);
	ck_assert_int_eq(ask_int("EXISTS", USER_COUNTER, NULL), 0);
	ck_assert_uint_eq(calls_open(), 1);
}
END_TEST

START_TEST(a_limit_may_be_used_to_its_last_digit)
{
	struct qg_call first = call_in_chat('a', 200), second = call_in_chat('b', 200);
	struct qg_call third = call_in_chat('c', 200);
	third.reserves[0].amount = 1;
	ck_assert_int_eq(open_call(ann, NULL, &first).status, QG_OK);
	ck_assert_int_eq(open_call(ben, NULL, &second).status, QG_OK);
	ck_assert_int_eq(open_call(ann, NULL, &third).status, QG_DENIED);
	expect_counter(CHAT_COUNTER, 200);
}
END_TEST

/* A nano more than a double holds at ten million units would be lost. */
START_TEST(large_sums_stay_exact)
{
	int64_t most = INT64_C(1000000000000000); /* a million */
	struct qg_call first = call_in_chat('a', most), second = call_in_chat('b', most);
	first.reserves[0].amount = most - 1;
	second.reserves[0].amount = 1;
	ck_assert_int_eq(open_call(ann, NULL, &first).status, QG_OK);
	ck_assert_int_eq(open_call(ann, NULL, &second).status, QG_OK);
	expect_counter(CHAT_COUNTER, most);
	second.id[0] = 'x';
	ck_assert_int_eq(open_call(ann, NULL, &second).status, QG_DENIED);
}
END_TEST

START_TEST(a_zombie_opens_nothing)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_entry mine = claim_now(ben, TALK);
	struct qg_call call = call_in_chat('a', 1000);
	ck_assert_int_eq(open_call(ann, &turn, &call).status, QG_STALE);
	ck_assert_uint_eq(calls_open(), 0);
	expect_counter(CHAT_COUNTER, 0);
	ck_assert_int_eq(open_call(ben, &mine, &call).status, QG_OK);
	qg_entry_finish(&turn);
	qg_entry_finish(&mine);
}
END_TEST

/* The first copy of an opening may arrive long after the second, when the turn has gone on without it. */
START_TEST(a_late_copy_hears_what_the_first_heard)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_call big = call_in_chat('a', 99), small = call_in_chat('b', 1000);
	ck_assert_int_eq(open_call(ann, &turn, &big).status, QG_DENIED);
	big.reserves[0].most = 1000; /* somebody settled meanwhile */
	struct opening again = open_call(ann, &turn, &big);
	ck_assert_int_eq(again.status, QG_DENIED);
	ck_assert_int_eq(again.limit, QG_LIMIT_CHAT_DAY);
	ck_assert_int_eq(open_call(ann, &turn, &small).status, QG_OK);
	ck_assert_int_eq(close_call(ann, &small, 70).status, QG_OK);
	ck_assert_int_eq(open_call(ann, &turn, &small).status, QG_OK);
	ck_assert_uint_eq(calls_open(), 0);
	expect_counter(CHAT_COUNTER, 70);
	ck_assert_int_eq(answer(ann, &turn, NULL), QG_OK);
	ck_assert_int_eq(open_call(ann, &turn, &small).status, QG_STALE);
	expect_sound();
	qg_entry_finish(&turn);
}
END_TEST

/* ---- close ---- */

START_TEST(a_close_settles_and_books)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_call call = call_in_chat('a', 1000);
	open_call(ann, &turn, &call);
	struct closing closing = close_call(ann, &call, 70);
	ck_assert_int_eq(closing.status, QG_OK);
	ck_assert_uint_eq(closing.count, 0);
	expect_counter(CHAT_COUNTER, 70);
	ck_assert_uint_eq(calls_open(), 0);
	expect_sum("bot", ONE_CALL);
	expect_sum("c:" CHAT, ONE_CALL);
	expect_sum("u:li", ONE_CALL);
	json_auto_t *rows = book();
	const json_t *row = json_array_get(rows, 0);
	ck_assert_uint_eq(json_array_size(rows), 1);
	ck_assert_str_eq(qg_json_str(row, "id", ""), call.id);
	ck_assert_int_eq(qg_json_int(row, "cached_input", 0), 300);
	ck_assert_int_eq(qg_json_int(row, "cost", 0), 70);
	ck_assert(json_is_false(json_object_get(row, "estimated")));
	qg_entry_finish(&turn);
}
END_TEST

START_TEST(a_close_sent_twice_settles_once)
{
	struct qg_call call = call_in_chat('a', 1000);
	open_call(ann, NULL, &call);
	ck_assert_int_eq(close_call(ann, &call, 70).status, QG_OK);
	ck_assert_int_eq(close_call(ann, &call, 70).status, QG_OK);
	expect_counter(CHAT_COUNTER, 70);
	expect_sum("bot", ONE_CALL);
	expect_rows(1);
}
END_TEST

/* Costs more than was thought: settled all the same, and the next one finds the limit used up. */
START_TEST(a_call_may_cost_more_than_it_reserved)
{
	struct qg_call call = call_in_chat('a', 120), next = call_in_chat('b', 120);
	open_call(ann, NULL, &call);
	ck_assert_int_eq(close_call(ann, &call, 150).status, QG_OK);
	expect_counter(CHAT_COUNTER, 150);
	next.reserves[0].amount = 0;
	ck_assert_int_eq(open_call(ann, NULL, &next).status, QG_DENIED);
}
END_TEST

START_TEST(over_midnight_the_day_of_the_opening_is_settled)
{
	struct qg_call call = call_in_chat('a', 1000), next = call_of('b');
	reserve(&next, QG_LIMIT_CHAT_DAY, CHAT, "20231115", 100, 1000);
	open_call(ann, NULL, &call);
	open_call(ann, NULL, &next);
	close_call(ann, &call, 70);
	expect_counter(CHAT_COUNTER, 70);
	expect_counter("$" BOT ":chat_day:" CHAT ":20231115:CNY", 100);
}
END_TEST

/* A counter that went with its time does not come back for ever as a small debt. */
START_TEST(what_expired_stays_gone)
{
	struct qg_call call = call_in_chat('a', 1000);
	open_call(ann, NULL, &call);
	ask_int("DEL", CHAT_COUNTER, NULL);
	ck_assert_int_eq(close_call(ann, &call, 70).status, QG_OK);
	ck_assert_int_eq(ask_int("EXISTS", CHAT_COUNTER, NULL), 0);
	expect_rows(1);
}
END_TEST

START_TEST(dollars_and_yuan_stay_apart)
{
	struct qg_call yuan = call_in_chat('a', 1000), dollars = call_in_chat('b', 1000);
	dollars.price.currency = dollars.reserves[0].currency = QG_USD;
	open_call(ann, NULL, &yuan);
	open_call(ann, NULL, &dollars);
	close_call(ann, &yuan, 70);
	close_call(ann, &dollars, 9);
	expect_counter(CHAT_COUNTER, 70);
	expect_counter("$" BOT ":chat_day:" CHAT ":" DAY ":USD", 9);
	expect_sum("bot", "2 1800 600 100 0 70 9");
}
END_TEST

/* What a service reports is not believed to the point where counters break. */
START_TEST(absurd_figures_break_nothing)
{
	struct qg_call call = call_in_chat('a', INT64_MAX);
	ck_assert_int_eq(open_call(ann, NULL, &call).status, QG_OK);
	ck_assert_int_eq(close_call(ann, &call, INT64_MAX).status, QG_OK);
	expect_counter(CHAT_COUNTER, INT64_C(1000000000000000));
	expect_sum("bot", "1 900 300 50 0 1000000000000000 0");
}
END_TEST

/* ---- near ---- */

static enum qg_status tell(struct qg_queue *queue, const char *key, char letter)
{
	struct simple simple = {0};
	struct qg_reply *notice = make_reply(reply_id(letter), "admins", "80 %");
	qg_ledger_tell(queue, BOT, key, &notice, 1, simple_answer, &simple);
	qg_reply_destroy(notice);
	return wait_simple(&simple);
}

START_TEST(a_limit_is_near_until_it_is_told)
{
	struct qg_call call = call_in_chat('a', 100), next = call_in_chat('b', 100);
	open_call(ann, NULL, &call);
	ck_assert_uint_eq(close_call(ann, &call, 79).count, 0);
	next.reserves[0].amount = 1;
	open_call(ann, NULL, &next);
	struct closing closing = close_call(ann, &next, 1);
	ck_assert_uint_eq(closing.count, 1);
	ck_assert_int_eq(closing.near[0].limit, QG_LIMIT_CHAT_DAY);
	ck_assert_int_eq(closing.near[0].used, 80);
	ck_assert_int_eq(closing.near[0].most, 100);
	ck_assert_uint_eq(close_call(ann, &next, 1).count, 1); /* its answer may have been lost */
	ck_assert_int_eq(tell(ann, closing.near[0].key, 'e'), QG_OK);
	ck_assert_int_eq(tell(ben, closing.near[0].key, 'f'), QG_OK); /* sees the same */
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":admins", NULL), 1);
	ck_assert_uint_eq(close_call(ann, &next, 1).count, 0);
}
END_TEST

/* ---- saved ---- */

static enum qg_status save(const struct qg_call *call)
{
	struct simple simple = {0};
	qg_ledger_saved(ann, call, "faq", simple_answer, &simple);
	return wait_simple(&simple);
}

START_TEST(what_was_saved_counts_once_and_is_no_call)
{
	struct qg_call call = call_of('a');
	ck_assert_int_eq(save(&call), QG_OK);
	ck_assert_int_eq(save(&call), QG_OK); /* the turn was made again */
	expect_sum("bot", "0 0 0 0 1200 0 0");
	json_auto_t *rows = book();
	ck_assert_uint_eq(json_array_size(rows), 1);
	ck_assert_str_eq(qg_json_str(json_array_get(rows, 0), "way", ""), "faq");
	ck_assert_int_eq(qg_json_int(json_array_get(rows, 0), "saved", 0), 1200);
	ck_assert_int_eq(qg_json_int(json_array_get(rows, 0), "cost", 1), 0);
}
END_TEST

/* ---- figures ---- */

static void spend(char letter, const char *day, const char *chat, const char *user, int64_t cost)
{
	struct qg_call call = call_of(letter);
	snprintf(call.day, sizeof(call.day), "%s", day);
	call.chat = chat;
	call.user = user;
	ck_assert_int_eq(open_call(ann, NULL, &call).status, QG_OK);
	ck_assert_int_eq(close_call(ann, &call, cost).status, QG_OK);
}

START_TEST(figures_are_of_day_and_month)
{
	spend('a', "20231101", CHAT, "li", 1);
	spend('b', "20231114", CHAT, "li", 10);
	spend('c', "20231114", CHAT, "wang", 100);
	spend('d', "20231114", "other", "li", 1000);
	spend('e', "20231115", CHAT, "li", 10000);  /* tomorrow */
	spend('f', "20231031", CHAT, "li", 100000); /* another month */
	struct qg_figures f = figures("20231114");
	ck_assert_int_eq(f.user_day.cost[QG_CNY], 1010);
	ck_assert_int_eq(f.user_month.cost[QG_CNY], 1011);
	ck_assert_int_eq(f.chat_day.cost[QG_CNY], 110);
	ck_assert_int_eq(f.chat_month.cost[QG_CNY], 111);
	ck_assert_int_eq(f.bot_month.cost[QG_CNY], 1111);
	ck_assert_int_eq(f.bot_month.calls, 4);
	ck_assert_int_eq(f.bot_month.input, 3600);
	ck_assert_int_eq(f.user_day.cached_input, 600);
	ck_assert_int_eq(f.user_day.output, 100);
	ck_assert_int_gt(ask_int("TTL", "sum:" BOT ":20231114", NULL), 60 * 24 * 3600);
	f = figures("20231231");
	ck_assert_int_eq(f.bot_month.calls, 0);
}
END_TEST

START_TEST(a_damaged_sum_begins_anew)
{
	qg_redis_reply_free(
		ask("HSET", "sum:" BOT ":" DAY, "bot", "nonsense", "u:li", "1 2 3", NULL));
	spend('a', DAY, CHAT, "li", 70);
	expect_sum("bot", ONE_CALL);
	qg_redis_reply_free(ask("HSET", "sum:" BOT ":" DAY, "u:li", "1 2 3", NULL));
	ck_assert_int_eq(figures(DAY).user_day.calls, 0);
	ck_assert_int_eq(figures(DAY).bot_month.cost[QG_CNY], 70);
}
END_TEST

/* A Redis that was started anew has none. */
START_TEST(scripts_come_back)
{
	struct qg_call call = call_in_chat('a', 1000);
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	ck_assert_int_eq(open_call(ann, NULL, &call).status, QG_OK);
	qg_test_redis_do(server, "SCRIPT", "FLUSH", NULL);
	ck_assert_int_eq(close_call(ann, &call, 70).status, QG_OK);
	expect_counter(CHAT_COUNTER, 70);
}
END_TEST

static void no_figures(void *arg, enum qg_status status, const struct qg_figures *got)
{
	simple_answer(arg, status);
}

START_TEST(figures_of_no_day_are_refused)
{
	struct simple simple = {0};
	qg_ledger_figures(ann, BOT, CHAT, "li", "2023", no_figures, &simple);
	ck_assert_int_eq(wait_simple(&simple), QG_FAILED);
}
END_TEST

/* ---- the book's way into files ---- */

struct reading {
	bool came;
	size_t count;
	char ids[8][32];
	int64_t cost[8];
};

static void read_came(
	void *arg, enum qg_status status, const struct qg_ledger_entry *entries, size_t count)
{
	struct reading *reading = arg;
	ck_assert_int_eq(status, QG_OK);
	reading->came = true;
	reading->count = count;
	for (size_t i = 0; i < count; i++) {
		json_auto_t *row = qg_json_parse(entries[i].row, entries[i].size, NULL);
		snprintf(reading->ids[i], sizeof(reading->ids[i]), "%s", entries[i].id);
		reading->cost[i] = qg_json_int(row, "cost", -1);
	}
	simple_answer(&(struct simple){0}, QG_OK);
}

static struct reading read_book(unsigned most)
{
	struct reading reading = {0};
	qg_ledger_read(ann, 0, most, read_came, &reading);
	wait_for(&reading.came);
	return reading;
}

START_TEST(rows_are_read_in_order_and_dropped)
{
	spend('a', DAY, CHAT, "li", 1);
	spend('b', DAY, CHAT, "li", 2);
	spend('c', DAY, CHAT, "li", 3);
	struct reading reading = read_book(2);
	ck_assert_uint_eq(reading.count, 2);
	ck_assert_int_eq(reading.cost[0], 1);
	ck_assert_int_eq(reading.cost[1], 2);
	for (int i = 0; i < 2; i++) { /* sent twice */
		struct simple simple = {0};
		const char *ids[] = {reading.ids[0], reading.ids[1]};
		qg_ledger_drop(ann, 0, ids, 2, simple_answer, &simple);
		ck_assert_int_eq(wait_simple(&simple), QG_OK);
	}
	reading = read_book(8);
	ck_assert_uint_eq(reading.count, 1);
	ck_assert_int_eq(reading.cost[0], 3);
}
END_TEST

START_TEST(an_empty_book_is_read)
{
	ck_assert_uint_eq(read_book(8).count, 0);
}
END_TEST

/* ---- Redis full ---- */

START_TEST(a_full_redis_opens_nothing_but_closes)
{
	struct qg_call call = call_in_chat('a', 100), next = call_in_chat('b', 1000);
	struct qg_call answered = call_of('s');
	open_call(ann, NULL, &call);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "1", NULL);
	ck_assert_int_eq(open_call(ann, NULL, &next).status, QG_BUSY);
	struct closing closing = close_call(ann, &call, 90);
	ck_assert_int_eq(closing.status, QG_OK);
	ck_assert_uint_eq(closing.count, 1);
	ck_assert_int_eq(tell(ann, closing.near[0].key, 'e'), QG_OK);
	ck_assert_int_eq(save(&answered), QG_OK);
	ck_assert_uint_eq(read_book(8).count, 2);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "0", NULL);
	expect_counter(CHAT_COUNTER, 90);
	ck_assert_int_eq(ask_int("LLEN", "o:" BOT ":admins", NULL), 1);
	ck_assert_uint_eq(calls_open(), 0);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("ledger");
	fixture_add(tcase);
	tcase_add_test(tcase, an_opening_reserves_and_writes_its_row);
	tcase_add_test(tcase, an_opening_sent_twice_reserves_once);
	tcase_add_test(tcase, the_limit_that_refuses_is_named_and_nothing_is_reserved);
	tcase_add_test(tcase, a_limit_may_be_used_to_its_last_digit);
	tcase_add_test(tcase, large_sums_stay_exact);
	tcase_add_test(tcase, a_zombie_opens_nothing);
	tcase_add_test(tcase, a_late_copy_hears_what_the_first_heard);
	tcase_add_test(tcase, a_close_settles_and_books);
	tcase_add_test(tcase, a_close_sent_twice_settles_once);
	tcase_add_test(tcase, a_call_may_cost_more_than_it_reserved);
	tcase_add_test(tcase, over_midnight_the_day_of_the_opening_is_settled);
	tcase_add_test(tcase, what_expired_stays_gone);
	tcase_add_test(tcase, dollars_and_yuan_stay_apart);
	tcase_add_test(tcase, absurd_figures_break_nothing);
	tcase_add_test(tcase, a_limit_is_near_until_it_is_told);
	tcase_add_test(tcase, what_was_saved_counts_once_and_is_no_call);
	tcase_add_test(tcase, figures_are_of_day_and_month);
	tcase_add_test(tcase, a_damaged_sum_begins_anew);
	tcase_add_test(tcase, scripts_come_back);
	tcase_add_test(tcase, figures_of_no_day_are_refused);
	tcase_add_test(tcase, rows_are_read_in_order_and_dropped);
	tcase_add_test(tcase, an_empty_book_is_read);
	tcase_add_test(tcase, a_full_redis_opens_nothing_but_closes);
	Suite *suite = suite_create("queue/ledger");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
