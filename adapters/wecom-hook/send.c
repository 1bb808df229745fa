/* send.c - a reply -> the robot's address: a text, a picture, or a file that is uploaded first.
 *
 * The platform knows no key against repeating: a call whose outcome is unknown may show a part twice, and whether it is
 * made again is the planner's to decide. The address holds the only secret there is, so no log line shows it. */
#include "hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/log.h"
#include "qg/scan.h"
#include "qg/str.h"

#define ANSWER_MOST ((size_t)64 * 1024)
#define BODY_MOST ((size_t)64 * 1024)
#define MSG_MOST 200
#define FILE_NAME_SIZE 32 /* hex digits: of what it holds */
#define EMPTY_CONTENT 44004
#define BAD_FIELD 40058

static void call(struct wecom_hook_send *send, const char *path, const char *type, const char *body,
	size_t size);

static void end(struct wecom_hook_send *send, enum qg_status status, unsigned retry_ms)
{
	send->status = status;
	send->retry_ms = retry_ms;
	send->ended = true;
	wecom_hook_wake(send->core);
}

/* ---- the answer ---- */

enum { ERRCODE, ERRMSG, MEDIA_ID, FIELDS };

static void log_failure(struct wecom_hook_send *send, const struct qg_fetch_end *got,
	const struct wecom_hook_outcome *outcome, const struct qg_piece *fields)
{
	const struct wecom_hook_core *core = send->core;
	enum qg_log_level level = outcome->status == QG_DENIED ? QG_LOG_ERROR : QG_LOG_WARN;
	QG_AUTO(qg_str_free) char *msg = qg_piece_copy(&fields[ERRMSG]);
	if (msg) {
		msg[qg_utf8_cut(msg, strlen(msg), MSG_MOST)] = '\0';
		qg_utf8_flatten(msg);
	}
	bool repeats_key = msg && strstr(msg, core->key);
	if (got->error != QG_FETCH_NONE) {
		snprintf(send->words, sizeof(send->words), "%s", qg_fetch_error_text(got->error));
	} else {
		snprintf(send->words, sizeof(send->words), "%s%sHTTP %d, errcode %lld %s",
			outcome->words, outcome->words[0] ? " · " : "", got->status,
			(long long)qg_piece_int(&fields[ERRCODE], 0),
			msg && !repeats_key ? msg : "");
	}
	qg_utf8_flatten(send->words); /* its end may be half a character */
	if (send->reply) {
		qg_log_write(level, core->bot->name, send->reply->id, "wecom-hook: part %u: %s",
			send->reply->part, send->words);
	}
}

/* The second of two calls: the message that shows what was uploaded. */
static void show_upload(struct wecom_hook_send *send, const struct qg_piece *media_id)
{
	QG_AUTO(qg_str_free) char *id = qg_piece_copy(media_id);
	json_auto_t *message =
		id ? json_pack("{s:s, s:{s:s}}", "msgtype", "file", "file", "media_id", id) : NULL;
	QG_AUTO(qg_str_free) char *text = message ? qg_json_dump(message) : NULL;
	send->uploading = false;
	if (!text) {
		end(send, id ? QG_NO_MEMORY : QG_IO, 0);
		return;
	}
	call(send, "send?", "application/json", text, strlen(text));
}

static void fetched(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *got)
{
	static const char *const paths[FIELDS] = {"errcode", "errmsg", "media_id"};
	struct wecom_hook_send *send = arg;
	send->fetch = NULL;
	if (send->file) {
		qg_buf_finish(&send->file->body);
	}
	struct qg_piece fields[FIELDS] = {{0}};
	if (got->error != QG_FETCH_NONE ||
		qg_scan(got->body, got->size, paths, FIELDS, fields) != QG_OK) {
		memset(fields, 0, sizeof(fields));
	}
	struct wecom_hook_outcome outcome =
		wecom_hook_judge(got, fields[ERRCODE].kind == QG_PIECE_NUMBER,
			qg_piece_int(&fields[ERRCODE], -1), send->file != NULL);
	int64_t code = qg_piece_int(&fields[ERRCODE], -1);
	send->is_there = code == 0 || code == EMPTY_CONTENT || code == BAD_FIELD;
	if (outcome.status == QG_OK && send->uploading) {
		show_upload(send, &fields[MEDIA_ID]);
		return;
	}
	if (send->uploading && (outcome.status == QG_IO || outcome.status == QG_TIMEOUT)) {
		outcome.status = QG_FAILED; /* nothing was shown: no outcome is unknown */
	}
	if (outcome.status != QG_OK) {
		log_failure(send, got, &outcome, fields);
	}
	end(send, outcome.status, outcome.retry_ms);
}

/* ---- the request ---- */

static void call(struct wecom_hook_send *send, const char *path, const char *type, const char *body,
	size_t size)
{
	static const struct qg_fetch_host host = {.ended = fetched};
	const struct wecom_hook_core *core = send->core;
	QG_AUTO(qg_str_free)
	char *url = qg_str_printf("%s/cgi-bin/webhook/%skey=%s", core->base, path, core->key);
	QG_AUTO(qg_str_free) char *header = qg_str_printf("Content-Type: %s", type);
	/* A file's body is large and stays where it is until the call ended; all others are copied. */
	const struct qg_fetch_piece piece = {body, size};
	bool stays = send->file && body == send->file->body.data;
	if (url && header && core->bot->http) {
		const char *headers[] = {header, NULL};
		struct qg_fetch_request asked = {.method = "POST",
			.url = url,
			.headers = headers,
			.body = stays ? NULL : body,
			.body_size = stays ? 0 : size,
			.pieces = stays ? &piece : NULL,
			.piece_count = stays,
			.most = ANSWER_MOST,
			.gathers = true,
			.connect_ms = 5000,
			.first_byte_ms = 30000,
			.idle_ms = 10000,
			.total_ms = 60000};
		send->fetch = qg_fetch_start(core->bot->http, &asked, &host, send);
	}
	if (!send->fetch) {
		end(send, QG_NO_MEMORY, 0);
	}
}

static void start_text(struct wecom_hook_send *send, const char *text, bool is_plain)
{
	QG_AUTO(qg_buf_finish) struct qg_buf body;
	qg_buf_init(&body, BODY_MOST);
	enum qg_status status = wecom_hook_text(text, is_plain, &body);
	if (status != QG_OK) {
		end(send, status, 0);
		return;
	}
	call(send, "send?", "application/json", body.data, body.size);
}

/* ---- files ---- */

static void pack(void *arg, unsigned thread_index)
{
	wecom_hook_file_pack(arg);
}

static void packed(void *arg)
{
	struct wecom_hook_file *file = arg;
	struct wecom_hook_send *send = file->send;
	if (!send) {
		wecom_hook_file_destroy(file);
		return;
	}
	file->send = NULL;
	if (file->status != QG_OK) {
		qg_log_error(send->core->bot->name,
			"wecom-hook: a file of 5 bytes to 20 MB was to leave from outbox/, and is "
			"not there");
		end(send, file->status, 0);
	} else if (file->as_image) {
		call(send, "send?", "application/json", file->body.data, file->body.size);
	} else {
		char type[80];
		snprintf(type, sizeof(type), "multipart/form-data; boundary=%s", file->boundary);
		send->uploading = true;
		call(send, "upload_media?type=file&", type, file->body.data, file->body.size);
	}
}

static void start_file(struct wecom_hook_send *send, const json_t *one)
{
	const char *file = qg_json_str(one, "file", "");
	if (strlen(file) != FILE_NAME_SIZE || strspn(file, "0123456789abcdef") != FILE_NAME_SIZE) {
		end(send, QG_DENIED, 0); /* no name that leads anywhere else */
		return;
	}
	bool as_image = strcmp(qg_json_str(one, "type", ""), "image") == 0 &&
			send->reply->form == QG_FORM_RICH;
	struct qg_bot *bot = send->core->bot;
	send->file =
		wecom_hook_file_create(bot->data_dir, file, qg_json_str(one, "name", ""), as_image);
	if (!send->file) {
		end(send, QG_NO_MEMORY, 0);
		return;
	}
	send->file->send = send;
	if (!qg_loop_work(bot->loop, pack, packed, send->file)) {
		send->file->send = NULL;
		end(send, QG_NO_MEMORY, 0);
	}
}

/* ---- */

void wecom_hook_send_start(struct wecom_hook_send *send)
{
	const struct qg_reply *reply = send->reply;
	if (!reply) {
		/* An empty text shows nothing and is refused, but only behind a key that is good. */
		start_text(send, "", true);
	} else if (reply->file) {
		start_file(send, reply->file);
	} else if (reply->text[0]) {
		start_text(send, reply->text, reply->form != QG_FORM_RICH);
	} else {
		end(send, QG_OK, 0); /* there is nothing to show */
	}
}

void wecom_hook_send_destroy(struct wecom_hook_send *send)
{
	if (!send) {
		return;
	}
	qg_list_remove(&send->link);
	qg_fetch_cancel(send->fetch);
	if (send->file && send->file->send) {
		send->file->send = NULL; /* a thread has it: packed() frees it */
	} else {
		wecom_hook_file_destroy(send->file);
	}
	qg_reply_destroy(send->reply);
	free(send);
}
