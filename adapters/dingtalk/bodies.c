/* bodies.c - requests of messages as bytes and trees: by a session's webhook, or by the API.
 *
 * The API calls nobody; a webhook calls whom both `at` and the text name. What does not fit is said before it leaves:
 * QG_TOO_LARGE has the planner cut the part once more. Source: open.dingtalk.com, 机器人消息类型. */
#include "out.h"

#include <string.h>
#include <strings.h>

#include "dingtext.h"
#include "qg/json.h"
#include "qg/str.h"

#define TEXT_MOST                                                                                  \
	((size_t)64 * 1024) /* of what a part may become; far beyond what the platform takes */

/* A last line of words goes on; behind a table, a list or code the name wants a line of its own. */
static bool ends_in_words(const char *text)
{
	const char *line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	while (*line == ' ') {
		line++;
	}
	return *line != '\0' && !strchr("|`~#>-+", *line) && !qg_str_starts_with(line, "* ");
}

bool dingtalk_may_call(const char *id)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_-.$:+/=";
	size_t size = id ? strlen(id) : 0;
	return size > 0 && strspn(id, letters) == size && strcasecmp(id, "all") != 0;
}

static const char *called(const struct dingtalk_whom *whom)
{
	if (whom->type != QG_CHAT_GROUP) {
		return NULL;
	}
	return dingtalk_may_call(whom->staff)	 ? whom->staff
	       : dingtalk_may_call(whom->sender) ? whom->sender
						 : NULL;
}

static enum qg_status shape(const char *text, bool is_plain, struct qg_buf *out)
{
	enum qg_status status =
		is_plain ? ding_plain(text, out) : ding_markdown(text, DING_MESSAGE, out);
	return status == QG_OK && out->size == 0 ? qg_buf_add_str(out, " ") : status;
}

static json_t *at(const struct dingtalk_whom *whom)
{
	const char *list = dingtalk_may_call(whom->staff) ? "atUserIds" : "atDingtalkIds";
	return json_pack("{s:[s], s:b}", list, called(whom), "isAtAll", 0);
}

enum qg_status dingtalk_webhook_body(const struct dingtalk_whom *whom, const char *title,
	const char *text, bool is_plain, struct qg_buf *out)
{
	const char *name = called(whom);
	QG_AUTO(qg_buf_finish) struct qg_buf shown;
	qg_buf_init(&shown, TEXT_MOST);
	enum qg_status status = shape(text, is_plain, &shown);
	if (status == QG_OK && name) {
		bool goes_on = is_plain || ends_in_words(shown.data);
		status = qg_buf_printf(&shown, "%s@%s", goes_on ? " " : "\n\n", name);
	}
	if (status != QG_OK) {
		return status;
	}
	json_auto_t *body = is_plain ? json_pack("{s:s, s:{s:s}}", "msgtype", "text", "text",
					       "content", shown.data)
				     : json_pack("{s:s, s:{s:s, s:s}}", "msgtype", "markdown",
					       "markdown", "title", title, "text", shown.data);
	if (body && name && json_object_set_new(body, "at", at(whom)) != 0) {
		return QG_NO_MEMORY;
	}
	QG_AUTO(qg_str_free) char *bytes = body ? qg_json_dump(body) : NULL;
	if (!bytes) {
		return qg_utf8_is_valid(shown.data, shown.size) ? QG_NO_MEMORY : QG_INVALID;
	}
	return strlen(bytes) > DINGTALK_POST_MOST ? QG_TOO_LARGE : qg_buf_add_str(out, bytes);
}

const char *dingtalk_send_path(enum qg_chat_type type)
{
	return type == QG_CHAT_GROUP ? "/v1.0/robot/groupMessages/send"
				     : "/v1.0/robot/oToMessages/batchSend";
}

/* Takes nothing. */
static json_t *message(const struct dingtalk_whom *whom, const char *key, const char *param)
{
	json_t *body = json_pack(
		"{s:s, s:s, s:s}", "robotCode", whom->robot_code, "msgKey", key, "msgParam", param);
	bool is_group = whom->type == QG_CHAT_GROUP;
	json_t *place = is_group ? json_string(whom->chat) : json_pack("[s]", whom->chat);
	/* takes place, also where body is NULL */
	if (json_object_set_new(body, is_group ? "openConversationId" : "userIds", place) != 0) {
		json_decref(body);
		return NULL;
	}
	return body;
}

enum qg_status dingtalk_text_body(const struct dingtalk_whom *whom, const char *title,
	const char *text, bool is_plain, json_t **body_out)
{
	QG_AUTO(qg_buf_finish) struct qg_buf shown, quoted;
	qg_buf_init(&shown, TEXT_MOST);
	qg_buf_init(&quoted, 8 * TEXT_MOST);
	enum qg_status status = shape(text, is_plain, &shown);
	if (status != QG_OK) {
		return status;
	}
	json_auto_t *param = is_plain ? json_pack("{s:s}", "content", shown.data)
				      : json_pack("{s:s, s:s}", "title", title, "text", shown.data);
	QG_AUTO(qg_str_free) char *bytes = param ? qg_json_dump(param) : NULL;
	if (!bytes) {
		return qg_utf8_is_valid(shown.data, shown.size) ? QG_NO_MEMORY : QG_INVALID;
	}
	status = qg_json_quote(bytes, strlen(bytes), &quoted); /* a string within a string */
	if (status == QG_TOO_LARGE || (status == QG_OK && quoted.size > DINGTALK_PARAM_MOST)) {
		return QG_TOO_LARGE;
	}
	json_t *body = status == QG_OK
			       ? message(whom, is_plain ? "sampleText" : "sampleMarkdown", bytes)
			       : NULL;
	if (!body) {
		return status != QG_OK ? status : QG_NO_MEMORY;
	}
	*body_out = body;
	return QG_OK;
}

static const char *extension_of(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && dot[1] ? dot + 1 : "file";
}

json_t *dingtalk_media_body(
	const struct dingtalk_whom *whom, bool is_image, const char *media_id, const char *name)
{
	json_auto_t *param = is_image ? json_pack("{s:s}", "photoURL", media_id)
				      : json_pack("{s:s, s:s, s:s}", "mediaId", media_id,
						"fileName", name, "fileType", extension_of(name));
	QG_AUTO(qg_str_free) char *bytes = param ? qg_json_dump(param) : NULL;
	return bytes ? message(whom, is_image ? "sampleImageMsg" : "sampleFile", bytes) : NULL;
}
