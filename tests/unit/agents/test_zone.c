/* test_zone.c - the calendar of zones that are not the process's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "main.h"
#include "support/malloc.h"
#include "zone.h"

static const char *local(const char *zone, int64_t seconds)
{
	static char text[32];
	struct tm tm;
	qg_zone_local(zone, seconds * 1000, &tm);
	strftime(text, sizeof(text), "%Y%m%d %H:%M", &tm);
	return text;
}

static void setup(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
}

START_TEST(each_zone_has_its_own_day)
{
	ck_assert_str_eq(local("Asia/Shanghai", 1795363199), "20261122 23:59");
	ck_assert_str_eq(local("Asia/Shanghai", 1795363200), "20261123 00:00");
	ck_assert_str_eq(local("UTC", 1795363200), "20261122 16:00");
	ck_assert_str_eq(local("America/New_York", 1795363200), "20261122 11:00");
	ck_assert_str_eq(local("Asia/Kolkata", 1795363200), "20261122 21:30");
	ck_assert_str_eq(local("Asia/Shanghai", -1), "19700101 07:59");
}
END_TEST

START_TEST(summer_time_is_kept)
{
	ck_assert_str_eq(local("America/New_York", 1772953199), "20260308 01:59");
	ck_assert_str_eq(local("America/New_York", 1772953200), "20260308 03:00");
	ck_assert_str_eq(local("America/New_York", 1793512799), "20261101 01:59");
	ck_assert_str_eq(local("America/New_York", 1793512800), "20261101 01:00");
	ck_assert_str_eq(local("Europe/Berlin", 1782900000), "20260701 12:00");
}
END_TEST

START_TEST(an_unknown_zone_is_the_process_s)
{
	static const char *const names[] = {
		NULL, "", "No/Where", "../../../etc/passwd", "tzdata.zi", "/etc/passwd"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_str_eq(local(names[i], 1795363200), "20261122 16:00");
	}
}
END_TEST

START_TEST(it_agrees_with_the_library)
{
	static const char *const names[] = {"Asia/Shanghai", "America/New_York", "Europe/London",
		"Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (int64_t at = -1500000000; at < 2100000000; at += 7654321) {
			char ours[32], theirs[32];
			setenv("TZ", "UTC", 1);
			memcpy(ours, local(names[i], at), sizeof(ours));
			setenv("TZ", names[i], 1);
			tzset();
			time_t seconds = (time_t)at;
			struct tm tm;
			localtime_r(&seconds, &tm);
			strftime(theirs, sizeof(theirs), "%Y%m%d %H:%M", &tm);
			ck_assert_msg(strcmp(ours, theirs) == 0, "%s %lld: %s, not %s", names[i],
				(long long)at, ours, theirs);
		}
	}
}
END_TEST

START_TEST(without_memory_the_process_s_day_stands_in)
{
	if (!qg_test_malloc_works()) {
		return;
	}
	long n = 0;
	bool failed = true; /* and the next call tries anew */
	while (failed) {
		struct tm tm;
		qg_test_fail_malloc(++n);
		qg_zone_local("Asia/Tokyo", 1795363200000, &tm);
		failed = qg_test_malloc_failed();
		qg_test_fail_malloc(0);
		ck_assert(tm.tm_hour == 1 || (failed && tm.tm_hour == 16));
	}
	ck_assert_int_gt(n, 1);
}
END_TEST

static void write_file(const char *path, const unsigned char *data, size_t size)
{
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fwrite(data, 1, size, file);
	fclose(file);
}

/* Whatever the file holds: no byte behind its end is read (a sanitizer watches), and some day comes out. */
START_TEST(a_damaged_file_does_no_harm)
{
	unsigned char data[8192];
	FILE *file = fopen("/usr/share/zoneinfo/Asia/Shanghai", "r");
	size_t size = file != NULL ? fread(data, 1, sizeof(data), file) : 0;
	ck_assert_uint_gt(size, 200);
	fclose(file);
	char dir[] = "/tmp/qg-zone-XXXXXX", path[64], name[16];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("TZDIR", dir, 1);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "z%d", i);
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		size_t cut = i < 15 ? size * (size_t)i / 15 : size;
		if (i >= 15) {
			data[4 * (size_t)(i - 15) + (i % 2 == 0 ? 20 : 120)] ^= 0x7f;
		}
		write_file(path, data, cut);
		(void)local(name, 1795363200);
		remove(path);
	}
	unsetenv("TZDIR");
	rmdir(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("zone");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, NULL);
	tcase_add_test(all, each_zone_has_its_own_day);
	tcase_add_test(all, summer_time_is_kept);
	tcase_add_test(all, an_unknown_zone_is_the_process_s);
	tcase_add_test(all, it_agrees_with_the_library);
	tcase_add_test(all, without_memory_the_process_s_day_stands_in);
	tcase_add_test(all, a_damaged_file_does_no_harm);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
