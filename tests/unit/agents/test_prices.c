/* test_prices.c - money, the shipped list, hours, tiers, dates, and what is not in the list. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "models/price_list.h"
#include "qg/config.h"
#include "qg/json.h"
#include "qg/model.h"
#include "support/malloc.h"

/* 2026-11-23, a Monday: the hour and minute in China. */
#define MONDAY(hour, minute) (INT64_C(1795363200000) + ((hour)*60 + (minute)) * INT64_C(60000))
#define DAY INT64_C(86400000)

static struct qg_prices *prices;

static void setup(void)
{
	char error[128];
	prices = qg_prices_load(NULL, 0, error);
	ck_assert_msg(prices != NULL, "%s", error);
}

static void teardown(void)
{
	qg_prices_destroy(prices);
}

static struct qg_price find(const char *provider, const char *model, int64_t at, int64_t input)
{
	struct qg_model_config endpoint = {.provider = (char *)provider, .model = (char *)model};
	struct qg_price price = {.input = -1};
	ck_assert(qg_price_find(prices, &endpoint, at, input, &price));
	return price;
}

static int64_t nano(double money)
{
	return llround(money * 1e9);
}

static void check(const struct qg_price *price, double input, double cached, double output,
	enum qg_currency currency, bool guessed)
{
	ck_assert_int_eq(price->input, nano(input));
	ck_assert_int_eq(price->cached_input, nano(cached));
	ck_assert_int_eq(price->output, nano(output));
	ck_assert_int_eq(price->currency, currency);
	ck_assert_int_eq(price->guessed, guessed);
}

/* ---- money ---- */

START_TEST(money_as_text)
{
	static const struct {
		int64_t nano;
		const char *text;
	} cases[] = {
		{0, "¥0.00"},
		{2100000, "¥0.0021"},
		{12300000000, "¥12.30"},
		{1000000000, "¥1.00"},
		{999999999, "¥1.00"},
		{500000000, "¥0.50"},
		{99900000, "¥0.100"},
		{12345678, "¥0.012"},
		{1234567, "¥0.0012"},
		{123456, "¥0.00012"},
		{12345, "¥0.000012"},
		{1, "¥0.000001"},
		{-2100000, "-¥0.0021"},
		{INT64_MAX, "¥9223372036.85"},
		{INT64_MIN, "-¥9223372036.85"},
	};
	char text[40];
	qg_money_text(cases[_i].nano, QG_CNY, text);
	ck_assert_str_eq(text, cases[_i].text);
	qg_money_text(cases[_i].nano, QG_USD, text);
	ck_assert_ptr_nonnull(strchr(text, '$'));
}
END_TEST

START_TEST(currencies)
{
	enum qg_currency currency;
	ck_assert(qg_currency_find("USD", &currency) && currency == QG_USD);
	ck_assert(qg_currency_find("CNY", &currency) && currency == QG_CNY);
	ck_assert(!qg_currency_find("EUR", &currency) && !qg_currency_find(NULL, &currency));
	ck_assert_str_eq(qg_currency_name(QG_USD), "USD");
	ck_assert_int_eq(qg_money_convert(1000000000, QG_USD, QG_CNY, 7.2), 7200000000);
	ck_assert_int_eq(qg_money_convert(7200000000, QG_CNY, QG_USD, 7.2), 1000000000);
	ck_assert_int_eq(qg_money_convert(1, QG_CNY, QG_USD, 7.2), 1); /* upwards */
	ck_assert_int_eq(qg_money_convert(5, QG_CNY, QG_CNY, 0), 5);
	ck_assert_int_eq(qg_money_convert(5, QG_CNY, QG_USD, 0), INT64_MAX);
	ck_assert_int_eq(qg_money_convert(5, QG_CNY, QG_USD, NAN), INT64_MAX);
	ck_assert_int_eq(qg_money_convert(INT64_MAX, QG_USD, QG_CNY, 7.2), INT64_MAX);
}
END_TEST

START_TEST(a_cost_is_exact)
{
	struct qg_price price = {nano(2), nano(0.04), nano(2.5), nano(8), QG_CNY, false};
	struct qg_tokens tokens = {
		.input = 2304, .cached_input = 2240, .output = 57, .reasoning = 20};
	/* 64 * 2 + 2240 * 0.04 + 57 * 8 = 673.6 millionths */
	ck_assert_int_eq(qg_price_cost(&price, &tokens), 673600);
	tokens = (struct qg_tokens){.input = 100, .cached_input = 80, .cache_write = 30};
	ck_assert_int_eq(qg_price_cost(&price, &tokens), 80 * 40 + 20 * 2500);
	tokens = (struct qg_tokens){.input = -5, .output = -1};
	ck_assert_int_eq(qg_price_cost(&price, &tokens), 0);
	tokens = (struct qg_tokens){.input = INT64_MAX, .output = INT64_MAX};
	ck_assert_int_eq(qg_price_cost(&price, &tokens), INT64_MAX);
	price.input = 500000;
	tokens = (struct qg_tokens){.input = 1};
	ck_assert_int_eq(qg_price_cost(&price, &tokens), 1); /* half up */
	price.input = 499999;
	ck_assert_int_eq(qg_price_cost(&price, &tokens), 0);
}
END_TEST

/* ---- the list ---- */

START_TEST(hours_of_deepseek)
{
	static const struct {
		int64_t at;
		bool peak;
	} cases[] = {
		{MONDAY(0, 0), false},
		{MONDAY(8, 59), false},
		{MONDAY(9, 0), true},
		{MONDAY(11, 59), true},
		{MONDAY(12, 0), false},
		{MONDAY(14, 0), true},
		{MONDAY(17, 59), true},
		{MONDAY(18, 0), false},
		{MONDAY(9, 0) + 4 * DAY, true},
		{MONDAY(9, 0) + 5 * DAY, false},
		{MONDAY(9, 0) - DAY, false},
		{MONDAY(23, 59) - 3 * DAY, false},
	};
	struct qg_price price = find("deepseek", "deepseek-flash", cases[_i].at, 100);
	check(&price, cases[_i].peak ? 2 : 1, cases[_i].peak ? 0.04 : 0.02, cases[_i].peak ? 8 : 4,
		QG_CNY, false);
}
END_TEST

START_TEST(names_and_aliases)
{
	struct qg_price price = find("deepseek", "deepseek-v4-flash", MONDAY(9, 0), 1);
	check(&price, 2, 0.04, 8, QG_CNY, false);
	price = find("kimi", "kimi-k3", MONDAY(9, 0), 1); /* the provider by its other name */
	check(&price, 20, 2, 100, QG_CNY, false);
	price = find("openai", "gpt-4o-2024-08-06", MONDAY(9, 0), 1);
	check(&price, 2.5, 1.25, 10, QG_USD, true);
	price = find("claude", "claude-haiku-5-5-20261001", MONDAY(9, 0), 1);
	check(&price, 0.1, 0.01, 0.5, QG_USD, true);
}
END_TEST

START_TEST(tiers_hold_for_the_whole_request)
{
	struct qg_price price = find("qwen", "qwen3.5-plus", MONDAY(9, 0), 128000);
	check(&price, 0.8, 0.16, 4.8, QG_CNY, false);
	price = find("qwen", "qwen3.5-plus", MONDAY(9, 0), 128001);
	check(&price, 2, 0.4, 12, QG_CNY, false);
	price = find("openai", "gpt-6.1-terra", MONDAY(9, 0), 300000);
	check(&price, 2, 0.1, 7.5, QG_USD, false);
	ck_assert_int_eq(price.cache_write, nano(2.5)); /* its share of the input's price */
}
END_TEST

START_TEST(what_is_not_said_costs_no_less_than_the_input)
{
	struct qg_price price = find("zhipu", "glm-4.7", MONDAY(9, 0), 1);
	check(&price, 2, 2, 8, QG_CNY, false);
	ck_assert_int_eq(price.cache_write, nano(2));
	price = find("dashscope", "qwen3.6-flash", MONDAY(9, 0), 1);
	check(&price, 1.2, 0.24, 7.2, QG_CNY, false);
	ck_assert_int_eq(price.cache_write, nano(1.5));
}
END_TEST

START_TEST(an_unknown_model_is_the_dearest)
{
	struct qg_price price = find("moonshot", "kimi-k9", MONDAY(9, 0), 1);
	check(&price, 20, 2, 100, QG_CNY, true);
	price = find("qianfan", "ernie-5.1", MONDAY(9, 0), 1); /* listed, its price unseen */
	check(&price, 6, 6, 24, QG_CNY, true);
	price = find("siliconflow", NULL, MONDAY(9, 0), 1); /* its default */
	check(&price, 2, 2, 3, QG_CNY, false);
	price = find("stepfun", "x-latest", MONDAY(9, 0), 1);
	ck_assert(price.guessed);
}
END_TEST

START_TEST(own_and_free_prices)
{
	struct qg_model_config endpoint = {.provider = "openai", .base_url = "http://127.0.0.1/v1"};
	struct qg_price price;
	endpoint.has_price = true;
	endpoint.own_price = (struct qg_price){1, 2, 3, 4, QG_USD, false};
	ck_assert(qg_price_find(prices, &endpoint, 0, 0, &price));
	ck_assert_mem_eq(&price, &endpoint.own_price, sizeof(price));
	ck_assert(qg_price_find(prices, NULL, 0, 0, &price) && price.output == 0);
	price = find("offline", NULL, 0, 0);
	check(&price, 0, 0, 0, QG_CNY, false);
	price = find("scripted", NULL, 0, 0);
	check(&price, 0, 0, 0, QG_CNY, false);
	price = find("ollama", "qwen3:8b", 0, 0);
	check(&price, 0, 0, 0, QG_CNY, false);
	endpoint = (struct qg_model_config){.provider = "nobody"};
	ck_assert(!qg_price_find(prices, &endpoint, 0, 0, &price));
	endpoint.provider = "deepseek";
	ck_assert(!qg_price_find(NULL, &endpoint, 0, 0, &price));
}
END_TEST

START_TEST(every_default_model_has_a_price)
{
	for (const struct qg_provider *p = qg_providers; p->name != NULL; p++) {
		if (!p->is_free) {
			struct qg_price price = find(p->name, NULL, MONDAY(9, 0), 1);
			ck_assert_msg(
				!price.guessed, "%s: %s has no price", p->name, p->default_model);
		}
	}
}
END_TEST

START_TEST(the_list_is_small_in_memory)
{
	size_t bytes = prices->row_count * sizeof(*prices->rows) +
		       prices->tier_count * sizeof(*prices->tiers);
	ck_assert_uint_gt(prices->row_count, 120);
	ck_assert_uint_lt(bytes, 32 * 1024);
}
END_TEST

/* ---- lists of others ---- */

#define ROW                                                                                        \
	"{\"provider\":\"yi\",\"model\":\"m\",\"from\":\"2026-01-01\",\"currency\":\"CNY\","       \
	"\"input\":1,"                                                                             \
	"\"output\":2"
#define LATER                                                                                      \
	"{\"provider\":\"yi\",\"model\":\"m\",\"from\":\"2026-06-01\",\"currency\":\"CNY\","       \
	"\"input\":3,"                                                                             \
	"\"output\":4}"

START_TEST(the_price_in_force_is_that_of_the_day)
{
	static const char list[] = "{\"models\":[" LATER "," ROW "}]}";
	char error[128];
	qg_prices_destroy(prices);
	prices = qg_prices_load(list, sizeof(list) - 1, error);
	ck_assert_msg(prices != NULL, "%s", error);
	struct qg_price price = find("yi", "m", MONDAY(9, 0), 1);
	check(&price, 3, 3, 4, QG_CNY, false);
	price = find("yi", "m", INT64_C(1780271999999), 1); /* the last ms of May */
	check(&price, 1, 1, 2, QG_CNY, false);
	price = find("yi", "m", 0, 1); /* before all: the first there is */
	check(&price, 1, 1, 2, QG_CNY, false);
}
END_TEST

static const char *const bad_lists[] = {
	"",
	"[]",
	"{}",
	"{\"models\":{}}",
	"{\"models\":[1]}",
	"{\"models\":[{}]}",
	"{\"models\":[" ROW ",\"currency\":\"EUR\"}]}",
	"{\"models\":[" ROW ",\"tiers\":1}]}",
	"{\"models\":[" ROW ",\"tiers\":[{\"above\":5,\"input\":1}]}]}",
	"{\"models\":[" ROW ",\"tiers\":[{\"above\":0,\"input\":1,\"output\":1}]}]}",
	"{\"models\":[" ROW ",\"tiers\":[{\"above\":5,\"input\":1,\"output\":1},{\"above\":5,"
	"\"input\":1,\"output\":1}]}]}",
	"{\"models\":[" ROW ",\"cached_input\":-1}]}",
	"{\"models\":[" ROW ",\"cached_input\":\"1\"}]}",
	"{\"models\":[" ROW ",\"cached_input\":1e300}]}",
	"{\"models\":[" ROW ",\"off_peak\":{\"input\":1,\"output\":1}}]}",
	"{\"models\":[" ROW ",\"off_peak\":{\"input\":1,\"output\":1},\"peak\":{\"zone\":\"UTC\","
	"\"days\":\"mon-fri\",\"hours\":[\"9-5\"]}}]}",
	"{\"models\":[" ROW ",\"off_peak\":{\"input\":1,\"output\":1},\"peak\":{\"zone\":\"Europe/"
	"Berlin\",\"days\":\"mon-fri\",\"hours\":[\"09:00-10:00\"]}}]}",
	"{\"models\":[" ROW ",\"aliases\":[1]}]}",
	"{\"models\":[{\"provider\":\"yi\",\"model\":\"m\",\"from\":\"x\",\"currency\":\"CNY\"}]}",
};

START_TEST(a_bad_list_is_refused_with_words)
{
	char error[128] = "";
	ck_assert_ptr_null(qg_prices_load(bad_lists[_i], strlen(bad_lists[_i]), error));
	ck_assert_uint_gt(strlen(error), 5);
	ck_assert_ptr_null(qg_prices_load(bad_lists[_i], strlen(bad_lists[_i]), NULL));
}
END_TEST

static bool load_once(void *arg)
{
	static const char list[] = "{\"models\":[" ROW ",\"aliases\":[\"n\"]}," LATER "]}";
	struct qg_prices *loaded = qg_prices_load(list, sizeof(list) - 1, NULL);
	qg_prices_destroy(loaded);
	return loaded != NULL;
}

START_TEST(no_memory_is_no_list)
{
	if (qg_test_malloc_works()) {
		ck_assert_int_gt(qg_test_each_malloc(load_once, NULL), 5);
	}
	qg_prices_destroy(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prices");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, money_as_text, 0, 15);
	tcase_add_test(all, currencies);
	tcase_add_test(all, a_cost_is_exact);
	tcase_add_loop_test(all, hours_of_deepseek, 0, 12);
	tcase_add_test(all, names_and_aliases);
	tcase_add_test(all, tiers_hold_for_the_whole_request);
	tcase_add_test(all, what_is_not_said_costs_no_less_than_the_input);
	tcase_add_test(all, an_unknown_model_is_the_dearest);
	tcase_add_test(all, own_and_free_prices);
	tcase_add_test(all, every_default_model_has_a_price);
	tcase_add_test(all, the_list_is_small_in_memory);
	tcase_add_test(all, the_price_in_force_is_that_of_the_day);
	tcase_add_loop_test(
		all, a_bad_list_is_refused_with_words, 0, sizeof(bad_lists) / sizeof(*bad_lists));
	tcase_add_test(all, no_memory_is_no_list);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
