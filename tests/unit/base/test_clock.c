/* test_clock.c - fixed times, scaled times, zones and the offset file of the test build. */
#include "qg/clock.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 2026-11-22 06:03:11.042 UTC */
#define WALL INT64_C(1795327391042)

START_TEST(fixed_clocks_stand_still_until_released)
{
	qg_clock_fix(WALL, 5000);
	ck_assert_int_eq(qg_clock_wall(), WALL);
	ck_assert_uint_eq(qg_clock_mono(), 5000);
	ck_assert_uint_eq(qg_clock_mono_us(), 5000000);
	qg_clock_fix(WALL + 1, 5001);
	ck_assert_int_eq(qg_clock_wall(), WALL + 1);
	ck_assert_uint_eq(qg_clock_mono(), 5001);
	qg_clock_fix(-1, 0);
	ck_assert_int_ne(qg_clock_wall(), WALL + 1);
	ck_assert_int_gt(qg_clock_wall(), INT64_C(1700000000000));
}
END_TEST

START_TEST(monotonic_time_never_goes_back)
{
	uint64_t last = qg_clock_mono_us();
	for (int i = 0; i < 10000; i++) {
		uint64_t now = qg_clock_mono_us();
		ck_assert_uint_ge(now, last);
		last = now;
	}
	ck_assert_uint_ge(qg_clock_mono(), last / 1000);
}
END_TEST

START_TEST(protocol_times_are_as_they_are_without_a_scale)
{
	unsetenv("QUNGONG_TEST_SCALE");
	ck_assert_uint_eq(qg_clock_scaled(30000), 30000);
	ck_assert_uint_eq(qg_clock_scaled(0), 0);
}
END_TEST

START_TEST(scale_divides_and_never_gives_zero)
{
	setenv("QUNGONG_TEST_SCALE", "10", 1);
	ck_assert_uint_eq(qg_clock_scaled(30000), 3000);
	ck_assert_uint_eq(qg_clock_scaled(5), 1);
	ck_assert_uint_eq(qg_clock_scaled(0), 0);
}
END_TEST

static const char *const odd_scales[] = {"0", "-5", "1001", "x", "", "2.5"};

START_TEST(odd_scales_are_not_honoured)
{
	setenv("QUNGONG_TEST_SCALE", odd_scales[_i], 1);
	ck_assert_uint_eq(qg_clock_scaled(30000), 30000);
}
END_TEST

START_TEST(local_time_follows_the_zone)
{
	struct tm tm;
	qg_clock_set_zone("Asia/Shanghai");
	qg_clock_local(WALL, &tm);
	ck_assert_int_eq(tm.tm_year, 126);
	ck_assert_int_eq(tm.tm_mon, 10);
	ck_assert_int_eq(tm.tm_mday, 22);
	ck_assert_int_eq(tm.tm_hour, 14);
	ck_assert_int_eq(tm.tm_min, 3);
	ck_assert_int_eq(tm.tm_sec, 11);
	qg_clock_set_zone("UTC");
	qg_clock_local(WALL, &tm);
	ck_assert_int_eq(tm.tm_hour, 6);
	/* Times before 1970 round down, too. */
	qg_clock_local(-1, &tm);
	ck_assert_int_eq(tm.tm_sec, 59);
	ck_assert_int_eq(tm.tm_year, 69);
	qg_clock_local(INT64_MAX, &tm);
	ck_assert_int_ge(tm.tm_mday, 1);
}
END_TEST

#ifdef QG_TEST_CLOCK

static void put_offset(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

/* The file is read again after 50 ms: waits for that without sleeping. */
static int64_t offset_after_a_while(void)
{
	uint64_t until = qg_clock_mono() + 60;
	while (qg_clock_mono() < until) {
		qg_clock_wall();
	}
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return qg_clock_wall() - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

START_TEST(offset_file_shifts_the_wall_clock_only)
{
	enum {
		NEAR = 60000
	}; /* of what passes between two looks at a clock, next to nothing beside an hour */
	char dir[] = "/tmp/qg-clock-XXXXXX", path[64];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/offset", dir);
	setenv("QUNGONG_TEST_CLOCK", path, 1);
	put_offset(path, "3600000\n");
	uint64_t mono = qg_clock_mono();
	ck_assert_int_le(llabs(offset_after_a_while() - 3600000), NEAR);
	put_offset(path, "-3600000");
	ck_assert_int_le(llabs(offset_after_a_while() + 3600000), NEAR);
	/* Empty for a moment while it is rewritten: the old offset goes on. */
	put_offset(path, "");
	ck_assert_int_le(llabs(offset_after_a_while() + 3600000), NEAR);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_le(llabs(offset_after_a_while()), NEAR);
	ck_assert_uint_lt(qg_clock_mono() - mono, 600000);
	rmdir(dir);
}
END_TEST

#else

START_TEST(normal_builds_know_no_offset_file)
{
	char path[] = "/tmp/qg-clock-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "3600000", 7), 7);
	setenv("QUNGONG_TEST_CLOCK", path, 1);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	ck_assert_int_lt(qg_clock_wall() - (int64_t)now.tv_sec * 1000, 60000);
	close(fd);
	unlink(path);
}
END_TEST

#endif

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tcase = tcase_create("clock");
	tcase_add_test(tcase, fixed_clocks_stand_still_until_released);
	tcase_add_test(tcase, monotonic_time_never_goes_back);
	tcase_add_test(tcase, protocol_times_are_as_they_are_without_a_scale);
	tcase_add_test(tcase, scale_divides_and_never_gives_zero);
	tcase_add_loop_test(
		tcase, odd_scales_are_not_honoured, 0, sizeof(odd_scales) / sizeof(odd_scales[0]));
	tcase_add_test(tcase, local_time_follows_the_zone);
#ifdef QG_TEST_CLOCK
	tcase_add_test(tcase, offset_file_shifts_the_wall_clock_only);
#else
	tcase_add_test(tcase, normal_builds_know_no_offset_file);
#endif
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
