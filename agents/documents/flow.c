/* flow.c - words and slides: paragraphs, and tables whose rows are lines and whose cells are told apart by tabs.
 *
 * Word and PowerPoint name these alike (p, t, br, tbl, tr, tc), so that one reader serves both. A table within a cell
 * stays on the line of its row. */
#include "documents.h"

#include <string.h>

#include "qg/str.h"

enum { HEADERS_MOST = 8, SLIDES_MOST = 2000 };

struct flow {
	struct document_out *out;
	unsigned hidden;      /* depth within what is not shown, or was shown already */
	unsigned settings;    /* depth within a paragraph's settings, where tabs are stops */
	unsigned words;	      /* depth within runs of text */
	unsigned rows, cells; /* open rows and cells of tables */
	unsigned in_row;      /* cells so far of the outermost row */
	bool line;	      /* something stands on this line */
	bool blank;	      /* one is due, in a cell, between two paragraphs */
};

static bool is(const char *name, const char *other)
{
	return strcmp(name, other) == 0;
}

static void put(struct flow *flow, const char *data, size_t size)
{
	if (size > 0) {
		if (flow->blank) {
			document_out_str(flow->out, " ");
		}
		flow->blank = false;
		flow->line = true;
		document_out_add(flow->out, data, size);
	}
}

/* Ends a line; within a cell a blank does. */
static void end_line(struct flow *flow)
{
	if (flow->cells > 0) {
		flow->blank = flow->line;
	} else if (flow->line) {
		document_out_str(flow->out, "\n");
		flow->line = false;
	}
}

/* Choices repeat as fallbacks, for programs that cannot show them; what was deleted or is a field's code is none of
 * the text. */
static bool is_hidden(const char *name)
{
	return is(name, "Fallback") || is(name, "delText") || is(name, "instrText") ||
	       is(name, "moveFrom");
}

static bool is_settings(const char *name)
{
	return is(name, "pPr") || is(name, "rPr") || is(name, "tblPr") || is(name, "sectPr");
}

/* A heading keeps its place in the order of headings; item of a list. */
static void mark_paragraph(struct flow *flow, const char *name, const char **attributes)
{
	static const char marks[] = "######";
	if (is(name, "numPr") && !flow->line) {
		put(flow, "- ", 2);
	} else if (is(name, "pStyle") && !flow->line) {
		const char *style = document_xml_attribute(attributes, "val");
		if (style != NULL && qg_str_starts_with(style, "Heading") && style[7] >= '1' &&
			style[7] <= '6' && style[8] == '\0') {
			put(flow, marks, (size_t)(style[7] - '0'));
			put(flow, " ", 1);
		}
	}
}

static void start_cell(struct flow *flow)
{
	if (flow->cells++ == 0) {
		if (flow->in_row++ > 0) {
			document_out_str(flow->out, "\t");
		}
		flow->line = flow->blank = false;
	}
}

static void start(void *arg, const char *name, const char **attributes)
{
	struct flow *flow = arg;
	if (flow->hidden > 0 || is_hidden(name)) {
		flow->hidden++;
	} else if (flow->settings > 0 || is_settings(name)) {
		flow->settings++;
		mark_paragraph(flow, name, attributes);
	} else if (is(name, "t")) {
		flow->words++;
	} else if (is(name, "tab") || is(name, "ptab")) {
		put(flow, flow->cells > 0 ? " " : "\t", 1);
	} else if (is(name, "br") || is(name, "cr")) {
		end_line(flow);
	} else if (is(name, "noBreakHyphen")) {
		put(flow, "-", 1);
	} else if (is(name, "tr")) {
		if (flow->rows++ == 0) {
			end_line(flow);
			flow->in_row = 0;
		}
	} else if (is(name, "tc")) {
		start_cell(flow);
	}
}

static void end(void *arg, const char *name)
{
	struct flow *flow = arg;
	if (flow->hidden > 0) {
		flow->hidden--;
	} else if (flow->settings > 0) {
		flow->settings--;
	} else if (is(name, "t")) {
		flow->words -= flow->words > 0 ? 1 : 0;
	} else if (is(name, "p")) {
		end_line(flow);
	} else if (is(name, "tc")) {
		flow->cells -= flow->cells > 0 ? 1 : 0;
		flow->blank = flow->cells > 0 && flow->line;
	} else if (is(name, "tr") && flow->rows > 0 && --flow->rows == 0) {
		flow->cells = 0;
		flow->blank = false;
		flow->line = true; /* an empty row is a row */
		end_line(flow);
	}
}

static void text(void *arg, const char *data, size_t size)
{
	struct flow *flow = arg;
	if (flow->words > 0 && flow->hidden == 0) {
		put(flow, data, size);
	}
}

static bool enough(void *arg)
{
	const struct flow *flow = arg;
	return flow->out->full || flow->out->text.failed != QG_OK;
}

static const struct document_xml_host host = {
	.start = start, .end = end, .text = text, .enough = enough};

static enum qg_status read_part(
	struct document_zip *zip, const char *part, struct document_out *out)
{
	struct flow flow = {.out = out};
	enum qg_status status = document_zip_xml(zip, part, &host, &flow);
	flow.cells = 0;
	end_line(&flow);
	return status;
}

enum qg_status document_read_flow(const char *data, size_t size, struct document_out *out)
{
	struct flow flow = {.out = out};
	struct document_xml *xml = document_xml_create(&host, &flow);
	enum qg_status status =
		xml != NULL ? document_xml_feed(xml, data, size, true) : QG_NO_MEMORY;
	document_xml_destroy(xml);
	return status == QG_OK ? document_out_status(out) : status;
}

static bool ends_with(const char *text, const char *ending)
{
	size_t size = strlen(text), count = strlen(ending);
	return size >= count && strcmp(text + size - count, ending) == 0;
}

/* Parts of one kind that the body names, in its order. What a damaged one of them holds is left out. */
static void read_linked(struct document_zip *zip, const struct document_links *links,
	const char *kind, struct document_out *out)
{
	unsigned read = 0;
	for (size_t i = 0; i < links->count && read < HEADERS_MOST && !out->full; i++) {
		if (ends_with(links->items[i].type, kind)) {
			read += read_part(zip, links->items[i].target, out) == QG_OK ? 1 : 0;
		}
	}
}

enum qg_status document_read_docx(const char *data, size_t size, struct document_out *out)
{
	static const char body[] = "word/document.xml";
	struct document_zip zip;
	struct document_links links;
	document_zip_init(&zip, data, size);
	enum qg_status status = document_links_read(&zip, body, &links);
	if (status != QG_OK) {
		return status;
	}
	read_linked(&zip, &links, "/header", out);
	status = read_part(&zip, body, out);
	read_linked(&zip, &links, "/footnotes", out);
	read_linked(&zip, &links, "/endnotes", out);
	read_linked(&zip, &links, "/footer", out);
	document_links_finish(&links);
	if (status == QG_NOT_FOUND) {
		status = QG_INVALID;
	}
	return status == QG_OK ? document_out_status(out) : status;
}

/* ---- slides, in the order of the show ---- */

struct show {
	const struct document_links *links;
	const char *slides[SLIDES_MOST];
	size_t count;
};

static void start_of_show(void *arg, const char *name, const char **attributes)
{
	struct show *show = arg;
	/* its own id is a number, the link's one is a name; they differ by the prefix alone */
	for (; is(name, "sldId") && attributes[0] != NULL; attributes += 2) {
		const char *target = strchr(attributes[0], ':') != NULL
					     ? document_links_target(show->links, attributes[1])
					     : NULL;
		if (target != NULL && show->count < SLIDES_MOST) {
			show->slides[show->count++] = target;
		}
	}
}

static void end_of_show(void *arg, const char *name)
{
}

static enum qg_status read_slides(
	struct document_zip *zip, const struct document_links *links, struct document_out *out)
{
	static const struct document_xml_host show_host = {
		.start = start_of_show, .end = end_of_show};
	struct show show = {.links = links};
	enum qg_status status = document_zip_xml(zip, "ppt/presentation.xml", &show_host, &show);
	size_t empty = out->text.size;
	for (size_t i = 0; i < show.count && status == QG_OK && !out->full; i++) {
		status = read_part(zip, show.slides[i], out);
		document_out_str(out, "\f");
		empty++;
	}
	if (status == QG_OK && out->text.size == empty) {
		return QG_EMPTY; /* pages, and nothing on them */
	}
	return status == QG_NOT_FOUND ? QG_INVALID : status;
}

enum qg_status document_read_pptx(const char *data, size_t size, struct document_out *out)
{
	struct document_zip zip;
	struct document_links links;
	document_zip_init(&zip, data, size);
	enum qg_status status = document_links_read(&zip, "ppt/presentation.xml", &links);
	if (status != QG_OK) {
		return status;
	}
	status = read_slides(&zip, &links, out);
	document_links_finish(&links);
	return status == QG_OK ? document_out_status(out) : status;
}
