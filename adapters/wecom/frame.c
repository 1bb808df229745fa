/* frame.c - the frames of the long connection as bytes, and the handle that leads a reply back to its message.
 *
 * A frame is {"cmd","headers":{"req_id"},"body"}; an answer has errcode and errmsg and no cmd. The server has sent raw
 * control characters inside strings: they are taken out before anything is read, as the official SDK does. */
#include "link.h"

#include <stdio.h>
#include <string.h>

#include "qg/json.h"
#include "qg/str.h"

/* ---- frames ---- */

enum qg_status wecom_frame_write(
	struct qg_buf *out, const char *cmd, const char *req_id, const char *body, size_t body_size)
{
	qg_buf_printf(out, "{\"cmd\":\"%s\",\"headers\":{\"req_id\":", cmd);
	enum qg_status status = qg_json_quote(req_id, strlen(req_id), out);
	if (status != QG_OK) {
		return status;
	}
	qg_buf_add_str(out, "}");
	if (body) {
		qg_buf_add_str(out, ",\"body\":");
		qg_buf_add(out, body, body_size);
	}
	return qg_buf_add_str(out, "}");
}

static bool must_go(unsigned char c)
{
	return c < 0x20 && c != '\t' && c != '\n';
}

/* Mostly there is nothing to take out, and nothing is copied. */
static enum qg_status clean(
	const char *data, size_t size, struct qg_buf *scratch, const char **out, size_t *size_out)
{
	size_t first = 0;
	while (first < size && !must_go((unsigned char)data[first])) {
		first++;
	}
	*out = data;
	*size_out = size;
	if (first == size) {
		return QG_OK;
	}
	qg_buf_reset(scratch);
	enum qg_status status = qg_buf_reserve(scratch, size);
	if (status != QG_OK) {
		return status;
	}
	size_t kept = 0;
	for (size_t i = 0; i < size; i++) {
		if (!must_go((unsigned char)data[i])) {
			scratch->data[kept++] = data[i];
		}
	}
	*out = scratch->data;
	*size_out = kept;
	return QG_OK;
}

enum qg_status wecom_frame_read(
	const char *data, size_t size, struct qg_buf *scratch, struct wecom_frame *out)
{
	static const char *const paths[] = {"cmd", "headers.req_id", "errcode", "errmsg", "body"};
	enum { FIELDS = sizeof(paths) / sizeof(paths[0]) };
	struct qg_piece found[FIELDS];
	const char *text;
	size_t text_size;
	enum qg_status status = clean(data, size, scratch, &text, &text_size);
	if (status == QG_OK) {
		status = qg_scan(text, text_size, paths, FIELDS, found);
	}
	if (status == QG_OK && found[1].kind != QG_PIECE_STRING) {
		status = QG_INVALID;
	}
	if (status == QG_OK) {
		*out = (struct wecom_frame){found[0], found[1], found[2], found[3], found[4]};
	}
	return status;
}

/* ---- handles: "<connection>/<g or d>/<bytes of the request's id>/<that id><user>" ---- */

char *wecom_handle_write(const struct wecom_handle *handle)
{
	return qg_str_printf("%s/%c/%zu/%s%s", handle->conn,
		handle->type == QG_CHAT_GROUP ? 'g' : 'd', strlen(handle->req_id), handle->req_id,
		handle->user);
}

/* The number between two slashes, at most most; -1 where it is none. */
static int read_length(const char **at, int most)
{
	const char *c = *at;
	int length = 0;
	while (*c >= '0' && *c <= '9' && length <= most) {
		length = length * 10 + (*c++ - '0');
	}
	if (c == *at || *c != '/' || length > most) {
		return -1;
	}
	*at = c + 1;
	return length;
}

bool wecom_handle_read(const char *text, struct wecom_handle *out)
{
	if (!text || strlen(text) < WECOM_CONN_CHARS + 3) {
		return false;
	}
	struct wecom_handle handle = {.type = QG_CHAT_DIRECT};
	memcpy(handle.conn, text, WECOM_CONN_CHARS);
	const char *at = text + WECOM_CONN_CHARS;
	if (at[0] != '/' || (at[1] != 'g' && at[1] != 'd') || at[2] != '/') {
		return false;
	}
	handle.type = at[1] == 'g' ? QG_CHAT_GROUP : QG_CHAT_DIRECT;
	at += 3;
	int length = read_length(&at, WECOM_REQ_ID_MOST);
	if (length < 1 || strlen(at) < (size_t)length ||
		strlen(at) - (size_t)length >= sizeof(handle.user)) {
		return false;
	}
	memcpy(handle.req_id, at, (size_t)length);
	snprintf(handle.user, sizeof(handle.user), "%s", at + length);
	*out = handle;
	return true;
}
