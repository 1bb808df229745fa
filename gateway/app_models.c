/* app_models.c - what a config says about models and accounts, checked against what this build knows of them.
 *
 * A budget is only kept where every call has a price, in a currency that can be counted; and no bot asks a model
 * abroad that was not told so. Better an error before the start than a surprise in the bill. */
#include "app_parts.h"

#include <stdlib.h>
#include <string.h>

#include "qg/adapter.h"
#include "qg/buf.h"
#include "qg/clock.h"
#include "qg/model.h"
#include "qg/price.h"
#include "qg/str.h"

#define MAX_LISTED 4096 /* bytes of names in one message */

/* Where one endpoint of a bot is checked. */
struct checking {
	const struct qg_config *config;
	const struct qg_bot_config *bot;
	const struct qg_model_config *endpoint;
	const struct qg_tree *at; /* its name in the bot's models */
	struct qg_problems *problems;
};

/* The shipped list, for as long as the process lives; NULL for no memory. */
static const struct qg_prices *shipped_prices(void)
{
	static struct qg_prices *prices;
	char error[128];
	if (prices == NULL) {
		prices = qg_prices_load(NULL, 0, error);
	}
	return prices;
}

static bool has_limit(const struct qg_budget *limits)
{
	return limits->turn >= 0 || limits->chat_day >= 0 || limits->user_day >= 0 ||
	       limits->bot_month >= 0;
}

static bool is_free(const struct qg_price *price)
{
	return price->input == 0 && price->output == 0 && price->cached_input == 0 &&
	       price->cache_write == 0;
}

static void check_abroad(const struct checking *c)
{
	if (!c->bot->abroad && qg_endpoint_is_abroad(c->endpoint)) {
		qg_problem_error(c->problems, c->at,
			"endpoint '%s' stands abroad, and what people write would go there: write "
			"`abroad: allowed` for this bot if that is meant, or `region: mainland` "
			"for the endpoint if it is not so",
			c->endpoint->name);
	}
}

static void check_currency(const struct checking *c, const struct qg_price *price,
	enum qg_currency budget, const char *whose)
{
	if (price->currency != budget && !is_free(price) && c->config->usd_cny <= 0) {
		qg_problem_error(c->problems, c->at,
			"endpoint '%s' is priced in %s, the %s budget in %s; set usd_cny in "
			"qungong.yaml",
			c->endpoint->name, qg_currency_name(price->currency), whose,
			qg_currency_name(budget));
	}
}

/* Once for an endpoint, however many bots name it. */
static void warn_of_guess(const struct checking *c)
{
	QG_AUTO(qg_str_free) char *key = qg_str_printf("price of %s", c->endpoint->name);
	if (key == NULL || qg_strings_has(&c->problems->noted, key) ||
		qg_strings_add(&c->problems->noted, key) != QG_OK) {
		return;
	}
	qg_problem_warn(c->problems, c->at,
		"the price of endpoint '%s' (%s) is not in the list: the dearest of its provider "
		"is counted; write `price:` with the endpoint",
		c->endpoint->name,
		qg_endpoint_model(c->endpoint) != NULL ? qg_endpoint_model(c->endpoint) : "?");
}

static void check_price(const struct checking *c)
{
	const struct qg_budget *limits = &c->bot->limits;
	bool own = has_limit(limits), customers = limits->customer_month >= 0;
	struct qg_price price;
	if (!own && !customers) {
		return;
	}
	if (!qg_price_find(shipped_prices(), c->endpoint, qg_clock_wall(), 0, &price)) {
		qg_problem_error(c->problems, c->at,
			"nobody knows what endpoint '%s' costs, so the budget cannot be kept: "
			"write `price: {input: X, output: Y, currency: CNY}` with the endpoint "
			"(of 1,000,000 tokens; 0 where it is free)",
			c->endpoint->name);
		return;
	}
	if (price.guessed) {
		warn_of_guess(c);
	}
	if (own) {
		check_currency(c, &price, limits->currency, "bot's");
	}
	if (customers) {
		check_currency(c, &price, limits->customer_currency, "customer's");
	}
}

/* Where the bot names the endpoint: in its own models, else the bot as a whole (its file's defaults did). */
static const struct qg_tree *place_of(const struct qg_tree *tree, const char *name)
{
	const struct qg_tree *models = qg_tree_get(tree, "models");
	for (size_t i = 0; models != NULL && i < models->count; i++) {
		if (qg_str_equal(models->items[i]->text, name)) {
			return models->items[i];
		}
	}
	return models != NULL ? models : tree;
}

/* Whom a bot's models write to outside, each once: "DeepSeek, 通义千问"; "" for nobody. */
static void list_vendors(
	const struct qg_config *config, const struct qg_bot_config *bot, struct qg_buf *out)
{
	struct qg_strings seen = {0};
	for (size_t i = 0; i < bot->models.count; i++) {
		const struct qg_model_config *endpoint =
			qg_config_model(config, bot, bot->models.items[i]);
		QG_AUTO(qg_str_free)
		char *vendor = endpoint != NULL ? qg_endpoint_vendor(endpoint) : NULL;
		if (vendor != NULL && vendor[0] != '\0' && !qg_strings_has(&seen, vendor) &&
			qg_strings_add(&seen, vendor) == QG_OK) {
			qg_buf_printf(out, "%s%s", out->size > 0 ? ", " : "", vendor);
		}
	}
	qg_strings_finish(&seen);
}

/* A mask that is written and not kept is worse than none. */
static void warn_of_mask(const struct qg_config *config, const struct qg_bot_config *bot,
	const struct qg_tree *tree, struct qg_problems *problems)
{
	const struct qg_tree *at = qg_tree_get(tree, "mask");
	QG_AUTO(qg_buf_finish) struct qg_buf vendors;
	QG_AUTO(qg_buf_finish) struct qg_buf masked;
	qg_buf_init(&vendors, MAX_LISTED);
	qg_buf_init(&masked, MAX_LISTED);
	if (bot->mask.count > 0) {
		list_vendors(config, bot, &vendors);
	}
	for (size_t i = 0; i < bot->mask.count; i++) {
		qg_buf_printf(&masked, "%s%s", i > 0 ? ", " : "", bot->mask.items[i]);
	}
	if (vendors.size > 0 && masked.size > 0) {
		qg_problem_warn(problems, at != NULL ? at : tree,
			"mask has no effect in this version%s: what people write goes to %s as it "
			"stands, with %s in it; `mask: []` says that this is meant",
			at != NULL ? "" : " (it comes from the template or the file's defaults)",
			vendors.data, masked.data);
	}
}

void qg_app_check_models(const struct qg_config *config, const struct qg_bot_config *bot,
	const struct qg_tree *tree, struct qg_problems *problems)
{
	for (size_t i = 0; i < bot->models.count; i++) {
		const char *name = bot->models.items[i];
		const struct checking c = {.config = config,
			.bot = bot,
			.endpoint = qg_config_model(config, bot, name),
			.at = place_of(tree, name),
			.problems = problems};
		if (c.endpoint != NULL) {
			check_abroad(&c);
			check_price(&c);
		}
	}
	warn_of_mask(config, bot, tree, problems);
}

bool qg_app_has_provider(const char *provider)
{
	return qg_model_find(provider) != NULL;
}

char *qg_app_account(const struct qg_bot_config *config)
{
	const struct qg_adapter *adapter = qg_adapter_find(config->platform);
	const struct qg_bot bot = {.adapter = adapter, .config = config, .name = config->name};
	return adapter != NULL && adapter->account != NULL ? adapter->account(&bot) : NULL;
}
