/* test_sends.c - replies: in place or pushed, without a connection, in parts, with buttons, silent, for several messages. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/json.h"

#define STREAM "body.stream.id"
#define RESPOND "aibot_respond_msg"
#define PUSH "aibot_send_msg"
#define PUSHED "body.markdown.content"

static void open_world(void)
{
	world_open();
	world_up();
}

START_TEST(test_push)
{
	static const int64_t codes[] = {846605, 600039, 77777};
	world_draft(NULL, 1, "nowhere");
	world_draft("rubbish", 1, "nowhere");
	for (size_t i = 0; i < 3; i++) {
		char name[2] = {(char)('a' + i), '\0'};
		world_forget();
		const char *handle = world_hear(name, name, true, "@HarborBot hi");
		world_send(handle, true, "answer");
		peer_answer(0, codes[i], NULL);
		ck_assert_uint_eq(peer.count, 2);
		ck_assert_ptr_nonnull(strstr(peer.frames[1],
			"\"body\":{\"chatid\":\"" GROUP "\",\"chat_type\":2,\"msgtype\":"
			"\"markdown\",\"markdown\":{"
			"\"content\":\""));
		ck_assert_ptr_nonnull(strstr(peer_str(1, PUSHED), "answer"));
		world_draft(handle, 9, "more"); /* no more in place */
		peer_answer(1, 0, NULL);
		ck_assert_int_eq(world_sent(i + 1), QG_OK);
		world_pass(2000);
		ck_assert_uint_eq(peer.count, 2);
	}
	world_send(NULL, false, "first word"); /* nobody asked */
	ck_assert_ptr_nonnull(strstr(peer.frames[2], "\"chatid\":\"" USER "\",\"chat_type\":1,"));
	peer_answer(2, 93006, NULL);
	ck_assert_int_eq(world_sent(4), QG_NOT_FOUND);
}
END_TEST

START_TEST(test_push_failures)
{
	static const struct {
		int64_t code;
		enum qg_status status;
	} cases[] = {{45009, QG_BUSY}, {-1, QG_BUSY}, {45002, QG_TOO_LARGE}, {6000, QG_BUSY},
		{40008, QG_UNSUPPORTED}, {60011, QG_DENIED}, {77777, QG_UNSUPPORTED}};
	size_t count = sizeof(cases) / sizeof(cases[0]);
	for (size_t i = 0; i < count; i++) {
		world_send(NULL, false, "text");
		peer_answer(i, cases[i].code, NULL);
		ck_assert_int_eq(world_sent(i + 1), cases[i].status);
	}
	ck_assert_uint_ge(world.host->retry_ms[0], 60000);
	world_send(NULL, false, "text");
	world_pass(5000);
	ck_assert_int_eq(world_sent(count + 1), QG_TIMEOUT);
}
END_TEST

/* Not subscribed any more: reconnect, subscribe, and the answer as a message of its own. */
START_TEST(test_not_subscribed)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_send(handle, false, "answer");
	peer_answer(0, 846609, NULL);
	ck_assert_uint_eq(peer.alive, 0);
	ck_assert_int_eq(world_sent(0), QG_OK);
	world_pass(1000);
	peer_accept();
	peer_answer(1, 0, NULL);
	ck_assert_str_eq(peer_str(2, "cmd"), PUSH);
	ck_assert_str_eq(peer_str(2, PUSHED), "answer");
	peer_answer(2, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
}
END_TEST

/* The ids of an earlier connection are void; a frame whose answer was lost with it may have landed. */
START_TEST(test_reconnect)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_send(handle, false, "answer");
	peer_end();
	ck_assert_int_eq(world_sent(1), QG_IO);
	world_up_again();
	world_forget();
	world_draft(handle, 1, "draft");
	ck_assert_uint_eq(peer.count, 0);
	world_send(handle, false, "answer");
	ck_assert_str_eq(peer_str(0, "cmd"), PUSH);
	peer_answer(0, 0, NULL);
	ck_assert_int_eq(world_sent(2), QG_OK);
}
END_TEST

/* Without a connection a send waits two seconds, no longer. */
START_TEST(test_away)
{
	peer_end();
	world_send(NULL, false, "text");
	world_pass(1000);
	ck_assert_int_eq(world_sent(0), QG_OK);
	world_pass(1000);
	ck_assert_int_eq(world_sent(1), QG_BUSY);
}
END_TEST

START_TEST(test_wire_full)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	peer.full = true;
	world_send(handle, false, "end");
	ck_assert_uint_eq(peer.count, 0);
	peer.full = false;
	world_pass(1000);
	world_expect(0, RESPOND, "end", true);
}
END_TEST

START_TEST(test_other_handles_and_silence)
{
	const char *one = world_hear("r1", "m1", false, "a");
	const char *two = world_hear("r2", "m2", false, "b");
	world_pass(500);
	const char *three = world_hear("r3", "m3", false, "c");
	ck_assert_uint_eq(peer.count, 2);
	peer_answer(0, 0, NULL);
	peer_answer(1, 0, NULL);
	struct qg_reply *reply = world_reply(two, false, "all");
	reply->handles = json_pack("[s, s, s]", one, three, "rubbish");
	fake_host_send(world.host, reply);
	ck_assert_uint_eq(peer.count, 4);
	world_expect(2, RESPOND, "see_below", true);
	ck_assert_str_eq(peer_str(2, "headers.req_id"), "r1");
	world_expect(3, RESPOND, "all", true);
	peer_answer(2, 0, NULL);
	peer_answer(3, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
	world_pass(2000);
	ck_assert_uint_eq(peer.count, 4); /* the third never showed anything, and does not begin */

	const char *four = world_hear("r4", "m4", false, "d");
	world_pass(500);
	peer_answer(4, 0, NULL);
	reply = world_reply(four, false, "");
	reply->silent = true;
	fake_host_send(world.host, reply);
	world_expect(5, RESPOND, "nothing_to_say", true);
	peer_answer(5, 0, NULL);
	ck_assert_int_eq(world_sent(2), QG_OK);

	const char *five = world_hear("r5", "m5", false, "e");
	reply = world_reply(five, false, "");
	reply->silent = true;
	fake_host_send(world.host, reply);
	ck_assert_int_eq(world_sent(3), QG_OK);
	world_pass(2000);
	ck_assert_uint_eq(peer.count, 6);
}
END_TEST

START_TEST(test_parts)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	struct qg_reply *reply = world_reply(handle, false, "part one");
	reply->parts = 2;
	reply->buttons = json_pack("[{s:s, s:s}]", "text", "Yes", "value", "yes");
	fake_host_send(world.host, reply);
	peer_answer(0, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
	reply = world_reply(handle, false, "part two");
	reply->parts = 2;
	reply->part = 1;
	reply->buttons = json_pack("[{s:s, s:s}]", "text", "Yes", "value", "yes");
	fake_host_send(world.host, reply);
	world_expect(1, RESPOND, "part two", true);
	char first[64];
	world_copy_id(first, 0);
	ck_assert_str_ne(peer_str(1, STREAM), first);
	peer_answer(1, 0, NULL);
	ck_assert_uint_eq(peer.count, 3);
	ck_assert_str_eq(peer_str(2, "cmd"), RESPOND);
	ck_assert_str_eq(peer_str(2, "body.msgtype"), "template_card");
	ck_assert_str_eq(peer_str(2, "body.template_card.card_type"), "button_interaction");
	peer_answer(2, 0, NULL);
	ck_assert_int_eq(world_sent(2), QG_OK);
}
END_TEST

/* Of a reply that comes again only what is not out yet goes. */
START_TEST(test_pieces_once)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	for (int i = 0; i < 2; i++) {
		struct qg_reply *reply = world_reply(handle, false, "text");
		reply->buttons = json_pack("[{s:s, s:s}]", "text", "Yes", "value", "yes");
		fake_host_send(world.host, reply);
		if (i == 0) {
			peer_answer(0, 0, NULL);
			peer_answer(1, -1, NULL);
			ck_assert_int_eq(world_sent(1), QG_BUSY);
		}
	}
	ck_assert_uint_eq(peer.count, 3);
	ck_assert_str_eq(peer_str(2, "body.msgtype"), "template_card");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom sends");
	TCase *tests = tcase_create("sends");
	tcase_add_checked_fixture(tests, open_world, world_close);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_push);
	tcase_add_test(tests, test_push_failures);
	tcase_add_test(tests, test_not_subscribed);
	tcase_add_test(tests, test_reconnect);
	tcase_add_test(tests, test_away);
	tcase_add_test(tests, test_wire_full);
	tcase_add_test(tests, test_other_handles_and_silence);
	tcase_add_test(tests, test_parts);
	tcase_add_test(tests, test_pieces_once);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
