/* redis.c - the pipelined connection: commands out, replies back in order, scripts that are
 * always there.
 *
 * Requests stand in one queue in the order of the wire, so a reply belongs to the head and the
 * head's age is the command timeout. A script that Redis forgot (SCRIPT FLUSH) is loaded again
 * and its command repeated behind that. The connection's life is redis_session.c, the queues are
 * redis_request.c. */
#include "redis_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

#define DEFAULT_TIMEOUT 5000
#define MAX_OUTSTANDING 200000
#define MAX_SCRIPTS 64
#define MAX_REPEATS 5

static bool may_send(const struct qg_redis *redis)
{
	return redis->state == QG_REDIS_UP && redis->sent.count < MAX_OUTSTANDING &&
	       !redis->destroying && redis->drop_why == NULL;
}

/* -- replies -- */

/* Redis forgot the script: loads all, unless that was asked for since this command was sent, and
 * repeats it. */
static void repeat(struct qg_redis *redis, struct qg_redis_request *request)
{
	bool fine = request->script != redis->loads || qg_redis_load_scripts(redis);

	fine = fine &&
	       qg_buf_add(&redis->link.out, request->command.data, request->command.size) == QG_OK;
	if (!fine) {
		qg_redis_refuse_unwritten(redis, request);
		return;
	}
	request->repeats++;
	request->script = redis->loads;
	qg_redis_note_sent(redis, request);
}

/* What an error reply means to the caller; a connection that is of no use any more is dropped
 * behind it. */
static enum qg_status judge(struct qg_redis *redis, const redisReply *reply)
{
	enum qg_status status = qg_redis_error_class(reply->str);

	if (status == QG_DENIED) {
		qg_redis_drop_soon(redis, QG_AWAY, "Redis wants a new login");
		return QG_AWAY;
	}
	if (qg_str_starts_with(reply->str, "READONLY")) {
		qg_redis_drop_soon(redis, QG_AWAY, "Redis is a read-only replica");
	}
	return status;
}

static void on_reply(void *arg, redisReply *reply)
{
	struct qg_redis *redis = arg;
	struct qg_redis_request *request = qg_redis_pop(&redis->sent);

	if (request == NULL) {
		qg_redis_drop(redis, QG_AWAY, "Redis sent a reply to nothing");
		return;
	}
	redis->suspect = NULL;
	if (redis->sent.head == NULL) {
		qg_timer_stop(redis->timer);
	}
	if (request->kind != QG_REDIS_COMMAND && request->kind != QG_REDIS_SCRIPT) {
		qg_redis_on_greeting(redis, request, reply);
		return;
	}
	enum qg_status status = QG_OK;
	if (reply->type == REDIS_REPLY_ERROR) {
		if (request->kind == QG_REDIS_SCRIPT && request->repeats < MAX_REPEATS &&
			qg_str_starts_with(reply->str, "NOSCRIPT")) {
			repeat(redis, request);
			return;
		}
		status = judge(redis, reply);
	}
	qg_redis_fn fn = request->fn;
	void *fn_arg = request->arg;
	qg_redis_request_recycle(redis, request);
	if (fn != NULL && status == QG_AWAY) {
		fn(fn_arg, status, NULL);
	} else if (fn != NULL) {
		qg_redis_hand_over(fn, fn_arg, status, reply);
	}
}

/* -- what the header shows -- */

static bool prepare(struct qg_redis *redis, const struct qg_redis_options *options)
{
	redis->scripts = options->scripts;
	while (options->scripts != NULL && options->scripts[redis->script_count] != NULL) {
		redis->script_count++;
	}
	assert(redis->script_count <= MAX_SCRIPTS);
	redis->shas = calloc(redis->script_count + 1, sizeof(*redis->shas));
	redis->timer = qg_timer_create(redis->loop, qg_redis_on_timer, redis);
	redis->soon = qg_timer_create(redis->loop, qg_redis_on_soon, redis);
	return redis->shas != NULL && redis->timer != NULL && redis->soon != NULL;
}

struct qg_redis *qg_redis_create(
	struct qg_loop *loop, const struct qg_redis_options *options, char *error)
{
	struct qg_redis *redis = calloc(1, sizeof(*redis));

	if (redis == NULL) {
		snprintf(error, QG_REDIS_ERROR_SIZE, "out of memory");
		return NULL;
	}
	redis->loop = loop;
	redis->changed = options->changed;
	redis->arg = options->arg;
	qg_backoff_init(&redis->backoff, QG_REDIS_BACKOFF_MIN, QG_REDIS_BACKOFF_MAX);
	redis->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : DEFAULT_TIMEOUT;
	if (!qg_redis_target_parse(&redis->target, options->url, error)) {
		qg_redis_destroy(redis);
		return NULL;
	}
	qg_redis_link_init(&redis->link, loop, &redis->target);
	redis->link.opened = qg_redis_on_opened;
	redis->link.replied = on_reply;
	redis->link.broke = qg_redis_on_broke;
	redis->link.arg = redis;
	if (!prepare(redis, options)) {
		snprintf(error, QG_REDIS_ERROR_SIZE, "out of memory");
		qg_redis_destroy(redis);
		return NULL;
	}
	qg_timer_start(redis->timer, 0);
	return redis;
}

void qg_redis_destroy(struct qg_redis *redis)
{
	if (redis == NULL || redis->destroying) {
		return;
	}
	redis->destroying = true;
	qg_redis_link_finish(&redis->link);
	struct qg_redis_request *request;
	while ((request = qg_redis_pop(&redis->unsent)) != NULL ||
		(request = qg_redis_pop(&redis->sent)) != NULL) {
		if (request->fn != NULL) {
			request->fn(request->arg, QG_CANCELLED, NULL);
		}
		qg_redis_request_free(request);
	}
	while ((request = redis->spare) != NULL) {
		redis->spare = request->next;
		qg_redis_request_free(request);
	}
	if (redis->gone != NULL) {
		*redis->gone = true;
	}
	qg_timer_destroy(redis->timer);
	qg_timer_destroy(redis->soon);
	qg_redis_target_finish(&redis->target);
	free(redis->shas);
	free(redis);
}

bool qg_redis_is_up(const struct qg_redis *redis)
{
	return redis->state == QG_REDIS_UP && redis->drop_why == NULL;
}

size_t qg_redis_outstanding(const struct qg_redis *redis)
{
	return redis->sent.count;
}

void qg_redis_hurry(struct qg_redis *redis)
{
	if (redis->state == QG_REDIS_WAITING) {
		qg_backoff_reset(&redis->backoff);
		qg_timer_start(redis->timer, 0);
	}
}

void qg_redis_command(struct qg_redis *redis, qg_redis_fn fn, void *arg, int argc,
	const char *const *argv, const size_t *sizes)
{
	struct qg_redis_request *request = qg_redis_request_new(redis, QG_REDIS_COMMAND, fn, arg);

	if (!may_send(redis)) {
		qg_redis_refuse(redis, request, QG_AWAY);
	} else if (qg_redis_encode(&redis->link.out, 0, NULL, argc, argv, sizes) != QG_OK) {
		qg_redis_refuse_unwritten(redis, request);
	} else {
		qg_redis_note_sent(redis, request);
	}
}

void qg_redis_run(struct qg_redis *redis, qg_redis_fn fn, void *arg, const char *format, ...)
{
	struct qg_redis_request *request = qg_redis_request_new(redis, QG_REDIS_COMMAND, fn, arg);
	char *command = NULL;
	va_list args;

	va_start(args, format);
	int size = may_send(redis) ? redisvFormatCommand(&command, format, args) : 0;
	va_end(args);
	if (size == 0) {
		qg_redis_refuse(redis, request, QG_AWAY);
	} else if (size < 0) {
		qg_redis_refuse(redis, request, size == -1 ? QG_NO_MEMORY : QG_INVALID);
	} else if (qg_buf_add(&redis->link.out, command, (size_t)size) != QG_OK) {
		qg_redis_refuse_unwritten(redis, request);
	} else {
		qg_redis_note_sent(redis, request);
	}
	redisFreeCommand(command);
}

static const char *sha_of(const struct qg_redis *redis, const struct qg_redis_script *script)
{
	for (size_t i = 0; i < redis->script_count; i++) {
		if (redis->scripts[i] == script) {
			return redis->shas[i];
		}
	}
	return NULL;
}

void qg_redis_script(struct qg_redis *redis, const struct qg_redis_script *script, qg_redis_fn fn,
	void *arg, const char *key, int argc, const char *const *argv, const size_t *sizes)
{
	struct qg_redis_request *request = qg_redis_request_new(redis, QG_REDIS_SCRIPT, fn, arg);
	const char *sha = sha_of(redis, script);

	assert(sha != NULL); /* a script that was not in the options */
	if (!may_send(redis)) {
		qg_redis_refuse(redis, request, QG_AWAY);
		return;
	}
	const char *prefix[] = {"EVALSHA", sha, "1", key};
	qg_buf_reset(&request->command);
	if (qg_redis_encode(&request->command, 4, prefix, argc, argv, sizes) != QG_OK ||
		qg_buf_add(&redis->link.out, request->command.data, request->command.size) !=
			QG_OK) {
		qg_redis_refuse_unwritten(redis, request);
		return;
	}
	request->script = redis->loads;
	qg_redis_note_sent(redis, request);
}
