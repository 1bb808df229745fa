/* hire.h - the two halves of `qungong hire`: asking, and writing down. */
#ifndef QG_GATEWAY_CLI_HIRE_H
#define QG_GATEWAY_CLI_HIRE_H

#include <jansson.h>

#include "cli.h"

struct qg_tree;

/* ---- interview.c ---- */

/* Asks a question at the terminal or reads the next line of standard input: trimmed, yours to free; NULL at its end
 * or for no memory. */
char *qg_cli_ask(const char *format, ...) QG_PRINTF(1, 2);
/* Fills answers (an object) with what given (K=V) says and the rest asked. QG_CLI_DONE or the exit code. */
QG_MUST_CHECK int qg_cli_interview(const struct qg_cli *cli, const struct qg_tree *interview,
	const struct qg_strings *given, json_t *answers);

/* ---- bot_file.c ---- */

struct qg_new_bot {
	const char *name, *template_id, *platform;
	json_t *answers;
};

/* Writes bots.d/NAME.yaml beside the config, and the config itself where there is none; never over anything.
 * *path_out is yours to free. */
QG_MUST_CHECK int qg_cli_write_bot(const struct qg_cli *cli, const char *config_dir,
	const struct qg_new_bot *bot, char **path_out);

#endif
