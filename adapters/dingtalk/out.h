/* out.h - what the files that show replies share: messages (send.c) and AI cards (cards.c), and the requests of both.
 *
 * A message knows no key against repeating: one whose outcome is unknown may be shown twice when the planner sends it
 * again. A card is named by the reply: whoever sends it again continues the same one. */
#ifndef QG_DINGTALK_OUT_H
#define QG_DINGTALK_OUT_H

#include "core.h"
#include "qg/redis.h"

#define DINGTALK_PART_BYTES 7200  /* of a reply's text: about 2,400 Chinese characters */
#define DINGTALK_PARAM_MOST 15000 /* bytes of msgParam as it stands in a request */
#define DINGTALK_POST_MOST 20000  /* bytes of a webhook's body */
#define DINGTALK_CARD_MOST 2500	  /* code points: beyond about 3,000 clients show an empty card */
#define DINGTALK_VALUE_MOST                                                                        \
	1000 /* bytes of a card's variable when it is made; the platform says 1 KB */
#define DINGTALK_TRACK_SIZE 33
#define DINGTALK_GUID_SIZE 37

/* ---- bodies.c: requests of messages; new references, NULL for no memory ---- */

struct dingtalk_whom { /* borrowed */
	const char *robot_code;
	const char *chat; /* openConversationId, or the person's staff id */
	enum qg_chat_type type;
	/* whom a group's message calls: one of the two, or neither */
	const char *staff, *sender;
};
/* Whether an id that came from outside names one person: never everyone, and nothing that could stand for more. */
bool dingtalk_may_call(const char *id);
/* {"msgtype":...} for a sessionWebhook. QG_TOO_LARGE: in smaller parts. */
QG_MUST_CHECK enum qg_status dingtalk_webhook_body(const struct dingtalk_whom *whom,
	const char *title, const char *text, bool is_plain, struct qg_buf *out);
/* A message by the API: the path, and its body. */
const char *dingtalk_send_path(enum qg_chat_type type);
QG_MUST_CHECK enum qg_status dingtalk_text_body(const struct dingtalk_whom *whom, const char *title,
	const char *text, bool is_plain, json_t **body_out);
/* What was uploaded, as a picture or a file. */
json_t *dingtalk_media_body(
	const struct dingtalk_whom *whom, bool is_image, const char *media_id, const char *name);

/* ---- send.c ---- */

/* The platform refused it for what it says, and would again. */
bool dingtalk_is_content(const char *code);

/* ---- upload.c ---- */

struct dingtalk_upload;
/* media_id: NULL where it failed; answer: of the platform, NULL where it did not come so far, then status says why.
 * Once, never from inside. */
typedef void (*dingtalk_uploaded_fn)(
	void *arg, enum qg_status status, unsigned retry_ms, const char *media_id);
/* A file of the outbox, read and packed off the loop. NULL for no memory. */
struct dingtalk_upload *dingtalk_upload_start(struct dingtalk_core *core, const json_t *file,
	bool as_image, dingtalk_uploaded_fn fn, void *arg);
/* Accepts NULL. */
void dingtalk_upload_cancel(struct dingtalk_upload *upload);

/* ---- card_bodies.c: requests of cards; new references, NULL for no memory ---- */

struct dingtalk_card_make { /* borrowed */
	const char *template_id, *key, *track, *text, *title;
	bool clickable;	       /* its buttons come back over the connection */
	const json_t *buttons; /* as dingtalk_card_buttons() made them, or NULL */
	struct dingtalk_whom whom;
	const char *name; /* of whom it calls; may be NULL */
};
json_t *dingtalk_card_make_body(const struct dingtalk_card_make *make);
json_t *dingtalk_card_stream_body(
	const char *track, const char *guid, const char *key, const char *text, bool is_final);
/* Sets variables and leaves the others; takes values, an object of strings. */
json_t *dingtalk_card_update_body(const char *track, json_t *values);
/* A template of the family of msgContent, whose state is set by hand. */
bool dingtalk_card_by_hand(const char *key);
void dingtalk_card_guid(const char *reply, const char *frame, char out[DINGTALK_GUID_SIZE]);
/* text as a card shows it, cut at most code points where that is not 0 (*cut_out). NULL for no memory. Yours to free. */
char *dingtalk_card_text(const char *text, size_t most, bool *cut_out);

/* ---- clicks.c ---- */

/* The value of the variable `buttons`: array of {"text","id"} and "value" where it differs. NULL for none, no memory. */
json_t *dingtalk_card_buttons(const struct dingtalk_core *core, const char *track,
	const struct dingtalk_whom *whom, const json_t *buttons);

#endif
