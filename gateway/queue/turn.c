/* turn.c - a worker's side: entries pulled, batches taken, and how a turn ends. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

void qg_entry_finish(struct qg_entry *entry)
{
	free(entry->bot);
	free(entry->conversation);
	*entry = (struct qg_entry){0};
}

enum qg_status entry_read(struct qg_entry *entry, unsigned partition, const char *conversation,
	const char *id, const char *try, bool suspect)
{
	int64_t id_number, try_number;
	const char *slash = strchr(conversation, '/');
	if (slash == NULL || !qg_str_to_int64(id, 1, INT64_MAX, &id_number) ||
		!qg_str_to_int64(try, 1, INT32_MAX, &try_number)) {
		return QG_INVALID;
	}
	struct qg_entry read = {.partition = partition,
		.id = (uint64_t)id_number,
		.try = (unsigned)try_number,
		.suspect = suspect,
		.bot = qg_str_copy_n(conversation, (size_t)(slash - conversation)),
		.conversation = qg_str_copy(conversation)};
	if (read.bot == NULL || read.conversation == NULL) {
		qg_entry_finish(&read);
		return QG_NO_MEMORY;
	}
	*entry = read;
	return QG_OK;
}

static void pulled(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	qg_entries_fn fn = (qg_entries_fn)flight.fn;
	if (status != QG_OK || reply->count == 0) {
		fn(flight.arg, status, NULL, 0);
		return;
	}
	struct qg_entry *entries = calloc(reply->count, sizeof(*entries));
	size_t count = 0;
	for (size_t i = 0; entries != NULL && i < reply->count; i++) {
		const struct qg_redis_reply *row = &reply->items[i];
		/* an entry that cannot be read stays pending without a beat: others see it and take it over */
		if (entry_read(&entries[count], flight.partition, reply_text(row, 0),
			    reply_text(row, 1), reply_text(row, 2),
			    reply_int(row, 3) != 0) == QG_OK) {
			count++;
		}
	}
	fn(flight.arg, QG_OK, entries, count);
	for (size_t i = 0; i < count; i++) {
		qg_entry_finish(&entries[i]);
	}
	free(entries);
}

void qg_queue_pull(struct qg_queue *queue, unsigned partition, unsigned most, unsigned each,
	const char *const *skip, qg_entries_fn fn, void *arg)
{
	struct call call;
	call_init(&call);
	call_str(&call, queue->consumer);
	call_int(&call, most);
	call_int(&call, each);
	for (size_t i = 0; skip != NULL && skip[i] != NULL; i++) {
		call_str(&call, skip[i]);
	}
	call_go(&call, queue, partition, &qg_script_pull, pulled,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

void qg_batch_finish(struct qg_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		qg_message_destroy(batch->messages[i]);
	}
	free(batch->messages);
	free(batch->stored_at);
	free(batch->history);
	json_decref(batch->state);
	*batch = (struct qg_batch){0};
}

/* State is ours, but what Redis holds is not believed: what does not parse is left out. */
static json_t *read_state(const struct qg_redis_reply *text)
{
	json_t *state = text->size > 0 ? qg_json_parse(text->text, text->size, NULL) : NULL;
	if (!json_is_object(state)) {
		json_decref(state);
		return json_object();
	}
	return state;
}

static enum qg_status read_messages(struct qg_batch *batch, const struct qg_redis_reply *list)
{
	batch->messages = calloc(list->count, sizeof(*batch->messages));
	batch->stored_at = calloc(list->count, sizeof(*batch->stored_at));
	if (batch->messages == NULL || batch->stored_at == NULL) {
		return QG_NO_MEMORY;
	}
	char error[128];
	for (size_t i = 0; i < list->count; i++) {
		struct qg_message *message = qg_message_decode(list->items[i].text,
			list->items[i].size, &batch->stored_at[batch->count], error);
		if (message == NULL) {
			qg_log_error(NULL, "a stored message cannot be read: %s", error);
			return QG_INVALID;
		}
		batch->messages[batch->count++] = message;
	}
	return QG_OK;
}

static enum qg_status read_batch(struct qg_batch *batch, const struct qg_redis_reply *reply)
{
	if (reply->count < 6 || reply->items[5].count == 0) {
		return QG_FAILED;
	}
	batch->failures = (unsigned)reply_int(reply, 1);
	batch->paused = reply_int(reply, 2) != 0;
	batch->enabled = reply_int(reply, 6) != 0;
	batch->bound = reply_int(reply, 7) != 0;
	batch->state = read_state(&reply->items[3]);
	batch->history = qg_str_copy_n(reply_text(reply, 4), reply->items[4].size);
	if (batch->state == NULL || batch->history == NULL) {
		return QG_NO_MEMORY;
	}
	return read_messages(batch, &reply->items[5]);
}

static void taken(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	struct qg_batch batch = {0};
	status = reply_status(status, reply);
	if (status == QG_OK) {
		status = read_batch(&batch, reply);
	}
	((qg_batch_fn)flight.fn)(flight.arg, status, &batch);
	qg_batch_finish(&batch);
}

void qg_queue_take(struct qg_queue *queue, const struct qg_entry *entry, qg_batch_fn fn, void *arg)
{
	struct call call;
	call_init(&call);
	call_fence(&call, queue, entry);
	call_int(&call, qg_clock_wall());
	call_go(&call, queue, entry->partition, &qg_script_take, taken,
		flight_new(queue, (void (*)(void))fn, arg, entry->partition));
}

static char *times_text(const struct qg_due_item *item)
{
	struct qg_buf buf;
	qg_buf_init(&buf, 64 * 1024);
	for (size_t i = 0; i < item->count; i++) {
		qg_buf_add_int(&buf, item->times[i]);
		qg_buf_add_char(&buf, ' ');
	}
	return qg_buf_steal(&buf);
}

/* Texts made for one call, freed after it. */
struct made {
	char **items;
	size_t count;
};

static void add_made(struct call *call, struct made *made, char *text)
{
	call->failed = call->failed || text == NULL;
	made->items[made->count++] = text;
	call_str(call, text);
}

static void add_parts(struct call *call, struct made *made, const struct qg_done *done)
{
	size_t i;
	json_t *element;
	json_array_foreach (done->history, i, element) {
		if (json_is_string(element)) { /* written already */
			call_bytes(call, json_string_value(element), json_string_length(element));
		} else {
			add_made(call, made, qg_json_dump(element));
		}
	}
	for (i = 0; i < done->reply_count; i++) {
		call_str(call, done->replies[i]->chat);
		add_made(call, made, qg_reply_encode(done->replies[i]));
	}
	for (i = 0; i < done->due_count; i++) {
		call_str(call, done->due[i].id);
		call_str(call, done->due[i].bot);
		call_str(call, done->due[i].conversation);
		call_str(call, done->due[i].wire);
		add_made(call, made, times_text(&done->due[i]));
	}
}

void qg_queue_done(struct qg_queue *queue, const struct qg_entry *entry, const struct qg_done *done,
	qg_queue_fn fn, void *arg)
{
	struct call call;
	call_init(&call);
	size_t elements = json_array_size(done->history);
	struct made made = {
		calloc(elements + done->reply_count + done->due_count + 1, sizeof(char *)), 0};
	char *state = done->state != NULL ? qg_json_dump(done->state) : NULL;
	call.failed = made.items == NULL || (done->state != NULL && state == NULL);
	call_fence(&call, queue, entry);
	call_int(&call, (int64_t)done->batch);
	call_str(&call, state);
	call_str(&call, done->forget_history ? "1" : "0");
	call_int(&call, (int64_t)elements);
	call_int(&call, (int64_t)done->reply_count);
	call_int(&call, (int64_t)done->due_count);
	call_str(&call, done->enable);
	call_str(&call, done->disable);
	if (made.items != NULL) {
		add_parts(&call, &made, done);
	}
	call_go(&call, queue, entry->partition, &qg_script_done, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, entry->partition));
	for (size_t i = 0; i < made.count; i++) {
		free(made.items[i]);
	}
	free(made.items);
	free(state);
}

void qg_queue_fail(struct qg_queue *queue, const struct qg_entry *entry, const char *reason,
	int64_t retry_at, const struct qg_reply *apology, const struct qg_reply *notice,
	qg_queue_fn fn, void *arg)
{
	char *apology_text = apology != NULL ? qg_reply_encode(apology) : NULL;
	char *notice_text = notice != NULL ? qg_reply_encode(notice) : NULL;
	struct call call;
	call_init(&call);
	call_fence(&call, queue, entry);
	call_str(&call, reason);
	call_int(&call, retry_at);
	call_int(&call, qg_clock_wall());
	call_str(&call, apology != NULL ? apology->chat : notice != NULL ? notice->chat : "");
	call_str(&call, apology_text);
	call_str(&call, notice_text);
	call_go(&call, queue, entry->partition, &qg_script_fail, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, entry->partition));
	free(apology_text);
	free(notice_text);
}

static void fenced(struct qg_queue *queue, const struct qg_entry *entry,
	const struct qg_redis_script *script, qg_queue_fn fn, void *arg)
{
	struct call call;
	call_init(&call);
	call_fence(&call, queue, entry);
	call_go(&call, queue, entry->partition, script, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, entry->partition));
}

void qg_queue_give_back(
	struct qg_queue *queue, const struct qg_entry *entry, qg_queue_fn fn, void *arg)
{
	fenced(queue, entry, &qg_script_give, fn, arg);
}

void qg_queue_beat(struct qg_queue *queue, const struct qg_entry *entry, qg_queue_fn fn, void *arg)
{
	fenced(queue, entry, &qg_script_beat, fn, arg);
}
