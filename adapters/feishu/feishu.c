/* feishu.c - Feishu and Lark: options, abilities, and the life of a bot.
 *
 * Messages come by webhook, at any gateway; replies leave by the one that owns the bot. Access token and the bot's own
 * id are shared by all bots of an app (account.c). */
#include "feishu.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/config.h"
#include "qg/log.h"
#include "qg/str.h"

#define PROBE_WORDS 512

struct feishu_state {
	struct feishu_core *core;
};

static const struct qg_option options[] = {
	{"app_id", QG_OPTION_STRING, NULL, offsetof(struct feishu_options, app_id),
		QG_OPTION_REQUIRED, .max = 64,
		.help = "App ID, from 凭证与基础信息 of the developer console"},
	{"app_secret", QG_OPTION_STRING, NULL, offsetof(struct feishu_options, app_secret),
		QG_OPTION_REQUIRED | QG_SECRET, .max = 128,
		.help = "App Secret, from the same page"},
	{"transport", QG_OPTION_ENUM, "websocket", offsetof(struct feishu_options, transport),
		.choices = "websocket|webhook", .help = "how events arrive"},
	{"encrypt_key", QG_OPTION_STRING, NULL, offsetof(struct feishu_options, encrypt_key),
		QG_SECRET, .max = 256,
		.help = "Encrypt Key, from 事件与回调 > 加密策略; webhooks are signed with it"},
	{"verification_token", QG_OPTION_STRING, NULL,
		offsetof(struct feishu_options, verification_token), QG_SECRET, .max = 255,
		.help = "Verification Token, from the same page"},
	{"domain", QG_OPTION_ENUM, "feishu", offsetof(struct feishu_options, domain),
		.choices = "feishu|lark", .help = "open.feishu.cn or open.larksuite.com"},
	{"api_base", QG_OPTION_URL, NULL, offsetof(struct feishu_options, api_base),
		.help = "replaces scheme, host and port of the API: private deployments, tests"},
	{0},
};

/* ---- options ---- */

static const char no_websocket[] =
	"the long connection (websocket, the default) is not built yet; write transport: webhook";
static const char no_proof[] = "without encrypt_key and verification_token anybody could write in "
			       "others' names; copy both from 事件与回调 > 加密策略";

static const struct qg_tree *place(const struct qg_tree *tree, const char *key)
{
	const struct qg_tree *at = qg_tree_get(tree, key);
	return at ? at : tree;
}

static void check(const struct qg_bot_config *config, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	const struct feishu_options *set = config->options;
	if (!set) {
		return;
	}
	if (set->transport != FEISHU_WEBHOOK) {
		qg_problem_error(problems, place(tree, "transport"), "%s", no_websocket);
	} else if (!set->encrypt_key && !set->verification_token) {
		qg_problem_error(problems, place(tree, "transport"), "%s", no_proof);
	} else if (!set->encrypt_key) {
		qg_problem_warn(problems, place(tree, "verification_token"),
			"without encrypt_key nothing is signed: whoever learns this token can "
			"write in anybody's name; set an Encrypt Key under 事件与回调 > 加密策略");
	}
	if (config->trigger != QG_TRIGGER_MENTION) {
		qg_problem_warn(problems, place(tree, "trigger"),
			"messages of groups that do not mention the bot arrive only with the scope "
			"im:message.group_msg (权限管理, needs approval)");
	}
}

static char *account(const struct qg_bot *bot)
{
	const struct feishu_options *set = bot->config->options;
	QG_AUTO(qg_str_free) char *base = feishu_base(set);
	const char *host = base ? strstr(base, "://") : NULL;
	return host ? qg_str_printf("%s %s", host + 3, set->app_id) : NULL;
}

/* ---- life ---- */

static struct feishu_core *core_of(const struct qg_bot *bot)
{
	return ((struct feishu_state *)bot->state)->core;
}

void feishu_core_take(struct feishu_core *core)
{
	core->references++;
}

void feishu_core_release(struct feishu_core *core)
{
	if (!core || --core->references > 0) {
		return;
	}
	qg_buf_finish(&core->scratch);
	qg_timer_destroy(core->timer);
	free(core);
}

static struct feishu_send *next_ended(const struct feishu_core *core)
{
	QG_LIST_FOR_EACH (item, &core->sends) {
		struct feishu_send *send = QG_CONTAINER(item, struct feishu_send, link);
		if (send->ended) {
			return send;
		}
	}
	return NULL;
}

/* The host may finish the bot, or send anew, from inside: nothing is remembered over a call. */
static void report_sends(struct feishu_core *core)
{
	struct feishu_send *send;
	while (core->bot && (send = next_ended(core)) != NULL) {
		struct feishu_send done = *send;
		qg_list_remove(&send->link);
		free(send);
		core->bot->host->sent(core->bot, done.reply, done.status, done.retry_ms);
	}
	while (core->bot && core->unsent_count > 0) {
		struct qg_reply *reply = core->unsent[--core->unsent_count];
		core->bot->host->sent(core->bot, reply, QG_NO_MEMORY, 0);
	}
}

static void tell_probe(struct feishu_core *core, enum qg_status status, const char *words)
{
	void (*told)(void *arg, enum qg_status status, const char *words) = core->told;
	core->told = NULL;
	told(core->told_arg, status, words);
}

static bool is_busy(const struct feishu_core *core)
{
	return !qg_list_is_empty(&core->sends) || core->unsent_count > 0 || core->posts > 0;
}

static void wake(void *arg)
{
	struct feishu_core *core = arg;
	feishu_core_take(core);
	report_sends(core);
	if (core->bot && core->told && !core->probing) {
		tell_probe(core, QG_NO_MEMORY, qg_status_text(QG_NO_MEMORY));
	}
	if (core->bot && core->stopping && !core->stopped && !is_busy(core)) {
		core->stopped = true;
		core->bot->host->stopped(core->bot);
	}
	feishu_core_release(core);
}

void feishu_core_wake(struct feishu_core *core)
{
	if (core->bot) {
		qg_timer_start(core->timer, 0);
	}
}

static enum qg_status init(struct qg_bot *bot)
{
	const struct feishu_options *set = bot->config->options;
	if (set->transport != FEISHU_WEBHOOK) {
		qg_log_error(bot->name, "feishu: %s", no_websocket);
		return QG_UNSUPPORTED;
	}
	if (!set->encrypt_key && !set->verification_token) {
		qg_log_error(bot->name, "feishu: %s", no_proof);
		return QG_INVALID;
	}
	struct feishu_core *core = calloc(1, sizeof(*core));
	if (!core) {
		return QG_NO_MEMORY;
	}
	((struct feishu_state *)bot->state)->core = core;
	core->references = 1;
	core->bot = bot;
	qg_list_init(&core->sends);
	qg_buf_init(&core->scratch, FEISHU_BODY_MAX);
	core->timer = qg_timer_create(bot->loop, wake, core);
	core->account = core->timer ? feishu_account_join(bot) : NULL;
	return core->account ? QG_OK : QG_NO_MEMORY;
}

/* Asks for the bot's own id before the first message needs it. */
static enum qg_status start(struct qg_bot *bot)
{
	feishu_account_open_id(core_of(bot)->account);
	return QG_OK;
}

static void drop_sends(struct feishu_core *core)
{
	QG_LIST_FOR_EACH (item, &core->sends) {
		struct feishu_send *send = QG_CONTAINER(item, struct feishu_send, link);
		feishu_call_cancel(send->call);
		qg_reply_destroy(send->reply);
		free(send);
	}
	qg_list_init(&core->sends);
	while (core->unsent_count > 0) {
		qg_reply_destroy(core->unsent[--core->unsent_count]);
	}
}

static void finish(struct qg_bot *bot)
{
	struct feishu_core *core = core_of(bot);
	if (!core) {
		return;
	}
	((struct feishu_state *)bot->state)->core = NULL;
	core->bot = NULL;
	drop_sends(core); /* what is still on its way has nobody left to take it back */
	feishu_call_cancel(core->probing);
	core->probing = NULL;
	qg_timer_destroy(core->timer);
	core->timer = NULL;
	feishu_account_leave(core->account);
	core->account = NULL;
	feishu_core_release(core);
}

static void stop(struct qg_bot *bot)
{
	struct feishu_core *core = core_of(bot);
	core->stopping = true;
	feishu_core_wake(core);
}

static void send_reply(struct qg_bot *bot, struct qg_reply *reply)
{
	struct feishu_core *core = core_of(bot);
	struct feishu_send *send = calloc(1, sizeof(*send));
	if (!send && core->unsent_count < FEISHU_SPARE) {
		core->unsent[core->unsent_count++] = reply;
		feishu_core_wake(core);
		return;
	}
	if (!send) { /* nowhere left to put it: better early than lost */
		bot->host->sent(bot, reply, QG_NO_MEMORY, 0);
		return;
	}
	*send = (struct feishu_send){.core = core, .reply = reply};
	qg_list_add(&core->sends, &send->link);
	feishu_send_start(send);
}

static void on_http(struct qg_bot *bot, struct qg_http_exchange *x, const char *rest, bool admin)
{
	struct feishu_core *core = core_of(bot);
	if (rest[0] != '\0' && !qg_str_equal(rest, "/")) {
		qg_http_answer_error(x, 404, "not found");
	} else if (core->stopping) {
		qg_http_add_header(x, "Retry-After", "1");
		qg_http_answer_error(x, 503, "restarting");
	} else {
		feishu_callback(core, x);
	}
}

/* ---- probe ---- */

/* What /bot/v3/info says of a working bot, or what to do. */
static enum qg_status judge(const struct feishu_answer *answer, char words[PROBE_WORDS])
{
	static const char *const paths[] = {"bot.app_name", "bot.open_id", "bot.activate_status"};
	struct feishu_outcome outcome = feishu_error_outcome(answer);
	if (outcome.status != QG_OK) {
		snprintf(words, PROBE_WORDS, "%s (HTTP %d, code %lld %s %s)",
			outcome.words[0] ? outcome.words : qg_status_text(outcome.status),
			answer->http, (long long)answer->code, answer->msg, answer->words);
		return outcome.status;
	}
	struct qg_piece found[3];
	if (qg_scan(answer->body, answer->size, paths, 3, found) != QG_OK || found[1].size == 0) {
		snprintf(words, PROBE_WORDS,
			"the app has no bot: add 机器人 under 添加应用能力 and publish a version "
			"under 版本管理与发布");
		return QG_DENIED;
	}
	if (qg_piece_int(&found[2], 2) != 2) {
		snprintf(words, PROBE_WORDS,
			"the bot is not active: publish a version under 版本管理与发布 and let an "
			"admin approve it");
		return QG_DENIED;
	}
	QG_AUTO(qg_str_free) char *name = qg_piece_copy(&found[0]);
	snprintf(words, PROBE_WORDS, "%s", name ? name : "");
	return QG_OK;
}

static void probed(void *arg, const struct feishu_answer *answer)
{
	struct feishu_core *core = arg;
	char words[PROBE_WORDS];
	enum qg_status status = judge(answer, words);
	qg_utf8_flatten(words);
	core->probing = NULL;
	tell_probe(core, status, words);
}

static void probe(struct qg_bot *bot,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg)
{
	struct feishu_core *core = core_of(bot);
	assert(!core->told); /* one at a time */
	core->told = told;
	core->told_arg = arg;
	core->probing = feishu_call_start(
		core->account, "GET", "/open-apis/bot/v3/info", NULL, probed, core);
	if (!core->probing) {
		feishu_core_wake(core);
	}
}

const struct qg_adapter qg_adapter_feishu = {
	.name = "feishu",
	.can = {.hears_all = true, /* with a scope of its own: check() says so */
		.threads = true,
		.mentions = true,
		.redelivers = true,
		.part_bytes = FEISHU_PART_BYTES,
		.dedupe_ms = 12 * 60 * 60 * 1000, /* the last delivery comes after seven hours */
		.writes_first = true,
		.chat_rate = 5,
		.app_rate = 50},
	.state_size = sizeof(struct feishu_state),
	.options = options,
	.options_size = sizeof(struct feishu_options),
	.check = check,
	.init = init,
	.start = start,
	.on_http = on_http,
	.send = send_reply,
	.stop = stop,
	.finish = finish,
	.account = account,
	.probe = probe,
};
