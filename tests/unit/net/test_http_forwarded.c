/* test_http_forwarded.c - the limit per address behind a trusted proxy: it counts whom the proxy forwards for. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "front.h"

static void ask_for(struct peer *peer, const char *address, const char *path)
{
	char text[160];
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: %s\r\n\r\n",
		path, address);
	peer_say(peer, text);
}

/* Behind a trusted proxy an address is busy while a request of its own is. */
START_TEST(the_limit_counts_whom_a_trusted_proxy_forwards_for)
{
	static const char *const proxies[] = {"127.0.0.1"};
	limits.connections_per_address = 2;
	front_start();
	ck_assert_int_eq(qg_http_server_trust(server, proxies, 1), QG_OK);
	struct peer *one = peer_open(server), *two = peer_open(server), *three = peer_open(server);
	ask_for(one, "1.2.3.4", "/hold");
	wait_held(1);
	ask_for(two, "1.2.3.4", "/stream");
	wait_held(2);
	ask_for(three, "1.2.3.4", "/third");
	peer_wait_answers(three, 1);
	ck_assert_int_eq(peer_code(three), 429);
	/* Only that request was refused: the proxy's connection serves others. */
	ask_for(three, "5.6.7.8", "/other");
	expect(three, 2, "/other");
	ask_for(three, "nonsense", "/proxy");
	expect(three, 3, "/proxy");
	answer(0, "done");
	peer_wait_answers(one, 1);
	ask_for(three, "1.2.3.4", "/again");
	expect(three, 4, "/again");
	struct qg_http_counts counts;
	qg_http_server_counts(server, &counts);
	ck_assert_uint_eq(counts.refused_address, 1);
	peer_close(one);
	peer_close(two);
	wait_gone(1);
	peer_close(three);
}
END_TEST

/* One that left is not counted though its handler has not answered yet. */
START_TEST(who_left_behind_a_trusted_proxy_counts_no_more)
{
	static const char *const proxies[] = {"127.0.0.1"};
	limits.connections_per_address = 1;
	limits.request_ms = 50;
	watch_gone = false;
	front_start();
	ck_assert_int_eq(qg_http_server_trust(server, proxies, 1), QG_OK);
	struct peer *one = peer_open(server);
	ask_for(one, "1.2.3.4", "/hold");
	wait_held(1);
	peer_close(one);
	wait_connections(0);
	struct peer *two = peer_open(server);
	ask_for(two, "1.2.3.4", "/again");
	expect(two, 1, "/again");
	peer_close(two);
	qg_http_server_destroy(server);
	server = NULL;
	answer(0, "to nobody");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_forwarded");
	TCase *tests = tcase_create("http_forwarded");
	tcase_add_checked_fixture(tests, front_setup, front_teardown);
	tcase_add_test(tests, the_limit_counts_whom_a_trusted_proxy_forwards_for);
	tcase_add_test(tests, who_left_behind_a_trusted_proxy_counts_no_more);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
