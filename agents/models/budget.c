/* budget.c - which limits of a bot a call draws on, and what is left of a turn's own.
 *
 * The amounts are decided here, once and in whole numbers; whoever keeps the sums adds them up without knowing what
 * a token or a dollar is. Days and months are the bot's own, fixed when the call is made. */
#include "budget.h"

#include <stdio.h>
#include <string.h>

int64_t qg_budget_amount(
	const struct qg_bot_config *bot, double usd_cny, enum qg_currency currency, int64_t cost)
{
	return qg_money_convert(cost, currency, bot->limits.currency, usd_cny);
}

static void add(struct qg_call *call, enum qg_limit limit, int64_t most, enum qg_currency currency,
	double usd_cny, const char *whom)
{
	if (most < 0 || whom == NULL) {
		return;
	}
	bool monthly = limit == QG_LIMIT_BOT_MONTH || limit == QG_LIMIT_CUSTOMER_MONTH;
	struct qg_reserve *reserve = &call->reserves[call->reserve_count++];
	*reserve = (struct qg_reserve){.limit = limit,
		.currency = currency,
		.whom = whom,
		.most = most,
		.amount = qg_money_convert(call->cost, call->price.currency, currency, usd_cny)};
	snprintf(reserve->period, sizeof(reserve->period), "%.*s", monthly ? 6 : 8, call->day);
}

static bool is_free(const struct qg_price *price)
{
	return price->input == 0 && price->cached_input == 0 && price->cache_write == 0 &&
	       price->output == 0;
}

void qg_budget_reserve(const struct qg_bot_config *bot, double usd_cny, struct qg_call *call)
{
	const struct qg_budget *limits = &bot->limits;
	enum qg_currency own = limits->currency;
	call->reserve_count = 0;
	if (is_free(&call->price)) {
		return;
	}
	add(call, QG_LIMIT_CHAT_DAY, limits->chat_day, own, usd_cny, call->chat);
	add(call, QG_LIMIT_USER_DAY, limits->user_day, own, usd_cny, call->user);
	add(call, QG_LIMIT_BOT_MONTH, limits->bot_month, own, usd_cny, call->bot);
	add(call, QG_LIMIT_CUSTOMER_MONTH, limits->customer_month, limits->customer_currency,
		usd_cny, call->customer);
}

void qg_budget_settle(struct qg_call *call, double usd_cny, int64_t cost)
{
	for (size_t i = 0; i < call->reserve_count; i++) {
		struct qg_reserve *reserve = &call->reserves[i];
		reserve->amount =
			qg_money_convert(cost, call->price.currency, reserve->currency, usd_cny);
	}
}

bool qg_budget_turn_allows(
	const struct qg_bot_config *bot, double usd_cny, const struct qg_call *call, int64_t spent)
{
	if (bot->limits.turn < 0 || is_free(&call->price)) {
		return true;
	}
	int64_t cost = qg_budget_amount(bot, usd_cny, call->price.currency, call->cost);
	return spent <= bot->limits.turn && cost <= bot->limits.turn - spent;
}
