/* test_fetch_h2.c - the HTTP client over HTTP/2, against a server that speaks just enough of it: how an origin gets
 * there, that many streams share few connections and lose nothing, and what one stream's end means for others. */
#include <arpa/inet.h>
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asker.h"

#define PREFACE 24
enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE };
#define END_STREAM 1
#define ACK 1
#define END_HEADERS 4
#define MAX_STREAMS 3
#define CANCEL 8

static struct vendor vendor;
static struct asker one, two;

/* ---- a server ---- */

struct speaker {
	bool begun;
	uint32_t last; /* the stream that asked last */
	int resets;
};

/* What the server does with a stream whose request is whole. */
static void (*served)(struct visitor *visitor, uint32_t stream);
static uint32_t allowed; /* streams a connection; 0: says nothing of it */
static int streams_served, resets;

static void frame(struct visitor *visitor, int type, int flags, uint32_t stream, const void *data,
	size_t size)
{
	unsigned char head[9] = {(unsigned char)(size >> 16), (unsigned char)(size >> 8),
		(unsigned char)size, (unsigned char)type, (unsigned char)flags};
	uint32_t id = htonl(stream);
	memcpy(head + 5, &id, 4);
	visitor_send(visitor, head, sizeof(head));
	visitor_send(visitor, data, size);
}

/* ":status: 200" of the static table and "x-test: h2". */
static void say_status(struct visitor *visitor, uint32_t stream)
{
	frame(visitor, HEADERS, END_HEADERS, stream, "\x88\x00\x06x-test\x02h2", 12);
}

static void say_data(struct visitor *visitor, uint32_t stream, const char *text, int flags)
{
	frame(visitor, DATA, flags, stream, text, strlen(text));
}

static void serve_ok(struct visitor *visitor, uint32_t stream)
{
	say_status(visitor, stream);
	say_data(visitor, stream, "over ", 0);
	say_data(visitor, stream, "two", END_STREAM);
}

static void say_settings(struct visitor *visitor)
{
	unsigned char entry[6] = {0, MAX_STREAMS};
	uint32_t value = htonl(allowed);
	memcpy(entry + 2, &value, 4);
	frame(visitor, SETTINGS, 0, 0, entry, allowed ? sizeof(entry) : 0);
}

static void take_frame(struct visitor *visitor, int type, int flags, uint32_t stream)
{
	struct speaker *speaker = visitor->own;
	if (type == SETTINGS && !(flags & ACK)) {
		frame(visitor, SETTINGS, ACK, 0, NULL, 0);
	} else if (type == PING && !(flags & ACK)) {
		frame(visitor, PING, ACK, 0, visitor->data + 9, 8);
	} else if (type == RST_STREAM) {
		resets++;
	} else if ((type == HEADERS || type == DATA) && flags & END_STREAM) {
		streams_served++;
		visitor->vendor->requests++;
		speaker->last = stream;
		served(visitor, stream);
	}
}

static void speak(struct visitor *visitor)
{
	struct speaker *speaker = visitor->own;
	if (!speaker && visitor->size >= PREFACE) {
		visitor->own = speaker = calloc(1, sizeof(*speaker));
		ck_assert_int_eq(memcmp(visitor->data, "PRI * HTTP/2.0", 14), 0);
		visitor_consume(visitor, PREFACE);
		say_settings(visitor);
	}
	while (speaker && visitor->size >= 9) {
		const unsigned char *head = (const unsigned char *)visitor->data;
		size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		uint32_t stream;
		memcpy(&stream, head + 5, 4);
		if (visitor->size < size + 9) {
			break;
		}
		take_frame(visitor, head[3], head[4], ntohl(stream) & 0x7fffffff);
		visitor_consume(visitor, size + 9);
	}
}

/* ---- getting there ---- */

static void learn(void)
{
	ask_for(&one, vendor_url(&vendor, "/learn"), "x");
	expect_end(&one, QG_FETCH_NONE, 200, "over two");
	ck_assert_str_eq(one.header, "h2");
	asker_finish(&one);
}

START_TEST(an_answer_over_http2)
{
	struct qg_fetch_counts counts;
	learn();
	qg_http_client_counts(client, &counts);
	ck_assert_uint_eq(counts.http2, 1);
	learn();
	learn();
	/* The first connection was made before anybody knew; the second is shared from then on. */
	ck_assert_int_le(vendor.connections, 2);
	qg_http_client_counts(client, &counts);
	ck_assert_uint_eq(counts.http2, 3);
	ck_assert_uint_eq(counts.failures, 0);
}
END_TEST

static void hold(struct visitor *visitor, uint32_t stream)
{
	say_status(visitor, stream);
	say_data(visitor, stream, "held", 0);
}

START_TEST(two_streams_share_a_connection)
{
	learn();
	learn();
	int before = vendor.connections;
	served = hold;
	struct qg_fetch_request request = {.method = "GET", .url = vendor_url(&vendor, "/")};
	ask(&one, &request);
	ask(&two, &request);
	wait_size(&one, 4);
	wait_size(&two, 4);
	ck_assert_int_eq(vendor.connections, before);
}
END_TEST

/* ---- many ---- */

#define MANY 300
#define PIECES 40
static struct asker many[MANY];

static bool all_ended(void *arg)
{
	int ended = 0;
	for (int i = 0; i < MANY; i++) {
		ended += many[i].ends;
	}
	return ended == MANY;
}

struct job {
	struct visitor *visitor;
	uint32_t stream;
	int pieces;
};
static struct job jobs[2 * MANY];
static int job_count;
static struct qg_timer *pump;

/* Nothing more is said to a connection that has gone. */
static void forget_jobs(struct visitor *visitor)
{
	for (int i = 0; i < job_count; i++) {
		if (jobs[i].visitor == visitor) {
			jobs[i].pieces = PIECES + 1;
		}
	}
}

static void note_job(struct visitor *visitor, uint32_t stream)
{
	ck_assert_int_lt(job_count, 2 * MANY);
	jobs[job_count++] = (struct job){visitor, stream, 0};
}

/* A piece for every open stream in turn, so that all streams of a connection are mixed. */
static void on_pump(void *arg)
{
	char text[256];
	for (int i = 0; i < job_count; i++) {
		struct job *job = &jobs[i];
		if (job->pieces > PIECES) {
			continue;
		}
		if (job->pieces == 0) {
			say_status(job->visitor, job->stream);
		}
		memset(text, 'a' + job->pieces % 26, sizeof(text));
		text[sizeof(text) - 1] = '\0';
		int size = snprintf(text, sizeof(text), "<%d>", job->pieces);
		text[size] = '.';
		job->pieces++;
		say_data(job->visitor, job->stream, text, job->pieces > PIECES ? END_STREAM : 0);
	}
}

static void expect_pieces(const struct asker *asker)
{
	const char *at = asker->data;
	char mark[16];
	ck_assert_uint_eq(asker->size, 255 * (PIECES + 1));
	for (int i = 0; i <= PIECES; i++, at += 255) {
		int size = snprintf(mark, sizeof(mark), "<%d>.", i);
		ck_assert_int_eq(strncmp(at, mark, (size_t)size), 0);
		ck_assert_int_eq(at[254], 'a' + i % 26);
	}
}

static void ask_many(void)
{
	struct qg_fetch_request request = {.method = "POST", .body = "question", .body_size = 8};
	for (int i = 0; i < MANY; i++) {
		request.url = vendor_url(&vendor, "/many");
		ask(&many[i], &request);
	}
}

START_TEST(three_hundred_streams_use_few_connections_and_lose_no_byte)
{
	learn();
	int before = vendor.connections;
	served = note_job;
	pump = qg_timer_create(loop, on_pump, NULL);
	ask_many();
	qg_timer_repeat(pump, 2);
	run_until(all_ended, NULL);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(many[i].error, QG_FETCH_NONE);
		expect_pieces(&many[i]);
		asker_finish(&many[i]);
	}
	ck_assert_int_le(vendor.connections - before, 4);
	qg_timer_destroy(pump);
}
END_TEST

static bool all_served(void *arg)
{
	return job_count >= *(int *)arg;
}

/* The rule counts on 100 streams a connection: where fewer are allowed, waiting ones get more. */
START_TEST(a_server_that_allows_few_streams_gets_more_connections)
{
	int wanted = 60;
	allowed = 10;
	learn();
	learn(); /* the connection that will be shared knows the limit now */
	served = note_job;
	struct qg_fetch_request request = {.method = "GET", .url = vendor_url(&vendor, "/")};
	for (int i = 0; i < wanted; i++) {
		ask(&many[i], &request);
	}
	run_until(all_served, &wanted);
	for (int i = 0; i < wanted; i++) {
		ck_assert_int_eq(many[i].ends, 0);
		asker_finish(&many[i]);
	}
}
END_TEST

/* ---- ends ---- */

static bool has_resets(void *arg)
{
	return resets >= *(int *)arg;
}

START_TEST(cancelling_one_stream_leaves_the_others_alone)
{
	int wanted = MANY / 4; /* a connection of which all were cancelled closes instead */
	learn();
	served = note_job;
	pump = qg_timer_create(loop, on_pump, NULL);
	ask_many();
	int all = MANY;
	run_until(all_served, &all);
	on_pump(NULL);
	wait_size(&many[0], 1);
	for (int i = 0; i < MANY; i += 3) {
		asker_finish(&many[i]);
	}
	on_pump(NULL);
	run_until(has_resets, &wanted);
	int connections = vendor.connections;
	for (int i = 0; i < MANY; i += 3) {
		many[i].ends = 1;
	}
	qg_timer_repeat(pump, 2);
	run_until(all_ended, NULL);
	for (int i = 0; i < MANY; i++) {
		if (i % 3 != 0) {
			ck_assert_int_eq(many[i].error, QG_FETCH_NONE);
			expect_pieces(&many[i]);
			asker_finish(&many[i]);
		}
	}
	ck_assert_int_eq(vendor.connections, connections);
	qg_timer_destroy(pump);
}
END_TEST

static void begin_both(void)
{
	learn();
	learn();
	served = hold;
	struct qg_fetch_request request = {.method = "GET", .url = vendor_url(&vendor, "/")};
	ask(&one, &request);
	wait_size(&one, 4);
	ask(&two, &request);
	wait_size(&two, 4);
}

static void cancel_self(struct asker *asker)
{
	qg_fetch_cancel(asker->fetch);
	asker->fetch = NULL;
}

static bool has_left(void *arg)
{
	return qg_list_is_empty(&vendor.visitors);
}

/* Whoever computes an answer must learn that nobody waits for it. */
START_TEST(a_cancelled_stream_is_reset_with_the_next_bytes_of_its_connection)
{
	int wanted = 1;
	begin_both();
	struct visitor *visitor = vendor_last(&vendor);
	struct speaker *speaker = visitor->own;
	asker_finish(&two);
	say_data(visitor, speaker->last, "for nobody", 0);
	run_until(has_resets, &wanted);
	ck_assert_int_eq(one.ends, 0);
	ck_assert_uint_eq(one.size, 4);
}
END_TEST

START_TEST(the_last_stream_of_a_connection_takes_it_along)
{
	begin_both();
	struct visitor *first = QG_CONTAINER(vendor.visitors.next, struct visitor, link);
	visitor_leave(first, false);
	asker_finish(&two);
	if (_i) {
		qg_fetch_cancel(one.fetch);
		one.fetch = NULL;
	} else {
		one.on_data = cancel_self;
		struct speaker *speaker = vendor_last(&vendor)->own;
		say_data(vendor_last(&vendor), speaker->last - 2, "more", 0);
	}
	run_until(has_left, NULL);
	asker_finish(&one);
	served = serve_ok;
	learn();
}
END_TEST

START_TEST(a_connection_cut_breaks_every_stream_on_it)
{
	begin_both();
	visitor_leave(vendor_last(&vendor), _i);
	expect_end(&one, QG_FETCH_BROKEN, 200, "held");
	expect_end(&two, QG_FETCH_BROKEN, 200, "held");
	ck_assert(one.sent);
}
END_TEST

START_TEST(a_stream_that_the_server_resets_is_broken_alone)
{
	begin_both();
	struct visitor *visitor = vendor_last(&vendor);
	struct speaker *speaker = visitor->own;
	uint32_t code = htonl(CANCEL);
	frame(visitor, RST_STREAM, 0, speaker->last, &code, 4);
	expect_end(&two, QG_FETCH_BROKEN, 200, "held");
	ck_assert_int_eq(one.ends, 0);
	say_data(visitor, speaker->last - 2, " on", END_STREAM);
	expect_end(&one, QG_FETCH_NONE, 200, "held on");
}
END_TEST

static void say_goodbye(struct visitor *visitor, uint32_t stream)
{
	uint32_t words[2] = {htonl(stream), 0};
	frame(visitor, GOAWAY, 0, 0, words, sizeof(words));
	serve_ok(visitor, stream);
}

START_TEST(a_server_that_says_goodbye_finishes_and_is_asked_anew)
{
	learn();
	learn();
	served = say_goodbye;
	learn();
	int before = vendor.connections;
	served = serve_ok;
	learn();
	ck_assert_int_eq(vendor.connections, before + 1);
}
END_TEST

START_TEST(each_clock_of_a_stream_is_its_own)
{
	learn();
	learn();
	served = hold;
	struct qg_fetch_request request = {.method = "GET", .url = vendor_url(&vendor, "/")};
	ask(&one, &request);
	request.idle_ms = 40;
	ask(&two, &request);
	expect_end(&two, QG_FETCH_IDLE_TIMEOUT, 200, "held");
	ck_assert_int_eq(one.ends, 0);
}
END_TEST

static void serve_nothing(struct visitor *visitor, uint32_t stream)
{
}

START_TEST(a_stream_without_answer_has_its_time)
{
	learn();
	served = serve_nothing;
	struct qg_fetch_request request = {
		.method = "GET", .url = vendor_url(&vendor, "/"), .first_byte_ms = 40};
	ask(&one, &request);
	expect_end(&one, QG_FETCH_FIRST_BYTE_TIMEOUT, 0, "");
	ck_assert(one.sent);
}
END_TEST

START_TEST(a_large_question_arrives_and_a_large_answer_too)
{
	size_t size = 60000; /* the first window of a stream is 65,535 */
	char *body = malloc(size + 1);
	ck_assert_ptr_nonnull(body);
	memset(body, 'q', size);
	body[size] = '\0';
	learn();
	ask_for(&one, vendor_url(&vendor, "/"), body);
	expect_end(&one, QG_FETCH_NONE, 200, "over two");
	free(body);
}
END_TEST

START_TEST(an_answer_over_the_most_ends_only_its_own_stream)
{
	begin_both();
	struct visitor *visitor = vendor_last(&vendor);
	struct speaker *speaker = visitor->own;
	asker_finish(&two);
	struct qg_fetch_request request = {
		.method = "GET", .url = vendor_url(&vendor, "/"), .most = 3};
	ask(&two, &request);
	wait_end(&two);
	ck_assert_int_eq(two.error, QG_FETCH_TOO_LARGE);
	ck_assert_int_eq(one.ends, 0);
	say_data(visitor, speaker->last - 4, "!", END_STREAM);
	expect_end(&one, QG_FETCH_NONE, 200, "held!");
}
END_TEST

/* ---- */

static void setup(void)
{
	authority_setup();
	asker_setup();
	ck_assert_int_eq(qg_http_client_trust(client, authority_file()), QG_OK);
	vendor_open_tls(&vendor, "\x02h2\x08http/1.1");
	vendor.bytes = speak;
	vendor.left = forget_jobs;
	served = serve_ok;
}

static void teardown(void)
{
	asker_finish(&one);
	asker_finish(&two);
	vendor_close(&vendor);
	asker_teardown();
	authority_teardown();
}

int main(void)
{
	Suite *suite = suite_create("fetch_h2");
	TCase *tests = tcase_create("fetch_h2");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, an_answer_over_http2);
	tcase_add_test(tests, two_streams_share_a_connection);
	tcase_add_test(tests, three_hundred_streams_use_few_connections_and_lose_no_byte);
	tcase_add_test(tests, a_server_that_allows_few_streams_gets_more_connections);
	tcase_add_test(tests, cancelling_one_stream_leaves_the_others_alone);
	tcase_add_test(tests, a_cancelled_stream_is_reset_with_the_next_bytes_of_its_connection);
	tcase_add_loop_test(tests, the_last_stream_of_a_connection_takes_it_along, 0, 2);
	tcase_add_loop_test(tests, a_connection_cut_breaks_every_stream_on_it, 0, 2);
	tcase_add_test(tests, a_stream_that_the_server_resets_is_broken_alone);
	tcase_add_test(tests, a_server_that_says_goodbye_finishes_and_is_asked_anew);
	tcase_add_test(tests, each_clock_of_a_stream_is_its_own);
	tcase_add_test(tests, a_stream_without_answer_has_its_time);
	tcase_add_test(tests, a_large_question_arrives_and_a_large_answer_too);
	tcase_add_test(tests, an_answer_over_the_most_ends_only_its_own_stream);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
