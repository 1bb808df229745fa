/* test_streams.c - what is shown under a message's id: thinking, snapshots, the end, and all that may go wrong. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/json.h"

#define CONTENT "body.stream.content"
#define STREAM "body.stream.id"

static void open_world(void)
{
	world_open();
	world_up();
}

static bool is_end(size_t at)
{
	return strstr(peer.frames[at], "\"finish\":true") != NULL;
}

static void expect(size_t at, const char *cmd, const char *content, bool finish)
{
	ck_assert_uint_lt(at, peer.count);
	ck_assert_str_eq(peer_str(at, "cmd"), cmd);
	ck_assert_str_eq(peer_str(at, CONTENT), content);
	ck_assert_int_eq(is_end(at), finish);
}

static void copy_id(char id[64], size_t at)
{
	snprintf(id, 64, "%s", peer_str(at, STREAM));
}

#define RESPOND "aibot_respond_msg"
#define PUSH "aibot_send_msg"
#define PUSHED "body.markdown.content"

START_TEST(test_thinking)
{
	world_hear("r1", "m1", false, "hi");
	world_pass(499);
	ck_assert_uint_eq(peer.count, 0);
	world_pass(1);
	expect(0, RESPOND, "", false);
	ck_assert_str_eq(peer_str(0, "headers.req_id"), "r1");
	world_pass(2000);
	ck_assert_uint_eq(peer.count, 1);
}
END_TEST

/* The draft goes on in the bubble that thinks, at once. */
START_TEST(test_draft_after_thinking)
{
	char id[64];
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_pass(500);
	copy_id(id, 0);
	peer_answer(0, 0, NULL);
	world_draft(handle, 1, "one");
	expect(1, RESPOND, "one", false);
	ck_assert_str_eq(peer_str(1, STREAM), id);
	peer_answer(1, 0, NULL);
	world_send(handle, false, "one two");
	expect(2, RESPOND, "one two", true);
	ck_assert_str_eq(peer_str(2, STREAM), id);
	ck_assert_uint_eq(world.host->sent_count, 0);
	peer_answer(2, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
	/* what comes late opens nothing */
	world_draft(handle, 9, "one two three");
	world_pass(1000);
	ck_assert_uint_eq(peer.count, 3);
	world_pass(20000);
	ck_assert_uint_eq(world_link()->lane_count, 0);
}
END_TEST

START_TEST(test_no_thinking)
{
	static const enum qg_status answers[] = {QG_EMPTY, QG_DUPLICATE, QG_FULL, QG_INVALID};
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		char name[2] = {(char)('a' + i), '\0'};
		world.host->answer = answers[i];
		world_hear(name, name, false, "hi");
		world_pass(3000);
		ck_assert_uint_eq(peer.count, 0);
	}
	world.host->answer = QG_OK;
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_send(handle, false, "at once");
	expect(0, RESPOND, "at once", true);
	peer_answer(0, 0, NULL);
	world_pass(3000);
	ck_assert_uint_eq(peer.count, 1);
}
END_TEST

/* The answer may be there before the store has said that it has the message. */
START_TEST(test_answered_before_stored)
{
	world.host->hold = true;
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_send(handle, false, "quick");
	peer_answer(0, 0, NULL);
	world_pass(60000);
	fake_host_release(world.host);
	world_pass(3000);
	for (size_t i = 1; i < peer.count; i++) {
		ck_assert_str_eq(peer_str(i, "cmd"), "ping");
	}
}
END_TEST

START_TEST(test_not_stored)
{
	static const enum qg_status answers[] = {
		QG_BUSY, QG_AWAY, QG_NO_MEMORY, QG_CANCELLED};
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		char name[2] = {(char)('a' + i), '\0'};
		world.host->answer = answers[i];
		world_hear(name, name, false, "hi");
		expect(i, RESPOND, "overflow_say_again", true);
		ck_assert_str_eq(peer_str(i, "headers.req_id"), name);
	}
}
END_TEST

/* Of what comes while a frame is unanswered only the newest goes, and never faster than one a second; the end always. */
START_TEST(test_coalescing)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "w0");
	world_draft(handle, 2, "w0 w1");
	world_draft(handle, 3, "w0 w1 w2");
	world_draft(handle, 2, "old");
	ck_assert_uint_eq(peer.count, 1);
	peer_answer(0, 0, NULL);
	ck_assert_uint_eq(peer.count, 1);
	world_pass(1000);
	expect(1, RESPOND, "w0 w1 w2", false);
	world_draft(handle, 4, "w0 w1 w2 w3");
	world_send(handle, false, "w0 w1 w2 w3 end");
	ck_assert_uint_eq(peer.count, 2);
	peer_answer(1, 0, NULL);
	expect(2, RESPOND, "w0 w1 w2 w3 end", true);
	peer_answer(2, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
	ck_assert_uint_eq(peer.count, 3);
}
END_TEST

/* Messages do not hold each other up. */
START_TEST(test_two_lanes)
{
	const char *one = world_hear("r1", "m1", false, "hi");
	const char *two = world_hear("r2", "m2", false, "hi");
	world_draft(one, 1, "one");
	struct qg_reply *reply = world_reply(two, false, "two");
	memset(reply->id, 'f', 32);
	fake_host_send(world.host, reply);
	ck_assert_uint_eq(peer.count, 2);
	peer_answer(1, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
}
END_TEST

/* An answer that comes after five seconds is not taken for the next frame's. */
START_TEST(test_late_answer)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "one");
	world_pass(5000);
	expect(1, RESPOND, "one", false); /* given up, and its newest again */
	world_send(handle, false, "one two");
	peer_answer(0, 846605, NULL); /* the late one */
	ck_assert_uint_eq(peer.count, 2);
	peer_answer(1, 0, NULL); /* its own */
	expect(2, RESPOND, "one two", true);
	char id[64];
	copy_id(id, 0);
	ck_assert_str_eq(peer_str(2, STREAM), id);
	peer_answer(2, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
}
END_TEST

/* The answer given up never comes: what looked late was the frame's own. */
START_TEST(test_lost_answer)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "one");
	world_pass(5000);
	world_send(handle, false, "one two");
	peer_answer(1, 0, NULL);
	ck_assert_uint_eq(peer.count, 2);
	world_pass(1500);
	expect(2, RESPOND, "one two", true);
	peer_answer(2, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
}
END_TEST

/* A send that is made again goes on in the same bubble. */
START_TEST(test_repeated_send)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_send(handle, false, "text");
	world_pass(5000);
	ck_assert_int_eq(world_sent(1), QG_TIMEOUT);
	world_send(handle, false, "text");
	expect(1, RESPOND, "text", true);
	char id[64];
	copy_id(id, 0);
	ck_assert_str_eq(peer_str(1, STREAM), id);
}
END_TEST

START_TEST(test_conflict)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "one");
	peer_answer(0, 6000, NULL);
	world_draft(handle, 2, "one two");
	ck_assert_uint_eq(peer.count, 1);
	world_pass(150);
	expect(1, RESPOND, "one two", false);
	peer_answer(1, 0, NULL);
	world_send(handle, false, "one two three");
	for (size_t i = 2; i < 5; i++) { /* the end three times, then as a message of its own */
		expect(i, RESPOND, "one two three", true);
		peer_answer(i, 6000, NULL);
		world_pass(150);
	}
	expect(5, RESPOND, "one two three", true);
	peer_answer(5, 6000, NULL);
	ck_assert_str_eq(peer_str(6, "cmd"), PUSH);
	ck_assert_str_eq(peer_str(6, PUSHED), "one two three");
	peer_answer(6, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
}
END_TEST

/* The stream is over: what is not shown yet goes on in another one, at once. */
START_TEST(test_expired)
{
	char id[64];
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "First line.\n");
	peer_answer(0, 0, NULL);
	copy_id(id, 0);
	world_draft(handle, 2, "First line.\nSecond");
	world_pass(1000);
	peer_answer(1, 846608, NULL);
	expect(2, RESPOND, "Second", false);
	ck_assert_str_ne(peer_str(2, STREAM), id);
	peer_answer(2, 0, NULL);
	world_send(handle, false, "First line.\nSecond line.");
	expect(3, RESPOND, "Second line.", true);
	peer_answer(3, 846608, NULL);
	expect(4, RESPOND, " line.", true);
	peer_answer(4, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
}
END_TEST

/* A text that does not go on where the earlier bubble stopped is shown whole. */
START_TEST(test_expired_and_changed)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "Draft");
	peer_answer(0, 0, NULL);
	world_send(handle, false, "Something else");
	peer_answer(1, 846608, NULL);
	expect(2, RESPOND, "Something else", true);
}
END_TEST

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
		ck_assert_ptr_nonnull(strstr(peer.frames[1], "\"body\":{\"chatid\":\"" GROUP
							     "\",\"chat_type\":2,\"msgtype\":"
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
	ck_assert_ptr_nonnull(
		strstr(peer.frames[2], "\"chatid\":\"" USER "\",\"chat_type\":1,"));
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

START_TEST(test_keep_alive_and_rotation)
{
	char id[64];
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "One.\n```c\nint x;\nint y;");
	peer_answer(0, 0, NULL);
	copy_id(id, 0);
	world_link()->ping_at = UINT64_MAX;
	world_pass(229000);
	ck_assert_uint_eq(peer.count, 1);
	world_pass(1000);
	expect(1, RESPOND, "One.\n```c\nint x;\nint y;", false);
	peer_answer(1, 0, NULL);
	world_pass(69999);
	ck_assert_uint_eq(peer.count, 2);
	world_pass(1);
	expect(2, RESPOND, "One.\n```c\nint x;\n```", true);
	ck_assert_str_eq(peer_str(2, STREAM), id);
	peer_answer(2, 0, NULL);
	expect(3, RESPOND, "```\nint y;", false);
	ck_assert_str_ne(peer_str(3, STREAM), id);
	peer_answer(3, 0, NULL);
	world_send(handle, false, "One.\n```c\nint x;\nint y;\n```\nEnd.");
	expect(4, RESPOND, "```\nint y;\n```\nEnd.", true);
	peer_answer(4, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
}
END_TEST

/* It thinks for longer than a stream lives. */
START_TEST(test_rotation_without_text)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_pass(500);
	peer_answer(0, 0, NULL);
	world_link()->ping_at = UINT64_MAX;
	world_pass(300000);
	expect(1, RESPOND, "busy", true);
	peer_answer(1, 0, NULL);
	expect(2, RESPOND, "", false);
	peer_answer(2, 0, NULL);
	world_send(handle, false, "answer");
	expect(3, RESPOND, "answer", true);
}
END_TEST

/* Between two bubbles there may be a long silence: the next one goes on behind the last. */
START_TEST(test_silence_between_bubbles)
{
	char id[64];
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "text");
	peer_answer(0, 0, NULL);
	copy_id(id, 0);
	world_link()->ping_at = UINT64_MAX;
	world.wall += 301000;
	world_pass(1000);
	peer_answer(1, 0, NULL);
	world_pass(60000);
	world_draft(handle, 2, "text and more");
	expect(2, RESPOND, " and more", false);
	ck_assert_str_ne(peer_str(2, STREAM), id);
	peer_answer(2, 0, NULL);
	world_pass(30 * 60000);
	expect(3, RESPOND, " and more\n\ninterrupted", true); /* nobody ends it */
	peer_answer(3, 0, NULL);
	world_pass(11000);
	ck_assert_uint_eq(world_link()->lane_count, 0);
}
END_TEST

/* Feedback is asked for once; a platform that refuses the question gets the text all the same. */
START_TEST(test_feedback_refused)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "one");
	ck_assert_ptr_nonnull(strstr(peer.frames[0], "\"feedback\":{\"id\":\"trace_"));
	peer_answer(0, 40058, NULL);
	world_pass(150);
	expect(1, RESPOND, "one", false);
	ck_assert_ptr_null(strstr(peer.frames[1], "feedback"));
	peer_answer(1, 0, NULL);
	world_send(handle, false, "one two");
	ck_assert_ptr_null(strstr(peer.frames[2], "feedback"));
}
END_TEST

/* A jump of the wall clock alone turns it too: too early does no harm. */
START_TEST(test_rotation_by_wall)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "text");
	peer_answer(0, 0, NULL);
	world.wall += 301000;
	world_pass(1000);
	expect(1, RESPOND, "text", true);
	peer_answer(1, 0, NULL);
	ck_assert_uint_eq(peer.count, 2); /* the next bubble begins when there is more */
	world_send(handle, false, "text");
	ck_assert_int_eq(world_sent(1), QG_OK);
	ck_assert_uint_eq(peer.count, 2);
}
END_TEST

START_TEST(test_forgotten)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "half");
	peer_answer(0, 0, NULL);
	for (int i = 0; i < 190 && world_link()->lane_count; i++) {
		world_pass(10000);
		if (peer.count > 0 && peer.alive) {
			peer_answer(peer.count - 1, 0, NULL);
		}
	}
	ck_assert_uint_eq(world_link()->lane_count, 0);
}
END_TEST

/* A frame refused for its rate: three seconds between two, and the end goes all the same. */
START_TEST(test_rate)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "one");
	peer_answer(0, 45009, NULL);
	world_draft(handle, 2, "one two");
	world_pass(2999);
	ck_assert_uint_eq(peer.count, 1);
	world_pass(1);
	expect(1, RESPOND, "one two", false);
	peer_answer(1, 0, NULL);
	world_draft(handle, 3, "one two three");
	world_pass(2000);
	ck_assert_uint_eq(peer.count, 2);
	world_send(handle, false, "end");
	expect(2, RESPOND, "end", true);
	peer_answer(2, 45009, NULL);
	ck_assert_int_eq(world_sent(1), QG_BUSY);
	world_send(handle, false, "end");
	ck_assert_uint_eq(peer.count, 4);
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
	expect(0, RESPOND, "end", true);
}
END_TEST

START_TEST(test_asker)
{
	const char *handle = world_hear("r1", "m1", true, "@HarborBot hi");
	world_draft(handle, 1, "text");
	expect(0, RESPOND, "**" USER "** text", false);
	peer_answer(0, 0, NULL);
	world_send(handle, true, "# Title");
	expect(1, RESPOND, "**" USER "** \n# Title", true);
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
	expect(2, RESPOND, "see_below", true);
	ck_assert_str_eq(peer_str(2, "headers.req_id"), "r1");
	expect(3, RESPOND, "all", true);
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
	expect(5, RESPOND, "nothing_to_say", true);
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
	expect(1, RESPOND, "part two", true);
	char first[64];
	copy_id(first, 0);
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
	Suite *suite = suite_create("wecom streams");
	TCase *tests = tcase_create("streams");
	tcase_add_checked_fixture(tests, open_world, world_close);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_thinking);
	tcase_add_test(tests, test_draft_after_thinking);
	tcase_add_test(tests, test_no_thinking);
	tcase_add_test(tests, test_answered_before_stored);
	tcase_add_test(tests, test_not_stored);
	tcase_add_test(tests, test_coalescing);
	tcase_add_test(tests, test_two_lanes);
	tcase_add_test(tests, test_late_answer);
	tcase_add_test(tests, test_lost_answer);
	tcase_add_test(tests, test_repeated_send);
	tcase_add_test(tests, test_conflict);
	tcase_add_test(tests, test_expired);
	tcase_add_test(tests, test_expired_and_changed);
	tcase_add_test(tests, test_push);
	tcase_add_test(tests, test_push_failures);
	tcase_add_test(tests, test_not_subscribed);
	tcase_add_test(tests, test_reconnect);
	tcase_add_test(tests, test_away);
	tcase_add_test(tests, test_keep_alive_and_rotation);
	tcase_add_test(tests, test_rotation_without_text);
	tcase_add_test(tests, test_rotation_by_wall);
	tcase_add_test(tests, test_silence_between_bubbles);
	tcase_add_test(tests, test_feedback_refused);
	tcase_add_test(tests, test_forgotten);
	tcase_add_test(tests, test_rate);
	tcase_add_test(tests, test_wire_full);
	tcase_add_test(tests, test_asker);
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
