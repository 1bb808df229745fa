/* ws_client.c - owns the client: places for handshakes, and the order in which things end. */
#include "ws_internal.h"

#include <stdlib.h>

/* A handshake with TLS is milliseconds of processor time: a thousand at once would hold the loop. */
#define MAX_HANDSHAKES 20

void ws_client_settle_soon(struct qg_ws_client *client)
{
	ev_feed_event(client->ev, &client->settle, EV_CUSTOM);
}

struct qg_ws *ws_client_find(struct qg_ws_client *client, int fd)
{
	QG_LIST_FOR_EACH (item, &client->shaking) {
		struct qg_ws *ws = QG_CONTAINER(item, struct qg_ws, link);
		if (ws->connected && ws->fd == fd && fd >= 0) {
			return ws;
		}
	}
	return NULL;
}

/* ---- the end of things ---- */

static void free_all(struct qg_list *list)
{
	while (!qg_list_is_empty(list)) {
		ws_free(QG_CONTAINER(list->next, struct qg_ws, link));
	}
}

static void free_client(struct qg_ws_client *client)
{
	free_all(&client->doomed);
	free_all(&client->over);
	free_all(&client->waiting);
	free_all(&client->shaking);
	free_all(&client->open);
	ws_context_finish(client);
	ws_resolve_finish(client);
	ws_trust_finish(client);
	ev_clear_pending(client->ev, &client->settle);
	free(client);
}

static void silence(struct qg_list *list)
{
	QG_LIST_FOR_EACH (item, list) {
		QG_CONTAINER(item, struct qg_ws, link)->cancelled = true;
	}
}

void qg_ws_client_destroy(struct qg_ws_client *client)
{
	if (!client || client->destroyed) {
		return;
	}
	client->destroyed = true;
	if (client->depth > 0) {
		/* Inside a call of an owner: what is still on the stack, or settling, frees it. */
		silence(&client->over);
		silence(&client->waiting);
		silence(&client->shaking);
		silence(&client->open);
		ws_client_settle_soon(client);
		return;
	}
	free_client(client);
}

/* ---- settling ---- */

static struct qg_ws *first(struct qg_list *list)
{
	return qg_list_is_empty(list) ? NULL : QG_CONTAINER(list->next, struct qg_ws, link);
}

/* What came in one piece with the answer to the handshake lies in the library, which would look at
 * it when the loop has nothing else to do. A busy loop always has. */
static void drain(struct qg_ws_client *client)
{
	while (!client->destroyed && !qg_list_is_empty(&client->drains)) {
		struct qg_ws *ws = QG_CONTAINER(client->drains.next, struct qg_ws, drain);
		qg_list_remove(&ws->drain);
		struct lws_pollfd ready = {.fd = lws_get_socket_fd(ws->wsi),
			.events = LWS_POLLIN,
			.revents = LWS_POLLIN};
		(void)lws_service_fd(client->context, &ready);
	}
}

static void begin_waiting(struct qg_ws_client *client)
{
	struct qg_ws *ws;
	while (client->counts.handshakes < MAX_HANDSHAKES && (ws = first(&client->waiting))) {
		qg_list_remove(&ws->link);
		qg_list_add(&client->shaking, &ws->link);
		ws->has_place = true;
		client->counts.handshakes++;
		ws_attempt_begin(ws);
	}
}

static void try_addresses(struct qg_ws_client *client)
{
	QG_LIST_FOR_EACH (item, &client->shaking) {
		struct qg_ws *ws = QG_CONTAINER(item, struct qg_ws, link);
		if (ws->state == WS_READY) {
			ws_attempt_next(ws);
		}
	}
}

static void settle(struct qg_ws_client *client)
{
	struct qg_ws *ws;
	client->depth++;
	free_all(&client->doomed);
	drain(client);
	if (!client->destroyed) {
		begin_waiting(client);
		ws_resolve_run(client);
		try_addresses(client);
	}
	while (!client->destroyed && (ws = first(&client->over))) {
		ws_tell(ws);
	}
	client->depth--;
	if (client->destroyed) {
		free_client(client);
	}
}

static void on_settle(struct ev_loop *ev, ev_timer *watcher, int events)
{
	settle(watcher->data);
}

/* ---- the client ---- */

struct qg_ws_client *qg_ws_client_create(struct qg_loop *loop)
{
	struct qg_ws_client *client = calloc(1, sizeof(*client));
	if (!client) {
		return NULL;
	}
	client->loop = loop;
	client->ev = qg_loop_ev(loop);
	qg_list_init(&client->waiting);
	qg_list_init(&client->shaking);
	qg_list_init(&client->open);
	qg_list_init(&client->over);
	qg_list_init(&client->doomed);
	qg_list_init(&client->drains);
	ev_init(&client->settle, on_settle);
	client->settle.data = client;
	return client;
}

void qg_ws_client_counts(const struct qg_ws_client *client, struct qg_ws_counts *out)
{
	*out = client->counts;
}
