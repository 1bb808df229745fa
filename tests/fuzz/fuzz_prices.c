/* fuzz_prices.c - a list of prices somebody wrote: it is refused, or every price it gives is sound. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "models/price_list.h"
#include "qg/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct qg_prices *prices, const char *provider, const char *model)
{
	static const int64_t times[] = {0, INT64_C(1795363200000), INT64_C(1795402800000)};
	struct qg_model_config endpoint = {.provider = (char *)provider, .model = (char *)model};
	const struct qg_tokens tokens = {
		.input = 1000, .cached_input = 300, .cache_write = 200, .output = 50};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct qg_price price;
		char text[40];
		if (!qg_price_find(prices, &endpoint, times[i], 200000, &price)) {
			continue;
		}
		assert(price.input >= 0 && price.cached_input >= 0 && price.cache_write >= 0 &&
			price.output >= 0);
		int64_t cost = qg_price_cost(&price, &tokens);
		assert(cost >= 0);
		qg_money_text(cost, price.currency, text);
		assert(strlen(text) < sizeof(text));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[128] = "";
	struct qg_prices *prices = qg_prices_load((const char *)data, size, error);
	if (prices == NULL) {
		assert(error[0] != '\0');
		return 0;
	}
	for (size_t i = 0; i < prices->row_count && i < 64; i++) {
		ask(prices, prices->text + prices->rows[i].provider,
			prices->text + prices->rows[i].model);
	}
	ask(prices, "deepseek", NULL);
	ask(prices, "yi", "unknown-20260101");
	qg_prices_destroy(prices);
	return 0;
}
