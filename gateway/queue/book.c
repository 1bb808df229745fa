/* book.c - what was booked: sums of days for who asks, rows for who moves them into files, notices of limits. */
#include "booking.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/str.h"

/* ---- figures ---- */

/* "calls input cached output saved CNY USD" */
static bool read_figure(const char *text, struct qg_figure *figure)
{
	return sscanf(text,
		       "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
		       " %" SCNd64,
		       &figure->calls, &figure->input, &figure->cached_input, &figure->output,
		       &figure->saved, &figure->cost[QG_CNY], &figure->cost[QG_USD]) == 7;
}

static void counted(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	struct qg_figures figures = {0};
	status = reply_status(status, reply);
	if (status == QG_OK && !(read_figure(reply_text(reply, 1), &figures.user_day) &&
				       read_figure(reply_text(reply, 2), &figures.user_month) &&
				       read_figure(reply_text(reply, 3), &figures.chat_day) &&
				       read_figure(reply_text(reply, 4), &figures.chat_month) &&
				       read_figure(reply_text(reply, 5), &figures.bot_month))) {
		status = QG_FAILED;
	}
	((qg_figures_fn)flight.fn)(flight.arg, status, &figures);
}

/* The script counts up to the day of the month. */
static bool is_day(const char *day)
{
	int64_t number;
	return strlen(day) == 8 && qg_str_to_int64(day + 6, 1, 31, &number);
}

void qg_ledger_figures(struct qg_queue *queue, const char *bot, const char *chat, const char *user,
	const char *day, qg_figures_fn fn, void *arg)
{
	unsigned partition = qg_queue_partition(queue, bot);
	struct call call;
	call_init(&call);
	call.failed = !is_day(day);
	call_str(&call, "figures");
	call_str(&call, bot);
	call_str(&call, day);
	call_str(&call, chat);
	call_str(&call, user);
	call_go(&call, queue, partition, &qg_script_ledger, counted,
		flight_new(queue, (void (*)(void))fn, arg, partition));
}

/* ---- notices of a limit ---- */

static void send_tell(struct qg_queue *queue, unsigned partition, const char *bot, const char *key,
	struct qg_reply *const *notices, size_t count, qg_redis_fn fn, void *arg)
{
	struct call call;
	call_init(&call);
	call_str(&call, "tell");
	call_str(&call, bot);
	call_str(&call, key);
	char **texts = call_replies(&call, notices, count);
	call_go(&call, queue, partition, &qg_script_ledger, fn, arg);
	call_replies_free(texts, count);
}

/* The partition of the customer whose counter it is: "$:customer_month:<id>:<period>:<currency>". */
static bool find_customer(const struct qg_queue *queue, const char *key, unsigned *partition_out)
{
	char id[COUNTER_SIZE];
	const char *name = strchr(key, ':') != NULL ? strchr(key, ':') + 1 : "";
	const char *from = strchr(name, ':');
	if (!qg_str_starts_with(key, "$:") || from == NULL) {
		return false;
	}
	snprintf(id, sizeof(id), "%s", from + 1);
	for (int i = 0; i < 2; i++) {
		char *colon = strrchr(id, ':');
		if (colon == NULL) {
			return false;
		}
		*colon = '\0';
	}
	*partition_out = qg_queue_partition(queue, id);
	return true;
}

/* A customer's bots are told by whoever comes first: its own partition keeps that they were. */
struct telling {
	struct flight flight;
	char key[COUNTER_SIZE];
};

static void told(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct telling *telling = arg;
	struct flight *flight = &telling->flight;
	status = reply_status(status, reply);
	if (status == QG_OK && telling->key[0] != '\0') {
		char key[COUNTER_SIZE];
		memcpy(key, telling->key, sizeof(key));
		telling->key[0] = '\0';
		send_tell(flight->queue, flight->partition, "", key, NULL, 0, told, telling);
		return;
	}
	if (flight->fn != NULL) {
		((qg_queue_fn)flight->fn)(flight->arg, status);
	}
	free(telling);
}

void qg_ledger_tell(struct qg_queue *queue, const char *bot, const char *key,
	struct qg_reply *const *notices, size_t count, qg_queue_fn fn, void *arg)
{
	unsigned own = qg_queue_partition(queue, bot), customer = own;
	if (!find_customer(queue, key, &customer) || customer == own) {
		send_tell(queue, own, bot, key, notices, count, reply_simple,
			flight_new(queue, (void (*)(void))fn, arg, own));
		return;
	}
	struct telling *telling = certain(calloc(1, sizeof(*telling)));
	telling->flight = (struct flight){queue, (void (*)(void))fn, arg, customer};
	snprintf(telling->key, sizeof(telling->key), "%s", key);
	send_tell(queue, own, bot, key, notices, count, told, telling);
}

/* ---- rows on their way into files ---- */

/* Rows: id, [field, text]. */
static void rows_read(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	size_t most = status == QG_OK ? reply->count : 0, count = 0;
	struct qg_ledger_entry *entries = most > 0 ? calloc(most, sizeof(*entries)) : NULL;
	if (most > 0 && entries == NULL) {
		status = QG_NO_MEMORY;
	}
	for (size_t i = 0; entries != NULL && i < most; i++) {
		const struct qg_redis_reply *row = &reply->items[i];
		const struct qg_redis_reply *fields = row->count > 1 ? &row->items[1] : NULL;
		bool is_row = fields != NULL && fields->count > 1 && fields->items[1].text != NULL;
		/* one without a text is handed on too, so that it can be dropped */
		entries[count++] = (struct qg_ledger_entry){reply_text(row, 0),
			is_row ? fields->items[1].text : "", is_row ? fields->items[1].size : 0};
	}
	((qg_ledger_fn)flight.fn)(flight.arg, status == QG_FULL ? QG_BUSY : status, entries, count);
	free(entries);
}

void qg_ledger_read(
	struct qg_queue *queue, unsigned partition, unsigned most, qg_ledger_fn fn, void *arg)
{
	qg_redis_run(queue->redis, rows_read, flight_new(queue, (void (*)(void))fn, arg, partition),
		"XRANGE %sledger - + COUNT %u", queue->prefixes[partition], most);
}

static void dropped(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct flight flight = *(struct flight *)arg;
	free(arg);
	if (flight.fn != NULL) {
		((qg_queue_fn)flight.fn)(flight.arg, status);
	}
}

void qg_ledger_drop(struct qg_queue *queue, unsigned partition, const char *const *ids,
	size_t count, qg_queue_fn fn, void *arg)
{
	const char **words = certain(calloc(count + 2, sizeof(*words)));
	char *key = certain(qg_str_printf("%sledger", queue->prefixes[partition]));
	words[0] = "XDEL"; /* which runs also while Redis is full */
	words[1] = key;
	for (size_t i = 0; i < count; i++) {
		words[2 + i] = ids[i];
	}
	qg_redis_command(queue->redis, dropped,
		flight_new(queue, (void (*)(void))fn, arg, partition), (int)count + 2, words, NULL);
	free(key);
	free(words);
}
