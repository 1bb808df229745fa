/* card_calls.c - the calls of one AI card, and what their answers mean for it.
 *
 * Its name and the names of its frames derive from the reply, so that a call made twice, by whomever, shows once. What is
 * refused for the app or the template switches cards off for a while. */
#include "cards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dingtext.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define GAP_MS 800	  /* between two snapshots */
#define GAP_SHORT_MS 3000 /* ... when the month's calls run short */
#define CREATE "/v1.0/card/instances/createAndDeliver"
#define STREAMING "/v1.0/card/streaming"
#define INSTANCES "/v1.0/card/instances"

static struct dingtalk_card *card_of(struct qg_livecard *live)
{
	return QG_CONTAINER(live, struct dingtalk_card, live);
}

static const char *key_of(const struct dingtalk_card *card)
{
	const char *key = dingtalk_options_of(dingtalk_card_core(card))->card_content_key;
	return key && key[0] ? key : "content";
}

static const char *track_of(struct dingtalk_card *card)
{
	if (card->track[0] == '\0') {
		qg_digest_id(card->track, card->live.id, "card", NULL);
	}
	return card->track;
}

/* ---- what an answer means for the card ---- */

static bool is_about_template(const char *code)
{
	return qg_str_starts_with(code, "param.template") ||
	       qg_str_starts_with(code, "param.cardTemplate");
}

static struct qg_livecard_answer answer_of(const struct dingtalk_answer *answer)
{
	return (struct qg_livecard_answer){.status = answer->status,
		.retry_ms = answer->retry_ms,
		.code = answer->code,
		.sent = answer->sent,
		.missing = qg_str_starts_with(answer->code, "param.cardNotExist"),
		.too_large = answer->status == QG_TOO_LARGE ||
			     qg_str_starts_with(answer->code, "param.stream.content")};
}

/* Cards as such are off where the reason is not this one card's. */
void dingtalk_card_refused(struct qg_livecard *live, const struct qg_livecard_answer *answer)
{
	if (dingtalk_is_content(answer->code)) {
		return; /* as a message it is refused too, and there something is said instead */
	}
	if (answer->status == QG_BUSY) {
		return; /* too many calls just now: all cards wait already */
	}
	if (is_about_template(answer->code)) {
		qg_livecards_refused(live->cards, true,
			"card_template_id 不可用：请在「卡片平台」检查模板已保存、已关联本应用 · "
			"the "
			"card template does not exist, or belongs to another app",
			answer->code);
	} else if (live->flight != QG_LIVECARD_MAKES && answer->status == QG_UNSUPPORTED) {
		qg_livecards_refused(live->cards, false,
			"卡片不能流式更新：请检查 card_content_key "
			"是模板里开启流式的变量，以及权限 "
			"Card.Streaming.Write · check card_content_key and the permission "
			"Card.Streaming.Write",
			answer->code);
	} else {
		qg_livecards_refused(live->cards, false,
			"卡片被拒绝，先改发普通消息：请检查权限 Card.Instance.Write 和 "
			"Card.Streaming.Write · cards are refused: check these permissions",
			answer->code);
	}
}

/* ---- its calls ---- */

/* Takes body; false for no memory. */
static bool fly(struct dingtalk_card *card, const char *method, const char *path, json_t *body,
	dingtalk_answer_fn fn)
{
	if (!body) {
		qg_livecard_wait(&card->live, 1000);
		return false;
	}
	dingtalk_call(dingtalk_card_core(card), DINGTALK_API, method, path, body, fn, card);
	return true;
}

static unsigned gap_of(const struct dingtalk_card *card)
{
	unsigned used = dingtalk_account_used(dingtalk_card_core(card)->account, DINGTALK_CALLS);
	return used >= QG_LIVECARDS_SHORT_PERCENT ? GAP_SHORT_MS : GAP_MS;
}

/* Whether it stands in one of the chats it was sent to. An answer without results is one of an older form. */
static bool is_delivered(const json_t *body)
{
	const json_t *results = json_object_get(json_object_get(body, "result"), "deliverResults");
	for (size_t i = 0; i < json_array_size(results); i++) {
		if (qg_json_bool(json_array_get(results, i), "success", false)) {
			return true;
		}
	}
	return json_array_size(results) == 0;
}

static void undelivered(struct dingtalk_card *card, const struct dingtalk_answer *answer)
{
	const json_t *results =
		json_object_get(json_object_get(answer->body, "result"), "deliverResults");
	QG_AUTO(qg_str_free)
	char *why = qg_str_copy(qg_json_str(json_array_get(results, 0), "errorMsg", ""));
	if (why) {
		why[qg_utf8_cut(why, strlen(why), 100)] = '\0';
		qg_utf8_flatten(why);
	}
	struct dingtalk_core *core = dingtalk_card_core(card);
	qg_log_warn(core->bot->name, "dingtalk: a card was not delivered: %s", why ? why : "");
	card->live.dead = true;
	card->live.made = card->live.unsure = false;
	if (++dingtalk_cards_get(core)->undelivered >= 3) {
		qg_livecards_refused(
			card->live.cards, false, "cards are not delivered", why ? why : "");
	}
}

static void made(void *arg, const struct dingtalk_answer *answer)
{
	struct dingtalk_card *card = arg;
	struct qg_livecard *live = &card->live;
	bool is_there = qg_str_starts_with(answer->code, "param.cardAlreadyExist");
	if (answer->status == QG_OK && !is_delivered(answer->body)) {
		undelivered(card, answer);
	} else if (answer->status == QG_OK || is_there) {
		live->made = true;
		live->partial = live->partial || is_there; /* made with other words, perhaps */
		dingtalk_cards_get(dingtalk_card_core(card))->undelivered = 0;
		qg_livecard_landed(live);
		qg_livecard_rows_name(live->cards->rows, live->id, track_of(card), NULL, NULL);
	} else {
		struct qg_livecard_answer said = answer_of(answer);
		qg_livecard_log(live, "made", answer->code, answer->status);
		live->unsure = live->unsure || answer->sent;
		if (!qg_livecard_again(live, &said)) {
			qg_livecard_refuse(live, &said);
		}
	}
	live->next_at = qg_clock_mono() + gap_of(card);
	qg_livecard_rest(live);
}

static struct dingtalk_whom whom_of(const struct dingtalk_card *card)
{
	const char *code = card->handle.robot_code;
	const char *staff = card->handle.staff;
	bool is_direct = card->type == QG_CHAT_DIRECT;
	return (struct dingtalk_whom){
		.robot_code =
			code && code[0] ? code : dingtalk_robot_code(dingtalk_card_core(card)),
		.chat = is_direct && staff && staff[0] ? staff : card->chat,
		.type = card->type,
		.staff = staff};
}

static bool is_last_part(const struct qg_reply *reply)
{
	return reply->part + 1 >= reply->parts;
}

static json_t *buttons_of(struct dingtalk_card *card)
{
	const struct qg_reply *reply = card->live.reply;
	struct dingtalk_whom whom = whom_of(card);
	const struct dingtalk_options *options = dingtalk_options_of(dingtalk_card_core(card));
	bool has_any = reply && reply->buttons && is_last_part(reply) &&
		       options->transport == DINGTALK_STREAM && card->chat;
	return has_any ? dingtalk_card_buttons(
				 dingtalk_card_core(card), track_of(card), &whom, reply->buttons)
		       : NULL;
}

bool dingtalk_card_make_it(struct qg_livecard *live)
{
	struct dingtalk_card *card = card_of(live);
	const char *text = live->reply ? live->reply->text : live->text;
	const struct dingtalk_options *options = dingtalk_options_of(dingtalk_card_core(card));
	bool is_cut;
	char *shown = dingtalk_card_text(text, DINGTALK_CARD_MOST, &is_cut);
	QG_AUTO(qg_str_free) char *title = ding_title(text, dingtalk_card_core(card)->bot->title);
	json_auto_t *buttons = buttons_of(card);
	json_t *body = NULL;
	if (shown && title) {
		struct dingtalk_card_make asked = {.template_id = options->card_template_id,
			.key = key_of(card),
			.track = track_of(card),
			.text = shown,
			.title = title,
			.clickable = options->transport == DINGTALK_STREAM,
			.buttons = buttons,
			.whom = whom_of(card),
			.name = card->handle.name};
		body = dingtalk_card_make_body(&asked);
	}
	if (!body) {
		free(shown);
	} else {
		live->partial = strlen(shown) > DINGTALK_VALUE_MOST; /* more than it is made with */
		live->dirty = live->partial;
		card->has_buttons = buttons != NULL;
		qg_livecard_note(live, shown, qg_livecard_number(live));
	}
	return fly(card, "POST", CREATE, body, made);
}

static void showed(void *arg, const struct dingtalk_answer *answer)
{
	struct dingtalk_card *card = arg;
	struct qg_livecard_answer said = answer_of(answer);
	qg_livecard_showed(&card->live, &said);
}

static json_t *frame_body(
	struct dingtalk_card *card, const char *frame, const char *text, bool is_final)
{
	char guid[DINGTALK_GUID_SIZE];
	dingtalk_card_guid(card->live.id, frame, guid);
	return dingtalk_card_stream_body(track_of(card), guid, key_of(card), text, is_final);
}

bool dingtalk_card_show(struct qg_livecard *live)
{
	struct dingtalk_card *card = card_of(live);
	bool is_cut;
	char frame[16];
	char *text = dingtalk_card_text(live->text, DINGTALK_CARD_MOST, &is_cut);
	if (text && !live->partial && qg_str_equal(text, live->shown)) {
		live->dirty = false;
		free(text);
		return false;
	}
	unsigned number = qg_livecard_number(live);
	snprintf(frame, sizeof(frame), "%u", number);
	json_t *body = text ? frame_body(card, frame, text, false) : NULL;
	if (body) {
		live->dirty = false;
		live->next_at = qg_clock_mono() + gap_of(card);
		qg_livecard_note(live, text, number);
	} else {
		free(text);
	}
	return fly(card, "PUT", STREAMING, body, showed);
}

/* ---- its end ---- */

static void ended(void *arg, const struct dingtalk_answer *answer)
{
	struct dingtalk_card *card = arg;
	struct qg_livecard_answer said = answer_of(answer);
	qg_livecard_ended(&card->live, &said);
}

bool dingtalk_card_end(struct qg_livecard *live)
{
	struct dingtalk_card *card = card_of(live);
	bool is_cut = false;
	char frame[48] = "end ", digest[33];
	char *text = dingtalk_card_text(live->reply->text, DINGTALK_CARD_MOST, &is_cut);
	if (text && is_cut) {
		free(text);
		qg_livecard_tell(live, QG_TOO_LARGE, 0); /* comes again in smaller parts */
		return false;
	}
	qg_digest_id(digest, text ? text : "", NULL);
	memcpy(frame + 4, digest, sizeof(digest));
	json_t *body = text ? frame_body(card, frame, text, true) : NULL;
	if (body) {
		qg_livecard_note(live, text, qg_livecard_number(live));
	} else {
		free(text);
	}
	return fly(card, "PUT", STREAMING, body, ended);
}

bool dingtalk_card_farewell(struct qg_livecard *live)
{
	struct dingtalk_card *card = card_of(live);
	QG_AUTO(qg_str_free) char *text = qg_livecard_farewell(live);
	return fly(card, "PUT", STREAMING,
		text ? frame_body(card, live->farewell, text, true) : NULL, ended);
}

/* ---- behind the end: buttons, and the state of templates that keep their own ---- */

static void updated(void *arg, const struct dingtalk_answer *answer)
{
	struct dingtalk_card *card = arg;
	if (answer->status !=
		QG_OK) { /* the text is out: what stands behind it does not call it back */
		qg_livecard_log(&card->live, "completed", answer->code, answer->status);
	}
	qg_livecard_rest(&card->live);
}

/* An object of what is still to be set; NULL: nothing. */
static json_t *values_behind(struct dingtalk_card *card)
{
	bool by_hand = dingtalk_card_by_hand(key_of(card));
	json_auto_t *buttons = card->has_buttons ? NULL : buttons_of(card);
	if (!by_hand && !buttons) {
		return NULL;
	}
	json_t *values = json_object();
	QG_AUTO(qg_str_free) char *list = buttons ? qg_json_dump(buttons) : NULL;
	int bad = values ? 0 : -1;
	if (bad == 0 && list) {
		bad = json_object_set_new(values, "buttons", json_string(list));
	}
	if (bad == 0 && by_hand) { /* without the text again such a card may go empty */
		const char *shown = card->live.shown ? card->live.shown : "";
		bad = json_object_set_new(values, "flowStatus", json_string("3")) |
		      json_object_set_new(values, key_of(card), json_string(shown));
	}
	if (bad != 0) {
		json_decref(values);
		return NULL;
	}
	return values;
}

bool dingtalk_card_complete(struct qg_livecard *live)
{
	struct dingtalk_card *card = card_of(live);
	json_t *values = values_behind(card);
	json_t *body = values ? dingtalk_card_update_body(track_of(card), values) : NULL;
	return body && fly(card, "PUT", INSTANCES, body, updated);
}
