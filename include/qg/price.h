/* price.h - money as whole numbers, and what tokens cost: the shipped list, a config's own prices, peak hours, tiers.
 *
 * Money is counted in billionths of a currency (nano), prices in nano per 1,000,000 tokens: sums are exact. Loaded
 * once, then only read: any thread. */
#ifndef QG_PRICE_H
#define QG_PRICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/status.h"

struct qg_model_config;
struct qg_prices;

#define QG_MONEY_ONE INT64_C(1000000000)

enum qg_currency { QG_CNY, QG_USD, QG_CURRENCIES };
/* "CNY"; never NULL. */
const char *qg_currency_name(enum qg_currency currency);
/* "¥" or "$". */
const char *qg_currency_sign(enum qg_currency currency);
QG_MUST_CHECK bool qg_currency_find(const char *name, enum qg_currency *out);
/* "¥0.0021", "$12.30": at least two digits behind the point, and as many as a small sum needs to show two that are
 * not 0 (at most 6). out: 40 bytes. */
void qg_money_text(int64_t nano, enum qg_currency currency, char out[40]);

/* Tokens of a call. input holds cached_input and cache_write, output holds reasoning. */
struct qg_tokens {
	int64_t input, cached_input, cache_write, output, reasoning;
};

/* The price in force for one call. */
struct qg_price {
	int64_t input, cached_input, cache_write, output; /* nano per 1,000,000 tokens */
	enum qg_currency currency;
	bool guessed; /* not in the list: the dearest known of that provider */
};

/* text: the list as JSON (NULL: the shipped one). NULL and words in error (128 bytes). */
struct qg_prices *qg_prices_load(const char *text, size_t size, char *error);
void qg_prices_destroy(struct qg_prices *prices);
/* The price for an endpoint at the wall time the call is sent, with input tokens (tiers): the endpoint's own price
 * wins, free services cost nothing. false: no price is known, not even of the provider. */
QG_MUST_CHECK bool qg_price_find(const struct qg_prices *prices,
	const struct qg_model_config *endpoint, int64_t at, int64_t input_tokens,
	struct qg_price *out);
/* Rounded half up; never negative, saturates. */
int64_t qg_price_cost(const struct qg_price *price, const struct qg_tokens *tokens);
/* From one currency into another by usd_cny (yuan for a dollar), rounded up. rate 0 with two currencies: INT64_MAX. */
int64_t qg_money_convert(
	int64_t nano, enum qg_currency from, enum qg_currency to, double usd_cny);

#endif
