/* sends.c - a reply of the bot -> what is shown: a text, then its buttons as a card; or a file.
 *
 * In place means under the id of the message it answers, as long as the connection lives on which that came; else, and
 * where the platform refuses it in place, it is pushed as a message of its own. Without a connection a send waits a
 * moment: no longer than the time between the last instant at which this gateway may send and the first at which
 * another one takes over. A part that comes again goes on behind the pieces that are out. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define HOLD_MS 2000
#define AWAY_MS 2000
#define PUSH_MS 5000
#define UPLOADS_MOST 2 /* at once on a link: each may hold 27 MB */

enum { TEXT_PIECE, BUTTONS_PIECE, ALL_PIECES }; /* of a part that is no file */

/* ---- its end ---- */

static void drop_work(struct wecom_send *send)
{
	wecom_job_finish(&send->job);
	wecom_call_cancel(send->call);
	wecom_upload_cancel(send->upload);
	send->call = NULL;
	send->upload = NULL;
	send->is_waiting = false;
}

static void remember(struct wecom_core *core, const struct wecom_send *send)
{
	struct wecom_landed *place = &core->landed[core->landed_next];
	core->landed_next = (core->landed_next + 1) % WECOM_LANDED_MOST;
	snprintf(place->reply, sizeof(place->reply), "%s", send->out.reply->id);
	place->part = send->out.reply->part;
	place->pieces = send->piece;
}

/* How many pieces of it an earlier try got out. */
static unsigned recall(const struct wecom_core *core, const struct qg_reply *reply)
{
	for (unsigned i = 1; i <= WECOM_LANDED_MOST; i++) {
		const struct wecom_landed *place =
			&core->landed[(core->landed_next + WECOM_LANDED_MOST - i) %
				      WECOM_LANDED_MOST];
		if (place->part == reply->part && strcmp(place->reply, reply->id) == 0) {
			return place->pieces;
		}
	}
	return 0;
}

void wecom_send_end(struct wecom_send *send, enum qg_status status, unsigned retry_ms)
{
	if (send->out.ended) {
		return;
	}
	drop_work(send);
	if (status != QG_OK && send->piece > TEXT_PIECE) {
		remember(send->core, send);
	}
	qg_out_end(&send->out, status, retry_ms);
	wecom_core_wake(send->core);
}

void wecom_send_drop(struct qg_out *out)
{
	struct wecom_send *send = QG_CONTAINER(out, struct wecom_send, out);
	drop_work(send);
	free(send->media_type);
	free(send->media_id);
	free(send);
}

/* ---- waiting for the connection ---- */

static void wait_for_link(struct wecom_send *send)
{
	struct wecom_link *link = send->core->link;
	uint64_t now = qg_clock_mono();
	if (!link) {
		wecom_send_end(send, QG_BUSY, AWAY_MS);
		return;
	}
	if (send->wait_until == 0) {
		send->wait_until = now + HOLD_MS;
	}
	send->is_waiting = true;
	wecom_link_due(link, send->wait_until);
}

void wecom_sends_resume(struct wecom_core *core)
{
	QG_LIST_FOR_EACH (item, &core->outs.list) {
		struct wecom_send *send = QG_CONTAINER(item, struct wecom_send, out.link);
		if (send->is_waiting) {
			send->is_waiting = false;
			wecom_send_go(send);
		}
	}
}

uint64_t wecom_sends_tick(struct wecom_core *core, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	QG_LIST_FOR_EACH (item, &core->outs.list) {
		struct wecom_send *send = QG_CONTAINER(item, struct wecom_send, out.link);
		if (!send->is_waiting) {
			continue;
		}
		if (now >= send->wait_until) {
			wecom_send_end(send, QG_BUSY, AWAY_MS);
		} else if (send->wait_until < next) {
			next = send->wait_until;
		}
	}
	return next;
}

/* ---- one piece, in place or pushed ---- */

static const char *chat_of(const struct wecom_send *send)
{
	return send->out.reply->chat;
}

static json_t *address(const char *chat, enum qg_chat_type type)
{
	return json_pack("{s:s, s:i}", "chatid", chat, "chat_type", type == QG_CHAT_GROUP ? 2 : 1);
}

static void advance(struct wecom_send *send)
{
	send->piece++;
	wecom_send_go(send);
}

static void judge(struct wecom_send *send, const struct wecom_verdict *verdict)
{
	switch (verdict->act) {
	case WECOM_LANDED:
		advance(send);
		return;
	case WECOM_PUSH:
		send->in_place = false;
		wecom_send_go(send);
		return;
	case WECOM_RECONNECT:
		wait_for_link(send);
		return;
	default:
		break;
	}
	bool is_extra = send->piece > TEXT_PIECE && !qg_status_is_retryable(verdict->status);
	enum qg_status status = verdict->status;
	if (send->out.reply->file && (status == QG_NOT_FOUND || status == QG_INVALID) &&
		!send->media_id) {
		status = QG_UNSUPPORTED; /* it is the file that is not there, not the chat */
	}
	qg_log_write(verdict->status == QG_DENIED ? QG_LOG_ERROR : QG_LOG_WARN,
		send->core->bot->name, send->out.reply->id, "wecom: piece %u of part %u: %s%s%s",
		send->piece, send->out.reply->part, qg_status_text(verdict->status),
		verdict->words[0] ? ": " : "", verdict->words);
	if (is_extra) { /* the text is out: what stands behind it does not call it back */
		advance(send);
		return;
	}
	wecom_send_end(send, status, verdict->retry_ms);
}

static void job_ended(struct wecom_job *job, const struct wecom_verdict *verdict)
{
	struct wecom_send *send = QG_CONTAINER(job, struct wecom_send, job);
	wecom_job_finish(job);
	judge(send, verdict);
}

static void pushed(void *arg, const struct wecom_answer *answer)
{
	struct wecom_send *send = arg;
	struct wecom_verdict verdict = {WECOM_ENDED, answer->local, 0, ""};
	send->call = NULL;
	if (answer->local == QG_OK) {
		verdict = wecom_verdict(answer->code, false);
	} else if (answer->local == QG_CANCELLED) {
		verdict.status = QG_IO; /* it may have arrived */
	}
	if (verdict.act == WECOM_RECONNECT) {
		wecom_link_drop(send->core->link, verdict.words);
	}
	judge(send, &verdict);
}

/* Takes body: {"msgtype",...}. */
static void push(struct wecom_send *send, json_t *body)
{
	json_auto_t *whole = address(chat_of(send), send->out.reply->chat_type);
	bool good = whole && body && json_object_update(whole, body) == 0;
	json_decref(body);
	struct wecom_request request = {
		.cmd = "aibot_send_msg", .body = whole, .timeout_ms = PUSH_MS};
	send->call = good ? wecom_call_start(send->core->link, &request, pushed, send) : NULL;
	if (!send->call) { /* the connection is just ending, or too much waits on it */
		wait_for_link(send);
	}
}

/* The lane of the message it answers; NULL: to be pushed. */
static struct wecom_lane *lane_of(struct wecom_send *send)
{
	struct wecom_lane *lane =
		send->in_place ? wecom_lane_get(send->core->link, &send->handle) : NULL;
	return lane && !lane->dead ? lane : NULL;
}

static void put(struct wecom_send *send, struct wecom_lane *lane)
{
	send->job.ended = job_ended;
	send->job.part = send->out.reply->part;
	snprintf(send->job.reply, sizeof(send->job.reply), "%s", send->out.reply->id);
	wecom_lane_put(lane, &send->job);
}

/* Takes body. */
static void show_body(struct wecom_send *send, json_t *body)
{
	struct wecom_lane *lane = lane_of(send);
	if (!body) {
		wecom_send_end(send, QG_NO_MEMORY, 0);
	} else if (lane) {
		send->job.body = body;
		put(send, lane);
	} else {
		push(send, body);
	}
}

/* ---- the text ---- */

static char *asker_of(const struct wecom_send *send)
{
	const struct qg_reply *reply = send->out.reply;
	const char *user = reply->sender && reply->sender[0] ? reply->sender : send->handle.user;
	return wecom_asker(send->core->bot, reply->chat_type, user);
}

static void push_text(struct wecom_send *send, const char *prefix)
{
	const char *text = send->out.reply->text;
	QG_AUTO(qg_str_free) char *joined = wecom_with_prefix(prefix, text, strlen(text));
	QG_AUTO(qg_str_free) char *whole = joined ? wecom_harmless(joined) : NULL;
	if (whole && strlen(whole) > WECOM_TEXT_MOST) {
		wecom_send_end(send, QG_TOO_LARGE, 0);
		return;
	}
	json_t *body = whole ? json_pack("{s:s, s:{s:s}}", "msgtype", "markdown", "markdown",
				       "content", whole)
			     : NULL;
	if (whole && !body) { /* json_pack refuses what is no UTF-8 */
		wecom_send_end(send,
			qg_utf8_is_valid(whole, strlen(whole)) ? QG_NO_MEMORY : QG_INVALID, 0);
		return;
	}
	push(send, body);
}

static void show_text(struct wecom_send *send)
{
	QG_AUTO(qg_str_free) char *prefix = asker_of(send);
	struct wecom_lane *lane = prefix ? lane_of(send) : NULL;
	if (!prefix) {
		wecom_send_end(send, QG_NO_MEMORY, 0);
		return;
	}
	if (!lane) {
		push_text(send, prefix);
		return;
	}
	send->job.text = qg_str_copy(send->out.reply->text);
	if (!send->job.text) {
		wecom_send_end(send, QG_NO_MEMORY, 0);
		return;
	}
	free(lane->prefix); /* the lane's from here on */
	lane->prefix = prefix;
	prefix = NULL;
	put(send, lane);
}

/* Nothing to say: only what is open is closed. */
static void close_open(struct wecom_send *send, const char *key)
{
	struct wecom_lane *lane =
		send->in_place ? wecom_lane_find(send->core->link, &send->handle) : NULL;
	if (lane) {
		lane->think_at = 0;
		snprintf(lane->done, sizeof(lane->done), "%s", send->out.reply->id);
	}
	if (!lane || lane->dead || !lane->begun) {
		advance(send);
		return;
	}
	send->job.text = wecom_core_words(send->core, key);
	if (!send->job.text) {
		wecom_send_end(send, QG_NO_MEMORY, 0);
		return;
	}
	put(send, lane);
}

/* Its own message, as the others: what is open there points to what follows. */
static void close_behind(struct wecom_send *send)
{
	QG_AUTO(qg_str_free) char *words = wecom_core_words(send->core, "see_below");
	struct wecom_lane *lane =
		send->in_place ? wecom_lane_find(send->core->link, &send->handle) : NULL;
	if (lane && words) {
		wecom_lane_close(lane, words, true);
	}
}

/* The other messages it answers point to it. */
static void close_others(struct wecom_send *send)
{
	QG_AUTO(qg_str_free) char *words = wecom_core_words(send->core, "see_below");
	for (size_t i = 0; words && i < json_array_size(send->out.reply->handles); i++) {
		struct wecom_handle other;
		const char *text = json_string_value(json_array_get(send->out.reply->handles, i));
		struct wecom_lane *lane = NULL;
		if (wecom_handle_read(text, &other) &&
			strcmp(other.req_id, send->handle.req_id) != 0) {
			lane = wecom_lane_find(send->core->link, &other);
		}
		if (lane) {
			snprintf(lane->done, sizeof(lane->done), "%s", send->out.reply->id);
			wecom_lane_close(lane, words, true);
		}
	}
}

/* ---- buttons and files ---- */

/* Buttons leave with the last text; where nobody tells which that is, with the first. */
static bool is_last_text(const struct qg_reply *reply)
{
	return reply->parts == 0 ? reply->part == 0
				 : reply->part + 1 + json_array_size(reply->files) == reply->parts;
}

static void show_buttons(struct wecom_send *send)
{
	const struct qg_bot *bot = send->core->bot;
	const struct qg_reply *reply = send->out.reply;
	const char *asker = reply->chat_type == QG_CHAT_GROUP ? reply->sender : NULL;
	json_t *card = wecom_buttons_card(bot, bot->title, reply->buttons, asker, qg_clock_wall());
	if (!card) { /* a courtesy: the answer is out */
		advance(send);
		return;
	}
	show_body(send, json_pack("{s:s, s:o}", "msgtype", "template_card", "template_card", card));
}

static void show_media(struct wecom_send *send)
{
	show_body(send, json_pack("{s:s, s:{s:s}}", "msgtype", send->media_type, send->media_type,
				"media_id", send->media_id));
}

static void uploaded(
	void *arg, const struct wecom_verdict *verdict, const char *type, const char *media_id)
{
	struct wecom_send *send = arg;
	send->upload = NULL;
	if (verdict->act == WECOM_RECONNECT && wecom_link_is_up(send->core->link)) {
		wecom_link_drop(send->core->link, verdict->words);
	}
	if (verdict->act != WECOM_LANDED) {
		judge(send, verdict);
		return;
	}
	send->media_type = qg_str_copy(type);
	send->media_id = qg_str_copy(media_id);
	if (!send->media_type || !send->media_id) {
		wecom_send_end(send, QG_NO_MEMORY, 0);
		return;
	}
	show_media(send);
}

/* A name of data_dir/outbox/ and nothing else. */
static bool is_plain_name(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && !strchr(name, '/') && strlen(name) <= 255;
}

static void show_file(struct wecom_send *send, const json_t *file)
{
	const char *name = qg_json_str(file, "file", "");
	if (!is_plain_name(name)) {
		qg_log_error(send->core->bot->name, "wecom: a file's name is none of the outbox");
		wecom_send_end(send, QG_UNSUPPORTED, 0);
		return;
	}
	if (send->core->link->uploads >= UPLOADS_MOST) {
		wecom_send_end(send, QG_BUSY, AWAY_MS);
		return;
	}
	QG_AUTO(qg_str_free)
	char *path = qg_str_printf("%s/outbox/%s", send->core->bot->data_dir, name);
	struct wecom_file asked = {.path = path,
		.name = qg_json_str(file, "name", name),
		.type = qg_json_str(file, "type", "file")};
	send->upload = path ? wecom_upload_start(send->core->link, &asked, uploaded, send) : NULL;
	if (!send->upload) {
		wecom_send_end(send, QG_NO_MEMORY, 0);
	}
}

/* ---- all of it ---- */

static void show_piece(struct wecom_send *send)
{
	const struct qg_reply *reply = send->out.reply;
	if (send->piece == ALL_PIECES || (send->piece == BUTTONS_PIECE && !is_last_text(reply))) {
		wecom_send_end(send, QG_OK, 0);
	} else if (send->piece == BUTTONS_PIECE) {
		show_buttons(send);
	} else if (reply->text[0] && !reply->silent) {
		show_text(send);
	} else {
		close_open(
			send, json_array_size(reply->files) > 0 ? "see_below" : "nothing_to_say");
	}
}

void wecom_send_go(struct wecom_send *send)
{
	if (!send->core->link || !wecom_link_is_up(send->core->link)) {
		wait_for_link(send);
	} else if (!send->out.reply->file) {
		show_piece(send);
	} else if (send->piece > TEXT_PIECE) {
		wecom_send_end(send, QG_OK, 0);
	} else if (send->media_id) {
		show_media(send);
	} else {
		show_file(send, send->out.reply->file);
	}
}

void wecom_link_send(struct wecom_core *core, struct qg_reply *reply)
{
	struct wecom_send *send = calloc(1, sizeof(*send));
	if (!send) {
		wecom_core_wake(core);
		qg_outs_add_spare(&core->outs, core->bot, reply);
		return;
	}
	send->core = core;
	qg_outs_add(&core->outs, &send->out, reply);
	send->in_place =
		wecom_handle_read(reply->handle, &send->handle) && reply->form == QG_FORM_RICH;
	send->piece = recall(core, reply);
	if (core->stopping) {
		wecom_send_end(send, QG_BUSY, 1);
		return;
	}
	if (core->link && reply->part == 0) {
		close_others(send);
	}
	if (core->link && reply->part == 0 && reply->file) {
		close_behind(send); /* no text comes to end what is open */
	}
	wecom_send_go(send);
}

/* ---- sentences by themselves ---- */

static void said(void *arg, const struct wecom_answer *answer)
{
	if (answer->local == QG_OK && answer->code != 0) {
		qg_log_info(NULL, "wecom: a sentence was not taken: code %lld %s",
			(long long)answer->code, answer->words);
	}
}

static void job_said(struct wecom_job *job, const struct wecom_verdict *verdict)
{
	wecom_job_finish(job);
	free(job);
}

void wecom_say(struct wecom_link *link, const struct wecom_handle *handle, const char *chat,
	enum qg_chat_type type, const char *words)
{
	struct wecom_lane *lane = handle ? wecom_lane_get(link, handle) : NULL;
	struct wecom_job *job = lane && !lane->dead ? calloc(1, sizeof(*job)) : NULL;
	if (job && (job->text = qg_str_copy(words)) != NULL) {
		job->ended = job_said;
		wecom_lane_put(lane, job);
		return;
	}
	free(job);
	json_auto_t *body = address(chat, type);
	json_auto_t *content =
		json_pack("{s:s, s:{s:s}}", "msgtype", "markdown", "markdown", "content", words);
	struct wecom_request request = {
		.cmd = "aibot_send_msg", .body = body, .timeout_ms = PUSH_MS};
	if (body && content && json_object_update(body, content) == 0 &&
		!wecom_call_start(link, &request, said, NULL)) {
		qg_log_info(NULL, "wecom: a sentence could not leave");
	}
}

/* ---- drafts ---- */

void wecom_link_draft(struct wecom_core *core, const struct qg_draft *draft)
{
	struct wecom_handle handle;
	struct wecom_link *link = core->link;
	if (!link || core->stopping || !wecom_handle_read(draft->handle, &handle)) {
		return;
	}
	struct wecom_lane *lane = wecom_lane_get(link, &handle);
	if (lane) {
		wecom_lane_draft(lane, draft, wecom_asker(core->bot, handle.type, handle.user));
	}
}
