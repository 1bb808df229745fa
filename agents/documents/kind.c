/* kind.c - what a file is: by its bytes, and only where these do not tell by its name. */
#include "documents.h"

#include <string.h>
#include <strings.h>

#include "qg/str.h"

enum {
	LOOK_NAMES = 64 * 1024, /* bytes of a zip's either end, for its parts' names */
	LOOK_TAG =
		64 * 1024 /* of a text, for the first tag: it may begin with blanks without end */
};

struct mark {
	enum qg_file_kind kind;
	const char *bytes;
	size_t size;
};

#define MARK(kind, bytes)                                                                          \
	{                                                                                          \
		QG_FILE_##kind, bytes, sizeof(bytes) - 1                                           \
	}

/* How files begin. */
static const struct mark heads[] = {
	MARK(JPEG, "\xff\xd8\xff"),
	MARK(PNG, "\x89PNG\r\n\x1a\n"),
	MARK(GIF, "GIF87a"),
	MARK(GIF, "GIF89a"),
	MARK(PDF, "%PDF-"),
};
/* Parts that stand in every such zip. */
static const struct mark parts[] = {
	MARK(DOCX, "word/document.xml"),
	MARK(XLSX, "xl/workbook.xml"),
	MARK(PPTX, "ppt/presentation.xml"),
};
static const struct mark endings[] = {
	MARK(PDF, ".pdf"),
	MARK(DOCX, ".docx"),
	MARK(XLSX, ".xlsx"),
	MARK(PPTX, ".pptx"),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const types[] = {
#define X(name, type) type,
	QG_FILE_KIND_MAP(X)
#undef X
};

const char *qg_file_type(enum qg_file_kind kind)
{
	return (size_t)kind < COUNT(types) ? types[kind] : types[QG_FILE_UNKNOWN];
}

bool qg_file_is_image(enum qg_file_kind kind)
{
	return kind == QG_FILE_JPEG || kind == QG_FILE_PNG || kind == QG_FILE_GIF ||
	       kind == QG_FILE_WEBP;
}

static bool begins(const char *data, size_t size, const char *bytes, size_t count)
{
	return size >= count && memcmp(data, bytes, count) == 0;
}

static bool ends(const char *name, const char *ending)
{
	size_t size = name != NULL ? strlen(name) : 0, count = strlen(ending);
	return size >= count && strcasecmp(name + size - count, ending) == 0;
}

static enum qg_file_kind by_name(const char *name)
{
	for (size_t i = 0; i < COUNT(endings); i++) {
		if (ends(name, endings[i].bytes)) {
			return endings[i].kind;
		}
	}
	return QG_FILE_UNKNOWN;
}

static bool has(const char *data, size_t size, const char *bytes, size_t count)
{
	size_t ending = size > LOOK_NAMES ? LOOK_NAMES : size;
	return memmem(data, ending, bytes, count) != NULL ||
	       memmem(data + size - ending, ending, bytes, count) != NULL;
}

static enum qg_file_kind of_zip(const char *name, const char *data, size_t size)
{
	for (size_t i = 0; i < COUNT(parts); i++) {
		if (has(data, size, parts[i].bytes, parts[i].size)) {
			return parts[i].kind;
		}
	}
	enum qg_file_kind kind = by_name(name);
	return kind != QG_FILE_PDF ? kind : QG_FILE_UNKNOWN;
}

/* Microsoft's older container: today's formats stand in it when a password locks them ([MS-OFFCRYPTO] 2.3.4). */
static enum qg_file_kind of_ole(const char *name, const char *data, size_t size)
{
	static const char locked[] =
		"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e"; /* its NUL ends the last letter */
	enum qg_file_kind kind = by_name(name);
	if (kind == QG_FILE_UNKNOWN && has(data, size, locked, sizeof(locked))) {
		return QG_FILE_DOCX; /* no matter which: none can be read */
	}
	return kind;
}

enum qg_file_kind qg_file_kind(const char *name, const void *bytes, size_t size)
{
	const char *data = bytes;
	for (size_t i = 0; i < COUNT(heads); i++) {
		if (begins(data, size, heads[i].bytes, heads[i].size)) {
			return heads[i].kind;
		}
	}
	if (begins(data, size, "RIFF", 4) && size >= 12 && memcmp(data + 8, "WEBP", 4) == 0) {
		return QG_FILE_WEBP;
	}
	if (begins(data, size, "PK\3\4", 4)) {
		return of_zip(name, data, size);
	}
	if (begins(data, size, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8)) {
		return of_ole(name, data, size);
	}
	/* readers of PDF look for its head this far */
	if (size > 0 && memmem(data, size < 1024 ? size : 1024, "%PDF-", 5) != NULL) {
		return QG_FILE_PDF;
	}
	if (document_encoding_of(data, size) != ENCODING_NONE) {
		enum qg_file_kind kind = by_name(name);
		return kind != QG_FILE_UNKNOWN ? kind : QG_FILE_TEXT;
	}
	return by_name(name);
}

static bool is_html(const char *name, const char *data, size_t size)
{
	static const char *const tags[] = {"<!doctype html", "<html"};
	if (ends(name, ".html") || ends(name, ".htm")) {
		return true;
	}
	size = size < LOOK_TAG ? size : LOOK_TAG;
	if (begins(data, size, "\xef\xbb\xbf", 3)) {
		data += 3;
		size -= 3;
	}
	while (size > 0 && strchr(" \t\r\n", *data) != NULL && *data != '\0') {
		data++;
		size--;
	}
	for (size_t i = 0; i < COUNT(tags); i++) {
		if (size >= strlen(tags[i]) && strncasecmp(data, tags[i], strlen(tags[i])) == 0) {
			return true;
		}
	}
	return false;
}

const char *document_word(const char *name, const void *data, size_t size)
{
	switch (qg_file_kind(name, data, size)) {
	case QG_FILE_TEXT:
		return is_html(name, data, size) ? "html" : "text";
	case QG_FILE_PDF:
		return "pdf";
	case QG_FILE_DOCX:
		return "docx";
	case QG_FILE_XLSX:
		return "xlsx";
	case QG_FILE_PPTX:
		return "pptx";
	default:
		return NULL;
	}
}
