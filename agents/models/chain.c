/* chain.c - a question to the endpoints of a bot, in their order, until one answers.
 *
 * Failover is possible only as long as nobody saw a word: afterwards the answer is finished as it
 * stands and the turn says that it broke off. `offline` stands last in every chain, needs nobody,
 * and so a bot always says something; only a request the service calls malformed ends the turn,
 * because that is our own mistake and must be seen. A forced model stands alone: a test of that
 * model must not be answered by another. */
#include "chain.h"

#include <stdlib.h>
#include <string.h>

#include "qg/log.h"

#define OFFLINE "offline"

struct qg_chain {
	struct qg_loop *loop;
	const struct qg_config *config;
	const struct qg_bot_config *bot;
	const char *force;
	const struct qg_ask *ask;
	const struct qg_chain_host *host;
	void *arg;
	size_t next; /* of the names */
	bool shown;
	struct qg_model_call call;
};

/* The name at index of the chain; NULL behind the last. */
static const char *name_at(const struct qg_bot_config *bot, const char *force, size_t index)
{
	if (force != NULL) {
		return index == 0 ? force : NULL;
	}
	if (index < bot->models.count) {
		return bot->models.items[index];
	}
	return index == bot->models.count ? OFFLINE : NULL;
}

/* The endpoint (NULL for offline) and service behind a name; NULL where either is missing. */
static const struct qg_model *service_of(const struct qg_config *config,
	const struct qg_bot_config *bot, const char *name,
	const struct qg_model_config **endpoint_out)
{
	*endpoint_out = config != NULL ? qg_config_model(config, bot, name) : NULL;
	if (*endpoint_out != NULL) {
		return qg_model_find((*endpoint_out)->provider);
	}
	return strcmp(name, OFFLINE) == 0 ? qg_model_find(OFFLINE) : NULL;
}

bool qg_chain_wants_prompt(
	const struct qg_config *config, const struct qg_bot_config *bot, const char *force)
{
	const char *name;
	for (size_t i = 0; (name = name_at(bot, force, i)) != NULL; i++) {
		const struct qg_model_config *endpoint;
		const struct qg_model *model = service_of(config, bot, name, &endpoint);
		if (model != NULL && model->wants_prompt) {
			return true;
		}
	}
	return false;
}

static void on_chunk(struct qg_model_call *call, const char *data, size_t size)
{
	struct qg_chain *chain = call->owner;
	if (size > 0) {
		chain->shown = true;
		chain->host->chunk(chain->arg, data, size, call->model->talks);
	}
}

static void on_ended(struct qg_model_call *call, const struct qg_model_result *result);
static const struct qg_model_host model_host = {on_chunk, on_ended};

static bool begin(struct qg_chain *chain, const struct qg_model *model,
	const struct qg_model_config *endpoint)
{
	void *state = calloc(1, model->state_size + 1);
	if (state == NULL) {
		return false;
	}
	chain->call = (struct qg_model_call){
		model, endpoint, chain->ask, chain->loop, NULL, &model_host, chain, state};
	if (model->ask(&chain->call) == QG_OK) {
		return true;
	}
	free(state);
	chain->call.state = NULL;
	return false;
}

/* Asks the next endpoint that there is; false when none is left. */
static bool begin_next(struct qg_chain *chain)
{
	const char *name;
	while ((name = name_at(chain->bot, chain->force, chain->next)) != NULL) {
		chain->next++;
		const struct qg_model_config *endpoint;
		const struct qg_model *model =
			service_of(chain->config, chain->bot, name, &endpoint);
		if (model == NULL) {
			qg_log_warn(chain->bot->name, "model %s: not there, skipped", name);
		} else if (begin(chain, model, endpoint)) {
			return true;
		}
	}
	return false;
}

/* Where to go on after a failure nobody saw; false: nowhere. */
static bool fail_over(struct qg_chain *chain, enum qg_model_error error)
{
	if (error == QG_MODEL_FILTERED && chain->force == NULL &&
		chain->next <= chain->bot->models.count) {
		chain->next = chain->bot->models
				      .count; /* no other service gets what one refused; ours may */
		return begin_next(chain);
	}
	return qg_model_error_fails_over(error) && begin_next(chain);
}

static void on_ended(struct qg_model_call *call, const struct qg_model_result *result)
{
	struct qg_chain *chain = call->owner;
	const struct qg_model_config *endpoint = call->endpoint;
	free(call->state);
	call->state = NULL;
	struct qg_model_result outcome = *result;
	if (outcome.error == QG_MODEL_NONE && !chain->shown && !outcome.missed) {
		outcome.error = QG_MODEL_SERVER; /* an answer without a word is none */
		outcome.words = "an empty answer";
	}
	if (outcome.error != QG_MODEL_NONE) {
		qg_log_warn(chain->bot->name, "model %s: %s%s%s",
			endpoint != NULL ? endpoint->name : OFFLINE,
			qg_model_error_text(outcome.error), outcome.words != NULL ? ": " : "",
			outcome.words != NULL ? outcome.words : "");
		if (!chain->shown && fail_over(chain, outcome.error)) {
			return;
		}
	}
	chain->host->ended(chain->arg, endpoint, &outcome, chain->shown);
	free(chain);
}

struct qg_chain *qg_chain_start(struct qg_loop *loop, const struct qg_config *config,
	const struct qg_bot_config *bot, const char *force, const struct qg_ask *ask,
	const struct qg_chain_host *host, void *arg)
{
	struct qg_chain *chain = calloc(1, sizeof(*chain));
	if (chain == NULL) {
		return NULL;
	}
	*chain = (struct qg_chain){.loop = loop,
		.config = config,
		.bot = bot,
		.force = force,
		.ask = ask,
		.host = host,
		.arg = arg};
	if (!begin_next(chain)) {
		free(chain);
		return NULL;
	}
	return chain;
}

void qg_chain_cancel(struct qg_chain *chain)
{
	if (chain == NULL) {
		return;
	}
	if (chain->call.state != NULL) {
		chain->call.model->cancel(&chain->call);
		free(chain->call.state);
	}
	free(chain);
}
