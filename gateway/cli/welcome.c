/* welcome.c - a bot that was just hired: a code for its first admin, and a question to its platform.
 *
 * The code (later ones by `qungong bind`) goes into the Redis of the config: the running one, or a private one started
 * for this moment. */
#include "hire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"
#include "probe.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/fetch.h"
#include "qg/queue.h"
#include "qg/redis.h"
#include "running.h"

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

/* A server that runs opens the link itself and tells whether it is up; it must not lose it to a question. */
static void ask_platform(struct visit *visit, const struct qg_cli_store *store)
{
	struct qg_welcome *welcome = visit->welcome;
	struct qg_cli_probe probe;
	struct qg_http_client *http = qg_cli_http_client(visit->cli, visit->loop);
	if (!http) {
		return;
	}
	welcome->running = qg_cli_is_running(visit->config, store, visit->loop, http);
	if (!welcome->running || !qg_cli_probe_kicks(visit->bot_config)) {
		qg_cli_probe(
			visit->cli, visit->config, visit->bot_config, visit->loop, http, &probe);
		welcome->probed = probe.asked;
		welcome->probe = probe.status;
		snprintf(welcome->words, sizeof(welcome->words), "%s", probe.words);
	}
	qg_http_client_destroy(http);
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
	if (store && qg_cli_hears(visit.bot_config->platform)) {
		offer_code(&visit, store);
	}
	if (probes && visit.timer) {
		ask_platform(&visit, store);
	}
	qg_redis_destroy(visit.redis);
	qg_queue_destroy(visit.queue);
	qg_timer_destroy(visit.timer);
	qg_loop_destroy(visit.loop);
	qg_cli_store_close(store);
}
