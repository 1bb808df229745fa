/* codec.c - base64, hex and percent coding.
 *
 * Decoders accept one spelling of each value: a second spelling of a signed or deduplicated
 * value would be a second identity. What fails adds nothing to the output. */
#include "qg/codec.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

void qg_hex_encode(const void *data, size_t size, char *out)
{
	const uint8_t *bytes = data;
	for (size_t i = 0; i < size; i++) {
		out[2 * i] = hex_digits[bytes[i] >> 4];
		out[2 * i + 1] = hex_digits[bytes[i] & 15];
	}
	out[2 * size] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte of two hex digits, or -1. */
static int hex_byte(const char *text)
{
	int high = hex_value(text[0]);
	int low = hex_value(text[1]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

enum qg_status qg_hex_decode(const char *text, size_t text_size, void *out)
{
	if (text_size % 2 != 0) {
		return QG_INVALID;
	}
	for (size_t i = 0; i < text_size; i += 2) {
		if (hex_byte(text + i) < 0) {
			return QG_INVALID;
		}
	}
	uint8_t *bytes = out;
	for (size_t i = 0; i < text_size; i += 2) {
		bytes[i / 2] = (uint8_t)hex_byte(text + i);
	}
	return QG_OK;
}

enum qg_status qg_base64_encode(const void *data, size_t size, struct qg_buf *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *bytes = data;
	if (size > SIZE_MAX / 2) {
		return out->failed = QG_TOO_LARGE;
	}
	size_t length = (size + 2) / 3 * 4;
	if (qg_buf_reserve(out, length) != QG_OK) {
		return out->failed;
	}
	char *to = out->data + out->size;
	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t group = (uint32_t)bytes[i] << 16;
		group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
		group |= left > 2 ? bytes[i + 2] : 0;
		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[group & 63] : '=';
	}
	*to = '\0';
	out->size += length;
	return QG_OK;
}

/* The value of each byte as a digit, -1 for what is none. Of all bytes: webhooks are decoded here. */
static const int8_t base64_values[256] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, 62, -1, -1, -1, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1,
	-1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
	20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1, -1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36,
	37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

static int base64_value(char c)
{
	return base64_values[(uint8_t)c];
}

/* Decodes count digits (2 to 4) into count - 1 bytes; false for a foreign character or bits that
 * no byte uses. */
static bool base64_group(const char *text, size_t count, uint8_t *out)
{
	uint32_t group = 0;
	for (size_t i = 0; i < 4; i++) {
		int value = i < count ? base64_value(text[i]) : 0;
		if (value < 0) {
			return false;
		}
		group = group << 6 | (uint32_t)value;
	}
	for (size_t i = 0; i < count - 1; i++) {
		out[i] = (uint8_t)(group >> (16 - 8 * i));
	}
	return (group & (0xffffffU >> (8 * (count - 1)))) == 0;
}

enum qg_status qg_base64_decode(const char *text, size_t size, struct qg_buf *out)
{
	if (size % 4 != 0) {
		return QG_INVALID;
	}
	if (qg_buf_reserve(out, size / 4 * 3) != QG_OK) {
		return out->failed;
	}
	size_t padding = 0;
	if (size > 0 && text[size - 1] == '=') {
		padding = text[size - 2] == '=' ? 2 : 1;
	}
	uint8_t *to = (uint8_t *)out->data + out->size;
	size_t i = 0;
	for (; i + 4 < size; i += 4, to += 3) { /* whole groups, up to the first odd one */
		int a = base64_value(text[i]);
		int b = base64_value(text[i + 1]);
		int c = base64_value(text[i + 2]);
		int d = base64_value(text[i + 3]);
		if ((a | b | c | d) < 0) {
			break;
		}
		uint32_t group = (uint32_t)a << 26 | (uint32_t)b << 20 | (uint32_t)c << 14 |
				 (uint32_t)d << 8;
		group = htobe32(group);
		memcpy(to, &group, sizeof(group)); /* the fourth byte is the next group's */
	}
	for (; i < size; i += 4) {
		size_t count = i + 4 == size ? 4 - padding : 4;
		if (!base64_group(text + i, count, to)) {
			out->data[out->size] = '\0';
			return QG_INVALID;
		}
		to += count - 1;
	}
	out->size = (size_t)((char *)to - out->data);
	out->data[out->size] = '\0';
	return QG_OK;
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

enum qg_status qg_url_encode(const char *text, size_t size, struct qg_buf *out)
{
	size_t length = 0;
	for (size_t i = 0; i < size; i++) {
		length += is_unreserved(text[i]) ? 1 : 3;
	}
	if (qg_buf_reserve(out, length) != QG_OK) {
		return out->failed;
	}
	char *to = out->data + out->size;
	for (size_t i = 0; i < size; i++) {
		if (is_unreserved(text[i])) {
			*to++ = text[i];
			continue;
		}
		uint8_t byte = (uint8_t)text[i];
		*to++ = '%';
		*to++ = "0123456789ABCDEF"[byte >> 4];
		*to++ = "0123456789ABCDEF"[byte & 15];
	}
	*to = '\0';
	out->size += length;
	return QG_OK;
}

/* The next decoded byte, moving *at; -1 for a broken escape or a NUL in any spelling. */
static int url_byte(const char **at, const char *end, bool plus_is_space)
{
	char c = *(*at)++;
	if (c == '+' && plus_is_space) {
		return ' ';
	}
	if (c != '%') {
		return c == '\0' ? -1 : (uint8_t)c;
	}
	if (end - *at < 2) {
		return -1;
	}
	int byte = hex_byte(*at);
	*at += 2;
	return byte == 0 ? -1 : byte;
}

enum qg_status qg_url_decode(const char *text, size_t size, bool plus_is_space, struct qg_buf *out)
{
	if (qg_buf_reserve(out, size) != QG_OK) {
		return out->failed;
	}
	char *to = out->data + out->size;
	for (const char *at = text, *end = text + size; at < end;) {
		int byte = url_byte(&at, end, plus_is_space);
		if (byte < 0) {
			out->data[out->size] = '\0';
			return QG_INVALID;
		}
		*to++ = (char)byte;
	}
	*to = '\0';
	out->size = (size_t)(to - out->data);
	return QG_OK;
}

/* Whether the coded name of size bytes means name. */
static bool is_named(const char *coded, size_t size, const char *name)
{
	for (const char *at = coded, *end = coded + size; at < end; name++) {
		/* The NUL behind name equals no decoded byte: the walk cannot pass it. */
		if (url_byte(&at, end, true) != (uint8_t)*name) {
			return false;
		}
	}
	return *name == '\0';
}

char *qg_query_get(const char *query, size_t size, const char *name)
{
	const char *end = query + size;
	for (const char *at = query; at < end;) {
		const char *stop = memchr(at, '&', (size_t)(end - at));
		stop = stop ? stop : end;
		const char *equals = memchr(at, '=', (size_t)(stop - at));
		if (is_named(at, (size_t)((equals ? equals : stop) - at), name)) {
			const char *value = equals ? equals + 1 : stop;
			struct qg_buf out;
			qg_buf_init(&out, (size_t)(stop - value));
			if (qg_url_decode(value, (size_t)(stop - value), true, &out) != QG_OK) {
				qg_buf_finish(&out);
				return NULL;
			}
			return qg_buf_steal(&out);
		}
		at = stop < end ? stop + 1 : end;
	}
	return NULL;
}
