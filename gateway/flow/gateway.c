/* gateway.c - steps 1, 2 and 5 of a message's way: owns bots and links, listens for bells, hands requests out. */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"
#include "rates.h"

static void out_bell(struct qg_gateway *gateway, const char *name)
{
	struct bot *bot = bots_find(gateway, name);
	if (bot != NULL) {
		outbound_look(bot);
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);
	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static void rang(void *arg, const char *channel, const char *data, size_t size)
{
	if (ends_with(channel, ":send")) {
		out_bell(arg, data);
	} else {
		drafts_heard(arg, data, size);
	}
}

static void look_everywhere(struct qg_gateway *gateway)
{
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		outbound_look(QG_CONTAINER(item, struct bot, item));
	}
}

static void subscribed(void *arg, bool up)
{
	if (up) {
		look_everywhere(arg);
	}
}

static void renew(void *arg)
{
	links_renew(arg);
	balance_beat(arg);
}

static void settle(void *arg)
{
	links_settle(arg);
}

/* Looks without a bell: at once where a waiting chat's time has come, else now and then. What Redis refused while
 * it was there (no room, too much under way) is tried again here too: no change of the connection will tell. */
static void look(void *arg)
{
	struct qg_gateway *gateway = arg;
	links_settle(gateway);
	if (gateway->up) {
		links_look(gateway);
		balance_move(gateway);
		depth_look(gateway);
	}
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		struct bot *bot = QG_CONTAINER(item, struct bot, item);
		if (gateway->up) {
			outbound_resend(bot);
		}
		if (outbound_is_due(bot) || ++bot->calm >= CALM_LOOKS) {
			outbound_look(bot);
		}
		bot_pin(bot);
		errands_resend(bot);
		inbound_expire(bot);
		bot_unpin(bot); /* last: a bot that is gone may end with it */
	}
}

/* Something put off is due before the next look. */
static void wake(void *arg)
{
	struct qg_gateway *gateway = arg;
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		struct bot *bot = QG_CONTAINER(item, struct bot, item);
		if (outbound_is_due(bot)) {
			outbound_look(bot);
		}
	}
}

void qg_gateway_redis_changed(struct qg_gateway *gateway, bool up)
{
	gateway->up = up;
	if (!up) {
		return;
	}
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		struct bot *bot = QG_CONTAINER(item, struct bot, item);
		inbound_resend(bot);
		outbound_resend(bot);
		errands_resend(bot);
	}
	links_settle(gateway);
	links_renew(gateway);
	balance_beat(gateway);
	links_look(gateway);
	look_everywhere(gateway);
}

void qg_gateway_reload(struct qg_gateway *gateway)
{
	bots_sync(gateway);
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		struct bot *bot = QG_CONTAINER(item, struct bot, item);
		if (bot->started && !bot->stopping && bot->bot.adapter->retry != NULL) {
			bot->bot.adapter->retry(&bot->bot);
		}
	}
}

/* ---- requests ---- */

static void hand_out(struct qg_gateway *gateway, struct qg_http_exchange *x, const char *path,
	bool web, bool admin)
{
	char name[64];
	size_t size = strcspn(path, "/");
	struct bot *bot = NULL;
	bool opening = false;
	if (size < sizeof(name)) {
		memcpy(name, path, size);
		name[size] = '\0';
		bot = bots_find(gateway, name);
		opening = bots_opening(gateway, name) != NULL;
	}
	if (web && !admin && bot == NULL && !opening) {
		qg_http_answer_error(
			x, 401, "not allowed"); /* strangers do not learn which bots there are */
	} else if (bot == NULL && opening) {
		qg_http_add_header(x, "Retry-After", "1");
		qg_http_answer_error(x, 503, "the bot is starting");
	} else if (bot == NULL && gateway->draining) {
		qg_http_add_header(x, "Retry-After", "1");
		qg_http_answer_error(x, 503, "restarting");
	} else if (bot == NULL || bot->bot.adapter->on_http == NULL ||
		   (strcmp(bot->bot.adapter->name, "web") == 0) != web) {
		qg_http_answer_error(x, 404, "no such bot here");
	} else {
		bot->bot.adapter->on_http(&bot->bot, x, path + size, admin);
	}
}

void qg_gateway_hook(struct qg_gateway *gateway, struct qg_http_exchange *x, const char *rest)
{
	hand_out(gateway, x, rest, false, false);
}

void qg_gateway_chat(
	struct qg_gateway *gateway, struct qg_http_exchange *x, const char *rest, bool admin)
{
	hand_out(gateway, x, rest, true, admin);
}

bool qg_gateway_is_opening(const struct qg_gateway *gateway)
{
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		const struct bot *bot = QG_CONTAINER(item, struct bot, item);
		if (bot->opening && !bot->gone &&
			bots_find((struct qg_gateway *)gateway, bot->bot.name) == NULL) {
			return true;
		}
	}
	return false;
}

/* Whether it counts: a platform is dialed, or says how its link is; up_out: one of its bots hears. */
static bool is_link(const struct link *link, bool *up_out)
{
	bool is = link->dials, up = false;
	QG_LIST_FOR_EACH (item, &link->bots) {
		const struct bot *bot = QG_CONTAINER(item, struct bot, on_link);
		is = is || bot->state != QG_LINK_NONE;
		up = up || bot->state == QG_LINK_UP;
	}
	*up_out = up;
	return is && link->owned && link_is_wanted(link);
}

void qg_gateway_links(const struct qg_gateway *gateway, unsigned *owned_out, unsigned *up_out)
{
	unsigned owned = 0, up = 0;
	QG_LIST_FOR_EACH (item, &gateway->links) {
		bool is_up;
		if (is_link(QG_CONTAINER(item, struct link, item), &is_up)) {
			owned++;
			up += is_up ? 1 : 0;
		}
	}
	*owned_out = owned;
	*up_out = up;
}

/* ---- end ---- */

/* Something is being sent, or held that no platform sends again. */
static bool is_busy(const struct qg_gateway *gateway)
{
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		const struct bot *bot = QG_CONTAINER(item, struct bot, item);
		bool holds =
			!bot->bot.adapter->can.redelivers && !qg_list_is_empty(&bot->unconfirmed);
		if (bot->looking || !qg_list_is_empty(&bot->sendings) || holds) {
			return true;
		}
	}
	return false;
}

static void stop_all(struct qg_gateway *gateway)
{
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		struct bot *bot = QG_CONTAINER(item, struct bot, item);
		bot_pin(bot);
		inbound_give_up(bot); /* while its link is open: the chats can be told */
		bot_stop(bot);
		bot_unpin(bot);
	}
}

/* First what the last turns said leaves and what is held is stored, then the bots stop, then the links are given
 * away. */
static void drain_tick(void *arg)
{
	struct qg_gateway *gateway = arg;
	uint64_t now = qg_clock_mono();
	if (!gateway->stopping) {
		if (is_busy(gateway) && now + STOP_MS < gateway->drain_until) {
			return;
		}
		gateway->stopping = true;
		stop_all(gateway);
	}
	if (!qg_list_is_empty(&gateway->bots) && now < gateway->drain_until) {
		return;
	}
	qg_timer_stop(gateway->drain_timer);
	links_release(gateway);
	gateway->drained(gateway->drained_arg);
}

void qg_gateway_drain(
	struct qg_gateway *gateway, unsigned timeout_ms, void (*drained)(void *arg), void *arg)
{
	gateway->draining = true;
	gateway->drained = drained;
	gateway->drained_arg = arg;
	gateway->drain_until = qg_clock_mono() + timeout_ms;
	balance_leave(gateway);
	look_everywhere(gateway);
	qg_timer_repeat(gateway->drain_timer, 20);
}

void qg_gateway_give_up(struct qg_gateway *gateway)
{
	QG_LIST_FOR_EACH (item, &gateway->bots) {
		inbound_give_up(QG_CONTAINER(item, struct bot, item));
	}
}

static bool listen_to_bells(struct qg_gateway *gateway)
{
	static const char *const bells[] = {"send", "draft"};
	unsigned partitions = qg_queue_partitions(gateway->core->queue), count = 0;
	char **channels = calloc((size_t)partitions * 2, sizeof(*channels));
	bool ok = channels != NULL;
	for (; ok && count < partitions * 2; count++) {
		channels[count] = qg_str_printf(
			"%s%s", qg_queue_prefix(gateway->core->queue, count / 2), bells[count % 2]);
		ok = channels[count] != NULL;
	}
	if (ok) {
		gateway->listener = qg_redis_listen(gateway->core->loop, gateway->core->redis_url,
			(const char *const *)channels, count, rang, subscribed, gateway);
	}
	for (unsigned i = 0; i < count; i++) {
		free(channels[i]);
	}
	free(channels);
	return gateway->listener != NULL;
}

struct qg_gateway *qg_gateway_create(struct qg_core *core)
{
	struct qg_gateway *gateway = calloc(1, sizeof(*gateway));
	if (gateway == NULL) {
		return NULL;
	}
	gateway->core = core;
	qg_list_init(&gateway->bots);
	qg_list_init(&gateway->links);
	for (size_t i = 0; i < NAME_ROWS; i++) {
		qg_list_init(&gateway->named[i]);
	}
	qg_list_init(&gateway->peers);
	gateway->look_timer = qg_timer_create(core->loop, look, gateway);
	gateway->renew_timer = qg_timer_create(core->loop, renew, gateway);
	gateway->drain_timer = qg_timer_create(core->loop, drain_tick, gateway);
	gateway->wake_timer = qg_timer_create(core->loop, wake, gateway);
	gateway->settle_timer = qg_timer_create(core->loop, settle, gateway);
	gateway->rates = rates_create();
	gateway->looking = calloc(qg_queue_partitions(core->queue), sizeof(*gateway->looking));
	if (gateway->look_timer == NULL || gateway->renew_timer == NULL ||
		gateway->drain_timer == NULL || gateway->wake_timer == NULL ||
		gateway->settle_timer == NULL || gateway->rates == NULL ||
		gateway->looking == NULL || !listen_to_bells(gateway)) {
		qg_gateway_destroy(gateway);
		return NULL;
	}
	gateway->store_seconds = qg_metric_histogram(
		"store_seconds", NULL, "From a request's last byte to Redis' answer");
	gateway->links_owned = qg_metric_gauge("links_owned", NULL, "Links this process owns");
	gateway->epochs = qg_metric_counter("links_taken_total", NULL, "Links this process took");
	gateway->kicks = qg_metric_counter(
		"links_kicked_total", NULL, "Connections that a platform gave to somebody else");
	gateway->moves = qg_metric_counter(
		"links_moved_total", NULL, "Links given to gateways that had fewer");
	gateway->gateways =
		qg_metric_gauge("gateways_sharing", NULL, "Gateways that share the links");
	qg_timer_repeat(gateway->look_timer, qg_clock_scaled(LOOK_MS));
	qg_timer_repeat(gateway->renew_timer, qg_clock_scaled(RENEW_MS));
	bots_sync(gateway);
	return gateway;
}

/* As with the worker: the Redis connection is destroyed before, its callbacks touch bots and links. */
void qg_gateway_destroy(struct qg_gateway *gateway)
{
	if (gateway == NULL) {
		return;
	}
	gateway->up = false;
	qg_redis_listener_destroy(gateway->listener);
	bots_finish(gateway);
	balance_finish(gateway);
	qg_timer_destroy(gateway->settle_timer);
	qg_timer_destroy(gateway->look_timer);
	qg_timer_destroy(gateway->renew_timer);
	qg_timer_destroy(gateway->drain_timer);
	qg_timer_destroy(gateway->wake_timer);
	rates_destroy(gateway->rates);
	free(gateway->looking);
	free(gateway);
}
