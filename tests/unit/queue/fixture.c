/* fixture.c - the world of these tests: a Redis, a queue on it, waiting for answers, and looks into it. */
#include "fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

enum { PATIENCE_MS = 40000 };

struct qg_redis *redis;
struct qg_queue *ann, *ben;

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
	wake();
}

void wake(void)
{
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

struct qg_redis_reply *ask(const char *verb, const char *key, ...)
{
	va_list args;
	va_start(args, key);
	struct qg_redis_reply *reply = ask_words(verb, key, args);
	va_end(args);
	return reply;
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
	wake();
}

enum qg_status wait_simple(struct simple *simple)
{
	ck_assert_msg(!simple->came, "the callback came from inside the call");
	wait_for(&simple->came);
	return simple->status;
}
