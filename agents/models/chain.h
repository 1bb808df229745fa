/* chain.h - a question to the endpoints of a bot, in their order, until one answers. */
#ifndef AGENTS_MODELS_CHAIN_H
#define AGENTS_MODELS_CHAIN_H

#include "booking.h"

struct qg_chain;

struct qg_chain_request {
	struct qg_loop *loop;
	struct qg_payer payer;
	const char *force;	  /* that endpoint alone; NULL: the bot's */
	const struct qg_ask *ask; /* with pictures: only who sees is asked, and offline does not */
	struct qg_bill spent;	  /* by the turn before */
};

struct qg_chain_end {
	/* QG_OK: result says how it went. QG_STALE: the turn is somebody else's. Else the desk could not be
	 * asked, and the turn may be tried again. */
	enum qg_status status;
	const struct qg_model_config *endpoint; /* who answered or failed last, NULL for offline */
	const struct qg_model_result *result;	/* QG_MODEL_BUDGET: a limit ends the turn */
	bool shown;				/* chunks came */
	bool limited;				/* a limit kept an endpoint from being asked */
	const struct qg_bill *bill;
};

struct qg_chain_host {
	/* More of the answer. streams: worth showing while it grows. The chain may be cancelled
	 * inside. */
	void (*chunk)(void *arg, const char *data, size_t size, bool streams);
	/* Once, unless cancelled, never from inside qg_chain_start(). All borrowed. The chain is gone after it. */
	void (*ended)(void *arg, const struct qg_chain_end *end);
};

/* NULL for no memory. request is copied; what it names is borrowed until ended() or cancel. */
struct qg_chain *qg_chain_start(
	const struct qg_chain_request *request, const struct qg_chain_host *host, void *arg);
/* Accepts NULL. */
void qg_chain_cancel(struct qg_chain *chain);

#endif
