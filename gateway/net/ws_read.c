/* ws_read.c - owns how fragments become messages.
 *
 * The library hands out what it has of a frame at every few KiB. A message that came in one piece
 * is passed on where it lies; any other grows in a buffer whose ceiling the owner set. What the head
 * of a frame announces counts as if it were here: nobody waits for what is refused in the end. */
#include "ws_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "qg/status.h"

/* Close codes of RFC 6455, section 7.4.1. */
#define TOO_BIG 1009
#define INTERNAL_ERROR 1011

/* Calls the owner. False: the link was cancelled inside. */
static bool deliver(struct qg_ws *ws, const char *data, size_t size)
{
	struct qg_ws_client *client = ws->client;
	bool binary = lws_frame_is_binary(ws->wsi);
	client->depth++;
	ws->host->message(ws->arg, ws, data, size, binary);
	client->depth--;
	return !ws->cancelled;
}

static void complain(struct qg_ws *ws, enum qg_status status, size_t announced)
{
	bool large = status == QG_TOO_LARGE;
	const char *words = large ? "a message was too large" : "out of memory";
	char size[48];
	int length = snprintf(size, sizeof(size), "%" PRIu64 " bytes or more", (uint64_t)announced);
	ws_note(ws, words, size, large ? (size_t)length : 0);
	ws_begin_close(ws, large ? TOO_BIG : INTERNAL_ERROR, words, true);
}

static bool deliver_gathered(struct qg_ws *ws)
{
	struct qg_buf whole = ws->message;
	qg_buf_init(&ws->message, ws->most);
	bool stays = deliver(ws, whole.data, whole.size);
	qg_buf_finish(&whole);
	return stays;
}

bool ws_read_fragment(struct qg_ws *ws, const char *data, size_t size)
{
	if (ws->state != WS_OPEN) {
		return true; /* its owner wants to hear no more */
	}
	bool final = lws_is_final_fragment(ws->wsi);
	size_t announced = ws->message.size + size + lws_remaining_packet_payload(ws->wsi);
	if (announced > ws->most) {
		complain(ws, QG_TOO_LARGE, announced);
		return true;
	}
	if (final && ws->message.size == 0) {
		return deliver(ws, data, size);
	}
	enum qg_status status = qg_buf_add(&ws->message, data, size);
	if (status != QG_OK) {
		complain(ws, status, announced);
		return true;
	}
	return final ? deliver_gathered(ws) : true;
}
