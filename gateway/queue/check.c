/* check.c - the queue as people see and mend it from the command line: its depth, and a check of everything.
 *
 * Works on the same keys as the scripts, without a connection object: one question after the other, so a verb can
 * ask while the servers run. */
#include "qg/queue_admin.h"

#include <stdio.h>
#include <string.h>

#include "qg/json.h"
#include "qg/str.h"
#include "question.h"

/* ---- depth ---- */

static int by_bot(const void *a, const void *b)
{
	return strcmp(qg_json_str(*(json_t *const *)a, "bot", ""),
		qg_json_str(*(json_t *const *)b, "bot", ""));
}

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
		int64_t stored = answer_number(from, 2);
		json_t *row = row_of(bots, answer_text(from, 0));
		if (row == NULL) {
			return false;
		}
		json_object_set_new(row, "waiting", json_integer(answer_number(from, 1)));
		json_object_set_new(row, "conversations", json_integer(answer_number(from, 3)));
		json_object_set_new(row, "running", json_integer(answer_number(from, 4)));
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
			rows_no_memory(NULL, error);
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
		partition_prefix(p, prefix);
		struct question question = question_of_admin(prefix, "bots");
		struct qg_redis_reply *rows = question_ask(admin, &question, QG_REPLY_ARRAY, error);
		bool ok = rows != NULL && count_waiting(admin, bots, rows);
		if (rows != NULL && !ok) {
			rows_no_memory(NULL, error);
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
	return list != NULL ? rows_sorted(list, by_bot, error) : rows_no_memory(NULL, error);
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
		question_add(&question, "SCAN");
		question_add(&question, cursor);
		question_add(&question, "MATCH");
		question_add(&question, pattern);
		question_add(&question, "COUNT");
		question_add(&question, "1000");
		struct qg_redis_reply *reply =
			question_ask(check->admin, &question, QG_REPLY_ARRAY, check->error);
		if (reply == NULL || reply->count != 2) {
			qg_redis_reply_free(reply);
			return false;
		}
		snprintf(cursor, sizeof(cursor), "%s", answer_text(reply, 0));
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
	question_add(&question, command);
	question_add(&question, key);
	if (strcmp(command, "SMEMBERS") != 0) {
		question_add(&question, "0");
		question_add(&question, "-1");
	}
	struct qg_redis_reply *reply =
		question_ask(check->admin, &question, QG_REPLY_ARRAY, check->error);
	for (size_t i = 0; reply != NULL && i < reply->count; i++) {
		const char *member = answer_text(reply, i);
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
	struct qg_redis_reply *wrong =
		question_ask(check->admin, question, QG_REPLY_ARRAY, check->error);
	bool ok = wrong != NULL;
	for (size_t i = 0; ok && i < wrong->count; i++) {
		ok = note(
			check, answer_text(&wrong->items[i], 0), answer_text(&wrong->items[i], 1));
	}
	qg_redis_reply_free(wrong);
	return ok;
}

static bool repair_conversations(struct check *check)
{
	struct question question = question_of_admin(check->prefix, "check");
	const char *conversation;
	json_t *value;
	question_add(&question, "1");
	int empty = question.count;
	json_object_foreach (check->seen, conversation, value) {
		question_add(&question, conversation);
		if (question.count == empty + PAGE) {
			if (!repair_page(check, &question)) {
				return false;
			}
			question.count = empty;
		}
	}
	return question.count == empty || repair_page(check, &question);
}

/* Asks the script for names with which something is wrong, repaired. */
static bool repair_by(struct check *check, const char *action, const char *problem)
{
	struct question question = question_of_admin(check->prefix, action);
	question_add(&question, "1");
	struct qg_redis_reply *names =
		question_ask(check->admin, &question, QG_REPLY_ARRAY, check->error);
	bool ok = names != NULL;
	for (size_t i = 0; ok && i < names->count; i++) {
		ok = note(check, answer_text(names, i), problem);
	}
	qg_redis_reply_free(names);
	return ok;
}

static bool check_partition(struct check *check)
{
	return scan(check, "m") && scan(check, "c") && add_members(check, "SMEMBERS", "pend") &&
	       add_members(check, "ZRANGE", "age") && add_members(check, "ZRANGE", "due") &&
	       repair_conversations(check) &&
	       repair_by(check, "recount", "its waiting messages were counted wrong") &&
	       repair_by(check, "book", "an open call that cannot be read");
}

json_t *qg_queue_admin_check(const struct qg_queue_admin *admin, char *error)
{
	struct check check = {.admin = admin, .repaired = json_array(), .error = error};
	size_t checked = 0;
	bool ok = check.repaired != NULL;
	snprintf(error, QG_QUEUE_ADMIN_ERROR, "out of memory");
	for (unsigned p = 0; ok && p < admin->partitions; p++) {
		partition_prefix(p, check.prefix);
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
