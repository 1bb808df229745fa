/* media_bot.c - bots as adapters see them where files are fetched.
 *
 * Addresses of attachments live for minutes only and take the bot's own keys, so that the agents role has an adapter of
 * its own for each bot that was ever asked: init()ed, never started, renewed when the bot's config changes. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "qg/adapter.h"
#include "qg/log.h"
#include "qg/str.h"

/* ---- the host of bots that are never started: nothing of what it is told can come ---- */

static void receive(struct qg_bot *bot, struct qg_message *message, qg_stored_fn stored, void *arg)
{
	qg_message_destroy(message);
}

static void sent(
	struct qg_bot *bot, struct qg_reply *reply, enum qg_status status, unsigned retry_ms)
{
	qg_reply_destroy(reply);
}

static void link_changed(struct qg_bot *bot, enum qg_link link, const char *why)
{
}

static void ignore(struct qg_bot *bot)
{
}

static void kicked(struct qg_bot *bot, unsigned ms)
{
}

static char *words(struct qg_bot *bot, const char *key)
{
	return qg_str_copy("");
}

static const struct qg_host host = {.receive = receive,
	.sent = sent,
	.link_changed = link_changed,
	.stopped = ignore,
	.replay_drafts = ignore,
	.kicked = kicked,
	.words = words};

/* ---- bots ---- */

static void bot_destroy(struct media_bot *bot)
{
	qg_list_remove(&bot->link);
	if (bot->bot.state != NULL) {
		bot->bot.adapter->finish(&bot->bot);
	}
	free(bot->bot.state);
	qg_config_release(bot->config);
	free(bot);
}

static void bot_collect(struct media_bot *bot)
{
	if (bot->gone && bot->running == 0) {
		bot_destroy(bot);
	}
}

void media_bot_leave(struct media_bot *bot)
{
	bot->running--;
	bot_collect(bot);
}

static bool bot_init(struct media_bot *bot)
{
	struct qg_bot *b = &bot->bot;
	b->state = calloc(1, b->adapter->state_size > 0 ? b->adapter->state_size : 1);
	enum qg_status status = b->state != NULL ? b->adapter->init(b) : QG_NO_MEMORY;
	if (status != QG_OK) {
		qg_log_warn(
			b->name, "what is attached cannot be fetched: %s", qg_status_text(status));
	}
	return status == QG_OK;
}

static struct media_bot *bot_create(
	struct qg_worker *worker, struct qg_config *config, const struct qg_bot_config *of)
{
	static const struct qg_strings none;
	struct qg_core *core = worker->core;
	struct media_bot *bot = calloc(1, sizeof(*bot));
	if (bot == NULL) {
		return NULL;
	}
	bot->config = qg_config_take(config);
	bot->bot = (struct qg_bot){.adapter = qg_adapter_find(of->platform),
		.host = &host,
		.config = of,
		.loop = core->loop,
		.redis = core->redis,
		.http = core->http,
		.ws = core->ws,
		.redis_url = core->redis_url,
		.name = of->name,
		.prefix = qg_queue_prefix(core->queue, qg_queue_partition(core->queue, of->name)),
		.data_dir = core->data_dir,
		.title = of->name,
		.greeting = "",
		.suggestions = &none,
		.owner = bot};
	qg_list_add(&worker->media_bots, &bot->link);
	if (!bot_init(bot)) {
		bot_destroy(bot);
		return NULL;
	}
	return bot;
}

static bool is_of(const struct media_bot *bot, const struct qg_bot_config *config)
{
	return config != NULL && strcmp(bot->bot.config->fingerprint, config->fingerprint) == 0 &&
	       strcmp(bot->bot.name, config->name) == 0;
}

struct media_bot *media_bot_of(struct job *job)
{
	struct qg_worker *worker = job->worker;
	const struct qg_bot_config *config = qg_config_bot(job->config, job->entry.bot);
	QG_LIST_FOR_EACH (item, &worker->media_bots) {
		struct media_bot *bot = QG_CONTAINER(item, struct media_bot, link);
		if (is_of(bot, config)) {
			return bot;
		}
	}
	return config != NULL ? bot_create(worker, job->config, config) : NULL;
}

void media_sync(struct qg_worker *worker)
{
	QG_LIST_FOR_EACH (item, &worker->media_bots) {
		struct media_bot *bot = QG_CONTAINER(item, struct media_bot, link);
		bot->gone = !is_of(bot, qg_config_bot(worker->core->config, bot->bot.name));
		bot_collect(bot);
	}
}

void media_bots_finish(struct qg_worker *worker)
{
	QG_LIST_FOR_EACH (item, &worker->media_bots) {
		bot_destroy(QG_CONTAINER(item, struct media_bot, link));
	}
}
