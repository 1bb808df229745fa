/* cards.h - what the files of a bot's cards share: which it has (cards.c), their calls (card_calls.c), their JSON
 * (card_bodies.c), their buttons (clicks.c). The life of one that fills is livecard.h's. */
#ifndef QG_FEISHU_CARDS_H
#define QG_FEISHU_CARDS_H

#include <jansson.h>

#include "feishu.h"
#include "livecard.h"

#define FEISHU_CARD_MOST (28 * 1024) /* bytes of a card's JSON: the platform refuses 30 KB */
#define FEISHU_TABLES_MOST 3	     /* what all clients show; further ones become code */
#define FEISHU_CARD_ID_SIZE 65
#define FEISHU_BUTTONS_MOST 6

/* ---- card_bodies.c: JSON of cards and of calls; new references, NULL for no memory ---- */

struct feishu_layout {	    /* borrowed */
	const char *text;   /* as feishu_card_text() made it */
	const char *whom;   /* open_id that it calls, or NULL */
	const char *source; /* small, below the text; or NULL */
	const char *line;   /* the same, below that: label, footnote */
	json_t *buttons;    /* rows of them as feishu_card_buttons() made them, or NULL */
	const char *title;  /* for the list of chats, where text has none */
	bool streaming;
};
/* Markdown as a card may hold it, cut to whole characters at that many bytes (0: whole): it calls nobody, shows no foreign
 * picture, and only as many tables as clients do. Yours to free, NULL for no memory. */
char *feishu_card_text(const char *text, size_t most);
json_t *feishu_card_json(const struct feishu_layout *layout);
/* {"card":{...},"sequence","uuid"} and the like: text for a request, yours to free. */
char *feishu_card_make_body(const json_t *card);
char *feishu_card_content_body(const char *text, unsigned sequence, const char *uuid);
char *feishu_card_settings_body(
	bool streaming, const char *summary, unsigned sequence, const char *uuid);
char *feishu_card_put_body(const json_t *card, unsigned sequence, const char *uuid);
/* A message that holds the card made before, or this one. chat: NULL for a reply. */
char *feishu_card_message_body(
	const char *card_id, const json_t *card, const char *chat, const char *uuid);
/* Changes a card that was kept: words stand where its buttons stood. false: it had none. */
bool feishu_card_choose(json_t *card, const char *words);
/* The one line that the list of chats shows; yours to free. */
char *feishu_card_summary(const char *text, const char *otherwise);
/* An open_id that may stand in a mention. */
bool feishu_is_person(const char *id);

/* ---- cards.c ---- */

struct feishu_cards { /* core->cards */
	struct feishu_core *core;
	struct qg_livecards *live; /* NULL without a Redis */
	struct qg_list inlines;	   /* cards that are one message each, on their way */
	struct qg_list presses;	   /* clicks.c */
};

struct feishu_card {
	struct qg_livecard live;
	char *chat, *handle; /* where it goes; handle may be NULL */
	char *whom; /* open_id of the asker, called from the first words on; NULL: nobody, or not known */
	char card_id[FEISHU_CARD_ID_SIZE], message_id[FEISHU_CARD_ID_SIZE];
	uint64_t opened_at; /* streaming, monotonic ms; 0: not known */
	bool is_plain;	    /* streaming is over for it: shown by putting the whole card */
	bool reopened;	    /* in this step */
	unsigned odd;	    /* refusals in a row that one more try is allowed to cure */
	char *text;	    /* what the step under way brings, as the card shows it */
	json_t *last;	    /* the whole card that it brings */
	struct feishu_call *call;
};

/* Made at first use; NULL for no memory. */
struct feishu_cards *feishu_cards_get(struct feishu_core *core);
/* The whole card of a reply; new reference, NULL for no memory. */
json_t *feishu_cards_layout(const struct feishu_core *core, const struct qg_reply *reply);
/* "/open-apis/im/v1/messages/..." for a card in place or into the chat; yours to free. */
char *feishu_cards_path(const char *chat, const char *handle);
bool feishu_cards_is_last(const struct qg_reply *reply);

/* ---- card_calls.c: the steps of struct qg_livecard_platform ---- */

bool feishu_card_make(struct qg_livecard *live);
bool feishu_card_show(struct qg_livecard *live);
bool feishu_card_end(struct qg_livecard *live);

/* ---- card_verdict.c ---- */

#define FEISHU_CODE_SIZE 360

struct feishu_card_verdict {
	struct qg_livecard_answer said; /* only ever handed on as a part of this */
	bool closed;			/* it does not stream any more */
	bool is_scope;			/* cards need one that the app has not */
	bool is_app;			/* it would refuse all others as well */
	bool is_content;		/* this text alone */
	char code[FEISHU_CODE_SIZE];
};
/* Counts what is odd in card. */
void feishu_card_judge(struct feishu_card *card, const struct feishu_answer *answer,
	struct feishu_card_verdict *out);
void feishu_card_refused(struct qg_livecard *live, const struct qg_livecard_answer *answer);

/* ---- clicks.c ---- */

/* Rows of buttons for a card's elements; new reference, NULL for none or no memory. */
json_t *feishu_card_buttons(const struct feishu_core *core, const struct qg_reply *reply);
/* Nobody is told any more. */
void feishu_clicks_finish(struct feishu_cards *cards);

#endif
