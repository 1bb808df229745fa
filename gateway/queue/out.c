/* out.c - the out lists as their owner sees them: one head a chat, started, landed, put off or buried. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

enum { ID_SIZE = 32 };

static void begin(struct call *call, const char *action, const char *bot, uint64_t fence)
{
	call_init(call);
	call_str(call, action);
	call_str(call, bot);
	call_int(call, (int64_t)fence);
}

static void go(
	struct call *call, struct qg_queue *queue, const char *bot, qg_queue_fn fn, void *arg)
{
	unsigned partition = qg_queue_partition(queue, bot);
	call_go(call, queue, partition, &qg_script_out, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

static void adopted(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	status = reply_status(status, reply);
	((qg_fence_fn)flight.fn)(
		flight.arg, status, status == QG_OK ? (uint64_t)reply_int(reply, 1) : 0);
}

void qg_out_adopt(struct qg_queue *queue, const char *bot, const char *link, uint64_t epoch,
	qg_fence_fn fn, void *arg)
{
	unsigned partition = qg_queue_partition(queue, bot);
	struct call call;
	begin(&call, "adopt", bot, epoch);
	call_str(&call, link);
	call_go(&call, queue, partition, &qg_script_out, adopted,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

void qg_head_finish(struct qg_head *head)
{
	free(head->chat);
	qg_reply_destroy(head->reply);
	json_decref(head->parts);
	*head = (struct qg_head){0};
}

/* Row: chat, "<id>\n<json>", part, started, attempts, parts, form. */
static enum qg_status read_head(struct qg_head *head, const struct qg_redis_reply *row)
{
	const struct qg_redis_reply *text = row->count > 1 ? &row->items[1] : NULL;
	if (text == NULL || text->size < ID_SIZE) {
		return QG_INVALID;
	}
	head->chat = qg_str_copy(reply_text(row, 0));
	if (head->chat == NULL) {
		return QG_NO_MEMORY;
	}
	memcpy(head->id, text->text, ID_SIZE);
	head->part = (unsigned)reply_int(row, 2);
	char error[128];
	head->reply = qg_reply_decode(text->text, text->size, error);
	if (head->reply == NULL) {
		qg_log_error(NULL, "a stored reply cannot be read: %s", error);
		return QG_OK; /* the sender buries it */
	}
	head->reply->part = head->part;
	head->started = reply_int(row, 3) != 0;
	head->reply->attempts = (unsigned)reply_int(row, 4);
	int64_t form = reply_int(row, 6);
	head->reply->form =
		form == QG_FORM_APART || form == QG_FORM_PLAIN ? (enum qg_form)form : QG_FORM_RICH;
	const char *parts = reply_text(row, 5);
	head->parts = parts[0] != '\0' ? qg_json_parse(parts, strlen(parts), NULL) : NULL;
	return QG_OK;
}

static void heads_read(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	qg_heads_fn fn = (qg_heads_fn)flight.fn;
	status = reply_status(status, reply);
	size_t most = status == QG_OK && reply->count > 2 ? reply->count - 2 : 0;
	struct qg_head *heads = most > 0 ? calloc(most, sizeof(*heads)) : NULL;
	size_t count = 0;
	for (size_t i = 0; heads != NULL && i < most; i++) {
		if (read_head(&heads[count], &reply->items[i + 2]) == QG_OK) {
			count++;
		} else {
			qg_head_finish(&heads[count]);
		}
	}
	fn(flight.arg, status, heads, count, status == QG_OK ? reply_int(reply, 1) : 0);
	for (size_t i = 0; i < count; i++) {
		qg_head_finish(&heads[i]);
	}
	free(heads);
}

void qg_out_heads(struct qg_queue *queue, const char *bot, uint64_t fence, int64_t now,
	unsigned most, const char *const *under_way, size_t under_way_count, qg_heads_fn fn,
	void *arg)
{
	struct call call;
	begin(&call, "heads", bot, fence);
	call_int(&call, now);
	call_int(&call, most);
	for (size_t i = 0; i < under_way_count; i++) {
		call_str(&call, under_way[i]);
	}
	unsigned partition = qg_queue_partition(queue, bot);
	call_go(&call, queue, partition, &qg_script_out, heads_read,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

static void begin_part(struct call *call, const char *action, const struct qg_part *part)
{
	begin(call, action, part->bot, part->fence);
	call_str(call, part->chat);
	call_str(call, part->reply);
	call_int(call, part->number);
}

void qg_out_start(struct qg_queue *queue, const struct qg_part *part, const char *parts,
	qg_queue_fn fn, void *arg)
{
	struct call call;
	begin_part(&call, "start", part);
	call_str(&call, parts);
	go(&call, queue, part->bot, fn, arg);
}

void qg_out_land(
	struct qg_queue *queue, const struct qg_part *part, bool last, qg_queue_fn fn, void *arg)
{
	struct call call;
	begin_part(&call, "land", part);
	call_str(&call, last ? "1" : "0");
	go(&call, queue, part->bot, fn, arg);
}

void qg_out_wait(struct qg_queue *queue, const struct qg_part *part, int64_t until,
	unsigned attempts, bool started, enum qg_form form, qg_queue_fn fn, void *arg)
{
	struct call call;
	begin_part(&call, "wait", part);
	call_int(&call, until);
	call_int(&call, attempts);
	call_str(&call, started ? "1" : "0");
	call_int(&call, form);
	go(&call, queue, part->bot, fn, arg);
}

void qg_out_dead(struct qg_queue *queue, const struct qg_part *part, const char *reason,
	int64_t now, qg_queue_fn fn, void *arg)
{
	struct call call;
	begin_part(&call, "dead", part);
	call_str(&call, reason);
	call_int(&call, now);
	go(&call, queue, part->bot, fn, arg);
}

void qg_out_post(struct qg_queue *queue, const char *bot, struct qg_reply *const *replies,
	size_t count, unsigned keep_s, qg_queue_fn fn, void *arg)
{
	unsigned partition = qg_queue_partition(queue, bot);
	struct call call;
	call_init(&call);
	call_str(&call, bot);
	call_int(&call, keep_s);
	char **texts = call_replies(&call, replies, count);
	call_go(&call, queue, partition, &qg_script_post, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, partition));
	call_replies_free(texts, count);
}
