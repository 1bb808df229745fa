/* config_money.c - budgets and prices of the config as whole numbers of nano.
 *
 * A limit that is not written is none (-1), which is not the same as a limit of nothing (0): what
 * stands in the tree decides, not the value a table leaves behind. */
#include "config_private.h"

#include "config_settings.h"

/* To the nearest; never negative, and bounded by the tables far below what an int64_t holds. */
static int64_t nano_of(double amount)
{
	return (int64_t)(amount * (double)QG_MONEY_ONE + 0.5);
}

static int64_t limit_of(const struct qg_tree *map, const char *key, double amount)
{
	return qg_tree_is_empty(qg_tree_get(map, key)) ? -1 : nano_of(amount);
}

void qg_config_read_budget(const struct qg_tree *value, struct qg_budget *limits,
	enum qg_at_limit *at_limit, struct qg_problems *problems)
{
	struct qg_config_money money = {0};
	const struct qg_tree *layers[] = {value, NULL};
	limits->turn = limits->chat_day = limits->user_day = limits->bot_month = -1;
	if (value == NULL) {
		return;
	}
	qg_option_fill(qg_config_budget_table, layers, NULL, NULL, &money, problems);
	limits->turn = limit_of(value, "turn", money.turn);
	limits->chat_day = limit_of(value, "chat_day", money.chat_day);
	limits->user_day = limit_of(value, "user_day", money.user_day);
	limits->bot_month = limit_of(value, "bot_month", money.bot_month);
	limits->currency = (enum qg_currency)money.currency;
	*at_limit = (enum qg_at_limit)money.at_limit;
}

void qg_config_read_month(
	const struct qg_tree *value, struct qg_budget *limits, struct qg_problems *problems)
{
	struct qg_config_money money = {0};
	const struct qg_tree *layers[] = {value, NULL};
	limits->customer_month = -1;
	if (qg_tree_is_empty(value)) {
		return;
	}
	qg_option_fill(qg_config_month_table, layers, NULL, NULL, &money, problems);
	limits->customer_month = limit_of(value, "month", money.turn);
	limits->customer_currency = (enum qg_currency)money.currency;
}

bool qg_config_read_price(
	const struct qg_tree *value, struct qg_price *price, struct qg_problems *problems)
{
	struct qg_config_money money = {0};
	const struct qg_tree *layers[] = {value, NULL};
	unsigned before = problems->errors;
	if (qg_tree_is_empty(value)) {
		return false;
	}
	qg_option_fill(qg_config_price_table, layers, NULL, NULL, &money, problems);
	if (problems->errors > before) {
		return false;
	}
	*price = (struct qg_price){.input = nano_of(money.turn),
		.output = nano_of(money.chat_day),
		.cached_input = limit_of(value, "cached_input", money.user_day),
		.cache_write = limit_of(value, "cache_write", money.bot_month),
		.currency = (enum qg_currency)money.currency};
	price->cached_input = price->cached_input < 0 ? price->input : price->cached_input;
	price->cache_write = price->cache_write < 0 ? price->input : price->cache_write;
	return true;
}
