/* usage.h - the halves of `qungong usage`: what was asked and found, and how it is shown. */
#ifndef QG_GATEWAY_CLI_USAGE_H
#define QG_GATEWAY_CLI_USAGE_H

#include <jansson.h>

#include "cli.h"

enum { QG_USAGE_KEYS = 7 };

struct qg_usage_query {
	const char *by[QG_USAGE_KEYS + 1]; /* ends with NULL */
	size_t by_count;
	char since[16], until[16]; /* "20261101" */
};

/* rows: of qg_ledger_report(). QG_CLI_DONE or QG_CLI_FAILED. */
int qg_usage_print_table(
	const struct qg_cli *cli, const struct qg_usage_query *query, const json_t *rows);
int qg_usage_print_csv(
	const struct qg_cli *cli, const struct qg_usage_query *query, const json_t *rows);

/* Rows of calls that no file holds yet (usage_redis.c). */
struct qg_usage_rows {
	char **texts;
	size_t *sizes;
	size_t count, room;
};
/* Reads them from the Redis of the config; none where it has never run. QG_CLI_DONE, or QG_CLI_FAILED after saying
 * why. */
QG_MUST_CHECK int qg_usage_read_redis(
	const struct qg_cli *cli, const struct qg_config *config, struct qg_usage_rows *rows_out);
void qg_usage_rows_finish(struct qg_usage_rows *rows);

#endif
