/* link.c - one connection of an account, shared by all bots of this process that live on it: who shares it, dialling,
 * subscribing, heartbeat, and when it is given up.
 *
 * The platform lets an account have one subscribed connection; the newest wins. So a link that was kicked stays away,
 * and one whose credentials are refused asks again only every few minutes. All other losses are tried again for ever,
 * with waits that only a good subscribe makes short again. What is late is found by one timer: wecom_link_due() says
 * when something is, wecom_link_tick() does all that is. Source: developer.work.weixin.qq.com, document 101463. */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/crypto.h"
#include "qg/log.h"
#include "qg/metrics.h"
#include "qg/str.h"

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 30000
#define REFUSED_MS 300000 /* wrong credentials: a person must act */
#define SUBSCRIBE_MS 10000
#define PING_MS 30000
#define PINGS_UNANSWERED_MOST 2
#define SILENT_MOST 3 /* frames in a row without an answer, while pings have one */
/* A connection may be deaf though its pings are answered; a new one helps. Long, for while it reconnects it hears
 * nothing, and what comes then is not delivered again. */
#define QUIET_MS 3600000
#define FRAME_MOST ((size_t)1 << 20)
#define SCRATCH_MOST FRAME_MOST

const char wecom_words_refused[] =
	"bot_id 或 secret 不对：请在企业微信管理后台「管理工具」→「智能机器人」→ 该机器人 → API "
	"模式 → "
	"「使用长连接」核对 Bot ID 和 Secret（Secret 重置后旧的失效）· the platform refuses bot_id "
	"or "
	"secret; copy both again from that page of the admin console";

static struct qg_list all = {&all, &all};

/* ---- who shares it ---- */

static const char *url_of(const struct wecom_options *set)
{
	return set->ws_url ? set->ws_url : WECOM_WS_URL;
}

static void destroy(struct wecom_link *link)
{
	if (!link) {
		return;
	}
	qg_list_remove(&link->item);
	qg_ws_cancel(link->ws);
	link->ws = NULL;
	wecom_clicks_drop(link);
	wecom_lanes_drop(link);
	wecom_calls_fail(link);
	qg_timer_destroy(link->timer);
	qg_buf_finish(&link->scratch);
	free(link->key);
	free(link->url);
	free(link->bot_id);
	free(link->secret);
	free(link);
}

static void fire(void *arg)
{
	wecom_link_tick(arg);
}

static struct wecom_link *create(const struct qg_bot *bot, const char *key)
{
	const struct wecom_options *set = bot->config->options;
	struct wecom_link *link = calloc(1, sizeof(*link));
	if (!link) {
		return NULL;
	}
	*link = (struct wecom_link){.loop = bot->loop,
		.client = bot->ws,
		.key = qg_str_copy(key),
		.url = qg_str_copy(url_of(set)),
		.bot_id = qg_str_copy(set->bot_id),
		.secret = qg_str_copy(set->secret),
		.why = "connecting",
		.fire_at = UINT64_MAX};
	qg_list_init(&link->item);
	qg_list_init(&link->cores);
	qg_list_init(&link->calls);
	qg_list_init(&link->lanes);
	qg_list_init(&link->clicks);
	qg_buf_init(&link->scratch, SCRATCH_MOST);
	qg_backoff_init(
		&link->backoff, qg_clock_scaled(BACKOFF_MIN_MS), qg_clock_scaled(BACKOFF_MAX_MS));
	link->timer = qg_timer_create(bot->loop, fire, link);
	if (!link->timer || !link->key || !link->url || !link->bot_id || !link->secret) {
		destroy(link);
		return NULL;
	}
	qg_list_add(&all, &link->item);
	link->dial_at = qg_clock_mono();
	wecom_link_due(link, link->dial_at);
	return link;
}

/* The secret is not part of it: two connections of one bot_id would kick each other for ever. */
static char *make_key(const struct wecom_options *set)
{
	return qg_str_printf("%s %s", url_of(set), set->bot_id);
}

static struct wecom_link *find(const struct qg_bot *bot, const char *key)
{
	QG_LIST_FOR_EACH (item, &all) {
		struct wecom_link *link = QG_CONTAINER(item, struct wecom_link, item);
		if (link->loop == bot->loop && !link->closing && strcmp(link->key, key) == 0) {
			return link;
		}
	}
	return NULL;
}

/* A bot that was changed brings the newest secret. */
static enum qg_status renew_secret(struct wecom_link *link, const struct qg_bot *bot)
{
	const struct wecom_options *set = bot->config->options;
	if (qg_str_equal(link->secret, set->secret)) {
		return QG_OK;
	}
	char *secret = qg_str_copy(set->secret);
	if (!secret) {
		return QG_NO_MEMORY;
	}
	free(link->secret);
	link->secret = secret;
	if (link->state == WECOM_LINK_WAITING) {
		link->dial_at = qg_clock_mono();
		wecom_link_due(link, link->dial_at);
	}
	return QG_OK;
}

enum qg_status wecom_link_join(struct wecom_core *core)
{
	QG_AUTO(qg_str_free) char *key = make_key(core->bot->config->options);
	struct wecom_link *link = key ? find(core->bot, key) : NULL;
	enum qg_status status = link ? renew_secret(link, core->bot) : QG_OK;
	if (key && !link) {
		link = create(core->bot, key);
	}
	if (!link || status != QG_OK) {
		return QG_NO_MEMORY;
	}
	core->link = link;
	qg_list_add(&link->cores, &core->in_link);
	wecom_core_wake(core); /* it may be up already */
	return QG_OK;
}

void wecom_link_leave(struct wecom_core *core)
{
	struct wecom_link *link = core->link;
	if (!link) {
		return;
	}
	core->link = NULL;
	qg_list_remove(&core->in_link);
	if (qg_list_is_empty(&link->cores)) {
		destroy(link);
	}
}

struct wecom_core *wecom_link_core(const struct wecom_link *link)
{
	QG_LIST_FOR_EACH (item, &link->cores) {
		struct wecom_core *core = QG_CONTAINER(item, struct wecom_core, in_link);
		if (!core->stopping) {
			return core;
		}
	}
	return NULL;
}

struct wecom_core *wecom_link_hearer(const struct wecom_link *link)
{
	struct wecom_core *core = wecom_link_core(link);
	bool is_empty = qg_list_is_empty(&link->cores);
	return core || is_empty ? core : QG_CONTAINER(link->cores.next, struct wecom_core, in_link);
}

bool wecom_link_is_last(const struct wecom_link *link)
{
	return link->cores.next->next == &link->cores;
}

/* ---- what it is ---- */

static void become(struct wecom_link *link, enum wecom_link_state state, const char *why)
{
	link->state = state;
	link->why = why;
	QG_LIST_FOR_EACH (item, &link->cores) {
		wecom_core_wake(QG_CONTAINER(item, struct wecom_core, in_link));
	}
}

bool wecom_link_is_up(const struct wecom_link *link)
{
	return link->state == WECOM_LINK_UP;
}

static const char *name_of(const struct wecom_link *link)
{
	if (qg_list_is_empty(&link->cores)) {
		return NULL;
	}
	return QG_CONTAINER(link->cores.next, struct wecom_core, in_link)->bot->name;
}

/* Ids of messages mean nothing on another connection: what is open is dropped, what must arrive is pushed. */
static void forget(struct wecom_link *link)
{
	wecom_clicks_drop(link);
	wecom_lanes_drop(link);
	wecom_calls_fail(link);
	link->unanswered = link->silent = 0;
}

static void lost(struct wecom_link *link, const char *why, const char *detail, uint64_t wait)
{
	qg_ws_cancel(link->ws);
	link->ws = NULL;
	link->dial_at = qg_clock_mono() + wait;
	qg_log_warn(name_of(link), "wecom: long connection: %s%s%s; next try in %llu ms", why,
		detail[0] ? ": " : "", detail, (unsigned long long)wait);
	become(link, WECOM_LINK_WAITING, why);
	forget(link);
	wecom_link_due(link, link->dial_at);
}

void wecom_link_drop(struct wecom_link *link, const char *why)
{
	if (!link->closing && link->state != WECOM_LINK_CLOSED &&
		link->state != WECOM_LINK_WAITING) {
		lost(link, why, "", qg_backoff_next(&link->backoff));
	}
}

void wecom_link_retry(struct wecom_link *link)
{
	if (link->refused && link->state == WECOM_LINK_WAITING) {
		link->refused = false;
		link->dial_at = qg_clock_mono();
		wecom_link_due(link, link->dial_at);
	}
}

/* ---- subscribing ---- */

static void up(struct wecom_link *link)
{
	uint64_t now = qg_clock_mono();
	qg_backoff_reset(&link->backoff);
	link->refused = false;
	link->ping_at = now + qg_clock_scaled(PING_MS);
	link->heard_at = now;
	link->quiet_ms = qg_clock_scaled(QUIET_MS + qg_random_below(QUIET_MS / 4));
	become(link, WECOM_LINK_UP, "subscribed");
	wecom_link_due(link, link->ping_at);
	QG_LIST_FOR_EACH (item, &link->cores) {
		wecom_sends_resume(QG_CONTAINER(item, struct wecom_core, in_link));
	}
}

static void subscribed(void *arg, const struct wecom_answer *answer)
{
	struct wecom_link *link = arg;
	if (answer->local == QG_OK && answer->code == 0) {
		up(link);
	} else if (answer->local == QG_OK && answer->code == 853000) {
		qg_log_error(name_of(link), "wecom: %s", wecom_words_refused);
		link->refused = true;
		lost(link, "bot_id or secret is refused", answer->words,
			qg_clock_scaled(REFUSED_MS + qg_random_below(REFUSED_MS / 5)));
	} else if (answer->local != QG_CANCELLED) {
		lost(link, "the subscription was not taken",
			answer->local == QG_OK ? answer->words : qg_status_text(answer->local),
			qg_backoff_next(&link->backoff));
	}
}

static void opened(void *arg, struct qg_ws *ws)
{
	struct wecom_link *link = arg;
	qg_random_hex(link->conn, WECOM_CONN_CHARS / 2);
	json_auto_t *body = json_pack("{s:s, s:s}", "bot_id", link->bot_id, "secret", link->secret);
	struct wecom_request request = {
		.cmd = "aibot_subscribe", .body = body, .timeout_ms = SUBSCRIBE_MS};
	link->state = WECOM_LINK_SUBSCRIBING;
	if (!body || !wecom_call_start(link, &request, subscribed, link)) {
		wecom_link_drop(link, "out of memory");
	}
}

static void message(void *arg, struct qg_ws *ws, const char *data, size_t size, bool binary)
{
	struct wecom_link *link = arg;
	struct wecom_frame frame;
	enum qg_status status = link->closing || link->state == WECOM_LINK_CLOSED
					? QG_CANCELLED
					: wecom_frame_read(data, size, &link->scratch, &frame);
	if (status != QG_OK) {
		qg_log_debug(name_of(link), "wecom: %zu bytes are no frame: %s", size,
			qg_status_text(status));
		return;
	}
	if (frame.cmd.kind == QG_PIECE_NONE) {
		wecom_calls_answer(link, &frame);
		return;
	}
	link->heard_at = qg_clock_mono();
	wecom_events_receive(link, &frame);
}

static void ended(void *arg, struct qg_ws *ws, const struct qg_ws_end *end)
{
	struct wecom_link *link = arg;
	link->ws = NULL;
	if (link->state == WECOM_LINK_CLOSED) {
		become(link, WECOM_LINK_CLOSED, "closed"); /* somebody may wait for just this */
		return;
	}
	lost(link, end->opened ? "it ended" : "it was not opened", end->why,
		qg_backoff_next(&link->backoff));
}

const struct qg_ws_host wecom_link_host = {opened, message, ended};

static void dial(struct wecom_link *link)
{
	struct qg_ws_request request = {.url = link->url, .most = FRAME_MOST};
	link->state = WECOM_LINK_DIALING;
	link->ws = link->client ? qg_ws_open(link->client, &request, &wecom_link_host, link) : NULL;
	if (!link->ws) {
		wecom_link_drop(link, link->client ? "out of memory" : "no websocket client");
	}
}

/* ---- its end ---- */

static void leave_wire(struct wecom_link *link, const char *why)
{
	become(link, WECOM_LINK_CLOSED, why);
	forget(link);
	if (link->ws) {
		qg_ws_close(link->ws, 1000, NULL);
	}
}

/* The gateway says so to the operator: it decides when the link is opened again. */
void wecom_link_kicked(struct wecom_link *link)
{
	QG_LIST_FOR_EACH (item, &link->cores) {
		QG_CONTAINER(item, struct wecom_core, in_link)->kicked = true;
	}
	link->dial_at = qg_clock_mono() + WECOM_KICKED_MS;
	leave_wire(link, "kicked: another instance took over");
	wecom_link_due(link, link->dial_at);
}

void wecom_link_close(struct wecom_link *link)
{
	link->closing = true;
	if (link->state != WECOM_LINK_CLOSED) {
		leave_wire(link, "closing");
	}
}

bool wecom_link_is_closed(const struct wecom_link *link)
{
	return link->state == WECOM_LINK_CLOSED && !link->ws;
}

/* ---- heartbeat, and all that is late ---- */

static void ponged(void *arg, const struct wecom_answer *answer)
{
	struct wecom_link *link = arg;
	if (answer->local == QG_OK && answer->code == 0) {
		link->unanswered = 0;
	} else if (answer->local == QG_OK) {
		wecom_link_drop(link, "a ping was refused");
	}
}

static void ping(struct wecom_link *link, uint64_t now)
{
	if (link->unanswered >= PINGS_UNANSWERED_MOST) {
		wecom_link_drop(link, "pings stay unanswered");
		return;
	}
	uint64_t gap = qg_clock_scaled(PING_MS);
	struct wecom_request request = {
		.cmd = "ping", .timeout_ms = 3 * (unsigned)gap, .is_ping = true};
	link->unanswered++;
	link->ping_at = now + gap;
	if (!wecom_call_start(link, &request, ponged, link)) {
		wecom_link_drop(link, "a ping could not leave");
	}
}

static bool is_deaf(const struct wecom_link *link, uint64_t now)
{
	return now - link->heard_at >= link->quiet_ms && qg_list_is_empty(&link->lanes);
}

static void look_after(struct wecom_link *link, uint64_t now)
{
	bool may_dial = link->state == WECOM_LINK_WAITING ||
			(link->state == WECOM_LINK_CLOSED && !link->ws && !link->closing);
	if (may_dial && now >= link->dial_at) {
		dial(link);
	} else if (link->state != WECOM_LINK_UP) {
		return;
	} else if (link->silent >= SILENT_MOST) {
		wecom_link_drop(link, "frames stay unanswered");
	} else if (is_deaf(link, now)) {
		wecom_link_drop(link, "nothing was heard for an hour");
	} else if (now >= link->ping_at) {
		ping(link, now);
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t own_due(const struct wecom_link *link)
{
	bool waits = link->state == WECOM_LINK_WAITING ||
		     (link->state == WECOM_LINK_CLOSED && !link->ws && !link->closing);
	return waits ? link->dial_at : link->state == WECOM_LINK_UP ? link->ping_at : UINT64_MAX;
}

static void set_timer(struct wecom_link *link, uint64_t at)
{
	uint64_t now = qg_clock_mono();
	link->fire_at = at;
	if (at == UINT64_MAX) {
		qg_timer_stop(link->timer);
	} else {
		qg_timer_start(link->timer, at > now ? at - now : 0);
	}
}

void wecom_link_due(struct wecom_link *link, uint64_t at)
{
	if (at < link->fire_at) {
		if (link->in_fire) {
			link->fire_at = at;
		} else {
			set_timer(link, at);
		}
	}
}

void wecom_link_tick(struct wecom_link *link)
{
	uint64_t now = qg_clock_mono();
	link->in_fire = true;
	link->fire_at = UINT64_MAX;
	uint64_t next = wecom_calls_tick(link, now);
	next = earlier(next, wecom_clicks_tick(link, now));
	look_after(link, now);
	next = earlier(next, wecom_lanes_tick(link, now));
	QG_LIST_FOR_EACH (item, &link->cores) {
		struct wecom_core *core = QG_CONTAINER(item, struct wecom_core, in_link);
		next = earlier(next, wecom_sends_tick(core, now));
	}
	link->in_fire = false;
	set_timer(link, earlier(earlier(next, own_due(link)), link->fire_at));
}
