/* pending.c - entries that workers have, and taking one over from a worker that fell silent. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "qg/str.h"

void qg_pending_finish(struct qg_pending *pending)
{
	qg_entry_finish(&pending->entry);
	free(pending->owner);
	*pending = (struct qg_pending){0};
}

/* Rows: conversation, id, own, try, beat. */
static enum qg_status read_row(
	struct qg_pending *pending, unsigned partition, const struct qg_redis_reply *row)
{
	pending->owner = qg_str_copy(reply_text(row, 2));
	pending->beat = (uint64_t)reply_int(row, 4);
	if (pending->owner == NULL) {
		return QG_NO_MEMORY;
	}
	return entry_read(&pending->entry, partition, reply_text(row, 0), reply_text(row, 1),
		reply_text(row, 3), false);
}

static void seen(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	qg_pending_fn fn = (qg_pending_fn)flight.fn;
	if (status != QG_OK || reply->count == 0) {
		fn(flight.arg, status, NULL, 0);
		return;
	}
	struct qg_pending *rows = calloc(reply->count, sizeof(*rows));
	size_t count = 0;
	for (size_t i = 0; rows != NULL && i < reply->count; i++) {
		if (read_row(&rows[count], flight.partition, &reply->items[i]) == QG_OK) {
			count++;
		} else {
			qg_pending_finish(&rows[count]);
		}
	}
	fn(flight.arg, QG_OK, rows, count);
	for (size_t i = 0; i < count; i++) {
		qg_pending_finish(&rows[i]);
	}
	free(rows);
}

void qg_queue_pending(struct qg_queue *queue, unsigned partition, qg_pending_fn fn, void *arg)
{
	struct call call;
	call_init(&call);
	call_go(&call, queue, partition, &qg_script_pending, seen,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

struct claim {
	struct flight flight;
	char *conversation, *id;
};

static void claimed(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct claim *claim = arg;
	struct qg_entry entry = {0};
	status = reply_status(status, reply);
	if (status == QG_OK) {
		status = entry_read(&entry, claim->flight.partition, claim->conversation, claim->id,
			reply_text(reply, 1), reply_int(reply, 2) != 0);
	}
	((qg_entries_fn)claim->flight.fn)(
		claim->flight.arg, status, &entry, status == QG_OK ? 1 : 0);
	qg_entry_finish(&entry);
	free(claim->conversation);
	free(claim->id);
	free(claim);
}

/* Aborts for no memory, as flight_new() does: who waits for a claim counts it. */
static struct claim *claim_new(
	struct qg_queue *queue, const struct qg_entry *entry, qg_entries_fn fn, void *arg)
{
	struct claim *claim = certain(malloc(sizeof(*claim)));
	*claim = (struct claim){.flight = {queue, (void (*)(void))fn, arg, entry->partition},
		.conversation = certain(qg_str_copy(entry->conversation)),
		.id = certain(qg_str_printf("%" PRIu64, entry->id))};
	return claim;
}

void qg_queue_claim(
	struct qg_queue *queue, const struct qg_pending *pending, qg_entries_fn fn, void *arg)
{
	const struct qg_entry *entry = &pending->entry;
	struct claim *claim = claim_new(queue, entry, fn, arg);
	struct call call;
	call_init(&call);
	call_str(&call, queue->consumer);
	call_str(&call, entry->conversation);
	call_str(&call, claim->id);
	call_str(&call, pending->owner);
	call_int(&call, entry->try);
	call_int(&call, (int64_t)pending->beat);
	call_go(&call, queue, entry->partition, &qg_script_claim, claimed, claim);
}
