/* send.c - a reply -> Feishu's API: in place, as a new message, or as plain text.
 *
 * Rich text is a post with one Markdown node. Each part carries a uuid made of the reply and the part's number: the
 * platform posts the same uuid at most once an hour, so a call whose outcome is unknown may be made again. It stays the
 * same over all forms, for a form is changed only after the platform refused it. What a refusal means is in error.c;
 * whether and when to try again is the planner's. */
#include "feishu.h"

#include <stdio.h>
#include <string.h>

#include "qg/codec.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define PATH_MAX_BYTES 1024
/* Escaping makes at most three bytes of one, quoting at most six. */
#define TEXT_MAX (3 * (size_t)QG_REPLY_MAX)
#define BODY_MAX (6 * TEXT_MAX)

/* ---- the request ---- */

/* {"text":"..."} or a post with one md node: what goes quoted into the request. */
static enum qg_status add_content(const char *text, bool is_plain, struct qg_buf *out)
{
	struct qg_buf safe;
	qg_buf_init(&safe, TEXT_MAX);
	feishu_escape(text, &safe);
	enum qg_status status = safe.failed;
	if (status == QG_OK) {
		qg_buf_add_str(out, is_plain ? "{\"text\":"
					     : "{\"zh_cn\":{\"title\":\"\",\"content\":[[{\"tag\":"
					       "\"md\",\"text\":");
		status = qg_json_quote(safe.data ? safe.data : "", safe.size, out);
		qg_buf_add_str(out, is_plain ? "}" : "}]]}}");
	}
	qg_buf_finish(&safe);
	return status != QG_OK ? status : out->failed;
}

static void add_members(const struct qg_reply *reply, bool in_place, struct qg_buf *out)
{
	char part[16];
	char uuid[33];
	snprintf(part, sizeof(part), "%u", reply->part);
	qg_digest_id(uuid, reply->id, part, NULL);
	qg_buf_add_str(out, "{");
	if (!in_place) {
		qg_buf_add_str(out, "\"receive_id\":");
		if (qg_json_quote(reply->chat, strlen(reply->chat), out) != QG_OK) {
			out->failed = QG_INVALID;
		}
		qg_buf_add_str(out, ",");
	}
	qg_buf_printf(out, "\"msg_type\":\"%s\",\"uuid\":\"%s\",\"content\":",
		reply->form == QG_FORM_PLAIN ? "text" : "post", uuid);
}

enum qg_status feishu_send_body(const struct qg_reply *reply, bool in_place, struct qg_buf *out)
{
	bool is_plain = reply->form == QG_FORM_PLAIN;
	struct qg_buf content;
	qg_buf_init(&content, BODY_MAX);
	enum qg_status status = add_content(reply->text, is_plain, &content);
	if (status == QG_OK) {
		add_members(reply, in_place, out);
		status = qg_json_quote(content.data, content.size, out);
		qg_buf_add_str(out, "}");
	}
	qg_buf_finish(&content);
	if (status == QG_OK) {
		status = out->failed;
	}
	size_t most = is_plain ? FEISHU_TEXT_MAX : FEISHU_POST_MAX;
	return status == QG_OK && out->size > most ? QG_TOO_LARGE : status;
}

/* By what its chat is known: notices to admins go to a person's id. */
static const char *id_type(const char *chat)
{
	if (qg_str_starts_with(chat, "ou_")) {
		return "open_id";
	}
	return qg_str_starts_with(chat, "on_") ? "union_id" : "chat_id";
}

static enum qg_status make_path(const struct qg_reply *reply, bool in_place, struct qg_buf *out)
{
	if (in_place) {
		qg_buf_add_str(out, "/open-apis/im/v1/messages/");
		qg_url_encode(reply->handle, strlen(reply->handle), out);
		return qg_buf_add_str(out, "/reply");
	}
	return qg_buf_printf(
		out, "/open-apis/im/v1/messages?receive_id_type=%s", id_type(reply->chat));
}

/* ---- its end ---- */

static void end(struct feishu_send *send, enum qg_status status, unsigned retry_ms)
{
	send->status = status;
	send->retry_ms = retry_ms;
	send->ended = true;
	feishu_core_wake(send->core);
}

static void log_failure(const struct feishu_send *send, const struct feishu_answer *answer,
	const struct feishu_outcome *outcome)
{
	const char *bot = send->core->bot ? send->core->bot->name : NULL;
	enum qg_log_level level = outcome->status == QG_DENIED ? QG_LOG_ERROR : QG_LOG_WARN;
	if (answer->local != QG_OK || answer->error != QG_FETCH_NONE) {
		qg_log_write(level, bot, send->reply->id, "feishu: part %u %s: %s",
			send->reply->part,
			answer->local != QG_OK ? "did not leave" : "may not have arrived",
			answer->words);
		return;
	}
	qg_log_write(level, bot, send->reply->id,
		"feishu: part %u: HTTP %d, code %lld %s (log id %s)%s%s", send->reply->part,
		answer->http, (long long)answer->code, answer->msg,
		answer->log_id[0] ? answer->log_id : "-", outcome->words[0] ? ": " : "",
		outcome->words);
}

static void called(void *arg, const struct feishu_answer *answer)
{
	struct feishu_send *send = arg;
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	send->call = NULL;
	if (answer->local == QG_DENIED) {
		/* No token: it is the app that is refused, not this reply. It waits while an admin puts that right. */
		outcome.status = QG_FAILED;
	}
	if (outcome.status != QG_OK) {
		log_failure(send, answer, &outcome);
	}
	end(send, outcome.status, outcome.retry_ms);
}

void feishu_send_start(struct feishu_send *send)
{
	const struct qg_reply *reply = send->reply;
	bool in_place = reply->form == QG_FORM_RICH && reply->handle && reply->handle[0];
	struct qg_buf path;
	struct qg_buf body;
	qg_buf_init(&path, PATH_MAX_BYTES);
	qg_buf_init(&body, BODY_MAX);
	enum qg_status status = make_path(reply, in_place, &path);
	if (status == QG_TOO_LARGE) {
		status = QG_UNSUPPORTED; /* not a handle of ours: a new message may do */
	}
	if (status == QG_OK) {
		status = feishu_send_body(reply, in_place, &body);
	}
	if (status == QG_OK) {
		send->call = feishu_call_start(
			send->core->account, "POST", path.data, body.data, called, send);
		status = send->call ? QG_OK : QG_NO_MEMORY;
	}
	qg_buf_finish(&path);
	qg_buf_finish(&body);
	if (status != QG_OK) {
		end(send, status, 0);
	}
}
