/* pause.h - the flag that `pause` sets and `resume` removes. */
#ifndef QG_GATEWAY_CLI_PAUSE_H
#define QG_GATEWAY_CLI_PAUSE_H

#include "cli.h"

/* The body of both verbs. */
int qg_cli_set_paused(const struct qg_cli *cli, bool paused);

#endif
