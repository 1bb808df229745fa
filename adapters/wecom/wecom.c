/* wecom.c - WeCom's AI bot: options, abilities, and the life of a bot over either transport.
 *
 * Over the long connection a bot joins the link of its account (link.c) while it is started; over the webhook every
 * gateway hears it and its owner sends (webhook.c). Results of sends, the end of a stop and all else that must not come
 * from inside a call come from one timer, wake(). */
#include "link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "qg/clock.h"
#include "qg/config.h"
#include "qg/log.h"
#include "qg/metrics.h"
#include "qg/str.h"

#define STOP_MS 1500 /* for frames to be answered ... */
#define CLOSE_MS 400 /* ... and for the close frame */
#define REJOIN_MS 1000

#define EITHER_CAN                                                                                 \
	.hears_media = true, /* alone in direct chats; in groups mixed with text or quoted */      \
		.hears_media_direct = true, .streams = true, .buttons = true,                      \
	.part_bytes = WECOM_PART_MOST, .dedupe_ms = 60 * 60 * 1000, .draft_ms = 1000,              \
	.shows_open = true

static const struct qg_ability webhook_can = {EITHER_CAN};

struct wecom_state {
	struct wecom_core *core;
};

static const struct qg_option options[] = {
	{"bot_id", QG_OPTION_STRING, NULL, offsetof(struct wecom_options, bot_id), 0, .max = 128,
		.help = "Bot ID，在管理后台「管理工具」→「智能机器人」→ 该机器人 → API 模式 → "
			"「使用长连接」· from the bot's page in the admin console"},
	{"secret", QG_OPTION_STRING, NULL, offsetof(struct wecom_options, secret), QG_SECRET,
		.max = 256,
		.help = "Secret，在同一页，只显示一次，可以重置 · from the same page, shown once"},
	{"display_name", QG_OPTION_STRING, NULL, offsetof(struct wecom_options, display_name), 0,
		.max = 128,
		.help = "机器人在群里显示的名字，用来去掉消息里的「@名字」· the name that "
			"mentions show; blanks in it are fine"},
	{"transport", QG_OPTION_ENUM, "websocket", offsetof(struct wecom_options, transport),
		.choices = "websocket|webhook",
		.help = "websocket：长连接，不需要公网地址；webhook：URL 回调 · the long "
			"connection, or callbacks to a public address"},
	{"token", QG_OPTION_STRING, NULL, offsetof(struct wecom_options, token), QG_SECRET,
		.max = 64, .help = "URL 回调的 Token · of the webhook"},
	{"encoding_aes_key", QG_OPTION_STRING, NULL,
		offsetof(struct wecom_options, encoding_aes_key), QG_SECRET, .max = 64,
		.help = "URL 回调的 EncodingAESKey，43 个字符 · of the webhook, 43 characters"},
	{"ws_url", QG_OPTION_URL, NULL, offsetof(struct wecom_options, ws_url),
		.help = "代替 " WECOM_WS_URL "（私有部署、测试）· replaces it: private "
			"deployments, tests"},
	{"api_base", QG_OPTION_URL, NULL, offsetof(struct wecom_options, api_base),
		.help = "代替 " WECOM_API_BASE "（私有部署、测试）· replaces it: private "
			"deployments, tests"},
	{0},
};

/* ---- options ---- */

static const char no_account[] =
	"请填 bot_id 和 secret（管理后台「管理工具」→「智能机器人」→ 该机器人 → API 模式 → "
	"「使用长连接」），或写 transport: webhook · the long connection needs bot_id and secret";
static const char no_callback[] =
	"URL 回调要填 token 和 encoding_aes_key（在机器人的「使用 URL 回调」一页生成）· the "
	"webhook needs token and encoding_aes_key";

static const char no_secret[] =
	"还缺 secret（和 bot_id 在同一页：管理后台「管理工具」→「智能机器人」→ 该机器人 → API 模式 "
	"→「使用长连接」；只显示一次，忘了就重置）· secret is missing";
static const char no_bot_id[] =
	"还缺 bot_id（和 secret 在同一页：管理后台「管理工具」→「智能机器人」→ 该机器人 → API 模式 "
	"→「使用长连接」）· bot_id is missing";

/* NULL: nothing. */
static const char *what_is_missing(const struct wecom_options *set)
{
	if (set->transport == WECOM_WEBSOCKET) {
		return set->bot_id && set->secret ? NULL
		       : set->bot_id		  ? no_secret
		       : set->secret		  ? no_bot_id
						  : no_account;
	}
	return set->token && set->encoding_aes_key ? NULL : no_callback;
}

static void check(const struct qg_bot_config *config, const struct qg_tree *tree,
	struct qg_problems *problems)
{
	const struct wecom_options *set = config->options;
	if (!set) {
		return;
	}
	const char *missing = what_is_missing(set);
	if (missing) {
		qg_problem_error(problems, qg_option_place(tree, "platform"), "%s", missing);
	}
	if (set->encoding_aes_key && !qg_is_aes_key(set->encoding_aes_key)) {
		qg_problem_error(problems, qg_option_place(tree, "encoding_aes_key"),
			"EncodingAESKey 应是 43 个字母和数字，这里有 %zu 个字符，请重新复制 · must "
			"be "
			"43 letters and digits, there are %zu characters",
			strlen(set->encoding_aes_key), strlen(set->encoding_aes_key));
	}
	if (set->transport == WECOM_WEBSOCKET && (set->token || set->encoding_aes_key)) {
		qg_problem_warn(problems, qg_option_place(tree, "platform"),
			"长连接用不到 token 和 encoding_aes_key；要用 URL 回调请写 transport: "
			"webhook "
			"· the long connection does not need them");
	}
	if (set->ws_url && !qg_str_starts_with(set->ws_url, "ws")) {
		qg_problem_error(problems, qg_option_place(tree, "ws_url"),
			"应以 wss:// 或 ws:// 开头 · must begin with wss:// or ws://");
	}
	if (set->api_base && !qg_str_starts_with(set->api_base, "http")) {
		qg_problem_error(problems, qg_option_place(tree, "api_base"),
			"应以 https:// 或 http:// 开头 · must begin with https:// or http://");
	}
}

static bool is_dialing(const struct qg_bot *bot)
{
	return ((const struct wecom_options *)bot->config->options)->transport == WECOM_WEBSOCKET;
}

/* A webhook's bots are told apart by nothing but their secrets: each is an account of its own. */
static char *account(const struct qg_bot *bot)
{
	const struct wecom_options *set = bot->config->options;
	const char *base = is_dialing(bot) ? (set->ws_url ? set->ws_url : WECOM_WS_URL)
					   : (set->api_base ? set->api_base : WECOM_API_BASE);
	const char *host = strstr(base, "://");
	return host && set->bot_id ? qg_str_printf("%s %s", host + 3, set->bot_id) : NULL;
}

/* ---- life ---- */

struct wecom_core *wecom_core_of(const struct qg_bot *bot)
{
	return ((struct wecom_state *)bot->state)->core;
}

struct wecom_webhook *wecom_core_webhook(const struct wecom_core *core)
{
	return core->webhook;
}

void wecom_core_take(struct wecom_core *core)
{
	core->references++;
}

void wecom_core_release(struct wecom_core *core)
{
	if (!core || --core->references > 0) {
		return;
	}
	qg_timer_destroy(core->timer);
	free(core);
}

char *wecom_core_words(const struct wecom_core *core, const char *key)
{
	if (!core->bot || !core->bot->host->words) {
		return NULL;
	}
	return core->bot->host->words(core->bot, key);
}

char *wecom_link_words(const struct wecom_link *link, const char *key)
{
	if (qg_list_is_empty(&link->cores)) {
		return NULL;
	}
	return wecom_core_words(QG_CONTAINER(link->cores.next, struct wecom_core, in_link), key);
}

void wecom_core_wake(struct wecom_core *core)
{
	if (core->bot && core->timer) {
		qg_timer_start(core->timer, 0);
	}
}

static void report_sends(struct wecom_core *core)
{
	while (core->bot && qg_outs_is_due(&core->outs)) {
		qg_outs_give_back(&core->outs, core->bot);
	}
}

static void report_link(struct wecom_core *core)
{
	enum qg_link state = !core->link		    ? QG_LINK_NONE
			     : wecom_link_is_up(core->link) ? QG_LINK_UP
							    : QG_LINK_DOWN;
	if (!core->bot || state == core->told || core->stopping) {
		return;
	}
	core->told = state;
	if (state != QG_LINK_NONE) {
		core->bot->host->link_changed(core->bot, state, core->link->why);
	}
}

static void report_kick(struct wecom_core *core)
{
	if (core->bot && core->kicked) {
		core->kicked = false;
		if (core->bot->host->kicked) {
			core->bot->host->kicked(core->bot, WECOM_KICKED_MS);
		}
	}
}

static void report_probe(struct wecom_core *core)
{
	if (core->bot && core->probe_failed && core->probed) {
		void (*told)(void *arg, enum qg_status status, const char *words) = core->probed;
		core->probed = NULL;
		core->probe_failed = false;
		told(core->probed_arg, QG_NO_MEMORY, qg_status_text(QG_NO_MEMORY));
	}
}

/* ---- the end of a stop ---- */

static void end_sends(struct wecom_core *core, enum qg_status status)
{
	QG_LIST_FOR_EACH (item, &core->outs.list) {
		wecom_send_end(QG_CONTAINER(item, struct wecom_send, out.link), status, 1);
	}
}

/* The last one on a link closes what is shown as open, then the connection. */
static bool has_left(struct wecom_core *core)
{
	struct wecom_link *link = core->link;
	bool in_time = qg_clock_mono() < core->stop_until;
	if (!link) {
		return true;
	}
	if (!core->closing && in_time &&
		(!qg_outs_is_empty(&core->outs) || core->inbound > 0 ||
			wecom_lanes_are_busy(link))) {
		return false;
	}
	if (!core->closing) {
		end_sends(core, QG_CANCELLED);
		core->closing = true;
		if (wecom_link_is_last(link)) {
			wecom_link_close(link);
			core->stop_until = qg_clock_mono() + CLOSE_MS;
			in_time = true;
		}
	}
	if (link->closing && in_time && !wecom_link_is_closed(link)) {
		return false;
	}
	wecom_link_leave(core);
	return true;
}

static void look_at_stop(struct wecom_core *core)
{
	bool has_ended = core->webhook ? wecom_webhook_stop(core->webhook) : has_left(core);
	if (!has_ended || !qg_outs_is_empty(&core->outs)) {
		if (!core->webhook) {
			qg_timer_start(core->timer, 20); /* lanes have no bell for this */
		}
		return;
	}
	core->stopping = core->started = core->closing = false;
	core->told = QG_LINK_NONE;
	core->bot->host->stopped(core->bot);
}

static void join_again(struct wecom_core *core)
{
	if (core->started && !core->stopping && !core->link && !core->webhook &&
		wecom_link_join(core) != QG_OK) {
		qg_timer_start(core->timer, REJOIN_MS);
	}
}

static void wake(void *arg)
{
	struct wecom_core *core = arg;
	wecom_core_take(core);
	report_sends(core);
	report_link(core);
	report_kick(core);
	report_probe(core);
	if (core->bot && core->stopping) {
		look_at_stop(core);
	}
	if (core->bot) {
		join_again(core);
	}
	wecom_core_release(core);
}

/* ---- the vtable ---- */

static enum qg_status init(struct qg_bot *bot)
{
	const char *missing = what_is_missing(bot->config->options);
	if (missing) {
		qg_log_error(bot->name, "wecom: %s", missing);
		return QG_INVALID;
	}
	struct wecom_core *core = calloc(1, sizeof(*core));
	if (!core) {
		return QG_NO_MEMORY;
	}
	((struct wecom_state *)bot->state)->core = core;
	core->references = 1;
	core->bot = bot;
	qg_outs_init(&core->outs, wecom_send_drop);
	qg_list_init(&core->in_link);
	core->timer = qg_timer_create(bot->loop, wake, core);
	if (!core->timer) {
		return QG_NO_MEMORY;
	}
	if (!is_dialing(bot)) {
		core->webhook = wecom_webhook_create(bot);
		return core->webhook ? QG_OK : QG_NO_MEMORY;
	}
	return QG_OK;
}

static void retry(struct qg_bot *bot)
{
	struct wecom_core *core = wecom_core_of(bot);
	if (core->link) {
		wecom_link_retry(core->link);
	}
}

static enum qg_status start(struct qg_bot *bot)
{
	struct wecom_core *core = wecom_core_of(bot);
	core->started = true;
	core->stopping = core->closing = core->kicked = false;
	join_again(core);
	return QG_OK;
}

static void finish(struct qg_bot *bot)
{
	struct wecom_core *core = wecom_core_of(bot);
	if (!core) {
		return;
	}
	((struct wecom_state *)bot->state)->core = NULL;
	wecom_media_finish(bot);
	wecom_probe_cancel(core->probe);
	qg_outs_finish(&core->outs);
	wecom_link_leave(core);
	wecom_webhook_destroy(core->webhook);
	core->webhook = NULL;
	core->bot = NULL;
	qg_timer_destroy(core->timer);
	core->timer = NULL;
	wecom_core_release(core);
}

/* What is open shows what it has so far: the rest comes by another process, or after the restart. */
static void close_lanes(struct wecom_link *link)
{
	QG_AUTO(qg_str_free) char *words = wecom_link_words(link, "busy");
	QG_LIST_FOR_EACH (item, &link->lanes) {
		if (words) {
			wecom_lane_close(QG_CONTAINER(item, struct wecom_lane, item), words, false);
		}
	}
}

static void stop(struct qg_bot *bot)
{
	struct wecom_core *core = wecom_core_of(bot);
	core->stopping = true;
	core->stop_until = qg_clock_mono() + STOP_MS;
	QG_LIST_FOR_EACH (item, &core->outs.list) {
		struct wecom_send *send = QG_CONTAINER(item, struct wecom_send, out.link);
		if (send->is_waiting) {
			wecom_send_end(send, QG_BUSY, 1);
		}
	}
	if (core->link && wecom_link_is_last(core->link)) {
		close_lanes(core->link);
	}
	wecom_core_wake(core);
}

static void draft(struct qg_bot *bot, const struct qg_draft *snapshot)
{
	struct wecom_core *core = wecom_core_of(bot);
	if (core->webhook) {
		wecom_webhook_draft(core->webhook, snapshot);
	} else {
		wecom_link_draft(core, snapshot);
	}
}

static void send_reply(struct qg_bot *bot, struct qg_reply *reply)
{
	struct wecom_core *core = wecom_core_of(bot);
	if (core->webhook) {
		wecom_webhook_send(core->webhook, reply);
	} else {
		wecom_link_send(core, reply);
	}
}

static void on_http(struct qg_bot *bot, struct qg_http_exchange *x, const char *rest, bool admin)
{
	struct wecom_core *core = wecom_core_of(bot);
	if (!core->webhook) {
		qg_http_answer_error(x, 404, "not found");
	} else {
		wecom_webhook_request(core->webhook, x, rest);
	}
}

/* A webhook's bot only answers, with words and buttons, as often as it is asked. */
static const struct qg_ability *ability(const struct qg_bot_config *config)
{
	const struct wecom_options *set = config->options;
	return set && set->transport == WECOM_WEBHOOK ? &webhook_can : NULL;
}

static void probe(struct qg_bot *bot,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg)
{
	struct wecom_core *core = wecom_core_of(bot);
	assert(!core->probed); /* one at a time */
	wecom_link_probe(core, told, arg);
}

const struct qg_adapter qg_adapter_wecom = {
	.name = "wecom",
	.can = {EITHER_CAN, .writes_first = true, .chat_minute = 30, .chat_hour = 1000,
		.shows_files = true},
	.state_size = sizeof(struct wecom_state),
	.options = options,
	.options_size = sizeof(struct wecom_options),
	.check = check,
	.init = init,
	.start = start,
	.retry = retry,
	.on_http = on_http,
	.draft = draft,
	.send = send_reply,
	.stop = stop,
	.finish = finish,
	.account = account,
	.dials = is_dialing,
	.media = wecom_media,
	.media_forget = wecom_media_forget,
	.probe = probe,
	.probe_kicks = true,
	.ability = ability,
};
