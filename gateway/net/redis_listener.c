/* redis_listener.c - the second connection: messages of channels, subscribed again after each
 * break.
 *
 * Pub/sub keeps nothing: a message sent while nobody listens is gone. Therefore changed(true)
 * comes after every subscribing, and whoever listens for bells looks once without one. */
#include "qg/redis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_wire.h"
#include "qg/backoff.h"
#include "qg/str.h"

#define MAX_CHANNELS 1024
/* How often a silent connection is asked whether it lives, and how long it may owe the answer. */
#define PING_EVERY 5000
#define CONNECT_TIMEOUT 5000

enum state { WAITING, CONNECTING, SUBSCRIBING, LISTENING };

struct qg_redis_listener {
	struct qg_redis_target target;
	struct qg_redis_link link;
	struct qg_strings channels;
	void (*message)(void *arg, const char *channel, const char *data, size_t size);
	void (*changed)(void *arg, bool subscribed);
	void *arg;
	enum state state;
	int greetings_left;
	size_t subscribed;
	struct qg_backoff backoff;
	bool heard; /* anything since the last ping */
	struct qg_timer *timer;
};

static void wait_to_connect(struct qg_redis_listener *listener)
{
	bool was_listening = listener->state == LISTENING;

	listener->state = WAITING;
	qg_timer_start(listener->timer, qg_backoff_next(&listener->backoff));
	if (was_listening) {
		listener->changed(listener->arg, false);
	}
}

static void drop(struct qg_redis_listener *listener)
{
	qg_redis_link_close(&listener->link);
	wait_to_connect(listener);
}

static void on_broke(void *arg, const char *why)
{
	wait_to_connect(arg);
}

static void try_to_connect(struct qg_redis_listener *listener)
{
	listener->state = CONNECTING;
	qg_timer_start(listener->timer, CONNECT_TIMEOUT);
	if (!qg_redis_link_open(&listener->link)) {
		wait_to_connect(listener);
	}
}

static void ping(struct qg_redis_listener *listener)
{
	static const char *const words[] = {"PING"};

	if (!listener->heard ||
		qg_redis_encode(&listener->link.out, 0, NULL, 1, words, NULL) != QG_OK) {
		drop(listener);
		return;
	}
	qg_redis_link_wake(&listener->link);
	listener->heard = false;
	qg_timer_start(listener->timer, PING_EVERY);
}

static void on_timer(void *arg)
{
	struct qg_redis_listener *listener = arg;

	if (listener->state == WAITING) {
		try_to_connect(listener);
	} else if (listener->state == LISTENING) {
		ping(listener);
	} else {
		drop(listener);
	}
}

static void on_opened(void *arg)
{
	struct qg_redis_listener *listener = arg;
	struct qg_buf *out = &listener->link.out;
	static const char *const subscribe[] = {"SUBSCRIBE"};

	listener->state = SUBSCRIBING;
	listener->subscribed = 0;
	listener->greetings_left = qg_redis_target_greet(&listener->target, out);
	if (out->failed != QG_OK ||
		qg_redis_encode(out, 1, subscribe, (int)listener->channels.count,
			(const char *const *)listener->channels.items, NULL) != QG_OK) {
		drop(listener);
		return;
	}
	qg_redis_link_wake(&listener->link);
}

static void on_subscribed(struct qg_redis_listener *listener)
{
	listener->subscribed++;
	if (listener->state != SUBSCRIBING || listener->subscribed < listener->channels.count) {
		return;
	}
	listener->state = LISTENING;
	qg_backoff_reset(&listener->backoff);
	qg_timer_start(listener->timer, PING_EVERY);
	listener->changed(listener->arg, true);
}

static bool is_text(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
}

static void on_pushed(struct qg_redis_listener *listener, const redisReply *reply)
{
	bool named =
		reply->elements >= 2 && is_text(reply->element[0]) && is_text(reply->element[1]);

	if (!named) {
		drop(listener);
	} else if (strcmp(reply->element[0]->str, "subscribe") == 0) {
		on_subscribed(listener);
	} else if (strcmp(reply->element[0]->str, "message") == 0 && reply->elements == 3 &&
		   is_text(reply->element[2])) {
		listener->message(listener->arg, reply->element[1]->str, reply->element[2]->str,
			(size_t)reply->element[2]->len);
	}
}

static void on_reply(void *arg, redisReply *reply)
{
	struct qg_redis_listener *listener = arg;

	listener->heard = true;
	if (reply->type == REDIS_REPLY_ERROR) {
		drop(listener);
	} else if (reply->type == REDIS_REPLY_ARRAY) {
		on_pushed(listener, reply);
	} else if (listener->greetings_left > 0) {
		listener->greetings_left--;
	}
}

static bool prepare(struct qg_redis_listener *listener, struct qg_loop *loop, const char *url,
	const char *const *channels, size_t count)
{
	char error[QG_REDIS_ERROR_SIZE];

	if (count == 0 || count > MAX_CHANNELS ||
		!qg_redis_target_parse(&listener->target, url, error)) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (qg_strings_add(&listener->channels, channels[i]) != QG_OK) {
			return false;
		}
	}
	qg_backoff_init(&listener->backoff, QG_REDIS_BACKOFF_MIN, QG_REDIS_BACKOFF_MAX);
	qg_redis_link_init(&listener->link, loop, &listener->target);
	listener->link.opened = on_opened;
	listener->link.replied = on_reply;
	listener->link.broke = on_broke;
	listener->link.arg = listener;
	listener->timer = qg_timer_create(loop, on_timer, listener);
	return listener->timer != NULL;
}

struct qg_redis_listener *qg_redis_listen(struct qg_loop *loop, const char *url,
	const char *const *channels, size_t count,
	void (*message)(void *arg, const char *channel, const char *data, size_t size),
	void (*changed)(void *arg, bool subscribed), void *arg)
{
	struct qg_redis_listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL || !prepare(listener, loop, url, channels, count)) {
		qg_redis_listener_destroy(listener);
		return NULL;
	}
	listener->message = message;
	listener->changed = changed;
	listener->arg = arg;
	qg_timer_start(listener->timer, 0);
	return listener;
}

void qg_redis_listener_destroy(struct qg_redis_listener *listener)
{
	if (listener == NULL) {
		return;
	}
	qg_redis_link_finish(&listener->link);
	qg_timer_destroy(listener->timer);
	qg_redis_target_finish(&listener->target);
	qg_strings_finish(&listener->channels);
	free(listener);
}
