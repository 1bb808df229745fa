/* events.c - what the platform sends over the long connection: messages to the store, and events.
 *
 * The platform delivers once: what is not stored is lost, so the chat is told to say it again. A message keeps its
 * lane from the moment it came, for its answer may be there before the store has said that it has it. */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/metrics.h"
#include "qg/str.h"

#define WELCOME_MS 5000

/* ---- messages ---- */

void wecom_inbound_destroy(struct wecom_inbound *inbound)
{
	if (!inbound) {
		return;
	}
	struct wecom_core *core = inbound->core;
	qg_list_remove(&inbound->item);
	wecom_event_finish(&inbound->event);
	free(inbound);
	core->inbound--;
	wecom_core_wake(core);
	wecom_core_release(core);
}

bool wecom_inbound_is_lost(enum qg_status status)
{
	return status == QG_BUSY || status == QG_AWAY || status == QG_NO_MEMORY ||
	       status == QG_CANCELLED;
}

void wecom_inbound_ask_again(const struct wecom_inbound *inbound)
{
	const struct wecom_core *core = inbound->core;
	QG_AUTO(qg_str_free) char *words = wecom_core_words(core, "overflow_say_again");
	if (core->bot && core->link && words && inbound->event.chat) {
		qg_metric_add(qg_metric_counter("wecom_say_again_total", NULL,
				      "WeCom messages that could not be stored; the chat was asked "
				      "to say them again"),
			1);
		/* the id of a click takes no message */
		bool in_place = inbound->event.kind == WECOM_MESSAGE;
		wecom_say(core->link, in_place ? &inbound->handle : NULL, inbound->event.chat,
			inbound->event.chat_type, words);
	}
}

static void stored(void *arg, enum qg_status status)
{
	struct wecom_inbound *inbound = arg;
	struct wecom_link *link = inbound->core->link;
	struct wecom_lane *lane = link ? wecom_lane_find(link, &inbound->handle) : NULL;
	if (lane && status == QG_OK) {
		wecom_lane_stored(lane);
	} else if (lane) {
		lane->pending = false;
	}
	if (wecom_inbound_is_lost(status)) {
		wecom_inbound_ask_again(inbound);
	}
	wecom_inbound_destroy(inbound);
}

static void receive(struct wecom_link *link, struct wecom_inbound *inbound)
{
	struct qg_bot *bot = inbound->core->bot;
	struct qg_message *message = inbound->event.message;
	inbound->event.message = NULL;
	struct wecom_lane *lane = wecom_lane_get(link, &inbound->handle);
	if (lane) {
		lane->pending = true;
	}
	free(message->handle);
	message->handle = inbound->handle.req_id[0] ? wecom_handle_write(&inbound->handle) : NULL;
	bot->host->receive(bot, message, stored, inbound);
}

/* ---- events ---- */

static void welcomed(void *arg, const struct wecom_answer *answer)
{
	const struct wecom_link *link = arg;
	if (answer->local == QG_CANCELLED || (answer->local == QG_OK && answer->code == 0)) {
		return;
	}
	const struct wecom_core *core = wecom_link_core(link);
	qg_log_info(core ? core->bot->name : NULL, "wecom: a welcome was not taken: code %lld %s",
		(long long)answer->code, answer->words);
}

static void welcome(struct wecom_link *link, const struct wecom_inbound *inbound)
{
	json_auto_t *body = wecom_welcome(inbound->core->bot, qg_clock_wall());
	struct wecom_request request = {.cmd = "aibot_respond_welcome_msg",
		.req_id = inbound->handle.req_id,
		.body = body,
		.timeout_ms = WELCOME_MS};
	if (!body || !wecom_call_start(link, &request, welcomed, link)) {
		qg_log_warn(inbound->core->bot->name, "wecom: no welcome: out of memory");
	}
}

/* The same series as over the webhook. */
static void count_feedback(const struct wecom_inbound *inbound)
{
	static const char *const kinds[] = {"other", "accurate", "inaccurate", "withdrawn"};
	int kind = inbound->event.feedback;
	char labels[128];
	snprintf(labels, sizeof(labels), "bot=\"%s\",kind=\"%s\"", inbound->core->bot->name,
		kinds[kind >= 1 && kind <= 3 ? kind : 0]);
	qg_metric_add(
		qg_metric_counter("feedback_total", labels, "What people said of answers."), 1);
}

/* true: somebody else owns inbound now. */
static bool handle(struct wecom_link *link, struct wecom_inbound *inbound)
{
	switch (inbound->event.kind) {
	case WECOM_MESSAGE:
		if (!inbound->event.message) {
			return false;
		}
		receive(link, inbound);
		return true;
	case WECOM_CLICK:
		wecom_click_receive(link, inbound);
		return true;
	case WECOM_ENTER:
		welcome(link, inbound);
		return false;
	case WECOM_FEEDBACK:
		count_feedback(inbound);
		return false;
	case WECOM_KICKED:
		wecom_link_kicked(link);
		return false;
	default:
		return false;
	}
}

/* ---- frames ---- */

static void fill_handle(const struct wecom_link *link, const struct wecom_frame *frame,
	struct wecom_inbound *inbound)
{
	struct wecom_handle *handle = &inbound->handle;
	QG_AUTO(qg_str_free) char *req_id = qg_piece_copy(&frame->req_id);
	handle->type = inbound->event.chat_type;
	memcpy(handle->conn, link->conn, sizeof(handle->conn));
	if (req_id && strlen(req_id) <= WECOM_REQ_ID_MOST) {
		snprintf(handle->req_id, sizeof(handle->req_id), "%s", req_id);
	}
	const char *user = inbound->event.user;
	if (user && strlen(user) < sizeof(handle->user)) {
		snprintf(handle->user, sizeof(handle->user), "%s", user);
	}
}

static bool is_callback(const struct qg_piece *cmd)
{
	return qg_piece_is(cmd, "aibot_msg_callback") || qg_piece_is(cmd, "aibot_event_callback");
}

static struct wecom_inbound *create(struct wecom_core *core)
{
	struct wecom_inbound *inbound = calloc(1, sizeof(*inbound));
	if (inbound) {
		inbound->core = core;
		qg_list_init(&inbound->item);
		core->inbound++;
		wecom_core_take(core);
	}
	return inbound;
}

void wecom_events_receive(struct wecom_link *link, const struct wecom_frame *frame)
{
	struct wecom_core *core = wecom_link_hearer(link);
	if (!is_callback(&frame->cmd) || frame->body.kind != QG_PIECE_OBJECT || !core) {
		return;
	}
	struct wecom_inbound *inbound = create(core);
	enum qg_status status = inbound ? wecom_event_read(core->bot, frame->body.data,
						  frame->body.size, NULL, &inbound->event)
					: QG_NO_MEMORY;
	if (status != QG_OK) {
		qg_log_warn(core->bot->name, "wecom: a message or event cannot be used: %s",
			qg_status_text(status));
		wecom_inbound_destroy(inbound);
		return;
	}
	fill_handle(link, frame, inbound);
	if (!handle(link, inbound)) {
		wecom_inbound_destroy(inbound);
	}
}
