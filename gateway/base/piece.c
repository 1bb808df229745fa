/* piece.c - reads what the scan found: text without its escapes, numbers, elements of an array.
 *
 * A piece from the scan is well formed; one that is not is still never read beyond its end. */
#include "piece.h"

#include <endian.h>
#include <string.h>

#include "qg/str.h"

#define REPLACEMENT 0xfffd
#define TEXT_MAX ((size_t)64 * 1024 * 1024) /* of a copy */
#define EXPONENT_MAX 400		    /* beyond it a number is 0 or out of bounds anyway */

/* ---- grammar ---- */

const char *qg_piece_skip_blanks(const char *at, const char *end)
{
	while (at < end && (at[0] == ' ' || at[0] == '\n' || at[0] == '\r' || at[0] == '\t')) {
		at++;
	}
	return at;
}

const char *qg_piece_skip_plain(const char *at, const char *end)
{
	const uint64_t low = UINT64_C(0x0101010101010101), high = low << 7;
	for (uint64_t x; end - at >= 8; at += 8) {
		memcpy(&x, at, sizeof(x));
		x = le64toh(x); /* the first byte is the lowest: carries go the other way */
		uint64_t quote = x ^ (low * '"'), slash = x ^ (low * '\\');
		/* Of bytes over 0x7f none is looked for: neither xor changes their highest bit. */
		uint64_t hit = (x - low * 0x20) | (quote - low) | (slash - low);
		hit &= ~x & high;
		if (hit != 0) {
			return at + (ffsll((long long)hit) - 1) / 8;
		}
	}
	while (at < end && (unsigned char)at[0] >= 0x20 && at[0] != '"' && at[0] != '\\') {
		at++;
	}
	return at;
}

static bool is_digit(const char *at, const char *end)
{
	return at < end && at[0] >= '0' && at[0] <= '9';
}

/* Over one digit or more; NULL for none. */
static const char *skip_digits(const char *at, const char *end)
{
	if (!is_digit(at, end)) {
		return NULL;
	}
	while (is_digit(at, end)) {
		at++;
	}
	return at;
}

const char *qg_piece_skip_number(const char *at, const char *end)
{
	at += at < end && at[0] == '-';
	at = at < end && at[0] == '0' ? at + 1 : skip_digits(at, end);
	if (at != NULL && at < end && at[0] == '.') {
		at = skip_digits(at + 1, end);
	}
	if (at != NULL && at < end && (at[0] == 'e' || at[0] == 'E')) {
		at++;
		at += at < end && (at[0] == '+' || at[0] == '-');
		at = skip_digits(at, end);
	}
	return at;
}

int qg_piece_hex(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- text ---- */

/* The four hex digits at at; U+FFFD where they are none. */
static uint32_t read_unit(const char *at, const char *end)
{
	uint32_t unit = 0;
	for (int i = 0; i < 4; i++) {
		int digit = at + i < end ? qg_piece_hex(at[i]) : -1;
		if (digit < 0) {
			return REPLACEMENT;
		}
		unit = unit << 4 | (uint32_t)digit;
	}
	return unit;
}

/* Behind "\u": a code point, of two units where they are a pair. Returns what is behind it. */
static const char *read_code(const char *at, const char *end, uint32_t *code_out)
{
	uint32_t code = read_unit(at, end);
	at = end - at > 4 ? at + 4 : end;
	if (code >= 0xd800 && code <= 0xdbff && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
		uint32_t low = read_unit(at + 2, end);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*code_out = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
			return at + 6;
		}
	}
	/* qg_utf8_put() makes U+FFFD of a lone surrogate. */
	*code_out = code != 0 ? code : REPLACEMENT;
	return at;
}

/* At a backslash: what the escape stands for, as UTF-8. Returns what is behind it. */
static const char *read_escape(const char *at, const char *end, char utf8[4], size_t *size_out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	*size_out = 1;
	if (end - at < 2) {
		utf8[0] = '\\';
		return end;
	}
	if (at[1] == 'u') {
		uint32_t code = 0;
		at = read_code(at + 2, end, &code);
		*size_out = qg_utf8_put(code, utf8);
		return at;
	}
	const char *found = memchr(from, at[1], sizeof(from) - 1);
	utf8[0] = found != NULL ? to[found - from] : at[1];
	return at + 2;
}

enum qg_status qg_piece_text(const struct qg_piece *piece, struct qg_buf *out)
{
	if (piece->kind != QG_PIECE_STRING) {
		return QG_INVALID;
	}
	const char *at = piece->data, *end = at + piece->size;
	while (piece->escaped && at < end) {
		const char *slash = memchr(at, '\\', (size_t)(end - at));
		if (slash == NULL) {
			break;
		}
		qg_buf_add(out, at, (size_t)(slash - at));
		char utf8[4];
		size_t size = 0;
		at = read_escape(slash, end, utf8, &size);
		qg_buf_add(out, utf8, size);
	}
	return qg_buf_add(out, at, (size_t)(end - at));
}

char *qg_piece_copy(const struct qg_piece *piece)
{
	if (piece->kind == QG_PIECE_STRING && !piece->escaped) {
		return qg_str_copy_n(piece->data, piece->size);
	}
	struct qg_buf text;
	qg_buf_init(&text, TEXT_MAX);
	/* No escape is shorter than what it stands for. */
	if (qg_buf_reserve(&text, piece->size) != QG_OK || qg_piece_text(piece, &text) != QG_OK) {
		qg_buf_finish(&text);
		return NULL;
	}
	return qg_buf_steal(&text);
}

bool qg_piece_equals(const struct qg_piece *piece, const char *text, size_t size)
{
	if (piece->kind != QG_PIECE_STRING) {
		return false;
	}
	if (!piece->escaped) {
		return piece->size == size && memcmp(piece->data, text, size) == 0;
	}
	const char *at = piece->data, *end = at + piece->size;
	size_t done = 0;
	while (at < end) {
		char utf8[4] = {at[0]};
		size_t one = 1;
		at = at[0] == '\\' ? read_escape(at, end, utf8, &one) : at + 1;
		if (size - done < one || memcmp(text + done, utf8, one) != 0) {
			return false;
		}
		done += one;
	}
	return done == size;
}

bool qg_piece_is(const struct qg_piece *piece, const char *text)
{
	return qg_piece_equals(piece, text, strlen(text));
}

/* ---- numbers ---- */

/* A number's parts: its digits on both sides of the point, and by how many places the point is moved. */
struct number {
	const char *whole, *fraction;
	size_t whole_size, fraction_size;
	bool negative;
	int exponent;
};

static struct number split(const char *at, const char *end)
{
	struct number n = {.negative = at[0] == '-'};
	n.whole = at + n.negative;
	const char *behind = skip_digits(n.whole, end);
	n.whole_size = (size_t)(behind - n.whole);
	if (behind < end && behind[0] == '.') {
		n.fraction = behind + 1;
		behind = skip_digits(n.fraction, end);
		n.fraction_size = (size_t)(behind - n.fraction);
	}
	if (behind < end) { /* an e */
		bool down = behind[1] == '-';
		for (behind += 1 + (down || behind[1] == '+'); behind < end; behind++) {
			if (n.exponent < EXPONENT_MAX) {
				n.exponent = n.exponent * 10 + (behind[0] - '0');
			}
		}
		n.exponent = down ? -n.exponent : n.exponent;
	}
	return n;
}

/* The i-th digit of all, zeros behind the last. */
static int digit_at(const struct number *n, size_t i)
{
	if (i < n->whole_size) {
		return n->whole[i] - '0';
	}
	i -= n->whole_size;
	return i < n->fraction_size ? n->fraction[i] - '0' : 0;
}

/* Summed up below zero, where there is one more. */
static bool to_int(const struct number *n, int64_t *out)
{
	int64_t sum = 0, places = (int64_t)n->whole_size + n->exponent;
	for (int64_t i = 0; i < places; i++) {
		int digit = digit_at(n, (size_t)i);
		if (sum < (INT64_MIN + digit) / 10) {
			return false;
		}
		sum = sum * 10 - digit;
	}
	if (!n->negative && sum == INT64_MIN) {
		return false;
	}
	*out = n->negative ? sum : -sum;
	return true;
}

int64_t qg_piece_int(const struct qg_piece *piece, int64_t fallback)
{
	bool may = piece->kind == QG_PIECE_NUMBER || piece->kind == QG_PIECE_STRING;
	if (!may || piece->size == 0) {
		return fallback;
	}
	const char *end = piece->data + piece->size;
	if (qg_piece_skip_number(piece->data, end) != end) {
		return fallback;
	}
	struct number number = split(piece->data, end);
	int64_t value = fallback;
	return to_int(&number, &value) ? value : fallback;
}

bool qg_piece_bool(const struct qg_piece *piece, bool fallback)
{
	return piece->kind == QG_PIECE_BOOL ? piece->data[0] == 't' : fallback;
}

/* ---- elements ---- */

/* Behind the string whose opening quote is at at. */
static const char *skip_string(const char *at, const char *end, bool *escaped_out)
{
	*escaped_out = false;
	for (at++; at < end && at[0] != '"'; at++) {
		if (at[0] == '\\') {
			*escaped_out = true;
			at++;
		}
	}
	return at < end ? at + 1 : end;
}

/* Behind the bracket that closes the one at at. */
static const char *skip_brackets(const char *at, const char *end)
{
	size_t depth = 0;
	bool escaped = false;
	while (at < end) {
		char c = at[0];
		at = c == '"' ? skip_string(at, end, &escaped) : at + 1;
		depth += c == '[' || c == '{';
		if ((c == ']' || c == '}') && --depth == 0) {
			break;
		}
	}
	return at;
}

static enum qg_piece_kind kind_of(char c)
{
	switch (c) {
	case '{':
		return QG_PIECE_OBJECT;
	case '[':
		return QG_PIECE_ARRAY;
	case '"':
		return QG_PIECE_STRING;
	case 't':
	case 'f':
		return QG_PIECE_BOOL;
	case 'n':
		return QG_PIECE_NULL;
	default:
		return QG_PIECE_NUMBER;
	}
}

static const char *skip_word(const char *at, const char *end)
{
	while (at < end && at[0] != ',' && at[0] != ']' && (unsigned char)at[0] > ' ') {
		at++;
	}
	return at;
}

bool qg_scan_next(const struct qg_piece *array, struct qg_scan_walk *walk, struct qg_piece *out)
{
	if (array->kind != QG_PIECE_ARRAY || array->size < 2) {
		return false;
	}
	const char *end = array->data + array->size - 1; /* the bracket */
	const char *at = walk->at != NULL ? walk->at : array->data + 1;
	at = qg_piece_skip_blanks(at, end);
	if (at < end && at[0] == ',') {
		at = qg_piece_skip_blanks(at + 1, end);
	}
	if (at >= end) {
		return false;
	}
	*out = (struct qg_piece){.kind = kind_of(at[0]), .data = at};
	if (out->kind == QG_PIECE_STRING) {
		walk->at = skip_string(at, end, &out->escaped);
		out->data = at + 1;
		out->size = walk->at - at > 2 ? (size_t)(walk->at - at) - 2 : 0;
		return true;
	}
	bool nests = out->kind == QG_PIECE_OBJECT || out->kind == QG_PIECE_ARRAY;
	walk->at = nests ? skip_brackets(at, end) : skip_word(at, end);
	out->size = (size_t)(walk->at - at);
	return walk->at > at;
}
