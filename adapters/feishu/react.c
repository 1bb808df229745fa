/* react.c - a reaction on what is being worked at, for Feishu has no typing indicator.
 *
 * The process that hears a message puts it there, the one that owns the bot takes it away, and either may die. So a row in
 * Redis stands between them: "<prefix>fr:<bot>:<message>" {b: begun, e: its end was said, r: the reaction's id}. Whoever
 * comes second sees what the other did: an end finds the id, an id that comes after the end is taken away by who brought
 * it. What is on is also a member "<message> <reaction>" of the sorted set "<prefix>fo:<bot>" until the platform confirmed
 * that it is gone: the next owner looks there for what a crash left. One script knows all changes; each may be sent
 * twice. */
#include "feishu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/log.h"
#include "qg/redis.h"
#include "qg/str.h"

#define FLYING_MOST 512 /* at a time; what comes beyond it has no reaction */
#define USED_MOST 80	/* per cent of the month's calls: then there are none */
#define TRIES_MOST 4	/* to take one away */
#define AGAIN_MS 1000	/* between two, and ever longer */
#define PATH_MOST 1024

/* ARGV: verb, bot, now in seconds, message, reaction. Rows live two days, ended ones ten minutes: for what is under way. */
const struct qg_redis_script qg_feishu_react_script = {
	.name = "feishu_react",
	.source = "local p, verb, bot, now, m, id = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], "
		  "ARGV[5]\n"
		  "local function row(message)\n"
		  "	return p .. 'fr:' .. bot .. ':' .. message\n"
		  "end\n"
		  "local h, z = row(m), p .. 'fo:' .. bot\n"
		  "if verb == 'begin' then\n"
		  "	if redis.call('EXISTS', h) == 1 then return 0 end\n"
		  "	redis.call('HSET', h, 'b', now)\n"
		  "	redis.call('EXPIRE', h, 172800)\n"
		  "	return 1\n"
		  "elseif verb == 'put' then\n"
		  "	redis.call('HSET', h, 'r', id)\n"
		  "	redis.call('ZADD', z, now, m .. ' ' .. id)\n"
		  "	redis.call('EXPIRE', z, 259200)\n"
		  "	local ended = redis.call('HEXISTS', h, 'e')\n"
		  "	redis.call('EXPIRE', h, ended == 1 and 600 or 172800)\n"
		  "	return ended\n"
		  "elseif verb == 'end' then\n"
		  "	redis.call('HSET', h, 'e', now)\n"
		  "	redis.call('EXPIRE', h, 600)\n"
		  "	return redis.call('HGET', h, 'r') or ''\n"
		  "elseif verb == 'gone' then\n"
		  "	redis.call('HDEL', h, 'r')\n"
		  "	redis.call('ZREM', z, m .. ' ' .. id)\n"
		  "	return ''\n"
		  "end\n"
		  "local left, all = {}, redis.call('ZRANGE', z, 0, 199, 'WITHSCORES')\n"
		  "for i = 1, #all, 2 do\n"
		  "	local message, reaction = string.match(all[i], '^(%S+) (%S+)$')\n"
		  "	local is_old = tonumber(all[i + 1]) + 86400 < tonumber(now)\n"
		  "	if is_old or redis.call('HEXISTS', row(message), 'e') == 1 then\n"
		  "		left[#left + 1] = message\n"
		  "		left[#left + 1] = reaction\n"
		  "	end\n"
		  "end\n"
		  "return left\n",
};

struct question {	     /* to Redis, which cannot be told to forget it */
	struct react *react; /* NULL: nobody wants to know any more */
	void (*fn)(struct react *react, enum qg_status status, const struct qg_redis_reply *reply);
};

struct react { /* one that is being put there or taken away */
	struct qg_list link;
	struct feishu_core *core;
	char *message, *id; /* id: of the reaction; NULL while unknown */
	struct question *question;
	struct feishu_call *call;
	struct qg_timer *again;
	unsigned tries;
};

struct reacts { /* core->reacts */
	struct qg_list flying;
	size_t count;
	bool off;
};

/* ---- what is under way ---- */

static struct reacts *reacts_of(struct feishu_core *core)
{
	if (!core->reacts) {
		struct reacts *reacts = calloc(1, sizeof(*reacts));
		if (!reacts) {
			return NULL;
		}
		qg_list_init(&reacts->flying);
		core->reacts = reacts;
	}
	return core->reacts;
}

static void destroy(struct react *react)
{
	struct reacts *reacts = react->core->reacts;
	reacts->count--;
	qg_list_remove(&react->link);
	feishu_call_cancel(react->call);
	if (react->question) {
		react->question->react = NULL;
	}
	qg_timer_destroy(react->again);
	free(react->message);
	free(react->id);
	free(react);
}

static void end(struct react *react)
{
	struct feishu_core *core = react->core;
	destroy(react);
	if (core->stopping) {
		feishu_core_wake(core);
	}
}

/* NULL: no memory, no Redis, or too many already. id may be NULL. */
static struct react *create(struct feishu_core *core, const char *message, const char *id)
{
	struct reacts *reacts = reacts_of(core);
	bool is_row = core->bot->redis && core->bot->prefix && !strpbrk(message, " \t\r\n");
	if (!reacts || !is_row || reacts->count >= FLYING_MOST) {
		return NULL;
	}
	struct react *react = calloc(1, sizeof(*react));
	if (!react) {
		return NULL;
	}
	react->core = core;
	react->message = qg_str_copy(message);
	react->id = qg_str_copy(id);
	qg_list_add(&reacts->flying, &react->link);
	reacts->count++;
	if (!react->message || (id && !react->id)) {
		destroy(react);
		return NULL;
	}
	return react;
}

/* ---- the row ---- */

static void answered(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct question *question = arg;
	struct react *react = question->react;
	if (react) {
		react->question = NULL;
		question->fn(react, status, reply);
	}
	free(question);
}

/* fn follows; false: it does not, for no memory. */
static bool ask(struct react *react, const char *verb,
	void (*fn)(struct react *react, enum qg_status status, const struct qg_redis_reply *reply))
{
	const struct qg_bot *bot = react->core->bot;
	struct question *question = calloc(1, sizeof(*question));
	char now[24];
	if (!question) {
		return false;
	}
	*question = (struct question){.react = react, .fn = fn};
	react->question = question;
	snprintf(now, sizeof(now), "%lld", (long long)(qg_clock_wall() / 1000));
	const char *argv[] = {verb, bot->name, now, react->message, react->id ? react->id : ""};
	qg_redis_script(bot->redis, &qg_feishu_react_script, answered, question, bot->prefix, 5,
		argv, NULL);
	return true;
}

/* ---- calls ---- */

static bool call(struct react *react, const char *method, const char *body, feishu_called_fn fn)
{
	QG_AUTO(qg_buf_finish) struct qg_buf path;
	qg_buf_init(&path, PATH_MOST);
	qg_buf_add_str(&path, "/open-apis/im/v1/messages/");
	qg_url_encode(react->message, strlen(react->message), &path);
	qg_buf_add_str(&path, "/reactions");
	if (react->id) {
		qg_buf_add_str(&path, "/");
		qg_url_encode(react->id, strlen(react->id), &path);
	}
	if (path.failed == QG_OK) {
		react->call =
			feishu_call_start(react->core->account, method, path.data, body, fn, react);
	}
	return react->call != NULL;
}

/* ---- taking it away ---- */

static void take_away(void *arg);

/* Nobody waits for this row: where it fails, the next owner finds it gone at the platform. */
static void was_noted(
	struct react *react, enum qg_status status, const struct qg_redis_reply *reply)
{
	(void)status;
	(void)reply;
	end(react);
}

static bool try_again(struct react *react, unsigned wait_ms)
{
	if (react->tries >= TRIES_MOST || react->core->stopping) {
		return false;
	}
	unsigned least = AGAIN_MS << (2 * react->tries++);
	react->again = react->again ? react->again
				    : qg_timer_create(react->core->bot->loop, take_away, react);
	if (react->again) {
		qg_timer_start(react->again, wait_ms > least ? wait_ms : least);
	}
	return react->again != NULL;
}

static void was_taken(void *arg, const struct feishu_answer *answer)
{
	struct react *react = arg;
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	react->call = NULL;
	bool may_help = qg_status_is_retryable(outcome.status);
	if (may_help && try_again(react, outcome.retry_ms)) {
		return;
	}
	/* Refused for good counts as gone: the message was withdrawn, or the reaction is not there any more. */
	if (may_help || !ask(react, "gone", was_noted)) {
		end(react);
	}
}

static void was_found(
	struct react *react, enum qg_status status, const struct qg_redis_reply *reply)
{
	if (status == QG_AWAY || status == QG_TIMEOUT) {
		if (!try_again(react, 0)) {
			end(react);
		}
		return;
	}
	bool has_one = status == QG_OK && reply->type == QG_REPLY_STRING && reply->size > 0;
	react->id = has_one ? qg_str_copy_n(reply->text, reply->size) : NULL;
	if (!react->id || !call(react, "DELETE", NULL, was_taken)) {
		end(react);
	}
}

/* With its id, or first asks for that. */
static void take_away(void *arg)
{
	struct react *react = arg;
	bool goes_on =
		react->id ? call(react, "DELETE", NULL, was_taken) : ask(react, "end", was_found);
	if (!goes_on) {
		end(react);
	}
}

void feishu_react_end(struct feishu_core *core, const char *message)
{
	struct react *react = create(core, message, NULL);
	if (react) {
		take_away(react);
	}
}

/* ---- putting it there ---- */

static void was_put(struct react *react, enum qg_status status, const struct qg_redis_reply *reply)
{
	bool stays = status == QG_OK && reply->type == QG_REPLY_INT && reply->integer == 0;
	if (stays) {
		end(react);
	} else { /* its message was answered meanwhile, or nobody would know of it */
		take_away(react);
	}
}

static void refused(struct react *react, const struct feishu_answer *answer)
{
	struct reacts *reacts = react->core->reacts;
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	if (answer->has_code && feishu_error_is_scope(answer->code) && !reacts->off) {
		reacts->off = true;
		qg_log_warn(react->core->bot->name,
			"feishu: 收到消息时不再加表情，直到重启 · no more reactions on what is "
			"being worked at, until a restart: code %lld %s: %s",
			(long long)answer->code, answer->msg, outcome.words);
	} else if (outcome.status != QG_OK) {
		qg_log_debug(react->core->bot->name,
			"feishu: no reaction on %s: HTTP %d, code %lld", react->message,
			answer->http, (long long)answer->code);
	}
}

static void was_posted(void *arg, const struct feishu_answer *answer)
{
	static const char *const paths[] = {"data.reaction_id"};
	struct react *react = arg;
	struct qg_piece found = {0};
	react->call = NULL;
	bool is_there = answer->local == QG_OK && answer->has_code && answer->code == 0;
	if (is_there && qg_scan(answer->body, answer->size, paths, 1, &found) == QG_OK &&
		found.size > 0 && found.size <= QG_ID_MAX) {
		react->id = qg_piece_copy(&found);
	} else {
		refused(react, answer);
	}
	if (!react->id || strpbrk(react->id, " \t\r\n") || !ask(react, "put", was_put)) {
		end(react);
	}
}

static void was_begun(
	struct react *react, enum qg_status status, const struct qg_redis_reply *reply)
{
	static const char body[] = "{\"reaction_type\":{\"emoji_type\":\"Typing\"}}";
	bool is_first = status == QG_OK && reply->type == QG_REPLY_INT && reply->integer == 1;
	if (!is_first || !call(react, "POST", body, was_posted)) {
		end(react);
	}
}

void feishu_react_begin(struct feishu_core *core, const char *message)
{
	const struct reacts *reacts = core->reacts;
	if (core->stopping || (reacts && reacts->off) ||
		feishu_account_used(core->account) >= USED_MOST) {
		return;
	}
	struct react *react = create(core, message, NULL);
	if (react && !ask(react, "begin", was_begun)) {
		end(react);
	}
}

/* ---- what a former owner left ---- */

static void were_left(
	struct react *react, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct feishu_core *core = react->core;
	size_t count = status == QG_OK && reply->type == QG_REPLY_ARRAY ? reply->count : 0;
	for (size_t i = 0; i + 1 < count; i += 2) {
		const struct qg_redis_reply *pair = &reply->items[i];
		if (pair[0].type == QG_REPLY_STRING && pair[1].type == QG_REPLY_STRING) {
			struct react *left = create(core, pair[0].text, pair[1].text);
			if (left) {
				take_away(left);
			}
		}
	}
	end(react);
}

void feishu_react_recover(struct feishu_core *core)
{
	struct react *react = create(core, "", NULL);
	if (react && !ask(react, "list", were_left)) {
		end(react);
	}
}

/* ---- the end of a bot ---- */

bool feishu_react_stop(struct feishu_core *core)
{
	const struct reacts *reacts = core->reacts;
	return !reacts || reacts->count == 0;
}

void feishu_react_finish(struct feishu_core *core)
{
	struct reacts *reacts = core->reacts;
	if (!reacts) {
		return;
	}
	while (!qg_list_is_empty(&reacts->flying)) {
		destroy(QG_CONTAINER(reacts->flying.next, struct react, link));
	}
	core->reacts = NULL;
	free(reacts);
}
