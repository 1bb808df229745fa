/* models.h - models for the verbs that let turns run in the terminal: endpoints, and a desk over the ledger's files. */
#ifndef QG_GATEWAY_CLI_MODELS_H
#define QG_GATEWAY_CLI_MODELS_H

#include <jansson.h>

#include "cli.h"
#include "qg/desk.h"
#include "qg/loop.h"

struct qg_endpoints;

/* ---- filedesk.c ---- */

/* Grants every call and books its end at once; rows say chat and user "terminal". Of a template that is only tried
 * answers without a model are not booked. Its loop must not run after its end. NULL for no memory. */
struct qg_desk *qg_cli_desk_create(
	const struct qg_cli *cli, struct qg_loop *loop, const char *data_dir, bool only_tried);
/* A row could not be written; it was said. */
bool qg_cli_desk_failed(const struct qg_desk *desk);
/* Accepts NULL. */
void qg_cli_desk_destroy(struct qg_desk *desk);

/* ---- models.c ---- */

struct qg_cli_models {
	struct qg_http_client *http;
	struct qg_endpoints *endpoints;
	struct qg_desk *desk; /* NULL without a config: then nothing costs anything */
};
/* QG_CLI_DONE, or QG_CLI_FAILED after saying why; finish it in any case. */
QG_MUST_CHECK int qg_cli_models_open(const struct qg_cli *cli, const struct qg_cli_target *target,
	struct qg_loop *loop, struct qg_cli_models *models);
/* Before its loop goes, which runs no more. Accepts a zeroed one. */
void qg_cli_models_finish(struct qg_cli_models *models);
/* An HTTP client that trusts what QUNGONG_CA_FILE names too; NULL after saying why. */
struct qg_http_client *qg_cli_http_client(const struct qg_cli *cli, struct qg_loop *loop);
/* "deepseek-flash · 1,234 tokens · ¥0.0021" to standard output. cost: JSON by currency. */
void qg_cli_print_usage(const char *model, int64_t tokens, bool estimated, const char *cost);

#endif
