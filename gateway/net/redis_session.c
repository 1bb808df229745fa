/* redis_session.c - the life of the connection: connecting, greeting, watching its age,
 * dropping, coming back.
 *
 * A new connection logs in, selects its database and loads all scripts before it counts as up; a
 * PING at the end tells whether Redis is still loading its data. */
#include "redis_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

/* A connection that lasted so long counts as a success: the backoff begins anew. */
#define STEADY 2000
/* After a turn of the loop that came too late the replies may be lying in the socket: look once
 * more. */
#define SECOND_LOOK 50

static void tell(struct qg_redis *redis, bool connected, const char *why)
{
	if (!connected) {
		snprintf(redis->why, sizeof(redis->why), "%s", why);
	} else {
		redis->why[0] = '\0';
	}
	if (redis->changed != NULL) {
		redis->changed(redis->arg, connected, why);
	}
}

static void wait_to_connect(struct qg_redis *redis)
{
	redis->state = QG_REDIS_WAITING;
	qg_timer_start(redis->timer, qg_backoff_next(&redis->backoff));
}

/* The connection ended, is closed, and what stood on it is unknown to its callers. */
static void went_away(struct qg_redis *redis, enum qg_status status, const char *why)
{
	bool was_up = redis->state == QG_REDIS_UP;

	if (was_up && qg_clock_mono() - redis->up_since >= STEADY) {
		qg_backoff_reset(&redis->backoff);
	}
	redis->drop_why = NULL;
	redis->suspect = NULL;
	struct qg_redis_request *request;
	while ((request = qg_redis_pop(&redis->sent)) != NULL) {
		request->status = status;
		if (request->kind == QG_REDIS_COMMAND || request->kind == QG_REDIS_SCRIPT) {
			qg_redis_push(&redis->unsent, request);
		} else {
			qg_redis_request_recycle(redis, request);
		}
	}
	wait_to_connect(redis);
	if (!qg_redis_answer_unsent(redis)) {
		return;
	}
	if (was_up || !qg_str_equal(redis->why, why)) {
		tell(redis, false, why);
	}
}

void qg_redis_drop(struct qg_redis *redis, enum qg_status status, const char *why)
{
	char copy[QG_REDIS_ERROR_SIZE];

	snprintf(copy, sizeof(copy), "%s", why);
	qg_redis_link_close(&redis->link);
	went_away(redis, status, copy);
}

static void try_to_connect(struct qg_redis *redis)
{
	redis->state = QG_REDIS_CONNECTING;
	qg_timer_start(redis->timer, redis->timeout_ms);
	if (!qg_redis_link_open(&redis->link)) {
		went_away(redis, QG_AWAY, strerror(errno));
	}
}

static void look_at_oldest(struct qg_redis *redis)
{
	const struct qg_redis_request *oldest = redis->sent.head;

	if (oldest == NULL) {
		return;
	}
	uint64_t age = qg_clock_mono() - oldest->sent_at;
	if (age < redis->timeout_ms) {
		qg_timer_start(redis->timer, redis->timeout_ms - age);
	} else if (redis->suspect != oldest) {
		redis->suspect = oldest;
		qg_timer_start(redis->timer, SECOND_LOOK);
	} else {
		qg_redis_drop(redis, QG_TIMEOUT, "Redis does not answer");
	}
}

void qg_redis_on_timer(void *arg)
{
	struct qg_redis *redis = arg;

	if (redis->state == QG_REDIS_WAITING) {
		try_to_connect(redis);
	} else if (redis->state == QG_REDIS_CONNECTING) {
		qg_redis_drop(redis, QG_AWAY, "connecting to Redis takes too long");
	} else {
		look_at_oldest(redis);
	}
}

void qg_redis_on_soon(void *arg)
{
	struct qg_redis *redis = arg;

	if (qg_redis_answer_unsent(redis) && redis->drop_why != NULL) {
		qg_redis_drop(redis, redis->drop_status, redis->drop_why);
	}
}

/* Drops the connection in the next turn: here a reply is being handed on. */
void qg_redis_drop_soon(struct qg_redis *redis, enum qg_status status, const char *why)
{
	redis->drop_why = why;
	redis->drop_status = status;
	qg_timer_start(redis->soon, 0);
}

/* -- greeting -- */

static bool send_internal(struct qg_redis *redis, enum qg_redis_kind kind, unsigned script,
	int argc, const char *const *argv)
{
	if (qg_redis_encode(&redis->link.out, 0, NULL, argc, argv, NULL) != QG_OK) {
		return false;
	}
	struct qg_redis_request *request = qg_redis_request_new(redis, kind, NULL, NULL);
	request->script = script;
	qg_redis_note_sent(redis, request);
	return true;
}

bool qg_redis_load_scripts(struct qg_redis *redis)
{
	redis->loads++;
	for (unsigned i = 0; i < redis->script_count; i++) {
		const char *words[] = {"SCRIPT", "LOAD", redis->scripts[i]->source};
		if (!send_internal(redis, QG_REDIS_LOAD, i, 3, words)) {
			return false;
		}
	}
	return true;
}

void qg_redis_on_opened(void *arg)
{
	struct qg_redis *redis = arg;
	static const char *const ping[] = {"PING"};

	redis->state = QG_REDIS_GREETING;
	int greetings = qg_redis_target_greet(&redis->target, &redis->link.out);
	for (int i = 0; i < greetings; i++) {
		qg_redis_note_sent(redis, qg_redis_request_new(redis, QG_REDIS_GREET, NULL, NULL));
	}
	if (redis->link.out.failed != QG_OK || !qg_redis_load_scripts(redis) ||
		!send_internal(redis, QG_REDIS_PROBE, 0, 1, ping)) {
		qg_redis_drop(redis, QG_AWAY, "no memory to greet Redis");
		return;
	}
	redis->greet_left = redis->sent.count;
}

static void greeted(struct qg_redis *redis)
{
	redis->state = QG_REDIS_UP;
	redis->up_since = qg_clock_mono();
	tell(redis, true, "connected");
}

void qg_redis_on_greeting(
	struct qg_redis *redis, struct qg_redis_request *request, const redisReply *reply)
{
	enum qg_redis_kind kind = request->kind;
	unsigned script = request->script;

	qg_redis_request_recycle(redis, request);
	/* A Redis that cannot write says MISCONF even to PING: it is there, its callers get
	 * QG_FULL. */
	bool bad = reply->type == REDIS_REPLY_ERROR &&
		   !(kind == QG_REDIS_PROBE && qg_redis_error_class(reply->str) == QG_FULL);
	if (kind == QG_REDIS_LOAD && !bad) {
		bad = reply->type != REDIS_REPLY_STRING || reply->len != QG_REDIS_SHA_SIZE;
		if (!bad) {
			memcpy(redis->shas[script], reply->str, QG_REDIS_SHA_SIZE);
		}
	}
	if (bad) {
		char why[QG_REDIS_ERROR_SIZE];
		snprintf(why, sizeof(why), "%s%s%.100s",
			kind == QG_REDIS_LOAD ? redis->scripts[script]->name : "",
			kind == QG_REDIS_LOAD ? ": " : "",
			reply->str != NULL ? reply->str : "bad reply");
		qg_redis_drop(redis, QG_AWAY, why);
		return;
	}
	if (redis->state == QG_REDIS_GREETING && --redis->greet_left == 0) {
		greeted(redis);
	}
}

void qg_redis_on_broke(void *arg, const char *why)
{
	went_away(arg, QG_AWAY, why);
}
