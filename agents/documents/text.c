/* text.c - text of an encoding that nobody told: UTF-8, UTF-16 or GB18030, which GBK and GB2312 are parts of.
 *
 * A mark at its beginning decides; then NULs (only UTF-16 has them); then whether it is UTF-8, which other encodings
 * are next to never by chance; what is left is GB18030 if nearly all of it can be. */
#include "documents.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "qg/str.h"

enum {
	LOOK = 64 * 1024, /* bytes in which text shows what it is */
	FEW = 16	  /* one mistake in so many letters is a mistake; more: another encoding */
};

static iconv_t gb18030 = (iconv_t)-1;

/* Its tables are a file of the system's. */
void document_text_prepare(void)
{
	if (gb18030 == (iconv_t)-1) {
		gb18030 = iconv_open("UTF-8", "GB18030");
	}
}

static uint32_t unit_at(const unsigned char *data, bool big)
{
	return big ? (uint32_t)data[0] << 8 | data[1] : (uint32_t)data[1] << 8 | data[0];
}

/* Letters of offices; of two random bytes every third is one. */
static bool is_likely(uint32_t unit)
{
	static const uint32_t ranges[][2] = {{0x20, 0x7E}, {0xA0, 0x24F}, {0x370, 0x4FF},
		{0x2010, 0x203B}, {0x3000, 0x30FF}, {0x4E00, 0x9FFF}, {0xAC00, 0xDFFF},
		{0xFF00, 0xFFEF}};
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (unit >= ranges[i][0] && unit <= ranges[i][1]) {
			return true;
		}
	}
	return unit == '\t' || unit == '\n' || unit == '\r';
}

static size_t count_bad_utf16(const char *data, size_t size, bool big)
{
	size_t bad = 0;
	for (size_t at = 0; at + 1 < size; at += 2) {
		bad += is_likely(unit_at((const unsigned char *)data + at, big)) ? 0 : 1;
	}
	return bad;
}

/* Of what has NULs. */
static enum document_encoding utf16_or_none(const char *data, size_t size)
{
	size_t little = count_bad_utf16(data, size, false), big = count_bad_utf16(data, size, true);
	if ((little < big ? little : big) > size / 2 / FEW) {
		return ENCODING_NONE;
	}
	return big < little ? ENCODING_UTF16_BIG : ENCODING_UTF16_LITTLE;
}

static size_t count_bad_utf8(const char *data, size_t size)
{
	size_t bad = 0;
	for (size_t at = 0, used = 0; at < size; at += used) {
		bad += qg_utf8_next(data + at, size - at, &used) == 0xFFFD ? 1 : 0;
	}
	return bad;
}

/* Bytes of a character of GB18030; 0: none. */
static size_t gb_length(const unsigned char *data, size_t size)
{
	if (data[0] < 0x80) {
		return 1;
	}
	if (data[0] == 0x80 || data[0] == 0xFF || size < 2) {
		return 0;
	}
	if (data[1] >= 0x40 && data[1] != 0x7F && data[1] != 0xFF) {
		return 2;
	}
	bool four = size >= 4 && data[1] >= 0x30 && data[1] <= 0x39 && data[2] >= 0x81 &&
		    data[2] <= 0xFE && data[3] >= 0x30 && data[3] <= 0x39;
	return four ? 4 : 0;
}

static size_t count_bad_gb(const char *data, size_t size)
{
	size_t bad = 0;
	for (size_t at = 0; at < size;) {
		size_t used = gb_length((const unsigned char *)data + at, size - at);
		bad += used == 0 ? 1 : 0;
		at += used > 0 ? used : 1;
	}
	return bad;
}

/* Bytes above ASCII, and control characters that no text has. */
static void count(const char *data, size_t size, size_t *high_out, size_t *control_out)
{
	*high_out = *control_out = 0;
	for (size_t at = 0; at < size; at++) {
		unsigned char byte = (unsigned char)data[at];
		*high_out += byte >= 0x80 ? 1 : 0;
		*control_out += byte < 0x20 && strchr("\a\b\t\n\v\f\r\x1b\x1a", byte) == NULL;
	}
}

enum document_encoding document_encoding_of(const char *data, size_t size)
{
	size_t high, control;
	if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		return ENCODING_UTF8;
	}
	if (size >= 2 && memcmp(data, "\xff\xfe", 2) == 0) {
		return ENCODING_UTF16_LITTLE;
	}
	if (size >= 2 && memcmp(data, "\xfe\xff", 2) == 0) {
		return ENCODING_UTF16_BIG;
	}
	/* half a letter at the end of the look is no mistake */
	size = size > LOOK ? qg_utf8_cut(data, size, LOOK) : size;
	if (size > 0 && memchr(data, '\0', size) != NULL) {
		return utf16_or_none(data, size);
	}
	count(data, size, &high, &control);
	if (control > size / 64) {
		return ENCODING_NONE;
	}
	if (count_bad_utf8(data, size) <= high / FEW) {
		return ENCODING_UTF8;
	}
	return count_bad_gb(data, size) <= high / FEW + 1 ? ENCODING_GB18030 : ENCODING_NONE;
}

static void put(struct qg_buf *out, uint32_t code)
{
	char bytes[4];
	qg_buf_add(out, bytes, qg_utf8_put(code, bytes));
}

static void from_utf16(const char *bytes, size_t size, bool big, struct qg_buf *out)
{
	const unsigned char *data = (const unsigned char *)bytes;
	for (size_t at = 0; at + 1 < size && out->failed == QG_OK; at += 2) {
		uint32_t code = unit_at(data + at, big);
		if (code >= 0xD800 && code < 0xDC00 && at + 3 < size) {
			uint32_t low = unit_at(data + at + 2, big);
			if (low >= 0xDC00 && low < 0xE000) {
				code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
				at += 2;
			}
		}
		put(out, code);
	}
}

static enum qg_status from_gb18030(char *data, size_t size, struct qg_buf *out)
{
	char room[4096];
	document_text_prepare();
	if (gb18030 == (iconv_t)-1) {
		return QG_UNSUPPORTED;
	}
	iconv(gb18030, NULL, NULL, NULL, NULL);
	while (size > 0 && out->failed == QG_OK) {
		char *to = room;
		size_t left = sizeof(room);
		bool failed = iconv(gb18030, &data, &size, &to, &left) == (size_t)-1;
		int why = errno;
		qg_buf_add(out, room, sizeof(room) - left);
		if (failed && why != E2BIG) {
			put(out, 0xFFFD);
			data++;
			size--;
		}
	}
	return QG_OK;
}

enum qg_status document_decode(const char *data, size_t size, size_t most, struct qg_buf *utf8)
{
	enum qg_status status = QG_OK;
	bool marked =
		size >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0);
	enum document_encoding encoding = document_encoding_of(data, size);
	size = size > most ? most : size;
	switch (encoding) {
	case ENCODING_NONE:
		return QG_UNSUPPORTED;
	case ENCODING_UTF8:
		qg_buf_add(utf8, data, size);
		break;
	case ENCODING_UTF16_LITTLE:
	case ENCODING_UTF16_BIG:
		from_utf16(data + (marked ? 2 : 0), size - (marked ? 2 : 0),
			encoding == ENCODING_UTF16_BIG, utf8);
		break;
	case ENCODING_GB18030:
		status = from_gb18030((char *)data, size, utf8);
		break;
	}
	return utf8->failed != QG_OK ? utf8->failed : status;
}

enum qg_status document_read_text(const char *data, size_t size, struct document_out *out)
{
	struct qg_buf utf8;
	/* two bytes of UTF-16 may be a letter of one byte, and one bad byte three bytes of a mark */
	enum { MOST = 2 * QG_DOCUMENT_TEXT_MOST + 4 };
	qg_buf_init(&utf8, (size_t)MOST * 3);
	enum qg_status status = document_decode(data, size, MOST, &utf8);
	if (status == QG_OK && utf8.size > 0) {
		document_out_add(out, utf8.data, utf8.size);
	}
	qg_buf_finish(&utf8);
	return status == QG_OK ? document_out_status(out) : status;
}
