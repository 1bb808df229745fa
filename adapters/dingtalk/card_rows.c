/* card_rows.c - which cards are open, kept in Redis: whoever owns the bot next finishes them, or goes on with them.
 *
 * A card is a hash "<prefix>dc:<bot>:<reply>" {s: open, done or left; m: it was made; n: its last frame; t: what it
 * shows; a: wall ms of its last change}, and while open a member of the sorted set "<prefix>do:<bot>" by that time. The
 * row is there before the card is, and says how it ended for as long as its reply may come again. One script knows all
 * changes; each may be sent twice. */
#include "out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

#define ARGS_MOST 8

/* ARGV: verb, bot, reply, now, then what the verb needs. */
const struct qg_redis_script qg_dingtalk_card_script = {
	.name = "dingtalk_card",
	.source =
		"local p, verb, bot, id, now = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]\n"
		"local h, z = p .. 'dc:' .. bot .. ':' .. id, p .. 'do:' .. bot\n"
		"if verb == 'list' then\n"
		"	return redis.call('ZRANGE', z, 0, 199, 'WITHSCORES')\n"
		"end\n"
		"local s = redis.call('HGET', h, 's')\n"
		"local function keep()\n"
		"	redis.call('EXPIRE', h, 86400)\n"
		"	redis.call('EXPIRE', z, 86400)\n"
		"end\n"
		"if verb == 'open' and not s then\n"
		"	redis.call('HSET', h, 's', 'open', 'n', '0', 'a', now)\n"
		"	redis.call('ZADD', z, now, id)\n"
		"	keep()\n"
		"	return {'new', 0, '', 0}\n"
		"elseif verb == 'made' and s == 'open' then\n"
		"	redis.call('HSET', h, 'm', '1')\n"
		"elseif verb == 'show' and s == 'open' then\n"
		"	local n = tonumber(redis.call('HGET', h, 'n')) or 0\n"
		"	if tonumber(ARGV[5]) > n then\n"
		"		redis.call('HSET', h, 'n', ARGV[5], 't', ARGV[6], 'a', now)\n"
		"		redis.call('ZADD', z, now, id)\n"
		"		keep()\n"
		"	end\n"
		"elseif verb == 'end' and s ~= 'done' then\n"
		"	s = ARGV[5]\n"
		"	redis.call('HSET', h, 's', s)\n"
		"	redis.call('HDEL', h, 't')\n"
		"	redis.call('ZREM', z, id)\n"
		"	keep()\n"
		"end\n"
		"local more = redis.call('HMGET', h, 'n', 't', 'm')\n"
		"return {s or 'none', tonumber(more[1]) or 0, more[2] or '', tonumber(more[3]) or "
		"0}\n",
};

struct question {
	struct qg_list link;
	struct dingtalk_rows *rows; /* NULL: nobody wants to know any more */
	dingtalk_row_fn fn;
	dingtalk_rows_fn each;
	void (*told)(void *arg, enum qg_status status);
	void *arg;
};

struct dingtalk_rows {
	struct qg_bot *bot;
	struct qg_list questions;
};

struct dingtalk_rows *dingtalk_rows_create(struct qg_bot *bot)
{
	struct dingtalk_rows *rows = calloc(1, sizeof(*rows));
	if (rows) {
		rows->bot = bot;
		qg_list_init(&rows->questions);
	}
	return rows;
}

static void leave(struct question *question)
{
	question->rows = NULL;
	qg_list_remove(&question->link);
}

void dingtalk_rows_destroy(struct dingtalk_rows *rows)
{
	if (!rows) {
		return;
	}
	QG_LIST_FOR_EACH (item, &rows->questions) {
		leave(QG_CONTAINER(item, struct question, link));
	}
	free(rows);
}

void dingtalk_rows_forget(struct dingtalk_rows *rows, void *arg)
{
	QG_LIST_FOR_EACH (item, &rows->questions) {
		struct question *question = QG_CONTAINER(item, struct question, link);
		if (question->arg == arg) {
			leave(question);
		}
	}
}

/* ---- asking ---- */

/* Two more words at most, NULL where there are none. */
static void ask(struct dingtalk_rows *rows, const char *verb, const char *reply, const char *first,
	const char *second, qg_redis_fn fn, void *arg)
{
	const struct qg_bot *bot = rows->bot;
	char now[QG_INT64_SIZE];
	qg_str_from_int64(qg_clock_wall(), now);
	const char *argv[ARGS_MOST] = {verb, bot->name, reply, now, first, second};
	size_t sizes[ARGS_MOST];
	int count = second ? 6 : first ? 5 : 4;
	for (int i = 0; i < count; i++) {
		sizes[i] = strlen(argv[i]);
	}
	if (bot->redis) {
		qg_redis_script(bot->redis, &qg_dingtalk_card_script, fn, arg, bot->prefix, count,
			argv, sizes);
	}
}

static struct question *question_create(struct dingtalk_rows *rows, void *arg)
{
	struct question *question = rows->bot->redis ? calloc(1, sizeof(*question)) : NULL;
	if (question) {
		question->rows = rows;
		question->arg = arg;
		qg_list_add(&rows->questions, &question->link);
	}
	return question;
}

static enum qg_status fault_of(enum qg_status status)
{
	/* Redis is out of memory or disk: room may come back. */
	return status == QG_FULL ? QG_BUSY : status == QG_OK ? QG_FAILED : status;
}

static bool read_state(const struct qg_redis_reply *reply, struct dingtalk_row_state *out)
{
	static const struct {
		const char *word;
		enum dingtalk_row row;
	} words[] = {{"new", DINGTALK_ROW_NEW}, {"open", DINGTALK_ROW_OPEN},
		{"done", DINGTALK_ROW_DONE}, {"left", DINGTALK_ROW_LEFT},
		{"none", DINGTALK_ROW_LEFT}};
	if (reply->type != QG_REPLY_ARRAY || reply->count != 4 ||
		reply->items[0].type != QG_REPLY_STRING || reply->items[1].type != QG_REPLY_INT ||
		reply->items[2].type != QG_REPLY_STRING || reply->items[3].type != QG_REPLY_INT) {
		return false;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(reply->items[0].text, words[i].word) == 0) {
			int64_t frame = reply->items[1].integer;
			out->row = words[i].row;
			out->frame = frame > 0 && frame < 1000000 ? (unsigned)frame : 0;
			out->text = reply->items[2].text;
			out->made = reply->items[3].integer != 0;
			return true;
		}
	}
	return false;
}

static void answered(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct question *question = arg;
	struct dingtalk_row_state state = {.row = DINGTALK_ROW_LEFT, .text = ""};
	bool is_read = status == QG_OK && read_state(reply, &state);
	if (question->rows) {
		qg_list_remove(&question->link);
		question->fn(question->arg, is_read ? QG_OK : fault_of(status), &state);
	}
	free(question);
}

static void begin(struct dingtalk_rows *rows, const char *verb, const char *reply,
	const char *first, dingtalk_row_fn fn, void *arg)
{
	struct question *question = question_create(rows, arg);
	if (!question) {
		struct dingtalk_row_state state = {.row = DINGTALK_ROW_LEFT, .text = ""};
		fn(arg, rows->bot->redis ? QG_NO_MEMORY : QG_AWAY, &state);
		return;
	}
	question->fn = fn;
	ask(rows, verb, reply, first, NULL, answered, question);
}

void dingtalk_rows_open(
	struct dingtalk_rows *rows, const char *reply, dingtalk_row_fn fn, void *arg)
{
	begin(rows, "open", reply, NULL, fn, arg);
}

void dingtalk_rows_end(
	struct dingtalk_rows *rows, const char *reply, bool is_done, dingtalk_row_fn fn, void *arg)
{
	begin(rows, "end", reply, is_done ? "done" : "left", fn, arg);
}

void dingtalk_rows_made(struct dingtalk_rows *rows, const char *reply)
{
	ask(rows, "made", reply, NULL, NULL, NULL, NULL);
}

void dingtalk_rows_show(
	struct dingtalk_rows *rows, const char *reply, unsigned frame, const char *text)
{
	char number[16];
	snprintf(number, sizeof(number), "%u", frame);
	ask(rows, "show", reply, number, text, NULL, NULL);
}

/* ---- all that are open ---- */

static void listed(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct question *question = arg;
	bool is_list = status == QG_OK && reply->type == QG_REPLY_ARRAY;
	for (size_t i = 0; is_list && question->rows && i + 1 < reply->count; i += 2) {
		const struct qg_redis_reply *id = &reply->items[i], *at = &reply->items[i + 1];
		int64_t when = 0;
		if (id->type == QG_REPLY_STRING && id->size == DINGTALK_TRACK_SIZE - 1 &&
			at->type == QG_REPLY_STRING &&
			qg_str_to_int64(at->text, 0, INT64_MAX, &when)) {
			question->each(question->arg, id->text, when);
		}
	}
	if (question->rows) {
		qg_list_remove(&question->link);
		question->told(question->arg, is_list ? QG_OK : fault_of(status));
	}
	free(question);
}

bool dingtalk_rows_list(struct dingtalk_rows *rows, dingtalk_rows_fn each,
	void (*told)(void *arg, enum qg_status status), void *arg)
{
	struct question *question = question_create(rows, arg);
	if (!question) {
		return false;
	}
	question->each = each;
	question->told = told;
	ask(rows, "list", "", NULL, NULL, listed, question);
	return true;
}
