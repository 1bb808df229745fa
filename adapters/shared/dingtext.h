/* dingtext.h - texts as DingTalk shows them: shared by its app robots and its group robots.
 *
 * Nothing that leaves here mentions everyone: words that a client might take for that are broken up by a blank without
 * width, and cards' tags for mentions with them. */
#ifndef QG_ADAPTERS_SHARED_DINGTEXT_H
#define QG_ADAPTERS_SHARED_DINGTEXT_H

#include "qg/buf.h"
#include "qg/status.h"

enum ding_place {
	DING_MESSAGE, /* markdown of robot messages */
	DING_CARD,    /* of AI cards: <br> breaks a line, * begins an item, *** is a rule */
};

#define DING_TITLE_MOST 24 /* code points: a notification shows about as many */

/* Appends text in the subset of markdown that is rendered there. QG_NO_MEMORY, QG_TOO_LARGE by out's limit. */
QG_MUST_CHECK enum qg_status ding_markdown(
	const char *text, enum ding_place place, struct qg_buf *out);
/* Appends text as it is, but harmless. */
QG_MUST_CHECK enum qg_status ding_plain(const char *text, struct qg_buf *out);
/* The first words of text without their marks: what the list of chats and the notification show. fallback where it has
 * none. Yours to free; NULL for no memory. */
char *ding_title(const char *text, const char *fallback);

#endif
