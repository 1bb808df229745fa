/* tail.c - one ear for the bells of all web bots in this process.
 *
 * A bell (pub/sub, "<prefix>feed" with the bot's name) only says where to look; the feed is the truth. Bells may
 * be lost, so everybody with viewers also looks after each subscription and once a second. One connection serves
 * all bots: when a bot of a further partition gets its first viewer the subscription is made anew. */
#include "web.h"

#include <stdlib.h>
#include <string.h>

#include "qg/buf.h"
#include "qg/str.h"

#define LOOK_MS 1000
#define BEAT_LOOKS 15 /* a comment every 15 s: proxies close what is silent for long */

struct web_tail {
	struct qg_list link;
	struct qg_loop *loop;
	char *url;
	struct qg_redis_listener *listener;
	struct qg_strings channels;
	struct qg_list cores;
	struct qg_timer *timer;
	unsigned looks;
};

/* All tails of the process: one in practice, one a Redis. */
static struct qg_list tails = {&tails, &tails};

static void destroy(struct web_tail *tail)
{
	if (!tail) {
		return;
	}
	qg_list_remove(&tail->link);
	qg_redis_listener_destroy(tail->listener);
	qg_timer_destroy(tail->timer);
	qg_strings_finish(&tail->channels);
	free(tail->url);
	free(tail);
}

static struct web_core *core_at(struct qg_list *item)
{
	return QG_CONTAINER(item, struct web_core, tail_link);
}

static void tick(void *arg)
{
	struct web_tail *tail = arg;
	bool beat = ++tail->looks % BEAT_LOOKS == 0;
	bool viewers = false;
	QG_LIST_FOR_EACH (item, &tail->cores) {
		web_stream_tick(core_at(item), beat);
		viewers = viewers || !qg_list_is_empty(&core_at(item)->viewers);
	}
	if (!viewers) {
		qg_timer_stop(tail->timer);
	}
}

static void bell(void *arg, const char *channel, const char *data, size_t size)
{
	struct web_tail *tail = arg;
	QG_LIST_FOR_EACH (item, &tail->cores) {
		const char *name = core_at(item)->bot->name;
		if (strlen(name) == size && memcmp(name, data, size) == 0) {
			web_stream_look(core_at(item));
		}
	}
}

static void subscribed(void *arg, bool up)
{
	struct web_tail *tail = arg;
	QG_LIST_FOR_EACH (item, &tail->cores) {
		if (up) {
			web_stream_look(core_at(item));
		}
	}
}

static void subscribe(struct web_tail *tail, const char *prefix)
{
	QG_AUTO(qg_str_free) char *channel = qg_str_printf("%sfeed", prefix);
	if (!channel || qg_strings_has(&tail->channels, channel) ||
		qg_strings_add(&tail->channels, channel)) {
		return;
	}
	qg_redis_listener_destroy(tail->listener);
	tail->listener =
		qg_redis_listen(tail->loop, tail->url, (const char *const *)tail->channels.items,
			tail->channels.count, bell, subscribed, tail);
}

static struct web_tail *find(const struct qg_bot *bot)
{
	QG_LIST_FOR_EACH (item, &tails) {
		struct web_tail *tail = QG_CONTAINER(item, struct web_tail, link);
		if (tail->loop == bot->loop && qg_str_equal(tail->url, bot->redis_url)) {
			return tail;
		}
	}
	return NULL;
}

static struct web_tail *create(const struct qg_bot *bot)
{
	struct web_tail *tail = calloc(1, sizeof(*tail));
	if (!tail) {
		return NULL;
	}
	qg_list_init(&tail->link);
	qg_list_init(&tail->cores);
	tail->loop = bot->loop;
	tail->url = qg_str_copy(bot->redis_url);
	tail->timer = qg_timer_create(bot->loop, tick, tail);
	if (!tail->timer || (bot->redis_url && !tail->url)) {
		destroy(tail);
		return NULL;
	}
	qg_list_add(&tails, &tail->link);
	return tail;
}

void web_tail_join(struct web_core *core)
{
	if (!core->tail) {
		core->tail = find(core->bot);
		if (!core->tail) {
			core->tail = create(core->bot);
		}
		if (!core->tail) {
			return; /* the next viewer tries again */
		}
		qg_list_add(&core->tail->cores, &core->tail_link);
		if (core->tail->url) {
			subscribe(core->tail, core->bot->prefix);
		}
	}
	if (!qg_timer_is_active(core->tail->timer)) {
		qg_timer_repeat(core->tail->timer, LOOK_MS);
	}
}

void web_tail_leave(struct web_core *core)
{
	struct web_tail *tail = core->tail;
	if (!tail) {
		return;
	}
	core->tail = NULL;
	qg_list_remove(&core->tail_link);
	if (qg_list_is_empty(&tail->cores)) {
		destroy(tail);
	}
}
