/* cards.c - the AI cards of a bot: whether it has any, and where each goes. Their life is livecards.c's. */
#include "cards.h"

#include <stdlib.h>
#include <string.h>

#include "qg/crypto.h"
#include "qg/str.h"

struct dingtalk_core *dingtalk_card_core(const struct dingtalk_card *card)
{
	return card->live.cards->core;
}

static struct dingtalk_card *card_of(struct qg_livecard *live)
{
	return QG_CONTAINER(live, struct dingtalk_card, live);
}

/* Whom it calls, the handle says. */
static bool place(struct qg_livecard *live, const char *chat, const char *handle, const char *whom)
{
	(void)whom;
	struct dingtalk_card *card = card_of(live);
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

static void finish(struct qg_livecard *live)
{
	struct dingtalk_card *card = card_of(live);
	dingtalk_forget(dingtalk_card_core(card), card);
	dingtalk_handle_finish(&card->handle);
	free(card->chat);
}

/* ---- what the life of a card asks of the bot ---- */

static unsigned used(const void *core)
{
	return dingtalk_account_used(((const struct dingtalk_core *)core)->account, DINGTALK_CALLS);
}

static void post(void *core, struct qg_reply *reply)
{
	dingtalk_send(core, reply);
}

static void sent(void *core, struct qg_reply *reply, enum qg_status status, unsigned retry_ms)
{
	dingtalk_core_sent(core, reply, status, retry_ms);
}

static char *words(const void *core, const char *key)
{
	return dingtalk_core_words(core, key);
}

static void wake(void *core)
{
	dingtalk_core_wake(core);
}

static const struct qg_livecard_platform platform = {
	.name = "dingtalk",
	.card_size = sizeof(struct dingtalk_card),
	.is_for_new = true,
	.make = dingtalk_card_make_it,
	.show = dingtalk_card_show,
	.end = dingtalk_card_end,
	.farewell = dingtalk_card_farewell,
	.complete = dingtalk_card_complete,
	.refused = dingtalk_card_refused,
	.place = place,
	.finish = finish,
	.used = used,
	.post = post,
	.sent = sent,
	.words = words,
	.wake = wake,
};

/* ---- all of a bot ---- */

struct dingtalk_cards *dingtalk_cards_get(struct dingtalk_core *core)
{
	if (core->cards || !core->bot->redis || !dingtalk_options_of(core)->card_template_id) {
		return core->cards;
	}
	struct dingtalk_cards *cards = calloc(1, sizeof(*cards));
	if (!cards) {
		return NULL;
	}
	cards->live = qg_livecards_create(&platform, core, core->bot);
	if (!cards->live) {
		free(cards);
		return NULL;
	}
	core->cards = cards;
	return cards;
}

bool dingtalk_cards_draft(struct dingtalk_core *core, const struct qg_draft *draft)
{
	struct dingtalk_cards *cards = dingtalk_cards_get(core);
	return cards && qg_livecards_draft(cards->live, draft);
}

bool dingtalk_cards_send(struct dingtalk_core *core, struct qg_reply *reply)
{
	struct dingtalk_cards *cards = dingtalk_cards_get(core);
	return cards && qg_livecards_send(cards->live, reply);
}

void dingtalk_cards_recover(struct dingtalk_core *core)
{
	struct dingtalk_cards *cards = dingtalk_cards_get(core);
	if (cards) {
		qg_livecards_recover(cards->live);
	}
}

bool dingtalk_cards_stop(struct dingtalk_core *core)
{
	struct dingtalk_cards *cards = core->cards;
	return !cards || qg_livecards_stop(cards->live);
}

void dingtalk_cards_finish(struct dingtalk_core *core)
{
	struct dingtalk_cards *cards = core->cards;
	if (cards) {
		core->cards = NULL;
		qg_livecards_destroy(cards->live);
		free(cards);
	}
}
