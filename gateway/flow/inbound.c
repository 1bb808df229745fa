/* inbound.c - step 2: a decoded message is selected, stored, and only then acknowledged.
 *
 * Messages wait in order of arrival until Redis confirms them. When a connection breaks, nobody knows which of
 * them ran: all go again, in order, and the dedupe key makes the second copy harmless. A platform that redelivers
 * hears "not stored" within its three seconds and comes again; for one that does not they are held, up to a
 * ceiling. */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

struct inbound {
	struct qg_list item;
	struct bot *bot;   /* whose it is */
	struct bot *heard; /* whose platform waits for the answer; pinned where it is another one */
	struct qg_message message; /* its strings are in room, as is the conversation's name */
	const char *conversation;
	bool selected, in_flight, refusing, abandoned, refused;
	int64_t accepted;
	uint64_t began;
	size_t bytes;
	qg_stored_fn stored;
	void *arg;
	enum qg_status answer; /* of a deferred one */
	char room[];
};

static void send_one(struct inbound *inbound);

static void destroy(struct inbound *inbound)
{
	struct bot *bot = inbound->bot, *heard = inbound->heard;
	qg_list_remove(&inbound->item);
	bot->held--;
	bot->held_bytes -= inbound->bytes;
	json_decref(inbound->message.attachments);
	free(inbound);
	if (heard != bot) {
		bot_unpin(heard);
	}
	bot_collect(bot);
}

/* The platform hears how it ended; once. */
static void answer(struct inbound *inbound, enum qg_status status)
{
	qg_stored_fn stored = inbound->stored;
	inbound->stored = NULL;
	if (stored != NULL) {
		stored(inbound->arg, status);
	}
}

/* What the chat is told when its mailbox is full. */
static struct qg_reply *make_refusal(const struct inbound *inbound)
{
	return qg_reply_say(inbound->bot->bot.name, inbound->conversation, &inbound->message,
		"full", qg_role_words(inbound->bot->role, "full", NULL), inbound->accepted);
}

static void count(struct inbound *inbound, enum qg_status status)
{
	struct bot *bot = inbound->bot;
	struct qg_metric *metric = status == QG_DUPLICATE ? bot->duplicates
				   : status == QG_EMPTY	  ? bot->unselected /* withdrawn */
				   : status != QG_OK	  ? bot->refused
				   : inbound->selected	  ? bot->received
							  : bot->unselected;
	qg_metric_add(metric, 1);
	if (status == QG_OK) {
		qg_metric_observe_us(bot->gateway->store_seconds,
			qg_clock_mono_us() - inbound->message.received_us);
	}
	qg_log_write(QG_LOG_DEBUG, bot->bot.name, inbound->message.id, "%s",
		status == QG_OK ? (inbound->selected ? "stored" : "noted, not selected")
				: qg_status_text(status));
}

static bool is_held(const struct bot *bot)
{
	return !bot->bot.adapter->can.redelivers;
}

static bool is_unknown(enum qg_status status)
{
	return status == QG_AWAY || status == QG_TIMEOUT || status == QG_CANCELLED;
}

static bool may_be_stored(const struct inbound *inbound)
{
	char *wire = qg_message_encode(&inbound->message, inbound->accepted, NULL);
	free(wire);
	return wire != NULL;
}

/* Of a message that Redis did not store: whether it ever will, for the platform. */
static enum qg_status why_not(const struct inbound *inbound, enum qg_status status)
{
	if (status == QG_NOT_FOUND) {
		return QG_BUSY; /* no memory for its refusal */
	}
	return status == QG_FAILED && !may_be_stored(inbound) ? QG_INVALID : status;
}

/* What the platform is told: of a message that no bot takes up, that there will be no answer. */
static enum qg_status outcome(const struct inbound *inbound, enum qg_status status)
{
	bool is_stored = status == QG_OK || status == QG_DUPLICATE;
	return is_stored && !inbound->selected ? QG_EMPTY : status;
}

static void confirmed(void *arg, enum qg_status status)
{
	struct inbound *inbound = arg;
	struct bot *bot = inbound->bot;
	inbound->in_flight = false;
	if (inbound->abandoned) {
		if (status == QG_OK) {
			count(inbound, status); /* after all: the next delivery is a duplicate */
		}
		destroy(inbound);
		return;
	}
	if (status == QG_NOT_FOUND && !inbound->refusing) {
		inbound->refusing = true;
		send_one(inbound);
		return;
	}
	status = why_not(inbound, status);
	bool no_room = status == QG_BUSY || status == QG_NO_MEMORY;
	if (is_unknown(status) || (no_room && is_held(bot))) {
		bot->stalled = true;
		return; /* goes again with all others when Redis is back, or expires */
	}
	count(inbound, status);
	answer(inbound, outcome(inbound, status));
	destroy(inbound);
}

static void send_one(struct inbound *inbound)
{
	struct bot *bot = inbound->bot;
	struct qg_reply *refusal = inbound->refusing ? make_refusal(inbound) : NULL;
	struct qg_ingest ingest = {.bot = bot->bot.name,
		.conversation = inbound->conversation,
		.message = &inbound->message,
		.window_ms = bot->bot.adapter->can.dedupe_ms,
		.selected = inbound->selected,
		.now = inbound->accepted,
		.refusal = refusal};
	inbound->in_flight = true;
	qg_queue_ingest(bot->gateway->core->queue, &ingest, confirmed, inbound);
	qg_reply_destroy(refusal);
}

void inbound_resend(struct bot *bot)
{
	bot->stalled = false;
	QG_LIST_FOR_EACH (item, &bot->unconfirmed) {
		struct inbound *inbound = QG_CONTAINER(item, struct inbound, item);
		if (!inbound->in_flight) {
			send_one(inbound);
		}
	}
}

static void abandon(struct inbound *inbound, enum qg_status status)
{
	inbound->abandoned = true;
	qg_metric_add(inbound->bot->refused, 1);
	answer(inbound, status);
	if (!inbound->in_flight) {
		destroy(inbound);
	}
}

void inbound_expire(struct bot *bot)
{
	uint64_t now = qg_clock_mono();
	bot_pin(bot);
	QG_LIST_FOR_EACH (item, &bot->unconfirmed) {
		struct inbound *inbound = QG_CONTAINER(item, struct inbound, item);
		if (!is_held(bot) && !inbound->abandoned && now - inbound->began >= HOLD_MS) {
			abandon(inbound, QG_AWAY);
		}
	}
	if (bot->stalled && bot->gateway->up) {
		inbound_resend(bot);
	}
	bot_unpin(bot);
}

void inbound_give_up(struct bot *bot)
{
	bot_pin(bot);
	QG_LIST_FOR_EACH (item, &bot->unconfirmed) {
		struct inbound *inbound = QG_CONTAINER(item, struct inbound, item);
		if (is_held(bot) && !inbound->abandoned && !inbound->refused) {
			abandon(inbound, QG_CANCELLED);
		}
	}
	bot_unpin(bot);
}

static void answer_later(void *arg)
{
	struct inbound *inbound = arg;
	qg_metric_add(inbound->bot->refused, 1);
	answer(inbound, inbound->answer);
	destroy(inbound);
}

/* stored() must not come from inside receive(). */
static void refuse(struct inbound *inbound, enum qg_status status)
{
	inbound->answer = status;
	inbound->refused = inbound->in_flight = true; /* leave it alone until then */
	if (qg_loop_defer(inbound->bot->bot.loop, answer_later, inbound) != QG_OK) {
		answer_later(inbound);
	}
}

/* One piece of memory for all that waits for Redis. Takes message; NULL for no memory. */
static struct inbound *create(struct bot *bot, struct qg_message *message)
{
	QG_AUTO(qg_str_free)
	char *conversation = qg_conversation_name(bot->bot.config->scope, bot->bot.name, message);
	size_t name_size = conversation != NULL ? strlen(conversation) + 1 : 0;
	size_t bytes = sizeof(struct inbound) + name_size + qg_message_room(message);
	struct inbound *inbound = conversation != NULL ? malloc(bytes) : NULL;
	if (inbound != NULL) {
		*inbound =
			(struct inbound){.bot = bot, .conversation = inbound->room, .bytes = bytes};
		memcpy(inbound->room, conversation, name_size);
		inbound->message = qg_message_settle(message, inbound->room + name_size);
	}
	qg_message_destroy(message);
	return inbound;
}

static bool is_crowded(const struct bot *bot)
{
	bool redelivers = bot->bot.adapter->can.redelivers;
	return bot->held > (redelivers ? FLYING_MOST : HELD_MOST) ||
	       bot->held_bytes > (redelivers ? FLYING_BYTES : HELD_BYTES);
}

void inbound_receive(
	struct qg_bot *adapter_bot, struct qg_message *message, qg_stored_fn stored, void *arg)
{
	struct bot *heard = bot_of(adapter_bot), *bot = select_bot(heard, message);
	struct inbound *inbound = create(bot, message);
	if (inbound == NULL) {
		stored(arg, QG_NO_MEMORY);
		return;
	}
	if (heard != bot) {
		bot_pin(heard);
	}
	inbound->heard = heard;
	inbound->selected = select_message(bot->bot.config, &inbound->message);
	inbound->accepted = qg_clock_wall();
	inbound->began = qg_clock_mono();
	inbound->stored = stored;
	inbound->arg = arg;
	qg_list_add(&bot->unconfirmed, &inbound->item);
	bot->held++;
	bot->held_bytes += inbound->bytes;
	if (bot->gone || bot->gateway->core->refuse || is_crowded(bot)) {
		refuse(inbound, QG_BUSY);
	} else if (bot->gateway->up && !bot->stalled) {
		send_one(inbound);
	}
}

void inbound_finish(struct bot *bot)
{
	QG_LIST_FOR_EACH (item, &bot->unconfirmed) {
		struct inbound *inbound = QG_CONTAINER(item, struct inbound, item);
		qg_loop_undefer(bot->bot.loop, answer_later, inbound);
		answer(inbound, QG_CANCELLED);
		qg_list_remove(&inbound->item);
		json_decref(inbound->message.attachments);
		free(inbound);
	}
}
