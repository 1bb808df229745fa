/* wecom.h - shared by the files of this folder: WeCom's AI bot over both of its transports.
 *
 * The long connection (link.c and what hangs on it) and the webhook (webhook.c, polls.c) bring the same bodies
 * (inbound.c) and show the same answers (cards.c). What people see is told in a handle: */
#ifndef QG_WECOM_H
#define QG_WECOM_H

#include <jansson.h>
#include <stdint.h>

#include "qg/adapter.h"
#include "qg/buf.h"
#include "qg/crypto.h"

enum wecom_transport { WECOM_WEBSOCKET, WECOM_WEBHOOK };

struct wecom_options {
	char *bot_id, *secret, *display_name;
	int transport;
	char *token, *encoding_aes_key;
	char *ws_url, *api_base;
};

#define WECOM_TEXT_MOST 20480  /* bytes of a stream or a markdown message; document 101031 */
#define WECOM_STREAM_MS 360000 /* the life of a stream since its message; document 101031 */
#define WECOM_WS_URL "wss://openws.work.weixin.qq.com"
#define WECOM_API_BASE "https://qyapi.weixin.qq.com"

struct wecom_core; /* a bot's own state: wecom.c */
struct wecom_link; /* the connection that bots of one bot_id share in this process: link.c */

/* ---- inbound.c: bodies of both transports ---- */

enum wecom_kind {
	WECOM_MESSAGE,	/* message is set */
	WECOM_REFRESH,	/* a poll of stream_id */
	WECOM_ENTER,	/* a direct chat was opened: answer with a welcome */
	WECOM_CLICK,	/* message is set (kind click); task_id, event_key, card_type */
	WECOM_FEEDBACK, /* feedback: 1 accurate, 2 inaccurate, 3 withdrawn */
	WECOM_KICKED,	/* disconnected_event */
	WECOM_NOTHING,	/* a kind that is not known: answered empty */
};

/* A decoded body; strings are its own. */
struct wecom_event {
	enum wecom_kind kind;
	struct qg_message
		*message; /* whoever takes it sets it to NULL; its handle is not set here */
	char *chat;	  /* chatid in groups, else the userid */
	enum qg_chat_type chat_type;
	char *user, *response_url, *stream_id, *task_id, *event_key, *card_type, *feedback_id;
	int feedback;
};

/* body: a JSON object, of at most 1 MiB. aes_key: the webhook's EncodingAESKey, which opens its media; NULL over the long
 * connection, where each address has its own. QG_INVALID: it is none that can be used; QG_NO_MEMORY. */
QG_MUST_CHECK enum qg_status wecom_event_read(const struct qg_bot *bot, const char *body,
	size_t size, const char *aes_key, struct wecom_event *out);
void wecom_event_finish(struct wecom_event *event);
/* mention.c: cuts @<display name> out of a text (all of them), or the first @word where it does not stand there or no
 * name is known; yours to free. */
char *wecom_without_mention(const char *text, const char *display_name);

/* ---- media.c: adapter->media() ---- */

void wecom_media(struct qg_bot *bot, const json_t *attachment, size_t most,
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size), void *arg);
void wecom_media_forget(struct qg_bot *bot, void *arg);
/* Media under way of a bot that ends. */
void wecom_media_finish(struct qg_bot *bot);

/* ---- cards.c: what is shown, the same over both transports; objects are yours to decref, NULL for no memory ---- */

/* Who a group's answer is for, to stand before the text: "**张三** " by the bot's `people`, else by a user id that reads
 * like a name; "" in direct chats and where neither is there. Yours to free. */
char *wecom_asker(const struct qg_bot *bot, enum qg_chat_type type, const char *user);
/* Buttons as a template card; asker: who alone may click in a group, NULL: anyone. NULL too where there are none. */
json_t *wecom_buttons_card(const struct qg_bot *bot, const char *title, const json_t *buttons,
	const char *asker, int64_t now);
/* Greeting and suggestions of the role, for enter_chat: the whole body {"msgtype":...}. */
json_t *wecom_welcome(const struct qg_bot *bot, int64_t now);
enum wecom_click {
	WECOM_CLICK_GOOD,
	WECOM_CLICK_WRONG_PERSON,
	WECOM_CLICK_LATE,
	WECOM_CLICK_FOREIGN
};
/* Whether this person may still click on a card of ours. */
enum wecom_click wecom_click_judge(
	const struct qg_bot *bot, const struct wecom_event *event, int64_t now);
/* The body that answers a click within 5 s: {"response_type":"update_template_card",...}. words: what it says now. */
json_t *wecom_click_answer(
	const struct qg_bot *bot, const struct wecom_event *event, const char *words);
/* A copy in which nothing mentions everyone: for all that is shown. Yours to free; NULL for no memory. */
char *wecom_harmless(const char *text);
/* {"msgtype":"stream","stream":{...}}; feedback_id and card may be NULL (not over the long connection). text is cut at
 * WECOM_TEXT_MOST at a code point. */
json_t *wecom_stream_body(
	const char *stream_id, bool finish, const char *text, const char *feedback_id);

/* ---- webhook.c, polls.c: the webhook transport ---- */

struct wecom_webhook; /* its part of a bot's state */
/* NULL for no memory. */
struct wecom_webhook *wecom_webhook_create(struct qg_bot *bot);
void wecom_webhook_destroy(struct wecom_webhook *webhook);
/* What adapter members do where transport is webhook; the same contracts. */
void wecom_webhook_request(
	struct wecom_webhook *webhook, struct qg_http_exchange *x, const char *rest);
void wecom_webhook_draft(struct wecom_webhook *webhook, const struct qg_draft *draft);
void wecom_webhook_send(struct wecom_webhook *webhook, struct qg_reply *reply);
/* No new work; whether all has ended by now, else wecom_core_wake() tells. */
bool wecom_webhook_stop(struct wecom_webhook *webhook);

/* ---- link.c and what hangs on it: the long connection ---- */

/* Joins, or opens, the connection of the bot's account; leaves it. */
enum qg_status wecom_link_join(struct wecom_core *core);
void wecom_link_leave(struct wecom_core *core);
void wecom_link_draft(struct wecom_core *core, const struct qg_draft *draft);
void wecom_link_send(struct wecom_core *core, struct qg_reply *reply);
/* Subscribes once, tells, and closes: for `hire` and `doctor`. It takes the connection from whoever has it. */
void wecom_link_probe(struct wecom_core *core,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg);

/* ---- wecom.c ---- */

struct wecom_core *wecom_core_of(const struct qg_bot *bot);
struct wecom_webhook *wecom_core_webhook(
	const struct wecom_core *core); /* NULL over the long connection */
/* Something ended: if the bot is stopping, look whether it may. Later, on the loop. */
void wecom_core_wake(struct wecom_core *core);

#endif
