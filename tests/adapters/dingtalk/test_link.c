/* test_link.c - the connections: tickets, dialling, backoff, sent away, refused, shared, and their end. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/json.h"
#include "qg/str.h"

#define DISCONNECT                                                                                 \
	"{\"specVersion\":\"1.0\",\"type\":\"SYSTEM\",\"headers\":{\"contentType\":"               \
	"\"application/json\",\"messageId\":\"d1\",\"topic\":\"disconnect\"},\"data\":"            \
	"\"{\\\"reason\\\":\\\"connection is expired\\\"}\"}"
#define PING                                                                                       \
	"{\"specVersion\":\"1.0\",\"type\":\"SYSTEM\",\"headers\":{\"contentType\":"               \
	"\"application/json\",\"messageId\":\"p1\",\"topic\":\"ping\"},\"data\":\"{}\"}"

static void setup(void)
{
	world_open("", NULL);
}

static void teardown(void)
{
	world_close();
}

static void start(void)
{
	ck_assert_int_eq(world.host->bot.adapter->start(&world.host->bot), QG_OK);
}

static char *message_frame(void)
{
	json_t *root = world_vectors("stream_frames");
	const json_t *frame =
		world_named(json_object_get(root, "frames"), "callback_bot_group_text");
	char *text = qg_str_copy(qg_json_str(frame, "inbound_raw", ""));
	json_decref(root);
	return text;
}

/* ---- the open call ---- */

START_TEST(test_open_request)
{
	world_up();
	const struct asked *asked = &world.asked[0];
	ck_assert_str_eq(asked->method, "POST");
	ck_assert_str_eq(asked->path, "/v1.0/gateway/connections/open");
	ck_assert_str_eq(asked->accept, "application/json");
	json_t *body = qg_json_parse(asked->body, strlen(asked->body), NULL);
	json_t *subscriptions = json_object_get(body, "subscriptions");
	ck_assert_str_eq(qg_json_str(body, "clientId", ""), CLIENT_ID);
	ck_assert_str_eq(qg_json_str(body, "clientSecret", ""), CLIENT_SECRET);
	ck_assert_uint_eq(json_array_size(subscriptions), 2);
	ck_assert_str_eq(
		qg_json_str(json_array_get(subscriptions, 0), "topic", ""), DINGTALK_TOPIC_MESSAGE);
	ck_assert_str_eq(
		qg_json_str(json_array_get(subscriptions, 1), "topic", ""), DINGTALK_TOPIC_CARD);
	json_decref(body);
	ck_assert_str_eq(peer.lines[0].url, "wss://stream.example:443/connect?ticket=t-1");
	ck_assert_uint_ge(peer.lines[0].request.most, 256 * 1024);
	ck_assert_uint_le(peer.lines[0].request.ping_ms + peer.lines[0].request.pong_ms, 75000);
}
END_TEST

static const struct {
	const char *endpoint, *ticket, *url;
} addresses[] = {
	{"wss://h:443/connect", "a+b/c==&d=e f",
		"wss://h:443/connect?ticket=a%2Bb%2Fc%3D%3D%26d%3De%20f"},
	{"ws://127.0.0.1:9/a/b?x=1", "t+/=&", "ws://127.0.0.1:9/a/b?x=1&ticket=t%2B%2F%3D%26"},
	{"x", "t", NULL},
	{"https://h/connect", "t", NULL},
	{"wss://h/connect", "", NULL},
	{"wss://h/connect", NULL, NULL},
	{"wss://h/con nect", "t", NULL},
	{"wss://h/connect#x", "t", NULL},
};

START_TEST(test_addresses)
{
	enum qg_status status;
	char *url = dingtalk_open_url(addresses[_i].endpoint, addresses[_i].ticket, &status);
	ck_assert_int_eq(status, addresses[_i].url ? QG_OK : QG_INVALID);
	if (addresses[_i].url) {
		ck_assert_str_eq(url, addresses[_i].url);
	}
	free(url);
}
END_TEST

static const char *const useless[] = {"<html>hello</html>", "{}", "{\"endpoint\":\"x\"}",
	"{\"endpoint\":\"ws://127.0.0.1:1/connect\",\"ticket\":7}", "[]", ""};

START_TEST(test_useless_answers)
{
	start();
	for (unsigned i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
		world.open_answer = useless[i];
		world_pass(60000);
		world_wait_opens(i + 1);
		ck_assert_uint_eq(peer.line_count, 0);
	}
	world.open_answer = NULL;
	world_pass(60000);
	world_wait_lines(1);
}
END_TEST

/* At most so many tries in five minutes, said so that an operator knows what to do; never given up. */
START_TEST(test_refused)
{
	start();
	world.open_status = 401;
	world.open_answer =
		"{\"code\":\"authFailed\",\"message\":\"鉴权失败\",\"requestid\":\"R\"}";
	world_wait_opens(1);
	for (int second = 0; second < 300; second++) {
		unsigned before = world.opens;
		bool due = world.mono + 1000 >= world_link()->dial_at;
		world_pass(1000);
		if (due) {
			world_wait_opens(before + 1);
		}
	}
	ck_assert_uint_ge(world.opens, 3);
	ck_assert_uint_le(world.opens, 6);
	world_settle();
	ck_assert_int_eq(world.host->link, QG_LINK_DOWN);
	ck_assert_str_eq(world_link()->why, "the credentials are refused");
	world.open_status = 0;
	world.open_answer = NULL;
	world_pass(100000);
	world_wait_lines(1);
}
END_TEST

/* 403 is also said of other things: calls too fast are tried again soon, and no secret is suspected. */
START_TEST(test_too_fast)
{
	start();
	world.open_status = 403;
	world.open_answer =
		"{\"code\":\"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi\",\"message\":\"x\"}";
	world_wait_opens(1);
	ck_assert_str_eq(world_link()->why, "no ticket");
	ck_assert_uint_le(world_link()->dial_at, world.mono + 3000);
}
END_TEST

START_TEST(test_ban)
{
	start();
	world.open_answer = "{\"status\":1111,\"wait\":5,\"punish\":\"deny\"}";
	world_wait_opens(1);
	ck_assert_uint_ge(world_link()->dial_at - world.mono, 300000);
}
END_TEST

/* ---- backoff ---- */

/* Waits grow over connections that bring nothing; a frame makes them short again. */
START_TEST(test_backoff)
{
	static const uint64_t ceilings[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
	world_up();
	for (size_t i = 0; i < sizeof(ceilings) / sizeof(ceilings[0]); i++) {
		peer_end(i, 0);
		ck_assert_uint_le(world_link()->dial_at, world.mono + ceilings[i]);
		world_pass(ceilings[i]);
		world_wait_lines(i + 2);
		peer_accept(i + 1);
	}
	size_t last = peer.line_count - 1;
	peer_say(last, PING);
	peer_end(last, 0);
	ck_assert_uint_le(world_link()->dial_at, world.mono + 1000);
}
END_TEST

/* A connection that lasted was a success, though nobody said anything. */
START_TEST(test_lasting)
{
	world_up();
	peer_end(0, 0);
	for (size_t i = 1; i < 5; i++) {
		world_pass(60000);
		world_wait_lines(i + 1);
		peer_end(i, 503); /* never opened */
	}
	world_pass(60000);
	world_wait_lines(6);
	peer_accept(5);
	world_pass(60000);
	peer_end(5, 0);
	ck_assert_uint_le(world_link()->dial_at, world.mono + 1000);
}
END_TEST

START_TEST(test_ticket_is_used_once)
{
	world_up();
	peer_end(0, 0);
	world_pass(1000);
	world_wait_lines(2);
	peer_end(1, 401);
	world_pass(2000);
	world_wait_lines(3);
	ck_assert_uint_eq(world.opens, 3);
	ck_assert_str_ne(peer.lines[0].url, peer.lines[1].url);
	ck_assert_str_ne(peer.lines[1].url, peer.lines[2].url);
}
END_TEST

/* ---- sent away ---- */

START_TEST(test_disconnect_overlaps)
{
	char *frame = message_frame();
	world_up();
	world_pass(30000);
	peer_say(0, DISCONNECT);
	world_wait_lines(2);
	ck_assert_uint_eq(peer.alive, 2);
	peer_say(0, frame); /* the old one is served, before the new one is up and after */
	world_settle();
	ck_assert_uint_eq(peer.count, 1);
	ck_assert_uint_eq(peer.frames[0].line, 0);
	peer_accept(1);
	peer_say(0, PING);
	peer_say(1, PING);
	ck_assert_uint_eq(peer.count, 3);
	ck_assert_uint_eq(peer.frames[1].line, 0);
	ck_assert_uint_eq(peer.frames[2].line, 1);
	peer_end(0, 0);
	world_pass(120000);
	world_settle();
	ck_assert_uint_eq(world.opens, 2);
	ck_assert_int_eq(world.host->link, QG_LINK_UP);
	ck_assert_uint_eq(world.host->message_count, 1);
	free(frame);
}
END_TEST

/* Nothing to go to yet: the old one is kept, the open call repeated. */
START_TEST(test_disconnect_and_no_ticket)
{
	char *frame = message_frame();
	world_up();
	world_pass(30000);
	world.open_status = 503;
	peer_say(0, DISCONNECT);
	world_wait_opens(2);
	world_pass(1000);
	world_wait_opens(3);
	peer_say(0, frame);
	world_settle();
	ck_assert_uint_eq(peer.count, 1);
	ck_assert_int_eq(world.host->link, QG_LINK_UP);
	world.open_status = 0;
	world_pass(4000);
	world_wait_lines(2);
	free(frame);
}
END_TEST

/* One that the platform sends away again and again costs a call a second at most; one that never goes is closed. */
START_TEST(test_disconnect_storm)
{
	world_up();
	for (size_t i = 0; i < 12; i++) {
		peer_say(i, DISCONNECT);
		peer_say(i, DISCONNECT);
		world_settle();
		ck_assert_uint_le(world.opens, i + 1 + (i == 0));
		world_pass(1000);
		world_wait_lines(i + 2);
		peer_accept(i + 1);
	}
	ck_assert_uint_eq(world.opens, 13);
	ck_assert(peer.lines[0].closing); /* not more than some stay */
	ck_assert(!peer.lines[11].closing);
	world_pass(60000);
	for (size_t i = 0; i < 12; i++) {
		ck_assert(peer.lines[i].closing);
	}
	ck_assert(!peer.lines[12].closing);
}
END_TEST

START_TEST(test_disconnect_every_second)
{
	char *frame = message_frame();
	world_up();
	for (size_t i = 0; i < 40; i++) {
		peer_say(i, DISCONNECT);
		world_pass(1000);
		world_wait_lines(i + 2);
		peer_accept(i + 1);
		peer_say(i, frame);
		world_settle();
		peer_end(i, 0);
	}
	world_settle();
	ck_assert_uint_eq(peer.alive, 1);
	ck_assert_uint_eq(world.host->message_count, 40);
	ck_assert_uint_eq(peer.count, 40);
	free(frame);
}
END_TEST

/* ---- sharing, and the end ---- */

START_TEST(test_shared)
{
	char *options = qg_str_printf("{client_id: %s, client_secret: %s, api_base: 'http://%s'}",
		CLIENT_ID, CLIENT_SECRET, qg_http_server_address(world.platform));
	struct fake_host *other = fake_host_create_with(
		world.loop, qg_adapter_find("dingtalk"), options, NULL, NULL, world.client);
	other->bot.ws = world.host->bot.ws;
	world_up();
	ck_assert_int_eq(other->bot.adapter->start(&other->bot), QG_OK);
	world_settle();
	ck_assert_int_eq(other->link, QG_LINK_UP);
	ck_assert_uint_eq(world.opens, 1);
	fake_host_stop(world.host);
	world_settle();
	ck_assert_uint_eq(world.host->stops, 1);
	ck_assert_uint_eq(peer.alive, 1);
	ck_assert(!peer.lines[0].closing);
	peer_say(0, PING);
	ck_assert_uint_eq(peer.count, 1);
	fake_host_destroy(other);
	ck_assert_uint_eq(peer.alive, 0);
	free(options);
}
END_TEST

/* All that share it stop at once: the last one of them says goodbye. */
START_TEST(test_shared_stop)
{
	char *options = qg_str_printf("{client_id: %s, client_secret: %s, api_base: 'http://%s'}",
		CLIENT_ID, CLIENT_SECRET, qg_http_server_address(world.platform));
	struct fake_host *other = fake_host_create_with(
		world.loop, qg_adapter_find("dingtalk"), options, NULL, NULL, world.client);
	other->bot.ws = world.host->bot.ws;
	world_up();
	ck_assert_int_eq(other->bot.adapter->start(&other->bot), QG_OK);
	world_settle();
	world.host->bot.adapter->stop(&world.host->bot);
	ck_assert(!peer.lines[0].closing);
	other->bot.adapter->stop(&other->bot);
	ck_assert(peer.lines[0].closing);
	peer_end(0, 0);
	world_settle();
	ck_assert_uint_eq(world.host->stops, 1);
	ck_assert_uint_eq(other->stops, 1);
	fake_host_destroy(other);
	free(options);
}
END_TEST

static bool has_stopped(void *arg)
{
	world_pass(20);
	return world.host->stops > 0;
}

/* Goodbye first, so that nothing more is pushed here; what came is stored before the end. */
START_TEST(test_stop)
{
	char *frame = message_frame();
	world_up();
	world.host->hold = true;
	peer_say(0, frame);
	world.host->bot.adapter->stop(&world.host->bot);
	ck_assert(peer.lines[0].closing);
	ck_assert_int_eq(peer.lines[0].close_code, 1000);
	world_settle();
	ck_assert_uint_eq(world.host->stops, 0);
	peer_end(0, 0);
	world_settle();
	ck_assert_uint_eq(world.host->stops, 0);
	fake_host_release(world.host);
	world_wait(has_stopped, NULL);
	ck_assert_uint_eq(peer.alive, 0);
	ck_assert_uint_eq(world.opens, 1);
	/* and again */
	start();
	world_wait_lines(2);
	free(frame);
}
END_TEST

START_TEST(test_stop_while_dialling)
{
	start();
	world_pass(0);
	world.host->bot.adapter->stop(&world.host->bot);
	world_wait(has_stopped, NULL);
	ck_assert_uint_eq(peer.line_count, 0);
}
END_TEST

START_TEST(test_finish_in_the_middle)
{
	char *frame = message_frame();
	world_up();
	world.host->hold = true;
	peer_say(0, frame);
	world_pass(30000);
	peer_say(0, DISCONNECT);
	world_pass(0);
	world.host->bot.adapter->finish(&world.host->bot);
	ck_assert_uint_eq(peer.alive, 0);
	fake_host_release(world.host); /* the store is later than the bot */
	free(frame);
}
END_TEST

/* ---- probe ---- */

static enum qg_status probed;
static char *probe_words;

static void told(void *arg, enum qg_status status, const char *words)
{
	probed = status;
	free(probe_words);
	probe_words = qg_str_copy(words);
}

static bool is_told(void *arg)
{
	return probe_words != NULL;
}

static void probe(void)
{
	free(probe_words);
	probe_words = NULL;
	world.host->bot.adapter->probe(&world.host->bot, told, NULL);
	ck_assert_ptr_null(probe_words);
	world_wait(is_told, NULL);
}

START_TEST(test_probe)
{
	probe();
	ck_assert_int_eq(probed, QG_OK);
	ck_assert_uint_eq(world.opens, 1);
	ck_assert_uint_eq(peer.line_count, 0); /* it takes nothing from whoever is connected */
	world.open_status = 401;
	world.open_answer = "{\"code\":\"authFailed\"}";
	probe();
	ck_assert_int_eq(probed, QG_DENIED);
	ck_assert_ptr_nonnull(strstr(probe_words, "凭证与基础信息"));
	free(probe_words);
	probe_words = NULL;
}
END_TEST

START_TEST(test_probe_wrong_secret)
{
	world.token_status = 400;
	world.token_answer =
		"{\"code\":\"invalidClientIdOrSecret\",\"message\":\"" CLIENT_SECRET "\"}";
	probe();
	ck_assert_int_eq(probed, QG_DENIED);
	ck_assert_ptr_nonnull(strstr(probe_words, "凭证与基础信息"));
	ck_assert_ptr_null(strstr(probe_words, CLIENT_SECRET));
	free(probe_words);
	probe_words = NULL;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk link");
	TCase *tests = tcase_create("link");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_open_request);
	tcase_add_loop_test(
		tests, test_addresses, 0, (int)(sizeof(addresses) / sizeof(addresses[0])));
	tcase_add_test(tests, test_useless_answers);
	tcase_add_test(tests, test_refused);
	tcase_add_test(tests, test_too_fast);
	tcase_add_test(tests, test_ban);
	tcase_add_test(tests, test_backoff);
	tcase_add_test(tests, test_lasting);
	tcase_add_test(tests, test_ticket_is_used_once);
	tcase_add_test(tests, test_disconnect_overlaps);
	tcase_add_test(tests, test_disconnect_and_no_ticket);
	tcase_add_test(tests, test_disconnect_storm);
	tcase_add_test(tests, test_disconnect_every_second);
	tcase_add_test(tests, test_shared);
	tcase_add_test(tests, test_shared_stop);
	tcase_add_test(tests, test_stop);
	tcase_add_test(tests, test_stop_while_dialling);
	tcase_add_test(tests, test_finish_in_the_middle);
	tcase_add_test(tests, test_probe);
	tcase_add_test(tests, test_probe_wrong_secret);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
