/* inbound.c - what comes in: messages of platforms, and what has fallen due. */
#include "internal.h"

#include <stdlib.h>

void qg_queue_ingest(
	struct qg_queue *queue, const struct qg_ingest *ingest, qg_queue_fn fn, void *arg)
{
	const struct qg_message *message = ingest->message;
	size_t wire_size = 0;
	char *wire = qg_message_encode(message, ingest->now, &wire_size);
	char *refusal = ingest->refusal != NULL ? qg_reply_encode(ingest->refusal) : NULL;
	struct call call;
	call_init(&call);
	call.failed = wire == NULL || (ingest->refusal != NULL && refusal == NULL);
	call_str(&call, ingest->bot);
	call_str(&call, ingest->conversation);
	call_str(&call, message->id);
	call_int(&call, ingest->window_ms);
	call_str(&call, ingest->selected ? "1" : "0");
	call_bytes(&call, wire, wire_size);
	call_str(&call, message->chat);
	call_str(&call, refusal);
	call_str(&call, message->feed_event);
	unsigned partition = qg_queue_partition(queue, ingest->bot);
	call_go(&call, queue, partition, &qg_script_ingest, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, partition));
	free(wire);
	free(refusal);
}

static void due_moved(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	((qg_count_fn)flight.fn)(flight.arg, status, status == QG_OK ? (size_t)reply->integer : 0);
}

void qg_queue_due(
	struct qg_queue *queue, unsigned partition, int64_t now, qg_count_fn fn, void *arg)
{
	enum { AT_ONCE = 100 };
	struct call call;
	call_init(&call);
	call_int(&call, now);
	call_int(&call, AT_ONCE);
	call_go(&call, queue, partition, &qg_script_due, due_moved,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}
