/* document.h - the text of files that people send: read in a child process with limits.
 *
 * What comes from strangers is parsed where it can do no harm: 10 s, 256 MB, no network, no files, an empty
 * environment. Formats: plain text of any name (UTF-8, UTF-16, GB18030), csv, json, html, PDF, docx, xlsx, pptx. */
#ifndef QG_DOCUMENT_H
#define QG_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/loop.h"
#include "qg/status.h"

#define QG_DOCUMENT_MOST (20 * 1024 * 1024) /* bytes of a file */
#define QG_DOCUMENT_TEXT_MOST (256 * 1024) /* bytes of text; what is behind is left out, and said */

/* X(name, media type) */
#define QG_FILE_KIND_MAP(X)                                                                        \
	X(UNKNOWN, "application/octet-stream")                                                     \
	X(TEXT, "text/plain")                                                                      \
	X(PDF, "application/pdf")                                                                  \
	X(DOCX, "application/vnd.openxmlformats-officedocument.wordprocessingml.document")         \
	X(XLSX, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")               \
	X(PPTX, "application/vnd.openxmlformats-officedocument.presentationml.presentation")       \
	X(JPEG, "image/jpeg")                                                                      \
	X(PNG, "image/png")                                                                        \
	X(GIF, "image/gif")                                                                        \
	X(WEBP, "image/webp")
enum qg_file_kind {
#define X(name, type) QG_FILE_##name,
	QG_FILE_KIND_MAP(X)
#undef X
};
/* By its first bytes, where these do not tell by the name's end; name may be NULL. Any thread. */
enum qg_file_kind qg_file_kind(const char *name, const void *data, size_t size);
const char *qg_file_type(enum qg_file_kind kind); /* "image/jpeg" */
bool qg_file_is_image(enum qg_file_kind kind);

struct qg_document_text {
	const char *
		text; /* UTF-8 without control characters but tab and newline, a NUL behind it; borrowed */
	size_t size;
	bool cut;	/* there was more */
	unsigned pages; /* 0: the format has none, or it was not told */
};
/* QG_OK; QG_UNSUPPORTED: no format that is read, or the reader for it is not installed; QG_INVALID: damaged or locked by
 * a password; QG_EMPTY: no text in it (a scan); QG_TOO_LARGE; QG_TIMEOUT; QG_NO_MEMORY. text is NULL but for QG_OK. */
typedef void (*qg_document_fn)(
	void *arg, enum qg_status status, const struct qg_document_text *text);
struct qg_document;
/* Starts a child; at most 4 at once in a process, the others wait. Takes data (malloc'ed). fn follows once, never from
 * inside. NULL for no memory: data is freed, fn does not come. */
struct qg_document *qg_document_read(struct qg_loop *loop, const char *name, void *data,
	size_t size, qg_document_fn fn, void *arg);
/* fn does not come; the child is ended. Accepts NULL. */
void qg_document_cancel(struct qg_document *document);
/* At the end of a process, when its loop runs no more: ends what is left, waits for it; no fn comes. */
void qg_documents_finish(struct qg_loop *loop);

/* The child's own main, called by the program before all else when argv[1] is QG_DOCUMENT_CHILD: file on descriptor 0,
 * text on descriptor 1. */
#define QG_DOCUMENT_CHILD "--read-document"
int qg_document_child(int argc, char **argv);

#endif
