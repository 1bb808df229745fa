/* probe.h - a question to a bot's platform: do its credentials work? */
#ifndef QG_GATEWAY_CLI_PROBE_H
#define QG_GATEWAY_CLI_PROBE_H

#include "cli.h"

struct qg_http_client;
struct qg_loop;

struct qg_cli_probe {
	bool asked; /* false: the platform has no such question */
	enum qg_status status;
	char words[1024]; /* one line */
};

/* Asked by the adapter itself, over a bot that is never started. Runs the loop, for some seconds at most. */
void qg_cli_probe(const struct qg_cli *cli, const struct qg_config *config,
	const struct qg_bot_config *bot, struct qg_loop *loop, struct qg_http_client *http,
	struct qg_cli_probe *out);
/* Whether it lives on a connection that a server holds. */
bool qg_cli_dials(const struct qg_bot_config *bot);
/* Whether a question takes that connection from a server that runs: the platform gives it to the newest. */
bool qg_cli_probe_kicks(const struct qg_bot_config *bot);

#endif
