/* stream.c - the frames that come over a connection, and their acks.
 *
 * An event is acknowledged once take.c says that what it means is stored, and that is before the platform's three seconds
 * are over; where it shall come again that is said too. What cannot be read never will be: that is logged and acknowledged,
 * or it would come for seven hours. The ack repeats the frame that brought the event, or its last part, and leaves on the
 * connection it came on, or not at all. Frames of type "card" are what apps get whose callback configuration is an old one:
 * they mean the same. A frame that makes no sense costs nothing but itself. */
#include "link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

#define ANSWER_MOST ((size_t)256 * 1024)
#define WAITING_MOST 4096 /* acks; what comes beyond is left to be delivered again */
#define SCRATCH_KEPT ((size_t)64 * 1024)
#define CONFIG_MOST 4096 /* of a pong */

struct inbound {		   /* an event whose ack waits */
	struct qg_list item;	   /* of link->waiting, while its connection lives */
	struct feishu_wire *wire;  /* NULL: its connection went */
	struct feishu_frame frame; /* without its payload */
	uint64_t received_us;
};

static struct feishu_link *link_of(const struct feishu_wire *wire)
{
	return QG_CONTAINER(wire->up.link, struct feishu_link, up);
}

/* ---- acks ---- */

/* {"code"}, with "data" the answer in base64 where there is one. */
static enum qg_status write_payload(const struct feishu_taken *taken, struct qg_buf *out)
{
	if (taken->status != QG_OK) {
		return qg_buf_add_str(out, "{\"code\":500}");
	}
	qg_buf_add_str(out, "{\"code\":200");
	if (taken->answer) {
		qg_buf_add_str(out, ",\"data\":\"");
		qg_base64_encode(taken->answer, strlen(taken->answer), out);
		qg_buf_add_char(out, '"');
	}
	return qg_buf_add_char(out, '}');
}

static void ack(const struct inbound *inbound, const struct feishu_taken *taken)
{
	struct feishu_wire *wire = inbound->wire;
	QG_AUTO(qg_buf_finish) struct qg_buf payload;
	QG_AUTO(qg_buf_finish) struct qg_buf out;
	qg_buf_init(&payload, ANSWER_MOST);
	qg_buf_init(&out, 2 * ANSWER_MOST);
	uint64_t took_ms = (qg_clock_mono_us() - inbound->received_us) / 1000;
	enum qg_status status = write_payload(taken, &payload);
	if (status == QG_OK) {
		status = feishu_frame_answer(
			&inbound->frame, took_ms, payload.data, payload.size, &out);
	}
	if (status == QG_OK) {
		status = qg_ws_send(wire->up.ws, out.data, out.size, true);
	}
	if (status != QG_OK) {
		qg_log_debug(qg_uplink_name(wire->up.link), "feishu: an ack did not leave: %s",
			qg_status_text(status));
	}
}

static void forget(struct inbound *inbound)
{
	if (inbound->wire) {
		link_of(inbound->wire)->waiting_count--;
		qg_list_remove(&inbound->item);
		inbound->wire = NULL;
	}
}

static void taken(void *arg, const struct feishu_taken *taken)
{
	struct inbound *inbound = arg;
	if (inbound->wire) {
		ack(inbound, taken);
	}
	forget(inbound);
	feishu_frame_finish(&inbound->frame);
	free(inbound);
}

void feishu_stream_drop(struct feishu_wire *wire)
{
	QG_LIST_FOR_EACH (item, &link_of(wire)->waiting) {
		struct inbound *inbound = QG_CONTAINER(item, struct inbound, item);
		if (inbound->wire == wire) {
			forget(inbound);
		}
	}
}

/* ---- events ---- */

/* Takes frame; NULL for no memory, or where too many wait. */
static struct inbound *wait_for_ack(struct feishu_wire *wire, struct feishu_frame *frame)
{
	struct feishu_link *link = link_of(wire);
	struct inbound *inbound =
		link->waiting_count < WAITING_MOST ? calloc(1, sizeof(*inbound)) : NULL;
	if (!inbound) {
		feishu_frame_finish(frame);
		return NULL;
	}
	*inbound =
		(struct inbound){.wire = wire, .frame = *frame, .received_us = qg_clock_mono_us()};
	*frame = (struct feishu_frame){0};
	qg_list_add(&link->waiting, &inbound->item);
	link->waiting_count++;
	return inbound;
}

static void hint(struct feishu_link *link)
{
	if (!link->hinted) {
		link->hinted = true;
		qg_log_warn(qg_uplink_name(&link->up),
			"feishu: "
			"收到旧式卡片回调：请在开发者后台「事件与回调」→「回调配置」选择「使用长"
			"连接接收回调」，添加「卡片回传交互」并重新发布版本，否则点按钮的人会看到 "
			"200340 "
			"· card callbacks come in an old form: choose the long connection for "
			"callbacks too and publish a version");
	}
}

/* Takes frame, whose event is whole: in it, or in the link's scratch. */
static void take_event(struct feishu_wire *wire, struct feishu_core *core,
	struct feishu_frame *frame, const char *data, size_t size)
{
	struct feishu_link *link = link_of(wire);
	struct feishu_envelope envelope;
	enum feishu_verdict verdict = feishu_envelope_read(link->app_id, data, size, &envelope);
	struct inbound *inbound = wait_for_ack(wire, frame);
	if (!inbound) {
		qg_log_warn(core->bot->name, "feishu: an event has no room; it will come again");
	} else if (verdict == FEISHU_REFUSED) { /* it would be the same another time */
		qg_log_warn(core->bot->name, "feishu: an event is not used: %s", envelope.why);
		taken(inbound, &(struct feishu_taken){.status = QG_OK});
	} else if (verdict == FEISHU_NO_ROOM) {
		taken(inbound, &(struct feishu_taken){.status = QG_NO_MEMORY});
	} else {
		/* Only what the ack repeats is kept while it waits; inbound may be gone after the call. */
		char *payload = feishu_frame_steal(&inbound->frame);
		feishu_take(core, &envelope, inbound->received_us, taken, inbound);
		free(payload);
	}
}

/* Takes frame. */
static void take_data(
	struct feishu_wire *wire, struct feishu_core *core, struct feishu_frame *frame)
{
	struct feishu_link *link = link_of(wire);
	const char *data = NULL;
	size_t size = 0;
	enum feishu_joined joined = feishu_parts_take(link, frame, &data, &size);
	if (joined == FEISHU_WHOLE) {
		qg_uplink_works(&wire->up);
		take_event(wire, core, frame, data, size);
		return;
	}
	if (joined == FEISHU_AWAITED) {
		qg_uplink_look(&link->up);
	} else {
		qg_log_debug(core->bot->name, "feishu: a part of an event is not used");
	}
	feishu_frame_finish(frame);
}

/* ---- frames ---- */

/* A pong may say what the server wishes from now on; its pings want no answer. */
static void take_control(struct feishu_wire *wire, const struct feishu_frame *frame)
{
	if (feishu_frame_header_is(frame, "type", "pong") && frame->payload_size > 0 &&
		frame->payload_size <= CONFIG_MOST) {
		json_auto_t *config = qg_json_parse(frame->payload, frame->payload_size, NULL);
		feishu_link_pace(link_of(wire), config);
	}
}

static bool is_event(struct feishu_wire *wire, const struct feishu_frame *frame)
{
	if (frame->method == FEISHU_DATA && feishu_frame_header_is(frame, "type", "card")) {
		hint(link_of(wire));
		return true;
	}
	return frame->method == FEISHU_DATA && feishu_frame_header_is(frame, "type", "event");
}

void feishu_stream_receive(struct feishu_wire *wire, const char *data, size_t size)
{
	struct feishu_link *link = link_of(wire);
	struct qg_uplink_member *hearer = qg_uplink_hearer(&link->up);
	struct feishu_frame frame = {0};
	enum qg_status status = feishu_frame_read(data, size, &frame);
	if (status != QG_OK) {
		qg_log_debug(qg_uplink_name(&link->up), "feishu: %zu bytes are no frame: %s", size,
			qg_status_text(status));
		return;
	}
	assert(hearer); /* with the last one the link goes */
	struct feishu_core *core = QG_CONTAINER(hearer, struct feishu_core, seat);
	if (is_event(wire, &frame)) {
		feishu_core_take(core);
		take_data(wire, core, &frame);
		feishu_core_release(core);
		if (link->scratch.capacity > SCRATCH_KEPT) {
			qg_buf_finish(&link->scratch);
		}
		return;
	}
	if (frame.method == FEISHU_CONTROL) {
		take_control(wire, &frame);
	}
	feishu_frame_finish(&frame);
}
