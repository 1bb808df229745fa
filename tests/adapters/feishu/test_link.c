/* test_link.c - the long connection: pings, silence, sleep, losses, other credentials, who shares it, and its end. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socket.h"

#include "qg/json.h"
#include "qg/loop.h"
#include "qg/str.h"

#define PING "0800100018f681801020002a0c0a0474797065120470696e67"

static void setup(void)
{
	sock_open("");
}

static void teardown(void)
{
	sock_close();
}

/* ---- pings ---- */

static const struct {
	const char *url;
	const char *hex; /* of the ping */
} services[] = {
	{"?service_id=33554678&device_id=1", PING},
	{"?device_id=1&service_id=300", "0800100018ac0220002a0c0a0474797065120470696e67"},
	{"?device_id=1", "08001000180020002a0c0a0474797065120470696e67"},
	{"", "08001000180020002a0c0a0474797065120470696e67"},
	{"?service_id=99999999999", "08001000180020002a0c0a0474797065120470696e67"},
	{"?service_id=12x", "08001000180020002a0c0a0474797065120470696e67"},
	{"?xservice_id=5&service_id=1", "08001000180120002a0c0a0474797065120470696e67"},
};

START_TEST(test_services)
{
	char answer[256], hex[256];
	snprintf(answer, sizeof(answer), "{\"code\":0,\"data\":{\"URL\":\"wss://h/ws%s\"}}",
		services[_i].url);
	sock.answer = answer;
	sock_up();
	ck_assert_uint_eq(peer.count, 1); /* right after the upgrade, before anything came */
	for (size_t i = 0; i < peer.frames[0].size; i++) {
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)peer.frames[0].text[i]);
	}
	ck_assert_str_eq(hex, services[_i].hex);
}
END_TEST

START_TEST(test_interval)
{
	sock.config = "{\"PingInterval\":40,\"ReconnectInterval\":9,\"ReconnectNonce\":2}";
	sock_up();
	ck_assert_uint_eq(sock_pings(), 1);
	for (size_t i = 0; i < 5; i++) {
		sock_control(0, "pong", NULL);
		sock_pass(39000);
		ck_assert_uint_eq(sock_pings(), i + 1);
		sock_pass(1000);
		ck_assert_uint_eq(sock_pings(), i + 2);
	}
	ck_assert_uint_eq(sock_link()->up.backoff.min_ms, 2000);
	ck_assert_uint_eq(sock_link()->up.backoff.max_ms, 9000);
}
END_TEST

static const struct {
	const char *payload;
	unsigned ping, interval, nonce;
} pongs[] = {
	{NULL, 30, 90, 7},
	{"", 30, 90, 7},
	{"{\"PingInterval\":", 30, 90, 7},
	{"[1]", 30, 90, 7},
	{"{\"PingInterval\":3}", 3, 90, 7},
	{"{\"PingInterval\":null,\"ReconnectNonce\":\"9\"}", 30, 90, 7},
	{"{\"PingInterval\":0,\"ReconnectCount\":0,\"ReconnectInterval\":0,\"ReconnectNonce\":0}",
		1, 1, 0},
	{"{\"PingInterval\":-5,\"ReconnectInterval\":99999999999}", 1, 600, 7},
	{"{\"PingInterval\":9223372036854775807}", 600, 90, 7},
	{"{\"ReconnectCount\":11,\"ReconnectInterval\":9,\"ReconnectNonce\":7,\"PingInterval\":2}",
		2, 9, 7},
};

START_TEST(test_pongs)
{
	sock.config = "{\"ReconnectCount\":-1,\"ReconnectInterval\":90,\"ReconnectNonce\":7,"
		      "\"PingInterval\":30}";
	sock_up();
	sock_control(0, "pong", pongs[_i].payload);
	ck_assert_uint_eq(sock_link()->pace.ping, pongs[_i].ping);
	ck_assert_uint_eq(sock_link()->pace.interval, pongs[_i].interval);
	ck_assert_uint_eq(sock_link()->pace.nonce, pongs[_i].nonce);
	ck_assert_uint_ge(sock_link()->up.backoff.min_ms, 1000);
	ck_assert_uint_ge(sock_link()->up.backoff.max_ms, sock_link()->up.backoff.min_ms);
	ck_assert_uint_eq(peer.alive, 1);
	/* the timer that runs is not touched, the one after it is the new one */
	sock_pass(15000);
	sock_pass(15000);
	ck_assert_uint_eq(sock_pings(), 2);
	sock_control(0, "pong", NULL);
	sock_pass(1000 * (uint64_t)pongs[_i].ping - 1);
	ck_assert_uint_eq(sock_pings(), 2);
	sock_pass(1);
	ck_assert_uint_eq(sock_pings(), 3);
}
END_TEST

START_TEST(test_defaults)
{
	sock_up();
	ck_assert_uint_eq(sock_link()->pace.ping, 120);
	ck_assert_uint_eq(sock_link()->up.backoff.min_ms, 5000);
	ck_assert_uint_eq(sock_link()->up.backoff.max_ms, 120000);
}
END_TEST

/* ---- silence ---- */

START_TEST(test_silence)
{
	sock_up();
	sock_pass(24999);
	ck_assert_uint_eq(peer.alive, 1);
	sock_pass(1);
	ck_assert_uint_eq(peer.alive, 0);
	sock_settle();
	ck_assert_int_eq(sock.host->link, QG_LINK_DOWN);
	ck_assert_uint_le(sock_wait_ms(), 5000);
	ck_assert_uint_eq(sock_come_back(), 1);
	ck_assert_uint_eq(sock.opens, 2);
	ck_assert_uint_eq(sock_pings(), 2);
}
END_TEST

/* Whatever comes is life: text, garbage, a ping of the server's. Nothing of it is answered. */
START_TEST(test_life)
{
	sock.config = "{\"PingInterval\":20}";
	sock_up();
	for (size_t i = 0; i < 30; i++) {
		sock_pass(20000);
		if (i % 3 == 0) {
			peer_say(0, "hello");
		} else if (i % 3 == 1) {
			peer_say_bytes(0, "\xff", 1);
		} else {
			sock_control(0, "ping", NULL);
		}
	}
	ck_assert_uint_eq(peer.alive, 1);
	ck_assert_uint_eq(peer.count, sock_pings());
	ck_assert_uint_eq(peer.count, 31);
}
END_TEST

/* Pings come more often than an answer may take: the oldest one counts. */
START_TEST(test_silence_between_pings)
{
	sock.config = "{\"PingInterval\":5}";
	sock_up();
	sock_control(0, "pong", NULL);
	for (size_t second = 0; second < 29; second++) {
		sock_pass(1000);
		ck_assert_uint_eq(peer.alive, 1);
	}
	sock_pass(1000); /* pinged at 5, nothing until 30 */
	ck_assert_uint_eq(peer.alive, 0);
}
END_TEST

START_TEST(test_full_wire)
{
	sock.config = "{\"PingInterval\":20}";
	sock_up();
	sock_control(0, "pong", NULL);
	peer.full = true;
	sock_pass(20000);
	ck_assert_uint_eq(peer.alive, 0);
	peer.full = false;
	sock_come_back();
}
END_TEST

/* Timers stand still while a machine sleeps; it is asked at once who is still there, and who is has its time to say so. */
START_TEST(test_sleep)
{
	sock_up();
	sock_control(0, "pong", NULL);
	sock_pass(10000);
	sock_sleep(36000);
	ck_assert_uint_eq(sock_pings(), 2);
	sock_control(0, "pong", NULL);
	sock_pass(60000);
	ck_assert_uint_eq(peer.alive, 1);
	sock_sleep(7200000);
	ck_assert_uint_eq(peer.alive, 1);
	ck_assert_uint_eq(sock_pings(), 3);
	sock_pass(25000);
	ck_assert_uint_eq(peer.alive, 0);
	sock_come_back();
}
END_TEST

/* A short one, too: the answer to a ping lies in the socket, unread. */
START_TEST(test_nap)
{
	sock_up();
	sock_pass(1000);
	sock_sleep(26000);
	ck_assert_uint_eq(peer.alive, 1);
	ck_assert_uint_eq(sock_pings(), 2);
	sock_pass(24000);
	ck_assert_uint_eq(peer.alive, 1);
	sock_pass(1000);
	ck_assert_uint_eq(peer.alive, 0);
}
END_TEST

/* It looks often enough to notice a sleep, however rarely it pings. */
START_TEST(test_looks)
{
	sock_up();
	sock_control(0, "pong", NULL);
	uint64_t next = sock_link()->up.kind->tick(&sock_link()->up, sock.mono);
	ck_assert_uint_le(next, sock.mono + 30000);
	ck_assert_uint_eq(next % 30000, 0);
}
END_TEST

/* ---- losses ---- */

START_TEST(test_new_address_each_time)
{
	sock_up();
	peer_end(0, 0);
	ck_assert_uint_le(sock_wait_ms(), 5000);
	sock_come_back();
	peer_end(1, 0);
	sock_come_back();
	ck_assert_uint_eq(sock.opens, 3);
	ck_assert_str_ne(peer.lines[0].url, peer.lines[1].url);
	ck_assert_str_ne(peer.lines[1].url, peer.lines[2].url);
	ck_assert_uint_eq(sock_pings(), 3); /* each at once */
}
END_TEST

/* Waits grow to what the platform wishes; an upgrade alone proves nothing, a minute does. */
START_TEST(test_backoff)
{
	static const uint64_t ceilings[] = {5000, 10000, 20000, 40000, 80000, 120000, 120000};
	size_t count = sizeof(ceilings) / sizeof(ceilings[0]);
	sock_up();
	for (size_t i = 0; i < count; i++) {
		peer_end(i, 0);
		ck_assert_uint_le(sock_wait_ms(), ceilings[i]);
		ck_assert_uint_eq(sock_link()->up.backoff.tries, i + 1);
		sock_come_back();
		sock_control(i + 1, "pong", NULL);
	}
	sock_pass(60000);
	peer_end(count, 0);
	ck_assert_uint_eq(sock_link()->up.backoff.tries, 1);
}
END_TEST

/* ---- other credentials ---- */

/* The new one is there before the old one goes, which is served meanwhile. */
START_TEST(test_planned_change)
{
	sock_up();
	sock_pass(20000);
	struct fake_host *next = sock_other("another-secret");
	ck_assert_int_eq(next->bot.adapter->start(&next->bot), QG_OK);
	sock.host->bot.adapter->stop(&sock.host->bot);
	sock_wait_lines(2);
	ck_assert_ptr_nonnull(strstr(sock.body, "another-secret"));
	ck_assert(!peer.lines[0].closing);
	sock_settle();
	ck_assert_int_eq(next->link, QG_LINK_UP);
	peer_accept(1);
	sock_settle();
	ck_assert(!peer.lines[0].closing);
	struct qg_uplink *up = (*(struct feishu_core **)next->bot.state)->seat.link;
	sock.mono += 3000;
	sock_sleep(0);
	qg_uplink_tick(up);
	ck_assert(peer.lines[0].closing);
	ck_assert(!peer.lines[1].closing);
	peer_end(0, 0);
	sock_settle();
	ck_assert_int_eq(next->link, QG_LINK_UP);
	ck_assert_uint_eq(next->links, 1);
	ck_assert_uint_eq(sock.opens, 2);
	fake_host_destroy(next);
}
END_TEST

/* Where the new ones are refused the old connection stays. */
START_TEST(test_change_refused)
{
	sock_up();
	sock.answer = "{\"code\":514}";
	struct fake_host *next = sock_other("wrong");
	ck_assert_int_eq(next->bot.adapter->start(&next->bot), QG_OK);
	sock_settle();
	sock_wait_opens(2);
	sock_control(0, "pong", NULL);
	sock_pass(60000);
	sock_control(0, "pong", NULL);
	sock_settle();
	ck_assert_uint_eq(peer.alive, 1);
	ck_assert(!peer.lines[0].closing);
	ck_assert_int_eq(sock.host->link, QG_LINK_UP);
	ck_assert_ptr_nonnull(sock_link()->up.told);
	fake_host_destroy(next);
}
END_TEST

/* ---- sharing, and the end ---- */

START_TEST(test_shared)
{
	struct fake_host *other = sock_other(NULL);
	sock_up();
	ck_assert_int_eq(other->bot.adapter->start(&other->bot), QG_OK);
	sock_settle();
	ck_assert_int_eq(other->link, QG_LINK_UP);
	ck_assert_uint_eq(sock.opens, 1);
	fake_host_stop(sock.host);
	sock_settle();
	ck_assert_uint_eq(sock.host->stops, 1);
	ck_assert(!peer.lines[0].closing);
	fake_host_destroy(other);
	ck_assert_uint_eq(peer.alive, 0);
}
END_TEST

START_TEST(test_stop)
{
	sock_up();
	sock.host->bot.adapter->stop(&sock.host->bot);
	ck_assert(peer.lines[0].closing);
	ck_assert_int_eq(peer.lines[0].close_code, 1000);
	sock_settle();
	ck_assert_uint_eq(sock.host->stops, 0);
	peer_end(0, 0);
	sock_settle();
	ck_assert_uint_eq(sock.host->stops, 1);
	ck_assert_ptr_null(sock_link());
	/* and again */
	ck_assert_int_eq(sock.host->bot.adapter->start(&sock.host->bot), QG_OK);
	sock_wait_lines(2);
}
END_TEST

START_TEST(test_stop_while_dialling)
{
	sock_start();
	sock.host->bot.adapter->stop(&sock.host->bot);
	sock_settle();
	ck_assert_uint_eq(sock.host->stops, 1);
	ck_assert_uint_eq(peer.line_count, 0);
}
END_TEST

START_TEST(test_finish_in_the_middle)
{
	sock_up();
	sock.host->bot.adapter->stop(&sock.host->bot);
	fake_host_destroy(sock.host);
	sock.host = NULL;
	ck_assert_uint_eq(peer.alive, 0);
}
END_TEST

/* ---- many at a time ---- */

#define MANY 25
#define FEW QG_PLACES_MOST

static struct fake_host *many[MANY];

static struct qg_uplink *link_at(size_t at)
{
	return (*(struct feishu_core **)many[at]->bot.state)->seat.link;
}

/* All of them started; as many as may have dialled, in order. */
static void start_many(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		many[i] = sock_app(i);
		ck_assert_int_eq(many[i]->bot.adapter->start(&many[i]->bot), QG_OK);
	}
	sock_wait_lines(FEW);
	sock_settle();
	ck_assert_uint_eq(sock.opens, FEW);
	ck_assert_uint_eq(sock.infos, 0);
	for (size_t i = 0; i < MANY; i++) {
		ck_assert_int_eq(link_at(i)->wire != NULL, i < FEW);
		ck_assert_str_eq(
			link_at(i)->why, i < FEW ? "connecting" : "waits for its turn to connect");
	}
}

static void end_many(void)
{
	for (size_t i = 0; i < MANY; i++) {
		fake_host_destroy(many[i]);
		many[i] = NULL;
	}
	ck_assert_ptr_eq(feishu_places.held.next, &feishu_places.held);
	ck_assert_ptr_eq(feishu_places.waiting.next, &feishu_places.waiting);
	ck_assert_uint_eq(feishu_places.taken, 0);
}

static bool all_are_known(void *arg)
{
	return sock.infos == MANY;
}

/* One place given back is one more that dials, whoever came first. */
START_TEST(test_many)
{
	start_many();
	for (size_t i = 0; i < MANY; i++) {
		ck_assert_ptr_nonnull(link_at(i)->wire);
		peer_accept(i);
		size_t next = i + FEW + 1 < MANY ? i + FEW + 1 : MANY;
		sock_wait_lines(next);
		sock_settle();
		ck_assert_uint_eq(sock.opens, next);
		ck_assert_uint_le(feishu_places.taken, FEW);
		ck_assert_int_eq(many[i]->link, QG_LINK_UP);
	}
	fake_host_wait(sock.loop, all_are_known, NULL);
	sock_settle();
	ck_assert_uint_eq(sock.infos, MANY);
	end_many();
}
END_TEST

/* Who failed waits for its backoff alone, and then behind those who have not had their turn. */
START_TEST(test_many_failures)
{
	start_many();
	peer_end(0, 503);
	sock_wait_lines(FEW + 1);
	ck_assert_ptr_nonnull(link_at(FEW)->wire);
	ck_assert_uint_eq(link_at(0)->backoff.tries, 1);
	ck_assert_uint_le(link_at(0)->dial_at, sock.mono + 5000);
	link_at(0)->dial_at = sock.mono;
	qg_uplink_tick(link_at(0));
	sock_settle();
	ck_assert_str_eq(link_at(0)->why, "waits for its turn to connect");
	ck_assert_uint_eq(link_at(0)->backoff.tries, 1);
	for (size_t i = 1; i < MANY - FEW; i++) {
		ck_assert_ptr_null(link_at(0)->wire);
		peer_accept(i);
		sock_wait_lines(FEW + 1 + i);
		ck_assert_ptr_nonnull(link_at(FEW + i)->wire);
	}
	peer_accept(MANY - FEW);
	sock_wait_lines(MANY + 1);
	ck_assert_ptr_nonnull(link_at(0)->wire);
	end_many();
}
END_TEST

/* Whoever ends gives back what it has, or its turn. */
START_TEST(test_many_leave)
{
	start_many();
	fake_host_destroy(many[FEW]); /* the first who waits */
	many[FEW] = NULL;
	many[FEW + 1]->bot.adapter->stop(&many[FEW + 1]->bot);
	sock_settle();
	ck_assert_uint_eq(many[FEW + 1]->stops, 1);
	ck_assert_uint_eq(peer.line_count, FEW);
	fake_host_destroy(many[0]); /* one that shakes hands */
	many[0] = NULL;
	sock_wait_lines(FEW + 1);
	ck_assert_ptr_nonnull(link_at(FEW + 2)->wire);
	many[1]->bot.adapter->stop(&many[1]->bot);
	fake_host_destroy(many[FEW + 3]); /* its turn has come, and it does not know yet */
	many[FEW + 3] = NULL;
	sock_wait_lines(FEW + 2);
	ck_assert_ptr_nonnull(link_at(FEW + 4)->wire);
	end_many();
}
END_TEST

/* An endpoint that answers nobody keeps the others for some seconds. */
START_TEST(test_many_slow)
{
	start_many();
	sock_sleep(2999);
	ck_assert(!qg_place_take(&link_at(FEW)->place));
	sock_sleep(1);
	ck_assert(qg_timer_is_active(link_at(FEW)->place.timer)); /* it watches the clock */
	ck_assert(!qg_timer_is_active(link_at(FEW + 1)->place.timer));
	qg_timer_start(link_at(FEW)->place.timer, 0); /* 3 s are over for it, too */
	sock_wait_lines(MANY);
	ck_assert_uint_eq(sock.opens, MANY);
	ck_assert_uint_eq(feishu_places.taken, MANY - FEW);
	for (size_t i = 0; i < MANY; i++) {
		peer_accept(i); /* those that took long are not lost for it */
	}
	sock_settle();
	for (size_t i = 0; i < MANY; i++) {
		ck_assert_int_eq(many[i]->link, QG_LINK_UP);
	}
	end_many();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu link");
	TCase *tests = tcase_create("link");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_loop_test(tests, test_services, 0, (int)(sizeof(services) / sizeof(services[0])));
	tcase_add_test(tests, test_interval);
	tcase_add_loop_test(tests, test_pongs, 0, (int)(sizeof(pongs) / sizeof(pongs[0])));
	tcase_add_test(tests, test_defaults);
	tcase_add_test(tests, test_silence);
	tcase_add_test(tests, test_life);
	tcase_add_test(tests, test_silence_between_pings);
	tcase_add_test(tests, test_full_wire);
	tcase_add_test(tests, test_sleep);
	tcase_add_test(tests, test_nap);
	tcase_add_test(tests, test_looks);
	tcase_add_test(tests, test_new_address_each_time);
	tcase_add_test(tests, test_backoff);
	tcase_add_test(tests, test_planned_change);
	tcase_add_test(tests, test_change_refused);
	tcase_add_test(tests, test_shared);
	tcase_add_test(tests, test_stop);
	tcase_add_test(tests, test_stop_while_dialling);
	tcase_add_test(tests, test_finish_in_the_middle);
	tcase_add_test(tests, test_many);
	tcase_add_test(tests, test_many_failures);
	tcase_add_test(tests, test_many_leave);
	tcase_add_test(tests, test_many_slow);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
