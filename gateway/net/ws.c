/* ws.c - owns one link: what its owner asks of it, and how it ends.
 *
 * Each way to an end leads to ws_over(), which only notes it; the owner is told when the client
 * settles, outside the library and outside whatever call of the owner's led there. */
#include "ws_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "qg/clock.h"
#include "qg/str.h"

#define MOST_DEFAULT ((size_t)1 << 20)
#define CONNECT_MS 15000
#define PING_MS 30000
#define PONG_MS 10000
#define MAX_REASON 123
#define MAX_WORDS 80

/* ---- words for the end ---- */

void ws_note(struct qg_ws *ws, const char *what, const char *words, size_t size)
{
	char said[MAX_WORDS + 1];
	if (ws->why) {
		return;
	}
	ws->why = what;
	size = qg_utf8_cut(words ? words : "", words ? size : 0, MAX_WORDS);
	if (size == 0) {
		return;
	}
	memcpy(said, words, size);
	said[size] = '\0';
	qg_utf8_flatten(said);
	snprintf(ws->why_made, sizeof(ws->why_made), "%s: %s", what, said);
	ws->why = ws->why_made;
}

/* ---- the end ---- */

/* Out of the numbers of those that are shaking hands or open. */
static void leave(struct qg_ws *ws)
{
	ws->client->counts.handshakes -= ws->has_place;
	ws->client->counts.open -= ws->is_up;
	if (ws->has_place) {
		ws_client_settle_soon(ws->client);
	}
	ws->has_place = ws->is_up = false;
	qg_list_remove(&ws->link);
	qg_list_remove(&ws->drain);
	ws_clock_stop(ws);
}

void ws_over(struct qg_ws *ws, const char *why)
{
	if (ws->state == WS_OVER || ws->cancelled) {
		return;
	}
	leave(ws);
	ws_write_drop(ws);
	ws->state = WS_OVER;
	ws_note(ws, why, NULL, 0);
	if (ws->opened) {
		ws->client->counts.closed++;
	} else {
		ws->client->counts.failed++;
	}
	qg_list_add(&ws->client->over, &ws->link);
	ws_client_settle_soon(ws->client);
}

void ws_drop_connection(struct qg_ws *ws)
{
	struct lws *wsi = ws->wsi;
	ws->wsi = NULL;
	ws->fd = -1;
	if (wsi) {
		lws_set_opaque_user_data(wsi, NULL);
		/* Where some bytes of a frame are left, the library would hold on to them for seconds. */
		(void)shutdown(lws_get_socket_fd(wsi), SHUT_RDWR);
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
	}
}

static const char *what_was_lost(const struct qg_ws *ws)
{
	if (ws->state == WS_CLOSING) {
		return "closed";
	}
	if (ws->state == WS_OPEN) {
		return "the connection broke";
	}
	return ws->connected ? "the handshake broke off" : "no connection";
}

void ws_lost(struct qg_ws *ws)
{
	ws->wsi = NULL;
	ws->fd = -1;
	ws->died = true;
	if (!ws->in_attempt && ws->state != WS_OVER && !ws->cancelled && !ws_attempt_again(ws)) {
		ws_over(ws, what_was_lost(ws));
	}
}

/* What only connecting needed. */
static void forget_way(struct qg_ws *ws)
{
	ws_attempt_release(ws);
	ws_target_finish(&ws->target);
	ws_proxy_finish(&ws->proxy);
	free(ws->addresses);
	ws->addresses = NULL;
}

void ws_free(struct qg_ws *ws)
{
	leave(ws);
	ws_drop_connection(ws);
	forget_way(ws);
	ws_write_drop(ws);
	qg_buf_finish(&ws->message);
	for (size_t i = 0; i < QG_WS_WANTED; i++) {
		free(ws->found[i]);
	}
	free(ws->close_reason);
	free(ws);
}

void ws_tell(struct qg_ws *ws)
{
	struct qg_ws_end end = {
		.opened = ws->opened,
		.status = ws->opened ? 0 : ws->status,
		.code = ws->code,
		.rejected_tls = ws->rejected_tls,
		.why = ws->why ? ws->why : "ended",
	};
	for (size_t i = 0; i < QG_WS_WANTED; i++) {
		end.found[i] = ws->found[i];
	}
	ws_drop_connection(ws);
	qg_list_remove(&ws->link);
	ws->host->ended(ws->arg, ws, &end);
	ws_free(ws);
}

/* ---- its life ---- */

void ws_opened(struct qg_ws *ws)
{
	struct qg_ws_client *client = ws->client;
	leave(ws);
	forget_way(ws);
	ws->fd = -1;
	ws->state = WS_OPEN;
	ws->opened = ws->is_up = true;
	ws->heard_ms = qg_clock_mono();
	client->counts.opened++;
	client->counts.open++;
	qg_list_add(&client->open, &ws->link);
	qg_list_add(&client->drains, &ws->drain);
	ws_client_settle_soon(client);
	ws_clock_arm(ws);
}

void ws_begin_close(struct qg_ws *ws, int code, const char *reason, bool drops)
{
	size_t size = reason ? strlen(reason) : 0;
	if (drops) {
		ws_write_drop(ws);
		qg_buf_finish(&ws->message);
	}
	ws->state = WS_CLOSING;
	ws->closing_ms = qg_clock_mono();
	ws->close_code = (uint16_t)code;
	if (size > 0) {
		/* Without memory it closes without a reason. */
		ws->close_reason = qg_str_copy_n(reason, qg_utf8_cut(reason, size, MAX_REASON));
	}
	ws->wants_close = true;
	ws_write_soon(ws);
	ws_clock_arm(ws);
}

/* ---- what the owner asks ---- */

static unsigned or_default(unsigned value, unsigned otherwise)
{
	return value ? value : otherwise;
}

static struct qg_ws *create(struct qg_ws_client *client, const struct qg_ws_request *request,
	const struct qg_ws_host *host, void *arg)
{
	struct qg_ws *ws = calloc(1, sizeof(*ws));
	if (!ws) {
		return NULL;
	}
	ws->client = client;
	ws->host = host;
	ws->arg = arg;
	ws->fd = -1;
	ws->most = request->most ? request->most : MOST_DEFAULT;
	ws->connect_ms = or_default(request->connect_ms, CONNECT_MS);
	ws->ping_ms = request->no_pings ? 0 : or_default(request->ping_ms, PING_MS);
	ws->pong_ms = or_default(request->pong_ms, PONG_MS);
	ws->wanted = request->wanted;
	qg_buf_init(&ws->message, ws->most);
	qg_list_init(&ws->pieces);
	qg_list_init(&ws->drain);
	qg_list_init(&ws->link);
	qg_list_add(&client->waiting, &ws->link);
	ws_clock_init(ws);
	return ws;
}

struct qg_ws *qg_ws_open(struct qg_ws_client *client, const struct qg_ws_request *request,
	const struct qg_ws_host *host, void *arg)
{
	assert(host->opened && host->message && host->ended);
	struct qg_ws *ws = create(client, request, host, arg);
	if (!ws) {
		return NULL;
	}
	enum qg_status status = ws_target_init(&ws->target, request);
	if (status == QG_NO_MEMORY) {
		ws_free(ws);
		return NULL;
	}
	if (status != QG_OK) {
		ws_over(ws, "not a usable address or header");
	}
	ws_client_settle_soon(client);
	return ws;
}

enum qg_status qg_ws_send(struct qg_ws *ws, const void *data, size_t size, bool binary)
{
	if (ws->state != WS_OPEN || ws->cancelled) {
		return QG_CANCELLED;
	}
	return ws_write_queue(ws, data, size, binary);
}

size_t qg_ws_waiting(const struct qg_ws *ws)
{
	return ws->waiting;
}

void qg_ws_close(struct qg_ws *ws, int code, const char *reason)
{
	if (ws->cancelled) {
		return;
	}
	if (ws->state == WS_OPEN) {
		ws_note(ws, "closed", NULL, 0);
		ws_begin_close(ws, code, reason, false);
	} else if (ws->state != WS_CLOSING) {
		ws_over(ws, "closed before it was open");
	}
}

void qg_ws_cancel(struct qg_ws *ws)
{
	if (!ws || ws->cancelled) {
		return;
	}
	struct qg_ws_client *client = ws->client;
	client->counts.closed += ws->opened && ws->state != WS_OVER;
	ws->cancelled = true;
	leave(ws);
	if (client->depth > 0) {
		/* The library may be at work on its connection. */
		qg_list_add(&client->doomed, &ws->link);
		ws_client_settle_soon(client);
	} else {
		ws_free(ws);
	}
}
