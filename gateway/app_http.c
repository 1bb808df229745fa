/* app_http.c - the one HTTP client of the process, and its figures.
 *
 * Behind a proxy that opens TLS, and in private deployments, certificates come from an authority of one's own:
 * QUNGONG_CA_FILE names its file. */
#include "app_parts.h"

#include <stdlib.h>

#include "qg/log.h"
#include "qg/metrics.h"

enum { COUNT_MS = 2000 };

struct qg_app_http {
	struct qg_core *core;
	struct qg_timer *timer;
};

/* The client counts since the start and we set what it says: the kind stays a counter. */
static void set(const char *name, const char *help, uint64_t value)
{
	qg_metric_set(qg_metric_counter(name, NULL, help), (int64_t)value);
}

static void count(void *arg)
{
	struct qg_app_http *http = arg;
	struct qg_fetch_counts counts;
	qg_http_client_counts(http->core->http, &counts);
	set("fetch_requests_total", "Requests sent to models and platforms.", counts.requests);
	set("fetch_failures_total", "Requests that got no whole answer.", counts.failures);
	set("fetch_connections_total", "Connections made for requests.", counts.connections);
	set("fetch_reused_total", "Requests on a connection that was open.", counts.reused);
	set("fetch_http2_total", "Requests over HTTP/2.", counts.http2);
	set("fetch_repeated_total", "Requests sent again: a pooled connection had died.",
		counts.repeated);
}

static bool trust(struct qg_http_client *client)
{
	const char *path = getenv("QUNGONG_CA_FILE");
	if (!path || !*path) {
		return true;
	}
	enum qg_status status = qg_http_client_trust(client, path);
	if (status != QG_OK) {
		qg_log_error(NULL, "QUNGONG_CA_FILE: %s: %s", path, qg_status_text(status));
	}
	return status == QG_OK;
}

struct qg_app_http *qg_app_http_create(struct qg_core *core)
{
	struct qg_app_http *http = calloc(1, sizeof(*http));
	if (!http) {
		return NULL;
	}
	http->core = core;
	core->http = qg_http_client_create(core->loop);
	http->timer = qg_timer_create(core->loop, count, http);
	if (!core->http || !http->timer) {
		qg_log_error(NULL, "cannot create the HTTP client: out of memory");
	} else if (trust(core->http)) {
		count(http);
		qg_timer_repeat(http->timer, COUNT_MS);
		return http;
	}
	qg_app_http_destroy(http);
	return NULL;
}

void qg_app_http_destroy(struct qg_app_http *http)
{
	if (!http) {
		return;
	}
	qg_timer_destroy(http->timer);
	qg_http_client_destroy(http->core->http);
	http->core->http = NULL;
	free(http);
}
