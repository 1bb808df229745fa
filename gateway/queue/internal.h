/* internal.h - shared by the files of this folder: the queue itself, and calls of its scripts. */
#ifndef QG_QUEUE_INTERNAL_H
#define QG_QUEUE_INTERNAL_H

#include "qg/queue.h"
#include "scripts.h"

struct qg_queue {
	struct qg_redis *redis;
	unsigned partitions;
	char *consumer;
	char **prefixes;
};

#define CALL_FEW 24
#define CALL_NUMBERS 16

/* Arguments of one call; what is added must live until call_go(). Numbers are kept in the call. */
struct call {
	const char **argv;
	size_t *sizes;
	int count, capacity;
	int numbers_used;
	bool failed;
	const char *few_argv[CALL_FEW];
	size_t few_sizes[CALL_FEW];
	char numbers[CALL_NUMBERS][24];
};

void call_init(struct call *call);
/* text may be NULL: "". */
void call_str(struct call *call, const char *text);
void call_bytes(struct call *call, const char *data, size_t size);
/* At most CALL_NUMBERS numbers a call. */
void call_int(struct call *call, int64_t number);
/* Adds chat and wire form of each; free what comes back after call_go(). */
char **call_replies(struct call *call, struct qg_reply *const *replies, size_t count);
void call_replies_free(char **texts, size_t count);
/* Sends the script with the prefix of the partition, and ends the call. What cannot be built for want of memory
 * is sent as a call that Redis refuses: fn hears QG_FAILED, as it must hear something. */
void call_go(struct call *call, struct qg_queue *queue, unsigned partition,
	const struct qg_redis_script *script, qg_redis_fn fn, void *arg);

/* Memory that must be there: aborts where it is NULL. A callback that never comes would leave a turn hanging for
 * ever. */
void *certain(void *memory);

/* A callback of ours kept over the flight of a call, and what it needs then. */
struct flight {
	struct qg_queue *queue;
	void (*fn)(void); /* cast back by who made it */
	void *arg;
	unsigned partition;
};
/* Aborts for no memory. */
struct flight *flight_new(struct qg_queue *queue, void (*fn)(void), void *arg, unsigned partition);

/* ok, stored -> QG_OK; duplicate, full, stale, gone, changed, empty, none -> theirs. A string, or an array that
 * begins with one. */
enum qg_status reply_status(enum qg_status status, const struct qg_redis_reply *reply);
/* The item of an array as text, "" where there is none. */
const char *reply_text(const struct qg_redis_reply *reply, size_t index);
int64_t reply_int(const struct qg_redis_reply *reply, size_t index);
/* Calls a qg_queue_fn kept in a struct flight with reply_status(). */
void reply_simple(void *arg, enum qg_status status, const struct qg_redis_reply *reply);

/* The fence of an entry: consumer, conversation, id, try. */
void call_fence(struct call *call, const struct qg_queue *queue, const struct qg_entry *entry);
/* Takes an entry's names from a reply: conversation, id, try, suspect. */
QG_MUST_CHECK enum qg_status entry_read(struct qg_entry *entry, unsigned partition,
	const char *conversation, const char *id, const char *try, bool suspect);

#endif
