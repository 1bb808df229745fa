/* test_http_request.c - the parser without sockets: memory that fails, reuse, networks of trusted
 * proxies. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "http_internal.h"
#include "support/malloc.h"

static const char chunked_post[] =
	"POST /hook/a?b=c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";

static bool feed_whole(void *arg)
{
	struct http_request request;
	size_t used;
	http_request_init(&request, 16384, 1 << 20);
	enum http_step step =
		http_request_feed(&request, chunked_post, sizeof(chunked_post) - 1, &used);
	bool done = step == HTTP_DONE && used == sizeof(chunked_post) - 1 &&
		    strcmp(request.body.data, "abcde") == 0;
	*(bool *)arg = *(bool *)arg && (done || (step == HTTP_BAD && request.error_code == 503));
	http_request_finish(&request);
	return done;
}

START_TEST(a_request_survives_failing_memory)
{
	bool refused_well = true;
	if (qg_test_malloc_works()) {
		ck_assert_int_ge(qg_test_each_malloc(feed_whole, &refused_well), 2);
		ck_assert(refused_well);
	}
}
END_TEST

static bool make_addresses(void *arg)
{
	/* Nothing of Check in here: its own allocations would count. */
	struct in6_addr ip = IN6ADDR_LOOPBACK_INIT;
	struct http_addresses *addresses = http_addresses_create();
	struct http_address *address = addresses ? http_addresses_get(addresses, &ip) : NULL;
	bool made = address != NULL;
	http_addresses_put(address);
	http_addresses_destroy(addresses);
	return made;
}

START_TEST(addresses_survive_failing_memory)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_ge(qg_test_each_malloc(make_addresses, NULL), 2);
	}
}
END_TEST

START_TEST(a_reset_forgets_all_but_the_limits)
{
	struct http_request request;
	size_t used;
	http_request_init(&request, 500, 100);
	ck_assert_int_eq(http_request_feed(&request, chunked_post, sizeof(chunked_post) - 1, &used),
		HTTP_DONE);
	http_request_reset(&request);
	ck_assert(!http_request_has_begun(&request));
	ck_assert_ptr_null(http_request_next(&request, "Host", NULL));
	static const char get[] = "GET / HTTP/1.1\r\nHost: b\r\n\r\nGET";
	ck_assert_int_eq(http_request_feed(&request, get, sizeof(get) - 1, &used), HTTP_DONE);
	ck_assert_uint_eq(used, sizeof(get) - 1 - 3);
	ck_assert_uint_eq(request.body.size, 0);
	ck_assert_str_eq(request.head.data + request.path, "/");
	http_request_reset(&request);
	char large[600];
	memset(large, 'a', sizeof(large));
	ck_assert_int_eq(http_request_feed(&request, large, sizeof(large), &used), HTTP_BAD);
	ck_assert_int_eq(request.error_code, 414);
	http_request_finish(&request);
	http_request_finish(&request);
}
END_TEST

START_TEST(spare_requests_keep_little_memory)
{
	struct http_request request;
	size_t used;
	http_request_init(&request, 16384, 1 << 20);
	static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
	ck_assert_int_eq(http_request_feed(&request, head, sizeof(head) - 1, &used), HTTP_MORE);
	char *body = calloc(1, 1000000);
	ck_assert_ptr_nonnull(body);
	ck_assert_int_eq(http_request_feed(&request, body, 1000000, &used), HTTP_DONE);
	http_request_reset(&request);
	ck_assert_uint_le(request.body.capacity, 16384);
	free(body);
	http_request_finish(&request);
}
END_TEST

static bool is_in(const char *network_text, const char *ip_text)
{
	struct http_network network;
	struct in6_addr ip;
	ck_assert(http_network_parse(network_text, &network));
	ck_assert(http_ip_parse(ip_text, &ip));
	return http_network_has(&network, 1, &ip);
}

START_TEST(networks_hold_what_they_say)
{
	ck_assert(is_in("10.0.0.1", "10.0.0.1"));
	ck_assert(!is_in("10.0.0.1", "10.0.0.2"));
	ck_assert(is_in("10.0.0.0/9", "10.127.255.255"));
	ck_assert(!is_in("10.0.0.0/9", "10.128.0.0"));
	ck_assert(is_in("0.0.0.0/0", "255.1.2.3"));
	ck_assert(!is_in("0.0.0.0/0", "2001:db8::1"));
	ck_assert(is_in("2001:db8::/33", "2001:db8:7fff::1"));
	ck_assert(!is_in("2001:db8::/33", "2001:db8:8000::1"));
	ck_assert(is_in("::/0", "10.0.0.1"));
	ck_assert(is_in("10.0.0.1", "::ffff:10.0.0.1"));
	struct http_network network;
	static const char *const bad[] = {"", "/8", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1",
		"10.0.0.1/8x", "::1/129", "10.0.0", "example.org",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!http_network_parse(bad[i], &network), "%s", bad[i]);
	}
}
END_TEST

START_TEST(addresses_are_counted_as_one_has_them)
{
	struct http_addresses *addresses = http_addresses_create();
	ck_assert_ptr_nonnull(addresses);
	struct in6_addr a, b, c, v4, other;
	ck_assert(http_ip_parse("2001:db8:0:1::1", &a) &&
		  http_ip_parse("2001:db8:0:1:ffff::2", &b) &&
		  http_ip_parse("2001:db8:0:2::1", &c) && http_ip_parse("10.0.0.1", &v4) &&
		  http_ip_parse("10.0.0.2", &other));
	struct http_address *first = http_addresses_get(addresses, &a);
	first->connections = 1;
	ck_assert_ptr_eq(http_addresses_get(addresses, &b), first); /* one /64 */
	struct http_address *second = http_addresses_get(addresses, &c);
	ck_assert_ptr_ne(second, first);
	second->connections = 1;
	struct http_address *third = http_addresses_get(addresses, &v4);
	third->connections = 1;
	ck_assert_ptr_ne(http_addresses_get(addresses, &other), third);
	http_addresses_put(first);
	ck_assert_ptr_eq(http_addresses_get(addresses, &a), first);
	http_addresses_put(NULL);
	http_addresses_destroy(addresses);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_request");
	TCase *tcase = tcase_create("http_request");
	tcase_add_test(tcase, a_request_survives_failing_memory);
	tcase_add_test(tcase, addresses_survive_failing_memory);
	tcase_add_test(tcase, a_reset_forgets_all_but_the_limits);
	tcase_add_test(tcase, spare_requests_keep_little_memory);
	tcase_add_test(tcase, networks_hold_what_they_say);
	tcase_add_test(tcase, addresses_are_counted_as_one_has_them);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
