/* test_ledger_row.c - a call as a row: every figure, odd texts, absurd numbers, an estimate, no memory. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/ledger.h"
#include "support/malloc.h"

static struct qg_call call(void)
{
	return (struct qg_call){.id = "00112233445566778899aabbccddeeff",
		.at = INT64_C(1700000000000),
		.day = "20231115",
		.provider = "deepseek",
		.model = "deepseek-flash",
		.key = "main/ab12",
		.bot = "shop",
		.customer = "acme",
		.chat = "room",
		.user = "li",
		.role = "restaurant",
		.price = {.currency = QG_USD},
		.estimate = {.input = 1000, .cached_input = 10, .output = 200},
		.cost = 777};
}

static json_t *parse(char *text)
{
	ck_assert_ptr_nonnull(text);
	json_t *row = qg_json_parse(text, strlen(text), NULL);
	ck_assert_msg(row != NULL, "no JSON: %s", text);
	free(text);
	return row;
}

START_TEST(a_closed_call_is_written_in_full)
{
	struct qg_call c = call();
	struct qg_call_end end = {.tokens = {.input = 9,
					  .cached_input = 3,
					  .cache_write = 2,
					  .output = 5,
					  .reasoning = 1},
		.model = "deepseek-flash-0711",
		.cost = 42,
		.first_ms = 11,
		.total_ms = 22};
	char *text = qg_ledger_row(&c, &end, NULL);
	ck_assert_str_eq(text,
		"{\"id\":\"00112233445566778899aabbccddeeff\",\"at\":1700000000000,\"day\":"
		"\"20231115\","
		"\"provider\":\"deepseek\",\"model\":\"deepseek-flash-0711\",\"key\":\"main/ab12\","
		"\"customer\":\"acme\",\"bot\":\"shop\",\"chat\":\"room\",\"user\":\"li\","
		"\"role\":\"restaurant\",\"input\":9,\"cached_input\":3,\"cache_write\":2,"
		"\"output\":5,"
		"\"reasoning\":1,\"estimated\":false,\"saved\":0,\"currency\":\"USD\",\"cost\":42,"
		"\"first_ms\":11,\"total_ms\":22}");
	char month[8];
	ck_assert_int_eq(qg_ledger_row_month(text, strlen(text), month), QG_OK);
	ck_assert_str_eq(month, "2023-11");
	free(text);
}
END_TEST

START_TEST(an_open_call_holds_its_estimate)
{
	struct qg_call c = call();
	c.customer = NULL;
	json_auto_t *row = parse(qg_ledger_row(&c, NULL, NULL));
	ck_assert_int_eq(qg_json_int(row, "input", 0), 1000);
	ck_assert_int_eq(qg_json_int(row, "cost", 0), 777);
	ck_assert_int_eq(qg_json_int(row, "first_ms", 0), -1);
	ck_assert(json_is_false(json_object_get(row, "estimated")));
	ck_assert_ptr_null(json_object_get(row, "customer"));
}
END_TEST

START_TEST(a_failed_call_says_why)
{
	struct qg_call c = call();
	struct qg_call_end end = {.failed = "timeout", .estimated = true, .first_ms = -1};
	json_auto_t *row = parse(qg_ledger_row(&c, &end, NULL));
	ck_assert_str_eq(qg_json_str(row, "failed", ""), "timeout");
	ck_assert_str_eq(qg_json_str(row, "model", ""), "deepseek-flash");
	ck_assert(json_is_true(json_object_get(row, "estimated")));
}
END_TEST

START_TEST(a_saved_answer_costs_nothing)
{
	struct qg_call c = call();
	json_auto_t *row = parse(qg_ledger_row(&c, NULL, "faq"));
	ck_assert_str_eq(qg_json_str(row, "way", ""), "faq");
	ck_assert_int_eq(qg_json_int(row, "saved", 0), 1200);
	ck_assert_int_eq(qg_json_int(row, "input", -1), 0);
	ck_assert_int_eq(qg_json_int(row, "cost", -1), 0);
}
END_TEST

/* A call that cannot be booked would be one that nobody pays. */
START_TEST(odd_texts_and_figures_make_a_row_too)
{
	struct qg_call c = call();
	char longest[2000];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	c.chat = "a\"b\\c\n群";
	c.user = "\xff\xfe";
	struct qg_call_end end = {
		.tokens = {.input = INT64_MAX, .output = -5}, .model = longest, .cost = INT64_MAX};
	json_auto_t *row = parse(qg_ledger_row(&c, &end, NULL));
	ck_assert_str_eq(qg_json_str(row, "chat", ""), c.chat);
	ck_assert_str_eq(qg_json_str(row, "user", ""), "?");
	ck_assert_uint_le(strlen(qg_json_str(row, "model", "")), 256);
	ck_assert_int_eq(qg_json_int(row, "input", 0), INT64_C(1000000000000));
	ck_assert_int_eq(qg_json_int(row, "output", -1), 0);
	ck_assert_int_eq(qg_json_int(row, "cost", 0), INT64_C(1000000000000000));
}
END_TEST

START_TEST(an_open_row_is_closed_at_its_estimate)
{
	struct qg_call c = call();
	char *open = qg_ledger_row(&c, NULL, NULL);
	char *closed = NULL;
	ck_assert_int_eq(qg_ledger_row_estimated(open, strlen(open), &closed), QG_OK);
	ck_assert(strstr(closed, "\"estimated\":true") != NULL);
	json_auto_t *before = parse(open);
	json_auto_t *after = parse(closed);
	json_object_set_new(after, "estimated", json_false());
	ck_assert(qg_json_equal(before, after));
}
END_TEST

START_TEST(a_damaged_row_is_none)
{
	static const char *const damaged[] = {"", "{", "[]", "7",
		"{\"id\":\"a\",\"day\":\"20231115\"}",
		"{\"id\":1,\"day\":\"20231115\",\"bot\":\"shop\"}"};
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		char *closed = NULL;
		ck_assert_int_eq(qg_ledger_row_estimated(damaged[i], strlen(damaged[i]), &closed),
			QG_INVALID);
		ck_assert_ptr_null(closed);
	}
}
END_TEST

START_TEST(limits_have_names)
{
	ck_assert_str_eq(qg_limit_name(QG_LIMIT_TURN), "turn");
	ck_assert_str_eq(qg_limit_name(QG_LIMIT_CUSTOMER_MONTH), "customer_month");
	ck_assert_str_eq(qg_limit_name(QG_LIMITS), "?");
}
END_TEST

/* A row that could not be read for lack of memory is not a damaged one: that would be dropped. */
static bool taken_for_damaged;

static bool round_trip(void *arg)
{
	struct qg_call c = call();
	char *open = qg_ledger_row(&c, NULL, NULL);
	char *closed = NULL, month[8];
	enum qg_status status = QG_NO_MEMORY;
	if (open != NULL) {
		status = qg_ledger_row_estimated(open, strlen(open), &closed);
	}
	if (status == QG_OK) {
		status = qg_ledger_row_month(closed, strlen(closed), month);
	}
	/* noted and not asserted: an assertion needs memory of its own */
	taken_for_damaged = taken_for_damaged || status == QG_INVALID;
	free(open);
	free(closed);
	return status == QG_OK;
}

START_TEST(no_memory_makes_no_row)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_ge(qg_test_each_malloc(round_trip, NULL), 10);
		ck_assert(!taken_for_damaged);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("ledger_row");
	tcase_add_test(tcase, a_closed_call_is_written_in_full);
	tcase_add_test(tcase, an_open_call_holds_its_estimate);
	tcase_add_test(tcase, a_failed_call_says_why);
	tcase_add_test(tcase, a_saved_answer_costs_nothing);
	tcase_add_test(tcase, odd_texts_and_figures_make_a_row_too);
	tcase_add_test(tcase, an_open_row_is_closed_at_its_estimate);
	tcase_add_test(tcase, a_damaged_row_is_none);
	tcase_add_test(tcase, limits_have_names);
	tcase_add_test(tcase, no_memory_makes_no_row);
	Suite *suite = suite_create("base/ledger_row");
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
