/* app_ws.c - the one websocket client of the process, and its figures.
 *
 * It trusts what the HTTP client does: the system's authorities, and the file that QUNGONG_CA_FILE names. */
#include "app_parts.h"

#include <stdlib.h>

#include "qg/log.h"
#include "qg/metrics.h"

enum { COUNT_MS = 2000 };

struct qg_app_ws {
	struct qg_core *core;
	struct qg_timer *timer;
};

/* The client counts since the start and we set what it says: the kind stays a counter. */
static void set_total(const char *name, const char *help, uint64_t value)
{
	qg_metric_set(qg_metric_counter(name, NULL, help), (int64_t)value);
}

static void set_now(const char *name, const char *help, unsigned value)
{
	qg_metric_set(qg_metric_gauge(name, NULL, help), value);
}

static void count(void *arg)
{
	struct qg_app_ws *ws = arg;
	struct qg_ws_counts counts;
	qg_ws_client_counts(ws->core->ws, &counts);
	set_total("ws_opened_total", "Websocket links that were opened.", counts.opened);
	set_total("ws_failed_total", "Websocket links that could not be opened.", counts.failed);
	set_total("ws_closed_total", "Websocket links that ended.", counts.closed);
	set_total("ws_deaf_total", "Websocket links closed for unanswered pings.", counts.deaf);
	set_now("ws_open", "Websocket links that are open.", counts.open);
	set_now("ws_handshakes", "Websocket links that are being opened.", counts.handshakes);
}

static bool trust(struct qg_ws_client *client)
{
	const char *path = getenv("QUNGONG_CA_FILE");
	if (!path || !*path) {
		return true;
	}
	enum qg_status status = qg_ws_client_trust(client, path);
	if (status != QG_OK) {
		qg_log_error(NULL, "QUNGONG_CA_FILE: %s: %s", path, qg_status_text(status));
	}
	return status == QG_OK;
}

struct qg_app_ws *qg_app_ws_create(struct qg_core *core)
{
	struct qg_app_ws *ws = calloc(1, sizeof(*ws));
	if (!ws) {
		return NULL;
	}
	ws->core = core;
	core->ws = qg_ws_client_create(core->loop);
	ws->timer = qg_timer_create(core->loop, count, ws);
	if (!core->ws || !ws->timer) {
		qg_log_error(NULL, "cannot create the websocket client: out of memory");
	} else if (trust(core->ws)) {
		count(ws);
		qg_timer_repeat(ws->timer, COUNT_MS);
		return ws;
	}
	qg_app_ws_destroy(ws);
	return NULL;
}

void qg_app_ws_destroy(struct qg_app_ws *ws)
{
	if (!ws) {
		return;
	}
	qg_timer_destroy(ws->timer);
	qg_ws_client_destroy(ws->core->ws);
	ws->core->ws = NULL;
	free(ws);
}
