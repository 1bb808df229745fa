/* people.c - who became admin by a code, and which chats an admin enabled. */
#include "internal.h"

#include <stdlib.h>

#include "qg/crypto.h"

void qg_bind_digest(const char *bot, const char *code, char out[33])
{
	qg_digest_id(out, "bind", bot, code, NULL);
}

static void begin(struct call *call, const char *action, const char *bot)
{
	call_init(call);
	call_str(call, action);
	call_str(call, bot);
}

static void go(
	struct call *call, struct qg_queue *queue, const char *bot, qg_queue_fn fn, void *arg)
{
	unsigned partition = qg_queue_partition(queue, bot);
	call_go(call, queue, partition, &qg_script_people, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

void qg_bind_offer(struct qg_queue *queue, const char *bot, const char *digest, int64_t until,
	qg_queue_fn fn, void *arg)
{
	struct call call;
	begin(&call, "offer", bot);
	call_str(&call, digest);
	call_int(&call, until);
	go(&call, queue, bot, fn, arg);
}

void qg_bind_try(struct qg_queue *queue, const char *bot, const char *user, const char *digest,
	const char *message, int64_t now, qg_queue_fn fn, void *arg)
{
	struct call call;
	begin(&call, "try", bot);
	call_str(&call, user);
	call_str(&call, digest);
	call_str(&call, message);
	call_int(&call, now);
	go(&call, queue, bot, fn, arg);
}

/* The members of a set in an answer; NULL for none. *count_out is 0 then. */
static const char **members(const struct qg_redis_reply *reply, size_t index, size_t *count_out)
{
	size_t count = index < reply->count ? reply->items[index].count : 0;
	const char **names = count > 0 ? calloc(count, sizeof(*names)) : NULL;
	*count_out = names != NULL ? count : 0;
	for (size_t i = 0; i < *count_out; i++) {
		names[i] = reply_text(&reply->items[index], i);
	}
	return names;
}

static void listed(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	const char **admins = NULL, **chats = NULL;
	size_t admin_count = 0, chat_count = 0;
	if (status == QG_OK) {
		admins = members(reply, 0, &admin_count);
		chats = members(reply, 1, &chat_count);
	}
	((qg_people_fn)flight.fn)(flight.arg, status, admins, admin_count, chats, chat_count);
	free(admins);
	free(chats);
}

void qg_queue_people(struct qg_queue *queue, const char *bot, qg_people_fn fn, void *arg)
{
	unsigned partition = qg_queue_partition(queue, bot);
	struct call call;
	begin(&call, "list", bot);
	call_go(&call, queue, partition, &qg_script_people, listed,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}
