/* card.c - one AI card: its life, and what is due in it.
 *
 * One call is in flight at a time, and the newest snapshot wins. Its name and the names of its frames derive from the
 * reply, so that a call made twice, by whomever, shows once. A card that shows something is ended whatever becomes of its
 * answer: an open one turns its wheel for ever. What is refused as a card goes as a message. */
#include "cards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/log.h"
#include "qg/str.h"

#define NOTE_AGAIN_MS 10000
#define FRAMES_APART 16 /* a former owner may have sent frames that Redis has not heard of */

struct dingtalk_core *dingtalk_card_core(const struct dingtalk_card *card)
{
	return card->cards->core;
}

/* ---- life ---- */

struct dingtalk_card *dingtalk_card_create(struct dingtalk_cards *cards, const char *reply)
{
	struct dingtalk_card *card = calloc(1, sizeof(*card));
	if (!card) {
		return NULL;
	}
	card->cards = cards;
	card->heard_at = qg_clock_mono();
	card->farewell = "interrupted";
	snprintf(card->id, sizeof(card->id), "%s", reply);
	qg_digest_id(card->track, reply, "card", NULL);
	qg_list_add(&cards->list, &card->item);
	cards->count++;
	return card;
}

void dingtalk_card_destroy(struct dingtalk_card *card)
{
	if (!card) {
		return;
	}
	struct dingtalk_core *core = dingtalk_card_core(card);
	qg_list_remove(&card->item);
	card->cards->count--;
	dingtalk_rows_forget(card->cards->rows, card);
	dingtalk_forget(core, card);
	dingtalk_handle_finish(&card->handle);
	free(card->chat);
	free(card->text);
	free(card->shown);
	free(card->flying);
	free(card);
}

static void gone(struct dingtalk_card *card)
{
	struct dingtalk_cards *cards = card->cards;
	dingtalk_card_destroy(card);
	dingtalk_cards_wake(cards);
}

void dingtalk_card_tell(struct dingtalk_card *card, enum qg_status status, unsigned retry_ms)
{
	struct qg_reply *reply = card->reply;
	card->reply = NULL;
	card->tries = 0;
	card->heard_at = qg_clock_mono();
	if (reply) {
		dingtalk_core_sent(dingtalk_card_core(card), reply, status, retry_ms);
	}
}

void dingtalk_card_leave(struct dingtalk_card *card, const char *farewell)
{
	card->leaving = true;
	card->dirty = false;
	card->farewell = farewell;
	card->tries = 0;
	card->wait_until = 0;
}

/* Its answer goes as a message; the card says so. */
static void hand_over(struct dingtalk_card *card)
{
	struct qg_reply *reply = card->reply;
	card->reply = NULL;
	dingtalk_card_leave(card, "see_below");
	dingtalk_send(dingtalk_card_core(card), reply);
}

/* ---- what Redis knows ---- */

static void row_known(void *arg, enum qg_status status, const struct dingtalk_row_state *state)
{
	struct dingtalk_card *card = arg;
	card->flight = DINGTALK_CARD_RESTS;
	if (status != QG_OK) {
		dingtalk_card_tell(card, status == QG_CANCELLED ? QG_CANCELLED : QG_AWAY, 0);
		dingtalk_cards_list_again(card->cards); /* it may be one that nobody else ends */
		gone(card);
		return;
	}
	if (state->row == DINGTALK_ROW_DONE || state->row == DINGTALK_ROW_LEFT) {
		if (card->reply && state->row == DINGTALK_ROW_LEFT) {
			struct qg_reply *reply = card->reply;
			card->reply = NULL;
			dingtalk_send(dingtalk_card_core(card), reply);
		}
		dingtalk_card_tell(card, QG_OK, 0); /* an earlier try landed */
		gone(card);
		return;
	}
	if (state->row == DINGTALK_ROW_OPEN) {
		card->made = state->made;
		card->unsure = !state->made;
		card->frame = state->frame + FRAMES_APART;
		card->partial = true; /* noted before it left */
		card->shown = state->text[0] ? qg_str_copy(state->text) : NULL;
	}
	/* asked only because it is a repeat, and there is none to go on with */
	card->dead = state->row == DINGTALK_ROW_NEW && card->reply &&
		     !dingtalk_cards_take_new(card->cards);
	dingtalk_card_pump(card);
}

void dingtalk_card_ask(struct dingtalk_card *card)
{
	card->flight = DINGTALK_CARD_ASKS;
	dingtalk_rows_open(card->cards->rows, card->id, row_known, card);
}

static void row_closed(void *arg, enum qg_status status, const struct dingtalk_row_state *state)
{
	struct dingtalk_card *card = arg;
	(void)state;
	dingtalk_card_tell(card, QG_OK, 0);
	if (status == QG_OK || status == QG_CANCELLED) {
		gone(card);
		return;
	}
	/* Else whoever comes next would end it once more, over its answer. */
	qg_log_info(dingtalk_card_core(card)->bot->name,
		"dingtalk: the end of a card was not noted: %s", qg_status_text(status));
	card->flight = DINGTALK_CARD_RESTS;
	card->wait_until = qg_clock_mono() + NOTE_AGAIN_MS;
	dingtalk_cards_wake(card->cards);
}

/* is_done: it holds its answer. */
void dingtalk_card_close(struct dingtalk_card *card, bool is_done)
{
	card->flight = DINGTALK_CARD_CLOSES;
	dingtalk_rows_end(card->cards->rows, card->id, is_done, row_closed, card);
}

/* ---- what is due ---- */

static bool must_wait(const struct dingtalk_card *card, uint64_t now)
{
	return now < card->wait_until || now < card->cards->pause_until;
}

/* Its answer goes as a message, and need not wait for cards. */
static bool is_handed_over(const struct dingtalk_card *card, uint64_t now)
{
	return card->reply && !card->ended &&
	       (card->dead || card->cards->pause_until > now + DINGTALK_PATIENCE_MS);
}

static void pump_answer(struct dingtalk_card *card)
{
	if (!card->made) {
		dingtalk_card_make_it(card);
	} else {
		dingtalk_card_end(card);
	}
}

static void pump_farewell(struct dingtalk_card *card)
{
	if (!card->made && !card->unsure) {
		dingtalk_card_close(card, false);
	} else {
		dingtalk_card_farewell(card);
	}
}

void dingtalk_card_pump(struct dingtalk_card *card)
{
	uint64_t now = qg_clock_mono();
	dingtalk_cards_wake(card->cards); /* sets the clock for what comes next */
	if (card->flight != DINGTALK_CARD_RESTS) {
		return;
	}
	bool is_idle = !card->reply && now - card->heard_at >= DINGTALK_CARDS_IDLE_MS;
	if (is_idle && !card->leaving && !card->ended) {
		dingtalk_card_leave(card, "interrupted");
	}
	if (card->ended && !card->updated) {
		dingtalk_card_complete(card);
	} else if (card->ended) {
		dingtalk_card_close(card, !card->leaving);
	} else if (is_handed_over(card, now)) {
		hand_over(card);
		dingtalk_card_pump(card);
	} else if (must_wait(card, now)) {
		return;
	} else if (card->reply) {
		pump_answer(card);
	} else if (card->leaving) {
		pump_farewell(card);
	} else if (card->dirty && !card->dead && !card->full && now >= card->next_at &&
		   !card->cards->stopping && card->chat) {
		if (card->made) {
			dingtalk_card_show(card);
		} else {
			dingtalk_card_make_it(card);
		}
	}
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t dingtalk_card_due(const struct dingtalk_card *card)
{
	if (card->flight != DINGTALK_CARD_RESTS) {
		return UINT64_MAX;
	}
	if (is_handed_over(card, qg_clock_mono())) {
		return 0;
	}
	uint64_t held = later_of(card->wait_until, card->cards->pause_until);
	if (card->reply || card->leaving || card->ended) {
		return held;
	}
	uint64_t idle = card->heard_at + DINGTALK_CARDS_IDLE_MS;
	bool is_live =
		card->dirty && !card->dead && !card->full && !card->cards->stopping && card->chat;
	uint64_t next = later_of(held, card->next_at);
	return is_live && next < idle ? next : idle;
}
