/* ledger.c - a call opened, closed, or saved: budgets are reserved before it is sent and settled by what it was.
 *
 * A customer's budget lies in another partition than the bot: no script sees both. It is reserved first and
 * settled last, so at every moment the bot's partition says what became of the hold: one whose call is closed there is
 * settled as the close left word, one without a call is released, both by the sweep (sweep.c). */
#include "booking.h"

#include <stdlib.h>
#include <string.h>

/* Of a call whose answer did not come it is not known whether it ran: whoever asked sends it again. */
static bool is_unknown(enum qg_status status)
{
	return status == QG_AWAY || status == QG_TIMEOUT || status == QG_CANCELLED;
}

static void begin(struct call *call, const char *action, const struct booking *booking)
{
	call_init(call);
	call->failed = booking->row == NULL;
	call_str(call, action);
	call_str(call, booking->bot);
	call_str(call, booking->id);
}

static void begin_hold(struct call *call, const char *action, const struct booking *booking)
{
	call_init(call);
	call->failed = booking->row == NULL;
	call_str(call, action);
	call_str(call, booking->id);
}

/* ---- open ---- */

static void end_opening(struct booking *booking, enum qg_status status, enum qg_limit limit)
{
	qg_opened_fn fn = (qg_opened_fn)booking->fn;
	void *arg = booking->arg;
	booking_destroy(booking);
	fn(arg, status, limit);
}

/* Whatever comes of it: a hold that stays is found by the sweep. */
static void release(struct booking *booking)
{
	struct call call;
	begin_hold(&call, "release", booking);
	call_go(&call, booking->queue, booking->customer_partition, &qg_script_hold, NULL, NULL);
}

static void opened(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct booking *booking = arg;
	enum qg_limit limit = QG_LIMIT_TURN;
	status = reply_status(status, reply);
	if (status == QG_DENIED) {
		size_t index = (size_t)reply_int(reply, 1);
		limit = index < booking->own_count ? booking->own[index].limit : QG_LIMIT_TURN;
	}
	if (status != QG_OK && !is_unknown(status) && booking_has_customer(booking)) {
		release(booking);
	}
	end_opening(booking, status, limit);
}

static void open_own(struct booking *booking)
{
	struct call call;
	begin(&call, "open", booking);
	call_str(&call, booking->queue->consumer);
	call_str(&call, booking->fence.conversation);
	call_int(&call, (int64_t)booking->fence.id);
	call_int(&call, booking->fence.try);
	call_str(&call, booking->row);
	booking_add_counters(&call, booking);
	call_go(&call, booking->queue, booking->partition, &qg_script_ledger, opened, booking);
}

static void held(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct booking *booking = arg;
	status = reply_status(status, reply);
	if (status == QG_OK) {
		open_own(booking);
	} else {
		end_opening(booking, status, QG_LIMIT_CUSTOMER_MONTH);
	}
}

static void hold(struct booking *booking)
{
	struct call call;
	begin_hold(&call, "hold", booking);
	call_str(&call, booking->bot);
	call_str(&call, booking->customer.key);
	call_int(&call, booking->customer.amount);
	call_int(&call, booking->customer.most);
	call_go(&call, booking->queue, booking->customer_partition, &qg_script_hold, held, booking);
}

void qg_ledger_open(struct qg_queue *queue, const struct qg_entry *entry,
	const struct qg_call *call, qg_opened_fn fn, void *arg)
{
	struct booking *booking =
		booking_new(queue, call, qg_ledger_row(call, NULL, NULL), (void (*)(void))fn, arg);
	if (entry != NULL) {
		booking_fence(booking, entry);
	}
	if (booking_has_customer(booking)) {
		hold(booking);
	} else {
		open_own(booking);
	}
}

/* ---- close ---- */

static void end_closing(struct booking *booking, enum qg_status status)
{
	qg_closed_fn fn = (qg_closed_fn)booking->fn;
	fn(booking->arg, status, booking->near, status == QG_OK ? booking->near_count : 0);
	booking_destroy(booking);
}

static void add_near(struct booking *booking, const struct counter *counter, int64_t used)
{
	if (booking->near_count < QG_LIMITS) {
		booking->near[booking->near_count++] = (struct qg_near){
			counter->limit, counter->key, used, counter->most, counter->currency};
	}
}

/* What the customer's partition refuses is settled by the sweep: the call itself is booked. */
static void settled(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct booking *booking = arg;
	status = reply_status(status, reply);
	if (status == QG_OK && reply->count > 1) {
		add_near(booking, &booking->customer, reply_int(reply, 1));
	}
	end_closing(booking, is_unknown(status) || status == QG_BUSY ? status : QG_OK);
}

static void settle(struct booking *booking, bool is_booked)
{
	struct call call;
	begin_hold(&call, "settle", booking);
	call_str(&call, booking->customer.key);
	call_int(&call, booking->customer.amount);
	call_int(&call, booking->customer.most);
	call_int(&call, is_booked);
	call_go(&call, booking->queue, booking->customer_partition, &qg_script_hold, settled,
		booking);
}

static void closed(void *arg, enum qg_status status, const struct qg_redis_reply *reply)
{
	struct booking *booking = arg;
	status = reply_status(status, reply);
	for (size_t i = 2; status == QG_OK && i + 1 < reply->count; i += 2) {
		size_t index = (size_t)reply_int(reply, i);
		if (index < booking->own_count) {
			add_near(booking, &booking->own[index], reply_int(reply, i + 1));
		}
	}
	if (status == QG_OK && booking_has_customer(booking)) {
		settle(booking, reply_int(reply, 1) != 0);
	} else {
		end_closing(booking, status);
	}
}

/* Adds what the book gets, for close and saved alike. */
static void add_record(struct call *call, const struct booking *booking)
{
	call_str(call, booking->row);
	call_str(call, booking->day);
	call_str(call, booking->chat);
	call_str(call, booking->user);
	call_str(call, booking->used);
}

void qg_ledger_close(struct qg_queue *queue, const struct qg_call *call,
	const struct qg_call_end *end, qg_closed_fn fn, void *arg)
{
	struct booking *booking =
		booking_new(queue, call, qg_ledger_row(call, end, NULL), (void (*)(void))fn, arg);
	booking_count(booking, &end->tokens, end->cost, call->price.currency);
	struct call script;
	begin(&script, "close", booking);
	add_record(&script, booking);
	if (booking_has_customer(booking)) {
		call_int(&script, booking->customer.amount);
	} else {
		call_str(&script, "");
	}
	booking_add_counters(&script, booking);
	call_go(&script, queue, booking->partition, &qg_script_ledger, closed, booking);
}

void qg_ledger_saved(struct qg_queue *queue, const struct qg_call *call, const char *way,
	qg_queue_fn fn, void *arg)
{
	struct booking *booking =
		booking_new(queue, call, qg_ledger_row(call, NULL, way), NULL, NULL);
	booking_count_saved(booking, &call->estimate);
	struct call script;
	begin(&script, "saved", booking);
	add_record(&script, booking);
	call_go(&script, queue, booking->partition, &qg_script_ledger, reply_simple,
		flight_new(queue, (void (*)(void))fn, arg, booking->partition));
	booking_destroy(booking);
}
