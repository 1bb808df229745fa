/* welcome.c - a bot that was just hired: a code for its first admin, and a question to its platform.
 *
 * The code (later ones by `qungong bind`) goes into the Redis of the config, the running one or a private one started for this moment. Whether the
 * credentials work is asked by the adapter itself, over a bot that is never started. */
#include "hire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"
#include "qg/adapter.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/fetch.h"
#include "qg/queue.h"
#include "qg/redis.h"

enum { PATIENCE_MS = 20000, CODE_MS = 15 * 60 * 1000 };

struct visit {
	const struct qg_cli *cli;
	struct qg_config *config;
	const struct qg_bot_config *bot_config;
	struct qg_welcome *welcome;
	struct qg_loop *loop;
	struct qg_timer *timer;
	struct qg_redis *redis;
	struct qg_queue *queue;
	struct qg_http_client *http;
	struct qg_bot bot;
	char digest[33];
	bool offered;
};

static void too_late(void *arg)
{
	qg_loop_stop(((struct visit *)arg)->loop);
}

static void wait_for_answer(struct visit *visit)
{
	qg_timer_start(visit->timer, PATIENCE_MS);
	qg_loop_run(visit->loop);
	qg_timer_stop(visit->timer);
}

/* ---- the code ---- */

static void on_offered(void *arg, enum qg_status status)
{
	struct visit *visit = arg;
	if (status == QG_OK) {
		visit->offered = true;
		qg_loop_stop(visit->loop);
	} /* else when the connection is back, or never */
}

static void on_redis(void *arg, bool connected, const char *why)
{
	struct visit *visit = arg;
	if (connected && !visit->offered) {
		qg_bind_offer(visit->queue, visit->bot_config->name, visit->digest,
			visit->welcome->until, on_offered, visit);
	}
}

static void offer_code(struct visit *visit, const struct qg_cli_store *store)
{
	char error[128] = "", code[8], consumer[40] = "hire-";
	struct qg_redis_options options = {.url = qg_cli_store_url(store),
		.scripts = qg_queue_scripts,
		.changed = on_redis,
		.arg = visit};
	snprintf(code, sizeof(code), "%06u", (unsigned)qg_random_below(1000000));
	qg_bind_digest(visit->bot_config->name, code, visit->digest);
	qg_random_hex(consumer + strlen(consumer), 8);
	visit->welcome->until = qg_clock_wall() + CODE_MS;
	visit->redis = qg_redis_create(visit->loop, &options, error);
	visit->queue = visit->redis ? qg_queue_create(visit->redis, qg_cli_store_partitions(store),
					      consumer)
				    : NULL;
	if (!visit->queue) {
		qg_cli_say(
			visit->cli, QG_CLI_FAILED, "Redis: %s", *error ? error : "out of memory");
		return;
	}
	wait_for_answer(visit);
	if (!visit->offered) {
		visit->welcome->until = 0;
	} else {
		snprintf(visit->welcome->code, sizeof(visit->welcome->code), "%s", code);
	}
}

void qg_cli_say_code(const struct qg_welcome *welcome)
{
	printf("绑定管理员：15 分钟内在单聊里发给它 to become its admin, send it in a direct "
	       "chat:\n\n  /绑定 %s\n\n然后在群里 then in the group: @它 /启用\n",
		welcome->code);
}

/* ---- the platform ---- */

static void on_receive(struct qg_bot *bot, struct qg_message *msg, qg_stored_fn stored, void *arg)
{
	qg_message_destroy(msg); /* it was never started: nothing comes */
}

static void on_sent(
	struct qg_bot *bot, struct qg_reply *reply, enum qg_status status, unsigned retry_ms)
{
	qg_reply_destroy(reply);
}

static void on_link(struct qg_bot *bot, enum qg_link link, const char *why)
{
}

static void on_stopped(struct qg_bot *bot)
{
}

static void on_told(void *arg, enum qg_status status, const char *words)
{
	struct visit *visit = arg;
	visit->welcome->probe = status;
	snprintf(visit->welcome->words, sizeof(visit->welcome->words), "%s",
		words ? words : qg_status_text(status));
	qg_utf8_flatten(visit->welcome->words);
	qg_loop_stop(visit->loop);
}

static void ask_platform(struct visit *visit, const struct qg_adapter *adapter)
{
	static const struct qg_host host = {.receive = on_receive,
		.sent = on_sent,
		.link_changed = on_link,
		.stopped = on_stopped,
		.replay_drafts = on_stopped};
	static const struct qg_strings none;
	visit->bot = (struct qg_bot){.adapter = adapter,
		.host = &host,
		.config = visit->bot_config,
		.loop = visit->loop,
		.redis = visit->redis,
		.http = visit->http,
		.name = visit->bot_config->name,
		.prefix = "",
		.data_dir = visit->config->data_dir,
		.title = "",
		.greeting = "",
		.suggestions = &none,
		.state = calloc(1, adapter->state_size > 0 ? adapter->state_size : 1)};
	visit->welcome->probed = true;
	visit->welcome->probe = visit->bot.state ? QG_TIMEOUT : QG_NO_MEMORY;
	snprintf(visit->welcome->words, sizeof(visit->welcome->words), "%s",
		qg_status_text(visit->welcome->probe));
	if (!visit->bot.state) {
		return;
	}
	enum qg_status status = adapter->init(&visit->bot);
	if (status == QG_OK) {
		adapter->probe(&visit->bot, on_told, visit);
		wait_for_answer(visit);
	} else {
		on_told(visit, status, NULL);
	}
	adapter->finish(&visit->bot);
	free(visit->bot.state);
}

/* ---- both ---- */

void qg_cli_welcome(const struct qg_cli *cli, struct qg_config *config, const char *bot,
	bool probes, struct qg_welcome *welcome_out)
{
	*welcome_out = (struct qg_welcome){0};
	struct visit visit = {.cli = cli,
		.config = config,
		.bot_config = qg_config_bot(config, bot),
		.welcome = welcome_out,
		.loop = qg_loop_create(1)};
	visit.timer = visit.loop ? qg_timer_create(visit.loop, too_late, &visit) : NULL;
	struct qg_cli_store *store = visit.timer ? qg_cli_store_open(cli, config) : NULL;
	if (store) {
		offer_code(&visit, store);
	}
	const struct qg_adapter *adapter = qg_adapter_find(visit.bot_config->platform);
	if (probes && visit.timer && adapter && adapter->probe) {
		visit.http = qg_cli_http_client(cli, visit.loop);
		if (visit.http) {
			ask_platform(&visit, adapter);
		}
	}
	qg_redis_destroy(visit.redis);
	qg_queue_destroy(visit.queue);
	qg_http_client_destroy(visit.http);
	qg_timer_destroy(visit.timer);
	qg_loop_destroy(visit.loop);
	qg_cli_store_close(store);
}
