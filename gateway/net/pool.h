/* pool.h - threads for slow work; loop.c is its only user and the only one that talks to the loop.
 * */
#ifndef QG_NET_POOL_H
#define QG_NET_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/loop.h"

struct pool;

/* wake(arg) is called on a pool thread when finished work waits for pool_collect(). NULL for no
 * memory. */
struct pool *pool_create(unsigned threads, void (*wake)(void *arg), void *arg);
/* Waits for what runs, drops what waits; no done() is called. Accepts NULL. */
void pool_destroy(struct pool *pool);
/* NULL for no memory, no thread, or a full queue. */
struct qg_work *pool_put(struct pool *pool, void (*run)(void *arg, unsigned thread_index),
	void (*done)(void *arg), void *arg);
/* Calls done() of finished work, in the order in which it finished, for about most_us; true where more may wait. */
bool pool_collect(struct pool *pool, uint64_t most_us);
/* Waits until nothing waits or runs, and collects. */
void pool_finish(struct pool *pool);
size_t pool_waiting(struct pool *pool);

#endif
