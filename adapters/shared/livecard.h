/* livecard.h - cards that fill while a model speaks: which replies of a bot have one (livecards.c), the life of one
 * (livecard.c), and what Redis knows of it, so that whoever owns the bot next goes on with it (livecard_rows.c).
 *
 * A platform brings its calls (struct qg_livecard_platform) and a struct that begins with struct qg_livecard. One call of
 * a card is in flight at a time, and the newest snapshot wins. */
#ifndef QG_ADAPTERS_SHARED_LIVECARD_H
#define QG_ADAPTERS_SHARED_LIVECARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/adapter.h"
#include "qg/list.h"
#include "qg/redis.h"

#define QG_LIVECARDS_IDLE_MS 180000    /* without a draft or an answer a card is ended */
#define QG_LIVECARDS_PATIENCE_MS 10000 /* an answer that would wait longer goes as a message */
#define QG_LIVECARDS_SHORT_PERCENT 80  /* of the month's calls: from here on cards are rarer */
#define QG_LIVECARD_ID_SIZE 33	       /* of a reply, 32 hex digits and the NUL */
#define QG_LIVECARD_NUMBERS 64	       /* of its frames are reserved at a time */
#define QG_LIVECARD_NAME_MAX 300       /* bytes of what Redis keeps for the platform */

struct qg_livecard;
struct qg_livecards;

/* ---- livecard_rows.c: what Redis knows ---- */

enum qg_livecard_row {
	QG_LIVECARD_NEW,   /* made by this very call */
	QG_LIVECARD_OPEN,  /* it may have been made */
	QG_LIVECARD_GIVEN, /* the same, but its answer goes as a message: it will only be ended */
	QG_LIVECARD_DONE,  /* its end landed */
	QG_LIVECARD_LEFT,  /* it was ended without its answer, or never came about */
};
struct qg_livecard_state { /* borrowed */
	enum qg_livecard_row row;
	unsigned number;  /* the last one that somebody reserved before us */
	const char *text; /* what it shows */
	const char *name; /* what the platform calls it; "" while it is not known to be made */
};
#define QG_LIVECARD_ROWS_MOST 200 /* of a list; the oldest first */
struct qg_livecard_rows;
typedef void (*qg_livecard_row_fn)(
	void *arg, enum qg_status status, const struct qg_livecard_state *state);

struct qg_livecard_rows *qg_livecard_rows_create(struct qg_bot *bot);
/* Nobody is told any more. Accepts NULL. */
void qg_livecard_rows_destroy(struct qg_livecard_rows *rows);
/* Of all below: fn once, unless forgotten; from inside only where it cannot even be asked (no memory, no Redis). */
void qg_livecard_rows_forget(struct qg_livecard_rows *rows, void *arg);
/* Opens it, or says what became of it. QG_LIVECARD_NUMBERS behind state->number are the asker's. */
void qg_livecard_rows_open(
	struct qg_livecard_rows *rows, const char *reply, qg_livecard_row_fn fn, void *arg);
/* The same, but where there is none its answer goes as a message: noted as left, so that no late snapshot opens one. */
void qg_livecard_rows_pass(
	struct qg_livecard_rows *rows, const char *reply, qg_livecard_row_fn fn, void *arg);
/* QG_LIVECARD_NUMBERS more; last: what the asker has used. */
void qg_livecard_rows_reserve(struct qg_livecard_rows *rows, const char *reply, unsigned last,
	qg_livecard_row_fn fn, void *arg);
/* It gets no answer any more: that goes as a message, now or when it is repeated. */
void qg_livecard_rows_give(
	struct qg_livecard_rows *rows, const char *reply, qg_livecard_row_fn fn, void *arg);
/* What the platform calls it; fn may be NULL, and hears what holds: another's, where this one is not that made longer. */
void qg_livecard_rows_name(struct qg_livecard_rows *rows, const char *reply, const char *name,
	qg_livecard_row_fn fn, void *arg);
void qg_livecard_rows_end(struct qg_livecard_rows *rows, const char *reply, bool is_done,
	qg_livecard_row_fn fn, void *arg);
/* What is about to be shown as that number; nobody waits for it. */
void qg_livecard_rows_show(
	struct qg_livecard_rows *rows, const char *reply, unsigned number, const char *text);
/* What it ended as, for who changes it later; nobody waits for it. */
void qg_livecard_rows_keep(
	struct qg_livecard_rows *rows, const char *reply, const char *last, const char *name);
/* That, as text ("" where nothing was kept), its name, and a block of numbers. */
void qg_livecard_rows_kept(
	struct qg_livecard_rows *rows, const char *reply, qg_livecard_row_fn fn, void *arg);
/* each() for all that are open, then told(). false: cannot be asked now. */
bool qg_livecard_rows_list(struct qg_livecard_rows *rows,
	void (*each)(void *arg, const char *reply, int64_t at),
	void (*told)(void *arg, enum qg_status status), void *arg);

extern const struct qg_redis_script qg_livecard_script;

/* ---- what a platform brings ---- */

struct qg_livecard_answer { /* of a call, as it concerns a card; borrowed */
	enum qg_status status;
	unsigned retry_ms;
	const char *code; /* for logs */
	bool sent;	  /* it may have taken effect */
	bool missing;	  /* there is no such card any more */
	bool too_large;
};

struct qg_livecard_platform { /* static const */
	const char *name;     /* in logs */
	size_t card_size;     /* of its struct, zeroed but for the first member */
	bool is_for_new;      /* an answer that nobody saw being made is worth a card, too */
	/* Each begins one step of a card, which ends with qg_livecard_rest() (or what judges an answer), never from inside;
	 * false: none began, what was to be said about it is said. */
	bool (*make)(struct qg_livecard *card);
	bool (*show)(struct qg_livecard *card);
	bool (*end)(struct qg_livecard *card);	    /* with its answer */
	bool (*farewell)(struct qg_livecard *card); /* without, with card->farewell */
	/* What stands behind the end, without a number; NULL: nothing. */
	bool (*complete)(struct qg_livecard *card);
	/* It does not take what it was given, and no wait helps: whether others would. */
	void (*refused)(struct qg_livecard *card, const struct qg_livecard_answer *answer);
	/* Where it goes, and whom it calls there (NULL: nobody); again is no harm. false: nowhere a card can go, or no
	 * memory. */
	bool (*place)(
		struct qg_livecard *card, const char *chat, const char *handle, const char *whom);
	/* Optional: what Redis knows of a card that somebody else opened; may correct made, unsure and dead. */
	void (*recall)(struct qg_livecard *card, const char *name);
	/* No call of its comes back any more, and its own members go. */
	void (*finish)(struct qg_livecard *card);
	/* of core */
	unsigned (*used)(const void *core);		  /* per cent of the month's calls */
	void (*post)(void *core, struct qg_reply *reply); /* as a message */
	void (*sent)(void *core, struct qg_reply *reply, enum qg_status status, unsigned retry_ms);
	char *(*words)(const void *core, const char *key);
	void (*wake)(void *core); /* the end of a stop is to be looked at */
};

/* ---- livecards.c: all of a bot ---- */

struct qg_livecards {
	const struct qg_livecard_platform *platform;
	void *core; /* the platform's */
	struct qg_bot *bot;
	struct qg_livecard_rows *rows;
	struct qg_list list;
	size_t count;
	struct qg_timer *timer;
	uint64_t pause_until; /* a rate was exceeded: all wait */
	uint64_t off_until;   /* refused: messages instead */
	bool off;	      /* ... until the config changes or the program starts anew */
	bool stopping, must_list, is_listing;
	uint64_t list_at; /* not before; for must_list */
	size_t listed;	  /* cards that the last list told of */
};

/* For a bot with a Redis. NULL for no memory. */
struct qg_livecards *qg_livecards_create(
	const struct qg_livecard_platform *platform, void *core, struct qg_bot *bot);
/* Nothing comes back; replies stay the platform's. Accepts NULL. */
void qg_livecards_destroy(struct qg_livecards *cards);
/* false: it shows none of it. */
bool qg_livecards_draft(struct qg_livecards *cards, const struct qg_draft *draft);
/* Finishes, or makes and finishes, the card of this reply, or posts it, and says so by sent(); false: there is surely no
 * card for it. */
bool qg_livecards_send(struct qg_livecards *cards, struct qg_reply *reply);
/* Those that a former owner left open are gone on with, or ended. */
void qg_livecards_recover(struct qg_livecards *cards);
/* At a stop: false while something is on its way. Cards without an answer stay open for who owns the bot next. */
bool qg_livecards_stop(struct qg_livecards *cards);
/* Something changed: all cards are looked at, later, on the loop. */
void qg_livecards_wake(struct qg_livecards *cards);
/* Redis could not say what is open: it is asked again, a little later. */
void qg_livecards_list_again(struct qg_livecards *cards);
/* Cards are refused; words: for an admin. for_good: no wait helps. */
void qg_livecards_refused(
	struct qg_livecards *cards, bool for_good, const char *words, const char *code);
/* Whether this process owns the bot, as far as it can know: else the next owner goes on with its cards, and no step of
 * one begins here. */
bool qg_livecards_may_show(const struct qg_livecards *cards);
/* Whether an answer that nobody saw being made may become one. */
bool qg_livecards_take_new(const struct qg_livecards *cards);

/* ---- livecard.c: one ---- */

enum qg_livecard_flight {
	QG_LIVECARD_RESTS,
	QG_LIVECARD_ASKS,     /* Redis, what became of it before */
	QG_LIVECARD_RESERVES, /* Redis, more numbers */
	QG_LIVECARD_GIVES,    /* Redis hears that its answer goes as a message */
	QG_LIVECARD_MAKES,
	QG_LIVECARD_SHOWS,
	QG_LIVECARD_ENDS,
	QG_LIVECARD_COMPLETES,
	QG_LIVECARD_CLOSES, /* Redis hears of the end */
};

struct qg_livecard {
	struct qg_list item;
	struct qg_livecards *cards;
	char id[QG_LIVECARD_ID_SIZE]; /* of the reply */
	enum qg_livecard_flight flight;
	bool made, unsure; /* unsure: a former owner may have made it */
	bool dead;	   /* takes no answer: it goes as a message */
	bool full;	   /* takes no more snapshots, but an end */
	bool partial;	   /* the platform may have less than `shown` */
	bool given;	   /* Redis knows that its answer goes as a message */
	bool leaving;	   /* ended without its answer, saying ... */
	const char *farewell;
	bool ended, completed; /* the end landed; what stands behind it is set */
	char *text;	       /* newest snapshot as the worker wrote it; NULL for none */
	int64_t sequence;
	bool dirty;
	char *shown, *flying; /* what landed, or Redis told of; what the call under way brings */
	unsigned number, reserved; /* the last used, the last that may be */
	uint64_t heard_at, next_at, wait_until;
	struct qg_reply *reply; /* the platform's: its answer */
	unsigned tries;
};

/* NULL for no memory. */
struct qg_livecard *qg_livecard_create(struct qg_livecards *cards, const char *reply);
/* The reply stays the platform's; nothing comes back. */
void qg_livecard_destroy(struct qg_livecard *card);
/* Asks Redis what is known of it; may_make: and opens it where there is none. The card may be gone after this, and after
 * all below. */
void qg_livecard_ask(struct qg_livecard *card, bool may_make);
/* Does what is due, if nothing is on its way. */
void qg_livecard_pump(struct qg_livecard *card);
/* When pump is to be called next; UINT64_MAX: something is on its way. */
uint64_t qg_livecard_due(const struct qg_livecard *card);
/* It will be ended without its answer, with words of this key. */
void qg_livecard_leave(struct qg_livecard *card, const char *farewell);

/* ---- for the platform's steps ---- */

/* The next number, of which QG_LIVECARD_STEP may be used by one step. */
#define QG_LIVECARD_STEP 8
unsigned qg_livecard_number(struct qg_livecard *card);
/* Notes what is about to be shown as that number; in Redis already, for whoever comes after us. Takes text. */
void qg_livecard_note(struct qg_livecard *card, char *text, unsigned number);
/* A step is over. */
void qg_livecard_rest(struct qg_livecard *card);
/* None begins before that. */
void qg_livecard_wait(struct qg_livecard *card, uint64_t ms);
/* How its reply ended, if it has one. */
void qg_livecard_tell(struct qg_livecard *card, enum qg_status status, unsigned retry_ms);
/* What was noted is shown. */
void qg_livecard_landed(struct qg_livecard *card);
/* It does not take this: its answer goes as a message. */
void qg_livecard_refuse(struct qg_livecard *card, const struct qg_livecard_answer *answer);
/* true: the same step again, later. */
bool qg_livecard_again(struct qg_livecard *card, const struct qg_livecard_answer *answer);
/* Judge the answer to a snapshot, and to an end of either kind. */
void qg_livecard_showed(struct qg_livecard *card, const struct qg_livecard_answer *answer);
void qg_livecard_ended(struct qg_livecard *card, const struct qg_livecard_answer *answer);
/* A log line of what a call was to do and did not. */
void qg_livecard_log(
	const struct qg_livecard *card, const char *what, const char *code, enum qg_status status);
/* What the card shows and the words of its farewell below; yours to free, NULL for no memory. */
char *qg_livecard_farewell(const struct qg_livecard *card);

#endif
