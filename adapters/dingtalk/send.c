/* send.c - a reply -> messages: by the session's webhook while it lives, else by the API; and files.
 *
 * The webhook of a message lives 90 minutes and calls the asker; that it is over comes as HTTP 200 with a code, and then
 * the same text goes by the API at once, which calls nobody. None of these calls has a key against repeating: where no
 * answer came, the planner sends the part again and the chat may see it twice, which is better than not at all. What was
 * surely refused, or surely never left, is not among these. */
#include "out.h"

#include <stdlib.h>
#include <string.h>

#include "dingtext.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define SPARE_MS 300000 /* before its end a webhook is not used any more */
#define GONE_MOST 32
#define ANSWER_MOST ((size_t)64 * 1024)
#define FILE_NAME_SIZE 32 /* hex digits: of what it holds */

struct sending { /* what send.c keeps of a bot: core->sending */
	struct qg_list outs;
	char gone[GONE_MOST][33]; /* webhooks that are over, as digests */
	unsigned gone_next;
};

struct out { /* a reply on its way */
	struct qg_list item;
	struct dingtalk_core *core;
	struct qg_reply *reply;	       /* dingtalk.c's */
	struct dingtalk_handle handle; /* zeroed where there is none */
	char *title, *url;
	struct qg_fetch *fetch;
	struct dingtalk_upload *upload;
	bool is_image;
	char *instead; /* of its text, which was refused for what it says */
};

/* ---- its end ---- */

static void out_free(struct out *out)
{
	qg_list_remove(&out->item);
	qg_fetch_cancel(out->fetch);
	dingtalk_upload_cancel(out->upload);
	if (out->core->bot) {
		dingtalk_forget(out->core, out);
	}
	dingtalk_handle_finish(&out->handle);
	free(out->title);
	free(out->url);
	free(out->instead);
	free(out);
}

static void end(struct out *out, enum qg_status status, unsigned retry_ms)
{
	struct dingtalk_core *core = out->core;
	struct qg_reply *reply = out->reply;
	out_free(out);
	dingtalk_core_sent(core, reply, status, retry_ms);
}

static void log_end(const struct out *out, enum qg_status status, const char *way, const char *code)
{
	qg_log_write(status == QG_DENIED ? QG_LOG_ERROR : QG_LOG_WARN, out->core->bot->name,
		out->reply->id, "dingtalk: part %u by %s: %s (%s)", out->reply->part, way,
		qg_status_text(status), code);
}

static struct dingtalk_whom whom_of(const struct out *out)
{
	const struct qg_reply *reply = out->reply;
	bool is_direct = reply->chat_type == QG_CHAT_DIRECT;
	const char *code = out->handle.robot_code;
	const char *staff = out->handle.staff;
	return (struct dingtalk_whom){
		.robot_code = code && code[0] ? code : dingtalk_robot_code(out->core),
		.chat = is_direct && staff && staff[0] ? staff : reply->chat,
		.type = reply->chat_type,
		.staff = reply->part == 0 ? staff : NULL,
		.sender = reply->part == 0 ? out->handle.sender : NULL};
}

/* ---- what is refused for what it says ---- */

bool dingtalk_is_content(const char *code)
{
	static const char *const codes[] = {
		"contain.unsafe.url", "notAllowed.", "param.contentUnsafe", "43010"};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (qg_str_starts_with(code, codes[i])) {
			return true;
		}
	}
	return false;
}

static const char *text_of(const struct out *out)
{
	return out->instead ? out->instead : out->reply->text;
}

static void go(struct out *out);

/* A sentence of our own takes its place, once; false: there is none. */
static bool say_instead(struct out *out, enum qg_status status, const char *code)
{
	if (status != QG_DENIED || out->instead || out->reply->file || !dingtalk_is_content(code)) {
		return false;
	}
	char *words = dingtalk_core_words(out->core, "content_refused");
	char *title = words ? ding_title(words, "") : NULL;
	if (!title) {
		free(words);
		return false;
	}
	free(out->title);
	out->title = title; /* the text's own is what was refused */
	out->instead = words;
	log_end(out, status, "its content", code);
	go(out);
	return true;
}

/* ---- by the API ---- */

static bool names(const json_t *body, const char *list, const char *id)
{
	const json_t *ids = json_object_get(body, list);
	for (size_t i = 0; i < json_array_size(ids); i++) {
		if (qg_str_equal(json_string_value(json_array_get(ids, i)), id)) {
			return true;
		}
	}
	return false;
}

/* A call that went well may still say that this person did not get it. */
static enum qg_status delivered(const struct out *out, const json_t *body)
{
	struct dingtalk_whom whom = whom_of(out);
	return whom.type == QG_CHAT_GROUP			     ? QG_OK
	       : names(body, "invalidStaffIdList", whom.chat)	     ? QG_NOT_FOUND
	       : names(body, "flowControlledStaffIdList", whom.chat) ? QG_BUSY
								     : QG_OK;
}

static void called(void *arg, const struct dingtalk_answer *answer)
{
	struct out *out = arg;
	enum qg_status status = answer->status;
	if (say_instead(out, status, answer->code)) {
		return;
	}
	if (status == QG_OK) {
		status = delivered(out, answer->body);
	} else if (out->reply->file && status == QG_NOT_FOUND) {
		status = QG_UNSUPPORTED;
	}
	if (status != QG_OK) {
		log_end(out, status, "the API", answer->code);
	}
	end(out, status, answer->retry_ms);
}

/* The API knows people by staff id: an outsider has none. */
static bool has_no_way(const struct out *out)
{
	struct dingtalk_whom whom = whom_of(out);
	return whom.type == QG_CHAT_DIRECT && qg_str_starts_with(whom.chat, "$:");
}

/* Takes body, which is NULL for no memory. */
static void call(struct out *out, json_t *body)
{
	if (has_no_way(out)) {
		json_decref(body);
		log_end(out, QG_DENIED, "the API",
			"no staff id: the person is outside the company");
		end(out, QG_DENIED, 0);
	} else if (!body) {
		end(out, QG_NO_MEMORY, 0);
	} else {
		dingtalk_call(out->core, DINGTALK_API, "POST",
			dingtalk_send_path(out->reply->chat_type), body, called, out);
	}
}

static void by_api(struct out *out)
{
	struct dingtalk_whom whom = whom_of(out);
	json_t *body = NULL;
	enum qg_status status = dingtalk_text_body(
		&whom, out->title, text_of(out), out->reply->form == QG_FORM_PLAIN, &body);
	if (status != QG_OK) {
		end(out, status, 0);
		return;
	}
	call(out, body);
}

/* ---- by the webhook ---- */

static bool is_gone(const struct sending *sending, const char *digest)
{
	for (size_t i = 0; i < GONE_MOST; i++) {
		if (strcmp(sending->gone[i], digest) == 0) {
			return true;
		}
	}
	return false;
}

static void note_gone(struct out *out)
{
	struct sending *sending = out->core->sending;
	char *place = sending->gone[sending->gone_next++ % GONE_MOST];
	qg_digest_id(place, out->url, NULL);
}

/* The session is over, or this chat has none any more: the API may still reach it. */
static bool is_session_over(const json_t *body)
{
	const json_t *code = json_object_get(body, "errcode");
	int64_t number = json_integer_value(code);
	if (json_is_string(code) &&
		!qg_str_to_int64(json_string_value(code), INT64_MIN, INT64_MAX, &number)) {
		number = 0;
	}
	return number == 300001 || number == 300005 || number == 400101;
}

static void judge_post(struct out *out, const struct qg_fetch_end *got)
{
	char code[DINGTALK_CODE_MAX];
	json_auto_t *body = qg_json_parse(got->body, got->size, NULL);
	struct dingtalk_verdict verdict = dingtalk_verdict(DINGTALK_OAPI, got->status, body, code);
	if (is_session_over(body)) {
		note_gone(out);
		by_api(out);
		return;
	}
	if (verdict.spent) {
		dingtalk_account_spent(out->core->account, DINGTALK_USES);
	}
	if (say_instead(out, verdict.status, code)) {
		return;
	}
	if (verdict.status != QG_OK) {
		log_end(out, verdict.status, "webhook", verdict.words[0] ? verdict.words : code);
	}
	end(out, verdict.status, verdict.retry_ms);
}

static void posted(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *got)
{
	struct out *out = arg;
	(void)fetch;
	out->fetch = NULL;
	if (got->error == QG_FETCH_NONE) {
		judge_post(out, got);
		return;
	}
	enum qg_status status = got->error == QG_FETCH_NO_MEMORY ? QG_NO_MEMORY
				: got->sent			 ? QG_IO
								 : QG_FAILED;
	log_end(out, status, "webhook", qg_fetch_error_text(got->error));
	end(out, status, 0);
}

static void by_webhook(struct out *out)
{
	static const struct qg_fetch_host host = {.ended = posted};
	static const char *const headers[] = {
		"Content-Type: application/json", "Accept: application/json", NULL};
	struct dingtalk_whom whom = whom_of(out);
	QG_AUTO(qg_buf_finish) struct qg_buf body;
	qg_buf_init(&body, DINGTALK_POST_MOST);
	enum qg_status status = dingtalk_webhook_body(
		&whom, out->title, text_of(out), out->reply->form == QG_FORM_PLAIN, &body);
	if (status != QG_OK) {
		end(out, status, 0);
		return;
	}
	struct qg_fetch_request asked = {.method = "POST",
		.url = out->url,
		.headers = headers,
		.body = body.data,
		.body_size = body.size,
		.most = ANSWER_MOST,
		.gathers = true,
		.connect_ms = 5000,
		.first_byte_ms = 15000,
		.idle_ms = 10000,
		.total_ms = 30000};
	out->fetch = qg_fetch_start(out->core->bot->http, &asked, &host, out);
	if (!out->fetch) {
		end(out, QG_NO_MEMORY, 0);
		return;
	}
	dingtalk_account_count(out->core->account, DINGTALK_USES, 1);
}

/* In its own place a reply goes where its message came from; as a message of its own it goes by the API. */
static bool may_use_webhook(struct out *out)
{
	char digest[33];
	const struct qg_reply *reply = out->reply;
	if (reply->form == QG_FORM_APART || !out->handle.webhook || !out->core->bot->http ||
		qg_clock_wall() >= out->handle.webhook_until - SPARE_MS) {
		return false;
	}
	free(out->url);
	out->url = dingtalk_webhook_url(out->core, out->handle.webhook);
	if (!out->url) {
		return false;
	}
	qg_digest_id(digest, out->url, NULL);
	return !is_gone(out->core->sending, digest);
}

/* ---- files ---- */

static void uploaded(void *arg, enum qg_status status, unsigned retry_ms, const char *media_id)
{
	struct out *out = arg;
	out->upload = NULL;
	if (!media_id) {
		log_end(out, status, "upload", "no media id");
		end(out, status, retry_ms);
		return;
	}
	struct dingtalk_whom whom = whom_of(out);
	call(out, dingtalk_media_body(&whom, out->is_image, media_id,
			  qg_json_str(out->reply->file, "name", "file")));
}

static void start_file(struct out *out)
{
	const json_t *file = out->reply->file;
	const char *stored = qg_json_str(file, "file", "");
	if (strlen(stored) != FILE_NAME_SIZE ||
		strspn(stored, "0123456789abcdef") != FILE_NAME_SIZE) {
		end(out, QG_DENIED, 0); /* no name that leads anywhere else */
		return;
	}
	out->is_image = strcmp(qg_json_str(file, "type", ""), "image") == 0 &&
			out->reply->form == QG_FORM_RICH;
	out->upload = dingtalk_upload_start(out->core, file, out->is_image, uploaded, out);
	if (!out->upload) {
		end(out, QG_NO_MEMORY, 0);
	}
}

/* ---- ---- */

static void go(struct out *out)
{
	if (may_use_webhook(out)) {
		by_webhook(out);
	} else {
		by_api(out);
	}
}

static struct sending *sending_of(struct dingtalk_core *core)
{
	if (!core->sending) {
		struct sending *sending = calloc(1, sizeof(*sending));
		if (!sending) {
			return NULL;
		}
		qg_list_init(&sending->outs);
		core->sending = sending;
	}
	return core->sending;
}

static struct out *make_out(struct dingtalk_core *core, struct qg_reply *reply)
{
	struct sending *sending = sending_of(core);
	struct out *out = sending ? calloc(1, sizeof(*out)) : NULL;
	if (!out) {
		return NULL;
	}
	out->core = core;
	out->reply = reply;
	qg_list_add(&sending->outs, &out->item);
	out->title = ding_title(reply->text, core->bot->title);
	if (!out->title || (reply->handle && dingtalk_handle_read(reply->handle, &out->handle) ==
						     QG_NO_MEMORY)) {
		out_free(out);
		return NULL;
	}
	return out;
}

void dingtalk_send(struct dingtalk_core *core, struct qg_reply *reply)
{
	struct out *out = make_out(core, reply);
	if (!out) {
		dingtalk_core_sent(core, reply, QG_NO_MEMORY, 0);
	} else if (reply->file) {
		start_file(out);
	} else if (reply->text[0] == '\0') {
		end(out, QG_OK, 0); /* there is nothing to show */
	} else {
		go(out);
	}
}

void dingtalk_send_finish(struct dingtalk_core *core)
{
	struct sending *sending = core->sending;
	if (!sending) {
		return;
	}
	while (!qg_list_is_empty(&sending->outs)) {
		out_free(QG_CONTAINER(sending->outs.next, struct out, item));
	}
	core->sending = NULL;
	free(sending);
}
