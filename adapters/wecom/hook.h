/* hook.h - what the files of the webhook transport share, and addresses that come from outside. */
#ifndef QG_WECOM_HOOK_H
#define QG_WECOM_HOOK_H

#include "wecom.h"

#include "address.h"
#include "outs.h"
#include "qg/fetch.h"
#include "qg/http.h"
#include "qg/list.h"
#include "qg/loop.h"
#include "qg/redis.h"

/* ---- address.c ---- */

/* Where the one-time address of a message is posted to: only the platform's own hosts, moved to api_base where one is
 * set. Yours to free; NULL for no memory or another host (*refused). */
char *wecom_response_address(const char *url, const char *api_base, bool *refused);

/* ---- handle.c: what a message's answer needs, kept with the message ---- */

#define HOOK_STREAM_ID 33 /* 32 hex digits and NUL */

struct hook_handle {
	char stream_id[HOOK_STREAM_ID]; /* "" for a click: it has no stream */
	int64_t since;			/* wall ms at which the message came */
	enum qg_chat_type chat_type;
	char *user, *response_url; /* the latter NULL where none came */
};
/* Hex HMAC: every gateway, and every delivery of one message, gives the same. */
void hook_stream_id(const struct qg_bot *bot, const char *msgid, char out[HOOK_STREAM_ID]);
/* Yours to free; NULL for no memory. */
char *hook_handle_make(const struct qg_bot *bot, const struct wecom_event *event,
	const char *stream_id, int64_t now);
/* QG_INVALID: none of ours (NULL, of the long connection); QG_NO_MEMORY. */
QG_MUST_CHECK enum qg_status hook_handle_read(const char *text, struct hook_handle *out);
void hook_handle_finish(struct hook_handle *handle);

/* ---- polls.c: streams in Redis, and what is written there while an answer is made ---- */

#define HOOK_PART_FULL                                                                             \
	"full" /* the part that refuses a message: the refusal that is sent later has landed by it */
#define HOOK_POLL_END_MS                                                                           \
	345000 /* a stream without an end is closed here, before the platform does */

enum hook_shown {	   /* a stream as Redis has it */
	HOOK_SHOWN_NONE,   /* not known */
	HOOK_SHOWN_OPEN,   /* more may come */
	HOOK_SHOWN_FINAL,  /* its end is known */
	HOOK_SHOWN_LANDED, /* a poll took the end */
	HOOK_SHOWN_MOVED,  /* the answer goes another way */
	HOOK_SHOWN_VOID,   /* its message is nobody's: no answer at all */
};
struct hook_state { /* borrowed for the call */
	enum hook_shown shown;
	const char *text; /* with the mark of whom it is for; "" */
	const char *card; /* JSON of a template card, or "" */
	int64_t polls;	  /* so far */
	bool is_ours;	  /* its end is of the reply part that asked */
};
typedef void (*hook_state_fn)(void *arg, enum qg_status status, const struct hook_state *state);

struct hook_streams; /* of a bot */
struct hook_streams *hook_streams_create(struct qg_bot *bot);
/* Questions under way are not told any more. */
void hook_streams_destroy(struct hook_streams *streams);
/* Each asks one script once. fn comes once, unless the streams end before; from inside only where there is no memory, so
 * nothing is touched behind the call. */
/* Its message is stored: there is a stream from now on. */
void hook_stream_open(struct hook_streams *streams, const char *id, hook_state_fn fn, void *arg);
/* Its message will never have an answer: redeliveries are answered empty. */
void hook_stream_void(struct hook_streams *streams, const char *id);
/* The platform asks. */
void hook_stream_poll(struct hook_streams *streams, const char *id, hook_state_fn fn, void *arg);
/* The platform was answered with the end. */
void hook_stream_landed(struct hook_streams *streams, const char *id);
/* The end, of a reply's part (its name). card may be NULL. The first part that ends it wins. */
void hook_stream_end(struct hook_streams *streams, const char *id, const char *part,
	const char *text, const char *card, hook_state_fn fn, void *arg);
/* How it stands; gives_up: where no poll took the end yet it never will, from now on. */
void hook_stream_look(struct hook_streams *streams, const char *id, const char *part, bool gives_up,
	hook_state_fn fn, void *arg);
/* A newer text of an open one; written when its second is over, by hook_streams_tick(). */
void hook_stream_draft(struct hook_streams *streams, const char *id, const char *text);
/* Writes what is due. true: there is more to write later. */
bool hook_streams_tick(struct hook_streams *streams);
/* The one-time address of a message: QG_OK, it may be used now; QG_DUPLICATE, this part was shown by it; QG_STALE, this
 * part was sent there, the outcome is not known: it may go again, the platform takes one; QG_DENIED, something else used
 * it; else Redis did not answer. */
void hook_address_claim(struct hook_streams *streams, const char *url, const char *part,
	void (*fn)(void *arg, enum qg_status status), void *arg);
/* It was not used after all. */
void hook_address_release(struct hook_streams *streams, const char *url, const char *part);
/* The platform took the part. */
void hook_address_used(struct hook_streams *streams, const char *url, const char *part);

/* ---- hook_apart.c: a part as a message of its own ---- */

struct hook_apart { /* all but the last two is set before, and borrowed */
	struct wecom_webhook *webhook;
	const struct qg_reply *reply;
	const struct hook_handle *handle;
	const char *part, *text;
	void (*ended)(void *arg, enum qg_status status, unsigned retry_ms);
	void *arg;
	struct qg_fetch *fetch;
	bool was_posted; /* before: an address that is refused now took it then */
};
/* ended() once, unless it is cancelled; from inside, too. */
void hook_apart_begin(struct hook_apart *apart);
/* Only at the end of the bot's streams, or of ended(). */
void hook_apart_cancel(struct hook_apart *apart);
/* Whether parts come behind it; its text with words that they will not, yours to free, NULL for no memory. */
bool hook_apart_has_more(const struct hook_apart *apart);
char *hook_apart_cut_off(const struct hook_apart *apart);

/* ---- the parts of a bot's webhook ---- */

struct hook_sends; /* hook_send.c: replies on their way */
struct hook_sends *hook_sends_create(struct wecom_webhook *webhook);
void hook_sends_destroy(struct hook_sends *sends);
void hook_sends_take(struct hook_sends *sends, struct qg_reply *reply);
/* Ends what waits for polls, to be sent again by whoever is next. */
void hook_sends_stop(struct hook_sends *sends);
bool hook_sends_is_idle(const struct hook_sends *sends);
/* true: look again soon. */
bool hook_sends_tick(struct hook_sends *sends);
/* A poll of this gateway took an end: the reply need not wait for the next look. */
void hook_sends_polled(struct hook_sends *sends, const char *stream_id);

/* ---- webhook.c, for its neighbours ---- */

#define HOOK_TICK_MS 250 /* between two looks at what waits for time */

struct wecom_webhook {
	unsigned references;
	struct qg_bot *bot; /* NULL once it is destroyed; waiting posts keep the rest alive */
	uint8_t key[QG_AES256_KEY];
	bool has_key;
	struct hook_streams *streams;
	struct hook_sends *sends;
	struct qg_timer *tick;
	struct qg_list posts;
	bool stopping;
	uint64_t refused_at;
	unsigned refused;
};

const struct wecom_options *hook_options(const struct wecom_webhook *webhook);
/* Gives back a reference: whoever has one keeps the memory, not the bot. */
void hook_release(struct wecom_webhook *webhook);

struct qg_bot *hook_bot(const struct wecom_webhook *webhook); /* NULL once it ended */
struct hook_streams *hook_streams_of(const struct wecom_webhook *webhook);
/* Looks after delay_ms at the latest at all that waits for time. */
void hook_hurry(struct wecom_webhook *webhook, unsigned delay_ms);
/* One of the bot's own sentences; "" where it has none; NULL for no memory. Yours to free. */
char *hook_words(const struct wecom_webhook *webhook, const char *key);
/* Text as shown: whom it is for, then the words; NULL for no memory. */
char *hook_text(
	const struct wecom_webhook *webhook, const struct hook_handle *handle, const char *text);

/* ---- hook_post.c ---- */

/* Takes event and nonce; answers x, now or later. */
void hook_post_begin(struct wecom_webhook *webhook, struct qg_http_exchange *x,
	struct wecom_event *event, char *nonce);
/* Those whose message is not stored in time are answered; true: some still have some. */
bool hook_posts_expire(struct wecom_webhook *webhook);
/* All are answered, for a bot that ends. */
void hook_posts_end(struct wecom_webhook *webhook);
/* 503: the platform comes again. */
void hook_answer_again(struct qg_http_exchange *x, const char *why);

#endif
