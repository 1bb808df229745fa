/* booking.c - one call as the ledger sees it: what it may cost before it is sent, and what it did cost.
 *
 * What the service reports is booked as it stands. Where it reports nothing, the estimate of what went over the wire is,
 * and says so: a call that failed on the way may still have been charged. A refusal (wrong key, too many requests,
 * malformed) never is: booking a storm of them would use up a budget with nothing. */
#include "booking.h"

#include <ctype.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "budget.h"
#include "meter.h"
#include "presets.h"
#include "qg/clock.h"
#include "qg/codec.h"
#include "qg/crypto.h"
#include "tokens.h"
#include "zone.h"

bool qg_booking_is_wanted(const struct qg_model *model)
{
	return model->talks;
}

const char *qg_model_error_word(enum qg_model_error error, char out[16])
{
	static const char *const names[] = {
#define X(name, words, other) #name,
		QG_MODEL_ERROR_MAP(X)
#undef X
	};
	const char *name = (size_t)error < sizeof(names) / sizeof(names[0]) ? names[error] : "?";
	size_t i = 0;
	for (; name[i] != '\0' && i < 15; i++) {
		out[i] = (char)tolower((unsigned char)name[i]);
	}
	out[i] = '\0';
	return out;
}

/* Thousandths of a token of a piece of text: a code point beyond ASCII counts by its first byte, so that a cut inside
 * it changes nothing. */
static int64_t weigh(const char *data, size_t size)
{
	int64_t weight = 0;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)data[i];
		weight += isalpha(c)   ? 300
			  : isdigit(c) ? 500
			  : c <= ' '   ? 150
			  : c < 0x80   ? 600
			  : c < 0xc0   ? 0
			  : c < 0xf0   ? 1000
				       : 3000;
	}
	return weight;
}

static double rate_of(const struct qg_payer *payer)
{
	return payer->config != NULL ? payer->config->usd_cny : 0;
}

static bool has_limit(const struct qg_bot_config *bot)
{
	const struct qg_budget *limits = &bot->limits;
	return limits->turn >= 0 || limits->chat_day >= 0 || limits->user_day >= 0 ||
	       limits->bot_month >= 0 || limits->customer_month >= 0;
}

/* Begins with its time: rows of a file that are keyed by it stand in the order in which they come. */
static void make_id(struct qg_call *call)
{
	enum { TIME_BYTES = 6 };
	uint64_t time = htobe64((uint64_t)call->at << 16);
	qg_hex_encode(&time, TIME_BYTES, call->id);
	qg_random_hex(call->id + 2 * TIME_BYTES, sizeof(call->id) / 2 - TIME_BYTES);
}

static void name_call(struct qg_booking *booking, const struct qg_lane *lane)
{
	const struct qg_payer *payer = booking->payer;
	const struct qg_model_config *endpoint = booking->endpoint;
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	const char *model = qg_endpoint_model(endpoint);
	struct qg_call *call = &booking->call;
	call->at = qg_clock_wall();
	make_id(call);
	struct tm tm;
	qg_zone_local(payer->bot->timezone, call->at, &tm);
	strftime(call->day, sizeof(call->day), "%Y%m%d", &tm);
	call->provider = provider != NULL ? provider->name : endpoint->provider;
	call->model = model != NULL ? model : endpoint->name;
	if (endpoint->api_key != NULL && endpoint->api_key[0] != '\0') {
		char digest[33];
		qg_digest_id(digest, "key", endpoint->api_key, NULL);
		snprintf(booking->key, sizeof(booking->key), "%.64s:%.6s", endpoint->name, digest);
	} else {
		snprintf(booking->key, sizeof(booking->key), "%.64s", endpoint->name);
	}
	call->key = booking->key;
	call->bot = payer->bot->name;
	call->customer = payer->bot->customer;
	call->chat = payer->chat;
	call->user = payer->user;
	call->role = payer->bot->template_id;
}

bool qg_booking_prepare(struct qg_booking *booking, const struct qg_payer *payer,
	const struct qg_model *model, const struct qg_model_config *endpoint,
	const struct qg_lane *lane, const struct qg_ask *ask)
{
	*booking = (struct qg_booking){.payer = payer, .model = model, .endpoint = endpoint};
	name_call(booking, lane);
	struct qg_call *call = &booking->call;
	booking->raw =
		ask->tokens > 0 ? ask->tokens : qg_tokens_estimate(ask->text, strlen(ask->text));
	booking->sees = ask->image_count > 0;
	call->estimate.input = qg_lane_expect(payer->endpoints, lane, booking->raw) +
			       (int64_t)ask->image_count * qg_endpoint_image_tokens(endpoint);
	call->estimate.output = ask->max_tokens;
	bool priced = qg_endpoints_price(
		payer->endpoints, model, endpoint, call->at, call->estimate.input, &call->price);
	if (!priced && payer->endpoints != NULL && has_limit(payer->bot)) {
		return false;
	}
	call->cost = qg_price_cost(&call->price, &call->estimate);
	qg_budget_reserve(payer->bot, rate_of(payer), call);
	return true;
}

void qg_booking_begin(struct qg_booking *booking)
{
	booking->begun_us = qg_clock_mono_us();
}

void qg_booking_chunk(struct qg_booking *booking, const char *data, size_t size)
{
	if (booking->first_us == 0) {
		booking->first_us = qg_clock_mono_us();
		qg_meter_first(booking->endpoint->name, booking->first_us - booking->begun_us);
	}
	booking->seen += weigh(data, size);
}

/* ---- the end ---- */

static bool may_be_charged(const struct qg_booking *booking, const struct qg_model_result *result)
{
	if (booking->first_us != 0 || result == NULL || result->error == QG_MODEL_NONE) {
		return true;
	}
	return result->sent &&
	       (result->error == QG_MODEL_SERVER || result->error == QG_MODEL_TIMEOUT ||
		       result->error == QG_MODEL_TRANSPORT);
}

static int64_t sum(int64_t a, int64_t b)
{
	int64_t out;
	return __builtin_add_overflow(a, b, &out) ? INT64_MAX : out;
}

static void add_to_bill(
	struct qg_bill *bill, const struct qg_booking *booking, const struct qg_call_end *end)
{
	const struct qg_payer *payer = booking->payer;
	const struct qg_tokens *tokens = &end->tokens;
	enum qg_currency currency = booking->call.price.currency;
	bill->tokens.input = sum(bill->tokens.input, tokens->input);
	bill->tokens.cached_input = sum(bill->tokens.cached_input, tokens->cached_input);
	bill->tokens.cache_write = sum(bill->tokens.cache_write, tokens->cache_write);
	bill->tokens.output = sum(bill->tokens.output, tokens->output);
	bill->tokens.reasoning = sum(bill->tokens.reasoning, tokens->reasoning);
	bill->cost[currency] = sum(bill->cost[currency], end->cost);
	if (end->cost > 0) {
		bill->spent = sum(bill->spent,
			qg_budget_amount(payer->bot, rate_of(payer), currency, end->cost));
	}
	bill->estimated |= end->estimated && tokens->input + tokens->output > 0;
	bill->calls++;
}

/* By the price for the tokens that it really took: a tier goes by the length of the input. */
static int64_t cost_of(const struct qg_booking *booking, const struct qg_tokens *tokens)
{
	const struct qg_call *call = &booking->call;
	struct qg_price price;
	bool priced = qg_endpoints_price(booking->payer->endpoints, booking->model,
		booking->endpoint, call->at, tokens->input, &price);
	if (!priced || price.currency != call->price.currency) {
		price = call->price;
	}
	return qg_price_cost(&price, tokens);
}

void qg_booking_close(struct qg_booking *booking, const struct qg_lane *lane,
	const struct qg_model_result *result, struct qg_bill *bill)
{
	const struct qg_payer *payer = booking->payer;
	struct qg_call *call = &booking->call;
	struct qg_call_end end = {.first_ms = -1};
	char word[16];
	uint64_t now = qg_clock_mono_us();
	end.estimated = result == NULL || !result->has_usage;
	if (!end.estimated) {
		end.tokens = result->tokens;
		if (!booking->sees) { /* a picture's tokens say nothing about those of a text */
			qg_lane_learn(payer->endpoints, lane, booking->raw, end.tokens.input);
		}
	} else if (may_be_charged(booking, result)) {
		end.tokens.input = call->estimate.input;
		end.tokens.reasoning = result != NULL ? result->tokens.reasoning : 0;
		end.tokens.output = sum((booking->seen + 999) / 1000, end.tokens.reasoning);
	}
	end.failed = result == NULL		      ? "cancelled"
		     : result->error != QG_MODEL_NONE ? qg_model_error_word(result->error, word)
						      : NULL;
	end.model = result != NULL ? result->model : NULL;
	end.cost = cost_of(booking, &end.tokens);
	end.total_ms = booking->begun_us != 0 ? (int64_t)((now - booking->begun_us) / 1000) : 0;
	if (booking->first_us != 0) {
		end.first_ms = (int64_t)((booking->first_us - booking->begun_us) / 1000);
	}
	qg_budget_settle(call, rate_of(payer), end.cost);
	add_to_bill(bill, booking, &end);
	qg_meter_call(booking->endpoint->name, end.failed != NULL ? end.failed : "ok", &end.tokens);
	if (booking->granted) {
		booking->granted = false;
		payer->desk->close(payer->desk, call, &end);
	}
}
