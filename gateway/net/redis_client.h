/* redis_client.h - what redis.c, redis_session.c and redis_request.c share: the connection
 * object. */
#ifndef QG_NET_REDIS_CLIENT_H
#define QG_NET_REDIS_CLIENT_H

#include "redis_wire.h"
#include "qg/backoff.h"

#define QG_REDIS_SHA_SIZE 40

enum qg_redis_state { QG_REDIS_WAITING, QG_REDIS_CONNECTING, QG_REDIS_GREETING, QG_REDIS_UP };
enum qg_redis_kind {
	QG_REDIS_COMMAND,
	QG_REDIS_SCRIPT,
	QG_REDIS_GREET,
	QG_REDIS_LOAD,
	QG_REDIS_PROBE
};

struct qg_redis_request {
	struct qg_redis_request *next;
	qg_redis_fn fn;
	void *arg;
	uint64_t sent_at;
	enum qg_redis_kind kind;
	enum qg_status status; /* of one that was not sent */
	unsigned script;       /* LOAD: which; SCRIPT: how often all were loaded */
	unsigned repeats;
	struct qg_buf command; /* SCRIPT: kept to be repeated */
};

struct qg_redis_queue {
	struct qg_redis_request *head;
	struct qg_redis_request *tail;
	size_t count;
};

struct qg_redis {
	struct qg_loop *loop;
	struct qg_redis_target target;
	struct qg_redis_link link;
	const struct qg_redis_script *const *scripts;
	size_t script_count;
	char (*shas)[QG_REDIS_SHA_SIZE + 1];
	unsigned loads; /* how often all scripts were sent to be loaded */
	void (*changed)(void *arg, bool connected, const char *why);
	void *arg;
	unsigned timeout_ms;
	enum qg_redis_state state;
	struct qg_redis_queue sent;
	struct qg_redis_queue unsent;
	struct qg_redis_request *spare;
	size_t spare_count;
	size_t greet_left;
	struct qg_backoff backoff;
	uint64_t up_since;
	const struct qg_redis_request *suspect; /* late, looked at once */
	struct qg_timer *timer; /* WAITING: next try; else the oldest request's age */
	struct qg_timer *soon;	/* unsent requests, and a connection to drop */
	const char *drop_why;
	enum qg_status drop_status;
	char why[QG_REDIS_ERROR_SIZE]; /* last told */
	bool destroying;
	bool *gone;
};

/* -- redis_request.c -- */

void qg_redis_push(struct qg_redis_queue *queue, struct qg_redis_request *request);
/* The head, or NULL. */
struct qg_redis_request *qg_redis_pop(struct qg_redis_queue *queue);
/* Never NULL. */
struct qg_redis_request *qg_redis_request_new(
	struct qg_redis *redis, enum qg_redis_kind kind, qg_redis_fn fn, void *arg);
void qg_redis_request_recycle(struct qg_redis *redis, struct qg_redis_request *request);
void qg_redis_request_free(struct qg_redis_request *request);
/* Takes request: it is answered with status in the next turn of the loop. */
void qg_redis_refuse(
	struct qg_redis *redis, struct qg_redis_request *request, enum qg_status status);
/* Takes request, whose bytes the link's buffer did not take. */
void qg_redis_refuse_unwritten(struct qg_redis *redis, struct qg_redis_request *request);
/* Takes request, whose bytes stand in the link's buffer. */
void qg_redis_note_sent(struct qg_redis *redis, struct qg_redis_request *request);
/* Answers the refused requests; false when a callback destroyed redis. */
QG_MUST_CHECK bool qg_redis_answer_unsent(struct qg_redis *redis);
/* Calls fn with the reader's reply in our form. */
void qg_redis_hand_over(qg_redis_fn fn, void *arg, enum qg_status status, const redisReply *reply);

/* -- redis_session.c -- */

/* Sends all scripts to be loaded; false when the link's buffer takes no more. */
QG_MUST_CHECK bool qg_redis_load_scripts(struct qg_redis *redis);
/* Drops the connection: what stands on it is answered with status. redis may be gone afterwards. */
void qg_redis_drop(struct qg_redis *redis, enum qg_status status, const char *why);
/* The same in the next turn of the loop; why is static. */
void qg_redis_drop_soon(struct qg_redis *redis, enum qg_status status, const char *why);
/* Takes request, one of the greeting's or a script's loading. redis may be gone afterwards. */
void qg_redis_on_greeting(
	struct qg_redis *redis, struct qg_redis_request *request, const redisReply *reply);
/* Callbacks of the link and the timers; arg is the struct qg_redis. */
void qg_redis_on_opened(void *arg);
void qg_redis_on_broke(void *arg, const char *why);
void qg_redis_on_timer(void *arg);
void qg_redis_on_soon(void *arg);

#endif
