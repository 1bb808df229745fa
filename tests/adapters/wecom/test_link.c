/* test_link.c - the connection: subscribing, heartbeat, backoff, kicked, refused, shared, and its end. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/json.h"

static void disconnect(void)
{
	peer_say("{\"cmd\":\"aibot_event_callback\",\"headers\":{\"req_id\":\"e1\"},\"body\":{"
		 "\"msgid\":\"x\",\"create_time\":1763800060,\"aibotid\":\"a\",\"msgtype\":"
		 "\"event\",\"event\":{\"eventtype\":\"disconnected_event\"}}}");
}

/* The recorded frames of the official SDK, member by member; ids and times differ in each run. */
START_TEST(test_subscribe_and_ping)
{
	ck_assert_int_eq(world.host->bot.adapter->start(&world.host->bot), QG_OK);
	world_pass(0);
	peer_accept();
	ck_assert_uint_eq(peer.count, 1);
	ck_assert_ptr_nonnull(strstr(peer.frames[0],
		"{\"cmd\":\"aibot_subscribe\",\"headers\":{\"req_id\":\"aibot_subscribe_"
		"1763800000000_"));
	ck_assert_ptr_nonnull(strstr(peer.frames[0], "\"},\"body\":{\"bot_id\":\"aibQ7mN2x\","
						     "\"secret\":\"secret-for-the-probe-only\"}}"));
	peer_answer(0, 0, NULL);
	world_settle();
	ck_assert_int_eq(world.host->link, QG_LINK_UP);
	world_pass(29999);
	ck_assert_uint_eq(peer.count, 1);
	world_pass(1);
	ck_assert_uint_eq(peer.count, 2);
	ck_assert_ptr_nonnull(
		strstr(peer.frames[1], "{\"cmd\":\"ping\",\"headers\":{\"req_id\":\"ping_"));
	ck_assert_ptr_null(strstr(peer.frames[1], "body"));
}
END_TEST

/* Cut at the third tick when two pings are unanswered; an answer counts from anew. */
START_TEST(test_missed_pongs)
{
	world_up();
	world_pass(30000);
	world_pass(30000);
	ck_assert_uint_eq(peer.count, 2);
	peer_answer(1, 0, NULL);
	world_pass(30000);
	world_pass(30000);
	ck_assert_uint_eq(peer.alive, 1);
	ck_assert_uint_eq(peer.count, 4);
	world_pass(30000);
	ck_assert_uint_eq(peer.alive, 0);
	world_settle();
	ck_assert_int_eq(world.host->link, QG_LINK_DOWN);
	world_pass(1000); /* the first wait is at most a second */
	ck_assert_uint_eq(peer.opened, 2);
}
END_TEST

/* Waits grow over connections that never subscribe, and are short again after one that did. */
START_TEST(test_backoff)
{
	static const uint64_t ceilings[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
	world_up();
	peer_end();
	for (size_t i = 0; i < sizeof(ceilings) / sizeof(ceilings[0]); i++) {
		unsigned opened = peer.opened;
		ck_assert_uint_eq(peer.alive, 0);
		world_pass(0);
		ck_assert_uint_eq(peer.opened, opened);
		world_pass(ceilings[i]);
		ck_assert_uint_eq(peer.opened, opened + 1);
		peer_accept(); /* open alone is no success */
		peer_end();
	}
	world_up_again();
	peer_end();
	world_pass(1000);
	ck_assert_uint_eq(peer.alive, 1);
}
END_TEST

START_TEST(test_refused)
{
	ck_assert_int_eq(world.host->bot.adapter->start(&world.host->bot), QG_OK);
	world_pass(0);
	peer_accept();
	peer_answer(0, 853000, NULL);
	ck_assert_uint_eq(peer.alive, 0); /* the server leaves it open: we close */
	world_pass(299000);
	ck_assert_uint_eq(peer.opened, 1);
	world_pass(61000);
	ck_assert_uint_eq(peer.opened, 2);
	world_settle();
	ck_assert_int_eq(world.host->link, QG_LINK_DOWN);
}
END_TEST

START_TEST(test_no_answer_to_subscribe)
{
	ck_assert_int_eq(world.host->bot.adapter->start(&world.host->bot), QG_OK);
	world_pass(0);
	peer_accept();
	world_pass(10000);
	ck_assert_uint_eq(peer.alive, 0);
	world_pass(1000);
	ck_assert_uint_eq(peer.opened, 2);
}
END_TEST

START_TEST(test_kicked)
{
	world_up();
	disconnect();
	world_settle();
	ck_assert_uint_eq(world.host->kicks, 1);
	ck_assert_uint_eq(peer.closed, 1);
	peer_end();
	world_pass(299000);
	ck_assert_uint_eq(peer.opened, 1); /* it does not fight */
	fake_host_stop(world.host);
	world_settle();
	ck_assert_uint_eq(world.host->stops, 1);
	ck_assert_ptr_null(world_link());
	world_up(); /* the host let it, later */
	ck_assert_uint_eq(peer.opened, 2);
}
END_TEST

/* A ping has an answer, frames have none: that connection is deaf. */
START_TEST(test_frames_without_answers)
{
	world_up();
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "one");
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(peer.alive, 1);
		world_pass(5000);
		world_pass(1000);
	}
	ck_assert_uint_eq(peer.alive + peer.opened, 2 + (peer.opened > 1));
	ck_assert_uint_le(peer.alive, 1);
	ck_assert_uint_gt(world_link()->backoff.tries, 0);
}
END_TEST

START_TEST(test_quiet_for_long)
{
	world_up();
	for (int i = 0; i < 119 && peer.opened == 1; i++) {
		world_pass(30000);
		if (peer.count > 0 && peer.alive > 0) {
			peer_answer(peer.count - 1, 0, NULL);
		}
	}
	ck_assert_uint_eq(peer.opened, 1);
	for (int i = 0; i < 60 && peer.alive; i++) {
		world_pass(30000);
		if (peer.alive > 0) {
			peer_answer(peer.count - 1, 0, NULL);
		}
	}
	ck_assert_uint_eq(peer.alive, 0);
}
END_TEST

START_TEST(test_rubbish)
{
	static const char *const rubbish[] = {"this is not JSON", "", "{}", "[]", "null",
		"{\"headers\":{\"req_id\":\"nobody-waits-for-this\"},\"errcode\":0}",
		"{\"cmd\":\"aibot_msg_callback\",\"headers\":{\"req_id\":\"no-body\"}}",
		"{\"cmd\":\"aibot_msg_callback\",\"headers\":{},\"body\":{}}",
		"{\"cmd\":\"something_new\",\"headers\":{\"req_id\":\"x\"},\"body\":{}}",
		"{\"cmd\":7,\"headers\":{\"req_id\":8},\"body\":9}"};
	world_up();
	for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
		peer_say(rubbish[i]);
	}
	world_settle();
	ck_assert_uint_eq(peer.alive, 1);
	ck_assert_uint_eq(world.host->message_count, 0);
	/* control characters inside a string are taken out, as the official SDK does */
	peer_say("{\"cmd\":\"aibot_msg_callback\",\"headers\":{\"req_id\":\"raw1\"},\"body\":{"
		 "\"msgid\":\"m1\",\"aibotid\":\"b\",\"chattype\":\"single\",\"from\":{\"userid\":"
		 "\"u\"},\"msgtype\":\"text\",\"text\":{\"content\":\"bell\x07 and vertical\x0b "
		 "tab\"}}}");
	world_settle();
	ck_assert_uint_eq(world.host->message_count, 1);
	ck_assert_str_eq(world.host->messages[0]->text, "bell and vertical tab");
}
END_TEST

/* Two bots of an account share one connection; it is closed with the last. */
START_TEST(test_shared)
{
	world_up();
	struct fake_host *other = fake_host_create(world.loop, world.host->bot.adapter,
		"{bot_id: aibQ7mN2x, secret: secret-for-the-probe-only}", NULL, NULL);
	other->bot.ws = world.host->bot.ws;
	ck_assert_int_eq(other->bot.adapter->start(&other->bot), QG_OK);
	world_settle();
	ck_assert_int_eq(other->link, QG_LINK_UP);
	ck_assert_uint_eq(peer.opened, 1);
	ck_assert_ptr_eq(wecom_core_of(&other->bot)->link, world_link());
	fake_host_stop(world.host);
	world_settle();
	ck_assert_uint_eq(world.host->stops, 1);
	ck_assert_uint_eq(peer.closed, 0);
	fake_host_destroy(other);
	ck_assert_uint_eq(peer.alive, 0);
}
END_TEST

/* Streams are ended with what they show, the close frame leaves, then stopped() comes. */
START_TEST(test_stop)
{
	world_up();
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "so far");
	peer_answer(0, 0, NULL);
	fake_host_stop(world.host);
	ck_assert_uint_eq(peer.count, 2);
	ck_assert_str_eq(peer_str(1, "body.stream.content"), "so far");
	ck_assert_ptr_nonnull(strstr(peer.frames[1], "\"finish\":true"));
	world_settle();
	ck_assert_uint_eq(world.host->stops, 0);
	peer_answer(1, 0, NULL);
	for (int i = 0; i < 30 && !peer.closed; i++) {
		world_settle();
	}
	ck_assert_uint_eq(peer.closed, 1);
	peer_end();
	for (int i = 0; i < 30 && !world.host->stops; i++) {
		world_settle();
	}
	ck_assert_uint_eq(world.host->stops, 1);
	ck_assert_ptr_null(world_link());
}
END_TEST

/* Nothing answers: it ends all the same, within two seconds. */
START_TEST(test_stop_without_answers)
{
	world_up();
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_send(handle, false, "the end");
	fake_host_stop(world.host);
	world_settle();
	ck_assert_uint_eq(world.host->stops, 0);
	world_pass(1500);
	for (int i = 0; i < 30 && !peer.closed; i++) {
		world_settle();
	}
	ck_assert_uint_eq(peer.closed, 1);
	world_pass(400);
	for (int i = 0; i < 30 && !world.host->stops; i++) {
		world_settle();
	}
	ck_assert_uint_eq(world.host->stops, 1);
	ck_assert_int_eq(world_sent(1), QG_CANCELLED);
}
END_TEST

/* A thousand lost connections, each with a stream open and a reply in flight: nothing is left behind (a sanitizer
 * watches), each reply has one result, and the last connection works. */
START_TEST(test_thousand_reconnects)
{
	world_up();
	for (int i = 0; i < 1000; i++) {
		char name[32];
		snprintf(name, sizeof(name), "q%d", i);
		const char *handle = world_hear(name, name, i % 2 == 0, "@HarborBot hi");
		world_draft(handle, 1, "one");
		if (i % 3 == 0) {
			peer_answer(peer.count - 1, 0, NULL);
		}
		world_send(handle, i % 2 == 0, "one two");
		peer_end();
		world_up_again();
		peer_answer(peer.count - 1, 0, NULL); /* of what was pushed, if anything was */
		world_settle();
		ck_assert_uint_eq(world.host->sent_count, 1);
		qg_reply_destroy(world.host->replies[0]);
		qg_message_destroy(world.host->messages[0]);
		world.host->sent_count = world.host->message_count = 0;
		ck_assert_uint_eq(world_link()->lane_count, 0);
		ck_assert(qg_list_is_empty(&world_link()->calls));
	}
	ck_assert_uint_eq(peer.opened, 1001);
	ck_assert_uint_eq(peer.alive, 1);
}
END_TEST

static enum qg_status told;

static void probed(void *arg, enum qg_status status, const char *words)
{
	told = status;
	ck_assert_ptr_nonnull(words);
}

START_TEST(test_probe)
{
	static const struct {
		int64_t code;
		enum qg_status status;
	} cases[] = {{0, QG_OK}, {853000, QG_DENIED}, {-1, QG_BUSY}, {12345, QG_FAILED}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		told = QG_STALE;
		world.host->bot.adapter->probe(&world.host->bot, probed, NULL);
		peer_accept();
		ck_assert_int_eq(told, QG_STALE);
		peer_answer(peer.count - 1, cases[i].code, NULL);
		ck_assert_int_eq(told, cases[i].status);
		ck_assert_uint_eq(peer.alive, 0);
	}
	world.host->bot.adapter->probe(&world.host->bot, probed, NULL);
	peer_end();
	ck_assert_int_eq(told, QG_IO);
	world.host->bot.adapter->probe(&world.host->bot, probed, NULL); /* ended with the bot */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom link");
	TCase *tests = tcase_create("link");
	tcase_add_checked_fixture(tests, world_open, world_close);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_subscribe_and_ping);
	tcase_add_test(tests, test_missed_pongs);
	tcase_add_test(tests, test_backoff);
	tcase_add_test(tests, test_refused);
	tcase_add_test(tests, test_no_answer_to_subscribe);
	tcase_add_test(tests, test_kicked);
	tcase_add_test(tests, test_frames_without_answers);
	tcase_add_test(tests, test_quiet_for_long);
	tcase_add_test(tests, test_rubbish);
	tcase_add_test(tests, test_shared);
	tcase_add_test(tests, test_stop);
	tcase_add_test(tests, test_stop_without_answers);
	tcase_add_test(tests, test_thousand_reconnects);
	tcase_add_test(tests, test_probe);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
