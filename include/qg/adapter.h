/* adapter.h - the contract of a platform: what the gateway calls, and what a platform may call.
 *
 * How to write one: adapters/README.md. A bot is one account of a platform; a platform is one static const
 * struct qg_adapter in a folder of its own. */
#ifndef QG_ADAPTER_H
#define QG_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>

#include "qg/bot.h"
#include "qg/http.h"
#include "qg/message.h"
#include "qg/option.h"

/* How storing a message ended: QG_OK, QG_DUPLICATE, QG_FULL and QG_EMPTY (noted, but no bot takes it up: no answer
 * follows) are successes towards the platform; QG_AWAY, QG_BUSY, QG_CANCELLED (this process ends first): not stored, the
 * platform shall send it again (where it does not: tell the chat to); QG_INVALID: never will be. Only QG_OK and
 * QG_DUPLICATE promise an end to a handle that is shown as open. */
typedef void (*qg_stored_fn)(void *arg, enum qg_status status);
static inline bool qg_stored_is_success(enum qg_status status)
{
	return status == QG_OK || status == QG_DUPLICATE || status == QG_FULL || status == QG_EMPTY;
}

enum qg_link { QG_LINK_NONE, QG_LINK_DOWN, QG_LINK_UP };

struct qg_host { /* what the gateway offers a bot; tests hand in a fake */
	/* A verified, decoded message. Takes msg, always. stored(arg, status) follows exactly once, never from
	 * inside: answer the platform there. */
	void (*receive)(struct qg_bot *bot, struct qg_message *msg, qg_stored_fn stored, void *arg);
	/* How one send() ended; exactly once for each, never from inside send(). Takes reply back.
	 * QG_OK landed; retryable ones are tried again after retry_ms (0: the planner's backoff).
	 * QG_UNSUPPORTED: not in this form, the next plainer one may do. QG_TOO_LARGE: in smaller parts. QG_NOT_FOUND:
	 * nobody there any more (the chat is gone, the bot left it). QG_DENIED: refused for good, an admin must act. */
	void (*sent)(struct qg_bot *bot, struct qg_reply *reply, enum qg_status status,
		unsigned retry_ms);
	/* The link to the platform went up or down; why is for the log. */
	void (*link_changed)(struct qg_bot *bot, enum qg_link link, const char *why);
	/* All that stop() began has ended; finish() may follow. */
	void (*stopped)(struct qg_bot *bot);
	/* Asks for the drafts under way in this bot's chats: draft() follows for each. */
	void (*replay_drafts)(struct qg_bot *bot);
	/* The platform gave the connection to somebody else: nobody opens this link for ms. All its bots are stopped
	 * soon, not from inside; one call for the link is enough. */
	void (*kicked)(struct qg_bot *bot, unsigned ms);
	/* One of the bot's own sentences (templates/words.*.yaml, one without {{names}}); yours to free, NULL for no
	 * memory. */
	char *(*words)(struct qg_bot *bot, const char *key);
	/* A reply of the bot's own (a greeting: qg_reply_tell()), that answers nobody: stored, then sent like all others. Takes
	 * reply. Its id is its key: the same id again within an hour, or the platform's window where that is longer, is no
	 * second one. stored(arg, status) once, never from inside. QG_EMPTY: in that chat this bot of the account does not
	 * answer, another one may. */
	void (*say)(struct qg_bot *bot, struct qg_reply *reply, qg_stored_fn stored, void *arg);
	/* One of the bot's own sentences to its admins, where the platform lets it write first; once for each bot and
	 * occasion ("calls 2026-11 80"). Nobody hears how it ended. */
	void (*tell_admins)(struct qg_bot *bot, const char *occasion, const char *key);
	/* Its sender withdrew a message: where no turn has taken it yet it is taken back, else nothing changes. */
	void (*withdrawn)(struct qg_bot *bot, const char *chat, const char *message,
		qg_stored_fn stored, void *arg);
	/* The bot was removed from a chat, or the chat is gone: what waits there, its due items and what is not sent yet, is
	 * dropped, and an admin enables it anew should the bot come back. event: id of what told so; delivered again it changes nothing, the bot may be back by then. */
	void (*left)(struct qg_bot *bot, const char *chat, const char *event, qg_stored_fn stored,
		void *arg);
	/* Whether this process owns the bot just now, as far as it can know. send() and draft() come only then; what an
	 * adapter shows later, by a clock of its own, it asks first. May be NULL: it does. */
	bool (*may_send)(const struct qg_bot *bot);
};

struct qg_ability { /* what a platform hears and shows */
	bool hears_all; /* in groups also messages without a mention: trigger always and keywords work */
	bool threads; /* scope: thread works */
	bool hears_media, hears_media_direct;
	bool streams; /* draft() shows something */
	bool buttons, mentions;
	bool drafts_everywhere; /* draft() and replay on every gateway, not only the owner (web) */
	bool redelivers;	/* the platform repeats what was not acknowledged */
	size_t part_bytes;	/* most bytes of one message; longer replies are split */
	unsigned dedupe_ms;	/* window in which the platform may deliver again */
	unsigned draft_ms;	/* least time between two drafts shown */
	bool shows_fields; /* label, footnote and sources have places of their own; else the planner puts them
			      behind the text */
	bool writes_first; /* send() reaches a person by id as chat, unasked: notices to admins */
	unsigned chat_rate,
		app_rate; /* messages a second in a chat, and of all bots of an account; 0: no limit */
	unsigned chat_minute, chat_hour, app_minute; /* the same a minute and an hour */
	bool shows_files; /* send() takes reply->file; else a sentence says what could not be shown */
	bool shows_open; /* what is received is shown as open until it is answered: each stored message gets an end,
			    be it a silent reply */
};

struct qg_adapter {
	const char *name; /* config value, URL path and log field */
	struct qg_ability can;
	size_t state_size;		 /* zeroed memory the gateway gives each bot */
	const struct qg_option *options; /* config keys, up to an empty row; may be NULL */
	size_t options_size;		 /* of the struct they fill: bot->config->options */
	/* Optional: says what is wrong in a bot's options that the table cannot tell, each at its place below tree,
	 * the bot's map. Called for `check` and before init(), once the table had nothing to say. */
	void (*check)(const struct qg_bot_config *config, const struct qg_tree *tree,
		struct qg_problems *problems);
	/* Mandatory. Checks the options; even when it fails, finish() must work. No I/O. */
	enum qg_status (*init)(struct qg_bot *bot);
	/* Optional: opens links. Returns at once; link_changed() tells the rest. Called by the owner only, and again
	 * whenever it becomes that anew: for who dials after stopped(), else at any time. */
	enum qg_status (*start)(struct qg_bot *bot);
	/* Optional: the config was read again, and an admin who did that may have put right what the platform refused: a
	 * connection that waits for that is tried at once, no other sooner. Called for a bot that was started. */
	void (*retry)(struct qg_bot *bot);
	/* Optional: a request below /hook/<bot> (or, for web, /chat/<bot>) came in; rest is the path behind the
	 * bot's name, "" or "/...". Answer x exactly once, now or later. admin: it carried the admin token. */
	void (*on_http)(
		struct qg_bot *bot, struct qg_http_exchange *x, const char *rest, bool admin);
	/* Optional: a newer snapshot of an answer being made; may be dropped, never queued behind another. */
	void (*draft)(struct qg_bot *bot, const struct qg_draft *draft);
	/* Mandatory. Takes reply until sent(); no retry here: the gateway decides that. reply->part says which of
	 * the parts is due. First come the texts of part_bytes each: the text given is that part, file is NULL. Then,
	 * where can.shows_files, the files: file is the one that is due, text "". A silent reply has one part, text "",
	 * and comes only where can.shows_open. */
	void (*send)(struct qg_bot *bot, struct qg_reply *reply);
	/* Optional: no new work, close links; ends with stopped(). Without it finish() follows at once. */
	void (*stop)(struct qg_bot *bot);
	/* Mandatory. Frees what init made; no callback may come after it. */
	void (*finish)(struct qg_bot *bot);
	/* Optional: an account's name (app id and host), yours to free: bots that share one share its rates. */
	char *(*account)(const struct qg_bot *bot);
	/* Optional: whether this bot's transport is a connection that one gateway holds. Bots of one account that say so
	 * share one lease, and start() of each is called by its owner. */
	bool (*dials)(const struct qg_bot *bot);
	/* Optional: fetches what an attachment of this platform's messages stands for, decrypted; at most most bytes.
	 * Called in the agents role too, on a bot that was init()ed and never started. fn(arg, status, data, size) once,
	 * never from inside; data (malloc'ed, with a NUL behind it) is the callee's, NULL but for QG_OK. QG_NOT_FOUND:
	 * expired or withdrawn; QG_TOO_LARGE; QG_INVALID: it cannot be decrypted; QG_AWAY; QG_TIMEOUT. Where the platform
	 * tells a file's name only now, the attachment's "name" is it from then on. */
	void (*media)(struct qg_bot *bot, const json_t *attachment, size_t most,
		void (*fn)(void *arg, enum qg_status status, char *data, size_t size), void *arg);
	/* Optional: asks the platform for what a message only points to. Attachments of the types "quote" and "forward" are
	 * such pointers: they are taken out of message, and what came goes into its quote, its text and its attachments
	 * ("quoted":true). Called in the agents role before a turn, on a bot as for media(); message is not touched before
	 * fn(arg, status), once, never from inside. Where not QG_OK the pointers are gone all the same, with words in their
	 * place that say what could not be read. */
	void (*complete)(struct qg_bot *bot, struct qg_message *message,
		void (*fn)(void *arg, enum qg_status status), void *arg);
	/* Goes with media() and complete(): fn will not come to arg any more. */
	void (*media_forget)(struct qg_bot *bot, void *arg);
	/* Optional: asks the platform whether the credentials work; told(arg, QG_OK or why not, words) follows, never
	 * from inside. QG_NOT_FOUND: they do, but the account lacks what words say. For `hire` and `doctor`. */
	void (*probe)(struct qg_bot *bot,
		void (*told)(void *arg, enum qg_status status, const char *words), void *arg);
	/* probe() opens a connection like the bot's own, by which whoever has that one loses it. */
	bool probe_kicks;
	/* Optional: what a bot can whose transport takes something away, NULL: can. Read while a bot sends and for
	 * `say`; what a platform hears is can alone. */
	const struct qg_ability *(*ability)(const struct qg_bot_config *config);
};

static inline const struct qg_ability *qg_adapter_ability(
	const struct qg_adapter *adapter, const struct qg_bot_config *config)
{
	const struct qg_ability *own = adapter->ability ? adapter->ability(config) : NULL;
	return own ? own : &adapter->can;
}

/* The registry: made from adapters/meson.build. */
extern const struct qg_adapter *const qg_adapters[]; /* ends with NULL */
/* NULL if this build has none of that name. */
const struct qg_adapter *qg_adapter_find(const char *name);
/* "web, feishu": for messages. */
const char *qg_adapter_names(void);
/* Asserts the mandatory members of all; called at start and by the contract tests. */
void qg_adapters_check(void);
/* Scripts the platforms run on bot->redis: for qg_redis_options, ends with NULL. */
struct qg_redis_script;
extern const struct qg_redis_script *const qg_adapter_scripts[];

/* Splits a long markdown text at paragraph, sentence, line, then code-point borders into parts of at most limit
 * bytes, closing and reopening code fences. Nothing but these fences is added and no byte is dropped. limit: at
 * least QG_SPLIT_MIN. Appends to parts (JSON array of strings); QG_OK or QG_NO_MEMORY, then parts is as before. */
#define QG_SPLIT_MIN 16
QG_MUST_CHECK enum qg_status qg_split(const char *text, size_t size, size_t limit, json_t *parts);
/* The marks that close a code fence which is open at the end of text; "" if none is, or one of over 16 marks. */
void qg_fence_end(const char *text, size_t size, char out[17]);

#endif
