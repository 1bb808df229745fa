/* test_sweep.c - calls that nobody closes: left alone while held, closed once at their estimate, corrected by what
 * comes after all; and a customer's budget, which lies in another partition than the bot. */
#include "calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define ESTIMATE "1 1000 0 200 0 100 0"

static struct qg_sweep *sweep;

static void setup(void)
{
	qg_clock_fix(NOW, 1000);
	sweep = qg_sweep_create(ann);
	ck_assert_ptr_nonnull(sweep);
}

static void teardown(void)
{
	qg_sweep_destroy(sweep);
	qg_clock_fix(-1, 0);
}

struct looking {
	bool came;
	enum qg_status status;
	size_t count;
};

static void looked(void *arg, enum qg_status status, size_t count)
{
	struct looking *looking = arg;
	ck_assert(!looking->came);
	*looking = (struct looking){true, status, count};
	simple_answer(&(struct simple){0}, QG_OK);
}

static size_t look_with(struct qg_sweep *with, unsigned partition, uint64_t mono)
{
	struct looking looking = {0};
	qg_clock_fix(NOW, mono);
	qg_sweep_look(with, partition, looked, &looking);
	ck_assert(!looking.came);
	wait_for(&looking.came);
	ck_assert_int_eq(looking.status, QG_OK);
	return looking.count;
}

/* Calls closed by a look at that monotonic time. */
static size_t look(uint64_t mono)
{
	return look_with(sweep, 0, mono);
}

/* An open call of a turn that has ended. */
static struct qg_call left_open(char letter)
{
	struct qg_entry turn = begin_turn(ann, reply_id(letter));
	struct qg_call call = call_in_chat(letter, 100000);
	ck_assert_int_eq(open_call(ann, &turn, &call).status, QG_OK);
	ck_assert_int_eq(answer(ann, &turn, NULL), QG_OK);
	qg_entry_finish(&turn);
	return call;
}

/* ---- calls ---- */

START_TEST(nothing_open_is_nothing_to_do)
{
	ck_assert_uint_eq(look(1000), 0);
	ck_assert_uint_eq(look(100000), 0);
}
END_TEST

START_TEST(a_held_call_is_never_swept)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_call call = call_in_chat('a', 1000);
	open_call(ann, &turn, &call);
	for (uint64_t mono = 1000; mono < 10000000; mono += 1000000) {
		ck_assert_uint_eq(look(mono), 0);
	}
	ck_assert_int_eq(ask_int("HLEN", "calls", NULL), 1);
	qg_entry_finish(&turn);
}
END_TEST

START_TEST(what_nobody_holds_for_half_a_minute_is_closed_at_its_estimate)
{
	left_open('a');
	ck_assert_uint_eq(look(1000), 0);
	ck_assert_uint_eq(look(30999), 0);
	ck_assert_uint_eq(look(31000), 1);
	ck_assert_uint_eq(look(61000), 0);
	expect_counter(CHAT_COUNTER, 100);
	expect_sum("bot", ESTIMATE);
	expect_sum("u:li", ESTIMATE);
	json_auto_t *rows = book();
	const json_t *row = json_array_get(rows, 0);
	ck_assert_uint_eq(json_array_size(rows), 1);
	ck_assert(json_is_true(json_object_get(row, "estimated")));
	ck_assert_int_eq(qg_json_int(row, "input", 0), 1000);
	ck_assert_int_eq(qg_json_int(row, "cost", 0), 100);
	ck_assert_int_eq(ask_int("HLEN", "calls", NULL), 0);
}
END_TEST

/* A turn that was taken over: its first try's call is nobody's, its second's is held. */
START_TEST(a_takeover_leaves_the_first_call_to_the_sweep)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_call first = call_in_chat('a', 1000), second = call_in_chat('b', 1000);
	open_call(ann, &turn, &first);
	struct qg_entry mine = claim_now(ben, TALK);
	ck_assert_int_eq(open_call(ben, &mine, &second).status, QG_OK);
	look(1000);
	ck_assert_uint_eq(look(40000), 1);
	ck_assert_int_eq(ask_int("HEXISTS", "calls", second.id, NULL), 1);
	expect_counter(CHAT_COUNTER, 200);
	qg_entry_finish(&turn);
	qg_entry_finish(&mine);
}
END_TEST

/* A close on its way: seen open once, gone at the next look. */
START_TEST(a_close_between_two_looks_is_enough)
{
	struct qg_call call = left_open('a');
	look(1000);
	close_call(ann, &call, 70);
	ck_assert_uint_eq(look(40000), 0);
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), 1);
	expect_counter(CHAT_COUNTER, 70);
}
END_TEST

START_TEST(true_figures_that_come_late_correct_the_estimate_once)
{
	struct qg_call call = left_open('a');
	look(1000);
	ck_assert_uint_eq(look(40000), 1);
	ck_assert_int_eq(close_call(ann, &call, 70).status, QG_OK);
	ck_assert_int_eq(close_call(ann, &call, 70).status, QG_OK);
	expect_counter(CHAT_COUNTER, 70);
	expect_sum("bot", "1 900 300 50 0 70 0");
	expect_sum("c:" CHAT, "1 900 300 50 0 70 0");
	json_auto_t *rows = book();
	ck_assert_uint_eq(json_array_size(rows), 2);
	ck_assert(json_is_false(json_object_get(json_array_get(rows, 1), "estimated")));
	char key[64];
	snprintf(key, sizeof(key), "swept:%s", call.id);
	ck_assert_int_eq(ask_int("EXISTS", key, NULL), 0);
}
END_TEST

START_TEST(two_sweepers_close_once)
{
	struct qg_sweep *other = qg_sweep_create(ben);
	left_open('a');
	look(1000);
	look_with(other, 0, 1000);
	struct looking mine = {0}, theirs = {0};
	qg_clock_fix(NOW, 40000);
	qg_sweep_look(sweep, 0, looked, &mine);
	qg_sweep_look(other, 0, looked, &theirs);
	wait_for(&mine.came);
	wait_for(&theirs.came);
	ck_assert_uint_eq(mine.count + theirs.count, 1);
	expect_sum("bot", ESTIMATE);
	ck_assert_int_eq(ask_int("XLEN", "ledger", NULL), 1);
	qg_sweep_destroy(other);
}
END_TEST

START_TEST(without_a_fence_it_is_given_a_quarter_of_an_hour)
{
	struct qg_call call = call_in_chat('a', 1000);
	open_call(ann, NULL, &call);
	look(1000);
	ck_assert_uint_eq(look(800000), 0);
	ck_assert_uint_eq(look(901000), 1);
}
END_TEST

START_TEST(a_damaged_row_is_dropped)
{
	ask_int("HSET", "calls", "x", "nonsense", NULL);
	ask_int("HSET", "calls", "y", "\n$c\t5\n{\"id\":", NULL);
	look(1000);
	ck_assert_uint_eq(look(1000000), 2);
	ck_assert_int_eq(ask_int("EXISTS", "calls", NULL), 0);
	ck_assert_int_eq(ask_int("EXISTS", "ledger", NULL), 0);
}
END_TEST

START_TEST(many_are_swept_page_by_page)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_call call = call_in_chat('a', 1000000);
	for (int i = 0; i < 500; i++) {
		snprintf(call.id, sizeof(call.id), "%032d", i);
		ck_assert_int_eq(open_call(ann, &turn, &call).status, QG_OK);
	}
	answer(ann, &turn, NULL);
	qg_entry_finish(&turn);
	ck_assert_uint_eq(look(1000), 0);
	ck_assert_uint_eq(look(31000), 500);
	expect_sum("bot", "500 500000 0 100000 0 50000 0");
}
END_TEST

START_TEST(a_sweep_may_go_while_it_looks)
{
	struct qg_sweep *other = qg_sweep_create(ann);
	struct looking looking = {0};
	left_open('a');
	look_with(other, 0, 1000);
	qg_clock_fix(NOW, 40000);
	qg_sweep_look(other, 0, looked, &looking);
	qg_sweep_destroy(other);
	expect_no_entry(ann); /* an answer that comes behind those of the look */
	ck_assert(!looking.came);
	qg_sweep_destroy(NULL);
}
END_TEST

START_TEST(a_full_redis_is_swept)
{
	left_open('a');
	look(1000);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "1", NULL);
	ck_assert_uint_eq(look(40000), 1);
	qg_test_redis_do(server, "CONFIG", "SET", "maxmemory", "0", NULL);
}
END_TEST

/* ---- a customer's budget ---- */

static struct qg_call customers_call(char letter, int64_t chat_most, int64_t most)
{
	struct qg_call call = call_in_chat(letter, chat_most);
	call.customer = CUSTOMER;
	reserve(&call, QG_LIMIT_CUSTOMER_MONTH, CUSTOMER, "202311", 100, most);
	return call;
}

START_TEST(a_customer_is_reserved_and_settled_once)
{
	struct qg_call call = customers_call('a', 1000, 1000);
	ck_assert_int_eq(open_call(ann, NULL, &call).status, QG_OK);
	ck_assert_int_eq(open_call(ann, NULL, &call).status, QG_OK);
	expect_counter(CUSTOMER_COUNTER, 100);
	expect_counter(CHAT_COUNTER, 100);
	close_call(ann, &call, 70);
	close_call(ann, &call, 70);
	expect_counter(CUSTOMER_COUNTER, 70);
	expect_counter(CHAT_COUNTER, 70);
	ck_assert_int_eq(ask_int("HLEN", "holds", NULL), 0);
}
END_TEST

START_TEST(a_customers_limit_refuses)
{
	struct qg_call call = customers_call('a', 1000, 99);
	struct opening opening = open_call(ann, NULL, &call);
	ck_assert_int_eq(opening.status, QG_DENIED);
	ck_assert_int_eq(opening.limit, QG_LIMIT_CUSTOMER_MONTH);
	expect_counter(CHAT_COUNTER, 0);
	expect_counter(CUSTOMER_COUNTER, 0);
}
END_TEST

START_TEST(where_the_bot_refuses_the_customers_part_is_released)
{
	struct qg_call call = customers_call('a', 99, 1000);
	struct opening opening = open_call(ann, NULL, &call);
	ck_assert_int_eq(opening.status, QG_DENIED);
	ck_assert_int_eq(opening.limit, QG_LIMIT_CHAT_DAY);
	expect_no_entry(ann); /* an answer that comes behind that of the release */
	expect_counter(CUSTOMER_COUNTER, 0);
	struct qg_entry gone = {.conversation = (char *)TALK, .id = 7, .try = 1};
	call = customers_call('b', 1000, 1000);
	ck_assert_int_eq(open_call(ann, &gone, &call).status, QG_STALE);
	expect_no_entry(ann);
	expect_counter(CUSTOMER_COUNTER, 0);
	ck_assert_int_eq(ask_int("HLEN", "holds", NULL), 0);
}
END_TEST

/* The process died between the two reservations. */
static void orphan(const struct qg_call *call)
{
	char hold[300];
	snprintf(hold, sizeof(hold), BOT "\t" CUSTOMER_COUNTER "\t100");
	ask_int("HSET", "holds", call->id, hold, NULL);
	ask_int("INCRBY", CUSTOMER_COUNTER, "100", NULL);
}

START_TEST(a_hold_without_a_call_is_released)
{
	struct qg_call call = customers_call('a', 1000, 1000);
	orphan(&call);
	look(1000);
	look(30999);
	expect_counter(CUSTOMER_COUNTER, 100);
	look(31000);
	expect_counter(CUSTOMER_COUNTER, 0);
	/* the opening is sent again after all, by a worker that had lost its Redis */
	ck_assert_int_eq(open_call(ann, NULL, &call).status, QG_OK);
	expect_counter(CUSTOMER_COUNTER, 100);
	close_call(ann, &call, 70);
	expect_counter(CUSTOMER_COUNTER, 70);
}
END_TEST

/* Its second part was under way while the first was released: the close charges it. */
START_TEST(a_call_whose_hold_was_released_is_charged)
{
	struct qg_call call = customers_call('a', 1000, 1000), own = call_in_chat('a', 1000);
	orphan(&call);
	look(1000);
	look(31000);
	ck_assert_int_eq(open_call(ann, NULL, &own).status, QG_OK);
	close_call(ann, &call, 70);
	close_call(ann, &call, 70);
	expect_counter(CUSTOMER_COUNTER, 70);
}
END_TEST

START_TEST(the_hold_of_an_open_call_stays)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_call call = customers_call('a', 1000, 1000);
	open_call(ann, &turn, &call);
	for (uint64_t mono = 1000; mono < 1000000; mono += 100000) {
		look(mono);
	}
	expect_counter(CUSTOMER_COUNTER, 100);
	ck_assert_int_eq(ask_int("HLEN", "holds", NULL), 1);
	qg_entry_finish(&turn);
}
END_TEST

START_TEST(a_swept_call_costs_its_customer_the_estimate_until_the_truth_comes)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_call call = customers_call('a', 1000, 1000);
	open_call(ann, &turn, &call);
	answer(ann, &turn, NULL);
	qg_entry_finish(&turn);
	look(1000);
	look(31000); /* the call */
	look(61000); /* and its hold */
	ck_assert_int_eq(ask_int("HLEN", "holds", NULL), 0);
	expect_counter(CUSTOMER_COUNTER, 100);
	close_call(ann, &call, 70);
	close_call(ann, &call, 70);
	expect_counter(CUSTOMER_COUNTER, 70);
	expect_counter(CHAT_COUNTER, 70);
}
END_TEST

/* Its worker died behind the first half of the close: the row is the true one, and so is what the customer pays. */
START_TEST(a_close_that_came_half_way_is_ended_by_the_sweep)
{
	struct qg_entry turn = begin_turn(ann, "m1");
	struct qg_call call = customers_call('a', 1000, 1000), own = call_in_chat('a', 1000);
	char key[64];
	open_call(ann, &turn, &call);
	own.customer = CUSTOMER;
	close_call(ann, &own, 70);
	snprintf(key, sizeof(key), "closed:%s", call.id);
	qg_redis_reply_free(ask("SET", key, "70", NULL));
	answer(ann, &turn, NULL);
	qg_entry_finish(&turn);
	expect_counter(CUSTOMER_COUNTER, 100);
	look(1000);
	look(31000);
	expect_counter(CUSTOMER_COUNTER, 70);
	expect_counter(CHAT_COUNTER, 70);
	ck_assert_int_eq(ask_int("HLEN", "holds", NULL), 0);
	close_call(ann, &call, 70); /* and it comes once more */
	expect_counter(CUSTOMER_COUNTER, 70);
	json_t *rows = book();
	ck_assert_uint_eq(json_array_size(rows), 1);
	json_decref(rows);
}
END_TEST

/* Redis came back without its last moments: the hold is there, the opening is not. */
START_TEST(a_customer_does_not_pay_for_a_call_that_no_book_has)
{
	struct qg_call call = customers_call('a', 1000, 1000);
	open_call(ann, NULL, &call);
	qg_redis_reply_free(ask("DEL", "calls", NULL));
	expect_counter(CUSTOMER_COUNTER, 100);
	close_call(ann, &call, 70);
	expect_counter(CUSTOMER_COUNTER, 0);
	close_call(ann, &call, 70);
	expect_counter(CUSTOMER_COUNTER, 0);
	ck_assert_int_eq(ask_int("HLEN", "holds", NULL), 0);
}
END_TEST

START_TEST(a_close_leaves_word_for_the_sweep)
{
	struct qg_call call = customers_call('a', 1000, 1000), own = call_in_chat('b', 1000);
	char key[64];
	open_call(ann, NULL, &call);
	open_call(ann, NULL, &own);
	close_call(ann, &call, 70);
	close_call(ann, &own, 60);
	snprintf(key, sizeof(key), "closed:%s", call.id);
	ck_assert_int_eq(ask_int("GET", key, NULL), 70);
	ck_assert_int_gt(ask_int("TTL", key, NULL), 3600);
	snprintf(key, sizeof(key), "closed:%s", own.id);
	ck_assert_int_eq(ask_int("EXISTS", key, NULL), 0);
}
END_TEST

/* Answers that will never come are told as such when the connection goes, in the fixture's end, and nothing leaks. */
START_TEST(what_is_under_way_ends_with_its_connection)
{
	static struct opening openings[2];
	static struct closing closings[2];
	static struct looking looking;
	struct qg_call own = call_in_chat('a', 1000), shared = customers_call('b', 1000, 1000);
	struct qg_call_end end = {.cost = 1};
	left_open('c');
	orphan(&shared);
	look(1000);
	qg_clock_fix(NOW, 40000);
	qg_ledger_open(ann, NULL, &own, opening_came, &openings[0]);
	qg_ledger_open(ann, NULL, &shared, opening_came, &openings[1]);
	qg_ledger_close(ann, &own, &end, closing_came, &closings[0]);
	qg_ledger_close(ann, &shared, &end, closing_came, &closings[1]);
	qg_sweep_look(sweep, 0, looked, &looking);
	ck_assert(!openings[0].came && !closings[1].came && !looking.came);
}
END_TEST

static int64_t counter_in(unsigned partition, const char *key)
{
	char name[300], error[128];
	snprintf(name, sizeof(name), "qg:{%u}:%s", partition, key);
	const char *words[] = {"GET", name};
	struct qg_redis_reply *reply =
		qg_redis_ask(qg_test_redis_url(server), error, 2, words, NULL);
	int64_t number = 0;
	ck_assert(reply->type == QG_REPLY_NIL ||
		  qg_str_to_int64(reply->text, INT64_MIN, INT64_MAX, &number));
	qg_redis_reply_free(reply);
	return number;
}

/* Bot and customer in two partitions, and a second bot of the customer in a third. */
START_TEST(partitions_apart)
{
	struct qg_queue *wide = qg_queue_create(redis, 16, "ann");
	struct qg_sweep *sweeps = qg_sweep_create(wide);
	struct qg_call call = customers_call('a', 1000, 100),
		       dead = customers_call('d', 1000, 1000);
	struct qg_call other = customers_call('b', 1000, 1000);
	unsigned p = qg_queue_partition(wide, CUSTOMER), own = qg_queue_partition(wide, BOT);
	other.bot = "stall";
	ck_assert_uint_ne(p, own);
	ck_assert_uint_ne(own, qg_queue_partition(wide, other.bot));
	ck_assert_int_eq(open_call(wide, NULL, &call).status, QG_OK);
	ck_assert_int_eq(open_call(wide, NULL, &other).status, QG_OK);
	ck_assert_int_eq(counter_in(p, CUSTOMER_COUNTER), 200);
	ck_assert_int_eq(counter_in(own, CHAT_COUNTER), 100);
	struct closing closing = close_call(wide, &call, 70);
	ck_assert_uint_eq(closing.count, 1);
	ck_assert_int_eq(closing.near[0].limit, QG_LIMIT_CUSTOMER_MONTH);
	ck_assert_int_eq(closing.near[0].used, 170);
	struct simple simple = {0};
	qg_ledger_tell(wide, BOT, closing.near[0].key, NULL, 0, simple_answer, &simple);
	ck_assert_int_eq(wait_simple(&simple), QG_OK);
	other.reserves[1].most = 100; /* near for the other bot too, but told */
	ck_assert_uint_eq(close_call(wide, &other, 20).count, 0);
	ck_assert_int_eq(counter_in(p, CUSTOMER_COUNTER), 90);
	open_call(wide, NULL, &dead);
	for (uint64_t mono = 1000; mono <= 2000000; mono += 950000) {
		look_with(sweeps, own, mono);
		look_with(sweeps, p, mono);
	}
	ck_assert_int_eq(counter_in(p, CUSTOMER_COUNTER), 190);
	close_call(wide, &dead, 10);
	ck_assert_int_eq(counter_in(p, CUSTOMER_COUNTER), 100);
	qg_sweep_destroy(sweeps);
	qg_queue_destroy(wide);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("sweep");
	fixture_add(tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nothing_open_is_nothing_to_do);
	tcase_add_test(tcase, a_held_call_is_never_swept);
	tcase_add_test(tcase, what_nobody_holds_for_half_a_minute_is_closed_at_its_estimate);
	tcase_add_test(tcase, a_takeover_leaves_the_first_call_to_the_sweep);
	tcase_add_test(tcase, a_close_between_two_looks_is_enough);
	tcase_add_test(tcase, true_figures_that_come_late_correct_the_estimate_once);
	tcase_add_test(tcase, two_sweepers_close_once);
	tcase_add_test(tcase, without_a_fence_it_is_given_a_quarter_of_an_hour);
	tcase_add_test(tcase, a_damaged_row_is_dropped);
	tcase_add_test(tcase, many_are_swept_page_by_page);
	tcase_add_test(tcase, a_sweep_may_go_while_it_looks);
	tcase_add_test(tcase, a_full_redis_is_swept);
	tcase_add_test(tcase, a_customer_is_reserved_and_settled_once);
	tcase_add_test(tcase, a_customers_limit_refuses);
	tcase_add_test(tcase, where_the_bot_refuses_the_customers_part_is_released);
	tcase_add_test(tcase, a_hold_without_a_call_is_released);
	tcase_add_test(tcase, a_call_whose_hold_was_released_is_charged);
	tcase_add_test(tcase, the_hold_of_an_open_call_stays);
	tcase_add_test(tcase, a_swept_call_costs_its_customer_the_estimate_until_the_truth_comes);
	tcase_add_test(tcase, a_close_that_came_half_way_is_ended_by_the_sweep);
	tcase_add_test(tcase, a_customer_does_not_pay_for_a_call_that_no_book_has);
	tcase_add_test(tcase, a_close_leaves_word_for_the_sweep);
	tcase_add_test(tcase, what_is_under_way_ends_with_its_connection);
	tcase_add_test(tcase, partitions_apart);
	Suite *suite = suite_create("queue/sweep");
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
