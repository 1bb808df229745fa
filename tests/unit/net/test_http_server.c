/* test_http_server.c - streams and their backlog, who gets in, and the end: drain, and a server
 * destroyed from inside its own calls. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "front.h"

/* ---- streams ---- */

static void write_text(size_t index, const char *text)
{
	ck_assert_int_eq(qg_http_stream_write(held[index], text, strlen(text)), QG_OK);
}

START_TEST(a_stream_comes_in_chunks_and_the_connection_goes_on)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/stream") GET("/next"));
	wait_held(1);
	write_text(0, "data: one\n\n");
	peer_wait_text(peer, "b\r\ndata: one\n\n\r\n");
	ck_assert_ptr_nonnull(strstr(peer->data, "Content-Type: text/event-stream\r\n"));
	ck_assert_ptr_nonnull(strstr(peer->data, "Transfer-Encoding: chunked\r\n"));
	ck_assert_ptr_null(strstr(peer->data, "/next"));
	ck_assert_int_eq(qg_http_stream_write(held[0], "", 0), QG_OK);
	write_text(0, "two");
	qg_http_stream_end(held[0]);
	peer_wait_text(peer, "3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n");
	peer_wait_text(peer, "/next");
	ck_assert_uint_eq(gone_count, 0);
	peer_close(peer);
}
END_TEST

START_TEST(a_stream_to_1_0_ends_with_the_connection)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	wait_held(1);
	write_text(0, "plain");
	qg_http_stream_end(held[0]);
	peer_wait_end(peer);
	ck_assert_ptr_nonnull(strstr(peer->data, "\r\n\r\nplain"));
	ck_assert_ptr_null(strstr(peer->data, "chunked"));
	ck_assert(peer->eof);
	peer_close(peer);
}
END_TEST

START_TEST(a_stream_to_head_is_silent)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" GET("/next"));
	wait_held(1);
	write_text(0, "unseen");
	qg_http_stream_end(held[0]);
	peer_wait_text(peer, "/next");
	ck_assert_ptr_null(strstr(peer->data, "unseen"));
	peer_close(peer);
}
END_TEST

START_TEST(a_reader_who_leaves_a_stream_is_noticed)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/stream"));
	wait_held(1);
	peer_close(peer);
	wait_gone(1);
	wait_connections(0);
}
END_TEST

START_TEST(a_backlog_over_its_limit_drops_the_reader)
{
	limits.stream_backlog = 100000;
	front_start();
	struct peer *peer = peer_open(server);
	peer_deafen(peer);
	peer_say(peer, GET("/stream"));
	wait_held(1);
	static char data[50000];
	memset(data, 'd', sizeof(data));
	enum qg_status status = QG_OK;
	for (int i = 0; i < 1000 && status == QG_OK; i++) {
		status = qg_http_stream_write(held[0], data, sizeof(data));
		ck_assert_uint_eq(gone_count, 0); /* never from inside */
	}
	ck_assert_int_eq(status, QG_TOO_LARGE);
	ck_assert_int_eq(qg_http_stream_write(held[0], data, sizeof(data)), QG_CANCELLED);
	wait_gone(1);
	wait_connections(0);
	peer_close(peer);
}
END_TEST

START_TEST(a_slow_reader_gets_all_in_order)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_deafen(peer);
	peer_say(peer, GET("/stream"));
	wait_held(1);
	char *data = malloc(100001);
	size_t total = 0;
	for (int i = 0; i < 60 && total < ((size_t)6 << 20); i++) {
		memset(data, 'a' + i % 26, 100000);
		data[100000] = '\0';
		if (qg_http_stream_write(held[0], data, 100000) != QG_OK) {
			ck_abort_msg("dropped at %zu", total);
		}
		total += 100000;
		if (i == 5) {
			peer_listen(peer);
		}
		run_turns(2);
	}
	free(data);
	qg_http_stream_end(held[0]);
	peer_wait_text(peer, "\r\n0\r\n\r\n");
	/* Each piece stands behind its size line (100,000 = 186a0). */
	const char *at = strstr(peer->data, "\r\n\r\n") + 4;
	for (int i = 0; i < 60; i++) {
		ck_assert_int_eq(strncmp(at, "186a0\r\n", 7), 0);
		ck_assert_int_eq(at[7], 'a' + i % 26);
		at += 7 + 100000 + 2;
	}
	peer_close(peer);
}
END_TEST

START_TEST(a_stream_may_be_silent_for_long)
{
	limits.request_ms = 60;
	limits.idle_ms = 60;
	front_start();
	struct peer *peer = peer_open(server), *clock = peer_open(server);
	peer_say(peer, GET("/stream"));
	wait_held(1);
	peer_wait_end(clock);
	write_text(0, "still");
	peer_wait_text(peer, "still");
	ck_assert_uint_eq(gone_count, 0);
	qg_http_stream_end(held[0]);
	peer_close(peer);
	peer_close(clock);
}
END_TEST

/* ---- who gets in ---- */

START_TEST(connections_of_an_address_are_limited)
{
	limits.connections_per_address = 3;
	front_start();
	struct peer *peers[4];
	for (int i = 0; i < 4; i++) {
		peers[i] = peer_open(server);
		peer_say(peers[i], GET("/"));
	}
	for (int i = 0; i < 4; i++) {
		peer_wait_answers(peers[i], 1);
		ck_assert_int_eq(peer_code(peers[i]), i < 3 ? 200 : 429);
	}
	peer_wait_end(peers[3]);
	ck_assert(peers[3]->eof);
	/* Another address is not touched. */
	struct peer *other = peer_open_from(server, "127.0.0.2");
	peer_say(other, GET("/"));
	peer_wait_answers(other, 1);
	ck_assert_int_eq(peer_code(other), 200);
	/* Room again once one leaves. */
	peer_close(peers[0]);
	peer_close(peers[3]);
	wait_connections(3);
	peers[0] = peer_open(server);
	peer_say(peers[0], GET("/"));
	peer_wait_answers(peers[0], 1);
	ck_assert_int_eq(peer_code(peers[0]), 200);
	struct qg_http_counts counts;
	qg_http_server_counts(server, &counts);
	ck_assert_uint_eq(counts.refused_address, 1);
	ck_assert_uint_eq(counts.connections, 5);
	peer_close(peers[0]);
	peer_close(peers[1]);
	peer_close(peers[2]);
	peer_close(other);
}
END_TEST

START_TEST(connections_in_all_are_limited)
{
	limits.connections = 2;
	front_start();
	struct peer *one = peer_open(server), *two = peer_open(server);
	wait_connections(2);
	struct peer *three = peer_open(server);
	peer_wait_end(three);
	ck_assert_int_eq(peer_code(three), 503);
	struct qg_http_counts counts;
	qg_http_server_counts(server, &counts);
	ck_assert_uint_eq(counts.refused_limit, 1);
	peer_close(one);
	peer_close(two);
	peer_close(three);
}
END_TEST

/* Bodies that never end take a bounded part of the memory, and small requests still pass. */
START_TEST(large_bodies_together_are_limited)
{
	enum { PEERS = 150 };
	limits.body = 40000;
	front_start();
	static char body[39000];
	memset(body, 'b', sizeof(body));
	struct peer *peers[PEERS];
	int refused = 0;
	for (int i = 0; i < PEERS; i++) {
		peers[i] = peer_open(server);
		peer_say(peers[i], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n");
		peer_send(peers[i], body, sizeof(body));
		run_turns(4);
	}
	for (int i = 0; i < PEERS; i++) {
		refused += peer_code(peers[i]) == 503;
	}
	ck_assert_int_ge(refused, 10);
	ck_assert_int_lt(refused, PEERS - 100);
	struct peer *small = peer_open(server);
	peer_say(small, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
	expect(small, 1, "/small");
	/* With the others gone there is room again. */
	for (int i = 0; i < PEERS; i++) {
		peer_close(peers[i]);
	}
	wait_connections(1);
	peer_say(small, "POST /again HTTP/1.1\r\nHost: a\r\nContent-Length: 39000\r\n\r\n");
	peer_send(small, body, sizeof(body));
	expect(small, 2, "/again");
	peer_close(small);
}
END_TEST

/* Without descriptors the listener pauses, and takes up again by itself. */
START_TEST(running_out_of_descriptors_only_delays)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/waited"));
	struct rlimit before, none;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	run_turns(5);
	ck_assert_uint_eq(qg_http_server_connections(server), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	expect(peer, 1, "/waited");
	peer_close(peer);
}
END_TEST

static void expect_peer(const char *fields, const char *address)
{
	struct peer *peer = peer_open(server);
	char request[512], body[128];
	snprintf(request, sizeof(request), "GET /peer HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	snprintf(body, sizeof(body), "\r\n\r\n%s", address);
	peer_say(peer, request);
	peer_wait_answers(peer, 1);
	size_t size = strlen(body);
	ck_assert_msg(peer->size > size && strcmp(peer->data + peer->size - size, body) == 0,
		"%s: %s", fields, peer->data);
	peer_close(peer);
}

START_TEST(forwarded_addresses_count_only_behind_trusted_proxies)
{
	front_start();
	expect_peer("X-Forwarded-For: 1.2.3.4\r\n", "127.0.0.1");
	static const char *const proxies[] = {"127.0.0.0/8", "10.0.0.1", "fd00::/8"};
	ck_assert_int_eq(qg_http_server_trust(server, proxies, 3), QG_OK);
	expect_peer("", "127.0.0.1");
	expect_peer("X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4");
	/* What the client itself wrote stands left of the first address nobody trusts. */
	expect_peer("X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\n", "1.2.3.4");
	expect_peer("X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.1\r\n", "1.2.3.4");
	expect_peer(
		"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4 , fd00::1\r\n", "1.2.3.4");
	expect_peer("X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1");
	expect_peer("X-Forwarded-For: nonsense\r\n", "127.0.0.1");
	expect_peer("X-Forwarded-For: 1.2.3.4, nonsense\r\n", "127.0.0.1");
	expect_peer("X-Forwarded-For: 10.0.0.1\r\n", "10.0.0.1");
	static const char *const bad[] = {"10.0.0.0/33"}, *const worse[] = {"proxy.example"};
	ck_assert_int_eq(qg_http_server_trust(server, bad, 1), QG_INVALID);
	ck_assert_int_eq(qg_http_server_trust(server, worse, 1), QG_INVALID);
	/* A refused list changes nothing; an empty one trusts nobody. */
	expect_peer("X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4");
	ck_assert_int_eq(qg_http_server_trust(server, NULL, 0), QG_OK);
	expect_peer("X-Forwarded-For: 1.2.3.4\r\n", "127.0.0.1");
}
END_TEST

START_TEST(a_trusted_proxy_may_hold_many_connections)
{
	limits.connections_per_address = 1;
	front_start();
	static const char *const proxies[] = {"127.0.0.1"};
	ck_assert_int_eq(qg_http_server_trust(server, proxies, 1), QG_OK);
	struct peer *one = peer_open(server), *two = peer_open(server);
	peer_say(one, GET("/"));
	peer_say(two, GET("/"));
	peer_wait_answers(one, 1);
	peer_wait_answers(two, 1);
	ck_assert_int_eq(peer_code(two), 200);
	peer_close(one);
	peer_close(two);
}
END_TEST

START_TEST(bad_addresses_are_refused_with_words)
{
	char error[128];
	static const char *const bad[] = {"", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:x",
		"::1:80", "[::1]", "127.0.0.1:99999", "no-such-host.invalid:80"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error[0] = '\0';
		server = qg_http_server_create(loop, bad[i], &limits, front_handle, NULL, error);
		ck_assert_msg(server == NULL, "%s", bad[i]);
		ck_assert_str_ne(error, "");
	}
	front_start();
	struct qg_http_server *second = qg_http_server_create(
		loop, qg_http_server_address(server), &limits, front_handle, NULL, error);
	ck_assert_ptr_null(second);
	ck_assert_ptr_nonnull(strstr(error, "cannot listen"));
	ck_assert_int_eq(strncmp(qg_http_server_address(server), "127.0.0.1:", 10), 0);
	qg_http_server_destroy(server);
	server = qg_http_server_create(loop, "[::1]:0", &limits, front_handle, NULL, error);
	if (server) { /* not every machine has IPv6 */
		ck_assert_int_eq(strncmp(qg_http_server_address(server), "[::1]:", 6), 0);
	}
}
END_TEST

/* ---- the end ---- */

static unsigned drained_count;

static void on_drained(void *arg)
{
	drained_count++;
	if (arg) {
		qg_http_server_destroy(server);
		server = NULL;
	}
}

static bool is_drained(void *arg)
{
	return drained_count > 0;
}

START_TEST(a_drain_ends_the_idle_and_finishes_the_rest)
{
	front_start();
	drained_count = 0;
	struct peer *idle = peer_open(server), *late = peer_open(server), *half = peer_open(server);
	struct peer *stream = peer_open(server);
	peer_say(idle, GET("/"));
	peer_wait_answers(idle, 1);
	peer_say(late, GET("/hold"));
	wait_held(1);
	peer_say(stream, GET("/stream"));
	wait_held(2);
	peer_say(half, "GET /half HTTP/1.1\r\n");
	run_turns(3);
	/* One that has sent its request, but was not accepted yet. */
	struct peer *waiting = peer_open(server);
	peer_say(waiting, GET("/waiting"));
	unsigned port = qg_http_server_port(server);
	ck_assert_uint_ne(port, 0);
	qg_http_server_drain(server, 4000, on_drained, NULL);
	ck_assert_uint_eq(drained_count, 0);
	peer_wait_end(idle);
	peer_wait_end(stream);
	ck_assert_ptr_nonnull(strstr(stream->data, "\r\n0\r\n\r\n"));
	ck_assert_uint_eq(gone_count, 1);
	peer_wait_end(waiting);
	ck_assert_ptr_nonnull(strstr(waiting->data, "/waiting"));
	peer_say(half, "Host: a\r\n\r\n");
	peer_wait_end(half);
	ck_assert_ptr_nonnull(strstr(half->data, "Connection: close\r\n"));
	ck_assert_uint_eq(drained_count, 0);
	answer(0, "last words");
	peer_wait_end(late);
	ck_assert_ptr_nonnull(strstr(late->data, "last words"));
	ck_assert_ptr_nonnull(strstr(late->data, "Connection: close\r\n"));
	struct peer *all[] = {idle, late, half, stream, waiting};
	for (size_t i = 0; i < 5; i++) {
		peer_close(all[i]);
	}
	run_until(is_drained, NULL);
	run_turns(3);
	ck_assert_uint_eq(drained_count, 1);
}
END_TEST

START_TEST(a_drain_has_an_end)
{
	front_start();
	drained_count = 0;
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/hold"));
	wait_held(1);
	qg_http_server_drain(server, 30, on_drained, &drained_count);
	run_until(is_drained, NULL);
	ck_assert_uint_eq(gone_count, 1);
	ck_assert_ptr_null(server);
	peer_close(peer);
}
END_TEST

START_TEST(a_drain_of_nothing_is_told_later)
{
	front_start();
	drained_count = 0;
	qg_http_server_drain(server, 1000, on_drained, NULL);
	ck_assert_uint_eq(drained_count, 0);
	run_until(is_drained, NULL);
	ck_assert_uint_eq(drained_count, 1);
}
END_TEST

START_TEST(destroy_tells_who_was_not_answered)
{
	front_start();
	struct peer *one = peer_open(server), *two = peer_open(server);
	peer_say(one, GET("/hold"));
	peer_say(two, GET("/stream"));
	wait_held(2);
	qg_http_server_destroy(server);
	server = NULL;
	ck_assert_uint_eq(gone_count, 2);
	peer_wait_end(one);
	peer_wait_end(two);
	peer_close(one);
	peer_close(two);
	qg_http_server_destroy(NULL);
}
END_TEST

START_TEST(a_handler_may_destroy_the_server)
{
	front_start();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/destroy") GET("/never"));
	peer_wait_end(peer);
	ck_assert_ptr_null(server);
	peer_close(peer);
}
END_TEST

START_TEST(gone_may_destroy_the_server)
{
	destroy_in_gone = true;
	front_start();
	struct peer *one = peer_open(server), *two = peer_open(server);
	peer_say(two, GET("/hold"));
	wait_held(1);
	peer_say(one, GET("/stream"));
	wait_held(2);
	peer_close(one);
	wait_gone(2); /* the first destroyed the server, which told the second */
	ck_assert_ptr_null(server);
	peer_close(two);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_server");
	TCase *tcase = tcase_create("http_server");
	tcase_add_checked_fixture(tcase, front_setup, front_teardown);
	tcase_add_test(tcase, a_stream_comes_in_chunks_and_the_connection_goes_on);
	tcase_add_test(tcase, a_stream_to_1_0_ends_with_the_connection);
	tcase_add_test(tcase, a_stream_to_head_is_silent);
	tcase_add_test(tcase, a_reader_who_leaves_a_stream_is_noticed);
	tcase_add_test(tcase, a_backlog_over_its_limit_drops_the_reader);
	tcase_add_test(tcase, a_slow_reader_gets_all_in_order);
	tcase_add_test(tcase, a_stream_may_be_silent_for_long);
	tcase_add_test(tcase, connections_of_an_address_are_limited);
	tcase_add_test(tcase, connections_in_all_are_limited);
	tcase_add_test(tcase, large_bodies_together_are_limited);
	tcase_add_test(tcase, running_out_of_descriptors_only_delays);
	tcase_add_test(tcase, forwarded_addresses_count_only_behind_trusted_proxies);
	tcase_add_test(tcase, a_trusted_proxy_may_hold_many_connections);
	tcase_add_test(tcase, bad_addresses_are_refused_with_words);
	tcase_add_test(tcase, a_drain_ends_the_idle_and_finishes_the_rest);
	tcase_add_test(tcase, a_drain_has_an_end);
	tcase_add_test(tcase, a_drain_of_nothing_is_told_later);
	tcase_add_test(tcase, destroy_tells_who_was_not_answered);
	tcase_add_test(tcase, a_handler_may_destroy_the_server);
	tcase_add_test(tcase, gone_may_destroy_the_server);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
