/* test_fetch.c - the HTTP client over plain HTTP: what is sent, what comes back, how it ends. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asker.h"
#include "qg/clock.h"

static struct vendor vendor;
static struct asker one, two;

/* ---- asking ---- */

static void echo(struct visitor *visitor)
{
	visitor_answer(visitor, visitor->request);
}

START_TEST(a_post_says_just_what_was_asked)
{
	static const char *const headers[] = {
		"Content-Type: application/json", "Authorization: Bearer secret", NULL};
	const struct qg_fetch_request request = {.method = "POST",
		.url = vendor_url(&vendor, "/v1/chat?x=1"),
		.headers = headers,
		.body = "{\"a\":1}",
		.body_size = 7,
		.gathers = true};
	vendor.asked = echo;
	ask(&one, &request);
	wait_end(&one);
	ck_assert_int_eq(one.error, QG_FETCH_NONE);
	ck_assert_int_eq(strncmp(one.data, "POST /v1/chat?x=1 HTTP/1.1\r\n", 28), 0);
	ck_assert_ptr_nonnull(strstr(one.data, "\r\nContent-Type: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(one.data, "\r\nAuthorization: Bearer secret\r\n"));
	ck_assert_ptr_nonnull(strstr(one.data, "\r\nContent-Length: 7\r\n"));
	ck_assert_ptr_nonnull(strstr(one.data, "\r\n\r\n{\"a\":1}"));
	ck_assert_ptr_null(strstr(one.data, "Expect"));
	ck_assert_ptr_null(strstr(one.data, "Accept-Encoding"));
	ck_assert_ptr_null(strstr(one.data, "Upgrade"));
	ck_assert(one.sent);
	ck_assert_str_eq(one.words, "");
}
END_TEST

static void ask_method(const char *method, const char *body, const char *expected)
{
	const struct qg_fetch_request request = {.method = method,
		.url = vendor_url(&vendor, "/m"),
		.body = body,
		.body_size = body ? strlen(body) : 0,
		.gathers = true};
	ask(&one, &request);
	wait_end(&one);
	ck_assert_int_eq(one.error, QG_FETCH_NONE);
	ck_assert_msg(
		strstr(one.data, expected) != NULL, "'%s' is not in '%s'", expected, one.data);
	asker_finish(&one);
}

START_TEST(every_method_is_itself)
{
	vendor.asked = echo;
	ask_method("GET", NULL, "GET /m HTTP/1.1\r\n");
	ask_method("DELETE", NULL, "DELETE /m HTTP/1.1\r\n");
	ask_method("PUT", "put", "\r\n\r\nput");
	ask_method("PATCH", "patch", "PATCH /m HTTP/1.1\r\n");
	ask_method("POST", NULL, "\r\nContent-Length: 0\r\n");
	ask_method("POST", "", "\r\nContent-Length: 0\r\n");
}
END_TEST

static void answer_head(struct visitor *visitor)
{
	visitor_say(visitor, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\nX-Test: head\r\n\r\n");
}

START_TEST(the_answer_to_head_has_no_body)
{
	const struct qg_fetch_request request = {
		.method = "HEAD", .url = vendor_url(&vendor, "/"), .gathers = true};
	vendor.asked = answer_head;
	ask(&one, &request);
	expect_end(&one, QG_FETCH_NONE, 200, "");
	ck_assert_str_eq(one.header, "head");
}
END_TEST

START_TEST(a_large_body_arrives_whole)
{
	size_t size = (size_t)3 << 20;
	char *body = malloc(size + 1);
	ck_assert_ptr_nonnull(body);
	for (size_t i = 0; i < size; i++) {
		body[i] = (char)('a' + i % 23);
	}
	body[size] = '\0';
	vendor.asked = echo;
	ask_for(&one, vendor_url(&vendor, "/"), body);
	wait_end(&one);
	ck_assert_int_eq(one.error, QG_FETCH_NONE);
	const char *came = strstr(one.data, "\r\n\r\n");
	ck_assert_ptr_nonnull(came);
	ck_assert_str_eq(came + 4, body);
	free(body);
}
END_TEST

START_TEST(a_line_break_in_a_header_goes_nowhere)
{
	static const char *const headers[] = {"Authorization: x\r\nX-Evil: 1", NULL};
	const struct qg_fetch_request request = {.method = "GET",
		.url = vendor_url(&vendor, "/"),
		.headers = headers,
		.gathers = true};
	ask(&one, &request);
	expect_end(&one, QG_FETCH_URL, 0, "");
	ck_assert(!one.sent);
	ck_assert_int_eq(vendor.connections, 0);
}
END_TEST

START_TEST(only_http_addresses_are_usable)
{
	static const char *const urls[] = {"ftp://127.0.0.1/x", "file:///etc/passwd", "http://",
		"http://a b/", "gopher://127.0.0.1:1/", "http://127.0.0.1:99999/", "127.0.0.1/",
		""};
	ask_for(&one, urls[_i], NULL);
	expect_end(&one, QG_FETCH_URL, 0, "");
	ck_assert(!one.sent);
}
END_TEST

/* ---- answers ---- */

static const char *text;

static void say_text(struct visitor *visitor)
{
	visitor_say(visitor, text);
}

static void say_text_and_leave(struct visitor *visitor)
{
	visitor_say(visitor, text);
	visitor_leave(visitor, false);
}

START_TEST(an_error_comes_with_its_body_and_headers)
{
	vendor.asked = say_text;
	text = "HTTP/1.1 429 Slow down\r\nX-Test:  17\r\nX-Test: 18\r\nContent-Length: "
	       "4\r\n\r\nbusy";
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_NONE, 429, "busy");
	ck_assert_str_eq(one.header, "17");
}
END_TEST

START_TEST(chunks_become_plain_bytes)
{
	vendor.asked = say_text;
	text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	       "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nX-Test: trailer\r\n\r\n";
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_NONE, 200, "abcdefgh");
	ck_assert_str_eq(one.header, "");
}
END_TEST

START_TEST(interim_answers_are_none)
{
	vendor.asked = say_text;
	text = "HTTP/1.1 103 Early\r\nX-Test: early\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
	       "HTTP/1.1 201 Made\r\nX-Test: late\r\nContent-Length: 1\r\n\r\n!";
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_NONE, 201, "!");
	ck_assert_str_eq(one.header, "late");
}
END_TEST

START_TEST(a_redirect_is_an_answer)
{
	vendor.asked = say_text;
	text = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
	ask_for(&one, vendor_url(&vendor, "/"), NULL);
	expect_end(&one, QG_FETCH_NONE, 302, "");
	ck_assert_int_eq(vendor.requests, 1);
}
END_TEST

START_TEST(a_compressed_answer_is_left_as_it_is)
{
	vendor.asked = say_text;
	text = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd";
	ask_for(&one, vendor_url(&vendor, "/"), NULL);
	expect_end(&one, QG_FETCH_NONE, 200, "abcd");
}
END_TEST

/* X(what the server says before it closes) */
static const char *const cut[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"whole\":true}",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n{\"whole\":true}\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{\"whole\":true}",
};

START_TEST(a_connection_cut_in_the_middle_is_broken_however_whole_the_text_looks)
{
	vendor.asked = say_text_and_leave;
	text = cut[_i];
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_BROKEN, 200, "{\"whole\":true}");
	ck_assert(one.sent);
	ck_assert_str_ne(one.words, "");
}
END_TEST

static const char *const half[] = {"", "HTTP/1.1 200 OK\r\nContent-Le", "not HTTP at all\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n"};

START_TEST(no_whole_head_is_no_answer)
{
	vendor.asked = say_text_and_leave;
	text = half[_i];
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	wait_end(&one);
	ck_assert_int_eq(one.error, QG_FETCH_BROKEN);
	ck_assert(one.sent);
}
END_TEST

START_TEST(an_answer_without_length_ends_with_its_connection)
{
	vendor.asked = say_text_and_leave;
	text = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end";
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_NONE, 200, "to the end");
}
END_TEST

static void reset(struct visitor *visitor)
{
	visitor_leave(visitor, true);
}

START_TEST(a_reset_is_broken_and_may_have_been_heard)
{
	vendor.asked = reset;
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_BROKEN, 0, "");
	ck_assert(one.sent);
}
END_TEST

START_TEST(nobody_listens)
{
	const char *url = vendor_url(&vendor, "/");
	vendor_close(&vendor);
	ask_for(&one, url, "x");
	expect_end(&one, QG_FETCH_CONNECT, 0, "");
	ck_assert(!one.sent);
	ck_assert_str_eq(one.words, "Connection refused");
}
END_TEST

/* ---- ceilings ---- */

START_TEST(an_announced_length_over_the_most_is_refused_at_once)
{
	struct qg_fetch_request request = {
		.method = "GET", .url = vendor_url(&vendor, "/"), .most = 10, .gathers = true};
	vendor.asked = say_text;
	text = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n";
	ask(&one, &request);
	expect_end(&one, QG_FETCH_TOO_LARGE, 200, "");
}
END_TEST

START_TEST(the_most_is_all_that_comes)
{
	struct qg_fetch_request request = {
		.method = "GET", .url = vendor_url(&vendor, "/"), .most = 10, .gathers = _i};
	vendor.asked = say_text;
	text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n";
	ask(&one, &request);
	expect_end(&one, QG_FETCH_NONE, 200, "0123456789");
	asker_finish(&one);
	text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789!\r\n0\r\n\r\n";
	ask(&one, &request);
	wait_end(&one);
	ck_assert_int_eq(one.error, QG_FETCH_TOO_LARGE);
	ck_assert_uint_le(one.size, 10);
}
END_TEST

static void say_many_headers(struct visitor *visitor)
{
	visitor_say(visitor, "HTTP/1.1 200 OK\r\nX-Test: first\r\n");
	for (int i = 0; i < 40; i++) {
		char line[1024];
		memset(line, 'h', sizeof(line));
		memcpy(line, "X-Pad: ", 7);
		memcpy(line + sizeof(line) - 3, "\r\n", 3);
		visitor_say(visitor, line);
	}
	visitor_say(visitor, "Content-Length: 0\r\n\r\n");
}

START_TEST(headers_without_end_are_too_large)
{
	vendor.asked = say_many_headers;
	ask_for(&one, vendor_url(&vendor, "/"), NULL);
	wait_end(&one);
	ck_assert_int_eq(one.error, QG_FETCH_TOO_LARGE);
}
END_TEST

/* ---- connections ---- */

START_TEST(a_connection_serves_one_request_after_the_other)
{
	struct qg_fetch_counts counts;
	for (int i = 0; i < 5; i++) {
		ask_for(&one, vendor_url(&vendor, "/"), "x");
		expect_end(&one, QG_FETCH_NONE, 200, "ok");
		asker_finish(&one);
	}
	ck_assert_int_eq(vendor.connections, 1);
	ck_assert_int_eq(vendor.requests, 5);
	qg_http_client_counts(client, &counts);
	ck_assert_uint_eq(counts.requests, 5);
	ck_assert_uint_eq(counts.connections, 1);
	ck_assert_uint_eq(counts.reused, 4);
	ck_assert_uint_eq(counts.failures, 0);
	ck_assert_uint_eq(counts.http2, 0);
}
END_TEST

START_TEST(a_pooled_connection_that_died_costs_nobody_an_answer)
{
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	asker_finish(&one);
	visitor_leave(vendor_last(&vendor), true);
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	ck_assert_int_eq(vendor.connections, 2);
	ck_assert_int_eq(vendor.requests, 2);
}
END_TEST

static void answer_once(struct visitor *visitor)
{
	if (visitor->requests == 1) {
		visitor_answer(visitor, "ok");
	} else {
		visitor_leave(visitor, false);
	}
}

START_TEST(a_pooled_connection_that_closes_over_a_request_is_replaced_once)
{
	vendor.asked = answer_once;
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	asker_finish(&one);
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	ck_assert_int_eq(vendor.requests, 3);
	struct qg_fetch_counts counts;
	qg_http_client_counts(client, &counts);
	ck_assert_uint_eq(counts.repeated, 1);
}
END_TEST

#define MANY 200
static struct asker many[MANY];
static bool all_ended(void *arg);

static void answer_first_ones(struct visitor *visitor)
{
	if (vendor.requests <= 4) {
		visitor_answer(visitor, "ok");
	} else {
		visitor_leave(visitor, false);
	}
}

/* However many pooled connections would take it: what costs money leaves twice at most. */
START_TEST(a_request_is_never_sent_three_times)
{
	int wanted = 4;
	vendor.asked = answer_first_ones;
	for (int i = 0; i < wanted; i++) {
		ask_for(&many[i], vendor_url(&vendor, "/"), "x");
	}
	run_until(all_ended, &wanted);
	ck_assert_int_eq(vendor.connections, 4);
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_BROKEN, 0, "");
	ck_assert_int_eq(vendor.requests, 6);
	for (int i = 0; i < wanted; i++) {
		asker_finish(&many[i]);
	}
}
END_TEST

static struct qg_timer *slow;

static uint64_t leaves_at;

static void leave_late(void *arg)
{
	if (qg_clock_mono() >= leaves_at) {
		qg_timer_stop(slow);
		visitor_leave(vendor_last(&vendor), false);
	}
}

static void answer_then_think(struct visitor *visitor)
{
	if (visitor->requests == 1) {
		visitor_answer(visitor, "ok");
	} else {
		leaves_at = qg_clock_mono() + 1050;
		qg_timer_repeat(slow, 20);
	}
}

/* A server that dies after a while over a POST has probably worked on it. */
START_TEST(a_request_that_was_worked_on_is_not_sent_twice)
{
	vendor.asked = answer_then_think;
	slow = qg_timer_create(loop, leave_late, NULL);
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	asker_finish(&one);
	ask_for(&one, vendor_url(&vendor, "/"), "x");
	expect_end(&one, QG_FETCH_BROKEN, 0, "");
	ck_assert(one.sent);
	ck_assert_int_eq(vendor.requests, 2);
	qg_timer_destroy(slow);
}
END_TEST

static bool all_ended(void *arg)
{
	int ended = 0;
	for (int i = 0; i < MANY; i++) {
		ended += many[i].ends;
	}
	return ended >= *(int *)arg;
}

START_TEST(two_hundred_at_a_time)
{
	int wanted = MANY;
	char path[32], request_line[48];
	vendor.asked = echo;
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "/item/%d", i);
		ask_for(&many[i], vendor_url(&vendor, path), "x");
	}
	run_until(all_ended, &wanted);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(many[i].error, QG_FETCH_NONE);
		snprintf(request_line, sizeof(request_line), "POST /item/%d HTTP/1.1\r\n", i);
		ck_assert_int_eq(strncmp(many[i].data, request_line, strlen(request_line)), 0);
		asker_finish(&many[i]);
	}
	ck_assert_int_eq(vendor.requests, MANY);
}
END_TEST

/* ---- */

static void setup(void)
{
	unsetenv("http_proxy");
	asker_setup();
	vendor_open(&vendor);
}

static void teardown(void)
{
	asker_finish(&one);
	asker_finish(&two);
	vendor_close(&vendor);
	asker_teardown();
}

static void add_asking(Suite *suite)
{
	TCase *tests = tcase_create("asking");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_post_says_just_what_was_asked);
	tcase_add_test(tests, every_method_is_itself);
	tcase_add_test(tests, the_answer_to_head_has_no_body);
	tcase_add_test(tests, a_large_body_arrives_whole);
	tcase_add_test(tests, a_line_break_in_a_header_goes_nowhere);
	tcase_add_loop_test(tests, only_http_addresses_are_usable, 0, 8);
	suite_add_tcase(suite, tests);
}

static void add_answers(Suite *suite)
{
	TCase *tests = tcase_create("answers");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, an_error_comes_with_its_body_and_headers);
	tcase_add_test(tests, chunks_become_plain_bytes);
	tcase_add_test(tests, interim_answers_are_none);
	tcase_add_test(tests, a_redirect_is_an_answer);
	tcase_add_test(tests, a_compressed_answer_is_left_as_it_is);
	tcase_add_loop_test(
		tests, a_connection_cut_in_the_middle_is_broken_however_whole_the_text_looks, 0, 3);
	tcase_add_loop_test(tests, no_whole_head_is_no_answer, 0, 4);
	tcase_add_test(tests, an_answer_without_length_ends_with_its_connection);
	tcase_add_test(tests, a_reset_is_broken_and_may_have_been_heard);
	tcase_add_test(tests, nobody_listens);
	tcase_add_test(tests, an_announced_length_over_the_most_is_refused_at_once);
	tcase_add_loop_test(tests, the_most_is_all_that_comes, 0, 2);
	tcase_add_test(tests, headers_without_end_are_too_large);
	suite_add_tcase(suite, tests);
}

static void add_connections(Suite *suite)
{
	TCase *tests = tcase_create("connections");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_connection_serves_one_request_after_the_other);
	tcase_add_test(tests, a_pooled_connection_that_died_costs_nobody_an_answer);
	tcase_add_test(tests, a_pooled_connection_that_closes_over_a_request_is_replaced_once);
	tcase_add_test(tests, a_request_that_was_worked_on_is_not_sent_twice);
	tcase_add_test(tests, a_request_is_never_sent_three_times);
	tcase_add_test(tests, two_hundred_at_a_time);
	suite_add_tcase(suite, tests);
}

int main(void)
{
	Suite *suite = suite_create("fetch");
	add_asking(suite);
	add_answers(suite);
	add_connections(suite);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
