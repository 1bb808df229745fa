/* redis_request.c - commands under way: queued in the order of the wire, refused, answered.
 *
 * A request that cannot be sent waits for the next turn of the loop, so no callback comes from
 * inside a call. */
#include "redis_client.h"

#include <stdint.h>
#include <stdlib.h>

#include "qg/clock.h"
#include "qg/log.h"

#define KEEP_REQUESTS 512
#define KEEP_COMMAND 2048
#define STACK_NODES 48

void qg_redis_push(struct qg_redis_queue *queue, struct qg_redis_request *request)
{
	request->next = NULL;
	if (queue->tail != NULL) {
		queue->tail->next = request;
	} else {
		queue->head = request;
	}
	queue->tail = request;
	queue->count++;
}

struct qg_redis_request *qg_redis_pop(struct qg_redis_queue *queue)
{
	struct qg_redis_request *request = queue->head;

	if (request != NULL) {
		queue->head = request->next;
		queue->tail = queue->head != NULL ? queue->tail : NULL;
		queue->count--;
	}
	return request;
}

struct qg_redis_request *qg_redis_request_new(
	struct qg_redis *redis, enum qg_redis_kind kind, qg_redis_fn fn, void *arg)
{
	struct qg_redis_request *request = redis->spare;

	if (request != NULL) {
		redis->spare = request->next;
		redis->spare_count--;
	} else {
		request = calloc(1, sizeof(*request));
		if (request == NULL) {
			/* The caller was promised an answer, and not from inside its call. A
			 * process that cannot find these few bytes ends; what it acknowledged is
			 * stored. */
			qg_log_error(NULL, "no memory for a Redis command");
			abort();
		}
		qg_buf_init(&request->command, SIZE_MAX / 2);
	}
	request->fn = fn;
	request->arg = arg;
	request->kind = kind;
	request->repeats = 0;
	return request;
}

void qg_redis_request_free(struct qg_redis_request *request)
{
	qg_buf_finish(&request->command);
	free(request);
}

void qg_redis_request_recycle(struct qg_redis *redis, struct qg_redis_request *request)
{
	if (redis->spare_count >= KEEP_REQUESTS) {
		qg_redis_request_free(request);
		return;
	}
	if (request->command.capacity > KEEP_COMMAND) {
		qg_buf_finish(&request->command);
	}
	request->next = redis->spare;
	redis->spare = request;
	redis->spare_count++;
}

void qg_redis_refuse(
	struct qg_redis *redis, struct qg_redis_request *request, enum qg_status status)
{
	request->status = status;
	qg_redis_push(&redis->unsent, request);
	qg_timer_start(redis->soon, 0);
}

/* The buffer took no more; the next flush empties it and it is fine again. */
void qg_redis_refuse_unwritten(struct qg_redis *redis, struct qg_redis_request *request)
{
	qg_redis_link_wake(&redis->link);
	qg_redis_refuse(redis, request, QG_NO_MEMORY);
}

/* The command's bytes stand in the link's buffer already. */
void qg_redis_note_sent(struct qg_redis *redis, struct qg_redis_request *request)
{
	request->sent_at = qg_clock_mono();
	qg_redis_push(&redis->sent, request);
	qg_redis_link_wake(&redis->link);
	if (redis->sent.count == 1) {
		qg_timer_start(redis->timer, redis->timeout_ms);
	}
}

/* Answers the unsent requests; false when a callback destroyed redis. */
bool qg_redis_answer_unsent(struct qg_redis *redis)
{
	bool gone = false;
	bool *outer = redis->gone;
	struct qg_redis_request *request;

	redis->gone = &gone;
	/* Not those that a callback adds: somebody who tries again at once would keep the loop
	 * here. */
	for (size_t left = redis->unsent.count;
		left > 0 && (request = qg_redis_pop(&redis->unsent)) != NULL; left--) {
		qg_redis_fn fn = request->fn;
		void *arg = request->arg;
		enum qg_status status = request->status;
		qg_redis_request_recycle(redis, request);
		if (fn != NULL) {
			fn(arg, status, NULL);
		}
		if (gone) {
			if (outer != NULL) {
				*outer = true;
			}
			return false;
		}
	}
	redis->gone = outer;
	return true;
}

void qg_redis_hand_over(qg_redis_fn fn, void *arg, enum qg_status status, const redisReply *reply)
{
	struct qg_redis_reply nodes[STACK_NODES];
	size_t count = qg_redis_reply_nodes(reply);

	if (count <= STACK_NODES) {
		qg_redis_reply_fill(reply, nodes);
		fn(arg, status, nodes);
		return;
	}
	struct qg_redis_reply *many = calloc(count, sizeof(*many));
	if (many == NULL) {
		fn(arg, QG_NO_MEMORY, NULL);
		return;
	}
	qg_redis_reply_fill(reply, many);
	fn(arg, status, many);
	free(many);
}
