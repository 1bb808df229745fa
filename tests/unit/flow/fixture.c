/* fixture.c - the world of these tests: a Redis, gateways on it, messages in and replies out. */
#include "fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

enum { PATIENCE_MS = 10000, TICK_MS = 2, CONFIGS = 8, LOOKS = 3 };

struct qg_test_redis *server;
struct qg_loop *loop;
const char *dead_process;
bool redis_keeps_all;
struct node ann, ben;

static struct qg_config *configs[CONFIGS];
static size_t config_count;
static int64_t stopped_wall;
static uint64_t stopped_mono;

bool qg_process_is_dead(const struct qg_core *core, const char *process)
{
	return qg_str_equal(dead_process, process);
}

/* ---- waiting ---- */

struct waiting {
	bool (*holds)(void *arg);
	void *arg;
	uint64_t since;
};

static uint64_t real_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void look_at(void *arg)
{
	const struct waiting *waiting = arg;
	if (waiting->holds(waiting->arg)) {
		qg_loop_stop(loop);
	} else if (real_ms() - waiting->since > PATIENCE_MS) {
		ck_abort_msg("it does not come about");
	}
}

void wait_until(bool (*holds)(void *arg), void *arg)
{
	struct waiting waiting = {holds, arg, real_ms()};
	struct qg_timer *timer = qg_timer_create(loop, look_at, &waiting);
	qg_timer_repeat(timer, TICK_MS);
	qg_loop_run(loop);
	qg_timer_destroy(timer);
}

static bool owns(void *arg)
{
	const struct bot *bot = bots_find(((struct node *)arg)->gateway, BOT);
	return bot != NULL && bot->link->owned && bot->adopted;
}

void wait_owner(struct node *node)
{
	wait_until(owns, node);
}

static bool sends_came(void *arg)
{
	return platform.send_count >= *(size_t *)arg;
}

void wait_sends(size_t count)
{
	wait_until(sends_came, &count);
	ck_assert_uint_eq(platform.send_count, count);
}

static bool is_past(void *arg)
{
	return real_ms() >= *(uint64_t *)arg;
}

void run_looks(void)
{
	uint64_t until = real_ms() + LOOKS * qg_clock_scaled(LOOK_MS);
	wait_until(is_past, &until);
}

void clock_stop(void)
{
	stopped_wall = qg_clock_wall();
	stopped_mono = qg_clock_mono();
	qg_clock_fix(stopped_wall, stopped_mono);
}

void clock_move(int64_t wall_ms, uint64_t mono_ms)
{
	stopped_wall += wall_ms;
	stopped_mono += mono_ms;
	qg_clock_fix(stopped_wall, stopped_mono);
}

/* ---- config and gateways ---- */

struct qg_bot_config a_bot(const char *name, const char *platform_name, const char *fingerprint)
{
	struct qg_bot_config bot = {.name = (char *)name,
		.template_id = "shop",
		.platform = (char *)platform_name,
		.trigger = QG_TRIGGER_ALWAYS};
	snprintf(bot.fingerprint, sizeof(bot.fingerprint), "%s", fingerprint);
	return bot;
}

void config_bots(const struct qg_bot_config *bots, size_t count)
{
	ck_assert_uint_lt(config_count, CONFIGS);
	struct qg_config *config = calloc(1, sizeof(*config));
	config->references = 1000; /* the test frees it */
	config->bots = calloc(count + 1, sizeof(*config->bots));
	for (size_t i = 0; i < count; i++) {
		config->bots[i] = bots[i];
	}
	config->bot_count = count;
	configs[config_count++] = config;
}

void config_bot(const struct qg_bot_config *bot)
{
	config_bots(bot, bot != NULL ? 1 : 0);
}

static void connection_changed(void *arg, bool connected, const char *why)
{
	struct node *node = arg;
	node->core.redis_up = connected;
	if (node->gateway != NULL) {
		qg_gateway_redis_changed(node->gateway, connected);
	}
}

void node_start(struct node *node, const char *process)
{
	char error[128];
	struct qg_redis_options options = {.url = qg_test_redis_url(server),
		.scripts = qg_queue_scripts,
		.changed = connection_changed,
		.arg = node};
	*node = (struct node){.core = {.loop = loop,
				      .config = configs[config_count - 1],
				      .redis_url = options.url,
				      .process = process}};
	node->core.redis = qg_redis_create(loop, &options, error);
	ck_assert_msg(node->core.redis != NULL, "%s", error);
	node->core.queue = qg_queue_create(node->core.redis, 1, process);
	node->gateway = qg_gateway_create(&node->core);
	ck_assert_ptr_nonnull(node->gateway);
}

void node_crash(struct node *node)
{
	qg_redis_destroy(node->core.redis);
	node->core.redis = NULL;
	qg_gateway_destroy(node->gateway);
	qg_queue_destroy(node->core.queue);
	*node = (struct node){0};
}

static void drained(void *arg)
{
	struct node *node = arg;
	ck_assert(!node->drained);
	node->drained = true;
}

static bool is_drained(void *arg)
{
	return ((struct node *)arg)->drained;
}

static bool is_answered(void *arg)
{
	return qg_redis_outstanding(((struct node *)arg)->core.redis) == 0;
}

void node_drain(struct node *node)
{
	node->core.draining = true;
	qg_gateway_drain(node->gateway, 2000, drained, node);
	wait_until(is_drained, node);
	wait_until(is_answered, node);
}

void node_reload(struct node *node)
{
	node->core.config = configs[config_count - 1];
	qg_gateway_reload(node->gateway);
}

struct bot *bot_at(struct node *node)
{
	struct bot *bot = bots_find(node->gateway, BOT);
	ck_assert_ptr_nonnull(bot);
	return bot;
}

static void setup(void)
{
	struct qg_bot_config bot = a_bot(BOT, "push", "1");
	server = qg_test_redis_start(redis_keeps_all);
	loop = qg_loop_create(1);
	config_bot(&bot);
}

static void teardown(void)
{
	qg_clock_fix(-1, 0);
	node_crash(&ann);
	node_crash(&ben);
	for (size_t i = 0; i < config_count; i++) {
		free(configs[i]->bots);
		free(configs[i]);
	}
	qg_loop_destroy(loop);
	qg_test_redis_stop(server);
}

void fixture_add(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
}

int fixture_run(Suite *suite)
{
	setenv("QUNGONG_TEST_SCALE", "20", 1); /* looks each 50 ms, renewals each 100 */
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- messages in ---- */

static void stored(void *arg, enum qg_status status)
{
	struct answer *answer = arg;
	answer->times++;
	answer->status = status;
	ck_assert_uint_eq(answer->times, 1);
}

void hear(struct node *node, const struct say *say, struct answer *answer)
{
	struct bot *bot = bot_at(node);
	struct qg_message *message = qg_message_create();
	message->id = qg_str_copy(say->id);
	message->chat = qg_str_copy(say->chat != NULL ? say->chat : "c1");
	message->chat_type = say->direct ? QG_CHAT_DIRECT : QG_CHAT_GROUP;
	message->sender = qg_str_copy(say->sender != NULL ? say->sender : "li");
	message->text = qg_str_copy(say->text != NULL ? say->text : "hi");
	message->mentions_bot = say->mentions;
	*answer = (struct answer){0};
	bot->bot.host->receive(&bot->bot, message, stored, answer);
	ck_assert_uint_eq(answer->times, 0);
}

static bool answer_came(void *arg)
{
	return ((const struct answer *)arg)->times > 0;
}

void wait_answer(const struct answer *answer)
{
	wait_until(answer_came, (void *)answer);
}

/* ---- Redis ---- */

static void put(const char *chat, char id, const char *text, bool notice,
	void (*change)(struct qg_reply *reply))
{
	struct qg_reply *reply = qg_reply_create();
	char key[64];
	reply->id = malloc(33);
	memset(reply->id, id, 32);
	reply->id[32] = '\0';
	reply->bot = qg_str_copy(BOT);
	reply->chat = qg_str_copy(chat);
	reply->conversation = qg_str_printf(BOT "/%s", chat);
	reply->text = qg_str_copy(text);
	reply->chat_type = notice ? QG_CHAT_DIRECT : QG_CHAT_GROUP;
	reply->answers = notice ? json_array() : json_pack("[s]", "m1");
	reply->usage.model = qg_str_copy("offline");
	reply->usage.cost = qg_str_copy("{\"CNY\":0}");
	if (change != NULL) {
		change(reply);
	}
	char *wire = qg_reply_encode(reply);
	ck_assert_ptr_nonnull(wire);
	snprintf(key, sizeof(key), "qg:{0}:o:" BOT ":%s", chat);
	qg_test_redis_do(server, "RPUSH", key, wire, NULL);
	qg_test_redis_do(server, "ZADD", "qg:{0}:w:" BOT, "NX", "1", chat, NULL);
	free(wire);
	qg_reply_destroy(reply);
}

void put_silently(const char *chat, char id, const char *text)
{
	put(chat, id, text, false, NULL);
}

void put_reply(const char *chat, char id, const char *text)
{
	put_silently(chat, id, text);
	qg_test_redis_do(server, "PUBLISH", "qg:{0}:send", BOT, NULL);
}

void put_changed(const char *chat, char id, void (*change)(struct qg_reply *reply))
{
	put(chat, id, "text", false, change);
	qg_test_redis_do(server, "PUBLISH", "qg:{0}:send", BOT, NULL);
}

void put_notice(const char *chat, char id, const char *text)
{
	put(chat, id, text, true, NULL);
	qg_test_redis_do(server, "PUBLISH", "qg:{0}:send", BOT, NULL);
}

static struct qg_redis_reply *ask(const char *verb, const char *key, va_list args)
{
	const char *words[16];
	char name[128], error[128];
	int count = 2;
	snprintf(name, sizeof(name), "qg:{0}:%s", key);
	words[0] = verb;
	words[1] = name;
	for (const char *word; (word = va_arg(args, const char *)) != NULL;) {
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
	struct qg_redis_reply *reply = ask(verb, key, args);
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
	struct qg_redis_reply *reply = ask(verb, key, args);
	va_end(args);
	char *text = reply->type == QG_REPLY_STRING ? qg_str_copy(reply->text) : NULL;
	qg_redis_reply_free(reply);
	return text;
}
