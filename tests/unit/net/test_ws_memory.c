/* test_ws_memory.c - websocket links with each of our allocations failing in turn. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "support/malloc.h"

static struct station station;
static struct caller one;

static void on_opened(void *arg, struct qg_ws *ws)
{
}

static void on_message(void *arg, struct qg_ws *ws, const char *data, size_t size, bool binary)
{
}

static int ends;

static void on_ended(void *arg, struct qg_ws *ws, const struct qg_ws_end *end)
{
	ends++;
}

static const struct qg_ws_host host = {on_opened, on_message, on_ended};

/* Not given to the library yet: that begins when the loop runs. */
static bool open_one(void *arg)
{
	static const char *const headers[] = {"A: 1", "B: 2", NULL};
	static const struct qg_ws_request request = {
		.url = "wss://[::1]:99/path?ticket=1", .headers = headers};
	struct qg_ws_client *made = qg_ws_client_create(loop);
	struct qg_ws *ws = made ? qg_ws_open(made, &request, &host, NULL) : NULL;
	bool opened = ws != NULL;
	qg_ws_cancel(ws);
	qg_ws_client_destroy(made);
	return opened;
}

START_TEST(a_link)
{
	ck_assert(open_one(NULL));
	ck_assert_int_ge(qg_test_each_malloc(open_one, NULL), 10);
}
END_TEST

START_TEST(a_message_out)
{
	call_station(&one, &station);
	qg_test_fail_malloc(1);
	enum qg_status status = qg_ws_send(one.ws, "lost", 4, false);
	qg_test_fail_malloc(0);
	ck_assert_int_eq(status, QG_NO_MEMORY);
	caller_say(&one, "kept");
	wait_messages(&one, 1);
	ck_assert_str_eq(one.data, "kept");
}
END_TEST

/* Whichever allocation failed, the link is not made, or ends, or comes about; and its place is free again. */
START_TEST(links_one_after_the_other)
{
	for (long nth = 1; nth <= 40; nth++) {
		const char *url = station_url(&station, "/");
		struct qg_ws_request request = {.url = url};
		ends = 0;
		qg_test_fail_malloc(nth);
		struct qg_ws *ws = qg_ws_open(client, &request, &host, NULL);
		qg_test_fail_malloc(0);
		run_turns(5);
		qg_ws_cancel(ends == 0 ? ws : NULL);
	}
	ck_assert_uint_eq(counts_now().handshakes, 0);
	ck_assert_uint_eq(counts_now().open, 0);
}
END_TEST

static void setup(void)
{
	caller_setup();
	station_open(&station);
}

static void teardown(void)
{
	caller_finish(&one);
	station_close(&station);
	caller_teardown();
}

int main(void)
{
	if (!qg_test_malloc_works()) {
		return 77;
	}
	Suite *suite = suite_create("ws_memory");
	TCase *tests = tcase_create("ws_memory");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_link);
	tcase_add_test(tests, a_message_out);
	tcase_add_test(tests, links_one_after_the_other);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
