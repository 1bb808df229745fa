/* frugal_host.c - a gateway that has no memory of its own. */
#include "frugal_host.h"

#include <assert.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/loop.h"
#include "qg/message.h"
#include "qg/str.h"

#define TIMERS 16

struct frugal frugal;

static struct qg_loop *loop;
static struct qg_timer *turn_timer;

static void receive(struct qg_bot *bot, struct qg_message *message, qg_stored_fn stored, void *arg)
{
	assert(!frugal.heard);
	frugal.heard = message;
	frugal.stored = stored;
	frugal.stored_arg = arg;
}

static void sent(
	struct qg_bot *bot, struct qg_reply *reply, enum qg_status status, unsigned retry_ms)
{
	frugal.results++;
	frugal.result = status;
	qg_reply_destroy(reply);
}

static void link_changed(struct qg_bot *bot, enum qg_link link, const char *why)
{
}

static void stopped(struct qg_bot *bot)
{
}

static void replay_drafts(struct qg_bot *bot)
{
}

static char *words(struct qg_bot *bot, const char *key)
{
	return qg_str_copy(key);
}

const struct qg_host frugal_host = {.receive = receive,
	.sent = sent,
	.link_changed = link_changed,
	.stopped = stopped,
	.replay_drafts = replay_drafts,
	.words = words};

void frugal_begin(void)
{
	frugal = (struct frugal){.result = QG_STALE};
}

bool frugal_over(void)
{
	qg_message_destroy(frugal.heard);
	frugal.heard = NULL;
	return frugal.result == QG_OK;
}

void frugal_store(void)
{
	if (frugal.stored) {
		qg_stored_fn stored = frugal.stored;
		frugal.stored = NULL;
		stored(frugal.stored_arg, QG_OK);
	}
}

struct qg_reply *frugal_reply(const char *id, const char *chat, const char *text)
{
	struct qg_reply *reply = qg_reply_create();
	if (!reply) {
		return NULL;
	}
	reply->id = qg_str_copy(id);
	reply->chat = qg_str_copy(chat);
	reply->text = qg_str_copy(text);
	reply->handle = frugal.heard ? qg_str_copy(frugal.heard->handle) : NULL;
	if (!reply->id || !reply->chat || !reply->text) {
		qg_reply_destroy(reply);
		return NULL;
	}
	return reply;
}

static void turn_over(void *arg)
{
	(void)arg;
	qg_loop_stop(loop);
}

void frugal_prepare(struct qg_loop *on)
{
	struct tm now;
	struct qg_timer *more[TIMERS];
	loop = on;
	turn_timer = qg_timer_create(loop, turn_over, NULL);
	qg_clock_local(0, &now);
	qg_log_set_level(QG_LOG_ERROR);
	for (size_t i = 0; i < TIMERS; i++) {
		more[i] = qg_timer_create(loop, turn_over, NULL);
		qg_timer_start(more[i], 100000);
	}
	frugal_turn();
	for (size_t i = 0; i < TIMERS; i++) {
		qg_timer_destroy(more[i]);
	}
}

void frugal_turn(void)
{
	qg_timer_start(turn_timer, 0);
	qg_loop_run(loop);
}

void frugal_end(void)
{
	qg_timer_destroy(turn_timer);
}
