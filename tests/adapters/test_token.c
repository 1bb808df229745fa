/* test_token.c - access tokens: one fetch for all who ask, renewed in time, kept when renewing fails, and no storm of
 * logins after a failure. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "qg/clock.h"
#include "qg/http.h"
#include "qg/str.h"
#include "token.h"

#define MINUTE ((uint64_t)60 * 1000)

static struct qg_loop *loop;
static struct qg_http_client *client;
static struct qg_http_server *server;
static unsigned fetches;
static const char *life; /* seconds; NULL: the platform fails */
static struct qg_token *token;

static void answer(void *arg, struct qg_http_exchange *x)
{
	char body[64];
	fetches++;
	snprintf(body, sizeof(body), "t-%u %s", fetches, life ? life : "");
	qg_http_answer(x, life ? 200 : 500, "text/plain", body, strlen(body));
}

/* "token seconds" */
static enum qg_status read_answer(
	const struct qg_fetch_end *end, char **token_out, int64_t *seconds_out, char *words)
{
	const char *blank = strchr(end->body, ' ');
	if (end->status != 200 || !blank || !qg_str_to_int64(blank + 1, 0, 100000, seconds_out)) {
		snprintf(words, 128, "HTTP %d", end->status);
		return QG_IO;
	}
	*token_out = qg_str_copy_n(end->body, (size_t)(blank - end->body));
	return QG_OK;
}

static struct qg_token *join(const char *key)
{
	char url[128];
	snprintf(url, sizeof(url), "http://%s/token", qg_http_server_address(server));
	struct qg_token_account account = {
		.key = key, .method = "POST", .url = url, .body = "{}", .read = read_answer};
	struct qg_token *joined = qg_token_join(loop, client, &account);
	ck_assert_ptr_nonnull(joined);
	return joined;
}

static void setup(void)
{
	loop = qg_loop_create(1);
	client = qg_http_client_create(loop);
	server = fake_host_serve(loop, 0, answer, NULL);
	ck_assert(loop && client && server);
	life = "7200";
	token = join("one");
}

static void teardown(void)
{
	qg_clock_fix(-1, 0);
	qg_token_leave(token);
	qg_http_client_destroy(client);
	qg_http_server_destroy(server);
	qg_loop_destroy(loop);
}

struct asker {
	struct qg_token_ask ask;
	unsigned told;
	enum qg_status status;
	char words[128];
};

static void told(void *arg, enum qg_status status, const char *words)
{
	struct asker *asker = arg;
	asker->told++;
	asker->status = status;
	snprintf(asker->words, sizeof(asker->words), "%s", words);
}

static void ask(struct asker *asker)
{
	asker->ask.told = told;
	asker->ask.arg = asker;
	qg_token_wait(token, &asker->ask);
}

static bool was_told(void *arg)
{
	return ((struct asker *)arg)->told > 0;
}

static enum qg_status wait_token(void)
{
	struct asker asker = {0};
	ask(&asker);
	ck_assert_uint_eq(asker.told, 0);
	fake_host_wait(loop, was_told, &asker);
	ck_assert_uint_eq(asker.told, 1);
	return asker.status;
}

START_TEST(test_single_flight)
{
	struct asker askers[20] = {{{{0}}}};
	ck_assert_ptr_null(qg_token_now(token));
	for (size_t i = 0; i < 20; i++) {
		ask(&askers[i]);
	}
	qg_token_unwait(&askers[7].ask);
	fake_host_wait(loop, was_told, &askers[19]);
	for (size_t i = 0; i < 20; i++) {
		ck_assert_uint_eq(askers[i].told, i != 7);
		ck_assert_int_eq(askers[i].status, QG_OK);
	}
	ck_assert_uint_eq(fetches, 1);
	ck_assert_str_eq(qg_token_now(token), "t-1");
	ck_assert_int_eq(wait_token(), QG_OK);
	ck_assert_uint_eq(fetches, 1);
}
END_TEST

START_TEST(test_shared_by_key)
{
	struct qg_token *same = join("one");
	struct qg_token *other = join("two");
	ck_assert_ptr_eq(same, token);
	ck_assert_ptr_ne(other, token);
	qg_token_leave(same);
	qg_token_leave(other);
	ck_assert_int_eq(wait_token(), QG_OK);
}
END_TEST

static bool has_second(void *arg)
{
	const char *now = qg_token_now(token);
	return now && strcmp(now, "t-2") == 0;
}

static bool has_fetched_twice(void *arg)
{
	return fetches >= 2;
}

/* Renewed beside its use; an old one works on when that fails, until its own end. */
START_TEST(test_renewed)
{
	uint64_t start = 1000 * MINUTE;
	qg_clock_fix(1, start);
	ck_assert_int_eq(wait_token(), QG_OK);
	qg_clock_fix(1, start + 109 * MINUTE);
	ck_assert_str_eq(qg_token_now(token), "t-1");
	ck_assert_uint_eq(fetches, 1);
	life = NULL;
	qg_clock_fix(1, start + 111 * MINUTE);
	ck_assert_str_eq(qg_token_now(token), "t-1"); /* begins a renewal, which fails */
	qg_clock_fix(-1, 0);
	fake_host_wait(loop, has_fetched_twice, NULL);
	qg_clock_fix(1, start + 112 * MINUTE);
	ck_assert_str_eq(qg_token_now(token), "t-1");
}
END_TEST

START_TEST(test_renewal_replaces)
{
	uint64_t start = 1000 * MINUTE;
	life = "600"; /* a short one is renewed in its last quarter */
	qg_clock_fix(1, start);
	ck_assert_int_eq(wait_token(), QG_OK);
	qg_clock_fix(1, start + 7 * MINUTE);
	ck_assert_str_eq(qg_token_now(token), "t-1");
	ck_assert_uint_eq(fetches, 1);
	qg_clock_fix(1, start + 8 * MINUTE);
	life = "7200";
	ck_assert_str_eq(qg_token_now(token), "t-1");
	fake_host_wait(loop, has_second, NULL);
	ck_assert_uint_eq(fetches, 2);
}
END_TEST

START_TEST(test_refused)
{
	ck_assert_int_eq(wait_token(), QG_OK);
	qg_token_refuse(token, "t-0"); /* another one: meanwhile replaced */
	ck_assert_str_eq(qg_token_now(token), "t-1");
	qg_token_refuse(token, "t-1");
	ck_assert_ptr_null(qg_token_now(token));
	ck_assert_int_eq(wait_token(), QG_OK);
	ck_assert_str_eq(qg_token_now(token), "t-2");
}
END_TEST

/* After a failure who asks at once hears of it, without another fetch. */
START_TEST(test_failure_is_calm)
{
	life = NULL;
	struct asker first = {{{0}}};
	ask(&first);
	fake_host_wait(loop, was_told, &first);
	ck_assert_int_eq(first.status, QG_IO);
	ck_assert_str_eq(first.words, "HTTP 500");
	struct asker more[50] = {{{{0}}}};
	for (size_t i = 0; i < 50; i++) {
		ask(&more[i]);
	}
	fake_host_wait(loop, was_told, &more[49]);
	ck_assert_uint_le(fetches, 2);
	ck_assert_int_eq(more[0].status, QG_IO);
}
END_TEST

START_TEST(test_nonsense)
{
	static const char *const lives[] = {"0", "x", ""};
	for (size_t i = 0; i < 3; i++) {
		life = lives[i];
		ck_assert_int_eq(wait_token(), QG_IO);
		ck_assert_ptr_null(qg_token_now(token));
	}
}
END_TEST

/* Left with a fetch under way and somebody waiting: nothing is called any more. */
START_TEST(test_leave_under_way)
{
	struct asker asker = {{{0}}};
	ask(&asker);
	qg_token_leave(token);
	token = NULL;
	ck_assert_uint_eq(asker.told, 0);
	qg_token_unwait(&asker.ask);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("token");
	TCase *tests = tcase_create("token");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_single_flight);
	tcase_add_test(tests, test_shared_by_key);
	tcase_add_test(tests, test_renewed);
	tcase_add_test(tests, test_renewal_replaces);
	tcase_add_test(tests, test_refused);
	tcase_add_test(tests, test_failure_is_calm);
	tcase_add_test(tests, test_nonsense);
	tcase_add_test(tests, test_leave_under_way);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
