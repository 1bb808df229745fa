/* app.c - a running process: owns all long-lived objects, starts them in order and stops them in reverse.
 *
 *   config, limits, folders, own name  ->  loop, signals  ->  (a wall clock that can be true)
 *   ->  Redis, HTTP and websocket client, queue  ->  roles  ->  doors (HTTP)  ->  watchers
 *
 * The end has three steps, each with its share of ten seconds: turns finish or are given back, replies leave and
 * links close, connections end. Readiness says 503 from the first moment; the doors stay open until the roles
 * are done, since a message stored meanwhile is no loss: the next process finds it. A second signal ends at once.
 */
#include "app.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app_parts.h"
#include "build_info.h"
#include "ops/ops.h"
#include "qg/adapter.h"
#include "qg/clock.h"
#include "qg/log.h"
#include "qg/metrics.h"
#include "qg/str.h"

enum {
	POOL_THREADS = 2,
	CLOCK_LOOK_MS = 500,
	DRAIN_TURNS_MS = 8000,
	DRAIN_SENDS_MS = 1000,
	DRAIN_DOORS_MS = 300,
	DRAIN_ALL_MS = 9500,  /* whatever hangs */
	DRAIN_AWAY_MS = 1000, /* without Redis nothing can be finished or given back */
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_WRONG = 2,
};

struct app {
	const struct qg_app_options *options;
	struct qg_core core;
	struct qg_watch *terminate, *interrupt;
	struct qg_timer *clock_timer, *deadline;
	struct qg_app_redis *redis;
	struct qg_gateway *gateway;
	struct qg_worker *worker;
	struct qg_ops *ops;
	struct qg_app_http *http;
	struct qg_app_ws *ws;
	struct qg_app_doors *doors;
	struct qg_app_reload *reload;
	struct qg_app_pressure *pressure;
	struct qg_metric *loop_lag;
	uint64_t born_us;
	bool was_ready;
	int code;
};

/* ---- before the loop ---- */

/* As many descriptors as the system allows: each chat page and each platform link needs one. */
static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
			qg_log_warn(NULL, "descriptors stay as they are: %s", strerror(errno));
		}
	}
}

static void replace(char **field, const char *value)
{
	char *copy = value ? qg_str_copy(value) : NULL;
	if (copy) {
		free(*field);
		*field = copy;
	}
}

/* Flags win over the file, also over a reloaded one. */
static void apply_flags(const struct app *app, struct qg_config *config)
{
	replace(&config->listen, app->options->listen);
	replace(&config->admin_listen, app->options->admin_listen);
}

static void apply_settings(const struct qg_config *config)
{
	qg_log_set_level(config->log_level);
	qg_log_set_json(config->log_json);
	qg_clock_set_zone(config->timezone);
}

static struct qg_config *load(const struct app *app)
{
	struct qg_problems problems;
	qg_problems_init(&problems);
	struct qg_config *config =
		qg_config_load(app->options->config_path, qg_app_world(), NULL, &problems);
	qg_app_print_problems(&problems);
	qg_problems_finish(&problems);
	if (config) {
		apply_flags(app, config);
		apply_settings(config);
	}
	for (size_t i = 0; config && i < config->failed_files.count; i++) {
		qg_log_error(NULL, "%s is bad: its bots are off", config->failed_files.items[i]);
	}
	return config;
}

/* ---- while it runs ---- */

static void end_without_redis(struct app *app)
{
	qg_timer_start(app->deadline, DRAIN_AWAY_MS);
	if (app->gateway) {
		qg_gateway_give_up(app->gateway);
	}
}

static void redis_changed(void *arg, bool up)
{
	struct app *app = arg;
	if (app->gateway) {
		qg_gateway_redis_changed(app->gateway, up);
	}
	if (app->worker) {
		qg_worker_redis_changed(app->worker, up);
	}
	if (!up && app->core.draining) {
		end_without_redis(app);
	}
	if (!up || app->was_ready) {
		return;
	}
	app->was_ready = true;
	qg_log_info(NULL, "ready after %llu ms",
		(unsigned long long)((qg_clock_mono_us() - app->born_us) / 1000));
	if (app->doors) {
		qg_app_announce(&app->core, qg_app_doors_admin(app->doors), qg_ops_token(app->ops),
			qg_ops_token_path(app->ops));
	}
	if (app->core.config->durability_always &&
		qg_str_equal(app->core.config->redis, "embedded")) {
		qg_app_measure_fsync(&app->core);
	}
}

static void wrong_redis(void *arg)
{
	struct app *app = arg;
	app->code = EXIT_WRONG;
	qg_loop_stop(app->core.loop);
}

static void config_changed(void *arg, struct qg_config *next)
{
	struct app *app = arg;
	struct qg_config *before = app->core.config;
	apply_flags(app, next);
	apply_settings(next);
	char *keys = qg_config_restart_keys(before, next);
	if (keys) {
		qg_log_warn(NULL, "changed, but only a restart makes it so: %s", keys);
	}
	free(keys);
	app->core.config = next;
	if (app->doors) {
		qg_app_doors_apply(app->doors);
	}
	if (app->gateway) {
		qg_gateway_reload(app->gateway);
	}
	if (app->worker) {
		qg_worker_reload(app->worker);
	}
	qg_config_release(before);
	qg_log_info(NULL, "config in force: %zu bots", next->bot_count);
}

static void loop_turned(void *arg, uint64_t busy_us)
{
	qg_metric_observe_us(((struct app *)arg)->loop_lag, busy_us);
}

/* ---- the end ---- */

static void doors_closed(void *arg)
{
	struct app *app = arg;
	qg_loop_stop(app->core.loop);
}

static void sends_done(void *arg)
{
	struct app *app = arg;
	qg_app_doors_drain(app->doors, DRAIN_DOORS_MS, doors_closed, app);
}

static void turns_done(void *arg)
{
	struct app *app = arg;
	if (app->gateway) {
		qg_gateway_drain(app->gateway, DRAIN_SENDS_MS, sends_done, app);
	} else {
		sends_done(app);
	}
}

static void deadline_passed(void *arg)
{
	struct app *app = arg;
	qg_log_warn(NULL, "not all was finished in time: the next process takes it up");
	qg_loop_stop(app->core.loop);
}

static void on_signal(void *arg, int number)
{
	struct app *app = arg;
	if (app->core.draining) {
		qg_log_warn(NULL, "second signal: ending at once");
		_exit(EXIT_FAILED); /* what was under way is found by the next process */
	}
	qg_log_info(
		NULL, "%s: finishing what is under way", number == SIGTERM ? "SIGTERM" : "SIGINT");
	app->core.draining = true;
	if (app->core.redis_up) {
		qg_timer_start(app->deadline, DRAIN_ALL_MS);
	} else {
		end_without_redis(app);
	}
	qg_app_reload_destroy(app->reload);
	app->reload = NULL;
	if (!app->redis) { /* still waiting for the clock */
		qg_loop_stop(app->core.loop);
	} else if (app->worker) {
		qg_worker_drain(app->worker, DRAIN_TURNS_MS, turns_done, app);
	} else {
		turns_done(app);
	}
}

/* ---- start ---- */

static bool create_roles(struct app *app)
{
	app->core.both_roles = app->options->gateway && app->options->agents;
	if (app->options->gateway) {
		app->gateway = qg_gateway_create(&app->core);
	}
	if (app->options->agents) {
		app->worker = qg_worker_create(&app->core);
	}
	if ((app->options->gateway && !app->gateway) || (app->options->agents && !app->worker)) {
		qg_log_error(NULL, "cannot create the roles: out of memory");
		return false;
	}
	return true;
}

static bool start(struct app *app)
{
	struct qg_core *core = &app->core;
	app->redis = qg_app_redis_create(core, redis_changed, wrong_redis, app);
	if (!app->redis) {
		return false;
	}
	app->http = qg_app_http_create(core);
	core->queue = qg_queue_create(core->redis, core->config->partitions, core->process);
	app->ws = qg_app_ws_create(core);
	if (!app->http || !app->ws || !core->queue || !create_roles(app)) {
		return false;
	}
	app->ops = qg_ops_create(core, app->gateway);
	app->doors = app->ops && app->gateway ? qg_app_doors_open(core, app->ops) : NULL;
	if (!app->ops || (app->gateway && !app->doors)) {
		return false;
	}
	app->pressure = qg_app_pressure_create(core);
	app->reload = qg_app_reload_create(core, app->options->config_path, config_changed, app);
	return app->pressure && app->reload;
}

static bool clock_can_be_true(void)
{
	return qg_clock_wall() >= QG_BUILD_DATE * 1000;
}

static void look_at_clock(void *arg)
{
	struct app *app = arg;
	if (!clock_can_be_true()) {
		return;
	}
	qg_timer_stop(app->clock_timer);
	qg_log_info(NULL, "the clock is set");
	if (!start(app)) {
		app->code = EXIT_FAILED;
		qg_loop_stop(app->core.loop);
	}
}

/* A small box without a battery wakes up in 1970 until the network tells it the time; due times and dedupe
 * windows made with such a clock would be wrong for ever. */
static bool start_or_wait(struct app *app)
{
	if (clock_can_be_true()) {
		return start(app);
	}
	qg_log_warn(NULL, "the clock stands before the day of this build: waiting until it is set");
	app->clock_timer = qg_timer_create(app->core.loop, look_at_clock, app);
	if (app->clock_timer) {
		qg_timer_repeat(app->clock_timer, CLOCK_LOOK_MS);
	}
	return app->clock_timer;
}

static bool prepare(struct app *app)
{
	struct qg_core *core = &app->core;
	raise_descriptors();
	core->data_dir = qg_str_copy(
		core->config->data_dir); /* a reload may bring another, which has to wait */
	if (!core->data_dir || !qg_app_make_folder(core->data_dir)) {
		return false;
	}
	core->processes = qg_processes_create(core->data_dir);
	if (!core->processes) {
		return false;
	}
	core->process = qg_processes_self(core->processes);
	core->loop = qg_loop_create(POOL_THREADS);
	if (!core->loop) {
		return false;
	}
	app->terminate = qg_watch_signal(core->loop, SIGTERM, on_signal, app);
	app->interrupt = qg_watch_signal(core->loop, SIGINT, on_signal, app);
	app->deadline = qg_timer_create(core->loop, deadline_passed, app);
	app->loop_lag = qg_metric_histogram(
		"loop_lag_seconds", NULL, "How long the callbacks of one turn of the loop took.");
	qg_loop_on_turn(core->loop, loop_turned, app);
	return app->terminate && app->interrupt && app->deadline;
}

static void redis_gone(struct app *app)
{
	if (app->gateway) {
		qg_gateway_redis_changed(app->gateway, false);
	}
	if (app->worker) {
		qg_worker_redis_changed(app->worker, false);
	}
}

/* The reverse of start and prepare; accepts what never came to be. */
static void stop(struct app *app)
{
	struct qg_core *core = &app->core;
	qg_app_reload_destroy(app->reload);  /* no other config comes any more */
	qg_app_redis_disconnect(app->redis); /* outstanding callbacks find their owners */
	redis_gone(app);
	if (core->loop) {
		qg_loop_finish_work(core->loop); /* what the pool does for them too */
	}
	qg_app_pressure_destroy(app->pressure);
	qg_app_doors_destroy(app->doors);
	qg_ops_destroy(app->ops);
	qg_worker_destroy(app->worker);
	qg_gateway_destroy(app->gateway);
	qg_app_ws_destroy(app->ws);
	qg_app_http_destroy(app->http);
	qg_queue_destroy(core->queue);
	qg_app_redis_destroy(app->redis);
	qg_timer_destroy(app->deadline);
	qg_timer_destroy(app->clock_timer);
	qg_watch_destroy(app->interrupt);
	qg_watch_destroy(app->terminate);
	qg_loop_destroy(core->loop);
	qg_processes_destroy(core->processes);
	free((char *)core->data_dir);
	qg_config_release(core->config);
}

int qg_app_run(const struct qg_app_options *options)
{
	struct app app = {.options = options, .born_us = qg_clock_mono_us()};
	qg_adapters_check();
	app.core.config = load(&app);
	if (!app.core.config) {
		return EXIT_WRONG;
	}
	if (prepare(&app) && start_or_wait(&app)) {
		qg_log_info(NULL, "qungong %s, process %s", QG_VERSION, app.core.process);
		qg_loop_run(app.core.loop);
	} else {
		app.code = EXIT_FAILED;
	}
	stop(&app);
	qg_log_info(NULL, "ended");
	return app.code;
}
