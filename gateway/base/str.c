/* str.c - strings: copies, lists, trims, comparisons, numbers and the partition checksum. */
#include "qg/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* U+3000, the blank of Chinese keyboards. */
#define WIDE_BLANK "\xe3\x80\x80"
#define WIDE_BLANK_SIZE 3
/* Longer words are no typing slips: nothing is suggested for them. */
#define NEAREST_MAX 64

enum qg_status qg_strings_add(struct qg_strings *strings, const char *text)
{
	char *copy = qg_str_copy(text);
	if (!copy) {
		return QG_NO_MEMORY;
	}
	/* Lists are short and made once: growing by one keeps the struct to two fields. */
	char **items = realloc(strings->items, (strings->count + 1) * sizeof(*items));
	if (!items) {
		free(copy);
		return QG_NO_MEMORY;
	}
	items[strings->count] = copy;
	strings->items = items;
	strings->count++;
	return QG_OK;
}

bool qg_strings_has(const struct qg_strings *strings, const char *text)
{
	for (size_t i = 0; i < strings->count; i++) {
		if (qg_str_equal(strings->items[i], text)) {
			return true;
		}
	}
	return false;
}

void qg_strings_finish(struct qg_strings *strings)
{
	for (size_t i = 0; i < strings->count; i++) {
		free(strings->items[i]);
	}
	free(strings->items);
	strings->items = NULL;
	strings->count = 0;
}

char *qg_str_copy(const char *text)
{
	return text ? qg_str_copy_n(text, strlen(text)) : NULL;
}

char *qg_str_copy_n(const char *text, size_t size)
{
	if (!text || size == SIZE_MAX) {
		return NULL;
	}
	char *copy = malloc(size + 1);
	if (!copy) {
		return NULL;
	}
	memcpy(copy, text, size);
	copy[size] = '\0';
	return copy;
}

char *qg_str_printf(const char *format, ...)
{
	va_list args;
	char *text = NULL;
	va_start(args, format);
	int length = vasprintf(&text, format, args);
	va_end(args);
	return length < 0 ? NULL : text;
}

void qg_str_free(char **text)
{
	free(*text);
	*text = NULL;
}

bool qg_str_equal(const char *a, const char *b)
{
	if (!a || !b) {
		return a == b;
	}
	return strcmp(a, b) == 0;
}

bool qg_str_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Bytes of the blank that text begins with, or 0. */
static size_t blank_at(const char *text)
{
	if (is_blank(*text)) {
		return 1;
	}
	return qg_str_starts_with(text, WIDE_BLANK) ? WIDE_BLANK_SIZE : 0;
}

/* Bytes of the blank that the first size bytes of text end with, or 0. */
static size_t blank_before(const char *text, size_t size)
{
	if (size > 0 && is_blank(text[size - 1])) {
		return 1;
	}
	bool wide = size >= WIDE_BLANK_SIZE &&
		    memcmp(text + size - WIDE_BLANK_SIZE, WIDE_BLANK, WIDE_BLANK_SIZE) == 0;
	return wide ? WIDE_BLANK_SIZE : 0;
}

char *qg_str_trim(char *text)
{
	char *start = text;
	for (size_t n = blank_at(start); n > 0; n = blank_at(start)) {
		start += n;
	}
	size_t size = strlen(start);
	for (size_t n = blank_before(start, size); n > 0; n = blank_before(start, size)) {
		size -= n;
	}
	memmove(text, start, size);
	text[size] = '\0';
	return text;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edit distance with swapped neighbours as one slip (a key is oftener "prot" than "pxrt");
 * both sizes at most NEAREST_MAX. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];
	for (size_t j = 0; j <= b_size; j++) {
		last[j] = j;
	}
	for (size_t i = 1; i <= a_size; i++) {
		now[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t cost = lower(a[i - 1]) != lower(b[j - 1]);
			now[j] = least(last[j - 1] + cost, least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
				lower(a[i - 2]) == lower(b[j - 1])) {
				now[j] = least(now[j], before[j - 2] + 1);
			}
		}
		size_t *spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[b_size];
}

const char *qg_str_nearest(const char *word, const char *const *candidates, size_t count)
{
	size_t size = strlen(word);
	if (size == 0 || size > NEAREST_MAX) {
		return NULL;
	}
	/* One slip in three letters, rounded up, and something must be left in common. */
	size_t best = (size + 2) / 3 + 1;
	const char *nearest = NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = strlen(candidates[i]);
		if (other == 0 || other > NEAREST_MAX) {
			continue;
		}
		size_t slips = distance(word, size, candidates[i], other);
		if (slips < best && slips < (size > other ? size : other)) {
			best = slips;
			nearest = candidates[i];
		}
	}
	return nearest;
}

bool qg_str_to_int64(const char *text, int64_t min, int64_t max, int64_t *out)
{
	/* strtoll would take blanks and a plus sign before the digits. */
	const char *digits = text[0] == '-' ? text + 1 : text;
	if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0') {
		return false;
	}
	errno = 0;
	long long value = strtoll(text, NULL, 10);
	if (errno != 0 || value < min || value > max) {
		return false;
	}
	*out = value;
	return true;
}

size_t qg_str_from_int64(int64_t number, char out[QG_INT64_SIZE])
{
	/* The lowest number has no positive counterpart of its own type. */
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	char digits[QG_INT64_SIZE];
	size_t at = sizeof(digits), size;
	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (number < 0) {
		digits[--at] = '-';
	}
	size = sizeof(digits) - at;
	memcpy(out, digits + at, size);
	out[size] = '\0';
	return size;
}

uint16_t qg_crc16(const char *data, size_t size)
{
	/* Polynomial 0x1021, four bits at a time. */
	static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6,
		0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
	uint16_t crc = 0;
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)data[i];
		crc = (uint16_t)((crc << 4) ^ table[(crc >> 12) ^ (byte >> 4)]);
		crc = (uint16_t)((crc << 4) ^ table[(crc >> 12) ^ (byte & 15)]);
	}
	return crc;
}
