/* draft.c - snapshots of answers being made: a stored row a conversation, and a bell that carries it. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "qg/json.h"

void qg_queue_draft(struct qg_queue *queue, const struct qg_entry *entry,
	const struct qg_draft *draft, qg_queue_fn fn, void *arg)
{
	json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:O, s:I, s:s}", "reply",
		draft->reply, "bot", draft->bot, "chat", draft->chat, "conversation",
		draft->conversation, "handle", draft->handle, "sender", draft->sender, "answers",
		draft->answers, "sequence", (json_int_t)draft->sequence, "text", draft->text);
	char *text = row != NULL ? qg_json_dump(row) : NULL;
	json_decref(row);
	struct call call;
	call_init(&call);
	call.failed = text == NULL;
	call_fence(&call, queue, entry);
	call_str(&call, text);
	call_str(&call, draft->early ? "" : draft->chat);
	call_go(&call, queue, entry->partition, &qg_script_draft, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, entry->partition));
	free(text);
}

static void rows_read(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	qg_rows_fn fn = (qg_rows_fn)flight.fn;
	size_t count = status == QG_OK ? reply->count : 0;
	const char **rows = count > 0 ? calloc(count, sizeof(*rows)) : NULL;
	for (size_t i = 0; rows != NULL && i < count; i++) {
		rows[i] = reply_text(reply, i);
	}
	fn(flight.arg, status, rows, rows != NULL ? count : 0);
	free(rows);
}

void qg_queue_drafts(
	struct qg_queue *queue, const char *bot, bool in_order, qg_rows_fn fn, void *arg)
{
	unsigned partition = qg_queue_partition(queue, bot);
	struct call call;
	call_init(&call);
	call_str(&call, bot);
	call_str(&call, in_order ? "1" : "0");
	call_go(&call, queue, partition, &qg_script_drafts, rows_read,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

enum qg_status qg_draft_decode(
	const char *row, size_t size, struct qg_draft *draft_out, json_t **holder_out)
{
	json_t *json = qg_json_parse(row, size, NULL);
	struct qg_draft draft = {.reply = qg_json_str(json, "reply", NULL),
		.bot = qg_json_str(json, "bot", NULL),
		.chat = qg_json_str(json, "chat", NULL),
		.conversation = qg_json_str(json, "conversation", NULL),
		.handle = qg_json_str(json, "handle", NULL),
		.sender = qg_json_str(json, "sender", NULL),
		.answers = json_object_get(json, "answers"),
		.sequence = qg_json_int(json, "sequence", 0),
		.text = qg_json_str(json, "text", NULL)};
	if (draft.reply == NULL || draft.bot == NULL || draft.chat == NULL ||
		draft.conversation == NULL || draft.text == NULL || !json_is_array(draft.answers)) {
		json_decref(json);
		return QG_INVALID;
	}
	*draft_out = draft;
	*holder_out = json;
	return QG_OK;
}
