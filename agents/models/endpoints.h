/* endpoints.h - what the calls of a process know of their services: who is shut, how estimates fared, what costs. */
#ifndef AGENTS_MODELS_ENDPOINTS_H
#define AGENTS_MODELS_ENDPOINTS_H

#include "breaker.h"
#include "qg/model.h"

struct qg_endpoints {
	struct qg_loop *loop;
	struct qg_http_client *http;
	struct qg_prices *prices; /* read when the first priced endpoint is asked */
	bool prices_read;
	struct qg_known **known; /* accounts and models, at most a few hundred */
	size_t count;
	/* Tests put their own: */
	uint64_t (*random)(void);			      /* NULL: the kernel's */
	const struct qg_model *(*find)(const char *provider); /* qg_model_find */
};

/* Whose call it is: names of what is shared. A changed key is another account. */
struct qg_lane {
	char account[33];  /* provider, address, key */
	char model[33];	   /* that, and the model */
	const char *title; /* the endpoint's name, for a log; borrowed */
	/* Whether this call is the probe of either; another's probe is not ours to end. */
	bool probes_account, probes_model;
};

/* All accept NULL endpoints: then nothing is known and nothing kept. */
void qg_lane_init(struct qg_lane *lane, const struct qg_model_config *endpoint);
/* QG_MODEL_NONE: it may be asked. */
enum qg_model_error qg_lane_shut(struct qg_endpoints *endpoints, const struct qg_lane *lane);
/* Ms until it may be. */
int64_t qg_lane_wait(struct qg_endpoints *endpoints, const struct qg_lane *lane);
void qg_lane_begin(struct qg_endpoints *endpoints, struct qg_lane *lane);
/* A chunk came: enough for a probe, whose answer may be long. For all others only a good end proves something: a
 * service may break off each of its answers. */
void qg_lane_speaks(struct qg_endpoints *endpoints, struct qg_lane *lane);
void qg_lane_worked(struct qg_endpoints *endpoints, struct qg_lane *lane);
/* error: not QG_MODEL_NONE. retry_after_ms: stated, -1 without. bot: whose log. */
void qg_lane_failed(struct qg_endpoints *endpoints, struct qg_lane *lane, const char *bot,
	enum qg_model_error error, int64_t retry_after_ms);
/* It was cancelled, or could not be begun. */
void qg_lane_abandon(struct qg_endpoints *endpoints, struct qg_lane *lane);

/* Tokens of an estimate as experience with that model corrects them. */
int64_t qg_lane_expect(
	struct qg_endpoints *endpoints, const struct qg_lane *lane, int64_t estimate);
void qg_lane_learn(
	struct qg_endpoints *endpoints, const struct qg_lane *lane, int64_t estimate, int64_t real);

/* The price of a call. false: none is known. */
QG_MUST_CHECK bool qg_endpoints_price(struct qg_endpoints *endpoints, const struct qg_model *model,
	const struct qg_model_config *endpoint, int64_t at, int64_t input_tokens,
	struct qg_price *out);

#endif
