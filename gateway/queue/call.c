/* call.c - arguments of script calls, and the words that scripts answer with. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/log.h"
#include "qg/str.h"

void call_init(struct call *call)
{
	call->argv = call->few_argv;
	call->sizes = call->few_sizes;
	call->capacity = CALL_FEW;
	call->count = call->numbers_used = 0;
	call->failed = false;
}

static void call_finish(struct call *call)
{
	if (call->argv != call->few_argv) {
		free(call->argv);
		free(call->sizes);
	}
}

static bool call_grow(struct call *call)
{
	int capacity = call->capacity * 4;
	const char **argv = malloc((size_t)capacity * sizeof(*argv));
	size_t *sizes = malloc((size_t)capacity * sizeof(*sizes));
	if (argv == NULL || sizes == NULL) {
		free(argv);
		free(sizes);
		return false;
	}
	memcpy(argv, call->argv, (size_t)call->count * sizeof(*argv));
	memcpy(sizes, call->sizes, (size_t)call->count * sizeof(*sizes));
	call_finish(call);
	call->argv = argv;
	call->sizes = sizes;
	call->capacity = capacity;
	return true;
}

void call_bytes(struct call *call, const char *data, size_t size)
{
	if (call->failed || (call->count == call->capacity && !call_grow(call))) {
		call->failed = true;
		return;
	}
	call->argv[call->count] = data;
	call->sizes[call->count++] = size;
}

void call_str(struct call *call, const char *text)
{
	call_bytes(call, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

void call_int(struct call *call, int64_t number)
{
	if (call->numbers_used == CALL_NUMBERS) {
		call->failed = true;
		return;
	}
	char *text = call->numbers[call->numbers_used++];
	call_bytes(call, text, qg_str_from_int64(number, text));
}

void call_fence(struct call *call, const struct qg_queue *queue, const struct qg_entry *entry)
{
	call_str(call, queue->consumer);
	call_str(call, entry->conversation);
	call_int(call, (int64_t)entry->id);
	call_int(call, entry->try);
}

char **call_replies(struct call *call, struct qg_reply *const *replies, size_t count)
{
	char **texts = calloc(count + 1, sizeof(*texts));
	call->failed = call->failed || texts == NULL;
	for (size_t i = 0; texts != NULL && i < count; i++) {
		texts[i] = qg_reply_encode(replies[i]);
		call->failed = call->failed || texts[i] == NULL;
		call_str(call, replies[i]->chat);
		call_str(call, texts[i]);
	}
	return texts;
}

void call_replies_free(char **texts, size_t count)
{
	for (size_t i = 0; texts != NULL && i < count; i++) {
		free(texts[i]);
	}
	free(texts);
}

void call_go(struct call *call, struct qg_queue *queue, unsigned partition,
	const struct qg_redis_script *script, qg_redis_fn fn, void *arg)
{
	static const char *const refused[] = {"QUNGONG.NOMEMORY"};
	if (call->failed) {
		qg_redis_command(queue->redis, fn, arg, 1, refused, NULL);
	} else {
		qg_redis_script(queue->redis, script, fn, arg, queue->prefixes[partition],
			call->count, call->argv, call->sizes);
	}
	call_finish(call);
}

void *certain(void *memory)
{
	if (memory == NULL) {
		qg_log_error(NULL, "out of memory");
		abort();
	}
	return memory;
}

struct flight *flight_new(struct qg_queue *queue, void (*fn)(void), void *arg, unsigned partition)
{
	struct flight *flight = certain(malloc(sizeof(*flight)));
	*flight = (struct flight){queue, fn, arg, partition};
	return flight;
}

static const struct {
	const char *word;
	enum qg_status status;
} words[] = {
	{"ok", QG_OK},
	{"stored", QG_OK},
	{"dead", QG_OK},
	{"duplicate", QG_DUPLICATE},
	{"full", QG_FULL},
	{"stale", QG_STALE},
	{"denied", QG_DENIED},
	{"changed", QG_STALE},
	{"gone", QG_EMPTY},
	{"empty", QG_EMPTY},
	{"none", QG_NOT_FOUND},
	{"refusal", QG_NOT_FOUND},
	{"found", QG_NOT_FOUND},
	{"withdrawn", QG_EMPTY},
};

enum qg_status reply_status(enum qg_status status, const struct qg_redis_reply *reply)
{
	if (status != QG_OK) {
		/* QG_FULL is a full mailbox here; Redis without room is Redis that cannot store */
		return status == QG_FULL ? QG_BUSY : status;
	}
	const char *word = reply->type == QG_REPLY_ARRAY ? reply_text(reply, 0) : reply->text;
	for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, word) == 0) {
			return words[i].status;
		}
	}
	return QG_FAILED;
}

const char *reply_text(const struct qg_redis_reply *reply, size_t index)
{
	if (reply->type != QG_REPLY_ARRAY || index >= reply->count ||
		reply->items[index].text == NULL) {
		return "";
	}
	return reply->items[index].text;
}

int64_t reply_int(const struct qg_redis_reply *reply, size_t index)
{
	if (reply->type != QG_REPLY_ARRAY || index >= reply->count) {
		return 0;
	}
	const struct qg_redis_reply *item = &reply->items[index];
	return item->type == QG_REPLY_INT ? item->integer
					  : strtoll(reply_text(reply, index), NULL, 10);
}

void reply_simple(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	qg_queue_fn fn = (qg_queue_fn)flight.fn;
	if (fn != NULL) {
		fn(flight.arg, reply_status(status, reply));
	}
}
