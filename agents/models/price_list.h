/* price_list.h - the list of prices in memory: a sorted table, names in one piece. */
#ifndef QG_AGENTS_MODELS_PRICE_LIST_H
#define QG_AGENTS_MODELS_PRICE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qg/price.h"

#define QG_PRICE_SPANS 4

struct qg_price_set {
	int64_t input, cached_input, cache_write, output; /* nano per 1,000,000 tokens */
};

struct qg_price_tier {
	int64_t above; /* input tokens */
	struct qg_price_set set;
};

struct qg_price_row {
	uint32_t provider, model; /* offsets in text */
	int64_t from;		  /* valid since, Unix ms */
	struct qg_price_set set;  /* of the peak, where there is one; input -1: not known */
	struct qg_price_set off_peak;
	uint32_t tiers;
	uint8_t tier_count, currency, peak_count, peak_days; /* a bit a day from Monday */
	bool is_chat, has_off_peak;
	int16_t offset_minutes; /* of the peak's zone from UTC */
	struct {
		uint16_t from, to; /* minutes of the day */
	} peak[QG_PRICE_SPANS];
};

struct qg_prices {
	struct qg_price_row *rows; /* by provider, model, from */
	struct qg_price_tier *tiers;
	size_t row_count, tier_count;
	char *text;
};

/* The rows of a model, by date; NULL without any. */
const struct qg_price_row *qg_price_rows(
	const struct qg_prices *prices, const char *provider, const char *model, size_t *count_out);

#endif
