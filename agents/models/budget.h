/* budget.h - which limits of a bot a call draws on, and what is left of a turn's own. */
#ifndef AGENTS_MODELS_BUDGET_H
#define AGENTS_MODELS_BUDGET_H

#include "qg/config.h"
#include "qg/desk.h"

/* Fills call's reserves from its bot's limits: call has its price, cost, day, chat, user and customer. A call that
 * cannot cost anything reserves nothing. */
void qg_budget_reserve(const struct qg_bot_config *bot, double usd_cny, struct qg_call *call);
/* What the call really cost, nano of its price's currency, into its reserves. */
void qg_budget_settle(struct qg_call *call, double usd_cny, int64_t cost);
/* Whether a turn that has spent so much (nano of the budget's currency) may do call. */
bool qg_budget_turn_allows(
	const struct qg_bot_config *bot, double usd_cny, const struct qg_call *call, int64_t spent);
/* In the currency of the bot's budget. */
int64_t qg_budget_amount(
	const struct qg_bot_config *bot, double usd_cny, enum qg_currency currency, int64_t cost);

#endif
