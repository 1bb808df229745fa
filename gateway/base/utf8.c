/* utf8.c - code points: checking, cutting, cleaning and folding, the second half of str.h.
 *
 * One decoder decides what is valid; all else is written over it, so no two functions can
 * disagree about a byte. */
#include "qg/str.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT 0xfffd
#define CODE_MAX 0x10ffff

static bool follows(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

static bool is_surrogate(uint32_t code)
{
	return code >= 0xd800 && code <= 0xdfff;
}

/* The code point at data and its bytes; 0 bytes where it is no valid sequence. Every message
 * passes here byte by byte: hence one branch a length instead of a loop over tables. */
static size_t decode(const char *data, size_t size, uint32_t *code_out)
{
	const uint8_t *b = (const uint8_t *)data;
	uint32_t code = b[0];
	if (code < 0x80) {
		*code_out = code;
		return 1;
	}
	if ((code & 0xf0) == 0xe0 && size >= 3 && follows(b[1]) && follows(b[2])) {
		code = (code & 0x0f) << 12 | (b[1] & 0x3fU) << 6 | (b[2] & 0x3fU);
		*code_out = code;
		return code >= 0x800 && !is_surrogate(code) ? 3 : 0;
	}
	if (code >= 0xc2 && code <= 0xdf && size >= 2 && follows(b[1])) {
		*code_out = (code & 0x1f) << 6 | (b[1] & 0x3fU);
		return 2;
	}
	if ((code & 0xf8) == 0xf0 && size >= 4 && follows(b[1]) && follows(b[2]) && follows(b[3])) {
		code = (code & 0x07) << 18 | (b[1] & 0x3fU) << 12 | (b[2] & 0x3fU) << 6 |
		       (b[3] & 0x3fU);
		*code_out = code;
		return code >= 0x10000 && code <= CODE_MAX ? 4 : 0;
	}
	return 0;
}

uint32_t qg_utf8_next(const char *data, size_t size, size_t *used_out)
{
	uint32_t code = 0;
	size_t used = decode(data, size, &code);
	*used_out = used > 0 ? used : 1;
	return used > 0 ? code : REPLACEMENT;
}

size_t qg_utf8_put(uint32_t code, char *out)
{
	if (code > CODE_MAX || is_surrogate(code)) {
		code = REPLACEMENT;
	}
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	size_t count = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = count - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	out[0] = (char)(marks[count] | code);
	return count;
}

/* Bytes of ASCII from at on, eight at a time: none over 0x7f and none zero. */
static size_t ascii_run(const char *at, size_t size)
{
	const uint64_t high = UINT64_C(0x8080808080808080), low = UINT64_C(0x0101010101010101);
	size_t run = 0;
	for (uint64_t bytes; size - run >= sizeof(bytes); run += sizeof(bytes)) {
		memcpy(&bytes, at + run, sizeof(bytes));
		if (((bytes | (bytes - low)) & high) != 0) {
			break;
		}
	}
	return run;
}

/* Of a sequence of three whose last two bytes only have to follow: neither overlong nor a surrogate may be in it. */
static bool leads_three(uint64_t byte)
{
	return byte != 0xe0 && byte != 0xed;
}

/* Bytes of Chinese from at on, two characters at a time. */
static size_t cjk_run(const char *at, size_t size)
{
	const uint64_t mask = UINT64_C(0xc0c0f0c0c0f0), form = UINT64_C(0x8080e08080e0);
	size_t run = 0;
	for (uint64_t bytes; size - run >= sizeof(bytes); run += 6) {
		memcpy(&bytes, at + run, sizeof(bytes));
		bytes = le64toh(bytes);
		if ((bytes & mask) != form || !leads_three(bytes & 0xff) ||
			!leads_three(bytes >> 24 & 0xff)) {
			break;
		}
	}
	return run;
}

bool qg_utf8_is_valid(const char *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t run = ascii_run(data + at, size - at);
		run = run > 0 ? run : cjk_run(data + at, size - at);
		if (run > 0) {
			at += run;
			continue;
		}
		uint32_t code = 0;
		size_t used = decode(data + at, size - at, &code);
		if (used == 0 || code == 0) {
			return false;
		}
		at += used;
	}
	return true;
}

size_t qg_utf8_cut(const char *data, size_t size, size_t limit)
{
	if (limit >= size) {
		return size;
	}
	/* A sequence that spans the limit began at most three bytes before it. */
	for (size_t back = 1; back <= 3 && back <= limit; back++) {
		uint32_t code = 0;
		size_t start = limit - back;
		if (decode(data + start, size - start, &code) > back) {
			return start;
		}
	}
	return limit;
}

size_t qg_utf8_count(const char *data, size_t size)
{
	size_t count = 0;
	for (size_t at = 0, used = 0; at < size; at += used) {
		qg_utf8_next(data + at, size - at, &used);
		count++;
	}
	return count;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

bool qg_utf8_is_unsafe(uint32_t code)
{
	return is_control(code) || code == 0x2028 || code == 0x2029 ||
	       (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void qg_utf8_flatten(char *text)
{
	size_t size = strlen(text), length = 0;
	for (size_t at = 0; at < size;) {
		uint32_t code = 0;
		size_t used = decode(text + at, size - at, &code);
		if (used == 0 || qg_utf8_is_unsafe(code)) {
			text[length++] = ' ';
		} else {
			memmove(text + length, text + at, used);
			length += used;
		}
		at += used > 0 ? used : 1;
	}
	text[length] = '\0';
}

/* Bytes from at on that need no look each: Chinese, or printable ASCII. */
static size_t clean_run(const char *at, size_t size)
{
	size_t run = cjk_run(at, size);
	if (run == 0) {
		while (run < size && at[run] >= 0x20 && at[run] < 0x7f) {
			run++;
		}
	}
	return run;
}

/* Bytes from the start that need no cleaning. */
static size_t clean_part(const char *data, size_t size)
{
	size_t at = 0;
	for (size_t run; at < size; at += run) {
		run = clean_run(data + at, size - at);
		if (run > 0) {
			continue;
		}
		uint32_t code = 0;
		run = decode(data + at, size - at, &code);
		if (run == 0 || (is_control(code) && code != '\n' && code != '\t')) {
			break;
		}
	}
	return at;
}

char *qg_utf8_clean(const char *data, size_t size)
{
	/* The worst byte becomes the three of U+FFFD; most texts are clean and stay as they are. */
	if (size > (SIZE_MAX - 1) / 3) {
		return NULL;
	}
	if (clean_part(data, size) == size) {
		return qg_str_copy_n(size > 0 ? data : "", size);
	}
	char *out = malloc(size * 3 + 1);
	if (!out) {
		return NULL;
	}
	size_t length = 0;
	for (size_t at = 0, used = 0; at < size; at += used) {
		used = clean_run(data + at, size - at);
		if (used > 0) {
			memcpy(out + length, data + at, used);
			length += used;
			continue;
		}
		uint32_t code = qg_utf8_next(data + at, size - at, &used);
		if (!is_control(code) || code == '\n' || code == '\t') {
			length += qg_utf8_put(code, out + length);
		}
	}
	out[length] = '\0';
	/* Giving the spare two thirds back can only fail by keeping them. */
	char *fitted = realloc(out, length + 1);
	return fitted ? fitted : out;
}

/* Full-width forms (U+FF01 to U+FF5E) and the full-width blank stand for ASCII. */
static uint32_t fold(uint32_t code)
{
	if (code >= 0xff01 && code <= 0xff5e) {
		code = code - 0xff01 + '!';
	} else if (code == 0x3000) {
		code = ' ';
	}
	return code >= 'A' && code <= 'Z' ? code - 'A' + 'a' : code;
}

char *qg_str_fold(const char *text)
{
	char *out = qg_str_copy(text);
	if (!out) {
		return NULL;
	}
	/* Folding never lengthens, so the copy is rewritten in place; invalid bytes stay. */
	size_t size = strlen(out), length = 0;
	for (size_t at = 0; at < size;) {
		uint32_t code = 0;
		size_t used = decode(out + at, size - at, &code);
		if (used == 0) {
			out[length++] = out[at++];
			continue;
		}
		at += used;
		length += qg_utf8_put(fold(code), out + length);
	}
	out[length] = '\0';
	return out;
}
