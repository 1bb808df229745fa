/* test_ws_way.c - the ways to a websocket server: names, addresses, refusals, silence, TLS. */
#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "qg/clock.h"

static struct station station;
static struct caller one, two;

static void call_within(struct caller *caller, const char *url, unsigned connect_ms)
{
	struct qg_ws_request request = {.url = url, .connect_ms = connect_ms};
	call(caller, &request);
}

/* ---- a resolver that waits for the test ---- */

static sem_t may_resolve;
static bool resolver_waits;
static int names_asked;

typedef int (*getaddrinfo_fn)(
	const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* 127.0.0.2, where nobody listens, before 127.0.0.1, where the station does. */
static int find_two(const struct addrinfo *hints, struct addrinfo **found)
{
	getaddrinfo_fn real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo *second;
	int code = real("127.0.0.2", NULL, hints, found);
	if (code == 0 && real("127.0.0.1", NULL, hints, &second) == 0) {
		(*found)->ai_next = second;
	}
	return code;
}

/* Stands before the C library's. Names under "slow." wait, and are 127.0.0.1; "missing." has none; "two." has two. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **found)
{
	getaddrinfo_fn real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
	struct in_addr address;
	if (node && inet_pton(AF_INET, node, &address) != 1) {
		__atomic_add_fetch(&names_asked, 1, __ATOMIC_SEQ_CST);
	}
	if (node && strncmp(node, "slow.", 5) == 0) {
		if (resolver_waits) {
			sem_wait(&may_resolve);
		}
		node = "127.0.0.1";
	} else if (node && strncmp(node, "missing.", 8) == 0) {
		return EAI_NONAME;
	} else if (node && strncmp(node, "two.", 4) == 0) {
		return find_two(hints, found);
	}
	return real(node, service, hints, found);
}

/* The pool does not wake the loop for it. */
static void wait_asked(void)
{
	while (__atomic_load_n(&names_asked, __ATOMIC_SEQ_CST) == 0) {
		run_turns(1);
	}
}

static const char *url_of(const char *name)
{
	static char urls[4][128];
	static int turn;
	char *url = urls[turn++ % 4];
	snprintf(url, sizeof(urls[0]), "%s://%s:%u/", station.vendor.tls ? "wss" : "ws", name,
		station.vendor.port);
	return url;
}

/* ---- addresses and names ---- */

static const char *const bad_urls[] = {"", "ws://", "http://127.0.0.1/", "ws://a b/",
	"ws://127.0.0.1/\r\nX: y", "ws://me:secret@127.0.0.1/", "127.0.0.1:1", "ws://+socket/",
	"ws://127.0.0.1:0/"};

START_TEST(an_address_that_cannot_be_used)
{
	call_url(&one, bad_urls[_i]);
	expect_end(&one, false, 0, 0, "not a usable address");
	ck_assert_uint_eq(counts_now().failed, 1);
	ck_assert_uint_eq(counts_now().handshakes, 0);
}
END_TEST

START_TEST(a_path_or_a_name_too_long_for_the_library)
{
	char url[4096];
	snprintf(url, sizeof(url), "ws://127.0.0.1:%u/%02100d", station.vendor.port, 1);
	call_url(&one, url);
	expect_end(&one, false, 0, 0, "not a usable address");
	snprintf(url, sizeof(url), "ws://%0120d.test/", 1);
	call_url(&two, url);
	expect_end(&two, false, 0, 0, "not a usable address");
}
END_TEST

START_TEST(a_long_path_and_long_headers_arrive)
{
	char path[2001], header[2001];
	const char *const headers[] = {header, NULL};
	struct qg_ws_request request = {.headers = headers};
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[1900] = '\0';
	memset(header, 'h', sizeof(header));
	memcpy(header, "X-Long: ", 8);
	header[1500] = '\0';
	char url[2200];
	snprintf(url, sizeof(url), "ws://127.0.0.1:%u%s", station.vendor.port, path);
	request.url = url;
	call(&one, &request);
	wait_open(&one);
	ck_assert_ptr_nonnull(strstr(station.request, path));
	ck_assert_ptr_nonnull(strstr(station.request, header));
}
END_TEST

START_TEST(a_header_with_a_line_break_is_refused)
{
	static const char *const headers[] = {"X: a\r\nY: b", NULL};
	struct qg_ws_request request = {.url = station_url(&station, "/"), .headers = headers};
	call(&one, &request);
	expect_end(&one, false, 0, 0, "not a usable address or header");
}
END_TEST

START_TEST(a_name_that_does_not_exist)
{
	call_url(&one, url_of("missing.test"));
	expect_end(&one, false, 0, 0, "does not resolve");
}
END_TEST

START_TEST(a_name_that_does_not_come)
{
	resolver_waits = true;
	call_within(&one, url_of("slow.test"), 30);
	expect_end(&one, false, 0, 0, "no connection in time");
	sem_post(&may_resolve);
}
END_TEST

START_TEST(cancel_and_destroy_while_a_name_is_asked_for)
{
	resolver_waits = true;
	call_url(&one, url_of("slow.test"));
	wait_asked();
	caller_cancel(&one);
	call_url(&two, station_url(&station, "/"));
	wait_open(&two); /* the loop goes on meanwhile */
	caller_cancel(&two);
	qg_ws_client_destroy(client);
	client = NULL;
	sem_post(&may_resolve);
	qg_loop_finish_work(loop);
}
END_TEST

START_TEST(a_name_is_asked_for_once_for_all)
{
	resolver_waits = true;
	call_url(&one, url_of("slow.test"));
	call_url(&two, url_of("SLOW.test"));
	wait_asked();
	sem_post(&may_resolve);
	wait_open(&one);
	wait_open(&two);
	caller_finish(&one);
	call_url(&one, url_of("slow.test"));
	wait_open(&one);
	ck_assert_int_eq(__atomic_load_n(&names_asked, __ATOMIC_SEQ_CST), 1);
}
END_TEST

START_TEST(all_addresses_of_a_name_are_tried)
{
	call_url(&one, url_of("two.test"));
	wait_open(&one);
	char line[64];
	snprintf(line, sizeof(line), "\r\nHost: two.test:%u\r\n", station.vendor.port);
	ck_assert_ptr_nonnull(strstr(station.request, line));
}
END_TEST

/* ---- refusals and silence ---- */

START_TEST(nobody_listens)
{
	const char *url = station_url(&station, "/");
	vendor_close(&station.vendor);
	call_url(&one, url);
	expect_end(&one, false, 0, 0, "no connection");
	ck_assert_uint_eq(counts_now().failed, 1);
}
END_TEST

static const struct {
	const char *answer;
	int status;
} refusals[] = {
	{"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403},
	{"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200},
	{"HTTP/1.1 503 Unavailable\r\n\r\n", 503},
	{"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302},
};

START_TEST(the_upgrade_is_refused)
{
	char words[16];
	station.answer = refusals[_i].answer;
	call_url(&one, station_url(&station, "/"));
	snprintf(words, sizeof(words), "HTTP %d", refusals[_i].status);
	expect_end(&one, false, refusals[_i].status, 0, words);
	ck_assert_int_eq(station.vendor.connections, 1);
}
END_TEST

static const char *const nonsense[] = {
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	"Sec-WebSocket-Accept: bm90IHRoZSByaWdodCBvbmU=\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
	"Sec-WebSocket-Accept: bm90IHRoZSByaWdodCBvbmU=\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\n\r\n",
	"what?\r\n\r\n",
	"\r\n\r\n",
	"\x16\x03\x01\x02",
};

START_TEST(an_answer_that_makes_no_sense)
{
	station.answer = nonsense[_i];
	call_within(&one, station_url(&station, "/"), 300);
	wait_end(&one);
	ck_assert(!one.opened);
	ck_assert_int_eq(one.code, 0);
}
END_TEST

START_TEST(an_answer_without_end_is_cut_off)
{
	char *answer = calloc(1, 200001);
	memset(answer, 'a', 200000);
	memcpy(answer, "HTTP/1.1 101 OK\r\nX: ", 20);
	station.answer = answer;
	call_within(&one, station_url(&station, "/"), 300);
	wait_end(&one);
	ck_assert(!one.opened);
	free(answer);
}
END_TEST

static const char *const asked_for[] = {"handshake-status:", "handshake-msg:", "absent:", NULL};

/* In any spelling; words are made safe, what is too long is as if it were absent. */
START_TEST(headers_of_a_refusal_are_told)
{
	struct qg_ws_request request = {.url = station_url(&station, "/"), .wanted = asked_for};
	char answer[512];
	snprintf(answer, sizeof(answer),
		"HTTP/1.1 403 Forbidden\r\nHandshake-Status: 514\r\nHANDSHAKE-MSG:  "
		"auth\tfailed\r\n"
		"Content-Length: 0\r\n\r\n");
	station.answer = answer;
	call(&one, &request);
	expect_end(&one, false, 403, 0, "HTTP 403");
	ck_assert_str_eq(one.found[0], "514");
	ck_assert_str_eq(one.found[1], "auth failed");
	ck_assert_str_eq(one.found[2], "-");
	ck_assert_str_eq(one.found[3], "-");
	snprintf(answer, sizeof(answer),
		"HTTP/1.1 403 Forbidden\r\nhandshake-status: %0200d\r\nhandshake-msg:\r\n\r\n", 1);
	call(&two, &request);
	expect_end(&two, false, 403, 0, "HTTP 403");
	ck_assert_str_eq(two.found[0], "-");
}
END_TEST

START_TEST(an_extension_nobody_asked_for_is_refused)
{
	station.extra = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
	call_url(&one, station_url(&station, "/"));
	wait_end(&one);
	ck_assert(!one.opened);
}
END_TEST

START_TEST(a_server_that_takes_the_call_and_says_nothing)
{
	station.silent = true;
	call_within(&one, station_url(&station, "/"), 50);
	expect_end(&one, false, 0, 0, "no connection in time");
	ck_assert_uint_eq(counts_now().failed, 1);
	ck_assert_uint_eq(counts_now().handshakes, 0);
}
END_TEST

static bool has_visitors(void *arg)
{
	return station.vendor.connections >= *(int *)arg;
}

START_TEST(a_server_that_hangs_up_during_the_handshake)
{
	int wanted = 1;
	station.silent = true;
	call_url(&one, station_url(&station, "/"));
	run_until(has_visitors, &wanted);
	visitor_leave(station_last(&station), _i == 1);
	wait_end(&one);
	ck_assert(!one.opened);
	ck_assert_int_eq(one.status, 0);
}
END_TEST

/* ---- TLS ---- */

static void use_tls(void)
{
	station_close(&station);
	station_open_tls(&station);
}

START_TEST(a_private_authority_is_believed_once_trusted)
{
	use_tls();
	ck_assert_int_eq(qg_ws_client_trust(client, "/dev/null"), QG_INVALID);
	ck_assert_int_eq(qg_ws_client_trust(client, authority_file()), QG_OK);
	call_station(&one, &station);
	caller_say(&one, "secret");
	wait_messages(&one, 1);
	ck_assert_str_eq(one.data, "secret");
}
END_TEST

START_TEST(a_certificate_of_nobody_known_is_refused)
{
	use_tls();
	call_url(&one, station_url(&station, "/"));
	expect_end(&one, false, 0, 0, "issuer");
	ck_assert(one.rejected_tls);
	ck_assert_int_eq(station.upgrades, 0);
	ck_assert_str_eq(station.request, "");
	/* Trusted from now on, for links opened after it. */
	ck_assert_int_eq(qg_ws_client_trust(client, authority_file()), QG_OK);
	call_station(&two, &station);
}
END_TEST

/* The certificate is one for 127.0.0.1 and localhost. */
static const char *const wrong_names[] = {"127.0.0.2", "slow.test", "slow.localhost", "two.test"};

START_TEST(the_name_must_be_the_one_asked_for)
{
	use_tls();
	ck_assert_int_eq(qg_ws_client_trust(client, authority_file()), QG_OK);
	call_url(&one, url_of(wrong_names[_i]));
	expect_end(&one, false, 0, 0, "mismatch");
	ck_assert(one.rejected_tls);
	ck_assert_str_eq(station.request, "");
	call_url(&two, url_of("localhost"));
	wait_open(&two);
}
END_TEST

START_TEST(what_lies_behind_the_answer_comes_by_tls_too)
{
	use_tls();
	ck_assert_int_eq(qg_ws_client_trust(client, authority_file()), QG_OK);
	station.behind = "\x81\x05"
			 "first\x81\x06second";
	station.behind_size = 15;
	call_station(&one, &station);
	wait_messages(&one, 2);
	ck_assert_str_eq(one.data, "second");
}
END_TEST

START_TEST(large_messages_by_tls)
{
	size_t size = 700001;
	char *data = malloc(size);
	memset(data, 'y', size);
	use_tls();
	ck_assert_int_eq(qg_ws_client_trust(client, authority_file()), QG_OK);
	call_station(&one, &station);
	ck_assert_int_eq(qg_ws_send(one.ws, data, size, false), QG_OK);
	wait_messages(&one, 1);
	ck_assert_uint_eq(one.size, size);
	ck_assert_int_eq(memcmp(one.data, data, size), 0);
	qg_ws_close(one.ws, 1000, NULL);
	expect_end(&one, true, 0, 1000, NULL);
	free(data);
}
END_TEST

static void say_http(struct visitor *visitor)
{
	visitor_say(visitor, "HTTP/1.1 400 Bad Request\r\n\r\n");
	visitor_leave(visitor, false);
}

START_TEST(a_server_without_tls)
{
	char url[64];
	station.vendor.bytes = say_http;
	snprintf(url, sizeof(url), "wss://127.0.0.1:%u/", station.vendor.port);
	call_url(&one, url);
	expect_end(&one, false, 0, 0, "TLS handshake failed");
	ck_assert(!one.rejected_tls);
}
END_TEST

/* ---- */

static void clear_proxies(void)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "HTTP_PROXY",
		"HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		unsetenv(names[i]);
	}
}

static void setup(void)
{
	clear_proxies();
	sem_init(&may_resolve, 0, 0);
	resolver_waits = false;
	names_asked = 0;
	authority_setup();
	caller_setup();
	station_open(&station);
}

static void teardown(void)
{
	caller_finish(&one);
	caller_finish(&two);
	station_close(&station);
	caller_teardown();
	authority_teardown();
}

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, an_address_that_cannot_be_used, 0, 9);
	tcase_add_test(tests, a_path_or_a_name_too_long_for_the_library);
	tcase_add_test(tests, a_long_path_and_long_headers_arrive);
	tcase_add_test(tests, a_header_with_a_line_break_is_refused);
	tcase_add_test(tests, a_name_that_does_not_exist);
	tcase_add_test(tests, a_name_that_does_not_come);
	tcase_add_test(tests, cancel_and_destroy_while_a_name_is_asked_for);
	tcase_add_test(tests, a_name_is_asked_for_once_for_all);
	tcase_add_test(tests, all_addresses_of_a_name_are_tried);
	tcase_add_test(tests, nobody_listens);
	tcase_add_loop_test(tests, the_upgrade_is_refused, 0, 5);
	tcase_add_loop_test(tests, an_answer_that_makes_no_sense, 0, 6);
	tcase_add_test(tests, an_answer_without_end_is_cut_off);
	tcase_add_test(tests, headers_of_a_refusal_are_told);
	tcase_add_test(tests, an_extension_nobody_asked_for_is_refused);
	tcase_add_test(tests, a_server_that_takes_the_call_and_says_nothing);
	tcase_add_loop_test(tests, a_server_that_hangs_up_during_the_handshake, 0, 2);
	tcase_add_test(tests, a_private_authority_is_believed_once_trusted);
	tcase_add_test(tests, a_certificate_of_nobody_known_is_refused);
	tcase_add_loop_test(tests, the_name_must_be_the_one_asked_for, 0, 4);
	tcase_add_test(tests, what_lies_behind_the_answer_comes_by_tls_too);
	tcase_add_test(tests, large_messages_by_tls);
	tcase_add_test(tests, a_server_without_tls);
}

int main(void)
{
	Suite *suite = suite_create("ws_way");
	TCase *tests = tcase_create("ws_way");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 10);
	add_tests(tests);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
