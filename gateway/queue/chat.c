/* chat.c - what is told of chats: a message was withdrawn, or the bot is not in one any more. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "qg/log.h"
#include "qg/str.h"

static void withdrawn(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	struct qg_message *message = NULL;
	status = reply_status(status, reply);
	if (status == QG_NOT_FOUND && reply->count > 2) {
		char error[128];
		message =
			qg_message_decode(reply->items[2].text, reply->items[2].size, NULL, error);
		if (message == NULL) {
			qg_log_error(NULL, "a stored message cannot be read: %s", error);
		}
	}
	((qg_withdrawn_fn)flight.fn)(
		flight.arg, status, message, status == QG_NOT_FOUND ? reply_text(reply, 1) : NULL);
	qg_message_destroy(message);
}

void qg_queue_withdraw(struct qg_queue *queue, const struct qg_withdrawal *withdrawal,
	qg_withdrawn_fn fn, void *arg)
{
	char *end = withdrawal->end != NULL ? qg_reply_encode(withdrawal->end) : NULL;
	unsigned partition = qg_queue_partition(queue, withdrawal->bot);
	struct call call;
	call_init(&call);
	call.failed = withdrawal->end != NULL && end == NULL;
	call_str(&call, withdrawal->bot);
	call_str(&call, withdrawal->chat);
	call_str(&call, withdrawal->message);
	call_int(&call, withdrawal->window_ms);
	call_str(&call, withdrawal->shows_open ? "1" : "0");
	call_str(&call, end);
	call_go(&call, queue, partition, &qg_script_withdraw, withdrawn,
		flight_new(queue, (void (*)(void))fn, arg, partition));
	free(end);
}

/* A walk over all that is scheduled or due, a page a call. */
struct leaving {
	struct flight flight;
	char *bot, *chat, *event;
	unsigned window_ms;
	char *mail, *due; /* cursors */
};

static void leaving_end(struct leaving *leaving, enum qg_status status)
{
	struct flight flight = leaving->flight;
	free(leaving->bot);
	free(leaving->chat);
	free(leaving->event);
	free(leaving->mail);
	free(leaving->due);
	free(leaving);
	((qg_queue_fn)flight.fn)(flight.arg, status);
}

static void go_on(struct leaving *leaving);

static void page_left(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct leaving *leaving = arg;
	if (status != QG_OK || strcmp(reply_text(reply, 0), "more") != 0) {
		leaving_end(leaving, reply_status(status, reply));
		return;
	}
	free(leaving->mail);
	free(leaving->due);
	leaving->mail = certain(qg_str_copy(reply_text(reply, 1)));
	leaving->due = certain(qg_str_copy(reply_text(reply, 2)));
	go_on(leaving);
}

static void go_on(struct leaving *leaving)
{
	struct call call;
	call_init(&call);
	call_str(&call, leaving->bot);
	call_str(&call, leaving->chat);
	call_str(&call, leaving->event);
	call_int(&call, leaving->window_ms);
	call_str(&call, leaving->mail);
	call_str(&call, leaving->due);
	call_go(&call, leaving->flight.queue, leaving->flight.partition, &qg_script_leave,
		page_left, leaving);
}

void qg_queue_leave(struct qg_queue *queue, const char *bot, const char *chat, const char *event,
	unsigned window_ms, qg_queue_fn fn, void *arg)
{
	struct leaving *leaving = certain(malloc(sizeof(*leaving)));
	*leaving = (struct leaving){
		.flight = {queue, (void (*)(void))fn, arg, qg_queue_partition(queue, bot)},
		.bot = certain(qg_str_copy(bot)),
		.chat = certain(qg_str_copy(chat)),
		.event = certain(qg_str_copy(event)),
		.window_ms = window_ms,
		.mail = certain(qg_str_copy("0")),
		.due = certain(qg_str_copy("0"))};
	go_on(leaving);
}
