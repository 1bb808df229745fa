/* links.c - leases: one gateway owns a link, and with it sends for its bots.
 *
 * A row in Redis never expires and its epoch only grows. Nobody's clock is compared with another's: who takes a
 * link has seen the same row for 8 s of its own clock, looking all the time, or knows that the owner's process is
 * dead, and the script checks that it is still unchanged. The owner sends nothing once its last confirmed renewal
 * was sent over 5 s ago. Redis being away costs no link: only a newer epoch does.
 *
 * A platform that is dialed gives all bots of an account one connection, so they share a link; any other bot has one
 * of its own. When bots of a link start and stop is kicks.c, which gateway shall have it balance.c. */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/log.h"
#include "qg/str.h"

/* ---- links and their bots ---- */

static bool dials(const struct bot *bot)
{
	const struct qg_adapter *adapter = bot->bot.adapter;
	return adapter->dials != NULL && adapter->dials(&bot->bot);
}

static char *make_id(const struct bot *bot)
{
	char digest[33];
	if (bot->account == NULL || !dials(bot)) {
		return qg_str_printf("bot:%s", bot->bot.name);
	}
	qg_digest_id(digest, bot->account, NULL);
	return qg_str_printf("%s:%s", bot->bot.adapter->name, digest);
}

/* Takes id. */
static struct link *create(struct qg_gateway *gateway, char *id)
{
	struct link *link = calloc(1, sizeof(*link));
	if (link == NULL) {
		free(id);
		return NULL;
	}
	link->id = id;
	link->gateway = gateway;
	link->seen_since = link->seen_at = qg_clock_mono();
	link->partition = qg_queue_partition(gateway->core->queue, id);
	qg_list_init(&link->bots);
	qg_list_add(&gateway->links, &link->item);
	return link;
}

static void count_owned(struct qg_gateway *gateway)
{
	int64_t owned = 0;
	QG_LIST_FOR_EACH (item, &gateway->links) {
		owned += QG_CONTAINER(item, struct link, item)->owned ? 1 : 0;
	}
	qg_metric_set(gateway->links_owned, owned);
}

/* For another gateway to take at once. */
static void release(struct link *link)
{
	if (link->owned && link->gateway->up) {
		qg_lease_release(link->gateway->core->queue, link->id, link->epoch, NULL, NULL);
	}
	link->owned = link->leaving = false;
	count_owned(link->gateway);
}

static void destroy_if_empty(struct link *link)
{
	if (link->walks > 0 || !qg_list_is_empty(&link->bots)) {
		return;
	}
	release(link);
	qg_list_remove(&link->item);
	free(link->id);
	free(link->seen);
	free(link);
}

bool link_join(struct bot *bot)
{
	char *id = make_id(bot);
	struct link *link = id != NULL ? link_find(bot->gateway, id) : NULL;
	if (link != NULL) {
		free(id);
	} else if (id != NULL) {
		link = create(bot->gateway, id);
	}
	if (link == NULL) {
		return false;
	}
	link->dials = dials(bot);
	bot->link = link;
	qg_list_add(&link->bots, &bot->on_link);
	return true;
}

void link_leave(struct bot *bot)
{
	struct link *link = bot->link;
	bot->link = NULL;
	if (link != NULL) {
		qg_list_remove(&bot->on_link);
		destroy_if_empty(link);
	}
}

struct link *link_find(struct qg_gateway *gateway, const char *id)
{
	QG_LIST_FOR_EACH (item, &gateway->links) {
		struct link *link = QG_CONTAINER(item, struct link, item);
		if (strcmp(link->id, id) == 0) {
			return link;
		}
	}
	return NULL;
}

const char *link_name(const struct link *link)
{
	return qg_list_is_empty(&link->bots)
		       ? NULL
		       : QG_CONTAINER(link->bots.next, struct bot, on_link)->bot.name;
}

bool link_is_wanted(const struct link *link)
{
	QG_LIST_FOR_EACH (item, &link->bots) {
		if (!QG_CONTAINER(item, struct bot, on_link)->gone) {
			return true;
		}
	}
	return false;
}

void link_each(struct link *link, void (*tell)(struct bot *bot))
{
	link->walks++;
	QG_LIST_FOR_EACH (item, &link->bots) {
		tell(QG_CONTAINER(item, struct bot, on_link));
	}
	link->walks--;
	destroy_if_empty(link);
}

bool link_may_send(const struct link *link)
{
	return link != NULL && link->owned &&
	       qg_clock_mono() - link->confirmed <= qg_clock_scaled(SEND_MS);
}

bool link_may_open(const struct link *link)
{
	return link != NULL && link->owned && !link->leaving && !kicks_bind(link);
}

static void lose(struct link *link, const char *why)
{
	qg_log_info(link_name(link), "its link %s is owned elsewhere now: %s", link->id, why);
	link->owned = link->leaving = false;
	link->kick_unsaved = 0; /* who owns it hears of its own */
	count_owned(link->gateway);
	link_each(link, bot_lost);
}

void link_give(struct link *link)
{
	qg_log_info(link_name(link), "its link %s is given to another gateway", link->id);
	release(link);
	free(link->seen); /* what stands there from now on is new to us too */
	link->seen = NULL;
	link->seen_since = link->seen_at = qg_clock_mono();
	link_each(link, bot_lost);
}

/* ---- taking ---- */

struct taking {
	struct qg_gateway *gateway;
	char *link;
	uint64_t sent;
};

static void own(struct link *link, uint64_t epoch, int64_t kicked_until, uint64_t sent)
{
	link->owned = true;
	link->epoch = epoch;
	link->confirmed = sent;
	link->owned_since = qg_clock_mono();
	kicks_learn(link, kicked_until);
	qg_metric_add(link->gateway->epochs, 1);
	qg_log_info(
		link_name(link), "link %s taken, epoch %llu", link->id, (unsigned long long)epoch);
	count_owned(link->gateway);
	link_each(link, bot_owned);
}

static void took(void *arg, enum qg_status status, uint64_t epoch, int64_t kicked_until)
{
	struct taking *taking = arg;
	struct qg_gateway *gateway = taking->gateway;
	struct link *link = link_find(gateway, taking->link);
	bool awaited = link != NULL && link->taking && !gateway->draining;
	if (link != NULL) {
		link->taking = false;
	}
	if (status == QG_OK && awaited) {
		own(link, epoch, kicked_until, taking->sent);
	} else if (status == QG_OK && gateway->up) {
		/* its bots left the config meanwhile, or we drain: somebody else's at once */
		qg_lease_release(gateway->core->queue, taking->link, epoch, NULL, NULL);
	}
	free(taking->link);
	free(taking);
}

static void take(struct link *link)
{
	struct taking *taking = calloc(1, sizeof(*taking));
	if (taking == NULL || (taking->link = qg_str_copy(link->id)) == NULL) {
		free(taking);
		return;
	}
	taking->gateway = link->gateway;
	taking->sent = qg_clock_mono();
	link->taking = true;
	qg_lease_take(link->gateway->core->queue, link->id, link->seen, took, taking);
}

/* For how long nobody has the link, in ms and at least 1; 0: somebody has it. */
static uint64_t free_for(struct link *link, const struct qg_lease_row *row, uint64_t now)
{
	struct qg_gateway *gateway = link->gateway;
	uint64_t still = now - link->seen_since, patience = qg_clock_scaled(TAKE_MS);
	/* under our own name: it was taken, and the answer was lost with the connection */
	if (row == NULL || strcmp(row->gateway, "-") == 0 ||
		strcmp(row->gateway, gateway->core->process) == 0 ||
		qg_process_is_dead(gateway->core, row->gateway)) {
		return still + 1;
	}
	if (still >= patience) {
		balance_silent(gateway, row->gateway);
		return still - patience + 1;
	}
	return 0;
}

/* Looks that are far apart saw nothing stand still: this machine slept, the owner's with it, or Redis was away and no
 * owner could renew. That time proves nothing. */
static void forget_gap(struct link *link, uint64_t now)
{
	uint64_t gap = now - link->seen_at;
	link->seen_at = now;
	if (gap > qg_clock_scaled(TAKE_MS) / 2) {
		link->seen_since += gap;
	}
}

/* The row as it was just read; NULL: there is none. */
static void judge(struct link *link, const struct qg_lease_row *row)
{
	const char *text = row != NULL ? row->row : NULL;
	uint64_t now = qg_clock_mono();
	if (link->owned || link->taking || link->gateway->draining || !link_is_wanted(link)) {
		return;
	}
	forget_gap(link, now);
	if (!qg_str_equal(link->seen, text)) {
		free(link->seen);
		link->seen = qg_str_copy(text);
		link->seen_since = now;
		kicks_learn(link, row != NULL ? row->kicked_until : 0);
	}
	uint64_t free_ms = free_for(link, row, now);
	if (free_ms > 0 && balance_may_take(link, free_ms)) {
		take(link);
	}
}

static const struct qg_lease_row *row_of(
	const struct link *link, const struct qg_lease_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].link, link->id) == 0) {
			return &rows[i];
		}
	}
	return NULL;
}

static void looked(void *arg, enum qg_status status, unsigned partition,
	const struct qg_lease_row *rows, size_t count)
{
	struct qg_gateway *gateway = arg;
	gateway->looking[partition] = false;
	if (status != QG_OK) {
		return;
	}
	QG_LIST_FOR_EACH (item, &gateway->links) {
		struct link *link = QG_CONTAINER(item, struct link, item);
		if (link->partition == partition && !link->owned) {
			judge(link, row_of(link, rows, count));
		}
	}
}

/* One look at a time, however many bots come: its answer is for all links that are there by then. */
static void look_at(struct qg_gateway *gateway, unsigned partition)
{
	if (!gateway->looking[partition]) {
		gateway->looking[partition] = true;
		qg_lease_look(gateway->core->queue, partition, looked, gateway);
	}
}

void link_look(struct link *link)
{
	look_at(link->gateway, link->partition);
}

void links_look(struct qg_gateway *gateway)
{
	unsigned partitions = qg_queue_partitions(gateway->core->queue);
	for (unsigned p = 0; p < partitions; p++) {
		QG_LIST_FOR_EACH (item, &gateway->links) {
			const struct link *link = QG_CONTAINER(item, struct link, item);
			if (link->partition == p && !link->owned) {
				look_at(gateway, p);
				break;
			}
		}
	}
}

/* ---- renewing ---- */

static void confirm(struct link *link, uint64_t sent)
{
	bool silent = !link_may_send(link);
	link->confirmed = sent;
	if (silent) {
		link_each(link, outbound_look); /* bells that rang meanwhile were not heeded */
	}
}

struct renewal {
	struct qg_gateway *gateway;
	unsigned partition;
	uint64_t sent;
};

static void renewed(void *arg, enum qg_status status, const char *const *lost, size_t count)
{
	struct renewal renewal = *(struct renewal *)arg;
	struct qg_gateway *gateway = renewal.gateway;
	free(arg);
	if (status != QG_OK) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct link *link = link_find(gateway, lost[i]);
		if (link != NULL && link->owned && link->owned_since < renewal.sent) {
			lose(link, "a newer epoch");
		}
	}
	QG_LIST_FOR_EACH (item, &gateway->links) {
		struct link *link = QG_CONTAINER(item, struct link, item);
		/* one taken after the renewal was sent was not in it */
		if (link->partition == renewal.partition && link->owned &&
			link->owned_since < renewal.sent && link->confirmed < renewal.sent) {
			confirm(link, renewal.sent);
		}
	}
}

static void renew_partition(struct qg_gateway *gateway, unsigned partition)
{
	size_t count = 0, room = 0;
	QG_LIST_FOR_EACH (item, &gateway->links) {
		room++;
	}
	struct qg_lease *leases = calloc(room + 1, sizeof(*leases));
	struct renewal *renewal = calloc(1, sizeof(*renewal));
	QG_LIST_FOR_EACH (item, &gateway->links) {
		const struct link *link = QG_CONTAINER(item, struct link, item);
		if (leases != NULL && link->partition == partition && link->owned) {
			leases[count++] = (struct qg_lease){link->id, link->epoch};
		}
	}
	if (renewal == NULL || count == 0) {
		free(renewal);
	} else {
		*renewal = (struct renewal){gateway, partition, qg_clock_mono()};
		qg_lease_renew(gateway->core->queue, partition, leases, count, renewed, renewal);
	}
	free(leases);
}

void links_renew(struct qg_gateway *gateway)
{
	unsigned partitions = qg_queue_partitions(gateway->core->queue);
	for (unsigned p = 0; gateway->up && p < partitions; p++) {
		renew_partition(gateway, p);
	}
}

void links_release(struct qg_gateway *gateway)
{
	QG_LIST_FOR_EACH (item, &gateway->links) {
		release(QG_CONTAINER(item, struct link, item));
	}
}
