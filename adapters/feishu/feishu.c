/* feishu.c - Feishu and Lark: abilities, and the life of a bot over either transport.
 *
 * Over the long connection a bot joins the link of its app (link.c) while it is started; by webhook every gateway hears it
 * (callback.c). Its owner sends. Results of sends, the end of a stop and all else that must not come from inside a call
 * come from one timer, wake(). */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/str.h"

#define STOP_MS 1500 /* for what is on its way */
#define STOP_LOOK_MS 20
#define REJOIN_MS 1000

struct feishu_state {
	struct feishu_core *core;
};

static bool is_dialing(const struct qg_bot *bot)
{
	return ((const struct feishu_options *)bot->config->options)->transport == FEISHU_WEBSOCKET;
}

static char *account(const struct qg_bot *bot)
{
	const struct feishu_options *set = bot->config->options;
	QG_AUTO(qg_str_free) char *base = feishu_base(set);
	const char *host = base ? strstr(base, "://") : NULL;
	return host ? qg_str_printf("%s %s", host + 3, set->app_id) : NULL;
}

/* ---- what other files ask ---- */

struct feishu_core *feishu_core_of(const struct qg_bot *bot)
{
	return ((struct feishu_state *)bot->state)->core;
}

const struct feishu_options *feishu_options_of(const struct feishu_core *core)
{
	return core->bot->config->options;
}

char *feishu_core_words(const struct feishu_core *core, const char *key)
{
	if (!core->bot || !core->bot->host->words) {
		return NULL;
	}
	return core->bot->host->words(core->bot, key);
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

void feishu_core_wake(struct feishu_core *core)
{
	if (core->bot && core->timer) {
		qg_timer_start(core->timer, 0);
	}
}

static void own_id_told(struct feishu_watcher *watcher)
{
	feishu_take_resume(QG_CONTAINER(watcher, struct feishu_core, watcher));
}

/* ---- replies ---- */

static void each_open(struct feishu_core *core, const struct qg_reply *reply,
	void (*fn)(struct feishu_core *core, const char *message))
{
	if (reply->handle) {
		fn(core, reply->handle);
	}
	for (size_t i = 0; i < json_array_size(reply->handles); i++) {
		const char *handle = json_string_value(json_array_get(reply->handles, i));
		if (handle) {
			fn(core, handle);
		}
	}
}

/* Nothing more comes of this reply: what showed its messages as open is taken away. */
static void close_open(struct feishu_core *core, const struct qg_reply *reply)
{
	each_open(core, reply, feishu_react_end);
}

static bool is_over(const struct qg_reply *reply, enum qg_status status)
{
	if (status == QG_DENIED || status == QG_NOT_FOUND) {
		return true; /* an admin must act, or nobody is there: the planner sends no more of it */
	}
	return status == QG_OK && reply->part + 1 >= reply->parts;
}

void feishu_core_sent(
	struct feishu_core *core, struct qg_reply *reply, enum qg_status status, unsigned retry_ms)
{
	struct qg_out *out = qg_outs_find(&core->outs, reply);
	if (!out) {
		return;
	}
	qg_out_end(out, status, retry_ms);
	if (is_over(reply, status)) {
		close_open(core, reply);
	}
	feishu_core_wake(core);
}

static void noted(void *arg, enum qg_status status)
{
	(void)arg;
	(void)status;
}

/* The platform says what an event should have said: nothing waits there any more. */
static void tell_left(struct feishu_core *core, const char *chat, const char *event)
{
	const struct qg_host *host = core->bot->host;
	if (host->left) {
		host->left(core->bot, chat, event, noted, NULL);
	}
}

static void report_sends(struct feishu_core *core)
{
	while (core->bot && qg_outs_is_due(&core->outs)) {
		const struct qg_out *out = qg_outs_ended(&core->outs);
		bool has_left = out && QG_CONTAINER(out, struct feishu_send, out)->left &&
				out->reply->chat_type == QG_CHAT_GROUP;
		QG_AUTO(qg_str_free) char *chat = has_left ? qg_str_copy(out->reply->chat) : NULL;
		QG_AUTO(qg_str_free) char *event = has_left ? qg_str_copy(out->reply->id) : NULL;
		qg_outs_give_back(&core->outs, core->bot);
		if (core->bot && chat && event) {
			tell_left(core, chat, event);
		}
	}
}

/* ---- the end of a stop ---- */

static bool is_flying(struct feishu_core *core)
{
	bool cards_ended = feishu_cards_stop(core);
	bool reacts_ended = feishu_react_stop(core);
	return !cards_ended || !reacts_ended || core->seat.link || core->posts > 0 ||
	       !qg_outs_is_empty(&core->outs);
}

static void give_back(struct feishu_core *core)
{
	feishu_cards_finish(core);
	feishu_react_finish(core);
	qg_outs_cancel(&core->outs);
	report_sends(core);
}

/* What is on its way has its time, and so has the connection to say goodbye. */
static void look_at_stop(struct feishu_core *core)
{
	if (is_flying(core) && qg_clock_mono() < core->stop_until) {
		qg_timer_start(core->timer, STOP_LOOK_MS);
		return;
	}
	give_back(core);
	if (!core->bot) {
		return;
	}
	core->stopping = core->started = false;
	core->bot->host->stopped(core->bot);
}

static void join_link(struct feishu_core *core)
{
	if (core->started && !core->stopping && !core->seat.link && is_dialing(core->bot) &&
		feishu_link_join(core) != QG_OK) {
		qg_timer_start(core->timer, REJOIN_MS);
	}
}

static void wake(void *arg)
{
	struct feishu_core *core = arg;
	feishu_core_take(core);
	report_sends(core);
	feishu_probe_report(core);
	if (core->bot && core->stopping) {
		look_at_stop(core);
	}
	if (core->bot) {
		join_link(core);
	}
	feishu_core_release(core);
}

/* ---- the vtable ---- */

static enum qg_status init(struct qg_bot *bot)
{
	if (!feishu_options_are_good(bot)) {
		return QG_INVALID;
	}
	struct feishu_core *core = calloc(1, sizeof(*core));
	if (!core) {
		return QG_NO_MEMORY;
	}
	((struct feishu_state *)bot->state)->core = core;
	core->references = 1;
	core->bot = bot;
	qg_outs_init(&core->outs, feishu_send_drop);
	qg_buf_init(&core->scratch, FEISHU_BODY_MAX);
	qg_list_init(&core->watcher.link);
	core->watcher.told = own_id_told;
	core->timer = qg_timer_create(bot->loop, wake, core);
	core->account = core->timer ? feishu_account_join(bot) : NULL;
	if (!core->account) {
		return QG_NO_MEMORY;
	}
	qg_list_add(&core->account->watchers, &core->watcher.link);
	return QG_OK;
}

/* The bot's own id is asked for before the first message needs it; on a link, once that is up. */
static enum qg_status start(struct qg_bot *bot)
{
	struct feishu_core *core = feishu_core_of(bot);
	core->started = true;
	core->stopping = false;
	join_link(core);
	if (!core->seat.link || qg_uplink_is_up(core->seat.link)) {
		feishu_identity_prepare(core->account);
	}
	feishu_cards_recover(core);
	feishu_react_recover(core);
	return QG_OK;
}

static void retry(struct qg_bot *bot)
{
	qg_uplink_retry(&feishu_core_of(bot)->seat);
}

static void finish(struct qg_bot *bot)
{
	struct feishu_core *core = feishu_core_of(bot);
	if (!core) {
		return;
	}
	feishu_take_finish(core);
	feishu_cards_finish(core);
	feishu_react_finish(core);
	feishu_media_finish(core);
	qg_outs_finish(&core->outs);
	feishu_probe_cancel(core);
	feishu_link_leave(core);
	qg_list_remove(&core->watcher.link);
	feishu_account_leave(core->account, bot);
	core->account = NULL;
	((struct feishu_state *)bot->state)->core = NULL;
	core->bot = NULL;
	qg_timer_destroy(core->timer);
	core->timer = NULL;
	feishu_core_release(core);
}

static void stop(struct qg_bot *bot)
{
	struct feishu_core *core = feishu_core_of(bot);
	core->stopping = true;
	core->stop_until = qg_clock_mono() + STOP_MS;
	feishu_take_end(core);
	feishu_link_leave(core);
	feishu_core_wake(core);
}

static void draft(struct qg_bot *bot, const struct qg_draft *snapshot)
{
	struct feishu_core *core = feishu_core_of(bot);
	if (!core->stopping) {
		(void)feishu_cards_draft(core, snapshot);
	}
}

static void send_reply(struct qg_bot *bot, struct qg_reply *reply)
{
	struct feishu_core *core = feishu_core_of(bot);
	struct feishu_send *send = calloc(1, sizeof(*send));
	if (!send) {
		feishu_core_wake(core);
		qg_outs_add_spare(&core->outs, bot, reply);
		return;
	}
	send->core = core;
	qg_outs_add(&core->outs, &send->out, reply);
	each_open(core, reply, feishu_react_hold);
	bool is_taken = feishu_cards_send(core, reply); /* a silent one is not, but ends a card */
	if (reply->silent) {
		feishu_core_sent(core, reply, QG_OK, 0);
	} else if (!is_taken) {
		feishu_send_start(send);
	}
}

static void on_http(struct qg_bot *bot, struct qg_http_exchange *x, const char *rest, bool admin)
{
	struct feishu_core *core = feishu_core_of(bot);
	(void)admin;
	if (rest[0] != '\0' && !qg_str_equal(rest, "/")) {
		qg_http_answer_error(x, 404, "not found");
	} else if (is_dialing(bot)) {
		qg_http_answer_error(x, 404, "no webhook here: transport is websocket");
	} else if (core->stopping) {
		qg_http_add_header(x, "Retry-After", "1");
		qg_http_answer_error(x, 503, "restarting");
	} else {
		feishu_callback(core, x);
	}
}

static void probe(struct qg_bot *bot,
	void (*told)(void *arg, enum qg_status status, const char *words), void *arg)
{
	feishu_probe_start(feishu_core_of(bot), told, arg);
}

const struct qg_adapter qg_adapter_feishu = {
	.name = "feishu",
	.can = {.hears_all = true, /* with a scope of its own: check() says so */
		.threads = true,
		.hears_media = true,
		.hears_media_direct = true,
		.streams = true,
		.buttons = true,
		.mentions = true,
		.redelivers = true,
		.part_bytes = FEISHU_PART_BYTES,
		.dedupe_ms = 12 * 60 * 60 * 1000, /* the last delivery comes after seven hours */
		.draft_ms = 300,		  /* the platform wants 100 to 300 */
		.shows_fields = true,
		.writes_first = true,
		.chat_rate = 5,
		.app_rate = 50,
		.shows_files = true,
		.shows_open = true},
	.state_size = sizeof(struct feishu_state),
	.options = feishu_option_table,
	.options_size = sizeof(struct feishu_options),
	.check = feishu_check,
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
	.media = feishu_media,
	.complete = feishu_complete,
	.media_forget = feishu_media_forget,
	.probe = probe,
};
