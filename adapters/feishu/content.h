/* content.h - what the files share that put a message's words together: content.c, post.c, describe.c. */
#ifndef QG_ADAPTERS_FEISHU_CONTENT_H
#define QG_ADAPTERS_FEISHU_CONTENT_H

#include "feishu.h"

/* As they are; what is beyond the limit is left out, and content->cut says so. */
void feishu_content_add(struct feishu_content *content, const char *data, size_t size);
void feishu_content_add_str(struct feishu_content *content, const char *text);
/* A string of the content: names stand in place of the placeholders for people. Nothing for other pieces. */
QG_MUST_CHECK enum qg_status feishu_content_add_piece(
	struct feishu_content *content, const struct qg_piece *piece);
/* The same of text that is no JSON any more. */
void feishu_content_add_words(struct feishu_content *content, const char *text, size_t size);
/* "@" and a name, on one line and short. */
void feishu_content_add_name(struct feishu_content *content, const struct qg_piece *name);
/* Whether key is one of the message's placeholders, "@_user_1". */
bool feishu_content_knows(const struct feishu_content *content, const struct qg_piece *key);

struct feishu_attachment { /* borrowed; NULL where there is none */
	const char *type;  /* "image", "file", "audio", "video", or what cannot be fetched */
	const struct qg_piece *key, *name, *duration, *cover; /* cover: a video's picture */
};
/* One more, as far as there is room. A file of a closed content is named in the text. */
QG_MUST_CHECK enum qg_status feishu_content_attach(
	struct feishu_content *content, const struct feishu_attachment *attachment);

/* ---- post.c: rich text · cardtext.c: what a card says ---- */

/* QG_INVALID: it is none. */
QG_MUST_CHECK enum qg_status feishu_post_read(
	struct feishu_content *content, const char *data, size_t size);
QG_MUST_CHECK enum qg_status feishu_card_read(
	struct feishu_content *content, const char *data, size_t size);

/* ---- describe.c: what is neither words nor a file ---- */

/* QG_UNSUPPORTED: a type that it does not know. */
QG_MUST_CHECK enum qg_status feishu_describe(
	struct feishu_content *content, const struct qg_piece *type, const char *data, size_t size);

#endif
