/* cards.c - the AI cards of a bot: which replies have one, and what becomes of those that a former owner left open.
 *
 * The first part of a reply is a card where a template is configured and cards are not refused; all behind it are
 * messages. Where the month's calls run short, only answers that were seen being made stay cards. Redis knows which cards
 * are open (card_rows.c); without it there are none. */
#include "cards.h"

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
#define SHORT_PERCENT 80

/* ---- the clock ---- */

static void look(void *arg);

struct dingtalk_cards *dingtalk_cards_get(struct dingtalk_core *core)
{
	if (core->cards || !core->bot->redis || !dingtalk_options_of(core)->card_template_id) {
		return core->cards;
	}
	struct dingtalk_cards *cards = calloc(1, sizeof(*cards));
	if (!cards) {
		return NULL;
	}
	cards->core = core;
	qg_list_init(&cards->list);
	cards->rows = dingtalk_rows_create(core->bot);
	cards->timer = qg_timer_create(core->bot->loop, look, cards);
	if (!cards->rows || !cards->timer) {
		dingtalk_rows_destroy(cards->rows);
		qg_timer_destroy(cards->timer);
		free(cards);
		return NULL;
	}
	core->cards = cards;
	return cards;
}

void dingtalk_cards_wake(struct dingtalk_cards *cards)
{
	qg_timer_start(cards->timer, 0);
}

static void list_rows(struct dingtalk_cards *cards);

/* One card a time: a pump may end it, and its neighbours' places with it. */
static void look(void *arg)
{
	struct dingtalk_cards *cards = arg;
	uint64_t now = qg_clock_mono();
	if (cards->must_list && !cards->is_listing && now >= cards->list_at) {
		list_rows(cards);
	}
	uint64_t next = cards->must_list && !cards->is_listing ? cards->list_at : UINT64_MAX;
	QG_LIST_FOR_EACH (item, &cards->list) {
		struct dingtalk_card *card = QG_CONTAINER(item, struct dingtalk_card, item);
		uint64_t due = dingtalk_card_due(card);
		if (due <= now) {
			dingtalk_card_pump(card);
			next = now; /* it may be gone, or have more to do */
			break;
		}
		next = due < next ? due : next;
	}
	if (next != UINT64_MAX) {
		qg_timer_start(cards->timer, next > now ? next - now : 0);
	}
	if (cards->stopping) {
		dingtalk_core_wake(cards->core);
	}
}

/* ---- whether there are cards ---- */

void dingtalk_cards_refused(
	struct dingtalk_cards *cards, bool for_good, const char *words, const char *code)
{
	uint64_t now = qg_clock_mono();
	bool is_news = !cards->off && now >= cards->off_until;
	cards->off = cards->off || for_good;
	cards->off_until = now + OFF_MS;
	if (is_news || for_good) {
		qg_log_error(cards->core->bot->name,
			"dingtalk: cards are off %s, answers go as messages: %s (%s)",
			cards->off ? "until the config changes" : "for 30 minutes", words, code);
	}
}

static bool are_off(const struct dingtalk_cards *cards)
{
	return cards->off || cards->stopping || qg_clock_mono() < cards->off_until;
}

static unsigned used(const struct dingtalk_cards *cards)
{
	return dingtalk_account_used(cards->core->account, DINGTALK_CALLS);
}

bool dingtalk_cards_take_new(const struct dingtalk_cards *cards)
{
	return !are_off(cards) && used(cards) < SHORT_PERCENT;
}

static struct dingtalk_card *find(const struct dingtalk_cards *cards, const char *reply)
{
	QG_LIST_FOR_EACH (item, &cards->list) {
		struct dingtalk_card *card = QG_CONTAINER(item, struct dingtalk_card, item);
		if (strcmp(card->id, reply) == 0) {
			return card;
		}
	}
	return NULL;
}

/* An id is what names a card in Redis and on the platform. */
static bool is_id(const char *text)
{
	return text && strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

/* Where it goes; false: nowhere a card can go, or no memory. */
static bool place(struct dingtalk_card *card, const char *chat, const char *handle)
{
	struct dingtalk_handle read = {0};
	if (card->chat) {
		return true;
	}
	if (!handle || dingtalk_handle_read(handle, &read) != QG_OK) {
		return false;
	}
	bool is_direct = read.type == QG_CHAT_DIRECT;
	bool is_stranger = is_direct && !(read.staff && read.staff[0]);
	card->chat = is_stranger ? NULL : qg_str_copy(chat);
	if (!card->chat) {
		dingtalk_handle_finish(&read);
		return false;
	}
	card->type = read.type;
	card->handle = read;
	return true;
}

static struct dingtalk_card *add(
	struct dingtalk_cards *cards, const char *reply, const char *chat, const char *handle)
{
	struct dingtalk_card *card = is_id(reply) && cards->count < CARDS_MOST
					     ? dingtalk_card_create(cards, reply)
					     : NULL;
	if (card && !place(card, chat, handle)) {
		dingtalk_card_destroy(card);
		return NULL;
	}
	return card;
}

/* ---- snapshots ---- */

static bool keep(struct dingtalk_card *card, const struct qg_draft *draft)
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

bool dingtalk_cards_draft(struct dingtalk_core *core, const struct qg_draft *draft)
{
	struct dingtalk_cards *cards = dingtalk_cards_get(core);
	if (!cards || draft->text[0] == '\0') {
		return false;
	}
	struct dingtalk_card *card = find(cards, draft->reply);
	bool is_new = card == NULL;
	if (is_new && (are_off(cards) || used(cards) >= 100)) {
		return false;
	}
	if (is_new) {
		card = add(cards, draft->reply, draft->chat, draft->handle);
	}
	if (!card || card->reply || card->leaving || card->ended ||
		!place(card, draft->chat, draft->handle) || !keep(card, draft)) {
		return false;
	}
	if (is_new) {
		dingtalk_card_ask(card);
	} else {
		dingtalk_cards_wake(cards);
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
static void let_go(struct dingtalk_card *card)
{
	if (!card->reply && !card->leaving && !card->ended) {
		dingtalk_card_leave(card, "see_below");
		dingtalk_cards_wake(card->cards);
	}
}

bool dingtalk_cards_send(struct dingtalk_core *core, struct qg_reply *reply)
{
	struct dingtalk_cards *cards = dingtalk_cards_get(core);
	struct dingtalk_card *card = cards ? find(cards, reply->id) : NULL;
	if (!cards || reply->part > 0) {
		return false;
	}
	if (card && (!is_for_a_card(reply) || card->leaving || card->ended || card->reply ||
			    !place(card, reply->chat, reply->handle))) {
		let_go(card);
		return false;
	}
	bool is_new = card == NULL;
	if (is_new && is_for_a_card(reply)) {
		/* What came to nothing as a card may still be told by its row: a repeat always asks. */
		bool asks = reply->repeated || dingtalk_cards_take_new(cards);
		card = asks ? add(cards, reply->id, reply->chat, reply->handle) : NULL;
	}
	if (!card) {
		return false;
	}
	card->reply = reply;
	card->tries = 0;
	if (is_new) {
		dingtalk_card_ask(card);
	} else {
		dingtalk_cards_wake(cards);
	}
	return true;
}

/* ---- what a former owner left ---- */

void dingtalk_cards_list_again(struct dingtalk_cards *cards)
{
	cards->must_list = !cards->stopping;
	cards->list_at = qg_clock_mono() + LIST_AGAIN_MS;
}

static void found(void *arg, const char *reply, int64_t at)
{
	struct dingtalk_cards *cards = arg;
	cards->listed++;
	if (!is_id(reply) || find(cards, reply)) {
		return;
	}
	struct dingtalk_card *card =
		cards->count < CARDS_MOST ? dingtalk_card_create(cards, reply) : NULL;
	if (!card) {
		dingtalk_cards_list_again(cards);
		return;
	}
	/* As old as it is by the wall clock, but its worker may be about to speak. */
	int64_t age = qg_clock_wall() - at;
	int64_t most = DINGTALK_CARDS_IDLE_MS - SETTLE_MS;
	uint64_t spent = (uint64_t)(age < 0 ? 0 : age > most ? most : age);
	card->heard_at = card->heard_at > spent ? card->heard_at - spent : 0;
	dingtalk_card_ask(card);
}

static void listed(void *arg, enum qg_status status)
{
	struct dingtalk_cards *cards = arg;
	cards->is_listing = false;
	if (status != QG_OK) {
		dingtalk_cards_list_again(cards);
	} else if (cards->listed >= DINGTALK_ROWS_MOST) { /* more may stand behind these */
		dingtalk_cards_list_again(cards);
		cards->list_at = qg_clock_mono() + LIST_MORE_MS;
	}
	if (status == QG_OK && cards->core->bot->host->replay_drafts) {
		cards->core->bot->host->replay_drafts(cards->core->bot);
	}
	dingtalk_cards_wake(cards);
}

static void list_rows(struct dingtalk_cards *cards)
{
	cards->must_list = false;
	cards->listed = 0;
	cards->is_listing = dingtalk_rows_list(cards->rows, found, listed, cards);
	if (!cards->is_listing) {
		dingtalk_cards_list_again(cards);
	}
}

void dingtalk_cards_recover(struct dingtalk_core *core)
{
	struct dingtalk_cards *cards = dingtalk_cards_get(core);
	if (cards) {
		cards->stopping = false;
		cards->must_list = true;
		cards->list_at = 0;
		dingtalk_cards_wake(cards);
	}
}

/* ---- the end ---- */

/* Cards without an answer stay open: Redis tells the next owner, or the next run, of them. */
bool dingtalk_cards_stop(struct dingtalk_core *core)
{
	struct dingtalk_cards *cards = core->cards;
	if (!cards) {
		return true;
	}
	cards->stopping = true;
	cards->must_list = false;
	QG_LIST_FOR_EACH (item, &cards->list) {
		struct dingtalk_card *card = QG_CONTAINER(item, struct dingtalk_card, item);
		if (!card->reply && (card->flight == DINGTALK_CARD_RESTS ||
					    card->flight == DINGTALK_CARD_ASKS)) {
			dingtalk_card_destroy(card);
		}
	}
	return qg_list_is_empty(&cards->list);
}

void dingtalk_cards_finish(struct dingtalk_core *core)
{
	struct dingtalk_cards *cards = core->cards;
	if (!cards) {
		return;
	}
	while (!qg_list_is_empty(&cards->list)) {
		dingtalk_card_destroy(QG_CONTAINER(cards->list.next, struct dingtalk_card, item));
	}
	core->cards = NULL;
	dingtalk_rows_destroy(cards->rows);
	qg_timer_destroy(cards->timer);
	free(cards);
}
