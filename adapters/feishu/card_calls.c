/* card_calls.c - the calls of one card that fills, and what their answers mean for it.
 *
 * A card is an entity that is made, noted in Redis, and only then sent: who comes after us sends the same one, under the
 * same uuid, once. Its operations carry numbers that rise for ever (livecard_rows.c reserves them). It streams for ten
 * minutes after it was last opened, so it is opened anew before that, or once when the platform says it was too late; then
 * the whole card is put instead. An end closes the streaming first and puts the last layout behind that: whatever breaks in
 * between, nobody sees a card that is being written for ever. Source: open.feishu.cn, 流式更新卡片. */
#include "cards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/str.h"

#define GAP_MS 300 /* between two snapshots */
#define GAP_CARD_MS                                                                                \
	75 /* ... for each card that fills: an app has 1,000 calls a minute of each API */
#define GAP_PART                                                                                   \
	8 /* ... and this part of the time it fills already: clients type what lies between, */
#define GAP_LONG_MS 1000  /* but nobody shall think that it stands still */
#define GAP_SHORT_MS 2000 /* ... when the month's calls run short */
#define OPEN_MS (9 * 60 * 1000)
#define CARDS "/open-apis/cardkit/v1/cards"
#define SMALL 1024 /* bytes: smaller parts would end nowhere */

static struct feishu_card *card_of(struct qg_livecard *live)
{
	return QG_CONTAINER(live, struct feishu_card, live);
}

static struct feishu_core *core_of(const struct feishu_card *card)
{
	return card->live.cards->core;
}

/* ---- calls ---- */

/* Takes body, which may be NULL for no memory; false: nothing began, for a bot that is somebody else's by now neither. tail:
 * behind the card's id. */
static bool fly(struct feishu_card *card, const char *method, const char *tail, char *body,
	feishu_called_fn fn)
{
	QG_AUTO(qg_str_free)
	char *path = card->card_id[0] ? qg_str_printf(CARDS "/%s%s", card->card_id, tail)
				      : qg_str_copy(CARDS);
	struct feishu_account *account = core_of(card)->account;
	bool may_fly = body && path && qg_livecards_may_show(card->live.cards);
	card->call = may_fly ? feishu_call_start(account, method, path, body, fn, card) : NULL;
	free(body);
	if (!card->call) {
		qg_livecard_wait(&card->live, 1000);
	}
	return card->call != NULL;
}

/* One that a step goes on with: where it cannot, the step is over and comes again. */
static void fly_on(struct feishu_card *card, bool began)
{
	if (!began) {
		card->live.dirty = true;
		qg_livecard_rest(&card->live);
	}
}

static void make_uuid(const struct feishu_card *card, unsigned number, char uuid[33])
{
	char digits[16];
	snprintf(digits, sizeof(digits), "%u", number);
	qg_digest_id(uuid, card->live.id, "card", digits, NULL);
}

static bool settings(
	struct feishu_card *card, bool streaming, const char *summary, feishu_called_fn fn)
{
	char uuid[33];
	unsigned number = qg_livecard_number(&card->live);
	make_uuid(card, number, uuid);
	return fly(card, "PATCH", "/settings",
		feishu_card_settings_body(streaming, summary, number, uuid), fn);
}

static bool put(struct feishu_card *card, feishu_called_fn fn)
{
	char uuid[33];
	unsigned number = qg_livecard_number(&card->live);
	make_uuid(card, number, uuid);
	return fly(card, "PUT", "",
		card->last ? feishu_card_put_body(card->last, number, uuid) : NULL, fn);
}

/* Notes in Redis what is about to be shown. false for no memory. */
static bool note(struct feishu_card *card)
{
	char *copy = qg_str_copy(card->text);
	if (copy) {
		qg_livecard_note(&card->live, copy, card->live.number + 1);
	}
	return copy != NULL;
}

/* Takes both. */
static void set_last(struct feishu_card *card, char *text, json_t *last)
{
	free(card->text);
	json_decref(card->last);
	card->text = text;
	card->last = last;
}

static json_t *layout_of(const struct feishu_card *card, const char *text, bool streaming)
{
	struct feishu_layout layout = {.text = text,
		.whom = card->whom,
		.title = core_of(card)->bot->title,
		.streaming = streaming};
	return feishu_card_json(&layout);
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Each snapshot is a call, and calls are sold: a long answer is shown as often as it changes much. */
static uint64_t gap_of(const struct feishu_card *card)
{
	uint64_t filled = card->opened_at > 0 ? qg_clock_mono() - card->opened_at : 0;
	uint64_t shared = card->live.cards->count * GAP_CARD_MS;
	uint64_t own = later_of(filled / GAP_PART, GAP_MS);
	bool is_short = feishu_account_used(core_of(card)->account) >= QG_LIVECARDS_SHORT_PERCENT;
	own = is_short ? GAP_SHORT_MS : own < GAP_LONG_MS ? own : GAP_LONG_MS;
	return later_of(shared, own);
}

/* ---- made ---- */

static void not_made(
	struct feishu_card *card, const struct feishu_card_verdict *verdict, bool may_be_seen)
{
	struct qg_livecard *live = &card->live;
	qg_livecard_log(live, "made", verdict->code, verdict->said.status);
	live->unsure = live->unsure || may_be_seen;
	if (!qg_livecard_again(live, &verdict->said)) {
		qg_livecard_refuse(live, &verdict->said);
	}
	live->dirty = true;
	live->next_at = qg_clock_mono() + gap_of(card);
	qg_livecard_rest(live);
}

/* An id of the platform that may stand in a path. */
static bool read_id(
	const struct feishu_answer *answer, const char *path, char out[FEISHU_CARD_ID_SIZE])
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	struct qg_piece found = {0};
	const char *const paths[] = {path};
	if (qg_scan(answer->body, answer->size, paths, 1, &found) != QG_OK || found.escaped ||
		found.kind != QG_PIECE_STRING || found.size == 0 ||
		found.size >= FEISHU_CARD_ID_SIZE) {
		return false;
	}
	char id[FEISHU_CARD_ID_SIZE];
	memcpy(id, found.data, found.size);
	id[found.size] = '\0';
	if (strspn(id, letters) != found.size) {
		return false;
	}
	memcpy(out, id, sizeof(id));
	return true;
}

static bool may_have_landed(const struct feishu_answer *answer)
{
	bool is_refused = answer->error == QG_FETCH_NONE && answer->has_code && answer->http < 500;
	return answer->local == QG_OK && !is_refused;
}

static void sent(void *arg, const struct feishu_answer *answer)
{
	struct feishu_card *card = arg;
	struct qg_livecard *live = &card->live;
	struct feishu_card_verdict verdict;
	card->call = NULL;
	feishu_card_judge(card, answer, &verdict);
	if (verdict.said.status != QG_OK) {
		not_made(card, &verdict, may_have_landed(answer));
		return;
	}
	char name[2 * FEISHU_CARD_ID_SIZE];
	if (!read_id(answer, "data.message_id", card->message_id)) {
		snprintf(card->message_id, sizeof(card->message_id),
			"-"); /* it stands there all the same */
	}
	snprintf(name, sizeof(name), "%s %s", card->card_id, card->message_id);
	qg_livecard_rows_name(live->cards->rows, live->id, name, NULL, NULL);
	live->made = true;
	qg_livecard_landed(live);
	live->next_at = qg_clock_mono() + gap_of(card);
	qg_livecard_rest(live);
}

/* Under a name of this very card: another one that was made for this reply is another message. */
static bool send_it(struct feishu_card *card)
{
	char uuid[33];
	qg_digest_id(uuid, card->live.id, "card", card->card_id, "sent", NULL);
	bool in_place = card->handle && card->handle[0];
	QG_AUTO(qg_str_free) char *path = feishu_cards_path(card->chat, card->handle);
	QG_AUTO(qg_str_free)
	char *body =
		feishu_card_message_body(card->card_id, NULL, in_place ? NULL : card->chat, uuid);
	bool may_fly = path && body && qg_livecards_may_show(card->live.cards);
	card->call =
		may_fly ? feishu_call_start(core_of(card)->account, "POST", path, body, sent, card)
			: NULL;
	if (!card->call) {
		qg_livecard_wait(&card->live, 1000);
	}
	return card->call != NULL;
}

/* Somebody made one for this reply before: that one is gone on with, and ours is never seen. */
static void adopt(struct feishu_card *card, const char *name)
{
	struct qg_livecard *live = &card->live;
	live->cards->platform->recall(live, name);
	live->partial = live->dirty = true;
	card->opened_at = 0;
}

/* Only what Redis knows is sent: else whoever comes after us would send another one, and this would stay as it is. */
static void named(void *arg, enum qg_status status, const struct qg_livecard_state *state)
{
	struct feishu_card *card = arg;
	if (status == QG_OK && state->row == QG_LIVECARD_OPEN) {
		if (strcmp(state->name, card->card_id) != 0) {
			adopt(card, state->name);
		}
		fly_on(card, !card->live.made && send_it(card));
		return;
	}
	card->card_id[0] = '\0';
	card->live.dead = status == QG_OK; /* somebody else ended it meanwhile */
	card->live.dirty = true;
	qg_livecard_wait(&card->live, 1000);
	qg_livecard_rest(&card->live);
}

static void made(void *arg, const struct feishu_answer *answer)
{
	struct feishu_card *card = arg;
	struct feishu_card_verdict verdict;
	card->call = NULL;
	feishu_card_judge(card, answer, &verdict);
	if (verdict.said.status == QG_OK && !read_id(answer, "data.card_id", card->card_id)) {
		verdict.said.status = QG_UNSUPPORTED;
	}
	if (verdict.said.status != QG_OK) {
		/* a reason this build does not know, and not this text: each answer would ask in vain */
		verdict.is_app |= verdict.said.status == QG_UNSUPPORTED && !verdict.is_content;
		not_made(card, &verdict, false); /* nobody has seen it */
		return;
	}
	card->opened_at = qg_clock_mono();
	qg_livecard_rows_name(card->live.cards->rows, card->live.id, card->card_id, named, card);
}

bool feishu_card_make(struct qg_livecard *live)
{
	struct feishu_card *card = card_of(live);
	if (card->card_id[0]) {
		return send_it(card);
	}
	const char *newest = live->reply ? live->reply->text : live->text;
	char *text = feishu_card_text(newest, FEISHU_PART_BYTES);
	set_last(card, text, text ? layout_of(card, text, true) : NULL);
	if (!card->last || !note(card)) {
		qg_livecard_wait(live, 1000);
		return false;
	}
	live->dirty = false;
	return fly(card, "POST", "", feishu_card_make_body(card->last), made);
}

/* ---- shown ---- */

static void showed(void *arg, const struct feishu_answer *answer);

static bool show_content(struct feishu_card *card)
{
	if (card->is_plain) {
		set_last(card, qg_str_copy(card->text), layout_of(card, card->text, false));
		return put(card, showed);
	}
	char uuid[33];
	unsigned number = qg_livecard_number(&card->live);
	make_uuid(card, number, uuid);
	return fly(card, "PUT", "/elements/md_main/content",
		feishu_card_content_body(card->text, number, uuid), showed);
}

static void opened(void *arg, const struct feishu_answer *answer)
{
	struct feishu_card *card = arg;
	struct feishu_card_verdict verdict;
	card->call = NULL;
	feishu_card_judge(card, answer, &verdict);
	if (verdict.said.status == QG_OK) {
		card->opened_at = qg_clock_mono();
	} else if (verdict.said.missing || qg_status_is_retryable(verdict.said.status)) {
		qg_livecard_showed(&card->live, &verdict.said);
		return;
	} else {
		qg_livecard_log(&card->live, "opened again", verdict.code, verdict.said.status);
		card->is_plain = true;
	}
	fly_on(card, show_content(card));
}

static bool reopen(struct feishu_card *card)
{
	card->reopened = true;
	return settings(card, true, NULL, opened);
}

static void showed(void *arg, const struct feishu_answer *answer)
{
	struct feishu_card *card = arg;
	struct feishu_card_verdict verdict;
	card->call = NULL;
	feishu_card_judge(card, answer, &verdict);
	if (verdict.closed && !card->is_plain) {
		card->is_plain = card->reopened; /* that did not help */
		fly_on(card, card->reopened ? show_content(card) : reopen(card));
		return;
	}
	qg_livecard_showed(&card->live, &verdict.said);
}

bool feishu_card_show(struct qg_livecard *live)
{
	struct feishu_card *card = card_of(live);
	uint64_t now = qg_clock_mono();
	char *text = feishu_card_text(live->text, FEISHU_PART_BYTES);
	bool is_same = text && !live->partial && qg_str_equal(text, live->shown);
	bool is_spent = feishu_account_used(core_of(card)->account) >= 100;
	if (text && (is_same || is_spent || text[0] == '\0')) {
		live->dirty = false;
		free(text);
		return false;
	}
	set_last(card, text, NULL);
	if (!text || !note(card)) {
		qg_livecard_wait(live, 1000);
		return false;
	}
	live->dirty = false;
	live->next_at = now + gap_of(card);
	card->reopened = false;
	card->odd = 0;
	bool is_old = card->opened_at == 0 || now - card->opened_at >= OPEN_MS;
	bool began = is_old && !card->is_plain ? reopen(card) : show_content(card);
	live->dirty = !began;
	return began;
}

/* ---- ended ---- */

/* What its buttons will need when one is pressed. */
static void keep(const struct feishu_card *card)
{
	const struct qg_livecard *live = &card->live;
	if (!card->last || live->leaving || !live->reply || !live->reply->buttons) {
		return;
	}
	QG_AUTO(qg_str_free) char *last = qg_json_dump(card->last);
	char name[2 * FEISHU_CARD_ID_SIZE];
	snprintf(name, sizeof(name), "%s %s", card->card_id, card->message_id);
	if (last) {
		qg_livecard_rows_keep(live->cards->rows, live->id, last, name);
	}
}

static void ended(void *arg, const struct feishu_answer *answer)
{
	struct feishu_card *card = arg;
	struct feishu_card_verdict verdict;
	card->call = NULL;
	feishu_card_judge(card, answer, &verdict);
	if (verdict.said.status == QG_OK) {
		keep(card);
	}
	qg_livecard_ended(&card->live, &verdict.said);
}

static void closed(void *arg, const struct feishu_answer *answer)
{
	struct feishu_card *card = arg;
	struct feishu_card_verdict verdict;
	card->call = NULL;
	feishu_card_judge(card, answer, &verdict);
	bool must_wait = qg_status_is_retryable(verdict.said.status) && !verdict.closed;
	if (verdict.said.missing || must_wait) {
		qg_livecard_ended(&card->live, &verdict.said);
		return;
	}
	if (verdict.said.status == QG_OK) {
		card->is_plain = true;
	}
	fly_on(card, put(card, ended)); /* which says once more that nothing streams */
}

/* The whole card, as it shall stay. false for no memory. */
static bool lay_out(struct feishu_card *card)
{
	struct qg_livecard *live = &card->live;
	QG_AUTO(qg_str_free)
	char *words = live->leaving ? qg_livecard_farewell(live) : qg_str_copy(live->reply->text);
	char *text = words ? feishu_card_text(words, 0) : NULL;
	json_t *last = !text	       ? NULL
		       : live->leaving ? layout_of(card, text, false)
				       : feishu_cards_layout(core_of(card), live->reply);
	set_last(card, text, last);
	return text && last;
}

/* No memory to tell is none for the call either. */
static bool fits(const struct feishu_card *card)
{
	QG_AUTO(qg_str_free) char *data = qg_json_dump(card->last);
	return !data || strlen(data) <= FEISHU_CARD_MOST;
}

/* Either end: with its answer, or with a farewell. */
bool feishu_card_end(struct qg_livecard *live)
{
	struct feishu_card *card = card_of(live);
	if (!card->card_id[0]) { /* there is none */
		live->made = live->unsure = false;
		live->dead = true;
		return false;
	}
	if (!lay_out(card)) {
		qg_livecard_wait(live, 1000);
		return false;
	}
	if (live->reply && !fits(card)) {
		if (strlen(live->reply->text) > SMALL) {
			qg_livecard_tell(live, QG_TOO_LARGE, 0); /* comes again in smaller parts */
		} else {
			live->dead = true;
		}
		return false;
	}
	QG_AUTO(qg_str_free)
	char *summary = feishu_card_summary(card->text, core_of(card)->bot->title);
	if (!summary || (live->reply && !note(card))) {
		qg_livecard_wait(live, 1000);
		return false;
	}
	return settings(card, false, summary, closed);
}
