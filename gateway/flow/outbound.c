/* outbound.c - step 5: the owner of a bot reads its out lists and begins one reply a chat at a time.
 *
 * The lists in Redis are the truth, a bell only says that there is something; what was put off comes by its due
 * time. The way of one reply is sending.c, the rules are planner.c and rates.c. */
#include "sending.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/str.h"

static bool sends_to(const struct bot *bot, const char *chat)
{
	QG_LIST_FOR_EACH (item, &bot->sendings) {
		const struct sending *sending = QG_CONTAINER(item, struct sending, item);
		if (strcmp(sending->chat, chat) == 0) {
			return true;
		}
	}
	return false;
}

/* By this bot, or by a former one of its name that is still ending. */
static bool is_under_way(const struct bot *bot, const char *chat)
{
	QG_LIST_FOR_EACH (item, &bot->gateway->bots) {
		const struct bot *other = QG_CONTAINER(item, struct bot, item);
		if (!qg_list_is_empty(&other->sendings) &&
			strcmp(other->bot.name, bot->bot.name) == 0 && sends_to(other, chat)) {
			return true;
		}
	}
	return false;
}

/* The names of the chats that are being sent to, borrowed, at most HEADS of them. */
static size_t name_under_way(const struct bot *bot, const char *chats[HEADS])
{
	size_t count = 0;
	QG_LIST_FOR_EACH (item, &bot->sendings) {
		if (count < HEADS) {
			chats[count++] = QG_CONTAINER(item, struct sending, item)->chat;
		}
	}
	return count;
}

/* The looks come once a second; what is due before the next one has a timer. */
static void wake_in_time(struct qg_gateway *gateway, int64_t due)
{
	int64_t wait = due - qg_clock_wall();
	uint64_t now = qg_clock_mono();
	if (due == 0 || wait >= LOOK_MS) {
		return;
	}
	wait = wait > 0 ? wait : 1;
	if (qg_timer_is_active(gateway->wake_timer) && gateway->wake_at <= now + (uint64_t)wait) {
		return;
	}
	gateway->wake_at = now + (uint64_t)wait;
	qg_timer_start(gateway->wake_timer, (uint64_t)wait);
}

static void heads_read(
	void *arg, enum qg_status status, struct qg_head *heads, size_t count, int64_t next_due)
{
	struct bot *bot = arg;
	bot->looking = false;
	if (bot->gone) {
		bot_collect(bot);
		return;
	}
	if (status != QG_OK) {
		bot->calm = CALM_LOOKS; /* again soon */
		/* A newer owner; or somebody has this bot over another link, with another config than ours. Who adopts
		 * last sends; over the same link that cannot be us. */
		bot->adopted = bot->adopted && status != QG_STALE;
		return;
	}
	bot->next_due = next_due;
	wake_in_time(bot->gateway, next_due);
	for (size_t i = 0; i < count; i++) {
		if (!is_under_way(bot, heads[i].chat)) {
			sending_begin(bot, &heads[i]);
		}
	}
	if (bot->look_again) {
		outbound_look(bot);
	}
}

/* Nothing is put off for so long: the wall clock was set back since, and with it all that waits is due. */
static bool was_set_back(const struct bot *bot, int64_t now)
{
	return bot->next_due > now + WAIT_MOST_MS;
}

bool outbound_is_due(const struct bot *bot)
{
	int64_t now = qg_clock_wall();
	return bot->next_due != 0 && (bot->next_due <= now || was_set_back(bot, now));
}

void outbound_look(struct bot *bot)
{
	if (bot->looking) {
		bot->look_again = true;
		return;
	}
	if (bot->gone || !bot->adopted || !bot->started || !bot->gateway->up ||
		!link_may_send(bot->link)) {
		return;
	}
	const char *under_way[HEADS];
	size_t count = name_under_way(bot, under_way);
	if (count == HEADS) {
		return; /* the end of each looks again */
	}
	int64_t now = qg_clock_wall();
	bot->calm = 0;
	bot->looking = true;
	bot->look_again = false;
	qg_out_heads(bot->gateway->core->queue, bot->bot.name, bot->fence,
		was_set_back(bot, now) ? bot->next_due : now, HEADS - (unsigned)count, under_way,
		count, heads_read, bot);
}

void outbound_resend(struct bot *bot)
{
	QG_LIST_FOR_EACH (item, &bot->sendings) {
		sending_run(QG_CONTAINER(item, struct sending, item));
	}
}

void outbound_lost(struct bot *bot)
{
	bot_pin(bot);
	QG_LIST_FOR_EACH (item, &bot->sendings) {
		struct sending *sending = QG_CONTAINER(item, struct sending, item);
		sending->lost = true;
		if (!sending->in_flight && sending->stage != CALLING) {
			sending_destroy(sending);
		}
	}
	bot_unpin(bot);
}

void outbound_finish(struct bot *bot)
{
	QG_LIST_FOR_EACH (item, &bot->sendings) {
		sending_free(QG_CONTAINER(item, struct sending, item));
	}
}
