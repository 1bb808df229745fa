/* link.c - the long connection of an app: what it dials with, its pings, and when it is given up for dead.
 *
 * Who shares it, dialling and waits are uplink.c's. The platform spreads an app's events over all its connections, so there
 * is one, and two only for the moment in which other credentials take over. It pings by frames of its own, at the pace the
 * platform wishes: whatever comes is a sign of life, and a ping that nothing follows is the end, however open the socket
 * looks; control frames of the websocket are not relied on. Deadlines are on a clock that runs while a machine sleeps, and
 * after a sleep all connections are asked at once. */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/config.h"
#include "qg/log.h"
#include "qg/str.h"

#define FIRST_MS 5000
#define LONGEST_MS 120000
#define ANSWER_MS 25000 /* for a ping: less kills healthy connections where packets get lost */
#define LOOK_MS                                                                                    \
	30000 /* all links look at the same moments, so that a thousand wake the loop once */
#define SLEPT_MS 5000	/* a look that comes so late: the machine, or this process, slept */
#define GOODBYE_MS 3000 /* for the acks of a connection that was replaced */

static struct feishu_link *link_of(struct qg_uplink *up)
{
	return QG_CONTAINER(up, struct feishu_link, up);
}

static struct feishu_wire *wire_of(struct qg_uplink_wire *up)
{
	return QG_CONTAINER(up, struct feishu_wire, up);
}

static struct feishu_core *core_of(struct qg_uplink_member *member)
{
	return QG_CONTAINER(member, struct feishu_core, seat);
}

/* ---- what it dials with ---- */

static void apply_pace(struct feishu_link *link)
{
	const struct feishu_pace *pace = &link->pace;
	struct qg_backoff *backoff = &link->up.backoff;
	uint64_t nonce = 1000 * (uint64_t)pace->nonce;
	backoff->min_ms = nonce < 1000 ? 1000 : nonce > FIRST_MS ? FIRST_MS : nonce;
	backoff->max_ms = 1000 * (uint64_t)pace->interval;
	if (backoff->max_ms < backoff->min_ms) {
		backoff->max_ms = backoff->min_ms;
	}
}

void feishu_link_pace(struct feishu_link *link, const json_t *config)
{
	feishu_pace_read(&link->pace, config);
	apply_pace(link);
}

static enum qg_status begin(struct feishu_link *link, const struct feishu_options *options)
{
	qg_list_init(&link->waiting);
	qg_list_init(&link->sets);
	qg_buf_init(&link->scratch, FEISHU_BODY_MAX);
	feishu_pace_init(&link->pace);
	apply_pace(link);
	link->plain = options->api_base != NULL;
	link->base = feishu_base(options);
	link->app_id = qg_str_copy(options->app_id);
	link->app_secret = qg_str_copy(options->app_secret);
	return link->base && link->app_id && link->app_secret ? QG_OK : QG_NO_MEMORY;
}

static enum qg_status set(struct qg_uplink *up, const struct qg_bot *bot, bool *other_out)
{
	struct feishu_link *link = link_of(up);
	const struct feishu_options *options = bot->config->options;
	*other_out = false;
	return link->base ? qg_uplink_renew(&link->app_secret, options->app_secret, other_out)
			  : begin(link, options);
}

static void finish(struct qg_uplink *up)
{
	struct feishu_link *link = link_of(up);
	feishu_parts_finish(link);
	qg_buf_finish(&link->scratch);
	free(link->base);
	free(link->app_id);
	free(link->app_secret);
}

static void opened_call(void *arg, const struct feishu_opened *opened)
{
	struct feishu_link *link = arg;
	if (!opened->url) {
		qg_uplink_lost(&link->up, &opened->loss);
		return;
	}
	feishu_link_pace(link, opened->config);
	qg_uplink_asked(&link->up, opened->url);
}

static void *ask(struct qg_uplink *up)
{
	struct feishu_link *link = link_of(up);
	struct feishu_credentials credentials = {
		link->base, link->app_id, link->app_secret, link->plain};
	return feishu_open_start(up->http, &credentials, opened_call, link);
}

static void unask(void *asking)
{
	feishu_open_cancel(asking);
}

/* ---- a connection ---- */

static int32_t service_of(const char *url)
{
	const char *query = strchr(url, '?');
	QG_AUTO(qg_str_free)
	char *id = query ? qg_query_get(query + 1, strlen(query + 1), "service_id") : NULL;
	char *end = NULL;
	long number = id ? strtol(id, &end, 10) : 0;
	return id && *end == '\0' && number >= INT32_MIN && number <= INT32_MAX ? (int32_t)number
										: 0;
}

static void made(struct qg_uplink_wire *up, const char *url)
{
	const char *query = strchr(url, '?');
	QG_AUTO(qg_str_free)
	char *device = query ? qg_query_get(query + 1, strlen(query + 1), "device_id") : NULL;
	wire_of(up)->service = service_of(url);
	wire_of(up)->ping_at = UINT64_MAX;
	if (device) {
		qg_utf8_flatten(device);
	}
	qg_log_debug(qg_uplink_name(up->link), "feishu: long connection: id %.64s",
		device ? device : "unknown");
}

/* false: the connection takes nothing any more. */
static bool ping(struct feishu_wire *wire, uint64_t now)
{
	const struct feishu_link *link = link_of(wire->up.link);
	QG_AUTO(qg_buf_finish) struct qg_buf out;
	qg_buf_init(&out, 64);
	wire->ping_at = now + 1000 * (uint64_t)link->pace.ping;
	enum qg_status status = feishu_frame_ping(wire->service, &out);
	if (status == QG_OK) {
		status = qg_ws_send(wire->up.ws, out.data, out.size, true);
	}
	if (status == QG_OK && wire->asked_at == 0) {
		wire->asked_at = now;
	}
	return status == QG_OK || status == QG_NO_MEMORY; /* then the next one is waited for */
}

static void opened(struct qg_uplink_wire *up)
{
	(void)ping(wire_of(up), qg_clock_mono());
	qg_uplink_look(up->link);
	QG_LIST_FOR_EACH (item, &up->link->members) {
		struct qg_uplink_member *member = QG_CONTAINER(item, struct qg_uplink_member, item);
		feishu_identity_prepare(core_of(member)->account);
	}
}

void feishu_wire_lives(struct feishu_wire *wire)
{
	wire->asked_at = 0;
}

static void message(struct qg_uplink_wire *up, const char *data, size_t size, bool binary)
{
	feishu_wire_lives(wire_of(up));
	if (binary) {
		feishu_stream_receive(wire_of(up), data, size);
	}
}

static void gone(struct qg_uplink_wire *up)
{
	feishu_stream_drop(wire_of(up));
}

/* What the server says of a refused upgrade, in the order of wanted[]. */
enum { HANDSHAKE_STATUS, HANDSHAKE_MSG, HANDSHAKE_CODE };
static const char *const wanted[] = {
	"handshake-status:", "handshake-msg:", "handshake-autherrcode:", NULL};

static void judge(const struct qg_ws_end *end, struct qg_uplink_loss *loss)
{
	const char *status = end->found[HANDSHAKE_STATUS];
	if (end->opened || !status) {
		return;
	}
	if (qg_str_equal(end->found[HANDSHAKE_CODE], "1000040350")) {
		feishu_open_judge(1000040350, loss);
	} else if (strcmp(status, "403") == 0) {
		feishu_open_judge(403, loss);
	}
	if (end->found[HANDSHAKE_MSG]) {
		loss->why = end->found[HANDSHAKE_MSG];
	}
}

/* ---- what is due ---- */

/* When to look at it again; UINT64_MAX: it is dead, and dropped. */
static uint64_t look_after(struct feishu_wire *wire, uint64_t now, bool slept)
{
	if (wire->asked_at > 0 && now >= wire->asked_at + ANSWER_MS && !slept) {
		qg_uplink_drop(&wire->up, "pings stay unanswered");
		return UINT64_MAX;
	}
	if (slept) {
		wire->asked_at = 0; /* an answer may lie in the socket: it is asked anew */
	}
	if ((slept || now >= wire->ping_at) && !ping(wire, now)) {
		qg_uplink_drop(&wire->up, "a ping could not leave");
		return UINT64_MAX;
	}
	uint64_t deadline = wire->asked_at > 0 ? wire->asked_at + ANSWER_MS : UINT64_MAX;
	return deadline < wire->ping_at ? deadline : wire->ping_at;
}

static uint64_t tick(struct qg_uplink *up, uint64_t now)
{
	struct feishu_link *link = link_of(up);
	uint64_t next = feishu_parts_tick(link, now);
	bool slept = link->look_at > 0 && now >= link->look_at + SLEPT_MS;
	QG_LIST_FOR_EACH (item, &up->wires) {
		struct feishu_wire *wire = wire_of(QG_CONTAINER(item, struct qg_uplink_wire, item));
		if (wire->up.is_open && !wire->up.closing) {
			uint64_t due = look_after(wire, now, slept);
			next = due < next ? due : next;
		}
	}
	uint64_t look = (now / LOOK_MS + 1) * LOOK_MS;
	link->look_at = look < next ? look : next;
	return link->look_at;
}

/* ---- who is on it ---- */

static void left(struct qg_uplink_member *member)
{
	if (qg_uplink_is_over(member)) {
		struct feishu_core *core = core_of(member);
		qg_uplink_leave(member);
		feishu_core_wake(core);
	}
}

static const struct qg_uplink_kind kind = {.platform = "feishu",
	.what = "long connection",
	.link_size = sizeof(struct feishu_link),
	.wire_size = sizeof(struct feishu_wire),
	.request = {.most = FEISHU_FRAME_MAX, .no_pings = true, .wanted = wanted},
	.places = &feishu_places,
	.first_ms = FIRST_MS,
	.longest_ms = LONGEST_MS,
	.goodbye_ms = GOODBYE_MS,
	.set = set,
	.finish = finish,
	.ask = ask,
	.unask = unask,
	.made = made,
	.opened = opened,
	.message = message,
	.gone = gone,
	.tick = tick,
	.judge = judge,
	.left = left};

/* The secret is not part of it: of two connections of one app each would get half of the events. */
enum qg_status feishu_link_join(struct feishu_core *core)
{
	const struct feishu_options *options = feishu_options_of(core);
	QG_AUTO(qg_str_free) char *base = feishu_base(options);
	QG_AUTO(qg_str_free)
	char *key = base ? qg_str_printf("%s %s", base, options->app_id) : NULL;
	return key ? qg_uplink_join(&kind, &core->seat, core->bot, key) : QG_NO_MEMORY;
}

void feishu_link_leave(struct feishu_core *core)
{
	if (core->seat.link && core->stopping && !core->seat.leaving) {
		qg_uplink_retire(&core->seat);
		if (!qg_uplink_is_over(&core->seat)) {
			return;
		}
	}
	qg_uplink_leave(&core->seat);
}
