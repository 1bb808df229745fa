/* probe.c - a question to a bot's platform: the adapter asks it, over a bot that has all an adapter needs and is never
 * started. What may be called back is taken and thrown away: nothing was sent, nothing comes. */
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/adapter.h"
#include "qg/fetch.h"
#include "qg/loop.h"
#include "qg/ws.h"

enum { PATIENCE_MS = 20000 };

struct asking {
	struct qg_loop *loop;
	struct qg_cli_probe *out;
};

static void on_receive(struct qg_bot *bot, struct qg_message *msg, qg_stored_fn stored, void *arg)
{
	qg_message_destroy(msg);
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

static void on_kicked(struct qg_bot *bot, unsigned ms)
{
}

static char *on_words(struct qg_bot *bot, const char *key)
{
	return NULL;
}

static void on_say(struct qg_bot *bot, struct qg_reply *reply, qg_stored_fn stored, void *arg)
{
	qg_reply_destroy(reply);
}

static void on_admins(struct qg_bot *bot, const char *occasion, const char *key)
{
}

static void on_told(void *arg, enum qg_status status, const char *words)
{
	struct asking *asking = arg;
	asking->out->status = status;
	snprintf(asking->out->words, sizeof(asking->out->words), "%s",
		words ? words : qg_status_text(status));
	qg_utf8_flatten(asking->out->words);
	qg_loop_stop(asking->loop);
}

static void too_late(void *arg)
{
	on_told(arg, QG_TIMEOUT, NULL);
}

static const struct qg_host host = {.receive = on_receive,
	.sent = on_sent,
	.link_changed = on_link,
	.stopped = on_stopped,
	.replay_drafts = on_stopped,
	.kicked = on_kicked,
	.words = on_words,
	.say = on_say,
	.tell_admins = on_admins};
static const struct qg_strings none;

static struct qg_bot bot_of(const struct qg_config *config, const struct qg_bot_config *bot)
{
	return (struct qg_bot){.adapter = qg_adapter_find(bot->platform),
		.host = &host,
		.config = bot,
		.name = bot->name,
		.prefix = "",
		.data_dir = config ? config->data_dir : "",
		.title = "",
		.greeting = "",
		.suggestions = &none};
}

bool qg_cli_dials(const struct qg_bot_config *config)
{
	const struct qg_bot bot = bot_of(NULL, config);
	return bot.adapter && bot.adapter->dials && bot.adapter->dials(&bot);
}

bool qg_cli_probe_kicks(const struct qg_bot_config *config)
{
	const struct qg_adapter *adapter = qg_adapter_find(config->platform);
	return adapter && adapter->probe_kicks && qg_cli_dials(config);
}

/* The websocket client, where the bot needs one; false for no memory. */
static bool open_links(const struct qg_cli *cli, struct qg_bot *bot)
{
	if (!bot->adapter->dials || !bot->adapter->dials(bot)) {
		return true;
	}
	bot->ws = qg_ws_client_create(bot->loop);
	const char *path = getenv("QUNGONG_CA_FILE");
	if (bot->ws && path && *path && qg_ws_client_trust(bot->ws, path) != QG_OK) {
		qg_cli_say(cli, QG_CLI_FAILED, "QUNGONG_CA_FILE: %s: not read", path);
	}
	return bot->ws;
}

static void ask(struct asking *asking, struct qg_bot *bot)
{
	struct qg_timer *timer = qg_timer_create(asking->loop, too_late, asking);
	enum qg_status status = timer ? bot->adapter->init(bot) : QG_NO_MEMORY;
	if (status == QG_OK) {
		qg_timer_start(timer, PATIENCE_MS);
		bot->adapter->probe(bot, on_told, asking);
		qg_loop_run(asking->loop);
	} else {
		on_told(asking, status, NULL);
	}
	bot->adapter->finish(bot);
	qg_timer_destroy(timer);
}

/* Where a platform is asked over the connection it is dialled by, a bot of its other transport has nobody to ask. */
static bool is_silent(const struct qg_bot *bot)
{
	return bot->adapter->probe_kicks && !bot->adapter->dials(bot);
}

void qg_cli_probe(const struct qg_cli *cli, const struct qg_config *config,
	const struct qg_bot_config *bot_config, struct qg_loop *loop, struct qg_http_client *http,
	struct qg_cli_probe *out)
{
	*out = (struct qg_cli_probe){.status = QG_UNSUPPORTED};
	struct qg_bot bot = bot_of(config, bot_config);
	struct asking asking = {loop, out};
	if (!bot.adapter || !bot.adapter->probe || is_silent(&bot)) {
		return;
	}
	bot.loop = loop;
	bot.http = http;
	size_t size = bot.adapter->state_size;
	bot.state = calloc(1, size > 0 ? size : 1);
	out->asked = true;
	if (bot.state && open_links(cli, &bot)) {
		ask(&asking, &bot);
	} else {
		on_told(&asking, QG_NO_MEMORY, NULL);
	}
	out->asked = out->status != QG_UNSUPPORTED;
	qg_ws_client_destroy(bot.ws);
	free(bot.state);
}
