/* feishu.h - what the files of the Feishu platform share.
 *
 * Events come over long connections (link.c, stream.c) or by webhook (callback.c, envelope.c); both hand them to take.c,
 * which says when to acknowledge. Answers never travel over the connection: they leave as cards that fill (cards.c) or as
 * messages (send.c), by calls of the API (api.c). */
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
#include "feishutext.h"
#include "outs.h"
#include "pace.h"
#include "quota.h"
#include "token.h"
#include "uplink.h"

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
	int64_t monthly_calls; /* of the API, as the tenant's plan allows; 0: not known */
};

struct feishu_core;    /* a bot's own state: feishu.c */
struct feishu_account; /* what bots of one app share in this process: account.c */

/* ---- options.c ---- */

extern const struct qg_option feishu_option_table[];
void feishu_check(const struct qg_bot_config *config, const struct qg_tree *tree,
	struct qg_problems *problems);
/* The same for init(): the first fault is logged. */
bool feishu_options_are_good(const struct qg_bot *bot);

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
	FEISHU_EVENT_ID,
	FEISHU_PARENT_ID,     /* of the message it quotes */
	FEISHU_EVENT_CHAT,    /* event.chat_id: of events about a chat, and of withdrawn messages */
	FEISHU_EVENT_MESSAGE, /* event.message_id: of withdrawn messages */
	FEISHU_EVENT_OPERATOR, /* event.operator_id.open_id: who opened a chat */
	FEISHU_OPERATOR,       /* event.operator.open_id: who clicked */
	FEISHU_ACTION,	       /* event.action */
	FEISHU_CONTEXT,	       /* event.context */
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
/* The same of what came over the long connection, which is proof enough: in the clear, unsigned, its token empty. Never
 * FEISHU_VERIFY. */
enum feishu_verdict feishu_envelope_read(
	const char *app_id, const char *body, size_t size, struct feishu_envelope *out);

/* ---- take.c: a proved event to where it belongs, from either transport ---- */

struct feishu_taken {	       /* borrowed for the call */
	enum qg_status status; /* QG_OK: acknowledge it; else it shall be delivered again */
	const char *answer;    /* to a callback: JSON; NULL: "{}" */
};
typedef void (*feishu_taken_fn)(void *arg, const struct feishu_taken *taken);
/* Messages are held until the bot's own id is known and they are stored; clicks and what is told of chats likewise. taken
 * exactly once, perhaps from inside, within FEISHU_TAKE_MS at the latest; also when the bot ends. received_us: monotonic. */
#define FEISHU_TAKE_MS 2500 /* the platform waits for 3 s */
void feishu_take(struct feishu_core *core, const struct feishu_envelope *envelope,
	uint64_t received_us, feishu_taken_fn taken, void *arg);
/* The own id became known, or will not for now: what waits for it is looked at again. */
void feishu_take_resume(struct feishu_core *core);
/* At a stop: all that waits for the own id is left to the platform, which delivers it again. */
void feishu_take_end(struct feishu_core *core);
/* At the end: so is what the store has not answered yet. */
void feishu_take_finish(struct feishu_core *core);

/* ---- told.c: what is told of chats: the bot was added (greeting and suggestions) or removed, a message withdrawn, a
 * direct chat opened ---- */

/* false: no event of these. Else taken follows as above. */
bool feishu_told(struct feishu_core *core, const struct feishu_envelope *envelope,
	feishu_taken_fn taken, void *arg);

/* ---- clicks.c: card.action.trigger ---- */

/* Answered with a toast once the press is stored, or is not to count: once, by the right person. taken as above. */
void feishu_click(struct feishu_core *core, const struct feishu_envelope *envelope,
	uint64_t received_us, feishu_taken_fn taken, void *arg);

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
	const char *own;	 /* open_id; NULL while unknown */
	struct qg_piece message; /* whose content it is: its id, which its files are fetched by */
	bool quoted;		 /* it is the quote of another one */
	bool closed; /* its files cannot be fetched (of cards, of forwarded messages): they are named in the text */
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
 * be read becomes an attachment that says its type. May be called again for the next of several messages. */
QG_MUST_CHECK enum qg_status feishu_content_read(
	struct feishu_content *content, const struct qg_piece *type, const char *data, size_t size);
void feishu_content_finish(struct feishu_content *content);

/* ---- resolve.c, media.c: in the agents role ---- */

void feishu_complete(struct qg_bot *bot, struct qg_message *message,
	void (*fn)(void *arg, enum qg_status status), void *arg);
void feishu_media(struct qg_bot *bot, const json_t *attachment, size_t most,
	void (*fn)(void *arg, enum qg_status status, char *data, size_t size), void *arg);
void feishu_media_forget(struct qg_bot *bot, void *arg);
/* What is under way of a bot that ends. */
void feishu_media_finish(struct feishu_core *core);

/* ---- link.c: the long connection, one for all bots of an app in this process; core->seat.link is NULL off it ---- */

QG_MUST_CHECK enum qg_status feishu_link_join(struct feishu_core *core);
/* While the bot stops: says goodbye where it was the last; feishu_core_wake() once it is off. Again, or at an end: now. Also
 * for one that never joined. */
void feishu_link_leave(struct feishu_core *core);

/* ---- identity.c: the open_id by which groups mention the bot ---- */

struct feishu_account;

/* For all that is asked of the platform so that an account may begin, of its links too. */
extern struct qg_places feishu_places;

struct feishu_identity {
	char *open_id; /* NULL while unknown */
	bool sure;     /* the platform itself said so, in this process */
	struct feishu_call *asking;
	struct qg_backoff backoff;
	struct qg_timer *again;
	struct qg_place place; /* for a question that nobody waits for */
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
/* Learns it in its turn, before somebody needs it. */
void feishu_identity_prepare(struct feishu_account *account);
/* Borrowed until the loop's next turn; NULL while unknown. Learns it at once, where the platform has not said it yet. */
const char *feishu_identity_get(struct feishu_account *account);
/* An answer is on its way: watchers will be told. */
bool feishu_identity_is_coming(const struct feishu_account *account);

/* ---- account.c: what all bots of an app share ---- */

struct feishu_account {
	struct qg_list link;
	unsigned references, bots; /* bots, and questions that are not answered yet */
	char *key, *base, *app_id;
	int domain;
	struct qg_loop *loop;
	struct qg_http_client *http;
	struct qg_token *token;
	struct feishu_identity own;
	struct qg_list watchers; /* struct feishu_watcher */
	struct qg_quota *quota;	 /* the month's calls; there while there are bots */
	struct qg_pace *pace;	 /* of calls, by API */
};
/* One more call was taken by the platform, or refused because this month's are used up. */
void feishu_account_count(struct feishu_account *account, bool is_spent);
/* Per cent of the month's calls that are used, as far as it is known; 100 and more: used up. From 80 on what is optional
 * gets rarer (drafts) or is left out (reactions). */
unsigned feishu_account_used(const struct feishu_account *account);

/* NULL for no memory. */
struct feishu_account *feishu_account_join(struct qg_bot *bot);
/* bot: NULL for who asked a question only. Accepts NULL. */
void feishu_account_leave(struct feishu_account *account, const struct qg_bot *bot);
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
	const char *
		hint; /* made for this answer, in place of the words of error.c; NULL or "" if none */
	unsigned reset_s; /* how long to wait where the platform said so */
	const char *body;
	size_t size;
	const char *file_name; /* as Content-Disposition tells it: hostile; NULL if none */
};

struct feishu_call;
typedef void (*feishu_called_fn)(void *arg, const struct feishu_answer *answer);

struct feishu_request {		   /* borrowed for the call, but for the pieces */
	const char *method, *path; /* path with query */
	const char *body;	   /* JSON; NULL without */
	/* in place of body, an upload: they stay as they are until the end or feishu_call_cancel() */
	const char *type;
	const struct qg_fetch_piece *pieces;
	size_t count;
	size_t most; /* bytes of the answer; 0: 256 KiB */
};
/* One call with the account's token, counted against the month's quota; calls beyond 50 a second to one API wait their
 * turn. ended() as below. */
struct feishu_call *feishu_call_begin(struct feishu_account *account,
	const struct feishu_request *request, feishu_called_fn ended, void *arg);

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
bool feishu_error_is_scope(int64_t code);
/* Of this API for all of the app: the next calls of it wait as long. */
bool feishu_error_is_rate(int64_t code);
/* The month's calls are used up. */
bool feishu_error_is_spent(int64_t code);
/* The message that was to be answered is gone. */
bool feishu_error_is_withdrawn(int64_t code);
/* The bot is not in that group any more, or nobody is. */
bool feishu_error_is_left(int64_t code);
/* Which scopes are missing, and the page where they are added; NULL where that is not what code says, or for no memory. */
char *feishu_error_hint(
	const struct feishu_account *account, int64_t code, const struct qg_piece *msg);
struct feishu_outcome feishu_error_outcome(const struct feishu_answer *answer);

/* ---- send.c: qg_reply -> the API ---- */

struct feishu_send { /* a reply on its way */
	struct qg_out out;
	struct feishu_core *core;
	struct feishu_call *call;
	bool left; /* the platform says that the bot is not in that chat any more */
	struct feishu_upload *upload;
	bool as_image;	   /* of a file: shown as a picture */
	bool wants_answer; /* only answers are taken here: in place, whatever the form */
	char *instead;	   /* of its text, which was refused for what it says */
};

/* Takes nothing: the reply stays in send. The result comes by feishu_core_sent(). */
void feishu_send_start(struct feishu_send *send);
/* What is under way ends without a result, its memory goes. */
void feishu_send_drop(struct qg_out *out);
/* By what a chat is known: notices to admins go to a person's id. */
const char *feishu_id_type(const char *chat);
/* The body of a request that shows text as this part of the reply; QG_TOO_LARGE where the platform would refuse it,
 * QG_INVALID where text is no UTF-8. */
QG_MUST_CHECK enum qg_status feishu_send_body(
	const struct qg_reply *reply, const char *text, bool in_place, struct qg_buf *out);

/* ---- upload.c: files of a reply ---- */

#define FEISHU_IMAGE_MOST ((size_t)10 << 20)

struct feishu_shape { /* how a file is uploaded and shown */
	const char *extension;
	const char *message_type, *member; /* of the message, and the member of its content */
	const char *kind;		   /* of the upload */
};
const struct feishu_shape *feishu_shape_of(const json_t *file, bool as_image);
struct feishu_upload;
/* key: of what was uploaded; NULL where it was not, answer says why. Once, never from inside. */
typedef void (*feishu_uploaded_fn)(void *arg, const struct feishu_answer *answer, const char *key);
/* A file of the outbox, read and packed off the loop. NULL for no memory. */
struct feishu_upload *feishu_upload_start(struct feishu_core *core, const json_t *file,
	bool as_image, feishu_uploaded_fn fn, void *arg);
/* Accepts NULL. */
void feishu_upload_cancel(struct feishu_upload *upload);

/* ---- react.c: a reaction on what is being worked at, for there is no typing indicator ---- */

/* Puts it on a message that was stored, unless that is answered within a moment. Which one it is stands in Redis, so that
 * any gateway can take it away. */
void feishu_react_begin(struct feishu_core *core, const char *message);
/* Its answer leaves: where none is there yet, there need not be one. */
void feishu_react_hold(struct feishu_core *core, const char *message);
/* Takes it away, whoever put it there and be it only now on its way; nobody hears how that ended. */
void feishu_react_end(struct feishu_core *core, const char *message);
/* After start(): what a former owner left behind is taken away. */
void feishu_react_recover(struct feishu_core *core);
/* At a stop: false while something is on its way; feishu_core_wake() tells of a change. */
bool feishu_react_stop(struct feishu_core *core);
void feishu_react_finish(struct feishu_core *core);

/* ---- cards.c: cards that fill while the model speaks ---- */

/* false: it shows none of it. */
bool feishu_cards_draft(struct feishu_core *core, const struct qg_draft *draft);
/* Finishes, or makes and finishes, the card of this reply, and says so by feishu_core_sent(); false: cards are refused just
 * now, or do not fit this reply: send.c does it. */
bool feishu_cards_send(struct feishu_core *core, struct qg_reply *reply);
/* After start(): cards that a former owner left open are finished. */
void feishu_cards_recover(struct feishu_core *core);
/* At a stop: false while something is on its way; feishu_core_wake() tells of a change. */
bool feishu_cards_stop(struct feishu_core *core);
void feishu_cards_finish(struct feishu_core *core);
/* The value of a button below that reply: who may press it is inside, under a seal, so that any gateway can judge it
 * (clicks.c). New reference; NULL for no memory. */
json_t *feishu_button_value(
	const struct feishu_core *core, const struct qg_reply *reply, const char *value);

/* ---- feishu.c: the life of a bot ---- */

/* All of a bot's state. It outlives the bot while messages on their way to the store still point at it: each holds a
 * reference, and bot is NULL from finish() on. */
struct feishu_core {
	unsigned references;
	struct qg_bot *bot;
	struct feishu_account *account;
	struct qg_uplink_member seat; /* on the app's long connection */
	struct feishu_keys keys;      /* from the first webhook on */
	unsigned refused;	      /* webhooks, since the log told of them ... */
	uint64_t refused_at;	      /* ... then, monotonic ms */
	struct qg_buf scratch;	      /* of the envelope, used again for each */
	struct feishu_watcher watcher;
	void *taking;		      /* take.c */
	void *cards, *reacts, *media; /* of cards.c, react.c, media.c: made at first use */
	struct qg_outs outs;	      /* of struct feishu_send */
	unsigned posts;		      /* messages on their way to the store */
	bool started, stopping;
	uint64_t stop_until;	/* monotonic ms */
	struct qg_timer *timer; /* calls what must not be called from inside */
	/* probe.c */
	struct feishu_probe *probe;
	void (*told)(void *arg, enum qg_status status, const char *words);
	void *told_arg;
};

struct feishu_core *feishu_core_of(const struct qg_bot *bot);
const struct feishu_options *feishu_options_of(const struct feishu_core *core);
/* How a reply that feishu_send_start() or feishu_cards_send() took has ended; from anywhere, once. */
void feishu_core_sent(
	struct feishu_core *core, struct qg_reply *reply, enum qg_status status, unsigned retry_ms);
/* One of the bot's sentences; yours to free, NULL for no memory. */
char *feishu_core_words(const struct feishu_core *core, const char *key);
void feishu_core_take(struct feishu_core *core);
/* Accepts NULL. */
void feishu_core_release(struct feishu_core *core);
/* Something ended: reports due results and, at the end of a stop, stopped(), from the loop. */
void feishu_core_wake(struct feishu_core *core);

/* ---- probe.c: do the credentials work, and is all granted? ---- */

/* One at a time; told once, never from inside. QG_NOT_FOUND: they do, but the app lacks what words say. */
void feishu_probe_start(struct feishu_core *core,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg);
/* From the loop: a probe that could not even begin. */
void feishu_probe_report(struct feishu_core *core);
/* Nobody is told any more. */
void feishu_probe_cancel(struct feishu_core *core);

/* ---- scopes.c: what the app must have been granted ---- */

/* Appends the scopes to ask for, with commas; body: the platform's list of what is granted. hears_all: also messages
 * of groups that do not mention the bot. false: it is no such list, or no memory. */
bool feishu_scopes_missing(
	const char *body, size_t size, bool hears_all, struct qg_buf *missing_out);
/* Appends the address of the app's page in the console; scopes: the page where these are asked for, NULL without. */
void feishu_scopes_page(
	const struct feishu_options *options, const char *scopes, struct qg_buf *out);

/* ---- callback.c: webhooks ---- */

void feishu_callback(struct feishu_core *core, struct qg_http_exchange *x);

#endif
