/* routes.c - which path goes where, on both listeners.
 *
 * listen is for the platforms: webhooks and a sign of life, nothing else. admin_listen is for people: the order
 * there is Host and Origin, then the token, then the path, so that a stranger learns nothing from the difference
 * between a path that exists and one that does not. A chat's page decides itself about members without the token.
 */
#include "ops.h"

#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/log.h"
#include "qg/metrics.h"
#include "qg/str.h"

struct qg_ops {
	struct qg_core *core;
	struct qg_gateway *gateway;
	struct qg_admin admin;
	struct qg_fleet *fleet;
	const struct qg_http_server *hooks_door, *admin_door;
};

/* False, and answered, for anything but GET and HEAD. */
static bool only_reads(struct qg_http_exchange *x)
{
	const char *method = qg_http_method(x);
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
		return true;
	}
	qg_http_add_header(x, "Allow", "GET, HEAD");
	qg_http_answer_error(x, 405, "method not allowed");
	return false;
}

static void answer_health(struct qg_http_exchange *x)
{
	if (only_reads(x)) {
		qg_http_answer(x, 200, "text/plain; charset=utf-8", "ok\n", 3);
	}
}

void qg_ops_on_hooks(void *arg, struct qg_http_exchange *x)
{
	struct qg_ops *ops = arg;
	const char *path = qg_http_path(x);
	if (qg_str_starts_with(path, "/hook/")) {
		qg_gateway_hook(ops->gateway, x, path + strlen("/hook/"));
	} else if (strcmp(path, "/healthz") == 0) {
		answer_health(x);
	} else {
		qg_http_answer_error(x, 404, "not found");
	}
}

/* ---- admin_listen ---- */

static void answer_ready(struct qg_ops *ops, struct qg_http_exchange *x, bool admin)
{
	if (!only_reads(x)) {
		return;
	}
	struct qg_health health = qg_health_now(ops->core, ops->gateway);
	json_t *json =
		admin ? qg_health_json(ops->core, ops->gateway, qg_fleet_others(ops->fleet)) : NULL;
	char *text = json ? qg_json_dump(json) : qg_str_printf("%s\n", health.status);
	if (text) {
		qg_http_answer(x, health.code,
			json ? "application/json" : "text/plain; charset=utf-8", text,
			strlen(text));
	} else {
		qg_http_answer_error(x, 503, "out of memory");
	}
	free(text);
	json_decref(json);
}

static void answer_metrics(struct qg_ops *ops, struct qg_http_exchange *x)
{
	if (!only_reads(x)) {
		return;
	}
	if (ops->hooks_door && ops->admin_door) {
		qg_metrics_count_door("listen", ops->hooks_door);
		qg_metrics_count_door("admin", ops->admin_door);
	}
	qg_metric_set(
		qg_metric_gauge("pool_waiting", NULL, "Slow work that waits for a pool thread."),
		(int64_t)qg_loop_work_waiting(ops->core->loop));
	qg_metric_set(qg_metric_gauge("redis_outstanding", NULL,
			      "Commands sent to Redis and not answered."),
		(int64_t)qg_redis_outstanding(ops->core->redis));
	qg_metric_set(
		qg_metric_gauge("redis_up", NULL, "1 while Redis is there."), ops->core->redis_up);
	qg_metrics_answer(ops->core, qg_fleet_others(ops->fleet), x);
}

/* With the token. */
static void answer_admin(struct qg_ops *ops, struct qg_http_exchange *x, const char *path)
{
	if (strcmp(path, "/metrics") == 0) {
		answer_metrics(ops, x);
	} else if (strcmp(path, "/healthz") == 0) {
		answer_health(x);
	} else {
		qg_http_answer_error(x, 404, "not found");
	}
}

void qg_ops_on_admin(void *arg, struct qg_http_exchange *x)
{
	struct qg_ops *ops = arg;
	const char *path = qg_http_path(x);
	if (!qg_admin_may_enter(x, &ops->core->config->admin_hosts)) {
		qg_http_answer_error(x, 403, "forbidden");
		return;
	}
	bool admin = qg_admin_has_token(&ops->admin, x);
	if (strcmp(path, "/readyz") == 0) {
		answer_ready(ops, x, admin);
	} else if (qg_str_starts_with(path, "/chat/")) {
		if (!qg_admin_trade(&ops->admin, x)) {
			qg_gateway_chat(ops->gateway, x, path + strlen("/chat/"), admin);
		}
	} else if (admin) {
		answer_admin(ops, x, path);
	} else {
		qg_http_add_header(x, "WWW-Authenticate", "Bearer");
		qg_http_answer_error(x, 401, "unauthorized");
	}
}

/* ---- the object ---- */

struct qg_ops *qg_ops_create(struct qg_core *core, struct qg_gateway *gateway)
{
	struct qg_ops *ops = calloc(1, sizeof(*ops));
	if (!ops) {
		return NULL;
	}
	ops->core = core;
	ops->gateway = gateway;
	ops->fleet = qg_fleet_create(core, !gateway);
	if (!ops->fleet || (gateway && !qg_admin_init(&ops->admin, core->data_dir))) {
		qg_ops_destroy(ops);
		return NULL;
	}
	return ops;
}

void qg_ops_set_doors(
	struct qg_ops *ops, const struct qg_http_server *hooks, const struct qg_http_server *admin)
{
	ops->hooks_door = hooks;
	ops->admin_door = admin;
}

const char *qg_ops_token(const struct qg_ops *ops)
{
	return ops->admin.token;
}

const char *qg_ops_token_path(const struct qg_ops *ops)
{
	return ops->admin.path;
}

void qg_ops_destroy(struct qg_ops *ops)
{
	if (!ops) {
		return;
	}
	qg_fleet_destroy(ops->fleet);
	qg_admin_finish(&ops->admin);
	free(ops);
}
