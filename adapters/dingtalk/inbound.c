/* inbound.c - the body of a robot message, from either transport -> a message, or what else it says.
 *
 * The tree is walked by hand: nearly every member may be missing, numbers come as strings, ids may be empty. A person is
 * known by the staff id, which outsiders do not have (and nobody before the robot's version is published); then by the
 * encrypted id. Source: open.dingtalk.com, 机器人接收消息. */
#include "content.h"
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "loose.h"
#include "qg/clock.h"
#include "qg/config.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/str.h"

#define QUOTE_BYTES 4000
#define QUOTA_CODE 20001
#define MS_MAX INT64_C(100000000000000)
#define CODE_MAX 256 /* of a robot */
#define NAME_BYTES 128
#define SESSION_MS INT64_C(5400000) /* a webhook's life where none is told */

struct reading {
	const struct qg_bot *bot;
	const json_t *root;
	struct qg_message *message;
	struct dingtalk_content content;
	char *robot_code, *staff;
	bool starved;
};

/* ---- members ---- */

/* Without control characters: what keys in Redis may hold. */
static bool is_clean(const char *text)
{
	size_t size = strlen(text), used = 0;
	for (size_t at = 0; at < size; at += used) {
		uint32_t code = qg_utf8_next(text + at, size - at, &used);
		if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
			return false;
		}
	}
	return true;
}

static char *copy(struct reading *reading, const char *text)
{
	char *made = qg_str_copy(text);
	reading->starved = reading->starved || !made;
	return made;
}

/* A string or a whole number of 1 to QG_ID_MAX clean bytes; NULL for anything else. */
static char *id_of(struct reading *reading, const char *name)
{
	char digits[QG_INT64_SIZE];
	const json_t *value = json_object_get(reading->root, name);
	const char *text = json_string_value(value);
	if (json_is_integer(value)) {
		qg_str_from_int64(json_integer_value(value), digits);
		text = digits;
	}
	if (!text || text[0] == '\0' || strlen(text) > QG_ID_MAX || !is_clean(text)) {
		return NULL;
	}
	return copy(reading, text);
}

/* The same; one that is too long or unclean is known by its digest. */
static char *any_id_of(struct reading *reading, const char *name)
{
	char *id = id_of(reading, name);
	const char *text = qg_json_str(reading->root, name, "");
	if (id || text[0] == '\0' || reading->starved) {
		return id;
	}
	char digest[33];
	qg_digest_id(digest, name, text, NULL);
	return copy(reading, digest);
}

/* At most most bytes of a text without characters that nobody sees; more stands behind what was cut. */
static char *bounded(struct reading *reading, const char *text, size_t most, const char *more)
{
	char *clean = qg_utf8_clean(text, strlen(text));
	reading->starved = reading->starved || !clean;
	if (!clean) {
		return NULL;
	}
	qg_str_trim(clean);
	size_t size = strlen(clean);
	if (size <= most) {
		return clean;
	}
	clean[qg_utf8_cut(clean, size, most - strlen(more))] = '\0';
	char *whole = qg_str_printf("%s%s", clean, more);
	free(clean);
	reading->starved = reading->starved || !whole;
	return whole;
}

/* A name as one line; NULL where there is none. */
static char *name_of(struct reading *reading, const char *member)
{
	const char *told = qg_json_str(reading->root, member, "");
	char *name = told[0] != '\0' ? bounded(reading, told, NAME_BYTES, "") : NULL;
	if (name) {
		qg_utf8_flatten(name);
	}
	return name;
}

/* ---- who, where, for whom ---- */

static bool is_among_mentioned(const struct reading *reading)
{
	const char *own = qg_json_str(reading->root, "chatbotUserId", "");
	const json_t *users = json_object_get(reading->root, "atUsers");
	for (size_t i = 0; own[0] != '\0' && i < json_array_size(users); i++) {
		const char *id = qg_json_str(json_array_get(users, i), "dingtalkId", "");
		if (strcmp(id, own) == 0) {
			return true;
		}
	}
	return false;
}

/* false: somewhere unknown. */
static bool read_place(struct reading *reading)
{
	struct qg_message *message = reading->message;
	int64_t type = qg_loose_int(json_object_get(reading->root, "conversationType"));
	if (type != 1 && type != 2) {
		return false;
	}
	bool is_group = type == 2;
	message->chat_type = is_group ? QG_CHAT_GROUP : QG_CHAT_DIRECT;
	reading->staff = id_of(reading, "senderStaffId");
	message->sender =
		reading->staff ? copy(reading, reading->staff) : any_id_of(reading, "senderId");
	message->chat = is_group	  ? id_of(reading, "conversationId")
			: message->sender ? copy(reading, message->sender)
					  : NULL;
	message->chat_name = is_group ? name_of(reading, "conversationTitle") : NULL;
	message->sender_name = name_of(reading, "senderNick");
	message->mentions_bot = !is_group ||
				json_is_true(json_object_get(reading->root, "isInAtList")) ||
				is_among_mentioned(reading);
	return message->chat && message->sender;
}

/* A group's own outgoing robot says "normal", which opens nothing. */
static void read_robot(struct reading *reading)
{
	const struct dingtalk_options *set = reading->bot->config->options;
	const char *told = qg_json_str(reading->root, "robotCode", "");
	bool is_good = told[0] != '\0' && strlen(told) <= CODE_MAX && is_clean(told) &&
		       strcmp(told, "normal") != 0;
	const char *own = set->robot_code ? set->robot_code : set->client_id;
	reading->robot_code = copy(reading, is_good ? told : own ? own : "");
}

static char *make_handle(struct reading *reading)
{
	const json_t *root = reading->root;
	int64_t until = qg_loose_int(json_object_get(root, "sessionWebhookExpiredTime"));
	struct dingtalk_handle handle = {
		.webhook = (char *)qg_json_str(root, "sessionWebhook", NULL),
		.webhook_until = until > 0 ? until : reading->message->sent_at + SESSION_MS,
		.robot_code = reading->robot_code,
		.staff = reading->staff,
		.sender = (char *)qg_json_str(root, "senderId", NULL),
		.type = reading->message->chat_type,
		.name = reading->message->sender_name};
	char *text = dingtalk_handle_write(reading->bot, &handle);
	reading->starved = reading->starved || !text;
	return text;
}

/* ---- what it says ---- */

/* `text` holds a text and `content` all else; one official sample has a text's words in `content`. */
static const json_t *body_of(const json_t *root, const char *msgtype)
{
	const json_t *text = json_object_get(root, "text");
	const json_t *content = json_object_get(root, "content");
	bool is_text = strcmp(msgtype, "text") == 0;
	const json_t *body = is_text && text ? text : content ? content : text;
	return body ? body : json_object_get(root, msgtype);
}

/* Content of a quoted message: an object, or one as a string. */
static void read_quoted(struct reading *reading, const json_t *replied)
{
	const char *type = qg_json_str(replied, "msgType", qg_json_str(replied, "msgtype", ""));
	const json_t *told = json_object_get(replied, "content");
	const char *text = json_string_value(told);
	json_auto_t *parsed = text ? qg_json_parse(text, strlen(text), NULL) : NULL;
	const json_t *body = json_is_object(parsed) || json_is_array(parsed) ? parsed : told;
	reading->content.quoted = true;
	reading->content.drops_mention = false;
	if (body) {
		dingtalk_content_read(&reading->content, type, body);
	}
}

static void read_quote(struct reading *reading, const json_t *body)
{
	struct dingtalk_content *content = &reading->content;
	const json_t *replied = json_object_get(body, "repliedMsg");
	if (!json_is_object(replied)) {
		return;
	}
	struct qg_buf own = content->text;
	qg_buf_init(&content->text, own.limit);
	read_quoted(reading, replied);
	if (content->text.size > 0) {
		reading->message->quote = bounded(reading, content->text.data, QUOTE_BYTES, "…");
	}
	qg_buf_finish(&content->text);
	content->text = own;
}

/* false where nobody can read this kind. */
static bool read_content(struct reading *reading)
{
	struct qg_message *message = reading->message;
	struct dingtalk_content *content = &reading->content;
	const char *msgtype = qg_json_str(reading->root, "msgtype", "");
	const json_t *body = body_of(reading->root, msgtype);
	dingtalk_content_init(content, reading->robot_code);
	content->drops_mention = message->chat_type == QG_CHAT_GROUP && message->mentions_bot;
	bool is_known = dingtalk_content_read(content, msgtype, body);
	message->text = bounded(reading, content->text.data ? content->text.data : "", QG_TEXT_MAX,
		"\n（后文过长，已截去）");
	read_quote(reading, body);
	message->attachments = content->attachments;
	content->attachments = NULL;
	reading->starved = reading->starved || content->starved;
	dingtalk_content_finish(content);
	return is_known;
}

static enum qg_status read_message(struct reading *reading, struct dingtalk_event *out)
{
	struct qg_message *message = reading->message;
	message->id = any_id_of(reading, "msgId");
	if (!read_place(reading) || !message->id) {
		return QG_INVALID;
	}
	int64_t sent_at = qg_loose_int(json_object_get(reading->root, "createAt"));
	message->sent_at = sent_at > 0 && sent_at < MS_MAX ? sent_at : qg_clock_wall();
	read_robot(reading);
	out->kind = read_content(reading) ? DINGTALK_MESSAGE : DINGTALK_UNSUPPORTED;
	message->handle = make_handle(reading);
	return QG_OK;
}

static bool is_quota(const json_t *root)
{
	return qg_loose_int(json_object_get(root, "errorCode")) == QUOTA_CODE;
}

static enum qg_status read_root(struct reading *reading, struct dingtalk_event *out)
{
	if (is_quota(reading->root)) {
		out->kind = DINGTALK_QUOTA;
		return QG_OK;
	}
	reading->message = qg_message_create();
	if (!reading->message) {
		return QG_NO_MEMORY;
	}
	enum qg_status status = read_message(reading, out);
	if (status == QG_OK && !reading->starved) {
		out->message = reading->message;
		reading->message = NULL;
	}
	return reading->starved ? QG_NO_MEMORY : status;
}

enum qg_status dingtalk_event_read(
	const struct qg_bot *bot, const char *body, size_t size, struct dingtalk_event *out)
{
	char error[128] = "";
	*out = (struct dingtalk_event){.kind = DINGTALK_NOTHING};
	if (size > DINGTALK_BODY_MAX) {
		return QG_INVALID;
	}
	json_auto_t *root = qg_json_parse(body, size, error);
	if (!json_is_object(root)) {
		return qg_str_starts_with(error, "out of memory") ? QG_NO_MEMORY : QG_INVALID;
	}
	struct reading reading = {.bot = bot, .root = root};
	enum qg_status status = read_root(&reading, out);
	qg_message_destroy(reading.message);
	free(reading.robot_code);
	free(reading.staff);
	if (status != QG_OK) {
		out->kind = DINGTALK_NOTHING;
	}
	return status;
}

void dingtalk_event_finish(struct dingtalk_event *event)
{
	qg_message_destroy(event->message);
	event->message = NULL;
}
