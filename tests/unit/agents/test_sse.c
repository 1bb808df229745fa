/* test_sse.c - the framing of server-sent events: line ends, cuts, comments, bounds. */
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "models/sse.h"
#include "support/malloc.h"

static struct qg_buf seen;
static size_t stop_after;

static bool note(void *arg, const struct qg_sse_event *event)
{
	qg_buf_printf(&seen, "%s[", event->is_error ? "!" : "");
	qg_buf_add(&seen, event->data, event->size);
	qg_buf_add_char(&seen, ']');
	return stop_after == 0 || --stop_after > 0;
}

/* What the text says when its first read has that many bytes and each further one step. */
static const char *read_in(const char *text, size_t size, size_t first, size_t step)
{
	struct qg_sse sse;
	qg_sse_init(&sse);
	qg_buf_reset(&seen);
	for (size_t at = 0, part = first; at < size; part = step) {
		part = part < size - at ? part : size - at;
		char *copy =
			malloc(part + 1); /* of just its size: a sanitizer sees each step too far */
		memcpy(copy, text + at, part);
		enum qg_status status = qg_sse_feed(&sse, copy, part, note, NULL);
		free(copy);
		ck_assert_int_eq(status, QG_OK);
		at += part;
	}
	qg_sse_finish(&sse);
	return seen.size > 0 ? seen.data : "";
}

static void setup(void)
{
	qg_buf_init(&seen, 1 << 20);
	stop_after = 0;
}

static void teardown(void)
{
	qg_buf_finish(&seen);
}

static const struct {
	const char *text, *events;
} cases[] = {
	{"data: a\n\ndata: b\n\n", "[a][b]"},
	{"data: a\r\n\r\ndata: b\r\n\r\n", "[a][b]"},
	{"data: a\r\rdata: b\r\r", "[a][b]"},
	{"data: a\r\n\ndata: b\n\r\n", "[a][b]"},
	{"\xef\xbb\xbf"
	 "data: a\n\n",
		"[a]"},
	{"data: a\n\n\xef\xbb\xbf"
	 "data: b\n\n",
		"[a]"},
	{": hello\n\ndata:a\n: in the middle\ndata:  b\n\n", "[a\n b]"},
	{"data\n\ndata:\n\ndata: \n\ndata: a\n\n", "[a]"},
	{"data\ndata\n\n", "[\n]"},
	{"data: a\ndata: b\ndata: c\n\n", "[a\nb\nc]"},
	{"event: error\ndata: a\n\ndata: b\n\n", "![a][b]"},
	{"event:error\r\ndata:a\r\n\r\n", "![a]"},
	{"event: errors\ndata: a\n\n", "[a]"},
	{"error: {}\n\n", "![{}]"},
	{"id: 1\nretry: 5\nnonsense\ndatax: a\ndata: b\n\n", "[b]"},
	{"data: a\n", ""},
	{"data: a", ""},
	{"\n\n\r\r\n", ""},
	{"event: error\n\ndata: a\n\n", "[a]"},
};

START_TEST(events_in_every_cut)
{
	const char *text = cases[_i].text;
	size_t size = strlen(text);
	for (size_t first = 0; first <= size; first++) {
		ck_assert_str_eq(read_in(text, size, first, size), cases[_i].events);
	}
	for (size_t step = 1; step < 5; step++) {
		ck_assert_str_eq(read_in(text, size, step, step), cases[_i].events);
	}
}
END_TEST

START_TEST(nothing_is_touched_once_it_is_enough)
{
	static const char text[] = "data: a\n\ndata: b\n\ndata: c\n\n";
	struct qg_sse sse;
	qg_sse_init(&sse);
	stop_after = 2;
	ck_assert_int_eq(qg_sse_feed(&sse, text, sizeof(text) - 1, note, NULL), QG_CANCELLED);
	ck_assert_str_eq(seen.data, "[a][b]");
	qg_sse_finish(&sse);
}
END_TEST

START_TEST(open_or_not)
{
	struct qg_sse sse;
	qg_sse_init(&sse);
	ck_assert_int_eq(qg_sse_feed(&sse, "data: a", 7, note, NULL), QG_OK);
	ck_assert(!qg_sse_is_open(&sse)); /* half a line is nothing */
	ck_assert_int_eq(qg_sse_feed(&sse, "\n", 1, note, NULL), QG_OK);
	ck_assert(qg_sse_is_open(&sse));
	ck_assert_int_eq(qg_sse_feed(&sse, "\n", 1, note, NULL), QG_OK);
	ck_assert(!qg_sse_is_open(&sse));
	qg_sse_finish(&sse);
}
END_TEST

/* One line, or many lines of one event. */
START_TEST(an_event_has_a_ceiling)
{
	static char block[64 * 1024];
	memset(block, 'x', sizeof(block));
	memcpy(block, "data: ", 6);
	if (_i == 1) {
		block[sizeof(block) - 1] = '\n';
	}
	struct qg_sse sse;
	qg_sse_init(&sse);
	enum qg_status status = QG_OK;
	for (size_t sent = 0; status == QG_OK && sent < 2 * QG_SSE_MAX_EVENT;
		sent += sizeof(block)) {
		status = qg_sse_feed(&sse, block, sizeof(block), note, NULL);
	}
	ck_assert_int_eq(status, QG_TOO_LARGE);
	qg_sse_finish(&sse);
}
END_TEST

static bool count(void *arg, const struct qg_sse_event *event)
{
	(*(int *)arg)++;
	return true;
}

static bool read_cut(void *arg)
{
	struct qg_sse sse;
	int events = 0;
	qg_sse_init(&sse);
	bool good = qg_sse_feed(&sse, "data: a\ndat", 11, count, &events) == QG_OK &&
		    qg_sse_feed(&sse, "a: b\n\n", 6, count, &events) == QG_OK && events == 1;
	qg_sse_finish(&sse);
	return good;
}

START_TEST(no_memory_is_said)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(read_cut, NULL), 1);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sse");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, events_in_every_cut, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(all, nothing_is_touched_once_it_is_enough);
	tcase_add_test(all, open_or_not);
	tcase_add_loop_test(all, an_event_has_a_ceiling, 0, 2);
	tcase_add_test(all, no_memory_is_said);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
