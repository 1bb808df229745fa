/* test_ws.c - websocket links: messages both ways, in every cut, and how they end. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"

static struct station station;
static struct caller one;

/* ---- messages ---- */

START_TEST(an_echo_both_ways)
{
	call_station(&one, &station);
	caller_say(&one, "你好");
	wait_messages(&one, 1);
	ck_assert_str_eq(one.data, "你好");
	ck_assert(!one.binary);
	ck_assert_int_eq(qg_ws_send(one.ws, "\0\1\2", 3, true), QG_OK);
	wait_messages(&one, 2);
	ck_assert(one.binary);
	ck_assert_uint_eq(one.size, 3);
	ck_assert_int_eq(memcmp(one.data, "\0\1\2", 3), 0);
	ck_assert(!station.unmasked);
	ck_assert_uint_eq(counts_now().opened, 1);
	ck_assert_uint_eq(counts_now().open, 1);
}
END_TEST

START_TEST(the_request_is_what_was_asked_for)
{
	static const char *const headers[] = {"X-Ticket: secret", "Authorization: Bearer 1", NULL};
	struct qg_ws_request request = {
		.url = station_url(&station, "/link/a?ticket=1&b=%20"), .headers = headers};
	char line[64];
	call(&one, &request);
	wait_open(&one);
	ck_assert_ptr_eq(strstr(station.request, "GET /link/a?ticket=1&b=%20 HTTP/1.1\r\n"),
		station.request);
	snprintf(line, sizeof(line), "\r\nHost: 127.0.0.1:%u\r\n", station.vendor.port);
	ck_assert_ptr_nonnull(strstr(station.request, line));
	ck_assert_ptr_nonnull(strstr(station.request, "\r\nX-Ticket: secret\r\n"));
	ck_assert_ptr_nonnull(strstr(station.request, "\r\nAuthorization: Bearer 1\r\n"));
	ck_assert_ptr_nonnull(strstr(station.request, "\r\nUser-Agent: qungong\r\n"));
	ck_assert_ptr_nonnull(strstr(station.request, "\r\nSec-WebSocket-Version: 13\r\n"));
	ck_assert_ptr_null(strcasestr(station.request, "Sec-WebSocket-Extensions"));
	ck_assert_ptr_null(strcasestr(station.request, "Origin:"));
}
END_TEST

/* Around each border of the frame's length, of what the library reads at a time, and of a fragment. */
static const size_t sizes[] = {
	0, 1, 125, 126, 127, 4095, 4096, 4097, 8192, 16369, 16370, 16371, 65535, 65536, 300000};

START_TEST(every_size_both_ways)
{
	size_t size = sizes[_i];
	char *data = malloc(size + 1);
	for (size_t i = 0; i < size; i++) {
		data[i] = (char)(i * 7 + i / 251);
	}
	call_station(&one, &station);
	ck_assert_int_eq(qg_ws_send(one.ws, data, size, true), QG_OK);
	ck_assert_uint_eq(qg_ws_waiting(one.ws), size);
	wait_messages(&one, 1);
	ck_assert_uint_eq(one.size, size);
	ck_assert_int_eq(memcmp(one.data, data, size), 0);
	ck_assert_uint_le(station.largest, 16384);
	ck_assert_uint_eq(qg_ws_waiting(one.ws), 0);
	free(data);
}
END_TEST

START_TEST(fragments_become_one_message)
{
	call_station(&one, &station);
	struct visitor *visitor = station_last(&station);
	station_send(visitor, FRAME_TEXT, "eins ", 5);
	station_send(visitor, FRAME_MORE, "", 0);
	station_send(visitor, FRAME_FIN | FRAME_PING, "in between", 10);
	station_send(visitor, FRAME_MORE, "zwei ", 5);
	station_send(visitor, FRAME_FIN | FRAME_PONG, "", 0);
	station_send(visitor, FRAME_FIN | FRAME_MORE, "drei", 4);
	station_say(visitor, "next");
	wait_messages(&one, 1);
	wait_messages(&one, 2);
	ck_assert_str_eq(one.data, "next");
	ck_assert_int_eq(one.messages, 2);
}
END_TEST

static char first_message[64];

static void keep_first(struct caller *caller)
{
	if (caller->messages == 1) {
		snprintf(first_message, sizeof(first_message), "%d:%s", caller->binary,
			caller->data);
	}
}

START_TEST(fragments_keep_their_kind_and_order)
{
	one.on_message = keep_first;
	call_station(&one, &station);
	struct visitor *visitor = station_last(&station);
	station_send(visitor, FRAME_BINARY, "ab", 2);
	station_send(visitor, FRAME_FIN | FRAME_PING, "", 0);
	station_send(visitor, FRAME_FIN | FRAME_MORE, "cd", 2);
	station_say(visitor, "text");
	wait_messages(&one, 2);
	ck_assert_str_eq(first_message, "1:abcd");
	ck_assert(!one.binary);
}
END_TEST

START_TEST(frames_arrive_byte_by_byte)
{
	uint8_t head[14];
	call_station(&one, &station);
	struct visitor *visitor = station_last(&station);
	size_t size = station_head(head, FRAME_FIN | FRAME_TEXT, 300);
	for (size_t i = 0; i < size; i++) {
		visitor_send(visitor, head + i, 1);
		run_turns(1);
	}
	for (size_t i = 0; i < 300; i++) {
		visitor_send(visitor, "x", 1);
		run_turns(1);
	}
	wait_messages(&one, 1);
	ck_assert_uint_eq(one.size, 300);
}
END_TEST

START_TEST(text_that_is_no_utf8_arrives_as_it_is)
{
	call_station(&one, &station);
	station_send(station_last(&station), FRAME_FIN | FRAME_TEXT, "a\xff\xc3\0b", 5);
	wait_messages(&one, 1);
	ck_assert_uint_eq(one.size, 5);
	caller_say(&one, "still there");
	wait_messages(&one, 2);
}
END_TEST

static uint8_t behind[200];

/* The subscription's first event must not be lost, nor wait until the loop has nothing else to do. */
START_TEST(what_lies_right_behind_the_answer_is_not_lost)
{
	size_t size = station_head(behind, FRAME_FIN | FRAME_TEXT, 5);
	memcpy(behind + size, "first", 5);
	size += 5;
	size += station_head(behind + size, FRAME_FIN | FRAME_TEXT, 6);
	memcpy(behind + size, "second", 6);
	station.behind = behind;
	station.behind_size = size + 6;
	call_station(&one, &station);
	wait_messages(&one, 2);
	ck_assert_str_eq(one.data, "second");
}
END_TEST

static int pings_within;
static bool is_uploaded;

static void note_end(struct visitor *visitor, int first, const char *data, size_t size)
{
	if (first & FRAME_FIN) {
		pings_within = station.pings;
		is_uploaded = true;
	}
}

static bool has_upload(void *arg)
{
	return is_uploaded;
}

START_TEST(a_large_upload_does_not_hold_up_its_own_pings)
{
	size_t size = (size_t)8 << 20;
	char *data = calloc(1, size);
	struct qg_ws_request request = {
		.url = station_url(&station, "/"), .ping_ms = 1, .pong_ms = 30000};
	station.frame = note_end;
	call(&one, &request);
	wait_open(&one);
	ck_assert_int_eq(qg_ws_send(one.ws, data, size, true), QG_OK);
	int before = station.pings;
	run_until(has_upload, NULL);
	ck_assert_int_gt(pings_within, before);
	free(data);
}
END_TEST

START_TEST(what_waits_has_a_ceiling)
{
	size_t size = (size_t)8 << 20;
	char *data = calloc(1, size);
	station.ignores_messages = true;
	call_station(&one, &station);
	ck_assert_int_eq(qg_ws_send(one.ws, data, size, true), QG_OK);
	ck_assert_int_eq(qg_ws_send(one.ws, data, size, true), QG_OK);
	ck_assert_int_eq(qg_ws_send(one.ws, data, 1, true), QG_FULL);
	ck_assert_uint_eq(qg_ws_waiting(one.ws), 2 * size);
	run_turns(50);
	ck_assert_uint_lt(qg_ws_waiting(one.ws), 2 * size);
	ck_assert_int_eq(qg_ws_send(one.ws, data, 1, true), QG_OK);
	free(data);
}
END_TEST

START_TEST(nothing_is_sent_before_it_is_open)
{
	call_url(&one, station_url(&station, "/"));
	ck_assert_int_eq(qg_ws_send(one.ws, "early", 5, false), QG_CANCELLED);
	wait_open(&one);
	caller_say(&one, "now");
	wait_messages(&one, 1);
}
END_TEST

/* ---- too much ---- */

START_TEST(a_message_over_the_ceiling_closes_with_1009)
{
	char data[2001];
	struct qg_ws_request request = {.url = station_url(&station, "/"), .most = 2000};
	memset(data, 'x', sizeof(data));
	call(&one, &request);
	wait_open(&one);
	station_send(station_last(&station), FRAME_FIN | FRAME_TEXT, data, 2000);
	wait_messages(&one, 1);
	station_send(station_last(&station), FRAME_FIN | FRAME_TEXT, data, 2001);
	expect_end(&one, true, 0, 1009, "too large");
	ck_assert_int_eq(station.code, 1009);
	ck_assert_int_eq(one.messages, 1);
}
END_TEST

START_TEST(many_fragments_over_the_ceiling_close_with_1009)
{
	char data[1000] = {0};
	struct qg_ws_request request = {.url = station_url(&station, "/"), .most = 10000};
	call(&one, &request);
	wait_open(&one);
	station_send(station_last(&station), FRAME_TEXT, data, 1000);
	for (int i = 0; i < 100; i++) {
		station_send(station_last(&station), FRAME_MORE, data, 1000);
	}
	expect_end(&one, true, 0, 1009, "too large");
	ck_assert_int_eq(one.messages, 0);
}
END_TEST

/* ---- ends ---- */

static bool has_closed(void *arg)
{
	return station.closes > 0;
}

static const int codes[] = {1000, 1001, 1008, 1011, 3000, 4000, 4999};

START_TEST(the_peer_closes)
{
	call_station(&one, &station);
	station_send_close(station_last(&station), codes[_i], "genug\x1b für heute");
	expect_end(&one, true, 0, codes[_i], "closed by the peer: genug  f");
	run_until(has_closed, NULL);
	ck_assert_int_eq(station.code, codes[_i]); /* sent back */
	ck_assert_uint_eq(counts_now().closed, 1);
	ck_assert_uint_eq(counts_now().open, 0);
}
END_TEST

START_TEST(the_peer_closes_without_a_code)
{
	call_station(&one, &station);
	station_send(station_last(&station), FRAME_FIN | FRAME_CLOSE, "", 0);
	expect_end(&one, true, 0, 0, "closed by the peer");
}
END_TEST

START_TEST(we_close_behind_what_waits)
{
	char *data = calloc(1, 100000);
	call_station(&one, &station);
	station.ignores_messages = true;
	ck_assert_int_eq(qg_ws_send(one.ws, data, 100000, true), QG_OK);
	qg_ws_close(one.ws, 4001, "fertig");
	ck_assert_int_eq(qg_ws_send(one.ws, "x", 1, false), QG_CANCELLED);
	qg_ws_close(one.ws, 1000, "again");
	expect_end(&one, true, 0, 4001, "closed");
	ck_assert_int_eq(station.closes, 1);
	ck_assert_int_eq(station.code, 4001);
	ck_assert_str_eq(station.reason, "fertig");
	ck_assert_int_eq(station.frames, 100000 / 16370 + 1 + 1);
	free(data);
}
END_TEST

START_TEST(a_reason_is_cut_at_a_character)
{
	char reason[200];
	memset(reason, 'x', sizeof(reason));
	memcpy(reason + 122, "数", 4);
	call_station(&one, &station);
	qg_ws_close(one.ws, 1000, reason);
	expect_end(&one, true, 0, 1000, "closed");
	ck_assert_uint_eq(strlen(station.reason), 122);
}
END_TEST

START_TEST(we_close_and_the_peer_does_not_answer)
{
	station.ignores_close = true;
	call_station(&one, &station);
	qg_ws_close(one.ws, 1000, NULL);
	expect_end(&one, true, 0, 0, "closed");
	ck_assert_int_eq(station.closes, 1);
}
END_TEST

START_TEST(the_peer_dies_in_the_middle_of_a_frame)
{
	uint8_t head[14];
	call_station(&one, &station);
	size_t size = station_head(head, FRAME_FIN | FRAME_TEXT, 100);
	visitor_send(station_last(&station), head, size);
	visitor_send(station_last(&station), "half", 4);
	run_turns(2);
	visitor_leave(station_last(&station), _i == 1);
	expect_end(&one, true, 0, 0, "the connection broke");
	ck_assert_int_eq(one.messages, 0);
}
END_TEST

static const struct {
	const char *bytes;
	size_t size;
} mistakes[] = {
	{"\x83\x00", 2},	   /* an opcode that does not exist */
	{"\xc1\x00", 2},	   /* a bit of an extension that nobody asked for */
	{"\x80\x01x", 3},	   /* a continuation of nothing */
	{"\x09\x00", 2},	   /* a ping in fragments */
	{"\x89\x7e\x00\x80", 4},   /* a ping over 125 bytes */
	{"\x01\x01x\x01\x01y", 6}, /* a message within another */
	{"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10}, /* a length of 64 bits, negative */
};

START_TEST(a_mistake_of_the_peer_ends_the_link)
{
	call_station(&one, &station);
	visitor_send(station_last(&station), mistakes[_i].bytes, mistakes[_i].size);
	expect_end(&one, true, 0, 0, "broke");
	ck_assert_int_eq(one.messages, 0);
}
END_TEST

/* No server may send one; what it holds is no matter as long as nothing else suffers. */
START_TEST(masked_frames_of_a_server_do_no_harm)
{
	call_station(&one, &station);
	station_send_masked(station_last(&station), "masked");
	station_send_masked(station_last(&station), "again");
	wait_messages(&one, 2);
	ck_assert_uint_eq(one.size, 5);
	station_say(station_last(&station), "plain");
	wait_messages(&one, 3);
	ck_assert_str_eq(one.data, "plain");
}
END_TEST

/* By its head: what it holds is not waited for. */
START_TEST(a_frame_of_no_end_is_refused)
{
	uint8_t head[14];
	char data[8192] = {0};
	struct qg_ws_request request = {.url = station_url(&station, "/"), .most = 100000};
	call(&one, &request);
	wait_open(&one);
	size_t size = station_head(head, FRAME_FIN | FRAME_BINARY, (uint64_t)1 << 62);
	visitor_send(station_last(&station), head, size);
	visitor_send(station_last(&station), data, sizeof(data)); /* far below the ceiling */
	run_until(has_closed, NULL);
	ck_assert_int_eq(station.code, 1009);
	/* The answer lies within the frame, as the peer says; the link goes all the same. */
	expect_end(&one, true, 0, 0, "too large: 4611686018427387904 bytes or more");
}
END_TEST

/* ---- */

static void setup(void)
{
	caller_setup();
	station_open(&station);
}

static void teardown(void)
{
	caller_finish(&one);
	station_close(&station);
	caller_teardown();
}

int main(void)
{
	Suite *suite = suite_create("ws");
	TCase *tests = tcase_create("ws");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 10);
	tcase_add_test(tests, an_echo_both_ways);
	tcase_add_test(tests, the_request_is_what_was_asked_for);
	tcase_add_loop_test(tests, every_size_both_ways, 0, 15);
	tcase_add_test(tests, fragments_become_one_message);
	tcase_add_test(tests, fragments_keep_their_kind_and_order);
	tcase_add_test(tests, frames_arrive_byte_by_byte);
	tcase_add_test(tests, text_that_is_no_utf8_arrives_as_it_is);
	tcase_add_test(tests, what_lies_right_behind_the_answer_is_not_lost);
	tcase_add_test(tests, a_large_upload_does_not_hold_up_its_own_pings);
	tcase_add_test(tests, what_waits_has_a_ceiling);
	tcase_add_test(tests, nothing_is_sent_before_it_is_open);
	tcase_add_test(tests, a_message_over_the_ceiling_closes_with_1009);
	tcase_add_test(tests, many_fragments_over_the_ceiling_close_with_1009);
	tcase_add_loop_test(tests, the_peer_closes, 0, 7);
	tcase_add_test(tests, the_peer_closes_without_a_code);
	tcase_add_test(tests, we_close_behind_what_waits);
	tcase_add_test(tests, a_reason_is_cut_at_a_character);
	tcase_add_test(tests, we_close_and_the_peer_does_not_answer);
	tcase_add_loop_test(tests, the_peer_dies_in_the_middle_of_a_frame, 0, 2);
	tcase_add_loop_test(tests, a_mistake_of_the_peer_ends_the_link, 0, 7);
	tcase_add_test(tests, masked_frames_of_a_server_do_no_harm);
	tcase_add_test(tests, a_frame_of_no_end_is_refused);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
