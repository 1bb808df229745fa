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

#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/json.h"
#include "qg/str.h"
#include "wire.h"

#define ATTACHMENTS_MAX 32
/* Three ids, a version, a kind, a time and their separators. */
#define HEAD_MAX (3 * QG_ID_MAX + 64)
/* JSON spells a control character in six bytes; beside the text there are names, handle,
 * attachments. */
#define WIRE_MAX (6 * QG_TEXT_MAX + 512 * 1024)
#define RUN_TIME "%TIME%"

enum kind { KIND_TEXT, KIND_CLICK, KIND_DUE, KIND_COMMAND, KIND_COUNT };

static const char *const attachment_fields[] = {"type", "key", NULL};

struct qg_message *qg_message_create(void)
{
	return calloc(1, sizeof(struct qg_message));
}

void qg_message_destroy(struct qg_message *message)
{
	if (!message) {
		return;
	}
	free(message->id);
	free(message->chat);
	free(message->chat_name);
	free(message->thread);
	free(message->sender);
	free(message->sender_name);
	free(message->text);
	free(message->handle);
	json_decref(message->attachments);
	free(message->feed_event);
	free(message);
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

static bool is_sound(const struct qg_message *message)
{
	return wire_is_id(message->id) && wire_is_id(message->chat) &&
	       wire_is_id(message->sender) && (!message->thread || wire_is_id(message->thread)) &&
	       message->text && message->received_us <= WIRE_INT_MAX &&
	       wire_is_list(message->attachments, ATTACHMENTS_MAX, attachment_fields);
}

static void write_head(struct qg_buf *out, const struct qg_message *message, int64_t stored_at)
{
	qg_buf_printf(out, "1\t%d\t%s\t%s\t%s\t", (int)wire_kind(message), message->id,
		message->sender, message->thread ? message->thread : "");
	if (stored_at == QG_STORED_AT_RUN) {
		qg_buf_add_str(out, RUN_TIME "\n");
	} else {
		qg_buf_printf(out, "%lld\n", (long long)stored_at);
	}
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

struct body {
	const char *chat, *chat_name, *sender_name, *text, *handle;
	bool is_direct, has_mention, is_admin;
	json_t *attachments;
	int64_t sent_at, received_us;
};

static const struct qg_json_field body_fields[] = {
	{"chat", QG_JSON_STRING, true, QG_ID_MAX, offsetof(struct body, chat)},
	{"direct", QG_JSON_BOOL, false, 0, offsetof(struct body, is_direct)},
	{"chat_name", QG_JSON_STRING, false, WIRE_NAME_MAX, offsetof(struct body, chat_name)},
	{"sender_name", QG_JSON_STRING, false, WIRE_NAME_MAX, offsetof(struct body, sender_name)},
	{"text", QG_JSON_STRING, true, QG_TEXT_MAX, offsetof(struct body, text)},
	{"mention", QG_JSON_BOOL, false, 0, offsetof(struct body, has_mention)},
	{"admin", QG_JSON_BOOL, false, 0, offsetof(struct body, is_admin)},
	{"handle", QG_JSON_STRING, false, WIRE_HANDLE_MAX, offsetof(struct body, handle)},
	{"attachments", QG_JSON_ARRAY, false, ATTACHMENTS_MAX, offsetof(struct body, attachments)},
	{"sent_at", QG_JSON_INT, false, 0, offsetof(struct body, sent_at)},
	{"received_us", QG_JSON_INT, false, 0, offsetof(struct body, received_us)},
	{NULL},
};

static bool read_body(json_t *json, struct body *body, char *error)
{
	if (qg_json_read(json, body_fields, body, error) != QG_OK) {
		return false;
	}
	if (!wire_is_id(body->chat)) {
		wire_complain(error, "chat is no id");
	} else if (!wire_is_list(body->attachments, ATTACHMENTS_MAX, attachment_fields)) {
		wire_complain(error, "attachments are not a list of {type, key, ...}");
	} else if (body->sent_at < 0 || body->sent_at > WIRE_INT_MAX || body->received_us < 0 ||
		   body->received_us > WIRE_INT_MAX) {
		wire_complain(error, "a time is out of range");
	} else {
		return true;
	}
	return false;
}

/* false for no memory: what was copied stays for the destructor. */
static bool fill(struct qg_message *message, const struct head *head, const struct body *body)
{
	const char *thread = head->fields[4][0] != '\0' ? head->fields[4] : NULL;
	message->kind = head->kind == KIND_CLICK ? QG_MESSAGE_CLICK
			: head->kind == KIND_DUE ? QG_MESSAGE_DUE
						 : QG_MESSAGE_TEXT;
	message->chat_type = body->is_direct ? QG_CHAT_DIRECT : QG_CHAT_GROUP;
	message->mentions_bot = body->has_mention;
	message->sender_is_admin = body->is_admin;
	message->attachments = json_incref(body->attachments);
	message->sent_at = body->sent_at;
	message->received_us = (uint64_t)body->received_us;
	return wire_copy(&message->id, head->fields[2]) &&
	       wire_copy(&message->sender, head->fields[3]) &&
	       wire_copy(&message->thread, thread) && wire_copy(&message->chat, body->chat) &&
	       wire_copy(&message->chat_name, body->chat_name) &&
	       wire_copy(&message->sender_name, body->sender_name) &&
	       wire_copy(&message->text, body->text) && wire_copy(&message->handle, body->handle);
}

struct qg_message *qg_message_decode(
	const char *data, size_t size, int64_t *stored_at_out, char *error)
{
	struct head head;
	struct body body = {0};
	if (size > WIRE_MAX || !parse_head(&head, data, size)) {
		wire_complain(error, size > WIRE_MAX ? "too large" : "the head is no message's");
		return NULL;
	}
	json_auto_t *json = qg_json_parse(data + head.size, size - head.size, error);
	if (!json || !read_body(json, &body, error)) {
		return NULL;
	}
	struct qg_message *message = qg_message_create();
	if (!message || !fill(message, &head, &body)) {
		wire_complain(error, "out of memory");
		qg_message_destroy(message);
		return NULL;
	}
	if (stored_at_out) {
		*stored_at_out = head.stored_at;
	}
	return message;
}
