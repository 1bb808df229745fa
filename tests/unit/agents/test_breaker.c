/* test_breaker.c - the gate before a service: when it shuts, who probes, when it opens. */
#include "main.h"
#include "models/breaker.h"

#define NOW 1000000
#define MINUTE 60000

static struct qg_gate gate;

static void setup(void)
{
	gate = (struct qg_gate){0};
}

static void fail_times(size_t count, uint64_t at, uint64_t step)
{
	for (size_t i = 0; i < count; i++) {
		ck_assert(!qg_gate_failed(&gate, at + i * step, QG_MODEL_SERVER));
	}
}

START_TEST(five_failures_in_half_a_minute_open_it)
{
	fail_times(4, NOW, 7500);
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 22500), QG_MODEL_NONE);
	ck_assert(qg_gate_failed(&gate, NOW + 30000, QG_MODEL_TIMEOUT));
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 30000), QG_MODEL_TIMEOUT);
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 49999), QG_MODEL_TIMEOUT);
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 50000), QG_MODEL_NONE);
}
END_TEST

START_TEST(slow_failures_do_not)
{
	fail_times(4, NOW, 7500);
	ck_assert(!qg_gate_failed(&gate, NOW + 30001, QG_MODEL_SERVER));
	fail_times(100, NOW + 40000, 7501);
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 9000000), QG_MODEL_NONE);
}
END_TEST

START_TEST(an_answer_between_them_counts)
{
	fail_times(4, NOW, 1);
	ck_assert(!qg_gate_worked(&gate, false)); /* it was not shut */
	fail_times(4, NOW + 10, 1);
	ck_assert(qg_gate_failed(&gate, NOW + 20, QG_MODEL_SERVER));
}
END_TEST

START_TEST(one_probe_at_a_time)
{
	fail_times(4, NOW, 1);
	ck_assert(qg_gate_failed(&gate, NOW + 4, QG_MODEL_SERVER));
	uint64_t later = NOW + 4 + 20000;
	ck_assert(qg_gate_begin(&gate));
	ck_assert(!qg_gate_begin(&gate));
	ck_assert_int_eq(qg_gate_shut(&gate, later), QG_MODEL_SERVER);
	qg_gate_abandon(&gate);
	ck_assert_int_eq(qg_gate_shut(&gate, later), QG_MODEL_NONE);
	ck_assert(qg_gate_begin(&gate));
	ck_assert(!qg_gate_worked(&gate, false)); /* an older call proves nothing */
	ck_assert_int_eq(qg_gate_shut(&gate, later), QG_MODEL_SERVER);
	ck_assert(qg_gate_worked(&gate, true));
	ck_assert_int_eq(qg_gate_shut(&gate, later), QG_MODEL_NONE);
	ck_assert(!qg_gate_begin(&gate)); /* nothing to probe */
}
END_TEST

START_TEST(failed_probes_wait_longer_up_to_five_minutes)
{
	static const uint64_t waits[] = {20000, 40000, 80000, 160000, 300000, 300000};
	uint64_t now = NOW;
	fail_times(4, now, 0);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		ck_assert(qg_gate_failed(&gate, now, QG_MODEL_OVERLOAD));
		ck_assert(!qg_gate_failed(&gate, now + 1, QG_MODEL_OVERLOAD)); /* a late one */
		ck_assert_int_eq(qg_gate_shut(&gate, now + waits[i] - 1), QG_MODEL_OVERLOAD);
		now += waits[i];
		ck_assert_int_eq(qg_gate_shut(&gate, now), QG_MODEL_NONE);
		ck_assert(qg_gate_begin(&gate));
	}
	ck_assert(qg_gate_worked(&gate, true));
	fail_times(4, now, 0);
	ck_assert(qg_gate_failed(&gate, now, QG_MODEL_SERVER));
	ck_assert_int_eq(qg_gate_shut(&gate, now + 20000), QG_MODEL_NONE); /* it begins anew */
}
END_TEST

START_TEST(a_parked_key_waits_and_is_probed)
{
	ck_assert(qg_gate_park(&gate, NOW, 15 * MINUTE, QG_MODEL_BALANCE));
	ck_assert(!qg_gate_park(&gate, NOW + 1, 15 * MINUTE, QG_MODEL_BALANCE)); /* no news */
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 15 * MINUTE), QG_MODEL_BALANCE);
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 15 * MINUTE + 1), QG_MODEL_NONE);
	ck_assert(qg_gate_begin(&gate));
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 16 * MINUTE), QG_MODEL_BALANCE);
	ck_assert(!qg_gate_park(&gate, NOW + 16 * MINUTE, 15 * MINUTE, QG_MODEL_BALANCE));
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 30 * MINUTE), QG_MODEL_BALANCE);
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 31 * MINUTE), QG_MODEL_NONE);
}
END_TEST

START_TEST(a_stated_rate_lets_all_come_at_its_end)
{
	ck_assert(qg_gate_park(&gate, NOW, 2000, QG_MODEL_RATE));
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 1999), QG_MODEL_RATE);
	ck_assert(qg_gate_begin(&gate));
	ck_assert_int_eq(qg_gate_shut(&gate, NOW + 2000), QG_MODEL_NONE);
	(void)qg_gate_park(&gate, NOW + 100, 100, QG_MODEL_RATE);
	ck_assert_int_eq(
		qg_gate_shut(&gate, NOW + 1999), QG_MODEL_RATE); /* the longer wait holds */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("breaker");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, NULL);
	tcase_add_test(all, five_failures_in_half_a_minute_open_it);
	tcase_add_test(all, slow_failures_do_not);
	tcase_add_test(all, an_answer_between_them_counts);
	tcase_add_test(all, one_probe_at_a_time);
	tcase_add_test(all, failed_probes_wait_longer_up_to_five_minutes);
	tcase_add_test(all, a_parked_key_waits_and_is_probed);
	tcase_add_test(all, a_stated_rate_lets_all_come_at_its_end);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
