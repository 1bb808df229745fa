/* robot_post.c - a reply -> the robot's address: a text, a picture, or a file that is uploaded first.
 *
 * A call whose outcome is unknown may show a part twice where the platform knows no key against repeating; whether it is
 * made again is the planner's to decide. An upload shows nothing, so its outcome never counts as unknown. Once the
 * platform muted the robot nothing leaves until that is over. */
#include "robot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outbox.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/scan.h"
#include "qg/str.h"

#define ANSWER_MOST ((size_t)64 * 1024)
#define BODY_MOST ((size_t)64 * 1024) /* of a text */
#define PACK_MOST 4096		      /* around a file's bytes */
#define MSG_MOST 200

static const char as_json[] = "application/json; charset=utf-8";

static void call(
	struct qg_robot_send *send, const char *path, const char *type, const struct qg_buf *body);

static void end(struct qg_robot_send *send, enum qg_status status, unsigned retry_ms)
{
	qg_out_end(&send->out, status, retry_ms);
	qg_robot_wake(send->robot);
}

/* ---- the answer ---- */

enum { CODE, MESSAGE, ID, FIELDS };

/* As one safe line; "" where it repeats what nobody shall read. Yours to free; NULL for no memory. */
static char *message_of(const struct qg_robot *robot, const struct qg_piece *piece)
{
	char *msg = piece->kind == QG_PIECE_STRING ? qg_piece_copy(piece) : qg_str_copy("");
	if (!msg) {
		return NULL;
	}
	bool repeats = strstr(msg, robot->key) || (robot->secret && strstr(msg, robot->secret));
	msg[repeats ? 0 : qg_utf8_cut(msg, strlen(msg), MSG_MOST)] = '\0';
	qg_utf8_flatten(msg);
	return msg;
}

static void log_failure(struct qg_robot_send *send, const struct qg_fetch_end *got,
	const struct qg_robot_outcome *outcome, int64_t code, const char *msg)
{
	const struct qg_robot *robot = send->robot;
	enum qg_log_level level = outcome->status == QG_DENIED ? QG_LOG_ERROR : QG_LOG_WARN;
	if (got->error != QG_FETCH_NONE) {
		snprintf(send->words, sizeof(send->words), "%s", qg_fetch_error_text(got->error));
	} else {
		snprintf(send->words, sizeof(send->words), "%s%sHTTP %d, %s %lld %s",
			outcome->words, outcome->words[0] ? " · " : "", got->status,
			robot->kind->code, (long long)code, msg);
	}
	qg_utf8_flatten(send->words); /* its end may be half a character */
	if (send->out.reply) {
		qg_log_write(level, robot->bot->name, send->out.reply->id, "%s: part %u: %s",
			robot->kind->name, send->out.reply->part, send->words);
	}
}

/* A number, or one in quotes. */
static bool is_code(const struct qg_piece *piece)
{
	return (piece->kind == QG_PIECE_NUMBER || piece->kind == QG_PIECE_STRING) &&
	       qg_piece_int(piece, -7) == qg_piece_int(piece, -8);
}

/* The second of two calls: the message that shows what was uploaded. */
static void show_upload(struct qg_robot_send *send, const struct qg_piece *piece)
{
	const struct qg_robot_kind *kind = send->robot->kind;
	QG_AUTO(qg_str_free) char *id = qg_piece_copy(piece);
	QG_AUTO(qg_buf_finish) struct qg_buf body;
	qg_buf_init(&body, BODY_MOST);
	enum qg_status status = id ? kind->files->shown(id, &body) : QG_IO;
	send->uploading = false;
	if (status == QG_OK) {
		call(send, kind->path, as_json, &body);
	} else {
		end(send, status, 0);
	}
}

static void judged(
	struct qg_robot_send *send, const struct qg_fetch_end *got, const struct qg_piece *fields)
{
	struct qg_robot *robot = send->robot;
	int64_t code = qg_piece_int(&fields[CODE], -1);
	QG_AUTO(qg_str_free) char *copy = message_of(robot, &fields[MESSAGE]);
	const char *msg = copy ? copy : "";
	struct qg_robot_outcome outcome = qg_robot_judge(
		robot->kind, got, is_code(&fields[CODE]), code, msg, send->file != NULL);
	send->is_there = outcome.is_there;
	if (outcome.status == QG_OK && send->uploading) {
		show_upload(send, &fields[ID]);
		return;
	}
	if (send->uploading && (outcome.status == QG_IO || outcome.status == QG_TIMEOUT)) {
		outcome.status = QG_FAILED; /* nothing was shown: no outcome is unknown */
	}
	if (outcome.mutes) {
		robot->muted_until = qg_clock_mono() + outcome.retry_ms;
	}
	if (outcome.status != QG_OK) {
		log_failure(send, got, &outcome, code, msg);
	}
	end(send, outcome.status, outcome.retry_ms);
}

static void fetched(void *arg, struct qg_fetch *fetch, const struct qg_fetch_end *got)
{
	struct qg_robot_send *send = arg;
	const struct qg_robot_kind *kind = send->robot->kind;
	const char *paths[FIELDS] = {kind->code, kind->message, kind->files ? kind->files->id : ""};
	struct qg_piece fields[FIELDS] = {{0}};
	send->fetch = NULL;
	if (send->file) {
		qg_buf_finish(&send->file->body);
	}
	if (got->error != QG_FETCH_NONE ||
		qg_scan(got->body, got->size, paths, kind->files ? FIELDS : ID, fields) != QG_OK) {
		memset(fields, 0, sizeof(fields));
	}
	judged(send, got, fields);
}

/* ---- the request ---- */

/* A file's body is large and stays where it is until the call ended; all others are copied. */
static void call(
	struct qg_robot_send *send, const char *path, const char *type, const struct qg_buf *body)
{
	static const struct qg_fetch_host host = {.ended = fetched};
	const struct qg_robot *robot = send->robot;
	QG_AUTO(qg_str_free)
	char *url = qg_robot_url(
		robot->kind, robot->base, path, robot->key, robot->secret, qg_clock_wall());
	QG_AUTO(qg_str_free) char *header = qg_str_printf("Content-Type: %s", type);
	const struct qg_fetch_piece piece = {body->data, body->size};
	bool stays = send->file && body == &send->file->body;
	if (url && header && robot->bot->http) {
		const char *headers[] = {header, NULL};
		struct qg_fetch_request asked = {.method = "POST",
			.url = url,
			.headers = headers,
			.body = stays ? NULL : body->data,
			.body_size = stays ? 0 : body->size,
			.pieces = stays ? &piece : NULL,
			.piece_count = stays,
			.most = ANSWER_MOST,
			.gathers = true,
			.connect_ms = 5000,
			.first_byte_ms = stays ? 30000 : 15000,
			.idle_ms = 10000,
			.total_ms = stays ? 60000 : 30000};
		send->fetch = qg_fetch_start(robot->bot->http, &asked, &host, send);
	}
	if (!send->fetch) {
		end(send, QG_NO_MEMORY, 0);
	}
}

/* reply: NULL for a probe, whose text is empty: it shows nothing and is refused, but only behind a key that is good. */
static void start_text(struct qg_robot_send *send, const struct qg_reply *reply)
{
	const struct qg_robot *robot = send->robot;
	char part[16], key[33];
	struct qg_robot_text text = {.text = "",
		.called = robot->bot->title,
		.secret = robot->secret,
		.now = qg_clock_wall(),
		.form = QG_FORM_PLAIN};
	if (reply) {
		snprintf(part, sizeof(part), "%u", reply->part);
		qg_digest_id(key, reply->id, part, NULL);
		text.text = reply->text;
		text.key = key;
		text.form = reply->form;
	}
	QG_AUTO(qg_buf_finish) struct qg_buf body;
	qg_buf_init(&body, BODY_MOST);
	enum qg_status status = robot->kind->text(&text, &body);
	if (status == QG_OK) {
		call(send, robot->kind->path, as_json, &body);
	} else {
		end(send, status, 0);
	}
}

/* ---- files ---- */

struct qg_robot_file *qg_robot_file_create(const struct qg_robot_files *how, const char *data_dir,
	const char *file, const char *name, bool as_image)
{
	struct qg_robot_file *made = calloc(1, sizeof(*made));
	if (!made) {
		return NULL;
	}
	qg_buf_init(&made->body, how->most + PACK_MOST);
	made->how = how;
	made->as_image = as_image;
	made->path = qg_str_printf("%s/outbox/%s", data_dir, file);
	made->name = qg_str_copy(name && *name ? name : file);
	if (!made->path || !made->name) {
		qg_robot_file_destroy(made);
		return NULL;
	}
	return made;
}

void qg_robot_file_destroy(struct qg_robot_file *file)
{
	if (!file) {
		return;
	}
	qg_buf_finish(&file->body);
	free(file->path);
	free(file->name);
	free(file);
}

void qg_robot_file_pack(struct qg_robot_file *file)
{
	QG_AUTO(qg_buf_finish) struct qg_buf bytes;
	qg_buf_init(&bytes, file->how->most);
	file->status = qg_outbox_read(file->path, file->how->least, file->how->most, &bytes);
	if (file->status == QG_OK) {
		file->status = file->how->pack(file, &bytes);
	} else if (file->status == QG_UNSUPPORTED) {
		file->status = QG_DENIED;
	}
}

static void pack(void *arg, unsigned thread_index)
{
	qg_robot_file_pack(arg);
}

static void packed(void *arg)
{
	struct qg_robot_file *file = arg;
	struct qg_robot_send *send = file->send;
	if (!send) {
		qg_robot_file_destroy(file);
		return;
	}
	file->send = NULL;
	const struct qg_robot_kind *kind = send->robot->kind;
	if (file->status != QG_OK) {
		qg_log_error(send->robot->bot->name,
			"%s: a file of %zu bytes to %zu MB was to leave from outbox/, and is not "
			"there",
			kind->name, file->how->least, file->how->most >> 20);
		end(send, file->status, 0);
		return;
	}
	send->uploading = !file->as_image;
	call(send, send->uploading ? file->how->upload : kind->path, file->type, &file->body);
}

static void start_file(struct qg_robot_send *send, const json_t *one)
{
	const struct qg_robot_files *how = send->robot->kind->files;
	const char *file = qg_json_str(one, "file", "");
	if (!how || !qg_outbox_is_name(file)) {
		end(send, QG_DENIED, 0);
		return;
	}
	bool as_image = strcmp(qg_json_str(one, "type", ""), "image") == 0 &&
			send->out.reply->form == QG_FORM_RICH;
	const struct qg_bot *bot = send->robot->bot;
	send->file = qg_robot_file_create(
		how, bot->data_dir, file, qg_json_str(one, "name", ""), as_image);
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

void qg_robot_send_start(struct qg_robot_send *send)
{
	const struct qg_reply *reply = send->out.reply;
	uint64_t now = qg_clock_mono(), muted_until = send->robot->muted_until;
	if (reply && !reply->file && !reply->text[0]) {
		end(send, QG_OK, 0); /* there is nothing to show */
	} else if (now < muted_until) {
		snprintf(send->words, sizeof(send->words), "发得太快，被平台禁言了 · muted");
		end(send, QG_BUSY, (unsigned)(muted_until - now));
	} else if (reply && reply->file) {
		start_file(send, reply->file);
	} else {
		start_text(send, reply);
	}
}

void qg_robot_send_drop(struct qg_out *out)
{
	struct qg_robot_send *send = QG_CONTAINER(out, struct qg_robot_send, out);
	qg_fetch_cancel(send->fetch);
	if (send->file && send->file->send) {
		send->file->send = NULL; /* a thread has it: packed() frees it */
	} else {
		qg_robot_file_destroy(send->file);
	}
	free(send);
}
