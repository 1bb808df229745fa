/* core.h - what both roles of a process share, owned by gateway/app.c; and the two roles themselves. */
#ifndef QG_CORE_H
#define QG_CORE_H

#include "qg/config.h"
#include "qg/fetch.h"
#include "qg/http.h"
#include "qg/loop.h"
#include "qg/queue.h"
#include "qg/redis.h"
#include "qg/ws.h"

/* Everything lives longer than the roles but one: at the end of the process the connection to Redis is destroyed
 * before them, so that every outstanding callback still finds its owner (with QG_CANCELLED); redis is NULL while
 * the roles are destroyed. */
struct qg_core {
	struct qg_loop *loop;
	struct qg_config *config; /* the snapshot in force; replaced by a reload */
	struct qg_redis *redis;
	struct qg_http_client *http;
	struct qg_ws_client *ws;
	struct qg_queue *queue;
	const char *redis_url;
	const char *data_dir;
	const char *
		process; /* this process start: consumer and gateway name, and its file in data_dir/run */
	struct qg_processes *
		processes; /* who is alive in data_dir/run; NULL where nobody asks (tests, verbs) */
	bool redis_up;	   /* connected, and it is the right Redis (partitions checked) */
	bool both_roles;   /* gateway and agents run in this process */
	bool draining;	   /* SIGTERM came: no new work */
	bool refuse;	   /* disk or Redis memory nearly full: new messages wait at the platform */
};

/* Another process of this data_dir is dead for sure (its flock could be taken). */
bool qg_process_is_dead(const struct qg_core *core, const char *process);

/* ---- the gateway role: bots, links, inbound, outbound (gateway/flow/) ---- */

struct qg_gateway;

struct qg_gateway *qg_gateway_create(struct qg_core *core);
/* Redis came (back) or went; the config was replaced. */
void qg_gateway_redis_changed(struct qg_gateway *gateway, bool up);
void qg_gateway_reload(struct qg_gateway *gateway);
/* A request to /hook/<bot>... or /chat/<bot>... : rest of the path behind "/hook/" or "/chat/". Answers x in any
 * case (404 unknown bot or a bot without such a door). */
void qg_gateway_hook(struct qg_gateway *gateway, struct qg_http_exchange *x, const char *rest);
void qg_gateway_chat(
	struct qg_gateway *gateway, struct qg_http_exchange *x, const char *rest, bool admin);
/* No new work; drained(arg) once sends have landed and bots have stopped, at the latest after timeout_ms. */
void qg_gateway_drain(
	struct qg_gateway *gateway, unsigned timeout_ms, void (*drained)(void *arg), void *arg);
/* The process ends and Redis is away: who sent what is held may be told while the links are open. */
void qg_gateway_give_up(struct qg_gateway *gateway);
void qg_gateway_destroy(struct qg_gateway *gateway);
/* Some bot is being opened and has no former one that serves meanwhile. */
bool qg_gateway_is_opening(const struct qg_gateway *gateway);
/* Platform links this process owns, and how many of them are up: for /readyz. */
void qg_gateway_links(const struct qg_gateway *gateway, unsigned *owned_out, unsigned *up_out);

/* ---- the agents role (agents/worker.c) ---- */

struct qg_worker;

struct qg_worker *qg_worker_create(struct qg_core *core);
void qg_worker_redis_changed(struct qg_worker *worker, bool up);
void qg_worker_reload(struct qg_worker *worker);
/* Turns finish or are given back within timeout_ms. */
void qg_worker_drain(
	struct qg_worker *worker, unsigned timeout_ms, void (*drained)(void *arg), void *arg);
void qg_worker_destroy(struct qg_worker *worker);

#endif
