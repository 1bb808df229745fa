/* xlsx.c - workbooks: each visible sheet under its name, a line a row, cells told apart by tabs.
 *
 * Most texts stand once for all sheets in a part of their own and cells name them by number; dates are numbers whose
 * style says so. Both are read first. Sheets are written as they are parsed. */
#include "documents.h"

#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

enum {
	SHEETS_MOST = 256,
	STRINGS_MOST = 1000000,		       /* shared texts */
	STRINGS_BYTES_MOST = 32 * 1024 * 1024, /* of all of them */
	STYLES_MOST = 65536,
	CODES_MOST = 4096,
	COLUMNS_MOST = 256, /* cells that stand further right are left out */
	CELL_MOST = 32768   /* bytes of a cell's text; what is behind is cut */
};

struct sheet {
	char *name;
	const char *part;
};

struct codes {
	unsigned id;
	enum document_format format;
};

struct book {
	struct document_zip zip;
	struct document_out *out;
	struct document_links links;
	struct sheet sheets[SHEETS_MOST];
	size_t sheet_count;
	struct qg_buf strings; /* one behind another */
	uint32_t *ends;	       /* where each ends */
	size_t string_count, string_room;
	struct codes *codes; /* formats with a code of their own */
	size_t code_count;
	unsigned char *styles; /* enum document_format of each */
	size_t style_count, style_room;
	bool since_1904;
	bool failed; /* no memory */
	/* while a part is parsed */
	bool in_text, in_cell_styles, in_inline;
	unsigned phonetic;  /* depth within readings of the text above */
	struct qg_buf cell; /* its value so far */
	char type;	    /* of the cell: 's'hared, 'i'nline, 'b'ool, 'n'umber, 't'ext */
	size_t style;
	unsigned column, written; /* of the cell, counted from 0; tabs of this row so far */
	bool row;		  /* it has a cell */
	bool filled, any;	  /* something was written of this row; of any */
};

static bool is(const char *name, const char *other)
{
	return strcmp(name, other) == 0;
}

static unsigned long number_of(const char **attributes, const char *name, unsigned long most)
{
	const char *text = document_xml_attribute(attributes, name);
	int64_t number = 0;
	return qg_str_to_int64(text != NULL ? text : "", 0, (int64_t)most, &number)
		       ? (unsigned long)number
		       : most;
}

static void nothing(void *arg, const char *name)
{
}

/* Makes room for one more; false for no memory. */
static bool grow(void **items, size_t count, size_t *room, size_t size)
{
	if (count < *room) {
		return true;
	}
	size_t more = *room > 0 ? 2 * *room : 64;
	void *grown = realloc(*items, more * size);
	if (grown == NULL) {
		return false;
	}
	*items = grown;
	*room = more;
	return true;
}

/* ---- the workbook ---- */

static void add_sheet(struct book *book, const char **attributes)
{
	const char *name = document_xml_attribute(attributes, "name");
	const char *target =
		document_links_target(&book->links, document_xml_attribute(attributes, "id"));
	const char *state = document_xml_attribute(attributes, "state");
	bool hidden = state != NULL && !is(state, "visible");
	if (target == NULL || hidden || book->sheet_count == SHEETS_MOST || book->failed) {
		return;
	}
	char *copy = qg_str_copy(name != NULL ? name : "");
	book->failed = copy == NULL;
	if (copy != NULL) {
		book->sheets[book->sheet_count++] = (struct sheet){copy, target};
	}
}

static void start_of_book(void *arg, const char *name, const char **attributes)
{
	struct book *book = arg;
	if (is(name, "sheet")) {
		add_sheet(book, attributes);
	} else if (is(name, "workbookPr")) {
		const char *since = document_xml_attribute(attributes, "date1904");
		book->since_1904 = since != NULL && (is(since, "1") || is(since, "true"));
	}
}

/* ---- styles ---- */

static enum document_format format_of(const struct book *book, unsigned id)
{
	for (size_t i = 0; i < book->code_count; i++) {
		if (book->codes[i].id == id) {
			return book->codes[i].format;
		}
	}
	return document_format_of(id, NULL);
}

static void add_code(struct book *book, const char **attributes)
{
	const char *code = document_xml_attribute(attributes, "formatCode");
	if (book->codes == NULL) {
		book->codes = calloc(CODES_MOST, sizeof(*book->codes));
		book->failed = book->codes == NULL;
	}
	if (book->codes != NULL && code != NULL && book->code_count < CODES_MOST) {
		unsigned id = (unsigned)number_of(attributes, "numFmtId", 65535);
		book->codes[book->code_count++] = (struct codes){id, document_format_of(id, code)};
	}
}

static void add_style(struct book *book, const char **attributes)
{
	if (book->style_count >= STYLES_MOST) {
		return;
	}
	if (!grow((void **)&book->styles, book->style_count, &book->style_room, 1)) {
		book->failed = true;
		return;
	}
	book->styles[book->style_count++] =
		(unsigned char)format_of(book, (unsigned)number_of(attributes, "numFmtId", 65535));
}

static void start_of_styles(void *arg, const char *name, const char **attributes)
{
	struct book *book = arg;
	if (is(name, "numFmt") && !book->in_cell_styles) {
		add_code(book, attributes);
	} else if (is(name, "cellXfs")) {
		book->in_cell_styles = true;
	} else if (is(name, "xf") && book->in_cell_styles) {
		add_style(book, attributes);
	}
}

static void end_of_styles(void *arg, const char *name)
{
	struct book *book = arg;
	book->in_cell_styles = book->in_cell_styles && !is(name, "cellXfs");
}

/* ---- shared texts ---- */

static void start_of_strings(void *arg, const char *name, const char **attributes)
{
	struct book *book = arg;
	if (is(name, "rPh") || book->phonetic > 0) {
		book->phonetic++;
	}
	book->in_text = is(name, "t") && book->phonetic == 0;
}

static void end_of_strings(void *arg, const char *name)
{
	struct book *book = arg;
	book->in_text = false;
	book->phonetic -= book->phonetic > 0 ? 1 : 0;
	if (!is(name, "si") || book->string_count >= STRINGS_MOST) {
		return;
	}
	if (!grow((void **)&book->ends, book->string_count, &book->string_room,
		    sizeof(*book->ends))) {
		book->failed = true;
		return;
	}
	book->ends[book->string_count++] = (uint32_t)book->strings.size;
}

static void text_of_strings(void *arg, const char *data, size_t size)
{
	struct book *book = arg;
	if (book->in_text) {
		qg_buf_add(&book->strings, data, size);
	}
}

static bool enough_strings(void *arg)
{
	const struct book *book = arg;
	return book->failed || book->strings.failed != QG_OK || book->string_count >= STRINGS_MOST;
}

/* ---- a sheet ---- */

/* "AB12" is column 27; without a place a cell stands behind the one before. */
static unsigned column_of(const char *place, unsigned next)
{
	unsigned column = 0;
	const char *at = place;
	for (; at != NULL && *at >= 'A' && *at <= 'Z' && column <= COLUMNS_MOST; at++) {
		column = column * 26 + (unsigned)(*at - 'A') + 1;
	}
	return at != place ? column - 1 : next;
}

static void start_cell(struct book *book, const char **attributes)
{
	const char *type = document_xml_attribute(attributes, "t");
	book->column = column_of(
		document_xml_attribute(attributes, "r"), book->row ? book->column + 1 : 0);
	book->style = number_of(attributes, "s", STYLES_MOST);
	book->type = type == NULL || is(type, "n") ? 'n'
		     : is(type, "s")		   ? 's'
		     : is(type, "b")		   ? 'b'
		     : is(type, "inlineStr")	   ? 'i'
						   : 't';
	qg_buf_reset(&book->cell);
}

static void start_of_sheet(void *arg, const char *name, const char **attributes)
{
	struct book *book = arg;
	if (is(name, "row")) {
		book->written = 0;
		book->row = book->filled = false;
	} else if (is(name, "c")) {
		start_cell(book, attributes);
		book->row = true;
	} else if (is(name, "is")) {
		book->in_inline = true;
	} else if (is(name, "rPh") || book->phonetic > 0) {
		book->phonetic++;
	}
	book->in_text = is(name, "v") || (is(name, "t") && book->in_inline && book->phonetic == 0);
}

static void text_of_sheet(void *arg, const char *data, size_t size)
{
	struct book *book = arg;
	size_t room = book->cell.limit - book->cell.size;
	if (book->in_text) {
		qg_buf_add(&book->cell, data, size < room ? size : room);
	}
}

/* A cell is a field of a line: what would end either is a blank. */
static void put_field(struct book *book, const char *text, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t plain = 0;
		while (at + plain < size && strchr("\t\r\n", text[at + plain]) == NULL) {
			plain++;
		}
		document_out_add(book->out, text + at, plain);
		at += plain;
		if (at < size) {
			document_out_str(book->out, " ");
			at++;
		}
	}
}

static void put_shared(struct book *book)
{
	int64_t at = 0;
	if (book->string_count > 0 &&
		qg_str_to_int64(book->cell.data, 0, (int64_t)book->string_count - 1, &at)) {
		size_t from = at > 0 ? book->ends[at - 1] : 0, size = book->ends[at] - from;
		if (size > 0) {
			put_field(book, book->strings.data + from, size);
		}
	}
}

static void put_value(struct book *book)
{
	char number[DOCUMENT_NUMBER_SIZE];
	if (book->type == 's') {
		put_shared(book);
	} else if (book->type == 'b') {
		document_out_str(book->out, book->cell.data[0] == '1' ? "TRUE" : "FALSE");
	} else if (book->type == 'n' && book->cell.size < DOCUMENT_NUMBER_SIZE) {
		enum document_format format =
			book->style < book->style_count ? book->styles[book->style] : FORMAT_PLAIN;
		document_format_number(book->cell.data, format, book->since_1904, number);
		document_out_str(book->out, number);
	} else {
		put_field(book, book->cell.data, book->cell.size);
	}
}

static void end_cell(struct book *book)
{
	if (book->cell.size == 0 || book->column >= COLUMNS_MOST) {
		return;
	}
	for (; book->written < book->column; book->written++) {
		document_out_str(book->out, "\t");
	}
	put_value(book);
	book->filled = book->any = true;
}

static void end_of_sheet(void *arg, const char *name)
{
	struct book *book = arg;
	book->in_text = false;
	book->phonetic -= book->phonetic > 0 ? 1 : 0;
	if (is(name, "c")) {
		end_cell(book);
	} else if (is(name, "is")) {
		book->in_inline = false;
	} else if (is(name, "row") && book->filled) {
		document_out_str(book->out, "\n");
	}
}

static bool enough_rows(void *arg)
{
	const struct book *book = arg;
	return book->out->full || book->out->text.failed != QG_OK ||
	       book->cell.failed == QG_NO_MEMORY;
}

/* ---- all of it ---- */

static const struct document_xml_host book_host = {.start = start_of_book, .end = nothing};
static const struct document_xml_host styles_host = {
	.start = start_of_styles, .end = end_of_styles};
static const struct document_xml_host strings_host = {.start = start_of_strings,
	.end = end_of_strings,
	.text = text_of_strings,
	.enough = enough_strings};
static const struct document_xml_host sheet_host = {
	.start = start_of_sheet, .end = end_of_sheet, .text = text_of_sheet, .enough = enough_rows};

/* The part that a workbook names by the end of its type, which it may do without. */
static enum qg_status read_linked(
	struct book *book, const char *kind, const struct document_xml_host *host)
{
	for (size_t i = 0; i < book->links.count; i++) {
		const char *type = book->links.items[i].type;
		size_t size = strlen(type), count = strlen(kind);
		if (size >= count && is(type + size - count, kind)) {
			enum qg_status status = document_zip_xml(
				&book->zip, book->links.items[i].target, host, book);
			return status == QG_NOT_FOUND ? QG_OK : status;
		}
	}
	return QG_OK;
}

static enum qg_status read_sheets(struct book *book)
{
	enum qg_status status = QG_OK;
	for (size_t i = 0; i < book->sheet_count && status == QG_OK && !book->out->full; i++) {
		document_out_str(book->out, i > 0 ? "\n## " : "## ");
		document_out_str(book->out, book->sheets[i].name);
		document_out_str(book->out, "\n");
		book->in_inline = book->in_text = book->row = false;
		book->phonetic = 0;
		status = document_zip_xml(&book->zip, book->sheets[i].part, &sheet_host, book);
		status = status == QG_NOT_FOUND ? QG_OK : status; /* a chart */
	}
	return status;
}

static enum qg_status read_book(struct book *book)
{
	static const char part[] = "xl/workbook.xml";
	enum qg_status status = document_links_read(&book->zip, part, &book->links);
	if (status == QG_OK) {
		status = document_zip_xml(&book->zip, part, &book_host, book);
	}
	if (status == QG_OK) {
		status = read_linked(book, "/styles", &styles_host);
	}
	if (status == QG_OK) {
		book->in_text = false;
		book->phonetic = 0;
		status = read_linked(book, "/sharedStrings", &strings_host);
	}
	if (status == QG_OK && !book->failed) {
		status = read_sheets(book);
	}
	if (book->failed || book->strings.failed == QG_NO_MEMORY ||
		book->cell.failed == QG_NO_MEMORY) {
		status = QG_NO_MEMORY;
	}
	return status == QG_NOT_FOUND ? QG_INVALID : status;
}

enum qg_status document_read_xlsx(const char *data, size_t size, struct document_out *out)
{
	struct book *book = calloc(1, sizeof(*book));
	if (book == NULL) {
		return QG_NO_MEMORY;
	}
	book->out = out;
	document_zip_init(&book->zip, data, size);
	qg_buf_init(&book->strings, STRINGS_BYTES_MOST);
	qg_buf_init(&book->cell, CELL_MOST);
	enum qg_status status = read_book(book);
	if (status == QG_OK && !book->any) {
		status = QG_EMPTY;
	}
	for (size_t i = 0; i < book->sheet_count; i++) {
		free(book->sheets[i].name);
	}
	document_links_finish(&book->links);
	qg_buf_finish(&book->strings);
	qg_buf_finish(&book->cell);
	free(book->ends);
	free(book->codes);
	free(book->styles);
	free(book);
	return status == QG_OK ? document_out_status(out) : status;
}
