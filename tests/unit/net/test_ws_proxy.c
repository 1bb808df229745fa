/* test_ws_proxy.c - websocket links by the proxies that the environment names, and past them. */
#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"

static struct station station;
static struct vendor proxy;
static struct caller one, two;

typedef int (*getaddrinfo_fn)(
	const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* Stands before the C library's: "slow.test" is 127.0.0.1, any other name has no address here. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **found)
{
	getaddrinfo_fn real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
	struct in_addr address;
	if (strcmp(node, "slow.test") == 0) {
		node = "127.0.0.1";
	} else if (inet_pton(AF_INET, node, &address) != 1) {
		return EAI_NONAME;
	}
	return real(node, service, hints, found);
}

static const char *url_of(const char *name)
{
	static char url[128];
	snprintf(url, sizeof(url), "%s://%s:%u/", station.vendor.tls ? "wss" : "ws", name,
		station.vendor.port);
	return url;
}

static void use_tls(void)
{
	station_close(&station);
	station_open_tls(&station);
}

static int tunnels;
static char tunnel_request[1024];
static const char *tunnel_answer;

struct tunnel { /* in visitor->own of a proxy's visitor */
	int fd;
	struct qg_watch *watch;
};

static void from_station(void *arg, int fd)
{
	struct visitor *visitor = arg;
	struct tunnel *tunnel = visitor->own;
	char bytes[4096];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
	if (got > 0) {
		visitor_send(visitor, bytes, (size_t)got);
	} else {
		qg_watch_destroy(tunnel->watch);
		tunnel->watch = NULL;
	}
}

static void open_tunnel(struct visitor *visitor)
{
	struct tunnel *tunnel = visitor->own = calloc(1, sizeof(*tunnel));
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)station.vendor.port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	tunnel->fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(tunnel->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	tunnel->watch = qg_watch_readable(loop, tunnel->fd, from_station, visitor);
	tunnels++;
}

static void close_tunnel(struct visitor *visitor)
{
	struct tunnel *tunnel = visitor->own;
	if (tunnel) {
		qg_watch_destroy(tunnel->watch);
		close(tunnel->fd);
	}
}

/* Answers a CONNECT and carries what follows. */
static void be_proxy(struct visitor *visitor)
{
	struct tunnel *tunnel = visitor->own;
	if (tunnel) {
		ck_assert_int_eq(send(tunnel->fd, visitor->data, visitor->size, 0), visitor->size);
		visitor_consume(visitor, visitor->size);
		return;
	}
	if (strstr(visitor->data, "\r\n\r\n")) {
		snprintf(tunnel_request, sizeof(tunnel_request), "%s", visitor->data);
		visitor_consume(visitor, visitor->size);
		if (!tunnel_answer) {
			open_tunnel(visitor);
		}
		visitor_say(visitor, tunnel_answer ? tunnel_answer
						   : "HTTP/1.1 200 Connection established\r\n\r\n");
	}
}

static void set_proxy(const char *variable, const char *before)
{
	char url[96];
	proxy.bytes = be_proxy;
	proxy.left = close_tunnel;
	if (!proxy.listener) {
		vendor_open(&proxy);
	}
	snprintf(url, sizeof(url), "%s127.0.0.1:%u", before, proxy.port);
	setenv(variable, url, 1);
}

START_TEST(the_proxy_of_the_environment_is_asked)
{
	set_proxy("http_proxy", "http://");
	call_url(&one, url_of("name.of.nobody.test"));
	wait_open(&one); /* the proxy knows the name */
	char line[96];
	snprintf(line, sizeof(line), "CONNECT name.of.nobody.test:%u HTTP/1.1\r\n",
		station.vendor.port);
	ck_assert_ptr_eq(strstr(tunnel_request, line), tunnel_request);
	caller_say(&one, "by proxy");
	wait_messages(&one, 1);
	ck_assert_str_eq(one.data, "by proxy");
	ck_assert_int_eq(tunnels, 1);
}
END_TEST

START_TEST(tls_by_a_proxy_verifies_the_server)
{
	use_tls();
	set_proxy("https_proxy", "http://me:pass%40word@");
	ck_assert_int_eq(qg_ws_client_trust(client, authority_file()), QG_OK);
	call_url(&one, url_of("localhost"));
	wait_open(&one);
	/* "me:pass@word" */
	ck_assert_ptr_nonnull(strstr(tunnel_request, "asic bWU6cGFzc0B3b3Jk\r\n"));
	call_url(&two, url_of("other.test"));
	expect_end(&two, false, 0, 0, "mismatch");
	ck_assert(two.rejected_tls);
	ck_assert_int_eq(tunnels, 2);
}
END_TEST

static const char *const variables[][2] = {
	{"all_proxy", ""}, {"ALL_PROXY", "http://"}, {"http_proxy", ""}};

START_TEST(every_variable_and_form)
{
	set_proxy(variables[_i][0], variables[_i][1]);
	call_station(&one, &station);
	ck_assert_int_eq(tunnels, 1);
}
END_TEST

START_TEST(capital_http_proxy_is_not_believed)
{
	set_proxy("HTTP_PROXY", "http://");
	call_station(&one, &station);
	ck_assert_int_eq(tunnels, 0);
}
END_TEST

static const struct {
	const char *list, *host;
	bool exempt;
} lists[] = {
	{"127.0.0.1", "127.0.0.1", true},
	{"example.com, 127.0.0.1", "127.0.0.1", true},
	{"127.0.0.0/8", "127.0.0.1", true},
	{"127.0.0.1/33", "127.0.0.1", false},
	{"126.0.0.0/7", "127.0.0.1", true},
	{"128.0.0.0/7", "127.0.0.1", false},
	{"*", "slow.test", true},
	{"test", "slow.test", true},
	{".test", "slow.test", true},
	{"slow.test", "slow.test", true},
	{"SLOW.TEST", "slow.test", true},
	{"low.test", "slow.test", false},
	{"very.slow.test", "slow.test", false},
	{"1", "127.0.0.1", false},
	{",", "slow.test", false},
};

START_TEST(no_proxy_is_honoured)
{
	set_proxy("http_proxy", "http://");
	setenv("no_proxy", lists[_i].list, 1);
	call_url(&one, url_of(lists[_i].host));
	wait_open(&one);
	ck_assert_int_eq(tunnels, !lists[_i].exempt);
}
END_TEST

START_TEST(a_proxy_that_refuses)
{
	set_proxy("http_proxy", "http://");
	tunnel_answer = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
	call_url(&one, station_url(&station, "/"));
	expect_end(&one, false, 0, 0, "the proxy refused");
	setenv("http_proxy", "socks5://127.0.0.1:1", 1);
	call_url(&two, station_url(&station, "/"));
	expect_end(&two, false, 0, 0, "not of a kind");
}
END_TEST

START_TEST(handshakes_by_two_proxies_do_not_mix)
{
	set_proxy("http_proxy", "http://a:1@");
	call_url(&one, station_url(&station, "/"));
	run_turns(3);
	set_proxy("http_proxy", "http://b:2@");
	call_url(&two, station_url(&station, "/"));
	wait_open(&one);
	wait_open(&two);
	ck_assert_int_eq(tunnels, 2);
	ck_assert_ptr_nonnull(strstr(tunnel_request, "asic Yjoy\r\n"));
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
	tunnels = 0;
	tunnel_answer = NULL;
	authority_setup();
	caller_setup();
	station_open(&station);
}

static void teardown(void)
{
	caller_finish(&one);
	caller_finish(&two);
	station_close(&station);
	if (proxy.listener) {
		vendor_close(&proxy);
	}
	caller_teardown();
	authority_teardown();
}

int main(void)
{
	Suite *suite = suite_create("ws_proxy");
	TCase *tests = tcase_create("ws_proxy");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 10);
	tcase_add_test(tests, the_proxy_of_the_environment_is_asked);
	tcase_add_test(tests, tls_by_a_proxy_verifies_the_server);
	tcase_add_loop_test(tests, every_variable_and_form, 0, 3);
	tcase_add_test(tests, capital_http_proxy_is_not_believed);
	tcase_add_loop_test(tests, no_proxy_is_honoured, 0, 15);
	tcase_add_test(tests, a_proxy_that_refuses);
	tcase_add_test(tests, handshakes_by_two_proxies_do_not_mix);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
