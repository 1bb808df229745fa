/* redis_world.h - a loop and a Redis that a fixture makes: waiting on the one, looking into the other, clocks. */
#ifndef QG_TESTS_SUPPORT_REDIS_WORLD_H
#define QG_TESTS_SUPPORT_REDIS_WORLD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "qg/loop.h"
#include "qg/redis.h"
#include "redis_server.h"

/* The fixture's to make and to end. */
extern struct qg_test_redis *server;
extern struct qg_loop *loop;

/* Runs the loop until it holds; ends the test after some seconds without. */
void wait_until(bool (*holds)(void *arg), void *arg);
/* Runs it for so long: time in which it could not run, or in which Redis owed an answer, does not count. */
void run_ms(uint64_t milliseconds);
/* From now on both clocks go by the time that counts for run_ms(): leases and patiences of a test do not end because its
 * machine was busy elsewhere. owed: whether redis_owes() something on any connection of the test. */
void clock_count(bool (*owed)(void));
/* Whether the server, which could, has yet to answer on it, if only to let it in. NULL: it has not. */
bool redis_owes(const struct qg_redis *redis);
/* Both clocks stand still from now on. */
void clock_stop(void);
/* Whether they stand or go. */
void clock_move(int64_t wall_ms, uint64_t mono_ms);

/* The answer to a command whose second word is a key, written without the partition's prefix; the words end with NULL.
 * Free it. */
struct qg_redis_reply *ask_words(const char *verb, const char *key, va_list words);
/* An integer answer, or a string that is a number; 0 for nil. */
int64_t ask_int(const char *verb, const char *key, ...) __attribute__((sentinel));
/* A string answer, yours to free; NULL for another one. */
char *ask_text(const char *verb, const char *key, ...) __attribute__((sentinel));

#endif
