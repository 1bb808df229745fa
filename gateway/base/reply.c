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
#define FILES_MAX 16
#define FILE_NAME_MAX 128
#define HANDLES_MAX 100 /* one each of the messages it answers */
#define LABEL_MAX 256
#define FOOTNOTE_MAX 1024
#define COST_MAX 512
#define COST_CURRENCIES_MAX 8
#define FREE_COST "{\"CNY\":0}"
#define WIRE_MAX (6 * QG_REPLY_MAX + 1024 * 1024)

static const char *const source_fields[] = {"title", NULL};
static const char *const button_fields[] = {"text", "value", NULL};
static const char *const file_fields[] = {"type", "name", "file", NULL};

struct qg_reply *qg_reply_create(void)
{
	return calloc(1, sizeof(struct qg_reply));
}

static void finish(struct qg_reply *reply)
{
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
	json_decref(reply->files);
	json_decref(reply->handles);
	free(reply->usage.model);
	free(reply->usage.cost);
}

void qg_reply_destroy(struct qg_reply *reply)
{
	if (reply) {
		finish(reply);
		free(reply);
	}
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
	reply->usage.cost = qg_str_copy(FREE_COST);
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

struct qg_reply *qg_reply_tell(const char *bot, enum qg_chat_type type, const char *chat,
	const char *about, const char *key, char *text, int64_t stored_at)
{
	QG_AUTO(qg_str_free) char *conversation = qg_str_printf("%s/%s", bot, chat);
	const struct qg_message message = {.id = (char *)about,
		.chat_type = type,
		.chat = (char *)chat,
		.sender = (char *)chat};
	if (conversation == NULL) {
		free(text);
		return NULL;
	}
	struct qg_reply *reply = qg_reply_say(bot, conversation, &message, key, text, stored_at);
	if (reply != NULL) {
		json_array_clear(reply->answers);
	}
	if (reply != NULL && type == QG_CHAT_GROUP) { /* nobody is named */
		free(reply->sender);
		reply->sender = NULL;
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

static bool is_handles(const json_t *handles)
{
	if (!handles) {
		return true;
	}
	if (!json_is_array(handles) || json_array_size(handles) > HANDLES_MAX) {
		return false;
	}
	for (size_t i = 0; i < json_array_size(handles); i++) {
		const json_t *handle = json_array_get(handles, i);
		if (!json_is_string(handle) || json_string_length(handle) > WIRE_HANDLE_MAX) {
			return false;
		}
	}
	return true;
}

/* A name within one folder: no way out of it, and nothing hidden. */
static bool is_file_name(const char *name)
{
	size_t size =
		strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-");
	return size > 0 && size <= FILE_NAME_MAX && name[size] == '\0' && name[0] != '.';
}

static bool is_files(const json_t *files)
{
	if (!wire_is_list(files, FILES_MAX, file_fields)) {
		return false;
	}
	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *file = json_object_get(json_array_get(files, i), "file");
		if (!is_file_name(json_string_value(file))) {
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
	       wire_is_list(reply->buttons, BUTTONS_MAX, button_fields) && is_files(reply->files) &&
	       is_handles(reply->handles) && is_cost(reply->usage.cost);
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
	wire_json(&writer, "files", reply->files);
	wire_json(&writer, "handles", reply->handles);
	wire_bool(&writer, "silent", reply->silent);
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

/* A reply being read, and what stands otherwise on the wire. */
struct incoming {
	struct qg_reply reply;
	bool is_direct;
	int64_t part, attempts;
};

#define AT(member) offsetof(struct incoming, member)

static const struct qg_json_field body_fields[] = {
	{"bot", QG_JSON_STRING, true, BOT_MAX, AT(reply.bot)},
	{"chat", QG_JSON_STRING, true, QG_ID_MAX, AT(reply.chat)},
	{"conversation", QG_JSON_STRING, true, CONVERSATION_MAX, AT(reply.conversation)},
	{"direct", QG_JSON_BOOL, false, 0, AT(is_direct)},
	{"handle", QG_JSON_STRING, false, WIRE_HANDLE_MAX, AT(reply.handle)},
	{"answers", QG_JSON_ARRAY, false, ANSWERS_MAX, AT(reply.answers)},
	{"sender", QG_JSON_STRING, false, QG_ID_MAX, AT(reply.sender)},
	{"text", QG_JSON_STRING, true, QG_REPLY_MAX, AT(reply.text)},
	{"label", QG_JSON_STRING, false, LABEL_MAX, AT(reply.label)},
	{"footnote", QG_JSON_STRING, false, FOOTNOTE_MAX, AT(reply.footnote)},
	{"sources", QG_JSON_ARRAY, false, SOURCES_MAX, AT(reply.sources)},
	{"buttons", QG_JSON_ARRAY, false, BUTTONS_MAX, AT(reply.buttons)},
	{"files", QG_JSON_ARRAY, false, FILES_MAX, AT(reply.files)},
	{"handles", QG_JSON_ARRAY, false, HANDLES_MAX, AT(reply.handles)},
	{"silent", QG_JSON_BOOL, false, 0, AT(reply.silent)},
	{"model", QG_JSON_STRING, false, WIRE_NAME_MAX, AT(reply.usage.model)},
	{"input", QG_JSON_INT, false, 0, AT(reply.usage.input)},
	{"cached_input", QG_JSON_INT, false, 0, AT(reply.usage.cached_input)},
	{"output", QG_JSON_INT, false, 0, AT(reply.usage.output)},
	{"cost", QG_JSON_STRING, false, COST_MAX, AT(reply.usage.cost)},
	{"stored_at", QG_JSON_INT, false, 0, AT(reply.stored_at)},
	{"first_at", QG_JSON_INT, false, 0, AT(reply.first_at)},
	{"part", QG_JSON_INT, false, 0, AT(part)},
	{"attempts", QG_JSON_INT, false, 0, AT(attempts)},
	{"repeated", QG_JSON_BOOL, false, 0, AT(reply.repeated)},
	{NULL},
};

static bool has_sound_numbers(const struct incoming *in)
{
	const int64_t numbers[] = {in->reply.usage.input, in->reply.usage.cached_input,
		in->reply.usage.output, in->reply.stored_at, in->reply.first_at};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i] < 0 || numbers[i] > WIRE_INT_MAX) {
			return false;
		}
	}
	return in->part >= 0 && in->part <= UINT_MAX && in->attempts >= 0 &&
	       in->attempts <= UINT_MAX;
}

static bool read_body(const char *data, size_t size, struct incoming *in, char *error)
{
	if (!wire_read(data, size, body_fields, in, error)) {
		return false;
	}
	const char *words = NULL;
	if (!wire_is_id(in->reply.chat)) {
		words = "chat is no id";
	} else if (!is_answers(in->reply.answers)) {
		words = "answers are not a list of ids";
	} else if (!wire_is_list(in->reply.sources, SOURCES_MAX, source_fields)) {
		words = "sources are not a list of {title, ...}";
	} else if (!wire_is_list(in->reply.buttons, BUTTONS_MAX, button_fields)) {
		words = "buttons are not a list of {text, value}";
	} else if (!is_files(in->reply.files)) {
		words = "files are not a list of {type, name, file}";
	} else if (!is_handles(in->reply.handles)) {
		words = "handles are not a list of strings";
	} else if (!is_cost(in->reply.usage.cost)) {
		words = "cost is no object of numbers";
	} else if (!has_sound_numbers(in)) {
		words = "a number is out of range";
	}
	if (words) {
		wire_complain(error, words);
	}
	return !words;
}

/* The rest of the reply, and what must not be absent; false for no memory. */
static bool fill(struct incoming *in, const char *id)
{
	struct qg_reply *reply = &in->reply;
	reply->chat_type = in->is_direct ? QG_CHAT_DIRECT : QG_CHAT_GROUP;
	reply->part = (unsigned)in->part;
	reply->attempts = (unsigned)in->attempts;
	reply->id = qg_str_copy_n(id, REPLY_ID_SIZE);
	reply->answers = reply->answers ? reply->answers : json_array();
	reply->usage.cost = reply->usage.cost ? reply->usage.cost : qg_str_copy(FREE_COST);
	reply->usage.model = reply->usage.model ? reply->usage.model : qg_str_copy("offline");
	return reply->id && reply->answers && reply->usage.cost && reply->usage.model;
}

struct qg_reply *qg_reply_decode(const char *data, size_t size, char *error)
{
	struct incoming in = {.is_direct = false};
	if (size <= REPLY_ID_SIZE || size > WIRE_MAX || !is_reply_id(data, REPLY_ID_SIZE) ||
		data[REPLY_ID_SIZE] != '\n') {
		wire_complain(error, size > WIRE_MAX ? "too large" : "the head is no reply's");
		return NULL;
	}
	if (!read_body(data + REPLY_ID_SIZE + 1, size - REPLY_ID_SIZE - 1, &in, error)) {
		finish(&in.reply);
		return NULL;
	}
	struct qg_reply *reply = fill(&in, data) ? qg_reply_create() : NULL;
	if (!reply) {
		wire_complain(error, "out of memory");
		finish(&in.reply);
		return NULL;
	}
	*reply = in.reply;
	return reply;
}
