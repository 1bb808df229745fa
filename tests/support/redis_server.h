/* redis_server.h - a redis-server of a test's own, on a unix socket in a directory of its own.
 *
 * It ends with the test's process, whatever way that ends. Errors end the test: a test without
 * its server has nothing to say. */
#ifndef QG_TESTS_SUPPORT_REDIS_SERVER_H
#define QG_TESTS_SUPPORT_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct qg_test_redis;

/* Starts it (appendonly; appendfsync always, else everysec) and returns when it answers PING. */
struct qg_test_redis *qg_test_redis_start(bool always);
/* The same with more words for its command line, ended by NULL: "--maxmemory", "2mb", NULL. */
struct qg_test_redis *qg_test_redis_start_with(bool always, const char *const *words);
/* "unix:/.../redis.sock" */
const char *qg_test_redis_url(const struct qg_test_redis *redis);
const char *qg_test_redis_dir(const struct qg_test_redis *redis);
pid_t qg_test_redis_pid(const struct qg_test_redis *redis);
/* SIGKILL, and waits until it is gone. */
void qg_test_redis_kill(struct qg_test_redis *redis);
/* Starts it again on the same directory; returns when it answers. Kills it first where it still
 * runs. */
void qg_test_redis_restart(struct qg_test_redis *redis);
/* SIGSTOP and SIGCONT. */
void qg_test_redis_pause(struct qg_test_redis *redis);
void qg_test_redis_resume(struct qg_test_redis *redis);
/* Neither killed nor paused. */
bool qg_test_redis_serves(const struct qg_test_redis *redis);
/* One command, waited for; the words end with NULL. Ends the test on no answer or an error
 * reply. */
void qg_test_redis_do(struct qg_test_redis *redis, const char *word, ...) __attribute__((sentinel));
/* Ends it, removes the directory, frees. Accepts NULL. */
void qg_test_redis_stop(struct qg_test_redis *redis);

/* Removes a directory and all below it. */
void qg_test_remove_tree(const char *path);

#endif
