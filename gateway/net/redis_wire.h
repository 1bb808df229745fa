/* redis_wire.h - what the redis_*.c files share: addresses, encoded commands, replies, and one
 * connection.
 *
 * Of hiredis only its reader is used. Its async layer allocates a callback for each command,
 * ends the process by assert() when a server says something unasked, and frees itself at moments
 * of its own choosing; a queue of our own in the order of the wire is shorter than the guards
 * around that. */
#ifndef QG_NET_REDIS_WIRE_H
#define QG_NET_REDIS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <ev.h>
#include <hiredis/hiredis.h>

#include "qg/buf.h"
#include "qg/loop.h"
#include "qg/redis.h"

#define QG_REDIS_ERROR_SIZE 128
/* Milliseconds between tries to connect. */
#define QG_REDIS_BACKOFF_MIN 50
#define QG_REDIS_BACKOFF_MAX 2000

/* Where a server is and how to log in; strings are NULL where not given. */
struct qg_redis_target {
	char *path; /* unix socket, else host and port */
	char *host;
	char *port;
	char *user;
	char *password;
	int64_t database;
};

struct qg_redis_address {
	struct sockaddr_storage storage;
	socklen_t size;
};

/* False with words in error (QG_REDIS_ERROR_SIZE bytes; never the password) for a bad url. */
QG_MUST_CHECK bool qg_redis_target_parse(
	struct qg_redis_target *target, const char *url, char *error);
/* Accepts a zeroed one. */
void qg_redis_target_finish(struct qg_redis_target *target);
/* Looks a TCP host up; blocks unless numeric_only, which fails for names. A name may have
 * several addresses of which one answers (localhost): each turn takes the next. Any thread. */
QG_MUST_CHECK bool qg_redis_target_resolve(const struct qg_redis_target *target, bool numeric_only,
	unsigned turn, struct qg_redis_address *address_out);
/* A non-blocking socket that is connecting to the target (address is for TCP only), or -1 with
 * errno. */
int qg_redis_target_dial(
	const struct qg_redis_target *target, const struct qg_redis_address *address);
/* The commands a new connection begins with (AUTH, SELECT, as needed); returns how many. */
int qg_redis_target_greet(const struct qg_redis_target *target, struct qg_buf *out);

/* Appends one command in wire form, whole or not at all; sizes NULL: C strings. prefix comes
 * before argv. */
enum qg_status qg_redis_encode(struct qg_buf *out, int prefix_count, const char *const *prefix,
	int argc, const char *const *argv, const size_t *sizes);

/* How many qg_redis_reply a reply of the reader needs, itself included. */
size_t qg_redis_reply_nodes(const redisReply *from);
/* Fills nodes[0], and behind it what it holds; the texts stay in from. */
void qg_redis_reply_fill(const redisReply *from, struct qg_redis_reply *nodes);
/* The class of an error reply: QG_FULL, QG_AWAY, QG_DENIED (log in again) or QG_FAILED. */
enum qg_status qg_redis_error_class(const char *text);

struct qg_redis_lookup;

/* One connection; lives inside its owner. Callbacks come from the loop only, and any may close
 * or finish it. */
struct qg_redis_link {
	struct qg_loop *loop;
	struct ev_loop *ev;
	const struct qg_redis_target *target;
	void (*opened)(void *arg);
	void (*replied)(void *arg, redisReply *reply);
	/* The connection is gone (and closed already); why is borrowed. */
	void (*broke)(void *arg, const char *why);
	void *arg;
	int fd; /* -1: closed */
	bool is_open;
	struct ev_io reading;
	struct ev_io writing;
	struct ev_prepare flushing;
	struct ev_idle awake; /* keeps the loop from sleeping over what waits in out */
	redisReader *reader;
	struct qg_buf out; /* the owner adds commands, then wakes the link */
	size_t sent;	   /* of out */
	struct qg_redis_lookup *lookup;
	unsigned turns; /* tries to connect so far */
	bool *gone;	/* set when closed inside a callback */
};

/* arg and callbacks are set by the owner before; allocates nothing. */
void qg_redis_link_init(
	struct qg_redis_link *link, struct qg_loop *loop, const struct qg_redis_target *target);
/* Begins to connect; false with errno where that fails at once (nothing is called then). */
QG_MUST_CHECK bool qg_redis_link_open(struct qg_redis_link *link);
/* Bytes were added to out: they leave before the loop sleeps. */
void qg_redis_link_wake(struct qg_redis_link *link);
/* Drops it without a callback. Accepts a closed one. */
void qg_redis_link_close(struct qg_redis_link *link);
/* Closes and stops all watchers. Accepts a zeroed one. */
void qg_redis_link_finish(struct qg_redis_link *link);

#endif
