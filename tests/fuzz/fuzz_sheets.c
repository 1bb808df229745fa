/* fuzz_sheets.c - workbooks made of parts that are anything: the zip around them is always good.
 *
 * Input: parts apart by a NUL: workbook, its links, styles, shared texts, a sheet. What is missing is as in a good
 * one. They are stored, not deflated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "documents.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTS = 5, ROOM = 1 << 20 };

#define LINK(id, type, target)                                                                     \
	"<Relationship Id=\"" id "\" Type=\"x/" type "\" Target=\"" target "\"/>"

static const struct {
	const char *name, *good;
} parts[PARTS] = {
	{"xl/workbook.xml", "<w><sheet name=\"a\" id=\"r1\"/></w>"},
	{"xl/_rels/workbook.xml.rels",
		"<r>" LINK("r1", "worksheet", "s.xml") LINK("r2", "styles", "y.xml")
			LINK("r3", "sharedStrings", "t.xml") "</r>"},
	{"xl/y.xml", "<s><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></s>"},
	{"xl/t.xml", "<t><si><t>x</t></si></t>"},
	{"xl/s.xml", "<s><row><c t=\"s\"><v>0</v></c></row></s>"},
};

static void add_number(struct qg_buf *zip, uint64_t number, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		qg_buf_add_char(zip, (char)(number >> (8 * i)));
	}
}

static uint32_t crc32_of(const char *data, size_t size)
{
	uint32_t crc = 0xFFFFFFFF;
	for (size_t i = 0; i < size; i++) {
		crc ^= (unsigned char)data[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
		}
	}
	return ~crc;
}

/* What stands alike in a part's own head and in the directory, from the version on. */
static void add_head(struct qg_buf *zip, const char *name, const char *data, size_t size)
{
	add_number(zip, 20, 2);
	add_number(zip, 0, 8);
	add_number(zip, crc32_of(data, size), 4);
	add_number(zip, (uint32_t)size, 4);
	add_number(zip, (uint32_t)size, 4);
	add_number(zip, (uint32_t)strlen(name), 2);
	add_number(zip, 0, 2);
}

static void pack(struct qg_buf *zip, const char *const *data, const size_t *sizes)
{
	uint32_t places[PARTS];
	for (size_t i = 0; i < PARTS; i++) {
		places[i] = (uint32_t)zip->size;
		qg_buf_add(zip, "PK\3\4", 4);
		add_head(zip, parts[i].name, data[i], sizes[i]);
		qg_buf_add_str(zip, parts[i].name);
		qg_buf_add(zip, data[i], sizes[i]);
	}
	uint32_t directory = (uint32_t)zip->size;
	for (size_t i = 0; i < PARTS; i++) {
		qg_buf_add(zip, "PK\1\2\24\0", 6);
		add_head(zip, parts[i].name, data[i], sizes[i]);
		add_number(zip, 0, 8);
		add_number(zip, 0, 2);
		add_number(zip, places[i], 4);
		qg_buf_add_str(zip, parts[i].name);
	}
	uint32_t size = (uint32_t)zip->size - directory;
	qg_buf_add(zip, "PK\5\6\0\0\0\0", 8);
	add_number(zip, PARTS, 2);
	add_number(zip, PARTS, 2);
	add_number(zip, size, 4);
	add_number(zip, directory, 4);
	add_number(zip, 0, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *data[PARTS], *at = (const char *)bytes, *end = at + size;
	size_t sizes[PARTS];
	for (size_t i = 0; i < PARTS; i++) {
		const char *stop = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
		stop = stop != NULL ? stop : end;
		sizes[i] = (size_t)(stop - at);
		data[i] = sizes[i] > 0 ? at : parts[i].good;
		sizes[i] = sizes[i] > 0 ? sizes[i] : strlen(parts[i].good);
		at = stop < end ? stop + 1 : end;
	}
	struct qg_buf zip;
	struct document_out out;
	qg_buf_init(&zip, ROOM);
	pack(&zip, data, sizes);
	document_out_init(&out);
	if (zip.failed == QG_OK) {
		enum qg_status status = document_read_xlsx(zip.data, zip.size, &out);
		if (size == 0 && (status != QG_OK || strcmp(out.text.data, "## a\nx\n") != 0)) {
			fprintf(stderr, "broken: a good one\n");
			abort();
		}
		if (out.text.size > QG_DOCUMENT_TEXT_MOST + 1) {
			abort();
		}
	}
	document_out_finish(&out);
	qg_buf_finish(&zip);
	return 0;
}
