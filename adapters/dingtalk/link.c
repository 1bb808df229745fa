/* link.c - the Stream connections of a client id: what they dial with, and what their losses mean.
 *
 * Who shares them, dialling and waits are uplink.c's. A connection that the platform sends away is served until it closes,
 * while the next one is opened: what is pushed in between is not pushed again. Refused credentials slow the tries down, for
 * a person must act. Only pings tell whether a connection lives (the client sends them): a quiet group says nothing for
 * hours. */
#include "link.h"

#include <stdlib.h>

#include "qg/clock.h"
#include "qg/config.h"
#include "qg/str.h"

#define FIRST_MS 1000
#define LONGEST_MS 60000
#define REFUSED_MS 60000 /* and half as much by chance */
#define PING_MS 25000
#define PONG_MS 30000
#define FRAME_MOST ((size_t)1 << 20)
#define LEAVE_MS 60000 /* the platform closes after 10 s of silence; this is for one that forgets */
#define GOODBYE_MS 3000 /* for the acks of a connection that was replaced */

static struct dingtalk_link *link_at(struct qg_uplink *up)
{
	return QG_CONTAINER(up, struct dingtalk_link, up);
}

static struct dingtalk_core *core_of(struct qg_uplink_member *member)
{
	return QG_CONTAINER(member, struct dingtalk_core, seat);
}

struct dingtalk_link *dingtalk_link_of(const struct dingtalk_wire *wire)
{
	return link_at(wire->up.link);
}

struct dingtalk_core *dingtalk_link_core(const struct dingtalk_link *link)
{
	struct qg_uplink_member *member = qg_uplink_hearer(&link->up);
	return member ? core_of(member) : NULL;
}

/* ---- what it dials with ---- */

static enum qg_status begin(struct dingtalk_link *link, const struct dingtalk_options *options)
{
	qg_list_init(&link->acks);
	qg_buf_init(&link->scratch, FRAME_MOST);
	link->client_id = qg_str_copy(options->client_id);
	link->client_secret = qg_str_copy(options->client_secret);
	link->api_base = qg_str_copy(dingtalk_base(options, DINGTALK_API));
	return link->client_id && link->client_secret && link->api_base ? QG_OK : QG_NO_MEMORY;
}

static enum qg_status set(struct qg_uplink *up, const struct qg_bot *bot, bool *other_out)
{
	struct dingtalk_link *link = link_at(up);
	const struct dingtalk_options *options = bot->config->options;
	*other_out = false;
	return link->client_id
		       ? qg_uplink_renew(&link->client_secret, options->client_secret, other_out)
		       : begin(link, options);
}

static void finish(struct qg_uplink *up)
{
	struct dingtalk_link *link = link_at(up);
	qg_buf_finish(&link->scratch);
	free(link->client_id);
	free(link->client_secret);
	free(link->api_base);
}

static void opened_call(void *arg, const struct dingtalk_opened *answer)
{
	struct dingtalk_link *link = arg;
	bool is_denied = answer->status == QG_DENIED;
	if (answer->status == QG_OK) {
		qg_uplink_asked(&link->up, answer->url);
		return;
	}
	qg_uplink_lost(
		&link->up, &(struct qg_uplink_loss){
				   .what = is_denied ? "the credentials are refused" : "no ticket",
				   .why = answer->why,
				   .words = is_denied ? answer->words : NULL,
				   .retry_ms = is_denied ? REFUSED_MS : answer->retry_ms});
}

static void *ask(struct qg_uplink *up)
{
	const struct dingtalk_link *link = link_at(up);
	struct dingtalk_credentials credentials = {
		link->client_id, link->client_secret, link->api_base};
	return dingtalk_open_start(up->http, &credentials, opened_call, link_at(up));
}

static void unask(void *asking)
{
	dingtalk_open_cancel(asking);
}

/* ---- a connection ---- */

static void message(struct qg_uplink_wire *up, const char *data, size_t size, bool binary)
{
	(void)binary; /* the platform's own client takes either */
	dingtalk_stream_receive(QG_CONTAINER(up, struct dingtalk_wire, up), data, size);
}

static void gone(struct qg_uplink_wire *up)
{
	dingtalk_stream_drop(QG_CONTAINER(up, struct dingtalk_wire, up));
}

void dingtalk_wire_leaves(struct dingtalk_wire *wire)
{
	qg_uplink_replace(&wire->up, LEAVE_MS);
}

static uint64_t tick(struct qg_uplink *up, uint64_t now)
{
	return dingtalk_stream_tick(link_at(up), now);
}

/* ---- who is on it ---- */

static void left(struct qg_uplink_member *member)
{
	dingtalk_core_wake(core_of(member)); /* it waits for just this */
}

static struct qg_places places = QG_PLACES(places);

static const struct qg_uplink_kind kind = {.platform = "dingtalk",
	.what = "Stream connection",
	.link_size = sizeof(struct dingtalk_link),
	.wire_size = sizeof(struct dingtalk_wire),
	.request = {.most = FRAME_MOST, .ping_ms = PING_MS, .pong_ms = PONG_MS},
	.places = &places,
	.first_ms = FIRST_MS,
	.longest_ms = LONGEST_MS,
	.goodbye_ms = GOODBYE_MS,
	.set = set,
	.finish = finish,
	.ask = ask,
	.unask = unask,
	.message = message,
	.gone = gone,
	.tick = tick,
	.left = left};

/* The secret is not part of it: of two connections of one client id each would get half of the messages. */
enum qg_status dingtalk_link_join(struct dingtalk_core *core)
{
	const struct dingtalk_options *options = dingtalk_options_of(core);
	QG_AUTO(qg_str_free)
	char *key =
		qg_str_printf("%s %s", dingtalk_base(options, DINGTALK_API), options->client_id);
	return key ? qg_uplink_join(&kind, &core->seat, core->bot, key) : QG_NO_MEMORY;
}
