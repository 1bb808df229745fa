/* balance.c - gateways that dial links share them evenly.
 *
 * Each counts a beat of its own in Redis; one whose beat was seen to change, and not too long ago, is there. With n of
 * them a link's fair share is the number of links by n, rounded up. All shares together hold every link, so a link
 * that nobody has always finds a gateway with room, and who has room never comes to have too many by taking it: no
 * link goes to and fro. Who has too many gives one away at a time, none that just answers somebody: that happens
 * only after another gateway came. Where those with room do not take what is free (their config knows it not, or they
 * hang) somebody takes it beyond its share, and keeps it until the next gateway comes. */
#include "gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

enum { PEERS_MOST = 256, GONE_MOST = 8 };

struct peer {
	struct qg_list item;
	char name[64], beat[24];
	uint64_t since; /* mono ms at which this beat was first seen */
	bool moved;	/* it was seen to change: this is no row that a dead one left */
	bool silent;	/* its leases stand still */
	bool listed;	/* in the answer that is being read */
};

static bool lives(const struct qg_gateway *gateway, const struct peer *peer)
{
	return peer->moved && !peer->silent &&
	       qg_clock_mono() - peer->since < qg_clock_scaled(TAKE_MS) &&
	       !qg_process_is_dead(gateway->core, peer->name);
}

static unsigned count_living(const struct qg_gateway *gateway)
{
	unsigned count = 0;
	QG_LIST_FOR_EACH (item, &gateway->peers) {
		count += lives(gateway, QG_CONTAINER(item, struct peer, item)) ? 1 : 0;
	}
	return count;
}

/* Links that are dialed: all, and those we have or are about to. */
static unsigned count_links(const struct qg_gateway *gateway, unsigned *ours_out)
{
	unsigned all = 0, ours = 0;
	QG_LIST_FOR_EACH (item, &gateway->links) {
		const struct link *link = QG_CONTAINER(item, struct link, item);
		if (link->dials && link_is_wanted(link)) {
			all++;
			ours += link->owned || link->taking ? 1 : 0;
		}
	}
	*ours_out = ours;
	return all;
}

/* How many more links are ours by right; negative: too many. */
static int room(const struct qg_gateway *gateway)
{
	unsigned ours, gateways = 1 + count_living(gateway);
	unsigned all = count_links(gateway, &ours);
	return (int)((all + gateways - 1) / gateways) - (int)ours;
}

/* ---- who is there ---- */

static struct peer *find(struct qg_gateway *gateway, const char *name)
{
	QG_LIST_FOR_EACH (item, &gateway->peers) {
		struct peer *peer = QG_CONTAINER(item, struct peer, item);
		if (strcmp(peer->name, name) == 0) {
			return peer;
		}
	}
	return NULL;
}

static void meet(struct qg_gateway *gateway, const char *name, const char *beat, size_t known)
{
	struct peer *peer = find(gateway, name);
	if (peer == NULL) {
		if (known >= PEERS_MOST || strlen(name) >= sizeof(peer->name) ||
			strlen(beat) >= sizeof(peer->beat) ||
			(peer = calloc(1, sizeof(*peer))) == NULL) {
			return;
		}
		snprintf(peer->name, sizeof(peer->name), "%s", name);
		snprintf(peer->beat, sizeof(peer->beat), "%s", beat);
		peer->since = qg_clock_mono();
		qg_list_add(&gateway->peers, &peer->item);
	} else if (strcmp(peer->beat, beat) != 0) {
		snprintf(peer->beat, sizeof(peer->beat), "%s", beat);
		peer->since = qg_clock_mono();
		peer->moved = true;
		peer->silent = false;
	}
	peer->listed = true;
}

/* Those that left are forgotten. */
static void forget_others(struct qg_gateway *gateway)
{
	QG_LIST_FOR_EACH (item, &gateway->peers) {
		struct peer *peer = QG_CONTAINER(item, struct peer, item);
		if (!peer->listed) {
			qg_list_remove(&peer->item);
			free(peer);
		} else {
			peer->listed = false;
		}
	}
}

static void note_living(struct qg_gateway *gateway)
{
	unsigned living = count_living(gateway);
	if (living != gateway->peers_living) {
		qg_log_info(NULL, "gateways that share links: %u", living + 1);
	}
	if (living > gateway->peers_living) { /* a newcomer may take what others did not */
		QG_LIST_FOR_EACH (item, &gateway->links) {
			QG_CONTAINER(item, struct link, item)->stays = false;
		}
	}
	gateway->peers_living = living;
	qg_metric_set(gateway->gateways, living + 1);
}

static void present(void *arg, enum qg_status status, const char *const *rows, size_t count)
{
	struct qg_gateway *gateway = arg;
	gateway->beating = false;
	if (status != QG_OK) {
		return;
	}
	for (size_t i = 0; i + 1 < count; i += 2) {
		if (strcmp(rows[i], gateway->core->process) != 0) {
			meet(gateway, rows[i], rows[i + 1], i / 2);
		}
	}
	forget_others(gateway);
	note_living(gateway);
}

void balance_beat(struct qg_gateway *gateway)
{
	struct qg_present gone[GONE_MOST];
	size_t count = 0;
	unsigned ours;
	if (gateway->beating || gateway->draining || !gateway->up ||
		count_links(gateway, &ours) == 0) {
		return;
	}
	QG_LIST_FOR_EACH (item, &gateway->peers) {
		const struct peer *peer = QG_CONTAINER(item, struct peer, item);
		if (count < GONE_MOST &&
			qg_clock_mono() - peer->since >= 2 * qg_clock_scaled(TAKE_MS)) {
			gone[count++] = (struct qg_present){peer->name, peer->beat};
		}
	}
	gateway->beating = true;
	qg_lease_present(gateway->core->queue, gone, count, present, gateway);
}

void balance_silent(struct qg_gateway *gateway, const char *process)
{
	struct peer *peer = find(gateway, process);
	if (peer != NULL) {
		peer->silent = true;
	}
}

void balance_leave(struct qg_gateway *gateway)
{
	unsigned ours;
	if (gateway->up && count_links(gateway, &ours) > 0) {
		qg_lease_leave(gateway->core->queue);
	}
}

void balance_finish(struct qg_gateway *gateway)
{
	forget_others(gateway); /* of none was said that it is listed */
}

/* ---- taking and giving ---- */

bool balance_may_take(struct link *link, uint64_t free_ms)
{
	bool is_ours = !link->dials || room(link->gateway) > 0;
	if (!is_ours && free_ms < qg_clock_scaled(TAKE_MS)) {
		balance_beat(link->gateway); /* perhaps who had room is gone by now */
		return false;
	}
	link->stays = !is_ours;
	return true;
}

static bool is_idle(const struct link *link)
{
	QG_LIST_FOR_EACH (item, &link->bots) {
		const struct bot *bot = QG_CONTAINER(item, struct bot, on_link);
		if (!qg_list_is_empty(&bot->sendings) || !bot->started || bot->stopping) {
			return false;
		}
	}
	return true;
}

static bool may_leave(const struct link *link)
{
	return link->dials && !link->stays && link_may_open(link) && is_idle(link);
}

/* A look at the answers being made on a link, which end its leaving. */
struct inspection {
	struct qg_gateway *gateway;
	char *link;
	unsigned outstanding;
	bool is_busy;
};

static bool has_bot(const struct link *link, const char *name)
{
	QG_LIST_FOR_EACH (item, &link->bots) {
		if (strcmp(QG_CONTAINER(item, struct bot, on_link)->bot.name, name) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_of(const struct link *link, const char *row)
{
	struct qg_draft draft;
	json_t *holder;
	if (qg_draft_decode(row, strlen(row), &draft, &holder) != QG_OK) {
		return false;
	}
	bool is = has_bot(link, draft.bot);
	json_decref(holder);
	return is;
}

static void begin_leaving(struct link *link)
{
	struct qg_gateway *gateway = link->gateway;
	link->leaving = true;
	gateway->moved_at = qg_clock_mono();
	qg_metric_add(gateway->moves, 1);
	links_settle(gateway);
}

static void inspected(void *arg, enum qg_status status, const char *const *rows, size_t count)
{
	struct inspection *inspection = arg;
	struct qg_gateway *gateway = inspection->gateway;
	struct link *link = link_find(gateway, inspection->link);
	inspection->is_busy = inspection->is_busy || status != QG_OK || link == NULL;
	for (size_t i = 0; i < count && !inspection->is_busy; i++) {
		inspection->is_busy = is_of(link, rows[i]);
	}
	if (--inspection->outstanding > 0) {
		return;
	}
	gateway->inspecting = false;
	if (!inspection->is_busy && !gateway->draining && may_leave(link) && room(gateway) < 0) {
		begin_leaving(link);
	}
	free(inspection->link);
	free(inspection);
}

static void inspect(struct link *link)
{
	struct qg_gateway *gateway = link->gateway;
	struct qg_queue *queue = gateway->core->queue;
	struct inspection *inspection = calloc(1, sizeof(*inspection));
	if (inspection == NULL || (inspection->link = qg_str_copy(link->id)) == NULL) {
		free(inspection);
		return;
	}
	inspection->gateway = gateway;
	QG_LIST_FOR_EACH (item, &link->bots) {
		inspection->outstanding++;
	}
	gateway->inspecting = true;
	QG_LIST_FOR_EACH (item, &link->bots) {
		const char *name = QG_CONTAINER(item, struct bot, on_link)->bot.name;
		qg_queue_drafts(queue, name, false, inspected, inspection);
	}
}

static bool is_moving(const struct qg_gateway *gateway)
{
	QG_LIST_FOR_EACH (item, &gateway->links) {
		if (QG_CONTAINER(item, struct link, item)->leaving) {
			return true;
		}
	}
	return gateway->inspecting;
}

/* The next one behind that was looked at last, so that a busy one does not hold up the others. */
static struct link *next_candidate(struct qg_gateway *gateway)
{
	struct link *first = NULL;
	unsigned seen = 0;
	QG_LIST_FOR_EACH (item, &gateway->links) {
		struct link *link = QG_CONTAINER(item, struct link, item);
		if (!may_leave(link)) {
			continue;
		}
		first = first != NULL ? first : link;
		if (seen++ >= gateway->inspected) {
			gateway->inspected = seen;
			return link;
		}
	}
	gateway->inspected = first != NULL ? 1 : 0;
	return first;
}

void balance_move(struct qg_gateway *gateway)
{
	if (!gateway->up || gateway->draining || gateway->peers_living == 0 ||
		qg_clock_mono() - gateway->moved_at < qg_clock_scaled(MOVE_MS) ||
		is_moving(gateway) || room(gateway) >= 0) {
		return;
	}
	struct link *link = next_candidate(gateway);
	if (link != NULL) {
		inspect(link);
	}
}
