/* link.c - the Stream connections of a client id, shared by all bots of this process that live on it: who shares them,
 * dialling, and when one takes the other's place.
 *
 * Every connect asks for a ticket first (open.c). A connection that the platform sends away is served until it closes,
 * while the next one is opened: what is pushed in between is not pushed again. All losses are tried again for ever, with
 * waits that grow until a frame came or a connection lasted; refused credentials slow them down, for a person must act.
 * Only pings tell whether a connection lives (the client sends them): a quiet group says nothing for hours. */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/crypto.h"
#include "qg/log.h"
#include "qg/str.h"

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000
#define REFUSED_MS 60000 /* and half as much by chance */
#define PING_MS 25000
#define PONG_MS 30000
#define FRAME_MOST ((size_t)1 << 20)
#define APART_MS 1000	 /* between two dials, also where a connection is sent away at once */
#define LASTING_MS 60000 /* so long a life is a success without a frame, too */
#define LEAVE_MS 60000 /* the platform closes after 10 s of silence; this is for one that forgets */
#define LEAVING_MOST 8

static struct qg_list all = {&all, &all};

/* ---- who shares it ---- */

static void destroy_wire(struct dingtalk_wire *wire)
{
	dingtalk_stream_drop(wire);
	if (wire->link->wire == wire) {
		wire->link->wire = NULL;
	}
	qg_list_remove(&wire->item);
	free(wire);
}

static void destroy(struct dingtalk_link *link)
{
	if (!link) {
		return;
	}
	qg_list_remove(&link->item);
	dingtalk_open_cancel(link->open);
	while (!qg_list_is_empty(&link->wires)) {
		struct dingtalk_wire *wire =
			QG_CONTAINER(link->wires.next, struct dingtalk_wire, item);
		qg_ws_cancel(wire->ws);
		destroy_wire(wire);
	}
	qg_timer_destroy(link->timer);
	qg_buf_finish(&link->scratch);
	free(link->key);
	free(link->client_id);
	free(link->client_secret);
	free(link->api_base);
	free(link);
}

static void fire(void *arg)
{
	dingtalk_link_tick(arg);
}

static struct dingtalk_link *create(const struct qg_bot *bot, const char *key)
{
	const struct dingtalk_options *set = bot->config->options;
	struct dingtalk_link *link = calloc(1, sizeof(*link));
	if (!link) {
		return NULL;
	}
	*link = (struct dingtalk_link){.loop = bot->loop,
		.client = bot->ws,
		.http = bot->http,
		.key = qg_str_copy(key),
		.client_id = qg_str_copy(set->client_id),
		.client_secret = qg_str_copy(set->client_secret),
		.api_base = qg_str_copy(dingtalk_base(set, DINGTALK_API)),
		.why = "connecting",
		.dial_at = qg_clock_mono()};
	qg_list_init(&link->item);
	qg_list_init(&link->cores);
	qg_list_init(&link->wires);
	qg_list_init(&link->acks);
	qg_buf_init(&link->scratch, FRAME_MOST);
	qg_backoff_init(&link->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	link->timer = qg_timer_create(bot->loop, fire, link);
	if (!link->timer || !link->key || !link->client_id || !link->client_secret ||
		!link->api_base) {
		destroy(link);
		return NULL;
	}
	qg_list_add(&all, &link->item);
	dingtalk_link_look(link);
	return link;
}

/* The secret is not part of it: of two connections of one client id each would get half of the messages. */
static char *make_key(const struct dingtalk_options *set)
{
	return qg_str_printf("%s %s", dingtalk_base(set, DINGTALK_API), set->client_id);
}

static struct dingtalk_link *find(const struct qg_bot *bot, const char *key)
{
	QG_LIST_FOR_EACH (item, &all) {
		struct dingtalk_link *link = QG_CONTAINER(item, struct dingtalk_link, item);
		if (link->loop == bot->loop && !link->closing && strcmp(link->key, key) == 0) {
			return link;
		}
	}
	return NULL;
}

/* A bot that was changed brings the newest secret. */
static enum qg_status renew_secret(struct dingtalk_link *link, const struct qg_bot *bot)
{
	const struct dingtalk_options *set = bot->config->options;
	if (qg_str_equal(link->client_secret, set->client_secret)) {
		return QG_OK;
	}
	char *secret = qg_str_copy(set->client_secret);
	if (!secret) {
		return QG_NO_MEMORY;
	}
	free(link->client_secret);
	link->client_secret = secret;
	if (link->dial_at != UINT64_MAX) {
		link->dial_at = qg_clock_mono();
		dingtalk_link_look(link);
	}
	return QG_OK;
}

enum qg_status dingtalk_link_join(struct dingtalk_core *core)
{
	QG_AUTO(qg_str_free) char *key = make_key(core->bot->config->options);
	struct dingtalk_link *link = key ? find(core->bot, key) : NULL;
	enum qg_status status = link ? renew_secret(link, core->bot) : QG_OK;
	if (key && !link) {
		link = create(core->bot, key);
	}
	if (!link || status != QG_OK) {
		return QG_NO_MEMORY;
	}
	core->link = link;
	qg_list_add(&link->cores, &core->in_link);
	dingtalk_core_wake(core); /* it may be up already */
	return QG_OK;
}

void dingtalk_link_leave(struct dingtalk_core *core)
{
	struct dingtalk_link *link = core->link;
	if (!link) {
		return;
	}
	core->link = NULL;
	qg_list_remove(&core->in_link);
	if (qg_list_is_empty(&link->cores)) {
		destroy(link);
	}
}

struct dingtalk_core *dingtalk_link_core(const struct dingtalk_link *link)
{
	struct dingtalk_core *found = NULL;
	QG_LIST_FOR_EACH (item, &link->cores) {
		struct dingtalk_core *core = QG_CONTAINER(item, struct dingtalk_core, in_link);
		if (!core->stopping) {
			return core;
		}
		found = core;
	}
	return found;
}

bool dingtalk_link_is_last(const struct dingtalk_link *link)
{
	QG_LIST_FOR_EACH (item, &link->cores) {
		if (!QG_CONTAINER(item, struct dingtalk_core, in_link)->stopping) {
			return false;
		}
	}
	return true;
}

/* ---- what it is ---- */

bool dingtalk_link_is_up(const struct dingtalk_link *link)
{
	QG_LIST_FOR_EACH (item, &link->wires) {
		if (QG_CONTAINER(item, struct dingtalk_wire, item)->is_open) {
			return true;
		}
	}
	return false;
}

static void changed(struct dingtalk_link *link, const char *why)
{
	link->why = why;
	QG_LIST_FOR_EACH (item, &link->cores) {
		dingtalk_core_wake(QG_CONTAINER(item, struct dingtalk_core, in_link));
	}
}

static const char *name_of(const struct dingtalk_link *link)
{
	if (qg_list_is_empty(&link->cores)) {
		return NULL;
	}
	return QG_CONTAINER(link->cores.next, struct dingtalk_core, in_link)->bot->name;
}

static void dial_later(struct dingtalk_link *link, uint64_t wait)
{
	uint64_t now = qg_clock_mono();
	uint64_t apart = link->dialled_at + APART_MS;
	link->dial_at = now + wait;
	if (link->dialled_at > 0 && link->dial_at < apart) {
		link->dial_at = apart;
	}
	dingtalk_link_look(link);
}

static void failed(struct dingtalk_link *link, const char *what, const char *why, uint64_t wait)
{
	qg_log_warn(name_of(link), "dingtalk: Stream connection: %s%s%s; next try in %llu ms", what,
		why[0] ? ": " : "", why, (unsigned long long)wait);
	changed(link, what);
	dial_later(link, wait);
}

/* ---- a connection ---- */

void dingtalk_wire_works(struct dingtalk_wire *wire)
{
	if (!wire->is_leaving) {
		qg_backoff_reset(&wire->link->backoff);
	}
}

static void opened(void *arg, struct qg_ws *ws)
{
	struct dingtalk_wire *wire = arg;
	(void)ws;
	wire->is_open = true;
	wire->opened_at = qg_clock_mono();
	changed(wire->link, "connected");
}

static void message(void *arg, struct qg_ws *ws, const char *data, size_t size, bool binary)
{
	(void)ws;
	(void)binary; /* the platform's own client takes either */
	dingtalk_stream_receive(arg, data, size);
}

static void ended(void *arg, struct qg_ws *ws, const struct qg_ws_end *end)
{
	struct dingtalk_wire *wire = arg;
	struct dingtalk_link *link = wire->link;
	bool was_hoped_on = link->wire == wire;
	(void)ws;
	if (wire->is_open && qg_clock_mono() - wire->opened_at >= LASTING_MS) {
		qg_backoff_reset(&link->backoff);
	}
	destroy_wire(wire);
	if (link->closing || !was_hoped_on) {
		changed(link, link->why); /* somebody may wait for just this */
		dingtalk_link_look(link);
		return;
	}
	failed(link, end->opened ? "it ended" : "it was not opened", end->why,
		qg_backoff_next(&link->backoff));
}

static const struct qg_ws_host host = {opened, message, ended};

static struct dingtalk_wire *connect_to(struct dingtalk_link *link, const char *url)
{
	struct dingtalk_wire *wire = link->client ? calloc(1, sizeof(*wire)) : NULL;
	if (!wire) {
		return NULL;
	}
	wire->link = link;
	struct qg_ws_request request = {
		.url = url, .most = FRAME_MOST, .ping_ms = PING_MS, .pong_ms = PONG_MS};
	wire->ws = qg_ws_open(link->client, &request, &host, wire);
	if (!wire->ws) {
		free(wire);
		return NULL;
	}
	qg_list_add(&link->wires, &wire->item);
	return wire;
}

static void asked(void *arg, const struct dingtalk_opened *answer)
{
	struct dingtalk_link *link = arg;
	link->open = NULL;
	if (answer->status == QG_DENIED) {
		static const char refused[] = "the credentials are refused";
		if (link->why != refused) { /* once, not every minute */
			qg_log_error(
				name_of(link), "dingtalk: %s (%s)", answer->words, answer->why);
		}
		failed(link, refused, answer->why, REFUSED_MS + qg_random_below(REFUSED_MS / 2));
		return;
	}
	if (answer->status != QG_OK) {
		uint64_t wait = qg_backoff_next(&link->backoff);
		failed(link, "no ticket", answer->why,
			answer->retry_ms > wait ? answer->retry_ms : wait);
		return;
	}
	link->wire = connect_to(link, answer->url);
	if (!link->wire) {
		failed(link, "out of memory", "", qg_backoff_next(&link->backoff));
	}
}

static void dial(struct dingtalk_link *link, uint64_t now)
{
	struct dingtalk_credentials credentials = {
		link->client_id, link->client_secret, link->api_base};
	link->dial_at = UINT64_MAX;
	link->dialled_at = now;
	link->open = dingtalk_open_start(link->http, &credentials, asked, link);
	if (!link->open) {
		failed(link, "out of memory", "", qg_backoff_next(&link->backoff));
	}
}

/* ---- its end ---- */

static void goodbye(struct dingtalk_wire *wire)
{
	if (!wire->closing) {
		wire->closing = true;
		qg_ws_close(wire->ws, 1000, NULL);
	}
}

void dingtalk_wire_leaves(struct dingtalk_wire *wire)
{
	struct dingtalk_link *link = wire->link;
	if (wire->is_leaving) {
		return;
	}
	uint64_t now = qg_clock_mono();
	size_t leaving = 0;
	wire->is_leaving = true;
	wire->leave_at = now + LEAVE_MS;
	QG_LIST_FOR_EACH (item, &link->wires) {
		leaving += QG_CONTAINER(item, struct dingtalk_wire, item)->is_leaving ? 1 : 0;
	}
	if (leaving > LEAVING_MOST) {
		goodbye(QG_CONTAINER(link->wires.next, struct dingtalk_wire, item));
	}
	if (link->wire == wire) {
		link->wire = NULL;
		if (!link->closing) {
			qg_log_info(name_of(link),
				"dingtalk: the platform moves the connection; a new one is opened");
			dial_later(link, 0);
		}
	}
	dingtalk_link_look(link);
}

void dingtalk_link_close(struct dingtalk_link *link)
{
	link->closing = true;
	link->why = "closing";
	link->dial_at = UINT64_MAX;
	dingtalk_open_cancel(link->open);
	link->open = NULL;
	QG_LIST_FOR_EACH (item, &link->wires) {
		goodbye(QG_CONTAINER(item, struct dingtalk_wire, item));
	}
}

bool dingtalk_link_is_closed(const struct dingtalk_link *link)
{
	return qg_list_is_empty(&link->wires) && !link->open;
}

/* ---- what is due ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Says goodbye to who was sent away and never went; when the next one is due. */
static uint64_t see_off(struct dingtalk_link *link, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	QG_LIST_FOR_EACH (item, &link->wires) {
		struct dingtalk_wire *wire = QG_CONTAINER(item, struct dingtalk_wire, item);
		if (!wire->is_leaving || wire->closing) {
			continue;
		}
		if (now >= wire->leave_at) {
			goodbye(wire);
		} else {
			next = earlier(next, wire->leave_at);
		}
	}
	return next;
}

void dingtalk_link_tick(struct dingtalk_link *link)
{
	uint64_t now = qg_clock_mono();
	uint64_t next = dingtalk_stream_tick(link, now);
	next = earlier(next, see_off(link, now));
	if (now >= link->dial_at && !link->open && !link->wire) {
		dial(link, now);
	}
	next = earlier(next, link->dial_at);
	if (next == UINT64_MAX) {
		qg_timer_stop(link->timer);
	} else {
		qg_timer_start(link->timer, next > now ? next - now : 0);
	}
}

void dingtalk_link_look(struct dingtalk_link *link)
{
	qg_timer_start(link->timer, 0);
}
