/* content.c - the bodies of messages by their type: words, pictures, voice, files.
 *
 * Rich texts come as a list, as a list in an object, or bare; unknown pieces are left out. What was spoken is the words
 * that the platform recognised; only a voice without any stays a file. Source: open.dingtalk.com, 机器人接收消息. */
#include "content.h"

#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/message.h"
#include "qg/str.h"

#define TEXT_GATHERED_MAX ((size_t)2 * QG_TEXT_MAX)
#define ATTACHMENTS_BYTES ((size_t)48 * 1024)
#define CODE_MAX 2048
#define NAME_BYTES 255

void dingtalk_content_init(struct dingtalk_content *content, const char *robot_code)
{
	*content = (struct dingtalk_content){.robot_code = robot_code};
	qg_buf_init(&content->text, TEXT_GATHERED_MAX);
}

void dingtalk_content_finish(struct dingtalk_content *content)
{
	qg_buf_finish(&content->text);
	json_decref(content->attachments);
	content->attachments = NULL;
}

/* ---- words ---- */

static void add_text(struct dingtalk_content *content, const char *text)
{
	if (!text || text[0] == '\0') {
		return;
	}
	size_t room = content->text.limit - content->text.size;
	size_t size = qg_utf8_cut(text, strlen(text), room);
	if (qg_buf_add(&content->text, text, size) == QG_NO_MEMORY) {
		content->starved = true;
	}
}

static const char *first_of(const json_t *body, const char *one, const char *other)
{
	const char *text = qg_json_str(body, one, NULL);
	return text ? text : qg_json_str(body, other, "");
}

/* ---- what is attached ---- */

static char *clean_name(const json_t *body)
{
	const char *told = qg_json_str(body, "fileName", "");
	const char *type = qg_json_str(body, "videoType", "");
	char *name = qg_utf8_clean(told, strlen(told));
	if (name && name[0] == '\0' && type[0] != '\0' && strlen(type) < 16) {
		free(name);
		QG_AUTO(qg_str_free) char *made = qg_str_printf("video.%s", type);
		name = made ? qg_utf8_clean(made, strlen(made)) : NULL;
	}
	if (name) {
		qg_utf8_flatten(name);
		name[qg_utf8_cut(name, strlen(name), NAME_BYTES)] = '\0';
	}
	return name;
}

static bool set_string(json_t *object, const char *name, const char *value)
{
	return !value || value[0] == '\0' || strlen(value) > CODE_MAX ||
	       json_object_set_new(object, name, json_string(value)) == 0;
}

static json_t *make_attachment(
	const struct dingtalk_content *content, const char *type, const json_t *body)
{
	QG_AUTO(qg_str_free) char *name = clean_name(body);
	json_t *item = name ? json_pack("{s:s, s:s}", "type", type, "name", name) : NULL;
	if (!item) {
		return NULL;
	}
	bool good =
		set_string(item, "code", qg_json_str(body, "downloadCode", NULL)) &&
		set_string(item, "second_code", qg_json_str(body, "pictureDownloadCode", NULL)) &&
		set_string(item, "robot_code", content->robot_code);
	if (good && content->quoted) {
		good = json_object_set_new(item, "quoted", json_true()) == 0;
	}
	if (!good) {
		json_decref(item);
		return NULL;
	}
	return item;
}

static bool has_code(const json_t *body)
{
	size_t code = strlen(qg_json_str(body, "downloadCode", ""));
	size_t second = strlen(qg_json_str(body, "pictureDownloadCode", ""));
	return (code > 0 && code <= CODE_MAX) || (second > 0 && second <= CODE_MAX);
}

static void attach(struct dingtalk_content *content, const char *type, const json_t *body)
{
	if (!has_code(body) || json_array_size(content->attachments) >= QG_ATTACHMENTS_MOST) {
		return;
	}
	json_t *item = make_attachment(content, type, body);
	if (!content->attachments) {
		content->attachments = json_array();
	}
	size_t bytes = item ? json_dumpb(item, NULL, 0, JSON_COMPACT) : 0;
	if (!item || !content->attachments) {
		content->starved = true;
		json_decref(item);
		return;
	}
	if (content->attachment_bytes + bytes > ATTACHMENTS_BYTES) {
		json_decref(item);
		return;
	}
	content->attachment_bytes += bytes;
	if (json_array_append_new(content->attachments, item) != 0) {
		content->starved = true;
	}
}

/* ---- rich text ---- */

static const json_t *pieces_of(const json_t *body)
{
	const json_t *list = json_is_array(body) ? body : json_object_get(body, "richText");
	return json_is_object(list) ? json_object_get(list, "richTextList") : list;
}

/* The words of a piece; NULL: it has none. Where quoted, pieces may say {msgType, content} instead. */
static const char *words_of(const json_t *piece)
{
	const char *text = qg_json_str(piece, "text", NULL);
	const char *type = qg_json_str(piece, "type", qg_json_str(piece, "msgType", ""));
	if (!text && (type[0] == '\0' || strcmp(type, "text") == 0)) {
		text = qg_json_str(piece, "content", NULL);
	}
	return text;
}

static void add_mention(struct dingtalk_content *content, const json_t *piece)
{
	add_text(content, "@");
	add_text(content, qg_json_str(piece, "atName", ""));
}

static void add_piece(struct dingtalk_content *content, const json_t *piece, bool is_first)
{
	const char *type = qg_json_str(piece, "type", qg_json_str(piece, "msgType", ""));
	const char *text = words_of(piece);
	bool is_at = strcmp(type, "at") == 0;
	if (is_first && content->drops_mention && (is_at || (text && text[0] == '@'))) {
		return;
	}
	if (is_at && !text) {
		add_mention(content, piece);
	} else if (text) {
		add_text(content, text);
	} else if (strcmp(type, "picture") == 0) {
		attach(content, "image", piece);
	} else if (strcmp(type, "video") == 0 || strcmp(type, "file") == 0) {
		attach(content, type, piece);
	}
}

static void add_rich(struct dingtalk_content *content, const json_t *body)
{
	const json_t *pieces = pieces_of(body);
	bool is_first = true;
	for (size_t i = 0; i < json_array_size(pieces); i++) {
		add_piece(content, json_array_get(pieces, i), is_first);
		is_first = false;
	}
}

/* ---- by type ---- */

static void add_voice(struct dingtalk_content *content, const json_t *body)
{
	const char *words = qg_json_str(body, "recognition", "");
	if (words[0] != '\0') {
		add_text(content, words);
	} else {
		attach(content, "audio", body);
	}
}

/* A forwarded talk can be quoted; alone it is of a kind that is not told in words. */
static bool add_record(struct dingtalk_content *content, const json_t *body)
{
	if (content->quoted) {
		add_text(content, first_of(body, "summary", "title"));
	}
	return content->quoted;
}

bool dingtalk_content_read(
	struct dingtalk_content *content, const char *msgtype, const json_t *body)
{
	if (json_is_string(body)) {
		add_text(content, json_string_value(body));
	} else if (strcmp(msgtype, "text") == 0) {
		add_text(content, first_of(body, "content", "text"));
	} else if (strcmp(msgtype, "richText") == 0) {
		add_rich(content, body);
	} else if (strcmp(msgtype, "picture") == 0) {
		attach(content, "image", body);
	} else if (strcmp(msgtype, "audio") == 0) {
		add_voice(content, body);
	} else if (strcmp(msgtype, "video") == 0 || strcmp(msgtype, "file") == 0) {
		attach(content, msgtype, body);
	} else if (strcmp(msgtype, "markdown") == 0) {
		add_text(content, first_of(body, "text", "content"));
	} else if (strcmp(msgtype, "chatRecord") == 0) {
		return add_record(content, body);
	} else {
		return false;
	}
	return true;
}
