/* test_fetch_way.c - the ways to a server: names that do not come, proxies of the environment. */
#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "asker.h"
#include "qg/clock.h"

static struct vendor vendor, proxy;
static struct asker one, two;

static void cancel(struct asker *asker)
{
	qg_fetch_cancel(asker->fetch);
	asker->fetch = NULL;
}

/* ---- a resolver that waits for the test ---- */

static sem_t may_resolve;
static bool resolver_waits;
static int names_asked;

typedef int (*getaddrinfo_fn)(
	const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* Stands before the C library's. Names under "slow." wait, and are 127.0.0.1; "missing." has none;
 * "inside." is this machine, "outside." is 192.0.2.1 (of no real network), "both." is both. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **found)
{
	getaddrinfo_fn real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
	if (node && strncmp(node, "slow.", 5) == 0) {
		__atomic_add_fetch(&names_asked, 1, __ATOMIC_SEQ_CST);
		if (resolver_waits) {
			sem_wait(&may_resolve);
		}
		node = "127.0.0.1";
	} else if (node && strncmp(node, "missing.", 8) == 0) {
		return EAI_NONAME;
	}
	if (node && strncmp(node, "inside.", 7) == 0) {
		node = "127.0.0.1";
	} else if (node && strncmp(node, "outside.", 8) == 0) {
		node = "192.0.2.1";
	} else if (node && strncmp(node, "both.", 5) == 0) {
		int error = real("127.0.0.1", service, hints, found);
		return error ? error : real("192.0.2.1", service, hints, &(*found)->ai_next);
	}
	return real(node, service, hints, found);
}

static int outside_tried;

typedef int (*connect_fn)(int, const struct sockaddr *, socklen_t);

/* Before the C library's, too: nothing leaves this machine. */
int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	connect_fn real = (connect_fn)dlsym(RTLD_NEXT, "connect");
	const struct sockaddr_in *v4 = (const void *)address;
	if (address->sa_family == AF_INET && v4->sin_addr.s_addr == inet_addr("192.0.2.1")) {
		outside_tried++;
		errno = ENETUNREACH;
		return -1;
	}
	return real(fd, address, size);
}

static bool was_asked(void *arg)
{
	return __atomic_load_n(&names_asked, __ATOMIC_SEQ_CST) > 0;
}

/* ---- names ---- */

static void ask_name(struct asker *asker, const char *name, unsigned connect_ms)
{
	char url[96];
	snprintf(url, sizeof(url), "http://%s:%u/", name, vendor.port);
	struct qg_fetch_request request = {
		.method = "GET", .url = url, .connect_ms = connect_ms, .gathers = true};
	ask(asker, &request);
}

START_TEST(a_name_that_does_not_exist)
{
	ask_name(&one, "missing.test", 0);
	expect_end(&one, QG_FETCH_RESOLVE, 0, "");
	ck_assert(!one.sent);
}
END_TEST

START_TEST(a_name_that_does_not_come_is_no_connection_in_time)
{
	resolver_waits = true;
	ask_name(&one, "slow.test", 50);
	expect_end(&one, QG_FETCH_CONNECT_TIMEOUT, 0, "");
	ck_assert(!one.sent);
	sem_post(&may_resolve);
}
END_TEST

/* Nothing may wait for the thread that asks for the name: it may hang for half a minute. */
START_TEST(cancel_while_the_name_is_asked_for)
{
	resolver_waits = true;
	ask_name(&one, "slow.test", 0);
	run_until(was_asked, NULL);
	uint64_t began = qg_clock_mono();
	cancel(&one);
	ask_for(&two, vendor_url(&vendor, "/"), NULL);
	expect_end(&two, QG_FETCH_NONE, 200, "ok");
	ck_assert_uint_lt(qg_clock_mono() - began, 2000);
	ck_assert_int_eq(one.ends, 0);
	sem_post(&may_resolve);
}
END_TEST

START_TEST(the_loop_goes_on_while_a_name_is_asked_for)
{
	resolver_waits = true;
	ask_name(&one, "slow.test", 0);
	run_until(was_asked, NULL);
	ask_for(&two, vendor_url(&vendor, "/"), NULL);
	expect_end(&two, QG_FETCH_NONE, 200, "ok");
	ck_assert_int_eq(one.ends, 0);
	sem_post(&may_resolve);
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
}
END_TEST

/* ---- proxies ---- */

static void answer_as_proxy(struct visitor *visitor)
{
	visitor_answer(visitor,
		strncmp(visitor->request, "GET http://", 11) == 0 ? "by proxy" : "not by proxy");
}

START_TEST(the_proxy_of_the_environment_is_asked)
{
	char url[64];
	proxy.asked = answer_as_proxy;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", proxy.port);
	setenv("http_proxy", url, 1);
	ask_for(&one, vendor_url(&vendor, "/"), NULL);
	expect_end(&one, QG_FETCH_NONE, 200, "by proxy");
	ck_assert_int_eq(vendor.connections, 0);
}
END_TEST

static const char *const no_proxies[] = {
	"127.0.0.1", "example.com,127.0.0.1", "localhost, 127.0.0.1", "127.0.0.0/8", "*"};

START_TEST(no_proxy_is_honoured)
{
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", proxy.port);
	setenv("http_proxy", url, 1);
	setenv("no_proxy", no_proxies[_i], 1);
	ask_for(&one, vendor_url(&vendor, "/"), NULL);
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	ck_assert_int_eq(proxy.connections, 0);
	ck_assert_int_eq(vendor.connections, 1);
}
END_TEST

static void refuse_tunnel(struct visitor *visitor)
{
	ck_assert_int_eq(strncmp(visitor->request, "CONNECT ", 8), 0);
	visitor_say(visitor, "HTTP/1.1 407 No\r\nX-Test: proxy\r\nContent-Length: 2\r\n\r\nno");
}

START_TEST(a_proxy_that_refuses_is_no_connection_and_no_answer)
{
	char url[64];
	proxy.asked = refuse_tunnel;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", proxy.port);
	setenv("https_proxy", url, 1);
	ask_for(&one, "https://api.example.test/", "x");
	expect_end(&one, QG_FETCH_CONNECT, 0, "");
	ck_assert(!one.sent);
	ck_assert_str_eq(one.header, "");
}
END_TEST

/* ---- where strangers' addresses may lead ---- */

static void ask_outside(struct asker *asker, const char *url)
{
	const struct qg_fetch_request request = {
		.method = "GET", .url = url, .outside = true, .gathers = true};
	ask(asker, &request);
}

static void ask_name_outside(struct asker *asker, const char *name)
{
	char url[96];
	snprintf(url, sizeof(url), "http://%s:%u/", name, vendor.port);
	ask_outside(asker, url);
}

START_TEST(a_name_that_leads_inside_gets_no_connection)
{
	ask_name_outside(&one, "inside.test");
	expect_end(&one, QG_FETCH_INSIDE, 0, "");
	ck_assert(!one.sent);
	ask_name(&two, "inside.test", 0); /* who does not ask for the outside gets there */
	expect_end(&two, QG_FETCH_NONE, 200, "ok");
	ck_assert_int_eq(vendor.connections, 1);
}
END_TEST

START_TEST(a_connection_that_another_made_inside_is_not_used)
{
	ask_name(&one, "inside.test", 0);
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	ask_name_outside(&two, "inside.test");
	expect_end(&two, QG_FETCH_INSIDE, 0, "");
	ck_assert(!two.sent);
	ck_assert_int_eq(vendor.requests, 1);
}
END_TEST

START_TEST(a_name_that_leads_outside_is_connected_to)
{
	ask_name_outside(&one, "outside.test");
	expect_end(&one, QG_FETCH_CONNECT, 0, "");
	ck_assert_int_ge(outside_tried, 1);
}
END_TEST

START_TEST(of_a_names_addresses_only_those_outside_are_tried)
{
	ask_name_outside(&one, "both.test");
	expect_end(&one, QG_FETCH_INSIDE, 0, "");
	ck_assert_int_ge(outside_tried, 1);
	ck_assert_int_eq(vendor.connections, 0);
	ask_name(&two, "both.test", 0);
	expect_end(&two, QG_FETCH_NONE, 200, "ok");
}
END_TEST

static const char *const inside[] = {"127.0.0.1", "127.1", "0x7f.0.0.1", "2130706433", "0",
	"localhost", "LOCALHOST.", "a.localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]",
	"[::127.0.0.1]", "[fe80::1%25lo]", "[fd00::1]", "[ff02::1]", "[64:ff9b::10.0.0.1]",
	"[2002:7f00:1::1]", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1",
	"169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "intranet",
	"printer.local", "metadata.google.internal."};
#define INSIDE_COUNT ((int)(sizeof(inside) / sizeof(*inside)))

START_TEST(what_says_that_it_leads_inside_goes_nowhere)
{
	ask_name_outside(&one, inside[_i]);
	expect_end(&one, QG_FETCH_INSIDE, 0, "");
	ck_assert_int_eq(vendor.connections, 0);
}
END_TEST

static void name_proxy(void)
{
	char url[64];
	proxy.asked = answer_as_proxy;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", proxy.port);
	setenv("http_proxy", url, 1);
}

START_TEST(not_by_a_proxy_either)
{
	name_proxy();
	ask_name_outside(&one, inside[_i]);
	expect_end(&one, QG_FETCH_INSIDE, 0, "");
	ck_assert_int_eq(proxy.connections, 0);
}
END_TEST

static const char *const outside[] = {"93.184.216.34", "172.32.0.1", "100.128.0.1", "11.0.0.1",
	"[2606:2800:220:1::1]", "[64:ff9b::93.184.216.34]", "h.example", "outside.test.",
	"mylocalhost.example", "missing.test"};
#define OUTSIDE_COUNT ((int)(sizeof(outside) / sizeof(*outside)))

START_TEST(a_proxy_may_lie_inside)
{
	name_proxy();
	ask_name_outside(&one, outside[_i]);
	expect_end(&one, QG_FETCH_NONE, 200, "by proxy");
}
END_TEST

START_TEST(past_a_proxy_the_address_counts)
{
	name_proxy();
	setenv("no_proxy", "test", 1);
	ask_name_outside(&one, "inside.test");
	expect_end(&one, QG_FETCH_INSIDE, 0, "");
	ask_name_outside(&two, "outside.test");
	expect_end(&two, QG_FETCH_CONNECT, 0, "");
	ck_assert_int_eq(vendor.connections + proxy.connections, 0);
}
END_TEST

/* ---- */

static void clear_proxies(void)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
		"ALL_PROXY", "no_proxy", "NO_PROXY"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		unsetenv(names[i]);
	}
}

static void setup(void)
{
	clear_proxies();
	sem_init(&may_resolve, 0, 0);
	asker_setup();
	vendor_open(&vendor);
	vendor_open(&proxy);
}

static void teardown(void)
{
	asker_finish(&one);
	asker_finish(&two);
	vendor_close(&vendor);
	vendor_close(&proxy);
	asker_teardown();
}

int main(void)
{
	Suite *suite = suite_create("fetch_way");
	TCase *tests = tcase_create("fetch_way");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_name_that_does_not_exist);
	tcase_add_test(tests, a_name_that_does_not_come_is_no_connection_in_time);
	tcase_add_test(tests, cancel_while_the_name_is_asked_for);
	tcase_add_test(tests, the_loop_goes_on_while_a_name_is_asked_for);
	tcase_add_test(tests, the_proxy_of_the_environment_is_asked);
	tcase_add_loop_test(tests, no_proxy_is_honoured, 0, 5);
	tcase_add_test(tests, a_proxy_that_refuses_is_no_connection_and_no_answer);
	tcase_add_test(tests, a_name_that_leads_inside_gets_no_connection);
	tcase_add_test(tests, a_connection_that_another_made_inside_is_not_used);
	tcase_add_test(tests, a_name_that_leads_outside_is_connected_to);
	tcase_add_test(tests, of_a_names_addresses_only_those_outside_are_tried);
	tcase_add_loop_test(tests, what_says_that_it_leads_inside_goes_nowhere, 0, INSIDE_COUNT);
	tcase_add_loop_test(tests, not_by_a_proxy_either, 0, INSIDE_COUNT);
	tcase_add_loop_test(tests, a_proxy_may_lie_inside, 0, OUTSIDE_COUNT);
	tcase_add_test(tests, past_a_proxy_the_address_counts);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
