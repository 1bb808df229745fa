/* deadletter.c - what will not be tried again: shown to people, put back, or forgotten. */
#include "qg/queue_admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/message.h"
#include "qg/str.h"
#include "question.h"

enum {
	TEXT_SHOWN = 120, /* bytes of a dead letter that are shown */
	NUMBER_SIZE = 24,
};

/* "<partition>-<number>"; number: NUMBER_SIZE bytes. */
static bool read_id(
	const struct qg_queue_admin *admin, const char *id, unsigned *partition_out, char *number)
{
	const char *dash = strchr(id, '-');
	int64_t partition, value;
	QG_AUTO(qg_str_free)
	char *head = dash != NULL ? qg_str_copy_n(id, (size_t)(dash - id)) : NULL;
	if (head == NULL || !qg_str_to_int64(head, 0, (int64_t)admin->partitions - 1, &partition) ||
		!qg_str_to_int64(dash + 1, 1, INT64_MAX, &value)) {
		return false;
	}
	*partition_out = (unsigned)partition;
	snprintf(number, NUMBER_SIZE, "%" PRId64, value);
	return true;
}

/* The beginning of what a letter says; "" where it cannot be read. */
static json_t *text_of_letter(const char *kind, const char *data, size_t size)
{
	char *text = NULL;
	if (strcmp(kind, "message") == 0) {
		int64_t stored_at;
		struct qg_message *message = qg_message_decode(data, size, &stored_at, NULL);
		text = message != NULL ? qg_str_copy(message->text) : NULL;
		qg_message_destroy(message);
	} else {
		struct qg_reply *reply = qg_reply_decode(data, size, NULL);
		text = reply != NULL ? qg_str_copy(reply->text) : NULL;
		qg_reply_destroy(reply);
	}
	size_t length = text != NULL ? strlen(text) : 0;
	json_t *shown =
		json_stringn(text != NULL ? text : "", qg_utf8_cut(text, length, TEXT_SHOWN));
	free(text);
	return shown;
}

/* A letter as the scripts keep it, as a row; a damaged one is shown as such, so that it can be dropped. */
static json_t *letter_row(unsigned partition, const char *number, const struct qg_redis_reply *item)
{
	QG_AUTO(qg_str_free) char *id = qg_str_printf("%u-%s", partition, number);
	json_t *letter = qg_json_parse(item->text, item->size, NULL);
	const char *kind = qg_json_str(letter, "kind", "damaged");
	const json_t *data = json_object_get(letter, "data");
	json_t *row = json_pack("{s:s*, s:s, s:s, s:s, s:s, s:I, s:o}", "id", id, "kind", kind,
		"bot", qg_json_str(letter, "bot", ""), "place", qg_json_str(letter, "place", ""),
		"reason", qg_json_str(letter, "reason", ""), "at",
		(json_int_t)qg_json_int(letter, "at", 0), "text",
		json_is_string(data)
			? text_of_letter(kind, json_string_value(data), json_string_length(data))
			: json_string(""));
	json_decref(letter);
	return row;
}

/* The letters of these numbers; one that went meanwhile is passed over. */
static bool read_letters(const struct qg_queue_admin *admin, unsigned partition,
	const struct qg_redis_reply *numbers, size_t from, json_t *rows, char *error)
{
	char prefix[PREFIX_SIZE], key[KEY_SIZE];
	struct question question = {.count = 0};
	partition_prefix(partition, prefix);
	snprintf(key, sizeof(key), "%sdead", prefix);
	question_add(&question, "HMGET");
	question_add(&question, key);
	for (size_t i = from; i < numbers->count && i < from + PAGE; i++) {
		question_add(&question, answer_text(numbers, i));
	}
	struct qg_redis_reply *letters = question_ask(admin, &question, QG_REPLY_ARRAY, error);
	if (letters == NULL) {
		return false;
	}
	bool ok = true;
	for (size_t i = 0; i < letters->count && ok; i++) {
		if (letters->items[i].type == QG_REPLY_STRING) {
			json_t *row = letter_row(
				partition, answer_text(numbers, from + i), &letters->items[i]);
			ok = row != NULL && json_array_append_new(rows, row) == 0;
		}
	}
	qg_redis_reply_free(letters);
	if (!ok) {
		rows_no_memory(NULL, error);
	}
	return ok;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = qg_json_int(*(json_t *const *)a, "at", 0);
	int64_t y = qg_json_int(*(json_t *const *)b, "at", 0);
	return x < y ? -1 : x > y;
}

json_t *qg_queue_admin_dead(const struct qg_queue_admin *admin, char *error)
{
	json_t *rows = json_array();
	bool ok = rows != NULL;
	for (unsigned p = 0; ok && p < admin->partitions; p++) {
		char prefix[PREFIX_SIZE], key[KEY_SIZE];
		struct question question = {.count = 0};
		partition_prefix(p, prefix);
		snprintf(key, sizeof(key), "%sdead", prefix);
		question_add(&question, "HKEYS");
		question_add(&question, key);
		struct qg_redis_reply *numbers =
			question_ask(admin, &question, QG_REPLY_ARRAY, error);
		ok = numbers != NULL;
		for (size_t from = 0; ok && from < numbers->count; from += PAGE) {
			ok = read_letters(admin, p, numbers, from, rows, error);
		}
		qg_redis_reply_free(numbers);
	}
	if (!ok) {
		json_decref(rows);
		return NULL;
	}
	return rows_sorted(rows, by_time, error);
}

/* retry or drop */
static enum qg_status act(
	const struct qg_queue_admin *admin, const char *action, const char *id, char *error)
{
	char prefix[PREFIX_SIZE], number[NUMBER_SIZE];
	unsigned partition;
	if (!read_id(admin, id, &partition, number)) {
		snprintf(error, QG_QUEUE_ADMIN_ERROR, "'%.40s' is no dead letter's id", id);
		return QG_INVALID;
	}
	partition_prefix(partition, prefix);
	struct question question = question_of_admin(prefix, action);
	question_add(&question, number);
	struct qg_redis_reply *reply = question_ask(admin, &question, QG_REPLY_STRING, error);
	if (reply == NULL) {
		return QG_FAILED;
	}
	enum qg_status status = strcmp(reply->text, "ok") == 0 ? QG_OK : QG_NOT_FOUND;
	qg_redis_reply_free(reply);
	if (status != QG_OK) {
		snprintf(error, QG_QUEUE_ADMIN_ERROR, "there is no dead letter '%.40s'", id);
	}
	return status;
}

enum qg_status qg_queue_admin_retry(const struct qg_queue_admin *admin, const char *id, char *error)
{
	return act(admin, "retry", id, error);
}

enum qg_status qg_queue_admin_drop(const struct qg_queue_admin *admin, const char *id, char *error)
{
	return act(admin, "drop", id, error);
}
