/* test_fetch_pieces.c - a body that is sent from where it lies: whole, once more from the beginning, and not at all. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "asker.h"

#define LARGE ((size_t)3 << 20)
#define SMALL 50000 /* more than one buffer of the client */

static struct vendor vendor;
static struct asker one;
static char *large;
static struct qg_fetch_piece pieces[4];
static size_t came; /* bytes of the last body that were right */

/* Piece by piece the body is what was given. */
static void compare(struct visitor *visitor)
{
	const char *body = strstr(visitor->request, "\r\n\r\n") + 4;
	came = 0;
	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_ge(strlen(body + came), pieces[i].size);
		ck_assert_int_eq(memcmp(body + came, pieces[i].data, pieces[i].size), 0);
		came += pieces[i].size;
	}
	ck_assert_uint_eq(strlen(body), came);
}

static void answer(struct visitor *visitor)
{
	compare(visitor);
	visitor_answer(visitor, "ok");
}

static void post(void)
{
	const struct qg_fetch_request request = {.method = "POST",
		.url = vendor_url(&vendor, "/"),
		.pieces = pieces,
		.piece_count = 4,
		.gathers = true};
	came = 0;
	ask(&one, &request);
}

START_TEST(it_arrives_whole)
{
	post();
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	ck_assert_uint_eq(came, LARGE + 6);
	ck_assert_int_eq(vendor.requests, 1);
}
END_TEST

static void answer_once(struct visitor *visitor)
{
	compare(visitor);
	if (visitor->requests == 1) {
		visitor_answer(visitor, "ok");
	} else {
		visitor_leave(visitor, false);
	}
}

/* Not a large one: only what fails promptly is sent again. */
START_TEST(it_is_sent_again_from_the_beginning)
{
	vendor.asked = answer_once;
	pieces[1].size = SMALL;
	post();
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	asker_finish(&one);
	post(); /* the pooled connection closes over it, the next one answers */
	expect_end(&one, QG_FETCH_NONE, 200, "ok");
	ck_assert_uint_eq(came, SMALL + 6);
	ck_assert_int_eq(vendor.requests, 3);
}
END_TEST

static void hear_nothing(struct visitor *visitor)
{
	visitor_consume(visitor, visitor->size);
}

static bool has_visitor(void *arg)
{
	return vendor.connections > 0;
}

START_TEST(its_bytes_may_go_once_it_is_cancelled)
{
	vendor.bytes = hear_nothing;
	post();
	run_until(has_visitor, NULL);
	qg_fetch_cancel(one.fetch);
	one.fetch = NULL;
	free(large);
	large = NULL;
	run_turns(20);
	ck_assert_int_eq(one.ends, 0);
}
END_TEST

static void setup(void)
{
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	asker_setup();
	vendor_open(&vendor);
	vendor.asked = answer;
	large = malloc(LARGE);
	ck_assert_ptr_nonnull(large);
	for (size_t i = 0; i < LARGE; i++) {
		large[i] = (char)('a' + i % 23);
	}
	pieces[0] = (struct qg_fetch_piece){"<<<", 3};
	pieces[1] = (struct qg_fetch_piece){large, LARGE};
	pieces[2] = (struct qg_fetch_piece){"", 0};
	pieces[3] = (struct qg_fetch_piece){">>>", 3};
}

static void teardown(void)
{
	asker_finish(&one);
	vendor_close(&vendor);
	asker_teardown();
	free(large);
}

int main(void)
{
	Suite *suite = suite_create("fetch_pieces");
	TCase *tests = tcase_create("fetch_pieces");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, it_arrives_whole);
	tcase_add_test(tests, it_is_sent_again_from_the_beginning);
	tcase_add_test(tests, its_bytes_may_go_once_it_is_cancelled);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
