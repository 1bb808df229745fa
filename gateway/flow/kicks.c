/* kicks.c - when the bots of a link start and stop while it is ours.
 *
 * A platform that lets one connection live gives it to whoever dials last. Who was thrown out must not dial again at
 * once, or two programs throw each other out for ever: the lease stores until when nobody dials, and whoever owns the
 * link, this process, its successor or another host, waits as long.
 */
#include "gateway.h"

#include <stdlib.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

void kicks_learn(struct link *link, int64_t until)
{
	if (until > link->kicked_until) {
		link->kicked_until = until;
	}
}

bool kicks_bind(const struct link *link)
{
	int64_t left = link->kicked_until - qg_clock_wall();
	return left > 0 && left <= KICKED_MOST_MS;
}

struct saving {
	struct qg_gateway *gateway;
	char *link;
	int64_t until;
};

static void saved(void *arg, enum qg_status status)
{
	struct saving *saving = arg;
	struct link *link = link_find(saving->gateway, saving->link);
	bool is_settled = status == QG_OK || status == QG_STALE; /* stale: it is another's by now */
	if (link != NULL && is_settled && link->kick_unsaved == saving->until) {
		link->kick_unsaved = 0;
	}
	free(saving->link);
	free(saving);
}

static void save(struct link *link)
{
	struct qg_gateway *gateway = link->gateway;
	struct saving *saving = calloc(1, sizeof(*saving));
	if (saving == NULL || (saving->link = qg_str_copy(link->id)) == NULL) {
		free(saving);
		return; /* the next look tries again */
	}
	saving->gateway = gateway;
	saving->until = link->kick_unsaved;
	qg_lease_kick(gateway->core->queue, link->id, link->epoch, saving->until, saved, saving);
}

/* One that was changed has left it, and may still hold the connection until its successor does. */
static struct link *link_of(const struct bot *bot)
{
	const struct bot *successor =
		bot->link == NULL ? bots_find(bot->gateway, bot->bot.name) : bot;
	return successor != NULL ? successor->link : NULL;
}

void kicks_note(struct qg_bot *adapter_bot, unsigned ms)
{
	struct link *link = link_of(bot_of(adapter_bot));
	if (link == NULL || !link->owned || kicks_bind(link)) {
		return; /* the owner dialed, or another bot of the link has told it */
	}
	unsigned wait = ms < KICKED_MOST_MS ? ms : KICKED_MOST_MS;
	link->kicked_until = link->kick_unsaved = qg_clock_wall() + wait;
	qg_metric_add(link->gateway->kicks, 1);
	qg_log_error(adapter_bot->name,
		"另一个程序用同样的凭据连上了平台，这里的连接被顶掉，%u 秒后再连；在那之前收不到也"
		"发不出。请停掉另一个程序，或者给它另建一个机器人 · the platform gave the "
		"connection "
		"to another program that logged in with the same credentials; it is opened again "
		"after that time: stop the other program, or give it a bot of its own",
		wait / 1000);
	qg_timer_start(link->gateway->settle_timer, 0);
}

static bool is_running(const struct link *link)
{
	QG_LIST_FOR_EACH (item, &link->bots) {
		const struct bot *bot = QG_CONTAINER(item, struct bot, on_link);
		if (bot->started || bot->stopping) {
			return true;
		}
	}
	return false;
}

/* Closing needs no Redis; opening does, for somebody else may own the link by now. */
static void settle(struct link *link)
{
	bool up = link->gateway->up;
	if (link->kick_unsaved != 0 && up) {
		save(link);
	}
	if (link->leaving && !is_running(link)) {
		link_give(link);
	} else if (!link_may_open(link)) {
		link_each(link, bot_close_link);
	} else if (up) {
		link_each(link, bot_open_link);
	}
}

void links_settle(struct qg_gateway *gateway)
{
	QG_LIST_FOR_EACH (item, &gateway->links) {
		struct link *link = QG_CONTAINER(item, struct link, item);
		if (link->owned && !gateway->draining) {
			settle(link);
		}
	}
}
