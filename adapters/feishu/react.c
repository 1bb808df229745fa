/* react.c - a reaction on what is being worked at, for Feishu has no typing indicator.
 *
 * The process that hears a message puts it there, the one that owns the bot takes it away, and either may die; where bots
 * share an app, one may hear what another answers. So a row of the account in Redis stands between them:
 * "<prefix>fr:<message>" {b: begun, e: its end was said, r: the reaction's id}. Whoever
 * comes second sees what the other did: an end finds the id, an id that comes after the end is taken away by who brought
 * it. What is on is also a member "<message> <reaction>" of the sorted set "<prefix>fo" until the platform confirmed
 * that it is gone: the next owner looks there for what a crash left. One script knows all changes; each may be sent
 * twice.
 *
 * Calls are sold by the month and a reaction is two of them, so it waits for a moment in the process that heard the
 * message: what is answered by then, as questions of the handbook are, has none and costs nothing. While the answer is on
 * its way it waits longer. */
#include "feishu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/log.h"
#include "qg/redis.h"
#include "qg/str.h"

#define MOST 512       /* at a time; what comes beyond it has no reaction */
#define BEGIN_MOST 200 /* of them new: more calls never get their turn in time */
#define WAIT_MS 200    /* for an answer; nobody misses a sign that early */
#define SEND_MS 5000   /* for one that is on its way to land */
#define USED_MOST 80   /* per cent of the month's calls: then there are none */
#define TRIES_MOST 4   /* to take one away */
#define AGAIN_MS 1000  /* between two, and ever longer */
#define PATH_MOST 1024

/* KEYS: the account's prefix. ARGV: verb, now in seconds, message, reaction. Rows live two days, ended ones ten minutes: for what is under way. */
const struct qg_redis_script qg_feishu_react_script = {
	.name = "feishu_react",
	.source = "local p, verb, now, m, id = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]\n"
		  "local function row(message)\n"
		  "	return p .. 'fr:' .. message\n"
		  "end\n"
		  "local h, z = row(m), p .. 'fo'\n"
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
	uint64_t due;	    /* monotonic ms, while it waits */
	struct question *question;
	struct feishu_call *call;
	struct qg_timer *again;
	unsigned tries;
	bool is_new; /* to be put there */
};

struct reacts { /* core->reacts */
	/* Nobody but this process knows of those that wait, the first to begin first: for an answer, or for its landing. */
	struct qg_list waiting, landing;
	struct qg_list flying;
	size_t count, new_count; /* of all, and to be put there */
	struct qg_timer *timer;	 /* of the first that waits */
	bool off;
};

/* ---- what is under way ---- */

static void begin_due(void *arg);

static struct reacts *reacts_of(struct feishu_core *core)
{
	struct reacts *reacts = core->reacts ? core->reacts : calloc(1, sizeof(*reacts));
	if (!reacts || core->reacts) {
		return reacts;
	}
	qg_list_init(&reacts->waiting);
	qg_list_init(&reacts->landing);
	qg_list_init(&reacts->flying);
	reacts->timer = qg_timer_create(core->bot->loop, begin_due, core);
	if (!reacts->timer) {
		free(reacts);
		return NULL;
	}
	core->reacts = reacts;
	return reacts;
}

static void destroy(struct react *react)
{
	struct reacts *reacts = react->core->reacts;
	reacts->count--;
	reacts->new_count -= react->is_new;
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
	bool is_row = core->bot->redis && !strpbrk(message, " \t\r\n");
	if (!reacts || !is_row || reacts->count >= MOST) {
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
	const char *argv[] = {verb, now, react->message, react->id ? react->id : ""};
	qg_redis_script(bot->redis, &qg_feishu_react_script, answered, question,
		qg_quota_prefix(react->core->account->quota), 4, argv, NULL);
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

static struct react *find(const struct qg_list *list, const char *message)
{
	QG_LIST_FOR_EACH (item, list) {
		struct react *react = QG_CONTAINER(item, struct react, link);
		if (strcmp(react->message, message) == 0) {
			return react;
		}
	}
	return NULL;
}

/* Whichever bot of the app heard it. */
static struct react *find_waiting(const struct feishu_core *core, const char *message)
{
	QG_LIST_FOR_EACH (item, &core->account->watchers) {
		struct feishu_watcher *watcher = QG_CONTAINER(item, struct feishu_watcher, link);
		const struct reacts *reacts =
			QG_CONTAINER(watcher, struct feishu_core, watcher)->reacts;
		struct react *react = reacts ? find(&reacts->landing, message) : NULL;
		react = react || !reacts ? react : find(&reacts->waiting, message);
		if (react) {
			return react;
		}
	}
	return NULL;
}

void feishu_react_end(struct feishu_core *core, const char *message)
{
	struct react *react = find_waiting(core, message);
	if (react) { /* in time */
		end(react);
		return;
	}
	react = create(core, message, NULL);
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

static uint64_t due_of(const struct qg_list *list)
{
	return qg_list_is_empty(list) ? UINT64_MAX
				      : QG_CONTAINER(list->next, struct react, link)->due;
}

static void set_timer(struct reacts *reacts)
{
	uint64_t now = qg_clock_mono();
	uint64_t one = due_of(&reacts->waiting), other = due_of(&reacts->landing);
	uint64_t first = one < other ? one : other;
	if (first != UINT64_MAX) {
		qg_timer_start(reacts->timer, first > now ? first - now : 0);
	}
}

static void wait(struct react *react, struct qg_list *list, uint64_t ms)
{
	react->due = qg_clock_mono() + ms;
	qg_list_remove(&react->link);
	qg_list_add(list, &react->link);
	if (list->next == &react->link) {
		set_timer(react->core->reacts);
	}
}

/* Those of a list that waited long enough. */
static void begin_from(struct reacts *reacts, struct qg_list *list)
{
	uint64_t now = qg_clock_mono();
	while (due_of(list) <= now) {
		struct react *react = QG_CONTAINER(list->next, struct react, link);
		qg_list_remove(&react->link);
		qg_list_add(&reacts->flying, &react->link);
		if (reacts->off || !ask(react, "begin", was_begun)) {
			end(react);
		}
	}
}

static void begin_due(void *arg)
{
	struct reacts *reacts = ((struct feishu_core *)arg)->reacts;
	begin_from(reacts, &reacts->waiting);
	begin_from(reacts, &reacts->landing);
	set_timer(reacts);
}

void feishu_react_begin(struct feishu_core *core, const char *message)
{
	struct reacts *reacts = core->reacts;
	bool is_full = reacts && (reacts->off || reacts->new_count >= BEGIN_MOST);
	if (core->stopping || is_full || feishu_account_used(core->account) >= USED_MOST) {
		return;
	}
	struct react *react = create(core, message, NULL);
	if (react) {
		reacts = core->reacts;
		reacts->new_count++;
		react->is_new = true;
		wait(react, &reacts->waiting, WAIT_MS);
	}
}

void feishu_react_hold(struct feishu_core *core, const char *message)
{
	struct react *react = find_waiting(core, message);
	if (react) {
		wait(react, &((struct reacts *)react->core->reacts)->landing, SEND_MS);
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

static void destroy_all(struct qg_list *list)
{
	while (!qg_list_is_empty(list)) {
		destroy(QG_CONTAINER(list->next, struct react, link));
	}
}

bool feishu_react_stop(struct feishu_core *core)
{
	struct reacts *reacts = core->reacts;
	if (reacts && core->stopping) {
		destroy_all(&reacts->waiting);
		destroy_all(&reacts->landing);
	}
	return !reacts || reacts->count == 0;
}

void feishu_react_finish(struct feishu_core *core)
{
	struct reacts *reacts = core->reacts;
	if (!reacts) {
		return;
	}
	destroy_all(&reacts->waiting);
	destroy_all(&reacts->landing);
	destroy_all(&reacts->flying);
	core->reacts = NULL;
	qg_timer_destroy(reacts->timer);
	free(reacts);
}
