/* core.h - what the files of this folder know of a bot and of the account it shares.
 *
 * A reply goes this way: send() notes it (dingtalk.c) and gives it to cards.c or send.c, which say once how it ended by
 * dingtalk_core_sent(); the host hears of it from the loop. Chats: a group is its openConversationId, a direct chat the
 * staff id of the person (for outsiders, who have none, the encrypted id), for that is what messages are sent to. */
#ifndef QG_DINGTALK_CORE_H
#define QG_DINGTALK_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dingtalk.h"
#include "outs.h"
#include "qg/buf.h"
#include "qg/list.h"
#include "qg/scan.h"
#include "quota.h"
#include "token.h"
#include "uplink.h"

#define DINGTALK_BODY_MAX ((size_t)1 << 20)

/* ---- options.c ---- */

extern const struct qg_option dingtalk_option_table[];
void dingtalk_check(const struct qg_bot_config *config, const struct qg_tree *tree,
	struct qg_problems *problems);
/* The same for init(): the first fault is logged. */
bool dingtalk_options_are_good(const struct qg_bot *bot);

/* ---- handle.c ---- */

/* What a reply to a message needs, as a text; yours to free, NULL for no memory. A webhook elsewhere than on the platform's
 * hosts is left out. handle's strings are borrowed. */
char *dingtalk_handle_write(const struct qg_bot *bot, const struct dingtalk_handle *handle);

/* ---- account.c ---- */

enum dingtalk_quota {
	DINGTALK_CALLS, /* of the API */
	DINGTALK_USES,	/* messages and callbacks in, posts to webhooks out */
	DINGTALK_QUOTAS
};

struct dingtalk_account {
	struct qg_list link;
	unsigned references;
	char *key, *client_id, *api_base, *oapi_base;
	struct qg_loop *loop;
	struct qg_http_client *http;
	struct qg_quota *quota; /* the month's; accounts with another secret share it */
	struct qg_token *token;
	struct dingtalk_pace *pace; /* api.c: when the next call of each kind may leave */
};

/* The account of the bot's client id, made or shared; NULL for no memory. */
struct dingtalk_account *dingtalk_account_join(struct qg_bot *bot);
/* Accepts NULL. */
void dingtalk_account_leave(struct dingtalk_account *account, const struct qg_bot *bot);
/* n more of that were used this month. */
void dingtalk_account_count(struct dingtalk_account *account, enum dingtalk_quota quota, int64_t n);
/* The platform says that this month's are used up. */
void dingtalk_account_spent(struct dingtalk_account *account, enum dingtalk_quota quota);
/* Per cent of the month's, as far as it is known; 100 and more: used up. */
unsigned dingtalk_account_used(const struct dingtalk_account *account, enum dingtalk_quota quota);
/* "https://api.dingtalk.com" or api_base. Borrowed. */
const char *dingtalk_base(const struct dingtalk_options *options, enum dingtalk_api api);

/* ---- error.c: what the platform's answers mean ---- */

struct dingtalk_verdict {
	enum qg_status status;
	unsigned retry_ms;
	bool token;	   /* the token was refused: another one may do */
	bool spent;	   /* this month's calls are used up */
	const char *words; /* for an operator, naming the console's page; "" if none */
};
#define DINGTALK_CODE_MAX 128
/* Any answer of either API. http: 0 where none came. body: NULL where it was no JSON. code gets the platform's code, or
 * words in its place; never empty. */
struct dingtalk_verdict dingtalk_verdict(
	enum dingtalk_api api, int http, const json_t *body, char code[DINGTALK_CODE_MAX]);

/* ---- api.c: what dingtalk_call() leaves behind ---- */

struct dingtalk_pace;
struct dingtalk_pace *dingtalk_pace_create(void);
void dingtalk_pace_destroy(struct dingtalk_pace *pace);
/* All calls of a bot that ends. */
void dingtalk_calls_finish(struct dingtalk_core *core);

/* ---- dingtalk.c: a bot ---- */

#define DINGTALK_SPARE 32

struct dingtalk_core {
	unsigned references; /* messages on their way to the store may outlive the bot */
	struct qg_bot *bot;  /* NULL from finish() on */
	struct dingtalk_account *account;
	struct qg_uplink_member seat; /* on the connections of its client id */
	struct qg_list calls;	      /* api.c */
	struct qg_outs outs;
	struct qg_list deliveries, says, posts; /* deliver.c, webhook.c */
	struct {
		dingtalk_answer_fn fn;
		void *arg;
	} starved[DINGTALK_SPARE]; /* calls that there was no memory for: told from the loop */
	size_t starved_count;
	void *sending, *cards; /* what send.c and cards.c keep of their own, made at first use */
	struct dingtalk_probe *probe;
	bool started, stopping, closing;
	uint64_t stop_until;
	struct qg_timer *timer;	     /* calls what must not be called from inside */
	struct qg_timer *post_timer; /* webhook.c */
	unsigned refused;	     /* webhooks since the last line about them */
	uint64_t refused_at;
	uint64_t quota_told_at;
	char said_to[33]; /* deliver.c: which webhook heard a sentence last, and when */
	uint64_t said_at;
	bool probe_failed;
	void (*probed)(void *arg, enum qg_status status, const char *words);
	void *probed_arg;
};

struct dingtalk_core *dingtalk_core_of(const struct qg_bot *bot);
const struct dingtalk_options *dingtalk_options_of(const struct dingtalk_core *core);
void dingtalk_core_take(struct dingtalk_core *core);
/* Accepts NULL. */
void dingtalk_core_release(struct dingtalk_core *core);
/* Something ended: results are told and a stop is looked at, later, on the loop. */
void dingtalk_core_wake(struct dingtalk_core *core);
/* How a reply that dingtalk_send() or dingtalk_cards_send() took has ended; from anywhere, once. */
void dingtalk_core_sent(struct dingtalk_core *core, struct qg_reply *reply, enum qg_status status,
	unsigned retry_ms);
/* One of the bot's sentences; yours to free, NULL for no memory. */
char *dingtalk_core_words(const struct dingtalk_core *core, const char *key);
/* There was no memory for a call: fn hears of it from the loop, unless forgotten. */
void dingtalk_core_starved(struct dingtalk_core *core, dingtalk_answer_fn fn, void *arg);
void dingtalk_core_forget(struct dingtalk_core *core, void *arg);
/* A frame or body said that the month's messages are used up. */
void dingtalk_core_quota(struct dingtalk_core *core);
/* The robot's code where no message told it. */
const char *dingtalk_robot_code(const struct dingtalk_core *core);

/* ---- send.c, cards.c at the end of a bot: nothing comes back any more; replies belong to dingtalk.c ---- */

void dingtalk_send_finish(struct dingtalk_core *core);
void dingtalk_cards_finish(struct dingtalk_core *core);

/* ---- deliver.c: a message from either transport to the store ---- */

/* Takes message. stored(arg, status) follows once, also after the bot's end; from inside only where there is no memory.
 * What is lost, its chat is asked to say again. */
void dingtalk_deliver(struct dingtalk_core *core, struct qg_message *message, uint64_t received_us,
	qg_stored_fn stored, void *arg);
/* Whether a message that ended so is gone, should the platform not deliver it again. */
bool dingtalk_is_lost(enum qg_status status);
/* words in the chat that handle (may be NULL) leads to, by its webhook; nobody hears how it ends. */
void dingtalk_say(struct dingtalk_core *core, const char *handle, const char *words);
/* This kind of message cannot be read: the chat is told. */
void dingtalk_say_unsupported(struct dingtalk_core *core, const struct qg_message *message);
/* What is being said when the bot ends. */
void dingtalk_says_finish(struct dingtalk_core *core);

/* ---- webhook.c ---- */

/* base64(HMAC-SHA256(secret, timestamp + "\n" + secret)) of a time at most an hour away. An empty secret signs nothing. */
bool dingtalk_is_signed(const char *secret, const char *timestamp, const char *sign, int64_t now);
/* Of a card's callback: base64(HMAC-SHA256(secret, timestamp)). */
bool dingtalk_is_card_signed(
	const char *secret, const char *timestamp, const char *sign, int64_t now);
/* Answers requests that waited too long for the store. */
void dingtalk_posts_expire(struct dingtalk_core *core);
/* 401, and a line in the log now and then. */
void dingtalk_refuse(struct dingtalk_core *core, struct qg_http_exchange *x, const char *why);
/* Requests without an answer get one. */
void dingtalk_posts_end(struct dingtalk_core *core);

/* ---- events.c: the envelope of event subscriptions over HTTP ---- */

struct dingtalk_seal { /* borrowed; owner: the client id */
	const char *token, *aes_key, *owner;
};
/* Appends what an envelope says. QG_DENIED: the signature; QG_INVALID: the rest. */
QG_MUST_CHECK enum qg_status dingtalk_envelope_open(const struct dingtalk_seal *seal,
	const char *query, const char *body, size_t size, struct qg_buf *plain);
/* The answer that the platform wants to all: "success", sealed. random16: NULL for real randomness. Yours to free; NULL for
 * no memory, or a key that is none. */
char *dingtalk_envelope_success(const struct dingtalk_seal *seal, const char *timestamp,
	const char *nonce, const uint8_t *random16);
void dingtalk_events(struct dingtalk_core *core, struct qg_http_exchange *x);

/* ---- probe.c, media.c ---- */

struct dingtalk_probe;
void dingtalk_probe_start(struct dingtalk_core *core,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg);
/* Accepts NULL. Nothing is told. */
void dingtalk_probe_cancel(struct dingtalk_probe *probe);
/* Media under way of a bot that ends. */
void dingtalk_media_finish(struct qg_bot *bot);

#endif
