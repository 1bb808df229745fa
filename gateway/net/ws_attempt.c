/* ws_attempt.c - owns the way from a link to a connection: one address after the other.
 *
 * The library is given an address, so that it asks no resolver, and the name beside it. Each
 * address gets its share of the time that is left: one that swallows packets must not use up that
 * of its neighbours. By a proxy it is the proxy's addresses that are tried; as the library keeps a
 * proxy with its virtual host, handshakes by another one wait until those under way have ended. */
#include "ws_internal.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

/* The library writes its CONNECT, which names the target twice, into 255 bytes. */
#define MAX_PROXIED_HOST 88

const char *ws_attempt_name(const struct qg_ws *ws)
{
	return ws->proxy.host ? ws->proxy.host : ws->target.host;
}

void ws_attempt_begin(struct qg_ws *ws)
{
	ws->began_ms = qg_clock_mono();
	ws->state = WS_RESOLVING;
	enum qg_status status = ws_proxy_init(&ws->proxy, &ws->target);
	if (status == QG_NO_MEMORY) {
		ws_over(ws, "out of memory");
	} else if (status != QG_OK) {
		ws_over(ws, "the proxy named by the environment is not of a kind that is built in");
	} else if (ws->proxy.host && strlen(ws->target.host) > MAX_PROXIED_HOST) {
		ws_over(ws, "the name is too long for the way by a proxy");
	} else {
		ws_clock_arm(ws);
	}
}

/* ---- the proxy in force ---- */

static char *describe_proxy(const struct qg_ws *ws, const char *address)
{
	const struct ws_proxy *proxy = &ws->proxy;
	bool is_v6 = strchr(address, ':') != NULL;
	return qg_str_printf("%s%s%s%s%s:%u", proxy->user ? proxy->user : "",
		proxy->user ? "@" : "", is_v6 ? "[" : "", address, is_v6 ? "]" : "", proxy->port);
}

/* QG_BUSY: handshakes by another one are under way. */
static enum qg_status use_proxy(struct qg_ws *ws, const char *address)
{
	struct qg_ws_client *client = ws->client;
	char *text = describe_proxy(ws, address);
	enum qg_status status = QG_OK;
	if (!text) {
		return QG_NO_MEMORY;
	}
	if (!qg_str_equal(text, client->proxy_in_force)) {
		if (client->proxied_links > 0) {
			status = QG_BUSY;
		} else if (lws_set_proxy(client->proxied, text) != 0) {
			status = QG_INVALID;
		} else {
			free(client->proxy_in_force);
			client->proxy_in_force = text;
			text = NULL;
		}
	}
	free(text);
	return status;
}

static void take_proxy(struct qg_ws *ws)
{
	ws->by_proxy = true;
	ws->client->proxied_links++;
}

void ws_attempt_release(struct qg_ws *ws)
{
	if (ws->by_proxy) {
		ws->by_proxy = false;
		ws->client->proxied_links--;
		ws_client_settle_soon(ws->client);
	}
}

/* ---- one address ---- */

static void connect_to(struct qg_ws *ws, const char *address)
{
	/* No timers of the library's for pings: the clock is ours. */
	static const lws_retry_bo_t no_pings;
	const struct lws_client_connect_info info = {
		.context = ws->client->context,
		.vhost = ws->by_proxy ? ws->client->proxied : ws->client->direct,
		.address = ws->by_proxy ? ws->target.host : address,
		.port = (int)ws->target.port,
		.path = ws->target.path,
		.host = ws->target.authority,
		.alpn = "http/1.1",
		.local_protocol_name = "qungong",
		.ssl_connection =
			LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (ws->target.tls ? LCCSCF_USE_SSL : 0),
		.opaque_user_data = ws,
		.retry_and_idle_policy = &no_pings,
	};
	ws->died = false;
	ws->in_attempt = true;
	struct lws *wsi = lws_client_connect_via_info(&info);
	ws->in_attempt = false;
	if (wsi && !ws->died) {
		ws->wsi = wsi;
	} else {
		ws_lost(ws);
	}
}

static void share_time(struct qg_ws *ws)
{
	uint64_t now = qg_clock_mono();
	uint64_t end = ws->began_ms + ws->connect_ms;
	uint64_t left = end > now ? end - now : 0;
	ws->attempt_ends_ms = now + left / (ws->addresses->count - ws->next_address);
}

static bool may_go(struct qg_ws *ws, const char *address)
{
	if (ws_context_need(ws->client) != QG_OK) {
		ws_over(ws, "the websocket library does not start");
		return false;
	}
	enum qg_status status = ws->proxy.host ? use_proxy(ws, address) : QG_OK;
	if (status == QG_NO_MEMORY) {
		ws_over(ws, "out of memory");
	} else if (status == QG_INVALID) {
		ws_over(ws, "the proxy named by the environment cannot be used");
	}
	return status == QG_OK;
}

void ws_attempt_next(struct qg_ws *ws)
{
	const char *address = ws->addresses->text[ws->next_address];
	if (!may_go(ws, address)) {
		return;
	}
	share_time(ws);
	ws->next_address++;
	ws->state = WS_SHAKING;
	ws->connected = ws->named = ws->asked = false;
	ws->why = NULL;
	if (ws->proxy.host) {
		take_proxy(ws);
	}
	connect_to(ws, address);
	if (ws->state == WS_SHAKING) {
		ws_clock_arm(ws);
	}
}

bool ws_attempt_again(struct qg_ws *ws)
{
	if (ws->state != WS_SHAKING || ws->connected || ws->next_address >= ws->addresses->count) {
		return false;
	}
	ws_attempt_release(ws);
	ws->state = WS_READY;
	ws_client_settle_soon(ws->client);
	return true;
}
