/* clicks.c - buttons of cards, and who pressed which: judged, answered at once, handed on as a message of its own.
 *
 * A button's id says all that judging its press needs, under our signature, so that any gateway can and none remembers:
 * q1.<issued, ms, hex>.<whose, 12 hex or 0>.<g or d>.<HMAC, 20 hex>.<base64 of what it says>. The signature covers the
 * card too. The message's id derives from card, person and button, so a second press that another gateway hears is a
 * duplicate to the store. The platform waits two seconds and shows what the answer sets: for all, or for the presser alone.
 * Templates differ in where they tell the id: as action, or as a parameter named id. */
#include "cards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seal.h"

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define BODY_MOST ((size_t)256 * 1024)
#define BUTTONS_MOST 6
#define TEXT_MOST 20   /* code points of a button */
#define VALUE_MOST 300 /* bytes of what it says */
#define ID_MOST 512
#define LIFE_MS (2 * 60 * 60 * 1000) /* as long as a second press is known to be one */
#define CLOCKS_APART_MS 60000
#define WHOSE_SIZE 13
#define MAC_SIZE 21
#define CLICKED_MOST 60 /* bytes of a choice that the card repeats */

/* ---- ids ---- */

static void mac(const struct dingtalk_options *set, const char *what, const char *a, const char *b,
	char *out, size_t size)
{
	const char *const texts[] = {a, b};
	qg_seal(set->client_id, set->client_secret, what, texts, 2, out, size);
}

/* The signature stands before what it covers last. */
static void sign(const struct dingtalk_options *set, const char *track, const char *head,
	const char *value, char out[MAC_SIZE])
{
	QG_AUTO(qg_str_free) char *text = qg_str_printf("%s.%s", head, value);
	mac(set, "button", track, text ? text : "", out, MAC_SIZE);
}

static enum qg_status add_id(const struct dingtalk_core *core, const char *track,
	const struct dingtalk_whom *whom, const char *value, struct qg_buf *out)
{
	const struct dingtalk_options *set = dingtalk_options_of(core);
	char head[64], whose[WHOSE_SIZE] = "0", proof[MAC_SIZE];
	bool is_group = whom->type == QG_CHAT_GROUP;
	if (is_group && whom->staff && whom->staff[0]) {
		mac(set, "whose", whom->staff, "", whose, sizeof(whose));
	}
	snprintf(head, sizeof(head), "q1.%" PRIx64 ".%s.%c", (uint64_t)qg_clock_wall(), whose,
		is_group ? 'g' : 'd');
	sign(set, track, head, value, proof);
	qg_buf_printf(out, "%s.%s.", head, proof);
	return qg_base64_encode(value, strlen(value), out);
}

struct button {
	int64_t issued;
	char whose[WHOSE_SIZE];
	bool is_group;
	char *value;
};

/* false: not ours. value is then NULL. */
static bool read_id(
	const struct dingtalk_options *set, const char *track, const char *id, struct button *out)
{
	char proof[MAC_SIZE], kind = 0;
	int head = 0, whole = 0;
	uint64_t issued = 0;
	*out = (struct button){0};
	size_t size = strlen(id);
	if (size > ID_MOST ||
		sscanf(id, "q1.%15" SCNx64 ".%12[0-9a-f].%c%n.%20[0-9a-f].%n", &issued, out->whose,
			&kind, &head, proof, &whole) != 4 ||
		whole == 0) {
		return false;
	}
	QG_AUTO(qg_buf_finish) struct qg_buf value;
	qg_buf_init(&value, VALUE_MOST);
	char right[MAC_SIZE];
	QG_AUTO(qg_str_free) char *first = qg_str_copy_n(id, (size_t)head);
	if (!first || qg_base64_decode(id + whole, size - (size_t)whole, &value) != QG_OK ||
		value.size == 0 || !qg_utf8_is_valid(value.data, value.size)) {
		return false;
	}
	sign(set, track, first, value.data, right);
	if (!qg_equal_constant_time(right, proof)) {
		return false;
	}
	out->issued = (int64_t)issued;
	out->is_group = kind == 'g';
	out->value = qg_buf_steal(&value);
	return out->value != NULL;
}

/* ---- buttons ---- */

static json_t *make_button(const struct dingtalk_core *core, const char *track,
	const struct dingtalk_whom *whom, const json_t *button)
{
	const char *text = qg_json_str(button, "text", "");
	const char *value = qg_json_str(button, "value", text);
	if (text[0] == '\0' || value[0] == '\0' || strlen(value) > VALUE_MOST) {
		return NULL;
	}
	size_t size = 0, used = 0;
	for (unsigned i = 0; text[size] != '\0' && i < TEXT_MOST; i++, size += used) {
		qg_utf8_next(text + size, strlen(text + size), &used);
	}
	QG_AUTO(qg_buf_finish) struct qg_buf id;
	qg_buf_init(&id, ID_MOST);
	if (add_id(core, track, whom, value, &id) != QG_OK) {
		return NULL;
	}
	return json_pack("{s:o?, s:s}", "text", json_stringn(text, size), "id", id.data);
}

/* As many as a variable has room for. */
json_t *dingtalk_card_buttons(const struct dingtalk_core *core, const char *track,
	const struct dingtalk_whom *whom, const json_t *buttons)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < json_array_size(buttons) && i < BUTTONS_MOST; i++) {
		json_t *made = make_button(core, track, whom, json_array_get(buttons, i));
		if (!made) {
			continue;
		}
		size_t at = json_array_size(list);
		bool is_in = json_array_append_new(list, made) == 0;
		QG_AUTO(qg_str_free) char *text = qg_json_dump(list);
		if (is_in && (!text || strlen(text) > DINGTALK_VALUE_MOST)) {
			json_array_remove(list, at);
		}
	}
	if (json_array_size(list) == 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

/* ---- what the platform says of a press ---- */

struct click { /* borrowed from the trees */
	const char *track, *user, *space, *id;
	json_t *body, *content;
};

static const json_t *inside(const json_t *object, const char *a, const char *b)
{
	return json_object_get(json_object_get(object, a), b);
}

/* The first of these places that holds one of our ids. */
static const char *find_id(const json_t *content)
{
	const json_t *private = json_object_get(content, "cardPrivateData");
	const json_t *places[] = {inside(private, "params", "id"), inside(content, "params", "id"),
		json_array_get(json_object_get(private, "actionIds"), 0),
		json_object_get(content, "actionId"), json_object_get(content, "value"),
		inside(private, "params", "value"), inside(content, "params", "value")};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *text = json_string_value(places[i]);
		if (text && qg_str_starts_with(text, "q1.")) {
			return text;
		}
	}
	return NULL;
}

static void click_finish(struct click *click)
{
	json_decref(click->content);
	json_decref(click->body);
}

/* content is JSON within JSON, or a tree already. */
static bool click_read(const char *data, size_t size, struct click *out)
{
	*out = (struct click){0};
	out->body = size <= BODY_MOST ? qg_json_parse(data, size, NULL) : NULL;
	json_t *content = json_object_get(out->body, "content");
	const char *text = json_string_value(content);
	out->content = text ? qg_json_parse(text, strlen(text), NULL) : json_incref(content);
	out->track = qg_json_str(out->body, "outTrackId", "");
	out->user = qg_json_str(out->body, "userId", "");
	out->space = qg_json_str(out->body, "spaceId", "");
	out->id = find_id(out->content);
	return out->id && out->user[0] && strlen(out->user) <= QG_ID_MAX && out->track[0] &&
	       strlen(out->track) <= QG_ID_MAX;
}

/* ---- answers ---- */

/* Takes values. */
static json_t *response(const char *whom, json_t *values)
{
	json_t *out =
		json_pack("{s:{s:b, s:b}, s:{s:o}}", "cardUpdateOptions", "updateCardDataByKey", 1,
			"updatePrivateDataByKey", 1, whom, "cardParamMap", values);
	return out ? out : json_object();
}

/* For the presser alone. */
static json_t *say_to_one(const struct dingtalk_core *core, const char *key)
{
	QG_AUTO(qg_str_free) char *words = dingtalk_core_words(core, key);
	return words ? response("userPrivateData", json_pack("{s:s}", "notice", words))
		     : json_object();
}

/* For all: the buttons go. more: behind the words. */
static json_t *say_to_all(const struct dingtalk_core *core, const char *key, const char *more)
{
	QG_AUTO(qg_str_free) char *words = dingtalk_core_words(core, key);
	QG_AUTO(qg_str_free)
	char *text = qg_str_printf("%s%.*s", words ? words : "",
		(int)qg_utf8_cut(more, strlen(more), CLICKED_MOST), more);
	return text ? response("cardData", json_pack("{s:s, s:s}", "notice", text, "buttons", "[]"))
		    : json_object();
}

/* ---- the message ---- */

static struct qg_message *make_message(
	const struct dingtalk_core *core, const struct click *click, const struct button *button)
{
	struct qg_message *message = qg_message_create();
	if (!message) {
		return NULL;
	}
	char id[33];
	struct dingtalk_handle handle = {.staff = (char *)click->user, /* borrowed */
		.sender = (char *)click->user,
		.type = button->is_group ? QG_CHAT_GROUP : QG_CHAT_DIRECT};
	qg_digest_id(id, "click", click->track, click->user, click->id, NULL);
	message->kind = QG_MESSAGE_CLICK;
	message->chat_type = handle.type;
	message->mentions_bot = true;
	message->sent_at = qg_clock_wall();
	message->id = qg_str_copy(id);
	message->chat = qg_str_copy(button->is_group ? click->space : click->user);
	message->sender = qg_str_copy(click->user);
	message->text = qg_str_copy(button->value);
	message->handle = dingtalk_handle_write(core->bot, &handle);
	if (!message->id || !message->chat || !message->sender || !message->text ||
		!message->handle) {
		qg_message_destroy(message);
		return NULL;
	}
	return message;
}

static void stored(void *arg, enum qg_status status)
{
	(void)arg; /* the card was answered; what is lost is counted where it is delivered */
	(void)status;
}

/* A press that this process heard already. */
static bool is_repeat(struct dingtalk_core *core, const struct click *click)
{
	struct dingtalk_cards *cards = dingtalk_cards_get(core);
	char digest[33];
	if (!cards) {
		return false;
	}
	qg_digest_id(digest, click->track, click->id, NULL);
	for (size_t i = 0; i < DINGTALK_CLICKS_MOST; i++) {
		if (strcmp(cards->clicked[i], digest) == 0) {
			return true;
		}
	}
	memcpy(cards->clicked[cards->clicked_next++ % DINGTALK_CLICKS_MOST], digest,
		sizeof(digest));
	return false;
}

static json_t *take(
	struct dingtalk_core *core, const struct click *click, const struct button *button)
{
	char whose[WHOSE_SIZE];
	int64_t age = qg_clock_wall() - button->issued;
	mac(dingtalk_options_of(core), "whose", click->user, "", whose, sizeof(whose));
	if (strcmp(button->whose, "0") != 0 && !qg_equal_constant_time(whose, button->whose)) {
		return say_to_one(core, "click_other");
	}
	if (age > LIFE_MS || age < -CLOCKS_APART_MS) {
		return say_to_all(core, "click_late", "");
	}
	if (button->is_group && (!click->space[0] || strlen(click->space) > QG_ID_MAX)) {
		return json_object();
	}
	if (is_repeat(core, click)) {
		return say_to_one(core, "click_again");
	}
	struct qg_message *message = make_message(core, click, button);
	if (!message) {
		return json_object();
	}
	dingtalk_deliver(core, message, qg_clock_mono_us(), stored, NULL);
	return say_to_all(core, "click_taken", button->value);
}

json_t *dingtalk_click(struct dingtalk_core *core, const char *data, size_t size)
{
	struct click click;
	struct button button = {0};
	json_t *answer = NULL;
	if (click_read(data, size, &click) &&
		read_id(dingtalk_options_of(core), click.track, click.id, &button)) {
		answer = take(core, &click, &button);
	} else {
		qg_log_debug(core->bot->name, "dingtalk: a press on a card that is not ours");
		answer = json_object();
	}
	free(button.value);
	click_finish(&click);
	return answer;
}
