/* booking.c - a call as the scripts see it: its counters by name, its figures as text, its texts kept. */
#include "booking.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qg/log.h"
#include "qg/str.h"

/* Counters are whole numbers that must not run over; no call costs a million. No sum of tokens does either. */
#define MAX_AMOUNT INT64_C(1000000000000000)
#define MAX_TOKENS INT64_C(1000000000000)

static int64_t bounded(int64_t number, int64_t most)
{
	return number < 0 ? 0 : number > most ? most : number;
}

/* A customer's budget is one for all its bots: its counter names none. */
static void counter_init(
	struct counter *counter, const struct qg_call *call, const struct qg_reserve *reserve)
{
	*counter = (struct counter){.limit = reserve->limit,
		.currency = reserve->currency,
		.amount = bounded(reserve->amount, MAX_AMOUNT),
		.most = reserve->most < 0 ? 0 : reserve->most};
	snprintf(counter->key, sizeof(counter->key), "$%s:%s:%.*s:%s:%s",
		reserve->limit == QG_LIMIT_CUSTOMER_MONTH ? "" : call->bot,
		qg_limit_name(reserve->limit), QG_ID_MAX, reserve->whom, reserve->period,
		qg_currency_name(reserve->currency));
}

static void add_reserves(struct booking *booking, const struct qg_call *call)
{
	booking->customer.most = -1;
	for (size_t i = 0; i < call->reserve_count && i < QG_LIMITS; i++) {
		const struct qg_reserve *reserve = &call->reserves[i];
		if (reserve->limit == QG_LIMIT_CUSTOMER_MONTH) {
			counter_init(&booking->customer, call, reserve);
			booking->customer_partition =
				qg_queue_partition(booking->queue, reserve->whom);
		} else {
			counter_init(&booking->own[booking->own_count++], call, reserve);
		}
	}
}

struct booking *booking_new(
	struct qg_queue *queue, const struct qg_call *call, char *row, void (*fn)(void), void *arg)
{
	struct booking *booking = certain(calloc(1, sizeof(*booking)));
	booking->queue = queue;
	booking->fn = fn;
	booking->arg = arg;
	booking->row = row;
	booking->partition = qg_queue_partition(queue, call->bot);
	memcpy(booking->id, call->id, sizeof(booking->id));
	memcpy(booking->day, call->day, sizeof(booking->day));
	booking->bot = certain(qg_str_copy(call->bot));
	booking->chat = certain(qg_str_copy(call->chat));
	booking->user = certain(qg_str_copy(call->user));
	add_reserves(booking, call);
	return booking;
}

void booking_fence(struct booking *booking, const struct qg_entry *entry)
{
	booking->fence = (struct qg_entry){.id = entry->id,
		.try = entry->try,
		.conversation = certain(qg_str_copy(entry->conversation))};
}

void booking_destroy(struct booking *booking)
{
	if (booking == NULL) {
		return;
	}
	free(booking->bot);
	free(booking->chat);
	free(booking->user);
	free(booking->row);
	qg_entry_finish(&booking->fence);
	free(booking);
}

bool booking_has_customer(const struct booking *booking)
{
	return booking->customer.most >= 0;
}

void figures_text(const struct qg_figure *figure, char *out)
{
	snprintf(out, USED_SIZE,
		"%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
		figure->calls, figure->input, figure->cached_input, figure->output, figure->saved,
		figure->cost[QG_CNY], figure->cost[QG_USD]);
}

void booking_count(struct booking *booking, const struct qg_tokens *tokens, int64_t cost,
	enum qg_currency currency)
{
	struct qg_figure figure = {.calls = 1,
		.input = bounded(tokens->input, MAX_TOKENS),
		.cached_input = bounded(tokens->cached_input, MAX_TOKENS),
		.output = bounded(tokens->output, MAX_TOKENS)};
	figure.cost[currency] = bounded(cost, MAX_AMOUNT);
	figures_text(&figure, booking->used);
}

void booking_count_saved(struct booking *booking, const struct qg_tokens *tokens)
{
	struct qg_figure figure = {
		.saved = bounded(tokens->input, MAX_TOKENS) + bounded(tokens->output, MAX_TOKENS)};
	figures_text(&figure, booking->used);
}

void booking_add_counters(struct call *call, const struct booking *booking)
{
	for (size_t i = 0; i < booking->own_count; i++) {
		call_str(call, booking->own[i].key);
		call_int(call, booking->own[i].amount);
		call_int(call, booking->own[i].most);
	}
}
