/* card_calls.c - the calls of one AI card, and what their answers do to it.
 *
 * A refusal that only waiting cures is waited for, a little; any other makes the card dead, and its answer a message. The
 * end of a card is tried longest of all. What is refused for the app or the template switches cards off for a while. */
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
#define SHORT_PERCENT 80
#define PAUSE_MS 2000 /* of all cards, after a rate was exceeded */
#define TRIES_MOST 4
#define FAREWELLS_MOST 8
#define CREATE "/v1.0/card/instances/createAndDeliver"
#define STREAMING "/v1.0/card/streaming"
#define INSTANCES "/v1.0/card/instances"

static const char *key_of(const struct dingtalk_card *card)
{
	const char *key = dingtalk_options_of(dingtalk_card_core(card))->card_content_key;
	return key && key[0] ? key : "content";
}

/* ---- what an answer means for the card ---- */

static void wait(struct dingtalk_card *card, uint64_t ms)
{
	card->wait_until = qg_clock_mono() + ms;
}

static bool is_about_template(const char *code)
{
	return qg_str_starts_with(code, "param.template") ||
	       qg_str_starts_with(code, "param.cardTemplate");
}

static bool is_missing(const struct dingtalk_answer *answer)
{
	return qg_str_starts_with(answer->code, "param.cardNotExist");
}

/* Too large although it is not: the card takes nothing, and smaller parts would end nowhere. */
#define SMALL 1024 /* bytes */

static bool is_too_large(const struct dingtalk_answer *answer)
{
	return answer->status == QG_TOO_LARGE ||
	       qg_str_starts_with(answer->code, "param.stream.content");
}

/* It does not take this. Cards as such are off where the reason is not this one card's. */
static void refuse(struct dingtalk_card *card, const struct dingtalk_answer *answer)
{
	card->dead = true;
	if (is_missing(answer)) {
		card->made = card->unsure = false; /* there is nothing to end */
	} else if (dingtalk_is_content(answer->code)) {
		return; /* as a message it is refused too, and there something is said instead */
	} else if (is_about_template(answer->code)) {
		dingtalk_cards_refused(card->cards, true,
			"card_template_id 不可用：请在「卡片平台」检查模板已保存、已关联本应用 · "
			"the "
			"card template does not exist, or belongs to another app",
			answer->code);
	} else if (card->flight != DINGTALK_CARD_MAKES && answer->status == QG_UNSUPPORTED) {
		dingtalk_cards_refused(card->cards, false,
			"卡片不能流式更新：请检查 card_content_key "
			"是模板里开启流式的变量，以及权限 "
			"Card.Streaming.Write · check card_content_key and the permission "
			"Card.Streaming.Write",
			answer->code);
	} else {
		dingtalk_cards_refused(card->cards, false,
			"卡片被拒绝，先改发普通消息：请检查权限 Card.Instance.Write 和 "
			"Card.Streaming.Write · cards are refused: check these permissions",
			answer->code);
	}
}

/* true: the same call again, later. */
static bool again(struct dingtalk_card *card, const struct dingtalk_answer *answer)
{
	if (answer->status == QG_BUSY) {
		uint64_t pause = answer->retry_ms > PAUSE_MS ? answer->retry_ms : PAUSE_MS;
		card->cards->pause_until = qg_clock_mono() + pause;
		return !card->reply ||
		       (pause <= DINGTALK_PATIENCE_MS && ++card->tries <= 2 * TRIES_MOST);
	}
	if (!qg_status_is_retryable(answer->status)) {
		return false;
	}
	unsigned tries = card->tries++;
	wait(card, (uint64_t)500 << (tries < TRIES_MOST ? tries : TRIES_MOST));
	return tries < TRIES_MOST;
}

static void log_answer(
	const struct dingtalk_card *card, const char *what, const struct dingtalk_answer *answer)
{
	qg_log_info(dingtalk_card_core(card)->bot->name, "dingtalk: a card was not %s: %s (%s)",
		what, answer->code, qg_status_text(answer->status));
}

/* ---- its calls ---- */

/* Takes body; NULL for no memory. */
static void fly(struct dingtalk_card *card, enum dingtalk_card_flight flight, const char *method,
	const char *path, json_t *body, dingtalk_answer_fn fn)
{
	if (!body) {
		wait(card, 1000);
		dingtalk_cards_wake(card->cards);
		return;
	}
	card->flight = flight;
	dingtalk_call(dingtalk_card_core(card), DINGTALK_API, method, path, body, fn, card);
}

static unsigned gap_of(const struct dingtalk_card *card)
{
	return dingtalk_account_used(dingtalk_card_core(card)->account, DINGTALK_CALLS) >=
			       SHORT_PERCENT
		       ? GAP_SHORT_MS
		       : GAP_MS;
}

/* Notes what is about to be shown; in Redis already, for whoever comes after us. Takes text. */
static void note(struct dingtalk_card *card, char *text)
{
	free(card->flying);
	card->flying = text;
	card->frame++;
	dingtalk_rows_show(card->cards->rows, card->id, card->frame, text);
}

static void landed(struct dingtalk_card *card)
{
	if (card->flying) {
		free(card->shown);
		card->shown = card->flying;
		card->flying = NULL;
	}
	card->tries = 0;
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
	qg_log_warn(dingtalk_card_core(card)->bot->name, "dingtalk: a card was not delivered: %s",
		why ? why : "");
	card->dead = true;
	card->made = card->unsure = false;
	if (++card->cards->undelivered >= 3) {
		dingtalk_cards_refused(
			card->cards, false, "cards are not delivered", why ? why : "");
	}
}

static void made(void *arg, const struct dingtalk_answer *answer)
{
	struct dingtalk_card *card = arg;
	bool is_there = qg_str_starts_with(answer->code, "param.cardAlreadyExist");
	if (answer->status == QG_OK && !is_delivered(answer->body)) {
		undelivered(card, answer);
	} else if (answer->status == QG_OK || is_there) {
		card->made = true;
		card->partial = card->partial || is_there; /* made with other words, perhaps */
		card->cards->undelivered = 0;
		landed(card);
		dingtalk_rows_made(card->cards->rows, card->id);
	} else {
		log_answer(card, "made", answer);
		card->unsure = card->unsure || answer->sent;
		if (!again(card, answer)) {
			refuse(card, answer);
		}
	}
	card->flight = DINGTALK_CARD_RESTS;
	card->next_at = qg_clock_mono() + gap_of(card);
	dingtalk_card_pump(card);
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

static json_t *buttons_of(const struct dingtalk_card *card)
{
	struct dingtalk_whom whom = whom_of(card);
	const struct dingtalk_options *options = dingtalk_options_of(dingtalk_card_core(card));
	bool has_any = card->reply && card->reply->buttons && is_last_part(card->reply) &&
		       options->transport == DINGTALK_STREAM && card->chat;
	return has_any ? dingtalk_card_buttons(
				 dingtalk_card_core(card), card->track, &whom, card->reply->buttons)
		       : NULL;
}

void dingtalk_card_make_it(struct dingtalk_card *card)
{
	const char *text = card->reply ? card->reply->text : card->text;
	const struct dingtalk_options *options = dingtalk_options_of(dingtalk_card_core(card));
	bool is_cut;
	char *shown = dingtalk_card_text(text, DINGTALK_CARD_MOST, &is_cut);
	QG_AUTO(qg_str_free) char *title = ding_title(text, dingtalk_card_core(card)->bot->title);
	json_auto_t *buttons = buttons_of(card);
	json_t *body = NULL;
	if (shown && title) {
		struct dingtalk_card_make asked = {.template_id = options->card_template_id,
			.key = key_of(card),
			.track = card->track,
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
		card->partial = strlen(shown) > DINGTALK_VALUE_MOST; /* more than it is made with */
		card->dirty = card->partial;
		card->has_buttons = buttons != NULL;
		note(card, shown);
	}
	fly(card, DINGTALK_CARD_MAKES, "POST", CREATE, body, made);
}

static void showed(void *arg, const struct dingtalk_answer *answer)
{
	struct dingtalk_card *card = arg;
	if (answer->status == QG_OK) {
		landed(card);
		card->partial = false;
	} else {
		log_answer(card, "updated", answer);
		card->dirty = true;
		if (is_too_large(answer)) {
			card->full = true;
		} else if (!again(card, answer) && !qg_status_is_retryable(answer->status)) {
			refuse(card, answer);
		}
	}
	card->flight = DINGTALK_CARD_RESTS;
	dingtalk_card_pump(card);
}

static json_t *frame_body(
	const struct dingtalk_card *card, const char *frame, const char *text, bool is_final)
{
	char guid[DINGTALK_GUID_SIZE];
	dingtalk_card_guid(card->id, frame, guid);
	return dingtalk_card_stream_body(card->track, guid, key_of(card), text, is_final);
}

void dingtalk_card_show(struct dingtalk_card *card)
{
	bool is_cut;
	char frame[16];
	char *text = dingtalk_card_text(card->text, DINGTALK_CARD_MOST, &is_cut);
	snprintf(frame, sizeof(frame), "%u", card->frame + 1);
	if (text && !card->partial && qg_str_equal(text, card->shown)) {
		card->dirty = false;
		free(text);
		dingtalk_cards_wake(card->cards);
		return;
	}
	json_t *body = text ? frame_body(card, frame, text, false) : NULL;
	if (body) {
		card->dirty = false;
		card->next_at = qg_clock_mono() + gap_of(card);
		note(card, text);
	} else {
		free(text);
	}
	fly(card, DINGTALK_CARD_SHOWS, "PUT", STREAMING, body, showed);
}

/* ---- its end ---- */

/* The answer's own end. */
static void judge_end(struct dingtalk_card *card, const struct dingtalk_answer *answer)
{
	if (answer->status == QG_OK) {
		card->ended = true;
		landed(card);
	} else if (is_too_large(answer) && strlen(card->reply->text) > SMALL) {
		dingtalk_card_tell(card, QG_TOO_LARGE, 0);
	} else if (is_too_large(answer) || !again(card, answer)) {
		refuse(card, answer);
	}
}

/* Nobody waits for it but those who see it: it is tried for long. */
static void judge_farewell(struct dingtalk_card *card, const struct dingtalk_answer *answer)
{
	bool may_help = answer->status == QG_BUSY || qg_status_is_retryable(answer->status);
	if (answer->status == QG_OK || is_missing(answer)) {
		card->ended = true;
	} else if (may_help && card->tries < FAREWELLS_MOST) {
		wait(card, (uint64_t)2000 << card->tries++);
	} else {
		qg_log_warn(dingtalk_card_core(card)->bot->name,
			"dingtalk: a card could not be ended: %s", answer->code);
		card->ended = true;
	}
}

static void ended(void *arg, const struct dingtalk_answer *answer)
{
	struct dingtalk_card *card = arg;
	if (answer->status != QG_OK) {
		log_answer(card, "ended", answer);
	}
	if (card->leaving) {
		judge_farewell(card, answer);
	} else {
		judge_end(card, answer);
	}
	card->flight = DINGTALK_CARD_RESTS;
	dingtalk_card_pump(card);
}

void dingtalk_card_end(struct dingtalk_card *card)
{
	bool is_cut = false;
	char frame[48] = "end ", digest[33];
	char *text = dingtalk_card_text(card->reply->text, DINGTALK_CARD_MOST, &is_cut);
	if (text && is_cut) {
		free(text);
		dingtalk_card_tell(card, QG_TOO_LARGE, 0); /* comes again in smaller parts */
		dingtalk_cards_wake(card->cards);
		return;
	}
	qg_digest_id(digest, text ? text : "", NULL);
	memcpy(frame + 4, digest, sizeof(digest));
	json_t *body = text ? frame_body(card, frame, text, true) : NULL;
	if (body) {
		note(card, text);
	} else {
		free(text);
	}
	fly(card, DINGTALK_CARD_ENDS, "PUT", STREAMING, body, ended);
}

void dingtalk_card_farewell(struct dingtalk_card *card)
{
	QG_AUTO(qg_str_free)
	char *words = dingtalk_core_words(dingtalk_card_core(card), card->farewell);
	const char *shown = card->shown ? card->shown : "";
	QG_AUTO(qg_str_free)
	char *text = qg_str_printf("%s%s%s", shown, shown[0] && words ? "\n\n" : "",
		words	   ? words
		: shown[0] ? ""
			   : "…");
	fly(card, DINGTALK_CARD_ENDS, "PUT", STREAMING,
		text ? frame_body(card, card->farewell, text, true) : NULL, ended);
}

/* ---- behind the end: buttons, and the state of templates that keep their own ---- */

static void updated(void *arg, const struct dingtalk_answer *answer)
{
	struct dingtalk_card *card = arg;
	if (answer->status !=
		QG_OK) { /* the text is out: what stands behind it does not call it back */
		log_answer(card, "completed", answer);
	}
	card->flight = DINGTALK_CARD_RESTS;
	dingtalk_card_pump(card);
}

/* An object of what is still to be set; NULL: nothing. */
static json_t *values_behind(const struct dingtalk_card *card)
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
		bad = json_object_set_new(values, "flowStatus", json_string("3")) |
		      json_object_set_new(
			      values, key_of(card), json_string(card->shown ? card->shown : ""));
	}
	if (bad != 0) {
		json_decref(values);
		return NULL;
	}
	return values;
}

void dingtalk_card_complete(struct dingtalk_card *card)
{
	json_t *values = values_behind(card);
	card->updated = true;
	json_t *body = values ? dingtalk_card_update_body(card->track, values) : NULL;
	if (body) {
		fly(card, DINGTALK_CARD_UPDATES, "PUT", INSTANCES, body, updated);
	} else {
		dingtalk_card_close(card, !card->leaving);
	}
}
