/* cards.h - a bot's AI cards: what cards.c, card_calls.c and clicks.c share. The life of a card is livecard.h's. */
#ifndef QG_DINGTALK_CARDS_H
#define QG_DINGTALK_CARDS_H

#include "livecard.h"
#include "out.h"

struct dingtalk_cards { /* core->cards */
	struct qg_livecards *live;
	unsigned undelivered; /* in a row */
};

struct dingtalk_card {
	struct qg_livecard live;
	char track[DINGTALK_TRACK_SIZE];
	bool has_buttons; /* since it was made */
	/* where it goes; empty where only Redis told of it so far */
	char *chat;
	enum qg_chat_type type;
	struct dingtalk_handle handle;
};

/* Made at first use; NULL where the bot has none, or for no memory. */
struct dingtalk_cards *dingtalk_cards_get(struct dingtalk_core *core);
struct dingtalk_core *dingtalk_card_core(const struct dingtalk_card *card);

/* ---- card_calls.c: the steps of struct qg_livecard_platform, each one call ---- */

bool dingtalk_card_make_it(struct qg_livecard *live);
bool dingtalk_card_show(struct qg_livecard *live);
bool dingtalk_card_end(struct qg_livecard *live);
bool dingtalk_card_farewell(struct qg_livecard *live);
/* What stands behind the end: buttons, and the state of templates that keep their own. */
bool dingtalk_card_complete(struct qg_livecard *live);
void dingtalk_card_refused(struct qg_livecard *live, const struct qg_livecard_answer *answer);

#endif
