/* test_outs.c - replies that wait to be given back: in which order, once each, and what there was no memory for. */
#include <check.h>
#include <stdlib.h>

#include "outs.h"
#include "qg/message.h"

#define GIVEN_MOST 64

static struct qg_reply *given[GIVEN_MOST];
static enum qg_status statuses[GIVEN_MOST];
static unsigned retries[GIVEN_MOST];
static size_t given_count, dropped;

static void sent(
	struct qg_bot *bot, struct qg_reply *reply, enum qg_status status, unsigned retry_ms)
{
	(void)bot;
	given[given_count] = reply;
	statuses[given_count] = status;
	retries[given_count++] = retry_ms;
}

static const struct qg_host host = {.sent = sent};
static struct qg_bot bot = {.host = &host};
static struct qg_outs outs;

static void drop(struct qg_out *out)
{
	ck_assert_ptr_null(out->reply);
	dropped++;
	free(out);
}

static struct qg_out *add(void)
{
	struct qg_out *out = malloc(sizeof(*out));
	qg_outs_add(&outs, out, qg_reply_create());
	return out;
}

static void setup(void)
{
	given_count = dropped = 0;
	qg_outs_init(&outs, drop);
}

static void teardown(void)
{
	qg_outs_finish(&outs);
	qg_outs_finish(&outs);
	ck_assert(qg_outs_is_empty(&outs));
	for (size_t i = 0; i < given_count; i++) {
		qg_reply_destroy(given[i]);
	}
}

/* What ended goes back in the order of sending, and what has not ended stays. */
START_TEST(test_ended)
{
	struct qg_out *first = add(), *second = add(), *third = add();
	struct qg_reply *wanted[] = {first->reply, third->reply};
	ck_assert(!qg_outs_is_due(&outs));
	qg_out_end(third, QG_BUSY, 700);
	qg_out_end(first, QG_OK, 0);
	ck_assert_ptr_null(qg_outs_find(&outs, wanted[0]));
	ck_assert_ptr_eq(qg_outs_find(&outs, second->reply), second);
	for (size_t i = 0; i < 2; i++) {
		ck_assert(qg_outs_is_due(&outs));
		qg_outs_give_back(&outs, &bot);
		ck_assert_ptr_eq(given[i], wanted[i]);
	}
	ck_assert_int_eq(statuses[1], QG_BUSY);
	ck_assert_uint_eq(retries[1], 700);
	ck_assert(!qg_outs_is_due(&outs) && !qg_outs_is_empty(&outs));
	ck_assert_uint_eq(dropped, 2);
}
END_TEST

START_TEST(test_cancel)
{
	qg_out_end(add(), QG_OK, 0);
	add();
	qg_outs_cancel(&outs);
	while (qg_outs_is_due(&outs)) {
		qg_outs_give_back(&outs, &bot);
	}
	ck_assert_uint_eq(given_count, 2);
	ck_assert_int_eq(statuses[0], QG_OK);
	ck_assert_int_eq(statuses[1], QG_CANCELLED);
	ck_assert(qg_outs_is_empty(&outs));
}
END_TEST

/* What there was no memory for waits as well, as long as there is a place. */
START_TEST(test_spare)
{
	for (size_t i = 0; i < QG_OUTS_SPARE; i++) {
		qg_outs_add_spare(&outs, &bot, qg_reply_create());
	}
	ck_assert_uint_eq(given_count, 0);
	qg_outs_add_spare(&outs, &bot, qg_reply_create());
	ck_assert_uint_eq(given_count, 1);
	ck_assert(!qg_outs_is_empty(&outs));
	ck_assert_ptr_null(qg_outs_ended(&outs));
	while (qg_outs_is_due(&outs)) {
		qg_outs_give_back(&outs, &bot);
	}
	ck_assert_uint_eq(given_count, QG_OUTS_SPARE + 1);
	ck_assert_int_eq(statuses[QG_OUTS_SPARE], QG_NO_MEMORY);
}
END_TEST

/* At the end of a bot all of it goes, replies too. */
START_TEST(test_finish)
{
	add();
	qg_out_end(add(), QG_OK, 0);
	qg_outs_add_spare(&outs, &bot, qg_reply_create());
	qg_outs_finish(&outs);
	ck_assert(qg_outs_is_empty(&outs));
	ck_assert_uint_eq(dropped, 2);
	ck_assert_uint_eq(given_count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outs");
	TCase *tcase = tcase_create("all");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_ended);
	tcase_add_test(tcase, test_cancel);
	tcase_add_test(tcase, test_spare);
	tcase_add_test(tcase, test_finish);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
