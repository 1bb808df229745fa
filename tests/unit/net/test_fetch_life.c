/* test_fetch_life.c - the HTTP client over time: its clocks, cancelling in every state, owners that start, cancel and
 * destroy inside their callbacks. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asker.h"
#include "qg/clock.h"

static struct vendor vendor;
static struct asker one, two, three;

/* ---- clocks ---- */

static void say_nothing(struct visitor *visitor)
{
}

static void say_head(struct visitor *visitor)
{
	visitor_say(visitor, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void say_some(struct visitor *visitor)
{
	say_head(visitor);
	visitor_say(visitor, "4\r\nsome\r\n");
}

static void ask_with(
	struct asker *asker, unsigned connect, unsigned first, unsigned idle, unsigned total)
{
	struct qg_fetch_request request = {
		.method = "POST",
		.url = vendor_url(&vendor, "/"),
		.body = "x",
		.body_size = 1,
		.connect_ms = connect,
		.first_byte_ms = first,
		.idle_ms = idle,
		.total_ms = total,
	};
	ask(asker, &request);
}

START_TEST(no_connection_in_time)
{
	/* A peer that takes the connection but never the handshake. */
	vendor_close(&vendor);
	vendor_open(&vendor);
	vendor.deaf = true;
	char url[64];
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", vendor.port);
	struct qg_fetch_request request = {.method = "GET",
		.url = url,
		.connect_ms = 40,
		.first_byte_ms = 10,
		.gathers = true};
	uint64_t began = qg_clock_mono();
	ask(&one, &request);
	expect_end(&one, QG_FETCH_CONNECT_TIMEOUT, 0, "");
	ck_assert(!one.sent);
	ck_assert_uint_ge(qg_clock_mono() - began, 40);
}
END_TEST

START_TEST(connected_but_nothing_came)
{
	vendor.asked = say_nothing;
	uint64_t began = qg_clock_mono();
	ask_with(&one, 5000, 40, 5, 5000);
	expect_end(&one, QG_FETCH_FIRST_BYTE_TIMEOUT, 0, "");
	ck_assert(one.sent);
	ck_assert_uint_ge(qg_clock_mono() - began, 40);
	ck_assert_uint_lt(qg_clock_mono() - began, 3000);
}
END_TEST

START_TEST(the_answer_stood_still)
{
	vendor.asked = _i ? say_some : say_head;
	uint64_t began = qg_clock_mono();
	ask_with(&one, 5000, 5000, 40, 5000);
	expect_end(&one, QG_FETCH_IDLE_TIMEOUT, 200, _i ? "some" : "");
	ck_assert_uint_ge(qg_clock_mono() - began, 40);
	ck_assert_uint_lt(qg_clock_mono() - began, 3000);
}
END_TEST

static struct qg_timer *drip;

static void on_drip(void *arg)
{
	visitor_say(vendor_last(&vendor), "1\r\n.\r\n");
}

static void begin_drip(struct visitor *visitor)
{
	say_head(visitor);
	qg_timer_repeat(drip, 10);
}

START_TEST(the_answer_took_too_long_though_it_never_stood_still)
{
	drip = qg_timer_create(loop, on_drip, NULL);
	vendor.asked = begin_drip;
	uint64_t began = qg_clock_mono();
	ask_with(&one, 5000, 5000, 1000, 200);
	expect_end(&one, QG_FETCH_TOTAL_TIMEOUT, 200, NULL);
	ck_assert_uint_ge(qg_clock_mono() - began, 200);
	ck_assert_int_ge(one.pieces, 3);
	qg_timer_destroy(drip);
}
END_TEST

/* 40 pieces 10 ms apart against 250 ms of patience: each piece counts anew. */
START_TEST(every_byte_winds_the_idle_clock)
{
	drip = qg_timer_create(loop, on_drip, NULL);
	vendor.asked = begin_drip;
	ask_with(&one, 5000, 5000, 250, 5000);
	wait_size(&one, 40);
	ck_assert_int_eq(one.ends, 0);
	qg_timer_stop(drip);
	expect_end(&one, QG_FETCH_IDLE_TIMEOUT, 200, NULL);
	qg_timer_destroy(drip);
}
END_TEST

static void say_early(struct visitor *visitor)
{
	visitor_say(visitor, "HTTP/1.1 102 Processing\r\n\r\n");
}

START_TEST(an_interim_answer_is_no_first_byte)
{
	vendor.asked = say_early;
	ask_with(&one, 5000, 60, 5, 5000);
	expect_end(&one, QG_FETCH_FIRST_BYTE_TIMEOUT, 0, "");
}
END_TEST

/* ---- cancelling ---- */

static bool is_asked(void *arg)
{
	return vendor.requests > 0;
}

static bool has_connection(void *arg)
{
	return vendor.connections > 0;
}

static bool has_nobody(void *arg)
{
	return qg_list_is_empty(&vendor.visitors);
}

static void cancel(struct asker *asker)
{
	qg_fetch_cancel(asker->fetch);
	asker->fetch = NULL;
}

START_TEST(cancel_at_once)
{
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	cancel(&one);
	run_turns(5);
	ck_assert_int_eq(one.ends, 0);
	ck_assert_int_eq(vendor.requests, 0);
}
END_TEST

START_TEST(cancel_while_the_handshake_hangs)
{
	char url[64];
	vendor.deaf = true;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", vendor.port);
	ask_for(&one, url, "x");
	run_until(has_connection, NULL);
	cancel(&one);
	run_turns(5);
	ck_assert_int_eq(one.ends, 0);
}
END_TEST

START_TEST(cancel_before_the_first_byte)
{
	vendor.asked = say_nothing;
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	run_until(is_asked, NULL);
	cancel(&one);
	/* The server sees its peer leave: nothing more is computed for nobody. */
	run_until(has_nobody, NULL);
	ck_assert_int_eq(one.ends, 0);
}
END_TEST

START_TEST(cancel_in_the_middle)
{
	vendor.asked = say_some;
	ask_with(&one, 0, 0, 0, 0);
	wait_size(&one, 4);
	cancel(&one);
	run_until(has_nobody, NULL);
	ck_assert_int_eq(one.ends, 0);
}
END_TEST

START_TEST(cancel_of_one_that_failed_but_was_not_told)
{
	ask_for(&one, "nonsense://", NULL);
	cancel(&one);
	run_turns(5);
	ck_assert_int_eq(one.ends, 0);
}
END_TEST

START_TEST(cancel_of_nothing)
{
	qg_fetch_cancel(NULL);
	qg_http_client_destroy(NULL);
}
END_TEST

/* ---- inside callbacks ---- */

static void cancel_self(struct asker *asker)
{
	cancel(asker);
}

START_TEST(a_fetch_may_cancel_itself_inside_data)
{
	vendor.asked = say_some;
	one.on_data = cancel_self;
	ask_with(&one, 0, 0, 0, 0);
	wait_size(&one, 4);
	run_until(has_nobody, NULL);
	ck_assert_int_eq(one.ends, 0);
	ck_assert_int_eq(one.pieces, 1);
}
END_TEST

static void cancel_other(struct asker *asker)
{
	cancel(asker == &one ? &two : &one);
}

START_TEST(a_fetch_may_cancel_another_inside_data_or_ended)
{
	vendor.asked = say_nothing;
	ask_with(&two, 0, 0, 0, 0);
	run_until(is_asked, NULL);
	vendor.asked = _i ? NULL : say_some;
	one.on_data = _i ? NULL : cancel_other;
	one.on_end = _i ? cancel_other : NULL;
	ask_with(&one, 0, 0, 0, 0);
	wait_size(&one, 2);
	run_turns(5);
	ck_assert_ptr_null(two.fetch);
	ck_assert_int_eq(two.ends, 0);
}
END_TEST

static void start_another(struct asker *asker)
{
	if (!two.fetch && !two.ends) {
		ask_with(&two, 0, 0, 0, 0);
	}
}

START_TEST(a_fetch_may_start_another_inside_data_or_ended)
{
	one.on_data = _i ? NULL : start_another;
	one.on_end = _i ? start_another : NULL;
	ask_with(&one, 0, 0, 0, 0);
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	expect_end(&two, QG_FETCH_NONE, 200, "ok");
}
END_TEST

static void start_and_cancel(struct asker *asker)
{
	start_another(asker);
	cancel(&two);
}

START_TEST(started_and_cancelled_inside_data_is_as_if_it_never_was)
{
	one.on_data = start_and_cancel;
	ask_with(&one, 0, 0, 0, 0);
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	run_turns(5);
	ck_assert_int_eq(two.ends, 0);
	ck_assert_int_eq(vendor.requests, 1);
}
END_TEST

static bool destroyed;

static void destroy_client(struct asker *asker)
{
	qg_http_client_destroy(client);
	client = NULL;
	one.fetch = two.fetch = NULL;
	destroyed = true;
}

static bool is_destroyed(void *arg)
{
	return destroyed;
}

START_TEST(the_client_may_be_destroyed_inside_data_or_ended)
{
	vendor.asked = say_nothing;
	ask_with(&two, 0, 0, 0, 0);
	run_until(is_asked, NULL);
	vendor.asked = _i ? NULL : say_some;
	one.on_data = _i ? NULL : destroy_client;
	one.on_end = _i ? destroy_client : NULL;
	ask_with(&one, 0, 0, 0, 0);
	run_until(is_destroyed, NULL);
	run_until(has_nobody, NULL);
	ck_assert_int_eq(two.ends, 0);
	ck_assert_int_eq(one.ends, _i);
}
END_TEST

START_TEST(destroying_cancels_what_is_under_way)
{
	vendor.asked = say_some;
	ask_with(&one, 0, 0, 0, 0);
	ask_for(&two, "nonsense://", NULL);
	wait_size(&one, 4);
	ask_for(&three, vendor_url(&vendor, "/"), NULL);
	qg_http_client_destroy(client);
	client = NULL;
	three.fetch = one.fetch = NULL;
	run_until(has_nobody, NULL);
	ck_assert_int_eq(one.ends + three.ends, 0);
}
END_TEST

/* ---- */

static void setup(void)
{
	asker_setup();
	vendor_open(&vendor);
}

static void teardown(void)
{
	if (client) {
		asker_finish(&one);
		asker_finish(&two);
		asker_finish(&three);
	}
	vendor_close(&vendor);
	asker_teardown();
}

static void add_clocks(Suite *suite)
{
	TCase *tests = tcase_create("clocks");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, no_connection_in_time);
	tcase_add_test(tests, connected_but_nothing_came);
	tcase_add_loop_test(tests, the_answer_stood_still, 0, 2);
	tcase_add_test(tests, the_answer_took_too_long_though_it_never_stood_still);
	tcase_add_test(tests, every_byte_winds_the_idle_clock);
	tcase_add_test(tests, an_interim_answer_is_no_first_byte);
	suite_add_tcase(suite, tests);
}

static void add_cancelling(Suite *suite)
{
	TCase *tests = tcase_create("cancelling");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, cancel_at_once);
	tcase_add_test(tests, cancel_while_the_handshake_hangs);
	tcase_add_test(tests, cancel_before_the_first_byte);
	tcase_add_test(tests, cancel_in_the_middle);
	tcase_add_test(tests, cancel_of_one_that_failed_but_was_not_told);
	tcase_add_test(tests, cancel_of_nothing);
	tcase_add_test(tests, a_fetch_may_cancel_itself_inside_data);
	tcase_add_loop_test(tests, a_fetch_may_cancel_another_inside_data_or_ended, 0, 2);
	tcase_add_loop_test(tests, a_fetch_may_start_another_inside_data_or_ended, 0, 2);
	tcase_add_test(tests, started_and_cancelled_inside_data_is_as_if_it_never_was);
	tcase_add_loop_test(tests, the_client_may_be_destroyed_inside_data_or_ended, 0, 2);
	tcase_add_test(tests, destroying_cancels_what_is_under_way);
	suite_add_tcase(suite, tests);
}

int main(void)
{
	Suite *suite = suite_create("fetch_life");
	add_clocks(suite);
	add_cancelling(suite);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
