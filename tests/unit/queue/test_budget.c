/* test_budget.c - two workers and one budget, many calls at once: whatever the order, the limit holds, and in the end
 * every counter is the sum of what its calls really were. */
#include "calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"

enum { CALLS = 400, AT_ONCE = 40 };

#define MOST 5000

struct work {
	struct qg_call call;
	struct opening opening;
	struct closing closing;
	int64_t cost;
	unsigned copies; /* how often it was opened and closed */
	struct opening extra_opening;
	struct closing extra_closing;
};

static struct work works[CALLS];
static uint32_t seed;

static uint32_t below(uint32_t bound)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % bound;
}

static void plan(size_t i)
{
	struct work *work = &works[i];
	*work = (struct work){.call = call_of('a'), .copies = 1 + below(2)};
	int64_t amount = 50 + below(200);
	snprintf(work->call.id, sizeof(work->call.id), "%032zx", i);
	reserve(&work->call, QG_LIMIT_CHAT_DAY, CHAT, DAY, amount, MOST);
	reserve(&work->call, QG_LIMIT_CUSTOMER_MONTH, CUSTOMER, "202311", amount, MOST - 500);
	work->cost = below((uint32_t)amount + 1); /* no dearer than it was reserved */
}

static void send_opening(struct qg_queue *queue, struct work *work)
{
	qg_ledger_open(queue, NULL, &work->call, opening_came, &work->opening);
	if (work->copies > 1) {
		qg_ledger_open(queue, NULL, &work->call, opening_came, &work->extra_opening);
	}
}

static void send_closing(struct qg_queue *queue, struct work *work)
{
	struct qg_call call = work->call;
	struct qg_call_end end = {.tokens = {.input = 1, .output = 1}, .cost = work->cost};
	call.reserves[0].amount = call.reserves[1].amount = work->cost;
	qg_ledger_close(queue, &call, &end, closing_came, &work->closing);
	if (work->copies > 1) {
		qg_ledger_close(queue, &call, &end, closing_came, &work->extra_closing);
	}
}

static void expect_within(void)
{
	ck_assert_int_le(ask_int("GET", CHAT_COUNTER, NULL), MOST);
	ck_assert_int_le(ask_int("GET", CUSTOMER_COUNTER, NULL), MOST - 500);
}

/* Opens a handful at once from both workers; counts those let through. */
static size_t open_some(size_t from)
{
	size_t granted = 0;
	for (size_t i = from; i < from + AT_ONCE; i++) {
		plan(i);
		send_opening(i % 2 == 0 ? ann : ben, &works[i]);
	}
	for (size_t i = from; i < from + AT_ONCE; i++) {
		wait_for(&works[i].opening.came);
		if (works[i].copies > 1) {
			wait_for(&works[i].extra_opening.came);
		}
		/* the second copy of a refused one may be let through: settled like any */
		struct work *work = &works[i];
		if (work->opening.status != QG_OK && work->extra_opening.status == QG_OK &&
			work->copies > 1) {
			work->opening.status = QG_OK;
		}
		if (work->opening.status != QG_OK) {
			ck_assert_int_eq(work->opening.status, QG_DENIED);
		}
		granted += works[i].opening.status == QG_OK;
		expect_within();
	}
	return granted;
}

static int64_t close_some(size_t from)
{
	int64_t spent = 0;
	for (size_t i = from; i < from + AT_ONCE; i++) {
		if (works[i].opening.status != QG_OK) {
			continue;
		}
		send_closing(below(2) == 0 ? ann : ben, &works[i]);
		spent += works[i].cost;
	}
	for (size_t i = from; i < from + AT_ONCE; i++) {
		if (works[i].opening.status == QG_OK) {
			wait_for(&works[i].closing.came);
			ck_assert_int_eq(works[i].closing.status, QG_OK);
			if (works[i].copies > 1) {
				wait_for(&works[i].extra_closing.came);
			}
		}
	}
	return spent;
}

START_TEST(never_over_the_limit)
{
	int64_t spent = 0;
	size_t granted = 0;
	seed = (uint32_t)_i + 1;
	for (size_t from = 0; from < CALLS; from += AT_ONCE) {
		granted += open_some(from);
		spent += close_some(from);
	}
	ck_assert_uint_gt(granted, 20);
	ck_assert_uint_lt(granted, CALLS);
	expect_counter(CHAT_COUNTER, spent);
	expect_counter(CUSTOMER_COUNTER, spent);
	ck_assert_int_eq(ask_int("EXISTS", "calls", NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "holds", NULL), 0);
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), (int64_t)granted);
	ck_assert_int_eq(figures(DAY).bot_month.calls, (int64_t)granted);
	ck_assert_int_eq(figures(DAY).bot_month.cost[QG_CNY], spent);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("budget");
	fixture_add(tcase);
	tcase_add_loop_test(tcase, never_over_the_limit, 0, 8);
	Suite *suite = suite_create("queue/budget");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
