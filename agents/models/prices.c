/* prices.c - what tokens cost: the price of a call, and money as whole numbers.
 *
 * Never too little is the rule wherever the list does not know: a missing cache price is the input's, an
 * unknown model is the dearest of its provider, an hour that may be a holiday is a working hour. */
#include "qg/price.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "presets.h"
#include "price_list.h"
#include "qg/config.h"
#include "qg/model.h"

#define PER_MILLION 1000000

/* How many digits behind the point show two that are not 0, from 2 to 6. */
static int digits_for(uint64_t nano)
{
	int digits = 2;
	for (uint64_t unit = QG_MONEY_ONE / 10; nano > 0 && nano < unit && digits < 6; unit /= 10) {
		digits++;
	}
	return digits;
}

void qg_money_text(int64_t nano, enum qg_currency currency, char out[40])
{
	uint64_t size = nano < 0 ? (uint64_t)0 - (uint64_t)nano : (uint64_t)nano;
	int digits = digits_for(size);
	uint64_t unit = 1000000000;
	for (int i = 0; i < digits; i++) {
		unit /= 10;
	}
	uint64_t rounded = size / unit + (size % unit >= unit / 2 && size % unit > 0);
	uint64_t whole = 1000000000 / unit;
	rounded = rounded == 0 && size > 0 ? 1 : rounded; /* something is never shown as nothing */
	snprintf(out, 40, "%s%s%llu.%0*llu", nano < 0 ? "-" : "", qg_currency_sign(currency),
		(unsigned long long)(rounded / whole), digits,
		(unsigned long long)(rounded % whole));
}

static int64_t clamp(__int128 value)
{
	return value < 0 ? 0 : value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

int64_t qg_price_cost(const struct qg_price *price, const struct qg_tokens *tokens)
{
	int64_t input = tokens->input > 0 ? tokens->input : 0;
	int64_t cached = tokens->cached_input > 0 ? tokens->cached_input : 0;
	int64_t written = tokens->cache_write > 0 ? tokens->cache_write : 0;
	int64_t output = tokens->output > 0 ? tokens->output : 0;
	cached = cached < input ? cached : input;
	written = written < input - cached ? written : input - cached;
	__int128 sum = (__int128)(input - cached - written) * price->input;
	sum += (__int128)cached * price->cached_input;
	sum += (__int128)written * price->cache_write;
	sum += (__int128)output * price->output;
	return clamp((sum + PER_MILLION / 2) / PER_MILLION);
}

int64_t qg_money_convert(int64_t nano, enum qg_currency from, enum qg_currency to, double usd_cny)
{
	if (from == to) {
		return nano;
	}
	if (!(usd_cny > 0) || usd_cny > 1e6) {
		return INT64_MAX;
	}
	__int128 rate = llround(usd_cny * PER_MILLION); /* exact for rates as people write them */
	if (rate == 0) {
		return INT64_MAX;
	}
	__int128 up = from == QG_USD ? (__int128)nano * rate : (__int128)nano * PER_MILLION;
	__int128 by = from == QG_USD ? PER_MILLION : rate;
	return clamp((up + by - 1) / by);
}

/* ---- the price in force ---- */

/* The day of the week (0: Monday) and the minute of the day at a fixed offset from UTC. */
static void local_minute(int64_t at, int offset_minutes, int *day, int *minute)
{
	int64_t minutes = at / 60000 + offset_minutes;
	int64_t days = minutes / 1440;
	*day = (int)((days + 3) % 7); /* 1970-01-01 was a Thursday */
	*minute = (int)(minutes % 1440);
}

/* Public holidays are not known here: they count as working days. */
static bool is_peak(const struct qg_price_row *row, int64_t at)
{
	int day, minute;
	local_minute(at > 0 ? at : 0, row->offset_minutes, &day, &minute);
	if ((row->peak_days & (1u << day)) == 0) {
		return false;
	}
	for (int i = 0; i < row->peak_count; i++) {
		if (minute >= row->peak[i].from && minute < row->peak[i].to) {
			return true;
		}
	}
	return false;
}

/* A tier holds for the whole request. */
static const struct qg_price_set *set_of(const struct qg_prices *prices,
	const struct qg_price_row *row, int64_t at, int64_t input_tokens)
{
	const struct qg_price_set *set = &row->set;
	if (row->has_off_peak && !is_peak(row, at)) {
		return &row->off_peak;
	}
	for (size_t i = 0; i < row->tier_count; i++) {
		const struct qg_price_tier *tier = &prices->tiers[row->tiers + i];
		if (input_tokens > tier->above) {
			set = &tier->set;
		}
	}
	return set;
}

static void fill(const struct qg_price_row *row, const struct qg_price_set *set, bool guessed,
	struct qg_price *out)
{
	*out = (struct qg_price){.input = set->input,
		.cached_input = set->cached_input,
		.cache_write = set->cache_write,
		.output = set->output,
		.currency = (enum qg_currency)row->currency,
		.guessed = guessed};
}

/* The row of that very name in force at that time: the latest that is valid, else the first there is. */
static const struct qg_price_row *find_row(
	const struct qg_prices *prices, const char *provider, const char *model, int64_t at)
{
	const struct qg_price_row *best = NULL;
	size_t count;
	const struct qg_price_row *rows = qg_price_rows(prices, provider, model, &count);
	for (size_t i = 0; i < count; i++) {
		if (best == NULL || rows[i].from <= at) {
			best = &rows[i];
		}
	}
	return best;
}

static bool is_digits(const char *text, size_t count)
{
	return strspn(text, "0123456789") == count && text[count] == '\0';
}

/* "gpt-4o-2024-08-06", "qwen-plus-20250911", "x-250911", "x-latest": a dated copy costs what its model
 * does, until it has a row of its own. */
static const struct qg_price_row *find_undated(
	const struct qg_prices *prices, const char *provider, const char *model, int64_t at)
{
	char name[128];
	size_t size = strlen(model);
	size_t cut = 0;
	if (size < sizeof(name)) {
		const char *dash = strrchr(model, '-');
		if (dash != NULL && (is_digits(dash + 1, 8) || is_digits(dash + 1, 6) ||
					    strcmp(dash + 1, "latest") == 0)) {
			cut = (size_t)(dash - model);
		} else if (size > 11 && model[size - 11] == '-' && model[size - 6] == '-' &&
			   model[size - 3] == '-' && is_digits(model + size - 2, 2)) {
			cut = size - 11;
		}
	}
	if (cut == 0) {
		return NULL;
	}
	memcpy(name, model, cut);
	name[cut] = '\0';
	return find_row(prices, provider, name, at);
}

/* The dearest chat model of a provider. Those in the currency it bills at home come first: an owner without
 * a rate between two currencies can use them. */
static bool find_dearest(const struct qg_prices *prices, const struct qg_provider *provider,
	int64_t at, int64_t input_tokens, struct qg_price *out)
{
	uint8_t home = provider->abroad ? QG_USD : QG_CNY;
	int64_t most = -1;
	bool at_home = false;
	for (size_t i = 0; i < prices->row_count; i++) {
		const struct qg_price_row *row = &prices->rows[i];
		if (row->set.input < 0 || !row->is_chat || (at_home && row->currency != home) ||
			strcmp(prices->text + row->provider, provider->name) != 0) {
			continue;
		}
		const struct qg_price_set *set = set_of(prices, row, at, input_tokens);
		int64_t sum = set->input + set->output;
		if (sum > most || (!at_home && row->currency == home)) {
			most = sum;
			at_home = row->currency == home;
			fill(row, set, true, out);
		}
	}
	return most >= 0;
}

/* What it takes no price to know. */
static bool find_plain(const struct qg_model_config *endpoint, struct qg_price *out)
{
	const struct qg_model *service =
		endpoint != NULL ? qg_model_find(endpoint->provider) : NULL;
	const struct qg_provider *provider =
		endpoint != NULL ? qg_provider_find(endpoint->provider) : NULL;
	if (endpoint != NULL && endpoint->has_price) {
		*out = endpoint->own_price;
		return true;
	}
	if (endpoint == NULL || (service != NULL && service->is_free) ||
		(provider != NULL && provider->is_free)) {
		*out = (struct qg_price){.currency = QG_CNY};
		return true;
	}
	return false;
}

bool qg_price_find(const struct qg_prices *prices, const struct qg_model_config *endpoint,
	int64_t at, int64_t input_tokens, struct qg_price *out)
{
	if (find_plain(endpoint, out)) {
		return true;
	}
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	if (provider == NULL || prices == NULL) {
		return false;
	}
	const char *model = qg_endpoint_model(endpoint);
	const struct qg_price_row *row =
		model != NULL ? find_row(prices, provider->name, model, at) : NULL;
	bool guessed = row == NULL;
	if (row == NULL && model != NULL) {
		row = find_undated(prices, provider->name, model, at);
	}
	if (row == NULL || row->set.input < 0) {
		return find_dearest(prices, provider, at, input_tokens, out);
	}
	fill(row, set_of(prices, row, at, input_tokens), guessed, out);
	return true;
}
