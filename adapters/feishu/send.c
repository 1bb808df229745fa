/* send.c - a reply -> messages: in place, as a new message, or as plain text; and files.
 *
 * Rich text is a post: the asker, a Markdown node, the line under it. Each part carries a uuid made of the reply and the
 * part's number: the platform posts the same uuid at most once an hour, so a call whose outcome is unknown may be made
 * again. It stays the same over all forms, for a form is changed only after the platform refused it. What a refusal means
 * is in error.c; whether and when to try again is the planner's. */
#include "feishu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feishutext.h"
#include "outbox.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define PATH_MAX_BYTES 1024
/* Escaping makes at most three bytes of one, quoting at most six. */
#define TEXT_MAX (3 * (size_t)QG_REPLY_MAX)
#define BODY_MAX (6 * TEXT_MAX)

#define ONLY_ANSWERS 230101 /* of apps of personal accounts */
#define SENSITIVE 230022
#define LEAK 230028

/* ---- the request ---- */

/* Whom a part calls: who asked in a group, once. An id that is none of a person calls nobody. */
static const char *called_by(const struct qg_reply *reply)
{
	const char *id = reply->sender;
	if (reply->chat_type != QG_CHAT_GROUP || reply->part > 0 || reply->file || !id ||
		!qg_str_starts_with(id, "ou_") ||
		strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(id)) {
		return NULL;
	}
	return id;
}

/* The line under the last text; NULL for none. The footnote begins with the label. */
static const char *line_under(const struct qg_reply *reply)
{
	size_t files = json_array_size(reply->files);
	const char *line = reply->footnote ? reply->footnote : reply->label;
	bool is_last = reply->parts == 0 || reply->part + files + 1 == reply->parts;
	return is_last && line && line[0] ? line : NULL;
}

/* Quoted, and so that it mentions nobody. */
static enum qg_status add_safe(const char *text, struct qg_buf *out)
{
	QG_AUTO(qg_buf_finish) struct qg_buf safe;
	qg_buf_init(&safe, TEXT_MAX);
	feishu_escape(text, &safe);
	if (safe.failed != QG_OK) {
		return safe.failed;
	}
	return qg_json_quote(safe.data ? safe.data : "", safe.size, out);
}

static enum qg_status add_post(
	const char *text, const char *whom, const char *line, struct qg_buf *out)
{
	qg_buf_add_str(out, "{\"zh_cn\":{\"title\":\"\",\"content\":[");
	if (whom) {
		qg_buf_printf(out, "[{\"tag\":\"at\",\"user_id\":\"%s\"}],", whom);
	}
	qg_buf_add_str(out, "[{\"tag\":\"md\",\"text\":");
	enum qg_status status = add_safe(text, out);
	qg_buf_add_str(out, "}]");
	if (status == QG_OK && line) {
		qg_buf_add_str(out, ",[{\"tag\":\"text\",\"style\":[\"italic\"],\"text\":");
		status = add_safe(line, out);
		qg_buf_add_str(out, "}]");
	}
	qg_buf_add_str(out, "]}}");
	return status != QG_OK ? status : out->failed;
}

static enum qg_status add_plain(
	const char *text, const char *whom, const char *line, struct qg_buf *out)
{
	QG_AUTO(qg_buf_finish) struct qg_buf safe;
	qg_buf_init(&safe, TEXT_MAX);
	if (whom) {
		qg_buf_printf(&safe, "<at user_id=\"%s\"></at> ", whom);
	}
	feishu_escape(text, &safe);
	if (line) {
		qg_buf_add_str(&safe, "\n\n");
		feishu_escape(line, &safe);
	}
	if (safe.failed != QG_OK) {
		return safe.failed;
	}
	qg_buf_add_str(out, "{\"text\":");
	enum qg_status status = qg_json_quote(safe.data ? safe.data : "", safe.size, out);
	qg_buf_add_str(out, "}");
	return status != QG_OK ? status : out->failed;
}

/* A whole request; content is JSON, which travels as a string. */
static enum qg_status add_request(const struct qg_reply *reply, bool in_place, const char *type,
	const struct qg_buf *content, struct qg_buf *out)
{
	char part[16];
	char uuid[33];
	snprintf(part, sizeof(part), "%u", reply->part);
	qg_digest_id(uuid, reply->id, part, NULL);
	qg_buf_add_str(out, "{");
	enum qg_status status = QG_OK;
	if (!in_place) {
		qg_buf_add_str(out, "\"receive_id\":");
		status = qg_json_quote(reply->chat, strlen(reply->chat), out);
		qg_buf_add_str(out, ",");
	}
	qg_buf_printf(out, "\"msg_type\":\"%s\",\"uuid\":\"%s\",\"content\":", type, uuid);
	if (status == QG_OK) {
		status = qg_json_quote(content->data, content->size, out);
	}
	qg_buf_add_str(out, "}");
	return status != QG_OK ? status : out->failed;
}

enum qg_status feishu_send_body(
	const struct qg_reply *reply, const char *text, bool in_place, struct qg_buf *out)
{
	bool is_plain = reply->form == QG_FORM_PLAIN;
	const char *whom = called_by(reply);
	const char *line = text == reply->text ? line_under(reply) : NULL;
	QG_AUTO(qg_buf_finish) struct qg_buf content;
	qg_buf_init(&content, BODY_MAX);
	enum qg_status status = is_plain ? add_plain(text, whom, line, &content)
					 : add_post(text, whom, line, &content);
	if (status == QG_OK) {
		status = add_request(reply, in_place, is_plain ? "text" : "post", &content, out);
	}
	size_t most = is_plain ? FEISHU_TEXT_MAX : FEISHU_POST_MAX;
	return status == QG_OK && out->size > most ? QG_TOO_LARGE : status;
}

static enum qg_status file_body(const struct qg_reply *reply, const struct feishu_shape *shape,
	const char *key, bool in_place, struct qg_buf *out)
{
	QG_AUTO(qg_buf_finish) struct qg_buf content;
	qg_buf_init(&content, BODY_MAX);
	qg_buf_printf(&content, "{\"%s\":", shape->member);
	enum qg_status status = qg_json_quote(key, strlen(key), &content);
	qg_buf_add_str(&content, "}");
	if (status == QG_OK && content.failed != QG_OK) {
		status = content.failed;
	}
	return status != QG_OK ? status
			       : add_request(reply, in_place, shape->message_type, &content, out);
}

const char *feishu_id_type(const char *chat)
{
	if (qg_str_starts_with(chat, "ou_")) {
		return "open_id";
	}
	return qg_str_starts_with(chat, "on_") ? "union_id" : "chat_id";
}

static enum qg_status make_path(const struct qg_reply *reply, bool in_place, struct qg_buf *out)
{
	if (!in_place) {
		return qg_buf_printf(out, "/open-apis/im/v1/messages?receive_id_type=%s",
			feishu_id_type(reply->chat));
	}
	qg_buf_add_str(out, "/open-apis/im/v1/messages/");
	qg_url_encode(reply->handle, strlen(reply->handle), out);
	enum qg_status status = qg_buf_add_str(out, "/reply");
	/* Not a handle of ours: a new message may do. */
	return status == QG_TOO_LARGE ? QG_UNSUPPORTED : status;
}

/* ---- its end ---- */

static void end(struct feishu_send *send, enum qg_status status, unsigned retry_ms)
{
	feishu_core_sent(send->core, send->out.reply, status, retry_ms);
}

void feishu_send_drop(struct qg_out *out)
{
	struct feishu_send *send = QG_CONTAINER(out, struct feishu_send, out);
	feishu_call_cancel(send->call);
	feishu_upload_cancel(send->upload);
	free(send->instead);
	free(send);
}

static void log_failure(const struct feishu_send *send, const struct feishu_answer *answer,
	const struct feishu_outcome *outcome)
{
	const char *bot = send->core->bot ? send->core->bot->name : NULL;
	enum qg_log_level level = outcome->status == QG_DENIED ? QG_LOG_ERROR : QG_LOG_WARN;
	if (answer->local != QG_OK || answer->error != QG_FETCH_NONE) {
		qg_log_write(level, bot, send->out.reply->id, "feishu: part %u %s: %s",
			send->out.reply->part,
			answer->local != QG_OK ? "did not leave" : "may not have arrived",
			answer->words);
		return;
	}
	qg_log_write(level, bot, send->out.reply->id,
		"feishu: part %u: HTTP %d, code %lld %s (log id %s)%s%s", send->out.reply->part,
		answer->http, (long long)answer->code, answer->msg,
		answer->log_id[0] ? answer->log_id : "-", outcome->words[0] ? ": " : "",
		outcome->words);
}

static void end_with(struct feishu_send *send, const struct feishu_answer *answer)
{
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	if (answer->local == QG_DENIED) {
		/* No token: it is the app that is refused, not this reply. It waits while an admin puts that right. */
		outcome.status = QG_FAILED;
	}
	if (outcome.status != QG_OK) {
		log_failure(send, answer, &outcome);
	}
	send->left = answer->has_code && feishu_error_is_left(answer->code);
	end(send, outcome.status, outcome.retry_ms);
}

/* ---- refusals that another request gets round ---- */

static void go(struct feishu_send *send);
static void go_file(struct feishu_send *send);

static bool is_in_place(const struct feishu_send *send)
{
	const struct qg_reply *reply = send->out.reply;
	bool has_handle = reply->handle && reply->handle[0];
	return has_handle && (reply->form == QG_FORM_RICH || send->wants_answer);
}

/* A sentence of our own takes the place of a text that is refused for what it says, once. */
static bool says_instead(struct feishu_send *send, const struct feishu_answer *answer)
{
	if ((answer->code != SENSITIVE && answer->code != LEAK) || send->instead ||
		send->out.reply->file) {
		return false;
	}
	send->instead = feishu_core_words(send->core, "content_refused");
	if (!send->instead) {
		return false;
	}
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	log_failure(send, answer, &outcome);
	go(send);
	return true;
}

static bool answers_instead(struct feishu_send *send, const struct feishu_answer *answer)
{
	const struct qg_reply *reply = send->out.reply;
	if (answer->code != ONLY_ANSWERS || is_in_place(send) || !reply->handle ||
		!reply->handle[0] || reply->file) {
		return false;
	}
	send->wants_answer = true;
	go(send);
	return true;
}

/* Who withdrew the only question wants no answer any more; other questions get theirs as a new message. */
static bool drops_quietly(struct feishu_send *send, const struct feishu_answer *answer)
{
	const struct qg_reply *reply = send->out.reply;
	if (!feishu_error_is_withdrawn(answer->code) || !is_in_place(send) ||
		json_array_size(reply->answers) > 1) {
		return false;
	}
	qg_log_info(send->core->bot->name,
		"feishu: part %u of %s is not shown: its question was "
		"withdrawn",
		reply->part, reply->id);
	end(send, QG_OK, 0);
	return true;
}

static void called(void *arg, const struct feishu_answer *answer)
{
	struct feishu_send *send = arg;
	send->call = NULL;
	bool is_refusal = answer->local == QG_OK && answer->has_code && answer->code != 0;
	if (is_refusal && (says_instead(send, answer) || answers_instead(send, answer) ||
				  drops_quietly(send, answer))) {
		return;
	}
	end_with(send, answer);
}

/* Takes the status of body. */
static void post(struct feishu_send *send, enum qg_status status, const struct qg_buf *body)
{
	QG_AUTO(qg_buf_finish) struct qg_buf path;
	qg_buf_init(&path, PATH_MAX_BYTES);
	if (status == QG_OK) {
		status = make_path(send->out.reply, is_in_place(send), &path);
	}
	if (status == QG_OK) {
		send->call = feishu_call_start(
			send->core->account, "POST", path.data, body->data, called, send);
		status = send->call ? QG_OK : QG_NO_MEMORY;
	}
	if (status != QG_OK) {
		end(send, status, 0);
	}
}

static void go(struct feishu_send *send)
{
	QG_AUTO(qg_buf_finish) struct qg_buf body;
	qg_buf_init(&body, BODY_MAX);
	const char *text = send->instead ? send->instead : send->out.reply->text;
	enum qg_status status = feishu_send_body(send->out.reply, text, is_in_place(send), &body);
	post(send, status, &body);
}

/* ---- files ---- */

/* The platform takes it as a file where it takes no such picture. */
static bool is_refused_picture(const struct feishu_answer *answer)
{
	return answer->local == QG_UNSUPPORTED ||
	       (answer->local == QG_OK && answer->has_code &&
		       (answer->code == 234006 || answer->code == 234011 ||
			       answer->code == 234039));
}

static void uploaded(void *arg, const struct feishu_answer *answer, const char *key)
{
	struct feishu_send *send = arg;
	send->upload = NULL;
	if (!key && send->as_image && is_refused_picture(answer)) {
		send->as_image = false;
		go_file(send);
		return;
	}
	if (!key) {
		struct feishu_outcome outcome = feishu_error_outcome(answer);
		if (outcome.status == QG_OK) { /* all is well, and no key: another try may do */
			outcome.status = QG_FAILED;
		} else if (outcome.status == QG_IO || outcome.status == QG_TIMEOUT) {
			outcome.status = QG_FAILED; /* nothing was shown: no outcome is unknown */
		}
		log_failure(send, answer, &outcome);
		end(send, outcome.status, outcome.retry_ms);
		return;
	}
	QG_AUTO(qg_buf_finish) struct qg_buf body;
	qg_buf_init(&body, BODY_MAX);
	const struct feishu_shape *shape = feishu_shape_of(send->out.reply->file, send->as_image);
	post(send, file_body(send->out.reply, shape, key, is_in_place(send), &body), &body);
}

static void go_file(struct feishu_send *send)
{
	send->upload = feishu_upload_start(
		send->core, send->out.reply->file, send->as_image, uploaded, send);
	if (!send->upload) {
		end(send, QG_NO_MEMORY, 0);
	}
}

static void start_file(struct feishu_send *send)
{
	const json_t *file = send->out.reply->file;
	if (!qg_outbox_is_name(qg_json_str(file, "file", ""))) {
		end(send, QG_DENIED, 0); /* no name that leads anywhere else */
		return;
	}
	send->as_image = strcmp(qg_json_str(file, "type", ""), "image") == 0 &&
			 qg_json_int(file, "size", 0) <= (int64_t)FEISHU_IMAGE_MOST;
	go_file(send);
}

/* ---- */

void feishu_send_start(struct feishu_send *send)
{
	if (send->out.reply->file) {
		start_file(send);
	} else if (send->out.reply->text[0] == '\0') {
		end(send, QG_OK, 0); /* there is nothing to show */
	} else {
		go(send);
	}
}
