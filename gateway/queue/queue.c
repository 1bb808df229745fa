/* queue.c - the queue object: partitions, their prefixes, and names of conversations. */
#include "internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/config.h"
#include "qg/str.h"

struct qg_queue *qg_queue_create(struct qg_redis *redis, unsigned partitions, const char *consumer)
{
	struct qg_queue *queue = calloc(1, sizeof(*queue));
	if (queue == NULL) {
		return NULL;
	}
	queue->redis = redis;
	queue->consumer = qg_str_copy(consumer);
	queue->prefixes = calloc(partitions, sizeof(*queue->prefixes));
	if (queue->consumer == NULL || queue->prefixes == NULL) {
		goto error;
	}
	queue->partitions = partitions;
	for (unsigned p = 0; p < partitions; p++) {
		queue->prefixes[p] = qg_str_printf("qg:{%u}:", p);
		if (queue->prefixes[p] == NULL) {
			goto error;
		}
	}
	return queue;
error:
	qg_queue_destroy(queue);
	return NULL;
}

void qg_queue_destroy(struct qg_queue *queue)
{
	if (queue == NULL) {
		return;
	}
	for (unsigned p = 0; p < queue->partitions; p++) {
		free(queue->prefixes[p]);
	}
	free(queue->prefixes);
	free(queue->consumer);
	free(queue);
}

unsigned qg_queue_partitions(const struct qg_queue *queue)
{
	return queue->partitions;
}

unsigned qg_queue_partition(const struct qg_queue *queue, const char *name)
{
	return qg_crc16(name, strlen(name)) % queue->partitions;
}

const char *qg_queue_prefix(const struct qg_queue *queue, unsigned partition)
{
	return queue->prefixes[partition];
}

const char *qg_queue_consumer(const struct qg_queue *queue)
{
	return queue->consumer;
}

char *qg_conversation_name(int scope, const char *bot, const struct qg_message *message)
{
	const char *within = scope == QG_SCOPE_SENDER	? message->sender
			     : scope == QG_SCOPE_THREAD ? message->thread
							: NULL;
	struct qg_buf name;
	qg_buf_init(&name, SIZE_MAX); /* its parts are bounded */
	qg_buf_add_str(&name, bot);
	qg_buf_add_char(&name, '/');
	qg_buf_add_str(&name, message->chat);
	if (within != NULL) {
		qg_buf_add_char(&name, '/');
		qg_buf_add_str(&name, within);
	}
	return qg_buf_steal(&name);
}
