/* polls.c - streams that the platform comes to fetch: their state in Redis, where every gateway finds it.
 *
 * A stream is a hash "<prefix>wc:<bot>:<id>" {s: its state, b: wall ms of its begin, k: polls so far, r: the reply part
 * that ended it, c: its card} and the string "wt:..." with its text, which grows by what is new. One script knows all
 * changes; each may be sent twice. The end is written by the first reply part that comes (an apology, say); what comes
 * later goes another way. A poll that was answered with the end makes it landed. An open stream that nears the end of the platform's
 * patience is closed by the poll itself ("moved"), and so is one whose end no poll came to take.
 *
 * A webhook's message may be another bot's of the same account than the one whose address heard it: the polls come to
 * the latter, the answer from the former. So streams lie under the name of the account, where both find them.
 *
 * The one-time address of a message is marked with the part that goes there before it is used, and again once the
 * platform took that part: no other one follows it, and the same one only while its outcome is not known. */
#include "hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/str.h"

#define DRAFT_MS 1000
#define IDLE_MS 900000
#define BUCKETS 64
#define ARGS_MAX 8

/* ARGV: verb, bot, stream id (claim, release, used: digest of the address), then what the verb needs. */
const struct qg_redis_script qg_wecom_stream_script = {
	.name = "wecom_stream",
	.source = "local p, verb, bot, id = KEYS[1], ARGV[1], ARGV[2], ARGV[3]\n"
		  "local h, t = p .. 'wc:' .. bot .. ':' .. id, p .. 'wt:' .. bot .. ':' .. id\n"
		  "if verb == 'claim' or verb == 'release' or verb == 'used' then\n"
		  "	local u, part = p .. 'wu:' .. bot .. ':' .. id, ARGV[4]\n"
		  "	local old = redis.call('GET', u)\n"
		  "	if verb == 'used' then\n"
		  "		return redis.call('SET', u, part .. ' used', 'EX', 7200)\n"
		  "	end\n"
		  "	if verb == 'release' then\n"
		  "		return old == part and redis.call('DEL', u) or 0\n"
		  "	end\n"
		  "	if not old then\n"
		  "		redis.call('SET', u, part, 'EX', 7200)\n"
		  "		return 'mine'\n"
		  "	end\n"
		  "	return old == part and 'again' or old == part .. ' used' and 'used' or "
		  "'taken'\n"
		  "end\n"
		  "local function keep()\n"
		  "	redis.call('EXPIRE', h, 900)\n"
		  "	redis.call('EXPIRE', t, 900)\n"
		  "end\n"
		  "local s = redis.call('HGET', h, 's')\n"
		  "if verb == 'open' or verb == 'void' then\n"
		  "	if not s then\n"
		  "		s = verb\n"
		  "		redis.call('HSET', h, 's', s, 'b', ARGV[4])\n"
		  "		keep()\n"
		  "	end\n"
		  "elseif not s then\n"
		  "	return {'none', '', '', 0, ''}\n"
		  "elseif verb == 'poll' then\n"
		  "	redis.call('HINCRBY', h, 'k', 1)\n"
		  "	local b = tonumber(redis.call('HGET', h, 'b')) or 0\n"
		  "	if s == 'open' and tonumber(ARGV[4]) - b >= tonumber(ARGV[5]) then\n"
		  "		s = 'moved'\n"
		  "		redis.call('HSET', h, 's', s)\n"
		  "	end\n"
		  "elseif verb == 'landed' and s == 'final' then\n"
		  "	s = 'landed'\n"
		  "	redis.call('HSET', h, 's', s)\n"
		  "elseif verb == 'end' and s == 'open' then\n"
		  "	s = 'final'\n"
		  "	redis.call('HSET', h, 's', s, 'r', ARGV[4], 'c', ARGV[6])\n"
		  "	redis.call('SET', t, ARGV[5])\n"
		  "	keep()\n"
		  "elseif verb == 'look' then\n"
		  "	if ARGV[5] == '1' and s == 'final' and redis.call('HGET', h, 'r') == "
		  "ARGV[4] then\n"
		  "		s = 'moved'\n"
		  "		redis.call('HSET', h, 's', s)\n"
		  "		redis.call('DEL', t)\n"
		  "	end\n"
		  "elseif verb == 'draft' then\n"
		  "	local offset = tonumber(ARGV[4])\n"
		  "	if s ~= 'open' then\n"
		  "		return 'over'\n"
		  "	end\n"
		  "	if offset == 0 then\n"
		  "		redis.call('SET', t, ARGV[5])\n"
		  "	elseif redis.call('STRLEN', t) == offset then\n"
		  "		redis.call('APPEND', t, ARGV[5])\n"
		  "	else\n"
		  "		return 'differs'\n"
		  "	end\n"
		  "	keep()\n"
		  "	return 'ok'\n"
		  "end\n"
		  "local more = redis.call('HMGET', h, 'c', 'k', 'r')\n"
		  "return {s, redis.call('GET', t) or '', more[1] or '', tonumber(more[2]) or 0, "
		  "more[3] or ''}\n",
};

struct draft { /* of an open stream, in the process that owns the bot */
	struct qg_list bucket, age;
	char id[HOOK_STREAM_ID];
	char *next;			/* what to write; NULL: nothing new */
	size_t size;			/* bytes in Redis as far as known; 0: write all */
	uint8_t digest[QG_SHA256_SIZE]; /* of these */
	uint64_t at;			/* of the last write */
	bool is_writing;
};

struct hook_streams {
	struct qg_bot *bot;
	char *prefix; /* of the account's keys; NULL: of the bot's own */
	struct qg_list questions;
	struct qg_list buckets[BUCKETS];
	struct qg_list ages; /* the draft that was silent longest comes first */
};

struct question {
	struct qg_list link;
	struct hook_streams *streams; /* NULL: nobody wants to know any more */
	hook_state_fn fn;
	void (*claimed)(void *arg, enum qg_status status);
	void *arg;
	char *part;
	char id[HOOK_STREAM_ID];
};

/* ---- asking ---- */

/* NULL, and why, where it cannot be asked. */
static struct question *question_create(struct hook_streams *streams, const char *id,
	const char *part, void *arg, enum qg_status *why)
{
	struct question *question = NULL;
	*why = QG_AWAY;
	if (streams->bot->redis) {
		*why = QG_NO_MEMORY;
		question = calloc(1, sizeof(*question));
	}
	if (!question || (part && !(question->part = qg_str_copy(part)))) {
		free(question);
		return NULL;
	}
	question->streams = streams;
	question->arg = arg;
	snprintf(question->id, sizeof(question->id), "%s", id);
	qg_list_add(&streams->questions, &question->link);
	return question;
}

static void question_destroy(struct question *question)
{
	qg_list_remove(&question->link);
	free(question->part);
	free(question);
}

/* argv ends with NULL; verb, bot and id come before them. */
static void ask(struct hook_streams *streams, const char *verb, const char *id,
	const char *const *more, qg_redis_fn told, struct question *question)
{
	const struct qg_bot *bot = streams->bot;
	const char *prefix = streams->prefix ? streams->prefix : bot->prefix;
	const char *argv[ARGS_MAX] = {verb, streams->prefix ? "" : bot->name, id};
	size_t sizes[ARGS_MAX];
	int count = 3;
	for (; more && more[count - 3] && count < ARGS_MAX; count++) {
		argv[count] = more[count - 3];
	}
	for (int i = 0; i < count; i++) {
		sizes[i] = strlen(argv[i]);
	}
	qg_redis_script(
		bot->redis, &qg_wecom_stream_script, told, question, prefix, count, argv, sizes);
}

static enum qg_status fault_of(enum qg_status status)
{
	/* Redis is out of memory or disk: room may come back. */
	return status == QG_FULL ? QG_BUSY : status == QG_OK ? QG_FAILED : status;
}

static enum hook_shown shown_of(const char *word)
{
	static const struct {
		const char *word;
		enum hook_shown shown;
	} words[] = {{"open", HOOK_SHOWN_OPEN}, {"final", HOOK_SHOWN_FINAL},
		{"landed", HOOK_SHOWN_LANDED}, {"moved", HOOK_SHOWN_MOVED},
		{"void", HOOK_SHOWN_VOID}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i].word) == 0) {
			return words[i].shown;
		}
	}
	return HOOK_SHOWN_NONE;
}

static bool read_state(const struct qg_redis_reply *reply, const char *part, struct hook_state *out)
{
	if (!reply || reply->type != QG_REPLY_ARRAY || reply->count != 5) {
		return false;
	}
	const struct qg_redis_reply *items = reply->items;
	for (size_t i = 0; i < 5; i++) {
		if (items[i].type != (i == 3 ? QG_REPLY_INT : QG_REPLY_STRING)) {
			return false;
		}
	}
	*out = (struct hook_state){.shown = shown_of(items[0].text),
		.text = items[1].text,
		.card = items[2].text,
		.polls = items[3].integer,
		.is_ours = part && (qg_str_equal(items[4].text, part) ||
					   qg_str_equal(items[4].text, HOOK_PART_FULL))};
	return true;
}

static void state_told(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct question *question = arg;
	struct hook_state state = {.text = "", .card = ""};
	if (question->streams && question->fn) {
		bool good = status == QG_OK && read_state(reply, question->part, &state);
		hook_state_fn fn = question->fn;
		qg_list_remove(&question->link); /* what is told may end the streams */
		question->streams = NULL;
		fn(question->arg, good ? QG_OK : fault_of(status), &state);
	}
	question_destroy(question);
}

/* One question whose answer is a state. */
static void ask_state(struct hook_streams *streams, const char *verb, const char *id,
	const char *part, const char *const *more, hook_state_fn fn, void *arg)
{
	const struct hook_state none = {.text = "", .card = ""};
	enum qg_status why = QG_OK;
	struct question *question = question_create(streams, id, part, arg, &why);
	if (question) {
		question->fn = fn;
		ask(streams, verb, id, more, state_told, question);
	} else if (fn) {
		fn(arg, why, &none);
	}
}

static const char *now_text(char out[QG_INT64_SIZE])
{
	qg_str_from_int64(qg_clock_wall(), out);
	return out;
}

void hook_stream_open(struct hook_streams *streams, const char *id, hook_state_fn fn, void *arg)
{
	char now[QG_INT64_SIZE];
	const char *more[] = {now_text(now), NULL};
	ask_state(streams, "open", id, NULL, more, fn, arg);
}

void hook_stream_void(struct hook_streams *streams, const char *id)
{
	char now[QG_INT64_SIZE];
	const char *more[] = {now_text(now), NULL};
	ask_state(streams, "void", id, NULL, more, NULL, NULL);
}

void hook_stream_poll(struct hook_streams *streams, const char *id, hook_state_fn fn, void *arg)
{
	char now[QG_INT64_SIZE], most[QG_INT64_SIZE];
	qg_str_from_int64(HOOK_POLL_END_MS, most);
	const char *more[] = {now_text(now), most, NULL};
	ask_state(streams, "poll", id, NULL, more, fn, arg);
}

void hook_stream_landed(struct hook_streams *streams, const char *id)
{
	ask_state(streams, "landed", id, NULL, NULL, NULL, NULL);
}

void hook_stream_look(struct hook_streams *streams, const char *id, const char *part, bool gives_up,
	hook_state_fn fn, void *arg)
{
	const char *more[] = {part, gives_up ? "1" : "0", NULL};
	ask_state(streams, "look", id, part, more, fn, arg);
}

/* ---- the one-time address ---- */

static void claim_told(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct question *question = arg;
	enum qg_status verdict = fault_of(status);
	if (status == QG_OK && reply && reply->type == QG_REPLY_STRING) {
		verdict = strcmp(reply->text, "mine") == 0    ? QG_OK
			  : strcmp(reply->text, "used") == 0  ? QG_DUPLICATE
			  : strcmp(reply->text, "again") == 0 ? QG_STALE
							      : QG_DENIED;
	}
	if (question->streams && question->claimed) {
		void (*claimed)(void *arg, enum qg_status status) = question->claimed;
		qg_list_remove(&question->link);
		question->streams = NULL;
		claimed(question->arg, verdict);
	}
	question_destroy(question);
}

static void ask_address(struct hook_streams *streams, const char *verb, const char *url,
	const char *part, void (*fn)(void *arg, enum qg_status status), void *arg)
{
	char digest[33];
	qg_digest_id(digest, "response", url, NULL);
	const char *more[] = {part, NULL};
	enum qg_status why = QG_OK;
	struct question *question = question_create(streams, digest, NULL, arg, &why);
	if (question) {
		question->claimed = fn;
		ask(streams, verb, digest, more, claim_told, question);
	} else if (fn) {
		fn(arg, why);
	}
}

void hook_address_claim(struct hook_streams *streams, const char *url, const char *part,
	void (*fn)(void *arg, enum qg_status status), void *arg)
{
	ask_address(streams, "claim", url, part, fn, arg);
}

void hook_address_release(struct hook_streams *streams, const char *url, const char *part)
{
	ask_address(streams, "release", url, part, NULL, NULL);
}

void hook_address_used(struct hook_streams *streams, const char *url, const char *part)
{
	ask_address(streams, "used", url, part, NULL, NULL);
}

/* ---- drafts ---- */

static struct qg_list *bucket_of(struct hook_streams *streams, const char *id)
{
	return &streams->buckets[qg_crc16(id, strlen(id)) % BUCKETS];
}

static struct draft *find(struct hook_streams *streams, const char *id)
{
	QG_LIST_FOR_EACH (item, bucket_of(streams, id)) {
		struct draft *draft = QG_CONTAINER(item, struct draft, bucket);
		if (strcmp(draft->id, id) == 0) {
			return draft;
		}
	}
	return NULL;
}

static void drop(struct draft *draft)
{
	if (draft) {
		qg_list_remove(&draft->bucket);
		qg_list_remove(&draft->age);
		free(draft->next);
		free(draft);
	}
}

static struct draft *find_or_add(struct hook_streams *streams, const char *id)
{
	uint64_t now = qg_clock_mono();
	struct draft *draft = find(streams, id);
	if (draft) {
		return draft;
	}
	while (!qg_list_is_empty(&streams->ages)) { /* streams that nobody ended */
		struct draft *oldest = QG_CONTAINER(streams->ages.next, struct draft, age);
		if (now - oldest->at < IDLE_MS) {
			break;
		}
		drop(oldest);
	}
	draft = calloc(1, sizeof(*draft));
	if (draft) {
		snprintf(draft->id, sizeof(draft->id), "%s", id);
		qg_list_add(bucket_of(streams, id), &draft->bucket);
		qg_list_add(&streams->ages, &draft->age);
		draft->at = now > DRAFT_MS ? now - DRAFT_MS : 0; /* the first leaves at once */
	}
	return draft;
}

static void draft_told(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct question *question = arg;
	struct draft *draft = question->streams ? find(question->streams, question->id) : NULL;
	const char *word =
		status == QG_OK && reply && reply->type == QG_REPLY_STRING ? reply->text : "";
	if (draft) {
		draft->is_writing = false;
		draft->size = strcmp(word, "ok") == 0 ? draft->size : 0;
		/* Over, or not known: a newer draft finds it out again. */
		if (strcmp(word, "over") == 0 || reply == NULL || word[0] == '\0') {
			drop(draft);
		}
	}
	question_destroy(question);
}

/* Only what is new, where the text begins as what Redis has. */
static void write_draft(struct hook_streams *streams, struct draft *draft)
{
	uint8_t digest[QG_SHA256_SIZE];
	char *text = draft->next;
	size_t size = strlen(text), offset = draft->size;
	draft->next = NULL;
	draft->at = qg_clock_mono();
	qg_list_remove(&draft->age);
	qg_list_add(&streams->ages, &draft->age);
	if (offset > 0 && offset <= size) {
		qg_sha256(text, offset, digest);
	}
	if (offset > size || (offset > 0 && memcmp(digest, draft->digest, sizeof(digest)) != 0)) {
		offset = 0;
	}
	enum qg_status why = QG_OK;
	bool is_new = offset == 0 || offset < size;
	struct question *question =
		is_new ? question_create(streams, draft->id, NULL, NULL, &why) : NULL;
	if (question) {
		char at[QG_INT64_SIZE];
		qg_str_from_int64((int64_t)offset, at);
		const char *more[] = {at, text + offset, NULL};
		draft->is_writing = true;
		draft->size = size;
		qg_sha256(text, size, draft->digest);
		ask(streams, "draft", draft->id, more, draft_told, question);
	}
	free(text);
}

void hook_stream_draft(struct hook_streams *streams, const char *id, const char *text)
{
	struct draft *draft = text[0] != '\0' ? find_or_add(streams, id) : NULL;
	char *next = draft ? qg_str_copy(text) : NULL;
	if (next) {
		free(draft->next);
		draft->next = next;
	}
}

bool hook_streams_tick(struct hook_streams *streams)
{
	uint64_t now = qg_clock_mono();
	bool more = false;
	QG_LIST_FOR_EACH (item, &streams->ages) {
		struct draft *draft = QG_CONTAINER(item, struct draft, age);
		if (draft->next && !draft->is_writing && now - draft->at >= DRAFT_MS) {
			write_draft(streams, draft);
		}
		more = more || draft->next;
	}
	return more;
}

void hook_stream_end(struct hook_streams *streams, const char *id, const char *part,
	const char *text, const char *card, hook_state_fn fn, void *arg)
{
	const char *more[] = {part, text, card ? card : "", NULL};
	drop(find(streams, id));
	ask_state(streams, "end", id, part, more, fn, arg);
}

/* ---- life ---- */

/* One place in Redis for all bots of an account; false for no memory. */
static bool find_place(struct hook_streams *streams)
{
	const struct wecom_options *set = streams->bot->config->options;
	char digest[33];
	if (!set->bot_id || set->bot_id[0] == '\0') {
		return true; /* it shares with nobody */
	}
	qg_digest_id(digest, "account", set->bot_id, NULL);
	streams->prefix = qg_str_printf("qg:{wecom-%s}:", digest);
	return streams->prefix != NULL;
}

struct hook_streams *hook_streams_create(struct qg_bot *bot)
{
	struct hook_streams *streams = calloc(1, sizeof(*streams));
	if (!streams) {
		return NULL;
	}
	streams->bot = bot;
	if (!find_place(streams)) {
		free(streams);
		return NULL;
	}
	qg_list_init(&streams->questions);
	qg_list_init(&streams->ages);
	for (size_t i = 0; i < BUCKETS; i++) {
		qg_list_init(&streams->buckets[i]);
	}
	return streams;
}

void hook_streams_destroy(struct hook_streams *streams)
{
	if (!streams) {
		return;
	}
	QG_LIST_FOR_EACH (item, &streams->questions) {
		QG_CONTAINER(item, struct question, link)->streams = NULL;
		qg_list_remove(item);
	}
	QG_LIST_FOR_EACH (item, &streams->ages) {
		drop(QG_CONTAINER(item, struct draft, age));
	}
	free(streams->prefix);
	free(streams);
}
