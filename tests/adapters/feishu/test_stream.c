/* test_stream.c - what comes over the long connection and what goes back: every recorded frame is held to what its vector
 * requires, events in parts are joined within bounds, acks wait for the store and leave where the event came, and what makes
 * no sense costs nothing. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socket.h"

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/str.h"

#define OUT_MAX ((size_t)2 << 20)

static json_t *acks, *negative;

static void setup(void)
{
	sock_open("");
	acks = world_vectors("ws-acks");
	negative = world_vectors("ws-negative");
}

static void teardown(void)
{
	json_decref(acks);
	json_decref(negative);
	sock_close();
}

static const char *sent_hex(const char *id, size_t at)
{
	const json_t *sent = json_object_get(sock_vector(acks, id), "sent");
	return qg_json_str(json_array_get(sent, at), "hex", "");
}

static void say(const char *id)
{
	const json_t *sent = json_object_get(sock_vector(acks, id), "sent");
	for (size_t i = 0; i < json_array_size(sent); i++) {
		sock_say_hex(0, sent_hex(id, i));
	}
	sock_settle();
}

static struct feishu_frame frame_of(const char *hex)
{
	struct feishu_frame frame = {0};
	size_t size = strlen(hex) / 2;
	char *bytes = malloc(size + 1);
	ck_assert_int_eq(qg_hex_decode(hex, 2 * size, bytes), QG_OK);
	ck_assert_int_eq(feishu_frame_read(bytes, size, &frame), QG_OK);
	free(bytes);
	return frame;
}

/* ---- acks ---- */

/* What was sent repeats the frame, with biz_rt last and a payload of this code. Its data; decref it. */
static json_t *check_ack(size_t at, const char *hex, int code)
{
	struct feishu_frame ack = sock_frame(at), wanted = frame_of(hex);
	struct qg_buf again;
	qg_buf_init(&again, OUT_MAX);
	int64_t took = feishu_frame_number(&ack, "biz_rt", -1);
	ck_assert_int_ge(took, 0);
	ck_assert_int_eq(
		feishu_frame_answer(&wanted, (uint64_t)took, ack.payload, ack.payload_size, &again),
		QG_OK);
	ck_assert_uint_eq(again.size, peer.frames[at].size);
	ck_assert_int_eq(memcmp(again.data, peer.frames[at].text, again.size), 0);
	json_t *payload = qg_json_parse(ack.payload, ack.payload_size, NULL);
	ck_assert_int_eq(qg_json_int(payload, "code", -1), code);
	const char *data = qg_json_str(payload, "data", NULL);
	json_t *answer = NULL;
	if (data) {
		qg_buf_reset(&again);
		ck_assert_int_eq(qg_base64_decode(data, strlen(data), &again), QG_OK);
		answer = qg_json_parse(again.data, again.size, NULL);
		ck_assert_ptr_nonnull(answer);
	}
	json_decref(payload);
	qg_buf_finish(&again);
	feishu_frame_finish(&ack);
	feishu_frame_finish(&wanted);
	return answer;
}

static const struct {
	const char *id;
	size_t part; /* that completes it */
	size_t acks, messages;
} recorded[] = {
	{"ws/event", 0, 1, 1},
	{"ws/event-all-fields", 0, 1, 1},
	{"ws/event-big-ids", 0, 1, 1},
	{"ws/event-unregistered", 0, 1, 0},
	{"ws/card-as-event", 0, 1, 0},
	{"ws/card-type-frame", 0, 1, 0},
	{"ws/split-3-in-order", 2, 1, 1},
	{"ws/split-3-out-of-order", 2, 1, 1},
	{"ws/split-3-duplicate-part", 3, 1, 1},
	{"ws/split-3-missing-part", 0, 0, 0},
	{"ws/handler-slow", 0, 1, 1},
};

START_TEST(test_recorded)
{
	const char *id = recorded[_i].id;
	sock_up();
	peer_forget();
	say(id);
	ck_assert_msg(peer.count == recorded[_i].acks, "%s: %zu", id, peer.count);
	ck_assert_uint_eq(sock.host->message_count, recorded[_i].messages);
	if (recorded[_i].acks > 0) {
		json_decref(check_ack(0, sent_hex(id, recorded[_i].part), 200));
	}
	ck_assert(sock_link()->hinted == (strcmp(id, "ws/card-type-frame") == 0));
}
END_TEST

/* Every vector of the file is sent once, over one connection: as many acks as it requires. */
START_TEST(test_all_of_them)
{
	size_t index, seen = 0;
	json_t *vector;
	sock_up();
	json_array_foreach (json_object_get(acks, "vectors"), index, vector) {
		const char *id = qg_json_str(vector, "id", "");
		const json_t *required = json_object_get(vector, "required");
		const json_t *count = json_object_get(required, "acks");
		const json_t *first = json_array_get(json_object_get(vector, "sent"), 0);
		bool fails = qg_json_int(required, "ack_payload_code", 200) == 500;
		if (!qg_json_str(first, "hex", NULL)) {
			continue;
		}
		sock.host->answer = fails ? QG_BUSY : QG_OK;
		peer_forget();
		say(id);
		if (json_is_integer(count)) {
			ck_assert_msg(peer.count == (size_t)json_integer_value(count), "%s: %zu",
				id, peer.count);
		}
		if (fails) {
			ck_assert_ptr_null(check_ack(0, sent_hex(id, 0), 500));
		}
		seen++;
	}
	ck_assert_uint_ge(seen, 14);
	ck_assert_uint_eq(peer.alive, 1);
}
END_TEST

/* The same event twice: whether it is new is the store's to say, the platform hears twice that it is there. */
START_TEST(test_redelivery)
{
	sock_up();
	peer_forget();
	say("ws/event");
	sock.host->answer = QG_DUPLICATE;
	say("ws/event");
	ck_assert_uint_eq(peer.count, 2);
	ck_assert_ptr_null(check_ack(0, sent_hex("ws/event", 0), 200));
	ck_assert_ptr_null(check_ack(1, sent_hex("ws/event", 0), 200));
}
END_TEST

START_TEST(test_ack_waits_for_store)
{
	sock_up();
	peer_forget();
	sock.host->hold = true;
	say("ws/event");
	ck_assert_uint_eq(peer.count, 0);
	sock.mono += 1200;
	qg_clock_fix(sock.wall, sock.mono);
	fake_host_release(sock.host);
	ck_assert_uint_eq(peer.count, 1);
	struct feishu_frame ack = sock_frame(0);
	ck_assert_int_eq(feishu_frame_number(&ack, "biz_rt", -1), 1200);
	feishu_frame_finish(&ack);
	ck_assert_ptr_null(check_ack(0, sent_hex("ws/event", 0), 200));
	ck_assert_uint_eq(sock_link()->waiting_count, 0);
}
END_TEST

/* An ack belongs to its connection: none on the next one, none for what was not stored. */
START_TEST(test_connection_goes_before_ack)
{
	sock_up();
	sock.host->hold = true;
	say("ws/event");
	peer_end(0, 0);
	peer_forget();
	sock_pass(5000);
	sock_wait_lines(2);
	peer_accept(1);
	peer_forget();
	fake_host_release(sock.host);
	ck_assert_uint_eq(peer.count, 0);
	ck_assert_uint_eq(sock_link()->waiting_count, 0);
	sock.host->hold = false;
	sock_say_hex(1, sent_hex("ws/event", 0));
	sock_settle();
	ck_assert_uint_eq(peer.count, 1);
	ck_assert_uint_eq(peer.frames[0].line, 1);
}
END_TEST

START_TEST(test_store_is_away)
{
	static const enum qg_status answers[] = {QG_AWAY, QG_CANCELLED, QG_BUSY};
	sock_up();
	for (size_t i = 0; i < 3; i++) {
		peer_forget();
		sock.host->answer = answers[i];
		say("ws/event");
		ck_assert_uint_eq(peer.count, 1);
		ck_assert_ptr_null(check_ack(0, sent_hex("ws/event", 0), 500));
	}
}
END_TEST

START_TEST(test_full_wire)
{
	sock_up();
	peer_forget();
	peer.full = true;
	say("ws/event");
	ck_assert_uint_eq(peer.count, 0);
	ck_assert_uint_eq(sock.host->message_count, 1);
	ck_assert_uint_eq(sock_link()->waiting_count, 0);
}
END_TEST

/* The bot ends while an ack is due: nothing is sent, nothing is touched. */
START_TEST(test_end_before_ack)
{
	sock_up();
	sock.host->hold = true;
	say("ws/event");
	sock.host->bot.adapter->stop(&sock.host->bot);
	sock_settle();
	fake_host_release(sock.host);
	fake_host_destroy(sock.host);
	sock.host = NULL;
	ck_assert_uint_eq(peer.alive, 0);
}
END_TEST

/* Data is what resets the waits: upgrades and pongs may come from a server that closes at once. */
START_TEST(test_first_data_is_success)
{
	sock_up();
	peer_end(0, 0);
	ck_assert_uint_eq(sock_link()->up.backoff.tries, 1);
	sock_pass(5000);
	sock_wait_lines(2);
	peer_accept(1);
	sock_control(1, "pong", NULL);
	ck_assert_uint_eq(sock_link()->up.backoff.tries, 1);
	sock_say_hex(1, sent_hex("ws/event", 0));
	ck_assert_uint_eq(sock_link()->up.backoff.tries, 0);
	sock_settle();
}
END_TEST

/* ---- what makes no sense ---- */

START_TEST(test_negative)
{
	size_t index, seen = 0;
	json_t *vector;
	sock_up();
	json_array_foreach (json_object_get(negative, "vectors"), index, vector) {
		const char *id = qg_json_str(vector, "id", "");
		const json_t *required = json_object_get(vector, "required");
		const json_t *deliver = json_object_get(required, "deliver");
		size_t before = sock.host->message_count;
		bool is_text = strcmp(id, "ws-neg/text-message") == 0;
		peer_forget();
		if (is_text) {
			peer_say(0, "hello");
		}
		sock_say_hex(0, qg_json_str(vector, "sent_hex", ""));
		sock_settle();
		ck_assert_msg(peer.alive == 1, "%s", id);
		if (json_is_boolean(deliver)) {
			bool delivered = sock.host->message_count > before;
			ck_assert_msg(delivered == json_is_true(deliver), "%s", id);
			/* an event that cannot be read would be the same another time; what is no event needs no ack */
			bool is_settled = delivered || strcmp(id, "ws-neg/payload-not-json") == 0 ||
					  strcmp(id, "ws-neg/no-payload") == 0;
			ck_assert_msg(peer.count == (is_settled ? 1 : 0), "%s", id);
		}
		seen++;
	}
	ck_assert_uint_ge(seen, 17);
	peer_forget();
	say("ws/event");
	ck_assert_uint_eq(peer.count, 1);
}
END_TEST

/* ---- parts, by hand ---- */

struct piece {
	const char *id;
	const char *sum, *seq; /* NULL: without */
	const char *payload;
	size_t size;
};

static void add_header(struct qg_buf *out, const char *key, const char *value)
{
	size_t key_size = strlen(key), value_size = strlen(value);
	qg_buf_add_char(out, 0x2a);
	qg_buf_add_char(out, (char)(4 + key_size + value_size));
	qg_buf_printf(out, "\n%c%s\x12%c%s", (char)key_size, key, (char)value_size, value);
}

static void add_varint(struct qg_buf *out, size_t number)
{
	while (number >= 128) {
		qg_buf_add_char(out, (char)(number % 128 + 128));
		number /= 128;
	}
	qg_buf_add_char(out, (char)number);
}

static void say_piece(const struct piece *piece)
{
	struct qg_buf out;
	qg_buf_init(&out, OUT_MAX);
	qg_buf_add(&out, "\x08\x01\x10\x00\x18\x01\x20\x01", 8);
	add_header(&out, "type", "event");
	if (piece->id) {
		add_header(&out, "message_id", piece->id);
	}
	if (piece->sum) {
		add_header(&out, "sum", piece->sum);
	}
	if (piece->seq) {
		add_header(&out, "seq", piece->seq);
	}
	qg_buf_add_char(&out, 0x42);
	add_varint(&out, piece->size);
	qg_buf_add(&out, piece->payload, piece->size);
	ck_assert_int_eq(out.failed, QG_OK);
	peer_say_bytes(0, out.data, out.size);
	qg_buf_finish(&out);
}

static void say_part(const char *id, unsigned sum, unsigned seq, const char *payload, size_t size)
{
	char sums[16], seqs[16];
	snprintf(sums, sizeof(sums), "%u", sum);
	snprintf(seqs, sizeof(seqs), "%u", seq);
	say_piece(&(struct piece){id, sums, seqs, payload, size});
}

/* The payload of a recorded event; free it. */
static char *event_text(size_t *size_out)
{
	struct feishu_frame frame = frame_of(sent_hex("ws/event", 0));
	*size_out = frame.payload_size;
	char *text = feishu_frame_steal(&frame);
	feishu_frame_finish(&frame);
	return text;
}

/* One byte a part, backwards; some come twice, and their newest copy holds. */
START_TEST(test_many_parts)
{
	size_t size = 0;
	char *text = event_text(&size);
	unsigned sum = (unsigned)size;
	sock_up();
	peer_forget();
	ck_assert_uint_le(sum, 1024);
	say_part("m", sum, sum - 1, "xyz", 3);
	for (unsigned i = sum; i > 0; i--) {
		ck_assert_uint_eq(peer.count, 0);
		say_part("m", sum, i - 1, text + i - 1, 1);
	}
	sock_settle();
	ck_assert_uint_eq(peer.count, 1);
	ck_assert_uint_eq(sock.host->message_count, 1);
	ck_assert_uint_eq(sock_link()->set_bytes, 0);
	free(text);
}
END_TEST

START_TEST(test_empty_part_counts)
{
	size_t size = 0;
	char *text = event_text(&size);
	sock_up();
	peer_forget();
	say_part("m", 3, 2, "", 0);
	say_part("m", 3, 0, text, size);
	say_part("m", 3, 1, "", 0);
	sock_settle();
	ck_assert_uint_eq(peer.count, 1);
	ck_assert_uint_eq(sock.host->message_count, 1);
	free(text);
}
END_TEST

static const struct {
	const char *sum, *seq;
	size_t acks;
} numbers[] = {
	{NULL, NULL, 1},
	{"1", NULL, 1},
	{NULL, "0", 1},
	{"1", "0", 1},
	{"0", "0", 0},
	{"-1", "0", 0},
	{"1", "1", 0},
	{"1", "-1", 0},
	{"", "0", 0},
	{"1.0", "0", 0},
	{"99999999999", "0", 0},
	{"1025", "0", 0},
};

START_TEST(test_numbers)
{
	size_t size = 0;
	char *text = event_text(&size);
	sock_up();
	peer_forget();
	say_piece(&(struct piece){"m", numbers[_i].sum, numbers[_i].seq, text, size});
	sock_settle();
	ck_assert_uint_eq(peer.count, numbers[_i].acks);
	ck_assert_uint_eq(sock.host->message_count, numbers[_i].acks);
	ck_assert(qg_list_is_empty(&sock_link()->sets));
	free(text);
}
END_TEST

static size_t count_sets(void)
{
	size_t count = 0;
	QG_LIST_FOR_EACH (item, &sock_link()->sets) {
		count++;
	}
	return count;
}

/* Parts of no use, sets that never end: bounded in number, bytes and time. */
START_TEST(test_bounds)
{
	size_t size = (size_t)200 * 1024;
	char id[16], *bytes = calloc(1, size);
	sock_up();
	for (unsigned i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "s%u", i);
		say_part(id, 1024, i % 1024, bytes, 10);
	}
	ck_assert_uint_le(count_sets(), 32);
	ck_assert_uint_eq(sock_link()->set_bytes, 10 * count_sets());
	for (unsigned i = 0; i < 5; i++) { /* together they are no longer allowed */
		ck_assert_uint_le(sock_link()->set_bytes, (size_t)1 << 20 | 4096);
		say_part("large", 100, i, bytes, size);
	}
	say_part("large", 100, 5, bytes, size);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(id, sizeof(id), "l%u", i);
		say_part(id, 2, 0, bytes, size);
		ck_assert_uint_le(sock_link()->set_bytes, (size_t)4 << 20);
	}
	say_part(NULL, 2, 0, bytes, size);
	ck_assert_uint_gt(count_sets(), 0);
	sock_pass(19000);
	sock_control(0, "pong", NULL);
	ck_assert_uint_gt(count_sets(), 0);
	sock_pass(1000);
	ck_assert_uint_eq(count_sets(), 0);
	ck_assert_uint_eq(sock_link()->set_bytes, 0);
	free(bytes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feishu stream");
	TCase *tests = tcase_create("stream");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_loop_test(tests, test_recorded, 0, (int)(sizeof(recorded) / sizeof(recorded[0])));
	tcase_add_test(tests, test_all_of_them);
	tcase_add_test(tests, test_redelivery);
	tcase_add_test(tests, test_ack_waits_for_store);
	tcase_add_test(tests, test_connection_goes_before_ack);
	tcase_add_test(tests, test_store_is_away);
	tcase_add_test(tests, test_full_wire);
	tcase_add_test(tests, test_end_before_ack);
	tcase_add_test(tests, test_first_data_is_success);
	tcase_add_test(tests, test_negative);
	tcase_add_test(tests, test_many_parts);
	tcase_add_test(tests, test_empty_part_counts);
	tcase_add_loop_test(tests, test_numbers, 0, (int)(sizeof(numbers) / sizeof(numbers[0])));
	tcase_add_test(tests, test_bounds);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
