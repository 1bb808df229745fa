/* stream.c - the frames that come over a connection, and their acks.
 *
 * A message is acked when it is stored, or when the platform's patience ends (3 s): it promises no second delivery, and a
 * copy that comes all the same has the same msgId. The ack of a card's click says what the card shows then.
 * A frame that makes no sense costs nothing but itself. */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/metrics.h"
#include "qg/str.h"

#define ACK_MS 2500 /* of 3 s */
#define ACK_MOST ((size_t)256 * 1024)
#define STORED "{\"response\":{\"success\":true}}"
#define EVENT_TAKEN "{\"status\":\"SUCCESS\"}"
#define SCRATCH_KEPT ((size_t)64 * 1024)

struct inbound {		    /* a message or a click whose ack waits for the store */
	struct qg_list item;	    /* of link->acks, until acked */
	struct dingtalk_wire *wire; /* NULL: acked, or its connection went */
	uint64_t due;
	char message_id[DINGTALK_MESSAGE_ID];
};

/* ---- acks ---- */

static void ack(struct dingtalk_wire *wire, int code, const char *message_id, const char *data)
{
	QG_AUTO(qg_buf_finish) struct qg_buf out;
	qg_buf_init(&out, ACK_MOST);
	enum qg_status status = message_id[0] == '\0'
					? QG_OK
					: dingtalk_ack_write(&out, code, message_id, "OK", data);
	if (status == QG_OK && out.size > 0) {
		status = qg_ws_send(wire->up.ws, out.data, out.size, false);
	}
	if (status != QG_OK) {
		qg_log_debug(qg_uplink_name(wire->up.link), "dingtalk: an ack did not leave: %s",
			qg_status_text(status));
	}
}

static void ack_inbound(struct inbound *inbound, const char *data)
{
	struct dingtalk_wire *wire = inbound->wire;
	if (wire) {
		inbound->wire = NULL;
		qg_list_remove(&inbound->item);
		ack(wire, 200, inbound->message_id, data);
	}
}

uint64_t dingtalk_stream_tick(struct dingtalk_link *link, uint64_t now)
{
	while (!qg_list_is_empty(&link->acks)) {
		struct inbound *inbound = QG_CONTAINER(link->acks.next, struct inbound, item);
		if (inbound->due > now) {
			return inbound->due;
		}
		ack_inbound(inbound, STORED);
	}
	return UINT64_MAX;
}

void dingtalk_stream_drop(struct dingtalk_wire *wire)
{
	QG_LIST_FOR_EACH (item, &dingtalk_link_of(wire)->acks) {
		struct inbound *inbound = QG_CONTAINER(item, struct inbound, item);
		if (inbound->wire == wire) {
			inbound->wire = NULL;
			qg_list_remove(&inbound->item);
		}
	}
}

/* What is lost is not acked in time: perhaps it does come again. */
static void stored(void *arg, enum qg_status status)
{
	struct inbound *inbound = arg;
	if (!dingtalk_is_lost(status)) {
		ack_inbound(inbound, STORED);
	} else if (inbound->wire) {
		qg_list_remove(&inbound->item);
	}
	free(inbound);
}

/* ---- messages and clicks ---- */

static void copy_id(const struct dingtalk_frame *frame, char out[DINGTALK_MESSAGE_ID])
{
	memcpy(out, frame->message_id.data ? frame->message_id.data : "", frame->message_id.size);
	out[frame->message_id.size] = '\0';
}

/* The ack of that frame waits from now on. NULL for no memory. */
static struct inbound *hold_ack(struct dingtalk_wire *wire, const struct dingtalk_frame *frame)
{
	struct inbound *inbound = calloc(1, sizeof(*inbound));
	if (inbound) {
		inbound->wire = wire;
		inbound->due = qg_clock_mono() + ACK_MS;
		copy_id(frame, inbound->message_id);
		qg_list_add(&dingtalk_link_of(wire)->acks, &inbound->item);
		qg_uplink_look(wire->up.link);
	}
	return inbound;
}

/* Takes message; false for no memory. */
static bool store(struct dingtalk_wire *wire, struct dingtalk_core *core,
	const struct dingtalk_frame *frame, struct qg_message *message)
{
	struct inbound *inbound = hold_ack(wire, frame);
	if (!inbound) {
		qg_message_destroy(message);
		return false;
	}
	dingtalk_deliver(core, message, qg_clock_mono_us(), stored, inbound);
	return true;
}

static void take_message(
	struct dingtalk_wire *wire, struct dingtalk_core *core, const struct dingtalk_frame *frame)
{
	const struct qg_buf *body = &dingtalk_link_of(wire)->scratch;
	struct dingtalk_event event;
	char id[DINGTALK_MESSAGE_ID];
	copy_id(frame, id);
	dingtalk_account_count(core->account, DINGTALK_USES, 1);
	enum qg_status status = dingtalk_event_read(core->bot, body->data, body->size, &event);
	if (status == QG_OK && event.kind == DINGTALK_MESSAGE) {
		struct qg_message *message = event.message;
		event.message = NULL;
		status = store(wire, core, frame, message) ? QG_OK : QG_NO_MEMORY;
	} else if (status == QG_OK) {
		if (event.kind == DINGTALK_QUOTA) {
			dingtalk_core_quota(core);
		} else if (event.kind == DINGTALK_UNSUPPORTED) {
			dingtalk_say_unsupported(core, event.message);
		}
		ack(wire, 200, id, STORED);
	}
	if (status != QG_OK) {
		qg_log_warn(core->bot->name, "dingtalk: a message cannot be used: %s",
			qg_status_text(status));
	}
	if (status == QG_INVALID) { /* it would be the same another time */
		ack(wire, 200, id, STORED);
	}
	dingtalk_event_finish(&event);
}

static void clicked(void *arg, const json_t *response)
{
	struct inbound *inbound = arg;
	json_auto_t *answer = response ? json_pack("{s:O}", "response", response) : NULL;
	QG_AUTO(qg_str_free) char *text = answer ? qg_json_dump(answer) : NULL;
	ack_inbound(inbound, text ? text : "{\"response\":{}}");
	free(inbound);
}

static void take_click(
	struct dingtalk_wire *wire, struct dingtalk_core *core, const struct dingtalk_frame *frame)
{
	const struct qg_buf *body = &dingtalk_link_of(wire)->scratch;
	struct inbound *inbound = hold_ack(wire, frame);
	dingtalk_account_count(core->account, DINGTALK_USES, 1);
	if (inbound) {
		dingtalk_click(core, body->data, body->size, qg_clock_mono_us(), clicked, inbound);
	}
}

/* ---- frames ---- */

static void take_callback(struct dingtalk_wire *wire, const struct dingtalk_frame *frame)
{
	struct dingtalk_link *link = dingtalk_link_of(wire);
	struct dingtalk_core *core = dingtalk_link_core(link);
	bool is_message = qg_piece_is(&frame->topic, DINGTALK_TOPIC_MESSAGE);
	if (!core || (!is_message && !qg_piece_is(&frame->topic, DINGTALK_TOPIC_CARD))) {
		return;
	}
	qg_buf_reset(&link->scratch);
	enum qg_status status = dingtalk_frame_data(frame, &link->scratch);
	if (status != QG_OK || link->scratch.size == 0) {
		qg_log_warn(core->bot->name, "dingtalk: a frame's data cannot be used: %s",
			qg_status_text(status));
		return;
	}
	dingtalk_core_take(core);
	if (is_message) {
		take_message(wire, core, frame);
	} else {
		take_click(wire, core, frame);
	}
	dingtalk_core_release(core);
	if (link->scratch.capacity > SCRATCH_KEPT) {
		qg_buf_finish(&link->scratch);
	}
}

static void take_system(struct dingtalk_wire *wire, const struct dingtalk_frame *frame)
{
	if (qg_piece_is(&frame->topic, "disconnect")) {
		dingtalk_wire_leaves(wire);
		return;
	}
	if (!qg_piece_is(&frame->topic, "ping") || frame->message_id.size == 0) {
		return;
	}
	QG_AUTO(qg_buf_finish) struct qg_buf out;
	qg_buf_init(&out, ACK_MOST);
	if (dingtalk_pong_write(&out, frame) != QG_OK ||
		qg_ws_send(wire->up.ws, out.data, out.size, false) != QG_OK) {
		qg_log_debug(qg_uplink_name(wire->up.link), "dingtalk: a pong did not leave");
	}
}

void dingtalk_stream_receive(struct dingtalk_wire *wire, const char *data, size_t size)
{
	struct dingtalk_frame frame;
	char id[DINGTALK_MESSAGE_ID];
	enum qg_status status = dingtalk_frame_read(data, size, &frame);
	if (status != QG_OK) {
		qg_log_debug(qg_uplink_name(wire->up.link), "dingtalk: %zu bytes are no frame: %s",
			size, qg_status_text(status));
		return;
	}
	if (!qg_piece_is(&frame.topic, "disconnect")) {
		qg_uplink_works(&wire->up);
	}
	if (qg_piece_is(&frame.type, "CALLBACK")) {
		take_callback(wire, &frame);
	} else if (qg_piece_is(&frame.type, "SYSTEM")) {
		take_system(wire, &frame);
	} else if (qg_piece_is(&frame.type, "EVENT")) { /* not asked for: nothing is to be done */
		copy_id(&frame, id);
		ack(wire, 200, id, EVENT_TAKEN);
	}
}
