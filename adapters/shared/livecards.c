/* livecards.c - the filling cards of a bot: which replies have one, and what becomes of those that a former owner left open.
 *
 * The first part of a reply is a card where cards are not refused; all behind it are messages. Where the month's calls run
 * short, only answers that were seen being made stay cards. Redis knows which cards are open (livecard_rows.c); without it
 * there are none. */
#include "livecard.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

#define CARDS_MOST 500
#define OFF_MS (30 * 60000)
#define LIST_AGAIN_MS 2000
#define LIST_MORE_MS 30000 /* by then the first of them have ended */
#define SETTLE_MS 15000	   /* after a takeover: the worker's next snapshot may still come */

/* ---- the clock ---- */

static void look(void *arg);

struct qg_livecards *qg_livecards_create(
	const struct qg_livecard_platform *platform, void *core, struct qg_bot *bot)
{
	struct qg_livecards *cards = calloc(1, sizeof(*cards));
	if (!cards) {
		return NULL;
	}
	cards->platform = platform;
	cards->core = core;
	cards->bot = bot;
	qg_list_init(&cards->list);
	cards->rows = qg_livecard_rows_create(bot);
	cards->timer = qg_timer_create(bot->loop, look, cards);
	if (!cards->rows || !cards->timer) {
		qg_livecards_destroy(cards);
		return NULL;
	}
	return cards;
}

void qg_livecards_wake(struct qg_livecards *cards)
{
	qg_timer_start(cards->timer, 0);
}

static void list_rows(struct qg_livecards *cards);

/* One card a time: a pump may end it, and its neighbours' places with it. */
static void look(void *arg)
{
	struct qg_livecards *cards = arg;
	uint64_t now = qg_clock_mono();
	if (cards->must_list && !cards->is_listing && now >= cards->list_at) {
		list_rows(cards);
	}
	uint64_t next = cards->must_list && !cards->is_listing ? cards->list_at : UINT64_MAX;
	QG_LIST_FOR_EACH (item, &cards->list) {
		struct qg_livecard *card = QG_CONTAINER(item, struct qg_livecard, item);
		uint64_t due = qg_livecard_due(card);
		if (due <= now) {
			qg_livecard_pump(card);
			next = now; /* it may be gone, or have more to do */
			break;
		}
		next = due < next ? due : next;
	}
	if (next != UINT64_MAX) {
		qg_timer_start(cards->timer, next > now ? next - now : 0);
	}
	if (cards->stopping) {
		cards->platform->wake(cards->core);
	}
}

/* ---- whether there are cards ---- */

void qg_livecards_refused(
	struct qg_livecards *cards, bool for_good, const char *words, const char *code)
{
	uint64_t now = qg_clock_mono();
	bool is_news = !cards->off && now >= cards->off_until;
	bool is_worse = for_good && !cards->off;
	cards->off = cards->off || for_good;
	cards->off_until = now + OFF_MS;
	if (is_news || is_worse) {
		qg_log_error(cards->bot->name,
			"%s: cards are off %s, answers go as messages: %s (%s)",
			cards->platform->name,
			cards->off ? "until the config changes" : "for 30 minutes", words, code);
	}
}

static bool are_off(const struct qg_livecards *cards)
{
	return cards->off || cards->stopping || qg_clock_mono() < cards->off_until;
}

bool qg_livecards_may_show(const struct qg_livecards *cards)
{
	const struct qg_host *host = cards->bot->host;
	return !host->may_send || host->may_send(cards->bot);
}

static unsigned used(const struct qg_livecards *cards)
{
	return cards->platform->used(cards->core);
}

bool qg_livecards_take_new(const struct qg_livecards *cards)
{
	return cards->platform->is_for_new && !are_off(cards) &&
	       used(cards) < QG_LIVECARDS_SHORT_PERCENT;
}

static struct qg_livecard *find(const struct qg_livecards *cards, const char *reply)
{
	QG_LIST_FOR_EACH (item, &cards->list) {
		struct qg_livecard *card = QG_CONTAINER(item, struct qg_livecard, item);
		if (strcmp(card->id, reply) == 0) {
			return card;
		}
	}
	return NULL;
}

/* An id is what names a card in Redis and on the platform. */
static bool is_id(const char *text)
{
	return text && strlen(text) == QG_LIVECARD_ID_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == QG_LIVECARD_ID_SIZE - 1;
}

struct where { /* borrowed */
	const char *chat, *handle, *whom;
};

static bool place(struct qg_livecard *card, const struct where *where)
{
	return card->cards->platform->place(card, where->chat, where->handle, where->whom);
}

static struct qg_livecard *add(
	struct qg_livecards *cards, const char *reply, const struct where *where)
{
	struct qg_livecard *card =
		is_id(reply) && cards->count < CARDS_MOST ? qg_livecard_create(cards, reply) : NULL;
	if (card && !place(card, where)) {
		qg_livecard_destroy(card);
		return NULL;
	}
	return card;
}

/* ---- snapshots ---- */

static bool keep(struct qg_livecard *card, const struct qg_draft *draft)
{
	if (draft->sequence <= card->sequence && card->text) {
		return false;
	}
	char *text = qg_str_copy(draft->text);
	if (!text) {
		return false;
	}
	free(card->text);
	card->text = text;
	card->sequence = draft->sequence;
	card->dirty = true;
	card->heard_at = qg_clock_mono();
	return true;
}

bool qg_livecards_draft(struct qg_livecards *cards, const struct qg_draft *draft)
{
	if (draft->text[0] == '\0') {
		return false;
	}
	struct qg_livecard *card = find(cards, draft->reply);
	bool is_new = card == NULL;
	if (is_new && (are_off(cards) || used(cards) >= 100)) {
		return false;
	}
	const struct where where = {draft->chat, draft->handle, draft->sender};
	if (is_new) {
		card = add(cards, draft->reply, &where);
	}
	if (!card || card->reply || card->leaving || card->ended || !place(card, &where) ||
		!keep(card, draft)) {
		return false;
	}
	if (is_new) {
		qg_livecard_ask(card, true);
	} else {
		qg_livecards_wake(cards);
	}
	return true;
}

/* ---- answers ---- */

static bool is_for_a_card(const struct qg_reply *reply)
{
	return reply->part == 0 && !reply->file && !reply->silent && reply->text[0] != '\0' &&
	       reply->form == QG_FORM_RICH;
}

/* Its answer goes another way: what is open says so and ends. */
static void let_go(struct qg_livecard *card, const char *farewell)
{
	if (!card->reply && !card->leaving && !card->ended) {
		qg_livecard_leave(card, farewell);
		qg_livecards_wake(card->cards);
	}
}

/* One that Redis may know of although we do not: a repeat, or one a former owner opened. */
static struct where where_of(const struct qg_reply *reply)
{
	bool calls = reply->chat_type == QG_CHAT_GROUP;
	return (struct where){reply->chat, reply->handle, calls ? reply->sender : NULL};
}

static struct qg_livecard *add_for(struct qg_livecards *cards, const struct qg_reply *reply)
{
	const struct where where = where_of(reply);
	bool asks = reply->repeated || qg_livecards_take_new(cards) || !cards->platform->is_for_new;
	return asks && is_for_a_card(reply) ? add(cards, reply->id, &where) : NULL;
}

bool qg_livecards_send(struct qg_livecards *cards, struct qg_reply *reply)
{
	if (reply->part > 0) {
		return false;
	}
	struct qg_livecard *card = find(cards, reply->id);
	const struct where where = where_of(reply);
	if (card && (!is_for_a_card(reply) || card->reply || !place(card, &where))) {
		let_go(card, reply->silent ? "interrupted" : "see_below");
		return false;
	}
	bool is_new = card == NULL;
	card = is_new ? add_for(cards, reply) : card;
	if (!card) {
		return false;
	}
	card->reply = reply;
	card->tries = 0;
	if (is_new) {
		qg_livecard_ask(card, qg_livecards_take_new(cards));
	} else {
		qg_livecards_wake(cards);
	}
	return true;
}

/* ---- what a former owner left ---- */

void qg_livecards_list_again(struct qg_livecards *cards)
{
	cards->must_list = !cards->stopping;
	cards->list_at = qg_clock_mono() + LIST_AGAIN_MS;
}

static void found(void *arg, const char *reply, int64_t at)
{
	struct qg_livecards *cards = arg;
	cards->listed++;
	if (!is_id(reply) || find(cards, reply)) {
		return;
	}
	struct qg_livecard *card =
		cards->count < CARDS_MOST ? qg_livecard_create(cards, reply) : NULL;
	if (!card) {
		qg_livecards_list_again(cards);
		return;
	}
	/* As old as it is by the wall clock, but its worker may be about to speak. */
	int64_t age = qg_clock_wall() - at;
	int64_t most = QG_LIVECARDS_IDLE_MS - SETTLE_MS;
	uint64_t spent = (uint64_t)(age < 0 ? 0 : age > most ? most : age);
	card->heard_at = card->heard_at > spent ? card->heard_at - spent : 0;
	qg_livecard_ask(card, true);
}

static void listed(void *arg, enum qg_status status)
{
	struct qg_livecards *cards = arg;
	cards->is_listing = false;
	if (status != QG_OK) {
		qg_livecards_list_again(cards);
	} else if (cards->listed >= QG_LIVECARD_ROWS_MOST) { /* more may stand behind these */
		qg_livecards_list_again(cards);
		cards->list_at = qg_clock_mono() + LIST_MORE_MS;
	}
	if (status == QG_OK && cards->bot->host->replay_drafts) {
		cards->bot->host->replay_drafts(cards->bot);
	}
	qg_livecards_wake(cards);
}

static void list_rows(struct qg_livecards *cards)
{
	cards->must_list = false;
	cards->listed = 0;
	cards->is_listing = qg_livecard_rows_list(cards->rows, found, listed, cards);
	if (!cards->is_listing) {
		qg_livecards_list_again(cards);
	}
}

/* What rests here is older than what Redis tells, where another owner had it meanwhile. */
static void drop_resting(struct qg_livecards *cards)
{
	QG_LIST_FOR_EACH (item, &cards->list) {
		struct qg_livecard *card = QG_CONTAINER(item, struct qg_livecard, item);
		if (!card->reply &&
			(card->flight == QG_LIVECARD_RESTS || card->flight == QG_LIVECARD_ASKS ||
				card->flight == QG_LIVECARD_RESERVES)) {
			qg_livecard_destroy(card);
		}
	}
}

void qg_livecards_recover(struct qg_livecards *cards)
{
	drop_resting(cards);
	cards->stopping = false;
	cards->must_list = true;
	cards->list_at = 0;
	qg_livecards_wake(cards);
}

/* ---- the end ---- */

bool qg_livecards_stop(struct qg_livecards *cards)
{
	cards->stopping = true;
	cards->must_list = false;
	drop_resting(cards);
	return qg_list_is_empty(&cards->list);
}

void qg_livecards_destroy(struct qg_livecards *cards)
{
	if (!cards) {
		return;
	}
	while (!qg_list_is_empty(&cards->list)) {
		qg_livecard_destroy(QG_CONTAINER(cards->list.next, struct qg_livecard, item));
	}
	qg_livecard_rows_destroy(cards->rows);
	qg_timer_destroy(cards->timer);
	free(cards);
}
