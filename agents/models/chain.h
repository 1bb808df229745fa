/* chain.h - a question to the endpoints of a bot, in their order, until one answers. */
#ifndef AGENTS_MODELS_CHAIN_H
#define AGENTS_MODELS_CHAIN_H

#include "qg/model.h"

struct qg_chain;

struct qg_chain_host {
	/* More of the answer. streams: worth showing while it grows. The chain may be cancelled
	 * inside. */
	void (*chunk)(void *arg, const char *data, size_t size, bool streams);
	/* Once, unless cancelled. endpoint: who answered or failed last, NULL for offline. shown:
	 * chunks came. The chain is gone after it. */
	void (*ended)(void *arg, const struct qg_model_config *endpoint,
		const struct qg_model_result *result, bool shown);
};

/* The names to ask: force alone, or those of the bot and then offline. Whether any of them wants a
 * prompt. */
bool qg_chain_wants_prompt(
	const struct qg_config *config, const struct qg_bot_config *bot, const char *force);
/* NULL when nothing could be begun. ask is borrowed until ended() or cancel. */
struct qg_chain *qg_chain_start(struct qg_loop *loop, const struct qg_config *config,
	const struct qg_bot_config *bot, const char *force, const struct qg_ask *ask,
	const struct qg_chain_host *host, void *arg);
void qg_chain_cancel(struct qg_chain *chain);

#endif
