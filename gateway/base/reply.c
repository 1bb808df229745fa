/* reply.c - a reply's memory and its wire form in an out list.
 *
 * The wire form is the id, a line break and a JSON object with the rest: the scripts in Redis
 * name a head by its first 32 bytes. What it cost travels as the text it was written in: a
 * price must not change a digit on its way through a binary fraction. */
#include "qg/message.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"
#include "wire.h"

#define REPLY_ID_SIZE 32
#define BOT_MAX 40
#define CONVERSATION_MAX 512
#define ANSWERS_MAX 100
#define SOURCES_MAX 32
#define BUTTONS_MAX 32
#define LABEL_MAX 256
#define FOOTNOTE_MAX 1024
#define COST_MAX 512
#define COST_CURRENCIES_MAX 8
#define FREE_COST "{\"CNY\":0}"
#define WIRE_MAX (6 * QG_REPLY_MAX + 512 * 1024)

static const char *const source_fields[] = {"title", NULL};
static const char *const button_fields[] = {"text", "value", NULL};

struct qg_reply *qg_reply_create(void)
{
	return calloc(1, sizeof(struct qg_reply));
}

void qg_reply_destroy(struct qg_reply *reply)
{
	if (!reply) {
		return;
	}
	free(reply->id);
	free(reply->bot);
	free(reply->chat);
	free(reply->conversation);
	free(reply->handle);
	json_decref(reply->answers);
	free(reply->sender);
	free(reply->text);
	free(reply->label);
	free(reply->footnote);
	json_decref(reply->sources);
	json_decref(reply->buttons);
	free(reply->usage.model);
	free(reply->usage.cost);
	free(reply);
}

struct qg_reply *qg_reply_say(const char *bot, const char *conversation,
	const struct qg_message *message, const char *key, char *text, int64_t stored_at)
{
	char id[33];
	struct qg_reply *reply = qg_reply_create();
	if (reply == NULL) {
		free(text);
		return NULL;
	}
	qg_digest_id(id, conversation, message->id, key, NULL);
	reply->id = qg_str_copy(id);
	reply->bot = qg_str_copy(bot);
	reply->chat = qg_str_copy(message->chat);
	reply->conversation = qg_str_copy(conversation);
	reply->chat_type = message->chat_type;
	reply->handle = qg_str_copy(message->handle);
	reply->sender = qg_str_copy(message->sender);
	reply->text = text;
	reply->answers = json_pack("[s]", message->id);
	reply->usage.model = qg_str_copy("offline");
	reply->usage.cost = qg_str_copy("{\"CNY\":0}");
	reply->stored_at = stored_at;
	if (reply->id == NULL || reply->bot == NULL || reply->chat == NULL ||
		reply->conversation == NULL || (reply->handle == NULL && message->handle != NULL) ||
		reply->sender == NULL || reply->text == NULL || reply->answers == NULL ||
		reply->usage.model == NULL || reply->usage.cost == NULL) {
		qg_reply_destroy(reply);
		return NULL;
	}
	return reply;
}

static bool is_reply_id(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!strchr("0123456789abcdef", text[i]) || text[i] == '\0') {
			return false;
		}
	}
	return size == REPLY_ID_SIZE;
}

static bool is_answers(const json_t *answers)
{
	if (!answers) {
		return true;
	}
	if (!json_is_array(answers) || json_array_size(answers) > ANSWERS_MAX) {
		return false;
	}
	for (size_t i = 0; i < json_array_size(answers); i++) {
		if (!wire_is_id(json_string_value(json_array_get(answers, i)))) {
			return false;
		}
	}
	return true;
}

/* NULL, or an object of a few numbers by currency. */
static bool is_cost(const char *cost)
{
	if (!cost) {
		return true;
	}
	json_auto_t *json = qg_json_parse(cost, strlen(cost), NULL);
	if (!json_is_object(json) || json_object_size(json) > COST_CURRENCIES_MAX) {
		return false;
	}
	const char *currency;
	json_t *amount;
	json_object_foreach (json, currency, amount) {
		if (!json_is_number(amount)) {
			return false;
		}
	}
	return true;
}

static bool is_sound(const struct qg_reply *reply)
{
	return reply->id && is_reply_id(reply->id, strlen(reply->id)) && reply->bot &&
	       reply->conversation && wire_is_id(reply->chat) && reply->text &&
	       is_answers(reply->answers) &&
	       wire_is_list(reply->sources, SOURCES_MAX, source_fields) &&
	       wire_is_list(reply->buttons, BUTTONS_MAX, button_fields) &&
	       is_cost(reply->usage.cost);
}

char *qg_reply_encode(const struct qg_reply *reply)
{
	if (!is_sound(reply)) {
		return NULL;
	}
	struct wire_writer writer;
	wire_begin(&writer, WIRE_MAX);
	qg_buf_printf(&writer.buf, "%s\n", reply->id);
	wire_object(&writer);
	wire_str(&writer, "bot", reply->bot, BOT_MAX);
	wire_str(&writer, "chat", reply->chat, QG_ID_MAX);
	wire_str(&writer, "conversation", reply->conversation, CONVERSATION_MAX);
	wire_bool(&writer, "direct", reply->chat_type == QG_CHAT_DIRECT);
	wire_str(&writer, "handle", reply->handle, WIRE_HANDLE_MAX);
	wire_json(&writer, "answers", reply->answers);
	wire_str(&writer, "sender", reply->sender, QG_ID_MAX);
	wire_str(&writer, "text", reply->text, QG_REPLY_MAX);
	wire_str(&writer, "label", reply->label, LABEL_MAX);
	wire_str(&writer, "footnote", reply->footnote, FOOTNOTE_MAX);
	wire_json(&writer, "sources", reply->sources);
	wire_json(&writer, "buttons", reply->buttons);
	wire_str(&writer, "model", reply->usage.model, WIRE_NAME_MAX);
	wire_int(&writer, "input", reply->usage.input);
	wire_int(&writer, "cached_input", reply->usage.cached_input);
	wire_int(&writer, "output", reply->usage.output);
	wire_str(&writer, "cost", reply->usage.cost, COST_MAX);
	wire_int(&writer, "stored_at", reply->stored_at);
	wire_int(&writer, "first_at", reply->first_at);
	wire_int(&writer, "part", reply->part);
	wire_int(&writer, "attempts", reply->attempts);
	wire_bool(&writer, "repeated", reply->repeated);
	return wire_end(&writer, NULL);
}

/* ---- reading ---- */

struct body {
	const char *bot, *chat, *conversation, *handle, *sender, *text, *label, *footnote, *model,
		*cost;
	bool is_direct, is_repeated;
	json_t *answers, *sources, *buttons;
	int64_t input, cached_input, output, stored_at, first_at, part, attempts;
};

#define STR(name, required, max)                                                                   \
	{                                                                                          \
#name, QG_JSON_STRING, required, max, offsetof(struct body, name)                  \
	}
#define INT(name)                                                                                  \
	{                                                                                          \
#name, QG_JSON_INT, false, 0, offsetof(struct body, name)                          \
	}
#define LIST(name, max)                                                                            \
	{                                                                                          \
#name, QG_JSON_ARRAY, false, max, offsetof(struct body, name)                      \
	}

static const struct qg_json_field body_fields[] = {
	STR(bot, true, BOT_MAX),
	STR(chat, true, QG_ID_MAX),
	STR(conversation, true, CONVERSATION_MAX),
	{"direct", QG_JSON_BOOL, false, 0, offsetof(struct body, is_direct)},
	STR(handle, false, WIRE_HANDLE_MAX),
	LIST(answers, ANSWERS_MAX),
	STR(sender, false, QG_ID_MAX),
	STR(text, true, QG_REPLY_MAX),
	STR(label, false, LABEL_MAX),
	STR(footnote, false, FOOTNOTE_MAX),
	LIST(sources, SOURCES_MAX),
	LIST(buttons, BUTTONS_MAX),
	STR(model, false, WIRE_NAME_MAX),
	INT(input),
	INT(cached_input),
	INT(output),
	STR(cost, false, COST_MAX),
	INT(stored_at),
	INT(first_at),
	INT(part),
	INT(attempts),
	{"repeated", QG_JSON_BOOL, false, 0, offsetof(struct body, is_repeated)},
	{NULL},
};

static bool has_sound_numbers(const struct body *body)
{
	const int64_t numbers[] = {
		body->input, body->cached_input, body->output, body->stored_at, body->first_at};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i] < 0 || numbers[i] > WIRE_INT_MAX) {
			return false;
		}
	}
	return body->part >= 0 && body->part <= UINT_MAX && body->attempts >= 0 &&
	       body->attempts <= UINT_MAX;
}

static bool read_body(json_t *json, struct body *body, char *error)
{
	if (qg_json_read(json, body_fields, body, error) != QG_OK) {
		return false;
	}
	const char *words = NULL;
	if (!wire_is_id(body->chat)) {
		words = "chat is no id";
	} else if (!is_answers(body->answers)) {
		words = "answers are not a list of ids";
	} else if (!wire_is_list(body->sources, SOURCES_MAX, source_fields)) {
		words = "sources are not a list of {title, ...}";
	} else if (!wire_is_list(body->buttons, BUTTONS_MAX, button_fields)) {
		words = "buttons are not a list of {text, value}";
	} else if (!is_cost(body->cost)) {
		words = "cost is no object of numbers";
	} else if (!has_sound_numbers(body)) {
		words = "a number is out of range";
	}
	if (words) {
		wire_complain(error, words);
	}
	return !words;
}

/* false for no memory: what was copied stays for the destructor. */
static bool fill(struct qg_reply *reply, const char *id, const struct body *body)
{
	reply->chat_type = body->is_direct ? QG_CHAT_DIRECT : QG_CHAT_GROUP;
	reply->answers = body->answers ? json_incref(body->answers) : json_array();
	reply->sources = json_incref(body->sources);
	reply->buttons = json_incref(body->buttons);
	reply->usage.input = body->input;
	reply->usage.cached_input = body->cached_input;
	reply->usage.output = body->output;
	reply->stored_at = body->stored_at;
	reply->first_at = body->first_at;
	reply->part = (unsigned)body->part;
	reply->attempts = (unsigned)body->attempts;
	reply->repeated = body->is_repeated;
	reply->id = qg_str_copy_n(id, REPLY_ID_SIZE);
	return reply->answers && reply->id && wire_copy(&reply->bot, body->bot) &&
	       wire_copy(&reply->chat, body->chat) &&
	       wire_copy(&reply->conversation, body->conversation) &&
	       wire_copy(&reply->handle, body->handle) && wire_copy(&reply->sender, body->sender) &&
	       wire_copy(&reply->text, body->text) && wire_copy(&reply->label, body->label) &&
	       wire_copy(&reply->footnote, body->footnote) &&
	       wire_copy(&reply->usage.model, body->model) &&
	       wire_copy(&reply->usage.cost, body->cost ? body->cost : FREE_COST);
}

struct qg_reply *qg_reply_decode(const char *data, size_t size, char *error)
{
	struct body body = {0};
	if (size <= REPLY_ID_SIZE || size > WIRE_MAX || !is_reply_id(data, REPLY_ID_SIZE) ||
		data[REPLY_ID_SIZE] != '\n') {
		wire_complain(error, size > WIRE_MAX ? "too large" : "the head is no reply's");
		return NULL;
	}
	json_auto_t *json =
		qg_json_parse(data + REPLY_ID_SIZE + 1, size - REPLY_ID_SIZE - 1, error);
	if (!json || !read_body(json, &body, error)) {
		return NULL;
	}
	struct qg_reply *reply = qg_reply_create();
	if (!reply || !fill(reply, data, &body)) {
		wire_complain(error, "out of memory");
		qg_reply_destroy(reply);
		return NULL;
	}
	return reply;
}
