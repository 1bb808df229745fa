/* fixture.c - the world of these tests: a Redis, somebody who feeds it, and workers. */
#include "fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

enum { CONFIGS = 8, CONFIG_BOTS = 4, LOOKS = 3, QUEUES = 8 };

const char *dead_process;
bool redis_keeps_all;
struct node ann, ben;

static struct node feeder;
static struct qg_queue *queues[QUEUES];
static size_t queue_count;
static struct qg_config *configs[CONFIGS];
static size_t config_count;

bool qg_process_is_dead(const struct qg_core *core, const char *process)
{
	return qg_str_equal(dead_process, process);
}

/* ---- waiting ---- */

static bool is_owed(void)
{
	return redis_owes(ann.core.redis) || redis_owes(ben.core.redis);
}

void run_looks(void)
{
	run_ms(LOOKS * qg_clock_scaled(LOOK_MS));
}

/* ---- platforms ---- */

const struct qg_adapter *told_adapter;

const struct qg_adapter *qg_adapter_find(const char *name)
{
	return told_adapter != NULL && strcmp(name, "told") == 0 ? told_adapter : NULL;
}

/* ---- config and workers ---- */

struct qg_bot_config a_bot(const char *name, const char *fingerprint)
{
	struct qg_bot_config bot = {.name = (char *)name,
		.template_id = "restaurant",
		.platform = "web",
		.language = "zh",
		.ai_label = "AI 生成",
		.answer_tokens = 1200};
	snprintf(bot.fingerprint, sizeof(bot.fingerprint), "%s", fingerprint);
	return bot;
}

void config_bots(const struct qg_bot_config *bot, ...)
{
	ck_assert_uint_lt(config_count, CONFIGS);
	struct qg_config *config = calloc(1, sizeof(*config));
	config->references = 1000; /* the test frees it */
	config->bots = calloc(CONFIG_BOTS, sizeof(*config->bots));
	va_list args;
	va_start(args, bot);
	for (; bot != NULL; bot = va_arg(args, const struct qg_bot_config *)) {
		ck_assert_uint_lt(config->bot_count, CONFIG_BOTS);
		config->bots[config->bot_count++] = *bot;
	}
	va_end(args);
	configs[config_count++] = config;
}

struct qg_config *config_last(void)
{
	return configs[config_count - 1];
}

static void connection_changed(void *arg, bool connected, const char *why)
{
	struct node *node = arg;
	node->core.redis_up = connected;
	if (node->worker != NULL) {
		qg_worker_redis_changed(node->worker, connected);
	}
}

static void connect_node(struct node *node, const char *process)
{
	char error[128];
	struct qg_redis_options options = {.url = qg_test_redis_url(server),
		.scripts = qg_queue_scripts,
		.changed = connection_changed,
		.arg = node};
	*node = (struct node){.core = {.loop = loop,
				      .config = config_count > 0 ? configs[config_count - 1] : NULL,
				      .redis_url = options.url,
				      .process = process}};
	node->core.redis = qg_redis_create(loop, &options, error);
	ck_assert_msg(node->core.redis != NULL, "%s", error);
	node->core.queue = qg_queue_create(node->core.redis, 1, process);
}

void node_start(struct node *node, const char *process)
{
	connect_node(node, process);
	node->worker = qg_worker_create(&node->core);
	ck_assert_ptr_nonnull(node->worker);
}

void node_crash(struct node *node)
{
	qg_redis_destroy(node->core.redis);
	node->core.redis = NULL;
	qg_worker_destroy(node->worker);
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

void node_drain(struct node *node, unsigned timeout_ms)
{
	node->core.draining = true;
	qg_worker_drain(node->worker, timeout_ms, drained, node);
	wait_until(is_drained, node);
}

void node_settle(struct node *node)
{
	wait_until(is_answered, node);
}

void node_reload(struct node *node)
{
	node->core.config = configs[config_count - 1];
	qg_worker_reload(node->worker);
}

static bool is_up(void *arg)
{
	return ((struct node *)arg)->core.redis_up;
}

static void setup(void)
{
	struct qg_bot_config bot = a_bot(BOT, "1");
	server = qg_test_redis_start(redis_keeps_all);
	loop = qg_loop_create(2);
	clock_count(is_owed);
	config_bots(&bot, NULL);
	connect_node(&feeder, "feeder");
	wait_until(is_up, &feeder);
}

static void teardown(void)
{
	qg_clock_fix(-1, 0);
	node_crash(&ann);
	node_crash(&ben);
	for (size_t i = 0; i < queue_count; i++) {
		qg_queue_destroy(queues[i]);
	}
	node_crash(&feeder);
	qg_loop_destroy(loop);
	for (size_t i = 0; i < config_count; i++) {
		free(configs[i]->bots);
		free(configs[i]);
	}
	qg_test_redis_stop(server);
}

/* Each test is a process of its own, and the scale is read when it is first asked for. */
static void setup_slow(void)
{
	setenv("QUNGONG_TEST_SCALE", "5", 1);
	setup();
}

void fixture_add_slow(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup_slow, teardown);
	tcase_set_timeout(tcase, 60);
}

void fixture_add(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
}

int fixture_run(Suite *suite)
{
	/* looks each 40 ms, beats each 200, claims after 1,200 */
	setenv("QUNGONG_TEST_SCALE", "25", 1);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- Redis ---- */

struct stored {
	bool came;
	enum qg_status status;
};

static void stored(void *arg, enum qg_status status)
{
	struct stored *stored = arg;
	stored->came = true;
	stored->status = status;
}

static bool is_stored(void *arg)
{
	return ((const struct stored *)arg)->came;
}

/* Takes attachments. */
static void store_message(const char *bot, const char *chat, const char *id, const char *text,
	const char *handle, json_t *attachments)
{
	struct stored answer = {0};
	struct qg_message *message = qg_message_create();
	char *name = qg_str_printf("%s/%s", bot, chat);
	message->id = qg_str_copy(id);
	message->chat = qg_str_copy(chat);
	message->sender = qg_str_copy("li");
	message->text = qg_str_copy(text);
	message->handle = qg_str_copy(handle);
	message->mentions_bot = true;
	message->attachments = attachments;
	struct qg_ingest ingest = {.bot = bot,
		.conversation = name,
		.message = message,
		.window_ms = 3600000,
		.selected = true,
		.now = qg_clock_wall()};
	qg_queue_ingest(feeder.core.queue, &ingest, stored, &answer);
	wait_until(is_stored, &answer);
	ck_assert_int_eq(answer.status, QG_OK);
	qg_message_destroy(message);
	free(name);
}

void store(const char *bot, const char *chat, const char *id, const char *text)
{
	store_message(bot, chat, id, text, NULL, NULL);
}

void store_handled(const char *bot, const char *chat, const char *id, const char *handle)
{
	store_message(bot, chat, id, "hello", handle, NULL);
}

void store_attached(const char *bot, const char *chat, const char *id, json_t *attachments)
{
	store_message(bot, chat, id, "hello", NULL, attachments);
}

struct qg_queue *queue_as(const char *consumer)
{
	ck_assert_uint_lt(queue_count, QUEUES);
	return queues[queue_count++] = qg_queue_create(feeder.core.redis, 1, consumer);
}

struct out_list {
	char key[64];
	int64_t count;
};

static bool has_replies(void *arg)
{
	const struct out_list *list = arg;
	return ask_int("LLEN", list->key, NULL) >= list->count;
}

void wait_replies(const char *chat, int64_t count)
{
	struct out_list list = {.count = count};
	snprintf(list.key, sizeof(list.key), "o:" BOT ":%s", chat);
	wait_until(has_replies, &list);
	ck_assert_int_eq(ask_int("LLEN", list.key, NULL), count);
}

struct qg_reply *reply_at(const char *chat, const char *index)
{
	char key[64], error[128];
	snprintf(key, sizeof(key), "o:" BOT ":%s", chat);
	char *wire = ask_text("LINDEX", key, index, NULL);
	ck_assert_ptr_nonnull(wire);
	struct qg_reply *reply = qg_reply_decode(wire, strlen(wire), error);
	ck_assert_msg(reply != NULL, "%s", error);
	free(wire);
	return reply;
}

void set_writable(bool writable)
{
	qg_test_redis_do(
		server, "CONFIG", "SET", "min-replicas-to-write", writable ? "0" : "1", NULL);
}
