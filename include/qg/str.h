/* str.h - strings and UTF-8: copies, trims, comparisons, cuts that never split a code point. */
#ifndef QG_STR_H
#define QG_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/status.h"

struct qg_strings {
	char **items;
	size_t count;
};

/* Adds a copy of text. */
QG_MUST_CHECK enum qg_status qg_strings_add(struct qg_strings *strings, const char *text);
bool qg_strings_has(const struct qg_strings *strings, const char *text);
/* Frees all; zeroes it. Accepts a zeroed one. */
void qg_strings_finish(struct qg_strings *strings);

/* NULL only for no memory, or where text is NULL. Yours to free. */
char *qg_str_copy(const char *text);
/* Exactly size bytes and a NUL. */
char *qg_str_copy_n(const char *text, size_t size);
char *qg_str_printf(const char *format, ...) QG_PRINTF(1, 2);
/* Cleanup for QG_AUTO(qg_str_free) char *x. */
void qg_str_free(char **text);
/* NULL-safe equality. */
bool qg_str_equal(const char *a, const char *b);
bool qg_str_starts_with(const char *text, const char *prefix);
/* Cuts ASCII and full-width blanks off both ends, in place; returns text. */
char *qg_str_trim(char *text);
/* Valid UTF-8 without NUL, surrogates and overlong forms? */
bool qg_utf8_is_valid(const char *data, size_t size);
/* The largest n <= limit at which data may be cut without splitting a code point. */
size_t qg_utf8_cut(const char *data, size_t size, size_t limit);
/* Decodes the code point at data (size > 0), U+FFFD where invalid; *used_out is at least 1. */
uint32_t qg_utf8_next(const char *data, size_t size, size_t *used_out);
/* Appends a code point as UTF-8 to out (4 bytes of room); returns the bytes written. */
size_t qg_utf8_put(uint32_t code, char *out);
/* Code points in data. */
size_t qg_utf8_count(const char *data, size_t size);
/* Does it steer a terminal, end a line or turn the direction of writing? */
bool qg_utf8_is_unsafe(uint32_t code);
/* Makes one line that is safe to show, in place: a blank for each unsafe character and each invalid byte. */
void qg_utf8_flatten(char *text);
/* Replaces invalid bytes by U+FFFD and drops control characters except \n and \t. Yours to free. */
char *qg_utf8_clean(const char *data, size_t size);
/* Case and width folded copy (ASCII lower case, full-width forms to ASCII). Yours to free. */
char *qg_str_fold(const char *text);
/* The candidate nearest to word by edit distance, or NULL if none is near enough to suggest. */
const char *qg_str_nearest(const char *word, const char *const *candidates, size_t count);
/* A whole decimal number within [min, max]; false leaves *out untouched. */
QG_MUST_CHECK bool qg_str_to_int64(const char *text, int64_t min, int64_t max, int64_t *out);
/* The decimal digits of number with their NUL; how many bytes stand before it. A tenth of what printf() costs. */
#define QG_INT64_SIZE 21
size_t qg_str_from_int64(int64_t number, char out[QG_INT64_SIZE]);
/* CRC-16/XMODEM as Redis Cluster uses it: partitions are made from it. */
uint16_t qg_crc16(const char *data, size_t size);

#endif
