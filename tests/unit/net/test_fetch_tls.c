/* test_fetch_tls.c - the HTTP client over TLS: whom it believes, what it resumes, and HTTP/2 negotiated but refused. */
#include <check.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asker.h"

static struct vendor vendor;
static struct asker one;

START_TEST(a_certificate_of_nobody_known_is_refused)
{
	vendor_open_tls(&vendor, NULL);
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_TLS, 0, "");
	ck_assert(!one.sent);
	ck_assert_int_eq(vendor.requests, 0);
	ck_assert_ptr_nonnull(strstr(one.words, "issuer"));
}
END_TEST

START_TEST(a_file_of_trust_is_believed_beside_the_system)
{
	vendor_open_tls(&vendor, NULL);
	ck_assert_int_eq(qg_http_client_trust(client, authority_file()), QG_OK);
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
}
END_TEST

START_TEST(a_file_that_holds_none_says_so)
{
	ck_assert_int_eq(qg_http_client_trust(client, "/nonexistent/ca.pem"), QG_INVALID);
	ck_assert_int_eq(qg_http_client_trust(client, "/dev/null"), QG_INVALID);
}
END_TEST

START_TEST(the_name_must_be_the_one_asked_for)
{
	char url[64];
	vendor_open_tls(&vendor, NULL);
	ck_assert_int_eq(qg_http_client_trust(client, authority_file()), QG_OK);
	/* The same machine under an address that its certificate does not name. */
	snprintf(url, sizeof(url), "https://127.0.0.2:%u/", vendor.port);
	ask_for(&one, url, "x");
	expect_end(&one, QG_FETCH_TLS, 0, "");
	ck_assert(!one.sent);
	ck_assert_str_eq(one.words, "the certificate is one of another name");
	ck_assert_ptr_null(strstr(one.words, "127"));
}
END_TEST

static void hang_up(struct visitor *visitor)
{
	visitor_say(visitor, "HTTP/1.1 400 Bad Request\r\n\r\n");
	visitor_leave(visitor, false);
}

START_TEST(plain_http_is_no_handshake)
{
	char url[64];
	vendor_open(&vendor);
	vendor.bytes = hang_up;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", vendor.port);
	ask_for(&one, url, "x");
	expect_end(&one, QG_FETCH_TLS, 0, "");
	ck_assert(!one.sent);
}
END_TEST

static int resumed;

static void note_resumption(struct visitor *visitor)
{
	resumed += SSL_session_reused(visitor->ssl);
	visitor_say(visitor, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

START_TEST(a_new_connection_resumes_the_session)
{
	vendor_open_tls(&vendor, NULL);
	SSL_CTX_set_session_id_context(vendor.tls, (const unsigned char *)"t", 1);
	ck_assert_int_eq(qg_http_client_trust(client, authority_file()), QG_OK);
	vendor.asked = note_resumption;
	for (int i = 0; i < 3; i++) {
		ask_for(&one, vendor_url(&vendor, "/"), "x");
		expect_end(&one, QG_FETCH_NONE, 200, "ok");
		asker_finish(&one);
	}
	ck_assert_int_eq(vendor.connections, 3);
	ck_assert_int_eq(resumed, 2);
}
END_TEST

static void note_offer(struct visitor *visitor)
{
	const unsigned char *chosen;
	unsigned size;
	SSL_get0_alpn_selected(visitor->ssl, &chosen, &size);
	char text[16];
	snprintf(text, sizeof(text), "%.*s", (int)size, (const char *)chosen);
	visitor_answer(visitor, text);
}

START_TEST(http1_offers_only_that)
{
	/* A server that would rather speak HTTP/2. */
	vendor_open_tls(&vendor, "\x02h2\x08http/1.1");
	ck_assert_int_eq(qg_http_client_trust(client, authority_file()), QG_OK);
	vendor.asked = note_offer;
	struct qg_fetch_request request = {
		.method = "GET", .url = vendor_url(&vendor, "/"), .http1 = true, .gathers = true};
	ask(&one, &request);
	expect_end(&one, QG_FETCH_NONE, 200, "http/1.1");
}
END_TEST

/* ---- */

static void setup(void)
{
	authority_setup();
	asker_setup();
}

static void teardown(void)
{
	asker_finish(&one);
	vendor_close(&vendor);
	asker_teardown();
	authority_teardown();
}

int main(void)
{
	Suite *suite = suite_create("fetch_tls");
	TCase *tests = tcase_create("fetch_tls");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_certificate_of_nobody_known_is_refused);
	tcase_add_test(tests, a_file_of_trust_is_believed_beside_the_system);
	tcase_add_test(tests, a_file_that_holds_none_says_so);
	tcase_add_test(tests, the_name_must_be_the_one_asked_for);
	tcase_add_test(tests, plain_http_is_no_handshake);
	tcase_add_test(tests, a_new_connection_resumes_the_session);
	tcase_add_test(tests, http1_offers_only_that);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
