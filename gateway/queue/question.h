/* question.h - shared by the files that ask Redis for people: a question, its answer, rows of answers. */
#ifndef QG_QUEUE_QUESTION_H
#define QG_QUEUE_QUESTION_H

#include "qg/queue_admin.h"
#include "qg/redis.h"

enum {
	PAGE = 100, /* of a check, of a read of dead letters */
	PREFIX_SIZE = 24,
	KEY_SIZE = 64,
	WORDS = PAGE + 16,
};

/* One command, its words being collected; they must live until it is asked. */
struct question {
	const char *words[WORDS];
	size_t sizes[WORDS];
	int count;
};

void partition_prefix(unsigned partition, char prefix[PREFIX_SIZE]);
void question_add(struct question *question, const char *word);
/* EVAL of the admin script for a partition; the caller adds its arguments. */
struct question question_of_admin(const char *prefix, const char *action);
/* The answer, of this type; NULL and words in error. */
struct qg_redis_reply *question_ask(const struct qg_queue_admin *admin,
	const struct question *question, enum qg_reply_type type, char *error);
/* Items of an array, "" and 0 where there are none. */
const char *answer_text(const struct qg_redis_reply *reply, size_t index);
int64_t answer_number(const struct qg_redis_reply *reply, size_t index);
/* Frees value and says so; NULL. */
json_t *rows_no_memory(json_t *value, char *error);
/* A sorted copy; takes rows. order gets pointers to two json_t pointers. */
json_t *rows_sorted(json_t *rows, int (*order)(const void *a, const void *b), char *error);

#endif
