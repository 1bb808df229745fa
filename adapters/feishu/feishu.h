/* feishu.h - what the files of the Feishu platform share. */
#ifndef QG_ADAPTERS_FEISHU_FEISHU_H
#define QG_ADAPTERS_FEISHU_FEISHU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/adapter.h"
#include "qg/backoff.h"
#include "qg/buf.h"
#include "qg/crypto.h"
#include "qg/fetch.h"
#include "qg/list.h"
#include "qg/scan.h"
#include "token.h"

#define FEISHU_BODY_MAX ((size_t)1 << 20) /* of a webhook */
#define FEISHU_POST_MAX (28 * 1024)	  /* bytes of a request: the platform refuses 30 KB, */
#define FEISHU_TEXT_MAX (150 * 1024)	  /* and 150 KB of plain text */
/* Quotes and line breaks of a text take up to four bytes in a request, other bytes one: with this many even a
 * listing stays below FEISHU_POST_MAX; a text that does not is refused as too large before it leaves. */
#define FEISHU_PART_BYTES (12 * 1024)
#define FEISHU_MENTIONS_MAX 64 /* people known by name in one message */

enum feishu_transport { FEISHU_WEBSOCKET, FEISHU_WEBHOOK };
enum feishu_domain { FEISHU_CHINA, FEISHU_LARK };

struct feishu_options {
	char *app_id, *app_secret;
	int transport, domain;
	char *encrypt_key, *verification_token; /* NULL where not set */
	char *api_base;				/* replaces scheme and host */
};

/* ---- crypt.c: the cipher of the envelope ---- */

/* Opens base64 of IV and AES-256-CBC in scratch; the plain text is borrowed from there. QG_INVALID for anything that
 * is not exactly so; QG_NO_MEMORY, QG_TOO_LARGE by scratch's limit. */
QG_MUST_CHECK enum qg_status feishu_crypt_open(const uint8_t key[QG_AES256_KEY], const char *data,
	size_t size, struct qg_buf *scratch, const char **plain_out, size_t *size_out);

/* ---- envelope.c: from the bytes of a webhook to an event that is proved to be the platform's ---- */

struct feishu_keys { /* of an app; strings borrowed from the options */
	const char *app_id, *encrypt_key, *verification_token;
	uint8_t cipher_key[QG_AES256_KEY]; /* of encrypt_key */
};

struct feishu_proof { /* headers of a request; NULL where absent */
	const char *timestamp, *nonce, *signature;
};

/* Places that are read in an event: one scan finds them all. */
enum feishu_field {
	FEISHU_ENCRYPT,
	FEISHU_TYPE,
	FEISHU_CHALLENGE,
	FEISHU_TOKEN,
	FEISHU_EVENT_TYPE,
	FEISHU_HEADER_TOKEN,
	FEISHU_APP_ID,
	FEISHU_SENDER,
	FEISHU_SENDER_TYPE,
	FEISHU_MESSAGE_ID,
	FEISHU_THREAD_ID,
	FEISHU_CREATE_TIME,
	FEISHU_CHAT_ID,
	FEISHU_CHAT_TYPE,
	FEISHU_MESSAGE_TYPE,
	FEISHU_CONTENT,
	FEISHU_MENTIONS,
	FEISHU_FIELDS,
};

enum feishu_verdict {
	FEISHU_REFUSED, /* not proved, or no event; why says more for the log */
	FEISHU_EVENT,	/* proved */
	FEISHU_VERIFY,	/* the console asks whether we are there */
	FEISHU_NO_ROOM, /* out of memory: to be sent again */
};

struct feishu_envelope {
	struct qg_piece fields[FEISHU_FIELDS]; /* borrowed from the body or from scratch */
	const char *why;
};

void feishu_keys_init(struct feishu_keys *keys, const struct feishu_options *options);
/* Any bytes in. scratch holds the decrypted text; it is reset first. */
enum feishu_verdict feishu_envelope_open(const struct feishu_keys *keys,
	const struct feishu_proof *proof, const char *body, size_t size, struct qg_buf *scratch,
	struct feishu_envelope *out);

/* ---- event.c: an event -> qg_message ---- */

enum feishu_kind {
	FEISHU_MESSAGE, /* *message_out is set */
	FEISHU_IGNORED, /* nothing for the bot: acknowledge */
	FEISHU_UNSURE,	/* needs the bot's own open_id, which is not known yet */
	FEISHU_FAILED,	/* out of memory */
};

/* own: this bot's open_id, NULL or "" while unknown. */
enum feishu_kind feishu_event_read(
	const struct feishu_envelope *envelope, const char *own, struct qg_message **message_out);

/* ---- content.c: what a message holds ---- */

struct feishu_mention {
	struct qg_piece key, open_id, name; /* "@_user_1" */
};

struct feishu_content {
	struct feishu_mention mentions[FEISHU_MENTIONS_MAX];
	size_t mention_count;
	const char *own;     /* open_id; NULL while unknown */
	struct qg_buf text;  /* what the bot reads */
	bool cut;	     /* there was more of it */
	json_t *attachments; /* NULL without */
};

/* own: borrowed. Clears no more than it must: the array of mentions is large. */
void feishu_content_init(struct feishu_content *content, const char *own);
/* Reads event.message.mentions. */
void feishu_content_mentions(struct feishu_content *content, const struct qg_piece *mentions);
bool feishu_content_mentions_own(const struct feishu_content *content);
/* Fills text and attachments; content is the unescaped JSON of a message of this type. QG_NO_MEMORY only: what cannot
 * be read becomes an attachment that says its type. */
QG_MUST_CHECK enum qg_status feishu_content_read(
	struct feishu_content *content, const struct qg_piece *type, const char *data, size_t size);
void feishu_content_finish(struct feishu_content *content);

/* ---- identity.c: the open_id by which groups mention the bot ---- */

struct feishu_account;

struct feishu_identity {
	char *open_id; /* NULL while unknown */
	bool sure;     /* the platform itself said so, in this process */
	struct feishu_call *asking;
	struct qg_backoff backoff;
	struct qg_timer *again;
	bool complained;
	/* what an earlier process learned; redis NULL: nowhere */
	struct qg_redis *redis;
	char *key;
	bool recalling, recalled;
};

struct feishu_watcher { /* embedded; told whenever the id became known or could not be learned, never from inside */
	struct qg_list link;
	void (*told)(struct feishu_watcher *watcher);
};

QG_MUST_CHECK enum qg_status feishu_identity_init(
	struct feishu_account *account, const struct qg_bot *bot);
/* Accepts one that init() never saw, zeroed. */
void feishu_identity_finish(struct feishu_account *account);
/* Borrowed until the loop's next turn; NULL while unknown. Learns it, where the platform has not said it yet. */
const char *feishu_identity_get(struct feishu_account *account);
/* An answer is on its way: watchers will be told. */
bool feishu_identity_is_coming(const struct feishu_account *account);

/* ---- account.c: what all bots of an app share ---- */

struct feishu_account {
	struct qg_list link;
	unsigned references;
	char *key, *base, *app_id;
	struct qg_loop *loop;
	struct qg_http_client *http;
	struct qg_token *token;
	struct feishu_identity own;
	struct qg_list watchers; /* struct feishu_watcher */
};

/* NULL for no memory. */
struct feishu_account *feishu_account_join(const struct qg_bot *bot);
/* Accepts NULL. */
void feishu_account_leave(struct feishu_account *account);
/* "https://open.feishu.cn", or what stands in for it; yours to free. */
char *feishu_base(const struct feishu_options *options);

/* ---- api.c: one call of the platform's API ---- */

struct feishu_answer {	      /* borrowed for the call of ended() */
	enum qg_status local; /* not QG_OK: the call never left; words say why */
	enum qg_fetch_error error;
	int http;
	bool has_code; /* the body is the platform's: code and msg hold */
	int64_t code;
	const char *msg, *words, *log_id; /* "" if none; msg made one safe line */
	unsigned reset_s;		  /* how long to wait where the platform said so */
	const char *body;
	size_t size;
};

struct feishu_call;
typedef void (*feishu_called_fn)(void *arg, const struct feishu_answer *answer);

/* path with query; body: JSON, copied, NULL without. ended() follows exactly once unless cancelled, never from inside.
 * A token that the platform refuses is replaced and the call repeated, once. NULL for no memory. */
struct feishu_call *feishu_call_start(struct feishu_account *account, const char *method,
	const char *path, const char *body, feishu_called_fn ended, void *arg);
/* Accepts NULL. */
void feishu_call_cancel(struct feishu_call *call);
/* qg_token_read_fn of the platform. */
enum qg_status feishu_token_read(
	const struct qg_fetch_end *end, char **token_out, int64_t *seconds_out, char *words);

/* ---- error.c: what an answer means ---- */

struct feishu_outcome {
	enum qg_status status;
	unsigned retry_ms; /* 0: the planner's backoff */
	const char
		*words; /* what to do, for the log of an admin; "" where there is nothing to say */
};

bool feishu_error_is_token(int64_t code);
struct feishu_outcome feishu_error_outcome(const struct feishu_answer *answer);

/* ---- send.c: qg_reply -> the API ---- */

struct feishu_core;

struct feishu_send { /* a reply on its way */
	struct qg_list link;
	struct feishu_core *core;
	struct qg_reply *reply;
	struct feishu_call *call;
	enum qg_status status;
	unsigned retry_ms;
	bool ended; /* sent() is due */
};

/* Takes nothing: the reply stays in send. The result comes by send->ended and feishu_core_wake(). */
void feishu_send_start(struct feishu_send *send);
/* Appends text so that no part of it mentions anyone on the platform. */
void feishu_escape(const char *text, struct qg_buf *out);
/* The body of a request; QG_TOO_LARGE where the platform would refuse it, QG_INVALID where text is no UTF-8. */
QG_MUST_CHECK enum qg_status feishu_send_body(
	const struct qg_reply *reply, bool in_place, struct qg_buf *out);

/* ---- feishu.c: the life of a bot ---- */

#define FEISHU_SPARE 32

/* All of a bot's state. It outlives the bot while messages on their way to the store still point at it: each holds a
 * reference, and bot is NULL from finish() on. */
struct feishu_core {
	unsigned references;
	struct qg_bot *bot;
	struct feishu_account *account;
	struct feishu_keys keys; /* from the first webhook on */
	unsigned refused;	 /* webhooks, since the log told of them ... */
	uint64_t refused_at;	 /* ... then, monotonic ms */
	struct qg_buf scratch;	 /* of the envelope, used again for each */
	struct feishu_watcher watcher;
	struct qg_list held; /* requests that wait for the own id ... */
	size_t held_count;
	struct qg_timer *hold_timer; /* ... but not for long */
	struct qg_list sends;
	struct qg_reply *unsent[FEISHU_SPARE]; /* no memory for a send: given back from the loop */
	size_t unsent_count;
	unsigned posts; /* messages on their way to the store */
	bool stopping, stopped;
	struct qg_timer *timer; /* calls what must not be called from inside */
	/* probe() */
	struct feishu_call *probing;
	void (*told)(void *arg, enum qg_status status, const char *words);
	void *told_arg;
};

void feishu_core_take(struct feishu_core *core);
/* Accepts NULL. */
void feishu_core_release(struct feishu_core *core);
/* Something ended: reports due results and, at the end of a stop, stopped(), from the loop. */
void feishu_core_wake(struct feishu_core *core);

/* ---- callback.c: webhooks ---- */

void feishu_callback(struct feishu_core *core, struct qg_http_exchange *x);
/* What waits for the own id is looked at again: taken where it is known now, else left to the platform to repeat. */
void feishu_callback_resume(struct feishu_core *core);
/* Of what waits, all that does so for too long or, at an end, everything is left to the platform. */
void feishu_callback_expire(struct feishu_core *core, bool all);

#endif
