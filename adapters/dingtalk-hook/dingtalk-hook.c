/* dingtalk-hook.c - DingTalk's group robot 自定义机器人: options, abilities, and the life of a bot.
 *
 * It posts into the one group it was made in and hears nothing: no turn ever begins here. What leaves was put there by
 * `qungong say`, by schedules and reports. Its chat is called `hook`, whatever the group's name is. */
#include "hook.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "qg/config.h"
#include "qg/crypto.h"
#include "qg/str.h"

struct state {
	struct dingtalk_hook_core *core;
};

static const struct qg_option options[] = {
	{"url", QG_OPTION_STRING, NULL, offsetof(struct dingtalk_hook_options, url),
		QG_OPTION_REQUIRED | QG_SECRET, .max = 512,
		.help = "Webhook 地址，在群设置 → 机器人 → 添加机器人 → 自定义，添加后复制 · "
			"https://oapi.dingtalk.com/robot/send?access_token=..."},
	{"secret", QG_OPTION_STRING, NULL, offsetof(struct dingtalk_hook_options, secret),
		QG_SECRET, .max = 256,
		.help = "「加签」的密钥，SEC 开头；安全设置用关键词或 IP 的不用填 · of 加签, "
			"begins with SEC; leave it out where keywords or addresses secure the "
			"robot"},
	{0},
};

static void check(const struct qg_bot_config *config, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	const struct dingtalk_hook_options *set = config->options;
	char *base = NULL, *token = NULL;
	if (set && set->url && !dingtalk_hook_address(set->url, &base, &token)) {
		const struct qg_tree *at = qg_tree_get(tree, "url");
		/* not what it says: it may be a good token at a wrong place */
		qg_problem_error(problems, at ? at : tree,
			"请填群机器人的 Webhook 地址 · must be "
			"https://oapi.dingtalk.com/robot/send?access_token=...");
	}
	free(base);
	free(token);
}

/* Bots of one robot share its 20 messages a minute. The token itself is a secret, and this name is not. */
static char *account(const struct qg_bot *bot)
{
	const struct dingtalk_hook_options *set = bot->config->options;
	char *base = NULL, *token = NULL;
	if (!set || !dingtalk_hook_address(set->url, &base, &token)) {
		return NULL;
	}
	char digest[33];
	qg_digest_id(digest, base, token, NULL);
	free(base);
	free(token);
	return qg_str_copy(digest);
}

/* ---- life ---- */

static struct dingtalk_hook_core *core_of(const struct qg_bot *bot)
{
	return ((struct state *)bot->state)->core;
}

static struct dingtalk_hook_send *next_ended(const struct dingtalk_hook_core *core)
{
	QG_LIST_FOR_EACH (item, &core->sends) {
		struct dingtalk_hook_send *send =
			QG_CONTAINER(item, struct dingtalk_hook_send, link);
		if (send->ended) {
			return send;
		}
	}
	return NULL;
}

/* send: how the question ended; NULL where there was no memory to ask. */
static void tell_probe(struct dingtalk_hook_core *core, struct dingtalk_hook_send *send)
{
	void (*told)(void *arg, enum qg_status status, const char *words) = core->told;
	void *arg = core->told_arg;
	struct dingtalk_hook_send done = {.status = QG_NO_MEMORY, .words = "out of memory"};
	if (send) {
		done = *send;
	}
	core->told = NULL;
	core->probing = NULL;
	dingtalk_hook_send_destroy(send);
	/* a code nobody knows is an answer to this question too, and no good one */
	enum qg_status status = done.status == QG_UNSUPPORTED ? QG_FAILED : done.status;
	told(arg, done.is_there ? QG_OK : status,
		done.is_there ? "群机器人的地址有效 · the robot is there" : done.words);
}

/* The host may finish the bot from inside each call: one thing a turn of the loop, then nothing is touched. */
static void wake(void *arg)
{
	struct dingtalk_hook_core *core = arg;
	struct qg_bot *bot = core->bot;
	struct dingtalk_hook_send *send = next_ended(core);
	if (send || core->unsent_count > 0) {
		qg_timer_start(core->timer, 0); /* perhaps there is more */
	}
	if (core->told && (!core->probing || core->probing == send)) {
		tell_probe(core, send == core->probing ? send : NULL);
	} else if (send) {
		struct dingtalk_hook_send done = *send;
		send->reply = NULL;
		dingtalk_hook_send_destroy(send);
		bot->host->sent(bot, done.reply, done.status, done.retry_ms);
	} else if (core->unsent_count > 0) {
		bot->host->sent(bot, core->unsent[--core->unsent_count], QG_NO_MEMORY, 0);
	} else if (core->stopping && !core->stopped && qg_list_is_empty(&core->sends)) {
		core->stopped = true;
		bot->host->stopped(bot);
	}
}

void dingtalk_hook_wake(struct dingtalk_hook_core *core)
{
	qg_timer_start(core->timer, 0);
}

static enum qg_status init(struct qg_bot *bot)
{
	const struct dingtalk_hook_options *set = bot->config->options;
	struct dingtalk_hook_core *core = calloc(1, sizeof(*core));
	if (!core) {
		return QG_NO_MEMORY;
	}
	((struct state *)bot->state)->core = core;
	core->bot = bot;
	qg_list_init(&core->sends);
	core->timer = qg_timer_create(bot->loop, wake, core);
	if (!core->timer) {
		return QG_NO_MEMORY;
	}
	core->secret = set->secret && set->secret[0] ? set->secret : NULL;
	return dingtalk_hook_address(set->url, &core->base, &core->token) ? QG_OK : QG_INVALID;
}

static void finish(struct qg_bot *bot)
{
	struct dingtalk_hook_core *core = core_of(bot);
	if (!core) {
		return;
	}
	((struct state *)bot->state)->core = NULL;
	while (!qg_list_is_empty(&core->sends)) { /* nobody is left to take them back */
		dingtalk_hook_send_destroy(
			QG_CONTAINER(core->sends.next, struct dingtalk_hook_send, link));
	}
	while (core->unsent_count > 0) {
		qg_reply_destroy(core->unsent[--core->unsent_count]);
	}
	qg_timer_destroy(core->timer);
	free(core->base);
	free(core->token);
	free(core);
}

static void stop(struct qg_bot *bot)
{
	core_of(bot)->stopping = true;
	dingtalk_hook_wake(core_of(bot));
}

static struct dingtalk_hook_send *make_send(struct dingtalk_hook_core *core, struct qg_reply *reply)
{
	struct dingtalk_hook_send *send = calloc(1, sizeof(*send));
	if (send) {
		*send = (struct dingtalk_hook_send){.core = core, .reply = reply};
		qg_list_add(&core->sends, &send->link);
	}
	return send;
}

static void send_reply(struct qg_bot *bot, struct qg_reply *reply)
{
	struct dingtalk_hook_core *core = core_of(bot);
	struct dingtalk_hook_send *send = make_send(core, reply);
	if (send) {
		dingtalk_hook_send_start(send);
	} else if (core->unsent_count < DINGTALK_HOOK_SPARE) {
		core->unsent[core->unsent_count++] = reply;
		dingtalk_hook_wake(core);
	} else { /* nowhere left to put it: better early than lost */
		bot->host->sent(bot, reply, QG_NO_MEMORY, 0);
	}
}

static void probe(struct qg_bot *bot,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg)
{
	struct dingtalk_hook_core *core = core_of(bot);
	assert(!core->told); /* one at a time */
	core->told = told;
	core->told_arg = arg;
	core->probing = make_send(core, NULL);
	if (core->probing) {
		dingtalk_hook_send_start(core->probing);
	} else {
		dingtalk_hook_wake(core);
	}
}

const struct qg_adapter qg_adapter_dingtalk_hook = {
	.name = "dingtalk-hook",
	.can = {.redelivers = true, /* nothing comes, so nothing is lost */
		.part_bytes = DINGTALK_HOOK_PART_BYTES,
		.dedupe_ms = 1000,
		.app_minute = 20},
	.state_size = sizeof(struct state),
	.options = options,
	.options_size = sizeof(struct dingtalk_hook_options),
	.check = check,
	.init = init,
	.send = send_reply,
	.stop = stop,
	.finish = finish,
	.account = account,
	.probe = probe,
};
