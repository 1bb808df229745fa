/* ops.h - the doors of a process: who may come in, what an operator asks, which path goes where. */
#ifndef QG_GATEWAY_OPS_H
#define QG_GATEWAY_OPS_H

#include <jansson.h>
#include <stdbool.h>

#include "qg/buf.h"
#include "qg/core.h"
#include "qg/http.h"

/* ---- routes.c: the whole, for app.c ---- */

struct qg_ops;

/* gateway NULL: a process without doors, which shows its figures through Redis. NULL after logging why. */
struct qg_ops *qg_ops_create(struct qg_core *core, struct qg_gateway *gateway);
/* The two listeners, for their counters. */
void qg_ops_set_doors(
	struct qg_ops *ops, const struct qg_http_server *hooks, const struct qg_http_server *admin);
/* Handlers of the two listeners; arg is the struct qg_ops. */
void qg_ops_on_hooks(void *arg, struct qg_http_exchange *x);
void qg_ops_on_admin(void *arg, struct qg_http_exchange *x);
/* The admin token and its file; NULL without a gateway. */
const char *qg_ops_token(const struct qg_ops *ops);
const char *qg_ops_token_path(const struct qg_ops *ops);
void qg_ops_destroy(struct qg_ops *ops);

/* ---- admin.c: the token, and the checks of everything on admin_listen ---- */

struct qg_admin {
	char *token;
	char *path;
};

/* Reads data_dir/admin.token or makes it (0600). False after logging why; finish in any case. */
bool qg_admin_init(struct qg_admin *admin, const char *data_dir);
void qg_admin_finish(struct qg_admin *admin);
/* Host is an address, localhost or one of hosts; Origin, where sent, is this very host, and is demanded of a
 * writing request that carries a cookie. */
bool qg_admin_may_enter(const struct qg_http_exchange *x, const struct qg_strings *hosts);
/* It carries the token, as bearer or as cookie. */
bool qg_admin_has_token(const struct qg_admin *admin, const struct qg_http_exchange *x);
/* GET /chat/<bot>?token=...: true when it was answered by trading the token for a cookie. */
bool qg_admin_trade(const struct qg_admin *admin, struct qg_http_exchange *x);
/* "example.com" or an address of a Host header without its port; false if it is none. out: 256 bytes. */
bool qg_admin_host_name(const char *header, char *out);

/* ---- fleet.c: what processes know of each other ---- */

struct qg_fleet;

/* publish: this process shows its figures to the others; else it reads theirs. */
struct qg_fleet *qg_fleet_create(struct qg_core *core, bool publish);
/* Process name -> what it published last, without those that are stale. Borrowed until the next turn of the loop. */
const json_t *qg_fleet_others(struct qg_fleet *fleet);
void qg_fleet_destroy(struct qg_fleet *fleet);

/* ---- health.c ---- */

struct qg_health {
	const char *status; /* "ready", "degraded", "redis away", "draining", "links down" */
	int code;	    /* 200 or 503 */
};

/* What /readyz says of a process with these facts. */
struct qg_health qg_health_judge(
	bool redis_up, bool draining, bool refusing, unsigned links_owned, unsigned links_up);
/* This process now. gateway may be NULL. */
struct qg_health qg_health_now(const struct qg_core *core, const struct qg_gateway *gateway);
/* The same with its reasons; others as of the fleet, or NULL. New reference, NULL for no memory. */
json_t *qg_health_json(
	const struct qg_core *core, const struct qg_gateway *gateway, const json_t *others);

/* ---- metrics_http.c ---- */

/* Answers GET /metrics. */
void qg_metrics_answer(
	const struct qg_core *core, const json_t *others, struct qg_http_exchange *x);
/* Copies a listener's counters into the metrics. */
void qg_metrics_count_door(const char *listener, const struct qg_http_server *server);

#endif
