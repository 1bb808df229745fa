/* test_feed.c - what browsers see: events once and in order, over lost connections, gateways and Redis' absence. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/json.h"
#include "qg/str.h"

#define R1 "0123456789abcdef0123456789abcdef"
#define R2 "fedcba9876543210fedcba9876543210"

static struct world world;
static struct client viewer;

static void setup(void)
{
	world_open(&world, "", true);
}

static void teardown(void)
{
	world_close(&world);
}

static void say(struct world *where, const char *id, const char *text)
{
	struct client client;
	QG_AUTO(qg_str_free)
	char *body = qg_str_printf("{\"from\":\"小明\",\"text\":\"%s\",\"id\":\"%s\"}", text, id);
	ck_assert_int_eq(
		client_post(&client, where->loop, where->port, CHAT "/messages", ADMIN JSON, body),
		202);
	client_close(&client);
}

static void look_on(struct client *client, const struct world *where, const char *headers)
{
	client_open(client, where->loop, where->port);
	client_ask(client, "GET", CHAT "/events", headers, NULL);
	client_expect(client, "retry: ", 1);
}

static bool all_sent(void *arg)
{
	return world.host->sent_count >= *(size_t *)arg;
}

static void send_reply(const char *id, const char *answers, const char *text)
{
	size_t count = world.host->sent_count + 1;
	fake_host_send(world.host, fake_host_reply(id, answers, text));
	fake_host_wait(world.loop, all_sent, &count);
}

/* The newest "id: " line the client got; yours to free. */
static char *last_id(const struct client *client)
{
	const char *last = NULL;
	for (const char *at = client->in.data; (at = strstr(at, "\nid: ")); at++) {
		last = at + strlen("\nid: ");
	}
	ck_assert_ptr_nonnull(last);
	return qg_str_copy_n(last, strcspn(last, "\n"));
}

START_TEST(test_replay)
{
	say(&world, "m1", "早");
	say(&world, "m2", "好");
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	client_expect(&viewer, "event: message\ndata: {\"id\":\"m2\"", 1);
	ck_assert_uint_eq(client_count(&viewer, "\"id\":\"m1\""), 1);
	ck_assert_ptr_nonnull(strstr(viewer.in.data, "text/event-stream"));
	say(&world, "m3", "吗");
	client_expect(&viewer, "\"id\":\"m3\"", 1);
	ck_assert_uint_eq(client_count(&viewer, "event: message"), 3);
	client_close(&viewer);
}
END_TEST

START_TEST(test_only_new)
{
	say(&world, "m1", "早");
	look_on(&viewer, &world, ADMIN);
	while (world.host->replays == 0) { /* placed */
		struct client other;
		client_get(&other, world.loop, world.port, CHAT "/about", ADMIN);
		client_close(&other);
	}
	say(&world, "m2", "好");
	client_expect(&viewer, "\"id\":\"m2\"", 1);
	ck_assert_uint_eq(client_count(&viewer, "\"id\":\"m1\""), 0);
	client_close(&viewer);
}
END_TEST

START_TEST(test_resume)
{
	say(&world, "m1", "早");
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	client_expect(&viewer, "\"id\":\"m1\"", 1);
	QG_AUTO(qg_str_free) char *id = last_id(&viewer);
	client_close(&viewer);
	say(&world, "m2", "好");
	QG_AUTO(qg_str_free) char *headers = qg_str_printf(ADMIN "Last-Event-ID: %s\r\n", id);
	look_on(&viewer, &world, headers);
	client_expect(&viewer, "\"id\":\"m2\"", 1);
	ck_assert_uint_eq(client_count(&viewer, "\"id\":\"m1\""), 0);
	client_close(&viewer);
	/* The header is the browser's own memory and wins over the page's question. */
	client_open(&viewer, world.loop, world.port);
	client_ask(&viewer, "GET", CHAT "/events?last_event_id=0", headers, NULL);
	client_expect(&viewer, "\"id\":\"m2\"", 1);
	ck_assert_uint_eq(client_count(&viewer, "\"id\":\"m1\""), 0);
	client_close(&viewer);
	/* An id that is none: all is shown. */
	client_open(&viewer, world.loop, world.port);
	client_ask(&viewer, "GET", CHAT "/events?last_event_id=abc", ADMIN, NULL);
	client_expect(&viewer, "event: message", 2);
	client_close(&viewer);
}
END_TEST

START_TEST(test_many)
{
	for (int i = 0; i < 60; i++) {
		QG_AUTO(qg_str_free) char *id = qg_str_printf("many-%d-", i);
		say(&world, id, "好");
	}
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	client_expect(&viewer, "event: message", 60);
	const char *at = viewer.in.data;
	for (int i = 0; i < 60; i++) {
		QG_AUTO(qg_str_free) char *id = qg_str_printf("\"many-%d-\"", i);
		at = strstr(at, id);
		ck_assert_msg(at != NULL, "%s is missing or out of order", id);
	}
	client_close(&viewer);
}
END_TEST

START_TEST(test_reply)
{
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	say(&world, "m1", "早");
	struct qg_reply *reply = fake_host_reply(R1, "m1", "您好\n第二行");
	reply->label = qg_str_copy("AI 生成");
	reply->sources = json_pack("[{s:s,s:s}]", "title", "手册", "section", "营业");
	reply->usage.input = 100;
	reply->usage.output = 20;
	size_t count = 1;
	fake_host_send(world.host, reply);
	fake_host_wait(world.loop, all_sent, &count);
	ck_assert_int_eq(world.host->sent[0], QG_OK);
	client_expect(&viewer, "event: usage", 1);
	ck_assert_uint_eq(client_count(&viewer,
				  "event: reply\ndata: {\"id\":\"" R1 "\",\"answers\":[\"m1\"]"),
		1);
	ck_assert_uint_eq(client_count(&viewer, "\"label\":\"AI 生成\""), 1);
	ck_assert_uint_eq(
		client_count(&viewer, "\"sources\":[{\"title\":\"手册\",\"section\":\"营业\"}]"),
		1);
	ck_assert_uint_eq(client_count(&viewer, "您好\\n第二行"), 1);
	const char *data = strstr(strstr(viewer.in.data, "event: usage"), "data: ") + 6;
	json_t *usage = qg_json_parse(data, strcspn(data, "\n"), NULL);
	ck_assert_ptr_nonnull(usage);
	ck_assert_str_eq(qg_json_str(usage, "reply", ""), R1);
	ck_assert_int_eq(qg_json_int(usage, "input", 0), 100);
	ck_assert_int_eq(qg_json_int(usage, "first_ms", 0), 42);
	ck_assert(json_is_number(json_object_get(usage, "stored_ms")));
	ck_assert_int_eq(qg_json_int(json_object_get(usage, "cost"), "CNY", -1), 0);
	json_decref(usage);
	client_close(&viewer);
}
END_TEST

/* The outcome of a send was lost and it comes again: nothing is shown twice, and it still counts as landed. */
START_TEST(test_reply_once)
{
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	send_reply(R1, "m1", "您好");
	send_reply(R1, "m1", "您好");
	send_reply(R2, "m2", "再见");
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(world.host->sent[i], QG_OK);
	}
	client_expect(&viewer, "\"reply\":\"" R2 "\"", 1);
	ck_assert_uint_eq(client_count(&viewer, "event: reply"), 2);
	ck_assert_uint_eq(client_count(&viewer, "event: usage"), 2);
	/* A message nobody stored here: no time, and that is said. */
	ck_assert_uint_eq(client_count(&viewer, "\"stored_ms\":null"), 2);
	client_close(&viewer);
}
END_TEST

START_TEST(test_draft)
{
	say(&world, "m1", "早");
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	client_expect(&viewer, "\"id\":\"m1\"", 1);
	ck_assert_uint_eq(world.host->replays, 1);
	QG_AUTO(qg_str_free) char *newest = last_id(&viewer);
	json_t *answers = json_pack("[s]", "m1");
	struct qg_draft draft = {.reply = R1,
		.bot = "xiaoman",
		.chat = "web",
		.answers = answers,
		.sequence = 7,
		.text = "您\n好"};
	world.host->bot.adapter->draft(&world.host->bot, &draft);
	json_decref(answers);
	client_expect(&viewer, "event: delta", 1);
	QG_AUTO(qg_str_free)
	char *whole =
		qg_str_printf("id: %s\nevent: delta\ndata: {\"reply\":\"" R1
			      "\",\"answers\":[\"m1\"],\"sequence\":7,\"text\":\"您\\n好\"}\n\n",
			newest);
	ck_assert_uint_eq(client_count(&viewer, whole), 1);
	client_close(&viewer);
}
END_TEST

/* A message taken at one gateway is seen at another, and a browser goes on there where it was. */
START_TEST(test_two_gateways)
{
	struct world second;
	struct client there;
	world_join(&second, &world, "");
	look_on(&there, &second, ADMIN "Last-Event-ID: 0\r\n");
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	say(&world, "m1", "早");
	client_expect(&there, "\"id\":\"m1\"", 1);
	say(&second, "m2", "好");
	client_expect(&viewer, "\"id\":\"m2\"", 1);
	QG_AUTO(qg_str_free) char *id = last_id(&viewer);
	client_close(&viewer);
	say(&world, "m3", "吗");
	QG_AUTO(qg_str_free) char *headers = qg_str_printf(ADMIN "Last-Event-ID: %s\r\n", id);
	look_on(&viewer, &second, headers);
	client_expect(&viewer, "\"id\":\"m3\"", 1);
	ck_assert_uint_eq(client_count(&viewer, "\"id\":\"m2\""), 0);
	client_close(&viewer);
	client_close(&there);
	world_close(&second);
}
END_TEST

/* Redis goes and comes: viewers stay, are told, and see what came meanwhile exactly once. */
START_TEST(test_redis_away)
{
	say(&world, "m1", "早");
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	client_expect(&viewer, "\"id\":\"m1\"", 1);
	qg_test_redis_kill(world.server);
	client_expect(&viewer, "event: status\ndata: {\"store\":\"away\"}", 1);
	struct client late; /* comes while it is away */
	look_on(&late, &world, ADMIN "Last-Event-ID: 0\r\n");
	client_expect(&late, "{\"store\":\"away\"}", 1);
	size_t count = 1;
	fake_host_send(world.host, fake_host_reply(R1, "m1", "您好"));
	fake_host_wait(world.loop, all_sent, &count);
	ck_assert(qg_status_is_retryable(world.host->sent[0]));
	qg_test_redis_restart(world.server);
	world_wait_up(&world, true);
	send_reply(R1, "m1", "您好");
	client_expect(&viewer, "event: reply", 1);
	client_expect(&late, "event: usage", 1);
	ck_assert_uint_eq(client_count(&viewer, "\"id\":\"m1\""), 1);
	ck_assert_uint_eq(client_count(&late, "\"id\":\"m1\""), 1);
	ck_assert_uint_eq(client_count(&late, "event: reply"), 1);
	client_expect(&viewer, "{\"store\":\"up\"}", 1);
	client_close(&viewer);
	client_close(&late);
}
END_TEST

/* What is in the stream but not of our making never reaches a browser as another event. */
START_TEST(test_foreign_entries)
{
	qg_test_redis_do(world.server, "XADD", "qg:{7}:feed:xiaoman", "*", "e", "message", "d",
		"{}\n\nevent: reply\ndata: {}", NULL);
	qg_test_redis_do(world.server, "XADD", "qg:{7}:feed:xiaoman", "*", "x", "y", NULL);
	say(&world, "m1", "早");
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	client_expect(&viewer, "\"id\":\"m1\"", 1);
	ck_assert_uint_eq(client_count(&viewer, "event: "), 1);
	client_close(&viewer);
}
END_TEST

/* A feed larger than any backlog: who takes it slowly gets all of it, in order and over one connection. */
START_TEST(test_large_feed)
{
	enum { EVENTS = 60, SIZE = 100 * 1024 };
	static char event[SIZE];
	for (int i = 0; i < EVENTS; i++) {
		int head = snprintf(event, sizeof(event), "{\"id\":\"big-%d-\",\"text\":\"", i);
		memset(event + head, 'x', sizeof(event) - (size_t)head - 3);
		memcpy(event + sizeof(event) - 3, "\"}", 3);
		qg_test_redis_do(world.server, "XADD", "qg:{7}:feed:xiaoman", "*", "e", "message",
			"d", event, NULL);
	}
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	client_expect(&viewer, "event: message", EVENTS);
	for (int i = 0; i < EVENTS; i++) {
		QG_AUTO(qg_str_free) char *id = qg_str_printf("\"big-%d-\"", i);
		ck_assert_uint_eq(client_count(&viewer, id), 1);
	}
	ck_assert(!viewer.closed);
	say(&world, "m1", "早");
	client_expect(&viewer, "\"id\":\"m1\"", 1);
	client_close(&viewer);
}
END_TEST

/* More viewers than catch up at a time: each has its turn. */
START_TEST(test_many_viewers)
{
	struct client viewers[20];
	for (int i = 0; i < 60; i++) {
		QG_AUTO(qg_str_free) char *id = qg_str_printf("many-%d-", i);
		say(&world, id, "好");
	}
	for (size_t i = 0; i < 20; i++) {
		client_open(&viewers[i], world.loop, world.port);
		client_ask(&viewers[i], "GET", CHAT "/events", ADMIN "Last-Event-ID: 0\r\n", NULL);
	}
	for (size_t i = 0; i < 20; i++) {
		client_expect(&viewers[i], "event: message", 60);
	}
	say(&world, "last", "好");
	for (size_t i = 0; i < 20; i++) {
		client_expect(&viewers[i], "\"id\":\"last\"", 1);
		ck_assert_uint_eq(client_count(&viewers[i], "event: message"), 61);
		client_close(&viewers[i]);
	}
}
END_TEST

/* stop() ends the streams, so that browsers go elsewhere. */
START_TEST(test_stop_ends_streams)
{
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	fake_host_stop(world.host);
	client_expect(&viewer, "\r\n0\r\n\r\n", 1);
	client_close(&viewer);
}
END_TEST

/* The feed is cut at 1,000 events, the oldest first. */
START_TEST(test_cap)
{
	for (int i = 0; i < 501; i++) {
		QG_AUTO(qg_str_free) char *id = qg_str_printf("%032d", i);
		send_reply(id, "m", "好");
		qg_reply_destroy(world.host->replies[0]);
		world.host->sent_count = 0;
	}
	look_on(&viewer, &world, ADMIN "Last-Event-ID: 0\r\n");
	client_expect(&viewer, "\"reply\":\"00000000000000000000000000000500\"", 1);
	ck_assert_uint_eq(client_count(&viewer, "event: "), 1000);
	ck_assert_uint_eq(client_count(&viewer, "\"00000000000000000000000000000000\""), 0);
	client_close(&viewer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feed");
	TCase *tests = tcase_create("feed");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_replay);
	tcase_add_test(tests, test_only_new);
	tcase_add_test(tests, test_resume);
	tcase_add_test(tests, test_many);
	tcase_add_test(tests, test_reply);
	tcase_add_test(tests, test_reply_once);
	tcase_add_test(tests, test_draft);
	tcase_add_test(tests, test_two_gateways);
	tcase_add_test(tests, test_redis_away);
	tcase_add_test(tests, test_foreign_entries);
	tcase_add_test(tests, test_large_feed);
	tcase_add_test(tests, test_many_viewers);
	tcase_add_test(tests, test_stop_ends_streams);
	tcase_add_test(tests, test_cap);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
