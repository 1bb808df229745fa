/* documents.h - shared by the files of this folder: the readers of the child, and what holds them back.
 *
 * Readers take bytes and write text; they own nothing and know no process, so that tests and fuzzers run them where
 * they stand. What they write is cleaned by the parent: nothing that comes out of a child is trusted. */
#ifndef QG_DOCUMENTS_H
#define QG_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/buf.h"
#include "qg/document.h"
#include "qg/status.h"

/* A child's exit: this and its status. Below are the exits of pdftotext, into which a child may have turned. */
#define DOCUMENT_EXIT 100
#define DOCUMENT_PDF_EXIT_INVALID 1 /* it could not be opened */
#define DOCUMENT_PDF_EXIT_LOCKED 3  /* its rights do not allow it */
/* Raw bytes of a PDF's text: it is set with blanks, of which most go. */
#define DOCUMENT_RAW_MOST (2 * QG_DOCUMENT_TEXT_MOST)

/* ---- kind.c ---- */

/* How the child is told what to read: "text", "html", "pdf", "docx", "xlsx", "pptx"; NULL for what is not read. */
const char *document_word(const char *name, const void *data, size_t size);

/* ---- out.c ---- */

/* What a reader has written. A form feed ends a page. */
struct document_out {
	struct qg_buf text;
	bool full; /* there was more than anybody wants; readers stop */
};
void document_out_init(struct document_out *out);
void document_out_finish(struct document_out *out);
/* Adds what fits. false: full, or no memory (text.failed). */
bool document_out_add(struct document_out *out, const char *data, size_t size);
bool document_out_str(struct document_out *out, const char *text);
/* How a reader that came to an end has ended, be it early. */
enum qg_status document_out_status(const struct document_out *out);

/* ---- clean.c ---- */

/* Raw text of a child as what people may read: valid UTF-8, no control characters but tab and newline, no more than
 * two line ends in a row. squeeze: two blanks or more are a tab (a PDF's columns). pages: form feeds. Appends to
 * text, at most its limit: whole code points; true where that was not all. */
bool document_clean(
	const char *raw, size_t size, bool squeeze, struct qg_buf *text, unsigned *pages_out);

/* ---- text.c ---- */

enum document_encoding {
	ENCODING_NONE, /* no text */
	ENCODING_UTF8,
	ENCODING_UTF16_LITTLE,
	ENCODING_UTF16_BIG,
	ENCODING_GB18030,
};
/* By its first bytes. Any thread. */
enum document_encoding document_encoding_of(const char *data, size_t size);
/* Opens what must be opened before the doors close. */
void document_text_prepare(void);
/* The first bytes, up to most, as UTF-8; QG_UNSUPPORTED: no text. */
QG_MUST_CHECK enum qg_status document_decode(
	const char *data, size_t size, size_t most, struct qg_buf *utf8);
enum qg_status document_read_text(const char *data, size_t size, struct document_out *out);

/* ---- html.c ---- */

enum qg_status document_read_html(const char *data, size_t size, struct document_out *out);
/* The same of text that is UTF-8 already. */
void document_strip_html(const char *text, size_t size, struct document_out *out);

/* ---- xml.c: expat, without entities and with a bottom ---- */

#define DOCUMENT_DEPTH_MOST 256

/* Names come without their prefix. */
struct document_xml_host {
	void (*start)(void *arg, const char *name, const char **attributes);
	void (*end)(void *arg, const char *name);
	/* Whole code points are not promised. May be NULL. */
	void (*text)(void *arg, const char *data, size_t size);
	/* Asked between elements: whether enough was read. May be NULL. */
	bool (*enough)(void *arg);
};
struct document_xml;
struct document_xml *document_xml_create(const struct document_xml_host *host, void *arg);
void document_xml_destroy(struct document_xml *xml);
/* QG_OK: go on, or enough was read (document_xml_is_over()); QG_INVALID: no XML, a document type, too deep. */
QG_MUST_CHECK enum qg_status document_xml_feed(
	struct document_xml *xml, const char *data, size_t size, bool last);
bool document_xml_is_over(const struct document_xml *xml);
/* An attribute by its name without prefix; NULL where there is none. */
const char *document_xml_attribute(const char **attributes, const char *name);

/* ---- zip.c: libarchive, with sizes bounded ---- */

#define DOCUMENT_ENTRY_MOST (64 * 1024 * 1024) /* inflated bytes of a part */
#define DOCUMENT_ZIP_MOST (160 * 1024 * 1024)  /* of all that is read */
#define DOCUMENT_ENTRIES_MOST 4096

struct document_zip {
	const char *data;
	size_t size;
	uint64_t left; /* inflated bytes that may still be read */
};
/* Opens libarchive, before the doors close; false: it is not installed. Also done by who comes first. */
bool document_zip_prepare(void);
void document_zip_init(struct document_zip *zip, const char *data, size_t size);
/* Parses the part of that name. QG_NOT_FOUND: no such part; QG_INVALID: damaged or locked; QG_TOO_LARGE;
 * QG_UNSUPPORTED: there is no libarchive. */
QG_MUST_CHECK enum qg_status document_zip_xml(struct document_zip *zip, const char *name,
	const struct document_xml_host *host, void *arg);

/* ---- links.c: which part a part names ---- */

struct document_link {
	char *id, *type, *target; /* target: the part's name in the file */
};
struct document_links {
	struct document_link *items;
	size_t count;
};
#define DOCUMENT_LINKS_MOST 4096
/* The links of the part of that name ("word/document.xml"); none where it has none. */
QG_MUST_CHECK enum qg_status document_links_read(
	struct document_zip *zip, const char *part, struct document_links *links);
const char *document_links_target(const struct document_links *links, const char *id);
void document_links_finish(struct document_links *links);

/* ---- flow.c: paragraphs and tables of words and of slides ---- */

enum qg_status document_read_docx(const char *data, size_t size, struct document_out *out);
enum qg_status document_read_pptx(const char *data, size_t size, struct document_out *out);
/* One part alone. */
enum qg_status document_read_flow(const char *data, size_t size, struct document_out *out);

/* ---- xlsx.c ---- */

enum qg_status document_read_xlsx(const char *data, size_t size, struct document_out *out);

/* ---- format.c: what a number of a sheet means ---- */

enum document_format {
	FORMAT_PLAIN,
	FORMAT_DATE,
	FORMAT_TIME,
	FORMAT_DATE_TIME,
	FORMAT_ELAPSED,
	FORMAT_PERCENT,
};
/* Of a number format: the built-in id, where code is NULL. */
enum document_format document_format_of(unsigned id, const char *code);
#define DOCUMENT_NUMBER_SIZE 40
/* A cell's number as people write it; as it stands where it is none. */
void document_format_number(const char *value, enum document_format format, bool since_1904,
	char out[DOCUMENT_NUMBER_SIZE]);

/* ---- confine.c ---- */

/* Closes the doors of this process for good, as far as its kernel can: limits, no new rights, no system calls but those
 * that reading takes. program: the one that may be executed (by this very pointer), which may open files of the system
 * for reading; NULL: nothing may be opened. false: not even the limits could be set. */
QG_MUST_CHECK bool document_confine(const char *program);

/* ---- child.c ---- */

/* The reader of that word over bytes; not for "pdf". */
enum qg_status document_read_as(
	const char *word, const char *data, size_t size, struct document_out *out);
/* Whether what the word says is a zip of parts. */
bool document_is_zipped(const char *word);

/* ---- spawn.c ---- */

/* Starts the child on file; its text comes from *text_out, which does not block and is closed in children. -1: no. */
pid_t document_spawn(const char *word, int file, int *text_out);

#endif
