/* redis_world.c - waiting on a loop, looking into a Redis, clocks: what fixtures share that have both. */
#include "redis_world.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "qg/clock.h"
#include "qg/redis.h"
#include "qg/str.h"

enum { PATIENCE_MS = 40000, TICK_MS = 2, STEP_MOST_MS = 10, WORDS_MOST = 32 };

struct qg_test_redis *server;
struct qg_loop *loop;

static int64_t stopped_wall;
static uint64_t stopped_mono;
static bool clock_goes;
static bool (*is_owed)(void);
/* Real time that was the loop's to use. */
static uint64_t counted;

/* ---- waiting ---- */

struct waiting {
	bool (*holds)(void *arg);
	void *arg;
	uint64_t since, looked;
};

static uint64_t real_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Of a long absence, of ours or of the whole machine, only a step counts, and of the time until Redis has answered
 * nothing: timers that were due meanwhile have had their turn, and what they asked has its answer. */
static void count(struct waiting *waiting)
{
	uint64_t now = real_ms(), passed = now - waiting->looked;
	waiting->looked = now;
	if (is_owed != NULL && is_owed()) {
		return;
	}
	passed = passed < STEP_MOST_MS ? passed : STEP_MOST_MS;
	counted += passed;
	if (clock_goes) {
		clock_move((int64_t)passed, passed);
	}
}

static void look_at(void *arg)
{
	struct waiting *waiting = arg;
	count(waiting);
	if (waiting->holds(waiting->arg)) {
		qg_loop_stop(loop);
	} else if (real_ms() - waiting->since > PATIENCE_MS) {
		ck_abort_msg("it does not come about");
	}
}

void wait_until(bool (*holds)(void *arg), void *arg)
{
	uint64_t now = real_ms();
	struct waiting waiting = {holds, arg, now, now};
	struct qg_timer *timer = qg_timer_create(loop, look_at, &waiting);
	qg_timer_repeat(timer, TICK_MS);
	qg_loop_run(loop);
	qg_timer_destroy(timer);
}

static bool is_past(void *arg)
{
	return counted >= *(uint64_t *)arg;
}

void run_ms(uint64_t milliseconds)
{
	uint64_t until = counted + milliseconds;
	wait_until(is_past, &until);
}

/* ---- clocks ---- */

void clock_stop(void)
{
	clock_goes = false;
	stopped_wall = qg_clock_wall();
	stopped_mono = qg_clock_mono();
	qg_clock_fix(stopped_wall, stopped_mono);
}

void clock_count(bool (*owed)(void))
{
	clock_stop();
	clock_goes = true;
	is_owed = owed;
}

bool redis_owes(const struct qg_redis *redis)
{
	return redis != NULL && qg_test_redis_serves(server) &&
	       (!qg_redis_is_up(redis) || qg_redis_outstanding(redis) > 0);
}

void clock_move(int64_t wall_ms, uint64_t mono_ms)
{
	stopped_wall += wall_ms;
	stopped_mono += mono_ms;
	qg_clock_fix(stopped_wall, stopped_mono);
}

/* ---- looking into Redis ---- */

struct qg_redis_reply *ask_words(const char *verb, const char *key, va_list args)
{
	const char *words[WORDS_MOST];
	char name[256], error[128];
	int count = 2;
	snprintf(name, sizeof(name), "qg:{0}:%s", key);
	words[0] = verb;
	words[1] = name;
	for (const char *word; (word = va_arg(args, const char *)) != NULL;) {
		ck_assert_int_lt(count, WORDS_MOST);
		words[count++] = word;
	}
	struct qg_redis_reply *reply =
		qg_redis_ask(qg_test_redis_url(server), error, count, words, NULL);
	ck_assert_msg(reply != NULL && reply->type != QG_REPLY_ERROR, "%s %s: %s", verb, key,
		reply != NULL ? reply->text : error);
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

char *ask_text(const char *verb, const char *key, ...)
{
	va_list args;
	va_start(args, key);
	struct qg_redis_reply *reply = ask_words(verb, key, args);
	va_end(args);
	char *text = reply->type == QG_REPLY_STRING ? qg_str_copy(reply->text) : NULL;
	qg_redis_reply_free(reply);
	return text;
}
