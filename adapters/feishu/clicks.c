/* clicks.c - buttons of cards, and who pressed which: judged, stored as a message of its own, answered with a toast.
 *
 * A button's value says all that judging its press needs, under our seal, so that any gateway can: the reply it stands
 * under, the kind of chat and which it is, whose it is, until when, and what it says. Cards can be forwarded, and their
 * buttons work there as well: one that was answered in a direct chat is nobody's in a group. The message's id derives from the card's message and
 * the button: a second press, of whomever and wherever heard, is a duplicate to the store. The answer is a toast alone; the
 * card is changed afterwards, by a call, for a card in an answer is refused by some clients. */
#include "cards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clicks.h"
#include "seal.h"

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define LIFE_MS                                                                                    \
	(INT64_C(14) * 24 * 60 * 60 * 1000) /* as long as the platform lets a card be pressed */
#define ACTION_MOST ((size_t)16 * 1024)
#define TEXT_POINTS 30 /* of a button: beyond that it is unreadable; the platform takes 100 */
#define VALUE_MOST 600 /* bytes of what it says */
#define WHOSE_SIZE 13
#define SEAL_SIZE 33
#define ANSWER_MS 2200 /* of FEISHU_TAKE_MS */
/* A card that is changed before its click was answered is changed back; the answer goes another way than the change. */
#define CHANGE_MS 400
#define TRIES_MOST 4 /* to change the card: it is in use for a moment after the press */

/* ---- the value of a button ---- */

static void whose(const struct feishu_options *set, const char *whom, char out[WHOSE_SIZE])
{
	qg_seal(set->app_id, set->app_secret, "whose", &whom, 1, out, WHOSE_SIZE);
}

static void where(const struct feishu_options *set, const char *chat, char out[WHOSE_SIZE])
{
	qg_seal(set->app_id, set->app_secret, "where", &chat, 1, out, WHOSE_SIZE);
}

struct button { /* borrowed from the value; whom, chat: "0" for anybody, any */
	const char *reply, *kind, *whom, *chat, *until, *says;
};

static void sign(const struct feishu_options *set, const struct button *button, char out[SEAL_SIZE])
{
	const char *const texts[] = {button->reply, button->kind, button->whom, button->chat,
		button->until, button->says};
	qg_seal(set->app_id, set->app_secret, "button", texts, 6, out, SEAL_SIZE);
}

json_t *feishu_button_value(
	const struct feishu_core *core, const struct qg_reply *reply, const char *value)
{
	const struct feishu_options *set = feishu_options_of(core);
	char whom[WHOSE_SIZE] = QG_SEAL_ANY, chat[WHOSE_SIZE] = QG_SEAL_ANY, until[QG_INT64_SIZE],
	     seal[SEAL_SIZE];
	bool is_group = reply->chat_type == QG_CHAT_GROUP;
	const char *person = is_group ? reply->sender : reply->chat;
	if (feishu_is_person(person)) {
		whose(set, person, whom);
	}
	if (!feishu_is_person(reply->chat)) { /* else the chat's own id is not known */
		where(set, reply->chat, chat);
	}
	qg_str_from_int64(qg_clock_wall() + LIFE_MS, until);
	struct button button = {.reply = reply->id,
		.kind = is_group ? "g" : "d",
		.whom = whom,
		.chat = chat,
		.until = until,
		.says = value};
	sign(set, &button, seal);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "r", button.reply, "k", button.kind,
		"w", whom, "c", chat, "u", until, "v", value, "s", seal);
}

/* false: not ours. */
static bool read_button(const struct feishu_options *set, const json_t *value, struct button *out)
{
	char right[SEAL_SIZE];
	*out = (struct button){.reply = qg_json_str(value, "r", ""),
		.kind = qg_json_str(value, "k", ""),
		.whom = qg_json_str(value, "w", ""),
		.chat = qg_json_str(value, "c", ""),
		.until = qg_json_str(value, "u", ""),
		.says = qg_json_str(value, "v", "")};
	sign(set, out, right);
	return out->says[0] && strlen(out->says) <= VALUE_MOST &&
	       qg_equal_constant_time(right, qg_json_str(value, "s", ""));
}

static json_t *make_button(
	const struct feishu_core *core, const struct qg_reply *reply, const json_t *button)
{
	const char *text = qg_json_str(button, "text", "");
	const char *says = qg_json_str(button, "value", text);
	if (text[0] == '\0' || says[0] == '\0' || strlen(says) > VALUE_MOST) {
		return NULL;
	}
	size_t size = 0, used = 0;
	for (unsigned i = 0; text[size] != '\0' && i < TEXT_POINTS; i++, size += used) {
		qg_utf8_next(text + size, strlen(text + size), &used);
	}
	json_t *value = feishu_button_value(core, reply, says);
	json_t *face =
		json_pack("{s:s, s:o?}", "tag", "plain_text", "content", json_stringn(text, size));
	return json_pack("{s:s, s:s, s:[{s:s, s:s, s:o, s:[{s:s, s:o}]}]}", "tag", "column",
		"width", "auto", "elements", "tag", "button", "type", "default", "text", face,
		"behaviors", "type", "callback", "value", value);
}

json_t *feishu_card_buttons(const struct feishu_core *core, const struct qg_reply *reply)
{
	json_t *columns = json_array();
	for (size_t i = 0; columns && i < json_array_size(reply->buttons); i++) {
		json_t *made = make_button(core, reply, json_array_get(reply->buttons, i));
		if (made && json_array_size(columns) < FEISHU_BUTTONS_MOST) {
			json_array_append_new(columns, made);
		} else {
			json_decref(made);
		}
	}
	if (json_array_size(columns) == 0) {
		json_decref(columns);
		return NULL;
	}
	return json_pack(
		"[{s:s, s:s, s:o}]", "tag", "column_set", "flex_mode", "flow", "columns", columns);
}

/* ---- what the platform says of a press ---- */

struct press {
	struct qg_list item;
	struct feishu_core *core; /* a reference */
	json_t *value;		  /* of the button */
	char *user, *chat, *message;
	feishu_taken_fn taken; /* NULL once it was answered */
	void *arg;
	struct qg_timer *timer;
	/* afterwards: the card */
	struct feishu_call *call;
	char *path, *body;
	const char *method;
	unsigned tries;
};

static void destroy(struct press *press)
{
	struct feishu_core *core = press->core;
	struct feishu_cards *cards = core->cards;
	qg_list_remove(&press->item);
	if (cards && cards->live) {
		qg_livecard_rows_forget(cards->live->rows, press);
	}
	feishu_call_cancel(press->call);
	qg_timer_destroy(press->timer);
	json_decref(press->value);
	free(press->user);
	free(press->chat);
	free(press->message);
	free(press->path);
	free(press->body);
	free(press);
	feishu_core_release(core);
}

static json_t *parse(const struct qg_piece *piece)
{
	return piece->kind == QG_PIECE_OBJECT && piece->size <= ACTION_MOST
		       ? qg_json_parse(piece->data, piece->size, NULL)
		       : NULL;
}

static char *copy_id(const char *text)
{
	return text[0] && strlen(text) <= QG_ID_MAX ? qg_str_copy(text) : NULL;
}

/* An object, or from the console's card builder the text of one. New reference, NULL for neither. */
static json_t *value_of(const json_t *action)
{
	json_t *value = json_object_get(action, "value");
	const char *text = json_string_value(value);
	return text		       ? qg_json_parse(text, strlen(text), NULL)
	       : json_is_object(value) ? json_incref(value)
				       : NULL;
}

/* false: it is nobody's, or there is no memory. */
static bool read_press(struct press *press, const struct feishu_envelope *envelope)
{
	json_auto_t *action = parse(&envelope->fields[FEISHU_ACTION]);
	json_auto_t *context = parse(&envelope->fields[FEISHU_CONTEXT]);
	QG_AUTO(qg_str_free) char *user = qg_piece_copy(&envelope->fields[FEISHU_OPERATOR]);
	press->value = value_of(action);
	press->user = copy_id(user ? user : "");
	press->chat = copy_id(qg_json_str(context, "open_chat_id", ""));
	press->message = copy_id(qg_json_str(context, "open_message_id", ""));
	return press->value && press->user && press->chat && press->message;
}

/* ---- answers ---- */

/* {"toast":{...}}, yours to free; NULL: nothing can be said. more: behind the words. */
static char *toast(
	const struct feishu_core *core, const char *type, const char *key, const char *more)
{
	QG_AUTO(qg_str_free) char *words = core->bot ? feishu_core_words(core, key) : NULL;
	QG_AUTO(qg_str_free) char *text = qg_click_choice(words, more);
	json_auto_t *answer =
		text ? json_pack("{s:{s:s, s:s}}", "toast", "type", type, "content", text) : NULL;
	return answer ? qg_json_dump(answer) : NULL;
}

static void answer(struct press *press, const char *type, const char *key, const char *more)
{
	feishu_taken_fn taken = press->taken;
	if (!taken) {
		return;
	}
	QG_AUTO(qg_str_free) char *text = toast(press->core, type, key, more);
	struct feishu_taken told = {.status = QG_OK, .answer = text};
	press->taken = NULL;
	taken(press->arg, &told);
}

/* The store takes long. It may have it yet: then the next press is told so. */
static void waited(void *arg)
{
	answer(arg, "warning", "click_retry", "");
}

/* ---- the card afterwards ---- */

static void changed(void *arg, const struct feishu_answer *said)
{
	struct press *press = arg;
	struct feishu_outcome outcome = feishu_error_outcome(said);
	bool is_used = said->has_code && said->code == 200810;
	press->call = NULL;
	if ((is_used || qg_status_is_retryable(outcome.status)) && ++press->tries < TRIES_MOST) {
		unsigned wait = outcome.retry_ms > 0 ? outcome.retry_ms : 250u << press->tries;
		qg_timer_start(press->timer, wait);
		return;
	}
	if (outcome.status != QG_OK) {
		qg_log_info(press->core->bot->name,
			"feishu: a card does not show what was chosen: code %lld %s",
			(long long)said->code, said->msg);
	}
	destroy(press);
}

static void change(void *arg)
{
	struct press *press = arg;
	struct feishu_account *account = press->core->account;
	press->call =
		feishu_call_start(account, press->method, press->path, press->body, changed, press);
	if (!press->call) {
		destroy(press);
	}
}

/* By what the card is known: "<card_id> <message_id>", or "- <message_id>" of one that is no entity. */
static bool aim(struct press *press, const char *name, json_t *card, unsigned number)
{
	char uuid[33];
	qg_digest_id(uuid, press->message, "chosen", NULL);
	size_t size = strcspn(name, " ");
	if (name[size] == '\0') {
		return false;
	}
	if (size == 1 && name[0] == '-') {
		QG_AUTO(qg_str_free) char *content = qg_json_dump(card);
		json_auto_t *body = content ? json_pack("{s:s}", "content", content) : NULL;
		press->method = "PATCH";
		press->path = qg_str_printf("/open-apis/im/v1/messages/%s", name + 2);
		press->body = body ? qg_json_dump(body) : NULL;
	} else {
		press->method = "PUT";
		press->path = qg_str_printf("/open-apis/cardkit/v1/cards/%.*s", (int)size, name);
		press->body = feishu_card_put_body(card, number, uuid);
	}
	return press->path && press->body;
}

static void known(void *arg, enum qg_status status, const struct qg_livecard_state *state)
{
	struct press *press = arg;
	json_auto_t *card = status == QG_OK && state->text[0] && state->row != QG_LIVECARD_OPEN
				    ? qg_json_parse(state->text, strlen(state->text), NULL)
				    : NULL;
	QG_AUTO(qg_str_free) char *words = feishu_core_words(press->core, "click_taken");
	QG_AUTO(qg_str_free)
	char *text = qg_click_choice(words, qg_json_str(press->value, "v", ""));
	press->timer = card ? qg_timer_create(press->core->bot->loop, change, press) : NULL;
	if (!press->timer || !text || !feishu_card_choose(card, text) ||
		!aim(press, state->name, card, state->number + 1)) {
		destroy(press);
		return;
	}
	qg_timer_start(press->timer, CHANGE_MS);
}

/* What it ended as stands in Redis for a day; of older ones the toast alone tells. */
static void show_choice(struct press *press)
{
	struct feishu_core *core = press->core;
	struct feishu_cards *cards = core->bot && !core->stopping ? feishu_cards_get(core) : NULL;
	if (!cards || !cards->live) {
		destroy(press);
		return;
	}
	qg_timer_destroy(press->timer);
	press->timer = NULL;
	qg_list_add(&cards->presses, &press->item);
	qg_livecard_rows_kept(cards->live->rows, qg_json_str(press->value, "r", ""), known, press);
}

/* ---- the message ---- */

static struct qg_message *make_message(
	const struct press *press, const struct button *button, uint64_t received_us)
{
	const struct qg_click click = {.card = press->message,
		.button = button->says,
		.type = button->kind[0] == 'g' ? QG_CHAT_GROUP : QG_CHAT_DIRECT,
		.chat = press->chat,
		.person = press->user,
		.says = button->says,
		.handle = press->message,
		.received_us = received_us};
	return qg_click_message(&click);
}

static void stored(void *arg, enum qg_status status)
{
	struct press *press = arg;
	const char *key = qg_click_words(status);
	if (status == QG_OK) {
		answer(press, "success", key, qg_json_str(press->value, "v", ""));
		show_choice(press);
		return;
	}
	bool is_lasting = status == QG_EMPTY || status == QG_INVALID || status == QG_TOO_LARGE;
	answer(press, status == QG_DUPLICATE ? "info" : is_lasting ? "error" : "warning", key, "");
	destroy(press);
}

/* NULL: it may be taken; else what is said of it. */
static const char *fault_of(const struct press *press, const struct button *button)
{
	const struct feishu_options *set = feishu_options_of(press->core);
	int64_t until = 0, now = qg_clock_wall();
	if (!qg_seal_fits(set->app_id, set->app_secret, "where", press->chat, button->chat)) {
		return "click_late"; /* forwarded */
	}
	if (!qg_seal_fits(set->app_id, set->app_secret, "whose", press->user, button->whom)) {
		return "click_other";
	}
	if (!qg_str_to_int64(button->until, 0, INT64_MAX, &until) || now > until) {
		return "click_late";
	}
	return NULL;
}

void feishu_click(struct feishu_core *core, const struct feishu_envelope *envelope,
	uint64_t received_us, feishu_taken_fn taken, void *arg)
{
	struct press *press = calloc(1, sizeof(*press));
	if (!press) {
		struct feishu_taken none = {.status = QG_NO_MEMORY};
		taken(arg, &none);
		return;
	}
	qg_list_init(&press->item);
	press->core = core;
	press->taken = taken;
	press->arg = arg;
	feishu_core_take(core);
	struct button button;
	bool is_ours = read_press(press, envelope) &&
		       read_button(feishu_options_of(core), press->value, &button);
	const char *fault = is_ours ? fault_of(press, &button) : "click_late";
	struct qg_message *message = fault ? NULL : make_message(press, &button, received_us);
	press->timer = message ? qg_timer_create(core->bot->loop, waited, press) : NULL;
	if (!press->timer) {
		qg_message_destroy(message);
		answer(press, is_ours && fault ? "warning" : "error", fault ? fault : "click_retry",
			"");
		destroy(press);
		return;
	}
	qg_timer_start(press->timer, ANSWER_MS);
	core->bot->host->receive(core->bot, message, stored, press);
}

/* Those that wait for the store end by themselves. */
void feishu_clicks_finish(struct feishu_cards *cards)
{
	QG_LIST_FOR_EACH (item, &cards->presses) {
		destroy(QG_CONTAINER(item, struct press, item));
	}
}
