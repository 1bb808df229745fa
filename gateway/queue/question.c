/* question.c - one question to Redis after the other, for what people ask of the queue from the command line. */
#include "question.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/json.h"
#include "scripts.h"

void question_add(struct question *question, const char *word)
{
	assert(question->count < WORDS);
	question->words[question->count] = word;
	question->sizes[question->count++] = strlen(word);
}

void partition_prefix(unsigned partition, char prefix[PREFIX_SIZE])
{
	snprintf(prefix, PREFIX_SIZE, "qg:{%u}:", partition);
}

struct qg_redis_reply *question_ask(const struct qg_queue_admin *admin,
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

struct question question_of_admin(const char *prefix, const char *action)
{
	struct question question = {.count = 0};
	question_add(&question, "EVAL");
	question_add(&question, qg_script_admin.source);
	question_add(&question, "1");
	question_add(&question, prefix);
	question_add(&question, action);
	return question;
}

const char *answer_text(const struct qg_redis_reply *reply, size_t index)
{
	bool there = index < reply->count && reply->items[index].text != NULL;
	return there ? reply->items[index].text : "";
}

int64_t answer_number(const struct qg_redis_reply *reply, size_t index)
{
	if (index < reply->count && reply->items[index].type == QG_REPLY_INT) {
		return reply->items[index].integer;
	}
	return strtoll(answer_text(reply, index), NULL, 10);
}

json_t *rows_no_memory(json_t *value, char *error)
{
	json_decref(value);
	snprintf(error, QG_QUEUE_ADMIN_ERROR, "out of memory");
	return NULL;
}

json_t *rows_sorted(json_t *rows, int (*order)(const void *a, const void *b), char *error)
{
	size_t count = json_array_size(rows);
	json_t **items = calloc(count + 1, sizeof(json_t *));
	json_t *copy = json_array();
	if (items == NULL || copy == NULL) {
		free(items);
		json_decref(copy);
		return rows_no_memory(rows, error);
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
