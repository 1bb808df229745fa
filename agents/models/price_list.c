/* price_list.c - reads the list of prices, checks all of it, and keeps it as one small table.
 *
 * The shipped list is part of the program (prices.json); another may be given. Each alias becomes a row of
 * its own, so that finding one is one search. The JSON tree is gone when loading ends. */
#include "price_list.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qg/buf.h"
#include "qg/json.h"

#define MAX_SIZE ((size_t)4 << 20)
#define MAX_ROWS 20000
#define MAX_TIERS 16
#define MAX_NAME 200
#define MAX_PRICE 1000000.0 /* of 1,000,000 tokens */

extern const unsigned char qg_shipped_prices[];
extern const size_t qg_shipped_prices_size;

struct loader {
	struct qg_prices *prices;
	struct qg_buf text;
	size_t room, tier_room;
	const json_t *entry; /* being read */
	char *error;
};

static bool refuse(const struct loader *loader, const char *why)
{
	if (loader->error != NULL) {
		snprintf(loader->error, 128, "%.60s: %.60s",
			qg_json_str(loader->entry, "model", "the list of prices"), why);
	}
	return false;
}

/* ---- one entry ---- */

/* A price in nano; -1 where it is absent or null. */
static bool read_price(
	const struct loader *loader, const json_t *from, const char *name, int64_t *out)
{
	const json_t *value = json_object_get(from, name);
	if (value == NULL || json_is_null(value)) {
		*out = -1;
		return true;
	}
	double number = json_is_number(value) ? json_number_value(value) : -1;
	if (!(number >= 0 && number <= MAX_PRICE)) {
		return refuse(loader, "a price is no number from 0 to 1000000");
	}
	*out = llround(number * (double)QG_MONEY_ONE);
	return true;
}

/* Input times a ratio member; -1 without one. */
static int64_t by_ratio(const json_t *entry, const char *name, int64_t input)
{
	double ratio = json_number_value(json_object_get(entry, name));
	return ratio > 0 && ratio <= 100 ? llround((double)input * ratio) : -1;
}

/* Fills what from leaves open: by the entry's ratios, else with the input's own price. base: the entry's
 * first set, for the share that writing costs; NULL for that set itself. */
static bool read_set(const struct loader *loader, const json_t *from,
	const struct qg_price_set *base, struct qg_price_set *out)
{
	struct qg_price_set set;
	if (!read_price(loader, from, "input", &set.input) ||
		!read_price(loader, from, "cached_input", &set.cached_input) ||
		!read_price(loader, from, "cache_write", &set.cache_write) ||
		!read_price(loader, from, "output", &set.output)) {
		return false;
	}
	if (set.input < 0 || set.output < 0) {
		set.input = -1; /* half a price is none */
		*out = set;
		return base == NULL || refuse(loader, "a tier or period without a price");
	}
	if (set.cached_input < 0) {
		set.cached_input = by_ratio(loader->entry, "cached_ratio", set.input);
	}
	if (set.cache_write < 0) {
		set.cache_write = by_ratio(loader->entry, "cache_write_ratio", set.input);
	}
	if (set.cache_write < 0 && base != NULL && base->input > 0) {
		set.cache_write = llround(
			(double)set.input * (double)base->cache_write / (double)base->input);
	}
	set.cached_input = set.cached_input < 0 ? set.input : set.cached_input;
	set.cache_write = set.cache_write < 0 ? set.input : set.cache_write;
	*out = set;
	return true;
}

static bool read_tiers(struct loader *loader, struct qg_price_row *row)
{
	struct qg_prices *prices = loader->prices;
	const json_t *tiers = json_object_get(loader->entry, "tiers");
	size_t count = json_array_size(tiers);
	if ((tiers != NULL && !json_is_array(tiers)) || count > MAX_TIERS) {
		return refuse(loader, "tiers is no list, or too long");
	}
	row->tiers = (uint32_t)prices->tier_count;
	row->tier_count = (uint8_t)count;
	if (count > 0 && row->set.input < 0) {
		return refuse(loader, "tiers without a price before them");
	}
	int64_t above = 0;
	for (size_t i = 0; i < count; i++) {
		struct qg_price_tier *tier = &prices->tiers[prices->tier_count];
		const json_t *from = json_array_get(tiers, i);
		tier->above = qg_json_int(from, "above", 0);
		if (tier->above <= above) {
			return refuse(loader, "tiers are not in order of 'above'");
		}
		above = tier->above;
		if (!read_set(loader, from, &row->set, &tier->set)) {
			return false;
		}
		prices->tier_count++;
	}
	return true;
}

/* "mon-fri", as bits. */
static unsigned read_days(const char *text)
{
	static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	int from = -1, to = -1;
	for (int i = 0; i < 7; i++) {
		from = strncmp(text, names[i], 3) == 0 ? i : from;
		to = strlen(text) == 7 && text[3] == '-' && strcmp(text + 4, names[i]) == 0 ? i
											    : to;
	}
	unsigned bits = 0;
	for (int i = from; from >= 0 && i <= to; i++) {
		bits |= 1u << i;
	}
	return bits;
}

static bool read_hours(struct qg_price_row *row, const json_t *hours)
{
	size_t count = json_array_size(hours);
	if (count == 0 || count > QG_PRICE_SPANS) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(hours, i));
		unsigned a, b, c, d;
		if (text == NULL || sscanf(text, "%2u:%2u-%2u:%2u", &a, &b, &c, &d) != 4 ||
			b > 59 || d > 59 || a * 60 + b >= c * 60 + d || c * 60 + d > 1440) {
			return false;
		}
		row->peak[i].from = (uint16_t)(a * 60 + b);
		row->peak[i].to = (uint16_t)(c * 60 + d);
	}
	row->peak_count = (uint8_t)count;
	return true;
}

static bool read_peak(struct loader *loader, struct qg_price_row *row)
{
	const json_t *off_peak = json_object_get(loader->entry, "off_peak");
	const json_t *peak = json_object_get(loader->entry, "peak");
	if (off_peak == NULL) {
		return true;
	}
	/* Zones without summer time only: an offset is all they need. */
	if (strcmp(qg_json_str(peak, "zone", ""), "Asia/Shanghai") == 0) {
		row->offset_minutes = 480;
	} else if (strcmp(qg_json_str(peak, "zone", ""), "UTC") != 0) {
		return refuse(loader, "peak hours in a zone that is not known here");
	}
	row->peak_days = (uint8_t)read_days(qg_json_str(peak, "days", ""));
	row->has_off_peak = true;
	if (row->set.input < 0 || row->peak_days == 0 ||
		!read_hours(row, json_object_get(peak, "hours"))) {
		return refuse(loader, "peak hours that cannot be read");
	}
	return read_set(loader, off_peak, &row->set, &row->off_peak);
}

static bool read_date(const struct loader *loader, int64_t *out)
{
	const char *text = qg_json_str(loader->entry, "from", "");
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%d", &tm);
	if (rest == NULL || *rest != '\0') {
		return refuse(loader, "'from' is no date");
	}
	*out = (int64_t)timegm(&tm) * 1000;
	return true;
}

static bool add_text(struct loader *loader, const char *text, uint32_t *out)
{
	size_t size = strlen(text);
	if (size == 0 || size > MAX_NAME) {
		return refuse(loader, "a name is missing or too long");
	}
	*out = (uint32_t)loader->text.size;
	return qg_buf_add(&loader->text, text, size + 1) == QG_OK ||
	       refuse(loader, "out of memory");
}

static bool add_row(struct loader *loader, const struct qg_price_row *row, const char *model)
{
	struct qg_prices *prices = loader->prices;
	struct qg_price_row named = *row;
	if (prices->row_count == loader->room || !add_text(loader, model, &named.model)) {
		return prices->row_count < loader->room || refuse(loader, "too many names");
	}
	prices->rows[prices->row_count++] = named;
	return true;
}

static bool read_entry(struct loader *loader)
{
	struct qg_price_row row = {0};
	enum qg_currency currency;
	const char *model = qg_json_str(loader->entry, "model", "");
	if (!qg_currency_find(qg_json_str(loader->entry, "currency", ""), &currency)) {
		return refuse(loader, "its currency is neither CNY nor USD");
	}
	row.currency = (uint8_t)currency;
	row.is_chat = strcmp(qg_json_str(loader->entry, "kind", "chat"), "chat") == 0;
	if (!add_text(loader, qg_json_str(loader->entry, "provider", ""), &row.provider) ||
		!read_date(loader, &row.from) || !read_set(loader, loader->entry, NULL, &row.set) ||
		!read_tiers(loader, &row) || !read_peak(loader, &row) ||
		!add_row(loader, &row, model)) {
		return false;
	}
	const json_t *aliases = json_object_get(loader->entry, "aliases");
	for (size_t i = 0; i < json_array_size(aliases); i++) {
		const char *alias = json_string_value(json_array_get(aliases, i));
		if (alias == NULL || !add_row(loader, &row, alias)) {
			return alias == NULL ? refuse(loader, "an alias is no name") : false;
		}
	}
	return true;
}

/* ---- the list ---- */

static int compare_names(const struct qg_prices *prices, const struct qg_price_row *row,
	const char *provider, const char *model)
{
	int order = strcmp(prices->text + row->provider, provider);
	return order != 0 ? order : strcmp(prices->text + row->model, model);
}

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct qg_prices *prices = arg;
	const struct qg_price_row *left = a, *right = b;
	int order = compare_names(
		prices, left, prices->text + right->provider, prices->text + right->model);
	return order != 0 ? order : (left->from > right->from) - (left->from < right->from);
}

const struct qg_price_row *qg_price_rows(
	const struct qg_prices *prices, const char *provider, const char *model, size_t *count_out)
{
	size_t low = 0, high = prices->row_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		bool before = compare_names(prices, &prices->rows[middle], provider, model) < 0;
		low = before ? middle + 1 : low;
		high = before ? high : middle;
	}
	size_t end = low;
	while (end < prices->row_count &&
		compare_names(prices, &prices->rows[end], provider, model) == 0) {
		end++;
	}
	*count_out = end - low;
	return end > low ? &prices->rows[low] : NULL;
}

static bool read_all(struct loader *loader, const json_t *models)
{
	size_t count = json_array_size(models);
	for (size_t i = 0; i < count; i++) {
		const json_t *entry = json_array_get(models, i);
		loader->room += 1 + json_array_size(json_object_get(entry, "aliases"));
		loader->tier_room += json_array_size(json_object_get(entry, "tiers"));
	}
	if (count == 0 || loader->room > MAX_ROWS) {
		return refuse(loader, "no list of models, or too long a one");
	}
	struct qg_prices *prices = loader->prices;
	prices->rows = calloc(loader->room, sizeof(*prices->rows));
	prices->tiers = calloc(loader->tier_room + 1, sizeof(*prices->tiers));
	if (prices->rows == NULL || prices->tiers == NULL) {
		return refuse(loader, "out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		loader->entry = json_array_get(models, i);
		if (!read_entry(loader)) {
			return false;
		}
	}
	loader->entry = NULL;
	prices->text = qg_buf_steal(&loader->text);
	if (prices->text == NULL) {
		return refuse(loader, "out of memory");
	}
	qsort_r(prices->rows, prices->row_count, sizeof(*prices->rows), compare_rows, prices);
	return true;
}

struct qg_prices *qg_prices_load(const char *text, size_t size, char *error)
{
	if (text == NULL) {
		text = (const char *)qg_shipped_prices;
		size = qg_shipped_prices_size;
	}
	struct loader loader = {.prices = calloc(1, sizeof(*loader.prices)), .error = error};
	qg_buf_init(&loader.text, MAX_SIZE);
	json_t *list = size <= MAX_SIZE ? qg_json_parse(text, size, error) : NULL;
	bool good = loader.prices != NULL && list != NULL &&
		    read_all(&loader, json_object_get(list, "models"));
	if (!good) {
		if (error != NULL && (loader.prices == NULL || size > MAX_SIZE)) {
			refuse(&loader, size > MAX_SIZE ? "too large" : "out of memory");
		}
		qg_prices_destroy(loader.prices);
		loader.prices = NULL;
	}
	json_decref(list);
	qg_buf_finish(&loader.text);
	return loader.prices;
}

void qg_prices_destroy(struct qg_prices *prices)
{
	if (prices != NULL) {
		free(prices->rows);
		free(prices->tiers);
		free(prices->text);
		free(prices);
	}
}
