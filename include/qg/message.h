/* message.h - what travels: a message in, a reply out, a draft of a reply, and what it cost. */
#ifndef QG_MESSAGE_H
#define QG_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "qg/status.h"

enum qg_message_kind { QG_MESSAGE_TEXT, QG_MESSAGE_CLICK, QG_MESSAGE_DUE };
enum qg_chat_type { QG_CHAT_GROUP, QG_CHAT_DIRECT };

/* All strings belong to the message. Ids: 1 to 128 bytes without control characters. id, chat, sender and text are
 * never NULL in what is encoded. */
struct qg_message {
	char *id; /* the platform's; dedupe key within the bot */
	enum qg_message_kind kind;
	enum qg_chat_type chat_type;
	char *chat, *chat_name; /* chat_name may be NULL */
	char *thread;		/* NULL outside a thread */
	char *sender, *sender_name;
	char *text; /* the mention of this bot cut out; "" possible */
	bool mentions_bot;
	bool sender_is_admin; /* the platform proved it (a web member with admin) */
	char *handle;	      /* what the adapter needs to answer in place; opaque, may be NULL */
	/* What the sender wrote it under: the other message's text, shortened (QG_QUOTE_MAX). NULL without one. */
	char *quote;
	/* array of {"type":"image|file|audio|video","name","size"} and what the adapter's media() needs besides, or
	 * NULL; those of a quoted message have "quoted":true. The types "quote" and "forward" stand for other messages, which
	 * the adapter's complete() fetches. At most QG_ATTACHMENTS_MOST. */
	json_t *attachments;
	int64_t sent_at;      /* the platform's time, Unix ms; shown, never used for order */
	uint64_t received_us; /* monotonic: the last byte of the request */
	/* web: an event for the chat's feed, appended by the same script that stores the message; both or none */
	char *feed_event; /* JSON */
};

struct qg_usage {
	char *model;			     /* "offline" for none */
	int64_t input, cached_input, output; /* of all calls the answer took */
	bool estimated;
	char *cost; /* JSON object by currency, {"CNY":0} when free; never NULL in a reply */
};

/* How a part may look; each next one is what is left when a platform refuses the one before. */
enum qg_form {
	QG_FORM_RICH,
	QG_FORM_APART,
	QG_FORM_PLAIN
}; /* in place; a new message; plain text */

/* A finished answer. */
struct qg_reply {
	char *id; /* 32 hex digits; the same for a repeated turn */
	char *bot, *chat, *conversation;
	enum qg_chat_type chat_type;
	char *handle;	 /* of the last message answered; may be NULL */
	json_t *answers; /* array of message ids */
	char *sender;	 /* whom it answers, for a mention; may be NULL */
	char *text;	 /* markdown */
	char *label;	 /* "AI 生成" where a model's text is in it; else NULL */
	char *footnote;	 /* the whole line, label included; or NULL: then the label stands alone */
	json_t *sources; /* array of {title, section}, or NULL */
	json_t *buttons; /* array of {text, value}, or NULL: who clicks sends value */
	/* array of {"type":"image|file","name","size","file"}: data_dir/outbox/<file> on the gateway's host; or NULL.
	 * They leave behind the text, each as a message of its own. */
	json_t *files;
	/* array: the handles of the other messages it answers, which a platform may show as open; or NULL */
	json_t *handles;
	bool silent; /* there is nothing to say: text is "", only what shows open handles closes them */
	struct qg_usage usage;
	int64_t stored_at, first_at; /* wall ms: stored, first visible text (0: with this reply) */
	/* how far sending got; kept in Redis, see queue.h */
	unsigned part;
	unsigned
		parts; /* of how many, told to send(); 0: not told. Buttons and files leave with the last */
	unsigned attempts;
	enum qg_form form;
	bool repeated; /* a part was started earlier and its outcome is unknown */
	const json_t *
		file; /* the one of files that is due as this part; NULL: text is. Does not travel */
};

/* A snapshot of an answer being made; borrowed for the call. */
struct qg_draft {
	const char *reply, *bot, *chat, *conversation, *handle;
	const char *sender; /* whom it answers, for a mention; NULL in direct chats */
	const json_t *answers;
	int64_t sequence; /* grows over tries and snapshots */
	const char *text; /* all of it so far */
	bool early;	  /* it is shown whatever still waits to be sent in its chat */
};

struct qg_message *qg_message_create(void);
void qg_message_destroy(struct qg_message *message);
/* What waits may lie in one piece of memory: the bytes that the strings of a message take, and a copy whose strings lie
 * in so many. The copy takes the attachments over; of it only they are freed, with json_decref(). */
size_t qg_message_room(const struct qg_message *message);
struct qg_message qg_message_settle(struct qg_message *message, char *room);
#define QG_ALIAS_SIZE 16
/* What people call its sender. Where the platform told no name: 群友 and four digits, always the same for one id and
 * no way back to it, written to alias. Ids of a platform are for nobody else's eyes. Borrowed from either. */
const char *qg_message_name(const struct qg_message *message, char alias[QG_ALIAS_SIZE]);
struct qg_reply *qg_reply_create(void);
void qg_reply_destroy(struct qg_reply *reply);
/* A sentence of the bot's own as the answer to message, made without a model. key tells it from other answers to
 * the same message. Takes text; NULL for no memory, also where text is NULL. */
struct qg_reply *qg_reply_say(const char *bot, const char *conversation,
	const struct qg_message *message, const char *key, char *text, int64_t stored_at);
/* A sentence of the bot's own that answers nobody: a greeting, a notice. about and key tell it from others in that chat,
 * and make the same id again. Takes text; NULL as above. */
struct qg_reply *qg_reply_tell(const char *bot, enum qg_chat_type type, const char *chat,
	const char *about, const char *key, char *text, int64_t stored_at);

/* Wire forms. What Redis holds is not trusted to be ours: every decode is bounded and checked.
 * A mailbox element is "1\t<kind>\t<id>\t<sender>\t<thread>\t<stored ms>\n<json>": scripts read the head only.
 * kind 0 may share a turn with its neighbours, all others travel alone (1 click, 2 due item, 3 text that begins with
 * a slash). feed_event does not travel: it has its own place in the script.
 * An out list's element is "<id>\n<json>". A reply without cost comes back as free and made offline, without answers with none.
 * Encoders: yours to free, NULL for no memory or a field out of bounds; size_out may be NULL. */
#define QG_STORED_AT_RUN                                                                           \
	(-1) /* stored_at of a due item's wire: "%TIME%", which becomes the run's time */
char *qg_message_encode(const struct qg_message *message, int64_t stored_at, size_t *size_out);
/* NULL and words in error (128 bytes or NULL) when it is no message. */
struct qg_message *qg_message_decode(
	const char *data, size_t size, int64_t *stored_at_out, char *error);
char *qg_reply_encode(const struct qg_reply *reply);
struct qg_reply *qg_reply_decode(const char *data, size_t size, char *error);

#define QG_ATTACHMENTS_MOST                                                                        \
	16 /* and 64 KiB as JSON; values are strings of at most 4 KiB, whole numbers, booleans */
#define QG_QUOTE_MAX (16 * 1024)
#define QG_ID_MAX 128 /* bytes of an id of a platform */
#define QG_TEXT_MAX                                                                                \
	(64 * 1024) /* bytes of a message's text; longer ones are cut by the adapter, and said */
#define QG_REPLY_MAX (256 * 1024)

#endif
