/* app_parts.h - the parts of a running process, each in a file of its own, all owned by app.c. */
#ifndef QG_GATEWAY_APP_PARTS_H
#define QG_GATEWAY_APP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/core.h"

/* ---- app_process.c: who this process is, and who else is alive ---- */

struct qg_processes;

/* Makes data_dir/run, takes a lock on a file of its own there and buries what died long ago. NULL after logging why. */
struct qg_processes *qg_processes_create(const char *data_dir);
/* The name of this process start. */
const char *qg_processes_self(const struct qg_processes *processes);
bool qg_processes_is_dead(struct qg_processes *processes, const char *process);
/* Leaves the file, so that others see at once that its owner is gone. Accepts NULL. */
void qg_processes_destroy(struct qg_processes *processes);

/* ---- app_redis.c: the private server or the external one, and the connection ---- */

struct qg_app_redis;

/* changed(arg, up): up only when the connection stands and the partitions are right. wrong(arg): this Redis was
 * made with another number of partitions; logged, and the process must end. */
struct qg_app_redis *qg_app_redis_create(struct qg_core *core, void (*changed)(void *arg, bool up),
	void (*wrong)(void *arg), void *arg);
/* Closes the connection while the roles still live: what is under way is answered with QG_CANCELLED, and
 * core->redis is NULL from then on. Accepts NULL. */
void qg_app_redis_disconnect(struct qg_app_redis *redis);
/* Ends the private server; blocks up to some seconds. Accepts NULL. */
void qg_app_redis_destroy(struct qg_app_redis *redis);

/* ---- app_reload.c: SIGHUP and changed files ---- */

struct qg_app_reload;

/* Watches the config file, bots.d/ and secrets, and reads them in the pool. changed(arg, next): a new snapshot; it is
 * the callee's. */
struct qg_app_reload *qg_app_reload_create(struct qg_core *core, const char *config_path,
	void (*changed)(void *arg, struct qg_config *next), void *arg);
/* Before the pool's work is finished for the last time: what is being read is dropped then. Accepts NULL. */
void qg_app_reload_destroy(struct qg_app_reload *reload);

/* ---- app_pressure.c: disk and memory ---- */

struct qg_app_pressure;

/* Sets core->refuse while disk or Redis memory is nearly full; and once, when ready, measures what an fsync costs. */
struct qg_app_pressure *qg_app_pressure_create(struct qg_core *core);
void qg_app_pressure_destroy(struct qg_app_pressure *pressure);
/* In a pool thread: 50 fsyncs in data_dir; says when `everysec` is wiser. */
void qg_app_measure_fsync(struct qg_core *core);

/* ---- app_http.c: requests to models and platforms ---- */

struct qg_app_http;

/* core->http, with the certificates of QUNGONG_CA_FILE and its figures in the metrics. NULL after logging why. */
struct qg_app_http *qg_app_http_create(struct qg_core *core);
/* core->http is NULL from then on. Accepts NULL. */
void qg_app_http_destroy(struct qg_app_http *http);

/* ---- app_ws.c: links to platforms ---- */

struct qg_app_ws;

/* core->ws, as above. NULL after logging why. */
struct qg_app_ws *qg_app_ws_create(struct qg_core *core);
/* core->ws is NULL from then on. Accepts NULL. */
void qg_app_ws_destroy(struct qg_app_ws *ws);

/* ---- app_doors.c: the two listeners ---- */

struct qg_app_doors;
struct qg_ops;

/* Opens both. NULL after logging why. */
struct qg_app_doors *qg_app_doors_open(struct qg_core *core, struct qg_ops *ops);
/* What of the config in force is theirs and needs no restart; the files of TLS are read again. */
void qg_app_doors_apply(struct qg_app_doors *doors);
/* "127.0.0.1:8081" as bound. */
const char *qg_app_doors_admin(const struct qg_app_doors *doors);
/* Ends their connections, one door after the other; closed(arg) follows. Each gets ms. NULL: none is open. */
void qg_app_doors_drain(
	struct qg_app_doors *doors, unsigned ms, void (*closed)(void *arg), void *arg);
void qg_app_doors_destroy(struct qg_app_doors *doors);

/* ---- app_models.c: what a config says about models and accounts ---- */

bool qg_app_has_provider(const char *provider);
void qg_app_check_models(const struct qg_config *config, const struct qg_bot_config *bot,
	const struct qg_tree *tree, struct qg_problems *problems);
char *qg_app_account(const struct qg_bot_config *bot);

/* ---- app_announce.c: what `run` tells the person who started it ---- */

/* The links of the web bots to a terminal, else where the token lies. address: as bound. */
void qg_app_announce(
	const struct qg_core *core, const char *address, const char *token, const char *token_path);

/* Prints problems to standard error, a line each, as the log does not. */
void qg_app_print_problems(const struct qg_problems *problems);

#endif
