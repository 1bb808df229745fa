/* fixture.h - workers on a Redis of the test's own. */
#ifndef TESTS_UNIT_WORKER_FIXTURE_H
#define TESTS_UNIT_WORKER_FIXTURE_H

#include <check.h>

#include "qg/adapter.h"
#include "redis_world.h"
#include "worker.h"

#define BOT "shop"

/* Its file lock is free, for whoever asks. */
extern const char *dead_process;
/* Each write is on disk before its answer: for suites that kill Redis and go on. Set before fixture_run(). */
extern bool redis_keeps_all;

/* A process: its own connection and name; without a worker it only feeds. */
struct node {
	struct qg_core core;
	struct qg_worker *worker;
	bool drained;
};
extern struct node ann, ben;

void node_start(struct node *node, const char *process);
/* Gone without a word to Redis. */
void node_crash(struct node *node);
void node_drain(struct node *node, unsigned timeout_ms);
/* It has answered all that Redis was asked. */
void node_settle(struct node *node);

/* The bots of the config from now on; NULL ends the list. A worker that runs hears of it by node_reload(). */
void config_bots(const struct qg_bot_config *bot, ...) __attribute__((sentinel));
void node_reload(struct node *node);
/* The config that nodes start with now, to be changed. */
struct qg_config *config_last(void);
struct qg_bot_config a_bot(const char *name, const char *fingerprint);

/* The platform "told"; NULL: there is none. No other is built in. */
extern const struct qg_adapter *told_adapter;

/* Some looks go by. */
void run_looks(void);

/* A message is stored, and a bell rings. */
void store(const char *bot, const char *chat, const char *id, const char *text);
/* The same with a handle; of the sender that all are of. */
void store_handled(const char *bot, const char *chat, const char *id, const char *handle);
/* The same with attachments, which it takes. */
void store_attached(const char *bot, const char *chat, const char *id, json_t *attachments);
/* Another consumer's view of the queue, on the feeder's connection. */
struct qg_queue *queue_as(const char *consumer);

/* Until so many replies stand in a chat's out list. */
void wait_replies(const char *chat, int64_t count);
/* The reply at that place of a chat's out list, yours to destroy. */
struct qg_reply *reply_at(const char *chat, const char *index);
void set_writable(bool writable);

void fixture_add(TCase *tcase);
/* The same with a fifth of the real times: for what must be quicker than a beat on a busy machine. */
void fixture_add_slow(TCase *tcase);
int fixture_run(Suite *suite);

#endif
