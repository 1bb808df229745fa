/* frame.c - the frames of a Stream connection as bytes.
 *
 * A frame is {"type","headers":{"topic","messageId",...},"data"}, data a JSON document as a string; an answer repeats the
 * messageId. What is only repeated is never decoded: it goes back as it stood between its quotes. */
#include "link.h"

#include <stdio.h>
#include <string.h>

#include "qg/json.h"

#define ECHO_MOST 4096 /* bytes of headers that a pong repeats */

enum qg_status dingtalk_frame_read(const char *data, size_t size, struct dingtalk_frame *out)
{
	static const char *const paths[] = {
		"type", "headers.topic", "headers.messageId", "headers", "data"};
	enum { FIELDS = sizeof(paths) / sizeof(paths[0]) };
	struct qg_piece found[FIELDS];
	enum qg_status status = qg_scan(data, size, paths, FIELDS, found);
	if (status != QG_OK) {
		return status;
	}
	if (found[0].kind != QG_PIECE_STRING || found[1].kind != QG_PIECE_STRING) {
		return QG_INVALID;
	}
	bool has_id = found[2].kind == QG_PIECE_STRING && found[2].size > 0 &&
		      found[2].size < DINGTALK_MESSAGE_ID;
	*out = (struct dingtalk_frame){found[0], found[1], found[2], found[3], found[4]};
	if (!has_id) {
		out->message_id = (struct qg_piece){0};
	}
	return QG_OK;
}

enum qg_status dingtalk_frame_data(const struct dingtalk_frame *frame, struct qg_buf *out)
{
	if (frame->data.kind == QG_PIECE_OBJECT) {
		return qg_buf_add(out, frame->data.data, frame->data.size);
	}
	return qg_piece_text(&frame->data, out);
}

enum qg_status dingtalk_ack_write(
	struct qg_buf *out, int code, const char *message_id, const char *message, const char *data)
{
	qg_buf_printf(out,
		"{\"code\":%d,\"headers\":{\"contentType\":\"application/json\",\"messageId\":"
		"\"%s\"},\"message\":\"%s\",\"data\":",
		code, message_id, message);
	enum qg_status status = qg_json_quote(data, strlen(data), out);
	return status == QG_OK ? qg_buf_add_char(out, '}') : status;
}

enum qg_status dingtalk_pong_write(struct qg_buf *out, const struct dingtalk_frame *frame)
{
	bool is_text = frame->data.kind == QG_PIECE_STRING;
	qg_buf_add_str(out, "{\"code\":200,\"headers\":");
	if (frame->headers.size <= ECHO_MOST) {
		qg_buf_add(out, frame->headers.data, frame->headers.size);
	} else {
		qg_buf_printf(out, "{\"contentType\":\"application/json\",\"messageId\":\"%.*s\"}",
			(int)frame->message_id.size, frame->message_id.data);
	}
	qg_buf_add_str(out, ",\"message\":\"OK\",\"data\":\"");
	if (is_text) {
		qg_buf_add(out, frame->data.data, frame->data.size);
	}
	return qg_buf_add_str(out, "\"}");
}
