/* clicks.h - presses of buttons on cards, as far as every platform takes them alike: what one becomes, and what is said of it.
 * How a button's own text looks, and how a press is answered, is each platform's. */
#ifndef QG_ADAPTERS_SHARED_CLICKS_H
#define QG_ADAPTERS_SHARED_CLICKS_H

#include <stdint.h>

#include "qg/message.h"
#include "qg/status.h"

struct qg_click { /* borrowed */
	const char *card,
		*button; /* the id derives from these: a second press, of whomever and wherever
				      heard, is a duplicate to the store */
	enum qg_chat_type type;
	const char *chat, *person, *says, *handle;
	uint64_t received_us;
};
/* NULL for no memory. */
struct qg_message *qg_click_message(const struct qg_click *click);

/* The sentence that answers a press whose storing ended so: a key of templates/words.*.yaml. */
const char *qg_click_words(enum qg_status stored);
/* words and, behind them, what was chosen as far as a card repeats it; yours to free. words may be NULL: NULL. */
char *qg_click_choice(const char *words, const char *chosen);

#endif
