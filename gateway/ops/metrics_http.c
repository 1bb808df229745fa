/* metrics_http.c - GET /metrics: the series of this process and of those that have no doors of their own. */
#include "ops.h"

#include <stdio.h>

#include "qg/metrics.h"

enum { MAX_PAGE = 32 << 20 };

/* The server counts since start and we set what it says: the kind stays a counter. */
static void count(const char *name, const char *labels, const char *help, uint64_t value)
{
	qg_metric_set(qg_metric_counter(name, labels, help), (int64_t)value);
}

void qg_metrics_count_door(const char *listener, const struct qg_http_server *server)
{
	struct qg_http_counts counts;
	qg_http_server_counts(server, &counts);
	char labels[96];
	snprintf(labels, sizeof(labels), "listener=\"%s\"", listener);
	count("http_requests_total", labels, "Requests read whole.", counts.requests);
	count("http_connections_total", labels, "Connections accepted.", counts.connections);
	count("http_bad_requests_total", labels, "Requests refused before a handler saw them.",
		counts.bad_requests);
	count("http_timeouts_total", labels, "Requests that took too long to arrive.",
		counts.timeouts);
	qg_metric_set(qg_metric_gauge("http_connections", labels, "Connections open."),
		(int64_t)qg_http_server_connections(server));
	for (int hundred = 1; hundred <= 5; hundred++) {
		snprintf(
			labels, sizeof(labels), "listener=\"%s\",code=\"%dxx\"", listener, hundred);
		count("http_answers_total", labels, "Answers by code.", counts.answers[hundred]);
	}
	snprintf(labels, sizeof(labels), "listener=\"%s\",why=\"address\"", listener);
	count("http_refused_total", labels, "Connections refused.", counts.refused_address);
	snprintf(labels, sizeof(labels), "listener=\"%s\",why=\"limit\"", listener);
	count("http_refused_total", labels, "Connections refused.", counts.refused_limit);
}

/* Process -> its series, of what others published. */
static json_t *metrics_of_others(const json_t *others)
{
	json_t *all = json_object();
	const char *name;
	json_t *entry;
	json_object_foreach ((json_t *)others, name, entry) {
		json_t *series = json_object_get(entry, "metrics");
		if (all && series && json_object_set(all, name, series) != 0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

void qg_metrics_answer(const struct qg_core *core, const json_t *others, struct qg_http_exchange *x)
{
	struct qg_buf out;
	qg_buf_init(&out, MAX_PAGE);
	json_t *theirs = metrics_of_others(others);
	qg_metrics_render(&out, core->process, theirs);
	json_decref(theirs);
	if (out.failed == QG_OK) {
		qg_http_answer(
			x, 200, "text/plain; version=0.0.4; charset=utf-8", out.data, out.size);
	} else {
		qg_http_answer_error(x, 500, qg_status_text(out.failed));
	}
	qg_buf_finish(&out);
}
