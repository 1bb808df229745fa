/* lineup.c - the names a bot's questions go to: its own models in their order, and offline behind them. */
#include "lineup.h"

#include <string.h>

#define OFFLINE "offline"
#define STANDARD 2 /* rank of an endpoint without a tier */

const char *qg_lineup_name(const struct qg_bot_config *bot, const char *force, size_t index)
{
	if (force != NULL) {
		return index == 0 ? force : NULL;
	}
	if (index < bot->models.count) {
		return bot->models.items[index];
	}
	return index == bot->models.count ? OFFLINE : NULL;
}

const struct qg_model *qg_lineup_service(const struct qg_config *config,
	const struct qg_bot_config *bot, const struct qg_endpoints *endpoints, const char *name,
	const struct qg_model_config **endpoint_out)
{
	*endpoint_out = config != NULL ? qg_config_model(config, bot, name) : NULL;
	if (*endpoint_out != NULL) {
		const char *provider = (*endpoint_out)->provider;
		return endpoints != NULL ? endpoints->find(provider) : qg_model_find(provider);
	}
	return strcmp(name, OFFLINE) == 0 ? qg_model_find(OFFLINE) : NULL;
}

int qg_lineup_rank(const struct qg_model_config *endpoint)
{
	return endpoint->rank > 0 ? endpoint->rank : STANDARD;
}

bool qg_lineup_wants_prompt(const struct qg_config *config, const struct qg_bot_config *bot,
	const struct qg_endpoints *endpoints, const char *force)
{
	const char *name;
	for (size_t i = 0; (name = qg_lineup_name(bot, force, i)) != NULL; i++) {
		const struct qg_model_config *endpoint;
		const struct qg_model *model =
			qg_lineup_service(config, bot, endpoints, name, &endpoint);
		if (model != NULL && model->wants_prompt) {
			return true;
		}
	}
	return false;
}

const struct qg_model_config *qg_lineup_talks(const struct qg_config *config,
	const struct qg_bot_config *bot, const struct qg_endpoints *endpoints)
{
	for (size_t i = 0; i < bot->models.count; i++) {
		const struct qg_model_config *endpoint;
		const struct qg_model *model =
			qg_lineup_service(config, bot, endpoints, bot->models.items[i], &endpoint);
		if (model != NULL && model->talks && endpoint != NULL) {
			return endpoint;
		}
	}
	return NULL;
}

bool qg_lineup_may_ask(const struct qg_bot_config *bot, const struct qg_model_config *endpoint)
{
	return bot->abroad == 1 || !qg_endpoint_is_abroad(endpoint);
}

bool qg_lineup_sees(const struct qg_config *config, const struct qg_bot_config *bot,
	const struct qg_endpoints *endpoints, const char *force)
{
	const char *name;
	for (size_t i = 0; (name = qg_lineup_name(bot, force, i)) != NULL; i++) {
		const struct qg_model_config *endpoint;
		const struct qg_model *model =
			qg_lineup_service(config, bot, endpoints, name, &endpoint);
		if (model != NULL && model->talks && endpoint != NULL &&
			qg_endpoint_sees(endpoint) && qg_lineup_may_ask(bot, endpoint)) {
			return true;
		}
	}
	return false;
}
