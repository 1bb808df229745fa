/* test_fetch_way.c - the ways to a server: names that do not come, proxies of the environment. */
#include <check.h>
#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Stands before the C library's. Names under "slow." wait, and are 127.0.0.1; "missing." has none. */
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
	return real(node, service, hints, found);
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
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
