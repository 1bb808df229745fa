/* sending.c - one reply's way from the head of its list to the platform, a script before and after each call.
 *
 * The parts and a started mark are stored before the first call, each landed part after it; a head stays until it
 * landed or is dead. A step that Redis did not confirm is sent again: each is idempotent. Who finds a started part
 * sends it again under the same key: it may have left. A hopeless reply is told of before it is buried, so that a
 * crash between the two tells once more rather than never. */
#include "sending.h"

#include <stdlib.h>
#include <string.h>

#include "planner.h"
#include "qg/buf.h"
#include "qg/clock.h"
#include "qg/json.h"
#include "qg/log.h"
#include "qg/str.h"
#include "rates.h"

void sending_free(struct sending *sending)
{
	qg_list_remove(&sending->item);
	notices_end(&sending->notices);
	qg_reply_destroy(sending->reply);
	json_decref(sending->parts);
	free(sending->chat);
	free(sending);
}

void sending_destroy(struct sending *sending)
{
	struct bot *bot = sending->bot;
	sending_free(sending);
	if (bot->gone) {
		struct bot *successor = bots_find(bot->gateway, bot->bot.name);
		bot_collect(bot);
		if (successor != NULL) {
			outbound_look(successor);
		}
	}
}

static bool is_last(const struct sending *sending)
{
	return sending->number + 1 >= json_array_size(sending->parts);
}

/* ---- the call ---- */

/* The adapter gets the part that is due, under the reply's name. */
static void call(struct sending *sending)
{
	struct bot *bot = sending->bot;
	if (!link_may_send(bot->link) || !bot->started || bot->stopping) {
		/* for whoever may: a successor, another gateway, or us again */
		sending->stage = WAITING;
		sending->until = 0;
		sending_run(sending);
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
	reply->file = plan_file(sending->parts, sending->number, reply);
	reply->part = sending->number;
	reply->parts = (unsigned)json_array_size(sending->parts);
	reply->form = sending->form;
	reply->repeated = sending->repeated;
	sending->stage = CALLING;
	sending->reply = NULL;
	qg_metric_add(bot->repeated, sending->repeated ? 1 : 0);
	bot->bot.adapter->send(&bot->bot, reply);
}

/* Before the mark is stored: the chat and the account may have had their share of this second, minute or hour. That
 * is no failed attempt. */
static void start_part(struct sending *sending)
{
	/* The platform counts a call when it arrives, the first perhaps late and the one over the limit at once: where that
	 * mutes a robot for minutes, two seconds are not too much to stay clear of it. */
	enum { SECOND = 1000, LATE = 2000, MINUTE = 60000 + LATE, HOUR = 3600000 + LATE };
	struct bot *bot = sending->bot;
	const struct qg_ability *can = bot_ability(bot);
	const char *platform = bot->bot.adapter->name;
	const char *account = bot->account != NULL ? bot->account : bot->bot.name;
	const struct rate asked[] = {
		{"chat", bot->bot.name, sending->chat, can->chat_rate, SECOND},
		{"chat", bot->bot.name, sending->chat, can->chat_minute, MINUTE},
		{"chat", bot->bot.name, sending->chat, can->chat_hour, HOUR},
		{"account", platform, account, can->app_rate, SECOND},
		{"account", platform, account, can->app_minute, MINUTE},
	};
	unsigned wait = rates_ask(
		bot->gateway->rates, asked, sizeof(asked) / sizeof(asked[0]), qg_clock_mono());
	sending->stage = wait == 0 ? STARTING : WAITING;
	sending->until = qg_clock_wall() + (wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS);
	qg_metric_add(bot->paced, wait > 0 ? 1 : 0);
	sending_run(sending);
}

static void next_part(struct sending *sending)
{
	sending->number++;
	sending->attempts = 0;
	sending->repeated = false;
	start_part(sending);
}

/* ---- steps in Redis ---- */

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
	if (!sending->lost && sending->stage == TELLING) {
		sending->stage = BURYING; /* told or not */
		sending_run(sending);
		return;
	}
	/* landed, put off in Redis, buried, gone from the list, or somebody else's now */
	bool more = status == QG_OK || (status == QG_EMPTY && sending->stage != BURYING);
	if (status == QG_FAILED) {
		qg_log_error(bot->bot.name, "reply %s: Redis refuses its step", sending->id);
	}
	sending_destroy(sending);
	if (more && !gone) {
		outbound_look(bot);
	}
}

static void people_read(void *arg, enum qg_status status, const char *const *admins,
	size_t admin_count, const char *const *chats, size_t chat_count)
{
	struct sending *sending = arg;
	sending->in_flight = false;
	if (sending->lost) {
		sending_destroy(sending);
		return;
	}
	if (is_unknown(status)) {
		return;
	}
	bool any = notice_make(sending, admins, status == QG_OK ? admin_count : 0);
	sending->stage = any ? TELLING : BURYING;
	sending_run(sending);
}

static void store_start(struct sending *sending, const struct qg_part *part)
{
	char *parts = sending->store_parts ? qg_json_dump(sending->parts) : NULL;
	if (sending->store_parts && parts == NULL) {
		sending->in_flight = false; /* no memory: the next look starts it again */
		return;
	}
	qg_out_start(sending->bot->gateway->core->queue, part, parts, stepped, sending);
	free(parts);
}

static void send_step(struct sending *sending)
{
	const char *bot = sending->bot->bot.name;
	struct qg_queue *queue = sending->bot->gateway->core->queue;
	struct qg_part part = {.bot = bot,
		.chat = sending->chat,
		.reply = sending->id,
		.fence = sending->fence,
		.number = sending->number};
	sending->in_flight = true;
	switch (sending->stage) {
	case STARTING:
		store_start(sending, &part);
		break;
	case LANDING:
		qg_out_land(queue, &part, is_last(sending), stepped, sending);
		break;
	case WAITING:
		qg_out_wait(queue, &part, sending->until, sending->attempts, sending->repeated,
			sending->form, stepped, sending);
		break;
	case ASKING:
		qg_queue_people(queue, bot, people_read, sending);
		break;
	case TELLING:
		qg_out_post(queue, bot, sending->notices.items, sending->notices.count,
			QG_POST_KEEP_S, stepped, sending);
		break;
	case BURYING:
		qg_out_dead(queue, &part, sending->reason, qg_clock_wall(), stepped, sending);
		break;
	case CALLING:
		sending->in_flight = false;
		break;
	}
}

void sending_run(struct sending *sending)
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

static void bury(struct sending *sending, const char *reason, bool tell)
{
	struct bot *bot = sending->bot;
	qg_log_error(bot->bot.name, "reply %s is a dead letter: %s", sending->id, reason);
	qg_metric_add(bot->buried, 1);
	sending->reason = reason;
	sending->stage = tell && notice_is_due(sending) ? ASKING : BURYING;
}

static void put_off(struct sending *sending, enum qg_status status, unsigned wait_ms)
{
	int64_t age = qg_clock_wall() - sending->reply->stored_at;
	sending->attempts = plan_attempts(status, sending->attempts, age);
	unsigned own = plan_wait_ms(sending->attempts);
	/* what a platform says of its rates is the least: where it was not enough, more */
	bool is_longer = status == QG_BUSY && own > wait_ms;
	unsigned wait = wait_ms > 0 && !is_longer ? wait_ms : own;
	sending->stage = WAITING;
	sending->until = qg_clock_wall() + (wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS);
	qg_log_warn(sending->bot->bot.name, "reply %s is sent again later: %s", sending->id,
		qg_status_text(status));
}

/* This time the platform showed nothing: the same part in the next form, at once. An earlier try whose outcome is not
 * known stays so. */
static void make_plainer(struct sending *sending)
{
	sending->form++;
	sending->stage = WAITING;
	sending->until = 0;
}

/* The platform showed nothing: the first piece goes under the part's number, those behind move on. At once, whatever
 * the rates say: pieces that nobody stored would be forgotten while they wait. */
static void cut(struct sending *sending)
{
	enum qg_status status = plan_cut(sending->parts, sending->number);
	if (status == QG_OK) {
		sending->store_parts = true;
		sending->repeated = false;
		sending->stage = STARTING;
	} else if (status == QG_TOO_LARGE) {
		bury(sending, qg_status_text(status), true);
	} else {
		put_off(sending, status, 0); /* the parts in Redis are whole, and read again */
	}
}

/* What stands for a file that is not shown: takes the place of its part. */
static void say_instead(struct sending *sending)
{
	const struct bot *bot = sending->bot;
	const json_t *file = plan_file(sending->parts, sending->number, sending->reply);
	char *text = qg_role_words(
		bot->role, "file_not_shown", "name", qg_json_str(file, "name", ""), NULL);
	if (text == NULL ||
		json_array_set_new(sending->parts, sending->number, json_string(text)) != 0) {
		put_off(sending, QG_NO_MEMORY, 0);
	} else {
		sending->store_parts = true;
		sending->repeated = false;
		sending->attempts = 0;
		sending->stage = STARTING;
	}
	free(text);
}

/* No answer came: the next try goes as a repeat under the same key. */
static bool may_have_left(enum qg_status status)
{
	return status == QG_TIMEOUT || status == QG_IO || status == QG_CANCELLED;
}

static enum plan_step next_step(const struct sending *sending, enum qg_status status)
{
	if (sending->reply->silent) {
		return plan_next_silent(status, sending->attempts);
	}
	if (plan_file(sending->parts, sending->number, sending->reply) != NULL) {
		return plan_next_file(status, sending->attempts);
	}
	return plan_next(status, sending->form, sending->attempts);
}

static void judge(struct sending *sending, enum qg_status status, unsigned wait_ms)
{
	switch (next_step(sending, status)) {
	case PLAN_LAND:
		qg_metric_add(sending->bot->sent, status == QG_OK ? 1 : 0);
		sending->stage = LANDING;
		break;
	case PLAN_RETRY:
		sending->repeated = sending->repeated || may_have_left(status);
		put_off(sending, status, wait_ms);
		break;
	case PLAN_PLAINER:
		make_plainer(sending);
		break;
	case PLAN_CUT:
		cut(sending);
		break;
	case PLAN_SAY:
		say_instead(sending);
		break;
	case PLAN_BURY:
		bury(sending, qg_status_text(status), false);
		break;
	case PLAN_TELL:
		bury(sending, qg_status_text(status), true);
		break;
	}
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
	if (sending->lost) {
		qg_metric_add(bot->sent, status == QG_OK ? 1 : 0);
		sending_destroy(sending); /* the new owner repeats it: its outcome was not stored */
		return;
	}
	judge(sending, status, wait_ms);
	sending_run(sending);
}

/* ---- its begin ---- */

static struct sending *create(struct bot *bot, struct qg_head *head)
{
	struct sending *sending = calloc(1, sizeof(*sending));
	if (sending == NULL) {
		return NULL;
	}
	*sending = (struct sending){.bot = bot,
		.fence = bot->fence,
		.chat = head->chat,
		.reply = head->reply,
		.parts = head->parts,
		.repeated = head->started,
		.number = head->part};
	memcpy(sending->id, head->id, sizeof(sending->id));
	*head = (struct qg_head){0};
	qg_list_add(&bot->sendings, &sending->item);
	return sending;
}

/* Nothing of it goes to the platform: it leaves its list as if it had landed. */
static void pass_over(struct sending *sending)
{
	json_decref(sending->parts);
	sending->parts = NULL;
	sending->stage = LANDING;
	sending_run(sending);
}

/* Puts a sentence for each of its files behind the text; false for no memory. */
static bool name_files(const struct bot *bot, struct qg_reply *reply)
{
	QG_AUTO(qg_buf_finish) struct qg_buf text;
	qg_buf_init(&text, 2 * QG_REPLY_MAX);
	qg_buf_add_str(&text, reply->text);
	for (size_t i = 0; i < json_array_size(reply->files); i++) {
		const json_t *file = json_array_get(reply->files, i);
		char *words = qg_role_words(
			bot->role, "file_not_shown", "name", qg_json_str(file, "name", ""), NULL);
		qg_buf_printf(
			&text, "%s%s", text.size > 0 ? "\n\n" : "", words != NULL ? words : "");
		free(words);
	}
	char *whole = qg_buf_steal(&text);
	if (whole != NULL) {
		free(reply->text);
		reply->text = whole;
	}
	return whole != NULL;
}

static bool plan(struct sending *sending)
{
	const struct bot *bot = sending->bot;
	const struct qg_ability *can = bot_ability(bot);
	struct qg_reply *reply = sending->reply;
	if (json_is_array(sending->parts)) {
		return json_array_size(sending->parts) > 0;
	}
	json_decref(sending->parts);
	sending->parts = NULL;
	if (json_array_size(reply->files) > 0 && !can->shows_files && !name_files(bot, reply)) {
		return false;
	}
	sending->parts = plan_parts(reply, can);
	sending->store_parts = json_array_size(sending->parts) > 1;
	return sending->parts != NULL;
}

void sending_begin(struct bot *bot, struct qg_head *head)
{
	struct sending *sending = create(bot, head);
	if (sending == NULL) {
		return;
	}
	if (sending->reply == NULL) {
		bury(sending, "damaged", true);
		sending_run(sending);
		return;
	}
	if (sending->reply->silent && !bot_ability(bot)->shows_open) {
		pass_over(sending);
		return;
	}
	if (notice_has_no_way(sending)) {
		qg_log_info(bot->bot.name, "a notice to %s is not sent: %s lets no bot write first",
			sending->chat, bot->bot.adapter->name);
		pass_over(sending);
		return;
	}
	sending->attempts = sending->reply->attempts;
	sending->form = sending->reply->form;
	if (!plan(sending)) {
		sending_destroy(
			sending); /* no memory: it stands in the list, a later look finds it */
		return;
	}
	start_part(sending);
}
