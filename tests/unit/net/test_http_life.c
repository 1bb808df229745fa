/* test_http_life.c - connections over time: late answers, peers that leave, slow ones beside fast
 * ones, answers of all kinds. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "front.h"

/* ---- late answers ---- */

START_TEST(a_late_answer_arrives_and_the_connection_goes_on)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/hold"));
	wait_held(1);
	run_turns(3);
	ck_assert_uint_eq(peer->size, 0);
	answer(0, "finally");
	expect(peer, 1, "finally");
	peer_say(peer, GET("/next"));
	expect(peer, 2, "/next");
	ck_assert_uint_eq(gone_count, 0);
	peer_close(peer);
}
END_TEST

START_TEST(one_request_of_a_connection_is_out_at_a_time)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/hold/1") GET("/hold/2") GET("/three"));
	wait_held(1);
	run_turns(5);
	ck_assert_uint_eq(held_count, 1);
	ck_assert_str_eq(last_path, "/hold/1");
	answer(0, "first");
	wait_held(2);
	ck_assert_str_eq(last_path, "/hold/2");
	/* More comes in while the second is out. */
	peer_say(peer, GET("/four"));
	run_turns(3);
	answer(1, "second");
	peer_wait_answers(peer, 4);
	const char *first = strstr(peer->data, "first"), *second = strstr(peer->data, "second");
	const char *three = strstr(peer->data, "/three"), *four = strstr(peer->data, "/four");
	ck_assert(first && second && three && four);
	ck_assert(first < second && second < three && three < four);
	peer_close(peer);
}
END_TEST

START_TEST(what_waits_behind_an_answer_is_bounded)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/hold"));
	wait_held(1);
	/* Far more than the server reads ahead and the kernel buffers hold: sending must come to a
	 * stop. */
	static char request[] = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
	static char filler[100000];
	size_t taken = 0;
	ssize_t sent = send(peer->fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
	ck_assert_int_gt(sent, 0);
	int refusals = 0;
	while (refusals < 5 && taken < (size_t)64 << 20) {
		sent = send(peer->fd, filler, sizeof(filler), MSG_NOSIGNAL | MSG_DONTWAIT);
		taken += sent > 0 ? (size_t)sent : 0;
		refusals = sent > 0 ? 0 : refusals + 1;
		run_turns(2);
	}
	ck_assert_uint_lt(taken, (size_t)64 << 20);
	answer(0, "ok");
	expect(peer, 1, "ok");
	peer_close(peer);
}
END_TEST

/* ---- peers that leave ---- */

START_TEST(gone_is_told_once_when_the_peer_leaves)
{
	limits.request_ms = 50;
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/hold"));
	wait_held(1);
	peer_close(peer);
	wait_gone(1);
	wait_connections(0);
	ck_assert_uint_eq(gone_count, 1);
}
END_TEST

START_TEST(gone_is_told_at_once_after_a_reset)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/hold"));
	wait_held(1);
	struct linger hard = {.l_onoff = 1, .l_linger = 0};
	ck_assert_int_eq(setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	peer_close(peer);
	wait_gone(1);
	wait_connections(0);
}
END_TEST

START_TEST(a_peer_that_only_shut_its_side_gets_its_answer)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/hold"));
	peer_shut(peer);
	wait_held(1);
	run_turns(3);
	answer(0, "still here");
	peer_wait_end(peer);
	ck_assert_ptr_nonnull(strstr(peer->data, "still here"));
	ck_assert_uint_eq(gone_count, 0);
	peer_close(peer);
}
END_TEST

START_TEST(without_gone_the_exchange_stays_until_answered)
{
	limits.request_ms = 50;
	watch_gone = false;
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/hold"));
	wait_held(1);
	peer_close(peer);
	wait_connections(0);
	ck_assert_str_eq(qg_http_path(held[0]), "/hold");
	ck_assert_str_eq(qg_http_peer(held[0]), "127.0.0.1");
	answer(0, "to nobody");
}
END_TEST

START_TEST(without_gone_it_outlives_even_the_server)
{
	watch_gone = false;
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/hold"));
	wait_held(1);
	qg_http_server_destroy(server);
	server = NULL;
	ck_assert_str_eq(qg_http_path(held[0]), "/hold");
	answer(0, "to nobody");
	peer_wait_end(peer);
	peer_close(peer);
}
END_TEST

/* ---- time ---- */

START_TEST(slow_peers_cost_a_fast_one_nothing)
{
	limits.request_ms = 50;
	front_start();
	struct peer *slow_head = peer_open(server), *slow_body = peer_open(server),
		    *silent = peer_open(server);
	struct peer *fast = peer_open(server);
	peer_say(slow_head, "GET / HT");
	peer_say(slow_body, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
	for (int i = 1; i <= 100; i++) {
		peer_say(fast, GET("/fast"));
		peer_wait_answers(fast, i);
	}
	peer_wait_end(slow_head);
	peer_wait_end(slow_body);
	peer_wait_end(silent);
	ck_assert_int_eq(peer_code(slow_head), 408);
	ck_assert_int_eq(peer_code(slow_body), 408);
	ck_assert_uint_eq(silent->size, 0);
	ck_assert_int_eq(peer_answers(fast), 100);
	struct qg_http_counts counts;
	qg_http_server_counts(server, &counts);
	ck_assert_uint_eq(counts.timeouts, 2);
	ck_assert_uint_eq(counts.requests, 100);
	peer_close(slow_head);
	peer_close(slow_body);
	peer_close(silent);
	peer_close(fast);
}
END_TEST

static struct peer *drip_to;

static void drip(void *arg)
{
	peer_say(drip_to, "x");
}

/* A byte now and then does not win time: it counts from the first byte to the last. */
START_TEST(a_dripping_request_ends_in_time)
{
	limits.request_ms = 60;
	front_start();
	struct peer *peer = drip_to = peer_open(server);
	peer_say(peer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
	struct qg_timer *timer = qg_timer_create(loop, drip, NULL);
	qg_timer_repeat(timer, 5);
	peer_wait_answers(peer, 1);
	ck_assert_int_eq(peer_code(peer), 408);
	qg_timer_destroy(timer);
	peer_close(peer);
}
END_TEST

START_TEST(an_idle_connection_closes)
{
	limits.idle_ms = 40;
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/"));
	peer_wait_answers(peer, 1);
	peer_wait_end(peer);
	ck_assert(peer->eof);
	peer_close(peer);
}
END_TEST

/* The answer may take longer than any request: that is the handler's affair. */
START_TEST(a_late_answer_has_no_deadline)
{
	limits.request_ms = 60;
	limits.idle_ms = 60;
	front_start();
	struct peer *peer = peer_open(server), *clock = peer_open(server);
	peer_say(peer, GET("/hold"));
	wait_held(1);
	peer_wait_end(clock); /* silent, so it is closed after a request's time */
	clock->eof = false;
	struct peer *second = peer_open(server);
	peer_wait_end(second);
	answer(0, "late");
	expect(peer, 1, "late");
	ck_assert_uint_eq(gone_count, 0);
	peer_close(peer);
	peer_close(clock);
	peer_close(second);
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_dropped)
{
	limits.idle_ms = 50;
	front_start();
	struct peer *peer = peer_open(server);
	peer_deafen(peer);
	peer_say(peer, GET("/large"));
	wait_connections(1);
	wait_connections(0);
	peer_close(peer);
}
END_TEST

static bool has_bytes(void *arg)
{
	struct peer *peer = arg;
	return peer->eof || peer->size >= (size_t)8 << 20;
}

START_TEST(a_large_answer_arrives_whole)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_deafen(peer);
	peer_say(peer, GET("/large") GET("/behind"));
	run_turns(5);
	peer_listen(peer);
	run_until(has_bytes, peer);
	peer_wait_text(peer, "/behind");
	ck_assert_int_eq(peer_answers(peer), 2);
	peer_close(peer);
}
END_TEST

/* ---- answers ---- */

START_TEST(headers_errors_and_bodiless_answers)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/header"));
	peer_wait_text(peer, "X-One: 1\r\nX-Two: 2\r\n");
	ck_assert_ptr_null(strstr(peer->data, "Content-Length"));
	peer_forget(peer);
	peer_say(peer, GET("/error"));
	expect(peer, 1, "{\"error\":\"say \\\"when\\\"\"}");
	ck_assert_int_eq(peer_code(peer), 503);
	/* The header of one answer is not that of the next. */
	ck_assert_ptr_null(strstr(peer->data, "X-One"));
	peer_close(peer);
}
END_TEST

START_TEST(cookies_are_found_among_others)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer,
		"GET /cookie HTTP/1.1\r\nHost: a\r\nCookie: xtoken=no; token=yes; a=b\r\n\r\n");
	expect(peer, 1, "\r\n\r\nyes");
	peer_forget(peer);
	peer_say(peer,
		"GET /cookie HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nCookie: c=d;token=2 \r\n\r\n");
	expect(peer, 1, "\r\n\r\n2");
	peer_forget(peer);
	peer_say(peer, "GET /cookie HTTP/1.1\r\nHost: a\r\nCookie: token; tokens=1;;\r\n\r\n");
	expect(peer, 1, "\r\n\r\nnone");
	peer_close(peer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_life");
	TCase *tcase = tcase_create("http_life");
	tcase_add_checked_fixture(tcase, front_setup, front_teardown);
	tcase_add_test(tcase, a_late_answer_arrives_and_the_connection_goes_on);
	tcase_add_test(tcase, one_request_of_a_connection_is_out_at_a_time);
	tcase_add_test(tcase, what_waits_behind_an_answer_is_bounded);
	tcase_add_test(tcase, gone_is_told_once_when_the_peer_leaves);
	tcase_add_test(tcase, gone_is_told_at_once_after_a_reset);
	tcase_add_test(tcase, a_peer_that_only_shut_its_side_gets_its_answer);
	tcase_add_test(tcase, without_gone_the_exchange_stays_until_answered);
	tcase_add_test(tcase, without_gone_it_outlives_even_the_server);
	tcase_add_test(tcase, slow_peers_cost_a_fast_one_nothing);
	tcase_add_test(tcase, a_dripping_request_ends_in_time);
	tcase_add_test(tcase, an_idle_connection_closes);
	tcase_add_test(tcase, a_late_answer_has_no_deadline);
	tcase_add_test(tcase, a_peer_that_does_not_read_is_dropped);
	tcase_add_test(tcase, a_large_answer_arrives_whole);
	tcase_add_test(tcase, headers_errors_and_bodiless_answers);
	tcase_add_test(tcase, cookies_are_found_among_others);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
