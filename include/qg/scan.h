/* scan.h - finds members of a JSON text without making a tree of it.
 *
 * One pass checks the whole text strictly (grammar, depth, UTF-8) and notes where the wanted members stand; what is
 * not wanted costs no memory. For the hot ways: webhooks before they are stored, each delta of a stream. Any thread. */
#ifndef QG_SCAN_H
#define QG_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/buf.h"
#include "qg/status.h"

enum qg_piece_kind {
	QG_PIECE_NONE, /* not there */
	QG_PIECE_NULL,
	QG_PIECE_BOOL,
	QG_PIECE_NUMBER,
	QG_PIECE_STRING,
	QG_PIECE_OBJECT,
	QG_PIECE_ARRAY,
};

/* A value where it stands; borrowed from the text. */
struct qg_piece {
	enum qg_piece_kind kind;
	const char *data; /* of a string: between the quotes, still escaped; else the whole value */
	size_t size;
	bool escaped; /* a string with a backslash in it */
};

/* paths: "event.message.chat_id", members by name from the top ("" is the top itself), "[0]" an element:
 * "choices[0].delta.content". count: up to 32. out gets a piece for each. QG_INVALID: no JSON, or a wanted path twice
 * (two readers could differ about it); then out is all NONE. */
QG_MUST_CHECK enum qg_status qg_scan(const char *data, size_t size, const char *const *paths,
	size_t count, struct qg_piece *out);
/* The same for paths prepared once: a static table compiled at first use. */
struct qg_scan_plan;
/* NULL for no memory. paths are borrowed for ever. */
struct qg_scan_plan *qg_scan_plan_create(const char *const *paths, size_t count);
void qg_scan_plan_destroy(struct qg_scan_plan *plan);
QG_MUST_CHECK enum qg_status qg_scan_run(
	const struct qg_scan_plan *plan, const char *data, size_t size, struct qg_piece *out);

/* Walks the elements of an array piece that came from qg_scan (so it is well formed): at starts as {0}; false behind
 * the last. */
struct qg_scan_walk {
	const char *at;
};
bool qg_scan_next(const struct qg_piece *array, struct qg_scan_walk *walk, struct qg_piece *out);

/* A text with a string left out: of a row of texts that differ in that string only, one is scanned. */
struct qg_mould {
	struct qg_buf around; /* its bytes before and behind the string; empty: fits nothing */
	size_t head;	      /* of them before it */
};
void qg_mould_init(struct qg_mould *mould);
void qg_mould_finish(struct qg_mould *mould);
/* string: a piece that a scan of data found. A text too long for it leaves the mould empty. */
void qg_mould_take(
	struct qg_mould *mould, const char *data, size_t size, const struct qg_piece *string);
/* Whether data is JSON with the same bytes around another string without escapes: a scan would find that string where it
 * found the other, and all else as it was. */
bool qg_mould_fits(
	const struct qg_mould *mould, const char *data, size_t size, struct qg_piece *string_out);

/* Appends a string piece unescaped. A lone surrogate becomes U+FFFD, \u0000 too. QG_INVALID where it is no string. */
QG_MUST_CHECK enum qg_status qg_piece_text(const struct qg_piece *piece, struct qg_buf *out);
/* A copy of it, yours to free; NULL for no memory or where it is no string. */
char *qg_piece_copy(const struct qg_piece *piece);
bool qg_piece_is(const struct qg_piece *piece, const char *text);
/* A whole number, also one written as a string or with a fraction (cut); fallback where it is none or out of bounds. */
int64_t qg_piece_int(const struct qg_piece *piece, int64_t fallback);
bool qg_piece_bool(const struct qg_piece *piece, bool fallback);

#endif
