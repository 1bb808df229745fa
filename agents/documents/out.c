/* out.c - the text that a reader writes, up to a little more than anybody wants of it. */
#include "documents.h"

#include <string.h>

void document_out_init(struct document_out *out)
{
	*out = (struct document_out){0};
	/* one byte more tells the parent that there was more */
	qg_buf_init(&out->text, QG_DOCUMENT_TEXT_MOST + 1);
}

void document_out_finish(struct document_out *out)
{
	qg_buf_finish(&out->text);
}

bool document_out_add(struct document_out *out, const char *data, size_t size)
{
	if (out->full || out->text.failed != QG_OK) {
		return false;
	}
	size_t room = out->text.limit - out->text.size;
	out->full = size >= room;
	return qg_buf_add(&out->text, data, size < room ? size : room) == QG_OK && !out->full;
}

bool document_out_str(struct document_out *out, const char *text)
{
	return document_out_add(out, text, strlen(text));
}

enum qg_status document_out_status(const struct document_out *out)
{
	if (out->text.failed != QG_OK) {
		return QG_NO_MEMORY;
	}
	return out->text.size > 0 ? QG_OK : QG_EMPTY;
}
