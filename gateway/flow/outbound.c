/* outbound.c - step 5: the owner of a bot sends what stands in its out lists, one reply a chat at a time.
 *
 * The list in Redis is the truth, a bell only says that there is something. Of each chat the head is read, its
 * parts and a started mark are stored before the first call, each landed part after it; a head stays until it
 * landed or is dead. A new owner that finds a started part sends it again under the same key: it may have left. */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"

static const unsigned retry_ms[] = {1000, 2000, 5000, 15000, 60000, 300000};
enum { RETRIES = sizeof(retry_ms) / sizeof(retry_ms[0]), ATTEMPTS_MOST = 12 };

enum stage { STARTING, CALLING, LANDING, WAITING, BURYING };

struct sending {
	struct qg_list item;
	struct bot *bot;
	struct qg_reply *reply; /* at the adapter while CALLING */
	char *chat;
	char id[33];
	json_t *parts;
	unsigned number, attempts;
	uint64_t epoch;
	enum stage stage;
	bool in_flight, lost, repeated, store_parts;
	int64_t until;
	const char *reason;
};

static void run(struct sending *sending);

static void destroy(struct sending *sending)
{
	struct bot *bot = sending->bot;
	qg_list_remove(&sending->item);
	qg_reply_destroy(sending->reply);
	json_decref(sending->parts);
	free(sending->chat);
	free(sending);
	if (bot->gone) {
		struct bot *successor = bots_find(bot->gateway, bot->bot.name);
		bot_collect(bot);
		if (successor != NULL) {
			outbound_look(successor);
		}
	}
}

static struct qg_part part_of(const struct sending *sending)
{
	return (struct qg_part){.bot = sending->bot->bot.name,
		.chat = sending->chat,
		.reply = sending->id,
		.epoch = sending->epoch,
		.number = sending->number};
}

static bool is_last(const struct sending *sending)
{
	return sending->number + 1 >= json_array_size(sending->parts);
}

/* The adapter gets the part that is due, under the reply's name. */
static void call(struct sending *sending)
{
	struct bot *bot = sending->bot;
	if (!link_may_send(bot->link) || !bot->started || bot->stopping) {
		/* for whoever may: a successor, another gateway, or us again */
		sending->stage = WAITING;
		sending->until = 0;
		run(sending);
		return;
	}
	const char *text = json_string_value(json_array_get(sending->parts, sending->number));
	char *copy = qg_str_copy(text != NULL ? text : "");
	if (copy == NULL) {
		return; /* the next look starts it again */
	}
	struct qg_reply *reply = sending->reply;
	free(reply->text);
	reply->text = copy;
	reply->part = sending->number;
	reply->repeated = sending->repeated;
	sending->stage = CALLING;
	sending->reply = NULL;
	qg_metric_add(bot->repeated, sending->repeated ? 1 : 0);
	bot->bot.adapter->send(&bot->bot, reply);
}

static void next_part(struct sending *sending)
{
	sending->number++;
	sending->attempts = 0;
	sending->repeated = false;
	sending->stage = STARTING;
	run(sending);
}

static bool is_unknown(enum qg_status status)
{
	return status == QG_AWAY || status == QG_TIMEOUT || status == QG_CANCELLED ||
	       status == QG_BUSY || status == QG_NO_MEMORY;
}

static void stepped(void *arg, enum qg_status status)
{
	struct sending *sending = arg;
	struct bot *bot = sending->bot;
	bool gone = bot->gone; /* such a bot may end with this sending */
	sending->in_flight = false;
	if (is_unknown(status) && !sending->lost) {
		return; /* the same step again when Redis is back, or has room */
	}
	if (status == QG_OK && !sending->lost && sending->stage == STARTING) {
		call(sending);
		return;
	}
	if (status == QG_OK && !sending->lost && sending->stage == LANDING && !is_last(sending)) {
		next_part(sending);
		return;
	}
	/* landed, put off in Redis, buried, gone from the list, or somebody else's now */
	bool more = status == QG_OK || (status == QG_EMPTY && sending->stage != BURYING);
	if (status == QG_FAILED) {
		qg_log_error(bot->bot.name, "reply %s: Redis refuses its step", sending->id);
	}
	destroy(sending);
	if (more && !gone) {
		outbound_look(bot);
	}
}

static void send_step(struct sending *sending)
{
	struct qg_queue *queue = sending->bot->gateway->core->queue;
	struct qg_part part = part_of(sending);
	char *parts = NULL;
	sending->in_flight = true;
	switch (sending->stage) {
	case STARTING:
		parts = sending->store_parts ? qg_json_dump(sending->parts) : NULL;
		qg_out_start(queue, &part, parts, stepped, sending);
		break;
	case LANDING:
		qg_out_land(queue, &part, is_last(sending), stepped, sending);
		break;
	case WAITING:
		qg_out_wait(queue, &part, sending->until, sending->attempts, sending->repeated,
			QG_FORM_RICH,			stepped, sending);
		break;
	case BURYING:
		qg_out_dead(queue, &part, sending->reason, qg_clock_wall(), stepped, sending);
		break;
	case CALLING:
		sending->in_flight = false;
		break;
	}
	free(parts);
}

/* Sends the script of its stage, now or when Redis is back. */
static void run(struct sending *sending)
{
	if (!sending->in_flight && sending->bot->gateway->up) {
		send_step(sending);
	}
}

/* ---- how a send ended ---- */

static struct sending *find(struct bot *bot, const char *id)
{
	QG_LIST_FOR_EACH (item, &bot->sendings) {
		struct sending *sending = QG_CONTAINER(item, struct sending, item);
		if (sending->stage == CALLING && strcmp(sending->id, id) == 0) {
			return sending;
		}
	}
	return NULL;
}

/* A send that the platform's end cut short is no failure of the reply. */
static bool may_try_again(enum qg_status status)
{
	return qg_status_is_retryable(status) || status == QG_CANCELLED;
}

static void put_off(struct sending *sending, enum qg_status status, unsigned wait_ms)
{
	struct bot *bot = sending->bot;
	if (!may_try_again(status) || ++sending->attempts > ATTEMPTS_MOST) {
		qg_log_error(bot->bot.name, "reply %s is a dead letter: %s", sending->id,
			qg_status_text(status));
		qg_metric_add(bot->buried, 1);
		sending->stage = BURYING;
		sending->reason = qg_status_text(status);
		return;
	}
	unsigned step = sending->attempts <= RETRIES ? sending->attempts - 1 : RETRIES - 1;
	unsigned wait = wait_ms > 0 ? wait_ms : retry_ms[step];
	sending->stage = WAITING;
	sending->until = qg_clock_wall() + (wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS);
	qg_log_warn(bot->bot.name, "reply %s is sent again later: %s", sending->id,
		qg_status_text(status));
}

void outbound_sent(
	struct qg_bot *adapter_bot, struct qg_reply *reply, enum qg_status status, unsigned wait_ms)
{
	struct bot *bot = bot_of(adapter_bot);
	struct sending *sending = find(bot, reply->id);
	if (sending == NULL) {
		qg_reply_destroy(reply);
		return;
	}
	sending->reply = reply;
	if (status == QG_OK) {
		qg_metric_add(bot->sent, 1);
		sending->stage = LANDING;
	} else {
		put_off(sending, status, wait_ms);
	}
	if (sending->lost) {
		destroy(sending); /* the new owner repeats it: its outcome was not stored */
		return;
	}
	run(sending);
}

/* ---- heads ---- */

/* NULL for no memory. A text without a byte is one part. */
static json_t *split(const struct bot *bot, const struct qg_reply *reply)
{
	json_t *parts = json_array();
	size_t limit = bot->bot.adapter->can.part_bytes;
	if (parts != NULL && qg_split(reply->text, strlen(reply->text),
				     limit > 0 ? limit : QG_REPLY_MAX, parts) != QG_OK) {
		json_decref(parts);
		return NULL;
	}
	if (parts != NULL && json_array_size(parts) == 0) {
		json_array_append_new(parts, json_string(""));
	}
	return parts;
}

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

static void begin(struct bot *bot, struct qg_head *head)
{
	struct sending *sending = calloc(1, sizeof(*sending));
	if (sending == NULL) {
		return;
	}
	sending->bot = bot;
	sending->epoch = bot->link->epoch;
	sending->chat = head->chat;
	sending->reply = head->reply;
	memcpy(sending->id, head->id, sizeof(sending->id));
	sending->parts = head->parts;
	sending->repeated = head->started;
	sending->number = head->part;
	head->chat = NULL;
	head->reply = NULL;
	head->parts = NULL;
	qg_list_add(&bot->sendings, &sending->item);
	if (sending->reply == NULL) {
		sending->stage = BURYING;
		sending->reason = "damaged";
		qg_metric_add(bot->buried, 1);
		run(sending);
		return;
	}
	sending->attempts = sending->reply->attempts;
	if (!json_is_array(sending->parts)) {
		json_decref(sending->parts);
		sending->parts = split(bot, sending->reply);
		sending->store_parts = json_array_size(sending->parts) > 1;
	}
	if (json_array_size(sending->parts) == 0) {
		destroy(sending); /* no memory: it stands in the list, a later look finds it again */
		return;
	}
	sending->stage = STARTING;
	run(sending);
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
		bot->calm =
			CALM_LOOKS; /* again soon; a newer epoch shows itself at the next renewal */
		return;
	}
	bot->next_due = next_due;
	for (size_t i = 0; i < count; i++) {
		if (!is_under_way(bot, heads[i].chat)) {
			begin(bot, &heads[i]);
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
	int64_t now = qg_clock_wall();
	bot->calm = 0;
	bot->looking = true;
	bot->look_again = false;
	qg_out_heads(bot->gateway->core->queue, bot->bot.name, bot->link->epoch,
		was_set_back(bot, now) ? bot->next_due : now, HEADS, heads_read, bot);
}

void outbound_resend(struct bot *bot)
{
	QG_LIST_FOR_EACH (item, &bot->sendings) {
		run(QG_CONTAINER(item, struct sending, item));
	}
}

void outbound_lost(struct bot *bot)
{
	bot_pin(bot);
	QG_LIST_FOR_EACH (item, &bot->sendings) {
		struct sending *sending = QG_CONTAINER(item, struct sending, item);
		sending->lost = true;
		if (!sending->in_flight && sending->stage != CALLING) {
			destroy(sending);
		}
	}
	bot_unpin(bot);
}

void outbound_finish(struct bot *bot)
{
	QG_LIST_FOR_EACH (item, &bot->sendings) {
		struct sending *sending = QG_CONTAINER(item, struct sending, item);
		qg_list_remove(&sending->item);
		qg_reply_destroy(sending->reply);
		json_decref(sending->parts);
		free(sending->chat);
		free(sending);
	}
}
