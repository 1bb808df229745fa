/* message.c - a message's memory and its wire form in a mailbox.
 *
 * The wire form is a head of tab-separated fields, which the scripts in Redis read without
 * parsing JSON, and a JSON object with the rest:
 *
 *   1 <kind> <id> <sender> <thread> <stored ms>\n{"chat":...,"text":...}
 *
 * kind is 0 for plain text, which may share a turn with its neighbours; all others travel
 * alone: 1 a click, 2 a due item, 3 a text that begins with a slash and may be a command. */
#include "qg/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"
#include "wire.h"

#define ATTACHMENTS_READ_MAX 32 /* earlier versions stored more: the first ones are kept */
#define ATTACHMENTS_BYTES_MAX (64 * 1024)
/* Three ids, a version, a kind, a time and their separators. */
#define HEAD_MAX (3 * QG_ID_MAX + 64)
/* JSON spells a control character in six bytes; beside the text there are names, handle,
 * attachments. */
#define WIRE_MAX (6 * QG_TEXT_MAX + 512 * 1024)
/* What stands beside the text of most messages: one allocation holds them. */
#define USUAL_REST 512
#define RUN_TIME "%TIME%"

enum kind { KIND_TEXT, KIND_CLICK, KIND_DUE, KIND_COMMAND, KIND_COUNT };

static const char *const attachment_fields[] = {"type", NULL};

struct qg_message *qg_message_create(void)
{
	return calloc(1, sizeof(struct qg_message));
}

/* Where its strings stand. */
static const size_t strings[] = {offsetof(struct qg_message, id), offsetof(struct qg_message, chat),
	offsetof(struct qg_message, chat_name), offsetof(struct qg_message, thread),
	offsetof(struct qg_message, sender), offsetof(struct qg_message, sender_name),
	offsetof(struct qg_message, text), offsetof(struct qg_message, handle),
	offsetof(struct qg_message, quote), offsetof(struct qg_message, feed_event)};
#define STRINGS (sizeof(strings) / sizeof(strings[0]))

static char **string_at(const struct qg_message *message, size_t i)
{
	return (char **)((char *)message + strings[i]);
}

static void finish(struct qg_message *message)
{
	for (size_t i = 0; i < STRINGS; i++) {
		free(*string_at(message, i));
	}
	json_decref(message->attachments);
}

void qg_message_destroy(struct qg_message *message)
{
	if (message) {
		finish(message);
		free(message);
	}
}

size_t qg_message_room(const struct qg_message *message)
{
	size_t room = 0;
	for (size_t i = 0; i < STRINGS; i++) {
		const char *text = *string_at(message, i);
		room += text ? strlen(text) + 1 : 0;
	}
	return room;
}

struct qg_message qg_message_settle(struct qg_message *message, char *room)
{
	struct qg_message settled = *message;
	message->attachments = NULL;
	for (size_t i = 0; i < STRINGS; i++) {
		const char *text = *string_at(message, i);
		size_t size = text ? strlen(text) + 1 : 0;
		if (text) {
			memcpy(room, text, size);
			*string_at(&settled, i) = room;
		}
		room += size;
	}
	return settled;
}

const char *qg_message_name(const struct qg_message *message, char alias[QG_ALIAS_SIZE])
{
	char digest[33];
	if (message->sender_name && *message->sender_name) {
		return message->sender_name;
	}
	qg_digest_id(digest, "alias", message->sender ? message->sender : "", NULL);
	snprintf(alias, QG_ALIAS_SIZE, "群友%.4s", digest);
	return alias;
}

/* The full-width slash is what Chinese keyboards give. */
static bool begins_with_slash(const char *text)
{
	text += strspn(text, " \t\r\n");
	return *text == '/' || qg_str_starts_with(text, "／");
}

static enum kind wire_kind(const struct qg_message *message)
{
	switch (message->kind) {
	case QG_MESSAGE_CLICK:
		return KIND_CLICK;
	case QG_MESSAGE_DUE:
		return KIND_DUE;
	case QG_MESSAGE_TEXT:
		break;
	}
	return begins_with_slash(message->text) ? KIND_COMMAND : KIND_TEXT;
}

static bool is_attachments(const json_t *list)
{
	return !list || (wire_is_list(list, QG_ATTACHMENTS_MOST, attachment_fields) &&
				json_dumpb(list, NULL, 0, JSON_COMPACT) <= ATTACHMENTS_BYTES_MAX);
}

static bool is_sound(const struct qg_message *message)
{
	return wire_is_id(message->id) && wire_is_id(message->chat) &&
	       wire_is_id(message->sender) && (!message->thread || wire_is_id(message->thread)) &&
	       message->text && message->received_us <= WIRE_INT_MAX &&
	       is_attachments(message->attachments);
}

static void write_head(struct qg_buf *out, const struct qg_message *message, int64_t stored_at)
{
	const char *const fields[] = {
		message->id, message->sender, message->thread ? message->thread : ""};
	qg_buf_add_str(out, "1\t");
	qg_buf_add_int(out, wire_kind(message));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		qg_buf_add_char(out, '\t');
		qg_buf_add_str(out, fields[i]);
	}
	qg_buf_add_char(out, '\t');
	if (stored_at == QG_STORED_AT_RUN) {
		qg_buf_add_str(out, RUN_TIME);
	} else {
		qg_buf_add_int(out, stored_at);
	}
	qg_buf_add_char(out, '\n');
}

char *qg_message_encode(const struct qg_message *message, int64_t stored_at, size_t *size_out)
{
	bool has_time =
		stored_at == QG_STORED_AT_RUN || (stored_at >= 0 && stored_at <= WIRE_INT_MAX);
	if (!has_time || !is_sound(message)) {
		return NULL;
	}
	struct wire_writer writer;
	wire_begin(&writer, WIRE_MAX);
	if (qg_buf_reserve(&writer.buf, strlen(message->text) + USUAL_REST) != QG_OK) {
		return NULL;
	}
	write_head(&writer.buf, message, stored_at);
	wire_object(&writer);
	wire_str(&writer, "chat", message->chat, QG_ID_MAX);
	wire_bool(&writer, "direct", message->chat_type == QG_CHAT_DIRECT);
	wire_str(&writer, "chat_name", message->chat_name, WIRE_NAME_MAX);
	wire_str(&writer, "sender_name", message->sender_name, WIRE_NAME_MAX);
	wire_str(&writer, "text", message->text, QG_TEXT_MAX);
	wire_bool(&writer, "mention", message->mentions_bot);
	wire_bool(&writer, "admin", message->sender_is_admin);
	wire_str(&writer, "handle", message->handle, WIRE_HANDLE_MAX);
	wire_str(&writer, "quote", message->quote, QG_QUOTE_MAX);
	wire_json(&writer, "attachments", message->attachments);
	wire_int(&writer, "sent_at", message->sent_at);
	wire_int(&writer, "received_us", (int64_t)message->received_us);
	return wire_end(&writer, size_out);
}

/* ---- reading ---- */

struct head {
	char bytes[HEAD_MAX + 1]; /* the fields below lie in here */
	char *fields[6];
	enum kind kind;
	int64_t stored_at;
	size_t size; /* with the line break */
};

/* Cuts bytes at its tabs into exactly the six fields. */
static bool split(struct head *head)
{
	char *at = head->bytes;
	for (size_t i = 0; i < 6; i++) {
		head->fields[i] = at;
		at = strchr(at, '\t');
		if ((at != NULL) != (i < 5)) {
			return false;
		}
		if (at) {
			*at++ = '\0';
		}
	}
	return true;
}

static bool parse_head(struct head *head, const char *data, size_t size)
{
	const char *end = memchr(data, '\n', size < HEAD_MAX ? size : HEAD_MAX);
	if (!end) {
		return false;
	}
	size_t length = (size_t)(end - data);
	memcpy(head->bytes, data, length);
	head->bytes[length] = '\0';
	head->size = length + 1;
	int64_t kind = 0;
	if (strlen(head->bytes) != length || !split(head) || !qg_str_equal(head->fields[0], "1") ||
		!qg_str_to_int64(head->fields[1], 0, KIND_COUNT - 1, &kind) ||
		!qg_str_to_int64(head->fields[5], 0, WIRE_INT_MAX, &head->stored_at)) {
		return false;
	}
	head->kind = (enum kind)kind;
	return wire_is_id(head->fields[2]) && wire_is_id(head->fields[3]) &&
	       (head->fields[4][0] == '\0' || wire_is_id(head->fields[4]));
}

/* A message being read, and what stands otherwise on the wire. */
struct incoming {
	struct qg_message message;
	bool is_direct;
	int64_t received_us;
};

#define AT(member) offsetof(struct incoming, member)

static const struct qg_json_field body_fields[] = {
	{"chat", QG_JSON_STRING, true, QG_ID_MAX, AT(message.chat)},
	{"direct", QG_JSON_BOOL, false, 0, AT(is_direct)},
	{"chat_name", QG_JSON_STRING, false, WIRE_NAME_MAX, AT(message.chat_name)},
	{"sender_name", QG_JSON_STRING, false, WIRE_NAME_MAX, AT(message.sender_name)},
	{"text", QG_JSON_STRING, true, QG_TEXT_MAX, AT(message.text)},
	{"mention", QG_JSON_BOOL, false, 0, AT(message.mentions_bot)},
	{"admin", QG_JSON_BOOL, false, 0, AT(message.sender_is_admin)},
	{"handle", QG_JSON_STRING, false, WIRE_HANDLE_MAX, AT(message.handle)},
	{"quote", QG_JSON_STRING, false, QG_QUOTE_MAX, AT(message.quote)},
	{"attachments", QG_JSON_ARRAY, false, ATTACHMENTS_READ_MAX, AT(message.attachments)},
	{"sent_at", QG_JSON_INT, false, 0, AT(message.sent_at)},
	{"received_us", QG_JSON_INT, false, 0, AT(received_us)},
	{NULL},
};

static void drop_surplus(json_t *list)
{
	while (json_array_size(list) > QG_ATTACHMENTS_MOST) {
		json_array_remove(list, json_array_size(list) - 1);
	}
}

static bool read_body(const char *data, size_t size, struct incoming *in, char *error)
{
	if (!wire_read(data, size, body_fields, in, error)) {
		return false;
	}
	drop_surplus(in->message.attachments);
	if (!wire_is_id(in->message.chat)) {
		wire_complain(error, "chat is no id");
	} else if (!is_attachments(in->message.attachments)) {
		wire_complain(error, "attachments are not a list of {type, ...}");
	} else if (in->message.sent_at < 0 || in->message.sent_at > WIRE_INT_MAX ||
		   in->received_us < 0 || in->received_us > WIRE_INT_MAX) {
		wire_complain(error, "a time is out of range");
	} else {
		return true;
	}
	return false;
}

/* The rest of the message; false for no memory. */
static bool fill(struct incoming *in, const struct head *head)
{
	struct qg_message *message = &in->message;
	const char *thread = head->fields[4][0] != '\0' ? head->fields[4] : NULL;
	message->kind = head->kind == KIND_CLICK ? QG_MESSAGE_CLICK
			: head->kind == KIND_DUE ? QG_MESSAGE_DUE
						 : QG_MESSAGE_TEXT;
	message->chat_type = in->is_direct ? QG_CHAT_DIRECT : QG_CHAT_GROUP;
	message->received_us = (uint64_t)in->received_us;
	return wire_copy(&message->id, head->fields[2]) &&
	       wire_copy(&message->sender, head->fields[3]) && wire_copy(&message->thread, thread);
}

struct qg_message *qg_message_decode(
	const char *data, size_t size, int64_t *stored_at_out, char *error)
{
	struct head head;
	struct incoming in = {.is_direct = false};
	if (size > WIRE_MAX || !parse_head(&head, data, size)) {
		wire_complain(error, size > WIRE_MAX ? "too large" : "the head is no message's");
		return NULL;
	}
	if (!read_body(data + head.size, size - head.size, &in, error)) {
		finish(&in.message);
		return NULL;
	}
	struct qg_message *message = fill(&in, &head) ? qg_message_create() : NULL;
	if (!message) {
		wire_complain(error, "out of memory");
		finish(&in.message);
		return NULL;
	}
	*message = in.message;
	if (stored_at_out) {
		*stored_at_out = head.stored_at;
	}
	return message;
}
