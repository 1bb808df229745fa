/* test_events.c - what the platform tells beside messages: welcome, clicks, feedback; and every recorded message. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/buf.h"
#include "qg/json.h"
#include "qg/metrics.h"
#include "qg/str.h"

static void open_world(void)
{
	world_open();
	world_up();
}

static void event(const char *req_id, json_t *inner)
{
	peer_say_json(json_pack("{s:s, s:{s:s}, s:{s:s, s:i, s:s, s:s, s:s, s:s, s:{s:s}, s:o}}",
		"cmd", "aibot_event_callback", "headers", "req_id", req_id, "body", "msgid", req_id,
		"create_time", 1763800050, "aibotid", "aibQ7mN2x", "msgtype", "event", "chattype",
		"group", "chatid", GROUP, "from", "userid", USER, "event", inner));
	world_settle();
}

START_TEST(test_welcome)
{
	event("e1", json_pack("{s:s}", "eventtype", "enter_chat"));
	ck_assert_uint_eq(peer.count, 1);
	ck_assert_str_eq(peer_str(0, "cmd"), "aibot_respond_welcome_msg");
	ck_assert_str_eq(peer_str(0, "headers.req_id"), "e1");
	ck_assert_ptr_nonnull(strstr(peer.frames[0], "几点开门？"));
	peer_answer(0, 0, NULL);
	event("e2", json_pack("{s:s}", "eventtype", "something_new_event"));
	ck_assert_uint_eq(peer.count, 1);
	ck_assert_uint_eq(world.host->message_count, 0);
}
END_TEST

START_TEST(test_feedback)
{
	struct qg_metric *metric = qg_metric_counter("feedback_total",
		"bot=\"xiaoman\",kind=\"inaccurate\"", "What people said of answers.");
	int64_t before = qg_metric_value(metric);
	event("e1", json_pack("{s:s, s:{s:s, s:i, s:s}}", "eventtype", "feedback_event",
			    "feedback_event", "id", "trace_1", "type", 2, "content", "no"));
	ck_assert_int_eq(qg_metric_value(metric), before + 1);
	ck_assert_uint_eq(peer.count, 0);
	ck_assert_uint_eq(world.host->message_count, 0);
}
END_TEST

/* ---- clicks ---- */

static char task_id[256];

/* A reply with buttons, so that there is a card of ours; its task_id. */
static void show_card(void)
{
	const char *handle = world_hear("r1", "m1", true, "@HarborBot hi");
	struct qg_reply *reply = world_reply(handle, true, "choose");
	reply->buttons = json_pack("[{s:s, s:s}]", "text", "Yes", "value", "yes");
	fake_host_send(world.host, reply);
	peer_answer(0, 0, NULL);
	snprintf(task_id, sizeof(task_id), "%s", peer_str(1, "body.template_card.task_id"));
	ck_assert_str_ne(task_id, "");
	peer_answer(1, 0, NULL);
	ck_assert_int_eq(world_sent(1), QG_OK);
	world_forget();
}

static void click_as(const char *req_id, const char *user, const char *task)
{
	peer_say_json(json_pack("{s:s, s:{s:s}, s:{s:s, s:i, s:s, s:s, s:s, s:s, s:{s:s}, s:{s:s, "
				"s:{s:s, s:s, s:s, s:{}}}}}",
		"cmd", "aibot_event_callback", "headers", "req_id", req_id, "body", "msgid", req_id,
		"create_time", 1763800050, "aibotid", "aibQ7mN2x", "msgtype", "event", "chattype",
		"group", "chatid", GROUP, "from", "userid", user, "event", "eventtype",
		"template_card_event", "template_card_event", "card_type", "button_interaction",
		"event_key", "yes", "task_id", task, "selected_items"));
	world_settle();
}

static void expect_update(size_t at, const char *req_id, const char *words)
{
	ck_assert_uint_eq(peer.count, at + 1);
	ck_assert_str_eq(peer_str(at, "cmd"), "aibot_respond_update_msg");
	ck_assert_str_eq(peer_str(at, "headers.req_id"), req_id);
	ck_assert_str_eq(peer_str(at, "body.response_type"), "update_template_card");
	ck_assert_msg(strstr(peer.frames[at], words) != NULL, "%s", peer.frames[at]);
	peer_answer(at, 0, NULL);
}

START_TEST(test_click)
{
	show_card();
	click_as("c1", USER, task_id);
	expect_update(0, "c1", "click_takenyes");
	const struct qg_message *message = world.host->messages[1];
	ck_assert_int_eq(message->kind, QG_MESSAGE_CLICK);
	ck_assert_str_eq(message->text, "yes");
	world.host->answer = QG_DUPLICATE;
	click_as("c2", USER, task_id);
	expect_update(1, "c2", "click_again");
	ck_assert_str_eq(world.host->messages[1]->id, world.host->messages[2]->id);
	click_as("c3", "someone.else", task_id);
	expect_update(2, "c3", "click_other");
	click_as("c4", USER, "task-of-nobody");
	expect_update(3, "c4", "click_late");
	ck_assert_uint_eq(world.host->message_count, 3);
	/* no bubble thinks for a click: its id takes none */
	world_pass(3000);
	ck_assert_uint_eq(peer.count, 4);
}
END_TEST

/* The store is slow: the card says so in time, and only once. */
START_TEST(test_slow_click)
{
	show_card();
	world.host->hold = true;
	click_as("c1", USER, task_id);
	ck_assert_uint_eq(peer.count, 0);
	world_pass(4000);
	expect_update(0, "c1", "busy");
	fake_host_release(world.host);
	world_pass(1000);
	ck_assert_uint_eq(peer.count, 1);
}
END_TEST

/* It could not be stored: the card stays, to be clicked again. */
START_TEST(test_lost_click)
{
	show_card();
	world.host->answer = QG_AWAY;
	click_as("c1", USER, task_id);
	ck_assert_uint_eq(peer.count, 1);
	ck_assert_ptr_nonnull(strstr(peer.frames[0], "overflow_say_again"));
	ck_assert_str_ne(peer_str(0, "cmd"), "aibot_respond_update_msg");
}
END_TEST

/* A click on its way while the connection goes, and one while the bot ends. */
START_TEST(test_click_and_loss)
{
	show_card();
	world.host->hold = true;
	click_as("c1", USER, task_id);
	peer_end();
	world_pass(5000);
	fake_host_release(world.host);
	world_up_again();
	world_forget();
	world.host->hold = true;
	click_as("c2", USER, task_id);
	ck_assert_uint_eq(world.host->message_count, 3);
	fake_host_release(world.host);
	world_settle();
}
END_TEST

/* Every frame of the recordings that the server sent, played to the bot: what is a message arrives. */
START_TEST(test_recorded)
{
	static const struct {
		const char *file;
		size_t messages;
	} files[] = {{"ws-inbound-all-types", 0}, {"ws-stream", 1}, {"ws-cards", 2},
		{"ws-welcome", 0}, {"ws-upload-media", 1}};
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
		json_t *root = world_vectors(files[f].file);
		size_t before = world.host->message_count, i;
		json_t *entry;
		json_array_foreach (json_object_get(root, "log"), i, entry) {
			const json_t *frame = json_object_get(entry, "frame");
			const char *raw = qg_json_str(entry, "raw", NULL);
			if (strcmp(qg_json_str(entry, "dir", ""), "server->client") != 0) {
				continue;
			}
			if (raw) {
				peer_say(raw);
			} else if (json_object_get(frame, "cmd")) {
				peer_say_json(json_deep_copy(frame));
			}
			world_settle();
		}
		size_t got = world.host->message_count - before;
		ck_assert_msg(files[f].messages > 0 ? got >= files[f].messages : true, "%s: %zu",
			files[f].file, got);
		json_decref(root);
	}
	ck_assert_uint_eq(peer.alive, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wecom events");
	TCase *tests = tcase_create("events");
	tcase_add_checked_fixture(tests, open_world, world_close);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_welcome);
	tcase_add_test(tests, test_feedback);
	tcase_add_test(tests, test_click);
	tcase_add_test(tests, test_slow_click);
	tcase_add_test(tests, test_lost_click);
	tcase_add_test(tests, test_click_and_loss);
	tcase_add_test(tests, test_recorded);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
