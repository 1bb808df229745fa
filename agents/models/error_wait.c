/* error_wait.c - how long a service asks to be left alone: in a header, or in the middle of a sentence.
 *
 * In order of exactness: retry-after-ms, Retry-After (seconds or a date), the message, and the reset of a
 * limit of which nothing remains. */
#include "error_wait.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "qg/str.h"

#define MAX_WAIT INT64_C(2678400000) /* a month: beyond it a service talks nonsense */
#define CHINA_MS INT64_C(28800000)   /* services of the mainland name times of Beijing */

static const char *header(const struct qg_vendor_reply *reply, const char *name)
{
	return reply->header != NULL ? reply->header(reply->arg, name) : NULL;
}

static int64_t bounded(double ms)
{
	return ms >= 0 && ms <= (double)MAX_WAIT ? (int64_t)(ms + 0.5) : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A decimal number without sign and exponent; strtod would take words and hexadecimals. */
static const char *read_number(const char *at, double *out)
{
	double value = 0, scale = 1;
	bool any = false, fraction = false;
	for (int digits = 0;
		digits < 18 && (isdigit((unsigned char)*at) || (*at == '.' && !fraction)); at++) {
		if (*at == '.') {
			fraction = true;
			continue;
		}
		any = true;
		digits++;
		value = value * 10 + (*at - '0');
		scale *= fraction ? 10 : 1;
	}
	*out = value / scale;
	return any ? at : NULL;
}

/* "58.2s", "1m12s", "120ms", "2 seconds": what is read of it in milliseconds; -1 where there is none.
 * plain: a number without a unit is seconds. */
static int64_t read_duration(const char *at, bool plain)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"ms", 1}, {"milliseconds", 1}, {"seconds", 1000}, {"second", 1000},
		{"minutes", 60000}, {"minute", 60000}, {"hours", 3600000}, {"hour", 3600000},
		{"days", 86400000}, {"day", 86400000}, {"s", 1000}, {"m", 60000}, {"h", 3600000},
		{"d", 86400000}};
	double sum = 0, value;
	bool any = false;
	for (const char *next; (next = read_number(at, &value)) != NULL;) {
		while (is_blank(*next)) {
			next++;
		}
		size_t length = 0;
		double ms = plain && !any ? 1000 : 0;
		while (isalpha((unsigned char)next[length])) {
			length++;
		}
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			/* "1m12s" has no blank: a unit ends where a digit begins */
			if (strlen(units[i].name) == length &&
				strncasecmp(units[i].name, next, length) == 0) {
				ms = units[i].ms;
			}
		}
		if (ms == 0) {
			break;
		}
		sum += value * ms;
		any = true;
		at = next + length;
	}
	return any ? bounded(sum) : -1;
}

static int64_t until(int64_t then, int64_t now)
{
	return then <= now ? 0 : then - now <= MAX_WAIT ? then - now : -1;
}

/* "2026-11-22T04:00:00Z", "2026-11-22 18:00:00": Unix milliseconds as if it were UTC; -1. */
static int64_t read_stamp(const char *text)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%d", &tm);
	if (rest == NULL || (*rest != 'T' && *rest != ' ')) {
		return -1;
	}
	rest = strptime(rest + 1, "%H:%M:%S", &tm);
	return rest != NULL ? (int64_t)timegm(&tm) * 1000 : -1;
}

static int64_t wait_of_header(const struct qg_vendor_reply *reply)
{
	double value;
	const char *text = header(reply, "retry-after-ms");
	if (text != NULL && read_number(text, &value) != NULL) {
		return bounded(value);
	}
	text = header(reply, "retry-after");
	if (text == NULL) {
		return -1;
	}
	if (read_number(text, &value) != NULL) {
		return read_duration(text, true);
	}
	struct tm tm = {0};
	const char *rest = strptime(text, "%a, %d %b %Y %H:%M:%S", &tm);
	return rest != NULL ? until((int64_t)timegm(&tm) * 1000, reply->now) : -1;
}

static int64_t wait_of_words(const struct qg_vendor_reply *reply, const char *message)
{
	static const char *const before[] = {
		"try again in ", "try again after ", "retry after ", "retry in "};
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		const char *at = strcasestr(message, before[i]);
		int64_t wait = at != NULL ? read_duration(at + strlen(before[i]), false) : -1;
		if (wait >= 0) {
			return wait;
		}
	}
	for (const char *at = strstr(message, "20"); at != NULL; at = strstr(at + 1, "20")) {
		int64_t stamp = read_stamp(at);
		if (stamp >= 0) {
			return until(stamp - CHINA_MS, reply->now);
		}
	}
	return -1;
}

/* The reset of those limits of which nothing remains: the latest of them. */
static int64_t wait_of_limits(const struct qg_vendor_reply *reply)
{
	static const char *const limits[][2] = {
		{"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
		{"x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"},
		{"x-ratelimit-remaining", "x-ratelimit-reset"},
		{"anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"},
		{"anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"},
		{"anthropic-ratelimit-input-tokens-remaining",
			"anthropic-ratelimit-input-tokens-reset"},
		{"anthropic-ratelimit-output-tokens-remaining",
			"anthropic-ratelimit-output-tokens-reset"},
	};
	int64_t latest = -1;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const char *remaining = header(reply, limits[i][0]);
		const char *reset = header(reply, limits[i][1]);
		if (remaining == NULL || reset == NULL || strcmp(remaining, "0") != 0) {
			continue;
		}
		int64_t stamp = read_stamp(reset);
		int64_t wait = stamp >= 0 ? until(stamp, reply->now) : read_duration(reset, true);
		latest = wait > latest ? wait : latest;
	}
	return latest;
}

int64_t qg_vendor_wait(const struct qg_vendor_reply *reply, const struct qg_vendor_error *error)
{
	int64_t wait = wait_of_header(reply);
	if (wait < 0) {
		wait = wait_of_words(reply, error->message);
	}
	return wait >= 0 ? wait : wait_of_limits(reply);
}
