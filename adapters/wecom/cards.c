/* cards.c - what is shown, the same over both transports: streams, cards with buttons, the welcome, and whether a click
 * still counts.
 *
 * A card's task_id says all that judging its click needs, under our signature, so that any gateway can judge it and none
 * remembers cards: qg1-<issued, ms, hex>-<8 random>-<whose, 16 hex or 0>-<HMAC, 32 hex>. Whose is a digest, because the
 * alphabet of a task_id has no place for ids. Lengths in code points are what the client shows without cutting. */
#include "wecom.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define TITLE_MOST 26 /* code points; document 101032, as all below */
#define SUB_TITLE_MOST 112
#define BUTTONS_MOST 6
#define BUTTON_TEXT_MOST 10
#define BUTTON_KEY_MOST 1024	       /* bytes */
#define TASK_ID_MOST 128	       /* bytes */
#define CLICK_LIFE_MS (60 * 60 * 1000) /* as long as a second click is known to be one */
#define CLOCKS_APART_MS 60000
#define WHOSE_SIZE 17
#define MAC_SIZE 33
#define NAME_MOST 24

/* ---- words ---- */

/* At most so many code points, the last one "…" where more followed. NULL for no memory. */
static char *shorten(const char *text, size_t most)
{
	char *copy = qg_str_copy(text);
	if (!copy) {
		return NULL;
	}
	qg_utf8_flatten(copy);
	if (qg_utf8_count(copy, strlen(copy)) <= most) {
		return copy;
	}
	size_t at = 0, used = 0;
	for (size_t i = 0; i + 1 < most; i++, at += used) {
		qg_utf8_next(copy + at, strlen(copy + at), &used);
	}
	copy[at] = '\0';
	char *whole = qg_str_printf("%s…", copy);
	free(copy);
	return whole;
}

/* Sets a member to the shortened text. */
static int set_short(json_t *object, const char *name, const char *text, size_t most)
{
	QG_AUTO(qg_str_free) char *words = shorten(text, most);
	return words ? json_object_set_new(object, name, json_string(words)) : -1;
}

/* Letters, a few signs between them, at most three digits behind: lin.qiao, zhangsan2; not woAJ2GCAAAXtWyujaW. */
static bool reads_like_name(const char *user)
{
	size_t size = strlen(user), letters = 0;
	while (letters < size && ((user[letters] >= 'a' && user[letters] <= 'z') ||
					 (user[letters] >= 'A' && user[letters] <= 'Z') ||
					 (letters > 0 && strchr("._-", user[letters])))) {
		letters++;
	}
	size_t digits = strspn(user + letters, "0123456789");
	return letters >= 2 && digits <= 3 && letters + digits == size && size <= NAME_MOST;
}

char *wecom_asker(const struct qg_bot *bot, enum qg_chat_type type, const char *user)
{
	if (type != QG_CHAT_GROUP || !user || user[0] == '\0') {
		return qg_str_copy("");
	}
	const json_t *person = json_object_get(bot->config->people, user);
	const char *name = json_is_string(person) ? json_string_value(person)
						  : qg_json_str(person, "name", NULL);
	if (!name || name[0] == '\0') {
		name = reads_like_name(user) ? user : "";
	}
	if (name[0] == '\0') {
		return qg_str_copy("");
	}
	QG_AUTO(qg_str_free) char *shown = shorten(name, NAME_MOST);
	for (char *c = shown; c && *c != '\0'; c++) {
		*c = *c == '*' ? ' ' : *c; /* would end the bold */
	}
	return shown ? qg_str_printf("**%s** ", shown) : NULL;
}

/* ---- task ids ---- */

static void mac(const struct qg_bot *bot, const char *what, const char *text, size_t size,
	char *out, size_t digits)
{
	const struct wecom_options *set = bot->config->options;
	uint8_t key[QG_SHA256_SIZE], digest[QG_SHA256_SIZE];
	char hex[2 * QG_SHA256_SIZE + 1];
	const char *parts[] = {what, set->bot_id, set->secret, set->token, set->encoding_aes_key};
	struct qg_bytes pieces[10];
	size_t count = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *part = parts[i] ? parts[i] : "";
		pieces[count++] = (struct qg_bytes){part, strlen(part)};
		pieces[count++] = (struct qg_bytes){"", 1};
	}
	qg_sha256_pieces(pieces, count, key);
	qg_hmac_sha256(key, sizeof(key), text, size, digest);
	qg_hex_encode(digest, sizeof(digest), hex);
	memcpy(out, hex, digits);
	out[digits] = '\0';
}

static void whose(const struct qg_bot *bot, const char *user, char out[WHOSE_SIZE])
{
	mac(bot, "card of", user, strlen(user), out, WHOSE_SIZE - 1);
}

static void make_task_id(
	const struct qg_bot *bot, const char *asker, int64_t now, char out[TASK_ID_MOST + 1])
{
	char nonce[9], allowed[WHOSE_SIZE] = "0", proof[MAC_SIZE], head[TASK_ID_MOST];
	qg_random_hex(nonce, 4);
	if (asker) {
		whose(bot, asker, allowed);
	}
	int size = snprintf(
		head, sizeof(head), "qg1-%" PRIx64 "-%s-%s", (uint64_t)now, nonce, allowed);
	mac(bot, "task", head, (size_t)size, proof, MAC_SIZE - 1);
	snprintf(out, TASK_ID_MOST + 1, "%.80s-%s", head, proof);
}

struct task {
	int64_t issued;
	char whose[WHOSE_SIZE];
};

/* false: not ours. */
static bool read_task_id(const struct qg_bot *bot, const char *text, struct task *out)
{
	char proof[MAC_SIZE];
	const char *last = text ? strrchr(text, '-') : NULL;
	if (!last || strlen(text) > TASK_ID_MOST || !qg_str_starts_with(text, "qg1-")) {
		return false;
	}
	mac(bot, "task", text, (size_t)(last - text), proof, MAC_SIZE - 1);
	if (!qg_equal_constant_time(proof, last + 1)) {
		return false;
	}
	int read = 0; /* what is signed was written by us */
	uint64_t issued = 0;
	if (sscanf(text, "qg1-%15" SCNx64 "-%*8[0-9a-f]-%16[0-9a-f]%n", &issued, out->whose,
		    &read) != 2 ||
		text + read != last) {
		return false;
	}
	out->issued = (int64_t)issued;
	return true;
}

enum wecom_click wecom_click_judge(
	const struct qg_bot *bot, const struct wecom_event *event, int64_t now)
{
	struct task task;
	char clicker[WHOSE_SIZE];
	if (!event->user || !read_task_id(bot, event->task_id, &task)) {
		return WECOM_CLICK_FOREIGN;
	}
	whose(bot, event->user, clicker);
	if (strcmp(task.whose, "0") != 0 && !qg_equal_constant_time(task.whose, clicker)) {
		return WECOM_CLICK_WRONG_PERSON;
	}
	int64_t age = now - task.issued;
	return age > CLICK_LIFE_MS || age < -CLOCKS_APART_MS ? WECOM_CLICK_LATE : WECOM_CLICK_GOOD;
}

/* ---- cards ---- */

static int add_button(json_t *list, const json_t *button)
{
	const char *text = qg_json_str(button, "text", "");
	const char *value = qg_json_str(button, "value", text);
	if (text[0] == '\0' || value[0] == '\0' || strlen(value) > BUTTON_KEY_MOST ||
		json_array_size(list) >= BUTTONS_MOST) {
		return 0;
	}
	json_t *item = json_pack("{s:i, s:s}", "style", 1, "key", value);
	if (!item || set_short(item, "text", text, BUTTON_TEXT_MOST) != 0) {
		json_decref(item);
		return -1;
	}
	return json_array_append_new(list, item);
}

static json_t *button_list(const json_t *buttons)
{
	json_t *list = json_array();
	int bad = list ? 0 : -1;
	for (size_t i = 0; i < json_array_size(buttons) && bad == 0; i++) {
		bad = add_button(list, json_array_get(buttons, i));
	}
	if (bad != 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

json_t *wecom_buttons_card(const struct qg_bot *bot, const char *title, const json_t *buttons,
	const char *asker, int64_t now)
{
	char task_id[TASK_ID_MOST + 1];
	json_t *list = button_list(buttons);
	if (json_array_size(list) == 0) {
		json_decref(list);
		return NULL;
	}
	make_task_id(bot, asker, now, task_id);
	json_t *card = json_pack("{s:s, s:{}, s:o, s:s}", "card_type", "button_interaction",
		"main_title", "button_list", list, "task_id", task_id);
	if (card && set_short(json_object_get(card, "main_title"), "title",
			    title && title[0] ? title : bot->title, TITLE_MOST) != 0) {
		json_decref(card);
		return NULL;
	}
	return card;
}

static json_t *suggestion_buttons(const struct qg_bot *bot)
{
	json_t *buttons = json_array();
	size_t count = bot->suggestions ? bot->suggestions->count : 0;
	for (size_t i = 0; buttons && i < count; i++) {
		const char *text = bot->suggestions->items[i];
		if (json_array_append_new(
			    buttons, json_pack("{s:s, s:s}", "text", text, "value", text)) != 0) {
			json_decref(buttons);
			buttons = NULL;
		}
	}
	return buttons;
}

static json_t *welcome_text(const struct qg_bot *bot)
{
	QG_AUTO(qg_buf_finish) struct qg_buf text;
	qg_buf_init(&text, WECOM_TEXT_MOST);
	qg_buf_add_str(&text, bot->greeting && bot->greeting[0] ? bot->greeting : bot->title);
	for (size_t i = 0; bot->suggestions && i < bot->suggestions->count; i++) {
		qg_buf_printf(&text, "\n· %s", bot->suggestions->items[i]);
	}
	return text.failed == QG_NO_MEMORY || text.size == 0
		       ? NULL
		       : json_pack(
				 "{s:s, s:{s:s}}", "msgtype", "text", "text", "content", text.data);
}

/* A card while the greeting fits into one, else its text with the suggestions below. */
json_t *wecom_welcome(const struct qg_bot *bot, int64_t now)
{
	const char *greeting = bot->greeting ? bot->greeting : "";
	bool fits = qg_utf8_count(greeting, strlen(greeting)) <= SUB_TITLE_MOST;
	json_auto_t *buttons = fits ? suggestion_buttons(bot) : NULL;
	json_t *card = wecom_buttons_card(bot, bot->title, buttons, NULL, now);
	if (!card) {
		return welcome_text(bot);
	}
	if (greeting[0] != '\0' &&
		set_short(card, "sub_title_text", greeting, SUB_TITLE_MOST) != 0) {
		json_decref(card);
		return NULL;
	}
	return json_pack("{s:s, s:o}", "msgtype", "template_card", "template_card", card);
}

/* A card without buttons in the other's place. Who may not click sees it alone; the others' stays as it is. */
json_t *wecom_click_answer(
	const struct qg_bot *bot, const struct wecom_event *event, const char *words)
{
	enum wecom_click click = wecom_click_judge(bot, event, qg_clock_wall());
	json_auto_t *card = json_pack("{s:s, s:{}, s:{s:i, s:s}, s:s}", "card_type", "text_notice",
		"main_title", "card_action", "type", 1, "url", "https://work.weixin.qq.com/",
		"task_id", event->task_id ? event->task_id : "");
	if (!card || set_short(json_object_get(card, "main_title"), "title", words, TITLE_MOST)) {
		return NULL;
	}
	json_t *body = json_pack(
		"{s:s, s:O}", "response_type", "update_template_card", "template_card", card);
	bool is_alone = click == WECOM_CLICK_WRONG_PERSON || click == WECOM_CLICK_FOREIGN;
	if (body && is_alone && event->user &&
		json_object_set_new(body, "userids", json_pack("[s]", event->user)) != 0) {
		json_decref(body);
		return NULL;
	}
	return body;
}

/* ---- streams ---- */

char *wecom_harmless(const char *text)
{
	static const char everyone[] = "<@all>";
	char *copy = qg_str_copy(text);
	for (char *at = copy; at && (at = strcasestr(at, everyone)) != NULL; at++) {
		memcpy(at, "< all>", sizeof(everyone) - 1);
	}
	return copy;
}

json_t *wecom_stream_body(
	const char *stream_id, bool finish, const char *given, const char *feedback_id)
{
	QG_AUTO(qg_str_free) char *text = wecom_harmless(given);
	if (!text) {
		return NULL;
	}
	size_t size = qg_utf8_cut(text, strlen(text), WECOM_TEXT_MOST);
	json_t *stream = json_pack("{s:s, s:b, s:o}", "id", stream_id, "finish", (int)finish,
		"content", json_stringn(text, size));
	if (!stream) {
		return NULL;
	}
	if (feedback_id && json_object_set_new(stream, "feedback",
				   json_pack("{s:s}", "id", feedback_id)) != 0) {
		json_decref(stream);
		return NULL;
	}
	return json_pack("{s:s, s:o}", "msgtype", "stream", "stream", stream);
}
