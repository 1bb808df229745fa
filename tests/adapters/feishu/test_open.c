/* test_open.c - asking where to connect: the request, which addresses are used, and what each refusal means, of the call and
 * of the upgrade. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socket.h"

#include "qg/json.h"

static void setup(void)
{
	sock_open("");
}

static void teardown(void)
{
	sock_close();
}

/* ---- where to connect ---- */

START_TEST(test_request)
{
	sock_up();
	ck_assert_str_eq(sock.method, "POST");
	ck_assert_str_eq(sock.locale, "zh");
	ck_assert_str_eq(sock.body, "{\"AppID\":\"" APP "\",\"AppSecret\":\"" SECRET "\"}");
	ck_assert_str_eq(peer.lines[0].url,
		"wss://stream.example/ws/v2?fpid=493&aid=552564&device_id=d1&access_key=k&service_"
		"id=33554678&ticket=t-1");
	ck_assert(peer.lines[0].request.no_pings);
	ck_assert_uint_ge(peer.lines[0].request.most, (size_t)1 << 20);
}
END_TEST

static const struct {
	const char *url;
	bool plain, good;
} addresses[] = {
	{"wss://h/ws/v2?a=1", false, true},
	{"wss://h/ws/v2?a=1", true, true},
	{"ws://127.0.0.1:9/ws", false, false},
	{"ws://127.0.0.1:9/ws", true, true},
	{"https://h/", true, false},
	{"wss://h/a b", false, false},
	{"wss://h/a#b", false, false},
	{"wss://h/\r\nX: 1", false, false},
	{"", true, false},
	{NULL, true, false},
};

START_TEST(test_addresses)
{
	ck_assert(feishu_open_is_address(addresses[_i].url, addresses[_i].plain) ==
		  addresses[_i].good);
}
END_TEST

static const char *const useless[] = {"<html>hello</html>", "{}", "[]", "", "{\"code\":0}",
	"{\"code\":0,\"data\":{\"URL\":7}}", "{\"code\":0,\"data\":{\"URL\":\"https://h/\"}}",
	"{\"data\":{\"URL\":\"wss://h/ws\"}}",
	"{\"code\":\"0\",\"data\":{\"URL\":\"wss://h/ws\"}}"};

START_TEST(test_useless_answers)
{
	sock_start();
	for (unsigned i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
		sock.answer = useless[i];
		sock_pass(i == 0 ? 0 : sock_wait_ms());
		sock_wait_opens(i + 1);
		ck_assert_uint_eq(peer.line_count, 0);
		ck_assert_uint_le(sock_wait_ms(), 120000);
		ck_assert_ptr_null(sock_link()->up.told);
	}
	sock.answer = NULL;
	sock_come_back();
}
END_TEST

/* ---- what the platform says instead ---- */

static void check_action(const char *id, const char *action)
{
	const struct qg_uplink *up = &sock_link()->up;
	bool is_stop = strcmp(action, "stop") == 0, is_retry = strcmp(action, "retry") == 0;
	if (is_retry) {
		ck_assert_msg(
			sock_wait_ms() <= 5000, "%s: %llu", id, (unsigned long long)sock_wait_ms());
		ck_assert_msg(up->told == NULL, "%s: %s", id, up->told);
	} else {
		ck_assert_msg(sock_wait_ms() >= (is_stop ? 600000u : 60000u), "%s", id);
		ck_assert_msg(sock_wait_ms() <= 900000, "%s", id); /* but never given up */
	}
	/* the console's page, and what is to be done in Chinese first */
	ck_assert_msg(!is_stop || strstr(up->told, "开发者后台"), "%s", id);
}

START_TEST(test_endpoint_codes)
{
	json_t *root = world_vectors("ws-reconnect");
	size_t index, seen = 0;
	json_t *vector;
	char answer[128];
	json_array_foreach (json_object_get(root, "vectors"), index, vector) {
		const char *id = qg_json_str(vector, "id", "");
		const char *code = strstr(id, "endpoint-code-");
		if (!code) {
			continue;
		}
		snprintf(answer, sizeof(answer), "{\"code\":%ld,\"msg\":\"%s\"}",
			strtol(code + strlen("endpoint-code-"), NULL, 10), SECRET);
		if (seen++ > 0) {
			sock_close();
			sock_open("");
		}
		sock.answer = answer;
		sock_start();
		sock_wait_opens(1);
		check_action(id, qg_json_str(json_object_get(vector, "required"), "action", ""));
		sock_settle();
		ck_assert_int_eq(sock.host->link, QG_LINK_DOWN);
	}
	ck_assert_uint_ge(seen, 7);
	json_decref(root);
}
END_TEST

static const struct {
	int status;
	const char *answer, *action;
} failures[] = {
	{500, "{\"code\":0}", "retry"},
	{404, "404 page not found", "retry"},
	{200, "not json", "retry"},
	{200, "{\"code\":514}", "stop"}, /* no data */
	{400, "{\"code\":403,\"msg\":\"forbidden\"}", "stop"},
	{200, "{\"code\":1000040344}", "stop"},
};

START_TEST(test_endpoint_failures)
{
	sock.status = failures[_i].status;
	sock.answer = failures[_i].answer;
	sock_start();
	sock_wait_opens(1);
	check_action(sock.answer, failures[_i].action);
}
END_TEST

/* What was put right in the console works without a restart; it is said once. */
START_TEST(test_put_right)
{
	sock.answer = "{\"code\":514,\"msg\":\"auth failed\"}";
	sock_start();
	sock_wait_opens(1);
	const char *told = sock_link()->up.told;
	sock_pass(sock_wait_ms());
	sock_wait_opens(2);
	ck_assert_ptr_eq(sock_link()->up.told, told);
	ck_assert_uint_ge(sock_wait_ms(), 600000);
	sock.answer = NULL;
	sock_come_back();
	ck_assert_int_eq(sock.host->link, QG_LINK_UP);
	ck_assert_ptr_null(sock_link()->up.told);
}
END_TEST

START_TEST(test_handshakes)
{
	static const char *const names[] = {
		"Handshake-Status", "Handshake-Msg", "Handshake-Autherrcode"};
	json_t *root = world_vectors("ws-reconnect");
	size_t index, seen = 0;
	json_t *vector;
	json_array_foreach (json_object_get(root, "vectors"), index, vector) {
		const char *id = qg_json_str(vector, "id", "");
		const json_t *required = json_object_get(vector, "required");
		const json_t *refused = json_object_get(required, "refused_with");
		if (!refused) {
			continue;
		}
		if (seen++ > 0) {
			sock_close();
			sock_open("");
		}
		for (size_t i = 0; i < 3; i++) {
			peer.found[i] =
				qg_json_str(json_object_get(refused, "headers"), names[i], NULL);
		}
		sock_start();
		sock_wait_lines(1);
		peer_end(0, (int)qg_json_int(refused, "status", 0));
		check_action(id, qg_json_str(required, "action", ""));
	}
	ck_assert_uint_eq(seen, 4);
	json_decref(root);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu open");
	TCase *tests = tcase_create("open");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_request);
	tcase_add_loop_test(
		tests, test_addresses, 0, (int)(sizeof(addresses) / sizeof(addresses[0])));
	tcase_add_test(tests, test_useless_answers);
	tcase_add_test(tests, test_endpoint_codes);
	tcase_add_loop_test(
		tests, test_endpoint_failures, 0, (int)(sizeof(failures) / sizeof(failures[0])));
	tcase_add_test(tests, test_put_right);
	tcase_add_test(tests, test_handshakes);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
