/* test_stream.c - what comes over a connection and what goes back: every recorded frame of the official client's server is
 * answered as its vector says, acks wait for the store but not for ever, and what makes no sense costs nothing. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#include "qg/json.h"
#include "qg/str.h"

static json_t *vectors;
static const json_t *frames;

static void setup(void)
{
	world_open("", NULL);
	vectors = world_vectors("stream_frames");
	frames = json_object_get(vectors, "frames");
}

static void teardown(void)
{
	json_decref(vectors);
	world_close();
}

static const char *raw(const char *name)
{
	return qg_json_str(world_named(frames, name), "inbound_raw", NULL);
}

static json_t *parse(const char *text)
{
	json_t *root = qg_json_parse(text, strlen(text), NULL);
	ck_assert_msg(root != NULL, "%s", text);
	return root;
}

static const char *id_of(const json_t *ack)
{
	return qg_json_str(json_object_get(ack, "headers"), "messageId", "");
}

/* ---- the vectors, as bytes ---- */

/* Where the recording's application said something else than we do, its words are taken. */
static void check_recorded(const json_t *vector, const char *recorded)
{
	struct dingtalk_frame frame;
	const char *text = qg_json_str(vector, "inbound_raw", "");
	struct qg_buf out;
	qg_buf_init(&out, 65536);
	ck_assert_int_eq(dingtalk_frame_read(text, strlen(text), &frame), QG_OK);
	json_t *wanted = parse(recorded);
	if (qg_piece_is(&frame.topic, "ping")) {
		ck_assert_int_eq(dingtalk_pong_write(&out, &frame), QG_OK);
	} else {
		char id[DINGTALK_MESSAGE_ID] = "";
		memcpy(id, frame.message_id.data, frame.message_id.size);
		ck_assert_int_eq(
			dingtalk_ack_write(&out, 200, id, "OK", qg_json_str(wanted, "data", "")),
			QG_OK);
	}
	ck_assert_str_eq(out.data, recorded); /* byte for byte */
	json_decref(wanted);
	qg_buf_finish(&out);
}

START_TEST(test_recorded_bytes)
{
	size_t compared = 0;
	for (size_t i = 0; i < json_array_size(frames); i++) {
		const json_t *vector = json_array_get(frames, i);
		const json_t *acks = json_object_get(vector, "recorded_ack");
		if (json_array_size(acks) > 0) {
			check_recorded(vector, json_string_value(json_array_get(acks, 0)));
			compared++;
		}
	}
	ck_assert_uint_ge(compared, 12);
}
END_TEST

/* ---- the vectors, over a connection ---- */

static void check_data(const json_t *vector, const json_t *must, const json_t *ack)
{
	const char *name = qg_json_str(vector, "name", "?");
	const char *data = qg_json_str(ack, "data", NULL);
	ck_assert_msg(data != NULL, "%s", name);
	json_t *inside = parse(data), *frame = parse(qg_json_str(vector, "inbound_raw", ""));
	const char *key = qg_json_str(must, "data_json_has_key", NULL);
	if (qg_json_bool(must, "data_equals_inbound_data", false)) {
		ck_assert_str_eq(data, qg_json_str(frame, "data", ""));
	}
	if (key) {
		ck_assert_msg(json_object_get(inside, key) != NULL, "%s", name);
	}
	/* Only what an application decides can say LATER: nothing here does. */
	if (json_object_get(must, "data_json_has")) {
		ck_assert_str_eq(qg_json_str(inside, "status", ""), "SUCCESS");
	}
	json_decref(inside);
	json_decref(frame);
}

static void check_answer(const json_t *vector, size_t before)
{
	const json_t *must = json_object_get(vector, "gateway_must");
	const char *name = qg_json_str(vector, "name", "?");
	if (!qg_json_bool(must, "required", false)) {
		ck_assert_msg(peer.count == before, "%s was answered", name);
		return;
	}
	ck_assert_msg(peer.count == before + 1, "%s: %zu answers", name, peer.count - before);
	json_t *ack = parse(peer.frames[before].text);
	ck_assert_int_eq(qg_json_int(ack, "code", 0), qg_json_int(must, "code", -1));
	ck_assert_str_eq(id_of(ack), qg_json_str(must, "message_id", "?"));
	ck_assert_str_eq(qg_json_str(json_object_get(ack, "headers"), "contentType", ""),
		qg_json_str(must, "content_type", "?"));
	check_data(vector, must, ack);
	json_decref(ack);
}

START_TEST(test_every_frame)
{
	world_up();
	for (size_t i = 0; i < json_array_size(frames); i++) {
		const json_t *vector = json_array_get(frames, i);
		const char *key = qg_json_str(vector, "dedupe_key", NULL);
		size_t before = peer.count, heard = world.host->message_count;
		peer_say(0, qg_json_str(vector, "inbound_raw", ""));
		world_settle();
		check_answer(vector, before);
		if (key) { /* copies too: that they are the same is the store's to know */
			ck_assert_uint_eq(world.host->message_count, heard + 1);
			ck_assert_str_eq(world.host->messages[heard]->id, key);
		}
	}
}
END_TEST

/* ---- acks ---- */

START_TEST(test_ack_waits_for_store)
{
	world_up();
	world.host->hold = true;
	peer_say(0, raw("callback_bot_group_text"));
	world_settle();
	world_pass(2400);
	ck_assert_uint_eq(peer.count, 0);
	fake_host_release(world.host);
	ck_assert_uint_eq(peer.count, 1);
	world_pass(5000);
	ck_assert_uint_eq(peer.count, 1);
}
END_TEST

/* What a card shows then is known when the press is stored, and stands in its ack. */
START_TEST(test_click_waits_for_store)
{
	QG_AUTO(qg_str_free) char *data = world_press("track1");
	json_auto_t *frame = json_pack("{s:s, s:{s:s, s:s}, s:s}", "type", "CALLBACK", "headers",
		"topic", DINGTALK_TOPIC_CARD, "messageId", "press1", "data", data);
	QG_AUTO(qg_str_free) char *text = qg_json_dump(frame);
	world_up();
	world.host->hold = true;
	peer_say(0, text);
	world_settle();
	ck_assert_uint_eq(world.host->message_count, 1);
	ck_assert_uint_eq(peer.count, 0);
	fake_host_release(world.host);
	ck_assert_uint_eq(peer.count, 1);
	json_auto_t *ack = parse(peer.frames[0].text);
	ck_assert_str_eq(id_of(ack), "press1");
	ck_assert_ptr_nonnull(strstr(qg_json_str(ack, "data", ""), "click_taken"));
}
END_TEST

START_TEST(test_connection_goes_before_a_click_is_stored)
{
	QG_AUTO(qg_str_free) char *data = world_press("track1");
	json_auto_t *frame = json_pack("{s:s, s:{s:s, s:s}, s:s}", "type", "CALLBACK", "headers",
		"topic", DINGTALK_TOPIC_CARD, "messageId", "press1", "data", data);
	QG_AUTO(qg_str_free) char *text = qg_json_dump(frame);
	world_up();
	world.host->hold = true;
	peer_say(0, text);
	world_settle();
	peer_end(0, 0);
	world_settle();
	fake_host_release(world.host);
	ck_assert_uint_eq(peer.count, 0);
}
END_TEST

/* The platform's patience ends: acked, and still held until it is stored. */
START_TEST(test_ack_at_the_deadline)
{
	world_up();
	world.host->hold = true;
	peer_say(0, raw("callback_bot_group_text"));
	peer_say(0, raw("callback_bot_ack_null_response"));
	world_pass(2500);
	ck_assert_uint_eq(peer.count, 2);
	fake_host_release(world.host);
	world_settle();
	ck_assert_uint_eq(peer.count, 2);
}
END_TEST

static size_t count_posts(void)
{
	size_t count = 0;
	for (size_t i = 0; i < world.asked_count; i++) {
		count += strcmp(world.asked[i].path, "/robot/sendBySession") == 0;
	}
	return count;
}

static bool has_post(void *arg)
{
	return count_posts() > 0;
}

START_TEST(test_lost_is_said_again)
{
	world_up();
	world.host->answer = QG_BUSY;
	peer_say(0, raw("callback_bot_group_text"));
	peer_say(0, raw("callback_bot_group_text"));
	world_wait(has_post, NULL);
	world_settle();
	ck_assert_uint_eq(peer.count, 0);    /* perhaps it comes again */
	ck_assert_uint_eq(count_posts(), 1); /* one sentence for a burst */
	ck_assert_ptr_nonnull(
		strstr(world.asked[world.asked_count - 1].body, "overflow_say_again"));
	world_pass(5000);
	ck_assert_uint_eq(peer.count, 0);
}
END_TEST

/* Stored after its connection went: nothing to answer on, and nothing breaks. */
START_TEST(test_connection_goes_before_ack)
{
	world_up();
	world.host->hold = true;
	peer_say(0, raw("callback_bot_group_text"));
	peer_end(0, 0);
	world_settle();
	fake_host_release(world.host);
	ck_assert_uint_eq(peer.count, 0);
	ck_assert_int_eq(world.host->link, QG_LINK_DOWN);
}
END_TEST

START_TEST(test_full_wire)
{
	world_up();
	peer.full = true;
	peer_say(0, raw("callback_bot_group_text"));
	peer_say(0, raw("system_ping"));
	world_settle();
	ck_assert_uint_eq(peer.count, 0);
	ck_assert_uint_eq(world.host->message_count, 1);
}
END_TEST

START_TEST(test_burst)
{
	char *seen[50] = {NULL};
	world_up();
	json_t *frame = parse(raw("callback_bot_group_text"));
	json_t *data = parse(qg_json_str(frame, "data", ""));
	for (size_t i = 0; i < 50; i++) {
		seen[i] = qg_str_printf("burst-%zu", i);
		json_object_set_new(data, "msgId", json_string(seen[i]));
		char *inside = qg_json_dump(data);
		json_object_set_new(frame, "data", json_string(inside));
		json_object_set_new(
			json_object_get(frame, "headers"), "messageId", json_string(seen[i]));
		char *text = qg_json_dump(frame);
		peer_say(0, text);
		free(text);
		free(inside);
	}
	peer_say(0, raw("system_ping"));
	world_settle();
	ck_assert_uint_eq(peer.count, 51);
	for (size_t i = 0; i < 50; i++) {
		size_t found = 0;
		for (size_t at = 0; at < peer.count; at++) {
			json_t *ack = parse(peer.frames[at].text);
			found += strcmp(id_of(ack), seen[i]) == 0;
			json_decref(ack);
		}
		ck_assert_uint_eq(found, 1);
		free(seen[i]);
	}
	json_decref(data);
	json_decref(frame);
}
END_TEST

/* ---- what makes no sense ---- */

START_TEST(test_malformed)
{
	world_up();
	json_t *sequences = world_vectors("stream_sequences");
	const json_t *scenario = world_named(json_object_get(sequences, "scenarios"),
		"malformed_frames_do_not_kill_the_session");
	const json_t *bad =
		json_object_get(json_array_get(json_object_get(scenario, "steps"), 0), "frames");
	ck_assert_uint_ge(json_array_size(bad), 9);
	for (size_t i = 0; i < json_array_size(bad); i++) {
		peer_say(0, json_string_value(json_array_get(bad, i)));
	}
	world_settle();
	ck_assert_uint_eq(world.host->message_count, 0);
	size_t before = peer.count;
	peer_say(0, raw("callback_bot_group_text"));
	world_settle();
	ck_assert_uint_eq(peer.count, before + 1);
	ck_assert_uint_eq(world.host->message_count, 1);
	ck_assert_uint_eq(peer.line_count, 1); /* the same connection */
	json_decref(sequences);
}
END_TEST

START_TEST(test_data_as_object)
{
	world_up();
	json_t *frame = parse(raw("callback_bot_group_text"));
	json_object_set_new(frame, "data", parse(qg_json_str(frame, "data", "")));
	char *text = qg_json_dump(frame);
	peer_say(0, text);
	world_settle();
	ck_assert_uint_eq(world.host->message_count, 1);
	ck_assert_uint_eq(peer.count, 1);
	free(text);
	json_decref(frame);
}
END_TEST

/* A pong repeats headers; not when there are too many of them. */
START_TEST(test_long_headers)
{
	world_up();
	json_t *frame = parse(raw("system_ping"));
	char *long_text = malloc(9001);
	memset(long_text, 'x', 9000);
	long_text[9000] = '\0';
	json_object_set_new(json_object_get(frame, "headers"), "more", json_string(long_text));
	char *text = qg_json_dump(frame);
	peer_say(0, text);
	ck_assert_uint_eq(peer.count, 1);
	ck_assert_uint_lt(strlen(peer.frames[0].text), 500);
	json_t *pong = parse(peer.frames[0].text);
	ck_assert_str_eq(id_of(pong), id_of(frame));
	json_decref(pong);
	json_object_set_new(json_object_get(frame, "headers"), "messageId", json_string(long_text));
	free(text);
	text = qg_json_dump(frame);
	peer_say(0, text); /* an id that long is none */
	ck_assert_uint_eq(peer.count, 1);
	free(text);
	free(long_text);
	json_decref(frame);
}
END_TEST

static json_t *with_data(const json_t *frame, const char *data)
{
	json_t *other = json_deep_copy(frame);
	json_object_set_new(other, "data", json_string(data));
	return other;
}

START_TEST(test_quota_and_unsupported)
{
	static const char *const names[] = {"group_quota_exceeded_no_text", "direct_unknown_type"};
	world_up();
	json_t *messages = world_vectors("messages");
	json_t *frame = parse(raw("callback_bot_group_text"));
	for (size_t i = 0; i < 2; i++) {
		const json_t *message =
			world_named(json_object_get(messages, "messages"), names[i]);
		json_t *other = with_data(frame, qg_json_str(message, "data", ""));
		char *text = qg_json_dump(other);
		peer_say(0, text);
		ck_assert_uint_eq(peer.count, i + 1);
		free(text);
		json_decref(other);
	}
	world_wait(has_post, NULL);
	ck_assert_uint_eq(world.host->message_count, 0);
	ck_assert_ptr_nonnull(strstr(world.asked[world.asked_count - 1].body, "not_text"));
	ck_assert_uint_ge(dingtalk_account_used(world_core()->account, DINGTALK_USES), 100);
	json_decref(frame);
	json_decref(messages);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dingtalk stream");
	TCase *tests = tcase_create("stream");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_recorded_bytes);
	tcase_add_test(tests, test_every_frame);
	tcase_add_test(tests, test_ack_waits_for_store);
	tcase_add_test(tests, test_click_waits_for_store);
	tcase_add_test(tests, test_connection_goes_before_a_click_is_stored);
	tcase_add_test(tests, test_ack_at_the_deadline);
	tcase_add_test(tests, test_lost_is_said_again);
	tcase_add_test(tests, test_connection_goes_before_ack);
	tcase_add_test(tests, test_full_wire);
	tcase_add_test(tests, test_burst);
	tcase_add_test(tests, test_malformed);
	tcase_add_test(tests, test_data_as_object);
	tcase_add_test(tests, test_long_headers);
	tcase_add_test(tests, test_quota_and_unsupported);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
