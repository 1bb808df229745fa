/* take.c - events that are proved to be the platform's, of either transport, to where they belong.
 *
 * The platform waits three seconds; what is not acknowledged by then it delivers again after 15 s, 5 min, 1 h and 6 h.
 * So each event is told to its transport once, when what it means is stored, and in any case before those seconds are
 * over: the store goes on alone then, and knows the repeat. Fifteen seconds are long for a person, so a message that only
 * waits for the bot's own id is held here, as a copy, while that is fetched. An event that means nothing to us is
 * acknowledged, or it would come again for seven hours. */
#include "feishu.h"

#include <stdlib.h>
#include <string.h>

#include "qg/clock.h"
#include "qg/log.h"
#include "qg/str.h"

#define HELD_MAX 64		     /* messages of a bot that wait for its own id ... */
#define HELD_BYTES ((size_t)4 << 20) /* ... and what they take */

struct taking {			/* of a bot */
	struct qg_list events;	/* struct event, oldest first: not told yet */
	struct qg_timer *timer; /* of the oldest */
	size_t held, held_bytes;
	bool complained; /* of events in the earlier form */
};

struct event {		     /* one delivery */
	struct qg_list link; /* on its own once it was told */
	struct feishu_core *core;
	uint64_t received_us;
	feishu_taken_fn taken; /* NULL once it was told */
	void *arg;
	/* while it waits for the own id */
	struct feishu_envelope *copy;
	size_t bytes;
	char id[]; /* of the message, for the reaction; "" before that is stored */
};

static struct taking *taking_of(const struct feishu_core *core)
{
	return core->taking;
}

/* ---- the life of a delivery ---- */

/* Its transport hears how it ended, the first time. */
static void tell(struct event *event, enum qg_status status, const char *answer)
{
	feishu_taken_fn taken = event->taken;
	if (!taken) {
		return;
	}
	event->taken = NULL;
	qg_list_remove(&event->link);
	const struct feishu_taken told = {.status = status, .answer = answer};
	taken(event->arg, &told);
}

static void drop_copy(struct event *event)
{
	struct taking *taking = taking_of(event->core);
	if (event->copy && taking) {
		taking->held--;
		taking->held_bytes -= event->bytes;
	}
	free(event->copy);
	event->copy = NULL;
}

static void destroy(struct event *event)
{
	struct feishu_core *core = event->core;
	qg_list_remove(&event->link);
	drop_copy(event);
	free(event);
	core->posts--;
	if (core->stopping) { /* it waits for this */
		feishu_core_wake(core);
	}
	feishu_core_release(core);
}

static void end(struct event *event, enum qg_status status)
{
	tell(event, status, NULL);
	destroy(event);
}

/* Milliseconds until its transport must know. */
static uint64_t left_of(const struct event *event)
{
	uint64_t due = event->received_us / 1000 + FEISHU_TAKE_MS, now = qg_clock_mono();
	return due > now ? due - now : 0;
}

/* Those seconds are over for the oldest. What is under way goes on, what waits for the own id ends. */
static void expire(void *arg)
{
	struct feishu_core *core = arg;
	struct taking *taking = taking_of(core);
	QG_LIST_FOR_EACH (item, &taking->events) {
		struct event *event = QG_CONTAINER(item, struct event, link);
		uint64_t left = left_of(event);
		if (left > 0) {
			qg_timer_start(taking->timer, left);
			return;
		}
		bool is_held = event->copy != NULL;
		tell(event, QG_TIMEOUT, NULL);
		if (is_held) {
			destroy(event);
		}
	}
}

static struct taking *open_taking(struct feishu_core *core)
{
	struct taking *taking = core->taking ? core->taking : calloc(1, sizeof(*taking));
	if (!taking || core->taking) {
		return taking;
	}
	qg_list_init(&taking->events);
	taking->timer = qg_timer_create(core->bot->loop, expire, core);
	if (!taking->timer) {
		free(taking);
		return NULL;
	}
	core->taking = taking;
	return taking;
}

/* Room for its message's id: as text it is no longer than in JSON. */
static struct event *create(struct feishu_core *core, size_t id_room, uint64_t received_us,
	feishu_taken_fn taken, void *arg)
{
	struct taking *taking = open_taking(core);
	struct event *event = taking ? calloc(1, sizeof(*event) + id_room) : NULL;
	if (!event) {
		return NULL;
	}
	*event = (struct event){
		.core = core, .received_us = received_us, .taken = taken, .arg = arg};
	qg_list_add(&taking->events, &event->link);
	if (!qg_timer_is_active(taking->timer)) {
		qg_timer_start(taking->timer, left_of(event));
	}
	core->posts++;
	feishu_core_take(core);
	return event;
}

/* ---- messages that wait for the own id ---- */

/* The places of an event with the bytes they lie on, in one piece of memory. NULL for no memory. */
static struct feishu_envelope *copy_of(const struct feishu_envelope *envelope, size_t *size_out)
{
	size_t size = sizeof(*envelope);
	for (size_t i = 0; i < FEISHU_FIELDS; i++) {
		size += envelope->fields[i].size;
	}
	struct feishu_envelope *copy = malloc(size);
	if (!copy) {
		return NULL;
	}
	*copy = *envelope;
	char *at = (char *)(copy + 1);
	for (size_t i = 0; i < FEISHU_FIELDS; i++) {
		struct qg_piece *piece = &copy->fields[i];
		if (piece->size > 0) {
			memcpy(at, piece->data, piece->size);
			piece->data = at;
			at += piece->size;
		}
	}
	*size_out = size;
	return copy;
}

static void hold(struct event *event, const struct feishu_envelope *envelope)
{
	struct taking *taking = taking_of(event->core);
	bool is_coming = feishu_identity_is_coming(event->core->account);
	if (event->copy && is_coming) {
		return; /* still */
	}
	if (!is_coming || taking->held == HELD_MAX) {
		end(event, QG_BUSY);
		return;
	}
	event->copy = copy_of(envelope, &event->bytes);
	if (!event->copy) {
		end(event, QG_NO_MEMORY);
		return;
	}
	taking->held++;
	taking->held_bytes += event->bytes;
	if (taking->held_bytes > HELD_BYTES) {
		end(event, QG_BUSY);
	}
}

/* ---- messages ---- */

static void stored(void *arg, enum qg_status status)
{
	struct event *event = arg;
	struct feishu_core *core = event->core;
	if (status == QG_OK && core->bot) {
		feishu_react_begin(core, event->id);
	}
	/* what never will be need not be sent again */
	bool is_settled =
		qg_stored_is_success(status) || status == QG_INVALID || status == QG_TOO_LARGE;
	end(event, is_settled ? QG_OK : status);
}

/* Takes message. */
static void store(struct event *event, struct qg_message *message)
{
	struct qg_bot *bot = event->core->bot;
	message->received_us = event->received_us;
	memcpy(event->id, message->id, strlen(message->id) + 1);
	bot->host->receive(bot, message, stored, event);
}

static void take_message(struct event *event, const struct feishu_envelope *envelope)
{
	struct qg_message *message = NULL;
	const char *own = feishu_identity_get(event->core->account);
	switch (feishu_event_read(envelope, own, &message)) {
	case FEISHU_MESSAGE:
		drop_copy(event);
		store(event, message);
		break;
	case FEISHU_IGNORED:
		end(event, QG_OK);
		break;
	case FEISHU_UNSURE:
		hold(event, envelope);
		break;
	case FEISHU_FAILED:
		end(event, QG_NO_MEMORY);
		break;
	}
}

/* ---- all else ---- */

static void given(void *arg, const struct feishu_taken *taken)
{
	struct event *event = arg;
	tell(event, taken->status, taken->answer);
	destroy(event);
}

/* Events in the earlier form are acknowledged and no more: whoever subscribed to both forms gets each message twice. */
static void skip(struct event *event, const struct feishu_envelope *envelope)
{
	struct taking *taking = taking_of(event->core);
	bool is_newer = envelope->fields[FEISHU_EVENT_TYPE].kind == QG_PIECE_STRING;
	if (!is_newer && !taking->complained) {
		taking->complained = true;
		qg_log_warn(event->core->bot->name,
			"feishu: 收到旧版（v1.0）事件，已忽略：请在「事件与回调」里改订 v2.0 "
			"的事件，如"
			"「接收消息 v2.0」· an event in the form v1.0 came and is not read: "
			"subscribe to the events v2.0");
	}
	end(event, QG_OK);
}

void feishu_take(struct feishu_core *core, const struct feishu_envelope *envelope,
	uint64_t received_us, feishu_taken_fn taken, void *arg)
{
	const struct qg_piece *type = &envelope->fields[FEISHU_EVENT_TYPE];
	size_t id_room = envelope->fields[FEISHU_MESSAGE_ID].size + 1;
	struct event *event =
		core->stopping ? NULL : create(core, id_room, received_us, taken, arg);
	if (!event) {
		const struct feishu_taken none = {
			.status = core->stopping ? QG_CANCELLED : QG_NO_MEMORY};
		taken(arg, &none);
		return;
	}
	if (qg_piece_is(type, "im.message.receive_v1")) {
		take_message(event, envelope);
	} else if (qg_piece_is(type, "card.action.trigger")) {
		feishu_click(core, envelope, received_us, given, event);
	} else if (!feishu_told(core, envelope, given, event)) {
		skip(event, envelope);
	}
}

void feishu_take_resume(struct feishu_core *core)
{
	struct taking *taking = taking_of(core);
	if (!taking) {
		return;
	}
	feishu_core_take(core);
	QG_LIST_FOR_EACH (item, &taking->events) {
		struct event *event = QG_CONTAINER(item, struct event, link);
		if (event->copy) {
			take_message(event, event->copy);
		}
	}
	feishu_core_release(core);
}

void feishu_take_end(struct feishu_core *core)
{
	struct taking *taking = taking_of(core);
	if (!taking) {
		return;
	}
	QG_LIST_FOR_EACH (item, &taking->events) {
		struct event *event = QG_CONTAINER(item, struct event, link);
		if (event->copy) {
			end(event, QG_CANCELLED);
		}
	}
}

void feishu_take_finish(struct feishu_core *core)
{
	struct taking *taking = taking_of(core);
	if (!taking) {
		return;
	}
	feishu_take_end(core);
	QG_LIST_FOR_EACH (item, &taking->events) { /* they go once the store answers */
		tell(QG_CONTAINER(item, struct event, link), QG_CANCELLED, NULL);
	}
	core->taking = NULL;
	qg_timer_destroy(taking->timer);
	free(taking);
}
