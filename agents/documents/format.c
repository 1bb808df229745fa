/* format.c - what a number of a sheet means: days since 1900 are dates, if its format shows them as such. */
#include "documents.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DAY_S = 86400, LEAP_BUG = 60, SHIFT_1904 = 1462, LAST_DAY = 2958466 };

/* The formats without a code (ECMA-376 part 1, 18.8.30); 27 to 36 and 50 to 58 are dates in East Asia. */
static enum document_format built_in(unsigned id)
{
	if (id == 9 || id == 10) {
		return FORMAT_PERCENT;
	}
	if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id == 36 ||
		(id >= 50 && id <= 58)) {
		return FORMAT_DATE;
	}
	if ((id >= 18 && id <= 21) || (id >= 32 && id <= 35) || id == 45 || id == 47) {
		return FORMAT_TIME;
	}
	return id == 22 ? FORMAT_DATE_TIME : id == 46 ? FORMAT_ELAPSED : FORMAT_PLAIN;
}

/* Behind what stands in quotes, brackets or behind a backslash: shown as it is, or a colour or country. */
static const char *skip_literal(const char *code)
{
	char close = *code == '"' ? '"' : *code == '[' ? ']' : '\0';
	if (close == '\0') {
		return code[1] != '\0' ? code + 2 : code + 1;
	}
	const char *end = strchr(code + 1, close);
	return end != NULL ? end + 1 : code + strlen(code);
}

static bool is_elapsed(const char *code)
{
	return strncmp(code, "[h", 2) == 0 || strncmp(code, "[m", 2) == 0 ||
	       strncmp(code, "[s", 2) == 0;
}

/* Of the code's first section, which numbers above zero have. */
static enum document_format by_code(const char *code)
{
	bool days = false, hours = false, percent = false;
	while (*code != '\0' && *code != ';') {
		if (is_elapsed(code)) {
			return FORMAT_ELAPSED;
		}
		if (strchr("\"[\\_*", *code) != NULL) {
			code = skip_literal(code);
			continue;
		}
		if (strncasecmp(code, "General", 7) == 0) {
			code += 7;
			continue;
		}
		days = days || strchr("yYdD", *code) != NULL;
		hours = hours || strchr("hHsS", *code) != NULL;
		percent = percent || *code == '%';
		/* a month without day or year is one too; minutes have hours or seconds beside them */
		days = days || (strchr("mM", *code) != NULL && !hours && code[1] == *code &&
				       code[2] == *code);
		code++;
	}
	if (days || hours) {
		return !hours ? FORMAT_DATE : days ? FORMAT_DATE_TIME : FORMAT_TIME;
	}
	return percent ? FORMAT_PERCENT : FORMAT_PLAIN;
}

enum document_format document_format_of(unsigned id, const char *code)
{
	return code != NULL ? by_code(code) : built_in(id);
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The date of a day, counted from 1900-01-01. Not gmtime_r(): that looks for files, which a child may not open. */
static void calendar(int64_t day, int *year_out, int *month_out, int *day_out)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = 1900, month = 0;
	for (; day >= (is_leap(year) ? 366 : 365); year++) {
		day -= is_leap(year) ? 366 : 365;
	}
	for (int length; day >= (length = lengths[month] + (month == 1 && is_leap(year)));
		month++) {
		day -= length;
	}
	*year_out = year;
	*month_out = month + 1;
	*day_out = (int)day + 1;
}

static void put_date(
	double serial, enum document_format format, bool since_1904, char out[DOCUMENT_NUMBER_SIZE])
{
	int64_t seconds = llround(serial * DAY_S);
	int64_t days = seconds / DAY_S + (since_1904 ? SHIFT_1904 : 0);
	unsigned of_day = (unsigned)(seconds % DAY_S);
	int year, month, day;
	char time[16] = "";
	/* the first sheets took 1900 for a leap year, and all have since; day 0 is the day before its first */
	calendar(days - (days >= LEAP_BUG ? 2 : days > 0 ? 1 : 0), &year, &month, &day);
	if (of_day % 60 != 0) {
		snprintf(time, sizeof(time), "%02u:%02u:%02u", of_day / 3600, of_day / 60 % 60,
			of_day % 60);
	} else {
		snprintf(time, sizeof(time), "%02u:%02u", of_day / 3600, of_day / 60 % 60);
	}
	if (format == FORMAT_TIME && days == (since_1904 ? SHIFT_1904 : 0)) {
		snprintf(out, DOCUMENT_NUMBER_SIZE, "%s", time);
	} else if (format == FORMAT_DATE || (format == FORMAT_DATE_TIME && of_day == 0)) {
		snprintf(out, DOCUMENT_NUMBER_SIZE, "%04d-%02d-%02d", year, month, day);
	} else {
		snprintf(out, DOCUMENT_NUMBER_SIZE, "%04d-%02d-%02d %s", year, month, day, time);
	}
}

/* 15 digits are what a sheet keeps: 0.1 + 0.2 is 0.3 there. */
static void put_plain(double number, const char *unit, char out[DOCUMENT_NUMBER_SIZE])
{
	bool whole = fabs(number) < 1e15 && number == floor(number);
	snprintf(out, DOCUMENT_NUMBER_SIZE, whole ? "%.0f%s" : "%.15g%s", number, unit);
}

void document_format_number(const char *value, enum document_format format, bool since_1904,
	char out[DOCUMENT_NUMBER_SIZE])
{
	char *end;
	double number = strtod(value, &end);
	if (end == value || *end != '\0' || !isfinite(number)) {
		snprintf(out, DOCUMENT_NUMBER_SIZE, "%.*s", DOCUMENT_NUMBER_SIZE - 1, value);
	} else if (format == FORMAT_PERCENT) {
		put_plain(number * 100, "%", out);
	} else if (format == FORMAT_PLAIN || number < 0 || number >= LAST_DAY) {
		put_plain(number, "", out);
	} else if (format == FORMAT_ELAPSED) {
		int64_t seconds = llround(number * DAY_S);
		snprintf(out, DOCUMENT_NUMBER_SIZE, "%lld:%02d:%02d", (long long)(seconds / 3600),
			(int)(seconds / 60 % 60), (int)(seconds % 60));
	} else {
		put_date(number, format, since_1904, out);
	}
}
