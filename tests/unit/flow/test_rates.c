/* test_rates.c - never more in a second than allowed, never longer to wait than needed. */
#include "rates.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct rates *rates;

static void setup(void)
{
	rates = rates_create();
	ck_assert_ptr_nonnull(rates);
}

static void teardown(void)
{
	rates_destroy(rates);
}

static unsigned ask(const char *name, unsigned per_second, uint64_t now)
{
	const struct rate asked = {"chat", "bot", name, per_second, 1000};
	return rates_ask(rates, &asked, 1, now);
}

START_TEST(no_second_holds_more_than_the_rate)
{
	static const unsigned each[] = {1, 2, 3, 5, 7, 50, 100, 1000};
	enum { SPAN = 10000 };
	static uint64_t sent[SPAN * 2];
	unsigned rate = each[_i];
	size_t count = 0, first = 0;
	for (uint64_t now = 5; now < SPAN; now++) { /* somebody who asks all the time */
		while (ask("c", rate, now) == 0) {
			sent[count++] = now;
			while (now - sent[first] >= 1000) {
				first++;
			}
			ck_assert_uint_le(count - first, rate);
		}
	}
	ck_assert_uint_ge(count, (size_t)(rate > 1 ? (rate - rate / 5 - 1) * 9 : 9));
}
END_TEST

START_TEST(the_wait_said_is_the_wait_needed)
{
	uint64_t now = 1000;
	ck_assert_uint_eq(ask("c", 3, now), 0); /* a burst of one, then two a second */
	unsigned wait = ask("c", 3, now);
	ck_assert_uint_eq(wait, 500);
	ck_assert_uint_ne(ask("c", 3, now + wait - 1), 0);
	ck_assert_uint_eq(ask("c", 3, now + wait), 0);
}
END_TEST

START_TEST(those_who_wait_are_given_different_times)
{
	ck_assert_uint_eq(ask("c", 3, 0), 0);
	unsigned first = ask("c", 3, 0), second = ask("c", 3, 0), third = ask("c", 3, 0);
	ck_assert_uint_eq(first, 500);
	ck_assert_uint_eq(second, 1000);
	ck_assert_uint_eq(third, 1500);
	for (unsigned i = 0; i < 1000; i++) {
		ck_assert_uint_le(ask("c", 3, 0), 10000);
	}
}
END_TEST

START_TEST(no_rate_is_no_limit)
{
	for (unsigned i = 0; i < 10000; i++) {
		ck_assert_uint_eq(ask("c", 0, 1), 0);
	}
	ck_assert_uint_eq(rates_count(rates), 0);
}
END_TEST

START_TEST(who_is_refused_by_one_takes_from_none)
{
	const struct rate both[] = {
		{"chat", "bot", "c", 2, 1000}, {"account", "feishu", "app", 10, 1000}};
	ck_assert_uint_eq(rates_ask(rates, both, 2, 1000), 0);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_uint_ne(rates_ask(rates, both, 2, 1000), 0); /* by the chat */
	}
	ck_assert_uint_eq(rates_ask(rates, both + 1, 1, 1000), 0); /* a burst of two is left */
	ck_assert_uint_ne(rates_ask(rates, both + 1, 1, 1000), 0);
}
END_TEST

START_TEST(idle_names_are_forgotten)
{
	char name[16];
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "chat-%u", i);
		ck_assert_uint_eq(ask(name, 5, i * 10), 0);
	}
	ck_assert_uint_le(rates_count(rates), 512);
}
END_TEST

static unsigned ask_long(const char *name, unsigned most, unsigned span_ms, uint64_t now)
{
	const struct rate asked = {"chat", "bot", name, most, span_ms};
	return rates_ask(rates, &asked, 1, now);
}

START_TEST(no_minute_holds_more_than_its_rate)
{
	enum { MOST = 30, SPAN = 60000, ALL = 20000 };
	static uint64_t sent[ALL];
	size_t count = 0, first = 0;
	for (uint64_t now = 7; now < 10 * SPAN; now += 1 + now % 5) {
		/* in bursts: somebody who asks all the time, but sleeps now and then */
		while (now / 45000 % 3 != 1 && ask_long("c", MOST, SPAN, now) == 0) {
			ck_assert_uint_lt(count, ALL);
			sent[count++] = now;
			while (now - sent[first] >= SPAN) {
				first++;
			}
			ck_assert_uint_le(count - first, MOST);
		}
	}
	ck_assert_uint_ge(count, 7 * MOST);
	ck_assert_uint_eq(sent[MOST - 1], sent[0]); /* all of it at once */
}
END_TEST

START_TEST(who_used_up_a_minute_waits_for_the_first_of_it)
{
	for (uint64_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(ask_long("c", 3, 60000, 1000 * i), 0);
	}
	ck_assert_uint_eq(ask_long("c", 3, 60000, 5000), 55000);
	ck_assert_uint_eq(ask_long("c", 3, 60000, 5000), 56000); /* behind that one */
	ck_assert_uint_eq(ask_long("c", 3, 60000, 5000), 57000);
	ck_assert_uint_eq(ask_long("d", 3, 60000, 5000), 0);
	ck_assert_uint_ne(ask_long("c", 3, 60000, 59999), 0);
	ck_assert_uint_eq(ask_long("c", 3, 60000, 60000), 0);
	ck_assert_uint_ne(ask_long("c", 3, 60000, 60000), 0);
	ck_assert_uint_eq(ask_long("c", 3, 60000, 61000), 0);
}
END_TEST

START_TEST(spans_of_one_name_hold_together)
{
	const struct rate both[] = {
		{"chat", "bot", "c", 2, 60000}, {"chat", "bot", "c", 3, 3600000}};
	ck_assert_uint_eq(rates_ask(rates, both, 2, 0), 0);
	ck_assert_uint_eq(rates_ask(rates, both, 2, 0), 0);
	ck_assert_uint_eq(rates_ask(rates, both, 2, 0), 60000);
	ck_assert_uint_eq(rates_ask(rates, both, 2, 60000), 0);
	ck_assert_uint_eq(rates_ask(rates, both, 2, 60001), 3600000 - 60001); /* the hour's */
	ck_assert_uint_eq(rates_ask(rates, both, 2, 3600000), 0);
}
END_TEST

START_TEST(idle_spans_are_forgotten)
{
	char name[16];
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "chat-%u", i);
		ck_assert_uint_eq(ask_long(name, 30, 60000, (uint64_t)i * 600), 0);
	}
	ck_assert_uint_le(rates_count(rates), 1000); /* a hundred of the last minute, and some */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rates");
	TCase *tcase = tcase_create("rates");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, no_second_holds_more_than_the_rate, 0, 8);
	tcase_add_test(tcase, the_wait_said_is_the_wait_needed);
	tcase_add_test(tcase, those_who_wait_are_given_different_times);
	tcase_add_test(tcase, no_rate_is_no_limit);
	tcase_add_test(tcase, who_is_refused_by_one_takes_from_none);
	tcase_add_test(tcase, idle_names_are_forgotten);
	tcase_add_test(tcase, no_minute_holds_more_than_its_rate);
	tcase_add_test(tcase, who_used_up_a_minute_waits_for_the_first_of_it);
	tcase_add_test(tcase, spans_of_one_name_hold_together);
	tcase_add_test(tcase, idle_spans_are_forgotten);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
