/* test_streams.c - what is shown under a message's id: thinking, snapshots, the end, and all that may go wrong. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/buf.h"
#include "qg/json.h"
#include "qg/str.h"

#define STREAM "body.stream.id"

static void open_world(void)
{
	world_open();
	world_up();
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
	world_expect(0, RESPOND, "", false);
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
	world_copy_id(id, 0);
	peer_answer(0, 0, NULL);
	world_draft(handle, 1, "one");
	world_expect(1, RESPOND, "one", false);
	ck_assert_str_eq(peer_str(1, STREAM), id);
	peer_answer(1, 0, NULL);
	world_send(handle, false, "one two");
	world_expect(2, RESPOND, "one two", true);
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
	world_expect(0, RESPOND, "at once", true);
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
	static const enum qg_status answers[] = {QG_BUSY, QG_AWAY, QG_NO_MEMORY, QG_CANCELLED};
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		char name[2] = {(char)('a' + i), '\0'};
		world.host->answer = answers[i];
		world_hear(name, name, false, "hi");
		world_expect(i, RESPOND, "overflow_say_again", true);
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
	world_expect(1, RESPOND, "w0 w1 w2", false);
	world_draft(handle, 4, "w0 w1 w2 w3");
	world_send(handle, false, "w0 w1 w2 w3 end");
	ck_assert_uint_eq(peer.count, 2);
	peer_answer(1, 0, NULL);
	world_expect(2, RESPOND, "w0 w1 w2 w3 end", true);
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
	world_expect(1, RESPOND, "one", false); /* given up, and its newest again */
	world_send(handle, false, "one two");
	peer_answer(0, 846605, NULL); /* the late one */
	ck_assert_uint_eq(peer.count, 2);
	peer_answer(1, 0, NULL); /* its own */
	world_expect(2, RESPOND, "one two", true);
	char id[64];
	world_copy_id(id, 0);
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
	world_expect(2, RESPOND, "one two", true);
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
	world_expect(1, RESPOND, "text", true);
	char id[64];
	world_copy_id(id, 0);
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
	world_expect(1, RESPOND, "one two", false);
	peer_answer(1, 0, NULL);
	world_send(handle, false, "one two three");
	for (size_t i = 2; i < 5; i++) { /* the end three times, then as a message of its own */
		world_expect(i, RESPOND, "one two three", true);
		peer_answer(i, 6000, NULL);
		world_pass(150);
	}
	world_expect(5, RESPOND, "one two three", true);
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
	world_copy_id(id, 0);
	world_draft(handle, 2, "First line.\nSecond");
	world_pass(1000);
	peer_answer(1, 846608, NULL);
	world_expect(2, RESPOND, "Second", false);
	ck_assert_str_ne(peer_str(2, STREAM), id);
	peer_answer(2, 0, NULL);
	world_send(handle, false, "First line.\nSecond line.");
	world_expect(3, RESPOND, "Second line.", true);
	peer_answer(3, 846608, NULL);
	world_expect(4, RESPOND, " line.", true);
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
	world_expect(2, RESPOND, "Something else", true);
}
END_TEST

START_TEST(test_keep_alive_and_rotation)
{
	char id[64];
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "One.\n```c\nint x;\nint y;");
	peer_answer(0, 0, NULL);
	world_copy_id(id, 0);
	world_link()->ping_at = UINT64_MAX;
	world_pass(229000);
	ck_assert_uint_eq(peer.count, 1);
	world_pass(1000);
	world_expect(1, RESPOND, "One.\n```c\nint x;\nint y;", false);
	peer_answer(1, 0, NULL);
	world_pass(69999);
	ck_assert_uint_eq(peer.count, 2);
	world_pass(1);
	world_expect(2, RESPOND, "One.\n```c\nint x;\n```", true);
	ck_assert_str_eq(peer_str(2, STREAM), id);
	peer_answer(2, 0, NULL);
	world_expect(3, RESPOND, "```\nint y;", false);
	ck_assert_str_ne(peer_str(3, STREAM), id);
	peer_answer(3, 0, NULL);
	world_send(handle, false, "One.\n```c\nint x;\nint y;\n```\nEnd.");
	world_expect(4, RESPOND, "```\nint y;\n```\nEnd.", true);
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
	world_expect(1, RESPOND, "busy", true);
	peer_answer(1, 0, NULL);
	world_expect(2, RESPOND, "", false);
	peer_answer(2, 0, NULL);
	world_send(handle, false, "answer");
	world_expect(3, RESPOND, "answer", true);
}
END_TEST

/* Between two bubbles there may be a long silence: the next one goes on behind the last. */
START_TEST(test_silence_between_bubbles)
{
	char id[64];
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, "text");
	peer_answer(0, 0, NULL);
	world_copy_id(id, 0);
	world_link()->ping_at = UINT64_MAX;
	world.wall += 301000;
	world_pass(1000);
	peer_answer(1, 0, NULL);
	world_pass(60000);
	world_draft(handle, 2, "text and more");
	world_expect(2, RESPOND, " and more", false);
	ck_assert_str_ne(peer_str(2, STREAM), id);
	peer_answer(2, 0, NULL);
	world_pass(30 * 60000);
	world_expect(3, RESPOND, " and more\n\ninterrupted", true); /* nobody ends it */
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
	world_expect(1, RESPOND, "one", false);
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
	world_expect(1, RESPOND, "text", true);
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

/* Longer than a part, and slower than a stream's life: what stands in earlier bubbles is the first part's beginning. */
START_TEST(test_long_draft_turns)
{
	QG_AUTO(qg_buf_finish) struct qg_buf text;
	qg_buf_init(&text, 65536);
	for (int i = 0; i < 2000; i++) {
		qg_buf_printf(&text, "line %04d of it\n", i);
	}
	qg_buf_add_char(&text, '\0');
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_draft(handle, 1, text.data);
	size_t shown = strlen(peer_str(0, "body.stream.content"));
	ck_assert_uint_le(shown, WECOM_PART_MOST);
	ck_assert_uint_gt(shown, WECOM_PART_MOST / 2);
	peer_answer(0, 0, NULL);
	world_link()->ping_at = UINT64_MAX;
	world_pass(300000);
	peer_answer(1, 0, NULL); /* the turn */
	json_auto_t *parts = json_array();
	ck_assert_int_eq(qg_split(text.data, strlen(text.data), WECOM_PART_MOST, parts), QG_OK);
	size_t count = json_array_size(parts);
	ck_assert_uint_ge(count, 2);
	QG_AUTO(qg_str_free) char *all = qg_str_copy("");
	for (size_t i = 0; i < count; i++) {
		struct qg_reply *reply =
			world_reply(handle, false, json_string_value(json_array_get(parts, i)));
		reply->part = (unsigned)i;
		reply->parts = (unsigned)count;
		size_t before = peer.count;
		fake_host_send(world.host, reply);
		if (peer.count > before) {
			peer_answer(before, 0, NULL);
		}
		ck_assert_int_eq(world_sent(i + 1), QG_OK);
	}
	for (size_t i = 0; i < peer.count; i++) {
		if (strstr(peer.frames[i], "\"finish\":true")) {
			char *more =
				qg_str_printf("%s%s\n", all, peer_str(i, "body.stream.content"));
			free(all);
			all = more;
		}
	}
	for (int i = 0; i < 2000; i++) {
		char line[32];
		snprintf(line, sizeof(line), "line %04d of", i);
		const char *found = strstr(all, line);
		ck_assert_msg(found && !strstr(found + 1, line), "%s: once", line);
	}
}
END_TEST

/* Who only thinks, and is refused for its rate, leaves the minute to those who have something to say. */
START_TEST(test_thinking_is_refused)
{
	const char *handle = world_hear("r1", "m1", false, "hi");
	world_link()->ping_at = UINT64_MAX;
	world_pass(500);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(peer.count, i + 1);
		peer_answer(i, 45009, NULL);
		world_pass(((uint64_t)3000 << i) - 1);
		ck_assert_uint_eq(peer.count, i + 1);
		world_pass(1);
	}
	ck_assert_uint_eq(peer.count, 5);
	peer_answer(4, 45009, NULL);
	world_pass(3000);
	world_send(handle, false, "end");
	world_expect(5, RESPOND, "end", true);
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
	world_expect(1, RESPOND, "one two", false);
	peer_answer(1, 0, NULL);
	world_draft(handle, 3, "one two three");
	world_pass(2000);
	ck_assert_uint_eq(peer.count, 2);
	world_send(handle, false, "end");
	world_expect(2, RESPOND, "end", true);
	peer_answer(2, 45009, NULL);
	ck_assert_int_eq(world_sent(1), QG_BUSY);
	world_send(handle, false, "end");
	ck_assert_uint_eq(peer.count, 4);
}
END_TEST

START_TEST(test_asker)
{
	const char *handle = world_hear("r1", "m1", true, "@HarborBot hi");
	world_draft(handle, 1, "text");
	world_expect(0, RESPOND, "**" USER "** text", false);
	peer_answer(0, 0, NULL);
	world_send(handle, true, "# Title");
	world_expect(1, RESPOND, "**" USER "** \n# Title", true);
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
	tcase_add_test(tests, test_keep_alive_and_rotation);
	tcase_add_test(tests, test_rotation_without_text);
	tcase_add_test(tests, test_rotation_by_wall);
	tcase_add_test(tests, test_long_draft_turns);
	tcase_add_test(tests, test_thinking_is_refused);
	tcase_add_test(tests, test_silence_between_bubbles);
	tcase_add_test(tests, test_feedback_refused);
	tcase_add_test(tests, test_forgotten);
	tcase_add_test(tests, test_rate);
	tcase_add_test(tests, test_asker);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
