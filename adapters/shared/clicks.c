/* clicks.c - see clicks.h. */
#include "clicks.h"

#include <string.h>

#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/str.h"

#define CHOSEN_MOST 60 /* bytes */

struct qg_message *qg_click_message(const struct qg_click *click)
{
	struct qg_message *message = qg_message_create();
	if (!message) {
		return NULL;
	}
	char id[33];
	qg_digest_id(id, "click", click->card, click->button, NULL);
	message->kind = QG_MESSAGE_CLICK;
	message->chat_type = click->type;
	message->mentions_bot = true;
	message->sent_at = qg_clock_wall();
	message->received_us = click->received_us;
	message->id = qg_str_copy(id);
	message->chat = qg_str_copy(click->chat);
	message->sender = qg_str_copy(click->person);
	message->text = qg_str_copy(click->says);
	message->handle = qg_str_copy(click->handle);
	if (!message->id || !message->chat || !message->sender || !message->text ||
		!message->handle) {
		qg_message_destroy(message);
		return NULL;
	}
	return message;
}

const char *qg_click_words(enum qg_status stored)
{
	switch (stored) {
	case QG_OK:
		return "click_taken";
	case QG_DUPLICATE:
		return "click_again";
	case QG_FULL:
		return "full";
	case QG_EMPTY: /* nobody answers in that chat */
	case QG_INVALID:
	case QG_TOO_LARGE:
		return "click_late";
	default: /* perhaps it is stored yet: then the next press is told so */
		return "click_retry";
	}
}

char *qg_click_choice(const char *words, const char *chosen)
{
	return words ? qg_str_printf("%s%.*s", words,
			       (int)qg_utf8_cut(chosen, strlen(chosen), CHOSEN_MOST), chosen)
		     : NULL;
}
