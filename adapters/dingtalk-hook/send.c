/* send.c - a reply -> the robot's address.
 *
 * Each part carries a msgUuid made of the reply and the part's number: a call whose outcome is unknown is made again under
 * it, and shows once. Once the platform has muted the robot nothing leaves until that is over. Address and secret stand in
 * no log line. */
#include "hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dingtext.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/log.h"
#include "qg/scan.h"
#include "qg/str.h"

#define ANSWER_MOST ((size_t)64 * 1024)
#define MSG_MOST 200

static void end(struct dingtalk_hook_send *send, enum qg_status status, unsigned retry_ms)
{
	send->status = status;
	send->retry_ms = retry_ms;
	send->ended = true;
	dingtalk_hook_wake(send->core);
}

/* ---- the answer ---- */

/* As one safe line; "" where it repeats what nobody shall read. Yours to free; NULL for no memory. */
static char *message_of(const struct dingtalk_hook_core *core, const struct qg_piece *piece)
{
	char *msg = piece->kind == QG_PIECE_STRING ? qg_piece_copy(piece) : qg_str_copy("");
	if (!msg) {
		return NULL;
	}
	bool repeats = strstr(msg, core->token) || (core->secret && strstr(msg, core->secret));
	msg[repeats ? 0 : qg_utf8_cut(msg, strlen(msg), MSG_MOST)] = '\0';
	qg_utf8_flatten(msg);
	return msg;
}

static void log_failure(struct dingtalk_hook_send *send, const struct qg_fetch_end *got,
	const struct dingtalk_hook_outcome *outcome, int64_t code, const char *msg)
{
	enum qg_log_level level = outcome->status == QG_DENIED ? QG_LOG_ERROR : QG_LOG_WARN;
	if (got->error != QG_FETCH_NONE) {
		snprintf(send->words, sizeof(send->words), "%s", qg_fetch_error_text(got->error));
	} else {
		snprintf(send->words, sizeof(send->words), "%s%sHTTP %d, errcode %lld %s",
			outcome->words, outcome->words[0] ? " · " : "", got->status,
			(long long)code, msg);
	}
	qg_utf8_flatten(send->words); /* its end may be half a character */
	if (send->reply) {
		qg_log_write(level, send->core->bot->name, send->reply->id,
			"dingtalk-hook: part %u: %s", send->reply->part, send->words);
	}
}

/* A number, or one in quotes. */
static bool is_code(const struct qg_piece *piece)
{
	return (piece->kind == QG_PIECE_NUMBER || piece->kind == QG_PIECE_STRING) &&
	       (qg_piece_int(piece, -7) == qg_piece_int(piece, -8));
}

static void fetched(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *got)
{
	static const char *const paths[] = {"errcode", "errmsg"};
	struct dingtalk_hook_send *send = arg;
	struct dingtalk_hook_core *core = send->core;
	struct qg_piece found[2] = {{0}};
	(void)fetch;
	send->fetch = NULL;
	if (got->error != QG_FETCH_NONE ||
		qg_scan(got->body, got->size, paths, 2, found) != QG_OK) {
		memset(found, 0, sizeof(found));
	}
	int64_t code = qg_piece_int(&found[0], -1);
	QG_AUTO(qg_str_free) char *msg = message_of(core, &found[1]);
	struct dingtalk_hook_outcome outcome =
		dingtalk_hook_judge(got, is_code(&found[0]), code, msg ? msg : "");
	send->is_there = outcome.is_there;
	if (outcome.status == QG_BUSY && outcome.retry_ms >= DINGTALK_HOOK_MUTE_MS) {
		core->muted_until = qg_clock_mono() + outcome.retry_ms;
	}
	if (outcome.status != QG_OK) {
		log_failure(send, got, &outcome, code, msg ? msg : "");
	}
	end(send, outcome.status, outcome.retry_ms);
}

/* ---- the request ---- */

static void post(struct dingtalk_hook_send *send, const struct qg_buf *body)
{
	static const struct qg_fetch_host host = {.ended = fetched};
	static const char *const headers[] = {
		"Content-Type: application/json; charset=utf-8", NULL};
	const struct dingtalk_hook_core *core = send->core;
	QG_AUTO(qg_str_free)
	char *url = dingtalk_hook_url(core->base, core->token, core->secret, qg_clock_wall());
	if (url && core->bot->http) {
		struct qg_fetch_request asked = {.method = "POST",
			.url = url,
			.headers = headers,
			.body = body->data,
			.body_size = body->size,
			.most = ANSWER_MOST,
			.gathers = true,
			.connect_ms = 5000,
			.first_byte_ms = 15000,
			.idle_ms = 10000,
			.total_ms = 30000};
		send->fetch = qg_fetch_start(core->bot->http, &asked, &host, send);
	}
	if (!send->fetch) {
		end(send, QG_NO_MEMORY, 0);
	}
}

static void start_text(
	struct dingtalk_hook_send *send, const char *text, bool is_plain, const char *uuid)
{
	QG_AUTO(qg_str_free) char *title = ding_title(text, send->core->bot->title);
	QG_AUTO(qg_buf_finish) struct qg_buf body;
	qg_buf_init(&body, DINGTALK_HOOK_BODY_MOST);
	enum qg_status status =
		title ? dingtalk_hook_body(title, text, is_plain, uuid, &body) : QG_NO_MEMORY;
	if (status != QG_OK) {
		end(send, status, 0);
		return;
	}
	post(send, &body);
}

void dingtalk_hook_send_start(struct dingtalk_hook_send *send)
{
	const struct qg_reply *reply = send->reply;
	uint64_t now = qg_clock_mono();
	if (now < send->core->muted_until) {
		snprintf(send->words, sizeof(send->words), "muted by the platform");
		end(send, QG_BUSY, (unsigned)(send->core->muted_until - now));
	} else if (!reply) {
		/* An empty text shows nothing and is refused, but only behind a token and a signature that are good. */
		start_text(send, "", true, NULL);
	} else if (reply->text[0]) {
		char part[16], uuid[33];
		snprintf(part, sizeof(part), "%u", reply->part);
		qg_digest_id(uuid, reply->id, part, NULL);
		start_text(send, reply->text, reply->form == QG_FORM_PLAIN, uuid);
	} else {
		end(send, QG_OK, 0); /* there is nothing to show */
	}
}

void dingtalk_hook_send_destroy(struct dingtalk_hook_send *send)
{
	if (!send) {
		return;
	}
	qg_list_remove(&send->link);
	qg_fetch_cancel(send->fetch);
	qg_reply_destroy(send->reply);
	free(send);
}
