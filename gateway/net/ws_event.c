/* ws_event.c - owns what the library calls: each event goes to the link it concerns.
 *
 * A handshake that fails may be told in three ways or in none of them; the destruction of the
 * connection is always told, so that alone is the end, and the rest only adds words. A link that
 * was cancelled is not found any more, and its connection is sent away. */
#include "ws_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

#define MAX_WANTED 127
#define REFUSE 1
#define CLOSE (-1)

static int add_headers(struct qg_ws *ws, char **to, size_t room)
{
	size_t size = strlen(ws->target.headers);
	ws->asked = true;
	if (size > room) {
		return REFUSE;
	}
	memcpy(*to, ws->target.headers, size);
	*to += size;
	return 0;
}

/* What cannot be kept is as if it were absent. */
static void keep_wanted(struct qg_ws *ws, struct lws *wsi)
{
	char value[MAX_WANTED + 1];
	for (size_t i = 0; ws->wanted && ws->wanted[i] && i < QG_WS_WANTED; i++) {
		const char *name = ws->wanted[i];
		int size = lws_hdr_custom_copy(wsi, value, sizeof(value), name, (int)strlen(name));
		free(ws->found[i]);
		ws->found[i] = size >= 0 ? qg_str_copy(value) : NULL;
		if (ws->found[i]) {
			qg_utf8_flatten(ws->found[i]);
		}
	}
}

static int on_answer(struct qg_ws *ws, struct lws *wsi)
{
	char words[16];
	ws->status = (int)lws_http_client_http_response(wsi);
	if (ws->status != 101) {
		keep_wanted(ws, wsi);
		int size = snprintf(words, sizeof(words), "HTTP %d", ws->status);
		ws_note(ws, "the upgrade was refused", words, (size_t)size);
	}
	return 0;
}

/* The library's own words are of use only where it speaks of the answer. */
static int on_failure(struct qg_ws *ws, const char *words, size_t size)
{
	if (ws->asked) {
		ws_note(ws, "the handshake failed", words, words ? strnlen(words, size) : 0);
	} else if (ws->named) {
		ws_note(ws, "the TLS handshake failed", NULL, 0);
	} else if (ws->connected && ws->by_proxy) {
		ws_note(ws, "the proxy refused the way", NULL, 0);
	}
	return 0;
}

/* Runs one of our owner's functions; afterwards only the cancelled flag of ws is to be trusted. */
static int on_established(struct qg_ws *ws, struct lws *wsi)
{
	struct qg_ws_client *client = ws->client;
	ws->wsi = wsi;
	ws_opened(ws);
	client->depth++;
	ws->host->opened(ws->arg, ws);
	client->depth--;
	return ws->cancelled ? CLOSE : 0;
}

static int on_fragment(struct qg_ws *ws, const char *data, size_t size)
{
	ws_clock_heard(ws);
	return ws_read_fragment(ws, data, size) ? 0 : CLOSE;
}

static int on_peer_close(struct qg_ws *ws, const uint8_t *data, size_t size)
{
	if (size >= 2) {
		ws->code = data[0] << 8 | data[1];
		ws_note(ws, "closed by the peer", (const char *)data + 2, size - 2);
	}
	ws_note(ws, "closed by the peer", NULL, 0);
	if (ws->close_sent) {
		return CLOSE; /* ours went before: nothing is left to say */
	}
	/* The library sends it back and closes, if it can. */
	ws->state = WS_CLOSING;
	ws->closing_ms = qg_clock_mono();
	ws_clock_arm(ws);
	return 0;
}

static int on_open_link(struct qg_ws *ws, enum lws_callback_reasons reason, void *in, size_t size)
{
	switch (reason) {
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return on_fragment(ws, in, size);
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		ws_clock_heard(ws);
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return ws_write_frame(ws) ? 0 : CLOSE;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return on_peer_close(ws, in, size);
	default:
		return 0;
	}
}

static int on_link(
	struct qg_ws *ws, struct lws *wsi, enum lws_callback_reasons reason, void *in, size_t size)
{
	switch (reason) {
	case LWS_CALLBACK_WSI_CREATE:
		ws->connected = true;
		ws->fd = lws_get_socket_fd(wsi);
		return 0;
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return add_headers(ws, in, size);
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		return on_answer(ws, wsi);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		return on_failure(ws, in, size);
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		return on_established(ws, wsi);
	case LWS_CALLBACK_WSI_DESTROY:
		ws_lost(ws);
		return 0;
	default:
		return on_open_link(ws, reason, in, size);
	}
}

/* Of a connection whose link is gone. */
static int on_stray(enum lws_callback_reasons reason)
{
	switch (reason) {
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
	case LWS_CALLBACK_CLIENT_RECEIVE:
	case LWS_CALLBACK_CLIENT_WRITEABLE:
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		return CLOSE;
	default:
		return 0;
	}
}

static bool concerns_a_link(enum lws_callback_reasons reason)
{
	switch (reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
	case LWS_CALLBACK_PROTOCOL_DESTROY:
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS:
	case LWS_CALLBACK_GET_THREAD_ID:
	case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
		return false;
	default:
		return true;
	}
}

int ws_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
	if (!concerns_a_link(reason)) {
		return 0;
	}
	struct qg_ws *ws = lws_get_opaque_user_data(wsi);
	if (reason == LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION) {
		/* Of this event only, user is the store's context, and size the verdict so far. */
		return ws && ws_trust_verdict(ws, user, size != 0) ? 0 : REFUSE;
	}
	if (!ws) {
		return on_stray(reason);
	}
	if (reason != LWS_CALLBACK_WSI_DESTROY && (ws->cancelled || ws->state == WS_OVER)) {
		return on_stray(reason);
	}
	return on_link(ws, wsi, reason, in, size);
}
