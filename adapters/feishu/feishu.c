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
		.help = "App ID，在开发者后台的「凭证与基础信息」· cli_ and 16 characters, from "
			"the developer console"},
	{"app_secret", QG_OPTION_STRING, NULL, offsetof(struct feishu_options, app_secret),
		QG_OPTION_REQUIRED | QG_SECRET, .max = 128,
		.help = "App Secret，在同一页 · from the same page"},
	{"transport", QG_OPTION_ENUM, "websocket", offsetof(struct feishu_options, transport),
		.choices = "websocket|webhook", .help = "how events arrive"},
	{"encrypt_key", QG_OPTION_STRING, NULL, offsetof(struct feishu_options, encrypt_key),
		QG_SECRET, .max = 256,
		.help = "Encrypt "
			"Key，在「事件与回调」→「加密策略」里设置；有了它，飞书发来的消息才有签名 "
			"· webhooks are signed with it"},
	{"verification_token", QG_OPTION_STRING, NULL,
		offsetof(struct feishu_options, verification_token), QG_SECRET, .max = 255,
		.help = "Verification Token，在同一页 · from the same page"},
	{"domain", QG_OPTION_ENUM, "feishu", offsetof(struct feishu_options, domain),
		.choices = "feishu|lark", .help = "open.feishu.cn or open.larksuite.com"},
	{"api_base", QG_OPTION_URL, NULL, offsetof(struct feishu_options, api_base),
		.help = "replaces scheme, host and port of the API: private deployments, tests"},
	{0},
};

/* ---- options ---- */

static const char no_websocket[] = "还不支持长连接（默认的 websocket），请写 transport: webhook · "
				   "the long connection (websocket, the "
				   "default) is not built yet; write transport: webhook";
static const char no_proof[] = "请把「事件与回调」→「加密策略」里的 Encrypt Key 和 Verification "
			       "Token 填进 encrypt_key 和 verification_token · "
			       "without both anybody could write in others' names";

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
			"请在「事件与回调」→「加密策略」里设置 Encrypt Key 并填进 encrypt_key · "
			"without it "
			"nothing is signed: whoever learns this token can write in anybody's name");
	}
	if (config->trigger != QG_TRIGGER_MENTION) {
		qg_problem_warn(problems, place(tree, "trigger"),
			"没有 @ 机器人的群消息，要在「权限管理」里申请 "
			"im:message.group_msg（需审核）才收得到 "
			"· messages of groups that do not mention the bot arrive only with that "
			"scope");
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
	qg_timer_destroy(core->hold_timer);
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

static void own_id_told(struct feishu_watcher *watcher)
{
	feishu_callback_resume(QG_CONTAINER(watcher, struct feishu_core, watcher));
}

static void held_long(void *arg)
{
	feishu_callback_expire(arg, false);
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
	qg_list_init(&core->held);
	qg_list_init(&core->watcher.link);
	core->watcher.told = own_id_told;
	core->timer = qg_timer_create(bot->loop, wake, core);
	core->hold_timer = qg_timer_create(bot->loop, held_long, core);
	core->account = core->timer && core->hold_timer ? feishu_account_join(bot) : NULL;
	if (!core->account) {
		return QG_NO_MEMORY;
	}
	qg_list_add(&core->account->watchers, &core->watcher.link);
	return QG_OK;
}

/* Asks for the bot's own id before the first message needs it. */
static enum qg_status start(struct qg_bot *bot)
{
	feishu_identity_get(core_of(bot)->account);
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
	feishu_callback_expire(core, true);
	qg_list_remove(&core->watcher.link);
	qg_timer_destroy(core->timer);
	qg_timer_destroy(core->hold_timer);
	core->timer = core->hold_timer = NULL;
	feishu_account_leave(core->account);
	core->account = NULL;
	feishu_core_release(core);
}

static void stop(struct qg_bot *bot)
{
	struct feishu_core *core = core_of(bot);
	core->stopping = true;
	feishu_callback_expire(core, true);
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
	if (answer->local != QG_OK || answer->error != QG_FETCH_NONE) {
		snprintf(words, PROBE_WORDS,
			"没连上飞书，请检查这台机器的网络、DNS 和代理（https_proxy）· Feishu was "
			"not "
			"reached, check network, DNS and proxy: %s",
			answer->words[0] ? answer->words : qg_status_text(outcome.status));
		return outcome.status;
	}
	if (outcome.status != QG_OK) {
		snprintf(words, PROBE_WORDS, "%s (HTTP %d, code %lld %s)",
			outcome.words[0] ? outcome.words : qg_status_text(outcome.status),
			answer->http, (long long)answer->code, answer->msg);
		return outcome.status;
	}
	struct qg_piece found[3];
	if (qg_scan(answer->body, answer->size, paths, 3, found) != QG_OK || found[1].size == 0) {
		snprintf(words, PROBE_WORDS,
			"应用还没有机器人：在「添加应用能力」里添加「机器人」，再到「版本管理与发布"
			"」发布 · the "
			"app has no bot");
		return QG_DENIED;
	}
	if (qg_piece_int(&found[2], 2) != 2) {
		snprintf(words, PROBE_WORDS,
			"机器人还没有启用：在「版本管理与发布」发布版本，并请企业管理员通过 · the "
			"bot is not "
			"active");
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
