/* endpoints.c - what the calls of a process share: gates before accounts and models, learned estimates, prices.
 *
 * A wrong key, an empty account and a rate limit concern the account; an outage and a missing model concern one model of
 * it. Both are named by a digest of what they are made of, so that bots that share a key share what is known of it,
 * and a key that was changed in the config begins anew. All of it is forgotten with the process: the first call finds
 * out again. */
#include "endpoints.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "meter.h"
#include "qg/clock.h"
#include "qg/crypto.h"
#include "qg/log.h"

#define MAX_KNOWN 512 /* accounts and models; the one not used for longest goes */
#define PARKED_MS (15 * 60 * 1000)
#define RATE_MOST_MS (60 * 60 * 1000)
#define QUOTA_MOST_MS (7 * 24 * 60 * 60 * 1000LL)
#define LEARN 0.2 /* weight of the newest call */
#define RATIO_MIN 0.5
#define RATIO_MAX 2.0

struct qg_known {
	char id[33];
	struct qg_gate gate;
	double ratio; /* real tokens for an estimated one */
	uint64_t used;
};

struct qg_endpoints *qg_endpoints_create(struct qg_loop *loop, struct qg_http_client *http)
{
	struct qg_endpoints *endpoints = calloc(1, sizeof(*endpoints));
	if (endpoints != NULL) {
		endpoints->loop = loop;
		endpoints->http = http;
		endpoints->find = qg_model_find;
	}
	return endpoints;
}

void qg_endpoints_destroy(struct qg_endpoints *endpoints)
{
	if (endpoints == NULL) {
		return;
	}
	for (size_t i = 0; i < endpoints->count; i++) {
		free(endpoints->known[i]);
	}
	free(endpoints->known);
	qg_prices_destroy(endpoints->prices);
	free(endpoints);
}

/* ---- the table ---- */

static struct qg_known *find(struct qg_endpoints *endpoints, const char *id)
{
	for (size_t i = 0; endpoints != NULL && i < endpoints->count; i++) {
		if (strcmp(endpoints->known[i]->id, id) == 0) {
			endpoints->known[i]->used = qg_clock_mono();
			return endpoints->known[i];
		}
	}
	return NULL;
}

/* A place for one more; a full table gives up the one not used for longest. NULL: no memory. */
static struct qg_known *make_room(struct qg_endpoints *endpoints)
{
	if (endpoints->count < MAX_KNOWN) {
		struct qg_known **more = realloc(
			endpoints->known, (endpoints->count + 1) * sizeof(*endpoints->known));
		endpoints->known = more != NULL ? more : endpoints->known;
		struct qg_known *known = more != NULL ? malloc(sizeof(*known)) : NULL;
		if (known != NULL) {
			endpoints->known[endpoints->count++] = known;
		}
		return known;
	}
	struct qg_known *oldest = endpoints->known[0];
	for (size_t i = 1; i < endpoints->count; i++) {
		oldest = endpoints->known[i]->used < oldest->used ? endpoints->known[i] : oldest;
	}
	return oldest;
}

/* The entry of that id, a fresh one where there was none. NULL: no memory, or nobody keeps any. */
static struct qg_known *know(struct qg_endpoints *endpoints, const char *id)
{
	struct qg_known *known = find(endpoints, id);
	if (known != NULL || endpoints == NULL) {
		return known;
	}
	known = make_room(endpoints);
	if (known != NULL) {
		*known = (struct qg_known){.ratio = 1, .used = qg_clock_mono()};
		memcpy(known->id, id, sizeof(known->id));
	}
	return known;
}

/* ---- gates ---- */

void qg_lane_init(struct qg_lane *lane, const struct qg_model_config *endpoint)
{
	const struct qg_provider *provider = qg_provider_find(endpoint->provider);
	const char *name = provider != NULL ? provider->name : endpoint->provider;
	const char *url = endpoint->base_url != NULL			   ? endpoint->base_url
			  : provider != NULL && provider->base_url != NULL ? provider->base_url
									   : "";
	const char *model = qg_endpoint_model(endpoint);
	*lane = (struct qg_lane){.title = endpoint->name};
	qg_digest_id(lane->account, name, url, endpoint->api_key != NULL ? endpoint->api_key : "",
		endpoint->script != NULL ? endpoint->script : "", NULL);
	qg_digest_id(lane->model, lane->account, model != NULL ? model : "", NULL);
}

enum qg_model_error qg_lane_shut(struct qg_endpoints *endpoints, const struct qg_lane *lane)
{
	uint64_t now = qg_clock_mono();
	struct qg_known *account = find(endpoints, lane->account);
	struct qg_known *model = find(endpoints, lane->model);
	enum qg_model_error why =
		account != NULL ? qg_gate_shut(&account->gate, now) : QG_MODEL_NONE;
	if (why == QG_MODEL_NONE && model != NULL) {
		why = qg_gate_shut(&model->gate, now);
	}
	return why;
}

static int64_t until_open(struct qg_endpoints *endpoints, const char *id, uint64_t now)
{
	const struct qg_known *known = find(endpoints, id);
	return known != NULL && known->gate.shut_until > now
		       ? (int64_t)(known->gate.shut_until - now)
		       : 0;
}

int64_t qg_lane_wait(struct qg_endpoints *endpoints, const struct qg_lane *lane)
{
	uint64_t now = qg_clock_mono();
	int64_t account = until_open(endpoints, lane->account, now);
	int64_t model = until_open(endpoints, lane->model, now);
	return account > model ? account : model;
}

void qg_lane_begin(struct qg_endpoints *endpoints, struct qg_lane *lane)
{
	struct qg_known *account = find(endpoints, lane->account);
	struct qg_known *model = find(endpoints, lane->model);
	lane->probes_account = account != NULL && qg_gate_begin(&account->gate);
	lane->probes_model = model != NULL && qg_gate_begin(&model->gate);
}

void qg_lane_worked(struct qg_endpoints *endpoints, struct qg_lane *lane)
{
	struct qg_known *account = find(endpoints, lane->account);
	struct qg_known *model = find(endpoints, lane->model);
	bool opened = account != NULL && qg_gate_worked(&account->gate, lane->probes_account);
	opened |= model != NULL && qg_gate_worked(&model->gate, lane->probes_model);
	lane->probes_account = lane->probes_model = false;
	if (opened) {
		qg_meter_shut(lane->title, false);
		qg_log_info(NULL, "model %s: answers again", lane->title);
	}
}

void qg_lane_speaks(struct qg_endpoints *endpoints, struct qg_lane *lane)
{
	if (lane->probes_account || lane->probes_model) {
		qg_lane_worked(endpoints, lane);
	}
}

void qg_lane_abandon(struct qg_endpoints *endpoints, struct qg_lane *lane)
{
	struct qg_known *account = lane->probes_account ? find(endpoints, lane->account) : NULL;
	struct qg_known *model = lane->probes_model ? find(endpoints, lane->model) : NULL;
	if (account != NULL) {
		qg_gate_abandon(&account->gate);
	}
	if (model != NULL) {
		qg_gate_abandon(&model->gate);
	}
	lane->probes_account = lane->probes_model = false;
}

/* What an operator can do about a parked one; NULL for what parks nobody. */
static const char *advice(enum qg_model_error error)
{
	switch (error) {
	case QG_MODEL_AUTH:
		return "check its api_key in the config; a changed key is used at once";
	case QG_MODEL_PERMISSION:
		return "open this model for the key in the provider's console";
	case QG_MODEL_BALANCE:
		return "top up the account in the provider's console; it is tried again by itself";
	case QG_MODEL_QUOTA:
		return "wait for the next period or raise the quota in the provider's console";
	case QG_MODEL_MODEL:
		return "check its model name in the config";
	case QG_MODEL_RATE:
		return "the wait the service stated; a higher rate may be had in its console";
	default:
		return NULL;
	}
}

static uint64_t parked_for(enum qg_model_error error, int64_t stated_ms)
{
	if (error == QG_MODEL_RATE) {
		return (uint64_t)(stated_ms > RATE_MOST_MS ? RATE_MOST_MS : stated_ms);
	}
	if (error == QG_MODEL_QUOTA && stated_ms >= 0) {
		return (uint64_t)(stated_ms > QUOTA_MOST_MS ? QUOTA_MOST_MS : stated_ms);
	}
	return PARKED_MS;
}

static void park(struct qg_endpoints *endpoints, const struct qg_lane *lane, const char *bot,
	enum qg_model_error error, int64_t stated_ms)
{
	bool whole = error != QG_MODEL_PERMISSION && error != QG_MODEL_MODEL;
	struct qg_known *known = know(endpoints, whole ? lane->account : lane->model);
	uint64_t wait = parked_for(error, stated_ms);
	if (known == NULL || wait == 0 ||
		!qg_gate_park(&known->gate, qg_clock_mono(), wait, error)) {
		return;
	}
	qg_meter_shut(lane->title, true);
	if (error == QG_MODEL_RATE) {
		qg_log_info(bot, "model %s: too many requests, left alone for %" PRIu64 " ms",
			lane->title, wait);
	} else {
		qg_log_warn(bot, "model %s is parked for %" PRIu64 " min: %s; %s", lane->title,
			(wait + 59999) / 60000, qg_model_error_text(error), advice(error));
	}
}

static void count_outage(struct qg_endpoints *endpoints, const struct qg_lane *lane,
	const char *bot, enum qg_model_error error)
{
	struct qg_known *known = know(endpoints, lane->model);
	if (known != NULL && qg_gate_failed(&known->gate, qg_clock_mono(), error)) {
		qg_meter_shut(lane->title, true);
		qg_log_warn(bot,
			"model %s failed again and again (%s): left alone for %" PRIu64
			" s, then one call tries it; see the provider's status page",
			lane->title, qg_model_error_text(error), known->gate.wait_ms / 1000);
	}
}

void qg_lane_failed(struct qg_endpoints *endpoints, struct qg_lane *lane, const char *bot,
	enum qg_model_error error, int64_t retry_after_ms)
{
	bool parks = advice(error) != NULL && (error != QG_MODEL_RATE || retry_after_ms >= 0);
	bool answered = error == QG_MODEL_CONTEXT || error == QG_MODEL_FILTERED ||
			error == QG_MODEL_REQUEST;
	if (answered) { /* refused this question, and so it lives */
		qg_lane_worked(endpoints, lane);
		return;
	}
	qg_lane_abandon(endpoints, lane);
	if (parks) {
		park(endpoints, lane, bot, error, retry_after_ms);
	} else if (qg_model_error_is_outage(error)) {
		count_outage(endpoints, lane, bot, error);
	}
}

/* ---- estimates and prices ---- */

int64_t qg_lane_expect(struct qg_endpoints *endpoints, const struct qg_lane *lane, int64_t estimate)
{
	const struct qg_known *known = find(endpoints, lane->model);
	return known != NULL ? (int64_t)((double)estimate * known->ratio + 0.999) : estimate;
}

void qg_lane_learn(
	struct qg_endpoints *endpoints, const struct qg_lane *lane, int64_t estimate, int64_t real)
{
	struct qg_known *known = estimate > 0 && real > 0 ? know(endpoints, lane->model) : NULL;
	if (known == NULL) {
		return;
	}
	double ratio = known->ratio + LEARN * ((double)real / (double)estimate - known->ratio);
	known->ratio = ratio < RATIO_MIN ? RATIO_MIN : ratio > RATIO_MAX ? RATIO_MAX : ratio;
}

/* The shipped list takes memory that a box with only local models need not spend. */
static const struct qg_prices *prices_of(struct qg_endpoints *endpoints)
{
	if (!endpoints->prices_read) {
		char error[128] = "";
		endpoints->prices = qg_prices_load(NULL, 0, error);
		endpoints->prices_read = true;
		if (endpoints->prices == NULL) {
			qg_log_error(NULL, "the list of prices cannot be read: %s", error);
		}
	}
	return endpoints->prices;
}

bool qg_endpoints_price(struct qg_endpoints *endpoints, const struct qg_model *model,
	const struct qg_model_config *endpoint, int64_t at, int64_t input_tokens,
	struct qg_price *out)
{
	if (endpoint->has_price) {
		*out = endpoint->own_price;
		return true;
	}
	if (model->is_free || endpoints == NULL) {
		*out = (struct qg_price){0};
		return model->is_free;
	}
	const struct qg_prices *prices = prices_of(endpoints);
	return prices != NULL && qg_price_find(prices, endpoint, at, input_tokens, out);
}
