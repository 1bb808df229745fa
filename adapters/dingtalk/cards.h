/* cards.h - a bot's AI cards (cards.c), and one of them (card.c). */
#ifndef QG_DINGTALK_CARDS_H
#define QG_DINGTALK_CARDS_H

#include "out.h"

#define DINGTALK_CARDS_IDLE_MS 180000 /* without a draft or an answer a card is ended */

#define DINGTALK_PATIENCE_MS 10000 /* an answer that would wait longer goes as a message */
#define DINGTALK_CLICKS_MOST 64

enum dingtalk_card_flight {
	DINGTALK_CARD_RESTS,
	DINGTALK_CARD_ASKS, /* Redis, what became of it before */
	DINGTALK_CARD_MAKES,
	DINGTALK_CARD_SHOWS,
	DINGTALK_CARD_ENDS,
	DINGTALK_CARD_UPDATES,
	DINGTALK_CARD_CLOSES, /* Redis hears of the end */
};

struct dingtalk_cards { /* core->cards */
	struct dingtalk_core *core;
	struct dingtalk_rows *rows;
	struct qg_list list;
	size_t count;
	struct qg_timer *timer;
	uint64_t pause_until; /* a rate was exceeded: all wait */
	uint64_t off_until;   /* refused: messages instead */
	bool off;	      /* ... until the config changes or the program starts anew */
	unsigned undelivered; /* in a row */
	bool stopping, must_list, is_listing;
	uint64_t list_at;			/* not before; for must_list */
	size_t listed;				/* cards that the last list told of */
	char clicked[DINGTALK_CLICKS_MOST][33]; /* presses that were taken, as digests */
	unsigned clicked_next;
};

struct dingtalk_card {
	struct qg_list item;
	struct dingtalk_cards *cards;
	char id[33], track[DINGTALK_TRACK_SIZE]; /* of the reply; of the card */
	enum dingtalk_card_flight flight;
	bool made, unsure; /* unsure: a former owner may have made it */
	bool dead;	   /* takes no answer: it goes as a message */
	bool full;	   /* takes no more snapshots, but an end */
	bool partial;	   /* the platform may have less than `shown` */
	bool leaving;	   /* ended without its answer, saying ... */
	const char *farewell;
	bool has_buttons;    /* since it was made */
	bool ended, updated; /* the end landed; what stands behind it is set */
	/* where it goes; empty where only Redis told of it so far */
	char *chat;
	enum qg_chat_type type;
	struct dingtalk_handle handle;
	/* what it shows */
	char *text; /* newest snapshot as the worker wrote it; NULL for none */
	int64_t sequence;
	bool dirty;
	char *shown, *flying; /* what landed, or Redis told of; what the call under way brings */
	unsigned frame;
	uint64_t heard_at, next_at, wait_until;
	struct qg_reply *reply; /* dingtalk.c's: its answer */
	unsigned tries;
};

/* ---- card.c ---- */

/* NULL for no memory. */
struct dingtalk_card *dingtalk_card_create(struct dingtalk_cards *cards, const char *reply);
/* The reply stays dingtalk.c's; nothing comes back. */
void dingtalk_card_destroy(struct dingtalk_card *card);
/* Asks Redis what is known of it. The card may be gone after this, and after all below. */
void dingtalk_card_ask(struct dingtalk_card *card);
/* Does what is due, if nothing is on its way. */
void dingtalk_card_pump(struct dingtalk_card *card);
/* When pump is to be called next; UINT64_MAX: something is on its way. */
uint64_t dingtalk_card_due(const struct dingtalk_card *card);

struct dingtalk_core *dingtalk_card_core(const struct dingtalk_card *card);
/* How its reply ended, if it has one. */
void dingtalk_card_tell(struct dingtalk_card *card, enum qg_status status, unsigned retry_ms);
/* It will be ended without its answer, with words of this key. */
void dingtalk_card_leave(struct dingtalk_card *card, const char *farewell);
/* Its row is told the end, then the card is gone. is_done: it holds its answer. */
void dingtalk_card_close(struct dingtalk_card *card, bool is_done);

/* ---- card_calls.c: each begins one call ---- */

void dingtalk_card_make_it(struct dingtalk_card *card);
void dingtalk_card_show(struct dingtalk_card *card);
void dingtalk_card_end(struct dingtalk_card *card);
void dingtalk_card_farewell(struct dingtalk_card *card);
/* What stands behind the end: buttons, and the state of templates that keep their own. */
void dingtalk_card_complete(struct dingtalk_card *card);

/* ---- cards.c ---- */

/* Made at first use; NULL where the bot has none, or for no memory. */
struct dingtalk_cards *dingtalk_cards_get(struct dingtalk_core *core);
/* Whether an answer that nobody saw being made may become one. */
bool dingtalk_cards_take_new(const struct dingtalk_cards *cards);
/* Something changed: all cards are looked at, later, on the loop. */
void dingtalk_cards_wake(struct dingtalk_cards *cards);
/* Redis could not say what is open: it is asked again, a little later. */
void dingtalk_cards_list_again(struct dingtalk_cards *cards);
/* Cards are refused; words: for an admin. for_good: no wait helps. */
void dingtalk_cards_refused(
	struct dingtalk_cards *cards, bool for_good, const char *words, const char *code);

#endif
