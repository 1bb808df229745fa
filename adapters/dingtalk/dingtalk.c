/* dingtalk.c - DingTalk's app robots: abilities, and the life of a bot over either transport.
 *
 * Over Stream a bot joins the link of its client id (link.c) while it is started; over the webhook every gateway hears it
 * (webhook.c). Its owner sends. Results of sends, the end of a stop and all else that must not come from inside a call
 * come from one timer, wake(). */
#include "link.h"
#include "out.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/log.h"
#include "qg/metrics.h"
#include "qg/str.h"

#define STOP_MS 1500 /* for what is on its way */
#define CLOSE_MS 400 /* and for the close frame */
#define REJOIN_MS 1000
#define QUOTA_LOG_MS 3600000

struct dingtalk_state {
	struct dingtalk_core *core;
};

static bool is_dialing(const struct qg_bot *bot)
{
	return ((const struct dingtalk_options *)bot->config->options)->transport ==
	       DINGTALK_STREAM;
}

static char *account(const struct qg_bot *bot)
{
	const struct dingtalk_options *set = bot->config->options;
	const char *host = strstr(dingtalk_base(set, DINGTALK_API), "://");
	return host && set->client_id ? qg_str_printf("%s %s", host + 3, set->client_id) : NULL;
}

/* ---- what other files ask ---- */

struct dingtalk_core *dingtalk_core_of(const struct qg_bot *bot)
{
	return ((struct dingtalk_state *)bot->state)->core;
}

const struct dingtalk_options *dingtalk_options_of(const struct dingtalk_core *core)
{
	return core->bot->config->options;
}

const char *dingtalk_robot_code(const struct dingtalk_core *core)
{
	const struct dingtalk_options *set = dingtalk_options_of(core);
	return set->robot_code ? set->robot_code : set->client_id;
}

void dingtalk_core_take(struct dingtalk_core *core)
{
	core->references++;
}

void dingtalk_core_release(struct dingtalk_core *core)
{
	if (!core || --core->references > 0) {
		return;
	}
	qg_timer_destroy(core->timer);
	qg_timer_destroy(core->post_timer);
	free(core);
}

char *dingtalk_core_words(const struct dingtalk_core *core, const char *key)
{
	if (!core->bot || !core->bot->host->words) {
		return NULL;
	}
	return core->bot->host->words(core->bot, key);
}

void dingtalk_core_wake(struct dingtalk_core *core)
{
	if (core->bot && core->timer) {
		qg_timer_start(core->timer, 0);
	}
}

void dingtalk_core_quota(struct dingtalk_core *core)
{
	uint64_t now = qg_clock_mono();
	qg_metric_add(
		qg_metric_counter("dingtalk_quota_refusals_total", NULL,
			"DingTalk messages that came without words: the month's quota is used "
			"up"),
		1);
	dingtalk_account_spent(core->account, DINGTALK_USES);
	if (core->quota_told_at == 0 || now - core->quota_told_at >= QUOTA_LOG_MS) {
		core->quota_told_at = now;
		qg_log_error(core->bot->name,
			"dingtalk: 本月的 Webhook 与 Stream "
			"额度用完了，钉钉不再送来消息内容：请企业管理员在管理后台的开放平台"
			"用量里增购 · this month's messages are used up: DingTalk sends them "
			"without words");
	}
}

/* ---- replies ---- */

void dingtalk_core_sent(struct dingtalk_core *core, struct qg_reply *reply, enum qg_status status,
	unsigned retry_ms)
{
	struct qg_out *out = qg_outs_find(&core->outs, reply);
	assert(out);
	qg_out_end(out, status, retry_ms);
	dingtalk_core_wake(core);
}

static void drop_out(struct qg_out *out)
{
	free(out);
}

static void report_sends(struct dingtalk_core *core)
{
	while (core->bot && qg_outs_is_due(&core->outs)) {
		qg_outs_give_back(&core->outs, core->bot);
	}
}

/* ---- calls without memory ---- */

void dingtalk_core_starved(struct dingtalk_core *core, dingtalk_answer_fn fn, void *arg)
{
	if (core->starved_count == DINGTALK_SPARE) { /* better early than lost */
		struct dingtalk_answer answer = {
			.status = QG_NO_MEMORY, .code = qg_status_text(QG_NO_MEMORY)};
		fn(arg, &answer);
		return;
	}
	core->starved[core->starved_count].fn = fn;
	core->starved[core->starved_count++].arg = arg;
	dingtalk_core_wake(core);
}

void dingtalk_core_forget(struct dingtalk_core *core, void *arg)
{
	size_t kept = 0;
	for (size_t i = 0; i < core->starved_count; i++) {
		if (core->starved[i].arg != arg) {
			core->starved[kept++] = core->starved[i];
		}
	}
	core->starved_count = kept;
}

static void report_starved(struct dingtalk_core *core)
{
	size_t most = core->starved_count; /* those that come meanwhile wait for the next turn */
	while (core->bot && core->starved_count > 0 && most-- > 0) {
		struct dingtalk_answer answer = {
			.status = QG_NO_MEMORY, .code = qg_status_text(QG_NO_MEMORY)};
		dingtalk_answer_fn fn = core->starved[0].fn;
		void *arg = core->starved[0].arg;
		core->starved_count--;
		memmove(core->starved, core->starved + 1,
			core->starved_count * sizeof(core->starved[0]));
		fn(arg, &answer);
	}
}

/* ---- the probe ---- */

static void report_probe(struct dingtalk_core *core)
{
	if (core->bot && core->probe_failed && core->probed) {
		void (*told)(void *arg, enum qg_status status, const char *words) = core->probed;
		core->probed = NULL;
		core->probe_failed = false;
		told(core->probed_arg, QG_NO_MEMORY, qg_status_text(QG_NO_MEMORY));
	}
}

/* ---- the end of a stop ---- */

static bool is_busy(const struct dingtalk_core *core)
{
	return !qg_outs_is_empty(&core->outs) || !qg_list_is_empty(&core->posts);
}

/* What is on its way has its time; then the connection is waited for, if it is the last one's. */
static bool has_ended(struct dingtalk_core *core)
{
	uint64_t now = qg_clock_mono();
	bool cards_ended = dingtalk_cards_stop(core);
	bool is_flying = is_busy(core) || !cards_ended || !qg_list_is_empty(&core->deliveries);
	if (is_flying && now < core->stop_until) {
		return false;
	}
	return qg_uplink_is_over(&core->seat) || now >= core->stop_until + CLOSE_MS;
}

static void give_back(struct dingtalk_core *core)
{
	dingtalk_cards_finish(core);
	dingtalk_send_finish(core);
	qg_outs_cancel(&core->outs);
	dingtalk_posts_end(core);
	report_sends(core);
}

static void look_at_stop(struct dingtalk_core *core)
{
	if (!has_ended(core)) {
		qg_timer_start(core->timer, 20);
		return;
	}
	give_back(core);
	if (!core->bot) {
		return;
	}
	qg_uplink_leave(&core->seat);
	core->stopping = core->started = false;
	core->bot->host->stopped(core->bot);
}

static void join_again(struct dingtalk_core *core)
{
	if (core->started && !core->stopping && !core->seat.link && is_dialing(core->bot) &&
		dingtalk_link_join(core) != QG_OK) {
		qg_timer_start(core->timer, REJOIN_MS);
	}
}

static void wake(void *arg)
{
	struct dingtalk_core *core = arg;
	dingtalk_core_take(core);
	report_sends(core);
	report_starved(core);
	report_probe(core);
	if (core->bot && core->stopping) {
		look_at_stop(core);
	}
	if (core->bot) {
		join_again(core);
	}
	dingtalk_core_release(core);
}

static void expire_posts(void *arg)
{
	dingtalk_posts_expire(arg);
}

/* ---- the vtable ---- */

static enum qg_status init(struct qg_bot *bot)
{
	if (!dingtalk_options_are_good(bot)) {
		return QG_INVALID;
	}
	struct dingtalk_core *core = calloc(1, sizeof(*core));
	if (!core) {
		return QG_NO_MEMORY;
	}
	((struct dingtalk_state *)bot->state)->core = core;
	core->references = 1;
	core->bot = bot;
	qg_list_init(&core->calls);
	qg_outs_init(&core->outs, drop_out);
	qg_list_init(&core->deliveries);
	qg_list_init(&core->says);
	qg_list_init(&core->posts);
	core->timer = qg_timer_create(bot->loop, wake, core);
	core->post_timer = qg_timer_create(bot->loop, expire_posts, core);
	core->account = core->timer && core->post_timer ? dingtalk_account_join(bot) : NULL;
	return core->account ? QG_OK : QG_NO_MEMORY;
}

static enum qg_status start(struct qg_bot *bot)
{
	struct dingtalk_core *core = dingtalk_core_of(bot);
	core->started = true;
	core->stopping = false;
	join_again(core);
	dingtalk_cards_recover(core);
	return QG_OK;
}

static void retry(struct qg_bot *bot)
{
	qg_uplink_retry(&dingtalk_core_of(bot)->seat);
}

static void finish(struct qg_bot *bot)
{
	struct dingtalk_core *core = dingtalk_core_of(bot);
	if (!core) {
		return;
	}
	dingtalk_cards_finish(core);
	dingtalk_send_finish(core);
	dingtalk_media_finish(bot);
	dingtalk_probe_cancel(core->probe);
	dingtalk_calls_finish(core);
	dingtalk_says_finish(core);
	dingtalk_posts_end(core);
	qg_outs_finish(&core->outs);
	qg_uplink_leave(&core->seat);
	dingtalk_account_leave(core->account, bot);
	core->account = NULL;
	((struct dingtalk_state *)bot->state)->core = NULL;
	core->bot = NULL;
	qg_timer_destroy(core->timer);
	qg_timer_destroy(core->post_timer);
	core->timer = core->post_timer = NULL;
	dingtalk_core_release(core);
}

static void stop(struct qg_bot *bot)
{
	struct dingtalk_core *core = dingtalk_core_of(bot);
	core->stopping = true;
	core->stop_until = qg_clock_mono() + STOP_MS;
	/* At once: what the platform still pushed here would not be pushed again. */
	qg_uplink_retire(&core->seat);
	dingtalk_core_wake(core);
}

static void draft(struct qg_bot *bot, const struct qg_draft *snapshot)
{
	struct dingtalk_core *core = dingtalk_core_of(bot);
	if (dingtalk_options_of(core)->card_template_id) {
		(void)dingtalk_cards_draft(core, snapshot);
	}
}

static void send_reply(struct qg_bot *bot, struct qg_reply *reply)
{
	struct dingtalk_core *core = dingtalk_core_of(bot);
	struct qg_out *out = calloc(1, sizeof(*out));
	if (!out) {
		dingtalk_core_wake(core);
		qg_outs_add_spare(&core->outs, bot, reply);
		return;
	}
	qg_outs_add(&core->outs, out, reply);
	bool has_cards = dingtalk_options_of(core)->card_template_id != NULL;
	if (!has_cards || !dingtalk_cards_send(core, reply)) {
		dingtalk_send(core, reply);
	}
}

static void on_http(struct qg_bot *bot, struct qg_http_exchange *x, const char *rest, bool admin)
{
	(void)admin;
	dingtalk_webhook(dingtalk_core_of(bot), x, rest);
}

static void probe(struct qg_bot *bot,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg)
{
	struct dingtalk_core *core = dingtalk_core_of(bot);
	assert(!core->probed); /* one at a time */
	dingtalk_probe_start(core, told, arg);
}

/* Pictures, and what is quoted, in groups; files and voice in direct chats. */
#define CAN_ALWAYS                                                                                 \
	.hears_media = true, .hears_media_direct = true, .mentions = true,                         \
	.part_bytes = DINGTALK_PART_BYTES, .dedupe_ms = 2 * 60 * 60 * 1000, .draft_ms = 1000,      \
	.writes_first = true, .app_rate = 20, .shows_files = true

static const struct qg_ability *ability(const struct qg_bot_config *config)
{
	static const struct qg_ability without_cards = {CAN_ALWAYS};
	const struct dingtalk_options *set = config->options;
	return set && set->card_template_id ? NULL : &without_cards;
}

const struct qg_adapter qg_adapter_dingtalk = {
	.name = "dingtalk",
	.can = {CAN_ALWAYS, .streams = true, .buttons = true},
	.state_size = sizeof(struct dingtalk_state),
	.options = dingtalk_option_table,
	.options_size = sizeof(struct dingtalk_options),
	.check = dingtalk_check,
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
	.media = dingtalk_media,
	.media_forget = dingtalk_media_forget,
	.probe = probe,
	.ability = ability,
};
