/* redis.h - one pipelined connection to Redis that comes back, scripts that are always there, and the private
 * server.
 *
 * A command is sent at once while connected, else it fails with QG_AWAY at once: who must not lose it repeats it
 * (every script may be sent twice). The answer of a command whose connection broke is unknown: QG_AWAY too.
 * No callback comes from inside a call. All calls on the loop's thread. */
#ifndef QG_REDIS_H
#define QG_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/loop.h"
#include "qg/status.h"

struct qg_redis;

enum qg_reply_type { QG_REPLY_NIL, QG_REPLY_INT, QG_REPLY_STRING, QG_REPLY_ARRAY, QG_REPLY_ERROR };

/* A reply as the callback sees it; borrowed for the call. */
struct qg_redis_reply {
	enum qg_reply_type type;
	int64_t integer;
	const char *text; /* strings and errors; NUL-terminated, may hold NULs too */
	size_t size;
	const struct qg_redis_reply *items;
	size_t count;
};

/* status: QG_OK with the reply; QG_AWAY or QG_TIMEOUT (the connection is then dropped) without one (NULL);
 * QG_FAILED with an error reply; QG_FULL when Redis is out of memory or disk (OOM, MISCONF). */
typedef void (*qg_redis_fn)(void *arg, enum qg_status status, const struct qg_redis_reply *reply);

/* A script: defined statically by its owner, loaded on every connection before its first command. */
struct qg_redis_script {
	const char *name;
	const char *source;
};

struct qg_redis_options {
	const char *url;     /* redis://[user:pass@]host:port/db or unix:/path; copied */
	unsigned timeout_ms; /* oldest outstanding command; 5,000 by default where 0 */
	const struct qg_redis_script *const *scripts; /* ends with NULL; borrowed for ever */
	/* Connected and all scripts loaded, or gone with the reason; also the reason why no connection came about,
	 * once as long as it stays the same. Never from inside a call. */
	void (*changed)(void *arg, bool connected, const char *why);
	void *arg;
};

/* Connects and reconnects for ever with backoff and full jitter (50 ms .. 2 s). NULL and words in error
 * (128 bytes) for a bad url. */
struct qg_redis *qg_redis_create(
	struct qg_loop *loop, const struct qg_redis_options *options, char *error);
/* Outstanding callbacks get QG_CANCELLED, now. Accepts NULL. */
void qg_redis_destroy(struct qg_redis *redis);
bool qg_redis_is_up(const struct qg_redis *redis);
/* Commands sent and not answered. */
size_t qg_redis_outstanding(const struct qg_redis *redis);
/* Tries to connect now instead of when the backoff says (the private server says it is ready). */
void qg_redis_hurry(struct qg_redis *redis);

/* fn may be NULL (fire and forget). Arguments are binary-safe. */
void qg_redis_command(struct qg_redis *redis, qg_redis_fn fn, void *arg, int argc,
	const char *const *argv, const size_t *sizes);
/* printf-like words split at blanks: %s a C string, %b data and size_t, %lld a number (as hiredis does). */
void qg_redis_run(struct qg_redis *redis, qg_redis_fn fn, void *arg, const char *format, ...);
/* EVALSHA with one key, the partition's prefix, and argc arguments; NOSCRIPT reloads all and repeats. */
void qg_redis_script(struct qg_redis *redis, const struct qg_redis_script *script, qg_redis_fn fn,
	void *arg, const char *key, int argc, const char *const *argv, const size_t *sizes);

/* Messages of channels on a second connection that comes back too. One subscriber set a connection object:
 * message(arg, channel, data, size); changed(true) each time all channels are subscribed (again): whoever
 * listens for bells then looks once without a bell. */
struct qg_redis_listener;
struct qg_redis_listener *qg_redis_listen(struct qg_loop *loop, const char *url,
	const char *const *channels, size_t count,
	void (*message)(void *arg, const char *channel, const char *data, size_t size),
	void (*changed)(void *arg, bool subscribed), void *arg);
void qg_redis_listener_destroy(struct qg_redis_listener *listener);

/* Synchronous, for reading verbs of the command line and tests: the reply is yours to free with
 * qg_redis_reply_free(). NULL and words in error (128 bytes). Not for the loop of a running process. */
struct qg_redis_reply *qg_redis_ask(
	const char *url, char *error, int argc, const char *const *argv, const size_t *sizes);
void qg_redis_reply_free(struct qg_redis_reply *reply);

/* The private redis-server child (redis: embedded).
 *
 * Whoever holds the flock on DIR/redis/lock runs the server; the child inherits the descriptor, so the next
 * starter waits until the old server is really gone. The child dies with the thread that started it (parent-death
 * signal): create it and run its loop on the main thread. */
struct qg_redis_child;
struct qg_redis_child_options {
	const char *data_dir; /* exists; DIR/redis (0700) is made */
	bool always;	      /* appendfsync always, else everysec */
	uint64_t maxmemory;   /* bytes; 0: half of the machine's memory */
	/* A state to tell people: "ready", "ready; the last 17 bytes ...", "failed: ...", "aof damaged: ..." (which
	 * "ready" follows, unless repair was impossible). A server that runs and does not answer is told and left
	 * alone. Never from inside a call. */
	void (*changed)(void *arg, bool ready, const char *words);
	void *arg;
};
/* Starts supervising: takes the lock or, where another process holds it, uses that one's server and tries the
 * lock again whenever qg_redis_child_check() is called. NULL and words in error (128 bytes). */
struct qg_redis_child *qg_redis_child_create(
	struct qg_loop *loop, const struct qg_redis_child_options *options, char *error);
/* "unix:/.../redis.sock"; valid while the object lives. */
const char *qg_redis_child_url(const struct qg_redis_child *child);
bool qg_redis_child_is_ours(const struct qg_redis_child *child);
/* The connection broke: see whether the server is ours to restart now. */
void qg_redis_child_check(struct qg_redis_child *child);
/* SHUTDOWN (or SIGTERM, then SIGKILL after 5 s) if it is ours, waits for its end, releases the lock. Blocks up
 * to some seconds; called last. Accepts NULL. */
void qg_redis_child_destroy(struct qg_redis_child *child);

#endif
