/* admin.c - flags of bots, and the depth of the queue for the metrics. */
#include "internal.h"

#include <stdlib.h>

#include "qg/json.h"

/* HGETALL as {field: number}. */
static json_t *numbers(const struct qg_redis_reply *reply, size_t index)
{
	json_t *object = json_object();
	if (object == NULL || index >= reply->count) {
		return object;
	}
	const struct qg_redis_reply *pairs = &reply->items[index];
	for (size_t i = 0; i + 1 < pairs->count; i += 2) {
		json_object_set_new(
			object, reply_text(pairs, i), json_integer(reply_int(pairs, i + 1)));
	}
	return object;
}

static void measured(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	struct qg_depth depth = {0};
	if (status == QG_OK) {
		depth = (struct qg_depth){.waiting = numbers(reply, 0),
			.oldest = reply_int(reply, 1),
			.entries = (size_t)reply_int(reply, 2),
			.pending = (size_t)reply_int(reply, 3),
			.dead = (size_t)reply_int(reply, 4),
			.buried = numbers(reply, 5)};
	}
	((qg_depth_fn)flight.fn)(flight.arg, status, &depth);
	json_decref(depth.waiting);
	json_decref(depth.buried);
}

void qg_queue_depth(struct qg_queue *queue, unsigned partition, qg_depth_fn fn, void *arg)
{
	struct call call;
	call_init(&call);
	call_str(&call, "depth");
	call_go(&call, queue, partition, &qg_script_admin, measured,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

void qg_queue_flag(struct qg_queue *queue, const char *bot, const char *flag, bool on,
	qg_queue_fn fn, void *arg)
{
	unsigned partition = qg_queue_partition(queue, bot);
	struct call call;
	call_init(&call);
	call_str(&call, "flag");
	call_str(&call, bot);
	call_str(&call, flag);
	call_str(&call, on ? "1" : "0");
	call_go(&call, queue, partition, &qg_script_admin, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}
