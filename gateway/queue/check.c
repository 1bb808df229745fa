/* check.c - the queue as people see and mend it from the command line: depth, dead letters, a check of everything.
 *
 * Works on the same keys as the scripts, without a connection object: one question after the other, so a verb can
 * ask while the servers run. What is read is bounded by reading it in pages. */
#include "qg/queue_admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "qg/message.h"
#include "qg/redis.h"
#include "qg/str.h"
#include "scripts.h"

enum {
	PAGE = 100,	  /* of a SCAN, a check, a read of dead letters */
	TEXT_SHOWN = 120, /* bytes of a dead letter's text */
	PREFIX_SIZE = 24,
	KEY_SIZE = 64,
	WORDS = PAGE + 16,
};

/* One command, its words being collected. */
struct question {
	const char *words[WORDS];
	size_t sizes[WORDS];
	int count;
};

static void add_bytes(struct question *question, const char *data, size_t size)
{
	if (question->count < WORDS) {
		question->words[question->count] = data;
		question->sizes[question->count++] = size;
	}
}

static void add(struct question *question, const char *word)
{
	add_bytes(question, word, strlen(word));
}

static void prefix_of(unsigned partition, char prefix[PREFIX_SIZE])
{
	snprintf(prefix, PREFIX_SIZE, "qg:{%u}:", partition);
}

/* The answer, of this type; NULL and words in error. */
static struct qg_redis_reply *ask(const struct qg_queue_admin *admin,
	const struct question *question, enum qg_reply_type type, char *error)
{
	struct qg_redis_reply *reply =
		qg_redis_ask(admin->url, error, question->count, question->words, question->sizes);
	if (reply == NULL) {
		return NULL;
	}
	if (reply->type != type) {
		snprintf(error, QG_QUEUE_ADMIN_ERROR, "Redis: %.100s",
			reply->type == QG_REPLY_ERROR ? reply->text : "an answer of another kind");
		qg_redis_reply_free(reply);
		return NULL;
	}
	return reply;
}

/* EVAL of the admin script for a partition; the caller adds its arguments. */
static struct question admin_question(const char *prefix, const char *action)
{
	struct question question = {.count = 0};
	add(&question, "EVAL");
	add(&question, qg_script_admin.source);
	add(&question, "1");
	add(&question, prefix);
	add(&question, action);
	return question;
}

static const char *text_of(const struct qg_redis_reply *reply, size_t index)
{
	bool there = index < reply->count && reply->items[index].text != NULL;
	return there ? reply->items[index].text : "";
}

static int64_t number_of(const struct qg_redis_reply *reply, size_t index)
{
	if (index < reply->count && reply->items[index].type == QG_REPLY_INT) {
		return reply->items[index].integer;
	}
	return strtoll(text_of(reply, index), NULL, 10);
}

static json_t *no_memory(json_t *value, char *error)
{
	json_decref(value);
	snprintf(error, QG_QUEUE_ADMIN_ERROR, "out of memory");
	return NULL;
}

/* ---- dead letters ---- */

/* "<partition>-<number>"; number: 24 bytes. */
static bool read_id(
	const struct qg_queue_admin *admin, const char *id, unsigned *partition_out, char *number)
{
	const char *dash = strchr(id, '-');
	int64_t partition, value;
	QG_AUTO(qg_str_free) char *head = dash != NULL ? qg_str_copy_n(id, (size_t)(dash - id)) : NULL;
	if (head == NULL || !qg_str_to_int64(head, 0, (int64_t)admin->partitions - 1, &partition) ||
		!qg_str_to_int64(dash + 1, 1, INT64_MAX, &value)) {
		return false;
	}
	*partition_out = (unsigned)partition;
	snprintf(number, 24, "%" PRId64, value);
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
		const char *json = memchr(data, '\n', size);
		size_t head = json != NULL ? (size_t)(json - data) + 1 : size;
		struct qg_reply *reply =
			json != NULL ? qg_reply_decode(data + head, size - head, NULL) : NULL;
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
	json_t *row = json_pack("{s:s*, s:s, s:s, s:s, s:s, s:I, s:o}", "id", id, "kind", kind, "bot",
		qg_json_str(letter, "bot", ""), "place", qg_json_str(letter, "place", ""), "reason",
		qg_json_str(letter, "reason", ""), "at", (json_int_t)qg_json_int(letter, "at", 0),
		"text",
		json_is_string(data) ? text_of_letter(kind, json_string_value(data),
					       json_string_length(data))
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
	prefix_of(partition, prefix);
	snprintf(key, sizeof(key), "%sdead", prefix);
	add(&question, "HMGET");
	add(&question, key);
	for (size_t i = from; i < numbers->count && i < from + PAGE; i++) {
		add(&question, text_of(numbers, i));
	}
	struct qg_redis_reply *letters = ask(admin, &question, QG_REPLY_ARRAY, error);
	if (letters == NULL) {
		return false;
	}
	bool ok = true;
	for (size_t i = 0; i < letters->count && ok; i++) {
		if (letters->items[i].type == QG_REPLY_STRING) {
			json_t *row = letter_row(partition, text_of(numbers, from + i), &letters->items[i]);
			ok = row != NULL && json_array_append_new(rows, row) == 0;
		}
	}
	qg_redis_reply_free(letters);
	if (!ok) {
		no_memory(NULL, error);
	}
	return ok;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = qg_json_int(*(json_t *const *)a, "at", 0);
	int64_t y = qg_json_int(*(json_t *const *)b, "at", 0);
	return x < y ? -1 : x > y;
}

static int by_bot(const void *a, const void *b)
{
	return strcmp(qg_json_str(*(json_t *const *)a, "bot", ""),
		qg_json_str(*(json_t *const *)b, "bot", ""));
}

/* A sorted copy; takes rows. */
static json_t *sorted(json_t *rows, int (*order)(const void *a, const void *b), char *error)
{
	size_t count = json_array_size(rows);
	json_t **items = calloc(count + 1, sizeof(json_t *));
	json_t *copy = json_array();
	if (items == NULL || copy == NULL) {
		free(items);
		json_decref(copy);
		return no_memory(rows, error);
	}
	for (size_t i = 0; i < count; i++) {
		items[i] = json_array_get(rows, i);
	}
	qsort(items, count, sizeof(json_t *), order);
	for (size_t i = 0; i < count; i++) {
		json_array_append(copy, items[i]);
	}
	free(items);
	json_decref(rows);
	return copy;
}

json_t *qg_queue_admin_dead(const struct qg_queue_admin *admin, char *error)
{
	json_t *rows = json_array();
	bool ok = rows != NULL;
	for (unsigned p = 0; ok && p < admin->partitions; p++) {
		char prefix[PREFIX_SIZE], key[KEY_SIZE];
		struct question question = {.count = 0};
		prefix_of(p, prefix);
		snprintf(key, sizeof(key), "%sdead", prefix);
		add(&question, "HKEYS");
		add(&question, key);
		struct qg_redis_reply *numbers = ask(admin, &question, QG_REPLY_ARRAY, error);
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
	return sorted(rows, by_time, error);
}

/* retry or drop */
static enum qg_status act(
	const struct qg_queue_admin *admin, const char *action, const char *id, char *error)
{
	char prefix[PREFIX_SIZE], number[24];
	unsigned partition;
	if (!read_id(admin, id, &partition, number)) {
		snprintf(error, QG_QUEUE_ADMIN_ERROR, "'%.40s' is no dead letter's id", id);
		return QG_INVALID;
	}
	prefix_of(partition, prefix);
	struct question question = admin_question(prefix, action);
	add(&question, number);
	struct qg_redis_reply *reply = ask(admin, &question, QG_REPLY_STRING, error);
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

/* ---- depth ---- */

/* Rows by name while they are counted together; makes one. */
static json_t *row_of(json_t *bots, const char *bot)
{
	json_t *row = json_object_get(bots, bot);
	if (row == NULL) {
		row = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "bot", bot, "waiting", 0,
			"conversations", 0, "running", 0, "oldest_ms", 0, "dead", 0);
		if (row == NULL || json_object_set_new(bots, bot, row) != 0) {
			return NULL;
		}
	}
	return row;
}

/* Rows of the script: bot, messages, oldest stored time, conversations, running. */
static bool count_waiting(
	const struct qg_queue_admin *admin, json_t *bots, const struct qg_redis_reply *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct qg_redis_reply *from = &rows->items[i];
		int64_t stored = number_of(from, 2);
		json_t *row = row_of(bots, text_of(from, 0));
		if (row == NULL) {
			return false;
		}
		json_object_set_new(row, "waiting", json_integer(number_of(from, 1)));
		json_object_set_new(row, "conversations", json_integer(number_of(from, 3)));
		json_object_set_new(row, "running", json_integer(number_of(from, 4)));
		json_object_set_new(row, "oldest_ms",
			json_integer(stored < admin->now ? admin->now - stored : 0));
	}
	return true;
}

static bool count_dead(const struct qg_queue_admin *admin, json_t *bots, char *error)
{
	json_auto_t *dead = qg_queue_admin_dead(admin, error);
	size_t i;
	json_t *letter;
	json_array_foreach (dead, i, letter) {
		json_t *row = row_of(bots, qg_json_str(letter, "bot", ""));
		if (row == NULL) {
			no_memory(NULL, error);
			return false;
		}
		json_object_set_new(row, "dead", json_integer(qg_json_int(row, "dead", 0) + 1));
	}
	return dead != NULL;
}

json_t *qg_queue_admin_depth(const struct qg_queue_admin *admin, char *error)
{
	json_auto_t *bots = json_object();
	for (unsigned p = 0; p < admin->partitions; p++) {
		char prefix[PREFIX_SIZE];
		prefix_of(p, prefix);
		struct question question = admin_question(prefix, "bots");
		struct qg_redis_reply *rows = ask(admin, &question, QG_REPLY_ARRAY, error);
		bool ok = rows != NULL && count_waiting(admin, bots, rows);
		if (rows != NULL && !ok) {
			no_memory(NULL, error);
		}
		qg_redis_reply_free(rows);
		if (!ok) {
			return NULL;
		}
	}
	if (!count_dead(admin, bots, error)) {
		return NULL;
	}
	json_t *list = json_array();
	const char *name;
	json_t *row;
	json_object_foreach (bots, name, row) {
		json_array_append(list, row);
	}
	return list != NULL ? sorted(list, by_bot, error) : no_memory(NULL, error);
}

/* ---- check ---- */

struct check {
	const struct qg_queue_admin *admin;
	char prefix[PREFIX_SIZE];
	json_t *seen;	  /* conversations of this partition, as an object's names */
	json_t *repaired; /* rows */
	char *error;
};

static bool note(struct check *check, const char *place, const char *problem)
{
	json_t *row = json_pack("{s:s, s:s}", "place", place, "problem", problem);
	return row != NULL && json_array_append_new(check->repaired, row) == 0;
}

/* Adds the conversations that keys "<prefix><kind>:*" name. A key seen twice is added once. */
static bool scan(struct check *check, const char *kind)
{
	char pattern[KEY_SIZE], cursor[24] = "0";
	size_t head = strlen(check->prefix) + strlen(kind) + 1;
	snprintf(pattern, sizeof(pattern), "%s%s:*", check->prefix, kind);
	do {
		struct question question = {.count = 0};
		add(&question, "SCAN");
		add(&question, cursor);
		add(&question, "MATCH");
		add(&question, pattern);
		add(&question, "COUNT");
		add(&question, "1000");
		struct qg_redis_reply *reply =
			ask(check->admin, &question, QG_REPLY_ARRAY, check->error);
		if (reply == NULL || reply->count != 2) {
			qg_redis_reply_free(reply);
			return false;
		}
		snprintf(cursor, sizeof(cursor), "%s", text_of(reply, 0));
		for (size_t i = 0; i < reply->items[1].count; i++) {
			const struct qg_redis_reply *key = &reply->items[1].items[i];
			if (key->size > head && strchr(key->text + head, '/') > key->text + head) {
				json_object_set_new(check->seen, key->text + head, json_true());
			}
		}
		qg_redis_reply_free(reply);
	} while (strcmp(cursor, "0") != 0);
	return true;
}

/* Members of a set, sorted set or list that name conversations. */
static bool add_members(struct check *check, const char *command, const char *name)
{
	char key[KEY_SIZE];
	struct question question = {.count = 0};
	snprintf(key, sizeof(key), "%s%s", check->prefix, name);
	add(&question, command);
	add(&question, key);
	if (strcmp(command, "SMEMBERS") != 0) {
		add(&question, "0");
		add(&question, "-1");
	}
	struct qg_redis_reply *reply = ask(check->admin, &question, QG_REPLY_ARRAY, check->error);
	for (size_t i = 0; reply != NULL && i < reply->count; i++) {
		const char *member = text_of(reply, i);
		member += qg_str_starts_with(member, "c:") && strcmp(name, "due") == 0 ? 2 : 0;
		if (strchr(member, '/') > member && !qg_str_starts_with(member, "i:")) {
			json_object_set_new(check->seen, member, json_true());
		}
	}
	bool ok = reply != NULL;
	qg_redis_reply_free(reply);
	return ok;
}

static bool repair_page(struct check *check, const struct question *question)
{
	struct qg_redis_reply *wrong = ask(check->admin, question, QG_REPLY_ARRAY, check->error);
	bool ok = wrong != NULL;
	for (size_t i = 0; ok && i < wrong->count; i++) {
		ok = note(check, text_of(&wrong->items[i], 0), text_of(&wrong->items[i], 1));
	}
	qg_redis_reply_free(wrong);
	return ok;
}

static bool repair_conversations(struct check *check)
{
	struct question question = admin_question(check->prefix, "check");
	const char *conversation;
	json_t *value;
	add(&question, "1");
	int empty = question.count;
	json_object_foreach (check->seen, conversation, value) {
		add(&question, conversation);
		if (question.count == empty + PAGE) {
			if (!repair_page(check, &question)) {
				return false;
			}
			question.count = empty;
		}
	}
	return question.count == empty || repair_page(check, &question);
}

static bool recount(struct check *check)
{
	struct question question = admin_question(check->prefix, "recount");
	add(&question, "1");
	struct qg_redis_reply *bots = ask(check->admin, &question, QG_REPLY_ARRAY, check->error);
	bool ok = bots != NULL;
	for (size_t i = 0; ok && i < bots->count; i++) {
		ok = note(check, text_of(bots, i), "its waiting messages were counted wrong");
	}
	qg_redis_reply_free(bots);
	return ok;
}

static bool check_partition(struct check *check)
{
	return scan(check, "m") && scan(check, "c") && add_members(check, "SMEMBERS", "pend") &&
	       add_members(check, "ZRANGE", "age") && add_members(check, "ZRANGE", "due") &&
	       repair_conversations(check) && recount(check);
}

json_t *qg_queue_admin_check(const struct qg_queue_admin *admin, char *error)
{
	struct check check = {.admin = admin, .repaired = json_array(), .error = error};
	size_t checked = 0;
	bool ok = check.repaired != NULL;
	snprintf(error, QG_QUEUE_ADMIN_ERROR, "out of memory");
	for (unsigned p = 0; ok && p < admin->partitions; p++) {
		prefix_of(p, check.prefix);
		check.seen = json_object();
		ok = check.seen != NULL && check_partition(&check);
		checked += json_object_size(check.seen);
		json_decref(check.seen);
	}
	if (!ok) {
		json_decref(check.repaired);
		return NULL;
	}
	return json_pack("{s:I, s:o}", "checked", (json_int_t)checked, "repaired", check.repaired);
}
