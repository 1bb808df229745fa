/* depth.c - how much waits in the queue, and how long: read now and then, for the metrics.
 *
 * Redis counts as messages come and go, so a look costs one short script a partition however deep the queue is.
 * Every gateway shows the same figures, since there is one queue. */
#include "gateway.h"

#include <stdio.h>
#include <string.h>

#include "qg/clock.h"

static struct qg_metric *gauge(const char *name, const char *bot, const char *help)
{
	char labels[96];
	snprintf(labels, sizeof(labels), "bot=\"%s\"", bot);
	return qg_metric_gauge(name, labels, help);
}

static void show_bots(const json_t *counts, const char *name, const char *help)
{
	const char *bot;
	json_t *count;
	json_object_foreach ((json_t *)counts, bot, count) {
		qg_metric_set(gauge(name, bot, help), json_integer_value(count));
	}
}

static void show_sums(const struct depth_sums *sums)
{
	int64_t now = qg_clock_wall();
	int64_t age = sums->oldest > 0 && now > sums->oldest ? (now - sums->oldest) / 1000 : 0;
	qg_metric_set(
		qg_metric_gauge("queue_oldest_seconds", NULL, "Age of the oldest waiting message"),
		age);
	qg_metric_set(
		qg_metric_gauge("queue_conversations", NULL, "Conversations with waiting messages"),
		sums->entries);
	qg_metric_set(qg_metric_gauge("queue_pending", NULL, "Conversations that a worker has"),
		sums->pending);
	qg_metric_set(qg_metric_gauge("queue_dead_letters", NULL, "Dead letters kept"), sums->dead);
}

static void measured(void *arg, enum qg_status status, const struct qg_depth *depth)
{
	struct qg_gateway *gateway = arg;
	struct depth_sums *sums = &gateway->depth;
	if (status == QG_OK) {
		show_bots(depth->waiting, "queue_waiting", "Messages waiting or in flight");
		show_bots(depth->buried, "queue_buried",
			"Messages and replies that became dead letters");
		sums->entries += (int64_t)depth->entries;
		sums->pending += (int64_t)depth->pending;
		sums->dead += (int64_t)depth->dead;
		if (depth->oldest > 0 && (sums->oldest == 0 || depth->oldest < sums->oldest)) {
			sums->oldest = depth->oldest;
		}
	}
	sums->failed = sums->failed || status != QG_OK;
	if (--sums->outstanding == 0 && !sums->failed) {
		show_sums(sums);
	}
}

void depth_look(struct qg_gateway *gateway)
{
	enum { EVERY = 5 };
	if (gateway->depth.outstanding > 0 || ++gateway->depth_calm < EVERY) {
		return;
	}
	gateway->depth_calm = 0;
	gateway->depth =
		(struct depth_sums){.outstanding = qg_queue_partitions(gateway->core->queue)};
	for (unsigned p = 0; p < qg_queue_partitions(gateway->core->queue); p++) {
		qg_queue_depth(gateway->core->queue, p, measured, gateway);
	}
}
