/* content.h - what a message of DingTalk holds: words, and what is attached. */
#ifndef QG_DINGTALK_CONTENT_H
#define QG_DINGTALK_CONTENT_H

#include <jansson.h>
#include <stdbool.h>

#include "qg/buf.h"

struct dingtalk_content {
	struct qg_buf text;
	json_t *attachments; /* NULL without */
	size_t attachment_bytes;
	const char *robot_code; /* of the message: its files open under it; borrowed */
	bool quoted;		/* what is attached belongs to the message that is quoted */
	bool drops_mention;	/* a rich text begins with the mention of this robot */
	bool starved;		/* out of memory somewhere */
};

void dingtalk_content_init(struct dingtalk_content *content, const char *robot_code);
void dingtalk_content_finish(struct dingtalk_content *content);
/* Adds what body holds for msgtype: body is `text` or `content` of a message, or `content` of a quoted one; a string is a
 * text. false where nobody can read this kind. */
bool dingtalk_content_read(
	struct dingtalk_content *content, const char *msgtype, const json_t *body);

#endif
