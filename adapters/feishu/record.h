/* record.h - messages as the API lists them, put into words: one that is quoted, a talk that was forwarded. */
#ifndef QG_ADAPTERS_FEISHU_RECORD_H
#define QG_ADAPTERS_FEISHU_RECORD_H

#include "feishu.h"

struct feishu_record {
	const char *app_id; /* of the app itself, whose messages are the bot's */
	struct qg_buf text;
	bool cut;
	json_t *attachments; /* of the quoted message; NULL without */
};

/* app_id: borrowed. */
void feishu_record_init(struct feishu_record *record, const char *app_id);
/* Adds what GET /im/v1/messages/:key answered. QG_NOT_FOUND: withdrawn, or not among them; QG_INVALID: no such answer. */
QG_MUST_CHECK enum qg_status feishu_record_read(
	struct feishu_record *record, const char *key, const char *body, size_t size);
/* A line of our own. */
void feishu_record_say(struct feishu_record *record, const char *words);
/* All of it as valid text of at most most bytes, which says where it was cut; "" for nothing. Yours to free; NULL for no
 * memory. */
char *feishu_record_steal(struct feishu_record *record, size_t most);
void feishu_record_finish(struct feishu_record *record);

#endif
