/* app_doors.c - the two listeners: the platforms' door and the admin's.
 *
 * What a reload may change is set again on open doors. With `tls` the platforms' door speaks TLS; its files are read
 * at each reload, and where they are bad the pair in force stays. */
#include "app_parts.h"

#include <stdlib.h>

#include "ops/ops.h"
#include "qg/http.h"
#include "qg/log.h"

struct qg_app_doors {
	struct qg_core *core;
	struct qg_http_server *hooks, *admin;
	unsigned drain_ms;
	void (*closed)(void *arg);
	void *closed_arg;
};

static bool apply_tls(struct qg_app_doors *doors)
{
	const struct qg_config *config = doors->core->config;
	char error[128] = "";
	if (!config->tls_cert || !config->tls_key) {
		return true;
	}
	enum qg_status status =
		qg_http_server_tls(doors->hooks, config->tls_cert, config->tls_key, error);
	if (status != QG_OK) {
		qg_log_error(NULL, "tls: %s: %s", config->tls_cert, error);
	}
	return status == QG_OK;
}

static void apply_to(struct qg_http_server *door, const struct qg_config *config)
{
	qg_http_server_set_connections_per_address(door, config->connections_per_address);
	if (qg_http_server_trust(door, (const char *const *)config->trusted_proxies.items,
		    config->trusted_proxies.count) != QG_OK) {
		qg_log_error(NULL, "trusted_proxies: the new list is not in force");
	}
}

void qg_app_doors_apply(struct qg_app_doors *doors)
{
	apply_to(doors->hooks, doors->core->config);
	apply_to(doors->admin, doors->core->config);
	if (!apply_tls(doors)) {
		qg_log_error(NULL, "tls: the files in force stay");
	}
}

static struct qg_http_server *open_door(const struct qg_core *core, const char *key,
	const char *address, qg_http_handler handler, struct qg_ops *ops)
{
	char error[128] = "";
	struct qg_http_limits limits;
	qg_http_limits_init(&limits);
	limits.connections_per_address = core->config->connections_per_address;
	struct qg_http_server *door =
		qg_http_server_create(core->loop, address, &limits, handler, ops, error);
	if (!door) {
		qg_log_error(NULL, "%s: %s: %s", key, address, error);
	}
	return door;
}

struct qg_app_doors *qg_app_doors_open(struct qg_core *core, struct qg_ops *ops)
{
	struct qg_app_doors *doors = calloc(1, sizeof(*doors));
	if (!doors) {
		return NULL;
	}
	doors->core = core;
	doors->hooks = open_door(core, "listen", core->config->listen, qg_ops_on_hooks, ops);
	doors->admin = doors->hooks ? open_door(core, "admin_listen", core->config->admin_listen,
					      qg_ops_on_admin, ops)
				    : NULL;
	/* before the first connection is taken: plain text would be an answer to nobody */
	if (!doors->admin || !apply_tls(doors)) {
		qg_app_doors_destroy(doors);
		return NULL;
	}
	apply_to(doors->hooks, core->config);
	apply_to(doors->admin, core->config);
	qg_ops_set_doors(ops, doors->hooks, doors->admin);
	qg_log_info(NULL, "listening on %s, admin on %s", qg_http_server_address(doors->hooks),
		qg_http_server_address(doors->admin));
	if (core->config->tls_cert) {
		qg_log_info(NULL, "listen speaks TLS with %s", core->config->tls_cert);
	}
	return doors;
}

const char *qg_app_doors_admin(const struct qg_app_doors *doors)
{
	return qg_http_server_address(doors->admin);
}

static void hooks_closed(void *arg)
{
	struct qg_app_doors *doors = arg;
	qg_http_server_drain(doors->admin, doors->drain_ms, doors->closed, doors->closed_arg);
}

void qg_app_doors_drain(
	struct qg_app_doors *doors, unsigned ms, void (*closed)(void *arg), void *arg)
{
	if (!doors) {
		closed(arg);
		return;
	}
	doors->drain_ms = ms;
	doors->closed = closed;
	doors->closed_arg = arg;
	qg_http_server_drain(doors->hooks, ms, hooks_closed, doors);
}

void qg_app_doors_destroy(struct qg_app_doors *doors)
{
	if (!doors) {
		return;
	}
	qg_http_server_destroy(doors->admin);
	qg_http_server_destroy(doors->hooks);
	free(doors);
}
