/* ws_write.c - owns how messages become fragments on their way out.
 *
 * One frame whenever the connection takes one, so that a large upload holds up neither the pings
 * of its link nor the other links. The library masks a frame where it lies and puts the head in
 * front of it; there lie bytes that have left already. */
#include "ws_internal.h"

#include <stdlib.h>
#include <string.h>

#define MOST_WAITING ((size_t)16 << 20)
/* With its head it fills one record of TLS. */
#define FRAGMENT (16384 - 14)
#define MAX_CONTROL 125
/* Left out of the library's public enum, as its own way to close hides what the peer answers. */
#define WRITE_CLOSE ((enum lws_write_protocol)4)

struct ws_piece {
	struct qg_list link;
	size_t size, sent;
	bool binary;
	unsigned char bytes[]; /* room for a head, then size bytes */
};

enum qg_status ws_write_queue(struct qg_ws *ws, const void *data, size_t size, bool binary)
{
	if (size > MOST_WAITING - ws->waiting) {
		return QG_FULL;
	}
	struct ws_piece *piece = malloc(sizeof(*piece) + LWS_PRE + size);
	if (!piece) {
		return QG_NO_MEMORY;
	}
	piece->size = size;
	piece->sent = 0;
	piece->binary = binary;
	if (size > 0) {
		memcpy(piece->bytes + LWS_PRE, data, size);
	}
	qg_list_init(&piece->link);
	qg_list_add(&ws->pieces, &piece->link);
	ws->waiting += size;
	ws_write_soon(ws);
	return QG_OK;
}

void ws_write_soon(struct qg_ws *ws)
{
	if (ws->wsi) {
		(void)lws_callback_on_writable(ws->wsi);
	}
}

static void drop_piece(struct qg_ws *ws, struct ws_piece *piece)
{
	ws->waiting -= piece->size - piece->sent;
	qg_list_remove(&piece->link);
	free(piece);
}

void ws_write_drop(struct qg_ws *ws)
{
	QG_LIST_FOR_EACH (item, &ws->pieces) {
		drop_piece(ws, QG_CONTAINER(item, struct ws_piece, link));
	}
}

static bool write_control(
	struct qg_ws *ws, enum lws_write_protocol kind, const void *data, size_t size)
{
	unsigned char frame[LWS_PRE + MAX_CONTROL];
	if (size > 0) {
		memcpy(frame + LWS_PRE, data, size);
	}
	return lws_write(ws->wsi, frame + LWS_PRE, size, kind) >= 0;
}

static bool write_close(struct qg_ws *ws)
{
	char data[MAX_CONTROL] = {(char)(ws->close_code >> 8), (char)(ws->close_code & 0xff)};
	size_t size = ws->close_reason ? strlen(ws->close_reason) : 0;
	if (size > 0) {
		memcpy(data + 2, ws->close_reason, size);
	}
	ws->wants_close = false;
	ws->close_sent = true;
	return write_control(ws, WRITE_CLOSE, data, 2 + size);
}

static bool write_fragment(struct qg_ws *ws, struct ws_piece *piece)
{
	size_t left = piece->size - piece->sent;
	size_t size = left < FRAGMENT ? left : FRAGMENT;
	int flags = lws_write_ws_flags(
		piece->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, piece->sent == 0, size == left);
	unsigned char *from = piece->bytes + LWS_PRE + piece->sent;
	if (lws_write(ws->wsi, from, size, (enum lws_write_protocol)flags) < (int)size) {
		return false;
	}
	piece->sent += size;
	ws->waiting -= size;
	if (piece->sent == piece->size) {
		drop_piece(ws, piece);
	}
	return true;
}

bool ws_write_frame(struct qg_ws *ws)
{
	bool stays = true;
	if (ws->close_sent) {
		return true; /* nothing may follow it */
	}
	if (ws->wants_ping) {
		ws->wants_ping = false;
		stays = write_control(ws, LWS_WRITE_PING, NULL, 0);
	} else if (!qg_list_is_empty(&ws->pieces)) {
		stays = write_fragment(ws, QG_CONTAINER(ws->pieces.next, struct ws_piece, link));
	} else if (ws->wants_close) {
		stays = write_close(ws);
	}
	if (stays && (ws->wants_ping || ws->wants_close || !qg_list_is_empty(&ws->pieces))) {
		ws_write_soon(ws);
	}
	return stays;
}
