/* http_chunked.c - owns the chunked coding of request bodies.
 *
 * http_parser could decode it too, but it skips chunk extensions unread, takes bare line feeds, and
 * hands trailers out as if they were headers that had been checked. Here extensions and trailers
 * must be clean text with proper line ends, cost a bounded number of bytes, and are dropped. */
#include "http_internal.h"

#include <string.h>

/* A size of 16 hex digits could wrap; 15 cannot. */
#define MAX_DIGITS 15
/* Extensions and trailers of one request. */
#define MAX_IGNORED 4096

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LF };

void http_chunked_init(struct http_chunked *chunked)
{
	memset(chunked, 0, sizeof(*chunked));
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Whether c may stand in what is ignored, and there is still room for it. */
static bool ignore(struct http_chunked *chunked, char c)
{
	return ++chunked->ignored <= MAX_IGNORED &&
	       (c == '\t' || ((unsigned char)c >= ' ' && c != 127));
}

/* The size is followed by the line's end or, after ';' or blanks, by extensions. */
static bool take_size(struct http_chunked *chunked, char c)
{
	int digit = hex_digit(c);
	if (digit >= 0) {
		chunked->left = chunked->left << 4 | (unsigned)digit;
		return ++chunked->digits <= MAX_DIGITS;
	}
	if (chunked->digits == 0) {
		return false;
	}
	if (c == '\r') {
		chunked->state = SIZE_LF;
		return true;
	}
	chunked->state = EXTENSION;
	return (c == ';' || c == ' ' || c == '\t') && ignore(chunked, c);
}

static bool take_extension(struct http_chunked *chunked, char c)
{
	if (c == '\r') {
		chunked->state = SIZE_LF;
		return true;
	}
	return ignore(chunked, c);
}

static bool take_trailer(struct http_chunked *chunked, char c)
{
	if (c == '\r') {
		chunked->state = TRAILER_LF;
		return true;
	}
	bool folded = !chunked->trailer_text && (c == ' ' || c == '\t');
	chunked->trailer_text = true;
	return !folded && ignore(chunked, c);
}

/* One byte of framing: 1 the body is whole, 0 go on, -1 not well formed. */
static int take_framing(struct http_chunked *chunked, char c)
{
	bool good = false;
	switch (chunked->state) {
	case SIZE:
		good = take_size(chunked, c);
		break;
	case EXTENSION:
		good = take_extension(chunked, c);
		break;
	case SIZE_LF:
		good = c == '\n';
		chunked->state = chunked->left > 0 ? DATA : TRAILER;
		break;
	case DATA_CR:
		good = c == '\r';
		chunked->state = DATA_LF;
		break;
	case DATA_LF:
		good = c == '\n';
		chunked->state = SIZE;
		chunked->digits = 0;
		break;
	case TRAILER:
		good = take_trailer(chunked, c);
		break;
	case TRAILER_LF:
		if (c == '\n' && !chunked->trailer_text) {
			return 1;
		}
		good = c == '\n';
		chunked->state = TRAILER;
		chunked->trailer_text = false;
		break;
	}
	return good ? 0 : -1;
}

int http_chunked_feed(struct http_chunked *chunked, const char *data, size_t size, size_t *used_out,
	struct qg_buf *body)
{
	size_t at = 0;
	int result = 0;
	while (at < size && result == 0) {
		if (chunked->state != DATA) {
			result = take_framing(chunked, data[at++]);
			/* A size beyond the limit need not be waited for. */
			if (result == 0 && chunked->state == DATA &&
				chunked->left > body->limit - body->size) {
				body->failed = QG_TOO_LARGE;
				result = -1;
			}
			continue;
		}
		size_t piece = size - at < chunked->left ? size - at : (size_t)chunked->left;
		if (qg_buf_add(body, data + at, piece) != QG_OK) {
			result = -1;
			break;
		}
		at += piece;
		chunked->left -= piece;
		if (chunked->left == 0) {
			chunked->state = DATA_CR;
		}
	}
	*used_out = at;
	return result;
}
