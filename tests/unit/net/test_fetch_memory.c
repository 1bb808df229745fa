/* test_fetch_memory.c - the HTTP client with each allocation failing in turn, its libraries' included. */
#include <check.h>
#include <stdlib.h>

#include "peer.h"
#include "qg/fetch.h"
#include "support/malloc.h"

static const struct qg_fetch_request post = {
	.method = "POST", .url = "https://127.0.0.1:9/v1", .body = "question", .body_size = 8};

static const struct qg_fetch_request outside = {
	.method = "GET", .url = "https://files.example/x", .outside = true};

static bool make_client(void *arg)
{
	struct qg_http_client *made = qg_http_client_create(loop);
	qg_http_client_destroy(made);
	return made != NULL;
}

static void on_data(void *arg, struct qg_fetch *fetch, const char *data, size_t size)
{
}

static int ends;

static void on_ended(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *end)
{
	ends++;
}

static const struct qg_fetch_host host = {on_data, on_ended};

/* The client lives for the round too, so that what its tables grew by is not taken for a leak. */
static bool start(const struct qg_fetch_request *request)
{
	struct qg_http_client *made = qg_http_client_create(loop);
	struct qg_fetch *fetch = made ? qg_fetch_start(made, request, &host, NULL) : NULL;
	bool started = fetch != NULL;
	qg_fetch_cancel(fetch);
	qg_http_client_destroy(made);
	return started;
}

static bool start_one(void *arg)
{
	return start(&post);
}

static bool start_outside(void *arg)
{
	return start(&outside);
}

/* Every allocation of body fails once; how many there were. */
static long fail_each(bool (*body)(void *arg))
{
	for (long nth = 1;; nth++) {
		qg_test_fail_malloc(nth);
		bool worked = body(NULL);
		bool was_hit = qg_test_malloc_failed();
		qg_test_fail_malloc(0);
		if (!was_hit) {
			ck_assert(worked);
			return nth - 1;
		}
	}
}

/* OpenSSL keeps a queue of its latest errors, and each failure may leave a word there: so a whole round is compared
 * with the round before, not one failure with the next. */
static void expect_no_leak(bool (*body)(void *arg), long at_least)
{
	ck_assert_int_ge(fail_each(body), at_least);
	fail_each(body);
	long before = qg_test_malloc_live();
	fail_each(body);
	ck_assert_int_eq(qg_test_malloc_live(), before);
}

START_TEST(the_client)
{
	expect_no_leak(make_client, 10);
}
END_TEST

START_TEST(a_fetch)
{
	expect_no_leak(start_one, 40);
	ck_assert_int_eq(ends, 0);
}
END_TEST

START_TEST(a_fetch_from_outside)
{
	setenv("https_proxy", "http://127.0.0.1:9", 1);
	setenv("no_proxy", "other.example", 1);
	expect_no_leak(start_outside, 40);
	ck_assert_int_eq(ends, 0);
}
END_TEST

/* Lives beside those of the test: what the libraries keep for good they have from it. */
static struct qg_http_client *kept;

static void setup(void)
{
	/* A whole bundle would be a hundred thousand allocations, all of them OpenSSL's. */
	unsetenv("SSL_CERT_FILE");
	peer_setup();
	kept = qg_http_client_create(loop);
	ck_assert(make_client(NULL) && start_one(NULL));
}

static void teardown(void)
{
	qg_http_client_destroy(kept);
	peer_teardown();
}

int main(void)
{
	if (!qg_test_malloc_works()) {
		return 77;
	}
	Suite *suite = suite_create("fetch_memory");
	TCase *tests = tcase_create("fetch_memory");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, the_client);
	tcase_add_test(tests, a_fetch);
	tcase_add_test(tests, a_fetch_from_outside);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
