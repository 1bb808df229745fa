/* lease.c - rows that say which gateway owns a link, and which gateways there are. Who may take one, and when, is
 * decided in gateway/flow/. */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

/* "gateway epoch beat kicked_until"; gateway: room for 64 bytes. */
static bool read_row(const char *row, char *gateway, struct qg_lease_row *out)
{
	unsigned long long epoch;
	long long kicked;
	if (sscanf(row, "%63s %llu %*u %lld", gateway, &epoch, &kicked) != 3) {
		return false;
	}
	out->row = row;
	out->gateway = gateway;
	out->epoch = epoch;
	out->kicked_until = kicked;
	return true;
}

static void looked(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	qg_leases_fn fn = (qg_leases_fn)flight.fn;
	size_t most = status == QG_OK ? reply->count / 2 : 0, count = 0;
	struct qg_lease_row *rows = most > 0 ? calloc(most, sizeof(*rows)) : NULL;
	char(*gateways)[64] = most > 0 ? calloc(most, sizeof(*gateways)) : NULL;
	for (size_t i = 0; rows != NULL && gateways != NULL && i < most; i++) {
		rows[count].link = reply_text(reply, 2 * i);
		if (read_row(reply_text(reply, 2 * i + 1), gateways[count], &rows[count])) {
			count++;
		}
	}
	fn(flight.arg, status, flight.partition, rows, count);
	free(rows);
	free(gateways);
}

static void begin(struct call *call, const struct qg_queue *queue, const char *action)
{
	call_init(call);
	call_str(call, action);
	call_str(call, queue->consumer);
}

void qg_lease_look(struct qg_queue *queue, unsigned partition, qg_leases_fn fn, void *arg)
{
	struct call call;
	begin(&call, queue, "look");
	call_go(&call, queue, partition, &qg_script_lease, looked,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

static void taken(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	status = reply_status(status, reply);
	bool ok = status == QG_OK;
	((qg_epoch_fn)flight.fn)(flight.arg, status, ok ? (uint64_t)reply_int(reply, 1) : 0,
		ok ? reply_int(reply, 2) : 0);
}

void qg_lease_take(
	struct qg_queue *queue, const char *link, const char *row, qg_epoch_fn fn, void *arg)
{
	unsigned partition = qg_queue_partition(queue, link);
	struct call call;
	begin(&call, queue, "take");
	call_str(&call, link);
	call_str(&call, row != NULL ? row : "- 0 0 0");
	call_go(&call, queue, partition, &qg_script_lease, taken,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

static void renewed(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	size_t count = status == QG_OK ? reply->count : 0;
	const char **lost = count > 0 ? calloc(count, sizeof(*lost)) : NULL;
	if (count > 0 && lost == NULL) {
		status =
			QG_NO_MEMORY; /* not confirmed: sending stops, and the next renewal tells again */
		count = 0;
	}
	for (size_t i = 0; i < count; i++) {
		lost[i] = reply_text(reply, i);
	}
	((qg_rows_fn)flight.fn)(flight.arg, status, lost, count);
	free(lost);
}

void qg_lease_renew(struct qg_queue *queue, unsigned partition, const struct qg_lease *leases,
	size_t count, qg_rows_fn fn, void *arg)
{
	char(*epochs)[24] = calloc(count > 0 ? count : 1, sizeof(*epochs));
	struct call call;
	begin(&call, queue, "renew");
	call.failed = epochs == NULL;
	for (size_t i = 0; epochs != NULL && i < count; i++) {
		snprintf(epochs[i], sizeof(epochs[i]), "%" PRIu64, leases[i].epoch);
		call_str(&call, leases[i].link);
		call_str(&call, epochs[i]);
	}
	call_go(&call, queue, partition, &qg_script_lease, renewed,
		flight_new(queue, (void (*)(void))fn, arg, partition));
	free(epochs);
}

static void owned(struct qg_queue *queue, const char *action, const char *link, uint64_t epoch,
	int64_t until, qg_queue_fn fn, void *arg)
{
	unsigned partition = qg_queue_partition(queue, link);
	struct call call;
	begin(&call, queue, action);
	call_str(&call, link);
	call_int(&call, (int64_t)epoch);
	call_int(&call, until);
	call_go(&call, queue, partition, &qg_script_lease, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

void qg_lease_release(
	struct qg_queue *queue, const char *link, uint64_t epoch, qg_queue_fn fn, void *arg)
{
	owned(queue, "release", link, epoch, 0, fn, arg);
}

void qg_lease_kick(struct qg_queue *queue, const char *link, uint64_t epoch, int64_t until,
	qg_queue_fn fn, void *arg)
{
	owned(queue, "kick", link, epoch, until, fn, arg);
}

/* ---- who is there ---- */

enum { MEETING = 0 }; /* the partition where gateways meet */

static void shown(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	size_t count = status == QG_OK ? reply->count : 0;
	const char **rows = count > 0 ? calloc(count, sizeof(*rows)) : NULL;
	for (size_t i = 0; rows != NULL && i < count; i++) {
		rows[i] = reply_text(reply, i);
	}
	((qg_rows_fn)flight.fn)(flight.arg, count > 0 && rows == NULL ? QG_NO_MEMORY : status, rows,
		rows != NULL ? count : 0);
	free(rows);
}

void qg_lease_present(struct qg_queue *queue, const struct qg_present *gone, size_t count,
	qg_rows_fn fn, void *arg)
{
	struct call call;
	begin(&call, queue, "present");
	for (size_t i = 0; i < count; i++) {
		call_str(&call, gone[i].gateway);
		call_str(&call, gone[i].beat);
	}
	call_go(&call, queue, MEETING, &qg_script_present, shown,
		flight_new(queue, (void (*)(void))fn, arg, MEETING));
}

void qg_lease_leave(struct qg_queue *queue)
{
	struct call call;
	begin(&call, queue, "leave");
	call_go(&call, queue, MEETING, &qg_script_present, NULL, NULL);
}
