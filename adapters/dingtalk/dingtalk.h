/* dingtalk.h - shared by the files of this folder: DingTalk's app robots over both of their transports.
 *
 * Messages and card clicks come over Stream connections (link.c) or by webhook (webhook.c) with the same bodies
 * (inbound.c, clicks.c). Answers never travel over the connection: they leave as AI cards (cards.c) or as messages by the
 * session's webhook or the API (send.c). */
#ifndef QG_DINGTALK_H
#define QG_DINGTALK_H

#include <jansson.h>
#include <stdint.h>

#include "qg/adapter.h"
#include "qg/fetch.h"

enum dingtalk_transport { DINGTALK_STREAM, DINGTALK_WEBHOOK };

struct dingtalk_options {
	char *client_id, *client_secret, *robot_code; /* robot_code: NULL: the client id */
	int transport;
	char *card_template_id, *card_content_key; /* NULL: no cards */
	int64_t monthly_calls, monthly_uses;	   /* quotas of the organisation */
	char *event_token, *event_aes_key; /* of event subscriptions over HTTP; NULL: none */
	char *api_base, *oapi_base;
};

struct dingtalk_core; /* a bot's own state: dingtalk.c */
struct dingtalk_account; /* what bots of one client id share in this process: token, rates, quota: account.c */

/* ---- inbound.c ---- */

enum dingtalk_kind {
	DINGTALK_MESSAGE,     /* message is set */
	DINGTALK_UNSUPPORTED, /* message is set, of a kind nobody can read: say so */
	DINGTALK_QUOTA,	      /* errorCode 20001: the month's quota is used up, no text came */
	DINGTALK_NOTHING,     /* nothing for us */
};
/* What a reply needs: kept in message->handle, parsed by dingtalk_handle_read(). */
struct dingtalk_handle {
	char *webhook;			   /* sessionWebhook on a host of the platform, or NULL */
	int64_t webhook_until;		   /* wall ms */
	char *robot_code, *staff, *sender; /* staff may be NULL: outsiders */
	enum qg_chat_type type;		   /* a draft has no other place that says it */
	char *name;			   /* of the sender, for a card's mention; may be NULL */
};
struct dingtalk_event {
	enum dingtalk_kind kind;
	struct qg_message *message; /* its handle is set; whoever takes it sets it to NULL */
};
/* body: the JSON object of a robot message, at most 1 MiB; QG_INVALID, QG_NO_MEMORY. */
QG_MUST_CHECK enum qg_status dingtalk_event_read(
	const struct qg_bot *bot, const char *body, size_t size, struct dingtalk_event *out);
void dingtalk_event_finish(struct dingtalk_event *event);
QG_MUST_CHECK enum qg_status dingtalk_handle_read(const char *text, struct dingtalk_handle *out);
void dingtalk_handle_finish(struct dingtalk_handle *handle);
/* Where a post to a sessionWebhook may go: its address on a host of the platform over https, moved to oapi_base where that
 * is set; NULL: nowhere (or no memory). Yours to free; never logged. */
char *dingtalk_webhook_url(const struct dingtalk_core *core, const char *webhook);

/* ---- account.c, api.c: calls of the platform ---- */

enum dingtalk_api { DINGTALK_API, DINGTALK_OAPI }; /* api.dingtalk.com, oapi.dingtalk.com */
struct dingtalk_answer {			   /* borrowed for the call */
	enum qg_status status;			   /* what it means for the planner; QG_OK */
	unsigned retry_ms;
	const char *code;   /* the platform's, for a log; never NULL */
	const json_t *body; /* NULL where it is none */
	int http;	    /* 0: none came */
	bool sent;	    /* it may have taken effect */
};
typedef void (*dingtalk_answer_fn)(void *arg, const struct dingtalk_answer *answer);
/* One call with the account's token; a refused token is replaced and the call repeated once. Counted against the
 * month's quota. body: taken. fn once, never from inside, unless forgotten. */
void dingtalk_call(struct dingtalk_core *core, enum dingtalk_api api, const char *method,
	const char *path, json_t *body, dingtalk_answer_fn fn, void *arg);
/* The same as POST with bytes of another type, which stay as they are until fn or dingtalk_forget(): uploads. path may have
 * a query. */
void dingtalk_call_bytes(struct dingtalk_core *core, enum dingtalk_api api, const char *path,
	const char *type, const struct qg_fetch_piece *pieces, size_t count, dingtalk_answer_fn fn,
	void *arg);
void dingtalk_forget(struct dingtalk_core *core, void *arg);

/* ---- cards.c: AI streaming cards, where card_template_id is set ---- */

/* Buttons are in a card's variable `buttons`, a JSON array of {"text","id"}; a click names one by its id as actionId, or
 * as params.id. Who may press is in the id, under a signature: any gateway can judge it (clicks.c). */
bool dingtalk_cards_draft(struct dingtalk_core *core, const struct qg_draft *draft);
/* Finishes, or makes and finishes, the card of this reply; false: cards are off just now, send.c does it. */
bool dingtalk_cards_send(struct dingtalk_core *core, struct qg_reply *reply);
/* After start(): cards that a former owner left open are finished. */
void dingtalk_cards_recover(struct dingtalk_core *core);
bool dingtalk_cards_stop(struct dingtalk_core *core);

/* ---- clicks.c ---- */

/* data of a card callback, from either transport, is judged and stored as a message. clicked(arg, response) once, within
 * the platform's two seconds, perhaps from inside: what the ack carries; borrowed, NULL for nothing. */
typedef void (*dingtalk_clicked_fn)(void *arg, const json_t *response);
void dingtalk_click(struct dingtalk_core *core, const char *data, size_t size, uint64_t received_us,
	dingtalk_clicked_fn clicked, void *arg);

/* ---- link.c ---- */

enum qg_status dingtalk_link_join(struct dingtalk_core *core);

/* ---- webhook.c, send.c, media.c ---- */

void dingtalk_webhook(struct dingtalk_core *core, struct qg_http_exchange *x, const char *rest);
void dingtalk_send(struct dingtalk_core *core, struct qg_reply *reply);
void dingtalk_media(struct qg_bot *bot, const json_t *attachment, size_t most,
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size), void *arg);
void dingtalk_media_forget(struct qg_bot *bot, void *arg);

#endif
