/* livecard.c - one filling card: its life, what is due in it, and what an answer of the platform does to it.
 *
 * One step is under way at a time, and the newest snapshot wins. A card that shows something is ended whatever becomes of
 * its answer: an open one turns its wheel for ever. A refusal that only waiting cures is waited for, a little; any other
 * makes the card dead, and its answer a message. The end of a card is tried longest of all. */
#include "livecard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

#define NOTE_AGAIN_MS 1000
#define RESERVE_AGAIN_MS 1000
#define FENCED_MS 1000 /* between two looks whether the bot is ours again */
#define PAUSE_MS 2000  /* of all cards, after a rate was exceeded */
#define TRIES_MOST 4
#define FAREWELLS_MOST 8
#define SMALL 1024 /* bytes: too large although it is not: smaller parts would end nowhere */

static const struct qg_livecard_platform *platform_of(const struct qg_livecard *card)
{
	return card->cards->platform;
}

/* ---- life ---- */

struct qg_livecard *qg_livecard_create(struct qg_livecards *cards, const char *reply)
{
	struct qg_livecard *card = calloc(1, cards->platform->card_size);
	if (!card) {
		return NULL;
	}
	card->cards = cards;
	card->heard_at = qg_clock_mono();
	card->farewell = "interrupted";
	snprintf(card->id, sizeof(card->id), "%s", reply);
	qg_list_add(&cards->list, &card->item);
	cards->count++;
	return card;
}

void qg_livecard_destroy(struct qg_livecard *card)
{
	if (!card) {
		return;
	}
	qg_list_remove(&card->item);
	card->cards->count--;
	qg_livecard_rows_forget(card->cards->rows, card);
	platform_of(card)->finish(card);
	free(card->text);
	free(card->shown);
	free(card->flying);
	free(card);
}

static void gone(struct qg_livecard *card)
{
	struct qg_livecards *cards = card->cards;
	qg_livecard_destroy(card);
	qg_livecards_wake(cards);
}

void qg_livecard_tell(struct qg_livecard *card, enum qg_status status, unsigned retry_ms)
{
	struct qg_reply *reply = card->reply;
	card->reply = NULL;
	card->tries = 0;
	card->heard_at = qg_clock_mono();
	if (reply) {
		platform_of(card)->sent(card->cards->core, reply, status, retry_ms);
	}
}

void qg_livecard_leave(struct qg_livecard *card, const char *farewell)
{
	card->leaving = true;
	card->dirty = false;
	card->farewell = farewell;
	card->tries = 0;
	card->wait_until = 0;
}

/* Nobody writes its answer into it any more, as Redis knows. */
static void give_up(struct qg_livecard *card)
{
	card->given = true;
	qg_livecard_leave(card, "see_below");
}

/* Redis may have kept us waiting for so long that another one owns the bot by now: then it goes back. */
static void post(struct qg_livecard *card)
{
	struct qg_reply *reply = card->reply;
	if (!qg_livecards_may_show(card->cards)) {
		qg_livecard_tell(card, QG_AWAY, 0);
		return;
	}
	card->reply = NULL;
	platform_of(card)->post(card->cards->core, reply);
}

/* ---- what Redis knows ---- */

static void take_over(struct qg_livecard *card, const struct qg_livecard_state *state)
{
	card->made = state->name[0] != '\0';
	card->unsure = !card->made;
	card->number = state->number;
	card->partial = true; /* noted before it left */
	card->shown = state->text[0] ? qg_str_copy(state->text) : NULL;
	if (platform_of(card)->recall) {
		platform_of(card)->recall(card, state->name);
	}
}

static void row_known(void *arg, enum qg_status status, const struct qg_livecard_state *state)
{
	struct qg_livecard *card = arg;
	card->flight = QG_LIVECARD_RESTS;
	if (status != QG_OK) {
		qg_livecard_tell(card, status == QG_CANCELLED ? QG_CANCELLED : QG_AWAY, 0);
		qg_livecards_list_again(card->cards); /* it may be one that nobody else ends */
		gone(card);
		return;
	}
	if (state->row == QG_LIVECARD_DONE || state->row == QG_LIVECARD_LEFT) {
		if (card->reply && state->row == QG_LIVECARD_LEFT) {
			post(card);
		}
		qg_livecard_tell(card, QG_OK, 0); /* an earlier try landed */
		gone(card);
		return;
	}
	if (state->row == QG_LIVECARD_OPEN || state->row == QG_LIVECARD_GIVEN) {
		take_over(card, state);
	}
	if (state->row == QG_LIVECARD_GIVEN) {
		give_up(card);
	}
	card->reserved = card->number + QG_LIVECARD_NUMBERS;
	qg_livecard_pump(card);
}

void qg_livecard_ask(struct qg_livecard *card, bool may_make)
{
	card->flight = QG_LIVECARD_ASKS;
	if (may_make) {
		qg_livecard_rows_open(card->cards->rows, card->id, row_known, card);
	} else {
		qg_livecard_rows_pass(card->cards->rows, card->id, row_known, card);
	}
}

static void row_reserved(void *arg, enum qg_status status, const struct qg_livecard_state *state)
{
	struct qg_livecard *card = arg;
	bool is_given = status == QG_OK && state->row == QG_LIVECARD_GIVEN;
	card->flight = QG_LIVECARD_RESTS;
	if (is_given && !card->given) { /* by somebody else */
		give_up(card);
	}
	if (is_given || (status == QG_OK && state->row == QG_LIVECARD_OPEN)) {
		card->number = state->number > card->number ? state->number : card->number;
		card->reserved = card->number + QG_LIVECARD_NUMBERS;
	} else if (status == QG_OK) { /* somebody else ended it */
		if (state->row == QG_LIVECARD_DONE) {
			qg_livecard_tell(card, QG_OK, 0);
		}
		card->dead = true;
		card->made = card->unsure = false;
	} else {
		qg_livecard_tell(card, status == QG_CANCELLED ? QG_CANCELLED : QG_AWAY, 0);
		qg_livecard_wait(card, RESERVE_AGAIN_MS);
	}
	qg_livecard_pump(card);
}

static void reserve(struct qg_livecard *card)
{
	card->flight = QG_LIVECARD_RESERVES;
	qg_livecard_rows_reserve(card->cards->rows, card->id, card->number, row_reserved, card);
}

static void row_given(void *arg, enum qg_status status, const struct qg_livecard_state *state)
{
	struct qg_livecard *card = arg;
	card->flight = QG_LIVECARD_RESTS;
	if (status != QG_OK) {
		qg_livecard_tell(card, status == QG_CANCELLED ? QG_CANCELLED : QG_AWAY, 0);
		qg_livecard_pump(card);
		return;
	}
	if (state->row == QG_LIVECARD_DONE) {
		qg_livecard_tell(card, QG_OK, 0); /* somebody else wrote it */
	}
	if (state->row != QG_LIVECARD_GIVEN) {
		card->made = card->unsure = false; /* ... or ended it */
	}
	give_up(card);
	qg_livecard_pump(card);
}

/* The answer of one that is left without it: a message. */
static void post_behind(
	struct qg_livecard *card, enum qg_status status, const struct qg_livecard_state *state)
{
	if (status != QG_OK) {
		qg_livecard_tell(card, status == QG_CANCELLED ? QG_CANCELLED : QG_AWAY, 0);
	} else if (state->row == QG_LIVECARD_LEFT) {
		post(card);
	}
}

static void row_closed(void *arg, enum qg_status status, const struct qg_livecard_state *state)
{
	struct qg_livecard *card = arg;
	if (card->reply && card->leaving) {
		post_behind(card, status, state);
	}
	qg_livecard_tell(card, QG_OK, 0);
	if (status == QG_OK || status == QG_CANCELLED) {
		gone(card);
		return;
	}
	/* Else whoever comes next would end it once more, over its answer. */
	qg_log_info(card->cards->bot->name, "%s: the end of a card was not noted: %s",
		platform_of(card)->name, qg_status_text(status));
	card->flight = QG_LIVECARD_RESTS;
	qg_livecard_wait(card, NOTE_AGAIN_MS);
}

/* Its row is told the end, then the card is gone. is_done: it holds its answer. */
static void close(struct qg_livecard *card, bool is_done)
{
	card->flight = QG_LIVECARD_CLOSES;
	qg_livecard_rows_end(card->cards->rows, card->id, is_done, row_closed, card);
}

/* ---- what is due ---- */

static bool must_wait(const struct qg_livecard *card, uint64_t now)
{
	return now < card->wait_until || now < card->cards->pause_until;
}

/* Its answer goes as a message, and need not wait for cards. */
static bool is_handed_over(const struct qg_livecard *card, uint64_t now)
{
	bool is_too_late = !platform_of(card)->is_for_new && !card->made &&
			   !card->unsure; /* to show it being made */
	return card->reply && !card->ended &&
	       (card->leaving || card->dead || is_too_late ||
		       card->cards->pause_until > now + QG_LIVECARDS_PATIENCE_MS);
}

static bool is_live(const struct qg_livecard *card)
{
	return card->dirty && !card->dead && !card->full && !card->cards->stopping;
}

/* Begins that step, for which there are numbers. */
static void step(struct qg_livecard *card, enum qg_livecard_flight flight)
{
	if (card->number + QG_LIVECARD_STEP > card->reserved) {
		reserve(card);
		return;
	}
	const struct qg_livecard_platform *platform = platform_of(card);
	bool (*begin)(struct qg_livecard * card) = flight == QG_LIVECARD_MAKES	 ? platform->make
						   : flight == QG_LIVECARD_SHOWS ? platform->show
						   : card->leaving ? platform->farewell
								   : platform->end;
	card->flight = flight;
	if (!begin(card)) {
		card->flight = QG_LIVECARD_RESTS;
	}
}

/* Redis hears of it before the message leaves: whoever owns the bot next would write the answer into the card as well. */
static void hand_over(struct qg_livecard *card)
{
	if (!card->made && !card->unsure) {
		qg_livecard_leave(card, "see_below");
		close(card, false);
	} else if (card->given) {
		post(card);
	} else {
		card->flight = QG_LIVECARD_GIVES;
		qg_livecard_rows_give(card->cards->rows, card->id, row_given, card);
	}
}

static void finish_end(struct qg_livecard *card)
{
	bool is_due = !card->completed && platform_of(card)->complete;
	card->completed = true;
	card->flight = QG_LIVECARD_COMPLETES;
	if (!is_due || !platform_of(card)->complete(card)) {
		close(card, !card->leaving);
	}
}

static void begin_due(struct qg_livecard *card, uint64_t now)
{
	if (must_wait(card, now)) {
		return;
	}
	if (card->reply) {
		step(card, card->made ? QG_LIVECARD_ENDS : QG_LIVECARD_MAKES);
	} else if (card->leaving && !card->made && !card->unsure) {
		close(card, false);
	} else if (card->leaving) {
		step(card, QG_LIVECARD_ENDS);
	} else if (is_live(card) && now >= card->next_at) {
		step(card, card->made ? QG_LIVECARD_SHOWS : QG_LIVECARD_MAKES);
	}
}

void qg_livecard_pump(struct qg_livecard *card)
{
	uint64_t now = qg_clock_mono();
	qg_livecards_wake(card->cards); /* sets the clock for what comes next */
	if (card->flight != QG_LIVECARD_RESTS) {
		return;
	}
	if (!card->ended && !qg_livecards_may_show(card->cards)) {
		qg_livecard_tell(card, QG_AWAY, 0);
		qg_livecard_wait(card, FENCED_MS);
		return;
	}
	bool is_idle = !card->reply && now - card->heard_at >= QG_LIVECARDS_IDLE_MS;
	if (is_idle && !card->leaving && !card->ended) {
		qg_livecard_leave(card, "interrupted");
	}
	if (is_handed_over(card, now)) {
		hand_over(card);
	} else if (card->ended) {
		finish_end(card);
	} else {
		begin_due(card, now);
	}
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t qg_livecard_due(const struct qg_livecard *card)
{
	if (card->flight != QG_LIVECARD_RESTS) {
		return UINT64_MAX;
	}
	if (is_handed_over(card, qg_clock_mono())) {
		return 0;
	}
	uint64_t held = later_of(card->wait_until, card->cards->pause_until);
	if (card->reply || card->leaving || card->ended) {
		return held;
	}
	uint64_t idle = card->heard_at + QG_LIVECARDS_IDLE_MS;
	uint64_t next = is_live(card) && card->next_at < idle ? card->next_at : idle;
	return later_of(held, next);
}

/* ---- for the platform's steps ---- */

unsigned qg_livecard_number(struct qg_livecard *card)
{
	return ++card->number;
}

void qg_livecard_note(struct qg_livecard *card, char *text, unsigned number)
{
	free(card->flying);
	card->flying = text;
	qg_livecard_rows_show(card->cards->rows, card->id, number, text);
}

void qg_livecard_rest(struct qg_livecard *card)
{
	card->flight = QG_LIVECARD_RESTS;
	qg_livecard_pump(card);
}

void qg_livecard_wait(struct qg_livecard *card, uint64_t ms)
{
	card->wait_until = qg_clock_mono() + ms;
	qg_livecards_wake(card->cards);
}

void qg_livecard_log(
	const struct qg_livecard *card, const char *what, const char *code, enum qg_status status)
{
	qg_log_write(QG_LOG_INFO, card->cards->bot->name, card->id,
		"%s: a card was not %s: %s (%s)", platform_of(card)->name, what, code,
		qg_status_text(status));
}

void qg_livecard_landed(struct qg_livecard *card)
{
	if (card->flying) {
		free(card->shown);
		card->shown = card->flying;
		card->flying = NULL;
	}
	card->tries = 0;
}

bool qg_livecard_again(struct qg_livecard *card, const struct qg_livecard_answer *answer)
{
	if (answer->status == QG_BUSY) {
		uint64_t pause = answer->retry_ms > PAUSE_MS ? answer->retry_ms : PAUSE_MS;
		card->cards->pause_until = qg_clock_mono() + pause;
		return !card->reply ||
		       (pause <= QG_LIVECARDS_PATIENCE_MS && ++card->tries <= 2 * TRIES_MOST);
	}
	if (!qg_status_is_retryable(answer->status)) {
		return false;
	}
	unsigned tries = card->tries++;
	qg_livecard_wait(card, (uint64_t)500 << (tries < TRIES_MOST ? tries : TRIES_MOST));
	return tries < TRIES_MOST;
}

void qg_livecard_refuse(struct qg_livecard *card, const struct qg_livecard_answer *answer)
{
	card->dead = true;
	if (answer->missing) {
		card->made = card->unsure = false; /* there is nothing to end */
	} else {
		platform_of(card)->refused(card, answer);
	}
}

void qg_livecard_showed(struct qg_livecard *card, const struct qg_livecard_answer *answer)
{
	if (answer->status == QG_OK) {
		qg_livecard_landed(card);
		card->partial = false;
	} else {
		qg_livecard_log(card, "updated", answer->code, answer->status);
		card->dirty = true;
		if (answer->too_large) {
			card->full = true;
		} else if (!qg_livecard_again(card, answer) &&
			   !qg_status_is_retryable(answer->status)) {
			qg_livecard_refuse(card, answer);
		}
	}
	qg_livecard_rest(card);
}

/* The answer's own end. */
static void judge_end(struct qg_livecard *card, const struct qg_livecard_answer *answer)
{
	if (answer->status == QG_OK) {
		card->ended = true;
		qg_livecard_landed(card);
	} else if (answer->too_large && strlen(card->reply->text) > SMALL) {
		qg_livecard_tell(card, QG_TOO_LARGE, 0); /* comes again in smaller parts */
	} else if (answer->too_large || !qg_livecard_again(card, answer)) {
		qg_livecard_refuse(card, answer);
	}
}

/* Nobody waits for it but those who see it: it is tried for long. */
static void judge_farewell(struct qg_livecard *card, const struct qg_livecard_answer *answer)
{
	bool may_help = answer->status == QG_BUSY || qg_status_is_retryable(answer->status);
	if (answer->status == QG_OK || answer->missing) {
		card->ended = true;
	} else if (may_help && card->tries < FAREWELLS_MOST) {
		qg_livecard_wait(card, (uint64_t)2000 << card->tries++);
	} else {
		qg_log_warn(card->cards->bot->name, "%s: a card could not be ended: %s",
			platform_of(card)->name, answer->code);
		card->ended = true;
	}
}

void qg_livecard_ended(struct qg_livecard *card, const struct qg_livecard_answer *answer)
{
	if (answer->status != QG_OK) {
		qg_livecard_log(card, "ended", answer->code, answer->status);
	}
	if (card->leaving) {
		judge_farewell(card, answer);
	} else {
		judge_end(card, answer);
	}
	qg_livecard_rest(card);
}

char *qg_livecard_farewell(const struct qg_livecard *card)
{
	QG_AUTO(qg_str_free)
	char *words = platform_of(card)->words(card->cards->core, card->farewell);
	const char *shown = card->shown ? card->shown : "";
	const char *last = words ? words : shown[0] ? "" : "…";
	return qg_str_printf("%s%s%s", shown, shown[0] && words ? "\n\n" : "", last);
}
