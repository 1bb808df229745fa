/* fixture.c - the world of these tests: a Redis, gateways on it, messages in and replies out. */
#include "fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

enum { CONFIGS = 8, LOOKS = 3 };

const char *dead_process;
bool redis_keeps_all;
struct node ann, ben;

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

void run_looks(void)
{
	run_ms(LOOKS * qg_clock_scaled(LOOK_MS));
}

static bool listen(void *arg)
{
	static const char *const words[] = {"PUBSUB", "NUMSUB", "qg:{0}:send", "qg:{0}:draft"};
	char error[128];
	struct qg_redis_reply *reply =
		qg_redis_ask(qg_test_redis_url(server), error, 4, words, NULL);
	ck_assert_msg(
		reply != NULL && reply->type == QG_REPLY_ARRAY && reply->count == 4, "%s", error);
	int64_t count = *(int64_t *)arg;
	bool all = reply->items[1].integer >= count && reply->items[3].integer >= count;
	qg_redis_reply_free(reply);
	return all;
}

void wait_listeners(int64_t count)
{
	wait_until(listen, &count);
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
	clock_count(is_owed);
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
