/* lineup.h - the names a bot's questions go to, and what stands behind each. */
#ifndef AGENTS_MODELS_LINEUP_H
#define AGENTS_MODELS_LINEUP_H

#include "endpoints.h"

/* The name at index of the line: force alone, or the bot's and then offline; NULL behind the last. */
const char *qg_lineup_name(const struct qg_bot_config *bot, const char *force, size_t index);
/* The endpoint (NULL for the offline that stands last) and service behind a name; NULL where either is missing.
 * endpoints may be NULL. */
const struct qg_model *qg_lineup_service(const struct qg_config *config,
	const struct qg_bot_config *bot, const struct qg_endpoints *endpoints, const char *name,
	const struct qg_model_config **endpoint_out);
/* 1 cheap, 2 standard, 3 strong. */
int qg_lineup_rank(const struct qg_model_config *endpoint);
/* Whether any of the names wants a prompt. */
bool qg_lineup_wants_prompt(const struct qg_config *config, const struct qg_bot_config *bot,
	const struct qg_endpoints *endpoints, const char *force);
/* The bot's first endpoint that talks; NULL for none. */
const struct qg_model_config *qg_lineup_talks(const struct qg_config *config,
	const struct qg_bot_config *bot, const struct qg_endpoints *endpoints);
/* Whether one that talks takes pictures and may get them. */
bool qg_lineup_sees(const struct qg_config *config, const struct qg_bot_config *bot,
	const struct qg_endpoints *endpoints, const char *force);
/* Whether a question may leave the mainland for this endpoint. */
bool qg_lineup_may_ask(const struct qg_bot_config *bot, const struct qg_model_config *endpoint);

#endif
