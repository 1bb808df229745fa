/* livecard_rows.c - which cards are open, kept in Redis: whoever owns the bot next finishes them, or goes on with them.
 *
 * A card is a hash "<prefix>card:<bot>:<reply>" {s: open, done or left; g: its answer goes as a message; n: the last
 * number that is reserved; f, t: the number and text of what it shows; m: what the platform calls it; d: what it ended
 * as; a: wall ms of its last change}, and while open a member of the sorted set "<prefix>cards:<bot>" by that time.
 * The row is there before the card is, and says how it ended for as long as its reply may come again. That the card is
 * given up it says before the message leaves: whoever repeats the answer writes it where it was first written. Numbers
 * are reserved in blocks before they are used, so that they rise over all owners, the killed ones too, and no two ever
 * have the same; who was told of more than a Redis that lost its last second knows says so, and brings the row back. A
 * name only grows: of two who made a card for one reply the first is the one that is sent. One script knows all
 * changes; each may be sent twice: a block more is no harm. */
#include "livecard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

#define ARGS_MOST 6
#define NUMBER_MOST 1000000000
_Static_assert(QG_LIVECARD_NUMBERS == 64 && QG_LIVECARD_ROWS_MOST == 200, "they stand below");

/* ARGV: verb, bot, reply, now, then what the verb needs. */
const struct qg_redis_script qg_livecard_script = {
	.name = "livecard",
	.source = "local p, verb, bot, id, now = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]\n"
		  "local h, z = p .. 'card:' .. bot .. ':' .. id, p .. 'cards:' .. bot\n"
		  "if verb == 'list' then\n"
		  "	return redis.call('ZRANGE', z, 0, 199, 'WITHSCORES')\n"
		  "end\n"
		  "local known = redis.call('HMGET', h, 's', 'g')\n"
		  "local s, given = known[1], known[2]\n"
		  "local function keep()\n"
		  "	redis.call('EXPIRE', h, 86400)\n"
		  "	redis.call('EXPIRE', z, 86400)\n"
		  "end\n"
		  "local function state()\n"
		  "	local more = redis.call('HMGET', h, 'n', 't', 'm')\n"
		  "	return {s == 'open' and given and 'given' or s or 'left',\n"
		  "		tonumber(more[1]) or 0, more[2] or '', more[3] or ''}\n"
		  "end\n"
		  "local before = state()\n"
		  "if (verb == 'open' or verb == 'pass') and s == 'open' then\n"
		  "	redis.call('HINCRBY', h, 'n', 64)\n"
		  "	return before\n"
		  "elseif verb == 'open' and not s then\n"
		  "	redis.call('HSET', h, 's', 'open', 'n', 64, 'a', now)\n"
		  "	redis.call('ZADD', z, now, id)\n"
		  "	keep()\n"
		  "	return {'new', 0, '', ''}\n"
		  "elseif verb == 'pass' and not s then\n"
		  "	redis.call('HSET', h, 's', 'left')\n"
		  "	keep()\n"
		  "elseif verb == 'reserve' and (s == 'open' or not s) then\n"
		  "	local n = math.max(before[2], tonumber(ARGV[5]))\n"
		  "	redis.call('HSET', h, 's', 'open', 'n', n + 64, 'a', now)\n"
		  "	redis.call('ZADD', z, now, id)\n"
		  "	keep()\n"
		  "	return {given and 'given' or 'open', n, before[3], before[4]}\n"
		  "elseif verb == 'give' and (s == 'open' or not s) then\n"
		  "	s, given = 'open', '1'\n"
		  "	redis.call('HSET', h, 's', s, 'g', given, 'a', now)\n"
		  "	redis.call('ZADD', z, now, id)\n"
		  "	keep()\n"
		  "elseif verb == 'name' and s == 'open' then\n"
		  "	if string.sub(ARGV[5], 1, #before[4]) == before[4] then\n"
		  "		redis.call('HSET', h, 'm', ARGV[5])\n"
		  "	end\n"
		  "elseif verb == 'show' and s == 'open' then\n"
		  "	local f = tonumber(redis.call('HGET', h, 'f')) or 0\n"
		  "	if tonumber(ARGV[5]) >= f then\n"
		  "		redis.call('HSET', h, 'f', ARGV[5], 't', ARGV[6], 'a', now)\n"
		  "		redis.call('ZADD', z, now, id)\n"
		  "		keep()\n"
		  "	end\n"
		  "elseif verb == 'keep' then\n"
		  "	redis.call('HSET', h, 's', s or 'left', 'd', ARGV[5], 'm', ARGV[6])\n"
		  "	keep()\n"
		  "elseif verb == 'kept' and s then\n"
		  "	redis.call('HINCRBY', h, 'n', 64)\n"
		  "	return {s, before[2], redis.call('HGET', h, 'd') or '', before[4]}\n"
		  "elseif verb == 'end' and s ~= 'done' then\n"
		  "	s = ARGV[5]\n"
		  "	redis.call('HSET', h, 's', s)\n"
		  "	redis.call('HDEL', h, 't')\n"
		  "	redis.call('ZREM', z, id)\n"
		  "	keep()\n"
		  "end\n"
		  "return state()\n",
};

struct question {
	struct qg_list link;
	struct qg_livecard_rows *rows; /* NULL: nobody wants to know any more */
	qg_livecard_row_fn fn;
	void (*each)(void *arg, const char *reply, int64_t at);
	void (*told)(void *arg, enum qg_status status);
	void *arg;
};

struct qg_livecard_rows {
	struct qg_bot *bot;
	struct qg_list questions;
};

struct qg_livecard_rows *qg_livecard_rows_create(struct qg_bot *bot)
{
	struct qg_livecard_rows *rows = calloc(1, sizeof(*rows));
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

void qg_livecard_rows_destroy(struct qg_livecard_rows *rows)
{
	if (!rows) {
		return;
	}
	QG_LIST_FOR_EACH (item, &rows->questions) {
		leave(QG_CONTAINER(item, struct question, link));
	}
	free(rows);
}

void qg_livecard_rows_forget(struct qg_livecard_rows *rows, void *arg)
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
static void ask(struct qg_livecard_rows *rows, const char *verb, const char *reply,
	const char *first, const char *second, qg_redis_fn fn, void *arg)
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
		qg_redis_script(
			bot->redis, &qg_livecard_script, fn, arg, bot->prefix, count, argv, sizes);
	}
}

static struct question *question_create(struct qg_livecard_rows *rows, void *arg)
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

static bool read_state(const struct qg_redis_reply *reply, struct qg_livecard_state *out)
{
	static const char *const words[] = {[QG_LIVECARD_NEW] = "new",
		[QG_LIVECARD_OPEN] = "open",
		[QG_LIVECARD_GIVEN] = "given",
		[QG_LIVECARD_DONE] = "done",
		[QG_LIVECARD_LEFT] = "left"};
	if (reply->type != QG_REPLY_ARRAY || reply->count != 4 ||
		reply->items[0].type != QG_REPLY_STRING || reply->items[1].type != QG_REPLY_INT ||
		reply->items[2].type != QG_REPLY_STRING ||
		reply->items[3].type != QG_REPLY_STRING) {
		return false;
	}
	int64_t number = reply->items[1].integer;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(reply->items[0].text, words[i]) == 0) {
			bool is_long = reply->items[3].size > QG_LIVECARD_NAME_MAX;
			out->row = (enum qg_livecard_row)i;
			out->number = number > 0 && number < NUMBER_MOST ? (unsigned)number : 0;
			out->text = reply->items[2].text;
			out->name = is_long ? "" : reply->items[3].text;
			return true;
		}
	}
	return false;
}

static void answered(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct question *question = arg;
	struct qg_livecard_state state = {.row = QG_LIVECARD_LEFT, .text = "", .name = ""};
	bool is_read = status == QG_OK && read_state(reply, &state);
	if (question->rows) {
		qg_list_remove(&question->link);
		question->fn(question->arg, is_read ? QG_OK : fault_of(status), &state);
	}
	free(question);
}

static void begin(struct qg_livecard_rows *rows, const char *verb, const char *reply,
	const char *first, qg_livecard_row_fn fn, void *arg)
{
	struct question *question = question_create(rows, arg);
	if (!question) {
		struct qg_livecard_state state = {.row = QG_LIVECARD_LEFT, .text = "", .name = ""};
		fn(arg, rows->bot->redis ? QG_NO_MEMORY : QG_AWAY, &state);
		return;
	}
	question->fn = fn;
	ask(rows, verb, reply, first, NULL, answered, question);
}

void qg_livecard_rows_open(
	struct qg_livecard_rows *rows, const char *reply, qg_livecard_row_fn fn, void *arg)
{
	begin(rows, "open", reply, NULL, fn, arg);
}

void qg_livecard_rows_pass(
	struct qg_livecard_rows *rows, const char *reply, qg_livecard_row_fn fn, void *arg)
{
	begin(rows, "pass", reply, NULL, fn, arg);
}

void qg_livecard_rows_reserve(struct qg_livecard_rows *rows, const char *reply, unsigned last,
	qg_livecard_row_fn fn, void *arg)
{
	char number[16];
	snprintf(number, sizeof(number), "%u", last);
	begin(rows, "reserve", reply, number, fn, arg);
}

void qg_livecard_rows_give(
	struct qg_livecard_rows *rows, const char *reply, qg_livecard_row_fn fn, void *arg)
{
	begin(rows, "give", reply, NULL, fn, arg);
}

void qg_livecard_rows_name(struct qg_livecard_rows *rows, const char *reply, const char *name,
	qg_livecard_row_fn fn, void *arg)
{
	if (fn) {
		begin(rows, "name", reply, name, fn, arg);
	} else {
		ask(rows, "name", reply, name, NULL, NULL, NULL);
	}
}

void qg_livecard_rows_end(struct qg_livecard_rows *rows, const char *reply, bool is_done,
	qg_livecard_row_fn fn, void *arg)
{
	begin(rows, "end", reply, is_done ? "done" : "left", fn, arg);
}

void qg_livecard_rows_show(
	struct qg_livecard_rows *rows, const char *reply, unsigned number, const char *text)
{
	char digits[16];
	snprintf(digits, sizeof(digits), "%u", number);
	ask(rows, "show", reply, digits, text, NULL, NULL);
}

void qg_livecard_rows_keep(
	struct qg_livecard_rows *rows, const char *reply, const char *last, const char *name)
{
	ask(rows, "keep", reply, last, name, NULL, NULL);
}

void qg_livecard_rows_kept(
	struct qg_livecard_rows *rows, const char *reply, qg_livecard_row_fn fn, void *arg)
{
	begin(rows, "kept", reply, NULL, fn, arg);
}

/* ---- all that are open ---- */

static void listed(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct question *question = arg;
	bool is_list = status == QG_OK && reply->type == QG_REPLY_ARRAY;
	for (size_t i = 0; is_list && question->rows && i + 1 < reply->count; i += 2) {
		const struct qg_redis_reply *id = &reply->items[i], *at = &reply->items[i + 1];
		int64_t when = 0;
		if (id->type == QG_REPLY_STRING && id->size == QG_LIVECARD_ID_SIZE - 1 &&
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

bool qg_livecard_rows_list(struct qg_livecard_rows *rows,
	void (*each)(void *arg, const char *reply, int64_t at),
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
