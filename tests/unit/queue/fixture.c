/* fixture.c - the queue's calls made to wait, and looks into its Redis. */
#include "fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

enum { PATIENCE_MS = 10000, MOST = 64 };

struct qg_test_redis *server;
struct qg_redis *redis;
struct qg_queue *ann, *ben;

static struct qg_loop *loop;
static struct qg_timer *guard;
static bool connected;

/* ---- the world ---- */

static void too_late(void *arg)
{
	ck_abort_msg("no answer came");
}

static void changed(void *arg, bool is_up, const char *why)
{
	connected = is_up;
	qg_loop_stop(loop);
}

void wait_for(const bool *came)
{
	qg_timer_start(guard, PATIENCE_MS);
	while (!*came) {
		qg_loop_run(loop);
	}
	qg_timer_stop(guard);
}

struct qg_queue *consumer(const char *name)
{
	struct qg_queue *queue = qg_queue_create(redis, 1, name);
	ck_assert_ptr_nonnull(queue);
	return queue;
}

static void start_server(void)
{
	server = qg_test_redis_start(false);
}

static void stop_server(void)
{
	qg_test_redis_stop(server);
}

static void setup(void)
{
	char error[128];
	qg_test_redis_do(server, "FLUSHALL", NULL);
	loop = qg_loop_create(1);
	guard = qg_timer_create(loop, too_late, NULL);
	struct qg_redis_options options = {
		.url = qg_test_redis_url(server), .scripts = qg_queue_scripts, .changed = changed};
	redis = qg_redis_create(loop, &options, error);
	ck_assert_msg(redis != NULL, "%s", error);
	wait_for(&connected);
	ann = consumer("ann");
	ben = consumer("ben");
}

static void teardown(void)
{
	qg_queue_destroy(ann);
	qg_queue_destroy(ben);
	qg_redis_destroy(redis);
	qg_timer_destroy(guard);
	qg_loop_destroy(loop);
}

void fixture_add(TCase *tcase)
{
	tcase_add_unchecked_fixture(tcase, start_server, stop_server);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
}

int fixture_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- looking into Redis ---- */

static struct qg_redis_reply *ask_words(const char *verb, const char *key, va_list args)
{
	enum { MOST_WORDS = 32 };
	const char *words[MOST_WORDS];
	char error[128], name[256];
	int count = 2;
	snprintf(name, sizeof(name), "qg:{0}:%s", key);
	words[0] = verb;
	words[1] = name;
	for (const char *word; (word = va_arg(args, const char *)) != NULL;) {
		ck_assert_int_lt(count, MOST_WORDS);
		words[count++] = word;
	}
	struct qg_redis_reply *reply =
		qg_redis_ask(qg_test_redis_url(server), error, count, words, NULL);
	ck_assert_msg(reply != NULL && reply->type != QG_REPLY_ERROR, "%s %s: %s", verb, key,
		reply != NULL ? reply->text : error);
	return reply;
}

struct qg_redis_reply *ask(const char *verb, const char *key, ...)
{
	va_list args;
	va_start(args, key);
	struct qg_redis_reply *reply = ask_words(verb, key, args);
	va_end(args);
	return reply;
}

int64_t ask_int(const char *verb, const char *key, ...)
{
	va_list args;
	va_start(args, key);
	struct qg_redis_reply *reply = ask_words(verb, key, args);
	va_end(args);
	int64_t number = reply->integer;
	if (reply->type == QG_REPLY_STRING) {
		ck_assert(qg_str_to_int64(reply->text, INT64_MIN, INT64_MAX, &number));
	}
	qg_redis_reply_free(reply);
	return number;
}

void expect_text(const char *text, const char *verb, const char *key, ...)
{
	va_list args;
	va_start(args, key);
	struct qg_redis_reply *reply = ask_words(verb, key, args);
	va_end(args);
	if (text == NULL) {
		ck_assert_msg(reply->type == QG_REPLY_NIL, "%s %s is '%s'", verb, key, reply->text);
	} else {
		ck_assert_msg(reply->type == QG_REPLY_STRING, "%s %s is no text", verb, key);
		ck_assert_str_eq(reply->text, text);
	}
	qg_redis_reply_free(reply);
}

int64_t depth_of(const char *bot)
{
	return ask_int("HGET", "depth", bot, NULL);
}

/* The admin script with these arguments; free the answer. */
static struct qg_redis_reply *admin(int argc, const char *const *argv)
{
	const char *words[600] = {"EVAL", NULL, "1", "qg:{0}:"};
	char error[128];
	for (const struct qg_redis_script *const *script = qg_queue_scripts; *script; script++) {
		if (strcmp((*script)->name, "admin") == 0) {
			words[1] = (*script)->source;
		}
	}
	for (int i = 0; i < argc; i++) {
		words[4 + i] = argv[i];
	}
	struct qg_redis_reply *reply =
		qg_redis_ask(qg_test_redis_url(server), error, 4 + argc, words, NULL);
	ck_assert_msg(reply != NULL && reply->type == QG_REPLY_ARRAY, "%s",
		reply != NULL ? reply->text : error);
	return reply;
}

static struct qg_redis_reply *keys(const char *pattern)
{
	const char *words[] = {"KEYS", pattern};
	char error[128];
	struct qg_redis_reply *reply =
		qg_redis_ask(qg_test_redis_url(server), error, 2, words, NULL);
	ck_assert_msg(reply != NULL && reply->type == QG_REPLY_ARRAY, "%s", error);
	return reply;
}

void expect_sound(void)
{
	static const char *const patterns[] = {"qg:{0}:m:*", "qg:{0}:c:*"};
	static const char *const recount[] = {"recount", "0"};
	for (size_t p = 0; p < 2; p++) {
		struct qg_redis_reply *found = keys(patterns[p]);
		const char *argv[512] = {"check", "0"};
		ck_assert_uint_le(found->count, 510);
		for (size_t i = 0; i < found->count; i++) {
			argv[2 + i] = found->items[i].text + strlen("qg:{0}:m:");
		}
		struct qg_redis_reply *wrong = admin(2 + (int)found->count, argv);
		ck_assert_msg(wrong->count == 0, "%s: %s",
			wrong->count > 0 ? wrong->items[0].items[0].text : "",
			wrong->count > 0 ? wrong->items[0].items[1].text : "");
		qg_redis_reply_free(wrong);
		qg_redis_reply_free(found);
	}
	struct qg_redis_reply *wrong = admin(2, recount);
	ck_assert_msg(wrong->count == 0, "the depth of %s is wrong",
		wrong->count > 0 ? wrong->items[0].text : "");
	qg_redis_reply_free(wrong);
}

void expect_nothing_of(const char *conversation)
{
	static const char *const keys[] = {"m:", "c:"};
	char key[128];
	for (size_t i = 0; i < 2; i++) {
		snprintf(key, sizeof(key), "%s%s", keys[i], conversation);
		ck_assert_int_eq(ask_int("EXISTS", key, NULL), 0);
	}
	expect_text(NULL, "ZSCORE", "age", conversation, NULL);
	expect_text(NULL, "HGET", "open", conversation, NULL);
	ck_assert_int_eq(ask_int("SISMEMBER", "pend", conversation, NULL), 0);
	expect_sound();
}

void wait_for_windows(void)
{
	struct qg_redis_reply *known = keys("qg:{0}:d:*");
	while (known->count > 0) {
		qg_redis_reply_free(known);
		known = keys("qg:{0}:d:*");
	}
	qg_redis_reply_free(known);
}

static bool is_bounded(const char *key)
{
	static const char *const counters[] = {
		"seq", "deadseq", "depth", "buried", "epoch", "by", "lease"};
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (strcmp(key, counters[i]) == 0) {
			return true;
		}
	}
	return (qg_str_starts_with(key, "h:") || qg_str_starts_with(key, "s:")) &&
	       ask_int("PTTL", key, NULL) > 0;
}

void expect_nothing_left(void)
{
	struct qg_redis_reply *found = keys("*");
	for (size_t i = 0; i < found->count; i++) {
		const char *key = found->items[i].text;
		ck_assert_msg(qg_str_starts_with(key, "qg:{0}:") && is_bounded(key + 7),
			"%s is left", key);
	}
	qg_redis_reply_free(found);
	struct qg_redis_reply *counted = ask("HVALS", "depth", NULL);
	for (size_t i = 0; i < counted->count; i++) {
		ck_assert_str_eq(counted->items[i].text, "0");
	}
	qg_redis_reply_free(counted);
}

/* ---- any call ---- */

void simple_answer(void *arg, enum qg_status status)
{
	struct simple *simple = arg;
	ck_assert(!simple->came);
	simple->came = true;
	simple->status = status;
	qg_loop_stop(loop);
}

enum qg_status wait_simple(struct simple *simple)
{
	ck_assert_msg(!simple->came, "the callback came from inside the call");
	wait_for(&simple->came);
	return simple->status;
}

/* ---- in ---- */

static char *copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

const char *reply_id(char letter)
{
	static char ids[8][33];
	static size_t next;
	char *id = ids[next++ % 8];
	memset(id, letter, 32);
	id[32] = '\0';
	return id;
}

struct qg_reply *make_reply(const char *id, const char *chat, const char *text)
{
	struct qg_reply *reply = qg_reply_create();
	reply->id = copy(id);
	reply->bot = copy(BOT);
	reply->chat = copy(chat);
	reply->conversation = qg_str_printf(BOT "/%s", chat);
	reply->text = copy(text);
	reply->answers = json_array();
	reply->usage.model = copy("offline");
	reply->usage.cost = copy("{\"CNY\":0}");
	return reply;
}

enum qg_status put(const struct put *p)
{
	struct simple simple = {0};
	const char *bot = p->bot != NULL ? p->bot : BOT;
	const char *chat = p->chat != NULL ? p->chat : CHAT;
	char *name =
		p->conversation != NULL ? copy(p->conversation) : qg_str_printf("%s/%s", bot, chat);
	struct qg_message *message = qg_message_create();
	message->id = copy(p->id);
	message->kind = p->kind;
	message->chat = copy(chat);
	message->thread = copy(p->thread);
	message->sender = copy(p->sender != NULL ? p->sender : "li");
	message->text = copy(p->text != NULL ? p->text : "hi");
	message->feed_event = copy(p->event);
	struct qg_reply *refusal = p->refusal != NULL ? make_reply(p->refusal, chat, "full") : NULL;
	struct qg_ingest ingest = {.bot = bot,
		.conversation = name,
		.message = message,
		.window_ms = p->window_ms > 0 ? p->window_ms : 3600000,
		.selected = !p->unselected,
		.now = p->now != 0 ? p->now : NOW,
		.refusal = refusal};
	qg_queue_ingest(ann, &ingest, simple_answer, &simple);
	qg_message_destroy(message);
	qg_reply_destroy(refusal);
	free(name);
	return wait_simple(&simple);
}

/* ---- turns ---- */

struct entries {
	bool came;
	enum qg_status status;
	struct qg_entry *out;
	size_t count;
};

static void entries_came(void *arg, enum qg_status status, struct qg_entry *entries, size_t count)
{
	struct entries *came = arg;
	came->came = true;
	came->status = status;
	came->count = count;
	for (size_t i = 0; i < count && came->out != NULL; i++) {
		came->out[i] = entries[i];
		entries[i] = (struct qg_entry){0};
	}
	qg_loop_stop(loop);
}

size_t pull(struct qg_queue *queue, unsigned most, unsigned each, const char *const *skip,
	struct qg_entry *entries_out)
{
	struct entries came = {.out = entries_out};
	qg_queue_pull(queue, 0, most, each, skip, entries_came, &came);
	wait_for(&came.came);
	ck_assert_int_eq(came.status, QG_OK);
	return came.count;
}

struct qg_entry pull_one(struct qg_queue *queue)
{
	struct qg_entry entries[MOST] = {0};
	ck_assert_uint_eq(pull(queue, MOST, MOST, NULL, entries), 1);
	return entries[0];
}

void expect_no_entry(struct qg_queue *queue)
{
	struct qg_entry entries[MOST];
	ck_assert_uint_eq(pull(queue, MOST, MOST, NULL, entries), 0);
}

struct batch {
	bool came;
	enum qg_status status;
	struct qg_batch *out;
};

static void batch_came(void *arg, enum qg_status status, struct qg_batch *batch)
{
	struct batch *came = arg;
	came->came = true;
	came->status = status;
	if (status == QG_OK && came->out != NULL) {
		*came->out = *batch;
		*batch = (struct qg_batch){0};
	}
	qg_loop_stop(loop);
}

enum qg_status take(
	struct qg_queue *queue, const struct qg_entry *entry, struct qg_batch *batch_out)
{
	struct batch came = {.out = batch_out};
	qg_queue_take(queue, entry, batch_came, &came);
	wait_for(&came.came);
	return came.status;
}

void expect_batch(struct qg_queue *queue, const struct qg_entry *entry, const char *ids)
{
	struct qg_batch batch = {0};
	char joined[1024] = "";
	ck_assert_int_eq(take(queue, entry, &batch), QG_OK);
	for (size_t i = 0; i < batch.count; i++) {
		size_t used = strlen(joined);
		snprintf(joined + used, sizeof(joined) - used, "%s%s", i > 0 ? " " : "",
			batch.messages[i]->id);
	}
	ck_assert_str_eq(joined, ids);
	qg_batch_finish(&batch);
}

enum qg_status done(
	struct qg_queue *queue, const struct qg_entry *entry, const struct qg_done *what)
{
	struct simple simple = {0};
	qg_queue_done(queue, entry, what, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status answer(struct qg_queue *queue, const struct qg_entry *entry, const char *id)
{
	struct qg_reply *reply =
		id != NULL ? make_reply(id, entry->conversation + strlen(entry->bot) + 1, "answer")
			   : NULL;
	enum qg_status status =
		done(queue, entry, &(struct qg_done){.replies = &reply, .reply_count = id != NULL});
	qg_reply_destroy(reply);
	return status;
}

enum qg_status fail_turn(struct qg_queue *queue, const struct qg_entry *entry, const char *apology,
	const char *notice)
{
	struct simple simple = {0};
	struct qg_reply *sorry = apology != NULL ? make_reply(apology, CHAT, "sorry") : NULL;
	struct qg_reply *gave_up = notice != NULL ? make_reply(notice, CHAT, "gave up") : NULL;
	qg_queue_fail(queue, entry, "broken", NOW + 1000, sorry, gave_up, simple_answer, &simple);
	qg_reply_destroy(sorry);
	qg_reply_destroy(gave_up);
	return wait_simple(&simple);
}

enum qg_status give(struct qg_queue *queue, const struct qg_entry *entry)
{
	struct simple simple = {0};
	qg_queue_give_back(queue, entry, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status beat(struct qg_queue *queue, const struct qg_entry *entry)
{
	struct simple simple = {0};
	qg_queue_beat(queue, entry, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status draft(
	struct qg_queue *queue, const struct qg_entry *entry, int64_t sequence, const char *text)
{
	struct simple simple = {0};
	json_t *answers = json_pack("[s]", "m1");
	struct qg_draft snapshot = {.reply = reply_id('d'),
		.bot = BOT,
		.chat = CHAT,
		.conversation = entry->conversation,
		.answers = answers,
		.sequence = sequence,
		.text = text};
	qg_queue_draft(queue, entry, &snapshot, simple_answer, &simple);
	json_decref(answers);
	return wait_simple(&simple);
}

struct rows {
	bool came;
	struct qg_pending *out;
	size_t count;
};

static void rows_came(void *arg, enum qg_status status, struct qg_pending *rows, size_t count)
{
	struct rows *came = arg;
	ck_assert_int_eq(status, QG_OK);
	ck_assert_uint_le(count, MOST);
	came->came = true;
	came->count = count;
	for (size_t i = 0; i < count; i++) {
		came->out[i] = rows[i];
		rows[i] = (struct qg_pending){0};
	}
	qg_loop_stop(loop);
}

size_t pending(struct qg_pending *rows_out)
{
	struct rows came = {.out = rows_out};
	qg_queue_pending(ann, 0, rows_came, &came);
	wait_for(&came.came);
	return came.count;
}

struct qg_pending pending_of(const char *conversation)
{
	struct qg_pending rows[MOST], found = {0};
	size_t count = pending(rows);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].entry.conversation, conversation) == 0) {
			found = rows[i];
		} else {
			qg_pending_finish(&rows[i]);
		}
	}
	ck_assert_msg(found.owner != NULL, "%s is not pending", conversation);
	return found;
}

enum qg_status claim(
	struct qg_queue *queue, const struct qg_pending *seen, struct qg_entry *entry_out)
{
	struct entries came = {.out = entry_out};
	qg_queue_claim(queue, seen, entries_came, &came);
	wait_for(&came.came);
	ck_assert_uint_eq(came.count, came.status == QG_OK ? 1 : 0);
	return came.status;
}

struct qg_entry claim_now(struct qg_queue *queue, const char *conversation)
{
	struct qg_pending seen = pending_of(conversation);
	struct qg_entry entry = {0};
	ck_assert_int_eq(claim(queue, &seen, &entry), QG_OK);
	qg_pending_finish(&seen);
	return entry;
}

struct moved {
	bool came;
	size_t count;
};

static void moved(void *arg, enum qg_status status, size_t count)
{
	struct moved *came = arg;
	ck_assert_int_eq(status, QG_OK);
	came->came = true;
	came->count = count;
	qg_loop_stop(loop);
}

size_t due(int64_t now)
{
	struct moved came = {0};
	qg_queue_due(ann, 0, now, moved, &came);
	wait_for(&came.came);
	return came.count;
}

/* ---- out ---- */

static uint64_t fence_given;

static void fence_came(void *arg, enum qg_status status, uint64_t fence)
{
	fence_given = fence;
	simple_answer(arg, status);
}

enum qg_status adopt_over(const char *bot, const char *link, uint64_t epoch, uint64_t *fence_out)
{
	struct simple simple = {0};
	qg_out_adopt(ann, bot, link, epoch, fence_came, &simple);
	enum qg_status status = wait_simple(&simple);
	*fence_out = fence_given;
	return status;
}

enum qg_status adopt(const char *bot, uint64_t epoch)
{
	uint64_t fence;
	return adopt_over(bot, "bot:shop", epoch, &fence);
}

struct heads {
	bool came;
	enum qg_status status;
	struct qg_head *out;
	size_t count;
	int64_t next;
};

static void heads_came(
	void *arg, enum qg_status status, struct qg_head *list, size_t count, int64_t next_due)
{
	struct heads *came = arg;
	ck_assert_uint_le(count, MOST);
	came->came = true;
	came->status = status;
	came->count = count;
	came->next = next_due;
	for (size_t i = 0; i < count; i++) {
		came->out[i] = list[i];
		list[i] = (struct qg_head){0};
	}
	qg_loop_stop(loop);
}

enum qg_status heads_beside(uint64_t epoch, int64_t now, unsigned most,
	const char *const *under_way, size_t under_way_count, struct qg_head *heads_out,
	size_t *count_out, int64_t *next_out)
{
	struct heads came = {.out = heads_out};
	qg_out_heads(ann, BOT, epoch, now, most, under_way, under_way_count, heads_came, &came);
	wait_for(&came.came);
	*count_out = came.count;
	if (next_out != NULL) {
		*next_out = came.next;
	}
	return came.status;
}

enum qg_status heads(uint64_t epoch, int64_t now, unsigned most, struct qg_head *heads_out,
	size_t *count_out, int64_t *next_out)
{
	return heads_beside(epoch, now, most, NULL, 0, heads_out, count_out, next_out);
}

void expect_heads(uint64_t epoch, const char *words)
{
	struct qg_head list[MOST];
	char joined[1024] = "";
	size_t count;
	ck_assert_int_eq(heads(epoch, NOW, MOST, list, &count, NULL), QG_OK);
	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(joined);
		snprintf(joined + used, sizeof(joined) - used, "%s%s:%c", i > 0 ? " " : "",
			list[i].chat, list[i].id[0]);
		qg_head_finish(&list[i]);
	}
	ck_assert_str_eq(joined, words);
}

enum qg_status start(const struct qg_part *part, const char *parts)
{
	struct simple simple = {0};
	qg_out_start(ann, part, parts, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status land(const struct qg_part *part, bool last)
{
	struct simple simple = {0};
	qg_out_land(ann, part, last, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status put_off(const struct qg_part *part, int64_t until, unsigned attempts)
{
	struct simple simple = {0};
	qg_out_wait(ann, part, until, attempts, false, QG_FORM_RICH, simple_answer, &simple);
	return wait_simple(&simple);
}

enum qg_status bury(const struct qg_part *part, const char *reason)
{
	struct simple simple = {0};
	qg_out_dead(ann, part, reason, NOW, simple_answer, &simple);
	return wait_simple(&simple);
}

size_t land_all(uint64_t epoch)
{
	struct qg_head list[MOST];
	size_t landed = 0, count;
	do {
		ck_assert_int_eq(heads(epoch, INT64_MAX / 2, MOST, list, &count, NULL), QG_OK);
		for (size_t i = 0; i < count; i++) {
			struct qg_part part = {BOT, list[i].chat, list[i].id, epoch, 0};
			ck_assert_int_eq(start(&part, NULL), QG_OK);
			ck_assert_int_eq(land(&part, true), QG_OK);
			qg_head_finish(&list[i]);
			landed++;
		}
	} while (count > 0);
	return landed;
}
