/* test_http_tls.c - the front over TLS: what is spoken, what is refused, new certificates under open connections. */
#include <check.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asker.h"
#include "front.h"

static char folder[64], cert[96], key[96];
static struct asker one;

static void front_start_tls(void)
{
	char error[128];
	front_start();
	authority_issue(cert, key, 11);
	ck_assert_msg(qg_http_server_tls(server, cert, key, error) == QG_OK, "%s", error);
}

static const char *url(const char *path)
{
	static char text[128];
	snprintf(text, sizeof(text), "https://127.0.0.1:%u%s", qg_http_server_port(server), path);
	return text;
}

/* ---- a client of OpenSSL's ---- */

struct caller {
	struct peer *peer;
	SSL_CTX *context;
	SSL *tls;
};

static void call(struct caller *caller)
{
	if (!caller->context) {
		caller->context = SSL_CTX_new(TLS_client_method());
	}
	caller->peer = peer_open(server);
	peer_deafen(caller->peer);
	caller->tls = SSL_new(caller->context);
	SSL_set_fd(caller->tls, caller->peer->fd);
}

/* 1 or, where the handshake failed, another number. */
static int shake(struct caller *caller)
{
	for (int i = 0; i < 1000; i++) {
		ERR_clear_error();
		int result = SSL_connect(caller->tls);
		if (result == 1 || SSL_get_error(caller->tls, result) != SSL_ERROR_WANT_READ) {
			return result;
		}
		run_turns(1);
	}
	return 0;
}

static void say(struct caller *caller, const char *text)
{
	ck_assert_int_eq(SSL_write(caller->tls, text, (int)strlen(text)), (int)strlen(text));
}

/* Reads until text has come; 0: the end came first. */
static int hear(struct caller *caller, const char *text)
{
	static char heard[8192];
	size_t size = 0;
	for (int silent = 0; silent < 1000;) {
		if (size > sizeof(heard) / 2) {
			/* Only the end of it can still become what is awaited. */
			memmove(heard, heard + size - 64, 64);
			size = 64;
		}
		ERR_clear_error();
		int got = SSL_read(caller->tls, heard + size, (int)(sizeof(heard) - 1 - size));
		if (got <= 0 && SSL_get_error(caller->tls, got) != SSL_ERROR_WANT_READ) {
			return 0;
		}
		size += got > 0 ? (size_t)got : 0;
		heard[size] = '\0';
		if (strstr(heard, text)) {
			return 1;
		}
		if (got <= 0) {
			silent++;
			run_turns(1);
		}
	}
	return 0;
}

static long serial_of(const struct caller *caller)
{
	X509 *leaf = SSL_get1_peer_certificate(caller->tls);
	ck_assert_ptr_nonnull(leaf);
	long serial = ASN1_INTEGER_get(X509_get_serialNumber(leaf));
	X509_free(leaf);
	return serial;
}

static void hang_up(struct caller *caller)
{
	ERR_clear_error();
	SSL_shutdown(caller->tls);
	SSL_free(caller->tls);
	SSL_CTX_free(caller->context);
	peer_close(caller->peer);
	memset(caller, 0, sizeof(*caller));
}

/* ---- speaking ---- */

START_TEST(requests_are_answered_and_connections_kept)
{
	struct qg_fetch_counts counts;
	front_start_tls();
	for (int i = 0; i < 3; i++) {
		ask_for(&one, url("/hello"), i ? "body" : NULL);
		expect_end(&one, QG_FETCH_NONE, 200, "/hello");
		asker_finish(&one);
	}
	qg_http_client_counts(client, &counts);
	ck_assert_uint_eq(counts.connections, 1);
	/* The client offers HTTP/2 first. */
	ck_assert_uint_eq(counts.http2, 0);
}
END_TEST

START_TEST(large_bodies_go_both_ways)
{
	front_start_tls();
	size_t size = 1000000;
	char *body = malloc(size + 1);
	ck_assert_ptr_nonnull(body);
	memset(body, 'b', size);
	body[size] = '\0';
	struct qg_fetch_request request = {.method = "POST",
		.url = url("/large"),
		.body = body,
		.body_size = size,
		.most = (size_t)16 << 20,
		.gathers = true};
	ask(&one, &request);
	wait_end(&one);
	ck_assert_int_eq(one.error, QG_FETCH_NONE);
	ck_assert_uint_eq(one.size, (size_t)8 << 20);
	ck_assert_uint_eq(strspn(one.data, "L"), (size_t)8 << 20);
	free(body);
}
END_TEST

START_TEST(requests_that_came_together_are_answered_in_order)
{
	struct caller caller = {0};
	front_start_tls();
	call(&caller);
	ck_assert_int_eq(shake(&caller), 1);
	say(&caller, GET("/first") GET("/hold") GET("/third"));
	ck_assert_int_eq(hear(&caller, "/first"), 1);
	wait_held(1);
	answer(0, "second");
	ck_assert_int_eq(hear(&caller, "/third"), 1);
	hang_up(&caller);
}
END_TEST

/* A record larger than what is read ahead behind an answer: the rest lies in OpenSSL, where no socket tells of it. */
START_TEST(what_lies_decrypted_is_not_forgotten)
{
	struct caller caller = {0};
	char *text = calloc(1, 200000);
	ck_assert_ptr_nonnull(text);
	front_start_tls();
	call(&caller);
	ck_assert_int_eq(shake(&caller), 1);
	say(&caller, GET("/hold"));
	wait_held(1);
	int wanted = 0;
	for (size_t size = 0; size < 50000; size = strlen(text)) {
		snprintf(text + size, 200, "GET /n/%d HTTP/1.1\r\nHost: a\r\n\r\n", ++wanted);
	}
	snprintf(text + strlen(text), 200, GET("/last"));
	say(&caller, text);
	run_turns(10);
	answer(0, "go on");
	ck_assert_int_eq(hear(&caller, "/last"), 1);
	free(text);
	hang_up(&caller);
}
END_TEST

START_TEST(a_stream_flows_and_its_peer_is_missed)
{
	struct caller caller = {0};
	front_start_tls();
	call(&caller);
	ck_assert_int_eq(shake(&caller), 1);
	say(&caller, GET("/stream"));
	wait_held(1);
	ck_assert_int_eq(qg_http_stream_write(held[0], "event", 5), QG_OK);
	ck_assert_int_eq(hear(&caller, "event"), 1);
	hang_up(&caller);
	wait_gone(1);
	wait_connections(0);
}
END_TEST

START_TEST(the_end_is_said_before_the_connection_closes)
{
	struct caller caller = {0};
	front_start_tls();
	call(&caller);
	ck_assert_int_eq(shake(&caller), 1);
	say(&caller, "GET /bye HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	ck_assert_int_eq(hear(&caller, "/bye"), 1);
	ck_assert_int_eq(hear(&caller, "more"), 0);
	ck_assert_int_eq(
		SSL_get_shutdown(caller.tls) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
	hang_up(&caller);
}
END_TEST

START_TEST(a_second_connection_resumes)
{
	struct caller caller = {0};
	front_start_tls();
	call(&caller);
	ck_assert_int_eq(shake(&caller), 1);
	say(&caller, GET("/"));
	ck_assert_int_eq(hear(&caller, "200 OK"), 1);
	SSL_SESSION *session = SSL_get1_session(caller.tls);
	hang_up(&caller);
	call(&caller);
	SSL_set_session(caller.tls, session);
	ck_assert_int_eq(shake(&caller), 1);
	ck_assert_int_eq(SSL_session_reused(caller.tls), 1);
	SSL_SESSION_free(session);
	hang_up(&caller);
}
END_TEST

/* ---- refusing ---- */

START_TEST(plain_http_is_told_so)
{
	front_start_tls();
	struct peer *peer = peer_open(server);
	peer_say(peer, GET("/"));
	peer_wait_end(peer);
	ck_assert_int_eq(peer_code(peer), 400);
	ck_assert_ptr_nonnull(strstr(peer->data, "TLS"));
	peer_close(peer);
	wait_connections(0);
}
END_TEST

START_TEST(nonsense_is_closed)
{
	front_start_tls();
	struct peer *peer = peer_open(server);
	peer_say(peer, "\x16\x03\x01\xff\xff nonsense \x01\x02");
	peer_shut(peer);
	peer_wait_end(peer);
	peer_close(peer);
	wait_connections(0);
	ask_for(&one, url("/"), NULL);
	expect_end(&one, QG_FETCH_NONE, 200, "/");
}
END_TEST

START_TEST(a_handshake_that_hangs_has_the_time_of_a_request)
{
	limits.request_ms = 50;
	front_start_tls();
	struct peer *peer = peer_open(server);
	if (_i) {
		peer_send(peer, "\x16\x03\x01", 3);
	}
	peer_wait_end(peer);
	peer_close(peer);
	wait_connections(0);
	ck_assert_uint_eq(held_count, 0);
}
END_TEST

START_TEST(old_versions_are_refused)
{
	struct caller caller = {.context = SSL_CTX_new(TLS_client_method())};
	front_start_tls();
	SSL_CTX_set_security_level(caller.context, 0);
	SSL_CTX_set_max_proto_version(caller.context, TLS1_1_VERSION);
	call(&caller);
	ck_assert_int_ne(shake(&caller), 1);
	hang_up(&caller);
	caller.context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(caller.context, TLS1_2_VERSION);
	call(&caller);
	ck_assert_int_eq(shake(&caller), 1);
	hang_up(&caller);
}
END_TEST

START_TEST(nobody_negotiates_anew)
{
	struct caller caller = {.context = SSL_CTX_new(TLS_client_method())};
	front_start_tls();
	SSL_CTX_set_max_proto_version(caller.context, TLS1_2_VERSION);
	call(&caller);
	ck_assert_int_eq(shake(&caller), 1);
	ck_assert_int_eq(SSL_renegotiate(caller.tls), 1);
	/* The alert that answers ends it on the side that asked. */
	SSL_do_handshake(caller.tls);
	ck_assert_int_eq(hear(&caller, "anything"), 0);
	ck_assert_int_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
	hang_up(&caller);
	ask_for(&one, url("/"), NULL);
	expect_end(&one, QG_FETCH_NONE, 200, "/");
}
END_TEST

START_TEST(only_http1_is_negotiated)
{
	struct caller caller = {.context = SSL_CTX_new(TLS_client_method())};
	front_start_tls();
	SSL_CTX_set_alpn_protos(caller.context, (const unsigned char *)"\x02h2", 3);
	call(&caller);
	ck_assert_int_ne(shake(&caller), 1);
	hang_up(&caller);
}
END_TEST

START_TEST(too_many_of_one_address_are_told_so)
{
	struct caller first = {0}, second = {0};
	limits.connections_per_address = 1;
	front_start_tls();
	call(&first);
	ck_assert_int_eq(shake(&first), 1);
	call(&second);
	ck_assert_int_eq(shake(&second), 1);
	ck_assert_int_eq(hear(&second, "429"), 1);
	say(&first, GET("/still"));
	ck_assert_int_eq(hear(&first, "/still"), 1);
	hang_up(&first);
	hang_up(&second);
}
END_TEST

/* ---- certificates ---- */

START_TEST(a_new_certificate_serves_new_connections_only)
{
	struct caller before = {0}, after = {0};
	char error[128];
	front_start_tls();
	call(&before);
	ck_assert_int_eq(shake(&before), 1);
	say(&before, GET("/stream"));
	wait_held(1);
	authority_issue(cert, key, 12);
	ck_assert_int_eq(qg_http_server_tls(server, cert, key, error), QG_OK);
	call(&after);
	ck_assert_int_eq(shake(&after), 1);
	ck_assert_int_eq(serial_of(&before), 11);
	ck_assert_int_eq(serial_of(&after), 12);
	ck_assert_int_eq(qg_http_stream_write(held[0], "goes on", 7), QG_OK);
	ck_assert_int_eq(hear(&before, "goes on"), 1);
	hang_up(&before);
	hang_up(&after);
}
END_TEST

START_TEST(bad_files_change_nothing)
{
	struct caller caller = {0};
	char error[128], other[128];
	front_start_tls();
	snprintf(other, sizeof(other), "%s/other", folder);
	authority_issue(other, other, 13); /* only the key is left in it */
	const char *const pairs[][2] = {{"/nonexistent", key}, {cert, "/nonexistent"},
		{cert, other}, {cert, cert}, {key, key}};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		error[0] = '\0';
		ck_assert_int_eq(
			qg_http_server_tls(server, pairs[i][0], pairs[i][1], error), QG_INVALID);
		ck_assert_str_ne(error, "");
	}
	call(&caller);
	ck_assert_int_eq(shake(&caller), 1);
	ck_assert_int_eq(serial_of(&caller), 11);
	hang_up(&caller);
	unlink(other);
}
END_TEST

START_TEST(a_server_goes_with_open_connections)
{
	struct caller caller = {0}, half = {0};
	front_start_tls();
	call(&caller);
	ck_assert_int_eq(shake(&caller), 1);
	say(&caller, GET("/stream"));
	wait_held(1);
	call(&half);
	run_turns(2);
	qg_http_server_destroy(server);
	server = NULL;
	ck_assert_uint_eq(gone_count, 1);
	hang_up(&caller);
	hang_up(&half);
}
END_TEST

/* ---- */

static void setup(void)
{
	signal(SIGPIPE, SIG_IGN); /* as the program does */
	snprintf(folder, sizeof(folder), "/tmp/qg-tls-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
	snprintf(key, sizeof(key), "%s/key.pem", folder);
	authority_setup();
	front_setup();
	client = qg_http_client_create(loop);
	ck_assert_int_eq(qg_http_client_trust(client, authority_file()), QG_OK);
}

static void teardown(void)
{
	asker_finish(&one);
	qg_http_client_destroy(client);
	front_teardown();
	authority_teardown();
	unlink(cert);
	unlink(key);
	rmdir(folder);
}

static void add_speaking(TCase *tests)
{
	tcase_add_test(tests, requests_are_answered_and_connections_kept);
	tcase_add_test(tests, large_bodies_go_both_ways);
	tcase_add_test(tests, requests_that_came_together_are_answered_in_order);
	tcase_add_test(tests, what_lies_decrypted_is_not_forgotten);
	tcase_add_test(tests, a_stream_flows_and_its_peer_is_missed);
	tcase_add_test(tests, the_end_is_said_before_the_connection_closes);
	tcase_add_test(tests, a_second_connection_resumes);
}

static void add_refusing(TCase *tests)
{
	tcase_add_test(tests, plain_http_is_told_so);
	tcase_add_test(tests, nonsense_is_closed);
	tcase_add_loop_test(tests, a_handshake_that_hangs_has_the_time_of_a_request, 0, 2);
	tcase_add_test(tests, old_versions_are_refused);
	tcase_add_test(tests, nobody_negotiates_anew);
	tcase_add_test(tests, only_http1_is_negotiated);
	tcase_add_test(tests, too_many_of_one_address_are_told_so);
}

int main(void)
{
	Suite *suite = suite_create("http_tls");
	TCase *tests = tcase_create("http_tls");
	tcase_add_checked_fixture(tests, setup, teardown);
	add_speaking(tests);
	add_refusing(tests);
	tcase_add_test(tests, a_new_certificate_serves_new_connections_only);
	tcase_add_test(tests, bad_files_change_nothing);
	tcase_add_test(tests, a_server_goes_with_open_connections);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
