/* test_ws_life.c - the life of many links: deaf peers, cancelling and destroying everywhere, places for handshakes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "qg/clock.h"

#define CROWD 200

static struct station station;
static struct caller one, two;

static void cancel(struct caller *caller)
{
	caller_cancel(caller);
}

static void destroy(struct caller *caller)
{
	qg_ws_client_destroy(client);
	client = NULL;
	one.ws = two.ws = NULL;
}

/* ---- deaf peers ---- */

static void call_with_pings(struct caller *caller, unsigned ping_ms, unsigned pong_ms)
{
	struct qg_ws_request request = {
		.url = station_url(&station, "/"), .ping_ms = ping_ms, .pong_ms = pong_ms};
	call(caller, &request);
	wait_open(caller);
}

static bool has_pings(void *arg)
{
	return station.pings >= *(int *)arg || one.ends > 0;
}

START_TEST(pings_are_sent_where_nothing_comes)
{
	int wanted = 5;
	call_with_pings(&one, 20, 2000);
	run_until(has_pings, &wanted);
	ck_assert_int_eq(one.ends, 0);
	ck_assert_int_ge(station.pings, wanted);
}
END_TEST

START_TEST(a_deaf_peer_is_cut)
{
	station.ignores_pings = true;
	uint64_t began = qg_clock_mono();
	call_with_pings(&one, 40, 60);
	expect_end(&one, true, 0, 0, "pings stayed unanswered");
	ck_assert_uint_ge(qg_clock_mono() - began, 95);
	ck_assert_uint_lt(qg_clock_mono() - began, 1000);
	ck_assert_int_eq(station.pings, 1);
	ck_assert_uint_eq(counts_now().deaf, 1);
	ck_assert_uint_eq(counts_now().closed, 1);
}
END_TEST

static struct qg_timer *talk;
static int talks;

static void on_talk(void *arg)
{
	int kind = *(int *)arg;
	talks++;
	station_send(station_last(&station), FRAME_FIN | kind, "", 0);
}

static bool has_talked(void *arg)
{
	return talks >= 20 || one.ends > 0;
}

static int kinds[] = {FRAME_TEXT, FRAME_PING, FRAME_PONG};

/* Whatever comes proves life: a message, an unasked pong, the peer's own ping, which the library keeps to itself. */
START_TEST(a_peer_that_talks_is_not_deaf)
{
	station.ignores_pings = true;
	talk = qg_timer_create(loop, on_talk, &kinds[_i]);
	talks = 0;
	call_with_pings(&one, 30, 60);
	qg_timer_repeat(talk, 15);
	run_until(has_talked, NULL);
	ck_assert_msg(one.ends == 0, "ended: %s", one.why);
	qg_timer_destroy(talk);
	expect_end(&one, true, 0, 0, "pings stayed unanswered");
}
END_TEST

START_TEST(a_peer_that_reads_nothing_is_deaf_too)
{
	size_t size = (size_t)16 << 20;
	char *data = calloc(1, size);
	call_with_pings(&one, 50, 100);
	qg_watch_destroy(station_last(&station)->watch);
	station_last(&station)->watch = NULL;
	ck_assert_int_eq(qg_ws_send(one.ws, data, size, true), QG_OK);
	expect_end(&one, true, 0, 0, "pings stayed unanswered");
	free(data);
}
END_TEST

static void on_time(void *arg)
{
	*(bool *)arg = true;
}

static bool is_set(void *arg)
{
	return *(bool *)arg;
}

/* A server that knows nothing of control pings is not cut where its owner looks after that. */
START_TEST(no_pings_where_none_are_wanted)
{
	struct qg_ws_request request = {
		.url = station_url(&station, "/"), .ping_ms = 10, .pong_ms = 10, .no_pings = true};
	bool over = false;
	struct qg_timer *pause = qg_timer_create(loop, on_time, &over);
	station.ignores_pings = true;
	call(&one, &request);
	wait_open(&one);
	qg_timer_start(pause, 150);
	run_until(is_set, &over);
	qg_timer_destroy(pause);
	ck_assert_msg(one.ends == 0, "ended: %s", one.why);
	ck_assert_int_eq(station.pings, 0);
	caller_say(&one, "still there");
	wait_messages(&one, 1);
	station.ignores_close = true; /* its other times hold */
	qg_ws_close(one.ws, 1000, NULL);
	expect_end(&one, true, 0, 0, "closed");
}
END_TEST

/* ---- inside the calls ---- */

static void (*const acts[])(struct caller *) = {cancel, destroy};

START_TEST(cancel_or_destroy_in_opened)
{
	station.behind = "\x81\x05"
			 "first";
	station.behind_size = 7;
	one.on_open = acts[_i];
	call_url(&one, station_url(&station, "/"));
	call_url(&two, station_url(&station, "/"));
	while (one.opens == 0) {
		run_turns(1);
	}
	run_turns(20);
	ck_assert_int_eq(one.messages, 0);
	ck_assert_int_eq(one.ends, 0);
}
END_TEST

START_TEST(cancel_or_destroy_in_message)
{
	one.on_message = acts[_i];
	call_station(&one, &station);
	call_station(&two, &station);
	caller_say(&one, "a");
	caller_say(&one, "b");
	wait_messages(&one, 1);
	run_turns(20);
	ck_assert_int_eq(one.messages, 1);
	ck_assert_int_eq(one.ends, 0);
}
END_TEST

static void cancel_other(struct caller *caller)
{
	caller_cancel(&two);
	caller_cancel(&two);
}

START_TEST(cancel_another_in_message)
{
	one.on_message = cancel_other;
	call_station(&one, &station);
	call_station(&two, &station);
	caller_say(&two, "not to arrive");
	caller_say(&one, "a");
	wait_messages(&one, 1);
	caller_say(&one, "b");
	wait_messages(&one, 2);
	ck_assert_int_eq(two.ends, 0);
	ck_assert_uint_eq(counts_now().open, 1);
	ck_assert_uint_eq(counts_now().closed, 1);
}
END_TEST

START_TEST(cancel_or_destroy_in_ended)
{
	one.on_end = _i == 0 ? cancel_other : destroy;
	call_station(&one, &station);
	call_station(&two, &station);
	station_send_close(
		QG_CONTAINER(station.vendor.visitors.next, struct visitor, link), 1000, "bye");
	wait_end(&one);
	run_turns(5);
	ck_assert_int_eq(two.ends, 0);
}
END_TEST

static void call_again(struct caller *caller)
{
	call_url(&two, station_url(&station, "/"));
}

START_TEST(open_another_in_any_call)
{
	void (**const where[])(struct caller *) = {&one.on_open, &one.on_message, &one.on_end};
	*where[_i] = call_again;
	call_station(&one, &station);
	caller_say(&one, "a");
	wait_messages(&one, 1);
	qg_ws_close(one.ws, 1000, NULL);
	wait_end(&one);
	wait_open(&two);
}
END_TEST

static void close_now(struct caller *caller)
{
	qg_ws_close(caller->ws, 4000, "enough");
}

START_TEST(close_in_opened_and_message)
{
	one.on_open = close_now;
	call_url(&one, station_url(&station, "/"));
	expect_end(&one, true, 0, 4000, "closed");
	two.on_message = close_now;
	call_station(&two, &station);
	caller_say(&two, "a");
	caller_say(&two, "b");
	expect_end(&two, true, 0, 4000, "closed");
	ck_assert_int_eq(two.messages, 1);
}
END_TEST

START_TEST(close_before_it_is_open)
{
	call_url(&one, station_url(&station, "/"));
	if (_i == 1) {
		while (station.vendor.connections == 0) {
			run_turns(1);
		}
	}
	qg_ws_close(one.ws, 1000, NULL);
	expect_end(&one, false, 0, 0, "before it was open");
	ck_assert_uint_eq(counts_now().handshakes, 0);
}
END_TEST

START_TEST(cancel_at_every_turn)
{
	for (int turns = 0; turns < 12; turns++) {
		call_url(&one, station_url(&station, "/"));
		run_turns(turns);
		caller_finish(&one);
		ck_assert_uint_eq(counts_now().handshakes, 0);
		ck_assert_uint_eq(counts_now().open, 0);
	}
	call_station(&two, &station);
	caller_say(&two, "a");
	wait_messages(&two, 1);
}
END_TEST

START_TEST(destroy_at_every_turn)
{
	for (int turns = 0; turns < 12; turns++) {
		call_url(&one, station_url(&station, "/"));
		call_url(&two, "ws://192.0.2.1:1/");
		run_turns(turns);
		qg_ws_client_destroy(client);
		client = qg_ws_client_create(loop);
		one.ws = two.ws = NULL;
		caller_finish(&one);
		caller_finish(&two);
	}
}
END_TEST

START_TEST(destroy_with_bytes_that_nobody_takes)
{
	size_t size = (size_t)16 << 20;
	char *data = calloc(1, size);
	call_station(&one, &station);
	qg_watch_destroy(station_last(&station)->watch);
	station_last(&station)->watch = NULL;
	ck_assert_int_eq(qg_ws_send(one.ws, data, size, true), QG_OK);
	run_turns(50);
	if (_i == 0) {
		caller_cancel(&one);
		run_turns(5);
	} else {
		destroy(&one);
	}
	free(data);
}
END_TEST

START_TEST(a_client_without_links)
{
	qg_ws_client_destroy(NULL);
	qg_ws_cancel(NULL);
	struct qg_ws_client *idle = qg_ws_client_create(loop);
	ck_assert_int_eq(qg_ws_client_trust(idle, "/nonexistent"), QG_INVALID);
	qg_ws_client_destroy(idle);
}
END_TEST

/* ---- many ---- */

static struct caller crowd[CROWD];
static unsigned most_handshakes;

static bool all_open(void *arg)
{
	struct qg_ws_counts counts = counts_now();
	most_handshakes = counts.handshakes > most_handshakes ? counts.handshakes : most_handshakes;
	return counts.open + counts.failed == *(unsigned *)arg;
}

static void open_crowd(void)
{
	unsigned wanted = CROWD;
	for (size_t i = 0; i < CROWD; i++) {
		call_url(&crowd[i], station_url(&station, "/"));
	}
	run_until(all_open, &wanted);
	ck_assert_uint_eq(counts_now().open, CROWD);
}

static void finish_crowd(void)
{
	for (size_t i = 0; i < CROWD; i++) {
		caller_finish(&crowd[i]);
	}
}

START_TEST(two_hundred_at_once)
{
	if (_i == 1) {
		station_close(&station);
		station_open_tls(&station);
		ck_assert_int_eq(qg_ws_client_trust(client, authority_file()), QG_OK);
	}
	open_crowd();
	ck_assert_uint_eq(most_handshakes, 20);
	ck_assert_uint_eq(counts_now().handshakes, 0);
	for (size_t i = 0; i < CROWD; i++) {
		caller_say(&crowd[i], "a");
	}
	for (size_t i = 0; i < CROWD; i++) {
		wait_messages(&crowd[i], 1);
	}
	if (_i == 0) {
		finish_crowd();
	} else {
		qg_ws_client_destroy(client);
		client = NULL;
		for (size_t i = 0; i < CROWD; i++) {
			crowd[i].ws = NULL;
		}
	}
	finish_crowd();
}
END_TEST

/* Waiting for a place does not count: the last ones wait far longer than their own time. */
START_TEST(a_wait_for_a_place_is_not_the_peers_fault)
{
	unsigned wanted = 60;
	struct qg_ws_request request = {.url = station_url(&station, "/"), .connect_ms = 50};
	station.silent = true;
	uint64_t began = qg_clock_mono();
	for (size_t i = 0; i < wanted; i++) {
		call(&crowd[i], &request);
	}
	run_until(all_open, &wanted);
	ck_assert_uint_ge(qg_clock_mono() - began, 140);
	ck_assert_uint_eq(counts_now().failed, wanted);
	ck_assert_int_eq(station.vendor.connections, wanted);
	ck_assert_uint_eq(most_handshakes, 20);
	finish_crowd();
}
END_TEST

/* ---- */

static void setup(void)
{
	authority_setup();
	caller_setup();
	station_open(&station);
}

static void teardown(void)
{
	caller_finish(&one);
	caller_finish(&two);
	station_close(&station);
	caller_teardown();
	authority_teardown();
}

int main(void)
{
	Suite *suite = suite_create("ws_life");
	TCase *tests = tcase_create("ws_life");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 20);
	tcase_add_test(tests, pings_are_sent_where_nothing_comes);
	tcase_add_test(tests, a_deaf_peer_is_cut);
	tcase_add_loop_test(tests, a_peer_that_talks_is_not_deaf, 0, 3);
	tcase_add_test(tests, a_peer_that_reads_nothing_is_deaf_too);
	tcase_add_test(tests, no_pings_where_none_are_wanted);
	tcase_add_loop_test(tests, cancel_or_destroy_in_opened, 0, 2);
	tcase_add_loop_test(tests, cancel_or_destroy_in_message, 0, 2);
	tcase_add_test(tests, cancel_another_in_message);
	tcase_add_loop_test(tests, cancel_or_destroy_in_ended, 0, 2);
	tcase_add_loop_test(tests, open_another_in_any_call, 0, 3);
	tcase_add_test(tests, close_in_opened_and_message);
	tcase_add_loop_test(tests, close_before_it_is_open, 0, 2);
	tcase_add_test(tests, cancel_at_every_turn);
	tcase_add_test(tests, destroy_at_every_turn);
	tcase_add_loop_test(tests, destroy_with_bytes_that_nobody_takes, 0, 2);
	tcase_add_test(tests, a_client_without_links);
	tcase_add_loop_test(tests, two_hundred_at_once, 0, 2);
	tcase_add_test(tests, a_wait_for_a_place_is_not_the_peers_fault);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
