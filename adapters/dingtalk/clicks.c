/* clicks.c - buttons of cards, and who pressed which: judged, stored as a message of its own, and answered.
 *
 * A button's id says all that judging its press needs, under our signature, so that any gateway can and none remembers:
 * q1.<issued, ms, hex>.<whose, 12 hex or 0>.<g or d>.<HMAC, 20 hex>.<base64 of what it says>. The signature covers the
 * card too. The message's id derives from card and button, so a second press, of whomever and wherever heard, is a
 * duplicate to the store. The platform waits two seconds and shows what the answer sets: for all, or for the presser alone.
 * Templates differ in where they tell the id: as action, or as a parameter named id. */
#include "cards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clicks.h"
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
#define ANSWER_MS 1600 /* of two seconds, to have the answer there in time */

/* ---- ids ---- */

/* The signature stands before what it covers last. */
static void sign(const struct dingtalk_options *set, const char *track, const char *head,
	const char *value, char out[MAC_SIZE])
{
	const char *const texts[] = {track, head, value};
	qg_seal(set->client_id, set->client_secret, "button", texts, 3, out, MAC_SIZE);
}

static enum qg_status add_id(const struct dingtalk_core *core, const char *track,
	const struct dingtalk_whom *whom, const char *value, struct qg_buf *out)
{
	const struct dingtalk_options *set = dingtalk_options_of(core);
	char head[64], whose[WHOSE_SIZE] = QG_SEAL_ANY, proof[MAC_SIZE];
	bool is_group = whom->type == QG_CHAT_GROUP;
	if (is_group && whom->staff && whom->staff[0]) {
		qg_seal(set->client_id, set->client_secret, "whose", &whom->staff, 1, whose,
			WHOSE_SIZE);
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
	QG_AUTO(qg_str_free) char *text = qg_click_choice(words, more);
	return text ? response("cardData", json_pack("{s:s, s:s}", "notice", text, "buttons", "[]"))
		    : json_object();
}

/* ---- a press ---- */

struct press {
	struct dingtalk_core *core; /* a reference */
	char *says;
	dingtalk_clicked_fn clicked; /* NULL once it was answered */
	void *arg;
	struct qg_timer *timer;
};

static void destroy(struct press *press)
{
	struct dingtalk_core *core = press->core;
	qg_timer_destroy(press->timer);
	free(press->says);
	free(press);
	dingtalk_core_release(core);
}

/* Takes response. */
static void answer(struct press *press, json_t *response)
{
	dingtalk_clicked_fn clicked = press->clicked;
	press->clicked = NULL;
	if (clicked) {
		clicked(press->arg, response);
	}
	json_decref(response);
}

/* The store takes long. It may have it yet: then the next press is told so. */
static void waited(void *arg)
{
	struct press *press = arg;
	answer(press, say_to_one(press->core, "click_retry"));
}

static void stored(void *arg, enum qg_status status)
{
	struct press *press = arg;
	const char *key = qg_click_words(status);
	answer(press, status == QG_OK ? say_to_all(press->core, key, press->says)
				      : say_to_one(press->core, key));
	destroy(press);
}

/* What is said of a press that is not taken up; NULL: it may be. New reference. */
static json_t *refusal(
	const struct dingtalk_core *core, const struct click *click, const struct button *button)
{
	const struct dingtalk_options *set = dingtalk_options_of(core);
	int64_t age = qg_clock_wall() - button->issued;
	if (!qg_seal_fits(
		    set->client_id, set->client_secret, "whose", click->user, button->whose)) {
		return say_to_one(core, "click_other");
	}
	if (age > LIFE_MS || age < -CLOCKS_APART_MS) {
		return say_to_all(core, "click_late", "");
	}
	if (button->is_group && (!click->space[0] || strlen(click->space) > QG_ID_MAX)) {
		return json_object();
	}
	return NULL;
}

static struct qg_message *make_message(
	const struct dingtalk_core *core, const struct click *click, const struct button *button)
{
	struct dingtalk_handle handle = {.staff = (char *)click->user, /* borrowed */
		.sender = (char *)click->user,
		.type = button->is_group ? QG_CHAT_GROUP : QG_CHAT_DIRECT};
	QG_AUTO(qg_str_free) char *written = dingtalk_handle_write(core->bot, &handle);
	const struct qg_click what = {.card = click->track,
		.button = click->id,
		.type = handle.type,
		.chat = button->is_group ? click->space : click->user,
		.person = click->user,
		.says = button->value,
		.handle = written};
	return written ? qg_click_message(&what) : NULL;
}

/* false for no memory: nobody hears of it. */
static bool take(struct dingtalk_core *core, struct qg_message *message, uint64_t received_us,
	dingtalk_clicked_fn clicked, void *arg)
{
	struct press *press = calloc(1, sizeof(*press));
	if (!press) {
		qg_message_destroy(message);
		return false;
	}
	*press = (struct press){.core = core, .clicked = clicked, .arg = arg};
	dingtalk_core_take(core);
	press->says = qg_str_copy(message->text);
	press->timer = qg_timer_create(core->bot->loop, waited, press);
	if (!press->says || !press->timer) {
		qg_message_destroy(message);
		destroy(press);
		return false;
	}
	qg_timer_start(press->timer, ANSWER_MS);
	dingtalk_deliver(core, message, received_us, stored, press);
	return true;
}

void dingtalk_click(struct dingtalk_core *core, const char *data, size_t size, uint64_t received_us,
	dingtalk_clicked_fn clicked, void *arg)
{
	struct click click;
	struct button button = {0};
	json_auto_t *refused = NULL;
	struct qg_message *message = NULL;
	if (!click_read(data, size, &click) ||
		!read_id(dingtalk_options_of(core), click.track, click.id, &button)) {
		qg_log_debug(core->bot->name, "dingtalk: a press on a card that is not ours");
	} else if ((refused = refusal(core, &click, &button)) == NULL) {
		message = make_message(core, &click, &button);
	}
	free(button.value);
	click_finish(&click);
	if (!message || !take(core, message, received_us, clicked, arg)) {
		clicked(arg, refused);
	}
}
